"""Shares of labels by group and over time, corrected for the model's errors by what people coded."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rowbatch.api.quality import RunEstimand, corrected
from rowbatch.core.statistics.corrected import Correction
from rowbatch.core.statistics.figures import Resampling
from rowbatch.desk.splits import Split, rows_of_parts
from rowbatch.results.coded import CodedRun, extra
from rowbatch.store.view import ROW, TableView
from rowbatch.words.notice import Notice

_PART = "part"


@dataclass(frozen=True, slots=True)
class CorrectedPart:
    """
    A part of a table.

    Attributes:
        name: As in its `Split`.
        rows: That it has.
        shares: Of each label: of the model alone, of people alone, corrected.
    """

    name: str
    rows: int
    shares: tuple[Correction, ...]


@dataclass(frozen=True, slots=True)
class CorrectedSplit:
    """
    Shares of labels in each part of a table, corrected.

    Attributes:
        split: What was counted of the same parts.
        labels: Whose shares.
        parts: In order; those without a row that could be drawn are left out.
        notes: What a person should know of them.
    """

    split: Split
    labels: tuple[str, ...]
    parts: tuple[CorrectedPart, ...]
    notes: tuple[Notice, ...]


def correct_split(coded: CodedRun, population: pl.DataFrame, view: TableView, split: Split) -> CorrectedSplit:
    """
    Correct the shares of each part by the rows of it that people coded; one with too few of them has no
    corrected share, and says why.

    Args:
        coded: The run beside a coding set.
        population: As `CodedRun.population` gave it.
        view: Of the table.
        split: Which parts, and labels.
    Raises:
        UsageError: The strata of the set are those of other answers.
    """
    cells = rows_of_parts(view, split, extra(_PART))
    whole = population.join(cells, on=ROW, how="inner", maintain_order="left")
    rows = dict(whole.group_by(extra(_PART)).len().iter_rows())
    labels = tuple(one for one in split.labels if one in coded.variable.choices)
    # Of two parts their difference stands first; then each, by its name.
    names = sorted(rows)
    shares: dict[str, list[Correction]] = {name: [] for name in names}
    notes: dict[Notice, None] = {}
    for label in labels if names else ():
        found = corrected(coded, whole, RunEstimand(label=label, by=_PART), Resampling())
        for name, one in zip(names, found.corrections[-len(names) :], strict=True):
            shares[name].append(one)
        notes |= dict.fromkeys(found.notes)
    parts = tuple(
        CorrectedPart(name, rows[name], tuple(shares[name])) for name, _ in split.parts if name in rows
    )
    return CorrectedSplit(split, labels, parts, tuple(notes))
