"""How our own programs are run in a process of their own, and found again without believing a stranger."""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from rowbatch.errors import StorageError, from_os_error

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[Any]) -> None:
        # Far behind what the file says, which others may read.
        file.seek(0x7FFF_0000)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[Any]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})
"""
How the operating system says that somebody else holds a lock: flock(2), fcntl(2), and Microsoft's
`_locking`. All else, as ENOLCK, ENOTSUP, ENOSYS or EINVAL, says that it cannot keep one there, as on some
network file systems.
"""


_Found = TypeVar("_Found")
_MOST_TOLD_BYTES = 10_000
_TURN_S, _LOOK_S = 60.0, 0.002


def python_module(name: str) -> list[str]:
    """
    How to run a module of ours in a process of its own.

    Without `-P` Python looks for modules in the current folder first, where a user's `csv.py` may be.
    """
    return [sys.executable, "-P", "-m", name]


def python_environment() -> dict[str, str]:
    """The environment for it: as ours, and independent of the folder it is started in."""
    environment = dict(os.environ)
    if "PYTHONPATH" in environment:
        folders = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)
    return environment


@dataclass(frozen=True, slots=True)
class Started(Generic[_Found]):
    """
    A program of ours that was started.

    Attributes:
        found: What tells that it is ready; None when it ended before, or took too long.
        said: The last lines of its log since it was started, in one line.
    """

    found: _Found | None
    said: str


LEFT_ALONE: list[subprocess.Popen[bytes]] = []
"""Processes that go on when this one ends. Python warns of one whose object goes; these are to run on."""


def start_until_ready(
    arguments: Sequence[str],
    find: Callable[[], _Found | None],
    *,
    log: Path,
    cwd: Path,
    wait_s: float,
    max_log_bytes: int = 1 << 20,
    another_runs: int | None = None,
) -> Started[_Found]:
    """
    Start a program of ours that goes on when this one ends, and wait until it is ready.

    Args:
        arguments: Of `rowbatch`.
        find: Asked again and again for the one that is ready.
        log: Where it writes. Two may start at once: both append, so that neither wipes out the other's words.
        cwd: Where it runs.
        wait_s: How long it may take.
        max_log_bytes: A log that is larger begins anew.
        another_runs: The exit code that tells that another one was first, which is waited for then.
    Raises:
        StorageError: There can be no log.
    """
    try:
        # Nobody else reads what our programs say.
        log.touch(mode=0o600)
        opened = log.open("ab")
    except OSError as error:
        raise from_os_error(error, str(log)) from error
    with opened as file:
        said_before = file.tell() if file.tell() < max_log_bytes else file.truncate(0)
        process = subprocess.Popen(
            [*python_module("rowbatch"), *arguments],
            cwd=cwd,
            env=python_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            creationflags=_detached_flags(),
        )
    LEFT_ALONE.append(process)
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        found = find()
        if found is not None:
            return Started(found, "")
        if process.poll() not in (None, another_runs):
            break
        time.sleep(0.05)
    return Started(None, _last_words(log, said_before))


def _detached_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
    return 0


def _last_words(log: Path, start: int) -> str:
    try:
        text = log.read_bytes()[start:].decode("utf-8", errors="replace")
    except OSError:
        return ""
    return " / ".join([line.strip() for line in text.splitlines() if line.strip()][-3:])


