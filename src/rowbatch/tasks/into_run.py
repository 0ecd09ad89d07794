"""
From tasks to the ledger of a run: what was prepared anywhere becomes the shards of round 1.

Only this side writes the ledger, and nothing is submitted here. From then on the run is as any other.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rowbatch.errors import RowbatchError, StorageError, UsageError, from_os_error
from rowbatch.objects.disk import fsync_folder
from rowbatch.objects.stores import Store, open_store
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.duplicates import count_repeats
from rowbatch.requests.line_tokens import LineTokens
from rowbatch.requests.pipeline import open_source
from rowbatch.steps.built import TEXTS_REPEAT, BuildReport, is_built, read_build_report
from rowbatch.steps.cut import new_token
from rowbatch.steps.first_part import with_first_part
from rowbatch.steps.take_over import remove_unfinished
from rowbatch.store.atomic import atomic_path, write_atomically
from rowbatch.store.ledger import Ledger, Shard, TableCounts, new_shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import MOST_TOLD
from rowbatch.tasks.plan import (
    TASKS,
    make_plan,
    place_of,
    read_duplicates,
    read_tasks,
    state_of_files,
    with_store,
)
from rowbatch.tasks.prepare import MOST_COMPARED_ROWS, hashes_name
from rowbatch.tasks.runners import make_runner
from rowbatch.tasks.scratch import sweep, sweep_unnamed


def build_by_tasks(
    run: RunDirectory,
    runner: str | None = None,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    ray_address: str | None = None,
) -> BuildReport:
    """
    Write the request files of a run by tasks and enter them into the ledger. A run that is built stays so.

    The caller holds the run lock. Whatever is killed, the same call goes on where it was.

    Args:
        run: Made by `create`.
        runner: What does the tasks, a name of `RUNNERS`; None means as it was planned.
        workers: How many processes; None means as many as are useful.
        progress: Called with the number of rows done so far.
        ray_address: Of a cluster of Ray that runs.
    Raises:
        RowbatchError: Of a task that cannot be done; or as `make_plan`.
        TableChanged: The table is not what it was when the run was made.
        RunError: Its ledger is lost; or tasks of an array job are not done.
    """
    if is_built(run):
        return read_build_report(run)
    if not run.ledger_path.is_file() or run.ledger_path.stat().st_size == 0:
        run.create_ledger().close()
    place = place_of(run)
    plan = make_plan(run, runner or "pool")
    doing = make_runner(runner or plan.runner, workers, place / TASKS, ray_address)
    sweep(place)
    tasks = with_store(read_tasks(place), plan.store or str(place.absolute()))
    records: dict[str, Mapping[str, Any]] = {}
    rows = 0
    for outcome in doing.map("prepare", tasks):
        records[outcome.task] = outcome.result()
        rows += records[outcome.task]["rows"]
        if progress:
            progress(rows)
    ordered = [records[task["id"]] for task in tasks]
    # The workers read it piece by piece: now it is known that all of these were of one table.
    if state_of_files(plan.files) != plan.state:
        open_source(plan.plan.source, run.path)
    remove_unfinished(run)
    store = open_store(plan.store or place.absolute())
    shards = _take_files(run, store, ordered)
    if not shards:
        raise UsageError("no-row-has-text", rows=plan.rows)
    if not find_provider(plan.plan.asking.provider).is_free:
        count = LineTokens().count
        shards = with_first_part(run, shards, plan.plan.policy, token_of=new_token, count_tokens=count)
    duplicates = read_duplicates(open_store(place), plan)
    if plan.plan.asking.dedupe:
        duplicates.save(run.duplicates_path, overwrite=True)
    bad = [*({"line": one.line, "what": one.what} for one in plan.first_bad)]
    bad += [one for record in ordered for one in record["first_bad"]]
    bad_rows = plan.bad_rows + sum(record["bad_rows"] for record in ordered)
    if bad_rows:
        frame = pl.DataFrame(bad[:MOST_TOLD], schema={"line": pl.Int64, "what": pl.String})
        write_atomically(run.bad_rows_path, frame.write_csv().encode(), overwrite=True)
    repeats, texts = _count_repeats(store, ordered, plan.rows)
    with Ledger(run.ledger_path, run.trail()) as ledger:
        if repeats:
            ledger.add_event(TEXTS_REPEAT, rows=repeats, texts=texts)
        ledger.add_shards(
            shards,
            counts=TableCounts(
                plan.rows,
                sum(record["skipped"] for record in ordered),
                sum(record["duplicates"] for record in ordered),
                bad_rows,
            ),
        )
    for task in tasks:
        store.delete(hashes_name(task["id"]))
    shutil.rmtree((place / hashes_name("")).parent, ignore_errors=True)
    sweep(place)
    sweep_unnamed(place)
    return read_build_report(run)


def _count_repeats(store: Store, records: Sequence[Mapping[str, Any]], rows: int) -> tuple[int, int]:
    """
    How many rows ask what an earlier one asks, in whichever task, and how many texts stand in several rows.

    It is only told: where a task of another version, or of a table too large, left nothing, nothing is.
    """
    if rows > MOST_COMPARED_ROWS:
        return 0, 0
    try:
        found = [np.frombuffer(store.read(hashes_name(record["id"])), "<u8") for record in records]
    except RowbatchError:
        return 0, 0
    return count_repeats(pl.Series(np.concatenate(found), dtype=pl.UInt64))


def _take_files(run: RunDirectory, store: Store, records: Sequence[Mapping[str, Any]]) -> list[Shard]:
    """Give the files of the tasks, in their order, the names that they have in the run."""
    shards: list[Shard] = []
    for record in records:
        for file in record["files"]:
            name = f"r1-{len(shards) + 1:04d}"
            target = run.request_path(name)
            if store.is_local:
                _link(Path(store.url) / file["name"], target)
            else:
                store.fetch(file["name"], target)
            # Its digest is looked at before it is sent, and by `verify`.
            if target.stat().st_size != file["bytes"]:
                raise StorageError("prepared-file-changed", path=f"{store.url}/{file['name']}")
            shards.append(
                new_shard(
                    number=len(shards) + 1,
                    first_row=file["first_row"],
                    last_row=file["last_row"],
                    requests=file["requests"],
                    size_bytes=file["bytes"],
                    sha256=file["sha256"],
                    token=new_token(name),
                    tokens=file["tokens"],
                )
            )
    try:
        fsync_folder(run.requests)
    except OSError as error:
        raise from_os_error(error, str(run.requests)) from error
    return shards


def _link(source: Path, target: Path) -> None:
    """The same file under a second name; a copy where the file system knows no such."""
    try:
        os.link(source, target)
    except FileNotFoundError as error:
        raise from_os_error(error, str(source)) from error
    except OSError:
        with atomic_path(target, overwrite=True) as temporary:
            shutil.copyfile(source, temporary)
