"""
What Prodigy gives by `db-out`: a record a line, one for each answer of each annotator.

Form: `_input_hash` (the same for the same text), `_task_hash`, `answer` (`accept`, `reject`, `ignore`),
`_annotator_id` and `_session_id` (the session's name, or when it began where nobody named it); with a
`label` of which the answer says yes or no; or with `options` and the ids of those that were chosen in
`accept`; or with `spans`. Source: Prodigy's documentation, "Input formats", "Annotation interfaces",
"Review", and records of 2020 to 2023 that people published; the program itself is not free and was not run.

Rows: one an input. Each annotator has columns: `label` are the labels that were accepted or chosen,
`rejected` and `ignored` those that were not; `spans` and `answer` of the other forms. What the program
keeps for itself (tokens, hashes, options, times) is left out, and said.
"""

from __future__ import annotations

import re
from pathlib import Path

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import Program
from rowbatch.programs.coders import CodedItems, objects_of, open_coded, text_of_list, text_of_value, value_of
from rowbatch.tables.base import Table
from rowbatch.tables.frame_table import refuse_options
from rowbatch.tables.json_text import Fields, cell_of
from rowbatch.words.notice import Notice

_NAME, _TITLE = "prodigy", "Prodigy"
_MARKS = (b'"_input_hash"', b'"_task_hash"', b'"answer"')
_OWN = frozenset(
    {
        "_task_hash",
        "_view_id",
        "_session_id",
        "_annotator_id",
        "_timestamp",
        "_is_binary",
        "tokens",
        "options",
        "config",
    }
)
_ANSWERS = frozenset({"label", "accept", "answer", "spans", "relations"})
_COLUMN_OF = {"accept": "label", "reject": "rejected", "ignore": "ignored"}
_UNNAMED = re.compile(r"\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}")


def _is_file(path: Path, head: bytes) -> bool:
    del path
    begins = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    return begins and all(mark in head for mark in _MARKS)


def _open(path: Path, options: ReadOptions) -> Table:
    refuse_options(path, options, allowed=(), kind="an export of a program")
    return open_coded(path, lambda: _read(path))


def _read(path: Path) -> Table:
    items = CodedItems()
    left_out: set[str] = set()
    # Of each input and annotator the labels that were answered with yes or no, a record each.
    binary: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
    for found in objects_of(path):
        left_out |= found.keys() & _OWN
        key, coder = cell_of(found.get("_input_hash")), _coder(found)
        if not key:
            # Without it nobody knows which records are of one input.
            key = f"text {cell_of(found.get('text'))}"
        fields = _fields(found)
        if "label" in found and "accept" not in found:
            answers = binary.setdefault((key, coder), {})
            column = _COLUMN_OF.get(cell_of(found.get("answer")), "label")
            answers.setdefault(column, {})[cell_of(found["label"])] = None
            items.add(key, coder, fields, _parts(found))
        else:
            items.add(key, coder, fields, _labels(found))
    for (key, coder), answers in binary.items():
        items.add(key, coder, {}, {name: text_of_list([*said]) for name, said in answers.items()})
    notes = [Notice("note-annotations", {"path": path.name, "program": _TITLE, "rows": len(items)})]
    if left_out:
        notes.append(Notice("note-fields-left-out", {"path": path.name, "columns": sorted(left_out)}))
    return items.table(path, ReadOptions(program=_NAME), tuple(notes))


def _coder(found: Fields) -> str:
    name = cell_of(found.get("_annotator_id")) or cell_of(found.get("_session_id"))
    return "" if _UNNAMED.fullmatch(name) else name


def _fields(found: Fields) -> dict[str, str]:
    """
    What belongs to the input: its text, the fields of its `meta` as `meta.page`, and all that is unknown.
    """
    fields: dict[str, str] = {}
    for name, raw in found.items():
        if name in _OWN or name in _ANSWERS:
            continue
        value = value_of(found, name) if name == "meta" else None
        if isinstance(value, dict):
            fields |= {f"meta.{inner}": text_of_value(one) for inner, one in value.items()}
        else:
            fields[name] = cell_of(raw)
    return fields


def _labels(found: Fields) -> dict[str, str]:
    answer = cell_of(found.get("answer"))
    labels: dict[str, str] = {}
    if "accept" in found and answer == "accept":
        chosen = value_of(found, "accept")
        labels["label"] = text_of_list(chosen if isinstance(chosen, list) else [chosen])
    return labels | _parts(found) | {"answer": answer}


def _parts(found: Fields) -> dict[str, str]:
    """What was marked in the text."""
    return {name: cell_of(found[name]) for name in ("spans", "relations") if name in found}


PROGRAM = Program(name=_NAME, title=_TITLE, is_file=_is_file, open=_open)
