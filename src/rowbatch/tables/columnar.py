"""Parquet and Arrow (Feather) in, a part at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, from_os_error
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.bounds import require_memory
from rowbatch.tables.columnar_sizes import (
    arrow_bytes,
    arrow_ids,
    has_intervals,
    parquet_bytes,
    parquet_ids,
)
from rowbatch.tables.frame_table import chunks_of, positional, refuse_options
from rowbatch.words.notice import Notice

# How pandas calls names of rows that have no name of their own, where it writes them.
_PANDAS_INDEX = re.compile(r"__index_level_[0-9]+__")
# What polars 2.1.0 says of valid files with a type that it does not know, a decimal of more than 38 digits,
# or, in an Arrow file, categories with missing values as pandas 3.1 writes them.
_TYPES_UNKNOWN = ("could not import from", "precision must be between", "dictionary key must fit")


class ColumnarTable(Table):
    """A Parquet or Arrow file; its values have types."""

    format = "columnar"

    def __init__(self, path: Path, scan: pl.LazyFrame, header: tuple[str, ...], ids: frozenset[int]) -> None:
        indexes = [name for name in header if _PANDAS_INDEX.fullmatch(name)]
        notes = (Notice("note-index-of-pandas", {"columns": indexes}),) if indexes else ()
        super().__init__(path, header, notes=notes)
        self._scan, self._ids = scan, [str(position) for position in sorted(ids) if position < len(header)]

    @property
    def types(self) -> list[str]:
        """The type of each column, in words."""
        return [str(kind) for kind in self._scan.collect_schema().dtypes()]

    def count(self) -> int:
        """
        How many rows it has, from what the file says of itself.

        Raises:
            TableError: It is damaged.
        """
        try:
            return int(self._scan.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise _damaged(self.path, error) from error
        except OSError as error:
            raise from_os_error(error, str(self.path)) from error

    def part(self, first: int, rows: int) -> ColumnarTable:
        """
        Some of its rows as a table, numbered from 1; only what holds them is read of the file.

        Args:
            first: Of them, from 0.
            rows: How many.
        """
        ids = frozenset(map(int, self._ids))
        return ColumnarTable(self.path, self._scan.slice(first, rows), self.header, ids)

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        first_row = 1
        try:
            for batch in self._scan.collect_batches(chunk_size=rows_per_chunk, maintain_order=True):
                typed = positional(batch)
                typed = typed.with_columns(map(_as_id, self._ids)) if self._ids else typed
                yield from chunks_of(self, first_row, typed, rows_per_chunk)
                first_row += batch.height
            # polars 2.1 ends without a word where it cannot go on in the middle.
            rows = self._scan.select(pl.len()).collect().item()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise _damaged(self.path, error) from error
        except OSError as error:
            raise from_os_error(error, str(self.path)) from error
        if first_row - 1 != rows:
            raise TableError("table-rows-unreadable", path=str(self.path), read=first_row - 1, rows=rows)


def _as_id(column: str) -> pl.Expr:
    """16 bytes as ids are written: 123e4567-e89b-12d3-a456-426614174000."""
    code = pl.col(column).cast(pl.Binary).bin.encode("hex")
    return pl.concat_str(
        [code.str.slice(at, size) for at, size in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))], separator="-"
    ).alias(column)


def open_columnar(path: Path, options: ReadOptions, *, is_parquet: bool) -> ColumnarTable:
    """
    Open a Parquet file, or an Arrow file (Feather version 2).

    Raises:
        TableError: It is damaged, or a part of it does not fit into memory.
        UsageError: An option does not fit.
    """
    kind = "a Parquet file" if is_parquet else "an Arrow file"
    refuse_options(path, options, allowed=(), kind=kind)
    try:
        require_memory(path, parquet_bytes(path) if is_parquet else arrow_bytes(path))
        if is_parquet and has_intervals(path):
            raise TableError("table-type-unknown", path=str(path), told="INTERVAL")
        scan = pl.scan_parquet(path, glob=False) if is_parquet else pl.scan_ipc(path, glob=False)
        header = tuple(scan.collect_schema().names())
        ids = parquet_ids(path) if is_parquet else arrow_ids(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    return ColumnarTable(path, scan, header, ids)


def _damaged(path: Path, error: BaseException) -> TableError:
    told = str(error).splitlines()[0] if str(error) else type(error).__name__
    if any(sign in told for sign in _TYPES_UNKNOWN):
        return TableError("table-type-unknown", path=str(path), told=told)
    return TableError("table-damaged", path=str(path), told=told)
