"""Data frames of R, cell by cell: files are written by `r_files`, value by value as R writes them."""

from __future__ import annotations

import bz2
import datetime
import gzip
import lzma
import struct
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from r_files import (
    complexes,
    doubles,
    frame,
    function,
    long_wholes,
    raw,
    saved,
    saved_many,
    tagged,
    texts,
    texts_of,
    values,
    wholes,
    word,
    wrapped,
)
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError, UsageError
from rowbatch.tables.base import Table
from rowbatch.tables.formats import open_table
from rowbatch.tables.writer import TableShape, format_of, open_writer

NULL_CELL = struct.pack(">i", 254)
MOMENT = 1_782_900_000.25  # 2026-07-01 10:00 UTC, and a quarter of a second


def opened(folder: Path, content: bytes, name: str = "t.rds", **options: Any) -> Table:
    path = folder / name
    path.write_bytes(content)
    return open_table(path, ReadOptions(**options))


def rows_of(table: Table) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks(3) for row in chunk.frame.iter_rows()]


def typed_of(table: Table) -> pl.DataFrame:
    return pl.concat([chunk.typed for chunk in table.chunks() if chunk.typed is not None])


def of_class(*names: str) -> dict[str, Any]:
    return {"class": texts(*names)}


CELLS = {
    "logical": (wholes(1, 0, None, kind=10), ["true", "false", ""], pl.Boolean),
    "integer": (wholes(1, -2, None), ["1", "-2", ""], pl.Int32),
    "double": (doubles(0.1, 3.0, None), ["0.1", "3", ""], pl.Float64),
    "complex": (complexes(1 + 2j, 0 - 1.5j, 2), ["1+2i", "0-1.5i", "2+0i"], pl.String),
    "text": (texts("é", "NA", None), ["é", "NA", ""], pl.String),
    "text marked latin1": (texts(b"caf\xe9", b"\x80", "x", mark=0x4000), ["café", "€", "x"], pl.String),
    "text that is bytes": (texts(b"\xe9", "a", "", mark=0x2000), ["\\xe9", "a", ""], pl.String),
    "raw": (raw(b"\x00\x0f\xff"), ["00", "0f", "ff"], pl.String),
    "integer64": (
        long_wholes(1_234_567_890_123_456_789, -1, None),
        ["1234567890123456789", "-1", ""],
        pl.Int64,
    ),
    "factor": (
        wholes(2, 1, None, levels=texts("no", "yes"), **of_class("factor")),
        ["yes", "no", ""],
        pl.Enum(["no", "yes"]),
    ),
    "factor of a level that stands twice": (
        wholes(2, 1, None, levels=texts("no", "no"), **of_class("factor")),
        ["no", "no", ""],
        pl.String,
    ),
    "date in doubles": (
        doubles(20_635.0, -1.0, None, **of_class("Date")),
        ["2026-07-01", "1969-12-31", ""],
        pl.Date,
    ),
    "date in integers": (
        wholes(20_635, -1, None, **of_class("Date")),
        ["2026-07-01", "1969-12-31", ""],
        pl.Date,
    ),
    "date of data.table": (
        wholes(20_635, 0, None, **of_class("IDate", "Date")),
        ["2026-07-01", "1970-01-01", ""],
        pl.Date,
    ),
    "part of a day": (
        doubles(20_635.75, 0.0, -0.5, **of_class("Date")),
        ["2026-07-01", "1970-01-01", "1969-12-31"],
        pl.Date,
    ),
    "moment of Berlin": (
        doubles(MOMENT, 0.0, None, **of_class("POSIXct", "POSIXt"), tzone=texts("Europe/Berlin")),
        ["2026-07-01T12:00:00.25+02:00", "1970-01-01T01:00:00+01:00", ""],
        pl.Datetime("us", "Europe/Berlin"),
    ),
    "moment of Berlin in integers": (
        wholes(1_782_900_000, 0, None, **of_class("POSIXct", "POSIXt"), tzone=texts("Europe/Berlin")),
        ["2026-07-01T12:00:00+02:00", "1970-01-01T01:00:00+01:00", ""],
        pl.Datetime("us", "Europe/Berlin"),
    ),
    "moment of UTC": (
        doubles(MOMENT, 0.0, None, **of_class("POSIXct", "POSIXt"), tzone=texts("UTC")),
        ["2026-07-01T10:00:00.25", "1970-01-01T00:00:00", ""],
        pl.Datetime("us"),
    ),
    "moment of no zone": (
        doubles(MOMENT, 0.0, None, **of_class("POSIXct", "POSIXt"), tzone=texts("")),
        ["2026-07-01T10:00:00.25+00:00", "1970-01-01T00:00:00+00:00", ""],
        pl.Datetime("us", "UTC"),
    ),
    "moment in parts": (
        values(
            doubles(30.5, 0.0, None),
            wholes(15, 0, None),
            wholes(12, 0, None),
            wholes(1, 31, None),
            wholes(6, 11, None),
            wholes(126, 69, None),
            names=texts("sec", "min", "hour", "mday", "mon", "year"),
            **of_class("POSIXlt", "POSIXt"),
        ),
        ["2026-07-01T12:15:30.5", "1969-12-31T00:00:00", ""],
        pl.Datetime("us"),
    ),
    "time of day": (
        doubles(49_500.0, 0.5, None, units=texts("secs"), **of_class("hms", "difftime")),
        ["13:45:00", "00:00:00.5", ""],
        pl.Time,
    ),
    "time of day in integers": (
        wholes(49_500, 0, None, **of_class("ITime")),
        ["13:45:00", "00:00:00", ""],
        pl.Time,
    ),
    "duration": (
        doubles(108_000.0, -60.0, None, units=texts("secs"), **of_class("hms", "difftime")),
        ["P1DT6H", "-PT1M", ""],
        pl.Duration("us"),
    ),
    "difference in days": (
        doubles(1.5, 2.0, None, units=texts("days"), **of_class("difftime")),
        ["1.5", "2", ""],
        pl.Float64,
    ),
    "month of zoo": (
        doubles(2026 + 6 / 12, 2025 + 11 / 12, None, **of_class("yearmon")),
        ["2026-07", "2025-12", ""],
        pl.String,
    ),
    "quarter of zoo": (
        doubles(2026.5, 2025.75, None, **of_class("yearqtr")),
        ["2026Q3", "2025Q4", ""],
        pl.String,
    ),
    "nanoseconds": (
        doubles(
            *(struct.pack(">q", ns) for ns in (1_500_000_000_000_000_001, 0, -(2**63))),
            **of_class("nanotime"),
        ),
        ["2017-07-14T02:40:00.000000001+00:00", "1970-01-01T00:00:00+00:00", ""],
        pl.Datetime("ns", "UTC"),
    ),
    "list": (
        values(texts("a", "b"), texts("c"), NULL_CELL),
        ['["a", "b"]', '["c"]', ""],
        pl.String,
    ),
    "list of one value each": (values(texts("a"), doubles(2.0), wholes()), ["a", "2", ""], pl.String),
    "list with names": (
        values(doubles(1.5, 2.0, names=texts("x", "y")), values(texts("é"), wholes(1, kind=10)), NULL_CELL),
        ['{"x": 1.5, "y": 2}', '["é", true]', ""],
        pl.String,
    ),
    "list of frames": (
        values(frame({"a": wholes(1, 2), "b": texts("x", None)}, rows=2), NULL_CELL, NULL_CELL),
        ['[{"a": 1, "b": "x"}, {"a": 2, "b": null}]', "", ""],
        pl.String,
    ),
    "numbers in another form": (wrapped(doubles(1.0, 2.5, None)), ["1", "2.5", ""], pl.Float64),
    "texts of numbers": (texts_of(doubles(100_000.0, 0.1, 123_456.0)), ["1e+05", "0.1", "123456"], pl.String),
}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kind", CELLS)
def test_cells_of_r(tmp_path, kind, version):
    """
    Each kind of value is the one that R shows, whether R keeps it as doubles or integers, and has its type.
    """
    column, shown, dtype = CELLS[kind]
    table = opened(tmp_path, saved(frame({"n": wholes(1, 2, 3), "x": column}, rows=3), version=version))
    assert table.header == ("n", "x")
    assert [row[1] for row in rows_of(table)] == shown
    assert typed_of(table)["1"].dtype == dtype


