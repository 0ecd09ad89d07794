"""Anything in any order: faults, crashes, two programs, cancelling; the promises hold at every moment."""

import shutil
import tempfile
from pathlib import Path

import stamina
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cases import cases
from driving import drive, judge, make_run, rows_of
from fake_providers import FakeProvider, Faults
from rowbatch.errors import RowbatchError
from rowbatch.steps import drive as drive_module
from rowbatch.steps.collect import collect
from simulation import Crash, wired


class Protocol(RuleBasedStateMachine):
    """A person, a provider and a run."""

    @initialize(
        provider=st.sampled_from(["openai", "anthropic", "gemini", "mistral"]), size=st.integers(2, 6)
    )
    def begin(self, provider, size):
        # The driver's pauses too, so that a walk is the same each time.
        drive_module._RANDOM.seed(0)
        self.folder = Path(tempfile.mkdtemp())
        self.provider = provider
        self.fake = FakeProvider(provider)
        self.run = make_run(self.folder, rows=11, shard_rows=size, provider=provider)

    def _drive(self, goal):
        with stamina.set_testing(True, attempts=2):
            try:
                drive(self.run, self.fake, provider=self.provider, goal=goal, usd_a_row="0")
            except RowbatchError:
                # It said so, and what is there is kept.
                return
            except Crash:
                return

    @rule(goal=st.sampled_from(["submitted", "downloaded", "finished"]))
    def work(self, goal):
        self._drive(goal)

    @rule(at=st.integers(1, 40))
    def work_and_crash(self, at):
        passed = 0

        def tripwire(_):
            nonlocal passed
            passed += 1
            if passed == at:
                raise Crash

        self.fake.step = tripwire
        replace, event = wired(tripwire)
        with replace, event:
            self._drive("finished")
        self.fake.step = lambda _: None

    @rule(
        fault=st.sampled_from(
            [
                Faults(lose_create=1.0),
                Faults(rows_fail=0.5),
                Faults(rows_missing=0.5),
                Faults(expire=1.0),
                Faults(refuse=0.5),
                Faults(cut_download=1.0),
                Faults(lose_files=0.5),
            ]
        )
    )
    def go_wrong(self, fault):
        self.fake.faults = fault

    @rule()
    def go_right(self):
        self.fake.faults = Faults()

    @rule(seconds=st.sampled_from([1, 60, 90_000]))
    def wait(self, seconds):
        self.fake.sleep(seconds)
        if seconds > 86_400:
            # A provider ends a batch within a day, looked at or not; one that does not is a person's matter.
            for batch in self.fake.batches:
                while batch.status in ("validating", "in_progress"):
                    self.fake.poll(batch)

    @rule(wanted=st.booleans())
    def cancel(self, wanted):
        with self.run.ledger() as ledger:
            ledger.set_cancelled(wanted)

    @rule()
    def somebody_else_takes_over(self):
        with self.run.ledger() as ledger:
            ledger.take_over()

    @invariant()
    def nothing_is_lost_and_nothing_is_twice(self):
        if hasattr(self, "run"):
            report = collect(self.run, overwrite=True)
            assert report.rows == 11
            judge(self.run, self.fake, rows_of(report.path))

    def teardown(self):
        if not hasattr(self, "run"):
            return
        # When the faults stop and the person goes on, it ends.
        self.fake.faults = Faults()
        with self.run.ledger() as ledger:
            ledger.set_cancelled(False)
        with stamina.set_testing(True, attempts=2):
            drive(self.run, self.fake, provider=self.provider, usd_a_row="0")
        self.nothing_is_lost_and_nothing_is_twice()
        shutil.rmtree(self.folder)


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=cases(15, 200),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
