"""How files stand: as long as they stand so, nobody has to read them again to know what they hold."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

# A change within one tick of a file system's clock after another one leaves the same time. Kernels tick
# every 10 ms at most; some file systems only tell seconds, whose times have no fraction.
_TICK_NS = 50_000_000
_LONG_TICK_NS = 3_000_000_000
_FINE_NS = 1_000_000
States = tuple[tuple[int, ...], ...]
"""How files stand: of each its size, when it was written and changed, its inode. None prove nothing."""


def states_of(paths: Sequence[Path]) -> States:
    """How files stand now, where they cannot be changed without that being seen in it."""
    # Elsewhere nobody tells when a file was changed, only when it was made.
    if os.name != "posix":
        return ()
    try:
        told = [path.stat() for path in paths]
    except OSError:
        return ()
    return tuple((one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino) for one in told)


def settled(states: States, paths: Sequence[Path]) -> States:
    """
    The same states, where a change from now on would be seen in them; else none.

    Args:
        states: How the files stood before they were looked at.
        paths: Theirs.
    """
    now = time.time_ns()
    for _, written, changed, _ in states:
        latest = max(written, changed)
        tick = _TICK_NS if latest % _FINE_NS else _LONG_TICK_NS
        if now - latest <= tick:
            return ()
    return states if states == states_of(paths) else ()
