"""The tools: convert, split, check, estimate, extract."""

from __future__ import annotations

from rowbatch.words.telling import Entry

TOOLS: dict[str, Entry] = {}
