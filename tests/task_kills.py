"""
Tasks of a run are killed again and again, and the same files come out.

    python tests/task_kills.py --rows 200000 --coordinators 100

1. A random process of a pool is killed every two seconds; where the machine is so busy that a process takes
   longer than that to start, so that ten kills let no task be done, in twice that time from there on.
2. The whole program that waits for the pool is killed, at random moments, and started again.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import polars as pl

from rowbatch.processes import python_module
from rowbatch.store.rundir import RunDirectory
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.plan import place_of, read_tasks
from rowbatch.tasks.pool import PoolRunner
from rowbatch.tasks.runner import Outcome
from rowbatch.tasks.scratch import sweep
from tasking import digests, planned_run, unfinished

_MOST_IN_VAIN = 10


def main() -> None:
    """Say what was done, and raise where a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rows-per-task", type=int, default=5_000)
    parser.add_argument("--every-s", type=float, default=2.0)
    parser.add_argument("--coordinators", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "posts.parquet"
        text = pl.int_range(options.rows, eager=True).cast(pl.String)
        pl.DataFrame({"text": "a text that is not so short, number " + text}).write_parquet(table)
        quiet = planned_run(folder / "quiet", table, options.rows_per_task)
        begun = time.monotonic()
        build_by_tasks(quiet, "serial")
        serial_s = time.monotonic() - begun
        expected = digests(quiet)
        shutil.rmtree(quiet.path)
        print(f"{options.rows:,} rows, {len(expected)} files; one process: {serial_s:.1f} s", flush=True)
        kill_workers(planned_run(folder / "workers", table, options.rows_per_task), expected, options)
        shutil.rmtree(folder / "workers")
        run = planned_run(folder / "coordinator", table, options.rows_per_task)
        kill_coordinators(run, expected, options.coordinators, options.seed, serial_s)


class Listed(PoolRunner):
    """Knows its processes."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, most_kills=1_000)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start_process(self, told: IO[bytes], processes: int) -> subprocess.Popen[bytes]:
        """As in `PoolRunner`."""
        process = super().start_process(told, processes)
        self.processes.append(process)
        return process


def kill_workers(run: RunDirectory, expected: list[str], options: argparse.Namespace) -> int:
    """Kill a random process of a pool every so many seconds; how many were killed."""
    runner, rng, done = Listed(2), random.Random(options.seed), threading.Event()
    outcomes: list[Outcome] = []
    killed, every_s = 0, options.every_s

    def kill() -> None:
        nonlocal killed, every_s
        in_vain, before = 0, 0
        while not done.wait(every_s):
            alive = [process for process in runner.processes if process.poll() is None]
            if alive:
                rng.choice(alive).kill()
                killed += 1
                in_vain, before = (0, len(outcomes)) if len(outcomes) > before else (in_vain + 1, before)
            if in_vain == _MOST_IN_VAIN:
                in_vain, every_s = 0, 2 * every_s

    killer = threading.Thread(target=kill)
    killer.start()
    begun = time.monotonic()
    try:
        for outcome in runner.map("prepare", read_tasks(place_of(run))):
            outcomes.append(outcome)
    finally:
        done.set()
        killer.join()
    assert all(outcome.record for outcome in outcomes), [outcome.problem for outcome in outcomes]
    sweep(place_of(run))
    assert unfinished(run) == [], unfinished(run)
    build_by_tasks(run, "array")
    assert digests(run) == expected
    took_s = time.monotonic() - begun
    print(
        f"{killed} killed in {took_s:.1f} s (at last every {every_s:g} s): same digests, nothing unfinished",
        flush=True,
    )
    return killed


def kill_coordinators(run: RunDirectory, expected: list[str], kills: int, seed: int, serial_s: float) -> None:
    """Kill the program that waits, at random moments, so often; then let it end."""
    rng, ended = random.Random(seed), 0
    words = [*python_module("rowbatch"), "build", str(run.path), "--runner", "pool", "--workers", "2"]
    environment = {**os.environ, "ROWBATCH_HOME": str(run.path.parent / "home")}
    for _ in range(kills):
        with subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, start_new_session=True
        ) as program:
            try:
                _, told = program.communicate(timeout=rng.uniform(0.2, max(3.0, 1.5 * serial_s)))
                assert program.returncode == 0, told.decode()
                # All is done: from the beginning of the ledger again.
                ended += 1
                forget(run)
            except subprocess.TimeoutExpired:
                program.send_signal(signal.SIGKILL)
                program.communicate()
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert digests(run) == expected
    # Processes of the last one that was killed remove what they had when they see its end.
    end = time.monotonic() + 10
    while unfinished(run) and time.monotonic() < end:
        time.sleep(0.1)
    assert unfinished(run) == [], unfinished(run)
    assert not orphans(run), orphans(run)
    print(f"the program killed {kills - ended} times ({ended} times it had ended before): same digests")


def orphans(run: RunDirectory) -> list[str]:
    """Processes of ours that live in the run, or that wait for tasks and have lost who asks."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            home = f"ROWBATCH_HOME={run.path.parent / 'home'}".encode()
            if "rowbatch" in words and home in (folder / "environ").read_bytes().split(b"\0"):
                found.append(words)
    return found


def forget(run: RunDirectory) -> None:
    """Make a run as if nothing of it were written yet but its plan, and half of the tasks."""
    for path in (run.ledger_path, run.path / "batches.jsonl"):
        path.unlink(missing_ok=True)
    for path in run.requests.iterdir():
        path.unlink()
    for path in sorted((place_of(run) / "records").iterdir())[::2]:
        path.unlink()


if __name__ == "__main__":
    main()
