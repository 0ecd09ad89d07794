"""Excel out: every text is a string cell, never a formula, a link or a number."""

from __future__ import annotations

import datetime
import math
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.errors import CannotHold, StorageError, from_os_error
from rowbatch.tables.base import TableChunk, as_doubles, as_text, is_in_calendar
from rowbatch.tables.extensions import plain_values
from rowbatch.tables.workbook_cells import text_of_cell, value_of_cell
from rowbatch.tables.writer import OutputCheck, TableShape, TableWriter, cut_to_fit, values_of

# Source: Microsoft, "Excel specifications and limits".
_MAX_ROWS, _MAX_COLUMNS, _MAX_CHARS = 1_048_576, 16_384, 32_767
# What Excel's numbers, which are floats, hold exactly.
_MAX_WHOLE = 2**53
# Characters; and rows that are looked at for them.
_LEAST_WIDTH, _MOST_WIDTH, _ROWS_MEASURED = 8, 60, 1_000
_FORMAT_OF = {
    datetime.date: pl.Date,
    datetime.datetime: pl.Datetime,
    datetime.time: pl.Time,
    datetime.timedelta: pl.Duration,
}
_NS_PER_MS = 1_000_000
_MILLISECOND = datetime.timedelta(milliseconds=1)
_FIRST_DAY = datetime.date(1900, 3, 1)


class ExcelCheck(OutputCheck):
    """The limits of a sheet."""

    def __init__(self, path: Path, shape: TableShape) -> None:
        self._path, self._shape = path, shape
        if len(shape.names) > _MAX_COLUMNS:
            raise CannotHold(
                "excel-too-many-columns", path=str(path), columns=len(shape.names), most=_MAX_COLUMNS
            )
        for position, name in enumerate(shape.names):
            self.require_text(name, 0, position)

    def look(self, chunk: TableChunk) -> None:
        self.require_rows(chunk.first_row - 1 + chunk.frame.height)
        for position, column in enumerate(chunk.frame.get_columns()):
            # What counts are units of UTF-16, of which a character has at most two; bytes are quicker told.
            long = column.filter(column.str.len_bytes() > _MAX_CHARS)
            if any(map(_is_too_long, long)):
                row = next(at for at, text in enumerate(column) if _is_too_long(text))
                self.require_text(column[row], chunk.first_row + row, position)

    def require_rows(self, rows: int) -> None:
        """
        Make sure that so many rows fit below the header.

        Raises:
            CannotHold: They do not.
        """
        if rows >= _MAX_ROWS:
            raise CannotHold("excel-too-many-rows", path=str(self._path), most=_MAX_ROWS - 1)

    def require_text(self, text: str, row: int, position: int) -> None:
        """
        Make sure that a text fits into a cell.

        Raises:
            CannotHold: It does not.
        """
        if _is_too_long(text):
            raise CannotHold(
                "excel-text-too-long",
                path=str(self._path),
                row=row,
                column=self._shape.names[position][:80],
                chars=len(text),
                most=_MAX_CHARS,
            )


def _is_too_long(text: str) -> bool:
    return len(text) > _MAX_CHARS or (
        len(text) > _MAX_CHARS // 2 and len(text.encode("utf-16-le")) > 2 * _MAX_CHARS
    )