def take_lock(file: IO[Any], path: Path) -> bool:
    """
    Hold a file until it is closed, as the one process that does. However that ends, the system frees it.

    Returns:
        Whether it is ours now; False means that another process has it.
    Raises:
        StorageError: The file system keeps no locks. Without one nothing is done: two programs could pay
            twice.
    """
    try:
        _lock(file)
    except OSError as error:
        if error.errno not in _HELD:
            raise StorageError("locks-not-kept", path=str(path), told=str(error.strerror or error)) from error
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether a process has the lock of a file at this moment; where locks cannot be kept, none has."""
    try:
        with path.open("rb+") as file:
            return not take_lock(file, path)
    except (OSError, StorageError):
        return False


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """
    Hold a file for as long as the block goes on, as the one program of its kind.

    Nothing is left at its end that says that a program runs which does not. Who looks by `is_held` holds it
    for a moment, so try again before giving up.

    Args:
        path: The file; it is made, and stays.
    Yields:
        Whether it is ours now; False means that another process has it.
    Raises:
        StorageError: The disk refuses, or the file system keeps no locks.
    """
    try:
        # It is nobody else's business, and who can open it can hold it.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    with file:
        yield take_lock(file, path)


@contextmanager
def hold_in_turn(path: Path, wait_s: float = _TURN_S) -> Iterator[None]:
    """
    Hold a file for as long as the block goes on, after those who have it: for what takes a moment, as adding
    a line to another file. Threads of one process wait for each other, too.

    Where the file system keeps no locks, nobody waits: then one program at a time is to do such things.

    Args:
        path: The file; it is made, and stays.
        wait_s: How long others may take.
    Raises:
        StorageError: They took longer, as a program does that was stopped meanwhile; or the disk refuses.
    """
    end = time.monotonic() + wait_s
    try:
        try:
            file = path.open("ab")
        except PermissionError:
            # Another user made it. Who may read it can hold it.
            file = path.open("rb")  # type: ignore[assignment]
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    with file:
        while not _takes_turn(file, path):
            if time.monotonic() > end:
                raise StorageError("held-by-another", path=str(path))
            time.sleep(_LOOK_S)
        yield


def _takes_turn(file: IO[Any], path: Path) -> bool:
    try:
        return take_lock(file, path)
    except StorageError:
        return True


def prove(secret: str, *said: str) -> str:
    """
    What only those can tell who know a secret, without telling it.

    Args:
        secret: Theirs.
        said: What it is about; with something in it that whoever asks has just made up, so that an old
            answer is none.
    Returns:
        64 hex digits: HMAC-SHA256.
    """
    # Lengths, so that no two ways to divide the same text are the same.
    message = "".join(f"{len(part)}:{part}" for part in said)
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def is_proof(answer: str, secret: str, *said: str) -> bool:
    """Whether an answer is what `prove` tells."""
    return hmac.compare_digest(answer.encode("utf-8", "surrogateescape"), prove(secret, *said).encode())


def ask_nearby(address: str, *, wait_s: float, method: str = "GET", key: str = "") -> str | None:
    """
    Ask a program of this computer that may be ours, and is believed only with a proof.

    Args:
        address: All of it.
        wait_s: For each piece of its answer.
        method: Of HTTP.
        key: Sent along as a bearer token: only to one that has proved itself.
    Returns:
        The begin of its answer; None where nobody answers, or not as a program of ours does.
    """
    import http.client
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """A program of ours answers itself."""

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    # No proxy of the environment stands between programs of one computer.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect())
    try:
        request = urllib.request.Request(address, method=method, headers=headers)  # noqa: S310 - of this computer
        with opener.open(request, timeout=wait_s) as answer:
            return str(answer.read(_MOST_TOLD_BYTES).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException, ValueError, OverflowError):
        # Nobody is there, or somebody who speaks otherwise.
        return None


def work_done(pid: int) -> tuple[int, ...] | None:
    """
    Stands for what a process has done so far: the same number again means that it did nothing in between.

    Returns:
        Ticks of the processors that it took, and bytes that it read and wrote; None where it runs, waits for
        a processor or a disk, or was stopped by somebody, and where the system does not tell.
    Source:
        proc_pid_stat(5), proc_pid_io(5): Linux alone.
    """
    folder = Path(f"/proc/{pid}")
    try:
        ticks = 0
        for thread in (folder / "task").iterdir():
            fields = (
                (thread / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            )
            if fields[0] != "S":
                return None
            ticks += int(fields[11]) + int(fields[12])
        moved = [int(line.split()[1]) for line in (folder / "io").read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError, IndexError):
        return None
    return ticks, *moved


def began_at(pid: int) -> str | None:
    """
    When a process began, so that another one that has got its number is not taken for it.

    Returns:
        Text that is the same for as long as the process lives, and another one for others; None where there
        is no such process, or the system does not tell.
    Source:
        proc_pid_stat(5): field 22 of `/proc/PID/stat`, in ticks since the boot; the second field, in
        brackets, may have blanks and brackets. `ps -o lstart` of BSD and macOS.
    """
    if sys.platform == "win32":
        return None
    if Path("/proc/self/stat").exists():
        try:
            ticks = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return None
        return f"{boot} {ticks.split()[19]}"
    asked = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
        env={"LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None
