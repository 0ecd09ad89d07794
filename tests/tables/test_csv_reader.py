"""Reading CSV: every cell as it stands, or an error that names the line."""

from __future__ import annotations

import os
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch.errors import InputError, RowbatchError, TableError, UsageError
from rowbatch.tables import csv_fast
from rowbatch.tables.csv_fast import FastReader
from rowbatch.tables.csv_reader import CsvTable, open_csv

SHARED = Path(os.environ.get("ROWBATCH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))

# Two files of csv-spectrum are not what their JSON says: one has another telephone number, the other
# lost its carriage returns before it was published.
UNLIKE_THEIR_JSON = {"location_coordinates", "newlines_crlf"}


def rows_of(table: CsvTable, rows_per_chunk: int | None = None) -> list[tuple[str, ...]]:
    """All rows; checks on the way that the numbers go on without a gap."""
    rows: list[tuple[str, ...]] = []
    for chunk in table.chunks(rows_per_chunk):
        assert chunk.first_row == len(rows) + 1
        assert chunk.frame.columns == [str(position) for position in range(len(table.header))]
        rows += chunk.frame.rows()
    return rows


def careful_rows(table: CsvTable) -> list[tuple[str, ...]]:
    return [row for chunk in table.careful_chunks() for row in chunk.frame.rows()]


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_fast, "_BLOCK_BYTES", 16)
    monkeypatch.setattr(csv_fast, "_MAX_BLOCK_BYTES", 256)


@pytest.mark.parametrize(
    ("content", "header", "rows"),
    [
        pytest.param("a,b\n1,2\n", ("a", "b"), [("1", "2")], id="plain"),
        pytest.param("a,b\n007,1e5\nNA,null\n", ("a", "b"), [("007", "1e5"), ("NA", "null")], id="as-text"),
        pytest.param("a,b\n1,2", ("a", "b"), [("1", "2")], id="no-last-line-end"),
        pytest.param("a,b\n,\n1,\n", ("a", "b"), [("", ""), ("1", "")], id="empty-cells"),
        pytest.param('a,b\n"",""\n', ("a", "b"), [("", "")], id="quoted-empty-cells"),
        pytest.param("a,b\r\n1,2\r\n", ("a", "b"), [("1", "2")], id="crlf"),
        pytest.param("a,b\r1,2\r", ("a", "b"), [("1", "2")], id="cr-only"),
        pytest.param("a,b\r\n1,2\n3,4\r", ("a", "b"), [("1", "2"), ("3", "4")], id="mixed-line-ends"),
        pytest.param('a,b\n"x\r\ny\rz\n",2\n', ("a", "b"), [("x\r\ny\rz\n", "2")], id="line-ends-in-a-cell"),
        pytest.param('a,b\n"x, ""y""",2\n', ("a", "b"), [('x, "y"', "2")], id="quotes-in-a-cell"),
        pytest.param('a,b\n5" pipe, "x"\n', ("a", "b"), [('5" pipe', ' "x"')], id="bare-quotes-are-text"),
        pytest.param("a,b\n x , y \n", ("a", "b"), [(" x ", " y ")], id="spaces-stay"),
        pytest.param("a,a,\n1,2,3\n", ("a", "a", ""), [("1", "2", "3")], id="double-and-empty-names"),
        pytest.param(
            "a,b\nx\u2028y,\x85\x0b\x0c\x1c\n", ("a", "b"), [("x\u2028y", "\x85\x0b\x0c\x1c")], id="nel"
        ),
        pytest.param("a\n1\n\n2\n", ("a",), [("1",), ("",), ("2",)], id="one-column-blank-line-is-a-row"),
        pytest.param('a\n""\n', ("a",), [("",)], id="one-column-quoted-empty"),
        pytest.param("a,b\n1,2\n\n\r\n", ("a", "b"), [("1", "2")], id="blank-lines-at-the-end"),
        pytest.param("\n\na,b\n1,2\n", ("a", "b"), [("1", "2")], id="blank-lines-above-the-header"),
        pytest.param("\ufeffa,b\n1,2\n", ("a", "b"), [("1", "2")], id="byte-order-mark"),
        pytest.param('\ufeff"a",b\n1,2\n', ("a", "b"), [("1", "2")], id="byte-order-mark-and-quote"),
        pytest.param("a,b\n\ufeff1,2\n", ("a", "b"), [("\ufeff1", "2")], id="mark-inside-is-text"),
        pytest.param("a;b,c;d\n1;2;3\n", ("a", "b,c", "d"), [("1", "2", "3")], id="semicolon"),
        pytest.param("a\tb\n1,5\t2\n", ("a", "b"), [("1,5", "2")], id="tab"),
        pytest.param("a|b\n1|2\n", ("a", "b"), [("1", "2")], id="bar"),
        pytest.param('"a;b;c",d\n1,2\n', ("a;b;c", "d"), [("1", "2")], id="quoted-delimiters-do-not-count"),
        pytest.param("a;b,c\n1;x,2\n", ("a;b", "c"), [("1;x", "2")], id="comma-wins-a-tie"),
        pytest.param("x^2,b\nx\x01,x^\n", ("x^2", "b"), [("x\x01", "x^")], id="begins-like-zlib"),
        pytest.param("文,b\n学校,🙂\n", ("文", "b"), [("学校", "🙂")], id="unicode"),
    ],
)
def test_cells_are_read_as_they_stand(
    tmp_path: Path, content: str, header: tuple[str, ...], rows: list[tuple[str, ...]]
) -> None:
    """
    Cells come as they stand in the file, whatever they look like, and whichever reader takes them.
    """
    table = open_csv(write(tmp_path / "t.csv", content))
    assert table.header == header
    assert rows_of(table) == rows
    assert careful_rows(table) == rows


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        pytest.param("a,b\n1,2\n3\n", 3, "1 cells, but the header has 2", id="too-short"),
        pytest.param("a,b\n1,2\n3,4,5\n", 3, "3 cells, but the header has 2", id="too-long"),
        pytest.param('a,b\n"x\ny",2\n3\n', 4, "1 cells", id="lines-inside-cells-count"),
        pytest.param('a,b\n"x\r\ny",2\n3\n', 4, "1 cells", id="a-pair-is-one-line"),
        pytest.param("a,b\r1,2\r3\r", 3, "1 cells", id="cr-only"),
        pytest.param("a,b\n1,2\n\n3,4\n", 3, "the line is empty", id="blank-line-inside"),
        pytest.param("a,b\n1,2\n  \n", 3, "1 cells", id="white-space-is-no-blank-line"),
        pytest.param('a,b\n1,"x"y\n', 2, "text after a closing quote", id="text-after-quote"),
        pytest.param('a,b\n1,"x\ny"z\n', 3, "text after a closing quote", id="text-after-quote-lines-later"),
        pytest.param('a,b\n1,"x\\"y"\n', 2, "text after a closing quote", id="backslash-is-no-escape"),
        pytest.param('a,b\n1,2\n"x\ny\n3,4\n', 3, "never closed", id="unclosed"),
        pytest.param('a,b\n"x\ny","""\nz\n3,4\n', 3, "never closed", id="unclosed-in-a-later-cell"),
        pytest.param('a,"b\n1,2\n', 1, "never closed", id="unclosed-header"),
        pytest.param("a,b\n1,2\n3,\0\n", 3, "NUL byte", id="nul"),
        pytest.param(b"a,b\n1,2\nx,\xe9t\xe9\n", 3, "byte 3 of the line: not UTF-8", id="latin-1"),
        pytest.param(b"a,b\r1,2\rx,\xe9\r", 3, "byte 3 of the line: not UTF-8", id="latin-1-cr-only"),
        pytest.param(b"\xe9,b\n1,2\n", 1, "byte 1 of the line: not UTF-8", id="latin-1-header"),
    ],
)
def test_a_broken_file_is_an_error_with_its_line(
    tmp_path: Path, content: str | bytes, line: int, says: str
) -> None:
    """
    What would shift or lose a cell is an error with the line of the file, and with a hint.
    """
    with pytest.raises(TableError) as caught:
        rows_of(open_csv(write(tmp_path / "t.csv", content), encoding="utf-8"))
    assert caught.value.line == line
    assert f"line {line:,}" in caught.value.message
    assert says in caught.value.message
    assert caught.value.hint


