"""
Numbers that take seconds of a large table: computed in the background, once for what they are of, while a page
says so and asks again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar, cast

from rowbatch import desk

_KEPT = 12
_MANY_ROWS = 50_000
# Of a small table they are there before a page that says so would be read.
_PATIENCE_S, _SOON_S = 60.0, 0.03
# A page that waits asks each second: this long after they came they are those that it waits for.
_WAITED_FOR_S = 5.0

_Found = TypeVar("_Found")


class NotComputedYetError(Exception):
    """The numbers are being computed."""


@dataclass(slots=True)
class _Computed:
    of: Hashable
    task: desk.Task
    is_taken: bool = False


class ComputedNumbers:
    """The numbers of the pages that were looked at last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Computed] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Hashable, of: Hashable, work: Callable[[], _Found], rows: int) -> _Found:
        """
        Numbers, as they are of what they are made of now.

        Args:
            name: Tells them from all others.
            of: The same as long as the numbers would be.
            work: Computes them.
            rows: Of the table: where these are many, nobody waits.
        Raises:
            NotComputedYetError: Ask again in a second.
            Exception: What `work` raised.
        """
        with self._lock:
            known = self._kept.get(name)
            if known is None or not (known.task.is_alive or known.of == of or _is_waited_for(known)):
                known = _Computed(of, desk.Task(f"compute {name}", lambda _: work()).start())
                self._kept[name] = known
            self._kept.move_to_end(name)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        if not known.task.wait(_SOON_S if rows > _MANY_ROWS else _PATIENCE_S):
            raise NotComputedYetError
        known.is_taken = True
        if known.task.error is not None:
            with self._lock:
                if self._kept.get(name) is known:
                    del self._kept[name]
            raise known.task.error
        return cast("_Found", known.task.result)


def _is_waited_for(known: _Computed) -> bool:
    return not known.is_taken and time.time() - known.task.ended_at < _WAITED_FOR_S
