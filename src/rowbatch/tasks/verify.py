"""`verify`: the files of a shard are read again and compared with what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rowbatch.results.earlier import line_reader
from rowbatch.steps.verify import VerifyReport, verify_shard
from rowbatch.store.ledger import Shard, shard_document, shard_of_document
from rowbatch.store.rundir import RunDirectory
from rowbatch.tasks.runner import Runner


def verify(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Compare the requests and results of a shard with their digests, and the results with what was counted.

    Nothing is kept of it: who asks again wants the files to be read again.

    Args:
        task: `id`; `run`, the run directory; and `shard`, as the ledger knows it.
    Returns:
        `id`, `files`, `size_bytes`, `faults`.
    """
    run = RunDirectory(Path(task["run"]))
    plan = run.plan()
    shard: Shard = shard_of_document(task["shard"])
    report = VerifyReport()
    verify_shard(run, shard, line_reader(plan), plan.question.user, report)
    return {
        "id": task["id"],
        "files": report.files,
        "size_bytes": report.size_bytes,
        "faults": report.faults,
    }


def verify_by(runner: Runner, run: RunDirectory, shards: Sequence[Shard]) -> Iterator[VerifyReport]:
    """
    Have the files of shards verified by tasks.

    Yields:
        What was found of each, in their order.
    Raises:
        RowbatchError: One could not be looked at.
    """
    place = str(run.path.absolute())
    tasks = [{"id": shard.name, "run": place, "shard": shard_document(shard)} for shard in shards]
    found = {outcome.task: outcome.result() for outcome in runner.map("verify", tasks)}
    for shard in shards:
        record = found[shard.name]
        yield VerifyReport(record["files"], record["size_bytes"], list(record["faults"]))
