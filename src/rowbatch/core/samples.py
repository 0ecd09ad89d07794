"""
Rows that are asked several times: which requests are theirs, and what their answers come to together.

Each row has so many requests in a row: those of row 1 come first, then those of row 2. So everything between
the requests and the answers goes on with numbers of requests, as it does with numbers of rows where each is
asked once.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rowbatch.core.confidence import BASIS_COLUMN, Measured, column_of
from rowbatch.core.fate import decides
from rowbatch.core.states import RowStatus


def agreement_basis(samples: int) -> str:
    """What the confidence of a row comes from that was asked so often."""
    return f"agreement of {samples} samples"


def request_numbers(rows: pl.Series, samples: int) -> pl.Series:
    """The numbers of the requests of some rows: of each as many as it has samples, in order."""
    if samples == 1:
        return rows
    first = (rows - 1) * samples + 1
    numbers = pl.DataFrame({"first": first}).select(
        pl.int_ranges("first", pl.col("first") + samples).explode().alias(rows.name)
    )
    return numbers.to_series().cast(pl.Int64)


def row_of_request(number: int, samples: int) -> int:
    """The row that a request asks."""
    return (number - 1) // samples + 1


def merged_samples(answers: pl.DataFrame, samples: int, wanted: Sequence[Measured]) -> pl.DataFrame:
    """
    One answer for each row, of those to its samples.

    The status, the model and free text are those of the sample that says most, the first of equals; each
    value that can be counted is the commonest one among usable answers, of equally common ones the one that
    came first. Its confidence is the share of all samples that agree with it, those without an answer too.

    Args:
        answers: As `RunAnswers.of_rows`, by number of request, sorted; all samples of a row.
        samples: How many a row has.
        wanted: The values that are counted.
    Returns:
        The same columns by number of row, and how sure the model was, as in `Lines`.
    """
    numbered = answers.with_columns(((pl.col("row") - 1) // samples + 1).alias("row"))
    numbered = numbered.with_columns(answers["row"].alias("number"))
    merged = numbered.filter(decides(numbered))
    is_ok = pl.col("status") == RowStatus.OK.value
    usable = numbered.filter(is_ok)
    for one in wanted:
        name = str(one.place)
        counted = usable.group_by("row", name).agg(
            pl.len().alias("agree"), pl.col("number").min().alias("first")
        )
        commonest = counted.sort("row", "agree", "first", descending=[False, True, False]).unique(
            "row", keep="first", maintain_order=True
        )
        share = (pl.col("agree") / samples).round(6).alias(column_of(one.place))
        merged = merged.drop(name).join(
            commonest.select("row", name, share), on="row", how="left", maintain_order="left"
        )
    return merged.select(
        *(pl.col(name).fill_null("") if name.isdecimal() else pl.col(name) for name in answers.columns),
        *(column_of(one.place) for one in wanted),
        pl.when(is_ok).then(pl.lit(agreement_basis(samples))).otherwise(pl.lit("")).alias(BASIS_COLUMN),
    )
