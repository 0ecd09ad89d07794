"""CSV files as programs and people leave them: titles, other quotes, zip files, notes below the table."""

from __future__ import annotations

import io
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import RowbatchError, TableError, UsageError
from rowbatch.tables import csv_fast
from rowbatch.tables.base import Table
from rowbatch.tables.formats import open_table


def read(
    folder: Path, content: str | bytes, name: str = "t.csv", **options
) -> tuple[Table, list[tuple[str, ...]]]:
    """A table and its rows; the same table comes again by the options that it says."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = open_table(path, ReadOptions(**options))
    rows = [row for chunk in table.chunks() for row in chunk.frame.rows()]
    again = open_table(path, ReadOptions(**asdict(table.reading)))
    assert again.header == table.header
    assert [row for chunk in again.chunks() for row in chunk.frame.rows()] == rows
    assert replace(again.reading, encoding=table.reading.encoding) == table.reading
    return table, rows


def kinds_of(table: Table) -> list[str]:
    return [note.kind for note in table.notes]


@pytest.mark.parametrize("times", [1, 200])
@pytest.mark.parametrize(
    ("above", "says"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("\n\n", [], id="blank-lines"),
        pytest.param("Results; all of them\n", ["note-lines-above"], id="title"),
        pytest.param("Title, with commas, and more\n\n", ["note-lines-above"], id="title-and-blank"),
        pytest.param("Results;;\n;;\n", ["note-lines-above"], id="padded"),
        pytest.param('The "best of\n', ["note-lines-above"], id="lone-quote"),
        pytest.param("# made by hand, in 2026\n# twice\n", ["note-lines-above"], id="comments"),
        pytest.param("sep=;\n", ["note-lines-above"], id="sep"),
        pytest.param("sep=;\nResults of 2026\n", ["note-lines-above"], id="sep-and-title"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_header_is_found_below_other_lines(tmp_path, monkeypatch, above, says, times, encoding):
    """
    Lines above the header hide neither it nor the delimiter, in any encoding, by both readers.
    """
    monkeypatch.setattr(csv_fast, "_BLOCK_BYTES", 100)
    text = above + "id;text;score\n" + '1;"a, b; c";1,5\n2;d;2\n' * times
    table, rows = read(tmp_path, text.encode(encoding))
    assert table.header == ("id", "text", "score")
    assert rows == [("1", "a, b; c", "1,5"), ("2", "d", "2")] * times
    assert kinds_of(table) == says


@pytest.mark.parametrize(
    ("options", "header", "rows"),
    [
        pytest.param({"header": "3"}, ("id", "text"), [("1", "a"), ("2", "b")], id="line"),
        pytest.param({"header": "1", "skip_rows": 2}, ("id", "text"), [("1", "a"), ("2", "b")], id="skipped"),
        pytest.param({"skip_rows": 2}, ("id", "text"), [("1", "a"), ("2", "b")], id="skipped-and-found"),
        pytest.param({"header": "3-4"}, ("id 1", "text a"), [("2", "b")], id="lines"),
        pytest.param(
            {"header": "none", "skip_rows": 3}, ("column_1", "column_2"), [("1", "a"), ("2", "b")], id="none"
        ),
    ],
)
def test_a_person_says_where_the_header_is(tmp_path, options, header, rows):
    """
    Lines count as an editor counts them, after those that are skipped; what stands above need be no CSV.
    """
    table, found = read(tmp_path, 'a "title\nof "two\nid,text\n1,a\n2,b\n', **options)
    assert (table.header, found) == (header, rows)


def test_a_header_line_that_is_not_there(tmp_path):
    """
    A line beyond the end, or a blank one, is an error that names it.
    """
    for line in ("9", "2"):
        with pytest.raises(TableError, match=f"line {line}: the header was said to be here"):
            read(tmp_path, "a,b\n\n1,2\n", header=line)


def test_a_table_without_a_header(tmp_path):
    """
    Columns are numbered, no row is lost, and a note says how the first one becomes the header.
    """
    table, rows = read(tmp_path, "1,good film\n2,bad film\n3,fine\n")
    assert table.header == ("column_1", "column_2")
    assert rows == [("1", "good film"), ("2", "bad film"), ("3", "fine")]
    assert kinds_of(table) == ["note-no-header"]
    table, rows = read(tmp_path, "1,good film\n2,bad film\n3,fine\n", header="first")
    assert (table.header, len(rows)) == (("1", "good film"), 2)


@pytest.mark.parametrize("times", [1, 500])
def test_a_delimiter_at_the_end_of_each_row(tmp_path, monkeypatch, times):
    """
    Rows of one more cell than the header, an empty one, are read, and one that has something there is broken.
    """
    monkeypatch.setattr(csv_fast, "_BLOCK_BYTES", 100)
    text = "id,text\n" + "1,a,\n2,b,\n" * times
    table, rows = read(tmp_path, text)
    assert table.header == ("id", "text")
    assert rows == [("1", "a"), ("2", "b")] * times
    assert kinds_of(table) == ["note-trailing-delimiter"]
    if times > 100:
        with pytest.raises(TableError, match="3 cells, but the header has 2"):
            read(tmp_path, text + "3,c,d\n")


@pytest.mark.parametrize(
    ("text", "rows", "says"),
    [
        pytest.param(
            'id, text, n\n1, "a, b", 2\n2, "c", 3\n',
            [("1", "a, b", "2"), ("2", "c", "3")],
            "note-blanks-before-quotes",
            id="blank-before-quote",
        ),
        pytest.param(
            'id,text,n\n1,"say \\"a, b\\"",2\n2,"C:\\\\dir\\new",3\n',
            [("1", 'say "a, b"', "2"), ("2", "C:\\dir\\new", "3")],
            "note-escape",
            id="backslash",
        ),
        pytest.param(
            "id,text,n\n1,'a, b',2\n2,'it''s',3\n",
            [("1", "a, b", "2"), ("2", "it's", "3")],
            "note-quote",
            id="single-quotes",
        ),
        pytest.param(
            'id,text,n\n1,say "a",2\n2,it\'s,3\n',
            [("1", 'say "a"', "2"), ("2", "it's", "3")],
            "",
            id="bare-quotes-stay",
        ),
    ],
)
def test_other_ways_to_quote(tmp_path, text, rows, says):
    """
    Blanks before quotes, escaped quotes and single quotes are read where the lines are whole in no other way.
    """
    table, found = read(tmp_path, text)
    assert found == rows
    assert kinds_of(table) == ([says] if says else [])


def test_quotes_as_a_person_says_them(tmp_path):
    """
    A quote and an escape that are said are used, and nothing is found out beside them.
    """
    assert read(tmp_path, 'a,b\n"x,"y\n', quote="none")[1] == [('"x', '"y')]
    assert read(tmp_path, "a,b\n'x,y',z\n", quote="'")[1] == [("x,y", "z")]
    assert read(tmp_path, 'a,b\n"x\\",y",z\n', escape="\\")[1] == [('x",y', "z")]
    with pytest.raises(UsageError, match="--quote is one character"):
        read(tmp_path, "a,b\n1,2\n", quote="''")


@pytest.mark.parametrize(
    ("text", "options", "way"),
    [
        pytest.param(
            "id;text\n1;a\n2;b, c\n3;d, e\n", {"delimiter": ","}, "--delimiter ';' reads", id="delimiter"
        ),
        pytest.param('id\ttext\n1\t"a\n2\tb\n3\tc\n', {}, "--quote none reads", id="quote-none"),
        pytest.param(
            "id,text\n" + "0,x\n" * 150 + '1,"a \\"b, c"\n2,"d"\n', {}, r"--escape '\' reads", id="escape"
        ),
        pytest.param("id,text\n" + "0,x\n" * 150 + "1,'a, b'\n2,c\n", {}, '--quote "\'" reads', id="quote"),
        pytest.param(
            "id,text\n1,a\n2,b,c\n3,d\n4,e,f\n5,g\n", {}, "of the next 4 rows 2 are broken", id="rows"
        ),
    ],
)
def test_the_way_that_fits_is_named(tmp_path, text, options, way):
    """
    An error at a broken row names what reads the lines after it whole, or how many of them are broken.
    """
    with pytest.raises(TableError) as caught:
        read(tmp_path, text, **options)
    assert way in caught.value.hint
    assert caught.value.notice.hint("page", "zh")


def test_the_way_that_is_named_reads_the_file(tmp_path):
    """
    What a message names works.
    """
    assert len(read(tmp_path, 'id\ttext\n1\t"a\n2\tb\n3\tc\n', quote="none")[1]) == 3
    text = "id,text\n1,a\n2,b,c\n3,d\n"
    assert read(tmp_path, text, on_bad_rows="keep")[1] == [("1", "a"), ("2", "b,c"), ("3", "d")]
    assert read(tmp_path, text, on_bad_rows="skip")[1] == [("1", "a"), ("3", "d")]


@pytest.mark.parametrize("mode", ["stop", "keep", "skip"])
def test_a_lone_quote_in_the_header(tmp_path, mode):
    """
    A quote that the header opens and never closes swallows no rows: it is an error there, or text.
    """
    text = 'id,"text\n1,a\n2,b\n3,"c"\n'
    if mode == "stop":
        with pytest.raises(TableError, match="line 1: a quote is opened here and never closed") as caught:
            read(tmp_path, text)
        assert "--quote none" in caught.value.hint or "--on-bad-rows" in caught.value.hint
        return
    table, rows = read(tmp_path, text, on_bad_rows=mode)
    assert table.header == ("id", '"text')
    assert rows == [("1", "a"), ("2", "b"), ("3", "c")]
    assert kinds_of(table) == ["note-header-quote"]


def test_a_header_of_several_lines_in_quotes_stays(tmp_path):
    """
    A name that holds a line break is one name, and the lines count.
    """
    table, rows = read(tmp_path, 'id,"text,\nall of it"\n1,a\n2,b\n')
    assert (table.header, len(rows)) == (("id", "text,\nall of it"), 2)
    assert table.reading.header == "1"


def test_a_delimiter_that_is_missing_before_a_quote(tmp_path):
    """
    A quoted cell that begins in the middle of another one is named, since its text would be cut; marks for
    inches are none.
    """
    text = 'a,b,c\n1,foo"bar, baz"\n2,x,y\n'
    with pytest.raises(TableError, match="line 2: a quoted cell begins in the middle") as caught:
        read(tmp_path, text)
    assert caught.value.line == 2
    assert read(tmp_path, text, on_bad_rows="skip")[1] == [("2", "x", "y")]
    assert read(tmp_path, text, on_bad_rows="keep")[1][0] == ("1", 'foo"bar', ' baz"')
    assert read(tmp_path, text, header="first")[1][0] == ("1", 'foo"bar', ' baz"')
    for fine in ('1,5",6"\n', '1,"a""b, c""",d\n', '1,3"x4",5"\n', '1,say "a, b"\n'):
        assert len(read(tmp_path, "a,b,c\n" + fine + "2,x,y\n")[1]) == 2


