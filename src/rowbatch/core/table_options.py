"""How a table is read, and how one is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BadRows = Literal["stop", "keep", "skip"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """
    How a table is to be read, as far as somebody said it, or as it was found out before.

    Attributes:
        encoding: Of a text format, as Python names it; None means found out.
        delimiter: Of a CSV file; None means found out.
        sheet: Of a workbook: its name, or its number from 1; None means the first. Of an R file: the object.
        on_bad_rows: What to do with a row of a CSV or JSONL file that is broken: `stop` with an error,
            `keep` it as far as it can be understood, or `skip` it. What was kept or skipped is counted.
    """

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    on_bad_rows: BadRows = "stop"


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """
    How a table is written.

    Attributes:
        bom: CSV: a byte order mark first, so that Excel knows that it is UTF-8.
        formula_safe: CSV, TSV: whatever a spreadsheet, in any language, would take for the beginning of a
            formula gets an apostrophe in front, so it is text there; it is then not what it was, and every
            cell has quotes. Excel: has no effect, texts are string cells.
    """

    bom: bool = False
    formula_safe: bool = False
