"""Every format out is read in again, and the cells are compared one by one."""

from __future__ import annotations

import datetime
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.errors import RowbatchError, StorageError, TableError, UsageError
from rowbatch.tables.base import ColumnInfo, TableChunk, as_text
from rowbatch.tables.formats import open_table
from rowbatch.tables.names import unique_names
from rowbatch.tables.writer import FORMATS, AddedColumn, TableShape, format_of, open_writer

SHARED = Path(os.environ.get("ROWBATCH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
SUFFIXES = tuple(FORMATS)
HOSTILE = [
    "",
    " lead and trail ",
    'say "no", then',
    "a\nb\r\nc",
    "tab\there",
    "007",
    "1e5",
    "NA",
    "null",
    "=1+1",
    "+1",
    "-1",
    "@x",
    "'x",
    "naïve café",
    "学校和医院",
    "🙂",
    "a\u2028b\u0085c",
    "_x000D_",
    "\x0b\x1f",
    "\ufeffmark",
    "1890000000000000001",
    "true",
]


def write_table(
    path: Path,
    header: tuple[str, ...],
    rows: list[tuple[Any, ...]],
    added: tuple[AddedColumn, ...] = (),
    values: list[tuple[Any, ...]] | None = None,
    options: WriteOptions | None = None,
    rows_per_chunk: int = 3,
) -> None:
    """Write texts, and added columns beside them, in chunks."""
    shape = TableShape(header, (), added)
    frame = pl.DataFrame(
        {str(i): [row[i] for row in rows] for i in range(len(header))},
        schema=dict.fromkeys(map(str, range(len(header))), pl.String),
    )
    extra = pl.DataFrame(
        {column.name: [row[i] for row in values or []] for i, column in enumerate(added)},
        schema={column.name: column.dtype for column in added},
    )
    with open_writer(path, format_of(path), shape, options) as writer:
        for start in range(0, len(rows), rows_per_chunk):
            part = frame.slice(start, rows_per_chunk)
            writer.write(TableChunk(start + 1, part), extra.slice(start, rows_per_chunk))


def read_rows(path: Path, **options: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and texts of a table."""
    table = open_table(path, ReadOptions(**options))
    return table.header, [row for chunk in table.chunks(4) for row in chunk.frame.iter_rows()]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hostile_texts_come_back(tmp_path, suffix):
    """
    Texts that programs like to change come back as they were, whatever the format.
    """
    path = tmp_path / f"t{suffix}"
    rows = [(str(number), text) for number, text in enumerate(HOSTILE, start=1)]
    write_table(path, ("id", "text"), rows)
    header, found = read_rows(path)
    assert header == ("id", "text")
    if suffix == ".sav":
        # SPSS fills its texts up with blanks, so it cannot tell whether one ends in them.
        rows = [(number, text.rstrip(" ")) for number, text in rows]
    assert found == rows


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_many_rows_in_order(tmp_path, suffix):
    """
    More rows than a chunk, a part, a row group: each once, in order.
    """
    path = tmp_path / f"t{suffix}"
    rows = [(str(number), f"text {number}") for number in range(30_000)]
    write_table(path, ("id", "text"), rows, rows_per_chunk=7_000)
    assert read_rows(path)[1] == rows


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_added_columns(tmp_path, suffix):
    """
    Labels, numbers and missing values stand beside the input; labels are value labels in Stata and SPSS.
    """
    path = tmp_path / f"t{suffix}"
    added = (
        AddedColumn("mood", "How is the mood?", ("good", "bad")),
        AddedColumn("tokens", dtype=pl.Int64()),
        AddedColumn("share", dtype=pl.Float64()),
    )
    write_table(
        path,
        ("id",),
        [("1",), ("2",), ("3",)],
        added,
        [("good", 7, 0.25), ("bad", None, 1.0), ("", 3, None)],
    )
    header, rows = read_rows(path)
    assert header == ("id", "mood", "tokens", "share")
    coded = suffix in (".dta", ".sav")
    assert [row[1] for row in rows] == (["1", "2", ""] if coded else ["good", "bad", ""])
    assert [row[2] for row in rows] == ["7", "", "3"]
    assert [float(row[3]) if row[3] else None for row in rows] == [0.25, 1.0, None]
    if coded:
        mood = open_table(path).columns[1]
        assert mood.label == "How is the mood?"
        assert mood.value_labels == {1: "good", 2: "bad"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_of_answers_alone(tmp_path, suffix):
    """
    Without an input there are only the added columns.
    """
    path = tmp_path / f"t{suffix}"
    added = (AddedColumn("custom_id"), AddedColumn("content"))
    with open_writer(path, format_of(path), TableShape((), (), added)) as writer:
        writer.write(TableChunk(1, pl.DataFrame()), pl.DataFrame({"custom_id": ["a"], "content": ["x"]}))
    assert read_rows(path) == (("custom_id", "content"), [("a", "x")])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_without_rows(tmp_path, suffix):
    """
    Nothing to write is a file that opens, and not a broken one.
    """
    path = tmp_path / f"t{suffix}"
    write_table(path, ("id", "text"), [], (AddedColumn("x"),), [])
    assert path.is_file()
    if suffix == ".jsonl":
        assert path.read_bytes() == b""
        return
    with pytest.raises(TableError, match="no rows"):
        read_rows(path)
    assert open_table(path).header == ("id", "text", "x")


def test_types_survive(tmp_path):
    """
    Numbers, dates and missing values of a Parquet file are the same in a Parquet file that comes out.
    """
    frame = pl.DataFrame(
        {
            "whole": [1, None, 3],
            "float": [0.1, 2.0, None],
            "flag": [True, None, False],
            "day": [datetime.date(2026, 1, 2), None, datetime.date(1850, 1, 1)],
            "time": [datetime.datetime(2026, 1, 2, 3, 4, 5), None, None],
            "text": ["", None, "x"],
            "list": [[1, 2], None, []],
        }
    )
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"
    frame.write_parquet(source)
    table = open_table(source)
    with open_writer(target, "parquet", TableShape(table.header, (), (AddedColumn("new"),))) as writer:
        for chunk in table.chunks(2):
            writer.write(chunk, pl.DataFrame({"new": ["x"] * chunk.frame.height}))
    found = pl.read_parquet(target)
    assert found.drop("new").equals(frame)
    assert found.drop("new").schema == frame.schema
    assert next(chunk.frame.row(0) for chunk in table.chunks(2)) == (
        *("1", "0.1", "true", "2026-01-02", "2026-01-02T03:04:05", "", "[1, 2]"),
    )


def test_embeddings_are_lists_of_a_fixed_size(tmp_path):
    """
    Embeddings go to Parquet as they are, and to CSV as JSON.
    """
    kind = pl.Array(pl.Float32, 3)
    added = (AddedColumn("embedding", dtype=kind),)
    for suffix in (".parquet", ".csv", ".jsonl"):
        write_table(tmp_path / f"t{suffix}", ("id",), [("1",), ("2",)], added, [([0.5, 1, 2],), (None,)])
    assert pl.read_parquet(tmp_path / "t.parquet").schema["embedding"] == kind
    assert read_rows(tmp_path / "t.csv")[1] == [("1", "[0.5, 1.0, 2.0]"), ("2", "")]
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"id": "1", "embedding": [0.5, 1.0, 2.0]}


@pytest.mark.parametrize(("suffix", "program"), [(".sav", "spss"), (".dta", "stata")])
def test_statistics_files_keep_what_they_know(tmp_path, suffix, program):
    """
    Labels, value labels, formats, measures and missing values come back in a file of the same program.
    """
    import pyreadstat

    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    frame = pl.DataFrame({"sex": [1.0, 2.0, 9.0], "income": [1234.5, None, 0.0], "name": ["Änne", "", "x"]})
    options: dict[str, Any] = {
        "file_label": "A survey",
        "column_labels": {"sex": "What is your sex?", "income": "Income in €"},
        "variable_value_labels": {"sex": {1: "male", 2: "female", 9: "no answer"}},
        "variable_format": {"income": "F12.2" if suffix == ".sav" else "%12.2f"},
    }
    if suffix == ".sav":
        options |= {
            "variable_measure": {"sex": "nominal", "income": "scale"},
            "missing_ranges": {"sex": [9]},
            "variable_display_width": {"income": 12},
        }
        pyreadstat.write_sav(frame, str(source), **options)
    else:
        pyreadstat.write_dta(frame, str(source), version=15, **options)
    table = open_table(source)
    assert [row for chunk in table.chunks() for row in chunk.frame.iter_rows()] == [
        ("1", "1234.5", "Änne"),
        ("2", "", ""),
        ("9", "0", "x"),
    ]
    shape = TableShape(table.header, table.columns, (AddedColumn("new"),), table.label)
    with open_writer(target, program, shape) as writer:
        for chunk in table.chunks():
            writer.write(chunk, pl.DataFrame({"new": ["a", "b", "c"]}))
    again = open_table(target)
    assert again.header == ("sex", "income", "name", "new")
    assert again.label == "A survey"
    assert again.columns[:2] == table.columns[:2]
    assert again.columns[0].value_labels == {1: "male", 2: "female", 9: "no answer"}
    first, second = (
        next(iter(found.chunks())).typed.drop("3", strict=False)  # type: ignore[union-attr]
        for found in (table, again)
    )
    assert first.equals(second)


def test_names_that_a_program_does_not_allow(tmp_path):
    """
    Names are made allowed and different, and stand in full as labels.
    """
    header = ("how are you?", "How are you!", "", "1st", "if", "x" * 70, "ü")
    for suffix in (".dta", ".sav"):
        path = tmp_path / f"t{suffix}"
        write_table(path, header, [tuple("abcdefg")])
        table = open_table(path)
        # Stata tells upper and lower case apart, SPSS does not.
        key = str if suffix == ".dta" else str.lower
        assert len({key(name) for name in table.header}) == len(header)
        assert table.header[0] == "how_are_you_"
        assert table.columns[0].label == "how are you?"
        assert read_rows(path)[1] == [tuple("abcdefg")]


@pytest.mark.parametrize(
    ("suffix", "text", "says"),
    [
        (".xlsx", "x" * 32_768, "32,767"),
        (".sav", "x" * 32_768, "32,767"),
        (".dta", "a\0b", "NUL"),
    ],
)
def test_what_a_format_cannot_hold_is_an_error(tmp_path, suffix, text, says):
    """
    Nothing is cut off silently: the error names the row and the column, and another format.
    """
    with pytest.raises(TableError, match=says) as caught:
        write_table(tmp_path / f"t{suffix}", ("a", "b"), [("1", "x"), ("2", text)])
    assert "row 2" in caught.value.message
    assert "'b'" in caught.value.message
    assert ".csv" in caught.value.hint


@given(
    names=st.lists(st.sampled_from(["", "a", "b", "a_2", "column_1", "column_2"]), max_size=8),
)
def test_unique_names(names):
    """
    Numbered names are different, none is empty, and one that stands once stays.
    """
    found = unique_names(names)
    assert len(set(found)) == len(names)
    assert all(found)
    assert all(new == old for new, old in zip(found, names, strict=True) if old and names.count(old) == 1)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\ufffe\uffff"), max_size=20),
            st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\ufffe\uffff"), max_size=20),
        ),
        min_size=1,
        max_size=6,
    ),
    suffix=st.sampled_from([".csv", ".tsv", ".parquet", ".jsonl", ".xlsx", ".arrow"]),
)
def test_any_text_comes_back(tmp_path, rows, suffix):
    """
    Any text is the same after a round trip.
    """
    rows = [("1", *rows[0]), *(("2", *row) for row in rows[1:])]
    path = tmp_path / f"t{suffix}"
    path.unlink(missing_ok=True)
    write_table(path, ("n", "a", "b"), rows)
    assert read_rows(path)[1] == rows


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE is Linux's")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_is_one_clear_error(tmp_path, suffix, monkeypatch):
    """
    What the file system refuses is an error of ours, whatever library writes.
    """
    import signal

    # Python 3.11 would keep a compiled module that was cut off, for all programs to come.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    rows = [(str(number), f"text {number * 7919}") for number in range(60_000)]
    path = tmp_path / f"t{suffix}"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(StorageError):
            write_table(path, ("id", "text"), rows, rows_per_chunk=10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_names_without_a_format(tmp_path):
    """
    A name that does not say its format is refused, with those that do.
    """
    with pytest.raises(UsageError) as caught:
        format_of(tmp_path / "labelled")
    assert ".parquet" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.parquet", b"PAR1" + b"x" * 100),
        ("t.arrow", b"ARROW1\0\0" + b"x" * 100),
        ("t.xlsx", b"PK\x03\x04" + b"x" * 100),
        ("t.xls", b"\xd0\xcf\x11\xe0" + b"x" * 1000),
        ("t.xlsx", b"<html>"),
        ("t.dta", b"<stata_dta><header>"),
        ("t.dta", b"\x73\x02"),
        ("t.sav", b"$FL2" + b"x" * 300),
        ("t.por", b"nothing"),
        ("t.sas7bdat", b"\0" * 100),
        ("t.rds", b"X\n"),
        ("t.rda", b"RDX3\nX\n"),
        ("t.feather", b"FEA1xxxx"),
        ("t.jsonl", b'{"a": 1}\n{"a": \n'),
        ("t.jsonl", b'{"a": 1, "a": 2}\n'),
        ("t.jsonl", b"[1]\n"),
        ("t.jsonl", b""),
        ("t.json", b'{"a": {"b": [1'),
        ("t.json", b"[1, 2]"),
        ("t.json", b'{"a": [1, 2], "b": [1]}'),
    ],
)
def test_broken_files_of_every_format(tmp_path, name, content):
    """
    A broken file is one clear error with its name.
    """
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_rows(path)
    assert name in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "header", "rows"),
    [
        (
            b'{"a": "x", "b": 1.0}\n\n{"c": [1, 2], "a": null}\n',
            ("a", "b", "c"),
            [("x", "1.0", ""), ("", "", "[1, 2]")],
        ),
        (b'[{"a": 12345678901234567890}, {"a": true}]', ("a",), [("12345678901234567890",), ("true",)]),
        (b'{"a": ["x", "y"], "b": [1, null]}', ("a", "b"), [("x", "1"), ("y", "")]),
        (b'{"a": {"0": "x", "468": "y"}}', ("a",), [("x",), ("y",)]),
        ('\ufeff{"a": "é\\u2028"}\r\n'.encode(), ("a",), [("é\u2028",)]),
    ],
)
def test_json_of_every_kind(tmp_path, content, header, rows):
    """
    Lines of objects, a list of objects, and an object of columns are tables; numbers are as they are spelled.
    """
    path = tmp_path / "t.json"
    path.write_bytes(content)
    assert read_rows(path) == (header, rows)


def test_broken_json_lines_may_be_left_out(tmp_path):
    """
    Left out on demand, they are counted and listed.
    """
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"a": 1}\nnope\n{"a": 2}\n')
    table = open_table(path, ReadOptions(on_bad_rows="skip"))
    assert [row for chunk in table.chunks() for row in chunk.frame.iter_rows()] == [("1",), ("2",)]
    assert [bad.line for bad in table.bad_rows.first] == [2]


def test_a_folder_of_texts(tmp_path):
    """
    Each .txt file is a row, sorted by name, in whatever encoding it is.
    """
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.txt").write_bytes("é".encode())
    (tmp_path / "a.TXT").write_bytes("\ufeffx\ny".encode())
    (tmp_path / "c.txt").write_bytes("garçon, où es-tu?".encode("cp1252"))
    (tmp_path / "notes.md").write_text("no")
    assert read_rows(tmp_path) == (
        ("file", "text"),
        [("a.TXT", "x\ny"), ("b/2.txt", "é"), ("c.txt", "garçon, où es-tu?")],
    )
    # A plan of a version before 0.2 goes on with its own names.
    assert open_table(tmp_path, ReadOptions(header="first", program="plain")).header == ("name", "text")
    with pytest.raises(UsageError, match="klingon"):
        open_table(tmp_path, ReadOptions(encoding="klingon"))
    with pytest.raises(TableError, match=r"without \.txt"):
        (empty := tmp_path / "empty").mkdir()
        open_table(empty)


def test_sheets(tmp_path):
    """
    A sheet is chosen by name or number; the first that is not empty is the default.
    """
    import xlsxwriter

    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("empty")
        one, two = book.add_worksheet("one"), book.add_worksheet("two")
        one.write_row(2, 1, ["id", "value", "when", "mixed"])
        one.write_row(3, 1, [1, 1.5, None, "x"])
        one.write_row(4, 1, [2, 2, None, 3])
        one.write_datetime(3, 3, datetime.datetime(2026, 1, 2), book.add_format({"num_format": "yyyy-mm-dd"}))
        two.write_row(0, 0, ["only"])
        two.write_row(1, 0, ["007"])
    assert read_rows(path) == (
        ("id", "value", "when", "mixed"),
        [("1", "1.5", "2026-01-02", "x"), ("2", "2", "", "3")],
    )
    assert open_table(path).reading.sheet == "one"
    assert read_rows(path, sheet="two") == read_rows(path, sheet="3") == (("only",), [("007",)])
    with pytest.raises(UsageError, match="no sheet 'four'") as caught:
        read_rows(path, sheet="four")
    assert "'two'" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "options", "flag"),
    [
        ("t.parquet", {"encoding": "latin-1"}, "--encoding"),
        ("t.parquet", {"sheet": "x"}, "--sheet"),
        ("t.csv", {"sheet": "x"}, "--sheet"),
        ("t.xlsx", {"delimiter": ";"}, "--delimiter"),
        ("t.dta", {"on_bad_rows": "skip"}, "--on-bad-rows"),
        ("t.jsonl", {"on_bad_rows": "keep"}, "broken"),
    ],
)
def test_options_that_do_not_fit(tmp_path, name, options, flag):
    """
    An option that a format does not have is an error, and not ignored.
    """
    path = tmp_path / name
    write_table(path, ("a",), [("1",)])
    with pytest.raises(UsageError, match=flag):
        read_rows(path, **options)


def test_a_file_is_what_its_bytes_are(tmp_path):
    """
    The name of a Parquet file or a workbook may be wrong.
    """
    for suffix in (".parquet", ".xlsx", ".arrow"):
        source, renamed = tmp_path / f"t{suffix}", tmp_path / f"t{suffix}.csv"
        write_table(source, ("a",), [("1",)])
        source.rename(renamed)
        assert read_rows(renamed) == (("a",), [("1",)])


def test_values_as_texts():
    """
    One rule for every format: no decimal point where there is nothing behind it, ISO dates, JSON for lists.
    """
    frame = pl.DataFrame(
        {
            "f": [1.0, 0.1, 1e300, float("nan"), -0.0, None],
            "t": [datetime.datetime(2026, 1, 2, 3, 4, 5, 120_000), *[None] * 5],
            "b": [b"x", b"\xff", None, None, None, None],
        }
    )
    assert as_text(frame)["f"].to_list() == ["1", "0.1", "1e+300", "NaN", "0", ""]
    assert as_text(frame)["t"][0] == "2026-01-02T03:04:05.12"
    assert as_text(frame)["b"].to_list()[:2] == ["x", "/w=="]


def test_an_error_leaves_no_thread_behind(tmp_path):
    """
    An error in the middle of a Parquet file leaves no thread behind.
    """
    import threading

    shape = TableShape(("a",), (), ())
    with pytest.raises(ZeroDivisionError), open_writer(tmp_path / "t.parquet", "parquet", shape) as writer:
        writer.write(TableChunk(1, pl.DataFrame({"0": ["x"]})), pl.DataFrame())
        raise ZeroDivisionError
    assert not [thread for thread in threading.enumerate() if thread.name == "rowbatch-write"]


def test_frames_of_a_notebook():
    """
    polars, pandas, Arrow and dictionaries are taken; anything else is an error that says what is.
    """
    import pandas as pd

    from rowbatch.tables.frames import from_frame

    expected = pl.DataFrame({"a": ["x", None], "n": [1, 2]})
    assert from_frame(expected).equals(expected)
    assert from_frame(expected.lazy()).equals(expected)
    assert from_frame({"a": ["x", None], "n": [1, 2]}).equals(expected)
    assert from_frame(pd.DataFrame({"a": ["x", None], "n": [1, 2]})).equals(expected)
    indexed = pd.DataFrame({"n": [1, 2]}, index=pd.Index(["x", None], name="a"))
    assert from_frame(indexed).equals(expected)
    categories = pd.DataFrame({"a": pd.Categorical(["x", None]), "n": pd.array([1, None], dtype="Int64")})
    assert from_frame(categories).rows() == [("x", 1), (None, None)]
    with pytest.raises(UsageError, match="no table"):
        from_frame(7)


@pytest.mark.parametrize("columns", [(), (ColumnInfo(label="x"),)])
def test_errors_are_ours(tmp_path, columns):
    """
    A folder that is not there is a clear error in every format.
    """
    for suffix in SUFFIXES:
        path = tmp_path / "nowhere" / f"t{suffix}"
        with (
            pytest.raises(RowbatchError),
            open_writer(path, format_of(path), TableShape(("a",), columns, ())) as writer,
        ):
            writer.write(TableChunk(1, pl.DataFrame({"0": ["x"]})), pl.DataFrame())


def test_files_of_r(tmp_path):
    """
    A data frame of R is a table: factors are texts, missing values empty; of several one is chosen.
    """
    pyreadr = pytest.importorskip("pyreadr")
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"text": ["é", None, "x"], "n": [1.0, 2.5, None]})
    frame["kind"] = pd.Categorical(["a", "b", "a"])
    for name in ("t.rds", "t.rda"):
        path = tmp_path / name
        write = pyreadr.write_rds if name == "t.rds" else pyreadr.write_rdata
        write(str(path), frame)
        assert read_rows(path) == (
            ("text", "n", "kind"),
            [("é", "1", "a"), ("", "2.5", "b"), ("x", "", "a")],
        )


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
@pytest.mark.parametrize(
    "archive", ["pyreadstat_test_data.tar.xz", "rdata_tests.tar.xz", "csvkit_examples.tar.xz"]
)
def test_files_of_other_people(tmp_path, archive):
    """
    Every file is a table that comes out again, cell by cell, or one clear error.
    """
    import tarfile

    with tarfile.open(SHARED / archive) as files:
        for member in files.getmembers():
            file = files.extractfile(member)
            if file is not None:
                place = tmp_path / "in" / member.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read())
    tables = 0
    for path in sorted(path for path in (tmp_path / "in").rglob("*") if path.is_file()):
        try:
            table = open_table(path)
            chunks = list(table.chunks())
        except RowbatchError:
            continue
        tables += 1
        out = tmp_path / "out.csv"
        with open_writer(out, "csv", TableShape(table.header, table.columns, ())) as writer:
            for chunk in chunks:
                writer.write(chunk, pl.DataFrame())
        rows = [row for chunk in chunks for row in chunk.frame.iter_rows()]
        assert read_rows(out, encoding="utf-8", delimiter=",") == (table.header, rows), path.name
    assert tables >= 20
