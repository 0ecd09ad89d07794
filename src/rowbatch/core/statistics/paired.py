"""Which of two coders, models or prompts is better, on the same units beside the same gold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from typing import Any

from rowbatch.core.statistics.figures import Figure, Resampling, plain_figures
from rowbatch.core.statistics.patterns import Patterns, Statistic, Wanted, figures_of


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """
    One beside another, each compared with gold.

    Attributes:
        coders: Their names.
        differences: Measures of the first less those of the second, with intervals of the same draws of
            units.
        only_first, only_second: Units where one is right and the other is not.
        p: Of the exact test of McNemar that both are as often right; None where no unit tells them apart.
    """

    coders: tuple[str, str]
    differences: Mapping[str, Figure]
    only_first: int
    only_second: int
    p: float | None

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "coders": list(self.coders),
            "differences": plain_figures(self.differences),
            "only_first": self.only_first,
            "only_second": self.only_second,
            "mcnemar_p": self.p,
        }


def exact_mcnemar(only_first: int, only_second: int) -> float | None:
    """
    How likely so uneven a split is, or a more uneven one, where both sides are as likely.

    Returns:
        The two-sided p value; None where there is nothing to split.
    Source:
        McNemar (1947), "Note on the sampling error of the difference between correlated proportions or
        percentages"; the exact test is that of the sign test (Edwards 1948).
    """
    n = only_first + only_second
    if n == 0:
        return None
    fewer = min(only_first, only_second)
    # In whole numbers, so that nothing overflows.
    tail = sum(comb(n, place) for place in range(fewer + 1))
    return float(min(1.0, 2 * tail / 2**n))


def compare_paired(
    coders: tuple[str, str],
    sides: tuple[Mapping[str, Wanted], Mapping[str, Wanted]],
    hits: tuple[int, int],
    patterns: Patterns,
    resampling: Resampling,
) -> PairedComparison:
    """
    Compare two of them.

    Args:
        coders: Their names.
        sides: Their measures beside gold, by name.
        hits: Units where only the first, and only the second, is right.
        patterns: What was said.
        resampling: How intervals are found.
    """
    first, second = sides
    wanted = {
        name: Wanted(_less(one.statistic, second[name].statistic), one.n, f"difference: {one.what}", one.why)
        for name, one in first.items()
    }
    return PairedComparison(coders, figures_of(wanted, patterns, resampling), *hits, exact_mcnemar(*hits))


def _less(first: Statistic, second: Statistic) -> Statistic:
    return lambda masses: first(masses) - second(masses)
