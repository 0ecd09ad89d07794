"""
Providers that misbehave: their APIs over a handler of HTTP requests, with their own count of what was paid.

One engine keeps files and batches; four skins speak OpenAI's, Anthropic's, Gemini's and Mistral's protocol.
The engine is the judge of a test: what it has been paid for counts, not what our ledger says.
"""

from __future__ import annotations

import json
import random
import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from schema_answers import answer_to

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Reply(NamedTuple):
    """An answer; `lost` means that it never arrives, `cut` that the connection breaks after so many bytes."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    lost: bool = False
    cut: int | None = None


@dataclass
class Faults:
    """
    What goes wrong, as shares between 0 and 1 unless said otherwise.

    Attributes:
        lose_create: Batches that are made and whose answer is lost.
        html_create: Of these, the share answered by a proxy's page.
        refuse: Calls refused with 429 or 503 before anything happens.
        lose_other: Other calls whose answer is lost after the effect.
        list_lag_s: How long a new batch is missing from the list.
        rows_fail: Rows that fail in a way that passes (status 0, 500, 429).
        rows_refused: Rows that are refused for good (400).
        rows_missing: Rows that are in no file.
        rows_twice: Rows that are in the output twice.
        strange_lines: Lines for rows that nobody asked.
        expire: Batches that expire halfway.
        queue_tokens: Enqueued tokens that are taken; None for no limit.
        queue_at_create: The limit is told when a batch is made, not by its failing.
        lose_files: Batches that fail as if the file were not there.
        cut_download: Downloads that break off.
        wrong_counts: Counters say that all is well.
        empty_ids: "" stands where null is meant.
        strange_status: Polls that tell a status that nobody knows.
        unpaid: After so many rows, every row fails with insufficient_quota; None for never.
        lose_rows: Rows that are asked by themselves, answered and billed, and whose answer is lost.
        refuse_rows: Of such rows the share that is refused with 429 or 503 before anything happens.
    """

    lose_create: float = 0.0
    html_create: float = 0.3
    refuse: float = 0.0
    lose_other: float = 0.0
    list_lag_s: float = 0.0
    rows_fail: float = 0.0
    rows_refused: float = 0.0
    rows_missing: float = 0.0
    rows_twice: float = 0.0
    strange_lines: float = 0.0
    expire: float = 0.0
    queue_tokens: int | None = None
    queue_at_create: bool = False
    lose_files: float = 0.0
    cut_download: float = 0.0
    wrong_counts: bool = False
    empty_ids: bool = False
    strange_status: float = 0.0
    unpaid: int | None = None
    lose_rows: float = 0.0
    refuse_rows: float = 0.0

    def stop(self) -> None:
        """From now on nothing goes wrong that would come again."""
        lag, missing = self.list_lag_s, self.queue_tokens
        self.__dict__.update(Faults().__dict__)
        self.list_lag_s, self.queue_tokens = lag, missing


@dataclass
class Batch:
    """A batch as the provider knows it."""

    id: str
    token: str
    file_id: str
    lines: list[dict[str, Any]]
    created_at: datetime
    extra: dict[str, Any]
    status: str = "validating"
    polls: int = 0
    output: bytes | None = None
    errors: bytes | None = None
    failure: tuple[str, str] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    cancelled: bool = False

    @property
    def is_paid(self) -> bool:
        """Whether anything of it ran."""
        return self.failure is None


def answer_text(body: Mapping[str, Any]) -> str:
    """The right answer for a request: a label by the length of the text, or what all of a schema asks."""
    said = body.get("messages", body.get("input"))
    text = said if isinstance(said, str) else str(said[-1]["content"])
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    schema = body.get("text", {}).get("format", {}).get("schema", schema)
    if schema is None:
        return text.upper()
    parts = schema["properties"]
    if not all("enum" in part for part in parts.values()):
        first = (
            text if isinstance(said, str) else next(str(m["content"]) for m in said if m["role"] == "user")
        )
        return json.dumps(answer_to(schema, first))
    return json.dumps({name: part["enum"][len(text) % len(part["enum"])] for name, part in parts.items()})


class FakeProvider:
    """
    The engine; `skin` is the protocol it speaks.

    Attributes:
        scheme: Of the address that was asked last.
        batches: All that were ever made, in order.
        posts: How many paid calls came in.
        paid_rows: How often each row was answered and billed.
        paid_texts: How often each text was answered and billed by a call of its own.
        now: The provider's clock, moved by `sleep`.
        our_clock_is_ahead: Of it.
        step: Called before and after each effect, with a name; may raise, as a crash would.
        spoil: Called with each answered row and its result line; returns the line that is sent instead.
        work_polls: A batch is over after so many polls.
        forgets_windows: A batch may go on when its day is over, as no provider says that it does.
    """

    def __init__(self, skin: str = "openai", faults: Faults | None = None, seed: int = 0) -> None:
        self.skin = _SKINS[skin](self)
        self.faults = faults or Faults()
        self.scheme = "http"
        self.random = random.Random(seed)
        self.files: dict[str, tuple[str, bytes]] = {}
        self.batches: list[Batch] = []
        self.posts = 0
        self.calls: Counter[str] = Counter()
        self.paid_rows: Counter[str] = Counter()
        self.paid_texts: Counter[str] = Counter()
        self.rows_run = 0
        self.now = START
        self.our_clock_is_ahead = timedelta(0)
        self.step: Callable[[str], None] = lambda _: None
        self.spoil: Callable[[str, bytes], bytes] = lambda _, line: line
        self.work_polls = 1
        self.forgets_windows = False
        self.posts_tell = skin != "anthropic"
        self.keys_seen: set[str] = set()
        self.ids = random.Random(seed + 1)

    # Time

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return (self.now - START).total_seconds()

    # HTTP

    def handle(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request."""
        parts = urlsplit(url)
        self.scheme = parts.scheme or self.scheme
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        for name in ("authorization", "x-api-key", "x-goog-api-key", "api-key"):
            if headers.get(name):
                self.keys_seen.add(headers[name])
        name = f"{method} {re.sub(r'(batch|file|job|msgbatch)[-_][A-Za-z0-9]+', 'ID', parts.path)}"
        self.calls[name] += 1
        self.step(f"before {name}")
        if self._happens(self.faults.refuse):
            told = self.random.choice([{"retry-after": "1"}, {"retry-after": "soon"}, {}])
            status = self.random.choice([429, 503, 500])
            # A server fault is no answer of the API's own: after a paid call it says nothing.
            return self._stamped(Reply(status, _error(status, "busy", "slow down"), told))
        reply = self.skin.route(method, parts.path, query, headers, body)
        self.step(f"after {name}")
        is_create = self.skin.is_create(method, parts.path)
        if is_create and reply.status == 200 and self._happens(self.faults.lose_create):
            if self._happens(self.faults.html_create):
                page = b"<html><body>Bad gateway</body></html>"
                return self._stamped(Reply(self.random.choice([200, 502, 504]), page))
            return reply._replace(lost=True)
        if not is_create and self._happens(self.faults.lose_other):
            return reply._replace(lost=True)
        return self._stamped(reply)

    def _stamped(self, reply: Reply) -> Reply:
        stamp = format_datetime(self.now, usegmt=True)
        return reply._replace(headers={"date": stamp, "content-type": "application/json", **reply.headers})

    def _happens(self, share: float) -> bool:
        return share > 0 and self.random.random() < share

    # Files and batches

    def new_id(self, prefix: str) -> str:
        return prefix + f"{self.ids.getrandbits(64):016x}"

    def add_file(self, name: str, content: bytes, prefix: str = "file-") -> str:
        file_id = self.new_id(prefix)
        self.files[file_id] = (name, content)
        return file_id

    def make_batch(self, batch: Batch) -> Batch | str:
        """Enter a batch; or the reason why it is refused."""
        if self.faults.queue_tokens is not None:
            waiting = sum(_tokens(other.lines) for other in self.batches if other.status in _RUNNING)
            if waiting + _tokens(batch.lines) > self.faults.queue_tokens:
                message = (
                    f"Enqueued token limit reached for m in organization org. Limit: "
                    f"{self.faults.queue_tokens:,} enqueued tokens. Please try again."
                )
                if self.faults.queue_at_create or not batch.file_id:
                    return message
                batch.failure = ("token_limit_exceeded", message)
        if batch.file_id and batch.failure is None and self._happens(self.faults.lose_files):
            batch.failure = ("invalid_request", "Cannot find file, or organization has no access to it.")
        self.posts += 1
        self.batches.append(batch)
        return batch

    def poll(self, batch: Batch) -> None:
        """Let time pass for a batch."""
        if batch.status not in _RUNNING:
            return
        if batch.failure is not None:
            batch.status = "failed"
            return
        batch.polls += 1
        batch.status = "in_progress"
        # However seldom it is asked for, no batch outlives its window.
        is_late = self.now >= batch.created_at + timedelta(days=1) and not self.forgets_windows
        if batch.cancelled or batch.polls > self.work_polls or is_late:
            self._finish(batch)

    def _finish(self, batch: Batch) -> None:
        output: list[bytes] = []
        errors: list[bytes] = []
        expires = not batch.cancelled and self._happens(self.faults.expire)
        stop = len(batch.lines) // 2 if expires or batch.cancelled else len(batch.lines)
        ok = failed = 0
        for number, line in enumerate(batch.lines):
            custom_id, body = line["custom_id"], line["body"]
            if number >= stop:
                errors.append(self.skin.not_run(line, expired=expires))
                failed += 1
                continue
            # Where only results tell whose a batch is, there is one.
            may_miss = number or self.posts_tell
            if may_miss and self._happens(self.faults.rows_missing):
                continue
            self.rows_run += 1
            if self.faults.unpaid is not None and self.rows_run > self.faults.unpaid:
                errors.append(self.skin.failed(line, 429, "insufficient_quota", "You exceeded your quota"))
                failed += 1
            elif self._happens(self.faults.rows_fail):
                status, code = self.random.choice(
                    [(0, ""), (500, "server_error"), (429, "rate_limit_exceeded")]
                )
                errors.append(self.skin.failed(line, status, code, "try again"))
                failed += 1
            elif self._happens(self.faults.rows_refused):
                errors.append(self.skin.failed(line, 400, "invalid_request_error", "not this row"))
                failed += 1
            else:
                self.paid_rows[custom_id] += 1
                ok += 1
                output.append(self.spoil(custom_id, self.skin.answered(line, answer_text(body))))
                if self._happens(self.faults.rows_twice):
                    output.append(output[-1])
            if self._happens(self.faults.strange_lines):
                output.append(
                    self.skin.answered({**line, "custom_id": "row-999999", "wire": "row-999999"}, "x")
                )
        # Order is nobody's promise.
        self.random.shuffle(output)
        batch.output, batch.errors = b"".join(output), b"".join(errors)
        batch.status = "expired" if expires else "cancelled" if batch.cancelled else "completed"
        batch.counts = {"total": len(batch.lines), "completed": ok, "failed": failed}
        if self.faults.wrong_counts:
            batch.counts = {"total": len(batch.lines), "completed": len(batch.lines), "failed": 0}

    def answer_row(self, body: Mapping[str, Any], make: Callable[[str], Any]) -> Reply:
        """Answer a row that is asked by itself; `make` puts a text into the protocol's form."""
        said = body.get("messages", body.get("input"))
        text = said if isinstance(said, str) else str(said[-1]["content"])
        faults = self.faults
        if self._happens(faults.refuse_rows):
            status = self.random.choice([429, 503])
            told = self.random.choice([{"retry-after": "2"}, {}])
            return Reply(status, _error(status, "rate_limit_error", "slow down"), told)
        self.rows_run += 1
        if faults.unpaid is not None and self.rows_run > faults.unpaid:
            return Reply(429, _error(429, "insufficient_quota", "You exceeded your quota"))
        if self._happens(faults.rows_fail):
            return Reply(500, _error(500, "server_error", "try again"))
        if self._happens(faults.rows_refused):
            return Reply(400, _error(400, "invalid_request_error", "not this row"))
        self.paid_texts[text] += 1
        reply = _ok(make(answer_text(body)))
        return reply._replace(lost=self._happens(faults.lose_rows))

    def listed(self) -> list[Batch]:
        """Batches that the list shows, newest first."""
        for batch in self.batches:
            # It works whether anybody asks or not.
            self.poll(batch)
        lag = timedelta(seconds=self.faults.list_lag_s)
        return [batch for batch in reversed(self.batches) if self.now - batch.created_at >= lag]

    def download(self, content: bytes, headers: Mapping[str, str]) -> Reply:
        """A file, from where it is asked for."""
        start = 0
        if headers.get("range", "").startswith("bytes="):
            start = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
        status = 206 if start else 200
        extra = {"content-type": "application/octet-stream"}
        if start:
            extra["content-range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        if body and self._happens(self.faults.cut_download):
            return Reply(status, body, extra, cut=self.random.randrange(len(body)))
        return Reply(status, body, extra)

    # What is judged

    def double_submits(self) -> dict[str, int]:
        """Attempts that were paid more than once, and not cancelled before they ran."""
        paid = Counter(
            re.sub(r"-a\d+\Z", "", batch.token)
            for batch in self.batches
            if batch.is_paid and not batch.cancelled
        )
        return {token: count for token, count in paid.items() if count > 1}


_RUNNING = ("validating", "in_progress")


def _tokens(lines: list[dict[str, Any]]) -> int:
    return sum(len(json.dumps(line["body"])) for line in lines) // 4


def _error(status: int, code: str, message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}}).encode()


