"""
Where rowbatch keeps what belongs to the user, not to one run; and that nobody else may read it.

Every folder of ours has the rights 0700 and every file in it 0600, whoever made it first and whatever the
umask says. Windows gives a user's own folders to that user only, so there nothing is done.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from rowbatch.errors import StorageError, from_os_error

NAMES = (
    "cache",
    "coding",
    "headers.json",
    "known-runs",
    "model",
    "models.toml",
    "rowbatch.toml",
    "runs",
    "server",
    "settings.json",
    "tables",
    "ui.json",
    "ui.lock",
    "ui.log",
    "ui.open.html",
    "ui.session",
)
"""What is ours in the home. Whoever sets `$ROWBATCH_HOME` to a folder that has more in it keeps the rest."""

_OTHERS = 0o077
_MOST_REPAIRED = 200_000


def home() -> Path:
    """The program's folder: `$ROWBATCH_HOME`, or the place the operating system has for such data."""
    chosen = os.environ.get("ROWBATCH_HOME")
    if chosen:
        return Path(chosen)
    from platformdirs import user_data_path

    return user_data_path("rowbatch", appauthor=False)


def cache() -> Path:
    """Files that can be fetched again: inside `$ROWBATCH_HOME` when that is set."""
    if os.environ.get("ROWBATCH_HOME"):
        return home() / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("rowbatch", appauthor=False)


def is_ours(path: Path) -> bool:
    """Whether a path lies in a folder of ours, so that nobody else shall read what is there."""
    for place in _spellings(path):
        for root, names in ((cache(), None), (home(), NAMES)):
            below = _below(place, root)
            if below and (names is None or below[0] in names):
                return True
    return False


def private_folder(folder: Path) -> Path:
    """
    Make a folder that nobody else may enter, or take others' rights away from one that is there.

    The same is done with the folders above it as far as they are ours; what has to be made above these has
    the rights that the umask says.

    Args:
        folder: In our home or cache, or a folder that is wholly ours, as a server's.
    Returns:
        The folder.
    Raises:
        StorageError: It, or one above it, belongs to somebody else, or could be exchanged by anybody; or the
            disk refuses.
    """
    try:
        if os.name == "nt":
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        levels = _levels(folder)
        levels[0].parent.mkdir(parents=True, exist_ok=True)
        for level in levels:
            _make_private(level, is_first=level == levels[0])
    except OSError as error:
        raise from_os_error(error, str(folder)) from error
    return folder


def private_file(path: Path) -> None:
    """
    Make an empty file that nobody else may read, unless there is one: for what opens files by their names.

    Raises:
        OSError: The disk refuses.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def private_file_of_ours(path: Path) -> None:
    """As `private_file`, where the path lies in a folder of ours; elsewhere the umask says who may read."""
    if is_ours(path):
        private_file(path)


def write_private_file(path: Path, text: str) -> None:
    """
    Write a small file whole, which nobody else may read, wherever it lies.

    Raises:
        StorageError: The disk is full, or refuses; then a file that was there stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise from_os_error(error, str(path)) from error


def repair_rights(folders: Sequence[Path] | None = None, *, most: int = _MOST_REPAIRED) -> int:
    """
    Take others' rights away from what a version before this one left in our folders.

    The folders themselves are closed by `private_folder`; this is for what lies in them. Links are not
    followed, and what is the user's alone is not touched.

    Args:
        folders: Which; None means all of ours.
        most: Look at so many files and folders at most.
    Returns:
        How many were repaired.
    """
    if os.name == "nt":
        return 0
    places = list(folders) if folders is not None else [cache(), *(home() / name for name in NAMES)]
    repaired = 0
    for count, (path, mode) in enumerate(_walk(places)):
        if count >= most:
            break
        if mode & _OTHERS:
            with suppress(OSError):
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
                repaired += 1
    return repaired


def _walk(places: list[Path]) -> Iterator[tuple[Path, int]]:
    """Files and folders of this user, with their modes; a folder before what is in it."""
    while places:
        path = places.pop()
        with suppress(OSError):
            found = path.lstat()
            if found.st_uid != os.geteuid():
                continue
            if stat.S_ISREG(found.st_mode):
                yield path, found.st_mode
            elif stat.S_ISDIR(found.st_mode):
                yield path, found.st_mode
                places += [Path(entry) for entry in os.scandir(path)]


def _levels(folder: Path) -> list[Path]:
    """The folder after those above it that are ours, the highest first."""
    for place in _spellings(folder):
        for root in (home(), cache()):
            below = _below(place, root)
            if below is not None:
                found = [place]
                for _ in below:
                    found.append(found[-1].parent)
                return found[::-1]
    return [Path(os.path.abspath(folder))]  # noqa: PTH100 - `..` is taken away, links stay


def _spellings(path: Path) -> tuple[Path, ...]:
    """A path as it was said, and without links: one of them may lead through a link into our folders."""
    said, real = os.path.abspath(path), os.path.realpath(path)  # noqa: PTH100
    return (Path(said),) if said == real else (Path(said), Path(real))


def _below(place: Path, root: Path) -> tuple[str, ...] | None:
    """The names that lead from a root to a place; None where it lies elsewhere."""
    for spelling in _spellings(root):
        if place.is_relative_to(spelling):
            return place.relative_to(spelling).parts
    return None


def _make_private(level: Path, *, is_first: bool) -> None:
    try:
        level.mkdir(mode=0o700)
        is_new = True
    except FileExistsError:
        is_new = False
    found = level.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(20, os.strerror(20), str(level))
    if not is_new and found.st_uid != os.geteuid() and not _gives_all_files_to(level, found.st_uid):
        raise StorageError("folder-of-another", path=str(level))
    if found.st_mode & _OTHERS:
        # File systems without rights refuse, or change nothing.
        with suppress(PermissionError):
            level.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
    if is_first or level.is_symlink():
        parent = Path(os.path.realpath(level)).parent
        mode = parent.stat().st_mode
        # Where rights mean nothing, the parent's mean nothing either.
        has_rights = not level.stat().st_mode & _OTHERS
        if has_rights and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise StorageError("folder-in-open-folder", path=str(level), parent=str(parent))


def _gives_all_files_to(folder: Path, owner: int) -> bool:
    """Whether a file system gives whatever is made on it to one user, as shares of a network do."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_uid == owner
    except OSError:
        return False
