"""Nobody waits without end: batches that are forgotten, lists that are refused, files that do not come."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import stamina

from driving import POLICY, client_of, drive, finish, judge, make_run, rows_of
from fake_providers import FakeProvider, Faults, Reply
from rowbatch.core.findings import read_findings
from rowbatch.core.shard import ShardLimits
from rowbatch.core.states import GIVEN_UP, RowStatus, ShardState
from rowbatch.errors import NeedsDecision, ServiceError, UsageError
from rowbatch.steps.clean import clean
from rowbatch.steps.collect import collect
from rowbatch.steps.give_up import give_up, parts_at_provider
from rowbatch.steps.progress import read_progress
from rowbatch.steps.repair import plan_repair
from rowbatch.steps.submit import LostAnswerPolicy, adopt_named
from rowbatch.words.notice import Notice

ASK = dataclasses.replace(POLICY, lost=LostAnswerPolicy(wait_s=60.0, then="ask", look_every_s=5.0))
TOLD = dataclasses.replace(
    POLICY, lost=LostAnswerPolicy(wait_s=60.0, then="resubmit", is_told=True, look_every_s=5.0)
)
BUSY = b'{"error": {"message": "the queue keeper is out", "type": "server_error"}}'


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


def shards_of(run):
    with run.ledger() as ledger:
        return ledger.shards()


def given_up(run, fake, *names):
    with client_of(fake) as client, run.ledger() as ledger:
        ledger.take_over()
        return give_up(ledger, client, names)


def adopted(run, fake, name, batch_id):
    with client_of(fake) as client, run.ledger() as ledger:
        ledger.take_over()
        return adopt_named(ledger, client, name, batch_id)


def without(fake, *names):
    """A server that does not say these things of a batch."""
    tell = fake.skin._batch

    def told(batch, *status):
        return {name: value for name, value in tell(batch, *status).items() if name not in names}

    fake.skin._batch = told


def refusing_lists(fake, status):
    """A server that has no list of batches, as many that speak OpenAI's protocol."""
    route = fake.skin.route

    def refuse(
        method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        if method == "GET" and path == "/v1/batches":
            return Reply(status, b'{"detail": "Method Not Allowed"}')
        reply: Reply = route(method, path, query, headers, body)
        return reply

    fake.skin.route = refuse


# Batches that are forgotten


@pytest.mark.parametrize("unsaid", [("expires_at",), ("expires_at", "created_at")])
def test_a_window_that_nobody_tells_is_a_day(tmp_path, unsaid):
    """
    A server that gives no `expires_at`, and perhaps no `created_at`, and never ends a batch: two days
    after it was made a person is asked, and not before.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    without(fake, *unsaid)
    fake.work_polls, fake.forgets_windows = 10**9, True
    with pytest.raises(NeedsDecision) as asked:
        drive(run, fake, policy=dataclasses.replace(POLICY, poll_every_s=3_600.0))
    assert asked.value.kind == "late-batch"
    assert "give-up" in asked.value.hint
    assert timedelta(hours=49) <= fake.now - fake.batches[0].created_at <= timedelta(hours=60)


def test_nothing_moves_is_said_once_in_some_hours(tmp_path):
    """
    Within the day nobody can know whether a batch is forgotten; that nothing moves is said every six
    hours, with the ways out.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()
    said: list[str] = []
    fake.work_polls = 20
    drive(run, fake, policy=dataclasses.replace(POLICY, poll_every_s=3_600.0), said=said)
    still = [line for line in said if "nothing has moved" in line]
    assert len(still) == 3
    assert "for 6 hours" in still[0]
    assert "rowbatch give-up" in still[0]


def test_a_batch_that_is_not_found_holds_up_no_other(tmp_path):
    """
    One of three batches is forgotten (404): the others are brought, and then a person is asked. While
    others are answered this took no end before.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    drive(run, fake, goal="submitted")
    fake.batches.pop(0)
    for batch in fake.batches:
        batch.polls = -100
    with pytest.raises(NeedsDecision) as asked:
        drive(run, fake, policy=dataclasses.replace(POLICY, patience_s=30.0))
    assert (asked.value.kind, asked.value.values["shard"]) == ("forgotten-batch", "r1-0001")
    assert [shard.state for shard in shards_of(run)] == ["submitted", "downloaded", "downloaded"]
    assert fake.posts == 3


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "mistral"])
def test_a_part_can_be_given_up(tmp_path, provider):
    """
    Its rows are `missing` with the reason, no round asks them again by itself, its price stays reserved,
    `clean` leaves its file; on demand the rows are asked again, once.
    """
    run, fake = make_run(tmp_path, provider=provider), FakeProvider(provider)
    drive(run, fake, provider=provider, goal="submitted")
    forgotten = fake.batches.pop(0)
    with client_of(fake, provider) as client, run.ledger() as ledger:
        ledger.take_over()
        assert [shard.name for shard in parts_at_provider(ledger)] == ["r1-0001", "r1-0002", "r1-0003"]
        (shard,) = give_up(ledger, client, ["r1-0001"])
        assert (shard.state, shard.batch_status, shard.spent_usd) == ("downloaded", GIVEN_UP, None)
    report = finish(run, fake, provider=provider)
    assert report.statuses[RowStatus.MISSING] == shard.requests
    assert any("given up" in reason for reason in report.reasons)
    assert fake.posts == 3
    with client_of(fake, provider) as client, run.ledger() as ledger:
        assert ledger.spent_usd() >= Decimal("0.01") * shard.requests
        assert read_progress(ledger).failed == shard.requests
        assert clean(ledger, client).kept_shards == 1
    limits = ShardLimits(9, 100_000)
    with run.ledger() as ledger:
        assert plan_repair(run, ledger, limits, [RowStatus.MISSING]).rows == shard.requests
    report = finish(run, fake, provider=provider)
    assert not report.has_gaps
    assert fake.posts == 4
    assert forgotten.status == "validating"
    judge(run, fake, rows_of(report.path))


def test_what_is_not_waited_for_cannot_be_given_up(tmp_path):
    """
    A part that is here, or that does not exist, is not given up, nor any other with it.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    drive(run, fake, goal="submitted")
    for names in (["r1-0009"], ["r1-0001", "r9-0001"]):
        with pytest.raises(UsageError) as refused:
            given_up(run, fake, *names)
        assert refused.value.values["waiting"] == ["r1-0001", "r1-0002", "r1-0003"]
    assert {shard.state for shard in shards_of(run)} == {ShardState.SUBMITTED}
    finish(run, fake)
    with pytest.raises(UsageError):
        given_up(run, fake, "r1-0001")


def test_the_provider_is_asked_to_end_what_is_given_up(tmp_path):
    """
    A batch that is only slow is cancelled, so that no more of it is billed.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()
    fake.work_polls = 100
    drive(run, fake, goal="submitted")
    given_up(run, fake, "r1-0001")
    assert fake.batches[0].cancelled


def test_results_that_are_gone_hold_up_no_other(monkeypatch, tmp_path):
    """
    The results of one part are gone (404): all else is brought, a person is asked, and can give it up.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    drive(run, fake, goal="submitted")
    drive(run, fake, goal="over")
    gone = json.loads(shards_of(run)[0].batch_json)["output_file_id"]
    content = fake.files.pop(gone)
    skin: Any = fake.skin
    rebuilt = skin._batch

    def told(batch: Any, *status: str) -> dict[str, Any]:
        shown: dict[str, Any] = rebuilt(batch, *status)
        fake.files.pop(gone, None)
        return shown

    monkeypatch.setattr(skin, "_batch", told)
    with pytest.raises(NeedsDecision) as asked:
        drive(run, fake)
    assert (asked.value.kind, asked.value.values["shard"]) == ("results-gone", "r1-0001")
    assert [shard.state for shard in shards_of(run)] == ["ended", "downloaded", "downloaded"]
    given_up(run, fake, "r1-0001")
    assert finish(run, fake).statuses[RowStatus.MISSING] == 4
    assert (fake.posts, len(content)) == (3, 2)


# Cancelling


def test_cancelling_returns_within_a_bound(tmp_path):
    """
    A batch that stays `cancelling`: after the bound the table is there, it is said what still ends; the
    same again brings what was answered when it is over.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    said: list[str] = []
    fake.work_polls = 10**9
    drive(run, fake, goal="submitted")
    fake.poll = lambda batch: None  # type: ignore[method-assign]
    with run.ledger() as ledger:
        ledger.set_cancelled(True)
    before = fake.now
    bounded = dataclasses.replace(POLICY, cancel_wait_s=45.0)
    report = drive(run, fake, policy=bounded, said=said)
    assert timedelta(seconds=45) <= fake.now - before <= timedelta(seconds=50)
    assert report.stopped_because is not None
    assert report.stopped_because.kind == "still-cancelling"
    assert report.stopped_because.values["batches"] == 3
    assert not report.needs_person
    assert sum("asked to end its batch" in line for line in said) == 3
    assert collect(run).statuses[RowStatus.MISSING] == 12
    del fake.poll
    assert drive(run, fake, policy=bounded).stopped_because is None
    statuses = collect(run).statuses
    assert statuses[RowStatus.OK] == statuses[RowStatus.CANCELLED] == 6


# Lists that are refused


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_list_that_is_refused_is_the_same_question(tmp_path, status):
    """
    A lost answer at a server that has no list: a person is asked, whatever the policy, and with what the
    server said; other parts are brought first. Who says so has it sent again.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(lose_create=1.0, html_create=0.0))
    refusing_lists(fake, status)
    drive_once = dataclasses.replace(POLICY, poll_every_s=1.0)
    with pytest.raises(NeedsDecision) as asked:
        drive(run, fake, policy=drive_once)
    assert asked.value.kind == "lost-answer-unlisted"
    assert "was reset" in str(asked.value)
    assert "--batch r1-0001=ID" in asked.value.hint
    made = fake.posts
    assert made == 3
    fake.faults.stop()
    fake.batches.clear()
    report = finish(run, fake, policy=TOLD)
    assert not report.has_gaps
    assert fake.posts == made + 3


