"""
Result files become cells of a table in machine code, see `kernels/results.c`: nothing is made of them.

Only plain answers do: as providers write them, in OpenAI's two forms (chat completions and responses), with
ids that are a number behind one prefix, and, where answers are JSON, with the fields that the first ones
have. Any other line is read by `result_columns`. What becomes of a line is the same both ways.
"""

from __future__ import annotations

import io
import os
import queue
import struct
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import polars as pl

from rowbatch.core.result_columns import Extra, ResultFrame, read_frames
from rowbatch.core.row_ids import row_ids
from rowbatch.errors import from_os_error
from rowbatch.kernels.machine import Machine, new_machine
from rowbatch.objects.disk import write_all
from rowbatch.results.files import LineNumbers, Piece, Wanted, pieces_of, read_lines, read_piece

NUMBERS_PER_RANGE = 100_000
"""Answers lie together whose numbers are in the same range."""
# What is looked at, to know the prefix and the fields.
_LOOKED_AT_BYTES = 2_000_000
# A longer line, or one whose cells take more, is read by another reader.
_BLOCK_BYTES = 1 << 20
# A line of a result has more bytes than that.
_FEWEST_LINE_BYTES = 16
_MOST_FIELDS = 32
_MOST_RANGES_PER_BLOCK = 500
_MOST_THREADS = 8
_MAX_BYTES = 400_000_000
_HEAD = struct.Struct("<III")
_WHOLE = 1 << 31
_NEWLINE = ord("\n")


class CellForm(NamedTuple):
    """
    What is made of plain answers.

    Attributes:
        prefix: Of their ids, before the number.
        fields: Of their JSON, in the order of the columns; None where they are texts.
        extras: Columns behind the status: of `model` and `usage` only.
        separator: Between the cells.
    """

    prefix: str
    fields: tuple[str, ...] | None
    extras: tuple[Extra, ...]
    separator: str


@dataclass(frozen=True, slots=True)
class PieceCells:
    """
    What a piece of a file holds.

    Attributes:
        cells: Of its plain answers, by range, as `join.c` takes them.
        numbers: Of all of these, in order; 32 bits each.
        lowest, highest: Of the numbers; no number is lower than 2 to the 32th where there is none.
        has_content: Some of them is not empty.
        odd: All other lines.
        odd_bytes: How long these are.
    """

    cells: Mapping[int, Sequence[bytes]]
    numbers: bytes
    lowest: int
    highest: int
    has_content: bool
    odd: ResultFrame
    odd_bytes: int


def find_form(paths: Sequence[Path], wanted: Wanted, separator: str) -> CellForm | None:
    """
    What can be made of the answers in these files, by the first ones; None where nothing can.

    Raises:
        InputError: A file is not there.
    """
    frames: list[pl.DataFrame] = []
    left = _LOOKED_AT_BYTES
    for path in paths:
        try:
            with path.open("rb") as file:
                for part in read_frames(
                    file, wanted.extras, left, as_json=wanted.as_json, translated=wanted.translated
                ):
                    frames.append(part.frame)
                left -= file.seek(0, os.SEEK_END)
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        if left <= 0:
            break
    frame = pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
    if not frame.height:
        return None
    prefix = row_ids(frame["custom_id"].head(1))["prefix"][0]
    fields = tuple(name[1:] for name in frame.columns if name.startswith("."))
    if prefix is None or (wanted.as_json and not 0 < len(fields) <= _MOST_FIELDS):
        return None
    return CellForm(prefix, fields if wanted.as_json else None, wanted.extras, separator)


