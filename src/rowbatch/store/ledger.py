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
from rowbatch.store.atomic import fsync_folder
from rowbatch.words.notice import Notice, read_notice

SCHEMA_VERSION = 3

# Version 1, as rowbatch 0.1 wrote it. Newer versions are made of it by `_MIGRATIONS`, so that a new ledger
# and an old one that was opened are the same.
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

# What makes each version of the one before.
_MIGRATIONS = {
    2: """
ALTER TABLE shard ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE shard ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE shard ADD COLUMN past_batches TEXT NOT NULL DEFAULT '[]';
ALTER TABLE shard ADD COLUMN waits_for TEXT NOT NULL DEFAULT '';
ALTER TABLE shard ADD COLUMN not_before TEXT;
ALTER TABLE shard ADD COLUMN submitted_at TEXT;
ALTER TABLE shard ADD COLUMN ended_at TEXT;
ALTER TABLE shard ADD COLUMN key_mark TEXT NOT NULL DEFAULT '';
ALTER TABLE shard ADD COLUMN spent_usd TEXT;
ALTER TABLE shard ADD COLUMN findings TEXT;
ALTER TABLE shard ADD COLUMN raw_name TEXT;
ALTER TABLE shard ADD COLUMN raw_sha256 TEXT;
ALTER TABLE shard ADD COLUMN cleaned_at TEXT;
""",
    3: """
ALTER TABLE shard ADD COLUMN failure TEXT;
""",
}

