"""
The ledger: what is known to be true about a run, in one SQLite file.

State is per shard; what became of a row follows from the raw files. Every change of state
is one transaction: a guarded statement (the old state is part of the WHERE) and an event.

A rollback journal with synchronous=FULL is used, not WAL: the ledger is small, a commit is a few
milliseconds, and WAL is not safe on the network file systems that clusters have for home folders
(https://www.sqlite.org/wal.html, "All processes using a database must be on the same host").
"""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from rowbatch.core.states import ShardState
from rowbatch.errors import RowbatchError, RunError, RunTooNew, StorageError, from_os_error

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE shard (
    round INTEGER NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    first_row INTEGER NOT NULL,
    last_row INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    file_id TEXT,
    intent_at TEXT,
    batch_id TEXT,
    batch_status TEXT,
    batch_json TEXT,
    completed_requests INTEGER NOT NULL DEFAULT 0,
    failed_requests INTEGER NOT NULL DEFAULT 0,
    reserved_usd TEXT NOT NULL DEFAULT '0',
    output_name TEXT,
    output_sha256 TEXT,
    error_name TEXT,
    error_sha256 TEXT,
    PRIMARY KEY (round, number)
) STRICT;
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    round INTEGER,
    shard INTEGER,
    detail TEXT NOT NULL
) STRICT;
CREATE TABLE fact (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
"""

# claim_shard
# Record that we are about to create a batch, so that no other process creates it too.
_CLAIM = """
UPDATE shard SET state = 'submitting', intent_at = :at, reserved_usd = :reserved_usd
WHERE round = :round AND number = :number AND state = 'uploaded'
"""


@dataclass(frozen=True, slots=True)
class Shard:
    """
    One row of the ledger's table `shard`.

    Attributes:
        round, number: Together its name; both from 1.
        first_row, last_row: Rows of the table that it spans, both included.
        requests, bytes: What its file holds.
        sha256: Of its file.
        token: Sent along as metadata, so that a batch whose id was lost can be recognised.
        batch_json: The provider's last answer about the batch.
        completed_requests, failed_requests: The provider's counters: a hint for the progress bar.
        output_name, error_name: Result files under `results/`, or None when the batch lists none.
    """

    round: int
    number: int
    state: ShardState
    first_row: int
    last_row: int
    requests: int
    bytes: int
    sha256: str
    token: str
    file_id: str | None
    intent_at: datetime | None
    batch_id: str | None
    batch_status: str | None
    batch_json: str | None
    completed_requests: int
    failed_requests: int
    reserved_usd: Decimal
    output_name: str | None
    output_sha256: str | None
    error_name: str | None
    error_sha256: str | None

    @property
    def name(self) -> str:
        """The shard's name in file names and messages: `r1-0001`."""
        return f"r{self.round}-{self.number:04d}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the run, as `rowbatch status` shows it."""

    at: datetime
    kind: str
    round: int | None
    shard: int | None
    detail: Mapping[str, object]


class Ledger:
    """
    An open ledger. Readers may come and go at any time; writing is for the holder of the run lock.

    Raises:
        RunTooNew: A newer rowbatch wrote it.
        RunError: It is not a ledger.
        StorageError: SQLite could not read or write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._translated():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            self._db.close()
            raise RunTooNew(
                f"{path.parent} was written by a newer rowbatch (ledger version {version}, "
                f"this one knows {SCHEMA_VERSION})",
                path=str(path.parent),
                hint="pip install --upgrade rowbatch",
            )
        if version < SCHEMA_VERSION:
            self._db.close()
            raise RunError(
                f"{path} is not a ledger that was completely written",
                path=str(path.parent),
                hint="the run was never started: build it again under another name",
            )

    @classmethod
    def create(cls, path: Path) -> Ledger:
        """Make an empty ledger. Its version is written last, in the same transaction as its tables."""
        try:
            db = sqlite3.connect(path, isolation_level=None)
            try:
                db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            finally:
                db.close()
        except sqlite3.Error as error:
            raise _storage_error(path, error) from error
        return cls(path)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading

    def shards(self) -> list[Shard]:
        """All shards by round and number."""
        with self._translated():
            return [
                _shard(row)
                for row in self._db.execute("SELECT * FROM shard ORDER BY round, number").fetchall()
            ]

    def shard(self, round_: int, number: int) -> Shard:
        with self._translated():
            row = self._db.execute(
                "SELECT * FROM shard WHERE round = ? AND number = ?", (round_, number)
            ).fetchone()
        if row is None:
            raise RunError(f"the run has no shard {number} in round {round_}", path=str(self.path.parent))
        return _shard(row)

    def events(self) -> list[Event]:
        """All events, oldest first."""
        with self._translated():
            rows = self._db.execute("SELECT at, kind, round, shard, detail FROM event ORDER BY id").fetchall()
        return [
            Event(datetime.fromisoformat(row[0]), row[1], row[2], row[3], json.loads(row[4])) for row in rows
        ]

    def fact(self, name: str) -> str | None:
        with self._translated():
            row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    # Writing

    def set_fact(self, name: str, value: str) -> None:
        """Remember one thing about the run, replacing what was known before."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def add_event(self, kind: str, shard: Shard | None = None, **detail: object) -> None:
        with self._transaction():
            self._event(kind, shard, detail)

    def add_shards(self, shards: list[Shard], *, facts: Mapping[str, str]) -> None:
        """Enter the shards of one round as `written`, with facts about them, all or none."""
        with self._transaction():
            for name, value in facts.items():
                self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))
            for shard in shards:
                self._db.execute(
                    "INSERT INTO shard"
                    " (round, number, state, first_row, last_row, requests, bytes, sha256, token)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        shard.round,
                        shard.number,
                        ShardState.WRITTEN,
                        shard.first_row,
                        shard.last_row,
                        shard.requests,
                        shard.bytes,
                        shard.sha256,
                        shard.token,
                    ),
                )
            self._event(
                "built", None, {"shards": len(shards), "requests": sum(shard.requests for shard in shards)}
            )

    def claim(self, shard: Shard, *, reserved_usd: Decimal) -> Shard:
        """
        Write the intent to create a batch. Committed before the paid call goes out.

        Raises:
            RunError: The shard is not `uploaded` any more: someone else was first.
        """
        with self._transaction():
            changed = self._db.execute(
                _CLAIM,
                {
                    "at": _now(),
                    "reserved_usd": str(reserved_usd),
                    "round": shard.round,
                    "number": shard.number,
                },
            ).rowcount
            self._guard(changed, shard)
            self._event("intent", shard, {"token": shard.token, "reserved_usd": str(reserved_usd)})
        return self.shard(shard.round, shard.number)

    def move(
        self,
        shard: Shard,
        to: ShardState,
        *,
        event: str,
        detail: Mapping[str, object] | None = None,
        **columns: str | int | None,
    ) -> Shard:
        """
        Change a shard's state from what `shard` says it is, with an event, in one transaction.

        Args:
            shard: As it was read; its state is the guard.
            to: The new state; may be the old one when only columns change.
            event: Kind of the event.
            detail: What the event says.
            columns: Other columns to set.
        Raises:
            RunError: The state is not what it was any more.
        """
        unknown = columns.keys() - _SETTABLE
        if unknown:
            raise ValueError(f"not a column to set: {sorted(unknown)}")
        names = ", ".join(["state = :state_to", *(f"{name} = :{name}" for name in columns)])
        with self._transaction():
            changed = self._db.execute(
                f"UPDATE shard SET {names} WHERE round = :round AND number = :number AND state = :state_from",  # noqa: S608
                {
                    **columns,
                    "state_to": to,
                    "state_from": shard.state,
                    "round": shard.round,
                    "number": shard.number,
                },
            ).rowcount
            self._guard(changed, shard)
            self._event(event, shard, detail or {})
        return self.shard(shard.round, shard.number)

    def note_progress(
        self, shard: Shard, *, status: str, completed: int, failed: int, batch_json: str
    ) -> None:
        """Keep what the provider said about a running batch. No event: it is asked every few seconds."""
        with self._transaction():
            self._db.execute(
                "UPDATE shard SET"
                " batch_status = ?, completed_requests = ?, failed_requests = ?, batch_json = ?"
                " WHERE round = ? AND number = ? AND state = 'submitted'",
                (status, completed, failed, batch_json, shard.round, shard.number),
            )

    def _guard(self, changed: int, shard: Shard) -> None:
        if changed != 1:
            raise RunError(
                f"shard {shard.name} is not {shard.state} any more: another process changed it",
                path=str(self.path.parent),
                hint="run the same command again",
            )

    def _event(self, kind: str, shard: Shard | None, detail: Mapping[str, object]) -> None:
        self._db.execute(
            "INSERT INTO event (at, kind, round, shard, detail) VALUES (?, ?, ?, ?, ?)",
            (
                _now(),
                kind,
                shard.round if shard else None,
                shard.number if shard else None,
                json.dumps(detail, ensure_ascii=False, default=str),
            ),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except RowbatchError:
            raise
        except sqlite3.Error as error:
            raise _storage_error(self.path, error) from error


_SETTABLE = frozenset(
    {
        "file_id",
        "batch_id",
        "batch_status",
        "batch_json",
        "completed_requests",
        "failed_requests",
        "output_name",
        "output_sha256",
        "error_name",
        "error_sha256",
    }
)


def _storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        full = OSError(errno.ENOSPC, "no space left")
        found = from_os_error(full, str(path))
        assert isinstance(found, StorageError)
        return found
    return StorageError(f"the ledger {path}: {error}", path=str(path))


def _shard(row: sqlite3.Row) -> Shard:
    values = dict(row)
    values["state"] = ShardState(values["state"])
    values["reserved_usd"] = Decimal(values["reserved_usd"])
    values["intent_at"] = datetime.fromisoformat(values["intent_at"]) if values["intent_at"] else None
    return Shard(**values)


def new_shard(
    *, number: int, first_row: int, last_row: int, requests: int, size_bytes: int, sha256: str, token: str
) -> Shard:
    """A shard of round 1 whose file has just been written."""
    return Shard(
        round=1,
        number=number,
        state=ShardState.WRITTEN,
        first_row=first_row,
        last_row=last_row,
        requests=requests,
        bytes=size_bytes,
        sha256=sha256,
        token=token,
        file_id=None,
        intent_at=None,
        batch_id=None,
        batch_status=None,
        batch_json=None,
        completed_requests=0,
        failed_requests=0,
        reserved_usd=Decimal(0),
        output_name=None,
        output_sha256=None,
        error_name=None,
        error_sha256=None,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
