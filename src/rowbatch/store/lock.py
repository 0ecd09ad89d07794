"""One writer per run: an OS lock for the life of the process."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from rowbatch.errors import RunLocked, StorageError, from_os_error
from rowbatch.store.home import private_file_of_ours

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(0x7FFF_0000)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


LOCK_NAME = ".lock"
_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK})
"""
How the operating system says that somebody else holds a lock: flock(2), fcntl(2), and Microsoft's
`_locking`. All else, as ENOLCK, ENOTSUP, ENOSYS or EINVAL, says that it cannot keep one there, as on some
network file systems.
"""


def is_held_by_other(error: OSError) -> bool:
    """Whether taking a lock failed because somebody else holds it."""
    return error.errno in _HELD


def locks_not_kept(path: Path, error: OSError) -> StorageError:
    """What is said where a lock cannot be kept. Without one nothing is done: two programs could pay twice."""
    return StorageError("locks-not-kept", path=str(path), told=str(error.strerror or error))


@contextmanager
def run_lock(folder: Path, doing: str) -> Iterator[None]:
    """
    Hold the run for this process.

    The operating system frees the lock when the process ends, however it ends, so there
    is no stale lock and no time-out. What the file says is for people; only the lock counts.

    Args:
        folder: The run directory.
        doing: What the process does, for the message of a second one.
    Raises:
        RunLocked: Another process holds it.
        StorageError: The file system keeps no locks (`locks-not-kept`), or refuses to write.
    """
    path = folder / LOCK_NAME
    try:
        private_file_of_ours(path)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    with file:
        try:
            _lock(file)
        except OSError as error:
            if not is_held_by_other(error):
                raise locks_not_kept(path, error) from error
            raise _locked(folder, path) from None
        file.seek(0)
        file.truncate()
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "doing": doing,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        file.write(json.dumps(holder))
        file.flush()
        yield


def is_locked(folder: Path) -> bool:
    """Whether somebody holds the run at this moment; where locks cannot be kept, nobody does."""
    try:
        with (folder / LOCK_NAME).open("r+", encoding="utf-8") as file:
            _lock(file)
    except FileNotFoundError:
        return False
    except OSError as error:
        return is_held_by_other(error)
    return False


def _locked(folder: Path, path: Path) -> RunLocked:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return RunLocked(
            "run-locked",
            path=str(folder),
            pid=holder["pid"],
            host=holder["host"],
            doing=holder["doing"],
            since=holder["since"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return RunLocked("run-locked-silently", path=str(folder))
