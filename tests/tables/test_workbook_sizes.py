"""What reading a workbook takes, found out before it is read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError
from rowbatch.tables import workbook_parts, workbook_sizes
from rowbatch.tables.formats import open_table
from rowbatch.tables.workbook_parts import record_head, records
from rowbatch.tables.workbook_sizes import (
    SheetSize,
    WorkbookSizes,
    _has_further_cells,
)

HEAD = {(0, 0): "a", (1, 0): "b"}


def written(path: Path, cells: dict[tuple[int, int], object], sheets: int = 1) -> Path:
    with xlsxwriter.Workbook(path) as book:
        for number in range(sheets):
            sheet = book.add_worksheet(f"sheet {number + 1}")
            for (row, column), value in cells.items() if number == sheets - 1 else HEAD.items():
                sheet.write(row, column, value)
    return path


def exact_size(path: Path, name: str = "sheet 1") -> SheetSize:
    sizes = WorkbookSizes(path, path.read_bytes())
    sizes.require_texts()
    (part,) = sizes._parts_of(name)
    return sizes._exact(part)


def quick_size(path: Path, name: str = "sheet 1") -> SheetSize:
    sizes = WorkbookSizes(path, path.read_bytes())
    sizes.require_texts()
    (part,) = sizes._parts_of(name)
    return sizes._quick(part)


def refusal_of(path: Path) -> TableError:
    with pytest.raises(TableError) as caught:
        open_table(path)
    return caught.value


@pytest.mark.parametrize("block_bytes", [1 << 20, 50])
@pytest.mark.parametrize("column", [0, 25, 26, 51, 52, 675, 701, 702, 16_383])
def test_how_far_a_sheet_reaches(tmp_path, monkeypatch, column, block_bytes):
    """
    The count of the cells is right, and the quick look finds as much or more, but not much more; also where
    names and tags lie across two blocks.
    """
    monkeypatch.setattr(workbook_sizes, "_BYTES_AT_ONCE", block_bytes)
    path = written(tmp_path / "t.xlsx", {(0, 0): "a", (9, 0): 1, (699, column): "bcd"})
    assert exact_size(path) == SheetSize(700, column + 1, 5)
    quick = quick_size(path)
    assert quick.rows == 700
    assert column < quick.columns
    assert quick.columns <= (column // 26 + 1) * 26 or column > 701
    assert quick.text_bytes >= 4


def test_cells_without_names_are_counted(tmp_path):
    """
    A cell and a row need not say where they stand: then they follow each other.
    """
    path = written(tmp_path / "t.xlsx", {(0, 0): "x"})
    rows = "<row><c><v>1</v></c><c t='inlineStr'><is><t>abc</t></is></c></row>" * 3
    content = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            data = source.read(part)
            if part.filename.endswith("sheet1.xml"):
                begin, _, rest = data.decode().partition("<sheetData>")
                data = f"{begin}<sheetData>{rows}</sheetData>{rest.partition('</sheetData>')[2]}".encode()
            target.writestr(part.filename, data)
    path.write_bytes(content.getvalue())
    assert exact_size(path) == SheetSize(3, 2, 12)
    assert quick_size(path).rows >= 3


def test_a_cell_far_away_is_refused_by_where_it_stands(tmp_path, monkeypatch):
    """
    A sheet becomes a rectangle up to its last cell; one that has no room is refused with that place, before
    it is read, and another sheet of the workbook is not.
    """
    path = written(tmp_path / "t.xlsx", {(0, 0): "a", (1, 0): "b", (20_000, 300): "c"}, sheets=2)
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.05")
    with pytest.raises(TableError) as caught:
        open_table(path, ReadOptions(sheet="sheet 2"))
    assert open_table(path, ReadOptions(sheet="sheet 1")).header == ("a",)
    error = caught.value
    assert (error.kind, error.values["rows"], error.values["columns"]) == ("sheet-needs-memory", 20_001, 301)
    assert "Ctrl+End" in error.hint
    assert "0.4 GB" in error.message


def test_a_text_that_many_cells_share_is_counted_in_each(tmp_path, monkeypatch):
    """
    A text stands in the file once, and in memory as often as a cell has it.
    """
    cells = {(row, 0): "x" * 20_000 for row in range(1, 2000)}
    path = written(tmp_path / "t.xlsx", {(0, 0): "a", **cells})
    assert exact_size(path).text_bytes == 1999 * 20_000 + 1
    assert len(list(open_table(path).chunks())) == 1
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.05")
    assert refusal_of(path).kind == "table-needs-memory"


def test_what_the_quick_look_finds_too_much_is_counted(tmp_path, monkeypatch):
    """
    One long text among many short ones is no reason to refuse a workbook.
    """
    cells = {(row, 0): f"text {row}" for row in range(1, 3000)}
    path = written(tmp_path / "t.xlsx", {(0, 0): "a", **cells, (3000, 0): "x" * 30_000})
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.01")
    assert quick_size(path).needed_bytes > 0.01 * (1 << 30)
    assert open_table(path).header == ("a",)


def test_a_part_is_as_long_as_it_is_and_not_as_it_says(tmp_path, monkeypatch):
    """
    What a workbook says of its own size is not believed: its parts are unpacked and counted.
    """
    path = written(tmp_path / "t.xlsx", {(row, 0): f"a long text of row {row} " * 20 for row in range(2000)})
    sizes = WorkbookSizes(path, path.read_bytes())
    for part in sizes._parts.values():
        part.file_size = 10
    monkeypatch.setattr(sizes, "_most", 100_000)
    with pytest.raises(TableError) as caught:
        sizes.require_texts()
    assert caught.value.kind == "table-needs-memory"


def ods(path: Path, rows: str) -> Path:
    """A minimal .ods with one sheet."""
    spaces = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    spaces += 'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    spaces += 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} office:version="1.2">'
        f'<office:body><office:spreadsheet><table:table table:name="one">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<?xml version="1.0"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", kind, zipfile.ZIP_STORED)
        file.writestr("META-INF/manifest.xml", manifest)
        file.writestr("content.xml", content)
    return path


def cell(text: str, times: int = 1) -> str:
    return (
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{times}">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def row(cells: str, times: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{times}">{cells}</table:table-row>'


def test_cells_that_are_said_once_and_repeated_are_counted(tmp_path, monkeypatch):
    """
    An .ods repeats cells and rows by a number. Empty ones at the edges, which every LibreOffice writes, count
    nothing.
    """
    edge = row('<table:table-cell table:number-columns-repeated="16384"/>', 1_048_000)
    path = ods(tmp_path / "t.ods", row(cell("a", 2)) + row(cell("bc", 2), 300) + edge)
    table = open_table(path)
    assert (len(table.header), sum(chunk.frame.height for chunk in table.chunks())) == (2, 300)
    sizes = WorkbookSizes(path, path.read_bytes())
    assert workbook_sizes._OpenDocument(sizes._unpacked(sizes._parts["content.xml"])).size() == SheetSize(
        301, 2, 2 + 300 * 4, workbook_sizes._CELL_BYTES_ODS
    )
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.0002")
    assert open_table(path).header == table.header
    wide = ods(tmp_path / "wide.ods", row(cell("a", 50)) + row(cell("bc", 50), 300) + edge)
    assert refusal_of(wide).kind == "sheet-needs-memory"


def test_records_of_a_binary_workbook():
    """
    A number of one or two bytes, a length of up to four, the content; across blocks too. Source:
    [MS-XLSB] 2.1.4.
    """
    data = b"\x00\x04\x07\0\0\0" + b"\x93\x01\x81\x01" + b"x" * 129 + b"\x07\x00"
    expected = [(0, b"\x07\0\0\0"), (0x93, b"x" * 129), (7, b"")]
    for size in (1, 2, 7, 1000):
        blocks = (data[at : at + size] for at in range(0, len(data), size))
        assert list(records(blocks)) == expected
    assert record_head(b"\x93", 0) is None


@pytest.mark.parametrize(
    ("piece", "row", "columns", "expected"),
    [
        ('<c r="AA1"', 1, 26, True),
        ('<c r="aa1"', 1, 26, True),
        ('<c r="Z1" r:id="rId1"', 1, 26, False),
        ('<c r="BA1"', 1, 52, True),
        ('<c r="AZ1"', 1, 52, False),
        ('<c r="ZZ1"', 1, 702, False),
        ('<c r="AAA1"', 1, 702, True),
        ('<c r="A12000" s="1"', 11_900, 26, True),
        ('<c r="A11999"', 11_900, 26, False),
        ('<c r="A20000"', 11_900, 26, True),
        ('<c r="A9999"', 11_900, 26, False),
        ('<c r="A100000"', 99_000, 26, True),
        ('<c r="A9999"', 9_900, 26, False),
        ('<c r="A1048576"', 0, 16_406, True),
        ('<x:c r="A1">', 1, 26, False),
        ('<c s="1" r="A1">', 1, 26, True),
        ("<x:c>", 1, 26, True),
        ('<c\n r="A1"/>', 1, 26, False),
        ("<c/>", 1, 26, True),
        ('<col min="1"/><cfRule/><v>1</v>', 1, 26, False),
    ],
)
def test_what_makes_the_quick_look_look_again(piece, row, columns, expected):
    """
    Each name of a cell beyond a column or clearly below a row, and a cell that does not begin with its name;
    no id of a relation, and no other tag.
    """
    assert _has_further_cells(f"é{piece}".encode(), row, columns) == expected
    # A letter that is cut, which no program writes.
    assert _has_further_cells(f"é{piece}".encode()[1:], row, columns)


@pytest.mark.parametrize("block_bytes", [1 << 20, 1, 2, 3, 7, 50])
def test_the_values_of_a_sheet_are_counted_on_the_way(tmp_path, monkeypatch, block_bytes):
    """
    Each once, also where its tag lies across blocks; of several sheets those of the one that was looked at.
    """
    monkeypatch.setattr(workbook_sizes, "_BYTES_AT_ONCE", block_bytes)
    path = written(tmp_path / "t.xlsx", {(0, 0): "a", (1, 0): 1, (5, 3): "b", (5, 4): 2.5}, sheets=2)
    sizes = WorkbookSizes(path, path.read_bytes())
    assert sizes.values_of("sheet 2") is None
    sizes.require_texts()
    sizes.require_sheet("sheet 2")
    assert sizes.values_of("sheet 2") == 4
    assert sizes.values_of("sheet 1") is None


def test_a_tag_without_an_end_is_refused(tmp_path, monkeypatch):
    """
    A part that is one long tag is not looked at to its end: expat 2.5 would begin anew with each block of it.
    What is long between tags, as a text is, is none.
    """
    monkeypatch.setattr(workbook_parts, "MOST_TAG_BYTES", 1 << 16)
    monkeypatch.setattr(workbook_sizes, "_BYTES_AT_ONCE", 1 << 14)
    with pytest.raises(TableError, match="a tag of more than") as caught:
        open_table(ods(tmp_path / "t.ods", row("<remark" + " " * (1 << 18))))
    assert caught.value.kind == "workbook-unreadable"
    assert (
        open_table(ods(tmp_path / "t.ods", row(cell("a" * (1 << 18))) + row(cell("b")))).header[0][:2] == "aa"
    )


def with_rows(path: Path, rows: str) -> Path:
    """A workbook whose sheet has these rows, as they stand."""
    content = io.BytesIO()
    with (
        zipfile.ZipFile(written(path, {(0, 0): "x"})) as source,
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in source.infolist():
            data = source.read(part)
            if part.filename.endswith("sheet1.xml"):
                begin, _, rest = data.decode().partition("<sheetData>")
                data = f"{begin}<sheetData>{rows}</sheetData>{rest.partition('</sheetData>')[2]}".encode()
            target.writestr(part.filename, data)
    path.write_bytes(content.getvalue())
    return path


@pytest.mark.parametrize("block_bytes", [1 << 20, 50])
@pytest.mark.parametrize(
    ("rows", "reach"),
    [
        pytest.param(
            '<row r="1"><c r="A1"><v>1</v></c><c r="B900000"><v>1</v></c></row>', (900_000, 2), id="row"
        ),
        pytest.param(
            '<row r="900"><c r="A900"><v>1</v></c></row><row r="2"><c r="B2"><v>1</v></c></row>',
            (900, 2),
            id="order",
        ),
        pytest.param('<row r="1"><c r="AAAB1"><v>1</v></c></row>', (1, 18_280), id="four-letters"),
        pytest.param("<row r='1'><c r='ZZ700'><v>1</v></c></row>", (700, 702), id="other-quotes"),
        pytest.param('<row r="1"><c s="0" r="ZZ700"><v>1</v></c></row>', (700, 702), id="other-order"),
        pytest.param('<row r="1"><x:c r="AB7"><v>1</v></x:c></row>', (7, 28), id="prefix"),
        pytest.param(
            '<row r="1"><x:c s="0" r="ZZ700"><v>1</v></x:c></row>', (700, 702), id="prefix-and-order"
        ),
        pytest.param('<row r="1">' + "<c><v>1</v></c>" * 700 + "</row>", (1, 700), id="no-names"),
    ],
)
def test_the_quick_look_finds_cells_wherever_they_say_to_be(tmp_path, monkeypatch, rows, reach, block_bytes):
    """
    What a row is called says nothing of its cells, and a cell may say its name in ways that no program
    writes: the quick look finds as much as there is, but for a tenth of the rows, or leaves it to the count.
    """
    monkeypatch.setattr(workbook_sizes, "_BYTES_AT_ONCE", block_bytes)
    path = with_rows(tmp_path / "t.xlsx", rows)
    quick = quick_size(path)
    # More columns than a sheet can have make it count.
    assert quick.columns >= min(reach[1], 16_385)
    assert quick.columns > 16_384 or 1.1 * quick.rows + 9 >= reach[0]
    if "x:c" not in rows:
        exact = exact_size(path)
        assert (exact.rows, exact.columns) == reach


def test_sheets_of_programs_are_not_counted_cell_by_cell(tmp_path, monkeypatch):
    """
    Widths of columns, rules for colours, links and remarks leave the quick look in its place.
    """
    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("sheet 1")
        for row in range(200):
            sheet.write_row(row, 0, [row, "a:c b:c d", "http://example.org/a"])
            sheet.set_column(row % 20, row % 20, row % 9 + 3)
            sheet.conditional_format(row, 0, row, 1, {"type": "2_color_scale"})
        sheet.write_comment(3, 3, "a remark")
    monkeypatch.setattr(workbook_sizes, "_BYTES_AT_ONCE", 700)
    quick = quick_size(path)
    assert (quick.rows, quick.columns) == (200, 26)


def test_a_sheet_that_is_wider_than_any_is_refused(tmp_path, monkeypatch):
    """
    Excel has 16,384 columns; what says that it has more is refused before the reader sees it.
    """
    monkeypatch.setattr(workbook_sizes, "_MAX_COLUMNS", 30)
    path = with_rows(tmp_path / "t.xlsx", "<row>" + "<c><v>1</v></c>" * 31 + "</row>")
    error = refusal_of(path)
    assert (error.kind, error.values["columns"], error.values["most"]) == ("too-many-columns", 31, 30)


def test_shared_texts_take_more_than_their_letters(tmp_path, monkeypatch):
    """
    A list of short texts takes room for each of them, and so do names that the workbook has: what was let
    through took twice as much as there was.
    """
    path = written(tmp_path / "t.xlsx", {(row, 0): f"{row}" + "x" for row in range(3000)})
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", str(150_000 / (1 << 30)))
    assert refusal_of(path).kind == "table-needs-memory"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("sheet 1").write(0, 0, "a")
        for number in range(1500):
            book.define_name(f"name_{number}", "='sheet 1'!$A$1")
    assert refusal_of(path).kind == "table-needs-memory"


def test_spaces_of_an_open_document_are_counted(tmp_path, monkeypatch):
    """
    A run of spaces is said by a number: calamine, as fastexcel 0.21.0 has it, writes them out.
    """
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    rows = "".join(
        f'<table:table-row><table:table-cell office:value-type="string">{text}</table:table-cell>'
        "</table:table-row>"
        for text in ("<text:p>head</text:p>", '<text:p>a<text:s text:c="3000"/>b</text:p>')
    )
    path = tmp_path / "t.ods"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr("META-INF/manifest.xml", "<manifest/>")
        file.writestr(
            "content.xml",
            f"<office:document-content {names}><office:body><office:spreadsheet>"
            f'<table:table table:name="one">{rows}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", str(5_000 / (1 << 30)))
    assert refusal_of(path).kind == "table-needs-memory"
    monkeypatch.delenv("ROWBATCH_MAX_MEMORY_GB")
    (chunk,) = open_table(path).chunks()
    assert chunk.frame.rows() == [("a" + " " * 3000 + "b",)]