def test_lines_are_counted_on_through_the_fast_part(tmp_path: Path, small_blocks: None) -> None:
    """
    The line in a message is right also when the first part of the file went through the fast reader.
    """
    content = "a,b\n" + '"x\r\ny\rz",2\n' * 50 + "3\n"
    table = open_csv(write(tmp_path / "t.csv", content))
    with pytest.raises(TableError) as caught:
        rows_of(table)
    assert caught.value.line == 1 + 3 * 50 + 1
    content = "a,b\n" + "1,2\n" * 50 + '3,"x\ny'
    with pytest.raises(TableError, match="never closed") as caught:
        rows_of(open_csv(write(tmp_path / "t.csv", content)))
    assert caught.value.line == 52


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "is empty", id="no-byte"),
        pytest.param(b"\n\n", "is empty", id="blank-lines-only"),
        pytest.param(b"\xef\xbb\xbf", "is empty", id="mark-only"),
        pytest.param(b"a,b\n", "a header but no rows", id="header-only"),
        pytest.param(b"a,b\n\n", "a header but no rows", id="header-and-blank-line"),
        pytest.param(b"\x1f\x8b\x08\0", "packed, and damaged", id="gzip"),
        pytest.param(b"PK\x03\x04", "zip or Excel", id="xlsx"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1", "Excel", id="xls"),
    ],
)
def test_no_table_is_an_error(tmp_path: Path, content: bytes, says: str) -> None:
    """
    A file that holds no rows, or no text, is an error that says what it is.
    """
    with pytest.raises(TableError, match=says):
        rows_of(open_csv(write(tmp_path / "t.csv", content)))


