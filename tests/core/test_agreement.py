from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.agreement import (
    NO_LABEL,
    agreement,
    scale_agreement,
    wilson_interval,
    yes_no_agreement,
)


def pairs_of(table: Sequence[Sequence[int]], labels: str) -> list[tuple[str, str | None]]:
    """A contingency table, gold down and predicted across, as the pairs that make it."""
    return [
        (gold, predicted)
        for gold, row in zip(labels, table, strict=True)
        for predicted, count in zip(labels, row, strict=True)
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        # By hand: observed 35/50 = 0.7; by chance (25*30 + 25*20)/2500 = 0.5; 0.2/0.5.
        pytest.param([[20, 5], [10, 15]], 0.4, id="even-margins"),
        # 60/100; (60*70 + 40*30)/10000 = 0.54; 0.06/0.46.
        pytest.param([[45, 15], [25, 15]], 3 / 23, id="same-accuracy-lower-kappa"),
        # 60/100; (60*30 + 40*70)/10000 = 0.46; 0.14/0.54.
        pytest.param([[25, 35], [5, 35]], 7 / 27, id="same-accuracy-higher-kappa"),
        # 118/125; (123*120 + 2*5)/15625 = 0.94528; below chance.
        pytest.param([[118, 5], [2, 0]], -20 / 855, id="high-accuracy-below-chance"),
        # 89/100; (80*80 + 10*5 + 10*15)/10000 = 0.66; 0.23/0.34.
        pytest.param([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 23 / 34, id="three-labels"),
        # 2/4; each of both labels by half: 0.5; nothing beyond chance.
        pytest.param([[1, 1], [1, 1]], 0.0, id="chance"),
        pytest.param([[3, 0], [0, 4]], 1.0, id="all-the-same"),
        pytest.param([[0, 3], [3, 0]], -1.0, id="none-the-same"),
    ],
)
def test_kappa_of_contingency_tables(table: list[list[int]], kappa: float) -> None:
    """
    Kappa is what the textbook's formula gives when worked by hand.
    """
    labels = "abc"[: len(table)]

    result = agreement(pairs_of(table, labels), labels)

    assert result.kappa == pytest.approx(kappa, abs=1e-12)
    assert result.n == sum(map(sum, table))


def test_a_row_without_a_legal_label_is_a_disagreement() -> None:
    """
    Answers that are missing, or no label, count as wrong in accuracy and kappa, and are shown.
    """
    pairs = [("a", "a"), ("a", None), ("b", "b"), ("b", "c"), ("b", "")]

    result = agreement(pairs, ["a", "b"])

    assert result.accuracy == 2 / 5
    # By chance: a (2 gold, 1 predicted) and b (3 gold, 1 predicted): (2*1 + 3*1)/25 = 0.2.
    assert result.kappa == pytest.approx((0.4 - 0.2) / (1 - 0.2))
    assert result.unlabelled == 3
    assert result.confusion == {
        "a": {"a": 1, "b": 0, NO_LABEL: 1},
        "b": {"a": 0, "b": 1, NO_LABEL: 2},
    }


def test_kappa_is_undefined_without_variation() -> None:
    """
    One label throughout on both sides leaves nothing to measure: neither 1 nor 0.
    """
    result = agreement([("a", "a")] * 7, ["a", "b"])

    assert result.kappa is None
    assert result.accuracy == 1


def test_kappa_is_zero_when_the_model_always_says_the_same() -> None:
    """
    Always guessing one label is no agreement beyond chance, whatever the accuracy.
    """
    result = agreement([("a", "a")] * 9 + [("b", "a")], ["a", "b"])

    assert (result.accuracy, result.kappa) == (0.9, 0.0)
    assert (result.majority_label, result.majority_share) == ("a", 0.9)


