"""A run that is stopped at any point, and started again, ends with the same table, paid once."""

from __future__ import annotations

import dataclasses
import os
from decimal import Decimal
from pathlib import Path

import pytest

from provider_double import ProviderDouble
from rowbatch.core.codebook import codebook_from_labels
from rowbatch.core.shard import ShardLimits
from rowbatch.core.states import ShardState
from rowbatch.errors import NeedsDecision, RowbatchError, ServiceError
from rowbatch.providers.catalog import find_provider
from rowbatch.steps import build as build_step
from rowbatch.steps.build import build, is_built
from rowbatch.steps.collect import collect
from rowbatch.steps.create import create
from rowbatch.steps.download import download
from rowbatch.steps.poll import poll
from rowbatch.steps.submit import Clock, LostAnswerPolicy, submit
from rowbatch.store.ledger import Ledger
from rowbatch.store.rundir import RunDirectory
from rowbatch.tables.base import ReadOptions

TABLE = 'id,text\n1,"one, and a half"\n2,two\n3,\n4,"four\nlines"\n5,five\n6,six\n7,seven\n'
EXPECTED_STATUSES = ["ok", "ok", "skipped", "ok", "ok", "ok", "ok"]
SHARDS = 3


class Crash(BaseException):
    """What a kill looks like from inside: nothing can catch it."""


