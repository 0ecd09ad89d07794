"""Tables whose values have types: what their readers have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.tables.base import ColumnInfo, Table, TableChunk, as_text


def positional(frame: pl.DataFrame) -> pl.DataFrame:
    """The same columns, named by their position."""
    return frame.rename(dict(zip(frame.columns, map(str, range(frame.width)), strict=True)))


def chunk_of(first_row: int, typed: pl.DataFrame) -> TableChunk:
    """A chunk of values, and their texts; the columns are named by their position."""
    return TableChunk(first_row, as_text(typed), typed)


class FrameTable(Table):
    """A table that lies in memory as a whole."""

    format = "frame"

    def __init__(
        self,
        path: Path,
        header: tuple[str, ...],
        frame: pl.DataFrame,
        *,
        columns: tuple[ColumnInfo, ...] = (),
        label: str = "",
        reading: ReadOptions | None = None,
    ) -> None:
        super().__init__(path, header, columns=columns, label=label)
        self._frame = positional(frame)
        self._reading = reading or ReadOptions()

    @property
    def reading(self) -> ReadOptions:
        return self._reading

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        first_row = 1
        for part in self._frame.iter_slices(rows_per_chunk):
            if part.height:
                yield chunk_of(first_row, part)
                first_row += part.height


def refuse_options(path: Path, options: ReadOptions, *, allowed: tuple[str, ...], kind: str) -> None:
    """
    Say that an option does not belong to a format.

    Raises:
        UsageError: One was given that is not allowed.
    """
    if options.encoding is not None and "encoding" not in allowed:
        raise UsageError("encoding-does-not-fit", path=str(path), is_a=kind)
    if options.delimiter is not None and "delimiter" not in allowed:
        raise UsageError("delimiter-does-not-fit", path=str(path), is_a=kind)
    if options.sheet is not None and "sheet" not in allowed:
        raise UsageError("sheet-does-not-fit", path=str(path), is_a=kind)
    if options.on_bad_rows != "stop" and "on_bad_rows" not in allowed:
        raise UsageError("bad-rows-do-not-fit", path=str(path), is_a=kind)
