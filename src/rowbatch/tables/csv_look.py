"""
How a CSV file is written, as far as its first lines show it: delimiter, quotes, where the header is.

All of it is found in the first `_SAMPLE_BYTES` of a file, so the same file always gives the same. The usual
form stays wherever the lines can be read in it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rowbatch.errors import TableError
from rowbatch.tables.bounds import max_cell_bytes
from rowbatch.tables.header import (
    MOST_RECORDS,
    find_header,
    has_trailing_delimiter,
    kinds_differ,
    usual_width,
)

DELIMITERS = (",", ";", "\t", "|")
RARE_DELIMITERS = ("^", "~", "\x1f", "\x01", "\x1e", "¦")
"""What else programs write between cells: REDCap's caret, the marks of ASCII, Hive's default."""
QUOTE = '"'
_SAMPLE_BYTES = 1 << 18
_MOST_FAULTS = 20
_SHARE_OF_LINES = 0.8
_BACKSLASH = "\\"
_SAYS_DELIMITER = re.compile(r'"?sep=(.)"?[,;\t|]*\r?\n?', re.IGNORECASE)
_BLANK_BEFORE_QUOTE = re.compile(r'[,;\t|] +"')
# Under the names of a table that a terminal or Markdown draws.
_RULE = re.compile(
    r"[|+]?(?:[ :]*[-=]{2,}[ :]*[|+])+(?:[ :]*[-=]{2,}[ :]*)?|[|+ ]*[─━═┌┬┐┼├┤╔╦╗╒╤╕]{3,}[|+ ]*"
)
_TAG = re.compile(r"<(?:[!?]?[A-Za-z][^<>\n]{0,300})>")
# Half surrogate pairs for a quote, an escape and a delimiter that are text; no file decodes to them.
_HELD_QUOTE, _HELD_ESCAPE, _HELD_DELIMITER = "\ud801", "\ud802", "\ud803"


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    How cells are told apart.

    Attributes:
        delimiter: What separates them.
        quote: What stands around a cell that holds a delimiter; "" where no character does.
        escape: What stands before a quote, a delimiter or itself where these are text; "" where a quote is
            written twice.
        skips_blanks: Blanks after a delimiter are no part of a cell, as before a quote.
    """

    delimiter: str
    quote: str = QUOTE
    escape: str = ""
    skips_blanks: bool = False

    @property
    def is_plain(self) -> bool:
        """As RFC 4180 has it."""
        return self.quote == QUOTE and not self.escape and not self.skips_blanks

    def records(
        self, lines: Iterable[str], *, strict: bool = True, literal: bool = False
    ) -> Iterator[list[str]]:
        """
        The cells of each record.

        Args:
            lines: With their ends; what `hold` made of them where there is an escape.
            strict: `csv.Error` where a quote is not closed, or text follows one that is.
            literal: Quotes are text.
        """
        if literal or not self.quote:
            found = csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=strict)
        else:
            found = csv.reader(
                lines,
                delimiter=self.delimiter,
                quotechar=self.quote,
                skipinitialspace=self.skips_blanks,
                strict=strict,
            )
        return map(self.release, found) if self.escape else iter(found)

    def hold(self, line: str) -> str:
        """A line in which what is escaped is no mark."""
        if self.escape not in line:
            return line
        held = {self.quote: _HELD_QUOTE, self.escape: _HELD_ESCAPE, self.delimiter: _HELD_DELIMITER}
        parts = line.split(self.escape)
        out, at = [parts[0]], 1
        while at < len(parts):
            part = parts[at]
            if not part and at + 1 < len(parts):
                # Two of them are one.
                out += [_HELD_ESCAPE, parts[at + 1]]
                at += 2
                continue
            mark = held.get(part[:1]) if part else None
            out.append(self.escape + part if mark is None else mark + part[1:])
            at += 1
        return "".join(out)

    def release(self, cells: list[str]) -> list[str]:
        """The cells with what was held as it is meant."""
        return [
            cell.replace(_HELD_QUOTE, self.quote)
            .replace(_HELD_ESCAPE, self.escape)
            .replace(_HELD_DELIMITER, self.delimiter)
            for cell in cells
        ]


@dataclass(frozen=True, slots=True)
class Record:
    """
    One of the first records.

    Attributes:
        line: Where it begins, from 1, of those that were given.
        lines: How many it has.
        cells: Its cells.
        is_whole: It is written as the dialect has it.
    """

    line: int
    lines: int
    cells: list[str]
    is_whole: bool = True


