"""Files that may be packed: gzip, Zstandard, bzip2 or xz, by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, BinaryIO

from rowbatch.errors import TableError, from_os_error
from rowbatch.tables.ahead import require_wanted
from rowbatch.tables.bounds import MAX_XZ_MEMORY_BYTES, MAX_ZSTD_WINDOW_LOG, room_for_zstd_window

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BZIP2 = b"BZh"
_XZ = b"\xfd7zXZ\0"
# bzip2 begins with letters, as a text may: what follows them is the mark of its first block, or of its end.
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
_BUFFER_BYTES = 1 << 20
_PACKED_BYTES = 1 << 16
# Of Excel and Word, of OpenDocument, of Apple's Numbers.
_PARTS_OF_DOCUMENTS = ("[Content_Types].xml", "content.xml", "mimetype", "Index/Document.iwa", "Index.zip")
_MEMBERS_TOLD = 20
_TAR_BYTES = 1 << 26
PACKED_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz")
"""Endings of the names of packed files."""


def open_binary(path: Path, member: str = "") -> io.BufferedReader:
    """
    Open a file for reading, unpacked. Seeking in a packed file reads it again up to there.

    Args:
        path: The file.
        member: Of a zip file: which of the files in it.
    Raises:
        InputError: There is no such file.
        TableError: From reading: the packed data are damaged, or cut off, or ask for too much memory.
    """
    try:
        file = path.open("rb")
        magic = file.read(10)
        file.seek(0)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    try:
        inner = _unpacking(file, path, magic, member)
    except BaseException:
        file.close()
        raise
    return file if inner is None else io.BufferedReader(_Unpacked(inner, file, path), _BUFFER_BYTES)


def _unpacking(file: io.BufferedReader, path: Path, magic: bytes, member: str) -> Any:
    """What unpacks a file that begins so; None where it is not packed."""
    if member:
        return _open_member(file, path, member)
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=file)
    if magic.startswith(_ZSTD):
        return _open_zstd(file)
    if magic.startswith(_BZIP2) and magic[4:].startswith(_BZIP2_BLOCKS):
        return bz2.BZ2File(file)
    return _XzFile(file) if magic.startswith(_XZ) else None


def members_of_zip(path: Path) -> tuple[str, ...] | None:
    """
    The files in a zip file, in its order, without those that programs leave there for themselves.

    Returns:
        None where it is a workbook or a document, which are zip files too.
    Raises:
        TableError: It is no zip file, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            names = [one.filename for one in packed.infolist() if not one.is_dir()]
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise TableError("packed-file-damaged", path=str(path), told=str(error)) from error
    if any(name in _PARTS_OF_DOCUMENTS or name.startswith("xl/") for name in names):
        return None
    return tuple(
        name
        for name in names
        if not name.startswith("__MACOSX/") and not name.rsplit("/", 1)[-1].startswith((".", "~$"))
    )


def members_of_tar(path: Path) -> list[str]:
    """The first files in a tar file, which may be packed; as many as are there before it takes long."""
    import tarfile

    found: list[str] = []
    try:
        with open_binary(path) as file, tarfile.open(fileobj=file, mode="r|") as packed:
            for one in packed:
                if one.isfile() and not one.name.rsplit("/", 1)[-1].startswith("."):
                    found.append(one.name)
                if len(found) >= _MEMBERS_TOLD or one.offset > _TAR_BYTES:
                    break
    except (tarfile.TarError, OSError, TableError):
        # What could be seen of it is told all the same.
        return found
    return found


def _open_member(file: BinaryIO, path: Path, member: str) -> Any:
    try:
        return zipfile.ZipFile(file).open(member)
    except RuntimeError as error:
        # The library says a password so, and has no kind of error for it.
        raise TableError("zip-has-password", path=str(path), member=member) from error
    except (zipfile.BadZipFile, NotImplementedError, KeyError, ValueError) as error:
        raise TableError("packed-file-damaged", path=str(path), told=str(error)) from error


def unpacked_suffix(path: Path) -> str:
    """The ending of the name without that of the packing: `.csv` for `posts.csv.gz`; lower case."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED_SUFFIXES else suffix


def _zstd() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd
    return zstd


def _zstd_window_log() -> int:
    return min(MAX_ZSTD_WINDOW_LOG, room_for_zstd_window())


def _open_zstd(file: BinaryIO) -> Any:
    zstd = _zstd()
    # A frame may ask for a window of two gigabytes, however little is in it.
    return zstd.ZstdFile(file, options={zstd.DecompressionParameter.window_log_max: _zstd_window_log()})


class _XzFile:
    """As `lzma.LZMAFile`, which can't be told how much memory it may take."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begin()

    def _begin(self) -> None:
        self._file.seek(0)
        self._at, self._unread = 0, b""
        self._stream: lzma.LZMADecompressor | None = self._new_stream()

    def _new_stream(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY_BYTES)

    def read(self, size: int) -> bytes:
        while self._stream is not None:
            if self._stream.eof:
                # Streams may follow each other, with zeros in between.
                self._unread = self._stream.unused_data.lstrip(b"\0")
                while not self._unread and (block := self._file.read(_PACKED_BYTES)):
                    self._unread = block.lstrip(b"\0")
                self._stream = self._new_stream() if self._unread else None
                continue
            given, self._unread = self._unread, b""
            if not given and self._stream.needs_input:
                given = self._file.read(_PACKED_BYTES)
                if not given:
                    raise EOFError("it ends before its end-of-stream mark")
            found = self._stream.decompress(given, size)
            if found:
                self._at += len(found)
                return found
        return b""

    def seek(self, offset: int, whence: int) -> int:
        if whence != io.SEEK_SET:
            offset += self._at
        if offset < self._at:
            self._begin()
        while self._at < offset and self.read(min(offset - self._at, _BUFFER_BYTES)):
            pass
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._stream = None


def _damage() -> tuple[type[Exception], ...]:
    # bzip2 says it by an OSError without a number, or a ValueError.
    return (
        _zstd().ZstdError,
        zlib.error,
        lzma.LZMAError,
        gzip.BadGzipFile,
        zipfile.BadZipFile,
        EOFError,
        ValueError,
    )


class _Unpacked(io.RawIOBase):
    def __init__(self, inner: Any, file: IO[bytes], path: Path) -> None:
        self._inner, self._file, self._path = inner, file, path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        require_wanted()
        try:
            data = self._inner.read(len(buffer))
        except _damage() as error:
            raise self._damaged(error) from error
        except OSError as error:
            if error.errno is None:
                raise self._damaged(error) from error
            raise
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
        told = str(error)
        # libzstd and liblzma say so; neither has a kind of error for it.
        if "too much memory" in told or "Memory usage limit" in told:
            most_mb = (
                MAX_XZ_MEMORY_BYTES if isinstance(error, lzma.LZMAError) else 1 << _zstd_window_log()
            ) >> 20
            return TableError("packed-needs-memory", path=str(self._path), most_mb=most_mb)
        return TableError("packed-file-damaged", path=str(self._path), told=told)
