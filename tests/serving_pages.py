"""The web app for tests: in this process, with a scripted model where one is wanted."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from rowbatch.serving import Patience, serve_until_ready
from rowbatch.web.app import create_app
from rowbatch.web.guard import Identity
from rowbatch.web.program import Program

GOOD_OR_BAD = {
    "text": "post",
    "kind": "label",
    "question": "How is it?",
    "labels.0.name": "good",
    "labels.1.name": "bad",
    "provider": "local",
}
"""The fields of a form that asks for one of two labels."""


@dataclass(frozen=True, slots=True)
class Site:
    """
    Pages that are being served.

    Attributes:
        url: Of them, for programs: not every system knows names that end in `.localhost`.
        program: What they show.
        identity: Of this start.
    """

    url: str
    program: Program
    identity: Identity

    @property
    def link(self) -> str:
        """Lets a browser in."""
        return f"{self.url}/?token={self.identity.token}"

    @property
    def shown_url(self) -> str:
        """Of the pages in a browser that was let in."""
        return f"http://{self.identity.name}:{self.program.port}"

    @property
    def cookie(self) -> dict[str, str]:
        """As a browser has it that was let in at `url`."""
        return dict([self.identity.cookie(self.url.removeprefix("http://"))])


@contextmanager
def visiting(site: Site, language: str = "en") -> Iterator[httpx2.Client]:
    """A client that was let in, as a browser of this language sends what its pages send."""
    headers = {"origin": site.url, "accept-language": language}
    with httpx2.Client(base_url=site.url, cookies=site.cookie, headers=headers, timeout=120.0) as found:
        yield found


@contextmanager
def served_pages(*, port: int = 0, patience: Patience | None = None) -> Iterator[Site]:
    """Serve the pages until the block ends; port 0 takes a free one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    port = listener.getsockname()[1]
    program, identity = Program(port), Identity.new()
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        try:
            app = create_app(program, identity, stop.set)
            started = await serve_until_ready(app, listener, closing_s=1, patience=patience)
            assert started is not None
        finally:
            ready.set()
        server, serving = started
        while not stop.is_set() and not serving.done():
            await asyncio.sleep(0.01)
        server.should_exit = True
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield Site(f"http://127.0.0.1:{port}", program, identity)
    finally:
        stop.set()
        thread.join()
        listener.close()
