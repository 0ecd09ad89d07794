"""Batch files in parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rowbatch.core.shard import ShardLimits
from rowbatch.providers.catalog import find_provider
from rowbatch.tools import split as split_step
from rowbatch.tools.split import SplitReport

if TYPE_CHECKING:
    pass


_UNLIMITED = 1 << 62


def split(
    source: str | Path,
    output: str | Path,
    *,
    parts: int | None = None,
    max_requests: int | None = None,
    max_bytes: int | None = None,
    max_prompt_tokens: int | None = None,
    limits: str | None = None,
    to_lines: bool = False,
    overwrite: bool = False,
) -> SplitReport:
    """
    A Batch JSONL file becomes parts, each line in exactly one; see `rowbatch.tools.split.split`.

    Args:
        limits: Name of a provider whose limits a part must keep.
        to_lines: The file is one JSON document, whose entries become lines first.
    """
    chosen: ShardLimits | None = find_provider(limits).limits if limits else None
    return split_step.split(
        Path(source),
        Path(output),
        parts=parts,
        max_requests=max_requests,
        max_bytes=max_bytes,
        max_tokens=max_prompt_tokens,
        limits=chosen,
        to_lines=to_lines,
        overwrite=overwrite,
    )


def part_limits(
    provider: str | None, max_requests: int | None, max_bytes: int | None, max_tokens: int | None
) -> ShardLimits | None:
    """The limits of a part: a provider's, or those that were given; None when nothing is to be cut."""
    if provider is None and max_requests is None and max_bytes is None and max_tokens is None:
        return None
    known = find_provider(provider).limits if provider else ShardLimits(_UNLIMITED, _UNLIMITED)
    return ShardLimits(max_requests or known.max_requests, max_bytes or known.max_bytes, max_tokens)
