"""
Tasks done by a cluster of Ray: this computer alone, or all that `ray start` has joined.

Ray runs in a process beside this one, see `ray_driver`; here is what starts that, feeds it, and leaves
nothing behind: no process, no socket, no folder.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rowbatch.errors import RowbatchError, ServiceError, StorageError, UsageError, from_os_error
from rowbatch.processes import is_held, python_environment, python_module, take_lock
from rowbatch.providers.catalog import find_provider, provider_names
from rowbatch.tasks.runner import Outcome, error_of

MOST_DEATHS = 3
"""How often a task is begun anew when its worker or computer was lost."""
MOST_KILLS = 8
"""How often when Ray's guard over memory ended it; with waits in between about two minutes."""
_AHEAD = 16
_START_S = 180.0
_STARTS = 3
_REACH_S = 5.0
_END_S = 15.0
_OLD_S = 60.0
_LEAST_FREE_BYTES = 64 << 20
_MOST_FOLDER = 19
"""
Bytes. A socket's path has at most 107, of which our own name and Ray's, as in
`/rowbatch-ray-d80y43b9/r/session_2026-11-28_21-44-23_899884_4194304/sockets/plasma_store`, have 88.
"""
_PREFIX = "rowbatch-ray-"


class RayRunner:
    """
    Does tasks in workers of Ray.

    Args:
        workers: Most tasks at once; None means one for each processor of the cluster.
        address: `host:port` or `auto` of a cluster that runs; None starts Ray on this computer alone, where
            no other one can reach it.
        needs: What a task takes of Ray's resources: `{"CPU": 1}`, or `{"GPU": 1}`. With anything but
            processors tasks are done by actors: processes that keep it from task to task, one each.
        resources: What this computer is said to have besides processors, without an address.
        most_deaths, most_kills: See the constants.
        wait_s: Before a task that was ended for memory is begun anew; doubled each time.
        patience_s: How long a cluster may have nothing that can do a task.

    In a `with` block Ray stays from call to call; else it is started and ended by each.
    """

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        *,
        needs: Mapping[str, float] | None = None,
        resources: Mapping[str, float] | None = None,
        most_deaths: int = MOST_DEATHS,
        most_kills: int = MOST_KILLS,
        wait_s: float = 1.0,
        patience_s: float = 120.0,
    ) -> None:
        # What Ray itself does with `auto`.
        self._workers = workers
        self._address = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
        self._needs = dict(needs or {"CPU": 1})
        self._resources = dict(resources or {})
        self._limits = {
            "most_deaths": most_deaths,
            "most_kills": most_kills,
            "wait_s": wait_s,
            "patience_s": patience_s,
        }
        self._driver: _Driver | None = None
        self._stays = False

    def __enter__(self) -> Self:
        self._stays = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stays = False
        self.close()

    def close(self) -> None:
        """End Ray, as far as it was started here; what others started goes on."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.end()

    def map(self, function: str, tasks: Sequence[Mapping[str, Any]]) -> Iterator[Outcome]:
        """
        As in `Runner`.

        Raises:
            UsageError: Ray is not installed, asks for a token or has none, or a computer has other versions.
            ServiceError: The cluster is not found, has no place for the tasks, or was lost.
            StorageError: There is no room for Ray's files.
        """
        if not tasks:
            return
        is_whole = False
        try:
            driver = self._driver = self._driver or self._start()
            driver.say(function=function)
            left = iter(tasks)
            for task in islice(left, _AHEAD + 2 * driver.workers):
                driver.say(task=task)
            for _ in tasks:
                outcome = driver.hear("outcome")
                following = next(left, None)
                if following is not None:
                    driver.say(task=following)
                yield Outcome(outcome["task"], outcome["record"], outcome["problem"])
            driver.say(end=True)
            driver.hear("done")
            is_whole = True
        finally:
            if not (is_whole and self._stays):
                self.close()

    def _start(self) -> _Driver:
        for left in reversed(range(_STARTS)):
            try:
                return _Driver(self._order(), self._address)
            except ServiceError as error:
                # On a busy computer Ray gives its own start up after 30 s, whatever is set (ray 2.60.0).
                if error.kind != "ray-not-started" or not left:
                    raise
        raise AssertionError("unreachable")

    def _order(self) -> dict[str, Any]:
        actors = set(self._needs) != {"CPU"}
        workers = self._workers if self._workers or self._address or actors else _processors()
        resources = {name: count for name, count in self._resources.items() if name not in ("CPU", "GPU")}
        return {
            "address": self._address,
            "cwd": str(Path.cwd()),
            "workers": workers,
            "needs": self._needs,
            "actors": actors,
            "resources": resources,
            "gpus": self._resources.get("GPU"),
            "least_free_bytes": _LEAST_FREE_BYTES,
            **self._limits,
        }


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Driver:
    """
    The process that talks with Ray.

    Raises:
        RowbatchError: There is no Ray to work with.
    """

    workers = 1

    def __init__(self, order: dict[str, Any], address: str | None) -> None:
        self._address = address
        if sys.platform == "win32":
            raise UsageError("ray-not-here", system=sys.platform)
        if address is not None:
            _reach(address)
        self._folder = _make_folder()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._end = weakref.finalize(self, _end, self._processes, self._folder)
        try:
            if address is None:
                _require_space(self._folder)
            self._begin(order)
            with _Deadline(_START_S, lambda: kill_session(self._process.pid)):
                self.workers = int(self.hear("ready", is_start=True)["workers"])
        except BaseException:
            self.end()
            raise

    def _begin(self, order: dict[str, Any]) -> None:
        # Ray gives its own folders to everybody (mode 777); nobody comes through ours.
        folder = self._folder / "r"
        try:
            folder.mkdir(mode=0o700)
            with (self._folder / "log").open("wb") as log, (self._folder / "lock").open("ab") as lock:
                take_lock(lock, Path(lock.name))
                process = subprocess.Popen(
                    python_module("rowbatch.tasks.ray_driver"),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    # Ray has its workers look for modules first in the folder that it is started in, where a
                    # user's `csv.py` may be (ray 2.60.0, tried).
                    cwd=folder,
                    env=_environment(self._address),
                    # The lock is held until the last of both has ended.
                    pass_fds=[lock.fileno()],
                    # Ctrl-C is for this process; and all that Ray starts is found by its session.
                    start_new_session=True,
                )
            self._processes.append(process)
        except OSError as error:
            raise from_os_error(error, str(self._folder)) from error
        self.say(**order, folder=str(folder))

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        return self._processes[0]

    def say(self, **message: Any) -> None:
        """Write a line to it; that it has ended is seen where it is heard."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
            self._process.stdin.flush()

    def hear(self, name: str, *, is_start: bool = False) -> Any:
        """
        Its next message.

        Raises:
            RowbatchError: What it says instead, or that it has ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended(is_start=is_start)
        message = json.loads(line)
        if "problem" in message:
            raise self._problem(error_of(message["problem"]))
        return message[name]

    def _problem(self, error: RowbatchError) -> RowbatchError:
        """That a token was refused Ray says in its log alone, or else see `ray_driver`."""
        if error.kind == "ray-not-found" and "InvalidAuthToken" in self._log():
            return UsageError("ray-token-refused", address=self._address)
        return error

    def _ended(self, *, is_start: bool) -> RowbatchError:
        log = self._log()
        told = log.strip().rpartition("\n")[2][:400]
        if not is_start:
            return ServiceError("ray-lost", told=told)
        if self._address is None:
            return ServiceError("ray-not-started", told=told)
        return ServiceError("ray-not-found", address=self._address, told=told)

    def _log(self) -> str:
        with suppress(OSError):
            return (self._folder / "log").read_text(encoding="utf-8", errors="replace")
        return ""

    def end(self) -> None:
        """End it and all that it has started; what it wrote goes too. At the end of this process at last."""
        self._end()


def _end(processes: list[subprocess.Popen[bytes]], folder: Path) -> None:
    for process in processes:
        with suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_END_S)
        kill_session(process.pid)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    shutil.rmtree(folder, ignore_errors=True)


class _Deadline:
    """Calls a function when a block takes too long."""

    def __init__(self, seconds: float, act: Any) -> None:
        self._timer = threading.Timer(seconds, act)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def kill_session(leader: int) -> None:
    """
    Kill all processes of a session that was begun for them.

    Workers and agents of Ray have groups of their own and outlive it when their cluster is lost (ray 2.60.0,
    two agents, tried); they stay in the session of the one that started them.
    """
    for _ in range(3):
        found = [pid for pid, session in _sessions() if session == leader]
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.05)


def _sessions() -> Iterator[tuple[int, int]]:
    """Number and session of each process that has not ended, see proc_pid_stat(5)."""
    proc = Path("/proc")
    if not (proc / "self/stat").exists():
        asked = subprocess.run(
            ["/bin/ps", "-x", "-o", "pid=,sess="], capture_output=True, text=True, check=False
        ).stdout
        for line in asked.splitlines():
            pid, _, session = line.strip().partition(" ")
            with suppress(ValueError):
                yield int(pid), int(session)
        return
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                state, _, _, session, *_ = (
                    (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                )
                if state not in "ZX":
                    yield int(entry.name), int(session)


def _make_folder() -> Path:
    """A folder for Ray, where paths of sockets fit; what ended programs left is removed."""
    chosen = Path(tempfile.gettempdir())
    if len(os.fsencode(chosen)) > _MOST_FOLDER:
        chosen = Path("/tmp")  # noqa: S108 - a folder of our own is made in it
    _sweep(chosen)
    try:
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=chosen))
    except OSError as error:
        raise from_os_error(error, str(chosen)) from error


def _require_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        raise StorageError("ray-no-space", path=str(folder.parent), free_mb=free >> 20)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            about = left.stat()
            # One that is being made has no lock yet.
            is_old = time.time() - about.st_mtime > _OLD_S
            if about.st_uid == os.getuid() and is_old and not is_held(left / "lock"):
                shutil.rmtree(left, ignore_errors=True)


def _reach(address: str) -> None:
    """
    See whether there is anything at an address: Ray itself tries for two minutes.

    Raises:
        UsageError: It is no address that tasks can go to.
        ServiceError: Nobody answers.
    """
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if "://" in address or not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError("ray-address", address=address)
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except (OSError, UnicodeError) as error:
        raise ServiceError("ray-not-found", address=address, told=str(error)) from error


def _environment(address: str | None) -> dict[str, str]:
    """What the process of Ray, and with it each worker on this computer, has in its environment."""
    environment = python_environment()
    for name in _keys():
        environment.pop(name, None)
    environment |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        # Else a cluster is started where one was not found.
        "RAY_ENABLE_AUTO_CONNECT": "0",
        # Else the current folder is sent to all computers when this is run by `uv run`.
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_DISABLE_IMPORT_WARNING": "1",
    }
    environment.pop("RAY_RUNTIME_ENV_HOOK", None)
    if address is None:
        for name in ("RAY_ADDRESS", "RAY_TMPDIR", "RAY_AUTH_TOKEN_PATH", "RAY_JOB_CONFIG_JSON_ENV_VAR"):
            environment.pop(name, None)
        environment |= {
            # What Ray has for Windows and macOS, and obeys everywhere: all ports on 127.0.0.1 alone. A given
            # `_node_ip_address="127.0.0.1"` it replaces by the one of the network (ray 2.60.0, tried).
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            # Else Ray writes one to ~/.ray/auth_token, for all users to read.
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_gcs_rpc_server_reconnect_timeout_s": "15",
        }
        environment.setdefault("POLARS_MAX_THREADS", "1")
    else:
        if _is_near_alone(address):
            environment["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        if "RAY_AUTH_MODE" not in environment and _has_token(environment):
            environment["RAY_AUTH_MODE"] = "token"
    return environment


def _is_near_alone(address: str) -> bool:
    """
    Whether a cluster can be reached at 127.0.0.1 alone.

    Ray takes the computer's address in the network where it is given 127.0.0.1, and tries there for two
    minutes (ray 2.60.0, tried).
    """
    host, _, port = address.rpartition(":")
    if not host or not (host == "localhost" or host.startswith("127.")):
        return False
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            # Nothing is sent: it tells by which address one would go out.
            asking.connect(("192.0.2.1", 9))
            own = asking.getsockname()[0]
        socket.create_connection((own, int(port)), timeout=_REACH_S).close()
    except OSError:
        return True
    return False


def _has_token(environment: Mapping[str, str]) -> bool:
    """Where Ray looks for the token of a cluster."""
    path = environment.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    return bool(environment.get("RAY_AUTH_TOKEN")) or Path(path).is_file()


def _keys() -> list[str]:
    """Variables that hold keys of providers: no task needs one."""
    return [name for provider in provider_names() for name in find_provider(provider).key_variables]
