"""How far two coders', or a model's and people's, numbers are the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np

from rowbatch.core.statistics.figures import FEW_UNITS, Figure, Resampling, normal_quantile, undefined
from rowbatch.core.statistics.patterns import Floats, Patterns, Statistic, ratio, tally
from rowbatch.words.notice import Notice


def _values(patterns: Patterns) -> Floats:
    assert patterns.numbers is not None
    return patterns.numbers[patterns.codes]


def mean_absolute_error(pair: Patterns) -> Statistic:
    """How far the second lies from the first, in the mean."""
    off = np.abs(np.diff(_values(pair), axis=1)[:, 0])
    return lambda masses: ratio(masses @ off, masses.sum(axis=1))


def bias(pair: Patterns) -> Statistic:
    """By how much the second is higher than the first, in the mean."""
    off = np.diff(_values(pair), axis=1)[:, 0]
    return lambda masses: ratio(masses @ off, masses.sum(axis=1))


def pearson(pair: Patterns) -> Statistic:
    """
    The correlation of both.

    Source:
        Pearson (1896), "Regression, heredity, and panmixia".
    """
    values = _values(pair)
    centred = values - values.mean(axis=0)
    largest = np.abs(centred).max(axis=0, initial=0.0)
    x, y = (centred / np.where(largest == 0, 1.0, largest)).T

    def statistic(masses: Floats) -> Floats:
        n = masses.sum(axis=1)
        x1, y1, xx, yy = masses @ x, masses @ y, masses @ (x * x), masses @ (y * y)
        of_x, of_y = n * xx - x1 * x1, n * yy - y1 * y1
        is_flat = (of_x <= 1e-12 * n * xx) | (of_y <= 1e-12 * n * yy)
        below = np.sqrt(np.where(is_flat, 1.0, of_x * of_y))
        return np.where(is_flat, np.nan, np.clip((n * (masses @ (x * y)) - x1 * y1) / below, -1, 1))

    return statistic


def spearman(pair: Patterns, resampling: Resampling) -> Figure:
    """
    The correlation of ranks; equal values share the mean of theirs.

    Source:
        Spearman (1904); interval: Bonett and Wright (2000), "Sample size requirements for estimating Pearson,
        Kendall and Spearman correlations".
    """
    n = int(pair.counts.sum())
    method = "Spearman's rho"
    ranks = []
    for coder in range(2):
        counts = tally(pair.mass, pair.codes[:, coder], pair.size)[0]
        ranks.append((np.cumsum(counts) - counts / 2)[pair.codes[:, coder]])
    both = Patterns(
        np.stack([np.arange(len(pair.counts)), np.arange(len(pair.counts)) + len(pair.counts)], axis=1),
        pair.counts,
        2 * len(pair.counts),
        np.concatenate(ranks),
        pair.weights,
    )
    rho = float(pearson(both)(both.mass)[0])
    if not math.isfinite(rho):
        return undefined(n, method, Notice("undefined-constant"))
    # How many units that count alike would say as much (Kish).
    alike = float(pair.mass.sum() ** 2 / (pair.mass @ pair.weights).sum()) if pair.is_weighted else float(n)
    if alike < 4 or abs(rho) == 1:
        return Figure(rho, None, None, n, method, Notice("interval-too-few", {"n": n, "least": FEW_UNITS}))
    half = normal_quantile(resampling.level) * math.sqrt((1 + rho * rho / 2) / (alike - 3))
    low, high = (math.tanh(math.atanh(rho) + side * half) for side in (-1, 1))
    return Figure(rho, low, high, n, f"{method}; {resampling.percent} interval: Bonett and Wright's")


Form = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
FORMS: Mapping[Form, str] = {
    "1,1": "one-way random effects, a single rater",
    "2,1": "two-way random effects, absolute agreement, a single rater",
    "3,1": "two-way mixed effects, consistency, a single rater",
    "1,k": "one-way random effects, the mean of all raters",
    "2,k": "two-way random effects, absolute agreement, the mean of all raters",
    "3,k": "two-way mixed effects, consistency, the mean of all raters",
}


def intraclass(patterns: Patterns, form: Form = "2,1") -> Statistic:
    """
    Intraclass correlation: how far numbers of the coders are the same, over units that all coders coded.

    Source:
        Shrout and Fleiss (1979), "Intraclass correlations: uses in assessing rater reliability".
    """
    values = _values(patterns)
    values = values - values.mean()
    k = patterns.coders
    sums, squares = values.sum(axis=1), (values * values).sum(axis=1)

    def statistic(masses: Floats) -> Floats:
        n = masses.sum(axis=1)
        grand = (masses @ sums) ** 2 / (n * k)
        total = masses @ squares - grand
        rows = (masses @ (sums * sums)) / k - grand
        columns = np.sum((masses @ values) ** 2, axis=1) / n - grand
        with np.errstate(divide="ignore", invalid="ignore"):
            between, of_columns = rows / (n - 1), columns / (k - 1)
            within = (total - rows) / (n * (k - 1))
            error = (total - rows - columns) / ((n - 1) * (k - 1))
            match form:
                case "1,1":
                    above, below = between - within, between + (k - 1) * within
                case "2,1":
                    above = between - error
                    below = between + (k - 1) * error + k * (of_columns - error) / n
                case "3,1":
                    above, below = between - error, between + (k - 1) * error
                case "1,k":
                    above, below = between - within, between
                case "2,k":
                    above, below = between - error, between + (of_columns - error) / n
                case _:
                    above, below = between - error, between
            found: Floats = np.where(n > 1, ratio(above, below, total), np.nan)
        return found

    return statistic


def concordance(pair: Patterns) -> Statistic:
    """
    Lin's concordance correlation: how near both numbers lie to being equal.

    Source:
        Lin (1989), "A concordance correlation coefficient to evaluate reproducibility"; with variances by n,
        as in Lin (2000), "A note on the concordance correlation coefficient".
    """
    values = _values(pair)
    x, y = (values - values.mean()).T

    def statistic(masses: Floats) -> Floats:
        n = masses.sum(axis=1)
        x1, y1 = masses @ x / n, masses @ y / n
        xx, yy, xy = masses @ (x * x) / n, masses @ (y * y) / n, masses @ (x * y) / n
        below = xx - x1 * x1 + yy - y1 * y1 + (x1 - y1) ** 2
        return ratio(2 * (xy - x1 * y1), below, xx + yy)

    return statistic


def root_mean_square_error(pair: Patterns) -> Statistic:
    """The root of the mean square of how far the second lies from the first."""
    squares = np.diff(_values(pair), axis=1)[:, 0] ** 2
    return lambda masses: np.sqrt(ratio(masses @ squares, masses.sum(axis=1)))
