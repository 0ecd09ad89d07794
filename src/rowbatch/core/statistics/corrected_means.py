"""
Means of numbers, corrected.

Source:
    Angelopoulos, Duchi and Zrnic (2023), "PPI++: efficient prediction-powered inference"; Egami, Hinck,
    Stewart and Wei (2023), "Using imperfect surrogates for downstream inference".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rowbatch.core.statistics.corrected import (
    LEAST_FOR_MEANS,
    METHODS,
    Correction,
    Labelled,
    Method,
    few_clusters,
    without_interval,
)
from rowbatch.core.statistics.figures import Figure, Resampling, t_quantile, undefined
from rowbatch.core.statistics.patterns import Floats
from rowbatch.words.notice import Notice


@dataclass(frozen=True, slots=True)
class _Mean:
    """An estimate, its variance, and the degrees of freedom of that."""

    estimate: float
    variance: float
    freedom: float


def correct_mean(data: Labelled, method: Method, resampling: Resampling, quantity: str) -> Correction:
    """
    The mean of a number.

    Args:
        data: Numbers.
        method: `ppi` or `dsl`.
        resampling: Whose level the interval has.
        quantity: What it is called.
    """
    why = _refusal(data, method)
    corrected = _corrected(data, method) if why is None else None
    return Correction(
        quantity,
        _figure(_model(data), data.rows, "of all rows", resampling),
        without_interval(
            _figure(_people(data), data.labelled, "of labelled rows", resampling), few_clusters(data)
        ),
        _figure(corrected, data.labelled, METHODS[method], resampling, why),
        _tuning(data) if why is None and method == "ppi" else None,
    )


def correct_mean_difference(
    first: Labelled, second: Labelled, method: Method, resampling: Resampling, quantity: str
) -> Correction:
    """The mean of the first rows less that of the second ones."""
    sides = (first, second)
    labelled = first.labelled + second.labelled
    why = next((found for one in sides if (found := _refusal(one, method)) is not None), None)
    corrected = _less(*(_corrected(one, method) for one in sides)) if why is None else None
    return Correction(
        quantity,
        _figure(_less(_model(first), _model(second)), first.rows + second.rows, "of all rows", resampling),
        without_interval(
            _figure(_less(_people(first), _people(second)), labelled, "of labelled rows", resampling),
            few_clusters(first) or few_clusters(second),
        ),
        _figure(corrected, labelled, METHODS[method], resampling, why),
    )


@dataclass(frozen=True, slots=True)
class Sayable:
    """
    Numbers of rows, where of some it can't be said what they are.

    The mean is that of the rows of which people could say it, coded or not: a share of two means, of
    is_said · number and of is_said. Its error is that of the mean of is_said · (number - it), divided by how
    many rows it can be said of; so what corrects means corrects it.

    Attributes:
        numbers: The rows, with any number where it can't be said.
        predicted_is_said, gold_is_said: Whether the model and people say one, as `numbers` has them.
    """

    numbers: Labelled
    predicted_is_said: npt.NDArray[np.bool_]
    gold_is_said: npt.NDArray[np.bool_]

    def of(self, chosen: npt.NDArray[np.bool_]) -> Sayable:
        """Only the chosen rows."""
        return Sayable(
            self.numbers.of(chosen),
            self.predicted_is_said[chosen],
            self.gold_is_said[chosen[self.numbers.is_labelled]],
        )

    def about(self, centre: float, share: float) -> Labelled:
        """How far each number is from a centre, as a part of the error; 0 where it can't be said."""
        data = self.numbers
        return replace(
            data,
            predicted=np.where(self.predicted_is_said, data.predicted - centre, 0.0) / share,
            gold=np.where(self.gold_is_said, data.gold - centre, 0.0) / share,
        )

    def of_model(self) -> _Mean:
        """Of the numbers that the model gives."""
        numbers = self.numbers.predicted[self.predicted_is_said]
        if not len(numbers):
            return _Mean(math.nan, 0.0, 1.0)
        spread = float(numbers.var(ddof=1)) if len(numbers) > 1 else 0.0
        return _Mean(float(numbers.mean()), spread / len(numbers), max(1, len(numbers) - 1))

    def of_people(self) -> _Mean | None:
        """Of people's; None where there are too few."""
        if self.gold_is_said.sum() < 2:
            return None
        weights = np.where(self.gold_is_said, self.numbers.weights, 0.0)
        mean = float((weights * self.numbers.gold)[self.gold_is_said].sum() / weights.sum())
        off = np.where(self.gold_is_said, self.numbers.gold - mean, 0.0)
        return _Mean(mean, *_variance(self.numbers, weights * off / weights.sum()))

    def corrected(self, method: Method) -> tuple[_Mean, float]:
        """Of both; and PPI++'s lambda."""
        people = self.of_people()
        assert people is not None
        said = replace(
            self.numbers,
            predicted=self.predicted_is_said.astype(np.float64),
            gold=self.gold_is_said.astype(np.float64),
        )
        own = float((self.numbers.weights * self.gold_is_said).sum() / self.numbers.weights.sum())
        share = own if own == 1 else _corrected(said, method).estimate
        # With few rows a corrected share can leave the range that shares have.
        share = min(1.0, max(share, own / 2))
        # The second step begins where the first one ended: no further one moves it by what matters.
        first = _corrected(self.about(people.estimate, share), method)
        centre = people.estimate + first.estimate
        data = self.about(centre, share)
        second = _corrected(data, method)
        return _Mean(centre + second.estimate, second.variance, second.freedom), _tuning(data)

    def refusal(self, method: Method) -> Notice | None:
        """Why nothing can be corrected, or None."""
        coded = int(self.gold_is_said.sum())
        if method != "rogan-gladen" and coded < LEAST_FOR_MEANS:
            return Notice("correct-too-few", {"labelled": coded, "least": LEAST_FOR_MEANS})
        return _refusal(self.numbers, method)