def test_a_batch_can_be_named(tmp_path):
    """
    The person names the batch of the part; it is looked at, adopted, and nothing is sent again.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(lose_create=1.0, html_create=0.0))
    refusing_lists(fake, 501)
    with pytest.raises(NeedsDecision):
        drive(run, fake, policy=ASK)
    for shard, batch in zip(shards_of(run), fake.batches, strict=True):
        assert adopted(run, fake, shard.name, batch.id).batch_id == batch.id
    fake.faults.stop()
    report = finish(run, fake, policy=ASK)
    assert fake.posts == 3
    judge(run, fake, rows_of(report.path))


def test_another_batch_is_refused(tmp_path):
    """
    A batch of other requests, of another file, of another time, of another part, or that the provider does
    not know is not adopted, and the part stays as it was.
    """
    run, fake = make_run(tmp_path), FakeProvider(faults=Faults(lose_create=1.0, html_create=0.0))
    refusing_lists(fake, 405)
    with pytest.raises(NeedsDecision):
        drive(run, fake, policy=ASK)
    first, second, third = fake.batches
    fake.work_polls = 10**9

    def refusal(batch_id: str, name: str = "r1-0001") -> str:
        with pytest.raises((UsageError, ServiceError)) as refused:
            adopted(run, fake, name, batch_id)
        return refused.value.kind

    assert refusal(second.id) == "batch-of-other-file"
    second.counts = {"total": 99, "completed": 0, "failed": 0}
    assert refusal(second.id) == "batch-of-other-count"
    late, first.created_at = first.created_at, first.created_at + timedelta(hours=5)
    assert refusal(first.id) == "batch-of-other-time"
    first.created_at = late
    assert refusal("batch_nobody_knows") == "service-answered-told"
    assert refusal(third.id, "r1-0007") == "batch-not-wanted"
    adopted(run, fake, "r1-0001", first.id)
    assert refusal(first.id, "r1-0002") == "batch-known-already"
    assert refusal(third.id) == "batch-not-wanted"
    assert [shard.state for shard in shards_of(run)] == ["submitted", "unknown", "unknown"]


def test_without_a_list_nothing_else_changes(tmp_path):
    """
    A server without a list labels a table as any other: the look before the first paid call tells of nothing.
    """
    run, fake = make_run(tmp_path), FakeProvider()
    refusing_lists(fake, 501)
    report = finish(run, fake)
    judge(run, fake, rows_of(report.path))


# What the server said


def test_what_a_server_said_to_a_paid_call_is_in_the_question(tmp_path):
    """
    500 on create with words: after the wait they stand in the question.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()
    route = fake.skin.route

    def busy(method: str, path: str, *rest: Any) -> Reply:
        return Reply(500, BUSY) if (method, path) == ("POST", "/v1/batches") else route(method, path, *rest)

    fake.skin.route = busy  # type: ignore[method-assign,assignment]
    with pytest.raises(NeedsDecision) as asked:
        drive(run, fake, policy=ASK)
    assert asked.value.kind == "lost-answer-told"
    assert "the queue keeper is out" in str(asked.value)


