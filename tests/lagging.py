"""`read_ahead` at its worst: three further entries are made before one is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Entry = TypeVar("Entry")
_AHEAD = 3


@contextmanager
def lagging(entries: Iterator[Entry]) -> Iterator[Iterator[Entry]]:
    """
    In the place of `read_ahead`, and always so, not only when it happens: one entry is worked on, two are
    waited for, one more is ready. So what is made in buffers that are used anew must be there that long.
    """
    yield _late(entries)


def _late(entries: Iterator[Entry]) -> Iterator[Entry]:
    held: deque[Entry] = deque()
    for entry in entries:
        held.append(entry)
        if len(held) > _AHEAD:
            yield held.popleft()
    yield from held
