"""
What the server keeps on disk: a SQLite file for objects, a folder for the bytes of files, a folder for work.

    HOME/
      server.sqlite
      files/file-…              whole files only
      work/batch_….input        the batch's own name for its input, so that deleting that harms nothing
      work/batch_….output, .error    result lines so far
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rowbatch.errors import StorageError
from rowbatch.store.home import private_file, private_folder
from rowbatch.store.sqlite import open_database, transaction, translated

SCHEMA_VERSION = 1
FILE_LIFE_S = 30 * 24 * 3600
"""How long files are kept (OpenAI: 30 days for purpose `batch`)."""

_SCHEMA = """
CREATE TABLE file (
    id TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL
) STRICT;
CREATE TABLE batch (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL,
    status TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    request_digest TEXT
) STRICT;
"""
RESULT_LIFE_S = "_result_life_s"
"""A field of a batch that is our own: how long its files of results are kept, where its maker said so."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What an operating system says when there is no room: on the disk, for the user, in a file."""
_FILE_ID = re.compile(r"file-[A-Za-z0-9]{1,80}")
_UPLOAD_ID = re.compile(r"file-[0-9a-f]{24}")
_BATCH_ID = re.compile(r"batch_[A-Za-z0-9]{1,80}")
UNFINISHED = ("validating", "in_progress", "finalizing", "cancelling")


class IdempotencyConflict(Exception):
    """The key was used with another body."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of objects, newest first, and whether there are more."""

    items: list[dict[str, Any]]
    has_more: bool


