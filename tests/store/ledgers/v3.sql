BEGIN TRANSACTION;
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    round INTEGER,
    shard INTEGER,
    detail TEXT NOT NULL
) STRICT;
INSERT INTO "event" VALUES(1,'2026-11-27T23:49:05.636+00:00','built',NULL,NULL,'{"round": 1, "shards": 3, "requests": 12}');
CREATE TABLE last_round (
    round INTEGER NOT NULL,
    asks_invalid INTEGER NOT NULL,
    PRIMARY KEY (round, asks_invalid)
) STRICT;
CREATE TABLE output (
    path TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL
) STRICT;
CREATE TABLE queue_limit (
    model TEXT PRIMARY KEY,
    tokens INTEGER NOT NULL
) STRICT;
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
INSERT INTO "run" VALUES(1,0,14,2,0,0,'{}',0,'no',NULL);
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
    error_sha256 TEXT, tokens INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 1, past_batches TEXT NOT NULL DEFAULT '[]', waits_for TEXT NOT NULL DEFAULT '', not_before TEXT, submitted_at TEXT, ended_at TEXT, key_mark TEXT NOT NULL DEFAULT '', spent_usd TEXT, findings TEXT, raw_name TEXT, raw_sha256 TEXT, cleaned_at TEXT, failure TEXT, may_be_unpaid INTEGER NOT NULL DEFAULT 0, may_fail INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (round, number)
) STRICT;
INSERT INTO "shard" VALUES(1,1,'written',1,5,4,2052,'9289223bdb772f3ad9c50cf2b5f48c911151dcb0e8d8cbfd62c1412ad99fd939','8eff6754b5fd30d2-r1-0001',NULL,NULL,NULL,NULL,NULL,0,0,'0',NULL,NULL,NULL,NULL,257,1,'[]','',NULL,NULL,NULL,'',NULL,NULL,NULL,NULL,NULL,NULL,0,0);
INSERT INTO "shard" VALUES(1,2,'written',6,9,4,2044,'b2ed02d02f70f651d6e17eab517823cade625c87ef91eed85823d05d5e468d10','9c58912f66f5b65d-r1-0002',NULL,NULL,NULL,NULL,NULL,0,0,'0',NULL,NULL,NULL,NULL,254,1,'[]','',NULL,NULL,NULL,'',NULL,NULL,NULL,NULL,NULL,NULL,0,0);
INSERT INTO "shard" VALUES(1,3,'written',11,14,4,2046,'ba70822f99427e02ec1add50ecacd1968f43d16661913b0818846bc924de071c','4ced9cd129120731-r1-0003',NULL,NULL,NULL,NULL,NULL,0,0,'0',NULL,NULL,NULL,NULL,255,1,'[]','',NULL,NULL,NULL,'',NULL,NULL,NULL,NULL,NULL,NULL,0,0);
COMMIT;
PRAGMA user_version = 3;
