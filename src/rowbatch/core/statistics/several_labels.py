"""
How far coders agree who may give several labels to a unit.

What a coder says of a unit is a set of labels; the empty set, that none applies, is one. Two sets are the
same, or not (exact match), or they share some (Jaccard, MASI). And of each label alone a coder says yes or
no.

Source:
    Jaccard (1912), "The distribution of the flora in the alpine zone"; Passonneau (2006), "Measuring
    agreement on set-valued items (MASI) for semantic and pragmatic annotation"; Krippendorff (2011),
    "Computing Krippendorff's alpha-reliability".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rowbatch.core.statistics import among_coders as among
from rowbatch.core.statistics.against_gold import LabelQuality
from rowbatch.core.statistics.figures import Figure, Resampling, plain_figures, share_figure, undefined
from rowbatch.core.statistics.patterns import Floats, Patterns, Statistic, Wanted, figures_of, ratio
from rowbatch.words.notice import Notice

MOST_SETS = 2_000
"""Of more different sets than these no table of all pairs is made: it would have more than 32 MB."""

Members = npt.NDArray[np.bool_]
"""Which labels each set has: a line a set, a column a label."""


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """
    How far coders agree whether one label applies.

    Attributes:
        label: Which.
        given: How often it was given, by all coders together.
        measures: By name: percent agreement, kappa, alpha.
    """

    label: str
    given: int
    measures: Mapping[str, Figure]

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"given": self.given, "measures": plain_figures(self.measures)}


def jaccard_similarity(first: Members, second: Members) -> Floats:
    """What two sets share of what is in either, of each pair of lines; 1 of two empty ones."""
    both = np.sum(first & second, axis=-1).astype(np.float64)
    either = np.sum(first | second, axis=-1).astype(np.float64)
    found: Floats = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return found


def jaccard_table(members: Members) -> Floats:
    """Of each two sets, what they share."""
    as_numbers = members.astype(np.float64)
    both, sizes = as_numbers @ as_numbers.T, as_numbers.sum(axis=1)
    either = sizes[:, None] + sizes[None, :] - both
    found: Floats = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return found


def masi_table(members: Members) -> Floats:
    """
    MASI of each two sets: Jaccard's coefficient, times 1 for the same, 2/3 where one holds the other, 1/3
    where they overlap.

    The empty set is within every other, and has nothing in common with it: 0.
    """
    as_numbers = members.astype(np.float64)
    both, sizes = as_numbers @ as_numbers.T, as_numbers.sum(axis=1)
    is_within = (both == sizes[:, None]) | (both == sizes[None, :])
    is_same = (both == sizes[:, None]) & (both == sizes[None, :])
    monotone = np.where(is_same, 1.0, np.where(is_within, 2 / 3, 1 / 3))
    found: Floats = jaccard_table(members) * monotone
    return found


def of_one_label(patterns: Patterns, members: Members, label: int) -> Patterns:
    """The same units, of which each coder says whether the label applies: 0 and 1."""
    codes = np.where(patterns.codes >= 0, members[patterns.codes, label].astype(np.int64), -1)
    return Patterns(codes, patterns.counts, 2, None, patterns.weights)


def mean_jaccard(patterns: Patterns, members: Members) -> Statistic:
    """The mean, over units, of what the sets of two coders share."""
    total = np.zeros(len(patterns.counts))
    pairs = np.zeros(len(patterns.counts))
    for one in range(patterns.coders):
        for other in range(one + 1, patterns.coders):
            both = patterns.said[:, one] & patterns.said[:, other]
            first, second = (members[patterns.codes[both, coder]] for coder in (one, other))
            total[both] += jaccard_similarity(first, second)
            pairs[both] += 1
    is_pair = pairs > 0
    each = np.divide(total, pairs, out=np.zeros_like(total), where=is_pair)
    return lambda masses: ratio(masses @ each, masses @ is_pair.astype(np.float64))


def among_sets(patterns: Patterns, members: Members, resampling: Resampling) -> dict[str, Figure]:
    """
    The measures of sets, by name.

    Args:
        patterns: What was said: a value is a set.
        members: Of each set.
        resampling: How intervals are found.
    """
    pairable = patterns.ratings >= 2
    n = patterns.units(pairable)
    words = {
        "exact_match": "share of pairs of answers to a unit that are the same labels",
        "mean_jaccard": "mean of what two answers to a unit share of the labels in either (Jaccard)",
        "masi_alpha": "Krippendorff's alpha, MASI distance",
        "jaccard_alpha": "Krippendorff's alpha, Jaccard distance",
        "nominal_alpha": "Krippendorff's alpha, each set of labels a value of its own",
    }
    if not n:
        return {name: undefined(0, what, Notice("undefined-no-pairs")) for name, what in words.items()}
    why = Notice("undefined-no-variation")
    statistics: dict[str, Statistic] = {
        "exact_match": among.percent_agreement(patterns),
        "mean_jaccard": mean_jaccard(patterns, members),
        "nominal_alpha": among.krippendorff_alpha(patterns, "nominal"),
    }
    if len(members) <= MOST_SETS:
        statistics["masi_alpha"] = among.alpha_by_distance(patterns, 1 - masi_table(members))
        statistics["jaccard_alpha"] = among.alpha_by_distance(patterns, 1 - jaccard_table(members))
    found = figures_of(
        {name: Wanted(statistic, n, words[name], why) for name, statistic in statistics.items()},
        patterns,
        resampling,
    )
    if patterns.coders == 2 and not patterns.is_weighted:
        same = patterns.codes[:, 0] == patterns.codes[:, 1]
        hits = patterns.units(pairable & same)
        found["exact_match"] = share_figure(hits, n, resampling, words["exact_match"])
    many = Notice("undefined-too-many-values", {"values": len(members), "most": MOST_SETS})
    return {name: found.get(name) or undefined(n, what, many) for name, what in words.items()}


def among_labels(
    patterns: Patterns, members: Members, labels: Sequence[str], resampling: Resampling
) -> tuple[LabelAgreement, ...]:
    """How far coders agree on each label, as yes or no."""
    pairable = patterns.ratings >= 2
    n, why = patterns.units(pairable), Notice("undefined-no-variation")
    if not n:
        return ()
    cohen = "Cohen's kappa" if patterns.coders == 2 else "mean of Cohen's kappa over pairs of coders (Light)"
    wanted: dict[str, Wanted] = {}
    for place in range(len(labels)):
        one = of_one_label(patterns, members, place)
        for name, what, statistic in (
            (
                "percent_agreement",
                "share of pairs of answers that are the same",
                among.percent_agreement(one),
            ),
            ("cohen_kappa", cohen, among.light_kappa(one)),
            ("krippendorff_alpha", "Krippendorff's alpha, nominal", among.krippendorff_alpha(one, "nominal")),
        ):
            wanted[f"{name}:{place}"] = Wanted(statistic, n, what, why)
    drawn = figures_of(wanted, patterns, resampling)
    found = []
    for place, label in enumerate(labels):
        given = sum(
            patterns.units(of_one_label(patterns, members, place).codes[:, coder] == 1)
            for coder in range(patterns.coders)
        )
        measures = {
            name: drawn[f"{name}:{place}"]
            for name in ("percent_agreement", "cohen_kappa", "krippendorff_alpha")
        }
        if patterns.coders == 2 and not patterns.is_weighted:
            codes = of_one_label(patterns, members, place).codes
            hits = patterns.units(pairable & (codes[:, 0] == codes[:, 1]))
            measures["percent_agreement"] = share_figure(
                hits, n, resampling, wanted[f"percent_agreement:{place}"].what
            )
        found.append(LabelAgreement(label, given, measures))
    return tuple(found)


class GoldSets:
    """
    Sets of labels beside gold's.

    An answer that is not there, or has a label that is none, is wrong: it is gold's on no unit, and gives no
    label.

    Args:
        patterns: What was said.
        members: Of each set.
        gold, answers: Which of its coders these are. Units without gold are left out.
        labels: All of them, in order.
    """

    def __init__(
        self, patterns: Patterns, members: Members, gold: int, answers: int, labels: Sequence[str]
    ) -> None:
        has_gold, answered = patterns.said[:, gold], patterns.said[:, answers]
        self._patterns, self._labels = patterns, tuple(labels)
        self._has_gold = has_gold.astype(np.float64)
        self._gold: Members = members[patterns.codes[:, gold]] & has_gold[:, None]
        self._said: Members = members[patterns.codes[:, answers]] & (has_gold & answered)[:, None]
        self.hits: npt.NDArray[np.bool_] = has_gold & (patterns.codes[:, gold] == patterns.codes[:, answers])
        self._shared = np.where(has_gold & answered, jaccard_similarity(self._gold, self._said), 0.0)
        self.n = patterns.units(has_gold)
        self.without = patterns.units(has_gold & ~answered)

    def _mean_of(self, each: Floats) -> Statistic:
        return lambda masses: ratio(masses @ each, masses @ self._has_gold)

    def wanted(self) -> dict[str, Wanted]:
        """The measures of all labels together, by name."""
        nothing = Notice("undefined-nothing-counted")
        both, gold, said = (
            part.astype(np.float64) for part in (self._gold & self._said, self._gold, self._said)
        )

        def macro(masses: Floats) -> Floats:
            f1 = ratio(2 * (masses @ both), masses @ gold + masses @ said)
            is_there = np.isfinite(f1)
            total = np.where(is_there, f1, 0.0).sum(axis=1)
            return ratio(total, is_there.sum(axis=1).astype(np.float64))

        all_both, all_either = both.sum(axis=1), gold.sum(axis=1) + said.sum(axis=1)
        what = {
            "accuracy": "share of units where the answer is gold's very labels; no answer is wrong",
            "mean_jaccard": "mean of what answer and gold share of the labels in either; of no answer 0",
            "micro_f1": "F1 of all units and labels together",
            "macro_f1": "mean of F1 over the labels that occur",
        }
        statistics: dict[str, Statistic] = {
            "accuracy": self._mean_of(self.hits.astype(np.float64)),
            "mean_jaccard": self._mean_of(self._shared),
            "micro_f1": lambda masses: ratio(2 * (masses @ all_both), masses @ all_either),
            "macro_f1": macro,
        }
        return {name: Wanted(statistics[name], self.n, words, nothing) for name, words in what.items()}

    def figures(self, resampling: Resampling) -> dict[str, Figure]:
        """The measures of all labels together, with intervals."""
        wanted = self.wanted()
        found = figures_of(wanted, self._patterns, resampling)
        if not self._patterns.is_weighted:
            hits = self._patterns.units(self.hits)
            found["accuracy"] = share_figure(hits, self.n, resampling, wanted["accuracy"].what)
        return found

    def of_labels(self, resampling: Resampling) -> tuple[LabelQuality, ...]:
        """Precision, recall, F1 and kappa of each label, as yes or no."""
        units = self._patterns.counts
        counted = [
            [int(count) for count in units @ part.astype(np.int64)]
            for part in (self._gold & self._said, self._gold, self._said)
        ]
        wanted: dict[str, Wanted] = {}
        for place in range(len(self._labels)):
            wanted |= self._of_label(place, *(part[place] for part in counted[1:]))
        drawn = figures_of(wanted, self._patterns, resampling)
        found = []
        for place, label in enumerate(self._labels):
            both, gold, said = (part[place] for part in counted)
            precision, recall = (
                drawn[f"{name}:{place}"]
                if self._patterns.is_weighted
                else share_figure(both, whole, resampling, name)
                for name, whole in (("precision", said), ("recall", gold))
            )
            found.append(
                LabelQuality(
                    label, gold, said, precision, recall, drawn[f"f1:{place}"], drawn[f"cohen_kappa:{place}"]
                )
            )
        return tuple(found)

    def _of_label(self, place: int, of_gold: int, of_answers: int) -> dict[str, Wanted]:
        none, no_variation = Notice("undefined-nothing-counted"), Notice("undefined-no-variation")
        gold, said = (part[:, place].astype(np.float64) for part in (self._gold, self._said))
        both = gold * said
        # Without an answer the label is not given.
        one = np.stack([np.where(self._has_gold > 0, gold, -1), said], axis=1).astype(np.int64)
        kappa = among.cohen_kappa(Patterns(one, self._patterns.counts, 2, None, self._patterns.weights))
        found = {
            f"f1:{place}": Wanted(
                lambda masses: ratio(2 * (masses @ both), masses @ (gold + said)), self.n, "f1", none
            ),
            f"cohen_kappa:{place}": Wanted(
                kappa, self.n, "Cohen's kappa of yes and no beside gold", no_variation
            ),
        }
        if self._patterns.is_weighted:
            found[f"recall:{place}"] = Wanted(
                lambda masses: ratio(masses @ both, masses @ gold), of_gold, "recall", none
            )
            found[f"precision:{place}"] = Wanted(
                lambda masses: ratio(masses @ both, masses @ said), of_answers, "precision", none
            )
        return found