class Storage:
    """
    Objects and files. Used from one thread: the server's event loop.

    Raises:
        StorageError: The folder cannot be used, or what is kept there is damaged or of a newer rowbatch.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.files = home / "files"
        self.work = home / "work"
        for folder in (home, self.files, self.work):
            private_folder(folder)
        # One thread at a time uses it, but it may be another one than that which made it.
        self._path = home / "server.sqlite"
        with suppress(OSError):
            # SQLite says what is wrong, and its journals have the rights of the file.
            private_file(self._path)
        self._db = open_database(self._path, any_thread=True)
        try:
            self._begin()
        except BaseException:
            self._db.close()
            raise

    def _begin(self) -> None:
        """Make the tables, or make sure that what is there can be used: said now, not in a call."""
        found = self._execute("PRAGMA user_version").fetchone()[0]
        if found > SCHEMA_VERSION:
            raise StorageError("server-files-too-new", path=str(self._path))
        if found == 0:
            with translated(self._path):
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        # Later than the tables; an older rowbatch can use the file all the same.
        self._execute("CREATE INDEX IF NOT EXISTS batch_by_status ON batch (status, number)")
        told = self._execute("PRAGMA quick_check(1)").fetchone()[0]
        if told != "ok":
            raise StorageError("server-files-damaged", path=str(self._path), told=str(told))
        for row in self._execute("SELECT id, document FROM batch"):
            if not _is_batch(row["document"], row["id"]):
                raise StorageError("server-files-damaged", path=str(self._path), told=str(row["id"]))
        self._sweep()

    def _sweep(self) -> None:
        """Remove what a kill left half done, and files whose time is over."""
        for half in (*self.files.glob("*.part"), *self.work.glob("*.copying")):
            half.unlink(missing_ok=True)
        # Uploads that were never entered. Result files have other names: they may be entered yet.
        known = {row["id"] for row in self._execute("SELECT id FROM file")}
        for path in self.files.glob("file-*"):
            if _UPLOAD_ID.fullmatch(path.name) and path.name not in known:
                path.unlink(missing_ok=True)
        over = self._execute("SELECT id FROM file WHERE expires_at <= ?", (int(time.time()),)).fetchall()
        for row in over:
            self.delete_file(row["id"])

    def close(self) -> None:
        self._db.close()

    # Files

    def path_of(self, file_id: str) -> Path:
        """
        Where a file's bytes lie.

        Raises:
            ValueError: That is no id of ours: a user's text must not lead out of the folder.
        """
        if not _FILE_ID.fullmatch(file_id):
            raise ValueError(file_id)
        return self.files / file_id

    def new_file_id(self) -> str:
        return f"file-{secrets.token_hex(12)}"

    def add_file(
        self, file_id: str, *, filename: str, purpose: str, life_s: int = FILE_LIFE_S
    ) -> dict[str, Any]:
        """Enter a file whose bytes are in place; an upload that cannot be entered is removed again."""
        now = int(time.time())
        row = {
            "id": file_id,
            "bytes": self.path_of(file_id).stat().st_size,
            "created_at": now,
            "expires_at": now + life_s,
            "filename": filename,
            "purpose": purpose,
        }
        try:
            self._execute(
                "INSERT OR REPLACE INTO file "
                "VALUES (:id, :bytes, :created_at, :expires_at, :filename, :purpose)",
                row,
            )
        except StorageError:
            if _UPLOAD_ID.fullmatch(file_id):
                self.path_of(file_id).unlink(missing_ok=True)
            raise
        return _file_object(row)

    def file(self, file_id: str) -> dict[str, Any] | None:
        if not _FILE_ID.fullmatch(file_id):
            return None
        row = self._execute(
            "SELECT * FROM file WHERE id = ? AND expires_at > ?", (file_id, int(time.time()))
        ).fetchone()
        return _file_object(dict(row)) if row else None

    def list_files(self, *, purpose: str | None, limit: int, after: str | None, newest_first: bool) -> Page:
        order, than = ("DESC", "<") if newest_first else ("ASC", ">")
        where = ["expires_at > ?"]
        parameters: list[Any] = [int(time.time())]
        if purpose:
            where.append("purpose = ?")
            parameters.append(purpose)
        if after:
            where.append(f"rowid {than} (SELECT rowid FROM file WHERE id = ?)")  # noqa: S608
            parameters.append(after)
        rows = self._execute(
            f"SELECT * FROM file WHERE {' AND '.join(where)} ORDER BY rowid {order} LIMIT ?",  # noqa: S608
            (*parameters, limit + 1),
        ).fetchall()
        return Page([_file_object(dict(row)) for row in rows[:limit]], len(rows) > limit)

    def delete_file(self, file_id: str) -> bool:
        deleted = self._execute("DELETE FROM file WHERE id = ?", (file_id,)).rowcount == 1
        if deleted:
            self.path_of(file_id).unlink(missing_ok=True)
        return deleted

    # Batches

    def create_batch(
        self, document: Mapping[str, Any], *, idempotency_key: str | None, request_digest: str
    ) -> tuple[dict[str, Any], bool]:
        """
        Enter a batch, or find the one that the same key made.

        Returns:
            The batch, and whether it is new.
        Raises:
            IdempotencyConflict: The key made another batch.
        """
        with self._own_input_kept(str(document["id"])), self._transaction():
            if idempotency_key is not None:
                row = self._execute(
                    "SELECT document, request_digest FROM batch WHERE idempotency_key = ?", (idempotency_key,)
                ).fetchone()
                if row is not None:
                    if row["request_digest"] != request_digest:
                        raise IdempotencyConflict
                    return json.loads(row["document"]), False
            self._own_input(document)
            self._execute(
                "INSERT INTO batch (id, document, status, idempotency_key, request_digest)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    document["id"],
                    json.dumps(document),
                    document["status"],
                    idempotency_key,
                    request_digest,
                ),
            )
        return dict(document), True

    @contextmanager
    def _own_input_kept(self, batch_id: str) -> Iterator[None]:
        """The batch's own name for its input goes again when the batch cannot be entered."""
        try:
            yield
        except BaseException:
            self.input_of(batch_id).unlink(missing_ok=True)
            raise

    def _own_input(self, document: Mapping[str, Any]) -> None:
        found = self.file(str(document["input_file_id"]))
        if found is None or found["purpose"] != "batch":
            return
        source, own = self.path_of(found["id"]), self.input_of(str(document["id"]))
        if not source.is_file():
            return
        try:
            os.link(source, own)
        except OSError:
            temporary = own.with_suffix(".copying")
            try:
                private_file(temporary)
                shutil.copyfile(source, temporary)
                temporary.replace(own)
            finally:
                temporary.unlink(missing_ok=True)

    def batch(self, batch_id: str) -> dict[str, Any] | None:
        if not _BATCH_ID.fullmatch(batch_id):
            return None
        row = self._execute("SELECT document FROM batch WHERE id = ?", (batch_id,)).fetchone()
        return json.loads(row["document"]) if row else None

    def update_batch(self, batch_id: str, **changes: Any) -> dict[str, Any]:
        """Change fields of a batch, in one transaction."""
        with self._transaction():
            row = self._execute("SELECT document FROM batch WHERE id = ?", (batch_id,)).fetchone()
            document: dict[str, Any] = {**json.loads(row["document"]), **changes}
            self._execute(
                "UPDATE batch SET document = ?, status = ? WHERE id = ?",
                (json.dumps(document), document["status"], batch_id),
            )
        return document

    def list_batches(self, *, limit: int, after: str | None) -> Page:
        where, values = "", []
        if after:
            where = "WHERE number < (SELECT number FROM batch WHERE id = ?)"
            values.append(after)
        rows = self._execute(
            f"SELECT document FROM batch {where} ORDER BY number DESC LIMIT ?",  # noqa: S608
            (*values, limit + 1),
        ).fetchall()
        return Page([json.loads(row["document"]) for row in rows[:limit]], len(rows) > limit)

    def oldest_batch(self, *statuses: str, but: Sequence[str] = ()) -> dict[str, Any] | None:
        """The batch that has waited longest in one of these statuses, and isn't named."""
        others = ", ".join("?" for _ in but)
        # One look a status: so the index gives each at once, however many batches there are.
        found = [
            row
            for status in statuses
            for row in self._execute(
                f"SELECT number, document FROM batch WHERE status = ? AND id NOT IN ({others})"  # noqa: S608
                " ORDER BY number LIMIT 1",
                (status, *but),
            )
        ]
        oldest = min(found, key=lambda row: int(row["number"]), default=None)
        return json.loads(oldest["document"]) if oldest else None

    def input_of(self, batch_id: str) -> Path:
        return self.work / f"{batch_id}.input"

    def results_of(self, batch_id: str, kind: str) -> Path:
        """Result lines so far; `kind` is `output` or `error`."""
        return self.work / f"{batch_id}.{kind}"

    def _execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> sqlite3.Cursor:
        with translated(self._path):
            return self._db.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self._path), transaction(self._db):
            yield


def is_full_disk(error: BaseException) -> bool:
    """Whether it says that there is no room."""
    if isinstance(error, StorageError):
        return error.kind == "disk-full"
    return isinstance(error, OSError) and error.errno in FULL


def _is_batch(document: str, batch_id: str) -> bool:
    try:
        found = json.loads(document)
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("id") == batch_id and isinstance(found.get("status"), str)


def _file_object(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "object": "file",
        "bytes": row["bytes"],
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "filename": row["filename"],
        "purpose": row["purpose"],
        "status": "processed",
        "status_details": None,
    }
