"""
Data for statistics that other packages have computed, too: see `statistics_oracles`. It imports nothing.
"""

from __future__ import annotations

import random

LABELS = ("a", "b", "c", "d")


def pair_of_coders() -> list[tuple[str, str]]:
    """What two coders said of 300 units, with some agreement and one rare label."""
    chance = random.Random(7)
    pairs = []
    for _ in range(300):
        first = chance.choices(LABELS, (50, 30, 17, 3))[0]
        second = first if chance.random() < 0.7 else chance.choice(LABELS)
        pairs.append((first, second))
    return pairs


def coders_with_gaps(coders: int = 4, units: int = 120) -> list[tuple[int | None, ...]]:
    """What coders said of units, from 1 to 5, a quarter of it missing."""
    chance = random.Random(11)
    rows = []
    for _ in range(units):
        truth = chance.choices((1, 2, 3, 4, 5), (5, 3, 3, 2, 1))[0]
        said = (max(1, min(5, truth + chance.choice((-1, 0, 0, 0, 1)))) for _ in range(coders))
        rows.append(tuple(value if chance.random() > 0.25 else None for value in said))
    return rows


def pair_of_numbers() -> list[tuple[float, float]]:
    """Two columns of numbers, with ties."""
    chance = random.Random(5)
    pairs = []
    for _ in range(150):
        first = round(chance.gauss(10, 3), 1)
        pairs.append((first, round(0.8 * first + chance.gauss(2, 2), 1)))
    return pairs


def sets_with_gaps(coders: int = 3, units: int = 80) -> list[tuple[frozenset[str] | None, ...]]:
    """Which labels coders gave to units, some of them none, a fifth of it missing."""
    chance = random.Random(13)
    rows = []
    for _ in range(units):
        truth = frozenset(label for label in LABELS if chance.random() < 0.35)
        said = (
            frozenset(label for label in LABELS if (label in truth) != (chance.random() < 0.12))
            for _ in range(coders)
        )
        rows.append(tuple(one if chance.random() > 0.2 else None for one in said))
    return rows


def raters_of_numbers(coders: int = 3, units: int = 40) -> list[tuple[float, ...]]:
    """Numbers of several coders, one of whom is higher than the others."""
    chance = random.Random(17)
    rows = []
    for _ in range(units):
        truth = chance.gauss(5, 2)
        rows.append(tuple(round(truth + chance.gauss(0.5 * coder, 1), 1) for coder in range(coders)))
    return rows


def people_and_model(units: int = 150) -> list[tuple[str | None, ...]]:
    """What four people, one of them worse, and last a model said of units; people have gaps."""
    chance = random.Random(19)
    rows = []
    for _ in range(units):
        truth = chance.choice(LABELS)
        said: list[str | None] = []
        for right in (0.85, 0.8, 0.8, 0.55, 0.7):
            said.append(truth if chance.random() < right else chance.choice(LABELS))
        for coder in range(4):
            if chance.random() < 0.15:
                said[coder] = None
        rows.append(tuple(said))
    return rows


def confidences(units: int = 200) -> list[tuple[float, bool]]:
    """How sure a model is, from 0 to 1 with ties, and whether it is right."""
    chance = random.Random(23)
    sure = [round(min(1.0, max(0.0, chance.betavariate(4, 2))), 2) for _ in range(units)]
    return [(one, chance.random() < 0.3 + 0.6 * one * one) for one in sure]


def corrected(labelled: int = 200, rows: int = 2_000) -> dict[str, list[float]]:
    """
    A model's answers `f`, people's `y`, and two predictors, of rows; people labelled the first ones, as
    random as any.
    """
    chance = random.Random(3)
    found: dict[str, list[float]] = {"f": [], "y": [], "x": [], "z": []}
    for _ in range(rows):
        x, z = chance.gauss(0, 1), float(chance.random() < 0.4)
        y = float(chance.random() < 1 / (1 + 2.718281828 ** -(0.8 * x - 0.5 * z - 0.4)))
        f = y if chance.random() < 0.85 else float(chance.random() < 0.7)
        for name, value in zip("fyxz", (f, y, x, z), strict=True):
            found[name].append(value)
    assert labelled < rows
    return found
