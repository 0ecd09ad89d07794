"""Processes that do tasks: one that dies is replaced, and none outlives the one that started it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rowbatch.processes import began_at, python_module
from rowbatch.tasks.into_run import build_by_tasks
from rowbatch.tasks.plan import place_of, read_tasks
from rowbatch.tasks.pool import PoolRunner
from rowbatch.tasks.scratch import sweep
from tasking import digests, planned_run, unfinished, write_table

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


class Killing(PoolRunner):
    """Kills its first processes after so many seconds each."""

    def __init__(self, workers, after_s, **options):
        super().__init__(workers, **options)
        self.left = list(after_s)
        self.started = 0

    def start_process(self, told, processes):
        process = super().start_process(told, processes)
        self.started += 1
        if self.left:
            time.sleep(self.left.pop())
            process.kill()
        return process


def test_killed_processes_are_replaced(tmp_path):
    """
    Processes that are killed at their start, while they import, or in the middle of a task are started anew;
    the files are the same as those of one process that nobody killed, and nothing unfinished is left.
    """
    table = write_table(tmp_path / "posts.csv", 40)
    quiet, killed = planned_run(tmp_path / "quiet", table), planned_run(tmp_path / "killed", table)
    build_by_tasks(quiet, "serial")
    runner = Killing(2, [0, 0.3, 0.8])
    outcomes = list(runner.map("prepare", read_tasks(place_of(killed))))
    assert sorted(outcome.task for outcome in outcomes) == [f"p{n:06d}" for n in range(1, 6)]
    assert all(outcome.record for outcome in outcomes)
    assert runner.started == 5
    sweep(place_of(killed))
    assert unfinished(killed) == []
    build_by_tasks(killed, "array")
    assert digests(killed) == digests(quiet)


def test_a_task_that_is_always_killed_is_given_up(tmp_path):
    """
    A task whose process is killed again and again is a problem with a name; the others are done.
    """
    run = planned_run(tmp_path / "run", write_table(tmp_path / "posts.csv", 20), rows_per_task=10)
    runner = Killing(1, [0, 0, 0], most_kills=2)
    outcomes = list(runner.map("prepare", read_tasks(place_of(run))))
    assert [outcome.record is None for outcome in outcomes] == [True, False]
    error = outcomes[0].error
    assert error is not None
    assert error.kind == "task-ends-workers"
    assert (error.values["times"], error.values["how"]) == (3, "SIGKILL")


class Ending(PoolRunner):
    """Its processes end by themselves, with some last words."""

    def start_process(self, told, processes):
        program = "import sys; sys.stdin.readline(); print('no more room', file=sys.stderr); sys.exit(3)"
        return subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told
        )


def test_a_task_that_ends_its_process_is_given_up_soon(tmp_path):
    """
    Where processes end by a fault of their own a task is tried three times, and the last words are told.
    """
    outcomes = list(Ending(1).map("prepare", [{"id": "x"}]))
    error = outcomes[0].error
    assert error is not None
    assert (error.values["times"], error.values["how"], error.values["told"]) == (
        3,
        "exit code 3",
        "no more room",
    )


class Waiting(PoolRunner):
    """Its first processes take a task and do nothing; the others do it."""

    def __init__(self, waiting, **options):
        super().__init__(1, patience_s=1.0, **options)
        self.waiting, self.started = waiting, 0

    def start_process(self, told, processes):
        self.started += 1
        if self.started > self.waiting:
            return super().start_process(told, processes)
        program = "import sys, time; sys.stdin.readline(); time.sleep(3600)"
        return subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told
        )


@pytest.mark.skipif(sys.platform != "linux", reason="what a process does is looked at in /proc")
def test_a_process_that_stands_still_is_replaced(tmp_path):
    """
    One that does nothing with its task is ended, and the task done by another; one that stands still each
    time is a problem with a name. polars 2.1.0 stands still for ever where one of its threads got no memory
    (RLIMIT_DATA of 48 MB above what was there, tried).
    """
    run = planned_run(tmp_path / "run", write_table(tmp_path / "posts.csv", 20), rows_per_task=10)
    tasks = read_tasks(place_of(run))
    runner = Waiting(2)
    assert all(outcome.record for outcome in runner.map("prepare", tasks))
    assert runner.started == 3
    error = next(Waiting(99).map("prepare", tasks[:1])).error
    assert error is not None
    assert (error.kind, error.values["times"], error.values["waited_s"]) == ("task-stuck", 3, 1.0)


class Busy(PoolRunner):
    """Its process works on a task, or is stopped by somebody, for longer than it may stand still."""

    def start_process(self, told, processes):
        program = (
            "import json, os, signal, sys, time\n"
            "task = json.loads(sys.stdin.readline())['task']['id']\n"
            "end = time.monotonic() + 2\n"
            "if task == 'stopped': os.kill(os.getpid(), signal.SIGSTOP)\n"
            "while time.monotonic() < end: sum(range(1000))\n"
            "print(json.dumps({'task': task, 'record': {}, 'problem': None}), flush=True)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told
        )
        self.started = [*getattr(self, "started", []), process]
        return process


@pytest.mark.skipif(sys.platform != "linux", reason="what a process does is looked at in /proc")
@pytest.mark.parametrize("how", ["works", "stopped"])
def test_a_process_that_works_is_let_be(how):
    """
    However long it takes; also one that a person has stopped for a while.
    """
    runner = Busy(1, patience_s=0.4)
    if how == "stopped":
        go_on = threading.Timer(2.5, lambda: runner.started[0].send_signal(signal.SIGCONT))
        go_on.start()
    (outcome,) = runner.map("prepare", [{"id": how}])
    assert outcome.record is not None
    assert len(runner.started) == 1


def test_as_many_processes_as_have_memory(monkeypatch):
    """
    Where nobody says how many, a computer with many processors and little memory starts fewer.
    """
    monkeypatch.setattr("rowbatch.tasks.pool._processors", lambda: 64)
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "3.5")
    assert PoolRunner().workers == 3
    assert PoolRunner(7).workers == 7
    monkeypatch.setenv("ROWBATCH_MAX_MEMORY_GB", "0.5")
    assert PoolRunner().workers == 1


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts memory on Linux only")
@pytest.mark.parametrize("form", ["posts.csv", "posts.jsonl"])
def test_a_limit_that_is_too_low_is_a_sentence(tmp_path, form):
    """
    polars ends its process (SIGABRT), or waits for ever, where a thread gets no memory: so before anything is
    read it is looked at what the process may take, whoever set that limit.
    """
    run = planned_run(tmp_path / "run", write_table(tmp_path / form, 20), rows_per_task=10)
    outcomes = list(PoolRunner(1, memory_bytes=64 << 20).map("prepare", read_tasks(place_of(run))))
    kinds = [outcome.error.kind for outcome in outcomes if outcome.error is not None]
    assert kinds == ["limit-on-memory", "limit-on-memory"]


def test_a_task_that_fails_is_an_outcome(tmp_path):
    """
    An error of ours comes out as it was raised, with its class, exit code and words; and the rest is done.
    """
    run = planned_run(tmp_path / "run", write_table(tmp_path / "posts.parquet", 20), rows_per_task=10)
    tasks = read_tasks(place_of(run))
    tasks[0]["pieces"][0]["size"] += 1
    outcomes = {outcome.task: outcome for outcome in PoolRunner(2).map("prepare", tasks)}
    error = outcomes["p000001"].error
    assert error is not None
    assert (type(error).__name__, error.kind, error.exit_code) == ("TableChanged", "piece-changed", 6)
    assert outcomes["p000002"].record


PROGRAM = """
import sys
from pathlib import Path
from rowbatch.tasks.plan import read_tasks
from rowbatch.tasks.pool import PoolRunner

