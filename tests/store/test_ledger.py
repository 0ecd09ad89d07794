"""The ledger: guarded changes, events, versions."""

import sqlite3
from decimal import Decimal

import pytest

from rowbatch.core.states import ShardState
from rowbatch.errors import RunError, RunTooNew, StorageError
from rowbatch.store.ledger import Ledger, new_shard


def one_shard(number: int = 1):
    return new_shard(
        number=number,
        first_row=1,
        last_row=5,
        requests=4,
        size_bytes=100,
        sha256="0" * 64,
        token=f"token-{number}",
    )


@pytest.fixture
def ledger(tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite") as made:
        made.add_shards([one_shard()], facts={"rows": "5"})
        yield made


def test_what_is_entered_is_read_back(ledger):
    """
    A shard comes back as it was entered, and its entry is an event.
    """
    (shard,) = ledger.shards()
    assert (shard.name, shard.state, shard.requests) == ("r1-0001", ShardState.WRITTEN, 4)
    assert ledger.fact("rows") == "5"
    assert [event.kind for event in ledger.events()] == ["built"]


def test_only_the_first_of_two_claims_wins(ledger):
    """
    R9: a shard is claimed once: who comes second is told, and nothing changed.
    """
    shard = ledger.move(ledger.shards()[0], ShardState.UPLOADED, event="uploaded", file_id="file-1")
    claimed = ledger.claim(shard, reserved_usd=Decimal("0.25"))
    assert (claimed.state, claimed.reserved_usd) == (ShardState.SUBMITTING, Decimal("0.25"))
    assert claimed.intent_at is not None
    with pytest.raises(RunError, match="another process"):
        ledger.claim(shard, reserved_usd=Decimal(0))
    assert [event.kind for event in ledger.events()] == ["built", "uploaded", "intent"]


def test_a_change_from_an_old_state_is_refused(ledger):
    """
    R9: the state that was read is the guard.
    """
    old = ledger.shards()[0]
    ledger.move(old, ShardState.UPLOADED, event="uploaded", file_id="file-1")
    with pytest.raises(RunError):
        ledger.move(old, ShardState.UPLOADED, event="uploaded", file_id="file-2")
    assert ledger.shards()[0].file_id == "file-1"


def test_r12_two_claims_share_one_cap(ledger):
    """
    B1, R12: what one process has reserved is not there for another one; the check is part of the intent.
    """
    ledger.add_shards([one_shard(2)], facts={})
    first, second = (
        ledger.move(shard, ShardState.UPLOADED, event="uploaded", file_id="file") for shard in ledger.shards()
    )
    with Ledger(ledger.path) as other:
        assert other.claim(first, reserved_usd=Decimal("0.30"), cap_usd=Decimal("0.50")) is not None
    assert ledger.claim(second, reserved_usd=Decimal("0.30"), cap_usd=Decimal("0.50")) is None
    assert ledger.shards()[1].state is ShardState.UPLOADED
    assert ledger.claim(second, reserved_usd=Decimal("0.20"), cap_usd=Decimal("0.50")) is not None


def test_r1_a_commit_is_on_disk(ledger):
    """
    R1, L4: a commit waits for the disk, and there is no log beside the file that shared folders would lose.
    """
    assert ledger._db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert ledger._db.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


def test_shards_are_entered_all_or_none(ledger):
    """
    A fault in the middle leaves none of them.
    """
    with pytest.raises(StorageError):
        ledger.add_shards([one_shard(2), one_shard(1)], facts={})
    assert len(ledger.shards()) == 1


def test_a_newer_ledger_is_refused(tmp_path):
    """
    R14: a ledger of a newer rowbatch is not touched.
    """
    path = tmp_path / "ledger.sqlite"
    Ledger.create(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(RunTooNew) as caught:
        Ledger(path)
    assert "99" in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_no_ledger_is_a_clear_error(tmp_path):
    """
    Garbage where the ledger should be is named.
    """
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match="ledger"):
        Ledger(path)


def test_a_ledger_has_its_name_when_it_is_whole(tmp_path, monkeypatch):
    """
    C6, R11: a kill while it is made leaves no ledger, and what is left of it is replaced.
    """
    path = tmp_path / "ledger.sqlite"
    with monkeypatch.context() as patch:
        patch.setattr(type(path), "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Ledger.create(path)
    assert not path.exists()
    (tmp_path / ".ledger.sqlite.part-journal").write_bytes(b"half")
    Ledger.create(path).close()
    assert [left.name for left in tmp_path.iterdir()] == ["ledger.sqlite"]
