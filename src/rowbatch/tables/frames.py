"""Data frames out of a notebook: polars, pandas, Arrow, or a dictionary of lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rowbatch.errors import UsageError


def from_frame(frame: object) -> pl.DataFrame:
    """
    Take a data frame as it is.

    The index of a pandas frame becomes a column where it has a name; a nameless one is only a row number.

    Args:
        frame: A polars DataFrame or LazyFrame, a pandas DataFrame, anything that speaks Arrow's C stream, or
            a dictionary of lists.
    Raises:
        UsageError: It is none of these.
    """
    try:
        if isinstance(frame, pl.DataFrame):
            return frame
        if isinstance(frame, pl.LazyFrame):
            return frame.collect()
        if isinstance(frame, Mapping):
            return pl.DataFrame(dict(frame))
        if type(frame).__module__.split(".")[0] == "pandas" and hasattr(frame, "columns"):
            return _from_pandas(frame)
        if hasattr(frame, "__arrow_c_stream__"):
            return pl.DataFrame(frame)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise UsageError("frame-unusable", told=str(error)) from error
    raise UsageError("no-table", given=type(frame).__name__)


def is_frame(table: object) -> bool:
    """Whether it looks like a data frame, and not like a path."""
    return (
        isinstance(table, pl.DataFrame | pl.LazyFrame | Mapping)
        or hasattr(table, "__arrow_c_stream__")
        or (type(table).__module__.split(".")[0] == "pandas")
    )


def _from_pandas(frame: Any) -> pl.DataFrame:
    names = [name for name in frame.index.names if name is not None]
    if names:
        frame = frame.reset_index()
    columns = []
    for number, name in enumerate(frame.columns):
        column = frame.iloc[:, number]
        series: Any
        try:
            series = pl.from_pandas(column, nan_to_null=True)
        except ImportError:
            # Some columns need pyarrow on their way; their values do not.
            # As objects first: a column of texts would take None for NaN again.
            values = column.astype(object).where(column.notna(), None).tolist()
            series = pl.Series(values, strict=False)
        columns.append(series.alias(str(name)))
    return pl.DataFrame(columns)
