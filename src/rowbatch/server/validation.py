"""
What a batch's input file must be: all or nothing, checked before any row runs.

Source:
    Codes and texts as recorded from OpenAI's service in 2025 and 2026.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rowbatch.server import strict_json
from rowbatch.server.endpoint import ServedEndpoint

MAX_REQUESTS = 50_000
MAX_INPUT_BYTES = 200 << 20
"""OpenAI: an input file may have 200 MB."""
MAX_LINE_BYTES = 64 << 20
"""Of one request, as a call that is answered at once."""
_MAX_SHOWN = 200
MAX_ERRORS = 100
_KEYS = ("custom_id", "method", "url", "body")


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What came of it.

    Attributes:
        requests: Lines, when there are no errors.
        model: The one model of the file.
        errors: OpenAI's error entries, the first 100; none means that the batch may run.
    """

    requests: int
    model: str | None
    errors: list[dict[str, Any]]


def validate_input(
    path: Path,
    *,
    endpoint: ServedEndpoint,
    models: Collection[str],
    max_bytes: int = MAX_INPUT_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Verdict:
    """
    Check every line of an input file; holds its ids in memory, and one line.

    Args:
        path: Of the file.
        endpoint: Of the batch.
        models: Those that can be asked.
        max_bytes: Of the whole file.
        max_line_bytes: Of one line, its end included.
    """
    size = path.stat().st_size
    if size > max_bytes:
        text = f"The batch input file has {size} bytes; at most {max_bytes} are allowed."
        return Verdict(0, None, [_entry("file_too_large", None, text, None)])
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    model: str | None = None
    requests = 0
    with path.open("rb") as file:
        number = 0
        while line := file.readline(max_line_bytes + 1):
            number += 1
            if is_blank(line):
                continue
            requests += 1
            is_too_long = len(line) > max_line_bytes
            while len(line) > max_line_bytes and not line.endswith(b"\n"):
                line = file.readline(max_line_bytes + 1)
            if requests > MAX_REQUESTS:
                # It fails for that: the rest is counted, not read.
                continue
            if is_too_long:
                text = f"The request is too large: a line has at most {max_line_bytes} bytes."
                errors.append(_entry("request_too_large", None, text, number))
                continue
            request = _parsed(line)
            fault = _fault(request, endpoint, seen)
            if fault is None:
                assert request is not None
                found = request["body"]["model"]
                model = model or found
                if found != model:
                    fault = (
                        "mismatched_model",
                        "body.model",
                        f"The model '{_shown(found)}' for this request does not match the rest of the batch. "
                        "Each batch must contain requests for a single model.",
                    )
                elif found not in models:
                    fault = (
                        "model_not_found",
                        "body.model",
                        f"The provided model '{_shown(found)}' is not supported by the Batch API.",
                    )
            if fault is not None and len(errors) < MAX_ERRORS:
                errors.append(_entry(*fault, number))
    if requests == 0:
        errors.append(_entry("empty_file", None, "The input file has no requests.", None))
    if requests > MAX_REQUESTS:
        text = f"The batch input file has {requests} requests; at most {MAX_REQUESTS} are allowed."
        errors.insert(0, _entry("too_many_tasks", None, text, None))
    return Verdict(requests, model, errors)


def is_blank(line: bytes) -> bool:
    """Whether nothing stands in a line, which is no request: editors and other systems leave such."""
    return not line.strip(b" \t\r\n")


def missing_input(file_id: str) -> Verdict:
    """The verdict on a file that is not there."""
    text = f"Cannot find file {_shown(file_id)}, or the organization does not have access to it."
    return Verdict(0, None, [_entry("invalid_request", "file_id", text, None)])


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        return strict_json.parse_object(line)
    except ValueError:
        return None


def _shown(value: object) -> str:
    """What a line has, as an error repeats it: short."""
    text = str(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def _fault(
    request: dict[str, Any] | None, endpoint: ServedEndpoint, seen: set[str]
) -> tuple[str, str | None, str] | None:
    if request is None:
        return "invalid_json_line", None, "This line is not parseable as valid JSON."
    for key in _KEYS:
        if key not in request:
            return "missing_required_parameter", key, f"Missing required parameter: '{key}'."
    custom_id, body = request["custom_id"], request["body"]
    if not isinstance(custom_id, str) or not custom_id:
        return "invalid_request", "custom_id", "The custom_id must be a non-empty string."
    if custom_id in seen:
        return (
            "duplicate_custom_id",
            "custom_id",
            f"The custom_id '{_shown(custom_id)}' for this request is a duplicate of another request. The "
            "custom_id parameter must be unique for each request in a batch.",
        )
    seen.add(custom_id)
    if request["method"] != "POST":
        return (
            "invalid_method",
            "method",
            f"Invalid value: '{_shown(request['method'])}'. Supported values are: 'POST'.",
        )
    if request["url"] != endpoint.url:
        return "invalid_url", "url", "The URL provided for this request does not match the batch endpoint."
    if not isinstance(body, dict):
        return "missing_required_parameter", "body", "Missing required parameter: 'body'."
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "invalid_request", "body.model", "Model parameter is required."
    if endpoint.required not in body:
        param = f"body.{endpoint.required}"
        return "missing_required_parameter", param, f"Missing required parameter: '{param}'."
    if body.get("stream"):
        return (
            "streaming_unsupported",
            "body.stream",
            f"{endpoint.title}: Streaming is not supported in the Batch API.",
        )
    return None


def _entry(code: str, param: str | None, message: str, line: int | None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": param, "line": line}
