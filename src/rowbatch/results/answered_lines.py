"""The rows of a run's CSV table beside their answers, as lines of the labelled table: by the kernels."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing

import polars as pl

from rowbatch.kernels.cells import CellBlock
from rowbatch.kernels.machine import Machine
from rowbatch.results.answered import AnsweredTable
from rowbatch.tables.base import TableChunk
from rowbatch.tables.csv_beside import RowsBeside
from rowbatch.tables.csv_reader import CsvTable


def answered_lines(
    answered: AnsweredTable,
    table: CsvTable,
    machine: Machine,
    separator: str,
    cells: Callable[[pl.DataFrame], memoryview],
) -> Generator[tuple[memoryview | TableChunk, pl.DataFrame | None]]:
    """
    All rows in order, once.

    Args:
        answered: The answers; by number alone.
        table: Theirs.
        machine: Where it is done.
        separator: Between the cells.
        cells: Of answers, a line for each, as `csv_bytes` gives them.
    Yields:
        Lines, some megabytes at a time, there until three further ones were asked for; or rows that are no
        plain CSV, to be written in another way. With the last ones of a block its answers.
    Raises:
        As `AnsweredTable.chunks`.
    """
    rows = RowsBeside(machine, table, separator, answered.asked_columns)
    with closing(rows.blocks()) as blocks, closing(answered.beside(blocks)) as beside:
        for block, frame in beside:
            if isinstance(block.rows, CellBlock):
                for lines in rows.lines(block.rows, cells(frame)):
                    yield lines.data, frame if lines.is_last else None
            else:
                yield block.rows, frame
