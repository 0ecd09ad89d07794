"""How far a test goes: far enough at each commit, through all its cases in `make proofs`."""

from __future__ import annotations

import os
from typing import TypeVar

_T = TypeVar("_T")

ALL_CASES = "ROWBATCH_ALL_CASES" in os.environ


def cases(enough: _T, every: _T) -> _T:
    """What a test takes: enough for each commit, or all that it can."""
    return every if ALL_CASES else enough
