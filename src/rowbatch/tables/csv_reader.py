"""
CSV in: every cell is text as it stands in the file.

The careful reader is the measure: RFC 4180 with the usual tolerance (bare quotes inside an unquoted cell
are text; any line end; one delimiter for the file). What would shift or lose a cell is an error that
names the line. The fast reader takes a block of the file only after it has proved that all of it is plain
RFC 4180 with the right number of cells in every row, where no two readers can differ; from the first block
that is anything else, the careful reader goes on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Unpack

import polars as pl

from rowbatch.core.table_options import FIRST, NONE, ReadingKeywords, ReadOptions, reading_of
from rowbatch.errors import TableError, UsageError, from_os_error
from rowbatch.kernels.machine import Machine
from rowbatch.tables.base import ROWS_PER_CHUNK, Table, TableChunk
from rowbatch.tables.compressed import members_of_tar, open_binary, unpacked_suffix
from rowbatch.tables.csv_cells import CellReader
from rowbatch.tables.csv_encoding import count_lines, find_encoding, find_telling
from rowbatch.tables.csv_fast import FastReader
from rowbatch.tables.csv_header import read_header
from rowbatch.tables.csv_layout import CsvLayout
from rowbatch.tables.csv_look import (
    QUOTE,
    Dialect,
    find_delimiter,
    find_dialect,
    first_lines,
    most_in_first_line,
    refuse_other_forms,
    said_delimiter,
)
from rowbatch.tables.csv_records import Records
from rowbatch.tables.csv_ways import find_note_below
from rowbatch.tables.encodings import SAMPLE_BYTES, EncodingGuess
from rowbatch.tables.header import kind_of
from rowbatch.words.notice import Notice

_CHARS_PER_CHUNK = 32_000_000
# What a cell of Python takes at least, in a list.
_CHARS_PER_CELL = 8
_OTHER_FORMATS = (
    (b"%PDF-", "PDF"),
    (b"PAR1\x15", "Parquet"),
    (b"ARROW1\0", "Arrow"),
    # These are in a packed file; by themselves they are read.
    (b"$FL2", "SPSS"),
    (b"$FL3", "SPSS"),
    (b"<stata_dta>", "Stata"),
    (b"q\x02\x01\0", "Stata"),
    (b"r\x02\x01\0", "Stata"),
    (b"s\x02\x01\0", "Stata"),
    (b"HEADER RECORD*******", "SAS"),
    (b"RDX2\n", "R"),
    (b"RDX3\n", "R"),
    (b"X\n\0\0\0", "R"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"BZh91AY&SY", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x5d\0\0", "LZMA"),
)
_ARCHIVES = ((0, b"7z\xbc\xaf\x27\x1c", "7-Zip"), (0, b"Rar!\x1a\x07", "RAR"))
# What people have beside tables: where its mark stands, the mark, and what it is called.
_DATABASES = ((0, b"SQLite format 3\0", "SQLite"),)
_DOCUMENTS = ((0, b"{\\rtf", "RTF"),)
_PICTURES = (
    (0, b"\x89PNG\r\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF89a", "GIF"),
    (8, b"WEBPVP8", "WebP"),
)
_RECORDINGS = (
    (0, b"ID3\2", "MP3"),
    (0, b"ID3\3", "MP3"),
    (0, b"ID3\4", "MP3"),
    (0, b"OggS\0", "Ogg"),
    (0, b"fLaC\0", "FLAC"),
    (4, b"ftyp", "MP4"),
    (8, b"WAVEfmt ", "WAV"),
)
# A tar file says so in the header of its first member.
_TAR, _TAR_AT = b"ustar", 257
# A new workbook is a zip file, and an old one a compound file, as many others are.
_ZIP, _OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_BLOCK_BYTES = 1 << 20
# A smaller file is read before the fast reader's modules are imported.
_MIN_FAST_BYTES = 500_000
_HEADER_AGAIN = "the header stands here once more"
_NO_DELIMITER = "a quoted cell begins without a delimiter before it"


class CsvTable(Table):
    """
    A CSV file whose header was read.

    A line with nothing in it is a row of one empty cell in a table of one column; in any other
    table it may stand at the end of the file only.

    Attributes:
        layout: How it is read.
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
        layout: CsvLayout,
        reading: ReadOptions,
        *,
        encoding_guessed: bool = False,
        notes: tuple[Notice, ...] = (),
    ) -> None:
        super().__init__(path, header, notes=notes)
        self.layout = layout
        self.encoding, self.delimiter = layout.encoding, layout.dialect.delimiter
        self.encoding_guessed = encoding_guessed
        self.on_bad_rows = reading.on_bad_rows
        self._reading = reading

    @property
    def is_text(self) -> bool:
        return True

    @property
    def guessed_encoding(self) -> str:
        return self.encoding if self.encoding_guessed else ""

    @property
    def reading(self) -> ReadOptions:
        return self._reading

    @property
    def _may_meet_header(self) -> bool:
        # In a single column its name may be a value.
        return (
            not self.layout.as_before
            and len(self.header) > 1
            and all(kind_of(name) == "text" for name in self.header)
        )

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        # An object for each cell takes some times the room.
        few = min(rows_per_chunk, ROWS_PER_CHUNK)
        layout = self.layout
        if _is_small(self.path) or not layout.dialect.is_plain:
            yield from self.careful_chunks(few)
            return
        fast = FastReader(
            self.path,
            self.header,
            self.encoding,
            self.delimiter,
            skip_lines=layout.lines_above,
            member=layout.member,
            has_trailing=layout.has_trailing,
            stops_at_header=self._may_meet_header,
        )
        first_row = 1
        for frame in fast.frames():
            for part in frame.iter_slices(rows_per_chunk):
                yield TableChunk(first_row, part)
                first_row += part.height
        yield from self.chunks_after(fast, first_row, few)

    @property
    def is_large(self) -> bool:
        """Whether a fast way is worth its start."""
        return not _is_small(self.path)

    def cells(self, machine: Machine, block_bytes: int | None = None) -> CellReader:
        """What finds the cells of the rows where they lie, as far as they are plain; see there."""
        return CellReader(
            machine,
            self.path,
            self.header,
            self.layout,
            stops_at_header=self._may_meet_header,
            block_bytes=block_bytes,
        )

    def chunks_after(
        self, fast: FastReader | CellReader, first_row: int, rows_per_chunk: int = ROWS_PER_CHUNK
    ) -> Iterator[TableChunk]:
        """
        What a fast reader has left, by the careful one.

        Args:
            fast: It has stopped.
            first_row: Number of the first row that it has not read.
            rows_per_chunk: At most so many.
        """
        if fast.is_done:
            return
        if fast.is_transcoded or not fast.offset:
            # Bytes of another encoding cannot be counted in UTF-8: from the begin, and the rows are skipped.
            yield from self.careful_chunks(rows_per_chunk, skip_rows=first_row - 1)
        else:
            yield from self.careful_chunks(
                rows_per_chunk,
                first_row=first_row,
                offset=fast.offset,
                first_line=_line_at(self.path, fast.offset, self.layout.member),
            )

    def _first_rows(self, count: int) -> list[tuple[str, ...]]:
        # The fast reader would read a whole block.
        with Records(self.path, self.layout, 0, 1, skip_lines=self.layout.lines_above) as records:
            return [tuple(cells) for cells in islice(self._rows(records), count)]

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
            offset: Where its record begins, in bytes; 0 means that the lines above the rows come first.
            first_line: The line there.
            skip_rows: So many rows are read and not given.
        """
        rows: list[list[str]] = []
        chars = 0
        first_row += skip_rows
        above = 0 if offset else self.layout.lines_above
        with Records(self.path, self.layout, offset, first_line, skip_lines=above) as records:
            for cells in islice(self._rows(records), skip_rows, None):
                rows.append(cells)
                chars += sum(map(len, cells)) + _CHARS_PER_CELL * len(cells)
                if len(rows) >= rows_per_chunk or chars >= _CHARS_PER_CHUNK:
                    yield _chunk(first_row, rows, len(self.header))
                    first_row, chars = first_row + len(rows), 0
                    rows = []
        if rows:
            yield _chunk(first_row, rows, len(self.header))

    def _rows(self, records: Records) -> Iterator[list[str]]:
        """The rows, each with as many cells as the header; a broken one as `on_bad_rows` says."""
        width, mode, has_trailing = len(self.header), self.on_bad_rows, self.layout.has_trailing
        records.expect(width)
        if mode != "stop":
            records.be_lenient(width + has_trailing)
        names = list(self.header) if self._may_meet_header else None
        seeks_quotes = not self.layout.as_before
        blank_lines: list[int] = []
        for line, record, wrong in records:
            cells = record or ([""] if width == 1 else [])
            if not cells and not wrong:
                blank_lines.append(line)
                continue
            for blank in blank_lines:
                self._meet(records, blank, [], "the line is empty")
                if mode == "keep":
                    yield [""] * width
            blank_lines.clear()
            if has_trailing and len(cells) == width + 1 and not cells[-1]:
                cells = cells[:-1]
            fault = wrong
            if fault:
                pass
            elif len(cells) != width:
                fault = f"{len(cells):,} cells, but the header has {width:,}"
            elif cells == names:
                fault = _HEADER_AGAIN
            elif seeks_quotes and records.lacks_delimiter(cells):
                fault = _NO_DELIMITER
            if not fault:
                yield cells
                continue
            self._meet(records, line, cells, fault)
            if mode == "keep" or (mode == "stop" and fault == _HEADER_AGAIN):
                yield _fitted(cells, width, self.delimiter)

    def _meet(self, records: Records, line: int, cells: list[str], fault: str) -> None:
        """
        Count a broken row.

        Raises:
            TableError: One stops the reading.
        """
        # A row may hold what the names are: it is a row until somebody says that it is none.
        if self.on_bad_rows == "stop" and fault == _HEADER_AGAIN:
            self.bad_rows.add(line, f"{fault}; it is kept as a row (--on-bad-rows skip leaves it out)")
            return
        if self.on_bad_rows != "stop":
            self.bad_rows.add(line, fault)
            return
        path, delimiter = str(self.path), self.delimiter
        if fault == _NO_DELIMITER:
            raise TableError("delimiter-before-quote-missing", path=path, line=line, delimiter=delimiter)
        self._require_no_note(records, line)
        if not cells:
            raise TableError("line-blank", path=path, line=line, way=records.way(line))
        raise TableError(
            "line-ragged",
            path=path,
            line=line,
            cells=len(cells),
            width=len(self.header),
            begin=cells[0][:40],
            delimiter=delimiter,
            way=records.way(line),
        )

    def _require_no_note(self, records: Records, line: int) -> None:
        """
        Say that a note stands below the table.

        Raises:
            TableError: From this line to the end of the file there are lines of one cell only.
        """
        found = find_note_below(records.lines_from(line), self.layout.dialect, len(self.header))
        if found is not None:
            raise TableError(
                "note-below-table", path=str(self.path), line=line, count=found[0], begin=found[1]
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


def open_csv(path: Path, *, member: str = "", **said: Unpack[ReadingKeywords]) -> CsvTable:
    """
    Open a CSV file and read its header.

    Args:
        path: The file; it may be packed.
        member: Of a zip file: which of the files in it.
        said: How to read it, see `ReadOptions`. What is left open is found out: the encoding by a byte order
            mark, or by the text; the delimiter, the quotes and the header by the first lines.
    Raises:
        InputError: There is no such file.
        TableError: It is empty, not text in that encoding, no table, or broken.
        UsageError: There is no such encoding, or the delimiter is not one character.
    """
    options = reading_of(said)
    try:
        with open_binary(path, member) as file:
            head = file.read(SAMPLE_BYTES)
            telling = head if options.encoding else find_telling(file, head)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    _require_text(path, head)
    encoding, guess = find_encoding(path, head, telling, options.encoding, member)
    as_before = options.header == FIRST
    lines = first_lines(head, encoding)[options.skip_rows :]
    if not as_before:
        refuse_other_forms(path, lines)
    notes = _notes_of(guess)
    dialect = _dialect_of(path, lines, options, notes, member)
    layout = CsvLayout(encoding, dialect, member, as_before=as_before)
    header, layout, reading = read_header(path, lines, layout, options, notes)
    reading = replace(
        reading,
        encoding=encoding,
        delimiter=dialect.delimiter,
        sheet=member or None,
        # What blanks before quotes are is found out again.
        quote=options.quote if dialect.skips_blanks else dialect.quote or NONE,
        escape=options.escape if dialect.skips_blanks else dialect.escape or NONE,
        program=None,
    )
    if as_before:
        reading = replace(reading, quote=options.quote, escape=options.escape)
    return CsvTable(path, header, layout, reading, encoding_guessed=guess is not None, notes=tuple(notes))


def _notes_of(guess: EncodingGuess | None) -> list[Notice]:
    if guess is None or not guess.readings:
        return []
    (first, one), (second, other) = guess.readings
    return [Notice("note-two-readings", {"first": first, "one": one, "second": second, "other": other})]


def _dialect_of(
    path: Path, lines: list[str], options: ReadOptions, notes: list[Notice], member: str
) -> Dialect:
    """How cells are told apart, as far as it is said, or found in the first lines."""
    delimiter = options.delimiter
    as_before = options.header == FIRST
    says = None if as_before or not lines else said_delimiter(lines[0])
    if delimiter in ("\\t", "tab"):
        delimiter = "\t"
    elif delimiter is None and says is not None:
        delimiter = says
    elif delimiter is None and (unpacked_suffix(Path(member) if member else path) in (".tsv", ".tab")):
        delimiter = "\t"
    elif delimiter is None:
        delimiter = most_in_first_line(lines) if as_before else find_delimiter(lines)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError("delimiter-not-one-character")
    if options.quote is not None or options.escape is not None or as_before:
        quote = {None: QUOTE, NONE: ""}.get(options.quote, options.quote or "")
        escape = "" if options.escape in (None, NONE) else options.escape
        return Dialect(delimiter, quote, escape or "")
    found = find_dialect(lines[1:] if says is not None else lines, delimiter)
    if found.quote != QUOTE:
        notes.append(Notice("note-quote", {"quote": found.quote}))
    if found.escape:
        notes.append(Notice("note-escape", {"escape": found.escape}))
    if found.skips_blanks:
        notes.append(Notice("note-blanks-before-quotes"))
    return found


def _is_small(path: Path) -> bool:
    try:
        return path.stat().st_size < _MIN_FAST_BYTES
    except OSError:
        # What is wrong with it is said when it is opened.
        return True


def _line_at(path: Path, offset: int, member: str) -> int:
    """Line of the file at an offset, from 1."""
    line, left = 1, offset
    with open_binary(path, member) as file:
        while left and (block := file.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
            if block.endswith(b"\r") and left:
                block += file.read(1)
                left -= 1
            line += count_lines(block)
    return line


def _marked(head: bytes, marks: tuple[tuple[int, bytes, str], ...]) -> str | None:
    """What a file that begins so is called, where it is one of some kinds."""
    return next((name for at, mark, name in marks if head[at:].startswith(mark)), None)


def _require_text(path: Path, head: bytes) -> None:
    if found := _marked(head, _ARCHIVES):
        raise TableError("archive-closed", path=str(path), found=found)
    for mark, name in _OTHER_FORMATS:
        if head.startswith(mark):
            raise TableError("not-csv", path=str(path), found=name)
    if found := _marked(head, _DATABASES):
        raise TableError("not-csv-but-database", path=str(path), found=found)
    if found := _marked(head, _DOCUMENTS):
        raise TableError("not-csv-but-document", path=str(path), found=found)
    if found := _marked(head, _PICTURES):
        raise TableError("not-csv-but-picture", path=str(path), found=found)
    if found := _marked(head, _RECORDINGS):
        raise TableError("not-csv-but-recording", path=str(path), found=found)
    if head.startswith(_ZIP):
        raise TableError("not-csv-but-zip", path=str(path))
    if head.startswith(_OFFICE):
        raise TableError("not-csv-but-office", path=str(path))
    if head[_TAR_AT:].startswith(_TAR):
        raise TableError("archive-with-files", path=str(path), found="tar", members=members_of_tar(path))
    if not head:
        raise TableError("file-empty", path=str(path))


def _chunk(first_row: int, rows: list[list[str]], width: int) -> TableChunk:
    columns = zip(*rows, strict=True)
    frame = pl.DataFrame(
        [pl.Series(str(i), column, dtype=pl.String) for i, column in zip(range(width), columns, strict=True)]
    )
    return TableChunk(first_row, frame)
