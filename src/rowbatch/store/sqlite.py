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
# A file whose bytes were changed shows itself in one of these ways; a program that asks for a table or
# column that # is not there (SQLITE_ERROR) finds a schema that is not the one that it made.
_DAMAGED = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_ERROR,
    }
)


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
        StorageError: The disk is full, the file is damaged or no database (`database-damaged`), or somebody
            else keeps it locked.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        # In SQLite's own words about a schema whose bytes were changed; so in Python 3.11 with SQLite 3.40.
        raise StorageError("database-damaged", path=str(path), told=str(error)) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_FULL:
            raise from_os_error(OSError(errno.ENOSPC, "no space left"), str(path)) from error
        # The low byte is the primary code (https://www.sqlite.org/rescode.html). Text that is not UTF-8 has
        # none: # Python finds it.
        is_undecodable = code is None and isinstance(error, sqlite3.OperationalError)
        if is_undecodable or (code is not None and code & 0xFF in _DAMAGED):
            raise StorageError("database-damaged", path=str(path), told=str(error)) from error
        raise StorageError("database-refuses", path=str(path), told=str(error)) from error
