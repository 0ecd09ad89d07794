"""The fault catalogue: what providers do, and what becomes of the run."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import stamina

from driving import KEY, POLICY, PRICE, client_of, drive, finish, judge, make_run, rows_of
from fake_providers import FakeProvider, Faults, Reply
from rowbatch.core.findings import read_findings
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.errors import NeedsDecision, RunError, ServiceError
from rowbatch.steps.clean import clean
from rowbatch.steps.collect import collect
from rowbatch.steps.drive import allow_mass_failure, allow_unpaid_rows
from rowbatch.steps.submit import LostAnswerPolicy
from rowbatch.steps.verify import verify

PROVIDERS = ["openai", "anthropic", "gemini", "mistral"]


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=6):
        yield


def with_policy(**changes):
    return dataclasses.replace(POLICY, **changes)


def events_of(run, kind):
    with run.ledger() as ledger:
        return [event for event in ledger.events() if event.kind == kind]


def shards_of(run):
    with run.ledger() as ledger:
        return ledger.shards()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_whole_way(tmp_path, provider):
    """
    M6: each shard paid once; every row with its own answer in whatever order they came; the cost by tokens.
    """
    run, fake = make_run(tmp_path, provider=provider), FakeProvider(provider)
    report = finish(run, fake, provider=provider)
    assert len(fake.batches) == fake.posts == 3
    assert set(report.statuses) == {"ok", "skipped"}
    assert not report.has_gaps
    judge(run, fake, rows_of(report.path))
    (spent,) = report.spent
    assert (
        spent.usd
        == (spent.prompt_tokens * PRICE.input_usd + spent.answer_tokens * PRICE.output_usd) / 1_000_000
    )
    assert spent.prompt_tokens > spent.answer_tokens > 0


# Lost answers (C2, C3, C4, R2 to R7)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("html", [0.0, 1.0], ids=["reset", "html"])
def test_c2_a_lost_answer_is_found_in_the_list(tmp_path, provider, html):
    """
    C2, N6, R4: the batch was made and the answer did not arrive, or was a proxy's page: it is adopted.
    """
    faults = Faults(lose_create=1.0, html_create=html, list_lag_s=20.0)
    run, fake = make_run(tmp_path, provider=provider), FakeProvider(provider, faults)
    report = finish(run, fake, provider=provider)
    assert fake.posts == 3
    assert len(events_of(run, "adopted")) == 3
    judge(run, fake, rows_of(report.path))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_r1_the_intent_is_known_before_the_call(tmp_path, provider):
    """
    R1: at the moment of the paid call another program reads the intent in the ledger, with the money.
    """
    run, fake = make_run(tmp_path, provider=provider), FakeProvider(provider)
    seen = []

    def look(name):
        paid = ("POST /v1/batches", "POST /v1/messages/batches", "POST /v1/batch/jobs")
        if name.startswith("before POST") and (name.removeprefix("before ") in paid or "batchGen" in name):
            seen.append([shard.reserved_usd for shard in shards_of(run) if shard.state == "submitting"])

    fake.step = look
    drive(run, fake, provider=provider, goal="submitted")
    assert seen == [[Decimal("0.04")], [Decimal("0.04")], [Decimal("0.04")]]


def test_c8_a_request_file_that_was_changed_is_not_sent(tmp_path):
    """
    C8, R8: what was built is what is paid for: a changed file is an error that names it, and nothing is sent.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    path = run.request_path("r1-0001")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Which?", b"Who??!"))
    with pytest.raises(NeedsDecision, match=r"r1-0001.jsonl is not the file that was built"):
        drive(run, fake)
    assert (fake.posts, fake.files) == (0, {})
    path.write_bytes(content)
    judge(run, fake, rows_of(finish(run, fake).path))


