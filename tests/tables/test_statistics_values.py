"""
What files of Stata, SPSS and SAS hold comes in as people see it, and goes out as the program kept it.

Written by pyreadstat 1.3.7 and pandas 3.1; formats as Stata's, SPSS's and SAS's manuals have them.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyreadstat
import pytest

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import CannotHold, UsageError
from rowbatch.tables.base import ColumnInfo, Table, show_clock
from rowbatch.tables.formats import open_table
from rowbatch.tables.frame_table import chunk_of
from rowbatch.tables.losses import losses
from rowbatch.tables.names import spss_names, stata_names, unique_names
from rowbatch.tables.response_sets import ResponseSet, add_response_sets
from rowbatch.tables.stata_file import StataColumn, write_stata
from rowbatch.tables.statistics_dates import meaning_of
from rowbatch.tables.writer import AddedColumn, TableShape, format_of, open_check, open_writer


def write_dta(path: Path, values: list[Any], form: str, **more: Any) -> Path:
    frame = pl.DataFrame({"t": ["x"] * len(values), "v": pl.Series(values, dtype=pl.Float64)})
    pyreadstat.write_dta(frame, str(path), variable_format={"v": form}, **more)
    return path


def write_sav(path: Path, values: list[Any], form: str, **more: Any) -> Path:
    frame = pl.DataFrame({"t": ["x"] * len(values), "v": pl.Series(values, dtype=pl.Float64)})
    pyreadstat.write_sav(frame, str(path), variable_format={"v": form}, **more)
    return path


def texts(table: Table, column: int = 1) -> list[str]:
    return [text for chunk in table.chunks() for text in chunk.frame[str(column)]]


def copy_of(table: Table, path: Path) -> Path:
    shape = TableShape.of(table, [])
    with open_writer(path, format_of(path), shape) as writer:
        for chunk in table.chunks(2):
            writer.write(chunk, pl.DataFrame())
    return path


def raw(path: Path) -> tuple[pl.DataFrame, Any]:
    read = pyreadstat.read_dta if path.suffix == ".dta" else pyreadstat.read_sav
    frame, meta = read(str(path), output_format="polars", disable_datetime_conversion=True, user_missing=True)
    return frame, meta


STATA = [
    ("%td", 21915, "2020-01-01"),
    ("%tdDD/NN/CCYY", 21915, "2020-01-01"),
    ("%-td", 21915, "2020-01-01"),
    ("%tdD_m_Y", 21915, "2020-01-01"),
    ("%d", -1, "1959-12-31"),
    ("%tc", 1893501296000, "2020-01-01T12:34:56"),
    ("%tcHH:MM:SS", 1893501296000, "2020-01-01T12:34:56"),
    ("%tcCCYY-NN-DD_HH:MM:SS", 1893501296500, "2020-01-01T12:34:56.5"),
    ("%tC", 1893501296000 + 27_000, "2020-01-01T12:34:56"),
    ("%tm", 720, "2020-01"),
    ("%tmMon_CCYY", -1, "1959-12"),
    ("%tq", 240, "2020Q1"),
    ("%tw", 3120, "2020w1"),
    ("%th", 121, "2020h2"),
    ("%ty", 2020, "2020"),
    ("%9.0g", 21915, "21915"),
    ("%9.2f", 1.5, "1.5"),
]


@pytest.mark.parametrize(("form", "value", "shown"), STATA)
def test_what_a_format_of_stata_counts(tmp_path: Path, form: str, value: float, shown: str) -> None:
    """
    Days, moments and periods by what is counted; out to Stata again as the same number in the same format.
    """
    table = open_table(write_dta(tmp_path / "in.dta", [value, None], form))
    assert texts(table) == [shown, ""]
    frame, meta = raw(copy_of(table, tmp_path / "out.dta"))
    assert frame["v"].to_list() == [value, None]
    assert meta.original_variable_types["v"] == form
    assert texts(open_table(tmp_path / "out.dta")) == [shown, ""]


SPSS = [
    ("DATE11", 13797129600, "2019-12-31"),
    ("ADATE10", 13797129600, "2019-12-31"),
    ("JDATE7", 13797129600, "2019-12-31"),
    ("MOYR8", 13797129600, "2019-12"),
    ("QYR6", 13797129600, "2019Q4"),
    ("WKYR8", 13797129600, "2019w53"),
    ("DATETIME23.2", 13797129600.12, "2019-12-31T00:00:00.12"),
    ("TIME8", 3600, "01:00:00"),
    ("TIME8", 108000, "30:00:00"),
    ("TIME8", -3600, "-01:00:00"),
    ("DTIME17", 90061.5, "25:01:01.5"),
    ("F8.2", 13797129600, "13797129600"),
]


@pytest.mark.parametrize(("form", "value", "shown"), SPSS)
def test_what_a_format_of_spss_counts(tmp_path: Path, form: str, value: float, shown: str) -> None:
    """
    A time of more than a day, or below zero, is what it is; out to SPSS again the same seconds in the same
    format.
    """
    table = open_table(write_sav(tmp_path / "in.sav", [value, None], form))
    assert texts(table) == [shown, ""]
    frame, meta = raw(copy_of(table, tmp_path / "out.sav"))
    assert frame["v"].to_list() == [value, None]
    assert meta.original_variable_types["v"] == form


SAS_DAYS = (
    "DATE9 WORDDATE18 JULIAN5 YYMMDDS10 YYMMDD10 WEEKDATE29 MMDDYY10 E8601DA10 B8601DA8 IS8601DA NLDATE20"
)
SAS = [
    *((form, 21915, "2020-01-01") for form in SAS_DAYS.split()),
    ("MONYY7", 21915, "2020-01"),
    ("YYMM7", 21915, "2020-01"),
    ("YYQ6", 21915, "2020Q1"),
    ("E8601DN10", 1893501296, "2020-01-01"),
    ("DTDATE9", 1893501296, "2020-01-01"),
    ("DATETIME20", 1893501296, "2020-01-01T12:34:56"),
    ("E8601DT19", 1893501296.25, "2020-01-01T12:34:56.25"),
    ("TIME8", 108000, "30:00:00"),
    ("TOD8", 108000, "06:00:00"),
    ("BEST12", 21915, None),
]


@pytest.mark.parametrize(("form", "value", "shown"), SAS)
def test_what_a_format_of_sas_counts(form: str, value: float, shown: str | None) -> None:
    """
    Formats of SAS by their names, whatever their widths are.
    """
    meaning = meaning_of(f"sas:{form}")
    if shown is None:
        assert meaning is None
        return
    assert meaning is not None
    values = pl.DataFrame({"v": [float(value)]}).select(meaning.convert(pl.col("v")).alias("v")).to_series()
    found = meaning.show(values) if meaning.show else values
    assert [str(found[0]) if not isinstance(found[0], datetime.datetime) else found[0].isoformat()] in (
        [shown],
        [f"{shown}0000"],
    )


def test_a_day_that_no_calendar_has_stays_a_number(tmp_path: Path) -> None:
    """
    A code such as 99999999 among days is shown as the number that it is, and comes back to Stata.
    """
    table = open_table(write_dta(tmp_path / "in.dta", [21915, 99999999, None], "%td"))
    assert texts(table) == ["2020-01-01", "99999999", ""]
    frame, _ = raw(copy_of(table, tmp_path / "out.dta"))
    assert frame["v"].to_list() == [21915, 99999999, None]


def test_types_of_stata_come_back(tmp_path: Path) -> None:
    """
    Each type stays, and a float shows the shortest decimal that is that float.
    """
    frame = pd.DataFrame(
        {
            "b": pd.array([1, 2], dtype="int8"),
            "i": pd.array([1, 300], dtype="int16"),
            "l": pd.array([1, 70000], dtype="int32"),
            "f": pd.array([0.1, 1.2], dtype="float32"),
            "d": [0.1, 2.5],
            "s": ["a", "bcd"],
        }
    )
    frame.to_stata(tmp_path / "in.dta", write_index=False, version=118)
    table = open_table(tmp_path / "in.dta")
    assert [texts(table, at) for at in (0, 3, 4)] == [["1", "2"], ["0.1", "1.2"], ["0.1", "2.5"]]
    assert [info.storage for info in table.columns] == [
        "stata:byte", "stata:int", "stata:long", "stata:float", "stata:double", "stata:str3",
    ]  # fmt: skip
    found, meta = raw(copy_of(table, tmp_path / "out.dta"))
    kinds = ["int8", "int16", "int32", "float", "double", "string"]
    assert list(meta.readstat_variable_types.values()) == kinds
    assert found.rows() == raw(tmp_path / "in.dta")[0].rows()
    assert pd.read_stata(tmp_path / "out.dta").equals(pd.read_stata(tmp_path / "in.dta"))


def test_a_value_that_does_not_fit_widens_its_type(tmp_path: Path) -> None:
    """
    A type of the input is kept as long as it holds what is written.
    """
    columns = [
        StataColumn("b", pl.Series([1, 200]), storage="byte"),
        StataColumn("f", pl.Series([0.1, 2.0]), storage="float"),
        StataColumn("s", pl.Series(["a", "x" * 3_000]), storage="str20"),
        StataColumn("n", pl.Series([None, None], dtype=pl.Float64)),
    ]
    write_stata(tmp_path / "t.dta", columns, label="")
    frame, meta = raw(tmp_path / "t.dta")
    assert list(meta.readstat_variable_types.values()) == ["int16", "double", "string", "double"]
    assert frame.rows() == [(1, 0.1, "a", None), (200, 2.0, "x" * 3_000, None)]


def test_missing_values_stand_in_every_type_of_stata(tmp_path: Path) -> None:
    """
    `.` and `.a` to `.z` of byte, int, long, float and double, with labels or without.
    """
    kinds = {"byte": 1, "int": 300, "long": 70_000, "float": 0.5, "double": 0.1}
    columns = [
        StataColumn(
            f"of_{kind}",
            pl.Series([value, None, None, None], dtype=pl.Float32 if kind == "float" else None, strict=False),
            storage=kind,
            value_labels={"a": "refused"} if kind == "byte" else {},
            letters={1: "a", 2: "z"},
        )
        for kind, value in kinds.items()
    ]
    write_stata(tmp_path / "in.dta", columns, label="study", notes=["first note", "second"])
    table = open_table(tmp_path / "in.dta")
    assert (table.label, table.documents) == ("study", ("first note", "second"))
    assert texts(table, 0) == ["1", "", "", ""]
    found, meta = raw(copy_of(table, tmp_path / "out.dta"))
    assert [found[f"of_{kind}"].to_list() for kind in kinds] == [
        [value, "a", "z", None] for value in kinds.values()
    ]
    assert meta.variable_value_labels["of_byte"] == {"a": "refused"}
    assert (meta.file_label, meta.notes) == ("study", ["first note", "second"])


def test_a_column_without_values_keeps_its_type(tmp_path: Path) -> None:
    """
    Numbers that are all missing are numbers, with their labels, in every output.
    """
    path = write_sav(tmp_path / "in.sav", [None, None], "F8.2", variable_value_labels={"v": {1: "yes"}})
    table = open_table(path)
    frame, meta = raw(copy_of(table, tmp_path / "out.sav"))
    assert (frame["v"].to_list(), meta.readstat_variable_types["v"]) == ([None, None], "double")
    assert meta.variable_value_labels["v"] == {1.0: "yes"}
    assert raw(copy_of(table, tmp_path / "out.dta"))[1].readstat_variable_types["v"] != "string"
    assert pl.read_parquet(copy_of(table, tmp_path / "out.parquet")).schema["v"] == pl.Float64


def test_widths_and_documents_of_spss_come_back(tmp_path: Path) -> None:
    """
    A text variable is as wide as it was, and lines of documents stay.
    """
    frame = pl.DataFrame({"v1": [1.0, 0.0], "v2": [0.0, 1.0], "s": ["ab" + " " * 18, None]})
    pyreadstat.write_sav(frame, str(tmp_path / "in.sav"), note=["Collected in 2026.", "By us."])
    table = open_table(tmp_path / "in.sav")
    assert table.columns[2].storage == "spss:A20"
    assert table.documents == ("Collected in 2026.", "By us.")
    found, meta = raw(copy_of(table, tmp_path / "out.sav"))
    assert found["s"].to_list() == ["ab", ""]
    assert (meta.original_variable_types["s"], meta.notes) == ("A20", ["Collected in 2026.", "By us."])


def test_response_sets_of_spss_come_back(tmp_path: Path) -> None:
    """
    Sets of yes and no, with the value that counts, and sets of categories, whatever the names of variables
    are.
    """
    frame = pl.DataFrame({"q1.a": [1.0], "q1.b": [0.0], "c1": [3.0], "c2": [4.0]})
    path = tmp_path / "in.sav"
    pyreadstat.write_sav(frame, str(path))
    sets = [
        ResponseSet("media", label="Which média", counted=1, variables=("q1.a", "q1.b")),
        ResponseSet("brands", label="", counted=None, variables=("c1", "c2")),
    ]
    add_response_sets(path, sets)
    table = open_table(path)
    assert list(table.response_sets) == sets
    assert list(open_table(copy_of(table, tmp_path / "out.sav")).response_sets) == sets


def test_names_that_a_program_allows_stay(tmp_path: Path) -> None:
    """
    Each program's own rules; of names that would become one, the one that is legal keeps its own.
    """
    assert stata_names(["_merge", "to", "by", "N", "n", "long", "str1", "a b", "a_b", "1x", "ü"]) == [
        "_merge", "to", "by", "N", "n", "v_long", "v_str1", "a_b_2", "a_b", "v_1x", "ü",
    ]  # fmt: skip
    assert spss_names(["q1.1", "long", "if", "to", "N", "n", "a$", "a b", "@x", "#y"]) == [
        "q1.1", "long", "if", "v_to", "N", "n_2", "a$", "a_b", "@x", "v_#y",
    ]  # fmt: skip
    assert unique_names(["a", "a", "", "a_2"]) == ["a", "a_3", "column_3", "a_2"]
    pyreadstat.write_sav(pl.DataFrame({"q1.1": [1.0], "long": [2.0], "if": [3.0]}), str(tmp_path / "in.sav"))
    assert raw(copy_of(open_table(tmp_path / "in.sav"), tmp_path / "out.sav"))[1].column_names == [
        "q1.1", "long", "if",
    ]  # fmt: skip


def test_names_that_spss_gives_itself_stay(tmp_path: Path) -> None:
    """
    A column whose name begins with a digit gets an `@` from SPSS; names, labels and sets are as they were.

    pyreadstat 1.3.7 refuses to write such a name.
    """
    names = ("@1st", "A1st", "@2_a_name_of_more_than_eight", "@", "q")
    infos = tuple(
        ColumnInfo(label=f"about {name}", value_labels={1: "yes"}, format="spss:F8.2") for name in names
    )
    sets = (ResponseSet("s", "both", 1, ("@1st", "@2_a_name_of_more_than_eight")),)
    given = TableShape(names, infos, (AddedColumn("@added", label="new"),), response_sets=sets)
    frame = pl.DataFrame({str(at): [1.0, float(at)] for at in range(len(names))})
    with open_writer(tmp_path / "o.sav", "spss", given) as writer:
        writer.write(chunk_of(1, frame), pl.DataFrame({"@added": ["x", "y"]}))
    found, meta = raw(tmp_path / "o.sav")
    assert meta.column_names == [*names, "@added"]
    assert meta.column_labels == [*(f"about {name}" for name in names), "new"]
    assert meta.variable_value_labels["@1st"] == {1.0: "yes"}
    assert found["@2_a_name_of_more_than_eight"].to_list() == [1.0, 2.0]
    assert open_table(tmp_path / "o.sav").response_sets == sets


def write_odd_day(path: Path) -> Path:
    """A day that no calendar has, after one that it has."""
    return write_dta(path, [21915, 99999999, None], "%td")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx", ".dta"])
def test_a_day_of_no_calendar_is_its_number_in_every_output_that_has_room(
    tmp_path: Path, suffix: str
) -> None:
    """
    It was lost in formats with types, where its text had it.
    """
    table = open_table(write_odd_day(tmp_path / "in.dta"))
    assert texts(table) == ["2020-01-01", "99999999", ""]
    assert texts(open_table(copy_of(table, tmp_path / f"out{suffix}"))) == ["2020-01-01", "99999999", ""]


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".sav"])
def test_a_day_of_no_calendar_is_told_before_where_there_is_no_room(tmp_path: Path, suffix: str) -> None:
    """
    With its column, its row and its number.
    """
    table = open_table(write_odd_day(tmp_path / "in.dta"))
    out = tmp_path / f"out{suffix}"
    check = open_check(out, format_of(out), TableShape.of(table, []))
    with pytest.raises(CannotHold) as told:
        for chunk in table.chunks(1):
            check.look(chunk)
    assert told.value.kind == "number-of-no-calendar"
    assert (told.value.values["column"], told.value.row, told.value.values["number"]) == ("v", 2, "99999999")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx", ".parquet", ".dta"])
def test_a_month_of_no_calendar_is_its_number_everywhere(tmp_path: Path, suffix: str) -> None:
    """
    Months are texts, so there is room.
    """
    table = open_table(write_sav(tmp_path / "in.sav", [13797129600, -1e15, None], "MOYR8"))
    shown = ["2019-12", "-1000000000000000", ""]
    assert texts(table) == shown
    assert texts(open_table(copy_of(table, tmp_path / f"out{suffix}"))) == shown


@pytest.mark.parametrize("hours", [1, 30, -2, 0.0001])
def test_durations_of_other_formats_are_durations_in_spss(tmp_path: Path, hours: float) -> None:
    """
    However long they are; they were texts from a day on.
    """
    value = datetime.timedelta(microseconds=round(hours * 3_600_000_000))
    pl.DataFrame({"t": ["x", "y"], "v": [value, None]}).write_parquet(tmp_path / "in.parquet")
    copied = open_table(copy_of(open_table(tmp_path / "in.parquet"), tmp_path / "o.sav"))
    assert [chunk.typed["1"].to_list() for chunk in copied.chunks() if chunk.typed is not None] == [
        [value, None]
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "latin1", "iso8859_1", "ISO-8859-1", "cp1252", "utf8"])
def test_any_name_of_an_encoding(tmp_path: Path, encoding: str) -> None:
    """
    The library behind pyreadstat has names of its own; any of Python's is taken.
    """
    path = write_dta(tmp_path / "in.dta", [1], "%9.0g")
    assert texts(open_table(path, ReadOptions(encoding=encoding)), 0) == ["x"]
    with pytest.raises(UsageError) as error:
        open_table(path, ReadOptions(encoding="no-such"))
    assert error.value.kind == "no-such-encoding"


def test_durations_are_shown_by_hours() -> None:
    """
    More than a day, below zero, parts of seconds.
    """
    long = datetime.timedelta(hours=30, minutes=1, seconds=2)
    below = -datetime.timedelta(seconds=1, milliseconds=250)
    values = pl.Series("d", [long, below, None], dtype=pl.Duration("us"))
    assert show_clock(values).to_list() == ["30:01:02", "-00:00:01.25", None]


def test_times_go_to_other_programs(tmp_path: Path) -> None:
    """
    Times within a day are times in Stata; longer ones are texts there.
    """
    within = open_table(write_sav(tmp_path / "a.sav", [3600, None], "TIME8"))
    assert texts(open_table(copy_of(within, tmp_path / "a.dta"))) == ["01:00:00", ""]
    beyond = open_table(write_sav(tmp_path / "b.sav", [108000, None], "TIME8"))
    assert texts(open_table(copy_of(beyond, tmp_path / "b.dta"))) == ["30:00:00", ""]
    assert pl.read_parquet(copy_of(beyond, tmp_path / "b.parquet"))["v"][0] == datetime.timedelta(hours=30)


def test_more_columns_than_stata_has_are_told_before(tmp_path: Path) -> None:
    """
    A file of version 118 counts its variables by two bytes.
    """
    names = tuple(f"c{at}" for at in range(32_768))
    with pytest.raises(CannotHold) as error:
        open_check(tmp_path / "o.dta", "stata", TableShape(names, (), ()))
    assert error.value.kind == "stata-too-many-columns"


def shape(*columns: ColumnInfo, added: tuple[AddedColumn, ...] = ()) -> TableShape:
    return TableShape(tuple(f"c{at}" for at in range(len(columns))), columns, added)


@pytest.mark.parametrize(
    ("given", "output", "told"),
    [
        (shape(ColumnInfo(label="x" * 81)), "o.dta", ["note-labels-cut"]),
        (shape(ColumnInfo(label="x" * 81)), "o.sav", []),
        (shape(ColumnInfo(label="ü" * 129)), "o.sav", ["note-labels-cut"]),
        (shape(added=(AddedColumn("a", label="x" * 300),)), "o.sav", ["note-labels-cut"]),
        (shape(ColumnInfo(value_labels={1: "x" * 121})), "o.sav", ["note-value-labels-cut"]),
        (shape(ColumnInfo(value_labels={1: "x" * 121})), "o.dta", []),
        (shape(added=(AddedColumn("a", labels=("x" * 121, "y")),)), "o.sav", ["note-value-labels-cut"]),
        (shape(ColumnInfo(missing_ranges=(9,))), "o.dta", ["note-missing-not-kept"]),
        (shape(ColumnInfo(value_labels={"f": "female"})), "o.dta", []),
        (shape(ColumnInfo(value_labels={"fe": "female"})), "o.dta", ["note-text-labels-not-kept"]),
        (shape(ColumnInfo(label="what", value_labels={1: "yes"})), "o.csv", ["note-labels-not-kept"]),
        (shape(ColumnInfo(label="what", value_labels={1: "yes"})), "o.dta", []),
        (shape(ColumnInfo()), "o.csv", []),
    ],
)
def test_what_an_output_does_not_keep_is_told(given: TableShape, output: str, told: list[str]) -> None:
    """
    What is cut, or left out, is known before anything is sent.
    """
    assert [note.kind for note in losses(given, Path(output))] == told
    assert all(str(note) for note in losses(given, Path(output)))


@pytest.mark.parametrize("suffix", [".dta", ".sav"])
def test_not_a_number_is_a_missing_value(tmp_path: Path, suffix: str) -> None:
    """NaN, which numpy and polars write into Parquet, is greater than any number in polars 2.1.0."""
    source = tmp_path / "t.parquet"
    pl.DataFrame({"k": ["a", "b", "c"], "v": [1.5, float("nan"), None]}).write_parquet(source)
    copied = copy_of(open_table(source), tmp_path / f"t{suffix}")
    assert texts(open_table(copied)) == ["1.5", "", ""]
