"""Ids that are made of columns: each is there, is one that providers take, and stands once."""

from __future__ import annotations

import polars as pl

from rowbatch.core.template import Template
from rowbatch.errors import TableError
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tools.row_keys import rendered_keys

# What every provider takes. Anthropic refuses anything else ("^[a-zA-Z0-9_-]{1,64}$"), and
# of the others none says that it takes more (as of 2026-11).
_TAKEN = r"\A[A-Za-z0-9_-]{1,64}\z"


class MadeIds:
    """
    Looks at the ids of a table's rows while requests are made of them.

    Args:
        table: The table.
        template: What the ids are made of.
    """

    def __init__(self, table: Table, template: Template) -> None:
        self._table = table
        self._names = template.columns
        self._key = rendered_keys(template, {name: str(table.column(name)) for name in template.columns})
        self._asked: list[pl.DataFrame] = []

    def look(self, chunk: TableChunk, rows: pl.Series) -> None:
        """
        Look at the rows of a chunk that are asked.

        Args:
            chunk: Of the table.
            rows: Numbers of these.
        Raises:
            TableError: One has no id, or one that providers refuse.
        """
        ids = chunk.frame.select(self._key).with_row_index("row", offset=chunk.first_row)
        asked = ids.filter(ids["row"].is_in(rows.implode()))
        empty = asked.filter(asked["key"].is_null())
        column = ", ".join(self._names)
        if empty.height:
            raise TableError("id-empty", path=str(self._table.path), row=int(empty["row"][0]), column=column)
        refused = asked.filter(~asked["key"].str.contains(_TAKEN))
        if refused.height:
            raise TableError(
                "id-refused",
                path=str(self._table.path),
                row=int(refused["row"][0]),
                column=column,
                value=refused["key"][0],
            )
        self._asked.append(asked)

    def require_single(self) -> None:
        """
        Make sure that no id stands twice, once all rows were looked at.

        Raises:
            TableError: One does.
        """
        if not self._asked:
            return
        ids = pl.concat(self._asked)
        if not ids["key"].is_duplicated().any():
            return
        double = ids.filter(ids["key"].is_duplicated()).sort("row")
        again = double.filter(double["key"] == double["key"][0])
        raise TableError(
            "id-twice",
            path=str(self._table.path),
            row=int(again["row"][1]),
            column=", ".join(self._names),
            value=again["key"][0],
            before=int(again["row"][0]),
        )
