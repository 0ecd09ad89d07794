"""
What people say beside what a model answered: their corrections, and how far they agree with the model's own
answers. One join and one count, whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from rowbatch.core.agreement import NO_LABEL
from rowbatch.core.comparison import PeopleComparison, PeopleReader, PeopleTally
from rowbatch.core.numbers import number_of, spelled
from rowbatch.errors import UsageError
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.shard_answers import ResultTally
from rowbatch.store.corrections import Corrections
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import ColumnInfo, TableChunk

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Variable
    from rowbatch.core.plan import Question

PEOPLE, MODEL = "people", "model"
"""Columns of a frame with what people said, and what the model answered, "" where it gave no label."""
ITEM = "item"
"""Column with a number that two rows of one text have in common."""
_COMPARED = {PEOPLE: pl.String, MODEL: pl.String, ITEM: pl.UInt64}
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


def compare(frames: Iterable[pl.DataFrame], reader: PeopleReader, people: str) -> PeopleComparison:
    """
    Compare people's values with the model's own.

    What people corrected afterwards is theirs and not the model's, so it has no part in this.

    Args:
        frames: Rows with `PEOPLE`, `MODEL` and `ITEM`; rows where people said nothing do not count.
        reader: Of people's cells.
        people: Name of the column with people's values, for messages.
    Raises:
        UsageError: No row has people's value, or one of theirs is not in the codebook.
    """
    variable = reader.variable
    if NO_LABEL in variable.choices and not variable.has_several:
        raise UsageError("label-stands-for-none", label=NO_LABEL, variable=variable.name)
    tally = PeopleTally(reader, people)
    coded = [_read_people(frame, tally) for frame in frames]
    rows = pl.concat(coded) if coded else pl.DataFrame(schema=_COMPARED)
    is_once = rows[ITEM].is_unique()
    once = rows.filter(is_once).group_by(PEOPLE, MODEL, maintain_order=True).len()
    tally.add_once(once.iter_rows())
    again = rows.filter(~is_once).group_by(ITEM, maintain_order=True).agg(PEOPLE, MODEL)
    for _, said, answered in again.iter_rows():
        tally.add_repeated(said, answered)
    return tally.result()


def _read_people(frame: pl.DataFrame, tally: PeopleTally) -> pl.DataFrame:
    """The rows that people coded, with the values that their cells stand for."""
    said = frame.select(*_COMPARED).filter(pl.col(PEOPLE) != "")
    values = tally.note_cells(said.group_by(PEOPLE, maintain_order=True).len().iter_rows())
    return said.with_columns(read_cells(PEOPLE, values)).filter(pl.col(PEOPLE) != "")


def read_cells(column: str, values: Mapping[str, str]) -> pl.Expr:
    """A column of cells as the values that they stand for; "" for a cell that is not among them."""
    return pl.col(column).replace_strict(values, default="", return_dtype=pl.String).alias(PEOPLE)


def item_of(question: Question, item: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    By which columns two rows are known as one text.

    Args:
        question: What is asked.
        item: A column that names each text; None means that the same request is the same text.
    Returns:
        Names of the columns that are the same, and of those that are empty where there is no text.
    """
    if item is not None:
        return (item,), (item,)
    return question.columns, question.asked_columns


def item_key(same: Sequence[str], blank: Sequence[str], row: str) -> pl.Expr:
    """
    A number that two rows of one text have in common.

    Args:
        same: Columns of texts: all the same where it is one text.
        blank: Of these, those that are empty where there is no text: such rows have nothing in common.
        row: Column with the number of the row.
    """
    is_blank = pl.all_horizontal(pl.col(name).str.strip_chars() == "" for name in blank)
    alone = pl.when(is_blank).then(pl.col(row)).otherwise(0).alias(ITEM)
    # Of 64 bits: among a million texts two have one number in one of ten million tables.
    return pl.struct(*(pl.col(name) for name in dict.fromkeys(same)), alone).hash(seed=1).alias(ITEM)


def people_reader(variable: Variable, info: ColumnInfo | None, not_coded: Iterable[str] = ()) -> PeopleReader:
    """
    What reads the cells of a column that people coded.

    Args:
        variable: Whose values these are.
        info: What a statistics file says about the column.
        not_coded: Values that mean that nobody coded the row.
    """
    if info is None:
        return PeopleReader(variable, not_coded=not_coded)
    labels = {code_text(code): label for code, label in info.value_labels.items()}
    return PeopleReader(
        variable,
        not_coded=not_coded,
        value_labels=labels,
        is_missing=partial(_is_missing, info.missing_ranges),
    )


def code_text(code: float | str) -> str:
    """A code as it stands in the cells of a table."""
    return code if isinstance(code, str) else spelled(code)


def _is_missing(ranges: Sequence[Any], cell: str) -> bool:
    """Whether a file calls the value of a cell missing; see `ColumnInfo.missing_ranges`."""
    number = number_of(cell)
    for one in ranges:
        low, high = (one["lo"], one["hi"]) if isinstance(one, Mapping) else (one, one)
        if isinstance(low, str):
            if low <= cell <= str(high):
                return True
        elif number is not None and low <= number <= high:
            return True
    return False


def info_of(columns: Sequence[ColumnInfo], position: int) -> ColumnInfo | None:
    """What is known about a column; None where the format says nothing about any."""
    return columns[position] if columns else None


def compare_with_people(
    run: RunDirectory,
    people: str,
    variable: str | None,
    *,
    not_coded: Iterable[str] = (),
    item: str | None = None,
) -> PeopleComparison:
    """
    Compare what people said in a column of the table with the answers of a run that are on disk.

    A text that stands in several rows counts once: where people differ, what most of them say.

    Args:
        run: A run that is built.
        people: Name of the column.
        variable: Of the codebook; None means the first that can be compared.
        not_coded: Values of the column that mean that nobody coded the row.
        item: Column that names each text; None means that rows that ask the same are one text.
    Raises:
        UsageError: There is no such column or variable, or they do not fit.
        RunError: The table was changed since.
    """
    with run.ledger() as ledger:
        shards = ledger.shards()
    answered = AnsweredTable(run, shards, ResultTally())
    chosen = comparable_variable(answered.codebook, variable)
    table = answered.table
    position = people_position(table.header, people)
    place = str(answered.codebook.columns.index(chosen.name))
    same, blank = (
        [str(table.column(name)) for name in names] for names in item_of(answered.plan.question, item)
    )

    def frames(chunks: Iterator[tuple[TableChunk, pl.DataFrame]]) -> Iterator[pl.DataFrame]:
        for chunk, answers in chunks:
            texts = chunk.frame.with_columns(answers["row"])
            yield texts.select(said_by_people(str(position)), item_key(same, blank, "row")).with_columns(
                answers[place].alias(MODEL)
            )

    reader = people_reader(chosen, info_of(table.columns, position), not_coded)
    with closing(answered.chunks()) as chunks:
        return compare(frames(chunks), reader, people)
