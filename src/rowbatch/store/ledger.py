"""
The ledger: what is known to be true about a run, in one SQLite file.

State is per shard; what became of a row follows from the raw files. Every change of state
is one transaction: a guarded statement (the old state is part of the WHERE) and an event.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rowbatch.core.states import ShardState, require_move
from rowbatch.errors import RunError, RunTooNew, StorageError, from_os_error
from rowbatch.objects.disk import fsync_folder
from rowbatch.store import statements as sql
from rowbatch.store.schema import SCHEMA_VERSION, make_tables, migrate
from rowbatch.store.sqlite import open_database, transaction, translated
from rowbatch.store.tally import Name, Tally, weight_of
from rowbatch.store.trail import Moment, Step, Steps, Trail
from rowbatch.words.notice import Notice, read_notice

LEDGER_FAULTS = frozenset(
    {
        "ledger-lost",
        "ledger-damaged",
        "ledger-findings-damaged",
        "ledger-of-another-run",
        "ledger-outdated",
        "ledger-incomplete",
    }
)
"""Kinds of errors after which a run has to be recovered."""
TAKEN_OVER = "taken-over"
"""Kind of the event that tells which rows have their answers from earlier runs."""
VALUES_KEPT = "values-kept"
"""Kind of the event that tells which variables have their values from an earlier run."""
Driven = Literal["no", "yes", "paused"]
"""Whether the program that people sit at drives a run."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def name_of(round_: int, number: int) -> str:
    """The name of a shard in file names and messages: `r1-0001`."""
    return f"r{round_}-{number:04d}"


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
        freed_at: When its request file alone was removed there, to make room.
        failure: Why its whole batch failed, in the provider's words; "" where it did not, or gave no reason.
            None before it ended, or where an older version did not note it.
        may_fail: A person wants the rest submitted, however many of its rows failed.
        may_be_unpaid: A person knows that nobody paid for rows of it, and wants them asked again.
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
    may_fail: bool = False
    may_be_unpaid: bool = False
    freed_at: datetime | None = None

    @property
    def wire_token(self) -> str:
        """What the batch is recognised by: another one for each attempt."""
        return self.token if self.attempt == 1 else f"{self.token}-a{self.attempt}"

    @property
    def name(self) -> str:
        """The shard's name in file names and messages: `r1-0001`."""
        return name_of(self.round, self.number)


class Standing(NamedTuple):
    """
    How shards of one round and state stand.

    Attributes:
        round, state, batch_status: Of all of them; the last one in the provider's words, or "".
        shards: How many they are.
        requests, bytes, tokens: Their rows, the bytes of their files, and the most that their prompts have.
        answered, failed, cancelled: Rows with an answer, come back without one, and cancelled before their
            turn. By the provider's counters until the results are here, then through the codebook.
        spent_usd: What those of them did cost of which that is known; None where it is known of none.
    """

    round: int
    state: ShardState
    batch_status: str
    shards: int
    requests: int
    bytes: int
    tokens: int
    answered: int
    failed: int
    cancelled: int
    spent_usd: Decimal | None


class Running(NamedTuple):
    """A batch that runs, and what the provider said of it last."""

    round: int
    number: int
    batch_id: str
    status: str
    completed: int
    failed: int


