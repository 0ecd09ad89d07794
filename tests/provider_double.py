"""A provider in memory, with its own count of batches: the judge of what was paid."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from rowbatch.errors import ServiceError
from rowbatch.http import CarriedOut, PaidOutcome, Refused, Unknown
from rowbatch.providers.base import BatchView
from rowbatch.providers.openai import read_batch

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def pick_label(body: Mapping[str, Any]) -> str:
    """Answer with the label at the length of the text; without a schema, with the text."""
    text = str(body["messages"][-1]["content"])
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema is None:
        return text.upper()
    (name,) = schema["properties"]
    labels = schema["properties"][name]["enum"]
    return json.dumps({name: labels[len(text) % len(labels)]})


class ProviderDouble:
    """
    Speaks the calls of `BatchClient`. Batches are over at once.

    Attributes:
        batches: Everything that was ever paid for, in order of creation.
        step: Called before and after each effect, with a name; may raise, as a crash would.
        lose_answers: How many of the next creations are carried out without an answer arriving.
        hide_s: How long a new batch is missing from the list.
        refuse: How many of the next creations are refused.
    """

    def __init__(self, answer: Callable[[Mapping[str, Any]], str] = pick_label) -> None:
        self.answer = answer
        self.now = START
        self.files: dict[str, bytes] = {}
        self.batches: list[dict[str, Any]] = []
        self.step: Callable[[str], None] = lambda _: None
        self.lose_answers = 0
        self.hide_s = 0.0
        self.refuse = 0
        self.slept_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.now += timedelta(seconds=seconds)

    def upload(self, file: Path, filename: str) -> str:
        self.step("before upload")
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id] = file.read_bytes()
        self.step("after upload")
        return file_id

    def create(self, file_id: str, *, url: str, metadata: Mapping[str, str]) -> PaidOutcome:
        self.step("before create")
        if self.refuse:
            self.refuse -= 1
            return Refused("not today", 400, "not_today")
        number = len(self.batches) + 1
        batch = {
            "id": f"batch_{number}",
            "object": "batch",
            "status": "in_progress",
            "endpoint": url,
            "input_file_id": file_id,
            "created_at": self.now.timestamp(),
            "metadata": dict(metadata),
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "output_file_id": None,
            "error_file_id": None,
        }
        self.batches.append(batch)
        self.step("after create")
        if self.lose_answers:
            self.lose_answers -= 1
            return Unknown("the answer was lost")
        return CarriedOut(dict(batch))

    def view(self, answer: Mapping[str, object]) -> BatchView:
        return read_batch(answer)

    def status(self, batch_id: str) -> BatchView:
        self.step("before status")
        (batch,) = [batch for batch in self.batches if batch["id"] == batch_id]
        if batch["status"] == "in_progress":
            self._finish(batch)
        return read_batch(batch)

    def find(self, file_id: str, token: str, *, since: datetime) -> list[BatchView]:
        self.step("before find")
        return [
            read_batch(batch)
            for batch in self.batches
            if batch["input_file_id"] == file_id
            and (self.now.timestamp() - batch["created_at"]) >= self.hide_s
            and batch["status"] != "cancelled"
        ]

    def fetch(self, file_id: str, to: BinaryIO) -> int:
        self.step("before fetch")
        content = self.files[file_id]
        to.write(content[: len(content) // 2])
        self.step("in fetch")
        to.write(content[len(content) // 2 :])
        return len(content)

    def cancel(self, batch_id: str) -> BatchView:
        self.step("before cancel")
        (batch,) = [batch for batch in self.batches if batch["id"] == batch_id]
        batch["status"] = "cancelled"
        return read_batch(batch)

    def alive(self) -> list[dict[str, Any]]:
        """Batches that will be billed."""
        return [batch for batch in self.batches if batch["status"] != "cancelled"]

    def _finish(self, batch: dict[str, Any]) -> None:
        lines = self.files[batch["input_file_id"]].splitlines()
        output = [self._result(json.loads(line)) for line in lines]
        # Order is nobody's promise.
        output.reverse()
        batch["status"] = "completed"
        batch["output_file_id"] = f"file-{len(self.files) + 1}"
        batch["request_counts"] = {"total": len(lines), "completed": len(lines), "failed": 0}
        self.files[batch["output_file_id"]] = "".join(output).encode()

    def _result(self, request: Mapping[str, Any]) -> str:
        message = {"role": "assistant", "content": self.answer(request["body"])}
        body = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": request["body"]["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
        }
        result = {
            "id": "batch_req_1",
            "custom_id": request["custom_id"],
            "response": {"status_code": 200, "request_id": "r", "body": body},
            "error": None,
        }
        return json.dumps(result) + "\n"


def unknown_batch(batch_id: str) -> ServiceError:
    """What a provider says about an id that this key cannot see."""
    return ServiceError(f"No batch found with id '{batch_id}'.", status=404)
