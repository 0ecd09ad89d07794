"""
How far a model's labels stay the same when the same rows are asked otherwise.

Ways to ask are compared as coders are: Krippendorff's alpha says how far they agree beyond chance. Beside it
stands what a reader asks first: how many rows change at all, and what became what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rowbatch.core.statistics import among_coders as among
from rowbatch.core.statistics.among_coders import MOST_VALUES, Level
from rowbatch.core.statistics.figures import Figure, Resampling, share_figure, undefined
from rowbatch.core.statistics.patterns import Codes, Floats, Patterns, Wanted, figures_of
from rowbatch.words.notice import Notice


@dataclass(frozen=True, slots=True)
class Answers:
    """
    What each way to ask brought, of the same rows.

    Attributes:
        codes: A line a row, a column a way to ask, the first one that the others are compared with: which of
            `labels` was said, -1 where nothing usable was.
        names: Of the ways.
        kinds: What is other in each, as `repeat`; those of one kind are also compared among themselves.
        labels: What the values are called, in order.
        level: What their order means.
        numbers: What each is worth, where they are numbers.
    """

    codes: Codes
    names: Sequence[str]
    kinds: Sequence[str]
    labels: Sequence[str]
    level: Level = "nominal"
    numbers: Floats | None = None


@dataclass(frozen=True, slots=True)
class Churn:
    """
    Rows whose label is another one.

    Attributes:
        name: Of the way to ask.
        before, after: The first way's label, and this one's; "" for nothing usable.
        rows: How many.
    """

    name: str
    before: str
    after: str
    rows: int


@dataclass(frozen=True, slots=True)
class LabelStability:
    """
    How far a label stays.

    Attributes:
        label: Which.
        kept: Of the rows that have it first, the share that keeps it every time.
    """

    label: str
    kept: Figure


@dataclass(frozen=True, slots=True)
class Stability:
    """
    How stable labels are.

    Attributes:
        rows: Compared: with a usable answer the first time, and at least once more.
        alpha: Krippendorff's alpha of all ways to ask.
        same: The share of pairs of answers to a row that are the same.
        changed: The share of rows that are ever another label.
        by_kind: By what is other: alpha of the first way and all of that kind.
        changed_by_kind: Likewise the share of rows that change.
        by_name: Of each further way: alpha with the first one.
        changed_by_name: Likewise.
        lost: Of each further way, rows that have no usable answer any more.
        churn: What became what, the commonest first.
        labels: Of each label.
    """

    rows: int
    alpha: Figure
    same: Figure
    changed: Figure
    by_kind: Mapping[str, Figure]
    changed_by_kind: Mapping[str, Figure]
    by_name: Mapping[str, Figure]
    changed_by_name: Mapping[str, Figure]
    lost: Mapping[str, int]
    churn: tuple[Churn, ...]
    labels: tuple[LabelStability, ...]

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "rows": self.rows,
            "krippendorff_alpha": self.alpha.to_plain(),
            "percent_agreement": self.same.to_plain(),
            "changed": self.changed.to_plain(),
            "by_kind": {
                kind: {
                    "krippendorff_alpha": self.by_kind[kind].to_plain(),
                    "changed": self.changed_by_kind[kind].to_plain(),
                }
                for kind in self.by_kind
            },
            "by_name": {
                name: {
                    "krippendorff_alpha": self.by_name[name].to_plain(),
                    "changed": self.changed_by_name[name].to_plain(),
                    "lost": self.lost[name],
                }
                for name in self.by_name
            },
            "churn": [
                {"name": one.name, "before": one.before, "after": one.after, "rows": one.rows}
                for one in self.churn
            ],
            "labels": {one.label: one.kept.to_plain() for one in self.labels},
        }


def stability_of(answers: Answers, resampling: Resampling) -> Stability:
    """
    Compute all of it.

    Args:
        answers: Of the first way to ask, and at least one further.
        resampling: How intervals are found.
    """
    codes = answers.codes
    # A row that nobody answered twice says nothing of changes.
    compared = (codes[:, 0] >= 0) & (codes[:, 1:] >= 0).any(axis=1)
    codes = codes[compared]
    ways = range(1, codes.shape[1])
    kinds = list(dict.fromkeys(answers.kinds[way] for way in ways))
    of_kind = {kind: [way for way in ways if answers.kinds[way] == kind] for kind in kinds}
    alpha, same = _agreement(answers, codes, [0, *ways], resampling)
    return Stability(
        rows=len(codes),
        alpha=alpha,
        same=same,
        changed=_changed(codes, ways, resampling),
        by_kind={
            kind: _agreement(answers, codes, [0, *of_kind[kind]], resampling)[0]
            if len(kinds) > 1 or len(of_kind[kind]) != len(ways)
            else alpha
            for kind in kinds
        },
        changed_by_kind={kind: _changed(codes, of_kind[kind], resampling) for kind in kinds},
        by_name={answers.names[way]: _agreement(answers, codes, [0, way], resampling)[0] for way in ways},
        changed_by_name={answers.names[way]: _changed(codes, [way], resampling) for way in ways},
        lost={
            answers.names[way]: int(((answers.codes[:, 0] >= 0) & (answers.codes[:, way] < 0)).sum())
            for way in ways
        },
        churn=tuple(_churn(answers)),
        labels=tuple(_labels(answers, codes, resampling)),
    )


def _agreement(
    answers: Answers, codes: Codes, ways: Sequence[int], resampling: Resampling
) -> tuple[Figure, Figure]:
    """Alpha, and the share of pairs that are the same."""
    chosen = codes[:, list(ways)]
    chosen = chosen[(chosen >= 0).sum(axis=1) >= 2]
    what = f"Krippendorff's alpha, {answers.level}"
    pairs = "share of pairs of answers to a row that are the same"
    if not len(chosen):
        why = Notice("undefined-no-pairs")
        return undefined(0, what, why), undefined(0, pairs, why)
    counted, counts = np.unique(chosen, axis=0, return_counts=True)
    patterns = Patterns(counted, counts.astype(np.int64), max(len(answers.labels), 1), answers.numbers)
    n = len(chosen)
    no_variation = Notice("undefined-no-variation")
    wanted = {"same": Wanted(among.percent_agreement(patterns), n, pairs, no_variation)}
    too_many = patterns.size > MOST_VALUES and answers.level != "interval"
    if not too_many:
        wanted["alpha"] = Wanted(among.krippendorff_alpha(patterns, answers.level), n, what, no_variation)
    # What overflows becomes undefined, and is told so.
    with np.errstate(all="ignore"):
        found = figures_of(wanted, patterns, resampling)
    if too_many:
        values = {"values": patterns.size, "most": MOST_VALUES}
        return undefined(n, what, Notice("undefined-too-many-values", values)), found["same"]
    return found["alpha"], found["same"]


def _changed(codes: Codes, ways: Sequence[int], resampling: Resampling) -> Figure:
    others = codes[:, list(ways)]
    asked = np.any(others >= 0, axis=1)
    moved = np.any((others >= 0) & (others != codes[:, :1]), axis=1)
    return share_figure(
        int(np.sum(moved)),
        int(np.sum(asked)),
        resampling,
        "share of rows that are another label at least once",
    )


def _churn(answers: Answers) -> list[Churn]:
    found = []
    first = answers.codes[:, 0]
    for way in range(1, answers.codes.shape[1]):
        other = answers.codes[:, way]
        moved = (first >= 0) & (other != first)
        pairs, counts = np.unique(np.column_stack([first, other])[moved], axis=0, return_counts=True)
        for (before, after), rows in zip(pairs.tolist(), counts.tolist(), strict=True):
            label = answers.labels[after] if after >= 0 else ""
            found.append(Churn(answers.names[way], answers.labels[before], label, rows))
    return sorted(found, key=lambda one: (-one.rows, one.name, one.before, one.after))


def _labels(answers: Answers, codes: Codes, resampling: Resampling) -> list[LabelStability]:
    if len(answers.labels) > MOST_VALUES:
        return []
    others = codes[:, 1:]
    kept: npt.NDArray[np.bool_] = ((others < 0) | (others == codes[:, :1])).all(axis=1)
    found = []
    for place, label in enumerate(answers.labels):
        own = codes[:, 0] == place
        if own.any():
            what = "share of its rows that keep it every time"
            found.append(
                LabelStability(label, share_figure(int((own & kept).sum()), int(own.sum()), resampling, what))
            )
    return found
