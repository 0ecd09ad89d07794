"""Forms with repeated groups: tables of their own in an export, with invented persons."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import pytest

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError
from rowbatch.programs.opening import open_table
from rowbatch.tables.base import Table

META = (
    "KEY,SubmitterID,SubmitterName,AttachmentsPresent,AttachmentsExpected,Status,ReviewState,DeviceID,Edits,"
    "FormVersion"
)
MEMBERS = {
    "home.csv": (
        f"SubmissionDate,meta-instanceID,name,water/well,water/river,{META}\n"
        "2026-01-01T00:00:00.000Z,uuid:1,Ana,1,0,uuid:1,,,0,0,,,,0,v1\n"
        "2026-01-02T00:00:00.000Z,uuid:2,Bo,0,0,uuid:2,,,0,0,,,,0,v1\n"
    ),
    "home-person.csv": (
        "name,says,PARENT_KEY,KEY\n"
        'Cy,"It is, well,\nfine",uuid:2,uuid:2/persons/person[1]\n'
        "Di,,uuid:2,uuid:2/persons/person[2]\n"
        "Eva,Good,uuid:1,uuid:1/persons/person[1]\n"
        "Lost,Nothing,uuid:9,uuid:9/persons/person[1]\n"
    ),
    "home-toy~1.csv": (
        "toy,PARENT_KEY,KEY\n"
        "ball,uuid:2/persons/person[2],uuid:2/persons/person[2]/toy[1]\n"
        "kite,uuid:2/persons/person[2],uuid:2/persons/person[2]/toy[2]\n"
    ),
    "home-toy~2.csv": "toy,PARENT_KEY,KEY\ndrum,uuid:1,uuid:1/toy[1]\n",
    "media/1.jpg": "",
    "home - audit.csv": "event,node\nstart,/data\n",
}


def rows(table: Table) -> list[tuple[str, ...]]:
    return [row for chunk in table.chunks(2) for row in chunk.frame.rows()]


@pytest.fixture
def odk(tmp_path: Path) -> Path:
    path = tmp_path / "home.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in MEMBERS.items():
            packed.writestr(name, text)
    return path


def test_submissions_of_odk(odk: Path) -> None:
    """
    The submissions are read, and the repeats are named; the reading gives the same again.

    Form: ODK Central, lib/data/briefcase.js.
    """
    table = open_table(odk)
    assert table.header[:5] == ("SubmissionDate", "meta-instanceID", "name", "water/well", "water/river")
    assert [row[2] for row in rows(table)] == ["Ana", "Bo"]
    assert (table.reading.program, table.reading.sheet) == ("odk", "home.csv")
    assert [note.kind for note in table.notes] == ["note-odk"]
    assert table.notes[0].values["tables"] == ["person", "toy~1", "toy~2"]
    again = open_table(odk, table.reading)
    assert (again.header, rows(again)) == (table.header, rows(table))


@pytest.mark.parametrize("name", ["person", "home-person", "home-person.csv"])
def test_a_repeat_of_odk(odk: Path, name: str) -> None:
    """
    Each time has what its submission says; a name that stands twice says whose it is; orphans are counted.
    """
    table = open_table(odk, ReadOptions(sheet=name))
    assert table.header[:7] == (
        "name",
        "says",
        "PARENT_KEY",
        "KEY",
        "SubmissionDate",
        "meta-instanceID",
        "home-name",
    )
    found = rows(table)
    assert [(row[0], row[1], row[6]) for row in found] == [
        ("Cy", "It is, well,\nfine", "Bo"),
        ("Di", "", "Bo"),
        ("Eva", "Good", "Ana"),
        ("Lost", "Nothing", ""),
    ]
    assert [(note.kind, note.values.get("rows")) for note in table.notes] == [
        ("note-repeat", None),
        ("note-repeat-alone", 1),
    ]
    again = open_table(odk, table.reading)
    assert (again.header, rows(again)) == (table.header, found)
    assert [chunk.first_row for chunk in table.chunks(2)] == [1, 3]


def test_a_repeat_in_a_repeat_of_odk(odk: Path) -> None:
    """
    It has what both say, whichever of two repeats of a name it is.
    """
    table = open_table(odk, ReadOptions(sheet="toy~1"))
    named = [dict(zip(table.header, row, strict=True)) for row in rows(table)]
    assert [(row["toy"], row["name"], row["home-name"]) for row in named] == [
        ("ball", "Di", "Bo"),
        ("kite", "Di", "Bo"),
    ]
    table = open_table(odk, ReadOptions(sheet="toy~2"))
    named = [dict(zip(table.header, row, strict=True)) for row in rows(table)]
    assert [(row["toy"], row["name"]) for row in named] == [("drum", "Ana")]


def test_a_table_that_odk_does_not_have(odk: Path) -> None:
    """
    The tables that there are, are named.
    """
    with pytest.raises(TableError) as error:
        open_table(odk, ReadOptions(sheet="pets"))
    assert error.value.kind == "no-such-member"
    assert error.value.values["members"] == ["home", "person", "toy~1", "toy~2"]


def test_another_file_in_an_export_of_odk(odk: Path) -> None:
    """
    A log of how forms were filled in is read as it stands, where it is asked for.
    """
    table = open_table(odk, ReadOptions(sheet="home - audit.csv"))
    assert (table.header, rows(table)) == (("event", "node"), [("start", "/data")])
    assert rows(open_table(odk, table.reading)) == [("start", "/data")]


def test_repeats_that_are_around_each_other(tmp_path: Path) -> None:
    """
    No form has such ones; they are read with what the submissions say.
    """
    path = tmp_path / "f.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("f.csv", "SubmissionDate,a,KEY\n2026,x,u\n")
        packed.writestr("f-b.csv", "t,PARENT_KEY,KEY\n1,u/c[1],u/b[1]\n")
        packed.writestr("f-c.csv", "t,PARENT_KEY,KEY\n1,u/b[1],u/c[1]\n")
    assert [row[0] for row in rows(open_table(path, ReadOptions(sheet="b")))] == ["1"]


def test_a_repeat_that_nobody_filled_in(tmp_path: Path) -> None:
    """
    It has a header and no rows, which is said of it alone.
    """
    path = tmp_path / "f.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("f.csv", "SubmissionDate,a,KEY\n2026,x,u\n")
        packed.writestr("f-b.csv", "t,PARENT_KEY,KEY\n1,u/c[1],u/c[1]/b[1]\n")
        packed.writestr("f-c~1.csv", "t,PARENT_KEY,KEY\n")
        packed.writestr("f-c~2.csv", "t,PARENT_KEY,KEY\n5,u,u/c[1]\n")
    assert rows(open_table(path, ReadOptions(sheet="b"))) == [
        ("1", "u/c[1]", "u/c[1]/b[1]", "5", "u", "2026", "x"),
    ]
    with pytest.raises(TableError) as error:
        rows(open_table(path, ReadOptions(sheet="c~1")))
    assert error.value.kind == "table-without-rows"


def test_a_damaged_zip_file_is_no_export(odk: Path) -> None:
    """
    It is looked at without a fault, and what is wrong is said by who reads it.
    """
    with zipfile.ZipFile(odk, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in MEMBERS.items():
            packed.writestr(name, text)
    data = bytearray(odk.read_bytes())
    data[60:70] = b"\xff" * 10
    odk.write_bytes(data)
    with pytest.raises(TableError):
        rows(open_table(odk))


def book(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, lines in sheets.items():
        sheet = made.create_sheet(name)
        for line in lines:
            sheet.append(line)
    made.save(path)
    return path


@pytest.mark.parametrize("has_tags", [True, False])
def test_a_sheet_of_a_repeat_of_kobotoolbox(tmp_path: Path, has_tags: bool) -> None:
    """
    Each time has what its submission says, with its type; lines of tags are no rows.

    Form: formpack, reporting/export.py and utils/string.py, unique_name_for_xls.
    """
    title = "A survey of homes: who lives where, and why"
    main: list[list[object]] = [
        ["town", "people", "_id", "_uuid", "_submission_time", "_index"],
        ["A", 3, 11, "u-1", "2026-01-01", 1],
        ["B", 4, 12, "u-2", "2026-01-02", 2],
    ]
    person: list[list[object]] = [
        ["name", "says", "_index", "_parent_table_name", "_parent_index", "_submission__id"],
        ["Cy", "Fine", 1, title, 2, 12],
        ["Di", "Well", 2, title, 1, 11],
    ]
    toy: list[list[object]] = [["toy", "_parent_table_name", "_parent_index"], ["ball", "person", 2]]
    if has_tags:
        main.insert(1, ["#adm2+name", None, None, None, None, None])
        person.insert(1, [None, "#description", None, None, None, None])
    sheets = {"A survey of homes_ who lives...": main, "person": person, "toy": toy}
    path = book(tmp_path / "k.xlsx", sheets)
    assert [row[0] for row in rows(open_table(path))] == ["A", "B"]
    table = open_table(path, ReadOptions(sheet="person"))
    assert table.header[:2] == ("name", "says")
    named = [dict(zip(table.header, row, strict=True)) for row in rows(table)]
    assert [(row["name"], row["town"], row["people"], row["_uuid"]) for row in named] == [
        ("Cy", "B", "4", "u-2"),
        ("Di", "A", "3", "u-1"),
    ]
    assert "note-repeat" in [note.kind for note in table.notes]
    again = open_table(path, table.reading)
    assert (again.header, rows(again)) == (table.header, rows(table))
    if not has_tags:
        typed = next(table.chunks()).typed
        assert typed is not None
        assert typed[str(table.header.index("people"))].to_list() == [4, 3]
    inner = open_table(path, ReadOptions(sheet="toy"))
    named = [dict(zip(inner.header, row, strict=True)) for row in rows(inner)]
    assert [(row["toy"], row["name"], row["town"]) for row in named] == [("ball", "Di", "A")]
    assert len(rows(open_table(path, ReadOptions(sheet="person", program="plain")))) == 2 + has_tags


def test_a_sheet_whose_parents_are_not_there(tmp_path: Path) -> None:
    """
    It is read as it stands.
    """
    lines: list[list[object]] = [
        ["name", "_parent_table_name", "_parent_index"],
        ["Cy", "gone", 2],
        ["Di", "gone", 1],
    ]
    assert open_table(book(tmp_path / "k.xlsx", {"person": lines})).header == tuple(lines[0])
