"""The life of a batch, whatever happens to it: drawn by Hypothesis, without a network and without threads."""

import asyncio
import json
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rowbatch.server.app import _batch_object
from rowbatch.server.runner import ASKED_AGAIN, FINAL_STATUS, Runner
from rowbatch.server.storage import ENDED, UNFINISHED, Storage
from serving import Clock, ScriptedEngine, batch_lines

ROWS = 6
NEXT = {
    "validating": {"in_progress", "failed", "cancelling"},
    "in_progress": {"finalizing", "cancelling"},
    "finalizing": {"completed", "expired"},
    "cancelling": {"cancelled"},
}
"""The picture of the docs: from a status to those that may follow. One that ended stays as it is."""


async def at_once(work, *given, **named):
    """Instead of a thread, which would go on after a kill."""
    await asyncio.sleep(0)
    return work(*given, **named)


class LifeOfABatch(RuleBasedStateMachine):
    """
    Batches are created, cancelled, left alone, expired; the process is killed and started again.

    In the end each row is in exactly one of the two files, once.
    """

    @initialize()
    def begin(self):
        self.threads = mock.patch("asyncio.to_thread", at_once)
        self.threads.start()
        self.folder = tempfile.TemporaryDirectory()
        self.clock, self.engine = Clock(), ScriptedEngine()
        self.loop = asyncio.new_event_loop()
        self.seen: dict[str, str] = {}
        self.is_cancelled: set[str] = set()
        self.start()

    def start(self):
        self.storage = Storage(Path(self.folder.name), clock=self.clock)
        update = self.storage.update_batch

        def noted(batch_id, **changes):
            found = update(batch_id, **changes)
            before = self.seen[batch_id]
            if found["status"] != before:
                assert found["status"] in NEXT.get(before, set()), (before, found["status"])
                self.seen[batch_id] = found["status"]
            return found

        self.storage.update_batch = noted  # type: ignore[method-assign]
        self.runner = Runner(self.storage, self.engine)
        self.loop.run_until_complete(self.begin_to_run())

    async def begin_to_run(self):
        self.runner.start()

    def turns(self, number):
        async def wait():
            for _ in range(number):
                await asyncio.sleep(0)

        self.loop.run_until_complete(wait())

    @precondition(lambda self: len(self.seen) < 3)
    @rule(is_broken=st.booleans())
    def create(self, is_broken):
        now, name = self.storage.now(), f"batch_{len(self.seen)}"
        file_id = self.storage.new_file_id()
        content = batch_lines(ROWS) + (b"broken\n" if is_broken else b"")
        self.storage.path_of(file_id).write_bytes(content)
        self.storage.add_file(file_id, filename="a", purpose="batch")
        document = {
            "id": name,
            "status": "validating",
            "endpoint": "/v1/chat/completions",
            "input_file_id": file_id,
            "expires_at": now + 100,
            "in_progress_at": None,
            "output_file_id": None,
            "error_file_id": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
        }
        self.seen[name] = "validating"
        self.storage.create_batch(document, idempotency_key=None, request_digest="")
        self.runner.wake()

    @rule(number=st.integers(1, 60))
    def go_on(self, number):
        self.turns(number)

    @rule()
    def hold_or_free_the_engine(self):
        if self.engine.gate.is_set():
            self.engine.gate.clear()
        else:
            self.engine.gate.set()

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def cancel(self, data):
        name = data.draw(st.sampled_from(sorted(self.seen)))
        if self.seen[name] in ("validating", "in_progress"):
            self.storage.update_batch(name, status="cancelling", cancelling_at=self.storage.now())
            self.runner.cancel(name)

    @rule()
    def the_window_ends(self):
        self.clock.now += 101
        self.runner.wake()

    @rule()
    def kill(self):
        """What was not written is lost; what was under way never comes."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for work in self.runner._works.values():
            work.close()
        self.storage.close()
        self.start()

    @invariant()
    def every_row_is_written_once_at_most(self):
        if not hasattr(self, "storage"):
            return
        for name, status in self.seen.items():
            batch = self.storage.batch(name) or {}
            assert batch["status"] == status
            if status in UNFINISHED:
                assert batch["output_file_id"] is batch["error_file_id"] is None
                ids = [one for kind in ("output", "error") for one in self.written(name, kind)]
                if FINAL_STATUS not in batch:
                    assert len(set(ids)) == len(ids)

    def written(self, name, kind):
        path = self.storage.results_of(name, kind)
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        return [json.loads(line)["custom_id"] for line in lines[:-1]]

    def teardown(self):
        if not hasattr(self, "storage"):
            return
        self.engine.gate.set()
        for _ in range(20_000):
            if all(status in ENDED for status in self.seen.values()):
                break
            self.loop.run_until_complete(asyncio.sleep(0.001))
        try:
            for name, status in self.seen.items():
                self.is_whole(name, status)
        finally:
            self.loop.run_until_complete(self.runner.stop())
            self.storage.close()
            self.loop.close()
            self.folder.cleanup()
            self.threads.stop()

    def is_whole(self, name, status):
        assert status in ENDED
        batch = self.storage.batch(name) or {}
        ids, files = [], [batch["output_file_id"], batch["error_file_id"]]
        for file_id in filter(None, files):
            lines = self.storage.path_of(file_id).read_text().splitlines()
            ids += [json.loads(line)["custom_id"] for line in lines]
        if status == "failed" or batch["in_progress_at"] is None:
            assert files == [None, None]
        else:
            assert sorted(ids) == sorted(f"row-{number}" for number in range(ROWS))
            assert sum(batch["request_counts"][kind] for kind in ("completed", "failed")) == ROWS
        assert not list(self.storage.work.glob(f"{name}.*"))


TestLifeOfABatch = LifeOfABatch.TestCase
TestLifeOfABatch.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_rows_that_may_be_asked_twice_are_counted():
    """
    Those that were asked when the process was killed and have no line, at each kill; told in the batch.
    """
    life = LifeOfABatch()
    life.begin()
    life.engine.gate.clear()
    life.create(False)
    for kills in (1, 2):
        for _ in range(2_000):
            if life.runner.in_flight == 4:
                break
            life.turns(1)
        assert life.runner.in_flight == 4
        life.kill()
        for _ in range(2_000):
            if (life.storage.batch("batch_0") or {}).get(ASKED_AGAIN) == 4 * kills:
                break
            life.turns(1)
        told = _batch_object(life.storage.batch("batch_0") or {})
        assert told["rowbatch"] == {"rows_maybe_asked_twice": 4 * kills}
    life.teardown()
