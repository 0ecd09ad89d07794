"""Agreement of coders: true values at the edges, values of other packages, and intervals."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statistics_cases as cases
from rowbatch.core.statistics import among_coders as among
from rowbatch.core.statistics import of_numbers
from rowbatch.core.statistics.coder_agreement import Coding, agree
from rowbatch.core.statistics.figures import Resampling, t_quantile
from rowbatch.core.statistics.paired import exact_mcnemar
from rowbatch.core.statistics.patterns import Patterns, Wanted, figures_of
from rowbatch.words.notice import Notice

ORACLES = json.loads((Path(__file__).parent / "oracle_values.json").read_text(encoding="utf-8"))
QUICK = Resampling(draws=200)


def coding(rows, labels, *, level="nominal", gold=None, numbers=None, is_codebook=True):
    """
    Rows of values as a coding; None is missing, and with gold it stands last.
    """
    counted = Counter(tuple(row) for row in rows)
    codes = [[-1 if value is None else labels.index(value) for value in row] for row in counted]
    patterns = Patterns(
        np.array(codes, dtype=np.int64),
        np.array(list(counted.values())),
        len(labels),
        None if numbers is None else np.array(numbers, dtype=float),
    )
    width = len(codes[0])
    names = [f"c{place}" for place in range(width if gold is None else width - 1)]
    return Coding(
        tuple(names), gold, patterns, tuple(map(str, labels)), level, is_codebook, sum(counted.values())
    )


def measures(rows, labels, **more):
    return agree(coding(rows, labels, **more), QUICK).measures


def estimate(figure):
    return figure.estimate


NOTHING = None


@pytest.mark.parametrize(
    ("rows", "labels", "expected"),
    [
        pytest.param(
            [("a", "a")] * 5,
            ["a", "b"],
            {"accuracy": 1, "cohen_kappa": NOTHING, "krippendorff_alpha": NOTHING, "gwet_ac1": 1},
            id="all-a-two-labels",
        ),
        pytest.param(
            [("a", "a")] * 5,
            ["a"],
            {"accuracy": 1, "cohen_kappa": NOTHING, "krippendorff_alpha": NOTHING, "gwet_ac1": NOTHING},
            id="all-a-one-label",
        ),
        pytest.param([("b", "a")] * 5, ["a", "b"], {"accuracy": 0, "cohen_kappa": 0}, id="all-wrong"),
        pytest.param(
            [("a", "a")] * 3 + [("b", "a")] * 2,
            ["a", "b"],
            {"accuracy": Fraction(3, 5), "cohen_kappa": 0},
            id="gold-constant",
        ),
        pytest.param(
            [(None, "a")] * 3 + [(None, "b")] * 2,
            ["a", "b"],
            {"accuracy": 0, "cohen_kappa": 0, "krippendorff_alpha": NOTHING},
            id="no-prediction",
        ),
        pytest.param(
            [("a", "a"), ("a", "a"), ("b", "b"), (None, "b")],
            ["a", "b"],
            {"accuracy": Fraction(3, 4), "cohen_kappa": Fraction(3, 5), "macro_f1": Fraction(5, 6)},
            id="illegal-of-the-codebook",
        ),
        pytest.param(
            [("a", "a"), ("a", "a"), ("b", "b"), ("c", "b")],
            ["a", "b", "c"],
            {"accuracy": Fraction(3, 4), "cohen_kappa": Fraction(3, 5), "macro_f1": Fraction(5, 9)},
            id="of-all-seen",
        ),
        pytest.param(
            [("a", "a")],
            ["a", "b"],
            {"accuracy": 1, "cohen_kappa": NOTHING, "krippendorff_alpha": NOTHING},
            id="one-hit",
        ),
        pytest.param(
            [("a", "b")],
            ["a", "b"],
            {"accuracy": 0, "cohen_kappa": 0, "krippendorff_alpha": 0},
            id="one-miss",
        ),
        pytest.param(
            [("a", "a"), ("b", "b")],
            ["a", "b"],
            {"accuracy": 1, "cohen_kappa": 1, "krippendorff_alpha": 1, "gwet_ac1": 1},
            id="two-hits",
        ),
        pytest.param(
            [("a", "a"), ("b", "b"), ("b", "a"), ("b", "b")],
            ["a", "b"],
            {
                "accuracy": Fraction(3, 4),
                "cohen_kappa": Fraction(1, 2),
                "krippendorff_alpha": Fraction(8, 15),
                "gwet_ac1": Fraction(9, 17),
            },
            id="four",
        ),
        pytest.param(
            [("no", "no")] * 96 + [("yes", "no"), ("no", "yes")] + [("yes", "yes")] * 2,
            ["no", "yes"],
            {"accuracy": Fraction(98, 100), "cohen_kappa": Fraction(191, 291)},
            id="rare",
        ),
    ],
)
def test_true_values_beside_gold(rows, labels, expected):
    """
    Values by hand, in fractions: answers, then gold. What is undefined has a reason and no number.
    """
    found = measures(rows, labels, gold="gold")
    for name, value in expected.items():
        if value is NOTHING:
            assert found[name].estimate is None, name
            assert found[name].why is not None
            assert found[name].to_plain()["why"]
        else:
            assert found[name].estimate == pytest.approx(float(value), abs=1e-12), name


def test_gwet_of_rare_labels():
    """
    AC1 of 96, 1, 1, 2 is 0.978764, where kappa is 0.656.
    """
    rows = [("no", "no")] * 96 + [("yes", "no"), ("no", "yes")] + [("yes", "yes")] * 2
    assert measures(rows, ["no", "yes"])["gwet_ac1"].estimate == pytest.approx(0.978764, abs=5e-7)


def test_gwet_is_not_scott():
    """
    Of 118, 5, 2 and 0 units AC1 is .9408, and Cohen's kappa -.0234 (`cohen_paradox` of irrCAC).
    """
    rows = [("y", "y")] * 118 + [("y", "n")] * 5 + [("n", "y")] * 2
    found = measures(rows, ["y", "n"])
    assert found["gwet_ac1"].estimate == pytest.approx(0.9408, abs=5e-5)
    assert found["cohen_kappa"].estimate == pytest.approx(-0.0234, abs=5e-5)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (5, 5, 0.565518, 1),
        (0, 5, 0, 0.434482),
        (3, 5, 0.230724, 0.882379),
        (3, 4, 0.300642, 0.954413),
        (1, 1, 0.206549, 1),
        (0, 1, 0, 0.793451),
        (2, 2, 0.342380, 1),
    ],
)
def test_wilson_of_accuracy(hits, n, low, high):
    """
    Accuracy has Wilson's interval, which has a width at 0 and at 1.
    """
    rows = [("a", "a")] * hits + [("b", "a")] * (n - hits)
    found = measures(rows, ["a", "b"], gold="gold")["accuracy"]
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


def test_no_interval_without_width():
    """
    Two units, both right: the estimate is 1, and no interval of width 0 stands beside it.
    """
    found = measures([("a", "a"), ("b", "b")], ["a", "b"], gold="gold")
    for name, figure in found.items():
        assert figure.low is None or figure.high - figure.low > 0, name
    assert found["krippendorff_alpha"].low is None
    assert found["krippendorff_alpha"].why is not None


def test_a_coder_without_ratings_changes_nothing():
    """
    Alpha 8/15 and AC1 9/17, with and without a third coder who said nothing.
    """
    two = [("a", "a"), ("b", "b"), ("a", "b"), ("b", "b")]
    found = measures([(*row, None) for row in two], ["a", "b"])
    assert found["krippendorff_alpha"].estimate == pytest.approx(8 / 15)
    assert found["gwet_ac1"].estimate == pytest.approx(9 / 17)
    assert found["fleiss_kappa"].estimate == pytest.approx(measures(two, ["a", "b"])["fleiss_kappa"].estimate)


def test_three_coders_with_gaps():
    """
    aaa, bba, a-a, ---, bb-: alpha 5/8, AC1 25/37.
    """
    rows = [("a", "a", "a"), ("b", "b", "a"), ("a", None, "a"), (None, None, None), ("b", "b", None)]
    found = measures(rows, ["a", "b"])
    assert found["krippendorff_alpha"].estimate == pytest.approx(5 / 8)
    assert found["gwet_ac1"].estimate == pytest.approx(25 / 37)
    assert found["krippendorff_alpha"].n == 4


def test_weights_by_the_order_of_the_codebook():
    """
    Kappa 3/11, linear 1/2, quadratic 9/13 in the order low, mid, high; in that of the alphabet 0.
    """
    rows = [("low", "low"), ("mid", "high"), ("high", "high"), ("low", "mid")]
    found = measures(rows, ["low", "mid", "high"], level="ordinal")
    assert found["cohen_kappa"].estimate == pytest.approx(3 / 11)
    assert found["cohen_kappa_linear"].estimate == pytest.approx(1 / 2)
    assert found["cohen_kappa_quadratic"].estimate == pytest.approx(9 / 13)
    assert "order of the labels" in found["cohen_kappa_quadratic"].method
    by_alphabet = measures(rows, ["high", "low", "mid"], level="ordinal")
    assert by_alphabet["cohen_kappa_quadratic"].estimate == pytest.approx(0, abs=1e-12)


def test_weights_by_rank_and_by_value():
    """
    Of 1, 2 and 10 the quadratic kappa is 9/13 by rank and 0.56667 by value; the method says which.
    """
    rows = [(1, 1), (2, 10), (10, 10), (1, 2)]
    by_rank = measures(rows, [1, 2, 10], level="ordinal")["cohen_kappa_quadratic"]
    by_value = measures(rows, [1, 2, 10], level="interval", numbers=[1, 2, 10])["cohen_kappa_quadratic"]
    assert by_rank.estimate == pytest.approx(9 / 13)
    assert by_value.estimate == pytest.approx(0.56667, abs=5e-6)
    assert "by value" in by_value.method


def test_a_pair_as_scikit_learn_has_it():
    """
    Cohen's kappas, F1, precision, recall, balanced accuracy and Matthews' correlation of scikit-learn 1.9.1,
    and Wilson's interval of statsmodels 0.15.0.
    """
    oracle = ORACLES["pair"]
    labels = list(cases.LABELS)
    rows = [(said, gold) for gold, said in cases.pair_of_coders()]
    found = agree(coding(rows, labels, level="ordinal", gold="gold"), QUICK)
    names = {"cohen_kappa": "plain", "cohen_kappa_linear": "linear", "cohen_kappa_quadratic": "quadratic"}
    for ours, theirs in names.items():
        assert found.measures[ours].estimate == pytest.approx(oracle["cohen"][theirs], abs=1e-12)
    for name in ("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy", "mcc"):
        assert found.measures[name].estimate == pytest.approx(oracle[name], abs=1e-12), name
    accuracy = found.measures["accuracy"]
    assert [accuracy.low, accuracy.high] == pytest.approx(oracle["wilson"], abs=1e-12)
    (beside,) = found.against_gold
    for place, quality in enumerate(beside.labels):
        for name in ("precision", "recall", "f1"):
            assert getattr(quality, name).estimate == pytest.approx(oracle[name][place], abs=1e-12)
    assert sum(map(sum, beside.confusion)) == len(rows)


def test_coders_with_gaps_as_krippendorff_and_irrcac_have_them():
    """
    Alpha of krippendorff 0.9.0 at four levels; AC1, AC2, Fleiss and Brennan-Prediger of irrCAC 0.4.4.
    """
    oracle, values = ORACLES["gaps"], [1, 2, 3, 4, 5]
    patterns = coding(cases.coders_with_gaps(), values, numbers=values).patterns
    wanted = {
        **{
            level: among.krippendorff_alpha(patterns, level)
            for level in ("nominal", "ordinal", "interval", "ratio")
        },
        "irrCAC gwet identity": among.gwet(patterns),
        "irrCAC gwet quadratic": among.gwet(patterns, "quadratic"),
        "irrCAC fleiss identity": among.fleiss_kappa(patterns),
        "irrCAC bp identity": among.brennan_prediger(patterns),
        "irrCAC pa": among.percent_agreement(patterns),
    }
    for name, statistic in wanted.items():
        assert statistic(patterns.mass)[0] == pytest.approx(oracle[name], abs=1e-9), name


def test_numbers_as_scipy_has_them():
    """
    Pearson's r and Spearman's rho of SciPy 1.12, mean absolute error and bias by hand.
    """
    pairs = cases.pair_of_numbers()
    values = sorted({value for pair in pairs for value in pair})
    found = measures(pairs, values, level="interval", numbers=values)
    assert found["pearson"].estimate == pytest.approx(ORACLES["numbers"]["pearson"], abs=1e-12)
    assert found["spearman"].estimate == pytest.approx(ORACLES["numbers"]["spearman"], abs=1e-12)
    off = [second - first for first, second in pairs]
    assert found["bias"].estimate == pytest.approx(math.fsum(off) / len(off))
    assert found["mean_absolute_error"].estimate == pytest.approx(math.fsum(map(abs, off)) / len(off))


def test_intraclass_as_published():
    """
    All six forms of the six targets and four judges of Shrout and Fleiss (1979), table 4.
    """
    rows = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7)]
    values = list(range(11))
    patterns = coding(rows, values, numbers=values).patterns
    published: dict[of_numbers.Form, float] = {
        "1,1": 0.17,
        "2,1": 0.29,
        "3,1": 0.71,
        "1,k": 0.44,
        "2,k": 0.62,
        "3,k": 0.91,
    }
    for form, value in published.items():
        assert of_numbers.intraclass(patterns, form)(patterns.mass)[0] == pytest.approx(value, abs=5e-3), form


def test_intraclass_as_pingouin_has_it():
    """
    All six forms, of three coders.
    """
    rows = cases.raters_of_numbers()
    values = sorted({value for row in rows for value in row})
    found = measures(rows, values, level="interval", numbers=values)
    theirs = {"1": "1", "2": "A", "3": "C"}
    for form in of_numbers.FORMS:
        name = "icc" if form == "2,1" else f"icc_{form.replace(',', '_')}"
        theirs_is = ORACLES["intraclass"][f"ICC({theirs[form[0]]},{form[2]})"]
        assert found[name].estimate == pytest.approx(theirs_is, abs=1e-12), form


def test_concordance_is_correlation_less_what_lies_beside_the_line():
    """
    Lin's coefficient is Pearson's r times 2 / (v + 1/v + u^2), of scale v and shift u; of equal numbers 1.
    """
    pairs = cases.pair_of_numbers()
    values = sorted({value for pair in pairs for value in pair})
    found = measures(pairs, values, level="interval", numbers=values)
    x, y = np.array(pairs).T
    v, u = x.std() / y.std(), (x.mean() - y.mean()) / math.sqrt(x.std() * y.std())
    bias_correction = 2 / (v + 1 / v + u * u)
    assert found["concordance"].estimate == pytest.approx(
        ORACLES["numbers"]["pearson"] * bias_correction, abs=1e-12
    )
    root = math.sqrt(np.mean((x - y) ** 2))
    assert found["root_mean_square_error"].estimate == pytest.approx(root)
    same = measures([(one, one) for one in values], values, level="interval", numbers=values)
    assert same["concordance"].estimate == pytest.approx(1)


def test_t_as_scipy_has_it():
    """
    Quantiles of Student's t are those of SciPy 1.12, which for 5 degrees of freedom differs from tables in
    its tenth digit (2.570581836615 for 2.570581835636), and of those.
    """
    assert t_quantile(0.95, 5) == pytest.approx(2.570581835636314, rel=1e-14)
    freedoms = (1, 2, 5, 9, 28.5, 99, 1999)
    assert [t_quantile(0.95, freedom) for freedom in freedoms] == pytest.approx(
        ORACLES["numbers"]["t"], rel=1e-9
    )


def test_the_same_seed_gives_the_same_interval():
    """
    Intervals are repeatable, and another seed gives others.
    """
    rows = cases.pair_of_coders()

    def ends(seed):
        found = agree(coding(rows, list(cases.LABELS)), Resampling(draws=500, seed=seed))
        return found.measures["krippendorff_alpha"].low, found.measures["krippendorff_alpha"].high

    assert ends(1) == ends(1) != ends(2)


def test_draws_of_counts_are_draws_of_rows():
    """
    An interval from multinomial draws of counts is that of resampled rows, but for chance.
    """
    rows = cases.pair_of_coders()
    found = agree(coding(rows, list(cases.LABELS)), Resampling(draws=4_000)).measures["cohen_kappa"]
    chance = random.Random(1)

    def kappa(pairs):
        n = len(pairs)
        first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
        by_chance = sum(first[label] * second[label] for label in first) / n**2
        return (sum(one == other for one, other in pairs) / n - by_chance) / (1 - by_chance)

    drawn = sorted(kappa(chance.choices(rows, k=len(rows))) for _ in range(2_000))
    assert found.low == pytest.approx(drawn[50], abs=0.01)
    assert found.high == pytest.approx(drawn[1_949], abs=0.01)


def test_many_patterns_have_the_interval_of_a_jackknife():
    """
    Where drawing would take minutes, the interval is a grouped jackknife's; it is about that of the draws.
    """
    chance = random.Random(2)
    values = [round(chance.gauss(0, 1), 4) for _ in range(4_000)]
    pairs = [(value, round(value + chance.gauss(0, 1), 4)) for value in values]
    worth = sorted({value for pair in pairs for value in pair})
    patterns = coding(pairs, worth, numbers=worth).patterns
    wanted = {"r": Wanted(of_numbers.pearson(patterns), 4_000, "r", Notice("undefined-constant"))}
    drawn = figures_of(wanted, patterns, Resampling(draws=1_000))["r"]
    grouped = figures_of(wanted, patterns, Resampling(draws=20_000))["r"]
    assert "jackknife" in grouped.method
    assert "draws" in drawn.method
    assert [grouped.low, grouped.high] == pytest.approx([drawn.low, drawn.high], abs=0.005)


def test_weights_are_as_if_units_came_more_often():
    """
    A unit that was drawn half as likely counts twice.
    """
    labels = ["a", "b"]
    rows = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")]
    doubled = coding([*rows, ("a", "b")], labels).patterns
    once = coding(rows, labels).patterns
    is_doubled = (once.codes == [0, 1]).all(axis=1)
    weighted = Patterns(once.codes, once.counts, 2, None, np.where(is_doubled, 2.0, 1.0))
    for statistic in (among.percent_agreement, among.gwet, among.fleiss_kappa, among.cohen_kappa):
        assert statistic(weighted)(weighted.mass) == pytest.approx(statistic(doubled)(doubled.mass))


def test_more_than_two_coders_have_light_and_every_pair():
    """
    Of three coders Cohen's kappa is the mean over the three pairs, and each pair stands beside it.
    """
    rows = [("a", "a", "b"), ("b", "b", "b"), ("a", "b", "a"), ("b", "b", "a"), ("a", "a", "a")]
    found = agree(coding(rows, ["a", "b"]), QUICK)
    kappas: list[Any] = [pair.measures["cohen_kappa"].estimate for pair in found.pairs]
    assert len(kappas) == 3
    assert found.measures["cohen_kappa"].estimate == pytest.approx(np.mean(kappas))
    assert "Light" in found.measures["cohen_kappa"].method


def test_too_many_values_for_labels():
    """
    Of 600 different numbers alpha at the interval level is computed, and kappas of labels are not.
    """
    chance = random.Random(4)
    pairs = [(place, place + chance.choice((0, 1))) for place in range(600)]
    values = list(range(601))
    found = measures(pairs, values, level="interval", numbers=values)
    assert found["krippendorff_alpha"].estimate > 0.99
    assert found["gwet_ac1"].estimate is None
    assert "600" in str(found["gwet_ac1"].why) or "601" in str(found["gwet_ac1"].why)


@pytest.mark.parametrize(
    ("hits", "p"),
    [
        ((5, 14), ORACLES["pair"]["mcnemar"]),
        ((0, 0), None),
        ((1, 1), 1.0),
        ((0, 6), 2 / 64),
        ((3_000, 3_000), 1.0),
    ],
)
def test_exact_mcnemar(hits, p):
    """
    The exact test is that of statsmodels 0.15.0; without a pair that differs it is undefined, where the
    asymptotic one of that package says 0.
    """
    assert exact_mcnemar(*hits) == (None if p is None else pytest.approx(p, rel=1e-12))


def test_two_models_beside_gold_are_compared_on_the_same_draws():
    """
    The difference of two accuracies has the paired interval, narrower than that of two samples of their own;
    equal models differ by 0, without an interval.
    """
    chance = random.Random(6)
    gold = [chance.choice("ab") for _ in range(400)]
    good = [one if chance.random() < 0.9 else "a" for one in gold]
    worse = [one if chance.random() < 0.9 else "b" for one in good]
    rows = list(zip(good, worse, good, gold, strict=True))
    found = agree(coding(rows, ["a", "b"], gold="gold"), Resampling(draws=1_000))
    better, same, _ = found.comparisons
    difference: Any = better.differences["accuracy"]
    first, second, _ = (one.measures["accuracy"] for one in found.against_gold)
    widths = [(one.high or 0.0) - (one.low or 0.0) for one in (first, second)]
    assert difference.estimate == pytest.approx((first.estimate or 0.0) - (second.estimate or 0.0))
    assert difference.high - difference.low < math.hypot(*widths)
    assert (better.only_first - better.only_second) / 400 == pytest.approx(difference.estimate)
    assert (same.only_first, same.only_second, same.p) == (0, 0, None)
    assert (same.differences["accuracy"].estimate, same.differences["accuracy"].low) == (0, None)
    assert better.to_plain()["mcnemar_p"] == better.p


def test_a_notebook_shows_the_same():
    """
    `_repr_html_` has every measure, and texts cannot become tags.
    """
    found = agree(coding([("<b>", "x"), ("x", "x")], ["<b>", "x"]), QUICK)
    page = found._repr_html_()
    assert page.count("<tr>") == len(found.measures) + 1
    assert "<b>" not in page
