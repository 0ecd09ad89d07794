"""A student of labels: its numbers, its weights, and that nothing is judged by who has seen it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from distilling import made_texts
from rowbatch.core.statistics.corrected import Labelled
from rowbatch.core.statistics.corrected_shares import correct_share
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.student.features import FeatureReader, learn_vocabulary, one_form
from rowbatch.core.student.learning import FOLDS, fold_of, learn, learnable
from rowbatch.core.student.logistic import Search, Weights, fit_logistic, fit_parts
from rowbatch.core.student.points import points_of, products_of

ORACLE = json.loads((Path(__file__).parent / "oracle_student.json").read_text(encoding="utf-8"))
TEXTS = pl.Series("text", ORACLE["texts"], dtype=pl.String)


def test_numbers_are_those_of_scikit_learn() -> None:
    """
    The products of all pairs of texts, which know nothing of the order of features, are its TF-IDF's.
    """
    vocabulary = learn_vocabulary(TEXTS, least_texts=1)
    assert (len(vocabulary.words), len(vocabulary.runs)) == tuple(ORACLE["features"])
    matrix = vocabulary.reader().matrix(TEXTS)
    dense = np.zeros((matrix.texts, matrix.features))
    dense[matrix.of_text, matrix.feature] = matrix.value
    assert dense @ dense.T == pytest.approx(np.array(ORACLE["products"]), abs=1e-9)
    assert np.sort(vocabulary.idf) == pytest.approx(np.array(ORACLE["idf"]), abs=1e-9)


@pytest.mark.parametrize("several", [False, True], ids=["one-label", "several-labels"])
def test_weights_are_those_of_scikit_learn(several: bool) -> None:
    """
    Probabilities and intercepts of a regression that ran to its end are its own, for each strength.
    """
    matrix = learn_vocabulary(TEXTS, least_texts=1).reader().matrix(TEXTS)
    for case in ORACLE["several" if several else "one"]:
        target = np.array(case["target"], dtype=float)
        found = fit_logistic(
            matrix, target, case["strength"], several=several, tolerance=1e-9, most_steps=2_000
        )
        assert found.is_converged
        likely = found.probabilities(matrix, several=several)
        assert likely == pytest.approx(np.array(case["probabilities"]), abs=2e-5)


@pytest.mark.parametrize("several", [False, True], ids=["one-label", "several-labels"])
def test_points_are_fitted_as_features_are(several: bool) -> None:
    """
    Of points and of features the same is said of texts that were not learned from, though some texts are
    equal; weights of points become those of features.
    """
    made = made_texts(90, 7)
    texts = pl.Series("text", [*made.texts, *made.texts[:30]])
    matrix = learn_vocabulary(texts).reader().matrix(texts)
    dense = np.zeros((matrix.texts, matrix.features))
    dense[matrix.of_text, matrix.feature] = matrix.value
    assert products_of(matrix) == pytest.approx(dense @ dense.T, abs=1e-12)
    target = np.array([[one == label for label in ("good", "bad")] for one in made.said], dtype=float)
    target = np.vstack([target, target[:30]])
    learned = np.arange(120) % 4 > 0
    points = points_of(matrix)
    search = Search(3.0, several, tolerance=1e-8, most_steps=2_000)
    all_of_them = np.ones((int(learned.sum()), 1), dtype=np.bool_)
    (of_features,) = fit_parts(matrix.of(learned), target[learned], all_of_them, search)
    (of_points,) = fit_parts(points.of(learned), target[learned], all_of_them, search)
    expected = of_features.probabilities(matrix, several=several)
    assert of_points.probabilities(points, several=several) == pytest.approx(expected, abs=1e-5)
    off = target[learned] - of_points.probabilities(points.of(learned), several=several)
    turned = Weights(3.0 * matrix.of(learned).product().turned(off), of_points.intercepts)
    assert turned.probabilities(matrix, several=several) == pytest.approx(expected, abs=1e-4)


def test_parts_are_fitted_as_each_alone() -> None:
    """
    One search for several parts of the texts finds what a search of each part finds.
    """
    made = made_texts(80, 8)
    texts = pl.Series("text", made.texts)
    matrix = learn_vocabulary(texts).reader().matrix(texts)
    target = np.array([[one == label for label in ("good", "bad")] for one in made.said], dtype=float)
    parts = np.column_stack([np.arange(80) % 5 != 0, np.arange(80) % 2 == 0, np.arange(80) >= 0])
    search = Search(1.0, several=False, tolerance=1e-8, most_steps=2_000)
    for part, found in enumerate(fit_parts(matrix, target, parts, search)):
        rows = parts[:, part]
        alone = fit_logistic(
            matrix.of(rows), target[rows], 1.0, several=False, tolerance=1e-8, most_steps=2_000
        )
        expected = alone.probabilities(matrix, several=False)
        assert found.probabilities(matrix, several=False) == pytest.approx(expected, abs=1e-5)


def test_pairs_are_added_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Products are the same when a piece has one text, or all features are common ones.
    """
    texts = pl.Series("text", ["", *made_texts(30, 9).texts, "", "again again"])
    matrix = learn_vocabulary(texts).reader().matrix(texts)
    whole = products_of(matrix)
    monkeypatch.setattr("rowbatch.core.student.points._PAIRS", 1)
    assert products_of(matrix) == pytest.approx(whole, abs=1e-12)
    monkeypatch.setattr("rowbatch.core.student.points._RARE", 1_000)
    monkeypatch.setattr("rowbatch.core.student.points._COLUMNS", 7)
    assert products_of(matrix) == pytest.approx(whole, abs=1e-12)


