"""Ledgers of older versions are made new, whatever happens on the way."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from driving import drive, make_run
from fake_providers import FakeProvider, Faults
from old_ledgers import downgrade, version_of, write_ledger
from rowbatch.core.states import ShardState
from rowbatch.errors import RowbatchError
from rowbatch.store import ledger as ledger_module
from rowbatch.store import schema
from rowbatch.store.ledger import Ledger, RunRecord, TableCounts
from rowbatch.store.schema import SCHEMA_VERSION

OUTPUT = "126191dad1e65a9cc4fb4479f2ab4b6bd943b21b1bd99c9019b36f692cfcfee9"


def old_ledger(path, version=1):
    """A ledger as the version left it, with one shard whose batch runs."""
    write_ledger(version, path, Path("/data"))
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "UPDATE shard SET state = 'submitted', file_id = 'file-1', batch_id = 'batch_1',"
            " batch_status = 'in_progress' WHERE number = 1"
        )
        db.commit()
    return path


def require_new(path):
    with Ledger(path) as ledger:
        shard, *others = ledger.shards()
        assert (shard.state, shard.batch_id) == (ShardState.SUBMITTED, "batch_1")
        assert (shard.attempt, shard.past_batches, shard.spent_usd) == (1, (), None)
        assert [other.state for other in others] == [ShardState.WRITTEN] * 2
        assert ledger.run().counts == TableCounts(14, skipped=2)
        assert ledger.outputs() == {Path("/data/out.csv"): OUTPUT}
        assert ledger.faults() == []
    assert version_of(path) == SCHEMA_VERSION


@pytest.mark.parametrize("version", [1, 2])
def test_a_ledger_of_an_older_version(tmp_path, version):
    """
    R14: it opens as the newest version with all it knew, and the old file is kept beside it.
    """
    path = old_ledger(tmp_path / "ledger.sqlite", version)
    require_new(path)
    assert version_of(tmp_path / f"ledger-v{version}.sqlite") == version
    Ledger.create(tmp_path / "fresh.sqlite").close()
    assert tables_of(path) == tables_of(tmp_path / "fresh.sqlite")


def tables_of(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(
            'SELECT t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk'
            " FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'"
            " ORDER BY 1, c.cid"
        ).fetchall()


def test_every_fact_of_version_2_has_its_place(tmp_path):
    """
    R14: what stood under names of its own making stands in columns: nothing that was decided is forgotten.
    """
    with Ledger(write_ledger(2, tmp_path / "ledger.sqlite", Path("/data"))) as ledger:
        assert ledger.run() == RunRecord(
            counts=TableCounts(14, skipped=2),
            policy={"max_cost_usd": "5", "rounds": 2},
            is_cancelled=False,
            driven="paused",
            trouble={
                "kind": "network",
                "message": "no answer",
                "hint": "",
                "status": None,
                "code": "",
                "at": "2026-11-02T10:00:00+00:00",
            },
        )
        limits = [ledger.queue_limit(model) for model in ("m", "m-large", "other")]
        assert limits == [330, 9000, None]
        assert [shard.may_fail for shard in ledger.shards()] == [True, False, True]
        last = [
            (n, a) for n in range(1, 15) for a in (False, True) if ledger.is_last_round(n, asks_invalid=a)
        ]
        assert last == [(1, False), (12, True)]
        assert ledger.output_digest(Path("/data/out.csv")) == OUTPUT
        # Somebody had taken it over twice; the next one is the third.
        ledger.take_over()
        assert ledger._epoch == 3


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("cancelled", "yes", {"is_cancelled": True}, id="cancelled"),
        pytest.param("driven by the program", "yes", {"driven": "yes"}, id="driven"),
        pytest.param("driven by the program", "", {"driven": "no"}, id="not-driven"),
        pytest.param("trouble", "", {"trouble": None}, id="no-trouble"),
        pytest.param("policy", "", {"policy": {}}, id="no-policy"),
    ],
)
def test_values_of_version_2(tmp_path, name, value, expected):
    """
    R14: each value that a fact could have is read as what it meant.
    """
    path = write_ledger(2, tmp_path / "ledger.sqlite", Path("/data"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))
        db.commit()
    with Ledger(path) as ledger:
        run = ledger.run()
        assert {name: getattr(run, name) for name in expected} == expected


@pytest.mark.parametrize("version", [1, 2])
def test_a_crash_at_each_statement_of_the_migration(tmp_path, monkeypatch, version):
    """
    Crash points 15 and 16: the ledger is the old one or the new one, and opens the next time.
    """
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        path = old_ledger(folder / "ledger.sqlite", version)
        with monkeypatch.context() as patch:
            patch.setattr(ledger_module, "migrate", breaking_at(at))
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
    real = schema.migrate

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


def test_a_ledger_of_version_4_counts_as_a_new_one(tmp_path):
    """
    What is counted of shards that an older version wrote is what a ledger of this version counts of them.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(rows_fail=0.4))
    drive(run, fake)
    with run.ledger() as ledger:
        before, shards = ledger.standing(), ledger.shards()
    assert sum(one.failed for one in before)
    downgrade(run.ledger_path, 4)
    with run.ledger() as ledger:
        assert (ledger.standing(), ledger.shards()) == (before, shards)
    assert version_of(run.ledger_path) == SCHEMA_VERSION
