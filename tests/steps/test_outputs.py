"""What an output cannot hold is known before anything is sent; the end of a paid run never fails on it."""

from __future__ import annotations

import csv
import datetime
import math
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pyreadstat
import pytest

from driving import LABELS, finish
from fake_providers import FakeProvider
from rowbatch.api import Run
from rowbatch.core.codebook import codebook_document, codebook_from_labels
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.errors import CannotHold, StorageError
from rowbatch.programs.opening import open_table
from rowbatch.requests.asking import Said, asking_of
from rowbatch.steps.build import build
from rowbatch.steps.built import is_built
from rowbatch.steps.collect import collect
from rowbatch.steps.create import create
from rowbatch.steps.export import export
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.csv_writer import CsvTableWriter
from rowbatch.tables.excel_writer import ExcelTableWriter


def run_of(table: Path, output: str, *, text: str = "text") -> RunDirectory:
    """A run that is created, with its output beside the table."""
    run = RunDirectory(table.with_name("run"))
    question = Question(text=text, answer=codebook_document(codebook_from_labels("label", LABELS, "Which?")))
    asking = asking_of(question, Said(max_tokens=20), provider="openai", model="m")
    create(run, Plan(Source(table), question, asking, Output(table.with_name(output))))
    return run


def built(table: Path, output: str) -> RunDirectory:
    """The same, built."""
    run = run_of(table, output)
    build(run)
    return run


