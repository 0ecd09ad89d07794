"""
Which labels of a model may be used unseen: those whose share of right ones is shown to be high enough.

Of the rows that a model gives a label, people coded some that chance drew. How many of these are right is
binomial, so the exact bound of their share holds however few there are; with several labels, thresholds and
looks each has a part of what may go wrong, so that all bounds hold at once.

Source:
    Clopper and Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the
    binomial"; Dunn (1961), "Multiple comparisons among means", for the bound over several tests, named after
    Bonferroni. Looks one after the other spend it with weights that sum to 1, as in Lan and DeMets (1983),
    "Discrete sequential boundaries for clinical trials".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rowbatch.core.document import Shown
from rowbatch.core.statistics.figures import beta_share
from rowbatch.words.notice import Notice

Verdict = Literal["usable", "usable-with-correction", "not-automatable", "too-little-evidence"]
"""
`usable`: it is shown that enough are right. `usable-with-correction`: it is shown that too few are, but the
label tells something, so that corrected shares can be made of it. `not-automatable`: it is not even shown to
be right more often than by guessing. `too-little-evidence`: the coded rows leave it open.
"""
PRECISION = 0.9
"""The share of right labels that is wanted, where nobody says otherwise."""
CERTAINTY = 0.9
"""How sure it is to be, where nobody says otherwise."""
_MOST_NEEDED = 1_000_000


@dataclass(frozen=True, slots=True)
class Claim:
    """
    What a model says of rows that people coded, about one label.

    Attributes:
        label: Which.
        least_sure: Only rows of which the model was at least so sure; None means all.
        n: Coded rows to which the model gives it.
        hits: Of these, where people do so, too.
        base: The share of all rows where people do, by the coded ones: what guessing would reach.
        rows: Of the whole table, to which the model gives it.
        is_alike: Whether these n were drawn alike, each alone.
    """

    label: str
    least_sure: float | None
    n: int
    hits: int
    base: float
    rows: int
    is_alike: bool = True


@dataclass(frozen=True, slots=True)
class LabelAcceptance:
    """
    Whether a label may be used unseen.

    Attributes:
        label, least_sure, n, hits, rows: As in `Claim`.
        precision: Share of right ones; None where the model never gives the label in a coded row.
        low, high: Its bounds, each on its own side as sure as all of them together are to be.
        verdict: What follows.
        more: So many further coded rows with the label would show it, if they turn out as those so far; None
            where it is shown already, or would not be.
        why: Why there are no bounds; else None.
    """

    label: str
    least_sure: float | None
    n: int
    hits: int
    rows: int
    precision: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    more: int | None
    why: Notice | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Acceptance(Shown):
    """
    Which labels may be used unseen.

    Attributes:
        wanted: The share of right ones.
        certainty: How sure it is that all labels that are called usable reach it, over all looks.
        look: Which look at these rows it is, from 1.
        tests: Bounds that hold together at this look.
        labels: Each, all rows first, and then those of which the model was surer.
    """

    wanted: float
    certainty: float
    look: int
    tests: int
    labels: tuple[LabelAcceptance, ...]

    @property
    def usable_rows(self) -> int:
        """Rows of the table whose label may be used: by the lowest threshold of each label that is usable."""
        most: dict[str, int] = {}
        for one in self.labels:
            if one.verdict == "usable":
                most[one.label] = max(one.rows, most.get(one.label, 0))
        return sum(most.values())

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "wanted": self.wanted,
            "certainty": self.certainty,
            "look": self.look,
            "tests": self.tests,
            "usable_rows": self.usable_rows,
            "labels": [
                {
                    "label": one.label,
                    "least_sure": one.least_sure,
                    "n": one.n,
                    "hits": one.hits,
                    "rows": one.rows,
                    "precision": one.precision,
                    "low": one.low,
                    "high": one.high,
                    "verdict": one.verdict,
                    "more": one.more,
                    **({} if one.why is None else {"why": one.why.told()}),
                }
                for one in self.labels
            ],
        }


def accept(
    claims: Sequence[Claim], *, wanted: float = PRECISION, certainty: float = CERTAINTY, look: int = 1
) -> Acceptance:
    """
    Decide about labels, all at once.

    Args:
        claims: Of each label, and of each threshold that was fixed before anybody looked.
        wanted: The share of right ones that is wanted, above 0 and below 1.
        certainty: How sure it is to be, likewise.
        look: Which look at these rows it is, from 1: a later one is allowed less.
    """
    tests = [one for one in claims if one.is_alike]
    # 6/pi^2 is one by the sum of 1/k^2 over all k: however often is looked, no more than all is spent.
    of_look = (1 - certainty) * 6 / math.pi**2 / look**2
    alpha = of_look / max(1, len(tests))
    return Acceptance(
        wanted, certainty, look, len(tests), tuple(_judged(one, wanted, alpha) for one in claims)
    )


def _judged(claim: Claim, wanted: float, alpha: float) -> LabelAcceptance:
    share = claim.hits / claim.n if claim.n else None
    told = (claim.label, claim.least_sure, claim.n, claim.hits, claim.rows, share)
    if not claim.is_alike:
        return LabelAcceptance(
            *told, None, None, "too-little-evidence", None, Notice("accept-not-drawn-alike")
        )
    low, high = exact_bounds(claim.hits, claim.n, alpha)
    if low >= wanted:
        return LabelAcceptance(*told, low, high, "usable", None)
    if high >= wanted:
        return LabelAcceptance(
            *told, low, high, "too-little-evidence", _more(claim.hits, claim.n, wanted, alpha)
        )
    verdict: Verdict = "usable-with-correction" if low > claim.base else "not-automatable"
    return LabelAcceptance(*told, low, high, verdict, None)


def exact_bounds(hits: int, n: int, alpha: float) -> tuple[float, float]:
    """
    The exact bounds of a share: each alone is wrong at most so often.

    Args:
        hits, n: How many of how many.
        alpha: How often a bound may be wrong, as 0.05.
    Returns:
        The lower one and the upper one; 0 and 1 of nothing.
    """
    if n == 0:
        return 0.0, 1.0
    low = 0.0 if hits == 0 else _quantile(alpha, hits, n - hits + 1)
    high = 1.0 if hits == n else _quantile(1 - alpha, hits + 1, n - hits)
    return low, high


def _quantile(share: float, a: float, b: float) -> float:
    """Of the beta distribution, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if beta_share(middle, a, b) < share else (low, middle)
    return (low + high) / 2


def _more(hits: int, n: int, wanted: float, alpha: float) -> int | None:
    """How many further rows would show it, if they turn out as those so far."""
    share = hits / n if n else 1.0
    if share <= wanted:
        return None

    def is_shown(whole: int) -> bool:
        # Rounded down: a part of a row is no hit. The lower bound reaches it where so many are this unlikely.
        right = math.floor(share * whole + 1e-9)
        return right > 0 and beta_share(wanted, right, whole - right + 1) <= alpha

    most = max(1, n)
    while not is_shown(most):
        most *= 2
        if most > _MOST_NEEDED:
            return None
    least = most // 2
    # Rounding makes it rise in steps; the first one that holds is near enough.
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if is_shown(middle) else (middle, most)
    return max(1, most - n)
