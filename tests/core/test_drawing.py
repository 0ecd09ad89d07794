"""Samples: drawn by a hash that anyone can compute."""

from __future__ import annotations

import hashlib

from rowbatch.core.drawing import draw_of, drawn


def test_a_draw_is_a_hash_that_anyone_can_compute():
    """
    As docs/how-to/code-a-sample.md has it, in one line of any language.
    """
    line = "rowbatch-sample\nsimple\n7\n12"
    assert draw_of(12, 7) == hashlib.sha256(line.encode()).digest()
    assert (
        drawn(range(1, 9), 3, 7)
        == [
            row
            for _, row in sorted(
                (hashlib.sha256(f"rowbatch-sample\nsimple\n7\n{row}".encode()).hexdigest(), row)
                for row in range(1, 9)
            )
        ][:3]
    )


def test_a_sample_grows_without_a_new_draw():
    """
    More rows begin with the fewer ones, in the same order; another seed or design draws others; rows that may
    not be drawn change nothing of the others.
    """
    rows = range(1, 1001)
    assert drawn(rows, 300, 1)[:200] == drawn(rows, 200, 1)
    assert len(set(drawn(rows, 300, 1))) == 300
    assert drawn(rows, 200, 2) != drawn(rows, 200, 1)
    assert drawn(rows, 200, 1, "other") != drawn(rows, 200, 1)
    odd = [row for row in rows if row % 2]
    assert drawn(odd, 500, 1) == [row for row in drawn(rows, 1000, 1) if row % 2]
    assert drawn(odd, 900, 1) == drawn(odd, 500, 1)


def test_each_row_is_as_likely_as_any_other():
    """
    Over 400 seeds, ten rows of 50 at a time, each is drawn about 80 times: within five standard deviations,
    and all of them together as a chi-squared of 49 degrees allows (below 100).
    """
    counts = dict.fromkeys(range(1, 51), 0)
    for seed in range(400):
        for row in drawn(counts, 10, seed):
            counts[row] += 1
    expected = 400 * 10 / 50
    assert all(abs(count - expected) < 5 * (expected * 0.8) ** 0.5 for count in counts.values())
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 100
