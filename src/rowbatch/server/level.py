"""
How many calls another server is given at once: found by trying, since nobody knows it.

A server that works on many rows in one step answers more of them a second the more it is given, until it is
full; one that works on them in turn only keeps them waiting. So the level doubles for as long as that brings
more answers a second, and goes back by one where it does not. From then on it looks again now and then, goes
down where answers take much longer than they did, and at once where the server says that it is too much.
"""

from __future__ import annotations

FIRST_LEVEL = 32
_WORTH_DOUBLING = 1.1
"""How many times the answers a second twice the level must bring. On an H200 (bf16 model of 135 M, 8 tokens
out) 128 to 256 brought 1.18 times, 256 to 512 brought 0.91 times."""
_WORTH_A_STEP = 0.4
"""Of what a smaller step adds to the level, so much must be added to the answers a second."""
_DOUBLE, _STEP, _CAREFUL_STEP = 2.0, 1.25, 1.05
_AS_FAST = 1.3
"""Answers that take at most so many times as long as at the lowest level say that there is room for more."""
_ALIKE = 1.5
_TOO_SLOW = 2.0
_CUT = 0.7
_LOOK_AGAIN_S, _SOON_S = 20.0, 2.0
_SHUT_S = 3.0
"""A server that refuses everything for so long is not full but shut."""
_LEAST_ANSWERS = 32
_DOUBTS = 2
"""So many times in a row it must look as if the level were wrong: answers differ in length."""


class Level:
    """
    The level of one server.

    Attributes:
        most: It never goes above this; may be changed at any time.

    Times are seconds of one clock that never goes back.
    """

    def __init__(self, most: int, *, first: int = FIRST_LEVEL) -> None:
        self.most = most
        self._first = first
        self._peak = 0
        self._shortest_s, self._longest_s = float("inf"), 0.0
        self.restart(0.0)

    def restart(self, now: float, first: float | None = None) -> None:
        """Begin anew: the server was away, and may be another one by now."""
        self._level = float(first or self._first)
        self._is_shut, self._has_answered = False, True
        self._open_level, self._shut_since = self._level, now
        self._step = _DOUBLE
        self._best: tuple[float, float, float] | None = None
        self._fastest_s = float("inf")
        self._refused_at: float | None = None
        self._is_trying = True
        self._look_at = now
        self._change(now)

    @property
    def now(self) -> int:
        """How many calls it may be given now; at least one."""
        return max(1, min(int(self._level), self.most))

    def began(self, in_flight: int) -> None:
        """A call went out; with it so many are at the server."""
        self._peak = max(self._peak, in_flight)

    def answered(self, began: float, now: float) -> None:
        """A call that went out at `began` was answered."""
        if self._is_shut:
            # It refused everything, one call at a time too: that said nothing about how much it takes.
            self.restart(now, max(1.0, self._open_level * _CUT))
        self._has_answered = True
        took_s, level = now - began, self.now
        if began >= self._since:
            self._first_answers += 1
            self._first_s += took_s
            self._shortest_s, self._longest_s = min(self._shortest_s, took_s), max(self._longest_s, took_s)
            if self._is_doubling and self._first_answers == max(8, level // 2) and self._has_room_at_once():
                self._raise(level, now)
                return
        if self._skipped < level:
            # What went out before the level changed says nothing about it, and what comes first of the rest
            # are the short ones.
            self._skipped += 1
            self._counted_from = now
            return
        self._answers += 1
        self._spent_s += took_s
        # In whole rounds: servers that work in steps answer in bursts.
        if self._answers < level * -(-_LEAST_ANSWERS // level):
            return
        rate = self._answers / max(now - self._counted_from, 1e-9)
        mean_s, was_full = self._spent_s / self._answers, self._peak >= 0.9 * level
        self._window(now)
        # Where there was too little to do, nothing was tried.
        if was_full:
            self._judge(level, rate, mean_s, now)

    def refused(self, began: float, now: float) -> None:
        """A call that went out at `began` was too much. All that went out together count once."""
        if began < self._since and self._refused_at is not None:
            return
        if self._has_answered:
            self._open_level, self._has_answered, self._shut_since = self._level, False, now
        elif self.now == 1 and now - self._shut_since >= _SHUT_S:
            self._is_shut = True
        self._refused_at = float(self.now)
        is_known_to_go = self._is_trying and self._best is not None
        self._level = self._best[0] if self._best and is_known_to_go else max(1.0, self._refused_at * _CUT)
        self._best = None
        self._hold(now)

    @property
    def _is_doubling(self) -> bool:
        return self._is_trying and self._step == _DOUBLE

    def _has_room_at_once(self) -> bool:
        """Whether the first answers at this level are all alike, and as fast as ever."""
        mean_s = self._first_s / self._first_answers
        if self._peak < 0.9 * self.now or self._longest_s > _ALIKE * self._shortest_s:
            return False
        self._fastest_s = min(self._fastest_s, mean_s)
        self._best = (self.now, self.now / max(mean_s, 1e-9), mean_s)
        return mean_s <= _AS_FAST * self._fastest_s

    def _change(self, now: float) -> None:
        """Another level begins."""
        self._since, self._skipped, self._doubts = now, 0, 0
        self._first_answers, self._first_s = 0, 0.0
        self._shortest_s, self._longest_s = float("inf"), 0.0
        self._window(now)

    def _window(self, now: float) -> None:
        self._counted_from = now
        self._answers, self._spent_s, self._peak = 0, 0.0, 0

    def _judge(self, level: int, rate: float, mean_s: float, now: float) -> None:
        """Decide by a number of answers: so many at once, so many a second, so long each."""
        self._fastest_s = min(self._fastest_s, mean_s)
        best = self._best
        if self._is_trying:
            if best is None or best[0] >= level or rate >= best[1] * self._needed(level / best[0]):
                self._best = (level, rate, mean_s)
                self._raise(level, now)
            elif self._is_doubted_enough():
                # More at once, and no more answers: the last level was enough.
                self._level = best[0]
                self._hold(now)
        elif best is None:
            self._best = (level, rate, mean_s)
        elif mean_s > _TOO_SLOW * best[2] and rate < best[1] / _WORTH_DOUBLING:
            if self._is_doubted_enough():
                # Somebody else wants it too, or the rows are longer now.
                self._level, self._best = max(1.0, level * _CUT), None
                self._hold(now)
        else:
            self._doubts = 0
            self._best = (level, 0.7 * best[1] + 0.3 * rate, 0.7 * best[2] + 0.3 * mean_s)
            if now >= self._look_at:
                self._raise(level, now)

    def _needed(self, step: float) -> float:
        """How many times the answers a second a level must bring that is so many times the last one."""
        return _WORTH_DOUBLING if self._is_doubling else 1 + _WORTH_A_STEP * (step - 1)

    def _is_doubted_enough(self) -> bool:
        self._doubts += 1
        return self._doubts >= _DOUBTS

    def _raise(self, level: int, now: float) -> None:
        if level >= self.most:
            self._hold(now)
            return
        self._is_trying = True
        self._level = max(level + 1.0, level * self._step)
        self._change(now)

    def _hold(self, now: float) -> None:
        self._is_trying = False
        far_below = self._refused_at is not None and self._level < _CUT * self._refused_at
        self._step = _STEP if self._refused_at is None or far_below else _CAREFUL_STEP
        self._look_at = now + (_SOON_S if far_below else _LOOK_AGAIN_S)
        self._change(now)
