"""The ledger: guarded changes, events, versions."""

import ast
import itertools
import re
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from rowbatch import api
from rowbatch.core.states import ShardState
from rowbatch.errors import RunError, RunTooNew, StorageError
from rowbatch.store import ledger as ledger_module
from rowbatch.store import statements
from rowbatch.store.ledger import Ledger, RunRecord, TableCounts, new_shard


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
        made.add_shards([one_shard()], counts=TableCounts(5))
        yield made


def test_what_is_entered_is_read_back(ledger):
    """
    A shard comes back as it was entered, and its entry is an event.
    """
    (shard,) = ledger.shards()
    assert (shard.name, shard.state, shard.requests) == ("r1-0001", ShardState.WRITTEN, 4)
    assert ledger.run().counts == TableCounts(5)
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
    ledger.add_shards([one_shard(2)])
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
        ledger.add_shards([one_shard(2), one_shard(1)])
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


def test_what_is_known_of_the_run_is_read_back(ledger):
    """
    Each thing that is kept about the run as a whole comes back as it was given, and replaces what was there.
    """
    assert ledger.run() == RunRecord(TableCounts(5), policy={}, is_cancelled=False, driven="no", trouble=None)
    for record in (
        RunRecord(TableCounts(5), {"rounds": 2}, is_cancelled=True, driven="yes", trouble={"kind": "cap"}),
        RunRecord(TableCounts(5), {"rounds": 3}, is_cancelled=False, driven="paused", trouble=None),
    ):
        ledger.set_policy(record.policy)
        ledger.set_cancelled(record.is_cancelled)
        ledger.set_driven(record.driven)
        ledger.set_trouble(record.trouble)
        assert ledger.run() == record
    for tokens in (330, 500):
        ledger.note_queue_limit("m", tokens)
        assert (ledger.queue_limit("m"), ledger.queue_limit("n")) == (tokens, None)
    ledger.note_last_round(2, asks_invalid=True)
    assert ledger.is_last_round(2, asks_invalid=True)
    assert not ledger.is_last_round(2, asks_invalid=False)
    ledger.add_shards([one_shard(2)])
    first, second = ledger.shards()
    ledger.let_fail([second])
    ledger.let_be_unpaid([first])
    allowed = [(shard.may_fail, shard.may_be_unpaid) for shard in ledger.shards()]
    assert allowed == [(False, True), (True, False)]


def test_every_statement_has_a_name_and_a_purpose():
    """
    The ledger and its schema say no SQL of their own, and every statement says in a sentence what it is for.
    """
    tree = ast.parse(Path(statements.__file__).read_text(encoding="utf-8"))
    names = [ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)]
    purposes = [
        ast.literal_eval(following.value)
        for node, following in itertools.pairwise(tree.body)
        if isinstance(node, ast.Assign) and isinstance(following, ast.Expr)
    ]
    assert len(names) == len(purposes) > 20
    assert all(purpose.strip().endswith(".") for purpose in purposes)
    source = Path(ledger_module.__file__).read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"\bsql\.([A-Z_]+)", source))) == sorted(names)
    said = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|BEGIN|COMMIT|ROLLBACK)\b")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not said.search(node.value), node.value


def test_nothing_is_kept_under_a_name_of_its_own_making(ledger):
    """
    The ledger has no table of names and values, and no method that takes a name: each thing has its column.
    """
    tables = {"run", "output", "queue_limit", "last_round", "shard", "event"}
    source = Path(statements.__file__).read_text()
    assert set(re.findall(r"\b(?:FROM|INTO|UPDATE) (\w+)\b(?!\()", source)) == tables
    columns = {column for table in tables for (column,) in columns_of(ledger, table)}
    assert not columns & {"name", "key", "value"}
    for kept in (Ledger, api.Run):
        assert not {"fact", "facts", "set_fact", "get", "set"} & set(dir(kept))


def columns_of(ledger, table):
    return ledger._db.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
