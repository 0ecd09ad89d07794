"""A day of the calendar, perhaps between two others."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from rowbatch.core.agreement import wilson_interval
from rowbatch.core.document import Shown
from rowbatch.core.kinds.base import (
    CANT_SAY,
    AnswerColumn,
    FormRule,
    Language,
    Place,
    Tally,
    Variable,
    has_word,
)
from rowbatch.core.kinds.choice import LabelTally
from rowbatch.core.kinds.number import without_cant_say
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" if name[3:] else name for name in _MONTHS) + "|sept"
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日号]?"
    r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_PACKED = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})")
_DAY_FIRST = re.compile(
    rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<name>{_MONTH})\.?,?\s+(?P<year>\d{{4}})"
)
_MONTH_FIRST = re.compile(
    rf"(?P<name>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})"
)
# Day or month first? Only where one of them is above 12 nobody can be mistaken.
_YEAR_LAST = re.compile(r"(?P<one>\d{1,2})[-/.](?P<two>\d{1,2})[-/.](?P<year>\d{4})")
_RULES = {
    "en": {
        "both": "{name} is a date from {min} to {max}, as YYYY-MM-DD.",
        "min": "{name} is a date, not before {min}, as YYYY-MM-DD.",
        "max": "{name} is a date, not after {max}, as YYYY-MM-DD.",
        "none": "{name} is a date, as YYYY-MM-DD.",
    },
    "zh": {
        "both": "{name} 是 {min} 到 {max} 之间的日期，格式为 YYYY-MM-DD。",
        "min": "{name} 是不早于 {min} 的日期，格式为 YYYY-MM-DD。",
        "max": "{name} 是不晚于 {max} 的日期，格式为 YYYY-MM-DD。",
        "none": "{name} 是日期，格式为 YYYY-MM-DD。",
    },
}


def date_of(text: str) -> dt.date | None:
    """
    Read a whole date that somebody wrote; what could be two dates is none.

    The year stands first, as in 2026-03-02, 2026/3/2 and 2026年3月2日; or the month is a word of English; or
    day and month cannot be taken for each other, as in 25/12/2026. A time of day behind it is left out.
    """
    plain = unicodedata.normalize("NFKC", text).strip().strip("\"'`*").strip().removesuffix(".").strip()
    if found := _YEAR_FIRST.fullmatch(plain) or _PACKED.fullmatch(plain):
        return _day(int(found["year"]), int(found["month"]), int(found["day"]))
    lower = plain.lower()
    if found := _DAY_FIRST.fullmatch(lower) or _MONTH_FIRST.fullmatch(lower):
        month = next(number for number, name in enumerate(_MONTHS, 1) if name.startswith(found["name"][:3]))
        return _day(int(found["year"]), month, int(found["day"]))
    if found := _YEAR_LAST.fullmatch(plain):
        one, two, year = int(found["one"]), int(found["two"]), int(found["year"])
        if one > 12 or one == two:
            return _day(year, two, one)
        return _day(year, one, two) if two > 12 else None
    return None


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _plain_date(value: object) -> object:
    """A date as it is kept: a text; pydantic calls it."""
    found = date_of(value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError(
            "date_expected", "a date such as 2026-03-02 is expected, not {shown}", {"shown": repr(value)[:80]}
        )
    return found.isoformat()


Date = Annotated[str, PlainValidator(_plain_date)]


class DateVariable(Variable):
    """
    A date, as ISO 8601 has it.

    Attributes:
        min, max: The first and the last day that it may be, as YYYY-MM-DD; None for no bound.
    """

    kind = "date"
    answer_tokens = (10, 40)
    can_compare = True
    has_order = True
    cant_say_is_null = True
    form_rules: ClassVar[Mapping[str, FormRule]] = {"min": "date", "max": "date"}

    min: Date | None = None
    max: Date | None = None

    def plain_rules(self) -> dict[str, Any]:
        given = {"min": self.min, "max": self.max}
        return {"kind": self.kind} | {rule: value for rule, value in given.items() if value is not None}

    def json_schema(self) -> dict[str, Any]:
        # The words are for providers whose schemas know no formats.
        return {"type": "string", "format": "date", "description": "YYYY-MM-DD"}

    def instructions(self, language: Language) -> Iterator[str]:
        yield self.rule(language)

    def rule(self, language: Language) -> str:
        given = {rule: getattr(self, rule) for rule in ("min", "max") if getattr(self, rule) is not None}
        form = "both" if len(given) == 2 else next(iter(given), "none")
        return _RULES[language][form].format(name=self.name, **given)

    def read_value(self, value: object) -> str:
        found = date_of(value) if isinstance(value, str) else None
        if found is None:
            raise UsageError("value-not-a-date", variable=self.name, value=str(value)[:80])
        day = found.isoformat()
        if self.min is not None and day < self.min:
            raise UsageError("value-too-early", variable=self.name, value=day, least=self.min)
        if self.max is not None and day > self.max:
            raise UsageError("value-too-late", variable=self.name, value=day, most=self.max)
        return day

    def read_bare(self, content: str) -> str | None:
        return None if date_of(content) is None else self.read(content)

    def faults(self) -> Iterator[tuple[Place, Notice]]:
        if self.min is not None and self.max is not None and self.max < self.min:
            yield ("max",), Notice("codebook-max-below-min", {"most": self.max, "least": self.min})
        yield from super().faults()

    def columns(self) -> tuple[AnswerColumn, ...]:
        date = AnswerColumn(self.name, self.question, (), pl.Date(), self._date)
        return (date, *self.cant_say_columns())

    def _date(self, text: pl.Expr) -> pl.Expr:
        """The date that a text is; null for "", and where it can't be said."""
        return pl.when((text != "") & (text != self.cant_say_word)).then(text).str.to_date("%Y-%m-%d")

    def tally(self) -> Tally:
        return YearTally()

    def may_be_peoples(self, column: str, cells: Iterable[str]) -> bool:
        return has_word(column, self.name) and all(self.read_or_none(cell) is not None for cell in cells)

    def compare(self, pairs: Iterable[tuple[str, str | None]]) -> DateAgreement:
        said, cant_say = without_cant_say(pairs, self.cant_say_word)
        found = date_agreement(
            (dt.date.fromisoformat(people), None if value is None else dt.date.fromisoformat(value))
            for people, value in said
        )
        return replace(found, cant_say=cant_say)

    def within(self, value: pl.Expr, least: str, most: str) -> pl.Expr:
        day = self._date(value)
        found = day.is_not_null()
        if least:
            found &= day >= self._bound(least)
        if most:
            found &= day <= self._bound(most)
        return found

    def _bound(self, said: str) -> dt.date:
        bound = date_of(said)
        if bound is None:
            raise UsageError("value-not-a-date", variable=self.name, value=said[:80])
        return bound


