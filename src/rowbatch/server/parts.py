"""
Schemas that ask for several things: each is answered in the way that suits it, and they are put together.

What has listed values is scored as a single label is. Several labels are those that are at least half as
likely as the likeliest. A quote is one of the text's own sentences. The rest is written by the model, held to
its part of the schema. What may be null is answered nevertheless: whether it applies, who reads the answer
knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from rowbatch.core.kinds.quote import WORD_FOR_WORD
from rowbatch.server.scoring import METHOD, Choice

_SHARE_OF_LIKELIEST = 0.5
_MOST_SENTENCES, _MOST_CHARS, _MOST_FREE_CHARS = 40, 300, 200
_SENTENCE = re.compile("[^.!?\u3002\uff01\uff1f\n]+[.!?\u3002\uff01\uff1f]*")
PARTS_METHOD = f"{METHOD} and constrained generation"


@dataclass(frozen=True, slots=True)
class Several:
    """
    Labels of which several may apply.

    Attributes:
        choice: All of them.
        alone: Those that stand alone, as "none of these".
        most: How many at most; None for no bound.
    """

    choice: Choice
    alone: tuple[str, ...]
    most: int | None


@dataclass(frozen=True, slots=True)
class Quote:
    """
    Words of the text.

    Attributes:
        name: Of the property.
        is_list: Several are asked for.
    """

    name: str
    is_list: bool


@dataclass(frozen=True, slots=True)
class Written:
    """
    What the model writes.

    Attributes:
        name: Of the property.
        schema: Of its value.
    """

    name: str
    schema: Mapping[str, Any]


Part: TypeAlias = Choice | Several | Quote | Written


class PartModel(Protocol):
    """What answers in parts ask of the model."""

    def generate(self, body: Mapping[str, Any], messages: list[dict[str, str]]) -> dict[str, Any]:
        """A completion whose text the model writes."""

    def probabilities(
        self, messages: list[dict[str, str]], choice: Choice, usage: dict[str, int]
    ) -> dict[str, float] | None:
        """The probability of each label, as `Choice` has them; None when the model sees no difference."""

    def complete(self, content: str, usage: dict[str, int], *, is_whole: bool) -> dict[str, Any]:
        """A completion of this text."""


def parts_of(schema: object) -> tuple[Part, ...] | None:
    """The parts of an object's schema; None for one of another form, which the model answers as a whole."""
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        return None
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return None
    if not all(isinstance(inner, Mapping) for inner in properties.values()):
        return None
    parts = tuple(_part(str(name), inner) for name, inner in properties.items())
    return parts if any(not isinstance(part, Written) for part in parts) else None


def answer_parts(
    model: PartModel, body: Mapping[str, Any], messages: list[dict[str, str]], parts: Sequence[Part]
) -> dict[str, Any]:
    """
    Answer all parts.

    Args:
        model: The model.
        body: Of the request.
        messages: Of the request, as texts.
        parts: Of `parts_of`.
    Returns:
        A completion, with the probabilities of what was scored, the least of those that were chosen as its
        own confidence; its text is cut where the model's was.
    """
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    values: dict[str, Any] = {}
    likely: dict[str, dict[str, float]] = {}
    sure: dict[str, float] = {}
    left: dict[str, Mapping[str, Any]] = {}
    text = [message["content"] for message in messages if message["role"] == "user"][-1]
    # What is written comes first: after a look at labels the model would know all of the prompt but its end,
    # and read it anew, so as to answer as it does otherwise.
    for part in parts:
        match part:
            case Quote():
                left[part.name] = _quote_schema(part, text)
            case Written():
                left[part.name] = part.schema
    written, is_whole, raw = _write(model, body, messages, left, usage)
    if not is_whole:
        return model.complete(raw, usage, is_whole=False)
    values |= written
    left = {}
    for part in parts:
        if not isinstance(part, Choice | Several):
            continue
        choice = part if isinstance(part, Choice) else part.choice
        found = model.probabilities(messages, choice, usage)
        if found is None:
            left[choice.name] = _as_schema(part)
            continue
        chosen = _chosen(part, found)
        likely[choice.name] = {name: round(value, 6) for name, value in found.items()}
        sure[choice.name] = round(min(found[label] for label in chosen), 6)
        values[choice.name] = chosen[0] if isinstance(part, Choice) else chosen
    # Labels that scoring cannot tell apart.
    written, is_whole, raw = _write(model, body, messages, left, usage)
    if not is_whole:
        return model.complete(raw, usage, is_whole=False)
    values |= written
    ordered = {name: values[name] for name in map(_name, parts)}
    content = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
    completion = model.complete(content, usage, is_whole=True)
    if sure:
        completion["choices"][0]["confidence"] = min(sure.values())
    completion["choices"][0]["rowbatch"] = {
        "method": PARTS_METHOD,
        "demonstration": True,
        "confidences": sure,
        "probabilities": likely,
    }
    return completion


