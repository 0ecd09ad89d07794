"""The commands for parts that a provider does not bring: give-up, resume --batch and --ask-again, cancel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import stamina
from click.testing import CliRunner, Result

from driving import client_of, drive, make_run
from fake_providers import FakeProvider
from rowbatch.api import runs
from rowbatch.cli.app import app
from rowbatch.errors import UsageError


@pytest.fixture
def fake(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    found = FakeProvider()

    @contextmanager
    def asked(*_: Any) -> Iterator[Any]:
        with client_of(found) as client:
            yield client

    monkeypatch.setattr(runs, "provider_client", asked)
    with stamina.set_testing(True, attempts=2):
        yield found


def typed(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)


def test_a_part_is_given_up_and_asked_again(tmp_path, fake):
    """
    Without a yes nothing is done; with one the part is given up, the rest comes, and its rows are asked again
    when a person says so.
    """
    run = make_run(tmp_path, rows=12)
    drive(run, fake, goal="submitted")
    fake.batches.pop(0)
    refused = typed("give-up", run.path, "r1-0001")
    assert isinstance(refused.exception, UsageError)
    assert refused.exception.kind == "nobody-to-confirm"
    unclear = typed("give-up", run.path, "--yes")
    assert isinstance(unclear.exception, UsageError)
    assert unclear.exception.values["waiting"] == ["r1-0001", "r1-0002", "r1-0003"]
    done = typed("give-up", run.path, "r1-0001", "--yes")
    assert "given up: r1-0001, 4 rows" in done.output
    first = typed("resume", run.path, "--yes", "--poll-seconds", "0")
    assert "missing 4" in first.output
    again = typed("resume", run.path, "--ask-again", "missing", "--yes", "--poll-seconds", "0")
    assert "4 rows are asked again" in again.output
    assert "ok 10, skipped 2" in again.output
    assert fake.posts == 4


def test_a_batch_that_is_no_pair(tmp_path, fake):
    """
    `--batch` takes a part and an id, and nothing else.
    """
    run = make_run(tmp_path, rows=4)
    found = typed("resume", run.path, "--yes", "--batch", "batch_1")
    assert isinstance(found.exception, UsageError)
    assert found.exception.kind == "batch-no-pair"
    assert fake.posts == 0


def test_cancelling_prints_no_progress_of_labelling(tmp_path, fake):
    """
    `cancel` says what it waits for, comes back after its bound, and says how to bring the rest.
    """
    run = make_run(tmp_path, rows=12)
    drive(run, fake, goal="submitted")
    fake.poll = lambda batch: None
    done = typed("cancel", run.path, "--wait", "0.2", "--poll-seconds", "0.05")
    assert "labelling" not in done.output
    assert done.output.count("asked to end its batch") == 3
    assert "3 batches are still ending at the provider" in done.output
