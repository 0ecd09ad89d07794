"""
The door for coders who come over the network: opened when somebody asks for it, closed again with a press.

It has a port, a thread, a guard and pages of its own, so that nobody who comes by it is near the pages of the
program's owner, or in the way of them.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from ipaddress import ip_address

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from rowbatch import desk
from rowbatch.errors import RowbatchError, ServiceError, UsageError
from rowbatch.web.coders_guard import CodersGuard
from rowbatch.web.pages import seat
from rowbatch.web.ports import bound
from rowbatch.web.program import Program
from rowbatch.web.rendering import status_of

PORT = 8766
_PORTS_TRIED = 20
_START_S, _STOP_S = 30.0, 15.0
# Addresses that no computer has; nothing is sent to them, but the system says which of ours would be used.
_FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_log = logging.getLogger("rowbatch.web")


def own_addresses() -> list[str]:
    """By which addresses other computers reach this one, the likeliest first; none where it has no network."""
    found = []
    for family, far in _FAR:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asked:
                asked.connect((far, 9))
                found.append(str(asked.getsockname()[0]).partition("%")[0])
        except OSError:
            continue
    return [one for one in found if not ip_address(one).is_loopback]


def open_for_coders(program: Program, address: str = "") -> str:
    """
    Let coders come over the network, who have a link; where they may already, nothing is done.

    Args:
        program: Whose coding sets it is about.
        address: Of this computer, as others know it; "" means the likeliest.
    Returns:
        Address and port.
    Raises:
        UsageError: It is none, or not one of this computer; all of its addresses at once are none.
        ServiceError: There is no network, or no port is free.
    """
    with program.coders_lock:
        if program.coders is not None:
            return program.coders.host
        given = address.strip() or next(iter(own_addresses()), "")
        if not given:
            raise ServiceError("coders-no-network")
        try:
            read = ip_address(given.strip("[]"))
        except ValueError:
            raise UsageError("coders-address", address=given[:60]) from None
        if read.is_unspecified or read.is_multicast or getattr(read, "scope_id", None):
            raise UsageError("coders-address", address=given[:60])
        door = _Door(program, str(read), socket.AF_INET if read.version == 4 else socket.AF_INET6)
        program.coders = door
        return door.host


class _Door:
    """An open door."""

    def __init__(self, program: Program, address: str, family: int) -> None:
        listener = _listening(family, address)
        port = listener.getsockname()[1]
        self.host = f"[{address}]:{port}" if family == socket.AF_INET6 else f"{address}:{port}"
        self._listener = listener
        self._app = _create_app(program, self.host)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="coders", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S) or self._loop is None:
            self.close()
            raise ServiceError("coders-did-not-open", host=self.host)

    def close(self) -> None:
        """Nobody comes in any more, and who is in is out."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        self._thread.join(_STOP_S)
        self._listener.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._loop = None
            self._ready.set()

    async def _serve(self) -> None:
        started = await desk.serve_until_ready(self._app, self._listener, closing_s=1)
        if started is None:
            return
        server, serving = started
        self._stop, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self._ready.set()
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
        stopping.cancel()


def _listening(family: int, address: str) -> socket.socket:
    for port in (*range(PORT, PORT + _PORTS_TRIED), 0):
        try:
            return bound(family, address, port)
        except OSError as error:
            if not _is_of_this_computer(family, address):
                raise UsageError("coders-address", address=address) from error
    raise ServiceError("coders-did-not-open", host=address)


def _is_of_this_computer(family: int, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as tried:
            tried.bind((address, 0))
    except OSError:
        return False
    return True


def _create_app(program: Program, host: str) -> ASGIApp:
    """The pages of coders behind their guard."""
    app = Starlette(
        routes=seat.ROUTES,
        exception_handlers={RowbatchError: _our_error, HTTPException: _http_error, 500: _own_fault},
    )
    app.state.program = program
    return CodersGuard(app, host=host, seats=program.seats)


def _our_error(request: Request, error: Exception) -> Response:
    # It may name places of this computer, which are its owner's business.
    assert isinstance(error, RowbatchError)
    _log.warning("a coder was told that something went wrong: %s", error)
    return seat.problem(request, status_of(error))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return seat.problem(request, error.status_code)


def _own_fault(request: Request, error: Exception) -> Response:
    _log.error("a coder's page failed: %s", request.url.path, exc_info=error)
    return seat.problem(request, 500)