def test_c3_the_paid_call_goes_out_once(tmp_path):
    """
    C3, R2: under any lost answer there is one POST for each intent.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(lose_create=1.0))
    drive(run, fake, goal="submitted")
    assert fake.calls["POST /v1/batches"] == len(events_of(run, "intent")) == 3


def test_a_call_that_is_lost_each_time_is_a_persons_matter_in_the_end(tmp_path):
    """
    Whoever said to send again what was lost did not say to pay without end.
    """
    run = make_run(tmp_path, rows=3)
    fake = FakeProvider(faults=Faults(lose_create=1.0, list_lag_s=1e9))
    again = with_policy(lost=LostAnswerPolicy(wait_s=60.0, then="resubmit", look_every_s=5.0))
    with pytest.raises(NeedsDecision) as caught:
        drive(run, fake, policy=again)
    assert "nobody knows whether its batch was made" in str(caught.value)
    assert fake.posts == 6


def test_r5_an_empty_list_asks_a_person(tmp_path):
    """
    R5: the list stays empty: all else is done, then the person is asked; with leave it is sent again.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(lose_create=1.0, list_lag_s=1e9))
    ask = with_policy(lost=LostAnswerPolicy(wait_s=60.0, then="ask", look_every_s=5.0))
    with pytest.raises(NeedsDecision) as caught:
        drive(run, fake, policy=ask)
    assert "--resubmit-lost" in caught.value.hint
    assert fake.posts == 3
    assert {shard.state for shard in shards_of(run)} == {ShardState.UNKNOWN}
    fake.faults = Faults(list_lag_s=1e9)
    finish(run, fake)
    assert fake.posts == 6


def test_r5_others_go_on_while_one_is_unknown(monkeypatch, tmp_path):
    """
    R5: one shard whose fate nobody knows does not hold up the others.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(lose_create=1.0, list_lag_s=1e9))
    ask = with_policy(lost=LostAnswerPolicy(wait_s=600.0, then="ask", look_every_s=5.0))
    real = fake.make_batch

    def only_the_first(batch):
        fake.faults.lose_create = 0.0 if fake.batches else 1.0
        return real(batch)

    monkeypatch.setattr(fake, "make_batch", only_the_first)
    with pytest.raises(NeedsDecision):
        drive(run, fake, policy=ask)
    assert [shard.state for shard in shards_of(run)] == ["unknown", "downloaded", "downloaded"]
    # What was answered is in the table already.
    assert collect(run).statuses[RowStatus.OK] == 8


def test_r6_of_several_batches_the_oldest_is_kept(monkeypatch, tmp_path):
    """
    R6: duplicates that somebody else made are cancelled, with an event that tells the money.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider(faults=Faults(lose_create=1.0))
    real = fake.make_batch

    def twice(batch):
        twin = dataclasses.replace(batch, id="batch_twin")
        fake.batches.append(twin)
        return real(batch)

    monkeypatch.setattr(fake, "make_batch", twice)
    fake.work_polls = 9
    drive(run, fake, goal="submitted", usd_a_row="0.5")
    (event,) = events_of(run, "duplicate-cancelled")
    assert event.detail["batch_id"] == "batch_twin"
    assert Decimal(event.detail["usd"]) > 0
    assert next(batch for batch in fake.batches if batch.id == "batch_twin").cancelled
    assert shards_of(run)[0].batch_id != "batch_twin"


