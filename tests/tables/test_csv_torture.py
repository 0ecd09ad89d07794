"""CSV in, tortured: the same cells in every place, line end and encoding; what others write; large files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch.errors import TableError
from rowbatch.tables.csv_reader import CsvTable, open_csv

CELLS = st.text(
    st.one_of(
        st.sampled_from('"""\'\',,;\t|\r\n\n  \\#é中🙂\u2028\x85\x0b\x0c\x1c\ufeff'),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    max_size=8,
)
WORDS = st.sampled_from(
    ["", " ", "007", "1e5", "NA", "null", "None", "nan", "TRUE", "a,b", 'say "no"', "x\ny"]
)
# Python's csv before 3.13 quotes a carriage return only where it is part of the line end.
ENDS = st.sampled_from(
    [("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL)]
)


def rows_of(table: CsvTable, rows_per_chunk: int = 20_000) -> list[list[str]]:
    """All rows; the chunks must follow one another."""
    rows: list[list[str]] = []
    for chunk in table.chunks(rows_per_chunk):
        assert chunk.first_row == len(rows) + 1
        assert chunk.frame.columns == [str(position) for position in range(len(table.header))]
        assert chunk.frame.height <= rows_per_chunk
        rows.extend(map(list, chunk.frame.iter_rows()))
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv")


@pytest.fixture
def table_of(folder):
    """
    Write a file and open it.
    """

    def write(content: bytes | str, name: str = "t.csv", **options) -> CsvTable:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_csv(path, **options)

    return write


@pytest.mark.parametrize(
    ("written", "cell"),
    [
        pytest.param("007", "007", id="leading-zeros"),
        pytest.param("1e5", "1e5", id="exponent"),
        pytest.param("1.10", "1.10", id="trailing-zero"),
        pytest.param("NA", "NA", id="NA"),
        pytest.param("null", "null", id="null"),
        pytest.param("NULL", "NULL", id="NULL"),
        pytest.param("nan", "nan", id="nan"),
        pytest.param("TRUE", "TRUE", id="true"),
        pytest.param("2024-01-01", "2024-01-01", id="date"),
        pytest.param("", "", id="empty"),
        pytest.param('""', "", id="empty-in-quotes"),
        pytest.param("  a ", "  a ", id="spaces-kept"),
        pytest.param('" a "', " a ", id="spaces-in-quotes"),
        pytest.param('"a,b"', "a,b", id="delimiter"),
        pytest.param('"she said ""no"""', 'she said "no"', id="doubled-quotes"),
        pytest.param('""""', '"', id="one-quote"),
        pytest.param('5" pipe', '5" pipe', id="bare-quote"),
        pytest.param('a "b" c', 'a "b" c', id="bare-quotes"),
        pytest.param(' "a"', ' "a"', id="quote-after-a-space"),
        pytest.param("it's", "it's", id="apostrophe"),
        pytest.param("C:\\new\\", "C:\\new\\", id="backslashes"),
        pytest.param('"\\"', "\\", id="backslash-before-a-quote"),
        pytest.param("#a", "#a", id="no-comments"),
        pytest.param("=1+1", "=1+1", id="formula"),
        pytest.param('"a\nb"', "a\nb", id="LF"),
        pytest.param('"a\r\nb"', "a\r\nb", id="CRLF"),
        pytest.param('"a\rb"', "a\rb", id="CR"),
        pytest.param('"\n\n"', "\n\n", id="only-newlines"),
        pytest.param("a\u2028b\u2029c\x85d", "a\u2028b\u2029c\x85d", id="unicode-line-ends"),
        pytest.param("a\x0bb\x0cc\x1cd\x1ee", "a\x0bb\x0cc\x1cd\x1ee", id="control-characters"),
        pytest.param("\ufeff", "\ufeff", id="a-mark-in-a-cell"),
        pytest.param("é中🙂👩‍👩‍👧🇩🇪", "é中🙂👩‍👩‍👧🇩🇪", id="emoji"),
        pytest.param("x" * 5_000_000, "x" * 5_000_000, id="5-MB"),
        pytest.param('"' + 'é""\n' * 1_000_000 + '"', 'é"\n' * 1_000_000, id="5-MB-in-quotes"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_cell_is_its_text(table_of, written, cell, end, place):
    """
    Whatever a cell looks like, and wherever it stands, it is the text of the file.
    """
    cells, expected = ["v", "w", "é"], ["v", "w", "é"]
    cells[place], expected[place] = written, cell
    content = end.join(["a,b,c", ",".join(cells), "1,2,3"]) + end
    table = table_of(content)
    assert table.header == ("a", "b", "c")
    assert rows_of(table) == [expected, ["1", "2", "3"]]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        pytest.param("a,b", ("a", "b"), id="plain"),
        pytest.param("a,a", ("a", "a"), id="twice"),
        pytest.param("v1,,", ("v1", "", ""), id="empty"),
        pytest.param(" a ,b", (" a ", "b"), id="spaces-kept"),
        pytest.param('"a\nb",c', ("a\nb", "c"), id="line-break"),
        pytest.param('"a, ""b""",c', ('a, "b"', "c"), id="quotes-and-delimiter"),
        pytest.param("1,2.5", ("1", "2.5"), id="numbers"),
        pytest.param("row,line", ("row", "line"), id="names-that-we-use-inside"),
        pytest.param("\n\r\n\na,b", ("a", "b"), id="blank-lines-above"),
    ],
)
def test_header(table_of, header, names):
    """
    Names of columns are kept as they stand, also if they are empty or stand twice.
    """
    table = table_of(f"{header}\n{','.join('x' * len(names))}\n")
    assert table.header == names
    assert rows_of(table) == [["x"] * len(names)]


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        pytest.param("a,b\n1,2\n", ",", id="comma"),
        pytest.param("a;b\n1;2,5\n", ";", id="semicolon"),
        pytest.param("a\tb\n1\t2\n", "\t", id="tab"),
        pytest.param("a|b\n1|2\n", "|", id="bar"),
        pytest.param('"x,y,z";b\n1;2\n', ";", id="commas-in-quotes"),
        pytest.param('"x,\n,,y";b\n1;2\n', ";", id="line-break-in-quotes"),
        pytest.param('"say ""a,b,c""";b\n1;2\n', ";", id="doubled-quotes"),
        pytest.param("\r\n\na;b\n1;2\n", ";", id="blank-lines-above"),
        pytest.param("a\n1\n", ",", id="one-column"),
    ],
)
def test_the_delimiter_is_what_the_header_has_most_of(table_of, content, delimiter):
    """
    The header line shows the delimiter; what stands in quotes does not count.
    """
    table = table_of(content)
    assert table.delimiter == delimiter
    assert len(rows_of(table)) == 1


def test_a_tsv_file_has_tabs(table_of):
    """
    The ending .tsv means tabs, whatever the header has.
    """
    table = table_of("a, b, c\td\n1\t2\n", "t.tsv")
    assert (table.header, rows_of(table)) == (("a, b, c", "d"), [["1", "2"]])


@pytest.mark.parametrize(
    ("given_delimiter", "content"),
    [(";", "a,b;c\n1;2\n"), ("tab", "a,b\tc\n1\t2\n"), ("\\t", "a,b\tc\n1\t2\n")],
)
def test_a_delimiter_that_is_given_counts(table_of, given_delimiter, content):
    """
    What the person says goes before what the header shows.
    """
    table = table_of(content, delimiter=given_delimiter)
    assert (table.header, rows_of(table)) == (("a,b", "c"), [["1", "2"]])


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        pytest.param("utf-8", None, id="utf-8"),
        pytest.param("utf-8-sig", None, id="utf-8-mark"),
        pytest.param("utf-8-sig", "utf-8", id="utf-8-mark-and-said"),
        pytest.param("utf-16", None, id="utf-16-mark"),
        pytest.param("utf-16", "utf-16", id="utf-16-mark-and-said"),
        pytest.param("utf-16-le", "utf-16-le", id="utf-16-le-said"),
        pytest.param("utf-16-be", "utf-16-be", id="utf-16-be-said"),
        pytest.param("utf-32", None, id="utf-32-mark"),
        pytest.param("latin-1", "latin-1", id="latin-1"),
        pytest.param("cp1252", "windows-1252", id="cp1252-by-another-name"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_encodings(table_of, codec, encoding, delimiter):
    """
    A byte order mark says the encoding, else the person does, else it is UTF-8.
    """
    content = f'é"q"{delimiter}b\nü{delimiter}"x{delimiter}\ny"\n'
    table = table_of(content.encode(codec), encoding=encoding)
    assert (table.header, table.delimiter) == (('é"q"', "b"), delimiter)
    assert rows_of(table) == [["ü", f"x{delimiter}\ny"]]


def test_utf_16_of_the_other_byte_order(table_of):
    """
    Big-endian UTF-16 is known by its mark.
    """
    assert rows_of(table_of(b"\xfe\xff" + "a,b\né,中\n".encode("utf-16-be"))) == [["é", "中"]]


def test_chinese_as_windows_writes_it(table_of):
    """
    GB18030 is read when it is named.
    """
    assert rows_of(table_of("文本,b\n你好,🙂\n".encode("gb18030"), encoding="gb18030")) == [["你好", "🙂"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("blank", [0, 1, 3])
def test_blank_lines_at_the_end_are_no_rows(table_of, end, blank):
    """
    A table of several columns may end in blank lines, or without a line end.
    """
    assert rows_of(table_of(f"a,b{end}1,2{end}3,4" + end * blank)) == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param("a\nx\n\ny\n", ["x", "", "y"], id="in-the-middle"),
        pytest.param("a\nx\n\n", ["x", ""], id="at-the-end"),
        pytest.param("a\n\n\n", ["", ""], id="all"),
        pytest.param('a\n""\nx\n', ["", "x"], id="in-quotes"),
        pytest.param("a\r\n\r\nx", ["", "x"], id="CRLF"),
    ],
)
def test_a_blank_line_is_a_row_of_one_column(table_of, content, rows):
    """
    In a table of one column an empty line is an empty cell, and no row is lost.
    """
    assert rows_of(table_of(content)) == [[cell] for cell in rows]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        pytest.param('a,b\n1,"x\n\n"y\n', 4, "text after a closing quote", id="text-after-quote-of-3-lines"),
        pytest.param('a,b\n1,2\n"x\ny","z\n4,5\n', 4, "never closed", id="never-closed-in-a-later-cell"),
        pytest.param("a,b\n1,2\n\n\n\n3,4\n", 3, "empty", id="blank-lines"),
        pytest.param("a,b\r\n1,2\r\n\r\n3,4\r\n", 3, "empty", id="blank-line-CRLF"),
        pytest.param("a,b\r1,2\r\r3,4\r", 3, "empty", id="blank-line-CR"),
        pytest.param("a,b\n1,2\n3,\0\n", 3, "NUL", id="NUL"),
        pytest.param('a,b\n1,2\n"x\n\0",4\n', 4, "NUL", id="NUL-in-quotes"),
        pytest.param("a\0,b\n1,2\n", 1, "NUL", id="NUL-in-the-header"),
        pytest.param(b"a,b\n1,2\nx\xe9,3\n", 3, "byte 2 of the line: not UTF-8", id="not-utf-8"),
        pytest.param(b"a\xe9,b\n1,2\n", 1, "byte 2 of the line: not UTF-8", id="not-utf-8-in-the-header"),
        pytest.param(b'a,b\n"\n\n\xff",3\n', 4, "byte 1 of the line: not UTF-8", id="not-utf-8-in-quotes"),
        pytest.param(b"a,b\n1,\xf0\x9f\x99", 2, "byte 3 of the line: not UTF-8", id="cut-character"),
        pytest.param(b"a,b\r1,2\r3,\xff\r", 3, "byte 3 of the line: not UTF-8", id="not-utf-8-CR"),
    ],
)
def test_broken_files_name_the_line(table_of, content, line, said):
    """
    What would shift or lose a cell is an error that names the line of the file.
    """
    with pytest.raises(TableError) as caught:
        rows_of(table_of(content, encoding="utf-8"))
    assert caught.value.line == line
    assert f"t.csv, line {line}" in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"a,b\n1,2\nx\xe9,3\n", b"a,b\n1,2\n3\n", b'a,b\n1,2\n3,"x\n'])
