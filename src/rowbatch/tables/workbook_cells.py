"""
The cells of a sheet one by one, each with its own type: for columns in which types stand side by side.

Source:
    Measured with python-calamine 0.9.1: numbers are floats, whole days are dates, times of day are times,
    `[h]:mm` is a timedelta; an error such as #N/A and an empty cell are the empty text.
"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from itertools import islice

import polars as pl

from rowbatch.tables.base import as_text
from rowbatch.tables.odd_cells import may_be_odd, shown_odd

Cell = str | float | bool | datetime.date | datetime.time | datetime.timedelta


class CellKind(IntEnum):
    """What a cell is that is shown as a text beside others."""

    TEXT = 0
    NUMBER = 1
    TRUTH = 2
    DAY = 3
    MOMENT = 4
    TIME = 5
    DURATION = 6


_TIMES = frozenset({datetime.date, datetime.datetime, datetime.time})
_SECONDS_AN_HOUR, _SECONDS_A_MINUTE = 3600, 60
_CLOCK = re.compile(r"(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?")


def read_cells(
    data: bytes,
    sheet: int,
    columns: Sequence[int],
    height: int,
    *,
    errors: Mapping[tuple[int, int], str],
    odd_numbers: Callable[[], Mapping[tuple[int, int], float]],
) -> list[tuple[pl.Series, pl.Series | None]]:
    """
    Read some columns, cell by cell.

    Args:
        data: The workbook.
        sheet: Position of the sheet.
        columns: Where they stand in the sheet, from 0.
        errors: What cells with an error show, by row and column of the sheet from 0.
        odd_numbers: Gives those that the reader may take for days and times, see `is_odd`, by row and column.
        height: Rows below the header; the last one is the last of the sheet.
    Returns:
        Of each a column of values where all cells have one type, otherwise of texts, see `text_of_cell`, and
        what each of its cells is, see `CellKind`.
    """
    from python_calamine import CalamineWorkbook

    found = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(sheet)
    top, first = found.start or (0, 0)
    above = max(0, found.height - height)
    cells: list[list[Cell]] = [[] for _ in columns]
    # It gives rows from the first one of the sheet on, and cells from the first column with something in it.
    begin = top + above
    for number, row in enumerate(islice(found.iter_rows(), begin, None), start=begin):
        for column, given in zip(columns, cells, strict=True):
            at = column - first
            cell = row[at] if 0 <= at < len(row) else ""
            given.append(cell if cell != "" else errors.get((number, column), ""))
    for place, given in zip(columns, cells, strict=True):
        if not _TIMES.isdisjoint(map(type, given)) and any(map(may_be_odd, given)):
            _mend(given, {row - begin: number for (row, at), number in odd_numbers().items() if at == place})
    return [_series(column) for column in cells]


def read_row(data: bytes, sheet: int, columns: Sequence[int], row: int | None) -> list[str]:
    """
    The texts of some cells of a row, see `text_of_cell`.

    Args:
        data: The workbook.
        sheet: Position of the sheet.
        columns: Where they stand in the sheet, from 0.
        row: Where it stands in the sheet, from 0; None is the first with something in it.
    """
    from python_calamine import CalamineWorkbook

    found = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(sheet)
    top, first = found.start or (0, 0)
    cells = next(islice(found.iter_rows(), top if row is None else row, None), [])
    return [
        text_of_cell(cells[column - first]) if 0 <= column - first < len(cells) else "" for column in columns
    ]


def _mend(column: list[Cell], odd_numbers: Mapping[int, float]) -> None:
    """Put back what the reader took for days and times."""
    for row, number in odd_numbers.items():
        cell = column[row] if 0 <= row < len(column) else ""
        if isinstance(cell, datetime.date | datetime.time) and may_be_odd(cell):
            column[row] = shown_odd(cell, number)


def text_of_cell(cell: Cell) -> str:
    """
    Show a cell: `TRUE`, the shortest decimal, `2020-01-02`, `2020-01-02T13:45:00`, `13:45:00`, `30:15:00`.

    A moment at midnight is the day: a cell does not say whether it is meant as one.
    """
    match cell:
        case str():
            return cell
        case bool():
            return "TRUE" if cell else "FALSE"
        case datetime.datetime():
            return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat()
        case datetime.timedelta():
            return text_of_duration(cell)
        case datetime.date() | datetime.time():
            return cell.isoformat()
    return str(as_text(pl.DataFrame({"number": [float(cell)]})).item())


def text_of_duration(value: datetime.timedelta) -> str:
    """Show hours, which may be more than a day has, minutes and seconds: `30:15:00`."""
    seconds, parts = divmod(abs(value) // datetime.timedelta(microseconds=1), 1_000_000)
    hours, rest = divmod(seconds, _SECONDS_AN_HOUR)
    minutes, rest = divmod(rest, _SECONDS_A_MINUTE)
    sign = "-" if value < datetime.timedelta() else ""
    behind = f".{parts:06d}".rstrip("0") if parts else ""
    return f"{sign}{hours:02d}:{minutes:02d}:{rest:02d}{behind}"


def value_of_cell(text: str, kind: int) -> Cell:
    """What a cell held that is shown as a text: the other way round than `text_of_cell`."""
    match CellKind(kind):
        case CellKind.NUMBER:
            return int(text) if text.lstrip("-").isdecimal() else float(text)
        case CellKind.TRUTH:
            return text == "TRUE"
        case CellKind.DAY:
            return datetime.date.fromisoformat(text)
        case CellKind.MOMENT:
            return datetime.datetime.fromisoformat(text)
        case CellKind.TIME:
            return datetime.time.fromisoformat(text)
        case CellKind.DURATION:
            return _duration_of(text)
        case _:
            return text


def _duration_of(text: str) -> datetime.timedelta:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(text)
    sign, hours, minutes, seconds, parts = found.groups()
    value = datetime.timedelta(
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int((parts or "0").ljust(6, "0")),
    )
    return -value if sign else value


def _kind_of(cell: Cell) -> CellKind:
    match cell:
        case str():
            return CellKind.TEXT
        case bool():
            return CellKind.TRUTH
        case datetime.datetime():
            return CellKind.DAY if cell.time() == datetime.time() else CellKind.MOMENT
        case datetime.timedelta():
            return CellKind.DURATION
        case datetime.date():
            return CellKind.DAY
        case datetime.time():
            return CellKind.TIME
        case _:
            return CellKind.NUMBER


def _series(cells: list[Cell]) -> tuple[pl.Series, pl.Series | None]:
    kinds: list[tuple[type, pl.DataType]] = [
        (datetime.time, pl.Time()),
        (datetime.timedelta, pl.Duration("us")),
    ]
    filled = [cell for cell in cells if cell != ""]
    for kind, dtype in kinds:
        if filled and all(type(cell) is kind for cell in filled):
            return pl.Series([None if cell == "" else cell for cell in cells], dtype=dtype), None
    # Numbers, which are most of them, are made texts together.
    known = [_kind_of(cell) for cell in cells]
    values = [cell if kind is CellKind.NUMBER else None for cell, kind in zip(cells, known, strict=True)]
    numbers = as_text(pl.Series(values, dtype=pl.Float64, strict=False).to_frame()).to_series()
    texts = [
        text if kind is CellKind.NUMBER else None if cell == "" else text_of_cell(cell)
        for cell, kind, text in zip(cells, known, numbers, strict=True)
    ]
    return pl.Series(texts, dtype=pl.String), pl.Series(known, dtype=pl.UInt8)
