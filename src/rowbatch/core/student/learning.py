"""A student: what it learned, how it was chosen, and what it says of texts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from threadpoolctl import threadpool_limits

from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.student.features import FeatureReader, Floats, Matrix, Vocabulary, learn_vocabulary
from rowbatch.core.student.logistic import Search, Weights, fit_parts
from rowbatch.core.student.points import Points, points_of

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Of which cross-validation takes one: fewer than a factor of four apart the loss hardly differs."""
FOLDS = 5
LEAST_ROWS = 50
"""To learn from: with fewer a student says little more than which label is the commonest."""
FEW_ROWS = 500
MOST_ROWS = 20_000
"""To learn from, so that it takes minutes and not hours."""
LEAST_OF_LABEL = 5
"""Rows with a label, so that there is one in each fold; rarer ones are not learned."""
_MOST_TO_CHOOSE = 4_000
_NEAR = 0.5
# Texts with fewer known words than this share of those that were learned from are odd; so many odd ones are a
# tenth, and so many standard errors are not by chance.
_FEW, _MANY, _FAR = 0.05, 0.1, 4.0
# Of fits that choose the strength, and of those that are kept: how steep the mean loss may be at their end.
_NEAR_ENDED, _ENDED = 2e-5, 1e-5


@dataclass(frozen=True, slots=True)
class Student:
    """
    A classifier of texts.

    Attributes:
        labels: That it can give, in the codebook's order.
        several: A text may have several of them, or none.
        vocabulary: The features that it knows.
        weights: What these say of each label.
    """

    labels: tuple[str, ...]
    several: bool
    vocabulary: Vocabulary
    weights: Weights

    def applied(self) -> StudentReader:
        """Ready to label many texts."""
        return StudentReader(self)


@dataclass(frozen=True, slots=True)
class Said:
    """
    What a student says of texts.

    Attributes:
        codes: Of each, a number that stands for a label, or for a set of labels: see `values`.
        sure: How sure it is of each, from 0 to 1: of a set, of the label that it is least sure of.
        known: The share of its words that the student knows; None where nobody looked.
    """

    codes: npt.NDArray[np.int64]
    sure: npt.NDArray[np.float32]
    known: Floats | None = None

    def values(self, student: Student) -> pl.Series:
        """As texts, as the run's answers have them."""
        different, places = np.unique(self.codes, return_inverse=True)
        told = [_told(int(code), student) for code in different]
        return (
            pl.Series("value", told, dtype=pl.String)[places] if told else pl.Series("value", [], pl.String)
        )


def _told(code: int, student: Student) -> str:
    if not student.several:
        return student.labels[code]
    return SEPARATOR.join(label for place, label in enumerate(student.labels) if code >> place & 1)


class StudentReader:
    """
    Labels texts.

    Args:
        student: Which one.
    """

    def __init__(self, student: Student) -> None:
        self._student = student
        self._reader = FeatureReader(student.vocabulary)

    def read(self, texts: pl.Series) -> Said:
        """What the student says of texts, in order."""
        parts, known = [], [np.zeros(0)]
        for one in self._reader.pieces(texts):
            likely = self._student.weights.probabilities(one, several=self._student.several)
            parts.append(said_of(likely, self._student.several))
            if one.known is not None:
                known.append(one.known)
        return Said(
            np.concatenate([np.zeros(0, dtype=np.int64), *(one.codes for one in parts)]),
            np.concatenate([np.zeros(0, dtype=np.float32), *(one.sure for one in parts)]),
            np.concatenate(known),
        )


