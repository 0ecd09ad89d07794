"""
The answers of a run as codes, with what people corrected in them: what is counted and searched in them takes
milliseconds of a million rows, and a correction is counted as the difference that it makes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, reduce
from operator import and_

import polars as pl

from rowbatch.core.answer import FORGIVEN
from rowbatch.core.codebook import Codebook
from rowbatch.core.kinds.base import CANT_SAY
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.states import RowStatus
from rowbatch.desk.row_filter import RowFilter
from rowbatch.store.column_codes import ColumnCodes, codes_of
from rowbatch.store.corrections import Corrections
from rowbatch.store.view import TableView

_STATUS, _REASON = "status", "status_reason"
_OK, _SKIPPED = RowStatus.OK.value, RowStatus.SKIPPED.value
_SHOWN_REASONS = 5
ROW_TYPE = pl.UInt32
"""Of numbers of rows, in lists of them: half as large as others, and of more rows than a table has."""


class NotToldApartError(Exception):
    """A column has so many values that its codes do not say what is asked; its values do."""


class AnswerCodes:
    """
    What the model answered; made when it is first wanted, and kept beside the view.

    Args:
        codebook: Of the run.
        view: Of its answers, complete.
    """

    def __init__(self, codebook: Codebook, view: TableView) -> None:
        self.codebook, self.view = codebook, view
        self._columns: dict[str, ColumnCodes] = {}
        self._empty_answers: dict[int, int] = {}

    def make(self, check: Callable[[], object]) -> None:
        """All that is not there."""
        for place in range(len(self.codebook.columns)):
            self.own(place, check)
        for key in (_STATUS, _REASON, FORGIVEN):
            self.column(key, check)

    def own(self, place: int, check: Callable[[], object] = lambda: None) -> ColumnCodes:
        """The model's values of a variable."""
        choices = self.codebook.answers[place].choices
        return self._column(str(place), ("", *CANT_SAY.values(), *choices), check)

    def column(self, key: str, check: Callable[[], object] = lambda: None) -> ColumnCodes:
        """Another column of the answers."""
        return self._column(key, ("", *RowStatus) if key == _STATUS else ("",), check)

    def _column(self, key: str, told_apart: Sequence[str], check: Callable[[], object]) -> ColumnCodes:
        if key not in self._columns:
            value = pl.col(key).fill_null("")
            self._columns[key] = codes_of(self.view, f"answers-{key}", value, told_apart, check)
        return self._columns[key]

    @cached_property
    def is_ok(self) -> pl.Series:
        """Of each row, whether the model answered it."""
        return equal(self.column(_STATUS), _OK)

    @cached_property
    def statuses(self) -> Mapping[str, int]:
        """Rows by status."""
        return {str(name): rows for name, rows in self.column(_STATUS).counted().items() if rows}

    @cached_property
    def reasons(self) -> Mapping[str, tuple[tuple[str, int], ...]]:
        """
        By status of rows without an answer: the commonest reasons, with counts.

        Raises:
            NotToldApartError: There are very many.
        """
        status, reason = self.column(_STATUS), self.column(_REASON)
        if not reason.is_whole:
            raise NotToldApartError
        rows = (~self.is_ok).arg_true()
        both = pl.DataFrame({_STATUS: status.codes.gather(rows), _REASON: reason.codes.gather(rows)})
        return _commonest(
            (str(status.values[one]), str(reason.values[why]), count)
            for one, why, count in both.group_by(_STATUS, _REASON).len().iter_rows()
        )

    @cached_property
    def forgiven(self) -> Mapping[str, int]:
        """Of how many answers what had to be forgiven."""
        found: Counter[str] = Counter()
        for words, rows in self.column(FORGIVEN).counted().items():
            found.update(dict.fromkeys((words or "").split(), rows))
        return found

    def empty_answers(self, place: int) -> int:
        """Rows that the model answered, but with no value of a variable."""
        if place not in self._empty_answers:
            self._empty_answers[place] = int((self.is_ok & equal(self.own(place), "")).sum())
        return self._empty_answers[place]


