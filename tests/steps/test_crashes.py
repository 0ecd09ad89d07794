"""A run that is stopped at any point, and started again, ends with the same table, paid once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import stamina

from cases import cases
from driving import POLICY, build_run, drive, finish, judge, make_run, rows_of
from fake_providers import FakeProvider, Faults
from rowbatch.errors import RowbatchError
from rowbatch.steps.collect import collect
from rowbatch.store.ledger import Ledger
from rowbatch.store.trail import Trail
from simulation import Crash, simulate

PROVIDERS = ["openai", "anthropic", "gemini", "mistral"]
ROWS = 9


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


class Tripwire:
    """Counts effects, and crashes at those that it was told."""

    def __init__(self, *at: int) -> None:
        self.at = set(at)
        self.passed: list[str] = []

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) in self.at:
            raise Crash(name)


@contextmanager
def wired(fake: FakeProvider, tripwire: Tripwire) -> Iterator[None]:
    """Put the tripwire before and after every durable effect of ours and of the provider."""
    fake.step = tripwire
    real_replace, real_link = Path.replace, os.link
    real_event, real_note = Ledger._event, Ledger._note

    def replace(self: Path, target: Path) -> Path:
        tripwire("before rename")
        done = real_replace(self, target)
        tripwire("after rename")
        return done

    def link(source: Any, target: Any) -> None:
        tripwire("before link")
        real_link(source, target)
        tripwire("after link")

    def event(self: Ledger, kind: str, shard: Any, detail: Any) -> None:
        # Inside the transaction: what was changed with it is rolled back.
        tripwire(f"in transaction: {kind}")
        real_event(self, kind, shard, detail)

    def note(self: Ledger, statement: str, **values: Any) -> None:
        tripwire("before note")
        real_note(self, statement, **values)
        tripwire("after note")

    real_append = Trail.append

    def append(self: Trail, steps: Any) -> None:
        tripwire("before trail")
        real_append(self, steps)
        tripwire("after trail")

    with (
        mock.patch.object(Trail, "append", append),
        mock.patch.object(Path, "replace", replace),
        mock.patch.object(os, "link", link),
        mock.patch.object(Ledger, "_event", event),
        mock.patch.object(Ledger, "_note", note),
    ):
        yield
    fake.step = lambda _: None


def faulty() -> Faults:
    """A provider whose first round leaves rows for a second one."""
    return Faults(rows_missing=0.25)


def crash_and_finish(folder: Path, provider: str, *at: int) -> tuple[Tripwire, bool, bytes]:
    """One run with crashes at these effects; returns whether all happened, and the table."""
    run, fake = make_run(folder, rows=ROWS, provider=provider), FakeProvider(provider, faulty(), seed=5)
    tripwire = Tripwire(*at)
    crashes = 0
    while True:
        try:
            with wired(fake, tripwire):
                report = finish(run, fake, provider=provider)
        except Crash:
            crashes += 1
            continue
        break
    rows = rows_of(report.path)
    judge(run, fake, rows)
    assert {row["status"] for row in rows} == {"ok", "skipped"}
    # Tokens and clock differ; the table may not.
    return tripwire, crashes == len(at), report.path.read_bytes()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_crash_point_ends_with_the_same_table_paid_once(tmp_path, provider):
    """
    C1, C2, C5, C6: a crash at each effect in turn, then the same again: the same bytes, each shard paid once.
    """
    # An odd step meets both sides of an effect; `make proofs` takes each of them, of each provider.
    step = cases(3 if provider == "openai" else 9, 1)
    run = make_run(tmp_path / "reference", rows=ROWS, provider=provider)
    expected = finish(run, FakeProvider(provider), provider=provider).path.read_bytes()
    at = 1 - step
    while True:
        at += step
        tripwire, crashed, table = crash_and_finish(tmp_path / f"at-{at}", provider, at)
        assert table == expected, tripwire.passed[at - 1]
        if not crashed:
            break
    assert at > 40, "the tripwire has to lie at every effect"


# All pairs take a quarter of an hour.
STEPS = cases((17, 7), (1, 1))


@pytest.mark.parametrize("first", range(1, cases(60, 99), STEPS[0]))
def test_pairs_of_crash_points(tmp_path, first):
    """
    A second crash while the first one is being made up for.
    """
    at = first
    while True:
        at += STEPS[1]
        tripwire, crashed, _ = crash_and_finish(tmp_path / f"at-{at}", "openai", first, at)
        if not crashed:
            break
    assert len(tripwire.passed) > first or STEPS[0] == 1


@pytest.mark.parametrize("seed", range(cases(20, 40)))
def test_faults_and_crashes_by_seed(tmp_path, seed):
    """
    All faults and crashes at once: nothing lost, nothing twice, and it ends; `make simulation` runs more.
    """
    found = simulate(tmp_path, seed)
    assert found["double submits"] == 0


def test_building_is_repeated_until_it_is_done(tmp_path):
    """
    Crash points 1 to 3: shard files that are half there, or not recorded, are replaced.
    """
    run = make_run(tmp_path / "a", rows=ROWS)
    expected = {path.name: path.read_bytes() for path in run.requests.glob("*.jsonl")}
    at = 0
    crashed = True
    while crashed:
        at += 1
        folder = tmp_path / f"at-{at}"
        with mock.patch("driving.build_run"):
            run = make_run(folder, rows=ROWS)
        tripwire = Tripwire(at)
        crashed = False
        try:
            with wired(FakeProvider(), tripwire):
                build_run(run, "openai", 4)
        except Crash:
            crashed = True
        build_run(run, "openai", 4)
        assert {path.name: path.read_bytes() for path in run.requests.glob("*.jsonl")} == expected
    assert at > 5


def test_every_row_leaves_once_at_any_time(tmp_path):
    """
    Collecting before, in the middle and after: all rows, in order, with a status that is true.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    assert statuses(collect(run).path) == ["unsent", "unsent", "skipped", *["unsent"] * 6]
    drive(run, fake, goal="submitted")
    assert statuses(collect(run).path) == ["missing", "missing", "skipped", *["missing"] * 6]
    drive(run, fake, goal="over")
    drive(run, fake, goal="downloaded")
    report = collect(run)
    assert statuses(report.path) == ["ok", "ok", "skipped", *["ok"] * 6]
    assert report.rows == ROWS
    again = report.path.read_bytes()
    collect(run)
    assert report.path.read_bytes() == again


