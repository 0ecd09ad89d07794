"""Which columns of a table people may have coded, and what they said there."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from rowbatch.core.kinds.base import Variable, has_word
from rowbatch.results.people import MODEL, PEOPLE, info_of, people_reader, said_by_people
from rowbatch.store.view import TableView
from rowbatch.tables.base import ColumnInfo

_LOOKED_AT_ROWS = 2_000
_MODELS = re.compile(
    r"(?:chat)?gpt|llms?\b|llama|claude|gemini|gemma|mi[sx]tral|qwen|deepseek|(?:ro)?berta?|openai|anthropic"
    r"|model|pred(?:s|icted|ictions?)?\b|模型|预测"
)
_PEOPLE = re.compile(r"human|people|coder|gold|annotat|manual|hand|expert|truth|人工|专家")


def columns_of_people(
    view: TableView, columns: Sequence[ColumnInfo], variables: Sequence[Variable]
) -> dict[str, Variable]:
    """
    Columns whose cells are empty or values of a variable, and the variable: that of its name, else the first.
    Those whose names speak of a model come last.

    Args:
        view: Of the table.
        columns: What is known of each column, or none at all.
        variables: Of the codebook.
    """
    comparable = [variable for variable in variables if variable.can_compare]
    if not comparable or not view.state.rows:
        return {}
    sample = view.frame(1, _LOOKED_AT_ROWS)
    found = {}
    for position, name in enumerate(view.columns):
        if list(view.columns).count(name) > 1:
            continue
        said = sample[str(position)].unique().to_list()
        fitting = [
            one for one in comparable if people_reader(one, info_of(columns, position)).may_read(name, said)
        ]
        if fitting:
            # Yes and no fit any question that is answered so: the column's name says which.
            found[name] = next((one for one in fitting if has_word(name, one.name)), fitting[0])
    return dict(sorted(found.items(), key=lambda item: names_a_model(item[0])))


def names_a_model(column: str) -> bool:
    """Whether a column's name says that a model labelled it, as `gpt4_label` and `prediction` do."""
    words = re.split(r"[\W_]+", column.casefold())
    return any(map(_MODELS.match, words)) and not any(map(_PEOPLE.match, words))


def people_said(
    view: TableView, columns: Sequence[ColumnInfo], column: str, variable: Variable, rows: Sequence[int]
) -> list[str]:
    """
    What people said of some rows in a column, as values of a variable; "" where nobody coded a row.

    Args:
        view: Of the table.
        columns: What is known of each column, or none at all.
        column: Name of one.
        variable: Whose values these are.
        rows: Their numbers; each is there.
    """
    position = view.columns.index(column)
    reader = people_reader(variable, info_of(columns, position))
    cells = view.take(rows, [str(position)]).select(said_by_people(str(position)))[PEOPLE]
    return [reader.read_or_keep(cell) for cell in cells]


def is_same(variable: Variable, people: str, model: str) -> bool:
    """Whether what people said and what a model answered is the same."""
    both = pl.DataFrame({PEOPLE: [people], MODEL: [model]})
    return bool(both.select(variable.is_same(pl.col(PEOPLE), pl.col(MODEL))).item())
