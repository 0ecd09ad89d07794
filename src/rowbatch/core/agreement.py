"""How far labels agree with people's labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

NO_LABEL = "(none)"
"""Stands in for a prediction that is not one of the labels."""

_Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point


class Comparison(Protocol):
    """What comes out when people's values are compared with a model's; the rest is said by its kind."""

    @property
    def n(self) -> int:
        """Rows that have people's value, and were compared."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    Agreement of predicted with gold labels, over the rows that have a gold label.

    Attributes:
        n: Rows compared.
        accuracy: Share of rows where both are the same.
        accuracy_low, accuracy_high: Its 95 % interval (Wilson's score interval).
        kappa: Cohen's kappa. None when it is undefined: gold and prediction are one and
            the same label throughout, so that agreement by chance is certain.
        majority_label: The commonest gold label; of several, the first in the codebook.
        majority_share: Its share, which is the accuracy of always guessing it.
        confusion: Rows by gold label, then by predicted label. Every pair of labels is
            there, in codebook order; the last column is `NO_LABEL`.
    """

    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    kappa: float | None
    majority_label: str
    majority_share: float
    confusion: Mapping[str, Mapping[str, int]]

    @property
    def unlabelled(self) -> int:
        """Rows whose prediction is no label."""
        return sum(row[NO_LABEL] for row in self.confusion.values())


def agreement(pairs: Iterable[tuple[str, str | None]], labels: Sequence[str]) -> Agreement:
    """
    Compare predicted labels with gold labels.

    A row without a legal prediction is a disagreement, in a category of its own: to leave
    such rows out would flatter the model. It counts in kappa too.

    Args:
        pairs: Gold and predicted label of each row that has a gold label. A prediction
            that is None, or not one of the labels, counts as none.
        labels: The codebook's labels, in its order.
    Raises:
        ValueError: No pairs, labels given twice, or a gold label that is not in the codebook.
    Source:
        Cohen (1960), "A coefficient of agreement for nominal scales"; Wilson (1927),
        "Probable inference, the law of succession, and statistical inference".
    """
    if len(set(labels)) != len(labels):
        raise ValueError("a label is given twice")
    if NO_LABEL in labels:
        raise ValueError(f"{NO_LABEL!r} cannot be a label: it stands for rows without one")
    confusion = {gold: dict.fromkeys((*labels, NO_LABEL), 0) for gold in labels}
    for gold, predicted in pairs:
        if gold not in confusion:
            raise ValueError(f"the gold label {gold!r} is not one of the labels")
        confusion[gold][predicted if predicted in confusion else NO_LABEL] += 1

    of_gold = {gold: sum(row.values()) for gold, row in confusion.items()}
    n = sum(of_gold.values())
    if n == 0:
        raise ValueError("there is nothing to compare")
    hits = sum(confusion[label][label] for label in labels)
    low, high = wilson_interval(hits, n)
    # The first of the largest, for max keeps the earlier of two equals.
    majority = max(labels, key=lambda label: of_gold[label])
    return Agreement(
        n=n,
        accuracy=hits / n,
        accuracy_low=low,
        accuracy_high=high,
        kappa=_kappa(confusion, of_gold, hits, n),
        majority_label=majority,
        majority_share=of_gold[majority] / n,
        confusion=confusion,
    )


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """
    The 95 % score interval of a share.

    It stays within 0 and 1 and has some width even when all or none of the rows are
    hits, where the usual "plus or minus two standard errors" has none.

    Args:
        hits: How many of them are so.
        n: How many there are, at least 1.
    Source:
        Wilson (1927).
    """
    share, z2 = hits / n, _Z_95 * _Z_95
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # At the ends the formula gives 0 and 1 exactly, floating point does not.
    low = 0.0 if hits == 0 else middle - half
    high = 1.0 if hits == n else middle + half
    return low, high


def _kappa(
    confusion: Mapping[str, Mapping[str, int]], of_gold: Mapping[str, int], hits: int, n: int
) -> float | None:
    # In whole numbers up to the last division, so that "undefined" is exact. NO_LABEL adds
    # nothing to the agreement by chance, for no gold label is ever NO_LABEL.
    by_chance = sum(count * sum(row[label] for row in confusion.values()) for label, count in of_gold.items())
    if by_chance == n * n:
        return None
    return (hits * n - by_chance) / (n * n - by_chance)