def test_no_file_is_an_error(tmp_path: Path) -> None:
    """
    A file that is not there, and a folder, are errors of the input.
    """
    with pytest.raises(InputError, match="does not exist"):
        open_csv(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="is a folder"):
        open_csv(tmp_path)


def test_column_names(tmp_path: Path) -> None:
    """
    A wrong name is answered with the nearest one and all that there are; a double name is no name.
    """
    table = open_csv(write(tmp_path / "t.csv", "id,Text,x,x\n1,2,3,4\n"))
    assert table.column("Text") == 1
    with pytest.raises(TableError, match="no column 'text'; did you mean 'Text'") as caught:
        table.column("text")
    assert "'id', 'Text', 'x', 'x'" in caught.value.hint
    assert caught.value.column == "text"
    with pytest.raises(TableError, match="2 columns named 'x': number 3, 4"):
        table.column("x")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "gb18030", "latin-1", "utf8"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    """
    An encoding that is given is used; UTF-16 with a mark needs no word.
    """
    text = (
        "größe,b\né,ü\n" if encoding != "gb18030" else "größe,b\n学,校\n".replace("ö", "o").replace("ß", "s")
    )
    header, row = (tuple(line.split(",")) for line in text.splitlines())
    path = write(tmp_path / "t.csv", text.encode(encoding))
    table = open_csv(path, encoding=None if encoding == "utf-16" else encoding)
    assert table.header == header
    assert rows_of(table) == [row]


@pytest.mark.parametrize("encoding", ["no-such", "base64", "rot13", "idna", "\0", ""])
def test_an_unknown_encoding_is_a_usage_error(tmp_path: Path, encoding: str) -> None:
    """
    A name that is no encoding of text files is said to be none.
    """
    with pytest.raises(UsageError, match="no encoding"):
        open_csv(write(tmp_path / "t.csv", "a,b\n1,2\n"), encoding=encoding)


@pytest.mark.parametrize("delimiter", ["", "::", '"', "\n"])
def test_a_delimiter_is_one_character(tmp_path: Path, delimiter: str) -> None:
    """
    What cannot separate cells is refused.
    """
    with pytest.raises(UsageError, match="one character"):
        open_csv(write(tmp_path / "t.csv", "a,b\n1,2\n"), delimiter=delimiter)


