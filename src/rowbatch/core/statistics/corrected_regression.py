"""
Linear and logistic regressions with a label on either side, corrected.

The coefficients make a sum of scores zero: with PPI++ the mean score of people's values, plus lambda times
the difference between the mean scores of the model's values in the other rows and in the labelled ones; with
DSL the scores of the model's values, plus what people's say they are off, one by how likely each was drawn.

Source:
    Angelopoulos, Duchi and Zrnic (2023), "PPI++: efficient prediction-powered inference"; Egami, Hinck,
    Stewart and Wei (2024), "Using large language model annotations for the social sciences: a general
    framework of using predicted variables in downstream analyses".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rowbatch.core.statistics.corrected import (
    LEAST_CLUSTERS_OF_REGRESSIONS,
    LEAST_FOR_REGRESSIONS,
    METHODS,
    Correction,
    Labelled,
    Method,
    few_clusters,
    without_interval,
)
from rowbatch.core.statistics.figures import Figure, Resampling, t_quantile, undefined
from rowbatch.core.statistics.patterns import Codes, Floats
from rowbatch.words.notice import Notice

Model = Literal["linear", "logistic"]
ROWS_A_COEFFICIENT = 10
_MOST_STEPS = 50


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one regression: predictors and outcome, and how much each row counts."""

    x: Floats
    y: Floats
    weights: Floats


@dataclass(frozen=True, slots=True)
class Regression:
    """
    What is regressed on what.

    Attributes:
        model: Linear or logistic.
        names: Of the coefficients, the intercept first.
        x: Predictors of all rows with the model's values, the intercept first.
        y: Outcome of all rows with the model's values.
        gold_x, gold_y: The same of the labelled rows, with people's values.
    """

    model: Model
    names: tuple[str, ...]
    x: Floats
    y: Floats
    gold_x: Floats
    gold_y: Floats


class _NotFound(Exception):
    """The coefficients run away, or predictors say the same."""


def correct_regression(
    asked: Regression, data: Labelled, method: Method, resampling: Resampling
) -> tuple[Correction, ...]:
    """
    Coefficients, a number each.

    Args:
        asked: What is regressed.
        data: Which rows are labelled, and how they were drawn.
        method: `ppi`, for rows that were drawn alike, or `dsl`.
        resampling: Whose level the intervals have.
    """
    n, size = data.labelled, len(asked.names)
    least = max(LEAST_FOR_REGRESSIONS, ROWS_A_COEFFICIENT * size)
    why: Notice | None = None
    if method == "rogan-gladen":
        why = Notice("correct-only-shares")
    elif n < least:
        why = Notice("correct-too-few", {"labelled": n, "least": least})
    elif method == "ppi" and data.probability is not None:
        why = Notice("correct-unequal-ppi")
    lumped = few_clusters(data, LEAST_CLUSTERS_OF_REGRESSIONS)
    why = why or lumped
    everything = _Rows(asked.x, asked.y, np.full(data.rows, 1 / data.rows))
    weights = data.weights / data.weights.sum() if n else np.zeros(0)
    people = _Rows(asked.gold_x, asked.gold_y, weights)
    model_lines = _plain(
        asked.model, everything, data.clusters, n=data.rows, words="of all rows", resampling=resampling
    )
    sampled = data.clusters_of_labelled
    people_lines = (
        _plain(asked.model, people, sampled, n=n, words="of labelled rows", resampling=resampling)
        if n > size
        else [undefined(n, "of labelled rows", Notice("correct-too-few", {"labelled": n, "least": least}))]
        * size
    )
    tuning = None
    if why is None:
        try:
            if method == "ppi":
                corrected, tuning = _ppi(asked, data, resampling)
            else:
                corrected = _dsl(asked, data, resampling)
        except _NotFound:
            why = Notice("correct-not-found")
    if why is not None:
        corrected = [undefined(n, METHODS[method], why)] * size
    return tuple(
        Correction(
            name,
            without_interval(model_lines[place], lumped),
            without_interval(people_lines[place], lumped),
            corrected[place],
            tuning,
        )
        for place, name in enumerate(asked.names)
    )


