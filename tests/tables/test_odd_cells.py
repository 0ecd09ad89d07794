"""Cells of workbooks that readers show as something else: errors, days of no calendar, times below 0."""

from __future__ import annotations

import struct
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from rowbatch.tables.base import Table
from rowbatch.tables.formats import open_table
from rowbatch.tables.writer import TableShape, open_writer

with warnings.catch_warnings():
    # It is of 2017.
    warnings.simplefilter("ignore")
    import xlwt

ERRORS = {
    "#NULL!": 0x00, "#DIV/0!": 0x07, "#VALUE!": 0x0F, "#REF!": 0x17,
    "#NAME?": 0x1D, "#NUM!": 0x24, "#N/A": 0x2A,
}  # fmt: skip
# A number, the format that it has, and what a person sees.
NUMBERS = [
    (43832, "yyyy-mm-dd", "2020-01-02"),
    (43832.5, "m/d/yy h:mm", "2020-01-02T12:00:00"),
    (0.5, "h:mm", "12:00:00"),
    (1, "m/d/yy", "1900-01-01"),
    (59, "m/d/yy", "1900-02-28"),
    (60, "m/d/yy", "1900-02-29"),
    (60.25, "m/d/yy h:mm", "1900-02-29T06:00:00"),
    (61, "m/d/yy", "1900-03-01"),
    (-0.5, "h:mm", "-0.5"),
    (-2.25, "m/d/yy", "-2.25"),
    (-0.5, "[h]:mm:ss", "-12:00:00"),
    (1.25, "[h]:mm:ss", "30:00:00"),
    (-0.5, "General", "-0.5"),
    (60, "General", "60"),
    (0.25, "0%", "0.25"),
    (0.25, "# ?/?", "0.25"),
]
BUILT_IN = {
    "General": 0, "0%": 9, "# ?/?": 12, "m/d/yy": 14, "yyyy-mm-dd": 14, "h:mm": 20, "m/d/yy h:mm": 22,
    "[h]:mm:ss": 46,
}  # fmt: skip


def write_xls(path: Path, numbers: Sequence[tuple[float, str, str]], errors: Sequence[str] = ()) -> Path:
    book = xlwt.Workbook()
    sheet = book.add_sheet("S")
    sheet.write(0, 0, "v")
    sheet.write(0, 1, "k")
    for row, (number, form, _) in enumerate(numbers, start=1):
        sheet.write(row, 0, number, xlwt.easyxf(num_format_str=form))
        sheet.write(row, 1, "x")
    for row, error in enumerate(errors, start=len(numbers) + 1):
        sheet.row(row).set_cell_error(0, ERRORS[error])
        sheet.write(row, 1, "x")
    book.save(str(path))
    return path


def write_xlsx(path: Path, numbers: Sequence[tuple[float, str, str]], errors: Sequence[str] = ()) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("S")
        sheet.write_row(0, 0, ["v", "k"])
        for row, (number, form, _) in enumerate(numbers, start=1):
            sheet.write(row, 0, number, book.add_format({"num_format": form}))
            sheet.write(row, 1, "x")
        for row, error in enumerate(errors, start=len(numbers) + 1):
            sheet.write_formula(row, 0, "=X1", None, error)
            sheet.write(row, 1, "x")
    return path


