"""
The engine that asks another server: any that has an endpoint of OpenAI's and no batches of its own.

Ollama, vLLM, llama.cpp and LM Studio are such servers. What they answer is given on as it is. A call whose
answer was lost is not made again here, since it may have been carried out and billed: its row is an error,
which a later round asks again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rowbatch.core.address import address_parts, check_address, host_of, is_loopback
from rowbatch.errors import ServiceError
from rowbatch.http import (
    ACCEPTED_ENCODINGS,
    MOST_ANSWER_BYTES,
    AnswerBody,
    HttpClient,
    Key,
    cause_of,
    encoding_of,
    proxies_of_environment,
    retry_after_s,
)
from rowbatch.server import strict_json
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import EngineReply
from rowbatch.words.masking import masked

if TYPE_CHECKING:
    import httpx2

UPSTREAM_KEY_VARIABLE = "ROWBATCH_UPSTREAM_KEY"
# Large models on small machines take minutes for an answer.
_TIMEOUT_S = 600.0
_MOST_ATTEMPTS = 6
_FIRST_PAUSE_S = 1.0


class UpstreamEngine:
    """
    Asks another server.

    Args:
        base_url: Of its API, as in `http://localhost:11434/v1`.
        key: For it, or None.
        concurrency: How many requests it is given at once.
        first_pause_s: Before a call that was refused because it was busy is made again; doubles each time.
        transport: For tests.
    Raises:
        ServiceError: It cannot be reached, or does not list its models.
        UsageError: The address is none, or the key would go there in clear.
    """

    def __init__(
        self,
        base_url: str,
        key: Key | None = None,
        *,
        concurrency: int = 4,
        first_pause_s: float = _FIRST_PAUSE_S,
        transport: Any = None,
    ) -> None:
        self.concurrency = concurrency
        self._base_url, self._key, self._first_pause_s = check_address(base_url), key, first_pause_s
        self._transport = transport
        self._models = self._listed()
        self._client: httpx2.AsyncClient | None = None

    @property
    def state(self) -> str:
        """Where the answers come from."""
        return f"upstream {host_of(self._base_url)}"

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        return self._models

    def _listed(self) -> dict[str, dict[str, Any]]:
        with HttpClient(self._base_url, self._key, transport=self._transport, free_attempts=3) as http:
            entries = http.get("models").get("data")
        names = [
            str(entry["id"])
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and entry.get("id")
        ]
        if not names:
            raise ServiceError("no-models-listed", host=host_of(self._base_url))
        return {name: {"title": name} for name in names}

    async def answer(self, endpoint: str, body: Mapping[str, Any]) -> EngineReply:
        import httpx2

        client = self._started()
        # Not `json=`: httpx2 2.16 writes UTF-8, which has no place for half of a surrogate pair.
        content = strict_json.written(dict(body))
        for attempt in range(_MOST_ATTEMPTS):
            pause_s = self._first_pause_s * 2**attempt
            try:
                reply, status, asked_header = await self._sent(client, ENDPOINTS[endpoint].path, content)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                # It was not carried out, so it may be made again.
                told = f"no connection to the upstream server: {cause_of(error)}"
                reply = EngineReply(503, _error(told, "upstream_unreachable"))
            except httpx2.HTTPError as error:
                told = f"the upstream server's answer was lost: {cause_of(error)}"
                return EngineReply(502, _error(told, "upstream_answer_lost"))
            except ServiceError as error:
                return EngineReply(502, _error(error.message, "upstream_unreadable"))
            else:
                if status not in (429, 503):
                    return reply
                asked = retry_after_s(asked_header, datetime.now(UTC))
                pause_s = pause_s if asked is None else asked
            if attempt + 1 < _MOST_ATTEMPTS:
                await asyncio.sleep(pause_s)
        return reply

    async def _sent(
        self, client: httpx2.AsyncClient, path: str, content: bytes
    ) -> tuple[EngineReply, int, str | None]:
        """
        Send a call once; its reply, HTTP status and `Retry-After`.

        Raises:
            ServiceError: The answer is too large, too slow, or not encoded as it says.
        """
        async with client.stream("POST", path, content=content) as response:
            found = AnswerBody(host_of(self._base_url), encoding_of(response), MOST_ANSWER_BYTES)
            if response.is_stream_consumed:
                found.add(response.content)
            else:
                async for block in response.aiter_raw():
                    if not found.add(block):
                        break
            reply = _reply(response.status_code, found.whole())
            return reply, response.status_code, response.headers.get("retry-after")

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _started(self) -> httpx2.AsyncClient:
        import httpx2

        if self._client is None:
            base_url, params = address_parts(self._base_url)
            carried = {"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {}
            with proxies_of_environment():
                self._client = httpx2.AsyncClient(
                    base_url=base_url,
                    params=params or None,
                    headers={
                        "Accept-Encoding": ACCEPTED_ENCODINGS,
                        "Content-Type": "application/json",
                        **carried,
                    },
                    timeout=httpx2.Timeout(_TIMEOUT_S, connect=15.0),
                    limits=httpx2.Limits(max_connections=self.concurrency + 2),
                    transport=self._transport,
                    trust_env=not is_loopback(self._base_url),
                )
        return self._client


def _reply(status: int, body: bytes) -> EngineReply:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return EngineReply(status, found)
    status = status if status >= 400 else 502
    return EngineReply(status, _error("the upstream server's answer is not JSON", "upstream_not_json"))


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": masked(message), "type": "server_error", "param": None, "code": code}}
