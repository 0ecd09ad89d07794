"""How far two coders', or a model's and people's, numbers are the same."""

from __future__ import annotations

import math

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
    if n < 4 or abs(rho) == 1:
        return Figure(rho, None, None, n, method, Notice("interval-too-few", {"n": n, "least": FEW_UNITS}))
    half = normal_quantile(resampling.level) * math.sqrt((1 + rho * rho / 2) / (n - 3))
    low, high = (math.tanh(math.atanh(rho) + side * half) for side in (-1, 1))
    return Figure(rho, low, high, n, f"{method}; {resampling.percent} interval: Bonett and Wright's")


def intraclass(patterns: Patterns) -> Statistic:
    """
    ICC(2,1): how far single numbers of any coder are the same, over units that all coders coded.

    Source:
        Shrout and Fleiss (1979), "Intraclass correlations: uses in assessing rater reliability"; two-way
        random effects, absolute agreement, a single rater.
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
            of_rows, of_columns = rows / (n - 1), columns / (k - 1)
            error = (total - rows - columns) / ((n - 1) * (k - 1))
            below = of_rows + (k - 1) * error + k * (of_columns - error) / n
            found: Floats = np.where(n > 1, ratio(of_rows - error, below, total), np.nan)
        return found

    return statistic
