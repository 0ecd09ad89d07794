BEGIN TRANSACTION;
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    round INTEGER,
    shard INTEGER,
    detail TEXT NOT NULL
) STRICT;
INSERT INTO "event" VALUES(1,'2026-11-02T09:00:00.000+00:00','built',NULL,NULL,'{"round": 1, "shards": 3, "requests": 12}');
INSERT INTO "event" VALUES(2,'2026-11-02T09:01:00.000+00:00','collected',NULL,NULL,'{"path": "FOLDER/out.csv", "sha256": "126191dad1e65a9cc4fb4479f2ab4b6bd943b21b1bd99c9019b36f692cfcfee9", "statuses": {"skipped": 2, "unsent": 12}}');
CREATE TABLE fact (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
INSERT INTO "fact" VALUES('rows','14');
INSERT INTO "fact" VALUES('skipped','2');
INSERT INTO "fact" VALUES('duplicates','0');
INSERT INTO "fact" VALUES('bad_rows','0');
INSERT INTO "fact" VALUES('epoch','2');
INSERT INTO "fact" VALUES('policy','{"max_cost_usd": "5", "rounds": 2}');
INSERT INTO "fact" VALUES('cancelled','no');
INSERT INTO "fact" VALUES('queue limit of m','330');
INSERT INTO "fact" VALUES('queue limit of m-large','9000');
INSERT INTO "fact" VALUES('driven by the program','paused');
INSERT INTO "fact" VALUES('trouble','{"kind": "network", "message": "no answer", "hint": "", "status": null, "code": "", "at": "2026-11-02T10:00:00+00:00"}');
INSERT INTO "fact" VALUES('go on after mass failure','r1-0001 r1-0003');
INSERT INTO "fact" VALUES('go on after unpaid rows','r1-0002');
INSERT INTO "fact" VALUES('round 1 is the last','yes');
INSERT INTO "fact" VALUES('round 12 is the last, also of invalid answers','yes');
INSERT INTO "fact" VALUES('labelled:FOLDER/out.csv','126191dad1e65a9cc4fb4479f2ab4b6bd943b21b1bd99c9019b36f692cfcfee9');
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
    error_sha256 TEXT, tokens INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 1, past_batches TEXT NOT NULL DEFAULT '[]', waits_for TEXT NOT NULL DEFAULT '', not_before TEXT, submitted_at TEXT, ended_at TEXT, key_mark TEXT NOT NULL DEFAULT '', spent_usd TEXT, findings TEXT, raw_name TEXT, raw_sha256 TEXT, cleaned_at TEXT, failure TEXT,
    PRIMARY KEY (round, number)
) STRICT;
INSERT INTO "shard" VALUES(1,1,'written',1,5,4,2052,'9289223bdb772f3ad9c50cf2b5f48c911151dcb0e8d8cbfd62c1412ad99fd939','fca6e7407581de58-r1-0001',NULL,NULL,NULL,NULL,NULL,0,0,'0',NULL,NULL,NULL,NULL,257,1,'[]','',NULL,NULL,NULL,'',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "shard" VALUES(1,2,'written',6,9,4,2044,'b2ed02d02f70f651d6e17eab517823cade625c87ef91eed85823d05d5e468d10','5a52b46769cc9a5c-r1-0002',NULL,NULL,NULL,NULL,NULL,0,0,'0',NULL,NULL,NULL,NULL,254,1,'[]','',NULL,NULL,NULL,'',NULL,NULL,NULL,NULL,NULL,'no credit');
INSERT INTO "shard" VALUES(1,3,'written',11,14,4,2046,'ba70822f99427e02ec1add50ecacd1968f43d16661913b0818846bc924de071c','6d1c8468e7ca1bd7-r1-0003',NULL,NULL,NULL,NULL,NULL,0,0,'0',NULL,NULL,NULL,NULL,255,1,'[]','',NULL,NULL,NULL,'',NULL,NULL,NULL,NULL,NULL,NULL);
COMMIT;
PRAGMA user_version = 3;
