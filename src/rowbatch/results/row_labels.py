"""The label that a model gave each row of a table: strata of a draw, and the pilot of how many to code."""

from __future__ import annotations

from contextlib import closing

import polars as pl

from rowbatch.errors import UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.rundir import RunDirectory


def labels_of_rows(run: RunDirectory, variable: str) -> pl.DataFrame:
    """
    The model's own value of each row, of the answers that are on disk.

    Args:
        run: A run that is built.
        variable: Of its codebook.
    Returns:
        `row`, and `stratum`, which is empty where there is no value.
    Raises:
        UsageError: There is no such variable.
        RunError: The table was changed since.
    """
    with run.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ResultTally())
    names = answered.codebook.columns
    if variable not in names:
        raise UsageError("sample-no-variable", name=variable, names=list(names))
    value = pl.col(str(names.index(variable))).alias("stratum")
    with closing(answered.chunks()) as chunks:
        return pl.concat([answers.select("row", value) for _, answers in chunks])
