"""
Shares of a label, corrected.

The estimates are those of their papers. Their intervals are not the normal ones, which hold 75 % instead of
95 % with ten labelled rows, and fail for rare labels: what the rows that people labelled leave open is drawn
from Jeffreys' posterior of the few probabilities that the estimate is made of, so that "no error in 30 rows"
is not taken for "no errors". `tests/coverage_of_intervals.py` shows how often they hold the truth.

Source:
    Angelopoulos, Duchi and Zrnic (2023), "PPI++: efficient prediction-powered inference"; Egami, Hinck,
    Stewart and Wei (2023), "Using imperfect surrogates for downstream inference: design-based supervised
    learning for social science applications of large language models"; Rogan and Gladen (1978), "Estimating
    prevalence from the results of a screening test"; Brown, Cai and DasGupta (2001), "Interval estimation
    for a binomial proportion".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rowbatch.core.statistics.corrected import (
    LEAST_FOR_SHARES,
    LEAST_OF_EACH,
    METHODS,
    Correction,
    Labelled,
    Method,
    few_clusters,
    without_interval,
)
from rowbatch.core.statistics.figures import (
    Figure,
    Resampling,
    blaker,
    normal_quantile,
    t_quantile,
    undefined,
    wilson,
)
from rowbatch.core.statistics.patterns import Codes, Floats
from rowbatch.words.notice import Notice

_LEAST_INFORMED = 0.1
"""Sensitivity and specificity less one: below, the model's label says next to nothing."""


@dataclass(frozen=True, slots=True)
class _Stratum:
    """
    Rows that were drawn alike, counted; fewer than there are where rows of one cluster say less than others.

    Attributes:
        cells: Of labelled rows, by the model's no and yes, then by people's.
        by_model: All rows, by the model's no and yes.
        rest: The rows that nobody labelled, by the model's no and yes.
        labelled: The share of labelled rows.
        share: Of all rows of the whole.
    """

    cells: Floats
    by_model: Floats
    rest: Floats
    labelled: float
    share: float

    @property
    def n(self) -> float:
        return float(self.cells.sum())

    @property
    def gold(self) -> float:
        """People's share."""
        return float(self.cells[:, 1].sum()) / self.n

    @property
    def model(self) -> float:
        """The model's, of the labelled rows."""
        return float(self.cells[1].sum()) / self.n


def _strata(data: Labelled) -> list[_Stratum]:
    """The strata, counted."""
    f = data.predicted.astype(np.int64)
    found = []
    for stratum in np.unique(data.strata):
        inside = data.strata == stratum
        in_sample = inside & data.is_labelled
        y = data.gold[inside[data.is_labelled]].astype(np.int64)
        cells = np.zeros((2, 2))
        np.add.at(cells, (f[in_sample], y), 1)
        by_model, rest = (
            np.bincount(f[chosen], minlength=2).astype(np.float64)
            for chosen in (inside, inside & ~data.is_labelled)
        )
        found.append(
            _Stratum(
                cells,
                by_model,
                rest,
                float(in_sample.sum() / inside.sum()),
                float(inside.mean()),
            )
        )
    return found


def correct_share(data: Labelled, method: Method, resampling: Resampling, quantity: str) -> Correction:
    """
    The share of rows with a label.

    Args:
        data: 1 where a value is the label, else 0.
        method: How.
        resampling: Level, draws and seed of the interval.
        quantity: What it is called.
    """
    draws = ShareDraws(data, method, resampling)
    why = draws.refusal()
    words = f"{METHODS[method]}; {_words(resampling)}"
    if why is not None:
        corrected = undefined(data.labelled, METHODS[method], why)
    else:
        estimate = draws.estimate()
        low, high = _ends(draws.posterior(), estimate, resampling)
        corrected = Figure(estimate, low, high, data.labelled, words)
    tuning = draws.tuning if method == "ppi" else None
    return Correction(
        quantity, model_share(data, resampling), people_share(data, resampling), corrected, tuning
    )


def correct_difference(
    first: Labelled, second: Labelled, method: Method, resampling: Resampling, quantity: str
) -> Correction:
    """The share in the first rows less that in the second ones."""
    sides = [ShareDraws(one, method, resampling, offset) for offset, one in enumerate((first, second))]
    why = next((one.refusal() for one in sides if one.refusal() is not None), None)
    n = first.labelled + second.labelled
    if why is None:
        estimate = sides[0].estimate() - sides[1].estimate()
        low, high = _ends(sides[0].posterior() - sides[1].posterior(), estimate, resampling)
        corrected = Figure(estimate, low, high, n, f"{METHODS[method]}; {_words(resampling)}")
    else:
        corrected = undefined(n, METHODS[method], why)
    return Correction(
        quantity,
        _difference(model_share(first, resampling), model_share(second, resampling)),
        _difference(_people_by_score(first, resampling), _people_by_score(second, resampling)),
        corrected,
    )


