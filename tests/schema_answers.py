"""An answer to any codebook's schema, by a hash of the text: the same everywhere."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any


def answer_to(schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    """
    An answer that a strict schema allows.

    Args:
        schema: Of an object, as `answer_schema` of a codebook gives it.
        text: Of the row; quotes are its first words.
    """
    return {name: _value(inner, text, name) for name, inner in schema["properties"].items()}


def _value(schema: Mapping[str, Any], text: str, name: str) -> Any:
    digest = int.from_bytes(hashlib.sha256(f"{text}\n{name}".encode()).digest()[:4])
    if "enum" in schema:
        allowed = [value for value in schema["enum"] if value is not None]
        return allowed[digest % len(allowed)]
    if "anyOf" in schema:
        return _value(schema["anyOf"][0], text, name)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    match kinds[0]:
        case "array":
            return [_value(schema["items"], text, name)]
        case "integer" | "number":
            least = schema.get("minimum", 0)
            most = schema.get("maximum", least + 10)
            return least + digest % (int(most - least) + 1)
        case _ if schema.get("description") == "YYYY-MM-DD":
            return (dt.date(2000, 1, 1) + dt.timedelta(days=digest % 9_000)).isoformat()
        case _:
            return " ".join(text.split()[:3])
