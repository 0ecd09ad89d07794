"""Columns of a data frame of R as the values that R shows."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from rowbatch.tables.base import ColumnInfo
from rowbatch.tables.r_serialization import NA_INTEGER, RValue, shown_number

_DAY_S = 86_400
_ZONES_OF_UTC = ("UTC", "GMT", "Etc/UTC", "Etc/GMT", "Etc/UCT", "UCT", "Zulu")
# Days that polars and Python know as dates: the years 1 to 9999.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_UNITS = {"secs": "seconds", "mins": "minutes", "hours": "hours", "days": "days", "weeks": "weeks"}
# Classes that say nothing about what a value means beyond its type.
_PLAIN = {
    *("AsIs", "numeric", "integer", "double", "character", "logical", "complex", "raw", "list", "noquote"),
    *("labelled", "haven_labelled", "haven_labelled_spss", "variable", "labels", "zap_labels", "glue"),
    *("vctrs_vctr", "vctrs_list_of", "vctrs_unspecified", "ts", "matrix", "array", "table"),
}


class NoColumnError(Exception):
    """A value of R that is no column: a function, an object of a package."""


@dataclass(slots=True)
class RColumn:
    """
    A column.

    Attributes:
        values: Nulls are R's NA and NaN.
        info: What is known of it.
        letters: Haven's missing values `.a` to `.z`; null where there is none. None where no value has one.
        unit: Of a difference in time, in English; or "".
        is_of_no_zone: It has moments, and nothing says in which zone they are shown.
        unknown_class: A class whose meaning is not known, so these are its plain values; or "".
    """

    values: pl.Series
    info: ColumnInfo = field(default_factory=ColumnInfo)
    letters: pl.Series | None = None
    unit: str = ""
    is_of_no_zone: bool = False
    unknown_class: str = ""


def columns_of(name: str, value: RValue) -> Iterator[tuple[str, RColumn]]:
    """
    A variable as columns: one; or more where it is a matrix or a data frame itself, `name.part`.

    Raises:
        NoColumnError: It has no values that a table can hold.
    """
    if "data.frame" in value.classes and value.kind == "list":
        for part, inner in value.named():
            yield from columns_of(f"{name}.{part}", inner)
    elif is_matrix(value):
        for part, inner in matrix_columns(value):
            yield from columns_of(f"{name}.{part}", inner)
    else:
        yield name, _column(name, value)


def is_matrix(value: RValue) -> bool:
    """Whether it has rows and columns."""
    dim = value.attributes.get("dim")
    return dim is not None and dim.kind in ("integer", "double") and len(dim) == 2


def matrix_columns(value: RValue, first: int = 1) -> list[tuple[str, RValue]]:
    """
    The columns of a matrix with their names, or their numbers from `first` where they have none.

    Raises:
        NoColumnError: It is damaged.
    """
    rows, width = (int(one) for one in value.attributes["dim"].data)
    if rows < 0 or width < 0 or rows * width != len(value) or value.kind not in _MAKERS:
        raise NoColumnError
    of_both = value.attributes.get("dimnames")
    names: list[str | None] = []
    if (
        of_both is not None
        and of_both.kind == "list"
        and len(of_both) == 2
        and of_both.data[1].kind == "text"
    ):
        names = of_both.data[1].data
    return [
        (
            (names[number] or "") if number < len(names) else str(number + first),
            RValue(value.kind, value.data[number * rows : (number + 1) * rows]),
        )
        for number in range(width)
    ]


def _column(name: str, value: RValue) -> RColumn:
    classes = value.classes
    kind = value.attributes.get("class")
    for one in classes:
        make = _CLASSES.get(one)
        if make is not None:
            found = make(name, value)
            found.info = _info(value, found.info)
            return found
    is_of_package = kind is not None and "package" in kind.attributes
    if is_of_package or value.kind not in _MAKERS or (value.kind == "list" and "vctrs_rcrd" in classes):
        # Objects of packages keep a part of what they mean elsewhere.
        raise NoColumnError
    found = RColumn(_MAKERS[value.kind](name, value))
    if value.kind == "double":
        found.letters = _letters(name, value)
    found.info = _info(value, found.info)
    found.unknown_class = next((one for one in classes if one not in _PLAIN), "")
    return found


def _info(value: RValue, known: ColumnInfo) -> ColumnInfo:
    """What haven, labelled and Hmisc say of a column in its attributes."""
    labels: dict[int | float | str, str] = {}
    of = value.attributes.get("labels")
    if of is not None and of.kind in ("double", "integer", "text", "logical"):
        for label, one in zip(of.texts("names"), _labelled_values(of), strict=False):
            if one is not None:
                labels[one] = label
    ranges: list[Any] = []
    for attribute in ("na_values", "na_range"):
        found = value.attributes.get(attribute)
        if found is None or found.kind not in ("double", "integer", "text"):
            continue
        ends = _labelled_values(found)
        if attribute == "na_range" and len(ends) == 2:
            ranges.append({"lo": ends[0], "hi": ends[1]})
        else:
            ranges += [{"lo": one, "hi": one} for one in ends if one is not None]
    form = ""
    for program in ("sas", "spss", "stata"):
        form = next((f"{program}:{one}" for one in value.texts(f"format.{program}")), form)
    width = value.attributes.get("display_width")
    has_width = width is not None and width.kind in ("integer", "double") and len(width) == 1
    # Only Stata has such missing values, and only on numbers.
    has_letters = value.kind == "double" and (
        any(isinstance(one, str) for one in labels) or bool(_tags(value.data).any())
    )
    return ColumnInfo(
        storage="stata:double" if has_letters else "",
        label=next(iter(value.texts("label")), ""),
        value_labels=labels,
        format=form,
        measure=known.measure,
        display_width=int(width.data[0]) if has_width and width is not None else None,
        missing_ranges=tuple(ranges),
    )


def _labelled_values(value: RValue) -> list[Any]:
    """Values that labels stand on: whole numbers are whole, haven's missing values are their letters."""
    if value.kind == "text":
        return list(value.data)
    if value.kind in ("integer", "logical"):
        return [None if one == NA_INTEGER else one for one in value.data.tolist()]
    letters = _tags(value.data)
    return [
        chr(letter) if letter else None if math.isnan(one) else int(one) if one.is_integer() else one
        for one, letter in zip(value.data.tolist(), letters.tolist(), strict=True)
    ]