def test_rows_before_a_broken_one_are_numbered_all_the_same(table_of, content):
    """
    The line in an error does not depend on how many rows make a chunk.
    """
    lines = set()
    for size in (1, 2, 20_000):
        with pytest.raises(TableError) as caught:
            rows_of(table_of(content, encoding="utf-8"), size)
        lines.add(caught.value.line)
    assert lines == {3}


def test_a_broken_line_far_down(table_of):
    """
    The line is right beyond what is read at a time, whichever reader was there before.
    """
    good = '1,"x\ny"\n' * 200_000
    for bad in (b"1,\xff\n", b"1\n", b'1,"x"y\n', b"1,\0\n"):
        with pytest.raises(TableError) as caught:
            rows_of(table_of(b"a,b\n" + good.encode() + bad + good.encode()))
        assert caught.value.line == 400_002, bad


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "zip or Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel or Word 97"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"%PDF-1.7\n", "PDF"),
    ],
)
def test_other_formats_are_called_by_name(table_of, content, name):
    """
    A file that is no CSV is said to be what it is.
    """
    with pytest.raises(TableError) as caught:
        table_of(content)
    assert f"it is {name} data" in caught.value.message
    assert "CSV" in caught.value.hint


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-32", "ascii", "gb18030", "utf-16-le", "cp1252", "punycode"]
)
def test_a_wrong_encoding_is_an_error(table_of, encoding):
    """
    A file that is not in the encoding that was named is an error, not a guess.
    """
    with pytest.raises(TableError):
        rows_of(
            table_of(
                "a,b\n1,\u0101\x8d\xff2\n".encode("latin-1", "replace") + b"\x81\xff\n", encoding=encoding
            )
        )


