"""Row numbers in ids: `row-17` is row 17."""

from __future__ import annotations

import re

import polars as pl

# What stands before the number at the end, and the number.
_ROW_ID = r"(?s)\A(|.*[^0-9])([0-9]{1,15})\z"


def row_ids(ids: pl.Series) -> pl.DataFrame:
    """
    `prefix` and `number` of each id; both null where it does not end in a number.

    Args:
        ids: One or more.
    """
    # Nearly always all have the prefix of the first one, and cutting it off costs a tenth of looking for it.
    first = re.fullmatch(_ROW_ID.replace(r"\z", ""), ids[0])
    if first is not None:
        prefix = first.group(1)
        digits = ids.str.strip_prefix(prefix)
        if ids.str.starts_with(prefix).all() and digits.str.contains(r"\A[0-9]{1,15}\z").all():
            same = pl.repeat(prefix, len(ids), dtype=pl.String, eager=True)
            return pl.DataFrame([same.alias("prefix"), digits.cast(pl.Int64).alias("number")])
    return ids.to_frame("id").select(
        pl.col("id").str.extract(_ROW_ID, 1).alias("prefix"),
        pl.col("id").str.extract(_ROW_ID, 2).cast(pl.Int64).alias("number"),
    )
