"""`split`: a JSONL file becomes parts. Every line in exactly one, in order, its bytes unchanged."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from rowbatch.core.shard import ShardLimits
from rowbatch.errors import InputError, OutputExists, RequestTooLarge, UsageError, from_os_error
from rowbatch.store.atomic import atomic_file, fsync_folder

_BLOCK = 1 << 20
_UNLIMITED = 1 << 62


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


@dataclass(frozen=True, slots=True)
class SplitReport:
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
    limits: ShardLimits | None = None,
    overwrite: bool = False,
) -> SplitReport:
    r"""
    Cut a file of lines. Lines end at `\n` only; what is in them is not looked at.

    Args:
        source: The file.
        out: A folder, or a name that ends in `.zip`.
        parts: So many parts of equally many lines; the first ones get one more where it does not come out.
        max_requests, max_bytes: At most so much in a part; may be given together.
        limits: A provider's limits.
        overwrite: Whether what is at `out` may be replaced.
    Raises:
        UsageError: Not exactly one way to cut was given, or there are more parts than lines.
        InputError: The file is not there, or empty.
        RequestTooLarge: A line is larger than a part may be.
        OutputExists, StorageError: The output cannot be written.
    """
    by_size = max_requests is not None or max_bytes is not None
    if (parts is not None) + by_size + (limits is not None) != 1:
        raise UsageError(
            "say how to split, in one way",
            hint="give --parts N, or --max-requests N and --max-bytes N, or --limits openai",
        )
    if out.exists() and not overwrite and (out.is_file() or any(out.iterdir())):
        raise OutputExists(str(out))
    try:
        if parts is not None:
            planned, blank = _plan_parts(source, parts)
        else:
            chosen = limits or ShardLimits(max_requests or _UNLIMITED, max_bytes or _UNLIMITED)
            planned, blank = _plan_limits(source, chosen)
        if out.suffix.lower() == ".zip":
            _write_zip(source, out, planned, overwrite)
        else:
            _write_folder(source, out, planned, overwrite)
    except OSError as error:
        raise from_os_error(error, error.filename or str(source)) from error
    return SplitReport(out, tuple(planned), blank)


def _plan_parts(source: Path, parts: int) -> tuple[list[Part], int]:
    lines = _count_lines(source)
    if lines == 0:
        raise InputError(f"{source} is empty", hint="is it the right file?")
    if parts > lines:
        raise UsageError(f"{source} has {lines:,} lines, which cannot become {parts:,} parts")
    counts = [lines // parts + (number < lines % parts) for number in range(parts)]
    sizes: list[int] = []
    blank = done = size = 0
    with source.open("rb") as file:
        for line in file:
            size += len(line)
            done += 1
            blank += line in (b"\n", b"\r\n")
            if done == counts[len(sizes)]:
                sizes.append(size)
                done = size = 0
    return _named(list(zip(counts, sizes, strict=True))), blank


def _plan_limits(source: Path, limits: ShardLimits) -> tuple[list[Part], int]:
    found: list[tuple[int, int]] = []
    lines = size = blank = 0
    with source.open("rb") as file:
        for number, line in enumerate(file, start=1):
            length = len(line)
            if length > limits.max_bytes:
                raise RequestTooLarge(number, length, limits.max_bytes)
            if lines == limits.max_requests or size + length > limits.max_bytes:
                found.append((lines, size))
                lines = size = 0
            lines += 1
            size += length
            blank += line in (b"\n", b"\r\n")
    if not lines:
        raise InputError(f"{source} is empty", hint="is it the right file?")
    return _named([*found, (lines, size)]), blank


def _count_lines(source: Path) -> int:
    lines, last = 0, b"\n"
    with source.open("rb") as file:
        while block := file.read(_BLOCK):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")


def _named(sizes: list[tuple[int, int]]) -> list[Part]:
    digits = max(2, len(str(len(sizes))))
    return [
        Part(f"part_{number:0{digits}d}_of_{len(sizes):0{digits}d}.jsonl", lines, size)
        for number, (lines, size) in enumerate(sizes, start=1)
    ]


def _write_folder(source: Path, out: Path, parts: list[Part], overwrite: bool) -> None:
    # All parts under another name first: nobody finds half of them.
    temporary = out.with_name(f".{out.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        with source.open("rb") as file:
            for part in parts:
                with atomic_file(temporary / part.name, overwrite=False) as to:
                    for block in _blocks(file, part.size_bytes):
                        to.write(block)
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()
        elif out.exists():
            if not overwrite or not _holds_only_parts(out):
                raise OutputExists(
                    str(out), hint="it holds other files than parts, so it is not replaced; give another name"
                )
            shutil.rmtree(out)
        temporary.rename(out)
        fsync_folder(out.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _holds_only_parts(folder: Path) -> bool:
    return folder.is_dir() and all(
        entry.name.startswith("part_") and entry.suffix == ".jsonl" for entry in folder.iterdir()
    )


def _write_zip(source: Path, out: Path, parts: list[Part], overwrite: bool) -> None:
    with (
        source.open("rb") as file,
        atomic_file(out, overwrite=overwrite) as to,
        zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
    ):
        for part in parts:
            # A fixed date: the same input gives the same bytes.
            entry = zipfile.ZipInfo(part.name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = part.size_bytes
            with archive.open(entry, "w", force_zip64=part.size_bytes >= 1 << 31) as member:
                _copy(file, member, part.size_bytes)


def _copy(source: BinaryIO, to: IO[bytes], size: int) -> None:
    for block in _blocks(source, size):
        to.write(block)


def _blocks(source: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        block = source.read(min(_BLOCK, size))
        if not block:
            raise InputError(
                "the file became shorter while it was split", hint="is another program writing it?"
            )
        size -= len(block)
        yield block