class Tripwire:
    """Counts effects, and crashes at the n-th."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.passed: list[str] = []

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) == self.at:
            raise Crash(name)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    provider = dataclasses.replace(find_provider("openai"), limits=ShardLimits(2, 10_000))
    monkeypatch.setattr(build_step, "find_provider", lambda _: provider)


def make_run(folder: Path) -> RunDirectory:
    table = folder / "posts.csv"
    table.write_text(TABLE, newline="")
    run = RunDirectory(folder / "run")
    create(
        run,
        table=table,
        text="text",
        template=None,
        codebook=codebook_from_labels("label", ["a", "b", "c"], "Which?"),
        provider="openai",
        base_url=None,
        model="m",
        parameters={},
        output=folder / "out.csv",
        overwrite=False,
        reading=ReadOptions(),
    )
    return run


def do_all(run: RunDirectory, provider: ProviderDouble, policy: LostAnswerPolicy | None = None) -> None:
    if not is_built(run):
        build(run)
    submit(
        run,
        provider,
        url="/v1/chat/completions",
        policy=policy or LostAnswerPolicy(wait_s=60, then="resubmit"),
        reserve_usd=lambda _: Decimal(1),
        clock=Clock(now=lambda: provider.now, sleep=provider.sleep),
    )
    poll(run, provider)
    download(run, provider)
    collect(run)


def wire(monkeypatch: pytest.MonkeyPatch, provider: ProviderDouble, tripwire: Tripwire) -> None:
    """Put the tripwire before and after every durable effect of ours and of the provider."""
    provider.step = tripwire
    real_replace, real_link = Path.replace, os.link
    real_event, real_add = Ledger._event, Ledger.set_fact

    def replace(self, target):
        tripwire("before rename")
        done = real_replace(self, target)
        tripwire("after rename")
        return done

    def link(source, target):
        tripwire("before link")
        real_link(source, target)
        tripwire("after link")

    def event(self, kind, shard, detail):
        # Inside the transaction: what was changed with it is rolled back.
        tripwire(f"in transaction: {kind}")
        real_event(self, kind, shard, detail)

    def set_fact(self, name, value):
        tripwire("before fact")
        real_add(self, name, value)
        tripwire("after fact")

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(Ledger, "_event", event)
    monkeypatch.setattr(Ledger, "set_fact", set_fact)


def reference(folder: Path) -> bytes:
    folder.mkdir()
    run = make_run(folder)
    do_all(run, ProviderDouble())
    return (folder / "out.csv").read_bytes()


def test_every_crash_point_ends_with_the_same_table_paid_once(tmp_path, monkeypatch):
    """
    A crash at each effect in turn, then the same command again: the same bytes, one batch a shard.
    """
    expected = reference(tmp_path / "reference")
    at = 0
    while True:
        at += 1
        folder = tmp_path / f"at-{at}"
        folder.mkdir()
        run = make_run(folder)
        provider = ProviderDouble()
        tripwire = Tripwire(at)
        with monkeypatch.context() as patch:
            wire(patch, provider, tripwire)
            try:
                do_all(run, provider)
            except Crash:
                crashed = True
            else:
                crashed = False
        provider.step = lambda _: None
        do_all(run, provider)
        name = tripwire.passed[min(at, len(tripwire.passed)) - 1]
        assert (folder / "out.csv").read_bytes() == expected, name
        assert len(provider.batches) == SHARDS, name
        if not crashed:
            break
    assert at > 40, "the tripwire has to lie at every effect"


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_lost_answer_is_found_in_the_list(tmp_path, lost):
    """
    The provider made the batch and its answer did not arrive: the batch is adopted, not made again.
    """
    run = make_run(tmp_path)
    provider = ProviderDouble()
    provider.lose_answers = lost
    do_all(run, provider)
    assert len(provider.batches) == SHARDS
    with run.ledger() as ledger:
        assert sum(event.kind == "adopted" for event in ledger.events()) == lost


def test_a_batch_that_the_list_shows_late_is_waited_for(tmp_path):
    """
    One empty look is not enough: the list may lag.
    """
    run = make_run(tmp_path)
    provider = ProviderDouble()
    provider.lose_answers = 1
    provider.hide_s = 40.0
    do_all(run, provider, LostAnswerPolicy(wait_s=60, then="resubmit", look_every_s=5))
    assert len(provider.batches) == SHARDS


def test_an_empty_list_asks_a_person(tmp_path):
    """
    When the list stays empty the program stops and asks; with the person's leave it sends again.
    """
    run = make_run(tmp_path)
    provider = ProviderDouble()
    provider.lose_answers = 1
    provider.hide_s = 1e9
    with pytest.raises(NeedsDecision) as caught:
        do_all(run, provider, LostAnswerPolicy(wait_s=60, then="ask"))
    assert "--resubmit-lost" in caught.value.hint
    assert len(provider.batches) == 1
    do_all(run, provider, LostAnswerPolicy(wait_s=60, then="resubmit"))
    assert len(provider.batches) == SHARDS + 1


def test_of_several_batches_the_oldest_is_kept(tmp_path):
    """
    Duplicates are cancelled, and the event stays.
    """
    run = make_run(tmp_path)
    provider = ProviderDouble()

    class TwiceDouble(ProviderDouble):
        def create(self, file_id, *, url, metadata):
            if not self.batches:
                super().create(file_id, url=url, metadata=metadata)
                self.lose_answers = 1
            return super().create(file_id, url=url, metadata=metadata)

    provider = TwiceDouble()
    do_all(run, provider)
    assert [batch["id"] for batch in provider.alive()] == ["batch_1", "batch_3", "batch_4"]
    with run.ledger() as ledger:
        assert [e.detail["batch_id"] for e in ledger.events() if e.kind == "duplicate-cancelled"] == [
            "batch_2"
        ]


def test_a_refusal_bills_nothing_and_can_be_tried_again(tmp_path):
    """
    A clear no leaves the shard uploaded; the next try sends it once.
    """
    run = make_run(tmp_path)
    provider = ProviderDouble()
    provider.refuse = 1
    with pytest.raises(ServiceError, match="not today"):
        do_all(run, provider)
    assert provider.batches == []
    with run.ledger() as ledger:
        assert ledger.shards()[0].state is ShardState.UPLOADED
    do_all(run, provider)
    assert len(provider.batches) == SHARDS


def test_every_row_leaves_once_at_any_time(tmp_path):
    """
    Collecting before, in the middle and after: all rows, in order, with a status that is true.
    """
    run = make_run(tmp_path)
    provider = ProviderDouble()
    build(run)
    assert statuses(collect(run).path) == ["unsent", "unsent", "skipped"] + ["unsent"] * 4
    submit(
        run,
        provider,
        url="/v1/chat/completions",
        policy=LostAnswerPolicy(),
        reserve_usd=lambda _: Decimal(0),
    )
    assert statuses(collect(run).path) == ["missing", "missing", "skipped"] + ["missing"] * 4
    poll(run, provider)
    download(run, provider)
    report = collect(run)
    assert statuses(report.path) == EXPECTED_STATUSES
    assert report.rows == len(EXPECTED_STATUSES)
    again = report.path.read_bytes()
    collect(run)
    assert report.path.read_bytes() == again


def test_a_changed_table_or_raw_file_is_refused(tmp_path):
    """
    Answers are never put beside rows that they may not belong to.
    """
    run = make_run(tmp_path)
    do_all(run, ProviderDouble())
    result = run.result_path("r1-0001", "output")
    content = result.read_bytes()
    result.write_bytes(content.replace(b"a", b"b", 1))
    with pytest.raises(RowbatchError, match="digest"):
        collect(run)
    result.write_bytes(content)
    (tmp_path / "posts.csv").write_text(TABLE.replace("two", "TWO"), newline="")
    with pytest.raises(RowbatchError, match="was changed"):
        collect(run)


def test_somebody_elses_output_is_not_replaced(tmp_path):
    """
    A file that appeared under the output's name stays, and another name can be given.
    """
    run = make_run(tmp_path)
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(RowbatchError, match="exists") as caught:
        do_all(run, ProviderDouble())
    assert "-o" in caught.value.hint
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert statuses(collect(run, output=tmp_path / "other.csv").path) == EXPECTED_STATUSES


def statuses(path: Path) -> list[str]:
    import csv

    with path.open(newline="", encoding="utf-8") as file:
        return [row["status"] for row in csv.DictReader(file)]
