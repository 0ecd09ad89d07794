"""Quotes of texts: what is shared, and alpha for unitizing."""

from __future__ import annotations

import random

import numpy as np
import pytest

from rowbatch.core.statistics.agreement_of_more import QuoteCoding, agree_on_quotes
from rowbatch.core.statistics.coder_agreement import Coding
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.quoted_passages import (
    Passages,
    QuotedTexts,
    passages_of,
    units_of,
    words_of,
)

QUICK = Resampling(draws=200)


def alpha(texts, said):
    quoted = QuotedTexts(texts, said)
    return float(quoted.unitizing_alpha()(np.ones((1, len(texts))))[0])


def agree(texts, said, *, coders, gold=None, weights=None):
    weights = np.ones(1) if weights is None else np.array(weights)
    coding = Coding(tuple(coders), gold, units_of(len(texts), weights), (), "nominal", False, len(texts))
    return agree_on_quotes(QuoteCoding(coding, texts, said, weights), QUICK)


def test_unitizing_alpha_as_published():
    """
    Figure 12.11 of Krippendorff (2019): three observers of a continuum of 60; binary alpha is .413.
    """
    alex = [(0, 7), (7, 13), (30, 32), (32, 37), (37, 44), (44, 60)]
    paul = [(0, 7), (7, 13), (13, 21), (32, 44)]
    suzan = [(0, 7), (7, 13), (13, 21), (32, 37), (37, 41), (41, 44)]
    found = alpha(["x" * 60], [[passages_of(one) for one in (alex, paul, suzan)]])
    assert found == pytest.approx(0.413, abs=0.001)


def made_up(coders):
    """Eight texts of which coders quote much the same."""
    chance = random.Random(4)

    def quotes(length):
        cuts = sorted(chance.sample(range(length), 4))
        return [(cuts[2 * at], cuts[2 * at + 1]) for at in range(chance.choice([0, 1, 2]))]

    texts, said = [], []
    for _ in range(8):
        length = chance.randrange(30, 80)
        texts.append("x" * length)
        base = quotes(length)
        said.append(
            [
                passages_of(
                    [
                        (max(0, start + chance.choice([0, 0, -2])), min(length, stop + chance.choice([0, 3])))
                        for start, stop in base
                    ]
                    if chance.random() < 0.8
                    else quotes(length)
                )
                for _ in range(coders)
            ]
        )
    return texts, said


@pytest.mark.parametrize(("coders", "theirs"), [(2, 0.4269670924033341), (3, 0.3040432227948616)])
def test_unitizing_alpha_as_another_program_has_it(coders, theirs):
    """
    KrippendorffUnitizedAlpha (zeljkobekcic, at 61188b7), of the texts one after the other.
    """
    assert alpha(*made_up(coders)) == pytest.approx(theirs, abs=1e-12)


def test_what_overlaps_is_one_passage_and_what_touches_is_two():
    """
    A coder's own quotes are in order, and count once.
    """
    assert passages_of([(5, 9), (0, 3), (2, 6)]).spans == ((0, 9),)
    assert passages_of([(3, 5), (0, 3), (4, 4)]).spans == ((0, 3), (3, 5))


def test_words_of_any_script():
    """
    Words by letters and digits; of Chinese and Japanese a character each.
    """
    assert len(words_of("Don't stop, 24 hours")) == 5
    assert len(words_of("我们支持 reform")) == 5


def test_shares_by_hand():
    """
    "the new" beside "new law" of `the new law`: 3 of 7 characters and 1 of 2 words are shared.
    """
    texts = ["the new law"]
    found = agree(texts, [[passages_of([(0, 7)]), passages_of([(4, 11)])]], coders=["a", "b"]).measures
    assert found["character_f1"].estimate == pytest.approx(3 / 7)
    assert found["word_f1"].estimate == pytest.approx(1 / 2)
    assert found["mean_overlap"].estimate == pytest.approx(3 / 11)
    assert found["exact_match"].estimate == 0


def test_beside_gold_nothing_is_wrong_and_none_may_be_right():
    """
    Who quotes nothing where gold has none is right; who is not there is not; a quote that does not stand in
    the text is quoted and not shared.
    """
    texts = ["abcdefghij"] * 4
    none = Passages()
    gold = passages_of([(0, 4)])
    said = [
        [none, none],
        [None, none],
        [passages_of([], ["zz zz"]), gold],
        [passages_of([(0, 2)]), gold],
    ]
    found = agree(texts, said, coders=["model"], gold="people")
    one = found.against_gold[0]
    assert (found.n, one.without) == (4, 1)
    assert one.measures["accuracy"].estimate == 1 / 4
    assert one.measures["mean_overlap"].estimate == pytest.approx((1 + 0 + 0 + 0.5) / 4)
    assert one.measures["character_recall"].estimate == pytest.approx(2 / 8)
    assert one.measures["character_precision"].estimate == pytest.approx(2 / 7)


@pytest.mark.parametrize("said", [[Passages(), Passages()], [passages_of([(0, 5)])] * 2])
def test_nothing_or_all_quoted_is_undefined(said):
    """
    Where nobody quotes anything, or everybody all of it, there is no agreement beyond chance.
    """
    found = agree(["abcde"] * 3, [said] * 3, coders=["a", "b"]).measures
    assert found["unitizing_alpha"].why.kind == "undefined-nothing-quoted"
    assert found["exact_match"].estimate == 1


def test_pairs_comparisons_and_weights():
    """
    Of three coders each pair; of two beside gold who is better; a text of weight 3 counts as three.
    """
    texts, said = made_up(3)
    found = agree(texts, said, coders=["a", "b", "c"])
    assert [pair.coders for pair in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    beside = agree(texts, said, coders=["a", "b"], gold="c")
    assert beside.comparisons[0].coders == ("a", "b")
    assert len(beside.against_gold) == 2
    weights = np.array([3.0] + [1.0] * 7) * 0.8
    weighted = agree(texts, said, coders=["a", "b", "c"], weights=weights).measures
    repeated = agree([texts[0]] * 2 + texts, [said[0]] * 2 + said, coders=["a", "b", "c"]).measures
    for name, figure in weighted.items():
        if name != "unitizing_alpha":
            assert figure.estimate == pytest.approx(repeated[name].estimate), name
    assert weighted["unitizing_alpha"].estimate == pytest.approx(
        repeated["unitizing_alpha"].estimate, abs=0.05
    )


def test_nobody_said_anything():
    """
    Without a pair everything is undefined.
    """
    found = agree(["abc"], [[None, Passages()]], coders=["a", "b"])
    assert all(figure.why.kind == "undefined-no-pairs" for figure in found.measures.values())
