"""How far sets of labels agree."""

from collections import Counter
from itertools import combinations_with_replacement
from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core import agreement_of_sets
from rowbatch.core.agreement_of_sets import labels_agreement, masi_distance

# People's labels and the model's of a row, a letter each; "e" is "none of these", "" no answer.
SETS = [
    *(("ab", "ab"), ("a", "ab"), ("abc", "a"), ("b", "c"), ("d", "d"), ("bd", "bc"), ("c", "c")),
    *(("acd", "acd"), ("e", "e"), ("e", "a"), ("b", "e"), ("ad", "bcd"), ("b", ""), ("d", "")),
]


def test_sets_beside_other_implementations():
    """
    Every number is what others compute, a label that nobody gives among them; "none of these" counts in the
    sets, and is no label in the means.

    scikit-learn 1.9.1 of columns of 0 and 1: `accuracy_score`, `jaccard_score(average="samples")`,
    `f1_score(average="micro")`, `f1_score(average="macro", zero_division=nan)`, and of each column
    `cohen_kappa_score`, `precision_score`, `recall_score`, `f1_score`. Krippendorff's alpha: NLTK 3.10.4,
    `AnnotationTask(…, distance=masi_distance).alpha()`; simpledorff 0.0.2 gives the same.
    """
    found = labels_agreement(SETS * 3, "abcdz", "e")
    assert (found.n, found.unlabelled) == (42, 6)
    assert found.exact == pytest.approx(0.35714285714285715, abs=1e-12)
    assert found.jaccard == pytest.approx(0.4583333333333333, abs=1e-12)
    assert found.micro_f1 == pytest.approx(0.6111111111111112, abs=1e-12)
    assert found.macro_f1 == pytest.approx(0.6125, abs=1e-12)
    assert found.alpha == pytest.approx(0.30423370025402185, abs=1e-12)
    assert {
        label: (one.kappa, one.precision, one.recall, one.f1) for label, one in found.of_labels.items()
    } == {
        "a": pytest.approx((0.6888888888888889, 0.8, 0.8, 0.8), abs=1e-12),
        "b": pytest.approx((0.08695652173913038, 0.5, 1 / 3, 0.4), abs=1e-12),
        "c": pytest.approx((0.31707317073170727, 0.4, 2 / 3, 0.5), abs=1e-12),
        "d": pytest.approx((0.6585365853658536, 1.0, 0.6, 0.75), abs=1e-12),
        "z": (None, None, None, None),
        "e": pytest.approx((0.41666666666666663, 0.5, 0.5, 0.5), abs=1e-12),
    }
    assert list(found.of_labels) == ["a", "b", "c", "d", "z", "e"]
    assert (found.of_labels["b"].people, found.of_labels["b"].model, found.of_labels["b"].both) == (18, 12, 6)


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        (0b0011, 0b0011, 0),
        (0b0011, 0b1111, 2 / 3),
        (0b0011, 0b0110, 8 / 9),
        (0b0011, 0b1100, 1),
        (0, 0b1, 1),
        (0, 0, 0),
    ],
)
def test_masi_distance(one, other, distance):
    """
    The table of Passonneau (2006): 1 minus Jaccard's coefficient by 1, 2/3, 1/3 or 0; NLTK 3.10.4's docstring
    has the second.
    """
    assert masi_distance(one, other) == masi_distance(other, one) == pytest.approx(distance)


def test_what_is_undefined_of_sets_is_none():
    """
    One and the same set throughout leaves nothing to measure by chance; labels that nobody gives have no F1.
    """
    found = labels_agreement([("e", "e")] * 3, "ab", "e")
    assert (found.exact, found.jaccard) == (1, 1)
    assert (found.alpha, found.micro_f1, found.macro_f1) == (None, None, None)
    assert found.of_labels["e"].kappa is None
    assert found.of_labels["e"].f1 == 1


@pytest.mark.parametrize(
    ("pairs", "told"), [([], "nothing to compare"), ([("a", "?")], "not one"), ([("?", "a")], "not one")]
)
def test_sets_that_cannot_be_compared(pairs, told):
    """
    No rows, and labels of no codebook, are refused with the reason.
    """
    with pytest.raises(ValueError, match=told):
        labels_agreement(pairs, "ab")


one_set = st.sets(st.sampled_from("abcd"), min_size=1)
set_pairs = st.lists(st.tuples(one_set, one_set), min_size=1, max_size=20)
MEASURES = ("exact", "jaccard", "micro_f1", "macro_f1", "alpha")


@given(set_pairs)
def test_sets_are_symmetric_and_bounded(pairs):
    """
    Whatever the sets: the same from either side but for precision and recall, which change places; within
    bounds; and 1 or undefined where all agree.
    """
    one = labels_agreement(pairs, "abcd")
    other = labels_agreement([(model, people) for people, model in pairs], "abcd")
    for name in MEASURES:
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9), name
    for label, scores in one.of_labels.items():
        turned = other.of_labels[label]
        assert (scores.kappa, scores.f1) == pytest.approx((turned.kappa, turned.f1))
        assert (scores.precision, scores.recall) == (turned.recall, turned.precision)
        assert scores.kappa is None or -1 <= scores.kappa <= 1
    assert all(0 <= getattr(one, name) <= 1 for name in MEASURES[:-1])
    assert one.exact <= one.jaccard + 1e-12
    assert one.alpha is None or one.alpha <= 1
    same = labels_agreement([(people, people) for people, _ in pairs], "abcd")
    assert {getattr(same, name) for name in MEASURES} <= {1.0, None}
    assert all(value in (None, 1.0) for one in same.of_labels.values() for value in (one.kappa, one.f1))


@pytest.mark.parametrize("width", [3, 64, 65, 150])
@pytest.mark.parametrize("crossed", [1, 7, 1_000_000])
def test_distances_in_columns_are_those_one_by_one(width, crossed, monkeypatch):
    """
    The columns, in one piece or in many, give what each pair of sets gives by itself, also of more labels
    than a number of 64 bits holds.
    """
    monkeypatch.setattr(agreement_of_sets, "_MAX_CROSSED", crossed)
    high = 1 << width - 1
    sets = Counter({0: 2, 0b011: 3, 0b110: 1, high: 4, high | 0b10: 2, high | 0b11: 1})
    wanted = fsum(
        masi_distance(one, other) * sets[one] * sets[other] * (1 if one == other else 2)
        for one, other in combinations_with_replacement(sets, 2)
    )
    assert agreement_of_sets._distances(sets) == pytest.approx(wanted)
