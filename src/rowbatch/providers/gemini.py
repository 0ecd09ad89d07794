"""
Gemini's batches.

Source:
    ai.google.dev, "Batch API" and "Files API"; the SDK google-genai 3.6.1 (names of states and fields).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from rowbatch.core.endings import ENDINGS, ending_of
from rowbatch.core.states import RowStatus
from rowbatch.errors import ServiceError
from rowbatch.http import HttpClient, PaidOutcome, Refused
from rowbatch.providers.base import (
    CLOCK_SLACK,
    TOKEN_FIELD,
    BatchView,
    NotTaken,
    PageCount,
    Sightings,
    Submission,
    batch_object,
    count_of,
    entries_at,
    id_or_none,
    kept_text,
    named_files,
    own_id,
    pass_if_gone,
    quoted,
    text_or_none,
    time_of,
    uploaded_id,
    word_of,
)
from rowbatch.providers.dialect_net import read_answer
from rowbatch.providers.messages import (
    answered,
    chat_request,
    completion,
    data_url,
    dumped,
    failed,
    object_at,
    objects_at,
    parts_of,
    read_request,
    result_object,
    text_at,
)
from rowbatch.providers.refusals import GEMINI, UNPAID_STATUS
from rowbatch.words.notice import Notice

_STATUSES = {
    "PENDING": "validating",
    "QUEUED": "validating",
    "RUNNING": "in_progress",
    # An updated job goes back to running, and one that was stopped can be resumed: neither is over.
    "UPDATING": "in_progress",
    "PAUSED": "paused",
    "SUCCEEDED": "completed",
    "PARTIALLY_SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLING": "cancelling",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}
_TERMINAL = frozenset({"completed", "failed", "cancelled", "expired"})
# What is not here keeps its name, which `core/endings.py` knows.
_FINISH_REASONS = {"STOP": "stop", "MAX_TOKENS": "length"}
# google.rpc.Code, by number, as the HTTP status that stands for it.
_STATUS_OF_CODE = {1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}


class GeminiDialect:
    """Contents, as Gemini writes them."""

    is_openai = False

    def request_line(self, line: bytes, token: str, *, marks_cache: bool = False) -> bytes:
        del token, marks_cache
        found = read_request(line)
        return dumped({"key": found.custom_id, "request": _request(found.body)})

    def result_line(self, line: bytes, token: str) -> bytes:
        del token
        found = result_object(line)
        custom_id = text_at("key", found) or text_at("key", object_at("metadata", found))
        if not custom_id:
            raise ValueError("it has no key")
        error = object_at("error", found)
        if error:
            number = count_of(error.get("code"))
            status = _STATUS_OF_CODE.get(number, number if number >= 400 else 0)
            name = text_at("status", error) or str(number or "")
            message = text_at("message", error) or name
            if GEMINI.is_unpaid(status, name, message):
                status = UNPAID_STATUS
            return failed(custom_id, status, name, message)
        response = object_at("response", found)
        if not response:
            raise ValueError("it has no response, and no error either")
        return answered(custom_id, _body(response, ""))

    def direct_request(self, url: str, body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        del url
        return f"models/{quoted(str(body['model']))}:generateContent", _request(body)

    def direct_answer(self, answer: Mapping[str, Any], model: str) -> Mapping[str, Any]:
        return _body(answer, model)


class GeminiBatchClient:
    """The calls, over one `HttpClient` at `…/v1beta`. See `BatchClient`."""

    dialect = GeminiDialect()

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        http.refusal_kind = GEMINI.kind

    @property
    def key_mark(self) -> str:
        return self._http.key.mark if self._http.key else ""

    def now(self) -> datetime:
        return self._http.server_now("batches", {"pageSize": 1})

    def upload(self, file: Path, filename: str) -> str:
        begun = self._http.call(
            "POST",
            self._other_root("upload") + "/files",
            content=json.dumps({"file": {"display_name": filename}}).encode(),
            headers={
                "Content-Type": "application/json",
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start",
                "X-Goog-Upload-Header-Content-Length": str(file.stat().st_size),
                "X-Goog-Upload-Header-Content-Type": "application/jsonl",
            },
        )
        place = str(begun.headers.get("x-goog-upload-url", ""))
        if not _is_of_same_host(place, self._http.base_url):
            raise ServiceError("upload-without-address")
        answer = self._http.send_file(
            place, file, headers={"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"}
        )
        made = answer.get("file")
        return uploaded_id("name", made if isinstance(made, dict) else {})

    def create(self, submission: Submission) -> PaidOutcome:
        try:
            model = quoted(submission.model)
        except ServiceError as error:
            # It never leaves.
            return Refused(error.notice, 400)
        return self._http.pay(
            f"models/{model}:batchGenerateContent",
            {
                "batch": {
                    "display_name": submission.token,
                    "input_config": {"file_name": submission.file_id},
                }
            },
            id_of=lambda answer: answer.get("name"),
        )

    def view(self, answer: Mapping[str, object]) -> BatchView:
        return read_batch(answer)

    def status(self, batch_id: str) -> BatchView:
        return self._http.get_as(read_batch, quoted(batch_id))

    def find(self, file_id: str, token: str, *, since: datetime) -> Sightings:
        found = [
            view
            for view in self._listed(since)
            if view.metadata[TOKEN_FIELD] == token or (file_id and view.input_file_id == file_id)
        ]
        return Sightings(sorted(found, key=lambda view: (view.created_at, view.batch_id)))

    def recent(self, since: datetime) -> list[BatchView]:
        return list(self._listed(since))

    def _listed(self, since: datetime) -> Iterator[BatchView]:
        token: str | None = None
        count = PageCount(self._http.host)
        while True:
            params: dict[str, str | int] = {"pageSize": 100}
            if token:
                params["pageToken"] = token
            views, token = self._http.get_as(self._page, "batches", params)
            # No order is promised, so every page is looked at.
            yield from (view for view in views if view.created_at >= since - CLOCK_SLACK)
            if token is None:
                return
            count.next(token)

    def _page(self, page: Mapping[str, Any]) -> tuple[list[BatchView], str | None]:
        entries = entries_at("operations", page, self._http.host)
        views = [read_batch(batch_object(entry)) for entry in entries]
        return views, text_or_none(page.get("nextPageToken"))

    def fetch(self, file_id: str, to: BinaryIO, max_bytes: int | None = None) -> int:
        return self._http.download(
            f"{self._other_root('download')}/{quoted(file_id)}:download",
            to,
            params={"alt": "media"},
            max_bytes=max_bytes,
        )

    def cancel(self, batch_id: str) -> BatchView:
        self._http.post(f"{quoted(batch_id)}:cancel", {})
        return self.status(batch_id)

    def delete_file(self, file_id: str) -> None:
        try:
            self._http.delete(quoted(file_id))
        except ServiceError as error:
            # Result files cannot be deleted (googleapis/python-genai#1759).
            if error.status not in (400, 403):
                pass_if_gone(error)

    def own_files(self, prefix: str) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        token: str | None = None
        count = PageCount(self._http.host)
        while True:
            params: dict[str, str | int] = {"pageSize": 100}
            if token:
                params["pageToken"] = token
            page = self._http.get("files", params)
            found += named_files(entries_at("files", page, self._http.host), "name", "displayName", prefix)
            token = text_or_none(page.get("nextPageToken"))
            if token is None:
                return found
            count.next(token)

    def ask(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        path, sent = self.dialect.direct_request(url, body)
        return read_answer(self.dialect, self._http.ask_once(path, sent), str(body["model"]))

    def pay_row(self, path: str, body: Mapping[str, Any]) -> PaidOutcome:
        return self._http.pay_row(path, body)

    def _other_root(self, name: str) -> str:
        """The API's address with `upload` or `download` before its version."""
        parts = urlsplit(self._http.base_url.rstrip("/"))
        return f"{parts.scheme}://{parts.netloc}/{name}{parts.path}"


