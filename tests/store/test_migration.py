"""Ledgers of older versions are made new, whatever happens on the way."""

import sqlite3
from typing import Any

import pytest

from rowbatch.core.states import ShardState
from rowbatch.errors import RowbatchError
from rowbatch.store import ledger as ledger_module
from rowbatch.store.ledger import SCHEMA_VERSION, Ledger


def old_ledger(path):
    """A ledger as version 1 left it, with one shard whose batch runs."""
    db = sqlite3.connect(path)
    db.executescript(f"{ledger_module._SCHEMA} PRAGMA user_version = 1;")
    db.execute(
        "INSERT INTO shard (round, number, state, first_row, last_row, requests, bytes, sha256, token,"
        " file_id, batch_id, batch_status)"
        " VALUES (1, 1, 'submitted', 1, 9, 9, 900, 'abc', 't', 'file-1', 'batch_1', 'in_progress')"
    )
    db.execute("INSERT INTO fact VALUES ('rows', '9')")
    db.commit()
    db.close()
    return path


def version_of(path):
    with sqlite3.connect(path) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def require_new(path):
    with Ledger(path) as ledger:
        (shard,) = ledger.shards()
        assert (shard.state, shard.batch_id) == (ShardState.SUBMITTED, "batch_1")
        assert (shard.attempt, shard.past_batches, shard.spent_usd) == (1, (), None)
        assert ledger.fact("rows") == "9"
        assert ledger.faults() == []
    assert version_of(path) == SCHEMA_VERSION


def test_a_ledger_of_version_1(tmp_path):
    """
    R14: it opens as the newest version with all it knew, and the old file is kept beside it.
    """
    path = old_ledger(tmp_path / "ledger.sqlite")
    require_new(path)
    assert version_of(tmp_path / "ledger-v1.sqlite") == 1
    Ledger.create(tmp_path / "fresh.sqlite").close()
    with sqlite3.connect(path) as new, sqlite3.connect(tmp_path / "fresh.sqlite") as fresh:
        columns = "SELECT name, type FROM pragma_table_info('shard')"
        assert new.execute(columns).fetchall() == fresh.execute(columns).fetchall()


def test_a_crash_at_each_statement_of_the_migration(tmp_path, monkeypatch):
    """
    Crash points 15 and 16: the ledger is the old one or the new one, and opens the next time.
    """
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        path = old_ledger(folder / "ledger.sqlite")
        with monkeypatch.context() as patch:
            patch.setattr(ledger_module, "_migrate", breaking_at(at))
            try:
                Ledger(path).close()
            except (KeyboardInterrupt, RowbatchError):
                crashed = True
            else:
                crashed = False
        require_new(path)
        if not crashed:
            break
    assert at > 10


def breaking_at(at):
    """A migration that ends at its n-th statement, as a kill would end it."""
    real = ledger_module._migrate

    class Breaking:
        def __init__(self, db):
            self._db, self._count = db, 0

        def __getattr__(self, name):
            return getattr(self._db, name)

        def execute(self, *arguments):
            self._count += 1
            if self._count == at:
                # What was not committed is gone, as it is when the process ends.
                self._db.close()
                raise KeyboardInterrupt
            return self._db.execute(*arguments)

    def breaking(db, path, version):
        proxy: Any = Breaking(db)
        real(proxy, path, version)

    return breaking


@pytest.mark.parametrize("left_by_a_crash", [b"", b"half a copy"])
def test_a_half_copy_is_no_copy(tmp_path, left_by_a_crash):
    """
    What a crash left of the copy is replaced.
    """
    path = old_ledger(tmp_path / "ledger.sqlite")
    (tmp_path / ".ledger-v1.sqlite.part").write_bytes(left_by_a_crash)
    require_new(path)
    assert version_of(tmp_path / "ledger-v1.sqlite") == 1