@pytest.mark.parametrize(
    ("name", "guess"),
    [("Text", "text"), ("txet", "text"), ("text ", "text"), ("PREDICTION", "Prediction "), ("zzz", None)],
)
def test_the_nearest_name_is_suggested(table_of, name, guess):
    """
    A name that is not there is answered with the nearest one, and with all of them.
    """
    table = table_of("text,title,Prediction ,id\n1,2,3,4\n")
    with pytest.raises(TableError) as caught:
        table.column(name)
    assert ("did you mean" in caught.value.message) == (guess is not None)
    assert guess is None or f"did you mean {guess!r}?" in caught.value.message
    assert "'title'" in caught.value.hint


@given(
    rows=st.lists(st.lists(st.one_of(CELLS, WORDS), min_size=3, max_size=3), min_size=1, max_size=8),
    names=st.lists(st.one_of(CELLS, WORDS), min_size=3, max_size=3),
    end_quoting=ENDS,
    delimiter=st.sampled_from(",;\t|"),
    mark=st.booleans(),
    rows_per_chunk=st.integers(1, 4),
)
@settings(max_examples=cases(100, 4_000), deadline=None)
def test_what_the_csv_module_writes_is_read(
    folder, rows, names, end_quoting, delimiter, mark, rows_per_chunk
):
    """
    Any cells that Python's csv module writes come back as they were, whatever the chunks.
    """
    written = io.StringIO(newline="")
    end, quoting = end_quoting
    csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([names, *rows])
    path = folder / "property.csv"
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + written.getvalue().encode())
    # Without a mark of its own, a first name that begins with one is read as one: no reader can tell.
    if not mark and written.getvalue().startswith("\ufeff"):
        return
    # Names that are empty, and values that are names, are another header to who looks for one.
    table = open_csv(path, delimiter=delimiter, header="first")
    assert table.header == tuple(names)
    assert rows_of(table) == rows
    assert rows_of(table, rows_per_chunk) == rows


