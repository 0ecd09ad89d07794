"""A server that answers chat completions and has no batches, on a real port: what stands behind `serve`."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

MODEL = "llama"


@dataclass(frozen=True, slots=True)
class Said:
    """
    What it says to a call.

    Attributes:
        body: JSON, or bytes as they are.
        is_cut: The connection ends before a byte of it.
        closes: The connection ends behind it, which its head does not say.
        events: In place of a body: a stream, block by block; None among them waits until it may go on.
        breaks: The connection ends behind the last of these, without an end.
    """

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    is_cut: bool = False
    closes: bool = False
    events: tuple[bytes | None, ...] = ()
    breaks: bool = False


def said(text: str) -> Said:
    """A completion with a text."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    document = {"object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage}
    return Said(body=document)


def echo(body: Mapping[str, Any]) -> Said:
    """The text that was asked."""
    return said(str(body["messages"][-1]["content"]))


class FakeUpstream:
    """
    The server; `start` and `stop` may be called from any thread, again and again: it keeps its port.

    Attributes:
        answer: From the body of a call to what is said; may be changed at any time.
        calls: The bodies of the calls, in their order.
        heads: Their headers.
        paths: Their addresses, with queries.
        most: The most calls at once.
        list_status: Of the answer that lists its models.
        may_go_on: What streams wait for where they are to; any thread may set it.
        written: Bytes of streams so far.
        ended: Streams that came to their end here, or whose reader had gone.
    """

    def __init__(
        self, answer: Callable[[Mapping[str, Any]], Said] = echo, models: tuple[str, ...] = (MODEL,)
    ):
        self.answer, self.models = answer, models
        self.calls: list[Mapping[str, Any]] = []
        self.heads: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.now = self.most = self.written = self.ended = 0
        self.list_status = 200
        self.may_go_on = threading.Event()
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()

    def close(self) -> None:
        self.stop()
        asyncio.run_coroutine_threadsafe(self._end_calls(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_get("/v1/models", self._list)
        app.router.add_post("/v1/{path:.*}", self._call)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _end_calls(self) -> None:
        """End what still sleeps: the loop is closed behind it."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _list(self, _: web.Request) -> web.Response:
        listed = {"object": "list", "data": [{"id": name} for name in self.models]}
        return web.json_response(listed, status=self.list_status)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.calls.append(body)
        self.heads.append({name.lower(): value for name, value in request.headers.items()})
        self.paths.append(request.path_qs)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            told = self.answer(body)
            if told.delay_s:
                await asyncio.sleep(told.delay_s)
        finally:
            self.now -= 1
        if request.transport is None:
            # Who asked has gone.
            return web.Response()
        if told.is_cut:
            request.transport.abort()
            return web.Response()
        if told.events:
            return await self._stream(request, told)
        content = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
        if told.closes:
            asyncio.get_running_loop().call_later(0.02, request.transport.close)
        return web.Response(status=told.status, body=content, headers=dict(told.headers))

    async def _stream(self, request: web.Request, told: Said) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **told.headers})
        try:
            await response.prepare(request)
            for block in told.events:
                while block is None and not self.may_go_on.is_set():
                    await asyncio.sleep(0.005)
                    if request.transport is None or request.transport.is_closing():
                        return response
                if block is not None:
                    await response.write(block)
                    self.written += len(block)
            if told.breaks and request.transport is not None:
                request.transport.abort()
            else:
                await response.write_eof()
        except ConnectionError:
            pass
        finally:
            self.ended += 1
        return response


@contextmanager
def fake_upstream(
    answer: Callable[[Mapping[str, Any]], Said] = echo, *, models: tuple[str, ...] = (MODEL,)
) -> Iterator[FakeUpstream]:
    """A server for the length of a block."""
    upstream = FakeUpstream(answer, models)
    upstream.start()
    try:
        yield upstream
    finally:
        upstream.close()
