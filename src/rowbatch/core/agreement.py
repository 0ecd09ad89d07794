"""How far labels, yes or no, and steps of a scale agree with those of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import fsum, hypot, inf, sqrt
from typing import Any, ClassVar, Protocol

from rowbatch.core.document import Shown

NO_LABEL = "(none)"
"""Stands in for a prediction that is not one of the labels."""

_Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point


class Comparison(Protocol):
    """What comes out when people's values are compared with a model's; the rest is said by its kind."""

    @property
    def n(self) -> int:
        """Rows that have people's value, and were compared."""


@dataclass(frozen=True, slots=True, repr=False)
class Agreement(Shown):
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

    captions: ClassVar[Mapping[str, str]] = {"confusion": "people: model"}

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


@dataclass(frozen=True, slots=True, repr=False)
class YesNoAgreement(Agreement):
    """
    Agreement on yes or no.

    A row where the model says neither is found by nobody: it counts against what people say of it.

    Attributes:
        sensitivity: Share of the rows that are "yes" for people where the model says so too: recall. None
            where people never say yes.
        specificity: The same of "no".
    Source:
        Yerushalmy (1947), "Statistical problems in assessing methods of medical diagnosis".
    """

    sensitivity: float | None
    specificity: float | None


@dataclass(frozen=True, slots=True, repr=False)
class ScaleAgreement(Agreement):
    """
    Agreement on the steps of an ordered scale.

    A row without a step of the model is as far off as the two ends of the scale are from each other.

    Attributes:
        linear_kappa: Cohen's kappa, weighted by how many steps people and model lie apart. None where it is
            undefined: both always say one and the same step.
        quadratic_kappa: The same, weighted by the square of the steps.
        mean_absolute_steps: How many steps they lie apart, in the mean.
        rho: Spearman's rank correlation, equal steps with their mean rank, over the rows that have both. None
            where it is undefined: fewer than two of them, or one side is constant.
    Source:
        Cohen (1968), "Weighted kappa: nominal scale agreement with provision for scaled disagreement or
        partial credit"; Spearman (1904), "The proof and measurement of association between two things".
    """

    linear_kappa: float | None
    quadratic_kappa: float | None
    mean_absolute_steps: float
    rho: float | None


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


def yes_no_agreement(
    pairs: Iterable[tuple[str, str | None]], labels: Sequence[str], *, yes: str, no: str
) -> YesNoAgreement:
    """
    Compare yes and no with people's.

    Args:
        pairs: As `agreement` takes them.
        labels: What may be said, in the codebook's order: `yes`, `no`, and perhaps that it can't be said.
        yes, no: How these two are called.
    Raises:
        ValueError: As `agreement` does.
    """
    found = agreement(pairs, labels)

    def share_found(label: str) -> float | None:
        row = found.confusion[label]
        return share(row[label], sum(row.values()))

    return YesNoAgreement(**_same_fields(found), sensitivity=share_found(yes), specificity=share_found(no))


def scale_agreement(
    pairs: Iterable[tuple[str, str | None]], labels: Sequence[str], steps: Sequence[str]
) -> ScaleAgreement:
    """
    Compare steps of a scale with people's.

    Args:
        pairs: People's step, and what the model says or None, of each row that has people's.
        labels: What the model may say, in the codebook's order: the steps, and perhaps that it can't be said.
        steps: The steps, from one end to the other; at least two.
    Raises:
        ValueError: As `agreement` does; or people say something that is no step.
    """
    found = agreement(pairs, labels)
    if any(sum(row.values()) for said, row in found.confusion.items() if said not in steps):
        raise ValueError("people say something that is no step")
    number = {step: position for position, step in enumerate(steps)}
    # Steps apart; what is no step is as far as can be.
    counted = [
        (number[said], number.get(given), rows)
        for said, row in found.confusion.items()
        for given, rows in row.items()
        if rows
    ]
    farthest = len(steps) - 1
    apart = [[abs(one - other) for other in range(len(steps))] + [farthest] for one in range(len(steps))]
    both = [(said, given, rows) for said, given, rows in counted if given is not None]
    ranks = (_ranks((said, rows) for said, _, rows in both), _ranks((given, rows) for _, given, rows in both))
    return ScaleAgreement(
        **_same_fields(found),
        linear_kappa=_weighted_kappa(counted, apart),
        quadratic_kappa=_weighted_kappa(counted, [[off * off for off in row] for row in apart]),
        mean_absolute_steps=sum(
            apart[said][-1 if given is None else given] * rows for said, given, rows in counted
        )
        / found.n,
        rho=pearson([(ranks[0][said], ranks[1][given]) for said, given, rows in both for _ in range(rows)]),
    )


def _same_fields(found: Agreement) -> dict[str, Any]:
    return {field.name: getattr(found, field.name) for field in fields(found)}


def _weighted_kappa(
    counted: Sequence[tuple[int, int | None, int]], weights: Sequence[Sequence[int]]
) -> float | None:
    """
    Cohen's weighted kappa.

    Args:
        counted: People's step, the model's or None, and in how many rows.
        weights: Of a disagreement: by people's step, then the model's, whose last is that there is none.
    """
    people = [0] * len(weights)
    model = [0] * (len(weights) + 1)
    found = n = 0
    for said, given, rows in counted:
        place = len(weights) if given is None else given
        people[said] += rows
        model[place] += rows
        found += weights[said][place] * rows
        n += rows
    by_chance = sum(
        weight * people[said] * model[given]
        for said, row in enumerate(weights)
        for given, weight in enumerate(row)
    )
    # In whole numbers up to here, so that "undefined" is exact.
    return None if by_chance == 0 else (by_chance - found * n) / by_chance


def _ranks(counted: Iterable[tuple[int, int]]) -> dict[int, float]:
    """The rank of each step, by how many rows have it: equal ones share the mean of theirs."""
    rows_of: dict[int, int] = {}
    for step, rows in counted:
        rows_of[step] = rows_of.get(step, 0) + rows
    ranks, below = {}, 0
    for step in sorted(rows_of):
        ranks[step] = below + (rows_of[step] + 1) / 2
        below += rows_of[step]
    return ranks


def share(part: int, whole: int) -> float | None:
    """A share; None where there is nothing that it would be of."""
    return part / whole if whole else None


def pearson(pairs: Sequence[tuple[float, float]]) -> float | None:
    """
    Pearson's correlation.

    Returns:
        From -1 to 1; None where it is undefined: fewer than two pairs, or one side is constant.
    Source:
        Pearson (1896), "Regression, heredity, and panmixia".
    """
    sides = list(zip(*pairs, strict=True))
    # Exactly, for a mean of equal numbers may round to another one.
    if not sides or any(min(side) == max(side) for side in sides):
        return None
    # Scaled, so that no square is too large or too small for a float.
    centred = []
    for side in sides:
        mean = fsum(side) / len(side)
        off = [number - mean for number in side]
        size = hypot(*off)
        if not 0 < size < inf:
            return None
        centred.append([number / size for number in off])
    r = fsum(one * other for one, other in zip(*centred, strict=True))
    return max(-1.0, min(1.0, r))


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
