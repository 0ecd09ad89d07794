"""
The wall around the pages: who may ask, and what a browser may do with the answer.

Other programs on this computer, other users of it, and every page that its owner visits can reach the port.
So an answer is given only to a browser that brought the token of the printed link, for a name of this
computer, from a page of ours.

Cookies know host names and no ports: one of 127.0.0.1 goes to everybody who listens on a port of it. So each
start has a host name of its own, which nobody can guess, and browsers that find it carry the cookie there.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from urllib.parse import parse_qs, parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rowbatch import desk

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
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(?P<name>\[::1\]|[a-z0-9.-]+)(?::(?P<port>\d{1,5}))?\Z", re.IGNORECASE)
_NAME_OF_A_START = re.compile(r"rb-[0-9a-f]{32}\.localhost\Z")
_SAFE = ("GET", "HEAD")
_MAX_FORM = 2_000
_PASS_S = 30.0
_OURS = ("token", "stay", "pass")
_MIN_FIREFOX = 84


@dataclass(frozen=True, slots=True)
class Identity:
    """
    Who a program is, from its start to its end. Nothing of it is of use to the next start.

    Attributes:
        name: The host name of its pages.
        token: What the printed link has, and what it proves by that it is the program.
        secret: What its cookies are made of.
    """

    name: str
    token: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> Identity:
        """Of a start."""
        return cls(
            f"rb-{secrets.token_hex(16)}.localhost", secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        )

    def cookie(self, host: str) -> tuple[str, str]:
        """
        What a browser carries that was let in.

        Args:
            host: Name and port, as the browser has them.
        Returns:
            The cookie's name, which tells nothing, and its value, which holds for that name and port alone.
        """
        return f"rowbatch-{_port_of(host)}", desk.prove(self.secret, "cookie", host)


class Guard:
    """
    An ASGI application around ours.

    Args:
        app: Ours.
        port: Where it listens.
        identity: Of this start.
        refused: Makes the page for a browser without the cookie.
        outlived: Makes the page for one that has the name of an earlier start.
        on_stop: Called when the program is asked to end, by who knows the token.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        identity: Identity,
        refused: Callable[[], Response],
        outlived: Callable[[], Response],
        on_stop: Callable[[], None],
    ) -> None:
        self._app, self._port, self._identity = app, str(port), identity
        self._refused, self._outlived, self._on_stop = refused, outlived, on_stop
        self._passes: dict[str, tuple[str, float]] = {}
        self._cookie = lru_cache(maxsize=64)(identity.cookie)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # There are no WebSockets here.
            await send({"type": "websocket.close", "code": 1008})
            return

        scope[desk.GUEST] = True
        response = await self._answer(scope, Headers(scope=scope), receive)
        if response is None:
            scope[desk.GUEST] = False
        await (response or self._app)(scope, receive, with_headers(send))

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive) -> Response | None:
        """What is answered in our place; None when the request may pass."""
        host = headers.get("host", "").lower()
        found = _HOST.match(host)
        name = found["name"] if found and len(headers.getlist("host")) == 1 else ""
        if name != self._identity.name and name not in _LOOPBACK:
            if _NAME_OF_A_START.match(name):
                return self._outlived()
            return PlainTextResponse("This name is not one of this computer.\n", 421)
        method, path = str(scope["method"]), str(scope["path"])
        query = scope["query_string"].decode("latin-1")
        given = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
        if path in ("/hello", "/stop") and name in _LOOPBACK:
            return self._answer_program(method, path, headers, given)
        if is_from_elsewhere(method, headers, host):
            return PlainTextResponse("This request came from another page.\n", 403)
        if method == "GET" and self._is_token(given.get("token", "")):
            return self._welcome(host, headers, _own_path(path), given)
        if method == "GET" and "pass" in given and self._take_pass(given["pass"], host):
            return self._let_in(host, _address(_own_path(path), given))
        if method == "POST" and path == "/token":
            text = parse_qs((await _body(receive)).decode("latin-1")).get("token", [""])[0].strip()
            # The whole link is what people have at hand.
            told = re.search(r"token=([\w-]+)", text)
            if self._is_token(told.group(1) if told else text):
                return self._welcome(host, headers, "/", {"stay": "1"} if "stay=1" in text else {}, form=True)
            return self._refused()
        if not self._has_cookie(host, headers):
            return self._refused()
        if method == "GET" and "pass" in given:
            # It was used already, by this browser.
            return RedirectResponse(_address(_own_path(path), given), 303)
        return None

    def _answer_program(self, method: str, path: str, headers: Headers, given: dict[str, str]) -> Response:
        """Prove to another program of this user who we are, or end because it asks so. No browser asks for this."""
        nonce = given.get("nonce", "")
        if "sec-fetch-site" in headers or "origin" in headers or not 16 <= len(nonce) <= 200:
            return PlainTextResponse("This is not for pages.\n", 403)
        if method == "GET" and path == "/hello":
            return PlainTextResponse(desk.prove(self._identity.token, "hello", nonce, self._port))
        if method == "POST" and path == "/stop":
            if not desk.is_proof(given.get("proof", ""), self._identity.token, "stop", nonce, self._port):
                return PlainTextResponse("Who asks?\n", 403)
            self._on_stop()
            return Response(status_code=204)
        return PlainTextResponse("This address is not asked in this way.\n", 405)

    def _welcome(
        self, host: str, headers: Headers, path: str, given: dict[str, str], *, form: bool = False
    ) -> Response:
        """Let a browser with the token in: under our own name, where the browser finds it."""
        own = self._identity.name + (f":{_port_of(host)}" if ":" in host.rpartition("]")[2] else "")
        stays = given.get("stay") == "1" or self._has_cookie(host, headers)
        if host == own or stays or not finds_names_of_localhost(headers.get("user-agent", "")):
            return self._let_in(host, _address(path, given))
        address = (
            f"http://{own}{_address(path, {**given, 'pass': self._new_pass(own)}, but=('token', 'stay'))}"
        )
        if form:
            # Where a form leads to, redirects included, is bound to this host by `form-action`.
            return HTMLResponse(
                f'<!doctype html><title>rowbatch</title><a href="{escape(address)}">rowbatch</a>',
                headers={"refresh": f"0;url={address}"},
            )
        return RedirectResponse(address, 303)

    def _let_in(self, host: str, address: str) -> Response:
        response = RedirectResponse(address, 303)
        name, value = self._cookie(host)
        # Not Strict: a browser that is opened through a local redirect file would not send it.
        response.set_cookie(name, value, httponly=True, samesite="lax", path="/")
        return response

    def _has_cookie(self, host: str, headers: Headers) -> bool:
        name, value = self._cookie(host)
        return is_same(cookie_parser(headers.get("cookie", "")).get(name, ""), value)

    def _is_token(self, given: str) -> bool:
        return is_same(given, self._identity.token)

    def _new_pass(self, host: str) -> str:
        """What lets one browser in, once, within half a minute. The token does not go there: history would keep it."""
        now = time.monotonic()
        self._passes = {one: known for one, known in self._passes.items() if known[1] > now}
        made = secrets.token_urlsafe(32)
        self._passes[made] = host, now + _PASS_S
        return made

    def _take_pass(self, given: str, host: str) -> bool:
        known = self._passes.pop(given, None)
        return known is not None and known[0] == host and known[1] > time.monotonic()