def _tags(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """
    The letters of haven's missing values as numbers of characters; 0 where there is none.

    Source:
        haven 2.5, src/tagged_na.c: the fifth byte of R's NA, from the least one, is the letter.
    """
    bits = numbers.view(np.int64)
    letters = (bits >> 32) & 0xFF
    is_tagged = np.isnan(numbers) & ((bits & 0xFFFFFFFF) == 1954) & (letters >= 97) & (letters <= 122)
    return np.where(is_tagged, letters, 0)


def _letters(name: str, value: RValue) -> pl.Series | None:
    tags = _tags(value.data)
    if not tags.any():
        return None
    names = [chr(letter) if letter in range(97, 123) else None for letter in range(128)]
    return pl.Series(name, [names[tag] for tag in tags.tolist()], dtype=pl.String)


def _logical(name: str, value: RValue) -> pl.Series:
    numbers = value.data
    return pl.Series(name, numbers != 0).set(pl.Series(numbers == NA_INTEGER), None)


def _integer(name: str, value: RValue) -> pl.Series:
    found = pl.Series(name, value.data)
    return found.set(found == NA_INTEGER, None)


def _double(name: str, value: RValue) -> pl.Series:
    return pl.Series(name, value.data).fill_nan(None)


def _complex(name: str, value: RValue) -> pl.Series:
    return pl.Series(name, [_shown_complex(one) for one in value.data.tolist()], dtype=pl.String)


def _shown_complex(number: complex) -> str | None:
    if math.isnan(number.real) or math.isnan(number.imag):
        return None
    imaginary = shown_number(number.imag) or ""
    return f"{shown_number(number.real)}{'' if imaginary.startswith('-') else '+'}{imaginary}i"


def _text(name: str, value: RValue) -> pl.Series:
    return pl.Series(name, value.data, dtype=pl.String)


def _raw(name: str, value: RValue) -> pl.Series:
    return pl.Series(name, [f"{byte:02x}" for byte in value.data], dtype=pl.String)


def _list(name: str, value: RValue) -> pl.Series:
    """
    A text of each cell: by itself where none has more than one value, and otherwise as JSON.

    What has one value in a column with longer ones is a list of one, and what has names is an object.
    """
    if all(
        len(one) <= 1 and one.kind in _MAKERS | {"null": None} and one.kind != "list" for one in value.data
    ):
        cells = [None if len(one) == 0 else _plain(one) for one in value.data]
        texts = [one if one is None or isinstance(one, str) else json.dumps(one) for one in cells]
        return pl.Series(name, texts, dtype=pl.String)
    texts = [
        None if one.kind == "null" else json.dumps(_plain(one, is_cell=True), ensure_ascii=False)
        for one in value.data
    ]
    return pl.Series(name, texts, dtype=pl.String)


def _plain(value: RValue, *, is_cell: bool = False) -> Any:
    """A value as JSON has it; one that is a cell is a list also where it is one value."""
    if value.kind == "null":
        return None
    if value.kind == "pairs" or value.kind not in _MAKERS:
        raise NoColumnError
    if value.kind == "list":
        names = value.texts("names")
        inner = [_plain(one) for one in value.data]
        if "data.frame" in value.classes and inner:
            columns = {
                name: one if isinstance(one, list) else [one] for name, one in zip(names, inner, strict=False)
            }
            return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=False)]
        return dict(zip(names, inner, strict=False)) if any(names) else inner
    series = _column("", value).values
    found = [_cell(one) for one in series.to_list()]
    names = value.texts("names")
    if any(names):
        return dict(zip(names, found, strict=False))
    return found[0] if len(found) == 1 and not is_cell else found


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _factor(name: str, value: RValue) -> RColumn:
    levels = value.texts("levels")
    if value.kind != "integer":
        raise NoColumnError
    codes = value.data
    if len(codes) and (codes.max() > len(levels) or (codes[codes != NA_INTEGER] < 1).any()):
        raise NoColumnError
    at = pl.Series(name, codes.astype(np.int64) - 1)
    texts = pl.Series(name, levels, dtype=pl.String).gather(at.set(pl.Series(codes == NA_INTEGER), None))
    if len(set(levels)) == len(levels):
        texts = texts.cast(pl.Enum(levels))
    measure = "ordinal" if "ordered" in value.classes else "nominal"
    return RColumn(texts, ColumnInfo(measure=measure))


