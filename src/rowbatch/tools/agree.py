"""`agree`: how far columns of a table agree, which hold what coders said of each row."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl

from rowbatch.core.choices import require_one_of
from rowbatch.core.numbers import number_of
from rowbatch.core.statistics.agreement_of_more import QuoteCoding, agree_on_quotes, agree_on_sets
from rowbatch.core.statistics.alternative_annotator import (
    ENOUGH_PEOPLE,
    Alike,
    AltTest,
    alternative_annotator_test,
)
from rowbatch.core.statistics.among_coders import Level
from rowbatch.core.statistics.calibration import Calibration, calibrate
from rowbatch.core.statistics.coder_agreement import Cells, CoderAgreement, Coding, agree
from rowbatch.core.statistics.figures import Resampling
from rowbatch.core.statistics.patterns import Codes, Floats, Patterns
from rowbatch.core.statistics.quoted_passages import units_of
from rowbatch.core.statistics.several_labels import jaccard_similarity
from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import UsageError
from rowbatch.tools.agree_cells import labels_in, placed_quotes, sets_of
from rowbatch.tools.chosen_columns import (
    composed,
    one_spelling,
    read_columns,
    without_decimal,
    without_decimals,
)
from rowbatch.words.notice import Notice

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Coders:
    """
    Which columns are compared, and as what.

    Attributes:
        names: Columns, one a coder.
        gold: The column that is right; or None.
        level: What the order of values means: nothing, an order, distances, or distances from a true zero.
        labels: All of them, in order; none means those that occur.
        missing: Texts that mean that nothing was said, besides empty cells.
        probability: Column with how likely the row was drawn: a row counts one by that; or None.
        cells: What a cell holds: a label or number, several labels, or quotes.
        separator: Between several labels of a cell; a JSON list is read, too.
        none: Texts of a cell that mean that no label applies, or nothing is quoted; the empty text means
            empty cells, which are missing otherwise.
        text: Column with the texts that are quoted.
        model: Column of a model of which is asked whether it may replace a coder; or None.
        epsilon: How much worse it may be.
        sure: Column with the confidence of the one coder who is beside gold; or None.
    """

    names: tuple[str, ...]
    gold: str | None = None
    level: Level = "nominal"
    labels: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    probability: str | None = None
    cells: Cells = "label"
    separator: str = ";"
    none: tuple[str, ...] = ()
    text: str | None = None
    model: str | None = None
    epsilon: float = 0.2
    sure: str | None = None

    def __post_init__(self) -> None:
        require_one_of("level", self.level, get_args(Level))


def agree_columns(
    source: Path | pl.DataFrame, coders: Coders, resampling: Resampling, reading: ReadOptions | None = None
) -> CoderAgreement:
    """
    Compare columns of a table.

    Args:
        source: The table, or a frame.
        coders: Which columns.
        resampling: How intervals are found.
        reading: How the table is read.
    Raises:
        UsageError: There are fewer than two columns to compare, what is asked does not fit together, or a
            cell is not what the level or the labels say, with its row.
        TableError: There is no such column, or the table is broken.
    """
    judges = _require_coders(coders)
    _require_one_kind(coders)
    extra = [name for name in (coders.probability, coders.sure, coders.text) if name is not None]
    names = list(dict.fromkeys([*judges, *extra]))
    notes: list[Notice] = []
    frame = read_columns(
        source, names, coders.missing, reading, notes, is_weighted=coders.probability is not None
    )
    table = _Table(coders, tuple(judges), tuple(names), frame, notes)
    same = None if coders.cells == "quotes" else composed(frame, table.columns)
    if same is not None:
        labels = tuple(unicodedata.normalize("NFC", label) for label in coders.labels)
        table = replace(table, coders=replace(coders, labels=labels), frame=same)
        notes.append(Notice("statistics-composed"))
    # What overflows becomes undefined, and is told so.
    with np.errstate(all="ignore"):
        match coders.cells:
            case "label":
                return _agree_on_labels(table, resampling)
            case "labels":
                return _agree_on_sets(table, resampling)
            case _:
                return _agree_on_quotes(table, resampling)


@dataclass(frozen=True, slots=True)
class _Table:
    """
    The columns that are wanted.

    Attributes:
        coders: What is asked.
        judges: Columns that are compared: coders, gold, the model that may replace one.
        names: All columns, each called by its position in the frame.
        frame: Their cells.
        notes: What a person should know; grows.
    """

    coders: Coders
    judges: tuple[str, ...]
    names: tuple[str, ...]
    frame: pl.DataFrame
    notes: list[Notice]

    def column(self, name: str) -> str:
        return str(self.names.index(name))

    @property
    def columns(self) -> list[str]:
        """Of the judges."""
        return [str(at) for at in range(len(self.judges))]

    def is_judged(self, name: str) -> bool:
        """Whether it is an answer beside something else, and may be illegal."""
        coders = self.coders
        return name == coders.model or (coders.gold is not None and name != coders.gold)


def _require_coders(coders: Coders) -> list[str]:
    """All columns that are compared, each once: coders, then gold, then the model that may replace one."""
    names = coders.names
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if coders.model is not None and coders.model in (*names, coders.gold):
        twice = coders.model
    if twice is not None:
        raise UsageError("agree-coder-twice", column=twice)
    judges = [*names, *([coders.gold] if coders.gold is not None and coders.gold not in names else [])]
    if len(judges) < 2:
        raise UsageError("agree-one-coder", names=list(names))
    if len(set(coders.labels)) != len(coders.labels):
        raise UsageError("agree-label-twice", labels=list(coders.labels))
    return [*judges, *([coders.model] if coders.model is not None else [])]


def _require_one_kind(coders: Coders) -> None:
    """What is asked fits what a cell holds."""
    if coders.cells != "label" and coders.level != "nominal":
        raise UsageError("agree-level-of-one", level=coders.level)
    if coders.cells == "label" and coders.none:
        raise UsageError("agree-none-of-one", none=list(coders.none))
    if (coders.cells == "quotes") != (coders.text is not None):
        raise UsageError("agree-quotes-of-text")
    if coders.cells == "quotes" and coders.labels:
        raise UsageError("agree-quotes-no-labels")
    if coders.cells == "labels" and not coders.separator:
        raise UsageError("agree-no-separator")
    judged = [name for name in coders.names if name != coders.gold]
    if coders.sure is not None and (coders.gold is None or len(judged) != 1 or coders.cells == "quotes"):
        raise UsageError("calibration-of-one", coders=judged)
    if coders.model is None:
        return
    if len(coders.names) < 2:
        raise UsageError("alt-test-people", coders=list(coders.names))
    if coders.probability is not None:
        raise UsageError("alt-test-weighted")
    if coders.cells == "quotes":
        raise UsageError("alt-test-quotes")
    if not 0 <= coders.epsilon < 1:
        raise UsageError("alt-test-epsilon", epsilon=coders.epsilon)


def _agree_on_labels(table: _Table, resampling: Resampling) -> CoderAgreement:
    coders = table.coders
    whole = without_decimals(table.frame, table.columns)
    if whole is not None:
        coders = replace(coders, labels=tuple(map(without_decimal, coders.labels)))
        table = replace(table, coders=coders, frame=whole)
        table.notes.append(Notice("statistics-decimals"))
    same = None if coders.level == "nominal" else one_spelling(table.frame, table.columns, coders.labels)
    if same is not None:
        frame, (first, second) = same
        table = replace(table, frame=frame)
        table.notes.append(Notice("statistics-spellings", {"first": first, "second": second}))
    labels = _labels(table.frame, coders, table.judges)
    for name in table.judges:
        _tell_strange(table, name, ~pl.col(table.column(name)).is_in(labels))
    numbers = None
    if coders.level in ("interval", "ratio"):
        numbers = np.array([float(number_of(label) or 0) for label in labels])
    place = {label: at for at, label in enumerate(labels)}
    counted = _Counted.of(table, table.judges, place)
    patterns = Patterns(counted.codes, counted.counts, len(labels), numbers, counted.weights)
    found = agree(_coding(table, patterns, labels), resampling)

    def alike(first: Codes, second: Codes) -> Floats:
        found: Floats
        if numbers is None:
            found = np.equal(first, second).astype(np.float64)
        else:
            found = -((numbers[first] - numbers[second]) ** 2)
        return found

    return _with_more(found, table, _Values(place, patterns, alike), resampling)


def _agree_on_sets(table: _Table, resampling: Resampling) -> CoderAgreement:
    coders = table.coders
    if "" in coders.none:
        # Nothing in a cell says that no label applies.
        table = replace(table, frame=table.frame.with_columns(pl.col(table.columns).fill_null("")))
    cells = pl.concat([table.frame[column].drop_nulls() for column in table.columns]).unique().sort()
    read = {cell: labels_in(cell, coders.separator, coders.none) for cell in cells}
    labels = list(coders.labels) or sorted({label for one in read.values() for label in one})
    for name in table.judges:
        strange = [cell for cell, one in read.items() if not set(one) <= set(labels)]
        _tell_strange(table, name, pl.col(table.column(name)).is_in(strange))
    place, members = sets_of(read, labels)
    counted = _Counted.of(table, table.judges, place)
    patterns = Patterns(counted.codes, counted.counts, len(members), None, counted.weights)
    found = agree_on_sets(_coding(table, patterns, labels), members, resampling)

    def alike(first: Codes, second: Codes) -> Floats:
        return jaccard_similarity(members[first], members[second])

    return _with_more(found, table, _Values(place, patterns, alike), resampling)


def _agree_on_quotes(table: _Table, resampling: Resampling) -> CoderAgreement:
    coders = table.coders
    assert coders.text is not None
    texts = table.frame[table.column(coders.text)].fill_null("").to_list()
    columns = [table.frame[column].to_list() for column in table.columns]
    said, lost = placed_quotes(texts, columns, coders.none)
    table.notes.extend(
        Notice("agree-quotes-not-in-text", {"column": name, "rows": len(rows), "first": rows[0] + 1})
        for name, rows in zip(table.judges, lost, strict=True)
        if rows
    )
    weights = np.ones(1)
    if coders.probability is not None:
        column = table.column(coders.probability)
        likely = 1 / probabilities(table.frame, table.frame[column], coders.probability, column)
        weights = likely * len(likely) / likely.sum()
    coding = _coding(table, units_of(len(texts), weights), ())
    return agree_on_quotes(QuoteCoding(coding, texts, said, weights), resampling)


def _coding(table: _Table, patterns: Patterns, labels: Sequence[str]) -> Coding:
    coders = table.coders
    return Coding(
        coders=coders.names,
        gold=coders.gold,
        patterns=patterns,
        labels=tuple(labels),
        level=coders.level,
        is_codebook=bool(coders.labels),
        rows=table.frame.height,
        notes=tuple(table.notes),
    )


@dataclass(frozen=True, slots=True)
class _Values:
    """
    What was said, as values.

    Attributes:
        place: Which value each cell is.
        patterns: Of the judges.
        alike: How far two values are the same.
    """

    place: Mapping[str, int]
    patterns: Patterns
    alike: Alike


def _with_more(
    found: CoderAgreement,
    table: _Table,
    values: _Values,
    resampling: Resampling,
) -> CoderAgreement:
    """The same with what was asked besides."""
    coders = table.coders
    alt_test: AltTest | None = None
    if coders.model is not None:
        people = range(len(coders.names))
        both = values.patterns.of_coders(*people, len(table.judges) - 1)
        alt_test = alternative_annotator_test(
            both, (coders.names, coders.model), values.alike, coders.epsilon, resampling
        )
        if len(coders.names) < ENOUGH_PEOPLE:
            few = Notice("alt-test-few-people", {"people": len(coders.names), "enough": ENOUGH_PEOPLE})
            found = replace(found, notes=(*found.notes, few))
    calibration = None if coders.sure is None else _calibration(table, values.place, resampling)
    return replace(found, alt_test=alt_test, calibration=calibration)


def _calibration(table: _Table, place: Mapping[str, int], resampling: Resampling) -> Calibration:
    coders = table.coders
    assert coders.gold is not None
    assert coders.sure is not None
    judged = next(name for name in coders.names if name != coders.gold)
    has_gold = replace(table, frame=table.frame.filter(pl.col(table.column(coders.gold)).is_in(list(place))))
    counted = _Counted.of(has_gold, (coders.gold, judged), place, (coders.sure,))
    cells = counted.keys[table.column(coders.sure)]
    read = {cell: None if cell is None else number_of(cell) for cell in cells.unique()}
    for cell, number in read.items():
        if cell is not None and (number is None or not 0 <= number <= 1):
            rows = table.frame.with_row_index("row", offset=1)
            row = rows.filter(pl.col(table.column(coders.sure)) == cell)["row"][0]
            raise UsageError("not-a-confidence", column=coders.sure, row=row, cell=cell)
    sure = np.array([np.nan if cell is None else float(read[cell] or 0) for cell in cells], dtype=np.float64)
    is_right = (counted.codes[:, 0] == counted.codes[:, 1]).astype(np.float64)
    patterns = Patterns(counted.codes, counted.counts, len(place), None, counted.weights)
    return calibrate((coders.sure, judged), sure, is_right, patterns, resampling)


def _tell_strange(table: _Table, name: str, is_strange: pl.Expr) -> None:
    """
    Say which cells of a column are none of the labels: of answers a note, of others an error.
    """
    column = table.column(name)
    strange = table.frame.with_row_index("row", offset=1).filter(pl.col(column).is_not_null() & is_strange)
    if not strange.height:
        return
    cells = strange[column].unique(maintain_order=True).to_list()
    values = {
        "column": name,
        "rows": strange.height,
        "first": strange["row"][0],
        "cells": cells[:_SHOWN],
    }
    if not table.is_judged(name):
        raise UsageError("agree-not-a-label", **values)
    table.notes.append(Notice("agree-answers-not-labels", values))


def _labels(frame: pl.DataFrame, coders: Coders, judges: Sequence[str]) -> list[str]:
    """All labels, in order: those that were said, or else those that occur."""
    is_numeric = coders.level in ("interval", "ratio")
    if coders.labels:
        for label in coders.labels if is_numeric else ():
            if number_of(label) is None:
                raise UsageError("agree-label-no-number", label=label, level=coders.level)
        return list(coders.labels)
    found: set[str] = set()
    worth: dict[str, float | None] = {}
    for at, name in enumerate(judges):
        cells = frame[str(at)].drop_nulls().unique()
        worth |= {cell: number_of(cell) for cell in cells}
        found |= set(cells)
        wrong = {cell for cell in cells if worth[cell] is None}
        if is_numeric and wrong:
            rows = frame.with_row_index("row", offset=1).filter(pl.col(str(at)).is_in(sorted(wrong)))
            raise UsageError(
                "agree-not-a-number",
                column=name,
                row=rows["row"][0],
                cell=rows[str(at)][0],
                rows=rows.height,
                level=coders.level,
            )
    if coders.level == "ratio" and any(number is not None and number < 0 for number in worth.values()):
        raise UsageError("agree-ratio-below-zero", least=min(number for number in worth.values() if number))
    if coders.level == "nominal":
        return sorted(found)
    words = sorted(cell for cell in found if worth[cell] is None)
    if words:
        raise UsageError("agree-needs-order", labels=sorted(found)[:_SHOWN])
    return sorted(found, key=lambda cell: (float(worth[cell] or 0), cell))


@dataclass(frozen=True, slots=True)
class _Counted:
    """
    Rows with the same cells, counted.

    Attributes:
        keys: The cells, a line each.
        codes: What each coder said, -1 where nothing.
        counts: How many rows.
        weights: What a row counts, 1 in the mean; a single 1 where all count alike.
    """

    keys: pl.DataFrame
    codes: Codes
    counts: Codes
    weights: Floats

    @classmethod
    def of(
        cls, table: _Table, judges: Sequence[str], place: Mapping[str, int], others: Sequence[str] = ()
    ) -> _Counted:
        """
        Count rows.

        Args:
            table: The rows.
            judges: Columns with what coders said.
            place: Which value a cell is; a cell that is not in it says nothing.
            others: Further columns that tell rows apart.
        Raises:
            UsageError: A probability is none.
        """
        probability = table.coders.probability
        columns = [table.column(name) for name in judges]
        further = [table.column(name) for name in (*others, *([probability] if probability else []))]
        counted = table.frame.group_by(list(dict.fromkeys([*columns, *further])), maintain_order=True).len()
        if probability is not None:
            counted = counted.filter(~pl.all_horizontal(pl.col(columns).is_null()))
        values = pl.DataFrame(
            {"label": list(place), "place": list(place.values())},
            schema={"label": pl.String, "place": pl.Int64},
        )
        codes = np.stack(
            [
                counted.select(pl.col(column).alias("label"))
                .join(values, on="label", how="left", maintain_order="left")["place"]
                .fill_null(-1)
                .to_numpy()
                for column in columns
            ],
            axis=1,
        )
        counts = counted["len"].cast(pl.Int64).to_numpy()
        weights = np.ones(1)
        if probability is not None:
            column = table.column(probability)
            likely = 1 / probabilities(table.frame, counted[column], probability, column)
            weights = likely * counts.sum() / (likely * counts).sum()
        return cls(counted, codes, counts, weights)


def probabilities(frame: pl.DataFrame, cells: pl.Series, name: str, column: str) -> Floats:
    """
    Cells that say how likely a row was drawn.

    Args:
        frame: The table, to find the row of a cell in.
        cells: Of the column.
        name: The column's name.
        column: What it is called in the frame.
    Raises:
        UsageError: One is not above 0 and at most 1.
    """
    read = {cell: None if cell is None else number_of(cell) for cell in cells.unique()}
    for cell, number in read.items():
        if number is None or not 0 < number <= 1:
            same = pl.col(column).is_null() if cell is None else pl.col(column) == cell
            row = frame.with_row_index("row", offset=1).filter(same)["row"][0]
            raise UsageError("not-a-probability", column=name, row=row, cell=cell or "")
    return np.array([float(read[cell] or 0) for cell in cells])