def read_batch(answer: Mapping[str, Any]) -> BatchView:
    """
    Read a batch: a long-running operation whose `metadata` is the batch.

    Raises:
        ServiceError: It has no name or no state.
    """
    name, metadata = own_id("name", answer), answer.get("metadata")
    # As a field of the operation, or by itself.
    batch: Mapping[str, Any] = metadata if isinstance(metadata, dict) else answer
    state = word_of("state", batch)
    short = state.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    status = _STATUSES.get(short, short.lower())
    stats = batch.get("batchStats")
    stats = stats if isinstance(stats, dict) else {}
    output = batch.get("output") or answer.get("response")
    output = output if isinstance(output, dict) else {}
    config = batch.get("inputConfig")
    error = answer.get("error") or batch.get("error")
    error = error if isinstance(error, dict) else {}
    message, code = str(error.get("message") or ""), str(error.get("status") or "")
    succeeded, bad = (count_of(stats.get(f"{kind}RequestCount")) for kind in ("successful", "failed"))
    return BatchView(
        batch_id=name,
        status=status,
        is_terminal=status in _TERMINAL,
        input_file_id=str(config.get("fileName") or "") if isinstance(config, dict) else "",
        metadata={TOKEN_FIELD: str(batch.get("displayName") or "")},
        created_at=time_of(batch.get("createTime")) or datetime.now(UTC),
        # Answers and errors stand in one file.
        completed=succeeded + bad,
        failed=0,
        total=count_of(stats.get("requestCount")),
        output_file_id=id_or_none("responsesFile", output),
        error_file_id=None,
        error_text=message,
        raw=kept_text(answer),
        error_codes=(code,) if code else (),
        reason=message,
        refusal=GEMINI.kind(None, code, message),
    )


