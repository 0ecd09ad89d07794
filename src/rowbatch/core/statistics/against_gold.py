"""
How right the answers of a coder or a model are, where gold labels are known.

An answer that is not there, or is none of the labels, is wrong, and a category of its own: to leave such
units out would flatter. What is 0/0 is undefined: it is left out of a mean, and is never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rowbatch.core.statistics.among_coders import MOST_VALUES
from rowbatch.core.statistics.figures import Figure, Resampling, plain_figures, share_figure
from rowbatch.core.statistics.patterns import Floats, Patterns, Statistic, Wanted, figures_of, ratio, tally
from rowbatch.words.notice import Notice


@dataclass(frozen=True, slots=True)
class LabelQuality:
    """
    How right the answers are about one label.

    Attributes:
        label: Which.
        gold: Units that have it in gold.
        answers: Units to which the answers give it.
        precision, recall, f1: With their intervals; undefined where they are 0/0.
        kappa: Cohen's, of whether it applies, where a unit may have several labels; else None.
    """

    label: str
    gold: int
    answers: int
    precision: Figure
    recall: Figure
    f1: Figure
    kappa: Figure | None = None

    @property
    def figures(self) -> dict[str, Figure]:
        """What is there, by name."""
        found = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return found if self.kappa is None else {**found, "cohen_kappa": self.kappa}

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"gold": self.gold, "answers": self.answers, **plain_figures(self.figures)}


@dataclass(frozen=True, slots=True)
class _Counted:
    """What the counts of a sample are: a line a sample, a column a label."""

    n: Floats
    hits: Floats
    gold: Floats
    answers: Floats
    without: Floats


class GoldComparison:
    """
    Answers beside gold.

    Args:
        patterns: What was said.
        gold, answers: Which of its coders these are. Units without gold are left out; an answer that is not
            there, or none of the labels, is -1.
        labels: All of them, in order; those of gold are among them.
        is_codebook: Whether they are the codebook's, and not those that were seen.
    """

    def __init__(
        self, patterns: Patterns, gold: int, answers: int, labels: Sequence[str], *, is_codebook: bool
    ) -> None:
        self._patterns = patterns
        self._has_gold = patterns.codes[:, gold] >= 0
        self._gold = patterns.codes[self._has_gold, gold]
        # Without an answer is a value of its own, after the labels.
        said = patterns.codes[self._has_gold, answers]
        self._answers = np.where(said < 0, len(labels), said)
        self._is_hit = self._gold == self._answers
        self._units = patterns.counts[self._has_gold]
        self._labels = tuple(labels)
        self._which = "the codebook's labels" if is_codebook else "the labels seen in gold or in the answers"
        self._last: tuple[Floats, _Counted] | None = None

    @property
    def n(self) -> int:
        """Units with gold."""
        return int(self._units.sum())

    @property
    def without(self) -> int:
        """Units with gold, and without a legal answer."""
        return int(self._units[self._answers == len(self._labels)].sum())

    def _count(self, masses: Floats) -> _Counted:
        # Many statistics ask for the counts of the same samples, one after the other.
        if self._last is not None and self._last[0] is masses:
            return self._last[1]
        size = len(self._labels)
        with_gold = masses[:, self._has_gold]
        answers = tally(with_gold, self._answers, size + 1)
        counted = _Counted(
            with_gold.sum(axis=1),
            tally(with_gold, np.where(self._is_hit, self._gold, -1), size),
            tally(with_gold, self._gold, size),
            answers[:, :size],
            answers[:, size],
        )
        self._last = masses, counted
        return counted

    def wanted(self) -> dict[str, Wanted]:
        """The measures of all labels together, by name."""
        n = self.n
        nothing, constant = Notice("undefined-nothing-counted"), Notice("undefined-constant")
        return {
            "accuracy": self._of_accuracy(),
            "macro_f1": Wanted(self._macro_f1, n, self._macro_words(), nothing),
            "weighted_f1": Wanted(
                self._weighted_f1, n, "mean of F1 over labels, by how many units have each in gold", nothing
            ),
            "balanced_accuracy": Wanted(
                self._balanced, n, "mean of recall over the labels that gold has", nothing
            ),
            "mcc": Wanted(self._matthews, n, "Matthews' correlation (R_K)", constant),
            "cohen_kappa": Wanted(
                self._kappa,
                n,
                "Cohen's kappa beside gold; no answer is a value of its own",
                Notice("undefined-no-variation"),
            ),
        }

    def figures(self, resampling: Resampling) -> dict[str, Figure]:
        """
        The measures of all labels together, with intervals.

        Of numbers, which may be as many values as there are units, only accuracy.
        """
        wanted = self.wanted() if len(self._labels) <= MOST_VALUES else {"accuracy": self._of_accuracy()}
        if self._patterns.is_weighted:
            return figures_of(wanted, self._patterns, resampling)
        accuracy = wanted.pop("accuracy")
        hits = int(self._units[self._is_hit].sum())
        return {"accuracy": share_figure(hits, self.n, resampling, accuracy.what)} | figures_of(
            wanted, self._patterns, resampling
        )

    def _of_accuracy(self) -> Wanted:
        is_hit = self._is_hit.astype(np.float64)

        def accuracy(masses: Floats) -> Floats:
            with_gold = masses[:, self._has_gold]
            return ratio(with_gold @ is_hit, with_gold.sum(axis=1))

        what = "share of units where the answer is gold's; no answer is wrong"
        return Wanted(accuracy, self.n, what, Notice("undefined-nothing-counted"))

    def _f1(self, found: _Counted) -> Floats:
        return ratio(2 * found.hits, found.gold + found.answers)

    def _macro_f1(self, masses: Floats) -> Floats:
        f1 = self._f1(self._count(masses))
        is_there = np.isfinite(f1)
        return ratio(np.where(is_there, f1, 0.0).sum(axis=1), is_there.sum(axis=1).astype(np.float64))

    def _macro_words(self) -> str:
        found = self._count(self._patterns.mass)
        never = int(((found.gold + found.answers)[0] == 0).sum())
        told = f"; {never} of {len(self._labels)} occur nowhere and are left out" if never else ""
        return f"mean of F1 over {self._which}{told}"

    def _weighted_f1(self, masses: Floats) -> Floats:
        found = self._count(masses)
        f1 = self._f1(found)
        return ratio(np.sum(np.where(np.isfinite(f1), f1, 0.0) * found.gold, axis=1), found.n)

    def _balanced(self, masses: Floats) -> Floats:
        found = self._count(masses)
        recall = ratio(found.hits, found.gold)
        is_there = np.isfinite(recall)
        return ratio(np.where(is_there, recall, 0.0).sum(axis=1), is_there.sum(axis=1).astype(np.float64))

    def _kappa(self, masses: Floats) -> Floats:
        found = self._count(masses)
        by_chance = np.sum(found.gold * found.answers, axis=1)
        n2 = found.n * found.n
        return ratio(found.n * found.hits.sum(axis=1) - by_chance, n2 - by_chance, n2)

    def _matthews(self, masses: Floats) -> Floats:
        """Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation coefficient"."""
        found = self._count(masses)
        n2 = found.n * found.n
        of_answers = n2 - np.sum(found.answers**2, axis=1) - found.without**2
        of_gold = n2 - np.sum(found.gold**2, axis=1)
        above = found.n * found.hits.sum(axis=1) - np.sum(found.gold * found.answers, axis=1)
        return ratio(above, np.sqrt(np.maximum(of_answers, 0) * np.maximum(of_gold, 0)), n2)

    def of_labels(self, resampling: Resampling) -> tuple[LabelQuality, ...]:
        """Precision, recall and F1 of each label that occurs."""
        hits, gold, answers = (
            np.bincount(codes, weights=units, minlength=len(self._labels) + 1).astype(int)
            for codes, units in (
                (self._gold, self._units * self._is_hit),
                (self._gold, self._units),
                (self._answers, self._units),
            )
        )
        wanted: dict[str, Wanted] = {}
        for place in range(len(self._labels)):
            wanted |= self._of_label(place, int(gold[place]), int(answers[place]))
        drawn = figures_of(wanted, self._patterns, resampling)
        qualities = []
        for place, label in enumerate(self._labels):
            precision, recall = (
                drawn[f"{name}:{place}"]
                if self._patterns.is_weighted
                else share_figure(int(hits[place]), int(whole[place]), resampling, name)
                for name, whole in (("precision", answers), ("recall", gold))
            )
            qualities.append(
                LabelQuality(
                    label, int(gold[place]), int(answers[place]), precision, recall, drawn[f"f1:{place}"]
                )
            )
        return tuple(qualities)

    def _of_label(self, place: int, gold: int, answers: int) -> dict[str, Wanted]:
        def part(name: str) -> Statistic:
            def statistic(masses: Floats) -> Floats:
                found = self._count(masses)
                hits, of_gold, given = (one[:, place] for one in (found.hits, found.gold, found.answers))
                match name:
                    case "precision":
                        return ratio(hits, given)
                    case "recall":
                        return ratio(hits, of_gold)
                    case _:
                        return ratio(2 * hits, of_gold + given)

            return statistic

        none = Notice("undefined-nothing-counted")
        n = {"f1": self.n}
        if self._patterns.is_weighted:
            n |= {"precision": answers, "recall": gold}
        return {f"{name}:{place}": Wanted(part(name), units, name, none) for name, units in n.items()}

    def confusion(self) -> list[list[int]]:
        """Units by gold's label, then by the answer's, whose last is that there is none."""
        size = len(self._labels)
        table = np.zeros((size, size + 1), dtype=np.int64)
        np.add.at(table, (self._gold, self._answers), self._units)
        return [[int(count) for count in line] for line in table]