@given(
    cells=st.lists(st.one_of(CELLS, WORDS), min_size=1, max_size=8),
    end_quoting=ENDS,
    rows_per_chunk=st.integers(1, 4),
)
@settings(max_examples=cases(60, 2_000), deadline=None)
def test_one_column_that_the_csv_module_writes_is_read(folder, cells, end_quoting, rows_per_chunk):
    """
    A table of one column keeps every row, also the empty ones.
    """
    written = io.StringIO(newline="")
    end, quoting = end_quoting
    csv.writer(written, lineterminator=end, quoting=quoting).writerows(
        [["text"], *([cell] for cell in cells)]
    )
    path = folder / "one.csv"
    path.write_bytes(written.getvalue().encode())
    table = open_csv(path, delimiter=",")
    assert rows_of(table) == [[cell] for cell in cells]
    assert rows_of(table, rows_per_chunk) == [[cell] for cell in cells]


def test_a_large_file_is_the_same_in_chunks_of_any_size(table_of):
    """
    Nothing is lost or doubled where blocks of the file and chunks of rows end.
    """
    rows = [[str(number), "é" * (number % 7) + '"\n,' * (number % 3), "x" * 50] for number in range(150_000)]
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows([["n", "text", "pad"], *rows])
    table = table_of(written.getvalue())
    for size in (1_777, 20_000, 1_000_000):
        assert rows_of(table, size) == rows
