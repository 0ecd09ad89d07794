"""Find the local server of a home, or start one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rowbatch.errors import ServiceError
from rowbatch.server.local_model import check_local_model

STATE_FILE = "server.json"
KEY_FILE = "server.key"
LOG_FILE = "server.log"
IDLE_EXIT_S = 600
_ASK_S = 5.0

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    Where a server listens, and the key that it wants. The key is in no repr.

    Attributes:
        base_url: As an OpenAI client wants it, with `/v1`.
        key: The bearer token.
    """

    base_url: str
    key: str = field(repr=False)


@contextmanager
def server_lock(home: Path) -> Iterator[None]:
    """
    Hold a home for one server, for the life of the process.

    Raises:
        ServiceError: Another one holds it.
    """
    with (home / ".lock").open("ab") as file:
        try:
            _lock(file)
        except OSError:
            raise ServiceError(
                f"another server is running with the files in {home}",
                hint="use that one, stop it, or give --home another folder",
            ) from None
        yield


def read_key(home: Path) -> str:
    """The key of a home's server."""
    return (home / KEY_FILE).read_text(encoding="utf-8").strip()


def find_running(home: Path) -> Endpoint | None:
    """The server of this home, if it answers."""
    import os

    try:
        state = json.loads((home / STATE_FILE).read_text(encoding="utf-8"))
        key = os.environ.get("ROWBATCH_SERVER_KEY", "").strip() or read_key(home)
        endpoint = Endpoint(str(state["base_url"]), key)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    request = urllib.request.Request(  # noqa: S310 - the address is our own server's
        endpoint.base_url.removesuffix("/v1") + "/health",
        headers={"Authorization": f"Bearer {endpoint.key}"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_ASK_S) as answer:
            return endpoint if answer.status == 200 else None
    except (urllib.error.URLError, OSError):
        return None


def ensure_running(home: Path, *, wait_s: float = 60.0) -> Endpoint:
    """
    The server of this home: the one that runs, or a new one that goes on when this program ends.

    Two programs that ask at once end up with the same server: only one of two new ones gets the lock.

    Raises:
        LocalModelError: The local model is not installed, so there is nothing to start.
        ServiceError: It did not start; the message has its last words.
    """
    running = find_running(home)
    if running is not None:
        return running
    check_local_model()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    process = _start(home)
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        running = find_running(home)
        if running is not None:
            return running
        if process.poll() not in (None, ServiceError.exit_code):
            break
        time.sleep(0.05)
    raise ServiceError(
        "the local server did not start" + _last_words(home / LOG_FILE),
        hint=f"`rowbatch serve --home {home}` shows what is wrong; the whole log is in {home / LOG_FILE}",
    )


def _start(home: Path) -> subprocess.Popen[bytes]:
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
    with (home / LOG_FILE).open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                *("-m", "rowbatch", "serve", "--home", str(home)),
                *("--port", "0", "--idle-exit", str(IDLE_EXIT_S)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            creationflags=flags,
        )


def _last_words(log: Path) -> str:
    try:
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    telling = [line for line in lines if line][-3:]
    return ": " + " / ".join(telling) if telling else ""
