"""Run the server until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from starlette.types import ASGIApp

from rowbatch.errors import ServiceError, UsageError, from_os_error
from rowbatch.server.app import _Server, create_app
from rowbatch.server.engine import Engine, LocalEngine
from rowbatch.server.faults.middleware import FaultyApp
from rowbatch.server.faults.plan import FaultPlan
from rowbatch.server.hosts import is_address
from rowbatch.server.launch import (
    KEY_FILE,
    STATE_FILE,
    Endpoint,
    environment_key,
    is_this_computer,
    read_key,
    server_lock,
)
from rowbatch.server.metrics import log_as_json
from rowbatch.serving import serve_until_ready
from rowbatch.store.home import private_folder, repair_rights, write_private_file


def serve(
    home: Path,
    *,
    host: str = "127.0.0.1",
    host_names: Sequence[str] = (),
    port: int = 0,
    key: str | None = None,
    engine: Engine | None = None,
    idle_exit_s: float | None = None,
    hooks: Sequence[str] = (),
    json_log: bool = False,
    faults: FaultPlan | None = None,
    on_ready: Callable[[Endpoint], None] = lambda _: None,
) -> None:
    """
    Serve until SIGINT or SIGTERM.

    Args:
        home: Where everything is kept; one server at a time.
        host: Address to listen on.
        host_names: Names that the server is known by, besides this computer's own.
        port: 0 takes a free one.
        key: What every call must bear; None means the environment's ROWBATCH_SERVER_KEY, else the home's own.
        engine: What answers; None means the local model.
        idle_exit_s: End by itself after so long without a call and without an unfinished batch.
        hooks: Addresses that are told when a batch ends.
        json_log: One JSON object a line on stderr, one line a call.
        faults: What goes wrong on purpose.
        on_ready: Called once, when calls are answered.
    Raises:
        ServiceError: Another server has this home, or the port is taken.
        StorageError: The folder cannot be used, the disk is full, or what is kept there is damaged.
        UsageError: The address is not one of this machine, or one of the hooks or names is none.
    """
    if json_log:
        log_as_json()
    private_folder(home)
    with server_lock(home):
        repair_rights([home])
        # Of one that was killed. Its port may be another program's by now, and this file would be believed.
        try:
            (home / STATE_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, str(home / STATE_FILE)) from error
        key = key or environment_key() or _own_key(home)
        with _listen(host, port) as listener, _spooled_in(home):
            is_open = not is_this_computer(host)
            own = (host,) if is_open and host and not is_address(host) else ()
            app = create_app(
                home,
                engine or LocalEngine(),
                key=key,
                is_open=is_open,
                host_names=(*host_names, *own),
                hooks=hooks,
            )
            served = FaultyApp(app, faults) if faults else app
            state, endpoint = app.state.server, _endpoint(host, listener, key)
            asyncio.run(_serve(served, state, home, endpoint, listener, idle_exit_s, on_ready))


@contextlib.contextmanager
def _spooled_in(home: Path) -> Iterator[None]:
    """Uploads are spooled here, not in /tmp, which is memory on some systems."""
    before, tempfile.tempdir = tempfile.tempdir, str(home)
    try:
        yield
    finally:
        tempfile.tempdir = before


async def _serve(  # noqa: PLR0917
    app: ASGIApp,
    server_state: _Server,
    home: Path,
    endpoint: Endpoint,
    listener: socket.socket,
    idle_exit_s: float | None,
    on_ready: Callable[[Endpoint], None],
) -> None:
    started = await serve_until_ready(app, listener, closing_s=1)
    if started is None:
        raise ServiceError("server-could-not-start")
    server, running = started
    state = {
        "pid": os.getpid(),
        "base_url": endpoint.base_url,
        "started_at": int(time.time()),
        "version": version("rowbatch"),
    }
    write_private_file(home / STATE_FILE, json.dumps(state))
    try:
        on_ready(endpoint)
        if idle_exit_s is not None:
            await _until_idle(server_state, running, idle_exit_s)
        else:
            await running
    finally:
        try:
            # Also where what is to be told cannot be: uvicorn 0.54 shows a traceback when it is cancelled.
            server.should_exit = True
            await running
        finally:
            # Where the disk refuses: nobody believes it without the lock.
            with contextlib.suppress(OSError):
                (home / STATE_FILE).unlink(missing_ok=True)


async def _until_idle(state: _Server, running: asyncio.Task[None], idle_exit_s: float) -> None:
    while not running.done():
        quiet_s = time.monotonic() - state.last_call_at
        if state.runner.is_idle and quiet_s >= idle_exit_s:
            return
        await asyncio.wait({running}, timeout=min(max(idle_exit_s - quiet_s, 0.05), 5.0))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # An address of one link says which network it is of, and the system has a number for that.
        place = (
            socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4] if "%" in host else (host, port)
        )
        listener.bind(place)
        # At once: until it listens, Linux gives the same port to others that ask for it as we do.
        listener.listen()
    except socket.gaierror as error:
        listener.close()
        raise UsageError("no-address-here", host=host) from error
    except OSError as error:
        listener.close()
        raise ServiceError("cannot-listen", host=host, port=port, told=str(error.strerror)) from error
    return listener


def _own_key(home: Path) -> str:
    """The key of this home: made once, readable by its owner only. One that is no key is made anew."""
    try:
        known = read_key(home)
    except (OSError, ValueError):
        known = ""
    if known:
        return known
    key = f"rowbatch-{secrets.token_urlsafe(32)}"
    write_private_file(home / KEY_FILE, key)
    return key


def _endpoint(host: str, listener: socket.socket, key: str) -> Endpoint:
    shown = "127.0.0.1" if host in ("", "localhost", "0.0.0.0") else "::1" if host == "::" else host  # noqa: S104
    shown = f"[{shown}]" if ":" in shown else shown
    return Endpoint(f"http://{shown}:{listener.getsockname()[1]}/v1", key, not is_this_computer(host))
