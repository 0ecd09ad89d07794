"""
The cells of a sheet one by one, each with its own type: for columns in which types stand side by side.

Source:
    Measured with python-calamine 0.9.1: numbers are floats, whole days are dates, times of day are times,
    `[h]:mm` is a timedelta; an error such as #N/A and an empty cell are the empty text.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping, Sequence

import polars as pl

from rowbatch.tables.base import as_text

Cell = str | float | bool | datetime.date | datetime.time | datetime.timedelta

_SECONDS_AN_HOUR, _SECONDS_A_MINUTE = 3600, 60


def read_cells(
    data: bytes, sheet: int, columns: Sequence[int], height: int, errors: Mapping[tuple[int, int], str]
) -> list[pl.Series]:
    """
    Read some columns, cell by cell.

    Args:
        data: The workbook.
        sheet: Position of the sheet.
        columns: Where they stand in the sheet, from 0.
        errors: What cells with an error show, by row and column of the sheet from 0.
        height: Rows below the header; the last one is the last of the sheet.
    Returns:
        A column of values where all cells have one type, otherwise of texts, see `text_of_cell`.
    """
    from python_calamine import CalamineWorkbook

    found = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(sheet)
    top, first = found.start or (0, 0)
    above = max(0, found.height - height)
    cells: list[list[Cell]] = [[] for _ in columns]
    for number, row in enumerate(found.to_python(skip_empty_area=True)[above:], start=top + above):
        for place, column in enumerate(columns):
            at = column - first
            cell = row[at] if 0 <= at < len(row) else ""
            cells[place].append(cell if cell != "" else errors.get((number, column), ""))
    return [_series(column) for column in cells]


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


def _series(cells: list[Cell]) -> pl.Series:
    kinds: list[tuple[type, pl.DataType]] = [
        (datetime.time, pl.Time()),
        (datetime.timedelta, pl.Duration("us")),
    ]
    filled = [cell for cell in cells if cell != ""]
    for kind, dtype in kinds:
        if filled and all(type(cell) is kind for cell in filled):
            return pl.Series([None if cell == "" else cell for cell in cells], dtype=dtype)
    return pl.Series([None if cell == "" else text_of_cell(cell) for cell in cells], dtype=pl.String)
