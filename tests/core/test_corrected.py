"""Corrected estimates: values of other packages and by hand, refusals, and coverage of the intervals."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coverage_of_intervals as simulation
import statistics_cases as cases
from rowbatch.core.statistics import corrected_means, corrected_regression, corrected_shares
from rowbatch.core.statistics.corrected import METHODS, Labelled
from rowbatch.core.statistics.corrected_regression import Model, Regression
from rowbatch.core.statistics.corrected_shares import people_share
from rowbatch.core.statistics.figures import Resampling, blaker

# Numbers that a figure may lack are there, or a test fails.
correct_share: Any = corrected_shares.correct_share
correct_difference: Any = corrected_shares.correct_difference
correct_mean: Any = corrected_means.correct_mean
correct_mean_difference: Any = corrected_means.correct_mean_difference
correct_regression: Any = corrected_regression.correct_regression
ORACLE = json.loads((Path(__file__).parent / "oracle_values.json").read_text(encoding="utf-8"))["corrected"]
QUICK = Resampling(draws=500)
DATA = {name: np.array(values) for name, values in cases.corrected().items()}


def labelled_first(predicted, gold, count, **more):
    predicted, gold = np.asarray(predicted, dtype=float), np.asarray(gold, dtype=float)
    return Labelled(
        predicted,
        gold[:count],
        np.arange(len(predicted)) < count,
        more.pop("strata", np.zeros(len(predicted), dtype=np.int64)),
        **more,
    )


SAMPLE = labelled_first(DATA["f"], DATA["y"], 200)


@pytest.mark.parametrize("estimate", [correct_share, correct_mean])
def test_a_share_as_ppi_python_has_it(estimate):
    """
    The PPI++ estimate with its lambda is that of ppi-python 0.2.3, to 1e-12; so is the interval, but for t
    and few labels.
    """
    found = estimate(SAMPLE, "ppi", Resampling(draws=20_000), "share")
    assert found.corrected.estimate == pytest.approx(ORACLE["mean"], abs=1e-12)
    assert found.people_only.estimate == pytest.approx(0.34)
    assert found.model_only.estimate == pytest.approx(0.4215)
    low, high = ORACLE["mean_interval"]
    assert (found.corrected.low, found.corrected.high) == (
        pytest.approx(low, abs=0.004),
        pytest.approx(high, abs=0.004),
    )


def test_regressions_as_ppi_python_has_them():
    """
    Coefficients of linear and logistic PPI++ with a tuned lambda are those of ppi-python 0.2.3; those of
    people alone, and their sandwich errors, those of statsmodels 0.15.0.
    """
    x = np.column_stack([np.ones(2_000), DATA["x"], DATA["z"]])
    models: tuple[tuple[Model, str], ...] = (("linear", "ols"), ("logistic", "logistic"))
    for model, name in models:
        asked = Regression(model, ("1", "x", "z"), x, DATA["f"], x[:200], DATA["y"][:200])
        found = correct_regression(asked, SAMPLE, "ppi", QUICK)
        # The optimizer of ppi-python stops at 1e-9.
        near = 1e-10 if model == "linear" else 1e-6
        assert [one.corrected.estimate for one in found] == pytest.approx(ORACLE[name], abs=near)
        people = ORACLE["people_ols" if model == "linear" else "people_logit"]
        assert [one.people_only.estimate for one in found] == pytest.approx(people, abs=1e-7)
        if model == "linear":
            # HC0 there; here with the usual factor for few rows, and t with 197 degrees of freedom.
            halves = [(one.people_only.high - one.people_only.low) / 2 for one in found]
            factor = 1.972079 * math.sqrt(200 / 197)
            assert halves == pytest.approx([factor * se for se in ORACLE["people_ols_se"]], rel=1e-5)


def test_dsl_by_hand():
    """
    The mean of f - (R / pi)(f - y): of 8 rows, 4 of them labelled, 5/8 less (8/4)(2 - 1)/8.
    """
    data = labelled_first([1, 1, 1, 0, 1, 1, 0, 0], [1, 0, 0, 1], 4)
    errors = np.array([0, 1, 1, -1])
    by_hand = 5 / 8 - (8 / 4) * errors.sum() / 8
    wide = labelled_first(np.tile(data.predicted, 5), np.tile(data.gold, 5), 20)
    for estimate in (correct_share, correct_mean):
        found = estimate(
            Labelled(
                np.tile(data.predicted, 5),
                np.tile(data.gold, 5),
                np.tile(data.is_labelled, 5),
                wide.strata,
            ),
            "dsl",
            QUICK,
            "",
        )
        assert found.corrected.estimate == pytest.approx(by_hand)


def test_rogan_gladen_by_hand():
    """
    (.40 + .9 - 1) / (.8 + .9 - 1) = 3/7, from 10 and 10 labelled rows of 100.
    """
    predicted = [1] * 8 + [0] * 2 + [1] + [0] * 9 + [1] * 31 + [0] * 49
    found = correct_share(labelled_first(predicted, [1] * 10 + [0] * 10, 20), "rogan-gladen", QUICK, "")
    assert found.corrected.estimate == pytest.approx(3 / 7)
    assert found.corrected.low < 3 / 7 < found.corrected.high


@pytest.mark.parametrize("method", ["ppi", "dsl", "rogan-gladen"])
def test_where_people_labelled_all_rows_the_interval_is_theirs(method):
    """
    With every row labelled the estimate is people's share, and as uncertain as that: Rogan-Gladen's interval
    had no width there, and held 58 % where nine rows in ten were labelled.
    """
    predicted, gold = [1] * 90 + [0] * 110, [1] * 80 + [0] * 120
    found = correct_share(labelled_first(predicted, gold, 200), method, QUICK, "")
    assert found.corrected.estimate == pytest.approx(0.4)
    widths = [one.high - one.low for one in (found.corrected, found.people_only)]
    assert widths[0] == pytest.approx(widths[1], rel=0.1)


@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_of_a_constant_model_lambda_is_zero(constant):
    """
    PPI's lambda is 0/0 for a constant model: it is 0, and the estimate is people's.
    """
    data = labelled_first([constant] * 500, [1.0] * 12 + [0.0] * 28, 40)
    for estimate in (correct_share, correct_mean):
        found = estimate(data, "ppi", QUICK, "")
        assert found.tuning == 0
        assert found.corrected.estimate == pytest.approx(0.3) == found.people_only.estimate


def test_a_model_without_errors_in_the_sample_is_not_taken_for_perfect():
    """
    No error in 30 labelled rows: the interval still has a width that 30 rows allow.
    """
    chance = np.random.default_rng(3)
    y = (chance.random(3_000) < 0.4).astype(float)
    data = labelled_first(y, y, 30)
    for method in ("ppi", "dsl"):
        for found in (correct_share(data, method, QUICK, ""), correct_mean(data, method, QUICK, "")):
            assert found.corrected.high - found.corrected.low > 0.05, method


@pytest.mark.parametrize(
    ("data", "method", "kind"),
    [
        (labelled_first([1, 0] * 50, [1, 0] * 50, 9), "ppi", "correct-too-few"),
        (labelled_first([1, 0] * 50, [1, 0] * 50, 0), "dsl", "correct-too-few"),
        (labelled_first([1, 0] * 50, [1.0] * 4 + [0] * 96, 30), "rogan-gladen", "correct-too-few-of-each"),
        (labelled_first([1, 0] * 50, [0, 0, 1, 1] * 25, 40), "rogan-gladen", "correct-uninformed"),
        (
            labelled_first([1, 0] * 50, [1, 0] * 50, 40, strata=np.array([0] * 50 + [1] * 50)),
            "ppi",
            "correct-stratum-empty",
        ),
    ],
)
def test_too_little_is_refused(data, method, kind):
    """
    With too little to go by there is no corrected number, and it says why; the other two lines stay.
    """
    found = correct_share(data, method, QUICK, "")
    assert (found.corrected.estimate, found.corrected.why.kind) == (None, kind)
    assert found.model_only.estimate == 0.5
    if data.labelled:
        assert found.people_only.estimate is not None


def test_too_little_for_a_mean_and_a_regression():
    """
    Means need 20 labelled rows, regressions 100, and 10 a coefficient.
    """
    some = labelled_first(np.arange(100.0), np.arange(100.0) + 1, 19)
    assert correct_mean(some, "ppi", QUICK, "").corrected.why.values["least"] == 20
    x = np.column_stack([np.ones(100), np.arange(100.0), np.arange(100.0) ** 2, np.arange(100) % 2])
    y = (np.arange(100.0) * 7) % 5
    data = labelled_first(y, y, 39)
    asked = Regression("linear", ("1", "a", "b", "c"), x, y, x[:39], y[:39])
    assert correct_regression(asked, data, "ppi", QUICK)[0].corrected.why.values["least"] == 100
    assert correct_mean(some, "rogan-gladen", QUICK, "").corrected.why.kind == "correct-only-shares"


def test_predictors_that_say_the_same_are_told():
    """
    Two equal predictors have no coefficients: undefined, and no exception.
    """
    x = np.column_stack([np.ones(200), np.arange(200.0), np.arange(200.0)])
    y = (np.arange(200) % 3 == 0).astype(float)
    asked = Regression("logistic", ("1", "a", "b"), x, y, x[:100], y[:100])
    for method in ("ppi", "dsl"):
        found = correct_regression(asked, labelled_first(y, y, 100), method, QUICK)
        assert {one.corrected.why.kind for one in found} == {"correct-not-found"}
        assert {one.model_only.estimate for one in found} == {None}


def test_strata_are_weighted():
    """
    Rows that the model says yes to were labelled ten times as often: people's plain share would be wrong.
    """
    chance = np.random.default_rng(8)
    y = (chance.random(20_000) < 0.1).astype(float)
    f = np.where(chance.random(20_000) < 0.9, y, 1 - y)
    drawn = np.where(f == 1, 0.5, 0.05)
    is_labelled = chance.random(20_000) < drawn
    probability = np.array([is_labelled[f == label].mean() for label in (0, 1)])[f.astype(int)]
    data = Labelled(f, y[is_labelled], is_labelled, f.astype(np.int64), probability)
    assert y[is_labelled].mean() > 0.25
    for method in ("ppi", "dsl"):
        for found in (correct_share(data, method, QUICK, ""), correct_mean(data, method, QUICK, "")):
            assert found.people_only.estimate == pytest.approx(y.mean(), abs=0.01)
            assert found.corrected.estimate == pytest.approx(y.mean(), abs=0.01)
            assert found.corrected.low < y.mean() < found.corrected.high


def test_clusters_make_intervals_wider():
    """
    Ten texts a person say less than ten persons: the intervals of all estimators grow.
    """
    chance = np.random.default_rng(2)
    people = np.repeat(np.arange(200), 10)
    y = (chance.random(2_000) < chance.beta(0.5, 0.5, 200)[people]).astype(float)
    f = np.where(np.repeat(chance.random(200) < 0.7, 10), y, 1 - y)
    alone, together = (labelled_first(f, y, 400, clusters=clusters) for clusters in (None, people))
    for method in ("ppi", "dsl"):
        for estimate in (correct_share, correct_mean):
            one, other = (estimate(data, method, QUICK, "").corrected for data in (alone, together))
            assert one.estimate == other.estimate
            assert other.high - other.low > 1.5 * (one.high - one.low)


def test_a_difference_is_that_of_its_sides():
    """
    The estimate of a difference is the difference of the estimates, and its interval holds it.
    """
    first, second = SAMPLE.of(DATA["z"] == 1), SAMPLE.of(DATA["z"] == 0)
    for method in METHODS:
        found = correct_difference(first, second, method, QUICK, "")
        sides = [correct_share(one, method, QUICK, "") for one in (first, second)]
        for line in found.lines:
            by_sides = sides[0].lines[line].estimate - sides[1].lines[line].estimate
            assert found.lines[line].estimate == pytest.approx(by_sides)
            assert found.lines[line].low < by_sides < found.lines[line].high
    means = correct_mean_difference(first, second, "ppi", QUICK, "")
    assert means.corrected.estimate == pytest.approx(
        correct_difference(first, second, "ppi", QUICK, "").corrected.estimate
    )


COVERED = (
    "share, 30 labelled",
    "share, rare (2 %), 300 labelled",
    "mean, 30 labelled",
    "mean where it can be said, 40 labelled",
    "difference where it can be said, 40 labelled each",
    "linear regression, 200 labelled",
)


@pytest.mark.parametrize("name", COVERED)
def test_intervals_hold_the_truth(name):
    """
    A small, repeatable part of the simulation: of 100 tables about 95 % of the intervals hold the truth,
    where those of the model alone hold it hardly ever. All of it: `make coverage-of-intervals`.
    """
    made = dict(simulation.designs())[name]
    found = simulation.coverage(made, 100, seed=5)
    for line in ("ppi", "dsl"):
        held, _, of = found[line]
        assert of == 100
        # Chance moves it by 4.4 either way; the normal interval has 75 to 85 with so few labels.
        assert held >= 90, (line, held)
    # Of a difference the model is as wrong on both sides.
    assert found["model"][0] < 60 or name.startswith("difference")
    assert found["ppi"][1] < found["people"][1]


def _as_far_off(hits, n, share):
    """How likely what is at least as far off as so many hits is, by its own end and the other: Blaker's."""
    likely = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    ends = [min(math.fsum(likely[: k + 1]), math.fsum(likely[k:])) for k in range(n + 1)]
    return math.fsum(one for one, end in zip(likely, ends, strict=True) if end <= ends[hits] * (1 + 1e-9))