def test_r7_a_batch_that_is_not_found_is_never_sent_again(tmp_path):
    """
    R7: another key sees no batch of the first one's project: an error that says so, and no new batch.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()
    drive(run, fake, goal="submitted")
    hidden, fake.batches = fake.batches, []
    impatient = with_policy(patience_s=30.0)
    with pytest.raises(ServiceError, match="does not know the batch") as caught:
        drive(run, fake, policy=impatient, key="sk-another-key")
    assert "another key" in caught.value.hint
    assert fake.posts == 1
    fake.batches = hidden
    judge(run, fake, rows_of(finish(run, fake).path))


@pytest.mark.parametrize("hours", [-70, 70])
def test_r15_a_clock_that_is_wrong_by_hours(tmp_path, hours):
    """
    R15: intents have the provider's time, so a skewed laptop finds its batch all the same.
    """
    faults = Faults(lose_create=1.0, list_lag_s=20.0)
    run, fake = make_run(tmp_path, provider="anthropic"), FakeProvider("anthropic", faults)
    fake.our_clock_is_ahead = timedelta(hours=hours)
    finish(run, fake, provider="anthropic")
    assert fake.double_submits() == {}


# The queue (Q1, Q2, P1, P2)


@pytest.mark.parametrize("at_create", [False, True], ids=["in-validation", "at-create"])
def test_q1_a_full_queue_is_waited_for(tmp_path, at_create):
    """
    Q1: a batch that the queue has no room for goes when another one is over; the limit is learnt.
    """
    faults = Faults(queue_tokens=330, queue_at_create=at_create)
    run, fake = make_run(tmp_path, rows=28), FakeProvider(faults=faults)
    said: list[str] = []
    report = finish(run, fake, said=said)
    judge(run, fake, rows_of(report.path))
    assert not report.has_gaps
    assert any("queue" in sentence or "tokens wait" in sentence for sentence in said)
    with run.ledger() as ledger:
        assert ledger.queue_limit("m") == 330


def test_q1_a_shard_that_is_larger_than_the_queue_is_cut(tmp_path):
    """
    Q1: alone it would never be taken; smaller ones are.
    """
    run, fake = make_run(tmp_path, rows=28, shard_rows=30), FakeProvider(faults=Faults(queue_tokens=330))
    report = finish(run, fake)
    assert ShardState.CUT in {shard.state for shard in shards_of(run)}
    judge(run, fake, rows_of(report.path))
    assert not report.has_gaps


def test_q1_an_own_limit_holds_shards_back(tmp_path):
    """
    With `queue_tokens` no more waits at the provider than that, and the reason is in the ledger.
    """
    run, fake = make_run(tmp_path, rows=28), FakeProvider()
    fake.work_polls = 3
    tokens = max(shard.tokens for shard in shards_of(run))
    drive(run, fake, goal="submitted", policy=with_policy(queue_tokens=3 * tokens))
    waiting = [shard for shard in shards_of(run) if shard.state is ShardState.WRITTEN]
    assert waiting[0].waits_for is not None
    assert waiting[0].waits_for.kind == "wait-queue-share"
    assert "tokens wait at the provider" in str(waiting[0].waits_for)
    judge(run, fake, rows_of(finish(run, fake).path))


def test_q2_money_that_has_run_out_stops_the_rest(tmp_path):
    """
    Q2: the first shard whose rows fail for a reason that stays holds back what is not submitted yet.
    """
    run, fake = make_run(tmp_path, rows=80, shard_rows=12), FakeProvider(faults=Faults(unpaid=0))
    policy = with_policy(queue_tokens=1_500)
    report = drive(run, fake, policy=policy)
    assert report.stopped_because is not None
    assert report.stopped_because.kind == "rows-unpaid"
    assert "insufficient_quota" in str(report.stopped_because)
    assert report.needs_person
    assert report.unsent > 0
    made = len(fake.batches)
    assert drive(run, fake, policy=policy).needs_person
    assert len(fake.batches) == made
    collected = collect(run)
    assert collected.statuses[RowStatus.UNSENT] > 0
    judge(run, fake, rows_of(collected.path))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_q2_rows_that_nobody_paid(tmp_path, provider):
    """
    Q2: however few they are and whatever the provider calls it, they are asked again when a person goes on,
    and not before.
    """
    run, fake = make_run(tmp_path, provider=provider), FakeProvider(provider, faults=Faults(unpaid=9))
    report = drive(run, fake, provider=provider)
    assert report.stopped_because is not None
    assert report.stopped_because.kind == "rows-unpaid"
    assert report.needs_person
    assert len(fake.batches) == 3
    # The same again asks nobody.
    assert drive(run, fake, provider=provider).needs_person
    assert len(fake.batches) == 3
    fake.faults.unpaid = None
    with run.ledger() as ledger:
        allow_unpaid_rows(ledger)
    report = drive(run, fake, provider=provider, policy=with_policy(rounds=1))
    assert (report.stopped_because, report.rounds) == (None, {2: 3})
    collected = collect(run)
    assert not collected.has_gaps
    judge(run, fake, rows_of(collected.path))


def test_q2_a_call_that_nobody_pays(monkeypatch, tmp_path):
    """
    Q2: 429 because nobody pays is no 429 that passes: nothing more is sent, what runs comes home, and later
    the same shard goes.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    real = fake.skin.route
    calls = []

    def route(method, path, query, headers, body):
        if method == "POST" and path == "/v1/batches":
            calls.append(path)
            if len(calls) > 1:
                return Reply(429, json.dumps({"error": {"code": "x", "type": "insufficient_quota"}}).encode())
        return real(method, path, query, headers, body)

    monkeypatch.setattr(fake.skin, "route", route)
    report = drive(run, fake)
    assert len(calls) == 2
    assert report.stopped_because is not None
    assert (report.stopped_because.kind, report.needs_person) == ("shard-unpaid", True)
    assert (report.downloaded, report.unsent) == (1, 2)
    monkeypatch.undo()
    assert not finish(run, fake).has_gaps


