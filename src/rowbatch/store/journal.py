"""
A file that only grows: a line for each thing that is about to happen, or has happened, with a checksum.

Who is about to do what cannot be undone writes a line before it, and one after it; whoever comes later reads
what was begun and not ended.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from rowbatch.errors import from_os_error
from rowbatch.objects.disk import fsync_folder, write_all
from rowbatch.store.home import private_file_of_ours

Entry = Mapping[str, Any]


class Entries(NamedTuple):
    """
    What a journal says.

    Attributes:
        all: Every entry that can be read, oldest first.
        damaged: How many lines cannot be read. The last one is not counted where it has no end: a crash cut
            it off, and then nothing was done yet that it was to tell of.
    """

    all: Sequence[Entry]
    damaged: int = 0


class Journal:
    """
    One journal. Several threads may add to it; one process at a time.

    Args:
        path: Of its file, which need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()

    def add(self, entries: Iterable[Entry]) -> None:
        """
        Add entries, and return when they are on the disk: all of them, or none.

        Raises:
            StorageError: The disk is full, or refuses.
        """
        content = b"".join(map(_line, entries))
        with self._lock:
            try:
                is_new = not self.path.exists()
                private_file_of_ours(self.path)
                with self.path.open("ab+", buffering=0) as file:
                    size = _whole_bytes(file.seek(0, os.SEEK_END), self.path)
                    # What a crash cut off tells of nothing.
                    file.truncate(size)
                    try:
                        write_all(file, content)
                        os.fsync(file.fileno())
                    except OSError:
                        with suppress(OSError):
                            file.truncate(size)
                        raise
                if is_new:
                    fsync_folder(self.path.parent)
            except OSError as error:
                raise from_os_error(error, str(self.path)) from error

    def read(self) -> Entries:
        """
        All of it; nothing of one that is not there.

        Raises:
            StorageError: It cannot be read.
        """
        try:
            lines = self.path.read_bytes().split(b"\n") if self.path.exists() else [b""]
        except OSError as error:
            raise from_os_error(error, str(self.path)) from error
        # What follows the last line end is empty, or was cut off.
        found = [_read(line) for line in lines[:-1]]
        return Entries([entry for entry in found if entry is not None], found.count(None))


def _whole_bytes(size: int, path: Path) -> int:
    """How many bytes the lines have that are whole."""
    if not size:
        return 0
    with path.open("rb") as file:
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return size
        file.seek(0)
        return file.read().rfind(b"\n") + 1


def _line(entry: Entry) -> bytes:
    text = json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode()
    return f"{zlib.crc32(text):08x} ".encode() + text + b"\n"


def _read(line: bytes) -> Entry | None:
    """One line; None where it is not what was written."""
    mark, _, text = line.partition(b" ")
    if mark != f"{zlib.crc32(text):08x}".encode():
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