def test_r_in_every_packing_and_form(tmp_path):
    """
    Packed in any way, and as text: the same table. R itself writes gzip, bzip2 and xz.
    """
    content = saved(frame({"a": wholes(1, 2), "t": texts("é", "")}, rows=2))
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        for name in ("t.rds", "T.RDS", "t.rds.gz"):
            assert rows_of(opened(tmp_path, pack(content), name)) == [("1", "é"), ("2", "")]
    # As R 4.5 writes it with ascii = TRUE: one word a line, letters beyond ASCII in octal.
    ascii_form = (
        "A\n3\n263424\n197888\n5\nUTF-8\n787\n4\n10\n2\n1\nNA\n14\n2\n0.1\nNA\n16\n2\n32777\n3\n\\303\\251\\040\n262153\n0\n"
        "\n24\n2\n0f\nff\n1026\n1\n262153\n5\nnames\n16\n4\n262153\n1\na\n262153\n1\nb\n262153\n1\nc\n262153\n1\nd\n"
        "1026\n1\n262153\n5\nclass\n16\n1\n262153\n10\ndata.frame\n1026\n1\n262153\n9\nrow.names\n13\n2\nNA\n-2\n254\n"
    )
    table = opened(tmp_path, ascii_form.encode())
    assert rows_of(table) == [("true", "0.1", "é ", "0f"), ("", "", "", "ff")]


