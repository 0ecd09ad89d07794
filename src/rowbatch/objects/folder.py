"""A folder as a store."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rowbatch.errors import InputError, OutputExists, StorageError, from_os_error
from rowbatch.objects.disk import fsync_folder, umask, unfinished_file
from rowbatch.objects.store import Stat, require_name

_PART = ".part"


class Folder:
    """
    The files in a folder and in the folders within it, by their paths from there.

    Files whose names begin with a dot and end in `.part` are not finished, and are no objects.
    """

    is_local = True

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, str(folder)

    def path(self, name: str) -> Path:
        """Where the object of a name lies."""
        return self.folder / require_name(name)

    def require_fit(self) -> None:
        """As in `Store`: a link, and on Windows a rename, to a name that is taken fails."""

    def read(self, name: str, start: int = 0, size: int | None = None, version: str | None = None) -> bytes:
        """As in `Store`."""
        with _told(self.path(name)), self.path(name).open("rb") as file:
            if version is not None and _of_file(os.fstat(file.fileno())).version != version:
                raise StorageError("object-changed", path=str(self.path(name)))
            if start < 0:
                start = max(0, os.fstat(file.fileno()).st_size + start)
            file.seek(start)
            return file.read(-1 if size is None else size)

    def stat(self, name: str) -> Stat | None:
        """As in `Store`."""
        path = self.path(name)
        with _told(path):
            try:
                return _stat(path) if path.is_file() else None
            except (FileNotFoundError, NotADirectoryError):
                return None

    def names(self, prefix: str = "") -> Iterator[str]:
        """As in `Store`."""
        # Only the folder that the prefix names is looked through.
        inside = self.folder / prefix.rpartition("/")[0]
        found = []
        for folder, _, files in os.walk(inside, onerror=_raise_told):
            before = Path(folder).relative_to(self.folder).as_posix()
            for file in files:
                if file.startswith(".") and file.endswith(_PART):
                    continue
                name = file if before == "." else f"{before}/{file}"
                if name.startswith(prefix):
                    found.append(name)
        return iter(sorted(found, key=str.encode))

    def stats(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """As in `Store`."""
        for name in self.names(prefix):
            if (found := self.stat(name)) is not None:
                yield name, found

    def commit(self, name: str, path: Path) -> bool:
        """As in `Store`."""
        target = self.path(name)
        with _told(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _let_read(path, target.parent)
            _sync(path)
            is_new = _link(path, target)
            if is_new is None:
                # Another disk, or one without hard links: a copy in the same folder takes the name.
                with _part_of(target) as part:
                    shutil.copyfile(path, part)
                    _sync(part)
                    is_new = _take_name(part, target)
            fsync_folder(target.parent)
            path.unlink(missing_ok=True)
        return is_new

    def replace(self, name: str, path: Path) -> None:
        """As in `Store`."""
        target = self.path(name)
        with _told(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _part_of(target) as part:
                shutil.copyfile(path, part)
                _sync(part)
                part.replace(target)
            fsync_folder(target.parent)
            path.unlink(missing_ok=True)

    def put(self, name: str, data: bytes) -> bool:
        """As in `Store`."""
        target = self.path(name)
        with _told(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _part_of(target) as part:
                part.write_bytes(data)
                _sync(part)
                is_new = _take_name(part, target)
            fsync_folder(target.parent)
        return is_new

    def fetch(self, name: str, path: Path, known: Stat | None = None) -> Stat:
        """As in `Store`."""
        source = self.path(name)
        with _told(source):
            found = _stat(source)
            if known is not None and found != known:
                raise StorageError("object-changed", path=str(source))
            path.parent.mkdir(parents=True, exist_ok=True)
            with _part_of(path) as part:
                shutil.copyfile(source, part)
                _sync(part)
                if not _take_name(part, path):
                    raise OutputExists(str(path))
            fsync_folder(path.parent)
        return found

    def delete(self, name: str) -> None:
        """As in `Store`."""
        path = self.path(name)
        with _told(path):
            path.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError("path-missing", path=str(path)) from error
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _raise_told(error: OSError) -> None:
    # A folder that is not there has no names; one that may not be read must not look as if it were empty.
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise from_os_error(error, str(error.filename)) from error


def _stat(path: Path) -> Stat:
    return _of_file(path.stat())


def _of_file(found: os.stat_result) -> Stat:
    return Stat(found.st_size, f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}")


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """A new file beside `target`, gone at the end."""
    with unfinished_file(target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}{_PART}")) as part:
        _let_read(part, target.parent)
        yield part


def _let_read(path: Path, folder: Path) -> None:
    """In a folder of one user's own a file is that user's, too; elsewhere the umask says who may read it."""
    path.chmod(0o666 & ~umask() if folder.stat().st_mode & 0o077 else 0o600)


def _take_name(part: Path, target: Path) -> bool:
    """Give a file in the same folder its name, only where that is free; whether it was."""
    is_new = _link(part, target)
    if is_new is not None:
        return is_new
    # File systems without hard links (FAT, some network shares). Windows renames to free names only;
    # elsewhere two that come in the same moment are both told True, and one of their files is there.
    try:
        if os.name != "nt" and target.exists():
            return False
        part.rename(target)
    except FileExistsError:
        return False
    return True


def _link(path: Path, target: Path) -> bool | None:
    """A second name for a file; False where it is taken, None where there are no such links."""
    try:
        os.link(path, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.EROFS):
            raise
        return None
    return True


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
