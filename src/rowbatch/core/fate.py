"""
What becomes of a row: which of all that came back for it is its answer. One rule, wherever answers meet.

Of two lines for a row the one that says more counts, by `_WORTH`: an answer that can be used before one that
cannot, that before a failure, and that before nothing at all. Of two that say equally much the first of a
round counts, in the order of the output file and then the error file; and over rounds the later one, which
was asked for because the earlier one would not do.

Whoever knows the codebook judges by it: then an answer that it does not allow gives way to one that it does.
"""

from __future__ import annotations

import polars as pl

from rowbatch.core.states import RowStatus

_WORTH = {
    RowStatus.OK: 0,
    RowStatus.INVALID: 1,
    RowStatus.REFUSED: 1,
    RowStatus.TRUNCATED: 1,
    RowStatus.ERROR: 2,
    RowStatus.EXPIRED: 2,
    RowStatus.CANCELLED: 2,
    RowStatus.MISSING: 3,
    RowStatus.UNSENT: 4,
    RowStatus.SKIPPED: 5,
}
"""The lower, the more it says."""


def decides(lines: pl.DataFrame, key: str = "row") -> pl.Series:
    """
    Which lines of a round are their row's answer: one for each row.

    The same lines in the same order always give the same ones, however they were cut into pieces: of the
    answers of the pieces the same one decides as of all lines.

    Args:
        lines: In the order in which they came: `key`, never null, and `status`, texts of `RowStatus`.
        key: Whose line it is.
    Returns:
        A boolean for each line.
    """
    is_repeated = lines[key].is_duplicated()
    if not is_repeated.any():
        return pl.repeat(True, lines.height, dtype=pl.Boolean, eager=True)
    places = pl.int_range(lines.height, dtype=pl.Int64, eager=True).alias("place")
    repeated = lines.select(pl.col(key), _worth().alias("worth"), places).filter(is_repeated)
    best = repeated.sort("worth", "place").unique(key, keep="first", maintain_order=True)
    return (~is_repeated).scatter(best["place"].to_list(), values=True)


def over_rounds(earlier: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    """
    Of each row's answers of two rounds the one that counts.

    Args:
        earlier: `row`, sorted, and `status`; one line for each row.
        later: The same columns; its rows are among those of `earlier`.
    Returns:
        As many rows as `earlier` has, sorted.
    """
    if not later.height:
        return earlier
    # Of equals the first decides: the later round stands in front.
    both = pl.concat([later, earlier])
    return both.filter(decides(both)).sort("row")


def _worth() -> pl.Expr:
    worth = {status.value: number for status, number in _WORTH.items()}
    return pl.col("status").replace_strict(worth, return_dtype=pl.Int8)
