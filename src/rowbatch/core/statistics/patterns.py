"""
What coders said of units, counted; and how a statistic of the counts gets its interval.

Two units of which every coder said the same are one pattern. A sample of the units, drawn with replacement,
is a
multinomial draw of how often each pattern comes: so 2,000 samples of a million rows are 2,000 draws of a few
counts. A statistic is a function of such counts, a sample a line, and all samples are computed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rowbatch.core.statistics.figures import Figure, Resampling, t_quantile, undefined
from rowbatch.words.notice import Notice

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

Statistic = Callable[[Floats], Floats]
"""
Of how often each pattern comes, a sample a line, the statistic of each sample; nan where it is undefined.
"""

# Numbers at a time: 32 MB.
_AT_ONCE = 4_000_000
# Beyond this, drawing takes longer than a person waits, and so many units have smooth statistics.
_MOST_DRAWN = 40_000_000
_GROUPS = 200
# An interval made of fewer draws than this share of them would be one of the easy samples.
_LEAST_DEFINED = 0.9


@dataclass(frozen=True)
class Patterns:
    """
    Units by what their coders said.

    Attributes:
        codes: A line a pattern, a column a coder: which of `values` was said, -1 where nothing was.
        counts: How many units have each pattern.
        size: How many values there are.
        numbers: What each value is worth, where they are numbers or steps; else None.
        weights: What a unit of each pattern counts, 1 in the mean; all 1 in a simple random sample.
    """

    codes: Codes
    counts: Codes
    size: int
    numbers: Floats | None = None
    weights: Floats = field(default_factory=lambda: np.ones(1))

    @cached_property
    def said(self) -> npt.NDArray[np.bool_]:
        """Which coder said something."""
        return np.greater_equal(self.codes, 0)

    @cached_property
    def ratings(self) -> Floats:
        """How many coders said something, a pattern each."""
        ratings: Floats = self.said.sum(axis=1).astype(np.float64)
        return ratings

    @cached_property
    def mass(self) -> Floats:
        """What the units of each pattern count: one line."""
        mass: Floats = (self.counts * self.weights)[None, :]
        return mass

    @property
    def is_weighted(self) -> bool:
        """Whether units count differently."""
        return self.weights.size > 1

    @property
    def coders(self) -> int:
        return int(self.codes.shape[1])

    def units(self, chosen: npt.NDArray[np.bool_]) -> int:
        """How many units have one of the chosen patterns."""
        return int(self.counts[chosen].sum())

    def of_coders(self, *coders: int) -> Patterns:
        """The same units, with only these coders."""
        return Patterns(self.codes[:, list(coders)], self.counts, self.size, self.numbers, self.weights)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Patterns:
        """Only the units of the chosen patterns."""
        weights = self.weights[chosen] if self.is_weighted else self.weights
        return Patterns(self.codes[chosen], self.counts[chosen], self.size, self.numbers, weights)

    def samples(self, resampling: Resampling) -> Iterator[Floats]:
        """
        Samples of as many units, drawn with replacement, as what each pattern counts.

        Yields:
            Some samples at a time, a line each.
        """
        draw = np.random.default_rng(resampling.seed)
        units = int(self.counts.sum())
        shares = self.counts / units
        left = resampling.draws
        at_once = max(1, _AT_ONCE // len(self.counts))
        while left > 0:
            yield draw.multinomial(units, shares, size=min(at_once, left)) * self.weights
            left -= at_once

    def without_groups(self, resampling: Resampling) -> Iterator[Floats]:
        """
        All units but those of one of 200 random groups, for each group.

        Yields:
            What each pattern counts: one line.
        """
        draw = np.random.default_rng(resampling.seed)
        groups = draw.permutation(int(self.counts.sum())) % _GROUPS
        pattern = np.repeat(np.arange(len(self.counts)), self.counts)
        for group in range(_GROUPS):
            gone = np.bincount(pattern[groups == group], minlength=len(self.counts))
            yield ((self.counts - gone) * self.weights)[None, :]


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    A statistic that gets its interval from samples.

    Attributes:
        statistic: Of the patterns.
        n: How many units it is of.
        what: What is computed.
        why: Why it is undefined, where it is.
    """

    statistic: Statistic
    n: int
    what: str
    why: Notice


