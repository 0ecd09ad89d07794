"""Tables whose values have types: what their readers have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from rowbatch.core.table_options import FIRST, ReadOptions
from rowbatch.errors import UsageError
from rowbatch.tables.base import ColumnInfo, Table, TableChunk, as_text
from rowbatch.tables.bounds import MAX_PART_BYTES, max_cell_bytes, require_cell
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from polars.datatypes import DataTypeClass


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
            row = first_row + (part.select(_sizes(part)[name].arg_max()).item() or 0)
            require_cell(table.path, size, row=row, column=table.header[int(name)])
    # So many rows of the longest cells fit, so that many others do.
    return part.head(max(1, MAX_PART_BYTES // max(1, sum(longest.values()))))


def _longest_texts(frame: pl.DataFrame) -> dict[str, int]:
    """Bytes of the longest cell of each column that has any length."""
    sizes = _sizes(frame)
    if not sizes:
        return {}
    found = frame.select(size.max().alias(name) for name, size in sizes.items()).row(0, named=True)
    return {name: size or 0 for name, size in found.items()}


def _sizes(frame: pl.DataFrame) -> dict[str, pl.Expr]:
    """By column, the bytes of the texts of a cell; columns without texts are left out."""
    found = {name: _size(pl.col(name), kind) for name, kind in frame.schema.items()}
    return {name: size for name, size in found.items() if size is not None}


def _size(cell: pl.Expr, kind: pl.DataType) -> pl.Expr | None:
    """Bytes of all texts in a value: a category stands once in memory, and is a text in each cell."""
    match kind:
        case pl.String():
            return cell.str.len_bytes()
        case pl.Binary():
            return cell.bin.size()
        case pl.Categorical() | pl.Enum():
            return cell.cat.len_bytes()
        case pl.BaseExtension():
            return _size(cell.ext.storage(), _instance(kind.ext_storage()))
        case pl.List(inner=inner) | pl.Array(inner=inner):
            each = _size(pl.element(), _instance(inner))
            entries = cell.arr.to_list() if isinstance(kind, pl.Array) else cell
            return None if each is None else entries.list.eval(each).list.sum()
        case pl.Struct(fields=fields):
            parts = [_size(cell.struct.field(one.name), _instance(one.dtype)) for one in fields]
            known = [part for part in parts if part is not None]
            return pl.sum_horizontal(known) if known else None
        case _:
            return None


def _instance(kind: pl.DataType | DataTypeClass) -> pl.DataType:
    return kind if isinstance(kind, pl.DataType) else kind()


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
        notes: tuple[Notice, ...] = (),
        reading: ReadOptions | None = None,
    ) -> None:
        super().__init__(path, header, columns=columns, label=label, notes=notes)
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
    for name in ("header", "skip_rows", "quote", "escape", "rows"):
        # The first line is what other formats have as well.
        if getattr(options, name) not in (None, 0, FIRST) and name not in allowed:
            option = f"--{name.replace('_', '-')}"
            raise UsageError("option-does-not-fit", path=str(path), is_a=kind, option=option)