def _ok(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode())


def _usage(body: Mapping[str, Any], text: str) -> tuple[int, int]:
    return len(json.dumps(body)) // 4, max(1, len(text) // 4)


def tokens_of(text: str) -> list[dict[str, Any]]:
    """A text in tokens of five characters, each a little less likely than the one before."""
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    return [
        {"token": piece, "logprob": -0.01 * number, "bytes": list(piece.encode()), "top_logprobs": []}
        for number, piece in enumerate(pieces, start=1)
    ]


class Skin:
    """A protocol."""

    def __init__(self, provider: FakeProvider) -> None:
        self.provider = provider

    def is_create(self, method: str, path: str) -> bool:
        raise NotImplementedError

    def route(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        raise NotImplementedError

    def answered(self, line: Mapping[str, Any], text: str) -> bytes:
        raise NotImplementedError

    def failed(self, line: Mapping[str, Any], status: int, code: str, message: str) -> bytes:
        raise NotImplementedError

    def not_run(self, line: Mapping[str, Any], *, expired: bool) -> bytes:
        raise NotImplementedError


class OpenAISkin(Skin):
    """OpenAI's files and batches."""

    def is_create(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/batches")

    def route(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        provider = self.provider
        *_, first = path.removeprefix("/v1/").split("/")[:1]
        rest = path.removeprefix("/v1/").split("/")[1:]
        if first in ("chat", "responses", "embeddings"):
            asked = json.loads(body)
            return provider.answer_row(asked, lambda text: self._completion(asked, text))
        if first == "files" and not rest:
            if method == "POST":
                name, content = _multipart(headers, body)
                file_id = provider.add_file(name, content)
                return _ok(self._file(file_id))
            return _ok({"object": "list", "data": [self._file(file_id) for file_id in provider.files]})
        if first == "files":
            if rest[0] not in provider.files:
                return Reply(404, _error(404, "not_found", f"No such File object: {rest[0]}"))
            if method == "DELETE":
                del provider.files[rest[0]]
                return _ok({"id": rest[0], "object": "file", "deleted": True})
            return provider.download(provider.files[rest[0]][1], headers)
        if not rest:
            return self._create(json.loads(body)) if method == "POST" else self._list(query)
        batch = next((batch for batch in provider.batches if batch.id == rest[0]), None)
        if batch is None:
            return Reply(404, _error(404, "", f"No batch found with id '{rest[0]}'."))
        if method == "POST":
            if batch.status not in _RUNNING:
                return Reply(409, _error(409, "", f"Cannot cancel a batch with status '{batch.status}'."))
            batch.cancelled = True
            return _ok(self._batch(batch, "cancelling"))
        provider.poll(batch)
        if batch.status in _RUNNING and provider._happens(provider.faults.strange_status):
            return _ok(self._batch(batch, "reticulating"))
        return _ok(self._batch(batch))

    def _create(self, asked: Mapping[str, Any]) -> Reply:
        provider = self.provider
        _, content = provider.files.get(asked["input_file_id"], ("", b""))
        lines = [json.loads(line) for line in content.split(b"\n") if line]
        made = provider.make_batch(
            Batch(
                id=provider.new_id("batch_"),
                token=asked.get("metadata", {}).get("rowbatch_token", asked["input_file_id"]),
                file_id=asked["input_file_id"],
                lines=lines,
                created_at=provider.now,
                extra={"endpoint": asked["endpoint"], "metadata": asked.get("metadata")},
            )
        )
        if isinstance(made, str):
            return Reply(429, _error(429, "token_limit_exceeded", made))
        return _ok(self._batch(made))

    def _list(self, query: Mapping[str, str]) -> Reply:
        batches = self.provider.listed()
        if "after" in query:
            at = next((i for i, batch in enumerate(batches) if batch.id == query["after"]), len(batches))
            batches = batches[at + 1 :]
        limit = int(query.get("limit", "20"))
        page = [self._batch(batch) for batch in batches[:limit]]
        return _ok({"object": "list", "data": page, "has_more": len(batches) > limit})

    def _file(self, file_id: str) -> dict[str, Any]:
        name, content = self.provider.files[file_id]
        return {
            "id": file_id,
            "object": "file",
            "filename": name,
            "bytes": len(content),
            "purpose": "batch",
            "created_at": 1_790_000_000,
            "sample_type": "batch_request",
            "source": "upload",
        }

    def _batch(self, batch: Batch, status: str | None = None) -> dict[str, Any]:
        empty = "" if self.provider.faults.empty_ids else None
        shown = {
            "id": batch.id,
            "object": "batch",
            "status": status or batch.status,
            "input_file_id": batch.file_id,
            "created_at": int(batch.created_at.timestamp()),
            "expires_at": int(batch.created_at.timestamp()) + 86_400,
            "request_counts": batch.counts or {"total": 0, "completed": 0, "failed": 0},
            "output_file_id": empty,
            "error_file_id": empty,
            "errors": None,
            **batch.extra,
        }
        if batch.failure:
            code, message = batch.failure
            shown["errors"] = {"object": "list", "data": [{"code": code, "message": message, "line": None}]}
        for kind, content in (("output", batch.output), ("error", batch.errors)):
            if content:
                file_id = f"file-{kind}{batch.id.removeprefix('batch_')}"
                self.provider.files[file_id] = (f"{batch.id}_{kind}.jsonl", content)
                shown[f"{kind}_file_id"] = file_id
        return shown

    def _completion(self, body: Mapping[str, Any], text: str) -> dict[str, Any]:
        prompt, completion = _usage(body, text)
        if "max_output_tokens" in body:
            return {
                "id": "resp_1",
                "object": "response",
                "status": "completed",
                "model": body["model"],
                "output": [
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [
                            {
                                "type": "output_text",
                                "text": text,
                                "logprobs": tokens_of(text) if "include" in body else [],
                            }
                        ],
                    }
                ],
                "usage": {"input_tokens": prompt, "output_tokens": completion},
            }
        if "messages" not in body:
            return {
                "object": "list",
                "model": body["model"],
                "data": [{"object": "embedding", "index": 0, "embedding": [float(len(text)), 0.5]}],
                "usage": {"prompt_tokens": prompt, "total_tokens": prompt},
            }
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "logprobs": {"content": tokens_of(text)} if body.get("logprobs") else None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
            },
        }

    def answered(self, line: Mapping[str, Any], text: str) -> bytes:
        body = self._completion(line["body"], text)
        return _line(line, {"status_code": 200, "request_id": "r", "body": body}, None)

    def failed(self, line: Mapping[str, Any], status: int, code: str, message: str) -> bytes:
        body = json.loads(_error(status, code, message)) if status else {}
        return _line(line, {"status_code": status, "request_id": "", "body": body}, None)

    def not_run(self, line: Mapping[str, Any], *, expired: bool) -> bytes:
        code = "batch_expired" if expired else "batch_cancelled"
        return _line(line, None, {"code": code, "message": "This request was not executed."})


