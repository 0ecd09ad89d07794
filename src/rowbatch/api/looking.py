"""What a table is, before anything is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from rowbatch.core.document import Shown
from rowbatch.core.table_options import ReadingKeywords, reading_of
from rowbatch.programs.opening import open_table
from rowbatch.words.notice import Notice


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
    """

    path: Path
    format: str
    rows: int
    columns: tuple[str, ...]
    bad_rows: int
    encoding_guessed: str
    notes: tuple[Notice, ...]
    is_running_text: bool = False


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
    rows = sum(chunk.frame.height for chunk in opened.chunks())
    return TableLook(
        opened.path,
        opened.format,
        rows,
        opened.header,
        opened.bad_rows.count,
        opened.guessed_encoding,
        opened.notes,
        opened.is_running_text,
    )
