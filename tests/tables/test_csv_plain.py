"""Where cells of plain CSV lie in its text: the careful reader is the measure."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rowbatch.errors import TableError
from rowbatch.tables import csv_fast, csv_reader
from rowbatch.tables.base import TableChunk
from rowbatch.tables.csv_plain import PlainBlock, find_cells, record_end
from rowbatch.tables.csv_reader import CsvTable, open_csv

MARKS = '"",,,\n\n\r\t\\;| é中🙂\x85\u2028\u2029\u0080\u2027\x0b\x7f'
TEXTS = st.text(
    st.one_of(st.sampled_from(MARKS), st.characters(codec="utf-8", exclude_characters="\0")), max_size=9
)
# Much of it is CSV, and nearly as much is not quite.
RAW = st.lists(
    st.sampled_from(
        [
            "a",
            "b,",
            ",",
            '"',
            '""',
            '"x"',
            '",',
            ',"',
            "\n",
            "\r\n",
            "\r",
            "\\",
            "\t",
            "é",
            "\u2028",
            "中",
            " ",
        ]
    ),
    max_size=30,
).map("".join)


def texts_of(block: PlainBlock) -> list[list[str]]:
    columns = []
    for column in range(block.width):
        cells = block.cells(column)
        texts = [text.decode() for text in block.texts(cells, cells.begins.argsort(kind="stable"))]
        are_odd = [any(c in '"\\\x85\u2028\u2029' or c < " " for c in text) for text in texts]
        assert cells.are_odd.tolist() == are_odd
        assert block.blank(column).tolist() == [not text.strip(WHITE) for text in texts]
        columns.append(texts)
    return [list(row) for row in zip(*columns, strict=True)]


# What is white space to polars; `str.strip` takes U+001C to U+001F too.
WHITE = "".join(
    character
    for character in map(chr, range(0x3001))
    if character.isspace() and not "\x1c" <= character <= "\x1f"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plain")


def rows_in_pieces(table: CsvTable) -> list[list[str]]:
    rows: list[list[str]] = []
    for piece in table.blocks():
        assert piece.first_row == len(rows) + 1
        rows += map(list, piece.frame.iter_rows()) if isinstance(piece, TableChunk) else texts_of(piece)
    return rows


def in_small_pieces(monkeypatch: pytest.MonkeyPatch, size: int = 16) -> None:
    """Let small files go the way of large ones, in many blocks."""
    monkeypatch.setattr(csv_reader, "_MIN_FAST_BYTES", 0)
    monkeypatch.setattr(csv_reader, "_MIN_PLAIN_BYTES", 0)
    monkeypatch.setattr(csv_fast, "_PLAIN_BYTES", size)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=12),
    delimiter=st.sampled_from([",", "\t", ";", "|", " ", "\\"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_is_written_is_found(rows, delimiter, end, quoting):
    """
    Each cell is found where it stands, with what is odd about it, whatever is in it; rows of Python's csv
    module are plain, but for one of a lone carriage return that it leaves without quotes.
    """
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    block = find_cells(text.getvalue().encode(), 3, delimiter)
    if block is None:
        assert quoting == csv.QUOTE_MINIMAL
        assert any("\r" in cell for row in rows for cell in row)
        return
    assert (block.height, block.size) == (len(rows), len(block.text))
    assert texts_of(block) == [list(row) for row in rows]


@settings(max_examples=400, deadline=None)
@given(text=RAW, width=st.integers(1, 3))
@example(text='a,b\n"a",b\n', width=2)
@example(text='a,"b"c\n', width=2)
@example(text='a,b"c"\n', width=2)
@example(text='a,"b\n', width=2)
@example(text="a,b\r\na,b\n", width=2)
def test_what_is_found_is_what_the_careful_reader_reads(folder, text, width):
    """
    Of any text either the rows are those of the careful reader, or none are said to be there.
    """
    header = ",".join(f"c{number}" for number in range(width))
    path = folder / "t.csv"
    path.write_bytes(f"{header}\n{text}".encode())
    block = find_cells(text.encode(), width, ",")
    if block is None or not block.height:
        return
    found = texts_of(block)
    # What follows the block, or the notes below a table, are another matter.
    path.write_bytes(f"{header}\n".encode() + block.text[: block.size])
    table = open_csv(path, delimiter=",", header="first", encoding="utf-8")
    rows = [list(row) for chunk in table.careful_chunks() for row in chunk.frame.iter_rows()]
    assert found == rows


@pytest.mark.parametrize(
    ("text", "width"),
    [
        pytest.param(b'a,b"c\n', 2, id="quote-in-a-bare-cell"),
        pytest.param(b'a,"b"c\n', 2, id="text-after-a-quote"),
        pytest.param(b"a\n", 2, id="too-few-cells"),
        pytest.param(b"a,b,c\n", 2, id="too-many-cells"),
        pytest.param(b"a,b,c\na\n", 2, id="too-many-then-too-few"),
        pytest.param(b"\n", 2, id="empty-line"),
        pytest.param(b"a,\0\n", 2, id="nul"),
        pytest.param(b"a,\xff\n", 2, id="not-utf-8"),
        pytest.param(b"a,b\rc,d\n", 2, id="lone-carriage-return"),
        pytest.param(b"a,b\r\nc,d\n", 2, id="line-ends-of-two-kinds"),
        pytest.param(b"a,b\r\r\n", 2, id="two-carriage-returns"),
    ],
)
def test_what_is_not_plain_is_left_to_the_careful_reader(text, width):
    """
    Where two readers may differ, or what is broken, no cell is found.
    """
    found = find_cells(text, width, ",")
    assert found is None or found.size == 0


def test_a_text_is_cut_where_a_row_ends():
    """
    Line ends in quotes end no row; a row that has no end yet ends nowhere.
    """
    assert record_end(b"a,b\nc") == 4
    assert record_end(b'a,"b\nc\n') == 0
    assert record_end(b'a,b\n"c\nd\ne') == 4
    assert record_end(b'"a\nb"\n"c\n') == 6
    assert record_end(b"") == record_end(b"a") == 0


PLAIN = "".join(f'{n},"text ""{n}""\nof é {n}",x\n' for n in range(40))


@pytest.mark.parametrize(
    ("content", "options"),
    [
        pytest.param(PLAIN, {}, id="plain"),
        pytest.param(PLAIN.removesuffix("\n"), {}, id="no-line-end-at-the-end"),
        pytest.param(PLAIN.replace("\nof", "of").replace("\n", "\r\n"), {}, id="crlf"),
        pytest.param(PLAIN + "41,a,b\r\n42,a,b\r\n", {}, id="crlf-from-there-on"),
        pytest.param(PLAIN + '41,a "b" c,d\n42,x,y\n', {}, id="bare-quote-from-there-on"),
        pytest.param(PLAIN + "id,text,more\n41,a,b\n", {}, id="header-again"),
        pytest.param(PLAIN + "41,a\n42,b,c\n", {"on_bad_rows": "keep"}, id="broken-row-kept"),
        pytest.param(PLAIN + "41,a\n42,b,c\n", {"on_bad_rows": "skip"}, id="broken-row-skipped"),
        pytest.param(PLAIN + f"41,{'long ' * 99},b\n42,b,c\n", {}, id="row-longer-than-a-block"),
        pytest.param(PLAIN.replace("\n", ",\n").replace(",\nof", "of"), {}, id="trailing-delimiter"),
        pytest.param(PLAIN.replace(",", "\t"), {}, id="tabs"),
    ],
)
@pytest.mark.parametrize("size", [16, 100, 1 << 20])
def test_blocks_and_chunks_have_the_same_rows(folder, monkeypatch, content, options, size):
    """
    Read in blocks a table has the rows that it has in chunks, in order, whatever comes in the middle of it.
    """
    header = "id,text,more\n"
    if "\t" in content:
        header = header.replace(",", "\t")
    elif content.startswith('0,"text ""0""of é 0",x,'):
        header = "id,text,more,\n"
    elif "\r\n" in content[:40]:
        header = header.replace("\n", "\r\n")
    path = folder / "same.csv"
    path.write_bytes((header + content).encode())
    table = open_csv(path, **options)
    expected = [list(row) for chunk in table.careful_chunks() for row in chunk.frame.iter_rows()]
    in_small_pieces(monkeypatch, size)
    assert rows_in_pieces(table) == expected
    assert rows_in_pieces(table) == expected
    # A single block holds what is not plain, too.
    assert size == 1 << 20 or any(isinstance(piece, PlainBlock) for piece in table.blocks())


def test_a_table_of_another_encoding_is_read_in_chunks(folder, monkeypatch):
    """
    What is not UTF-8 in the file has no cells to point at.
    """
    path = folder / "latin.csv"
    path.write_bytes("id,text\n1,é\n2,ü\n".encode("latin-1"))
    in_small_pieces(monkeypatch)
    table = open_csv(path, encoding="latin-1")
    assert rows_in_pieces(table) == [["1", "é"], ["2", "ü"]]


def test_a_broken_row_is_an_error_with_its_line_after_blocks(folder, monkeypatch):
    """
    The rows before it come in blocks, and the message says where it stands.
    """
    path = folder / "broken.csv"
    path.write_text("id,text,more\n" + PLAIN + "41,a\n42,b,c\n", encoding="utf-8")
    in_small_pieces(monkeypatch)
    pieces = open_csv(path).blocks()
    with pytest.raises(TableError, match="line 82"):
        for piece in pieces:
            assert piece.first_row <= 40
