"""Some columns of a table as people typed them, for statistics: no model, no run, no types."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from rowbatch.core.numbers import number_of
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.programs.opening import open_table
from rowbatch.tables.base import as_text
from rowbatch.tables.frame_table import positional
from rowbatch.words.notice import Notice

_PLAIN_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_FLOAT_OF_WHOLE_TEXT = r"^([+-]?\d+)\.0+$"


PROBABILITY = "probability"
"""What a table of a coding set calls the column with how likely each row was drawn."""


def read_columns(
    source: Path | pl.DataFrame,
    names: Sequence[str],
    missing: Collection[str],
    reading: ReadOptions | None,
    notes: list[Notice],
    *,
    is_weighted: bool = True,
) -> pl.DataFrame:
    """
    Cells as texts, without the spaces around them.

    Args:
        source: A table; or a frame.
        names: Its columns, each once.
        missing: Texts that mean that nothing was said, besides the empty one.
        reading: How the table is read.
        notes: What a person should know of how the table was read is added.
        is_weighted: Whether it is said how likely rows were drawn, or means nothing; else it is noted where
            a column of the table says that this was not alike.
    Returns:
        Columns called by their position in `names`; null where nothing was said.
    Raises:
        UsageError: A frame has no such column.
        TableError: A table has none, or is broken.
    """
    if isinstance(source, Path):
        table = open_table(source, reading)
        wanted = names if is_weighted else _with_probability(names, table.header)
        places = [str(table.column(name)) for name in wanted]
        none = {"", *missing, *table.not_asked}
        frame = pl.concat([chunk.frame.select(places) for chunk in table.chunks()])
        notes += table.told()
    else:
        for name in names:
            if name not in source.columns:
                raise UsageError("no-such-column-in-frame", column=name, columns=source.columns[:40])
        none = {"", *missing}
        wanted = names if is_weighted else _with_probability(names, source.columns)
        frame = as_text(positional(without_nan(source.select(wanted))))
        places = frame.columns
    cells = [pl.col(place).str.strip_chars().alias(str(at)) for at, place in enumerate(places)]
    frame = frame.select(cells)
    said = [
        pl.when(pl.col(name).is_in(sorted(none))).then(None).otherwise(pl.col(name)).alias(name)
        for name in frame.columns
    ]
    frame = frame.select(said)
    if len(wanted) > len(names):
        chances = {number_of(cell) for cell in frame[frame.columns[-1]].drop_nulls().unique()}
        if len(chances) > 1 and all(chance is not None and 0 < chance <= 1 for chance in chances):
            notes.append(Notice("statistics-unweighted", {"column": PROBABILITY}))
    return frame.select(frame.columns[: len(names)])


def without_nan(frame: pl.DataFrame) -> pl.DataFrame:
    """
    The same with nothing where numbers have nan: so other frames mark a gap, and no text was typed there that
    could be a label.
    """
    return frame.with_columns(pl.selectors.float().fill_nan(None))


def _with_probability(names: Sequence[str], header: Sequence[str]) -> Sequence[str]:
    is_unnamed = PROBABILITY not in names and list(header).count(PROBABILITY) == 1
    return [*names, PROBABILITY] if is_unnamed else names


def without_decimals(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame | None:
    """
    The same with `1` for `1.0`, where all cells of these columns are numbers and only some are written so.

    A column that has gaps is often written with decimals, and one without gaps is not: as texts, `1.0` and
    `1` would be two labels.

    Returns:
        None where nothing is to be done.
    """
    cells = pl.concat([frame[name].drop_nulls() for name in columns]).unique()
    has_decimals = cells.str.contains(_FLOAT_OF_WHOLE_TEXT)
    if not has_decimals.any() or not cells.str.contains(_PLAIN_NUMBER).all():
        return None
    if not cells.filter(~has_decimals).len():
        return None
    return frame.with_columns(pl.col(columns).str.replace(_FLOAT_OF_WHOLE_TEXT, "$1"))


def composed(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame | None:
    """
    The same with a letter and its accent as one character, where some cells of these columns have them as two
    and others as one: they look alike, and as texts they would be two labels.

    Returns:
        None where nothing is to be done.
    """
    cells = pl.concat([frame[name].drop_nulls() for name in columns]).unique()
    if cells.str.normalize("NFC").n_unique() == len(cells):
        return None
    return frame.with_columns(pl.col(columns).str.normalize("NFC"))


def without_decimal(label: str) -> str:
    """A label that a person named, as `without_decimals` writes it."""
    return re.sub(_FLOAT_OF_WHOLE_TEXT, r"\1", label)


def one_spelling(
    frame: pl.DataFrame, columns: Sequence[str], labels: Sequence[str]
) -> tuple[pl.DataFrame, tuple[str, str]] | None:
    """
    The same with each number written in one way: as texts, `1.5` and `1.50` would be two values that differ.

    Args:
        frame: The cells.
        columns: Those with the numbers.
        labels: That a person named: these are spelled so.
    Returns:
        The frame, and two spellings of one number; None where nothing is to be done, or a cell is no number.
    """
    cells = sorted(pl.concat([frame[name].drop_nulls() for name in columns]).unique())
    worth = {cell: number_of(cell) for cell in (*labels, *cells)}
    if any(number is None for number in worth.values()):
        return None
    spelled: dict[float, str] = {}
    for cell in (*labels, *sorted(cells, key=lambda one: (len(one), one))):
        spelled.setdefault(float(worth[cell] or 0), cell)
    other = {
        cell: spelled[float(worth[cell] or 0)]
        for cell in cells
        if cell not in labels and spelled[float(worth[cell] or 0)] != cell
    }
    if not other:
        return None
    return frame.with_columns(pl.col(columns).replace(other)), next(
        (one, cell) for cell, one in other.items()
    )
