"""Workbooks in: every cell as it stands, whatever stands beside it."""

from __future__ import annotations

import base64
import datetime
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import pytest
import xlsxwriter

from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.formats import open_table
from rowbatch.tables.writer import TableShape, open_writer

# fastexcel 0.21.0 gives null, or not-a-number, for each of these beside a number, a bool or a date.
NOTHING_SAID = (
    "NA", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "NULL", "null", "None", "nan", "NaN", "-nan", "-NaN",
    "<NA>", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
)  # fmt: skip
OTHER_TEXTS = (" ", "  ", "\n", "-", "NaT", "inf", "1e5", "true")

Cell = str | float | bool | datetime.date | None


def write_xlsx(path: Path, rows: Iterable[Sequence[Cell]]) -> None:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                if value is None:
                    continue
                if isinstance(value, str):
                    sheet.write_string(y, x, value)
                elif isinstance(value, datetime.date):
                    sheet.write_datetime(y, x, value, moment if isinstance(value, datetime.datetime) else day)
                else:
                    sheet.write(y, x, value)


def write_ods(path: Path, rows: Iterable[Sequence[Cell]]) -> None:
    def cell(value: Cell) -> str:
        kind, said = "", ""
        if isinstance(value, bool):
            kind, said = "boolean", f'office:boolean-value="{str(value).lower()}"'
        elif isinstance(value, float | int):
            kind, said = "float", f'office:value="{value}"'
        elif isinstance(value, datetime.date):
            kind, said = "date", f'office:date-value="{value.isoformat()}"'
        elif value is not None:
            text = escape(value).replace(" ", "<text:s/>")
            return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="{kind}" {said}/>' if kind else "<table:table-cell/>"

    name = "urn:oasis:names:tc:opendocument:xmlns:"
    spaces = " ".join(f'xmlns:{room}="{name}{room}:1.0"' for room in ("office", "table", "text"))
    lines = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr(
            "META-INF/manifest.xml",
            f'<manifest:manifest xmlns:manifest="{name}manifest:1.0"></manifest:manifest>',
        )
        packed.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="t">{lines}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )


# Written once by xlwt 1.3.0: a header, a row of values, two of texts, and one with a text in the last column.
OLD_WORKBOOK = (
    "c-rk)O=uHA6#iy^l1=PSQd^-FN+?*hwg(Z!ON|w@Crj-`5kV6ZMUreKL})x{wdN=Yo)j;IdJv@Q#UE7An+Kty2SE^$dh{eHd"
    "T6`8c{`h?wL$}0sO%T^&3kWVzJ1x5H#56$XQJiFhaD9x!(QlEa6$;w_yk=c&xnBP9Y?BOY0>5QSXT&HG>`!k&l=wZ<rvEGu0"
    "X>B;}uC@magMChoMnB9a}@}=NJ+~#?Vhv;5K=h(9Th{usp?bBg^~T@;S?W?77CWpW2qiG0en=diJPUd{pb=x+X~8$K2;5dv>"
    "A?ujMShbX~Y@O$_AECbH|SqSI)=6lg#P({?&9?PlCT7$_3@a=E@#s*F||>?wSAV!$^qt6#=^|JwQm$p3SxKllf~MT5B9e?v2"
    "XaX2SANlLUp?>5}IP?*CAqNFysd2OH1CDVDTJe^IP(ScN=XadP>!p@MhkRB`0BpRbM7#biYMn0MJhU}QlQhPgLlfM|2y8y2m"
    "ktM4}BWF_s$rPGdk8(~$DD1hrU*8={4#!WhXPkEmcR$%8!-s>*vIli;;u^Cmd$`9AmRFc{GwU5JTd56|-NS84IXJ;>u5xWR-"
    "Del$eSB+;zK!(Km%~pwOP}N0NuM69TxgyC5T8UBJ-!t6m%j=0ie7Q+ro_{@R|>WEd}7)D+d5=v5f!_mHqB<t%giH0S-O^dI-"
    "+W6>RGv#PL^J^46+QxES51})WYnG;s+I`W^v?_`31!(h_eN=_au9Oc_pJ@MpH3rE5xcXV?agVj^v`HEwN;*!K!7bI?1fBz^p"
    "T~rP}Mv9I9H9Ib5}BnRRBi6tl4cv%xJk$dilKf=BW%&_1w;Fnsv%;lqayA3l6|XK;<rhEV4!_cR|=-*x8cTJS%U{I?jvDE$i"
    "bQh5M2m3b8Fnm?Oh3Xe;yvXA$@P~r&PJ&z2M97m?^`ActOqW1r+x?|+;rBJ>1U#KU}e|-O6eAexw"
)


