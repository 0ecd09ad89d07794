"""
One server that answers requests: how it is called, whether it is there, and how much it is given.

aiohttp calls it. Beside 256 connections a request costs it 0.2 to 0.4 ms of a processor; httpx2, which looks
at every idle connection before each request, needed 7 to 8 ms there (November 2026, Python 3.11).
"""

from __future__ import annotations

import contextvars
import json
import logging
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from rowbatch.core.address import address_parts, check_address, host_of, is_loopback
from rowbatch.errors import ServiceError, UsageError
from rowbatch.http import (
    ACCEPTED_ENCODINGS,
    MOST_ANSWER_BYTES,
    AnswerBody,
    HttpClient,
    Key,
    proxies_of_environment,
    retry_after_s,
)
from rowbatch.server.connection import ending_with_connection
from rowbatch.server.engine import EngineReply, in_error_form
from rowbatch.server.level import Level
from rowbatch.words.masking import masked

if TYPE_CHECKING:
    import aiohttp

_CONNECT_S = 15.0
# Servers close what is idle: uvicorn, and so vLLM, after five seconds.
_IDLE_S = 4.0
_LOOK_S = 10.0
_OLD_CONNECTIONS = 4
_LATEST = ":latest"
_MOST_SAID_BYTES = 500
_EVENTS = "text/event-stream"
_AT_ONCE_S = 1.0
_MOST_LISTED = 20
_OF_GATEWAYS = (502, 503, 504)

