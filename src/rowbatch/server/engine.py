"""What answers the requests: the seam, and the engine that runs the local model."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from rowbatch.errors import LocalModelError
from rowbatch.processes import python_module
from rowbatch.server import strict_json
from rowbatch.server.endpoint import ServedEndpoint
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.local_model import (
    CONTEXT_TOKENS,
    DEMONSTRATION_NOTE,
    MODEL_ID,
    MODEL_LICENCE,
    MODEL_TITLE,
    check_local_model,
)
from rowbatch.server.streaming import Streamed, error_line, event_line, last_line

_LINE_LIMIT = 64 << 20
_START_LIMIT_S = 120.0
_MOST_SAID = 2000
_FAILURE_HOLDS_S = 5.0
"""How long the reason of a failed start is repeated before the next try."""


@dataclass(frozen=True, slots=True)
class EngineReply:
    """
    What an engine says to one request.

    Attributes:
        status_code: As HTTP has them; 200 is an answer.
        body: The endpoint's response, or an object with `error`.
    """

    status_code: int
    body: Mapping[str, Any]

    @property
    def is_answer(self) -> bool:
        """Whether it is what was asked for, and no refusal."""
        return 200 <= self.status_code < 300


_ENDED = EngineReply(
    500,
    {
        "error": {
            "message": "the local model's process ended while it worked on this request",
            "type": "server_error",
        }
    },
)


def sound_status(reply: EngineReply) -> EngineReply:
    """The reply, where its status is that of an answer or of an error: another server can say anything."""
    if reply.is_answer or 400 <= reply.status_code < 600:
        return reply
    return unsound_reply(f"the answer has the status {reply.status_code}")


def sound_reply(reply: EngineReply) -> EngineReply:
    """
    The reply, where it can be given on: as JSON, and with a status of an answer or an error.

    Another server can say anything, such as NaN for a probability. That is one row's trouble.
    """
    try:
        strict_json.written(dict(reply.body))
    except (ValueError, TypeError, RecursionError):
        return unsound_reply("the answer cannot be written as JSON")
    return sound_status(reply)


def unsound_reply(told: str) -> EngineReply:
    """What is said in place of an answer that cannot be given on."""
    error = {"message": told, "type": "server_error", "param": None, "code": "engine_answer_unsound"}
    return EngineReply(502, {"error": error})


def in_error_form(status_code: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """
    What was refused, in the form in which clients read errors; what was said stays in it.

    Some servers say `{"detail": …}` (FastAPI's own, 422), `{"message": …}`, or `{"error": "a text"}`.
    """
    told = body.get("error")
    kind = "server_error" if status_code >= 500 else "invalid_request_error"
    form = {"message": "", "type": kind, "param": None, "code": None}
    if isinstance(told, Mapping):
        form |= told
    if not isinstance(form["message"], str) or not form["message"]:
        said = next((body[name] for name in ("error", "message", "detail") if body.get(name)), body)
        form["message"] = (said if isinstance(said, str) else json.dumps(said))[:_MOST_SAID]
    return {"error": form}


async def wait_a_while(news: asyncio.Event, limit_s: float | None) -> None:
    """
    Wait for an event, or for so long; None means however long.

    Not `asyncio.wait_for`: that of Python 3.11 does not end where it is cancelled in the moment in which the
    event is set, and who waits for its end waits forever.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await news.wait()


class Engine(Protocol):
    """
    Answers requests.

    Attributes:
        models: What it offers: model id to facts about it, shown in `/v1/models`.
        batches_at_once: Of so many batches rows are asked in turn.
        may_ignore: It may leave out what it does not know of a request, and say nothing.
        behind: Where the answers come from, as what is known of it is kept; "" where nobody is behind it.
        state: In one word, for `/health`.
        fault: Why it can answer nothing now; None where it can.
        details: More of how it stands, for `/health`.
    """

    batches_at_once: int
    may_ignore: bool

    @property
    def behind(self) -> str: ...

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]: ...

    @property
    def state(self) -> str: ...

    @property
    def fault(self) -> str | None: ...

    @property
    def details(self) -> Mapping[str, Any]: ...

    def slots(self, model: str) -> int:
        """How many requests for a model it takes now, those that it has included."""

    async def refresh(self) -> None:
        """Find out anew which models there are: one was named that is not known."""

    async def answer(self, endpoint: str, body: Mapping[str, Any], *, is_patient: bool = True) -> EngineReply:
        """
        Answer one request.

        Args:
            endpoint: One of `endpoints.ENDPOINTS`.
            body: Of the request.
            is_patient: Wait for as long as nobody can answer now; otherwise that is said.
        Raises:
            LocalModelError: It cannot answer any, and says why.
        """

    async def stream(self, endpoint: str, body: Mapping[str, Any]) -> Streamed | EngineReply:
        """
        Answer one request bit by bit; whoever asks waits.

        Returns:
            A stream that has begun, which is to be closed; or a refusal, or an answer that came at once.
        Raises:
            LocalModelError: As `answer`.
        """

    async def stop(self) -> None:
        """Let go of everything."""


