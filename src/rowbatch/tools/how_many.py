"""`how-many`: how many rows people have to code, by a pilot in a table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from rowbatch.core.numbers import number_of
from rowbatch.core.statistics.how_many import LEAST_PILOT, HowMany, how_many, how_many_for_mean
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.programs.opening import open_table
from rowbatch.tools.chosen_columns import read_columns, without_decimal, without_decimals
from rowbatch.tools.sample import chunks_of
from rowbatch.words.notice import Notice


@dataclass(frozen=True, slots=True)
class Pilot:
    """
    A pilot in a table, and what is wanted.

    Attributes:
        predicted: Column with the model's values.
        gold: Column with people's, empty where nobody coded the row.
        label: Whose share is wanted; None means the one that needs the most rows.
        mean: The mean of numbers is wanted.
        of: Rows that the sample is drawn from; None means those of the table.
        missing: Texts that mean that nothing was said, besides empty cells.
        level: Of the intervals.
    """

    predicted: str
    gold: str
    label: str | None = None
    mean: bool = False
    of: int | None = None
    missing: tuple[str, ...] = ()
    level: float = 0.95


def how_many_of_pilot(
    source: Path | pl.DataFrame, pilot: Pilot, reading: ReadOptions | None = None
) -> HowMany:
    """
    How many rows give which interval.

    Args:
        source: The table, or a frame.
        pilot: Its columns, and what is wanted.
        reading: How the table is read.
    Raises:
        UsageError: The pilot is too small, or a cell is no number where the mean is wanted.
        TableError: There is no such column, or the table is broken.
    """
    if pilot.predicted == pilot.gold:
        raise UsageError("correct-same-column", column=pilot.gold)
    notes: list[Notice] = []
    frame = read_columns(source, [pilot.predicted, pilot.gold], pilot.missing, reading, notes)
    whole = without_decimals(frame, ["0", "1"])
    if whole is not None:
        frame = whole
        pilot = pilot if pilot.label is None else replace(pilot, label=without_decimal(pilot.label))
    rows = pilot.of if pilot.of is not None else frame.height
    coded = frame.filter(pl.col("1").is_not_null())
    pairs = [(str(people), str(model or "")) for model, people in coded.iter_rows()]
    if len(pairs) < LEAST_PILOT:
        # Without any the worst would be assumed: here somebody said that there is a pilot.
        raise UsageError("how-many-pilot", rows=len(pairs), least=LEAST_PILOT)
    if not pilot.mean:
        return _with_notes(how_many(pairs, rows, label=pilot.label, level=pilot.level), notes)
    numbers = []
    for people, model in pairs:
        cells = number_of(people), number_of(model)
        if cells[0] is None or cells[1] is None:
            raise UsageError("how-many-no-number", cell=people if cells[0] is None else model)
        numbers.append((float(cells[0]), float(cells[1])))
    found = how_many_for_mean(numbers, rows, quantity=pilot.gold, level=pilot.level)
    return _with_notes(found, notes)


def how_many_of_table(
    source: Path | pl.DataFrame, of: int | None, level: float, reading: ReadOptions | None = None
) -> HowMany:
    """
    How many rows give which interval in the worst case, where nobody coded yet.

    Args:
        source: The table, or a frame.
        of: Rows that the sample is drawn from; None means those of the table.
        level: Of the intervals.
        reading: How the table is read.
    Raises:
        TableError: The table is broken.
    """
    if isinstance(source, pl.DataFrame):
        return how_many([], source.height if of is None else of, level=level)
    if of is not None:
        return how_many([], of, level=level)
    table = open_table(source, reading)
    with closing(chunks_of(table)) as chunks:
        rows = sum(chunk.frame.height for chunk in chunks)
    return _with_notes(how_many([], rows, level=level), table.told())


def _with_notes(found: HowMany, notes: Sequence[Notice]) -> HowMany:
    return replace(found, notes=(*notes, *found.notes))