def _numbers(value: RValue) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Numbers as doubles, with 0 for those that are missing, and which these are."""
    if value.kind not in ("integer", "double"):
        raise NoColumnError
    missing = value.data == NA_INTEGER if value.kind == "integer" else np.isnan(value.data)
    # R's NA is a signalling NaN, of which numpy warns.
    return np.where(missing, 0, value.data).astype(np.float64), missing


def _date(name: str, value: RValue) -> RColumn:
    numbers, missing = _numbers(value)
    days = np.floor(numbers)
    if not ((days >= _FIRST_DAY) & (days <= _LAST_DAY)).all():
        return RColumn(_odd(name, numbers, missing), unknown_class="Date")
    whole = pl.Series(name, days.astype(np.int32)).set(pl.Series(missing), None)
    return RColumn(whole.cast(pl.Date))


def _odd(name: str, numbers: np.ndarray[Any, Any], missing: np.ndarray[Any, Any]) -> pl.Series:
    """The numbers themselves, of days or moments that no calendar has."""
    return pl.Series(name, numbers).set(pl.Series(missing), None)


def _moment(name: str, value: RValue) -> RColumn:
    numbers, missing = _numbers(value)
    in_calendar = (numbers >= _FIRST_DAY * _DAY_S) & (numbers < (_LAST_DAY + 1) * _DAY_S)
    if not in_calendar.all():
        return RColumn(_odd(name, numbers, missing), unknown_class="POSIXct")
    # A double has a tenth of a microsecond in our time; what R was given had no more than microseconds.
    whole = np.rint(numbers * 1e6).astype(np.int64)
    return _in_zone(pl.Series(name, whole).set(pl.Series(missing), None).cast(pl.Datetime("us")), value)


def _in_zone(moments: pl.Series, value: RValue) -> RColumn:
    """Moments of UTC as R shows them: in their zone; those of UTC by the clock, with no mark."""
    zone = next(iter(value.texts("tzone")), "")
    if zone in _ZONES_OF_UTC:
        return RColumn(moments)
    moments = moments.dt.replace_time_zone("UTC")
    if zone:
        try:
            return RColumn(moments.dt.convert_time_zone(zone))
        except pl.exceptions.PolarsError:
            pass
    return RColumn(moments, is_of_no_zone=True)


def _broken_down(name: str, value: RValue) -> RColumn:
    """A moment as a list of its parts (POSIXlt), which says what the clock showed."""
    parts = dict(value.named())
    wanted = ("sec", "min", "hour", "mday", "mon", "year")
    if value.kind != "list" or any(part not in parts for part in wanted):
        raise NoColumnError
    height = max(len(parts[part]) for part in wanted)
    found: list[datetime.datetime | None] = []
    columns = []
    for part in wanted:
        numbers, missing = _numbers(parts[part])
        if not len(numbers):
            raise NoColumnError
        # Since R 4.3 a part that is the same everywhere may stand once.
        columns.append(np.resize(np.where(missing, np.nan, numbers), height).tolist())
    for sec, minute, hour, day, month, year in zip(*columns, strict=True):
        if not all(map(math.isfinite, (sec, minute, hour, day, month, year))):
            found.append(None)
            continue
        months = int(year + 1900) * 12 + int(month)
        try:
            since = datetime.timedelta(days=day - 1, hours=hour, minutes=minute, seconds=sec)
            found.append(datetime.datetime(months // 12, months % 12 + 1, 1) + since)  # noqa: DTZ001 - a clock's
        except (ValueError, OverflowError):
            # No calendar of ours has that year.
            raise NoColumnError from None
    clock = pl.Series(name, found, dtype=pl.Datetime("us"))
    zone = next(iter(value.texts("tzone")), "")
    if zone and zone not in _ZONES_OF_UTC:
        try:
            return RColumn(clock.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null"))
        except pl.exceptions.PolarsError:
            pass
    return RColumn(clock)


def _long_whole(name: str, value: RValue) -> RColumn:
    """bit64: whole numbers in the bytes of doubles."""
    if value.kind != "double":
        raise NoColumnError
    found = pl.Series(name, value.data.view(np.int64))
    return RColumn(found.set(found == -(2**63), None))


def _nanoseconds(name: str, value: RValue) -> RColumn:
    found = _long_whole(name, value).values
    return RColumn(found.cast(pl.Datetime("ns", "UTC")))


def _difference(name: str, value: RValue) -> RColumn:
    numbers, missing = _numbers(value)
    units = next(iter(value.texts("units")), "")
    if "hms" in value.classes:
        return _time(name, value)
    plain = (
        _integer(name, value)
        if value.kind == "integer"
        else pl.Series(name, numbers).set(pl.Series(missing), None)
    )
    return RColumn(plain, unit=_UNITS.get(units, units))


def _time(name: str, value: RValue) -> RColumn:
    """A time of day where all are; otherwise a duration."""
    numbers, missing = _numbers(value)
    if not (np.abs(numbers) < 9e9).all():
        return RColumn(_odd(name, numbers, missing), unit="seconds")
    whole = np.rint(numbers * 1e6).astype(np.int64)
    found = pl.Series(name, whole).set(pl.Series(missing), None)
    if ((whole >= 0) & (whole < _DAY_S * 1_000_000)).all():
        return RColumn((found * 1000).cast(pl.Time))
    return RColumn(found.cast(pl.Duration("us")))


def _year_and_month(name: str, value: RValue) -> RColumn:
    return _year_and_part(name, value, 12, "{}-{:02d}")


def _year_and_quarter(name: str, value: RValue) -> RColumn:
    return _year_and_part(name, value, 4, "{}Q{}")


def _year_and_part(name: str, value: RValue, parts: int, form: str) -> RColumn:
    """zoo: years with a fraction."""
    numbers, missing = _numbers(value)
    if not (np.abs(numbers) < 10_000).all():
        raise NoColumnError
    texts = []
    for number, is_missing in zip(numbers.tolist(), missing.tolist(), strict=True):
        # As zoo does: the fraction of a month is not exact.
        at = 0 if is_missing else math.floor(parts * number + 0.001)
        texts.append(None if is_missing else form.format(at // parts, at % parts + 1))
    return RColumn(pl.Series(name, texts, dtype=pl.String))


_MAKERS: dict[str, Callable[[str, RValue], pl.Series]] = {
    "logical": _logical,
    "integer": _integer,
    "double": _double,
    "complex": _complex,
    "text": _text,
    "raw": _raw,
    "list": _list,
}
_CLASSES: dict[str, Callable[[str, RValue], RColumn]] = {
    "factor": _factor,
    "Date": _date,
    "POSIXct": _moment,
    "POSIXlt": _broken_down,
    "integer64": _long_whole,
    "nanotime": _nanoseconds,
    "hms": _time,
    "ITime": _time,
    "difftime": _difference,
    "yearmon": _year_and_month,
    "yearqtr": _year_and_quarter,
}
