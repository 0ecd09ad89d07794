"""
What people say beside what a model answered: their corrections, and how far they agree with the model's own
answers. One join and one count, whoever asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl

from rowbatch.core.agreement import NO_LABEL, Comparison
from rowbatch.core.comparison import compare_counted
from rowbatch.errors import UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.corrections import Corrections
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import TableChunk

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable

PEOPLE, MODEL = "people", "model"
"""Columns of a frame with what people said, and what the model answered, "" where it gave no label."""
IS_CORRECTED = "is_corrected"
"""Column that says whether a person corrected something in the row."""


def human_column(position: int) -> str:
    """Name of the column with what people put in the place of a variable's value; null where they did not."""
    return f"human:{position}"


def final_column(position: int) -> str:
    """Name of the column with the value of a variable that holds: people's, or else the model's."""
    return f"final:{position}"


class CorrectedAnswers:
    """
    Answers with what people corrected.

    Args:
        columns: Names of the codebook's variables.
        corrections: Of the run; those of other variables do not count.
    """

    def __init__(self, columns: Sequence[str], corrections: Corrections) -> None:
        named = {variable for values in corrections.values() for variable in values}
        self._width = len(columns)
        self.positions: tuple[int, ...] = tuple(
            position for position, name in enumerate(columns) if name in named
        )
        """Of the variables that somebody corrected somewhere."""
        known = {row: values for row, values in corrections.items() if not values.keys().isdisjoint(columns)}
        self._human = pl.DataFrame(
            {"row": list(known)}
            | {
                human_column(position): [values.get(columns[position]) for values in known.values()]
                for position in self.positions
            },
            schema={"row": pl.Int64} | {human_column(position): pl.String for position in self.positions},
        )

    def join(self, answers: pl.LazyFrame) -> pl.LazyFrame:
        """
        The same rows with people's words.

        Args:
            answers: `row`, and the model's values in "0", "1", …
        Returns:
            Besides, for each variable `human_column` and `final_column`; and `IS_CORRECTED`.
        """
        known = self._human.lazy().with_columns(pl.lit(True).alias(IS_CORRECTED))
        columns = [pl.col(IS_CORRECTED).fill_null(False)]
        for position in range(self._width):
            if position in self.positions:
                final = pl.coalesce(human_column(position), str(position))
            else:
                columns.append(pl.lit(None, pl.String).alias(human_column(position)))
                final = pl.col(str(position))
            columns.append(final.alias(final_column(position)))
        return answers.join(known, on="row", how="left", maintain_order="left").with_columns(columns)


def said_by_people(column: str) -> pl.Expr:
    """What people said in a column of texts, as it is compared."""
    return pl.col(column).str.strip_chars().alias(PEOPLE)


def people_position(header: Sequence[str], name: str) -> int:
    """
    Position of the column with people's labels.

    Raises:
        UsageError: There is none of this name, or several.
    """
    count = header.count(name)
    if count != 1:
        raise UsageError("people-column-twice" if count else "column-missing", name=name, count=count)
    return header.index(name)


def comparable_variable(codebook: Codebook, name: str | None) -> Variable:
    """
    A variable whose values can be compared with people's.

    Args:
        codebook: Of the run.
        name: None means the first one.
    Raises:
        UsageError: There is none.
    """
    for variable in codebook.variables:
        if variable.can_compare and name in (None, variable.name):
            return variable
    raise UsageError("not-comparable", variable=name or "")


def compare(frames: Iterable[pl.DataFrame], variable: Variable, people: str) -> Comparison:
    """
    Compare people's values with the model's own.

    What people corrected afterwards is theirs and not the model's, so it has no part in this.

    Args:
        frames: Rows with `PEOPLE` and `MODEL`; rows where people said nothing do not count.
        variable: What the values are of.
        people: Name of the column with people's values, for messages.
    Raises:
        UsageError: No row has people's value, or one of theirs is not in the codebook.
    """
    if NO_LABEL in variable.choices:
        raise UsageError("label-stands-for-none", label=NO_LABEL, variable=variable.name)
    counted: Counter[tuple[str, str]] = Counter()
    for frame in frames:
        said = frame.lazy().filter(pl.col(PEOPLE) != "").group_by(PEOPLE, MODEL).len().collect()
        for by_people, by_model, count in said.iter_rows():
            counted[by_people, by_model] += count
    return compare_counted(variable, ((*pair, count) for pair, count in counted.items()), people)


def compare_with_people(run: RunDirectory, people: str, variable: str | None) -> Comparison:
    """
    Compare what people said in a column of the table with the answers of a run that are on disk.

    Args:
        run: A run that is built.
        people: Name of the column.
        variable: Of the codebook; None means the first that can be compared.
    Raises:
        UsageError: There is no such column or variable, or they do not fit.
        RunError: The table was changed since.
    """
    with run.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ResultTally())
    chosen = comparable_variable(answered.codebook, variable)
    column = str(people_position(answered.table.header, people))
    place = str(answered.codebook.columns.index(chosen.name))

    def frames(chunks: Iterator[tuple[TableChunk, pl.DataFrame]]) -> Iterator[pl.DataFrame]:
        for chunk, answers in chunks:
            yield chunk.frame.select(said_by_people(column)).with_columns(answers[place].alias(MODEL))

    with closing(answered.chunks()) as chunks:
        return compare(frames(chunks), chosen, people)