@pytest.mark.parametrize("times", [1, 500])
def test_two_files_put_together(tmp_path, monkeypatch, times):
    """
    A second header in the middle is named with its line, kept as a row, and left out on demand.
    """
    monkeypatch.setattr(csv_fast, "_BLOCK_BYTES", 100)
    text = "id,text\n" + "1,a\n" * times + "id,text\n2,b\n"
    table, rows = read(tmp_path, text)
    assert rows == [*[("1", "a")] * times, ("id", "text"), ("2", "b")]
    assert table.bad_rows.first[0].line == times + 2
    assert "the header stands here once more" in table.bad_rows.first[0].what
    table, rows = read(tmp_path, text, on_bad_rows="skip")
    assert rows == [*[("1", "a")] * times, ("2", "b")]
    assert table.bad_rows.count == 1


@pytest.mark.parametrize(
    ("below", "line"),
    [("\nSource: the office\n", 4), ("\nSource: the office\nAll rights reserved,\n", 4), ("Source: x\n", 4)],
)
def test_a_note_below_the_table(tmp_path, below, line):
    """
    A note below the table is an error that says so and how to leave it out, and is never lost in silence.
    """
    with pytest.raises(TableError, match="the table ends here") as caught:
        read(tmp_path, "id,text\n1,a\n2,b\n" + below)
    assert caught.value.line == line
    assert "Source" in caught.value.message
    table, rows = read(tmp_path, "id,text\n1,a\n2,b\n" + below, on_bad_rows="skip")
    assert rows[:2] == [("1", "a"), ("2", "b")]
    assert table.bad_rows.count


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<!DOCTYPE html>\n<html><head><title>Sign\n in</title></head>\n", "a web page, called 'Sign in'"),
        ("\n<html>\n<body>no</body></html>\n", "it is a web page"),
        ('<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>\n', "it is XML"),
        ("<rows>\n<row>1</row>\n</rows>\n", "it is XML"),
        ('{"error": "not found"}\n', "it is JSON"),
        ('[{"a": 1}, {"a": 2}]\n', "it is JSON"),
        ("[\n 1]\n", "it is JSON"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, text, says):
    """
    Web pages, XML and JSON with the name of a CSV file are refused by what they are.
    """
    with pytest.raises(TableError, match=says):
        read(tmp_path, text)