class Telling(PoolRunner):
    def start_process(self, told, processes):
        process = super().start_process(told, processes)
        # In one go: two threads write here.
        sys.stdout.write(f"{process.pid}\\n")
        sys.stdout.flush()
        return process

list(Telling(2).map("prepare", read_tasks(Path(sys.argv[1]))))
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked at in /proc")
def test_no_process_outlives_the_one_that_started_it(tmp_path):
    """
    When the one that waits for the tasks is killed, its processes end, also in the middle of a task; what
    they had not finished is removed.
    """
    run = planned_run(tmp_path / "run", write_table(tmp_path / "posts.csv", 3000), rows_per_task=10)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(place_of(run))], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        while not any((place_of(run) / "records").glob("*.json")):
            time.sleep(0.05)
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + 20
    while any(map(began_at, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(began_at, pids))
    assert unfinished(run) == []
    assert len(list((place_of(run) / "records").glob("*.json"))) < 300


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts memory on Linux only")
def test_memory_is_limited():
    """
    A process that wants more than it may have is refused, where the system can; a small one is not.
    """
    program = (
        "from rowbatch.tasks.worker_process import limit_memory\n"
        "assert limit_memory(64 << 20)\n"
        "small = bytearray(16 << 20)\n"
        "try:\n    large = bytearray(256 << 20)\nexcept MemoryError:\n    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_what_libraries_print_does_not_stand_between_the_answers(tmp_path):
    """
    The output of a process has answers alone, and its environment is that of the one who started it.
    """
    asked = json.dumps({"function": "nothing", "task": {"id": "x"}}) + "\n"
    done = subprocess.run(
        [*python_module("rowbatch.tasks.worker_process")],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    )
    # It may end before it answers: nobody waits for it any more.
    assert all(
        json.loads(line)["problem"]["kind"] == "no-such-task-function" for line in done.stdout.splitlines()
    )