def correct_sayable_mean(data: Sayable, method: Method, resampling: Resampling, quantity: str) -> Correction:
    """
    The mean of a number among the rows of which people can say it.

    Args:
        data: Numbers.
        method: `ppi` or `dsl`.
        resampling: Whose level the interval has.
        quantity: What it is called.
    """
    why = data.refusal(method)
    corrected, tuning = data.corrected(method) if why is None else (None, 0.0)
    coded = int(data.gold_is_said.sum())
    return Correction(
        quantity,
        _figure(data.of_model(), int(data.predicted_is_said.sum()), "of all rows", resampling),
        without_interval(
            _figure(data.of_people(), coded, "of labelled rows", resampling), few_clusters(data.numbers)
        ),
        _figure(corrected, coded, METHODS[method], resampling, why),
        tuning if why is None and method == "ppi" else None,
    )


def correct_sayable_difference(
    first: Sayable, second: Sayable, method: Method, resampling: Resampling, quantity: str
) -> Correction:
    """The mean of the first rows, where it can be said, less that of the second ones."""
    sides = (first, second)
    coded = sum(int(one.gold_is_said.sum()) for one in sides)
    why = next((found for one in sides if (found := one.refusal(method)) is not None), None)
    corrected = _less(*(one.corrected(method)[0] for one in sides)) if why is None else None
    of_model = sum(int(one.predicted_is_said.sum()) for one in sides)
    return Correction(
        quantity,
        _figure(_less(first.of_model(), second.of_model()), of_model, "of all rows", resampling),
        without_interval(
            _figure(_less(first.of_people(), second.of_people()), coded, "of labelled rows", resampling),
            few_clusters(first.numbers) or few_clusters(second.numbers),
        ),
        _figure(corrected, coded, METHODS[method], resampling, why),
    )


def _less(first: _Mean | None, second: _Mean | None) -> _Mean | None:
    """Of two independent ones; degrees of freedom as Welch has them."""
    if first is None or second is None:
        return None
    variance = first.variance + second.variance
    parts = sum(one.variance**2 / one.freedom for one in (first, second))
    return _Mean(first.estimate - second.estimate, variance, variance**2 / parts if parts else first.freedom)


def _refusal(data: Labelled, method: Method) -> Notice | None:
    if method == "rogan-gladen":
        return Notice("correct-only-shares")
    if data.labelled < LEAST_FOR_MEANS:
        return Notice("correct-too-few", {"labelled": data.labelled, "least": LEAST_FOR_MEANS})
    inside = [(data.strata[data.is_labelled] == stratum).sum() for stratum in np.unique(data.strata)]
    empty = sum(int(count) < 2 for count in inside)
    why = few_clusters(data)
    if why is not None:
        return why
    return Notice("correct-stratum-empty", {"strata": empty}) if empty else None


def _figure(
    mean: _Mean | None, n: int, words: str, resampling: Resampling, why: Notice | None = None
) -> Figure:
    if mean is None:
        few = Notice("correct-too-few", {"labelled": n, "least": LEAST_FOR_MEANS})
        return undefined(n, words, why or few)
    half = t_quantile(resampling.level, mean.freedom) * math.sqrt(mean.variance)
    method = (
        f"{words}; {resampling.percent} interval: Student's t with {mean.freedom:,.0f} degrees of freedom"
    )
    # No more than what rounding makes of equal values.
    if not half > 4 * np.finfo(np.float64).eps * abs(mean.estimate):
        return Figure(mean.estimate, None, None, n, words, Notice("interval-without-width"))
    return Figure(mean.estimate, mean.estimate - half, mean.estimate + half, n, method)


def _model(data: Labelled) -> _Mean:
    spread = float(data.predicted.var(ddof=1)) if data.rows > 1 else 0.0
    return _Mean(float(data.predicted.mean()), spread / data.rows, max(1, data.rows - 1))


def _people(data: Labelled) -> _Mean | None:
    """Each value counting one by how likely it was drawn; None where there are too few."""
    if data.labelled < 2:
        return None
    weights = data.weights
    mean = float((weights * data.gold).sum() / weights.sum())
    variance, freedom = _variance(data, weights * (data.gold - mean) / weights.sum())
    return _Mean(mean, variance, freedom)