def test_the_first_in_the_codebook_is_the_majority_of_equals() -> None:
    """
    A tie for the commonest label goes to codebook order, not to the order of the rows.
    """
    assert agreement([("b", "b"), ("a", "b")], ["c", "a", "b"]).majority_label == "a"


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Roots of (p - hits/n)^2 = z^2 p(1 - p)/n: at 0 of n they are 0 and z^2/(n + z^2).
        pytest.param(0, 10, 0.0, 3.8414588206941254 / 13.8414588206941254, id="none"),
        pytest.param(10, 10, 10 / 13.8414588206941254, 1.0, id="all"),
        pytest.param(5, 10, 0.2365930905, 0.7634069095, id="half"),
        pytest.param(3814, 5480, 0.6836727882818185, 0.7080234370977403, id="many"),
    ],
)
def test_wilson_interval(hits: int, n: int, low: float, high: float) -> None:
    """
    The interval is Wilson's, and it never leaves 0 to 1 nor shrinks to a point.
    """
    assert list(wilson_interval(hits, n)) == pytest.approx([low, high], abs=1e-9)


@pytest.mark.parametrize(
    ("pairs", "labels", "message"),
    [
        pytest.param([], ["a"], "nothing to compare", id="no-pairs"),
        pytest.param([("z", "a")], ["a"], "'z' is not one of the labels", id="unknown-gold"),
        pytest.param([("a", "a")], ["a", "a"], "twice", id="label-twice"),
        pytest.param([("a", "a")], ["a", NO_LABEL], "cannot be a label", id="reserved"),
    ],
)
def test_what_cannot_be_compared(
    pairs: list[tuple[str, str | None]], labels: list[str], message: str
) -> None:
    """
    Nothing to compare, and labels that make no sense, are refused with the reason.
    """
    with pytest.raises(ValueError, match=message):
        agreement(pairs, labels)


STEPS = "0123"
SCALE = [[20, 5, 1, 0], [4, 18, 7, 2], [0, 6, 15, 9], [1, 0, 3, 9]]


@pytest.mark.parametrize("steps", [STEPS, "01234"])
def test_a_scale_beside_other_implementations(steps: str) -> None:
    """
    Weighted kappas and Spearman's rho, with its many equal steps, are what others compute. A step that nobody
    uses changes nothing.

    scikit-learn 1.9.1, `cohen_kappa_score(people, model, labels=…, weights=None, "linear", "quadratic")`;
    SciPy 1.17.1, `spearmanr(people, model).statistic`.
    """
    found = scale_agreement(pairs_of(SCALE, STEPS), steps, steps)
    assert (found.n, found.accuracy, found.mean_absolute_steps) == (100, 0.62, 0.43)
    assert found.kappa == pytest.approx(0.4872486843880718, abs=1e-12)
    assert found.linear_kappa == pytest.approx(0.6268656716417911, abs=1e-12)
    assert found.quadratic_kappa == pytest.approx(0.7434701492537313, abs=1e-12)
    assert found.rho == pytest.approx(0.7575969991940342, abs=1e-12)


def test_a_row_without_a_step_is_as_far_off_as_can_be() -> None:
    """
    No answer, and "can't say", weigh as much as one end of the scale for the other; the rank correlation is
    of the rows that have both.

    Numbers: 1 - observed / expected, each the mean of the weights of all pairs, by numpy 2.4.6.
    """
    pairs = [*pairs_of(SCALE, STEPS), ("0", None), ("3", ""), ("1", "can't say")]
    found = scale_agreement(pairs, [*STEPS, "can't say"], STEPS)
    assert found.linear_kappa == pytest.approx(0.5829310076312102, abs=1e-12)
    assert found.quadratic_kappa == pytest.approx(0.6625918823905401, abs=1e-12)
    assert found.mean_absolute_steps == pytest.approx(52 / 103)
    assert found.rho == pytest.approx(0.7575969991940342, abs=1e-12)
    assert (found.unlabelled, found.confusion["1"]["can't say"]) == (2, 1)


def test_what_is_undefined_of_a_scale_is_none() -> None:
    """
    One step throughout has no chance to differ from; no row with both has no correlation.
    """
    same = scale_agreement([("0", "0")] * 3, STEPS, STEPS)
    assert (same.linear_kappa, same.quadratic_kappa, same.rho, same.accuracy) == (None, None, None, 1)
    none = scale_agreement([("0", None), ("1", None)], STEPS, STEPS)
    assert (none.rho, none.mean_absolute_steps, none.accuracy) == (None, 3, 0)
    assert (none.linear_kappa, none.quadratic_kappa) == (0, 0)
    with pytest.raises(ValueError, match="no step"):
        scale_agreement([("?", "1")], [*STEPS, "?"], STEPS)


