"""
Data frames out of Python: polars, pandas, Arrow, dictionaries, and whatever else speaks Arrow's C stream.

A column of one type keeps it. One of several types, or of objects that no file has, is text by the rule of
`tables/base.py`. What has no such text is named with its column and row.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import math
import pathlib
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from rowbatch.errors import UsageError
from rowbatch.tables.base import as_text

_UNNAMED = "value"
# What a number of Python's has to fit into.
_MOST_WHOLE, _EXACT_WHOLE = 2**63, 2**53
_PLAIN_TYPES = (
    str, bool, int, float, bytes, decimal.Decimal, datetime.datetime, datetime.date, datetime.time,
    datetime.timedelta,
)  # fmt: skip
# Of these, what Python writes is what people write.
_SHOWN_AS_WRITTEN = (
    uuid.UUID, pathlib.PurePath, fractions.Fraction,
    ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network,
)  # fmt: skip
_PANDAS_SHOWN_AS_WRITTEN = frozenset({"Period", "Interval", "DateOffset"})


def from_frame(frame: object) -> pl.DataFrame:
    """
    Take a data frame as it is.

    The index of a pandas frame becomes a column where it has a name; a nameless one is only a row number.
    Names of columns that are no texts become texts, see `column_name`.

    Args:
        frame: A polars DataFrame, LazyFrame or Series, a pandas DataFrame or Series, anything that speaks
            Arrow's C stream or the exchange protocol for data frames, a dictionary of lists, or a list of
            dictionaries.
    Raises:
        UsageError: It is none of these; a name stands twice; a cell has no place in a table, with its column
            and row.
    """
    try:
        found = _frame_of(frame)
    except (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        TypeError,
        ValueError,
        KeyError,
    ) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError("frame-unusable", told=told) from error
    if found is None:
        raise UsageError("no-table", given=type(frame).__name__)
    return found


def column_name(name: object) -> str:
    """
    The name of a column as a text: `1` for 1; `a.b` for ("a", "b"), as pandas has several lines of names.

    Parts that are empty are left out.
    """
    if isinstance(name, tuple):
        return ".".join(part for part in map(column_name, name) if part)
    return str(name)


def _frame_of(frame: Any) -> pl.DataFrame | None:
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.Series):
        frame = frame.alias(frame.name or _UNNAMED).to_frame()
    if isinstance(frame, pl.DataFrame):
        return _without_objects(frame)
    if isinstance(frame, Mapping):
        return _from_columns(frame)
    if isinstance(frame, Sequence) and frame and all(isinstance(row, Mapping) for row in frame):
        return _from_rows(frame)
    if _is_pandas(frame) and hasattr(frame, "to_frame") and not hasattr(frame, "columns"):
        frame = frame.to_frame(_UNNAMED if frame.name is None else frame.name)
    if _is_pandas(frame) and hasattr(frame, "columns"):
        return _from_pandas(frame)
    if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
        return _without_objects(pl.DataFrame(frame))
    if hasattr(frame, "__dataframe__"):
        return _without_objects(pl.from_dataframe(frame))
    return None


def _is_pandas(frame: object) -> bool:
    # A frame of geopandas is one of pandas.
    return any(one.__module__.split(".")[0] == "pandas" for one in type(frame).__mro__)


def _without_objects(frame: pl.DataFrame) -> pl.DataFrame:
    if pl.Object not in frame.dtypes:
        return frame
    return pl.DataFrame(
        [
            _column_of(column.name, column.to_list()) if column.dtype == pl.Object else column
            for column in frame.get_columns()
        ]
    )


def _from_columns(columns: Mapping[Any, Any]) -> pl.DataFrame:
    names = _different([column_name(name) for name in columns])
    found: list[pl.Series] = []
    single: dict[int, Any] = {}
    for position, (name, values) in enumerate(zip(names, columns.values(), strict=True)):
        if isinstance(values, pl.Series):
            found.append(_without_objects(values.alias(name).to_frame()).to_series())
        elif _is_pandas(values) and hasattr(values, "to_numpy"):
            found.append(_pandas_column(name, values))
        elif isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
            # One value is that of all rows.
            single[position] = values
            found.append(pl.Series(name, []))
        else:
            found.append(_column_of(name, _listed(values)))
    heights = {len(column) for position, column in enumerate(found) if position not in single}
    if len(heights) > 1:
        raise UsageError(
            "frame-lengths-differ",
            columns=[f"{column.name}: {len(column)}" for at, column in enumerate(found) if at not in single],
        )
    height = next(iter(heights), 1)
    for position, value in single.items():
        found[position] = _column_of(names[position], [value] * height)
    return pl.DataFrame(found)


def _from_rows(rows: Sequence[Mapping[Any, Any]]) -> pl.DataFrame:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    names = _different([column_name(key) for key in keys])
    return pl.DataFrame(
        [_column_of(name, [row.get(key) for row in rows]) for key, name in zip(keys, names, strict=True)]
    )


def _from_pandas(frame: Any) -> pl.DataFrame:
    indexes = [name for name in frame.index.names if name is not None]
    taken = {column_name(name) for name in frame.columns}
    for name in indexes:
        if column_name(name) in taken:
            raise UsageError("frame-column-twice", column=column_name(name))
    if indexes:
        frame = frame.reset_index()
    names = _different([column_name(name) for name in frame.columns])
    return pl.DataFrame([_pandas_column(name, frame.iloc[:, at]) for at, name in enumerate(names)])


def _different(names: list[str]) -> list[str]:
    """
    Names, which a run's table has to tell apart.

    Raises:
        UsageError: One stands twice.
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise UsageError("frame-column-twice", column=name)
    return names


