"""
What is wrong in request lines of providers that do not speak OpenAI's protocol.

Sources:
    Anthropic: platform.claude.com, "Batch processing" (custom_id, what batches refuse); anthropic 2.12.0,
    `MessageCreateParams` and `ContentBlockParam`.
    Gemini: ai.google.dev, "Batch API"; google-genai 3.4.0, `Content` and `Part`; names are taken in both
    spellings.
    Mistral: docs.mistral.ai, "Batch inference"; the model is one of the job, and lines need none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rowbatch.core.problem import FileState, Problem, missing, note_model

_ANTHROPIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ANTHROPIC_PARTS = (
    "text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use", "tool_result",
    "server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
    "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result",
    "container_upload",
)  # fmt: skip
_HIGHEST_TEMPERATURE = 1


def anthropic_problems(request: Mapping[str, Any], number: int, state: FileState) -> Iterator[Problem]:
    """What is wrong in a line for Anthropic. Its models may differ in a file."""
    custom_id = request.get("custom_id")
    if "custom_id" not in request:
        yield missing(number, "custom_id")
    elif not isinstance(custom_id, str) or not _ANTHROPIC_ID.fullmatch(custom_id):
        message = f"custom_id {str(custom_id)[:40]!r}: Anthropic takes 1 to 64 letters, digits, _ and - only"
        yield Problem(number, "custom_id_form", message)
    params = request.get("params")
    yield from _strange(request, {"custom_id", "params"}, number)
    if not isinstance(params, dict):
        yield missing(number, "params") if params is None else _not_object(number, "params")
        return
    yield from _model(params.get("model"), "params.model", number, state)
    limit = params.get("max_tokens")
    if limit is None:
        yield missing(number, "params.max_tokens")
    elif not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        yield Problem(number, "invalid_value", f"params.max_tokens is {str(limit)[:20]}, and at least 1")
    yield from _messages(params.get("messages"), number)
    for name in ("stream", "speed"):
        if params.get(name):
            code = "streaming_unsupported" if name == "stream" else "unsupported_parameter"
            yield Problem(number, code, f"params.{name} is not taken in a batch")
    temperature = params.get("temperature")
    if isinstance(temperature, int | float) and not 0 <= temperature <= _HIGHEST_TEMPERATURE:
        yield Problem(number, "invalid_value", f"params.temperature is {temperature}, and goes from 0 to 1")


def _messages(messages: object, number: int) -> Iterator[Problem]:
    if not isinstance(messages, list) or not messages:
        yield missing(number, "params.messages")
        return
    for place, message in enumerate(messages):
        where = f"params.messages[{place}]"
        if not isinstance(message, dict):
            yield _not_object(number, where)
            continue
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant"):
            hint = ": the system message is params.system" if role in ("system", "developer") else ""
            yield Problem(number, "invalid_value", f"{where}.role is {str(role)[:20]!r}{hint}")
        if not content:
            yield missing(number, f"{where}.content")
        for part in content if isinstance(content, list) else ():
            kind = part.get("type") if isinstance(part, dict) else None
            if kind not in _ANTHROPIC_PARTS:
                yield Problem(number, "invalid_value", f"{where}: a part of the type {str(kind)[:40]!r}")


def gemini_problems(request: Mapping[str, Any], number: int, state: FileState) -> Iterator[Problem]:
    """What is wrong in a line for Gemini. One line that is refused makes the whole file be refused."""
    key = request.get("key")
    if key is None:
        message = "without a key nothing but its place in the file says whose answer it gets"
        yield Problem(number, "missing_key", message, "warning")
    elif not isinstance(key, str) or not key:
        yield Problem(number, "invalid_type", "key is no text, or empty")
    yield from _strange(request, {"key", "request", "metadata"}, number)
    asked = request.get("request")
    if not isinstance(asked, dict):
        yield missing(number, "request") if asked is None else _not_object(number, "request")
        return
    if isinstance(asked.get("model"), str):
        note_model(asked["model"].removeprefix("models/"), state)
    contents = asked.get("contents")
    if isinstance(contents, dict):
        contents = [contents]
    if not isinstance(contents, list) or not contents:
        yield missing(number, "request.contents")
        return
    for place, content in enumerate(contents):
        where = f"request.contents[{place}]"
        if not isinstance(content, dict):
            yield _not_object(number, where)
            continue
        if content.get("role", "user") not in ("user", "model"):
            yield Problem(number, "invalid_value", f"{where}.role is {str(content['role'])[:20]!r}")
        parts = content.get("parts")
        if isinstance(parts, dict):
            parts = [parts]
        if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
            yield missing(number, f"{where}.parts")


def mistral_problems(request: Mapping[str, Any], number: int, state: FileState) -> Iterator[Problem]:
    """What is wrong in a line for Mistral."""
    custom_id = request.get("custom_id")
    if custom_id is None:
        message = "without a custom_id nobody can say whose answer it gets"
        yield Problem(number, "missing_key", message, "warning")
    elif not isinstance(custom_id, str) or not custom_id:
        yield Problem(number, "invalid_type", "custom_id is no text, or empty")
    yield from _strange(request, {"custom_id", "body"}, number)
    body = request.get("body")
    if not isinstance(body, dict):
        yield missing(number, "body") if body is None else _not_object(number, "body")
        return
    if isinstance(body.get("model"), str):
        note_model(body["model"], state)
    if body.get("stream"):
        yield Problem(number, "streaming_unsupported", "stream is not taken in a batch", is_fixable=True)
    if not any(body.get(name) for name in ("messages", "input", "inputs", "prompt", "document")):
        yield missing(number, "body.messages")


def _model(model: object, place: str, number: int, state: FileState) -> Iterator[Problem]:
    if isinstance(model, str) and model:
        note_model(model, state)
    else:
        yield missing(number, place)


def _strange(request: Mapping[str, Any], known: set[str], number: int) -> Iterator[Problem]:
    strange = sorted(set(request) - known)
    if strange:
        yield Problem(number, "unknown_parameter", f"nobody knows {', '.join(strange[:3])}", "warning")


def _not_object(number: int, name: str) -> Problem:
    return Problem(number, "invalid_type", f"{name} is no object")
