"""Exports of Label Studio, with invented coders: a row a task, a column for each label of each coder."""

from __future__ import annotations

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
