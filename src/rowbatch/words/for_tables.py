"""Tables in and out."""

from __future__ import annotations

from rowbatch.words.telling import Entry

TABLES: dict[str, Entry] = {}
