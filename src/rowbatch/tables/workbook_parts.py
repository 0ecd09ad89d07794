"""The parts of a workbook, read a piece at a time: elements of XML, and the records of an .xlsb."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.parsers import expat

REFERENCE = re.compile(r"([A-Za-z]{1,6})([0-9]{1,10})")
"""The name of a cell."""
MOST_TAG_BYTES = 4 << 20
_MOST_DIGITS = 11


def records(blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The records of a part of an .xlsb: a number in one or two bytes, a length in up to four, content."""
    data, at = b"", 0
    for block in blocks:
        data, at = data[at:] + block, 0
        while (head := record_head(data, at)) and head[1] + head[2] <= len(data):
            kind, begin, size = head
            yield kind, data[begin : begin + size]
            at = begin + size


def record_head(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Its number, where its content begins, and how long that is; None where not all of it is there."""
    try:
        kind = data[at]
        at += 1
        if kind & 0x80:
            kind = (kind & 0x7F) | (data[at] & 0x7F) << 7
            at += 1
        size = 0
        for shift in (0, 7, 14, 21):
            byte = data[at]
            at += 1
            size |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
    except IndexError:
        return None
    return kind, at, size


class CellPlace:
    """
    Where a reader of a sheet's XML is: both numbers may be left out, and are those that follow then.

    Attributes:
        row, column: From 1; 0 before the first.
    """

    def __init__(self) -> None:
        self.row = self.column = 0

    def row_begins(self, attributes: Mapping[str, str]) -> None:
        """Go to a `row`."""
        said = attributes.get("r", "")
        self.row = int(said) if said.isdecimal() and len(said) < _MOST_DIGITS else self.row + 1
        self.column = 0

    def cell_begins(self, attributes: Mapping[str, str]) -> None:
        """Go to a `c`."""
        self.column += 1
        if place := REFERENCE.fullmatch(attributes.get("r", "")):
            self.column, self.row = column_number(place[1]), int(place[2])


def linked(sheet: dict[str, str]) -> str | None:
    return next((value for name, value in sheet.items() if name.rpartition(":")[2] == "id"), None)


def elements(blocks: Iterator[bytes], wanted: str) -> list[dict[str, str]]:
    """The attributes of all elements of a name."""
    found: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == wanted:
            found.append(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    feed(parser, blocks)
    return found


class EndlessTag(Exception):
    """One that goes on for megabytes. expat 2.5 reads it again from its begin with each block."""


def feed(parser: Any, blocks: Iterator[bytes]) -> None:
    fed = read = 0
    for block in blocks:
        parser.Parse(block, False)
        fed += len(block)
        # expat 2.6 has -1 here while it waits for more.
        read = max(read, parser.CurrentByteIndex)
        if fed - read > MOST_TAG_BYTES:
            raise EndlessTag
    parser.Parse(b"", True)


def feed_if_sound(parser: Any, blocks: Iterator[bytes]) -> None:
    # What is wrong with it, the reader says.
    with contextlib.suppress(expat.ExpatError):
        feed(parser, blocks)


def column_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - 64
    return number
