"""
What Label Studio exports as JSON, JSON_MIN, CSV or TSV.

Form: JSON is a list of tasks with `data` and `annotations`, each with `completed_by` and a `result` of
    labels; in
the others an annotation is a row: the fields of the task, `id`, the labels, then `annotator`,
`annotation_id`, `created_at`, `updated_at`, `lead_time`. A task that several people coded stands there
several times.
Source: Label Studio's documentation, "Export annotations", and the converter of label-studio-sdk, as the
authors know them; no export of it was at hand.

Rows: one a task. Each label of each coder is a column, `sentiment_7` for the coder 7; several choices are a
    list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import Program
from rowbatch.tables.base import Table
from rowbatch.tables.frame_table import FrameTable
from rowbatch.words.notice import Notice

_NAME = "label_studio"
_BEHIND = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time")
_TASK = "data."
# The part of a result's value that is the label; of all others the value is kept as it is.
_VALUES = ("choices", "rating", "text", "number", "taxonomy", "datetime", "labels")


class LabelStudioTable(FrameTable):
    """Tasks, with a column for each label of each coder."""

    format = "label-studio"


def _dress(table: Table, options: ReadOptions) -> Table | None:
    del options
    if {"id", *_BEHIND[:2], "lead_time"} <= set(table.header):
        return _of_annotations(table)
    if {"id", "annotations"} <= set(table.header) and any(name.startswith(_TASK) for name in table.header):
        return _of_tasks(table)
    return None


def _of_annotations(table: Table) -> Table:
    """A row a task, of rows of which each is an annotation."""
    names = list(table.header)
    begin, end = names.index("id"), names.index("annotator")
    labels = names[begin + 1 : end] if end > begin else []
    tasks: dict[str, dict[str, str]] = {}
    for row in _rows(table, names):
        task = tasks.setdefault(
            row["id"], {name: row[name] for name in names if name not in (*labels, *_BEHIND)}
        )
        for label in labels:
            task[_column(label, row["annotator"])] = row[label]
    return _table(table, tasks)


def _of_tasks(table: Table) -> Table | None:
    names = list(table.header)
    own = [name for name in names if name == "id" or name.startswith(_TASK)]
    tasks: dict[str, dict[str, str]] = {}
    for number, row in enumerate(_rows(table, names)):
        try:
            annotations = json.loads(row["annotations"] or "[]")
            task = {name.removeprefix(_TASK): row[name] for name in own}
            for annotation in annotations:
                for label, value in _labels_of(annotation):
                    task[_column(label, _coder(annotation.get("completed_by")))] = value
        except (ValueError, AttributeError, TypeError):
            return None
        tasks[str(number)] = task
    return _table(table, tasks)


def _rows(table: Table, names: list[str]) -> list[dict[str, str]]:
    return [dict(zip(names, row, strict=True)) for chunk in table.chunks() for row in chunk.frame.iter_rows()]


def _labels_of(annotation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The labels of an annotation by the names of their controls; nothing of one that was cancelled."""
    if annotation.get("was_cancelled"):
        return []
    found: dict[str, list[Any]] = {}
    for result in annotation.get("result") or []:
        value = result.get("value") or {}
        kind = next((name for name in _VALUES if name in value), None)
        name = str(result.get("from_name") or result.get("type") or "label")
        is_part = "start" in value or "x" in value
        said = value if kind is None or is_part else value[kind]
        found.setdefault(name, []).extend(said if isinstance(said, list) else [said])
    return [
        (
            name,
            _text(values[0])
            if len(values) == 1 and not isinstance(values[0], dict | list)
            else json.dumps(values, ensure_ascii=False),
        )
        for name, values in found.items()
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _coder(said: Any) -> str:
    """Who annotated: a number, or an object with an address."""
    if isinstance(said, dict):
        said = said.get("email") or said.get("id")
    return "" if said is None else str(said)


def _column(label: str, coder: str) -> str:
    return f"{label}_{coder}" if coder else label


def _table(table: Table, tasks: Mapping[str, Mapping[str, str]]) -> Table:
    names = list(dict.fromkeys(name for task in tasks.values() for name in task))
    frame = pl.DataFrame(
        {
            str(at): pl.Series([task.get(name, "") for task in tasks.values()], dtype=pl.String)
            for at, name in enumerate(names)
        }
    )
    reading = replace(table.reading, program=_NAME)
    found = LabelStudioTable(table.path, tuple(names), frame, reading=reading)
    found.notes = (Notice("note-annotations", {"path": table.path.name, "rows": len(tasks)}), *table.notes)
    return found


PROGRAM = Program(name=_NAME, title="Label Studio", dress=_dress)
