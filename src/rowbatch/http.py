"""
The one HTTP client of the toolkit.

Two kinds of call. A *free* call (reading, uploading, cancelling) is tried again when the
network or the server stumbles. A *paid* call goes out once, at every layer, and its outcome is one of three:
it was carried out, it was refused, or nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from rowbatch.errors import ServiceError

if TYPE_CHECKING:
    import httpx2

_RETRIED_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_MAX_RETRY_AFTER_S = 900.0
_READ_TIMEOUT_S = 120.0


_T = TypeVar("_T")


class Key:
    """An API key that shows itself to nobody: `str`, `repr` and pickles don't hold it."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def reveal(self) -> str:
        """The key itself, for the one header that carries it."""
        return self._secret

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

    message: str
    status: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether the paid call was carried out. Never repeat it: look."""

    reason: str


PaidOutcome = CarriedOut | Refused | Unknown


@dataclass(slots=True)
class HttpClient:
    """
    Calls to one service. The key is sent to that service's host only.

    Args:
        base_url: With its path, as in `https://api.openai.com/v1`.
        key: Sent as a bearer token.
        transport: For tests.
        free_attempts: How often a free call is tried in all.
    """

    base_url: str
    key: Key | None = None
    transport: httpx2.BaseTransport | None = None
    free_attempts: int = 6
    _client: httpx2.Client = field(init=False, repr=False)

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
        )

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

    def download(self, path: str, to: BinaryIO, progress: Callable[[int], None] | None = None) -> int:
        """
        Stream a file to `to`, which is emptied first at each attempt.

        Returns:
            The number of bytes.
        Raises:
            ServiceError: Refused, unreachable, or shorter than announced after all attempts.
        """
        import stamina

        def fetch() -> int:
            to.seek(0)
            to.truncate()
            size = 0
            with self._client.stream("GET", path, headers=self._headers()) as response:
                if response.status_code != 200:
                    response.read()
                    raise _error(response)
                for block in response.iter_bytes(1 << 20):
                    to.write(block)
                    size += len(block)
                    if progress:
                        progress(len(block))
                announced = response.headers.get("content-length")
                encoded = response.headers.get("content-encoding")
                if announced and not encoded and int(announced) != size:
                    raise ServiceError(f"a download was cut: {size:,} of {int(announced):,} bytes came")
            return size

        for attempt in stamina.retry_context(
            on=_wait_before_retry, attempts=self.free_attempts, timeout=None, wait_max=60.0
        ):
            with attempt:
                return self._call(fetch)
        raise AssertionError("unreachable")

    def pay(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> PaidOutcome:
        """
        Make a call that costs money: sent once, never repeated here.

        A refusal is only what the service says in its own well-formed error, or a connection that
        was never opened. A time-out, a reset, 5xx, 408, 409, a proxy's page: unknown.
        """
        import httpx2

        try:
            response = self._client.post(path, json=body, headers={**self._headers(), **(headers or {})})
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return Refused(f"no connection to {self._host()}: {_cause(error)}")
        except httpx2.HTTPError as error:
            return Unknown(f"the answer of {self._host()} was lost: {_cause(error)}")
        answer = _json_or_none(response)
        if response.is_success:
            if answer is not None and isinstance(answer.get("id"), str) and answer["id"]:
                return CarriedOut(answer)
            return Unknown(f"{self._host()} answered {response.status_code} without an id")
        if response.status_code >= 500 or response.status_code in (408, 409) or answer is None:
            return Unknown(f"{self._host()} answered {response.status_code}")
        if not isinstance(answer.get("error"), dict):
            return Unknown(f"{self._host()} answered {response.status_code}")
        refusal = _error(response)
        return Refused(refusal.message, response.status_code, refusal.code)

    def _free(self, method: str, path: str, **arguments: Any) -> Mapping[str, Any]:
        return _json_object(
            self._retried(lambda: self._client.request(method, path, headers=self._headers(), **arguments))
        )

    def _retried(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        import stamina

        def checked() -> httpx2.Response:
            response = send()
            if not response.is_success:
                raise _error(response)
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
                f"{self._host()} cannot be reached: {_cause(error)}",
                hint="check the network; what was sent so far is kept, run the same command again",
            ) from error

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key.reveal()}"} if self.key else {}

    def _host(self) -> str:
        return urlsplit(self.base_url).netloc


def _wait_before_retry(error: Exception) -> bool | float:
    if not isinstance(error, ServiceError):
        return False
    if error.status is None:
        return True
    if error.status not in _RETRIED_STATUSES:
        return False
    return error.retry_after_s if isinstance(error, _Busy) and error.retry_after_s is not None else True


class _Busy(ServiceError):
    """A refusal that carries how long to wait."""

    retry_after_s: float | None = None


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


def _error(response: httpx2.Response) -> ServiceError:
    answer = _json_or_none(response) or {}
    detail = answer.get("error")
    message, code = "", ""
    if isinstance(detail, dict):
        message, code = str(detail.get("message") or ""), str(detail.get("code") or "")
    elif isinstance(detail, str):
        message = detail
    host = response.request.url.netloc.decode()
    text = f"{host} answered {response.status_code}" + (f": {message[:500]}" if message else "")
    hint = "the key was not accepted: check it" if response.status_code in (401, 403) else ""
    error = _Busy(text, status=response.status_code, code=code, hint=hint)
    error.retry_after_s = retry_after_s(response.headers.get("retry-after"), datetime.now(UTC))
    return error


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
            f"{response.request.url.netloc.decode()} answered something that is not JSON",
            status=response.status_code,
            hint="is the address right, and is there a proxy or a log-in page in between?",
        )
    return answer


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
