"""
The same requests without a batch: how one is written down before it is sent, and its answer after it came.

Each request goes to the provider's ordinary endpoint, in the provider's own words; what came is kept as it
came, and read through the same dialect as a batch's results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rowbatch.core.result import ANSWER_LOST
from rowbatch.providers.base import Dialect
from rowbatch.providers.messages import answered, dumped, failed, not_run, object_at, result_object, text_at
from rowbatch.providers.refusals import UNPAID_STATUS


class DirectDialect:
    """
    Calls that are made one by one.

    Args:
        provider: Of the provider, which writes each of them.
    """

    is_openai = False

    def __init__(self, provider: Dialect) -> None:
        self._provider = provider

    def request_line(self, line: bytes, token: str, *, marks_cache: bool = False) -> bytes:
        """Path and body of the call, beside the row's id."""
        del token, marks_cache
        found = json.loads(line)
        body = found["body"]
        if not self._provider.is_openai:
            # What its batches don't take, its ordinary endpoint is not asked for either.
            self._provider.request_line(line, "0" * 16)
        path, sent = self._provider.direct_request(found["url"], body)
        return dumped({"custom_id": found["custom_id"], "model": body["model"], "path": path, "body": sent})

    def result_line(self, line: bytes, token: str) -> bytes:
        """Of `answer_line`, `error_line`, `lost_line` or `unasked_line`."""
        del token
        found = result_object(line)
        custom_id = text_at("custom_id", found)
        if not custom_id:
            raise ValueError("it has no custom_id")
        if "answer" in found:
            model = text_at("model", found)
            return answered(custom_id, self._provider.direct_answer(object_at("answer", found), model))
        if "error" in found:
            error = object_at("error", found)
            status = error.get("status")
            told = text_at("message", error)
            return failed(custom_id, status if isinstance(status, int) else 0, text_at("code", error), told)
        if "lost" in found:
            return not_run(custom_id, ANSWER_LOST, text_at("lost", found))
        return not_run(custom_id, "batch_cancelled", "it was not asked any more")

    def direct_request(self, url: str, body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        return self._provider.direct_request(url, body)

    def direct_answer(self, answer: Mapping[str, Any], model: str) -> Mapping[str, Any]:
        return self._provider.direct_answer(answer, model)


def answer_line(custom_id: str, model: str, answer: Mapping[str, Any]) -> bytes:
    """What the provider answered, as it came."""
    return dumped({"custom_id": custom_id, "model": model, "answer": answer}) + b"\n"


def error_line(custom_id: str, status: int, code: str, message: str, *, is_unpaid: bool) -> bytes:
    """What it said instead."""
    error = {"status": UNPAID_STATUS if is_unpaid else status, "code": code, "message": message}
    return dumped({"custom_id": custom_id, "error": error}) + b"\n"


def lost_line(custom_id: str, why: str) -> bytes:
    """It may have answered, and nobody knows what."""
    return dumped({"custom_id": custom_id, "lost": why}) + b"\n"


def unasked_line(custom_id: str) -> bytes:
    """It was not asked."""
    return dumped({"custom_id": custom_id, "unasked": True}) + b"\n"
