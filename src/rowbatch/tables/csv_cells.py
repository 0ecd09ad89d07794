"""
The fastest way into a CSV file: a kernel finds where its cells lie, and nothing is made of them.

It takes what `csv_fast` takes: records of which no two readers can differ. From the first one that is
anything else, another reader goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from rowbatch.errors import from_os_error
from rowbatch.kernels.cells import CELL_BYTES, CellBlock
from rowbatch.kernels.machine import Machine
from rowbatch.kernels.rooms import BUFFERS
from rowbatch.tables.ahead import read_ahead, require_wanted
from rowbatch.tables.bounds import max_cell_bytes
from rowbatch.tables.compressed import open_binary
from rowbatch.tables.csv_fast import Readable, Utf8Reader, fill, skip_lines
from rowbatch.tables.csv_layout import CsvLayout

# A block, and what becomes of it, is to lie in the caches of a processor.
_BLOCK_BYTES = 1 << 21
_CELLS = 1 << 20
_NEWLINE, _RETURN = b"\n\r"
_CRLF = 2


class CellReader:
    """
    Find cells, and stop before the first record that is not plain.

    After `blocks` is exhausted, `offset` says where another reader goes on.

    Attributes:
        is_done: The whole file was read.
        offset: Bytes read, always up to the end of a record; begins where the rows do. Of a file in another
            encoding than UTF-8: bytes as UTF-8.
        is_transcoded: It is in another encoding.
    """

    def __init__(
        self,
        machine: Machine,
        path: Path,
        header: tuple[str, ...],
        layout: CsvLayout,
        *,
        stops_at_header: bool,
        block_bytes: int | None = None,
    ) -> None:
        """
        Args:
            machine: Where it works.
            path: The file.
            header: Names of its columns.
            layout: How it is a table; its dialect is plain.
            stops_at_header: A record that is the header again is none for this reader.
            block_bytes: Of a block; None for the size that is best for kernels. A longer record is for
                another reader.
        """
        self._machine, self._path, self._layout, self._header = machine, path, layout, header
        self._stops_at_header, self._block_bytes = stops_at_header, block_bytes or _BLOCK_BYTES
        self.is_done = False
        self.offset = 0
        self.is_transcoded = layout.encoding not in ("utf-8", "utf-8-sig")

    def blocks(self) -> Iterator[CellBlock]:
        """The records, some thousands at a time; no block is empty."""
        layout, delimiter = self._layout, self._layout.dialect.delimiter
        if not (
            layout.dialect.is_plain
            and not layout.has_trailing
            # A byte order mark stands in the first record where nothing is above it.
            and (layout.lines_above or layout.encoding != "utf-8-sig")
            and delimiter.isascii()
            and len(self._header) <= _CELLS
            and max_cell_bytes() >= self._block_bytes
        ):
            return
        try:
            with open_binary(self._path, layout.member) as raw:
                file: Readable = Utf8Reader(raw, layout.encoding) if self.is_transcoded else raw
                self.offset = skip_lines(file, layout.lines_above)
                yield from self._blocks_of(file, ord(delimiter))
        except UnicodeError:
            # The careful reader says where.
            return
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error

    def _blocks_of(self, file: Readable, delimiter: int) -> Iterator[CellBlock]:
        machine, width = self._machine, len(self._header)
        text, cells = machine.room(self._block_bytes), machine.room(_CELLS * CELL_BYTES)
        names = [name.encode() for name in self._header]
        sizes, values = machine.put_numbers([len(name) for name in names]), machine.put(b"".join(names))
        state = machine.put_numbers([0, 0, 0, 0])
        found = machine.numbers(state, 4)
        most = _CELLS // width
        have = added = 0
        is_last = wants_more = True
        with read_ahead(_pieces_of(file, self._block_bytes // 2)) as pieces:
            while True:
                if wants_more:
                    piece = next(pieces, None)
                    is_last = piece is None
                    if piece is not None:
                        if have + len(piece) > self._block_bytes:
                            return
                        machine.bytes[text + have : text + have + len(piece)] = piece
                        have += len(piece)
                machine.call("find_cells", text, have, delimiter, width, cells, most, state)
                records, size, is_plain, line_end = found
                if records:
                    if not machine.call("is_text", text, size):
                        return
                    if (
                        self._stops_at_header
                        and machine.call("find_record", text, cells, width, records, sizes, values) < records
                    ):
                        return
                    yield CellBlock(text, cells, width, records)
                    have -= size
                    self.offset += size - (0 if have else added)
                    machine.bytes[text : text + have] = machine.bytes[text + size : text + size + have]
                wants_more = not is_last and records < most
                if is_last and not have:
                    self.is_done = True
                    return
                if is_last and not added and machine.bytes[text + have - 1] != _NEWLINE:
                    # The last line of a file may lack its end.
                    is_cut = line_end == _CRLF and machine.bytes[text + have - 1] != _RETURN
                    ending = b"\r\n" if is_cut else b"\n"
                    machine.bytes[text + have : text + have + len(ending)] = ending
                    added, have = len(ending), have + len(ending)
                elif not is_plain or (is_last and not records):
                    return


def _pieces_of(file: Readable, size: int) -> Iterator[memoryview]:
    """A file, some of it at a time; each piece is there until three further ones were asked for."""
    buffers = deque(bytearray(size) for _ in range(BUFFERS))
    while True:
        require_wanted()
        buffers.rotate(-1)
        # Kept as long as the memory is looked at.
        view = memoryview(buffers[0])
        have = fill(file, view)
        if have:
            yield view[:have]
        if have < len(view):
            return
