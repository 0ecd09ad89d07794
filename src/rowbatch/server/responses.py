"""
Responses: the same questions as chat completions in OpenAI's newer form, and answers in that form.

Each request is one of chat completions in other words, so who has these can answer. What needs a memory of
earlier answers (`previous_response_id`, `conversation`, `background`) is refused: nothing is kept here.

Source:
    OpenAI's specification 2.3.0: `CreateResponse`, `Response`, `ResponseStreamEvent`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rowbatch.server import chat_request
from rowbatch.server.chat_request import ChatModel, not_offered, wrong_type
from rowbatch.server.endpoint import Emit, RefusedRequest, ServedEndpoint, object_at, objects

_SHARED = ("model", "temperature", "top_p", "user", "metadata", "seed", "stop", "service_tier")
"""Fields that have one name and one meaning in both."""
_ECHOED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of its request, and what stands there where nothing was said."""
_KEPT_NOWHERE = ("previous_response_id", "conversation", "background", "prompt")
_LOGPROBS = "message.output_text.logprobs"
_PARTS = {"input_text": "text", "output_text": "text", "text": "text"}


def _new_id() -> str:
    return f"resp_{secrets.token_hex(24)}"


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """
    The same request as chat completions have it.

    Raises:
        RefusedRequest: It is malformed, or chat completions have nothing of the kind.
    """
    for name in _KEPT_NOWHERE:
        if body.get(name):
            raise not_offered(name, f"This server keeps no responses: '{name}' can't be used.")
    if body.get("tools"):
        raise not_offered("tools", "This server calls no tools.")
    messages: list[dict[str, Any]] = []
    instructions = body.get("instructions")
    if instructions is not None:
        if not isinstance(instructions, str):
            raise wrong_type("instructions", "a string", instructions)
        messages.append({"role": "system", "content": instructions})
    found: dict[str, Any] = {name: body[name] for name in _SHARED if body.get(name) is not None}
    found["messages"] = [*messages, *_messages(body.get("input"))]
    if body.get("max_output_tokens") is not None:
        found["max_completion_tokens"] = body["max_output_tokens"]
    effort = body.get("reasoning")
    if isinstance(effort, Mapping) and effort.get("effort") is not None:
        found["reasoning_effort"] = effort["effort"]
    form = _response_format(body.get("text"))
    if form is not None:
        found["response_format"] = form
    if _LOGPROBS in _included(body.get("include")):
        found["logprobs"] = True
        if body.get("top_logprobs") is not None:
            found["top_logprobs"] = body["top_logprobs"]
    if body.get("stream"):
        found |= {"stream": True, "stream_options": {"include_usage": True}}
    return found


