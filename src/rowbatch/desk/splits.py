"""How often each label is given by group, and over time, where the table has columns that say it."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from rowbatch.core.kinds.base import Variable
from rowbatch.core.kinds.date import date_of
from rowbatch.store.view import ROW, TableView

Unit = Literal["group", "day", "week", "month", "year"]
SplitKind = Literal["group", "date"]
"""Of a column that makes parts."""

_LOOKED_AT_ROWS = 2_000
_MOST_GROUPS, _MOST_GROUP_CHARS, _MOST_COLUMNS = 12, 60, 3
# So many bars can be taken in at once.
_MOST_PERIODS = 40
# Shares of fewer rows than these, in the mean, jump up and down.
_LEAST_ROWS = 5
_MOST_LABELS = 8
_MOST_DAYS = 50_000
# With points the day stands first, wherever that is written.
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


@dataclass(frozen=True, slots=True)
class Split:
    """
    How often each label is given in each part of a table.

    Attributes:
        variable: Whose labels.
        column: Position of the column that makes the parts.
        unit: What a part is: a group, or a time.
        labels: The commonest ones, in the order of the codebook.
        has_others: The last number of each part is of all other labels.
        parts: Name of each part, in order, and rows by label.
        left_out: Rows with a label where the column says nothing, or no date.
    """

    variable: str
    column: int
    unit: Unit
    labels: tuple[str, ...]
    has_others: bool
    parts: tuple[tuple[str, tuple[int, ...]], ...]
    left_out: int


def splitting_columns(view: TableView, not_these: Collection[int]) -> dict[int, SplitKind]:
    """
    Columns that make parts of a table: the first with dates, and some with few values.

    Args:
        view: Of the table.
        not_these: Positions of columns that hold texts or labels.
    """
    sample = view.frame(1, _LOOKED_AT_ROWS)
    groups: dict[int, SplitKind] = {}
    dates: dict[int, SplitKind] = {}
    for position in range(len(view.columns)):
        if position in not_these:
            continue
        cells = sample[str(position)].str.strip_chars()
        counts = Counter(cells.filter(cells != "").to_list())
        if not dates and _are_dates(counts):
            dates[position] = "date"
        elif len(groups) < _MOST_COLUMNS and _are_groups(counts):
            groups[position] = "group"
    return dates | groups


def _are_groups(counts: Counter[str]) -> bool:
    is_few = 2 <= len(counts) <= _MOST_GROUPS and counts.total() >= 2 * len(counts)
    return is_few and all(len(value) <= _MOST_GROUP_CHARS for value in counts)


def _are_dates(counts: Counter[str]) -> bool:
    days = {day_of(value) for value in counts}
    return len(days) >= 2 and None not in days


def day_of(cell: str) -> dt.date | None:
    """The day that a cell of a column of dates says; None where nobody can tell."""
    if found := _DOTTED.fullmatch(cell):
        day, month, year = map(int, found.groups())
        try:
            return dt.date(year, month, day)
        except ValueError:
            return None
    return date_of(cell)


def rows_of_parts(view: TableView, split: Split, name: str) -> pl.DataFrame:
    """
    Which part each row of a table is in, but for those that are in none.

    Args:
        view: Of the table.
        split: The parts.
        name: Of the column with them.
    Returns:
        Columns `ROW` and `name`.
    """
    key = str(split.column)
    cell = pl.col(key).str.strip_chars() if split.unit == "group" else day_part(key)
    cells = view.scan().select(ROW, cell.alias(name)).collect()
    parts = {one: _part_of(one, split.unit) for one in cells[name].unique().to_list()}
    return cells.with_columns(pl.col(name).replace_strict(parts, return_dtype=pl.String)).filter(
        pl.col(name) != ""
    )


def _part_of(cell: str, unit: Unit) -> str:
    """The part that a cell makes; "" for none."""
    if unit == "group":
        return cell
    day = day_of(cell)
    return "" if day is None else _period(day, unit)


def day_part(key: str) -> pl.Expr:
    """A moment without its time of day, so that there are few of them."""
    cell = pl.col(key).str.strip_chars()
    is_moment = cell.str.slice(10, 1).is_in(["T", " "])
    return pl.when(is_moment).then(cell.str.slice(0, 10)).otherwise(cell).alias(key)


def split_of(
    variable: Variable, position: int, kind: SplitKind, counted: Iterable[tuple[str, str, int]]
) -> Split | None:
    """
    The parts of one variable by one column; None where there are too many, or only one.

    Args:
        variable: Whose labels.
        position: Of the column.
        kind: As `splitting_columns` found it.
        counted: Each cell with each label, and how many rows have both.
    """
    by_cell: dict[str, Counter[str]] = {}
    for cell, label, rows in counted:
        by_cell.setdefault(cell, Counter())[label] += rows
    empty = by_cell.pop("", Counter()).total()
    if kind == "group":
        unit: Unit = "group"
        parts = dict(sorted(by_cell.items()))
        if not 2 <= len(parts) <= _MOST_GROUPS:
            return None
    else:
        if len(by_cell) > _MOST_DAYS:
            return None
        by_day: dict[dt.date, Counter[str]] = {}
        for cell, labels in by_cell.items():
            day = day_of(cell)
            if day is None:
                empty += labels.total()
            else:
                by_day.setdefault(day, Counter()).update(labels)
        unit, parts = _by_time(by_day)
        if len(parts) < 2:
            return None
    total: Counter[str] = Counter()
    for counts in parts.values():
        total.update(counts)
    shown = {label for label, _ in total.most_common(_MOST_LABELS)}
    named = tuple(dict.fromkeys(one for one in (*variable.choices, *sorted(total)) if one in shown))
    others = [label for label in total if label not in shown]
    return Split(
        variable=variable.name,
        column=position,
        unit=unit,
        labels=named,
        has_others=bool(others),
        parts=tuple(
            (
                name,
                (*(counts[one] for one in named), *([sum(counts[one] for one in others)] if others else [])),
            )
            for name, counts in parts.items()
        ),
        left_out=empty,
    )


def _by_time(by_day: Mapping[dt.date, Counter[str]]) -> tuple[Unit, dict[str, Counter[str]]]:
    """The days put together, by the shortest time that gives few enough bars; also times without a row."""
    if not by_day:
        return "day", {}
    first, last = min(by_day), max(by_day)
    rows = sum(labels.total() for labels in by_day.values())
    # The longer ones, as long as there are two of them; then the shortest that has enough in each bar.
    units: Sequence[Unit] = ("year", "month", "week", "day")
    unit, periods = units[0], _periods(first, last, units[0])
    for shorter in units[1:]:
        finer = _periods(first, last, shorter)
        has_enough = len(finer) <= _MOST_PERIODS and rows >= _LEAST_ROWS * len(finer)
        if len(periods) > 1 and not has_enough:
            break
        unit, periods = shorter, finer
    parts: dict[str, Counter[str]] = {name: Counter() for name in periods}
    for day, labels in by_day.items():
        parts[_period(day, unit)].update(labels)
    # Of centuries with a year here and there only these.
    return unit, parts if len(parts) <= _MOST_PERIODS else {name: one for name, one in parts.items() if one}


def _periods(first: dt.date, last: dt.date, unit: Unit) -> list[str]:
    """The names of all times from one day to another; of days not more than are wanted, and one."""
    if unit == "year":
        return [f"{year:04}" for year in range(first.year, last.year + 1)]
    if unit == "month":
        months = range(12 * first.year + first.month - 1, 12 * last.year + last.month)
        return [f"{month // 12:04}-{month % 12 + 1:02}" for month in months[: _MOST_PERIODS + 1]]
    step = 7 if unit == "week" else 1
    begin = first - dt.timedelta(days=first.weekday() if unit == "week" else 0)
    count = min((last - begin).days // step, _MOST_PERIODS)
    return [(begin + dt.timedelta(days=step * number)).isoformat() for number in range(count + 1)]


def _period(day: dt.date, unit: Unit) -> str:
    if unit == "year":
        return f"{day.year:04}"
    if unit == "month":
        return f"{day.year:04}-{day.month:02}"
    return (day - dt.timedelta(days=day.weekday() if unit == "week" else 0)).isoformat()
