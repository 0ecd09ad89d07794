"""
Cells that readers of workbooks show as something else: errors, and numbers that look like times and are none.

Source:
    ECMA-376 part 1, 18.18.11 (`t="e"`) and 18.17.4.1 (the calendar of 1900 has a 29 February); [MS-XLSB]
    2.4.314 (BrtCellError), 2.4.669 (BrtFmlaError), 2.5.97.2 (codes of errors). Measured with fastexcel 0.21.0
    and python-calamine 0.9.1: an error is an empty cell, and one that they do not know (`#SPILL!`) makes the
    workbook unreadable; -0.5 and 0.5 as times are both 12:00; the days 59 and 60 are both 28 February 1900.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import struct
from collections.abc import Iterator
from xml.parsers import expat

from rowbatch.tables.workbook_parts import CellPlace, feed_if_sound, record_head, records

ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
"""What an error shows, by its code in .xls and .xlsb."""
KNOWN_ERRORS = frozenset(ERRORS.values()) - {"#GETTING_DATA"}
"""Those in an .xlsx that the reader takes for empty cells; others make it give up."""
ERROR_RECORDS = (3, 11)
"""Cells of an .xlsb with an error; the second ones have a formula."""
TRUTH_RECORDS = (4, 10)
"""Cells of an .xlsb with true or false; the second ones have a formula."""
# Numbers are in the others: in four bytes, in eight, and as what a formula gave.
_SMALL_RECORD, _NUMBER_RECORDS, _ROW_RECORD = 2, (5, 9), 0
_MAX_CHARS = 64
_LEAP_DAY = 60
_FIRST_CERTAIN_DAY = datetime.date(1900, 3, 1)
_MAY_BE_ODD = re.compile(rb"<(?:[A-Za-z0-9_.-]{1,20}:)?v>(?:-|60[.<])")
_LONGEST_BEGIN = 32

Places = dict[tuple[int, int], str]


def is_odd(number: float) -> bool:
    """
    Whether a number that is formatted as a day or a time is none in the calendar of 1900.

    What is below 0 shows no clock; and only in that calendar 1900 has a 29 February.
    """
    return number < 0 or _LEAP_DAY <= number < _LEAP_DAY + 1


def shown_odd(cell: datetime.date | datetime.time, number: float) -> str | float:
    """
    What a cell is that the reader took for a day or a time.

    Args:
        cell: As the reader has it.
        number: As the file has it, see `is_odd`.
    Returns:
        The number below 0, or the day that no other calendar has as a text.
    """
    if number < 0:
        return number
    clock = cell.time().isoformat() if isinstance(cell, datetime.datetime) else "00:00:00"
    return "1900-02-29" if clock == "00:00:00" else f"1900-02-29T{clock}"


def may_be_odd(cell: object) -> bool:
    """Whether a reader may have made a cell of a number that is none of its days and times."""
    if isinstance(cell, datetime.datetime):
        return cell.date() < _FIRST_CERTAIN_DAY
    return isinstance(cell, datetime.time) or (isinstance(cell, datetime.date) and cell < _FIRST_CERTAIN_DAY)


def errors_in_xml(blocks: Iterator[bytes]) -> Places:
    """What cells of a sheet of an .xlsx show that have an error, by row and column from 0."""
    return _XmlCells("e").of(blocks)


def odd_numbers_in_xml(blocks: Iterator[bytes]) -> dict[tuple[int, int], float]:
    """Numbers of a sheet of an .xlsx for which `is_odd` is true, by row and column from 0."""
    found: dict[tuple[int, int], float] = {}
    seen: list[bytes] = []
    begin, there = b"", False
    for block in blocks:
        seen.append(block)
        there = there or _MAY_BE_ODD.search(begin + block) is not None
        begin = block[-_LONGEST_BEGIN:]
    for place, value in _XmlCells("", "n").of(iter(seen)).items() if there else ():
        with contextlib.suppress(ValueError):
            if is_odd(number := float(value)):
                found[place] = number
    return found


class _XmlCells:
    """
    The cells of a sheet of an .xlsx.

    Args:
        wanted: Their types.
    """

    def __init__(self, *wanted: str) -> None:
        self._wanted = wanted
        self._found: Places = {}
        self._at = CellPlace()
        self._kind = ""
        self._value: str | None = None

    def of(self, blocks: Iterator[bytes]) -> Places:
        """The begin of the value of each that has one, by row and column from 0."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.CharacterDataHandler = self._start, self._text
        parser.EndElementHandler = self._end
        feed_if_sound(parser, blocks)
        return self._found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "row":
                self._at.row_begins(attributes)
            case "c":
                self._at.cell_begins(attributes)
                self._kind = attributes.get("t", "")
            case "v":
                self._value = ""

    def _text(self, data: str) -> None:
        if self._value is not None:
            self._value = (self._value + data)[:_MAX_CHARS]

    def _end(self, name: str) -> None:
        if self._value is not None and name.rpartition(":")[2] == "v":
            if self._kind in self._wanted:
                self._found[self._at.row - 1, self._at.column - 1] = self._value
            self._value = None


