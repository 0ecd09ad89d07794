"""Bring the result files of a batch that is over, whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl

from rowbatch.core.answer import AnswerReader
from rowbatch.core.bounded_lines import MOST_LINE_BYTES, cut_lines
from rowbatch.core.cost import Price
from rowbatch.core.findings import Findings
from rowbatch.core.result import UnreadableLine, read_line
from rowbatch.core.states import ShardState
from rowbatch.errors import ServiceError
from rowbatch.providers.base import BatchClient, BatchView, Dialect
from rowbatch.providers.dialect_net import read_result_line
from rowbatch.providers.messages import AnotherBatch, dumped
from rowbatch.results.checked import checked
from rowbatch.results.columns import ResultReader
from rowbatch.results.findings import asked_requests, findings_of
from rowbatch.results.lines import LineReader, Lines
from rowbatch.store.atomic import atomic_file
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.store.rundir import RunDirectory

_MOST_FETCHES = 4
_LEAST_BOUND_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class _Files:
    """
    The files of a batch as they lie here.

    Attributes:
        columns: What the ledger is to know of them.
        digests: Of the files as they came.
        findings: What they hold.
        size_bytes: Of all.
    """

    columns: dict[str, str | int | None]
    digests: tuple[str, ...]
    findings: Findings
    size_bytes: int


def download_shard(
    run: RunDirectory,
    ledger: Ledger,
    client: BatchClient,
    shard: Shard,
    *,
    price: Price | None,
    reader: AnswerReader | None,
) -> tuple[Shard, int]:
    """
    Fetch both files of an ended batch, whatever its status: an expired or cancelled one has
    answers that are paid for. First the files, then the ledger.

    Files that do not answer every row of a completed batch, or hold lines that cannot be read, are fetched
    until they come twice with the same bytes: then it is what the provider has.

    Args:
        run: The run.
        ledger: Of the run.
        client: Of its provider.
        shard: One that has ended.
        price: Of the model, or None.
        reader: Of the codebook; None for embeddings.
    Returns:
        The shard, and how many bytes came.
    Raises:
        ServiceError: A file cannot be had, or did not come whole.
        StorageError: No space left.
    """
    view = client.view(json.loads(shard.batch_json or "{}"))
    path = run.request_path(shard.name)
    # A request file that is gone costs the check, not the answers.
    asked = asked_requests(path) if path.is_file() else None
    results = ResultReader(run, LineReader(reader, confidence=run.plan().asking.confidence))
    files = _fetch_all(run, client, shard, view, asked=asked, results=results)
    for _ in range(_MOST_FETCHES):
        if not _is_suspicious(view, files.findings):
            break
        again = _fetch_all(run, client, shard, view, asked=asked, results=results)
        same = again.digests == files.digests
        files = again
        if same:
            break
    else:
        raise ServiceError("results-differ", shard=shard.name)
    spent = Decimal(0) if view.status == "failed" else files.findings.cost_usd(price)
    if files.findings.told and view.status == "completed":
        _note_difference(ledger, shard, view, files.findings)
    if files.findings.is_doubted:
        ledger.add_event("answers-doubted", shard, match=files.findings.match)
    moved = ledger.move(
        shard,
        ShardState.DOWNLOADED,
        event="downloaded",
        detail={**files.columns, "statuses": files.findings.statuses, "usd": str(spent) if spent else None},
        findings=files.findings.to_json(),
        spent_usd=str(spent) if spent is not None else None,
        **files.columns,
    )
    return moved, files.size_bytes


def _is_suspicious(view: BatchView, findings: Findings) -> bool:
    if view.status == "failed":
        return False
    return bool(findings.unreadable) or (view.status == "completed" and not findings.is_whole)


def _note_difference(ledger: Ledger, shard: Shard, view: BatchView, findings: Findings) -> None:
    """Counters are a hint, lines are the truth; where they differ, that is worth knowing."""
    ok = findings.told.get("ok", 0)
    failed = findings.told.get("error", 0) + findings.told.get("expired", 0)
    if view.total and (view.completed < ok or view.failed != failed):
        ledger.add_event(
            "counters-differ",
            shard,
            told={"completed": view.completed, "failed": view.failed},
            lines=findings.told,
        )


def _fetch_all(
    run: RunDirectory,
    client: BatchClient,
    shard: Shard,
    view: BatchView,
    *,
    asked: pl.DataFrame | None,
    results: ResultReader,
) -> _Files:
    columns: dict[str, str | int | None] = {}
    digests: list[str] = []
    known: list[tuple[str, str]] = []
    size = 0
    for kind, file_id in (("output", view.output_file_id), ("error", view.error_file_id)):
        if file_id is None:
            continue
        path = run.result_path(shard.name, kind)
        came_at = path if client.dialect.is_openai else run.result_path(shard.name, f"{kind}.raw")
        try:
            digest, file_size = _fetch(client, file_id, came_at, _most_bytes(shard.requests))
        except ServiceError as error:
            if error.status != 404 or _has_rows(kind, view):
                raise
            # Listed, empty, and not there: it has been seen for files without lines.
            continue
        size += file_size
        digests.append(digest)
        if came_at != path:
            columns["raw_name"], columns["raw_sha256"] = came_at.name, digest
            digest = _translate(client, came_at, path, shard.wire_token)
        columns[f"{kind}_name"], columns[f"{kind}_sha256"] = path.name, digest
        known.append((kind, digest))
    found: Iterable[Lines] = results.read(results.results_of(shard.name, known))
    found = checked(found, results.lines, run.plan().question.user, run.request_path(shard.name))
    if asked is None:
        # The rows that have an answer; the sizes of their requests are not known.
        found = here = list(found)
        rows = pl.concat([results.lines.nothing["row"], *(part.frame["row"] for part in here)]).unique()
        asked = rows.to_frame().with_columns(pl.lit(0, pl.Int64).alias("size_bytes"))
    return _Files(columns, tuple(digests), findings_of(found, asked), size)


def _has_rows(kind: str, view: BatchView) -> bool:
    """Whether the provider says that there are rows in the file."""
    return (view.completed if kind == "output" else view.failed) > 0 or not view.total


def _most_bytes(requests: int) -> int:
    """The most that the results of so many requests can have; what has more would fill the disk."""
    return max(_LEAST_BOUND_BYTES, requests * MOST_LINE_BYTES)


def _fetch(client: BatchClient, file_id: str, path: Path, max_bytes: int) -> tuple[str, int]:
    with atomic_file(path, overwrite=True) as file:
        size = client.fetch(file_id, file, max_bytes)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, size


def _translate(client: BatchClient, source: Path, path: Path, token: str) -> str:
    """Write the results in OpenAI's form beside those that came; what is no result stays as it is."""
    with source.open("rb") as lines, atomic_file(path, overwrite=True) as to:
        for line in cut_lines(lines):
            stripped = line.rstrip(b"\r\n")
            if not stripped:
                continue
            to.write(_translated(client.dialect, stripped, token) + b"\n")
        to.seek(0)
        return hashlib.file_digest(to, "sha256").hexdigest()


def _translated(dialect: Dialect, line: bytes, token: str) -> bytes:
    """The line in OpenAI's form; one that is no result stays as it is, or says why it is none."""
    try:
        return read_result_line(dialect, line, token)
    except AnotherBatch:
        # It is counted as unknown.
        return line
    except UnreadableLine as error:
        why = str(error)
    try:
        read_line(line)
    except UnreadableLine:
        return line
    # It looks like a result of OpenAI's and is none: for a reader it has no id.
    return dumped({"unreadable": why, "line": line.decode(errors="replace")})
