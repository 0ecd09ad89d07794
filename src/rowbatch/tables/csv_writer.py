"""
CSV out: UTF-8, quotes only where they are needed, every cell as it was.

Made for a spreadsheet, no cell of it begins a formula, and every cell has quotes. These are for the one case
that marks leave: a number such as `-5` in the first column. Where the file is cut at another separator, the
next cells go on behind it, `-5,"…"`, and a formula never has a text directly behind a number.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import from_os_error
from rowbatch.objects.disk import write_all
from rowbatch.tables.base import TableChunk, as_text
from rowbatch.tables.formulas import mark_formulas
from rowbatch.tables.writer import TableShape, TableWriter

# Besides what must be quoted: whatever makes a reader that looks at the header for the delimiter choose
# another one, a name that nothing else shows to be there, and a byte order mark that is text.
_QUOTED_IN_HEADER = re.compile(r'[",;|\t\r\n\ufeff]|\A\Z|\A\s|\s\Z')


class CsvTableWriter(TableWriter):
    """
    A table as CSV: every cell of the input as it stands there, or marked where that is wanted.

    Attributes:
        separator: Between the cells.
    """

    def __init__(self, path: Path, shape: TableShape, options: WriteOptions, *, separator: str = ",") -> None:
        self._path, self._formula_safe = path, options.formula_safe
        self._width, self.separator = len(shape.header), separator
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        names = pl.DataFrame({"name": shape.names})
        if options.bom:
            write_all(self._file, codecs.BOM_UTF8)
        header = self._safe(names)["name"].to_list()
        self._writer = CsvWriter(self._file, header, separator, quote_all=options.formula_safe)

    def write(self, chunk: TableChunk, added: pl.DataFrame) -> None:
        new = _texts(added)
        new.columns = [str(self._width + position) for position in range(new.width)]
        frame = chunk.frame.hstack(new) if self._width else new
        try:
            self._writer.write(self._safe(frame))
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error

    def write_lines(self, lines: memoryview) -> None:
        """
        Write rows that are lines of this file already: quoted as it quotes, with nothing to be marked.

        Raises:
            StorageError: No space left.
        """
        try:
            write_all(self._file, lines)
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error

    def abandon(self) -> None:
        # What is still in the buffer may not fit on the disk either; the error that led here is told.
        with suppress(OSError):
            self._file.close()

    def _safe(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not self._formula_safe:
            return frame
        marked, count = mark_formulas(frame)
        self.formulas += count
        return marked


def csv_bytes(added: pl.DataFrame, separator: str = ",") -> memoryview:
    """The cells of each row in a line, as `CsvTableWriter` writes them behind others; two at least."""
    lines = io.BytesIO()
    _write_cells(_texts(added), lines, separator)
    return lines.getbuffer()


def csv_lines(added: pl.DataFrame, separator: str = ",") -> list[bytes]:
    """The cells of each row, without a line end, as `CsvTableWriter` writes them behind others."""
    must = re.compile(f'[{separator}"\r\n]')
    return [
        separator.join(
            '"' + text.replace('"', '""') + '"' if must.search(text) else text for text in row
        ).encode()
        for row in _texts(added).fill_null("").iter_rows()
    ]


def _texts(added: pl.DataFrame) -> pl.DataFrame:
    """Added columns as texts: those stay as they are, a missing one is written as an empty one is."""
    return pl.DataFrame(
        column if column.dtype == pl.String else as_text(column.to_frame()).to_series()
        for column in added.get_columns()
    )


class CsvWriter:
    r"""
    Write a table chunk by chunk: comma, `\n`, no byte order mark.

    Args:
        file: Open for writing bytes; best without a buffer of its own, then they go past Python.
        header: Names of the columns, written as they are.
        separator: Between the cells.
        quote_all: Every cell, and not only those that must be.
    """

    def __init__(
        self, file: BinaryIO, header: Sequence[str], separator: str = ",", *, quote_all: bool = False
    ) -> None:
        self._file, self._separator = file, separator
        self._width = len(header)
        # A table of one column: an empty cell must be written as "", or its row is a blank line.
        self._quote_all = quote_all or self._width == 1
        names = [_quoted(name, always=quote_all) for name in header]
        write_all(file, (separator.join(names) + "\n").encode())

    def write(self, frame: pl.DataFrame) -> None:
        """
        Write rows.

        Args:
            frame: As many columns as the header has, in its order, all text; null is "".
        """
        if frame.width != self._width:
            raise ValueError(f"{frame.width} columns for a header of {self._width}")
        _write_cells(frame, self._file, self._separator, quote_all=self._quote_all)


def _write_cells(frame: pl.DataFrame, file: BinaryIO, separator: str, *, quote_all: bool = False) -> None:
    style: Literal["necessary", "always"] = "always" if quote_all else "necessary"
    # An empty text would be written as two quotes, a null as nothing; both read back as "".
    text = pl.all()
    cells = frame.fill_null("") if quote_all else frame.with_columns(pl.when(text != "").then(text))
    cells.write_csv(file, include_header=False, quote_style=style, line_terminator="\n", separator=separator)


def _quoted(name: str, *, always: bool) -> str:
    if not always and not _QUOTED_IN_HEADER.search(name):
        return name
    return '"' + name.replace('"', '""') + '"'