class MistralSkin(OpenAISkin):
    """Mistral's files and jobs: rows have OpenAI's form, jobs have not."""

    _STATUSES = {  # noqa: RUF012
        "validating": "QUEUED",
        "in_progress": "RUNNING",
        "completed": "SUCCESS",
        "failed": "FAILED",
        "expired": "TIMEOUT_EXCEEDED",
        "cancelled": "CANCELLED",
        "cancelling": "CANCELLATION_REQUESTED",
    }

    def is_create(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/batch/jobs")

    def route(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        if path.startswith("/v1/batch/jobs"):
            return super().route(method, path.replace("/batch/jobs", "/batches"), query, headers, body)
        return super().route(method, path, query, headers, body)

    def _create(self, asked: Mapping[str, Any]) -> Reply:
        provider = self.provider
        (file_id,) = asked["input_files"]
        _, content = provider.files.get(file_id, ("", b""))
        lines = [json.loads(line) for line in content.split(b"\n") if line]
        for line in lines:
            assert set(line) == {"custom_id", "body"}
            assert "model" not in line["body"]
            line["body"]["model"] = asked["model"]
        made = provider.make_batch(
            Batch(
                id=provider.new_id("job_"),
                token=asked["metadata"]["rowbatch_token"],
                file_id=file_id,
                lines=lines,
                created_at=provider.now,
                extra={"endpoint": asked["endpoint"], "metadata": asked["metadata"]},
            )
        )
        if isinstance(made, str):
            return Reply(429, json.dumps({"object": "error", "message": made, "type": "limit"}).encode())
        return _ok(self._batch(made))

    def _list(self, query: Mapping[str, str]) -> Reply:
        size = int(query["page_size"])
        start = int(query["page"]) * size
        page = [self._batch(batch) for batch in self.provider.listed()[start : start + size]]
        return _ok({"object": "list", "data": page, "total": len(self.provider.batches)})

    def _batch(self, batch: Batch, status: str | None = None) -> dict[str, Any]:
        shown = super()._batch(batch, status)
        counts = shown["request_counts"]
        errors = [{"message": batch.failure[1], "count": 1}] if batch.failure else []
        return {
            "id": batch.id,
            "object": "batch",
            "input_files": [batch.file_id],
            "endpoint": batch.extra["endpoint"],
            "metadata": batch.extra["metadata"],
            "model": "m",
            "errors": errors,
            "status": self._STATUSES.get(shown["status"], shown["status"].upper()),
            "created_at": shown["created_at"],
            "total_requests": counts["total"],
            "completed_requests": counts["completed"] + counts["failed"],
            "succeeded_requests": counts["completed"],
            "failed_requests": counts["failed"],
            "output_file": shown["output_file_id"],
            "error_file": shown["error_file_id"],
        }


class AnthropicSkin(Skin):
    """
    Anthropic's message batches.

    A system message with a mark of at least so many tokens is read from the cache where it lies there when
    the batch is made, for an hour after it was used last; else each request of the batch writes it, since
    they run side by side. Source: platform.claude.com, "Prompt caching" and "Batch processing".
    """

    host = ""
    cache_least = 1_024

    def __init__(self, provider: FakeProvider) -> None:
        super().__init__(provider)
        self.cached_until: dict[str, datetime] = {}

    def is_create(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/messages/batches")

    def route(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        # Ours as documented, and that of the official client 2.12.0.
        assert headers.get("anthropic-version") in ("2023-06-01", "2026-10-21")
        provider = self.provider
        self.host = headers.get("host", "")
        rest = path.removeprefix("/v1/messages").strip("/").split("/")
        if rest == [""]:
            asked = json.loads(body)
            return provider.answer_row(_as_chat(asked), lambda text: self._message(asked, text))
        if rest == ["batches"]:
            return self._create(json.loads(body)) if method == "POST" else self._list(query)
        batch = next((batch for batch in provider.batches if batch.id == rest[1]), None)
        if batch is None:
            return Reply(404, _error(404, "not_found_error", "Batch not found"))
        match method, rest[2:]:
            case "GET", ["results"]:
                return provider.download(batch.output or b"", headers)
            case "POST", ["cancel"]:
                batch.cancelled = batch.status in _RUNNING
                return _ok(self._batch(batch, "canceling"))
            case "DELETE", []:
                batch.output = b""
                return _ok({"id": batch.id, "type": "message_batch_deleted"})
            case _:
                provider.poll(batch)
                return _ok(self._batch(batch))

    def _create(self, asked: Mapping[str, Any]) -> Reply:
        provider = self.provider
        lines = []
        for request in asked["requests"]:
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", request["custom_id"])
            assert request["params"]["max_tokens"] > 0
            bare = re.sub(r"-[0-9a-f]{16}x\d+\Z", "", request["custom_id"])
            body = {**_as_chat(request["params"]), "usage": self._system_usage(request["params"])}
            lines.append({"custom_id": bare, "wire": request["custom_id"], "body": body})
        for request in asked["requests"]:
            self._keep_system(request["params"])
        mark = lines[0]["wire"].rpartition("-")[2]
        made = provider.make_batch(
            Batch(
                id=provider.new_id("msgbatch_"),
                token=mark.replace("x", "-a"),
                file_id="",
                lines=lines,
                created_at=provider.now,
                extra={},
            )
        )
        if isinstance(made, str):
            return Reply(429, _error(429, "rate_limit_error", made))
        return _ok(self._batch(made))

    def _list(self, query: Mapping[str, str]) -> Reply:
        batches = self.provider.listed()
        if "after_id" in query:
            at = next((i for i, b in enumerate(batches) if b.id == query["after_id"]), len(batches))
            batches = batches[at + 1 :]
        limit = int(query.get("limit", "20"))
        page = [self._batch(batch) for batch in batches[:limit]]
        return _ok({"data": page, "has_more": len(batches) > limit})

    def _batch(self, batch: Batch, status: str | None = None) -> dict[str, Any]:
        ended = batch.status not in _RUNNING
        if batch.errors:
            batch.output, batch.errors = (batch.output or b"") + batch.errors, None
        counts = batch.counts or {"completed": 0, "failed": 0}
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "ended" if ended else status or "in_progress",
            "request_counts": {
                "processing": 0 if ended else len(batch.lines),
                "succeeded": counts["completed"],
                "errored": counts["failed"],
                "canceled": 0,
                "expired": 0,
            },
            "created_at": batch.created_at.isoformat().replace("+00:00", "Z"),
            "expires_at": (batch.created_at + timedelta(days=1)).isoformat().replace("+00:00", "Z"),
            "ended_at": None,
            "results_url": f"http://{self.host}/v1/messages/batches/{batch.id}/results",
        }

    def _system_usage(self, params: Mapping[str, Any]) -> dict[str, int]:
        """What the system message of a request adds to its usage."""
        system = params.get("system", "")
        marked = isinstance(system, list) and "cache_control" in system[-1]
        text = system if isinstance(system, str) else "".join(part["text"] for part in system)
        tokens = len(text) // 4
        if not marked or tokens < self.cache_least:
            return {"input_tokens": tokens}
        assert system[-1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
        lies_there = self.cached_until.get(text, START) > self.provider.now
        return {"cache_read_input_tokens" if lies_there else "cache_creation_input_tokens": tokens}

    def _keep_system(self, params: Mapping[str, Any]) -> None:
        if isinstance(system := params.get("system"), list):
            self.cached_until[system[-1]["text"]] = self.provider.now + timedelta(hours=1)

    def _message(self, params: Mapping[str, Any], text: str) -> dict[str, Any]:
        added = params.get("usage") or self._system_usage(params)
        own = {name: value for name, value in params.items() if name not in ("usage", "system")}
        prompt, completion = _usage(own, text)
        usage = {**added, "input_tokens": prompt + added.get("input_tokens", 0), "output_tokens": completion}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": params.get("model", "m"),
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": usage,
        }

    def _result(self, line: Mapping[str, Any], result: Mapping[str, Any]) -> bytes:
        return json.dumps({"custom_id": line["wire"], "result": result}).encode() + b"\n"

    def answered(self, line: Mapping[str, Any], text: str) -> bytes:
        return self._result(line, {"type": "succeeded", "message": self._message(line["body"], text)})

    def failed(self, line: Mapping[str, Any], status: int, code: str, message: str) -> bytes:
        names = {0: "api_error", 500: "overloaded_error", 400: "invalid_request_error"}
        kind = names.get(status, "rate_limit_error")
        if code == "insufficient_quota":
            # As it comes: anthropics/claude-code#66314.
            kind = "invalid_request_error"
            message = "Your credit balance is too low to access the Anthropic API."
        error = {"type": "error", "error": {"type": kind, "message": message}}
        return self._result(line, {"type": "errored", "error": error})

    def not_run(self, line: Mapping[str, Any], *, expired: bool) -> bytes:
        return self._result(line, {"type": "expired" if expired else "canceled"})


class GeminiSkin(Skin):
    """Gemini's files and batches."""

    def is_create(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith(":batchGenerateContent")

    def route(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        provider = self.provider
        if path.startswith("/upload/"):
            if headers.get("x-goog-upload-command") == "start":
                name = json.loads(body)["file"]["display_name"]
                root = f"{provider.scheme}://{headers['host']}/upload/v1beta"
                place = f"{root}/files?upload_id={secrets.token_hex(4)}&n={name}"
                return Reply(200, b"{}", {"x-goog-upload-url": place})
            file_id = provider.add_file(query["n"], body, "files/")
            made = {"file": {"name": file_id, "displayName": query["n"]}}
            return _ok(made)._replace(headers={"x-goog-upload-status": "final"})
        if path.startswith("/download/"):
            name = re.sub(r"\A/download/v1(beta)?/", "", path).removesuffix(":download")
            if name not in provider.files:
                return Reply(404, _error(404, "NOT_FOUND", "no such file"))
            return provider.download(provider.files[name][1], headers)
        # The official client asks version `v1`.
        rest = re.sub(r"\A/v1(beta)?/", "", path)
        if rest.endswith(":batchGenerateContent"):
            return self._create(rest.removeprefix("models/").partition(":")[0], json.loads(body))
        if rest.endswith(":generateContent"):
            asked = json.loads(body)
            return provider.answer_row(_as_chat_of_gemini(asked), lambda text: self._response(asked, text))
        if rest == "batches":
            return self._list(query)
        if rest == "files":
            entries = [{"name": k, "displayName": v[0]} for k, v in provider.files.items()]
            return _ok({"files": entries})
        if rest.endswith(":download") and rest.removesuffix(":download") in provider.files:
            return provider.download(provider.files[rest.removesuffix(":download")][1], headers)
        if rest.startswith("files/"):
            if provider.files.pop(rest, None) is None:
                return Reply(404, _error(404, "NOT_FOUND", "no such file"))
            return _ok({})
        batch_id = rest.removesuffix(":cancel")
        batch = next((batch for batch in provider.batches if batch.id == batch_id), None)
        if batch is None:
            return Reply(404, _error(404, "NOT_FOUND", f"no such batch: {path}"))
        if rest.endswith(":cancel"):
            batch.cancelled = batch.status in _RUNNING
            return _ok({})
        provider.poll(batch)
        return _ok(self._batch(batch))

    def _create(self, model: str, asked: Mapping[str, Any]) -> Reply:
        provider = self.provider
        wanted = asked["batch"]
        # JSON of a protocol buffer may have either spelling; the official client has the other one.
        config = wanted.get("input_config") or wanted["inputConfig"]
        file_id = config.get("file_name") or config["fileName"]
        lines = []
        for raw in provider.files[file_id][1].split(b"\n"):
            if raw:
                line = json.loads(raw)
                body = {**_as_chat_of_gemini(line["request"]), "model": model}
                lines.append({"custom_id": line["key"], "body": body})
        made = provider.make_batch(
            Batch(
                id=provider.new_id("batches/"),
                token=wanted.get("display_name") or wanted["displayName"],
                file_id=file_id,
                lines=lines,
                created_at=provider.now,
                extra={},
            )
        )
        if isinstance(made, str):
            return Reply(429, _error(429, "RESOURCE_EXHAUSTED", made))
        return _ok(self._batch(made))

    def _list(self, query: Mapping[str, str]) -> Reply:
        start, size = int(query.get("pageToken", "0")), int(query.get("pageSize", "50"))
        batches = self.provider.listed()
        shown: dict[str, Any] = {"operations": [self._batch(b) for b in batches[start : start + size]]}
        if start + size < len(batches):
            shown["nextPageToken"] = str(start + size)
        return _ok(shown)

    def _batch(self, batch: Batch) -> dict[str, Any]:
        names = {
            "validating": "PENDING",
            "in_progress": "RUNNING",
            "completed": "SUCCEEDED",
            "failed": "FAILED",
            "expired": "EXPIRED",
            "cancelled": "CANCELLED",
        }
        metadata: dict[str, Any] = {
            "displayName": batch.token,
            "state": f"BATCH_STATE_{names[batch.status]}",
            "createTime": batch.created_at.isoformat().replace("+00:00", "Z"),
            "inputConfig": {"fileName": batch.file_id},
        }
        if batch.counts:
            metadata["batchStats"] = {
                "requestCount": str(batch.counts["total"]),
                "successfulRequestCount": str(batch.counts["completed"]),
                "failedRequestCount": str(batch.counts["failed"]),
            }
        content = (batch.output or b"") + (batch.errors or b"")
        if content:
            name = f"files/batch-{batch.id.removeprefix('batches/')}"
            self.provider.files[name] = (name, content)
            metadata["output"] = {"responsesFile": name}
        shown: dict[str, Any] = {"name": batch.id, "metadata": metadata, "done": batch.status not in _RUNNING}
        if batch.failure:
            shown["error"] = {"code": 8, "message": batch.failure[1], "status": "RESOURCE_EXHAUSTED"}
        return shown

    def _response(self, body: Mapping[str, Any], text: str) -> dict[str, Any]:
        prompt, completion = _usage(body, text)
        first: dict[str, Any] = {
            "content": {"parts": [{"text": text}], "role": "model"},
            "finishReason": "STOP",
        }
        if body.get("logprobs"):
            chosen = [
                {"token": one["token"], "logProbability": one["logprob"], "tokenId": 7}
                for one in tokens_of(text)
            ]
            first["logprobsResult"] = {
                "chosenCandidates": chosen,
                "topCandidates": [{"candidates": [one]} for one in chosen],
            }
        return {
            "candidates": [first],
            "usageMetadata": {"promptTokenCount": prompt, "candidatesTokenCount": completion},
            "modelVersion": body.get("model", "m"),
        }

    def answered(self, line: Mapping[str, Any], text: str) -> bytes:
        found = {"key": line["custom_id"], "response": self._response(line["body"], text)}
        return json.dumps(found).encode() + b"\n"

    def failed(self, line: Mapping[str, Any], status: int, code: str, message: str) -> bytes:
        if code == "insufficient_quota":
            # As it comes: discuss.ai.google.dev/t/140828.
            message = "Your prepayment credits are depleted. Please go to AI Studio."
            error = {"code": 8, "status": "RESOURCE_EXHAUSTED", "message": message}
        else:
            number, name = {0: (13, "INTERNAL"), 500: (14, "UNAVAILABLE"), 400: (3, "INVALID_ARGUMENT")}.get(
                status, (8, "RESOURCE_EXHAUSTED")
            )
            error = {"code": number, "status": name, "message": message}
        return json.dumps({"key": line["custom_id"], "error": error}).encode() + b"\n"

    def not_run(self, line: Mapping[str, Any], *, expired: bool) -> bytes:
        name = "DEADLINE_EXCEEDED" if expired else "CANCELLED"
        error = {"code": 4 if expired else 1, "status": name, "message": "not run"}
        return json.dumps({"key": line["custom_id"], "error": error}).encode() + b"\n"


_SKINS: dict[str, type[Skin]] = {
    "openai": OpenAISkin,
    "anthropic": AnthropicSkin,
    "gemini": GeminiSkin,
    "mistral": MistralSkin,
}


def _line(line: Mapping[str, Any], response: Any, error: Any) -> bytes:
    shown = {"id": "batch_req_1", "custom_id": line["custom_id"], "response": response, "error": error}
    return json.dumps(shown, ensure_ascii=False).encode() + b"\n"


def _as_chat(params: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"model": params["model"], "messages": params["messages"]}
    form = (params.get("output_config") or {}).get("format")
    if form:
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": form["schema"]}}
    return body


def _as_chat_of_gemini(request: Mapping[str, Any]) -> dict[str, Any]:
    text = request["contents"][-1]["parts"][0]["text"]
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": text}]}
    config = request.get("generationConfig") or {}
    body["logprobs"] = config.get("responseLogprobs", False)
    schema = config.get("responseJsonSchema")
    if schema:
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
    return body


def _multipart(headers: Mapping[str, str], body: bytes) -> tuple[str, bytes]:
    boundary = headers["content-type"].partition("boundary=")[2].encode()
    for part in body.split(b"--" + boundary):
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'filename="([^"]*)"', head)
        if name:
            return name.group(1).decode(), content.removesuffix(b"\r\n")
    raise AssertionError("no file in the form")