def _is_of_same_host(address: str, base_url: str) -> bool:
    """Whether an address that came is one of the service, and as safe on the way."""
    try:
        parts, base = urlsplit(address), urlsplit(base_url)
    except ValueError:
        return False
    return (parts.scheme, parts.netloc) == (base.scheme, base.netloc)


def _request(body: Mapping[str, Any]) -> dict[str, Any]:
    request = chat_request(body)
    config: dict[str, Any] = {}
    if request.max_tokens is not None:
        config["maxOutputTokens"] = request.max_tokens
    if request.schema is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = request.schema
    for ours, theirs in (
        ("temperature", "temperature"),
        ("top_p", "topP"),
        ("top_k", "topK"),
        ("seed", "seed"),
        ("presence_penalty", "presencePenalty"),
        ("frequency_penalty", "frequencyPenalty"),
    ):
        if ours in request.others:
            config[theirs] = request.others[ours]
    if "stop" in request.others:
        stop = request.others["stop"]
        config["stopSequences"] = stop if isinstance(stop, list) else [stop]
    if request.others.get("logprobs"):
        config["responseLogprobs"] = True
        if request.others.get("top_logprobs"):
            config["logprobs"] = request.others["top_logprobs"]
    # Anything else is taken for Gemini's own.
    known = {
        "logprobs",
        "top_logprobs",
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "stop",
        "store",
    }
    sent: dict[str, Any] = {
        "contents": [
            {
                "role": "model" if role == "assistant" else "user",
                "parts": [_part(part) for part in parts_of(content)],
            }
            for role, content in request.turns
        ],
        **{name: value for name, value in request.others.items() if name not in known},
    }
    if request.system:
        sent["systemInstruction"] = {"parts": [{"text": request.system}]}
    if config:
        sent["generationConfig"] = {**config, **sent.get("generationConfig", {})}
    return sent


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text":
        return {"text": part["text"]}
    if part.get("type") != "image_url":
        raise NotTaken(Notice("part-not-taken", {"part": part.get("type")}))
    inline = data_url(str(part["image_url"]["url"]))
    if inline is None:
        raise NotTaken(Notice("image-by-address"))
    return {"inlineData": {"mimeType": inline[0], "data": inline[1]}}


def _body(response: Mapping[str, Any], model: str) -> dict[str, Any]:
    candidates = objects_at("candidates", response)
    first: Mapping[str, Any] = candidates[0] if candidates else {}
    parts = objects_at("parts", object_at("content", first))
    texts = [text_at("text", part) for part in parts if "text" in part and not part.get("thought")]
    reason = text_at("finishReason", first)
    feedback = object_at("promptFeedback", response)
    is_refusal = ending_of(reason, ENDINGS).status is RowStatus.REFUSED
    refused = text_at("blockReason", feedback) or (reason if is_refusal else "")
    if not candidates and not refused:
        raise ValueError("the response has no candidate, and no reason why")
    usage = object_at("usageMetadata", response)
    thoughts = count_of(usage.get("thoughtsTokenCount"))
    return completion(
        answer_id=text_at("responseId", response),
        model=text_at("modelVersion", response) or model,
        content="".join(texts) if texts else None,
        finish_reason="content_filter" if refused else _FINISH_REASONS.get(reason, reason.lower()) or None,
        told=text_at("blockReasonMessage", feedback) or text_at("finishMessage", first),
        refusal=f"blocked: {refused}" if refused else None,
        prompt_tokens=count_of(usage.get("promptTokenCount")),
        # Thoughts are billed as output.
        completion_tokens=count_of(usage.get("candidatesTokenCount")) + thoughts,
        cached_tokens=count_of(usage.get("cachedContentTokenCount")),
        reasoning_tokens=thoughts,
        logprobs=_logprobs(object_at("logprobsResult", first)),
    )


def _logprobs(found: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The probabilities of tokens, in OpenAI's form; None where there are none."""
    chosen = objects_at("chosenCandidates", found)
    if not chosen:
        return None
    listed = [objects_at("candidates", place) for place in objects_at("topCandidates", found)]
    return [
        {
            **_token(token),
            "top_logprobs": [_token(other) for other in (listed[at] if at < len(listed) else ())],
        }
        for at, token in enumerate(chosen)
    ]


def _token(found: Mapping[str, Any]) -> dict[str, Any]:
    # Protocol buffers leave out what is 0: a token that was certain.
    return {"token": text_at("token", found), "logprob": found.get("logProbability", 0)}
