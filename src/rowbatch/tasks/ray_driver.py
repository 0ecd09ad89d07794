"""
The process of `RayRunner` that talks with Ray.

Ray takes a process over: it ends it when the head of the cluster is gone for a minute (in its C++, with no
exception before it), sets a handler for SIGTERM, starts a cluster of its own where one is used before a
connection is there, and writes to both outputs (ray 2.60.0, tried). So it never runs in a user's process.

What it is asked comes as lines of JSON: first an order, then for each call of `map` a `{"function": …}`,
tasks as `{"task": …}`, and `{"end": true}`. It says `{"ready": …}`, then `{"outcome": …}` for each task and
`{"done": true}` for each call; or `{"problem": …}`, and ends. The end of its input is the end of whoever
asks: Ray is shut down.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from rowbatch.errors import RowbatchError, ServiceError, StorageError, UsageError
from rowbatch.tasks.ray_worker import COMPARED, Hand, difference, do, make_probe
from rowbatch.tasks.runner import Outcome, problem_of

_LOOK_S = 0.5
_COUNT_EVERY_S = 10.0
_OBJECTS_BYTES = 80 << 20
"""Ray takes no less than 75 MB; tasks and records are small, and go without its store of objects."""
_MOST_WAIT_S = 30.0


@dataclass(slots=True)
class _Given:
    """A task that Ray has, or will have again; how often its worker was lost, and how often for memory."""

    task: dict[str, Any]
    deaths: int = 0
    kills: int = 0
    not_before: float = 0.0
    actor: Any = None
    told: str = field(default="")


class _Input:
    """What is asked, read ahead by a thread; `is_over` when whoever asks has ended."""

    def __init__(self, lines: BinaryIO) -> None:
        # Whoever asks sends a few tasks ahead, so that the end of the input is seen at once.
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.is_over = threading.Event()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def _read(self, lines: BinaryIO) -> None:
        for line in lines:
            self._lines.put(json.loads(line))
        self.is_over.set()

    def next(self, wait_s: float) -> dict[str, Any] | None:
        """The next message; None where none came."""
        try:
            return self._lines.get(timeout=wait_s) if wait_s else self._lines.get_nowait()
        except queue.Empty:
            return None

    def wait(self) -> dict[str, Any] | None:
        """The next message; None at the end."""
        while (message := self.next(_LOOK_S)) is None:
            if self.is_over.is_set() and self._lines.empty():
                return None
        return message


class _Output:
    def __init__(self, lines: BinaryIO) -> None:
        self._lines = lines

    def say(self, **message: Any) -> None:
        """Write a line; whoever asked may have gone."""
        self._lines.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
        self._lines.flush()


class _Work:
    """
    Tasks given to Ray, a bounded number at a time.

    Args:
        ray: The module.
        order: What `RayRunner` wrote.
        versions: What is installed here.
    """

    def __init__(self, ray: Any, order: Mapping[str, Any], versions: dict[str, str]) -> None:
        self._ray, self._order, self._versions = ray, order, versions
        self._needs: dict[str, float] = order["needs"]
        self._does_actors = bool(order["actors"])
        self._task = ray.remote(**_options(self._needs), max_retries=0)(do)
        self._actor = ray.remote(**_options(self._needs), max_restarts=0, max_task_retries=0)(Hand)
        self._idle: list[Any] = []
        self._pending: dict[Any, _Given] = {}
        self._again: deque[_Given] = deque()
        self._fits = self._room = 0
        self._counted = self._moved = 0.0
        self._count()

    @property
    def workers(self) -> int:
        """How many tasks the cluster can do at once, as far as this may use it."""
        most = self._order["workers"]
        return min(self._fits, most) if most else self._fits

    def _count(self) -> None:
        """See what the cluster has now: computers come and go."""
        if time.monotonic() - self._counted < _COUNT_EVERY_S and self._fits:
            return
        self._counted = time.monotonic()
        self._fits = 0
        for node in self._ray.nodes():
            if node["Alive"]:
                has = node["Resources"]
                self._fits += min(int(has.get(name, 0.0) // need) for name, need in self._needs.items())
        # One more for each worker, so that none waits for this process; for an actor there is no such queue.
        self._room = self.workers * (1 if self._does_actors or self._order["workers"] else 2)

    def do(self, function: str, asked: _Input, output: _Output) -> None:
        """
        Do the tasks of one call of `map`.

        Raises:
            RowbatchError: The cluster has no place for them, or is gone.
        """
        all_asked = False
        self._moved = time.monotonic()
        while not asked.is_over.is_set():
            self._count()
            while len(self._pending) < self._room:
                given = self._due()
                if given is None and not all_asked:
                    message = asked.next(0 if self._pending or self._again else _LOOK_S)
                    all_asked = bool(message and "end" in message)
                    given = _Given(message["task"]) if message and "task" in message else None
                if given is None:
                    break
                self._give(function, given)
            if self._pending:
                self._take(output)
            elif self._again:
                time.sleep(_LOOK_S)
            elif all_asked:
                output.say(done=True)
                return
            self._check_room()

    def _due(self) -> _Given | None:
        if self._again and self._again[0].not_before <= time.monotonic():
            return self._again.popleft()
        return None

    def _give(self, function: str, given: _Given) -> None:
        asked = (function, json.dumps(given.task, ensure_ascii=False), self._order["cwd"], self._versions)
        if self._does_actors:
            given.actor = self._idle.pop() if self._idle else self._actor.remote()
            ref = given.actor.do.remote(*asked)
        else:
            ref = self._task.remote(*asked)
        self._pending[ref] = given

    def _take(self, output: _Output) -> None:
        """Say what is done, and put back what was lost."""
        refs = list(self._pending)
        ready, _ = self._ray.wait(refs, num_returns=1, timeout=_LOOK_S)
        if ready:
            ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        for ref in ready:
            given = self._pending.pop(ref)
            self._moved = time.monotonic()
            outcome = self._outcome(ref, given)
            if outcome is None:
                self._again.append(given)
            else:
                output.say(outcome=asdict(outcome))

    def _outcome(self, ref: Any, given: _Given) -> Outcome | None:
        """What became of a task; None where it is to be done again."""
        failures = self._ray.exceptions
        name = str(given.task["id"])
        try:
            found = json.loads(self._ray.get(ref))
        except failures.LocalRayletDiedError as error:
            raise ServiceError("ray-lost", told=_first_line(error)) from error
        except failures.OutOfMemoryError as error:
            given.kills += 1
            given.told = _first_line(error)
            # The guard looks at the whole computer, so others may be what is in the way: they get time.
            wait_s = min(_MOST_WAIT_S, self._order["wait_s"] * 2 ** (given.kills - 1))
            given.not_before = time.monotonic() + wait_s
            if given.kills <= self._order["most_kills"]:
                return None
            problem: RowbatchError = StorageError(
                "ray-memory", path=name, task=name, times=given.kills, told=given.told
            )
        except (failures.OutOfDiskError, failures.ObjectStoreFullError) as error:
            problem = StorageError("ray-disk", path=name, task=name, told=_first_line(error))
        except (
            failures.WorkerCrashedError,
            failures.NodeDiedError,
            failures.RayActorError,
            failures.ObjectLostError,
            failures.TaskCancelledError,
        ) as error:
            given.deaths += 1
            given.told = _first_line(error)
            if given.deaths <= self._order["most_deaths"]:
                return None
            problem = StorageError("ray-task-lost", path=name, task=name, times=given.deaths, told=given.told)
        except failures.RayError as error:
            # What a worker raised stands below its traceback.
            told = str(error).strip().rpartition("\n")[2].strip()[:400]
            problem = ServiceError("ray-task-refused", task=name, told=told)
        else:
            if given.actor is not None:
                self._idle.append(given.actor)
            return Outcome(found["task"], found["record"], found["problem"])
        return Outcome(name, problem=problem_of(problem))

    def _check_room(self) -> None:
        """A cluster that has lost all that could do the work would be waited for without an end."""
        if self._fits:
            return
        self._count()
        if not self._fits and time.monotonic() - self._moved > self._order["patience_s"]:
            raise no_room(self._needs)


def _options(needs: Mapping[str, float]) -> dict[str, Any]:
    named = {"CPU": "num_cpus", "GPU": "num_gpus"}
    known = {named[name]: need for name, need in needs.items() if name in named}
    return {"num_cpus": 0, **known, "resources": {k: v for k, v in needs.items() if k not in named}}


def no_room(needs: Mapping[str, float]) -> RowbatchError:
    """There is no computer in the cluster that could do one task."""
    return ServiceError("ray-no-room", needs=[f"{name} {need:g}" for name, need in needs.items()])


def _first_line(error: BaseException) -> str:
    """What an error says in short; of a traceback in its text the last line, where the reason stands."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    first, traceback, _ = lines[0].partition("Traceback (most recent call last):")
    return (first + lines[-1] if traceback else first)[:400]


