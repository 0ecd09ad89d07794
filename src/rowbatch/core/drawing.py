"""
Which rows a sample has: drawn by a hash, so that anyone who knows the seed draws the same rows.

The rows with the smallest hashes are the sample, in the order of these. So a sample of 300 begins with the
sample of 200, whatever was drawn first; and what a coder has done of it, from its beginning on, is a random
sample itself. Groups are drawn by the hashes of their names, and within strata each is a sample of its own.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

SIMPLE = "simple"
"""The design in which each row is as likely as any other, without replacement."""
STRATIFIED = "stratified"
"""The design in which so many rows are drawn of each stratum."""
GROUPS = "groups"
"""The design in which groups are drawn, each with all of its rows."""
ONE_PER_GROUP = "one-per-group"
"""The design in which groups are drawn, and one row of each."""

Allocation = Literal["proportional", "equal", "given"]
"""
How many rows of each stratum are drawn: as many as its share of the table says; of each as many as of any
other; or as a person says.
"""
Unit = TypeVar("Unit", int, str)


def hash_of(*lines: object) -> bytes:
    """SHA-256 of some words and numbers, a line each, without a last line break."""
    return hashlib.sha256("\n".join(map(str, lines)).encode()).digest()


def draw_of(unit: int | str, seed: int, design: str = SIMPLE) -> bytes:
    """
    The place of a row, or of a group, in the order in which these are drawn.

    Args:
        unit: The row's number in the table, from 1; or the name of the group.
        seed: Whatever a person says.
        design: How is drawn; another design has another order.
    Returns:
        SHA-256 of `rowbatch-sample`, the design, the seed and the row's number, a line each, without a last
        line break.
    """
    return hash_of("rowbatch-sample", design, seed, unit)


def drawn(units: Iterable[Unit], count: int, seed: int, design: str = SIMPLE) -> list[Unit]:
    """
    Draw rows, or groups, without replacement.

    Args:
        units: Numbers of the rows that may be drawn, or names of the groups, each once.
        count: How many; fewer where there are fewer.
        seed, design: See `draw_of`.
    Returns:
        They, in the order in which they are drawn.
    """
    return [
        unit for _, unit in heapq.nsmallest(count, ((draw_of(unit, seed, design), unit) for unit in units))
    ]


def is_for_test(unit: str, seed: int, share: float) -> bool:
    """
    Whether a text, or a group of them, is for the last look.

    Args:
        unit: The text; or the name of its group, which stays together.
        seed: Of the set.
        share: Of the texts that are, about.
    Returns:
        Whether the first 8 bytes of the SHA-256 of `rowbatch-part`, the seed and the unit, as a fraction of
        all that these bytes can be, lie below the share.
    """
    return int.from_bytes(hash_of("rowbatch-part", seed, unit)[:8]) < share * 2**64


def allocate(
    count: int, sizes: Mapping[str, int], taken: Mapping[str, int], *, equal: bool = False, at_least: int = 0
) -> dict[str, int]:
    """
    How many further rows of each stratum are drawn.

    Row by row, for the stratum that is the furthest behind (as Webster and Sainte-Laguë gave seats): so more
    rows begin with fewer, and what was drawn before counts.

    Args:
        count: How many in all; fewer where there are fewer.
        sizes: Rows of each stratum that could be drawn.
        taken: Rows of each that were drawn before.
        equal: Of each as many as of any other; else in proportion to the sizes.
        at_least: So many of each come first, where there are so many.
    Returns:
        By stratum, in the order of `sizes`.
    """
    has = {name: taken.get(name, 0) for name in sizes}

    def behind(name: str) -> tuple[bool, float, int, str]:
        is_low = has[name] < at_least
        weight = 1 if equal or is_low else sizes[name]
        return not is_low, (has[name] + 0.5) / weight, -sizes[name], name

    heap = [behind(name) for name in sizes if has[name] < sizes[name]]
    heapq.heapify(heap)
    for _ in range(count):
        if not heap:
            break
        name = heap[0][-1]
        has[name] += 1
        if has[name] < sizes[name]:
            heapq.heapreplace(heap, behind(name))
        else:
            heapq.heappop(heap)
    return {name: has[name] - taken.get(name, 0) for name in sizes}
