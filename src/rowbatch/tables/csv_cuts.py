"""
Where the records of a CSV file begin, without reading its cells: each of several readers gets its own bytes.

Only of a file that is proved to be plain on the way: a quote opens at the begin of a cell, closes at its end,
and is doubled in between. There every reader finds the same records. Of any other file nothing is said.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rowbatch.errors import from_os_error
from rowbatch.tables.csv_layout import CsvLayout

_BLOCK_BYTES = 8 << 20
_MOST_ABOVE_BYTES = 4 << 20
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'
_Places = NDArray[Any]
# Of these a byte below 128 is that character, whatever stands before it.
_ONE_BYTE = re.compile(r"(utf-8|ascii|iso8859-\d+|cp125\d|cp437|cp85\d|koi8-[ru]|mac-\w+)")
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Cut:
    """
    A place between two records.

    Attributes:
        row: How many rows stand before it.
        offset: Bytes before it.
        line: The line that begins there, from 1.
    """

    row: int
    offset: int
    line: int


@dataclass(frozen=True, slots=True)
class Cuts:
    """
    How the rows of a file are cut.

    Attributes:
        rows: Of the file.
        places: Where the first row begins, then each place that was asked for, then the end.
    """

    rows: int
    places: tuple[Cut, ...]


def find_cuts(path: Path, layout: CsvLayout, width: int, first: int, every: int) -> Cuts | None:
    """
    Find the places after `first` rows, and after every `every` rows from there on.

    Args:
        path: A CSV file, not packed.
        layout: How it is read.
        width: How many columns it has.
        first: Rows before the first place; more than 0.
        every: Rows between two places.
    Returns:
        None where the file is not plain, so that only a reader can tell.
    Raises:
        StorageError: It cannot be read.
    """
    delimiter = layout.dialect.delimiter
    if (
        layout.member
        or layout.has_trailing
        or not layout.dialect.is_plain
        or not delimiter.isascii()
        or not is_one_byte(layout.encoding)
        # A line with nothing in it is a row there, but for the last ones.
        or width == 1
    ):
        return None
    try:
        with path.open("rb") as file:
            begin = _rows_begin(file, layout.lines_above)
            if begin is None:
                return None
            file.seek(begin)
            scan = _Scan(ord(delimiter), Cut(0, begin, layout.lines_above + 1), first, every)
            while block := file.read(_BLOCK_BYTES):
                if not scan.add(block):
                    return None
            return scan.end()
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def is_one_byte(encoding: str) -> bool:
    """Whether a line end, a quote or a delimiter in the bytes of a text is always one of the text."""
    return _ONE_BYTE.fullmatch(codecs.lookup(encoding.removesuffix("-sig")).name) is not None


def _rows_begin(file: BinaryIO, lines: int) -> int | None:
    """Where so many lines end."""
    if not lines:
        return len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
    head = file.read(_MOST_ABOVE_BYTES)
    ends = [end.end() for end in islice(_LINE_END.finditer(head), lines)]
    return ends[-1] if len(ends) == lines else None


class _Scan:
    """Counts records, and proves that the bytes are plain."""

    def __init__(self, delimiter: int, begin: Cut, first: int, every: int) -> None:
        self._marks = np.zeros(256, dtype=bool)
        self._marks[[delimiter, _NEWLINE]] = True
        self._ends = np.zeros(256, dtype=bool)
        self._ends[[delimiter, _NEWLINE, _RETURN, _QUOTE]] = True
        self._wanted, self._every = first, every
        self._places = [begin]
        self._rows = 0
        self._offset, self._line = begin.offset, begin.line
        self._quotes = 0
        # What stands before the block decides about its first byte.
        self._last = _NEWLINE
        self._last_was_closing = False
        self._record_began = begin.offset

    def add(self, block: bytes) -> bool:
        """Take the next bytes; False where they are not plain."""
        if b"\0" in block:
            return False
        data = np.frombuffer(block, dtype=np.uint8)
        newlines = np.flatnonzero(data == _NEWLINE)
        inside: _Places | None = None
        if b'"' in block or self._last_was_closing:
            quotes = np.flatnonzero(data == _QUOTE)
            if not self._has_plain_quotes(data, quotes):
                return False
            inside = (np.searchsorted(quotes, newlines) + self._quotes) % 2 == 1
        else:
            quotes = newlines[:0]
            if self._quotes % 2:
                inside = np.ones(len(newlines), dtype=bool)
        if not self._has_plain_returns(block, data, quotes):
            return False
        ends = newlines if inside is None else newlines[~inside]
        if not self._take(ends, newlines, block):
            return False
        self._quotes += len(quotes)
        self._last = int(data[-1])
        self._last_was_closing = bool(self._last == _QUOTE and self._quotes % 2 == 0)
        self._offset += len(block)
        return True

    def _has_plain_quotes(self, data: _Places, quotes: _Places) -> bool:
        if self._last_was_closing and not self._ends[data[0]]:
            return False
        parity = (np.arange(len(quotes)) + self._quotes) % 2
        opening, closing = quotes[parity == 0], quotes[parity == 1]
        before = np.where(opening > 0, data[np.maximum(opening, 1) - 1], self._last)
        # Two that are one in a cell close it and open it again.
        if not (self._marks[before] | (before == _QUOTE)).all():
            return False
        after = closing[closing + 1 < len(data)] + 1
        return bool(self._ends[data[after]].all())

    def _has_plain_returns(self, block: bytes, data: _Places, quotes: _Places) -> bool:
        """Outside of quotes a carriage return stands before a line feed only."""
        if b"\r" not in block and self._last != _RETURN:
            return True
        returns = np.flatnonzero(data == _RETURN)
        outside = returns[(np.searchsorted(quotes, returns) + self._quotes) % 2 == 0]
        after = outside[outside + 1 < len(data)] + 1
        if not (data[after] == _NEWLINE).all():
            return False
        return not (self._last == _RETURN and self._quotes % 2 == 0 and data[0] != _NEWLINE)

    def _take(self, ends: _Places, newlines: _Places, block: bytes) -> bool:
        """Count the records that end in the block."""
        if len(ends):
            sizes = np.diff(ends, prepend=self._record_began - self._offset - 1)
            for end, size in zip(ends[sizes <= 2].tolist(), sizes[sizes <= 2].tolist(), strict=True):
                # A line with nothing in it, but for its end, is no row.
                if size == 1 or (block[end - 1] if end else self._last) == _RETURN:
                    return False
        while self._wanted <= self._rows + len(ends):
            at = int(ends[self._wanted - self._rows - 1])
            line = self._line + int(np.searchsorted(newlines, at, side="right"))
            self._places.append(Cut(self._wanted, self._offset + at + 1, line))
            self._wanted += self._every
        if len(ends):
            self._record_began = self._offset + int(ends[-1]) + 1
        self._rows += len(ends)
        self._line += len(newlines)
        return True

    def end(self) -> Cuts | None:
        """What was found; None where a quote is open."""
        if self._quotes % 2 or self._last == _RETURN:
            return None
        rows = self._rows + (self._record_began < self._offset)
        if self._places[-1].row < rows:
            self._places.append(Cut(rows, self._offset, self._line))
        return Cuts(rows, tuple(self._places))
