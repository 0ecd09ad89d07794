"""Runs that an older version began are opened, and go on to their table."""

import pytest

from driving import drive, finish, judge, make_run, rows_of
from fake_providers import FakeProvider
from old_ledgers import downgrade, make_old, version_of, write_ledger
from rowbatch.store.schema import SCHEMA_VERSION

# Whose ledgers are kept as they wrote them; version 4 differs from 5 in columns and indexes alone.
VERSIONS = [1, 2, 3]
ALL_VERSIONS = [*VERSIONS, 4]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_whose_ledger_an_older_version_wrote_goes_on(tmp_path, version):
    """
    R14: a ledger as the version itself wrote it: the run ends with its table, paid once.
    """
    run, fake = make_run(tmp_path, rows=14), FakeProvider()
    make_old(run)
    write_ledger(version, run.ledger_path, tmp_path)
    report = finish(run, fake)
    judge(run, fake, rows_of(report.path))
    assert not report.has_gaps
    assert len(fake.batches) == 3
    assert version_of(run.ledger_path) == SCHEMA_VERSION
    assert version_of(run.path / f"ledger-v{version}.sqlite") == version


@pytest.mark.parametrize("version", ALL_VERSIONS)
@pytest.mark.parametrize("goals", [["submitted"], ["submitted", "over"], ["submitted", "over", "downloaded"]])
def test_a_run_goes_on_from_wherever_an_older_version_left_it(tmp_path, version, goals):
    """
    R14: with batches that run, that are over, and whose results are here; nothing is asked or paid twice.
    """
    run, fake = make_run(tmp_path, rows=14), FakeProvider()
    for goal in goals:
        drive(run, fake, goal=goal)
    if version < 4:
        make_old(run)
    downgrade(run.ledger_path, version)
    assert version_of(run.ledger_path) == version
    report = finish(run, fake)
    judge(run, fake, rows_of(report.path))
    assert not report.has_gaps
    assert fake.posts == 3


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_a_table_that_an_older_version_wrote_is_replaced(tmp_path, version):
    """
    A labelled table that is known to be ours is written anew without being asked; nobody else's is.
    """
    run, fake = make_run(tmp_path, rows=14), FakeProvider()
    before = finish(run, fake).path.read_bytes()
    if version < 4:
        make_old(run)
    downgrade(run.ledger_path, version)
    assert finish(run, fake).path.read_bytes() == before
