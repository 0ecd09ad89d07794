"""How many rows people have to code: the widths that a sample of a table really gives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rowbatch.core.statistics.how_many import how_many, how_many_for_mean
from rowbatch.errors import UsageError


def test_without_a_pilot_the_worst_is_assumed():
    """
    385 rows give 5 points to each side of a share, as every textbook has it; of a small table fewer do,
    and all rows leave nothing open.
    """
    endless = how_many([], None).for_width(0.05)
    assert (endless.rows_people_only, endless.rows_corrected) == (385, None)
    assert how_many([], 1_000).for_width(0.05).rows_people_only == 278
    assert how_many([], 1_000).at(1_000).people_only == 0
    assert how_many([], None).at(100).people_only == pytest.approx(1.959964 * 0.05)
    assert [one.rows for one in how_many([], 420).curve] == [50, 100, 150, 200, 300, 400]
    assert [one.rows for one in how_many([], 8).curve] == [8]


def test_a_good_model_saves_rows_and_a_useless_one_costs_none():
    """
    The variance beyond the model is that of the residual; by chance alone the model is not used.
    """
    good = [("a", "a")] * 45 + [("b", "b")] * 45 + [("a", "b")] * 5 + [("b", "a")] * 5
    found = how_many(good, 100_000, label="a", level=0.95).for_width(0.05)
    # Half a row more in each cell: 45.5 and 5.5 of 102.
    cov = 45.5 / 102 - 0.25
    assert found.tuning == pytest.approx(cov / 0.25)
    assert found.variance_people == 0.25
    assert found.variance_corrected == pytest.approx(0.25 - cov**2 / 0.25)
    assert found.rows_people_only == 383
    assert found.rows_corrected is not None
    assert found.rows_corrected < 160
    useless = how_many([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")] * 25, None, label="a")
    assert (useless.tuning, useless.variance_corrected) == (0, useless.variance_people)


def test_a_pilot_without_an_error_does_not_say_that_there_is_none():
    """
    Of 60 rows that all agree some variance stays; of several labels the one that needs the most is chosen,
    and that is told.
    """
    found = how_many([("a", "a")] * 40 + [("b", "b")] * 15 + [("c", "c")] * 5, None)
    assert found.quantity == "share of 'a'"
    assert [note.kind for note in found.notes] == ["how-many-label-chosen"]
    assert found.variance_corrected is not None
    assert found.variance_corrected > 0.01
    assert [note.kind for note in how_many([("a", "a")] * 12, None).notes] == ["how-many-few"]


def test_a_mean_has_the_variance_of_numbers():
    """
    As numpy has it; a model that is right by a constant leaves nothing open.
    """
    people = [float(at) for at in range(20)]
    found = how_many_for_mean([(one, one + 3) for one in people], None, quantity="age")
    assert found.variance_people == pytest.approx(35)
    assert found.variance_corrected == pytest.approx(0, abs=1e-9)


def test_the_widths_are_those_of_samples():
    """
    Of 2,000 samples of 100 out of 1,000 rows, 95 % of the people's shares lie within half the width that was
    told, give or take two points.
    """
    draw = np.random.default_rng(1)
    whole = np.array([1.0] * 300 + [0.0] * 700)
    pilot = [("a", "")] * 30 + [("b", "")] * 70
    told = how_many(pilot, 1_000, label="a").at(100).people_only
    shares = np.array([draw.choice(whole, 100, replace=False).mean() for _ in range(2_000)])
    assert 0.93 < np.mean(np.abs(shares - 0.3) <= told) < 0.97
    assert told == pytest.approx(1.96 * math.sqrt(0.21 * (1 / 100 - 1 / 1_000)), rel=0.02)


def test_the_fewest_rows_of_any_width():
    """
    As by hand, out of so many rows or endless; of a width whose square is no number any more it is told.
    """
    worst = how_many([], None)
    assert worst.for_width(0.05).rows_people_only == 385
    assert how_many([], 1_000).for_width(0.05).rows_people_only == 278
    assert how_many([], 1_000).for_width(1e-200).rows_people_only == 1_000
    with pytest.raises(UsageError, match="above 0"):
        worst.for_width(1e-200)


@pytest.mark.parametrize(
    ("pairs", "options", "kind"),
    [
        ([("a", "a")] * 9, {}, "how-many-pilot"),
        ([("a", "a")] * 20, {"label": "b"}, "how-many-no-label"),
        ([], {"level": 1.0}, "sample-share"),
    ],
)
def test_what_cannot_be_known_is_said(pairs, options, kind):
    """
    Nine rows are no pilot, and a label that nobody used has no share.
    """
    with pytest.raises(UsageError) as caught:
        how_many(pairs, 100, **options)
    assert caught.value.kind == kind
    with pytest.raises(UsageError):
        how_many([], 100).for_width(0)