class _PieceReader:
    """Reads pieces, one at a time, with a machine of its own."""

    def __init__(self, machine: Machine, form: CellForm, wanted: Wanted) -> None:
        self._machine, self._wanted = machine, wanted
        most_lines = _BLOCK_BYTES // _FEWEST_LINE_BYTES
        self._text = machine.room(_BLOCK_BYTES)
        self._scratch, self._out = machine.room(2 * _BLOCK_BYTES), machine.room(_BLOCK_BYTES)
        self._split = machine.room(_BLOCK_BYTES)
        self._numbers, self._odd = machine.room(4 * most_lines), machine.room(12 * most_lines)
        prefix, names = form.prefix.encode(), [name.encode() for name in form.fields or ()]
        self._form = machine.put_numbers(
            [
                machine.put(prefix),
                len(prefix),
                form.fields is not None,
                len(names),
                machine.put_numbers([machine.put(name) for name in names]),
                machine.put_numbers([len(name) for name in names]),
                "model" in form.extras,
                "usage" in form.extras,
                ord(form.separator),
            ]
        )
        self._found = machine.put_numbers([0] * 7)

    def read(self, piece: Piece) -> PieceCells:
        """
        Read a piece.

        Raises:
            StorageError: It cannot be read.
        """
        try:
            with piece.path.open("rb", buffering=0) as file:
                file.seek(piece.start)
                found = self._read(file, piece.stop - piece.start)
        except OSError as error:
            raise from_os_error(error, str(piece.path)) from error
        if found is None:
            odd = read_piece(piece, self._wanted)
            return PieceCells({}, b"", 1 << 32, 0, False, odd, piece.stop - piece.start)
        return found

    def _read(self, file: io.FileIO, left: int) -> PieceCells | None:
        """None where a line is too long."""
        machine, memory, text = self._machine, self._machine.bytes, self._text
        cells: dict[int, list[bytes]] = {}
        numbers: list[bytes] = []
        odd_lines: list[bytes] = []
        odd_numbers: list[int] = []
        have, lines, lowest, highest, has_content = 0, 0, 1 << 32, 0, False
        while left or have:
            # With room for the end of a last line that has none.
            while left and have < _BLOCK_BYTES - 1:
                stop = min(_BLOCK_BYTES - 1, have + left)
                read = file.readinto(memory[text + have : text + stop])
                if not read:
                    # It became shorter.
                    left = 0
                    break
                have, left = have + read, left - read
            if not left and have and memory[text + have - 1] != _NEWLINE:
                memory[text + have] = _NEWLINE
                have += 1
            machine.call(
                "read_results",
                text,
                have,
                self._form,
                self._scratch,
                self._out,
                _BLOCK_BYTES,
                self._numbers,
                self._odd,
                self._found,
            )
            size, written, plain, odd, low, high, is_filled = machine.numbers(self._found, 7)
            if not size:
                return None
            if plain:
                lowest, highest = min(lowest, low), max(highest, high)
                has_content = has_content or bool(is_filled)
                numbers.append(bytes(memory[self._numbers : self._numbers + 4 * plain]))
                if not self._split_into(cells, written, low, high):
                    return None
            places = machine.numbers(self._odd, 3 * odd).tolist()
            for place, begin, end in zip(places[::3], places[1::3], places[2::3], strict=True):
                odd_numbers.append(lines + place + 1)
                odd_lines.append(bytes(memory[text + begin : text + end + 1]))
            lines += plain + odd
            memory[text : text + have - size] = memory[text + size : text + have]
            have -= size
        odd_text = b"".join(odd_lines)
        found = read_lines(io.BytesIO(odd_text), self._wanted)
        unreadable = [(odd_numbers[number - 1], why) for number, why in found.unreadable]
        return PieceCells(
            cells,
            b"".join(numbers),
            lowest,
            highest,
            has_content,
            ResultFrame(found.frame, unreadable, lines),
            len(odd_text),
        )

    def _split_into(self, cells: dict[int, list[bytes]], written: int, low: int, high: int) -> bool:
        """Put what was written to its ranges; False where these are too many."""
        machine, memory = self._machine, self._machine.bytes
        first, last = low // NUMBERS_PER_RANGE, high // NUMBERS_PER_RANGE
        if first == last:
            cells.setdefault(first, []).append(bytes(memory[self._out : self._out + written]))
            return True
        if last - first > _MOST_RANGES_PER_BLOCK:
            return False
        for number in range(first, last + 1):
            begin = number * NUMBERS_PER_RANGE
            size = machine.call(
                "take_answers", self._out, written, begin, begin + NUMBERS_PER_RANGE, self._split
            )
            if size:
                cells.setdefault(number, []).append(bytes(memory[self._split : self._split + size]))
        return True


