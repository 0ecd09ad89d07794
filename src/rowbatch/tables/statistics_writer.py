"""
Stata and SPSS out, with labels.

Such a file is written as a whole, so the table lies in memory until its end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.errors import StorageError, TableError, from_os_error
from rowbatch.tables.base import ColumnInfo, TableChunk, as_text
from rowbatch.tables.writer import AddedColumn, TableShape, TableWriter, values_of

# Source: Stata's and SPSS's own limits; SPSS counts bytes.
_STATA_NAME, _SPSS_NAME = 32, 64
_SPSS_TEXT = 32_767
_STATA_LABEL, _SPSS_LABEL = 80, 256
_STATA_WORDS = (
    "all and by eq ge gt le lt ne not or to with _all _b byte _coef _cons double float if in int long _n _pi "
    "_pred _rc _skip strL using"
)
_RESERVED = frozenset(_STATA_WORDS.split())


class StatisticsTableWriter(TableWriter):
    """
    A table for Stata (version 118, so from Stata 14 on) or SPSS.

    Columns of a file of Stata, SPSS or SAS keep their types, labels and value labels, and between files of
    one program also their formats, measures and missing values. An added column with labels is numbers from
    1 with these as value labels; nothing is missing. Other texts are strings.

    A name that the program does not allow is changed: what is no letter, digit or `_` becomes `_`, and a
    number makes it different from others. The name as it was becomes the column's label, if it has none.
    """

    def __init__(self, path: Path, shape: TableShape, *, is_stata: bool) -> None:
        self._path, self._shape, self._is_stata = path, shape, is_stata
        self._names = _allowed_names(shape.names, _STATA_NAME if is_stata else _SPSS_NAME)
        self._frames: list[pl.DataFrame] = []

    def write(self, chunk: TableChunk, added: pl.DataFrame) -> None:
        self._frames.append(values_of(chunk, added, self._shape, self._names))

    def abandon(self) -> None:
        self._frames.clear()

    def close(self) -> None:
        import pyreadstat

        width = len(self._shape.header)
        frame = (
            pl.concat(self._frames, how="vertical_relaxed")
            if self._frames
            else pl.DataFrame(schema=dict.fromkeys(self._names, pl.String))
        )
        self._frames.clear()
        columns = [
            _coded(column, self._shape.added[position - width])
            if position >= width and self._shape.added[position - width].labels
            else self._storable(column)
            for position, column in enumerate(frame.get_columns())
        ]
        options = self._options([column.dtype for column in columns])
        write = pyreadstat.write_dta if self._is_stata else pyreadstat.write_sav
        try:
            write(pl.DataFrame(columns), str(self._path), **options)
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error
        except MemoryError:
            raise
        # The writer raises its own errors, and those of the disk under other names.
        except Exception as error:
            raise StorageError("statistics-unwritable", path=str(self._path), told=str(error)) from error

    def _options(self, kinds: Sequence[pl.DataType]) -> dict[str, Any]:
        shape = self._shape
        infos = shape.columns or tuple(ColumnInfo() for _ in shape.header)
        labels: dict[str, str] = {}
        value_labels: dict[str, dict[Any, str]] = {}
        formats: dict[str, str] = {}
        measures: dict[str, str] = {}
        widths: dict[str, int] = {}
        missing: dict[str, list[Any]] = {}
        program = "stata:" if self._is_stata else "spss:"
        for name, original, info, kind in zip(self._names, shape.header, infos, kinds, strict=False):
            labels[name] = info.label or (original if original != name else "")
            if info.value_labels and (kind.is_numeric() or not self._is_stata):
                value_labels[name] = dict(info.value_labels)
            if info.format.startswith(program) and info.format != program and kind != pl.String:
                formats[name] = info.format.removeprefix(program)
            if not self._is_stata:
                if info.measure:
                    measures[name] = info.measure
                if info.display_width:
                    widths[name] = info.display_width
                if info.missing_ranges:
                    missing[name] = list(info.missing_ranges)
        for name, column in zip(self._names[len(shape.header) :], shape.added, strict=True):
            labels[name] = column.label or (column.name if column.name != name else "")
            if column.labels:
                value_labels[name] = dict(enumerate(column.labels, start=1))
                measures[name] = "nominal"
            elif column.dtype.is_numeric():
                measures[name] = "scale"
        most = _STATA_LABEL if self._is_stata else _SPSS_LABEL
        found: dict[str, Any] = {
            "file_label": shape.label[:most],
            "column_labels": {name: label[:most] for name, label in labels.items() if label},
            "variable_value_labels": value_labels,
            "variable_format": formats,
        }
        if self._is_stata:
            found["version"] = 15
        else:
            found |= {
                "variable_measure": measures,
                "variable_display_width": widths,
                "missing_ranges": missing,
                "row_compress": True,
            }
        return found

    def _storable(self, column: pl.Series) -> pl.Series:
        """The column as a type that both programs know; its texts as they can hold them."""
        kind = column.dtype
        if kind.is_integer():
            # What a 32-bit number of Stata or a float of SPSS cannot hold exactly is text.
            if (column.cast(pl.Float64).abs() <= 2**53).all():
                return column.cast(pl.Int64) if self._fits_32(column) else column.cast(pl.Float64)
        elif kind.is_float():
            return column.cast(pl.Float64).fill_nan(None)
        elif kind == pl.Boolean:
            return column.cast(pl.Int64)
        elif kind in (pl.Date, pl.Time) or (isinstance(kind, pl.Datetime) and kind.time_zone is None):
            return column
        text = as_text(column.to_frame()).to_series()
        if not self._is_stata:
            too_long = text.str.len_bytes() > _SPSS_TEXT
            if too_long.any():
                row = int(too_long.arg_max() or 0)
                raise TableError(
                    "spss-text-too-long",
                    path=str(self._path),
                    row=row + 1,
                    column=column.name,
                    size_bytes=len(text[row].encode()),
                    most=_SPSS_TEXT,
                )
        nul = text.str.contains("\0", literal=True)
        if nul.any():
            row = int(nul.arg_max() or 0)
            raise TableError("statistics-text-has-nul", path=str(self._path), row=row + 1, column=column.name)
        return text

    @staticmethod
    def _fits_32(column: pl.Series) -> bool:
        # Stata's largest numbers stand for missing values.
        return bool(column.is_between(-2_147_483_647, 2_147_483_620).all())


def _coded(column: pl.Series, info: AddedColumn) -> pl.Series:
    codes = {label: number for number, label in enumerate(info.labels, start=1)}
    return column.replace_strict(codes, default=None, return_dtype=pl.Int64).alias(column.name)


def _allowed_names(names: Sequence[str], most: int) -> list[str]:
    found: list[str] = []
    taken: set[str] = set()
    for position, name in enumerate(names, start=1):
        base = re.sub(r"\W", "_", name) or f"column_{position}"
        if not re.match(r"[^\W\d_]", base) or base.lower() in _RESERVED:
            base = f"v_{base}"
        base = _cut(base, most)
        free, number = base, 1
        # Neither program tells upper and lower case apart, or not in every place.
        while free.lower() in taken:
            number += 1
            free = f"{_cut(base, most - len(str(number)) - 1)}_{number}"
        taken.add(free.lower())
        found.append(free)
    return found


def _cut(name: str, most: int) -> str:
    return name.encode()[:most].decode(errors="ignore")
