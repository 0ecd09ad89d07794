"""
Anthropic's Message Batches.

Requests go along with the paid call, and nothing of ours is kept with a batch but the ids of its
requests: a lost answer shows only when the batch is over. So every id carries the token of its attempt.

Source:
    platform.claude.com, "Batch processing"; the SDK anthropic 2.12.0 (types of requests and results).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from rowbatch.errors import ServiceError
from rowbatch.http import HttpClient, PaidOutcome
from rowbatch.providers.base import (
    CLOCK_SLACK,
    BatchView,
    NotTaken,
    PageCount,
    Sightings,
    Submission,
    batch_object,
    count_of,
    entries_at,
    kept_text,
    own_id,
    pass_if_gone,
    quoted_segment,
    time_of,
    word_of,
)
from rowbatch.providers.dialect_net import read_answer
from rowbatch.providers.messages import (
    ChatRequest,
    answered,
    chat_request,
    completion,
    data_url,
    dumped,
    failed,
    marked_id,
    not_run,
    object_at,
    objects_at,
    parts_of,
    read_request,
    result_object,
    text_at,
    unmarked_id,
)
from rowbatch.providers.refusals import ANTHROPIC, UNPAID_STATUS
from rowbatch.words.notice import Notice

# Not 2026-10-21, which the SDK anthropic 2.14.0 sends: it removes temperature, top_p and top_k, which models
# that are listed take (platform.claude.com, "Versions", read 2026-11-28). What it says of batches, their
# states and results is what is read here.
VERSION = "2023-06-01"
# `max_tokens` is required; enough for any label, and for a page of text.
DEFAULT_MAX_TOKENS = 4096
_LINES_TO_TELL = 20
# What is not here keeps its name, which `core/endings.py` knows.
_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "refusal": "content_filter",
}
# Of https://platform.claude.com/docs/en/api/errors.
_STATUS_OF_ERROR = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class AnthropicDialect:
    """Messages, as Anthropic writes them."""

    is_openai = False

    def request_line(self, line: bytes, token: str, *, marks_cache: bool = False) -> bytes:
        found = read_request(line)
        params = _params(found.body)
        if marks_cache and "system" in params:
            # The part that is the same in every request. An hour, since a batch takes more than the five
            # minutes that are the default (platform.claude.com, "Batch processing").
            mark = {"type": "ephemeral", "ttl": "1h"}
            params["system"] = [{"type": "text", "text": params["system"], "cache_control": mark}]
        return dumped({"custom_id": marked_id(found.custom_id, token), "params": params})

    def result_line(self, line: bytes, token: str) -> bytes:
        found = result_object(line)
        marked = text_at("custom_id", found)
        if not marked:
            raise ValueError("it has no custom_id")
        # Without a token it is no run's, and its ids have no mark.
        custom_id = unmarked_id(marked, token) if token else marked
        result = object_at("result", found)
        match result.get("type"):
            case "succeeded":
                return answered(custom_id, _body(object_at("message", result)))
            case "errored":
                error = object_at("error", result)
                error = object_at("error", error) or error
                code = text_at("type", error)
                message = text_at("message", error) or code
                status = _STATUS_OF_ERROR.get(code, 0)
                if ANTHROPIC.is_unpaid(status, code, message):
                    status = UNPAID_STATUS
                return failed(custom_id, status, code, message)
            case "expired":
                return not_run(custom_id, "batch_expired", "the batch expired before this request's turn")
            case "canceled":
                return not_run(custom_id, "batch_cancelled", "the batch was cancelled")
            case other:
                raise ValueError(f"a result of type {other!r}")

    def direct_request(self, url: str, body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        del url
        return "messages", _params(body)

    def direct_answer(self, answer: Mapping[str, Any], model: str) -> Mapping[str, Any]:
        del model
        return _body(answer)


class AnthropicBatchClient:
    """The calls, over one `HttpClient`. See `BatchClient`."""

    dialect = AnthropicDialect()

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        http.refusal_kind = ANTHROPIC.kind

    @property
    def key_mark(self) -> str:
        return self._http.key.mark if self._http.key else ""

    def now(self) -> datetime:
        return self._http.server_now("messages/batches", {"limit": 1})

    def upload(self, file: Path, filename: str) -> str:  # noqa: ARG002
        return ""

    def create(self, submission: Submission) -> PaidOutcome:
        return self._http.pay("messages/batches", _requests(submission.file))

    def view(self, answer: Mapping[str, object]) -> BatchView:
        return read_batch(answer)

    def status(self, batch_id: str) -> BatchView:
        return self._http.get_as(read_batch, f"messages/batches/{quoted_segment(batch_id)}")

    def find(self, file_id: str, token: str, *, since: datetime) -> Sightings:
        del file_id
        found: list[BatchView] = []
        undecided = 0
        for view in self._listed(since):
            is_ours = self._is_ours(view.batch_id, token) if view.is_terminal else None
            if is_ours is None:
                undecided += 1
            elif is_ours:
                found.append(view)
        return Sightings(sorted(found, key=lambda view: (view.created_at, view.batch_id)), undecided)

    def recent(self, since: datetime) -> list[BatchView]:
        return list(self._listed(since))

    def _listed(self, since: datetime) -> Iterator[BatchView]:
        after: str | None = None
        count = PageCount(self._http.host)
        while True:
            params: dict[str, str | int] = {"limit": 1000}
            if after:
                params["after_id"] = after
            views, has_more = self._http.get_as(self._page, "messages/batches", params)
            for view in views:
                # Newest first.
                if view.created_at < since - CLOCK_SLACK:
                    return
                yield view
            if not views or not has_more:
                return
            after = views[-1].batch_id
            count.next(after)

    def _page(self, page: Mapping[str, Any]) -> tuple[list[BatchView], bool]:
        entries = entries_at("data", page, self._http.host)
        return [read_batch(batch_object(entry)) for entry in entries], bool(page.get("has_more"))

    def _is_ours(self, batch_id: str, token: str) -> bool | None:
        """Whether one of the first results has the mark of our token; None when there is none to tell by."""
        try:
            lines = self._http.head(f"messages/batches/{quoted_segment(batch_id)}/results", _LINES_TO_TELL)
        except ServiceError as error:
            # Results that were archived or removed are none of a batch that was just made.
            pass_if_gone(error)
            return False
        marks = [_has_mark(line, token) for line in lines]
        if any(marks):
            return True
        return False if False in marks else None

    def fetch(self, file_id: str, to: BinaryIO, max_bytes: int | None = None) -> int:
        return self._http.download(
            f"messages/batches/{quoted_segment(file_id)}/results", to, max_bytes=max_bytes
        )

    def cancel(self, batch_id: str) -> BatchView:
        return read_batch(self._http.post(f"messages/batches/{quoted_segment(batch_id)}/cancel"))

    def delete_file(self, file_id: str) -> None:
        """Remove a batch with its results."""
        self._http.delete(f"messages/batches/{quoted_segment(file_id)}")

    def own_files(self, prefix: str) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        return []

    def ask(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        path, sent = self.dialect.direct_request(url, body)
        return read_answer(self.dialect, self._http.ask_once(path, sent), str(body["model"]))

    def pay_row(self, path: str, body: Mapping[str, Any]) -> PaidOutcome:
        return self._http.pay_row(path, body)


def read_batch(answer: Mapping[str, Any]) -> BatchView:
    """
    Read a message batch.

    Raises:
        ServiceError: It has no id or no status.
    """
    batch_id, status = own_id("id", answer), word_of("processing_status", answer)
    counts = answer.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    of = {name: count_of(value) for name, value in counts.items()}
    ended = status == "ended"
    failed_rows = of.get("errored", 0) + of.get("canceled", 0) + of.get("expired", 0)
    return BatchView(
        batch_id=batch_id,
        # An ended batch may hold expired and cancelled rows; what became of each stands in its result.
        status="completed" if ended else {"canceling": "cancelling"}.get(status, status),
        is_terminal=ended,
        input_file_id="",
        metadata={},
        created_at=time_of(answer.get("created_at")) or datetime.now(UTC),
        # All of them stand in one file.
        completed=of.get("succeeded", 0) + failed_rows,
        failed=0,
        total=sum(of.values()),
        output_file_id=batch_id if ended else None,
        error_file_id=None,
        error_text="",
        raw=kept_text(answer),
        expires_at=time_of(answer.get("expires_at")),
    )


def _has_mark(line: bytes, token: str) -> bool | None:
    """Whether a result has the mark of a token; None for what is no result."""
    try:
        custom_id = text_at("custom_id", result_object(line))
    except (ValueError, RecursionError):
        return None
    if not custom_id:
        return None
    try:
        unmarked_id(custom_id, token)
    except ValueError:
        return False
    return True


def _requests(file: Path) -> Iterator[bytes]:
    """The body of the create call, line by line from the file."""
    yield b'{"requests":['
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            yield (b"," if number else b"") + line.rstrip(b"\n")
    yield b"]}"


def _params(body: Mapping[str, Any]) -> dict[str, Any]:
    request = chat_request(body)
    params: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS,
        "messages": [{"role": role, "content": _content(content)} for role, content in request.turns],
    }
    if request.system:
        params["system"] = request.system
    if request.schema is not None:
        params["output_config"] = {"format": {"type": "json_schema", "schema": request.schema}}
    params.update(_others(request))
    return params


def _others(request: ChatRequest) -> dict[str, Any]:
    others = dict(request.others)
    if "stop" in others:
        stop = others.pop("stop")
        others["stop_sequences"] = stop if isinstance(stop, list) else [stop]
    # These are OpenAI's own.
    for name in ("seed", "store", "n", "logprobs", "top_logprobs", "service_tier"):
        others.pop(name, None)
    return others


def _content(content: Any) -> Any:
    return content if isinstance(content, str) else [_part(part) for part in parts_of(content)]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text":
        return {"type": "text", "text": part["text"]}
    if part.get("type") != "image_url":
        raise NotTaken(Notice("part-not-taken", {"part": part.get("type")}))
    url = str(part["image_url"]["url"])
    inline = data_url(url)
    if inline is None:
        return {"type": "image", "source": {"type": "url", "url": url}}
    return {"type": "image", "source": {"type": "base64", "media_type": inline[0], "data": inline[1]}}


def _body(message: Mapping[str, Any]) -> dict[str, Any]:
    if message.get("content") is None:
        raise ValueError("it has no message with a content")
    texts = [text_at("text", part) for part in objects_at("content", message) if part.get("type") == "text"]
    usage = object_at("usage", message)
    cached = count_of(usage.get("cache_read_input_tokens"))
    written = count_of(usage.get("cache_creation_input_tokens"))
    stop = text_at("stop_reason", message)
    details = object_at("stop_details", message)
    told = ": ".join(filter(None, (text_at("category", details), text_at("explanation", details))))
    return completion(
        answer_id=text_at("id", message),
        model=text_at("model", message),
        content="".join(texts) if texts else None,
        finish_reason=_FINISH_REASONS.get(stop, stop) or None,
        told=told,
        refusal="".join(texts) or "the model declined" if stop == "refusal" else None,
        prompt_tokens=count_of(usage.get("input_tokens")) + cached + written,
        completion_tokens=count_of(usage.get("output_tokens")),
        cached_tokens=cached,
        cache_write_tokens=written,
    )
