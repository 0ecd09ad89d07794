"""
`specification-curve`: one estimate in every way in which a table was asked, none left out.

Each way is one specification: its model, its prompt, the order of its labels. Estimates of the model alone
are of the same rows in all ways; corrected ones are of all rows that a way asked.

Source:
    Simonsohn, Simmons and Nelson (2020), "Specification curve analysis", Nature Human Behaviour 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from rowbatch.core.document import Block, Dot, Dots, Shown, Table, notes_of
from rowbatch.core.document_html import picture_of
from rowbatch.core.kinds.base import Variable
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.numbers import number_of
from rowbatch.core.statistics.corrected import Correction, Labelled
from rowbatch.core.statistics.corrected_means import correct_mean, correct_mean_difference
from rowbatch.core.statistics.corrected_shares import correct_difference, correct_share
from rowbatch.core.statistics.figures import Figure, Resampling, undefined
from rowbatch.core.variants import FACETS
from rowbatch.errors import UsageError
from rowbatch.reporting.configurations import Compared, Configuration
from rowbatch.reporting.variants import ROW, VALUE, Sample
from rowbatch.words.notice import Notice

GOLD, STRATUM, LIKELY, CLUSTER, GROUP = "gold", "stratum", "likely", "cluster", "group"
"""Columns of the rows that could be drawn: what people settled on, how they were drawn, and groups."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Estimated:
    """
    What is estimated.

    Attributes:
        label: Whose share; None means the mean of numbers.
        by: Column with groups; None means of all rows.
        between: The two groups whose difference is wanted; of two groups in all they need not be named.
    """

    label: str | None = None
    by: str | None = None
    between: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coded:
    """
    The rows of a table, with what people settled on.

    Attributes:
        name: Of the coding set.
        frame: `ROW`, `GOLD` (null where nobody coded), and perhaps `STRATUM` with `LIKELY`, and `CLUSTER`.
        why: Why nothing can be corrected by them; None where it can.
        notes: What a person should know of them.
    """

    name: str
    frame: pl.DataFrame
    why: Notice | None = None
    notes: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Specification:
    """
    A way to ask, with its estimate.

    Attributes:
        configuration: The way.
        model_only: Of the model's values; None where the way does not count.
        corrected: By people's; None where nobody coded, or the way does not count.
    """

    configuration: Configuration
    model_only: Figure | None = None
    corrected: Figure | None = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            **self.configuration.to_plain(),
            "model_only": None if self.model_only is None else self.model_only.to_plain(),
            "corrected": None if self.corrected is None else self.corrected.to_plain(),
        }