def test_more_rows_than_the_strength_is_chosen_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where only some rows choose the strength, all are learned from, and nearly the same is said of them.
    """
    made = made_texts(300, 10)
    whole = learn(made.texts, made.said, ["good", "bad"], several=False)
    monkeypatch.setattr("rowbatch.core.student.learning._MOST_TO_CHOOSE", 150)
    monkeypatch.setattr("rowbatch.core.student.learning.STRENGTHS", (whole.strength,))
    some = learn(made.texts, made.said, ["good", "bad"], several=False)
    assert some.rows == 300
    assert some.unseen.sure == pytest.approx(whole.unseen.sure, abs=2e-3)
    assert some.student.weights.of_features == pytest.approx(
        whole.student.weights.of_features, abs=2e-2, rel=2e-2
    )


def test_scripts_without_spaces_have_words() -> None:
    """
    Signs that are written without spaces are words of their own, so a phrase is found within a sentence;
    marks stay with their letters, and emoji are words.
    """
    seen = pl.Series("text", ["今天天气好", "น้ำ", "ok 👍", "हिन्दी"], dtype=pl.String)
    vocabulary = learn_vocabulary(seen, least_texts=1)
    # Of five signs 天 stands twice; Thai marks stand alone.
    apart = {
        text: len(learn_vocabulary(pl.Series("text", [text], dtype=pl.String), least_texts=1).words)
        for text in seen
    }
    assert apart == {"今天天气好": 4 + 4, "น้ำ": 4 + 3, "ok 👍": 2 + 1, "हिन्दी": 1}
    matrix = vocabulary.reader().matrix(pl.Series("text", ["他说天气好吗"], dtype=pl.String))
    assert (matrix.feature < len(vocabulary.words)).sum() == 3 + 2


def test_one_form_of_a_text() -> None:
    """
    Full-width letters, capitals and runs of white space make no difference.
    """
    assert one_form(pl.Series("t", ["ＡＢＣ\t x\n"], dtype=pl.String)).to_list() == [" abc x "]


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Empty texts, long ones, and texts that are cut into pieces have the same numbers as all at once.
    """
    texts = pl.Series("text", ["", "a b", "x" * 50, *made_texts(40).texts, ""], dtype=pl.String)
    vocabulary = learn_vocabulary(texts)
    whole = vocabulary.reader().matrix(texts)
    monkeypatch.setattr("rowbatch.core.student.features._PIECE_CHARACTERS", 64)
    assert np.array_equal(learn_vocabulary(texts).words, vocabulary.words)
    pieces = FeatureReader(vocabulary).matrix(texts)
    assert pieces.texts == whole.texts == len(texts)
    for name in ("of_text", "feature", "value"):
        assert np.array_equal(getattr(pieces, name), getattr(whole, name))


