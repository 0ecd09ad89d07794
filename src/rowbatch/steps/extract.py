"""`extract`: result files become a table. Needs no run, no key and no network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from rowbatch.core.result import Result, UnreadableLine, iter_lines, read_result
from rowbatch.core.states import RowStatus
from rowbatch.errors import InputError, UsageError, from_os_error
from rowbatch.store.atomic import atomic_file
from rowbatch.tables.csv_reader import open_table
from rowbatch.tables.csv_writer import CsvWriter

COLUMNS = ("content", "status", "status_reason")
_ROWS_PER_CHUNK = 20_000
_SHOWN = 20
_ROW_NUMBER = re.compile(r"(|.*\D)(\d{1,15})", re.ASCII | re.DOTALL)


@dataclass(slots=True)
class ExtractReport:
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


@dataclass(frozen=True, slots=True)
class _Answer:
    content: str
    status: RowStatus
    reason: str


_MISSING = _Answer("", RowStatus.MISSING, "in no result file")


def extract(
    results: Sequence[Path],
    out: Path,
    *,
    join: Path | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    overwrite: bool = False,
) -> ExtractReport:
    """
    Write what the model answered, with a status for each line or row.

    Args:
        results: Output and error files, in any order.
        out: A CSV file with `custom_id`, `content`, `status`, `status_reason`, in the order of the files.
        join: The original table: then all its columns and rows in order, and the answers beside them. The
            number at the end of `custom_id` is the row, counted from 1, or from 0 when there is a 0. What
            stands before it must be the same in all ids: those of the rarer prefixes are unknown.
        encoding, delimiter: Of that table; None means found out.
        overwrite: Whether `out` may be replaced.
    Raises:
        InputError: A file is not there, or none of its lines is a result.
        UsageError: The output would replace a result file.
        TableError: The table to join is broken.
        OutputExists, StorageError: The output cannot be written.
    """
    report = ExtractReport(out)
    for path in results:
        if out.exists() and path.exists() and out.samefile(path):
            raise UsageError(f"{path} would be replaced by its own answers", hint="give another name with -o")
    if join is None:
        with atomic_file(out, overwrite=overwrite) as file:
            _write_in_file_order(results, CsvWriter(file, ("custom_id", *COLUMNS)), report)
            _require_results(results, report)
        return report
    table = open_table(join, encoding=encoding, delimiter=delimiter)
    prefix, found = _by_number(results, report)
    _require_results(results, report)
    if 0 in found:
        report.counts_from_zero = True
        found = {number + 1: answer for number, answer in found.items()}
    names = list(table.header)
    for name in COLUMNS:
        free = name
        while free in names:
            free = f"rowbatch_{free}"
        names.append(free)
    positions = {name: str(len(table.header) + index) for index, name in enumerate(COLUMNS)}
    with atomic_file(out, overwrite=overwrite) as file:
        writer = CsvWriter(file, names)
        for chunk in table.chunks():
            first, height = chunk.first_row, chunk.frame.height
            answers = [found.pop(row, _MISSING) for row in range(first, first + height)]
            added = _frame(answers).rename(positions)
            writer.write(pl.concat([chunk.frame, added], how="horizontal"))
            _count(report, answers)
    for number in found:
        _note_unknown(report, f"{prefix}{number - report.counts_from_zero}")
    return report


def _write_in_file_order(results: Sequence[Path], writer: CsvWriter, report: ExtractReport) -> None:
    seen: dict[str, int] = {}
    ids: list[str] = []
    answers: list[_Answer] = []

    def flush() -> None:
        frame = _frame(answers)
        writer.write(frame.insert_column(0, pl.Series("custom_id", ids, dtype=pl.String)))
        _count(report, answers)
        ids.clear()
        answers.clear()

    for result in _results(results, report):
        answer = _Answer(result.content, result.status, result.reason)
        mark = hash(answer)
        # Every line is kept here, also a repeated one: which one is right is the reader's to say.
        if result.custom_id in seen:
            report.repeated_ids += 1
            report.differing_ids += seen[result.custom_id] != mark
        seen.setdefault(result.custom_id, mark)
        ids.append(result.custom_id)
        answers.append(answer)
        if len(ids) >= _ROWS_PER_CHUNK:
            flush()
    if ids:
        flush()


def _by_number(results: Sequence[Path], report: ExtractReport) -> tuple[str, dict[int, _Answer]]:
    """The commonest prefix of the ids, and its answers by number."""
    by_prefix: dict[str, dict[int, _Answer]] = {"": {}}
    for result in _results(results, report):
        match = _ROW_NUMBER.fullmatch(result.custom_id)
        if match is None:
            _note_unknown(report, result.custom_id)
            continue
        found, number = by_prefix.setdefault(match.group(1), {}), int(match.group(2))
        answer = _Answer(result.content, result.status, result.reason)
        before = found.get(number)
        if before is not None:
            report.repeated_ids += 1
            report.differing_ids += before != answer
            if before.status is RowStatus.OK or answer.status is not RowStatus.OK:
                continue
        found[number] = answer
    # Two experiments in one pile, or ids that are no row numbers at all: nobody's answer goes to
    # somebody else's row.
    commonest = max(by_prefix, key=lambda prefix: len(by_prefix[prefix]))
    for prefix, others in by_prefix.items():
        if prefix != commonest:
            for number in others:
                _note_unknown(report, f"{prefix}{number}")
    return commonest, by_prefix[commonest]


def _results(paths: Sequence[Path], report: ExtractReport) -> Iterator[Result]:
    for path in paths:
        try:
            with path.open("rb") as file:
                for number, line in iter_lines(file):
                    try:
                        result = read_result(line)
                    except UnreadableLine as error:
                        report.unreadable_lines += 1
                        if len(report.unreadable) < _SHOWN:
                            report.unreadable.append((path, number, str(error)))
                        continue
                    report.results += 1
                    yield result
        except OSError as error:
            raise from_os_error(error, str(path)) from error


def _require_results(paths: Sequence[Path], report: ExtractReport) -> None:
    if report.results == 0 and report.unreadable_lines:
        path, line, why = report.unreadable[0]
        raise InputError(
            f"none of the {report.unreadable_lines:,} lines is a result; {path}, line {line:,}: {why}",
            hint="result files are JSONL with a custom_id in each line, as a provider's batch gives them",
        )
    if report.results == 0 and len(paths) == 1:
        raise InputError(f"{paths[0]} is empty", hint="is it the right file?")


def _note_unknown(report: ExtractReport, name: str) -> None:
    report.unknown_ids += 1
    if len(report.unknown) < _SHOWN:
        report.unknown.append(name)


def _frame(answers: Sequence[_Answer]) -> pl.DataFrame:
    readers: dict[str, Callable[[_Answer], str]] = {
        COLUMNS[0]: lambda answer: answer.content,
        COLUMNS[1]: lambda answer: answer.status.value,
        COLUMNS[2]: lambda answer: answer.reason,
    }
    return pl.DataFrame(
        [
            pl.Series(name, [read(answer) for answer in answers], dtype=pl.String)
            for name, read in readers.items()
        ]
    )


def _count(report: ExtractReport, answers: Sequence[_Answer]) -> None:
    report.rows += len(answers)
    for answer in answers:
        report.statuses[answer.status] += 1
        if answer.reason and (answer.reason in report.reasons or len(report.reasons) < 1_000):
            report.reasons[answer.reason] += 1
