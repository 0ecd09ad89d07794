"""
What numbers of Stata, SPSS and SAS mean as days, moments, durations and periods.

The programs keep numbers, and a display format that makes days or times of them. pyreadstat 1.3.7 converts
for a list of formats only, drops the day of a moment that is shown as a time, and wraps a time of more than a
day; so all is converted here, by what a format counts, and not by how it is spelt.

Source:
    Stata 19, "[D] Datetime" (what %tc, %tC, %td, %tw, %tm, %tq and %th count, from 1960 on; leap seconds of
    %tC by the announcements of the IERS, the last one of 2016); IBM SPSS Statistics, "Date and time formats"
    (seconds from 14 October 1582 on); SAS 9.4, "Formats by category" (days and seconds from 1960 on).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from rowbatch.tables.base import as_text, show_clock

_STATA = re.compile(r"%[-0-9.]*(?:t([cCdwmqh])|(d)(?![0-9.]*[gfe]))")
_PLAIN_NAME = re.compile(r"(.*?)[0-9.]*")
# What a format of moments may have that shows no day.
_TIME_ONLY = re.compile(r"(?:HH|Hh|hh|MM|SS|am|pm|AM|PM|[Hh.:,_ s-]|!.)+")
STATA_BEGIN, SPSS_BEGIN = datetime.date(1960, 1, 1), datetime.date(1582, 10, 14)
"""The days from which the programs count; SAS counts as Stata does."""
_DAY_S, _US = 86_400, 1_000_000
# Python's years, so that every reader of an output can have them.
_FIRST, _LAST = datetime.date(1, 1, 1), datetime.date(9999, 12, 31)
_EPOCH = datetime.date(1970, 1, 1)
# The 1st of July or of January before which a second was put in.
_LEAPS = (
    "1972-07 1973-01 1974-01 1975-01 1976-01 1977-01 1978-01 1979-01 1980-01 1981-07 1982-07 1983-07 1985-07 "
    "1988-01 1990-01 1991-01 1992-07 1993-07 1994-07 1996-01 1997-07 1999-01 2006-01 2009-01 2012-07 2015-07 "
    "2017-01"
)
_SPSS_DAYS = {"DATE", "ADATE", "EDATE", "SDATE", "JDATE"}
_SPSS_MOMENTS = {"DATETIME", "YMDHMS"}
_SPSS_TIMES = {"TIME", "DTIME", "MTIME"}
_SAS_DAYS = re.compile(
    r"DATE|(?:DDMMYY|MMDDYY|YYMMDD)[BCDNPS]?|WEEKDATE|WEEKDATX|WORDDATE|WORDDATX|JULIAN|JULDAY|[EBI]S?8601DA"
    r"|NLDATE(?:L|M|S|W|WN|MD|MDL|MDM|MDS)?|MINGUO|NENGO|HDATE|HEBDATE|DAY|DOWNAME|MONNAME|MONTH|WEEKDAY|YEAR"
    r"|QTRR?|WEEK[UVW]"
)
_SAS_MONTHS = re.compile(r"MONYY|YYMON|(?:MMYY|YYMM)[CDNPS]?|NLDATEYM[LMS]?")
_SAS_QUARTERS = re.compile(r"YYQ[CDNPS]?|YYQR[CDNPS]?|NLDATEYQ[LMS]?")
_SAS_MOMENTS = re.compile(
    r"DATETIME|DATEAMPM|MDYAMPM|[EBI]S?8601D[TXZ]|NLDATM(?:AP|L|LZ|M|MZ|S|SZ|W|WZ|WN|TZ|Z|MD)?|DTYEAR|DTYYQC"
)
_SAS_DAYS_OF_MOMENTS = re.compile(r"DTDATE|DTWKDATX|[EBI]S?8601DN")
_SAS_TIMES = re.compile(r"TIME|TIMEAMPM|HHMM|HOUR|MMSS|[EBI]S?8601T[MXZ]|NLTIME?(?:AP)?|NLTIMAP")


@dataclass(frozen=True, slots=True)
class Meaning:
    """
    What the numbers of a column are.

    Attributes:
        dtype: Of the values: Date, Datetime, Duration; String for periods, such as `2020-01`.
        convert: Makes these of numbers; null where a number is none.
        show: Makes texts of values.
    """

    dtype: pl.DataType
    convert: Callable[[pl.Expr], pl.Expr]
    show: Callable[[pl.Series], pl.Series] | None = None


def meaning_of(program_format: str) -> Meaning | None:
    """
    What the numbers of a column with a display format are.

    Args:
        program_format: The program and its format, as `ColumnInfo.format` has them: `stata:%tdDD/NN/CCYY`,
            `spss:TIME8`, `sas:YYMMDD10`.
    Returns:
        None where they are numbers.
    """
    program, _, told = program_format.partition(":")
    match program:
        case "stata":
            return _of_stata(told)
        case "spss":
            return _of_spss(_name(told))
        case "sas":
            return _of_sas(_name(told))
    return None


def _name(told: str) -> str:
    found = _PLAIN_NAME.fullmatch(told.strip().upper())
    return found[1] if found else ""


def _of_stata(told: str) -> Meaning | None:
    found = _STATA.match(told)
    if found is None:
        return None
    match found[1] or found[2]:
        case "c":
            moments = _moments(STATA_BEGIN, 1_000)
            shows_time = _TIME_ONLY.fullmatch(told[found.end() :]) is not None
            return replace(moments, show=_show_times) if shows_time else moments
        case "C":
            return Meaning(pl.Datetime("us"), _without_leap_seconds)
        case "d":
            return _days(STATA_BEGIN, 1)
        case "w":
            return _periods(lambda n: _year(n, 52) + "w" + _in_year(n, 52).cast(pl.String))
        case "m":
            return _periods(lambda n: _year(n, 12) + "-" + _two_digits(_in_year(n, 12)))
        case "q":
            return _periods(lambda n: _year(n, 4) + "Q" + _in_year(n, 4).cast(pl.String))
        case "h":
            return _periods(lambda n: _year(n, 2) + "h" + _in_year(n, 2).cast(pl.String))
    return None


def _of_spss(name: str) -> Meaning | None:
    if name in _SPSS_DAYS:
        return _days(SPSS_BEGIN, _DAY_S)
    if name in _SPSS_MOMENTS:
        return _moments(SPSS_BEGIN, 1)
    if name in _SPSS_TIMES:
        return _durations()
    days = _days(SPSS_BEGIN, _DAY_S)
    match name:
        case "MOYR":
            return _of_days(days, _month)
        case "QYR":
            return _of_days(days, _quarter)
        case "WKYR":
            # SPSS counts weeks from the 1st of January on, as Stata does.
            return _of_days(days, _week)
    return None


def _of_sas(name: str) -> Meaning | None:
    days = _days(STATA_BEGIN, 1)
    for pattern, meaning in (
        (_SAS_DAYS, days),
        (_SAS_MONTHS, _of_days(days, _month)),
        (_SAS_QUARTERS, _of_days(days, _quarter)),
        (_SAS_MOMENTS, _moments(STATA_BEGIN, 1)),
        (_SAS_DAYS_OF_MOMENTS, _days(STATA_BEGIN, _DAY_S)),
        (_SAS_TIMES, _durations()),
    ):
        if pattern.fullmatch(name):
            return meaning
    if name == "DTMONYY":
        return _of_days(_days(STATA_BEGIN, _DAY_S), _month)
    if name == "TOD":
        # It shows the time of day of whatever it is.
        return Meaning(
            pl.Duration("us"), lambda value: _duration(value - (value / _DAY_S).floor() * _DAY_S), show_clock
        )
    return None


def _days(begin: datetime.date, parts: int) -> Meaning:
    """Days of which each counts `parts`."""
    offset = (begin - _EPOCH).days
    first, last = (_FIRST - _EPOCH).days, (_LAST - _EPOCH).days

    def convert(value: pl.Expr) -> pl.Expr:
        day = (value.cast(pl.Float64) / parts).floor() + offset
        return pl.when(day.is_between(first, last)).then(day).cast(pl.Int32).cast(pl.Date)

    return Meaning(pl.Date(), convert)


def _moments(begin: datetime.date, parts: int) -> Meaning:
    """Moments of which `parts` are a second."""
    offset = (begin - _EPOCH).days * _DAY_S * _US
    return Meaning(pl.Datetime("us"), lambda value: _moment(_microseconds(value, parts) + offset))


def _microseconds(value: pl.Expr, parts: int) -> pl.Expr:
    """
    A double of today's seconds since 1582 tells a microsecond only nearly; ten of them it tells.
    """
    return (value.cast(pl.Float64) * (100_000 / parts)).round() * 10


def _moment(microseconds: pl.Expr) -> pl.Expr:
    first, last = ((day - _EPOCH).days * _DAY_S * _US for day in (_FIRST, _LAST))
    is_there = microseconds.is_between(first, last + _DAY_S * _US - 1)
    return pl.when(is_there).then(microseconds).cast(pl.Int64).cast(pl.Datetime("us"))


def _without_leap_seconds(value: pl.Expr) -> pl.Expr:
    offset = (STATA_BEGIN - _EPOCH).days * _DAY_S * _US
    since = _microseconds(value, 1_000) + offset
    leaps = pl.lit(0)
    for number, month in enumerate(_LEAPS.split()):
        day = datetime.date.fromisoformat(f"{month}-01")
        at = ((day - _EPOCH).days * _DAY_S + number) * _US
        # The second that is put in is the last one of its day once more.
        leaps = leaps + (since >= at).cast(pl.Int64)
    return _moment(since - leaps * _US)


def _durations() -> Meaning:
    return Meaning(pl.Duration("us"), _duration, show_clock)


def _duration(seconds: pl.Expr) -> pl.Expr:
    microseconds = _microseconds(seconds, 1)
    most = 2.0**62
    return pl.when(microseconds.abs() < most).then(microseconds).cast(pl.Int64).cast(pl.Duration("us"))


def _periods(shown: Callable[[pl.Expr], pl.Expr]) -> Meaning:
    """Periods that are counted from the first one of 1960 on."""
    return Meaning(
        pl.String(), lambda value: shown(value.cast(pl.Float64).floor().cast(pl.Int64, strict=False))
    )


def _year(count: pl.Expr, a_year: int) -> pl.Expr:
    return (count.floordiv(a_year) + STATA_BEGIN.year).cast(pl.String)


def _in_year(count: pl.Expr, a_year: int) -> pl.Expr:
    return count - count.floordiv(a_year) * a_year + 1


def _two_digits(number: pl.Expr) -> pl.Expr:
    return number.cast(pl.String).str.zfill(2)


def _of_days(days: Meaning, shown: Callable[[pl.Expr], pl.Expr]) -> Meaning:
    return Meaning(pl.String(), lambda value: shown(days.convert(value)))


def _month(day: pl.Expr) -> pl.Expr:
    return day.dt.year().cast(pl.String) + "-" + _two_digits(day.dt.month())


def _quarter(day: pl.Expr) -> pl.Expr:
    return day.dt.year().cast(pl.String) + "Q" + day.dt.quarter().cast(pl.String)


def _week(day: pl.Expr) -> pl.Expr:
    week = ((day.dt.ordinal_day() - 1) // 7) + 1
    return day.dt.year().cast(pl.String) + "w" + week.cast(pl.String)


def _show_times(moments: pl.Series) -> pl.Series:
    """Moments of Stata's first day, shown without it: that is how Stata keeps a time of day."""
    begin = f"{STATA_BEGIN.isoformat()}T"
    return as_text(moments.to_frame()).to_series().str.strip_prefix(begin)
