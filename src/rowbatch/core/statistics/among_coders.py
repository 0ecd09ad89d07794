"""
How far coders agree with each other.

A unit counts where at least two coders said something of it. What differs between the measures is what they
take for agreement by chance.

Source:
    Gwet (2014), "Handbook of inter-rater reliability", 4th edition; Krippendorff (2011), "Computing
    Krippendorff's alpha-reliability".
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Literal

import numpy as np

from rowbatch.core.statistics.patterns import Floats, Patterns, Statistic, ratio, tally

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Weighting = Literal["plain", "linear", "quadratic"]

MOST_VALUES = 500
"""Of more values than these no table of all pairs is made."""


def agreement_weights(size: int, numbers: Floats | None, weighting: Weighting) -> Floats:
    """
    How far two values are the same, from 1 to 0: a table with a line and a column a value.

    Args:
        size: How many values there are.
        numbers: What they are worth; None means their places, in order.
        weighting: Of a difference: `plain` is any, `linear` how large it is, `quadratic` its square, beside
            the
            largest one.
    """
    if weighting == "plain":
        return np.eye(size)
    worth = np.arange(size, dtype=np.float64) if numbers is None else numbers
    apart = np.abs(worth[:, None] - worth[None, :])
    largest = apart.max(initial=0.0)
    if not largest:
        return np.eye(size)
    apart /= largest
    return 1 - (apart if weighting == "linear" else apart * apart)


def observed_agreement(patterns: Patterns, weights: Floats | None) -> Statistic:
    """
    The mean, over units, of how far two of their ratings agree.

    Args:
        patterns: What was said.
        weights: How far each two values agree, from 0 to 1; None means that only the same ones do.
    """
    agreeing = np.zeros(len(patterns.counts))
    for one, other in combinations(range(patterns.coders), 2):
        first, second = patterns.codes[:, one], patterns.codes[:, other]
        both = (first >= 0) & (second >= 0)
        if weights is None:
            agreeing += 2.0 * (both & (first == second))
        else:
            agreeing += 2.0 * np.where(both, weights[first, second], 0.0)
    r = patterns.ratings
    pairs = r * (r - 1)
    is_pair = r >= 2
    each = np.divide(agreeing, pairs, out=np.zeros_like(pairs), where=is_pair)
    return lambda masses: ratio(masses @ each, masses @ is_pair.astype(np.float64))


def _shares(patterns: Patterns) -> Callable[[Floats], Floats]:
    """Of each value, the mean over units of its share in what was said: a line a sample."""
    r = patterns.ratings
    each = np.divide(1.0, r, out=np.zeros_like(r), where=r > 0)
    is_rated = (r > 0).astype(np.float64)

    def shares(masses: Floats) -> Floats:
        weighted = masses * each
        total = sum(
            tally(weighted, patterns.codes[:, coder], patterns.size) for coder in range(patterns.coders)
        )
        return ratio(np.asarray(total), (masses @ is_rated)[:, None])

    return shares


def percent_agreement(patterns: Patterns) -> Statistic:
    """The share of pairs of ratings of a unit that are the same, in the mean of the units."""
    return observed_agreement(patterns, None)


def brennan_prediger(patterns: Patterns) -> Statistic:
    """
    Agreement beyond that of coders to whom all values are as likely.

    Source:
        Brennan and Prediger (1981), "Coefficient kappa: some uses, misuses, and alternatives".
    """
    observed, size = observed_agreement(patterns, None), patterns.size
    return lambda masses: ratio(observed(masses) - 1 / size, np.full(len(masses), 1 - 1 / size))


def fleiss_kappa(patterns: Patterns) -> Statistic:
    """
    Agreement beyond that of coders who all draw from one distribution; of two coders it is Scott's pi.

    Where units have different numbers of ratings, both parts are means over units, as Gwet has them.

    Source:
        Fleiss (1971), "Measuring nominal scale agreement among many raters".
    """
    observed, shares = observed_agreement(patterns, None), _shares(patterns)

    def statistic(masses: Floats) -> Floats:
        by_chance = np.sum(shares(masses) ** 2, axis=1)
        return ratio(observed(masses) - by_chance, 1 - by_chance)

    return statistic


def gwet(patterns: Patterns, weighting: Weighting = "plain") -> Statistic:
    """
    Gwet's AC1, and with weights AC2.

    Agreement by chance is that of units that are hard to code. How many values there are counts: of all in
    the codebook, not of those that occur.

    Source:
        Gwet (2008), "Computing inter-rater reliability and its variance in the presence of high agreement".
    """
    size = patterns.size
    weights = None if weighting == "plain" else agreement_weights(size, patterns.numbers, weighting)
    observed, shares = observed_agreement(patterns, weights), _shares(patterns)
    total = size if weights is None else float(weights.sum())

    def statistic(masses: Floats) -> Floats:
        if size < 2:
            return np.full(len(masses), np.nan)
        p = shares(masses)
        by_chance = total / (size * (size - 1)) * np.sum(p * (1 - p), axis=1)
        return ratio(observed(masses) - by_chance, 1 - by_chance)

    return statistic


def cohen_kappa(pair: Patterns, weighting: Weighting = "plain") -> Statistic:
    """
    Cohen's kappa of two coders, over the units that both coded.

    Source:
        Cohen (1960), "A coefficient of agreement for nominal scales"; Cohen (1968), "Weighted kappa".
    """
    first, second = pair.codes[:, 0], pair.codes[:, 1]
    both = (first >= 0) & (second >= 0)
    first, second, size = first[both], second[both], pair.size
    weights = None if weighting == "plain" else agreement_weights(size, pair.numbers, weighting)
    same = (first == second).astype(np.float64) if weights is None else weights[first, second]

    def statistic(masses: Floats) -> Floats:
        masses = masses[:, both]
        n = masses.sum(axis=1)
        one, other = tally(masses, first, size), tally(masses, second, size)
        by_chance = np.sum((one if weights is None else one @ weights) * other, axis=1)
        # Times n squared, so that counts stay whole and "undefined" is exact.
        return ratio(n * (masses @ same) - by_chance, n * n - by_chance, n * n)

    return statistic


def light_kappa(patterns: Patterns, weighting: Weighting = "plain") -> Statistic:
    """
    The mean of Cohen's kappa over all pairs of coders; of two it is Cohen's.

    Source:
        Light (1971), "Measures of response agreement for qualitative data: some generalizations and
        alternatives".
    """
    pairs = [
        cohen_kappa(patterns.of_coders(one, other), weighting)
        for one, other in combinations(range(patterns.coders), 2)
    ]
    return lambda masses: np.mean([kappa(masses) for kappa in pairs], axis=0)


def krippendorff_alpha(patterns: Patterns, level: Level) -> Statistic:
    """
    One minus the disagreement of ratings of one unit, beside that of any two ratings.

    Coders may miss units. The distance of two values is 1 for `nominal`, by how many ratings lie between them
    for `ordinal`, their difference for `interval`, and that beside their sum for `ratio`, each squared.
    """
    pairable = patterns.ratings >= 2
    chosen = patterns.where(pairable)
    each = 1 / (chosen.ratings - 1)
    match level:
        case "nominal":
            statistic = _nominal_alpha(chosen, each)
        case "ordinal":
            statistic = _ordinal_alpha(chosen, each)
        case "interval":
            statistic = _interval_alpha(chosen, each)
        case _:
            statistic = _ratio_alpha(chosen, each)
    return lambda masses: statistic(masses[:, pairable])


def _said(patterns: Patterns, masses: Floats) -> Floats:
    """How often each value was said: a line a sample."""
    parts = [tally(masses, patterns.codes[:, coder], patterns.size) for coder in range(patterns.coders)]
    said: Floats = np.sum(parts, axis=0)
    return said


def _nominal_alpha(units: Patterns, each: Floats) -> Statistic:
    # Of each unit, pairs of ratings that differ.
    differing = (units.ratings * (units.ratings - 1) - _same_pairs(units)) * each

    def statistic(masses: Floats) -> Floats:
        said = _said(units, masses)
        n = said.sum(axis=1)
        expected = n * n - np.sum(said * said, axis=1)
        return 1 - ratio((n - 1) * (masses @ differing), expected, n * n)

    return statistic


def _ordinal_alpha(units: Patterns, each: Floats) -> Statistic:
    def statistic(masses: Floats) -> Floats:
        said = _said(units, masses)
        n = said.sum(axis=1)
        # Two values are as far apart as there are ratings between their middles.
        middles = (np.cumsum(said, axis=1) - said / 2) - n[:, None] / 2
        total, squares = np.zeros_like(masses), np.zeros_like(masses)
        for coder in range(units.coders):
            codes = units.codes[:, coder]
            worth = np.where(codes >= 0, middles[:, codes], 0.0)
            total += worth
            squares += worth * worth
        apart = 2 * np.sum(masses * each * (units.ratings * squares - total * total), axis=1)
        all_squares = n * np.sum(said * middles**2, axis=1)
        spread = 2 * (all_squares - np.sum(said * middles, axis=1) ** 2)
        return 1 - ratio((n - 1) * apart, spread, all_squares)

    return statistic


def _interval_alpha(units: Patterns, each: Floats) -> Statistic:
    """By sums of values and of squares, so that there may be as many values as ratings."""
    assert units.numbers is not None
    worth = units.numbers - (units.numbers.min(initial=0) + units.numbers.max(initial=0)) / 2
    values = np.where(units.said, worth[units.codes], 0.0)
    total, squares, ratings = values.sum(axis=1), (values * values).sum(axis=1), units.ratings
    apart = 2 * (ratings * squares - total * total) * each

    def statistic(masses: Floats) -> Floats:
        n, all_squares = masses @ ratings, masses @ squares
        spread = 2 * (n * all_squares - (masses @ total) ** 2)
        return 1 - ratio((n - 1) * (masses @ apart), spread, n * all_squares)

    return statistic


def _ratio_alpha(units: Patterns, each: Floats) -> Statistic:
    assert units.numbers is not None
    sums = units.numbers[:, None] + units.numbers[None, :]
    differences = units.numbers[:, None] - units.numbers[None, :]
    return _alpha_by(units, each, np.divide(differences, sums, out=np.zeros_like(sums), where=sums != 0) ** 2)


def alpha_by_distance(patterns: Patterns, distance: Floats) -> Statistic:
    """
    Krippendorff's alpha with distances of one's own.

    Args:
        patterns: What was said.
        distance: How far each two values are apart: a table with a line and a column a value, 0 between the
            same.
    """
    pairable = patterns.ratings >= 2
    chosen = patterns.where(pairable)
    statistic = _alpha_by(chosen, 1 / (chosen.ratings - 1), distance)
    return lambda masses: statistic(masses[:, pairable])


def _alpha_by(units: Patterns, each: Floats, distance: Floats) -> Statistic:
    within = np.zeros(len(units.counts))
    for one, other in combinations(range(units.coders), 2):
        both = units.said[:, one] & units.said[:, other]
        within += 2 * np.where(both, distance[units.codes[:, one], units.codes[:, other]], 0.0)
    within *= each

    def statistic(masses: Floats) -> Floats:
        said = _said(units, masses)
        n = said.sum(axis=1)
        expected = np.sum((said @ distance) * said, axis=1)
        return 1 - ratio((n - 1) * (masses @ within), expected, n * n)

    return statistic


def _same_pairs(patterns: Patterns) -> Floats:
    """Of each pattern, ordered pairs of ratings that are the same."""
    same = np.zeros(len(patterns.counts))
    for one, other in combinations(range(patterns.coders), 2):
        first, second = patterns.codes[:, one], patterns.codes[:, other]
        same += 2.0 * ((first >= 0) & (first == second))
    return same