def zipped(**files: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name.replace("_", "."), text)
    return written.getvalue()


def test_a_zip_file_with_one_table(tmp_path):
    """
    A CSV file in a zip file is read, whatever the names are; what macOS leaves beside it is not looked at.
    """
    table, rows = read(tmp_path, zipped(data_csv="id,text\n1,a\n"), "t.zip")
    assert (table.header, rows) == (("id", "text"), [("1", "a")])
    assert kinds_of(table) == ["note-zip-member"]
    packed = zipped(**{"__MACOSX/x": "x", "d/data_tsv": "id\ttext\n" + "1\ta\n" * 200_000})
    table, rows = read(tmp_path, packed, "t.csv")
    assert len(rows) == 200_000


def test_a_zip_file_with_several_tables(tmp_path):
    """
    Of several the person says which; the message names them.
    """
    packed = zipped(one_csv="id,text\n1,a\n", two_csv="id,text\n2,b\n", readme_md="hello")
    with pytest.raises(TableError, match=r"2 files: 'one\.csv', 'two\.csv'"):
        read(tmp_path, packed, "t.zip")
    assert read(tmp_path, packed, "t.zip", sheet="two.csv")[1] == [("2", "b")]
    with pytest.raises(TableError, match=r"without 'three\.csv'"):
        read(tmp_path, packed, "t.zip", sheet="three.csv")
    with pytest.raises(TableError, match="without files"):
        read(tmp_path, zipped(), "t.zip")


