"""`agree`: how far columns of a table agree, which hold what coders said of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from rowbatch.core.numbers import number_of
from rowbatch.core.statistics.among_coders import Level
from rowbatch.core.statistics.coder_agreement import CoderAgreement, Coding, agree
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.patterns import Floats, Patterns
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.tools.chosen_columns import read_columns, without_decimals
from rowbatch.words.notice import Notice

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Coders:
    """
    Which columns are compared, and as what.

    Attributes:
        names: Columns, one a coder.
        gold: The column that is right; or None.
        level: What the order of values means: nothing, an order, distances, or distances from a true zero.
        labels: All of them, in order; none means those that occur.
        missing: Texts that mean that nothing was said, besides empty cells.
        probability: Column with how likely the row was drawn: a row counts one by that; or None.
    """

    names: tuple[str, ...]
    gold: str | None = None
    level: Level = "nominal"
    labels: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    probability: str | None = None


def agree_columns(
    source: Path | pl.DataFrame, coders: Coders, resampling: Resampling, reading: ReadOptions | None = None
) -> CoderAgreement:
    """
    Compare columns of a table.

    Args:
        source: The table, or a frame.
        coders: Which columns.
        resampling: How intervals are found.
        reading: How the table is read.
    Raises:
        UsageError: There are fewer than two columns to compare, or a cell is not what the level or the labels
            say, with its row.
        TableError: There is no such column, or the table is broken.
    """
    judges = _require_coders(coders)
    names = [*judges, *([coders.probability] if coders.probability else [])]
    frame = read_columns(source, names, coders.missing, reading)
    columns = [str(at) for at in range(len(judges))]
    notes: list[Notice] = []
    whole = without_decimals(frame, columns)
    if whole is not None:
        frame = whole
        notes.append(Notice("statistics-decimals"))
    labels = _labels(frame, coders, judges)
    for at, name in enumerate(judges):
        strange = frame.with_row_index("row", offset=1).filter(~pl.col(str(at)).is_in(labels))
        if strange.height:
            cells = strange[str(at)].unique(maintain_order=True).to_list()
            values = {
                "column": name,
                "rows": strange.height,
                "first": strange["row"][0],
                "cells": cells[:_SHOWN],
            }
            if coders.gold is None or name == coders.gold:
                raise UsageError("agree-not-a-label", **values)
            notes.append(Notice("agree-answers-not-labels", values))
    numbers = None
    if coders.level in ("interval", "ratio"):
        numbers = np.array([float(number_of(label) or 0) for label in labels])
    patterns = _patterns(frame, columns, labels, numbers, coders.probability)
    coding = Coding(
        coders=coders.names,
        gold=coders.gold,
        patterns=patterns,
        labels=tuple(labels),
        level=coders.level,
        is_codebook=bool(coders.labels),
        rows=frame.height,
        notes=tuple(notes),
    )
    # What overflows becomes undefined, and is told so.
    with np.errstate(all="ignore"):
        return agree(coding, resampling)


def _require_coders(coders: Coders) -> list[str]:
    """All columns that are compared, each once: coders, then gold."""
    names = coders.names
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise UsageError("agree-coder-twice", column=twice)
    judges = [*names, *([coders.gold] if coders.gold is not None and coders.gold not in names else [])]
    if len(judges) < 2:
        raise UsageError("agree-one-coder", names=list(names))
    if len(set(coders.labels)) != len(coders.labels):
        raise UsageError("agree-label-twice", labels=list(coders.labels))
    return judges


def _labels(frame: pl.DataFrame, coders: Coders, judges: Sequence[str]) -> list[str]:
    """All labels, in order: those that were said, or else those that occur."""
    is_numeric = coders.level in ("interval", "ratio")
    if coders.labels:
        for label in coders.labels if is_numeric else ():
            if number_of(label) is None:
                raise UsageError("agree-label-no-number", label=label, level=coders.level)
        return list(coders.labels)
    found: set[str] = set()
    worth: dict[str, float | None] = {}
    for at, name in enumerate(judges):
        cells = frame[str(at)].drop_nulls().unique()
        worth |= {cell: number_of(cell) for cell in cells}
        found |= set(cells)
        wrong = {cell for cell in cells if worth[cell] is None}
        if is_numeric and wrong:
            rows = frame.with_row_index("row", offset=1).filter(pl.col(str(at)).is_in(sorted(wrong)))
            raise UsageError(
                "agree-not-a-number",
                column=name,
                row=rows["row"][0],
                cell=rows[str(at)][0],
                rows=rows.height,
                level=coders.level,
            )
    if coders.level == "ratio" and any(number is not None and number < 0 for number in worth.values()):
        raise UsageError("agree-ratio-below-zero", least=min(number for number in worth.values() if number))
    if coders.level == "nominal":
        return sorted(found)
    words = sorted(cell for cell in found if worth[cell] is None)
    if words:
        raise UsageError("agree-needs-order", labels=sorted(found)[:_SHOWN])
    return sorted(found, key=lambda cell: (float(worth[cell] or 0), cell))


def _patterns(
    frame: pl.DataFrame,
    columns: Sequence[str],
    labels: Sequence[str],
    numbers: Floats | None,
    probability: str | None,
) -> Patterns:
    """What was said, counted."""
    place = pl.DataFrame(
        {"label": list(labels), "place": np.arange(len(labels))},
        schema={"label": pl.String, "place": pl.Int64},
    )
    keys = [*columns]
    if probability is not None:
        keys.append(str(len(columns)))
    counted = frame.group_by(keys, maintain_order=True).len()
    if probability is not None:
        counted = counted.filter(~pl.all_horizontal(pl.col(columns).is_null()))
    codes = np.stack(
        [
            counted.select(pl.col(column).alias("label"))
            .join(place, on="label", how="left", maintain_order="left")["place"]
            .fill_null(-1)
            .to_numpy()
            for column in columns
        ],
        axis=1,
    )
    counts = counted["len"].cast(pl.Int64).to_numpy()
    weights = np.ones(1)
    if probability is not None:
        weights = _weights(frame, counted[keys[-1]], counts, probability, keys[-1])
    return Patterns(codes, counts, len(labels), numbers, weights)


def _weights(
    frame: pl.DataFrame,
    cells: pl.Series,
    counts: np.ndarray[tuple[int], np.dtype[np.int64]],
    name: str,
    column: str,
) -> Floats:
    likely = probabilities(frame, cells, name, column)
    weights = 1 / likely
    found: Floats = weights * counts.sum() / (weights * counts).sum()
    return found


def probabilities(frame: pl.DataFrame, cells: pl.Series, name: str, column: str) -> Floats:
    """
    Cells that say how likely a row was drawn.

    Args:
        frame: The table, to find the row of a cell in.
        cells: Of the column.
        name: The column's name.
        column: What it is called in the frame.
    Raises:
        UsageError: One is not above 0 and at most 1.
    """
    read = {cell: None if cell is None else number_of(cell) for cell in cells.unique()}
    for cell, number in read.items():
        if number is None or not 0 < number <= 1:
            same = pl.col(column).is_null() if cell is None else pl.col(column) == cell
            row = frame.with_row_index("row", offset=1).filter(same)["row"][0]
            raise UsageError("not-a-probability", column=name, row=row, cell=cell or "")
    return np.array([float(read[cell] or 0) for cell in cells])
