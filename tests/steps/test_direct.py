"""Rows that are asked one by one: by the driver, ledger and rules of batches, and none paid twice."""

import dataclasses
import json
import threading
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace

import pytest

from cases import cases
from driving import (
    POLICY,
    PRICE,
    client_of,
    drive,
    finish,
    judge,
    make_run,
    right_label,
    rows_of,
    texts,
)
from fake_providers import FakeProvider, Faults, Reply
from rowbatch.core.direct_ids import is_direct
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.findings import Findings, read_findings
from rowbatch.core.states import ShardState
from rowbatch.errors import NeedsDecision, ServiceError
from rowbatch.http import CarriedOut
from rowbatch.providers.base import Submission
from rowbatch.providers.direct import DirectDialect
from rowbatch.steps import drive as drive_module
from rowbatch.steps.collect import collect
from rowbatch.steps.direct import DirectClient
from rowbatch.steps.drive import allow_unpaid_rows
from rowbatch.steps.submit import LostAnswerPolicy
from rowbatch.store.journal import Journal
from rowbatch.store.ledger import Shard

DIRECT = dataclasses.replace(POLICY, direct_rows=4)
ASKING = dataclasses.replace(DIRECT, lost=LostAnswerPolicy(60.0, "ask", look_every_s=5.0))
PROVIDERS = ["openai", "anthropic", "gemini", "mistral"]


def findings_of(shard: Shard) -> Findings:
    """Of a shard whose results came."""
    found = read_findings(shard.findings)
    assert found is not None
    return found


class Crash(BaseException):
    """The program ends here, as by kill -9."""


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_dialect_is_asked_row_by_row(tmp_path, provider):
    """
    Every row has its own answer, by one call each at the ordinary endpoint; no batch is made, and the cost is
    that of such calls.
    """
    run, fake = make_run(tmp_path, rows=14, shard_rows=14, provider=provider), FakeProvider(provider)
    finish(run, fake, provider=provider, policy=DIRECT)
    rows = rows_of(tmp_path / "out.csv")
    judge(run, fake, rows)
    asked = [text for text in texts(14) if text.strip()]
    assert {row["status"] for row in rows} == {"ok", "skipped"}
    assert fake.paid_texts == dict.fromkeys(asked, 1)
    assert fake.posts == 0
    with run.ledger() as ledger:
        shards = [shard for shard in ledger.shards() if shard.state is not ShardState.CUT]
    assert [shard.requests for shard in shards] == [4, 4, 4]
    assert all(is_direct(shard.batch_id) for shard in shards)
    for shard in shards:
        found = findings_of(shard)
        assert shard.spent_usd == PRICE.times(Decimal(2)).usd(found.prompt_tokens, found.answer_tokens)


@pytest.mark.parametrize("endpoint", [Endpoint.RESPONSES, Endpoint.EMBEDDINGS])
def test_the_other_endpoints_are_asked_too(tmp_path, endpoint):
    """
    Responses and embeddings go row by row as chat completions do.
    """
    run, fake = make_run(tmp_path, rows=6, endpoint=endpoint), FakeProvider()
    drive(run, fake, policy=DIRECT)
    with run.ledger() as ledger:
        found = [findings_of(shard) for shard in ledger.shards() if shard.state is not ShardState.CUT]
    assert [one.statuses for one in found] == [{"ok": one.asked} for one in found]
    assert fake.posts == 0


