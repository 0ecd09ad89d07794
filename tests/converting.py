"""`convert` as tests write it: with limits as numbers, and endpoints as what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rowbatch.api.tools import planned
from rowbatch.core.shard import ShardLimits
from rowbatch.tools import convert as convert_tool
from rowbatch.tools.convert import ConvertReport


def convert(
    table: Path,
    out: Path,
    *,
    limits: ShardLimits | None = None,
    overwrite: bool = False,
    skip_empty: bool = False,
    **requests: Any,
) -> ConvertReport:
    """A table becomes a batch file; `requests` are `rowbatch.api.tools.RequestOptions`."""
    source, question, asking = planned(table, requests)  # type: ignore[arg-type]
    return convert_tool.convert(
        source, question, asking, out, limits=limits, overwrite=overwrite, skip_empty=skip_empty
    )
