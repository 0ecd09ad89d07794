"""Chat completions: what the local model asks of a request before it works on it, and how it answers."""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from rowbatch.server.endpoint import Emit, RefusedRequest, ServedEndpoint, object_at, objects
from rowbatch.server.parts import PartModel, answer_parts, parts_of
from rowbatch.server.scoring import GENERATED_METHOD, Choice, single_choice
from rowbatch.server.strict_json import has_half_surrogates

_MAX_SHOWN = 200
_ROLES = frozenset({"system", "developer", "user", "assistant"})
_FORMATS = ("text", "json_object", "json_schema")
_NUMBERS = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
_MOST_LISTED = 20
_NEVER = -9999.0
"""OpenAI's log probability of a token that is not to be expected; JSON has no infinity."""
_WHOLE_NUMBERS = {"max_tokens": 1, "max_completion_tokens": 1, "seed": -(2**63)}


class ChatModel(PartModel, Protocol):
    """What chat completions ask of the model."""

    def choose(self, messages: list[dict[str, str]], choice: Choice) -> dict[str, Any] | None:
        """A completion that is one of several labels; None when the model sees no difference between them."""

    def write(self, body: Mapping[str, Any], messages: list[dict[str, str]], emit: Emit) -> None:
        """Give away the chunks of a completion whose text the model writes."""


def answer(model: ChatModel, body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Answer one request with the local model.

    Raises:
        RefusedRequest: It cannot be answered.
    """
    messages, whole = _answered(model, body)
    return model.generate(body, messages) if whole is None else whole


def stream(model: ChatModel, body: Mapping[str, Any], emit: Emit) -> None:
    """
    Answer one request bit by bit. A label that is chosen comes in one piece.

    Raises:
        RefusedRequest: It cannot be answered.
    """
    messages, whole = _answered(model, body)
    if whole is None:
        model.write(body, messages, emit)
        return
    for chunk in chunks_of(finished(whole), with_usage=wants_usage(body)):
        if emit(chunk):
            return


def _answered(
    model: ChatModel, body: Mapping[str, Any]
) -> tuple[list[dict[str, str]], dict[str, Any] | None]:
    """The messages, and the completion where it isn't one that the model writes freely."""
    messages = text_messages(body)
    if has_half_surrogates(body):
        raise RefusedRequest("Half of a surrogate pair is no text.", code="invalid_value")
    check_parameters(body)
    schema = answer_schema(body)
    choice = single_choice(schema)
    if choice is None:
        parts = parts_of(schema)
        if parts is None:
            return messages, None
        whole = answer_parts(model, body, messages, parts)
        if body.get("logprobs") and "rowbatch" in whole["choices"][0]:
            whole["choices"][0]["rowbatch"]["logprobs"] = "not told of parts: see confidences"
        return messages, whole
    chosen = model.choose(messages, choice)
    if chosen is None:
        chosen = model.generate(body, messages)
        chosen["choices"][0]["rowbatch"] = {"method": GENERATED_METHOD, "demonstration": True}
    elif body.get("logprobs"):
        _tell_probabilities(chosen["choices"][0], choice, body.get("top_logprobs") or 0)
    return messages, chosen


def _tell_probabilities(entry: dict[str, Any], choice: Choice, others: int) -> None:
    """
    The probability of a label that was chosen, in the place where those of tokens stand.

    The whole answer is one token: it was not written token by token.
    """
    listed = []
    for label, share in sorted(entry["rowbatch"]["probabilities"].items(), key=lambda told: -told[1]):
        said = {choice.name: label} if choice.name else label
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        logprob = math.log(share) if share > 0 else _NEVER
        listed.append({"token": text, "bytes": list(text.encode()), "logprob": logprob})
    entry["logprobs"] = {"content": [{**listed[0], "top_logprobs": listed[:others]}], "refusal": None}


def finished(body: Mapping[str, Any]) -> dict[str, Any]:
    """A completion with the id and the time that only the server can give."""
    if "id" in body and "created" in body:
        return dict(body)
    return {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), **body}


def wants_usage(body: Mapping[str, Any]) -> bool:
    """Whether the tokens of a stream are asked for."""
    options = body.get("stream_options")
    return isinstance(options, Mapping) and bool(options.get("include_usage"))


def chunks_of(completion: Mapping[str, Any], *, with_usage: bool) -> Iterator[dict[str, Any]]:
    """
    A whole completion as the chunks of a stream: text, end, and usage where it is asked for.

    Source:
        OpenAI's specification 2.3.0, `CreateChatCompletionStreamResponse`: all have one id and one time, the
        last one with usage has no choices.
    """
    shared = {name: completion[name] for name in ("id", "created", "model") if name in completion}
    shared["object"] = "chat.completion.chunk"
    for entry in objects(completion.get("choices")):
        message = object_at(entry, "message")
        extras = {name: entry[name] for name in ("confidence", "rowbatch") if name in entry}
        text = {
            "index": entry.get("index", 0),
            "delta": {**message, "role": "assistant", "content": message.get("content") or ""},
            "logprobs": entry.get("logprobs"),
            "finish_reason": None,
        }
        end = {"index": text["index"], "delta": {}, "logprobs": None, **extras}
        yield {**shared, "choices": [text]}
        yield {**shared, "choices": [{**end, "finish_reason": entry.get("finish_reason") or "stop"}]}
    if with_usage:
        yield {**shared, "choices": [], "usage": completion.get("usage")}


CHAT = ServedEndpoint("/v1/chat/completions", "Chat Completions", "messages", answer, finished, stream=stream)


