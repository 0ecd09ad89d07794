"""Providers, servers, keys, the local model."""

from __future__ import annotations

from rowbatch.words.telling import Entry

SERVICES: dict[str, Entry] = {}
