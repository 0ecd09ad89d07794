"""
A run under faults and crashes, driven by a seed; a seed that fails is a test for ever.

    python tests/simulation.py --seeds 2000            # nightly
    python tests/simulation.py --seeds 1 --first 731   # one of them
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import sys
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import stamina

from driving import POLICY, drive, judge, make_run, rows_of
from fake_providers import FakeProvider, Faults
from rowbatch.core.states import ShardState
from rowbatch.errors import RowbatchError, ServiceError
from rowbatch.steps import drive as drive_module
from rowbatch.steps.collect import collect
from rowbatch.store.ledger import Ledger

PROVIDERS = ("openai", "anthropic", "gemini", "mistral")
ROWS = 22


class Crash(BaseException):
    """What a kill looks like from inside: nothing can catch it."""


def some_faults(rng: random.Random) -> Faults:
    """A mixture: each fault is there in about every third run."""

    def share(most: float) -> float:
        return rng.uniform(0, most) if rng.random() < 0.35 else 0.0

    return Faults(
        lose_create=share(0.6),
        refuse=share(0.3),
        lose_other=share(0.15),
        list_lag_s=rng.choice([0.0, 0.0, 5.0, 30.0]),
        rows_fail=share(0.4),
        rows_refused=share(0.2),
        rows_missing=share(0.2),
        rows_twice=share(0.3),
        strange_lines=share(0.2),
        expire=share(0.5),
        queue_tokens=rng.choice([None, None, 700, 1500]),
        queue_at_create=rng.random() < 0.5,
        lose_files=share(0.3),
        cut_download=share(0.4),
        wrong_counts=rng.random() < 0.2,
        empty_ids=rng.random() < 0.3,
        strange_status=share(0.3),
    )


class Tripwire:
    """Crashes at random effects."""

    def __init__(self, rng: random.Random, crashes: int) -> None:
        self.rng, self.left = rng, crashes
        self.happened: list[str] = []

    def __call__(self, name: str) -> None:
        if self.left and self.rng.random() < 0.04:
            self.left -= 1
            self.happened.append(name)
            raise Crash(name)


def wired(tripwire: Any) -> tuple[Any, Any]:
    """The tripwire around every rename and every line of the trail, and inside every transaction."""
    real_replace, real_event, real_leave = Path.replace, Ledger._event, Ledger._leave_trail

    def replace(self: Path, target: Path) -> Path:
        tripwire("before rename")
        done = real_replace(self, target)
        tripwire("after rename")
        return done

    def event(self: Ledger, kind: str, shard: Any, detail: Any) -> None:
        # Inside the transaction: what was changed with it is rolled back.
        tripwire(f"in transaction: {kind}")
        real_event(self, kind, shard, detail)

    def leave_trail(self: Ledger, *names: Any, **options: Any) -> None:
        tripwire("before trail")
        real_leave(self, *names, **options)
        tripwire("after trail")

    return (
        mock.patch.multiple(Path, replace=replace),
        mock.patch.multiple(Ledger, _event=event, _leave_trail=leave_trail),
    )


def simulate(folder: Path, seed: int) -> Counter[str]:
    """
    One run of one seed.

    Returns:
        What happened: crashes, batches, rows of each status.
    Raises:
        AssertionError: A promise was broken.
    """
    rng = random.Random(seed)
    # The driver's pauses too, so that a seed is the same run each time.
    drive_module._RANDOM.seed(seed)
    provider = PROVIDERS[seed % len(PROVIDERS)] if seed % 2 else "openai"
    fake = FakeProvider(provider, some_faults(rng), seed)
    fake.work_polls = rng.choice([0, 1, 3])
    fake.our_clock_is_ahead = timedelta(hours=rng.choice([0, 0, -30, 30]))
    run = make_run(folder, rows=ROWS, shard_rows=rng.choice([3, 5, 30]), provider=provider)
    tripwire = Tripwire(rng, rng.choice([0, 2, 8]))
    fake.step = tripwire
    policy = dataclasses.replace(POLICY, rounds=3)
    restarts = 0
    with stamina.set_testing(True, attempts=3):
        while True:
            restarts += 1
            if restarts == 40:
                fake.faults.stop()
                tripwire.left = 0
            assert restarts < 60, "the run does not end although the faults have stopped"
            replace, event = wired(tripwire)
            try:
                with replace, event:
                    drive(run, fake, provider=provider, policy=policy, usd_a_row="0")
                    report = collect(run, overwrite=True)
            except Crash:
                continue
            except ServiceError as error:
                # It said that it gave up; the person types the same again.
                if not error.is_passing and error.status != 404:
                    raise
                continue
            break
    with run.ledger() as ledger:
        assert {shard.state for shard in ledger.shards()} <= {ShardState.DOWNLOADED, ShardState.CUT}
    rows = rows_of(report.path)
    assert len(rows) == ROWS
    judge(run, fake, rows)
    found = Counter({f"rows {status}": count for status, count in report.statuses.items()})
    found.update(crashes=len(tripwire.happened), batches=len(fake.batches), runs=1, restarts=restarts - 1)
    found["lost answers adopted"] = sum(event.kind == "adopted" for event in run.ledger().events())
    found["double submits"] = len(fake.double_submits())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    total: Counter[str] = Counter()
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            try:
                total += simulate(Path(folder), seed)
            except (AssertionError, RowbatchError) as error:
                sys.exit(f"seed {seed}: {type(error).__name__}: {error}")
    for name, count in sorted(total.items()):
        sys.stdout.write(f"{name:<24}{count:>10,}\n")


if __name__ == "__main__":
    main()