@pytest.mark.parametrize("seed", range(cases(2, 6)))
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_busy_service_is_asked_again_and_no_row_is_paid_twice(tmp_path, provider, seed):
    """
    429 and 503 wait, faults of the server are asked again in the next round, refused rows stay; all come out.
    """
    run = make_run(tmp_path, rows=20, shard_rows=20, provider=provider)
    fake = FakeProvider(provider, Faults(refuse_rows=0.3, rows_fail=0.2, rows_refused=0.05), seed)
    policy = dataclasses.replace(DIRECT, rounds=9, worst_share=1.0)
    finish(run, fake, provider=provider, policy=policy)
    rows = rows_of(tmp_path / "out.csv")
    judge(run, fake, rows)
    assert {row["status"] for row in rows} <= {"ok", "skipped", "error"}
    assert sum(row["status"] == "ok" for row in rows) >= 14


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_crash_at_each_call_pays_nothing_twice(tmp_path, provider):
    """
    Killed before or after any call: the row of that call is said to be lost, all others have their answer,
    and none is asked a second time before a person says so.
    """
    crashed_at = 0
    for place in cases((1, 2, 8, 9), tuple(range(1, 10))):
        run = make_run(tmp_path / str(place), rows=5, shard_rows=8, provider=provider)
        fake, steps = FakeProvider(provider), 0

        def step(name, place=place):
            nonlocal steps
            if "batch" in name or "jobs" in name or name.startswith(("before GET", "after GET")):
                return
            steps += 1
            if steps == place:
                raise Crash(name)

        fake.step = step
        try:
            drive(run, fake, provider=provider, policy=ASKING)
        except Crash:
            crashed_at = place
        else:
            break
        fake.step = lambda _: None
        with pytest.raises(NeedsDecision) as told:
            drive(run, fake, provider=provider, policy=ASKING)
        assert told.value.kind == "lost-rows"
        assert told.value.values["rows"] == 1
        collect(run)
        rows = rows_of(tmp_path / str(place) / "out.csv")
        judge(run, fake, rows)
        assert sum(row["status"] == "error" for row in rows) == 1
        assert (
            "stopped before the answer came"
            in next(r for r in rows if r["status"] == "error")["status_reason"]
        )
        # And when a person says so, that row and no other.
        before = dict(fake.paid_texts)
        finish(run, fake, provider=provider, policy=DIRECT)
        rows = rows_of(tmp_path / str(place) / "out.csv")
        assert {row["status"] for row in rows} == {"ok", "skipped"}
        assert sum(fake.paid_texts.values()) - sum(before.values()) == 1
    assert crashed_at == 8


def test_a_lost_answer_is_said_and_asked_again_by_the_rule_alone(tmp_path):
    """
    A connection that breaks after the call: `ask` leaves the row and says so, each time; `resubmit` asks it.
    """
    run, fake = make_run(tmp_path, rows=14, shard_rows=14), FakeProvider(faults=Faults(lose_rows=0.4), seed=3)
    said: list[str] = []
    with pytest.raises(NeedsDecision):
        drive(run, fake, policy=ASKING, said=said)
    paid = sum(fake.paid_texts.values())
    assert any("answers were lost on the way" in one for one in said)
    with pytest.raises(NeedsDecision) as told:
        drive(run, fake, policy=ASKING)
    assert sum(fake.paid_texts.values()) == paid
    collect(run)
    lost = [row for row in rows_of(tmp_path / "out.csv") if row["status"] == "error"]
    assert len(lost) == told.value.values["rows"] > 0
    assert all("was lost" in row["status_reason"] for row in lost)
    fake.faults.stop()
    finish(run, fake, policy=DIRECT)
    assert sum(fake.paid_texts.values()) == paid + len(lost)
    assert {row["status"] for row in rows_of(tmp_path / "out.csv")} == {"ok", "skipped"}


def test_rows_lost_in_an_earlier_round_are_asked_when_a_person_says_so(tmp_path):
    """
    A round of what passes may lie in between: the lost rows of all rounds are meant, in the table's order.
    """
    run = make_run(tmp_path, rows=20, shard_rows=20)
    fake = FakeProvider(faults=Faults(lose_rows=0.3, rows_fail=0.3), seed=5)
    with pytest.raises(NeedsDecision):
        drive(run, fake, policy=dataclasses.replace(ASKING, worst_share=1.0))
    with run.ledger() as ledger:
        assert len({s.round for s in ledger.shards() if s.findings and findings_of(s).lost}) > 1
    fake.faults.stop()
    finish(run, fake, policy=dataclasses.replace(DIRECT, rounds=9))
    rows = rows_of(tmp_path / "out.csv")
    assert {row["status"] for row in rows} == {"ok", "skipped"}
    assert all(row["label"] == right_label(row["text"]) for row in rows if row["status"] == "ok")


def test_when_nobody_pays_the_rest_is_not_asked(tmp_path):
    """
    After the first row that is refused for money no other call goes out; who goes on has all asked.
    """
    run, fake = make_run(tmp_path, rows=14, shard_rows=14), FakeProvider(faults=Faults(unpaid=5))
    report = drive(run, fake, policy=DIRECT)
    assert report.needs_person
    assert fake.rows_run <= 6
    fake.faults.unpaid = None
    with run.ledger() as ledger:
        allow_unpaid_rows(ledger)
    finish(run, fake, policy=DIRECT)
    rows = rows_of(tmp_path / "out.csv")
    judge(run, fake, rows)
    assert {row["status"] for row in rows} == {"ok", "skipped"}


