"""
Whether a JSON schema is one that strict structured outputs take.

Source:
    OpenAI, "Structured outputs", supported schemas and limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MAX_PROPERTIES, _MAX_DEPTH, _MAX_NAME_CHARS, _MAX_ENUM = 5_000, 10, 120_000, 1_000
_LONG_ENUM, _LONG_ENUM_CHARS = 250, 15_000
_REFUSED = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else")
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_MAX_NAME = 64


@dataclass(slots=True)
class _Counts:
    properties: int = 0
    enum_values: int = 0
    name_chars: int = 0


def strict_problems(schema: object, name: str | None = None) -> list[str]:
    """
    What strict mode refuses in a schema, in sentences that begin with the place.

    Args:
        schema: The JSON schema.
        name: The name that goes with it, if it is to be looked at.
    """
    problems = []
    if name is not None and (not name or len(name) > _MAX_NAME or not set(name) <= _NAME_CHARS):
        problems.append(f"name: {name[:80]!r} is not 1 to {_MAX_NAME} letters, digits, _ and -")
    if not isinstance(schema, Mapping):
        return [*problems, "schema: it is no object"]
    if schema.get("type") != "object":
        problems.append("schema: the root must be an object" + (", not anyOf" if "anyOf" in schema else ""))
    counts = _Counts()
    problems += _walk(schema, "schema", 1, counts)
    for found, most, what in (
        (counts.properties, _MAX_PROPERTIES, "properties"),
        (counts.enum_values, _MAX_ENUM, "enum values"),
        (counts.name_chars, _MAX_NAME_CHARS, "characters of names and enum values"),
    ):
        if found > most:
            problems.append(f"schema: {found:,} {what}, and at most {most:,} are taken")
    return problems


def _walk(schema: Mapping[str, Any], place: str, depth: int, counts: _Counts) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        yield f"{place}: nested deeper than {_MAX_DEPTH} levels"
        return
    for keyword in _REFUSED:
        if keyword in schema:
            yield f"{place}.{keyword}: strict mode does not know it"
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, Mapping):
        yield from _object(schema, properties if isinstance(properties, Mapping) else {}, place, counts)
    values = schema.get("enum")
    if isinstance(values, Sequence) and not isinstance(values, str):
        counts.enum_values += len(values)
        chars = sum(len(value) for value in values if isinstance(value, str))
        counts.name_chars += chars
        if len(values) > _LONG_ENUM and chars > _LONG_ENUM_CHARS:
            yield (
                f"{place}.enum: {chars:,} characters in more than {_LONG_ENUM} values, and at most "
                f"{_LONG_ENUM_CHARS:,} are taken"
            )
    if isinstance(schema.get("const"), str):
        counts.name_chars += len(schema["const"])
    for inner_place, inner, deeper in _inner(schema, place):
        yield from _walk(inner, inner_place, depth + deeper, counts)


def _object(
    schema: Mapping[str, Any], properties: Mapping[str, Any], place: str, counts: _Counts
) -> Iterator[str]:
    counts.properties += len(properties)
    counts.name_chars += sum(map(len, properties))
    if schema.get("additionalProperties") is not False:
        yield f"{place}: additionalProperties must be false"
    required = schema.get("required")
    listed = set(required) if isinstance(required, list) else set()
    missing = [name for name in properties if name not in listed]
    if missing:
        yield (
            f"{place}.required: every property must be in it; missing: {', '.join(missing[:5])}. "
            "An optional one is a union with null"
        )


def _inner(schema: Mapping[str, Any], place: str) -> Iterator[tuple[str, Mapping[str, Any], int]]:
    """Schemas inside a schema: where, which, and how many levels deeper."""
    for keyword in ("properties", "$defs", "definitions"):
        group = schema.get(keyword)
        if isinstance(group, Mapping):
            for name, inner in group.items():
                if isinstance(inner, Mapping):
                    yield f"{place}.{keyword}.{name}", inner, int(keyword == "properties")
    if isinstance(schema.get("items"), Mapping):
        yield f"{place}.items", schema["items"], 1
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        for number, inner in enumerate(choices):
            if isinstance(inner, Mapping):
                yield f"{place}.anyOf[{number}]", inner, 0
