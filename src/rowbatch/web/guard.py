"""
The wall around the pages: who may ask, and what a browser may do with the answer.

Other programs on this computer, other users of it, and every page that its owner visits can reach the port.
So an answer is given only to a browser that brought the token of the printed link, for a name of this
computer, from a page of ours.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: it makes browsers send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE = ("GET", "HEAD")
_MAX_TOKEN_FORM = 2_000


class Guard:
    """
    An ASGI application around ours.

    Args:
        app: Ours.
        port: Where it listens; the cookie bears it, since cookies go by the name of the computer alone.
        token: What the printed link has.
        session: What the cookie has.
        refused: Makes the page for a browser without the cookie, from the request's headers.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        token: str,
        session: str,
        refused: Callable[[Headers], Response],
    ) -> None:
        self._app, self._token, self._session, self._refused = app, token, session, refused
        self._cookie = f"rowbatch-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # There are no WebSockets here.
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        response = await self._answer(scope, Headers(scope=scope), receive)
        await (response or self._app)(scope, receive, guarded_send)

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive) -> Response | None:
        """What is answered in our place; None when the request may pass."""
        refusal = _refusal(str(scope["method"]), headers)
        if refusal is not None:
            return PlainTextResponse(refusal[1] + "\n", refusal[0])
        if scope["method"] == "GET":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if given and _same(given, self._token):
                return self._let_in(_own_path(scope["path"]))
        if scope["method"] == "POST" and scope["path"] == "/token":
            given = parse_qs((await _body(receive)).decode("latin-1")).get("token", [""])[0].strip()
            # The whole link is what people have at hand.
            told = re.search(r"token=([\w-]+)", given)
            if _same(told.group(1) if told else given, self._token):
                return self._let_in("/")
            return self._refused(headers)
        if not _same(cookie_parser(headers.get("cookie", "")).get(self._cookie, ""), self._session):
            return self._refused(headers)
        return None

    def _let_in(self, path: str) -> Response:
        response = RedirectResponse(path, 303)
        # Not Strict: a browser that is opened through a local redirect file would not send it.
        response.set_cookie(self._cookie, self._session, httponly=True, samesite="lax", path="/")
        return response


def _refusal(method: str, headers: Headers) -> tuple[int, str] | None:
    host = headers.get("host", "")
    # The port may differ behind an SSH tunnel.
    if re.sub(r":\d+\Z", "", host) not in _NAMES or len(headers.getlist("host")) != 1:
        return 421, "This name is not one of this computer."
    if method not in _SAFE and headers.get("origin") != f"http://{host}":
        return 403, "This request came from another page."
    site = headers.get("sec-fetch-site", "")
    is_visit = method in _SAFE and headers.get("sec-fetch-dest") == "document"
    # Pages on other ports of this computer are "same-site", and their requests bear our cookie.
    if site in ("same-site", "cross-site") and not is_visit:
        return 403, "This request came from another page."
    return None


def _same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode("utf-8", "surrogateescape"), b.encode("utf-8", "surrogateescape"))


def _own_path(path: str) -> str:
    """A path that cannot lead to another host: `//evil.example` would."""
    return "/" + path.lstrip("/\\") if re.fullmatch(r"[\w/.-]*", path) else "/"


async def _body(receive: Receive) -> bytes:
    body = b""
    while len(body) < _MAX_TOKEN_FORM:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body
