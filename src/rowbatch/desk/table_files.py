"""What the file of a table shows before it is read: its sheets, its first lines, its likely encodings."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from rowbatch.core.table_options import NO_HEADER, PLAIN, ReadOptions
from rowbatch.errors import RowbatchError, from_os_error
from rowbatch.programs import opening
from rowbatch.tables.compressed import open_binary
from rowbatch.tables.encodings import SAMPLE_BYTES, guess_encoding
from rowbatch.tables.excel_reader import sheet_names
from rowbatch.tables.formats import fitting_options, open_table, zip_members
from rowbatch.tables.json_reader import places_of_rows

# What is shown of the begin of a file, so that a person finds the header.
_TOP_LINES, _TOP_CHARS, _TOP_BYTES = 12, 160, 1 << 16
# How many likely encodings a person may choose from, and those that are always there.
_SHOWN_GUESSES = 3
_USUAL_ENCODINGS = ("utf-8", "cp1252", "gb18030")


def sheets(path: Path) -> tuple[str, ...]:
    """Names of the sheets of a workbook; nothing for other files."""
    return sheet_names(path)


def members(path: Path) -> tuple[str, ...]:
    """Names of the files in a zip file that is no workbook; nothing for other files."""
    try:
        return zip_members(path)
    except RowbatchError:
        # What is wrong with the table is told where it is read.
        return ()


def options_of(path: Path) -> frozenset[str]:
    """Names of the attributes of `ReadOptions` that have a meaning for a file."""
    try:
        return fitting_options(path)
    except RowbatchError:
        return frozenset()


def found_reading(path: Path, said: ReadOptions) -> ReadOptions | None:
    """How a file is read, with what is found out by itself; None where it cannot be read."""
    try:
        return opening.open_table(path, said).reading
    except RowbatchError:
        # What is wrong with the table is told where it is read.
        return None


def row_places(path: Path, sha256: str, encoding: str | None) -> dict[str, int]:
    """Places of a JSON document that could hold its rows, and how many there are; nothing for other files."""
    return _row_places(path, sha256, encoding) if "rows" in options_of(path) else {}


def decoded_samples(path: Path) -> dict[str, str]:
    """
    A piece of a text file around the first letters that are not ASCII, in likely encodings.

    Returns:
        By encoding, the likeliest first. Where two are likely, the piece is one in which they differ. What an
        encoding cannot read is shown by U+FFFD.
    """
    try:
        with open_binary(path) as file:
            head = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    guess = guess_encoding(head)
    if guess.readings:
        name, text = guess.readings[0]
        piece = text.encode(name)
    else:
        at = next((position for position, byte in enumerate(head) if byte > 127), 0)
        begin = head.rfind(b"\n", 0, at) + 1
        piece = head[max(begin, at - 60) : at + 160]
    likely = (*(name for name, _ in guess.readings), *((guess.encoding,) if guess.encoding else ()))
    names = dict.fromkeys((*likely, *guess.candidates[:_SHOWN_GUESSES], *_USUAL_ENCODINGS))
    return {name: piece.decode(name, errors="replace").split("\n")[0] for name in names}


@lru_cache(maxsize=16)
def _row_places(path: Path, sha256: str, encoding: str | None) -> dict[str, int]:
    """Places of rows in a file of this digest, which is read to its end for it."""
    del sha256
    try:
        return places_of_rows(path, encoding)
    except RowbatchError:
        # What is wrong with it is told where it is read.
        return {}


def top_lines(path: Path, reading: ReadOptions) -> list[tuple[int, str]]:
    """
    The first lines with something in them of a text file or a sheet, so that a person finds the header.

    Returns:
        Number of each as `ReadOptions.header` counts, and its text; nothing for other formats.
    """
    try:
        return _top_lines(path, reading)
    except (RowbatchError, OSError, LookupError):
        # What is wrong with the table is told where it is read.
        return []


def _top_lines(path: Path, reading: ReadOptions) -> list[tuple[int, str]]:
    table = open_table(path, replace(reading, header=NO_HEADER, program=PLAIN))
    if table.format == "excel":
        rows = table.peek(_TOP_LINES)
        begin = getattr(table, "begins_at", 1) - reading.skip_rows
        told = [(number, " | ".join(row)) for number, row in enumerate(rows, start=begin)]
    elif table.format == "csv":
        with open_binary(path) as file:
            head = file.read(_TOP_BYTES).decode(table.reading.encoding or "utf-8", errors="replace")
        lines = head.splitlines()[reading.skip_rows : reading.skip_rows + _TOP_LINES]
        told = list(enumerate(lines, start=1))
    else:
        return []
    return [(number, text[:_TOP_CHARS]) for number, text in told if text.strip(" |,;\t")]
