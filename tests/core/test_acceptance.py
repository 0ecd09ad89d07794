"""Which labels may be used unseen: exact bounds, and what follows of them."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.statistics.acceptance import Claim, accept, exact_bounds


def tail(hits: int, n: int, share: float) -> float:
    """How likely so many hits or more are."""
    return sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(hits, n + 1))


@pytest.mark.parametrize(
    ("hits", "n", "alpha", "low", "high"),
    [
        (8, 10, 0.025, 0.4439, 0.9748),
        (10, 10, 0.05, 0.05**0.1, 1.0),
        (0, 10, 0.05, 0.0, 1 - 0.05**0.1),
        (0, 0, 0.05, 0.0, 1.0),
        (81, 263, 0.025, 0.2527, 0.3676),
    ],
)
def test_bounds_are_those_of_clopper_and_pearson(
    hits: int, n: int, alpha: float, low: float, high: float
) -> None:
    """
    The bounds of shares that are known: 8 of 10, and 81 of 263 (Newcombe 1998, table I), and none or all.
    """
    assert exact_bounds(hits, n, alpha) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 60), st.data(), st.floats(0.001, 0.2))
def test_a_bound_is_where_the_tail_is_as_likely_as_it_may_be(
    n: int, data: st.DataObject, alpha: float
) -> None:
    """
    At the lower bound so many hits or more are as likely as the bound may be wrong.
    """
    hits = data.draw(st.integers(1, n))
    low, _ = exact_bounds(hits, n, alpha)
    assert tail(hits, n, low) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("n", [30, 60, 200])
@pytest.mark.parametrize("labels", [1, 4])
def test_what_is_not_good_enough_is_seldom_accepted(n: int, labels: int) -> None:
    """
    Of labels that are right a little too seldom, any is called usable at any of ten looks at new rows in less
    than the tenth of all cases that may be: counted exactly.
    """
    wrong = 0.0
    for look in range(1, 11):
        accepted = None
        for hits in range(n, -1, -1):
            found = accept([Claim("x", None, n, hits, 0.3, 9)] * labels, look=look)
            if found.labels[0].verdict != "usable":
                break
            accepted = hits
        wrong += 0 if accepted is None else labels * tail(accepted, n, 0.8999)
    assert wrong < 0.1


def test_verdicts() -> None:
    """
    A label is usable, open, usable with correction, or not at all; what would show it is said where it can.
    """
    found = accept(
        [
            Claim("right", None, 80, 80, 0.4, 1_000),
            Claim("few", None, 5, 5, 0.4, 100),
            Claim("half", None, 100, 50, 0.2, 50),
            Claim("guessed", None, 100, 20, 0.2, 50),
            Claim("never", None, 0, 0, 0.1, 0),
            Claim("near", None, 40, 36, 0.1, 50),
            Claim("weighted", None, 80, 80, 0.4, 7, is_alike=False),
        ]
    )
    assert [one.verdict for one in found.labels] == [
        "usable",
        "too-little-evidence",
        "usable-with-correction",
        "not-automatable",
        "too-little-evidence",
        "too-little-evidence",
        "too-little-evidence",
    ]
    assert found.tests == 6
    assert found.usable_rows == 1_000
    # With all right n rows show it where 0.9^n is at most a sixth of the tenth, less what later looks get.
    few, never, near, weighted = (found.labels[place] for place in (1, 4, 5, 6))
    assert few.more == 39
    assert never.more == 44
    assert near.more is None
    assert (weighted.low, weighted.why is not None) == (None, True)


def test_what_is_missing_is_what_shows_it() -> None:
    """
    So many further rows as are asked for are enough, if they turn out like those so far, and one less is not.
    """
    few = accept([Claim("few", None, 20, 19, 0.4, 100)]).labels[0]
    assert few.more is not None
    whole = 20 + few.more
    hits = whole * 19 // 20
    assert accept([Claim("few", None, whole, hits, 0.4, 100)]).labels[0].verdict == "usable"
    before = (whole - 1) * 19 // 20
    assert accept([Claim("few", None, whole - 1, before, 0.4, 100)]).labels[0].verdict != "usable"


def test_only_the_lowest_threshold_of_a_label_counts_its_rows() -> None:
    """
    A label that is usable above two thresholds has the rows of the lower one, once.
    """
    found = accept(
        [
            Claim("a", None, 100, 60, 0.3, 900),
            *(Claim("a", t, 200, 200, 0.3, r) for t, r in ((0.7, 600), (0.9, 300))),
        ]
    )
    assert [one.verdict for one in found.labels][1:] == ["usable", "usable"]
    assert found.usable_rows == 600