class ShardLine(NamedTuple):
    """
    How one shard stands, without what only the driver wants to know.

    Attributes:
        round, number, state, batch_status, requests, answered, failed: As in `Standing`.
        waits_for: Why it is not submitted yet, or None.
        batch_id: None before it has one.
    """

    round: int
    number: int
    state: str
    batch_status: str
    requests: int
    answered: int
    failed: int
    waits_for: Notice | None
    batch_id: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the run, as `rowbatch status` shows it."""

    at: datetime
    kind: str
    round: int | None
    shard: int | None
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TableCounts:
    """
    What `build` found in the table.

    Attributes:
        rows: Of the table.
        skipped: Rows with an empty text.
        duplicates: Rows that ask what an earlier one asks.
        bad_rows: Broken rows of the table that were kept or skipped.
    """

    rows: int
    skipped: int = 0
    duplicates: int = 0
    bad_rows: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """
    What the ledger knows of the run as a whole: its table `run`, which has one row.

    Attributes:
        counts: Of the table; None until the run is built.
        policy: What was changed about how it is driven since it was made, as `RunPolicy.to_plain` says it.
        is_cancelled: A person wants it to stop.
        driven: Whether the program that people sit at drives it, or was told to pause.
        trouble: Why it stands still, as `desk.jobs` tells it; None when nothing is in the way.
    """

    counts: TableCounts | None
    policy: Mapping[str, object]
    is_cancelled: bool
    driven: Driven
    trouble: Mapping[str, object] | None


class Ledger:
    """
    An open ledger. Readers may come and go at any time; writing is for the holder of the run lock.

    Args:
        path: Its file.
        trail: Of the run: gets a line for each change of a shard. None for a ledger by itself.
    Raises:
        RunTooNew: A newer rowbatch wrote it.
        RunError: It is not a ledger, not that of this run, or an older copy of it.
        StorageError: SQLite could not read or write, or it is damaged (`ledger-damaged`).
    """

    def __init__(self, path: Path, trail: Trail | None = None) -> None:
        self.path, self._trail = path, trail
        # Read first: whatever the trail knows then is in the ledger before.
        newest = trail.newest() if trail is not None else None
        with _told_of_run(path):
            self._db = open_database(path)
        self._epoch: int | None = None
        self._now: Callable[[], datetime] = _utc_now
        self._tally: Tally | None = None
        self._tally_version = 0
        self._touched: set[Name] = set()
        try:
            self._require_version()
            if trail is not None:
                self._require_ours(trail, newest)
        except BaseException:
            self._db.close()
            raise

    def _require_version(self) -> None:
        version = self._row(sql.VERSION)[0]
        if version > SCHEMA_VERSION:
            raise RunTooNew(
                "ledger-too-new", path=str(self.path.parent), version=version, known=SCHEMA_VERSION
            )
        if version < 1:
            raise RunError("ledger-incomplete", path=str(self.path.parent), ledger=str(self.path))
        if version < SCHEMA_VERSION:
            with self._translated():
                migrate(self._db, self.path, version)

    def _require_ours(self, trail: Trail, newest: Moment | None) -> None:
        with self._translated():
            identity = self._row(sql.RUN)["identity"]
        if identity != trail.identity:
            raise RunError("ledger-of-another-run", path=str(self.path.parent), ledger=str(self.path))
        self._require_known(newest)

    def _require_known(self, newest: Moment | None) -> None:
        if newest is not None and not self._rows(sql.HAS_EVENT, id=newest.id, at=newest.at, kind=newest.kind):
            raise RunError("ledger-outdated", path=str(self.path.parent), ledger=str(self.path))

    @classmethod
    def create(cls, path: Path, trail: Trail | None = None) -> Ledger:
        """Make an empty ledger, which takes its name when it is whole: a kill leaves none, never half."""
        with _made_whole(path, trail):
            pass
        return cls(path, trail)

    @classmethod
    def create_again(
        cls, path: Path, trail: Trail, steps: Steps, shards: Sequence[Shard], about: Mapping[str, Any]
    ) -> Ledger:
        """
        Make the ledger of a run that lost its own; whole, or none.

        Args:
            path: A name that is free.
            trail: Of the run.
            steps: Of the trail, whose events it gets.
            shards: As they stand now.
            about: What is known of the run as a whole, as in the trail: `counts`, `policy`, `outputs`,
                `is_cancelled`.
        """
        with _made_whole(path, trail) as part, cls(part) as ledger:
            ledger._restore(steps, shards, about)
        return cls(path, trail)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading

    def shards(self, *states: ShardState) -> list[Shard]:
        """All shards by round and number, or those in some states. Each costs some 40 µs."""
        rows = self._rows(sql.SHARDS_IN, states=json.dumps(states)) if states else self._rows(sql.SHARDS)
        with self._translated():
            return [_shard(row) for row in rows]

    def first_unsent(self) -> Shard | None:
        """The first shard that is not submitted; None where there is none."""
        rows = self._rows(sql.FIRST_UNSENT)
        with self._translated():
            return _shard(rows[0]) if rows else None

    def shards_with_findings(self) -> list[Shard]:
        """Shards whose results are here, without those that a person lets fail."""
        with self._translated():
            return [_shard(row) for row in self._rows(sql.WITH_FINDINGS)]

    def first_row(self) -> int:
        """The first row of the table that is asked; 1 where none is."""
        return int(self._row(sql.FIRST_ROW)[0] or 1)

    def first_of_round(self, round_: int, most: int) -> list[Shard]:
        """The first shards of a round, by number."""
        with self._translated():
            return [_shard(row) for row in self._rows(sql.FIRST_OF_ROUND, round=round_, most=most)]

    def last_number(self, round_: int) -> int:
        """The highest number of the shards of a round, with those that were cut; 0 where there is none."""
        return int(self._row(sql.LAST_NUMBER, round=round_)[0] or 0)

    def first_token(self) -> str:
        """The token of the first shard, from which those that are made later derive theirs."""
        return str(self._row(sql.SEED)[0])

    def standing(self) -> list[Standing]:
        """
        How the shards of each round and state stand, without those that were cut. Those of round 0 were taken
        over.
        """
        rows = self._rows(sql.STANDING)
        with self._translated():
            return [
                Standing._make((row[0], ShardState(row[1]), *row[2:-1], _sum_usd(row[-1]))) for row in rows
            ]

    def page(self, most: int | None = None) -> list[ShardLine]:
        """How each shard stands, or the first ones; without those that were cut, or taken over."""
        rows = self._rows(sql.PAGE, most=-1 if most is None else most)
        with self._translated():
            # Thousands may wait for the same.
            reasons = {text: read_notice(text) for text in {row[7] for row in rows}}
            return [ShardLine._make((*row[:7], reasons[row[7]], row[8])) for row in rows]

    def waiting(self) -> list[Notice]:
        """Why shards are not submitted yet, each reason once."""
        with self._translated():
            found = [read_notice(row[0]) for row in self._rows(sql.WAITING)]
        return [notice for notice in found if notice is not None]

    def oldest_at_provider(self) -> tuple[int, datetime | None]:
        """How many batches there are whose results are not here, and when the first of them was made."""
        row = self._row(sql.OLDEST_AT_PROVIDER)
        with self._translated():
            return int(row[0]), datetime.fromisoformat(row[1]) if row[1] else None

    def running(self) -> list[Running]:
        """The batches that run, by round and number."""
        return [Running(*row) for row in self._rows(sql.RUNNING)]

    def unsent_rows(self) -> int:
        """Rows of what is not submitted yet."""
        return int(self._row(sql.PREPARED_ROWS)[0])

    def tally(self) -> Tally:
        """
        Sums over the shards as they stand now.

        They are counted once, and then follow what this connection writes; when another one has written,
        which SQLite tells, they are counted anew.
        """
        version = int(self._row(sql.DATA_VERSION)[0])
        with self._translated():
            if self._tally is None or version != self._tally_version:
                rows = self._rows(sql.WEIGHTS)
                self._tally = Tally(((row["round"], row["number"]), weight_of(row)) for row in rows)
                self._tally_version = version
            else:
                for round_, number in self._touched:
                    for row in self._rows(sql.WEIGHT, round=round_, number=number):
                        self._tally.put((round_, number), weight_of(row))
        self._touched.clear()
        return self._tally

    def shard(self, round_: int, number: int) -> Shard:
        rows = self._rows(sql.SHARD, round=round_, number=number)
        if not rows:
            raise RunError("no-such-shard", path=str(self.path.parent), number=number, round=round_)
        with self._translated():
            return _shard(rows[0])

    def events(self, *kinds: str) -> list[Event]:
        """All events, oldest first; or those of some kinds."""
        rows = self._rows(sql.EVENTS_OF, kinds=json.dumps(kinds)) if kinds else self._rows(sql.EVENTS)
        return self._events(rows)

    def newest_events(self, most: int) -> list[Event]:
        """What happened last, oldest first."""
        return self._events(self._rows(sql.NEWEST_EVENTS, most=most))

    def events_of(self, shard: Shard, kind: str) -> list[Event]:
        """What happened of one kind to one shard, oldest first."""
        return self._events(
            self._rows(sql.EVENTS_OF_SHARD, kind=kind, round=shard.round, number=shard.number)
        )

    def _events(self, rows: Sequence[sqlite3.Row]) -> list[Event]:
        with self._translated():
            return [
                Event(datetime.fromisoformat(row[0]), row[1], row[2], row[3], _object(row[4])) for row in rows
            ]

    def run(self) -> RunRecord:
        """What is known of the run as a whole."""
        row = self._row(sql.RUN)
        with self._translated():
            counts = TableCounts(row["rows"], row["skipped"], row["duplicates"], row["bad_rows"])
            return RunRecord(
                counts=None if row["rows"] is None else counts,
                policy=_object(row["policy"]),
                is_cancelled=bool(row["is_cancelled"]),
                driven=row["driven"],
                trouble=None if row["trouble"] is None else _object(row["trouble"]),
            )

    def outputs(self) -> dict[Path, str]:
        """Every labelled table that was written, and the digest of what was."""
        return {Path(row[0]): str(row[1]) for row in self._rows(sql.OUTPUTS)}

    def output_digest(self, path: Path) -> str | None:
        """The digest of what was written there; None when it is no output of this run."""
        rows = self._rows(sql.OUTPUT, path=str(path.resolve()))
        return str(rows[0][0]) if rows else None

    def queue_limit(self, model: str) -> int | None:
        """How many prompt tokens may wait at the provider, where it told that; for one of its models."""
        rows = self._rows(sql.QUEUE_LIMIT, model=model)
        return int(rows[0][0]) if rows else None

    def is_last_round(self, round_: int, *, asks_invalid: bool) -> bool:
        """Whether nothing of a round is worth asking again: what may pass, and perhaps invalid answers."""
        return bool(self._rows(sql.IS_LAST_ROUND, round=round_, asks_invalid=asks_invalid))

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the file itself; nothing when it is whole."""
        found = [str(row[0]) for row in self._rows(sql.CHECK)]
        return [] if found == ["ok"] else found

    def spent_usd(self) -> Decimal:
        """What was spent, and for batches that are not over what may be: the sum that a cap is about."""
        rows = self._rows(sql.MONEY)
        with self._translated():
            return sum((Decimal(row[0] if row[1] is None else row[1]) for row in rows), Decimal(0))

    def intent_before(self, others: int) -> datetime | None:
        """When the paid call was made after which there were so many others; None where there is none."""
        rows = self._rows(sql.INTENT_BEFORE, others=others)
        with self._translated():
            return datetime.fromisoformat(rows[0][0]) if rows else None

    def _rows(self, statement: str, **values: str | int | None) -> list[sqlite3.Row]:
        with self._translated():
            return self._db.execute(statement, values).fetchall()

    def _row(self, statement: str, **values: str | int | None) -> sqlite3.Row:
        rows = self._rows(statement, **values)
        if len(rows) != 1:
            raise _damaged(self.path, f"{len(rows)} rows where there is one")
        return rows[0]

    def _translated(self) -> AbstractContextManager[None]:
        return _values_told(self.path)

    # Writing

    def take_over(self, now: Callable[[], datetime] = _utc_now) -> None:
        """
        Say that from now on this process writes; an older writer that is still alive can't any more.

        The run lock keeps two processes apart already, but not on every network file system.

        Here it is made sure that the ledger is whole, and that it and the trail tell the same; what the trail
        lacks, because it is that of an older version or a crash came between, is added to it.

        Args:
            now: The clock by which this writer's events happen: the one that it waits by.
        Raises:
            StorageError: It is damaged.
        """
        self._now = now
        steps = self.require_whole()
        with self._transaction():
            (row,) = self._db.execute(sql.TAKE_OVER).fetchall()
        self._epoch = row[0]
        if self._trail is not None:
            self._follow(self._trail, steps)

    def require_whole(self) -> Steps:
        """
        Compare the ledger with itself and with the trail, which has the same values once more.

        A bit that changed in a value looks like another value: one that would be paid for again, or a cap
        that is higher. So each value that matters has to be what the trail says, unless an event tells of
        its change.

        Returns:
            What the trail says; nothing where there is none.
        Raises:
            StorageError: It is damaged.
        """
        for fault in self.faults():
            raise _damaged(self.path, fault)
        steps = self._trail.last() if self._trail is not None else Steps([])
        self._require_known(steps.newest)
        rows = self._rows_of_shards()
        of_shards = steps.of_shards
        if of_shards.keys() - rows.keys():
            raise _damaged(self.path, "shards that were in it are not")
        changed = self._changes()
        with self._translated():
            for name, row in rows.items():
                step = of_shards.get(name)
                # Most stand as the trail says, and there is nothing to be seen in them.
                if step is None or _kept_of_row(row) != step.shard:
                    shard = _shard(row)
                    if step is not None:
                        last = changed.get(name)
                        is_newer = last is not None and last.id > step.event.id
                        self._require_same(shard, step.shard or {}, is_newer=is_newer)
        if steps.of_run is not None and steps.run is not None:
            now, then = self._about_run(), steps.run
            last = changed.get("policy")
            is_newer = last is not None and last.id > steps.of_run.event.id
            if now["counts"] != then["counts"] or (now["policy"] != then["policy"] and not is_newer):
                raise _damaged(self.path, "what it says of the run as a whole is not what it was")
        return steps

    def _rows_of_shards(self) -> dict[tuple[int, int], sqlite3.Row]:
        """The row of each shard, by round and number."""
        return {(row["round"], row["number"]): row for row in self._rows(sql.SHARDS)}

    def _changes(self) -> dict[tuple[int, int] | str, Moment]:
        """The newest event that changed each shard, by round and number, and the one of the `policy`."""
        with self._translated():
            found = [Moment(*row) for row in self._rows(sql.LAST_EVENTS)]
        return {
            (event.round, event.shard)
            if event.round is not None and event.shard is not None
            else event.kind: event
            for event in found
        }

    def _require_same(self, shard: Shard, then: Mapping[str, Any], *, is_newer: bool) -> None:
        """Compare a shard with what the trail says; `is_newer`: an event tells that it changed since then."""
        now = _kept(shard)
        for name, value in now.items():
            if then.get(name) != value and (name in _UNCHANGING or not is_newer):
                raise _damaged(self.path, f"{name} of shard {shard.name} is not what it was")
        batch = then["batch_id"]
        if batch and batch != shard.batch_id and batch not in shard.past_batches:
            raise _damaged(self.path, f"the batch {batch} of shard {shard.name} is not in it")

    def _follow(self, trail: Trail, steps: Steps) -> None:
        """Let the trail know what it does not know yet."""
        with self._translated():
            newest = Moment(*self._row(sql.LAST_EVENT))
        changed, known = self._changes(), steps.of_shards
        missing = []
        with self._translated():
            for name, row in self._rows_of_shards().items():
                if name not in known or known[name].shard != _kept_of_row(row):
                    missing.append(Step(changed.get(name, newest), shard=_kept(_shard(row))))
        about = self._about_run()
        trail.append([*([Step(newest, run=about)] if about != steps.run else []), *missing])

    def _about_run(self) -> dict[str, Any]:
        record = self.run()
        return {
            "counts": None if record.counts is None else asdict(record.counts),
            "policy": dict(record.policy),
            "outputs": {str(path): digest for path, digest in self.outputs().items()},
            "is_cancelled": record.is_cancelled,
        }

    def _leave_trail(self, *names: tuple[int, int], with_run: bool = False) -> None:
        """Add to the trail how shards stand now, by round and number; their event is the last one."""
        if self._trail is not None:
            with self._translated():
                last = Moment(*self._row(sql.LAST_EVENT))
            steps = [Step(last, shard=_kept(self.shard(*name))) for name in names]
            self._trail.append([*([Step(last, run=self._about_run())] if with_run else []), *steps])

    def _restore(self, steps: Steps, shards: Sequence[Shard], about: Mapping[str, Any]) -> None:
        with self._transaction():
            if about.get("counts"):
                self._db.execute(sql.SET_COUNTS, about["counts"])
            self._db.execute(sql.SET_POLICY, {"policy": json.dumps(about.get("policy") or {})})
            self._db.execute(sql.SET_CANCELLED, {"is_cancelled": bool(about.get("is_cancelled"))})
            for path, digest in (about.get("outputs") or {}).items():
                self._db.execute(sql.NOTE_OUTPUT, {"path": path, "sha256": digest})
            done: set[int] = set()
            for step in steps.all:
                if step.event.id not in done:
                    done.add(step.event.id)
                    self._db.execute(sql.RESTORE_EVENT, step.event._asdict())
            for shard in shards:
                row = _row_of(shard)
                self._db.execute(sql.restore_shard(row), row)
                self._event("recovered", shard, {"state": shard.state.value})

    def set_policy(self, policy: Mapping[str, object]) -> None:
        """Keep what was changed about how the run is driven."""
        with self._transaction():
            self._db.execute(sql.SET_POLICY, {"policy": json.dumps(policy)})
            self._event("policy", None, dict(policy))
        self._leave_trail(with_run=True)

    def set_cancelled(self, is_cancelled: bool) -> None:
        """Keep that a person wants the run to stop, or wants it after all."""
        self._note(sql.SET_CANCELLED, is_cancelled=is_cancelled)
        self._leave_trail(with_run=True)

    def set_driven(self, driven: Driven) -> None:
        """Keep whether the program that people sit at drives the run."""
        self._note(sql.SET_DRIVEN, driven=driven)

    def set_trouble(self, trouble: Mapping[str, object] | None) -> None:
        """Keep why the run stands still; None when nothing is in the way any more."""
        text = None if trouble is None else json.dumps(trouble, ensure_ascii=False)
        self._note(sql.SET_TROUBLE, trouble=text)

    def note_output(self, path: Path, sha256: str) -> None:
        """Keep that a labelled table is ours, and what is in it."""
        self._note(sql.NOTE_OUTPUT, path=str(path.resolve()), sha256=sha256)
        self._leave_trail(with_run=True)

    def note_queue_limit(self, model: str, tokens: int) -> None:
        """Keep how many prompt tokens may wait at the provider, as it told."""
        self._note(sql.NOTE_QUEUE_LIMIT, model=model, tokens=tokens)

    def note_last_round(self, round_: int, *, asks_invalid: bool) -> None:
        """Keep that nothing of a round is worth asking again."""
        self._note(sql.NOTE_LAST_ROUND, round=round_, asks_invalid=asks_invalid)

    def let_fail(self, shards: Sequence[Shard]) -> None:
        """Keep that a person has seen why so much of these shards failed, and wants the rest submitted."""
        self._note_each(sql.LET_FAIL, shards)

    def let_be_unpaid(self, shards: Sequence[Shard]) -> None:
        """Keep that a person has seen that nobody paid for rows of these shards, and wants these again."""
        self._note_each(sql.LET_BE_UNPAID, shards)

    def _note_each(self, statement: str, shards: Sequence[Shard]) -> None:
        with self._transaction():
            for shard in shards:
                self._db.execute(statement, {"round": shard.round, "number": shard.number})

    def _note(self, statement: str, **values: str | int | None) -> None:
        with self._transaction():
            self._db.execute(statement, values)

    def add_event(self, kind: str, shard: Shard | None = None, **detail: object) -> None:
        with self._transaction():
            self._event(kind, shard, detail)

    def add_shards(
        self,
        shards: list[Shard],
        *,
        counts: TableCounts | None = None,
        event: str = "built",
        cut: Shard | None = None,
        taken: Sequence[Shard] = (),
        taken_from: Sequence[Mapping[str, object]] = (),
        kept: Mapping[str, object] | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """
        Enter shards as `written`, and what the table had, all or none.

        Args:
            shards: Of one round.
            counts: Of the table that they were made of; with these the run is built.
            event: Kind of the event.
            cut: A shard that they replace.
            taken: Shards of round 0, whose answers were taken over from earlier runs.
            taken_from: Which these are, with how many rows each: an event of its own tells of them.
            kept: Which values were kept of an earlier run: an event tells of them.
            detail: What the event tells besides.
        Raises:
            RunError: The shard to replace is not what it was any more.
            ValueError: No shard in its state is replaced.
        """
        if cut is not None:
            require_move(cut.state, ShardState.CUT, event)
        changed = [*([cut] if cut is not None else []), *taken, *shards]
        with self._transaction():
            self._touched.update((shard.round, shard.number) for shard in changed)
            if counts is not None:
                self._db.execute(sql.SET_COUNTS, asdict(counts))
            if cut is not None:
                named = {"round": cut.round, "number": cut.number, "state": cut.state}
                self._guard(self._db.execute(sql.CUT_SHARD, named).rowcount, cut)
            for shard in taken:
                row = _row_of(shard)
                self._db.execute(sql.restore_shard(row), row)
            if taken:
                rows = sum(shard.requests for shard in taken)
                self._event(TAKEN_OVER, None, {"rows": rows, "runs": list(taken_from)})
            if kept:
                self._event(VALUES_KEPT, None, kept)
            for shard in shards:
                self._db.execute(
                    sql.ADD_SHARD,
                    {
                        "round": shard.round,
                        "number": shard.number,
                        "first_row": shard.first_row,
                        "last_row": shard.last_row,
                        "requests": shard.requests,
                        "bytes": shard.bytes,
                        "sha256": shard.sha256,
                        "token": shard.token,
                        "tokens": shard.tokens,
                    },
                )
            self._event(
                event,
                cut,
                {
                    "round": shards[0].round if shards else None,
                    "shards": len(shards),
                    "requests": sum(shard.requests for shard in shards),
                    **(detail or {}),
                },
            )
        self._leave_trail(*((shard.round, shard.number) for shard in changed), with_run=counts is not None)

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
            at: The time of the intent by the provider's clock; None means the writer's.
        Returns:
            The shard; or None when the cap does not allow it, and nothing was written.
        Raises:
            RunError: The shard is not `uploaded` any more: someone else was first.
            ValueError: It was not when it was read either.
        """
        require_move(shard.state, ShardState.SUBMITTING, "intent")
        with self._transaction():
            if cap_usd is not None and self.tally().charged_usd + reserved_usd > cap_usd:
                return None
            self._touched.add((shard.round, shard.number))
            changed = self._db.execute(
                sql.CLAIM_SHARD,
                {
                    "at": _stamp(at or self._now()),
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
        claimed = self.shard(shard.round, shard.number)
        try:
            self._leave_trail((shard.round, shard.number))
        except StorageError:
            # Nothing is sent without it, and nobody has to look for what was not sent.
            self._change(
                claimed, ShardState.UPLOADED, "refused", {"reason": "not sent"}, {"reserved_usd": "0"}
            )
            raise
        return claimed

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
            event: Kind of the event, the one that this move has.
            detail: What the event says.
            columns: Other columns to set.
        Raises:
            RunError: The state is not what it was any more.
            ValueError: No shard goes that way, see `core.states.MOVES`.
        """
        require_move(shard.state, to, event)
        unknown = columns.keys() - _SETTABLE
        if unknown:
            raise ValueError(f"not a column to set: {sorted(unknown)}")
        self._change(shard, to, event, detail or {}, columns)
        self._leave_trail((shard.round, shard.number))
        return self.shard(shard.round, shard.number)

    def _change(
        self,
        shard: Shard,
        to: ShardState,
        event: str,
        detail: Mapping[str, object],
        columns: Mapping[str, str | int | None],
    ) -> None:
        with self._transaction():
            self._touched.add((shard.round, shard.number))
            changed = self._db.execute(
                sql.move_shard(columns),
                {
                    **columns,
                    "state_to": to,
                    "state_from": shard.state,
                    "round": shard.round,
                    "number": shard.number,
                },
            ).rowcount
            self._guard(changed, shard)
            self._event(event, shard, detail)

    def note_progress(
        self, shard: Shard, *, status: str, completed: int, failed: int, batch_json: str
    ) -> None:
        """Keep what the provider said about a running batch. No event: it is asked every few seconds."""
        said = Running(shard.round, shard.number, "", status, completed, failed)
        self.note_all_progress([(said, batch_json)])

    def note_all_progress(self, said: Sequence[tuple[Running, str]]) -> None:
        """The same of many batches at once, each with the provider's answer."""
        with self._transaction():
            for one, batch_json in said:
                self._db.execute(
                    sql.NOTE_PROGRESS,
                    {
                        "status": one.status,
                        "completed": one.completed,
                        "failed": one.failed,
                        "batch_json": batch_json,
                        "round": one.round,
                        "number": one.number,
                    },
                )

    def note_wait(self, shard: Shard, reason: Notice, until: datetime | None = None) -> Shard:
        """Keep why a shard is not submitted yet. No event: it is looked at every few seconds."""
        known = shard.waits_for.to_json() if shard.waits_for else ""
        told = reason.to_json()
        if told != known or until != shard.not_before:
            with self._transaction():
                self._db.execute(
                    sql.NOTE_WAIT,
                    {
                        "reason": told,
                        "until": _stamp(until) if until else None,
                        "round": shard.round,
                        "number": shard.number,
                    },
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
            sql.ADD_EVENT,
            {
                "at": _stamp(self._now()),
                "kind": kind,
                "round": shard.round if shard else None,
                "shard": shard.number if shard else None,
                "detail": json.dumps(detail, ensure_ascii=False, default=str),
            },
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _told_of_run(self.path), transaction(self._db):
            self._require_epoch()
            yield

    def _require_epoch(self) -> None:
        if self._epoch is None:
            return
        if self._row(sql.EPOCH)[0] != self._epoch:
            raise RunError("run-taken-over", path=str(self.path.parent))


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
        "freed_at",
        "failure",
    }
)


