"""How our own servers are run: the local Batch server, and the program that serves the pages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

# Windows has no SIGHUP, and others have no SIGBREAK.
_ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
# What a pause of our own, as of a sleeping computer, counts as at most.
_MAX_TICK_S = 1.0
_STALLED_S = 1.0
GUEST = "rowbatch.guest"
"""In the scope of a request, set by the guard of an app: True until who sends it was let in, then False."""
CONNECTION = "rowbatch.connection"
"""Among the extensions in the scope of a request: what it came by, for an app that breaks off on purpose."""


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How long a client may keep us waiting. Work of our own never counts, however long it takes: a disk that
    is slow in taking an upload, or an answer that is being computed.

    Attributes:
        head_s: Until the head of a request is there.
        body_s: Between some bytes of a body and the next.
        pace_s: The time over which the pace of a body is looked at.
        pace_bytes: What must come in each such time; 0 takes any pace.
        answer_s: Between some bytes that a client takes of its answer and the next.
        idle_s: A connection is kept so long for the next request.
        connections: So many at once. For one more the connection of a guest is closed, or else the idlest;
            where all are at work, the new one is told to come again.
    """

    head_s: float = 20.0
    body_s: float = 30.0
    pace_s: float = 60.0
    pace_bytes: int = 60_000
    answer_s: float = 60.0
    idle_s: float = 5.0
    connections: int = 200


async def serve_until_ready(
    app: Any,
    listener: socket.socket,
    *,
    closing_s: int,
    besides: Sequence[socket.socket] = (),
    patience: Patience | None = None,
) -> tuple[uvicorn.Server, asyncio.Task[None]] | None:
    """
    Serve an ASGI application, and come back when it answers.

    SIGINT, SIGTERM and SIGHUP end it as `should_exit` does, and the task returns: who waits for it can put
    things in order.

    Args:
        app: The application.
        listener: A bound socket.
        closing_s: How long an answer that is being given may keep the program alive when it is to end.
        besides: Further bound sockets.
        patience: With clients; None means the usual.
    Returns:
        The server, and the task that ends with it; None when it ended before it answered: why stands in
        its log.
    """
    listeners = [listener, *besides]
    for one in listeners:
        # asyncio does so for sockets alone that were made with their protocol (base_events._set_nodelay).
        # The second piece of an answer would wait 40 ms for the acknowledgement of the first. Connections
        # inherit it.
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # It stands in the way of nobody else, and the log of a program that runs for weeks would fill the disk.
    logging.getLogger("uvicorn.error").addFilter(_is_for_the_log)
    config = _Config(
        app,
        patience=patience or Patience(),
        log_level="warning",
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=closing_s,
    )
    server = _Server(config)
    serving = asyncio.create_task(_serve(server, listeners))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    if serving.done():
        serving.result()
        return None
    return server, serving


async def _serve(server: uvicorn.Server, listeners: list[socket.socket]) -> None:
    try:
        await server.serve(sockets=listeners)
    except SystemExit:
        # uvicorn 0.54 leaves the program when the application's own beginning fails.
        if server.started:
            raise


def _is_for_the_log(record: logging.LogRecord) -> bool:
    """Anybody can send what is no HTTP, as often as he likes: uvicorn 0.54 writes a line about each."""
    return record.msg != "Invalid HTTP request received."


class _Config(uvicorn.Config):
    """With our patience. There are no WebSockets: their connections would be out of our sight."""

    def __init__(self, app: Any, *, patience: Patience, **options: Any) -> None:
        super().__init__(app, http=_Connection, ws="none", **options)
        self.patience = patience


class _Server(uvicorn.Server):
    """One that looks at its clients, and lets those who wait for its end put things in order."""

    _looked_at: float | None = None

    async def on_tick(self, counter: int) -> bool:
        # uvicorn 0.54 calls this ten times a second; it has a time-out for idle connections alone.
        now = asyncio.get_running_loop().time()
        waited_s = min(now - (self._looked_at if self._looked_at is not None else now), _MAX_TICK_S)
        self._looked_at = now
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, _Connection):
                connection.look(waited_s)
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn 0.54 sends itself the signal once more when it has ended. With SIGTERM that is the end of
        # the process, with whatever was to be put in order.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {}
        for one in _ENDING:
            # nohup has it ignored.
            if one != getattr(signal, "SIGHUP", None) or signal.getsignal(one) is not signal.SIG_IGN:
                before[one] = signal.signal(one, self.handle_exit)
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


