"""
CSV in: every cell is text as it stands in the file.

One careful reader: RFC 4180 with the usual tolerance (bare quotes inside an unquoted cell are text; any
line end; one delimiter for the file). What would shift or lose a cell is an error that names the line.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

from rowbatch.errors import TableError, UsageError, from_os_error

ROWS_PER_CHUNK = 20_000
_CHARS_PER_CHUNK = 32_000_000
_DELIMITERS = (",", ";", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "Zstandard"), (b"PK\x03\x04", "zip or Excel"))


@dataclass(frozen=True, slots=True)
class TableChunk:
    """
    Consecutive rows.

    Attributes:
        first_row: Number of the first one, from 1.
        frame: Columns named by their position ("0", "1", …), all text, never null.
    """

    first_row: int
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True)
class CsvTable:
    """
    A CSV file whose header was read.

    Attributes:
        path: The file.
        header: Names of the columns as they stand; may be empty, or stand twice.
        encoding: Python's name of the encoding.
        delimiter: What separates the cells.
    """

    path: Path
    header: tuple[str, ...]
    encoding: str
    delimiter: str

    def column(self, name: str) -> int:
        """
        Position of a column.

        Raises:
            TableError: There is none of that name, or more than one.
        """
        found = [position for position, header in enumerate(self.header) if header == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise TableError(
                f"{self.path} has {len(found)} columns named {name!r}: number "
                + ", ".join(str(position + 1) for position in found),
                path=str(self.path),
                column=name,
                hint="give them different names in the header line",
            )
        near = difflib.get_close_matches(name, self.header, n=1, cutoff=0.5)
        spelt = [header for header in self.header if header.strip().casefold() == name.strip().casefold()]
        guess = (spelt or near)[:1]
        raise TableError(
            f"{self.path} has no column {name!r}" + (f"; did you mean {guess[0]!r}?" if guess else ""),
            path=str(self.path),
            column=name,
            hint="its columns are: " + ", ".join(map(repr, self.header[:40])),
        )

    def chunks(self, rows_per_chunk: int = ROWS_PER_CHUNK) -> Iterator[TableChunk]:
        """
        Read the rows, from the first one.

        A line with nothing in it is a row of one empty cell in a table of one column; in any other
        table it may stand at the end of the file only.

        Args:
            rows_per_chunk: At most so many; fewer when the cells are long.
        Yields:
            Chunks in order; at least one.
        Raises:
            TableError: The file is broken, with its line; or it has no rows.
        """
        width = len(self.header)
        rows: list[list[str]] = []
        first_row, chars = 1, 0
        with self._open() as (records, _):
            next(records)
            blank_line = 0
            for line, record in records:
                cells = record or ([""] if width == 1 else [])
                if not cells:
                    blank_line = blank_line or line
                    continue
                if blank_line:
                    raise self._broken(blank_line, "the line is empty, in the middle of the table")
                if len(cells) != width:
                    raise self._ragged(line, cells)
                rows.append(cells)
                chars += sum(map(len, cells))
                if len(rows) >= rows_per_chunk or chars >= _CHARS_PER_CHUNK:
                    yield _chunk(first_row, rows, width)
                    first_row, chars = first_row + len(rows), 0
                    rows = []
        if rows:
            yield _chunk(first_row, rows, width)
        elif first_row == 1:
            raise TableError(
                f"{self.path} has a header but no rows", path=str(self.path), hint="is it the right file?"
            )

    def _open(self) -> _Records:
        return _Records(self.path, self.encoding, self.delimiter)

    def _broken(self, line: int, what: str, hint: str = "") -> TableError:
        return TableError(
            f"{self.path}, line {line:,}: {what}",
            path=str(self.path),
            line=line,
            hint=hint or "mend the line; nothing was read past it",
        )

    def _ragged(self, line: int, cells: list[str]) -> TableError:
        cell = f"begins with {cells[0][:40]!r}"
        return self._broken(
            line,
            f"{len(cells):,} cells, but the header has {len(self.header):,} (the row {cell})",
            "a cell that holds the delimiter or a line break must stand in double quotes; "
            f"the delimiter was taken to be {self.delimiter!r} (--delimiter)",
        )


def open_table(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> CsvTable:
    """
    Open a CSV file and read its header.

    Args:
        path: The file.
        encoding: None means UTF-8, or what a byte order mark says.
        delimiter: None means what the header line has most of: comma, semicolon, tab or bar.
    Raises:
        InputError: There is no such file.
        TableError: It is empty, not text in that encoding, or broken.
        UsageError: There is no such encoding, or the delimiter is not one character.
    """
    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    _require_text(path, head)
    if encoding is None:
        encoding = next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")
    else:
        try:
            encoding = codecs.lookup(encoding).name
        except LookupError:
            raise UsageError(
                f"there is no encoding {encoding!r}", hint="for example: utf-8, latin-1, cp1252, gb18030"
            ) from None
        if encoding == "utf-8":
            encoding = "utf-8-sig"
    if delimiter is None:
        delimiter = _delimiter_of(path, head, encoding)
    elif delimiter in ("\\t", "tab"):
        delimiter = "\t"
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError(
            "a delimiter is one character", hint="for example: --delimiter ';' or --delimiter tab"
        )
    with _Records(path, encoding, delimiter) as (records, _):
        first = next(records, None)
        # Blank lines above the header carry nothing that could be lost.
        while first is not None and not first[1]:
            first = next(records, None)
    if first is None:
        raise TableError(f"{path} is empty", path=str(path), hint="is it the right file?")
    return CsvTable(path, tuple(first[1]), encoding, delimiter)


class _Records:
    """A file's records with the line each begins at; errors come out as `TableError`."""

    def __init__(self, path: Path, encoding: str, delimiter: str) -> None:
        self._path, self._encoding, self._delimiter = path, encoding, delimiter
        self._text: IO[str] | None = None

    def __enter__(self) -> tuple[Iterator[tuple[int, list[str]]], IO[str]]:
        try:
            self._text = self._path.open("r", encoding=self._encoding, newline="")
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error
        return self._read(self._text), self._text

    def __exit__(self, *_: object) -> None:
        if self._text is not None:
            self._text.close()

    def _read(self, text: IO[str]) -> Iterator[tuple[int, list[str]]]:
        # A cell may be as long as the file.
        csv.field_size_limit(0x7FFF_FFFF)
        reader = csv.reader(self._lines(text), delimiter=self._delimiter, strict=True)
        line = 1
        try:
            for record in reader:
                yield line, record
                line = reader.line_num + 1
        except csv.Error as error:
            raise self._translated(error, line, reader.line_num) from error
        except UnicodeError as error:
            raise self._not_decodable(error) from error
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error

    def _lines(self, text: IO[str]) -> Iterator[str]:
        for number, line in enumerate(text, start=1):
            if "\0" in line:
                raise TableError(
                    f"{self._path}, line {number:,}: it holds a NUL byte",
                    path=str(self._path),
                    line=number,
                    hint="is it a text file, and is the encoding right (--encoding)?",
                )
            yield line

    def _translated(self, error: csv.Error, line: int, last_line: int) -> TableError:
        text = str(error)
        if "unexpected end of data" in text:
            what = "a quote is opened in this row and never closed"
        elif "expected after" in text:
            line = last_line
            what = f"text after a closing quote, where {self._delimiter!r} or the end of the line should be"
        else:
            what = text
        return TableError(
            f"{self._path}, line {line:,}: {what}",
            path=str(self._path),
            line=line,
            hint='a double quote inside a quoted cell is written twice: "she said ""no"""',
        )

    def _not_decodable(self, error: UnicodeError) -> TableError:
        name = self._encoding.removesuffix("-sig").upper()
        place = _first_undecodable(self._path, self._encoding)
        where = f", line {place[0]:,}, byte {place[1]:,} of the line" if place else ""
        return TableError(
            f"{self._path}{where}: not {name}" + ("" if place else f" ({error})"),
            path=str(self._path),
            line=place[0] if place else None,
            hint="say which encoding it has, as in --encoding cp1252 (Windows), latin-1, gb18030 (Chinese)",
        )


