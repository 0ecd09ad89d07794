"""
Who works on something, on a file system that several computers share.

A lease is a file that is made where there is none (`O_EXCL`, which also NFS keeps since version 3). Whoever
has it changes it every few seconds. Others watch it by their own clock, so that no two clocks are compared:
one that did not change for a while is of somebody who is dead, or slower than that, and is taken over. Of a
process of this computer that has ended that is known at once.

A lease saves work twice done, and no more: someone who only was slow may go on for a while. What is written
under it must be right in spite of that.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rowbatch.errors import from_os_error
from rowbatch.processes import began_at

STALE_S = 60.0
_BEATS = 6
"""So often a lease is changed in the time after which it is stale."""


class Lease:
    """
    A lease that is ours.

    Attributes:
        token: Ours alone.
    """

    def __init__(self, path: Path, stale_s: float, token: str) -> None:
        self._path, self.token = path, token
        self._beat_s = stale_s / _BEATS
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Let others have it."""
        self._ended.set()
        self._thread.join()
        if _read(self._path).get("token") == self.token:
            with suppress(OSError):
                self._path.unlink()

    def _beat(self) -> None:
        number = 0
        while not self._ended.wait(self._beat_s):
            number += 1
            # A disk that refuses for a moment makes it look older, and no more.
            with suppress(OSError):
                if _read(self._path).get("token") != self.token:
                    # Somebody thought that we were dead.
                    return
                _write(self._path, os.O_WRONLY, self.token, number)


class Leases:
    """
    The leases in a folder.

    Args:
        folder: Made when it is needed.
        stale_s: One that does not change for so long is of nobody any more.
    """

    def __init__(self, folder: Path, stale_s: float = STALE_S) -> None:
        self._folder, self._stale_s = folder, stale_s
        self._seen: dict[str, tuple[bytes, float]] = {}

    def take(self, name: str) -> Lease | None:
        """
        Take a lease, where nobody has it; None where somebody does.

        Raises:
            StorageError: The folder cannot be written.
        """
        path, token = self._folder / f"{name}.lease", secrets.token_hex(8)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_new(path, token):
                if not self._is_stale(name, path):
                    return None
                self._remove(name, path)
                if not _is_new(path, token):
                    return None
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        self._seen.pop(name, None)
        return Lease(path, self._stale_s, token)

    def _is_stale(self, name: str, path: Path) -> bool:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return False
        before, since = self._seen.get(name, (None, 0.0))
        if content != before:
            since = time.monotonic()
            self._seen[name] = (content, since)
        if time.monotonic() - since >= self._stale_s:
            return True
        owner = _parsed(content)
        return owner.get("system") == _system() and not _lives(owner)

    def _remove(self, name: str, path: Path) -> None:
        """Take a stale lease away; of several that see it only one does."""
        aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return
        if aside.read_bytes() != self._seen[name][0]:
            # Meanwhile another one had taken it away, and this is the new one: it is given back.
            with suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink(missing_ok=True)


def _is_new(path: Path, token: str) -> bool:
    """Make a lease where there is none; whether there was none."""
    try:
        _write(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, token, 0)
    except FileExistsError:
        return False
    except OSError:
        # A full disk: of an empty lease nobody knows whose it is, and it would be waited for.
        with suppress(OSError):
            path.unlink()
        raise
    return True


def _write(path: Path, how: int, token: str, beat: int) -> None:
    owner = {
        "system": _system(),
        "pid": os.getpid(),
        "began": began_at(os.getpid()),
        "token": token,
        "beat": f"{beat:012d}",
    }
    handle = os.open(path, how, 0o600)
    try:
        # All versions have the same length.
        os.write(handle, json.dumps(owner).encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return _parsed(path.read_bytes())
    except OSError:
        return {}


def _parsed(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@functools.cache
def _system() -> str:
    """
    Among whose processes a number is this process's own.

    A name is not enough: nodes that were copied have the same one, and so may containers, whose processes are
    not seen from outside. A living worker would be taken for dead there, and its rows asked twice.

    Source:
        random(4): `boot_id`, another one at each boot; pid_namespaces(7).
    """
    found = [socket.gethostname()]
    with suppress(OSError):
        found.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        found.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(found)


def _lives(owner: Mapping[str, Any]) -> bool:
    pid = owner.get("pid")
    told = began_at(pid) if isinstance(pid, int) else None
    return told is not None and told == owner.get("began")
