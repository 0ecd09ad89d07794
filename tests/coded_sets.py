"""Runs with known answers, and coding sets of their tables with known codes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import rowbatch
from rowbatch.api import Run
from rowbatch.core.coding import row_key
from rowbatch.core.coding_set import Code, CodingSet, DrawnRow, Wave
from rowbatch.store.coding_sets import CodingFolder, coding_home, new_set_id
from serving import scripted_local_model

MOOD: dict[str, Any] = {
    "variables": [{"name": "mood", "labels": [{"name": "good"}, {"name": "bad"}], "question": "Which mood?"}]
}


@contextmanager
def answered_run(
    folder: Path,
    answers: Sequence[Mapping[str, Any] | None],
    codebook: Mapping[str, Any] = MOOD,
    columns: Mapping[str, Sequence[str]] | None = None,
    texts: Sequence[str] = (),
) -> Iterator[Run]:
    """
    A run whose model answers each row so; None is an answer that the codebook does not allow.

    Args:
        folder: Where table, run and server lie.
        answers: By variable, a row each.
        codebook: What is asked.
        columns: Further columns of the table.
        texts: Of the rows, no two alike; "text number 1" and so on where nothing is said.
    """
    more = columns or {}
    texts = list(texts) or [f"text number {row}" for row in range(1, len(answers) + 1)]
    places = {text: row for row, text in enumerate(texts)}
    with (folder / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("post", *more), *zip(texts, *more.values(), strict=True)])

    def answer(body: Mapping[str, Any]) -> str:
        said = answers[places[str(body["messages"][-1]["content"])]]
        return "?" if said is None else json.dumps(said)

    with scripted_local_model(folder / "server", answer):
        run = rowbatch.create(folder / "posts.csv", text="post", codebook=codebook, run=folder / "run")
        run.resume()
    yield run


def set_of(run: Run, name: str = "people", at: Path | None = None, **changes: Any) -> CodingFolder:
    """A coding set of a run's table, without rows; in the user's home, or elsewhere."""
    plan = run.plan
    made = CodingSet(
        id=new_set_id(),
        name=name,
        source=plan.source,
        text=plan.question.text,
        answer=dict(plan.question.answer),
        variables=tuple(one.name for one in run.codebook.variables),
        created_at="2026-11-28T10:00:00+00:00",
        rowbatch_version="0",
    )
    return CodingFolder.create(at or coding_home() / name, replace(made, **changes))


def draw(
    folder: CodingFolder, rows: Sequence[int], population: Mapping[str, int], **changes: Any
) -> list[DrawnRow]:
    """
    Add a wave of these rows.

    Args:
        folder: The set.
        rows: Their numbers.
        population: As in `Wave`.
        changes: Of the wave; `strata`, `groups`, `texts` and `parts` of its rows, by number, or one part of
            all.
    """
    strata, groups, parts, texts = (changes.pop(name, {}) for name in ("strata", "groups", "parts", "texts"))
    number = len(folder.waves()) + 1
    drawn = []
    for row in rows:
        text = texts.get(row, f"text number {row}")
        part: Any = parts if isinstance(parts, str) else parts.get(row, "")
        drawn.append(
            DrawnRow(
                row_key(row, text),
                row,
                text,
                wave=number,
                stratum=strata.get(row, ""),
                group=groups.get(row, ""),
                part=part,
            )
        )
    folder.add_wave(Wave(number, population, **changes), drawn)
    return drawn


def say(
    folder: CodingFolder, coder: str, values: Mapping[int, str], variable: str = "mood", **how: Any
) -> None:
    """Let a coder say something of rows, by number."""
    keys = {one.row: one.key for one in folder.rows()}
    folder.add_codes(coder, [Code(keys[row], {variable: value}, **how) for row, value in values.items()])
