"""What a local disk is asked for besides the bytes of a file."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# Held for good by a process that removes what it has not finished, and ends.
_BEGINNING = threading.Lock()
_UNFINISHED: set[Path] = set()


@contextmanager
def unfinished_file(path: Path) -> Iterator[Path]:
    """
    A new, empty file of this user's own, gone at the end unless it was moved.

    Raises:
        OSError: There can be none.
    """
    try:
        with _BEGINNING:
            _UNFINISHED.add(path)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield path
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        _UNFINISHED.discard(path)


def remove_unfinished() -> None:
    """Remove what this process has not finished, and let it begin nothing: it is about to end."""
    _BEGINNING.acquire()
    for path in list(_UNFINISHED):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such call: there a rename is journaled."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(file: BinaryIO | io.FileIO, data: bytes | memoryview) -> None:
    """Write to a file that may have no buffer of its own, and then takes a part only."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def umask() -> int:
    """Rights that new files of this process do not get."""
    value = os.umask(0o077)
    os.umask(value)
    return value
