"""
Sheets of repeats in what KoboToolbox exports as Excel, as do others that are made of formpack.

Form: the first sheet has a row a submission, with `_index`, `_uuid` and the like behind the questions; each
repeat has a sheet, with `_parent_table_name` and `_parent_index`, and `_index` where there is a repeat in it.
A sheet is called as its table, with `_` for what Excel does not take, and cut to 31 characters with `...`.
Names or labels are above, and on demand a line of HXL tags below them. CSV has the submissions alone, between
semicolons.
Source: github.com/kobotoolbox/formpack (176f619), src/formpack/reporting/export.py and utils/string.py.

Rows: of the first sheet as of any other. Of a sheet of a repeat one for each time, with the columns of the
submission (and of the repeats around it) behind its own. Where a name stands twice, that of the parents has
the name of their sheet in front.
"""

from __future__ import annotations

import re
from dataclasses import replace

from rowbatch.core.table_options import FIRST, ReadOptions
from rowbatch.programs import hxl
from rowbatch.programs.base import Program
from rowbatch.programs.repeats import Parents, RepeatTable
from rowbatch.tables import formats
from rowbatch.tables.base import Table
from rowbatch.tables.excel_reader import sheet_names
from rowbatch.words.notice import Notice

_NAME = "kobo"
_INDEX, _TABLE, _PARENT = "_index", "_parent_table_name", "_parent_index"
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\]|^'|'$")
_NAME_CHARS = 31


def _dress(table: Table, options: ReadOptions) -> Table | None:
    return _joined(table, options, frozenset())


def _joined(table: Table, options: ReadOptions, inside: frozenset[str]) -> Table | None:
    """
    A sheet of a repeat with what its parents say; None where it is none, or their sheet is not there.

    Args:
        table: The sheet.
        options: The person's.
        inside: The sheets of the repeats in it; a sheet that is its own parent is none.
    """
    if table.format != "excel" or _TABLE not in table.header or _PARENT not in table.header:
        return None
    inner = hxl.without_tags(table)
    rows = inner.peek(1)
    sheet = _sheet(table, rows[0][inner.column(_TABLE)]) if rows else None
    inside |= {table.reading.sheet or ""}
    if sheet is None or sheet in inside:
        return None
    outer = formats.open_table(
        table.path, replace(options, sheet=sheet, program=None, header=options.header or FIRST)
    )
    outer = _joined(outer, options, inside) or hxl.without_tags(outer)
    if outer.header.count(_INDEX) != 1:
        return None
    values = {"path": table.path.name, "table": table.reading.sheet or "", "parents": sheet}
    return RepeatTable(inner, _NAME, _PARENT, Parents.of(sheet, outer, _INDEX), Notice("note-repeat", values))


def _sheet(table: Table, name: str) -> str | None:
    """The sheet of a table by the table's name."""
    allowed = _NOT_IN_NAMES.sub("_", name)
    cut = allowed if len(allowed) <= _NAME_CHARS else allowed[: _NAME_CHARS - 3] + "..."
    return next((sheet for sheet in sheet_names(table.path) if sheet in (name, cut)), None)


PROGRAM = Program(name=_NAME, title="KoboToolbox", dress=_dress)
