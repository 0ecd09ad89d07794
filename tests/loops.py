"""Coroutines in tests that need no loop of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


def run_alone(work: Coroutine[Any, Any, _T]) -> _T:
    """
    Run a coroutine to its end, in a thread of its own: in the thread that a browser test ran in, Playwright's
    loop goes on for as long as the session does, and asyncio.run refuses.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