def _first_undecodable(path: Path, encoding: str) -> tuple[int, int] | None:
    if encoding.startswith(("utf-16", "utf-32")):
        return None
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return number, error.start + 1
    return None


def _require_text(path: Path, head: bytes) -> None:
    for mark, name in _COMPRESSED:
        if head.startswith(mark):
            raise TableError(
                f"{path} is not a CSV file: it is {name} data",
                path=str(path),
                hint="unpack it, or save the sheet as CSV (UTF-8)",
            )
    if not head:
        raise TableError(f"{path} is empty", path=str(path), hint="is it the right file?")


def _delimiter_of(path: Path, head: bytes, encoding: str) -> str:
    if path.suffix.lower() in (".tsv", ".tab"):
        return "\t"
    text = io.TextIOWrapper(io.BytesIO(head), encoding=encoding, errors="replace", newline="").read()
    counts, quoted, started = dict.fromkeys(_DELIMITERS, 0), False, False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif character in "\r\n" and not quoted:
            if started:
                break
            continue
        elif character in counts and not quoted:
            counts[character] += 1
        started = True
    return max(_DELIMITERS, key=lambda delimiter: counts[delimiter])


def _chunk(first_row: int, rows: list[list[str]], width: int) -> TableChunk:
    columns = zip(*rows, strict=True)
    frame = pl.DataFrame(
        [pl.Series(str(i), column, dtype=pl.String) for i, column in zip(range(width), columns, strict=True)]
    )
    return TableChunk(first_row, frame)