def test_what_haven_says_of_a_column_goes_along(tmp_path):
    """
    Labels, value labels, formats and missing values of haven 2.5 come in, and stand in a .dta file again.
    """
    import pyreadstat

    column = doubles(
        1.0,
        2.0,
        tagged("a"),
        None,
        label=texts("Do you agree?"),
        labels=doubles(1.0, 2.0, tagged("a"), names=texts("yes", "no", "refused")),
        **{"format.stata": texts("%8.0g")},
        **of_class("haven_labelled", "vctrs_vctr", "double"),
    )
    table = opened(tmp_path, saved(frame({"agree": column}, rows=4, label=texts("Wave 1"))))
    assert rows_of(table) == [("1",), ("2",), ("",), ("",)]
    info = table.columns[0]
    assert (info.label, info.format) == ("Do you agree?", "stata:%8.0g")
    assert dict(info.value_labels) == {1: "yes", 2: "no", "a": "refused"}
    assert table.label == "Wave 1"
    # So that an output of SPSS can be told to have no such values.
    assert info.storage == "stata:double"
    path = tmp_path / "out.dta"
    with open_writer(path, format_of(path), TableShape.of(table, ())) as writer:
        for chunk in table.chunks(3):
            writer.write(chunk, pl.DataFrame())
    found, meta = pyreadstat.read_dta(str(path), user_missing=True)
    assert found["agree"].tolist()[:3] == [1, 2, "a"]
    assert meta.variable_value_labels["agree"] == {1: "yes", 2: "no", "a": "refused"}
    assert meta.column_names_to_labels["agree"] == "Do you agree?"


def test_missing_values_of_spss_come_through_r(tmp_path):
    """
    haven 2.5 keeps user-missing values and ranges of SPSS; a .sav file has them again.
    """
    import pyreadstat

    column = doubles(
        1.0,
        9.0,
        na_values=doubles(9.0),
        na_range=doubles(97.0, 99.0),
        labels=doubles(1.0, 9.0, names=texts("yes", "no answer")),
        **{"format.spss": texts("F8.2"), "display_width": wholes(12)},
        **of_class("haven_labelled_spss", "haven_labelled", "vctrs_vctr", "double"),
    )
    table = opened(tmp_path, saved(frame({"q": column}, rows=2)))
    assert rows_of(table) == [("1",), ("9",)]
    path = tmp_path / "out.sav"
    with open_writer(path, format_of(path), TableShape.of(table, ())) as writer:
        for chunk in table.chunks():
            writer.write(chunk, pl.DataFrame())
    _, meta = pyreadstat.read_sav(str(path), user_missing=True)
    assert meta.missing_ranges["q"] == [{"lo": 97.0, "hi": 99.0}, {"lo": 9.0, "hi": 9.0}]
    assert meta.variable_value_labels["q"] == {1.0: "yes", 9.0: "no answer"}
    assert meta.variable_display_width["q"] == 12


def test_names_of_rows(tmp_path):
    """
    Names that somebody gave are a column, beside one that is called so; 1, 2, 3, … are no names.
    """
    names = texts("p", "q")
    table = opened(tmp_path, saved(frame({"x": wholes(1, 2)}, names)))
    assert (table.header, rows_of(table)) == (("x", "rownames"), [("1", "p"), ("2", "q")])
    table = opened(tmp_path, saved(frame({"rownames": texts("a", "b")}, names)))
    assert (table.header, rows_of(table)) == (("rownames", "rownames_2"), [("a", "p"), ("b", "q")])
    for automatic in (wholes(1, 2), texts("1", "2"), wholes(None, -2)):
        assert opened(tmp_path, saved(frame({"x": wholes(1, 2)}, automatic))).header == ("x",)


def test_columns_in_columns(tmp_path):
    """
    A matrix or a data frame in a data frame is a column for each of its own, as R names them.
    """
    matrix = wholes(1, 2, 3, 4, dim=wholes(2, 2))
    named = wholes(1, 2, dim=wholes(2, 1), dimnames=values(NULL_CELL, texts("k")))
    inner = frame({"a": texts("x", "y")}, rows=2)
    table = opened(tmp_path, saved(frame({"m": matrix, "n": named, "f": inner}, rows=2)))
    assert table.header == ("m.1", "m.2", "n.k", "f.a")
    assert rows_of(table) == [("1", "3", "1", "x"), ("2", "4", "2", "y")]