class ExcelTableWriter(TableWriter):
    """
    A workbook of one sheet, with a header that stays in sight.

    Numbers, true and false, and dates of formats with types are these in Excel; whole numbers that Excel
    would round, dates before its calendar, and times with parts of a millisecond are texts. Rows go to the
    disk as they come.
    """

    def __init__(self, path: Path, shape: TableShape) -> None:
        import xlsxwriter

        self._path, self._shape = path, shape
        self._check = ExcelCheck(path, shape)
        self._book = xlsxwriter.Workbook(
            str(path),
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "nan_inf_to_errors": True,
                "tmpdir": str(path.parent),
            },
        )
        try:
            self._sheet: Any = self._book.add_worksheet("table")
            # XlsxWriter 3.3.1 writes 16 digits; some floats need 17 to be read back as they were.
            self._sheet._xml_number_element = partial(_write_number, self._sheet)
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        bold = self._book.add_format({"bold": True})
        self._formats = {
            pl.Date: self._book.add_format({"num_format": "yyyy-mm-dd"}),
            pl.Datetime: self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            pl.Time: self._book.add_format({"num_format": "hh:mm:ss"}),
            pl.Duration: self._book.add_format({"num_format": "[h]:mm:ss"}),
        }
        self._sheet.freeze_panes(1, 0)
        self._row = 0
        for position, name in enumerate(shape.names):
            self._text(position, name, bold)

    def write(self, chunk: TableChunk, added: pl.DataFrame) -> None:
        added = cut_to_fit(added, self._shape.added)
        names = [str(position) for position in range(len(self._shape.names))]
        values = values_of(chunk, added, self._shape, names)
        self._check.require_rows(self._row + values.height)
        columns = [_writable(column) for column in values.get_columns()]
        if not self._row:
            self._set_widths(columns)
        cells = [column.to_list() for column in columns]
        for position, rows in chunk.out_of_calendar().items():
            # It is no day in any calendar, so it stays the number that it is.
            assert chunk.native is not None
            numbers = chunk.native[str(position)].to_list()
            for row in rows.arg_true():
                cells[position][row] = numbers[row]
        if chunk.cells is not None:
            for column in chunk.cells:
                position = int(column.name)
                cells[position] = [
                    value_of_cell(text, kind) if text else text
                    for text, kind in zip(cells[position], column, strict=True)
                ]
        try:
            for row in zip(*cells, strict=True):
                self._row += 1
                for position, value in enumerate(row):
                    if value is not None and value != "":
                        self._cell(position, value)
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error

    def _set_widths(self, columns: list[pl.Series]) -> None:
        """Make each column as wide as its name and its first texts, within bounds."""
        for position, (name, column) in enumerate(zip(self._shape.names, columns, strict=True)):
            longest = as_text(column.head(_ROWS_MEASURED).to_frame()).to_series().str.len_chars().max()
            chars = max(len(name), longest if isinstance(longest, int) else 0)
            self._sheet.set_column(position, position, min(max(chars + 2, _LEAST_WIDTH), _MOST_WIDTH))

    def close(self) -> None:
        from xlsxwriter.exceptions import XlsxWriterException

        if self._row:
            self._sheet.autofilter(0, 0, self._row, len(self._shape.names) - 1)
        try:
            self._book.close()
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error
        except XlsxWriterException as error:
            inner = error.args[0] if error.args and isinstance(error.args[0], OSError) else None
            if inner is not None:
                raise from_os_error(inner, str(self._path)) from error
            raise StorageError("disk-refuses", path=str(self._path), told=str(error)) from error

    def abandon(self) -> None:
        # Closing is what ends its temporary files; that it cannot write the workbook is no news then.
        with suppress(Exception):
            self._book.close()

    def _cell(self, position: int, value: Any) -> None:
        if isinstance(value, str):
            self._text(position, value)
        elif isinstance(value, bool):
            self._sheet.write_boolean(self._row, position, value)
        elif isinstance(value, float) and not math.isfinite(value):
            # Excel has no such numbers; the others of the column stay numbers.
            self._text(position, str(as_text(pl.DataFrame({"value": [value]})).item()))
        elif isinstance(value, int | float):
            self._sheet.write_number(self._row, position, value)
        elif _is_beyond_excel(value):
            self._text(position, text_of_cell(value))
        else:
            self._sheet.write_datetime(self._row, position, value, self._formats[_FORMAT_OF[type(value)]])

    def _text(self, position: int, text: str, form: Any = None) -> None:
        self._check.require_text(text, self._row, position)
        self._sheet.write_string(self._row, position, text, form)


def _is_beyond_excel(value: Any) -> bool:
    """Whether Excel has no such day or duration: none before its beginning, none finer than it tells."""
    if isinstance(value, datetime.timedelta):
        return value < datetime.timedelta() or value % _MILLISECOND != datetime.timedelta()
    if isinstance(value, datetime.datetime):
        return value.date() < _FIRST_DAY
    return isinstance(value, datetime.date) and value < _FIRST_DAY


def _has_parts_of_milliseconds(column: pl.Series) -> bool:
    """
    Whether moments or times of day are finer than a workbook tells.

    XlsxWriter 3.3.1 rounds them to milliseconds, as Excel does: of 23:59:59.9996 it makes the next day.
    """
    return bool((column.dt.nanosecond() % _NS_PER_MS != 0).any())


def _write_number(sheet: Any, number: Any, attributes: list[tuple[str, Any]]) -> None:
    said = "".join(f' {key}="{value}"' for key, value in attributes)
    sheet.fh.write(f"<c{said}><v>{number!r}</v></c>")


def _writable(column: pl.Series) -> pl.Series:
    column = as_doubles(plain_values(column))
    kind = column.dtype
    if kind.is_integer():
        too_large = (column.cast(pl.Float64).abs() > _MAX_WHOLE).any()
        return as_text(column.to_frame()).to_series() if too_large else column
    if kind.is_float():
        return column
    if (kind == pl.Time or isinstance(kind, pl.Datetime)) and _has_parts_of_milliseconds(column):
        return as_text(column.to_frame()).to_series()
    if kind in (pl.String, pl.Boolean, pl.Time) or isinstance(kind, pl.Duration):
        return column
    is_moment = isinstance(kind, pl.Datetime) and kind.time_zone is None
    if (kind == pl.Date or is_moment) and is_in_calendar(column):
        return column
    return as_text(column.to_frame()).to_series()