def first_lines(head: bytes, encoding: str) -> list[str]:
    """
    The lines at the begin of a file, with their ends.

    Args:
        head: Its first bytes.
        encoding: Python's name.
    """
    is_cut = len(head) > _SAMPLE_BYTES
    try:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(head[:_SAMPLE_BYTES])
    except UnicodeError:
        # What is wrong with it is said when the header is read.
        return []
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="").readlines()
    # The last line may go on.
    return lines[:-1] if is_cut and len(lines) > 1 else lines


def first_records(lines: Sequence[str], dialect: Dialect, *, is_cut: bool = False) -> list[Record]:
    """
    The first records, at most `MOST_RECORDS`; of a broken one the cells of its first line.

    Args:
        lines: With their ends.
        dialect: How they are read.
        is_cut: More lines follow, so that the last record may have no end here.
    """
    csv.field_size_limit(max_cell_bytes())
    found: list[Record] = []
    at = faults = 0
    while at < len(lines) and len(found) < MOST_RECORDS and faults < _MOST_FAULTS:
        taken = 0

        def given(begin: int = at) -> Iterator[str]:
            nonlocal taken
            for line in lines[begin:]:
                taken += 1
                yield dialect.hold(line) if dialect.escape else line

        reader = dialect.records(given())
        try:
            while len(found) < MOST_RECORDS:
                before = taken
                cells = next(reader, None)
                if cells is None:
                    return found
                found.append(Record(at + before + 1, taken - before, cells))
        except csv.Error as error:
            if is_cut and "unexpected end" in str(error) and found:
                return found
            faults += 1
            begin = at + before
            try:
                cells = next(dialect.records([lines[begin]], strict=False, literal=True), [])
            except csv.Error:
                # A cell is too long.
                return found
            found.append(Record(begin + 1, 1, cells, is_whole=False))
            at = begin + 1
            continue
    return found


def said_delimiter(line: str) -> str | None:
    """The delimiter that a line `sep=;` says, as Excel writes and reads it above the header."""
    found = _SAYS_DELIMITER.fullmatch(line)
    return found[1] if found and found[1] not in '"\r\n' else None


def find_delimiter(lines: Sequence[str]) -> str:
    """
    The delimiter of a file: what its first line has most of, where the lines below it are as wide.

    Where they are not, the first line may be a title: then it is what cuts the lines below into a table.
    """
    usual = most_in_first_line(lines)
    records = _cells(lines, usual)
    width = len(records[0]) if records else 0
    if width == 1 and (rare := _rare_delimiter(lines)):
        return rare
    same = sum(len(record) == width for record in records)
    if not records or (width > 1 and same >= _SHARE_OF_LINES * len(records)):
        return usual
    for delimiter in _by_evenness(lines):
        if delimiter == usual:
            return usual
        others = _cells(lines, delimiter)
        place = find_header(others)
        if place is None or place.is_none or not place.above:
            continue
        names, rows = others[place.first], others[place.last + 1 :]
        # One column is a table too, whatever stands in its cells.
        if same < len(records) or kinds_differ(names, rows) or others[0][0].startswith("#"):
            return delimiter
    return usual


def _rare_delimiter(lines: Sequence[str]) -> str | None:
    """One of `RARE_DELIMITERS` that makes a table of the lines, all of them as wide as the first."""
    for delimiter in RARE_DELIMITERS:
        if not any(delimiter in line for line in lines[:1]):
            continue
        widths = {len(record) for record in _cells(lines, delimiter)}
        if len(widths) == 1 and widths.pop() > 1:
            return delimiter
    return None


def find_dialect(lines: Sequence[str], delimiter: str) -> Dialect:
    """
    How cells are quoted: as RFC 4180 has it, unless the lines are whole only in another way.

    Args:
        lines: From the begin of the file, without what is skipped.
        delimiter: Of the table.
    """
    plain = Dialect(delimiter)
    text = "".join(lines)
    others: list[Dialect] = []
    has_blanks = any(mark[0] == delimiter for mark in _BLANK_BEFORE_QUOTE.findall(text))
    if has_blanks:
        others.append(replace(plain, skips_blanks=True))
    # One alone may be a text that ends so.
    if text.count(_BACKSLASH + QUOTE) > 1:
        others.append(replace(plain, escape=_BACKSLASH))
        if has_blanks:
            others.append(replace(plain, skips_blanks=True, escape=_BACKSLASH))
    if QUOTE not in text and "'" in text:
        others.append(replace(plain, quote="'"))
    if not others:
        return plain
    is_broken = broken_records(lines, plain) > 0
    for other in others:
        if (is_broken or _shows_in_header(lines, plain, other)) and broken_records(lines, other) == 0:
            return other
    return plain


