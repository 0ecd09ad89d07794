"""One count, of rows of the table, judged by the codebook: the same on every face."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import pytest

from driving import POLICY, drive, make_run, unknown_label
from fake_providers import FakeProvider, Faults
from rowbatch import api, desk
from rowbatch.cli import show
from rowbatch.core.findings import read_findings
from rowbatch.core.states import ShardState
from rowbatch.desk.jobs import job_id
from rowbatch.steps import poll
from rowbatch.steps.collect import collect
from rowbatch.steps.progress import Progress, read_progress
from rowbatch.store.home import home
from rowbatch.store.rundir import remember_run


def policy(**changes):
    return dataclasses.replace(POLICY, **changes)


def progress_of(run):
    with run.ledger() as ledger:
        return read_progress(ledger)


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_every_face_shows_the_same_numbers(tmp_path, capsys):
    """
    Three answers are invalid. `status`, `list`, the words at the end, JSON, Python and the job of the
    web app say 9 of 12 rows, 3 without; and the round says "invalid 3", not "ok".
    """
    run, fake = make_run(tmp_path), FakeProvider()
    fake.spoil = unknown_label([1, 5, 14])
    drive(run, fake, policy=policy(rounds=1))
    report = collect(run)
    assert dict(report.statuses) == {"ok": 9, "invalid": 3, "skipped": 2}
    opened = api.open_run(run.path)
    status = opened.status()
    assert (status.labelled, status.to_label) == (9, 12)
    assert status.progress is not None
    assert (status.progress.answered, status.progress.failed, status.progress.requests) == (9, 3, 12)
    assert [one.failed for one in status.progress.states] == [2, 0, 1]
    (spent,) = report.spent
    assert spent.statuses == {"ok": 9, "invalid": 3}
    remember_run(home(), run.path)
    job = desk.Jobs().job(job_id(run.path))
    assert (job.asked, job.answered, job.failed, job.missing) == (12, 9, 3, 3)
    assert sum(part.failed for part in job.parts) == 3
    show.status(status, ())
    show.runs(api.list_runs())
    show.collected(report)
    told = capsys.readouterr().out
    assert "9 of 12 rows answered, 3 without a usable answer" in told
    assert "collected            9/12" in told
    assert "labels   9 of 12 rows: ok 9, invalid 3, skipped 2" in told
    assert "round 1: 12 asked (invalid 3, ok 9)" in told
    show.as_json(status)
    shown = json.loads(capsys.readouterr().out)
    assert (shown["progress"]["answered"], shown["statuses"]["ok"]) == (9, 9)


def test_rows_count_once_over_rounds(tmp_path):
    """
    Rows that are asked again are neither failed nor done while they are, and count once: 4 of 12 fail, are
    asked again, and have their answer.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(rows_fail=0.4))
    seen: list[Progress] = []
    drive(run, fake, policy=policy(rounds=1), progress=seen.append)
    failed = progress_of(run).failed
    assert failed > 0
    fake.faults.stop()
    drive(run, fake, policy=policy(rounds=3), progress=seen.append)
    assert {one.requests for one in seen} == {12}
    assert all(one.done <= 12 for one in seen)
    second = [one for one in seen if one.rounds == 2]
    assert (second[0].failed, second[0].answered) == (0, 12 - failed)
    assert (progress_of(run).answered, progress_of(run).failed) == (12, 0)


def test_a_cancelled_batch_without_files_has_done_nothing(tmp_path):
    """
    A batch that was cancelled before anything ran may list no file: none of its rows is done.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    fake.work_polls = 1_000
    drive(run, fake, goal="submitted")
    for batch in fake.batches:
        batch.status, batch.output, batch.errors = "cancelled", b"", b""
        batch.counts = {"total": 4, "completed": 0, "failed": 0}
    drive(run, fake, goal="over")
    drive(run, fake, goal="downloaded")
    found = progress_of(run)
    assert (found.requests, found.answered, found.failed, found.done) == (12, 0, 0, 0)


@pytest.mark.parametrize("nameless", [3, 10_000])
def test_files_that_are_not_named_yet_are_waited_for(tmp_path, monkeypatch, nameless):
    """
    A batch may be over before it names its files: its rows are not taken for missing, which would pay for
    them twice. After ten minutes they are.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    seen: Counter[str] = Counter()
    real = poll._view

    def without_files(client, shard):
        view = real(client, shard)
        seen[shard.name] += view.is_terminal
        if seen[shard.name] > nameless:
            return view
        return client.view(json.loads(view.raw) | {"output_file_id": None, "error_file_id": None})

    monkeypatch.setattr(poll, "_view", without_files)
    drive(run, fake, policy=policy(rounds=1))
    found = progress_of(run)
    assert (found.answered, found.done) == ((12, 12) if nameless == 3 else (0, 12))
    assert set(fake.paid_rows.values()) == {1}
    with run.ledger() as ledger:
        shards = [one for one in ledger.shards() if one.state is not ShardState.CUT]
        assert all(len(ledger.events_of(shard, poll.FILES_AWAITED)) == 1 for shard in shards)


def test_a_round_in_which_all_failed_is_told(tmp_path, capsys):
    """
    Cost lines leave no round out: one in which every row failed stands there with what it says.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(rows_refused=1.0))
    drive(run, fake, policy=policy(rounds=1))
    show.collected(collect(run))
    assert "round 1: 12 asked (error 12); 0 tokens in, 0 out" in capsys.readouterr().out


def test_findings_of_an_older_version_are_read():
    """
    What an older version counted has no word for the lines' own statuses, and is read as it was.
    """
    old = '{"asked":4,"answered":4,"statuses":{"ok":4},"prompt_tokens":7}'
    found = read_findings(old)
    assert found is not None
    assert (found.statuses, found.told, found.reasons, found.is_whole) == ({"ok": 4}, {}, {}, True)
