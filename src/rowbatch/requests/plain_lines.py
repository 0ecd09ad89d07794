"""
Request lines of plain CSV: written from where the cells lie in the text of the table.

Nothing is put together. The kernel gets a list of places, constant texts and cells in turn, and gathers them
while it writes. Only the few cells that JSON holds otherwise than CSV are written anew before.
"""

from __future__ import annotations

import ctypes
import errno
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from rowbatch.core.request import LINE_ENDS, Image, RequestSettings, escaped_texts
from rowbatch.core.template import Column
from rowbatch.tables.csv_plain import Cells, Integers, PlainBlock

# So many places at a time: what Linux and macOS take at least.
_MOST_PLACES = 1024
_PLACE = np.dtype([("address", np.uintp), ("length", np.uintp)])
Places = npt.NDArray[np.void]
# A quotation mark in a cell stands there twice. The backslash comes first: it is in what the others become.
_ESCAPES = (
    (b"\\", b"\\\\"),
    (b'""', b'\\"'),
    (b"\n", b"\\n"),
    (b"\r", b"\\r"),
    (b"\t", b"\\t"),
    *((old.encode(), new.encode()) for old, new in LINE_ENDS.items()),
)
_OTHERS = bytes(range(1, 32))


@dataclass(frozen=True, slots=True)
class PlainLines:
    """
    Request lines, in order, as places in memory.

    Attributes:
        places: The parts of a line, one after the other: as many columns as it has parts, a row for each.
        sizes: Bytes of each line, newline included.
        memory: What holds the bytes, and must live as long.
    """

    places: Places
    sizes: pl.Series
    memory: tuple[object, ...]

    def __len__(self) -> int:
        return len(self.sizes)

    def slice(self, start: int, stop: int) -> PlainLines:
        """Those at the positions from `start` to before `stop`."""
        return PlainLines(self.places[start:stop], self.sizes[start:stop], self.memory)

    def write(self, file: io.FileIO) -> None:
        """
        Write the lines.

        Args:
            file: Without a buffer of its own.
        """
        places = self.places.reshape(-1)
        ends = np.cumsum(places["length"], dtype=np.int64)
        at, done = 0, 0
        while at < len(places):
            some = places[at : at + _MOST_PLACES]
            begun = done - (int(ends[at - 1]) if at else 0)
            if begun:
                # The last time a part of the first one was written.
                some = some.copy()
                some["address"][0] += begun
                some["length"][0] -= begun
            done += _gather(file.fileno(), some)
            at = int(np.searchsorted(ends, done, side="right"))


def _gather(handle: int, places: Places) -> int:
    """Write what is at some places, or the begin of it; how many bytes."""
    while True:
        written = int(_writev()(handle, places.ctypes.data, len(places)))
        if written > 0:
            return written
        number = ctypes.get_errno() if written else errno.EIO
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))


@cache
def _writev() -> Callable[[int, int, int], int]:
    # Python's own takes an object for each place, and these cost more than all the rest.
    found = ctypes.CDLL(None, use_errno=True).writev
    found.argtypes, found.restype = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int), ctypes.c_ssize_t
    return found


def render_plain(
    settings: RequestSettings, block: PlainBlock, positions: Mapping[str, int], rows: Integers
) -> PlainLines:
    """
    Render rows of a block.

    Args:
        settings: How.
        block: Rows of a table.
        positions: Position of each column that the settings name.
        rows: Which ones: their positions in the block, in order.
    Returns:
        One line a row, with the same bytes as `render_requests`.
    """
    parts: list[bytes | Column | None] = []
    for found in settings.line_parts():
        assert not isinstance(found, Image)
        part = found.encode() if isinstance(found, str) else found
        if isinstance(part, bytes) and parts and isinstance(parts[-1], bytes):
            parts[-1] += part
        else:
            parts.append(part)
    places = np.empty((len(rows), len(parts)), _PLACE)
    addresses, lengths = places["address"], places["length"]
    memory: list[object] = [block.text]
    known: dict[Column | None, int] = {}
    for at, part in enumerate(parts):
        if isinstance(part, bytes):
            addresses[:, at], lengths[:, at] = _address(part), len(part)
            memory.append(part)
        elif part in known:
            addresses[:, at], lengths[:, at] = addresses[:, known[part]], lengths[:, known[part]]
        elif part is None:
            known[part] = at
            digits, addresses[:, at], lengths[:, at] = _numbers(rows + block.first_row)
            memory.append(digits)
        else:
            known[part] = at
            cells = block.cells(positions[part.name])
            begins, sizes, are_odd = (values[rows] for values in cells)
            addresses[:, at], lengths[:, at] = begins + _address(block.text), sizes
            odd = np.flatnonzero(are_odd)
            if len(odd):
                texts = _escaped(block, cells, rows[odd])
                sizes = np.fromiter(map(len, texts), np.int64, len(texts))
                joined = b"".join(texts)
                addresses[odd, at] = _address(joined) + np.cumsum(sizes) - sizes
                lengths[odd, at] = sizes
                memory.append(joined)
    return PlainLines(places, pl.Series(lengths.sum(axis=1, dtype=np.int64)), tuple(memory))


def _escaped(block: PlainBlock, cells: Cells, rows: Integers) -> list[bytes]:
    """Some cells as they stand between the quotes of a JSON string."""
    text = block.text
    # All in one text, with a mark in between that no plain text holds.
    joined = b"\0".join(
        text[begin : begin + length]
        for begin, length in zip(cells.begins[rows].tolist(), cells.lengths[rows].tolist(), strict=True)
    )
    for old, new in _ESCAPES:
        if old in joined:
            joined = joined.replace(old, new)
    if len(joined.translate(None, _OTHERS)) < len(joined):
        return escaped_texts(block.texts(cells, rows))
    return joined.split(b"\0")


def _address(text: bytes) -> int:
    return int(np.frombuffer(text, np.uint8).ctypes.data) if text else 0


def _numbers(numbers: Integers) -> tuple[object, Integers, Integers]:
    """Numbers in decimal: the memory, where each begins in it, and how many digits it has."""
    width = len(str(int(numbers.max(initial=0))))
    digits = np.empty((len(numbers), width), np.uint8)
    left = numbers
    lengths = np.ones(len(numbers), np.int64)
    for at in range(width - 1, -1, -1):
        rest = left // 10
        digits[:, at] = left - rest * 10 + ord("0")
        lengths += rest > 0
        left = rest
    begins = np.arange(1, len(numbers) + 1) * width - lengths + digits.ctypes.data
    return digits, begins, lengths
