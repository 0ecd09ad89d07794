"""
What SurveyMonkey exports as CSV or Excel.

Form: a line of questions, with empty cells over the further choices of one, and a line of `Response`,
`Open-Ended Response` or the choices.
Source: SurveyMonkey help, "Exporting Survey Data", as the authors know it; no export of it was at hand.

Rows: one a respondent. A column is called as its question, with its choice where it has some.
"""

from __future__ import annotations

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import DressedTable, Program
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_NAME = "surveymonkey"
_RESPONDENT = ("respondent id", "respondentid", "respondent_id")
_COLLECTOR = ("collector id", "collectorid", "collector_id")
_ANSWERS = ("response", "open-ended response")


def _dress(table: Table, options: ReadOptions) -> Table | None:
    del options
    names = [name.strip().lower() for name in table.header]
    if not any(name in _RESPONDENT for name in names) or not any(name in _COLLECTOR for name in names):
        return None
    rows = table.peek(1)
    respondent = next(at for at, name in enumerate(names) if name in _RESPONDENT)
    if not rows or rows[0][respondent].strip() or not any(rows[0]):
        return None
    header, question = [], ""
    for name, choice in zip(table.header, rows[0], strict=True):
        question = name.strip() or question
        is_answer = not choice.strip() or choice.strip().lower() in _ANSWERS
        header.append(question if is_answer else f"{question}: {choice.strip()}")
    note = Notice("note-program", {"program": "SurveyMonkey", "lines": 1, "path": table.path.name})
    return DressedTable(table, _NAME, header=tuple(header), labels=tuple(header), above=1, note=note)


PROGRAM = Program(name=_NAME, title="SurveyMonkey", dress=_dress)
