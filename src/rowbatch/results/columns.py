"""
The lines of result files, read once: afterwards they lie in columns beside the run.

A file of columns is a copy that can be thrown away. Its name is a digest of the result files, the codebook
and the code that reads, so one of other results, or of another reader, is never taken; its own digest stands
at its end. Where it cannot be written, or is not whole, the result files are read.

It also says how the result files stood when their digests were right: size, times and inode. As long as
they stand so, they are not read to be compared with their digests again; `verify` always does.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
import polars as pl

from rowbatch.core import answer
from rowbatch.errors import RunError
from rowbatch.results.lines import LineReader, Lines
from rowbatch.store.file_states import States, settled, states_of
from rowbatch.store.ledger import Shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file

_BEGIN = b"rowbatch columns 2\n"
_DIGEST_BYTES = 32
# What has to stay free on the disk: nothing that matters shall find it full because of a copy.
_LEFT_BYTES = 256 << 20
# Larger ones are not read before they are wanted.
_MAX_BYTES_AHEAD = 16 << 20
_MAX_BYTES_BESIDE = 128 << 20
_BLOCK_BYTES = 1 << 20
_STRAY_S = 3600.0


@dataclass(frozen=True, slots=True)
class ShardResults:
    """
    The result files of a shard.

    Attributes:
        paths: Where they lie.
        digests: What they have to be.
        columns: Where their columns lie, or would.
    """

    paths: tuple[Path, ...]
    digests: tuple[str, ...]
    columns: Path

    def states(self) -> States:
        """How the files stand now, where they cannot be changed without that being seen in it."""
        return states_of(self.paths)

    def verify(self) -> States:
        """
        Make sure that these are the files that came.

        Returns:
            How they stood before they were looked at.
        Raises:
            RunError: One was changed since.
        """
        states = self.states()
        for path, digest in zip(self.paths, self.digests, strict=True):
            if digest_file(path) != digest:
                raise RunError("result-file-changed", path=str(path.parent.parent), file=str(path))
        return states


class ResultReader:
    """
    Read what came for the shards of a run.

    Args:
        run: The run.
        lines: Reads its results.
    """

    def __init__(self, run: RunDirectory, lines: LineReader) -> None:
        self._run, self.lines = run, lines
        self._kind = lines.kind

    def results(self, shard: Shard) -> ShardResults:
        """The result files of a shard, as the ledger knows them."""
        return self.results_of(
            shard.name,
            [
                (kind, digest or "")
                for kind, name, digest in (
                    ("output", shard.output_name, shard.output_sha256),
                    ("error", shard.error_name, shard.error_sha256),
                )
                if name is not None
            ],
        )

    def results_of(self, name: str, files: Sequence[tuple[str, str]]) -> ShardResults:
        """
        The result files of a shard that the ledger does not know yet.

        Args:
            name: Of the shard.
            files: `output` or `error`, and the digest.
        """
        told = json.dumps([reader_digest(), self._kind, *map(list, files)])
        columns = f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.arrow"
        return ShardResults(
            tuple(self._run.result_path(name, kind) for kind, _ in files),
            tuple(digest for _, digest in files),
            self._run.columns / name / columns,
        )

    def read(self, results: ShardResults) -> Iterator[Lines]:
        """
        Read result files that just came, in order, and keep what they say.

        Raises:
            InputError: A file is not there.
        """
        yield from self._read(results, results.states())

    def _read(self, results: ShardResults, states: States) -> Iterator[Lines]:
        with _ColumnsWriter(results, states) as writer:
            for _, part in self.lines.parts(results.paths, processes=1):
                writer.add(part)
                yield part
            writer.keep()

    def shard(self, shard: Shard) -> pl.DataFrame:
        """What came for one shard: from its columns, or else from its files."""
        results = self.results(shard)
        kept = _read_columns(results.columns, self.lines.nothing)
        # What is read now is kept under the digests that these files are said to have.
        parts = [kept] if kept is not None else self._read(results, results.verify())
        return pl.concat([self.lines.nothing, *(part.frame for part in parts)])

    def shards(self, shards: Sequence[Shard]) -> Generator[Lines]:
        """
        What came for each of some shards, one after the other.

        The next files are compared with their digests, and read, while the one before is worked with; files
        whose columns are not there are decoded by several processes.

        Raises:
            RunError: A file was changed since.
        """
        sources = [self.results(shard) for shard in shards]
        unread = {
            source.columns: source.paths
            for source in sources
            if source.paths and not source.columns.is_file()
        }
        decoded = self.lines.parts([path for paths in unread.values() for path in paths])
        with closing(decoded), ThreadPoolExecutor(1, thread_name_prefix="rowbatch-columns") as beside:
            stream = _Stream(decoded)
            ahead: deque[Future[tuple[Lines | None, States]]] = deque()
            begun = iter(sources)
            for source in sources:
                while len(ahead) < 2 and (following := next(begun, None)):
                    ahead.append(
                        beside.submit(self._verified, following, is_read=following.columns not in unread)
                    )
                kept, states = ahead.popleft().result()
                if kept is None and source.columns not in unread:
                    # Too large to be read ahead.
                    kept = _read_columns(source.columns, self.lines.nothing)
                if kept is None:
                    parts = stream.of(source.paths) if source.columns in unread else self._decoded(source)
                    kept = self._whole(parts)
                    if source.paths:
                        written = beside.submit(_keep, source, kept, states)
                        if kept.frame.estimated_size() > _MAX_BYTES_BESIDE:
                            written.result()
                yield kept

    def _verified(self, results: ShardResults, *, is_read: bool) -> tuple[Lines | None, States]:
        """
        Compare the files with their digests, unless they stand as when that was done; and read their columns
        when these are not large.

        Returns:
            The columns; and how the files stand.
        """
        states = results.states()
        if not (states and is_read and _seen_states(results.columns) == states):
            states = results.verify()
        try:
            is_small = is_read and results.columns.stat().st_size <= _MAX_BYTES_AHEAD
        except OSError:
            return None, states
        return _read_columns(results.columns, self.lines.nothing) if is_small else None, states

    def _decoded(self, results: ShardResults) -> Iterator[Lines]:
        for _, part in self.lines.parts(results.paths, processes=1):
            yield part

    def _whole(self, parts: Iterator[Lines]) -> Lines:
        found = list(parts)
        frame = pl.concat([self.lines.nothing, *(part.frame for part in found)])
        return Lines(frame, sum(part.unreadable for part in found))


class _Stream:
    """Lines of many files, taken file by file in their order."""

    def __init__(self, parts: Iterator[tuple[Path, Lines]]) -> None:
        self._parts = parts
        self._next: tuple[Path, Lines] | None = None

    def of(self, paths: Sequence[Path]) -> Iterator[Lines]:
        """The lines of the next files."""
        while True:
            if self._next is None:
                self._next = next(self._parts, None)
            if self._next is None or self._next[0] not in paths:
                return
            part, self._next = self._next[1], None
            yield part


def _keep(results: ShardResults, lines: Lines, states: States) -> None:
    with _ColumnsWriter(results, states) as writer:
        writer.add(lines)
        writer.keep()


class _ColumnsWriter:
    """
    Writes a file of columns, which takes its name when it is whole. Never an error: there is no copy then.

    A context: what is not kept is removed.
    """

    def __init__(self, results: ShardResults, states: States) -> None:
        """
        Args:
            results: Of which files it is.
            states: How these stood before they were read, or compared with their digests.
        """
        self._path, self._results, self._states = results.columns, results, states
        self._file: IO[bytes] | None = None
        self._temporary: Path | None = None
        self._digest = hashlib.sha256()
        self._unreadable = 0

    def __enter__(self) -> Self:
        folder = self._path.parent
        try:
            # Readable by nobody else, as everything in a run is.
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            size = sum(path.stat().st_size for path in self._results.paths)
            if shutil.disk_usage(folder).free < size + _LEFT_BYTES:
                return self
            file = tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False)
            self._file, self._temporary = file, Path(file.name)
            self._write(_BEGIN)
        except OSError:
            self._give_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_up()

    def add(self, part: Lines) -> None:
        """Write lines."""
        self._unreadable += part.unreadable
        if self._file is None or not part.frame.height:
            return
        body = io.BytesIO()
        part.frame.write_ipc(body, compression="zstd")
        try:
            self._write(len(body.getbuffer()).to_bytes(8, "big"))
            self._write(body.getbuffer())
        except OSError:
            self._give_up()

    def keep(self) -> None:
        """Say that these were all; the file gets its name, and those that it replaces are removed."""
        if self._file is None or self._temporary is None:
            return
        try:
            self._write(bytes(8) + self._unreadable.to_bytes(8, "big"))
            states = json.dumps(self._settled()).encode()
            self._write(states + len(states).to_bytes(8, "big"))
            self._file.write(self._digest.digest())
            # Not forced to disk: one that a crash has cut has not its digest.
            self._file.close()
            self._temporary.replace(self._path)
        except OSError:
            self._give_up()
            return
        self._file = self._temporary = None
        _remove_others(self._path)

    def _settled(self) -> States:
        """The states, where a change from now on would be seen in them."""
        return settled(self._states, self._results.paths)

    def _write(self, content: bytes | memoryview) -> None:
        assert self._file is not None
        self._digest.update(content)
        self._file.write(content)

    def _give_up(self) -> None:
        file, temporary = self._file, self._temporary
        self._file = self._temporary = None
        with suppress(OSError):
            if file is not None:
                file.close()
        with suppress(OSError):
            if temporary is not None:
                temporary.unlink()


def _remove_others(path: Path) -> None:
    """Remove columns of the same shard that nobody takes any more, and what a killed program left."""
    with suppress(OSError):
        for other in path.parent.iterdir():
            is_left = other.suffix == ".part" and time.time() - other.stat().st_mtime > _STRAY_S
            if is_left or (other.suffix == path.suffix and other != path):
                other.unlink(missing_ok=True)


def _read_columns(path: Path, nothing: pl.DataFrame) -> Lines | None:
    """What `_ColumnsWriter` wrote; None when it is not there, or not whole."""
    frames = [nothing]
    try:
        if not _is_whole(path):
            return None
        with path.open("rb") as file:
            file.seek(len(_BEGIN))
            while size := int.from_bytes(file.read(8), "big"):
                frames.append(pl.read_ipc(io.BytesIO(file.read(size))))
            unreadable = int.from_bytes(file.read(8), "big")
    except OSError:
        # Another process may have removed it.
        return None
    return Lines(pl.concat(frames), unreadable)


def _seen_states(path: Path) -> States:
    """How the files stood of which these are the columns; none where they do not say, or are not whole."""
    try:
        if not _is_whole(path):
            return ()
        with path.open("rb") as file:
            file.seek(-_DIGEST_BYTES - 8, os.SEEK_END)
            size = int.from_bytes(file.read(8), "big")
            file.seek(-_DIGEST_BYTES - 8 - size, os.SEEK_END)
            return tuple(tuple(state) for state in json.loads(file.read(size)))
    except (OSError, ValueError, TypeError):
        return ()


def _is_whole(path: Path) -> bool:
    """Whether a file of columns ends in the digest of what stands before."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size - _DIGEST_BYTES
        if left < 0:
            return False
        while left and (block := file.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            left -= len(block)
        return file.read() == digest.digest()


@cache
def reader_digest() -> str:
    """Stands for the code that decodes and reads: another one may read the same line in another way."""
    digest = hashlib.sha256(f"{version('rowbatch')} {msgspec.__version__} {pl.__version__}".encode())
    rooms = (Path(answer.__file__).parent, Path(__file__).parent)
    for path in [path for room in rooms for path in sorted(room.rglob("*.py"))]:
        with suppress(OSError):
            digest.update(path.read_bytes())
    return digest.hexdigest()
