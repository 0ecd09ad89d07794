"""
What the reader of an old workbook (.xls) does not tell: cells with an error, and numbers that no clock shows.

Source:
    [MS-CFB] 2.2 to 2.6 (a file of sectors in chains), [MS-XLS] 2.4.28 (BoundSheet8), 2.4.24 (BoolErr),
    2.4.127 and 2.5.133 (Formula and its value), 2.4.180 (Number), 2.4.220 and 2.5.217 (RK), 2.4.175 (MulRk),
    2.5.10 (codes of errors). BIFF5 (Excel 95) has these records in the same form. Measured with
    python-calamine 0.9.1: an error is an empty cell.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from rowbatch.tables.odd_cells import ERRORS, is_odd, small_number

_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STREAMS = ("Workbook", "Book")
_END, _FREE = 0xFFFFFFFE, 0xFFFFFFFF
_ENTRY_BYTES, _SMALL_BYTES = 128, 4096
_BEGIN_OF_PART, _END_OF_PART, _SHEET = 0x0809, 0x000A, 0x0085
_FORMULA, _MANY_SMALL, _NUMBER, _TRUTH_OR_ERROR, _SMALL = 0x0006, 0x00BD, 0x0203, 0x0205, 0x027E
_SAYS_TRUTH = re.compile(
    rb"\x05\x02\x08\x00.{6}[\x00\x01]\x00|\x06\x00.{8}\x01.[\x00\x01].{3}\xff\xff", re.DOTALL
)
_SAYS_ERROR = re.compile(rb"\x05\x02\x08\x00.{7}\x01|\x06\x00.{8}\x02.[\x00-\x2b].{3}\xff\xff", re.DOTALL)


class OldWorkbook:
    """
    The records of an old workbook.

    Args:
        data: Its bytes. Of one that is damaged nothing is known: what is wrong with it the reader says.
    Attributes:
        has_truths: Whether some sheet may have cells with true or false.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._stream = _workbook_stream(data)
            self._begins = [
                struct.unpack_from("<I", content)[0]
                for kind, content in _records(self._stream, 0)
                if kind == _SHEET
            ]
        except (struct.error, IndexError, ValueError):
            self._stream, self._begins = b"", []
        self.has_truths = _SAYS_TRUTH.search(self._stream) is not None
        self._has_errors = _SAYS_ERROR.search(self._stream) is not None

    def errors_of(self, sheet: int) -> dict[tuple[int, int], str]:
        """
        Cells with an error.

        Args:
            sheet: Its position in the workbook.
        Returns:
            What they show by row and column, from 0.
        """
        found = {}
        for kind, content in self._cells(sheet) if self._has_errors else ():
            code = None
            if kind == _TRUTH_OR_ERROR and len(content) > 7 and content[7]:
                code = content[6]
            elif kind == _FORMULA and content[12:14] == b"\xff\xff" and content[6] == 2:
                code = content[8]
            if code in ERRORS:
                found[_place(content)] = ERRORS[code]
        return found

    def odd_numbers_of(self, sheet: int) -> dict[tuple[int, int], float]:
        """
        Numbers that are no day and no time, see `is_odd`.

        Args:
            sheet: Its position in the workbook.
        Returns:
            Them by row and column, from 0.
        """
        found: dict[tuple[int, int], float] = {}
        for kind, content in self._cells(sheet):
            row, column = _place(content)
            if len(content) >= 14 and (
                kind == _NUMBER or (kind == _FORMULA and content[12:14] != b"\xff\xff")
            ):
                found[row, column] = struct.unpack_from("<d", content, 6)[0]
            elif kind == _SMALL and len(content) >= 10:
                found[row, column] = small_number(*struct.unpack_from("<I", content, 6))
            elif kind == _MANY_SMALL:
                for at in range((len(content) - 6) // 6):
                    found[row, column + at] = small_number(*struct.unpack_from("<I", content, 6 + 6 * at))
        return {place: number for place, number in found.items() if is_odd(number)}

    def _cells(self, sheet: int) -> Iterator[tuple[int, bytes]]:
        """The records of a sheet that begin with a row and a column; those of charts in it are left out."""
        if sheet >= len(self._begins):
            return
        depth = 0
        for kind, content in _records(self._stream, self._begins[sheet]):
            if kind in (_BEGIN_OF_PART, _END_OF_PART):
                depth += 1 if kind == _BEGIN_OF_PART else -1
                if not depth:
                    return
            elif depth == 1 and len(content) >= 8:
                yield kind, content


def _place(content: bytes) -> tuple[int, int]:
    row, column = struct.unpack_from("<HH", content)
    return row, column


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def _workbook_stream(data: bytes) -> bytes:
    """
    The stream of a compound file that has the sheets.

    Raises:
        ValueError: There is none.
        struct.error, IndexError: The file ends before it.
    """
    if not data.startswith(_COMPOUND):
        raise ValueError
    sector, small = (1 << shift for shift in struct.unpack_from("<HH", data, 30))
    _, first_entry = struct.unpack_from("<II", data, 44)
    first_small_place, _, first_list, lists = struct.unpack_from("<IIII", data, 60)
    places = list(struct.unpack_from("<109I", data, 76))
    for _ in range(min(lists, len(data) // sector)):
        if first_list in (_END, _FREE):
            break
        more = struct.unpack_from(f"<{sector // 4}I", data, (first_list + 1) * sector)
        places += more[:-1]
        first_list = more[-1]
    table: list[int] = []
    for place in places:
        if place not in (_END, _FREE):
            table += struct.unpack_from(f"<{sector // 4}I", data, (place + 1) * sector)

    entries = _chain(data, table, first_entry, sector, sector)
    found = {}
    for at in range(0, len(entries), _ENTRY_BYTES):
        size = struct.unpack_from("<H", entries, at + 64)[0]
        name = entries[at : at + max(0, min(size, 64) - 2)].decode("utf-16-le", "replace")
        begin, length = struct.unpack_from("<II", entries, at + 116)
        found[name] = begin, length
    begin, length = next(found[name] for name in (*_STREAMS, "") if name in found)
    if length >= _SMALL_BYTES:
        return _chain(data, table, begin, sector, sector)[:length]
    # What is short lies in small sectors, in the stream of the root.
    inside = _chain(data, table, found["Root Entry"][0], sector, sector)
    packed = _chain(data, table, first_small_place, sector, sector)
    small_table = list(struct.unpack(f"<{len(packed) // 4}I", packed))
    return _chain(inside, small_table, begin, small, 0)[:length]


def _chain(data: bytes, table: list[int], first: int, sector: int, offset: int) -> bytes:
    """Sectors one after the other; a chain that bites its tail ends with the table."""
    parts: list[bytes] = []
    while first < len(table) and len(parts) <= len(table):
        begin = offset + first * sector
        parts.append(data[begin : begin + sector])
        first = table[first]
    return b"".join(parts)