_UNCHANGING = ("first_row", "last_row", "requests", "bytes", "sha256", "token", "tokens")
"""Columns that a shard has from the beginning."""
_VOLATILE = frozenset(
    {
        "batch_json",
        "waits_for",
        "not_before",
        "findings",
        "may_fail",
        "may_be_unpaid",
    }
)
"""Columns that the trail has not: the provider or the files say it again, or a person is asked once more."""
_TIMES = ("intent_at", "not_before", "submitted_at", "ended_at", "cleaned_at", "freed_at")
_COUNTED = ("told_failed", "answered", "cancelled", "failed")
"""Columns that SQLite makes of others."""


@contextmanager
def _made_whole(path: Path, trail: Trail | None) -> Iterator[Path]:
    """An empty ledger under another name, which takes its own at the end of the block."""
    part = path.with_name(f".{path.name}.part")
    left = (part, part.with_name(f"{part.name}-journal"))
    try:
        # Of one that was killed.
        for file in left:
            file.unlink(missing_ok=True)
        db = open_database(part)
        try:
            with translated(path):
                make_tables(db)
                db.execute(sql.SET_IDENTITY, {"identity": trail.identity if trail else ""})
        finally:
            db.close()
        yield part
        part.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    finally:
        for file in left:
            with suppress(OSError):
                file.unlink(missing_ok=True)


