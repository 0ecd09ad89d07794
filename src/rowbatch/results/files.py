"""
Result files, read in order: large ones by several processes, a piece each in turn.

Decoding a million lines takes seconds of one processor, and Python has one at a time in a process.
"""

from __future__ import annotations

import io
import json
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, NamedTuple, Self

import polars as pl

from rowbatch.core.confidence import Measured
from rowbatch.core.embeddings import embeddings_of
from rowbatch.core.result_columns import Extra, ResultFrame, read_frames
from rowbatch.core.row_ids import row_ids
from rowbatch.errors import from_os_error
from rowbatch.results.workers import ResultWorkers, Worker

_PIECE_BYTES = 16 << 20
_SWITCH_S = 0.0005


def result_frames(
    paths: Sequence[Path],
    extras: Sequence[Extra] = (),
    *,
    as_json: bool = False,
    by_row: bool = False,
    any_provider: bool = False,
    processes: int | None = None,
    workers: ResultWorkers | None = None,
    measured: Sequence[Measured] = (),
) -> Iterator[tuple[Path, ResultFrame]]:
    """
    Read result files, some thousand lines at a time.

    Args:
        paths: The files.
        extras: What to read besides the text.
        as_json: The answers are JSON objects: each field gets a column named `.` and the field. An answer
            that is none is invalid.
        by_row: Sorted by the number at the end of `custom_id`, in columns of `row_ids`; `custom_id` is there
            where one has no such number only.
        any_provider: Lines may have any provider's form; else they have OpenAI's.
        processes: How many may work at it; None means as the size and the machine suggest.
        workers: Processes that were started before.
        measured: As in `read_frames`.
    Yields:
        Each part with the file it comes from, in order; line numbers are those of the file. An embedding
        is a list of 32-bit floats.
    Raises:
        InputError: A file is not there.
    """
    wanted = Wanted(tuple(extras), as_json, by_row, any_provider, tuple(measured))
    with ExitStack() as ends:
        if workers is None:
            workers = ends.enter_context(ResultWorkers(paths, processes))
        if not len(workers):
            for path in paths:
                try:
                    with path.open("rb", buffering=1 << 20) as file:
                        for part in read_frames(
                            file, extras, as_json=as_json, measured=measured, translated=wanted.translated
                        ):
                            yield path, _finished(part, wanted)
                except OSError as error:
                    raise from_os_error(error, str(path)) from error
            return
        yield from ends.enter_context(_Together(workers, wanted)).frames(paths)


class _Together:
    """This process and others, each reading the next piece that nobody reads yet."""

    def __init__(self, workers: ResultWorkers, wanted: Wanted) -> None:
        self._workers, self._wanted = workers, wanted
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        # A thread for each process, which asks it and takes what it found.
        self._threads = [
            threading.Thread(target=self._let_read, args=(worker,), daemon=True) for worker in workers
        ]

    def __enter__(self) -> Self:
        # An answer comes out of a pipe in many short steps of a thread, each of which waits for so long.
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._next() is not None:
            pass
        for _ in self._threads:
            self._tasks.put(None)
        self._workers.stop()
        for thread in self._threads:
            thread.join()
        sys.setswitchinterval(self._switch_s)

    def frames(self, paths: Sequence[Path]) -> Iterator[tuple[Path, ResultFrame]]:
        """As `result_frames`."""
        pieces, pending, numbered = pieces_of(paths), deque[_Task](), LineNumbers()
        while True:
            # More than there are processes, since pieces differ in size and are wanted in order.
            for piece in islice(pieces, 2 * len(self._workers) + 2 - len(pending)):
                pending.append(_Task(piece, Future()))
                self._tasks.put(pending[-1])
            if not pending:
                return
            wanted = pending.popleft()
            while not wanted.found.done() and (task := self._next()):
                task.settle(lambda piece: read_piece(piece, self._wanted))
            yield wanted.piece.path, numbered.of_file(wanted.piece, wanted.found.result())

    def _next(self) -> _Task | None:
        try:
            return self._tasks.get_nowait()
        except queue.Empty:
            return None

    def _let_read(self, worker: Worker) -> None:
        while task := self._tasks.get():
            task.settle(lambda piece: self._read_by(worker, piece))

    def _read_by(self, worker: Worker, piece: Piece) -> ResultFrame:
        found = self._asked(worker, piece)
        # A process that has ended, killed, or out of memory, is replaced and asked once more.
        if found is None and worker.replace():
            found = self._asked(worker, piece)
        # What ends two of them is read here, where an error is told.
        return read_piece(piece, self._wanted) if found is None else found

    def _asked(self, worker: Worker, piece: Piece) -> ResultFrame | None:
        """What a process finds in a piece; None when it has ended."""
        if not worker.ask([str(piece.path.absolute()), piece.start, piece.stop, self._wanted]):
            return None
        return receive_piece(worker.answer)


