"""Find the local server of a home, or start one."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rowbatch.errors import ServiceError
from rowbatch.http import Key, clean_key
from rowbatch.processes import ask_nearby, hold, is_held, is_proof, start_until_ready
from rowbatch.server.local_model import check_local_model
from rowbatch.store.home import private_folder

STATE_FILE = "server.json"
KEY_FILE = "server.key"
KEY_VARIABLE = "ROWBATCH_SERVER_KEY"
LOG_FILE = "server.log"
LOCK_FILE = ".lock"
HELLO = "/hello"
"""Where a server proves that it has the key of its home, to whoever has made up a number."""
IDLE_EXIT_S = 600
_ASK_S = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    Where a server listens, and the key that it wants. The key is in no repr.

    Attributes:
        base_url: As an OpenAI client wants it, with `/v1`.
        key: The bearer token.
        is_open: Other computers reach it too.
    """

    base_url: str
    key: str = field(repr=False)
    is_open: bool = False


def is_this_computer(host: str) -> bool:
    """Whether a name or address is one that only this computer reaches."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def server_lock(home: Path, *, wait_s: float = 1.0) -> Iterator[None]:
    """
    Hold a home for one server, for the life of the process.

    Somebody who only looks whether it is held holds it for a moment, so one more try is made for `wait_s`.

    Raises:
        ServiceError: Another one holds it.
        StorageError: The file system keeps no locks.
    """
    end = time.monotonic() + wait_s
    while True:
        with hold(home / LOCK_FILE) as is_ours:
            if is_ours:
                yield
                return
        if time.monotonic() > end:
            raise ServiceError("another-server-runs", home=str(home))
        time.sleep(0.02)


def environment_key() -> str:
    """
    The key that the environment gives the server and whoever asks it; "" where it gives none.

    Raises:
        UsageError: It can be none.
    """
    secret = clean_key(os.environ.get(KEY_VARIABLE, ""))
    return Key(secret, KEY_VARIABLE).reveal() if secret else ""


def read_key(home: Path) -> str:
    """
    The key of a home's server; "" where the file is empty.

    Raises:
        UsageError: The file was changed, and what stands there can be none.
        ValueError: It is no text.
        OSError: It cannot be read.
    """
    path = home / KEY_FILE
    secret = clean_key(path.read_text(encoding="utf-8"))
    return Key(secret, str(path)).reveal() if secret else ""


def find_running(home: Path) -> Endpoint | None:
    """The server of this home, if it answers."""
    if not is_held(home / LOCK_FILE):
        # What the state file says is of a server that was killed; another program may have its port.
        return None
    try:
        state = json.loads((home / STATE_FILE).read_text(encoding="utf-8"))
        key = environment_key() or read_key(home)
        endpoint = Endpoint(str(state["base_url"]), key)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    address = endpoint.base_url.removesuffix("/v1")
    nonce = secrets.token_hex(16)
    told = ask_nearby(f"{address}{HELLO}?nonce={nonce}", wait_s=_ASK_S)
    # The lock says that a server of ours runs, and not that it is the one at this port.
    if told is None or not is_proof(told, key, "hello", nonce, urlsplit(address).netloc):
        return None
    return endpoint if ask_nearby(f"{address}/health", wait_s=_ASK_S, key=key) is not None else None


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
    private_folder(home)
    home = home.absolute()
    started = start_until_ready(
        ["serve", "--home", str(home), "--port", "0", "--idle-exit", str(IDLE_EXIT_S)],
        lambda: find_running(home),
        log=home / LOG_FILE,
        # Not in the user's folder, which should stay free to be moved.
        cwd=home,
        wait_s=wait_s,
        another_runs=ServiceError.exit_code,
    )
    if started.found is not None:
        return started.found
    raise ServiceError(
        "server-did-not-start-told" if started.said else "server-did-not-start",
        home=str(home),
        log=str(home / LOG_FILE),
        told=started.said,
    )
