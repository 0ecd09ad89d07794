"""
What SurveyMonkey exports as CSV or Excel.

Form: a line of questions, with empty cells over the further choices of one, and a line of `Response`,
`Open-Ended Response` (in the language of the account) or the choices; where no question has choices, that
line is empty.
Columns of the respondents can be left out.
Source: github.com/fivethirtyeight/data (807f9ae): exports of 2014 in star-wars-survey, steak-survey,
region-survey and religion-survey; SurveyMonkey help, "Exporting Survey Data".

Rows: one a respondent. A column is called as its question, with its choice where it has some.
"""

from __future__ import annotations

from collections import Counter

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import DressedTable, Program
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_NAME = "surveymonkey"
_RESPONDENT = ("respondent id", "respondentid", "respondent_id")
_COLLECTOR = ("collector id", "collectorid", "collector_id")
_ANSWERS = ("response", "open-ended response")
_SEEN_ROWS = 50


def _dress(table: Table, options: ReadOptions) -> Table | None:
    del options
    rows = [[cell.strip() for cell in row] for row in table.peek(_SEEN_ROWS)]
    choices = rows[0] if rows else []
    if not _is_second_line(table.header, choices) or _are_answers(choices, rows[1:]):
        return None
    answers = _answers(table.header, choices)
    header, question = [], ""
    for name, choice in zip(table.header, choices, strict=True):
        question = name.strip() or question
        header.append(f"{question}: {choice}" if choice and choice not in answers else question)
    note = Notice("note-program", {"program": "SurveyMonkey", "lines": 1, "path": table.path.name})
    return DressedTable(table, _NAME, header=tuple(header), labels=tuple(header), above=1, note=note)


def _is_second_line(header: tuple[str, ...], choices: list[str]) -> bool:
    """Whether a row is the line below the questions."""
    names = [name.strip().lower() for name in header]
    answered = sum(choice.lower() in _ANSWERS for choice in choices)
    respondent = next((at for at, name in enumerate(names) if name in _RESPONDENT), None)
    if respondent is None:
        # Whoever takes the respondents out leaves the line. Only below a question of several columns may it
        # have something else: a column of a plain table, such as a text, has that alone.
        has_others = any(
            choices[at] and choices[at].lower() not in _ANSWERS for at in _alone(header, choices)
        )
        return answered > 1 and answered * 2 >= sum(map(bool, choices)) and not has_others
    collectors = [at for at, name in enumerate(names) if name in _COLLECTOR]
    is_certain = answered > 0 or bool(collectors)
    return is_certain and bool(choices) and not any(choices[at] for at in (respondent, *collectors))


def _are_answers(choices: list[str], rows: list[list[str]]) -> bool:
    """Whether what looks like the second line is a row of data: rows below it say `Response` as well."""
    places = [at for at, choice in enumerate(choices) if choice.lower() in _ANSWERS]
    return any(row[at].lower() in _ANSWERS for row in rows for at in places)


def _alone(header: tuple[str, ...], choices: list[str]) -> list[int]:
    """The columns of questions that have one column."""
    return [
        at
        for at in range(len(choices))
        if header[at].strip() and (at + 1 == len(header) or header[at + 1].strip())
    ]


def _answers(header: tuple[str, ...], choices: list[str]) -> set[str]:
    """What stands below a question that has no choices: it is the same below all of them, in any language."""
    alone = Counter(choices[at] for at in _alone(header, choices))
    return {choice for choice, count in alone.items() if count > 1 or choice.lower() in _ANSWERS}


PROGRAM = Program(name=_NAME, title="SurveyMonkey", dress=_dress)
