"""The connection on which another server answers: who reads an answer is told that it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


@contextmanager
def ending_with_connection(response: aiohttp.ClientResponse) -> Iterator[None]:
    """
    While an answer is read: let the reader know that its connection is gone.

    aiohttp 3.14.5 closes a connection on which something comes that is no HTTP, but it tells nobody where the
    head of the answer had come before: a row waited for all of its time, 600 seconds.
    """
    import aiohttp

    content, connection = response.content, response.connection
    # There is none any more where all has come.
    protocol = connection.protocol if connection is not None else None

    def end(_: asyncio.Future[None] | None) -> None:
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection ended before the answer"))

    closed = protocol.closed if protocol is not None else None
    if closed is not None:
        # It is the connection's, which lives longer than this answer. asyncio logs what nobody looked at.
        closed.remove_done_callback(_look_at)
        closed.add_done_callback(_look_at)
        closed.add_done_callback(end)
    elif protocol is not None:
        end(None)
    try:
        yield
    finally:
        if closed is not None:
            closed.remove_done_callback(end)


def _look_at(closed: asyncio.Future[None]) -> None:
    if not closed.cancelled():
        closed.exception()