def text_messages(body: Mapping[str, Any]) -> list[dict[str, str]]:
    """
    The messages with their contents as plain text.

    Raises:
        RefusedRequest: There are none, one is malformed, or one holds more than text.
    """
    messages = body.get("messages")
    if messages is None:
        raise RefusedRequest(
            "Missing required parameter: 'messages'.", code="missing_required_parameter", param="messages"
        )
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array", messages)
    if not messages:
        raise RefusedRequest(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty "
            "array instead.",
            code="empty_array",
            param="messages",
        )
    found = [_text_message(message, f"messages[{number}]") for number, message in enumerate(messages)]
    if not any(message["role"] == "user" for message in found):
        raise RefusedRequest("This model needs a user message.", code="invalid_value", param="messages")
    return found


def check_parameters(body: Mapping[str, Any]) -> None:
    """
    Refuse what makes no sense, or what this model cannot do; an unknown parameter is left alone.

    Raises:
        RefusedRequest: With the first fault.
    """
    check_sampling(body)
    _check_probabilities(body.get("logprobs"), body.get("top_logprobs"))
    if body.get("n") not in (None, 1):
        raise not_offered("n", "This model gives one answer: 'n' can only be 1.")
    if body.get("tools") or body.get("functions"):
        raise not_offered("tools", "This model calls no tools.")


def check_sampling(body: Mapping[str, Any]) -> None:
    """
    Refuse numbers that make no sense for how a text is written, and stops that are none.

    Raises:
        RefusedRequest: With the first fault.
    """
    for name, (least, most) in _NUMBERS.items():
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(name, "a decimal", value)
        if not least <= value <= most:
            raise _out_of_range(name, value, f"a value from {least} to {most}")
    for name, least in _WHOLE_NUMBERS.items():
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(name, "an integer", value)
        if not least <= value < 2**63:
            raise _out_of_range(name, value, f"a value of at least {least}")
    _check_stop(body.get("stop"))


def answer_schema(body: Mapping[str, Any]) -> object:
    """
    The JSON schema that the answer must fit, or None.

    Raises:
        RefusedRequest: `response_format` is malformed.
    """
    form = body.get("response_format")
    if form is None:
        return None
    if not isinstance(form, Mapping):
        raise wrong_type("response_format", "an object", form)
    if form.get("type") not in _FORMATS:
        listed = ", ".join(f"'{name}'" for name in _FORMATS)
        raise RefusedRequest(
            f"Invalid value: '{str(form.get('type'))[:_MAX_SHOWN]}'. Supported values are: {listed}.",
            code="invalid_value",
            param="response_format.type",
        )
    if form["type"] != "json_schema":
        return None
    inner = form.get("json_schema")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("schema"), Mapping):
        raise RefusedRequest(
            "Missing required parameter: 'response_format.json_schema.schema'.",
            code="missing_required_parameter",
            param="response_format.json_schema.schema",
        )
    return inner["schema"]


def _check_probabilities(logprobs: object, listed: object) -> None:
    if logprobs is not None and not isinstance(logprobs, bool):
        raise wrong_type("logprobs", "a boolean", logprobs)
    if listed is None:
        return
    if isinstance(listed, bool) or not isinstance(listed, int):
        raise wrong_type("top_logprobs", "an integer", listed)
    if not 0 <= listed <= _MOST_LISTED:
        raise _out_of_range("top_logprobs", listed, f"a value from 0 to {_MOST_LISTED}")
    if not logprobs:
        raise not_offered("top_logprobs", "'top_logprobs' needs 'logprobs' to be true.")


def _check_stop(stop: object) -> None:
    if stop is None or isinstance(stop, str):
        return
    if not isinstance(stop, list) or not all(isinstance(text, str) for text in stop):
        raise wrong_type("stop", "a string or an array of strings", stop)
    if len(stop) > 4:
        raise _out_of_range("stop", len(stop), "at most 4 strings")


def _text_message(message: object, name: str) -> dict[str, str]:
    if not isinstance(message, Mapping):
        raise wrong_type(name, "an object", message)
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or role not in _ROLES:
        listed = ", ".join(f"'{known}'" for known in sorted(_ROLES))
        raise RefusedRequest(
            f"Invalid value: '{str(role)[:_MAX_SHOWN]}'. Supported values are: {listed}.",
            code="invalid_value",
            param=f"{name}.role",
        )
    if isinstance(content, list):
        if not all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
            raise not_offered(f"{name}.content", "This model reads text only.")
        texts = [part.get("text", "") for part in content]
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise wrong_type(f"{name}.content[{number}].text", "a string", text)
        content = "".join(texts)
    if not isinstance(content, str):
        raise wrong_type(f"{name}.content", "a string", content)
    try:
        content.encode()
    except UnicodeEncodeError:
        raise RefusedRequest(
            f"Invalid '{name}.content': half of a surrogate pair is no text.",
            code="invalid_value",
            param=f"{name}.content",
        ) from None
    # The model's chat template knows the older name of the same role.
    return {"role": "system" if role == "developer" else str(role), "content": content}


def wrong_type(name: str, expected: str, value: object) -> RefusedRequest:
    """The refusal of a parameter of another type."""
    kinds = {str: "a string", list: "an array", dict: "an object", bool: "a boolean", type(None): "null"}
    got = kinds.get(type(value), "a number")
    return RefusedRequest(
        f"Invalid type for '{name}': expected {expected}, but got {got} instead.",
        code="invalid_type",
        param=name,
    )


def _out_of_range(name: str, value: object, expected: str) -> RefusedRequest:
    return RefusedRequest(
        f"Invalid '{name}': expected {expected}, but got {str(value)[:_MAX_SHOWN]} instead.",
        code="invalid_value",
        param=name,
    )


def not_offered(name: str, message: str) -> RefusedRequest:
    """The refusal of what this model cannot do."""
    return RefusedRequest(message, code="unsupported_value", param=name)