step_pairs = st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(STEPS)), min_size=1, max_size=30)


@given(step_pairs)
def test_a_scale_is_symmetric_and_bounded(pairs: list[tuple[str, str]]) -> None:
    """
    Whatever the steps: the same from either side, within bounds, and 1 or undefined where all agree.
    """
    one = scale_agreement(pairs, STEPS, STEPS)
    other = scale_agreement([(model, people) for people, model in pairs], STEPS, STEPS)
    for name in ("linear_kappa", "quadratic_kappa", "mean_absolute_steps", "rho", "accuracy", "kappa"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-12), name
    for name in ("linear_kappa", "quadratic_kappa", "rho", "kappa"):
        value = getattr(one, name)
        assert value is None or -1 <= value <= 1
    assert 0 <= one.mean_absolute_steps <= 3
    same = scale_agreement([(people, people) for people, _ in pairs], STEPS, STEPS)
    assert same.mean_absolute_steps == 0
    for value in (same.linear_kappa, same.quadratic_kappa, same.rho):
        assert value is None or value == pytest.approx(1)
    assert (same.linear_kappa is None) == (len({people for people, _ in pairs}) == 1)


@given(st.lists(st.tuples(st.sampled_from("01"), st.sampled_from("01")), min_size=1))
def test_of_two_steps_all_kappas_are_one(pairs: list[tuple[str, str]]) -> None:
    """
    Where there is only one distance, its weight does not count.
    """
    found = scale_agreement(pairs, "01", "01")
    assert found.linear_kappa == found.quadratic_kappa == pytest.approx(found.kappa)


def test_sensitivity_and_specificity() -> None:
    """
    Each is a share of what people say; a row where the model says neither is found by nobody, and what people
    never say has none.
    """
    labels = ("yes", "no", "can't say")

    def found(pairs: list[tuple[str, str | None]]) -> tuple[float | None, float | None]:
        result = yes_no_agreement(pairs, labels, yes="yes", no="no")
        return result.sensitivity, result.specificity

    pairs: list[tuple[str, str | None]] = [("yes", "yes")] * 6 + [("yes", "no"), ("yes", None)]
    assert found(pairs) == (0.75, None)
    pairs += [("no", "no")] * 3 + [("no", "yes"), ("no", "can't say"), ("can't say", "can't say")]
    assert found(pairs) == (0.75, 0.6)
    result = yes_no_agreement(pairs, labels, yes="yes", no="no")
    assert (result.accuracy, result.unlabelled) == (10 / 14, 1)
    assert result.kappa == agreement(pairs, labels).kappa


def test_real_labels_of_a_large_model() -> None:
    """
    The numbers computed elsewhere for 5,480 real texts come out to the last digit.
    """
    path = _shared_data() / "politeness_gpt4o.csv"
    if not path.exists():
        pytest.skip("the shared data are not here (ROWBATCH_SHARED_DATA)")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    # The people's labels are 1 and 0, the model's are words.
    pairs = [("polite" if row[_GOLD] == "1" else "impolite", row[_PREDICTED]) for row in rows]

    result = agreement(pairs, ["polite", "impolite"])

    assert result.n == 5480
    assert result.accuracy == pytest.approx(0.695985401459854, abs=1e-12)
    assert result.kappa == pytest.approx(0.391970802919708, abs=1e-12)
    assert result.accuracy_low == pytest.approx(0.6836727882818185, abs=1e-9)
    assert result.accuracy_high == pytest.approx(0.7080234370977403, abs=1e-9)
    assert result.majority_share == 0.5
    assert result.unlabelled == 0


_GOLD, _PREDICTED = "Prediction_human", "Prediction_gpt-4o"


def _shared_data() -> Path:
    beside_the_project = Path(__file__).parents[3] / "shared" / "data"
    return Path(os.environ.get("ROWBATCH_SHARED_DATA", beside_the_project))
