"""CSV out: UTF-8, quotes only where they are needed, every cell as it was."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import BinaryIO, Literal

import polars as pl

# Besides what must be quoted: whatever makes a reader that looks at the header for the delimiter choose
# another one, a name that nothing else shows to be there, and a byte order mark that is text.
_QUOTED_IN_HEADER = re.compile(r'[",;|\t\r\n\ufeff]|\A\Z|\A\s|\s\Z')


class CsvWriter:
    r"""
    Write a table chunk by chunk: comma, `\n`, no byte order mark.

    Args:
        file: Open for writing bytes.
        header: Names of the columns, written as they are.
    """

    def __init__(self, file: BinaryIO, header: Sequence[str]) -> None:
        self._file = file
        self._width = len(header)
        file.write((",".join(map(_quoted, header)) + "\n").encode())

    def write(self, frame: pl.DataFrame) -> None:
        """
        Write rows.

        Args:
            frame: As many columns as the header has, in its order, all text.
        """
        if frame.width != self._width:
            raise ValueError(f"{frame.width} columns for a header of {self._width}")
        # A table of one column: an empty cell must be written as "", or its row is a blank line.
        style: Literal["necessary", "always"] = "necessary" if self._width > 1 else "always"
        # An empty text would be written as two quotes, a null as nothing; both read back as "".
        cells = frame.with_columns(pl.when(pl.all() != "").then(pl.all())) if self._width > 1 else frame
        buffer = io.BytesIO()
        cells.write_csv(buffer, include_header=False, quote_style=style, line_terminator="\n")
        self._file.write(buffer.getbuffer())


def _quoted(name: str) -> str:
    if not _QUOTED_IN_HEADER.search(name):
        return name
    return '"' + name.replace('"', '""') + '"'
