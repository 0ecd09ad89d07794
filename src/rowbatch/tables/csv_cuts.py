"""
Where the records of a CSV file begin, without reading its cells: each of several readers gets its own bytes.

Only of a file that is proved to be plain on the way: a quote opens at the begin of a cell, closes at its end,
and is doubled in between. There every reader finds the same records. Of any other file nothing is said.
"""

from __future__ import annotations

import codecs
import re
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from rowbatch.errors import from_os_error
from rowbatch.tables.csv_layout import CsvLayout, Cut, Cuts

_BLOCK_BYTES = 8 << 20
_MOST_ABOVE_BYTES = 4 << 20
# Of these a byte below 128 is that character, whatever stands before it.
_ONE_BYTE = re.compile(r"(utf-8|ascii|iso8859-\d+|cp125\d|cp437|cp85\d|koi8-[ru]|mac-\w+)")
_LINE_END = re.compile(rb"\r\n|\r|\n")


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
    from rowbatch.tables.csv_scan import Scan

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
            scan = Scan(ord(delimiter), Cut(0, begin, layout.lines_above + 1), first, every)
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
