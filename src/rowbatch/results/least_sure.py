"""The rows of which a model was least sure: a queue for people who check, and no random sample."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

import polars as pl

from rowbatch.core.confidence import column_of, measured
from rowbatch.core.plan import Plan
from rowbatch.errors import UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.corrections import read_corrections
from rowbatch.store.rundir import RunDirectory

LEAST_SURE = "least sure"
"""How a row was chosen, as corrections and exports have it."""
CHOSEN_COLUMN = "chosen_by"
SURE = "sure"
"""Column with how sure the model was of the value of a row that it was least sure of; null where unknown."""


def how_sure(plan: Plan) -> pl.Expr:
    """
    How sure the model was of a row: of its value that it was least sure of.

    Raises:
        UsageError: Nobody asked.
    """
    columns = [column_of(one.place) for one in measured(plan.question.codebook)]
    if not plan.is_measured or not columns:
        raise UsageError("confidence-not-asked")
    return pl.min_horizontal(columns).alias(SURE)


def least_sure_rows(run: RunDirectory, count: int, but: Iterable[int] = ()) -> pl.Series:
    """
    Numbers of the rows that the model was least sure of, in the order of the table.

    Rows that a person corrected have been looked at; rows without a confidence have no place in the queue.

    Args:
        run: A run that is built.
        count: At most so many.
        but: Numbers of rows that are left out: people have them already.
    Raises:
        UsageError: Nobody asked how sure the model was.
        RunError: The table or a raw file was changed since.
    """
    sure = how_sure(run.plan())
    with run.ledger() as ledger:
        shards = ledger.shards()
    seen = pl.Series([*read_corrections(run.path), *but], dtype=pl.Int64)
    least = pl.DataFrame(schema={"row": pl.Int64, SURE: pl.Float64})
    with closing(AnsweredTable(run, shards, ResultTally()).chunks()) as chunks:
        for _, answers in chunks:
            here = answers.select("row", sure).drop_nulls().filter(~pl.col("row").is_in(seen.implode()))
            # Of equals the earlier row, however the table is cut into chunks.
            least = pl.concat([least, here]).sort(SURE, "row").head(count)
    return least["row"].sort()
