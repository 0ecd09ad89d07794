"""
Which rows a sample has: drawn by a hash, so that anyone who knows the seed draws the same rows.

The rows with the smallest hashes are the sample, in the order of these. So a sample of 300 begins with the
sample of 200, whatever was drawn first; and what a coder has done of it, from its beginning on, is a random
sample itself.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable

SIMPLE = "simple"
"""The design in which each row is as likely as any other, without replacement."""


def draw_of(row: int, seed: int, design: str = SIMPLE) -> bytes:
    """
    The place of a row in the order in which rows are drawn.

    Args:
        row: Its number in the table, from 1.
        seed: Whatever a person says.
        design: How is drawn; another design has another order.
    Returns:
        SHA-256 of `rowbatch-sample`, the design, the seed and the row's number, a line each, without a last
        line break.
    """
    return hashlib.sha256(f"rowbatch-sample\n{design}\n{seed}\n{row}".encode()).digest()


def drawn(rows: Iterable[int], count: int, seed: int, design: str = SIMPLE) -> list[int]:
    """
    Draw rows without replacement.

    Args:
        rows: Numbers of those that may be drawn, each once.
        count: How many; fewer where there are fewer.
        seed, design: See `draw_of`.
    Returns:
        Their numbers in the order in which they are drawn.
    """
    return [row for _, row in heapq.nsmallest(count, ((draw_of(row, seed, design), row) for row in rows))]