def test_q2_a_batch_that_nobody_pays(monkeypatch, tmp_path):
    """
    Q2: a batch that fails at once because nobody pays is taken back, and made anew when a person goes on.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()
    real = fake.make_batch

    def make_batch(batch):
        batch.failure = ("billing_hard_limit_reached", "Billing hard limit has been reached.")
        return real(batch)

    monkeypatch.setattr(fake, "make_batch", make_batch)
    report = drive(run, fake)
    assert str(report.stopped_because) == (
        "r1-0001 was refused because nobody pays: Billing hard limit has been reached."
    )
    assert shards_of(run)[0].state is ShardState.UPLOADED
    monkeypatch.undo()
    collected = finish(run, fake)
    assert not collected.has_gaps
    judge(run, fake, rows_of(collected.path))


def test_going_on_after_mass_failure_is_for_the_shards_that_failed(tmp_path):
    """
    Who goes on with a shard whose rows failed is asked again when another one fails.
    """
    run = make_run(tmp_path, rows=80, shard_rows=12)
    fake = FakeProvider(faults=Faults(rows_refused=1.0))
    policy = with_policy(queue_tokens=1_500)
    report = drive(run, fake, policy=policy)
    assert report.stopped_because is not None
    assert report.stopped_because.kind == "mass-failure"
    made, (stop,) = len(fake.batches), events_of(run, "stopped")
    failed = {"shard": "r1-0001", "failed": 12, "asked": 12, "cause": "400:invalid_request_error"}
    assert stop.detail["why"] == {"kind": "mass-failure", "values": failed}
    with run.ledger() as ledger:
        allow_mass_failure(ledger, policy.worst_share)
    report = drive(run, fake, policy=policy)
    assert made < len(fake.batches) < len(shards_of(run))
    assert report.unsent > 0
    assert report.needs_person


@pytest.mark.parametrize("provider", ["openai", "gemini", "mistral"])
def test_why_a_whole_batch_failed_is_in_the_table(tmp_path, provider):
    """
    The provider's own words, whatever its form; also of a run whose ledger an older version wrote.
    """
    run, fake = make_run(tmp_path, rows=4, provider=provider), FakeProvider(provider, Faults(lose_files=1.0))
    report = finish(run, fake, provider=provider)
    told = "the whole batch failed: Cannot find file, or organization has no access to it."
    (shard,) = shards_of(run)
    assert shard.failure == told.removeprefix("the whole batch failed: ")
    reasons = {row["status_reason"] for row in rows_of(report.path) if row["status"] == "error"}
    assert reasons == {told}
    with sqlite3.connect(run.ledger_path) as db:
        db.execute("UPDATE shard SET failure = NULL")
    (run.path / "batches.jsonl").unlink()
    again = collect(run)
    assert {row["status_reason"] for row in rows_of(again.path) if row["status"] == "error"} == {told}


def test_a_batch_that_is_late_is_a_persons_matter(tmp_path):
    """
    A batch that should be over for a day holds up nothing else; then a person is asked, and can cancel it.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    fake.work_polls, fake.forgets_windows = 10**9, True
    drive(run, fake, goal="submitted")
    late, *others = fake.batches
    fake.now += timedelta(days=3)
    for batch in others:
        batch.polls = 10**9
    with pytest.raises(NeedsDecision) as asked:
        drive(run, fake)
    assert asked.value.kind == "late-batch"
    assert asked.value.values["batch_id"] == late.id
    assert [shard.state for shard in shards_of(run)] == ["submitted", "downloaded", "downloaded"]
    assert len(fake.batches) == 3
    with run.ledger() as ledger:
        ledger.set_cancelled(True)
    drive(run, fake)
    assert {shard.state for shard in shards_of(run)} == {ShardState.DOWNLOADED}