def _start(order: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
    """
    Start Ray here or find it elsewhere, and compare what is installed on its computers.

    Raises:
        RowbatchError: There is no Ray to work with.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError("ray-not-installed", told=_first_line(error)) from error
    address = order["address"]
    options: dict[str, Any] = {"include_dashboard": False}
    if address is None:
        folder = Path(order["folder"])
        options |= {
            "num_cpus": order["workers"],
            "object_store_memory": _OBJECTS_BYTES,
            "resources": order["resources"] or None,
            "num_gpus": order["gpus"],
            "_temp_dir": str(folder),
        }
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level="ERROR",
            **options if address is None else {},
        )
        if address is not None:
            _check_token(ray)
        return ray, _compared(ray)
    except RowbatchError:
        raise
    # Ray raises what it likes: RuntimeError, ValueError, ConnectionError, errors of its own.
    except Exception as error:
        raise _no_start(error, order) from error


def _no_start(error: Exception, order: Mapping[str, Any]) -> RowbatchError:
    """What to say when Ray cannot be started or found."""
    if str(error).startswith("Version mismatch"):
        return UsageError("ray-versions-differ", told=" ".join(str(error).split())[:400])
    if type(error).__name__ == "AuthenticationError":
        return UsageError("ray-token-missing", address=order["address"] or "")
    if order["address"] is not None:
        told = " ".join(map(_first_line, filter(None, (error, error.__cause__))))
        # Ray tells of it in the text of what it raises, or only in its log: see `RayRunner`.
        if "InvalidAuthToken" in told:
            return UsageError("ray-token-refused", address=order["address"])
        return ServiceError("ray-not-found", address=order["address"], told=told)
    folder = Path(order["folder"])
    free = shutil.disk_usage(folder).free
    if free < order["least_free_bytes"]:
        return StorageError("ray-no-space", path=str(folder.parent.parent), free_mb=free >> 20)
    return ServiceError("ray-not-started", told=_first_line(error))


def _check_token(ray: Any) -> None:
    """Ray takes code from whoever reaches it: one that other computers reach asks for a token."""
    import ipaddress

    address = str(ray.get_runtime_context().gcs_address)
    host = address.rpartition(":")[0].strip("[]")
    try:
        is_near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_near = host == "localhost"
    if not is_near and "RAY_AUTH_MODE" not in os.environ:
        raise UsageError("ray-without-token", address=address)


def _compared(ray: Any) -> dict[str, str]:
    """
    What is installed here, after each computer of the cluster has said the same.

    Raises:
        UsageError: One has something else.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    probe = make_probe()
    here = probe(COMPARED)
    # Ray repeats without an end what its guard over memory has killed, unless it may repeat nothing.
    remote = ray.remote(num_cpus=0, max_retries=0)(probe)
    asked = {
        remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            COMPARED
        ): node
        for node in ray.nodes()
        if node["Alive"]
    }
    for ref, node in asked.items():
        try:
            there = ray.get(ref, timeout=60)
        except (
            ray.exceptions.NodeDiedError,
            ray.exceptions.TaskUnschedulableError,
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.OutOfMemoryError,
            ray.exceptions.GetTimeoutError,
        ):
            # It has gone meanwhile, or says nothing; each task compares once more.
            continue
        differs = difference(here, there, f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})")
        if differs is not None:
            raise differs
    return here


def main() -> None:
    """Do what is asked until the input ends."""
    asked = _Input(os.fdopen(os.dup(0), "rb"))
    output = _Output(os.fdopen(os.dup(1), "wb"))
    # What Ray prints goes where its log is.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    order = asked.wait()
    if order is None:
        return
    ray = None
    try:
        ray, versions = _start(order)
        work = _Work(ray, order, versions)
        if not work.workers:
            raise no_room(order["needs"])
        output.say(ready={"workers": work.workers, "nodes": sum(one["Alive"] for one in ray.nodes())})
        while (message := asked.wait()) is not None:
            work.do(message["function"], asked, output)
    except RowbatchError as error:
        output.say(problem=problem_of(error))
    except BrokenPipeError:
        # Nobody waits for it any more.
        pass
    finally:
        if ray is not None:
            ray.shutdown()
        # Whoever asked may have been killed, and removes nothing then.
        shutil.rmtree(Path(order["folder"]).parent, ignore_errors=True)


if __name__ == "__main__":
    main()