# claim_shard
# Record that we are about to create a batch, so that no other process creates it too. The money is
# reserved by the same statement that decides.
_CLAIM = """
UPDATE shard SET state = 'submitting', intent_at = :at, reserved_usd = :reserved_usd, key_mark = :key_mark,
    waits_for = '', not_before = NULL
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
        output_name, error_name: Result files under `results/`, or None when the batch lists none; in the
            form of OpenAI's.
        tokens: Of the prompts, the most that they can be; 0 when nobody counted them.
        attempt: From 1; one more each time a batch was taken back before anything ran.
        past_batches: Ids of such batches.
        waits_for: Why it is not submitted yet, or None.
        not_before: When it is tried again, or None.
        submitted_at, ended_at: When we learned of it.
        key_mark: Which key paid, as `Key.mark`.
        reserved_usd: The most that it may cost; counts against the cap until `spent_usd` is known.
        spent_usd: What it did cost, by the tokens that its results say; None before, or without a price.
        findings: What its results hold, as JSON of `results.findings.Findings`; None before they came.
        raw_name: The file as it came, where the provider has a form of its own.
        cleaned_at: When our files were removed at the provider.
        failure: Why its whole batch failed, in the provider's words; "" where it did not, or gave no reason.
            None before it ended, or where an older version did not note it.
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
    tokens: int = 0
    attempt: int = 1
    past_batches: tuple[str, ...] = ()
    waits_for: Notice | None = None
    not_before: datetime | None = None
    submitted_at: datetime | None = None
    ended_at: datetime | None = None
    key_mark: str = ""
    spent_usd: Decimal | None = None
    findings: str | None = None
    raw_name: str | None = None
    raw_sha256: str | None = None
    cleaned_at: datetime | None = None
    failure: str | None = None

    @property
    def wire_token(self) -> str:
        """What the batch is recognised by: another one for each attempt."""
        return self.token if self.attempt == 1 else f"{self.token}-a{self.attempt}"

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
            raise RunTooNew("ledger-too-new", path=str(path.parent), version=version, known=SCHEMA_VERSION)
        if version < 1:
            self._db.close()
            raise RunError("ledger-incomplete", path=str(path.parent), ledger=str(path))
        self._epoch: int | None = None
        if version < SCHEMA_VERSION:
            with self._translated():
                _migrate(self._db, path, version)

    @classmethod
    def create(cls, path: Path) -> Ledger:
        """Make an empty ledger, which takes its name when it is whole: a kill leaves none, never half."""
        part = path.with_name(f".{path.name}.part")
        try:
            for left in (part, part.with_name(f"{part.name}-journal")):
                left.unlink(missing_ok=True)
            db = sqlite3.connect(part, isolation_level=None)
            try:
                whole = _SCHEMA + "".join(_MIGRATIONS.values())
                db.executescript(f"BEGIN; {whole} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            finally:
                db.close()
            part.replace(path)
            fsync_folder(path.parent)
        except sqlite3.Error as error:
            raise _storage_error(path, error) from error
        except OSError as error:
            raise from_os_error(error, str(path)) from error
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
            raise RunError("no-such-shard", path=str(self.path.parent), number=number, round=round_)
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

    def facts(self, prefix: str) -> list[tuple[str, str]]:
        """Facts whose names begin so: the rest of the name, and the value."""
        with self._translated():
            rows = self._db.execute("SELECT name, value FROM fact ORDER BY name").fetchall()
        return [(row[0].removeprefix(prefix), row[1]) for row in rows if row[0].startswith(prefix)]

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the file itself; nothing when it is whole."""
        with self._translated():
            found = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check").fetchall()]
        return [] if found == ["ok"] else found

    def spent_usd(self) -> Decimal:
        """What was spent, and for batches that are not over what may be: the sum that a cap is about."""
        with self._translated():
            rows = self._db.execute("SELECT reserved_usd, spent_usd FROM shard").fetchall()
        return sum((Decimal(row[0] if row[1] is None else row[1]) for row in rows), Decimal(0))

    def intents_since(self, at: datetime) -> int:
        """How many paid calls were made since then."""
        with self._translated():
            row = self._db.execute(
                "SELECT count(*) FROM event WHERE kind = 'intent' AND at >= ?",
                (at.astimezone(UTC).isoformat(timespec="milliseconds"),),
            ).fetchone()
        return int(row[0])

    # Writing

    def take_over(self) -> None:
        """
        Say that from now on this process writes; an older writer that is still alive can't any more.

        The run lock keeps two processes apart already, but not on every network file system.
        """
        with self._transaction():
            row = self._db.execute("SELECT value FROM fact WHERE name = 'epoch'").fetchone()
            epoch = int(row[0]) + 1 if row else 1
            self._db.execute("INSERT OR REPLACE INTO fact VALUES ('epoch', ?)", (str(epoch),))
        self._epoch = epoch

    def set_fact(self, name: str, value: str) -> None:
        """Remember one thing about the run, replacing what was known before."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def add_event(self, kind: str, shard: Shard | None = None, **detail: object) -> None:
        with self._transaction():
            self._event(kind, shard, detail)

    def add_shards(
        self,
        shards: list[Shard],
        *,
        facts: Mapping[str, str] | None = None,
        event: str = "built",
        cut: Shard | None = None,
    ) -> None:
        """
        Enter shards as `written`, with facts about them, all or none.

        Args:
            shards: Of one round.
            facts: Remembered with them.
            event: Kind of the event.
            cut: A shard that they replace.
        Raises:
            RunError: The shard to replace is not what it was any more.
        """
        with self._transaction():
            for name, value in (facts or {}).items():
                self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))
            if cut is not None:
                changed = self._db.execute(
                    "UPDATE shard SET state = 'cut', reserved_usd = '0', waits_for = ''"
                    " WHERE round = ? AND number = ? AND state = ?",
                    (cut.round, cut.number, cut.state),
                ).rowcount
                self._guard(changed, cut)
            for shard in shards:
                self._db.execute(
                    "INSERT INTO shard"
                    " (round, number, state, first_row, last_row, requests, bytes, sha256, token, tokens)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                        shard.tokens,
                    ),
                )
            self._event(
                event,
                cut,
                {
                    "round": shards[0].round if shards else None,
                    "shards": len(shards),
                    "requests": sum(shard.requests for shard in shards),
                },
            )

    def claim(
        self,
        shard: Shard,
        *,
        reserved_usd: Decimal,
        cap_usd: Decimal | None = None,
        key_mark: str = "",
        at: datetime | None = None,
    ) -> Shard | None:
        """
        Write the intent to create a batch. Committed before the paid call goes out.

        Args:
            shard: Uploaded.
            reserved_usd: The most that it may cost.
            cap_usd: What all rounds together may cost; None for no cap.
            key_mark: Of the key that pays.
            at: The time of the intent by the provider's clock; None means ours.
        Returns:
            The shard; or None when the cap does not allow it, and nothing was written.
        Raises:
            RunError: The shard is not `uploaded` any more: someone else was first.
        """
        with self._transaction():
            if cap_usd is not None and self.spent_usd() + reserved_usd > cap_usd:
                return None
            changed = self._db.execute(
                _CLAIM,
                {
                    "at": at.astimezone(UTC).isoformat(timespec="milliseconds") if at else _now(),
                    "reserved_usd": str(reserved_usd),
                    "key_mark": key_mark,
                    "round": shard.round,
                    "number": shard.number,
                },
            ).rowcount
            self._guard(changed, shard)
            self._event(
                "intent",
                shard,
                {"token": shard.wire_token, "attempt": shard.attempt, "reserved_usd": str(reserved_usd)},
            )
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

    def note_wait(self, shard: Shard, reason: Notice, until: datetime | None = None) -> Shard:
        """Keep why a shard is not submitted yet. No event: it is looked at every few seconds."""
        known = shard.waits_for.to_json() if shard.waits_for else ""
        told = reason.to_json()
        stamp = until.astimezone(UTC).isoformat(timespec="milliseconds") if until else None
        if told != known or until != shard.not_before:
            with self._transaction():
                self._db.execute(
                    "UPDATE shard SET waits_for = ?, not_before = ? WHERE round = ? AND number = ?",
                    (told, stamp, shard.round, shard.number),
                )
        return self.shard(shard.round, shard.number)

    def _guard(self, changed: int, shard: Shard) -> None:
        if changed != 1:
            raise RunError(
                "shard-changed-meanwhile",
                path=str(self.path.parent),
                shard=shard.name,
                state=shard.state.value,
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
                self._require_epoch()
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _require_epoch(self) -> None:
        if self._epoch is None:
            return
        row = self._db.execute("SELECT value FROM fact WHERE name = 'epoch'").fetchone()
        if row is None or int(row[0]) != self._epoch:
            raise RunError("run-taken-over", path=str(self.path.parent))

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
        "attempt",
        "past_batches",
        "not_before",
        "submitted_at",
        "ended_at",
        "reserved_usd",
        "spent_usd",
        "findings",
        "raw_name",
        "raw_sha256",
        "cleaned_at",
        "failure",
    }
)


def _storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        full = OSError(errno.ENOSPC, "no space left")
        found = from_os_error(full, str(path))
        assert isinstance(found, StorageError)
        return found
    return StorageError("ledger-refuses", path=str(path), told=str(error))


def _shard(row: sqlite3.Row) -> Shard:
    values = dict(row)
    values["state"] = ShardState(values["state"])
    for name in ("reserved_usd", "spent_usd"):
        values[name] = None if values[name] is None else Decimal(values[name])
    for name in ("intent_at", "not_before", "submitted_at", "ended_at", "cleaned_at"):
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    values["waits_for"] = read_notice(values["waits_for"])
    values["past_batches"] = tuple(json.loads(values["past_batches"]))
    return Shard(**values)


def _migrate(db: sqlite3.Connection, path: Path, version: int) -> None:
    """Make the newest version of an older one, which is kept beside it."""
    copy = path.with_name(f"{path.stem}-v{version}.sqlite")
    if not copy.exists():
        # In one file that is complete or not there.
        unfinished = copy.with_name(f".{copy.name}.part")
        unfinished.unlink(missing_ok=True)
        db.execute("VACUUM INTO ?", (str(unfinished),))
        unfinished.replace(copy)
    for number in range(version + 1, SCHEMA_VERSION + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been first.
            if db.execute("PRAGMA user_version").fetchone()[0] == number - 1:
                for statement in _MIGRATIONS[number].split(";"):
                    if statement.strip():
                        db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def new_shard(
    *,
    number: int,
    first_row: int,
    last_row: int,
    requests: int,
    size_bytes: int,
    sha256: str,
    token: str,
    tokens: int = 0,
    round_: int = 1,
) -> Shard:
    """A shard whose file has just been written."""
    return Shard(
        round=round_,
        number=number,
        state=ShardState.WRITTEN,
        first_row=first_row,
        last_row=last_row,
        requests=requests,
        bytes=size_bytes,
        sha256=sha256,
        token=token,
        tokens=tokens,
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
