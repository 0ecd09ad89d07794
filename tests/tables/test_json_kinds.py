"""JSON as programs write it: every form that is a table, and every value that a cell can hold."""

from __future__ import annotations

import codecs
import gzip
import json

import pandas as pd
import polars as pl
import pytest

from rowbatch.core.table_options import FIRST, PLAIN, ReadOptions
from rowbatch.errors import TableError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.store.plan_file import _reading
from rowbatch.tables import json_fields, json_text
from rowbatch.tables.writer import TableShape, open_writer

BEFORE = ReadOptions(header=FIRST, program=PLAIN)
"""How a plan of a version before dotted columns is read."""


def read(path, **options):
    """Header and rows of a table, which is the same when its reading is given again."""
    table = open_table(path, ReadOptions(**options))
    rows = rows_of(table)
    again = open_table(path, table.reading)
    assert (again.header, rows_of(again), again.reading) == (table.header, rows, table.reading)
    return table.header, rows


def rows_of(table):
    return [row for chunk in table.chunks() for row in chunk.frame.iter_rows()]


def written(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def notes_of(path, **options):
    return [note.kind for note in open_table(path, ReadOptions(**options)).notes]


def test_what_python_writes_that_is_no_json_is_read(tmp_path):
    """
    Python 3.13's json.dumps writes NaN and Infinity for floats that are none, and half of a pair as it is.
    """
    rows = [
        {"t": "a", "x": float("nan")},
        {"t": "b", "x": float("-inf")},
        {"t": "ok \ud83d cut", "x": [float("inf")]},
    ]
    path = written(tmp_path / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    expected = [("a", "NaN"), ("b", "-Infinity"), ("ok \ufffd cut", "[Infinity]")]
    assert read(path) == (("t", "x"), expected)
    assert notes_of(path) == ["note-json-halves"]
    document = written(tmp_path / "t.json", json.dumps(rows))
    assert read(document) == (("t", "x"), expected)
    assert notes_of(document) == ["note-json-halves"]


def test_numbers_are_as_they_are_spelled(tmp_path):
    """
    No number becomes another one, however long it is: 5000 digits are more than Python makes an int of.
    """
    numbers = ["1", "1.0", "1e5", "-0", "9007199254740993", "0.1000000000000000055", "1" * 5000]
    path = written(tmp_path / "t.jsonl", "".join(f'{{"n": {number}, "x": NaN}}\n' for number in numbers))
    assert [row[0] for row in read(path)[1]] == numbers


def test_fields_of_objects_in_objects_are_columns(tmp_path):
    """
    Names have dots, lists stay JSON, and what is null or {} beside an object that has fields has no column.
    """
    rows = [
        {
            "id": 1,
            "data": {"text": "I like it", "who": {"age": 3}},
            "meta": {},
            "reply": None,
            "tags": [{"a": 1}],
        },
        {"id": 2, "data": None, "meta": {}, "reply": {"to": 1}, "tags": []},
        {"id": 3, "data": {"text": "", "who": 7}, "reply": {}, "b": None},
    ]
    header = ("id", "data.text", "data.who", "data.who.age", "meta", "reply.to", "tags", "b")
    expected = [
        ("1", "I like it", "", "3", "{}", "", '[{"a": 1}]', ""),
        ("2", "", "", "", "{}", "1", "[]", ""),
        ("3", "", "7", "", "", "", "", ""),
    ]
    assert read(written(tmp_path / "t.json", json.dumps(rows))) == (header, expected)
    lines = "\n".join(json.dumps(row) for row in rows)
    assert read(written(tmp_path / "t.jsonl", lines)) == (header, expected)


def test_a_name_with_a_dot_and_a_field_of_an_object_are_two_columns(tmp_path):
    """
    What has a name already gets a number: no cell is lost.
    """
    path = written(tmp_path / "t.jsonl", '{"a.b": 1, "a": {"b": 2}}\n')
    assert read(path) == (("a.b", "a.b_2"), [("1", "2")])


def test_an_object_of_very_many_fields_stays_json(tmp_path, monkeypatch):
    """
    Counts by word, or reactions by person, are no columns.
    """
    monkeypatch.setattr(json_fields, "MAX_NESTED_FIELDS", 10)
    rows = [{"id": number, "by": {f"w{number}": 1, f"v{number}": 2}} for number in range(8)]
    path = written(tmp_path / "t.json", json.dumps(rows))
    header, found = read(path)
    assert header == ("id", "by")
    assert found[7] == ("7", '{"w7": 1, "v7": 2}')
    assert notes_of(path) == ["note-json-kept"]


def test_what_is_nested_too_deeply_stays_json(tmp_path, monkeypatch):
    """
    Columns go so deep, and no deeper.
    """
    monkeypatch.setattr(json_fields, "MAX_DEPTH", 2)
    path = written(tmp_path / "t.jsonl", '{"a": {"b": {"c": {"d": 1}}, "e": 2}}\n')
    assert read(path) == (("a.b.c", "a.e"), [('{"d": 1}', "2")])


@pytest.mark.parametrize(
    ("text", "field"),
    [
        pytest.param('{"a": 1, "b": 2, "a": 3}', "a", id="in-a-row"),
        pytest.param('{"a": 1, "b": {"c": 2, "c": 3}}', "c", id="in-an-object-of-it"),
        pytest.param('{"a" :1, "a" :2, "b": ":x"}', "a", id="with-odd-spaces"),
        pytest.param('{"a": "\\":", "a": "x"}', "a", id="with-a-quote-in-a-text"),
    ],
)
@pytest.mark.parametrize("form", ["{}\n", "[{}]"])
def test_a_field_that_stands_twice_is_named(tmp_path, text, field, form):
    """
    Decoders keep the last of the two: it would be lost in silence.
    """
    path = written(tmp_path / ("t.jsonl" if form.endswith("\n") else "t.json"), form.replace("{}", text))
    with pytest.raises(TableError) as caught:
        open_table(path)
    assert (caught.value.kind, caught.value.values["field"], caught.value.values["line"]) == (
        "json-row-field-twice",
        field,
        1,
    )


def test_a_plan_of_an_earlier_version_reads_objects_as_json(tmp_path):
    """
    Its run.toml says nothing of headers, rows and programs: the columns are those that were asked about.
    """
    options = _reading({"reading": {"on_bad_rows": "stop"}})
    assert options == BEFORE
    rows = [{"id": 1, "data": {"text": "x"}}, {"id": 2, "data": {"text": "y"}}]
    for name, text in (("t.json", json.dumps(rows)), ("t.jsonl", "\n".join(map(json.dumps, rows)))):
        table = open_table(written(tmp_path / name, text), options)
        assert table.header == ("id", "data")
        assert rows_of(table) == [("1", '{"text": "x"}'), ("2", '{"text": "y"}')]
        assert table.reading == options
    records = written(
        tmp_path / "r.json", '{"p": {"t": "x", "n": 1}, "q": {"t": "y", "n": 2}, "r": {"t": "z", "n": 3}}'
    )
    table = open_table(records, options)
    assert (table.header, rows_of(table)) == (("p", "q", "r"), [("x", "y", "z"), ("1", "2", "3")])


FRAME = pd.DataFrame({"text": ["a", "b", "c"], "n": [1, 2, 3]})
NAMED = FRAME.set_index(pd.Index(["u1", "u2", "u3"]))


@pytest.mark.parametrize("orient", ["columns", "index", "records", "split", "table", "values"])
def test_what_pandas_writes(tmp_path, orient):
    """
    Every form of pandas.DataFrame.to_json (pandas 3.0) is the same table; of `table` the index is a column.
    """
    path = tmp_path / "t.json"
    FRAME.to_json(path, orient=orient)
    header, rows = read(path)
    cells = [tuple(row[-2:]) for row in rows]
    assert cells == [("a", "1"), ("b", "2"), ("c", "3")]
    assert header[-2:] == (("column_1", "column_2") if orient == "values" else ("text", "n"))


@pytest.mark.parametrize("orient", ["columns", "index", "split"])
def test_names_of_rows_are_a_column(tmp_path, orient):
    """
    An index that is more than the rows' numbers is kept.
    """
    path = tmp_path / "t.json"
    NAMED.to_json(path, orient=orient)
    assert read(path) == (("key", "text", "n"), [("u1", "a", "1"), ("u2", "b", "2"), ("u3", "c", "3")])
    if orient != "split":
        assert len(notes_of(path)) == 1


def test_columns_are_joined_by_key(tmp_path):
    """
    Their keys may be in any order, and some may be missing.
    """
    path = written(tmp_path / "t.json", '{"text": {"0": "a", "1": "b", "2": "c"}, "n": {"2": 3, "0": 1}}')
    assert read(path) == (("text", "n"), [("a", "1"), ("b", ""), ("c", "3")])


def test_records_by_key_or_columns_may_be_said(tmp_path):
    """
    Where all is text nothing tells them apart; the one that is not meant can be had.
    """
    path = written(tmp_path / "t.json", '{"p": {"x": "1", "y": "2"}, "q": {"x": "3", "y": "4"}}')
    assert read(path, rows="*") == (("key", "x", "y"), [("p", "1", "2"), ("q", "3", "4")])
    assert read(path, rows=".") == (("key", "p", "q"), [("x", "1", "3"), ("y", "2", "4")])


@pytest.mark.parametrize(
    "document",
    [
        {"t1": {"text": "a", "tags": [{"x": 1}]}, "t2": {"text": "b", "tags": []}},
        {"t1": {"text": "a", "n": 1}, "t2": {"n": 2, "text": "b"}},
        {"1": {"x": "a", "y": "b"}, "2": {"x": "c", "y": "d"}},
    ],
)
def test_records_by_key_are_told_by_their_values(tmp_path, document):
    """
    A field has values of one kind, and a record of several; row numbers are no names of columns.
    """
    header, rows = read(written(tmp_path / "t.json", json.dumps(document)))
    assert header[0] == "key"
    assert [row[0] for row in rows] == list(document)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "file-empty"),
        ("[]", "json-without-fields"),
        ("{}", "json-without-fields"),
        ("null", "json-no-table"),
        ("[5]", "json-entry-broken"),
        ('[{"a": 1}, "x"]', "json-entry-broken"),
        ('[{"a": 1},]', "json-entry-broken"),
    ],
)
def test_what_is_no_table(tmp_path, text, kind):
    """
    It is said what is wrong with it.
    """
    with pytest.raises(TableError) as caught:
        open_table(written(tmp_path / "t.json", text))
    assert caught.value.kind == kind