def from_chat(completion: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """
    The response to a request, of the completion that answers it.

    Args:
        completion: Of chat completions, of whatever server.
        body: Of the request.
    """
    entry: Mapping[str, Any] = next(iter(objects(completion.get("choices"))), {})
    message = object_at(entry, "message")
    reason = _cut_by(entry.get("finish_reason"))
    text, refusal = message.get("content"), message.get("refusal")
    content = [{"type": "refusal", "refusal": refusal}] if refusal else [_text_part(text or "", entry)]
    item = _item(f"msg_{secrets.token_hex(24)}", "incomplete" if reason else "completed", content)
    return {
        **_frame(body, str(completion.get("model") or body.get("model"))),
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [item],
        "usage": _usage(completion.get("usage")),
        **{name: entry[name] for name in ("confidence", "rowbatch") if name in entry},
    }


def answer(model: ChatModel, body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Answer one request with the local model.

    Raises:
        RefusedRequest: It cannot be answered.
    """
    return from_chat(chat_request.answer(model, to_chat(body)), body)


def stream(model: ChatModel, body: Mapping[str, Any], emit: Emit) -> None:
    """
    Answer one request bit by bit.

    Raises:
        RefusedRequest: It cannot be answered.
    """
    events = ResponseEvents(body)

    def take(chunk: dict[str, Any]) -> bool:
        return any(emit(event) for event in events.of(chunk))

    chat_request.stream(model, to_chat(body), take)
    for event in events.end():
        emit(event)


def finished(body: Mapping[str, Any]) -> dict[str, Any]:
    """A response with the id and the time that only the server can give."""
    if "id" in body and "created_at" in body:
        return dict(body)
    return {"id": _new_id(), "created_at": int(time.time()), **body}


@dataclass(slots=True)
class ResponseEvents:
    """
    The events of a streamed response, of the chunks of a streamed completion.

    Args:
        body: Of the request.
    """

    body: Mapping[str, Any]
    _number: int = 0
    _id: str = field(default_factory=_new_id)
    _item_id: str = field(default_factory=lambda: f"msg_{secrets.token_hex(24)}")
    _created_at: int = field(default_factory=lambda: int(time.time()))
    _model: str = ""
    _text: list[str] = field(default_factory=list)
    _tokens: list[Any] = field(default_factory=list)
    _finish: str | None = None
    _usage: Any = None
    _extras: dict[str, Any] = field(default_factory=dict)
    _has_begun: bool = False

    def of(self, chunk: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The events that a chunk is."""
        if not self._has_begun:
            yield from self._begin(chunk)
        self._usage = chunk.get("usage") or self._usage
        for entry in objects(chunk.get("choices")):
            self._finish = entry.get("finish_reason") or self._finish
            self._extras |= {name: entry[name] for name in ("confidence", "rowbatch") if name in entry}
            delta = object_at(entry, "delta").get("content")
            tokens = _tokens(entry)
            if isinstance(delta, str) and delta:
                self._text.append(delta)
                self._tokens += tokens
                yield self._event("response.output_text.delta", delta=delta, logprobs=tokens, **self._place)

    def end(self) -> Iterator[dict[str, Any]]:
        """The events behind the last chunk."""
        if not self._has_begun:
            yield from self._begin({})
        text, reason = "".join(self._text), _cut_by(self._finish)
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": self._tokens}
        yield self._event("response.output_text.done", text=text, logprobs=self._tokens, **self._place)
        yield self._event("response.content_part.done", part=part, **self._place)
        item = _item(self._item_id, "incomplete" if reason else "completed", [part])
        yield self._event("response.output_item.done", output_index=0, item=item)
        status = "incomplete" if reason else "completed"
        whole = {
            **self._response(status),
            "incomplete_details": {"reason": reason} if reason else None,
            "output": [item],
            "usage": _usage(self._usage),
            **self._extras,
        }
        yield self._event(f"response.{status}", response=whole)

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": self._item_id, "output_index": 0, "content_index": 0}

    def _begin(self, chunk: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        self._has_begun = True
        self._model = str(chunk.get("model") or self.body.get("model"))
        for name in ("created", "in_progress"):
            yield self._event(f"response.{name}", response=self._response("in_progress"))
        item = _item(self._item_id, "in_progress", [])
        yield self._event("response.output_item.added", output_index=0, item=item)
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield self._event("response.content_part.added", part=part, **self._place)

    def _response(self, status: str) -> dict[str, Any]:
        own = {"id": self._id, "created_at": self._created_at, "status": status, "output": []}
        return {**_frame(self.body, self._model), **own, "incomplete_details": None, "usage": None}

    def _event(self, kind: str, **more: Any) -> dict[str, Any]:
        self._number += 1
        return {"type": kind, "sequence_number": self._number - 1, **more}


def _messages(given: object) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if given is None:
        raise RefusedRequest(
            "Missing required parameter: 'input'.", code="missing_required_parameter", param="input"
        )
    if not isinstance(given, list):
        raise wrong_type("input", "a string or an array", given)
    found = []
    for number, item in enumerate(given):
        name = f"input[{number}]"
        if not isinstance(item, Mapping):
            raise wrong_type(name, "an object", item)
        kind = item.get("type") or "message"
        if kind == "reasoning":
            # What a model thought earlier is for its own server only.
            continue
        if kind != "message":
            raise not_offered(f"{name}.type", f"This server takes messages only, not '{str(kind)[:200]}'.")
        found.append({"role": item.get("role"), "content": _content(item.get("content"), f"{name}.content")})
    return found


def _content(given: object, name: str) -> object:
    """A text, or the parts of one as chat completions have them; what is none is left for these to refuse."""
    if not isinstance(given, list):
        return given
    parts: list[dict[str, Any]] = []
    for number, part in enumerate(given):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(part, Mapping) and kind in _PARTS:
            parts.append({"type": "text", "text": part.get("text")})
        elif isinstance(part, Mapping) and kind == "refusal":
            parts.append({"type": "text", "text": part.get("refusal")})
        elif isinstance(part, Mapping) and kind == "input_image" and part.get("image_url"):
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            parts.append({"type": "image_url", "image_url": {"url": part["image_url"], **detail}})
        else:
            raise not_offered(f"{name}[{number}]", "This server takes texts and addresses of images only.")
    if all(part["type"] == "text" and isinstance(part["text"], str) for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _response_format(text: object) -> dict[str, Any] | None:
    if text is None:
        return None
    if not isinstance(text, Mapping):
        raise wrong_type("text", "an object", text)
    form = text.get("format")
    if form is None:
        return None
    if not isinstance(form, Mapping):
        raise wrong_type("text.format", "an object", form)
    if form.get("type") != "json_schema":
        return dict(form)
    inner = {name: form[name] for name in ("name", "description", "schema", "strict") if name in form}
    return {"type": "json_schema", "json_schema": inner}


def _included(given: object) -> list[object]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise wrong_type("include", "an array", given)
    return given


def _frame(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """What stands in each response, whatever it answers."""
    given = {name: body.get(name) for name in _ECHOED}
    echoed = {name: empty if given[name] is None else given[name] for name, empty in _ECHOED.items()}
    reasoning = body.get("reasoning") if isinstance(body.get("reasoning"), Mapping) else {}
    text = body.get("text") if isinstance(body.get("text"), Mapping) else {}
    return {
        "object": "response",
        "model": model,
        "error": None,
        **echoed,
        "background": False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None, **(reasoning or {})},
        # Said as it is: nothing is kept.
        "store": False,
        "text": {"format": {"type": "text"}, **(text or {})},
    }


def _item(item_id: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "message", "id": item_id, "status": status, "role": "assistant", "content": content}


def _text_part(text: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": _tokens(entry)}


def _tokens(entry: Mapping[str, Any]) -> list[Any]:
    return [dict(token) for token in objects(object_at(entry, "logprobs").get("content"))]


def _cut_by(finish_reason: object) -> str | None:
    """Why a response is incomplete, or None."""
    if finish_reason == "length":
        return "max_output_tokens"
    return "content_filter" if finish_reason == "content_filter" else None


def _usage(counted: object) -> dict[str, Any] | None:
    if not isinstance(counted, Mapping):
        return None
    read, written = _count(counted, "prompt_tokens"), _count(counted, "completion_tokens")
    cached = _count(object_at(counted, "prompt_tokens_details"), "cached_tokens")
    thought = _count(object_at(counted, "completion_tokens_details"), "reasoning_tokens")
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": _count(counted, "total_tokens") or read + written,
    }


def _count(counted: Mapping[str, Any], name: str) -> int:
    value = counted.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


RESPONSES = ServedEndpoint(
    "/v1/responses", "Responses", "input", answer, finished, stream=stream, names_events=True
)
