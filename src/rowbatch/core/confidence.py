"""Which values have a confidence, and what it comes from. How it is read is in `token_probabilities`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

MOST_SAMPLES = 10
"""How often a row may be asked."""
CALIBRATED_METHOD = "calibrated scoring"
"""How the local model chooses a label, as it says beside the answer."""
BASIS_COLUMN = "confidence_basis"
CONFIDENCE = "confidence:"
"""How the names of columns with a confidence begin, in frames."""


class Basis(StrEnum):
    """What a confidence comes from."""

    PROBABILITY = "label probability"
    CALIBRATED = "label probability (calibrated)"


BASES = ("", Basis.PROBABILITY.value, Basis.CALIBRATED.value)
"""A basis by its number in a frame; the first means that there is none."""
NO_BASIS, BY_TOKENS, BY_SCORING = range(len(BASES))


class Measured(NamedTuple):
    """
    A value whose confidence is wanted.

    Attributes:
        place: Its position among the values of an answer.
        name: Of the variable, as the answer has it.
        labels: All that are allowed, where there is a list; else ().
    """

    place: int
    name: str
    labels: tuple[str, ...]


def measured(codebook: Codebook) -> tuple[Measured, ...]:
    """
    The values of a codebook that have a confidence.

    Words of the model's own have none: the probability of a wording says little of what is said.
    """
    return tuple(
        Measured(place, variable.name, variable.choices)
        for place, variable in enumerate(codebook.answers)
        if not (variable.is_open or variable.is_computed)
    )


def column_of(place: int) -> str:
    """Name of the column with the confidence of a value, in frames."""
    return f"{CONFIDENCE}{place}"