def test_a_changed_table_or_raw_file_is_refused(tmp_path):
    """
    Answers are never put beside rows that they may not belong to.
    """
    run = make_run(tmp_path)
    finish(run, FakeProvider())
    result = run.result_path("r1-0001", "output")
    content = result.read_bytes()
    result.write_bytes(content.replace(b"a", b"b", 1))
    with pytest.raises(RowbatchError, match="digest"):
        collect(run)
    result.write_bytes(content)
    table = tmp_path / "posts.csv"
    table.write_bytes(table.read_bytes().replace(b"one", b"ONE"))
    with pytest.raises(RowbatchError, match="was changed"):
        collect(run)


def test_somebody_elses_output_is_not_replaced(tmp_path):
    """
    A file that appeared under the output's name stays, and another name can be given.
    """
    run = make_run(tmp_path)
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(RowbatchError, match="exists") as caught:
        finish(run, FakeProvider())
    assert "-o" in caught.value.hint
    assert (tmp_path / "out.csv").read_text() == "mine"
    report = collect(run, output=tmp_path / "other.csv")
    assert set(statuses(report.path)) == {"ok", "skipped"}


def test_the_policy_is_that_of_the_tests():
    """
    The simulated list may lag for 30 s: the waiting time is longer, or the promise would not hold.
    """
    assert POLICY.lost.wait_s > 30


def statuses(path: Path) -> list[str]:
    return [row["status"] for row in rows_of(path)]
