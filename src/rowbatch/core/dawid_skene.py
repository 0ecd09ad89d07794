"""
Who of several observers is right, and how often each is: the model of Dawid and Skene, by its EM algorithm.

Each observer has an error rate for each true label: how often they say what where that is true. Nobody knows
the true labels; those that make what was said most likely are found, together with the rates. What several
observers said of a text is a pattern, and texts with the same pattern are one and count as often as they
are: so a million texts take as long as their few patterns.

Source:
    A. P. Dawid and A. M. Skene (1979), "Maximum likelihood estimation of observer error-rates using the EM
    algorithm", Applied Statistics 28, pages 20 to 28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

Pattern = tuple[tuple[str, ...], ...]
"""What was said of a text: of each observer the labels, none where they said nothing."""

_MOST_ROUNDS = 200
_CLOSE = 1e-7
# A rate of 0 would make one label impossible for ever where rounding, and not the data, made it 0.
_LEAST = 1e-300
# What is less likely changes no digit that is shown; of many labels most are, and cost time.
_NOTHING = 1e-13


@dataclass(frozen=True, slots=True)
class DawidSkene:
    """
    What was found.

    Attributes:
        labels: All that were said, as they were given.
        shares: Of each label, how common it is in truth.
        rates: Of each observer, for each true label in order, the share of each label in what they say.
        posteriors: Of each pattern, how likely each label is to be the true one.
    """

    labels: tuple[str, ...]
    shares: tuple[float, ...]
    rates: tuple[tuple[tuple[float, ...], ...], ...]
    posteriors: Mapping[Pattern, tuple[float, ...]]

    def decide(self, pattern: Pattern) -> tuple[str, float]:
        """
        The label that is most likely the true one, and how likely it is.

        Of labels that are as likely the one that an earlier observer said.
        """
        posterior = self.posteriors[pattern]
        most = max(posterior)
        said = [label for labels in pattern for label in labels]
        likely = [label for label, p in zip(self.labels, posterior, strict=True) if most - p < _CLOSE]
        first = next((label for label in said if label in likely), likely[0])
        return first, posterior[self.labels.index(first)]


def dawid_skene(patterns: Mapping[Pattern, int], labels: Sequence[str]) -> DawidSkene:
    """
    Find true labels and error rates by maximum likelihood.

    It begins with what most observers say, and ends when nothing changes any more, or after 200 rounds.

    Args:
        patterns: How many texts have each; at least one, each with something said.
        labels: All that may be said.
    Raises:
        ValueError: There is nothing to go by.
    """
    if not patterns or not all(any(pattern) for pattern in patterns):
        raise ValueError("there is a pattern of which nothing was said, or none at all")
    place = {label: number for number, label in enumerate(labels)}
    said = [[[place[label] for label in one] for one in pattern] for pattern in patterns]
    counts = list(patterns.values())
    posteriors = [_shares_of(pattern, len(labels)) for pattern in said]
    shares, rates = _estimated(said, counts, posteriors, len(labels))
    for _ in range(_MOST_ROUNDS):
        before = posteriors
        posteriors = _expected(said, shares, rates)
        shares, rates = _estimated(said, counts, posteriors, len(labels))
        if _distance(before, posteriors) < _CLOSE:
            break
    return DawidSkene(
        tuple(labels),
        tuple(shares),
        tuple(tuple(map(tuple, of_one)) for of_one in rates),
        dict(zip(patterns, map(tuple, posteriors), strict=True)),
    )


def _shares_of(pattern: Sequence[Sequence[int]], labels: int) -> list[float]:
    """How much of what was said of a text is each label."""
    found = [0.0] * labels
    for one in pattern:
        for label in one:
            found[label] += 1.0
    total = sum(found)
    return [count / total for count in found]


def _estimated(
    said: Sequence[Sequence[Sequence[int]]],
    counts: Sequence[int],
    posteriors: Sequence[Sequence[float]],
    labels: int,
) -> tuple[list[float], list[list[list[float]]]]:
    """How common each label is and how often each observer says what, where the true labels are so likely."""
    observers = len(said[0])
    sums = [0.0] * labels
    told = [[[0.0] * labels for _ in range(labels)] for _ in range(observers)]
    for pattern, count, posterior in zip(said, counts, posteriors, strict=True):
        for true, p in enumerate(posterior):
            if p < _NOTHING:
                continue
            sums[true] += count * p
            for observer, one in enumerate(pattern):
                for label in one:
                    told[observer][true][label] += count * p
    total = sum(sums)
    for of_one in told:
        for row in of_one:
            if all_said := sum(row):
                row[:] = [one / all_said for one in row]
    return [one / total for one in sums], told


def _expected(
    said: Sequence[Sequence[Sequence[int]]],
    shares: Sequence[float],
    rates: Sequence[Sequence[Sequence[float]]],
) -> list[list[float]]:
    """How likely each label is the true one of each pattern."""
    log_shares = [log(max(share, _LEAST)) for share in shares]
    # Of each observer and each label that they may say, a number for each true label.
    logs = [
        [[log(max(row[label], _LEAST)) for row in of_one] for label in range(len(shares))] for of_one in rates
    ]
    found = []
    for pattern in said:
        likely = log_shares
        for of_one, one in zip(logs, pattern, strict=True):
            for label in one:
                likely = [before + more for before, more in zip(likely, of_one[label], strict=True)]
        # The largest is 1 before they are scaled, so that none is lost in rounding.
        most = max(likely)
        scaled = [exp(one - most) for one in likely]
        total = sum(scaled)
        found.append([one / total for one in scaled])
    return found


def _distance(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> float:
    return max(
        abs(old - new)
        for one, other in zip(before, after, strict=True)
        for old, new in zip(one, other, strict=True)
    )
