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
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, Unpack, cast

import polars as pl

from rowbatch.core.table_options import FIRST, NO_HEADER, NONE, ReadingKeywords, ReadOptions, reading_of
from rowbatch.errors import TableError, UsageError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.base import ROWS_PER_CHUNK, Table, TableChunk
from rowbatch.tables.bounds import CELL_VARIABLE, max_cell_bytes, max_row_bytes
from rowbatch.tables.compressed import open_binary, unpacked_suffix
from rowbatch.tables.csv_fast import FastReader
from rowbatch.tables.csv_look import (
    QUOTE,
    Dialect,
    find_delimiter,
    find_dialect,
    first_lines,
    first_records,
    most_in_first_line,
    refuse_other_forms,
    said_delimiter,
)
from rowbatch.tables.csv_ways import MOST_LINES, find_note_below, way_out
from rowbatch.tables.encodings import (
    SAMPLE_BYTES,
    EncodingGuess,
    guess_encoding,
    is_utf8,
    looks_encoded,
    marked_encoding,
    telling_lines,
)
from rowbatch.tables.header import (
    find_header,
    has_trailing_delimiter,
    join_header,
    kind_of,
    numbered_columns,
    usual_width,
)
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Generator

_CHARS_PER_CHUNK = 32_000_000
# What a cell of Python takes at least, in a list.
_CHARS_PER_CELL = 8
_USUAL_ENCODINGS = ("cp1252 (Windows)", "latin-1", "gb18030 (Chinese)")
_OTHER_FORMATS = (
    (b"%PDF-", "PDF"),
    (b"PAR1\x15", "Parquet"),
    (b"ARROW1\0", "Arrow"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"SQLite format 3\0", "SQLite"),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG\r\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
)
# A tar file says so in the header of its first member.
_TAR, _TAR_AT = b"ustar", 257
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
_LINES_BELOW_HEADER = 20
_LINES_BETWEEN_CHECKS = 1_000
# Where letters are looked for in a file that begins in plain ASCII: so many places of so many bytes.
_PLACES, _PLACE_BYTES = 32, 128 << 10
_LEAST_TELLING = 4
_HEADER_AGAIN = "the header stands here once more"
_NO_DELIMITER = "a quoted cell begins without a delimiter before it"


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """
    How the text of a CSV file is a table.

    Attributes:
        encoding: Python's name of it.
        dialect: How cells are told apart.
        member: Of a zip file: which of the files in it; or "".
        lines_above: Lines above the first row: the header, and what stands above it.
        has_trailing: Each row has one more cell than the header, which is empty.
        as_before: Nothing was to be found out: the first line is the header, and what is a table in that way
            is read as one.
    """

    encoding: str
    dialect: Dialect
    member: str = ""
    lines_above: int = 1
    has_trailing: bool = False
    as_before: bool = False


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
        if fast.is_done:
            return
        if fast.is_transcoded or not fast.offset:
            # Bytes of another encoding cannot be counted in UTF-8: from the begin, and the rows are skipped.
            yield from self.careful_chunks(few, skip_rows=first_row - 1)
        else:
            yield from self.careful_chunks(
                few,
                first_row=first_row,
                offset=fast.offset,
                first_line=_line_at(self.path, fast.offset, layout.member),
            )

    def _first_rows(self, count: int) -> list[tuple[str, ...]]:
        # The fast reader would read a whole block.
        with closing(cast("Generator[TableChunk]", self.careful_chunks(count))) as chunks:
            return next((chunk.frame.rows() for chunk in chunks), [])

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
        with _Records(self.path, self.layout, offset, first_line, skip_lines=above) as records:
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

    def _meet(self, records: _Records, line: int, cells: list[str], fault: str) -> None:
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

    def _require_no_note(self, records: _Records, line: int) -> None:
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
            telling = head if options.encoding else _telling(file, head)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    _require_text(path, head)
    encoding, guess = _encoding_of(path, head, telling, options.encoding, member)
    as_before = options.header == FIRST
    lines = first_lines(head, encoding)[options.skip_rows :]
    if not as_before:
        refuse_other_forms(path, lines)
    notes = _notes_of(guess)
    dialect = _dialect_of(path, lines, options, notes, member)
    layout = CsvLayout(encoding, dialect, member, as_before=as_before)
    header, layout, reading = _header_of(path, lines, layout, options, notes)
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


