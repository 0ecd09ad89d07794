"""Sheets with lines above their header, several header lines or none, and notes of how they were read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError
from rowbatch.tables.base import Table
from rowbatch.tables.formats import open_table

ROWS: list[list[Any]] = [[1, "so good", 3.5], [2, "so bad", 4.5], [3, "no idea", 5.25]]
CELLS = [("1", "so good", "3.5"), ("2", "so bad", "4.5"), ("3", "no idea", "5.25")]
NAMES = ["id", "text", "score"]


def write_sheet(path: Path, rows: Sequence[Sequence[Any]], **others: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "first"
    for row in rows:
        sheet.append(row)
    for name, further in others.items():
        more = book.create_sheet(name)
        for row in further:
            more.append(row)
    book.save(path)
    return path


def cells(table: Table) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks() for row in chunk.frame.rows()]


def kinds(table: Table) -> list[str]:
    return [note.kind for note in table.notes]


@pytest.mark.parametrize(
    "above",
    [
        [["Table 3. Results"]],
        [["Table 3. Results"], []],
        [["Survey of 2026", None, None], ["Source: us", None, None], []],
        [[], [], ["Results"], []],
    ],
    ids=str,
)
def test_titles_above_the_header(tmp_path: Path, above: list[list[Any]]) -> None:
    """
    The header is the row with the names; the table is the same when it is opened by what was found out.
    """
    table = open_table(write_sheet(tmp_path / "t.xlsx", [*above, NAMES, *ROWS]))
    assert (table.header, cells(table)) == (tuple(NAMES), CELLS)
    assert kinds(table) == ["note-lines-above"]
    assert table.notes[0].values["line"] == len(above) + 1
    again = open_table(table.path, table.reading)
    assert (again.header, cells(again), kinds(again)) == (tuple(NAMES), CELLS, [])


def test_a_plain_sheet_has_nothing_to_tell(tmp_path: Path) -> None:
    """
    Nothing is said of a table that begins in its first row.
    """
    table = open_table(write_sheet(tmp_path / "t.xlsx", [NAMES, *ROWS]))
    assert (table.header, cells(table), kinds(table)) == (tuple(NAMES), CELLS, [])


def test_a_group_stands_over_its_columns(tmp_path: Path) -> None:
    """
    Merged cells of an upper row have their text in the first one only: each column below has it in its name.
    """
    rows: list[list[Any]] = [
        ["", 2019, None, 2020, None],
        ["town", "men", "women", "men", "women"],
        ["A", 1, 2, 3, 4],
        ["B", 5, 6, 7, 8],
        ["C", 9, 8, 7, 6],
    ]
    path = write_sheet(tmp_path / "t.xlsx", rows)
    table = open_table(path, ReadOptions(header="1-2"))
    assert table.header == ("town", "2019 men", "2019 women", "2020 men", "2020 women")
    assert cells(table)[0] == ("A", "1", "2", "3", "4")
    assert kinds(table) == ["note-header-lines"]


@pytest.mark.parametrize(
    ("options", "header", "first"),
    [
        (ReadOptions(header="3"), ("id", "text", "score"), CELLS[0]),
        (ReadOptions(skip_rows=2), ("id", "text", "score"), CELLS[0]),
        (ReadOptions(skip_rows=1, header="2"), ("id", "text", "score"), CELLS[0]),
        (ReadOptions(header="4"), ("1", "so good", "3.5"), CELLS[1]),
        (ReadOptions(header="none", skip_rows=3), ("column_1", "column_2", "column_3"), CELLS[0]),
        (ReadOptions(header="first"), ("", "Results", ""), ("", "", "")),
    ],
    ids=str,
)
def test_a_person_says_where_the_header_is(
    tmp_path: Path, options: ReadOptions, header: tuple[str, ...], first: tuple[str, ...]
) -> None:
    """
    Rows count as the sheet numbers them, after those that are left out.
    """
    path = write_sheet(tmp_path / "t.xlsx", [[None, "Results"], [], NAMES, *ROWS])
    table = open_table(path, options)
    assert (table.header, cells(table)[0]) == (header, first)
    again = open_table(path, table.reading)
    assert (again.header, cells(again)) == (table.header, cells(table))


def test_a_header_row_that_is_not_there(tmp_path: Path) -> None:
    """
    A row without anything in it has no names.
    """
    path = write_sheet(tmp_path / "t.xlsx", [NAMES, *ROWS])
    for options in (ReadOptions(header="9"), ReadOptions(skip_rows=9)):
        with pytest.raises(TableError) as error:
            open_table(path, options)
        assert error.value.kind == "header-line-empty"


def test_a_note_below_the_table_is_told(tmp_path: Path) -> None:
    """
    It stays, as rows like the others, and is said.
    """
    rows = [NAMES, *ROWS, [], ["Source: us"], ["Weighted."]]
    table = open_table(write_sheet(tmp_path / "t.xlsx", rows))
    assert cells(table)[3:] == [("", "", ""), ("Source: us", "", ""), ("Weighted.", "", "")]
    assert [(note.kind, note.values["count"]) for note in table.notes] == [("note-rows-below", 2)]


def test_formulas_that_nobody_computed_are_told(tmp_path: Path) -> None:
    """
    openpyxl 3.1.5 writes a formula without its value.
    """
    rows = [[*NAMES, "sum"], *([*row, f"=A{at}+1"] for at, row in enumerate(ROWS, start=2))]
    table = open_table(write_sheet(tmp_path / "t.xlsx", rows))
    assert [row[3] for row in cells(table)] == ["", "", ""]
    assert [(note.kind, note.values["count"]) for note in table.notes] == [("note-uncomputed-formulas", 3)]


def test_the_sheet_with_the_column_is_named(tmp_path: Path) -> None:
    """
    Whoever asks for a column of another sheet is told which one has it.
    """
    path = write_sheet(tmp_path / "t.xlsx", [["Read me"], ["one"]], data=[NAMES, *ROWS], more=[["x"], [1]])
    table = open_table(path)
    with pytest.raises(TableError) as error:
        table.column("text")
    assert error.value.kind == "column-in-other-sheet"
    assert "data" in error.value.message
    assert "--sheet 'data'" in error.value.hint
    with pytest.raises(TableError) as error:
        table.column("nowhere at all")
    assert error.value.kind == "no-such-column"


HEAD = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" '
    'office:version="1.3">'
    '<office:body><office:spreadsheet><table:table table:name="S">'
)
TAIL = "</table:table></office:spreadsheet></office:body></office:document-content>"


def write_ods(path: Path, columns: list[list[str]]) -> Path:
    rows = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in zip(*columns, strict=True))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        archive.writestr("content.xml", HEAD + rows + TAIL)
    path.write_bytes(made.getvalue())
    return path


def text_cell(inner: str) -> str:
    return f'<table:table-cell office:value-type="string">{inner}</table:table-cell>'


def time_cell(value: str) -> str:
    return (
        f'<table:table-cell office:value-type="time" office:time-value="{value}" calcext:value-type="time">'
        "<text:p>shown somehow</text:p></table:table-cell>"
    )


OPEN_DOCUMENT = [
    pytest.param(text_cell("<text:p>one<text:tab/>two</text:p>"), "one\ttwo", id="tab"),
    pytest.param(text_cell("<text:p>one<text:line-break/>two</text:p>"), "one\ntwo", id="line-break"),
    pytest.param(text_cell("<text:p>one</text:p><text:p>two</text:p>"), "one\ntwo", id="paragraphs"),
    pytest.param(text_cell('<text:p>a<text:s text:c="3"/>b<text:s/>c</text:p>'), "a   b c", id="spaces"),
    pytest.param(
        text_cell("<text:p>a<text:span>b<text:tab></text:tab>c</text:span></text:p>"), "ab\tc", id="span"
    ),
    pytest.param(
        text_cell(
            "<office:annotation><dc:creator>me</dc:creator><text:p>a<text:tab/>note</text:p>"
            "</office:annotation><text:p>cell</text:p>"
        ),
        "cell",
        id="annotation",
    ),
    pytest.param(time_cell("PT13H45M00S"), "13:45:00", id="time-of-day"),
    pytest.param(time_cell("PT30H15M00S"), "30:15:00", id="duration"),
    pytest.param(time_cell("-PT1H00M00.5S"), "-01:00:00.5", id="negative"),
    pytest.param(
        '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" '
        'calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell>',
        "#DIV/0!",
        id="error",
    ),
    pytest.param(
        '<table:table-cell office:value-type="boolean" office:boolean-value="true"><text:p>WAHR</text:p>'
        "</table:table-cell>",
        "TRUE",
        id="boolean",
    ),
    pytest.param(
        '<table:table-cell office:value-type="percentage" office:value="0.5"><text:p>50%</text:p>'
        "</table:table-cell>",
        "0.5",
        id="percentage",
    ),
    pytest.param(
        '<table:table-cell office:value-type="date" office:date-value="2020-01-02"><text:p>2. Jan.</text:p>'
        "</table:table-cell>",
        "2020-01-02",
        id="day",
    ),
]


@pytest.mark.parametrize("beside", [[], ["text"], ["NA"]], ids=str)
@pytest.mark.parametrize(("cell", "shown"), OPEN_DOCUMENT)
def test_cells_of_an_open_document(tmp_path: Path, cell: str, shown: str, beside: list[str]) -> None:
    """
    fastexcel 0.21.0 and python-calamine 0.9.1 lose tabs, line breaks, times and errors of OpenDocument 1.3.
    """
    column = [
        text_cell("<text:p>h</text:p>"),
        cell,
        *(text_cell(f"<text:p>{one}</text:p>") for one in beside),
    ]
    other = [text_cell(f"<text:p>{one}</text:p>") for one in ["k", *"x" * (len(column) - 1)]]
    table = open_table(write_ods(tmp_path / "t.ods", [column, other]))
    assert [row[0] for row in cells(table)] == [shown, *beside]
    assert kinds(table) == (["note-error-cells"] if shown.startswith("#") else [])
