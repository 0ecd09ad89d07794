"""The alternative annotator test: may a model replace a coder?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import statistics_cases as cases
from rowbatch.core.statistics.alternative_annotator import alternative_annotator_test
from rowbatch.core.statistics.figures import Resampling, t_below
from rowbatch.core.statistics.patterns import Patterns

ORACLES = json.loads((Path(__file__).parent / "oracle_values.json").read_text(encoding="utf-8"))
QUICK = Resampling(draws=200)


def same(first, second):
    return np.equal(first, second).astype(np.float64)


def verdict_of(rows, epsilon=0.15, alike=same):
    """The test of rows of codes, the model last."""
    codes = np.array(rows, dtype=np.int64)
    patterns = Patterns(codes, np.ones(len(codes), dtype=np.int64), int(codes.max()) + 1)
    people = [f"p{at}" for at in range(codes.shape[1] - 1)]
    return alternative_annotator_test(patterns, (people, "model"), alike, epsilon, QUICK)


def test_four_people_as_scipy_and_statsmodels_have_them():
    """
    p values of SciPy's t test, rejections of statsmodels' Benjamini-Yekutieli, and the mean advantage.
    """
    rows = [
        [-1 if said is None else cases.LABELS.index(said) for said in row] for row in cases.people_and_model()
    ]
    found, theirs = verdict_of(rows), ORACLES["alt_test"]
    assert [one.p for one in found.people] == pytest.approx(theirs["p"], rel=1e-9)
    assert [one.is_won for one in found.people] == theirs["won"]
    assert found.winning_rate == sum(theirs["won"]) / 4
    assert found.passes is (found.winning_rate >= 0.5)
    assert found.advantage.estimate == pytest.approx(theirs["advantage"])
    assert found.advantage.low < found.advantage.estimate < found.advantage.high


def test_a_model_that_is_always_as_good_wins_and_has_no_p_of_zero():
    """
    All the same: the model wins against everyone, and p is small without being 0.
    """
    found = verdict_of([[at % 2] * 4 for at in range(40)])
    assert (found.winning_rate, found.passes) == (1.0, True)
    assert all(0 < one.p < 0.001 for one in found.people)


def test_a_bad_model_does_not():
    """
    A model that says something else always loses, and one that says nothing does so, too.
    """
    for said in (1, -1):
        found = verdict_of([[0, 0, 0, said]] * 40)
        assert (found.winning_rate, found.passes) == (0.0, False)
        assert {one.model_advantage for one in found.people} == {0.0}
        assert all(one.p > 0.99 for one in found.people)


def test_too_few_units_give_no_verdict():
    """
    A person with fewer than 30 units is not tested; with nobody tested there is no verdict, and it says why.
    """
    found = verdict_of([[0, 0, 0, 0]] * 29)
    assert (found.passes, found.winning_rate) == (None, None)
    assert found.why.kind == "alt-test-too-few"
    assert found.advantage.why.kind == "alt-test-too-few"
    assert "why" in found.to_plain()
    found = verdict_of([[0, 0, -1, 0]] * 30 + [[0, 0, 0, 0]])
    assert [one.n for one in found.people] == [31, 31, 1]
    assert [one.p is None for one in found.people] == [False, False, True]
    assert found.winning_rate == 1


def test_numbers_are_compared_by_distance():
    """
    Nearer is better: a model one off is nearer to the others than a person who is five off.
    """
    values = np.arange(20, dtype=np.float64)

    def alike(first, second):
        return -((values[first] - values[second]) ** 2)

    rows = [[at % 10, at % 10 + 5, at % 10, at % 10 + 1] for at in range(60)]
    found = verdict_of(rows, alike=alike)
    assert [one.model_advantage for one in found.people] == [1.0, 1.0, 1.0]
    assert found.people[1].person_advantage == 0


def test_small_tails_of_t_are_not_lost_to_rounding():
    """
    SciPy's t.cdf(-20, 99) and t.cdf(1, 3).
    """
    assert t_below(-20, 99) == pytest.approx(8.99e-37, rel=1e-2)
    assert t_below(1, 3) == pytest.approx(0.8044988905221148)
