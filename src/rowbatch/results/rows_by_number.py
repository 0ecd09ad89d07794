"""
Rows that come in any order and are wanted in the order of their numbers.

They lie in memory as long as they are small; beyond that they go to files, a range of numbers each, and one
range at a time comes back. So memory stays bounded, whatever comes.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from rowbatch.errors import from_os_error

_MAX_BYTES = 400_000_000
_NUMBERS_PER_RANGE = 100_000
# Numbers far beyond any table's rows share the last file.
_MAX_RANGES = 8_000


class RowsByNumber:
    """
    Frames with a column `number`; they may lack columns that others have.

    A context: its files are removed at its end.

    Args:
        folder: Where the files go when they are needed: on the disk that holds the output, which has room.
        max_bytes: How much may lie in memory.
        numbers_per_range: How many numbers a file holds.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int = _MAX_BYTES, numbers_per_range: int = _NUMBERS_PER_RANGE
    ) -> None:
        self._folder, self._max_bytes, self._numbers_per_range = folder, max_bytes, numbers_per_range
        self._frames: list[pl.DataFrame] = []
        self._bytes = 0
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._ranges: set[int] = set()
        self.schema: dict[str, pl.DataType] = {}
        """Types of all columns that came, in order of appearance."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._files is not None:
            self._files.cleanup()

    def add(self, frame: pl.DataFrame) -> None:
        """
        Add rows.

        Raises:
            StorageError: No space left.
        """
        for name, kind in frame.schema.items():
            self.schema.setdefault(name, kind)
        self._frames.append(frame)
        self._bytes += int(frame.estimated_size())
        if self._bytes > self._max_bytes:
            self._to_disk()

    def in_order(self, prepared: Callable[[pl.DataFrame], pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """
        Give all rows back, once.

        Args:
            prepared: Applied to each part: all rows of a range of numbers, in the order in which they
                came, with all columns. What it returns is sorted by number.
        Yields:
            Frames, sorted by number; the numbers of one are all higher than those of the one before.
        """
        if self._files is None:
            frames, self._frames = self._frames, []
            if frames:
                yield self._sorted(prepared(self._whole(frames)))
            return
        self._to_disk()
        for number in sorted(self._ranges):
            yield self._sorted(prepared(self._whole(list(self._read(number)))))

    def _whole(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        found = pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]
        lacking = [pl.lit(None, kind).alias(name) for name, kind in self.schema.items() if name not in found]
        return found.with_columns(lacking).select(list(self.schema))

    @staticmethod
    def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
        return frame if frame["number"].is_sorted() else frame.sort("number", maintain_order=True)

    def _to_disk(self) -> None:
        try:
            if self._files is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._files = tempfile.TemporaryDirectory(prefix=".rowbatch-", dir=self._folder)
            # One frame at a time: what has to be copied is small.
            while self._frames:
                frame = self._frames.pop(0).with_columns(
                    (pl.col("number") // self._numbers_per_range).clip(0, _MAX_RANGES).alias("range")
                )
                for (number,), part in frame.partition_by("range", as_dict=True, include_key=False).items():
                    self._append(int(number), part)
        except OSError as error:
            raise from_os_error(error, str(self._folder)) from error
        self._bytes = 0

    def _path(self, number: int) -> Path:
        assert self._files is not None
        return Path(self._files.name) / f"{number}.ipc"

    def _append(self, number: int, part: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        part.write_ipc(buffer)
        with self._path(number).open("ab") as file:
            file.write(len(buffer.getbuffer()).to_bytes(8, "big"))
            file.write(buffer.getbuffer())
        self._ranges.add(number)

    def _read(self, number: int) -> Iterator[pl.DataFrame]:
        try:
            with self._path(number).open("rb") as file:
                while size := file.read(8):
                    yield pl.read_ipc(io.BytesIO(file.read(int.from_bytes(size, "big"))))
        except OSError as error:
            raise from_os_error(error, str(self._path(number))) from error


class Cursor:
    """
    Frames that are sorted by number, read on from where the last reading ended.

    Args:
        frames: As `RowsByNumber.in_order` gives them.
    """

    def __init__(self, frames: Iterator[pl.DataFrame]) -> None:
        self._frames = frames
        self._here: pl.DataFrame | None = next(frames, None)
        self._at = 0

    def until(self, number: int) -> Iterator[pl.DataFrame]:
        """The next rows, those whose number is lower than this one; in several frames, none of them empty."""
        while self._here is not None:
            stop = int(self._here["number"].search_sorted(number, side="left"))
            if stop > self._at:
                yield self._here[self._at : stop]
                self._at = stop
            if stop < self._here.height:
                return
            self._here, self._at = next(self._frames, None), 0

    def rest(self) -> Iterator[pl.DataFrame]:
        """All that is left."""
        while self._here is not None:
            if self._at < self._here.height:
                yield self._here[self._at :]
            self._here, self._at = next(self._frames, None), 0
