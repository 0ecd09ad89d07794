"""
Where the cells of plain CSV lie in its text: found without taking a cell out of it.

What makes requests of two columns needs neither a copy of them nor the others. A text is plain when it uses
quotes and line ends as RFC 4180 says, so that it can be cut into cells in one way only. All of it is looked
at, a few times as a whole; what has a meaning in CSV or in JSON is one byte in fifty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

Integers: TypeAlias = npt.NDArray[np.int64]
Booleans: TypeAlias = npt.NDArray[np.bool_]
Bytes: TypeAlias = npt.NDArray[np.uint8]

_NUL, _NEWLINE, _RETURN, _BLANK, _QUOTE, _BACKSLASH = b'\0\n\r "\\'
# What U+0085, U+2028 and U+2029 begin with, as UTF-8.
_BEGIN_0085, _BEGIN_2028 = 0xC2, 0xE2


class Cells(NamedTuple):
    """
    The cells of a column.

    Attributes:
        begins: Where each begins in the text, without the quotes around it.
        lengths: Bytes.
        are_odd: It holds a control character, a backslash, a line end of Unicode, or a quotation mark, which
            is there twice.
    """

    begins: Integers
    lengths: Integers
    are_odd: Booleans


@dataclass(slots=True)
class PlainBlock:
    """
    Consecutive rows of a CSV file, as they stand there.

    Attributes:
        text: The rows, and perhaps more; UTF-8.
        size: Bytes of the rows.
        width: Cells of a row.
        begins: Where each cell begins, row by row, with the quote before it.
        stops: Where it ends, with the quote after it.
        are_odd: See `Cells`; None where no cell is.
        has_quotes: Whether any cell stands in quotes.
        first_row: Number of the first row, from 1: whoever cuts the file into texts knows it.
    """

    text: bytes
    size: int
    width: int
    begins: Integers
    stops: Integers
    are_odd: Booleans | None
    has_quotes: bool
    first_row: int = 1

    @property
    def height(self) -> int:
        """How many rows."""
        return len(self.stops) // self.width

    @property
    def data(self) -> Bytes:
        """The bytes of the text."""
        return np.frombuffer(self.text, np.uint8)

    def cells(self, column: int) -> Cells:
        """Those of the column at this position."""
        here = slice(column, None, self.width)
        begins, stops = self.begins[here], self.stops[here]
        odd = np.zeros(len(begins), np.bool_) if self.are_odd is None else self.are_odd[here]
        if self.has_quotes:
            are_quoted = self.data[begins] == _QUOTE
            begins, stops = begins + are_quoted, stops - are_quoted
        return Cells(begins, stops - begins, odd)

    def texts(self, cells: Cells, rows: Integers) -> list[bytes]:
        """The texts of some cells."""
        text = self.text
        return [
            text[begin : begin + length].replace(b'""', b'"')
            for begin, length in zip(cells.begins[rows].tolist(), cells.lengths[rows].tolist(), strict=True)
        ]

    def blank(self, column: int) -> Booleans:
        """Whether each cell of a column is empty or white space."""
        cells = self.cells(column)
        first = self.data[cells.begins]
        # What begins with anything else of one byte has a text.
        are_blank: Booleans = (cells.lengths == 0) | (first <= _BLANK) | (first >= 0x80)
        rest = np.flatnonzero(are_blank)
        if len(rest):
            texts = pl.Series(self.texts(cells, rest), dtype=pl.Binary).cast(pl.String)
            are_blank[rest] = (texts.str.strip_chars() == "").to_numpy()
        return are_blank

    def has_row(self, names: Sequence[bytes]) -> bool:
        """Whether a row has these cells, none of which holds a quotation mark."""
        rows = np.arange(self.height)
        for column, name in enumerate(names):
            cells = self.cells(column)
            same = rows[cells.lengths[rows] == len(name)]
            texts = self.texts(cells, same)
            rows = same[[text == name for text in texts]] if len(same) else same
            if not len(rows):
                return False
        return True


def find_cells(text: bytes, width: int, delimiter: str) -> PlainBlock | None:
    """
    Find the cells of all rows that end in a text.

    Args:
        text: Begins with a row.
        width: Cells of each row.
        delimiter: One character of ASCII.
    Returns:
        The rows, perhaps none; None when they are not plain, or not UTF-8.
    """
    mark = ord(delimiter)
    data = np.frombuffer(text, np.uint8)
    at = _places(text, data, mark)
    kinds = data[at]
    are_quotes = kinds == _QUOTE
    # After the second, the fourth, … quote the text is outside of quotes again.
    are_outside = (np.cumsum(are_quotes, dtype=np.int32) & 1) == 0
    are_ends = are_outside & ((kinds == mark) | (kinds == _NEWLINE))
    ends = np.flatnonzero(are_ends)
    lines = np.flatnonzero(kinds[ends] == _NEWLINE)
    if not len(lines):
        return PlainBlock(text, 0, width, at[:0], at[:0], None, has_quotes=False)
    ends = ends[: lines[-1] + 1]
    # So many cells in all, and each so manieth ends a line: then all others end before it.
    if len(ends) != len(lines) * width or not np.array_equal(lines, np.arange(width - 1, len(ends), width)):
        return None
    known = slice(0, ends[-1] + 1)
    at, kinds, are_quotes = at[known], kinds[known], are_quotes[known]
    are_outside, are_ends = are_outside[known], are_ends[known]
    size = int(at[-1]) + 1
    if (kinds == _NUL).any() or not _is_utf8(text if size == len(text) else text[:size]):
        return None
    are_odd = ((kinds < _BLANK) | (kinds == _BACKSLASH)) & ~are_ends
    quotes = np.flatnonzero(are_quotes)
    if len(quotes):
        opens, closes = quotes[::2], quotes[1::2]
        befores, afters = np.maximum(opens - 1, 0), closes + 1
        touches = (at[befores] == at[opens] - 1) & (are_ends[befores] | are_quotes[befores])
        if not (touches | (at[opens] == 0)).all():
            return None
        are_doubled = are_quotes[afters]
        # What follows a carriage return is looked at below.
        touches = are_ends[afters] | are_doubled | (kinds[afters] == _RETURN)
        if not (touches & (at[afters] == at[closes] + 1)).all():
            return None
        are_odd[closes[are_doubled]] = True
    returns = np.flatnonzero((kinds == _RETURN) & are_outside)
    row_ends = ends[width - 1 :: width]
    if len(returns):
        # Line ends of two kinds in one text are left to the careful reader.
        if len(returns) != len(row_ends) or not np.array_equal(at[returns] + 1, at[row_ends]):
            return None
        are_odd[returns] = False
    _find_line_ends(data, at, kinds, are_odd)
    stops = at[ends]
    begins = np.empty_like(stops)
    begins[0] = 0
    np.add(stops[:-1], 1, out=begins[1:])
    if len(returns):
        stops[width - 1 :: width] -= 1
    odd_cells = None
    if are_odd.any():
        odd_cells = np.diff(np.cumsum(are_odd, dtype=np.int32)[ends], prepend=np.int32(0)) > 0
    return PlainBlock(text, size, width, begins, stops, odd_cells, has_quotes=len(quotes) > 0)


def _places(text: bytes, data: Bytes, mark: int) -> Integers:
    """Where something stands that may have a meaning in CSV or JSON."""
    found = data < _BLANK
    for byte in (mark, _QUOTE, _BACKSLASH, _BEGIN_0085, _BEGIN_2028):
        # To look whether there is any costs a tenth of looking where they are.
        if byte >= _BLANK and byte in text:
            np.logical_or(found, data == byte, out=found)
    return np.flatnonzero(found)


def _find_line_ends(data: Bytes, at: Integers, kinds: Bytes, are_odd: Booleans) -> None:
    """Mark U+0085, U+2028 and U+2029."""
    begins = np.flatnonzero(kinds >= _BEGIN_0085)
    if not len(begins):
        return
    # Each is followed by two bytes more, the line end at least.
    second, third = (data[np.minimum(at[begins] + after, len(data) - 1)] for after in (1, 2))
    are_0085 = (kinds[begins] == _BEGIN_0085) & (second == 0x85)
    are_2028 = (kinds[begins] == _BEGIN_2028) & (second == 0x80) & ((third == 0xA8) | (third == 0xA9))
    are_odd[begins] = are_0085 | are_2028


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        pl.Series([text], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError:
        return False
    return True


def record_end(text: bytes) -> int:
    """Where the last row that ends in a text ends, if quotes are used as they should be; 0 for nowhere."""
    end = text.rfind(b"\n") + 1
    quotes = int(np.count_nonzero(np.frombuffer(text, np.uint8)[:end] == _QUOTE)) if b'"' in text else 0
    while end and quotes % 2:
        newline = text.rfind(b"\n", 0, end - 1)
        quotes -= text.count(b'"', newline + 1, end)
        end = newline + 1
    return end
