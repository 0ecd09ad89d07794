"""Columns of a table of texts that are written as numbers on demand, and what that would change."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
import polars as pl
import pyreadstat
import pytest

from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import UsageError
from rowbatch.tables.formats import open_table
from rowbatch.tables.numbers import find_numbers
from rowbatch.tables.writer import TableShape, format_of, open_writer

COLUMNS = {
    "whole": ["1", "", "-3"],
    "decimal": ["1.5", "2.25", ""],
    "spelt": ["+1", "1.50", "1e5"],
    "zeros": ["007", "12", "3"],
    "digits": ["12345678901234567", "1", "2"],
    "exact": ["0.12345678901234568", "1", "2"],
    "comma": ["1,5", "2,25", "3"],
    "groups": ["1,234", "2,000,000", "3"],
    "percent": ["50 %", "1", "2"],
    "huge": ["10000000000000000000", "1", "2"],
    "endless": ["1e999", "1", "2"],
    "words": ["1", "two", "3"],
    "nothing": ["", "", ""],
}
NUMBERS = ["whole", "decimal", "spelt", "exact", "huge"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(zip(*COLUMNS.values(), strict=True))
    return path


def written(table: Path, output: Path) -> Path:
    opened, options = open_table(table), WriteOptions(numbers=True)
    shape = TableShape.of(opened, [], numbers=find_numbers(opened, options).dtypes)
    with open_writer(output, format_of(output), shape, options) as writer:
        for chunk in opened.chunks(2):
            writer.write(chunk, pl.DataFrame())
    return output


def test_what_is_a_number_and_what_stays_text(table: Path) -> None:
    """
    Nothing is lost: codes, decimal commas, groups, marks and long numbers stay texts, and that is told.
    """
    found = find_numbers(open_table(table), WriteOptions(numbers=True))
    assert [list(COLUMNS)[position] for position in found.dtypes] == NUMBERS
    told = {(note.kind, note.values.get("column")): note.values for note in found.notes}
    assert told["note-numbers", None]["count"] == len(NUMBERS)
    assert told["note-numbers-respelt", "spelt"]["count"] == 3
    for name, why in (
        ("zeros", "zeros"),
        ("digits", "digits"),
        ("endless", "digits"),
        ("percent", "marks"),
    ):
        assert (f"note-no-numbers-{why}", name) in told
    assert not [kind for kind, name in told if name in ("words", "nothing")]
    assert all(str(note) for note in found.notes)


def test_numbers_of_a_text_table_are_numbers_where_they_are_wanted(table: Path, tmp_path: Path) -> None:
    """
    In Excel, Stata, SPSS, Parquet, Arrow and JSONL; an empty cell is no number.
    """
    sheet = openpyxl.load_workbook(written(table, tmp_path / "o.xlsx")).active
    assert sheet is not None
    assert [row[:5] for row in sheet.iter_rows(min_row=2, values_only=True)] == [
        (1, 1.5, 1, "007", "12345678901234567"),
        (None, 2.25, 1.5, "12", "1"),
        (-3, None, 100000, "3", "2"),
    ]
    frame, meta = pyreadstat.read_dta(str(written(table, tmp_path / "o.dta")), output_format="polars")
    assert frame["whole"].to_list() == [1, None, -3]
    assert meta.readstat_variable_types["zeros"] == "string"
    frame, _ = pyreadstat.read_sav(str(written(table, tmp_path / "o.sav")), output_format="polars")
    assert frame["decimal"].to_list() == [1.5, 2.25, None]
    assert pl.read_parquet(written(table, tmp_path / "o.parquet")).schema["whole"] == pl.Int64
    assert pl.read_ipc(written(table, tmp_path / "o.feather")).schema["exact"] == pl.Float64
    first = written(table, tmp_path / "o.jsonl").read_text().splitlines()[0]
    assert first.startswith('{"whole":1,"decimal":1.5,"spelt":1,"zeros":"007"')


def test_a_csv_file_has_no_numbers(table: Path, tmp_path: Path) -> None:
    """
    Whoever wants numbers in a CSV file is told that it has none.
    """
    with pytest.raises(UsageError) as error:
        written(table, tmp_path / "o.csv")
    assert error.value.kind == "numbers-not-for-csv"
