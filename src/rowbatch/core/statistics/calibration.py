"""
How far confidences say how often an answer is right.

Source:
    Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks" (expected calibration
    error); Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve"; Brier (1950), "Verification of forecasts expressed in terms of probability".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rowbatch.core.document import Shown
from rowbatch.core.statistics.figures import Figure, Resampling, plain_figures, share_figure
from rowbatch.core.statistics.patterns import Floats, Patterns, Statistic, Wanted, figures_of, ratio
from rowbatch.words.notice import Notice

BINS = 10


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """
    Answers of similar confidence.

    Attributes:
        low, high: Above which confidence, and up to which one; the first has 0, too.
        n: Answers.
        confidence: Their mean; None where there is none.
        accuracy: The share that is right.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: Figure

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "above": self.low,
            "up_to": self.high,
            "n": self.n,
            "confidence": self.confidence,
            "accuracy": self.accuracy.to_plain(),
        }


@dataclass(frozen=True, slots=True, repr=False)
class Calibration(Shown):
    """
    Confidences beside what is right.

    Attributes:
        column: With the confidences.
        coder: Whose.
        n: Answers with gold and a confidence.
        without: Units with gold that have no confidence; they have no part.
        measures: By name.
        bins: Ten, from 0 to 1.
    """

    column: str
    coder: str
    n: int
    without: int
    measures: Mapping[str, Figure]
    bins: tuple[ConfidenceBin, ...]

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "column": self.column,
            "coder": self.coder,
            "n": self.n,
            "without": self.without,
            "measures": plain_figures(self.measures),
            "bins": [one.to_plain() for one in self.bins],
        }


def calibrate(
    names: tuple[str, str], confidences: Floats, is_right: Floats, patterns: Patterns, resampling: Resampling
) -> Calibration:
    """
    Hold confidences against what is right.

    Args:
        names: Of the column, and of whose they are.
        confidences: From 0 to 1, a pattern each; nan where there is none, or no gold.
        is_right: 1 for each pattern that is right.
        patterns: How often each comes.
        resampling: How intervals are found.
    """
    is_there = np.isfinite(confidences)
    units = patterns.where(is_there)
    sure, right = confidences[is_there], is_right[is_there]
    n = int(units.counts.sum())
    place = np.clip(np.ceil(sure * BINS - 1e-9).astype(np.int64) - 1, 0, BINS - 1)
    in_bin = np.zeros((len(sure), BINS))
    in_bin[np.arange(len(sure)), place] = 1
    none = Notice("undefined-nothing-counted")
    wanted = {
        "mean_confidence": Wanted(_mean(sure), n, "mean of the confidences", none),
        "accuracy": Wanted(_mean(right), n, "share of these answers that is right", none),
        "expected_calibration_error": Wanted(
            _ece(sure - right, in_bin),
            n,
            f"how far confidence and accuracy are apart, mean over {BINS} bins; above 0 by chance alone",
            none,
        ),
        "auroc": Wanted(
            _auroc(sure, right),
            n,
            "how likely a right answer has a higher confidence than a wrong one",
            Notice("undefined-all-right-or-wrong"),
        ),
        "brier_score": Wanted(
            _mean((sure - right) ** 2), n, "mean square of what confidence and being right are apart", none
        ),
    }
    bins = []
    for at in range(BINS):
        inside = place == at
        count = units.units(inside)
        mass = units.mass[0] * inside
        total = float(mass.sum())
        what = "share that is right"
        if units.is_weighted:
            mean = {"accuracy": Wanted(_mean(right[inside]), count, what, none)}
            accuracy = figures_of(mean, units.where(inside), resampling)["accuracy"]
        else:
            accuracy = share_figure(float(mass @ right), count, resampling, what)
        mean_sure = float(mass @ sure) / total if count else None
        bins.append(ConfidenceBin(at / BINS, (at + 1) / BINS, count, mean_sure, accuracy))
    without = int(patterns.counts.sum()) - n
    return Calibration(*names, n, without, figures_of(wanted, units, resampling), tuple(bins))


def _mean(values: Floats) -> Statistic:
    return lambda masses: ratio(masses @ values, masses.sum(axis=1))


def _ece(off: Floats, in_bin: Floats) -> Statistic:
    of_bins = in_bin * off[:, None]
    return lambda masses: ratio(np.abs(masses @ of_bins).sum(axis=1), masses.sum(axis=1))


def _auroc(sure: Floats, right: Floats) -> Statistic:
    """Of each two answers, one right and one wrong; equal confidences count half."""
    order = np.argsort(sure, kind="stable")
    starts = np.flatnonzero(np.diff(sure[order], prepend=-1.0))
    rights_of, wrongs_of = right[order], 1 - right[order]

    def statistic(masses: Floats) -> Floats:
        if not len(starts):
            return np.full(len(masses), np.nan)
        ordered = masses[:, order]
        rights = np.add.reduceat(ordered * rights_of, starts, axis=1)
        wrongs = np.add.reduceat(ordered * wrongs_of, starts, axis=1)
        below = np.cumsum(wrongs, axis=1) - wrongs / 2
        both = rights.sum(axis=1) * wrongs.sum(axis=1)
        return ratio(np.sum(rights * below, axis=1), both, masses.sum(axis=1) ** 2)

    return statistic
