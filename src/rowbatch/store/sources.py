"""The table of a run as it lies on a disk: a file or a folder, its digest and its size."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rowbatch.core.folders import own_files
from rowbatch.core.table_options import DOCUMENTS, NO_DOCUMENTS, PLAIN
from rowbatch.errors import from_os_error

MEMBERS_NAME = "with"
"""The folder of the run directories of further models."""
VARIANTS_NAME = "variants"
"""The folder of the run directories that ask the same otherwise, to see how stable the answers are."""
FRAME_NAME = "table.parquet"
"""Under what name a data frame is kept in the run."""
COPY_NAME = "table"
"""The folder of the copy of a table that lies on object storage."""
_FURTHER_OUTPUTS = frozenset((".feather", ".arrow", ".qdpx"))
"""Endings of what else is written of a run; a folder that has such a file is still one of documents."""


def require_source(path: Path) -> None:
    """Raise a clear InputError unless `path` is a file, or a folder."""
    if not path.exists():
        raise from_os_error(FileNotFoundError(), str(path))


def digest_source(path: Path, program: str | None = None) -> str:
    """
    SHA-256 of a file, as hex; of a folder that of the names and digests of the files in it.

    Args:
        path: The file or folder.
        program: As `ReadOptions.program` has it: of a plain folder only its .txt files are a table.
    """
    if not path.is_dir():
        return digest_file(path)
    digest = hashlib.sha256()
    for file in _files_of(path, program):
        digest.update(f"{digest_file(file)}  {file.relative_to(path).as_posix()}\n".encode())
    return digest.hexdigest()


def size_of_source(path: Path, program: str | None = None) -> int:
    """Bytes of a file, or of the files in a folder, see `digest_source`."""
    try:
        if not path.is_dir():
            return path.stat().st_size
        return sum(file.stat().st_size for file in _files_of(path, program))
    except OSError as error:
        raise from_os_error(error, str(path)) from error


def _files_of(folder: Path, program: str | None) -> list[Path]:
    if program == PLAIN:
        texts = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".txt" and path.is_file())
        # A folder of tables has none.
        return texts or own_files(folder)
    files = own_files(folder)
    if program != DOCUMENTS:
        return files
    # A table that is written among documents, as the output of their run, is none of them.
    return [path for path in files if path.suffix.lower() not in NO_DOCUMENTS | _FURTHER_OUTPUTS]


def digest_file(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise from_os_error(error, str(path)) from error
