"""Names of the columns that a labelled table has beside those of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rowbatch.core.endpoint import Endpoint

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

STATUS_COLUMNS = ("status", "status_reason", "raw_answer", "model")


def answer_columns(endpoint: Endpoint, codebook: Codebook) -> tuple[str, ...]:
    """What an answer is made of."""
    if endpoint is Endpoint.EMBEDDINGS:
        return ("embedding",)
    return tuple(column.name for _, column in codebook.in_table())


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