class _Connection(H11Protocol):
    """
    A connection whose client has to make progress.

    uvicorn 0.54 closes idle connections (`timeout_keep_alive`) and refuses requests over a limit
    (`limit_concurrency`). It waits for ever for a head or a body that does not come, and for a client that
    does not read; read in `uvicorn/protocols/http/h11_impl.py`.
    """

    def __init__(self, config: _Config, *positional: Any, **named: Any) -> None:
        super().__init__(config, *positional, **named)
        self._patience = config.patience
        self.timeout_keep_alive = config.patience.idle_s  # type: ignore[assignment]
        self._head_s = self._silent_s = self._pace_s = self._unread_s = self._idle_s = 0.0
        self._pace_bytes = self._unread_bytes = 0
        self._was_of_guest = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        others = [one for one in self.connections if isinstance(one, _Connection)]
        open_ones = [one for one in others if not one.transport.is_closing()]
        super().connection_made(transport)
        if len(open_ones) >= 2 * self._patience.connections:
            transport.abort()
        elif len(open_ones) >= self._patience.connections:
            idlest = max(open_ones, key=lambda one: one.idleness)
            if idlest.idleness > (0, 0.0):
                idlest.transport.abort()
            else:
                self.app = _come_again

    def data_received(self, data: bytes) -> None:
        # Before the next request takes the place of the last one.
        self._is_of_guest()
        self._silent_s = self._idle_s = 0.0
        self._pace_bytes += len(data)
        super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        if self.scope is not None:
            # The task that answers begins in a later turn of the loop.
            self.scope["extensions"] = {CONNECTION: {"transport": self.transport}}

    def _unsupported_upgrade_warning(self) -> None:
        """Whoever asks for a WebSocket gets the page; it is nothing for the log."""

    @property
    def idleness(self) -> tuple[int, float]:
        """What of a connection goes first: larger is idler, (0, 0.0) is at work."""
        if self._is_of_guest():
            # However busy he is: 200 such would keep out everybody who may come in.
            return 3, max(self._head_s, self._idle_s, self._unread_s)
        if self.cycle is None or (self.cycle.response_complete and not self._unread_bytes):
            return 2, max(self._head_s, self._idle_s)
        stalled_s = max(self._silent_s, self._unread_s)
        return (1, stalled_s) if stalled_s >= _STALLED_S else (0, 0.0)

    def look(self, waited_s: float) -> None:
        """
        Close the connection when its client kept us waiting for too long.

        Args:
            waited_s: Since the last look.
        """
        self._idle_s += waited_s
        unread_bytes = self.transport.get_write_buffer_size()
        has_moved = unread_bytes != self._unread_bytes
        self._unread_s = 0.0 if has_moved or not unread_bytes else self._unread_s + waited_s
        self._unread_bytes = unread_bytes
        if self._is_waiting_for_body():
            self._silent_s += waited_s
            self._pace_s += waited_s
        else:
            self._silent_s = self._pace_s = 0.0
            self._pace_bytes = 0
        self._head_s = self._head_s + waited_s if self._is_waiting_for_head() else 0.0
        if (
            self._unread_s >= self._patience.answer_s
            or self._silent_s >= self._patience.body_s
            or self._head_s >= self._patience.head_s
            or self._is_too_slow()
        ):
            self.transport.abort()

    def _is_of_guest(self) -> bool:
        # A request that the guard has not seen yet is like the one before it.
        if self.scope is not None:
            self._was_of_guest = bool(self.scope.get(GUEST, self._was_of_guest))
        return self._was_of_guest

    def _is_waiting_for_body(self) -> bool:
        # A body that nobody takes is read to its end as well: browsers look at the answer only then.
        return (
            self.conn.their_state is h11.SEND_BODY
            and not self.flow.read_paused
            and not (self.cycle is not None and self.cycle.waiting_for_100_continue)
        )

    def _is_waiting_for_head(self) -> bool:
        # Between two requests uvicorn's own time-out holds, until the first byte of the next one.
        return self.conn.their_state is h11.IDLE and (self.cycle is None or bool(self.conn.trailing_data[0]))

    def _is_too_slow(self) -> bool:
        if self._pace_s < self._patience.pace_s:
            return False
        is_slow = self._pace_bytes < self._patience.pace_bytes
        self._pace_s, self._pace_bytes = 0.0, 0
        return is_slow


_come_again = PlainTextResponse(
    "Too many connections. Come again in a moment.\n",
    503,
    headers={"connection": "close", "retry-after": "2"},
)
"""An ASGI application, as every response of Starlette is."""
