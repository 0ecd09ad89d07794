"""CSV out: UTF-8, quotes only where they are needed, every cell as it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import BinaryIO, Literal

import polars as pl


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
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(header)
        file.write(line.getvalue().encode())

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