_was_connected: contextvars.ContextVar[list[bool] | None] = contextvars.ContextVar("connected", default=None)
"""Where a call notes that a connection was made for it: others may have been closed meanwhile."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """
    A server, as it is named.

    Attributes:
        base_url: Of its API, as in `http://gpu-1:8000/v1`.
        weight: How much of the rows it is given, beside the others.
    """

    base_url: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Sent:
    """
    What became of a call.

    Attributes:
        fate: `answered`, with whatever status; `busy`: not carried out, since there was too much to do;
            `away`: nobody was there; `lost`: nobody knows, or a gateway got no answer; `slow`: it took longer
            than it may.
        reply: What is given on if this is the end of it.
        retry_after_s: What a busy server asks for.
    """

    fate: Literal["answered", "busy", "away", "lost", "slow"]
    reply: EngineReply
    retry_after_s: float | None = None


class Node:
    """
    A server that answers.

    Args:
        upstream: Which.
        key: For it, or None.
        most: How many requests it is ever given at once.
        limit_s: How long an answer may take, to its end.
        named: Models that it has whatever it lists: people know that of servers which list others, or none.
    Attributes:
        models: Ids of its models; None where it did not list them yet.
        in_flight: Requests that are with it now.
        level: How many it may have.
        away: Why it is not asked now; "" where it is.
        not_before: Until when it asked to be left alone, on the clock that never goes back.
    Raises:
        UsageError: The address is none, or the key would go there in clear.
    """

    def __init__(
        self,
        upstream: Upstream,
        key: Key | None,
        *,
        most: int,
        limit_s: float,
        named: tuple[str, ...] = (),
    ) -> None:
        self.base_url, self.weight = check_address(upstream.base_url), upstream.weight
        self.key, self.limit_s = key, limit_s
        self._named = named
        self.models: tuple[str, ...] | None = named or None
        self.in_flight = 0
        self.answers = 0
        self.level = Level(most)
        self.away = ""
        self.not_before = 0.0
        self._session: aiohttp.ClientSession | None = None
        self._base, self._params = address_parts(self.base_url)
        self._urls: dict[str, Any] = {}
        # Says at once where the key may not go.
        HttpClient(self.base_url, key).__exit__(None, None, None)

    @property
    def host(self) -> str:
        return host_of(self.base_url)

    @property
    def is_free_of_charge(self) -> bool:
        """Whether a call that may have been carried out can be made again: nobody can bill it."""
        return self.key is None or is_loopback(self.base_url)

    def has(self, model: str) -> bool:
        """Whether it lists a model; Ollama lists `llama3.2:latest` and answers to `llama3.2` too."""
        return model in (self.models or ()) or f"{model}{_LATEST}" in (self.models or ())

    def list_models(self) -> None:
        """
        Ask for its models, at the start.

        Raises:
            ServiceError: It cannot be reached, or lists none and none is named.
        """
        with HttpClient(self.base_url, self.key, free_attempts=3) as http:
            try:
                listed = _names(http.get("models"))
            except ServiceError as error:
                if not self._named or error.status is None:
                    raise
                listed = ()
        if not listed and not self._named:
            raise ServiceError("no-models-listed", host=self.host)
        known = short_names(listed)
        for name in self._named:
            if name not in known:
                told = ", ".join(known[:_MOST_LISTED]) or "none"
                words = "%s does not list the model %s (it lists: %s); it is asked for it all the same"
                logging.getLogger(__name__).warning(words, self.host, name, told)
        self.models = self._with_named(listed)

    def _with_named(self, listed: tuple[str, ...]) -> tuple[str, ...]:
        return (*listed, *(name for name in self._named if name not in listed))

    async def look(self) -> bool:
        """Whether it is there (again); its models are those that it lists now."""
        import aiohttp

        try:
            timeout = aiohttp.ClientTimeout(total=_LOOK_S)
            async with self._started().get(
                self._url("models"),
                timeout=timeout,
                allow_redirects=False,
                proxy=self._proxy,
                # A call on an old connection that ends is made again; that of a look is no such one.
                headers={"Connection": "close"},
            ) as found:
                is_gateways = found.status in _OF_GATEWAYS
                if is_gateways or found.status == 429 or (found.status >= 500 and not self._named):
                    return False
                names = _names(json.loads(await _whole(found, self.host)))
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
        except (ServiceError, ValueError, RecursionError):
            names = ()
        self.models = self._with_named(names) or self.models
        return True

    async def send(self, path: str, content: bytes) -> Sent:
        """
        Make a call, once; and again where its connection was an old one that the server had closed.

        Args:
            path: Below the address.
            content: The body, as JSON.
        """
        sent = await self._sent(path, content, streams=False)
        assert isinstance(sent, Sent)
        return sent

    async def open(self, path: str, content: bytes) -> Sent | aiohttp.ClientResponse:
        """
        As `send`, of a call whose answer comes bit by bit.

        Returns:
            The answer, of which the head is here; it is to be closed. Or what became of the call where it is
            no stream.
        """
        return await self._sent(path, content, streams=True)

    async def _sent(self, path: str, content: bytes, *, streams: bool) -> Sent | aiohttp.ClientResponse:
        for _ in range(_OLD_CONNECTIONS):
            sent = await self._send(path, content, streams=streams)
            if sent is not None:
                return sent
        return self._failed("lost", "the upstream server closed the connection")

    async def _send(
        self, path: str, content: bytes, *, streams: bool
    ) -> Sent | aiohttp.ClientResponse | None:
        """As `open`; None where an idle connection was closed before a byte of an answer came."""
        import aiohttp

        session = self._started()
        made: list[bool] = []
        response = None
        began = time.monotonic()
        _was_connected.set(made)
        try:
            response = await session.post(
                self._url(path), data=content, allow_redirects=False, proxy=self._proxy
            )
            if streams and response.status == 200 and response.content_type == _EVENTS:
                return response
            async with response:
                headers = response.headers
                content = await _whole(response, self.host)
                reply = _reply(response.status, content)
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientHttpProxyError,
        ) as error:
            # It was not carried out, so it may be made again.
            return self._failed("away", f"no connection to the upstream server: {_told(error)}")
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            # What was closed already shows itself at once, as an end or as a reset; uvicorn closes after an
            # error of its application.
            if not made and response is None and time.monotonic() - began < _AT_ONCE_S:
                return None
            return self._failed("lost", f"the upstream server's answer was lost: {_told(error)}")
        except TimeoutError:
            return self._failed("slow", f"no answer of the upstream server within {self.limit_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return self._failed("lost", f"the upstream server's answer was lost: {_told(error)}")
        except ServiceError as error:
            return Sent("answered", EngineReply(502, error_body(error.message, "upstream_unreadable")))
        if response.status in (429, 503) and not _is_final(reply):
            return Sent("busy", reply, retry_after_s(headers.get("retry-after"), datetime.now(UTC)))
        if response.status in (502, 504):
            # A gateway says so of whom it asked.
            return Sent("lost", reply)
        is_open_ended = "content-length" not in headers and "transfer-encoding" not in headers
        if is_open_ended and _is_cut(content):
            return self._failed("lost", "the upstream server's answer was lost: it ends in the middle")
        if 300 <= response.status < 400:
            told = f"the upstream server is elsewhere: it answers {response.status} with {_place(headers)}"
            return Sent("answered", EngineReply(502, error_body(told, "upstream_redirects")))
        return Sent("answered", reply)

    def _failed(self, fate: Literal["away", "lost", "slow"], told: str) -> Sent:
        status, code = {
            "away": (503, "upstream_unreachable"),
            "lost": (502, "upstream_answer_lost"),
            "slow": (504, "upstream_too_slow"),
        }[fate]
        return Sent(fate, EngineReply(status, error_body(told, code)))

    async def stop(self) -> None:
        """Let go of its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def report(self) -> dict[str, Any]:
        """How it stands, for people."""
        return {
            "host": self.host,
            "weight": self.weight,
            "state": "away" if self.away else "answers",
            "told": self.away,
            "in_flight": self.in_flight,
            "slots": self.level.now,
            "answers": self.answers,
        }

    def _url(self, path: str) -> Any:
        from yarl import URL

        if path not in self._urls:
            url = URL(self._base + path, encoded=True)
            self._urls[path] = url.with_query(self._params) if self._params else url
        return self._urls[path]

    def _started(self) -> aiohttp.ClientSession:
        import aiohttp
        import httpx2

        if self._session is None:
            carried = {"Authorization": f"Bearer {self.key.reveal()}"} if self.key else {}
            self._proxy = None if is_loopback(self.base_url) else _proxy_for(self.base_url)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    # The level is the limit.
                    limit=0,
                    keepalive_timeout=_IDLE_S,
                    # Whom the rest of the program trusts.
                    ssl=httpx2.create_ssl_context(),
                    socket_factory=_new_socket,
                ),
                headers={
                    "Accept-Encoding": ACCEPTED_ENCODINGS,
                    "Content-Type": "application/json",
                    **carried,
                },
                timeout=aiohttp.ClientTimeout(total=self.limit_s, sock_connect=_CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                # What a few bytes unpack to has a bound: `AnswerBody`.
                auto_decompress=False,
            )
        return self._session


