"""
What potato exports: annotations as JSONL, CSV or TSV, and the folder in which it keeps them.

Form of version 2 (2.12.1): `annotations.jsonl`, an answer of one person to one item a line, `instance_id`,
`user_id`, `labels` (`{"mood": {"good": "good"}}`), `spans`, `links`; in CSV and TSV a column a label,
`mood.good`; the folder has `PERSON/user_state.json`. None of these has the text, which is in the study's
own data file. Form of version 1 (1.2.2.4): `annotated_instances.jsonl` with `displayed_text`,
`label_annotations`, `span_annotations`; in CSV and TSV `mood:::good`; in the folder
`PERSON/annotated_instances.jsonl`.
Source: `export/tabular_exporter.py`, `user_state_management.py`, `server_utils/answer_collapse.py` of potato
2.12.1, and `flask_server.py` of 1.2.2.4.

Rows: one an item. Each scheme of each person is a column, `mood_anna`: the label, a list of several, or
what was typed. What is neither stays as it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import Program
from rowbatch.programs.coders import CodedItems, objects_of, open_coded, text_of_list, text_of_value, value_of
from rowbatch.tables.base import Table
from rowbatch.tables.frame_table import refuse_options
from rowbatch.tables.json_text import Fields, cell_of
from rowbatch.words.notice import Notice

_NAME, _TITLE = "potato", "potato"
_MARKS = (
    (b'"instance_id"', b'"label_annotations"', b'"span_annotations"'),
    (b'"id"', b'"displayed_text"', b'"label_annotations"', b'"span_annotations"'),
    (b'"instance_id"', b'"user_id"', b'"labels"', b'"spans"', b'"links"'),
)
_LABELS, _SPANS = ("label_annotations", "labels"), ("span_annotations", "spans", "links")
_KEPT_FILES = ("user_state.json", "annotated_instances.jsonl")
_MOST_PEOPLE = 10_000
_TEXT = "displayed_text"
_OLD, _NEW = ":::", "."
# Labels of schemes in which the value is the answer, and the label names a field.
_TYPED = frozenset(
    {"text_box", "textbox", "slider", "number", "number_input", "free_response", "range_slider", "vas"}
)
_STEP = re.compile(r"scale_(\d+)")
_CHOSEN = frozenset({"true", "on"})
_NOT_CHOSEN = frozenset({"", "false", "off", "none"})


def _is_file(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return bool(_people(path))
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith(b"{") and any(all(mark in text for mark in marks) for marks in _MARKS)


def _people(path: Path) -> list[Path]:
    """The files in which a folder of potato keeps what its people said."""
    try:
        folders = sorted(one for one in islice(path.iterdir(), _MOST_PEOPLE) if one.is_dir())
        return [file for folder in folders for name in _KEPT_FILES if (file := folder / name).is_file()]
    except OSError:
        return []


def _open(path: Path, options: ReadOptions) -> Table:
    refuse_options(path, options, allowed=(), kind="an export of a program")
    return open_coded(path, lambda: _read(path))


def _read(path: Path) -> Table:
    items = CodedItems()
    if path.is_dir():
        for file in _people(path):
            if file.name == _KEPT_FILES[0]:
                _add_state(items, json.loads(file.read_bytes()), file.parent.name)
            else:
                for found in objects_of(file):
                    _add(items, found, file.parent.name)
    else:
        for found in objects_of(path):
            _add(items, found, "")
    return _table(path, items, ReadOptions(program=_NAME))


def _add(items: CodedItems, found: Fields, person: str) -> None:
    """Take an answer of a person to an item."""
    name = "instance_id" if "instance_id" in found else "id"
    key = cell_of(found.get(name))
    person = cell_of(found.get("user_id")) or cell_of(found.get("user")) or person
    labels: dict[str, str] = {}
    for part in _LABELS:
        answers = value_of(found, part)
        # What has no schemes is one answer.
        schemes = answers if isinstance(answers, dict) else {part: answers} if answers else {}
        for scheme, answer in schemes.items():
            labels[scheme] = _answer(scheme, answer, is_old=part == _LABELS[0])
    for part in _SPANS:
        spans = value_of(found, part)
        if spans:
            labels[part] = text_of_value(spans)
    fields = {"instance_id": key}
    known = (name, "user_id", "user", *_LABELS, *_SPANS)
    # What is said of the person, as how long it took, is theirs; it differs, and has a column for each.
    fields |= {field: cell_of(raw) for field, raw in found.items() if field not in known}
    items.add(key, person, fields, labels)


def _add_state(items: CodedItems, state: Mapping[str, Any], folder: str) -> None:
    """Take all answers of a person, as version 2 keeps them: pairs of a label and its value."""
    person = str(state.get("user_id") or folder)
    spans = state.get("instance_id_to_span_to_value") or {}
    answers = state.get("instance_id_to_label_to_value") or {}
    for key in dict.fromkeys([*answers, *spans]):
        by_scheme: dict[str, dict[str, Any]] = {}
        for label, value in answers.get(key) or []:
            by_scheme.setdefault(str(label.get("schema") or ""), {})[str(label.get("name") or "")] = value
        labels = {scheme: _answer(scheme, answer) for scheme, answer in by_scheme.items()}
        if marked := spans.get(key):
            labels["spans"] = text_of_value([label for label, _ in marked])
        items.add(key, person, {"instance_id": key}, labels)


def _answer(scheme: str, answer: Any, *, is_old: bool = False) -> str:
    """
    What a person said in a scheme: which labels, or what they typed; else as it stands.

    A value that is not its label's own name may be an answer to one part of the question (a row of a grid);
    only in version 1 it may be the key of the keyboard as well.
    """
    if not isinstance(answer, dict):
        return text_of_list(answer) if isinstance(answer, list) else text_of_value(answer)
    said = {label: value for label, value in answer.items() if not _is_nothing(value)}
    if not said:
        return ""
    if len(said) == 1:
        ((label, value),) = said.items()
        if label in _TYPED or scheme in _TYPED or not label:
            return text_of_value(value)
        if step := _STEP.fullmatch(label):
            return step[1]
        if _is_choice(scheme, label, value) or (is_old and len(text_of_value(value)) == 1):
            return str(label)
    elif all(_is_choice(scheme, label, value) for label, value in said.items()):
        return text_of_list([*said])
    return text_of_value(said)


def _is_nothing(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, str) and value.lower() in _NOT_CHOSEN)


def _is_choice(scheme: str, label: str, value: Any) -> bool:
    """Whether a value only says that its label was chosen: by a mark, or its own name."""
    text = text_of_value(value)
    return label not in _TYPED and (text in (label, f"{scheme}{_OLD}{label}") or text.lower() in _CHOSEN)


def _dress(table: Table, options: ReadOptions) -> Table | None:
    """CSV and TSV: a column a label."""
    header = table.header
    person = "user" if header[:3] == ("user", "instance_id", _TEXT) else "user_id"
    is_old = person == "user" and any(_OLD in name for name in header)
    is_new = header[:2] == ("instance_id", "user_id") and (
        options.program == _NAME or any(_NEW in name for name in header)
    )
    if not (is_old or is_new) or len(set(header)) < len(header):
        return None
    rows = [
        dict(zip(header, cells, strict=True)) for chunk in table.chunks() for cells in chunk.frame.iter_rows()
    ]
    known = ("instance_id", person)
    split = {
        name: _split(name, {row[name] for row in rows}, is_old=is_old) for name in header if name not in known
    }
    items = CodedItems()
    for row in rows:
        by_scheme: dict[str, dict[str, str]] = {}
        whole: dict[str, str] = {}
        fields = {"instance_id": row["instance_id"]}
        for name, (scheme, label) in split.items():
            if label:
                by_scheme.setdefault(scheme, {})[label] = row[name]
            elif is_old and name == _TEXT:
                fields[name] = row[name]
            else:
                whole[name] = row[name]
        labels = {scheme: _answer(scheme, answer, is_old=is_old) for scheme, answer in by_scheme.items()}
        # Beside its labels version 2 may have the one that counts.
        labels |= {name: cell for name, cell in whole.items() if cell or name not in labels}
        items.add(row["instance_id"], row[person], fields, labels)
    return _table(table.path, items, replace(table.reading, program=_NAME), table.notes)


def _split(name: str, cells: Set[str], *, is_old: bool) -> tuple[str, str]:
    """The scheme and the label in a column's name; no label where it is not one of these."""
    scheme, _, label = name.partition(_OLD if is_old else _NEW)
    if scheme == "span_annotation" or label.startswith("_"):
        return name, ""
    said = cells - {""}
    if not is_old and len(said) == 1 and name.endswith(f"{_NEW}{(own := next(iter(said)))}"):
        # A name of either may have a point in it; what was chosen is spelled in the cell.
        return name.removesuffix(f"{_NEW}{own}"), own
    return scheme, label


def _table(path: Path, items: CodedItems, reading: ReadOptions, notes: tuple[Notice, ...] = ()) -> Table:
    note = Notice("note-annotations", {"path": path.name, "program": _TITLE, "rows": len(items)})
    return items.table(path, reading, (note, *notes))


PROGRAM = Program(name=_NAME, title=_TITLE, is_file=_is_file, open=_open, dress=_dress)