def test_a_request_file_that_was_changed_is_a_persons_matter(tmp_path):
    """
    Nothing more is sent, what runs comes home, and then a person is asked.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    drive(run, fake, goal="submitted", policy=with_policy(creations_per_hour=1))
    changed = run.request_path("r1-0002")
    changed.write_bytes(changed.read_bytes() + b"\n")
    with pytest.raises(NeedsDecision) as asked:
        drive(run, fake)
    assert (asked.value.kind, asked.value.values["file"]) == ("requests-changed", str(changed))
    assert [shard.state for shard in shards_of(run)] == ["downloaded", "written", "written"]
    assert len(fake.batches) == 1


def test_p1_a_file_that_is_too_large_is_cut(monkeypatch, tmp_path):
    """
    P1, P2: 413 at the upload: the same bytes are never sent twice, halves are.
    """
    run, fake = make_run(tmp_path, rows=14, shard_rows=30), FakeProvider()
    real = fake.skin.route

    def route(method, path, query, headers, body):
        if method == "POST" and path == "/v1/files" and body.count(b"custom_id") > 5:
            return Reply(413, b'{"error": {"message": "File is too large.", "type": "x", "code": null}}')
        return real(method, path, query, headers, body)

    monkeypatch.setattr(fake.skin, "route", route)
    report = finish(run, fake)
    assert len([shard for shard in shards_of(run) if shard.state is ShardState.CUT]) == 3
    judge(run, fake, rows_of(report.path))


def test_n4_a_file_that_the_provider_cannot_find_is_sent_anew(tmp_path):
    """
    N4: failed before anything was billed: a new upload, at most three times.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider(faults=Faults(lose_files=1.0))
    drive(run, fake)
    assert fake.calls["POST /v1/files"] == 3
    assert shards_of(run)[0].batch_status == "failed"
    assert set(collect(run).statuses) == {RowStatus.ERROR, RowStatus.SKIPPED}


def test_creations_an_hour(tmp_path):
    """
    No more batches are made in an hour than the provider takes; the others wait, and say why.
    """
    run, fake = make_run(tmp_path, rows=28), FakeProvider()
    report = drive(run, fake, goal="submitted", policy=with_policy(creations_per_hour=2))
    assert len(fake.batches) == 2
    assert report.unsent == 4
    assert "within an hour" in str(report.progress.waiting[0])


@pytest.mark.parametrize("hours", [-30, 0, 30])
def test_an_hour_is_one_of_the_drivers_clock(monkeypatch, tmp_path, hours):
    """
    What waits because of the hour's batches goes when an hour is over by the clock that the driver was given.
    """
    run, fake = make_run(tmp_path, rows=28), FakeProvider()
    fake.our_clock_is_ahead = timedelta(hours=hours)
    began, real = fake.now, fake.sleep

    def sleep(seconds):
        assert fake.now - began < timedelta(hours=12), "it waits for another clock than its own"
        real(seconds)

    monkeypatch.setattr(fake, "sleep", sleep)
    drive(run, fake, policy=with_policy(creations_per_hour=2, poll_every_s=60.0))
    made = sorted(batch.created_at for batch in fake.batches)
    assert len(made) == 6
    for first, third in zip(made, made[2:], strict=False):
        assert third - first >= timedelta(minutes=59)
    assert timedelta(hours=2) <= fake.now - began < timedelta(hours=3)
    judge(run, fake, rows_of(collect(run).path))