def _telling(file: io.BufferedReader, head: bytes) -> bytes:
    """
    The head of a file; where that is ASCII alone, a piece further down that is not.

    To look at all of a file takes a tenth of the time that its rows take. What is in no place that is looked
    at, the reader finds, and says which encoding it looks like.
    """
    if len(head) < SAMPLE_BYTES or not head.isascii():
        return head
    if isinstance(file.raw, io.FileIO):
        size = os.fstat(file.fileno()).st_size
        step = max((size - len(head)) // _PLACES, _PLACE_BYTES)
        places = [*range(len(head), size, step), max(len(head), size - _PLACE_BYTES)]
    else:
        # To find a place in a packed file is to unpack it up to there.
        places = [len(head) + number * _PLACE_BYTES for number in range(_PLACES)]
    for place in places:
        file.seek(place)
        piece = file.read(_PLACE_BYTES)
        if not piece.isascii():
            # From the begin of a line on, so that no character is cut.
            piece += file.read(SAMPLE_BYTES - _PLACE_BYTES)
            piece = piece[piece.find(b"\n") + 1 :]
            # One byte among a million is damage, for the reader to tell.
            return piece if sum(byte > 0x7F for byte in telling_lines(piece)) >= _LEAST_TELLING else head
    return head


def _encoding_of(
    path: Path, head: bytes, telling: bytes, said: str | None, member: str
) -> tuple[str, EncodingGuess | None]:
    """Python's name of the encoding, and the guess where it was guessed."""
    marked = marked_encoding(head)
    if said is not None:
        return _known_encoding(said, marked), None
    if marked is not None:
        return marked, None
    if is_utf8(telling, is_whole=telling is head and len(head) < SAMPLE_BYTES):
        guess = guess_encoding(head) if looks_encoded(head) else None
        return (guess.encoding, guess) if guess and guess.encoding else ("utf-8", None)
    guess = guess_encoding(telling)
    if guess.encoding == "utf-8":
        # What is broken in it is told with its line.
        return "utf-8", None
    if guess.encoding is not None:
        return guess.encoding, guess
    line, byte = _first_undecodable(path, "utf-8", member) or (None, None)
    if guess.readings:
        (first, one), (second, other) = guess.readings
        raise TableError(
            "encoding-of-two", path=str(path), first=first, one=one, second=second, other=other, line=line
        )
    raise TableError(
        "encoding-unknown" if line is None else "encoding-unknown-at",
        path=str(path),
        line=line,
        byte=byte,
        candidates=guess.candidates or _USUAL_ENCODINGS,
    )


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


def _header_of(
    path: Path, lines: list[str], layout: CsvLayout, options: ReadOptions, notes: list[Notice]
) -> tuple[tuple[str, ...], CsvLayout, ReadOptions]:
    """
    The names of the columns, where the rows begin, and the options that say it.

    Args:
        path: The file.
        lines: Its first ones, after those that are skipped.
        layout: With the dialect.
        options: As they were given.
        notes: What a person should know is added.
    """
    skipped = options.skip_rows
    says = bool(lines) and not layout.as_before and said_delimiter(lines[0]) is not None
    above = skipped + says
    records = first_records(lines[says:], layout.dialect, is_cut=True)
    cells = [record.cells for record in records]
    begin, end, is_none = above, None, options.header == NO_HEADER
    if options.header_lines is not None:
        begin, end = (skipped + line for line in options.header_lines)
        begin -= 1
    elif options.header is None:
        found = find_header(cells)
        # What is of empty cells alone is said by who reads it.
        if found is not None:
            begin, is_none = above + records[found.first].line - 1, found.is_none
            last = records[found.last]
            end = None if is_none else above + last.line
            _note_header(notes, found.above + says, begin + 1, None if end is None else end + last.lines - 1)
    if is_none:
        begin += next((record.line for record in records if record.cells), 1) - 1 if begin == above else 0
        width = usual_width(cells) or next((len(one) for one in cells if one), 0)
        if not width:
            raise TableError("file-empty", path=str(path))
        # Where rows begin below other lines, that is said by how many are left out.
        reading = replace(options, header=NO_HEADER, skip_rows=begin if options.header is None else skipped)
        return numbered_columns(width), replace(layout, lines_above=begin), reading

    place = _Place(begin, end, options.header_lines is not None, options.on_bad_rows == "stop")
    header, after = _names(path, lines[begin - skipped :], layout, place, notes)
    rows = [record.cells for record in records if above + record.line > after]
    if trailing := has_trailing_delimiter(header, rows):
        notes.append(Notice("note-trailing-delimiter", {"delimiter": layout.dialect.delimiter}))
    said = FIRST if layout.as_before else _lines_said(begin + 1 - skipped, end and end - skipped)
    layout = replace(layout, lines_above=after, has_trailing=trailing)
    return header, layout, replace(options, header=said)


def _lines_said(first: int, last: int | None) -> str:
    """Header lines as `ReadOptions.header` has them."""
    return str(first) if last is None or last == first else f"{first}-{last}"


def _note_header(notes: list[Notice], above: int, first: int, last: int | None) -> None:
    """Note where the header was found, unless it is the first line with something in it."""
    if last is None:
        notes.append(Notice("note-no-header", {"line": first}))
    elif above:
        notes.append(Notice("note-lines-above", {"above": above, "line": first}))


class _Place(NamedTuple):
    """
    Where the header is to be read.

    Attributes:
        above: Lines above it.
        last: The last line where a record of it begins; None means that it is the first with something in it.
        is_said: A person said so.
        stops: A broken one is an error.
    """

    above: int
    last: int | None
    is_said: bool
    stops: bool


def _names(
    path: Path, lines: list[str], layout: CsvLayout, place: _Place, notes: list[Notice]
) -> tuple[tuple[str, ...], int]:
    """
    The names of the columns, and the last line of the header.

    Args:
        path: The file.
        lines: The first ones from the header on.
        layout: How they are read.
        place: Where the header is.
        notes: What a person should know is added.
    """
    above, last = place.above, place.last
    with _Records(path, layout, skip_lines=above) as records:
        literal = None if last is not None and last > above + 1 else _literal_header(lines, layout.dialect)
        if literal is not None:
            blank, names = literal
            line = above + blank + 1
            if place.stops:
                raise TableError("quote-not-closed", path=str(path), line=line, way=records.way(line))
            notes.append(Notice("note-header-quote", {"line": line}))
            return tuple(names), line
        found: list[list[str]] = []
        at = above
        for line, record, _ in records:
            if last is not None and line > last:
                break
            at = records.next_line - 1
            if record:
                found.append(record)
            if (last is None and record) or (last is not None and at >= last):
                break
    if not found:
        if place.is_said:
            raise TableError("header-line-empty", path=str(path), line=above + 1)
        raise TableError("file-empty", path=str(path))
    if len(found) > 1:
        notes.append(Notice("note-header-lines", {"first": above + 1, "last": at}))
    return join_header(found), at


def _literal_header(lines: list[str], dialect: Dialect) -> tuple[int, list[str]] | None:
    """
    The cells of a header in which a quote is opened and never closed, and the blank lines above it.

    Returns:
        None where all its quotes are closed, or where it is not sure that the header is one line.
    """
    blank = next((at for at, line in enumerate(lines) if line.strip("\r\n")), 0)
    rest = lines[blank : blank + _LINES_BELOW_HEADER]
    if not dialect.quote or len(rest) < 2 or dialect.quote not in rest[0]:
        return None
    normal, *below = first_records(rest, dialect, is_cut=len(rest) == _LINES_BELOW_HEADER)
    names = next(dialect.records(rest[:1], strict=False, literal=True), [])
    # As wide as the rows below it, it is a header of several lines.
    fits = len(normal.cells) in (len(names), usual_width([one.cells for one in below]))
    if len(names) < 2 or (normal.is_whole and (normal.lines == 1 or fits)):
        return None
    # Each line below it is a row of that width by itself.
    widths = [
        len(one.cells) for line in rest[1:] for one in first_records([line], dialect)[:1] if one.is_whole
    ]
    return (blank, names) if 2 * widths.count(len(names)) > len(rest) - 1 else None


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


def _line_at(path: Path, offset: int, member: str) -> int:
    """Line of the file at an offset, from 1."""
    line, left = 1, offset
    with open_binary(path, member) as file:
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


def _lines_of(text: IO[str], most: int) -> Iterator[str]:
    """Lines of a text; of one that is longer than a row may be, the begin."""
    while line := text.readline(most):
        end = line
        while not end.endswith(("\n", "\r")) and (end := text.readline(most)):
            require_wanted()
        yield line


class _NeverClosed(Exception):
    """A record goes on and on: its quote is never closed."""


class _RowTooLong(Exception):
    """A record goes on and on, in cells none of which is too long, or in a line that has no end."""


class _Lines:
    """Lines of a text, which can be pushed back; those of the record that is being read are kept."""

    def __init__(self, text: IO[str], number: int, most: int, hold: Callable[[str], str] | None) -> None:
        self._text, self._most, self._hold = text, most, hold
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
        return self._hold(line) if self._hold else line


class _Records:
    """
    A file's records: the line each begins at, its cells, and what is wrong with it.

    Unless it is lenient nothing is wrong with any: errors come out as `TableError`.
    """

    def __init__(
        self, path: Path, layout: CsvLayout, offset: int = 0, first_line: int = 1, *, skip_lines: int = 0
    ) -> None:
        self._path, self._layout, self._dialect = path, layout, layout.dialect
        self._encoding, self._delimiter = layout.encoding, layout.dialect.delimiter
        self._offset, self._first_line, self._skip_lines = offset, first_line + skip_lines, skip_lines
        self._text: IO[str] | None = None
        self._lines: _Lines | None = None
        self._width: int | None = None
        self._records: Iterator[tuple[int, list[str], str]] = iter(())
        self._lenient_width: int | None = None
        self._most = max_row_bytes()

    def __enter__(self) -> _Records:
        self._text = self._open()
        hold = self._dialect.hold if self._dialect.escape else None
        self._lines = _Lines(self._text, self._first_line, self._most, hold)
        self._records = self._read(self._lines)
        return self

    def __exit__(self, *_: object) -> None:
        if self._text is not None:
            self._text.close()

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> tuple[int, list[str], str]:
        return next(self._records)

    @property
    def next_line(self) -> int:
        """The line after the record that was given last."""
        return self._lines.number if self._lines else self._first_line

    def expect(self, width: int) -> None:
        """
        Say how many cells a row has.

        Args:
            width: As the header.
        """
        self._width = width

    def way(self, line: int) -> Notice:
        """What fits the file, where the record that begins at a line is broken."""
        above = self._layout.lines_above if self._width is not None else 0
        header: list[str] = []
        if above:
            with self._open(from_begin=True) as text:
                header = list(islice(_lines_of(text, self._most), above))[-1:]
        return way_out(header, list(islice(self.lines_from(line), MOST_LINES)), self._dialect, self._width)

    def lines_from(self, line: int) -> Iterator[str]:
        """The lines of the file from a line on, read anew."""
        with self._open() as text:
            yield from islice(_lines_of(text, self._most), max(0, line - self._first_line), None)

    def lacks_delimiter(self, cells: list[str]) -> bool:
        """
        Whether the record that was given last has a quoted cell with no delimiter before it: `a"b, c"`.

        Its quotes are text then, and what it holds is cut at its delimiters.
        """
        quote = self._dialect.quote
        if not quote:
            return False
        odd = [at for at, cell in enumerate(cells) if cell.count(quote) % 2]
        record = "".join(self._lines.record) if odd[1:] and self._lines else ""
        for begin, end in pairwise(odd):
            before, after = cells[begin], cells[end]
            opens = before.rfind(quote)
            if (
                0 < opens < len(before) - 1
                and before[opens - 1] not in " ("
                and not before[opens + 1].isspace()
                and after.find(quote) == len(after) - 1 > 0
                and not any(quote in cell for cell in cells[begin + 1 : end])
                # In a quoted cell quotes are doubled, so that it does not stand there as it is.
                and self._delimiter.join(cells[begin : end + 1]) in record
            ):
                return True
        return False

    def be_lenient(self, width: int) -> None:
        """
        From here on give what is broken as far as it can be understood, and say what is wrong.

        Args:
            width: So many cells has a record that is not broken.
        """
        self._lenient_width = width

    def _open(self, *, from_begin: bool = False) -> IO[str]:
        """The text from where the records begin, or from the begin of the file."""
        offset, skipped = (0, 0) if from_begin else (self._offset, self._skip_lines)
        try:
            file = open_binary(self._path, self._layout.member)
            file.seek(offset)
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error
        # A mark is one at the begin of the file only.
        encoding = self._encoding.removesuffix("-sig") if offset else self._encoding
        text = io.TextIOWrapper(file, encoding=encoding, errors=_ESCAPED, newline="")
        try:
            for _ in islice(_lines_of(text, self._most), skipped):
                require_wanted()
        except UnicodeError as error:
            text.close()
            raise self._not_decodable(str(error)) from error
        except BaseException:
            text.close()
            raise
        return text

    def _read(self, lines: _Lines) -> Iterator[tuple[int, list[str], str]]:
        # csv holds a cell as four bytes a character, and an open quote makes a cell of all the rest.
        csv.field_size_limit(max_cell_bytes())
        reader = self._dialect.records(lines)
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
                    reader = self._dialect.records(lines)
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
            lenient = self._dialect.records(record, strict=False)
            return next(lenient, []), "text after a closing quote"
        # Only the line where it begins is broken; what was taken for a part of its cell are rows.
        lines.push_back(record[1:])
        del record[1:]
        literal = self._dialect.records(record, strict=False, literal=True)
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
                if len(next(self._dialect.records([line]), [])) == width:
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
            line = self._line_of_open_quote(line)
            return TableError("quote-not-closed", path=path, line=line, way=self.way(line))
        if "field larger than" in text:
            line = self._line_of_open_quote(line)
            return TableError(
                "cell-too-long", path=path, line=line, most=max_cell_bytes(), variable=CELL_VARIABLE
            )
        if "expected after" in text:
            return TableError(
                "text-after-quote",
                path=path,
                line=last_line,
                delimiter=self._delimiter,
                way=self.way(line),
            )
        return TableError("csv-line-broken", path=path, line=line, told=text)

    def _row_too_long(self, line: int) -> TableError:
        return TableError(
            "row-too-long", path=str(self._path), line=line, most=self._most, variable=CELL_VARIABLE
        )

    def _line_of_open_quote(self, line: int) -> int:
        """Where the last quoted cell of the record that begins at `line` begins."""
        opened, quoted, chars = line, False, 0
        quote = self._dialect.quote
        with self._open() as text:
            lines = iter(lambda: text.readline(self._most), "")
            for number, content in enumerate(lines, start=self._first_line):
                if number < line:
                    continue
                at = 0
                if number == line and content.startswith(quote):
                    quoted, at = True, 1
                while True:
                    if not quoted:
                        begin = content.find(self._delimiter + quote, at)
                        if begin < 0:
                            break
                        opened, quoted, at = number, True, begin + 2
                    end = content.find(quote, at)
                    if end < 0:
                        break
                    quoted = content.startswith(quote, end + 1)
                    at = end + 1 + quoted
                chars += len(content)
                if chars > self._most:
                    break
        return opened

    def _not_decodable(self, why: str) -> TableError:
        path, name = str(self._path), self._encoding.removesuffix("-sig").upper()
        place = _first_undecodable(self._path, self._encoding, self._layout.member)
        if place is None:
            if "BOM" in why:
                return TableError("byte-order-mark-missing", path=path, encoding=name, told=why)
            if why:
                return TableError("not-of-encoding-told", path=path, encoding=name, told=why)
            return TableError("not-of-encoding", path=path, encoding=name)
        guess = _another_encoding(self._path, self._layout.member)
        return TableError(
            "bytes-of-another-encoding" if guess else "bytes-not-of-encoding",
            path=path,
            line=place[0],
            byte=place[1],
            encoding=name,
            guess=guess,
        )


def _another_encoding(path: Path, member: str) -> str | None:
    """Which encoding a file looks like that is not UTF-8; None where nobody can tell."""
    with open_binary(path, member) as file:
        head = file.read(SAMPLE_BYTES)
        head = _telling(file, head)
    guess = None if is_utf8(head, is_whole=len(head) < SAMPLE_BYTES) else guess_encoding(head).encoding
    # UTF-8 with a broken byte is what it was read as.
    return None if guess == "utf-8" else guess


def _first_undecodable(path: Path, encoding: str, member: str) -> tuple[int, int] | None:
    if encoding.startswith(("utf-16", "utf-32")):
        return None
    number, most = 1, max_row_bytes()
    with open_binary(path, member) as file:
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
    if head[_TAR_AT:].startswith(_TAR):
        raise TableError("not-csv", path=str(path), found="tar")
    if not head:
        raise TableError("file-empty", path=str(path))


def _chunk(first_row: int, rows: list[list[str]], width: int) -> TableChunk:
    columns = zip(*rows, strict=True)
    frame = pl.DataFrame(
        [pl.Series(str(i), column, dtype=pl.String) for i, column in zip(range(width), columns, strict=True)]
    )
    return TableChunk(first_row, frame)