def test_the_same_rows_give_the_same_student() -> None:
    """
    Weights and what is said are equal to the last bit, and other rows give others.
    """
    made = made_texts(150)
    first, again = (learn(made.texts, made.said, ["good", "bad"], several=False) for _ in range(2))
    assert np.array_equal(first.student.weights.of_features, again.student.weights.of_features)
    assert np.array_equal(first.unseen.sure, again.unseen.sure)
    other = made_texts(400, 2)
    said = first.student.applied().read(pl.Series("text", other.texts)).values(first.student)
    assert sum(one == truth for one, truth in zip(said, other.truth, strict=True)) > 320


def test_no_row_is_judged_by_a_student_that_saw_its_text() -> None:
    """
    Labels that are noise are guessed at chance, though each text stands four times with its label.
    """
    chance = np.random.default_rng(1)
    texts = [f"w{chance.integers(1_000)} v{row}" for row in range(120)] * 4
    values = ["good" if chance.random() < 0.5 else "bad" for _ in range(120)] * 4
    found = learn(texts, values, ["good", "bad"], several=False)
    assert 0.3 < found.same < 0.7
    assert {fold_of(text, 1) for text in texts} == set(range(FOLDS))


def test_several_labels() -> None:
    """
    Each label is learned by itself; a text has one at least, and what is too rare is left out.
    """
    first, second = made_texts(100, 3), made_texts(100, 4)
    texts = [f"{one} {other.replace('a', 'ö')}" for one, other in zip(first.texts, second.texts, strict=True)]
    values = [
        "; ".join(name for name, side in (("work", one), ("home", other)) if side == "good") or "none"
        for one, other in zip(first.truth, second.truth, strict=True)
    ]
    values[0] += "; odd"
    labels = ["work", "home", "none", "odd"]
    assert learnable(values, labels, several=True) == (["work", "home", "none"], {"odd": 1})
    found = learn(texts, values, labels, several=True)
    assert found.same > 0.6
    said = found.unseen.values(found.student)
    assert set(said) <= {"work", "home", "work; home", "none", "work; none", "home; none", "work; home; none"}
    assert found.unseen.sure.min() > 0


def test_the_corrected_share_holds_the_truth() -> None:
    """
    Of 200 samples that people code of a table of which a third was learned from, about 95 % of the intervals
    hold the true share, though the student is wrong about it; `make coverage-of-intervals` learns anew each
    time.
    """
    made = made_texts(600, 6, good=0.3)
    chance = np.random.default_rng(2)
    # A teacher that calls too much good.
    said = np.where(chance.random(600) < 0.2, "good", made.said).tolist()
    found = learn(made.texts[:200], said[:200], ["good", "bad"], several=False)
    texts = pl.Series("text", made.texts)
    f = (found.student.applied().read(texts).values(found.student) == "good").to_numpy().astype(float)
    f[:200] = (found.unseen.values(found.student) == "good").to_numpy()
    y = np.array([one == "good" for one in made.truth], dtype=float)
    held = narrower = 0
    for _ in range(200):
        is_labelled = np.zeros(600, dtype=bool)
        is_labelled[chance.permutation(600)[:60]] = True
        data = Labelled(f, y[is_labelled], is_labelled, np.zeros(600, dtype=np.int64))
        one = correct_share(data, "ppi", Resampling(draws=500), "")
        low, high = one.corrected.low or 0, one.corrected.high or 0
        held += low <= y.mean() <= high
        narrower += high - low < (one.people_only.high or 0) - (one.people_only.low or 0)
    assert held >= 180
    assert narrower >= 190
    assert abs(f.mean() - y.mean()) > 0.02
