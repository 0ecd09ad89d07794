"""
CSV in: every cell is text as it stands in the file.

The careful reader is the measure: RFC 4180 with the usual tolerance (bare quotes inside an unquoted cell
are text; any line end; one delimiter for the file). What would shift or lose a cell is an error that
names the line. The fast reader takes a block of the file only after it has proved that all of it is plain
RFC 4180 with the right number of cells in every row, where no two readers can differ; from the first block
that is anything else, the careful reader goes on.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO

import polars as pl

from rowbatch.core.table_options import BadRows, ReadOptions
from rowbatch.errors import TableError, UsageError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.base import ROWS_PER_CHUNK, Table, TableChunk
from rowbatch.tables.bounds import CELL_VARIABLE, max_cell_bytes, max_row_bytes
from rowbatch.tables.compressed import open_binary, unpacked_suffix
from rowbatch.tables.csv_fast import FastReader
from rowbatch.tables.encodings import SAMPLE_BYTES, guess_encoding, is_utf8

_CHARS_PER_CHUNK = 32_000_000
# What a cell of Python takes at least, in a list.
_CHARS_PER_CELL = 8
_DELIMITERS = (",", ";", "\t", "|")
_USUAL_ENCODINGS = ("cp1252 (Windows)", "latin-1", "gb18030 (Chinese)")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FORMATS = (
    (b"%PDF-", "PDF"),
    (b"PAR1\x15", "Parquet"),
    (b"ARROW1\0", "Arrow"),
)
# A new workbook is a zip file, and an old one a compound file, as many others are.
_ZIP, _OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_BLOCK_BYTES = 1 << 20
# A smaller file is read before the fast reader's modules are imported.
_MIN_FAST_BYTES = 500_000
# Bytes that are not of the encoding come as half surrogate pairs, so that the line is known where they stand.
_ESCAPED = "surrogateescape"
_UNDECODABLE = re.compile("[\ud800-\udfff]")
# A record of a broken file; a cell of a whole one may be larger.
_MAX_LENIENT_CHARS = 4_000_000
_LINES_BETWEEN_CHECKS = 1_000


class CsvTable(Table):
    """
    A CSV file whose header was read.

    A line with nothing in it is a row of one empty cell in a table of one column; in any other
    table it may stand at the end of the file only.

    Attributes:
        encoding: Python's name of the encoding.
        delimiter: What separates the cells.
        encoding_guessed: Nothing said which encoding it is: it was guessed by the text.
        on_bad_rows: What happens with broken rows.
    """

    format = "csv"
    # A block of the fast reader is a chunk, unless its rows are very short.
    most_rows = 100_000

    def __init__(
        self,
        path: Path,
        header: tuple[str, ...],
        encoding: str,
        delimiter: str,
        *,
        encoding_guessed: bool = False,
        on_bad_rows: BadRows = "stop",
    ) -> None:
        super().__init__(path, header)
        self.encoding = encoding
        self.delimiter = delimiter
        self.encoding_guessed = encoding_guessed
        self.on_bad_rows = on_bad_rows

    @property
    def guessed_encoding(self) -> str:
        return self.encoding if self.encoding_guessed else ""

    @property
    def reading(self) -> ReadOptions:
        return ReadOptions(encoding=self.encoding, delimiter=self.delimiter, on_bad_rows=self.on_bad_rows)

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        # An object for each cell takes some times the room.
        few = min(rows_per_chunk, ROWS_PER_CHUNK)
        if _is_small(self.path):
            yield from self.careful_chunks(few)
            return

        fast = FastReader(self.path, self.header, self.encoding, self.delimiter)
        first_row = 1
        for frame in fast.frames():
            for part in frame.iter_slices(rows_per_chunk):
                yield TableChunk(first_row, part)
                first_row += part.height
        if fast.is_done:
            return
        if fast.is_transcoded:
            # Bytes of another encoding cannot be counted in UTF-8: from the begin, and the rows are skipped.
            yield from self.careful_chunks(few, skip_rows=first_row - 1)
        else:
            yield from self.careful_chunks(
                few,
                first_row=first_row,
                offset=fast.offset,
                first_line=_line_at(self.path, fast.offset),
            )

    def careful_chunks(
        self,
        rows_per_chunk: int = ROWS_PER_CHUNK,
        *,
        first_row: int = 1,
        offset: int = 0,
        first_line: int = 1,
        skip_rows: int = 0,
    ) -> Iterator[TableChunk]:
        """
        Read with the careful reader alone, from a given place on.

        Args:
            rows_per_chunk: At most so many.
            first_row: Number of the first row that is read.
            offset: Where its record begins, in bytes; 0 means the header comes first.
            first_line: The line there.
            skip_rows: So many rows are read and not given.
        """
        rows: list[list[str]] = []
        chars = 0
        first_row += skip_rows
        with _Records(self.path, self.encoding, self.delimiter, offset, first_line) as records:
            if not offset:
                _header(records)
            for cells in islice(self._rows(records), skip_rows, None):
                rows.append(cells)
                chars += sum(map(len, cells)) + _CHARS_PER_CELL * len(cells)
                if len(rows) >= rows_per_chunk or chars >= _CHARS_PER_CHUNK:
                    yield _chunk(first_row, rows, len(self.header))
                    first_row, chars = first_row + len(rows), 0
                    rows = []
        if rows:
            yield _chunk(first_row, rows, len(self.header))

    def _rows(self, records: _Records) -> Iterator[list[str]]:
        """The rows, each with as many cells as the header; a broken one as `on_bad_rows` says."""
        width, mode = len(self.header), self.on_bad_rows
        if mode != "stop":
            records.be_lenient(width)
        blank_lines: list[int] = []
        for line, record, wrong in records:
            cells, fault = record or ([""] if width == 1 else []), wrong
            if not cells and not fault:
                blank_lines.append(line)
                continue
            for blank in blank_lines:
                if mode == "stop":
                    raise TableError("line-blank", path=str(self.path), line=blank)
                self.bad_rows.add(blank, "the line is empty")
                if mode == "keep":
                    yield [""] * width
            blank_lines.clear()
            if len(cells) != width and not fault:
                if mode == "stop":
                    raise self._ragged(line, cells)
                fault = f"{len(cells):,} cells, but the header has {width:,}"
            if not fault:
                yield cells
                continue
            self.bad_rows.add(line, fault)
            if mode == "keep":
                yield _fitted(cells, width, self.delimiter)

    def _ragged(self, line: int, cells: list[str]) -> TableError:
        return TableError(
            "line-ragged",
            path=str(self.path),
            line=line,
            cells=len(cells),
            width=len(self.header),
            begin=cells[0][:40],
            delimiter=self.delimiter,
        )


def _fitted(cells: list[str], width: int, delimiter: str) -> list[str]:
    """A broken row as far as it can be understood: nothing is lost, and no cell moves to another column."""
    if len(cells) > width:
        # What is too much stays in the last column, as it stands in the file.
        rest = io.StringIO()
        csv.writer(rest, delimiter=delimiter, lineterminator="").writerow(cells[width - 1 :])
        cells = [*cells[: width - 1], rest.getvalue()]
    fitted = [*cells, *[""] * (width - len(cells))]
    # Other programs, and this reader, take no NUL.
    return [cell.replace("\0", "\ufffd") if "\0" in cell else cell for cell in fitted]


def open_csv(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    on_bad_rows: BadRows = "stop",
) -> CsvTable:
    """
    Open a CSV file and read its header.

    Args:
        path: The file; it may be packed.
        encoding: None means what a byte order mark says, UTF-8, or what the text looks like.
        delimiter: None means what the header line has most of: comma, semicolon, tab or bar.
        on_bad_rows: What to do with broken rows, see `ReadOptions`.
    Raises:
        InputError: There is no such file.
        TableError: It is empty, not text in that encoding, or broken.
        UsageError: There is no such encoding, or the delimiter is not one character.
    """
    try:
        with open_binary(path) as file:
            head = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    _require_text(path, head)
    marked = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    guessed = False
    if encoding is not None:
        encoding = _known_encoding(encoding, marked)
    elif marked is not None:
        encoding = marked
    elif is_utf8(head, is_whole=len(head) < SAMPLE_BYTES) and not _looks_wide(head):
        encoding = "utf-8"
    else:
        encoding, guessed = _guessed(path, head), True
    if delimiter is None:
        delimiter = _delimiter_of(path, head, encoding)
    elif delimiter in ("\\t", "tab"):
        delimiter = "\t"
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError("delimiter-not-one-character")
    with _Records(path, encoding, delimiter) as records:
        header = _header(records)
    if header is None:
        raise TableError("file-empty", path=str(path))
    return CsvTable(
        path, tuple(header), encoding, delimiter, encoding_guessed=guessed, on_bad_rows=on_bad_rows
    )


def _header(records: _Records) -> list[str] | None:
    # Blank lines above the header carry nothing that could be lost.
    return next((record for _, record, _ in records if record), None)


def _looks_wide(head: bytes) -> bool:
    """UTF-16 of plain English is UTF-8 too, full of NUL bytes."""
    return b"\0" in head[:4096] and guess_encoding(head).encoding in ("utf-16-le", "utf-16-be")


def _guessed(path: Path, head: bytes) -> str:
    guess = guess_encoding(head)
    if guess.encoding is not None:
        return guess.encoding
    line, byte = _first_undecodable(path, "utf-8") or (None, None)
    raise TableError(
        "encoding-unknown" if line is None else "encoding-unknown-at",
        path=str(path),
        line=line,
        byte=byte,
        candidates=guess.candidates or _USUAL_ENCODINGS,
    )


def _known_encoding(encoding: str, marked: str | None) -> str:
    try:
        name = codecs.lookup(encoding).name
        # Some names of Python's are no encodings of text (base64), or none of files (idna).
        io.TextIOWrapper(io.BytesIO(b""), encoding=name).read()
        codecs.getincrementaldecoder(name)("replace").decode(b"")
    except (LookupError, ValueError):
        raise UsageError("no-such-encoding", encoding=encoding) from None
    if name == "utf-8":
        return "utf-8-sig"
    # A byte order mark that is there is no part of the first name.
    return marked if marked and name.startswith(marked) else name


def _is_small(path: Path) -> bool:
    try:
        return path.stat().st_size < _MIN_FAST_BYTES
    except OSError:
        # What is wrong with it is said when it is opened.
        return True


def _line_at(path: Path, offset: int) -> int:
    """Line of the file at an offset, from 1."""
    line, left = 1, offset
    with open_binary(path) as file:
        while left and (block := file.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
            if block.endswith(b"\r") and left:
                block += file.read(1)
                left -= 1
            line += _count_lines(block)
    return line


def _count_lines(block: bytes) -> int:
    """Line ends as text mode counts them; the block does not end between the two of a pair."""
    return block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n")


class _NeverClosed(Exception):
    """A record goes on and on: its quote is never closed."""


class _RowTooLong(Exception):
    """A record goes on and on, in cells none of which is too long, or in a line that has no end."""


class _Lines:
    """Lines of a text, which can be pushed back; those of the record that is being read are kept."""

    def __init__(self, text: IO[str], number: int, most: int) -> None:
        self._text, self._most = text, most
        self._pushed: Iterator[str] = iter(())
        self.number = number
        """Of the next line."""
        self.record: list[str] = []
        self.limit: int | None = None
        """Characters of a record, beyond which it is broken off."""
        self._chars = 0

    def begin_record(self) -> None:
        self.record, self._chars = [], 0

    def push_back(self, lines: list[str]) -> None:
        self._pushed = chain(lines, self._pushed)
        self.number -= len(lines)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._pushed, None)
        if line is None:
            if not self.number % _LINES_BETWEEN_CHECKS:
                require_wanted()
            line = self._text.readline(self._most)
            if not line:
                raise StopIteration
        self.number += 1
        self.record.append(line)
        self._chars += len(line)
        if self.limit is not None and self._chars > self.limit and len(self.record) > 1:
            raise _NeverClosed
        if self._chars >= self._most:
            raise _RowTooLong
        return line


class _Records:
    """
    A file's records: the line each begins at, its cells, and what is wrong with it.

    Unless it is lenient nothing is wrong with any: errors come out as `TableError`.
    """

    def __init__(
        self, path: Path, encoding: str, delimiter: str, offset: int = 0, first_line: int = 1
    ) -> None:
        self._path, self._encoding, self._delimiter = path, encoding, delimiter
        self._offset, self._first_line = offset, first_line
        self._text: IO[str] | None = None
        self._records: Iterator[tuple[int, list[str], str]] = iter(())
        self._lenient_width: int | None = None
        self._most = max_row_bytes()

    def __enter__(self) -> _Records:
        self._text = self._open()
        self._records = self._read(_Lines(self._text, self._first_line, self._most))
        return self

    def __exit__(self, *_: object) -> None:
        if self._text is not None:
            self._text.close()

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> tuple[int, list[str], str]:
        return next(self._records)

    def be_lenient(self, width: int) -> None:
        """
        From here on give what is broken as far as it can be understood, and say what is wrong.

        Args:
            width: So many cells has a record that is not broken.
        """
        self._lenient_width = width

    def _open(self) -> IO[str]:
        try:
            file = open_binary(self._path)
            file.seek(self._offset)
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error
        # A mark is one at the begin of the file only.
        encoding = self._encoding.removesuffix("-sig") if self._offset else self._encoding
        return io.TextIOWrapper(file, encoding=encoding, errors=_ESCAPED, newline="")

    def _read(self, lines: _Lines) -> Iterator[tuple[int, list[str], str]]:
        # csv holds a cell as four bytes a character, and an open quote makes a cell of all the rest.
        csv.field_size_limit(max_cell_bytes())
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        try:
            while True:
                line, fault = lines.number, ""
                lines.begin_record()
                lines.limit = None if self._lenient_width is None else _MAX_LENIENT_CHARS
                record: list[str] | None
                try:
                    record = next(reader, None)
                    self._require_no_swallowed_rows(lines.record, record)
                except _RowTooLong as error:
                    raise self._row_too_long(line) from error
                except (csv.Error, _NeverClosed) as error:
                    if self._lenient_width is None and isinstance(error, csv.Error):
                        self._require_clean(lines.record, line)
                        raise self._translated(error, line, lines.number - 1) from error
                    record, fault = self._understood(lines, error)
                    reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
                if record is None:
                    return
                if self._lenient_width is None:
                    self._require_clean(lines.record, line)
                    yield line, record, ""
                else:
                    yield (line, *self._cleaned(record, fault or self._dirt(lines.record)))
        except UnicodeError as error:
            raise self._not_decodable(str(error)) from error
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error

    def _understood(self, lines: _Lines, error: Exception) -> tuple[list[str], str]:
        """The cells of a broken record, and what is wrong."""
        record = lines.record
        if "expected after" in str(error) and not self._swallowed_rows(record):
            lenient = csv.reader(record, delimiter=self._delimiter)
            return next(lenient, []), "text after a closing quote"
        # Only the line where it begins is broken; what was taken for a part of its cell are rows.
        lines.push_back(record[1:])
        del record[1:]
        literal = csv.reader(record, delimiter=self._delimiter, quoting=csv.QUOTE_NONE)
        return next(literal, []), "a quote is opened and never closed"

    def _require_no_swallowed_rows(self, lines: list[str], record: list[str] | None) -> None:
        if record is not None and self._swallowed_rows(lines, len(record)):
            raise _NeverClosed

    def _swallowed_rows(self, record: list[str], cells: int | None = None) -> bool:
        """
        Whether a broken record took rows for a part of its cell, as after a quote that closes in a later one.

        Args:
            record: Its lines.
            cells: How many were found; None when they could not be.
        """
        width = self._lenient_width
        if width in (None, 1, cells) or len(record) == 1:
            return False
        for line in record[1:]:
            try:
                if len(next(csv.reader([line], delimiter=self._delimiter, strict=True), [])) == width:
                    return True
            except csv.Error:
                continue
        return False

    def _require_clean(self, record: list[str], line: int) -> None:
        for number, text in enumerate(record, start=line):
            if "\0" in text:
                raise TableError("line-has-nul", path=str(self._path), line=number)
            if not text.isascii() and _UNDECODABLE.search(text):
                raise self._not_decodable("")

    def _dirt(self, record: list[str]) -> str:
        """What is in a record that should not be in a text; or ""."""
        if any("\0" in text for text in record):
            return "a NUL byte"
        if any(not text.isascii() and _UNDECODABLE.search(text) for text in record):
            return f"a byte that is not {self._encoding.removesuffix('-sig').upper()}"
        return ""

    @staticmethod
    def _cleaned(record: list[str], fault: str) -> tuple[list[str], str]:
        return ([_UNDECODABLE.sub("\ufffd", cell) for cell in record] if fault else record), fault

    def _translated(self, error: csv.Error, line: int, last_line: int) -> TableError:
        text, path = str(error), str(self._path)
        if "unexpected end of data" in text:
            return TableError("quote-not-closed", path=path, line=self._line_of_open_quote(line))
        if "field larger than" in text:
            line = self._line_of_open_quote(line)
            return TableError(
                "cell-too-long", path=path, line=line, most=max_cell_bytes(), variable=CELL_VARIABLE
            )
        if "expected after" in text:
            return TableError("text-after-quote", path=path, line=last_line, delimiter=self._delimiter)
        return TableError("csv-line-broken", path=path, line=line, told=text)

    def _row_too_long(self, line: int) -> TableError:
        return TableError(
            "row-too-long", path=str(self._path), line=line, most=self._most, variable=CELL_VARIABLE
        )

    def _line_of_open_quote(self, line: int) -> int:
        """Where the last quoted cell of the record that begins at `line` begins."""
        opened, quoted, chars = line, False, 0
        with self._open() as text:
            lines = iter(lambda: text.readline(self._most), "")
            for number, content in enumerate(lines, start=self._first_line):
                if number < line:
                    continue
                at = 0
                if number == line and content.startswith('"'):
                    quoted, at = True, 1
                while True:
                    if not quoted:
                        begin = content.find(self._delimiter + '"', at)
                        if begin < 0:
                            break
                        opened, quoted, at = number, True, begin + 2
                    end = content.find('"', at)
                    if end < 0:
                        break
                    quoted = content.startswith('"', end + 1)
                    at = end + 1 + quoted
                chars += len(content)
                if chars > self._most:
                    break
        return opened

    def _not_decodable(self, why: str) -> TableError:
        path, name = str(self._path), self._encoding.removesuffix("-sig").upper()
        place = _first_undecodable(self._path, self._encoding)
        if place is None:
            if "BOM" in why:
                return TableError("byte-order-mark-missing", path=path, encoding=name, told=why)
            if why:
                return TableError("not-of-encoding-told", path=path, encoding=name, told=why)
            return TableError("not-of-encoding", path=path, encoding=name)
        guess = _another_encoding(self._path)
        return TableError(
            "bytes-of-another-encoding" if guess else "bytes-not-of-encoding",
            path=path,
            line=place[0],
            byte=place[1],
            encoding=name,
            guess=guess,
        )


def _another_encoding(path: Path) -> str | None:
    """Which encoding a file looks like that is not UTF-8; None where nobody can tell."""
    with open_binary(path) as file:
        head = file.read(SAMPLE_BYTES)
    return None if is_utf8(head, is_whole=len(head) < SAMPLE_BYTES) else guess_encoding(head).encoding


def _first_undecodable(path: Path, encoding: str) -> tuple[int, int] | None:
    if encoding.startswith(("utf-16", "utf-32")):
        return None
    number, most = 1, max_row_bytes()
    with open_binary(path) as file:
        while line := file.readline(most):
            try:
                line.decode(encoding)
            except UnicodeError as error:
                # A few of Python's codecs (punycode) do not say where.
                if not isinstance(error, UnicodeDecodeError):
                    return None
                before = line[: error.start]
                return number + before.count(b"\r"), error.start - before.rfind(b"\r")
            number += _count_lines(line)
    return None


def _require_text(path: Path, head: bytes) -> None:
    for mark, name in _OTHER_FORMATS:
        if head.startswith(mark):
            raise TableError("not-csv", path=str(path), found=name)
    if head.startswith(_ZIP):
        raise TableError("not-csv-but-zip", path=str(path))
    if head.startswith(_OFFICE):
        raise TableError("not-csv-but-office", path=str(path))
    if not head:
        raise TableError("file-empty", path=str(path))


def _delimiter_of(path: Path, head: bytes, encoding: str) -> str:
    if unpacked_suffix(path) in (".tsv", ".tab"):
        return "\t"
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    except UnicodeError:
        # What is wrong with it is said when the header is read.
        return ","
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
