"""
What Qualtrics exports as CSV, TSV or Excel.

Form: a line of names (`StartDate`, `Q1`, `Q1_1_TEXT`), one of question texts, and in CSV and TSV one of JSON
with the ids of an import (`{"ImportId":"QID1"}`); the legacy form has no third line. TSV is UTF-16.
Source: Qualtrics support, "Understanding Your Dataset" and "Data Export Formats", as the authors know them;
no export of it was at hand.

Rows: one a response. The question texts are the labels of the columns.
"""

from __future__ import annotations

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import DressedTable, Program
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_NAME = "qualtrics"
# A column that each form has, and the text below its name in exports in English.
_KNOWN = {
    "StartDate": "Start Date",
    "EndDate": "End Date",
    "ResponseId": "Response ID",
    "ResponseID": "ResponseID",
    "ResponseSet": "ResponseSet",
    "Finished": "Finished",
    "Progress": "Progress",
}


def _dress(table: Table, options: ReadOptions) -> Table | None:
    del options
    known = [at for at, name in enumerate(table.header) if name in _KNOWN]
    if len(known) < 2:
        return None
    rows = table.peek(2)
    above = 0
    if len(rows) > 1 and sum('"ImportId"' in cell for cell in rows[1]) * 2 > len(table.header):
        above = 2
    elif rows and sum(rows[0][at] == _KNOWN[table.header[at]] for at in known) >= 2:
        above = 1
    if not above:
        return None
    labels = tuple(" ".join(cell.split()) for cell in rows[0])
    note = Notice("note-program", {"program": "Qualtrics", "lines": above, "path": table.path.name})
    return DressedTable(table, _NAME, labels=labels, above=above, note=note)


PROGRAM = Program(name=_NAME, title="Qualtrics", dress=_dress)