def texts_of(table: Table) -> list[list[str]]:
    """The cells, row by row."""
    return [list(row) for chunk in table.chunks() for row in chunk.frame.iter_rows()]


def values_of(table: Table) -> pl.DataFrame:
    """The cells with their types."""
    return pl.concat([chunk.typed for chunk in table.chunks() if chunk.typed is not None])


NEIGHBOURS = {
    "number": (1.25, "1.25"),
    "whole number": (3, "3"),
    "bool": (True, "TRUE"),
    "date": (datetime.date(2020, 1, 2), "2020-01-02"),
    "moment": (datetime.datetime(2020, 1, 2, 3, 4, 5), "2020-01-02T03:04:05"),
}


@pytest.mark.parametrize("write", [write_xlsx, write_ods])
@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_words_for_nothing_stay_beside_values(tmp_path, write, neighbour):
    """
    A text that some programs take for nothing stays a text beside numbers, true and false, and dates; empty
    stays empty, and the values beside them stay what they are.
    """
    value, shown = NEIGHBOURS[neighbour]
    words = list(NOTHING_SAID)
    path = tmp_path / ("t.xlsx" if write is write_xlsx else "t.ods")
    header = [f"column {number}" for number, _ in enumerate(words)]
    write(
        path,
        [header, [value] * len(words), list(words), [None] * len(words), list(words), [value] * len(words)],
    )
    table = open_table(path)
    told = [shown] * len(words)
    assert texts_of(table) == [told, words, [""] * len(words), words, told]
    typed = values_of(table)
    assert set(typed.dtypes) == {pl.String}
    assert typed.row(2) == (None,) * len(words)


@pytest.mark.parametrize("write", [write_xlsx, write_ods])
def test_other_texts_stay_beside_values_too(tmp_path, write):
    """
    A blank, a dash, or a text that looks like a number stays as it is beside numbers.
    """
    words = [word for word in OTHER_TEXTS if write is write_xlsx or word != "\n"]
    path = tmp_path / ("t.xlsx" if write is write_xlsx else "t.ods")
    header = [f"column {number}" for number, _ in enumerate(words)]
    write(path, [header, [1] * len(words), list(words), [None, *[2] * (len(words) - 1)]])
    assert texts_of(open_table(path)) == [["1"] * len(words), words, ["", *["2"] * (len(words) - 1)]]


def test_words_for_nothing_stay_in_an_old_workbook(tmp_path):
    """
    In an .xls file, as in an .xlsx file, words for nothing stay beside numbers, true and false, and dates.
    """
    path = tmp_path / "t.xls"
    path.write_bytes(zlib.decompress(base64.b85decode(OLD_WORKBOOK)))
    table = open_table(path)
    assert table.header == ("number", "flag", "day", "blank", "text")
    assert texts_of(table) == [
        ["1.25", "TRUE", "2020-01-02", "1", "x"],
        ["NA", "NA", "NA", " ", "NA"],
        ["None", "null", "nan", " ", "None"],
        ["", "", "", "", "y"],
    ]


@pytest.mark.parametrize("kind", ["shared", "inline", "formula", "rich", "other program"])
@pytest.mark.parametrize("word", NOTHING_SAID)
def test_words_for_nothing_stay_however_the_cell_holds_them(tmp_path, kind, word):
    """
    A text in the list of texts, in the cell, as a formula's result, in parts with formats of their own: all
    the ways in which a workbook holds a text.
    """
    path = tmp_path / "t.xlsx"
    if kind == "other program":
        import openpyxl

        other = openpyxl.Workbook()
        for row in ["a"], [1], [None], [2]:
            other.worksheets[0].append(row)
        other.worksheets[0].cell(3, 1).value = word
        other.worksheets[0].cell(3, 1).data_type = "s"
        other.save(path)
    else:
        with xlsxwriter.Workbook(str(path), {"constant_memory": kind == "inline"}) as book:
            sheet = book.add_worksheet()
            sheet.write_string(0, 0, "a")
            sheet.write_number(1, 0, 1)
            if kind == "formula":
                sheet.write_formula(2, 0, '=IF(1=1,"x","y")', None, word)
            elif kind == "rich":
                bold = book.add_format({"bold": True})
                sheet.write_rich_string(2, 0, bold, word[:1], word[1:])
            else:
                sheet.write_string(2, 0, word)
            sheet.write_number(3, 0, 2)
    assert texts_of(open_table(path)) == [["1"], [word], ["2"]]


