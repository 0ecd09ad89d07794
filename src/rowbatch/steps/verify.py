"""Read every file of a run again, and compare with what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rowbatch.core.document import Shown
from rowbatch.core.findings import read_findings
from rowbatch.core.states import ShardState
from rowbatch.core.template import Template
from rowbatch.errors import RowbatchError, StorageError
from rowbatch.requests.pipeline import open_source
from rowbatch.results.checked import inspect
from rowbatch.results.earlier import line_reader
from rowbatch.results.lines import LineReader
from rowbatch.store.ledger import VALUES_KEPT, Shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file


@dataclass(slots=True, repr=False)
class VerifyReport(Shown):
    """
    What was found.

    Attributes:
        files: How many were read.
        size_bytes: Of these.
        faults: Each in a sentence that names the file; none when all is well.
    """

    files: int = 0
    size_bytes: int = 0
    faults: list[str] = field(default_factory=list)


def verify(
    run: RunDirectory,
    table: Path | None = None,
    *,
    of_shards: Callable[[Sequence[Shard]], Iterator[VerifyReport]] | None = None,
) -> VerifyReport:
    """
    Read the table, the requests, the results and the labelled tables against their digests, and the results
    against what was counted when they came. Changes nothing.

    Args:
        run: Which; it may have been moved since it was made.
        table: Where its table lies now; None means where it was, in the run, or beside it.
        of_shards: Reads the files of shards elsewhere; None means here.
    Raises:
        RunError: The run was not built yet, or its ledger is lost.
        StorageError: The ledger is damaged so that it cannot be read.
    """
    report = VerifyReport()
    reader: LineReader | None = None
    user = Template(())
    try:
        plan = run.plan()
        reader, user = line_reader(plan), plan.question.user
        source = plan.source if table is None else replace(plan.source, path=table)
        open_source(source, run.path)
    except RowbatchError as error:
        report.faults.append(error.message)
    with run.ledger() as ledger:
        for fault in ledger.faults():
            report.faults.append(f"{run.ledger_path}: {fault}")
        try:
            ledger.require_whole()
        except StorageError as error:
            report.faults.append(error.message)
        if of_shards is None or reader is None:
            for shard in ledger.shards():
                verify_shard(run, shard, reader, user, report)
        else:
            for found in of_shards(ledger.shards()):
                report.files += found.files
                report.size_bytes += found.size_bytes
                report.faults += found.faults
        for event in ledger.events(VALUES_KEPT):
            _compare(run.kept_path, str(event.detail.get("sha256")), report)
        # The newest last: a table that was written again after the run was moved is noted twice.
        placed = {run.place_of_output(path, digest): digest for path, digest in ledger.outputs().items()}
        for path, digest in placed.items():
            _compare(path, digest, report)
    return report


def verify_shard(
    run: RunDirectory, shard: Shard, reader: LineReader | None, user: Template, report: VerifyReport
) -> None:
    """Read the files of a shard against their digests, and its results against what was counted of them."""
    requests = run.request_path(shard.name)
    is_whole = _compare(requests, shard.sha256, report)
    results = []
    for name, digest in (
        (shard.output_name, shard.output_sha256),
        (shard.error_name, shard.error_sha256),
        (shard.raw_name, shard.raw_sha256),
    ):
        if name is not None:
            path = run.results / name
            is_whole &= _compare(path, digest, report)
            if name != shard.raw_name:
                results.append(path)
    known = read_findings(shard.findings)
    if is_whole and reader and shard.state is ShardState.DOWNLOADED and known is not None:
        found = inspect(results, requests, reader, user)
        if found.repeated:
            # Which of a row's lines counted was decided by another rule in earlier versions.
            found = found.with_fates_of(known)
        if found != known:
            report.faults.append(
                f"shard {shard.name}: its results hold other rows than were counted when they came"
            )


def _compare(path: Path, digest: str | None, report: VerifyReport) -> bool:
    if not path.is_file():
        report.faults.append(f"{path} is gone")
        return False
    report.files += 1
    report.size_bytes += path.stat().st_size
    if digest_file(path) != digest:
        report.faults.append(f"{path} is not what was written: its digest differs")
        return False
    return True
