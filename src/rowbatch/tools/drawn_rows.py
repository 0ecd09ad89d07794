"""A few rows of a table, drawn at random, with what is asked about them."""

from __future__ import annotations

from contextlib import closing

import polars as pl

from rowbatch.core.drawing import drawn
from rowbatch.core.plan import Question
from rowbatch.errors import UsageError
from rowbatch.tables.base import Table
from rowbatch.tools.sample import chunks_of, rows_with_text


def draw_rows(table: Table, question: Question, count: int, seed: int) -> tuple[list[int], pl.DataFrame]:
    """
    Draw rows that have something to ask about.

    Args:
        table: Whose rows.
        question: What is asked of them.
        count: How many; fewer where there are fewer.
        seed: Another one draws other rows; a larger draw holds the smaller one.
    Returns:
        Their numbers in the table, in its order, and those of its columns that requests are made of.
    Raises:
        UsageError: The table has no such column, or no row has a text.
    """
    places = [table.column(name) for name in question.asked_columns]
    names = tuple(dict.fromkeys((*question.asked_columns, *question.columns)))
    columns = [pl.col(str(table.column(name))).alias(name) for name in names]
    have_text, without_text = rows_with_text(table, places)
    numbers = sorted(drawn(have_text, count, seed))
    if not numbers:
        raise UsageError("no-row-has-text", rows=without_text)
    wanted = pl.Series(numbers, dtype=pl.Int64)
    found = []
    with closing(chunks_of(table)) as chunks:
        for chunk in chunks:
            here = wanted.filter(
                wanted.is_between(chunk.first_row, chunk.first_row + chunk.frame.height, closed="left")
            )
            if len(here):
                found.append(chunk.frame[(here - chunk.first_row).to_list()].select(columns))
    return numbers, pl.concat(found)