def test_a_key_beside_a_field_of_its_name(tmp_path):
    """
    The column of keys gives way.
    """
    path = written(tmp_path / "t.json", '{"1": {"key": "a", "n": 1}, "2": {"key": "b", "n": 2}}')
    assert read(path) == (("key_2", "key", "n"), [("1", "a", "1"), ("2", "b", "2")])


PAGES = {
    "meta": {"n": 2},
    "data": {"items": [{"t": "a", "c": [{"x": 1}]}, {"t": "b", "c": [{"x": 2}, {"x": 3}]}]},
}


def test_the_one_list_of_objects_is_found(tmp_path):
    """
    It is said where it was found.
    """
    path = written(tmp_path / "t.json", json.dumps(PAGES))
    assert read(path)[1] == [("a", '[{"x": 1}]'), ("b", '[{"x": 2}, {"x": 3}]')]
    note = open_table(path).notes[0]
    assert (note.kind, note.values["rows"], note.values["count"]) == ("note-json-rows", "data.items", 2)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("data.items", 2),
        ("data.items.1", 1),
        ("data.items.1.c", 2),
        pytest.param("data.items.c", 3, id="of-each-entry"),
        ("meta", 1),
    ],
)
def test_a_place_may_be_said(tmp_path, rows, expected):
    """
    Names with dots, numbers of entries; a list on the way means each of its entries.
    """
    path = written(tmp_path / "t.json", json.dumps(PAGES))
    assert len(read(path, rows=rows)[1]) == expected


