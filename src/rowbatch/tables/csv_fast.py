"""
The fast way into a CSV file: whole blocks by polars, each after a proof that no two readers can differ on it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import polars as pl

from rowbatch.errors import from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.bounds import MAX_CELL_BYTES, max_cell_bytes
from rowbatch.tables.compressed import open_binary

_BLOCK_BYTES = 8 << 20
_SKIPPED_BYTES = 1 << 16
# Rows longer than this go to the careful reader, so that no cell of a block is longer than a cell may be.
_MAX_BLOCK_BYTES = MAX_CELL_BYTES
# So many columns are proved at once.
_MAX_COLUMNS = 200
# Zstandard, gzip, zlib, a byte order mark.
_MISTAKABLE = re.compile(rb"\x28\xb5\x2f\xfd|\x1f\x8b|x|\xef\xbb\xbf")
_NEWLINE, _RETURN = b"\n\r"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class FastReader:
    """
    Read blocks that are provably plain, and stop before the first that is not.

    After `frames` is exhausted, `offset` says where a careful reader goes on.

    Attributes:
        is_done: The whole file was read.
        offset: Bytes read, always up to the end of a row; begins where the rows do. Of a file in another
            encoding than UTF-8: bytes as UTF-8.
        is_transcoded: It is in another encoding.
    """

    def __init__(
        self,
        path: Path,
        header: tuple[str, ...],
        encoding: str,
        delimiter: str,
        *,
        skip_lines: int = 1,
        member: str = "",
        has_trailing: bool = False,
        stops_at_header: bool = False,
    ) -> None:
        """
        Args:
            path: The file.
            header: Names of its columns.
            encoding: Python's name.
            delimiter: Of the table.
            skip_lines: Lines above the first row: the header, and what stands above it.
            member: Of a zip file.
            has_trailing: Each row has one more cell, an empty one.
            stops_at_header: A row that is the header again is none for this reader.
        """
        self._path, self._header, self._member = path, header, member
        self._width = len(header) + has_trailing
        self._has_trailing, self._stops_at_header = has_trailing, stops_at_header
        self._encoding, self._delimiter = encoding, delimiter
        self._skip_lines = skip_lines
        self.is_done = False
        self.offset = 0
        self.is_transcoded = encoding not in ("utf-8", "utf-8-sig")

    def frames(self) -> Iterator[pl.DataFrame]:
        """
        The rows of one block at a time; no frame is empty.
        """
        if self._width > _MAX_COLUMNS or not self._delimiter.isascii() or max_cell_bytes() < _MAX_BLOCK_BYTES:
            return
        try:
            with open_binary(self._path, self._member) as raw:
                file: Readable = Utf8Reader(raw, self._encoding) if self.is_transcoded else raw
                self.offset = skip_lines(file, self._skip_lines)
                for block in _whole_records(file):
                    frame = self._parse(block)
                    if frame is None:
                        return
                    self.offset += len(block.text)
                    # Its memory is taken for the next one: fresh memory would cost a tenth more.
                    del block
                    if frame.height:
                        yield frame
                # All of it was taken, and not only up to a row that has no end.
                self.is_done = file.tell() == self.offset
        except UnicodeError:
            # The careful reader says where.
            return
        except OSError as error:
            raise from_os_error(error, str(self._path)) from error

    def _parse(self, block: _Block) -> pl.DataFrame | None:
        text = block.text
        if not text.endswith(b"\n"):
            text += b"\r\n" if b"\r\n" in text and not text.endswith(b"\r") else b"\n"
        if not self.offset and self._encoding == "utf-8-sig":
            text = text.removeprefix(codecs.BOM_UTF8)
        parts = block.parts if len(text) == len(block.text) else text.split(b'"')
        try:
            framing = _framing(text, parts, self._delimiter)
            if framing is None:
                return None
            # polars unpacks what begins like zlib ("x^") and drops a byte order mark, which is text in the
            # middle of a file. Then it gets a first row of ours.
            ours = f"0{self._delimiter * (self._width - 1)}\n".encode() if _MISTAKABLE.match(text) else b""
            frame = pl.read_csv(
                ours + text if ours else text,
                has_header=False,
                schema={str(position): pl.String for position in range(self._width)},
                separator=self._delimiter,
                empty_string_is_null=False,
            )
        except pl.exceptions.PolarsError:
            # Not UTF-8, for example, or a row with too many cells: the careful reader says where.
            return None
        if ours:
            frame = frame.slice(1)
        # Every byte is in a cell or frames one: so no row has too few cells, which the parser would fill up.
        # One with too many is an error of its own.
        cells = int(frame.select(pl.sum_horizontal(pl.all().str.len_bytes().sum())).item())
        framing += frame.height * self._width
        if cells + framing != len(text) or self._has_header_again(frame):
            return None
        return self._without_trailing(frame) if self._has_trailing else frame

    def _has_header_again(self, frame: pl.DataFrame) -> bool:
        if not self._stops_at_header:
            return False
        # One column alone tells nearly always that there is none.
        found = frame.to_series(0) == self._header[0]
        for at, name in enumerate(self._header[1:], start=1):
            if not found.any():
                return False
            found &= frame.to_series(at) == name
        return bool(found.any())

    def _without_trailing(self, frame: pl.DataFrame) -> pl.DataFrame | None:
        """The frame without its last column, if that is empty."""
        last = frame.columns[-1]
        return frame.drop(last) if frame.select((pl.col(last) == "").all()).item() else None


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def readinto(self, buffer: memoryview, /) -> int: ...
    def seek(self, offset: int, /) -> int: ...
    def tell(self) -> int: ...


def skip_lines(file: Readable, lines: int) -> int:
    """Go to where so many lines end; the bytes up to there."""
    at, held = 0, b""
    while lines:
        read = file.read(_SKIPPED_BYTES)
        block, held = held + read, b""
        if read and block.endswith(b"\r"):
            # Its pair may be in the next block.
            block, held = block[:-1], b"\r"
        ends = [end.end() for end in islice(_LINE_END.finditer(block), lines)]
        if len(ends) == lines:
            at += ends[-1]
            break
        at += len(block)
        lines -= len(ends)
        if not read:
            break
    file.seek(at)
    return at


class Utf8Reader:
    """A file of another encoding, read as UTF-8; `UnicodeError` where it is not of that encoding."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file, self._decoder = file, codecs.getincrementaldecoder(encoding)()
        self._rest, self._last, self._at = b"", b"", 0

    def read(self, size: int) -> bytes:
        """So many bytes; fewer at the end only."""
        self._last = self._read(size)
        return self._last

    def seek(self, offset: int) -> int:
        """Back to a place in what `read` gave last."""
        self._rest = self._last[len(self._last) - (self._at - offset) :] + self._rest
        self._at = offset
        return offset

    def readinto(self, buffer: memoryview, /) -> int:
        """So many bytes as there is room for; fewer at the end only."""
        found = self._read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def _read(self, size: int) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while have < size:
            block = self._file.read(_BLOCK_BYTES)
            parts.append(self._decoder.decode(block, final=not block).encode())
            have += len(parts[-1])
            if not block:
                break
        whole = b"".join(parts)
        found, self._rest = whole[:size], whole[size:]
        self._at += len(found)
        return found

    def tell(self) -> int:
        """Bytes that were read, as UTF-8."""
        return self._at


