"""The ids of what has none of a provider's: rows that are asked one by one, from here."""

from __future__ import annotations

DIRECT_PREFIX = "direct-"
"""How the ids of batches begin that are none of a provider's: their rows are asked one by one, from here."""


def is_direct(batch_or_file_id: str | None) -> bool:
    """Whether an id is of rows that are asked one by one."""
    return (batch_or_file_id or "").startswith(DIRECT_PREFIX)