def test_a_cap_holds_part_by_part(tmp_path):
    """
    What may cost more than the cap is not asked; what was asked costs what it costs.
    """
    run, fake = make_run(tmp_path, rows=14, shard_rows=14), FakeProvider()
    report = drive(run, fake, policy=dataclasses.replace(DIRECT, cap_usd=Decimal("0.0405")), usd_a_row="0.01")
    assert report.stopped_because is not None
    assert report.stopped_because.kind == "cap-reached"
    assert 0 < sum(fake.paid_texts.values()) < 12


def test_a_refused_key_ends_the_run_and_costs_nothing(tmp_path, monkeypatch):
    """
    401 is every row's: it is told after the first, and the row is not one that was asked.
    """
    run, fake = make_run(tmp_path, rows=8, shard_rows=8), FakeProvider()
    error = {"error": {"message": "Incorrect API key", "type": "auth", "code": "invalid_api_key"}}
    monkeypatch.setattr(fake, "answer_row", lambda *_: Reply(401, json.dumps(error).encode()))
    with pytest.raises(ServiceError) as told:
        drive(run, fake, policy=DIRECT)
    assert told.value.kind == "direct-refused"
    monkeypatch.undo()
    finish(run, fake, policy=DIRECT)
    judge(run, fake, rows_of(tmp_path / "out.csv"))


def test_what_waits_may_change_its_way(tmp_path, monkeypatch):
    """
    A run that goes by batch goes row by row from where it stands, and back; nothing is asked twice.

    Pauses have their mean length: by chance a question came while all that is left waited for the queue, and
    the goal was reached with nothing sent, as it may be.
    """
    monkeypatch.setattr(drive_module, "_RANDOM", SimpleNamespace(uniform=lambda low, high: (low + high) / 2))
    run, fake = (
        make_run(tmp_path, rows=14, shard_rows=4),
        FakeProvider(faults=Faults(queue_tokens=400, queue_at_create=True)),
    )
    drive(run, fake, goal="submitted")
    by_batch = fake.posts
    assert 0 < by_batch < 3
    finish(run, fake, policy=DIRECT)
    rows = rows_of(tmp_path / "out.csv")
    judge(run, fake, rows)
    assert {row["status"] for row in rows} == {"ok", "skipped"}
    assert fake.posts == by_batch
    assert len(fake.paid_texts) + len(fake.paid_rows) == 12

    other, fake = make_run(tmp_path / "back", rows=14, shard_rows=14), FakeProvider()
    drive(other, fake, policy=dataclasses.replace(DIRECT, cap_usd=Decimal("0.0405")), usd_a_row="0.01")
    finish(other, fake)
    judge(other, fake, rows_of(tmp_path / "back" / "out.csv"))
    assert fake.posts > 0


def test_cancelling_keeps_what_was_answered(tmp_path):
    """
    No call goes out after it was cancelled; the rows that were not asked say so, and a resume asks them.
    """
    run, fake = make_run(tmp_path, rows=14, shard_rows=14), FakeProvider()

    def step(name):
        if name == "after POST /v1/chat/completions" and sum(fake.paid_texts.values()) == 3:
            with run.ledger() as ledger:
                ledger.set_cancelled(True)

    fake.step = step
    drive(run, fake, policy=DIRECT)
    asked = sum(fake.paid_texts.values())
    assert asked < 12
    fake.step = lambda _: None
    with run.ledger() as ledger:
        ledger.set_cancelled(False)
    finish(run, fake, policy=DIRECT)
    rows = rows_of(tmp_path / "out.csv")
    judge(run, fake, rows)
    assert {row["status"] for row in rows} == {"ok", "skipped"}


def test_a_damaged_journal_has_nobody_asked_again(tmp_path):
    """
    Where a line of the journal is not what was written, it may be the one of a call: rows of which nothing is
    known are lost ones.
    """
    run, fake = make_run(tmp_path, rows=8, shard_rows=8), FakeProvider()
    stop_after = 3

    def step(name):
        if name.startswith("before POST") and sum(fake.paid_texts.values()) == stop_after:
            raise Crash(name)

    fake.step = step
    with pytest.raises(Crash):
        drive(run, fake, policy=ASKING)
    (journal, *_) = sorted(run.direct.glob("*.journal.jsonl"))
    lines = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join([*lines[:2], lines[2][:-3] + b"xyz", *lines[3:]]))
    fake.step = lambda _: None
    before = sum(fake.paid_texts.values())
    with pytest.raises(NeedsDecision):
        drive(run, fake, policy=ASKING)
    # The part of the journal is lost as a whole; the next part is asked.
    assert all(count == 1 for count in fake.paid_texts.values())
    assert sum(fake.paid_texts.values()) > before


