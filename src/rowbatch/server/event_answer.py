"""A stream of events as the server sends it."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rowbatch.server.streaming import Streamed


class EventAnswer(Response):
    """
    A stream as it is sent: at the pace of its reader, and not a moment longer than there is one.

    Args:
        streamed: What is sent.
    """

    media_type = "text/event-stream"

    def __init__(self, streamed: Streamed) -> None:
        # Proxies of the kind of nginx hold answers back otherwise.
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope

        async def pass_on() -> None:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for block in self._streamed.events:
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        tasks = [asyncio.ensure_future(pass_on()), asyncio.ensure_future(gone())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                tasks[0].result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._streamed.close()
