"""
All SQL of the ledger, each statement with its name and what it is for.

A change of a shard's state names the old state: where no row changed, somebody else was first.
"""

from __future__ import annotations

from collections.abc import Iterable

# Reading

VERSION = "PRAGMA user_version"
"""Which of the schemas the file has; 0 while it is being made."""

CHECK = "PRAGMA integrity_check"
"""What SQLite finds wrong with the file itself."""

SHARDS = "SELECT * FROM shard ORDER BY round, number"
"""All shards, in the order in which they go out."""

SHARDS_IN = """
SELECT * FROM shard WHERE state IN (SELECT value FROM json_each(:states)) ORDER BY round, number
"""
"""Those in some states, which stand in a list."""

SHARD = "SELECT * FROM shard WHERE round = :round AND number = :number"
"""One of them."""

FIRST_UNSENT = """
SELECT * FROM shard INDEXED BY unsent
WHERE state IN ('written', 'uploaded') ORDER BY round, number LIMIT 1
"""
"""The one that is submitted next; found in the index `unsent`."""

FIRST_ROW = "SELECT min(first_row) FROM shard WHERE round = 1"
"""The first row that is asked."""

FIRST_OF_ROUND = "SELECT * FROM shard WHERE round = :round ORDER BY number LIMIT :most"
"""The first shards of a round."""

LAST_NUMBER = "SELECT max(number) FROM shard WHERE round = :round"
"""The highest number of a shard of a round."""

SEED = "SELECT token FROM shard ORDER BY round, number LIMIT 1"
"""Of the first shard: those that are made later derive their own from it."""

WITH_FINDINGS = "SELECT * FROM shard WHERE findings IS NOT NULL AND may_fail = 0 ORDER BY round, number"
"""Shards whose results are here and have not been allowed to fail."""

WEIGHTS = """
SELECT round, number, state, requests, bytes, tokens, reserved_usd, spent_usd, file_id, batch_id, freed_at,
    cleaned_at
FROM shard
"""
"""What a tally counts of each shard."""

WEIGHT = """
SELECT round, number, state, requests, bytes, tokens, reserved_usd, spent_usd, file_id, batch_id, freed_at,
    cleaned_at
FROM shard WHERE round = :round AND number = :number
"""
"""The same of one."""

DATA_VERSION = "PRAGMA data_version"
"""Another number than before when another connection has written."""

STANDING = """
SELECT round, state, coalesce(batch_status, ''), count(*), sum(requests), sum(bytes), sum(tokens),
    sum(answered), sum(failed), sum(cancelled), group_concat(spent_usd, ' ')
FROM shard INDEXED BY standing WHERE state <> 'cut'
GROUP BY state, round, batch_status
"""
"""
How the shards of each round and state stand, and the provider's word for them: how many, their requests,
bytes and tokens, of the requests how many are answered, came back without an answer, and were cancelled
before their turn, and what each of the shards did cost, because SQLite has no decimals. All of it is one pass
over the index alone. Round 0 is what was taken over.
"""

WAITING = """
SELECT DISTINCT waits_for FROM shard INDEXED BY waiting
WHERE waits_for <> '' AND state NOT IN ('cut', 'submitted', 'ended', 'downloaded') AND round > 0
"""
"""
Why shards are not submitted yet, each reason once, as the index has them: by round and number. To sort them
by the first shard of each took twice the time of finding them.
"""

PAGE = """
SELECT round, number, state, coalesce(batch_status, ''), requests, answered, failed,
    CASE WHEN state IN ('submitted', 'ended', 'downloaded') THEN '' ELSE waits_for END, batch_id
FROM shard WHERE state <> 'cut' AND round > 0 ORDER BY round, number LIMIT :most
"""
"""How each of the first shards stands; -1 means all."""

OLDEST_AT_PROVIDER = """
SELECT count(coalesce(submitted_at, intent_at)), min(coalesce(submitted_at, intent_at))
FROM shard INDEXED BY standing WHERE state IN ('submitted', 'ended')
"""
"""How many batches there are whose results are not here, and when the first of them was made."""

