"""The tokens of a batch: what its answers say, added up in the form that a batch has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def no_usage() -> dict[str, Any]:
    """Of a batch without answers."""
    return {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }


def add_usage(usage: dict[str, Any], body: Mapping[str, Any]) -> None:
    """
    Add the tokens of an answer; another server may say anything there, and a row is not lost over it.

    Args:
        usage: Of the batch so far.
        body: The answer. Chat completions, completions and embeddings say `prompt_tokens` and
            `completion_tokens`, responses `input_tokens` and `output_tokens`; moderations say nothing.
    """
    counted = body.get("usage")
    if not isinstance(counted, Mapping):
        return
    for ours, theirs, name in (
        ("input", "prompt", "cached_tokens"),
        ("output", "completion", "reasoning_tokens"),
    ):
        said = ours if f"{ours}_tokens" in counted else theirs
        tokens = _count(counted, f"{said}_tokens")
        usage[f"{ours}_tokens"] += tokens
        usage["total_tokens"] += tokens
        details = counted.get(f"{said}_tokens_details")
        if isinstance(details, Mapping):
            usage[f"{ours}_tokens_details"][name] += _count(details, name)


def _count(counted: Mapping[str, Any], name: str) -> int:
    value = counted.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
