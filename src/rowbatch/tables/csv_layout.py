"""How the text of a CSV file is a table, once it was found out; and where its rows can be cut."""

from __future__ import annotations

from dataclasses import dataclass

from rowbatch.tables.csv_look import Dialect


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


@dataclass(frozen=True, slots=True)
class Cut:
    """
    A place between two records.

    Attributes:
        row: How many rows stand before it.
        offset: Bytes before it.
        line: The line that begins there, from 1.
    """

    row: int
    offset: int
    line: int


@dataclass(frozen=True, slots=True)
class Cuts:
    """
    How the rows of a file are cut.

    Attributes:
        rows: Of the file.
        places: Where the first row begins, then each place that was asked for, then the end.
    """

    rows: int
    places: tuple[Cut, ...]
