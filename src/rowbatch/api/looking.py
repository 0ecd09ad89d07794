"""What a table is, before anything is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from rowbatch.core.document import Shown
from rowbatch.core.table_options import ReadingKeywords, reading_of
from rowbatch.programs.opening import open_table
from rowbatch.tables.header import is_surely_header
from rowbatch.words.notice import Notice

_ROWS_LOOKED_AT = 1_000
# Formats whose names are what stands in a first line, where a table without any has a row.
_WITH_FIRST_LINES = ("csv", "excel")


@dataclass(frozen=True, slots=True, repr=False)
class TableLook(Shown):
    """
    What a table is.

    Attributes:
        path: The file.
        format: Name of its format.
        rows: How many.
        columns: Names of its columns as they stand.
        bad_rows: Broken rows that were kept or skipped, as `on_bad_rows` says.
        encoding_guessed: The encoding, if nothing said it but the text itself; else "".
        notes: How it was read.
        is_running_text: Whether it looks like an interview or a letter in a .txt file, and not like a table.
        names_are_sure: Whether the columns surely have these names: the file says so, or its first line is
            surely none of its rows.
    """

    path: Path
    format: str
    rows: int
    columns: tuple[str, ...]
    bad_rows: int
    encoding_guessed: str
    notes: tuple[Notice, ...]
    is_running_text: bool = False
    names_are_sure: bool = True


def look_at_table(table: str | Path, **reading: Unpack[ReadingKeywords]) -> TableLook:
    """
    Read a table to its end, and say what it is.

    Args:
        table: Any format.
        reading: How it is read, see `ReadOptions`.
    Raises:
        InputError: There is no such file.
        TableError: It is broken, with the place; or it has no rows.
    """
    opened = open_table(Path(table), reading_of(reading))
    first: list[tuple[str, ...]] = []
    rows = 0
    for chunk in opened.chunks():
        first += chunk.frame.head(max(0, _ROWS_LOOKED_AT - len(first))).rows()
        rows += chunk.frame.height
    has_fields = opened.format not in _WITH_FIRST_LINES
    return TableLook(
        opened.path,
        opened.format,
        rows,
        opened.header,
        opened.bad_rows.count,
        opened.guessed_encoding,
        opened.notes,
        opened.is_running_text,
        has_fields or is_surely_header(opened.header, first),
    )
