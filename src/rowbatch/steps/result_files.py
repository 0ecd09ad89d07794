"""
Result files, read in order: large ones by several processes, a piece each in turn.

Decoding a million lines takes seconds of one processor, and Python has one at a time in a process.
"""

from __future__ import annotations

import io
import json
import os
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

from rowbatch.core.embeddings import embeddings_of
from rowbatch.core.fields import FieldReader
from rowbatch.core.result_columns import Extra, ResultFrame, read_frames
from rowbatch.core.states import RowStatus
from rowbatch.errors import from_os_error
from rowbatch.processes import python_environment, python_module

# Below this, starting processes takes longer than they save.
_MIN_BYTES = 150_000_000
_PIECE_BYTES = 16 << 20
_MAX_PROCESSES = 8


def result_frames(
    paths: Sequence[Path],
    extras: Sequence[Extra] = (),
    *,
    as_json: bool = False,
    processes: int | None = None,
) -> Iterator[tuple[Path, ResultFrame]]:
    """
    Read result files, some thousand lines at a time.

    Args:
        paths: The files.
        extras: What to read besides the text.
        as_json: The answers are JSON objects: each field gets a column named `.` and the field. An answer
            that is none is invalid.
        processes: How many may work at it; None means as the size and the machine suggest.
    Yields:
        Each part with the file it comes from, in order; line numbers are those of the file. An embedding
        is a list of 32-bit floats.
    Raises:
        InputError: A file is not there.
    """
    if processes is None:
        processes = _useful_processes(paths)
    if processes < 2:
        for path in paths:
            try:
                with path.open("rb", buffering=1 << 20) as file:
                    for part in read_frames(file, extras):
                        yield path, _finished(part, as_json=as_json)
            except OSError as error:
                raise from_os_error(error, str(path)) from error
        return
    with ExitStack() as ends:
        free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        pool = ThreadPoolExecutor(processes)
        ends.callback(pool.shutdown, cancel_futures=True)
        for _ in range(processes):
            free.put(ends.enter_context(_Worker(extras, as_json=as_json)))

        def read(piece: _Piece) -> ResultFrame:
            worker = free.get()
            try:
                return worker.read(piece)
            finally:
                free.put(worker)

        # More than there are workers, since pieces differ in size and are wanted in order.
        pending: deque[tuple[_Piece, Future[ResultFrame]]] = deque()
        numbered = _LineNumbers()
        for piece in _pieces(paths):
            pending.append((piece, pool.submit(read, piece)))
            if len(pending) > 2 * processes:
                done, future = pending.popleft()
                yield done.path, numbered.of_file(done, future.result())
        while pending:
            done, future = pending.popleft()
            yield done.path, numbered.of_file(done, future.result())


@dataclass(frozen=True, slots=True)
class _Piece:
    """Whole lines of a file: the bytes from `start` to `stop`."""

    path: Path
    start: int
    stop: int


def _useful_processes(paths: Sequence[Path]) -> int:
    try:
        size = sum(path.stat().st_size for path in paths)
    except OSError:
        # Which one it is, is said when it is opened.
        return 1
    if size < _MIN_BYTES or not sys.executable:
        return 1
    return min(os.cpu_count() or 1, _MAX_PROCESSES)


def _pieces(paths: Sequence[Path]) -> Iterator[_Piece]:
    for path in paths:
        try:
            with path.open("rb") as file:
                size, start = file.seek(0, os.SEEK_END), 0
                while start < size:
                    file.seek(min(start + _PIECE_BYTES, size))
                    # Up to the end of the line that is cut.
                    while (rest := file.readline(_PIECE_BYTES)) and not rest.endswith(b"\n"):
                        pass
                    stop = file.tell()
                    yield _Piece(path, start, stop)
                    start = stop
        except OSError as error:
            raise from_os_error(error, str(path)) from error


class _LineNumbers:
    """Pieces number their lines from 1; these are the numbers in the file."""

    def __init__(self) -> None:
        self._before = 0

    def of_file(self, piece: _Piece, part: ResultFrame) -> ResultFrame:
        """The same part; pieces of a file come in order."""
        if piece.start == 0:
            self._before = 0
        unreadable = [(number + self._before, why) for number, why in part.unreadable]
        self._before += part.lines
        return ResultFrame(part.frame, unreadable, part.lines)


