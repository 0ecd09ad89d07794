"""Work that goes on in a thread of the program while people look at it, and can be told to stop."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rowbatch.api.hooks import Hooks, Stage

if TYPE_CHECKING:
    from rowbatch.steps.progress import Progress
    from rowbatch.words.notice import Notice


class Stopped(Exception):
    """The work was told to stop; what was done stays."""


class Task:
    """
    One piece of work in a thread of its own.

    Attributes:
        stage: What it does now, or "".
        rows: How far it is in that, in rows.
        progress: How the batches stand, once somebody said.
        checked_at: When that was, seconds of `time.time`; 0.0 before.
        said: The last things for people.
        error: Why it ended early, or None. Others than our own are kept as they are.
        result: What it returned.
        started_at, ended_at: Seconds of `time.time`; the latter 0.0 before its end.
    """

    def __init__(self, name: str, work: Callable[[Task], Any]) -> None:
        self.stage: Stage | str = ""
        self.rows = 0
        self.progress: Progress | None = None
        self.checked_at = 0.0
        self.said: deque[Notice] = deque(maxlen=50)
        self.error: BaseException | None = None
        self.result: Any = None
        self.started_at = time.time()
        self.ended_at = 0.0
        self._first: tuple[float, int] | None = None
        self._stop = threading.Event()
        self._work = work
        # Whatever it does may be ended at any moment by the end of the program: a crash costs nothing.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Task:
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Tell it to stop; it does so at the next pause or chunk of rows."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end; returns whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    @property
    def seconds_left(self) -> float | None:
        """How long the answers will still take at the pace so far; None where nobody can say."""
        if self.progress is None or self._first is None:
            return None
        at, done = self._first
        seconds, rows = self.checked_at - at, self.progress.done - done
        if seconds < 3.0 or rows < 5:
            return None
        return (self.progress.requests - self.progress.done) * seconds / rows

    def check(self, rows: int | None = None) -> None:
        """Note how far it is; raises `Stopped` when it is to stop."""
        if rows is not None:
            self.rows = rows
        if self._stop.is_set():
            raise Stopped

    def hooks(self) -> Hooks:
        """Hooks that note how far it is, for the verbs of a run."""

        def stage(name: Stage) -> None:
            self.stage, self.rows = name, 0
            self.check()

        def progress(now: Progress) -> None:
            self.progress, self.checked_at = now, time.time()
            if self._first is None or now.done < self._first[1]:
                self._first = (self.checked_at, now.done)
            self.check()

        def sleep(seconds: float) -> None:
            self._stop.wait(seconds)
            self.check()

        return Hooks(stage=stage, rows=self.check, progress=progress, said=self.said.append, sleep=sleep)

    def _run(self) -> None:
        try:
            self.result = self._work(self)
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - whoever looks at the task is told
            self.error = error
        finally:
            self.ended_at = time.time()
