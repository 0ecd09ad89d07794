"""Completions, the older endpoint, where a text is written on: what the local model asks, and its answers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, Protocol

from rowbatch.server.chat_request import check_sampling, not_offered, wrong_type
from rowbatch.server.endpoint import Emit, RefusedRequest, ServedEndpoint
from rowbatch.server.strict_json import has_half_surrogates


class CompletionModel(Protocol):
    """What completions ask of the model."""

    def go_on(self, body: Mapping[str, Any], prompt: str) -> dict[str, Any]:
        """A text that goes on behind a prompt."""

    def go_on_writing(self, body: Mapping[str, Any], prompt: str, emit: Emit) -> None:
        """The same, bit by bit."""


def answer(model: CompletionModel, body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Answer one request with the local model.

    Raises:
        RefusedRequest: It cannot be answered.
    """
    prompt = _prompt(body)
    found = model.go_on(body, prompt)
    if body.get("echo"):
        found["choices"][0]["text"] = prompt + found["choices"][0]["text"]
    return found


def stream(model: CompletionModel, body: Mapping[str, Any], emit: Emit) -> None:
    """
    Answer one request bit by bit.

    Raises:
        RefusedRequest: It cannot be answered.
    """
    prompt = _prompt(body)
    if body.get("echo"):
        raise not_offered("echo", "This server doesn't repeat the prompt in a stream.")
    model.go_on_writing(body, prompt, emit)


def finished(body: Mapping[str, Any]) -> dict[str, Any]:
    """A completion with the id and the time that only the server can give."""
    if "id" in body and "created" in body:
        return dict(body)
    return {"id": f"cmpl-{secrets.token_hex(12)}", "created": int(time.time()), **body}


def _prompt(body: Mapping[str, Any]) -> str:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, list) and all(isinstance(one, str) for one in prompt):
        raise not_offered("prompt", "This server writes on one text in a request.")
    if not isinstance(prompt, str):
        raise wrong_type("prompt", "a string", prompt)
    if has_half_surrogates(body):
        raise RefusedRequest("Half of a surrogate pair is no text.", code="invalid_value")
    check_sampling(body)
    for name in ("best_of", "n"):
        if body.get(name) not in (None, 1):
            raise not_offered(name, f"This model gives one answer: '{name}' can only be 1.")
    if body.get("suffix"):
        raise not_offered("suffix", "This model writes on at the end only.")
    if body.get("logprobs") is not None:
        raise not_offered("logprobs", "This server tells no probabilities here; chat completions do.")
    return prompt


COMPLETIONS = ServedEndpoint("/v1/completions", "Completions", "prompt", answer, finished, stream=stream)
