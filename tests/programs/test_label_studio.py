"""Exports of Label Studio, with invented coders: a row a task, a column for each label of each coder."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from rowbatch.programs.opening import open_table

SHOWN = [("so good", "1", "pos", "neg"), ("so bad", "2", "neg", "")]
ROWS: list[dict[str, Any]] = [
    {"text": "so good", "id": 1, "mood": "pos", "annotator": 7, "annotation_id": 11},
    {"text": "so good", "id": 1, "mood": "neg", "annotator": 8, "annotation_id": 12},
    {"text": "so bad", "id": 2, "mood": "neg", "annotator": 7, "annotation_id": 13},
]
BEHIND = {"created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-01T10:00:00Z", "lead_time": 3.5}


def annotation(coder: Any, *results: dict[str, Any]) -> dict[str, Any]:
    return {"id": 1, "completed_by": coder, "result": list(results)}


def choice(*choices: str) -> dict[str, Any]:
    return {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": list(choices)}}


@pytest.mark.parametrize("form", ["csv", "tsv", "json"])
def test_a_task_with_two_coders_is_one_row(tmp_path: Path, form: str) -> None:
    """
    In CSV and JSON_MIN each annotation is a row; the text stands once, with a column for each coder.
    """
    rows = [{**row, **BEHIND} for row in ROWS]
    path = tmp_path / f"e.{form}"
    if form == "json":
        path.write_text(json.dumps(rows))
    else:
        mark = "," if form == "csv" else "\t"
        lines = [mark.join(map(str, row.values())) for row in rows]
        path.write_text("\n".join([mark.join(rows[0]), *lines]) + "\n")
    table = open_table(path)
    assert table.header == ("text", "id", "mood_7", "mood_8")
    assert [row for chunk in table.chunks() for row in chunk.frame.rows()] == SHOWN
    assert table.notes[0].kind == "note-annotations"
    again = open_table(path, table.reading)
    assert again.header == table.header


def test_tasks_with_their_annotations(tmp_path: Path) -> None:
    """
    The full form: choices, several choices, ratings, texts and spans; what was cancelled is no label.
    """
    rating = {"from_name": "stars", "type": "rating", "value": {"rating": 4}}
    words = {"from_name": "why", "type": "textarea", "value": {"text": ["because"]}}
    span = {
        "from_name": "part",
        "type": "labels",
        "value": {"start": 0, "end": 2, "text": "so", "labels": ["A"]},
    }
    tasks = [
        {
            "id": 1,
            "data": {"text": "so good", "town": "A"},
            "annotations": [
                annotation(7, choice("pos"), rating, words, span),
                annotation({"id": 8, "email": "b@example.org"}, choice("neg", "mixed")),
            ],
        },
        {
            "id": 2,
            "data": {"text": "so bad", "town": "B"},
            "annotations": [{**annotation(7, choice("neg")), "was_cancelled": True}],
        },
    ]
    path = tmp_path / "e.json"
    path.write_text(json.dumps(tasks))
    table = open_table(path)
    found = [
        dict(zip(table.header, row, strict=True)) for chunk in table.chunks() for row in chunk.frame.rows()
    ]
    assert found[0]["text"] == "so good"
    assert found[0]["mood_7"] == "pos"
    assert found[0]["stars_7"] == "4"
    assert found[0]["why_7"] == "because"
    assert json.loads(found[0]["part_7"]) == [span["value"]]
    assert found[0]["mood_b@example.org"] == '["neg", "mixed"]'
    assert (found[1]["town"], found[1]["mood_7"]) == ("B", "")


# What the converter of label-studio-sdk 2.1.2 wrote, of a project with one control of each kind: nobody coded
# the first task, two people the second one, and the only annotation of a third one was cancelled.
CONVERTED_CSV = """\
"age","annotation_id","annotator","created_at","day","id","lead_time","mood","part","row","stars","text","topics",\
"town","updated_at","why"
"","","","","",5,"","","",1,"","nobody","","A","",""
"",12,"8","2026-03-01T11:00:00Z","",1,3.5,"neg","",2,"","so
good","","A","2026-03-01T10:00:00Z",""
"[{""number"":4}]",11,"7","2026-03-01T10:00:00Z","[{""datetime"":""2026-01-02""}]",1,3.5,"pos",\
"[{""start"":0,""end"":2,""text"":""so"",""labels"":[""A""]}]",2,"[{""rating"":4}]","so
good","{""choices"":[""a"",""b""]}","A","2026-03-01T10:00:00Z","because"
"""
STAMPS = {"created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-01T10:00:00Z", "lead_time": 3.5}
CONVERTED_MIN: list[dict[str, Any]] = [
    {
        **{"text": "nobody", "town": "A", "row": 1, "id": 5, "annotator": None, "annotation_id": None},
        **dict.fromkeys(STAMPS),
    },
    {
        **{"text": "so\ngood", "town": "A", "row": 2, "id": 1, "mood": "neg"},
        **{"annotator": 8, "annotation_id": 12, **STAMPS},
    },
    {
        **{"text": "so\ngood", "town": "A", "row": 2, "id": 1, "mood": "pos"},
        "topics": {"choices": ["a", "b"]},
        "stars": [{"rating": 4}],
        "why": "because",
        "age": [{"number": 4}],
        "day": [{"datetime": "2026-01-02"}],
        "part": [{"start": 0, "end": 2, "text": "so", "labels": ["A"]}],
        **{"annotator": 7, "annotation_id": 11, **STAMPS},
    },
]


def shown(path: Path) -> list[dict[str, str]]:
    table = open_table(path)
    return [
        dict(zip(table.header, row, strict=True))
        for chunk in table.chunks()
        for row in chunk.frame.iter_rows()
    ]


@pytest.mark.parametrize("form", ["csv", "tsv", "json"])
def test_what_the_converter_writes(tmp_path: Path, form: str) -> None:
    """
    The converter of label-studio-sdk 2.1.2 sorts the columns of CSV and TSV, so that labels stand anywhere;
    it writes all but single choices as results, and several choices of JSON_MIN as an object. Each coder's
    label is there.
    """
    path = tmp_path / f"e.{form}"
    if form == "json":
        path.write_text(json.dumps(CONVERTED_MIN))
    elif form == "csv":
        path.write_text(CONVERTED_CSV)
    else:
        rows = csv.reader(io.StringIO(CONVERTED_CSV))
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    nobody, coded = shown(path)
    assert nobody["text"] == "nobody"
    assert not any(value for name, value in nobody.items() if name.endswith(("_7", "_8")))
    assert {name: value for name, value in coded.items() if name.endswith(("_7", "_8"))} == {
        "mood_7": "pos",
        "mood_8": "neg",
        "topics_7": '["a", "b"]',
        "stars_7": "4",
        "why_7": "because",
        "age_7": "4",
        "day_7": "2026-01-02",
        "part_7": '[{"start": 0, "end": 2, "text": "so", "labels": ["A"]}]',
    }
    assert (coded["text"], coded["town"], coded["row"]) == ("so\ngood", "A", "2")


def test_labels_that_a_table_does_not_tell_from_fields_stay(tmp_path: Path) -> None:
    """
    Where two coders say the same of every task, nothing in a CSV says that a column is a label: it stays,
    with who coded.
    """
    path = tmp_path / "e.csv"
    lines = CONVERTED_CSV.splitlines()[0].replace("\\", "")
    rows = [
        ["", number, coder, "t", "", 1, 1, "pos", "", 2, "", "so", "", "A", "t", ""]
        for number, coder in ((11, 7), (12, 8))
    ]
    path.write_text("\n".join([lines, *(",".join(map(str, row)) for row in rows)]) + "\n")
    (row,) = shown(path)
    assert (row["mood"], row["annotator"]) == ("pos", "7; 8")


def test_an_annotation_that_is_given_twice_is_kept_twice(tmp_path: Path) -> None:
    """
    A coder may annotate a task twice; the second label has a column of its own.
    """
    path = tmp_path / "e.json"
    tasks = [
        {"id": 1, "data": {"text": "a", "id": "x9"}, "annotations": [annotation(7, choice("pos"))]},
        {
            "id": 2,
            "data": {"text": "b", "id": "x8"},
            "annotations": [annotation(7, choice("pos")), annotation(7, choice("neg"))],
        },
    ]
    path.write_text(json.dumps(tasks))
    rows = shown(path)
    assert [(row["mood_7"], row["mood_7_2"]) for row in rows] == [("pos", ""), ("pos", "neg")]
    assert [(row["id"], row["data.id"]) for row in rows] == [("1", "x9"), ("2", "x8")]


def test_cancelled_annotations_are_counted(tmp_path: Path) -> None:
    """
    A task whose annotation was cancelled is a row without a label, and it is said how many there are.
    """
    path = tmp_path / "e.json"
    tasks = [
        {
            "id": 1,
            "data": {"text": "a"},
            "annotations": [{**annotation(7, choice("pos")), "was_cancelled": True}],
        }
    ]
    path.write_text(json.dumps(tasks))
    assert [note.kind for note in open_table(path).notes] == [
        "note-annotations",
        "note-annotations-cancelled",
    ]
    assert shown(path) == [{"id": "1", "text": "a"}]


def test_one_choice_and_several_of_json_min(tmp_path: Path) -> None:
    """
    The converter of label-studio-sdk 2.1.2 writes one choice of several as its text and more as an object;
    beside a task that nobody coded, which stands first, both are the coder's.
    """
    record = CONVERTED_MIN[1]
    rows = [
        CONVERTED_MIN[0],
        {**record, "topics": "none of these", "annotator": 8},
        {**record, "topics": {"choices": ["a", "b"]}, "annotator": 7},
    ]
    path = tmp_path / "e.json"
    path.write_text(json.dumps(rows))
    coded = shown(path)[1]
    assert (coded["topics_7"], coded["topics_8"]) == ('["a", "b"]', "none of these")
