"""
The one HTTP client of the toolkit.

Two kinds of call. A *free* call (reading, uploading, cancelling) is tried again when the
network or the server stumbles. A *paid* call goes out once, at every layer, and its outcome is one of three:
it was carried out, it was refused, or nobody knows.

What comes back is bounded while it comes, in bytes as they are after decoding and in seconds: nobody has to
believe a service, or whoever stands in between.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from rowbatch.core.address import (
    address_parts,
    check_address,
    has_secret,
    host_of,
    is_in_clear,
    is_loopback,
    secrets_in,
)
from rowbatch.errors import RefusalKind, ServiceError, UsageError, from_os_error
from rowbatch.words.masking import keep_secret, masked
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    import httpx2

# What is tried again is told by whoever asked for it, and not by a line of a library on a person's screen.
logging.getLogger("stamina").addHandler(logging.NullHandler())

_MAX_RETRY_AFTER_S = 900.0
# One failure is nothing to tell of; after the second somebody may wonder what is waited for.
_ATTEMPT_TOLD = 3
_READ_TIMEOUT_S = 120.0
_MOST_HEAD_BYTES = 50_000_000
MOST_ANSWER_BYTES = 32 << 20
"""Of a JSON answer, decoded: a list of 1,000 batches has about one."""
MOST_ERROR_BYTES = 1 << 20
"""That are read of what a service says to a call that it refuses."""
_ROW_TIMEOUT_S = 900.0
"""Until an answer that is billed by itself begins: 15 minutes, as OpenAI's guide to flex processing says."""
_ANSWER_S = 300.0
"""For an answer to come, from its head on; a file may take as long as it goes on coming."""
_PIECE_BYTES = 1 << 20
_MOST_KEY_CHARS = 8_192
_MOST_ID_CHARS = 512
ALLOW_HTTP_VARIABLE = "ROWBATCH_ALLOW_HTTP"
"""Names the hosts, with commas in between, to which a key may go over a connection that is not encrypted."""
_HALF_LETTER = re.compile(rb"\\u[dD][89a-fA-F]")
_NEVER_SENT = ("call-impossible", "call-elsewhere")
_ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
# What a client takes by default depends on the packages that are installed, and none of those has a bound.
ACCEPTED_ENCODINGS = "gzip, deflate"


_T = TypeVar("_T")


_GIVEN = Notice("key-place-given")


