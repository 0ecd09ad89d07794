"""`split`: a JSONL file becomes parts. Every line in exactly one, in order, its bytes unchanged."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import accumulate, chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from rowbatch.core.document import Shown
from rowbatch.core.shard import ShardCutter, ShardLimits
from rowbatch.errors import InputError, OutputExists, UsageError, from_os_error
from rowbatch.objects.address import require_here
from rowbatch.objects.disk import fsync_folder
from rowbatch.store.atomic import BackgroundSync, atomic_file
from rowbatch.store.zip_writer import BLOCK_BYTES, ZipWriter

if TYPE_CHECKING:
    from rowbatch.requests.line_tokens import LineTokens

_BLOCK = 1 << 18
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")
_UNLIMITED = 1 << 62
_PART_NAME = re.compile(r"part_\d+_of_\d+\.jsonl", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """
    One part.

    Attributes:
        name: Of its file, as in `part_01_of_03.jsonl`.
        lines: How many.
        size_bytes: Of the file.
    """

    name: str
    lines: int
    size_bytes: int


@dataclass(frozen=True, slots=True, repr=False)
class SplitReport(Shown):
    """
    What was written.

    Attributes:
        out: The folder or zip file.
        parts: In order; joined they are the input again.
        blank_lines: Lines with nothing in them; they were kept, and providers may refuse them.
    """

    out: Path
    parts: tuple[Part, ...]
    blank_lines: int


def split(
    source: Path,
    out: Path,
    *,
    parts: int | None = None,
    max_requests: int | None = None,
    max_bytes: int | None = None,
    max_tokens: int | None = None,
    limits: ShardLimits | None = None,
    to_lines: bool = False,
    overwrite: bool = False,
) -> SplitReport:
    r"""
    Cut a file of lines. Lines end at `\n` only; what is in them is not looked at.

    Args:
        source: The file.
        out: A folder, or a name that ends in `.zip`.
        parts: So many parts of equally many lines; the first ones get one more where it does not come out.
        max_requests, max_bytes, max_tokens: At most so much in a part; may be given together. Tokens are
            those
            of the prompts: by the model's encoding where it is known, otherwise the most that they can be.
        limits: A provider's limits.
        to_lines: The file is one JSON document: its entries become lines first, in one part where nothing
            else was said. Without that it is refused, since cutting it at its line ends would tear it.
        overwrite: Whether what is at `out` may be replaced.
    Raises:
        UsageError: Not exactly one way to cut was given, or there are more parts than lines.
        InputError: The file is not there, or empty, or no lines.
        RequestTooLarge: A line is larger than a part may be.
        OutputExists, StorageError: The output cannot be written.
    """
    if to_lines and parts is None and limits is None and not (max_requests or max_bytes or max_tokens):
        parts = 1
    by_size = any(most is not None for most in (max_requests, max_bytes, max_tokens))
    if (parts is not None) + by_size + (limits is not None) != 1:
        raise UsageError("split-how")
    if any(number is not None and number < 1 for number in (parts, max_requests, max_bytes, max_tokens)):
        raise UsageError("part-without-lines")
    is_zip = require_here(out).suffix.lower() == ".zip"
    try:
        require_free_parts(source, out, is_zip, overwrite)
        with ExitStack() as ends:
            if not to_lines:
                _require_lines(source)
            file = _open(ends.enter_context(_as_lines(source, out)) if to_lines else source)
            ends.callback(file.close)
            if parts is not None:
                plan = _plan_parts(file, parts)
            else:
                chosen = limits or ShardLimits(
                    max_requests or _UNLIMITED, max_bytes or _UNLIMITED, max_tokens
                )
                plan = _plan_limits(file, chosen)
            write = _write_zip if is_zip else _write_folder
            written = write(file, out, plan, overwrite)
    except OSError as error:
        raise from_os_error(error, str(error.filename or source)) from error
    return SplitReport(
        out,
        tuple(named_parts([(part.lines, part.size_bytes) for part in written])),
        sum(part.blank_lines for part in written),
    )


def _require_lines(source: Path) -> None:
    with source.open("rb") as file:
        if file.read(4).startswith(_COMPRESSED):
            return
    from rowbatch.tools.json_document import require_lines

    require_lines(source)


@contextmanager
def _as_lines(source: Path, out: Path) -> Iterator[Path]:
    """The entries of a document in a file of lines, on the disk that will hold the parts."""
    from rowbatch.tools.json_document import lines_of

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rowbatch-", dir=out.parent) as folder:
        lines = Path(folder) / "lines.jsonl"
        with lines.open("wb") as to:
            to.writelines(lines_of(source))
        yield lines


def require_free_parts(source: Path, out: Path, is_zip: bool, overwrite: bool) -> None:
    """Nothing is replaced that was not made here, and never the source."""
    place, origin = out.resolve(), source.resolve()
    if place == origin or place in origin.parents:
        raise UsageError("file-would-be-its-parts", path=str(source))
    if not out.exists():
        return
    if is_zip or not out.is_dir():
        if overwrite and is_zip and out.is_file():
            return
        raise OutputExists(
            str(out), kind="output-exists" if is_zip and out.is_file() else "output-not-replaced"
        )
    entries = list(out.iterdir())
    if entries and not overwrite:
        raise OutputExists(str(out))
    if not all(_PART_NAME.fullmatch(entry.name) and entry.is_file() for entry in entries):
        raise OutputExists(str(out), kind="output-holds-others")


class _Piece(NamedTuple):
    """What will be a part: its lines, its bytes, and how many of the lines have nothing in them."""

    lines: int
    size_bytes: int
    blank_lines: int = 0


def _plan_limits(file: BinaryIO, limits: ShardLimits) -> Iterator[_Piece]:
    """Parts as full as the limits allow, each as soon as it is known."""
    from rowbatch.requests.line_tokens import LineTokens

    cutter, counter = ShardCutter(limits), LineTokens()
    shard, lines, size = 1, 0, 0
    first, blank = 1, 0
    for offset, sizes in _line_sizes(file):
        blank += _blank_lines(file, offset, sizes)
        tokens = _tokens_of(file, offset, sizes, counter) if limits.max_tokens is not None else None
        for cut in cutter.cut(sizes, range(first, first + len(sizes)), tokens):
            if cut.shard > shard:
                yield _Piece(lines, size)
                shard, lines, size = cut.shard, 0, 0
            lines, size = lines + cut.stop - cut.start, size + cut.size_bytes
        first += len(sizes)
    yield _Piece(lines, size, blank)


def _tokens_of(file: BinaryIO, offset: int, sizes: list[int], counter: LineTokens) -> list[int]:
    place = file.tell()
    file.seek(offset)
    counts = [counter.count(file.read(size)) for size in sizes]
    file.seek(place)
    return counts


def _plan_parts(file: BinaryIO, parts: int) -> Iterator[_Piece]:
    """So many parts of equally many lines."""
    # How many lines there are is known at the end. Then only those blocks are read again in which
    # one part ends and the next begins.
    blocks: list[tuple[int, int]] = []
    blank = 0
    for offset, sizes in _line_sizes(file):
        blocks.append((offset, len(sizes)))
        blank += _blank_lines(file, offset, sizes)
    lines = sum(count for _, count in blocks)
    if lines < parts:
        raise UsageError("more-parts-than-lines", lines=lines, parts=parts)
    counts = [lines // parts + (number < lines % parts) for number in range(parts)]
    last_lines = list(accumulate(counts))
    offsets = [0]
    done = 0
    for offset, count in blocks:
        here = last_lines[len(offsets) - 1 : bisect_right(last_lines, done + count)]
        if here:
            ends = list(accumulate(_first_sizes(file, offset, here[-1] - done)))
            offsets.extend(offset + ends[line - done - 1] for line in here)
        done += count
    for number, (count, (start, stop)) in enumerate(zip(counts, pairwise(offsets), strict=True)):
        yield _Piece(count, stop - start, 0 if number else blank)


def _blank_lines(file: BinaryIO, offset: int, sizes: list[int]) -> int:
    blank = sizes.count(1)
    if 2 in sizes or blank:
        # Rare enough to look again: two bytes may be a carriage return with its line feed, and one byte
        # may be a last line without its end.
        place = file.tell()
        file.seek(offset)
        blank = sum(file.read(size) in (b"\n", b"\r\n") for size in sizes)
        file.seek(place)
    return blank


def _first_sizes(file: BinaryIO, offset: int, lines: int) -> Iterator[int]:
    file.seek(offset)
    return islice(chain.from_iterable(sizes for _, sizes in _line_sizes(file)), lines)


def _line_sizes(file: BinaryIO) -> Iterator[tuple[int, list[int]]]:
    """Sizes of whole lines, some at a time, and where in the file the first of these begins."""
    offset = file.tell()
    begun = 0
    while block := file.read(_BLOCK):
        sizes: list[int] = []
        at = 0
        while end := block.find(b"\n", at) + 1:
            sizes.append(end - at)
            at = end
        if sizes:
            sizes[0] += begun
            yield offset, sizes
            offset += begun + at
            begun = 0
        begun += len(block) - at
    if begun:
        # The last line of a file may lack its end.
        yield offset, [begun]


def _open(source: Path) -> BinaryIO:
    file = source.open("rb")
    head = file.read(4)
    file.seek(0)
    if head and not head.startswith(_COMPRESSED):
        return file
    file.close()
    if head:
        raise InputError("file-compressed", path=str(source))
    raise InputError("file-empty", path=str(source))


def named_parts(sizes: Sequence[tuple[int, int]]) -> list[Part]:
    """Parts of so many lines and bytes, with their names."""
    digits = max(2, len(str(len(sizes))))
    return [
        Part(f"part_{number:0{digits}d}_of_{len(sizes):0{digits}d}.jsonl", lines, size)
        for number, (lines, size) in enumerate(sizes, start=1)
    ]


@contextmanager
def folder_of_parts(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """
    A folder to write parts into, which takes its name when all are there: nobody finds half of them.

    Args:
        out: The name it will have.
        overwrite: Whether a folder of that name is replaced; otherwise it must be empty, or not there.
    """
    place = out.resolve()
    token = secrets.token_hex(4)
    temporary, old = (place.with_name(f".{place.name}.{token}.{kind}") for kind in ("part", "old"))
    try:
        temporary.mkdir(parents=True)
        yield temporary
        fsync_folder(temporary)
        if overwrite and place.exists():
            place.rename(old)
        elif place.exists():
            place.rmdir()
        temporary.rename(place)
        fsync_folder(place.parent)
    except OSError as error:
        raise from_os_error(error, str(out)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if place.exists():
            shutil.rmtree(old, ignore_errors=True)
        elif old.exists():
            old.rename(place)


def _write_folder(file: BinaryIO, out: Path, plan: Iterator[_Piece], overwrite: bool) -> list[_Piece]:
    """One processor copies a part while another one looks where the next one ends."""
    pieces: list[_Piece] = []
    copies: list[Future[None]] = []
    with folder_of_parts(out, overwrite=overwrite) as temporary:
        with (
            BackgroundSync() as sync,
            ThreadPoolExecutor(1) as copier,
            Path(file.name).open("rb") as again,
        ):
            if not os.path.samestat(os.fstat(file.fileno()), os.fstat(again.fileno())):
                raise InputError("file-was-replaced")
            try:
                for piece in plan:
                    # How many there will be, which is in their names, is not known yet.
                    name = temporary / str(len(pieces))
                    copies.append(copier.submit(_copy_part, again, name, piece.size_bytes, sync))
                    pieces.append(piece)
                for copy in copies:
                    copy.result()
            finally:
                copier.shutdown(cancel_futures=True)
            _require_end(again)
        for number, part in enumerate(named_parts([(piece.lines, piece.size_bytes) for piece in pieces])):
            (temporary / str(number)).rename(temporary / part.name)
    return pieces


def _copy_part(file: BinaryIO, path: Path, size: int, sync: BackgroundSync) -> None:
    with ExitStack() as unless_done:
        to = unless_done.enter_context(path.open("xb"))
        _copy(file, to, size)
        unless_done.pop_all()
    sync.close(to)


def _write_zip(file: BinaryIO, out: Path, plan: Iterator[_Piece], overwrite: bool) -> list[_Piece]:
    pieces = list(plan)
    file.seek(0)
    with atomic_file(out, overwrite=overwrite) as to, ZipWriter(to) as archive:
        for part in named_parts([(piece.lines, piece.size_bytes) for piece in pieces]):
            archive.add(part.name, part.size_bytes, _blocks(file, part.size_bytes, BLOCK_BYTES))
        _require_end(file)
    return pieces


def _copy(file: BinaryIO, to: BinaryIO, size: int) -> None:
    """Copy the next bytes; inside the kernel where it can, which spares half of the work."""
    if hasattr(os, "copy_file_range"):
        start = file.tell()
        left = size
        try:
            while left:
                copied = os.copy_file_range(file.fileno(), to.fileno(), left, start + size - left)
                if not copied:
                    break
                left -= copied
        except OSError as error:
            # Not on this file system, or not from one to another.
            if left != size or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
        file.seek(start + size - left)
        size = left
    for block in _blocks(file, size):
        to.write(block)


def _require_end(file: BinaryIO) -> None:
    if file.read(1):
        raise InputError("file-grew")


def _blocks(file: BinaryIO, size: int, of_bytes: int = _BLOCK) -> Iterator[bytes]:
    while size:
        block = file.read(min(of_bytes, size))
        if not block:
            raise InputError("file-shrank")
        size -= len(block)
        yield block