def _pandas_column(name: str, column: Any) -> pl.Series:
    """A column of pandas; none needs pyarrow but those that are made of it."""
    kind = column.dtype
    match type(kind).__name__:
        case "SparseDtype":
            return _pandas_column(name, column.sparse.to_dense())
        case "CategoricalDtype":
            categories = _column_of(name, kind.categories.astype(object).tolist())
            if categories.dtype != pl.String:
                return _pandas_column(name, column.astype(object))
            codes = pl.Series(column.cat.codes.to_numpy()).cast(pl.Int64)
            texts = categories.gather(codes.set(codes < 0, None))
            return texts.cast(pl.Enum(categories)).alias(name)
        case "ArrowDtype":
            found: Any = pl.from_pandas(column)
            return _without_objects(found.alias(name).to_frame()).to_series()
        case "DatetimeTZDtype":
            return _moments(name, column)
    if kind.kind in "iufbmM":
        return _numbers(name, column)
    values = column.astype(object)
    # A column of texts would take None for NaN again.
    return _column_of(name, values.where(column.notna(), None).tolist())


def _numbers(name: str, column: Any) -> pl.Series:
    """Numbers, dates and durations; those of pandas that may be missing too."""
    missing = column.isna().to_numpy()
    kind = column.dtype.kind
    if kind in "mM":
        unit = "ns" if column.dtype.str.endswith("[ns]") else "us"
        array = column.to_numpy().astype(f"{'timedelta64' if kind == 'm' else 'datetime64'}[{unit}]")
    else:
        # The types of numbers that may be missing name those of numpy that they are made of.
        of_numpy = getattr(column.dtype, "numpy_dtype", column.dtype)
        array = (column.where(~column.isna(), kind != "b" and 0) if missing.any() else column).to_numpy(
            dtype=of_numpy
        )
    found = pl.Series(name, array)
    return found.set(pl.Series(missing), None) if missing.any() else found


def _moments(name: str, column: Any) -> pl.Series:
    """Moments in a zone; as texts with their offset, where polars does not know the zone."""
    try:
        moments = _numbers(name, column.dt.tz_convert("UTC").dt.tz_localize(None))
        zone = str(column.dtype.tz)
        return moments.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    except pl.exceptions.PolarsError:
        return _column_of(name, [None if _is_missing(one) else one.isoformat() for one in _listed(column)])


def _listed(values: Any) -> list[Any]:
    found: list[Any] = values.tolist() if hasattr(values, "tolist") else list(values)
    return found


