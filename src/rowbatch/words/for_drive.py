"""Waits, stops and decisions of a run that is driven."""

from __future__ import annotations

from rowbatch.words.telling import Entry

DRIVE: dict[str, Entry] = {}