def _write(
    model: PartModel,
    body: Mapping[str, Any],
    messages: list[dict[str, str]],
    left: Mapping[str, Mapping[str, Any]],
    usage: dict[str, int],
) -> tuple[dict[str, Any], bool, str]:
    """What the model writes itself: the values, whether they are whole, and its text."""
    if not left:
        return {}, True, ""
    schema = {
        "type": "object",
        "properties": dict(left),
        "required": list(left),
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    completion = model.generate({**body, "response_format": form}, messages)
    for name in usage:
        usage[name] += int((completion.get("usage") or {}).get(name) or 0)
    content = completion["choices"][0]["message"]["content"]
    try:
        found = json.loads(content)
    except ValueError:
        return {}, False, content
    if not isinstance(found, dict) or found.keys() < left.keys():
        return {}, False, content
    return found, True, content


def _chosen(part: Choice | Several, probabilities: Mapping[str, float]) -> list[str]:
    """What is answered: the likeliest; of several labels also those that are nearly as likely."""
    first = max(probabilities, key=lambda label: probabilities[label])
    if isinstance(part, Choice) or first in part.alone:
        return [first]
    least = _SHARE_OF_LIKELIEST * probabilities[first]
    ranked = sorted(
        (label for label in part.choice.labels if label not in part.alone and probabilities[label] >= least),
        key=lambda label: -probabilities[label],
    )[: part.most]
    return [label for label in part.choice.labels if label in ranked]


def _part(name: str, schema: Mapping[str, Any]) -> Part:
    plain = without_null(schema)
    labels = _labels(plain)
    if labels is not None and len(labels) > 1:
        return Choice(name, labels)
    if plain.get("description") == WORD_FOR_WORD:
        return Quote(name, is_list=False)
    items = plain.get("items")
    if plain.get("type") == "array" and isinstance(items, Mapping):
        if items.get("description") == WORD_FOR_WORD:
            return Quote(name, is_list=True)
        groups = items.get("anyOf") if isinstance(items.get("anyOf"), list) else [items]
        listed = [_labels(group) if isinstance(group, Mapping) else None for group in groups or ()]
        if all(found is not None for found in listed) and 1 <= len(listed) <= 2:
            several = listed[0] or ()
            alone = (listed[1] or ()) if len(listed) == 2 else ()
            together = tuple(dict.fromkeys((*several, *alone)))
            if len(together) > 1:
                most = plain.get("maxItems")
                return Several(
                    Choice(name, together, has_several=True), alone, most if type(most) is int else None
                )
    if plain.get("type") == "string" and not plain.keys() & {"format", "pattern", "maxLength", "enum"}:
        # A small model may go on without end.
        plain = {**plain, "maxLength": _MOST_FREE_CHARS}
    return Written(name, plain)


def _labels(schema: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The texts that a schema allows; None where it allows others."""
    listed = schema.get("enum")
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        return None
    if not all(isinstance(label, str) and label.strip() for label in listed):
        return None
    return tuple(dict.fromkeys(listed))


def without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema, without null as a value."""
    plain = dict(schema)
    kinds = plain.get("type")
    if isinstance(kinds, list) and len(kinds) > 1 and "null" in kinds:
        others = [kind for kind in kinds if kind != "null"]
        plain["type"] = others[0] if len(others) == 1 else others
    listed = plain.get("enum")
    if isinstance(listed, list) and None in listed and len(listed) > 1:
        plain["enum"] = [value for value in listed if value is not None]
    return plain


def _as_schema(part: Choice | Several) -> dict[str, Any]:
    if isinstance(part, Choice):
        return {"type": "string", "enum": list(part.labels)}
    items = {"type": "string", "enum": list(part.choice.labels)}
    # More than one might be one that stands alone.
    return {"type": "array", "items": items, "minItems": 1, "maxItems": 1}


def _quote_schema(part: Quote, text: str) -> dict[str, Any]:
    found = (match.group().strip()[:_MOST_CHARS].rstrip() for match in _SENTENCE.finditer(text))
    sentences = list(dict.fromkeys(filter(None, found)))[:_MOST_SENTENCES]
    schema: dict[str, Any] = {"type": "string", "enum": sentences}
    if not sentences:
        schema = {"type": "string", "maxLength": _MOST_FREE_CHARS}
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": 1} if part.is_list else schema


def _name(part: Part) -> str:
    return part.choice.name if isinstance(part, Several) else part.name
