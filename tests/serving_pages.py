"""The web app for tests: in this process, with a scripted model where one is wanted."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from rowbatch.web.app import create_app
from rowbatch.web.program import Program

TOKEN, SESSION = "t" * 43, "s" * 43


@dataclass(frozen=True, slots=True)
class Site:
    """
    Pages that are being served.

    Attributes:
        url: Of them.
        program: What they show.
    """

    url: str
    program: Program

    @property
    def link(self) -> str:
        """Lets a browser in."""
        return f"{self.url}/?token={TOKEN}"

    @property
    def cookie(self) -> dict[str, str]:
        """As a browser has it that was let in."""
        return {f"rowbatch-{self.program.port}": SESSION}


@contextmanager
def served_pages() -> Iterator[Site]:
    """Serve the pages on a free port until the block ends."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    program = Program(port)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(program, token=TOKEN, session=SESSION),
            log_level="warning",
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    while not server.started and thread.is_alive():
        threading.Event().wait(0.005)
    try:
        yield Site(f"http://127.0.0.1:{port}", program)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
