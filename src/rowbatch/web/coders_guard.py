"""
The wall around the pages of coders who come over the network.

An answer is given only at the one address that was opened, to a browser that was let in by a coder's link,
from a page of ours; and whatever it is asked for, it is about the coder and the set of that link, since the
address of a page names neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rowbatch import desk
from rowbatch.web.guard import is_from_elsewhere, with_headers
from rowbatch.web.seats import Seats

SEAT, LANGUAGE = "rowbatch-coder", "rowbatch-language"
"""What a browser carries: who it was let in as, and the language that its pages have."""
_MAX_BODY, _MAX_GUESTS_BODY = 1_000_000, 4_000
_FOR_GUESTS = frozenset(
    {("GET", "/"), ("HEAD", "/"), ("GET", "/code"), ("POST", "/join"), ("POST", "/language")}
)
_FORM = "application/x-www-form-urlencoded"


class CodersGuard:
    """
    An ASGI application around ours.

    Args:
        app: Ours. In the state of a request it finds `seat`, which is None for whoever was not let in, and
            `chosen`, how pages are shown: nothing of what the program's owner chose.
        host: Address and port that were opened.
        seats: Who may come in.
    """

    def __init__(self, app: ASGIApp, *, host: str, seats: Seats) -> None:
        self._app, self._host, self._seats = app, host, seats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        guarded_send = with_headers(send)
        scope[desk.GUEST] = True
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        refused = self._look(scope, headers, state)
        if refused is None:
            most = _MAX_BODY if state["seat"] is not None else _MAX_GUESTS_BODY
            body = await _body_of(receive, most) if scope["method"] == "POST" else b""
            if body is None:
                refused = PlainTextResponse("That is too long.\n", 413, headers={"connection": "close"})
        if refused is not None:
            await refused(scope, receive, guarded_send)
            return
        scope[desk.GUEST] = state["seat"] is None
        await self._app(scope, _replaying(body or b"", receive), guarded_send)

    def _look(self, scope: Scope, headers: Headers, state: dict[str, Any]) -> Response | None:
        """What is answered in our place; None when the request may pass."""
        if [one.lower() for one in headers.getlist("host")] != [self._host]:
            return PlainTextResponse("This name is not the one that was opened.\n", 421)
        method, path = str(scope["method"]), str(scope["path"])
        if method not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("This address is not asked in this way.\n", 405)
        if is_from_elsewhere(method, headers, self._host):
            return PlainTextResponse("This request came from another page.\n", 403)
        if method == "POST" and headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            return PlainTextResponse("This is no form.\n", 415)
        cookies: Mapping[str, str] = cookie_parser(headers.get("cookie", ""))
        client = scope.get("client")
        name = f"{SEAT}-{self._host.rpartition(':')[2]}"
        state["seat"] = self._seats.seat_of(cookies.get(name, ""), self._host, client[0] if client else "")
        state["cookie_name"], state["host"] = name, self._host
        state["chosen"] = desk.Settings(language=cookies.get(LANGUAGE, ""))
        if state["seat"] is None and (method, path) not in _FOR_GUESTS and not path.startswith("/static/"):
            # The script of the coding screen, which asks in this way, tells it in words.
            return PlainTextResponse("Open the link that you were given.\n", 401)
        return None


async def _body_of(receive: Receive, most: int) -> bytes | None:
    """The body of a request; None where it is longer, or does not come."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replaying(body: bytes, receive: Receive) -> Receive:
    is_told = False

    async def told() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return told