def test_what_is_no_column_is_left_out_and_said(tmp_path):
    """
    A column that a table cannot hold takes no other with it: it is named. So are units, and unknown classes.
    """
    package = texts("Period", package=texts("lubridate"))
    table = opened(
        tmp_path,
        saved(
            frame(
                {
                    "i": wholes(1),
                    "f": values(function()),
                    "period": doubles(0.0, **{"class": package}),
                    "took": doubles(1.5, units=texts("hours"), **of_class("difftime")),
                    "width": doubles(2.0, **of_class("units")),
                    "at": doubles(0.0, **of_class("POSIXct", "POSIXt")),
                }
            )
        ),
    )
    assert table.header == ("i", "took", "width", "at")
    told = {note.kind: note.values for note in table.notes}
    assert told["note-r-columns-left-out"] == {"columns": ["f", "period"]}
    assert told["note-r-unit"] == {"column": "took", "unit": "hours"}
    assert told["note-r-class"] == {"column": "width", "class_name": "units"}
    assert told["note-r-no-zone"] == {"columns": ["at"]}


def test_dates_that_no_calendar_has_are_numbers(tmp_path):
    """
    `as.Date(Inf)` and far moments stay what R keeps, and it is said.
    """
    table = opened(
        tmp_path,
        saved(
            frame(
                {
                    "d": doubles(float("inf"), 1.0, **of_class("Date")),
                    "t": doubles(1e15, 0.0, **of_class("POSIXct", "POSIXt")),
                },
                rows=2,
            )
        ),
    )
    assert rows_of(table) == [("inf", "1000000000000000"), ("1", "0")]
    assert [note.values["column"] for note in table.notes if note.kind == "note-r-class"] == ["d", "t"]


def test_texts_without_a_mark(tmp_path):
    """
    Texts of an R that did not say their encoding are of that of the file (version 3), of UTF-8, or of what is
    said, in any spelling that Python knows. Otherwise the way out is named.
    """
    column = {"t": texts(b"caf\xe9", mark=0)}
    old = saved(frame(column), version=2)
    for spelling in ("latin-1", "ISO-8859-1", "l1", "windows-1252", "cp1252"):
        assert rows_of(opened(tmp_path, old, encoding=spelling)) == [("café",)]
    assert rows_of(opened(tmp_path, saved(frame(column), native="ISO-8859-1"))) == [("café",)]
    with pytest.raises(TableError) as told:
        opened(tmp_path, old)
    assert told.value.kind == "r-text-of-other-encoding"
    with pytest.raises(UsageError) as unknown:
        opened(tmp_path, old, encoding="klingon")
    assert unknown.value.kind == "no-such-encoding"


def test_several_objects(tmp_path):
    """
    One data frame among vectors and functions is the table; of several one is chosen, also of a saved list.
    """
    people, posts = frame({"a": wholes(1)}), frame({"t": texts("x")})
    workspace = saved_many({"n": wholes(7), "clean": function(), "people": people})
    table = opened(tmp_path, workspace, "t.RData")
    assert (table.header, rows_of(table), table.reading.sheet) == (("a",), [("1",)], "people")
    assert [(note.kind, note.values) for note in table.notes] == [
        ("note-r-objects", {"frame": "people", "others": ["n"]})
    ]
    assert rows_of(opened(tmp_path, workspace, "t.RData", sheet="n")) == [("7",)]
    for content, name in (
        (saved_many({"people": people, "posts": posts}), "t.rda"),
        (saved(values(people, posts, names=texts("people", "posts"))), "t.rds"),
    ):
        with pytest.raises(UsageError, match="'people', 'posts'"):
            opened(tmp_path, content, name)
        assert rows_of(opened(tmp_path, content, name, sheet="posts")) == [("x",)]
        with pytest.raises(UsageError) as wrong:
            opened(tmp_path, content, name, sheet="post")
        assert wrong.value.kind == "r-no-such-frame"


def test_vectors_and_matrices(tmp_path):
    """
    A vector is a table of one column, and a matrix one of as many as it has, as before.
    """
    table = opened(tmp_path, saved_many({"x": texts("a", "b")}), "t.rda")
    assert (table.header, rows_of(table)) == (("x",), [("a",), ("b",)])
    table = opened(tmp_path, saved(wholes(1, 2, 3, 4, dim=wholes(2, 2))))
    assert (table.header, rows_of(table)) == (("0", "1"), [("1", "3"), ("2", "4")])


