"""A student: what it learned, how it was chosen, and what it says of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.student.features import FeatureReader, Floats, Matrix, Vocabulary, learn_vocabulary
from rowbatch.core.student.logistic import Weights, fit_logistic

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
    """

    codes: npt.NDArray[np.int64]
    sure: npt.NDArray[np.float32]

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
        parts = [
            said_of(
                self._student.weights.probabilities(one, several=self._student.several), self._student.several
            )
            for one in self._reader.pieces(texts)
        ]
        return Said(
            np.concatenate([np.zeros(0, dtype=np.int64), *(one.codes for one in parts)]),
            np.concatenate([np.zeros(0, dtype=np.float32), *(one.sure for one in parts)]),
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
    """

    student: Student
    rows: int
    strength: float
    losses: Mapping[float, float]
    same: float
    unseen: Said
    rare: Mapping[str, int]
    is_converged: bool


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
    to_choose = is_told
    if is_told.sum() > _MOST_TO_CHOOSE:
        order = sorted(np.flatnonzero(is_told).tolist(), key=lambda row: order_of(texts[row], seed))
        to_choose = np.zeros(len(values), dtype=np.bool_)
        to_choose[order[:_MOST_TO_CHOOSE]] = True
    vocabulary = learn_vocabulary(column.filter(pl.Series(is_told)))
    matrix = FeatureReader(vocabulary).matrix(column)
    losses, fitted = _losses(matrix, target, fold, to_choose, several=several)
    strength = min(losses, key=lambda one: (losses[one], one))
    likely, is_converged = np.zeros_like(target), True
    for one in range(FOLDS):
        others = is_told & (fold != one)
        weights = _fit(matrix, target, others, strength, fitted.get(one), several=several)
        is_converged &= weights.is_converged
        inside = fold == one
        likely[inside] = weights.probabilities(matrix.of(inside), several=several)
    weights = _fit(matrix, target, is_told, strength, fitted.get(0), several=several)
    unseen = said_of(likely, several)
    truth = said_of(np.where(target > 0, 1.0, 0.0), several)
    same = float((unseen.codes == truth.codes)[is_told].mean())
    student = Student(tuple(enough), several, vocabulary, weights)
    return Learning(
        student,
        int(is_told.sum()),
        strength,
        losses,
        same,
        unseen,
        rare,
        is_converged and weights.is_converged,
    )


def _losses(
    matrix: Matrix, target: Floats, fold: npt.NDArray[np.int64], rows: npt.NDArray[np.bool_], *, several: bool
) -> tuple[dict[float, float], dict[int, Weights]]:
    """
    The mean loss of rows whose fold was not learned from, by strength, up to the first one that is worse than
    the one before; and what was fitted with the best one, by fold.
    """
    folds = [one for one in range(FOLDS) if (rows & (fold == one)).any() and (rows & (fold != one)).any()]
    losses: dict[float, float] = {}
    best: dict[int, Weights] = {}
    fitted: dict[int, Weights] = {}
    for strength in STRENGTHS:
        total = 0.0
        fitted = dict(fitted)
        for one in folds:
            # What was found with the strength before is not far.
            fitted[one] = _fit(
                matrix, target, rows & (fold != one), strength, fitted.get(one), several=several
            )
            inside = rows & (fold == one)
            likely = np.clip(fitted[one].probabilities(matrix.of(inside), several=several), 1e-12, 1)
            total -= float((target[inside] * np.log(likely)).sum())
            if several:
                total -= float(((1 - target[inside]) * np.log(np.clip(1 - likely, 1e-12, 1))).sum())
        losses[strength] = total / max(1, int(rows.sum()))
        if losses[strength] > min(losses.values()):
            break
        best = fitted
    return losses, best


def _fit(
    matrix: Matrix,
    target: Floats,
    rows: npt.NDArray[np.bool_],
    strength: float,
    start: Weights | None,
    *,
    several: bool,
) -> Weights:
    return fit_logistic(matrix.of(rows), target[rows], strength, several=several, start=start)
