"""Start the program, find the one that runs, open the browser."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import html
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from rowbatch import desk
from rowbatch.errors import ServiceError, StorageError, UsageError, from_os_error
from rowbatch.web.ports import bound
from rowbatch.web.program import FIRST_PAGE_S, Program

PORT = 8765
_STATE, _LOCK, _LOG, _OPENER = "ui.json", "ui.lock", "ui.log", "ui.open.html"
_OLD_SESSION = "ui.session"
_START_S, _STOP_S, _ASK_S = 20.0, 15.0, 3.0
_PORTS_TRIED = 20
# After it was answered, the first page is whole within this time.
_WHOLE_S, _STEP_S = 1.0, 0.1
_MAX_LOG_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Running:
    """
    A program that serves the pages.

    Attributes:
        url: Without the token.
        token: Lets a browser in.
        pid: Its process.
        began_at: When that began, as `began_at` has it; "" where the system does not tell.
        computer: On which it is: a home may be shared by several.
    """

    url: str
    token: str = field(repr=False)
    pid: int
    began_at: str
    computer: str

    @property
    def link(self) -> str:
        """What a browser is opened with."""
        return f"{self.url}/?token={self.token}"

    @property
    def port(self) -> str:
        """Where it listens."""
        return self.url.rpartition(":")[2]


def run(
    *,
    port: int | None = None,
    on_ready: Callable[[Running], None],
    on_jobs: Callable[[int], None],
    coders: str | None = None,
    on_coders: Callable[[str], None] = lambda _: None,
) -> None:
    """
    Serve the pages until the program is stopped. There is one program in a home: when another one was first,
    that one is ready, and this one ends.

    Args:
        port: Where; None means 8765, or the next one that is free.
        on_ready: Called once, when pages are answered.
        on_jobs: Called after that, with how many jobs go on.
        coders: The address at which coders may come over the network, "" means the likeliest; None means
            that nobody may until it is asked for on a page.
        on_coders: Called with that address and its port, once coders are let in.
    Raises:
        ServiceError: The port is taken; another program has the home, and does not answer; or one runs that
            is not open for coders by this.
        UsageError: The address is none of this computer.
    """
    home = _home()
    desk.private_folder(home)
    end = time.monotonic() + _START_S
    while True:
        with desk.hold(home / _LOCK) as is_ours:
            if is_ours:
                _run_alone(home, port, _Serving(on_ready, on_jobs, coders, on_coders))
                return
        found = find_running()
        if found is not None:
            require_no_coders(found, coders)
            on_ready(found)
            return
        if time.monotonic() > end:
            other = _read_state(home)
            raise ServiceError(
                "program-holds-home",
                pid=other.pid if other else "?",
                computer=other.computer if other else "?",
            )
        time.sleep(0.05)


def require_no_coders(running: Running, coders: str | None) -> None:
    """
    Make sure that nobody believes a program to be open for coders that runs already.

    Raises:
        ServiceError: It was asked for.
    """
    if coders is not None:
        raise ServiceError("coders-program-runs", url=running.url)


@dataclass(frozen=True, slots=True)
class _Serving:
    """What is done while pages are served, as `run` has it."""

    on_ready: Callable[[Running], None]
    on_jobs: Callable[[int], None]
    coders: str | None
    on_coders: Callable[[str], None]


def _run_alone(home: Path, port: int | None, doing: _Serving) -> None:
    # Of one that was killed, whose port may be another program's by now; and of a version that kept one
    # session for all starts.
    _forget(home, _STATE, _OPENER, _OLD_SESSION)
    listeners = _listen(port)
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        for listener in listeners:
            stack.enter_context(listener)
        asyncio.run(_serve(listeners, home, doing))


async def _serve(listeners: list[socket.socket], home: Path, doing: _Serving) -> None:
    from rowbatch.web.app import create_app
    from rowbatch.web.guard import Identity

    identity, stop = Identity.new(), asyncio.Event()
    port = listeners[0].getsockname()[1]
    program = Program(port)
    # Whoever follows the link at once would read that a job is paused, on a page that never changes.
    program.jobs.will_go_on()
    app = create_app(program, identity, stop.set)
    # A page that waits for a download must not keep the program alive.
    started = await desk.serve_until_ready(app, listeners[0], besides=listeners[1:], closing_s=2)
    if started is None:
        raise ServiceError("program-could-not-start")
    server, serving = started
    pid = os.getpid()
    running = Running(
        f"http://127.0.0.1:{port}", identity.token, pid, desk.began_at(pid) or "", socket.gethostname()
    )
    desk.write_private_file(home / _STATE, json.dumps(asdict(running)))
    stopping = asyncio.create_task(stop.wait())
    loading = asyncio.create_task(_load_all(program))
    try:
        from rowbatch.web.pages.jobs import go_on_after_restart

        if doing.coders is not None:
            from rowbatch.web.coders import open_for_coders

            # First of all: where it cannot be, the program ends and says so.
            host = await asyncio.to_thread(open_for_coders, program, doing.coders)
            doing.on_coders(host)
        doing.on_ready(running)
        doing.on_jobs(await asyncio.to_thread(go_on_after_restart, program))
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        try:
            # Also where what is to be told cannot be: uvicorn 0.54 shows a traceback when it is cancelled.
            server.should_exit = True
            await serving
        finally:
            stopping.cancel()
            loading.cancel()
            # Where the disk refuses, the next program believes nothing of it.
            with contextlib.suppress(StorageError):
                _forget(home, _STATE, _OPENER)


async def _load_all(program: Program) -> None:
    """What reads tables is large, and would hold the first page up; it comes in while that is being looked at."""
    from rowbatch.web.rendering import load_pages

    end = time.monotonic() + FIRST_PAGE_S
    while not program.page_shown.is_set() and time.monotonic() < end:
        await asyncio.sleep(_STEP_S)
    await asyncio.sleep(_WHOLE_S)
    await asyncio.to_thread(load_pages, program)


def find_running() -> Running | None:
    """
    The program of this user that serves the pages, if it answers.

    What the file says is of a program that may have been killed, and whoever has its port now may say
    anything. So nobody is asked while no process holds the home, and nobody is believed, nor told the token,
    who cannot prove that he knows it.
    """
    home = _home()
    found = _read_state(home) if desk.is_held(home / _LOCK) else None
    if found is None:
        return None
    nonce = secrets.token_hex(16)
    answer = _ask(found, "GET", "hello", {"nonce": nonce})
    return found if answer and desk.is_proof(answer, found.token, "hello", nonce, found.port) else None


def _ask(running: Running, method: str, what: str, values: dict[str, str]) -> str | None:
    return desk.ask_nearby(f"{running.url}/{what}?{urlencode(values)}", wait_s=_ASK_S, method=method)


def start_in_background(port: int | None = None, coders: str | None = None) -> Running:
    """
    Start a program that goes on when the terminal is closed; or find the one that runs.

    Args:
        port, coders: As for `run`.
    Raises:
        ServiceError: It did not start; or one runs that is not open for coders by this.
        StorageError: The folder of the program cannot be used.
    """
    home = _home()
    # First of all: what somebody else wrote there is not believed.
    desk.private_folder(home)
    running = find_running()
    if running is not None:
        require_no_coders(running, coders)
        return running
    started = desk.start_until_ready(
        [
            *("ui", "--no-browser"),
            *(["--port", str(port)] if port is not None else []),
            *(["--coders", coders or "auto"] if coders is not None else []),
        ],
        find_running,
        log=home / _LOG,
        cwd=Path.cwd(),
        wait_s=_START_S,
        max_log_bytes=_MAX_LOG_BYTES,
        # One that finds that another one was first has nothing to do.
        another_runs=0,
    )
    if started.found is None:
        raise ServiceError("program-did-not-start", log=str(home / _LOG))
    found: Running = started.found
    return found


def stop_running() -> bool:
    """
    Stop the program that serves the pages; returns whether there was one. Its jobs go on with the next.

    It is asked. Only one that does not answer gets a signal, and only where the process is still the one
    that the file is about: numbers of processes are given again.

    Raises:
        ServiceError: It does not end.
    """
    home = _home()
    if not desk.is_held(home / _LOCK):
        # Where the disk refuses, nobody believes it.
        with contextlib.suppress(StorageError):
            _forget(home, _STATE)
        return False
    running = find_running()
    end = time.monotonic() + _START_S
    while (
        running is None
        and _read_state(home) is None
        and desk.is_held(home / _LOCK)
        and time.monotonic() < end
    ):
        # It is just being started, and has not said yet where it is.
        time.sleep(0.05)
        running = find_running()
    if running is not None:
        nonce = secrets.token_hex(16)
        proof = desk.prove(running.token, "stop", nonce, running.port)
        _ask(running, "POST", "stop", {"nonce": nonce, "proof": proof})
        if _has_ended(home):
            return True
    known = _read_state(home)
    if known is not None and known.began_at and desk.began_at(known.pid) == known.began_at:
        # On Windows nothing tells when a process began, and this would end it without a word.
        os.kill(known.pid, signal.SIGTERM)
        if _has_ended(home):
            return True
    raise ServiceError(
        "program-does-not-stop",
        pid=known.pid if known else "?",
        computer=known.computer if known else "?",
    )


def _has_ended(home: Path) -> bool:
    """Wait for the end of the program that holds a home; returns whether it has come."""
    end = time.monotonic() + _STOP_S
    while time.monotonic() < end:
        if not desk.is_held(home / _LOCK):
            return True
        time.sleep(0.05)
    return False


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
        desk.write_private_file(opener, page)
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


def _read_state(home: Path) -> Running | None:
    try:
        plain = json.loads((home / _STATE).read_text(encoding="utf-8"))
        return Running(
            url=str(plain["url"]),
            token=str(plain["token"]),
            pid=int(plain["pid"]),
            began_at=str(plain["began_at"]),
            computer=str(plain["computer"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _forget(home: Path, *names: str) -> None:
    """
    Remove what a program has said.

    Raises:
        StorageError: The disk refuses.
    """
    for name in names:
        try:
            (home / name).unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, str(home / name)) from error


def _home() -> Path:
    found: Path = desk.home()
    return found


def _listen(port: int | None) -> list[socket.socket]:
    """
    Take a port on both addresses that `localhost` means to a browser. Were one of them left to another user
    of this computer, browsers could come to him in our place.
    """
    tried = [port] if port is not None else [*range(PORT, PORT + _PORTS_TRIED), 0]
    for one in tried:
        # Where any port will do, that of the first address may be taken on the second.
        for _ in range(1 if one else _PORTS_TRIED):
            try:
                return _listen_at(one)
            except OverflowError:
                raise UsageError("no-port", port=one) from None
            except OSError:
                continue
    raise ServiceError("port-in-use", port=port)


def _listen_at(port: int) -> list[socket.socket]:
    first = bound(socket.AF_INET, "127.0.0.1", port)
    try:
        return [first, bound(socket.AF_INET6, "::1", first.getsockname()[1])]
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            # There is no such address here, so nobody else has it.
            return [first]
        first.close()
        raise