def test_old_readings_find_nothing_out(tmp_path):
    """
    Runs of before say `first`: the first line is the header, whatever stands below it.
    """
    with pytest.raises(RowbatchError, match="cells, but the header has 1"):
        read(tmp_path, "Title\nid,text\n1,a\n", header="first")
    assert read(tmp_path, "PREAMBLE,,\na,b,c\n1,2,3\n", header="first")[0].header == ("PREAMBLE", "", "")


@pytest.mark.parametrize("times", [1, 500])
@pytest.mark.parametrize(
    ("header", "row", "names", "cells", "says"),
    [
        pytest.param("id,text,", "1,a", ("id", "text"), ("1", "a"), ["note-header-longer"], id="names-end"),
        pytest.param("id,text,", "1,a,", ("id", "text", ""), ("1", "a", ""), [], id="all-end"),
    ],
)
def test_a_delimiter_at_the_end_of_the_names(tmp_path, monkeypatch, header, row, names, cells, says, times):
    """
    Where the line of the names alone ends with a delimiter, there is no column after it.
    """
    monkeypatch.setattr(csv_fast, "_BLOCK_BYTES", 100)
    table, rows = read(tmp_path, f"{header}\n" + f"{row}\n" * 2 * times)
    assert (table.header, kinds_of(table)) == (names, says)
    assert rows == [cells] * 2 * times


