"""
What the largest piece of a Parquet or Arrow file takes in memory: a row group, a record batch.

Such a piece is read as a whole. A value that is repeated a million times, or packed well, takes little in the
file.

Source:
    Apache Parquet, parquet.thrift; Thrift, "Compact protocol". Apache Arrow, File.fbs and Message.fbs;
    FlatBuffers, "Internals".
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

_MAX_FOOTER_BYTES = 8 << 20
# Measured with polars 2.1: 38 bytes a row of a whole number (8) and a text (16), before its characters.
_FACTOR = 2
# Bytes of a value by its physical type, as polars holds it; texts have their characters elsewhere.
_VALUE_BYTES = {0: 1, 1: 4, 2: 8, 3: 8, 4: 4, 5: 8, 6: 16, 7: 16}
_DEEPEST = 16
_INTERVAL = 21


def parquet_bytes(path: Path) -> int:
    """
    Memory that reading the largest row group takes.

    Returns:
        About so many bytes; 0 where the file does not say.
    """
    with path.open("rb") as file:
        footer = _footer(file, tail=8)
    try:
        groups = _Compact(footer).struct().get(4, []) if footer else []
        return max((_FACTOR * sum(map(_column_bytes, group.get(1, []))) for group in groups), default=0)
    except (IndexError, ValueError, OverflowError, AttributeError, TypeError, struct.error):
        # What is wrong with it, the reader says.
        return 0


class RowGroup(NamedTuple):
    """
    Rows of a Parquet file that lie together.

    Attributes:
        rows: How many.
        begin, end: Its bytes in the file.
    """

    rows: int
    begin: int
    end: int


def row_groups(path: Path) -> list[RowGroup]:
    """
    Where the row groups of a Parquet file lie; none where that is not said.

    Args:
        path: The file; only its end is read.
    Source:
        parquet.thrift: FileMetaData 4 is the row groups; RowGroup 1 its columns, 3 its rows; ColumnMetaData 7
        is the size of a column as it is packed, 9 where its pages begin, 11 where its dictionary does.
    """
    with path.open("rb") as file:
        footer = _footer(file, tail=8)
        size = file.seek(0, 2)
    try:
        found = []
        for group in _Compact(footer).struct().get(4, []) if footer else []:
            columns = [column[3] for column in group.get(1, [])]
            begins = [min(one[9], one.get(11) or one[9]) for one in columns]
            ends = [begin + one[7] for begin, one in zip(begins, columns, strict=True)]
            found.append(RowGroup(group[3], min(begins), max(ends)))
        return found if all(0 < one.begin <= one.end < size and one.rows >= 0 for one in found) else []
    except (IndexError, KeyError, ValueError, OverflowError, AttributeError, TypeError, struct.error):
        return []


def arrow_bytes(path: Path) -> int:
    """
    Memory that reading the largest record batch takes.

    Returns:
        As `parquet_bytes`.
    """
    with path.open("rb") as file:
        footer = _footer(file, tail=10)
        try:
            root = _root(footer) if footer else None
            blocks = [*root.blocks(2), *root.blocks(3)] if root else []
            # More heads than the file has room for are batches in the same place.
            is_sound = sum(block.head_bytes for block in blocks) <= file.seek(0, 2)
            sizes = [_FACTOR * _batch_bytes(file, *block) for block in blocks] if is_sound else []
            return max(sizes, default=0)
        except (IndexError, ValueError, OverflowError, OSError, struct.error):
            return 0


def parquet_ids(path: Path) -> frozenset[int]:
    """
    Positions of the columns of a Parquet file that hold ids (UUID), which stand there as 16 bytes.

    Source:
        parquet.thrift: SchemaElement 5 is the number of children, 10 the logical type, in which 14 is UUID.
    """
    with path.open("rb") as file:
        footer = _footer(file, tail=8)
    try:
        elements = _Compact(footer).struct().get(2, []) if footer else []
        found, waiting, position = set(), 0, -1
        for element in elements[1:]:
            if not waiting:
                position += 1
                if 14 in element.get(10, {}):
                    found.add(position)
            waiting += element.get(5, 0) - bool(waiting)
        return frozenset(found)
    except (IndexError, ValueError, OverflowError, AttributeError, TypeError, struct.error):
        return frozenset()


def has_intervals(path: Path) -> bool:
    """
    Whether a Parquet file has a column of months, days and milliseconds.

    Reading one makes polars 2.1.0 give up, with a trace on the terminal.

    Source:
        parquet.thrift: SchemaElement 6 is the converted type, of which 21 is INTERVAL.
    """
    with path.open("rb") as file:
        footer = _footer(file, tail=8)
    try:
        elements = _Compact(footer).struct().get(2, []) if footer else []
        return any(one.get(6) == _INTERVAL for one in elements)
    except (IndexError, ValueError, OverflowError, AttributeError, TypeError, struct.error):
        return False


def arrow_ids(path: Path) -> frozenset[int]:
    """
    Positions of the columns of an Arrow file that hold ids (UUID).

    Source:
        Schema.fbs: Footer 1 is the schema, Schema 1 its fields, Field 6 what is said of one by key and value;
        Arrow, "Canonical Extension Types".
    """
    with path.open("rb") as file:
        footer = _footer(file, tail=10)
    try:
        schema = _root(footer).table(1) if footer else None
        fields = schema.tables(1) if schema else []
        return frozenset(
            position
            for position, one in enumerate(fields)
            if any(
                (said.bytes(0), said.bytes(1)) == (b"ARROW:extension:name", b"arrow.uuid")
                for said in one.tables(6)
            )
        )
    except (IndexError, ValueError, OverflowError, struct.error):
        return frozenset()


def _footer(file: BinaryIO, tail: int) -> bytes:
    """What stands before the length and the mark at the end of a file; nothing where it is too long."""
    end = file.seek(0, 2)
    file.seek(max(end - tail, 0))
    size = int.from_bytes(file.read(4), "little")
    if not 0 < size <= min(end - tail, _MAX_FOOTER_BYTES):
        return b""
    file.seek(end - tail - size)
    return file.read(size)


def _column_bytes(column: dict[int, Any]) -> int:
    found = column.get(3, {})
    values, unpacked = int(found.get(5, 0)), int(found.get(6, 0))
    return max(values, 0) * _VALUE_BYTES.get(found.get(1, 6), 16) + max(unpacked, 0)


class _Compact:
    """Reads Thrift's compact protocol: a structure is a dictionary by the numbers of its fields."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The structure that begins here."""
        if depth > _DEEPEST:
            raise ValueError("structures inside of each other")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 0x0F
            number = number + step if step else self._signed()
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2 | 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._signed()
            case 7:
                return self._skip(8)
            case 8:
                return self._skip(self._unsigned())
            case 9 | 10:
                head = self._byte()
                count = head >> 4 if head >> 4 < 15 else self._unsigned()
                if count > len(self._data):
                    raise ValueError("more members than bytes")
                return [self._value(head & 0x0F, depth + 1) for _ in range(count)]
            case 12:
                return self.struct(depth + 1)
            case _:
                raise ValueError("no map stands in a footer")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _skip(self, count: int) -> None:
        self._at += count

    def _unsigned(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return found
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def _signed(self) -> int:
        found = self._unsigned()
        return (found >> 1) ^ -(found & 1)


class _Block(NamedTuple):
    offset: int
    head_bytes: int


class _Flat(NamedTuple):
    """A table of FlatBuffers: where it begins in its buffer."""

    data: bytes
    at: int

    def _place(self, field: int) -> int | None:
        """Where a field stands, or None."""
        (back,) = struct.unpack_from("<i", self.data, self.at)
        fields = self.at - back
        (size,) = struct.unpack_from("<H", self.data, fields)
        if 4 + 2 * field >= size:
            return None
        (offset,) = struct.unpack_from("<H", self.data, fields + 4 + 2 * field)
        return self.at + offset if offset else None

    def table(self, field: int) -> _Flat | None:
        place = self._place(field)
        return None if place is None else _Flat(self.data, place + _number(self.data, place))

    def tables(self, field: int) -> list[_Flat]:
        """The tables of a vector."""
        places = self.vector(field, 4)
        return [_Flat(self.data, place + _number(self.data, place)) for place in places]

    def bytes(self, field: int) -> bytes:
        """A text, as bytes."""
        places = self.vector(field, 1)
        return self.data[places[0] : places[-1] + 1] if places else b""

    def vector(self, field: int, member_bytes: int) -> list[int]:
        """Where the members of a vector stand."""
        place = self._place(field)
        if place is None:
            return []
        start = place + _number(self.data, place)
        count = _number(self.data, start)
        if start + 4 + count * member_bytes > len(self.data):
            raise ValueError("a vector beyond its buffer")
        return [start + 4 + member_bytes * position for position in range(count)]

    def blocks(self, field: int) -> list[_Block]:
        return [_Block(*struct.unpack_from("<qi", self.data, place)) for place in self.vector(field, 24)]


def _number(data: bytes, at: int) -> int:
    (found,) = struct.unpack_from("<I", data, at)
    return int(found)


def _root(data: bytes) -> _Flat:
    return _Flat(data, _number(data, 0))


def _batch_bytes(file: BinaryIO, offset: int, head_bytes: int) -> int:
    """Bytes of the buffers of a record batch, unpacked."""
    if not 0 < head_bytes <= _MAX_FOOTER_BYTES or offset < 0:
        return 0
    file.seek(offset)
    head = file.read(head_bytes)
    # Since version 0.15 a mark stands before the length.
    message = _root(head[8:] if head.startswith(b"\xff\xff\xff\xff") else head[4:])
    batch = message.table(2)
    if batch is None:
        return 0
    packed = batch.table(3) is not None
    total = 0
    for place in batch.vector(2, 16):
        start, size = struct.unpack_from("<qq", batch.data, place)
        if packed and size >= 8:
            file.seek(offset + head_bytes + start)
            (unpacked,) = struct.unpack("<q", file.read(8))
            # -1 says that this one is not packed.
            size = unpacked if unpacked >= 0 else size
        total += max(size, 0)
    return total
