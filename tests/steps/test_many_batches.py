"""Runs of many batches: what is read grows with what is shown, and a drive with the batches alone."""

import itertools
import random
import sqlite3
import tomllib
from contextlib import closing
from decimal import Decimal

import pytest

import billion
from billion import INPUT_BYTES, RESULT_BYTES, ROWS, TOKENS, Limits
from driving import POLICY, drive, make_run
from fake_providers import FakeProvider, Faults
from rowbatch.api.standing import find_status
from rowbatch.core.findings import Findings
from rowbatch.core.states import ShardState
from rowbatch.errors import RunError
from rowbatch.steps.progress import read_progress
from rowbatch.store import ledger as ledger_module
from rowbatch.store import statements
from rowbatch.store.ledger import Ledger, TableCounts, new_shard
from rowbatch.words import notice
from rowbatch.words.notice import Notice


def test_a_billion_rows_at_small_scale(tmp_path):
    """
    The simulation keeps all limits by itself: the provider refuses nothing, and every row has its answer.
    """
    told = billion.simulate(tmp_path, 60, Limits(creations_per_hour=20))
    assert told.refused == {"creations": 0, "storage": 0, "queue": 0}
    assert (told.batches, told.answered) == (61, 60 * ROWS)
    assert told.busiest_hour == 20
    assert told.days >= 2 / 24


def test_the_queue_is_kept(tmp_path):
    """
    As many tokens wait at the provider as it takes, and no more: where that binds, days follow from it.
    """
    one = ROWS * TOKENS
    told = billion.simulate(tmp_path, 12, Limits(queue_tokens=4 * one, longest_h=2.0))
    assert told.refused == {"creations": 0, "storage": 0, "queue": 0}
    # Four fifths of four, so three at a time.
    assert told.days * 24 >= 12 / 3 * 0.2


@pytest.mark.parametrize("frees", [True, False])
def test_the_storage_of_a_project_is_kept(tmp_path, frees):
    """
    Request files are removed when their results are here, where a person wants that; then a run goes on whose
    files would not fit all together. Without it the run stops before the provider has to refuse, and says so.
    """
    both = ROWS * (INPUT_BYTES + RESULT_BYTES)
    room = Limits(storage_bytes=8 * both + 12 * ROWS * RESULT_BYTES)
    if frees:
        told = billion.simulate(tmp_path, 18, room)
        assert told.refused["storage"] == 0
        assert told.peak_bytes <= room.storage_bytes
    else:
        with pytest.raises(AssertionError, match="bytes that the provider keeps"):
            billion.simulate(tmp_path, 18, room, frees_inputs=False)


