"""
Stata and SPSS out, with labels.

Such a file is written as a whole, so the table lies in memory until its end.
"""

from __future__ import annotations

import datetime
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.errors import CannotHold, StorageError, from_os_error
from rowbatch.tables.base import ColumnInfo, TableChunk, as_doubles, as_text, plain_values
from rowbatch.tables.response_sets import ResponseSet, add_response_sets
from rowbatch.tables.statistics_limits import (
    STATA_LARGEST_WHOLE,
    STATA_SMALLEST_WHOLE,
    StatisticsCheck,
    is_letter,
    is_temporal,
)
from rowbatch.tables.writer import AddedColumn, TableShape, TableWriter, cut_to_fit, values_of

# Source: Stata's and SPSS's own limits; SPSS counts bytes.
_STATA_NAME, _SPSS_NAME = 32, 64
_STATA_LABEL, _SPSS_LABEL = 80, 256
_STATA_WORDS = (
    "all and by eq ge gt le lt ne not or to with _all _b byte _coef _cons double float if in int long _n _pi "
    "_pred _rc _skip strL using"
)
_RESERVED = frozenset(_STATA_WORDS.lower().split())
# The days from which the programs count.
_STATA_BEGIN, _SPSS_BEGIN = datetime.date(1960, 1, 1), datetime.date(1582, 10, 14)
_REHEARSED_ROWS = 20
# Stata's missing value that stands for "can't say".
_CANT_SAY_LETTER = "a"


