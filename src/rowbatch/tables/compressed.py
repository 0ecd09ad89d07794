"""Files that may be packed: gzip or Zstandard, by their first bytes."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Any, BinaryIO

from rowbatch.errors import TableError, from_os_error

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BUFFER_BYTES = 1 << 20


def open_binary(path: Path) -> io.BufferedReader:
    """
    Open a file for reading, unpacked. Seeking in a packed file reads it again up to there.

    Raises:
        InputError: There is no such file.
        TableError: From reading: the packed data are damaged, or cut off.
    """
    try:
        file = path.open("rb")
        magic = file.read(4)
        file.seek(0)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    if magic.startswith(_GZIP):
        return io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=file), file, path), _BUFFER_BYTES)
    if magic.startswith(_ZSTD):
        return io.BufferedReader(_Unpacked(_open_zstd(file), file, path), _BUFFER_BYTES)
    return file


def unpacked_suffix(path: Path) -> str:
    """The ending of the name without that of the packing: `.csv` for `posts.csv.gz`; lower case."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in (".gz", ".zst", ".zstd", ".gzip") else suffix


def _open_zstd(file: BinaryIO) -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd
    return zstd.ZstdFile(file)


def _damage() -> tuple[type[Exception], ...]:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd
    return (zstd.ZstdError, zlib.error, gzip.BadGzipFile, EOFError)


class _Unpacked(io.RawIOBase):
    def __init__(self, inner: Any, file: IO[bytes], path: Path) -> None:
        self._inner, self._file, self._path = inner, file, path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._inner.read(len(buffer))
        except _damage() as error:
            raise self._damaged(error) from error
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return int(self._inner.seek(offset, whence))
        except _damage() as error:
            raise self._damaged(error) from error

    def tell(self) -> int:
        return int(self._inner.tell())

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._file.close()
        super().close()

    def _damaged(self, error: Exception) -> TableError:
        return TableError("packed-file-damaged", path=str(self._path), told=str(error))