@pytest.mark.parametrize("delimiter", [*"]^-&~#.*\\ a", "é"])
def test_any_character_can_be_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    """
    A delimiter is a character and nothing else, whatever it means elsewhere.
    """
    table = open_csv(write(tmp_path / "t.csv", f"x{delimiter}y\n1{delimiter}2\n"), delimiter=delimiter)
    assert rows_of(table) == [("1", "2")]


def test_utf_16_that_is_broken(tmp_path: Path) -> None:
    """
    UTF-16 without its mark, or cut in the middle of a character, is an error and no traceback.
    """
    path = write(tmp_path / "t.csv", "a,b\n1,2\n".encode("utf-16-le"))
    with pytest.raises(TableError, match="byte order mark"):
        open_csv(path, encoding="utf-16")
    write(path, "a,b\n1,2\n".encode("utf-16") + b"\0")
    with pytest.raises(TableError, match="not UTF-16"):
        rows_of(open_csv(path))


def test_chunks_have_at_most_so_many_rows(tmp_path: Path) -> None:
    """
    Chunks keep to the number of rows, with both readers.
    """
    content = "a,b\n" + "1,2\n" * 25
    table = open_csv(write(tmp_path / "t.csv", content))
    assert [chunk.frame.height for chunk in table.chunks(10)] == [10, 10, 5]
    assert [chunk.frame.height for chunk in table.careful_chunks(10)] == [10, 10, 5]


def test_plain_files_take_the_fast_way(tmp_path: Path, small_blocks: None) -> None:
    """
    The fast reader reads all of a plain file, in many blocks, and stops exactly where one is not plain.
    """
    plain = "a,b\n" + '"x, ""y""\nz",2\n' * 40
    path = write(tmp_path / "t.csv", plain)
    fast = FastReader(path, ("a", "b"), "utf-8", ",")
    assert sum(frame.height for frame in fast.frames()) == 40
    assert fast.is_done
    write(path, plain + 'x"y,2\n')
    fast = FastReader(path, ("a", "b"), "utf-8", ",")
    assert 30 < sum(frame.height for frame in fast.frames()) <= 40
    assert not fast.is_done
    table = open_csv(path)
    assert rows_of(table) == careful_rows(table)


@pytest.mark.parametrize("above", ["\n", "\r\n\r\n", "\n" * 40])
def test_blank_lines_above_the_header_are_no_rows(tmp_path: Path, small_blocks: None, above: str) -> None:
    """
    However many blank lines stand above it, the header is the header and no row.
    """
    end = "\r\n" if "\r" in above else "\n"
    table = open_csv(write(tmp_path / "t.csv", above + end.join(["post", "x", "y", ""])))
    assert table.header == ("post",)
    assert rows_of(table) == [("x",), ("y",)]
    assert careful_rows(table) == [("x",), ("y",)]


def test_a_cell_longer_than_a_block(tmp_path: Path, small_blocks: None) -> None:
    """
    A cell may be longer than what is read at a time, by a little or by far.
    """
    rows = [("x" * 100, "1"), ("y\n" * 500, "2"), ("z", "3")]
    content = "a,b\n" + "".join(f'"{text}",{number}\n' for text, number in rows)
    assert rows_of(open_csv(write(tmp_path / "t.csv", content))) == rows


def test_a_table_larger_than_a_block(tmp_path: Path) -> None:
    """
    Both readers agree on some megabytes of real sentences, where polars uses several threads.
    """
    draw = random.Random(7)
    words = ["a", 'said ""no""', "line\nbreak", "comma, comma", "naïve", "学校", "🙂", "", "\r\n", '""']
    lines = ["id,text,note\n"]
    for number in range(60_000):
        text = " ".join(draw.choices(words, k=draw.randint(0, 12)))
        lines.append(f'{number:06},"{text}",{draw.choice(["", "x", "007"])}\n')
    table = open_csv(write(tmp_path / "t.csv", "".join(lines)))
    fast = FastReader(table.path, table.header, table.encoding, table.delimiter)
    found = [row for frame in fast.frames() for row in frame.rows()]
    assert fast.is_done
    assert found == careful_rows(table)