def _variance(data: Labelled, parts: Floats, tuned: int = 0) -> tuple[float, float]:
    """
    Of a sum of parts, one of each labelled row; a cluster's parts come together.

    Args:
        data: The rows.
        parts: A row's part in the estimate.
        tuned: How many numbers were chosen to make it small.
    Returns:
        The variance, and its degrees of freedom.
    """
    strata = data.strata[data.is_labelled]
    clusters = data.clusters_of_labelled
    if clusters is None:
        clusters = np.arange(data.labelled)
    variance, freedom = 0.0, 0.0
    for stratum in np.unique(strata):
        inside = strata == stratum
        _, places = np.unique(clusters[inside], return_inverse=True)
        sums = np.bincount(places, weights=parts[inside])
        count = len(sums)
        # The parts of a stratum are of a mean: their own mean is none of their spread.
        left = max(1, count - 1 - tuned)
        variance += float(((sums - sums.mean()) ** 2).sum()) * count / left
        freedom += left
    return variance, freedom


def _tuning(data: Labelled) -> float:
    """PPI++'s lambda; 0 where the model's values are constant."""
    above = below = 0.0
    for stratum in np.unique(data.strata):
        inside = data.strata == stratum
        sampled = inside & data.is_labelled
        n, rest = int(sampled.sum()), int((inside & ~data.is_labelled).sum())
        if not rest:
            continue
        y, f = data.gold[inside[data.is_labelled]], data.predicted[sampled]
        spread = float(data.predicted[inside].var(ddof=1))
        share = inside.sum() / data.rows
        above += share**2 * float(((y - y.mean()) * (f - f.mean())).mean()) / n
        below += share**2 * spread * (1 / n + 1 / rest)
    return min(1.0, max(0.0, above / below)) if below > 0 else 0.0


def _corrected(data: Labelled, method: Method) -> _Mean:
    """
    The model's mean, and what people's values say it is off, in each stratum.

    PPI++ takes the model's mean of the other rows, DSL that of all. Where no people's value differs from the
    model's, the spread of the differences is taken for that of one value in as many, since "none of 30" is
    not "none".
    """
    tuning = _tuning(data) if method == "ppi" else 1.0
    estimate = of_model = least = by_chance = 0.0
    parts = np.zeros(data.labelled)
    # What each row adds to the error, where clusters have labelled rows and others.
    together = np.zeros(data.rows)
    for stratum in np.unique(data.strata):
        inside = data.strata == stratum
        in_gold = inside[data.is_labelled]
        y, f = data.gold[in_gold], data.predicted[inside & data.is_labelled]
        rest = data.predicted[inside & ~data.is_labelled]
        rows, n, share = int(inside.sum()), len(y), float(inside.mean())
        spread = float(y.var(ddof=1)) + float((y.mean() - data.gold.mean()) ** 2)
        if method == "ppi":
            used = tuning if len(rest) else 0.0
            off = y - used * f
            estimate += share * (float(off.mean()) + (used * float(rest.mean()) if len(rest) else 0.0))
            parts[in_gold] = share * off / n
            together[inside & data.is_labelled] = share * (off - off.mean()) / n
            if len(rest):
                together[inside & ~data.is_labelled] = share * used * (rest - rest.mean()) / len(rest)
            if len(rest) > 1:
                of_model += share**2 * used**2 * float(rest.var(ddof=1)) / len(rest)
        else:
            off = y - f
            estimate += share * (float(off.mean()) + float(data.predicted[inside].mean()))
            parts[in_gold] = share * off / n * math.sqrt(max(0.0, 1 - n / rows))
            together[inside] = share * (data.predicted[inside] - data.predicted[inside].mean()) / rows
            together[inside & data.is_labelled] += share * (off - off.mean()) / n
            of_model += share * spread / data.rows
        least += share**2 * spread / (n * (n + 1))
    if method == "dsl" and data.probability is not None:
        # As published, also where more or fewer rows were drawn than the probabilities say.
        errors = data.predicted[data.is_labelled] - data.gold
        estimate = float(data.predicted.mean() - (data.weights * errors).sum() / data.rows)
        if not data.is_fixed:
            by_chance = float((data.weights * errors / data.rows).sum() ** 2) / data.labelled
    own, freedom = _variance(data, parts, tuned=1 if 0 < tuning < 1 else 0)
    if data.gold.min() == data.gold.max():
        # Nobody knows from equal values how far others are apart.
        return _Mean(float(estimate), 0.0, 1.0)
    if data.clusters is not None:
        _, places = np.unique(data.clusters, return_inverse=True)
        sums = np.bincount(places, weights=together)
        own = max(own, float((sums**2).sum()) * len(sums) / max(1, len(sums) - 1))
        own += by_chance
        return _Mean(float(estimate), float(max(own, least)), max(1.0, freedom))
    own += by_chance
    variance = max(own, least) + of_model
    scale = (variance / max(own, least)) ** 2 if max(own, least) > 0 else 1.0
    return _Mean(float(estimate), float(variance), max(1.0, freedom * scale))
