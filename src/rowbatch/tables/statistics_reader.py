"""
Stata, SPSS and SAS in, a part at a time, with what they know of each column.

A cell's text is its code (`1`), not the label of that code (`yes`): the labels go along and come back in an
output of Stata or SPSS. Numbers that a display format makes days, times or periods are these, see
`statistics_dates`. Values that SPSS takes for missing by the user's word stay values; those that the
system takes for missing are empty, and so are Stata's `.a` to `.z`, which an output of Stata has again.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, UsageError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.base import ColumnInfo, Table, TableChunk, as_text
from rowbatch.tables.bounds import memory_for_tables
from rowbatch.tables.frame_table import chunks_of, positional, refuse_options
from rowbatch.tables.response_sets import ResponseSet
from rowbatch.tables.statistics_dates import meaning_of

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
_VALUE_KINDS = {"string": "String", "int8": "Int8", "int16": "Int16", "int32": "Int32", "float": "Float32"}
_STATA_KINDS = {"int8": "byte", "int16": "int", "int32": "long", "float": "float", "double": "double"}
_LONGEST_STATA_TEXT = 2_045
_ICONV_NAMES = {"MAC-ROMAN": "MACINTOSH", "SHIFT-JIS": "SHIFT_JIS", "UTF-8-SIG": "UTF-8", "KZ1048": "KZ-1048"}
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
        kinds: Sequence[pl.DataType],
    ) -> None:
        super().__init__(path, header, columns=columns, label=label)
        self._reading, self._read, self._has_letters = reading, read, has_letters
        self._row_bytes, self._kinds = row_bytes, kinds
        found = {str(at): meaning_of(info.format) for at, info in enumerate(columns)}
        self._meanings = {
            name: meaning
            for name, meaning in found.items()
            if meaning is not None and kinds[int(name)].is_numeric()
        }

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
            # A part without any value has no types of its own.
            frame = positional(frame).cast(
                {str(at): kind for at, kind in enumerate(self._kinds) if frame.width}, strict=False
            )
            numbers = [name for name, kind in frame.schema.items() if kind != pl.String]
            native = frame.select(list(self._meanings)) if self._meanings else None
            frame = frame.with_columns(
                meaning.convert(pl.col(name)).alias(name) for name, meaning in self._meanings.items()
            )
            if native is not None:
                frame = frame.with_columns(
                    _periods_of(frame[name], native[name])
                    for name, meaning in self._meanings.items()
                    if meaning.dtype == pl.String
                )
            missing = (
                cache(partial(self._missing, done, wanted, numbers))
                if self._has_letters and numbers
                else None
            )
            for chunk in chunks_of(self, done + 1, frame, rows_per_chunk):
                first, height = chunk.first_row - done - 1, chunk.frame.height
                kept = None if native is None else native.slice(first, height)
                yield replace(
                    chunk,
                    frame=chunk.frame if kept is None else self._shown(chunk, kept),
                    missing=missing and partial(_slice, missing, first, height),
                    native=kept,
                )
            done += frame.height
            if frame.height < wanted:
                return
            seen = int(frame.estimated_size()) // frame.height + _CELL_BYTES * frame.width + 1
            wanted = max(min(most, _GROWTH * wanted, room // seen), _LEAST_ROWS)

    def _shown(self, chunk: TableChunk, native: pl.DataFrame) -> pl.DataFrame:
        """The texts of a chunk; of what no calendar has, the number is the text."""
        shown = []
        for name, meaning in self._meanings.items():
            text = chunk.frame[name]
            if chunk.typed is not None and meaning.show is not None:
                text = meaning.show(chunk.typed[name]).fill_null("")
            if chunk.typed is not None and native[name].null_count() < chunk.typed[name].null_count():
                numbers = as_text(native.select(name)).to_series()
                text = numbers.zip_with(chunk.typed[name].is_null(), text)
            shown.append(text.alias(name))
        return chunk.frame.with_columns(shown)

    def _missing(self, offset: int, rows: int, columns: list[str]) -> pl.DataFrame:
        """The letters of missing values in a part; only an output of Stata asks for them."""
        names = [self.header[int(column)] for column in columns]
        frame, _ = self._read(row_offset=offset, row_limit=rows, usecols=names, user_missing=True)
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
    keywords: dict[str, Any] = {"output_format": "polars", "disable_datetime_conversion": True}
    if options.encoding and name not in ("read_por", "read_xport"):
        keywords["encoding"] = _name_for_iconv(options.encoding)
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
    table = StatisticsTable(
        path,
        tuple(meta.column_names),
        tuple(_info(meta, column, kind) for column in meta.column_names),
        label=meta.file_label or "",
        reading=ReadOptions(encoding=options.encoding),
        read=read,
        has_letters=kind == "stata",
        row_bytes=_CELL_BYTES * len(meta.column_names) + sum(meta.variable_storage_width.values()) + 1,
        kinds=[_kind_of(meta, column) for column in meta.column_names],
    )
    table.documents = tuple(meta.notes or ())
    table.response_sets = tuple(
        ResponseSet(
            name,
            label=told.get("label") or "",
            counted=told.get("counted_value") if told.get("is_dichotomy") else None,
            variables=tuple(told["variable_list"]),
        )
        for name, told in (meta.mr_sets or {}).items()
    )
    return table


def _name_for_iconv(encoding: str) -> str:
    """
    An encoding as the library behind pyreadstat names it, whatever name of Python's is given.

    Raises:
        UsageError: There is no such encoding.
    """
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise UsageError("no-such-encoding", encoding=encoding) from None
    name = name.upper().replace("_", "-")
    return _ICONV_NAMES.get(name, name.replace("ISO8859-", "ISO-8859-"))


def _kind_of(meta: Any, column: str) -> pl.DataType:
    """The type of a column's values, also where it has none."""
    told = meta.readstat_variable_types.get(column, "double")
    kind: type[pl.DataType] = getattr(pl, _VALUE_KINDS.get(told, "Float64"))
    return kind()


def _storage(meta: Any, column: str, kind: str) -> str:
    """How a program keeps a column, see `ColumnInfo.storage`."""
    told, width = meta.readstat_variable_types.get(column, ""), meta.variable_storage_width.get(column) or 0
    if kind == "stata":
        # Of texts pyreadstat says the bytes, and one more; 0 where they lie elsewhere (strL).
        of_text = f"str{max(width - 1, 1)}" if 0 < width <= _LONGEST_STATA_TEXT + 1 else "strL"
        name = of_text if told == "string" else _STATA_KINDS.get(told, "double")
    else:
        name = f"A{width}" if told == "string" else ""
    return f"{kind}:{name}" if name else ""


def _periods_of(column: pl.Series, native: pl.Series) -> pl.Series:
    """Periods as texts; one that no calendar has is the number."""
    if native.null_count() == column.null_count():
        return column
    is_odd = column.is_null() & native.is_not_null()
    return as_text(native.to_frame()).to_series().zip_with(is_odd, column)


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
        storage=_storage(meta, column, kind),
        missing_ranges=tuple(meta.missing_ranges.get(column, ())),
    )
