"""How far sets of labels agree with those of people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import polars as pl

from rowbatch.core.agreement import share, wilson_interval
from rowbatch.core.document import Shown

_WORD_BITS = 64
_MAX_CROSSED = 1_000_000
"""Pairs of sets that are looked at together: some ten megabytes a column."""


@dataclass(frozen=True, slots=True)
class LabelScores:
    """
    Agreement on one label, as yes or no: whether it is among those of a row.

    Attributes:
        people: Rows where people give it.
        model: Rows where the model does.
        both: Rows where both do.
        kappa: Cohen's kappa. None when it is undefined: both always give it, or never.
        precision: Share of the model's rows where people give it too; None where the model never does.
        recall: Share of people's rows where the model gives it too; None where people never do.
        f1: The harmonic mean of both; None where nobody ever gives it.
    """

    people: int
    model: int
    both: int
    kappa: float | None
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True, repr=False)
class LabelsAgreement(Shown):
    """
    Agreement of sets of labels with people's, over the rows that have people's.

    A row without a usable answer counts as the empty set, which is nobody's: "none of these" and "can't say"
    are answers, each a set of its own.

    Attributes:
        n: Rows compared.
        unlabelled: Rows without a usable answer.
        exact: Share of rows where both give the very same labels.
        exact_low, exact_high: Its 95 % interval (Wilson's score interval).
        jaccard: Mean of a row's labels that both give, among those that one of them gives.
        micro_f1: F1 of all rows and labels together; "none of these" and "can't say" are no labels here. None
            where nobody ever gives a label.
        macro_f1: Mean of the labels' F1, over the labels that somebody gives; likewise.
        alpha: Krippendorff's alpha with MASI distance, which takes a set within another for a smaller
            disagreement. None when it is undefined: one and the same set throughout.
        of_labels: For each label in the codebook's order, then for "none of these" and "can't say".
    Source:
        Jaccard (1912), "The distribution of the flora in the alpine zone"; Krippendorff (2011), "Computing
        Krippendorff's alpha-reliability"; Passonneau (2006), "Measuring agreement on set-valued items (MASI)
        for semantic and pragmatic annotation".
    """

    n: int
    unlabelled: int
    exact: float
    exact_low: float
    exact_high: float
    jaccard: float
    micro_f1: float | None
    macro_f1: float | None
    alpha: float | None
    of_labels: Mapping[str, LabelScores]


def labels_agreement(
    pairs: Iterable[tuple[Collection[str], Collection[str]]], labels: Sequence[str], alone: Sequence[str] = ()
) -> LabelsAgreement:
    """
    Compare sets of labels with people's.

    Args:
        pairs: People's labels, at least one, and the model's, none where it has no usable answer, of each
            row that has people's.
        labels: Of the codebook, in its order.
        alone: Answers that stand alone and say that no label applies, or that it can't be said.
    Raises:
        ValueError: No pairs, or somebody gives a label that is not in the codebook.
    """
    names = (*labels, *alone)
    bit = {name: 1 << place for place, name in enumerate(names)}

    def mask(given: Collection[str]) -> int:
        unknown = [name for name in given if name not in bit]
        if unknown:
            raise ValueError(f"the label {unknown[0]!r} is not one of the labels")
        return sum(bit[name] for name in set(given))

    counted = Counter((mask(people), mask(model)) for people, model in pairs)
    n = counted.total()
    if n == 0:
        raise ValueError("there is nothing to compare")
    hits = sum(rows for (people, model), rows in counted.items() if people == model)
    low, high = wilson_interval(hits, n)
    scores = {name: _scores(counted, bit[name], n) for name in names}
    of_labels = [scores[name] for name in labels]
    each = [one.f1 for one in of_labels if one.f1 is not None]
    return LabelsAgreement(
        n=n,
        unlabelled=sum(rows for (_, model), rows in counted.items() if not model),
        exact=hits / n,
        exact_low=low,
        exact_high=high,
        jaccard=fsum(_jaccard(*pair) * rows for pair, rows in counted.items()) / n,
        micro_f1=_f1(
            sum(one.both for one in of_labels),
            sum(one.people for one in of_labels),
            sum(one.model for one in of_labels),
        ),
        macro_f1=fsum(each) / len(each) if each else None,
        alpha=_alpha(counted, n),
        of_labels=scores,
    )


def masi_distance(one: int, other: int) -> float:
    """
    How far two sets are apart, from 0 for the same to 1 for those that have nothing in common.

    Args:
        one, other: Sets as numbers: a bit for each of what may be in them.
    Source:
        Passonneau (2006): 1 - Jaccard's coefficient, times 1 for the same sets, 2/3 where one holds the
        other, 1/3 where they overlap.
    """
    if one == other:
        return 0.0
    both = one & other
    return 1 - _jaccard(one, other) * (2 / 3 if both in (one, other) else 1 / 3)


def _jaccard(one: int, other: int) -> float:
    return (one & other).bit_count() / (one | other).bit_count() if one | other else 1.0


def _scores(counted: Mapping[tuple[int, int], int], bit: int, n: int) -> LabelScores:
    people = sum(rows for (said, _), rows in counted.items() if said & bit)
    model = sum(rows for (_, given), rows in counted.items() if given & bit)
    both = sum(rows for (said, given), rows in counted.items() if said & given & bit)
    # In whole numbers up to the last division, so that "undefined" is exact.
    same = n - people - model + 2 * both
    by_chance = people * model + (n - people) * (n - model)
    return LabelScores(
        people=people,
        model=model,
        both=both,
        kappa=None if by_chance == n * n else (same * n - by_chance) / (n * n - by_chance),
        precision=share(both, model),
        recall=share(both, people),
        f1=_f1(both, people, model),
    )


def _f1(both: int, people: int, model: int) -> float | None:
    return share(2 * both, people + model)


def _alpha(counted: Mapping[tuple[int, int], int], n: int) -> float | None:
    """Krippendorff's alpha of two coders, both of whom gave a set to each of `n` rows."""
    sets: Counter[int] = Counter()
    for pair, rows in counted.items():
        for one in pair:
            sets[one] += rows
    if len(sets) == 1:
        return None
    found = fsum(masi_distance(*pair) * rows for pair, rows in counted.items()) / n
    return 1 - found * (2 * n) * (2 * n - 1) / _distances(sets)


def _distances(sets: Mapping[int, int]) -> float:
    """
    The sum of the distances of all values from all others.

    Args:
        sets: How often each is given. There may be some ten thousand, and so a hundred million pairs of
            them: columns take seconds for these, where Python would take minutes.
    """
    words = range(-(-max(sets).bit_length() // _WORD_BITS))
    low_bits = (1 << _WORD_BITS) - 1
    frame = pl.DataFrame(
        {f"{word}": [one >> word * _WORD_BITS & low_bits for one in sets] for word in words}
        | {"size": [one.bit_count() for one in sets], "rows": list(sets.values())},
        schema={f"{word}": pl.UInt64 for word in words} | {"size": pl.Int64, "rows": pl.Float64},
    )
    both = pl.sum_horizontal(
        (pl.col(f"{word}") & pl.col(f"{word}_right")).bitwise_count_ones().cast(pl.Int64) for word in words
    )
    size, other = pl.col("size"), pl.col("size_right")
    is_within = (both == size) | (both == other)
    alike = (
        pl.when((both == size) & (both == other))
        .then(1.0)
        .otherwise(both / (size + other - both) * pl.when(is_within).then(2 / 3).otherwise(1 / 3))
    )
    total = ((1 - alike) * pl.col("rows") * pl.col("rows_right")).sum()
    step = max(1, _MAX_CROSSED // len(frame))
    return fsum(
        frame[start : start + step].lazy().join(frame.lazy(), how="cross").select(total).collect().item()
        for start in range(0, len(frame), step)
    )
