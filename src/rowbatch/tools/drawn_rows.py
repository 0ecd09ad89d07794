"""A few rows of a table, drawn at random, with what is asked about them."""

from __future__ import annotations

import polars as pl

from rowbatch.core.drawing import drawn
from rowbatch.core.plan import Question
from rowbatch.errors import UsageError
from rowbatch.tables.base import Table
from rowbatch.tools.sample import rows_at, rows_with_text


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
    have_text, without_text = rows_with_text(table, places)
    numbers = sorted(drawn(have_text, count, seed))
    if not numbers:
        raise UsageError("no-row-has-text", rows=without_text)
    return numbers, rows_at(table, numbers, ((name, table.column(name)) for name in names))