PREPARED_ROWS = """
SELECT coalesce(sum(requests), 0) FROM shard INDEXED BY standing WHERE state IN ('written', 'uploaded')
"""
"""Rows of what is not submitted yet."""

EVENTS = "SELECT at, kind, round, shard, detail FROM event ORDER BY id"
"""Everything that happened, oldest first."""

EVENTS_OF = """
SELECT at, kind, round, shard, detail FROM event
WHERE kind IN (SELECT value FROM json_each(:kinds)) ORDER BY id
"""
"""What happened of some kinds, which stand in a list."""

NEWEST_EVENTS = """
SELECT at, kind, round, shard, detail FROM (SELECT * FROM event ORDER BY id DESC LIMIT :most) ORDER BY id
"""
"""What happened last, oldest first."""

EVENTS_OF_SHARD = """
SELECT at, kind, round, shard, detail FROM event WHERE kind = :kind AND round = :round AND shard = :number
ORDER BY id
"""
"""What happened of one kind to one shard."""

LAST_EVENT = "SELECT id, at, kind, round, shard FROM event ORDER BY id DESC LIMIT 1"
"""The newest event: what a line of the trail is bound to."""

LAST_EVENTS = """
SELECT max(id) AS id, at, kind, round, shard FROM event
WHERE kind NOT IN (
    'status', 'cancel-asked', 'duplicate-cancelled', 'counters-differ', 'answers-doubted', 'files-awaited',
    'server-remarked'
)
GROUP BY round, shard, kind = 'policy'
"""
"""
The newest event that changed each shard, of what changed the policy, and of all others; the columns are
those of the row with the highest id.
"""

HAS_EVENT = "SELECT 1 FROM event WHERE id = :id AND at = :at AND kind = :kind"
"""Whether the ledger knows what the trail tells of."""

RUNNING = """
SELECT round, number, batch_id, coalesce(batch_status, ''), completed_requests, failed_requests
FROM shard WHERE state = 'submitted' ORDER BY round, number
"""
"""The batches that run, and what the provider said of them last."""

INTENT_BEFORE = """
SELECT at FROM event WHERE kind = 'intent' ORDER BY at DESC LIMIT 1 OFFSET :others
"""
"""When the paid call was made after which there were so many others."""

MONEY = "SELECT reserved_usd, spent_usd FROM shard INDEXED BY standing"
"""What each shard may cost, and did: added up here, because SQLite has no decimals."""

RUN = "SELECT * FROM run"
"""What is known of the run as a whole."""

OUTPUTS = "SELECT path, sha256 FROM output ORDER BY path"
"""Every labelled table that was written."""

OUTPUT = "SELECT sha256 FROM output WHERE path = :path"
"""Whether this file is one of them, and which bytes were ours."""

QUEUE_LIMIT = "SELECT tokens FROM queue_limit WHERE model = :model"
"""How many tokens may wait at the provider, as its last refusal told."""

IS_LAST_ROUND = "SELECT 1 FROM last_round WHERE round = :round AND asks_invalid = :asks_invalid"
"""Whether nothing of a round is worth asking again, so that its results need not be read for it."""

EPOCH = "SELECT epoch FROM run"
"""Who took the run over last: an older writer finds another number than its own."""

# Writing

TAKE_OVER = "UPDATE run SET epoch = epoch + 1 RETURNING epoch"
"""Be the one that writes from now on."""

SET_IDENTITY = "UPDATE run SET identity = :identity"
"""Say which run it is the ledger of."""

RESTORE_EVENT = """
INSERT INTO event (id, at, kind, round, shard, detail) VALUES (:id, :at, :kind, :round, :shard, '{}')
"""
"""What the trail tells of, in a ledger that is made anew."""

