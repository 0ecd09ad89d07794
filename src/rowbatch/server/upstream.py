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
from urllib.parse import urlsplit

from rowbatch.errors import ServiceError, UsageError
from rowbatch.http import HttpClient, Key, retry_after_s
from rowbatch.server import strict_json
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import EngineReply

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
        if urlsplit(base_url).scheme not in ("http", "https"):
            raise UsageError("no-address", address=base_url)
        self.concurrency = concurrency
        self._base_url, self._key, self._first_pause_s = base_url.rstrip("/"), key, first_pause_s
        self._transport = transport
        self._models = self._listed()
        self._client: httpx2.AsyncClient | None = None

    @property
    def state(self) -> str:
        """Where the answers come from."""
        return f"upstream {urlsplit(self._base_url).netloc}"

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
            raise ServiceError("no-models-listed", host=urlsplit(self._base_url).netloc)
        return {name: {"title": name} for name in names}

    async def answer(self, endpoint: str, body: Mapping[str, Any]) -> EngineReply:
        import httpx2

        client = self._started()
        # Not `json=`: httpx2 2.16 writes UTF-8, which has no place for half of a surrogate pair.
        content = strict_json.written(dict(body))
        for attempt in range(_MOST_ATTEMPTS):
            pause_s = self._first_pause_s * 2**attempt
            try:
                response = await client.post(ENDPOINTS[endpoint].path, content=content)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                # It was not carried out, so it may be made again.
                told = f"no connection to the upstream server: {error}"
                reply = EngineReply(503, _error(told, "upstream_unreachable"))
            except httpx2.HTTPError as error:
                told = f"the upstream server's answer was lost: {str(error) or type(error).__name__}"
                return EngineReply(502, _error(told, "upstream_answer_lost"))
            else:
                reply = _reply(response)
                if response.status_code not in (429, 503):
                    return reply
                asked = retry_after_s(response.headers.get("retry-after"), datetime.now(UTC))
                pause_s = pause_s if asked is None else asked
            if attempt + 1 < _MOST_ATTEMPTS:
                await asyncio.sleep(pause_s)
        return reply

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _started(self) -> httpx2.AsyncClient:
        import httpx2

        if self._client is None:
            local = (urlsplit(self._base_url).hostname or "") in ("127.0.0.1", "localhost", "::1")
            self._client = httpx2.AsyncClient(
                base_url=self._base_url + "/",
                headers={
                    "Content-Type": "application/json",
                    **({"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {}),
                },
                timeout=httpx2.Timeout(_TIMEOUT_S, connect=15.0),
                limits=httpx2.Limits(max_connections=self.concurrency + 2),
                transport=self._transport,
                trust_env=not local,
            )
        return self._client


def _reply(response: httpx2.Response) -> EngineReply:
    try:
        found = json.loads(response.content)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return EngineReply(response.status_code, found)
    status = response.status_code if response.status_code >= 400 else 502
    return EngineReply(status, _error("the upstream server's answer is not JSON", "upstream_not_json"))


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
