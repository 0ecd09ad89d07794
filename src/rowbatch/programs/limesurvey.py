"""
What LimeSurvey exports as a VV survey file.

Form: cells between tabs, whatever the ending of the name, with quotes as in CSV; a line of question texts
and one of codes (`id`, `submitdate`, `Q1`). Signs that would end a cell are written as words: `{newline}`,
`{cr}`, `{tab}`, `{quote}` for one that begins it; and so is `{`, as `{lbrace}`, before all others. A question
that the respondent did not see is `{question_not_shown}`.
Source: github.com/LimeSurvey/LimeSurvey, application/controllers/admin/Export.php, vvexport (of 2024 and of
2013, which has the same words and no quotes).

Rows: one a response. Columns are called by their codes, and the question texts are their labels. What was not
shown is not asked, and stays in its cell.
"""

from __future__ import annotations

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import DressedTable, Program
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_NAME = "limesurvey"
_CODES = frozenset("id token submitdate lastpage startlanguage seed startdate datestamp".split())  # noqa: SIM905
# In this order: `{` is written as a word before the others are, so it is a sign again behind them.
_SIGNS = {"{newline}": "\n", "{cr}": "\r", "{tab}": "\t", "{quote}": '"', "{lbrace}": "{"}
_NOT_SHOWN = "{question_not_shown}"


def _dress(table: Table, options: ReadOptions) -> Table | None:
    del options
    if table.reading.delimiter != "\t":
        return None
    rows = table.peek(1)
    if not rows or rows[0][0].strip() != "id" or len(_CODES & set(rows[0])) < 2:
        return None
    labels = tuple(table.header)
    note = Notice("note-program", {"program": "LimeSurvey", "lines": 1, "path": table.path.name})
    return DressedTable(
        table,
        _NAME,
        header=rows[0],
        labels=labels,
        above=1,
        signs=_SIGNS,
        note=note,
        not_asked=frozenset((_NOT_SHOWN,)),
    )


PROGRAM = Program(name=_NAME, title="LimeSurvey", dress=_dress)
