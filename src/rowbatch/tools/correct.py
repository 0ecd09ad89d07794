"""
`correct`: shares, means, differences and regressions of a table, corrected for the errors of a model's
labels.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from rowbatch.core.choices import require_one_of
from rowbatch.core.numbers import number_of
from rowbatch.core.statistics.corrected import CorrectedEstimates, Correction, Labelled, Method
from rowbatch.core.statistics.corrected_means import (
    Sayable,
    correct_mean,
    correct_mean_difference,
    correct_sayable_difference,
    correct_sayable_mean,
)
from rowbatch.core.statistics.corrected_regression import Model, Regression, correct_regression
from rowbatch.core.statistics.corrected_shares import correct_difference, correct_share
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.patterns import Floats
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.tools.agree import probabilities
from rowbatch.tools.chosen_columns import composed, read_columns, without_decimal, without_decimals
from rowbatch.words.notice import Notice

WHERE_SAID = "where it can be said"
"""Stands behind the name of a mean of some rows."""
_MOST_STRATA = 50
_BANDS = 5
_MOST_LABELS = 100
_MOST_GROUPS = 200
_SHOWN = 5
# Its square is a number, too.
_LARGEST = 1e100
# Drawn one by one, so far apart come fewer than one in a million.
_FAR = 5.0
_MOST_OFF = 2.0


_Said = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimand:
    """
    What is wanted of which columns.

    Attributes:
        predicted: Column with the model's values.
        gold: Column with people's, empty where nobody labelled the row.
        label: Whose share is wanted; None means the mean of numbers, or the share of every label.
        probability: Column with how likely each row was drawn to be labelled; None means all alike.
        method: How.
        by: Column with groups, each of which is estimated; of two also the difference.
        between: The two groups whose difference is wanted.
        on: Columns with predictors: the label is regressed on them.
        outcome: Column that is regressed on the label, and on `on`.
        model: Of the regression.
        cluster: Column with what belongs together, as texts of one person.
        missing: Texts that mean that nothing was said, besides empty cells.
        cant_say: The text that means that no number can be said of a row; the mean is then that of the rows
            of which people can say one. None where there is none.
    """

    predicted: str
    gold: str
    label: str | None = None
    probability: str | None = None
    method: Method = "ppi"
    by: str | None = None
    between: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    outcome: str | None = None
    model: Model = "linear"
    cluster: str | None = None
    missing: tuple[str, ...] = ()
    cant_say: str | None = None

    def __post_init__(self) -> None:
        require_one_of("method", self.method, get_args(Method))
        require_one_of("model", self.model, get_args(Model))


def correct_columns(
    source: Path | pl.DataFrame, wanted: Estimand, resampling: Resampling, reading: ReadOptions | None = None
) -> CorrectedEstimates:
    """
    Correct numbers of a table.

    Args:
        source: The table, or a frame.
        wanted: What.
        resampling: Level, draws and seed of the intervals.
        reading: How the table is read.
    Raises:
        UsageError: Something does not fit together, or a cell is not what it should be, with its row.
        TableError: There is no such column, or the table is broken.
    """
    table = _Columns(source, wanted, reading)
    # What overflows becomes undefined, and is told so.
    with np.errstate(all="ignore"):
        corrections = _corrections(table, table.wanted, resampling)
    return CorrectedEstimates(
        predicted=wanted.predicted,
        gold=wanted.gold,
        method=wanted.method,
        rows=table.frame.height,
        labelled=int(table.is_labelled.sum()),
        corrections=tuple(corrections),
        resampling=resampling,
        notes=tuple(table.notes),
    )


class _Columns:
    """The columns that are wanted, as texts and as numbers."""

    def __init__(self, source: Path | pl.DataFrame, wanted: Estimand, reading: ReadOptions | None) -> None:
        if wanted.predicted == wanted.gold:
            raise UsageError("correct-same-column", column=wanted.gold)
        if wanted.between and (wanted.by is None or len(set(wanted.between)) != 2):
            raise UsageError("correct-between", groups=list(wanted.between))
        if wanted.by is not None and (wanted.on or wanted.outcome):
            raise UsageError("correct-by-and-regression")
        extra = (wanted.probability, wanted.by, wanted.outcome, wanted.cluster, *wanted.on)
        self.names = list(dict.fromkeys([wanted.predicted, wanted.gold, *(name for name in extra if name)]))
        self.notes: list[Notice] = []
        self.frame = read_columns(
            source,
            self.names,
            wanted.missing,
            reading,
            self.notes,
            is_weighted=wanted.probability is not None,
        )
        whole = without_decimals(self.frame, ["0", "1"])
        if whole is not None:
            self.frame = whole
            if wanted.label is not None:
                wanted = replace(wanted, label=without_decimal(wanted.label))
            self.notes.append(Notice("statistics-decimals"))
        same = composed(self.frame, ["0", "1"])
        if same is not None:
            self.frame = same
            if wanted.label is not None:
                wanted = replace(wanted, label=unicodedata.normalize("NFC", wanted.label))
            self.notes.append(Notice("statistics-composed"))
        self.wanted = wanted
        self.is_labelled = self.frame["1"].is_not_null().to_numpy()

    def texts(self, name: str) -> pl.Series:
        return self.frame[str(self.names.index(name))]

    def numbers(self, name: str, chosen: pl.Series | None = None) -> Floats:
        """
        The cells of a column as numbers; nan where nothing is.

        Raises:
            UsageError: A cell is no number.
        """
        cells = self.texts(name) if chosen is None else chosen
        if self.wanted.cant_say is not None:
            cells = cells.set(cells == self.wanted.cant_say, None)
        known = cells.drop_nulls().unique()
        read = {cell: number_of(cell) for cell in known}
        wrong = [cell for cell, number in read.items() if number is None]
        if wrong:
            places = self.texts(name).is_in(wrong).arg_true()
            cell = self.texts(name)[int(places[0])]
            raise UsageError(
                "correct-not-a-number", column=name, row=int(places[0]) + 1, cell=cell, rows=len(places)
            )
        values = {cell: float(number or 0) for cell, number in read.items()}
        huge = [cell for cell, value in values.items() if abs(value) > _LARGEST]
        if huge:
            row = int(self.texts(name).is_in(huge).arg_true()[0])
            raise UsageError("correct-too-large", column=name, row=row + 1, cell=self.texts(name)[row])
        return np.array([np.nan if cell is None else values[cell] for cell in cells])

    def is_said(self, name: str) -> _Said:
        """Where a cell is not that nothing can be said."""
        return (self.texts(name) != self.wanted.cant_say).fill_null(True).to_numpy()

    def labels(self) -> list[str]:
        """Labels that occur in either column."""
        found = set(self.frame["0"].drop_nulls().unique()) | set(self.frame["1"].drop_nulls().unique())
        return sorted(found - {self.wanted.cant_say})

    def labelled(self, predicted: Floats, gold: Floats) -> Labelled:
        """Values of all rows, with how they were drawn."""
        cluster = None
        if self.wanted.cluster is not None:
            cells = self.texts(self.wanted.cluster)
            # What has no name stands alone.
            names = pl.select(
                pl.when(cells.is_null())
                .then(pl.format("alone {}", pl.int_range(cells.len())))
                .otherwise(pl.format("of {}", cells))
            ).to_series()
            cluster = np.unique(names.to_numpy(), return_inverse=True)[1].astype(np.int64)
        strata, probability = self._strata(cluster)
        return Labelled(predicted, gold[self.is_labelled], self.is_labelled, strata, probability, cluster)

    def _strata(
        self, cluster: np.ndarray[tuple[int], np.dtype[np.int64]] | None
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Floats | None]:
        """
        Rows with one probability were drawn alike; of very many probabilities near ones are taken together.
        """
        name = self.wanted.probability
        if name is None:
            return np.zeros(self.frame.height, dtype=np.int64), None
        column = str(self.names.index(name))
        likely = probabilities(self.frame, self.frame[column], name, column)
        self._require_drawn_so(likely, name, cluster)
        different, places = np.unique(likely, return_inverse=True)
        if len(different) > _MOST_STRATA:
            of_labelled = likely[self.is_labelled] if self.is_labelled.any() else likely
            bounds = np.unique(np.quantile(of_labelled, np.linspace(0, 1, _BANDS + 1)[1:-1]))
            places = np.searchsorted(bounds, likely, side="right")
            self.notes.append(
                Notice("correct-bands", {"probabilities": len(different), "bands": len(bounds) + 1})
            )
        return places.astype(np.int64), likely

    def _require_drawn_so(
        self, likely: Floats, name: str, cluster: np.ndarray[tuple[int], np.dtype[np.int64]] | None
    ) -> None:
        """
        That about as many rows are labelled as the probabilities say: in all, and of each probability, since
        two that were mixed up can make the right sum.

        Raises:
            UsageError: There are twice as many, or half, and by no chance.
        """
        if not self.is_labelled.any():
            return
        different, places = np.unique(likely, return_inverse=True)
        parts = [np.ones(len(likely), dtype=bool)]
        if 1 < len(different) <= _MOST_STRATA:
            parts += [places == at for at in range(len(different))]
        for at, part in enumerate(parts):
            of_part, labelled = likely[part], int(self.is_labelled[part].sum())
            expected = float(of_part.sum())
            # Rows of a cluster may have been drawn together.
            together = None if cluster is None else np.bincount(cluster[part])[cluster[part]]
            spread = of_part * (1 - of_part) * (1 if together is None else together)
            chance = max(1.0, float(np.sqrt(spread.sum())))
            # Of a stratum without labelled rows no number is given, and that is told.
            if abs(labelled - expected) <= _FAR * chance or not labelled:
                continue
            values = {"column": name, "expected": round(expected), "labelled": labelled}
            if not 1 / _MOST_OFF <= labelled / expected <= _MOST_OFF:
                if at:
                    raise UsageError(
                        "correct-not-drawn-so-of-one", probability=float(different[at - 1]), **values
                    )
                raise UsageError("correct-not-drawn-so", **values)
            told = Notice("correct-drawn-otherwise", values)
            if not at and told not in self.notes:
                self.notes.append(told)


@dataclass(frozen=True, slots=True)
class _Values:
    """
    What the model and people say of each row as numbers, nan for people where nobody did; and what it is of.
    Where people can't say some, whether the model and people do, of each row.
    """

    predicted: Floats
    gold: Floats
    quantity: str
    is_share: bool = True
    is_said: tuple[_Said, _Said] | None = None


def _tell_other_labels(table: _Columns, wanted: Estimand) -> None:
    """That people and the model have no label in common: one of them writes codes, and the other names."""
    predicted, gold = (set(table.frame[place].drop_nulls().unique()) - {wanted.cant_say} for place in "01")
    if predicted and gold and predicted.isdisjoint(gold):
        told = {"predicted": sorted(predicted)[:_SHOWN], "gold": sorted(gold)[:_SHOWN]}
        names = {"column": wanted.predicted, "people": wanted.gold}
        table.notes.insert(0, Notice("correct-no-label-in-common", names | told))


def _corrections(table: _Columns, wanted: Estimand, resampling: Resampling) -> list[Correction]:
    if wanted.label is not None:
        _tell_other_labels(table, wanted)
        if wanted.label not in table.labels():
            raise UsageError(
                "correct-label-nowhere",
                label=wanted.label,
                labels=table.labels()[:_SHOWN],
                column=wanted.gold,
            )
        return _of_values(table, wanted, resampling, _indicators(table, wanted.label))
    labels = table.labels()
    if labels and all(number_of(label) is not None for label in labels):
        return _of_values(table, wanted, resampling, _numbers(table, wanted))
    if wanted.cant_say is not None:
        raise UsageError("correct-cant-say-labels", word=wanted.cant_say)
    if wanted.on or wanted.outcome:
        raise UsageError("correct-which-label", labels=labels[:_SHOWN])
    if not labels:
        raise UsageError("correct-nothing-predicted", column=wanted.predicted)
    if len(labels) > _MOST_LABELS:
        raise UsageError("correct-many-labels", labels=len(labels), most=_MOST_LABELS)
    _tell_other_labels(table, wanted)
    return [
        one for label in labels for one in _of_values(table, wanted, resampling, _indicators(table, label))
    ]


def _numbers(table: _Columns, wanted: Estimand) -> _Values:
    """Values that are numbers, and what their mean is called."""
    predicted, gold = table.numbers(wanted.predicted), table.numbers(wanted.gold)
    is_said = None
    absent = np.isnan(predicted)
    if wanted.cant_say is not None:
        is_said = (table.is_said(wanted.predicted), table.is_said(wanted.gold))
        absent &= is_said[0]
        predicted[~is_said[0]], gold[~is_said[1]] = 0, 0
    if absent.all() and len(absent):
        raise UsageError("correct-nothing-predicted", column=wanted.predicted)
    if absent.any():
        # Any value will do for them, as long as people's do not decide which.
        known = predicted[~absent if is_said is None else ~absent & is_said[0]]
        values = np.unique(known) if len(known) else np.zeros(1)
        middle = known.mean() if len(known) else 0.0
        predicted[absent] = values[np.abs(values - middle).argmin()]
        table.notes.append(Notice("correct-not-predicted", {"rows": int(absent.sum())}))
    is_share = set(np.unique(predicted)) | set(np.unique(gold[table.is_labelled])) <= {0.0, 1.0}
    quantity = "share of 1" if is_share else f"mean of {wanted.gold}"
    if is_said is not None:
        quantity = f"mean of {wanted.gold}, {WHERE_SAID}"
        left = int((~is_said[1][table.is_labelled]).sum())
        told = {"rows": left, "labelled": int(table.is_labelled.sum())}
        table.notes.append(Notice("correct-where-said", told))
    return _Values(predicted, gold, quantity, is_share, is_said)


def _indicators(table: _Columns, label: str) -> _Values:
    """1 where a value is the label; a row without any is not it."""
    predicted, gold = (
        (table.frame[column] == label).fill_null(False).cast(pl.Float64).to_numpy() for column in ("0", "1")
    )
    return _Values(predicted, gold, f"share of {label}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Rows, their values, and how a number is made of them."""

    data: Labelled
    values: _Values
    method: Method
    resampling: Resampling

    def of(self, chosen: _Said | None, words: str) -> Correction:
        """A number of some rows; None means all."""
        if self.values.is_said is not None:
            return correct_sayable_mean(
                self._sayable(self.values.is_said, chosen), self.method, self.resampling, words
            )
        part = self.data if chosen is None else self.data.of(chosen)
        of_one = correct_share if self.values.is_share else correct_mean
        return of_one(part, self.method, self.resampling, words)

    def less(self, first: _Said, second: _Said, words: str) -> Correction:
        """The number of some rows less that of others."""
        if self.values.is_said is not None:
            one, other = (self._sayable(self.values.is_said, rows) for rows in (first, second))
            return correct_sayable_difference(one, other, self.method, self.resampling, words)
        less = correct_difference if self.values.is_share else correct_mean_difference
        return less(self.data.of(first), self.data.of(second), self.method, self.resampling, words)

    def _sayable(self, is_said: tuple[_Said, _Said], chosen: _Said | None) -> Sayable:
        found = Sayable(self.data, is_said[0], is_said[1][self.data.is_labelled])
        return found if chosen is None else found.of(chosen)


