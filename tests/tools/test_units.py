"""A table of long texts becomes one of units, whatever its format."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pyreadstat
import pytest

from rowbatch.core.table_options import WriteOptions
from rowbatch.core.units import UnitRule
from rowbatch.errors import CannotHold, OutputExists, TableError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.tables.base import Table
from rowbatch.tools import units as units_module
from rowbatch.tools.units import units

SENTENCES = UnitRule("sentence")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def cells_of(table: Table) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks() for row in chunk.frame.rows()]


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    path.write_text(
        'id,post,n\n007,"One. Two\r\n😀 three。四。",1\nb, ,2\nc,Only one,3\n', encoding="utf-8", newline=""
    )
    return path


def test_a_row_for_each_unit(posts: Path, tmp_path: Path) -> None:
    """
    The unit stands in the place of the text, the other cells as they were; places are characters of the text;
    a row without a text has an empty unit.
    """
    report = units(posts, "post", tmp_path / "units.csv", SENTENCES)
    found = rows_of(tmp_path / "units.csv")
    assert [tuple(row.values()) for row in found] == [
        ("007", "One.", "1", "1", "1", "4", "0", "4"),
        ("007", "Two", "1", "1", "2", "4", "5", "8"),
        ("007", "😀 three。", "1", "1", "3", "4", "10", "18"),
        ("007", "四。", "1", "1", "4", "4", "18", "20"),
        ("b", "", "2", "2", "1", "0", "0", "0"),
        ("c", "Only one", "3", "3", "1", "1", "0", "8"),
    ]
    assert list(found[0]) == ["id", "post", "n", "document", "unit", "units", "unit_start", "unit_end"]
    assert (report.documents, report.units, report.empty_documents) == (3, 6, 1)
    assert (report.most_units, report.longest_chars) == (4, 8)


def test_names_that_the_table_has_already(tmp_path: Path) -> None:
    """
    Columns of the table keep their names; who speaks is a column where texts are cut by speakers.
    """
    table = tmp_path / "talks.csv"
    table.write_text('unit,speaker,text\nu,s,"A: hi\nB: yo"\n')
    units(table, "text", tmp_path / "units.csv", UnitRule("speaker"))
    first, second = rows_of(tmp_path / "units.csv")
    assert (first["unit"], first["speaker"], first["rowbatch_unit"]) == ("u", "s", "1")
    assert (first["rowbatch_speaker"], second["rowbatch_speaker"]) == ("A", "B")


def test_in_parts_of_bounded_size(posts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Units are written in parts, also within one text, and come out the same.
    """
    units(posts, "post", tmp_path / "whole.csv", SENTENCES)
    monkeypatch.setattr(units_module, "ROWS_PER_CHUNK", 2)
    units(posts, "post", tmp_path / "rows.csv", SENTENCES)
    monkeypatch.setattr(units_module, "ROWS_PER_CHUNK", 20_000)
    monkeypatch.setattr(units_module, "_CHARS_PER_WRITE", 3)
    units(posts, "post", tmp_path / "chars.csv", SENTENCES)
    whole = (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "rows.csv").read_bytes() == whole
    assert (tmp_path / "chars.csv").read_bytes() == whole


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "feather", "xlsx", "jsonl", "dta", "sav"])
def test_every_format(posts: Path, tmp_path: Path, ending: str) -> None:
    """
    Any format in and out: the cells are the same texts.
    """
    out = tmp_path / f"units.{ending}"
    units(posts, "post", out, SENTENCES)
    again = tmp_path / "again.csv"
    units(out, "post", again, UnitRule("paragraph"))
    expected = [(row["id"], row["post"], row["document"]) for row in rows_of(again)]
    assert [(row[0], row[1], row[3]) for row in cells_of(open_table(out))] == expected
    assert [one[0] for one in expected] == ["007"] * 4 + ["b", "c"]


