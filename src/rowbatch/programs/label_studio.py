"""
What Label Studio exports as JSON, JSON_MIN, CSV or TSV.

Form: JSON is a list of tasks with `data` and `annotations`, each with `completed_by` and a `result` of
labels. In the others an annotation is a row: the fields of the task, the task's `id`, the labels,
`annotator`, `annotation_id`, `created_at`, `updated_at`, `lead_time`; JSON_MIN in this order, CSV and TSV
in that of the alphabet. A choice of one is its text, and all else a list as it stands in JSON (`[{"rating":
4}]`). A task that several people coded stands there several times, the latest first; one whose annotations
were all cancelled does not.
Source: the converter of label-studio-sdk 2.1.2 (`converter.py`, `exports/csv2.py`), which was run.

Rows: one a task. Each label of each coder is a column, `sentiment_7` for the coder 7; several choices are a
list. CSV and TSV do not say which columns are labels: a column of which two coders say the same in all tasks
stays one, and `annotator` says who coded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import Program
from rowbatch.programs.coders import CodedItems, text_of_list
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_NAME, _TITLE = "label_studio", "Label Studio"
_BEHIND = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time")
_TASK = "data."
# The part of a result's value that is the label; of all others the value is kept as it is.
_VALUES = ("choices", "rating", "text", "number", "taxonomy", "datetime", "labels")
_LISTS = ("choices", "taxonomy", "labels")
_OF_PARTS = frozenset(
    {"start", "end", "startOffset", "endOffset", "globalOffsets", "x", "y", "width", "height", "id", "type"}
)


def _dress(table: Table, options: ReadOptions) -> Table | None:
    del options
    if {"id", *_BEHIND} <= set(table.header):
        return _of_annotations(table)
    if {"id", "annotations"} <= set(table.header) and any(name.startswith(_TASK) for name in table.header):
        return _of_tasks(table)
    return None


def _of_annotations(table: Table) -> Table:
    """A row a task, of rows of which each is an annotation."""
    names = list(table.header)
    is_sorted = names == sorted(names)
    labels = set() if is_sorted else _labels_between(names)
    rows = _rows(table, names)
    found = {name: cells for name in names if (cells := _results_in(name, rows)) is not None}
    labels |= found.keys()
    tasks: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        tasks.setdefault(row["id"], []).append(at)
    items = CodedItems()
    for task, places in tasks.items():
        coders = "; ".join(dict.fromkeys(filter(None, (rows[at]["annotator"] for at in places))))
        for at in places:
            row = rows[at]
            fields = {name: row[name] for name in names if name not in labels and name not in _BEHIND}
            said = {name: found[name][at] if name in found else row[name] for name in names if name in labels}
            if is_sorted:
                fields["annotator"] = coders
            items.add(task, row["annotator"], fields, _joined(said))
    return _table(table, items)


def _labels_between(names: list[str]) -> set[str]:
    """The labels of JSON_MIN: they stand between the task's number and who coded it."""
    begin, end = names.index("id"), names.index("annotator")
    # A task with an `id` of its own has the number in that place, before its other fields.
    return set(names[begin + 1 : end]) if 0 < begin < end else set()


def _results_in(name: str, rows: list[dict[str, str]]) -> list[str] | None:
    """
    The cells of a column as labels, where some are results as Label Studio keeps them and the others are
    single choices; else None.
    """
    if name in ("id", *_BEHIND):
        return None
    part = name.rpartition(".")[2]
    texts, is_label = [], False
    for row in rows:
        text = row[name]
        said = _result(text) if text[:1] in ("[", "{") else None
        if "." in name and part in _LISTS and text[:1] == "[":
            # JSON_MIN has several choices as an object of a list.
            said = _result(f'{{"{part}": {text}}}')
        is_label = is_label or said is not None
        texts.append(text if said is None else said)
    return texts if is_label else None


def _result(text: str) -> str | None:
    """A cell with results as a label, as `_labels_of` gives it; None for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    values = value if isinstance(value, list) else [value]
    if not values or not all(map(_is_result, values)):
        return None
    said: list[Any] = []
    for one in values:
        label = _said(one)
        said.extend(label if isinstance(label, list) else [label])
    return text_of_list(said)


def _is_result(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= {*_VALUES, *_OF_PARTS}:
        return False
    if "start" in value or "x" in value:
        return isinstance(value.get("labels"), list)
    kinds = [name for name in _VALUES if name in value]
    if len(kinds) != 1:
        return False
    said = value[kinds[0]]
    match kinds[0]:
        case "rating" | "number":
            return isinstance(said, int | float)
        case "datetime":
            return isinstance(said, str)
        case _:
            return isinstance(said, list)


def _joined(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels by their names: several choices of JSON_MIN stand beside single ones, as `name.choices`."""
    found: dict[str, str] = {}
    for name, value in labels.items():
        base, _, part = name.rpartition(".")
        name = base if base and part in _LISTS else name  # noqa: PLW2901 - what it is called from here on
        found[name] = found.get(name) or value
    return found


def _of_tasks(table: Table) -> Table | None:
    names = list(table.header)
    own = [name for name in names if name == "id" or name.startswith(_TASK)]
    # A field `id` of a task is not its number.
    called = {name: name if name == f"{_TASK}id" else name.removeprefix(_TASK) for name in own}
    items, cancelled = CodedItems(), 0
    for number, row in enumerate(_rows(table, names)):
        fields = {called[name]: row[name] for name in own}
        items.add(number, "", fields)
        try:
            for annotation in json.loads(row["annotations"] or "[]"):
                cancelled += bool(annotation.get("was_cancelled"))
                items.add(number, _coder(annotation.get("completed_by")), fields, _labels_of(annotation))
        except (ValueError, AttributeError, TypeError, RecursionError):
            return None
    return _table(table, items, cancelled)


def _rows(table: Table, names: list[str]) -> list[dict[str, str]]:
    return [dict(zip(names, row, strict=True)) for chunk in table.chunks() for row in chunk.frame.iter_rows()]


def _labels_of(annotation: Mapping[str, Any]) -> dict[str, str]:
    """The labels of an annotation by the names of their controls; nothing of one that was cancelled."""
    if annotation.get("was_cancelled"):
        return {}
    found: dict[str, list[Any]] = {}
    for result in annotation.get("result") or []:
        said = _said(result.get("value") or {})
        name = str(result.get("from_name") or result.get("type") or "label")
        found.setdefault(name, []).extend(said if isinstance(said, list) else [said])
    return {name: text_of_list(values) for name, values in found.items()}


def _said(value: Mapping[str, Any]) -> Any:
    """The label in a result's value; of a part of the text, all of it."""
    kind = next((name for name in _VALUES if name in value), None)
    is_part = "start" in value or "x" in value
    return value if kind is None or is_part else value[kind]


def _coder(said: Any) -> str:
    """Who annotated: a number, or an object with an address."""
    if isinstance(said, dict):
        said = said.get("email") or said.get("id")
    return "" if said is None else str(said)


def _table(table: Table, items: CodedItems, cancelled: int = 0) -> Table:
    values = {"path": table.path.name, "program": _TITLE, "rows": len(items)}
    notes = [Notice("note-annotations", values)]
    if cancelled:
        notes.append(Notice("note-annotations-cancelled", {"path": table.path.name, "count": cancelled}))
    return items.table(table.path, replace(table.reading, program=_NAME), notes=(*notes, *table.notes))


PROGRAM = Program(name=_NAME, title=_TITLE, dress=_dress)