def _difference(first: Figure, second: Figure) -> Figure:
    """
    Of two independent shares, from their intervals.

    Source:
        Newcombe (1998), "Interval estimation for the difference between independent proportions", method 10.
    """
    why = first.why or second.why
    parts = (first.estimate, first.low, first.high, second.estimate, second.low, second.high)
    p, low_p, high_p, q, low_q, high_q = (np.nan if part is None else part for part in parts)
    n, method = first.n + second.n, "difference of shares; Newcombe's interval"
    if first.estimate is None or second.estimate is None:
        return undefined(n, method, why or Notice("undefined-nothing-counted"))
    if why is not None:
        return Figure(p - q, None, None, n, method, why)
    down = np.hypot(p - low_p, high_q - q)
    up = np.hypot(high_p - p, q - low_q)
    return Figure(p - q, float(p - q - down), float(p - q + up), n, method)


def _words(resampling: Resampling) -> str:
    return (
        f"{resampling.percent} interval: {resampling.draws:,} draws from Jeffreys' posterior, "
        f"seed {resampling.seed}"
    )


def _ends(drawn: Floats, estimate: float, resampling: Resampling) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - resampling.level) / 2, (1 + resampling.level) / 2])
    # The posterior's middle is not the estimate, which belongs inside.
    return min(float(low), estimate), max(float(high), estimate)


def model_share(data: Labelled, resampling: Resampling) -> Figure:
    """The share in the model's values: right only where the model is."""
    share = float(data.predicted.mean())
    low, high = wilson(share, data.rows, normal_quantile(resampling.level))
    return Figure(
        share, low, high, data.rows, f"share of all rows; {resampling.percent} interval: Wilson's score"
    )


def people_share(data: Labelled, resampling: Resampling) -> Figure:
    """The share in people's values, each counting one by how likely it was drawn."""
    found = _people_by_score(data, resampling)
    if found.low is None or data.clusters is not None or data.probability is not None:
        return found
    low, high = blaker(int(data.gold.sum()), data.labelled, resampling.level)
    words = f"share of labelled rows; {resampling.percent} interval: Blaker's, exact"
    return replace(found, low=low, high=high, method=words)


def _people_by_score(data: Labelled, resampling: Resampling) -> Figure:
    """The same with Wilson's interval, of which Newcombe's of a difference is made."""
    n = data.labelled
    method = "share of labelled rows"
    if n < 2:
        return undefined(n, method, Notice("correct-too-few", {"labelled": n, "least": LEAST_FOR_SHARES}))
    empty = sum(one.n == 0 for one in _strata(data)) if data.probability is not None else 0
    if empty:
        return undefined(n, method, Notice("correct-stratum-empty", {"strata": empty}))
    weights = data.weights
    share = float((weights * data.gold).sum() / weights.sum())
    # How many rows drawn alike would say as much.
    effective = _effective(data, share) / _clustering(
        data.clusters_of_labelled, weights * (data.gold - share)
    )
    low, high = wilson(share, effective, t_quantile(resampling.level, max(1.0, effective - 1)))
    weighted = ", weighted" if data.probability is not None else ""
    words = f"{method}{weighted}; {resampling.percent} interval: Wilson's score with t"
    return without_interval(Figure(share, low, high, n, words), few_clusters(data))


def _effective(data: Labelled, share: float) -> float:
    """
    How many rows drawn alike would make the variance that the rows of all strata make.

    Source:
        Korn and Graubard (1998), "Confidence intervals for proportions with small expected number of positive
        counts estimated from survey data".
    """
    if data.probability is None:
        return float(data.labelled)
    variance, smoothed = 0.0, 0.0
    for one in _strata(data):
        if one.n < 2:
            # What is known of a stratum without rows is nothing.
            return float(data.weights.sum() ** 2 / (data.weights**2).sum())
        # None of 30 is not none.
        p = (float(one.cells[:, 1].sum()) + 0.5) / (one.n + 1)
        variance += one.share**2 * p * (1 - p) / one.n
        smoothed += one.share * p
    middle = min(max(share, smoothed), 1 - 1e-9)
    return max(2.0, middle * (1 - middle) / variance)


