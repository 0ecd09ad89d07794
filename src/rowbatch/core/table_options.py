"""How a table is read, and how one is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, TypedDict, cast, get_args

from rowbatch.core.choices import require_one_of
from rowbatch.errors import UsageError

BadRows = Literal["stop", "keep", "skip"]
FIRST, NO_HEADER = "first", "none"
"""What `ReadOptions.header` may say instead of lines: the first with something in it; that there is none."""
NONE = "none"
"""What stands for no character at `ReadOptions.quote` and `.escape`."""
PLAIN = "plain"
"""What `ReadOptions.program` says where a table is read as it stands, whichever program wrote it."""
DOCUMENTS = "documents"
"""The program that stands for a folder of documents."""
LINES = "lines"
"""The one that stands for a text of which each line is a row."""
NO_DOCUMENTS = frozenset((".csv", ".tsv", ".json", ".jsonl", ".js", ".xlsx", ".sav", ".dta", ".parquet"))
"""Endings of files of archives and tables, as of the output of a run, which are no documents."""
_LINES = re.compile(r"([1-9][0-9]{0,8})(?:-([1-9][0-9]{0,8}))?")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """
    How a table is to be read, as far as somebody said it, or as it was found out before.

    Attributes:
        encoding: Of a text format, as Python names it; None means found out.
        delimiter: Of a CSV file; None means found out.
        sheet: Of a workbook: its name, or its number from 1; None means the first. Of an R file: the object.
            Of a zip file: the file in it.
        on_bad_rows: What to do with a row of a CSV or JSONL file that is broken: `stop` with an error,
            `keep` it as far as it can be understood, or `skip` it. What was kept or skipped is counted.
        header: Of a text file or a sheet: the line with the names, counted from 1 after the skipped ones, or
            several lines as in `1-3`; `first`, the first line with something in it, and quotes are as usual;
            `none`, there is none. None means found out.
        skip_rows: So many lines of a text file or a sheet are left out before anything else is looked at.
        quote: What stands around a cell of a CSV file, or `none`; None means found out, mostly `"`.
        escape: What stands before a quote inside such a cell, or `none`: it is doubled; None means found out.
        rows: Where the rows are in a JSON document, by dotted names as in `data.items`; None means found out.
        program: Whose export it is read as, a name of `rowbatch.programs`; `plain` means as a plain table;
            None means found out.
    Raises:
        UsageError: One of them says nothing that can be done.
    """

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    on_bad_rows: BadRows = "stop"
    header: str | None = None
    skip_rows: int = 0
    quote: str | None = None
    escape: str | None = None
    rows: str | None = None
    program: str | None = None

    def __post_init__(self) -> None:
        require_one_of("on_bad_rows", self.on_bad_rows, get_args(BadRows))
        if self.header is not None and self.header not in (FIRST, NO_HEADER):
            lines = _LINES.fullmatch(self.header)
            if lines is None or int(lines[2] or lines[1]) < int(lines[1]):
                raise UsageError("header-no-lines", header=self.header)
        if self.skip_rows < 0:
            raise UsageError("skip-rows-negative")
        for option, mark in (("--quote", self.quote), ("--escape", self.escape)):
            if mark is not None and mark != NONE and (len(mark) != 1 or mark in "\r\n"):
                raise UsageError("mark-not-one-character", option=option)

    @property
    def header_lines(self) -> tuple[int, int] | None:
        """The first and the last line of the header, from 1; None where no lines are said."""
        lines = _LINES.fullmatch(self.header or "")
        return (int(lines[1]), int(lines[2] or lines[1])) if lines else None


class ReadingBesideRows(TypedDict, total=False):
    """The options of `ReadOptions` as functions take them whose `rows` is a number of rows."""

    encoding: str | None
    delimiter: str | None
    sheet: str | None
    on_bad_rows: BadRows
    header: str | int | None
    skip_rows: int
    quote: str | None
    escape: str | None
    program: str | None


class ReadingKeywords(ReadingBesideRows, total=False):
    """The options of `ReadOptions` as functions take them; a header line may be a number."""

    rows: str | None


def said_of(reading: ReadOptions) -> ReadingKeywords:
    """What of the options somebody said, as `reading_of` takes it."""
    usual = asdict(ReadOptions())
    said = {name: value for name, value in asdict(reading).items() if value != usual[name]}
    return cast("ReadingKeywords", said)


def read_otherwise(reading: ReadOptions, changes: Mapping[str, str | int | None]) -> ReadOptions:
    """
    The same options but for some of them.

    Args:
        reading: So far.
        changes: Attributes of `ReadOptions`; "" or None means found out. Where another sheet is said, what
            was said of the lines of the one before does not hold for it.
    Raises:
        UsageError: One of them says nothing that can be done.
    """
    usual, before = asdict(ReadOptions()), asdict(reading)
    said = {name: value or usual[name] for name, value in changes.items()}
    if said.get("sheet", before["sheet"]) != before["sheet"]:
        before |= {name: usual[name] for name in ("header", "skip_rows", "rows")}
    return ReadOptions(**{**before, **said})


def reading_of(said: ReadingKeywords, among: type[ReadingKeywords] = ReadingKeywords) -> ReadOptions:
    """
    Keywords as options.

    Args:
        said: The keywords.
        among: What may stand beside them.
    Raises:
        UsageError: One of them says nothing that can be done, or is none: a misspelt `probability` that
            nobody notices would leave the weights out.
    """
    for name in said:
        if name not in among.__annotations__:
            raise UsageError("no-such-keyword", name=name, keywords=sorted(among.__annotations__))
    header = said.get("header")
    return ReadOptions(
        encoding=said.get("encoding"),
        delimiter=said.get("delimiter"),
        sheet=said.get("sheet"),
        on_bad_rows=said.get("on_bad_rows", "stop"),
        header=None if header is None else str(header),
        skip_rows=said.get("skip_rows", 0),
        quote=said.get("quote"),
        escape=said.get("escape"),
        rows=said.get("rows"),
        program=said.get("program"),
    )


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """
    How a table is written.

    Attributes:
        bom: CSV: a byte order mark first, so that Excel knows that it is UTF-8.
        formula_safe: CSV, TSV: whatever a spreadsheet, in any language, would take for the beginning of a
            formula gets an apostrophe in front, so it is text there; it is then not what it was, and every
            cell has quotes. Excel: has no effect, texts are string cells.
        numbers: Excel, Stata, SPSS, Parquet, Arrow, JSONL: a column of a table without types in which all
            texts are numbers is written as numbers.
    """

    bom: bool = False
    formula_safe: bool = False
    numbers: bool = False
