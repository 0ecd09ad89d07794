"""Read ahead: a thread of its own gets the next entries while the last one is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Entry = TypeVar("Entry")
_AHEAD = 2


class _End:
    """There are no more; or it ended with an error."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def read_ahead(entries: Iterator[Entry]) -> Iterator[Iterator[Entry]]:
    """
    Let a thread read `entries`, two more than were taken.

    What an entry costs must be work that other threads can go on beside: polars, files, decompression.

    Args:
        entries: Read in that thread only, and closed there.
    Yields:
        The same entries; an error comes out where it would have.
    """
    reader = _Reader(entries)
    try:
        yield reader.entries()
    finally:
        reader.stop()


class _Reader(Generic[Entry]):
    def __init__(self, entries: Iterator[Entry]) -> None:
        self._source = entries
        self._ready: queue.Queue[Entry | _End] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rowbatch-read-ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for entry in self._source:
                self._ready.put(entry)
                if self._stopped.is_set():
                    break
        except BaseException as caught:  # noqa: BLE001 - it is raised again, where the entry is wanted
            error = caught
        close = getattr(self._source, "close", None)
        if close is not None:
            close()
        self._ready.put(_End(error))

    def entries(self) -> Iterator[Entry]:
        while True:
            entry = self._ready.get()
            if isinstance(entry, _End):
                # So that stopping finds an end too.
                self._ready.put(entry)
                if entry.error is not None:
                    raise entry.error
                return
            yield entry

    def stop(self) -> None:
        """End the thread; what it has read is dropped."""
        self._stopped.set()
        while not isinstance(self._ready.get(), _End):
            pass
        self._thread.join()
