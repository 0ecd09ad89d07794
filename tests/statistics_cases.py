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
