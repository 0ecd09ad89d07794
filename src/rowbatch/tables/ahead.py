"""Read ahead: a thread of its own gets the next entries while the last one is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Entry = TypeVar("Entry")
_AHEAD = 2
_CHECKED_EVERY_S = 0.2
_reading = threading.local()


class _NotWanted(BaseException):
    """Nobody waits for what is being read; no error, so that no reader takes it for one of its file's."""


class _End:
    """There are no more; or it ended with an error."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def require_wanted() -> None:
    """
    Break off reading that nobody waits for any more.

    Readers call it between blocks, so that an entry that takes long ends with the one who asked for it.
    In a thread that does not read ahead it does nothing.
    """
    for stopped in getattr(_reading, "stopped", ()):
        if stopped.is_set():
            raise _NotWanted


@contextmanager
def read_ahead(
    entries: Iterator[Entry], check: Callable[[], object] | None = None
) -> Iterator[Iterator[Entry]]:
    """
    Let a thread read `entries`, two more than were taken.

    What an entry costs must be work that other threads can go on beside: polars, files, decompression.

    Args:
        entries: Read in that thread only, and closed there.
        check: Called several times a second while the next entry is waited for; what it raises ends the
            reading.
    Yields:
        The same entries; an error comes out where it would have.
    """
    reader = _Reader(entries, check)
    try:
        yield reader.entries()
    finally:
        reader.stop()


class _Reader(Generic[Entry]):
    def __init__(self, entries: Iterator[Entry], check: Callable[[], object] | None) -> None:
        self._source, self._check = entries, check
        self._ready: queue.Queue[Entry | _End] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        # Who reads ahead for one who reads ahead ends with him.
        self._all_stopped = (*getattr(_reading, "stopped", ()), self._stopped)
        self._thread = threading.Thread(target=self._run, name="rowbatch-read-ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        _reading.stopped = self._all_stopped
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

    def _next(self) -> Entry | _End:
        if self._check is None:
            return self._ready.get()
        while True:
            try:
                return self._ready.get(timeout=_CHECKED_EVERY_S)
            except queue.Empty:
                self._check()

    def entries(self) -> Iterator[Entry]:
        while True:
            entry = self._next()
            if isinstance(entry, _End):
                # So that stopping finds an end too.
                self._ready.put(entry)
                if entry.error is not None:
                    raise entry.error
                return
            yield entry

    def stop(self) -> None:
        """End the thread, at its next block; what it has read is dropped."""
        self._stopped.set()
        while not isinstance(self._ready.get(), _End):
            pass
        self._thread.join()
