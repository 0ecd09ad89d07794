"""
What every answer has around it: the headers of OpenAI's, a line in the log, and a place in the counts.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rowbatch.server.metrics import REQUESTS, Meter

REQUEST_ID = "rowbatch.request_id"
BEGAN_AT = "rowbatch.began_at"
CALLER = "rowbatch.caller"
"""In the scope of a call: the `ServerKey` that it bears."""
_API_VERSION = "2020-10-01"
"""The version of the protocol that OpenAI's own answers name."""
_ID = re.compile(r"(?:file-|batch_|upload_)[0-9a-f]{24,33}[oe]?")
_log = logging.getLogger(REQUESTS)


class Envelope:
    """Goes around the whole application."""

    def __init__(self, app: ASGIApp, *, meter: Meter) -> None:
        self._app, self._meter = app, meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[REQUEST_ID], scope[BEGAN_AT] = f"req_{secrets.token_hex(16)}", time.perf_counter()
        status = 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message.get("headers", ()), *_headers(scope)]
                self._meter.count(scope["method"], status, time.perf_counter() - scope[BEGAN_AT])
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except BaseException:
            if not status:
                # Starlette answers it outside of here, with `headers_of_fault`.
                status = 500
                self._meter.count(scope["method"], status, time.perf_counter() - scope[BEGAN_AT])
            raise
        finally:
            if _log.isEnabledFor(logging.INFO):
                _log.info("call", extra={"facts": _facts(scope, status)})


def headers_of_fault(scope: Scope) -> dict[str, str]:
    """The same headers, for an answer that is given outside of the envelope."""
    return {name.decode(): text.decode() for name, text in _headers(scope)} if REQUEST_ID in scope else {}


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    took_ms = round(1000 * (time.perf_counter() - scope[BEGAN_AT]))
    return [
        (b"x-request-id", scope[REQUEST_ID].encode()),
        (b"openai-version", _API_VERSION.encode()),
        (b"openai-processing-ms", str(took_ms).encode()),
    ]


def _facts(scope: Scope, status: int) -> dict[str, Any]:
    caller = scope.get(CALLER)
    route = scope.get("route")
    return {
        "request_id": scope[REQUEST_ID],
        "method": scope["method"] if scope["method"].isalpha() and len(scope["method"]) < 10 else "other",
        # Of what no key opened, not even the path: anybody can write anything there.
        "path": str(getattr(route, "path", "")) if caller is not None else "",
        "ids": [text for text in scope.get("path_params", {}).values() if _ID.fullmatch(text)],
        "status": status,
        "ms": round(1000 * (time.perf_counter() - scope[BEGAN_AT])),
        "key_name": None if caller is None else caller.name,
    }