def figures_of(wanted: Mapping[str, Wanted], patterns: Patterns, resampling: Resampling) -> dict[str, Figure]:
    """
    Each statistic with its interval.

    All are computed of the same samples. Where there are so many patterns that drawing would take minutes,
    the interval is that of the jackknife over random groups of units.
    """
    estimates = {name: float(one.statistic(patterns.mass)[0]) for name, one in wanted.items()}
    defined = {name: one for name, one in wanted.items() if np.isfinite(estimates[name])}
    is_drawn = len(patterns.counts) * resampling.draws <= _MOST_DRAWN
    source = patterns.samples(resampling) if is_drawn else patterns.without_groups(resampling)
    parts: dict[str, list[Floats]] = {name: [] for name in defined}
    for masses in source if defined else ():
        for name, one in defined.items():
            parts[name].append(one.statistic(masses))
    found = {}
    for name, one in wanted.items():
        method = f"{one.what}; {resampling.percent} interval: "
        method += (
            f"percentiles of {resampling.draws:,} draws of units, seed {resampling.seed}"
            if is_drawn
            else f"jackknife over {_GROUPS} random groups of units, seed {resampling.seed}"
        )
        if name not in defined:
            found[name] = undefined(one.n, one.what, one.why)
            continue
        values = np.concatenate(parts[name])
        interval = _percentiles if is_drawn else _jackknife
        ends = interval(values[np.isfinite(values)], estimates[name], len(values), resampling)
        if isinstance(ends, Notice):
            found[name] = Figure(estimates[name], None, None, one.n, one.what, ends)
        else:
            found[name] = Figure(estimates[name], *ends, one.n, method)
    return found


def _percentiles(
    values: Floats, _: float, draws: int, resampling: Resampling
) -> tuple[float, float] | Notice:
    if len(values) < _LEAST_DEFINED * draws:
        return Notice("interval-often-undefined", {"draws": draws, "undefined": draws - len(values)})
    low, high = np.quantile(values, [(1 - resampling.level) / 2, (1 + resampling.level) / 2])
    # Rounding makes numbers of equal samples differ in their last digit.
    if high - low <= 1e-12:
        return Notice("interval-without-width")
    return float(low), float(high)


def _jackknife(
    values: Floats, estimate: float, groups: int, resampling: Resampling
) -> tuple[float, float] | Notice:
    """The delete-a-group jackknife: Kott (2001), "The delete-a-group jackknife"."""
    if len(values) < groups:
        return Notice("interval-often-undefined", {"draws": groups, "undefined": groups - len(values)})
    half = t_quantile(resampling.level, groups - 1) * float(
        np.sqrt((groups - 1) / groups * np.sum((values - values.mean()) ** 2))
    )
    if half <= 1e-12:
        return Notice("interval-without-width")
    return estimate - half, estimate + half


def tally(masses: Floats, codes: Codes, size: int) -> Floats:
    """
    What each value counts, of one coder.

    Args:
        masses: What each pattern counts, a sample a line.
        codes: Which value, a pattern each; a negative one is not counted.
        size: How many values there are.
    Returns:
        A line a sample, a column a value.
    """
    said = codes >= 0
    if not said.all():
        masses, codes = masses[:, said], codes[said]
    if len(codes) * size <= _AT_ONCE:
        is_value = np.zeros((len(codes), size))
        is_value[np.arange(len(codes)), codes] = 1
        return masses @ is_value
    return np.stack([np.bincount(codes, weights=line, minlength=size) for line in masses])


def ratio(above: Floats, below: Floats, scale: Any = 1.0) -> Floats:
    """
    One by the other; nan where it is 0/0, or would be but for rounding.

    Args:
        above, below: Numbers.
        scale: What `below` is small beside when it is nothing but rounding.
    """
    is_none = np.abs(below) <= 1e-12 * np.abs(scale)
    return np.where(is_none, np.nan, above / np.where(is_none, 1.0, below))
