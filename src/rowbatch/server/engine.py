"""What answers the requests: the seam, and the engine that runs the local model."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from rowbatch.errors import LocalModelError
from rowbatch.processes import python_module
from rowbatch.server import strict_json
from rowbatch.server.local_model import (
    CONTEXT_TOKENS,
    DEMONSTRATION_NOTE,
    MODEL_ID,
    MODEL_LICENCE,
    MODEL_TITLE,
    check_local_model,
)

_LINE_LIMIT = 64 << 20
_START_LIMIT_S = 120.0
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
        state: In one word, for `/health`.
        fault: Why it can answer nothing now; None where it can.
        details: More of how it stands, for `/health`.
    """

    batches_at_once: int

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

    async def stop(self) -> None:
        """Let go of everything."""


class LocalEngine:
    """
    The local model, in a process of its own that is started when it is first needed.

    The process is started again when it dies; a request that was in it then is asked again once.
    """

    # In turn they would cost the model what it remembers of the prompt that the rows of a batch share.
    batches_at_once = 1
    fault = None
    details: Mapping[str, Any] = MappingProxyType({})

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, tuple[asyncio.subprocess.Process, asyncio.Future[EngineReply]]] = {}
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
                assert process.stdin is not None
                line = json.dumps({"id": number, "endpoint": endpoint, "body": body})
                process.stdin.write(line.encode() + b"\n")
                await process.stdin.drain()
                return await reply
            except (ConnectionError, _ProcessDied):
                if attempt == 2:
                    message = "the local model's process ended while it worked on this request"
                    return EngineReply(500, {"error": {"message": message, "type": "server_error"}})
            finally:
                self._waiting.pop(number, None)
        raise AssertionError("unreachable")

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
            _, waiting = self._waiting.get(reply["id"], (process, None))
            if waiting is not None and not waiting.done():
                waiting.set_result(EngineReply(reply["status_code"], reply["body"]))
        await process.wait()
        for owner, waiting in list(self._waiting.values()):
            if owner is process and not waiting.done():
                waiting.set_exception(_ProcessDied())


class _ProcessDied(Exception):
    """The engine's process ended before it answered."""
