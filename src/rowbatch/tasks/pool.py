"""
Tasks done by processes beside this one. One that dies is replaced, and its task is done again.

`concurrent.futures` gives all up when one of its processes is killed; so these are our own.
"""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from rowbatch.errors import RowbatchError, StorageError
from rowbatch.processes import python_environment, python_module, work_done
from rowbatch.tables.bounds import memory_for_tables
from rowbatch.tasks.runner import Outcome, problem_of

MOST_DEATHS = 3
"""How often a task may end its process by a fault of its own before it is given up."""
MOST_KILLS = 10
"""How often it may be killed from outside, as when the computer has no memory left, or by a person."""
PATIENCE_S = 120.0
"""
How long a process may do nothing at all with its task, by the processor or by files, before it is replaced.

polars 2.1 waits without an end where one of its threads got no memory (a limit of 48 MB, tried).
"""
# Several times of what a task takes: where less is free it is not for this limit to fail.
_LEAST_MEMORY = 1 << 30
_MOST_TOLD_BYTES = 2_000
_END_S = 2.0
_LOOK_S = 2.0
_LOOKS = 4


class PoolRunner:
    """
    Does tasks in several processes, which are started anew when they die, and end with this one.

    Args:
        workers: How many; None means one a processor, as far as there is memory for them.
        memory_bytes: What each may take; None means its share of what is free now.
        most_deaths, most_kills, patience_s: See the constants.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        memory_bytes: int | None = None,
        most_deaths: int = MOST_DEATHS,
        most_kills: int = MOST_KILLS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.workers = max(1, workers or min(_processors(), memory_for_tables() // _LEAST_MEMORY))
        share = max(memory_for_tables() // self.workers, _LEAST_MEMORY)
        self._memory = share if memory_bytes is None else memory_bytes
        self._most_deaths, self._most_kills = most_deaths, most_kills
        self._look_s = min(_LOOK_S, patience_s / _LOOKS)
        self._most_looks = math.ceil(patience_s / self._look_s)

    def map(self, function: str, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Outcome]:
        """As in `Runner`."""
        work = _Work(function, min(self.workers, len(tasks)))
        for task in tasks:
            work.left.put(task)
        hands = [_Hand(self, work) for _ in range(work.processes)]
        for hand in hands:
            hand.start()
        try:
            for _ in tasks:
                yield self._next(work, hands)
        finally:
            work.stopped.set()
            for hand in hands:
                hand.stop()
            for hand in hands:
                hand.join()

    def _next(self, work: _Work, hands: Sequence[_Hand]) -> Outcome:
        """The next outcome; meanwhile processes are looked after."""
        while True:
            if time.monotonic() >= work.look_at:
                for hand in hands:
                    hand.look(self._most_looks)
                work.look_at = time.monotonic() + self._look_s
            with suppress(queue.Empty):
                outcome = work.outcomes.get(timeout=max(0.0, work.look_at - time.monotonic()))
                if isinstance(outcome, BaseException):
                    raise outcome
                return outcome

    def death(self, task: str, deaths: Sequence[int], told: str, stuck: int = 0) -> RowbatchError | None:
        """
        What to say of a task that ended its processes; None while it is done again.

        Args:
            task: Its id.
            deaths: How each of them ended: exit code, or the number of the signal below 0.
            told: Last words of the last one.
            stuck: How many of them were ended here because they did nothing.
        """
        kills = sum(code == -signal.SIGKILL for code in deaths) - stuck if os.name != "nt" else 0
        if kills <= self._most_kills and len(deaths) - kills < self._most_deaths:
            return None
        if stuck:
            return StorageError(
                "task-stuck",
                path=task,
                task=task,
                times=stuck,
                waited_s=self._most_looks * self._look_s,
                memory_mb=self._memory >> 20,
            )
        how = signal.Signals(-deaths[-1]).name if deaths[-1] < 0 else f"exit code {deaths[-1]}"
        return StorageError(
            "task-ends-workers",
            path=task,
            task=task,
            times=len(deaths),
            how=how,
            told=told,
            memory_mb=self._memory >> 20,
        )

    def start_process(self, told: IO[bytes], processes: int) -> subprocess.Popen[bytes]:
        """A process that does tasks; what it says besides goes to a file."""
        environment = python_environment()
        # Each has its share of the processors.
        environment.setdefault("POLARS_MAX_THREADS", str(max(1, _processors() // processes)))
        return subprocess.Popen(
            [*python_module("rowbatch.tasks.worker_process"), str(self._memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
            env=environment,
            # Ctrl-C is for this process, which ends the others.
            start_new_session=True,
        )


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class _Work:
    """What the threads of one `map` share."""

    function: str
    processes: int
    left: queue.SimpleQueue[Mapping[str, Any]] = field(default_factory=queue.SimpleQueue)
    outcomes: queue.SimpleQueue[Outcome | BaseException] = field(default_factory=queue.SimpleQueue)
    stopped: threading.Event = field(default_factory=threading.Event)
    look_at: float = 0.0


class _Hand(threading.Thread):
    """Gives one process task after task, and a new process the task of one that died."""

    def __init__(self, runner: PoolRunner, work: _Work) -> None:
        super().__init__(name="rowbatch-pool", daemon=True)
        self._runner, self._function, self._left = runner, work.function, work.left
        self._outcomes, self._stopped, self._processes = work.outcomes, work.stopped, work.processes
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._done_last: tuple[int, ...] | None = None
        self._looks = 0
        self._is_stuck = False

    def run(self) -> None:
        try:
            with tempfile.TemporaryFile() as told:
                while not self._stopped.is_set():
                    try:
                        task = self._left.get_nowait()
                    except queue.Empty:
                        break
                    outcome = self._done(task, told)
                    if outcome is not None:
                        self._outcomes.put(outcome)
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcomes are waited for
            self._outcomes.put(error)
        finally:
            self.stop()
            if self._process is not None:
                _end(self._process)

    def _done(self, task: Mapping[str, Any], told: IO[bytes]) -> Outcome | None:
        """What became of a task; None where nobody waits for it any more."""
        question = json.dumps({"function": self._function, "task": task}, ensure_ascii=False).encode() + b"\n"
        deaths: list[int] = []
        stuck = 0
        while not self._stopped.is_set():
            process = self._living(told)
            if process is None:
                return None
            answer = _ask(process, question)
            if answer is not None:
                return answer
            with self._lock:
                self._process = None
                stuck += self._is_stuck
            deaths.append(_end(process))
            failed = self._runner.death(str(task["id"]), deaths, _last_words(told), stuck)
            if failed is not None and not self._stopped.is_set():
                return Outcome(str(task["id"]), problem=problem_of(failed))
        return None

    def _living(self, told: IO[bytes]) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopped.is_set():
                return None
            if self._process is None:
                told.seek(0)
                told.truncate()
                try:
                    self._process = self._runner.start_process(told, self._processes)
                    self._looks, self._is_stuck = 0, False
                except OSError as error:
                    raise StorageError("no-process", path="", told=str(error)) from error
            return self._process

    def look(self, most: int) -> None:
        """Kill the process when it has done nothing since so many looks; its task is done by another."""
        with self._lock:
            if self._process is None or self._is_stuck:
                return
            done, before = work_done(self._process.pid), self._done_last
            self._done_last = done
            # Looks are counted, and not seconds: all may have been suspended together.
            self._looks = self._looks + 1 if done is not None and done == before else 0
            if self._looks >= most:
                self._is_stuck = True
                self._process.kill()

    def stop(self) -> None:
        """End the process, also in the middle of a task; may be called again."""
        with self._lock:
            if self._process is not None:
                _quit(self._process)


def _ask(process: subprocess.Popen[bytes], question: bytes) -> Outcome | None:
    """What a process says of a task; None where it died."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(question)
        process.stdin.flush()
        answer = process.stdout.readline()
    except (OSError, ValueError):
        return None
    if not answer.endswith(b"\n"):
        return None
    found = json.loads(answer)
    return Outcome(found["task"], found["record"], found["problem"])


def _quit(process: subprocess.Popen[bytes]) -> int:
    """End a process; how it ended: its exit code, or the number of the signal below 0."""
    # At the end of its input it removes what it has not finished, and ends.
    with suppress(OSError, ValueError):
        if process.stdin is not None:
            process.stdin.close()
    try:
        return process.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _end(process: subprocess.Popen[bytes]) -> int:
    """End a process from which nobody reads any more, and its pipes; as `_quit`."""
    code = _quit(process)
    if process.stdout is not None:
        process.stdout.close()
    return code


def _last_words(told: IO[bytes]) -> str:
    told.seek(0, os.SEEK_END)
    told.seek(max(0, told.tell() - _MOST_TOLD_BYTES))
    lines = [line.strip() for line in told.read().decode("utf-8", "replace").splitlines()]
    # After it comes where in polars that was.
    without_memory = [line for line in lines if line.startswith("memory allocation of")]
    return " / ".join(without_memory[:1] or list(filter(None, lines))[-2:])
