"""Useless answers are seen before all is paid: a small first part, and a stop that goes by the codebook."""

from __future__ import annotations

import dataclasses
import re

import pytest

from driving import POLICY, client_of, drive, finish, judge, make_run, rows_of, unknown_label
from fake_providers import FakeProvider, Faults
from rowbatch.core.policy import Policy
from rowbatch.core.shard import ShardLimits
from rowbatch.core.states import RowStatus
from rowbatch.errors import UsageError
from rowbatch.requests.line_tokens import LineTokens
from rowbatch.results.findings import asked_requests
from rowbatch.steps import first_part
from rowbatch.steps.drive import allow_mass_failure
from rowbatch.steps.repair import plan_repair
from rowbatch.store.sources import digest_file

ROWS = 84


@pytest.fixture
def first_rows(monkeypatch):
    """Twelve rows go first, of parts of twenty."""
    monkeypatch.setattr(first_part, "FIRST_ROWS", 12)
    return 12


def policy(**changes):
    return dataclasses.replace(POLICY, **{"first_rows": 12, **changes})


def shards_of(run):
    with run.ledger() as ledger:
        return ledger.shards()


def truncated(_, line):
    """As a model answers whose limit was too low: cut off, and paid."""
    return line.replace(b'"finish_reason": "stop"', b'"finish_reason": "length"')


def refused(_, line):
    return line.replace(b'"finish_reason": "stop"', b'"finish_reason": "content_filter"')


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "mistral"])
def test_a_small_first_part_goes_before_the_rest(tmp_path, first_rows, provider):
    """
    Of several parts the first has few rows, and the others are sent when its answers are here; every row
    is asked once, in order.
    """
    run, fake = make_run(tmp_path, rows=ROWS, shard_rows=20, provider=provider), FakeProvider(provider)
    shards = shards_of(run)
    assert [shard.requests for shard in shards] == [first_rows, 20, 20, 12, 8]
    at_start = []

    def look(name):
        if re.match(r"before (POST).*(/batches|/jobs|batchGenerateContent)\Z", name):
            at_start.append(shards_of(run)[0].state.value)

    fake.step = look
    said: list[str] = []
    report = finish(run, fake, provider=provider, policy=policy(), said=said)
    assert at_start == ["submitting", *["downloaded"] * 4]
    assert any("r1-0002 waits: the answers of r1-0001 are looked at before" in line for line in said)
    judge(run, fake, rows_of(report.path))
    assert not report.has_gaps


def test_what_is_set_apart_is_what_was_built(tmp_path, first_rows):
    """
    The parts hold the same lines in the same order, and their rows, bytes, digests and tokens are told anew.
    """
    whole = make_run(tmp_path / "whole", rows=ROWS, shard_rows=ROWS)
    run = make_run(tmp_path / "parts", rows=ROWS, shard_rows=20)
    ordered = sorted(shards_of(run), key=lambda shard: shard.first_row)
    paths = [run.request_path(shard.name) for shard in ordered]
    assert b"".join(path.read_bytes() for path in paths) == whole.request_path("r1-0001").read_bytes()
    counter = LineTokens()
    for shard, path in zip(ordered, paths, strict=True):
        rows = asked_requests(path)["row"]
        assert (shard.first_row, shard.last_row, shard.requests) == (rows[0], rows[-1], len(rows))
        assert (shard.bytes, shard.sha256) == (path.stat().st_size, digest_file(path))
        assert shard.tokens == sum(
            counter.count(line) for line in path.read_bytes().splitlines(keepends=True)
        )
    assert len({shard.token for shard in ordered}) == len(ordered)
    assert first_rows == ordered[0].requests


def test_one_part_is_sent_whole_unless_somebody_says_otherwise(tmp_path, first_rows):
    """
    A run of one part would take the time of two batches, so nothing is set apart where nobody asked for it;
    with 0 nothing ever is, and a number below 0 is refused.
    """
    del first_rows
    assert len(shards_of(make_run(tmp_path / "one", rows=ROWS, shard_rows=ROWS))) == 1
    run = make_run(tmp_path / "two", rows=ROWS, shard_rows=40)
    (first, *_), plain = shards_of(run), Policy()
    assert first.requests == 12

    def parts(shards, said):
        return first_part.with_first_part(run, shards, said, token_of=str, count_tokens=len)

    whole = [dataclasses.replace(first, requests=12)]
    assert parts(whole, plain) == whole
    assert parts([*whole, first], plain.changed(first_rows=0))[0] == first
    wanted = parts(whole, plain.changed(first_rows=5))
    assert [shard.requests for shard in wanted] == [5, 7]
    with pytest.raises(UsageError):
        Policy(first_rows=-1)


def test_the_rest_can_be_sent_at_once(tmp_path, first_rows):
    """
    `--first-rows 0` lifts the wait, also later: nothing is held back for the first answers any more.
    """
    del first_rows
    run, fake = make_run(tmp_path, rows=ROWS, shard_rows=20), FakeProvider()
    fake.work_polls = 1_000
    assert drive(run, fake, policy=policy(), goal="submitted").unsent == 4
    assert drive(run, fake, policy=policy(first_rows=0), goal="submitted").unsent == 0
    assert fake.posts == 5


