"""What the dialects share: reading a request of the house's own form, and writing an answer in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rowbatch.providers.base import NotTaken
from rowbatch.words.notice import Notice

CHAT_URL = "/v1/chat/completions"


class ChatRequest(NamedTuple):
    """
    A chat completion that is asked for, taken apart.

    Attributes:
        model: As the provider names it.
        system: All system messages, or "".
        turns: Role (`user`, `assistant`) and content (a text, or parts as OpenAI has them) of the others.
        max_tokens: Output limit, or None.
        schema: That the answer must follow, or None.
        others: Parameters that are none of these.
    """

    model: str
    system: str
    turns: Sequence[tuple[str, Any]]
    max_tokens: int | None
    schema: Mapping[str, Any] | None
    others: Mapping[str, Any]


def chat_request(body: Mapping[str, Any]) -> ChatRequest:
    """
    Take the body of a chat completion apart.

    Raises:
        NotTaken: It is none.
    """
    messages = body.get("messages")
    if not messages:
        raise NotTaken(Notice("only-chat"))
    system = "\n\n".join(str(said["content"]) for said in messages if said["role"] in ("system", "developer"))
    turns = [(said["role"], said["content"]) for said in messages if said["role"] in ("user", "assistant")]
    form = body.get("response_format") or {}
    schema = form.get("json_schema", {}).get("schema") if form.get("type") == "json_schema" else None
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    known = {"model", "messages", "response_format", "max_tokens", "max_completion_tokens"}
    return ChatRequest(
        model=str(body["model"]),
        system=system,
        turns=turns,
        max_tokens=limit,
        schema=schema,
        others={name: value for name, value in body.items() if name not in known},
    )


class Line(NamedTuple):
    """A request line of the house's own form."""

    custom_id: str
    url: str
    body: Mapping[str, Any]


def read_request(line: bytes) -> Line:
    """
    Read a request line.

    Raises:
        NotTaken: It asks another endpoint than chat completions.
        ValueError: It is none.
    """
    found = json.loads(line)
    if found["url"] != CHAT_URL:
        raise NotTaken(Notice("no-such-batches", {"url": found["url"]}))
    return Line(found["custom_id"], found["url"], found["body"])


def completion(
    *,
    answer_id: str,
    model: str,
    content: str | None,
    finish_reason: str | None,
    told: str = "",
    refusal: str | None = None,
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    cached_tokens: int = 0,
    cache_write_tokens: int = 0,
    reasoning_tokens: int = 0,
    logprobs: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """
    An answer as a chat completion.

    Args:
        content: Its text, or None when there is none. An answer that ended well without any text is none:
            then there are no choices, and what was counted is billed all the same.
        finish_reason: OpenAI's word for how it ended, or the provider's own; None when it does not say.
        told: What the provider says about that, or "".
        logprobs: Its tokens with their probabilities; None where the provider does not tell.
    """
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, "refusal": refusal},
        "finish_reason": finish_reason,
        **({"logprobs": {"content": list(logprobs)}} if logprobs else {}),
        **({"error": {"message": told}} if told else {}),
    }
    has_ended_well = finish_reason == "stop" and refusal is None
    return {
        "id": answer_id,
        "object": "chat.completion",
        "model": model,
        "choices": [] if content is None and has_ended_well else [choice],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": {
                "cached_tokens": cached_tokens,
                # As OpenAI calls it (openai 3.57.0, CompletionUsage).
                **({"cache_write_tokens": cache_write_tokens} if cache_write_tokens else {}),
            },
            "completion_tokens_details": {"reasoning_tokens": reasoning_tokens},
        },
    }


def answered(custom_id: str, body: Mapping[str, Any]) -> bytes:
    """A result line with an answer."""
    return dumped(
        {"id": "", "custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}
    )


def failed(custom_id: str, status: int, code: str, message: str) -> bytes:
    """A result line with an error of the endpoint."""
    error = {"message": message, "type": code, "param": None, "code": code}
    response = {"status_code": status, "body": {"error": error}}
    return dumped({"id": "", "custom_id": custom_id, "response": response, "error": None})


def not_run(custom_id: str, code: str, message: str) -> bytes:
    """A result line of a request that was not run."""
    error = {"code": code, "message": message}
    return dumped({"id": "", "custom_id": custom_id, "response": None, "error": error})


def dumped(value: Mapping[str, Any]) -> bytes:
    """As one line of JSON, without its end; bytes that cannot be text are replaced."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace")


def marked_id(custom_id: str, token: str) -> str:
    """A custom_id that shows whose it is, for a provider that keeps nothing else of ours."""
    return f"{custom_id}-{token_mark(token)}"


def token_mark(token: str) -> str:
    """Sixteen characters of a token: its random part, and its attempt."""
    attempt = token.rpartition("-a")[2] if "-a" in token else "1"
    return f"{token[:16]}x{attempt}"


class AnotherBatch(ValueError):
    """A result has an id that is none of ours."""


def unmarked_id(custom_id: str, token: str) -> str:
    """
    The custom_id without its mark.

    Raises:
        AnotherBatch: It has not the mark of this token.
    """
    mark = f"-{token_mark(token)}"
    if not custom_id.endswith(mark):
        raise AnotherBatch("it belongs to another batch")
    return custom_id.removesuffix(mark)


def object_at(name: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    A field that is an object; an empty one where it is null or not there.

    Raises:
        ValueError: It is something else.
    """
    value = found.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    return value or {}


def objects_at(name: str, found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """
    A field that is a list of objects; an empty one where it is null or not there.

    Raises:
        ValueError: It is something else.
    """
    value = found.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError(f"{name} is no list of objects")
    return value


def text_at(name: str, found: Mapping[str, Any]) -> str:
    """
    A field that is a text; "" where it is null or not there.

    Raises:
        ValueError: It is something else.
    """
    value = found.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value or ""


def result_object(line: bytes) -> Mapping[str, Any]:
    """
    A result line as an object.

    Raises:
        ValueError: It is none.
        RecursionError: It is nested too deeply.
    """
    return object_at("it", {"it": json.loads(line)})


def parts_of(content: Any) -> list[Mapping[str, Any]]:
    """The parts of a message's content: texts and images."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def data_url(url: str) -> tuple[str, str] | None:
    """Media type and base64 text of a data address; None for an address of the web."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    return head.removeprefix("data:").removesuffix(";base64"), data