def said_of(likely: Floats, several: bool) -> Said:
    """What follows from how likely each label is, a row a text."""
    if several:
        is_given = likely >= _NEAR
        # A text has at least one label: "none of them" is one, too, where a codebook allows it.
        is_given[np.arange(len(likely)), likely.argmax(axis=1)] = True
        codes = (is_given * (1 << np.arange(likely.shape[1], dtype=np.int64))).sum(axis=1)
        sure = np.where(is_given, likely, 1 - likely).min(axis=1, initial=1.0)
    else:
        codes = likely.argmax(axis=1)
        sure = likely.max(axis=1)
    return Said(codes.astype(np.int64), sure.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Learning:
    """
    How a student came about.

    Attributes:
        student: It.
        rows: That it learned from.
        strength: That cross-validation chose.
        losses: The mean loss of rows that were not learned from, by strength.
        same: The share of these of which it says what the model does.
        unseen: What students that did not see a row say of it, a row a row: of each fold the others' student.
        rare: Labels that were in too few rows to be learned, with these.
        is_converged: Whether each search ended.
        known: Of each row the share of its words that are in two others at least: what a student knows of a
            text of this kind that it did not see.
    """

    student: Student
    rows: int
    strength: float
    losses: Mapping[float, float]
    same: float
    unseen: Said
    rare: Mapping[str, int]
    is_converged: bool
    known: npt.NDArray[np.float32]


def fold_of(text: str, seed: int) -> int:
    """The fold of a text: the same one wherever, and how often, it stands."""
    digest = hashlib.sha256(f"rowbatch-fold\n{seed}\n{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % FOLDS


def order_of(text: str, seed: int) -> bytes:
    """By this, some of many texts are chosen: the smallest."""
    return hashlib.sha256(f"rowbatch-learn\n{seed}\n{text}".encode()).digest()


def learnable(
    values: Sequence[str], labels: Sequence[str], *, several: bool
) -> tuple[list[str], dict[str, int]]:
    """Labels that are in enough rows to be learned, and the others that are in any, with their rows."""
    counts = dict.fromkeys(labels, 0)
    for value in values:
        for label in value.split(SEPARATOR) if several else [value]:
            if label in counts:
                counts[label] += 1
    enough = [label for label, count in counts.items() if count >= LEAST_OF_LABEL]
    return enough, {label: count for label, count in counts.items() if 0 < count < LEAST_OF_LABEL}


def learn(
    texts: Sequence[str], values: Sequence[str], labels: Sequence[str], *, several: bool, seed: int = 1
) -> Learning:
    """
    Learn a model's labels.

    The same rows in the same order, and the same seed, give the same student. Rows of one text are of one
    fold, so that none is judged by a student that has seen its text.

    Args:
        texts: As many as there are values.
        values: What the model said of each.
        labels: That it may have said, of which at least two are in `LEAST_OF_LABEL` rows (one, of several
            labels).
        several: A value may be several labels.
        seed: Of the folds.
    """
    enough, rare = learnable(values, labels, several=several)
    places = {label: place for place, label in enumerate(enough)}
    target = np.zeros((len(values), len(enough)))
    for row, value in enumerate(values):
        for label in value.split(SEPARATOR) if several else [value]:
            if label in places:
                target[row, places[label]] = 1
    # A row whose only label is too rare says nothing.
    is_told = np.ones(len(values), dtype=np.bool_) if several else target.sum(axis=1) > 0
    fold = np.array([fold_of(text, seed) for text in texts])
    column = pl.Series("text", texts, dtype=pl.String)
    told = column.filter(pl.Series(is_told))
    vocabulary = learn_vocabulary(told)
    matrix = FeatureReader(vocabulary).matrix(column)
    rows = _Rows(matrix, target, fold, is_told, several)
    # Where other programs are at work, as a local model, several threads wait longer than they count.
    with threadpool_limits(1, "blas"):
        likely, weights, losses, is_converged = _fitted(rows, _to_choose(texts, is_told, seed))
    unseen = said_of(likely, several)
    truth = said_of(np.where(target > 0, 1.0, 0.0), several)
    same = float((unseen.codes == truth.codes)[is_told].mean())
    student = Student(tuple(enough), several, vocabulary, weights)
    return Learning(
        student,
        int(is_told.sum()),
        _best(losses),
        losses,
        same,
        unseen,
        rare,
        is_converged,
        _known(told, column),
    )


def _known(told: pl.Series, texts: pl.Series) -> npt.NDArray[np.float32]:
    """The share of each text's words that are in two other texts at least."""
    reader = learn_vocabulary(told, least_texts=3).reader()
    parts = [one.known for one in reader.pieces(texts) if one.known is not None]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Unlike:
    """
    How far texts are unlike those that a student learned from.

    Attributes:
        share: Of the texts, those of which it knows fewer words than of all but a few that it learned from.
        expected: How many of those that it learned from these few are.
        is_so: There are at least twice as many, and a tenth of all, and chance does not make so many.
    """

    share: float
    expected: float
    is_so: bool


def unlike(learning: Learning, known: npt.NDArray[np.floating]) -> Unlike | None:
    """
    Whether texts are of another kind than those that a student learned from, as far as their words tell.

    Args:
        learning: Of the student.
        known: The share of words that it knows, of each text that it did not learn from.
    Returns:
        None where there is no text.
    """
    own, texts = learning.known, len(known)
    if not texts or not len(own):
        return None
    edge = float(np.quantile(own, _FEW))
    expected, share = float((own < edge).mean()), float((known.astype(np.float32) < np.float32(edge)).mean())
    both = (expected * len(own) + share * texts) / (len(own) + texts)
    chance = math.sqrt(both * (1 - both) * (1 / len(own) + 1 / texts))
    is_so = share >= max(_MANY, 2 * expected) and share - expected > _FAR * chance
    return Unlike(share, expected, is_so)


def _to_choose(texts: Sequence[str], is_told: npt.NDArray[np.bool_], seed: int) -> npt.NDArray[np.bool_]:
    """The rows that the strength is chosen by: all of them, unless they are very many."""
    found = np.ones(len(texts), dtype=np.bool_)
    if len(texts) > _MOST_TO_CHOOSE:
        order = sorted(np.flatnonzero(is_told).tolist(), key=lambda row: order_of(texts[row], seed))
        found[:] = False
        found[order[:_MOST_TO_CHOOSE]] = True
    return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """
    Rows that are learned from.

    Attributes:
        x: Their texts.
        target: 1 where a row has a label; a row a text.
        fold: Of each.
        is_told: Whether it says anything.
        several: A row may have several labels.
    """

    x: Matrix | Points
    target: Floats
    fold: npt.NDArray[np.int64]
    is_told: npt.NDArray[np.bool_]
    several: bool

    def parts(self, folds: Sequence[int | None]) -> npt.NDArray[np.bool_]:
        """Of each fold the rows of all others, as far as they say something; None is no fold."""
        return np.column_stack([self.is_told & (self.fold != (-1 if one is None else one)) for one in folds])

    def fit(
        self, strength: float, folds: Sequence[int | None], start: Sequence[Weights] | None, tolerance: float
    ) -> list[Weights]:
        """Of each fold, what fits all others."""
        search = Search(strength, self.several, tolerance)
        return fit_parts(self.x, self.target, self.parts(folds), search, start)

    def loss(self, weights: Weights, fold: int) -> float:
        """Of the rows of a fold, together."""
        rows = self.is_told & (self.fold == fold)
        likely = np.clip(weights.probabilities(self.x.of(rows), several=self.several), 1e-12, 1)
        found = -float((self.target[rows] * np.log(likely)).sum())
        if self.several:
            found -= float(((1 - self.target[rows]) * np.log(np.clip(1 - likely, 1e-12, 1))).sum())
        return found

    def of(self, chosen: npt.NDArray[np.bool_], x: Points) -> _Rows:
        """Some of them, as points."""
        return _Rows(x, self.target[chosen], self.fold[chosen], self.is_told[chosen], self.several)

    def of_features(self, own: Matrix, weights: Weights, strength: float, fold: int | None) -> Weights:
        """
        Weights of points as those of features.

        Where a fit has ended, the weights are the strength times the sum of how far each text is off.

        Args:
            own: The features of the same rows.
            weights: That were fitted.
            strength: With this one.
            fold: To what is not of this fold.
        """
        off = self.target - weights.probabilities(self.x, several=self.several)
        off[~self.parts([fold])[:, 0]] = 0
        return Weights(strength * own.product().turned(off), weights.intercepts)


def _best(losses: Mapping[float, float]) -> float:
    """The strength of the least loss; of equal ones the smallest."""
    return min(losses, key=lambda one: (losses[one], one))


def _fitted(
    rows: _Rows, to_choose: npt.NDArray[np.bool_]
) -> tuple[Floats, Weights, dict[float, float], bool]:
    """
    Choose the strength, and fit with it.

    Args:
        rows: With features.
        to_choose: By which of them the strength is chosen: these are made points.
    Returns:
        How likely each label is in the eyes of those who did not see a row; the weights of all rows; the
        losses; whether each search ended.
    """
    assert isinstance(rows.x, Matrix)
    some = rows.x.of(to_choose)
    points = rows.of(to_choose, points_of(some))
    losses, fitted = _losses(points)
    strength = _best(losses)
    folds = [*fitted, None]
    # Of all rows there is nothing yet; those of a fold are not far.
    whole = points.fit(strength, folds, [*fitted.values(), next(iter(fitted.values()))], _ENDED)
    likely, is_converged = np.zeros_like(rows.target), all(one.is_converged for one in whole)
    for one, found in zip(fitted, whole, strict=False):
        inside, own, weights = rows.fold == one, points, found
        if not to_choose.all():
            start = points.of_features(some, found, strength, one)
            own, (weights,) = rows, rows.fit(strength, [one], [start], _ENDED)
            is_converged &= weights.is_converged
        likely[inside] = weights.probabilities(own.x.of(inside), several=rows.several)
    start = points.of_features(some, whole[-1], strength, None)
    (weights,) = rows.fit(strength, [None], [start], _ENDED)
    return likely, weights, losses, is_converged and weights.is_converged


def _losses(rows: _Rows) -> tuple[dict[float, float], dict[int, Weights]]:
    """
    The mean loss of rows whose fold was not learned from, by strength, up to the first one that is worse than
    the one before; and what was fitted with the best one, by fold.
    """
    folds = [one for one in range(FOLDS) if (rows.fold == one).any()]
    losses: dict[float, float] = {}
    best: list[Weights] = []
    fitted: list[Weights] | None = None
    for strength in STRENGTHS:
        # What was found with the strength before is not far.
        fitted = rows.fit(strength, folds, fitted, _NEAR_ENDED)
        total = sum(rows.loss(one, fold) for one, fold in zip(fitted, folds, strict=True))
        losses[strength] = total / max(1, int(rows.is_told.sum()))
        if losses[strength] > min(losses.values()):
            break
        best = fitted
    return losses, dict(zip(folds, best, strict=True))