def parse_upstream(text: str) -> Upstream:
    """
    `URL` or `URL=WEIGHT`; an address may end with a query, which has equals signs of its own.

    Raises:
        UsageError: The weight is no number above zero.
    """
    address, equals, weight = text.strip().rpartition("=")
    last = address.replace("&", "?").rpartition("?")
    is_query = bool(last[1]) and "=" not in last[2]
    if not equals or is_query:
        return Upstream(text)
    try:
        number = float(weight)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise UsageError("weight-of-upstream", weight=weight)
    return Upstream(address, number)


def short_names(names: Iterable[str]) -> list[str]:
    """Names, and what a server answers to besides: without `:latest`."""
    known = list(names)
    return known + [short for name in known if (short := name.removesuffix(_LATEST)) not in known]


def error_body(message: str, code: str) -> dict[str, Any]:
    """An error in OpenAI's form; what is secret in it is masked."""
    return {"error": {"message": masked(message), "type": "server_error", "param": None, "code": code}}


def _names(listed: object) -> tuple[str, ...]:
    entries = listed.get("data") if isinstance(listed, Mapping) else None
    return tuple(
        str(entry["id"])
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("id")
    )


def _reply(status: int, body: bytes) -> EngineReply:
    """What was answered; a refusal in OpenAI's form, with the words that were said."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return EngineReply(status, found if status < 400 else in_error_form(status, found))
    told = "the upstream server's answer is not JSON"
    said = " ".join(body[:_MOST_SAID_BYTES].decode(errors="replace").split())
    code = "upstream_not_json"
    return EngineReply(
        status if status >= 400 else 502, error_body(f"{told}: {said}" if said else told, code)
    )


async def _whole(response: aiohttp.ClientResponse, host: str) -> bytes:
    """
    The body of an answer, decoded.

    Raises:
        ServiceError: It is too large, or not encoded as it says.
    """
    body = AnswerBody(host, response.headers.get("content-encoding", ""), MOST_ANSWER_BYTES)
    with ending_with_connection(response):
        while block := await response.content.readany():
            if not body.add(block):
                break
    return body.whole()


def _is_cut(content: bytes) -> bool:
    """Whether an object begins here and does not end."""
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return content.lstrip()[:1] == b"{"
    return False


def _place(headers: Mapping[str, str]) -> str:
    """Where a redirect leads, as it is named to the program as a server."""
    from urllib.parse import urlsplit

    parts = urlsplit(headers.get("location", ""))
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another path"


def _is_final(reply: EngineReply) -> bool:
    """
    Whether a refusal with a status of busy servers will not pass: there is no money left.

    Source:
        OpenAI's guide to error codes: 429 "You exceeded your current quota", `insufficient_quota`.
    """
    told = reply.body.get("error")
    codes = (told.get("code"), told.get("type")) if isinstance(told, Mapping) else ()
    return "insufficient_quota" in codes


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


def _proxy_for(address: str) -> str | None:
    """
    The proxy of the environment for an address; aiohttp's own way would read passwords in `.netrc` as well.

    Raises:
        UsageError: It is none that aiohttp can use.
    """
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(address)
    with proxies_of_environment():
        if proxy_bypass(parts.netloc):
            return None
        proxies = getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if proxy and not proxy.lower().startswith(("http://", "https://")):
            raise ValueError(proxy)
        return proxy


def _new_socket(address: Any) -> socket.socket:
    made = _was_connected.get()
    if made is not None:
        made.append(True)
    return socket.socket(family=address[0], type=address[1], proto=address[2])