def _means(model: Model, x: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """What is expected of each row, and how that changes with its linear predictor."""
    eta = x @ beta
    if model == "linear":
        return eta, np.ones(len(eta))
    mean = 1 / (1 + np.exp(-np.clip(eta, -500, 500)))
    return mean, mean * (1 - mean)


def _scores(model: Model, rows: _Rows, beta: Floats) -> Floats:
    mean, _ = _means(model, rows.x, beta)
    scores: Floats = rows.x * (rows.y - mean)[:, None]
    return scores


def _hessian(model: Model, parts: Sequence[_Rows], beta: Floats) -> Floats:
    found = np.zeros((len(beta), len(beta)))
    for rows in parts:
        _, slope = _means(model, rows.x, beta)
        found += (rows.x * (rows.weights * slope)[:, None]).T @ rows.x
    return found


def _solved(model: Model, parts: Sequence[_Rows], start: Floats | None = None) -> Floats:
    """
    The coefficients for which the weighted scores of all parts are zero, by Newton's method.

    Raises:
        _NotFound: There are none, or many.
    """
    beta = np.zeros(parts[0].x.shape[1]) if start is None else start
    for _ in range(_MOST_STEPS):
        score = np.sum([rows.weights @ _scores(model, rows, beta) for rows in parts], axis=0)
        step = _inverse(_hessian(model, parts, beta)) @ score
        size = float(np.abs(step).max())
        beta = beta + step * min(1.0, 5 / size if size > 0 else 1.0)
        if size < 1e-10:
            break
    else:
        raise _NotFound
    if not np.isfinite(beta).all() or np.abs(beta).max() > 1e8:
        raise _NotFound
    found: Floats = beta
    return found


def _inverse(matrix: Floats) -> Floats:
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e12:
        raise _NotFound
    found: Floats = np.linalg.inv(matrix).astype(np.float64)
    return found


def _figures(
    beta: Floats,
    covariance: Floats,
    freedom: float,
    *,
    fitted: _Rows,
    n: int,
    words: str,
    resampling: Resampling,
) -> list[Figure]:
    """
    A figure a coefficient; without an interval where the outcome of `fitted` is all explained, since then
    nothing says how far it varies.
    """
    quantile = t_quantile(resampling.level, max(1.0, freedom))
    method = (
        f"{words}; {resampling.percent} interval: sandwich variance, t with {freedom:,.0f} degrees of freedom"
    )
    found = []
    largest = np.abs(fitted.y).max(initial=0.0)
    if np.abs(fitted.y - fitted.x @ beta).max(initial=0.0) <= 1e-9 * largest:
        why = Notice("interval-without-width")
        return [Figure(float(estimate), None, None, n, words, why) for estimate in beta]
    for place, estimate in enumerate(beta):
        half = quantile * math.sqrt(max(0.0, float(covariance[place, place])))
        found.append(Figure(float(estimate), float(estimate) - half, float(estimate) + half, n, method))
    return found


def _spread(scores: Floats, clusters: Codes | None, size: int) -> tuple[Floats, float]:
    """
    The covariance of the sum of scores, and its degrees of freedom; a cluster's scores come together.
    """
    if clusters is not None:
        _, places = np.unique(clusters, return_inverse=True)
        summed = np.zeros((int(places.max()) + 1, scores.shape[1]))
        np.add.at(summed, places, scores)
        scores = summed
    count = len(scores)
    left = max(1, count - size) if clusters is None else max(1, count - 1)
    found: Floats = scores.T @ scores * count / left
    return found, float(left)


def _plain(
    model: Model, rows: _Rows, clusters: Codes | None, *, n: int, words: str, resampling: Resampling
) -> list[Figure]:
    try:
        beta = _solved(model, [rows])
        inverse = _inverse(_hessian(model, [rows], beta))
    except _NotFound:
        return [undefined(n, words, Notice("correct-not-found"))] * rows.x.shape[1]
    scores = _scores(model, rows, beta) * rows.weights[:, None]
    meat, freedom = _spread(scores, clusters, rows.x.shape[1])
    return _figures(
        beta, inverse @ meat @ inverse, freedom, fitted=rows, n=n, words=words, resampling=resampling
    )


def _ppi(asked: Regression, data: Labelled, resampling: Resampling) -> tuple[list[Figure], float]:
    is_labelled = data.is_labelled
    n, size = data.labelled, len(asked.names)
    rest_count = max(1, data.rows - n)
    sampled = _Rows(asked.gold_x, asked.gold_y, np.full(n, 1 / n))
    said = _Rows(asked.x[is_labelled], asked.y[is_labelled], np.full(n, 1 / n))
    rest = _Rows(asked.x[~is_labelled], asked.y[~is_labelled], np.full(data.rows - n, 1 / rest_count))
    everything = _Rows(asked.x, asked.y, np.full(data.rows, 1 / data.rows))

    def solved(tuning: float, start: Floats | None) -> Floats:
        if tuning == 0 or not len(rest.y):
            return _solved(asked.model, [sampled], start)
        if asked.model == "linear" and np.array_equal(said.x, sampled.x):
            # The label is the outcome: two regressions, as the authors' own package has it.
            of_rest = _solved(asked.model, [_Rows(rest.x, tuning * rest.y, rest.weights)])
            return of_rest + _solved(
                asked.model, [_Rows(sampled.x, sampled.y - tuning * said.y, sampled.weights)]
            )
        less = _Rows(said.x, said.y, -tuning * said.weights)
        more = _Rows(rest.x, rest.y, tuning * rest.weights)
        return _solved(asked.model, [sampled, less, more], start)

    start = _solved(asked.model, [sampled])
    try:
        beta = solved(1.0, start)
    except _NotFound:
        # With all of the model's values there may be no solution, and with a part of them one.
        beta = start
    inverse = _inverse(_hessian(asked.model, [everything], beta))
    tuning = _power(asked, data, beta, inverse) if len(rest.y) else 0.0
    beta = solved(tuning, start)
    inverse = _inverse(_hessian(asked.model, [everything], beta))
    of_gold = _scores(asked.model, sampled, beta) - tuning * _scores(asked.model, said, beta)
    parts = np.zeros((data.rows, size))
    parts[is_labelled] = (of_gold - of_gold.mean(axis=0)) / n
    if tuning:
        of_rest = tuning * _scores(asked.model, rest, beta)
        parts[~is_labelled] = (of_rest - of_rest.mean(axis=0)) / rest_count
    if data.clusters is None:
        meat, freedom = _spread(parts[is_labelled], None, size)
        if tuning:
            meat += _spread(parts[~is_labelled], None, size)[0]
    else:
        # A cluster may have labelled rows and others, which err together.
        meat, _ = _spread(parts, data.clusters, size)
        freedom = float(len(np.unique(data.clusters[is_labelled])) - 1)
    return _figures(
        beta,
        inverse @ meat @ inverse,
        freedom,
        fitted=sampled,
        n=n,
        words=METHODS["ppi"],
        resampling=resampling,
    ), tuning


def _power(asked: Regression, data: Labelled, beta: Floats, inverse: Floats) -> float:
    """Lambda that makes the sum of the coefficients' variances smallest."""
    is_labelled = data.is_labelled
    n, rest = data.labelled, data.rows - data.labelled
    none = np.zeros(0)
    gold = _scores(asked.model, _Rows(asked.gold_x, asked.gold_y, none), beta)
    said = _scores(asked.model, _Rows(asked.x, asked.y, none), beta)
    of_sample = said[is_labelled]
    cross = (gold - gold.mean(axis=0)).T @ (of_sample - of_sample.mean(axis=0)) / n
    spread = np.cov(said.T).reshape(len(beta), len(beta))
    above = float(np.trace(inverse @ (cross + cross.T) @ inverse))
    below = 2 * (1 + n / rest) * float(np.trace(inverse @ spread @ inverse))
    return min(1.0, max(0.0, above / below)) if below > 0 else 0.0


def _dsl(asked: Regression, data: Labelled, resampling: Resampling) -> list[Figure]:
    is_labelled = data.is_labelled
    rows, n, size = data.rows, data.labelled, len(asked.names)
    weights = data.weights / rows
    everything = _Rows(asked.x, asked.y, np.full(rows, 1 / rows))
    sampled = _Rows(asked.gold_x, asked.gold_y, weights)
    said = _Rows(asked.x[is_labelled], asked.y[is_labelled], -weights)
    parts = [everything, sampled, said]
    beta = _solved(asked.model, parts, _solved(asked.model, [sampled]))
    inverse = _inverse(_hessian(asked.model, parts, beta))
    off = _scores(asked.model, sampled, beta) - _scores(asked.model, said, beta)
    clusters = data.clusters
    if clusters is not None or not data.is_fixed:
        # As published: the sum over all rows, of which each or each cluster is one draw.
        scores = _scores(asked.model, everything, beta) / rows
        scores[is_labelled] += off * weights[:, None]
        meat, _ = _spread(scores, clusters, size)
        freedom = n - size if clusters is None else len(np.unique(clusters[is_labelled])) - 1
        return _figures(
            beta,
            inverse @ meat @ inverse,
            freedom,
            fitted=sampled,
            n=n,
            words=METHODS["dsl"],
            resampling=resampling,
        )
    # As many rows were drawn of each stratum as were to be: their number is no chance.
    gold = _scores(asked.model, sampled, beta)
    meat = (gold * weights[:, None]).T @ gold / rows
    strata = data.strata[is_labelled]
    for stratum in np.unique(data.strata):
        inside = strata == stratum
        whole, drawn = int((data.strata == stratum).sum()), int(inside.sum())
        if drawn < 2:
            raise _NotFound
        centred = off[inside] - off[inside].mean(axis=0)
        share = whole / rows
        meat = meat + share**2 * (1 - drawn / whole) * centred.T @ centred / (drawn * (drawn - 1))
    meat = meat * n / (n - size)
    return _figures(
        beta,
        inverse @ meat @ inverse,
        n - size,
        fitted=sampled,
        n=n,
        words=METHODS["dsl"],
        resampling=resampling,
    )
