"""What an endpoint of the server is: a row of `endpoints.ENDPOINTS`, and a module that fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Emit: TypeAlias = Callable[[dict[str, Any]], bool]
"""Takes an event of a stream; True means that nobody reads on."""


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list that another server wrote, which may be anything."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def object_at(place: object, name: str) -> Mapping[str, Any]:
    """The object of a name in one that another server wrote; an empty one where there is none."""
    found = place.get(name) if isinstance(place, Mapping) else None
    return found if isinstance(found, Mapping) else {}


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
        stream: How the local model answers bit by bit, each an event that is given away; it may raise
            RefusedRequest before the first. None where the endpoint has no streams.
        names_events: Events have their type as a name, and the last one is the end. Otherwise `[DONE]` is.
        needs_model: A body names its model. Without it the server that is asked knows one.
    """

    url: str
    title: str
    required: str
    answer: Callable[[Any, Mapping[str, Any]], dict[str, Any]]
    finished: Callable[[Mapping[str, Any]], dict[str, Any]]
    stream: Callable[[Any, Mapping[str, Any], Emit], None] | None = None
    names_events: bool = False
    needs_model: bool = True

    @property
    def path(self) -> str:
        """Where another server has it, below the address of its API."""
        return self.url.removeprefix("/v1/")
