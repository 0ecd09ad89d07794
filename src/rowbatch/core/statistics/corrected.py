"""
Estimates corrected for a model's errors: what they are made of, and what becomes of them.

Every row has a model's value; some, drawn with a known probability, also have people's. A number made of the
model's values alone is as wrong as the model is, however many rows there are; one of people's alone is right
and wide. A corrected one is right, and as narrow as the model is good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rowbatch.core.document import Block, Shown
from rowbatch.core.statistics.figures import Figure, Resampling
from rowbatch.core.statistics.notebook import figures_blocks
from rowbatch.core.statistics.patterns import Floats
from rowbatch.words.notice import Notice

LEAST_CLUSTERS = 10
LEAST_CLUSTERS_OF_REGRESSIONS = 50
"""Of labelled rows: below, how far clusters differ is not known."""

Method = Literal["ppi", "dsl", "rogan-gladen"]
METHODS: Mapping[Method, str] = {
    "ppi": "PPI++ (power-tuned)",
    "dsl": "DSL",
    "rogan-gladen": "Rogan and Gladen's, with the calibration's uncertainty",
}

LEAST_FOR_SHARES = 10
LEAST_FOR_MEANS = 20
LEAST_FOR_REGRESSIONS = 100
"""Rows that people labelled; below, no interval can be believed, and none is given."""
LEAST_OF_EACH = 5
"""Of people's labels, with it and without it: below, sensitivity and specificity are not known."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """
    Rows that are a random sample of a whole, or all of it.

    Attributes:
        predicted: The model's values, a row each.
        gold: People's values of the rows that have one, in the order of the rows.
        is_labelled: Which rows have one.
        strata: The number of the part of the rows in which all were drawn alike, a row each.
        probability: How likely a row was drawn, a row each; None where it is the share that was.
        clusters: Which rows belong together, a row each; None where each stands alone.
    """

    predicted: Floats
    gold: Floats
    is_labelled: npt.NDArray[np.bool_]
    strata: npt.NDArray[np.int64]
    probability: Floats | None = None
    clusters: npt.NDArray[np.int64] | None = None

    def of(self, chosen: npt.NDArray[np.bool_]) -> Labelled:
        """Only the chosen rows."""
        return Labelled(
            self.predicted[chosen],
            self.gold[chosen[self.is_labelled]],
            self.is_labelled[chosen],
            self.strata[chosen],
            None if self.probability is None else self.probability[chosen],
            None if self.clusters is None else self.clusters[chosen],
        )

    @property
    def labelled(self) -> int:
        return int(self.is_labelled.sum())

    @property
    def rows(self) -> int:
        return len(self.predicted)

    @property
    def clusters_of_labelled(self) -> npt.NDArray[np.int64] | None:
        """Which labelled rows belong together."""
        return None if self.clusters is None else self.clusters[self.is_labelled]

    @property
    def weights(self) -> Floats:
        """One by how likely each labelled row was drawn, summing to the rows."""
        if self.probability is not None:
            return 1 / self.probability[self.is_labelled]
        return np.full(self.labelled, self.rows / self.labelled)

    @property
    def is_fixed(self) -> bool:
        """
        Whether as many rows were drawn of each stratum as the probabilities say, and not more or fewer by
        chance.
        """
        if self.probability is None:
            return True
        for stratum in np.unique(self.strata):
            inside = self.strata == stratum
            expected = float(self.probability[inside].sum())
            # A number of rows is whole.
            if abs(expected - int(self.is_labelled[inside].sum())) > max(0.5, 1e-6 * expected):
                return False
        return True


def few_clusters(data: Labelled, least: int = LEAST_CLUSTERS) -> Notice | None:
    """Why no interval can be believed where labelled rows are of a handful of clusters; None where it can."""
    clusters = data.clusters_of_labelled
    if clusters is None:
        return None
    count = len(np.unique(clusters))
    if count >= least:
        return None
    return Notice("correct-few-clusters", {"clusters": count, "least": least})


def without_interval(figure: Figure, why: Notice | None) -> Figure:
    """The same number without an interval, where there is a reason; else as it is."""
    return figure if why is None else replace(figure, low=None, high=None, why=figure.why or why)


@dataclass(frozen=True, slots=True)
class Correction:
    """
    A number, three times.

    Attributes:
        quantity: What it is: a share, a mean, a difference, a coefficient.
        model_only: Of the model's values; biased as the model is, and its interval does not know.
        people_only: Of people's values.
        corrected: Of both.
        tuning: How far the model's values are used, from 0 to 1 (PPI++'s lambda); None where it is no part.
    """

    quantity: str
    model_only: Figure
    people_only: Figure
    corrected: Figure
    tuning: float | None = None

    @property
    def lines(self) -> dict[str, Figure]:
        """The three, by name."""
        return {"model_only": self.model_only, "people_only": self.people_only, "corrected": self.corrected}

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        lines = {name: figure.to_plain() for name, figure in self.lines.items()}
        lines["model_only"]["biased"] = True
        return {"quantity": self.quantity, "tuning": self.tuning, "estimates": lines}


@dataclass(frozen=True, slots=True, repr=False)
class CorrectedEstimates(Shown):
    """
    Numbers of a table, corrected.

    Attributes:
        predicted, gold: Names of the columns.
        method: How.
        rows: Of the table.
        labelled: Rows with people's value.
        corrections: One, or several where several were asked for.
        resampling: Whose level the intervals have.
        notes: What a person should know.
    """

    predicted: str
    gold: str
    method: Method
    rows: int
    labelled: int
    corrections: tuple[Correction, ...]
    resampling: Resampling
    notes: tuple[Notice, ...]

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it: the first one, and all of them below."""
        return {
            "level": self.resampling.level,
            "method": self.method,
            "predicted": self.predicted,
            "gold": self.gold,
            "rows": self.rows,
            "labelled": self.labelled,
            "draws": self.resampling.draws,
            "seed": self.resampling.seed,
            **self.corrections[0].to_plain(),
            "all": [one.to_plain() for one in self.corrections],
            "notes": [note.told() for note in self.notes],
        }

    def as_blocks(self) -> Iterator[Block]:
        """A table: each number of the model, of people, and of both."""
        figures = {
            f"{one.quantity}: {name.replace('_', ' ')}{' (biased)' if name == 'model_only' else ''}": figure
            for one in self.corrections
            for name, figure in one.lines.items()
        }
        return figures_blocks(figures, self.resampling, self.notes)
