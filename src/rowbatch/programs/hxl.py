"""
Tables with a line of HXL tags below the header, as KoboToolbox exports them on demand.

Form: below the names a line in which every cell that has something is a tag, `#affected+f`; of a question of
several choices only the first column has it.
Source: github.com/kobotoolbox/formpack (176f619), src/formpack/reporting/export.py,
get_header_rows_for_tag_cols; HXL standard 1.1, "Tagging conventions" (hxlstandard.org).

Rows: those below the tags, which are the labels of the columns.
"""

from __future__ import annotations

import re

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import DressedTable, Program
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_NAME = "hxl"
_SEEN_ROWS = 50
_OF_KOBO = frozenset(("_uuid", "_submission_time", "_parent_table_name"))
_TAG = re.compile(r"\s*#[A-Za-z][A-Za-z0-9_]*(?:\s*\+\s*[A-Za-z][A-Za-z0-9_]*)*\s*")


def _dress(table: Table, options: ReadOptions) -> Table | None:
    del options
    dressed = without_tags(table)
    return None if dressed is table else dressed


def without_tags(table: Table) -> Table:
    """A table without its line of tags; the same table where it has none."""
    rows = table.peek(_SEEN_ROWS)
    tags = [cell for cell in rows[0] if cell.strip()] if rows else []
    if not tags or not all(_TAG.fullmatch(cell) for cell in tags):
        return table
    # In a table of hashtags the rows below have some, too.
    if any(cell.strip() and _TAG.fullmatch(cell) for row in rows[1:] for cell in row):
        return table
    # Beside what KoboToolbox adds of its own, few columns may have one.
    if not _OF_KOBO & set(table.header) and (len(tags) < 2 or len(tags) * 4 < len(table.header)):
        return table
    note = Notice("note-program", {"program": "KoboToolbox (HXL)", "lines": 1, "path": table.path.name})
    return DressedTable(table, _NAME, labels=rows[0], above=1, note=note)


PROGRAM = Program(name=_NAME, title="KoboToolbox (HXL)", dress=_dress)
