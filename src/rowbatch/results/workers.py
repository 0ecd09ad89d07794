"""
Processes that read result files for this one.

They take as long to start as this program takes to import what it needs: so this module imports little, and
`extract` starts them first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from rowbatch.processes import python_environment, python_module

# Below this, starting processes takes longer than they save.
_MIN_BYTES = 150_000_000
_MAX_PROCESSES = 8
# One that ends again and again is ended by what it reads, or by a machine without memory for it.
_MOST_REPLACED = 3
# As much as a system gives an unprivileged program (Linux: fs.pipe-max-size).
_PIPE_BYTES = 1 << 20


class ResultWorkers:
    """
    As many processes as are useful beside this one; or none.

    A context: they end with it.

    Args:
        paths: What is to be read.
        count: How many with this one; None means as the size and the machine suggest.
    """

    def __init__(self, paths: Sequence[Path], count: int | None = None) -> None:
        count = _useful_processes(paths) if count is None else count
        self._workers = [Worker() for _ in range(count - 1)]

    def __len__(self) -> int:
        return len(self._workers)

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End them; may be called again."""
        for worker in self._workers:
            worker.stop()


def _useful_processes(paths: Sequence[Path]) -> int:
    try:
        size = sum(path.stat().st_size for path in paths)
    except OSError:
        # Which one it is, is said when it is opened.
        return 1
    if size < _MIN_BYTES or not sys.executable:
        return 1
    return min(os.cpu_count() or 1, _MAX_PROCESSES)


class Worker:
    """A process of `result_worker`: one JSON line asks, the answer is `send_piece`'s."""

    def __init__(self) -> None:
        # It is replaced in the thread that asks, and stopped in another.
        self._changing = threading.Lock()
        self._replaced, self._is_stopped = 0, False
        self._process = _started()

    def replace(self) -> bool:
        """Start another process in the place of one that has ended; False where there is none any more."""
        with self._changing:
            if self._is_stopped or self._process is None or self._replaced == _MOST_REPLACED:
                return False
            self._replaced += 1
            _end(self._process)
            self._process = _started()
            return self._process is not None

    @property
    def answer(self) -> IO[bytes]:
        """Where the answer comes from, after `ask`."""
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    def ask(self, question: Sequence[Any]) -> bool:
        """Ask it; False when it cannot be asked."""
        if self._process is None or self._process.stdin is None:
            return False
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            # It has ended, or was stopped.
            return False
        return True

    def stop(self) -> None:
        """End it, for good; may be called again."""
        with self._changing:
            self._is_stopped = True
            if self._process is not None:
                _end(self._process)


def _started() -> subprocess.Popen[bytes] | None:
    """A process that waits to be asked; None where none can be made: then all is read here."""
    try:
        process = subprocess.Popen(
            python_module("rowbatch.results.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=python_environment(),
            # Ctrl-C is for this process; that one would not be ready for it while it starts.
            start_new_session=True,
        )
    except OSError:
        return None
    assert process.stdout is not None
    _widen(process.stdout)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            _close(stream)
    process.wait()


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold more than the usual 64 kB: each time it is full, both sides wait for each other."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        # Another system than Linux, or not that much is allowed: it is slower.
        return


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return
