"""
Lines of batch files of any provider, told apart by what stands in them: for tools, which know no run.

    OpenAI and all that speak like it   custom_id, method, url, body      custom_id, response, error
    Mistral                             custom_id, body                   custom_id, response, error
    Anthropic                           custom_id, params                 custom_id, result
    Gemini                              key, request                      key, response or error

Results are translated by the dialects that runs use. Requests of another form are only read for what can be
counted or compared: nobody sends what comes out here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from rowbatch.core.line_dialect import LineDialect, request_dialect
from rowbatch.providers.anthropic import AnthropicDialect
from rowbatch.providers.dialect_net import read_result_line
from rowbatch.providers.gemini import GeminiDialect

_ANTHROPIC, _GEMINI = AnthropicDialect(), GeminiDialect()
# What runs put behind their ids for Anthropic, which keeps nothing else of ours; see `messages.marked_id`.
_OWN_MARK = re.compile(rb'\A(\{"id":"","custom_id":"row-[0-9]+)-[0-9a-f]{16}x[0-9]+"')


class _Keys(msgspec.Struct, gc=False):
    """What tells whose a result is; what it is does not matter."""

    custom_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    key: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    response: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_KEYS = msgspec.json.Decoder(_Keys)
_REQUEST = msgspec.json.Decoder(dict[str, Any])


def house_result(line: bytes) -> bytes:
    """
    A result line of any provider in OpenAI's form; one that is none of the others' as it is.

    Raises:
        UnreadableLine: It is another provider's, and no result.
    """
    try:
        found = _KEYS.decode(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        # Whoever reads it says why.
        return line
    if found.custom_id is not msgspec.UNSET:
        if found.result is msgspec.UNSET or found.response is not msgspec.UNSET:
            return line
        translated = read_result_line(_ANTHROPIC, line.removeprefix(b"\xef\xbb\xbf"), "")
        return _OWN_MARK.sub(rb'\1"', translated)
    if found.key is msgspec.UNSET and found.metadata is msgspec.UNSET:
        return line
    return read_result_line(_GEMINI, line.removeprefix(b"\xef\xbb\xbf"), "")


class AnyRequest(NamedTuple):
    """
    A request line of any provider.

    Attributes:
        dialect: Whose it is.
        custom_id: Its id, however it is called; "" where it has none.
        body: What is asked, in OpenAI's names as far as tokens are concerned: `model`, `messages` or `input`,
            `max_tokens`.
    """

    dialect: LineDialect
    custom_id: str
    body: Mapping[str, Any]


def read_any_request(line: bytes) -> AnyRequest:
    """
    Read a request line, whoever is asked.

    Raises:
        ValueError: It is none.
    """
    try:
        found = _REQUEST.decode(line.removeprefix(b"\xef\xbb\xbf"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    dialect = request_dialect(found)
    match dialect:
        case "anthropic":
            return AnyRequest(dialect, _id_of(found, "custom_id"), _messages_body(_object(found, "params")))
        case "gemini":
            return AnyRequest(dialect, _id_of(found, "key"), _contents_body(_object(found, "request")))
        case "openai" | "mistral":
            return AnyRequest(dialect, _id_of(found, "custom_id"), _object(found, "body"))
        case None:
            raise ValueError("it has neither body nor params nor request")


def request_id(line: bytes) -> str:
    """The id of a request line of any provider; "" where none can be read."""
    try:
        found = _IDS.decode(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return ""
    for name in (found.custom_id, found.key):
        if isinstance(name, str) and name:
            return name
        if isinstance(name, int) and not isinstance(name, bool):
            return str(name)
    return ""


class _Ids(msgspec.Struct, gc=False):
    custom_id: Any = None
    key: Any = None


_IDS = msgspec.json.Decoder(_Ids)


def _id_of(found: Mapping[str, Any], name: str) -> str:
    custom_id = found.get(name)
    return str(custom_id) if isinstance(custom_id, str | int) else ""


def _object(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object")  # noqa: TRY004 - the line is wrong, and no type of ours
    return value


def _messages_body(params: Mapping[str, Any]) -> dict[str, Any]:
    """Anthropic's parameters: the system message stands beside the others."""
    messages = params.get("messages")
    turns = list(messages) if isinstance(messages, list) else []
    if params.get("system"):
        turns.insert(0, {"role": "system", "content": params["system"]})

    return {
        "model": params.get("model", ""),
        "messages": turns,
        **({"max_tokens": params["max_tokens"]} if "max_tokens" in params else {}),
    }


def _contents_body(request: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini's contents; both spellings of names are taken there."""
    turns = [
        {"role": str(said.get("role", "user")), "content": _texts(said)}
        for said in _first(request, "contents") or []
        if isinstance(said, dict)
    ]
    system = _first(request, "systemInstruction", "system_instruction")
    if isinstance(system, dict):
        turns.insert(0, {"role": "system", "content": _texts(system)})
    config = _first(request, "generationConfig", "generation_config")
    limit = _first(config, "maxOutputTokens", "max_output_tokens") if isinstance(config, dict) else None
    model = request.get("model")
    return {
        "model": model.removeprefix("models/") if isinstance(model, str) else "",
        "messages": turns,
        **({"max_tokens": limit} if limit is not None else {}),
    }


def _first(found: Mapping[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if name in found), None)


def _texts(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts = content.get("parts")
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
