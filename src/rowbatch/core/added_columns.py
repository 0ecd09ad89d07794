"""Names of the columns that a labelled table has beside those of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rowbatch.core.confidence import BASIS_COLUMN, measured
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.panel import model_columns, model_names

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.plan import Plan

STATUS_COLUMNS = ("status", "status_reason", "raw_answer", "model")


def answer_columns(plan: Plan) -> tuple[str, ...]:
    """What an answer is made of: the values, how sure they are, and what each of several models said."""
    codebook = plan.question.codebook
    if plan.asking.endpoint is Endpoint.EMBEDDINGS:
        return ("embedding",)
    values = [column.name for _, column in codebook.in_table()]
    sure = confidence_columns(codebook) if plan.is_measured else ()
    each = model_columns(codebook, model_names(plan.askings)) if plan.panel else []
    return (*values, *sure, *(name for name, _, _ in each))


def confidence_columns(codebook: Codebook) -> tuple[str, ...]:
    """Of each value that has one its confidence, and at the end what they all come from; or none."""
    names = [f"{one.name}_confidence" for one in measured(codebook)]
    return (*names, BASIS_COLUMN) if names else ()


def new_column_names(header: tuple[str, ...], columns: Sequence[str]) -> list[str]:
    """
    Names of the columns that are added: those of the answer, then the status columns.

    A name that the table has already gets `rowbatch_` in front; the table's own columns never change.
    """
    taken = set(header)
    names = []
    for name in (*columns, *STATUS_COLUMNS):
        free = name
        while free in taken:
            free = f"rowbatch_{free}"
        taken.add(free)
        names.append(free)
    return names
