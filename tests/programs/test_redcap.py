"""Records and dictionaries of REDCap, with invented persons."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyreadstat
import pytest

from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.errors import TableError, UsageError
from rowbatch.programs.opening import open_table
from rowbatch.tables.base import Table
from rowbatch.tables.losses import losses
from rowbatch.tables.numbers import find_numbers
from rowbatch.tables.writer import TableShape, open_writer

RECORDS = """\
record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,mood,likes___1,likes____9,likes___other,\
says,visit_timestamp,visit_complete
1,baseline_arm_1,,,1,1,0,0,"I am, well,
fine",2026-01-01 10:00:00,2
1,baseline_arm_1,visit,1,2,0,0,1,Better,,0
2,baseline_arm_1,,,,0,1,0,,,1
"""
DICTIONARY = """\
"Variable / Field Name","Form Name","Section Header","Field Type","Field Label",\
"Choices, Calculations, OR Slider Labels"
record_id,visit,,text,"Record ID",
mood,visit,,radio,"<b>How</b> are you?","1, Good | 2, Bad, really | -7, No answer"
likes,visit,,checkbox,"What do you like?","1, Tea | -9, Nothing | Other, Something else"
says,visit,,notes,"Tell us",
"""


def rows(table: Table) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks(2) for row in chunk.frame.rows()]


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8-sig")
    return path


def labels(table: Table) -> dict[str, str]:
    return {name: info.label for name, info in zip(table.header, table.columns, strict=True) if info.label}


LABELS = {
    "record_id": "Record ID",
    "redcap_event_name": "Event Name",
    "redcap_repeat_instrument": "Repeat Instrument",
    "redcap_repeat_instance": "Repeat Instance",
    "mood": "How are you?",
    "likes___1": "What do you like? (choice=Tea)",
    "likes____9": "What do you like? (choice=Nothing)",
    "likes___other": "What do you like? (choice=Something else)",
    "says": "Tell us",
    "visit_timestamp": "Survey Timestamp",
    "visit_complete": "Complete?",
}


def test_records_and_their_dictionary_in_a_zip_file(tmp_path: Path) -> None:
    """
    Questions and choices are of the columns; the rows are as they stand.

    Form: the dictionaries in OuhscBbmc/REDCapR, inst/test-data; labels of boxes as REDCap writes them.
    """
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("P_DataDictionary_2026-01-31.csv", DICTIONARY)
        packed.writestr("P_DATA_2026-01-31_1200.csv", RECORDS)
    table = open_table(path)
    assert labels(table) == LABELS
    infos = dict(zip(table.header, table.columns, strict=True))
    assert infos["mood"].value_labels == {1: "Good", 2: "Bad, really", -7: "No answer"}
    assert infos["likes____9"].value_labels == {0: "Unchecked", 1: "Checked"}
    assert infos["visit_complete"].value_labels == {0: "Incomplete", 1: "Unverified", 2: "Complete"}
    assert [row[8] for row in rows(table)] == ["I am, well,\nfine", "Better", ""]
    assert [(note.kind, note.values["columns"]) for note in table.notes] == [("note-redcap", 11)]
    again = open_table(path, table.reading)
    assert (again.header, rows(again), labels(again)) == (table.header, rows(table), LABELS)
    with_sheet = open_table(path, ReadOptions(sheet="P_DataDictionary_2026-01-31.csv"))
    assert len(rows(with_sheet)) == 4


def test_a_dictionary_beside_the_records_is_not_taken_in_silence(tmp_path: Path) -> None:
    """
    It is said that it is there, and it is taken when that is asked for.
    """
    written(
        tmp_path / "Other_DataDictionary_2026-01-31.csv", DICTIONARY.replace("mood", "x").replace("says", "y")
    )
    written(tmp_path / "P_DataDictionary_2026-01-31.csv", DICTIONARY)
    path = written(tmp_path / "P_DATA_2026-01-31_1200.csv", RECORDS)
    table = open_table(path)
    assert (table.columns, len(rows(table))) == ((), 3)
    assert [
        note.values.get("dictionary") for note in table.notes if note.kind == "note-redcap-dictionary"
    ] == ["P_DataDictionary_2026-01-31.csv"]
    assert open_table(path, table.reading).header == table.header
    table = open_table(path, ReadOptions(program="redcap"))
    assert labels(table) == LABELS
    assert labels(open_table(path, table.reading)) == LABELS
    for dictionary in tmp_path.glob("*Dictionary*"):
        dictionary.unlink()
    again = open_table(path, table.reading)
    assert (rows(again), [note.kind for note in again.notes]) == (rows(table), ["note-redcap-alone"])


def test_a_dictionary_of_another_project_is_not_said(tmp_path: Path) -> None:
    """
    Half of the columns at least must be in it.
    """
    written(
        tmp_path / "Q_DataDictionary.csv",
        DICTIONARY.replace("mood", "x").replace("likes", "y").replace("visit", "z"),
    )
    path = written(tmp_path / "P_DATA.csv", RECORDS)
    assert [note.kind for note in open_table(path).notes if "redcap" in note.kind] == []
    plain = written(tmp_path / "plain" / "a.csv", "a,b\n1,2\n")
    with pytest.raises(UsageError) as error:
        open_table(plain, ReadOptions(program="redcap"))
    assert error.value.kind == "not-of-program"


def test_a_dictionary_of_the_api(tmp_path: Path) -> None:
    """
    It has other names above, and the same fields.
    """
    head, _, body = DICTIONARY.partition("\n")
    assert head
    names = "field_name,form_name,section_header,field_type,field_label,select_choices_or_calculations"
    written(tmp_path / "data_dictionary.csv", f"{names}\n{body}")
    path = written(tmp_path / "data.csv", RECORDS)
    assert labels(open_table(path, ReadOptions(program="redcap"))) == LABELS


def test_records_between_carets(tmp_path: Path) -> None:
    """
    REDCap offers carets, and the names of its fields show that they are between columns.
    """
    lines = 'record_id^redcap_event_name^says^visit_complete\n1^a_arm_1^"Well, ""so"""^2\n2^a_arm_1^Good^2\n'
    table = open_table(written(tmp_path / "r.csv", lines))
    assert table.header == ("record_id", "redcap_event_name", "says", "visit_complete")
    assert [row[2] for row in rows(table)] == ['Well, "so"', "Good"]
    assert rows(open_table(table.path, table.reading)) == rows(table)


