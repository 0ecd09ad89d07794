"""
Some thousand texts as points in as many dimensions, in place of as many thousand features.

A regression whose weights are held small knows of texts only their products with each other. So the rows of
L, where L times its transpose is the matrix of these products, give the same fit as the features do, at a
fifth of the time: 2,000 texts of 100 characters have 50,000 features, and 600,000 numbers.

Source:
    Hastie and Tibshirani (2004), "Efficient quadratic regularization for expression arrays".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rowbatch.core.student.features import Floats, Matrix

# Features of more than one in so many texts are multiplied as whole columns; others pair by pair.
_RARE = 12
_COLUMNS = 256
_PAIRS = 1 << 21
# Equal texts are one point: what is added keeps them apart as far as the numbers need it, and no further.
_APART = 1e-8


@dataclass(frozen=True, slots=True)
class Points:
    """
    Texts as points.

    Attributes:
        values: A row a text.
    """

    values: Floats

    @property
    def texts(self) -> int:
        return len(self.values)

    @property
    def features(self) -> int:
        return int(self.values.shape[1])

    def of(self, chosen: npt.NDArray[np.bool_]) -> Points:
        """Only the chosen texts."""
        return Points(self.values[chosen])

    def times(self, weights: npt.NDArray[np.floating]) -> Floats:
        """The product with a weight of each dimension for each class: a row a text."""
        # A few rows times very many are multiplied a third faster than very many times a few columns.
        found: Floats = (weights.T @ self.values.T).T
        return found

    def turned(self, off: Floats) -> Floats:
        """The product of the transpose with a number of each text for each class: a row a dimension."""
        found: Floats = (off.T @ self.values).T
        return found

    def product(self) -> Points:
        """What multiplies."""
        return self


def points_of(matrix: Matrix) -> Points:
    """Points whose products with each other are those of the texts."""
    products = products_of(matrix)
    products[np.diag_indices(matrix.texts)] += _APART
    return Points(np.linalg.cholesky(products).astype(np.float64, copy=False))


def products_of(matrix: Matrix) -> Floats:
    """The product of each text with each."""
    texts = matrix.texts
    found = np.zeros((texts, texts))
    counts = np.bincount(matrix.feature, minlength=matrix.features)
    common = np.flatnonzero(counts > texts / _RARE)
    place = np.full(matrix.features, -1, dtype=np.int64)
    for first in range(0, len(common), _COLUMNS):
        some = common[first : first + _COLUMNS]
        place[:] = -1
        place[some] = np.arange(len(some))
        own = place[matrix.feature]
        is_own = own >= 0
        columns = np.zeros((texts, len(some)))
        columns[matrix.of_text[is_own], own[is_own]] = matrix.value[is_own]
        found += columns @ columns.T
    _add_pairs(found, matrix, counts > texts / _RARE)
    return found


def _add_pairs(found: Floats, matrix: Matrix, is_common: npt.NDArray[np.bool_]) -> None:
    """Add the products of rare features: each number with each of the same feature."""
    texts = matrix.texts
    is_rare = ~is_common[matrix.feature]
    text, feature, value = matrix.of_text[is_rare], matrix.feature[is_rare], matrix.value[is_rare]
    turn = np.argsort(feature, kind="stable")
    turned_text, turned_value = text[turn], value[turn]
    counts = np.bincount(feature, minlength=matrix.features)
    starts = np.cumsum(counts) - counts
    of_number = counts[feature]
    sums = np.cumsum(of_number)
    # Texts are done so many at a time that their pairs stay few.
    ends = np.cumsum(np.bincount(text, minlength=texts))
    first = 0
    while first < texts:
        begin = int(ends[first - 1]) if first else 0
        done = int(sums[begin - 1]) if begin else 0
        last = int(np.searchsorted(sums, done + _PAIRS, side="right"))
        stop = max(first + 1, int(np.searchsorted(ends, last, side="right")))
        part = slice(begin, int(ends[stop - 1]))
        many = of_number[part]
        # Where the other numbers of the feature stand, one after the other.
        offset = np.cumsum(many) - many
        others = np.repeat(starts[feature[part]] - offset, many) + np.arange(int(many.sum()))
        key = np.repeat((text[part] - first) * texts, many) + turned_text[others]
        weight = np.repeat(value[part], many) * turned_value[others]
        sums_of_pairs = np.bincount(key, weight, minlength=(stop - first) * texts)
        found[first:stop] += sums_of_pairs.reshape(stop - first, texts)
        first = stop