def test_a_workbook_without_such_words_is_read_once(tmp_path, monkeypatch):
    """
    Empty cells beside numbers do not make a sheet be read again, unless more cells of the file are filled.
    """
    loaded = []
    load = fastexcel.ExcelReader.load_sheet

    def counted(self, *args, **how):
        loaded.append(how)
        return load(self, *args, **how)

    monkeypatch.setattr(fastexcel.ExcelReader, "load_sheet", counted)
    path = tmp_path / "t.xlsx"
    write_xlsx(path, [["a", "b"], [1, "NASA"], [None, "not None"], [3, None]])
    assert texts_of(open_table(path)) == [["1", "NASA"], ["", "not None"], ["3", ""]]
    assert len(loaded) == 1
    write_xlsx(path, [["a", "b"], [1, "NASA"], ["None", "x"], [3, None]])
    assert texts_of(open_table(path)) == [["1", "NASA"], ["None", "x"], ["3", ""]]
    assert len(loaded) == 3


def test_a_column_without_words_for_nothing_keeps_its_type(tmp_path):
    """
    Beside a column that gets its words back, one with empty cells only is numbers as before, exactly.
    """
    path = tmp_path / "t.xlsx"
    write_xlsx(path, [["a", "b", "c"], [2.2e-16, 0.1, "x"], ["NA", None, None], [3.14159265358979, 1, "NA"]])
    table = open_table(path)
    assert values_of(table).to_dict(as_series=False) == {
        "0": ["2.2e-16", "NA", "3.14159265358979"],
        "1": [0.1, None, 1.0],
        "2": ["x", None, "NA"],
    }


NAMES = {None: "", True: "TRUE", 1e16: "10000000000000000"}


@pytest.mark.parametrize("above", [0, 1, 3])
@pytest.mark.parametrize(
    "header",
    [
        ["a", "b"],
        ["a", "a"],
        ["a", "a_1"],
        [2020, "b"],
        [1 / 8, 1e16],
        [None, "b"],
        ["NA", "None"],
        ["b", True],
    ],
    ids=str,
)
def test_words_for_nothing_stay_wherever_the_header_is(tmp_path, above, header):
    """
    Empty rows above the header, a name that stands twice, is a number or is missing: names and cells are
    those of the sheet, also a word for nothing in the last row.
    """
    path = tmp_path / "t.xlsx"
    write_xlsx(
        path,
        [
            *([None, None] for _ in range(above)),
            header,
            [1, 2],
            [None, None],
            ["NA", 4],
            [None, 5],
            ["n/a", None],
        ],
    )
    table = open_table(path)
    assert table.header == tuple(NAMES.get(name, str(name)) for name in header)
    assert texts_of(table) == [["1", "2"], ["", ""], ["NA", "4"], ["", "5"], ["n/a", ""]]


def test_a_table_that_begins_further_down_and_right_is_read(tmp_path):
    """
    Empty columns before the table do not move the words to another column.
    """
    path = tmp_path / "t.xlsx"
    write_xlsx(
        path,
        [[], [None, None, "a", "b"], [None, None, 1, 2], [None, None, "NA", None], [None, None, 3, "NULL"]],
    )
    assert texts_of(open_table(path)) == [["1", "2"], ["NA", ""], ["3", "NULL"]]


def test_not_applicable_and_empty_come_out_again(tmp_path):
    """
    Read from a workbook and written to one, "not applicable" and empty are still two things.
    """
    path, copy = tmp_path / "t.xlsx", tmp_path / "copy.xlsx"
    cells: list[Cell] = [1, 0, "NA", "None", None, " ", 1]
    write_xlsx(path, [["coder"], *([cell] for cell in cells)])
    table = open_table(path)
    with open_writer(copy, "xlsx", TableShape(table.header, table.columns, ())) as writer:
        for chunk in table.chunks():
            writer.write(TableChunk(chunk.first_row, chunk.frame, chunk.typed), pl.DataFrame())
    assert texts_of(open_table(copy)) == [["1"], ["0"], ["NA"], ["None"], [""], [" "], ["1"]]
    assert cells_of(copy)[2:6] == ["NA", "None", None, " "]


def cells_of(path: Path) -> list[Any]:
    """The first column below the header, as another program reads it."""
    import openpyxl

    return [
        row[0] for row in openpyxl.load_workbook(path).worksheets[0].iter_rows(min_row=2, values_only=True)
    ]