def broken_records(lines: Sequence[str], dialect: Dialect, width: int | None = None) -> int:
    """
    How many of the first records are not whole, or not as wide as the header.

    Args:
        lines: With their ends.
        dialect: How they are read.
        width: Of the header, where it is known; None means that it is among the lines.
    """
    records = [record for record in first_records(lines, dialect, is_cut=True) if record.cells]
    cells = [record.cells for record in records]
    if width is None:
        place = find_header(cells)
        if place is None:
            return 0
        records, cells = records[place.first :], cells[place.first :]
        width = len(cells[0])
        if has_trailing_delimiter(cells[0], cells[1:]):
            return sum(not record.is_whole for record in records)
    return sum(not record.is_whole or len(record.cells) != width for record in records)


def refuse_other_forms(path: Path, lines: Sequence[str]) -> None:
    """
    Say what a file is that is text, and no table.

    Raises:
        TableError: It is a web page, XML, JSON, or a table drawn with lines.
    """
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("<"):
        begin = " ".join(line.strip() for line in lines[:20])[:2000].casefold()
        if re.search(r"<(?:!doctype html|html|head|body|title)\b", begin):
            title = re.search(r"<title[^>]*>([^<]{1,200})", " ".join(lines[:200])[:20_000], re.IGNORECASE)
            told = " ".join(title[1].split()) if title else ""
            raise TableError(
                "not-csv-but-page" if not told else "not-csv-but-page-titled", path=str(path), title=told
            )
        if first.startswith("<?xml") or _TAG.match(first):
            raise TableError("not-csv-but-xml", path=str(path))
    if _RULE.fullmatch(first) or ("|" in first and _RULE.fullmatch(_second(lines))):
        raise TableError("not-csv-but-drawn", path=str(path))
    if re.match(r'\{\s*(?:"[^"]*"\s*:|$)|\[\s*(?:[{\[]|$)', first):
        raise TableError("not-csv-but-json", path=str(path))


def _second(lines: Sequence[str]) -> str:
    """The second line with something in it, or ""."""
    filled = (line.strip() for line in lines if line.strip())
    next(filled, "")
    return next(filled, "")


def _cells(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    return [record.cells for record in first_records(lines, Dialect(delimiter)) if record.cells]


def _by_evenness(lines: Sequence[str]) -> list[str]:
    """The delimiters that cut most lines into the same number of cells, the most even one first."""
    found = []
    for delimiter in DELIMITERS:
        cells = _cells(lines, delimiter)
        widths = [len(record) for record in cells]
        width = max(widths, key=lambda one: (widths.count(one), one), default=0)
        # What stands above is a title.
        width = usual_width(cells[widths.index(width) :]) if width > 1 else 0
        if width > 1:
            found.append((sum(len(record) == width for record in cells), width, delimiter))
    return [delimiter for *_, delimiter in sorted(found, key=lambda one: one[:2], reverse=True)]


def most_in_first_line(lines: Sequence[str]) -> str:
    """What the first line with something in it has most of, outside of quotes; the comma wins a tie."""
    counts, quoted, started = dict.fromkeys(DELIMITERS, 0), False, False
    for line in lines:
        for character in line:
            if character == QUOTE:
                quoted = not quoted
            elif character in "\r\n":
                continue
            elif character in counts and not quoted:
                counts[character] += 1
            started = True
        if started and not quoted:
            break
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def _shows_in_header(lines: Sequence[str], plain: Dialect, other: Dialect) -> bool:
    """Whether the names themselves stand in the quotes of another dialect."""
    records = [record.cells for record in first_records(lines, plain, is_cut=True) if record.cells]
    place = find_header(records)
    if place is None or other.escape:
        return False
    names = records[place.first]
    if other.skips_blanks:
        quoted = [name for name in names if name.startswith(" ") and name.lstrip().startswith(QUOTE)]
        return bool(quoted) and all(name.endswith(QUOTE) for name in quoted)
    return len(names) > 1 and all(
        len(name) > 2 and name.startswith(other.quote) and name.endswith(other.quote) for name in names
    )