def _of_values(
    table: _Columns, wanted: Estimand, resampling: Resampling, values: _Values
) -> list[Correction]:
    if wanted.on or wanted.outcome is not None:
        if values.is_said is not None:
            raise UsageError("correct-cant-say-regression")
        return _regressed(table, wanted, resampling, values)
    quantity = values.quantity
    data = table.labelled(values.predicted, values.gold)
    asked = _Asked(data, values, wanted.method, resampling)
    if wanted.by is None:
        return [asked.of(None, quantity)]
    cells = table.texts(wanted.by)
    groups = sorted(set(cells.drop_nulls().unique()))
    chosen = wanted.between or tuple(groups)
    for group in chosen:
        if group not in groups:
            raise UsageError("correct-no-such-group", group=group, column=wanted.by, groups=groups[:_SHOWN])
    if not chosen:
        raise UsageError("correct-nothing-predicted", column=wanted.by)
    if len(chosen) > _MOST_GROUPS:
        raise UsageError("correct-many-groups", column=wanted.by, groups=len(groups), most=_MOST_GROUPS)
    without = cells.null_count()
    told = Notice("correct-rows-without-group", {"rows": without, "column": wanted.by})
    if without and told not in table.notes:
        table.notes.append(told)
    parts = {group: (cells == group).fill_null(False).to_numpy() for group in chosen}
    found = [asked.of(part, f"{quantity}, {wanted.by} {group}") for group, part in parts.items()]
    if len(parts) == 2:
        first, second = (data.of(part) for part in parts.values())
        if first.clusters is not None and second.clusters is not None:
            both = len(np.intersect1d(first.clusters, second.clusters))
            shared = Notice("correct-groups-share-clusters", {"clusters": both})
            if both and shared not in table.notes:
                table.notes.append(shared)
        words = f"{quantity}, {wanted.by} {chosen[0]} less {chosen[1]}"
        # What was asked for stands first.
        found.insert(0, asked.less(parts[chosen[0]], parts[chosen[1]], words))
    return found


