"""The time, as a value, so that tests need not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """
    What the steps know of time.

    Attributes:
        now: The time of day on this machine, UTC.
        monotonic: Seconds that only grow: for intervals, whatever is done to the time of day.
        sleep: Wait so many seconds.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
