"""
The endpoints that a batch can ask, and how each names what people set.

Source:
    OpenAI's specification 2.3.0: `CreateChatCompletionRequest`, `CreateResponse`, `CreateEmbeddingRequest`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, assert_never

from rowbatch.errors import UsageError

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

_SCHEMA_NAME = "answer"


class Endpoint(StrEnum):
    """An endpoint, as a batch file names it."""

    CHAT = "/v1/chat/completions"
    RESPONSES = "/v1/responses"
    EMBEDDINGS = "/v1/embeddings"


_WORDS = {"chat": Endpoint.CHAT, "responses": Endpoint.RESPONSES, "embeddings": Endpoint.EMBEDDINGS}
ENDPOINT_WORDS = tuple(_WORDS)
"""What people call them."""


def find_endpoint(name: str) -> Endpoint:
    """
    Look an endpoint up by its word or its path.

    Raises:
        UsageError: There is none of that name.
    """
    found = _WORDS.get(name) or next((endpoint for endpoint in Endpoint if endpoint == name), None)
    if found is None:
        raise UsageError("no-such-endpoint", name=name, known=ENDPOINT_WORDS)
    return found


def parameters_of(
    endpoint: Endpoint,
    *,
    temperature: float | None = None,
    max_tokens: int | None = None,
    others: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """
    The parameters of a body.

    Args:
        endpoint: Who is asked.
        temperature, max_tokens: What people set most; None leaves one out.
        others: Any more, as the endpoint names them; they come last, and win.
    Raises:
        UsageError: The temperature is no number, or the endpoint has no such parameter.
    """
    parameters: dict[str, Any] = {}
    if endpoint is Endpoint.EMBEDDINGS and (temperature is not None or max_tokens is not None):
        raise UsageError("embeddings-have-no-limits")
    if endpoint is Endpoint.RESPONSES:
        # The default keeps every answer on the provider's machines.
        parameters["store"] = False
    if temperature is not None:
        if not math.isfinite(temperature):
            raise UsageError("temperature-is-no-number", temperature=temperature)
        parameters["temperature"] = int(temperature) if float(temperature).is_integer() else temperature
    if max_tokens is not None:
        parameters["max_output_tokens" if endpoint is Endpoint.RESPONSES else "max_tokens"] = max_tokens
    parameters.update(others or {})
    return parameters


def confidence_parameters(endpoint: Endpoint, alternatives: int) -> dict[str, Any]:
    """
    The parameters that ask for the probabilities of an answer's tokens.

    Args:
        endpoint: Who is asked.
        alternatives: How many of the likeliest tokens are wanted at each place; 0 for none.
    Raises:
        UsageError: It has none.
    """
    others = {"top_logprobs": alternatives} if alternatives else {}
    match endpoint:
        case Endpoint.CHAT:
            return {"logprobs": True, **others}
        case Endpoint.RESPONSES:
            return {"include": ["message.output_text.logprobs"], **others}
        case Endpoint.EMBEDDINGS:
            raise UsageError("confidence-of-embeddings")
        case _:
            assert_never(endpoint)


LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
"""What the output limit of one answer is called, by endpoint and model."""


def output_limit(parameters: Mapping[str, Any]) -> int | None:
    """The output limit of one answer in tokens, whatever it is called; or None."""
    for name in LIMITS:
        value = parameters.get(name)
        if isinstance(value, int):
            return value
    return None


def answer_format(endpoint: Endpoint, codebook: Codebook, *, with_ranges: bool = True) -> dict[str, Any]:
    """
    The parameters that bind an answer to the codebook; none for free text.

    Args:
        endpoint: Who is asked.
        codebook: What.
        with_ranges: As `answer_schema`.
    """
    from rowbatch.core.codebook import answer_schema

    schema = answer_schema(codebook, with_ranges=with_ranges)
    if schema is None:
        return {}
    match endpoint:
        case Endpoint.CHAT:
            schema_of = {"name": _SCHEMA_NAME, "strict": True, "schema": schema}
            return {"response_format": {"type": "json_schema", "json_schema": schema_of}}
        case Endpoint.RESPONSES:
            form = {"type": "json_schema", "name": _SCHEMA_NAME, "strict": True, "schema": schema}
            return {"text": {"format": form}}
        case Endpoint.EMBEDDINGS:
            raise UsageError("embeddings-answer-nothing")
        case _:
            assert_never(endpoint)