def test_a_file_that_does_not_come_is_said_after_the_second_failure(tmp_path):
    """
    One line, with what the server said, when a result file failed twice; none for a single failure.
    """
    fake = FakeProvider()
    name = fake.add_file("output.jsonl", b"line\n" * 50)
    said: list[Notice] = []
    left = [0]

    def flaky(content: bytes, headers: Mapping[str, str]) -> Reply:
        if left[0]:
            left[0] -= 1
            return Reply(503, BUSY)
        return Reply(200, content)

    fake.download = flaky  # type: ignore[method-assign]
    with (
        client_of(fake) as client,
        (tmp_path / "came").open("w+b") as to,
        stamina.set_testing(True, attempts=9),
    ):
        client._http.said = said.append  # type: ignore[attr-defined]
        for failures, lines in ((0, 0), (1, 0), (2, 1), (6, 2)):
            left[0] = failures
            assert client.fetch(name, to) == 250
            assert len(said) == lines, failures
    assert "the queue keeper is out" in str(said[0])


def test_findings_of_a_part_that_was_given_up_have_every_row(tmp_path):
    """
    Counts know all of its rows, as `missing`.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()
    drive(run, fake, goal="submitted")
    given_up(run, fake, "r1-0001")
    (shard,) = shards_of(run)
    found = read_findings(shard.findings)
    assert found is not None
    assert (found.asked, found.answered, found.statuses) == (4 - 1, 0, {"missing": 3})
