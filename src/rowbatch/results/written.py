"""The columns that a labelled table has beside those of its input, as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from rowbatch.core.added_columns import STATUS_COLUMNS, confidence_columns
from rowbatch.core.confidence import Measured, column_of, measured
from rowbatch.core.kinds.base import AnswerColumn
from rowbatch.core.panel import is_by_errors, model_columns, model_names, value_of
from rowbatch.tables.writer import AddedColumn

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.plan import Plan


_TOLD = ("status_reason", "raw_answer")


@dataclass(frozen=True, slots=True)
class WrittenColumn:
    """
    A column, and where its values come from.

    Attributes:
        column: As a writer wants to know it.
        source: Of its texts: position of the variable, or name of a status column; of the confidence of a
            value its column in frames, which holds numbers.
        answer: What it is made of by the kind of the variable; a text as it stands where nothing is said.
    """

    column: AddedColumn
    source: str
    answer: AnswerColumn = field(default_factory=lambda: AnswerColumn(""))

    def expression(self, source: str | None = None) -> pl.Expr:
        """
        Its values, of the type that is written.

        Args:
            source: Other texts of the same variable, as people's; None means its own.
        """
        return self.answer.value(pl.col(source or self.source)).cast(self.column.dtype)

    @property
    def place(self) -> int | None:
        """Position of the variable whose value it shows; None where it shows none."""
        return int(self.source) if self.source.isdecimal() else None


def written_columns(
    codebook: Codebook, names: Sequence[str], embedding: pl.DataType | None, plan: Plan | None = None
) -> list[WrittenColumn]:
    """
    The columns of the answer, then how sure the model was, then what each of several models said, then those
    of the status.

    Args:
        codebook: Of the run.
        names: Of all of these, as they are in this table.
        embedding: Type of the only value, where it is an embedding.
        plan: Of whom it was asked, and whether it was asked how sure the model was; None where only the
            values count.
    """
    if embedding is not None:
        return [
            WrittenColumn(AddedColumn(names[0], dtype=embedding), "0"),
            *_status(names[1:]),
        ]
    answers = [(str(position), column) for position, column in codebook.in_table()]
    rest = names[len(answers) :]
    sure = _confidences(codebook, rest, plan) if plan is not None and plan.is_measured else []
    rest = rest[len(sure) :]
    each = _of_each_model(codebook, rest, plan) if plan is not None else []
    return [
        *(
            WrittenColumn(
                AddedColumn(
                    name,
                    column.label,
                    column.labels,
                    column.dtype,
                    column.codes,
                    column.cant_say,
                    column.response_set,
                ),
                source,
                column,
            )
            for name, (source, column) in zip(names, answers, strict=False)
        ),
        *sure,
        *each,
        *_status(rest[len(each) :]),
    ]


def _of_each_model(codebook: Codebook, names: Sequence[str], plan: Plan) -> list[WrittenColumn]:
    """What each of several models said of each value; nothing where only one was asked."""
    if plan.panel is None:
        return []
    columns = dict(reversed([*codebook.in_table()]))
    columns_of_models = model_columns(codebook, model_names(plan.askings))
    found = []
    for name, (_, model, one) in zip(names, columns_of_models, strict=False):
        # The first column of a variable has its value; the others, of 0 and 1, are of the consensus alone.
        column = columns[one.place]
        meaning = f"{column.label or one.name} ({plan.askings[model].model})"
        added = AddedColumn(name, meaning, column.labels, column.dtype, column.codes, column.cant_say)
        found.append(WrittenColumn(added, value_of(model, one.place), column))
    return found


def _confidences(codebook: Codebook, names: Sequence[str], plan: Plan) -> list[WrittenColumn]:
    *sure, basis = confidence_columns(codebook) or ("",)
    if not sure:
        return []
    columns = [
        WrittenColumn(AddedColumn(name, _meaning(one, plan), dtype=pl.Float64()), column_of(one.place))
        for name, one in zip(names, measured(codebook), strict=False)
    ]
    what = "What the confidence comes from"
    return [*columns, WrittenColumn(AddedColumn(names[len(sure)], what), basis)]


def _status(names: Sequence[str]) -> list[WrittenColumn]:
    return [
        WrittenColumn(AddedColumn(name, may_be_cut=source in _TOLD), source)
        for name, source in zip(names, STATUS_COLUMNS, strict=True)
    ]


def _meaning(one: Measured, plan: Plan) -> str:
    """What a confidence is, in words."""
    if plan.panel is not None:
        models = len(plan.askings)
        if is_by_errors(one, plan.panel.consensus):
            return f"Probability of {one.name} by the error rates of {models} models (0 to 1)"
        return f"Share of {models} models that agree on {one.name} (0 to 1)"
    if plan.asking.samples > 1:
        return f"Share of {plan.asking.samples} samples that agree on {one.name} (0 to 1)"
    return f"Probability of {one.name} by the model's tokens (0 to 1)"
