"""The lines of a CSV file, with those of the record that is being read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import IO

from rowbatch.tables.ahead import require_wanted

_LINES_BETWEEN_CHECKS = 1_000


class NeverClosed(Exception):
    """A record goes on and on: its quote is never closed."""


class RowTooLong(Exception):
    """A record goes on and on, in cells none of which is too long, or in a line that has no end."""


class Lines:
    """Lines of a text, which can be pushed back; those of the record that is being read are kept."""

    def __init__(self, text: IO[str], number: int, most: int, hold: Callable[[str], str] | None) -> None:
        self._text, self._most, self._hold = text, most, hold
        self._pushed: Iterator[str] = iter(())
        self.number = number
        """Of the next line."""
        self.record: list[str] = []
        self.limit: int | None = None
        """Characters of a record, beyond which it is broken off."""
        self._chars = 0

    def begin_record(self) -> None:
        self.record, self._chars = [], 0

    def push_back(self, lines: list[str]) -> None:
        self._pushed = chain(lines, self._pushed)
        self.number -= len(lines)

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = next(self._pushed, None)
        if line is None:
            if not self.number % _LINES_BETWEEN_CHECKS:
                require_wanted()
            line = self._text.readline(self._most)
            if not line:
                raise StopIteration
        self.number += 1
        self.record.append(line)
        self._chars += len(line)
        if self.limit is not None and self._chars > self.limit and len(self.record) > 1:
            raise NeverClosed
        if self._chars >= self._most:
            raise RowTooLong
        return self._hold(line) if self._hold else line


def lines_of(text: IO[str], most: int) -> Iterator[str]:
    """Lines of a text; of one that is longer than a row may be, the begin."""
    while line := text.readline(most):
        end = line
        while not end.endswith(("\n", "\r")) and (end := text.readline(most)):
            require_wanted()
        yield line
