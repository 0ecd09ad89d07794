"""What students of a run did: a note in `students/` of its directory for each table that was labelled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rowbatch.store.atomic import write_atomically

FOLDER = "students"


@dataclass(frozen=True, slots=True)
class DistilNote:
    """
    A table that a student labelled.

    Attributes:
        at: When, ISO 8601.
        table, variable, output: Names; `output` is where the labelled table was written.
        rest: Where the table of the rows that are left was; None where there is none.
        method: Of the student.
        learned, held_out: Rows that it learned from, and people's that it was not shown.
        rows, blank, of_model, of_student, left: As in `Counts`.
        same: How often it says what the model does of rows that it did not see.
        student_right, model_right: How often each says what people do: share, low, high, coded rows; None
            where nobody coded.
        verdicts: Of each label, of all rows and where it is surer: label, least sure, verdict.
        widths: Of each number: what, with the student, by people alone, times as wide as with the model;
            None where there is no interval.
        estimates: Of each number: what, corrected, low, high.
    """

    at: str
    table: str
    variable: str
    output: str
    method: str
    learned: int
    held_out: int
    rows: int
    blank: int
    of_model: int
    of_student: int
    left: int
    same: float
    student_right: tuple[float, float, float, int] | None
    model_right: tuple[float, float, float, int] | None
    verdicts: Sequence[tuple[str, float | None, str]]
    widths: Sequence[tuple[str, float | None, float | None, float | None]]
    estimates: Sequence[tuple[str, float | None, float | None, float | None]]
    rest: str | None = None


def keep_distillation(run: Path, name: str, note: Mapping[str, Any]) -> None:
    """
    Note what was done; the same student and table again take the place of the note before.

    Raises:
        StorageError: The file cannot be written.
    """
    content = json.dumps(note, ensure_ascii=False, indent=1).encode()
    write_atomically(run / FOLDER / f"{name}.json", content, overwrite=True)


def read_distillations(run: Path) -> list[DistilNote]:
    """
    What was noted, oldest first, the last of each variable and table. A note that is damaged is left out: it
    only tells of a table that lies elsewhere.
    """
    found = []
    for path in sorted((run / FOLDER).glob("*.json")):
        try:
            found.append(_read(json.loads(path.read_bytes())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    found.sort(key=lambda one: one.at)
    return [*{(one.variable, one.table): one for one in found}.values()]


def _read(note: Any) -> DistilNote:
    student, rows, quality = note["student"], note["rows"], note["quality"] or {}
    corrected = note["corrected"] or {}
    return DistilNote(
        at=str(note["at"]),
        table=str(note["table"]),
        variable=str(note["variable"]),
        output=str(note["output"]),
        method=str(note["method"]),
        learned=int(student["rows"]),
        held_out=int(student["held_out"]),
        rows=int(rows["all"]),
        blank=int(rows["blank"]),
        of_model=int(rows["of_model"]),
        of_student=int(rows["of_student"]),
        left=int(rows["left"]),
        same=float(student["same_as_model"]),
        student_right=_share(note["student_right"]),
        model_right=_share(note["model_right"]),
        verdicts=[
            (str(one["label"]), one["least_sure"], str(one["verdict"]))
            for one in (quality.get("acceptance") or {}).get("labels", [])
        ],
        widths=[
            (str(one["quantity"]), one["student"], one["people_only"], one["times"]) for one in note["widths"]
        ],
        estimates=[
            (
                str(one["quantity"]),
                *(one["estimates"]["corrected"][name] for name in ("estimate", "low", "high")),
            )
            for one in corrected.get("all", [])
        ],
        rest=None if note.get("rest") is None else str(note["rest"]),
    )


def _share(figure: Any) -> tuple[float, float, float, int] | None:
    if figure is None or figure["low"] is None:
        return None
    return float(figure["estimate"]), float(figure["low"]), float(figure["high"]), int(figure["n"])