class StatisticsRehearsal(StatisticsCheck):
    """
    The limits, and a first look at the rest: some rows are written, to nowhere.

    What the library refuses besides, it mostly refuses for a column's name, labels or format.
    """

    def __init__(self, path: Path, shape: TableShape, *, is_stata: bool) -> None:
        super().__init__(path, shape, is_stata=is_stata)
        self._is_rehearsed = False

    def look(self, chunk: TableChunk) -> None:
        super().look(chunk)
        if self._is_rehearsed:
            return
        self._is_rehearsed = True
        few = slice(0, _REHEARSED_ROWS)
        typed, missing = chunk.typed, chunk.missing
        part = TableChunk(
            chunk.first_row,
            chunk.frame[few],
            None if typed is None else typed[few],
            None if missing is None else lambda: missing()[few],
        )
        nothing = pl.DataFrame(
            [pl.Series(c.name, [None] * part.frame.height, dtype=c.dtype) for c in self._shape.added]
        )
        with tempfile.TemporaryDirectory(prefix="rowbatch-") as folder:
            place = Path(folder, self._path.name)
            try:
                with StatisticsTableWriter(place, self._shape, is_stata=self._is_stata) as writer:
                    writer.write(part, nothing)
            except CannotHold as error:
                error.path = str(self._path)
                raise


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
        self._names = _allowed_names(shape.names, is_stata=is_stata)
        self._check = StatisticsCheck(path, shape, is_stata=is_stata)
        self._frames: list[pl.DataFrame] = []
        self._letters: dict[str, dict[int, str]] = {}
        self._rows = 0

    def write(self, chunk: TableChunk, added: pl.DataFrame) -> None:
        if self._shape.header:
            self._check.look(chunk)
        added = cut_to_fit(added, self._shape.added)
        self._frames.append(values_of(chunk, added, self._shape, self._names))
        if self._is_stata and chunk.missing is not None:
            for column in chunk.missing().get_columns():
                rows = column.is_not_null().arg_true()
                letters = self._letters.setdefault(self._names[int(column.name)], {})
                letters.update(zip((rows + self._rows).to_list(), column.gather(rows), strict=True))
        self._rows += self._frames[-1].height

    def abandon(self) -> None:
        self._frames.clear()

    def close(self) -> None:
        width = len(self._shape.header)
        frame = (
            pl.concat(self._frames, how="vertical_relaxed")
            if self._frames
            else pl.DataFrame(schema=dict.fromkeys(self._names, pl.String))
        )
        self._frames.clear()
        infos = self._shape.columns or tuple(ColumnInfo() for _ in self._shape.header)
        columns = [
            self._storable(column, infos[position])
            if position < width
            else self._added(column, position, self._shape.added[position - width])
            for position, column in enumerate(frame.get_columns())
        ]
        self._write(columns, self._path)
        if not self._is_stata:
            add_response_sets(self._path, self._response_sets())

    def _response_sets(self) -> list[ResponseSet]:
        """The sets of columns of 0 and 1 that belong together."""
        members: dict[str, list[tuple[str, AddedColumn]]] = {}
        for name, column in zip(self._names[len(self._shape.header) :], self._shape.added, strict=True):
            if column.response_set:
                members.setdefault(column.response_set, []).append((name, column))
        return [
            ResponseSet(name, label=name, counted=1, variables=tuple(one for one, _ in found))
            for name, found in members.items()
        ]

    def _write(self, columns: Sequence[pl.Series], path: Path) -> None:
        import pyreadstat

        kinds = {column.name: column.dtype for column in columns}
        write = pyreadstat.write_dta if self._is_stata else pyreadstat.write_sav
        try:
            write(pl.DataFrame(columns), str(path), **self._options(kinds))
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        except MemoryError:
            raise
        # The writer raises its own errors, and those of the disk under other names.
        except Exception as error:
            if "Unable to write data" in str(error):
                raise StorageError("statistics-unwritable", path=str(path), told=str(error)) from error
            raise self._refused(columns, path, error) from error

    def _refused(self, columns: Sequence[pl.Series], path: Path, error: Exception) -> CannotHold:
        """What the library said of the file, with the column that it cannot hold."""
        name = None
        if len(columns) > 1:
            for column in columns:
                try:
                    self._write([column], path)
                except CannotHold:
                    name = self._shape.names[self._names.index(column.name)]
                    break
        program = "Stata" if self._is_stata else "SPSS"
        return CannotHold(
            "table-not-for-program" if name is None else "column-not-for-program",
            path=str(path),
            column=name,
            program=program,
            told=str(error),
        )

    def _added(self, column: pl.Series, position: int, info: AddedColumn) -> pl.Series:
        if info.labels and not info.dtype.is_numeric():
            return self._coded(column, info)
        storable = self._storable(column, ColumnInfo())
        if storable.dtype == pl.String:
            self._check.require_texts(storable, position, 1)
        return storable

    def _options(self, kinds: Mapping[str, pl.DataType]) -> dict[str, Any]:
        shape = self._shape
        infos = shape.columns or tuple(ColumnInfo() for _ in shape.header)
        labels: dict[str, str] = {}
        value_labels: dict[str, dict[Any, str]] = {}
        formats: dict[str, str] = {}
        program = "stata:" if self._is_stata else "spss:"
        letters: dict[str, list[str]] = {}
        for name, original, info in zip(self._names, shape.header, infos, strict=False):
            if (kind := kinds.get(name)) is None:
                continue
            labels[name] = info.label or (original if original != name else "")
            if info.value_labels and (kind.is_numeric() or kind == pl.Object or not self._is_stata):
                value_labels[name] = _labels_for(kind, info)
            if kind == pl.Object:
                found_here = self._letters.get(name, {}).values()
                letters[name] = sorted({*found_here, *filter(is_letter, map(str, info.value_labels))})
            if info.format.startswith(program) and info.format != program and kind != pl.String:
                formats[name] = info.format.removeprefix(program)
        for name, column in zip(self._names[len(shape.header) :], shape.added, strict=True):
            labels[name] = column.label or (column.name if column.name != name else "")
            if column.labels:
                value_labels[name] = self._codes(column)
                if self._is_stata and column.cant_say:
                    letters[name] = [_CANT_SAY_LETTER]
        most = _STATA_LABEL if self._is_stata else _SPSS_LABEL
        found: dict[str, Any] = {
            "file_label": shape.label[:most],
            "column_labels": {name: label[:most] for name, label in labels.items() if label},
            "variable_value_labels": value_labels,
            "variable_format": formats,
        }
        if self._is_stata:
            found["version"] = 15
            found["missing_user_values"] = letters
        else:
            found |= self._spss_options(dict(zip(self._names, infos, strict=False)))
        return found

    def _spss_options(self, infos: Mapping[str, ColumnInfo]) -> dict[str, Any]:
        added = list(zip(self._names[len(self._shape.header) :], self._shape.added, strict=True))
        return {
            "variable_measure": {name: info.measure for name, info in infos.items() if info.measure}
            | {name: "scale" for name, column in added if column.dtype.is_numeric() and not column.labels}
            | {name: "nominal" for name, column in added if column.labels},
            "variable_display_width": {
                name: info.display_width for name, info in infos.items() if info.display_width
            },
            "missing_ranges": {
                name: list(info.missing_ranges) for name, info in infos.items() if info.missing_ranges
            }
            | {name: [_cant_say_code(column)] for name, column in added if column.cant_say},
            "row_compress": True,
        }

    def _storable(self, column: pl.Series, info: ColumnInfo) -> pl.Series:
        """The column as a type that both programs know; its texts as they can hold them."""
        has_letters = self._is_stata and (
            column.name in self._letters or any(map(is_letter, info.value_labels))
        )
        column = as_doubles(plain_values(column))
        kind = column.dtype
        if is_temporal(kind) and (has_letters or info.value_labels):
            column = _days_or_seconds(column, is_stata=self._is_stata)
            kind = column.dtype
        if kind.is_integer():
            # What a 32-bit number of Stata or a float of SPSS cannot hold exactly is text.
            if (column.cast(pl.Float64).abs() <= 2**53).all():
                fitting = column.cast(pl.Int64 if self._fits_32(column) else pl.Float64)
                return self._with_letters(fitting) if has_letters else fitting
        elif kind.is_float():
            plain = column.cast(pl.Float64).fill_nan(None)
            return self._with_letters(plain) if has_letters else plain
        elif kind == pl.Boolean:
            return column.cast(pl.Int64)
        elif is_temporal(kind):
            return column
        return as_text(column.to_frame()).to_series()

    def _with_letters(self, column: pl.Series) -> pl.Series:
        """With Stata's missing values `.a` to `.z` as pyreadstat 1.3.7 takes them: letters among numbers."""
        values: list[Any] = column.to_list()
        for row, letter in self._letters.get(column.name, {}).items():
            values[row] = letter
        return pl.Series(column.name, values, dtype=pl.Object)

    def _codes(self, info: AddedColumn) -> dict[Any, str]:
        """The labels of a column by what stands for them in the file."""
        found: dict[Any, str] = {number: label for label, number in info.numbers.items()}
        if info.cant_say:
            del found[info.numbers[info.cant_say]]
            found[_CANT_SAY_LETTER if self._is_stata else _cant_say_code(info)] = info.cant_say
        return found

    def _coded(self, column: pl.Series, info: AddedColumn) -> pl.Series:
        """The numbers of labels; "can't say" is a missing value of the program."""
        codes = {label: number for number, label in self._codes(info).items()}
        is_missing = column == info.cant_say if info.cant_say else None
        if self._is_stata and info.cant_say:
            del codes[info.cant_say]
        coded = column.replace_strict(codes, default=None, return_dtype=pl.Int64).alias(column.name)
        if not self._is_stata or is_missing is None:
            return coded
        rows = is_missing.fill_null(False).arg_true().to_list()
        self._letters[column.name] = dict.fromkeys(rows, _CANT_SAY_LETTER)
        return self._with_letters(coded)

    @staticmethod
    def _fits_32(column: pl.Series) -> bool:
        # Stata's largest numbers stand for missing values.
        return bool(column.cast(pl.Float64).is_between(STATA_SMALLEST_WHOLE, STATA_LARGEST_WHOLE).all())


