"""
SQLite, opened in one way and translated in one place: by the ledger of a run and by the local server.

A rollback journal with synchronous=FULL is used, not WAL: these files are small, a commit is a few
milliseconds, and WAL is not safe on the network file systems that clusters have for home folders
(https://www.sqlite.org/wal.html, "All processes using a database must be on the same host").
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rowbatch.errors import StorageError, from_os_error
from rowbatch.store.home import private_file_of_ours

_BUSY_S = 30.0


def open_database(path: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    """
    Open a file, or make an empty one.

    Args:
        path: Of the file.
        any_thread: Not only the thread that opened it uses it, but still one at a time.
    Raises:
        StorageError: It is no database, or cannot be read or written.
    """
    with suppress(OSError):
        # SQLite says what is wrong, and its journals have the rights of the file.
        private_file_of_ours(path)
    with translated(path):
        db = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S, check_same_thread=not any_thread)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            # What is no database shows itself here, and not at the first use.
            db.execute("PRAGMA user_version").fetchone()
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of the block, or nothing; nobody else writes meanwhile. At its end it is on the disk."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """
    Say what SQLite said about a file as an error of ours.

    Raises:
        StorageError: The disk is full, the file is damaged or no database, or somebody else keeps it locked.
    """
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise from_os_error(OSError(errno.ENOSPC, "no space left"), str(path)) from error
        raise StorageError("database-refuses", path=str(path), told=str(error)) from error
