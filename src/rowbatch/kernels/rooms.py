"""Room in a machine that is used again and again."""

from __future__ import annotations

from collections import deque

from rowbatch.kernels.machine import Machine

BUFFERS = 4
"""One is worked on, two are waited for, one is being filled: see `read_ahead` of `tables.ahead`."""


class Room:
    """
    Room that can be had anew, and larger.

    Args:
        machine: Where it is.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._at = self._size = 0

    def at_least(self, size: int) -> int:
        """
        An address with so much room; what stood there may be gone.

        Raises:
            MemoryError: There is not so much.
        """
        if size > self._size or not self._at:
            # What is put there is about as large each time.
            self._at = self._machine.room(size + size // 4)
            self._size = size + size // 4
        return self._at


class Ring:
    """
    Buffers that are filled in turn: one is filled anew only when `BUFFERS` - 1 others were filled after it.

    Args:
        machine: Where they are.
        size: Of each.

    Attributes:
        size: Of each.
    """

    def __init__(self, machine: Machine, size: int) -> None:
        self._machine, self.size = machine, size
        self._buffers: deque[int] = deque()

    def enlarge(self, size: int) -> None:
        """Have larger ones from now on. What is in the others stays for good."""
        self.size = size
        self._buffers.clear()

    def next(self) -> int:
        """
        Address of the buffer that was filled the longest ago.

        Raises:
            MemoryError: There is no room for so many.
        """
        new = len(self._buffers) < BUFFERS
        buffer = self._machine.room(self.size) if new else self._buffers.popleft()
        self._buffers.append(buffer)
        return buffer