def test_a_request_file_is_removed_only_when_its_results_are_here(tmp_path):
    """
    The real provider's files: with the wish for it each input is gone at the end, and each result is there.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    policy = POLICY.__class__(**{**{n: getattr(POLICY, n) for n in POLICY.__slots__}, "frees_inputs": True})
    drive(run, fake, policy=policy)
    with run.ledger() as ledger:
        shards = ledger.shards()
    assert all(shard.freed_at is not None for shard in shards)
    assert not {shard.file_id for shard in shards} & fake.files.keys()
    assert fake.double_submits() == {}


def test_status_reads_what_it_shows(tmp_path, monkeypatch):
    """
    A status makes no object of a shard that it does not show.
    """
    run, fake = make_run(tmp_path, rows=60, shard_rows=1), FakeProvider()
    drive(run, fake)
    made: list[object] = []
    monkeypatch.setattr(ledger_module, "_shard", made.append)
    status = find_status(run.path, most_states=5, most_events=3)
    assert not made
    assert status.progress is not None
    assert (len(status.progress.states), len(status.events)) == (5, 3)
    assert status.progress.shards > 50
    assert status.progress.answered == status.progress.requests


def test_a_status_adds_up_the_shards_once(tmp_path, monkeypatch):
    """
    How many there are, how they stand, what they cost and why they wait: the shards are gone through once for
    all sums, and once for the reasons; a reason that all of them have is read once.
    """
    run = make_run(tmp_path, rows=60, shard_rows=1)
    with run.ledger() as ledger:
        for shard in ledger.shards():
            ledger.note_wait(shard, Notice("cap-reached", {"cap_usd": 1, "spent_usd": 1, "most_usd": 1}))
    find_status(run.path)
    calls: dict[str, list[object]] = {"rows": [], "notice": [], "toml": []}
    real_rows, real_notice, real_loads = Ledger._rows, notice.read_notice, tomllib.loads

    def rows(self, statement, **values):
        calls["rows"].append(statement)
        return real_rows(self, statement, **values)

    def read_notice(text):
        calls["notice"].append(text)
        return real_notice(text)

    def loads(text):
        calls["toml"].append(text)
        return real_loads(text)

    monkeypatch.setattr(Ledger, "_rows", rows)
    monkeypatch.setattr(ledger_module, "read_notice", read_notice)
    monkeypatch.setattr(tomllib, "loads", loads)
    status = find_status(run.path)
    assert status.progress is not None
    assert len(status.progress.states) == status.progress.shards > 50
    assert {str(one.waits_for) for one in status.progress.states} == {str(status.progress.waiting[0])}
    of_all = [one for one in calls["rows"] if "FROM shard" in str(one) and "LIMIT" not in str(one)]
    assert sorted(map(str, of_all)) == sorted(
        [statements.STANDING, statements.WAITING, statements.OLDEST_AT_PROVIDER]
    )
    assert len(calls["notice"]) <= 2
    # It is frozen, and the same file.
    assert not calls["toml"]


def test_a_run_toml_that_was_changed_is_read_anew(tmp_path):
    """
    What is kept of run.toml goes with the file: where another one takes its place, that one counts.
    """
    run = make_run(tmp_path)
    before = run.plan()
    text = run.settings_path.read_text(encoding="utf-8")
    other = run.settings_path.with_name("other.toml")
    other.write_text(text.replace(before.asking.model, before.asking.model[::-1]), encoding="utf-8")
    other.replace(run.settings_path)
    assert run.plan().asking.model == before.asking.model[::-1]
    run.settings_path.unlink()
    with pytest.raises(RunError):
        run.plan()


def test_a_drive_reads_each_shard_a_few_times(tmp_path, monkeypatch):
    """
    Four times the batches are four times the work: rows of the ledger that are made objects of, counted.
    """
    counts = []
    for batches in (15, 60):
        real, made = ledger_module._shard, itertools.count()
        with monkeypatch.context() as patch:
            patch.setattr(
                ledger_module, "_shard", lambda row, real=real, made=made: (next(made), real(row))[1]
            )
            billion.simulate(tmp_path / str(batches), batches, Limits(longest_h=0.3))
        counts.append(next(made))
    assert counts[1] < 5 * counts[0]


def test_many_batches_are_seen_in_the_list(tmp_path, monkeypatch):
    """
    Where many batches run, the list tells which are over, and only these are asked for.
    """
    from rowbatch.steps import drive as drive_module

    monkeypatch.setattr(drive_module, "_FEWEST_TO_LIST", 5)
    run, fake = make_run(tmp_path, rows=24, shard_rows=2), FakeProvider()
    fake.work_polls = 3
    drive(run, fake)
    with run.ledger() as ledger:
        assert {shard.state for shard in ledger.shards()} == {ShardState.DOWNLOADED}
    assert fake.double_submits() == {}


def test_a_list_that_lags_is_not_believed_to_be_whole(tmp_path, monkeypatch):
    """
    A batch that the list does not show yet is asked for by itself.
    """
    from rowbatch.steps import drive as drive_module

    monkeypatch.setattr(drive_module, "_FEWEST_TO_LIST", 2)
    run, fake = make_run(tmp_path, rows=24, shard_rows=2), FakeProvider(faults=Faults(list_lag_s=1e9))
    drive(run, fake)
    with run.ledger() as ledger:
        assert {shard.state for shard in ledger.shards()} == {ShardState.DOWNLOADED}


def some_shards(rng):
    """Shards in every state, with and without findings, by the ways that a ledger can be written."""
    shards = []
    for number in range(1, 60):
        shard = new_shard(
            number=number,
            first_row=number,
            last_row=number + 9,
            requests=10,
            size_bytes=rng.randrange(1, 999),
            sha256="0",
            token=f"t{number}",
            tokens=rng.randrange(99),
            round_=rng.choice([1, 1, 2]),
        )
        shards.append(shard)
    return shards


def test_the_tally_is_what_the_ledger_holds(tmp_path):
    """
    After any changes, by this connection or by another, the sums that are kept are those of the whole table.
    """
    rng = random.Random(7)
    path = tmp_path / "ledger.sqlite"
    with Ledger.create(path) as ledger, Ledger(path) as other:
        ledger.add_shards(some_shards(rng), counts=TableCounts(99))
        for _ in range(300):
            writer = rng.choice([ledger, ledger, other])
            shard = rng.choice(writer.shards())
            if shard.state is ShardState.WRITTEN:
                writer.move(shard, ShardState.UPLOADED, event="uploaded", file_id="file-1")
            elif shard.state is ShardState.UPLOADED:
                writer.claim(shard, reserved_usd=Decimal(rng.randrange(999)) / 1000, cap_usd=Decimal(8))
            elif shard.state is ShardState.SUBMITTING:
                back = rng.random() < 0.3
                to, event = (ShardState.UPLOADED, "refused") if back else (ShardState.SUBMITTED, "submitted")
                writer.move(shard, to, event=event, batch_id=None if back else "b", reserved_usd="0")
            elif shard.state is ShardState.SUBMITTED:
                writer.move(shard, ShardState.ENDED, event="ended")
            elif shard.state is ShardState.ENDED:
                writer.move(shard, ShardState.DOWNLOADED, event="downloaded", spent_usd="0.125")
            for one in (ledger, other):
                tally, shards = one.tally(), one.shards()
                assert tally.charged_usd == one.spent_usd()
                for state in ShardState:
                    here = [shard for shard in shards if shard.state is state]
                    assert tally.names(state) == [(shard.round, shard.number) for shard in here]
                    assert tally.tokens(state) == sum(shard.tokens for shard in here)
                assert tally.input_bytes == sum(shard.bytes for shard in shards if shard.file_id)


def test_a_change_that_fails_is_not_counted(tmp_path):
    """
    What a transaction did not commit is in no sum.
    """
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        ledger.add_shards(some_shards(random.Random(1)), counts=TableCounts(99))
        shard = ledger.shard(*ledger.tally().names(ShardState.WRITTEN)[0])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ledger, "_event", broken)
            with pytest.raises(KeyboardInterrupt):
                ledger.move(shard, ShardState.UPLOADED, event="uploaded", file_id="file-1")
        assert ledger.tally().count(ShardState.UPLOADED) == 0
        ledger.move(shard, ShardState.UPLOADED, event="uploaded", file_id="file-1")
        assert ledger.tally().count(ShardState.UPLOADED) == 1


def broken(*_):
    raise KeyboardInterrupt


def test_progress_counts_as_the_states_say(tmp_path):
    """
    What SQLite counts of each shard is what its state, its status and its findings say, in every combination.
    """
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        shard = some_shards(random.Random(2))[0]
        ledger.add_shards([shard], counts=TableCounts(10))
        states = [state for state in ShardState if state is not ShardState.CUT]
        found = [None, "", "not JSON", *map(findings_of, ({}, {"ok": 7, "cancelled": 1, "missing": 2}))]
        for state, status, findings, completed, failed in itertools.product(
            states, [None, "completed", "cancelled"], found, [0, 4, 99], [0, 3, 99]
        ):
            with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db, db:
                db.execute(
                    "UPDATE shard SET state = ?, batch_status = ?, findings = ?, completed_requests = ?,"
                    " failed_requests = ?",
                    (state, status, findings, completed, failed),
                )
            (line,) = read_progress(ledger).states
            answered, lost = counted(state, status, findings, completed, failed)
            assert (line.done, line.failed) == (answered + lost, lost)


def findings_of(statuses):
    return Findings(10, 10, statuses=statuses).to_json()


def counted(state, status, findings, completed, failed):
    """Answered and failed rows of a shard of ten, as they are to be counted."""
    if state == "downloaded" and findings and findings.startswith("{"):
        ok, cancelled = (7, 1 + 2 * (status == "cancelled")) if '"ok"' in findings else (0, 0)
        return ok, 10 - ok - cancelled
    answered = min(10, completed)
    failed = min(10 - answered, failed)
    if state == "downloaded" and status != "cancelled":
        answered = 10 - failed
    return answered, failed
