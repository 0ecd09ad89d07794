"""
Tables with a line of HXL tags below the header, as KoboToolbox exports them on demand.

Form: below the names a line in which every cell that has something is a tag, `#affected+f`.
Source: HXL standard 1.1, "Tagging conventions" (hxlstandard.org), as the authors know it.

Rows: those below the tags, which are the labels of the columns.
"""

from __future__ import annotations

import re

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import DressedTable, Program
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_NAME = "hxl"
_TAG = re.compile(r"\s*#[A-Za-z][A-Za-z0-9_]*(?:\s*\+\s*[A-Za-z][A-Za-z0-9_]*)*\s*")


def _dress(table: Table, options: ReadOptions) -> Table | None:
    del options
    rows = table.peek(1)
    tags = [cell for cell in rows[0] if cell.strip()] if rows else []
    if len(tags) < 2 or not all(_TAG.fullmatch(cell) for cell in tags) or len(tags) * 4 < len(table.header):
        return None
    note = Notice("note-program", {"program": "KoboToolbox (HXL)", "lines": 1, "path": table.path.name})
    return DressedTable(table, _NAME, labels=rows[0], above=1, note=note)


PROGRAM = Program(name=_NAME, title="KoboToolbox (HXL)", dress=_dress)
