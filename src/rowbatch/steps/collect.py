"""
`collect`: results become answers, and every row of the table leaves once, with a status.

The table is read again, chunk by chunk, in its own order; the answers of one shard at a time lie in
flat columns by row number. So memory depends on the size of a shard, not of the table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rowbatch.core.added_columns import STATUS_COLUMNS
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.errors import OutputExists
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.error_list import ErrorList
from rowbatch.results.extract_report import count_statuses
from rowbatch.results.findings import read_findings
from rowbatch.store.atomic import atomic_path, require_free, write_atomically
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.store.rundir import RunDirectory, RunSettings, digest_file
from rowbatch.tables.writer import AddedColumn, TableShape, WriteOptions, format_of, open_writer

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.cost import CostEstimate


@dataclass(frozen=True, slots=True)
class RoundSpent:
    """
    What one round took.

    Attributes:
        round: Its number.
        requests: Asked in it.
        statuses: How these fared, in this round.
        prompt_tokens, cached_tokens, answer_tokens: As the provider counted.
        tokens_of: Prompt and answer tokens by status.
        usd: By these tokens and the batch price, without a discount for a cache; None without a price.
    """

    round: int
    requests: int
    statuses: dict[str, int]
    prompt_tokens: int
    cached_tokens: int
    answer_tokens: int
    tokens_of: dict[str, tuple[int, int]]
    usd: Decimal | None


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
        repeated_ids: Result lines for a row that has another line that counts; see `core.fate`.
        unreadable_lines: Result lines that are no results.
        models: What the answers say who gave them.
        prompt_tokens, answer_tokens: Sums over all results, as the provider counted.
        spent: What was billed, by round.
        stopped_because: Why rows were not submitted, or "".
        doubted: Shards whose answers seem to stand under the ids of other rows.
        estimate: What the run was to cost, by what is known before it starts; None where nobody reckoned.
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
    spent: tuple[RoundSpent, ...] = ()
    stopped_because: str = ""
    estimate: CostEstimate | None = None
    doubted: tuple[str, ...] = ()

    @property
    def has_gaps(self) -> bool:
        """Whether rows that were to be asked have no usable answer."""
        return self.statuses[RowStatus.OK] + self.statuses[RowStatus.SKIPPED] < self.rows


def collect(
    run: RunDirectory,
    *,
    output: Path | None = None,
    overwrite: bool = False,
    notes: Mapping[str, Any] | None = None,
    errors: Path | None = None,
    writing: WriteOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> CollectReport:
    """
    Write the labelled table from what is on disk. Can be run at any time, and again.

    The caller holds the run lock.

    Args:
        run: A run that is built.
        output: Where to; None means where the run was told to.
        overwrite: Whether a file that this run did not write may be replaced.
        errors: A table of the rows that were asked and are not ok, with reasons.
        writing: How to write the table; None means as the run was told to.
        notes: What the table's metadata shall say besides (for example: a demonstration model).
        progress: Called with the number of rows done so far.
    Raises:
        OutputExists: The output is there, and this run did not write it.
        RunError: The table or a raw file was changed since.
    """
    settings = run.settings()
    path = output or Path(settings.output["path"] or run.labelled)
    for written in (path, *([errors] if errors else [])):
        format_of(written)
    report = CollectReport(path=path)
    with run.ledger() as ledger:
        shards = ledger.shards()
        report.spent = _spent(shards)
        report.doubted = tuple(
            shard.name for shard in shards if (found := read_findings(shard.findings)) and found.is_doubted
        )
        replaceable = (
            overwrite
            or (output is None and bool(settings.output["overwrite"]))
            or path.parent.resolve() == run.path.resolve()
            or _was_written_by(ledger, path)
        )
        taken = next((place for place in (path, _metadata_path(path)) if place.exists()), None)
        if taken and not replaceable:
            raise OutputExists(
                str(taken),
                hint=f"rowbatch collect {run.path} -o ANOTHER_NAME, or --overwrite; nothing is lost",
            )
        if errors:
            require_free(errors, overwrite=overwrite)
        names = [str(name) for name in settings.output["columns"]]
        answered = AnsweredTable(run, shards, report)
        codebook, table = answered.codebook, answered.table
        added = added_columns(codebook, names, answered.embedding)
        sources = (*map(str, range(answered.width)), *STATUS_COLUMNS)
        named = [pl.col(source).alias(name) for source, name in zip(sources, names, strict=True)]
        if answered.embedding:
            named[0] = named[0].cast(answered.embedding)
        shape = TableShape(table.header, table.columns, added, table.label)
        options = writing or WriteOptions(**settings.output.get("writing", {}))
        with ExitStack() as outputs:
            temporary = outputs.enter_context(atomic_path(path, overwrite=replaceable))
            failed = ErrorList.begin(outputs, errors, options, overwrite=overwrite) if errors else None
            with open_writer(temporary, format_of(path), shape, options) as writer:
                for chunk, frame in answered.chunks():
                    writer.write(chunk, frame.select(named))
                    if failed:
                        failed.write(frame)
                    _count(report, frame, codebook)
                    report.rows += chunk.frame.height
                    if progress:
                        progress(report.rows)
            # Noted before the file gets its name: after a crash in between it is still known as ours.
            digest = digest_file(temporary)
            ledger.set_fact(f"labelled:{path.resolve()}", digest)
        ledger.add_event("collected", path=str(path), sha256=digest, statuses=dict(report.statuses))
    _write_metadata(path, settings, report, names, notes or {})
    return report


def added_columns(
    codebook: Codebook, names: Sequence[str], embedding: pl.DataType | None
) -> tuple[AddedColumn, ...]:
    """The columns of the answer and of the status, as a writer wants to know them."""
    columns = [AddedColumn(name) for name in names]
    if embedding is not None:
        columns[0] = AddedColumn(names[0], dtype=embedding)
    for index, variable in enumerate(codebook.variables):
        columns[index] = AddedColumn(names[index], variable.question, tuple(variable.label_names))
    return tuple(columns)


def _count(report: CollectReport, answers: pl.DataFrame, codebook: Codebook) -> None:
    count_statuses(answers, report.statuses, report.reasons)
    given = answers["model"].filter(answers["model"] != "")
    report.models.update(dict(given.value_counts().iter_rows()))
    ok = answers.filter(pl.col("status") == RowStatus.OK.value)
    for index, variable in enumerate(codebook.variables):
        if variable.labels:
            labels = report.labels.setdefault(variable.name, Counter())
            labels.update(dict(ok[str(index)].value_counts().iter_rows()))


def _spent(shards: Sequence[Shard]) -> tuple[RoundSpent, ...]:
    found = []
    for number in sorted({shard.round for shard in shards}):
        here = [shard for shard in shards if shard.round == number and shard.state is not ShardState.CUT]
        findings = [f for f in (read_findings(shard.findings) for shard in here) if f is not None]
        statuses: Counter[str] = Counter()
        tokens_of: dict[str, tuple[int, int]] = {}
        for one in findings:
            statuses.update(one.statuses)
            for status, (prompt, answer) in one.tokens_of.items():
                before = tokens_of.get(status, (0, 0))
                tokens_of[status] = (before[0] + prompt, before[1] + answer)
        usd = [shard.spent_usd for shard in here if shard.spent_usd is not None]
        found.append(
            RoundSpent(
                round=number,
                requests=sum(shard.requests for shard in here),
                statuses=dict(statuses),
                prompt_tokens=sum(one.prompt_tokens for one in findings),
                cached_tokens=sum(one.cached_tokens for one in findings),
                answer_tokens=sum(one.answer_tokens for one in findings),
                tokens_of=tokens_of,
                usd=sum(usd, Decimal(0)) if usd else None,
            )
        )
    return tuple(found)


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
            "input": {"file": table_name(settings), "sha256": settings.table["sha256"]},
            "columns_added": list(names),
            "rows": report.rows,
            "statuses": dict(report.statuses),
            "rounds": [
                {
                    "round": spent.round,
                    "requests": spent.requests,
                    "prompt_tokens": spent.prompt_tokens,
                    "answer_tokens": spent.answer_tokens,
                    "usd": str(spent.usd) if spent.usd is not None else None,
                }
                for spent in report.spent
            ],
            **notes,
        },
    }
    target = path.with_name(f"{path.name}-metadata.json")
    write_atomically(
        target, (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode(), overwrite=True
    )


def table_name(settings: RunSettings) -> str:
    """What people call the table of a run."""
    return str(settings.table.get("name") or Path(settings.table["path"]).name)


def _metadata_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-metadata.json")
