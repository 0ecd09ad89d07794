"""
Excel and its relatives in: .xlsx, .xls, .xlsb, .ods.

A sheet lies in memory as a whole: it has at most 1,048,576 rows.
"""

from __future__ import annotations

import datetime
import logging
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, UsageError, from_os_error
from rowbatch.tables.frame_table import FrameTable, refuse_options

_HEADER_SEARCHED = 200


class ExcelTable(FrameTable):
    """One sheet of a workbook."""

    format = "excel"


def sheet_names(path: Path) -> tuple[str, ...]:
    """Names of the sheets of a workbook; nothing where the file is none."""
    import fastexcel

    try:
        with path.open("rb") as file:
            if not file.read(4).startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
                return ()
        return tuple(fastexcel.read_excel(path.read_bytes()).sheet_names)
    except (OSError, fastexcel.FastExcelError):
        return ()


def open_excel(path: Path, options: ReadOptions) -> ExcelTable:
    """
    Open a sheet. Its first row that is not empty is the header.

    A column has one type where all its cells have, and is text otherwise: then a number stands as it is shown
    without a format. Empty rows between others are rows; those at the end are none.

    Args:
        path: The workbook.
        options: `sheet` is the name of a sheet, or its number from 1; None means the first that is not empty.
    Raises:
        TableError: It is no workbook, or has no such sheet.
        UsageError: An option does not fit.
    """
    import fastexcel

    # Of an empty column it says in a log that it takes it for text, which is no news.
    logging.getLogger("fastexcel.types.dtype").setLevel(logging.ERROR)
    refuse_options(path, options, allowed=("sheet",), kind="an Excel workbook")
    try:
        # By its bytes: the reader would go by the name of the file.
        book = fastexcel.read_excel(path.read_bytes())
        number = _sheet_number(path, book.sheet_names, options.sheet)
        candidates = [number] if number is not None else range(len(book.sheet_names))
        for candidate in candidates:
            head = _head(book, candidate)
            if head is not None:
                header_row, names = head
                frame = _rows(book, candidate, header_row)
                sheet = book.sheet_names[candidate]
                return _table(path, sheet, names, frame)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except fastexcel.FastExcelError as error:
        told = str(error).splitlines()[0]
        raise TableError("workbook-unreadable", path=str(path), told=told) from error
    raise TableError("workbook-empty", path=str(path))


def _sheet_number(path: Path, names: list[str], wanted: str | None) -> int | None:
    if wanted is None:
        return None
    if wanted in names:
        return names.index(wanted)
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise UsageError("no-such-sheet", path=str(path), sheet=wanted, sheets=names)


def _head(book: Any, sheet: int) -> tuple[int, list[str]] | None:
    """The first row with something in it, and its texts; None when there is none."""
    # skip_rows=0 counts empty rows above the first one too, as it is counted below.
    frame = book.load_sheet(
        sheet, header_row=None, skip_rows=0, n_rows=_HEADER_SEARCHED, dtypes="string"
    ).to_polars()
    for number, row in enumerate(frame.iter_rows()):
        if any(cell not in (None, "") for cell in row):
            return number, ["" if cell is None else str(cell) for cell in row]
    return None


def _rows(book: Any, sheet: int, header_row: int) -> pl.DataFrame:
    loaded = book.load_sheet(sheet, header_row=None, skip_rows=header_row + 1, schema_sample_rows=None)
    frame: pl.DataFrame = loaded.to_polars()
    filled = (
        frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series() if frame.width else pl.Series([])
    )
    last = filled.arg_true()
    frame = frame.head(int(last[-1]) + 1 if len(last) else 0)
    return frame.with_columns(
        pl.col(name).cast(pl.Date)
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Datetime)
        and frame.select((pl.col(name).dt.time() == datetime.time()).fill_null(True).all()).item()
    )


def _table(path: Path, sheet: str, names: list[str], frame: pl.DataFrame) -> ExcelTable:
    width = max(len(names), frame.width)
    names = names + [""] * (width - len(names))
    columns = frame.get_columns() + [
        pl.Series(f"more_{number}", [None] * frame.height, dtype=pl.String)
        for number in range(frame.width, width)
    ]
    # A column without a name and without a value is only the sheet's edge.
    while len(names) > 1 and not names[-1] and columns[-1].null_count() == frame.height:
        names.pop()
        columns.pop()
    return ExcelTable(path, tuple(names), pl.DataFrame(columns), reading=ReadOptions(sheet=sheet))
