"""
Result lines that are not as their provider says: one table of forms, for every dialect and endpoint.

A form is made of a good line, so that it is as near to an answer as the fault lets it be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Path = tuple[str | int, ...]


class Shape(NamedTuple):
    """
    Where things stand in a provider's line.

    Attributes:
        provider, endpoint: Whose line, and what was asked.
        id: The request's name.
        answer: What says what became of the request.
        body: The model's answer.
        entries: The list in it, the first of which is read.
        text: The text, or the numbers, of the first entry.
    """

    provider: str
    endpoint: str
    id: Path
    answer: Path
    body: Path
    entries: Path
    text: Path


_OF_OPENAI: tuple[Path, Path, Path] = (("custom_id",), ("response",), ("response", "body"))
_CHOICES: tuple[Path, Path] = (
    ("response", "body", "choices"),
    ("response", "body", "choices", 0, "message", "content"),
)
_DATA: tuple[Path, Path] = (("response", "body", "data"), ("response", "body", "data", 0, "embedding"))
SHAPES = [
    Shape("openai", "chat", *_OF_OPENAI, *_CHOICES),
    Shape(
        "openai",
        "responses",
        *_OF_OPENAI,
        ("response", "body", "output"),
        ("response", "body", "output", 0, "content", 0, "text"),
    ),
    Shape("openai", "embeddings", *_OF_OPENAI, *_DATA),
    Shape("azure", "chat", *_OF_OPENAI, *_CHOICES),
    Shape("zhipu", "chat", *_OF_OPENAI, *_CHOICES),
    Shape("mistral", "chat", *_OF_OPENAI, *_CHOICES),
    Shape("mistral", "embeddings", *_OF_OPENAI, *_DATA),
    Shape(
        "anthropic",
        "chat",
        ("custom_id",),
        ("result",),
        ("result", "message"),
        ("result", "message", "content"),
        ("result", "message", "content", 0, "text"),
    ),
    Shape(
        "gemini",
        "chat",
        ("key",),
        ("response",),
        ("response", "candidates", 0, "content"),
        ("response", "candidates", 0, "content", "parts"),
        ("response", "candidates", 0, "content", "parts", 0, "text"),
    ),
]

Form = Callable[[bytes, Shape], bytes]


def _whole(line: bytes) -> Form:
    return lambda _good, _shape: line


def _put(place: str, value: Any) -> Form:
    def spoiled(good: bytes, shape: Shape) -> bytes:
        return put(good, getattr(shape, place), value)

    return spoiled


GONE = object()


def put(good: bytes, path: Path, value: Any) -> bytes:
    """The line with another value in a place, or, for `GONE`, without it."""
    line = json.loads(good)
    *way, last = path
    at = line
    for key in way:
        at = at[key]
    if value is GONE:
        del at[last]
    else:
        at[last] = value
    return json.dumps(line).encode() + b"\n"


FORMS: dict[str, Form] = {
    "null": _whole(b"null\n"),
    "true": _whole(b"true\n"),
    "a-number": _whole(b"7\n"),
    "a-text": _whole(b'"Internal error"\n'),
    "a-list": _whole(b"[1]\n"),
    "an-empty-object": _whole(b"{}\n"),
    "a-strange-object": _whole(b'{"status": {"code": 8, "message": "quota"}}\n'),
    "not-json": _whole(b"Internal error\n"),
    "not-utf-8": _whole(b'{"custom_id":"\xff\xfe\n'),
    "cut": lambda good, _: good[: len(good) // 2] + b"\n",
    "nested-too-deeply": _whole(b"[" * 100_000 + b"]" * 100_000 + b"\n"),
    **{
        f"{place}-{name}": _put(place, value)
        for place in ("id", "answer", "body", "entries")
        for name, value in (
            ("gone", GONE),
            ("null", None),
            ("true", True),
            ("a-number", 7),
            ("a-text", "x"),
            ("a-list", [1, "x"]),
            ("an-empty-object", {}),
            ("an-object", {"x": 1}),
        )
        # A text or a number there is another id, which is a case of its own.
        if place != "id" or name not in ("a-text", "a-number")
    },
    "entries-empty": _put("entries", []),
    "entries-of-null": _put("entries", [None]),
    "entries-of-lists": _put("entries", [[]]),
    "text-true": _put("text", True),
    "text-a-number": _put("text", 7),
    "text-a-list": _put("text", [1, "x"]),
    "text-an-object": _put("text", {"x": 1}),
}
"""None of them has an answer that could be read for the row that it was sent for."""


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a JSON value, from the outside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in inner:
        yield (*path, key)
        yield from places(entry, (*path, key))


ANYTHING: list[Any] = [
    *(GONE, None, True, 0, -1, 1.5, 10**400, float("nan"), "", "x", "\ud800", [], [[]], [None], ["x"]),
    *({}, {"": None}, {"error": 1}),
]
"""What may stand in any place."""
