"""Making, opening and changing runs: plans, codebooks, templates, policies."""

from __future__ import annotations

from rowbatch.words.telling import Entry

RUNS: dict[str, Entry] = {}
