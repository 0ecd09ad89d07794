"""Start the program, find the one that runs, open the browser."""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rowbatch import desk
from rowbatch.errors import ServiceError, StorageError, UsageError, from_os_error
from rowbatch.web.program import Program

PORT = 8765
_STATE, _SESSION, _LOG, _OPENER = "ui.json", "ui.session", "ui.log", "ui.open.html"
_START_S, _STOP_S = 20.0, 15.0
_PORTS_TRIED = 20
_MAX_LOG_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Running:
    """
    A program that serves the pages.

    Attributes:
        url: Without the token.
        token: Lets a browser in.
        pid: Its process.
    """

    url: str
    token: str
    pid: int

    @property
    def link(self) -> str:
        """What a browser is opened with."""
        return f"{self.url}/?token={self.token}"


def run(
    *,
    port: int | None = None,
    on_ready: Callable[[Running], None],
    on_jobs: Callable[[int], None],
) -> None:
    """
    Serve the pages until the program is stopped.

    Args:
        port: Where; None means 8765, or the next one that is free.
        on_ready: Called once, when pages are answered.
        on_jobs: Called after that, with how many jobs go on.
    Raises:
        ServiceError: The port is taken.
    """
    listener = _listen(port)
    home = _home()
    running = Running(f"http://127.0.0.1:{listener.getsockname()[1]}", secrets.token_urlsafe(32), os.getpid())
    with listener, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(listener, home, running, on_ready, on_jobs))


async def _serve(
    listener: socket.socket,
    home: Path,
    running: Running,
    on_ready: Callable[[Running], None],
    on_jobs: Callable[[int], None],
) -> None:
    from rowbatch.web.app import create_app

    program = Program(listener.getsockname()[1])
    app = create_app(program, token=running.token, session=_session(home))
    # A page that waits for a download must not keep the program alive.
    started = await desk.serve_until_ready(app, listener, closing_s=2)
    if started is None:
        raise ServiceError("program-could-not-start")
    _, serving = started
    write_private(home / _STATE, json.dumps({"url": running.url, "token": running.token, "pid": running.pid}))
    try:
        from rowbatch.web.pages.jobs import go_on_after_restart

        on_ready(running)
        # What reads tables is large; it comes in while the first page is being looked at.
        on_jobs(await asyncio.to_thread(go_on_after_restart, program))
        await serving
    finally:
        if (found := _read_state(home)) is not None and found.pid == running.pid:
            (home / _STATE).unlink(missing_ok=True)


def find_running() -> Running | None:
    """The program of this user that serves the pages, if it answers."""
    found = _read_state(_home())
    if found is None:
        return None
    request = urllib.request.Request(f"{found.url}/static/icon.svg")  # noqa: S310 - our own address
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(request, timeout=3.0).close()
    except urllib.error.HTTPError as error:
        error.close()
        # Without the cookie it says 401, and so do only few other programs.
        return found if error.code == 401 else None
    except OSError:
        return None
    return found


def start_in_background(port: int | None = None) -> Running:
    """
    Start a program that goes on when the terminal is closed; or find the one that runs.

    Raises:
        ServiceError: It did not start.
    """
    home = _home()
    # First of all: what somebody else wrote there is not believed.
    desk.private_folder(home)
    running = find_running()
    if running is not None:
        return running
    started = desk.start_until_ready(
        ["ui", "--no-browser", *(["--port", str(port)] if port is not None else [])],
        find_running,
        log=home / _LOG,
        cwd=Path.cwd(),
        wait_s=_START_S,
        max_log_bytes=_MAX_LOG_BYTES,
    )
    if started.found is None:
        raise ServiceError("program-did-not-start", log=str(home / _LOG))
    found: Running = started.found
    return found


def stop_running() -> bool:
    """Stop the program that serves the pages; returns whether there was one. Its jobs go on with the next."""
    running = find_running()
    if running is None:
        return False
    os.kill(running.pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_S
    while time.monotonic() < end:
        if find_running() is None:
            return True
        time.sleep(0.05)
    raise ServiceError("program-does-not-stop", pid=running.pid)


def address_of(running: Running, table: Path | None) -> str:
    """The link to open: of the start page, or of a table, which the program is told about first."""
    if table is None:
        return running.link
    found = desk.Library().add(table)
    return f"{running.url}/tables/{found.id}?token={running.token}"


def open_browser(link: str) -> bool:
    """
    Open a link without its token being seen in the list of processes: through a file that only its owner can
    read. Where a browser cannot see that file, nothing is opened.

    Returns:
        Whether a browser was told.
    """
    if _is_far_from_a_browser():
        return False
    opener = _home() / _OPENER
    page = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={html.escape(link)}">'
    try:
        write_private(opener, page)
        is_open = webbrowser.open(opener.as_uri())
    except (OSError, webbrowser.Error, StorageError):
        return False
    # It has a token; by then the browser has read it.
    threading.Timer(20.0, lambda: opener.unlink(missing_ok=True)).start()
    return is_open


def _is_far_from_a_browser() -> bool:
    if sys.platform in ("win32", "darwin"):
        return bool(os.environ.get("SSH_CONNECTION"))
    has_display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    # Browsers in a snap, and those of Windows around WSL, do not see files of ours.
    is_wsl = "microsoft" in os.uname().release.lower()
    return not has_display or is_wsl or Path("/snap/bin/firefox").exists()


def write_private(path: Path, text: str) -> None:
    """Write a small file that only its owner can read."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _session(home: Path) -> str:
    """What the cookie has: the same after a restart, so that open pages go on by themselves."""
    try:
        known = (home / _SESSION).read_text(encoding="utf-8").strip()
    except OSError:
        known = ""
    if len(known) >= 40:
        return known
    made = secrets.token_urlsafe(32)
    write_private(home / _SESSION, made)
    return made


def _read_state(home: Path) -> Running | None:
    try:
        plain = json.loads((home / _STATE).read_text(encoding="utf-8"))
        return Running(str(plain["url"]), str(plain["token"]), int(plain["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _home() -> Path:
    found: Path = desk.home()
    return found


def _listen(port: int | None) -> socket.socket:
    tried = [port] if port is not None else [*range(PORT, PORT + _PORTS_TRIED), 0]
    for one in tried:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", one))
        except OverflowError:
            listener.close()
            raise UsageError("no-port", port=one) from None
        except OSError:
            listener.close()
            continue
        return listener
    raise ServiceError("port-in-use", port=port)
