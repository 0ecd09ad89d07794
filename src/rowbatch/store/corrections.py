"""
Labels that a person put in the place of the model's, row by row.

A file of lines in the run directory that only grows: what the model said stays in the results, and what was
corrected, and when, can be read afterwards.
"""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rowbatch.errors import from_os_error
from rowbatch.store.home import private_file_of_ours

NAME = "corrections.jsonl"
# What was read last is compared with what stands there now: so much of its end.
_COMPARED_BYTES = 1_000

Corrections = dict[int, dict[str, str]]
"""By row number and variable: the person's label."""


def read_corrections(run: Path) -> Corrections:
    """What holds now; the last word on a row and variable counts."""
    return CorrectionsReader(run).read()


class CorrectionsReader:
    """
    Reads the corrections of a run again and again: each line once, whoever writes them.

    Attributes:
        version: Another number whenever something else holds.

    Args:
        run: The run directory.
    """

    def __init__(self, run: Path) -> None:
        self._path = run / NAME
        self._lock = threading.Lock()
        self._held: Corrections = {}
        self.version = 0
        self._forget()

    def _forget(self) -> None:
        self._noted: Corrections = {}
        self._inode, self._read_bytes, self._end, self._tail = 0, 0, b"", b""

    def read(self) -> Corrections:
        """
        What holds now; the last word on a row and variable counts. Whoever gets it changes nothing in it.

        Raises:
            StorageError: The disk refuses.
        """
        with self._lock:
            try:
                with self._path.open("rb") as file:
                    is_other = self._is_other(file)
                    if is_other:
                        self._forget()
                        self._inode = os.fstat(file.fileno()).st_ino
                    file.seek(self._read_bytes)
                    content = file.read()
            except FileNotFoundError:
                self._forget()
                is_other, content = True, b""
            except OSError as error:
                raise from_os_error(error, str(self._path)) from error
            lines, line_end, tail = content.rpartition(b"\n")
            if is_other or line_end or tail != self._tail:
                self._take(lines + line_end, tail)
            return self._held

    def _is_other(self, file: BinaryIO) -> bool:
        """Whether this is not the file that was read last, with more at its end."""
        found = os.fstat(file.fileno())
        if found.st_ino != self._inode or found.st_size < self._read_bytes:
            return True
        file.seek(self._read_bytes - len(self._end))
        return file.read(len(self._end)) != self._end

    def _take(self, lines: bytes, tail: bytes) -> None:
        """Note whole lines, and for now what stands after them: somebody may be writing on there."""
        for line in lines.split(b"\n"):
            _note(self._noted, line)
        self._read_bytes += len(lines)
        self._end, self._tail = (self._end + lines)[-_COMPARED_BYTES:], tail
        now = {row: dict(values) for row, values in sorted(self._noted.items())}
        _note(now, tail)
        held = {row: values for row, values in sorted(now.items()) if values}
        if held != self._held:
            self._held = held
            self.version += 1


def _note(noted: Corrections, line: bytes) -> None:
    try:
        entry = json.loads(line)
        row, variable, value = int(entry["row"]), str(entry["variable"]), entry["value"]
    except (ValueError, KeyError, TypeError):
        # The last line of a program that was killed while it wrote.
        return
    if value is None:
        noted.get(row, {}).pop(variable, None)
    else:
        noted.setdefault(row, {})[variable] = str(value)


def add_correction(run: Path, row: int, variable: str, value: str | None, *, chosen_by: str = "") -> None:
    """
    Note one; it is on disk when this returns.

    Args:
        run: The run directory.
        row: From 1.
        variable: Of the codebook.
        value: The person's label; None takes an earlier correction back.
        chosen_by: How the row was chosen, where it was not by chance or by hand; or "".
    """
    entry = {
        "row": row,
        "variable": variable,
        "value": value,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **({"chosen_by": chosen_by} if chosen_by else {}),
    }
    path = run / NAME
    try:
        private_file_of_ours(path)
        with path.open("ab+") as file:
            # After a line that was cut by a crash a new one begins.
            if file.seek(0, os.SEEK_END) and not _ends_line(path):
                file.write(b"\n")
            file.write(json.dumps(entry, ensure_ascii=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