class LocalEngine:
    """
    The local model, in a process of its own that is started when it is first needed.

    The process is started again when it dies; a request that was in it then is asked again once.
    """

    # In turn they would cost the model what it remembers of the prompt that the rows of a batch share.
    batches_at_once = 1
    may_ignore = False
    behind = ""
    fault = None
    details: Mapping[str, Any] = MappingProxyType({})

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, tuple[asyncio.subprocess.Process, asyncio.Future[EngineReply]]] = {}
        self._streams: dict[int, tuple[asyncio.subprocess.Process, _News]] = {}
        self._numbers = itertools.count(1)
        self._starting = asyncio.Lock()
        self._failure: tuple[float, LocalModelError] | None = None

    @property
    def state(self) -> str:
        """`not loaded` until it is first needed."""
        if self._starting.locked():
            return "loading"
        if self._failure is not None:
            return "failed"
        is_loaded = self._process is not None and self._process.returncode is None
        return "loaded" if is_loaded else "not loaded"

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            MODEL_ID: {
                "title": MODEL_TITLE,
                "licence": MODEL_LICENCE,
                "context_tokens": CONTEXT_TOKENS,
                "demonstration": True,
                "note": DEMONSTRATION_NOTE,
            }
        }

    def slots(self, model: str) -> int:
        """One in the model and one that waits at its door, so that the model never waits."""
        del model
        return 2

    async def refresh(self) -> None:
        """There is always the same one."""

    async def answer(self, endpoint: str, body: Mapping[str, Any], *, is_patient: bool = True) -> EngineReply:
        del is_patient
        for attempt in (1, 2):
            process = await self._running()
            number = next(self._numbers)
            reply: asyncio.Future[EngineReply] = asyncio.get_running_loop().create_future()
            self._waiting[number] = (process, reply)
            try:
                await _write(process, {"id": number, "endpoint": endpoint, "body": body})
                return await reply
            except (ConnectionError, _ProcessDied):
                if attempt == 2:
                    return _ENDED
            except asyncio.CancelledError:
                _forget(process, number)
                raise
            finally:
                self._waiting.pop(number, None)
        raise AssertionError("unreachable")

    async def stream(self, endpoint: str, body: Mapping[str, Any]) -> Streamed | EngineReply:
        process = await self._running()
        number, news = next(self._numbers), _News()
        self._streams[number] = (process, news)

        def close() -> None:
            if self._streams.pop(number, None) is not None and not news.is_over:
                _forget(process, number)

        try:
            await _write(process, {"id": number, "endpoint": endpoint, "body": body, "stream": True})
            first = await news.get()
        except ConnectionError:
            close()
            return _ENDED
        except BaseException:
            close()
            raise
        if isinstance(first, EngineReply):
            close()
            return first
        return Streamed(_written_events(ENDPOINTS[endpoint], first, news), close)

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return self._process
            if self._failure is not None and time.monotonic() - self._failure[0] < _FAILURE_HOLDS_S:
                raise self._failure[1]
            try:
                self._process = await self._start()
            except LocalModelError as error:
                self._failure = (time.monotonic(), error)
                raise
            self._failure = None
            self._reader = asyncio.create_task(self._read(self._process))
            return self._process

    async def _start(self) -> asyncio.subprocess.Process:
        check_local_model()
        process = await asyncio.create_subprocess_exec(
            *python_module("rowbatch.server.engine_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
            # Threads that spin while they wait would take the cores from those that work.
            env={**os.environ, "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"},
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                line = await process.stdout.readline()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise LocalModelError("local-model-too-slow", limit_s=_START_LIMIT_S) from None
        except BaseException:
            process.kill()
            raise
        first = json.loads(line) if line else {}
        if "ready" not in first:
            await process.wait()
            if "failed" in first:
                raise LocalModelError.of_document(first["failed"])
            raise LocalModelError("local-model-ended")
        return process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            reply = json.loads(line)
            _, news = self._streams.get(reply["id"], (process, None))
            if news is not None:
                is_event = "event" in reply
                news.put(reply["event"] if is_event else EngineReply(reply["status_code"], reply["body"]))
                continue
            if "event" in reply:
                # Of a stream that nobody reads any more.
                continue
            _, waiting = self._waiting.get(reply["id"], (process, None))
            if waiting is not None and not waiting.done():
                waiting.set_result(EngineReply(reply["status_code"], reply["body"]))
        await process.wait()
        for owner, waiting in list(self._waiting.values()):
            if owner is process and not waiting.done():
                waiting.set_exception(_ProcessDied())
        for owner, news in list(self._streams.values()):
            if owner is process:
                news.put(_ENDED)


class _News:
    """What comes of a stream: events, and at its end a reply."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[dict[str, Any] | EngineReply] = asyncio.Queue()
        self.is_over = False

    def put(self, news: dict[str, Any] | EngineReply) -> None:
        self.is_over = self.is_over or isinstance(news, EngineReply)
        self._queue.put_nowait(news)

    async def get(self) -> dict[str, Any] | EngineReply:
        return await self._queue.get()


async def _written_events(served: ServedEndpoint, first: dict[str, Any], news: _News) -> AsyncIterator[bytes]:
    """The events of a stream, as they are sent."""
    event: dict[str, Any] | EngineReply = first
    while not isinstance(event, EngineReply):
        yield event_line(served, event)
        event = await news.get()
    if event.is_answer:
        yield last_line(served)
    else:
        yield error_line(served, str(event.body["error"]["message"]), "engine_failed")


async def _write(process: asyncio.subprocess.Process, line: Mapping[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(line).encode() + b"\n")
    await process.stdin.drain()


def _forget(process: asyncio.subprocess.Process, number: int) -> None:
    """Say that nobody waits for an answer any more: the model is free for the next one."""
    if process.returncode is None and process.stdin is not None and not process.stdin.is_closing():
        process.stdin.write(json.dumps({"unwanted": number}).encode() + b"\n")


class _ProcessDied(Exception):
    """The engine's process ended before it answered."""