@contextmanager
def _told_of_run(path: Path) -> Iterator[None]:
    """
    Say of a damaged file that it is a ledger.

    Raises:
        StorageError: As `sqlite.translated`; `ledger-damaged`.
    """
    try:
        with translated(path):
            yield
    except StorageError as error:
        if error.kind != "database-damaged":
            raise
        raise _damaged(path, str(error.values["told"])) from error


@contextmanager
def _values_told(path: Path) -> Iterator[None]:
    """The same where values are read: one that nobody wrote is damage too."""
    try:
        with _told_of_run(path):
            yield
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def _damaged(path: Path, told: str) -> StorageError:
    return StorageError("ledger-damaged", path=str(path), run=str(path.parent), told=told)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a value of the file, not of a caller
    return found


def _sum_usd(amounts: str | None) -> Decimal | None:
    """The sum of amounts with blanks in between; None of none."""
    return None if amounts is None else sum(map(Decimal, amounts.split()), Decimal(0))


def _shard(row: Mapping[str, Any] | sqlite3.Row) -> Shard:
    values = dict(row)
    for name in _COUNTED:
        values.pop(name, None)
    values["state"] = ShardState(values["state"])
    for name in ("reserved_usd", "spent_usd"):
        values[name] = None if values[name] is None else Decimal(values[name])
    for name in _TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    values["waits_for"] = read_notice(values["waits_for"])
    for name in ("may_fail", "may_be_unpaid"):
        values[name] = bool(values[name])
    values["past_batches"] = tuple(json.loads(values["past_batches"]))
    return Shard(**values)