def _days_or_seconds(column: pl.Series, *, is_stata: bool) -> pl.Series:
    """Dates and times as the numbers that the program keeps; its display format makes them dates again."""
    if column.dtype == pl.Time:
        since = column.cast(pl.Duration("us"))
    else:
        begin = pl.lit(_STATA_BEGIN if is_stata else _SPSS_BEGIN).cast(pl.Datetime("us"))
        since = pl.select((pl.lit(column).cast(pl.Datetime("us")) - begin).alias(column.name)).to_series()
    if is_stata and column.dtype == pl.Date:
        return since.dt.total_days()
    if is_stata:
        return since.dt.total_microseconds() / 1_000
    return since.dt.total_microseconds() / 1_000_000


def _labels_for(kind: pl.DataType, info: ColumnInfo) -> dict[Any, str]:
    keeps_letters = kind in (pl.Object, pl.String)
    return {v: label for v, label in info.value_labels.items() if keeps_letters or not is_letter(v)}


def _cant_say_code(column: AddedColumn) -> int:
    """SPSS's custom for what is missing: 9, or 99, and so on, beyond all codes that mean something."""
    most = max(number for label, number in column.numbers.items() if label != column.cant_say)
    code = 9
    while code <= most:
        code = 10 * code + 9
    return code


def _allowed_names(names: Sequence[str], *, is_stata: bool) -> list[str]:
    most = _STATA_NAME if is_stata else _SPSS_NAME
    found: list[str] = []
    taken: set[str] = set()
    for position, name in enumerate(names, start=1):
        base = re.sub(r"\W", "_", name) or f"column_{position}"
        # Stata's own types of texts are str1, str2, …
        is_type = is_stata and re.fullmatch(r"str[0-9]+", base.lower()) is not None
        if not re.match(r"[^\W\d_]", base) or base.lower() in _RESERVED or is_type:
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