@pytest.mark.parametrize(
    ("spoil", "kind", "status", "advice"),
    [
        pytest.param(truncated, "mass-truncated", RowStatus.TRUNCATED, "--max-tokens", id="truncated"),
        pytest.param(
            unknown_label(range(1, ROWS + 1)), "mass-invalid", RowStatus.INVALID, "'zzz'", id="invalid"
        ),
        pytest.param(refused, "mass-refused", RowStatus.REFUSED, "Another model", id="refused"),
    ],
)
def test_useless_answers_stop_the_rest(tmp_path, first_rows, spoil, kind, status, advice):
    """
    All of the first part are cut off, not allowed or declined: nothing more is paid, it is said what is
    wrong with most and what to do; and a person may go on all the same.
    """
    run, fake = make_run(tmp_path, rows=ROWS, shard_rows=20), FakeProvider()
    fake.spoil = spoil
    report = finish(run, fake, policy=policy())
    assert (fake.posts, sum(fake.paid_rows.values())) == (1, first_rows)
    assert (report.statuses[status], report.statuses[RowStatus.UNSENT]) == (first_rows, 60)
    stopped = drive(run, fake, policy=policy())
    assert stopped.needs_person
    assert stopped.stopped_because is not None
    assert stopped.stopped_because.kind == kind
    assert (stopped.stopped_because.values["failed"], stopped.stopped_because.values["asked"]) == (12, 12)
    assert advice in str(stopped.stopped_because)
    fake.spoil = lambda _, line: line
    with run.ledger() as ledger:
        allow_mass_failure(ledger, POLICY.worst_share)
    assert not drive(run, fake, policy=policy()).needs_person
    assert fake.posts == 5
    assert fake.double_submits() == {}


def test_reasons_add_up(tmp_path, first_rows):
    """
    Four of twelve are cut off and four not allowed: no reason has half of the rows, together they have. What
    is told is the commonest, with the number of all.
    """
    del first_rows
    run, fake = make_run(tmp_path, rows=ROWS, shard_rows=20), FakeProvider()
    rows = asked_requests(run.request_path("r1-0001"))["row"].to_list()
    label = unknown_label(rows[:3])

    def spoil(custom_id, line):
        if custom_id in {f"row-{row}" for row in rows[3:7]}:
            return truncated(custom_id, line)
        return label(custom_id, line)

    fake.spoil = spoil
    report = drive(run, fake, policy=policy())
    assert report.stopped_because is not None
    assert report.stopped_because.kind == "mass-truncated"
    assert (report.stopped_because.values["failed"], report.stopped_because.values["rows"]) == (7, 4)


def test_some_useless_answers_stop_nothing(tmp_path, first_rows):
    """
    Half of a part and less is no reason to stop.
    """
    del first_rows
    run, fake = make_run(tmp_path, rows=ROWS, shard_rows=20), FakeProvider()
    rows = asked_requests(run.request_path("r1-0001"))["row"].to_list()
    fake.spoil = unknown_label(rows[:6])
    report = finish(run, fake, policy=policy(rounds=1))
    assert (report.statuses[RowStatus.INVALID], report.statuses[RowStatus.OK]) == (6, 66)


def test_whoever_asks_rows_again_has_seen_them(tmp_path):
    """
    A round of rows that a person asks again is not held back by their own first answers; and one that is
    useless again holds back its own rest.
    """
    run, fake = make_run(tmp_path, rows=ROWS, shard_rows=ROWS), FakeProvider()
    fake.spoil = truncated
    assert finish(run, fake, policy=policy(rounds=1)).statuses[RowStatus.TRUNCATED] == 72
    with run.ledger() as ledger:
        assert plan_repair(run, ledger, ShardLimits(30, 100_000), [RowStatus.TRUNCATED]).rows == 72
    report = drive(run, fake, policy=policy())
    assert (fake.posts, report.unsent) == (4, 0)


def test_answers_that_are_all_invalid_are_not_asked_again_unseen(tmp_path):
    """
    With --ask-invalid-again every answer of the only part is invalid: the same would be paid in each round,
    so it is asked first; whoever goes on gets these rounds.
    """
    run, fake = make_run(tmp_path, rows=ROWS, shard_rows=ROWS), FakeProvider()
    fake.spoil = unknown_label(range(1, ROWS + 1))
    report = drive(run, fake, policy=policy(ask_invalid_again=True))
    assert fake.posts == 1
    assert report.needs_person
    assert report.stopped_because is not None
    assert report.stopped_because.kind == "mass-invalid"
    with run.ledger() as ledger:
        allow_mass_failure(ledger, POLICY.worst_share)
    fake.spoil = lambda _, line: line
    assert not finish(run, fake, policy=policy(ask_invalid_again=True)).has_gaps
    assert fake.posts > 1


def test_a_first_part_that_needs_a_person_holds_nothing_open(tmp_path, first_rows):
    """
    Where the first part waits for a person, the driver ends instead of waiting with the rest.
    """
    del first_rows
    run, fake = make_run(tmp_path, rows=ROWS, shard_rows=20), FakeProvider(faults=Faults(lose_create=1.0))
    fake.listed = list  # type: ignore[method-assign]
    lost = dataclasses.replace(POLICY.lost, then="ask")
    with pytest.raises(Exception, match="nobody knows whether its batch was made"):
        drive(run, fake, policy=policy(lost=lost))
    assert fake.posts == 1
    with client_of(fake) as client:
        assert client.recent(fake.now) == []