def test_what_spss_knows_of_columns_stays(tmp_path: Path) -> None:
    """
    Labels, value labels and formats of the other columns come out as they were, by pyreadstat 1.3.
    """
    table = tmp_path / "survey.sav"
    frame = pl.DataFrame({"sex": [1.0, 2.0], "answer": ["One. Two.", "Three."]})
    pyreadstat.write_sav(
        frame,
        str(table),
        column_labels=["Sex", "What they said"],
        variable_value_labels={"sex": {1.0: "m", 2.0: "f"}},
    )
    units(table, "answer", tmp_path / "units.sav", SENTENCES)
    found, meta = pyreadstat.read_sav(str(tmp_path / "units.sav"), output_format="polars")
    assert found["answer"].to_list() == ["One.", "Two.", "Three."]
    assert found["sex"].to_list() == [1.0, 1.0, 2.0]
    assert meta.variable_value_labels["sex"] == {1.0: "m", 2.0: "f"}
    assert meta.column_names_to_labels["answer"] == "What they said"
    assert meta.column_names_to_labels["unit_start"]


def test_numbers_are_texts_when_they_are_cut(tmp_path: Path) -> None:
    """
    A column of numbers can be cut as well; its units are texts, and other columns stay numbers.
    """
    table = tmp_path / "n.parquet"
    pl.DataFrame({"n": [1.5, None], "m": [1, 2]}).write_parquet(table)
    units(table, "n", tmp_path / "u.parquet", UnitRule("line"))
    found = pl.read_parquet(tmp_path / "u.parquet")
    assert found["n"].to_list() == ["1.5", ""]
    assert found["m"].to_list() == [1, 2]
    csv_table = tmp_path / "n.csv"
    csv_table.write_text("n,m\n1,2\n")
    units(csv_table, "n", tmp_path / "v.parquet", UnitRule("line"), writing=WriteOptions(numbers=True))
    assert pl.read_parquet(tmp_path / "v.parquet").row(0)[:2] == ("1", 2)


def test_what_was_not_shown_is_no_unit(tmp_path: Path) -> None:
    """
    A program's own mark for "not asked" is no text: the row has an empty unit, as one without a text.
    """
    lines = [
        ["Response ID", "Date submitted", "Start language", "What do you think?"],
        ["id", "submitdate", "startlanguage", "Q1"],
        ["1", "2026-03-01 10:00:00", "en", "{question_not_shown}"],
        ["2", "2026-03-01 10:00:00", "en", "One. Two."],
    ]
    table = tmp_path / "vvexport.csv"
    table.write_text("".join("\t".join(line) + "\n" for line in lines))
    report = units(table, "Q1", tmp_path / "units.csv", SENTENCES)
    assert [row["Q1"] for row in rows_of(tmp_path / "units.csv")] == ["", "One.", "Two."]
    assert report.empty_documents == 1


def test_tokens_say_how_they_were_counted(posts: Path, tmp_path: Path) -> None:
    """
    Tokens are exact where the model's encoding is known, and otherwise estimated, which is said.
    """
    rule = UnitRule("tokens", 3)
    exact = units(posts, "post", tmp_path / "a.csv", rule, model="gpt-4o-mini")
    usual = units(posts, "post", tmp_path / "b.csv", rule)
    other = units(posts, "post", tmp_path / "c.csv", rule, model="somebody's")
    assert [note.kind for note in exact.notes] == [note.kind for note in usual.notes] == ["note-units-tokens"]
    assert [note.kind for note in other.notes] == ["note-units-tokens-estimated"]


def test_what_stops_it(posts: Path, tmp_path: Path) -> None:
    """
    The table is never replaced, a file only on demand; a column must be there, and the output must hold the
    units.
    """
    with pytest.raises(UsageError) as told:
        units(posts, "post", posts, SENTENCES, overwrite=True)
    assert told.value.kind == "table-would-be-its-units"
    out = tmp_path / "units.csv"
    out.write_text("mine")
    with pytest.raises(OutputExists):
        units(posts, "post", out, SENTENCES)
    assert out.read_text() == "mine"
    with pytest.raises(TableError) as missing:
        units(posts, "posts", out, SENTENCES, overwrite=True)
    assert missing.value.kind == "no-such-column-but-near"
    long = tmp_path / "long.csv"
    long.write_text("text\n" + "a" * 40_000 + "\n")
    with pytest.raises(CannotHold):
        units(long, "text", tmp_path / "u.xlsx", SENTENCES)
    assert not (tmp_path / "u.xlsx").exists()
