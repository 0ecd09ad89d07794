"""
What the server keeps on disk: a SQLite file for objects, a folder for the bytes of files, a folder for work.

    HOME/
      server.sqlite
      files/file-…              whole files only
      uploads/part_…            what came so far of files that come in parts
      work/batch_….input        the batch's own name for its input, so that deleting that harms nothing
      work/batch_….output, .error    result lines so far
      work/batch_….asked        the numbers of the rows that somebody was asked for, four bytes each
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rowbatch.errors import StorageError
from rowbatch.store.home import private_file, private_folder
from rowbatch.store.sqlite import open_database, transaction, translated

SCHEMA_VERSION = 2
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
# What the second version added. Files and batches of the first belong to the home's own key.
_SECOND_VERSION = """
ALTER TABLE file ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE batch ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE INDEX file_by_owner ON file (owner);
CREATE INDEX file_by_end ON file (expires_at);
CREATE INDEX batch_by_owner ON batch (owner, number);
CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    document TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE upload_part (
    id TEXT PRIMARY KEY,
    upload_id TEXT NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX upload_part_by_upload ON upload_part (upload_id);
CREATE TABLE known_call (
    idempotency_key TEXT PRIMARY KEY,
    request_digest TEXT NOT NULL,
    object_id TEXT NOT NULL
) STRICT;
CREATE TABLE rows_used (
    owner TEXT NOT NULL,
    day INTEGER NOT NULL,
    source TEXT NOT NULL,
    rows INTEGER NOT NULL,
    PRIMARY KEY (owner, day, source)
) STRICT;
CREATE TABLE event (
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (id, url)
) STRICT;
CREATE INDEX event_by_due ON event (due_at);
"""
_HABITS = """
CREATE TABLE IF NOT EXISTS upstream_habit (
    behind TEXT NOT NULL,
    model TEXT NOT NULL,
    name TEXT NOT NULL,
    is_mended INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (behind, model, name)
) STRICT
"""
RESULT_LIFE_S = "_result_life_s"
"""A field of a batch that is our own: how long its files of results are kept, where its maker said so."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What an operating system says when there is no room: on the disk, for the user, in a file."""
_FILE_ID = re.compile(r"file-[A-Za-z0-9]{1,80}")
_UPLOAD_ID = re.compile(r"file-[0-9a-f]{24}")
_BATCH_ID = re.compile(r"batch_[A-Za-z0-9]{1,80}")
UNFINISHED = ("validating", "in_progress", "finalizing", "cancelling")
ENDED = ("completed", "failed", "expired", "cancelled")
OWNER = "_owner"
"""A field of a batch that is our own: the name of the key that made it; "" is the home's own key."""
DAY_S = 24 * 3600
_log = logging.getLogger("rowbatch.server.batches")


class IdempotencyConflict(Exception):
    """The key was used with another body."""


class TooManyBatches(Exception):
    """The owner has as many unfinished batches as he may have."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """
    Which part of a list is wanted.

    Attributes:
        limit: So many entries at most.
        after: The entry that stands before the first one; None begins at the beginning.
        before: The entry that stands behind the last one.
        newest_first: The order.
    """

    limit: int
    after: str | None = None
    before: str | None = None
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """A page of objects, in the order that was asked for, and whether there are more."""

    items: list[dict[str, Any]]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Habit:
    """
    Something that a server behind this one ignores of requests.

    Attributes:
        is_mended: It is asked in another way since.
        seen_at: When that was seen last, in seconds since 1970.
    """

    is_mended: bool
    seen_at: int


class Storage:
    """
    Objects and files. Used from one thread: the server's event loop.

    Args:
        home: The folder.
        clock: The time, in seconds since 1970.
        hooks: Addresses that are told when a batch ends.
    Raises:
        StorageError: The folder cannot be used, or what is kept there is damaged or of a newer rowbatch.
    """

    def __init__(
        self, home: Path, *, clock: Callable[[], float] = time.time, hooks: Sequence[str] = ()
    ) -> None:
        self.home, self.clock, self._hooks = home, clock, tuple(hooks)
        self.files = home / "files"
        self.work = home / "work"
        self.uploads = home / "uploads"
        for folder in (home, self.files, self.work, self.uploads):
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
        found = self.execute("PRAGMA user_version").fetchone()[0]
        if found > SCHEMA_VERSION:
            raise StorageError("server-files-too-new", path=str(self._path))
        if found < SCHEMA_VERSION:
            made = f"{'' if found else _SCHEMA} {_SECOND_VERSION}"
            with translated(self._path):
                self._db.executescript(f"BEGIN; {made} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        # Later than the tables; an older rowbatch can use the file all the same.
        self.execute("CREATE INDEX IF NOT EXISTS batch_by_status ON batch (status, number)")
        self.execute(_HABITS)
        told = self.execute("PRAGMA quick_check(1)").fetchone()[0]
        if told != "ok":
            raise StorageError("server-files-damaged", path=str(self._path), told=str(told))
        for row in self.execute("SELECT id, document FROM batch"):
            if not _is_batch(row["document"], row["id"]):
                raise StorageError("server-files-damaged", path=str(self._path), told=str(row["id"]))
        self._sweep()

    def _sweep(self) -> None:
        """Remove what a kill left half done, and files whose time is over."""
        halves = (self.files.glob("*.part"), self.work.glob("*.copying"), self.uploads.glob("*.half"))
        for half in (path for found in halves for path in found):
            half.unlink(missing_ok=True)
        # Uploads that were never entered. Result files have other names: they may be entered yet.
        known = {row["id"] for row in self.execute("SELECT id FROM file")}
        for path in self.files.glob("file-*"):
            if _UPLOAD_ID.fullmatch(path.name) and path.name not in known:
                path.unlink(missing_ok=True)
        parts = {row["id"] for row in self.execute("SELECT id FROM upload_part")}
        for path in self.uploads.glob("part_*"):
            if path.name not in parts:
                path.unlink(missing_ok=True)
        self.remove_expired()

    def now(self) -> int:
        """The time, in whole seconds since 1970."""
        return int(self.clock())

    def remove_expired(self) -> int:
        """
        Remove the files whose time is over, and the parts of uploads that nobody completed.

        Returns:
            How many files were removed.
        """
        now = self.now()
        over = self.execute("SELECT id FROM file WHERE expires_at <= ?", (now,)).fetchall()
        for row in over:
            self.delete_file(row["id"])
        for row in self.execute(
            "SELECT DISTINCT upload_id FROM upload_part JOIN upload ON upload.id = upload_id "
            "WHERE expires_at <= ?",
            (now,),
        ).fetchall():
            self.remove_parts(row["upload_id"])
        self.execute("DELETE FROM rows_used WHERE day < ?", (now // DAY_S - 1,))
        return len(over)

    def remove_parts(self, upload_id: str) -> None:
        """Remove what came of an upload."""
        rows = self.execute("SELECT id FROM upload_part WHERE upload_id = ?", (upload_id,)).fetchall()
        self.execute("DELETE FROM upload_part WHERE upload_id = ?", (upload_id,))
        for row in rows:
            (self.uploads / row["id"]).unlink(missing_ok=True)

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
        self, file_id: str, *, filename: str, purpose: str, life_s: int = FILE_LIFE_S, owner: str = ""
    ) -> dict[str, Any]:
        """Enter a file whose bytes are in place; an upload that cannot be entered is removed again."""
        now = self.now()
        row = {
            "id": file_id,
            "bytes": self.path_of(file_id).stat().st_size,
            "created_at": now,
            "expires_at": now + life_s,
            "filename": filename,
            "purpose": purpose,
            "owner": owner,
        }
        try:
            self.execute(
                "INSERT OR REPLACE INTO file "
                "VALUES (:id, :bytes, :created_at, :expires_at, :filename, :purpose, :owner)",
                row,
            )
        except StorageError:
            if _UPLOAD_ID.fullmatch(file_id):
                self.path_of(file_id).unlink(missing_ok=True)
            raise
        return _file_object(row)

    def file(self, file_id: str, *, owner: str | None = None) -> dict[str, Any] | None:
        """A file whose time is not over; with an owner, only where it is his."""
        if not _FILE_ID.fullmatch(file_id):
            return None
        row = self.execute("SELECT * FROM file WHERE id = ?", (file_id,)).fetchone()
        if row is None or (owner is not None and row["owner"] != owner):
            return None
        if row["expires_at"] <= self.now():
            self.delete_file(file_id)
            return None
        return _file_object(dict(row))

    def list_files(self, cursor: Cursor, *, purpose: str | None = None, owner: str = "") -> Page:
        where = {"expires_at > ?": self.now(), "owner = ?": owner}
        if purpose:
            where["purpose = ?"] = purpose
        page = self._page("file", "rowid", where, cursor)
        return Page([_file_object(row) for row in page.items], page.has_more)

    def _page(self, table: str, place: str, where: Mapping[str, Any], cursor: Cursor) -> Page:
        """Part of a table, as rows; the names of tables and columns are our own."""
        clauses, values = list(where), list(where.values())
        for name, is_later in ((cursor.after, True), (cursor.before, False)):
            if name is not None:
                than = ">" if is_later != cursor.newest_first else "<"
                clauses.append(f"{place} {than} (SELECT {place} FROM {table} WHERE id = ?)")  # noqa: S608
                values.append(name)
        # Before an entry, those next to it are wanted: found backwards, and turned round.
        is_backwards = cursor.before is not None and cursor.after is None
        order = "DESC" if cursor.newest_first != is_backwards else "ASC"
        rows = self.execute(
            f"SELECT * FROM {table} WHERE {' AND '.join(clauses)} "  # noqa: S608
            f"ORDER BY {place} {order} LIMIT ?",
            (*values, cursor.limit + 1),
        ).fetchall()
        items = [dict(row) for row in rows[: cursor.limit]]
        return Page(items[::-1] if is_backwards else items, len(rows) > cursor.limit)

    def delete_file(self, file_id: str) -> bool:
        deleted = self.execute("DELETE FROM file WHERE id = ?", (file_id,)).rowcount == 1
        if deleted:
            self.path_of(file_id).unlink(missing_ok=True)
        return deleted

    # Batches

    def create_batch(
        self,
        document: Mapping[str, Any],
        *,
        idempotency_key: str | None,
        request_digest: str,
        owner: str = "",
        most_unfinished: int | None = None,
    ) -> tuple[dict[str, Any], bool]:
        """
        Enter a batch, or find the one that the same key made.

        Args:
            document: As it is kept; it is the owner's.
            idempotency_key: As the caller named it; another owner's is another one.
            request_digest: Of the body.
            owner: The name of his key.
            most_unfinished: So many batches of his at once; None is no limit.
        Returns:
            The batch, and whether it is new.
        Raises:
            IdempotencyConflict: The key made another batch.
            TooManyBatches: He has so many.
        """
        document = {**document, OWNER: owner} if owner else dict(document)
        if idempotency_key is not None and owner:
            # A header holds no line break.
            idempotency_key = f"{owner}\n{idempotency_key}"
        with self._own_input_kept(str(document["id"])), self.transaction():
            if idempotency_key is not None:
                row = self.execute(
                    "SELECT document, request_digest FROM batch WHERE idempotency_key = ?", (idempotency_key,)
                ).fetchone()
                if row is not None:
                    if row["request_digest"] != request_digest:
                        raise IdempotencyConflict
                    return json.loads(row["document"]), False
            if most_unfinished is not None and self.count_unfinished(owner) >= most_unfinished:
                raise TooManyBatches
            self._own_input(document, owner)
            self.execute(
                "INSERT INTO batch (id, document, status, idempotency_key, request_digest, owner)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    document["id"],
                    json.dumps(document),
                    document["status"],
                    idempotency_key,
                    request_digest,
                    owner,
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

    def _own_input(self, document: Mapping[str, Any], owner: str) -> None:
        found = self.file(str(document["input_file_id"]), owner=owner)
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

    def batch(self, batch_id: str, *, owner: str | None = None) -> dict[str, Any] | None:
        """A batch; with an owner, only where it is his."""
        if not _BATCH_ID.fullmatch(batch_id):
            return None
        row = self.execute("SELECT document, owner FROM batch WHERE id = ?", (batch_id,)).fetchone()
        if row is None or (owner is not None and row["owner"] != owner):
            return None
        return dict(json.loads(row["document"]))

    def update_batch(self, batch_id: str, **changes: Any) -> dict[str, Any]:
        """Change fields of a batch, in one transaction; whoever is to be told that it ended will be."""
        with self.transaction():
            row = self.execute("SELECT document, status FROM batch WHERE id = ?", (batch_id,)).fetchone()
            document: dict[str, Any] = {**json.loads(row["document"]), **changes}
            status = str(document["status"])
            self.execute(
                "UPDATE batch SET document = ?, status = ? WHERE id = ?",
                (json.dumps(document), status, batch_id),
            )
            if status != row["status"] and status in ENDED:
                self._note_event(batch_id, status)
        if status != row["status"]:
            _log.info("batch", extra={"facts": {"batch": batch_id, "status": status}})
        return document

    def _note_event(self, batch_id: str, status: str) -> None:
        now = self.now()
        event = {
            "object": "event",
            "id": f"evt_{secrets.token_hex(16)}",
            "type": f"batch.{status}",
            "created_at": now,
            "data": {"id": batch_id},
        }
        for url in self._hooks:
            self.execute(
                "INSERT INTO event (id, url, body, created_at, due_at) VALUES (?, ?, ?, ?, ?)",
                (event["id"], url, json.dumps(event, separators=(",", ":")), now, now),
            )

    def list_batches(self, cursor: Cursor, *, owner: str = "") -> Page:
        page = self._page("batch", "number", {"owner = ?": owner}, cursor)
        return Page([json.loads(row["document"]) for row in page.items], page.has_more)

    def count_unfinished(self, owner: str) -> int:
        """Batches of an owner that have not ended."""
        marks = ", ".join("?" for _ in UNFINISHED)
        row = self.execute(
            f"SELECT count(*) FROM batch WHERE owner = ? AND status IN ({marks})",  # noqa: S608
            (owner, *UNFINISHED),
        ).fetchone()
        return int(row[0])

    def count_batches(self) -> dict[str, int]:
        """All batches, by status."""
        return {row[0]: row[1] for row in self.execute("SELECT status, count(*) FROM batch GROUP BY status")}

    def count_files(self) -> tuple[int, int]:
        """All files, and their bytes."""
        row = self.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM file").fetchone()
        return int(row[0]), int(row[1])

    def take_rows(self, owner: str, source: str, rows: int, most: int | None) -> int | None:
        """
        Count rows to an owner's day (in UTC), where he has so many left.

        Args:
            owner: The name of his key.
            source: A batch, which is counted once; "" adds to what was asked directly.
            rows: How many.
            most: A day; None is no limit.
        Returns:
            None, or what was used already where there are not so many left.
        """
        day = self.now() // DAY_S
        with self.transaction():
            row = self.execute(
                "SELECT coalesce(sum(rows), 0) FROM rows_used WHERE owner = ? AND day = ? "
                "AND (source <> ? OR source = '')",
                (owner, day, source),
            ).fetchone()
            used = int(row[0])
            if most is not None and used + rows > most:
                return used
            self.execute(
                "INSERT INTO rows_used VALUES (?, ?, ?, ?) ON CONFLICT (owner, day, source) "
                "DO UPDATE SET rows = excluded.rows + CASE WHEN source = '' THEN rows ELSE 0 END",
                (owner, day, source, rows),
            )
        return None

    # Calls that are made again

    def known_call(self, idempotency_key: str, request_digest: str) -> str | None:
        """
        The id of what a call with this key made.

        Raises:
            IdempotencyConflict: It was another call.
        """
        row = self.execute(
            "SELECT request_digest, object_id FROM known_call WHERE idempotency_key = ?", (idempotency_key,)
        ).fetchone()
        if row is None:
            return None
        if row["request_digest"] != request_digest:
            raise IdempotencyConflict
        return str(row["object_id"])

    def note_call(self, idempotency_key: str, request_digest: str, object_id: str) -> None:
        """Note what a call made."""
        self.execute(
            "INSERT OR REPLACE INTO known_call VALUES (?, ?, ?)", (idempotency_key, request_digest, object_id)
        )

    def habits(self, behind: str) -> dict[str, dict[str, Habit]]:
        """What is known of who answers behind this server, by the model and the name of what is ignored."""
        found: dict[str, dict[str, Habit]] = {}
        for row in self.execute(
            "SELECT model, name, is_mended, seen_at FROM upstream_habit WHERE behind = ?", (behind,)
        ):
            found.setdefault(row["model"], {})[row["name"]] = Habit(bool(row["is_mended"]), row["seen_at"])
        return found

    def keep_habits(self, behind: str, model: str, habits: Mapping[str, Habit]) -> None:
        """Keep all that is known of a model, in the place of what was."""
        with self.transaction():
            self.execute("DELETE FROM upstream_habit WHERE behind = ? AND model = ?", (behind, model))
            for name, habit in habits.items():
                self.execute(
                    "INSERT INTO upstream_habit VALUES (?, ?, ?, ?, ?)",
                    (behind, model, name, int(habit.is_mended), habit.seen_at),
                )

    def oldest_batch(self, *statuses: str, but: Sequence[str] = ()) -> dict[str, Any] | None:
        """The batch that has waited longest in one of these statuses, and isn't named."""
        others = ", ".join("?" for _ in but)
        # One look a status: so the index gives each at once, however many batches there are.
        found = [
            row
            for status in statuses
            for row in self.execute(
                f"SELECT number, document FROM batch WHERE status = ? AND id NOT IN ({others})"  # noqa: S608
                " ORDER BY number LIMIT 1",
                (status, *but),
            )
        ]
        oldest = min(found, key=lambda row: int(row["number"]), default=None)
        return json.loads(oldest["document"]) if oldest else None

    def input_of(self, batch_id: str) -> Path:
        return self.work / f"{batch_id}.input"

    def asked_of(self, batch_id: str) -> Path:
        """The numbers of the rows that somebody was asked for."""
        return self.work / f"{batch_id}.asked"

    def results_of(self, batch_id: str, kind: str) -> Path:
        """Result lines so far; `kind` is `output` or `error`."""
        return self.work / f"{batch_id}.{kind}"

    def execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> sqlite3.Cursor:
        with translated(self._path):
            return self._db.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
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