class _Block(NamedTuple):
    """
    Some of a file, up to a line end outside of quotes, if quotes are used as they should be.

    Attributes:
        text: UTF-8; the last one of a file may lack its line end.
        parts: The text, cut at its quotes: every second part is outside of quotes.
    """

    text: bytes
    parts: list[bytes]


def _framing(text: bytes, parts: list[bytes], delimiter: str) -> int | None:
    """
    Prove that a text uses quotes and line ends as RFC 4180 says.

    Such a text can be cut into cells in one way only: a quote opens at the begin of a cell, closes at its
    end, is doubled in between; what is outside of quotes holds no quote, delimiter or line end.

    Args:
        text: Ends with a line end.
        parts: The same, cut at its quotes.
        delimiter: Of the table.
    Returns:
        Bytes of quotes that are not in a cell, and of carriage returns that end a line; None when it is
        not plain.
    """
    if b"\0" in text or len(parts) % 2 == 0:
        return None
    outside = parts[::2]
    framing = len(parts) - 1
    if framing:
        # Between two quotes that are one in a cell there is nothing.
        between = [part for part in outside[1:-1] if part]
        framing -= len(outside) - 2 - len(between)
        befores = {part[-1] for part in between} | set(outside[0][-1:])
        afters = {part[0] for part in between} | set(outside[-1][:1])
        marks = {ord(delimiter), _NEWLINE}
        # What follows a carriage return is looked at below.
        if not befores <= marks or not afters <= marks | {_RETURN}:
            return None
    if b"\r" in text:
        bare = b'"'.join(outside) if framing else text
        returns = bare.count(b"\r")
        # Line ends of two kinds in one file are left to the careful reader.
        if returns and not returns == bare.count(b"\r\n") == bare.count(b"\n"):
            return None
        framing += returns
    return framing


def _whole_records(file: Readable) -> Iterator[_Block]:
    """
    The blocks of a file. A row that is too long ends them early.
    """
    # One buffer for all of the file: fresh memory costs more than what is done with it.
    buffer = bytearray(_BLOCK_BYTES)
    have = 0
    while True:
        require_wanted()
        with memoryview(buffer) as view:
            read = fill(file, view[have:])
        is_last = have + read < len(buffer)
        have += read
        if is_last:
            if have:
                text = bytes(buffer[:have])
                yield _Block(text, text.split(b'"'))
            return
        block = _up_to_record_end(buffer)
        if block is not None:
            yield block
            cut = len(block.text)
            # The next one takes its memory.
            del block
            have -= cut
            if len(buffer) > _BLOCK_BYTES:
                buffer = bytearray(buffer[cut:].ljust(_BLOCK_BYTES, b"\0"))
            else:
                buffer[:have] = buffer[cut:]
        elif len(buffer) >= _MAX_BLOCK_BYTES:
            return
        else:
            buffer.extend(bytes(len(buffer)))


def fill(file: Readable, view: memoryview) -> int:
    """Read until it is full, or the file ends."""
    have = 0
    while have < len(view) and (read := file.readinto(view[have:])):
        have += read
    return have


def _up_to_record_end(buffer: bytearray) -> _Block | None:
    """The records that end in the buffer, or None."""
    end = buffer.rfind(b"\n") + 1
    with memoryview(buffer) as view:
        text = bytes(view[:end])
    parts = text.split(b'"')
    if len(parts) % 2:
        return _Block(text, parts) if end else None
    # That line end is in a quoted cell.
    quotes = len(parts) - 1
    while end:
        newline = buffer.rfind(b"\n", 0, end - 1)
        quotes -= buffer.count(b'"', newline + 1, end)
        end = newline + 1
        if end and quotes % 2 == 0:
            text = text[:end]
            return _Block(text, text.split(b'"'))
    return None
