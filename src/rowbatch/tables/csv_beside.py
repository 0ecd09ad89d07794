"""The rows of a CSV table as they lie in its file, with further cells behind them: see `kernels/join.c`."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from rowbatch.kernels.cells import CELL_BYTES, CellBlock
from rowbatch.kernels.machine import Machine
from rowbatch.kernels.rooms import Ring, Room
from rowbatch.tables.base import BadRowList, TableChunk, blank_rows
from rowbatch.tables.csv_reader import CsvTable

_OUT_BYTES = 1 << 22
# What is done with the answers of a block costs the more calls, the smaller it is.
_BLOCK_BYTES = 1 << 23


@dataclass(frozen=True, slots=True)
class RowBlock:
    """
    Some rows of a table.

    Attributes:
        first_row: Number of the first one, from 1.
        blank: Of each row, whether there is nothing to ask about: booleans.
        rows: Where their cells lie, until the next block is asked for; or they themselves, where they are no
            plain CSV.
    """

    first_row: int
    blank: pl.Series
    rows: CellBlock | TableChunk


class JoinedLines(NamedTuple):
    """
    Rows as they are written.

    Attributes:
        data: Of a machine: there until all other buffers were filled.
        is_last: No more of the block come.
    """

    data: memoryview
    is_last: bool


class RowsBeside:
    """
    Gives the rows of a table, and writes what is behind them.

    Args:
        machine: Where it works.
        table: The table.
        separator: Between the cells that are written.
        asked: Positions of the columns whose emptiness makes a row be skipped.
    """

    def __init__(self, machine: Machine, table: CsvTable, separator: str, asked: Sequence[int]) -> None:
        self._machine, self._table, self._separator = machine, table, ord(separator)
        # What has no quotes needs none where the table is separated as the output is.
        self._is_alike = table.delimiter == separator
        self._asked, self._positions = machine.put_numbers(asked), list(asked)
        self._joined = machine.put_numbers([0] * 3)
        self._flags, self._lines = Room(machine), Room(machine)
        self._outs = Ring(machine, _OUT_BYTES)

    def blocks(self) -> Generator[RowBlock]:
        """
        All rows of the table, in order.

        Raises:
            TableError: The table is broken, with the place; or it has no rows.
        """
        table, row = self._table, 1
        table.bad_rows = BadRowList()
        reader = table.cells(self._machine, _BLOCK_BYTES)
        for block in reader.blocks():
            yield RowBlock(row, self._blank(block), block)
            row += block.records
        # Where nothing is for the kernels, another fast reader may take it.
        for chunk in table.chunks_after(reader, row) if row > 1 else table.chunks():
            yield RowBlock(chunk.first_row, blank_rows(chunk.frame, self._positions, table.not_asked), chunk)

    def _blank(self, block: CellBlock) -> pl.Series:
        machine, count = self._machine, block.records
        flags = self._flags.at_least(count)
        asked, positions = self._asked, len(self._positions)
        if not machine.call(
            "find_blank", block.text, block.cells, block.width, count, asked, positions, flags
        ):
            return pl.repeat(False, count, dtype=pl.Boolean, eager=True)
        return pl.Series(list(machine.bytes[flags : flags + count]), dtype=pl.UInt8).cast(pl.Boolean)

    def lines(self, block: CellBlock, added: memoryview) -> Iterator[JoinedLines]:
        """
        The rows of a block, as they are written, some megabytes at a time.

        Args:
            block: Of `blocks`, the one that was given last.
            added: As many lines, of the cells that come behind those of the table.
        """
        machine, width, done, taken = self._machine, block.width, 0, 0
        lines = self._lines.at_least(added.nbytes)
        machine.bytes[lines : lines + added.nbytes] = added
        while done < block.records:
            out = self._outs.next()
            machine.call(
                "join_lines",
                block.text,
                block.cells + CELL_BYTES * width * done,
                width,
                block.records - done,
                lines + taken,
                added.nbytes - taken,
                self._separator,
                self._is_alike,
                out,
                self._outs.size,
                self._joined,
            )
            records, size, more = machine.numbers(self._joined, 3)
            if not records:
                if taken == added.nbytes:
                    raise ValueError(f"{block.records} rows, but only {done} lines")
                # One row alone is longer.
                self._outs.enlarge(2 * self._outs.size)
                continue
            done, taken = done + records, taken + more
            yield JoinedLines(machine.bytes[out : out + size], done == block.records)
