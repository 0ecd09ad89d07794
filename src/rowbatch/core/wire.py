"""
Result lines as providers write them, read into typed structs. Only what is used is read.

Fields whose type differs between providers are kept raw and looked at by hand.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

NOTHING = msgspec.Raw(b"null")


class Usage(msgspec.Struct, gc=False):
    """Tokens as counted by the provider: chat completions and responses name them differently."""

    prompt_tokens: Any = None
    completion_tokens: Any = None
    input_tokens: Any = None
    output_tokens: Any = None
    prompt_tokens_details: msgspec.Raw = NOTHING
    completion_tokens_details: msgspec.Raw = NOTHING
    input_tokens_details: msgspec.Raw = NOTHING
    output_tokens_details: msgspec.Raw = NOTHING


class Message(msgspec.Struct, gc=False):
    """A chat message of the model."""

    content: Any = None
    refusal: Any = None
    tool_calls: Any = None


class Choice(msgspec.Struct, gc=False):
    """
    One answer of a chat completion; of the older completions, which have a `text`.

    What went wrong stands in `error` where a provider tells (OpenRouter does so; our dialects write it too).
    How our own server came to its `confidence` stands in `rowbatch`.
    """

    message: Message | None = None
    text: Any = None
    finish_reason: Any = msgspec.UNSET
    error: Any = None
    logprobs: msgspec.Raw = NOTHING
    confidence: Any = None
    rowbatch: msgspec.Raw = NOTHING


class Body(msgspec.Struct, gc=False):
    """The endpoint's response, or its error."""

    choices: list[Choice] | None = None
    output: Any = None
    status: Any = msgspec.UNSET
    incomplete_details: Any = None
    model: Any = None
    usage: Usage | None = None
    error: Any = None
    message: Any = None
    data: msgspec.Raw = NOTHING
    results: msgspec.Raw = NOTHING


class Response(msgspec.Struct, gc=False):
    """What the endpoint answered."""

    status_code: Any = None
    body: msgspec.Raw = NOTHING


class ResultLine(msgspec.Struct, gc=False):
    """One line of an output or error file."""

    custom_id: Any = None
    response: Response | None = None
    error: Any = None


class OkMessage(msgspec.Struct, gc=False):
    """A message that is text."""

    content: str
    refusal: None = None


class OkChoice(msgspec.Struct, gc=False):
    """A whole answer."""

    message: OkMessage
    finish_reason: Literal["stop"]


class OkBody(msgspec.Struct, gc=False):
    """A chat completion with one answer."""

    choices: tuple[OkChoice]


class OkResponse(msgspec.Struct, gc=False):
    """A response that is one."""

    status_code: Literal[200]
    body: OkBody


class OkLine(msgspec.Struct, gc=False):
    """
    A plain answer, and nothing else: what a line of another kind makes is an error of the decoder.

    To let the decoder look, and to read neither usage nor model, saves half of the time.
    """

    custom_id: Annotated[str, msgspec.Meta(min_length=1)]
    response: OkResponse
    error: None = None


class PlainResponse(msgspec.Struct, gc=False):
    """A response whose body is as the types say: read in one go, where `Response` keeps it raw."""

    status_code: Any = None
    body: Body | None = None


class PlainLine(msgspec.Struct, gc=False):
    """A result line whose parts all are as the types say, as nearly every line is."""

    custom_id: Any = None
    response: PlainResponse | None = None
    error: Any = None
