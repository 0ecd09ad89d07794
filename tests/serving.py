"""The real server with a scripted engine: in a thread for tests of the protocol."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import uvicorn

from rowbatch.api import runs
from rowbatch.server import embeddings
from rowbatch.server.app import create_app
from rowbatch.server.chat_request import CHAT
from rowbatch.server.embeddings import EMBEDDINGS
from rowbatch.server.engine import Engine, EngineReply
from rowbatch.server.launch import Endpoint
from rowbatch.server.local_model import MODEL_ID
from rowbatch.server.main import _listen
from rowbatch.server.responses import RESPONSES, from_chat, to_chat
from rowbatch.server.scoring import single_choice
from rowbatch.server.streaming import Streamed
from schema_answers import answer_to

KEY = "test-key-of-the-scripted-server"
MODEL = "scripted"


def scripted_answer(body: Mapping[str, Any]) -> str:
    """
    A label by a hash of the text when one is asked for, the last word where that is to be a number, what all
    of a schema asks; else the text itself.
    """
    text = str(body["messages"][-1]["content"])
    form = body.get("response_format") or {}
    schema = form.get("json_schema", {}).get("schema")
    choice = single_choice(schema)
    if choice is None:
        asked = (schema or {}).get("properties", {})
        numbers = [name for name, inner in asked.items() if inner.get("type") in ("integer", "number")]
        if numbers and len(numbers) == len(asked):
            return json.dumps(dict.fromkeys(numbers, float(text.rsplit(maxsplit=1)[-1])))
        is_open = len(asked) == 1 and next(iter(asked.values())).get("type") == "string"
        return json.dumps(answer_to(schema, text)) if asked and not is_open else text
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    return json.dumps({choice.name: choice.labels[digest % len(choice.labels)]})


class _LengthModel:
    """Texts are vectors of two numbers."""

    def embed(self, text: str | Sequence[int]) -> tuple[Sequence[float], int]:
        return [float(len(text)), 1.0], len(text)


class ScriptedEngine:
    """
    Answers by a function.

    Attributes:
        calls: How often each text was asked.
        begun: How many requests came, those that wait at the gate included.
        delay_s: Before each answer; may be changed at any time.
        gate: While it is closed (`clear`), requests wait; any thread may open it (`set`).
    """

    batches_at_once = 8
    may_ignore = False
    behind = ""
    state = "loaded"
    fault = None
    details: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        answer: Callable[[Mapping[str, Any]], str | EngineReply] = scripted_answer,
        *,
        delay_s: float = 0.0,
        models: tuple[str, ...] = (MODEL,),
        journal: Path | None = None,
    ) -> None:
        self._answer, self.delay_s, self._models, self._journal = answer, delay_s, models, journal
        self.calls: Counter[str] = Counter()
        self.begun = 0
        self.gate = threading.Event()
        self.gate.set()

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: {"title": name} for name in self._models}

    def slots(self, model: str) -> int:
        return 4

    async def refresh(self) -> None:
        pass

    async def answer(self, endpoint: str, body: Mapping[str, Any], *, is_patient: bool = True) -> EngineReply:
        if endpoint == RESPONSES.url:
            reply = await self.answer(CHAT.url, to_chat(body), is_patient=is_patient)
            return EngineReply(200, from_chat(reply.body, body)) if reply.is_answer else reply
        if endpoint == EMBEDDINGS.url:
            return EngineReply(200, embeddings.answer(_LengthModel(), body))
        assert endpoint == CHAT.url
        text = str(body["messages"][-1]["content"])
        self.begun += 1
        while not self.gate.is_set():
            await asyncio.sleep(0.005)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        self.calls[text] += 1
        if self._journal:
            with self._journal.open("a") as file:
                file.write(json.dumps(text) + "\n")
        found = self._answer(body)
        if isinstance(found, EngineReply):
            return found
        message = {"role": "assistant", "content": found}
        return EngineReply(
            200,
            {
                "object": "chat.completion",
                "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
            },
        )

    async def stream(self, endpoint: str, body: Mapping[str, Any]) -> Streamed | EngineReply:
        return await self.answer(endpoint, body)

    async def stop(self) -> None:
        pass


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def batch_lines(rows: int) -> bytes:
    """A batch file of so many rows."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
    line = {"method": "POST", "url": CHAT.url, "body": body}
    return b"".join(json.dumps({"custom_id": f"row-{n}", **line}).encode() + b"\n" for n in range(rows))


def ask(endpoint: Endpoint, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
    """A call by hand: status, headers, and what came, read where it is JSON."""
    connection = HTTPConnection("127.0.0.1", urlsplit(endpoint.base_url).port, timeout=60)
    given = {"authorization": f"Bearer {KEY}", "content-type": "application/json", **headers}
    connection.request(
        method,
        path,
        None if body is None else json.dumps(body),
        {name.replace("_", "-"): text for name, text in given.items()},
    )
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    is_json = (answer.getheader("content-type") or "").startswith("application/json")
    return answer.status, answer.headers, json.loads(told) if is_json else told


@contextmanager
def running_server(home: Path, engine: Engine, **options: Any) -> Iterator[Endpoint]:
    """Serve on a free port until the block ends; with options of `create_app`."""
    listener = _listen("127.0.0.1", 0)
    servers: list[uvicorn.Server] = []

    def run() -> None:
        # The application belongs to the thread that it is made in, as its SQLite connection does.
        app = create_app(home, engine, key=KEY, **options)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=1
        )
        servers.append(uvicorn.Server(config))
        asyncio.run(servers[0].serve(sockets=[listener]))

    thread = threading.Thread(target=run)
    thread.start()
    while not (servers and servers[0].started) and thread.is_alive():
        threading.Event().wait(0.005)
    try:
        yield Endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", KEY)
    finally:
        for server in servers:
            server.should_exit = True
        if isinstance(engine, ScriptedEngine):
            engine.gate.set()
        thread.join()
        listener.close()


@contextmanager
def scripted_local_model(
    home: Path,
    answer: Callable[[Mapping[str, Any]], str | EngineReply] = scripted_answer,
    *,
    delay_s: float = 0.0,
) -> Iterator[ScriptedEngine]:
    """In this process the local model is a scripted one, behind the real server."""
    engine = ScriptedEngine(answer, delay_s=delay_s, models=(MODEL_ID,))
    with (
        running_server(home, engine) as endpoint,
        mock.patch.object(runs, "ensure_local_server", return_value=endpoint),
    ):
        yield engine
