"""One writer per run: an OS lock for the life of the process."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rowbatch.errors import RunLocked, from_os_error
from rowbatch.processes import is_held, take_lock
from rowbatch.store.home import private_file_of_ours

LOCK_NAME = ".lock"


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
        if not take_lock(file, path):
            raise _locked(folder, path)
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
    return is_held(folder / LOCK_NAME)


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
