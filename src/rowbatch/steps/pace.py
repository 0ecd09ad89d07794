"""How many calls run at a time, by how the service takes them."""

from __future__ import annotations

import random
from dataclasses import dataclass

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
# So that many runs do not ask at the same moment.
_RANDOM = random.Random()  # noqa: S311


@dataclass(slots=True)
class Pace:
    """
    More at a time while all is well, half as many after a refusal, and a pause.

    Attributes:
        at_once: How many calls may run.
        most: It grows no further.
        not_before_s: By the clock that is handed in, no call begins before then.
        trouble_since_s: When calls began to be refused, if none was answered since then.
    """

    at_once: float = 4.0
    most: int = 16
    not_before_s: float = float("-inf")
    trouble_since_s: float | None = None
    _refusals: int = 0

    def may_start(self, running: int, now_s: float) -> bool:
        """Whether one more call may begin while so many run."""
        # After a refusal a single one tells whether the service takes calls again.
        room = 1.0 if self._refusals else self.at_once
        return now_s >= self.not_before_s and running < int(room)

    def pause_s(self, now_s: float) -> float:
        """How long nothing may begin from now on."""
        return max(0.0, self.not_before_s - now_s)

    def answered(self) -> None:
        """A call was answered."""
        self._refusals, self.trouble_since_s = 0, None
        self.at_once = min(float(self.most), self.at_once + 1.0 / self.at_once)

    def refused(self, now_s: float, told_s: float | None) -> None:
        """
        A call was refused because the service is busy.

        Args:
            now_s: The time.
            told_s: How long the service says to wait; None where it does not say.
        """
        if self.trouble_since_s is None:
            self.trouble_since_s = now_s
        if now_s >= self.not_before_s:
            # Those that ran beside it are refused for the same reason, and count once.
            self.at_once = max(1.0, self.at_once / 2)
            self._refusals += 1
        grown = min(_FIRST_PAUSE_S * 2.0 ** (self._refusals - 1), _LONGEST_PAUSE_S)
        pause = grown * _RANDOM.uniform(0.8, 1.2) if told_s is None else told_s
        self.not_before_s = max(self.not_before_s, now_s + pause)
