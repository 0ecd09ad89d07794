"""The labelled table in parts, each written by a task: for tables that no single process should write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rowbatch.core.endpoint import Endpoint
from rowbatch.core.kinds.choice import LabelTally
from rowbatch.core.states import RowStatus
from rowbatch.errors import OutputExists, UsageError, from_os_error
from rowbatch.objects.address import require_here
from rowbatch.results.columns import reader_digest
from rowbatch.steps.collect import CollectReport, report_of_ledger
from rowbatch.store.atomic import write_atomically
from rowbatch.store.ledger import Shard, shard_document
from rowbatch.store.rundir import RunDirectory
from rowbatch.tasks.extract import SUMS
from rowbatch.tasks.plan import is_planned, place_of, read_tasks
from rowbatch.tasks.runners import make_runner
from rowbatch.tasks.scratch import sweep

TASKS = "extract.jsonl"
_ABOUT = "_rowbatch.json"


def collect_parts(
    run: RunDirectory,
    out: Path,
    runner: str,
    workers: int | None = None,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
    ray_address: str | None = None,
) -> CollectReport:
    """
    Write the labelled table as Parquet files in a folder, in the order of its rows. Can be run at any time.

    The same call goes on where it was stopped; such a folder is read as one table, here and elsewhere. The
    caller holds the run lock.

    Args:
        run: A run that was planned as tasks and is built.
        out: The folder. It is made; what is in it is replaced only where all of it was written here.
        runner: What does the tasks, a name of `RUNNERS`.
        workers: How many processes; None means as many as are useful.
        overwrite: Whether parts of an earlier state may be replaced.
        ray_address: Of a cluster of Ray that runs.
        progress: Called with the number of rows done so far.
    Raises:
        UsageError: The run was not planned as tasks, asks equal rows once, or asks for embeddings.
        OutputExists: There is something in the folder that is not of this state.
        RunError: The table or a raw file was changed since; or tasks of an array job are not done.
    """
    plan = run.plan()
    if not is_planned(run) or plan.asking.dedupe or plan.asking.endpoint is Endpoint.EMBEDDINGS:
        raise UsageError("parts-not-planned")
    place = place_of(run)
    out = out.absolute()
    report = CollectReport(out)
    with run.ledger() as ledger:
        ledger.require_whole()
        shards = ledger.shards()
        report_of_ledger(report, run, plan, ledger, shards)
        tasks = [_task(task, shards, out) for task in read_tasks(place)]
        state = hashlib.sha256("".join(task["id"] for task in tasks).encode()).hexdigest()
        _make_room(out, state, overwrite=overwrite)
        lines = "".join(json.dumps(task, ensure_ascii=False) + "\n" for task in tasks)
        write_atomically(place / TASKS, lines.encode(), overwrite=True)
        for outcome in make_runner(runner, workers, place / TASKS, ray_address).map("extract", tasks):
            _add(report, outcome.result())
            if progress:
                progress(report.rows)
        sweep(place)
        ledger.add_event(
            "collected",
            path=str(out),
            sha256=state,
            statuses=dict(report.statuses),
            forgiven=dict(report.forgiven),
        )
    return report


def _task(task: Mapping[str, Any], shards: Sequence[Shard], out: Path) -> dict[str, Any]:
    """The task that writes the part with the rows of one that prepared them."""
    first, last = task["first_row"], task["first_row"] + task["rows"] - 1
    # What rounds after the first asked is spread over the table.
    here = [
        {**shard_document(one), "findings": None}
        for one in shards
        if first <= one.last_row and one.first_row <= last
    ]
    told = json.dumps([reader_digest(), str(out), task["pieces"], here], ensure_ascii=False)
    number = int(str(task["id"]).lstrip("p"))
    return {
        **task,
        "id": f"x{number:06d}-{hashlib.sha256(told.encode(errors='surrogateescape')).hexdigest()[:16]}",
        "function": "extract",
        "out": str(out),
        "name": f"part-{number:06d}.parquet",
        "shards": here,
    }


def _make_room(out: Path, state: str, *, overwrite: bool) -> None:
    """
    Make a folder for the parts of a state, in which others are replaced only when they were written here.

    Raises:
        OutputExists: Something else is there.
    """
    about = out / _ABOUT
    try:
        if out.exists() and not out.is_dir():
            raise OutputExists(str(out))
        files = [path for path in out.iterdir() if not path.name.startswith(".")] if out.is_dir() else []
        if files:
            if not about.is_file() or any(
                not path.match("part-*.parquet") and path != about for path in files
            ):
                raise OutputExists(str(out), kind="output-holds-others")
            if json.loads(about.read_text(encoding="utf-8")).get("state") == state:
                return
            if not overwrite:
                raise OutputExists(str(out))
            # First that they are whole is forgotten, then they go.
            for path in (about, *(path for path in files if path != about)):
                path.unlink()
        require_here(out).mkdir(parents=True, exist_ok=True)
        write_atomically(about, json.dumps({"state": state}).encode(), overwrite=True)
    except OSError as error:
        raise from_os_error(error, str(out)) from error
    except ValueError as error:
        raise OutputExists(str(out), kind="output-holds-others") from error


def _add(report: CollectReport, record: Mapping[str, Any]) -> None:
    """Count what a task counted."""
    report.rows += record["rows"]
    report.statuses.update({RowStatus(name): count for name, count in record["statuses"].items()})
    report.reasons.update(record["reasons"])
    report.forgiven.update(record["forgiven"])
    report.models.update(record["models"])
    for name in SUMS:
        setattr(report, name, getattr(report, name) + record[name])
    for name, counts in record["labels"].items():
        tally = report.tallies.setdefault(name, LabelTally(tuple(counts)))
        if isinstance(tally, LabelTally):
            tally.counts.update(counts)
