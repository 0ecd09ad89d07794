"""
OpenAI's Batch API, and every endpoint that speaks it.

Source:
    OpenAI API reference, "Batch" and "Files" (specification 2.3.0); the guide "Batch API".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from rowbatch.core.states import IGNORABLE, NO_REMARKS, TERMINAL_BATCH_STATUSES, Remarks
from rowbatch.errors import ServiceError
from rowbatch.http import HttpClient, PaidOutcome
from rowbatch.providers.base import (
    CLOCK_SLACK,
    TOKEN_FIELD,
    BatchView,
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
    text_or_none,
    time_of,
    uploaded_id,
    word_of,
)
from rowbatch.providers.openai_quirks import OpenAIQuirks
from rowbatch.providers.refusals import OPENAI

_PAGE_SIZE = 100


class OpenAIDialect:
    """
    OpenAI's lines are the house's own.

    Args:
        url_prefix: What stands before `/chat/completions` in the urls of a compatible endpoint.
    """

    def __init__(self, url_prefix: str = "/v1") -> None:
        self._url_prefix = url_prefix

    @property
    def is_openai(self) -> bool:
        return self._url_prefix == "/v1"

    def request_line(self, line: bytes, token: str, *, marks_cache: bool = False) -> bytes:  # noqa: ARG002
        return line.replace(b'"url":"/v1/', f'"url":"{self._url_prefix}/'.encode(), 1)

    def result_line(self, line: bytes, token: str) -> bytes:  # noqa: ARG002
        return line

    def direct_request(self, url: str, body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        return url.removeprefix("/v1/").lstrip("/"), body

    def direct_answer(self, answer: Mapping[str, Any], model: str) -> Mapping[str, Any]:  # noqa: ARG002
        return answer


class OpenAIBatchClient:
    """The calls, over one `HttpClient`. See `BatchClient`."""

    def __init__(self, http: HttpClient, quirks: OpenAIQuirks | None = None) -> None:
        self._http = http
        http.refusal_kind = OPENAI.kind
        self._quirks = quirks or OpenAIQuirks()
        self.dialect = OpenAIDialect(self._quirks.url_prefix)

    @property
    def key_mark(self) -> str:
        return self._http.key.mark if self._http.key else ""

    def now(self) -> datetime:
        return self._http.server_now("batches", {"limit": 1})

    def upload(self, file: Path, filename: str) -> str:
        fields = {"purpose": "batch"}
        if self._quirks.has_expiry:
            # Ours is cleaned up earlier, if all goes well; a file that was forgotten goes after 30 days.
            fields |= {"expires_after[anchor]": "created_at", "expires_after[seconds]": "2592000"}
        answer = self._http.upload("files", file, filename=filename, fields=fields)
        return uploaded_id("id", answer)

    def create(self, submission: Submission) -> PaidOutcome:
        quirks = self._quirks
        headers = {"Idempotency-Key": submission.token} if quirks.honours_idempotency_key else {}
        body: dict[str, Any] = {
            "input_file_id": submission.file_id,
            "endpoint": quirks.url_prefix + submission.url.removeprefix("/v1"),
            "completion_window": quirks.window,
        }
        if quirks.has_metadata:
            body["metadata"] = dict(submission.metadata)
        if not quirks.keeps_input_file:
            body["auto_delete_input_file"] = False
        return self._http.pay("batches", body, headers)

    def view(self, answer: Mapping[str, object]) -> BatchView:
        return read_batch(answer)

    def status(self, batch_id: str) -> BatchView:
        return self._http.get_as(read_batch, f"batches/{quoted_segment(batch_id)}")

    def find(self, file_id: str, token: str, *, since: datetime) -> Sightings:
        found: dict[str, BatchView] = {}
        for page in self._pages():
            for view in page:
                if view.input_file_id == file_id or view.metadata.get(TOKEN_FIELD) == token:
                    found[view.batch_id] = view
            # Newest first.
            if page[-1].created_at < since - CLOCK_SLACK:
                break
        return Sightings(sorted(found.values(), key=lambda view: (view.created_at, view.batch_id)))

    def recent(self, since: datetime) -> list[BatchView]:
        found: dict[str, BatchView] = {}
        for page in self._pages():
            found |= {view.batch_id: view for view in page if view.created_at >= since - CLOCK_SLACK}
            # Newest first.
            if page[-1].created_at < since - CLOCK_SLACK:
                break
        return list(found.values())

    def _pages(self) -> Iterator[list[BatchView]]:
        after: str | None = None
        count, seen = PageCount(self._http.host), set[str]()
        by_cursor = self._quirks.listing == "cursor"
        while True:
            params: dict[str, str | int] = {"limit": _PAGE_SIZE}
            if after:
                params["cursor" if by_cursor else "after"] = after
            views, page = self._http.get_as(self._listed, "batches", params)
            if not views:
                return
            if {view.batch_id for view in views} <= seen and len(views) < _PAGE_SIZE:
                # A server that knows no pages gives all that it has each time.
                return
            seen |= {view.batch_id for view in views}
            yield views
            if by_cursor:
                paging = page.get("paging")
                after = text_or_none(paging.get("next_cursor")) if isinstance(paging, dict) else None
            else:
                after = views[-1].batch_id if page.get("has_more") else None
            if after is None:
                return
            count.next(after)

    def _listed(self, page: Mapping[str, Any]) -> tuple[list[BatchView], Mapping[str, Any]]:
        entries = entries_at("data", page, self._http.host)
        return [read_batch(batch_object(entry)) for entry in entries], page

    def fetch(self, file_id: str, to: BinaryIO, max_bytes: int | None = None) -> int:
        return self._http.download(f"files/{quoted_segment(file_id)}/content", to, max_bytes=max_bytes)

    def cancel(self, batch_id: str) -> BatchView:
        return read_batch(self._http.post(f"batches/{quoted_segment(batch_id)}/cancel"))

    def delete_file(self, file_id: str) -> None:
        try:
            self._http.delete(f"files/{quoted_segment(file_id)}")
        except ServiceError as error:
            pass_if_gone(error)

    def own_files(self, prefix: str) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        after: str | None = None
        count = PageCount(self._http.host)
        while True:
            params: dict[str, str | int] = {"purpose": "batch"}
            if after:
                params["after"] = after
            page = self._http.get("files", params)
            entries = entries_at("data", page, self._http.host)
            found += named_files(entries, "id", "filename", prefix)
            # A server that knows no pages does not say that it has more.
            last = entries[-1] if entries and page.get("has_more") is True else None
            after = text_or_none(last.get("id")) if isinstance(last, dict) else None
            if after is None:
                return list(dict.fromkeys(found))
            count.next(after)

    def ask(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        path, sent = self.dialect.direct_request(url, body)
        return self._http.ask_once(path, sent)

    def pay_row(self, path: str, body: Mapping[str, Any]) -> PaidOutcome:
        return self._http.pay_row(path, body)


def read_batch(answer: Mapping[str, object]) -> BatchView:
    """
    Read a batch object, tolerating what compatible servers do differently.

    Raises:
        ServiceError: It has no id or no status, or something else stands where the id of a file does.
    """
    batch_id, status = own_id("id", answer), word_of("status", answer)
    # Some compatible servers answer "COMPLETED"; the specification is lower case.
    status = {"canceled": "cancelled", "canceling": "cancelling"}.get(status.lower(), status.lower())
    counts = answer.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    metadata = answer.get("metadata")
    created_at = answer.get("created_at")
    errors = [entry for entry in _entries(answer.get("errors")) if isinstance(entry, dict)]
    codes = tuple(str(entry["code"]) for entry in errors if entry.get("code"))
    error_text = _error_text(answer.get("errors"))
    return BatchView(
        batch_id=batch_id,
        status=status,
        is_terminal=status in TERMINAL_BATCH_STATUSES,
        input_file_id=str(answer.get("input_file_id") or ""),
        metadata={str(name): str(value) for name, value in metadata.items()}
        if isinstance(metadata, dict)
        else {},
        created_at=time_of(created_at) or datetime.now(UTC),
        completed=count_of(counts.get("completed")),
        failed=count_of(counts.get("failed")),
        total=count_of(counts.get("total")),
        output_file_id=id_or_none("output_file_id", answer),
        error_file_id=id_or_none("error_file_id", answer),
        error_text=error_text,
        error_codes=codes,
        expires_at=time_of(answer.get("expires_at")),
        reason=str(errors[0].get("message") or "") if errors else "",
        refusal=OPENAI.kind(None, " ".join(codes), error_text),
        raw=kept_text(answer),
        remarks=_remarks(answer.get("rowbatch")),
    )


def _remarks(said: object) -> Remarks:
    """What our own server adds; of names only those that have words."""
    if not isinstance(said, dict):
        return NO_REMARKS
    names = {
        name: tuple(one for one in IGNORABLE if isinstance(said.get(name), list) and one in said[name])
        for name in ("ignored_by_server", "mended")
    }
    return Remarks(names["ignored_by_server"], names["mended"], count_of(said.get("rows_maybe_asked_twice")))


def _entries(errors: Any) -> list[Any]:
    # OpenAI: {"object": "list", "data": [...]}; Groq documents a bare array.
    entries = errors.get("data") if isinstance(errors, dict) else errors
    return entries if isinstance(entries, list) else []


def _error_text(errors: Any) -> str:
    entries = _entries(errors)
    texts = []
    for entry in entries[:3]:
        if isinstance(entry, dict):
            line = f"line {entry['line']}: " if entry.get("line") else ""
            texts.append(f"{line}{entry.get('message') or entry.get('code') or entry}")
    more = f" (and {len(entries) - 3:,} more)" if len(entries) > 3 else ""
    return "; ".join(texts) + more
