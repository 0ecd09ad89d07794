"""The texts of a frame, as cells in the memory of a machine."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import polars as pl

from rowbatch.kernels.cells import CELL_BYTES, CellBlock
from rowbatch.kernels.machine import Machine
from rowbatch.kernels.rooms import Room

_VIEW_BYTES = 16
_NEVER = 0xFFFFFFFF
# Parts of buffers that lie between texts that are wanted are copied along, up to so many bytes.
_MOST_BETWEEN = 1 << 20
# The highest bit of a cell's end says something else.
_MOST_ADDRESS = 1 << 31
_FORMAT = b"vu"


class _Schema(ctypes.Structure):
    """`ArrowSchema`."""


class _Array(ctypes.Structure):
    """`ArrowArray`."""


class _Stream(ctypes.Structure):
    """`ArrowArrayStream`."""


# Source: https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html
_Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", _Release),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p),
    ("release", _Release),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)),
    ("get_last_error", ctypes.c_void_p),
    ("release", _Release),
    ("private_data", ctypes.c_void_p),
]
_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype, _pointer_of.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


class FrameCells:
    """
    Copies texts of frames into the memory of a machine, one frame after the other.

    Args:
        machine: Where to.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._views, self._cells, self._text, self._buffers = (Room(machine) for _ in range(4))

    def block(self, frame: pl.DataFrame) -> CellBlock | None:
        """
        The cells of a frame; there until the next one is copied.

        Args:
            frame: Columns of texts without nulls.
        Returns:
            None where they are not worth copying, or there is no room, or polars gives them in another form.
        """
        try:
            with ExitStack() as held:
                arrays = [_Arrays(series, held).found for series in frame.get_columns()]
                return self._copied(arrays, frame.height)
        except (MemoryError, _OtherForm):
            return None

    def _copied(self, columns: Sequence[Sequence[_Array]], height: int) -> CellBlock | None:
        machine, width = self._machine, len(columns)
        views = self._views.at_least(_VIEW_BYTES * width * height)
        cells = self._cells.at_least(CELL_BYTES * width * height)
        parts: list[_Part] = []
        wanted = size = 0
        for column, arrays in enumerate(columns):
            row = 0
            for array in arrays:
                part = _Part(array, views, cells + CELL_BYTES * (row * width + column))
                wanted += part.find(machine, self._buffers)
                size += part.size
                parts.append(part)
                row += array.length
                views += _VIEW_BYTES * array.length
            if row != height:
                raise _OtherForm
        if size > 2 * wanted + _MOST_BETWEEN:
            return None
        text = self._text.at_least(size)
        if text + size >= _MOST_ADDRESS:
            return None
        for part in parts:
            text = part.copy(machine, text, self._buffers, width)
        return CellBlock(0, cells, width, height)


class _OtherForm(Exception):
    """Texts are not views without nulls."""


class _Arrays:
    """The arrays of a series of texts, until `held` is closed."""

    def __init__(self, series: pl.Series, held: ExitStack) -> None:
        capsule = series.__arrow_c_stream__()
        stream = _Stream.from_address(_pointer_of(capsule, b"arrow_array_stream"))
        # The stream is gone with its capsule.
        held.callback(lambda: capsule)
        at = ctypes.addressof(stream)
        schema = _Schema()
        if stream.get_schema(at, ctypes.addressof(schema)):
            raise _OtherForm
        is_right = schema.format == _FORMAT
        schema.release(ctypes.addressof(schema))
        if not is_right:
            raise _OtherForm
        self.found: list[_Array] = []
        while True:
            array = _Array()
            if stream.get_next(at, ctypes.addressof(array)):
                raise _OtherForm
            if not array.release:
                return
            held.callback(array.release, ctypes.addressof(array))
            self.found.append(array)
            if array.null_count:
                raise _OtherForm


class _Part:
    """
    The texts of one array.

    Attributes:
        size: Bytes of the parts of its buffers that are in use.
    """

    def __init__(self, array: _Array, views: int, cells: int) -> None:
        self._array, self._views, self._cells = array, views, cells
        # A view of where things are, then the buffers, then their sizes.
        self._buffers = array.n_buffers - 3
        self._begins: Sequence[int] = ()
        self._ends: Sequence[int] = ()
        self.size = 0

    def find(self, machine: Machine, room: Room) -> int:
        """Copy the views, and find what they point to; returns the bytes of texts that are not in them."""
        array, count = self._array, self._buffers
        size = _VIEW_BYTES * array.length
        _copy(machine, self._views, array.buffers[1], _VIEW_BYTES * array.offset, size)
        at = room.at_least(8 * count)
        machine.numbers(at, count)[:] = memoryview(_NEVER.to_bytes(4, "little") * count).cast("I")
        machine.numbers(at + 4 * count, count)[:] = memoryview(bytes(4 * count)).cast("I")
        wanted = machine.call("find_parts", self._views, array.length, at, at + 4 * count)
        self._begins = machine.numbers(at, count).tolist()
        self._ends = machine.numbers(at + 4 * count, count).tolist()
        self.size = sum(end - begin for begin, end in self._parts() if end)
        return wanted

    def copy(self, machine: Machine, text: int, room: Room, width: int) -> int:
        """Copy the texts to an address, and make the cells; returns the address behind them."""
        array = self._array
        bases = []
        for number, (begin, end) in enumerate(self._parts()):
            # Of a part that begins later than it lies here the base is below 0, and so it is counted around.
            bases.append((text - begin) % (1 << 32))
            if end:
                _copy(machine, text, array.buffers[2 + number], begin, end - begin)
                text += end - begin
        at = room.at_least(4 * len(bases))
        machine.numbers(at, len(bases))[:] = memoryview(struct.pack(f"<{len(bases)}I", *bases)).cast("I")
        machine.call("cells_of_views", self._views, array.length, at, self._cells, width)
        return text

    def _parts(self) -> Iterator[tuple[int, int]]:
        return zip(self._begins, self._ends, strict=True)


def _copy(machine: Machine, to: int, buffer: int | None, begin: int, size: int) -> None:
    if size and buffer:
        source = (ctypes.c_ubyte * size).from_address(buffer + begin)
        machine.bytes[to : to + size] = memoryview(source).cast("B")
