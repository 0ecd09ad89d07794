"""Embeddings: what the local model asks of a request, and how it answers."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rowbatch.server.endpoint import RefusedRequest, ServedEndpoint
from rowbatch.server.local_model import MODEL_ID
from rowbatch.server.strict_json import has_half_surrogates

MOST_INPUTS = 2048
"""OpenAI: so many texts in one request."""
_METHOD = "mean of the last layer"


class EmbeddingModel(Protocol):
    """What embeddings ask of the model."""

    def embed(self, text: str | Sequence[int]) -> tuple[Sequence[float], int]:
        """The vector of a text, of length 1, and how many tokens were read."""


def answer(model: EmbeddingModel, body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Answer one request with the local model: each text by itself, so that a vector is its text's alone.

    Raises:
        RefusedRequest: It cannot be answered.
    """
    inputs = _inputs(body.get("input"))
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise RefusedRequest(
            f"Invalid value: '{str(form)[:200]}'. Supported values are: 'float' and 'base64'.",
            code="invalid_value",
            param="encoding_format",
        )
    if body.get("dimensions") is not None:
        raise RefusedRequest(
            "The vectors of this model have one length: leave 'dimensions' out.",
            code="unsupported_value",
            param="dimensions",
        )
    entries, tokens = [], 0
    for index, text in enumerate(inputs):
        vector, count = model.embed(text)
        tokens += count
        entries.append({"object": "embedding", "index": index, "embedding": _written(vector, form)})
    return {
        "object": "list",
        "data": entries,
        "model": MODEL_ID,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "rowbatch": {"method": _METHOD, "demonstration": True},
    }


def _written(vector: Sequence[float], form: str) -> list[float] | str:
    """
    A vector as it is asked for; base64 has its numbers as 32 bits each, little-endian.

    Source:
        The SDK `openai` 3.54.0, which asks for base64 where nothing is said: `resources/embeddings.py`.
    """
    if form == "float":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _inputs(given: object) -> list[str | list[int]]:
    """A text, several, the tokens of one, or of several."""
    if isinstance(given, str):
        found: list[Any] = [given]
    elif isinstance(given, list) and given and all(_is_token(one) for one in given):
        found = [given]
    elif isinstance(given, list):
        found = given
    else:
        raise RefusedRequest(
            "Invalid type for 'input': expected a string or an array.", code="invalid_type", param="input"
        )
    if not 1 <= len(found) <= MOST_INPUTS:
        raise RefusedRequest(
            f"Invalid 'input': expected 1 to {MOST_INPUTS} texts, but got {len(found)} instead.",
            code="invalid_value",
            param="input",
        )
    for number, one in enumerate(found):
        is_tokens = isinstance(one, list) and bool(one) and all(_is_token(token) for token in one)
        if not is_tokens and not (isinstance(one, str) and one):
            raise RefusedRequest(
                f"Invalid 'input[{number}]': expected a text that isn't empty.",
                code="invalid_value",
                param=f"input[{number}]",
            )
        if has_half_surrogates(one):
            raise RefusedRequest(
                "Half of a surrogate pair is no text.", code="invalid_value", param=f"input[{number}]"
            )
    return found


def _is_token(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


EMBEDDINGS = ServedEndpoint("/v1/embeddings", "Embeddings", "input", answer, dict)
