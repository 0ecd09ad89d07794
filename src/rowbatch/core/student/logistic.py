"""
Logistic regression over sparse numbers of texts, by L-BFGS.

Source:
    Nocedal and Wright (2006), "Numerical optimization", algorithms 7.4 and 7.5. What is made small is what
    scikit-learn's `LogisticRegression` makes small: C times the sum of the losses, and half the squared
    weights; the intercepts are free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rowbatch.core.student.features import Floats, Matrix
from rowbatch.core.student.points import Points

_REMEMBERED = 10
_MOST_HALVINGS = 40
_ENOUGH_DOWN = 1e-4


@dataclass(frozen=True, slots=True)
class Weights:
    """
    What a text's numbers say of each class.

    Attributes:
        of_features: A row a feature, a column a class.
        intercepts: Of each class.
        is_converged: Whether the search ended, and not the patience.
    """

    of_features: Floats
    intercepts: Floats
    is_converged: bool = True

    def probabilities(self, matrix: Matrix | Points, *, several: bool) -> Floats:
        """
        How likely each class is, a row a text.

        Args:
            matrix: Of the texts.
            several: Each class by itself, since a text may have several; else they sum to 1.
        """
        return to_probabilities(matrix.times(self.of_features) + self.intercepts, several=several)


def to_probabilities(scores: Floats, *, several: bool) -> Floats:
    """Of scores, the last axis being the classes."""
    if several:
        found: Floats = 0.5 * (1 + np.tanh(0.5 * scores))
        return found
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def fit_logistic(
    matrix: Matrix | Points,
    target: Floats,
    strength: float,
    *,
    several: bool,
    start: Weights | None = None,
    tolerance: float = 1e-5,
    most_steps: int = 200,
) -> Weights:
    """
    Fit classes to texts.

    Args:
        matrix: Of the texts.
        target: 1 where a text is of a class, else 0; a row a text.
        strength: C: how much the texts count against small weights.
        several: A text may be of several classes, or of none; else of one.
        start: Where the search begins.
        tolerance: It ends where no slope of the mean loss is steeper.
        most_steps: Or after so many.
    """
    whole = np.ones((matrix.texts, 1), dtype=np.bool_)
    search = Search(strength, several, tolerance, most_steps)
    return fit_parts(matrix, target, whole, search, None if start is None else [start])[0]


@dataclass(frozen=True, slots=True)
class Search:
    """
    How weights are looked for; see `fit_logistic`.

    Attributes:
        strength: C: how much the texts count against small weights.
        several: A text may be of several classes, or of none; else of one.
        tolerance: The search ends where no slope of the mean loss is steeper.
        most_steps: Or after so many.
    """

    strength: float
    several: bool
    tolerance: float = 1e-5
    most_steps: int = 200


def fit_parts(
    matrix: Matrix | Points,
    target: Floats,
    parts: npt.NDArray[np.bool_],
    search: Search,
    start: Sequence[Weights] | None = None,
) -> list[Weights]:
    """
    Fit classes to each of several parts of the texts, all in one search.

    Each number of a text is then fetched once for all parts, which is what takes the time.

    Args:
        matrix, target: As `fit_logistic` has them.
        parts: Whether a text is in a part; a row a text, a column a part.
        search: How.
        start: Of each part, where the search begins.
    Returns:
        The weights of each part.
    """
    count, classes, features = parts.shape[1], target.shape[1], matrix.features
    wide = count * classes
    # All is divided by how many texts a part has, as scikit-learn does: slopes are then those of a mean.
    share = (parts / parts.sum(axis=0))[:, :, None]
    scale = np.repeat(1 / (search.strength * parts.sum(axis=0)), classes)
    truth = target[:, None, :]
    product = matrix.product()

    def split(point: Floats) -> tuple[Floats, Floats]:
        return point[: features * wide].reshape(features, wide), point[features * wide :]

    def loss(point: Floats) -> tuple[float, Floats]:
        weights, intercepts = split(point)
        scores = (product.times(weights) + intercepts).reshape(-1, count, classes)
        if search.several:
            each = np.logaddexp(0, scores) - truth * scores
        else:
            most = scores.max(axis=2, keepdims=True)
            each = np.log(np.exp(scores - most).sum(axis=2, keepdims=True)) + most
            each -= (truth * scores).sum(axis=2, keepdims=True)
        off = ((to_probabilities(scores, several=search.several) - truth) * share).reshape(-1, wide)
        held = scale * weights
        slope = np.concatenate([(product.turned(off) + held).ravel(), off.sum(axis=0)])
        return float((each * share).sum()) + 0.5 * float((weights * held).sum()), slope

    begin = (
        np.zeros((features + 1) * wide)
        if start is None
        else np.concatenate(
            [
                np.concatenate([one.of_features for one in start], axis=1).ravel(),
                *(one.intercepts for one in start),
            ]
        )
    )
    point, is_converged = _lowest(loss, begin, search.tolerance, search.most_steps)
    weights, intercepts = split(point)
    columns = [slice(part * classes, (part + 1) * classes) for part in range(count)]
    return [Weights(weights[:, one], intercepts[one], is_converged) for one in columns]


def _lowest(
    loss: Callable[[Floats], tuple[float, Floats]], point: Floats, tolerance: float, most_steps: int
) -> tuple[Floats, bool]:
    """The lowest point of a bowl, and whether it was reached."""
    value, slope = loss(point)
    steps: deque[tuple[Floats, Floats, float]] = deque(maxlen=_REMEMBERED)
    for _ in range(most_steps):
        if np.abs(slope).max(initial=0.0) <= tolerance:
            return point, True
        way = _way(slope, steps)
        down = _product(way, slope)
        # The first step knows nothing of how far it may go.
        length = 1.0 if steps else min(1.0, 1 / float(np.abs(slope).sum()))
        for _ in range(_MOST_HALVINGS):
            next_point = point + length * way
            next_value, next_slope = loss(next_point)
            if next_value <= value + _ENOUGH_DOWN * length * down:
                break
            length /= 2
        else:
            # Rounding is all that is left.
            return point, True
        step, turn = next_point - point, next_slope - slope
        curved = _product(step, turn)
        if curved > 1e-12 * _product(turn, turn):
            steps.append((step, turn, 1 / curved))
        point, value, slope = next_point, next_value, next_slope
    return point, False


def _way(slope: Floats, steps: deque[tuple[Floats, Floats, float]]) -> Floats:
    """Where to go: down the slope, as the last steps say that it bends."""
    way = -slope
    parts = []
    for step, turn, inverse in reversed(steps):
        part = inverse * _product(step, way)
        way = way - part * turn
        parts.append(part)
    if steps:
        step, turn, inverse = steps[-1]
        way = way / (inverse * _product(turn, turn))
    for (step, turn, inverse), part in zip(steps, reversed(parts), strict=True):
        way = way + step * (part - inverse * _product(turn, way))
    return way


def _product(one: Floats, other: Floats) -> float:
    # BLAS starts threads for so few numbers, and waits for them longer than it counts.
    return float(np.einsum("i,i", one, other))