def test_calls_run_side_by_side_and_are_waited_for(tmp_path, monkeypatch):
    """
    Several calls are on their way at a time, and who leaves waits for them: their answers are on the disk.
    """
    run, fake = make_run(tmp_path, rows=14, shard_rows=14), FakeProvider()
    gate, here, most = threading.Event(), [0], [0]
    lock = threading.Lock()
    with client_of(fake) as client:
        real = client.pay_row

        def slow(path, body):
            with lock:
                here[0] += 1
                most[0] = max(most[0], here[0])
            gate.wait(10)
            with lock:
                here[0] -= 1
                return real(path, body)

        monkeypatch.setattr(client, "pay_row", slow)
        said = []
        with DirectClient(
            client, run.direct, is_asking=True, said=lambda notice: said.append(notice.kind)
        ) as direct:
            requests = tmp_path / "wire.jsonl"
            lines = run.request_path("r1-0001").read_bytes().splitlines()
            requests.write_bytes(b"".join(direct.dialect.request_line(line, "t") + b"\n" for line in lines))
            made = direct.create(Submission(requests, "", "u", "m", "t", {}))
            assert isinstance(made, CarriedOut)
            batch_id = made.body["id"]
            assert direct.status(batch_id).status == "in_progress"
            threading.Timer(0.3, gate.set).start()
        assert said == ["direct-waits-for-calls"]
    assert most[0] == 4
    with client_of(fake) as client:
        seen = DirectClient(client, run.direct, is_asking=False).status(batch_id)
    assert (seen.completed, seen.failed, seen.status) == (4, 0, "in_progress")


@pytest.mark.parametrize("has_started", [False, True])
def test_ctrl_c_while_a_call_is_started_has_nobody_wait_for_it(tmp_path, has_started):
    """
    A thread that has not begun when Ctrl-C comes makes no call, however late it comes to it: its row is asked
    when the run goes on, once, and nobody waits for it.
    """
    run, fake = make_run(tmp_path, rows=14, shard_rows=14), FakeProvider()
    late: list[Callable[[], None]] = []

    def start(work):
        if len(late) == 2:
            if has_started:
                late.append(work)
            raise KeyboardInterrupt
        late.append(work)
        work()

    with client_of(fake) as client:
        said: list[str] = []
        direct = DirectClient(
            client,
            run.direct,
            is_asking=True,
            said=lambda notice: said.append(notice.kind),
            start=start,
        )
        with pytest.raises(KeyboardInterrupt), direct:
            requests = tmp_path / "wire.jsonl"
            lines = run.request_path("r1-0001").read_bytes().splitlines()
            requests.write_bytes(b"".join(direct.dialect.request_line(line, "t") + b"\n" for line in lines))
            made = direct.create(Submission(requests, "", "u", "m", "t", {}))
            assert isinstance(made, CarriedOut)
            batch_id = made.body["id"]
            direct.status(batch_id)
        assert said == []
        for work in late:
            work()
        assert sum(fake.paid_texts.values()) == 2
        with DirectClient(client, run.direct, is_asking=True, start=lambda work: work()) as again:
            seen = again.status(batch_id)
    assert (seen.completed, seen.failed, seen.status) == (len(lines), 0, "completed")
    assert set(fake.paid_texts.values()) == {1}


def test_the_requests_of_a_row_are_those_of_a_batch(tmp_path):
    """
    What goes out row by row is what `direct_request` of the dialect says, for the line of the batch.
    """
    run = make_run(tmp_path, rows=4, provider="anthropic")
    line = run.request_path("r1-0001").read_bytes().splitlines()[0]
    with client_of(FakeProvider("anthropic"), "anthropic") as client:
        found = json.loads(DirectDialect(client.dialect).request_line(line, "t"))
        path, body = client.dialect.direct_request("", json.loads(line)["body"])
    assert (found["path"], found["body"]) == (path, body)


def test_a_journal_forgets_what_a_crash_cut_off(tmp_path):
    """
    Half a line at the end tells of nothing, and the next entry does not stand behind it.
    """
    journal = Journal(tmp_path / "j")
    journal.add([{"a": 1}, {"a": 2}])
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + b'0123 {"a"')
    assert journal.read() == ([{"a": 1}, {"a": 2}], 0)
    journal.add([{"a": 3}])
    assert journal.read() == ([{"a": 1}, {"a": 2}, {"a": 3}], 0)
    journal.path.write_bytes(whole.replace(b"1}", b"7}") + b"")
    assert journal.read() == ([{"a": 2}], 1)