# Results (M1 to M11, N1 to N3, Q5)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(rows_missing=0.5), id="m1-missing"),
        pytest.param(Faults(rows_fail=1.0), id="m2-all-failed"),
        pytest.param(Faults(rows_fail=1.0, empty_ids=True), id="m2-empty-ids"),
        pytest.param(Faults(rows_fail=0.5, wrong_counts=True), id="m4-counters"),
        pytest.param(Faults(expire=1.0), id="m5-expired"),
        pytest.param(Faults(rows_twice=0.5, strange_lines=0.5), id="m8-twice-and-strange"),
        pytest.param(Faults(cut_download=0.5), id="n1-cut"),
        pytest.param(Faults(refuse=0.3), id="n5-busy"),
        pytest.param(Faults(lose_other=0.3), id="resets"),
        pytest.param(Faults(strange_status=1.0), id="q5-unknown-status"),
    ],
)
def test_m_faults_that_pass_leave_no_gap(tmp_path, provider, faults):
    """
    M1, M2, M3, M5, M8, N1, N3, N5, Q5: rows that failed in a way that passes are asked again, and only these.
    """
    run, fake = make_run(tmp_path, provider=provider), FakeProvider(provider, faults)
    fake.work_polls = 2
    drive(run, fake, provider=provider, policy=with_policy(rounds=1))
    fake.faults.stop()
    report = finish(run, fake, provider=provider)
    assert not report.has_gaps
    judge(run, fake, rows_of(report.path))


def test_m4_lines_count_and_not_counters(tmp_path):
    """
    M4: "all completed" with rows in the error file: an event says that they differ.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(rows_refused=1.0, wrong_counts=True))
    report = finish(run, fake)
    assert report.statuses[RowStatus.ERROR] == 12
    assert events_of(run, "counters-differ")


def test_m11_what_is_told_is_counted_from_the_lines(tmp_path):
    """
    M11: the provider's counters say that all is well; the report, the table and the ledger tell what came.
    """
    faults = Faults(rows_missing=0.3, rows_refused=0.3, wrong_counts=True)
    run, fake = make_run(tmp_path, rows=56, shard_rows=20), FakeProvider(faults=faults, seed=2)
    report = finish(run, fake, policy=with_policy(rounds=1))
    assert report.statuses[RowStatus.OK] == len(fake.paid_rows)
    assert report.statuses[RowStatus.MISSING] > 0
    assert report.statuses == Counter(row["status"] for row in rows_of(report.path))
    (spent,) = report.spent
    assert spent.statuses == {
        status: count for status, count in report.statuses.items() if status is not RowStatus.SKIPPED
    }


def test_rounds_ask_what_failed_and_nothing_else(tmp_path):
    """
    A row that has its answer is not asked again; one that was refused for good is not either.
    """
    run = make_run(tmp_path, rows=56, shard_rows=20)
    fake = FakeProvider(faults=Faults(rows_fail=0.6, rows_refused=0.1), seed=3)
    report = finish(run, fake, policy=with_policy(rounds=2))
    first, second = report.spent
    assert second.requests == sum(
        count for status, count in first.statuses.items() if status == "error"
    ) - _refused(run, 1)
    assert report.statuses[RowStatus.ERROR] > 0
    judge(run, fake, rows_of(report.path))
    # And a third one asks those that failed twice.
    again = finish(run, fake, policy=with_policy(rounds=3))
    assert again.statuses[RowStatus.ERROR] < report.statuses[RowStatus.ERROR]


def _refused(run, round_):
    found = [read_findings(shard.findings) for shard in shards_of(run) if shard.round == round_]
    return sum(sum(one.lasting.values()) for one in found if one is not None)


def test_an_invalid_answer_can_be_asked_again_with_what_is_wrong(monkeypatch, tmp_path):
    """
    The second request holds the first answer and the reason; its answer counts.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()
    real = fake.skin.answered

    def answered(line: Mapping[str, Any], text: str) -> bytes:
        first_time = len(line["body"]["messages"]) < 4
        return real(line, json.dumps({"label": "nonsense"}) if first_time else json.dumps({"label": "b"}))

    monkeypatch.setattr(fake.skin, "answered", answered)
    assert finish(run, fake).statuses[RowStatus.INVALID] == 3
    report = finish(run, fake, policy=with_policy(ask_invalid_again=True))
    assert report.statuses[RowStatus.OK] == 3
    (line, *_) = fake.batches[-1].lines
    said = [message["content"] for message in line["body"]["messages"]]
    assert said[-2] == '{"label": "nonsense"}'
    assert "'nonsense' is not a label" in said[-1]