def finds_names_of_localhost(user_agent: str) -> bool:
    """
    Whether a browser takes every name that ends in `.localhost` as this computer by itself.

    Chrome, Edge and others of their engine do, and Firefox from version 84 on. Safari does not (seen up to
    2026), nor do other browsers of its engine, which all of those on iOS are: they ask the system, and most
    systems know no such name.

    Source:
        RFC 6761, 6.3; Mozilla bug 1220810; WebKit bug 21898; "Support for the .localhost top-level domain"
        of ASP.NET Core's documentation, 2025.
    """
    if re.search(r"\b(CriOS|FxiOS|EdgiOS|OPiOS)/", user_agent):
        return False
    firefox = re.search(r"\bFirefox/(\d+)", user_agent)
    if firefox:
        return int(firefox.group(1)) >= _MIN_FIREFOX
    return re.search(r"(Chrome|Chromium)/\d", user_agent) is not None


def is_from_elsewhere(method: str, headers: Headers, host: str) -> bool:
    """Whether a page of another site sent a request, or an image or a script in one did."""
    if method not in _SAFE and headers.get("origin", "").lower() != f"http://{host}":
        return True
    is_visit = method in _SAFE and headers.get("sec-fetch-dest") == "document"
    # Pages on other ports of the same name are "same-site", and their requests bear our cookie.
    return headers.get("sec-fetch-site", "") in ("same-site", "cross-site") and not is_visit


def with_headers(send: Send) -> Send:
    """Send answers with the headers that bind a browser."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sent


def is_same(a: str, b: str) -> bool:
    """Compare what is secret, in a time that tells nothing of it."""
    return secrets.compare_digest(a.encode("utf-8", "surrogateescape"), b.encode("utf-8"))


def _port_of(host: str) -> str:
    found = _HOST.match(host)
    return (found["port"] if found else None) or "80"


def _own_path(path: str) -> str:
    """A path that cannot lead to another host: `//evil.example` would."""
    return "/" + path.lstrip("/\\") if re.fullmatch(r"[\w/.-]*", path) else "/"


def _address(path: str, given: dict[str, str], *, but: tuple[str, ...] = _OURS) -> str:
    query = urlencode({name: value for name, value in given.items() if name not in but})
    return f"{path}?{query}" if query else path


async def _body(receive: Receive) -> bytes:
    body = b""
    while len(body) < _MAX_FORM:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body
