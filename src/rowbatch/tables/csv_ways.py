"""What fits a CSV file that stops at a broken row: tried on the lines that follow it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rowbatch.core.table_options import NONE
from rowbatch.tables.csv_look import DELIMITERS, QUOTE, Dialect, Record, first_records
from rowbatch.words.notice import Notice

MOST_LINES = 100
"""So many lines are tried."""
_MOST_NOTE_LINES = 30
_SAYS_NOTE = re.compile(
    r"(?:sources?|notes?|footnotes?|quelle|anmerkung|fuente|nota|note|注|来源|资料来源)\b|[*†©]", re.I
)
_BACKSLASH = "\\"


@dataclass(frozen=True, slots=True)
class _Way:
    """
    Another way to read a text.

    Attributes:
        option, value: As the command line says it.
        name, mark: As `ReadOptions` says it: the attribute and its value.
        chosen: The same in words.
        dialect: To read it so.
    """

    option: str
    value: str
    name: str
    mark: str
    chosen: Notice
    dialect: Dialect


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
    for way in _others(dialect, "".join(lines)):
        needed, other = width, way.dialect
        if other.delimiter != dialect.delimiter or width is None:
            heads = _records(header or lines[:1], other)
            needed = len(heads[0].cells) if heads and heads[0].is_whole else 0
            # One column is what every text is to a delimiter that is not in it.
            if needed < 2 and width != 1:
                continue
        found = _records(lines, other)
        if found and all(record.is_whole and len(record.cells) == needed for record in found):
            return Notice(
                "way-of-reading",
                {
                    "option": way.option,
                    "value": way.value,
                    "name": way.name,
                    "mark": way.mark,
                    "chosen": way.chosen,
                    "lines": len(lines),
                },
            )
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


def _others(dialect: Dialect, text: str) -> Iterator[_Way]:
    """Other ways to read a text."""
    for delimiter in DELIMITERS:
        if delimiter != dialect.delimiter:
            is_tab = delimiter == "\t"
            yield _Way(
                "--delimiter",
                "tab" if is_tab else f"'{delimiter}'",
                "delimiter",
                delimiter,
                Notice("way-tab") if is_tab else Notice("way-delimiter", {"mark": delimiter}),
                replace(dialect, delimiter=delimiter),
            )
    if not dialect.escape and _BACKSLASH in text:
        escaped = replace(dialect, escape=_BACKSLASH)
        chosen = Notice("way-escape", {"mark": _BACKSLASH})
        yield _Way("--escape", "'\\'", "escape", _BACKSLASH, chosen, escaped)
    if dialect.quote == QUOTE and "'" in text:
        chosen = Notice("way-quote", {"mark": "'"})
        yield _Way("--quote", '"\'"', "quote", "'", chosen, replace(dialect, quote="'"))
    if dialect.quote:
        plain = replace(dialect, quote="", escape="", skips_blanks=False)
        yield _Way("--quote", NONE, "quote", NONE, Notice("way-no-quote"), plain)


def _records(lines: Sequence[str], dialect: Dialect) -> list[Record]:
    return [record for record in first_records(lines, dialect, is_cut=True) if record.cells]