def test_labels_of_the_package_foreign(tmp_path):
    """
    `read.dta` and `read.spss` of foreign 0.8 keep the labels of columns with the frame.
    """
    for attribute in ("var.labels", "variable.labels"):
        labels: dict[str, Any] = {attribute: texts("One", "Two")}
        content = saved(frame({"q1": wholes(1), "q2": wholes(2)}, **labels))
        assert [info.label for info in opened(tmp_path, content).columns] == ["One", "Two"]


def test_ordered_factors_are_ordinal(tmp_path):
    """
    SPSS is told of the order.
    """
    levels = texts("low", "high")
    content = saved(
        frame(
            {
                "o": wholes(1, levels=levels, **of_class("ordered", "factor")),
                "f": wholes(2, levels=levels, **of_class("factor")),
            }
        )
    )
    assert [info.measure for info in opened(tmp_path, content).columns] == ["ordinal", "nominal"]


@pytest.mark.parametrize("cut", range(0, 300, 7))
def test_a_file_of_r_that_is_cut_off(tmp_path, cut):
    """
    It is one clear error, wherever it ends.
    """
    content = saved(frame({"a": doubles(1.0, 2.0), "t": texts("x", "yy")}, rows=2))
    with pytest.raises(TableError):
        opened(tmp_path, content[: min(cut, len(content) - 1)])


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(wholes(5, levels=texts("a"), **of_class("factor")), id="no-such-level"),
        pytest.param(struct.pack(">ii", 255, 0) + struct.pack(">i", 77), id="no-such-reference"),
        pytest.param(struct.pack(">ii", 14, -7), id="negative-length"),
        pytest.param(struct.pack(">ii", 16, 1) + wholes(1), id="no-text"),
        pytest.param(struct.pack(">i", 99), id="unknown-type"),
        pytest.param(wholes(1, 2, dim=wholes(7, 7)), id="no-matrix"),
        pytest.param(texts("a", "b", **of_class("Date")), id="text-of-a-number"),
        pytest.param(
            values(
                *[doubles(0.0), wholes(0), wholes(0), wholes(1), wholes(0), wholes(900_000)],
                names=texts("sec", "min", "hour", "mday", "mon", "year"),
                **of_class("POSIXlt"),
            ),
            id="a-year-of-no-calendar",
        ),
    ],
)
def test_damaged_values_of_r(tmp_path, column):
    """
    What cannot be is an error, or its column is left out; never a wrong cell.
    """
    try:
        table = opened(tmp_path, saved(frame({"n": wholes(1), "x": column})))
    except TableError:
        return
    assert (table.header, rows_of(table)) == (("n",), [("1",)])
    assert [note.kind for note in table.notes] == ["note-r-columns-left-out"]


def test_columns_of_other_lengths(tmp_path):
    """
    A frame whose columns are not equally long is damaged.
    """
    with pytest.raises(TableError) as told:
        opened(tmp_path, saved(frame({"a": wholes(1), "b": wholes(1, 2)})))
    assert told.value.kind == "r-unreadable"


def test_values_that_are_nested_deep(tmp_path):
    """
    Lists in lists in lists are read as far as Python goes, and otherwise refused.
    """
    inner = word("x")
    for _ in range(5000):
        inner = struct.pack(">ii", 19, 1) + inner
    with pytest.raises(TableError) as told:
        opened(tmp_path, saved(frame({"a": inner})))
    assert told.value.kind == "r-unreadable"


def test_a_moment_of_r_is_a_date_in_other_programs(tmp_path):
    """
    Dates and moments of UTC stay these in .sav and .parquet.
    """
    import pyreadstat

    table = opened(
        tmp_path,
        saved(
            frame(
                {
                    "d": wholes(20_635, **of_class("Date")),
                    "t": doubles(MOMENT, **of_class("POSIXct", "POSIXt"), tzone=texts("UTC")),
                }
            )
        ),
    )
    for name in ("out.sav", "out.parquet"):
        path = tmp_path / name
        with open_writer(path, format_of(path), TableShape.of(table, ())) as writer:
            for chunk in table.chunks():
                writer.write(chunk, pl.DataFrame())
    moment = datetime.datetime(2026, 7, 1, 10, 0, 0, 250_000)
    found, _ = pyreadstat.read_sav(str(tmp_path / "out.sav"), output_format="polars")
    assert found.rows() == [(datetime.date(2026, 7, 1), moment)]
    assert pl.read_parquet(tmp_path / "out.parquet").rows() == [(datetime.date(2026, 7, 1), moment)]