def test_a_place_in_each_line(tmp_path):
    """
    Pages of an API, one a line, are one table.
    """
    pages = [{"data": [{"id": number, "a.b": {"c": "x"}}]} for number in range(3)]
    path = written(tmp_path / "t.jsonl", "\n".join(map(json.dumps, pages)))
    assert [row[0] for row in read(path, rows="data")[1]] == ["0", "1", "2"]
    assert read(path, rows=r"data.a\.b")[1] == [("x",)] * 3


def test_several_lists_are_named(tmp_path):
    """
    Which one is meant is asked, with how many each has.
    """
    path = written(tmp_path / "t.json", '{"users": [{"n": 1}], "posts": [{"t": "a"}, {"t": "b"}], "v": 1}')
    with pytest.raises(TableError, match=r"users \(1\), posts \(2\)") as caught:
        open_table(path)
    assert "--rows users" in caught.value.hint
    assert read(path, rows="posts")[1] == [("a",), ("b",)]
    for rows, error in (("comments", TableError), ("a..b", UsageError)):
        with pytest.raises(error, match=r"comments|a\.\.b"):
            open_table(path, ReadOptions(rows=rows))


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_documents_one_after_the_other(tmp_path, name):
    """
    As jq and R's jsonlite write them with indents: objects over many lines.
    """
    text = "\n".join(json.dumps({"id": number, "t": {"x": "a"}}, indent=2) for number in range(3))
    assert read(written(tmp_path / name, text)) == (
        ("id", "t.x"),
        [(str(number), "a") for number in range(3)],
    )