class YearTally(LabelTally):
    """How many dates of each year there are."""

    def __init__(self) -> None:
        super().__init__(())

    def add_counted(self, values: Mapping[str, int]) -> None:
        for date, rows in values.items():
            if date not in CANT_SAY.values():
                self.counts[date[:4]] += rows

    def facts(self) -> list[tuple[str, float]]:
        return [(year, count) for year, count in sorted(self.counts.items())]


@dataclass(frozen=True, slots=True, repr=False)
class DateAgreement(Shown):
    """
    Agreement of dates with people's, over the rows that have people's.

    Attributes:
        n: Rows that have both.
        without: Rows that have people's date and no other.
        exact: Share of all these rows where both are the same day; a row without the model's is none of
            them. None where there are no rows.
        exact_low, exact_high: Its 95 % interval (Wilson's score interval).
        mean_absolute_days: How many days off a date is, in the mean of the rows that have both; None where
            there are none.
        bias_days: The same with its sign: above 0 where dates are later than people's.
        cant_say: Of `without`, rows where the model says that it can't be said.
    """

    n: int
    without: int
    exact: float | None
    exact_low: float | None
    exact_high: float | None
    mean_absolute_days: float | None
    bias_days: float | None
    cant_say: int = 0


def date_agreement(pairs: Iterable[tuple[dt.date, dt.date | None]]) -> DateAgreement:
    """
    Compare dates with people's.

    Args:
        pairs: People's date, and the model's or None, of each row that has people's.
    """
    off, without = [], 0
    for people, value in pairs:
        if value is None:
            without += 1
        else:
            off.append((value - people).days)
    n, hits = len(off), off.count(0)
    if not n + without:
        return DateAgreement(0, 0, None, None, None, None, None)
    low, high = wilson_interval(hits, n + without)
    return DateAgreement(
        n=n,
        without=without,
        exact=hits / (n + without),
        exact_low=low,
        exact_high=high,
        mean_absolute_days=sum(map(abs, off)) / n if n else None,
        bias_days=sum(off) / n if n else None,
    )