class Key:
    """
    An API key that shows itself to nobody: `str`, `repr` and pickles don't hold it, and messages mask it.

    Args:
        secret: The key alone, see `clean_key`.
        place: Where it was found, for the message when it cannot be one.
    Raises:
        UsageError: It cannot go in a header: characters that no key has, or too many. The message does not
            show it.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: str, place: str | Notice = _GIVEN) -> None:
        keep_secret(secret)
        why = _fault_of_key(secret)
        if why is not None:
            raise UsageError("key-malformed", place=place, why=why)
        self._secret = secret

    def reveal(self) -> str:
        """The key itself, for the one header that carries it."""
        return self._secret

    @property
    def mark(self) -> str:
        """Eight characters that tell two keys apart and give neither away."""
        return hashlib.sha256(b"rowbatch key mark\0" + self._secret.encode()).hexdigest()[:8]

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> Any:
        raise TypeError("a key is never stored")


_QUOTES = ('""', "''", "\u201c\u201d", "\u2018\u2019", "``")


def clean_key(text: str) -> str:
    """
    The key in a text, without what is copied along: blanks around it, quotes, the word `Bearer`; "" for none.

    Source:
        RFC 6750, section 2.1, for the word.
    """
    before = None
    text = text.strip().strip("\ufeff\u200b")
    while text != before:
        before = text
        text = re.sub(r"\A(?:authorization:\s*)?bearer(?:\s+|\Z)", "", text.strip(), flags=re.IGNORECASE)
        if len(text) > 1 and text[0] + text[-1] in _QUOTES:
            text = text[1:-1]
    return text


def _fault_of_key(secret: str) -> Notice | None:
    """Why a text can be no key; None where it can. Tells where, and never what stands there."""
    if not secret:
        return Notice("key-empty")
    if len(secret) > _MOST_KEY_CHARS:
        return Notice("key-too-long", {"chars": len(secret), "most": _MOST_KEY_CHARS})
    for at, char in enumerate(secret, start=1):
        where = {"at": at, "chars": len(secret)}
        if char == " ":
            return Notice("key-with-space", where)
        if not char.isprintable():
            return Notice("key-with-control", where)
        if not char.isascii():
            return Notice("key-not-ascii", where)
    return None


def is_id(value: object) -> bool:
    """
    Whether a value can be the id of something at a service.

    Source:
        The ids of OpenAI, Anthropic, Gemini and Mistral have 20 to 70 characters, all printable.
    """
    return (
        isinstance(value, str)
        and 0 < len(value) <= _MOST_ID_CHARS
        and value.isprintable()
        # A path of dots would lead elsewhere, whoever reads it.
        and all(part.strip(".") for part in value.split("/"))
    )


class Answer(NamedTuple):
    """
    What a service answered, whole.

    Attributes:
        status: Of HTTP.
        headers: Names in lower case.
        body: Decoded.
        host: Who answered.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str

    @property
    def is_success(self) -> bool:
        """Whether the call was carried out."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """The paid call was carried out; `body` is the service's answer."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The paid call was refused, or never left: nothing is billed."""

    why: Notice
    status: int | None = None
    code: str = ""
    retry_after_s: float | None = None
    refusal: RefusalKind = "other"

    @property
    def message(self) -> str:
        """Why, in words."""
        return str(self.why)

    @property
    def is_passing(self) -> bool:
        """Whether the same call may be carried out later: the service was busy, or out of reach."""
        return self.refusal != "unpaid" and (self.status is None or self.status == 429)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether the paid call was carried out. Never repeat it: look."""

    reason: str

    def __post_init__(self) -> None:
        # It is kept in the ledger.
        object.__setattr__(self, "reason", masked(self.reason))


PaidOutcome = CarriedOut | Refused | Unknown


def kind_of_status(status: int | None, code: str = "", message: str = "") -> RefusalKind:
    """Why a call was refused, where its HTTP status is all that says something."""
    del code, message
    if status is None:
        return "other"
    if status in (408, 409, 425, 429) or status >= 500:
        return "busy"
    known: dict[int, RefusalKind] = {401: "key-refused", 402: "unpaid", 403: "key-refused", 413: "too-large"}
    return known.get(status, "other")


@dataclass(slots=True)
class HttpClient:
    """
    Calls to one service. The key is sent to that service's host only.

    Args:
        base_url: With its path, as in `https://api.openai.com/v1`; a query of it goes with every call.
        key: Sent in one header, which is never logged.
        key_header: Which one.
        key_prefix: What stands before the key in it.
        headers: Others, sent with every call.
        secret_headers: Others that are as secret as the key.
        form_fields: Sent with every file that is uploaded as a form.
        transport: For tests.
        free_attempts: How often a free call is tried in all.
        clock: The time on this machine.
        refusal_kind: Why a call was refused, by its HTTP status, the service's code and its words.
        said: Told when a file does not come, and is asked for again and again.
    Raises:
        UsageError: The address is none, the key would go there in clear, or the environment names a proxy
            that is none.
    """

    # One of an old run may have a password in it.
    base_url: str = field(repr=False)
    key: Key | None = None
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form_fields: Mapping[str, str] = field(default_factory=dict)
    transport: httpx2.BaseTransport | None = None
    free_attempts: int = 6
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    refusal_kind: Callable[[int | None, str, str], RefusalKind] = kind_of_status
    said: Callable[[Notice], None] | None = None
    _client: httpx2.Client = field(init=False, repr=False)
    _ahead: timedelta = field(init=False, repr=False, default=timedelta(0))
    _was_answered: bool = field(init=False, repr=False, default=False)

    def __post_init__(self) -> None:
        import httpx2

        base_url, params = address_parts(check_address(self.base_url, may_hold_secret=True))
        require_may_be_sent(self.base_url, has_key=self.key is not None or bool(self.secret_headers))
        with proxies_of_environment():
            self._client = httpx2.Client(
                base_url=base_url,
                params=params or None,
                headers={"Accept-Encoding": ACCEPTED_ENCODINGS},
                transport=self.transport,
                timeout=httpx2.Timeout(_READ_TIMEOUT_S, connect=15.0),
                # A key would go along.
                follow_redirects=False,
                # A proxy of the environment is right for a provider and wrong for this machine; whom it says
                # to trust is right for both.
                trust_env=not is_loopback(self.base_url),
                verify=httpx2.create_ssl_context() if self.base_url.startswith("https") else True,
                event_hooks={"response": [self._look_at_clock]},
            )

    def server_now(self, path: str, params: Mapping[str, str | int] | None = None) -> datetime:
        """
        The time by the service's clock, as its last answer told it.

        Args:
            path: Asked when there was no answer yet; free.
            params: Of that call.
        Raises:
            ServiceError: There was no answer yet, and it cannot be asked.
        """
        if not self._was_answered:
            self.get(path, params)
        return self.clock() + self._ahead

    def _look_at_clock(self, response: httpx2.Response) -> None:
        self._was_answered = True
        at = _date_of(response)
        if at is not None:
            ahead = at - self.clock()
            # The header has whole seconds; what is less is no difference.
            self._ahead = ahead if abs(ahead) > timedelta(seconds=2) else timedelta(0)

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Mapping[str, Any]:
        """
        Ask for a JSON object.

        Raises:
            ServiceError: Refused, unreachable after all attempts, or not JSON.
        """
        return self.get_as(_as_it_is, path, params)

    def get_as(
        self,
        read: Callable[[Mapping[str, Any]], _T],
        path: str,
        params: Mapping[str, str | int] | None = None,
    ) -> _T:
        """
        Ask for a JSON object that can be read; one that cannot is asked for again, as often as one that is
        not answered.

        Args:
            read: What to make of it; raises ServiceError with the refusal `unreadable` where it cannot.
            path, params: As in `get`; so are other errors.
        """
        return self._retried(lambda: read(_json_object(self._exchange("GET", path, params=params))))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Make a call that costs nothing and may be repeated; errors as in `get`."""
        return self._free("POST", path, json=body)

    def delete(self, path: str) -> Mapping[str, Any]:
        """Delete something of our own; errors as in `get`."""
        return self._free("DELETE", path)

    def upload(self, path: str, file: Path, *, filename: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Send a file as a multipart form, streamed; errors as in `get`."""

        def send() -> Answer:
            with file.open("rb") as handle:
                return self._exchange(
                    "POST",
                    path,
                    files={"file": (filename, handle, "application/jsonl")},
                    data={**self.form_fields, **fields},
                )

        return _json_object(self._retried(send))

    def send_file(self, path: str, file: Path, headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Send a file as the body of a call, streamed; errors as in `get`."""

        def send() -> Answer:
            with file.open("rb") as handle:
                length = {"Content-Length": str(file.stat().st_size)}
                return self._exchange("POST", path, content=handle, headers={**length, **headers})

        return _json_object(self._retried(send))

    def head(self, path: str, lines: int) -> list[bytes]:
        r"""The first lines of a file, without their `\n` and without the rest; errors as in `get`."""

        def read() -> list[bytes]:
            found = b""
            with self._open("GET", path) as response:
                if not response.is_success:
                    raise self._error(_whole(response))
                for block in _decoded(response):
                    found += block
                    if found.count(b"\n") >= lines or len(found) > _MOST_HEAD_BYTES:
                        break
                else:
                    _require_length(response, len(found))
            return found.split(b"\n")[:lines]

        return self._call(read)

    def download(
        self,
        path: str,
        to: BinaryIO,
        progress: Callable[[int], None] | None = None,
        *,
        params: Mapping[str, str | int] | None = None,
        max_bytes: int | None = None,
        goes_on: bool = False,
    ) -> int:
        """
        Stream a file to `to`, which is emptied first. After a break only the rest is asked for.

        Args:
            path: Of the file.
            to: Where to.
            progress: Called with the bytes of each block.
            params: Of the call.
            max_bytes: A file that has more is none of ours; None means that any may come.
            goes_on: `to` is not emptied: it holds the beginning of the file, from a call that did not end.
                Whether it does is for the caller to verify.
        Returns:
            The number of bytes.
        Raises:
            ServiceError: Refused, unreachable, larger than `max_bytes`, or shorter than announced after all
                attempts.
            StorageError: It is announced to be larger than the disk has room.
        """
        import stamina

        size, was_encoded = 0, False

        def fetch() -> int:
            nonlocal size, was_encoded
            # Of an encoded answer nobody knows where the rest begins.
            size = 0 if was_encoded else size
            ranged = {"Range": f"bytes={size}-"} if size else {}
            with self._open("GET", path, params=params, headers=ranged) as response:
                if response.status_code not in (200, 206):
                    if response.status_code == 416:
                        size = 0
                    raise self._error(_whole(response))
                if response.status_code == 200 or not _continues(response, size):
                    # The server has no ranges: from the begin.
                    size = 0
                to.seek(size)
                to.truncate()
                start = size
                was_encoded = bool(encoding_of(response))
                _require_room(response, to)
                for block in _decoded(response):
                    size += len(block)
                    if max_bytes is not None and size > max_bytes:
                        raise ServiceError(
                            "download-too-large", host=self.host, max_bytes=max_bytes, status=200
                        )
                    to.write(block)
                    if progress:
                        progress(len(block))
                _require_length(response, size - start)
            return size

        if goes_on:
            size = to.seek(0, os.SEEK_END)
        else:
            to.seek(0)
            to.truncate()
        failed: ServiceError | None = None
        for attempt in stamina.retry_context(
            on=_wait_before_retry, attempts=self.free_attempts + 4, timeout=None, wait_max=60.0
        ):
            if attempt.num == _ATTEMPT_TOLD and self.said is not None and failed is not None:
                self.said(Notice("download-tried-again", {"why": failed.notice}))
            with attempt:
                try:
                    return self._call(fetch)
                except ServiceError as error:
                    failed = error
                    raise
        raise AssertionError("unreachable")

    def pay(
        self,
        path: str,
        body: Mapping[str, Any] | Iterable[bytes],
        headers: Mapping[str, str] | None = None,
        *,
        id_of: Callable[[Mapping[str, Any]], object] = lambda answer: answer.get("id"),
    ) -> PaidOutcome:
        """
        Make a call that costs money: sent once, never repeated here.

        A refusal is only what the service says in its own well-formed error, or a connection that
        was never opened. A time-out, a reset, 5xx, 408, 409, a proxy's page: unknown.

        Args:
            path: Of the call.
            body: As JSON; or its bytes, piece by piece, which are sent as they are.
            headers: More of them.
            id_of: Where in an answer the id stands of what was made.
        """
        sent: dict[str, Any] = {"json": body} if isinstance(body, Mapping) else {"content": body}
        kind = {} if isinstance(body, Mapping) else {"Content-Type": "application/json"}
        reply = self._sent_once(path, headers={**kind, **(headers or {})}, **sent)
        if not isinstance(reply, Answer):
            return reply
        answer = _json_or_none(reply)
        if reply.is_success:
            if answer is not None and is_id(id_of(answer)):
                return CarriedOut(answer)
            return Unknown(f"{self.host} answered {reply.status} without an id")
        if reply.status >= 500 or reply.status in (408, 409) or answer is None:
            # With the service's own words, where it has some.
            return Unknown(self._error(reply).message)
        if not _says_error(answer):
            return Unknown(f"{self.host} answered {reply.status}")
        return self._refused(reply)

    def pay_row(self, path: str, body: Mapping[str, Any]) -> PaidOutcome:
        """
        Ask one question that is billed by itself: sent once, never repeated here.

        What answers it is the answer itself. A refusal is any 4xx but 408 and 409, since then nothing was
        generated, and a 5xx in the service's own well-formed words, as a batch would list it for its row. A
        time-out, a reset, a proxy's page, what cannot be read: unknown.
        """
        reply = self._sent_once(path, json=body, timeout_s=_ROW_TIMEOUT_S)
        if not isinstance(reply, Answer):
            return reply
        answer = _json_or_none(reply)
        if reply.is_success:
            return Unknown(f"{self.host} answered no JSON") if answer is None else CarriedOut(answer)
        says_error = answer is not None and _says_error(answer)
        if reply.status in (408, 409) or (reply.status >= 500 and not says_error):
            return Unknown(f"{self.host} answered {reply.status}")
        return self._refused(reply)

    def _sent_once(
        self, path: str, *, timeout_s: float | None = None, **arguments: Any
    ) -> Answer | PaidOutcome:
        """Make a paid call; its answer, whatever it says, or what became of the call without one."""
        import httpx2

        if timeout_s is not None:
            arguments["timeout"] = httpx2.Timeout(timeout_s, connect=15.0)
        try:
            with self._open("POST", path, **arguments) as response:
                return _whole(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            why = Notice("no-connection", {"host": self.host, "told": cause_of(error)})
            return Refused(why, refusal="no-answer")
        except httpx2.HTTPError as error:
            return Unknown(f"the answer of {self.host} was lost: {cause_of(error)}")
        except ServiceError as error:
            if error.kind in _NEVER_SENT:
                return Refused(error.notice, error.status)
            # An answer came, and cannot be read to its end.
            return Unknown(error.message)

    def _refused(self, reply: Answer) -> Refused:
        error = self._error(reply)
        return Refused(error.notice, reply.status, error.code, error.retry_after_s, error.refusal)

    def ask_once(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        Make a call that is billed and small, and whose answer is wanted at once; never repeated.

        Raises:
            ServiceError: Refused, unreachable, or not JSON.
        """

        return _json_object(self._call(lambda: self._exchange("POST", path, json=body)))

    def call(
        self,
        method: str,
        path: str,
        *,
        content: Iterable[bytes] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a call that costs nothing and may be repeated, for what is no JSON; errors as in `get`."""
        # A generator can be sent once only.
        again = content if content is None or isinstance(content, bytes) else list(content)
        return self._retried(lambda: self._exchange(method, path, content=again, headers=headers))

    def _free(self, method: str, path: str, **arguments: Any) -> Mapping[str, Any]:
        return _json_object(self._retried(lambda: self._exchange(method, path, **arguments)))

    def _exchange(self, method: str, path: str, **arguments: Any) -> Answer:
        """Send a call once, and read its answer."""
        with self._open(method, path, **arguments) as response:
            answer = _whole(response)
        if not answer.is_success:
            raise self._error(answer)
        return answer

    @contextmanager
    def _open(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **arguments: Any
    ) -> Iterator[httpx2.Response]:
        """
        Send a call once; of its answer nothing is read yet.

        Raises:
            ServiceError: The address is none, or of another host, which is not to see the key.
        """
        import httpx2

        try:
            request = self._client.build_request(
                method, path, headers={**self._headers(), **(headers or {})}, **arguments
            )
        except (httpx2.InvalidURL, UnicodeError):
            # The words of a library may have the key in them; no `from`, since a traceback shows them too.
            raise ServiceError("call-impossible", host=self.host, status=400) from None
        base = self._client.base_url
        if (request.url.scheme, request.url.netloc) != (base.scheme, base.netloc):
            raise ServiceError("call-elsewhere", host=self.host, status=400)
        response = self._client.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()

    def _retried(self, send: Callable[[], _T]) -> _T:
        import stamina

        for attempt in stamina.retry_context(
            on=_wait_before_retry, attempts=self.free_attempts, timeout=None, wait_max=60.0
        ):
            with attempt:
                return self._call(send)
        raise AssertionError("unreachable")

    def _call(self, send: Callable[[], _T]) -> _T:
        import httpx2

        try:
            return send()
        except httpx2.HTTPError as error:
            # What is said of our own headers has the key in it, also in a traceback.
            shown = None if isinstance(error, httpx2.LocalProtocolError) else error
            raise ServiceError(
                "service-unreachable", host=self.host, told=cause_of(error), refusal="no-answer"
            ) from shown

    def _error(self, answer: Answer) -> ServiceError:
        error = _error(answer, self.refusal_kind)
        if answer.status == 401 and self.key is None and not self.secret_headers:
            error.instead = Notice("key-was-not-sent")
        return error

    def _headers(self) -> dict[str, str]:
        carried = {self.key_header: f"{self.key_prefix}{self.key.reveal()}"} if self.key else {}
        return {**self.headers, **self.secret_headers, **carried}

    @property
    def host(self) -> str:
        """Who is asked."""
        return host_of(self.base_url)


def require_may_be_sent(base_url: str, *, has_key: bool) -> None:
    """
    Make sure that no secret can be read on its way.

    Args:
        base_url: That can be asked.
        has_key: Whether a key goes there.
    Raises:
        UsageError: One would go over `http` to another machine that `ROWBATCH_ALLOW_HTTP` does not name.
    """
    for secret in secrets_in(base_url):
        keep_secret(secret)
        keep_secret(unquote(secret))
    if not (has_key or has_secret(base_url)) or not is_in_clear(base_url):
        return
    allowed = re.split(r"[,\s]+", os.environ.get(ALLOW_HTTP_VARIABLE, "").strip().lower())
    host = urlsplit(base_url).hostname or ""
    if host not in allowed and host_of(base_url) not in allowed:
        raise UsageError("key-in-clear", host=host_of(base_url), name=host, variable=ALLOW_HTTP_VARIABLE)


@contextmanager
def proxies_of_environment() -> Iterator[None]:
    """
    Around the making of a client: it reads the proxies, and their passwords are masked from then on.

    Raises:
        UsageError: One of them is none.
    """
    from urllib.request import getproxies

    import httpx2

    for proxy in getproxies().values():
        password = proxy.rpartition("@")[0].rpartition("://")[2].partition(":")[2]
        keep_secret(password)
        keep_secret(unquote(password))
    try:
        yield
    except (httpx2.InvalidURL, ValueError, ImportError) as error:
        # It is named only where a module itself is broken, and not where a proxy needs one that is not here.
        if isinstance(error, ImportError) and error.name:
            raise
        # The address is one that can be asked, so it is a proxy that cannot; its words may hold a password.
        raise UsageError("proxy-unusable") from None


def was_sent(error: ServiceError) -> bool:
    """Whether the call may have arrived; not where no connection was made."""
    import httpx2

    return not isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)


def _wait_before_retry(error: Exception) -> bool | float:
    if not isinstance(error, ServiceError):
        return False
    if not (error.is_passing or error.refusal == "unreadable"):
        return False
    return error.retry_after_s if error.retry_after_s is not None else True


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """
    Seconds to wait as a `Retry-After` header says: a number, or a date. Nonsense is 60 s; at most 15 min.

    Source:
        RFC 9110, section 10.2.3.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return 60.0
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - now).total_seconds()
    if not 0 <= seconds < float("inf"):
        return 0.0 if seconds < 0 else 60.0
    return min(seconds, _MAX_RETRY_AFTER_S)


def _error(answer: Answer, refusal_kind: Callable[[int | None, str, str], RefusalKind]) -> ServiceError:
    said = _json_or_none(answer) or {}
    message, code = _told(said)
    is_key = answer.status in (401, 403)
    return ServiceError(
        ("key-not-accepted-told" if is_key else "service-answered-told")
        if message
        else ("key-not-accepted" if is_key else "service-answered"),
        host=answer.host,
        # Masked before it is cut: half a key is known to nobody as one.
        told=masked(message)[:500],
        status=answer.status,
        code=masked(code)[:200],
        refusal=refusal_kind(answer.status, _codes(said), message),
        # A date of the service's is one by its own clock; ours may be wrong by hours.
        retry_after_s=retry_after_s(answer.headers.get("retry-after"), _date_of(answer) or datetime.now(UTC)),
    )


def _date_of(response: Answer | httpx2.Response) -> datetime | None:
    """When the service says that it answered, or None."""
    told = response.headers.get("date")
    try:
        at = parsedate_to_datetime(told) if told else None
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _told(answer: Mapping[str, Any]) -> tuple[str, str]:
    """
    What an error says, and its code: `{"error": {…}}` of nearly all, `{"message": …}` and `{"detail": …}` of
    Mistral and of gateways.
    """
    detail = answer.get("error", answer)
    if isinstance(detail, str):
        return detail, ""
    if not isinstance(detail, dict):
        return "", ""
    message = detail.get("message") or detail.get("detail") or ""
    code = detail.get("code") or detail.get("type") or ""
    return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False), str(code)


def _codes(answer: Mapping[str, Any]) -> str:
    """All codes of an error: the one that is told may be of a kind of its own, and its type the known one."""
    detail = answer.get("error", answer)
    found = [detail.get("code"), detail.get("type")] if isinstance(detail, dict) else []
    return " ".join(str(code) for code in found if isinstance(code, str | int) and code)


def _says_error(answer: Mapping[str, Any]) -> bool:
    """Whether it is an error in the words of an API, and not what some machine in between made up."""
    if isinstance(answer.get("error"), dict):
        return True
    return isinstance(answer.get("message"), str) and ("type" in answer or answer.get("object") == "error")


def _whole(response: httpx2.Response) -> Answer:
    """
    Read an answer to its end; of one that refuses at most the first part is read.

    Raises:
        ServiceError: It is too large, too slow, or not encoded as it says.
    """
    most = MOST_ANSWER_BYTES if response.is_success else MOST_ERROR_BYTES
    collected = AnswerBody(host_of(str(response.request.url)), encoding_of(response), most)
    try:
        for block in _blocks(response):
            if not collected.add(block):
                break
        body = collected.whole()
    except ServiceError:
        if response.is_success:
            raise
        # Its status says enough.
        body = b""
    return Answer(response.status_code, response.headers, body, collected.host)


class AnswerBody:
    """
    The body of an answer while it comes, with a bound on its bytes and on its seconds.

    Args:
        host: Who answers.
        encoding: As the answer's head says.
        max_bytes: How many bytes it may have, decoded.
    """

    def __init__(self, host: str, encoding: str, max_bytes: int) -> None:
        self.host, self._most = host, max_bytes
        self._decoder = Decoder(encoding, host)
        self._found, self._size = [b""], 0
        self._end = time.monotonic() + _ANSWER_S

    def add(self, block: bytes) -> bool:
        """
        Take a block as it came; returns whether there may be more.

        Raises:
            ServiceError: It is too slow, or not encoded as it says.
        """
        if time.monotonic() > self._end:
            raise ServiceError("answer-too-slow", host=self.host, limit_s=_ANSWER_S, refusal="no-answer")
        for piece in self._decoder.feed(block):
            self._size += len(piece)
            if self._size > self._most:
                self._found.clear()
                return False
            self._found.append(piece)
        return True

    def whole(self) -> bytes:
        """
        All of it, decoded.

        Raises:
            ServiceError: It has more bytes than it may, or ends before its end.
        """
        if self._size > self._most:
            raise ServiceError("answer-too-large", host=self.host, max_bytes=self._most, status=200)
        self._decoder.finish()
        return b"".join(self._found)


class Decoder:
    """
    Undo the encoding of an answer, a megabyte at a time: what a few bytes unpack to has no bound of its own.

    Args:
        encoding: As the answer's head says, or "".
        host: Who answers.
    Raises:
        ServiceError: It is an encoding that was not asked for.
    Source:
        RFC 9110, section 8.4.1.
    """

    def __init__(self, encoding: str, host: str) -> None:
        names = [name for part in encoding.lower().split(",") if (name := part.strip())]
        names = [name for name in names if name != "identity"]
        self._host = host
        if len(names) > 1 or any(name not in _ENCODINGS for name in names):
            raise self._error()
        self._bits = _ENCODINGS[names[0]] if names else 0
        self._inflate = zlib.decompressobj(self._bits) if self._bits else None
        self._is_begun = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        """
        The bytes that a block stands for, at most a megabyte at a time.

        Raises:
            ServiceError: It is not encoded as the answer says.
        """
        if self._inflate is None:
            yield block
            return
        while True:
            if self._inflate.eof:
                # Zeros may stand behind a member, or another one.
                block = block.lstrip(b"\0")
                if not block:
                    return
                self._inflate = zlib.decompressobj(self._bits)
            piece, block = self._some(block)
            if piece:
                yield piece
            if not block and len(piece) < _PIECE_BYTES:
                return

    def _some(self, block: bytes) -> tuple[bytes, bytes]:
        assert self._inflate is not None
        try:
            piece = self._inflate.decompress(block, _PIECE_BYTES)
        except zlib.error as error:
            if self._bits != _ENCODINGS["deflate"] or self._is_begun:
                raise self._error() from error
            # Some leave out the two bytes that begin it.
            self._bits = -15
            self._inflate = zlib.decompressobj(self._bits)
            return self._some(block)
        self._is_begun = self._is_begun or bool(block)
        return piece, self._inflate.unused_data or self._inflate.unconsumed_tail

    def finish(self) -> None:
        """
        Say that no block follows.

        Raises:
            ServiceError: The end is missing.
        """
        if self._inflate is not None and self._is_begun and not self._inflate.eof:
            raise self._error(refusal="no-answer")

    def _error(self, refusal: RefusalKind = "other") -> ServiceError:
        status = None if refusal == "no-answer" else 200
        return ServiceError("answer-not-decoded", host=self._host, status=status, refusal=refusal)


def _decoded(response: httpx2.Response) -> Iterator[bytes]:
    """The bytes of a file that comes, decoded; errors as in `Decoder`."""
    decoder = Decoder(encoding_of(response), host_of(str(response.request.url)))
    for block in _blocks(response):
        yield from decoder.feed(block)
    decoder.finish()


def encoding_of(response: httpx2.Response) -> str:
    """How the body is encoded; "" where it is not, or not any more."""
    return "" if response.is_stream_consumed else str(response.headers.get("content-encoding", ""))


def _blocks(response: httpx2.Response) -> Iterator[bytes]:
    """The body as it comes, not decoded."""
    if response.is_stream_consumed:
        # A transport without a network has read and decoded it.
        return iter([response.content])
    return iter(response.iter_raw())


def _require_length(response: httpx2.Response, size: int) -> None:
    """Make sure that as many bytes came as were announced."""
    announced = _announced(response)
    if announced is not None and announced != size:
        raise ServiceError("download-cut", size_bytes=size, announced_bytes=announced, refusal="no-answer")


def _announced(response: httpx2.Response) -> int | None:
    """How many bytes the head says that come; None where that cannot be compared."""
    announced = response.headers.get("content-length", "")
    is_number = announced.isascii() and announced.isdecimal() and len(announced) < 20
    return int(announced) if is_number and not response.headers.get("content-encoding") else None


def _require_room(response: httpx2.Response, to: BinaryIO) -> None:
    """Make sure that what was announced fits on the disk, before it fills it."""
    announced, name = _announced(response), getattr(to, "name", None)
    if announced is None or not isinstance(name, str):
        return
    if announced > shutil.disk_usage(Path(name).parent).free:
        raise from_os_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), name)


def _continues(response: httpx2.Response, at: int) -> bool:
    """Whether a partial answer begins where it was asked to (RFC 9110, section 14.4)."""
    return bool(str(response.headers.get("content-range", "")).startswith(f"bytes {at}-"))


def _json_or_none(answer: Answer) -> Mapping[str, Any] | None:
    try:
        found = json.loads(answer.body)
        if _HALF_LETTER.search(answer.body):
            # Half of a letter can be in a JSON text, and in no file.
            found = json.loads(json.dumps(found, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _json_object(answer: Answer) -> Mapping[str, Any]:
    found = _json_or_none(answer)
    if found is None:
        raise ServiceError("answer-no-json", host=answer.host, status=answer.status)
    return found


def _as_it_is(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return answer


def cause_of(error: Exception) -> str | Notice:
    """
    Why a call came to nothing, in words that may be shown.

    What a library says about headers has the headers in it, and so the key: those errors are told in words of
    our own, by their class.
    """
    import httpx2

    match error:
        case httpx2.LocalProtocolError() | httpx2.UnsupportedProtocol():
            return Notice("cause-not-sent")
        case httpx2.RemoteProtocolError():
            return Notice("cause-no-http")
        case _:
            return str(error) or type(error).__name__