def test_records_for_statistics_programs_have_no_names(tmp_path: Path) -> None:
    """
    The first record is no header, and it is said where the names are.
    """
    path = written(
        tmp_path / "P_DATA_NOHDRS_2026-01-31_1200.csv", "1,a_arm_1,Hello there,2\n2,b_arm_1,Hi you,2\n"
    )
    table = open_table(path)
    assert (table.header[0], len(rows(table))) == ("column_1", 2)
    assert table.notes[0].kind == "note-redcap-no-names"
    again = open_table(path, table.reading)
    assert (again.header, rows(again)) == (table.header, rows(table))


def test_a_project_as_xml(tmp_path: Path) -> None:
    """
    It is said what it is, and what to export instead.
    """
    path = written(
        tmp_path / "P.xml",
        '<?xml version="1.0" encoding="UTF-8" ?>\n<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3">\n</ODM>\n',
    )
    with pytest.raises(TableError) as error:
        open_table(path)
    assert error.value.kind == "redcap-odm"


def test_choices_go_to_spss(tmp_path: Path) -> None:
    """
    Codes that are texts there have their labels as texts.
    """
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("d.csv", DICTIONARY)
        packed.writestr("r.csv", RECORDS)
    table = open_table(path)
    out = tmp_path / "o.sav"
    with open_writer(out, "spss", TableShape.of(table, [])) as writer:
        for chunk in table.chunks():
            writer.write(chunk, chunk.frame.select([]))
    frame, meta = pyreadstat.read_sav(str(out), output_format="polars")
    assert frame["mood"].to_list() == ["1", "2", ""]
    found = {str(code): label for code, label in meta.variable_value_labels["mood"].items()}
    assert found == {"1": "Good", "2": "Bad, really", "-7": "No answer"}
    assert meta.column_names_to_labels["mood"] == "How are you?"


def test_labels_that_stata_has_no_place_for_are_told(tmp_path: Path) -> None:
    """
    Stata 18 labels numbers alone, and a code of a CSV file is a text unless numbers are asked for.
    """
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("P_DATA_2026-01-01.csv", RECORDS)
        archive.writestr("P_DataDictionary_2026-01-01.csv", DICTIONARY)
    table = open_table(path)
    told = list(losses(TableShape.of(table, ()), tmp_path / "o.dta"))
    assert [note.kind for note in told] == ["note-digit-labels-not-kept"]
    assert "mood" in str(told[0])
    numbers = find_numbers(table, WriteOptions(numbers=True)).dtypes
    kept = TableShape.of(table, (), numbers=numbers)
    assert not list(losses(kept, tmp_path / "o.dta"))
    assert not list(losses(TableShape.of(table, ()), tmp_path / "o.sav"))
