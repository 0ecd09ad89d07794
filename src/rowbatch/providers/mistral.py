"""
Mistral's batch jobs.

Source:
    docs.mistral.ai, "Batch inference"; the SDK mistralai 3.7.0 (fields of a job, states).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from rowbatch.errors import ServiceError
from rowbatch.http import HttpClient, PaidOutcome
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
    quoted_segment,
    time_of,
    uploaded_id,
    word_of,
)
from rowbatch.providers.messages import dumped
from rowbatch.providers.refusals import MISTRAL
from rowbatch.words.notice import Notice

_STATUSES = {
    "QUEUED": "validating",
    "RUNNING": "in_progress",
    "SUCCESS": "completed",
    "FAILED": "failed",
    "TIMEOUT_EXCEEDED": "expired",
    "CANCELLATION_REQUESTED": "cancelling",
    "CANCELLED": "cancelled",
}
_TERMINAL = frozenset({"completed", "failed", "expired", "cancelled"})
_PAGE_SIZE = 100
_ENDPOINTS = ("/v1/chat/completions", "/v1/embeddings")


class MistralDialect:
    """OpenAI's bodies, with the model beside them."""

    is_openai = False

    def request_line(self, line: bytes, token: str, *, marks_cache: bool = False) -> bytes:
        del token, marks_cache
        found = json.loads(line)
        if found["url"] not in _ENDPOINTS:
            raise NotTaken(Notice("mistral-endpoints", {"url": found["url"]}))
        body = {name: value for name, value in _fitting(found["body"]).items() if name != "model"}
        return dumped({"custom_id": found["custom_id"], "body": body})

    def result_line(self, line: bytes, token: str) -> bytes:
        # Rows have OpenAI's form already.
        del token
        return line

    def direct_request(self, url: str, body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        return url.removeprefix("/v1/"), _fitting(body)

    def direct_answer(self, answer: Mapping[str, Any], model: str) -> Mapping[str, Any]:
        del model
        return answer


class MistralBatchClient:
    """The calls, over one `HttpClient`. See `BatchClient`."""

    dialect = MistralDialect()

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        http.refusal_kind = MISTRAL.kind

    @property
    def key_mark(self) -> str:
        return self._http.key.mark if self._http.key else ""

    def now(self) -> datetime:
        return self._http.server_now("batch/jobs", {"page": 0, "page_size": 1})

    def upload(self, file: Path, filename: str) -> str:
        answer = self._http.upload("files", file, filename=filename, fields={"purpose": "batch"})
        return uploaded_id("id", answer)

    def create(self, submission: Submission) -> PaidOutcome:
        return self._http.pay(
            "batch/jobs",
            {
                "input_files": [submission.file_id],
                "endpoint": submission.url,
                "model": submission.model,
                "timeout_hours": 24,
                "metadata": dict(submission.metadata),
            },
        )

    def view(self, answer: Mapping[str, object]) -> BatchView:
        return read_job(answer)

    def status(self, batch_id: str) -> BatchView:
        return self._http.get_as(read_job, f"batch/jobs/{quoted_segment(batch_id)}")

    def find(self, file_id: str, token: str, *, since: datetime) -> Sightings:
        found = [
            view
            for view in self._listed(since)
            if view.input_file_id == file_id or view.metadata.get(TOKEN_FIELD) == token
        ]
        return Sightings(sorted(found, key=lambda view: (view.created_at, view.batch_id)))

    def recent(self, since: datetime) -> list[BatchView]:
        return list(self._listed(since))

    def _listed(self, since: datetime) -> Iterator[BatchView]:
        number, count = 0, PageCount(self._http.host)
        seen: set[str] = set()
        while True:
            views = self._http.get_as(
                self._views,
                "batch/jobs",
                {"page": number, "page_size": _PAGE_SIZE, "created_after": (since - CLOCK_SLACK).isoformat()},
            )
            if not views or ({view.batch_id for view in views} <= seen and len(views) < _PAGE_SIZE):
                return
            seen |= {view.batch_id for view in views}
            yield from views
            # Its pages have numbers, so one that comes again is seen by its last entry.
            count.next(views[-1].batch_id)
            number += 1

    def _views(self, page: Mapping[str, Any]) -> list[BatchView]:
        return [read_job(batch_object(entry)) for entry in entries_at("data", page, self._http.host)]

    def fetch(self, file_id: str, to: BinaryIO, max_bytes: int | None = None) -> int:
        return self._http.download(f"files/{quoted_segment(file_id)}/content", to, max_bytes=max_bytes)

    def cancel(self, batch_id: str) -> BatchView:
        return read_job(self._http.post(f"batch/jobs/{quoted_segment(batch_id)}/cancel"))

    def delete_file(self, file_id: str) -> None:
        try:
            self._http.delete(f"files/{quoted_segment(file_id)}")
        except ServiceError as error:
            pass_if_gone(error)

    def own_files(self, prefix: str) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        number, count = 0, PageCount(self._http.host)
        while True:
            params: dict[str, str | int] = {"page_size": _PAGE_SIZE, "purpose": "batch"}
            if number:
                params["page"] = number
            page = self._http.get("files", params)
            entries = entries_at("data", page, self._http.host)
            here = named_files(entries, "id", "filename", prefix)
            if here and set(here) <= set(found):
                # A server that knows no pages gives all that it has each time.
                return found
            found += here
            if len(entries) < _PAGE_SIZE:
                return found
            count.next(str(number))
            number += 1

    def ask(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        path, sent = self.dialect.direct_request(url, body)
        return self._http.ask_once(path, sent)

    def pay_row(self, path: str, body: Mapping[str, Any]) -> PaidOutcome:
        return self._http.pay_row(path, body)


def read_job(answer: Mapping[str, Any]) -> BatchView:
    """
    Read a batch job.

    Raises:
        ServiceError: It has no id or no status.
    """
    job_id, word = own_id("id", answer), word_of("status", answer)
    status = _STATUSES.get(word.upper(), word.lower())
    files, metadata, errors = answer.get("input_files"), answer.get("metadata"), answer.get("errors")
    told = [entry for entry in (errors if isinstance(errors, list) else []) if isinstance(entry, dict)]
    texts = [
        f"{entry.get('message')}" + (f" ({times:,} times)" if times > 1 else "")
        for entry in told[:3]
        for times in [count_of(entry.get("count"))]
    ]
    return BatchView(
        batch_id=job_id,
        status=status,
        is_terminal=status in _TERMINAL,
        input_file_id=str(files[0]) if isinstance(files, list) and files else "",
        metadata={str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {},
        created_at=time_of(answer.get("created_at")) or datetime.now(UTC),
        completed=count_of(answer.get("succeeded_requests")),
        failed=count_of(answer.get("failed_requests")),
        total=count_of(answer.get("total_requests")),
        output_file_id=id_or_none("output_file", answer),
        error_file_id=id_or_none("error_file", answer),
        error_text="; ".join(texts),
        raw=kept_text(answer),
        reason=str(told[0].get("message") or "") if told else "",
        refusal=MISTRAL.kind(None, "", "; ".join(texts)),
    )


def _fitting(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same request with Mistral's names."""
    sent = dict(body)
    if "max_completion_tokens" in sent:
        sent["max_tokens"] = sent.pop("max_completion_tokens")
    if "seed" in sent:
        sent["random_seed"] = sent.pop("seed")
    sent.pop("store", None)
    return sent
