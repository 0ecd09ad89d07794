"""Texts whose label is known, a model that is mostly right about them, and a run of some of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coded_sets import answered_run
from rowbatch.api import Run

_GOOD = ("sunny", "lovely", "great", "好天气", "happy")
_BAD = ("rainy", "awful", "sad", "坏天气", "angry")
_ANY = ("today", "the", "people", "of", "town", "and", "weather", "report", "again", "says")


@dataclass(frozen=True, slots=True)
class MadeTexts:
    """
    Texts.

    Attributes:
        texts: No two are alike.
        truth: What people say of each.
        said: What a model says of each, wrong of one in twelve.
    """

    texts: list[str]
    truth: list[str]
    said: list[str]


def made_texts(count: int, seed: int = 1, *, good: float = 0.4) -> MadeTexts:
    """Texts of a few words, one or two of which tell the label; in one of fifteen nothing does."""
    chance = np.random.default_rng(seed)
    texts, truth, said = [], [], []
    for row in range(count):
        is_good = bool(chance.random() < good)
        words = [_ANY[place] for place in chance.integers(0, len(_ANY), 6)]
        if chance.random() > 1 / 15:
            telling = _GOOD if is_good else _BAD
            for place in chance.integers(0, len(telling), 2):
                words.insert(int(chance.integers(0, len(words))), telling[place])
        texts.append(f"{' '.join(words)} no{row}")
        truth.append("good" if is_good else "bad")
        is_wrong = bool(chance.random() < 1 / 12)
        said.append(truth[-1] if not is_wrong else "bad" if is_good else "good")
    return MadeTexts(texts, truth, said)


@contextmanager
def run_of_some(folder: Path, made: MadeTexts, rows: Sequence[int]) -> Iterator[tuple[Run, Path]]:
    """
    A run of some rows of a table, and the whole table.

    Args:
        folder: Where all lies.
        made: The texts of the whole table.
        rows: From 0, that the model is asked.
    """
    whole = folder / "whole.csv"
    with whole.open("w", newline="", encoding="utf-8") as file:
        lines = [("post", "town", "n"), *((text, f"town {n % 2}", n) for n, text in enumerate(made.texts))]
        csv.writer(file).writerows(lines)
    answers = [{"mood": made.said[row]} for row in rows]
    with answered_run(folder, answers, texts=[made.texts[row] for row in rows]) as run:
        yield run, whole


_SHARE = {"estimate": 0.9, "low": 0.8, "high": 0.95, "n": 100}


def note_of_student(at: str, table: str = "posts.csv", **changes: Any) -> dict[str, Any]:
    """A note of a table that a student labelled, as a run keeps it."""
    corrected = {"estimates": {"corrected": _SHARE}, "quantity": "share of good"}
    return {
        "at": at,
        "table": table,
        "variable": "mood",
        "output": "out.csv",
        "method": "words",
        "student": {"rows": 60, "held_out": 5, "same_as_model": 0.8},
        "rows": {"all": 100, "blank": 1, "of_model": 65, "of_student": 30, "left": 4},
        "student_right": _SHARE,
        "model_right": None,
        "quality": {"acceptance": {"labels": [{"label": "good", "least_sure": 0.7, "verdict": "usable"}]}},
        "corrected": {"all": [corrected]},
        "widths": [{"quantity": "share of good", "student": 0.1, "people_only": 0.2, "times": None}],
        **changes,
    }