@pytest.mark.parametrize("cut", range(0, 400, 8))
def test_n1_a_download_that_breaks_off_anywhere(monkeypatch, tmp_path, cut):
    """
    N1: whole files only, wherever it breaks and whether or not the server tells the length.
    """
    run, fake = make_run(tmp_path, rows=2), FakeProvider()
    real = fake.download
    broken: list[bool] = []

    def download(content, headers):
        reply = real(content, headers)
        if not broken:
            broken.append(True)
            # Without a length nobody can tell that there was more.
            return reply._replace(body=reply.body[:cut]) if cut % 16 else reply._replace(cut=cut)
        return reply

    monkeypatch.setattr(fake, "download", download)
    report = finish(run, fake)
    assert report.statuses[RowStatus.OK] == 2
    assert len(fake.batches) == 1


def test_n2_ranges_are_asked_for_after_a_break(monkeypatch, tmp_path):
    """
    N2: what came before a break is not fetched again.
    """
    run, fake = make_run(tmp_path, rows=2), FakeProvider()
    asked = []
    real = fake.download

    def download(content, headers):
        asked.append(headers.get("range"))
        reply = real(content, headers)
        return reply._replace(cut=100) if len(asked) == 1 else reply

    monkeypatch.setattr(fake, "download", download)
    finish(run, fake)
    assert asked == [None, "bytes=100-"]


def test_a_result_file_that_is_gone_is_not_asked_for_again(monkeypatch, tmp_path):
    """
    404 on a file with answers that are paid for: a person is asked, and there is never a new batch.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()
    drive(run, fake, goal="submitted")
    drive(run, fake, goal="over")
    real = fake.download
    monkeypatch.setattr(
        fake,
        "download",
        lambda *_: Reply(404, b'{"error": {"message": "no such file", "type": "x", "code": ""}}'),
    )
    with pytest.raises(NeedsDecision, match="are not at the provider any more"):
        drive(run, fake)
    assert fake.posts == 1
    monkeypatch.setattr(fake, "download", real)
    assert finish(run, fake).statuses[RowStatus.OK] == 3


# Money (B1, R12)


def test_b1_a_cap_is_a_cap(tmp_path):
    """
    B1, R12: what may cost more than is left is not submitted, over all rounds and processes; it says why.
    """
    run, fake = make_run(tmp_path, rows=28, shard_rows=4), FakeProvider()
    fake.work_polls = 5
    capped = with_policy(cap_usd=Decimal("0.50"))
    report = drive(run, fake, policy=capped, usd_a_row="0.10", goal="submitted")
    assert len(fake.batches) == 1
    assert "cap of $0.50" in str(report.progress.waiting[0])
    # What the first shard really cost makes room for the others.
    report = drive(run, fake, policy=capped, usd_a_row="0.10")
    assert not report.stopped_because
    assert len(fake.batches) == 6
    with run.ledger() as ledger:
        assert ledger.spent_usd() <= Decimal("0.50")


def test_b1_a_cap_that_is_too_small(tmp_path):
    """
    B1: nothing is submitted, every row says why, and the run ends.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    report = drive(run, fake, policy=with_policy(cap_usd=Decimal("0.01")), usd_a_row="0.10")
    assert fake.posts == 0
    assert "cap of $0.01" in str(report.stopped_because)
    collected = collect(run)
    assert collected.statuses[RowStatus.UNSENT] == 12
    assert "cap of $0.01" in rows_of(collected.path)[0]["status_reason"]


