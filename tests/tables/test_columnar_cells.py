"""Values of Parquet and Arrow, cell by cell, in and out."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rowbatch.errors import CannotHold, TableError
from rowbatch.tables import columnar_sizes
from rowbatch.tables.base import Table, TableChunk, as_doubles, as_text
from rowbatch.tables.columnar_sizes import has_intervals
from rowbatch.tables.formats import open_table
from rowbatch.tables.writer import TableShape, format_of, open_writer


def rows_of(table: Table) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks() for row in chunk.frame.iter_rows()]


def written_again(source: Path, target: Path) -> Path:
    table = open_table(source)
    with open_writer(target, format_of(target), TableShape.of(table, ())) as writer:
        for chunk in table.chunks():
            writer.write(chunk, pl.DataFrame())
    return target


D = decimal.Decimal
CELLS: dict[str, tuple[pl.Series, list[str]]] = {
    "Float16": (
        pl.Series([1.5, 0.1, 65504.0, 6e-8, None, float("inf")], dtype=pl.Float16),
        ["1.5", "0.1", "65504", "6e-8", "", "inf"],
    ),
    "Float32": (pl.Series([0.1, 16777216.0, None], dtype=pl.Float32), ["0.1", "16777216", ""]),
    "Decimal": (pl.Series([D("1.10"), D("200.00"), None]), ["1.1", "200", ""]),
    "Int128": (pl.Series([2**100, None], dtype=pl.Int128), [str(2**100), ""]),
    "JSON": (pl.Series(['{"x":1}', None]).ext.to(pl.Extension("arrow.json", pl.String, "")), ['{"x":1}', ""]),
    "bool8": (
        pl.Series([1, 0, None], dtype=pl.Int8).ext.to(pl.Extension("arrow.bool8", pl.Int8, "")),
        ["true", "false", ""],
    ),
    "a type of somebody's own": (
        pl.Series([0.5, None]).ext.to(pl.Extension("acme.money", pl.Float64, "")),
        ["0.5", ""],
    ),
    "list of bytes": (pl.Series([[b"ab", b"\xff"], None]), ['["ab", "/w=="]', ""]),
    "list of Float32": (pl.Series([[0.1, None], None], dtype=pl.List(pl.Float32)), ["[0.1, null]", ""]),
    "list of Float16": (pl.Series([[0.1], None], dtype=pl.List(pl.Float16)), ["[0.1]", ""]),
    "list of times": (
        pl.Series([[datetime.datetime(2026, 1, 2, 3, 4, 5)], None]),
        ['["2026-01-02T03:04:05"]', ""],
    ),
    "structure": (
        pl.Series([{"d": D("1.10"), "b": b"x", "l": [{"t": datetime.date(2026, 1, 2)}]}, None]),
        ['{"d": "1.1", "b": "x", "l": [{"t": "2026-01-02"}]}', ""],
    ),
    "array": (pl.Series([[1, 2], None], dtype=pl.Array(pl.Int64, 2)), ["[1, 2]", ""]),
    "duration": (pl.Series([datetime.timedelta(seconds=90), None]), ["PT1M30S", ""]),
    "time": (pl.Series([datetime.time(13, 45), None]), ["13:45:00", ""]),
    "moment of Berlin in nanoseconds": (
        pl.Series([1, None]).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("Europe/Berlin"),
        ["1970-01-01T01:00:00.000000001+01:00", ""],
    ),
    "nothing at all": (pl.Series([None, None], dtype=pl.Null), ["", ""]),
    "category": (pl.Series(["a", None], dtype=pl.Categorical), ["a", ""]),
}


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
@pytest.mark.parametrize("kind", CELLS)
def test_cells_of_columnar_files(tmp_path, kind, suffix):
    """
    Each kind of value has the text that the rule says, and its type again in the same format (polars 2.1.0).
    """
    column, texts = CELLS[kind]
    path = tmp_path / f"t{suffix}"
    frame = pl.DataFrame({"n": range(len(column)), "x": column})
    if suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path)
    assert [row[1] for row in rows_of(open_table(path))] == texts
    again = written_again(path, tmp_path / f"again{suffix}")
    read = pl.read_parquet if suffix == ".parquet" else pl.read_ipc
    assert read(again).schema == read(path).schema
    assert as_text(read(again))["x"].to_list() == texts


@pytest.mark.parametrize("suffix", [".xlsx", ".dta", ".sav", ".jsonl", ".csv"])
@pytest.mark.parametrize("kind", CELLS)
def test_cells_of_columnar_files_in_other_formats(tmp_path, kind, suffix):
    """
    Each kind of value has the same text in every other format, or is refused with its column and row.
    """
    column, texts = CELLS[kind]
    path = tmp_path / "t.parquet"
    pl.DataFrame({"n": range(len(column)), "x": column}).write_parquet(path)
    if suffix == ".dta" and "inf" in texts:
        with pytest.raises(CannotHold) as told:
            written_again(path, tmp_path / "again.dta")
        assert (told.value.kind, told.value.values["column"]) == ("number-too-large-for-stata", "x")
        return
    found = [row[1] for row in rows_of(open_table(written_again(path, tmp_path / f"again{suffix}")))]
    # JSON has no blank in a list; neither program has true and false.
    same = {}
    if suffix in (".dta", ".sav"):
        same = {"true": "1", "false": "0", "PT1M30S": "00:01:30"}
    elif suffix == ".xlsx":
        same = {"true": "TRUE", "false": "FALSE", "PT1M30S": "00:01:30"}
    plain = [text.replace(", ", ",") for text in found]
    assert plain == [same.get(text, text).replace(", ", ",") for text in texts]


def test_decimals_and_narrow_floats_are_numbers_elsewhere(tmp_path):
    """
    In Excel, Stata, SPSS and JSONL they are the numbers that they show, and not those of their bits.
    """
    import openpyxl
    import pyreadstat

    source = tmp_path / "t.parquet"
    pl.DataFrame(
        {
            "d": [D("1.10"), D("200.00"), None],
            "h": pl.Series([1.5, 0.1, None], dtype=pl.Float16),
            "s": pl.Series([0.1, 2.0, None], dtype=pl.Float32),
        }
    ).write_parquet(source)
    expected = [(1.1, 1.5, 0.1), (200.0, 0.1, 2.0), (None, None, None)]
    for name in ("t.dta", "t.sav"):
        read = pyreadstat.read_dta if name == "t.dta" else pyreadstat.read_sav
        found, _ = read(str(written_again(source, tmp_path / name)), output_format="polars")
        assert found.rows() == expected
    lines = written_again(source, tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()
    assert [tuple(json.loads(line).values()) for line in lines] == expected
    sheet = openpyxl.load_workbook(written_again(source, tmp_path / "t.xlsx")).active
    assert list(sheet.values)[1:3] == expected[:2]


def test_a_decimal_that_no_double_shows_stays_text(tmp_path):
    """
    A sum of money of more digits than a double has is not rounded: its column is text.
    """
    exact, long = pl.Series([D("0.1"), None]), pl.Series([D("12345678901234567.89"), D("1.00")])
    assert as_doubles(exact).to_list() == [0.1, None]
    assert as_doubles(long).dtype == long.dtype
    source = tmp_path / "t.parquet"
    pl.DataFrame({"d": long}).write_parquet(source)
    lines = written_again(source, tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines == ['{"d":"12345678901234567.89"}', '{"d":"1"}']


def test_infinity_is_no_null_in_json_lines(tmp_path):
    """
    polars 2.1.0 writes it as null; it is a text, as in other formats.
    """
    source = tmp_path / "t.parquet"
    pl.DataFrame({"x": [float("inf"), 1.5], "b": [[b"\xff"], None]}).write_parquet(source)
    lines = written_again(source, tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{"x": "inf", "b": '["/w=="]'}, {"x": "1.5", "b": None}]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_ids_are_written_as_ids(tmp_path, suffix):
    """
    polars 2.1.0 gives an id (UUID) as 16 bytes: what a file says of its columns tells which are ids. pyarrow
    writes it.
    """
    pa = pytest.importorskip("pyarrow")
    import pyarrow.feather
    import pyarrow.parquet

    one = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
    table = pa.table(
        {
            "deep": pa.array([{"a": {"b": 1}, "c": [1]}, None]),
            "raw": pa.array([b"x" * 16, None]),
            "id": pa.array([one.bytes, None], pa.uuid()),
            "text": pa.array(["x", ""]),
        }
    )
    path = tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, path)
    found = open_table(path)
    assert [row[1:] for row in rows_of(found)] == [("x" * 16, str(one), "x"), ("", "", "")]


def test_an_index_of_pandas_is_said(tmp_path):
    """
    Names of rows that pandas 3 wrote beside the columns are a column, and it is said what they are.
    """
    path = tmp_path / "t.parquet"
    pl.DataFrame({"text": ["x"], "__index_level_0__": [7]}).write_parquet(path)
    table = open_table(path)
    assert rows_of(table) == [("x", "7")]
    assert [(note.kind, note.values) for note in table.notes] == [
        ("note-index-of-pandas", {"columns": ["__index_level_0__"]})
    ]


def test_a_file_that_cannot_be_read_to_its_end_is_an_error(tmp_path, monkeypatch):
    """
    polars 2.1.0 may end without a word where it cannot go on in the middle of a file: rows would be lost.
    """
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": range(10)}).write_parquet(path)
    table = open_table(path)
    whole = pl.LazyFrame.collect_batches

    def first_only(scan: pl.LazyFrame, **options: Any) -> Any:
        yield next(iter(whole(scan.head(4), **options)))

    monkeypatch.setattr(pl.LazyFrame, "collect_batches", first_only)
    with pytest.raises(TableError) as told:
        rows_of(table)
    assert (told.value.kind, told.value.values["read"], told.value.values["rows"]) == (
        "table-rows-unreadable",
        4,
        10,
    )


def test_a_column_may_be_empty_for_long(tmp_path):
    """
    Parts of a table may come with other types: an output keeps the first one where all values stay what they
    are, and otherwise names the column.
    """
    path = tmp_path / "t.parquet"
    shape = TableShape(("a", "b"), (), ())

    def chunk(row: int, a: pl.Series, b: pl.Series) -> TableChunk:
        typed = pl.DataFrame([a.alias("0"), b.alias("1")])
        return TableChunk(row, as_text(typed), typed)

    with open_writer(path, "parquet", shape) as writer:
        writer.write(chunk(1, pl.Series([None], dtype=pl.String), pl.Series([1])), pl.DataFrame())
        writer.write(chunk(2, pl.Series([2.0]), pl.Series([2.0])), pl.DataFrame())
        writer.write(chunk(3, pl.Series([None], dtype=pl.Float64), pl.Series([None])), pl.DataFrame())
    assert pl.read_parquet(path).rows() == [(None, 1), ("2", 2), (None, None)]
    with pytest.raises(CannotHold) as told, open_writer(path, "parquet", shape) as writer:
        writer.write(chunk(1, pl.Series(["x"]), pl.Series([1])), pl.DataFrame())
        writer.write(chunk(2, pl.Series(["x"]), pl.Series([2.5])), pl.DataFrame())
    assert (told.value.kind, told.value.values["column"]) == ("column-changes-type", "b")


@pytest.mark.parametrize("text", ["x", '"\ufdd0', "\ufdd01\ufdd0"])
def test_a_whole_number_in_jsonl_has_no_point_beside_others(tmp_path, text):
    """
    A number is spelt alike in every chunk, and like its text in other formats; what texts hold stays.

    polars 2.1.0 writes 1.0 where another number of the chunk is no whole one.
    """
    frame = pl.DataFrame({"t": [text, '"1.0"', None, "\\"], "n": [1.0, 2.5, None, -3e300]})
    frame.write_parquet(tmp_path / "t.parquet")
    lines = written_again(tmp_path / "t.parquet", tmp_path / "t.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["t"] for line in lines] == [text, '"1.0"', None, "\\"]
    assert [json.loads(line)["n"] for line in lines] == [1, 2.5, None, -3e300]
    if text == "x":
        assert lines[0] == '{"t":"x","n":1}'


PERIODS = [
    ("M", [600, -1, None], ["2020-01", "1969-12", ""]),
    ("Q-DEC", [200, -1, None], ["2020Q1", "1969Q4", ""]),
    ("Y-DEC", [50, -1, None], ["2020", "1969", ""]),
    ("D", [18263, -1, None], ["2020-01-02", "1969-12-31", ""]),
    ("W-SUN", [2609, None], ["2609", ""]),
]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".dta", ".sav", ".jsonl"])
@pytest.mark.parametrize(("frequency", "counts", "shown"), PERIODS)
def test_periods_of_pandas_are_what_pandas_shows(tmp_path, frequency, counts, shown, suffix):
    """
    pandas 3.1 keeps a month as how many there were since 1970; they came out as that number.
    """
    kind = pl.Extension("pandas.period", pl.Int64(), json.dumps({"freq": frequency}))
    source = tmp_path / "t.parquet"
    column = pl.Series("p", counts, dtype=pl.Int64).ext.to(kind)
    pl.DataFrame([pl.Series("t", ["x"] * len(counts)), column]).write_parquet(source)
    assert [row[1] for row in rows_of(open_table(source))] == shown
    out = written_again(source, tmp_path / f"o{suffix}")
    assert [row[1] for row in rows_of(open_table(out))] == shown
    assert rows_of(open_table(written_again(source, tmp_path / "o.parquet"))) == rows_of(open_table(source))


@pytest.mark.parametrize(
    "told",
    [
        "could not import from `month_day_millisecond_interval` type",
        "precision must be between 1 and 38, got 50",
        "The dictionary key must fit in a `usize`, but -1 does not",
    ],
)
def test_a_type_that_cannot_be_read_is_no_damage(tmp_path, monkeypatch, told):
    """
    Valid files of DuckDB 2.0, pyarrow 26 and pandas 3.1 have such types, which polars 2.1.0 refuses.
    """

    def refuse(_: object) -> None:
        raise pl.exceptions.ComputeError(told)

    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(pl.LazyFrame, "collect_schema", refuse)
    with pytest.raises(TableError) as error:
        open_table(tmp_path / "t.parquet")
    assert (error.value.kind, error.value.values["told"]) == ("table-type-unknown", told)


@pytest.mark.parametrize(("unit", "number"), [("us", 2**63 - 1), ("us", -(2**63) + 1), ("ms", 9 * 10**15)])
def test_a_moment_beyond_any_calendar_is_its_number(unit, number):
    """
    DuckDB 2.0 writes an infinite moment as the largest number there is, which polars 2.1.0 does not show.
    """
    day = 86_400 * (10**6 if unit == "us" else 1000)
    column = pl.Series("m", [number, None, day], dtype=pl.Int64).cast(pl.Datetime(unit))
    assert as_text(column.to_frame())["m"].to_list() == [str(number), "", "1970-01-02T00:00:00"]


def test_a_parquet_file_with_an_interval_is_told_before_polars_sees_it(tmp_path, monkeypatch):
    """
    The type says so in the footer: SchemaElement 6 is 21.
    """
    pl.DataFrame({"a": [datetime.date(2020, 1, 2)]}).write_parquet(tmp_path / "t.parquet")
    assert not has_intervals(tmp_path / "t.parquet")
    # The converted type of a day is 6.
    monkeypatch.setattr(columnar_sizes, "_INTERVAL", 6)
    with pytest.raises(TableError) as error:
        open_table(tmp_path / "t.parquet")
    assert error.value.kind == "table-type-unknown"


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".dta", ".sav", ".jsonl", ".parquet"])
def test_days_of_far_years_have_the_same_text_everywhere(tmp_path, suffix):
    """
    Python, and with it the writer of Excel, ends with the year 9999; polars 2.1.0 and DuckDB 2.0 go on.
    """
    far = pl.Series("d", [3_663_000, 18263, None], dtype=pl.Int32).cast(pl.Date)
    pl.DataFrame(
        [pl.Series("t", ["x", "y", "z"]), far, far.cast(pl.Datetime("us")).alias("m")]
    ).write_parquet(tmp_path / "t.parquet")
    rows = rows_of(open_table(tmp_path / "t.parquet"))
    assert rows[0] == ("x", "+11998-12-15", "+11998-12-15T00:00:00")
    out = written_again(tmp_path / "t.parquet", tmp_path / f"o{suffix}")
    assert rows_of(open_table(out)) == rows