@pytest.mark.parametrize("text", ['[{"a": 1},\n {"a": 2}]', '[{"a": 1}, {"a": 2}]\n'])
def test_a_list_whose_name_says_lines(tmp_path, text):
    """
    Its bytes decide.
    """
    assert read(written(tmp_path / "t.jsonl", text)) == (("a",), [("1",), ("2",)])


def test_a_list_of_lists(tmp_path):
    """
    The first one has the names where all of it is text, unless somebody says that there are none.
    """
    path = written(tmp_path / "t.json", '[["id", "text"], [1, "a"], [2, "b \\ud83d"]]')
    assert read(path) == (("id", "text"), [("1", "a"), ("2", "b \ufffd")])
    assert read(path, header="none")[0] == ("column_1", "column_2")
    assert read(written(path, "[[1, null], [2, [3]]]")) == (
        ("column_1", "column_2"),
        [("1", ""), ("2", "[3]")],
    )
    with pytest.raises(TableError) as caught:
        open_table(written(path, "[[1, 2],\n [3]]"))
    assert (caught.value.kind, caught.value.line) == ("json-lists-uneven", 2)
    with pytest.raises(TableError) as caught:
        open_table(written(path, "[[1, 2]]"), ReadOptions(header=FIRST))
    assert caught.value.kind == "json-lists-unnamed"


def test_one_object_is_one_row(tmp_path):
    """
    Over many lines, too.
    """
    path = written(tmp_path / "t.json", json.dumps({"id": 1, "text": "x", "p": {"q": 2}}, indent=1))
    assert read(path) == (("id", "text", "p.q"), [("1", "x", "2")])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_json_in_wide_characters(tmp_path, encoding, name):
    """
    With a mark, or told by its zeros.
    """
    text = '{"a": "é"}\r\n{"a": "文"}' if name.endswith("l") else '[{"a": "é"}, {"a": "文"}]'
    assert read(written(tmp_path / name, text.encode(encoding))) == (("a",), [("é",), ("文",)])