def csv_of(path: Path, rows: list[list[object]], header: tuple[str, ...] = ("id", "text")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def stata_with_missing(path: Path) -> Path:
    """Missing values with and without labels, a label that no row has, and a date beside one."""
    labels: dict[Any, str] = {1: "yes", "a": "refused", "b": "don't know", "d": "not used"}
    pyreadstat.write_dta(
        pl.DataFrame(
            [
                pl.Series("v", [1.0, "a", 2.5, "b", None, "c"], dtype=pl.Object),
                pl.Series("whole", [1, 2, "z", 4, 5, 6], dtype=pl.Object),
                pl.Series("day", [datetime.date(2020, 1, 1), "a", None, None, None, None], dtype=pl.Object),
                pl.Series("text", [f"text {n}" for n in range(6)]),
            ]
        ),
        str(path),
        variable_value_labels={"v": labels},
        missing_user_values={"v": ["a", "b", "c", "d"], "whole": ["z"], "day": ["a"]},
        column_labels={"v": "a question"},
    )
    return path


def raw_of(path: Path) -> tuple[dict[str, list[object]], Any]:
    """Values and labels as another program sees them, missing values by their letters."""
    frame, meta = pyreadstat.read_dta(
        str(path), output_format="polars", user_missing=True, disable_datetime_conversion=True
    )
    return {name: frame[name].to_list() for name in frame.columns}, meta.variable_value_labels


def test_missing_values_of_stata_are_kept_with_their_labels(tmp_path):
    """
    `.a` to `.z` come out again as they were, labelled or not, beside dates too; in the cells they are empty.
    """
    source = stata_with_missing(tmp_path / "in.dta")
    run = built(source, "out.dta")
    finish(run, FakeProvider())
    before, labels_before = raw_of(source)
    after, labels_after = raw_of(tmp_path / "out.dta")
    assert {name: after[name] for name in before} == before
    assert before["v"] == [1.0, "a", 2.5, "b", None, "c"]
    assert before["day"][:2] == [21915.0, "a"]
    assert labels_after["v"] == labels_before["v"]
    assert labels_after["v"]["d"] == "not used"
    assert len(labels_after["label"]) == len(LABELS)
    texts = [
        row for chunk in open_table(source).chunks() for row in chunk.frame.select("0", "1", "2").iter_rows()
    ]
    assert texts[:3] == [("1", "1", "2020-01-01"), ("", "2", ""), ("2.5", "", "")]


def test_an_export_keeps_the_missing_values_of_its_rows_and_columns(tmp_path):
    """
    With some rows and some columns left out, each missing value still stands in its own place.
    """
    source = stata_with_missing(tmp_path / "in.dta")
    run = built(source, "out.csv")
    finish(run, FakeProvider())
    export(run, tmp_path / "some.dta", columns=["text", "v"])
    after, _ = raw_of(tmp_path / "some.dta")
    assert after["v"] == [1.0, "a", 2.5, "b", None, "c"]
    assert list(after)[:2] == ["text", "v"]


def test_missing_values_that_spss_does_not_have_are_said_before_the_start(tmp_path):
    """
    A .sav output has neither the letters nor their labels; the preview says so, and the run ends well.
    """
    source = stata_with_missing(tmp_path / "in.dta")
    run = built(source, "out.sav")
    notes = [str(note) for note in run.plan().asking.notes]
    assert any("'v'" in note and ".a .b .d" in note and "SPSS" in note for note in notes)
    finish(run, FakeProvider())
    frame, meta = pyreadstat.read_sav(str(tmp_path / "out.sav"), output_format="polars")
    assert frame["v"].to_list() == [1.0, None, 2.5, None, None, None]
    assert meta.variable_value_labels["v"] == {1.0: "yes"}


@pytest.mark.parametrize("name", ["str1", "str2045", "strL", "STR3"])
@pytest.mark.parametrize("output", ["out.dta", "out.sav"])
def test_a_column_named_like_a_type_of_stata_is_renamed(tmp_path, name, output):
    """
    `str1` is a word of Stata's own; the column gets another name there and its own as its label.
    """
    run = built(csv_of(tmp_path / "t.csv", [["x", "one"], ["y", "two"]], (name, "text")), output)
    finish(run, FakeProvider())
    table = open_table(tmp_path / output)
    assert next(iter(table.chunks())).frame["0"].to_list() == ["x", "y"]
    assert name in (table.header[0], table.columns[0].label)


def labelled_number(path: Path) -> Path:
    frame = pl.DataFrame({"score": [1.5, 2.0], "text": ["one", "two"]})
    pyreadstat.write_sav(frame, str(path), variable_value_labels={"score": {1.5: "middle", 2.0: "high"}})
    return path


def labelled_date(path: Path) -> Path:
    # Seconds, shown as a date: pyreadstat 1.3.7 takes no label on a date itself.
    frame = pl.DataFrame({"day": [13_797_129_600.0, 0.0], "text": ["one", "two"]})
    pyreadstat.write_sav(
        frame,
        str(path),
        variable_format={"day": "DATE11"},
        variable_value_labels={"day": {0.0: "unknown"}},
    )
    return path


def with_infinity(path: Path) -> Path:
    frame = pl.DataFrame({"x": [1.0, None, -math.inf, math.nan], "text": ["a", "b", "c", "d"]})
    frame.write_parquet(path)
    return path


def large_number(path: Path) -> Path:
    pl.DataFrame({"x": [1.0, 1.7e308], "text": ["a", "b"]}).write_parquet(path)
    return path


def long_text(path: Path) -> Path:
    return csv_of(path, [[1, "short"], [2, "x" * 32_768]])


def long_astral_text(path: Path) -> Path:
    return csv_of(path, [[1, "short"], [2, "😀" * 16_384]])


def nul_text(path: Path) -> Path:
    pl.DataFrame({"note": ["a", "b\0c"], "text": ["a", "b"]}).write_parquet(path)
    return path


BEFORE = [
    pytest.param(labelled_number, "t.sav", "out.dta", "score", None, "1.5", id="label-on-a-fraction"),
    pytest.param(labelled_date, "t.sav", "out.dta", "day", None, "dates", id="label-on-a-date-of-another"),
    pytest.param(with_infinity, "t.parquet", "out.dta", "x", 3, "-inf", id="infinity"),
    pytest.param(large_number, "t.parquet", "out.dta", "x", 2, "too large", id="above-stata's-largest"),
    pytest.param(long_text, "t.csv", "out.xlsx", "text", 2, "32,767", id="excel's-cell"),
    pytest.param(long_astral_text, "t.csv", "out.xlsx", "text", 2, "32,767", id="excel's-cell-in-utf-16"),
    pytest.param(long_text, "t.csv", "out.sav", "text", 2, "32,767", id="spss's-text"),
    pytest.param(nul_text, "t.parquet", "out.dta", "note", 2, "NUL", id="nul-for-stata"),
    pytest.param(nul_text, "t.parquet", "out.sav", "note", 2, "NUL", id="nul-for-spss"),
]


@pytest.mark.parametrize(("make", "name", "output", "column", "row", "says"), BEFORE)
def test_what_the_output_cannot_hold_is_said_before_anything_is_sent(
    tmp_path, make, name, output, column, row, says
):
    """
    The build of a run looks at every row with the eyes of its output: column, row and the way out.
    """
    run = run_of(make(tmp_path / name), output)
    with pytest.raises(CannotHold, match=says) as caught:
        build(run)
    assert not is_built(run)
    assert (caught.value.column, caught.value.row) == (column, row)
    assert repr(column) in caught.value.message
    assert row is None or f"row {row}" in caught.value.message
    assert ".csv" in caught.value.hint
    assert ".part" not in caught.value.message


@pytest.mark.parametrize(("make", "name", "output", "column", "row", "says"), BEFORE)
def test_an_export_says_what_its_format_cannot_hold(tmp_path, make, name, output, column, row, says):
    """
    Never a question about the disk, and never a temporary name, where the content is at fault.
    """
    run = built(make(tmp_path / name), "labelled.csv")
    finish(run, FakeProvider())
    with pytest.raises(CannotHold, match=says) as caught:
        export(run, tmp_path / output)
    assert caught.value.column == column
    assert "disk" not in caught.value.hint
    assert ".part" not in caught.value.message + caught.value.path
    assert not (tmp_path / output).exists()
    # What reads ahead ends with the error, and not when somebody forgets it.
    assert [one.name for one in threading.enumerate() if one.name.startswith("rowbatch-")] == []


def test_a_later_row_is_looked_at_too(tmp_path):
    """
    A text that is too long in a later chunk is found as well.
    """
    rows: list[list[object]] = [[n, "short"] for n in range(1, 25_000)]
    rows[24_500][1] = "x" * 40_000
    run = run_of(csv_of(tmp_path / "t.csv", rows), "out.xlsx")
    with pytest.raises(CannotHold, match="row 24,501, column 'text'"):
        build(run)


def test_labels_on_dates_stay_within_one_program(tmp_path):
    """
    SPSS has value labels on dates; they come out as they were.
    """
    run = built(labelled_date(tmp_path / "t.sav"), "out.sav")
    finish(run, FakeProvider())
    frame, meta = pyreadstat.read_sav(str(tmp_path / "out.sav"), output_format="polars")
    assert frame["day"].to_list() == [datetime.date(2019, 12, 31), datetime.date(1582, 10, 14)]
    assert meta.variable_value_labels["day"] == {0.0: "unknown"}
    assert meta.original_variable_types["day"] == "DATE11"


class Refuses(ExcelTableWriter):
    """As an output that holds the table, but not the answers."""

    error: Exception = CannotHold("output-unwritable", path="x", told="too long")

    def write(self, chunk, added):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        CannotHold("output-unwritable", path="x", told="too long"),
        StorageError("disk-full", path="x"),
        ValueError("a library's own word"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_end_of_a_paid_run_writes_the_table_in_any_case(tmp_path, monkeypatch, error):
    """
    When the output cannot be written, the table is in the run directory, whole, and the error says where.
    """
    run = built(csv_of(tmp_path / "t.csv", [[1, "one"], [2, "two"]]), "out.xlsx")
    monkeypatch.setattr(Refuses, "error", error)
    monkeypatch.setattr("rowbatch.tables.excel_writer.ExcelTableWriter", Refuses)
    provider = FakeProvider()
    with pytest.raises((CannotHold, StorageError)) as caught:
        finish(run, provider)
    assert str(run.labelled) in caught.value.hint
    assert "room on the disk" not in caught.value.hint
    with run.labelled.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["one", "two"]
    assert {row["status"] for row in rows} == {"ok"}
    assert not (tmp_path / "out.xlsx").exists()
    assert Run(run.path).status().output == run.labelled
    assert Run(run.path).table()["text"].to_list() == ["one", "two"]
    monkeypatch.undo()
    paid = provider.posts
    assert collect(run).path == tmp_path / "out.xlsx"
    assert provider.posts == paid


def test_the_reason_stays_when_the_safe_table_cannot_be_written_either(tmp_path, monkeypatch):
    """
    On a disk that is full for both, the first error is told, without a promise.
    """
    run = built(csv_of(tmp_path / "t.csv", [[1, "one"]]), "out.xlsx")

    def full(self, *_):
        raise StorageError("disk-full", path="x")

    monkeypatch.setattr(ExcelTableWriter, "write", full)
    for name in ("write", "write_lines"):
        monkeypatch.setattr(CsvTableWriter, name, full)
    with pytest.raises(StorageError, match="no space left") as caught:
        finish(run, FakeProvider())
    assert "labelled" not in caught.value.hint
    assert not run.labelled.exists()
