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
    given = {
        "encoding": options.encoding,
        "delimiter": options.delimiter,
        "sheet": options.sheet,
        "on_bad_rows": None if options.on_bad_rows == "stop" else options.on_bad_rows,
    }
    for name, value in given.items():
        if value is not None and name not in allowed:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} does not fit: {path} is {kind}", hint=f"leave {flag} out")
