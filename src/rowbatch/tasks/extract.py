"""`extract`: the results of the rows of a task become a part of the labelled table, beside these rows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from rowbatch.core.kinds.choice import LabelTally
from rowbatch.errors import RunError
from rowbatch.objects.stores import Store, open_store
from rowbatch.results.answered import AnsweredTable
from rowbatch.results.written import written_columns
from rowbatch.steps.collect import CollectReport, count_answers
from rowbatch.store.ledger import Shard, shard_of_document
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.writer import TableShape, open_writer
from rowbatch.tasks.plan import read_task_plan
from rowbatch.tasks.prepare import task_table
from rowbatch.tasks.records import find_record, keep_file, keep_record
from rowbatch.tasks.scratch import scratch_file


def extract(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Write a part of the labelled table: the rows of a task with all their columns, and their answers.

    Args:
        task: `id`, `store`, `first_row`, `rows` and `pieces` as of `prepare`; `out`, the folder of the parts,
            and `name` of this one; `shards` of all rounds that have rows of it, as the ledger knows them.
    Returns:
        `id`, `rows`, `files`; `statuses`, `reasons`, `forgiven`, `models`, `labels` as counts; `unknown_ids`,
        `repeated_ids`, `unreadable_lines`, `without_confidence`, `prompt_tokens`, `answer_tokens`. What is
        odd in the results of a shard is counted by the task that has its first row.
    Raises:
        RunError: The task is none; or a result file is not what it was when it came.
        TableChanged: The table is not what it was.
        StorageError: No space left.
    """
    store, parts = open_store(task["store"]), open_store(task["out"])
    done = find_record(store, task["id"], parts)
    if done is not None:
        return done
    try:
        shards = [shard_of_document(shard) for shard in task["shards"]]
    except (KeyError, TypeError, ValueError) as error:
        raise RunError("tasks-damaged", path=store.url, told=str(error)) from error
    return _extracted(store, parts, task, shards)


def _extracted(store: Store, parts: Store, task: Mapping[str, Any], shards: list[Shard]) -> dict[str, Any]:
    place = Path(store.url)
    plan = read_task_plan(store)
    table = task_table(plan, task, store)
    report = CollectReport(Path(task["name"]))
    within = (task["first_row"], task["first_row"] + task["rows"] - 1)
    answered = AnsweredTable(RunDirectory(place.parent), shards, report, table=table, within=within)
    added = written_columns(answered.codebook, plan.plan.output.columns, answered.embedding, answered.plan)
    named = [one.expression().alias(one.column.name) for one in added]
    shape = TableShape.of(table, [one.column for one in added])
    with scratch_file(place) as path:
        with ExitStack() as broken, closing(answered.chunks()) as chunks:
            writer = open_writer(path, "parquet", shape)
            broken.callback(writer.abandon)
            for chunk, frame in chunks:
                writer.write(chunk, frame.select(named))
                count_answers(report, frame, answered.codebook)
                report.rows += chunk.frame.height
            broken.pop_all()
        writer.close()
        size, digest = keep_file(parts, task["name"], path)
    record = {
        "id": task["id"],
        "rows": report.rows,
        "files": [{"name": task["name"], "bytes": size, "sha256": digest}],
        "statuses": dict(report.statuses),
        "reasons": dict(report.reasons),
        "forgiven": dict(report.forgiven),
        "models": dict(report.models),
        "labels": {
            name: dict(tally.counts)
            for name, tally in report.tallies.items()
            if isinstance(tally, LabelTally)
        },
        **{name: getattr(report, name) for name in SUMS},
    }
    return keep_record(store, task["id"], record, parts)


SUMS = (
    "unknown_ids",
    "repeated_ids",
    "unreadable_lines",
    "without_confidence",
    "prompt_tokens",
    "answer_tokens",
)
"""What is counted besides, by its name in `CollectReport`."""