@pytest.mark.parametrize("n", [1, 2, 10, 30, 60])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_of_no_share_the_exact_interval_holds_the_truth_too_rarely(n, level):
    """
    Next to each end, where intervals hold it most rarely, and in between, those of all numbers of hits that
    hold a share are as likely as the level says at least; Wilson's are so 86 % of the time for some share.
    """
    ends = [blaker(hits, n, level) for hits in range(n + 1)]
    places = [one + off for pair in ends for one in pair for off in (-1e-9, 1e-9)]
    for share in [*(one for one in places if 0 < one < 1), 0.02, 0.1, 0.3, 0.5]:
        likely = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
        held = math.fsum(one for one, (low, high) in zip(likely, ends, strict=True) if low <= share <= high)
        assert held >= level - 1e-9, share


@pytest.mark.parametrize(("hits", "n"), [(3, 10), (1, 30), (9, 30), (37, 100), (100, 100), (6, 300)])
def test_the_exact_interval_ends_where_the_hits_are_too_far_off(hits, n):
    """
    Just outside of its ends such a number of hits, or what is as far off, has less than 5 %, and just inside
    no less, counted one by one; 0 and 1 are ends where nothing, and everything, was hit.
    """
    low, high = blaker(hits, n, 0.95)
    assert blaker(n - hits, n, 0.95) == pytest.approx((1 - high, 1 - low), abs=1e-12)
    for end, outwards in ((low, -1e-7), (high, 1e-7)):
        if end in (0, 1):
            assert hits in (0, n)
            continue
        assert _as_far_off(hits, n, end + outwards) < 0.05 + 1e-6
        assert _as_far_off(hits, n, end - outwards) > 0.05 - 1e-6


def test_peoples_share_of_rows_that_were_drawn_alike_is_exact():
    """
    Of 9 in 30 rows the interval is the exact one; of rows that were drawn otherwise, or in clusters, it is
    not.
    """
    data = labelled_first([1, 0] * 50, [1] * 9 + [0] * 21, 30)
    found = people_share(data, QUICK)
    assert (found.low, found.high) == blaker(9, 30, 0.95)
    assert "exact" in found.method
    clusters = replace(data, clusters=np.arange(100) // 2)
    assert "Wilson" in people_share(clusters, QUICK).method
