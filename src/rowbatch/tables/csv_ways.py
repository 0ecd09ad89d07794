"""What fits a CSV file that stops at a broken row: tried on the lines that follow it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from rowbatch.tables.csv_look import DELIMITERS, QUOTE, Dialect, Record, first_records
from rowbatch.words.notice import Notice

MOST_LINES = 100
"""So many lines are tried."""
_MOST_NOTE_LINES = 30
_SAYS_NOTE = re.compile(
    r"(?:sources?|notes?|footnotes?|quelle|anmerkung|fuente|nota|note|注|来源|资料来源)\b|[*†©]", re.I
)
_BACKSLASH = "\\"


def way_out(header: Sequence[str], lines: Sequence[str], dialect: Dialect, width: int | None) -> Notice:
    """
    Which way of reading makes the lines whole, from a broken row on.

    Args:
        header: The lines of the header; none where there is no header.
        lines: The broken row and what follows it, at most `MOST_LINES`, with their ends.
        dialect: How they were read.
        width: Cells of a row; None where the header itself is broken.
    Returns:
        What to do, as words for a hint.
    """
    for name, value, other in _others(dialect, "".join(lines)):
        needed = width
        if other.delimiter != dialect.delimiter or width is None:
            heads = _records(header or lines[:1], other)
            needed = len(heads[0].cells) if heads and heads[0].is_whole else 0
            # One column is what every text is to a delimiter that is not in it.
            if needed < 2 and width != 1:
                continue
        found = _records(lines, other)
        if found and all(record.is_whole and len(record.cells) == needed for record in found):
            return Notice("way-of-reading", {"option": name, "value": value, "lines": len(lines)})
    found = _records(lines, dialect)
    broken = sum(not one.is_whole or (width is not None and len(one.cells) != width) for one in found)
    return Notice("way-of-bad-rows", {"broken": max(1, broken), "records": max(1, len(found))})


def find_note_below(lines: Iterable[str], dialect: Dialect, width: int) -> tuple[int, str] | None:
    """
    A note below the table, such as its source: a blank line and lines of one cell, up to the end of the file.

    Without the blank line it is one where it says so; a row that is cut off may look so as well.

    Args:
        lines: From where the table seems to end.
        dialect: Of the table.
        width: Of a row.
    Returns:
        How many records it has and how it begins; None where it is none.
    """
    taken = list(islice(lines, _MOST_NOTE_LINES + 1))
    if width < 2 or len(taken) > _MOST_NOTE_LINES:
        return None
    records = [record for record in first_records(taken, dialect) if any(map(str.strip, record.cells))]
    if not records or any(len([cell for cell in one.cells if cell.strip()]) != 1 for one in records):
        return None
    begin = next(cell.strip() for cell in records[0].cells if cell.strip())
    if taken[0].strip() and not _SAYS_NOTE.match(begin):
        return None
    return None if all(len(one.cells) == width for one in records) else (len(records), begin[:40])


def _others(dialect: Dialect, text: str) -> Iterator[tuple[str, str, Dialect]]:
    """Other ways to read a text: the option that says each, its value, and the dialect."""
    for delimiter in DELIMITERS:
        if delimiter != dialect.delimiter:
            value = "tab" if delimiter == "\t" else f"'{delimiter}'"
            yield "--delimiter", value, replace(dialect, delimiter=delimiter)
    if not dialect.escape and _BACKSLASH in text:
        yield "--escape", "'\\'", replace(dialect, escape=_BACKSLASH)
    if dialect.quote == QUOTE and "'" in text:
        yield "--quote", '"\'"', replace(dialect, quote="'")
    if dialect.quote:
        yield "--quote", "none", replace(dialect, quote="", escape="", skips_blanks=False)


def _records(lines: Sequence[str], dialect: Dialect) -> list[Record]:
    return [record for record in first_records(lines, dialect, is_cut=True) if record.cells]
