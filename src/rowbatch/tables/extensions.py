"""Types of somebody's own in Parquet and Arrow files, as the values that they stand for."""

from __future__ import annotations

import json
from collections.abc import Callable

import polars as pl


def plain_values(column: pl.Series) -> pl.Series:
    """
    A type of somebody's own as the one that its values are kept in, or stand for; others as they are.

    Source:
        Arrow, "Canonical Extension Types": `arrow.json` is text, `arrow.bool8` whole numbers. pandas 3.1
        keeps periods as how many there were since 1970: months of `{"freq": "M"}`, quarters of `Q-DEC`.
    """
    kind = column.dtype
    if not isinstance(kind, pl.BaseExtension):
        return column
    stored: pl.Series = column.ext.storage()
    match kind.ext_name():
        case "arrow.bool8":
            return stored != 0
        case "pandas.period":
            show = _PERIODS.get(_frequency(kind.ext_metadata()))
            return (
                stored
                if show is None
                else stored.to_frame("n").select(show(pl.col("n"))).to_series().alias(column.name)
            )
    return stored


def _frequency(metadata: str | None) -> str:
    """How long the periods are, as pandas names it."""
    try:
        told = json.loads(metadata or "")
    except ValueError:
        return ""
    return str(told.get("freq", "")) if isinstance(told, dict) else ""


def _in_year(count: pl.Expr, a_year: int) -> tuple[pl.Expr, pl.Expr]:
    """The year, and the number in it from 1."""
    year = count.floordiv(a_year)
    return (year + 1970).cast(pl.String), (count - year * a_year + 1).cast(pl.String)


def _month(count: pl.Expr) -> pl.Expr:
    year, month = _in_year(count, 12)
    return year + "-" + month.str.zfill(2)


def _quarter(count: pl.Expr) -> pl.Expr:
    year, quarter = _in_year(count, 4)
    return year + "Q" + quarter


def _year(count: pl.Expr) -> pl.Expr:
    return _in_year(count, 1)[0]


def _day(count: pl.Expr) -> pl.Expr:
    return count.cast(pl.Int32).cast(pl.Date)


_PERIODS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "M": _month,
    "Q-DEC": _quarter,
    "Y-DEC": _year,
    "A-DEC": _year,
    "D": _day,
}
