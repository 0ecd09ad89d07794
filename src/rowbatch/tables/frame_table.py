"""Tables whose values have types: what their readers have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.tables.base import ColumnInfo, Table, TableChunk, as_text
from rowbatch.tables.bounds import MAX_PART_BYTES, max_cell_bytes, require_cell


def positional(frame: pl.DataFrame) -> pl.DataFrame:
    """The same columns, named by their position."""
    return frame.rename(dict(zip(frame.columns, map(str, range(frame.width)), strict=True)))


def chunk_of(first_row: int, typed: pl.DataFrame) -> TableChunk:
    """A chunk of values, and their texts; the columns are named by their position."""
    return TableChunk(first_row, as_text(typed), typed)


def chunks_of(table: Table, first_row: int, typed: pl.DataFrame, rows_per_chunk: int) -> Iterator[TableChunk]:
    """
    Chunks of some values: a text that stands once in memory may be the cell of many rows.

    Args:
        table: Whose rows they are.
        first_row: Number of the first one.
        typed: The values; the columns are named by their position.
        rows_per_chunk: At most so many.
    Raises:
        TableError: A cell is too long.
    """
    # Nearly always one look at all of them is enough, and asks for the longest only.
    longest = _longest_texts(typed)
    is_plain = (
        max(longest.values(), default=0) <= max_cell_bytes()
        and sum(longest.values()) * rows_per_chunk <= MAX_PART_BYTES
    )
    at = 0
    while at < typed.height:
        part = typed.slice(at, rows_per_chunk)
        if not is_plain:
            part = _part_in_bounds(table, first_row + at, part)
        yield chunk_of(first_row + at, part)
        at += part.height


def _part_in_bounds(table: Table, first_row: int, part: pl.DataFrame) -> pl.DataFrame:
    """As many of the rows as `MAX_PART_BYTES` allows, where no cell is too long."""
    longest = _longest_texts(part)
    for name, size in longest.items():
        if size > max_cell_bytes():
            row = first_row + (part.select(_size(name, part.schema[name]).arg_max()).item() or 0)
            require_cell(table.path, size, row=row, column=table.header[int(name)])
    # So many rows of the longest cells fit, so that many others do.
    return part.head(max(1, MAX_PART_BYTES // max(1, sum(longest.values()))))


def _longest_texts(frame: pl.DataFrame) -> dict[str, int]:
    """Bytes of the longest cell of each column that has texts or bytes."""
    sizes = frame.select(
        _size(name, kind).max() for name, kind in frame.schema.items() if kind in (pl.String, pl.Binary)
    )
    return (
        {name: size or 0 for name, size in zip(sizes.columns, sizes.row(0), strict=True)}
        if sizes.width
        else {}
    )


def _size(name: str, kind: pl.DataType) -> pl.Expr:
    return pl.col(name).str.len_bytes() if kind == pl.String else pl.col(name).bin.size()


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
        yield from chunks_of(self, 1, self._frame, rows_per_chunk)


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
