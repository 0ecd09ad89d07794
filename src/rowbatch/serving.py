"""How our own servers are run: the local Batch server, and the program that serves the pages."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn


async def serve_until_ready(
    app: Any, listener: socket.socket, *, closing_s: int
) -> tuple[uvicorn.Server, asyncio.Task[None]] | None:
    """
    Serve an ASGI application, and come back when it answers.

    Args:
        app: The application.
        listener: A bound socket.
        closing_s: How long an answer that is being given may keep the program alive when it is to end.
    Returns:
        The server, and the task that ends with it; None when it ended before it answered: why stands in
        its log.
    """
    # asyncio does so for sockets alone that were made with their protocol (base_events._set_nodelay). The
    # second piece of an answer would wait 40 ms for the acknowledgement of the first. Connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=closing_s,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(_serve(server, listener))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    if serving.done():
        serving.result()
        return None
    return server, serving


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        await server.serve(sockets=[listener])
    except SystemExit:
        # uvicorn 0.54 leaves the program when the application's own beginning fails.
        if server.started:
            raise
