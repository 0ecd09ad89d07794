"""Coding sets for tests of who sits at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rowbatch.core.coding import row_key
from rowbatch.core.coding_set import CodingSet, DrawnRow, Wave
from rowbatch.core.plan import Source
from rowbatch.core.table_options import ReadOptions
from rowbatch.store.coding_sets import CodingFolder, free_set_path

MOOD: Mapping[str, Any] = {
    "name": "mood",
    "question": "How is the mood?",
    "cant_say": True,
    "labels": [{"name": "good", "definition": "Praise, joy."}, {"name": "bad"}, {"name": "mixed"}],
}
EVERY_KIND: Sequence[Mapping[str, Any]] = (
    MOOD,
    {"name": "topics", "kind": "labels", "none": True, "labels": [{"name": "work"}, {"name": "home"}]},
    {"name": "protest", "kind": "yes-no", "question": "Does it call for a protest?"},
    {"name": "march", "kind": "text", "question": "Where?", "only_if": {"protest": "yes"}},
    {"name": "strength", "kind": "scale", "labels": [{"name": "1"}, {"name": "2"}, {"name": "3"}]},
    {"name": "age", "kind": "number", "min": 0, "max": 120, "whole": True, "cant_say": True},
    {"name": "day", "kind": "date"},
    {"name": "blame", "kind": "quote", "question": "Who is to blame?", "none": True},
)


def coding_set(
    texts: Sequence[str],
    variables: Sequence[Mapping[str, Any]] = (MOOD,),
    *,
    name: str = "posts",
    set_id: str = "0123456789abcdef",
    context: Mapping[str, str] | None = None,
    source: Source | None = None,
    language: str = "en",
    in_order: bool = True,
) -> CodingFolder:
    """
    A set of these texts in the home of the test, rows 1, 2, … of its table. In order, each is a draw of its
    own, so that all coders are shown them so.
    """
    plan = CodingSet(
        id=set_id,
        name=name,
        source=source or Source(Path("/data/posts.csv"), "ab" * 32, 10, ReadOptions()),
        text="post",
        answer={"variables": [*variables], "language": language},
        variables=tuple(str(one["name"]) for one in variables),
        context=tuple(context or ()),
        created_at="2026-11-28T10:00:00+00:00",
        rowbatch_version="0.3",
    )
    folder = CodingFolder.create(free_set_path(name), plan)
    rows = [DrawnRow(row_key(n, text), n, text, dict(context or {})) for n, text in enumerate(texts, 1)]
    waves = [[row] for row in rows] if in_order else [rows]
    for number, of_wave in enumerate(waves, 1):
        folder.add_wave(Wave(number, {"": len(rows)}), [replace(row, wave=number) for row in of_wave])
    return folder
