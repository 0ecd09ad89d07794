"""What every statistic becomes: a number with its interval, and how both were found."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

from rowbatch.words.notice import Notice

FEW_UNITS = 30
"""With fewer, an interval that is drawn from the data itself is narrower than it says."""


@dataclass(frozen=True, slots=True)
class Figure:
    """
    A statistic.

    Attributes:
        estimate: Its value; None where it is undefined, as `why` says.
        low, high: The ends of its interval; None where there is none.
        n: How many units it is of.
        method: What was computed, and how the interval was.
        why: Why the estimate, or its interval, is not there; else None.
    """

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    why: Notice | None = None

    def __repr__(self) -> str:
        """In one line: figures stand in lists and by name."""
        return f"{self.shown} ({self.shown_interval}), n {self.n:,}"

    @property
    def shown(self) -> str:
        """The estimate as people read it; a dash where it is undefined."""
        return _shown(self.estimate)

    @property
    def shown_interval(self) -> str:
        """The interval as people read it; a dash where there is none."""
        if self.low is None or self.high is None:
            return "\u2013"
        return f"{_shown(self.low)} to {_shown(self.high)}"

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it: `why` is there where something is missing, in words."""
        plain: dict[str, Any] = {
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "method": self.method,
        }
        return plain if self.why is None else {**plain, "why": self.why.told()}


@dataclass(frozen=True, slots=True)
class Resampling:
    """
    How intervals are found.

    Attributes:
        level: How often they shall hold the truth, as in 0.95.
        draws: How many samples are drawn from the data.
        seed: The same one always draws the same.
    """

    level: float = 0.95
    draws: int = 2_000
    seed: int = 1

    @property
    def percent(self) -> str:
        """The level, as it is said."""
        return f"{100 * self.level:.10g} %"


def _shown(value: float | None) -> str:
    if value is None:
        return "\u2013"
    return f"{value:.3f}" if abs(value) < 1_000 else f"{value:,.6g}"


def undefined(n: int, method: str, why: Notice) -> Figure:
    """A statistic without a value."""
    return Figure(None, None, None, n, method, why)


def wilson(share: float, n: float, quantile: float) -> tuple[float, float]:
    """
    The score interval of a share, within 0 and 1.

    Args:
        share: From 0 to 1.
        n: Of how many; not whole where they are weighted.
        quantile: Of the normal distribution or of t.
    Source:
        Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    z2 = quantile * quantile
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = quantile / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # At the ends the formula gives 0 and 1 exactly, floating point does not.
    return (0.0 if share <= 0 else max(0.0, middle - half)), (1.0 if share >= 1 else min(1.0, middle + half))


def blaker(hits: int, n: int, level: float) -> tuple[float, float]:
    """
    The exact interval of a share of rows that were drawn alike: whatever the share is, it holds the truth as
    often as its level says, or more often, and lies within Clopper and Pearson's.

    Args:
        hits, n: So many of so many; n is 1 at least.
        level: As in 0.95.
    Source:
        Blaker (2000), "Confidence curves and improved exact confidence intervals for discrete distributions".
    """
    return _blaker_low(hits, n, 1 - level), 1 - _blaker_low(n - hits, n, 1 - level)


def _blaker_low(hits: int, n: int, outside: float) -> float:
    """
    The lowest share of which so many hits, or what is as far off on either side, is no rarer than `outside`.

    The end of Clopper and Pearson's interval is where so many or more have half of it. As the share rises
    from there, fewer and fewer on the other side are likelier than that: where the next count is not any
    more, both sides together have all of it at least.
    """
    if hits == 0:
        return 0.0

    def or_more(share: float) -> float:
        return beta_share(share, hits, n - hits + 1)

    def at_most(count: int, share: float) -> float:
        return 0.0 if count < 0 else 1 - beta_share(share, count + 1, n - count)

    mean = hits / n
    start = _root(lambda share: or_more(share) - outside / 2, 0.0, mean)
    following = bisect_right(range(hits), outside / 2, key=lambda count: at_most(count, start))
    end = _root(lambda share: or_more(share) - at_most(following, share), start, mean)
    return _root(lambda share: or_more(share) + at_most(following - 1, share) - outside, start, end)


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Up to where a function is below 0 that is so at first; `high` where it stays so."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return low


def share_figure(hits: float, n: int, resampling: Resampling, what: str) -> Figure:
    """A share of units with Wilson's interval; undefined where there is none."""
    method = f"{what}; {resampling.percent} interval: Wilson's score"
    if n == 0:
        return undefined(0, method, Notice("undefined-nothing-counted"))
    low, high = wilson(hits / n, n, normal_quantile(resampling.level))
    return Figure(hits / n, low, high, n, method)


def difference_figure(first: Figure, second: Figure, resampling: Resampling, what: str) -> Figure:
    """
    How much larger a share is than another one, of other units; undefined where one of them is.

    Args:
        first, second: Of `share_figure`, with the same level.
        resampling: Of that level.
        what: It is.
    Source:
        Newcombe (1998), "Interval estimation for the difference between independent proportions", method 10.
    """
    method = f"{what}; {resampling.percent} interval: Newcombe's score, codes taken as independent"
    n = first.n + second.n
    ends = (first.estimate, first.low, first.high, second.estimate, second.low, second.high)
    if None in ends:
        return undefined(n, method, Notice("undefined-nothing-counted"))
    a, a_low, a_high, b, b_low, b_high = (float(one or 0) for one in ends)
    below, above = math.hypot(a - a_low, b_high - b), math.hypot(a_high - a, b - b_low)
    return Figure(a - b, a - b - below, a - b + above, n, method)


def normal_quantile(level: float) -> float:
    """The two-sided quantile of the normal distribution: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + level) / 2)


@lru_cache(maxsize=1024)
def t_quantile(level: float, freedom: float) -> float:
    """
    The two-sided quantile of Student's t: 2.262 for 0.95 and 9 degrees of freedom.

    Found by halving, from the regularized incomplete beta function: exact to 12 digits, and without SciPy.
    """
    low, high = 0.0, 1.0
    while _t_within(high, freedom) < level:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if _t_within(middle, freedom) < level else (low, middle)
    return (low + high) / 2


def t_below(t: float, freedom: float) -> float:
    """How likely Student's t is smaller: the p value of a one-sided test."""
    outside = beta_share(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
    return outside if t < 0 else 1 - outside


def _t_within(t: float, freedom: float) -> float:
    """How likely Student's t lies between -t and t."""
    return 1 - beta_share(freedom / (freedom + t * t), freedom / 2, 0.5)


def beta_share(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, by Lentz's continued fraction (Numerical Recipes, 6.4)."""
    if x <= 0 or x >= 1:
        return max(0.0, min(1.0, x))
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _beta_fraction(1 - x, b, a) / b
    return front * _beta_fraction(x, a, b) / a


def _beta_fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    found = d
    for m in range(1, 1_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + step * d) or tiny)
            c = (1 + step / c) or tiny
            found *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return found


def plain_figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Statistics by name, as JSON has them."""
    return {name: figure.to_plain() for name, figure in figures.items()}
