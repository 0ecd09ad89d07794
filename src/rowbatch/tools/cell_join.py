"""The rows of a CSV table with the cells of answers behind them, in machine code: see `kernels/join.c`."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import polars as pl

from rowbatch.errors import TableError
from rowbatch.kernels.cells import CELL_BYTES, CellBlock
from rowbatch.kernels.machine import Machine
from rowbatch.kernels.rooms import Ring, Room
from rowbatch.results.answer_cells import NUMBERS_PER_RANGE, CellsByRange
from rowbatch.tables.base import BadRowList, TableChunk
from rowbatch.tables.csv_reader import CsvTable
from rowbatch.tools.id_evidence import IdEvidence

_OUT_BYTES = 1 << 22
# Of a cell's end: quotes are doubled in it (`kernels.h`).
_DOUBLED = 1 << 31


class JoinForm(NamedTuple):
    """
    How the rows are written.

    Attributes:
        separator: Between the cells.
        between: How many columns there are between those of the fields and the others.
        missing: The cells of a row that has no answer.
    """

    separator: str
    between: int
    missing: bytes


class JoinedRows(NamedTuple):
    """
    Rows as they are written.

    Attributes:
        data: Of a machine: there until all other buffers were filled.
        rows: How many.
        missing: How many of them have no answer.
    """

    data: memoryview
    rows: int
    missing: int


class CellJoin:
    """
    Joins a table.

    Args:
        machine: Where it works.
        table: The table.
        cells: The answers.
        form: How the rows are written.
        first_number: Number of the first row.
        others: Gives answers that are not among the cells, as `cells_in_one` has them, of the numbers up to
            the given one; it is told which numbers have cells.
        evidence: Is shown the columns that it wants, part by part; or None.

    Attributes:
        repeated: Cells that were left out, since there were others for their row.
        differing: How many of these say something else.
    """

    def __init__(
        self,
        machine: Machine,
        table: CsvTable,
        cells: CellsByRange,
        form: JoinForm,
        *,
        first_number: int,
        others: Callable[[int, Callable[[int], bool]], Sequence[bytes]],
        evidence: IdEvidence | None,
    ) -> None:
        self._machine, self._table, self._cells, self._others = machine, table, cells, others
        self._evidence, self._first_number = evidence, first_number
        separator, missing = ord(form.separator), machine.put(form.missing)
        # Where a cell without quotes may need some, and where the table is separated as the output is.
        self._forms = [
            machine.put_numbers([separator, is_alike, form.between, missing, len(form.missing)])
            for is_alike in (False, True)
        ]
        self._is_alike = table.delimiter == form.separator
        self._places = machine.room(4 * NUMBERS_PER_RANGE)
        self._placed, self._joined = machine.put_numbers([0] * 3), machine.put_numbers([0] * 3)
        self._range: int | None = None
        self._own, self._other, self._column, self._text, self._text_cells = (Room(machine) for _ in range(5))
        self._outs = Ring(machine, _OUT_BYTES)
        self._rows = 0
        self.repeated = self.differing = 0

    def rows(self) -> Iterator[JoinedRows]:
        """
        All rows of the table, in order, some megabytes at a time.

        Raises:
            TableError: The table is broken, with the place; or it has no rows.
        """
        table = self._table
        table.bad_rows = BadRowList()
        reader = table.cells(self._machine)
        for block in reader.blocks():
            if names := self._looked_at(block.width):
                self._look(TableChunk(self._rows + 1, self._columns(block, names)))
            yield from self._rows_of(block, self._forms[self._is_alike])
        for chunk in table.chunks_after(reader, self._rows + 1):
            self._look(chunk)
            yield from self._rows_of(self._block_of(chunk.frame), self._forms[False])
        if not self._rows:
            raise TableError("table-without-rows", path=str(table.path))

    def _looked_at(self, width: int) -> Sequence[str]:
        """The columns that are looked at."""
        if self._evidence is None:
            return ()
        names = self._evidence.wanted
        return [str(position) for position in range(width)] if names is None else names

    def _look(self, chunk: TableChunk) -> None:
        if self._evidence is not None:
            self._evidence.look(chunk)

    def _rows_of(self, block: CellBlock, form: int) -> Iterator[JoinedRows]:
        machine, done = self._machine, 0
        while done < block.records:
            place = self._first_number + self._rows
            self._load(place // NUMBERS_PER_RANGE)
            place %= NUMBERS_PER_RANGE
            out = self._outs.next()
            machine.call(
                "join_rows",
                block.text,
                block.cells + CELL_BYTES * block.width * done,
                block.width,
                min(block.records - done, NUMBERS_PER_RANGE - place),
                self._places + 4 * place,
                form,
                out,
                self._outs.size,
                self._joined,
            )
            records, size, missing = machine.numbers(self._joined, 3)
            if not records:
                # One row alone is longer.
                self._outs.enlarge(2 * self._outs.size)
                continue
            done += records
            self._rows += records
            yield JoinedRows(machine.bytes[out : out + size], records, missing)

    def _load(self, number: int) -> None:
        """Have the answers of a range in their places."""
        if number == self._range:
            return
        self._range, machine = number, self._machine
        parts = self._cells.take(number)
        first = number * NUMBERS_PER_RANGE
        machine.bytes[self._places : self._places + 4 * NUMBERS_PER_RANGE] = bytes(4 * NUMBERS_PER_RANGE)
        self._put(self._own, parts, first)
        placed = machine.numbers(self._placed, 2)
        self.repeated += placed[0]
        self.differing += placed[1]
        places = machine.numbers(self._places, NUMBERS_PER_RANGE)
        self._put(
            self._other, self._others(first + NUMBERS_PER_RANGE, lambda at: places[at - first] != 0), first
        )

    def _put(self, room: Room, parts: Sequence[bytes], first: int) -> None:
        """Put answers into the memory, and their addresses into the places."""
        machine, size = self._machine, sum(map(len, parts))
        at = room.at_least(size)
        for part, begin in zip(parts, accumulate(map(len, parts), initial=at), strict=False):
            machine.bytes[begin : begin + len(part)] = part
        machine.call("place_answers", at, size, first, self._places, self._placed)

    def _columns(self, block: CellBlock, names: Sequence[str]) -> pl.DataFrame:
        """Columns of a block, named by their position."""
        machine = self._machine
        # The text has no more bytes than come before the end of its last cell.
        (end,) = machine.numbers(block.cells + CELL_BYTES * block.width * block.records - 4, 1)
        at = self._column.at_least((end & ~_DOUBLED) + block.records)
        columns = {}
        for name in names:
            size = machine.call(
                "take_column", block.text, block.cells, block.width, block.records, int(name), at
            )
            # There is no NUL in a block.
            columns[name] = str(machine.bytes[at : at + size - 1], "utf-8").split("\0")
        return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))

    def _block_of(self, frame: pl.DataFrame) -> CellBlock:
        """The rows of a frame, put into the memory."""
        texts = [text.encode() for row in frame.iter_rows() for text in row]
        ends = list(accumulate(map(len, texts)))
        text, cells = self._text.at_least(ends[-1]), self._text_cells.at_least(CELL_BYTES * len(texts))
        memory = self._machine.bytes
        memory[text : text + ends[-1]] = b"".join(texts)
        bounds = [bound for pair in pairwise([0, *ends]) for bound in pair]
        memory[cells : cells + CELL_BYTES * len(texts)] = struct.pack(f"<{len(bounds)}I", *bounds)
        return CellBlock(text, cells, frame.width, frame.height)
