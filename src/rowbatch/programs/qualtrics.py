"""
What Qualtrics exports as CSV, TSV or Excel.

Form: a line of names (`StartDate`, `Q1`, `Q1_1_TEXT`), one of question texts, in the language of the
account, and in CSV and TSV one of JSON with the ids of an import (`{"ImportId":"QID1"}`, perhaps with a
`timeZone`). The legacy form calls what is not asked `V1` and so on, has `ResponseID` and the like below, and
no third line; each of its lines ends with a comma. TSV is UTF-16.
Source: github.com/ropensci/qualtRics, tests/testthat/files/sample.csv (b8d9c7e, a German account) and
sample_legacy.csv (327e5a8); Qualtrics support, "Data Export Formats".

Rows: one a response. The question texts are the labels of the columns.
"""

from __future__ import annotations

import re

from rowbatch.core.table_options import ReadOptions
from rowbatch.programs.base import DressedTable, Program
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_NAME = "qualtrics"
# Columns that each export has of itself; whoever exports can leave some out.
_OWN = frozenset(
    (
        *("StartDate", "EndDate", "Status", "IPAddress", "Progress", "Duration (in seconds)", "Finished"),
        *("RecordedDate", "ResponseId", "RecipientLastName", "RecipientFirstName", "RecipientEmail"),
        *(
            "ExternalReference",
            "LocationLatitude",
            "LocationLongitude",
            "DistributionChannel",
            "UserLanguage",
        ),
    )
)
# What nobody else calls a column.
_SURE = frozenset(
    ("ResponseId", "RecordedDate", "Duration (in seconds)", "RecipientLastName", "RecipientFirstName")
) | frozenset(("RecipientEmail", "DistributionChannel", "UserLanguage", "LocationLatitude"))
_TIMES = frozenset(("StartDate", "EndDate", "RecordedDate"))
# What stands below `V1` and so on.
_LEGACY = frozenset(
    ("ResponseID", "ResponseSet", "ExternalDataReference", "EmailAddress", "IPAddress", "Status", "StartDate")
)
_LEGACY_NAME = re.compile(r"V[0-9]+")
_LEAST_OWN = 3


def _dress(table: Table, options: ReadOptions) -> Table | None:
    del options
    rows = table.peek(2)
    lines = _lines_above(table.header, rows)
    if not lines:
        return None
    has_texts = not _are_ids(rows[0])
    labels = tuple(" ".join(cell.split()) for cell in rows[0]) if has_texts else ()
    note = Notice("note-program", {"program": "Qualtrics", "lines": lines, "path": table.path.name})
    return DressedTable(table, _NAME, labels=labels, above=lines, note=note)


def _lines_above(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> int:
    """How many of the first rows belong to the header; 0 where it is no export of Qualtrics."""
    for at, row in enumerate(rows, start=1):
        if _are_ids(row):
            return at
    if not rows:
        return 0
    first = dict(zip(header, rows[0], strict=True))
    below = [text for name, text in first.items() if _LEGACY_NAME.fullmatch(name)]
    if len(_LEGACY & set(below)) >= _LEAST_OWN:
        return 1
    times = _TIMES & set(header)
    own = [first[name] for name in header if name in _OWN]
    if len(own) < _LEAST_OWN or not _SURE & set(header) or not times or not all(own):
        return 0
    # In whatever language: words stand where each response has a time.
    return int(not any(character.isdecimal() for name in times for character in first[name]))


def _are_ids(row: tuple[str, ...]) -> bool:
    return sum('"ImportId"' in cell for cell in row) * 2 > len(row)


PROGRAM = Program(name=_NAME, title="Qualtrics", dress=_dress)