def _row_of(shard: Shard) -> dict[str, str | int | None]:
    """A shard as its row in the ledger."""
    row: dict[str, Any] = {field.name: getattr(shard, field.name) for field in fields(Shard)}
    row["state"] = shard.state.value
    for name in ("reserved_usd", "spent_usd"):
        row[name] = None if row[name] is None else str(row[name])
    for name in _TIMES:
        row[name] = row[name].isoformat() if row[name] else None
    row["waits_for"] = shard.waits_for.to_json() if shard.waits_for else ""
    row["past_batches"] = json.dumps(shard.past_batches)
    for name in ("may_fail", "may_be_unpaid"):
        row[name] = int(row[name])
    return row


def _kept(shard: Shard) -> dict[str, str | int | None]:
    """What the trail has of a shard."""
    return _kept_of_row(_row_of(shard))


def _kept_of_row(row: Mapping[str, Any] | sqlite3.Row) -> dict[str, str | int | None]:
    """The same of its row in the ledger, which has what `_row_of` wrote."""
    values = dict(row)
    said, found = values["batch_json"], values["findings"]
    for name in (*_COUNTED, *_VOLATILE):
        values.pop(name, None)
    for name in _TIMES:
        # Of some the ledger has milliseconds alone.
        if values.get(name):
            values[name] = datetime.fromisoformat(values[name]).isoformat()
    if values["state"] not in (ShardState.ENDED.value, ShardState.DOWNLOADED.value):
        # They change with each question, until the provider has said its last word.
        return values | {"batch_status": None, "completed_requests": 0, "failed_requests": 0, "told": None}
    # What the provider said, and what was counted, can be had again; that it is as it was is worth knowing.
    told = f"{said}\n{found}"
    return values | {"told": f"{zlib.crc32(told.encode(errors='surrogateescape')):08x}"}


def shard_of_trail(kept: Mapping[str, Any]) -> Shard:
    """
    A shard as the trail tells of it.

    Raises:
        KeyError, TypeError, ValueError: It is not what was written.
    """
    nothing: dict[str, Any] = dict.fromkeys(("batch_json", "not_before", "findings"))
    zero = dict.fromkeys(("may_fail", "may_be_unpaid"), 0)
    columns = {name: value for name, value in kept.items() if name != "told"}
    return _shard({**nothing, **zero, "waits_for": "", **columns})


def shard_document(shard: Shard) -> dict[str, str | int | None]:
    """A shard as plain JSON, for a process that reads its results; what the provider said is left out."""
    is_untold = shard.batch_status == "failed" and shard.failure is None
    return {**_row_of(shard), **({} if is_untold else {"batch_json": None})}


def shard_of_document(document: Mapping[str, Any]) -> Shard:
    """
    What `shard_document` wrote.

    Raises:
        KeyError, TypeError, ValueError: It did not.
    """
    return _shard(document)


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


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
