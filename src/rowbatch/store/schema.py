"""The tables of the ledger: as they were at first, and what made each newer version of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from rowbatch.store.sqlite import transaction

SCHEMA_VERSION = 5

# As rowbatch 0.1 wrote it. Newer versions are made of it by `MIGRATIONS`, so that a new ledger and an old one
# that was opened are the same.
VERSION_1 = """
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

# What makes each version of the one before. No statement has a semicolon inside.
MIGRATIONS = {
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
    # What was known of the run stood under names of its own making in the table `fact`.
    3: """
CREATE TABLE run (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    rows INTEGER,
    skipped INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    bad_rows INTEGER NOT NULL,
    policy TEXT NOT NULL,
    is_cancelled INTEGER NOT NULL,
    driven TEXT NOT NULL CHECK (driven IN ('no', 'yes', 'paused')),
    trouble TEXT
) STRICT;
INSERT INTO run SELECT
    1,
    coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'epoch'), 0),
    (SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'rows'),
    coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'skipped'), 0),
    coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'duplicates'), 0),
    coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = 'bad_rows'), 0),
    coalesce((SELECT value FROM fact WHERE name = 'policy' AND value <> ''), '{}'),
    EXISTS (SELECT 1 FROM fact WHERE name = 'cancelled' AND value = 'yes'),
    coalesce((SELECT value FROM fact WHERE name = 'driven by the program' AND value <> ''), 'no'),
    (SELECT value FROM fact WHERE name = 'trouble' AND value <> '');
CREATE TABLE output (
    path TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL
) STRICT;
INSERT INTO output SELECT substr(name, length('labelled:') + 1), value FROM fact
    WHERE substr(name, 1, length('labelled:')) = 'labelled:';
CREATE TABLE queue_limit (
    model TEXT PRIMARY KEY,
    tokens INTEGER NOT NULL
) STRICT;
INSERT INTO queue_limit SELECT substr(name, length('queue limit of ') + 1), CAST(value AS INTEGER) FROM fact
    WHERE substr(name, 1, length('queue limit of ')) = 'queue limit of ';
CREATE TABLE last_round (
    round INTEGER NOT NULL,
    asks_invalid INTEGER NOT NULL,
    PRIMARY KEY (round, asks_invalid)
) STRICT;
INSERT INTO last_round
    SELECT CAST(substr(name, length('round ') + 1) AS INTEGER), name LIKE '%, also of invalid answers'
    FROM fact WHERE name LIKE 'round % is the last%';
ALTER TABLE shard ADD COLUMN failure TEXT;
ALTER TABLE shard ADD COLUMN may_be_unpaid INTEGER NOT NULL DEFAULT 0;
ALTER TABLE shard ADD COLUMN may_fail INTEGER NOT NULL DEFAULT 0;
UPDATE shard SET may_fail = 1 WHERE instr(
    ' ' || coalesce((SELECT value FROM fact WHERE name = 'go on after mass failure'), '') || ' ',
    ' ' || printf('r%d-%04d', round, number) || ' '
);
DROP TABLE fact;
""",
    # Which run it is the ledger of, so that one that was copied from another is not believed.
    4: """
ALTER TABLE run ADD COLUMN identity TEXT NOT NULL DEFAULT '';
""",
    # What is counted over all shards, and which of them is next, without reading them: a row has some 2 kB,
    # most of it what the provider said and what was found. How its rows fared is counted by SQLite itself, of
    # the other columns, and kept in the index alone, so that it cannot say anything else: by the provider's
    # counters until the results are here, then through the codebook. What an older version brought was not
    # counted any better, and a batch that was cancelled may list no file that tells of the rows that were
    # cancelled with it.
    5: """
ALTER TABLE shard ADD COLUMN freed_at TEXT;
ALTER TABLE shard ADD COLUMN told_failed INTEGER AS (
    min(requests - min(requests, completed_requests), failed_requests)
) VIRTUAL;
ALTER TABLE shard ADD COLUMN answered INTEGER AS (
    CASE WHEN state = 'downloaded' AND json_valid(findings)
         THEN coalesce(json_extract(findings, '$.statuses.ok'), 0)
         WHEN state = 'downloaded' AND batch_status IS NOT 'cancelled' THEN requests - told_failed
         ELSE min(requests, completed_requests) END
) VIRTUAL;
ALTER TABLE shard ADD COLUMN cancelled INTEGER AS (
    CASE WHEN state = 'downloaded' AND json_valid(findings)
         THEN coalesce(json_extract(findings, '$.statuses.cancelled'), 0)
            + CASE WHEN batch_status = 'cancelled'
                   THEN coalesce(json_extract(findings, '$.statuses.missing'), 0) ELSE 0 END
         ELSE 0 END
) VIRTUAL;
ALTER TABLE shard ADD COLUMN failed INTEGER AS (
    CASE WHEN state = 'downloaded' AND json_valid(findings) THEN requests - answered - cancelled
         ELSE told_failed END
) VIRTUAL;
CREATE INDEX standing ON shard (
    state, round, batch_status, requests, bytes, tokens, answered, failed, cancelled,
    reserved_usd, spent_usd, submitted_at, intent_at
);
CREATE INDEX unsent ON shard (round, number) WHERE state IN ('written', 'uploaded');
CREATE INDEX waiting ON shard (round, number, state, waits_for) WHERE waits_for <> '';
CREATE INDEX event_kind ON event (kind, at);
""",
}


def make_tables(db: sqlite3.Connection) -> None:
    """Give an empty file all tables of the newest version, or none."""
    whole = VERSION_1 + "".join(MIGRATIONS.values())
    db.executescript(f"BEGIN; {whole} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def migrate(db: sqlite3.Connection, path: Path, version: int) -> None:
    """Make the newest version of an older one, which is kept beside it."""
    copy = path.with_name(f"{path.stem}-v{version}.sqlite")
    if not copy.exists():
        # In one file that is complete or not there.
        unfinished = copy.with_name(f".{copy.name}.part")
        unfinished.unlink(missing_ok=True)
        db.execute("VACUUM INTO ?", (str(unfinished),))
        unfinished.replace(copy)
    for number in range(version + 1, SCHEMA_VERSION + 1):
        with transaction(db):
            # Another process may have been first.
            if db.execute("PRAGMA user_version").fetchone()[0] == number - 1:
                for statement in MIGRATIONS[number].split(";"):
                    if statement.strip():
                        db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")
