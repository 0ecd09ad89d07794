"""
Stata and SPSS out, with labels.

Such a file is written as a whole, so the table lies in memory until its end.
"""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import polars as pl

from rowbatch.core.numbers import spelled
from rowbatch.errors import CannotHold, StorageError, from_os_error
from rowbatch.tables.base import ColumnInfo, TableChunk, as_doubles, as_text, is_in_calendar, show_clock
from rowbatch.tables.extensions import plain_values
from rowbatch.tables.names import spss_names, stata_names
from rowbatch.tables.response_sets import ResponseSet, add_response_sets
from rowbatch.tables.spss_dictionary import rename_variables
from rowbatch.tables.stata_file import StataColumn, write_stata
from rowbatch.tables.statistics_dates import SPSS_BEGIN, STATA_BEGIN
from rowbatch.tables.statistics_limits import (
    SPSS_LABEL_BYTES,
    STATA_LABEL_CHARS,
    STATA_LARGEST_WHOLE,
    STATA_SMALLEST_WHOLE,
    StatisticsCheck,
    is_letter,
    is_temporal,
)
from rowbatch.tables.writer import AddedColumn, TableShape, TableWriter, cut_to_fit, values_of

# Bytes of a line of the documents of a file.
_SPSS_NOTE = 80
_REHEARSED_ROWS = 20
_US = 1_000_000
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
        part = chunk.part(slice(0, _REHEARSED_ROWS))
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

    A name that the program does not allow is changed, see `tables.names`. The name as it was becomes the
    column's label, if it has none. Numbers that are days or times come back as the program kept them.
    """

    def __init__(self, path: Path, shape: TableShape, *, is_stata: bool) -> None:
        self._path, self._shape, self._is_stata = path, shape, is_stata
        self._names = (stata_names if is_stata else spss_names)(shape.names)
        self._check = StatisticsCheck(path, shape, is_stata=is_stata)
        self._frames: list[pl.DataFrame] = []
        self._letters: dict[str, dict[int, str]] = {}
        self._formats: dict[str, str] = {}
        self._rows = 0

    def write(self, chunk: TableChunk, added: pl.DataFrame) -> None:
        if self._shape.header:
            self._check.look(chunk)
        added = cut_to_fit(added, self._shape.added)
        frame = values_of(chunk, added, self._shape, self._names)
        if chunk.native is not None:
            infos, program = self._shape.columns, self._program
            frame = frame.with_columns(
                column.alias(self._names[int(column.name)])
                for column in chunk.native
                if infos[int(column.name)].format.startswith(program)
            )
        self._frames.append(frame)
        if self._is_stata and chunk.missing is not None:
            for column in chunk.missing().get_columns():
                rows = column.is_not_null().arg_true()
                letters = self._letters.setdefault(self._names[int(column.name)], {})
                letters.update(zip((rows + self._rows).to_list(), column.gather(rows), strict=True))
        self._rows += self._frames[-1].height

    @property
    def _program(self) -> str:
        """What the formats of its own files begin with."""
        return "stata:" if self._is_stata else "spss:"

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
        """Those of the input, and the sets of columns of 0 and 1 that belong together."""
        written = dict(zip(self._shape.header, self._names, strict=False))
        kept = [
            replace(one, variables=tuple(written[name] for name in one.variables if name in written))
            for one in self._shape.response_sets
        ]
        members: dict[str, list[tuple[str, AddedColumn]]] = {}
        for name, column in zip(self._names[len(self._shape.header) :], self._shape.added, strict=True):
            if column.response_set:
                members.setdefault(column.response_set, []).append((name, column))
        return kept + [
            ResponseSet(name, label=name, counted=1, variables=tuple(one for one, _ in found))
            for name, found in members.items()
        ]

    def _write(self, columns: Sequence[pl.Series], path: Path) -> None:
        if self._is_stata:
            self._write_stata(columns, path)
        else:
            self._write_spss(columns, path)

    def _write_stata(self, columns: Sequence[pl.Series], path: Path) -> None:
        shape = self._shape
        infos = shape.columns or tuple(ColumnInfo() for _ in shape.header)
        storages = {
            name: info.storage.removeprefix(self._program)
            for name, info in zip(self._names, infos, strict=False)
            if info.storage.startswith(self._program)
        }
        told = self._options({column.name: column.dtype for column in columns})
        written = []
        for column in columns:
            name = column.name
            values, shown = _numbers_for_stata(column)
            written.append(
                StataColumn(
                    name,
                    values,
                    storage=storages.get(name, ""),
                    format=told["variable_format"].get(name, shown),
                    label=told["column_labels"].get(name, ""),
                    value_labels=told["variable_value_labels"].get(name, {}),
                    letters=self._letters.get(name, {}),
                )
            )
        try:
            write_stata(path, written, label=told["file_label"], notes=shape.documents)
        except OSError as error:
            raise from_os_error(error, str(path)) from error

    def _write_spss(self, columns: Sequence[pl.Series], path: Path) -> None:
        import pyreadstat

        kinds = {column.name: column.dtype for column in columns}
        options = self._options(kinds) | self._spss_options(set(kinds))
        others = _writable_names(list(kinds))
        options = {
            name: {others.get(key, key): value for key, value in told.items()}
            if isinstance(told, dict)
            else told
            for name, told in options.items()
        }
        try:
            pyreadstat.write_sav(pl.DataFrame(columns).rename(others), str(path), **options)
            rename_variables(path, {other: name for name, other in others.items()})
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
        return CannotHold(
            "table-not-for-program" if name is None else "column-not-for-program",
            path=str(path),
            column=name,
            program="SPSS",
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
        """Labels, value labels and formats by the names that are written."""
        shape = self._shape
        infos = shape.columns or tuple(ColumnInfo() for _ in shape.header)
        labels: dict[str, str] = {}
        value_labels: dict[str, dict[Any, str]] = {}
        formats: dict[str, str] = {}
        for name, original, info in zip(self._names, shape.header, infos, strict=False):
            if (kind := kinds.get(name)) is None:
                continue
            labels[name] = info.label or (original if original != name else "")
            if found_labels := _labels_for(kind, info, is_stata=self._is_stata):
                value_labels[name] = found_labels
            if info.format.startswith(self._program) and info.format != self._program and kind != pl.String:
                formats[name] = info.format.removeprefix(self._program)
        for name, column in zip(self._names[len(shape.header) :], shape.added, strict=True):
            if name not in kinds:
                continue
            labels[name] = column.label or (column.name if column.name != name else "")
            if column.labels:
                value_labels[name] = self._codes(column)
        return {
            "file_label": _cut(shape.label, is_stata=self._is_stata),
            "column_labels": {
                name: _cut(label, is_stata=self._is_stata) for name, label in labels.items() if label
            },
            "variable_value_labels": value_labels,
            "variable_format": self._formats | formats,
        }

    def _spss_options(self, written: Container[str]) -> dict[str, Any]:
        shape = self._shape
        infos = dict(zip(self._names, shape.columns, strict=False))
        infos = {name: info for name, info in infos.items() if name in written}
        added = list(zip(self._names[len(shape.header) :], shape.added, strict=True))
        added = [(name, column) for name, column in added if name in written]
        return {
            "variable_measure": {name: info.measure for name, info in infos.items() if info.measure}
            | {name: "scale" for name, column in added if column.dtype.is_numeric() and not column.labels}
            | {name: "nominal" for name, column in added if column.labels},
            "variable_display_width": {
                name: info.display_width for name, info in infos.items() if info.display_width
            },
            "missing_ranges": {
                name: list(info.missing_ranges)
                for name, info in infos.items()
                if info.missing_ranges and info.format.startswith(self._program)
            }
            | {name: [_cant_say_code(column)] for name, column in added if column.cant_say},
            "note": list(_note_lines(shape.documents)),
            "row_compress": True,
        }

    def _storable(self, column: pl.Series, info: ColumnInfo) -> pl.Series:
        """The column as a type that the program knows; its texts as it can hold them."""
        has_letters = self._is_stata and (
            column.name in self._letters or any(map(is_letter, info.value_labels))
        )
        column = plain_values(column)
        if not (self._is_stata and info.storage == "stata:float"):
            column = as_doubles(column)
        kind = column.dtype
        if isinstance(kind, pl.Duration):
            column = _times_of(column) if self._is_stata else self._seconds_of(column)
            kind = column.dtype
        if is_temporal(kind) and (has_letters or info.value_labels):
            column = _days_or_seconds(column, is_stata=self._is_stata)
            kind = column.dtype
        if kind.is_integer():
            # What a 32-bit number of Stata or a float of SPSS cannot hold exactly is text.
            if (column.cast(pl.Float64).abs() <= 2**53).all():
                return column.cast(pl.Int64 if self._fits_32(column) else pl.Float64)
        elif kind.is_float():
            return column.cast(kind if kind == pl.Float32 and self._is_stata else pl.Float64).fill_nan(None)
        elif kind == pl.Boolean:
            return column.cast(pl.Int64)
        elif is_temporal(kind) and (kind == pl.Time or is_in_calendar(column)):
            return column
        text = as_text(column.to_frame()).to_series()
        return text if self._is_stata else _as_wide(text, info)

    def _seconds_of(self, durations: pl.Series) -> pl.Series:
        """Durations as SPSS keeps and shows them, however long they are, or below 0."""
        seconds = durations.cast(pl.Duration("us")).dt.total_microseconds() / _US
        is_whole = (seconds == seconds.floor()).fill_null(True).all()
        self._formats[durations.name] = "TIME11" if is_whole else "TIME18.6"
        return seconds

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
        if self._is_stata and info.cant_say:
            del codes[info.cant_say]
            rows = (column == info.cant_say).fill_null(False).arg_true().to_list()
            self._letters[column.name] = dict.fromkeys(rows, _CANT_SAY_LETTER)
        return column.replace_strict(codes, default=None, return_dtype=pl.Int64).alias(column.name)

    @staticmethod
    def _fits_32(column: pl.Series) -> bool:
        # Stata's largest numbers stand for missing values.
        return bool(column.cast(pl.Float64).is_between(STATA_SMALLEST_WHOLE, STATA_LARGEST_WHOLE).all())


def _days_or_seconds(column: pl.Series, *, is_stata: bool) -> pl.Series:
    """Dates and times as the numbers that the program keeps; its display format makes them dates again."""
    if column.dtype == pl.Time:
        since = column.cast(pl.Duration("us"))
    else:
        begin = pl.lit(STATA_BEGIN if is_stata else SPSS_BEGIN).cast(pl.Datetime("us"))
        since = pl.select((pl.lit(column).cast(pl.Datetime("us")) - begin).alias(column.name)).to_series()
    if is_stata and column.dtype == pl.Date:
        return since.dt.total_days()
    if is_stata:
        return since.dt.total_microseconds() / 1_000
    return since.dt.total_microseconds() / _US


def _numbers_for_stata(column: pl.Series) -> tuple[pl.Series, str]:
    """
    Days and times as the numbers that Stata keeps, and a format that shows them so; "" for what is none.
    """
    kind = column.dtype
    if kind == pl.Date:
        return _days_or_seconds(column, is_stata=True), "%td"
    if kind == pl.Time:
        return _days_or_seconds(column, is_stata=True), "%tcHH:MM:SS"
    if isinstance(kind, pl.Datetime):
        return _days_or_seconds(column, is_stata=True), "%tc"
    return column, ""


def _times_of(column: pl.Series) -> pl.Series:
    """Durations as times of day where all are, otherwise as texts: Stata shows no more than a day has."""
    day = datetime.timedelta(days=1)
    if ((column >= datetime.timedelta()) & (column < day)).fill_null(True).all():
        begin = pl.lit(SPSS_BEGIN).cast(pl.Datetime("us"))
        return pl.select((begin + pl.lit(column)).dt.time().alias(column.name)).to_series()
    return show_clock(column)


def _as_wide(text: pl.Series, info: ColumnInfo) -> pl.Series:
    """
    Texts of which one is as wide as the variable was in the file of SPSS that it came from.

    pyreadstat 1.3.7 makes a variable as wide as its longest text, and SPSS itself fills all texts with
    blanks.
    """
    said = info.storage.removeprefix("spss:A")
    if not said.isdigit() or not len(text) or int(said) <= int(text.str.len_bytes().max() or 0):  # type: ignore[arg-type]
        return text
    first = text[0] or ""
    return pl.Series(text.name, [first + " " * (int(said) - len(first.encode())), *text[1:]], dtype=pl.String)


def _cut(label: str, *, is_stata: bool) -> str:
    """A label as far as the program keeps it; what is cut is said before anything is sent."""
    if is_stata:
        return label[:STATA_LABEL_CHARS]
    return label.encode()[:SPSS_LABEL_BYTES].decode(errors="ignore")


def _writable_names(names: Sequence[str]) -> dict[str, str]:
    """
    Names that pyreadstat 1.3.7 writes, for those of SPSS that it doesn't: they begin with `@`.

    Each has as many bytes, so that the right one can be put in its place.
    """
    taken = {name.lower() for name in names}
    found = {}
    for name in names:
        if name.startswith("@"):
            free = (f"{letter}{name[1:]}" for letter in ascii_uppercase)
            found[name] = next((one for one in free if one.lower() not in taken), name)
            taken.add(found[name].lower())
    return found


def _note_lines(documents: Sequence[str]) -> Iterator[str]:
    """Lines of text as SPSS keeps them: of 80 bytes."""
    for line in documents:
        rest = line
        while rest:
            part = rest.encode()[:_SPSS_NOTE].decode(errors="ignore")
            yield part
            rest = rest[len(part) :]


def _labels_for(kind: pl.DataType, info: ColumnInfo, *, is_stata: bool) -> dict[Any, str]:
    """The value labels that can stand on values of a type."""
    if kind == pl.String:
        # Codes that are numbers in the program that they are of are texts in a table without types.
        texts = {
            value if isinstance(value, str) else spelled(value): label
            for value, label in info.value_labels.items()
        }
        return {} if is_stata else texts
    return {
        value: label
        for value, label in info.value_labels.items()
        if not isinstance(value, str) or (is_stata and is_letter(value))
    }


def _cant_say_code(column: AddedColumn) -> int:
    """SPSS's custom for what is missing: 9, or 99, and so on, beyond all codes that mean something."""
    most = max(number for label, number in column.numbers.items() if label != column.cant_say)
    code = 9
    while code <= most:
        code = 10 * code + 9
    return code
