"""An engine without a model: it answers at once, with the text that it is given or what a schema allows."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from rowbatch.server.endpoint import RefusedRequest, ServedEndpoint
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import EngineReply

ECHO_MODEL = "echo"
_TOKEN_CHARS = 4
_DIMENSIONS = 8

Answer = Callable[[Mapping[str, Any]], str]
"""From the body of a request to the text of its answer."""


class EchoEngine:
    """
    Answers without a model, and counts what it was asked.

    Args:
        answer: What is said to a body; None is `echo`.
    Attributes:
        asked: How often each text was answered.
    """

    batches_at_once = 8
    may_ignore = False
    behind = ""
    state = "loaded"
    fault = None
    details: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, answer: Answer | None = None) -> None:
        self._answer = answer or echo
        self.asked: Counter[str] = Counter()

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        """Any name is taken, so that a program under test need not be changed; one is listed."""
        return _ANY_MODEL

    def slots(self, model: str) -> int:
        """So many that a batch is over soon, and so few that a cancel can come before."""
        del model
        return 16

    async def refresh(self) -> None:
        """Whatever is named is there."""

    async def answer(self, endpoint: str, body: Mapping[str, Any], *, is_patient: bool = True) -> EngineReply:
        """As `Engine.answer`; an answer that cannot be made is refused with its cause."""
        del is_patient
        refused = _refused(ENDPOINTS[endpoint], body)
        if refused is not None:
            return EngineReply(400, refused.body)
        asked = text_of(body)
        self.asked[asked] += 1
        usage = _usage(body, asked)
        if endpoint.endswith("/embeddings"):
            return EngineReply(200, _embeddings(body, usage))
        if endpoint.endswith("/moderations"):
            return EngineReply(200, _moderation(body))
        said = self._answer(body)
        usage = _usage(body, said)
        if endpoint.endswith("/responses"):
            return EngineReply(200, _response(body, said, usage))
        if endpoint.endswith("/chat/completions"):
            message = {"role": "assistant", "content": said, "refusal": None}
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            return EngineReply(200, _completion("chat.completion", body, choice, usage))
        choice = {"index": 0, "text": said, "logprobs": None, "finish_reason": "stop"}
        return EngineReply(200, _completion("text_completion", body, choice, usage))

    async def stream(self, endpoint: str, body: Mapping[str, Any]) -> EngineReply:
        """As `answer`: it is there as a whole, and the server tells it bit by bit."""
        return await self.answer(endpoint, body)

    async def stop(self) -> None:
        """There is nothing to let go of."""


class _AnyModel(dict[str, Mapping[str, Any]]):
    """The one that is listed, and all others."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(name)

    def __missing__(self, name: str) -> Mapping[str, Any]:
        return {"title": name}


_ANY_MODEL = _AnyModel({ECHO_MODEL: {"title": "Echo: answers with the text, without a model"}})


def echo(body: Mapping[str, Any]) -> str:
    """
    The text of a request. Where a schema is asked for, JSON that it allows, by a hash of the text; where any
    object is, one that has the text.
    """
    text = text_of(body)
    form = _format_of(body)
    schema = form.get("schema", form.get("json_schema", {}).get("schema"))
    if isinstance(schema, Mapping):
        return json.dumps(_value(schema, text, ""), ensure_ascii=False)
    return json.dumps({"text": text}, ensure_ascii=False) if form.get("type") == "json_object" else text


def _refused(served: ServedEndpoint, body: Mapping[str, Any]) -> RefusedRequest | None:
    """Why a request is none, as OpenAI says it: a program that leaves out texts sees that in its tests."""
    name = served.required
    if name not in body:
        text = f"Missing required parameter: '{name}'."
        return RefusedRequest(text, code="missing_required_parameter", param=name)
    said = body[name]
    if name == "messages" and not (isinstance(said, list) and all(isinstance(one, dict) for one in said)):
        text = "Invalid type for 'messages': expected an array of objects."
        return RefusedRequest(text, code="invalid_type", param=name)
    if said == []:
        text = f"Invalid '{name}': empty array. Expected an array with minimum length 1."
        return RefusedRequest(text, code="empty_array", param=name)
    return None


