"""Cells of workbooks whose types stand side by side, and sheets that nobody sees."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
import xlsxwriter

from rowbatch.core.table_options import ReadOptions
from rowbatch.tables.base import Table
from rowbatch.tables.formats import open_table
from rowbatch.tables.frame_table import chunk_of
from rowbatch.tables.writer import TableShape, open_writer

FORMATS = {
    datetime.date: "yyyy-mm-dd",
    datetime.datetime: "yyyy-mm-dd hh:mm:ss",
    datetime.time: "hh:mm:ss",
    datetime.timedelta: "[h]:mm:ss",
}

SHOWN = [
    pytest.param(2.2e-16, "2.2e-16", id="small"),
    pytest.param(3.14159265358979, "3.14159265358979", id="fifteen-digits"),
    pytest.param(7, "7", id="whole"),
    pytest.param(True, "TRUE", id="true"),
    pytest.param(datetime.date(2020, 1, 2), "2020-01-02", id="day"),
    pytest.param(datetime.datetime(2020, 1, 2, 3, 4, 5), "2020-01-02T03:04:05", id="moment"),
    pytest.param(datetime.time(13, 45), "13:45:00", id="time-of-day"),
    pytest.param(datetime.timedelta(hours=30, minutes=15), "30:15:00", id="duration"),
]


def write_column(path: Path, cells: list[Any]) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for row, value in enumerate(["h", *cells]):
            sheet.write(row, 1, "k" if row == 0 else "x")
            kind = FORMATS.get(type(value))
            if isinstance(value, str):
                sheet.write_string(row, 0, value)
            else:
                sheet.write(row, 0, value, *([book.add_format({"num_format": kind})] if kind else []))
    return path


def first_column(table: Table) -> list[str]:
    return [text for chunk in table.chunks() for text in chunk.frame["0"]]


@pytest.mark.parametrize("beside", [[], ["n.s."], ["NA"], ["n.s.", " "]], ids=str)
@pytest.mark.parametrize(("value", "shown"), SHOWN)
def test_a_cell_is_shown_alike_whatever_text_stands_beside_it(
    tmp_path: Path, value: Any, shown: str, beside: list[str]
) -> None:
    """
    A number, a day, a time, a duration, TRUE read the same alone and beside texts.

    fastexcel 0.21.0 rounds numbers beside a text to 9 decimals, gives a time of day as a moment of 1899, and
    does not read a column of durations and texts.
    """
    table = open_table(write_column(tmp_path / "t.xlsx", [value, *beside]))
    assert first_column(table) == [shown, *beside]


def test_values_of_all_types_stand_in_one_column(tmp_path: Path) -> None:
    """Each cell keeps its own look where a column has all types and a text."""
    values, shown = zip(*(case.values for case in SHOWN), strict=True)
    assert first_column(open_table(write_column(tmp_path / "t.xlsx", [*values, "z"]))) == [*shown, "z"]


@pytest.mark.parametrize("above", [0, 2], ids=["first row", "below a title"])
def test_a_name_is_shown_as_a_cell_with_the_same_value(tmp_path: Path, above: int) -> None:
    """
    Days, times and truths in the header are spelt as those below it; a text that looks like one stays.

    fastexcel 0.21.0 gives `2020-01-02 00:00:00`, a moment of 1899, and `true`.
    """
    book = openpyxl.Workbook()
    if above:
        book.active["B1"] = "Mood by day"
    cells = ["k", datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4), datetime.time(13, 45), True]
    for row in (cells, ["x", *cells[1:]]):
        for column, value in enumerate([*row, "true"], start=2):
            place = book.active.cell(above + 1 if row is cells else above + 2, column, value)
            assert place.value == value
    path = tmp_path / "t.xlsx"
    book.save(path)
    table = open_table(path, ReadOptions(header=str(above + 1)) if above else None)
    expected = ("2020-01-02", "2020-01-02T03:04:00", "13:45:00", "TRUE", "true")
    assert table.header == ("k", *expected)
    assert [row for chunk in table.chunks() for row in chunk.frame.rows()] == [("x", *expected)]


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_sheet_that_nobody_sees_is_not_read(tmp_path: Path, state: str) -> None:
    """The first visible sheet is read, which is said; a hidden one is read where it is asked for."""
    book = openpyxl.Workbook()
    book.active.title, book.active["A1"], book.active["A2"] = "secret", "h", "s"
    shown = book.create_sheet("data")
    shown["A1"], shown["A2"] = "h", "d"
    book.active = 1
    book["secret"].sheet_state = state
    path = tmp_path / "t.xlsx"
    book.save(path)
    table = open_table(path)
    assert (first_column(table), table.reading.sheet) == (["d"], "data")
    assert [note.kind for note in table.notes] == ["note-sheet-read"]
    assert table.notes[0].values["sheets"] == ["secret"]
    assert first_column(open_table(path, ReadOptions(sheet="secret"))) == ["s"]


def test_numbers_and_times_come_back_as_they_were_written(tmp_path: Path) -> None:
    """
    Floats, times of day and durations are the same values in the workbook that is written.

    XlsxWriter 3.3.1 writes 16 digits, so 0.1 + 0.2 came back as 0.3.
    """
    frame = pl.DataFrame(
        {
            "0": [0.1 + 0.2, 123456789.12345679, 5e-324],
            "1": [datetime.time(13, 45), None, datetime.time(0, 0, 1)],
            "2": [datetime.timedelta(hours=30, minutes=15), None, datetime.timedelta(seconds=1)],
        }
    )
    path = tmp_path / "t.xlsx"
    with open_writer(path, "xlsx", TableShape(("n", "t", "d"), (), ())) as writer:
        writer.write(chunk_of(1, frame), pl.DataFrame())
    rows = list(openpyxl.load_workbook(path).active.iter_rows(min_row=2, values_only=True))
    assert [row[0] for row in rows] == frame["0"].to_list()
    assert [row[1] for row in rows] == frame["1"].to_list()
    assert [row[2] for row in rows] == frame["2"].to_list()


def test_times_finer_than_a_workbook_tells_are_texts(tmp_path: Path) -> None:
    """
    The last instant of a day stays on its day, and no part of a second is rounded away.

    XlsxWriter 3.3.1 rounds to milliseconds: 23:59:59.999999 became the day after, a time of day 24:00.
    """
    frame = pl.DataFrame(
        {
            "0": [datetime.datetime(2020, 12, 31, 23, 59, 59, 999999), datetime.datetime(2020, 1, 1)],
            "1": [datetime.time(23, 59, 59, 999600), datetime.time(1, 2, 3)],
            "2": [datetime.timedelta(hours=23, microseconds=1), datetime.timedelta(hours=1)],
            "3": [datetime.datetime(2020, 12, 31, 23, 59, 59, 999000), None],
        }
    )
    path = tmp_path / "t.xlsx"
    with open_writer(path, "xlsx", TableShape(("m", "t", "d", "ms"), (), ())) as writer:
        writer.write(chunk_of(1, frame), pl.DataFrame())
    rows = list(openpyxl.load_workbook(path).active.iter_rows(min_row=2, values_only=True))
    assert rows == [
        ("2020-12-31T23:59:59.999999", "23:59:59.9996", "23:00:00.000001", frame["3"][0]),
        ("2020-01-01T00:00:00", "01:02:03", datetime.timedelta(hours=1), None),
    ]


@pytest.mark.parametrize("error", ["#N/A", "#NAME?", "#REF!", "#DIV/0!", "#VALUE!", "#NUM!", "#NULL!"])
@pytest.mark.parametrize("beside", [1, "x"], ids=str)
def test_an_error_is_the_text_that_the_cell_shows(tmp_path: Path, error: str, beside: Any) -> None:
    """
    A cell with an error is its text, and their number is said.

    fastexcel 0.21.0 gives nothing for most, and reads no workbook with `#NAME?`.
    """
    book = openpyxl.Workbook()
    for row, cells in enumerate([["h", "k"], [beside, "x"], [error, "x"], [2, "x"]], start=3):
        for column, value in enumerate(cells, start=2):
            book.active.cell(row, column, value)
    path = tmp_path / "t.xlsx"
    book.save(path)
    table = open_table(path)
    assert first_column(table) == [str(beside), error, "2"]
    assert [(note.kind, note.values["count"]) for note in table.notes] == [("note-error-cells", 1)]


def test_columns_are_as_wide_as_their_first_texts(tmp_path: Path) -> None:
    """A column of a workbook is as wide as its name and texts, but never wider than a screen takes."""
    path = tmp_path / "t.xlsx"
    frame = pl.DataFrame({"0": ["a"], "1": ["b" * 30], "2": ["c" * 500], "3": [""]})
    with open_writer(path, "xlsx", TableShape(("n", "t", "d", "long name of it"), (), ())) as writer:
        writer.write(chunk_of(1, frame), pl.DataFrame())
    widths = openpyxl.load_workbook(path).active.column_dimensions
    assert [round(widths[letter].width) for letter in "ABCD"] == [9, 33, 61, 18]


MIXED: list[Any] = [
    1,
    2.5,
    True,
    "text",
    datetime.date(2020, 1, 2),
    datetime.datetime(2020, 1, 2, 3, 4, 5),
    datetime.time(13, 45),
    datetime.timedelta(hours=30, minutes=15),
    "1",
    "TRUE",
    "2020-01-02",
    3.14159265358979,
]


def test_cells_of_a_mixed_column_come_back_as_what_they_were(tmp_path: Path) -> None:
    """
    Each cell of a column with cells of all types is written with its own type, and a text that looks like a
    number, a day or a truth stays a text; read by openpyxl 3.1.5.
    """
    table = open_table(write_column(tmp_path / "t.xlsx", MIXED))
    out = tmp_path / "out.xlsx"
    with open_writer(out, "xlsx", TableShape.of(table, [])) as writer:
        for chunk in table.chunks(5):
            writer.write(chunk, pl.DataFrame())
    found = [cell.value for cell in openpyxl.load_workbook(out).active["A"]][1:]
    days = {datetime.datetime(2020, 1, 2): datetime.date(2020, 1, 2)}
    assert [days.get(value, value) for value in found] == MIXED
    assert [type(value) for value in found[:4]] == [int, float, bool, str]
    again = open_table(out)
    assert first_column(again) == first_column(table)


def test_a_day_among_moments_is_shown_as_a_day(tmp_path: Path) -> None:
    """
    A day is the same text alone, beside moments, and beside a text.
    """
    cells = [datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5)]
    shown = ["2020-01-02", "2020-01-02T03:04:05"]
    assert first_column(open_table(write_column(tmp_path / "a.xlsx", cells))) == shown
    assert first_column(open_table(write_column(tmp_path / "b.xlsx", [*cells, "x"]))) == [*shown, "x"]