def new_machines() -> list[Machine]:
    """As many as this computer has processors for; none where there can be none."""
    count = min(os.cpu_count() or 1, _MOST_THREADS)
    return [machine for machine in (new_machine() for _ in range(count)) if machine is not None]


class CellReader:
    """
    Reads result files by several threads.

    A context: they end with it.

    Args:
        machines: One for each thread.
        form: What is made of plain answers, see `find_form`.
        wanted: What is read of other lines; by row.
    """

    def __init__(self, machines: Sequence[Machine], form: CellForm, wanted: Wanted) -> None:
        self._free: queue.SimpleQueue[_PieceReader] = queue.SimpleQueue()
        for machine in machines:
            self._free.put(_PieceReader(machine, form, wanted))
        self._threads = ThreadPoolExecutor(max_workers=len(machines))
        self._most_waiting = 2 * len(machines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def read(self, paths: Sequence[Path]) -> Iterator[tuple[Path, PieceCells]]:
        """
        Read files.

        Yields:
            Their pieces in order; line numbers are those of the file.
        Raises:
            InputError: A file is not there.
        """
        pieces, numbered = pieces_of(paths), LineNumbers()
        waiting: deque[tuple[Piece, Future[PieceCells]]] = deque()
        while True:
            for piece in islice(pieces, self._most_waiting - len(waiting)):
                waiting.append((piece, self._threads.submit(self._read, piece)))
            if not waiting:
                return
            piece, future = waiting.popleft()
            found = future.result()
            yield piece.path, replace(found, odd=numbered.of_file(piece, found.odd))

    def _read(self, piece: Piece) -> PieceCells:
        reader = self._free.get()
        try:
            return reader.read(piece)
        finally:
            self._free.put(reader)


class CellsByRange:
    """
    Cells of answers until they are wanted: in memory, and in files where they are many.

    A context: its files are removed at its end.

    Args:
        folder: Where the files go: on the disk that holds the output, which has room.
        max_bytes: How much may lie in memory.
    """

    def __init__(self, folder: Path, *, max_bytes: int = _MAX_BYTES) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._parts: dict[int, list[bytes]] = {}
        self._bytes = 0
        self._files: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._files is not None:
            self._files.cleanup()

    def add(self, cells: Mapping[int, Sequence[bytes]]) -> None:
        """
        Put more behind what is there.

        Raises:
            StorageError: No space left.
        """
        for number, parts in cells.items():
            self._parts.setdefault(number, []).extend(parts)
            self._bytes += sum(map(len, parts))
        if self._bytes > self._max_bytes:
            self._to_disk()

    def take(self, number: int) -> list[bytes]:
        """What there is of a range, in order; once."""
        parts = self._parts.pop(number, [])
        path = self._path(number)
        if path is None or not path.exists():
            return parts
        try:
            stored = path.read_bytes()
            path.unlink()
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        return [stored, *parts]

    def _path(self, number: int) -> Path | None:
        return Path(self._files.name) / f"{number}.cells" if self._files is not None else None

    def _to_disk(self) -> None:
        try:
            if self._files is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._files = tempfile.TemporaryDirectory(prefix=".rowbatch-", dir=self._folder)
            while self._parts:
                number, parts = self._parts.popitem()
                with (Path(self._files.name) / f"{number}.cells").open("ab", buffering=0) as file:
                    for part in parts:
                        write_all(file, part)
        except OSError as error:
            raise from_os_error(error, str(self._folder)) from error
        self._bytes = 0


def cells_in_one(number: int, cells: bytes) -> bytes:
    """The cells of an answer that were written otherwise, with all separators, as `join.c` takes them."""
    return _HEAD.pack(number, len(cells) | _WHOLE, 0) + cells + bytes(-len(cells) % 4)