class _Task(NamedTuple):
    """A piece, and what is found in it."""

    piece: Piece
    found: Future[ResultFrame]

    def settle(self, read: Callable[[Piece], ResultFrame]) -> None:
        """Read the piece."""
        try:
            self.found.set_result(read(self.piece))
        except Exception as error:  # noqa: BLE001 - it is raised again, where the piece is wanted
            self.found.set_exception(error)


class Wanted(NamedTuple):
    """What to read of result files; see `result_frames`."""

    extras: tuple[Extra, ...] = ()
    as_json: bool = False
    by_row: bool = False
    any_provider: bool = False
    measured: tuple[Measured, ...] = ()

    @property
    def translated(self) -> Callable[[bytes], bytes] | None:
        """What gives a line in OpenAI's form, where it may have another."""
        return _in_house_form if self.any_provider else None


def _in_house_form(line: bytes) -> bytes:
    # Only lines that are no plain answers come here, and with it all that speaks to a provider.
    from rowbatch.providers.batch_lines import house_result

    return house_result(line)


def read_wanted(plain: Sequence[Any]) -> Wanted:
    """What `Wanted` is as JSON has it."""
    extras, as_json, by_row, any_provider, measured = plain
    return Wanted(
        tuple(extras),
        as_json,
        by_row,
        any_provider,
        tuple(Measured(place, name, tuple(labels)) for place, name, labels in measured),
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of a file: the bytes from `start` to `stop`."""

    path: Path
    start: int
    stop: int


def pieces_of(paths: Sequence[Path]) -> Iterator[Piece]:
    """
    All lines of these files, in order.

    Raises:
        InputError: A file is not there.
    """
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
                    yield Piece(path, start, stop)
                    start = stop
        except OSError as error:
            raise from_os_error(error, str(path)) from error


class LineNumbers:
    """Pieces number their lines from 1; these are the numbers in the file."""

    def __init__(self) -> None:
        self._before = 0

    def of_file(self, piece: Piece, part: ResultFrame) -> ResultFrame:
        """The same part; pieces of a file come in order."""
        if piece.start == 0:
            self._before = 0
        unreadable = [(number + self._before, why) for number, why in part.unreadable]
        self._before += part.lines
        return ResultFrame(part.frame, unreadable, part.lines)


def read_piece(piece: Piece, wanted: Wanted) -> ResultFrame:
    """Read the lines of a piece, numbered from 1."""
    try:
        with piece.path.open("rb", buffering=1 << 20) as file:
            file.seek(piece.start)
            return read_lines(file, wanted, piece.stop - piece.start)
    except OSError as error:
        raise from_os_error(error, str(piece.path)) from error


def read_lines(file: BinaryIO, wanted: Wanted, size: int | None = None) -> ResultFrame:
    """
    Read lines, numbered from 1, into one frame.

    Args:
        file: Open for reading, at the begin of a line.
        wanted: What to read of them.
        size: How many bytes, up to the end of a line; None means all.
    """
    parts = list(
        read_frames(
            file,
            wanted.extras,
            size,
            as_json=wanted.as_json,
            measured=wanted.measured,
            translated=wanted.translated,
        )
    )
    whole = ResultFrame(
        pl.concat([part.frame for part in parts], how="diagonal") if parts else pl.DataFrame(),
        [entry for part in parts for entry in part.unreadable],
        sum(part.lines for part in parts),
    )
    return _finished(whole, wanted)


def _finished(part: ResultFrame, wanted: Wanted) -> ResultFrame:
    frame = part.frame
    if "embedding" in frame:
        frame = frame.with_columns(embeddings_of(frame["embedding"]))
    if wanted.by_row and frame.height:
        frame = by_row_number(frame)
    return ResultFrame(frame, part.unreadable, part.lines)


def by_row_number(frame: pl.DataFrame) -> pl.DataFrame:
    """
    Results sorted by the number at the end of `custom_id`, in columns of `row_ids`.

    Args:
        frame: Has one row or more.
    Returns:
        With `custom_id` where one has no such number only.
    """
    ids = row_ids(frame["custom_id"])
    if not ids["number"].null_count():
        frame = frame.drop("custom_id")
    frame = frame.hstack(ids)
    return frame if ids["number"].is_sorted() else frame.sort("number", maintain_order=True)


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
