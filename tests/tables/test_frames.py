"""Data frames of Python, cell by cell."""

from __future__ import annotations

import datetime
import decimal
import enum
import io
import uuid
from typing import Any

import polars as pl
import pytest

from rowbatch.errors import UsageError
from rowbatch.tables.base import as_text
from rowbatch.tables.frames import column_name, from_frame

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")

ONE = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
DAY, MOMENT = datetime.date(2026, 3, 1), datetime.datetime(2026, 3, 1, 12, 30)
BERLIN = "2026-03-01T12:30:00+01:00"


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


def column_of(frame: object) -> pl.Series:
    return from_frame(frame).to_series()


OF_PANDAS: dict[str, tuple[Any, list[str], Any]] = {
    "texts": (["a", None, "é"], ["a", "", "é"], pl.String),
    "nothing": ([None, None], ["", ""], pl.Null),
    "whole numbers": ([1, 2], ["1", "2"], pl.Int64),
    "floats": ([1.5, float("nan")], ["1.5", ""], pl.Float64),
    "booleans": ([True, False], ["true", "false"], pl.Boolean),
    "whole numbers that may be missing": (pd.array([1, None], dtype="Int64"), ["1", ""], pl.Int64),
    "small ones": (pd.array([1, None], dtype="UInt8"), ["1", ""], pl.UInt8),
    "floats that may be missing": (pd.array([0.1, None], dtype="Float32"), ["0.1", ""], pl.Float32),
    "booleans that may be missing": (pd.array([True, None], dtype="boolean"), ["true", ""], pl.Boolean),
    "texts that may be missing": (pd.array(["a", None], dtype="string"), ["a", ""], pl.String),
    "dates and times": ([MOMENT, None], ["2026-03-01T12:30:00", ""], pl.Datetime("us")),
    "times in seconds": (
        np.array(["2026-03-01T12:30:00", "NaT"], dtype="datetime64[s]"),
        ["2026-03-01T12:30:00", ""],
        pl.Datetime("us"),
    ),
    "times of Berlin": (
        pd.to_datetime(pd.Series([MOMENT, None])).dt.tz_localize("Europe/Berlin"),
        [BERLIN, ""],
        pl.Datetime("us", "Europe/Berlin"),
    ),
    "times with an offset": (pd.to_datetime(pd.Series([BERLIN, None])), [BERLIN, ""], pl.String),
    "durations": (pd.to_timedelta(pd.Series(["90s", None])), ["PT1M30S", ""], None),
    "categories": (pd.Categorical(["b", None, "a"]), ["b", "", "a"], pl.Enum(["a", "b"])),
    "categories of numbers": (pd.Categorical([3, None, 1]), ["3", "", "1"], pl.Int64),
    "bins": (
        pd.cut([1, 5], 2),
        ["(0.996, 3.0]", "(3.0, 5.0]"],
        pl.Enum(["(0.996, 3.0]", "(3.0, 5.0]"]),
    ),
    "periods": (pd.PeriodIndex(["2026-01", None], freq="M"), ["2026-01", ""], pl.String),
    "quarters": (pd.PeriodIndex(["2026Q1"], freq="Q"), ["2026Q1"], pl.String),
    "intervals": (pd.arrays.IntervalArray.from_breaks([0, 1, 2]), ["(0, 1]", "(1, 2]"], pl.String),
    "sparse": (pd.arrays.SparseArray([0, 0, 1]), ["0", "0", "1"], pl.Int64),
    "complex": ([1 + 2j, None], ["1+2j", ""], pl.String),
    "ids": ([ONE, None], [str(ONE), ""], pl.String),
    "decimals": ([decimal.Decimal("1.10"), None], ["1.1", ""], pl.Decimal(38, 2)),
    "bytes": ([b"x", b"\xff"], ["x", "/w=="], pl.Binary),
    "days": ([DAY, None], ["2026-03-01", ""], pl.Date),
    "times of day": ([datetime.time(13, 45), None], ["13:45:00", ""], pl.Time),
    "lists": ([["a", "b"], [], None], ['["a", "b"]', "[]", ""], pl.List(pl.String)),
    "arrays": ([np.array([1, 2]), None], ["[1, 2]", ""], pl.List(pl.Int64)),
    "lists of several types": ([["a", 1, None, DAY], None], ['["a", 1, null, "2026-03-01"]', ""], pl.String),
    "dictionaries": ([{"a": 1}, {"a": 2}], ['{"a": 1}', '{"a": 2}'], pl.Struct({"a": pl.Int64})),
    "choices": ([Mood.GOOD, Mood.BAD], ["good", "bad"], pl.String),
    "a number among texts": (["one", 2, 3.0, True, None], ["one", "2", "3", "true", ""], pl.String),
    "a date among texts": (["one", DAY, MOMENT], ["one", "2026-03-01", "2026-03-01T12:30:00"], pl.String),
    "whole numbers and floats": (pd.Series([1, 2.5, None], dtype=object), ["1", "2.5", ""], pl.Float64),
    "a large number among floats": (
        pd.Series([2**60 + 1, 0.5], dtype=object),
        ["1152921504606846977", "0.5"],
        pl.String,
    ),
    "numbers beyond 64 bits": ([2**70, None], [str(2**70), ""], pl.String),
    "half a character": (
        pd.Series(["ok \ud83d", "\ud83d\ude00"], dtype=object),
        ["ok \ufffd", "😀"],
        pl.String,
    ),
    "missing in every way": (
        pd.Series([None, float("nan"), pd.NA, pd.NaT, "x"], dtype=object),
        ["", "", "", "", "x"],
        pl.String,
    ),
}