@dataclass(frozen=True, slots=True, repr=False)
class SpecificationCurve(Shown):
    """
    One estimate in every way to ask.

    Attributes:
        run: The first one.
        variable: Of the codebook.
        quantity: What is estimated.
        rows: That the model's estimates are of: those that every complete way asked.
        sample: How these were drawn; None where they are all.
        specifications: The ways, by their estimate from low to high; those that do not count last.
        people: The coding set; "".
        resampling: Of intervals.
        notes: What a person should know.
    """

    run: str
    variable: str
    quantity: str
    rows: int
    sample: Sample | None
    specifications: tuple[Specification, ...]
    people: str
    resampling: Resampling
    notes: tuple[Notice, ...]

    @property
    def counted(self) -> list[Specification]:
        """Those with an estimate."""
        return [
            one
            for one in self.specifications
            if one.model_only is not None and one.model_only.estimate is not None
        ]

    @property
    def other_runs(self) -> list[Path]:
        """Where the further runs of the table lie that count."""
        return [one.configuration.path for one in self.counted if one.configuration.kind == "run"]

    @property
    def range(self) -> tuple[float, float, float] | None:
        """The lowest estimate of the model alone, the median, the highest; None where there is none."""
        found = [one.model_only.estimate for one in self.counted if one.model_only is not None]
        known = [one for one in found if one is not None]
        return (min(known), median(known), max(known)) if known else None

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it."""
        ends = self.range
        return {
            "run": self.run,
            "variable": self.variable,
            "quantity": self.quantity,
            "rows": self.rows,
            "sample": None
            if self.sample is None
            else {"rows": len(self.sample.rows), "seed": self.sample.seed},
            "configurations": len(self.specifications),
            "counted": len(self.counted),
            "range": None if ends is None else {"low": ends[0], "median": ends[1], "high": ends[2]},
            "specifications": [one.to_plain() for one in self.specifications],
            "people": self.people or None,
            "confidence": self.resampling.level,
            "draws": self.resampling.draws,
            "seed": self.resampling.seed,
            "notes": [note.told() for note in self.notes],
        }

    def picture(self, title: str = "", names: Mapping[str, str] | None = None) -> Dots:
        """
        The curve, and beneath it what each way is.

        Args:
            title: Above it; "" for what is estimated.
            names: Words of another language for facets and their values.
        """
        said = names or {}
        rows: list[tuple[str, str]] = []
        for facet in FACETS:
            values = dict.fromkeys(str(one.configuration.facets.get(facet, "")) for one in self.counted)
            rows += [(facet, value) for value in values if value and len(values) > 1]
        dots = []
        for one in self.counted:
            assert one.model_only is not None
            facets = one.configuration.facets
            first, second = one.model_only, one.corrected
            dots.append(
                Dot(
                    one.configuration.name,
                    first.estimate or 0.0,
                    first.low,
                    first.high,
                    None if second is None else second.estimate,
                    None if second is None else second.low,
                    None if second is None else second.high,
                    tuple(facets.get(facet) == value for facet, value in rows),
                )
            )
        return Dots(
            title or self.quantity,
            dots,
            [(said.get(facet, facet), said.get(value, value)) for facet, value in rows],
        )

    @property
    def svg(self) -> str:
        """The picture by itself, as a file has it."""
        return picture_of(self.picture(), alone=True)

    def drawing(self, title: str, names: Mapping[str, str], legend: tuple[str, str]) -> str:
        """
        The picture as a part of a page, which says in its own style what `biased` and `corrected` look like.

        Args:
            title, names: As of `picture`.
            legend: Of both numbers.
        """
        return picture_of(replace(self.picture(title, names), legend=legend))

    def as_blocks(self) -> Iterator[Block]:
        """The picture and the numbers."""
        yield self.picture()
        yield Table(
            ("", "model only (biased)", "corrected", ""),
            [
                (
                    one.configuration.name,
                    _told(one.model_only),
                    _told(one.corrected),
                    one.configuration.state,
                )
                for one in self.specifications
            ],
        )
        yield from notes_of(self.notes)


def _told(figure: Figure | None) -> str:
    return "–" if figure is None else f"{figure.shown} ({figure.shown_interval})"


def curve_of(
    run: str,
    compared: Compared,
    wanted: Estimated,
    resampling: Resampling,
    *,
    groups: pl.DataFrame | None = None,
    coded: Coded | None = None,
) -> SpecificationCurve:
    """
    Estimate in every way.

    Args:
        run: What the first one is called.
        compared: All ways.
        wanted: What.
        resampling: Of intervals.
        groups: `ROW` and `GROUP` of every row of the table, where groups are compared.
        coded: What people settled on, where there is such a thing.
    Raises:
        UsageError: There is no such label or group, or nothing that all ways asked.
    """
    variable, complete = compared.variable, compared.complete
    joined = compared.joined()
    if not joined.height:
        raise UsageError("stability-nothing-shared", run=run)
    columns = {one.name: joined[str(number)] for number, one in enumerate(complete)}
    label = _label(variable, columns[complete[0].name], wanted.label)
    pair = _pair(groups, wanted)
    quantity = f"share of {label}" if label is not None else f"mean of {variable.name}"
    if pair:
        quantity += f", {wanted.by} {pair[0]} less {pair[1]}"
    quantity_of = _Quantity(label, variable.has_several, pair, quantity)
    rows = _beside(joined.select(ROW), groups, None)
    found = []
    for one in compared.configurations:
        if one.state != "complete":
            found.append(Specification(one))
            continue
        own = rows.with_columns(columns[one.name].alias(VALUE))
        corrected = None
        if coded is not None:
            whole = _beside(compared.frames[one.name].select(ROW, VALUE), groups, coded)
            corrected = (
                undefined(0, "corrected", coded.why)
                if coded.why is not None
                else _corrected(whole, quantity_of, resampling)
            )
        found.append(Specification(one, quantity_of.correction(own, resampling).model_only, corrected))
    ordered = sorted(
        found,
        key=lambda one: (
            one.model_only is None or one.model_only.estimate is None,
            0.0 if one.model_only is None else one.model_only.estimate or 0.0,
        ),
    )
    notes = list(coded.notes) if coded is not None else []
    if skipped := [one.name for one in compared.configurations if one.state != "complete"]:
        notes.append(Notice("stability-left-out", {"names": skipped}))
    return SpecificationCurve(
        run=run,
        variable=variable.name,
        quantity=quantity,
        rows=joined.height,
        sample=compared.sample,
        specifications=tuple(ordered),
        people=coded.name if coded is not None else "",
        resampling=resampling,
        notes=tuple(notes),
    )


def _label(variable: Variable, first: pl.Series, wanted: str | None) -> str | None:
    """Whose share is wanted: by default that of the commonest label of the first way."""
    if not variable.choices:
        return wanted
    if wanted is not None:
        if wanted not in variable.choices:
            raise UsageError(
                "stability-no-label", label=wanted, variable=variable.name, labels=list(variable.choices)
            )
        return wanted
    split = first.str.split(SEPARATOR).explode() if variable.has_several else first
    counts = {label: int((split == label).sum()) for label in variable.choices}
    return max(counts, key=lambda label: counts[label])


def _pair(groups: pl.DataFrame | None, wanted: Estimated) -> tuple[str, str] | None:
    if wanted.by is None or groups is None:
        return None
    there = sorted(set(groups[GROUP].drop_nulls().unique().to_list()) - {""})
    chosen = list(wanted.between) or there
    if len(chosen) != 2 or len(set(chosen)) != 2:
        raise UsageError("stability-two-groups", column=wanted.by, groups=there[:_SHOWN], count=len(there))
    for one in chosen:
        if one not in there:
            raise UsageError("correct-no-such-group", group=one, column=wanted.by, groups=there[:_SHOWN])
    return chosen[0], chosen[1]


def _beside(rows: pl.DataFrame, groups: pl.DataFrame | None, coded: Coded | None) -> pl.DataFrame:
    """The rows with their groups and with what people said; of coded ones only those that could be drawn."""
    if groups is not None:
        rows = rows.join(groups.select(ROW, GROUP), on=ROW, how="left", maintain_order="left")
    if coded is None:
        return rows
    return rows.join(coded.frame, on=ROW, how="inner", maintain_order="left")


@dataclass(frozen=True, slots=True)
class _Quantity:
    """What is estimated of a frame with `VALUE`, perhaps `GROUP`, and perhaps what people said."""

    label: str | None
    has_several: bool
    pair: tuple[str, str] | None
    words: str

    def _numbers(self, cells: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """1 where a value is the label; or the number, nan where there is none."""
        if self.label is not None:
            split = cells.fill_null("").str.split(SEPARATOR) if self.has_several else None
            is_label = cells == self.label if split is None else split.list.contains(self.label)
            return is_label.fill_null(False).cast(pl.Float64).to_numpy()
        numbers = {cell: number_of(cell) for cell in cells.drop_nulls().unique().to_list()}
        return np.array(
            [
                float("nan") if cell is None or numbers[cell] is None else float(numbers[cell] or 0)
                for cell in cells.to_list()
            ]
        )

    def labelled(self, frame: pl.DataFrame) -> Labelled:
        predicted = self._numbers(frame[VALUE])
        absent = np.isnan(predicted)
        if absent.any() and not absent.all():
            # Any value will do for them, as long as people's do not decide which.
            predicted[absent] = predicted[~absent].mean()
        if GOLD in frame.columns:
            is_labelled = frame[GOLD].is_not_null().to_numpy()
            gold = self._numbers(frame[GOLD])[is_labelled]
        else:
            is_labelled, gold = np.zeros(frame.height, dtype=np.bool_), np.zeros(0)
        has_strata = STRATUM in frame.columns
        strata = frame[STRATUM].to_numpy() if has_strata else np.zeros(frame.height, dtype=np.int64)
        likely = frame[LIKELY].to_numpy() if has_strata else None
        clusters = None
        if CLUSTER in frame.columns:
            clusters = np.unique(frame[CLUSTER].fill_null("").to_numpy(), return_inverse=True)[1].astype(
                np.int64
            )
        return Labelled(predicted, gold, is_labelled, strata.astype(np.int64), likely, clusters)

    def correction(self, frame: pl.DataFrame, resampling: Resampling) -> Correction:
        data = self.labelled(frame)
        with np.errstate(all="ignore"):
            if self.pair is None:
                of_one = correct_mean if self.label is None else correct_share
                return of_one(data, "ppi", resampling, self.words)
            first, second = (
                data.of((frame[GROUP] == group).fill_null(False).to_numpy()) for group in self.pair
            )
            less = correct_mean_difference if self.label is None else correct_difference
            return less(first, second, "ppi", resampling, self.words)


def _corrected(frame: pl.DataFrame, quantity: _Quantity, resampling: Resampling) -> Figure:
    """Corrected by people; refused, with the reason, where all rows are coded: then these alone are right."""
    own = frame.drop_nulls(GOLD).height
    if own == frame.height:
        why = Notice("stability-all-coded", {"rows": own})
        return undefined(own, "corrected", why)
    return quantity.correction(frame, resampling).corrected