def _regressed(
    table: _Columns, wanted: Estimand, resampling: Resampling, values: _Values
) -> list[Correction]:
    predicted, gold = values.predicted, values.gold
    names, columns = ["intercept"], [np.ones(len(predicted))]
    for name in wanted.on:
        added = _predictor(table, name)
        names += added
        columns += list(added.values())
    outcome = None if wanted.outcome is None else table.numbers(wanted.outcome)
    of_y = predicted if outcome is None else outcome
    complete = np.isfinite(np.column_stack([of_y, *columns]).sum(axis=1))
    if not complete.all():
        table.notes.append(Notice("correct-rows-left-out", {"rows": int((~complete).sum())}))
    is_binary = values.is_share if outcome is None else bool(np.isin(outcome[complete], (0, 1)).all())
    if wanted.model == "logistic" and not is_binary:
        raise UsageError("correct-logistic-needs-two", column=wanted.outcome or wanted.gold)
    data = table.labelled(predicted, gold).of(complete)
    with_gold = (complete & table.is_labelled)[complete]
    others = np.column_stack(columns)[complete]
    gold_values = gold[complete][with_gold]
    if outcome is None:
        asked = Regression(
            wanted.model, tuple(names), others, predicted[complete], others[with_gold], gold_values
        )
    else:
        names.insert(1, values.quantity.removeprefix("share of ").removeprefix("mean of "))
        x = np.insert(others, 1, predicted[complete], axis=1)
        gold_x = np.insert(others[with_gold], 1, gold_values, axis=1)
        y = outcome[complete]
        asked = Regression(wanted.model, tuple(names), x, y, gold_x, y[with_gold])
    return list(correct_regression(asked, data, wanted.method, resampling))


def _predictor(table: _Columns, name: str) -> dict[str, Floats]:
    """Numbers as they are; of words each but the first as 1 where it stands, nan where nothing does."""
    cells = table.texts(name)
    values = sorted(set(cells.drop_nulls().unique()))
    if all(number_of(value) is not None for value in values):
        return {name: table.numbers(name)}
    if len(values) > _MOST_LABELS:
        raise UsageError("correct-many-groups", column=name, groups=len(values), most=_MOST_LABELS)
    return {
        f"{name}: {value}": (cells == value).cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for value in values[1:]
    }
