"""The bytes of a CSV file, looked at block by block: whether they are plain, and where its records end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rowbatch.tables.csv_layout import Cut, Cuts

_NEWLINE, _RETURN, _QUOTE = b'\n\r"'
_Places = NDArray[Any]


class Scan:
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