def test_an_encoding_may_be_said(tmp_path):
    """
    Old programs write JSON in Latin-1, which no byte of it says.
    """
    path = written(tmp_path / "t.jsonl", '{"a": "é"}\n'.encode("latin-1"))
    with pytest.raises(TableError, match="line 1"):
        open_table(path)
    assert read(path, encoding="latin-1") == (("a",), [("é",)])
    with pytest.raises(TableError, match="line 1"):
        open_table(written(tmp_path / "t.json", '[["é"]]'.encode("latin-1")))
    with pytest.raises(TableError, match="is not utf-16"):
        open_table(written(path, '{"a": "é"}\n'.encode("utf-16")[:-3]))


@pytest.mark.parametrize("name", ["t.ndjson.gz", "t.json.gz", "t.json.zst"])
def test_packed_json(tmp_path, name):
    """
    A packed file is as it is unpacked.
    """
    text = b'{"a": 1}\n{"a": 2}' if "nd" in name else b'[{"a": 1}, {"a": 2}]'
    if name.endswith("zst"):
        zstd = pytest.importorskip("backports.zstd" if not hasattr(codecs, "zstd") else "compression.zstd")
        packed = zstd.compress(text)
    else:
        packed = gzip.compress(text)
    assert read(written(tmp_path / name, packed)) == (("a",), [("1",), ("2",)])


@pytest.mark.parametrize("indent", [None, 2])
def test_a_document_is_read_a_piece_at_a_time(tmp_path, monkeypatch, indent):
    """
    It needs no memory for all of it: blocks are passed, and a value may go over several of them.
    """
    monkeypatch.setattr(json_text, "BLOCK_BYTES", 7)
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.0000001")
    rows = [
        {"id": number, "t": f'x\\"{{]\u4e2d\n{"y" * number}', "o": {"l": [[], {}, "]"]}}
        for number in range(40)
    ]
    path = written(
        tmp_path / "t.json", json.dumps({"n": 1.5, "items": rows}, indent=indent, ensure_ascii=False)
    )
    header, found = read(path)
    assert header == ("id", "t", "o.l")
    assert [(row[0], row[1]) for row in found] == [(str(row["id"]), row["t"]) for row in rows]
    assert {json.dumps(json.loads(row[2])) for row in found} == {'[[], {}, "]"]'}


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_document_that_is_cut_off(tmp_path, cut):
    """
    One clear error, wherever it ends.
    """
    text = '{"n": 1, "items": [{"a": "x"}, {"a": [2, "y"]}]}'
    with pytest.raises(TableError) as caught:
        open_table(written(tmp_path / "t.json", text[:-cut]))
    assert caught.value.hint


def test_the_line_of_a_broken_entry(tmp_path):
    """
    Counted in the file, whatever was passed before.
    """
    path = written(tmp_path / "t.json", '[\n{"a": 1},\n{"a": 2},\n{"a": nope}\n]')
    with pytest.raises(TableError) as caught:
        open_table(path)
    assert (caught.value.kind, caught.value.line) == ("json-entry-broken", 4)
    table = open_table(path, ReadOptions(on_bad_rows="skip"))
    assert rows_of(table) == [("1",), ("2",)]
    assert [bad.line for bad in table.bad_rows.first] == [4]


def test_a_reading_says_where_the_rows_are(tmp_path):
    """
    So that the same table comes again when a later version would find others.
    """
    path = written(tmp_path / "t.jsonl", '{"a": 1}\n')
    assert open_table(path).reading == ReadOptions(rows=".", program=PLAIN)
    with pytest.raises(UsageError):
        open_table(path, ReadOptions(header="none"))
    with pytest.raises(UsageError):
        open_table(path, ReadOptions(header="2"))


