"""
The one HTTP client of the toolkit.

Two kinds of call. A *free* call (reading, uploading, cancelling) is tried again when the
network or the server stumbles. A *paid* call goes out once, at every layer, and its outcome is one of three:
it was carried out, it was refused, or nobody knows.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from rowbatch.errors import RefusalKind, ServiceError
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    import httpx2

# What is tried again is told by whoever asked for it, and not by a line of a library on a person's screen.
logging.getLogger("stamina").addHandler(logging.NullHandler())

_MAX_RETRY_AFTER_S = 900.0
_READ_TIMEOUT_S = 120.0
_MOST_HEAD_BYTES = 50_000_000


_T = TypeVar("_T")


class Key:
    """An API key that shows itself to nobody: `str`, `repr` and pickles don't hold it."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
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
        base_url: With its path, as in `https://api.openai.com/v1`.
        key: Sent in one header, which is never logged.
        key_header: Which one.
        key_prefix: What stands before the key in it.
        headers: Others, sent with every call.
        transport: For tests.
        free_attempts: How often a free call is tried in all.
        clock: The time on this machine.
        refusal_kind: Why a call was refused, by its HTTP status, the service's code and its words.
    """

    base_url: str
    key: Key | None = None
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    transport: httpx2.BaseTransport | None = None
    free_attempts: int = 6
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    refusal_kind: Callable[[int | None, str, str], RefusalKind] = kind_of_status
    _client: httpx2.Client = field(init=False, repr=False)
    _ahead: timedelta = field(init=False, repr=False, default=timedelta(0))
    _was_answered: bool = field(init=False, repr=False, default=False)

    def __post_init__(self) -> None:
        import httpx2

        local = (urlsplit(self.base_url).hostname or "") in ("127.0.0.1", "localhost", "::1")
        self._client = httpx2.Client(
            base_url=self.base_url.rstrip("/") + "/",
            transport=self.transport,
            timeout=httpx2.Timeout(_READ_TIMEOUT_S, connect=15.0),
            follow_redirects=False,
            # A proxy of the environment is right for a provider and wrong for this machine.
            trust_env=not local,
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
        return self._free("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Make a call that costs nothing and may be repeated; errors as in `get`."""
        return self._free("POST", path, json=body)

    def delete(self, path: str) -> Mapping[str, Any]:
        """Delete something of our own; errors as in `get`."""
        return self._free("DELETE", path)

    def upload(self, path: str, file: Path, *, filename: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Send a file as a multipart form, streamed; errors as in `get`."""

        def send() -> httpx2.Response:
            with file.open("rb") as handle:
                return self._client.post(
                    path,
                    files={"file": (filename, handle, "application/jsonl")},
                    data=dict(fields),
                    headers=self._headers(),
                )

        return _json_object(self._retried(send))

    def send_file(self, path: str, file: Path, headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Send a file as the body of a call, streamed; errors as in `get`."""

        def send() -> httpx2.Response:
            with file.open("rb") as handle:
                length = {"Content-Length": str(file.stat().st_size)}
                return self._client.post(
                    path, content=handle, headers={**self._headers(), **length, **headers}
                )

        return _json_object(self._retried(send))

    def head(self, path: str, lines: int) -> list[bytes]:
        r"""The first lines of a file, without their `\n` and without the rest; errors as in `get`."""

        def read() -> list[bytes]:
            found = b""
            with self._client.stream("GET", path, headers=self._headers()) as response:
                if not response.is_success:
                    response.read()
                    raise self._error(response)
                for block in response.iter_bytes():
                    found += block
                    if found.count(b"\n") >= lines or len(found) > _MOST_HEAD_BYTES:
                        break
                else:
                    _require_length(response, len(found))
            return found.split(b"\n")[:lines]

        return self._call(read)

    def download(self, path: str, to: BinaryIO, progress: Callable[[int], None] | None = None) -> int:
        """
        Stream a file to `to`, which is emptied first. After a break only the rest is asked for.

        Returns:
            The number of bytes.
        Raises:
            ServiceError: Refused, unreachable, or shorter than announced after all attempts.
        """
        import stamina

        size = 0

        def fetch() -> int:
            nonlocal size
            ranged = {"Range": f"bytes={size}-"} if size else {}
            with self._client.stream("GET", path, headers={**self._headers(), **ranged}) as response:
                if response.status_code not in (200, 206):
                    response.read()
                    if response.status_code == 416:
                        size = 0
                    raise self._error(response)
                if response.status_code == 200 or not _continues(response, size):
                    # The server has no ranges: from the begin.
                    size = 0
                to.seek(size)
                to.truncate()
                start = size
                for block in response.iter_bytes(1 << 20):
                    to.write(block)
                    size += len(block)
                    if progress:
                        progress(len(block))
                _require_length(response, size - start)
            return size

        to.seek(0)
        to.truncate()
        for attempt in stamina.retry_context(
            on=_wait_before_retry, attempts=self.free_attempts + 4, timeout=None, wait_max=60.0
        ):
            with attempt:
                return self._call(fetch)
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
        import httpx2

        sent: dict[str, Any] = {"json": body} if isinstance(body, Mapping) else {"content": body}
        kind = {} if isinstance(body, Mapping) else {"Content-Type": "application/json"}
        try:
            response = self._client.post(path, headers={**self._headers(), **kind, **(headers or {})}, **sent)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            why = Notice("no-connection", {"host": self._host(), "told": _cause(error)})
            return Refused(why, refusal="no-answer")
        except httpx2.HTTPError as error:
            return Unknown(f"the answer of {self._host()} was lost: {_cause(error)}")
        answer = _json_or_none(response)
        if response.is_success:
            found = id_of(answer) if answer is not None else None
            if answer is not None and isinstance(found, str) and found:
                return CarriedOut(answer)
            return Unknown(f"{self._host()} answered {response.status_code} without an id")
        if response.status_code >= 500 or response.status_code in (408, 409) or answer is None:
            return Unknown(f"{self._host()} answered {response.status_code}")
        refusal = self._error(response)
        if not _says_error(answer):
            return Unknown(f"{self._host()} answered {response.status_code}")
        return Refused(
            refusal.notice, response.status_code, refusal.code, refusal.retry_after_s, refusal.refusal
        )

    def ask_once(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        Make a call that is billed and small, and whose answer is wanted at once; never repeated.

        Raises:
            ServiceError: Refused, unreachable, or not JSON.
        """

        def send() -> httpx2.Response:
            response = self._client.post(path, json=body, headers=self._headers())
            if not response.is_success:
                raise self._error(response)
            return response

        return _json_object(self._call(send))

    def call(
        self,
        method: str,
        path: str,
        *,
        content: Iterable[bytes] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Make a call that costs nothing and may be repeated, for what is no JSON; errors as in `get`."""
        # A generator can be sent once only.
        again = content if content is None or isinstance(content, bytes) else list(content)
        return self._retried(
            lambda: self._client.request(
                method, path, content=again, headers={**self._headers(), **(headers or {})}
            )
        )

    def _free(self, method: str, path: str, **arguments: Any) -> Mapping[str, Any]:
        return _json_object(
            self._retried(lambda: self._client.request(method, path, headers=self._headers(), **arguments))
        )

    def _retried(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        import stamina

        def checked() -> httpx2.Response:
            response = send()
            if not response.is_success:
                raise self._error(response)
            return response

        for attempt in stamina.retry_context(
            on=_wait_before_retry, attempts=self.free_attempts, timeout=None, wait_max=60.0
        ):
            with attempt:
                return self._call(checked)
        raise AssertionError("unreachable")

    def _call(self, send: Callable[[], _T]) -> _T:
        import httpx2

        try:
            return send()
        except httpx2.HTTPError as error:
            raise ServiceError(
                "service-unreachable", host=self._host(), told=_cause(error), refusal="no-answer"
            ) from error

    def _error(self, response: httpx2.Response) -> ServiceError:
        return _error(response, self.refusal_kind)

    def _headers(self) -> dict[str, str]:
        carried = {self.key_header: f"{self.key_prefix}{self.key.reveal()}"} if self.key else {}
        return {**self.headers, **carried}

    def _host(self) -> str:
        return urlsplit(self.base_url).netloc


def was_sent(error: ServiceError) -> bool:
    """Whether the call may have arrived; not where no connection was made."""
    import httpx2

    return not isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)


def _wait_before_retry(error: Exception) -> bool | float:
    if not isinstance(error, ServiceError):
        return False
    if not error.is_passing:
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
        except ValueError:
            return 60.0
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - now).total_seconds()
    if not 0 <= seconds < float("inf"):
        return 0.0 if seconds < 0 else 60.0
    return min(seconds, _MAX_RETRY_AFTER_S)


def _error(
    response: httpx2.Response, refusal_kind: Callable[[int | None, str, str], RefusalKind]
) -> ServiceError:
    answer = _json_or_none(response) or {}
    message, code = _told(answer)
    is_key = response.status_code in (401, 403)
    return ServiceError(
        ("key-not-accepted-told" if is_key else "service-answered-told")
        if message
        else ("key-not-accepted" if is_key else "service-answered"),
        host=response.request.url.netloc.decode(),
        told=message[:500],
        status=response.status_code,
        code=code,
        refusal=refusal_kind(response.status_code, _codes(answer), message),
        # A date of the service's is one by its own clock; ours may be wrong by hours.
        retry_after_s=retry_after_s(
            response.headers.get("retry-after"), _date_of(response) or datetime.now(UTC)
        ),
    )


def _date_of(response: httpx2.Response) -> datetime | None:
    """When the service says that it answered, or None."""
    told = response.headers.get("date")
    try:
        at = parsedate_to_datetime(told) if told else None
    except ValueError:
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


def _require_length(response: httpx2.Response, size: int) -> None:
    """Make sure that as many bytes came as were announced."""
    announced = response.headers.get("content-length")
    if announced and not response.headers.get("content-encoding") and int(announced) != size:
        raise ServiceError(
            "download-cut", size_bytes=size, announced_bytes=int(announced), refusal="no-answer"
        )


def _continues(response: httpx2.Response, at: int) -> bool:
    """Whether a partial answer begins where it was asked to (RFC 9110, section 14.4)."""
    return bool(str(response.headers.get("content-range", "")).startswith(f"bytes {at}-"))


def _json_or_none(response: httpx2.Response) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _json_object(response: httpx2.Response) -> Mapping[str, Any]:
    answer = _json_or_none(response)
    if answer is None:
        raise ServiceError(
            "answer-no-json", host=response.request.url.netloc.decode(), status=response.status_code
        )
    return answer


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
