"""
The fixture of pytest: `pytest_plugins = ["rowbatch.testing.fixtures"]` in a conftest.py.

    def test_no_batch_is_paid_twice(rowbatch_server):
        server = rowbatch_server("lost-answer")
        my_code(base_url=server.base_url, api_key=server.key)
        assert server.batches_made == 1
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from rowbatch.server.echo import Answer
from rowbatch.testing import BatchServer, batch_server

__all__ = ["StartServer", "rowbatch_server"]


class StartServer:
    """Starts Batch servers that run until the test ends."""

    def __init__(
        self, enter: Callable[[contextlib.AbstractContextManager[BatchServer]], BatchServer]
    ) -> None:
        self._enter = enter

    def __call__(
        self,
        faults: str | Path | Sequence[str] | None = None,
        *,
        seed: int | None = None,
        answer: Answer | None = None,
    ) -> BatchServer:
        """A Batch server; what it takes is said at `rowbatch.testing.batch_server`."""
        return self._enter(batch_server(faults, seed=seed, answer=answer))


@pytest.fixture
def rowbatch_server() -> Iterator[StartServer]:
    """Starts a Batch server that goes wrong as told, with no model and no key."""
    with contextlib.ExitStack() as stack:
        yield StartServer(stack.enter_context)
