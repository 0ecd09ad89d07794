"""CSV out: UTF-8, quotes only where they are needed, every cell as it was."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from rowbatch.core.table_options import WriteOptions
from rowbatch.errors import from_os_error
from rowbatch.tables.base import TableChunk, as_text
from rowbatch.tables.writer import TableShape, TableWriter

# Besides what must be quoted: whatever makes a reader that looks at the header for the delimiter choose
# another one, a name that nothing else shows to be there, and a byte order mark that is text.
_QUOTED_IN_HEADER = re.compile(r'[",;|\t\r\n\ufeff]|\A\Z|\A\s|\s\Z')
# What a spreadsheet takes for a formula (OWASP, "CSV Injection"), unless it is a plain number.
_FORMULA = r"\A[=+\-@\t\r\n\x00\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}]"
_PLAIN_NUMBER = r"\A[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)\z"


class CsvTableWriter(TableWriter):
    """A table as CSV: every cell of the input as it stands there."""

    def __init__(self, path: Path, shape: TableShape, options: WriteOptions, *, separator: str = ",") -> None:
        self._path, self._formula_safe = path, options.formula_safe
        self._width = len(shape.header)
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        names = pl.DataFrame({"name": shape.names})
        if options.bom:
            _write_all(self._file, codecs.BOM_UTF8)
        self._writer = CsvWriter(self._file, self._safe(names)["name"].to_list(), separator)

    def write(self, chunk: TableChunk, added: pl.DataFrame) -> None:
        # Texts stay as they are: a missing one is written as an empty one is.
        new = pl.DataFrame(
            column if column.dtype == pl.String else as_text(column.to_frame()).to_series()
            for column in added.get_columns()
        )
        new.columns = [str(self._width + position) for position in range(new.width)]
        frame = chunk.frame.hstack(new) if self._width else new
        try:
            self._writer.write(self._safe(frame))
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
        cell = pl.all()
        marked = pl.when(looks_like_formula(cell)).then(pl.lit("'") + cell)
        return frame.with_columns(marked.otherwise(cell).name.keep())


def looks_like_formula(cell: pl.Expr) -> pl.Expr:
    """Whether a spreadsheet would take a text for a formula."""
    return cell.str.contains(_FORMULA) & ~cell.str.contains(_PLAIN_NUMBER)


class CsvWriter:
    r"""
    Write a table chunk by chunk: comma, `\n`, no byte order mark.

    Args:
        file: Open for writing bytes; best without a buffer of its own, then they go past Python.
        header: Names of the columns, written as they are.
        separator: Between the cells.
    """

    def __init__(self, file: BinaryIO, header: Sequence[str], separator: str = ",") -> None:
        self._file, self._separator = file, separator
        self._width = len(header)
        _write_all(file, (separator.join(map(_quoted, header)) + "\n").encode())

    def write(self, frame: pl.DataFrame) -> None:
        """
        Write rows.

        Args:
            frame: As many columns as the header has, in its order, all text; null is "".
        """
        if frame.width != self._width:
            raise ValueError(f"{frame.width} columns for a header of {self._width}")
        # A table of one column: an empty cell must be written as "", or its row is a blank line.
        style: Literal["necessary", "always"] = "necessary" if self._width > 1 else "always"
        # An empty text would be written as two quotes, a null as nothing; both read back as "".
        if self._width > 1:
            cells = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
        else:
            cells = frame.fill_null("")
        cells.write_csv(
            self._file,
            include_header=False,
            quote_style=style,
            line_terminator="\n",
            separator=self._separator,
        )


def _write_all(file: BinaryIO, data: bytes) -> None:
    # A file without a buffer may take a part only.
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _quoted(name: str) -> str:
    if not _QUOTED_IN_HEADER.search(name):
        return name
    return '"' + name.replace('"', '""') + '"'
