"""
The records of a CSV file, by the careful reader: where each begins, its cells, what is wrong with it.

What would shift or lose a cell is an error that names the line; for who wants broken rows it is told beside
their cells.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, pairwise
from pathlib import Path
from typing import IO

from rowbatch.errors import TableError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.bounds import CELL_VARIABLE, max_cell_bytes, max_row_bytes
from rowbatch.tables.compressed import open_binary
from rowbatch.tables.csv_encoding import find_undecodable, guess_another_encoding
from rowbatch.tables.csv_layout import CsvLayout
from rowbatch.tables.csv_lines import Lines, NeverClosed, RowTooLong, lines_of
from rowbatch.tables.csv_ways import MOST_LINES, way_out
from rowbatch.words.notice import Notice

# Bytes that are not of the encoding come as half surrogate pairs, so that the line is known where they stand.
_ESCAPED = "surrogateescape"
_UNDECODABLE = re.compile("[\ud800-\udfff]")
# A record of a broken file; a cell of a whole one may be larger.
_MAX_LENIENT_CHARS = 4_000_000


class Records:
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
        self._lines: Lines | None = None
        self._width: int | None = None
        self._records: Iterator[tuple[int, list[str], str]] = iter(())
        self._lenient_width: int | None = None
        self._most = max_row_bytes()

    def __enter__(self) -> Records:
        self._text = self._open()
        hold = self._dialect.hold if self._dialect.escape else None
        self._lines = Lines(self._text, self._first_line, self._most, hold)
        self._records = self._read(self._lines)
        return self

    def __exit__(self, *_: object) -> None:
        if self._text is not None:
            self._text.close()

    def __iter__(self) -> Records:
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
                header = list(islice(lines_of(text, self._most), above))[-1:]
        way = way_out(header, list(islice(self.lines_from(line), MOST_LINES)), self._dialect, self._width)
        # A list of texts is cut by the commas in them.
        may_be_list = ".txt" in map(str.lower, self._path.suffixes)
        if may_be_list and (way.kind == "way-of-bad-rows" or self._width == 1):
            return Notice("way-of-lines", {"otherwise": way})
        return way

    def lines_from(self, line: int) -> Iterator[str]:
        """The lines of the file from a line on, read anew; up to what is not of its encoding."""
        # That is said where the record is read that has it.
        with suppress(UnicodeError), self._open() as text:
            yield from islice(lines_of(text, self._most), max(0, line - self._first_line), None)

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
            for _ in islice(lines_of(text, self._most), skipped):
                require_wanted()
        except UnicodeError as error:
            text.close()
            raise self._not_decodable(str(error)) from error
        except BaseException:
            text.close()
            raise
        return text

    def _read(self, lines: Lines) -> Iterator[tuple[int, list[str], str]]:
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
                except RowTooLong as error:
                    raise self._row_too_long(line) from error
                except (csv.Error, NeverClosed) as error:
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

    def _understood(self, lines: Lines, error: Exception) -> tuple[list[str], str]:
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
            raise NeverClosed

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
        place = find_undecodable(self._path, self._encoding, self._layout.member)
        if place is None:
            if "BOM" in why:
                return TableError("byte-order-mark-missing", path=path, encoding=name, told=why)
            if why:
                return TableError("not-of-encoding-told", path=path, encoding=name, told=why)
            return TableError("not-of-encoding", path=path, encoding=name)
        guess = guess_another_encoding(self._path, self._layout.member)
        return TableError(
            "bytes-of-another-encoding" if guess else "bytes-not-of-encoding",
            path=path,
            line=place[0],
            byte=place[1],
            encoding=name,
            guess=guess,
        )