def errors_in_records(blocks: Iterator[bytes]) -> Places:
    """What cells of a sheet of an .xlsb show that have an error, by row and column from 0."""
    found, row = {}, 0
    for kind, content in records(blocks):
        if kind == _ROW_RECORD:
            row = int.from_bytes(content[:4], "little")
        elif kind in ERROR_RECORDS and len(content) > 8 and content[8] in ERRORS:
            found[row, int.from_bytes(content[:4], "little")] = ERRORS[content[8]]
    return found


def odd_numbers_in_records(blocks: Iterator[bytes]) -> dict[tuple[int, int], float]:
    """Numbers of a sheet of an .xlsb for which `is_odd` is true, by row and column from 0."""
    found: dict[tuple[int, int], float] = {}
    row, number = 0, 0.0
    for kind, content in records(blocks):
        if kind == _ROW_RECORD:
            row = int.from_bytes(content[:4], "little")
            continue
        if kind in _NUMBER_RECORDS and len(content) >= 16:
            number = struct.unpack_from("<d", content, 8)[0]
        elif kind == _SMALL_RECORD and len(content) >= 12:
            number = small_number(*struct.unpack_from("<I", content, 8))
        else:
            continue
        if is_odd(number):
            found[row, int.from_bytes(content[:4], "little")] = number
    return found


def is_whole_number(kind: int, content: bytes) -> bool:
    """
    Whether a record of an .xlsb is a whole number that could be a day.

    python-calamine 0.9.1 shows a whole number whatever its format is (calamine 0.36.1, `BrtCellRk`), and a
    hundredth of one as its format has it.
    """
    return (
        kind == _SMALL_RECORD
        and len(content) == 12
        and content[8] & 3 == 2
        and _in_hundredths(content[8:]) is not None
    )


def with_hundredths(sheet: bytes) -> bytes:
    """A sheet of an .xlsb in which whole numbers are so many hundredths."""
    made, at = bytearray(sheet), 0
    while head := record_head(sheet, at):
        kind, begin, size = head
        at = begin + size
        content = sheet[begin:at] if kind == _SMALL_RECORD else b""
        if is_whole_number(kind, content) and (packed := _in_hundredths(content[8:])) is not None:
            made[begin + 8 : at] = packed
    return bytes(made)


def _in_hundredths(packed: bytes) -> bytes | None:
    """The same number, said as a hundredth of a larger one; None where that is too large."""
    number = 100 * (int.from_bytes(packed, "little", signed=True) >> 2)
    return (number << 2 | 3).to_bytes(4, "little", signed=True) if abs(number) < 1 << 29 else None


def small_number(packed: int) -> float:
    """
    A number in four bytes: a whole one, or the upper half of a double; a hundredth of it on demand.

    Source:
        [MS-XLS] 2.5.217 (RkNumber), [MS-XLSB] 2.5.122.
    """
    if packed & 2:
        number = float((packed >> 2) - (1 << 30 if packed & 0x80000000 else 0))
    else:
        number = struct.unpack("<d", bytes(4) + (packed & 0xFFFFFFFC).to_bytes(4, "little"))[0]
    return number / 100 if packed & 1 else number