def _clustering(clusters: Codes | None, residuals: Floats) -> float:
    """
    How many rows say as much as one that stands alone, since some come in clusters: the design effect, 1 at
        least.

    Args:
        clusters: Of each row; None where each stands alone.
        residuals: What each row adds to the error of a mean.
    Source:
        Kish (1965), "Survey sampling".
    """
    if clusters is None:
        return 1.0
    _, places = np.unique(clusters, return_inverse=True)
    count = int(places.max(initial=0)) + 1
    alone = float((residuals**2).sum())
    together = float((np.bincount(places, weights=residuals) ** 2).sum())
    if alone == 0 or count < 2:
        return 1.0
    few = (t_quantile(0.95, count - 1) / normal_quantile(0.95)) ** 2
    return max(1.0, few * together / alone * count / (count - 1))


class ShareDraws:
    """
    What is known of a share: an estimate, and draws of what it may be.

    Args:
        data: 1 where a value is the label, else 0.
        method: How.
        resampling: Draws and seed.
        offset: Another one draws otherwise from the same seed.
    """

    def __init__(self, data: Labelled, method: Method, resampling: Resampling, offset: int = 0) -> None:
        self._data, self._method, self._resampling = data, method, resampling
        self._chance = np.random.default_rng([resampling.seed, offset])
        self._counted = _strata(data) if data.labelled else []
        self.tuning = _tuning(self._counted) if data.labelled else 0.0

    def refusal(self) -> Notice | None:
        """Why no number is given; None where one is."""
        n = self._data.labelled
        if n < LEAST_FOR_SHARES:
            return Notice("correct-too-few", {"labelled": n, "least": LEAST_FOR_SHARES})
        why = few_clusters(self._data)
        if why is not None:
            return why
        empty = sum(one.n < 2 for one in self._counted)
        if empty:
            return Notice("correct-stratum-empty", {"strata": empty})
        if self._method == "rogan-gladen":
            if len(self._counted) > 1:
                return Notice("correct-unequal-calibration")
            cells = self._counted[0].cells
            fewest = int(min(cells[:, 0].sum(), cells[:, 1].sum()))
            if fewest < LEAST_OF_EACH:
                return Notice("correct-too-few-of-each", {"fewest": fewest, "least": LEAST_OF_EACH})
            sensitivity, specificity = self._calibration()
            if sensitivity + specificity - 1 < _LEAST_INFORMED:
                return Notice(
                    "correct-uninformed",
                    {"sensitivity": round(sensitivity, 3), "specificity": round(specificity, 3)},
                )
        return None

    def estimate(self) -> float:
        """As its paper has it, within 0 and 1."""
        match self._method:
            case "ppi":
                found = sum(one.share * self._tuned(one) for one in self._counted)
            case "dsl":
                data = self._data
                errors = data.predicted[data.is_labelled] - data.gold
                found = float(data.predicted.mean() - (data.weights * errors).sum() / data.rows)
            case _:
                sensitivity, specificity = self._calibration()
                share = float(self._data.predicted.mean())
                found = (share + specificity - 1) / (sensitivity + specificity - 1)
        return min(1.0, max(0.0, found))

    def _tuned(self, one: _Stratum) -> float:
        rest = one.rest.sum()
        if not rest:
            return one.gold
        return one.gold + self.tuning * (float(one.rest[1]) / float(rest) - one.model)

    def _calibration(self) -> tuple[float, float]:
        """Sensitivity and specificity, by the weights of the labelled rows."""
        data = self._data
        weights, y, f = data.weights, data.gold, data.predicted[data.is_labelled]
        return (
            float((weights * y * f).sum() / (weights * y).sum()),
            float((weights * (1 - y) * (1 - f)).sum() / (weights * (1 - y)).sum()),
        )

    def posterior(self) -> Floats:
        """Draws of the share, as many as wanted."""
        strata = self._counted
        match self._method:
            case "ppi":
                drawn: Floats = np.sum([one.share * self._of_labels(one) for one in strata], axis=0)
            case "dsl":
                drawn = np.clip(np.sum([one.share * self._of_errors(one) for one in strata], axis=0), 0, 1)
            case _:
                drawn = self._of_calibration(strata[0])
        if self._data.clusters is not None:
            middle = float(np.median(drawn))
            drawn = np.clip(middle + (drawn - middle) * math.sqrt(self._clustering()), 0, 1)
        found: Floats = drawn
        return found

    def _clustering(self) -> float:
        """
        How much larger the variance is since rows come in clusters: the design effect, 1 at least.

        A cluster's labelled rows and its others err together, so that what each row adds to the error is
        summed over the whole cluster.
        """
        data = self._data
        assert data.clusters is not None
        expected, off = self._parts()
        parts = (expected - expected.mean()) / data.rows
        parts[data.is_labelled] += data.weights * off / data.rows
        _, places = np.unique(data.clusters, return_inverse=True)
        sums = np.bincount(places, weights=parts)
        alone = float((parts**2).sum())
        count = len(np.unique(data.clusters[data.is_labelled]))
        if alone == 0 or count < 2:
            return 1.0
        few = (t_quantile(self._resampling.level, count - 1) / normal_quantile(self._resampling.level)) ** 2
        return max(1.0, few * float((sums**2).sum()) / alone * count / (count - 1))

    def _parts(self) -> tuple[Floats, Floats]:
        """What is expected of each row by what the model says, and how far off that is in labelled ones."""
        data = self._data
        y, f = data.gold, data.predicted[data.is_labelled]
        match self._method:
            case "ppi":
                given = [float(y[f == one].mean()) if (f == one).any() else 0.0 for one in (0, 1)]
                expected = np.where(data.predicted == 1, given[1], given[0])
                off = y - expected[data.is_labelled]
            case "dsl":
                expected, off = data.predicted, (y - f) - (y - f).mean()
            case _:
                sensitivity, specificity = self._calibration()
                informed = sensitivity + specificity - 1
                expected = data.predicted / informed
                off = (np.where(y == 1, sensitivity, 1 - specificity) - f) / informed
        return expected.astype(np.float64), off.astype(np.float64)

    def _beta(self, yes: float, no: float) -> Floats:
        return self._chance.beta(yes + 0.5, no + 0.5, self._resampling.draws)

    def _of_labels(self, one: _Stratum) -> Floats:
        """How often people say it, given what the model says, and how often the model says that."""
        no, yes = one.by_model
        is_constant = min(no, yes) == 0
        shares = np.full(self._resampling.draws, float(yes > 0)) if is_constant else self._beta(yes, no)
        given_no = self._beta(one.cells[0, 1], one.cells[0, 0])
        given_yes = self._beta(one.cells[1, 1], one.cells[1, 0])
        return shares * given_yes + (1 - shares) * given_no

    def _of_errors(self, one: _Stratum) -> Floats:
        """What the model says, less how often it says too much, plus how often too little."""
        if min(one.by_model) == 0:
            return self._of_labels(one)
        # Of the labelled rows what the model says and its errors are drawn together.
        cells = one.cells + np.array([[0.25, 0.5], [0.5, 0.25]])
        drawn = self._chance.dirichlet(cells.ravel(), self._resampling.draws)
        errors, of_model = drawn[:, 2] - drawn[:, 1], drawn[:, 2] + drawn[:, 3]
        rest = self._beta(one.rest[1], one.rest[0]) if one.rest.sum() else of_model
        found: Floats = one.labelled * of_model + (1 - one.labelled) * rest - errors
        return found

    def _of_calibration(self, one: _Stratum) -> Floats:
        cells, rest = one.cells, one.rest
        sensitivity = self._beta(cells[1, 1], cells[0, 1])
        specificity = self._beta(cells[0, 0], cells[1, 0])
        # The labelled rows' part in the model's share is what sensitivity and specificity say it is, and how
        # common the label is among them is no more certain than any share of so many: where people labelled
        # most rows, all that is open is that.
        gold = self._beta(float(cells[:, 1].sum()), float(cells[:, 0].sum()))
        said = gold * sensitivity + (1 - gold) * (1 - specificity)
        of_rest = self._beta(rest[1], rest[0]) if rest.sum() else said
        share = one.labelled * said + (1 - one.labelled) * of_rest
        informed = sensitivity + specificity - 1
        # A draw in which the model says nothing leaves everything open.
        is_blind = np.abs(informed) < 1e-9
        return np.clip((share + specificity - 1) / np.where(is_blind, 1e-9, informed), 0, 1)


def _tuning(strata: Sequence[_Stratum]) -> float:
    """
    PPI++'s lambda: how far the model's values are used; 0 where they are constant, since then they say
    nothing.

    Of strata it is what makes the variance of the sum smallest; of one it is that of the paper.
    """
    above = below = 0.0
    for one in strata:
        rest, rows = float(one.rest.sum()), float(one.by_model.sum())
        if not rest or rows < 2 or not one.n:
            continue
        model = float(one.by_model[1]) / rows
        variance = model * (1 - model) * rows / (rows - 1)
        covariance = float(one.cells[1, 1]) / one.n - one.gold * one.model
        above += one.share**2 * covariance / one.n
        below += one.share**2 * variance * (1 / one.n + 1 / rest)
    return min(1.0, max(0.0, above / below)) if below > 0 else 0.0
