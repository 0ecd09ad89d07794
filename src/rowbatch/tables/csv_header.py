"""The header of a CSV file: which of its lines it is, and where the rows begin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rowbatch.core.table_options import FIRST, NO_HEADER, ReadOptions
from rowbatch.errors import TableError
from rowbatch.tables.csv_layout import CsvLayout
from rowbatch.tables.csv_look import Dialect, first_records, said_delimiter
from rowbatch.tables.csv_records import Records
from rowbatch.tables.header import (
    find_header,
    has_row_numbers,
    has_trailing_delimiter,
    is_header_longer,
    join_header,
    numbered_columns,
    usual_width,
)
from rowbatch.words.notice import Notice

_LINES_BELOW_HEADER = 20
# A single column of texts without a name begins with a text.
_MOST_WORDS_OF_NAME = 3
_SENTENCE_ENDS = (".", "!", "。", "\uff01", "…")


def read_header(
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
    if not layout.as_before:
        header = (_without_marks(header[0], layout.dialect.quote), *header[1:])
    rows = [record.cells for record in records if above + record.line > after]
    if trailing := has_trailing_delimiter(header, rows):
        notes.append(Notice("note-trailing-delimiter", {"delimiter": layout.dialect.delimiter}))
    if not layout.as_before:
        quote = layout.dialect.quote
        # R writes quotes around them; without, a text with a delimiter in it may be what is a cell too wide.
        are_quoted = bool(quote) and all(
            lines[record.line - 1 + says].startswith(quote)
            for record in records
            if above + record.line > after and record.cells
        )
        header = _as_rows_are(header, rows, layout.dialect.delimiter, notes, are_quoted=are_quoted)
    said = FIRST if layout.as_before else _lines_said(begin + 1 - skipped, end and end - skipped)
    layout = replace(layout, lines_above=after, has_trailing=trailing)
    return header, layout, replace(options, header=said)


def _without_marks(name: str, quote: str) -> str:
    """
    The first name without byte order marks: of two, one of GB18030, one that a program put before another's.

    Nobody sees them, and a quote behind one is none for the reader.
    """
    plain = name.lstrip("\ufeff")
    is_quoted = plain != name and quote and len(plain) > 1 and plain[0] == plain[-1] == quote
    return plain[1:-1].replace(2 * quote, quote) if is_quoted else plain


def _as_rows_are(
    header: tuple[str, ...],
    rows: list[list[str]],
    delimiter: str,
    notes: list[Notice],
    *,
    are_quoted: bool,
) -> tuple[str, ...]:
    """The header as wide as the rows below it, where it is clear why it is not: see `header`."""
    if is_header_longer(header, rows):
        notes.append(Notice("note-header-longer", {"delimiter": delimiter}))
        return header[:-1]
    if are_quoted and has_row_numbers(header, rows):
        notes.append(Notice("note-row-numbers"))
        return ("", *header)
    if len(header) == 1 and (
        len(header[0].split()) > _MOST_WORDS_OF_NAME or header[0].endswith(_SENTENCE_ENDS)
    ):
        notes.append(Notice("note-long-name", {"name": header[0]}))
    return header


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
    with Records(path, layout, skip_lines=above) as records:
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
