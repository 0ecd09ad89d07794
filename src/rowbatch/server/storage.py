"""
What the server keeps on disk: a SQLite file for objects, a folder for the bytes of files, a folder for work.

    HOME/
      server.sqlite
      files/file-…              whole files only
      work/batch_….input        the batch's own name for its input, so that deleting that harms nothing
      work/batch_….output, .error    result lines so far
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
UNFINISHED = ("validating", "in_progress", "finalizing", "cancelling")


class IdempotencyConflict(Exception):
    """The key was used with another body."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of objects, newest first, and whether there are more."""

    items: list[dict[str, Any]]
    has_more: bool


class Storage:
    """Objects and files. Used from one thread: the server's event loop."""

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
        if self._execute("PRAGMA user_version").fetchone()[0] == 0:
            with translated(self._path):
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        self._sweep()

    def _sweep(self) -> None:
        """Remove what a kill left half done, and files whose time is over."""
        for half in (*self.files.glob("*.part"), *self.work.glob("*.copying")):
            half.unlink(missing_ok=True)
        over = self._execute("SELECT id FROM file WHERE expires_at <= ?", (int(time.time()),)).fetchall()
        for row in over:
            self.delete_file(row["id"])

    def close(self) -> None:
        self._db.close()

    # Files

    def path_of(self, file_id: str) -> Path:
        """Where a file's bytes lie. The id is one of ours, never a user's text."""
        return self.files / file_id

    def new_file_id(self) -> str:
        return f"file-{secrets.token_hex(12)}"

    def add_file(self, file_id: str, *, filename: str, purpose: str) -> dict[str, Any]:
        """Enter a file whose bytes are in place."""
        now = int(time.time())
        row = {
            "id": file_id,
            "bytes": self.path_of(file_id).stat().st_size,
            "created_at": now,
            "expires_at": now + FILE_LIFE_S,
            "filename": filename,
            "purpose": purpose,
        }
        self._execute(
            "INSERT OR REPLACE INTO file VALUES (:id, :bytes, :created_at, :expires_at, :filename, :purpose)",
            row,
        )
        return _file_object(row)

    def file(self, file_id: str) -> dict[str, Any] | None:
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
        with self._transaction():
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

    def _own_input(self, document: Mapping[str, Any]) -> None:
        source, own = self.path_of(str(document["input_file_id"])), self.input_of(str(document["id"]))
        found = self.file(str(document["input_file_id"]))
        if found is None or found["purpose"] != "batch" or not source.is_file():
            return
        try:
            os.link(source, own)
        except OSError:
            temporary = own.with_suffix(".copying")
            private_file(temporary)
            shutil.copyfile(source, temporary)
            temporary.replace(own)

    def batch(self, batch_id: str) -> dict[str, Any] | None:
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

    def oldest_batch(self, *statuses: str, but: str = "") -> dict[str, Any] | None:
        """The batch that has waited longest in one of these statuses, and isn't the one that is named."""
        marks = ", ".join("?" for _ in statuses)
        row = self._execute(
            f"SELECT document FROM batch WHERE status IN ({marks}) AND id <> ? ORDER BY number LIMIT 1",  # noqa: S608
            (*statuses, but),
        ).fetchone()
        return json.loads(row["document"]) if row else None

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


def sync_folder(folder: Path) -> None:
    """Make a name in a folder durable; not possible, nor needed, on Windows."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