@pytest.mark.parametrize("rows", [2, 500])
def test_row_numbers_that_have_no_name(tmp_path, monkeypatch, rows):
    """
    `write.table(x, sep = ",")` of R 4 writes the names of rows, their numbers, without one above them.

    Others may be cells that were cut by a delimiter of the text, and stay an error.
    """
    monkeypatch.setattr(csv_fast, "_BLOCK_BYTES", 100)
    text = '"text","x"\n' + "".join(f'"{row}","a, b",2\n' for row in range(1, rows + 1))
    table, found = read(tmp_path, text)
    assert table.header == ("", "text", "x")
    assert kinds_of(table) == ["note-row-numbers"]
    assert found == [(str(row), "a, b", "2") for row in range(1, rows + 1)]
    with pytest.raises(TableError, match="3 cells, but the header has 2"):
        read(tmp_path, text.replace('"2"', '"7"'))
    # An id, and a text with a comma in every row.
    with pytest.raises(TableError, match="3 cells, but the header has 2"):
        read(tmp_path, "id,text\n1,so, well\n2,no, never\n3,yes, ever\n")


@pytest.mark.parametrize("delimiter", ["^", "~", "\x1f", "\x01", "¦"])
def test_rarer_delimiters(tmp_path, delimiter):
    """
    REDCap's caret, the marks of ASCII and Hive's default are found where no other delimiter makes columns.
    """
    text = "id^text^x\n1^a, b; c^2\n2^d^3\n".replace("^", delimiter)
    table, rows = read(tmp_path, text)
    assert table.reading.delimiter == delimiter
    assert (table.header, rows) == (("id", "text", "x"), [("1", "a, b; c", "2"), ("2", "d", "3")])
    table, _ = read(tmp_path, f"text{delimiter}\nwhat? {delimiter}{delimiter}\nok\n")
    assert len(table.header) == 1


@pytest.mark.parametrize(
    "text",
    [
        "| id | text |\n|----|:-----|\n| 1 | hello |\n",
        "id | text\n--- | ---\n1 | hello\n",
        " id | text  | x\n----+-------+---\n  1 | hello | 3\n(1 row)\n",
        "+----+-------+\n| id | text  |\n+----+-------+\n|  1 | hello |\n+----+-------+\n",
        "┌────┬───────┐\n│ id │ text  │\n├────┼───────┤\n│ 1  │ hello │\n└────┴───────┘\n",
    ],
)
def test_a_table_drawn_with_lines_is_named(tmp_path, text):
    """
    What Markdown, psql, mysql and DuckDB show on a screen is no CSV: its lines would be rows.
    """
    with pytest.raises(TableError, match="a table drawn with lines"):
        read(tmp_path, text)
    table, _ = read(tmp_path, "name|text\n--|what is this?\nb|c\n")
    assert table.header == ("name", "text")


def test_texts_with_commas_below_a_single_name(tmp_path):
    """
    A name above sentences is no title above a header: the first sentence would be lost among the names.
    """
    with pytest.raises(TableError, match="3 cells, but the header has 1"):
        read(tmp_path, "text\nhello, there, you\nbye, now, me\nthree, of, them\n")
    table, _ = read(tmp_path, "Report\n\nid, text, x\n1, a, 2\n2, b, 3\n")
    assert table.header == ("id", " text", " x")


def test_a_single_column_whose_name_may_be_a_text(tmp_path):
    """
    A list of texts without a name would lose its first one in silence.
    """
    table, rows = read(tmp_path, "The film was really great\nbad film\nfine\n")
    assert (table.header, len(rows)) == (("The film was really great",), 2)
    assert kinds_of(table) == ["note-long-name"]
    assert "--no-header" in str(table.notes[0])
    table, rows = read(tmp_path, "The film was really great\nbad film\nfine\n", header="none")
    assert (table.header, len(rows), kinds_of(table)) == (("column_1",), 3, [])
    assert kinds_of(read(tmp_path, "answer to question\nbad\n")[0]) == []


@pytest.mark.parametrize("cut", [1, 3])
@pytest.mark.parametrize("mode", ["stop", "keep", "skip"])
def test_a_table_that_is_cut_off_in_a_character(tmp_path, cut, mode):
    """
    Looking at the lines below a broken row, for what fits them, ends where they are not of the encoding.
    """
    data = "id,text\n1,a\n\nSource: the office\nb,c,d\n".encode("utf-16")[:-cut]
    with pytest.raises(TableError):
        read(tmp_path, data, encoding="utf-16", on_bad_rows=mode)