# Pieces, not characters: most files that come out have rows of the right length, so that what is
# inside of them is tested, and not only the message about ragged rows.
PIECES = st.sampled_from(
    [
        "x",
        "007",
        '"',
        '""',
        ",",
        "\n",
        "\r\n",
        "\r",
        '"a"',
        '"a,b"',
        '"a\nb"',
        '"a""b"',
        " ",
        "é",
        "学",
        "\ufeff",
        "x^",
    ]
)
ROWS = st.lists(st.lists(PIECES, max_size=3).map("".join), min_size=2, max_size=2).map(",".join)


@settings(max_examples=cases(100, 4_000), deadline=None)
@given(
    rows=st.lists(ROWS, max_size=12),
    line_end=st.sampled_from(["\n", "\r\n"]),
    last=st.sampled_from(["", "\n", "\n\n"]),
    block=st.integers(1, 40),
)
def test_both_readers_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str], line_end: str, last: str, block: int
) -> None:
    """
    Whatever the file: the same cells, or the same error, with the fast reader as without.
    """
    path = tmp_path_factory.getbasetemp() / "both.csv"
    write(path, line_end.join(["a,b", *rows]) + last)

    def outcome(read: object) -> object:
        try:
            return read(open_csv(path))  # type: ignore[operator]
        except RowbatchError as error:
            return error.message

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_fast, "_BLOCK_BYTES", block)
        patch.setattr(csv_fast, "_MAX_BLOCK_BYTES", 64)
        both = outcome(rows_of)
    careful = outcome(careful_rows)
    if careful == []:
        assert isinstance(both, str)
        assert "no rows" in both
    else:
        assert both == careful


@settings(max_examples=cases(100, 3_000), deadline=None)
@given(content=st.binary(max_size=60) | st.text(alphabet='a,;"\n\r\t\0é', max_size=60).map(str.encode))
def test_no_bytes_make_a_traceback(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """
    Any bytes are a table, or an error of ours.
    """
    path = write(tmp_path_factory.getbasetemp() / "any.csv", content)
    try:
        rows_of(open_csv(path))
    except RowbatchError as error:
        caught = error
    else:
        return
    assert caught.hint


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
def test_csv_spectrum() -> None:
    """
    The files of csv-spectrum become the JSON that comes with them.
    """
    import json
    import tempfile

    compared = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        tarfile.open(SHARED / "csv_spectrum.tar.xz") as archive,
    ):
        for member in archive.getmembers():
            content = archive.extractfile(member)
            if content is not None:
                (Path(folder) / Path(member.name).name).write_bytes(content.read())
        for path in sorted(Path(folder).rglob("*.csv")):
            answer = next(Path(folder).rglob(f"{path.stem}.json"), None)
            if answer is None or path.stem in UNLIKE_THEIR_JSON:
                continue
            expected = json.loads(answer.read_text(encoding="utf-8"))
            table = open_csv(path)
            found = [dict(zip(table.header, row, strict=True)) for row in rows_of(table)]
            assert found == expected, path.name
            compared += 1
    assert compared >= 10


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
def test_real_tables() -> None:
    """
    Real tables come out whole: line breaks in texts, Latin-1, double and empty names.
    """
    politeness = open_csv(SHARED / "politeness_gpt4o.csv")
    rows = rows_of(politeness)
    assert len(rows) == 5_480
    assert rows == careful_rows(politeness)
    spam = open_csv(SHARED / "sms_spam_latin1.csv")
    assert (spam.encoding, spam.encoding_guessed) == ("cp1252", True)
    assert rows_of(spam) == careful_rows(spam)
    with pytest.raises(TableError, match="not UTF-8"):
        rows_of(open_csv(SHARED / "sms_spam_latin1.csv", encoding="utf-8"))
    spam = open_csv(SHARED / "sms_spam_latin1.csv", encoding="latin-1")
    assert spam.header == ("v1", "v2", "", "", "")
    rows = rows_of(spam)
    assert len(rows) == 5_572
    assert sum(row[2] != "" for row in rows) == 50
