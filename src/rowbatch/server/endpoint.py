"""What an endpoint of the server is: a row of `endpoints.ENDPOINTS`, and a module that fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class RefusedRequest(Exception):
    """The request cannot be answered; becomes OpenAI's error body."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.param = message, code, param

    @property
    def body(self) -> dict[str, Any]:
        """The error as OpenAI writes it."""
        return {
            "error": {
                "message": self.message,
                "type": "invalid_request_error",
                "param": self.param,
                "code": self.code,
            }
        }


@dataclass(frozen=True, slots=True)
class ServedEndpoint:
    """
    One endpoint of the protocol.

    Attributes:
        url: As batches and clients name it.
        title: As OpenAI's texts call it.
        required: The field of a body, besides the model, without which a line is no request.
        answer: How the local model, of `engine_process`, answers a body; it may raise RefusedRequest.
        finished: An engine's answer with what only the server can give: an id, and the time.
    """

    url: str
    title: str
    required: str
    answer: Callable[[Any, Mapping[str, Any]], dict[str, Any]]
    finished: Callable[[Mapping[str, Any]], dict[str, Any]]

    @property
    def path(self) -> str:
        """Where another server has it, below the address of its API."""
        return self.url.removeprefix("/v1/")