@pytest.mark.parametrize("kind", OF_PANDAS)
def test_columns_of_pandas(kind):
    """
    Each kind of column of pandas 3.1 has its type, or is text by the rule; nothing ends in another library's
    words.
    """
    values, texts, dtype = OF_PANDAS[kind]
    found = from_frame(pd.DataFrame({"n": range(len(texts)), "x": values}))["x"]
    assert as_text(found.to_frame())["x"].to_list() == texts
    assert dtype is None or found.dtype == dtype
    found.to_frame().write_parquet(io.BytesIO())


@pytest.mark.parametrize("kind", ["int64[pyarrow]", "string[pyarrow]", "list", "timestamp"])
def test_columns_of_pandas_that_arrow_holds(kind):
    """
    Those of pyarrow keep their types.
    """
    pa = pytest.importorskip("pyarrow")
    arrow = {
        "int64[pyarrow]": (pa.array([1, None]), ["1", ""]),
        "string[pyarrow]": (pa.array(["a", None]), ["a", ""]),
        "list": (pa.array([["a"], None]), ['["a"]', ""]),
        "timestamp": (
            pa.array([MOMENT, None], pa.timestamp("us", "Europe/Berlin")),
            ["2026-03-01T13:30:00+01:00", ""],
        ),
    }
    values, texts = arrow[kind]
    frame = pd.DataFrame({"x": pd.arrays.ArrowExtensionArray(values)})
    assert as_text(from_frame(frame))["x"].to_list() == texts


def test_names_of_columns():
    """
    Numbers and several lines of names are texts; an index with a name is a column.
    """
    assert from_frame(pd.DataFrame([[1, "one"]])).columns == ["0", "1"]
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "")]))
    assert from_frame(frame).columns == ["a.x", "a"]
    frame = pd.DataFrame({"id": ["r7"], "text": ["one"]}).set_index("id")
    assert from_frame(frame).rows() == [("r7", "one")]
    grouped = pd.DataFrame({"a": ["x"], "b": [1], "n": [2]}).set_index(["a", "b"])
    assert from_frame(grouped).rows() == [("x", 1, 2)]
    assert [column_name(name) for name in (1, "a", ("a", 1), ("a", ""))] == ["1", "a", "a.1", "a"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame([[1, 2]], columns=["1", 1]),
        pd.DataFrame({"a": [1]}, index=pd.Index([1], name="a")),
        {1: [1], "1": [2]},
    ],
)
def test_a_name_that_stands_twice(frame):
    """
    It is named, also where one of the two is the index's.
    """
    with pytest.raises(UsageError) as told:
        from_frame(frame)
    assert told.value.kind == "frame-column-twice"