def record(kind: int, content: bytes = b"") -> bytes:
    """A record of an .xlsb, see [MS-XLSB] 2.1.4."""

    def number(value: int) -> bytes:
        return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80, value >> 7])

    return number(kind) + number(len(content)) + content


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def write_xlsb(
    path: Path, numbers: Sequence[tuple[float, str, str]], errors: Sequence[str] = (), *, hidden: bool = False
) -> Path:
    """By hand, as [MS-XLSB] has it; with `hidden` a sheet that nobody sees comes first."""
    forms = list(BUILT_IN)
    styles = record(617, struct.pack("<I", len(forms)))
    styles += b"".join(record(47, struct.pack("<HH12x", 0, BUILT_IN[form])) for form in forms) + record(618)

    def line(row: int, first: bytes, second: str) -> bytes:
        return record(0, struct.pack("<II", row, 0) + bytes(9)) + first + text(1, second)

    def text(column: int, value: str) -> bytes:
        return record(6, struct.pack("<II", column, 0) + wide(value))

    rows = line(0, text(0, "v"), "k")
    for row, (value, form, _) in enumerate(numbers, start=1):
        if isinstance(value, bool):
            rows += line(row, record(4, struct.pack("<IIB", 0, 0, value)), "x")
            continue
        small = struct.pack("<I", (int(value) << 2 | 2) & 0xFFFFFFFF)
        head = struct.pack("<II", 0, forms.index(form))
        cell = record(2, head + small) if value == int(value) else record(5, head + struct.pack("<d", value))
        rows += line(row, cell, "x")
    for row, error in enumerate(errors, start=len(numbers) + 1):
        kind, more = (3, b"") if row % 2 else (11, b"\0\0" + struct.pack("<II", 0, 0))
        rows += line(row, record(kind, struct.pack("<IIB", 0, 0, ERRORS[error]) + more), "x")

    def sheet(content: bytes) -> bytes:
        return (
            record(129)
            + record(148, struct.pack("<IIII", 0, 99, 0, 1))
            + record(145)
            + content
            + record(146)
            + record(130)
        )

    names = ["Hidden", "S"] if hidden else ["S"]
    bundle = b"".join(
        record(156, struct.pack("<II", name == "Hidden", at) + wide(f"r{at}") + wide(name))
        for at, name in enumerate(names, start=1)
    )
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = "".join(
        f'<Relationship Id="r{at}" Type="{relations}/worksheet" Target="worksheets/sheet{at}.bin"/>'
        for at in range(1, len(names) + 1)
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/styles.bin", styles)
        archive.writestr("xl/workbook.bin", record(131) + record(143) + bundle + record(144) + record(132))
        archive.writestr("xl/_rels/workbook.bin.rels", f"<Relationships>{links}</Relationships>")
        for at, name in enumerate(names, start=1):
            other = line(0, text(0, "h"), "i") + line(1, text(0, "a"), "b")
            archive.writestr(f"xl/worksheets/sheet{at}.bin", sheet(rows if name == "S" else other))
    return path


WRITERS = [
    pytest.param(write_xlsx, ".xlsx", id="xlsx"),
    pytest.param(write_xls, ".xls", id="xls"),
    pytest.param(write_xlsb, ".xlsb", id="xlsb"),
]


def first_column(table: Table) -> list[str]:
    return [text for chunk in table.chunks() for text in chunk.frame["0"]]


@pytest.mark.parametrize(("write", "suffix"), WRITERS)
def test_numbers_of_every_format_are_what_a_person_sees(tmp_path, write, suffix):
    """
    Below 0 a day or a time is its number, and 1900 has the 29 February that only Excel knows.

    python-calamine 0.9.1 shows -0.5 and 0.5 both as 12:00, and the days 59 and 60 both as 28 February.
    """
    table = open_table(write(tmp_path / f"t{suffix}", NUMBERS))
    assert first_column(table) == [shown for *_, shown in NUMBERS]


def write_ods(path: Path, numbers: Sequence[tuple[float, str, str]]) -> Path:
    def cell(value: float) -> str:
        kind = "boolean" if isinstance(value, bool) else "float"
        said = "boolean-value" if isinstance(value, bool) else "value"
        return f'<table:table-cell office:value-type="{kind}" office:{said}="{str(value).lower()}"/>'

    name = "urn:oasis:names:tc:opendocument:xmlns:"
    rooms = " ".join(f'xmlns:{room}="{name}{room}:1.0"' for room in ("office", "table", "text"))
    cells = ['<table:table-cell office:value-type="string"><text:p>v</text:p></table:table-cell>']
    cells += [cell(number) for number, *_ in numbers]
    rows = "".join(f"<table:table-row>{one}</table:table-row>" for one in cells)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{name}manifest:1.0"></m:manifest>')
        archive.writestr(
            "content.xml",
            f"<office:document-content {rooms}><office:body><office:spreadsheet>"
            f'<table:table table:name="t">{rows}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return path


@pytest.mark.parametrize(("write", "suffix"), [*WRITERS, pytest.param(write_ods, ".ods", id="ods")])
def test_true_and_false_among_numbers_are_no_numbers(tmp_path, write, suffix):
    """
    They stay as the cell shows them, where no text stands in the column, and come back to Excel as they were.

    fastexcel 0.21.0 makes 1 and 0 of them, and gives a column of numbers.
    """
    cells = [(3, "General", "3"), (True, "General", "TRUE"), (0, "General", "0"), (False, "General", "FALSE")]
    table = open_table(write(tmp_path / f"t{suffix}", cells))
    assert first_column(table) == [shown for *_, shown in cells]
    with open_writer(tmp_path / "out.xlsx", "xlsx", TableShape.of(table, [])) as writer:
        for chunk in table.chunks():
            writer.write(chunk, chunk.frame.select([]))
    again = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert [row[0] for row in again.iter_rows(min_row=2, values_only=True)] == [3, True, 0, False]
    assert [type(row[0]) for row in again.iter_rows(min_row=2, values_only=True)] == [int, bool, int, bool]


@pytest.mark.parametrize(("write", "suffix"), WRITERS)
@pytest.mark.parametrize("number", [case for case in NUMBERS if case[0] < 0 or 60 <= case[0] < 61], ids=str)
def test_an_odd_number_alone_in_its_column_is_what_a_person_sees(tmp_path, write, suffix, number):
    """Also where no other cell makes the column one of several types."""
    assert first_column(open_table(write(tmp_path / f"t{suffix}", [number]))) == [number[2]]


@pytest.mark.parametrize(("write", "suffix"), WRITERS)
@pytest.mark.parametrize("beside", [[], [(7, "General", "7")], [(43832, "m/d/yy", "2020-01-02")]], ids=str)
def test_errors_of_every_workbook_show_what_they_are(tmp_path, write, suffix, beside):
    """
    Each is the text that the cell shows, and they are counted.

    python-calamine 0.9.1 gives an empty cell for each, in all three formats.
    """
    table = open_table(write(tmp_path / f"t{suffix}", beside, list(ERRORS)))
    assert first_column(table) == [*(shown for *_, shown in beside), *ERRORS]
    assert [note.values["count"] for note in table.notes if note.kind == "note-error-cells"] == [len(ERRORS)]


@pytest.mark.parametrize("error", ["#SPILL!", "#CALC!", "#FIELD!", "#BUSY!", "#PYTHON!", "#GETTING_DATA"])
def test_an_error_that_the_reader_does_not_know_is_a_text(tmp_path, error):
    """
    The other cells are read as if it were not there.

    fastexcel 0.21.0: "Unsupported cell error value '#SPILL!'", and nothing is read.
    """
    path = write_xlsx(tmp_path / "t.xlsx", NUMBERS)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    last = f'<row r="99"><c r="A99" t="e"><v>{error}</v></c></row></sheetData>'
    parts[sheet] = parts[sheet].replace(b"</sheetData>", last.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    found = first_column(open_table(path))
    assert found[: len(NUMBERS)] == [shown for *_, shown in NUMBERS]
    assert found[-1] == error


def test_odd_numbers_stay_what_they_are_in_an_excel_file(tmp_path):
    """Written and read again, they show the same."""
    table = open_table(write_xlsx(tmp_path / "t.xlsx", NUMBERS))
    with open_writer(tmp_path / "out.xlsx", "xlsx", TableShape.of(table, [])) as writer:
        for chunk in table.chunks():
            writer.write(chunk, chunk.frame.select([]))
    assert first_column(open_table(tmp_path / "out.xlsx")) == [shown for *_, shown in NUMBERS]


@pytest.mark.parametrize("suffix", [".xlsx", ".xls"])
def test_the_calendar_of_1904_has_days_of_its_own(tmp_path, suffix):
    """Its day 60 is 1 March 1904; what is below 0 is its number."""
    path = tmp_path / f"t{suffix}"
    cells = [0.5, 60, 42370, -1]
    if suffix == ".xls":
        book = xlwt.Workbook()
        book.dates_1904 = True
        sheet = book.add_sheet("S")
        sheet.write(0, 0, "v")
        for row, number in enumerate(cells, start=1):
            sheet.write(row, 0, number, xlwt.easyxf(num_format_str="yyyy-mm-dd"))
        book.save(str(path))
    else:
        book = openpyxl.Workbook()
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
        for row, value in enumerate(["v", *cells], start=1):
            book.active.cell(row, 1, value).number_format = "yyyy-mm-dd"
        book.save(path)
    assert first_column(open_table(path)) == ["12:00:00", "1904-03-01", "2020-01-02", "-1"]


def test_a_hidden_sheet_of_a_binary_workbook_is_not_read(tmp_path):
    """Errors and odd numbers are looked for in the sheet that is read, and not in the first part."""
    table = open_table(write_xlsb(tmp_path / "t.xlsb", NUMBERS, ["#N/A"], hidden=True))
    assert table.header == ("v", "k")
    assert first_column(table) == [*(shown for *_, shown in NUMBERS), "#N/A"]


def test_a_small_old_workbook_is_known_as_well(tmp_path):
    """What is shorter than 4,096 bytes lies in small sectors of the file."""
    path = write_xls(tmp_path / "t.xls", [], ["#REF!"])
    assert first_column(open_table(path)) == ["#REF!"]
