"""All that can be said of how far coders agree, with each other and with gold: one value for every face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np

from rowbatch.core.document import Block, Shown
from rowbatch.core.statistics import among_coders as among
from rowbatch.core.statistics import of_numbers
from rowbatch.core.statistics.against_gold import GoldComparison, LabelQuality
from rowbatch.core.statistics.alternative_annotator import AltTest
from rowbatch.core.statistics.among_coders import MOST_VALUES, Level, Weighting
from rowbatch.core.statistics.calibration import Calibration
from rowbatch.core.statistics.figures import (
    FEW_UNITS,
    Figure,
    Resampling,
    plain_figures,
    share_figure,
    undefined,
)
from rowbatch.core.statistics.notebook import figures_blocks
from rowbatch.core.statistics.paired import PairedComparison, compare_paired
from rowbatch.core.statistics.patterns import Patterns, Statistic, Wanted, figures_of
from rowbatch.core.statistics.several_labels import LabelAgreement
from rowbatch.words.notice import Notice

Cells = Literal["label", "labels", "quotes"]
"""What a cell holds: one label or number, several labels, or quotes of a text."""

_WEIGHTED: tuple[Weighting, ...] = ("linear", "quadratic")


@dataclass(frozen=True, slots=True)
class Coding:
    """
    What coders said, ready to be compared.

    Attributes:
        coders: Their names.
        gold: The name of gold, which is right; or None.
        patterns: A column for each coder, in order, and a last one for gold, unless it is one of the coders.
        labels: What the values are called, in order.
        level: What their order means.
        is_codebook: Whether the labels are all that there are, and not only those that occur.
        rows: Of the table.
        notes: What a person should know of how the cells were read.
    """

    coders: tuple[str, ...]
    gold: str | None
    patterns: Patterns
    labels: tuple[str, ...]
    level: Level
    is_codebook: bool
    rows: int
    notes: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """
    How far two coders agree.

    Attributes:
        coders: Their names; `bias` is how much the second is higher.
        measures: By name.
    """

    coders: tuple[str, str]
    measures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class GoldAgreement:
    """
    How right one coder is.

    Attributes:
        coder: Name.
        without: Units with gold and without a legal answer: they are wrong.
        measures: By name.
        labels: Of each label.
        confusion: Units by gold's label, then by the answer, in the order of the labels; the last is none.
    """

    coder: str
    without: int
    measures: Mapping[str, Figure]
    labels: tuple[LabelQuality, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, repr=False)
class CoderAgreement(Shown):
    """
    How far coders agree, with each other and with gold.

    Attributes:
        coders, gold: Names.
        scale: What the order of values means.
        labels: All values, in order.
        n: Units that at least two of them coded; with gold and one coder, units with gold.
        rows: Of the table.
        measures: By name; of several coders beside gold those of gold are means over coders.
        pairs: Of more than two coders, each two.
        against_gold: Each coder beside gold.
        comparisons: Each two of them beside gold, which is the better one.
        resampling: How intervals were found.
        notes: What a person should know.
        cells: What a cell holds.
        of_labels: Of several labels in a cell, how far coders agree on each.
        alt_test: Whether a model may replace a coder, where that was asked.
        calibration: How far confidences say what is right, where that was asked.
    """

    coders: tuple[str, ...]
    gold: str | None
    scale: Level
    labels: tuple[str, ...]
    n: int
    rows: int
    measures: Mapping[str, Figure]
    pairs: tuple[PairAgreement, ...]
    against_gold: tuple[GoldAgreement, ...]
    comparisons: tuple[PairedComparison, ...]
    resampling: Resampling
    notes: tuple[Notice, ...]
    cells: Cells = "label"
    of_labels: tuple[LabelAgreement, ...] = ()
    alt_test: AltTest | None = None
    calibration: Calibration | None = None

    @property
    def figures(self) -> dict[str, Figure]:
        """All measures that are of no single pair, coder or label."""
        found = dict(self.measures)
        if self.calibration is not None:
            found |= {f"calibration: {name}": one for name, one in self.calibration.measures.items()}
        if self.alt_test is not None:
            found["alternative annotator test: advantage"] = self.alt_test.advantage
        return found

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "n": self.n,
            "rows": self.rows,
            "coders": list(self.coders),
            "gold": self.gold,
            "cells": self.cells,
            "level": self.scale,
            "labels": list(self.labels),
            "confidence": self.resampling.level,
            "draws": self.resampling.draws,
            "seed": self.resampling.seed,
            "measures": plain_figures(self.measures),
            "pairs": [
                {"coders": list(pair.coders), "measures": plain_figures(pair.measures)} for pair in self.pairs
            ],
            "against_gold": [
                {
                    "coder": one.coder,
                    "without": one.without,
                    "measures": plain_figures(one.measures),
                    "labels": {quality.label: quality.to_plain() for quality in one.labels},
                    "confusion": {
                        label: dict(zip((*self.labels, "(none)"), line, strict=True))
                        for label, line in zip(
                            self.labels if one.confusion else (), one.confusion, strict=True
                        )
                    },
                }
                for one in self.against_gold
            ],
            "comparisons": [one.to_plain() for one in self.comparisons],
            "of_labels": {one.label: one.to_plain() for one in self.of_labels},
            "alt_test": None if self.alt_test is None else self.alt_test.to_plain(),
            "calibration": None if self.calibration is None else self.calibration.to_plain(),
            "notes": [note.told() for note in self.notes],
        }

    def as_blocks(self) -> Iterator[Block]:
        """A table of all measures."""
        return figures_blocks(self.figures, self.resampling, self.notes)


def agree(coding: Coding, resampling: Resampling) -> CoderAgreement:
    """
    Compute every measure that fits what was coded.

    Args:
        coding: What was said, by two coders at least, gold among them.
        resampling: How intervals are found.
    """
    names, gold, judged, compared = placed(coding)
    patterns = coding.patterns.of_coders(*compared)
    if gold is not None and gold in compared:
        # Of one coder: rows that nobody coded say nothing of how often chance makes both say the same.
        patterns = patterns.where(patterns.codes[:, compared.index(gold)] >= 0)
    measures = _measures(patterns, coding.level, resampling)
    beside = [] if gold is None else [_beside_gold(coding, gold, place, resampling) for place in judged]
    if len(beside) == 1:
        measures |= beside[0].measures
    elif gold is not None and beside:
        measures |= _mean_beside_gold(coding, gold, judged, resampling)
    pairs = []
    if len(compared) > 2:
        for one, other in combinations(range(len(compared)), 2):
            figures = _measures(patterns.of_coders(one, other), coding.level, resampling)
            pairs.append(PairAgreement((names[compared[one]], names[compared[other]]), figures))
    n = patterns.units(patterns.ratings >= 2)
    if len(beside) == 1:
        n = beside[0].measures["accuracy"].n
    return CoderAgreement(
        coders=coding.coders,
        gold=coding.gold,
        scale=coding.level,
        labels=coding.labels,
        n=n,
        rows=coding.rows,
        measures=measures,
        pairs=tuple(pairs),
        against_gold=tuple(beside),
        comparisons=() if gold is None else _compared(coding, gold, judged, resampling),
        resampling=resampling,
        notes=(*coding.notes, *few_units(n)),
    )


def placed(coding: Coding) -> tuple[list[str], int | None, list[int], list[int]]:
    """
    Names of all, where gold is, who is judged by it, and who is compared with each other.

    Of one coder, gold is the other.
    """
    names = [*coding.coders, *([coding.gold] if coding.gold and coding.gold not in coding.coders else [])]
    gold = names.index(coding.gold) if coding.gold is not None else None
    judged = [place for place in range(len(coding.coders)) if place != gold]
    if gold is not None and len(judged) == 1:
        return names, gold, judged, [gold, judged[0]]
    return names, gold, judged, list(range(len(coding.coders)))


def few_units(n: int) -> tuple[Notice, ...]:
    """What is to be told of a number of units; nothing where they are enough."""
    return (Notice("agree-few-units", {"n": n, "least": FEW_UNITS}),) if n < FEW_UNITS else ()


def _measures(patterns: Patterns, level: Level, resampling: Resampling) -> dict[str, Figure]:
    """Of two coders or more, without gold."""
    pairable = patterns.ratings >= 2
    n = patterns.units(pairable)
    no_pairs, no_variation = Notice("undefined-no-pairs"), Notice("undefined-no-variation")
    why = no_variation if n else no_pairs
    names = _words_of(level, patterns)
    if not n:
        return {name: undefined(0, what, no_pairs) for name, (what, _) in names.items()}
    is_too_large = patterns.size > MOST_VALUES
    wanted, found = {}, {}
    for name, (what, statistic) in names.items():
        if is_too_large and name not in _ANY_SIZE | (
            {"krippendorff_alpha"} if level == "interval" else set()
        ):
            found[name] = undefined(
                n, what, Notice("undefined-too-many-values", {"values": patterns.size, "most": MOST_VALUES})
            )
            continue
        reason = why
        if name.startswith("gwet") and patterns.size < 2:
            reason = Notice("undefined-one-label")
        wanted[name] = Wanted(statistic(), n, what, reason)
    if level in ("interval", "ratio"):
        complete = patterns.where(patterns.ratings == patterns.coders)
        figures = _of_numbers(complete, resampling)
    elif level == "ordinal" and patterns.coders == 2:
        complete = patterns.where(pairable)
        figures = {"spearman": of_numbers.spearman(_with_steps(complete), resampling)}
    else:
        figures = {}
    drawn = figures_of(wanted, patterns, resampling)
    if patterns.coders == 2 and not patterns.is_weighted:
        what = names["percent_agreement"][0]
        same = patterns.codes[:, 0] == patterns.codes[:, 1]
        drawn["percent_agreement"] = share_figure(patterns.units(pairable & same), n, resampling, what)
    ordered = {name: (drawn | found)[name] for name in names}
    return ordered | figures


_ANY_SIZE = {"percent_agreement"}


def _words_of(level: Level, patterns: Patterns) -> dict[str, tuple[str, Any]]:
    """The measures of values, by name: what each is, and what makes its statistic."""
    is_pair = patterns.coders == 2
    cohen = "Cohen's kappa" if is_pair else "mean of Cohen's kappa over pairs of coders (Light)"
    found: dict[str, tuple[str, Any]] = {
        "percent_agreement": (
            "share of pairs of ratings of a unit that are the same",
            lambda: among.percent_agreement(patterns),
        ),
        "krippendorff_alpha": (
            f"Krippendorff's alpha, {level}",
            lambda: among.krippendorff_alpha(patterns, level),
        ),
        "cohen_kappa": (cohen, lambda: among.light_kappa(patterns)),
    }
    if level != "nominal":
        by = "order of the labels" if patterns.numbers is None else "value"
        for weighting in _WEIGHTED:
            found[f"cohen_kappa_{weighting}"] = (
                f"{cohen}, {weighting} weights by {by}",
                _kappa(patterns, weighting),
            )
        found["gwet_ac2"] = (
            f"Gwet's AC2, quadratic weights by {by}, {patterns.size} labels",
            lambda: among.gwet(patterns, "quadratic"),
        )
    return found | {
        "fleiss_kappa": ("Fleiss' kappa", lambda: among.fleiss_kappa(patterns)),
        "gwet_ac1": (f"Gwet's AC1, {patterns.size} labels", lambda: among.gwet(patterns)),
        "brennan_prediger": (
            f"Brennan and Prediger's kappa, {patterns.size} labels",
            lambda: among.brennan_prediger(patterns),
        ),
    }


def _kappa(patterns: Patterns, weighting: Weighting) -> Any:
    return lambda: among.light_kappa(patterns, weighting)


def _with_steps(patterns: Patterns) -> Patterns:
    """The same, whose values are worth their places."""
    return replace(patterns, numbers=np.arange(patterns.size, dtype=np.float64))


def _of_numbers(complete: Patterns, resampling: Resampling) -> dict[str, Figure]:
    n = int(complete.counts.sum())
    constant = Notice("undefined-constant")
    wanted = {
        _icc_name(form): Wanted(
            _statistic_or_none(_of_form(form), complete), n, f"ICC({form}), {what}", constant
        )
        for form, what in of_numbers.FORMS.items()
    }
    if complete.coders == 2:
        wanted |= {
            "mean_absolute_error": Wanted(
                of_numbers.mean_absolute_error(complete), n, "mean of how far both are apart", constant
            ),
            "bias": Wanted(of_numbers.bias(complete), n, "mean of the second less the first", constant),
            "root_mean_square_error": Wanted(
                of_numbers.root_mean_square_error(complete),
                n,
                "root of the mean square of how far both are apart",
                constant,
            ),
            "concordance": Wanted(
                _statistic_or_none(of_numbers.concordance, complete), n, "Lin's concordance", constant
            ),
            "pearson": Wanted(_statistic_or_none(of_numbers.pearson, complete), n, "Pearson's r", constant),
        }
    if not n:
        none = Notice("undefined-no-pairs")
        return {name: undefined(0, one.what, none) for name, one in wanted.items()}
    found = figures_of(wanted, complete, resampling)
    if complete.coders == 2:
        found["spearman"] = of_numbers.spearman(complete, resampling)
    return found


def _icc_name(form: of_numbers.Form) -> str:
    """`icc` is the one that is meant where nothing is said: absolute agreement of single, random raters."""
    return "icc" if form == "2,1" else f"icc_{form.replace(',', '_')}"


def _of_form(form: of_numbers.Form) -> Any:
    return lambda patterns: of_numbers.intraclass(patterns, form)


def _statistic_or_none(make: Any, complete: Patterns) -> Statistic:
    statistic: Statistic = make(complete) if len(complete.counts) else _nothing
    return statistic


def _nothing(masses: Any) -> Any:
    return np.full(len(masses), np.nan)


def _beside_gold(coding: Coding, gold: int, place: int, resampling: Resampling) -> GoldAgreement:
    found = _comparison(coding, gold, place)
    measures = found.figures(resampling)
    if found.n and coding.level != "nominal":
        # Of numbers and steps those that both have count; the plain kappa is of all.
        both = coding.patterns.of_coders(gold, place)
        more = _measures(both, coding.level, resampling)
        measures |= {name: figure for name, figure in more.items() if name in _OF_ORDER}
    return GoldAgreement(
        coder=coding.coders[place],
        without=found.without,
        measures=measures,
        labels=found.of_labels(resampling) if len(coding.labels) <= MOST_VALUES else (),
        confusion=tuple(tuple(line) for line in found.confusion())
        if len(coding.labels) <= MOST_VALUES
        else (),
    )


_OF_ORDER = {
    "cohen_kappa_linear",
    "cohen_kappa_quadratic",
    "mean_absolute_error",
    "bias",
    "pearson",
    "spearman",
    "root_mean_square_error",
    "concordance",
    *(_icc_name(form) for form in of_numbers.FORMS),
}


def _compared(
    coding: Coding, gold: int, judged: Sequence[int], resampling: Resampling
) -> tuple[PairedComparison, ...]:
    """Each two coders beside gold."""
    if len(coding.labels) > MOST_VALUES:
        return ()
    codes, counts = coding.patterns.codes, coding.patterns.counts
    found = []
    for one, other in combinations(judged, 2):
        right = [(codes[:, place] == codes[:, gold]) & (codes[:, gold] >= 0) for place in (one, other)]
        hits = (int(counts[right[0] & ~right[1]].sum()), int(counts[right[1] & ~right[0]].sum()))
        sides = (_comparison(coding, gold, one).wanted(), _comparison(coding, gold, other).wanted())
        names = (coding.coders[one], coding.coders[other])
        found.append(compare_paired(names, sides, hits, coding.patterns, resampling))
    return tuple(found)


def _comparison(coding: Coding, gold: int, place: int) -> GoldComparison:
    return GoldComparison(coding.patterns, gold, place, coding.labels, is_codebook=coding.is_codebook)


def _mean_beside_gold(
    coding: Coding, gold: int, judged: Sequence[int], resampling: Resampling
) -> dict[str, Figure]:
    """Means over coders of how right they are; kappa is that between coders, and stays so."""
    each = [_comparison(coding, gold, place).wanted() for place in judged]
    wanted = {}
    for name, first in each[0].items():
        if name == "cohen_kappa":
            continue
        parts = [one[name].statistic for one in each]
        wanted[name] = Wanted(
            _mean_of(parts), first.n, f"mean over {len(each)} coders: {first.what}", first.why
        )
    return figures_of(wanted, coding.patterns, resampling)


def _mean_of(parts: Sequence[Statistic]) -> Statistic:
    return lambda masses: np.mean([part(masses) for part in parts], axis=0)
