"""Notes of what students labelled, as they are read for reports and pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distilling import note_of_student as note
from rowbatch.store.coding_sets import now
from rowbatch.store.distillations import FOLDER, keep_distillation, read_distillations


def test_the_last_note_of_a_table_counts_and_damaged_ones_do_not(tmp_path: Path) -> None:
    """
    Of one table the newest note is read, also one that knows nothing of people; what is no note is left out.
    """
    assert read_distillations(tmp_path) == []
    (tmp_path / FOLDER).mkdir()
    keep_distillation(tmp_path, "b", note("2026-11-28T10:00:00+00:00"))
    keep_distillation(tmp_path, "a", note("2026-11-29T10:00:00+00:00", output="newer.csv"))
    unshown: dict[str, Any] = {"quality": None, "corrected": None, "student_right": None, "widths": []}
    keep_distillation(tmp_path, "c", note("2026-11-27T10:00:00+00:00", "other.csv", **unshown))
    for name, content in {"d": "{", "e": "[]", "f": json.dumps(note("x", student={}))}.items():
        (tmp_path / FOLDER / f"{name}.json").write_text(content, encoding="utf-8")
    other, posts = read_distillations(tmp_path)
    assert (other.table, other.student_right, other.verdicts, other.estimates) == ("other.csv", None, [], [])
    assert (posts.output, posts.student_right, posts.model_right) == (
        "newer.csv",
        (0.9, 0.8, 0.95, 100),
        None,
    )
    assert posts.estimates == [("share of good", 0.9, 0.8, 0.95)]
    assert posts.verdicts == [("good", 0.7, "usable")]


def test_what_was_done_last_within_a_second_counts(tmp_path: Path) -> None:
    """Two students of one table in one second: the last is read, whatever their names."""
    moments = [now() for _ in range(2)]
    while moments[1] == moments[0]:
        moments[1] = now()
    assert moments[0][:16] <= moments[1][:16]
    for name, at, output in zip("ba", moments, ("first.csv", "last.csv"), strict=True):
        keep_distillation(tmp_path, name, note(at, output=output))
    assert [one.output for one in read_distillations(tmp_path)] == ["last.csv"]