ADD_EVENT = "INSERT INTO event (at, kind, round, shard, detail) VALUES (:at, :kind, :round, :shard, :detail)"
"""Something happened; in the same transaction as what it tells of."""

ADD_SHARD = """
INSERT INTO shard (round, number, state, first_row, last_row, requests, bytes, sha256, token, tokens)
VALUES (:round, :number, 'written', :first_row, :last_row, :requests, :bytes, :sha256, :token, :tokens)
"""
"""A request file has just been written."""

CUT_SHARD = """
UPDATE shard SET state = 'cut', reserved_usd = '0', waits_for = ''
WHERE round = :round AND number = :number AND state = :state
"""
"""Put a shard that is too large for the provider aside; smaller ones are added in the same transaction."""

CLAIM_SHARD = """
UPDATE shard SET state = 'submitting', intent_at = :at, reserved_usd = :reserved_usd, key_mark = :key_mark,
    waits_for = '', not_before = NULL
WHERE round = :round AND number = :number AND state = 'uploaded'
"""
"""
Record that we are about to create a batch, so that no other process creates it too. The money is reserved by
the same statement that decides.
"""

NOTE_PROGRESS = """
UPDATE shard SET batch_status = :status, completed_requests = :completed, failed_requests = :failed,
    batch_json = :batch_json
WHERE round = :round AND number = :number AND state = 'submitted'
"""
"""Keep what the provider said about a running batch; one that is over has its last word already."""

NOTE_WAIT = """
UPDATE shard SET waits_for = :reason, not_before = :until WHERE round = :round AND number = :number
"""
"""Keep why a shard is not submitted yet, and when it is tried again."""

LET_FAIL = "UPDATE shard SET may_fail = 1 WHERE round = :round AND number = :number"
"""A person has seen why rows of it fail and wants the rest all the same: it does not stop the run again."""

LET_BE_UNPAID = "UPDATE shard SET may_be_unpaid = 1 WHERE round = :round AND number = :number"
"""A person has seen that nobody paid for rows of it: they may be asked again."""

SET_COUNTS = """
UPDATE run SET rows = :rows, skipped = :skipped, duplicates = :duplicates, bad_rows = :bad_rows
"""
"""What the table had; from then on the run is built."""

SET_POLICY = "UPDATE run SET policy = :policy"
"""What was changed about how it is driven."""

SET_CANCELLED = "UPDATE run SET is_cancelled = :is_cancelled"
"""A person wants it to stop, or wants it after all."""

SET_DRIVEN = "UPDATE run SET driven = :driven"
"""Whether the program that people sit at drives it, so that it goes on when it is started anew."""

SET_TROUBLE = "UPDATE run SET trouble = :trouble"
"""Why it stands still, for whoever opens it next; NULL when nothing is in the way."""

NOTE_OUTPUT = "INSERT OR REPLACE INTO output VALUES (:path, :sha256)"
"""A labelled table is ours to replace, as long as nobody changed it."""

NOTE_QUEUE_LIMIT = "INSERT OR REPLACE INTO queue_limit VALUES (:model, :tokens)"
"""A refusal told how many tokens may wait."""

NOTE_LAST_ROUND = "INSERT OR REPLACE INTO last_round VALUES (:round, :asks_invalid)"
"""Nothing of a round was worth asking again."""


def restore_shard(columns: Iterable[str]) -> str:
    """
    Enter a shard as it stood, in a ledger that is made anew.

    Args:
        columns: Names of columns; never a person's words.
    """
    names = list(columns)
    values = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO shard ({', '.join(names)}) VALUES ({values})"  # noqa: S608


def move_shard(columns: Iterable[str]) -> str:
    """
    Change the state of a shard, and columns with it, if it is still what it was.

    Args:
        columns: Names of columns; never a person's words.
    """
    changes = ", ".join(["state = :state_to", *(f"{name} = :{name}" for name in columns)])
    return f"UPDATE shard SET {changes} WHERE round = :round AND number = :number AND state = :state_from"  # noqa: S608
