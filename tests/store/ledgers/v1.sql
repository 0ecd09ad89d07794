BEGIN TRANSACTION;
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
INSERT INTO shard VALUES(1,1,'written',1,5,4,2052,'9289223bdb772f3ad9c50cf2b5f48c911151dcb0e8d8cbfd62c1412ad99fd939','fca6e7407581de58-r1-0001',NULL,NULL,NULL,NULL,NULL,0,0,'0',NULL,NULL,NULL,NULL);
INSERT INTO shard VALUES(1,2,'written',6,9,4,2044,'b2ed02d02f70f651d6e17eab517823cade625c87ef91eed85823d05d5e468d10','5a52b46769cc9a5c-r1-0002',NULL,NULL,NULL,NULL,NULL,0,0,'0',NULL,NULL,NULL,NULL);
INSERT INTO shard VALUES(1,3,'written',11,14,4,2046,'ba70822f99427e02ec1add50ecacd1968f43d16661913b0818846bc924de071c','6d1c8468e7ca1bd7-r1-0003',NULL,NULL,NULL,NULL,NULL,0,0,'0',NULL,NULL,NULL,NULL);
INSERT INTO event VALUES(1,'2026-11-02T09:00:00.000+00:00','built',NULL,NULL,'{"round": 1, "shards": 3, "requests": 12}');
INSERT INTO fact VALUES('rows','14');
INSERT INTO fact VALUES('skipped','2');
INSERT INTO fact VALUES('bad_rows','0');
INSERT INTO fact VALUES('labelled:FOLDER/out.csv','126191dad1e65a9cc4fb4479f2ab4b6bd943b21b1bd99c9019b36f692cfcfee9');
COMMIT;
PRAGMA user_version = 1;
