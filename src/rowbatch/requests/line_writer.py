"""Request lines by the kernels: from cells where they lie to bytes as they are written."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol

from rowbatch.core.request import RequestSettings
from rowbatch.core.template import Column
from rowbatch.kernels.cells import CELL_BYTES, CellBlock
from rowbatch.kernels.machine import Machine
from rowbatch.kernels.rooms import Ring
from rowbatch.objects.disk import write_all

_OUT_BYTES = 1 << 22
_CONSTANT, _CELL, _NUMBER = range(3)


class Lines(Protocol):
    """Request lines, in order."""

    def __len__(self) -> int: ...

    def line_sizes(self) -> list[int]:
        """Bytes of each line, newline included."""
        ...

    def slice(self, start: int, stop: int) -> Lines:
        """Those at the positions from `start` to before `stop`."""
        ...

    def to_list(self) -> list[bytes]:
        """The lines, newline included."""
        ...

    def write(self, file: io.FileIO) -> None:
        """Write the lines to a file without a buffer of its own."""
        ...


@dataclass(frozen=True, slots=True)
class WrittenLines:
    """
    Request lines as they are written.

    Attributes:
        data: Of a machine: there until its writer has filled all other buffers.
        sizes: Bytes of each line, newline included.
    """

    data: memoryview
    sizes: Sequence[int]

    def __len__(self) -> int:
        return len(self.sizes)

    def line_sizes(self) -> list[int]:
        """Bytes of each line, newline included."""
        return list(self.sizes)

    def slice(self, start: int, stop: int) -> WrittenLines:
        """Those at the positions from `start` to before `stop`."""
        if (start, stop) == (0, len(self)):
            return self
        begin = sum(self.sizes[:start])
        sizes = self.sizes[start:stop]
        return WrittenLines(self.data[begin : begin + sum(sizes)], sizes)

    def to_list(self) -> list[bytes]:
        """The lines, newline included."""
        return [bytes(self.data[begin:end]) for begin, end in pairwise(accumulate(self.sizes, initial=0))]

    def write(self, file: io.FileIO) -> None:
        """Write the lines to a file without a buffer of its own."""
        write_all(file, self.data)


def can_write(settings: RequestSettings) -> bool:
    """Whether a line is made of constant texts, cells and the row's number alone."""
    return all(part is None or isinstance(part, str | Column) for part in settings.line_parts())


class LineWriter:
    """
    Writes the lines of blocks of cells.

    Args:
        machine: Where the cells lie.
        settings: How a row becomes a request, see `can_write`.
        positions: Position of each column that the settings name.
        asked: Positions of the columns whose emptiness makes a row empty.
        skip_empty: Whether empty rows are left out.

    Attributes:
        machine: As it was given.
        empty: Rows that were empty, of the block that was written last.
    """

    def __init__(
        self,
        machine: Machine,
        settings: RequestSettings,
        positions: Mapping[str, int],
        asked: Collection[int],
        *,
        skip_empty: bool,
    ) -> None:
        self.machine, self._skip_empty = machine, skip_empty
        parts = settings.line_parts()
        numbers: list[int] = []
        for part in parts:
            match part:
                case str():
                    text = part.encode()
                    numbers += [_CONSTANT, machine.put(text), len(text)]
                case Column():
                    numbers += [_CELL, positions[part.name], 0]
                case _:
                    numbers += [_NUMBER, 0, 0]
        self._parts, self._count = machine.put_numbers(numbers), len(parts)
        self._asked, self._asked_count = machine.put_numbers(list(asked)), len(asked)
        self._written = machine.put_numbers([0, 0, 0])
        self._flags = self._flags_size = 0
        # In each buffer the lines stand behind their sizes.
        self._outs = Ring(machine, _OUT_BYTES)
        self.empty = 0

    def lines(self, block: CellBlock, first_row: int) -> Iterator[WrittenLines]:
        """
        The lines of a block, some megabytes at a time; none where all rows are left out.

        Args:
            block: In the machine.
            first_row: Number of its first row.
        """
        machine, width = self.machine, block.width
        if block.records > self._flags_size:
            # All ones of a file are about as large.
            self._flags_size = 2 * block.records
            self._flags = machine.room(self._flags_size)
            self._outs.enlarge(_OUT_BYTES + 4 * self._flags_size)
        flags = self._flags
        self.empty = machine.call(
            "find_blank", block.text, block.cells, width, block.records, self._asked, self._asked_count, flags
        )
        if self.empty and not self._skip_empty:
            machine.bytes[flags : flags + block.records] = bytes(block.records)
        done = 0
        while done < block.records:
            sizes = self._outs.next()
            out = sizes + 4 * self._flags_size
            machine.call(
                "write_requests",
                block.text,
                block.cells + CELL_BYTES * width * done,
                width,
                block.records - done,
                flags + done,
                first_row + done,
                self._parts,
                self._count,
                out,
                self._outs.size - 4 * self._flags_size,
                sizes,
                self._written,
            )
            records, lines, size = machine.numbers(self._written, 3)
            if not records:
                # One line alone is longer.
                self._outs.enlarge(2 * self._outs.size)
                continue
            done += records
            if lines:
                yield WrittenLines(machine.bytes[out : out + size], machine.numbers(sizes, lines))