def _column_of(name: str, values: list[Any]) -> pl.Series:
    """Values of Python: with the type that all have, or as texts."""
    if set(map(type, values)) <= {str, type(None)} and any(values):
        try:
            return pl.Series(name, values, dtype=pl.String)
        except UnicodeEncodeError:
            return pl.Series(name, list(map(_whole_text, values)), dtype=pl.String)
    values = [None if _is_missing(value) else _plain(value) for value in values]
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if kinds == {str}:
        return pl.Series(name, list(map(_whole_text, values)), dtype=pl.String)
    found = _typed(name, values, kinds)
    if found is not None:
        return found
    texts = []
    for row, value in enumerate(values, start=1):
        try:
            texts.append(None if value is None else _whole_text(_shown(value)))
        except _NoTextError as error:
            raise UsageError("frame-cell-unusable", column=name, row=row, type=error.kind) from None
    return pl.Series(name, texts, dtype=pl.String)


def _typed(name: str, values: list[Any], kinds: set[type]) -> pl.Series | None:
    """The column with one type; None where there is none that keeps all values."""
    if kinds == {int, float}:
        # Whole numbers of more digits than a float has would be rounded.
        if any(isinstance(value, int) and abs(value) > _EXACT_WHOLE for value in values):
            return None
        return pl.Series(
            name, [None if value is None else float(value) for value in values], dtype=pl.Float64
        )
    if len(kinds) > 1:
        return None
    kind = next(iter(kinds))
    if kind is int and any(value is not None and not -_MOST_WHOLE <= value < _MOST_WHOLE for value in values):
        return None
    if kind is datetime.datetime and len({value.utcoffset() for value in values if value is not None}) > 1:
        return None
    if kind is datetime.datetime and any(value is not None and value.tzinfo is not None for value in values):
        # A zone of Python's is often only an offset, which no column can have.
        return None
    if kind not in _PLAIN_TYPES and kind not in (list, dict):
        return None
    try:
        found = pl.Series(name, values, strict=True)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
        return None
    return None if found.dtype == pl.Object else found


class _NoTextError(Exception):
    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _is_missing(value: Any) -> bool:
    # pandas has two more of its own.
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and math.isnan(value))
    )


def _plain(value: Any) -> Any:
    """A value of numpy or pandas as Python's own; what only groups several is a list."""
    kind = type(value)
    if kind.__module__ == "numpy":
        # Of dates this is a number where it has nanoseconds.
        is_of_time = kind.__name__ in ("datetime64", "timedelta64")
        return str(value) if is_of_time else value.tolist()
    if kind.__name__ == "Timestamp" and hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False) if not value.nanosecond else value.isoformat()
    if kind.__name__ == "Timedelta" and hasattr(value, "to_pytimedelta"):
        return value.to_pytimedelta()
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if isinstance(value, tuple | set | frozenset):
        return list(value) if isinstance(value, tuple) else sorted(value, key=str)
    if isinstance(value, pl.Series):
        return value.to_list()
    return str(value) if isinstance(value, str) and kind is not str else value


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, _SHOWN_AS_WRITTEN) or type(value).__name__ in _PANDAS_SHOWN_AS_WRITTEN:
        return str(value)
    if isinstance(value, complex):
        return str(value).strip("()")
    if isinstance(value, list | dict):
        return json.dumps(_as_json(value), ensure_ascii=False)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, _PLAIN_TYPES):
        return _text_of(value)
    raise _NoTextError(type(value).__name__)


def _text_of(value: Any) -> str:
    """A value by the rule of files with types."""
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.isoformat()
    text: str = as_text(pl.DataFrame([pl.Series("value", [value])])).item()
    return text


def _as_json(value: Any) -> Any:
    value = None if _is_missing(value) else _plain(value)
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    if isinstance(value, dict):
        return {column_name(key): _as_json(one) for key, one in value.items()}
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return _shown(value)


# A surrogate is half of a character beyond 65,535: two that belong together are one, and one alone is none.
def _whole_text(text: str | None) -> str | None:
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
