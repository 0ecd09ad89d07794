"""
May a model replace a coder? The alternative-annotator test.

Of each person, the units that others coded too are looked at: does the model agree with these others at
least as well as the person does? The model may be worse by epsilon, which is what it saves.

Source:
    Calderon, Reichart and Dror (2025), "The alternative annotator test for LLM-as-a-judge: how to
    statistically justify replacing human annotators with LLMs"; Benjamini and Yekutieli (2001), "The control
    of the false discovery rate in multiple testing under dependency".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rowbatch.core.document import Shown
from rowbatch.core.statistics.figures import Figure, Resampling, t_below
from rowbatch.core.statistics.patterns import Codes, Floats, Patterns, Statistic, Wanted, figures_of, ratio
from rowbatch.words.notice import Notice

People = Literal["experts", "skilled", "crowd"]
EPSILONS: Mapping[People, float] = {"experts": 0.2, "skilled": 0.15, "crowd": 0.1}
"""How much worse the model may be: more, the more a person of the kind costs."""
LEAST_UNITS = 30
"""Of a person: with fewer the test is not made."""
ENOUGH_PEOPLE = 3
"""With fewer the test is made, and it is told."""
_ERROR_RATE = 0.05
_LEAST_WINS = 0.5

Alike = Callable[[Codes, Codes], Floats]
"""How far two values are alike, of each pair: 1 the same; of numbers less the square of the difference."""


@dataclass(frozen=True, slots=True)
class PersonCompared:
    """
    The model beside one person.

    Attributes:
        coder: Who.
        n: Units that this person and another one coded.
        model_advantage: Share of them where the model is at least as close to the others.
        person_advantage: Share where the person is.
        p: Of the test that the person is better by epsilon at least; None where the person has too few units.
        is_won: Whether that is rejected, with all people taken together.
    """

    coder: str
    n: int
    model_advantage: float | None
    person_advantage: float | None
    p: float | None
    is_won: bool

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "coder": self.coder,
            "n": self.n,
            "model_advantage": self.model_advantage,
            "person_advantage": self.person_advantage,
            "p": self.p,
            "won": self.is_won,
        }


@dataclass(frozen=True, slots=True, repr=False)
class AltTest(Shown):
    """
    Whether a model may replace a coder.

    Attributes:
        model: Its column.
        epsilon: How much worse it may be.
        people: A comparison with each person.
        winning_rate: Share of the tested people against whom it wins; None where nobody could be tested.
        advantage: How likely it is at least as close to the others as a person is, in the mean of people.
        why: Why there is no verdict, where there is none.
    """

    model: str
    epsilon: float
    people: tuple[PersonCompared, ...]
    winning_rate: float | None
    advantage: Figure
    why: Notice | None = None

    @property
    def passes(self) -> bool | None:
        """Whether it may; None where nobody could be tested."""
        return None if self.winning_rate is None else self.winning_rate >= _LEAST_WINS

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        plain: dict[str, Any] = {
            "model": self.model,
            "epsilon": self.epsilon,
            "false_discovery_rate": _ERROR_RATE,
            "passes": self.passes,
            "winning_rate": self.winning_rate,
            "advantage_probability": self.advantage.to_plain(),
            "people": [one.to_plain() for one in self.people],
        }
        return plain if self.why is None else {**plain, "why": self.why.told()}


def alternative_annotator_test(
    patterns: Patterns,
    names: tuple[Sequence[str], str],
    alike: Alike,
    epsilon: float,
    resampling: Resampling,
) -> AltTest:
    """
    Test whether a model may replace one of several people.

    Args:
        patterns: What was said: a column a person, and the model's last.
        names: Of the people, and of the model.
        alike: How values are compared.
        epsilon: How much worse the model may be.
        resampling: How the interval of the advantage is found.
    """
    people, model = names
    sides = [_sides(patterns, place, alike) for place in range(len(people))]
    found, tested = [], []
    for place, name in enumerate(people):
        chosen, model_wins, person_wins = sides[place]
        n = patterns.units(chosen)
        counts = (patterns.counts * chosen).astype(np.float64)
        shares = [float(counts @ wins) / n if n else None for wins in (model_wins, person_wins)]
        p = _p(counts, person_wins - model_wins, epsilon) if n >= LEAST_UNITS else None
        if p is not None:
            tested.append((p, place))
        found.append(PersonCompared(name, n, shares[0], shares[1], p, is_won=False))
    won = _rejected(tested)
    compared = tuple(replace(one, is_won=place in won) for place, one in enumerate(found))
    n = patterns.units(np.any([side[0] for side in sides], axis=0)) if sides else 0
    wanted = Wanted(
        _advantage([sides[place] for _, place in tested]),
        n,
        "share of units where the model is at least as close to the others as a person is, mean over people",
        Notice("alt-test-too-few", {"least": LEAST_UNITS}),
    )
    return AltTest(
        model,
        epsilon,
        compared,
        len(won) / len(tested) if tested else None,
        figures_of({"advantage": wanted}, patterns, resampling)["advantage"],
        None if tested else wanted.why,
    )


_Side = tuple[npt.NDArray[np.bool_], Floats, Floats]


def _sides(patterns: Patterns, person: int, alike: Alike) -> _Side:
    """The patterns of one person that others coded, and in which the model, and the person, is as close."""
    codes, said, model = patterns.codes, patterns.said, patterns.coders - 1
    others = [place for place in range(model) if place != person]
    scores = []
    for judged in (model, person):
        total = np.zeros(len(patterns.counts))
        for other in others:
            both = said[:, judged] & said[:, other]
            total[both] += alike(codes[both, judged], codes[both, other])
        scores.append(total)
    chosen = said[:, person] & said[:, others].any(axis=1)
    # An answer that is not there is worse than any.
    answered = said[:, model]
    is_near = 1e-12 * np.maximum(np.abs(scores[0]), np.abs(scores[1]))
    model_wins = answered & (scores[0] >= scores[1] - is_near)
    person_wins = ~answered | (scores[1] >= scores[0] - is_near)
    return chosen, model_wins.astype(np.float64), person_wins.astype(np.float64)


def _advantage(sides: Sequence[_Side]) -> Statistic:
    def statistic(masses: Floats) -> Floats:
        if not sides:
            return np.full(len(masses), np.nan)
        parts = [ratio(masses @ (chosen * wins), masses @ chosen.astype(float)) for chosen, wins, _ in sides]
        found: Floats = np.mean(parts, axis=0)
        return found

    return statistic


def _p(counts: Floats, differences: Floats, epsilon: float) -> float:
    """Of the one-sided t test that the mean of the differences is epsilon at least."""
    n = float(counts.sum())
    mean = float(counts @ differences) / n
    variance = float(counts @ (differences - mean) ** 2) / (n - 1)
    # Where all are the same, they vary at least as if one were another: no p of exactly 0.
    variance = max(variance, 1 / n)
    return t_below((mean - epsilon) / math.sqrt(variance / n), n - 1)


def _rejected(tested: Sequence[tuple[float, int]]) -> set[int]:
    """Whose test is rejected, with the share of false ones among these held down for all tests together."""
    m = len(tested)
    harmonic = sum(1 / place for place in range(1, m + 1))
    ordered = sorted(tested)
    last = 0
    for place, (p, _) in enumerate(ordered, start=1):
        if p <= place * _ERROR_RATE / (m * harmonic):
            last = place
    return {person for _, person in ordered[:last]}
