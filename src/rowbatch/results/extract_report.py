"""What `extract` found and wrote."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from rowbatch.core.document import Shown
from rowbatch.core.forms import forgiven_notices
from rowbatch.core.states import RowStatus
from rowbatch.tables.base import BadRowList
from rowbatch.words.notice import Notice

MOST_SHOWN = 20
OTHER_REASONS = "other reasons"
_MAX_REASONS = 999


@dataclass(frozen=True, slots=True)
class Compared:
    """
    Requests beside their results, by id.

    Attributes:
        requests: How many there are.
        repeated_requests: Of these, with an id that an earlier one has.
        without_result: Ids of requests that are in no result file, how many.
        first_without: The first 20.
        never_run: Ids whose result says that they expired or were cancelled before their turn.
        of_no_request: Ids of results that no request has, how many.
        first_of_no_request: The first 20.
        unanswered: The new batch file with those that have no result or were never run, or None.
        written: How many stand there.
    """

    requests: int
    repeated_requests: int
    without_result: int
    first_without: list[str]
    never_run: int
    of_no_request: int
    first_of_no_request: list[str]
    unanswered: Path | None
    written: int


@dataclass(slots=True, repr=False)
class ExtractReport(Shown):
    """
    What was found and written.

    Attributes:
        out: The table.
        rows: Of the table.
        results: Result lines that could be read.
        statuses: How many rows of each status.
        reasons: The commonest reasons of rows that are not ok, with counts.
        unreadable: Lines that are no results: file, line and why, the first 20.
        unreadable_lines: How many there are in all.
        repeated_ids: Lines for an id that had a line already.
        differing_ids: Of these, with another answer; an ok one is kept, else the first.
        unknown: With a table to join: ids that are none of its rows, the first 20.
        unknown_ids: How many there are in all.
        counts_from_zero: With a table to join: the ids count rows from 0.
        id_column: With a table to join: the column or template that the ids are made of; "" for row numbers.
        ids_as_numbers: These were compared as whole numbers, where not all of them stand there as texts.
        compared: The results beside the requests, where these were given.
        forgiven: How many answers needed what kind of forgiveness, where their fields were read.
        errors: The list of those that are not ok, or None.
        encoding_guessed: The encoding of the table to join, if nothing said it but its text; else "".
        notes: What a person should know of how that table was read.
        bad_rows: Broken rows of the table to join that were kept or skipped.
        formulas: Cells that were marked, because a spreadsheet would take them for formulas.
    """

    out: Path
    rows: int = 0
    results: int = 0
    statuses: Counter[RowStatus] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[Path, int, str]] = field(default_factory=list)
    unreadable_lines: int = 0
    repeated_ids: int = 0
    differing_ids: int = 0
    unknown: list[str] = field(default_factory=list)
    unknown_ids: int = 0
    counts_from_zero: bool = False
    id_column: str = ""
    ids_as_numbers: bool = False
    compared: Compared | None = None
    forgiven: Counter[str] = field(default_factory=Counter)
    errors: Path | None = None
    encoding_guessed: str = ""
    notes: tuple[Notice, ...] = ()
    bad_rows: BadRowList = field(default_factory=BadRowList)
    formulas: int = 0

    @property
    def forgiven_notices(self) -> tuple[Notice, ...]:
        """What was forgiven, in words for every face."""
        return forgiven_notices(self.forgiven)


def note_unknown(report: ExtractReport, prefix: str, names: pl.Series) -> None:
    """Note ids that are none of the rows: all are counted, the first ones kept."""
    report.unknown_ids += len(names)
    room = MOST_SHOWN - len(report.unknown)
    report.unknown.extend(f"{prefix}{name}" for name in names[:room].to_list())


def count_statuses(answers: pl.DataFrame, statuses: Counter[RowStatus], reasons: Counter[str]) -> None:
    """Add up the columns `status` and `status_reason`. Of very many different reasons the rest is one."""
    for status, count in answers["status"].value_counts().iter_rows():
        statuses[RowStatus(status)] += count
    said = answers["status_reason"].filter(answers["status_reason"] != "")
    for reason, count in said.value_counts(sort=True).iter_rows():
        reasons[reason if reason in reasons or len(reasons) < _MAX_REASONS else OTHER_REASONS] += count
