"""
The engine that asks other servers: any that have an endpoint of OpenAI's and no batches of their own.

Ollama, vLLM, llama.cpp and LM Studio are such servers. What they answer is given on as it is. A call that
was not carried out is made again, of another server where there is one: for as long as it takes where nobody
is there, since that says nothing about the row. One whose answer was lost may have been carried out and
billed: it is made again where nobody can bill it, and otherwise its row is an error, which a later round asks
again.
"""

from __future__ import annotations

import asyncio
import collections
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rowbatch.errors import ServiceError
from rowbatch.http import Key, clean_key
from rowbatch.server import strict_json
from rowbatch.server.chat_request import CHAT
from rowbatch.server.endpoint import RefusedRequest, ServedEndpoint
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import EngineReply
from rowbatch.server.node import Node, Sent, Upstream, error_body, parse_upstream, short_names
from rowbatch.server.responses import RESPONSES, from_chat, to_chat
from rowbatch.server.streaming import Streamed, passed_on, responses_of_chat

if TYPE_CHECKING:
    import aiohttp

UPSTREAM_KEY_VARIABLE = "ROWBATCH_UPSTREAM_KEY"
# Large models on small machines take minutes for an answer.
ANSWER_LIMIT_S = 600.0
MOST_SLOTS = 512
"""Of one server where nothing is said. What is right is found below it."""
_BATCHES_AT_ONCE = 32
_MOST_LOSSES = 3
"""So often an answer may be lost: a row may be what ends its server."""
_BUSY_LIMIT_S = 3600.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 4.0
_A_MOMENT_S = 0.01
_NO_SUCH_ENDPOINT = (404, 405, 501)
"""Also of a model that a server does not have; then chat completions say so too."""
_LOOKS_S = (0.5, 1.0, 2.0, 4.0)
"""Between looks at a server that is away; the last one again and again."""