def test_what_no_table_holds_is_named_with_its_place():
    """
    An object of a program is no text: its column and row are said.
    """
    for frame in (
        pd.DataFrame({"text": ["a", object()]}),
        {"text": ["a", object()]},
        [{"text": "a"}, {"text": object()}],
        pl.DataFrame({"text": pl.Series(["a", object()], dtype=pl.Object)}),
    ):
        with pytest.raises(UsageError) as told:
            from_frame(frame)
        assert told.value.kind == "frame-cell-unusable"
        assert (told.value.values["column"], told.value.values["row"]) == ("text", 2)


def test_series_dictionaries_and_rows():
    """
    A series is a table of one column; dictionaries of columns and lists of rows are tables.
    """
    assert from_frame(pd.Series(["a", "b"], name="text")).to_dict(as_series=False) == {"text": ["a", "b"]}
    assert from_frame(pd.Series(["a"])).columns == ["value"]
    assert from_frame(pl.Series("text", ["a"])).rows() == [("a",)]
    columns = {
        "a": ("x", 1),
        "b": np.array([1.5, 2.0]),
        "c": range(2),
        "d": pd.Series([1, 2], index=[7, 8]),
        "e": "z",
    }
    assert from_frame(columns).rows() == [("x", 1.5, 0, 1, "z"), ("1", 2.0, 1, 2, "z")]
    assert from_frame([{"a": 1}, {"b": "x", "a": None}]).rows() == [(1, None), (None, "x")]
    with pytest.raises(UsageError) as told:
        from_frame({"a": [1, 2], "b": [1]})
    assert told.value.kind == "frame-lengths-differ"
    for nothing in (7, [], ["a"], None):
        with pytest.raises(UsageError) as told:
            from_frame(nothing)
        assert told.value.kind == "no-table"


def test_frames_that_speak_arrow():
    """
    Tables, batches and streams of pyarrow, and whatever speaks as they do.
    """
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1, 2], "t": ["x", None]})

    class Other:
        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            return table.__arrow_c_stream__(requested_schema)

    for frame in (table, table.to_batches()[0], table.to_reader(), Other()):
        assert from_frame(frame).rows() == [(1, "x"), (2, None)]


def test_frames_of_polars_with_objects():
    """
    What polars keeps as an object is text by the rule; its other types stay.
    """
    frame = pl.DataFrame(
        {
            "o": pl.Series([ONE, None], dtype=pl.Object),
            "e": pl.Series(["a", None], dtype=pl.Enum(["a", "b"])),
            "d": [decimal.Decimal("1.10"), None],
            "s": [{"a": 1}, None],
        }
    )
    found = from_frame(frame.lazy())
    assert found["o"].to_list() == [str(ONE), None]
    assert found.schema == {**frame.schema, "o": pl.String}


def test_a_run_is_made_of_any_frame(tmp_path):
    """
    The column with the text is named as the frame names it: by a number, by several lines of names.
    """
    import rowbatch

    for name, frame, text in (
        ("number", pd.DataFrame([[1, "one"], [2, "two"]]), 1),
        ("lines", pd.DataFrame([["one"]], columns=pd.MultiIndex.from_tuples([("q", "text")])), ("q", "text")),
        ("mixed", pd.DataFrame({"text": ["one", 2, 3.0, True, None, b"x", ["l"]]}), "text"),
    ):
        run = rowbatch.create(
            frame, labels=["a", "b"], prompt="x", run=tmp_path / name, text=text, is_listed=False
        )
        assert run.preview()