# Cancelling, cleaning, verifying


def test_cancelling_brings_what_was_answered(tmp_path):
    """
    C7: half of the rows come and are paid for; the others are `cancelled`, and can be asked again.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    fake.work_polls = 50
    drive(run, fake, goal="submitted")
    with run.ledger() as ledger:
        ledger.set_cancelled(True)
    report = finish(run, fake)
    assert report.statuses[RowStatus.OK] == report.statuses[RowStatus.CANCELLED] == 6
    assert all(batch.cancelled for batch in fake.batches)
    with run.ledger() as ledger:
        ledger.set_cancelled(False)
    fake.work_polls = 0
    report = finish(run, fake)
    assert not report.has_gaps
    assert all(count == 1 for count in fake.paid_rows.values())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_q3_only_our_own_files_are_removed_and_only_after_the_merge(tmp_path, provider):
    """
    Q3, R13: request and result files go when the table is written; a stranger's file stays.
    """
    run, fake = make_run(tmp_path, provider=provider), FakeProvider(provider)
    prefix = "files/" if provider == "gemini" else "file-"
    theirs = fake.add_file("somebody-elses.jsonl", b"{}\n", prefix)
    drive(run, fake, provider=provider)
    with client_of(fake, provider) as client, run.ledger() as ledger:
        with pytest.raises(RunError, match="not in a labelled table"):
            clean(ledger, client)
        collect(run)
        token = ledger.shards()[0].token
        fake.add_file(f"rowbatch-{token}.jsonl", b"an upload whose answer was lost\n", prefix)
        report = clean(ledger, client)
        assert clean(ledger, client).files == 0
    assert report.files > 0
    left = {name for name, _ in fake.files.values()}
    assert theirs in fake.files
    assert provider == "anthropic" or not any(name.startswith("rowbatch-") for name in left)


def test_d2_verify_finds_every_byte_that_was_changed(tmp_path):
    """
    D2: one byte of any kind of file, or a file that is gone.
    """
    run, fake = make_run(tmp_path), FakeProvider("anthropic")
    run = make_run(tmp_path / "other", provider="anthropic")
    finish(run, fake, provider="anthropic")
    assert verify(run).faults == []
    files = [*run.requests.glob("r1-*.jsonl"), *run.results.iterdir(), tmp_path / "other" / "out.csv"]
    assert len(files) > 8
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        assert any(path.name in fault for fault in verify(run).faults), path
        path.unlink()
        assert any(path.name in fault for fault in verify(run).faults), path
        path.write_bytes(content)
    assert verify(run).faults == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_k1_the_key_is_in_no_file(tmp_path, provider):
    """
    K1: after a run with every fault, the key is in the header and nowhere else.
    """
    faults = Faults(lose_create=0.5, refuse=0.3, rows_fail=0.3, cut_download=0.3)
    run, fake = make_run(tmp_path, provider=provider), FakeProvider(provider, faults, seed=8)
    finish(run, fake, provider=provider)
    assert len(fake.keys_seen) == 1
    assert KEY in next(iter(fake.keys_seen))
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_two_writers_the_older_one_stops(tmp_path):
    """
    R10: where locks do not work, the epoch keeps the older process from writing.
    """
    run = make_run(tmp_path)
    with run.ledger() as older, run.ledger() as newer:
        older.take_over()
        newer.take_over()
        newer.add_event("mine")
        with pytest.raises(RunError, match="taken this run over"):
            older.add_event("not mine")