class UpstreamEngine:
    """
    Asks other servers.

    Args:
        upstreams: At least one.
        key: For all of them, or None.
        models: Names that they know, whatever they list.
        slots: How many requests they are given at once, at most, all together; None leaves it to what is
            found by trying.
        limit_s: How long an answer may take; one that takes longer is an error of its row.
        ask_again: Make a call again whose answer was lost; None means: where nobody can bill it.
        busy_limit_s: A row that was refused as too much for so long is given up.
        first_pause_s: Before a call is made again that was refused as too much; doubles each time.
    Raises:
        ServiceError: None of them can be reached, or lists its models.
        UsageError: An address is none, or the key would go there in clear.
    """

    batches_at_once = _BATCHES_AT_ONCE
    may_ignore = True

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        key: Key | None = None,
        *,
        models: Sequence[str] = (),
        slots: int | None = None,
        limit_s: float = ANSWER_LIMIT_S,
        ask_again: bool | None = None,
        busy_limit_s: float = _BUSY_LIMIT_S,
        first_pause_s: float = _FIRST_PAUSE_S,
    ) -> None:
        self._slots, self._ask_again = slots, ask_again
        self._busy_limit_s, self._first_pause_s = busy_limit_s, first_pause_s
        most = slots or MOST_SLOTS
        named = tuple(dict.fromkeys(models))
        self._nodes = [Node(upstream, key, most=most, limit_s=limit_s, named=named) for upstream in upstreams]
        self._waiting: dict[str, collections.deque[asyncio.Future[None]]] = {}
        self._watches: dict[Node, asyncio.Task[None]] = {}
        self._looks: dict[Node, asyncio.Task[bool]] = {}
        self._without_responses: set[str] = set()
        self._list_models()
        self._share()

    @property
    def state(self) -> str:
        """Where the answers come from."""
        if len(self._nodes) == 1:
            return f"upstream {self._nodes[0].host}"
        return f"{len(self._nodes)} upstreams"

    @property
    def behind(self) -> str:
        """The servers, whatever their order."""
        return " ".join(sorted(node.base_url for node in self._nodes))

    @property
    def fault(self) -> str | None:
        """Why nothing can be asked; None where something can."""
        if all(node.away for node in self._nodes):
            return "; ".join(f"{node.host} is away: {node.away}" for node in self._nodes)
        return None

    @property
    def details(self) -> Mapping[str, Any]:
        """How each server stands."""
        return {"upstreams": [node.report() for node in self._nodes]}

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: {"title": name} for node in self._nodes for name in short_names(node.models or ())}

    def slots(self, model: str) -> int:
        """How many requests for a model may be here at once."""
        return sum(node.level.now for node in self._with(model))

    async def refresh(self) -> None:
        """Ask for the models anew: one may have been loaded since."""
        self._watch_those_away()
        await asyncio.gather(*(node.look() for node in self._nodes if not node.away))

    async def answer(self, endpoint: str, body: Mapping[str, Any], *, is_patient: bool = True) -> EngineReply:
        if endpoint != RESPONSES.url:
            return await self._answer(endpoint, body, is_patient=is_patient)
        model = str(body.get("model"))
        if model not in self._without_responses:
            reply = await self._answer(endpoint, body, is_patient=is_patient)
            if reply.status_code not in _NO_SUCH_ENDPOINT:
                return reply
        # Many servers have chat completions only, which can answer the same.
        try:
            asked = to_chat(body)
        except RefusedRequest as refusal:
            return EngineReply(400, refusal.body)
        completion = await self._answer(CHAT.url, asked, is_patient=is_patient)
        if not completion.is_answer:
            return completion
        self._without_responses.add(model)
        return EngineReply(200, from_chat(completion.body, body))

    async def stream(self, endpoint: str, body: Mapping[str, Any]) -> Streamed | EngineReply:
        if endpoint != RESPONSES.url:
            return await self._stream(endpoint, body)
        model = str(body.get("model"))
        if model not in self._without_responses:
            found = await self._stream(endpoint, body)
            if isinstance(found, Streamed) or found.status_code not in _NO_SUCH_ENDPOINT:
                return found
        try:
            asked = to_chat(body)
        except RefusedRequest as refusal:
            return EngineReply(400, refusal.body)
        found = await self._stream(CHAT.url, asked)
        if isinstance(found, Streamed):
            self._without_responses.add(model)
            return Streamed(responses_of_chat(found.events, body), found.close)
        return EngineReply(200, from_chat(found.body, body)) if found.is_answer else found

    async def _stream(self, endpoint: str, body: Mapping[str, Any]) -> Streamed | EngineReply:
        served = ENDPOINTS[endpoint]
        content, losses = strict_json.written(dict(body)), 0
        model = str(body.get("model"))
        self._watch_those_away()
        while True:
            sent, node = await self._open(model, served.path, content)
            if not isinstance(sent, Sent):
                return self._passed_on(served, sent, node)
            if sent.fate == "lost" and self._may_ask_again(node) and losses < _MOST_LOSSES - 1:
                losses += 1
            elif sent.fate != "away" or not self._with(model):
                return sent.reply

    def _passed_on(self, served: ServedEndpoint, response: aiohttp.ClientResponse, node: Node) -> Streamed:
        is_open = True
        began = time.monotonic()

        def close() -> None:
            nonlocal is_open
            if is_open:
                is_open = False
                # In the middle this ends the connection, and the server stops writing.
                response.close()
                self._release(node)

        async def events() -> AsyncIterator[bytes]:
            async for block in passed_on(served, response, node.host, node.limit_s):
                yield block
            node.answers += 1
            node.level.answered(began, time.monotonic())

        return Streamed(events(), close)

    async def _answer(
        self, endpoint: str, body: Mapping[str, Any], *, is_patient: bool = True
    ) -> EngineReply:
        # ASCII: UTF-8 has no place for half of a surrogate pair.
        content = strict_json.written(dict(body))
        model, path = str(body.get("model")), ENDPOINTS[endpoint].path
        self._watch_those_away()
        refusals = losses = 0
        first_refusal = None
        while True:
            sent, node = await self._send(model, path, content, is_patient=is_patient)
            if sent.fate in ("answered", "slow"):
                return sent.reply
            if sent.fate == "lost":
                losses += 1
                if not self._may_ask_again(node) or losses >= _MOST_LOSSES:
                    return sent.reply
            elif not is_patient and (sent.fate == "busy" or not self._with(model)):
                return sent.reply
            if sent.fate == "busy":
                first_refusal = first_refusal or time.monotonic()
                if time.monotonic() - first_refusal >= self._busy_limit_s:
                    return sent.reply
                if sent.retry_after_s is not None:
                    self._leave_alone(node, sent.retry_after_s)
                    continue
                await asyncio.sleep(min(self._first_pause_s * 2 ** min(refusals, 10), _LONGEST_PAUSE_S))
                refusals += 1

    async def stop(self) -> None:
        tasks = [*self._watches.values(), *self._looks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._watches.clear()
        self._looks.clear()
        for node in self._nodes:
            await node.stop()

    def _may_ask_again(self, node: Node) -> bool:
        return node.is_free_of_charge if self._ask_again is None else self._ask_again

    async def _send(self, model: str, path: str, content: bytes, *, is_patient: bool) -> tuple[Sent, Node]:
        """Make a call of the server that has most room, as soon as one has."""
        refused, node = await self._free(model, is_patient=is_patient)
        if refused is not None:
            return refused, node
        with self._held(node):
            began = time.monotonic()
            node.level.began(node.in_flight)
            sent = await node.send(path, content)
            await self._learn(node, sent, began)
        return sent, node

    async def _open(
        self, model: str, path: str, content: bytes
    ) -> tuple[Sent | aiohttp.ClientResponse, Node]:
        """As `_send`, of a stream: it holds its place at the server until `_release`."""
        refused, node = await self._free(model, is_patient=False)
        if refused is not None:
            return refused, node
        node.in_flight += 1
        try:
            began = time.monotonic()
            node.level.began(node.in_flight)
            sent = await node.open(path, content)
            if not isinstance(sent, Sent):
                return sent, node
            await self._learn(node, sent, began)
        except BaseException:
            self._release(node)
            raise
        self._release(node)
        return sent, node

    async def _free(self, model: str, *, is_patient: bool) -> tuple[Sent | None, Node]:
        """The server that has most room, as soon as one has; or why none is asked."""
        while (node := self._roomiest(model)) is None:
            candidates = self._with(model)
            if not candidates and not is_patient:
                # Whoever asks directly is told at once.
                reply = EngineReply(
                    503,
                    error_body(self.fault or f"no server that has {model} is there", "upstream_unreachable"),
                )
                return Sent("away", reply), self._nodes[0]
            paused_s = min((node.not_before for node in candidates), default=0.0) - time.monotonic()
            if not is_patient and paused_s > 0:
                told = f"the upstream server is busy, and wants to be asked again in {paused_s:.0f} s"
                return Sent("busy", EngineReply(429, error_body(told, "upstream_busy"))), candidates[0]
            await self._room(model)
        return None, node

    async def _learn(self, node: Node, sent: Sent, began: float) -> None:
        """What a call says of its server."""
        if sent.fate == "answered":
            node.answers += 1
            node.level.answered(began, time.monotonic())
        elif sent.fate == "busy":
            node.level.refused(began, time.monotonic())
        elif sent.fate == "away":
            self._lose(node, str(sent.reply.body["error"]["message"]))
        elif sent.fate == "lost":
            await self._look_at(node)

    def _leave_alone(self, node: Node, seconds: float) -> None:
        """A server says when it may be asked again; its rows go to others meanwhile, where there are some."""
        node.not_before = max(node.not_before, time.monotonic() + seconds)
        asyncio.get_running_loop().call_later(seconds + _A_MOMENT_S, self._wake)

    async def _look_at(self, node: Node) -> None:
        """
        An answer was lost: see whether the server is there, before it is given another row.

        A gateway goes on answering in no time that nobody is behind it, and would be asked the whole batch.
        """
        if node.away:
            return
        if node not in self._looks:
            self._looks[node] = asyncio.create_task(node.look())
            self._looks[node].add_done_callback(lambda _: self._looks.pop(node, None))
        if not await asyncio.shield(self._looks[node]):
            self._lose(node, "an answer was lost, and its models are not told since")

    @contextmanager
    def _held(self, node: Node) -> Iterator[None]:
        node.in_flight += 1
        try:
            yield
        finally:
            self._release(node)

    def _release(self, node: Node) -> None:
        node.in_flight -= 1
        self._wake()

    def _with(self, model: str) -> list[Node]:
        """The servers that are there and have a model."""
        there = [node for node in self._nodes if not node.away]
        known = [node for node in there if node.has(model)]
        # One that lists no model of that name may know it all the same.
        return known or [node for node in there if not any(n.has(model) for n in self._nodes)]

    def _roomiest(self, model: str) -> Node | None:
        free = [node for node in self._with(model) if _room_of(node) > 0]
        return min(free, key=lambda node: node.in_flight / node.weight) if free else None

    async def _room(self, model: str) -> None:
        """Wait until there may be room."""
        waiting = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(model, collections.deque())
        queue.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            with suppress(ValueError):
                queue.remove(waiting)
            # The room that it was told of is for the next one.
            self._wake()
            raise

    def _wake(self) -> None:
        """Tell those who wait that there is room, as many as there is for."""
        for model, queue in self._waiting.items():
            if not queue:
                continue
            room = sum(max(0, _room_of(node)) for node in self._with(model))
            while queue and room > 0:
                waiting = queue.popleft()
                if not waiting.done():
                    waiting.set_result(None)
                    room -= 1

    def _lose(self, node: Node, told: str) -> None:
        """Nobody is there: the rows go to the others, or wait until somebody is."""
        if not node.away:
            node.away = told
            self._share()
        self._watch_those_away()

    def _watch_those_away(self) -> None:
        for node in self._nodes:
            if node.away and node not in self._watches:
                self._watches[node] = asyncio.create_task(self._watch(node))

    async def _watch(self, node: Node) -> None:
        """Look until a server is there again."""
        for number in range(1 << 62):
            await asyncio.sleep(_LOOKS_S[min(number, len(_LOOKS_S) - 1)])
            if await node.look():
                break
        node.away = ""
        node.level.restart(time.monotonic())
        self._share()
        del self._watches[node]
        self._wake()

    def _share(self) -> None:
        """Those that are there share what may be asked at once, by their weights."""
        if self._slots is None:
            return
        there = [node for node in self._nodes if not node.away] or self._nodes
        whole = sum(node.weight for node in there)
        for node in there:
            node.level.most = max(1, round(self._slots * node.weight / whole))

    def _list_models(self) -> None:
        """
        Ask all for their models, at once.

        Raises:
            ServiceError: None answers.
        """
        faults: list[ServiceError] = []
        with ThreadPoolExecutor(min(len(self._nodes), 16)) as pool:
            for node, asked in [(node, pool.submit(node.list_models)) for node in self._nodes]:
                try:
                    asked.result()
                except ServiceError as error:
                    faults.append(error)
                    node.away = error.message
        if len(faults) == len(self._nodes):
            raise faults[0]


def _room_of(node: Node) -> int:
    return 0 if time.monotonic() < node.not_before else node.level.now - node.in_flight


def upstream_engine(
    upstreams: Sequence[str],
    *,
    models: Sequence[str] = (),
    slots: int | None = None,
    answer_limit_s: float | None = None,
    ask_again: bool | None = None,
) -> UpstreamEngine:
    """
    Who asks these servers; their key is in the environment.

    Args:
        upstreams: Each as `parse_upstream` has it.
        models, slots, ask_again: As of `UpstreamEngine`.
        answer_limit_s: How long an answer may take; None means ten minutes.
    Raises:
        ServiceError: None of them can be reached.
        UsageError: An address, a weight or the key is none, or the key would go there in clear.
    """
    secret = clean_key(os.environ.get(UPSTREAM_KEY_VARIABLE, ""))
    return UpstreamEngine(
        [parse_upstream(text) for text in upstreams],
        Key(secret, UPSTREAM_KEY_VARIABLE) if secret else None,
        models=models,
        slots=slots,
        limit_s=answer_limit_s or ANSWER_LIMIT_S,
        ask_again=ask_again,
    )
