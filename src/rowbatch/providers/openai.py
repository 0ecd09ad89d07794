"""
OpenAI's Batch API, and every endpoint that speaks it.

Source:
    OpenAI API reference, "Batch" and "Files" (specification 2.3.0); the guide "Batch API".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from rowbatch.core.states import TERMINAL_BATCH_STATUSES
from rowbatch.errors import ServiceError
from rowbatch.http import HttpClient, PaidOutcome
from rowbatch.providers.base import BatchView

TOKEN_FIELD = "rowbatch_token"  # noqa: S105
_CLOCK_SLACK = timedelta(minutes=15)


class OpenAIBatchClient:
    """The calls, over one `HttpClient`. See `BatchClient`."""

    def __init__(self, http: HttpClient, *, honours_idempotency_key: bool = False) -> None:
        self._http = http
        self._honours_idempotency_key = honours_idempotency_key

    def upload(self, file: Path, filename: str) -> str:
        answer = self._http.upload("files", file, filename=filename, fields={"purpose": "batch"})
        file_id = answer.get("id")
        if not isinstance(file_id, str) or not file_id:
            raise ServiceError("the upload was answered without a file id")
        return file_id

    def create(self, file_id: str, *, url: str, metadata: Mapping[str, str]) -> PaidOutcome:
        headers = {"Idempotency-Key": metadata[TOKEN_FIELD]} if self._honours_idempotency_key else {}
        return self._http.pay(
            "batches",
            {
                "input_file_id": file_id,
                "endpoint": url,
                "completion_window": "24h",
                "metadata": dict(metadata),
            },
            headers,
        )

    def view(self, answer: Mapping[str, object]) -> BatchView:
        return read_batch(answer)

    def status(self, batch_id: str) -> BatchView:
        return read_batch(self._http.get(f"batches/{batch_id}"))

    def find(self, file_id: str, token: str, *, since: datetime) -> list[BatchView]:
        found: dict[str, BatchView] = {}
        after: str | None = None
        while True:
            params: dict[str, str | int] = {"limit": 100}
            if after:
                params["after"] = after
            page = self._http.get("batches", params)
            entries = page.get("data")
            if not isinstance(entries, list) or not entries:
                break
            views = [read_batch(entry) for entry in entries]
            for view in views:
                if view.input_file_id == file_id or view.metadata.get(TOKEN_FIELD) == token:
                    found[view.batch_id] = view
            # Newest first; a page that adds nothing new would loop for ever.
            if views[-1].created_at < since - _CLOCK_SLACK or not page.get("has_more"):
                break
            if views[-1].batch_id == after:
                break
            after = views[-1].batch_id
        return sorted(found.values(), key=lambda view: (view.created_at, view.batch_id))

    def fetch(self, file_id: str, to: BinaryIO) -> int:
        return self._http.download(f"files/{file_id}/content", to)

    def cancel(self, batch_id: str) -> BatchView:
        return read_batch(self._http.post(f"batches/{batch_id}/cancel"))


def read_batch(answer: Mapping[str, object]) -> BatchView:
    """
    Read a batch object, tolerating what compatible servers do differently.

    Raises:
        ServiceError: It has no id or no status.
    """
    batch_id, status = answer.get("id"), answer.get("status")
    if not isinstance(batch_id, str) or not batch_id or not isinstance(status, str):
        raise ServiceError("the provider's batch object has no id or no status")
    # Some compatible servers answer "COMPLETED"; the specification is lower case.
    status = status.lower()
    counts = answer.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    metadata = answer.get("metadata")
    created_at = answer.get("created_at")
    return BatchView(
        batch_id=batch_id,
        status=status,
        is_terminal=status in TERMINAL_BATCH_STATUSES,
        input_file_id=str(answer.get("input_file_id") or ""),
        metadata={str(name): str(value) for name, value in metadata.items()}
        if isinstance(metadata, dict)
        else {},
        created_at=datetime.fromtimestamp(created_at, UTC)
        if isinstance(created_at, int | float)
        else datetime.now(UTC),
        completed=_count(counts.get("completed")),
        failed=_count(counts.get("failed")),
        total=_count(counts.get("total")),
        # An empty string has been seen where null was meant.
        output_file_id=_id(answer.get("output_file_id")),
        error_file_id=_id(answer.get("error_file_id")),
        error_text=_error_text(answer.get("errors")),
        raw=json.dumps(answer, ensure_ascii=False),
    )


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _error_text(errors: Any) -> str:
    # OpenAI: {"object": "list", "data": [...]}; Groq documents a bare array.
    entries = errors.get("data") if isinstance(errors, dict) else errors
    if not isinstance(entries, list):
        return ""
    texts = []
    for entry in entries[:3]:
        if isinstance(entry, dict):
            line = f"line {entry['line']}: " if entry.get("line") else ""
            texts.append(f"{line}{entry.get('message') or entry.get('code') or entry}")
    more = f" (and {len(entries) - 3:,} more)" if len(entries) > 3 else ""
    return "; ".join(texts) + more