def read_piece(path: Path, start: int, stop: int, extras: Sequence[Extra], *, as_json: bool) -> ResultFrame:
    """Read the lines between two offsets of a file, numbered from 1."""
    try:
        with path.open("rb", buffering=1 << 20) as file:
            file.seek(start)
            parts = list(read_frames(file, extras, stop - start))
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    whole = ResultFrame(
        pl.concat([part.frame for part in parts], how="diagonal") if parts else pl.DataFrame(),
        [entry for part in parts for entry in part.unreadable],
        sum(part.lines for part in parts),
    )
    return _finished(whole, as_json=as_json)


def _finished(part: ResultFrame, *, as_json: bool) -> ResultFrame:
    frame = part.frame
    if "embedding" in frame:
        frame = frame.with_columns(embeddings_of(frame["embedding"]))
    if as_json and frame.height:
        frame = _with_fields(frame)
    return ResultFrame(frame, part.unreadable, part.lines)


def _with_fields(frame: pl.DataFrame) -> pl.DataFrame:
    """Put the fields of JSON answers beside them; an answer that is no object becomes invalid."""
    is_ok = pl.col("status") == RowStatus.OK.value
    contents = frame.select(pl.when(is_ok).then("content")).to_series().to_list()
    fields = FieldReader().read(contents)
    wrong = ~fields["is_object"].fill_null(True)
    if wrong.any():
        frame = frame.with_columns(
            pl.when(wrong).then(pl.lit(RowStatus.INVALID.value)).otherwise("status").alias("status"),
            pl.when(wrong)
            .then(pl.lit("the answer is not a JSON object"))
            .otherwise("status_reason")
            .alias("status_reason"),
        )
    return frame.hstack(fields.drop("is_object"))


class _Worker:
    """A process that reads pieces: one JSON line asks for one; the answer is `send_piece`'s."""

    def __init__(self, extras: Sequence[Extra], *, as_json: bool) -> None:
        self.extras, self.as_json = list(extras), as_json
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> _Worker:
        try:
            self._process = subprocess.Popen(
                python_module("rowbatch.steps.result_worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=python_environment(),
            )
        except OSError:
            # No process can be made: all is read here.
            self._process = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                self._close(stream)
        self._process.wait()

    @staticmethod
    def _close(stream: IO[bytes]) -> None:
        try:
            stream.close()
        except BrokenPipeError:
            return

    def read(self, piece: _Piece) -> ResultFrame:
        found = self._ask(piece)
        if found is None:
            # The process has ended: killed, or out of memory. What it should have read is read here.
            return read_piece(piece.path, piece.start, piece.stop, self.extras, as_json=self.as_json)
        return found

    def _ask(self, piece: _Piece) -> ResultFrame | None:
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            return None
        question = [str(piece.path.absolute()), piece.start, piece.stop, self.extras, self.as_json]
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            return receive_piece(self._process.stdout)
        except OSError:
            return None


def send_piece(to: IO[bytes], part: ResultFrame) -> None:
    """Write what was found in a piece: two lengths, a JSON head, and the frame as Arrow."""
    head = json.dumps([list(part.unreadable), part.lines]).encode()
    body = io.BytesIO()
    part.frame.write_ipc(body)
    to.write(len(head).to_bytes(8, "big") + len(body.getbuffer()).to_bytes(8, "big") + head)
    to.write(body.getbuffer())
    to.flush()


def receive_piece(source: IO[bytes]) -> ResultFrame | None:
    """Read what `send_piece` wrote; None when it ends before."""
    sizes = source.read(16)
    if len(sizes) < 16:
        return None
    head_size, body_size = int.from_bytes(sizes[:8], "big"), int.from_bytes(sizes[8:], "big")
    head, body = source.read(head_size), source.read(body_size)
    if len(head) < head_size or len(body) < body_size:
        return None
    unreadable, lines = json.loads(head)
    frame = pl.read_ipc(io.BytesIO(body))
    return ResultFrame(frame, [(number, why) for number, why in unreadable], lines)
