"""Lines of a file that may have one without an end."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_LINE_BYTES = 64 << 20
"""Of one result: a hundred times what the longest answer of a model has, with its log-probabilities."""
_BLOCK_BYTES = 1 << 20
_NEAR_BYTES = 4096


def cut_lines(file: BinaryIO, max_line_bytes: int | None = None, max_bytes: int | None = None) -> BinaryIO:
    r"""
    The same file; of a line that is too long only the begin is there, and its `\n`.

    So a line takes no more memory than that, has the number that it has in the file, and is no JSON any more:
    whoever reads it counts it as unreadable, and reads on.

    Args:
        file: Open for reading, at the begin of a line.
        max_line_bytes: Of one line, without its `\n`; None means `MOST_LINE_BYTES`.
        max_bytes: How much of the file to read; None means all.
    """
    most = MOST_LINE_BYTES if max_line_bytes is None else max_line_bytes
    return io.BufferedReader(_CutLines(file, most, max_bytes), _BLOCK_BYTES)


class _CutLines(io.RawIOBase):
    def __init__(self, file: BinaryIO, max_line_bytes: int, max_bytes: int | None) -> None:
        super().__init__()
        self._file: io.BufferedIOBase = file  # type: ignore[assignment]  # what is opened for reading bytes is one
        self._most, self._left = max_line_bytes, max_bytes
        # Bytes of the line that is being read.
        self._line_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            size = len(view) if self._left is None else min(len(view), self._left)
            count = self._file.readinto(view[:size]) if size else 0
            if not count:
                return 0
            if self._left is not None:
                self._left -= count
            # Nearly always a line ends near the end of a block, and then nothing has to be copied.
            last = bytes(view[max(0, count - _NEAR_BYTES) : count])
            since = len(last) - last.rfind(b"\n") - 1
            if since < len(last) and self._line_bytes + count <= self._most:
                self._line_bytes = since
                return count
            kept = self._kept(bytes(view[:count]))
            if kept:
                view[: len(kept)] = kept
                return len(kept)

    def _kept(self, block: bytes) -> bytes:
        """A block without what is too much of a line; never longer than it was."""
        last = block.rfind(b"\n")
        if self._line_bytes + len(block) <= self._most:
            self._line_bytes = self._line_bytes + len(block) if last < 0 else len(block) - last - 1
            return block
        pieces = []
        for number, part in enumerate(block.split(b"\n")):
            self._line_bytes = 0 if number else self._line_bytes
            pieces.append(part[: max(0, self._most - self._line_bytes)])
            self._line_bytes += len(part)
        return b"\n".join(pieces)