class HeldAnswers:
    """
    What holds: the model's answers, with people's in the place of some.

    Args:
        codes: Of the model's.
        corrections: Of the run; those of other variables do not count.
    """

    def __init__(self, codes: AnswerCodes, corrections: Corrections) -> None:
        self.codes, columns = codes, codes.codebook.columns
        total = codes.view.state.rows
        known = {
            row: values
            for row, values in corrections.items()
            if 1 <= row <= total and not values.keys().isdisjoint(columns)
        }
        self.corrected = _places(list(known))
        """Places of the rows that a person corrected, from 0."""
        self._human = list(known.values())
        self._finals: dict[int, ColumnCodes] = {}

    def changed(self, place: int) -> tuple[pl.Series, list[str]]:
        """Places of the rows whose value of a variable a person gave, and these values."""
        name = self.codes.codebook.columns[place]
        given = [
            (row, values[name])
            for row, values in zip(self.corrected.to_list(), self._human, strict=True)
            if name in values
        ]
        return _places([row + 1 for row, _ in given]), [value for _, value in given]

    def final(self, place: int) -> ColumnCodes:
        """The values of a variable that hold."""
        if place not in self._finals:
            rows, values = self.changed(place)
            own = self.codes.own(place)
            self._finals[place] = own.with_values(rows, values) if values else own
        return self._finals[place]

    def not_asked(self, place: int) -> int:
        """Rows that have an answer, the model's or a person's, but no value of a variable."""
        own, final = self.codes.own(place), self.final(place)
        is_ok = self.codes.is_ok.gather(self.corrected).to_list()
        before = [
            bool(ok) and value == "" for ok, value in zip(is_ok, own.values_at(self.corrected), strict=True)
        ]
        after = [value == "" for value in final.values_at(self.corrected)]
        return self.codes.empty_answers(place) + sum(after) - sum(before)

    @cached_property
    def is_corrected(self) -> pl.Series:
        """Of each row, whether a person corrected something in it."""
        total = self.codes.view.state.rows
        nobody = pl.repeat(False, total, dtype=pl.Boolean, eager=True)
        return nobody.scatter(self.corrected, True) if len(self.corrected) else nobody

    def mask(self, chosen: RowFilter, place: int) -> pl.Series | None:
        """
        Which rows a filter wants by what the model answered and what holds; None where that says nothing.

        Args:
            chosen: It; what it says of people's columns, of words and of the order does not count here.
            place: Of its variable.
        Raises:
            NotToldApartError: Codes do not say it.
            UsageError: A bound is no value.
        """
        masks: list[pl.Series] = []
        status, own = self.codes.column(_STATUS), self.codes.own(place)
        if chosen.status == "missing-label":
            is_without = status.where([value not in (_OK, _SKIPPED) for value in status.values])
            masks += [is_without, ~self.is_corrected]
        elif chosen.status:
            masks.append(equal(status, chosen.status))
        if chosen.reason:
            masks.append(equal(self.codes.column(_REASON), chosen.reason))
        if chosen.corrected:
            masks.append(self.is_corrected)
        if chosen.model:
            masks.append(equal(own, chosen.model))
        if chosen.unlabelled:
            masks.append(equal(own, ""))
        masks += self._of_value(chosen, place)
        return reduce(and_, masks) if masks else None

    def _of_value(self, chosen: RowFilter, place: int) -> list[pl.Series]:
        variable, final = self.codes.codebook.answers[place], self.final(place)
        masks = []
        if chosen.label and variable.has_several:
            masks.append(where(final, lambda value: value.str.split(SEPARATOR).list.contains(chosen.label)))
        elif chosen.label:
            masks.append(equal(final, chosen.label))
        if chosen.not_asked:
            masks.append((self.codes.is_ok | self.is_corrected) & equal(final, ""))
        if chosen.least or chosen.most:
            masks.append(where(final, lambda value: variable.within(value, chosen.least, chosen.most)))
        return masks


def reasons_of(answers: pl.LazyFrame) -> Mapping[str, tuple[tuple[str, int], ...]]:
    """As `AnswerCodes.reasons`, by the words themselves."""
    without = answers.filter(pl.col(_STATUS) != _OK)
    return _commonest(without.group_by(_STATUS, _REASON).len().collect().iter_rows())


def _commonest(counted: Iterable[tuple[str, str, int]]) -> dict[str, tuple[tuple[str, int], ...]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for status, why, count in counted:
        found.setdefault(status, []).append((why, count))
    return {
        name: tuple(sorted(listed, key=lambda item: (-item[1], item[0]))[:_SHOWN_REASONS])
        for name, listed in found.items()
    }


def _places(rows: Sequence[int]) -> pl.Series:
    return pl.Series([row - 1 for row in rows], dtype=ROW_TYPE)


def equal(column: ColumnCodes, value: str) -> pl.Series:
    """
    Of each row, whether it has a value.

    Raises:
        NotToldApartError: Codes do not say it.
    """
    if value not in column.places and not column.is_whole:
        raise NotToldApartError
    return column.where([one == value for one in column.values])


def where(column: ColumnCodes, wanted: Callable[[pl.Expr], pl.Expr]) -> pl.Series:
    """
    Of each row, whether its value is as wanted; it is asked of each value once.

    Raises:
        NotToldApartError: Codes do not say it.
    """
    if not column.is_whole:
        raise NotToldApartError
    values = pl.DataFrame({"value": list(column.values)}, schema={"value": pl.String})
    return column.where(values.select(wanted(pl.col("value")).fill_null(False)).to_series().to_list())


def pairs_of(one: ColumnCodes, other: ColumnCodes) -> Counter[tuple[int, int]]:
    """How many rows have each pair of codes of two columns."""
    width = len(other.values)
    both = one.codes.cast(pl.UInt64) * width + other.codes.cast(pl.UInt64)
    return Counter({divmod(pair, width): rows for pair, rows in both.value_counts().iter_rows()})