def test_lines_out_have_the_cells_that_came_in(tmp_path):
    """
    A column with a dotted name is a field of that name, so a table that was written is read as the same.
    """
    path = written(
        tmp_path / "t.json", '[{"id": 1.0, "data": {"text": "é\\u2028", "l": [1]}}, {"data": {"text": ""}}]'
    )
    table = open_table(path)
    with open_writer(tmp_path / "out.jsonl", "jsonl", TableShape.of(table, ())) as writer:
        for chunk in table.chunks():
            writer.write(chunk, pl.DataFrame())
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")[0]) == {
        "id": "1.0", "data.text": "é\u2028", "data.l": "[1]",
    }  # fmt: skip
    assert read(tmp_path / "out.jsonl") == (table.header, rows_of(table))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.json", '["a, b", null, "c\\nd", 5, {"x":1}]'),
        ("t.jsonl", '"a, b"\n\nnull\n"c\\nd"\n5\n{"x":1}\n'),
        ("t.jsonl", '["a, b",\nnull, "c\\nd", 5,\n{"x":1}]'),
    ],
)
def test_texts_without_fields_are_a_column(tmp_path, name, text):
    """
    A list of texts is a table of one column; what is beside them stands as it is spelled.
    """
    path = written(tmp_path / name, text)
    header, rows = read(path)
    assert header == ("text",)
    assert rows == [("a, b",), ("",), ("c\nd",), ("5",), ('{"x":1}',)]
    assert notes_of(path) == ["note-json-texts"]


def test_a_list_of_texts_inside_a_document(tmp_path):
    """
    It is said where it lies.
    """
    path = written(tmp_path / "t.json", '{"meta": 1, "texts": ["a", "b"]}')
    assert read(path, rows="texts") == (("text",), [("a",), ("b",)])


def test_lines_that_end_with_a_comma(tmp_path):
    """
    The lines of a list without its brackets are objects; one that is broken is still named.
    """
    path = written(tmp_path / "t.jsonl", '{"a": 1},\n{"a": 2} ,\n{"a": 3}\n')
    assert read(path) == (("a",), [("1",), ("2",), ("3",)])
    with pytest.raises(TableError, match="line 2"):
        read(written(tmp_path / "u.jsonl", '{"a": 1},\n{"a": 2,\n'))


def test_json_in_an_encoding_of_windows_is_told(tmp_path):
    """
    Leaving out what is broken would lose every row with an umlaut: the way is to say the encoding.
    """
    for name, text in (("t.jsonl", '{"a": "ä"}\n'), ("t.json", '[{"a": "ä"}]')):
        path = written(tmp_path / name, text.encode("cp1252"))
        with pytest.raises(TableError, match="line 1: a character is not written in UTF-8") as caught:
            read(path)
        assert "--encoding" in caught.value.hint
        assert read(path, encoding="cp1252") == (("a",), [("ä",)])


def test_an_encoding_that_is_none(tmp_path):
    """
    It is refused by its name, whatever the file holds.
    """
    for name, text in (("t.jsonl", '{"a": "b"}\n'), ("t.json", '[{"a": "b"}]')):
        with pytest.raises(UsageError) as caught:
            read(written(tmp_path / name, text), encoding="klingon")
        assert caught.value.kind == "no-such-encoding"


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".json"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=repr)
def test_a_list_a_line_is_a_row(tmp_path, suffix, end):
    """
    The first one has the names where all of it is text, as jsonlines.org shows it.
    """
    named = written(tmp_path / f"a{suffix}", end.join(['["t", "n"]', '["a", 1]', '["b", null]', ""]))
    assert read(named) == (("t", "n"), [("a", "1"), ("b", "")])
    assert read(named, header="none") == (
        ("column_1", "column_2"),
        [("t", "n"), ("a", "1"), ("b", "")],
    )
    unnamed = written(tmp_path / f"b{suffix}", end.join(["[1, 2]", "[3, 4]"]))
    assert read(unnamed) == (("column_1", "column_2"), [("1", "2"), ("3", "4")])


def test_lists_a_line_that_are_of_several_lengths_are_refused(tmp_path):
    """
    With the line; and so is an object among them. One list alone is a list of texts.
    """
    for last, told in (('["b"]', "line 3: the list has 1 entry"), ('{"t": 1}', "line 3: it is JSON, but no")):
        path = written(tmp_path / "t.jsonl", f'["t", "n"]\n["a", 1]\n{last}\n')
        with pytest.raises(TableError, match=told):
            read(path)
    assert read(written(tmp_path / "one.jsonl", '["a", "b"]\n')) == (("text",), [("a",), ("b",)])
