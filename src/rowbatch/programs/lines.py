"""
A text file whose lines are rows, as a list of posts: no sign in a line separates cells, and none is a header.

Form: nothing shows it, since an interview has lines, too. A person says it.

Rows: each line, also a blank one, in the column `text`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rowbatch.core.table_options import LINES, NO_HEADER, NONE, PLAIN, ReadOptions
from rowbatch.programs.base import Program, TableOnTop
from rowbatch.tables.base import Table, TableChunk
from rowbatch.tables.formats import open_table
from rowbatch.tables.frame_table import refuse_options

# No text that a person reads has this sign, so a line is one cell.
_NO_DELIMITER = "\x1f"


def _is_file(path: Path, head: bytes) -> bool:
    del path, head
    return False


def _may_be(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return not path.is_dir() and (".txt" in suffixes or suffixes[-1:] == [".zip"])


def _open(path: Path, options: ReadOptions) -> Table:
    refuse_options(path, options, allowed=("encoding", "sheet", "skip_rows"), kind="a text of lines")
    inner = open_table(
        path,
        ReadOptions(
            encoding=options.encoding,
            sheet=options.sheet,
            skip_rows=options.skip_rows,
            delimiter=_NO_DELIMITER,
            quote=NONE,
            escape=NONE,
            header=NO_HEADER,
            program=PLAIN,
        ),
    )
    return LinesTable(inner, LINES, ("text",))


class LinesTable(TableOnTop):
    """The lines of a text."""

    format: ClassVar[str] = LINES

    @property
    def is_running_text(self) -> bool:
        return False

    @property
    def reading(self) -> ReadOptions:
        found = self._inner.reading
        return ReadOptions(
            encoding=found.encoding, sheet=found.sheet, skip_rows=found.skip_rows, program=LINES
        )

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        yield from self._inner_chunks(rows_per_chunk)


PROGRAM = Program(name=LINES, title="a text, each line a row", is_file=_is_file, open=_open, may_be=_may_be)
