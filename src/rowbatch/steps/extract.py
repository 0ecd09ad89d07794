"""
`extract`: result files become a table. Needs no run, no key and no network.

Answers lie in flat columns from the moment they are read; an object for each of a million rows
would cost most of the time and the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from rowbatch.core.result import Result, UnreadableLine, iter_lines, read_result
from rowbatch.core.states import RowStatus
from rowbatch.errors import InputError, UsageError, from_os_error
from rowbatch.store.atomic import atomic_file
from rowbatch.tables.base import ReadOptions
from rowbatch.tables.csv_writer import CsvWriter
from rowbatch.tables.formats import open_table

COLUMNS = ("content", "status", "status_reason")
_ROWS_PER_CHUNK = 20_000
_CHARS_PER_CHUNK = 32_000_000
_SHOWN = 20
# What stands before the number at the end, and the number.
_ROW_ID = r"(?s)\A(|.*[^0-9])([0-9]{1,15})\z"
_MAX_REASONS = 1_000


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


def extract(
    results: Sequence[Path],
    out: Path,
    *,
    join: Path | None = None,
    first_number: Literal[0, 1] | None = None,
    reading: ReadOptions | None = None,
    overwrite: bool = False,
) -> ExtractReport:
    """
    Write what the model answered, with a status for each line or row.

    Args:
        results: Output and error files, in any order.
        out: A CSV file with `custom_id`, `content`, `status`, `status_reason`, in the order of the files.
        join: The original table: then all its columns and rows in order, and the answers beside them. The
            number at the end of `custom_id` is the row. What stands before it must be the same in all ids:
            those of the rarer prefixes are unknown.
        first_number: Of the first row; None means 1, or 0 where there is a number 0.
        reading: How to read that table; None means found out.
        overwrite: Whether `out` may be replaced.
    Raises:
        InputError: A file is not there, or none of its lines is a result; or the ids count from 0 and
            from 1 at once.
        UsageError: The output would replace a result file or the table.
        TableError: The table to join is broken.
        OutputExists, StorageError: The output cannot be written.
    """
    report = ExtractReport(out)
    for path in (*results, join):
        if path and out.exists() and path.exists() and out.samefile(path):
            raise UsageError(f"{path} would be replaced by its own answers", hint="give another name with -o")
    if join is None:
        with atomic_file(out, overwrite=overwrite) as file:
            _write_in_file_order(results, CsvWriter(file, ("custom_id", *COLUMNS)), report)
            _require_results(results, report)
        return report
    table = open_table(join, reading)
    prefix, answers = _by_number(results, report)
    _require_results(results, report)
    if first_number is None:
        first_number = 0 if answers.height and answers["number"][0] == 0 else 1
        guessed = True
    else:
        guessed = False
    report.counts_from_zero = first_number == 0
    with atomic_file(out, overwrite=overwrite) as file:
        writer = CsvWriter(file, _names(table.header))
        numbers, used = answers["number"], int((answers["number"] < first_number).sum())
        _note_unknown(report, prefix, numbers[:used])
        for chunk in table.chunks():
            first = chunk.first_row - 1 + first_number
            stop = used + int((numbers[used : used + chunk.frame.height] < first + chunk.frame.height).sum())
            added = _in_rows(answers[used:stop], first, chunk.frame.height)
            used = stop
            writer.write(pl.concat([chunk.frame, _shown(added, len(table.header))], how="horizontal"))
            _count(report, added)
        if report.counts_from_zero and guessed and numbers[used : used + 1].to_list() == [report.rows]:
            raise InputError(
                f"the ids {prefix}0 and {prefix}{report.rows:,} are both there, but {join} has "
                f"{report.rows:,} rows: do the ids count them from 0 or from 1?",
                hint="is it the right table? Remove the line of the id that is none of its rows",
            )
    _note_unknown(report, prefix, numbers[used:])
    return report


def _names(header: Sequence[str]) -> list[str]:
    names = list(header)
    for name in COLUMNS:
        free = name
        while free in names:
            free = f"rowbatch_{free}"
        names.append(free)
    return names


def _in_rows(answers: pl.DataFrame, first: int, height: int) -> pl.DataFrame:
    """One answer for each of so many rows, from the one with this number on."""
    if answers.height == height:
        return answers
    rows = pl.DataFrame({"number": pl.int_range(first, first + height, dtype=pl.Int64, eager=True)})
    joined = rows.join(answers, on="number", how="left", maintain_order="left")
    return joined.with_columns(
        pl.col("content").fill_null(""),
        pl.col("status").fill_null(RowStatus.MISSING.value),
        pl.col("status_reason").fill_null("in no result file"),
    )


def _shown(answers: pl.DataFrame, position: int) -> pl.DataFrame:
    return answers.select(pl.col(name).alias(str(position + index)) for index, name in enumerate(COLUMNS))


def _write_in_file_order(results: Sequence[Path], writer: CsvWriter, report: ExtractReport) -> None:
    seen: dict[str, int] = {}
    for answers in _frames(results, report):
        # Every line is kept here, also a repeated one: which one is right is the reader's to say.
        marks = answers.select(pl.struct(COLUMNS).hash()).to_series().to_list()
        for custom_id, mark in zip(answers["custom_id"].to_list(), marks, strict=True):
            before = seen.setdefault(custom_id, mark)
            if before is not mark:
                report.repeated_ids += 1
                report.differing_ids += before != mark
        writer.write(answers.select("custom_id", *COLUMNS))
        _count(report, answers)


def _by_number(results: Sequence[Path], report: ExtractReport) -> tuple[str, pl.DataFrame]:
    """The commonest prefix of ids, and its answers: `number` and the columns, each number once, sorted."""
    kept: list[pl.DataFrame] = []
    codes: dict[str, int] = {}
    for answers in _frames(results, report):
        parts = answers.select(
            pl.col("custom_id").str.extract(_ROW_ID, 1).alias("prefix"),
            pl.col("custom_id").str.extract(_ROW_ID, 2).cast(pl.Int64).alias("number"),
        )
        strange = answers["custom_id"].filter(parts["prefix"].is_null())
        _note_unknown(report, "", strange)
        prefixes = parts["prefix"].unique(maintain_order=True).drop_nulls().to_list()
        for prefix in prefixes:
            codes.setdefault(prefix, len(codes))
        code = parts["prefix"].replace_strict(
            prefixes, [codes[prefix] for prefix in prefixes], return_dtype=pl.UInt32
        )
        frame = answers.select(COLUMNS).with_columns(parts["number"], code.alias("prefix"))
        kept.append(frame.filter(frame["prefix"].is_not_null()))
    if not codes:
        return "", pl.DataFrame(schema={"number": pl.Int64, **dict.fromkeys(COLUMNS, pl.String)})
    found = pl.concat(kept, rechunk=True)
    kept.clear()
    # Two experiments in one pile, or ids that are no row numbers at all: nobody's answer goes to
    # somebody else's row.
    commonest = 0
    if len(codes) > 1:
        counts = (
            found.unique(["prefix", "number"])
            .group_by("prefix")
            .len()
            .sort("len", "prefix", descending=[True, False])
        )
        commonest = counts["prefix"][0]
        names = list(codes)
        for code, number in (
            found.filter(pl.col("prefix") != commonest)
            .select("prefix", "number")
            .unique(maintain_order=True)
            .iter_rows()
        ):
            _note_unknown(report, names[code], pl.Series([number]))
        found = found.filter(pl.col("prefix") == commonest)
    return list(codes)[commonest], _each_once(found.drop("prefix"), report)


def _each_once(found: pl.DataFrame, report: ExtractReport) -> pl.DataFrame:
    """Sorted by number; of a repeated one an ok answer is kept, else the first."""
    if not found["number"].is_sorted():
        found = found.sort("number", maintain_order=True)
    again = found["number"] == found["number"].shift(1)
    if not again.any():
        return found
    found = found.sort("number", pl.col("status") != RowStatus.OK.value, maintain_order=True)
    first = found.filter(~again.fill_null(False))
    others = found.filter(again.fill_null(False))
    report.repeated_ids += others.height
    kept = others.select("number").join(first, on="number", how="left", maintain_order="left")
    report.differing_ids += int(
        (others.select(pl.struct(COLUMNS)).to_series() != kept.select(pl.struct(COLUMNS)).to_series()).sum()
    )
    return first


def _frames(paths: Sequence[Path], report: ExtractReport) -> Iterator[pl.DataFrame]:
    """Results in file order, some thousands at a time: `custom_id` and the columns."""
    ids: list[str] = []
    contents: list[str] = []
    statuses: list[str] = []
    reasons: list[str] = []
    chars = 0
    for result in _results(paths, report):
        ids.append(result.custom_id)
        contents.append(result.content)
        statuses.append(result.status)
        reasons.append(result.reason)
        chars += len(result.content)
        if len(ids) >= _ROWS_PER_CHUNK or chars >= _CHARS_PER_CHUNK:
            yield _frame(ids, contents, statuses, reasons)
            ids, contents, statuses, reasons = [], [], [], []
            chars = 0
    if ids:
        yield _frame(ids, contents, statuses, reasons)


def _frame(ids: list[str], contents: list[str], statuses: list[str], reasons: list[str]) -> pl.DataFrame:
    columns = zip(("custom_id", *COLUMNS), (ids, contents, statuses, reasons), strict=True)
    return pl.DataFrame([pl.Series(name, column, dtype=pl.String) for name, column in columns])


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


def _note_unknown(report: ExtractReport, prefix: str, names: pl.Series) -> None:
    report.unknown_ids += len(names)
    room = _SHOWN - len(report.unknown)
    report.unknown.extend(f"{prefix}{name}" for name in names[:room].to_list())


def _count(report: ExtractReport, answers: pl.DataFrame) -> None:
    report.rows += answers.height
    for status, count in answers["status"].value_counts().iter_rows():
        report.statuses[RowStatus(status)] += count
    reasons = answers["status_reason"].filter(answers["status_reason"] != "")
    for reason, count in reasons.value_counts(sort=True).iter_rows():
        # Samples for people: beyond so many different ones they are not all kept.
        if reason in report.reasons or len(report.reasons) < _MAX_REASONS:
            report.reasons[reason] += count
