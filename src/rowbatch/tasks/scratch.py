"""
Files that a task writes before they have a name.

They are told apart by host and process, so that what a killed one left is found and removed, and never what
another one still writes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from rowbatch.errors import from_os_error
from rowbatch.objects.disk import unfinished_file
from rowbatch.objects.stores import Store
from rowbatch.processes import began_at
from rowbatch.store.home import cache as home_cache
from rowbatch.store.home import private_folder

_FOLDER = "tmp"
_SUFFIX = ".part"
# Of processes of other computers nobody here can tell whether they live.
_STRAY_S = 24 * 3600.0


def scratch_place(store: Store) -> Path:
    """Where a task of a plan writes what has no name yet: beside that plan, or in the cache here."""
    return Path(store.url) if store.is_local else private_folder(home_cache() / "tasks")


@contextmanager
def scratch_file(place: Path) -> Iterator[Path]:
    """
    An empty file in a folder of a plan, gone at the end unless it was moved.

    Raises:
        StorageError: There can be none.
    """
    folder = place / _FOLDER
    path = folder / f".{_host()}.{os.getpid()}.{_began(os.getpid())}.{secrets.token_hex(6)}{_SUFFIX}"
    with ExitStack() as ends:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ends.enter_context(unfinished_file(path))
        except OSError as error:
            raise from_os_error(error, str(folder)) from error
        yield path


def sweep(place: Path) -> None:
    """Remove what processes left that have ended: on this computer at once, of others after a day."""
    with suppress(OSError):
        for path in (place / _FOLDER).iterdir():
            _, host, pid, began, *_ = [*path.name.split("."), "", "", "", ""]
            if not path.name.startswith(".") or path.suffix != _SUFFIX:
                continue
            if host == _host() and pid.isdecimal():
                is_left = _began(int(pid)) != began
            else:
                is_left = time.time() - path.stat().st_mtime > _STRAY_S
            if is_left:
                path.unlink(missing_ok=True)


def sweep_unnamed(place: Path) -> None:
    """Remove what a store had not given its name yet; only where nobody works on the plan any more."""
    with suppress(OSError):
        for path in place.rglob(f".*{_SUFFIX}"):
            if path.parent.name != _FOLDER:
                path.unlink(missing_ok=True)


@cache
def _host() -> str:
    # A name may have dots.
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _began(pid: int) -> str:
    """Stands for a process, for as long as it lives."""
    told = began_at(pid)
    return "0" if told is None else hashlib.sha256(told.encode()).hexdigest()[:8]