def text_of(body: Mapping[str, Any]) -> str:
    """What a request asks: its last message, input or prompt, as a text."""
    said = body.get("messages", body.get("input", body.get("prompt")))
    if isinstance(said, list) and said:
        last = said[-1]
        said = last.get("content") if isinstance(last, dict) else last
    if isinstance(said, list):
        said = "\n".join(str(part.get("text", "")) for part in said if isinstance(part, dict))
    return "" if said is None else str(said)


def _format_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Which form an answer is to have, of chat completions or responses."""
    text = body.get("text")
    form = body.get("response_format", text.get("format") if isinstance(text, Mapping) else None)
    if not isinstance(form, Mapping):
        return {}
    return form if isinstance(form.get("json_schema", {}), Mapping) else {"type": form.get("type")}


def _value(schema: Mapping[str, Any], text: str, name: str, depth: int = 0) -> Any:
    """A value that a schema allows; of those that it lists, one by a hash of the text."""
    digest = int.from_bytes(hashlib.sha256(f"{text}\n{name}".encode("utf-8", "surrogatepass")).digest()[:4])
    if schema.get("enum"):
        allowed = [value for value in schema["enum"] if value is not None] or [None]
        return allowed[digest % len(allowed)]
    if "const" in schema:
        return schema["const"]
    if schema.get("anyOf"):
        return _value(schema["anyOf"][0], text, name, depth)
    kinds = schema.get("type", "string")
    match kinds[0] if isinstance(kinds, list) else kinds:
        case "object":
            inside = schema.get("properties") or {}
            return (
                {key: _value(inner, text, key, depth + 1) for key, inner in inside.items()}
                if depth < 10
                else {}
            )
        case "array":
            return [_value(schema.get("items") or {}, text, name, depth + 1)]
        case "boolean":
            return bool(digest % 2)
        case "integer" | "number":
            least = schema.get("minimum", 0)
            return least + digest % (int(schema.get("maximum", least + 10) - least) + 1)
        case "null":
            return None
        case _ if schema.get("description") == "YYYY-MM-DD" or schema.get("format") == "date":
            return f"20{digest % 20:02}-{digest % 12 + 1:02}-{digest % 28 + 1:02}"
        case _:
            return " ".join(text.split()[:3])


def _usage(body: Mapping[str, Any], said: str) -> dict[str, int]:
    prompt, answer = len(json.dumps(body)) // _TOKEN_CHARS, max(1, len(said) // _TOKEN_CHARS)
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _completion(
    kind: str, body: Mapping[str, Any], choice: Mapping[str, Any], usage: Mapping[str, int]
) -> dict[str, Any]:
    return {"object": kind, "model": body["model"], "choices": [choice], "usage": usage}


def _response(body: Mapping[str, Any], said: str, usage: Mapping[str, int]) -> dict[str, Any]:
    part = {"type": "output_text", "text": said, "annotations": []}
    message = {
        "id": "msg_echo",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return {
        "object": "response",
        "status": "completed",
        "model": body["model"],
        "output": [message],
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "temperature": body.get("temperature", 1.0),
        "top_p": body.get("top_p", 1.0),
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        },
    }


def _embeddings(body: Mapping[str, Any], usage: Mapping[str, int]) -> dict[str, Any]:
    given = body.get("input")
    texts = given if isinstance(given, list) else [given]
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(str(text))}
        for index, text in enumerate(texts)
    ]
    counted = {"prompt_tokens": usage["prompt_tokens"], "total_tokens": usage["prompt_tokens"]}
    return {"object": "list", "model": body["model"], "data": data, "usage": counted}


def _vector(text: str) -> list[float]:
    """Numbers by a hash of the text."""
    return [
        byte / 255 for byte in hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_DIMENSIONS]
    ]


def _moderation(body: Mapping[str, Any]) -> dict[str, Any]:
    given = body.get("input")
    texts = given if isinstance(given, list) else [given]
    result = {"flagged": False, "categories": {}, "category_scores": {}}
    return {"id": "modr-echo", "model": body.get("model") or ECHO_MODEL, "results": [result for _ in texts]}
