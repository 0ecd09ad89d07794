"""Every move of a shard that `core.states` allows is one that the steps make."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import stamina

from driving import POLICY, client_of, drive, finish, make_run
from fake_providers import FakeProvider, Faults
from rowbatch.core.states import MOVES, ShardState, require_move
from rowbatch.errors import NeedsDecision
from rowbatch.steps.clean import clean
from rowbatch.steps.collect import collect
from rowbatch.steps.give_up import give_up
from rowbatch.steps.submit import LostAnswerPolicy
from rowbatch.store import ledger as ledger_module
from simulation import Crash


@pytest.fixture
def made(monkeypatch):
    """The moves that the ledger was asked for, all of them allowed."""
    moves: set[tuple[ShardState, ShardState, str]] = set()

    def noting(state: ShardState, to: ShardState, event: str) -> None:
        require_move(state, to, event)
        moves.add((state, to, event))

    monkeypatch.setattr(ledger_module, "require_move", noting)
    with stamina.set_testing(True, attempts=6):
        yield moves


def all_is_well(folder: Path) -> None:
    run, fake = make_run(folder, rows=4), FakeProvider()
    finish(run, fake)
    with client_of(fake) as client, run.ledger() as ledger:
        clean(ledger, client)


def the_answer_is_lost(folder: Path) -> None:
    run, fake = make_run(folder, rows=4), FakeProvider(faults=Faults(lose_create=1.0))
    finish(run, fake)


def it_is_never_found(folder: Path) -> None:
    run, fake = make_run(folder, rows=4), FakeProvider(faults=Faults(lose_create=1.0, list_lag_s=1e9))
    ask = dataclasses.replace(POLICY, lost=LostAnswerPolicy(wait_s=60.0, then="ask", look_every_s=5.0))
    with pytest.raises(NeedsDecision):
        drive(run, fake, policy=ask)
    fake.faults.lose_create = 0.0
    finish(run, fake)


def the_queue_is_full(folder: Path, *, at_create: bool) -> None:
    faults = Faults(queue_tokens=330, queue_at_create=at_create)
    run, fake = make_run(folder, rows=28, shard_rows=30), FakeProvider(faults=faults)
    finish(run, fake)
    with client_of(fake) as client, run.ledger() as ledger:
        clean(ledger, client)


def it_is_larger_than_a_known_queue(folder: Path) -> None:
    run, fake = make_run(folder, rows=14, shard_rows=30), FakeProvider()
    drive(run, fake, policy=dataclasses.replace(POLICY, queue_tokens=500))


def the_file_is_lost(folder: Path) -> None:
    run, fake = make_run(folder, rows=4), FakeProvider(faults=Faults(lose_files=1.0))
    drive(run, fake)


def it_is_given_up(folder: Path, *, lost: bool) -> None:
    run, fake = make_run(folder, rows=4), FakeProvider(faults=Faults(lose_create=float(lost), list_lag_s=1e9))
    ask = dataclasses.replace(POLICY, lost=LostAnswerPolicy(wait_s=60.0, then="ask", look_every_s=5.0))
    with suppress(NeedsDecision):
        drive(run, fake, policy=ask, goal="submitted")
    with client_of(fake) as client, run.ledger() as ledger:
        give_up(ledger, client, ["r1-0001"])


def test_every_move_is_made(made, tmp_path):
    """
    What can go wrong makes each move of the picture at least once: none of its arrows is only drawn.
    """
    all_is_well(tmp_path / "well")
    the_answer_is_lost(tmp_path / "lost")
    it_is_never_found(tmp_path / "never")
    the_queue_is_full(tmp_path / "queue", at_create=False)
    the_queue_is_full(tmp_path / "queue-at-create", at_create=True)
    it_is_larger_than_a_known_queue(tmp_path / "larger")
    the_file_is_lost(tmp_path / "file")
    it_is_given_up(tmp_path / "forgotten", lost=False)
    it_is_given_up(tmp_path / "unknown", lost=True)
    assert made == {(state, to, event) for state, ways in MOVES.items() for to, event in ways.items()}


def test_a_crash_after_the_intent_is_a_move_of_its_own(made, tmp_path):
    """
    What only a crash leaves behind is made up for by an allowed move too.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()

    def crash(name: str) -> Any:
        if name == "before POST /v1/batches":
            raise Crash(name)

    fake.step = crash
    with pytest.raises(Crash):
        drive(run, fake)
    fake.step = lambda _: None
    made.clear()
    finish(run, fake)
    assert (ShardState.SUBMITTING, ShardState.UNKNOWN, "unknown") in made


def test_a_move_that_is_none_is_refused_before_anything_is_written(tmp_path):
    """
    The ledger refuses what the picture does not show: state, columns and events stay as they were.
    """
    run, fake = make_run(tmp_path, rows=4), FakeProvider()
    with run.ledger() as ledger:
        (shard,) = ledger.shards()
        before = (ledger.shards(), ledger.events())
        with pytest.raises(ValueError, match="from written to submitted by 'submitted'"):
            ledger.move(shard, ShardState.SUBMITTED, event="submitted", batch_id="batch_1")
        with pytest.raises(ValueError, match="from written to uploaded by 'taken-back'"):
            ledger.move(shard, ShardState.UPLOADED, event="taken-back")
        with pytest.raises(ValueError, match="from written to submitting by 'intent'"):
            ledger.claim(shard, reserved_usd=ledger.spent_usd())
        assert (ledger.shards(), ledger.events()) == before
    drive(run, fake)
    collect(run)
    with run.ledger() as ledger:
        (shard,) = ledger.shards()
        before = (ledger.shards(), ledger.events())
        with pytest.raises(ValueError, match="from downloaded to cut by 'cut'"):
            ledger.add_shards([], event="cut", cut=shard)
        assert (ledger.shards(), ledger.events()) == before
