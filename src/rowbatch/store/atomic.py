"""Files that appear whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from rowbatch.errors import OutputExists, RowbatchError, from_os_error
from rowbatch.objects.address import require_here
from rowbatch.objects.disk import fsync_folder, umask
from rowbatch.store.home import is_ours, private_folder


@contextmanager
def atomic_path(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """
    A name to write a file under, which takes its own name only when it is complete and on disk.

    Temporary name in the same folder, write, fsync, rename, fsync the folder. A crash
    leaves the old file, if there was one, and at most a stray `.NAME.*.part`. In a folder of ours only the
    user may read it; elsewhere the umask says who may.

    Args:
        path: The name it will have. Missing folders are made.
        overwrite: Whether a file of that name may be replaced.
    Yields:
        An empty file in the same folder.
    Raises:
        OutputExists: The name is taken and `overwrite` is False.
        StorageError: The disk is full, or refuses.
    """
    require_free(path, overwrite=overwrite)
    require_here(path)
    temporary: Path | None = None
    try:
        try:
            is_private = is_ours(path)
            if is_private:
                private_folder(path.parent)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
            os.close(handle)
            temporary = Path(name)
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            if not is_private:
                temporary.chmod(0o666 & ~umask())
            if overwrite:
                temporary.replace(path)
            else:
                _rename_to_free_name(temporary, path)
            temporary = None
            fsync_folder(path.parent)
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        except RowbatchError as error:
            # Nobody knows the temporary name.
            if temporary is not None:
                error.call_path(str(temporary), str(path))
            raise
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def atomic_file(path: Path, *, overwrite: bool) -> Iterator[io.BufferedRandom]:
    """
    As `atomic_path`, with the file open.

    Yields:
        A binary file to write to, and to read back what was written.
    """
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        io.BufferedRandom(io.FileIO(temporary, "r+b"), 1 << 20) as file,
    ):
        yield file


class BackgroundSync:
    """
    Forces files to disk and closes them, in a thread, while the next ones are written.

    A context: when it ends without an error, all of them are on disk.
    """

    # Each keeps a file open.
    _MOST = 8

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rowbatch-sync")
        self._pending: deque[Future[None]] = deque()

    def close(self, file: IO[bytes]) -> None:
        """
        Take a file over that is written.

        Raises:
            OSError: One that was taken before could not be forced to disk.
        """
        self._pending.append(self._thread.submit(_sync_and_close, file))
        if len(self._pending) > self._MOST:
            self._pending.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        for sync in self._pending:
            if kind is None:
                sync.result()


def _sync_and_close(file: IO[bytes]) -> None:
    with file:
        file.flush()
        os.fsync(file.fileno())


def require_free(path: Path, *, overwrite: bool) -> None:
    """
    Look before the work whether it can be written at its end.

    Raises:
        OutputExists: The name is taken and `overwrite` is False.
    """
    if not overwrite and path.exists():
        raise OutputExists(str(path))


def write_atomically(path: Path, content: bytes, *, overwrite: bool) -> None:
    """Write a small file whole; errors as in `atomic_file`."""
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(content)


def _rename_to_free_name(temporary: Path, path: Path) -> None:
    # A link fails when the name was taken since we looked; a rename would replace it silently.
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise OutputExists(str(path)) from None
    except OSError:
        # File systems without hard links (FAT, some network shares).
        if path.exists():
            raise OutputExists(str(path)) from None
        temporary.replace(path)
    else:
        temporary.unlink()
