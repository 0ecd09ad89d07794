"""
Stata, SPSS and SAS in, a part at a time, with what they know of each column.

A cell's text is its code (`1`), not the label of that code (`yes`): the labels go along and come back in an
output of Stata or SPSS. Values that SPSS takes for missing by the user's word stay values; those that the
system takes for missing are empty, and so are Stata's `.a` to `.z`, which an output of Stata has again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.base import ColumnInfo, Table, TableChunk
from rowbatch.tables.bounds import memory_for_tables
from rowbatch.tables.frame_table import chunks_of, positional, refuse_options

# Each part is looked for from the begin of the file, so parts are large.
_ROWS_AT_ONCE = 200_000
# The first part is small, and each next one grows as far as the rows that came say: a text of Stata (strL)
# stands in the file once and may be the cell of many rows, and packed rows of SPSS and SAS unpack to what is
# declared.
_FIRST_ROWS, _GROWTH = 1_000, 8
_LEAST_ROWS = 200
# What a cell takes beside its text while pyreadstat 1.3.7 makes a column of it.
_CELL_BYTES = 64
_KINDS = {
    ".dta": ("stata", "read_dta"),
    ".sav": ("spss", "read_sav"),
    ".zsav": ("spss", "read_sav"),
    ".por": ("spss", "read_por"),
    ".sas7bdat": ("sas", "read_sas7bdat"),
    ".xpt": ("sas", "read_xport"),
}
STATISTICS_SUFFIXES = tuple(_KINDS)
"""Endings of the names of such files."""


class StatisticsTable(Table):
    """A file of Stata, SPSS or SAS."""

    format = "statistics"

    def __init__(
        self,
        path: Path,
        header: tuple[str, ...],
        columns: tuple[ColumnInfo, ...],
        *,
        label: str,
        reading: ReadOptions,
        read: Callable[..., tuple[pl.DataFrame, Any]],
        has_letters: bool,
        row_bytes: int,
    ) -> None:
        super().__init__(path, header, columns=columns, label=label)
        self._reading, self._read, self._has_letters = reading, read, has_letters
        self._row_bytes = row_bytes

    @property
    def reading(self) -> ReadOptions:
        return self._reading

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        done = 0
        room = memory_for_tables() // 4
        most = max(min(_ROWS_AT_ONCE, room // self._row_bytes), _LEAST_ROWS)
        wanted = min(_FIRST_ROWS, most)
        while True:
            require_wanted()
            frame, _ = self._read(row_offset=done, row_limit=wanted)
            frame = positional(frame)
            numbers = [name for name, kind in frame.schema.items() if kind != pl.String]
            missing = (
                cache(partial(self._missing, done, wanted, numbers))
                if self._has_letters and numbers
                else None
            )
            for chunk in chunks_of(self, done + 1, frame, rows_per_chunk):
                first, height = chunk.first_row - done - 1, chunk.frame.height
                yield replace(chunk, missing=missing and partial(_slice, missing, first, height))
            done += frame.height
            if frame.height < wanted:
                return
            seen = int(frame.estimated_size()) // frame.height + _CELL_BYTES * frame.width + 1
            wanted = max(min(most, _GROWTH * wanted, room // seen), _LEAST_ROWS)

    def _missing(self, offset: int, rows: int, columns: list[str]) -> pl.DataFrame:
        """The letters of missing values in a part; only an output of Stata asks for them."""
        names = [self.header[int(column)] for column in columns]
        # Dates are left as numbers, since pyreadstat 1.3.7 fails at a date beside a letter.
        frame, _ = self._read(
            row_offset=offset,
            row_limit=rows,
            usecols=names,
            user_missing=True,
            disable_datetime_conversion=True,
        )
        return pl.DataFrame(
            [
                pl.Series(column, [v if isinstance(v, str) else None for v in frame[name]], dtype=pl.String)
                for column, name in zip(columns, names, strict=True)
                if frame[name].dtype == pl.Object
            ]
        )


def open_statistics(path: Path, options: ReadOptions, suffix: str) -> StatisticsTable:
    """
    Open a file of Stata, SPSS or SAS.

    Args:
        path: The file.
        options: `encoding` for old files whose own word for it is wrong.
        suffix: Which kind it is: one of `STATISTICS_SUFFIXES`.
    Raises:
        TableError: It is damaged, or of a version that is not known.
        UsageError: An option does not fit.
    """
    import pyreadstat

    refuse_options(path, options, allowed=("encoding",), kind=f"a {suffix} file")
    kind, name = _KINDS[suffix]
    function = getattr(pyreadstat, name)
    keywords: dict[str, Any] = {"output_format": "polars"}
    if options.encoding and name not in ("read_por", "read_xport"):
        keywords["encoding"] = options.encoding
    if name == "read_sav":
        keywords["user_missing"] = True

    def read(**more: Any) -> tuple[pl.DataFrame, Any]:
        try:
            found: tuple[pl.DataFrame, Any] = function(str(path), **keywords, **more)
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        except MemoryError:
            raise
        # The reader raises many kinds of errors for files that are not as they should be.
        except Exception as error:
            raise TableError(
                "statistics-unreadable", path=str(path), suffix=suffix, told=str(error)
            ) from error
        return found

    _, meta = read(metadataonly=True)
    return StatisticsTable(
        path,
        tuple(meta.column_names),
        tuple(_info(meta, column, kind) for column in meta.column_names),
        label=meta.file_label or "",
        reading=ReadOptions(encoding=options.encoding),
        read=read,
        has_letters=kind == "stata",
        row_bytes=_CELL_BYTES * len(meta.column_names) + sum(meta.variable_storage_width.values()) + 1,
    )


def _slice(missing: Callable[[], pl.DataFrame], first: int, height: int) -> pl.DataFrame:
    return missing().slice(first, height)


def _info(meta: Any, column: str, kind: str) -> ColumnInfo:
    measure = meta.variable_measure.get(column, "")
    return ColumnInfo(
        label=meta.column_names_to_labels.get(column) or "",
        value_labels=dict(meta.variable_value_labels.get(column, {})),
        # What a format means is another thing in each program.
        format=f"{kind}:{meta.original_variable_types.get(column) or ''}",
        measure=measure if measure in ("nominal", "ordinal", "scale") else "",
        display_width=meta.variable_display_width.get(column) or None,
        missing_ranges=tuple(meta.missing_ranges.get(column, ())),
    )
