"""Cells that hold more than one label: several labels, and quotes of a text."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rowbatch.core.kinds.quote import place_quote
from rowbatch.core.statistics.quoted_passages import Passages, passages_of
from rowbatch.core.statistics.several_labels import Members


def labels_in(cell: str, separator: str, none: Collection[str]) -> tuple[str, ...]:
    """
    The labels of a cell, each once; none where it says that none applies.

    Args:
        cell: As it stands in the table; a JSON list, or labels with the separator between them.
        separator: What stands between labels; spaces around it do not count.
        none: Cells that say that no label applies.
    """
    if cell in none:
        return ()
    listed = _listed(cell)
    labels = [label.strip() for label in (cell.split(separator) if listed is None else listed)]
    return tuple(dict.fromkeys(label for label in labels if label))


def _listed(cell: str) -> list[str] | None:
    """A JSON list of texts or numbers; None where it is none."""
    if not cell.startswith("["):
        return None
    try:
        found = json.loads(cell)
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(one, str | int | float) for one in found):
        return None
    return [one if isinstance(one, str) else json.dumps(one) for one in found]


def sets_of(read: Mapping[str, Sequence[str]], labels: Sequence[str]) -> tuple[dict[str, int], Members]:
    """
    The different sets of labels.

    Args:
        read: The labels of each cell; one with a label that is none is left out.
        labels: All labels, in order.
    Returns:
        Which set each cell is, and which labels each set has: a line a set, a column a label.
    """
    column = {label: at for at, label in enumerate(labels)}
    sets: dict[frozenset[int], int] = {frozenset(): 0}
    place = {}
    for cell, given in read.items():
        if all(label in column for label in given):
            place[cell] = sets.setdefault(frozenset(column[label] for label in given), len(sets))
    members = np.zeros((len(sets), len(labels)), dtype=np.bool_)
    for one, at in sets.items():
        members[at, list(one)] = True
    return place, members


def placed_quotes(
    texts: Sequence[str], columns: Sequence[Sequence[str | None]], none: Collection[str]
) -> tuple[list[list[Passages | None]], list[list[int]]]:
    """
    Where quotes stand.

    Args:
        texts: Of each row.
        columns: Of each coder the cells: a JSON list of quotes, a quote a line, or one quote; None where
            nothing was said.
        none: Cells that say that nothing is quoted; with the empty text None is one.
    Returns:
        Of each row what each coder quoted; and of each coder the rows with a quote that does not stand in
        the text.
    """
    lost: list[list[int]] = [[] for _ in columns]
    said = []
    for row, text in enumerate(texts):
        passages: list[Passages | None] = []
        for coder, column in enumerate(columns):
            cell = column[row]
            if cell is None and "" not in none:
                passages.append(None)
                continue
            quotes = [] if cell is None or cell in none else _quotes(cell, text)
            places = [place_quote(quote, text) for quote in quotes]
            if None in places:
                lost[coder].append(row)
            passages.append(
                passages_of(
                    [place for place in places if place is not None],
                    [quote for quote, place in zip(quotes, places, strict=True) if place is None],
                )
            )
        said.append(passages)
    return said, lost


def _quotes(cell: str, text: str) -> list[str]:
    listed = _listed(cell)
    if listed is not None:
        return [quote for quote in listed if quote.strip()]
    # One quote over several lines is one, if it stands so in the text.
    if "\n" in cell and place_quote(cell, text) is None:
        return [line for line in cell.split("\n") if line.strip()]
    return [cell]
