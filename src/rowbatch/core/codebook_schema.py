"""
The JSON Schema of the codebook file, with which an editor completes and checks it while it is written.

The fields and their types are taken from the kinds themselves, what each is for from their docstrings; so a
new kind is in it by itself. Said here is only what pydantic cannot know: what a field takes that is checked
by a function of ours, and which fields follow from `kind`.

Source:
    JSON Schema, draft 2020-12. Only what draft 7 has as well is used (but for `$defs`, which is found by its
    address), since not every editor knows the newer one.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from rowbatch.core.codebook import Codebook
from rowbatch.core.kinds import KINDS
from rowbatch.core.kinds.base import Example, Variable
from rowbatch.core.kinds.choice import Label

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_NAME = "^[A-Za-z][A-Za-z0-9_]{0,63}$"
_LABEL = r"^\s*\S(?:[\s\S]{0,198}\S)?\s*$"
_SCALAR = {"type": ["string", "number", "boolean"]}
_FLAG = {"type": "boolean"}
_COUNT = {"type": "integer", "minimum": 1}
_NONE = {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": r"\S"}]}
_LABELS = {"type": "array", "items": {"$ref": "#/$defs/label"}}
_TWO_LABELS = {**_LABELS, "minItems": 2}
# What functions of ours check, by the field; where kinds differ, by the kind too.
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "only_if": {
        "type": "object",
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]},
    },
    "cant_say": _FLAG,
    "reason": _FLAG,
    "evidence": _FLAG,
    "whole": _FLAG,
    "none": _NONE,
    "examples": {"type": "array", "items": {"$ref": "#/$defs/example"}},
    "labels": _TWO_LABELS,
    "min": {"type": ["number", "null"]},
    "max": {"type": ["number", "null"]},
}
_FIELDS_OF_KIND: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("labels", "most"): {"anyOf": [_COUNT, {"type": "null"}]},
    ("quote", "most"): _COUNT,
    ("date", "min"): {"type": ["string", "null"], "pattern": "[0-9]"},
    ("date", "max"): {"type": ["string", "null"], "pattern": "[0-9]"},
    # As it was written before there were kinds.
    ("text", "labels"): {"type": "array", "maxItems": 0},
}
_NO_DEFAULT = {
    "description": "What it is; left out, a variable with labels is a `label`, another one a `text`."
}


def codebook_schema() -> dict[str, Any]:
    """
    The JSON Schema of a codebook file.

    It refuses nothing that `parse_codebook` takes. What depends on several fields, as a condition on a
    variable that is not there, only `parse_codebook` sees.
    """
    kinds = {name: _kind_schema(kind) for name, kind in KINDS.items()}
    fields = _described(Codebook)
    return {
        "$schema": DRAFT,
        "title": "Codebook of rowbatch",
        "description": _summary(Codebook),
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "instructions": {"type": "string", **fields["instructions"]},
            "language": {"enum": ["en", "zh"], **fields["language"]},
            "variables": {"type": "array", "items": {"$ref": "#/$defs/variable"}, **fields["variables"]},
        },
        "$defs": {
            "variable": {
                "type": "object",
                "required": ["name"],
                "properties": {"kind": {"enum": list(KINDS), **_NO_DEFAULT}},
                "allOf": [_where_kind_is(name) for name in KINDS] + [_where_no_kind_is_said()],
            },
            **{_place(name): schema for name, schema in kinds.items()},
            "label": _part_schema(
                Label,
                {
                    "name": {"type": "string", "pattern": _LABEL},
                    "aliases": {"type": "array", "items": {"type": "string", "pattern": _LABEL}},
                },
            ),
            "example": _part_schema(Example, {"answer": {}}),
        },
    }


def _where_kind_is(name: str) -> dict[str, Any]:
    return {
        "if": {"required": ["kind"], "properties": {"kind": {"const": name}}},
        "then": {"$ref": f"#/$defs/{_place(name)}"},
    }


def _where_no_kind_is_said() -> dict[str, Any]:
    has_labels = {"required": ["labels"], "properties": {"labels": {"not": {"type": "array", "maxItems": 0}}}}
    return {
        "if": {"not": {"required": ["kind"]}},
        "then": {
            "if": has_labels,
            "then": {"$ref": f"#/$defs/{_place('label')}"},
            "else": {"$ref": f"#/$defs/{_place('text')}"},
        },
    }


def _place(kind: str) -> str:
    return f"kind-{kind}"


def _kind_schema(kind: type[Variable]) -> dict[str, Any]:
    own = {
        name: _FIELDS_OF_KIND.get((kind.kind, name)) or _FIELDS.get(name)
        for name in [*kind.model_fields, *(field for word, field in _FIELDS_OF_KIND if word == kind.kind)]
    }
    schema = _part_schema(kind, {name: found for name, found in own.items() if found is not None})
    schema["properties"]["kind"] = {"const": kind.kind, "description": _summary(kind)}
    if "labels" in kind.model_fields:
        schema["required"].append("labels")
    return schema


def _part_schema(part: type[BaseModel], own: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of a part: pydantic's, but for the fields that are told here; and what each field is for."""
    found = part.model_json_schema()
    described = _described(part)
    properties = {
        name: {
            **(own[name] if name in own else _bare(found["properties"][name])),
            **described.get(name, {}),
        }
        for name in dict.fromkeys([*found["properties"], *own])
    }
    return {
        "type": "object",
        "description": _summary(part),
        "additionalProperties": False,
        "required": list(found["required"]),
        "properties": properties,
    }


def _bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    # Titles only repeat the name, and defaults are not offered: what is left out stays left out.
    return {keyword: value for keyword, value in schema.items() if keyword not in ("title", "default")}


def _summary(part: type) -> str:
    return (inspect.getdoc(part) or "").partition("\n\n")[0].replace("\n", " ")


def _described(part: type) -> dict[str, dict[str, str]]:
    """What each field is for, as the docstrings of a class and of those that it is made of say it."""
    found: dict[str, dict[str, str]] = {}
    for one in reversed(part.__mro__):
        _, _, attributes = inspect.cleandoc(one.__doc__ or "").partition("Attributes:\n")
        for entry in re.split(r"\n(?= {4}\S)", attributes.partition("\n\n")[0]):
            names, colon, text = entry.strip().partition(": ")
            if colon:
                told = " ".join(text.split())
                found |= {name.strip(): {"description": told} for name in names.split(",")}
    return found
