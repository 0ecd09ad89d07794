"""
`collect`: results become answers, and every row of the table leaves once, with a status.

The table is read again, chunk by chunk, in its own order; the answers of one shard at a time lie in
flat columns by row number. So memory depends on the size of a shard, not of the table.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.answer import Answer, AnswerReader
from rowbatch.core.result import UnreadableLine, iter_lines, read_result
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.errors import OutputExists, RunError, from_os_error
from rowbatch.steps.frozen import ID_PREFIX, blank_rows, codebook_of, table_of, text_columns
from rowbatch.store.atomic import atomic_file, write_atomically
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.store.rundir import RunDirectory, RunSettings, digest_file
from rowbatch.tables.csv_writer import CsvWriter

SKIPPED_REASON = "the text is empty"
_MAX_REASONS = 1_000


@dataclass(slots=True)
class CollectReport:
    """
    What came out.

    Attributes:
        path: The labelled table.
        rows: In it: as many as in the input.
        statuses: How many rows of each status.
        reasons: The commonest reasons of rows that are not ok, with counts.
        labels: For each variable with labels: how often each was given.
        unknown_ids: Result lines whose custom_id is no row that was asked in that shard.
        repeated_ids: Result lines for a row that had an answer already; the first one counts.
        unreadable_lines: Result lines that are no results.
        models: What the answers say who gave them.
        prompt_tokens, answer_tokens: Sums over all results, as the provider counted.
    """

    path: Path
    rows: int = 0
    statuses: Counter[RowStatus] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    unknown_ids: int = 0
    repeated_ids: int = 0
    unreadable_lines: int = 0
    models: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    answer_tokens: int = 0


def collect(
    run: RunDirectory,
    *,
    output: Path | None = None,
    overwrite: bool = False,
    notes: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> CollectReport:
    """
    Write the labelled table from what is on disk. Can be run at any time, and again.

    The caller holds the run lock.

    Args:
        run: A run that is built.
        output: Where to; None means where the run was told to.
        overwrite: Whether a file that this run did not write may be replaced.
        notes: What the table's metadata shall say besides (for example: a demonstration model).
        progress: Called with the number of rows done so far.
    Raises:
        OutputExists: The output is there, and this run did not write it.
        RunError: The table or a raw file was changed since.
    """
    settings = run.settings()
    path = output or Path(settings.output["path"] or run.labelled)
    codebook = codebook_of(settings)
    labelled = {index: variable.name for index, variable in enumerate(codebook.variables) if variable.labels}
    reader = AnswerReader(codebook)
    table = table_of(run, settings)
    asked_columns = text_columns(table, settings)
    report = CollectReport(path=path)
    with run.ledger() as ledger:
        shards = [shard for shard in ledger.shards() if shard.round == 1]
        replaceable = (
            overwrite
            or (output is None and bool(settings.output["overwrite"]))
            or path == run.labelled
            or _was_written_by(ledger, path)
        )
        taken = next((place for place in (path, _metadata_path(path)) if place.exists()), None)
        if taken and not replaceable:
            raise OutputExists(
                str(taken),
                hint=f"rowbatch collect {run.path} -o ANOTHER_NAME, or --overwrite; nothing is lost",
            )
        names = [str(name) for name in settings.output["columns"]]
        answers = _answers_by_row(run, shards, reader, report)
        with atomic_file(path, overwrite=replaceable) as file:
            writer = CsvWriter(file, (*table.header, *names))
            for chunk in table.chunks():
                blank = blank_rows(chunk.frame, asked_columns).to_list()
                rows = [
                    _Row(reader.without_values(RowStatus.SKIPPED, SKIPPED_REASON))
                    if is_blank
                    else next(answers)
                    for is_blank in blank
                ]
                added = _columns(rows, len(table.header), len(codebook.columns))
                writer.write(pl.concat([chunk.frame, added], how="horizontal"))
                _count(report, rows, labelled)
                report.rows += len(rows)
                if progress:
                    progress(report.rows)
            if next(answers, None) is not None:
                raise RunError("the table has fewer rows than were asked", path=str(run.path))
            # Noted before the file gets its name: after a crash in between it is still known as ours.
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            ledger.set_fact(f"labelled:{path.resolve()}", digest)
        ledger.add_event("collected", path=str(path), sha256=digest, statuses=dict(report.statuses))
    _write_metadata(path, settings, report, names, notes or {})
    return report


@dataclass(frozen=True, slots=True)
class _Row:
    answer: Answer
    model: str = ""


def _answers_by_row(
    run: RunDirectory, shards: Sequence[Shard], reader: AnswerReader, report: CollectReport
) -> Iterator[_Row]:
    """One answer for each row that was asked, in table order."""
    for shard in shards:
        asked = _asked_rows(run.request_path(shard.name), shard)
        found = _read_shard(run, shard, asked, reader, report)
        nothing = _Row(_without_result(shard, reader))
        for row in asked:
            yield found.get(row, nothing)


def _asked_rows(path: Path, shard: Shard) -> list[int]:
    # Only the id is wanted, and every line begins with it.
    head = len(f'{{"custom_id":"{ID_PREFIX}')
    rows = []
    try:
        with path.open("rb") as file:
            for _, line in iter_lines(file):
                rows.append(int(line[head : line.index(b'"', head)]))
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except ValueError:
        rows = []
    if len(rows) != shard.requests:
        raise RunError(
            f"{path} is not the file that was built: it has {len(rows):,} of {shard.requests:,} requests",
            path=str(path),
            hint="bring the file back; the answers that came are untouched",
        )
    return rows


def _read_shard(
    run: RunDirectory, shard: Shard, asked: list[int], reader: AnswerReader, report: CollectReport
) -> dict[int, _Row]:
    expected = set(asked)
    found: dict[int, _Row] = {}
    for kind, name, digest in (
        ("output", shard.output_name, shard.output_sha256),
        ("error", shard.error_name, shard.error_sha256),
    ):
        if name is None:
            continue
        path = run.result_path(shard.name, kind)
        if digest_file(path) != digest:
            raise RunError(
                f"{path} is not the file that was downloaded: its digest differs",
                path=str(path),
                hint="bring the file back from a copy",
            )
        with path.open("rb") as file:
            for _, line in iter_lines(file):
                try:
                    result = read_result(line)
                except UnreadableLine:
                    report.unreadable_lines += 1
                    continue
                row = _row_number(result.custom_id)
                report.prompt_tokens += result.prompt_tokens or 0
                report.answer_tokens += result.completion_tokens or 0
                if row not in expected:
                    report.unknown_ids += 1
                elif row in found:
                    report.repeated_ids += 1
                else:
                    answer = reader.read(result.status, result.content, result.reason)
                    found[row] = _Row(answer, result.model)
    return found


def _row_number(custom_id: str) -> int:
    number = custom_id.removeprefix(ID_PREFIX)
    return int(number) if number.isascii() and number.isdigit() else 0


def _without_result(shard: Shard, reader: AnswerReader) -> Answer:
    """What rows of a shard get that are in no result file."""
    match shard.state:
        case ShardState.WRITTEN | ShardState.UPLOADED:
            return reader.without_values(RowStatus.UNSENT, "not submitted yet")
        case ShardState.SUBMITTING | ShardState.UNKNOWN:
            return reader.without_values(RowStatus.UNSENT, "nobody knows yet whether it was submitted")
        case ShardState.SUBMITTED | ShardState.ENDED:
            return reader.without_values(RowStatus.MISSING, "the batch is not over, or not downloaded yet")
        case ShardState.DOWNLOADED:
            reason = _failure(shard)
            if reason:
                return reader.without_values(RowStatus.ERROR, reason)
            return reader.without_values(RowStatus.MISSING, "asked, but in no result file")


def _failure(shard: Shard) -> str:
    if shard.batch_status != "failed":
        return ""
    errors = json.loads(shard.batch_json or "{}").get("errors")
    entries = errors.get("data") if isinstance(errors, dict) else errors
    first = entries[0] if isinstance(entries, list) and entries else None
    text = first.get("message") if isinstance(first, dict) else None
    return f"the whole batch failed: {text or 'the provider gave no reason'}"


def _columns(rows: Sequence[_Row], offset: int, values: int) -> pl.DataFrame:
    columns: list[list[str]] = [[row.answer.values[index] for row in rows] for index in range(values)]
    columns.append([row.answer.status.value for row in rows])
    columns.append([row.answer.reason for row in rows])
    columns.append([row.answer.raw for row in rows])
    columns.append([row.model for row in rows])
    return pl.DataFrame(
        {str(offset + index): pl.Series(column, dtype=pl.String) for index, column in enumerate(columns)}
    )


def _count(report: CollectReport, rows: Sequence[_Row], labelled: Mapping[int, str]) -> None:
    report.statuses.update(row.answer.status for row in rows)
    report.models.update(row.model for row in rows if row.model)
    for row in rows:
        if row.answer.reason:
            known = row.answer.reason in report.reasons or len(report.reasons) < _MAX_REASONS
            report.reasons[row.answer.reason if known else "other reasons"] += 1
    for index, name in labelled.items():
        report.labels.setdefault(name, Counter()).update(
            row.answer.values[index] for row in rows if row.answer.status is RowStatus.OK
        )


def _was_written_by(ledger: Ledger, path: Path) -> bool:
    """Whether this run wrote the file, and nobody changed it since."""
    digest = ledger.fact(f"labelled:{path.resolve()}")
    return digest is not None and path.is_file() and digest_file(path) == digest


def _write_metadata(
    path: Path,
    settings: RunSettings,
    report: CollectReport,
    names: Sequence[str],
    notes: Mapping[str, Any],
) -> None:
    """
    Say beside the table what it is, in the standard way for CSV files.

    Source:
        W3C, "Metadata Vocabulary for Tabular Data": the file is named `TABLE-metadata.json`.
    """
    document = {
        "@context": ["http://www.w3.org/ns/csvw", {"rowbatch": "https://rowbatch.invalid/terms#"}],
        "url": path.name,
        "dialect": {"encoding": "utf-8", "delimiter": ",", "header": True},
        "rowbatch:run": {
            "created_at": settings.created_at,
            "rowbatch_version": settings.rowbatch_version,
            "provider": settings.request["provider"],
            "model": settings.request["model"],
            "models_that_answered": dict(report.models),
            "parameters": settings.request["parameters"],
            "template": settings.request["template"],
            "codebook": settings.answer,
            "input": {"file": Path(settings.table["path"]).name, "sha256": settings.table["sha256"]},
            "columns_added": list(names),
            "rows": report.rows,
            "statuses": dict(report.statuses),
            **notes,
        },
    }
    target = path.with_name(f"{path.name}-metadata.json")
    write_atomically(
        target, (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode(), overwrite=True
    )


def _metadata_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-metadata.json")
