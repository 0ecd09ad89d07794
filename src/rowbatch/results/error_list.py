"""The list of rows that are not ok, with reasons."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import polars as pl

from rowbatch.core.states import RowStatus
from rowbatch.core.table_options import WriteOptions
from rowbatch.store.atomic import atomic_path
from rowbatch.tables.base import TableChunk
from rowbatch.tables.writer import AddedColumn, TableShape, TableWriter, format_of, open_writer

_FINE = (RowStatus.OK.value, RowStatus.SKIPPED.value)


class ErrorList:
    """
    A table with a line for each row that was asked and is not ok.

    Args:
        writer: Of that table.
        columns: Its columns.
    """

    def __init__(self, writer: TableWriter, columns: tuple[AddedColumn, ...]) -> None:
        self._writer, self._columns = writer, columns

    @classmethod
    def begin(
        cls,
        outputs: ExitStack,
        path: Path,
        writing: WriteOptions | None,
        *,
        overwrite: bool,
        key: AddedColumn | None = None,
        raw: str = "raw_answer",
    ) -> ErrorList:
        """
        Begin one; it takes its name when `outputs` ends.

        Args:
            outputs: Ends it.
            path: Where to.
            writing: How.
            overwrite: Whether it may be replaced.
            key: What tells the row; None means its number.
            raw: Name of the column with the model's own text.
        """
        columns = (
            key or AddedColumn("row", dtype=pl.Int64()),
            AddedColumn("status"),
            AddedColumn("status_reason"),
            AddedColumn(raw),
        )
        temporary = outputs.enter_context(atomic_path(path, overwrite=overwrite))
        shape = TableShape((), (), columns)
        # It has no columns of the table, in which numbers could be wanted.
        writing = replace(writing, numbers=False) if writing else None
        return cls(outputs.enter_context(open_writer(temporary, format_of(path), shape, writing)), columns)

    def write(self, answers: pl.DataFrame) -> None:
        """Add those that are not ok of rows whose columns have the names of this table's."""
        failed = answers.filter(~pl.col("status").is_in(_FINE))
        if failed.height:
            names = [column.name for column in self._columns]
            self._writer.write(TableChunk(1, pl.DataFrame()), failed.select(names))
