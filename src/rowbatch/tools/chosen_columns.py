"""Some columns of a table as people typed them, for statistics: no model, no run, no types."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.programs.opening import open_table
from rowbatch.tables.base import as_text
from rowbatch.tables.frame_table import positional

_PLAIN_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_FLOAT_OF_WHOLE_TEXT = r"^([+-]?\d+)\.0+$"


def read_columns(
    source: Path | pl.DataFrame, names: Sequence[str], missing: Collection[str], reading: ReadOptions | None
) -> pl.DataFrame:
    """
    Cells as texts, without the spaces around them.

    Args:
        source: A table; or a frame.
        names: Its columns, each once.
        missing: Texts that mean that nothing was said, besides the empty one.
        reading: How the table is read.
    Returns:
        Columns called by their position in `names`; null where nothing was said.
    Raises:
        UsageError: A frame has no such column.
        TableError: A table has none, or is broken.
    """
    if isinstance(source, Path):
        table = open_table(source, reading)
        places = [str(table.column(name)) for name in names]
        none = {"", *missing, *table.not_asked}
        frame = pl.concat([chunk.frame.select(places) for chunk in table.chunks()])
    else:
        for name in names:
            if name not in source.columns:
                raise UsageError("no-such-column-in-frame", column=name, columns=source.columns[:40])
        none = {"", *missing}
        frame = as_text(positional(source.select(names)))
        places = frame.columns
    cells = [pl.col(place).str.strip_chars().alias(str(at)) for at, place in enumerate(places)]
    frame = frame.select(cells)
    said = [
        pl.when(pl.col(name).is_in(sorted(none))).then(None).otherwise(pl.col(name)).alias(name)
        for name in frame.columns
    ]
    return frame.select(said)


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
