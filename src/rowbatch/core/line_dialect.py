"""Whose form a request line has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

LineDialect = Literal["openai", "mistral", "anthropic", "gemini"]


def request_dialect(found: Mapping[str, Any]) -> LineDialect | None:
    """
    Whose request a line is.

    Args:
        found: The line's object.
    Returns:
        None where it is nobody's.
    """
    if "body" in found:
        body = found["body"]
        has_model = isinstance(body, dict) and "model" in body
        return "openai" if has_model or found.keys() & {"method", "url"} else "mistral"
    if "params" in found:
        return "anthropic"
    return "gemini" if "request" in found else None
