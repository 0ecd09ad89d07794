"""The names of several models that are asked the same: in columns, in frames, in folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rowbatch.core.confidence import Measured, measured
from rowbatch.core.plan import Asking, Consensus

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

MOST_MODELS = 10
"""How many models may answer one run."""
_LONGEST_NAME = 24


def model_names(askings: Sequence[Asking]) -> tuple[str, ...]:
    """
    A short name for each model, which may be part of a column's name: letters, digits and `_`, each once.

    The provider stands before it where two are called the same.
    """
    plain = [_as_name(one.model) for one in askings]
    names: list[str] = []
    for asking, name in zip(askings, plain, strict=True):
        wanted = name if plain.count(name) == 1 else _as_name(f"{asking.provider}_{asking.model}")
        free, number = wanted, 1
        while free in names:
            number += 1
            free = f"{wanted}_{number}"
        names.append(free)
    return tuple(names)


def _as_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text)[-_LONGEST_NAME:].strip("_").lower() or "model"


def folder_name(asking: Asking, name: str) -> str:
    """What the folder of a further model's run is called."""
    return f"{asking.provider}-{name}"


def value_of(model: int, place: int) -> str:
    """Name of the column with the value that a model answered, in frames; the models count from 0."""
    return f"model:{model}:{place}"


def status_of(model: int) -> str:
    """Name of the column with what became of a model's answer, in frames."""
    return f"model:{model}:status"


def model_columns(codebook: Codebook, names: Sequence[str]) -> list[tuple[str, int, Measured]]:
    """
    The columns of a table with what each model answered: of each value all models, in order.

    Returns:
        Of each column its name, which model, and which value.
    """
    return [
        (f"{one.name}_{name}", model, one) for one in measured(codebook) for model, name in enumerate(names)
    ]


def is_by_errors(one: Measured, consensus: Consensus) -> bool:
    """Whether a value is decided by the error rates of the models: only one of a list can be."""
    return consensus is Consensus.DAWID_SKENE and bool(one.labels)
