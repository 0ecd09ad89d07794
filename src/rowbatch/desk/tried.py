"""Which rows are tried next, and what a person says of the answers: right or wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import polars as pl

from rowbatch.desk.library import LibraryTable
from rowbatch.store.atomic import write_atomically
from rowbatch.store.view import TableView

_JUDGED = "judged.json"
_DRAWN_AT_ONCE = 20
# Of a table that has hardly any text no more rows are looked at.
_MOST_LOOKED_AT = 20_000


def place_of_trial(table: LibraryTable, key: str, ten: int) -> Path:
    """Where what was tried lies: of the rows spread over the table, or of the `ten`-th further ones."""
    return table.folder / "tries" / (f"{key}-{ten}" if ten else key)


def rows_by_chance(
    view: TableView, asked: Sequence[str], count: int, ten: int, taken: Iterable[int]
) -> list[int]:
    """
    Further rows with a text, at random; the same each time, and none that an earlier `ten` had.

    Args:
        view: Of the table.
        asked: Keys of the columns that hold the text.
        count: How many.
        ten: The how many-th of such a lot, from 1.
        taken: Rows that are not wanted.
    Returns:
        Their numbers; fewer, or none, where there are no more.
    """
    total, chance = view.state.rows, Random(0)  # noqa: S311 - nobody is to be kept from guessing them
    seen, found = set(taken), list[int]()
    while len(found) < count * ten and len(seen) < min(total, _MOST_LOOKED_AT):
        drawn: list[int] = []
        while len(drawn) < _DRAWN_AT_ONCE and len(seen) < total:
            row = chance.randint(1, total)
            if row not in seen:
                seen.add(row)
                drawn.append(row)
        has_text = view.take(drawn, asked).select(has_text_in(asked)).to_series()
        found += [row for row, is_wanted in zip(drawn, has_text, strict=True) if is_wanted]
    return found[count * (ten - 1) : count * ten]


def has_text_in(asked: Sequence[str]) -> pl.Expr:
    """Whether a row has a text in one of some columns."""
    return pl.any_horizontal(pl.col(key).str.strip_chars() != "" for key in asked)


def judge(table: LibraryTable, key: str, ten: int, row: int, is_right: bool | None) -> None:
    """
    Keep what a person says of the answer to a tried row.

    Args:
        table: Of the row.
        key: Of the draft that was tried.
        ten: Of which lot the row is.
        row: Its number.
        is_right: None takes it back.
    Raises:
        InputError: The table was removed.
    """
    path = place_of_trial(table, key, ten) / _JUDGED
    with table.kept():
        judged: dict[str, bool | None] = {**_read(path), str(row): is_right}
        kept = {number: right for number, right in judged.items() if right is not None}
        write_atomically(path, json.dumps(kept).encode(), overwrite=True)


def judgements(table: LibraryTable, key: str) -> Mapping[int, bool]:
    """By row: whether its answer is right, of all rows that were tried with a draft and judged."""
    found: dict[int, bool] = {}
    for path in (table.folder / "tries").glob(f"{key}*/{_JUDGED}"):
        found |= {int(row): is_right for row, is_right in _read(path).items()}
    return found


def _read(path: Path) -> dict[str, bool]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return {row: is_right is True for row, is_right in found.items() if row.isdecimal()}
    return {}
