"""Several labels in a cell: sets beside sets, and each label alone."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import statistics_cases as cases
from rowbatch.core.statistics.agreement_of_more import agree_on_sets
from rowbatch.core.statistics.coder_agreement import Coding
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.patterns import Patterns
from rowbatch.core.statistics.several_labels import masi_table

ORACLES = json.loads((Path(__file__).parent / "oracle_values.json").read_text(encoding="utf-8"))["sets"]
QUICK = Resampling(draws=200)


def agree(rows, labels=cases.LABELS, *, coders=None, gold=None, weights=None):
    """What coders gave, a set a cell; None is missing."""
    sets = sorted({frozenset(), *(one for row in rows for one in row if one is not None)}, key=sorted)
    codes = np.array([[-1 if one is None else sets.index(one) for one in row] for row in rows])
    members = np.array([[label in one for label in labels] for one in sets])
    patterns = Patterns(
        codes,
        np.ones(len(rows), dtype=np.int64),
        len(sets),
        None,
        np.ones(1) if weights is None else np.array(weights),
    )
    names = coders or [f"c{at}" for at in range(len(rows[0]))]
    coding = Coding(tuple(names), gold, patterns, tuple(labels), "nominal", True, len(rows))
    return agree_on_sets(coding, members, QUICK)


def s(text):
    """A set of one-letter labels; `-` is missing."""
    return None if text == "-" else frozenset(text)


def rows_of(*rows):
    return [tuple(s(cell) for cell in row) for row in rows]


def test_sets_of_three_coders_with_gaps_as_krippendorff_has_them():
    """
    Alpha with MASI's and Jaccard's distance is that of krippendorff 0.9.0, given the same distances.
    """
    found = agree(cases.sets_with_gaps())
    assert found.measures["masi_alpha"].estimate == pytest.approx(ORACLES["masi_alpha"], abs=1e-12)
    assert found.measures["jaccard_alpha"].estimate == pytest.approx(ORACLES["jaccard_alpha"], abs=1e-12)
    assert len(found.pairs) == 3


def test_two_coders_and_each_label_as_scikit_learn_has_them():
    """
    Exact match, Jaccard, F1 of all, and precision, recall, F1, kappa of each label.
    """
    both = [row[:2] for row in cases.sets_with_gaps() if None not in row[:2]]
    # Gold stands behind the coders.
    agreement = agree([(said, gold) for gold, said in both], coders=["model"], gold="people")
    found, measures = agreement.against_gold[0], agreement.measures
    assert measures["exact_match"].estimate == pytest.approx(ORACLES["exact"])
    assert found.measures["accuracy"].estimate == pytest.approx(ORACLES["exact"])
    assert found.measures["mean_jaccard"].estimate == pytest.approx(ORACLES["jaccard"])
    assert found.measures["micro_f1"].estimate == pytest.approx(ORACLES["micro_f1"])
    assert found.measures["macro_f1"].estimate == pytest.approx(ORACLES["macro_f1"])
    for place, quality in enumerate(found.labels):
        for name, figure in (
            ("precision", quality.precision),
            ("recall", quality.recall),
            ("f1", quality.f1),
        ):
            assert figure.estimate == pytest.approx(ORACLES[name][place])
        assert quality.kappa.estimate == pytest.approx(ORACLES["kappa"][place])
        assert agreement.of_labels[place].measures["cohen_kappa"].estimate == pytest.approx(
            ORACLES["kappa"][place]
        )


def test_masi_by_hand():
    """
    1 for the same, 2/3 of Jaccard where one holds the other, 1/3 where they overlap, 0 where nothing is
    shared, with the empty set too.
    """
    members = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0]], dtype=bool)
    table = masi_table(members)
    assert table[0].tolist() == pytest.approx([1, 1 / 3, 1 / 9, 0, 0])
    assert table[4].tolist() == [0, 0, 0, 0, 1]


def test_alpha_by_hand():
    """
    Two units, (ab, ab) and (a, ab): observed 1/3 of the way apart in one of two, expected from all six pairs.
    """
    found = agree(rows_of(("ab", "ab"), ("a", "ab")), "ab")
    apart = 1 - Fraction(1, 2) * Fraction(2, 3)
    observed, expected = apart / 2, apart * 2 * 3 / Fraction(4 * 3)
    assert found.measures["masi_alpha"].estimate == pytest.approx(float(1 - observed / expected))


def test_one_and_the_same_set_is_no_agreement_beyond_chance():
    """
    Where all give one set, alphas and kappas are undefined, and say why; exact match is 1.
    """
    found = agree(rows_of(*[("a", "a")] * 5), "ab")
    assert found.measures["exact_match"].estimate == 1
    assert found.measures["exact_match"].low == pytest.approx(0.565518, abs=1e-6)
    for name in ("masi_alpha", "jaccard_alpha", "nominal_alpha"):
        assert found.measures[name].estimate is None
        assert found.measures[name].why.kind == "undefined-no-variation"
    label = found.of_labels[0]
    assert (label.given, label.measures["cohen_kappa"].estimate) == (10, None)


def test_no_label_is_an_answer_and_no_answer_is_wrong():
    """
    Two empty sets are the same; an answer that is not there agrees with none, not even with the empty set.
    """
    rows = rows_of(("", ""), ("-", ""), ("a", "a"), ("b", "-"))
    found = agree(rows, "ab", coders=["model"], gold="people")
    one = found.against_gold[0]
    assert (found.n, one.without) == (3, 1)
    assert one.measures["accuracy"].estimate == pytest.approx(2 / 3)
    assert one.measures["mean_jaccard"].estimate == pytest.approx(2 / 3)
    # Of b there is neither gold nor an answer where gold is known.
    assert one.labels[1].f1.why.kind == "undefined-nothing-counted"
    assert one.measures["macro_f1"].estimate == 1


def test_two_models_are_compared_on_the_same_units():
    """
    Differences have intervals of the same draws, and McNemar's test is of exact matches.
    """
    rows = rows_of(*[("a", "b", "a")] * 6, ("ab", "ab", "ab"), ("b", "a", "a"))
    found = agree(rows, "ab", coders=["one", "two"], gold="people").comparisons[0]
    assert (found.only_first, found.only_second) == (6, 1)
    assert found.p == pytest.approx(2 * (1 + 7) / 2**7)
    assert found.differences["accuracy"].estimate == pytest.approx(5 / 8)


def test_weights():
    """
    A unit of weight 3 counts as three.
    """
    rows = rows_of(("a", "a"), ("b", "ab"), ("ab", "a"))
    weighted = agree(rows, "ab", weights=[1.8, 0.6, 0.6])
    repeated = agree([rows[0]] * 3 + rows[1:], "ab")
    for name in ("exact_match", "mean_jaccard"):
        assert weighted.measures[name].estimate == pytest.approx(repeated.measures[name].estimate)


def test_nobody_said_anything():
    """
    Without a pair everything is undefined, and nothing breaks.
    """
    found = agree(rows_of(("-", "a"), ("b", "-")), "ab")
    assert found.n == 0
    assert all(figure.why.kind == "undefined-no-pairs" for figure in found.measures.values())
    assert found.of_labels == ()
    assert "undefined" in json.dumps(found.to_plain())
