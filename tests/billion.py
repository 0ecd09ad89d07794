"""
A billion rows against a provider's limits, in simulated time: the real driver, ledger and pace.

Request and result files are sizes only.

    python tests/billion.py                          # 20,000 batches of 50,000 rows: make billion
    python tests/billion.py --batches 500 --keep     # fewer, and inputs are not removed at the provider
"""

from __future__ import annotations

import argparse
import heapq
import random
import resource
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

from driving import LABELS
from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import codebook_document, codebook_from_labels
from rowbatch.core.cost import Price
from rowbatch.core.findings import Findings
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.core.shard import ShardLimits
from rowbatch.core.states import ShardState
from rowbatch.errors import ServiceError
from rowbatch.http import CarriedOut, PaidOutcome, Refused
from rowbatch.providers.base import BatchView, Sightings, Submission
from rowbatch.providers.openai import OpenAIDialect, read_batch
from rowbatch.requests.asking import Said, asking_of
from rowbatch.steps import drive as drive_module
from rowbatch.steps import submit as submit_module
from rowbatch.steps.clock import Clock
from rowbatch.steps.create import create
from rowbatch.steps.cut import derived_token, new_token
from rowbatch.steps.drive import DrivePolicy, Driver
from rowbatch.steps.rounds import NextRound
from rowbatch.steps.submit import LostAnswerPolicy
from rowbatch.store.ledger import Ledger, Shard, TableCounts, name_of, new_shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.words.notice import Notice

ROWS = 50_000
INPUT_BYTES, RESULT_BYTES, TOKENS = 1_200, 900, 150
"""Of a row: its request, its result, its prompt."""
FAILED_SHARE = 0.004
_START = datetime(2026, 11, 2, tzinfo=UTC)
# A megabyte takes some 10 ms up or down, a call 100 ms.
_CALL_S, _BYTES_A_S = 0.1, 100e6


@dataclass(frozen=True, slots=True)
class Limits:
    """What the simulated provider takes; OpenAI's, as its guide says."""

    creations_per_hour: int = 2_000
    storage_bytes: int = 2_500_000_000_000
    queue_tokens: int = 15_000_000_000
    longest_h: float = 6.0


class SizesProvider:
    """
    A provider whose files are sizes, and which refuses whatever is beyond its limits.

    Attributes:
        now_s: The simulated time.
        refused: How often something was beyond a limit, by which one: a driver that paces itself has none.
        peak_bytes: The most that ever lay there.
        busiest_hour: The most batches that were made within an hour.
    """

    key_mark = ""

    def __init__(self, limits: Limits, seed: int = 0) -> None:
        self.limits, self._random = limits, random.Random(seed)
        self.now_s = 0.0
        self.dialect = OpenAIDialect()
        self.shards: dict[str, Shard] = {}
        self.refused: dict[str, int] = {"creations": 0, "storage": 0, "queue": 0}
        self.peak_bytes = self.busiest_hour = self.paid = self.calls = 0
        self._files: dict[str, int] = {}
        self._stored = 0
        self._made: deque[float] = deque()
        self._batches: dict[str, dict[str, Any]] = {}
        self._views: dict[str, BatchView] = {}
        self._ends: list[tuple[float, str]] = []
        self._queued = 0

    # Time

    def sleep(self, seconds: float) -> None:
        self.now_s += max(seconds, 0.0)

    def now(self) -> datetime:
        return _START + timedelta(seconds=self.now_s)

    def _call(self, size: int = 0) -> None:
        self.calls += 1
        self.now_s += _CALL_S + size / _BYTES_A_S
        while self._ends and self._ends[0][0] <= self.now_s:
            self._end(heapq.heappop(self._ends)[1])

    # Calls

    def upload(self, file: Path, filename: str) -> str:
        del filename
        shard = self.shards[file.name]
        self._call(shard.bytes)
        if self._stored + shard.bytes > self.limits.storage_bytes:
            self.refused["storage"] += 1
            raise ServiceError("upload-without-id")
        return self._add(f"file-{shard.name}-{self.calls}", shard.bytes)

    def create(self, submission: Submission) -> PaidOutcome:
        self._call()
        while self._made and self._made[0] <= self.now_s - 3_600:
            self._made.popleft()
        shard = self.shards[submission.file.name]
        if len(self._made) >= self.limits.creations_per_hour:
            self.refused["creations"] += 1
            return Refused(Notice("said", {"text": "too many batches"}), 429)
        if self._queued + shard.tokens > self.limits.queue_tokens:
            self.refused["queue"] += 1
            return Refused(Notice("said", {"text": "enqueued token limit"}), 400, refusal="queue-full")
        self._made.append(self.now_s)
        self.busiest_hour = max(self.busiest_hour, len(self._made))
        self.paid += 1
        self._queued += shard.tokens
        batch_id = f"batch_{self.paid}"
        self._batches[batch_id] = {
            "id": batch_id,
            "status": "in_progress",
            "input_file_id": submission.file_id,
            "created_at": self.now().timestamp(),
            "expires_at": (self.now() + timedelta(days=1)).timestamp(),
            "metadata": dict(submission.metadata),
            "request_counts": {"total": shard.requests, "completed": 0, "failed": 0},
            "shard": shard.name,
        }
        heapq.heappush(
            self._ends, (self.now_s + 3_600 * self._random.uniform(0.2, self.limits.longest_h), batch_id)
        )
        return CarriedOut(self._batches[batch_id])

    def view(self, answer: Mapping[str, object]) -> BatchView:
        return read_batch(answer)

    def status(self, batch_id: str) -> BatchView:
        self._call()
        return read_batch(self._batches[batch_id])

    def find(self, file_id: str, token: str, *, since: datetime) -> Sightings:
        raise AssertionError((file_id, token, since))

    def recent(self, since: datetime) -> Sequence[BatchView]:
        earliest = since.timestamp()
        found: list[BatchView] = []
        for batch_id, batch in self._batches.items():
            if batch["created_at"] >= earliest:
                if batch_id not in self._views:
                    self._views[batch_id] = read_batch(batch)
                found.append(self._views[batch_id])
        for _ in range(-(-len(found) // 100) or 1):
            self._call()
        return found

    def fetch(self, file_id: str, to: BinaryIO, max_bytes: int | None = None) -> int:
        del to, max_bytes
        size = self._files[file_id]
        self._call(size)
        return size

    def delete_file(self, file_id: str) -> None:
        self._call()
        self._stored -= self._files.pop(file_id, 0)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody asks a provider of sizes for {name}")

    def _add(self, file_id: str, size: int) -> str:
        self._files[file_id] = size
        self._stored += size
        self.peak_bytes = max(self.peak_bytes, self._stored)
        return file_id

    def _end(self, batch_id: str) -> None:
        batch = self._batches[batch_id]
        shard = self.shards[f"{batch['shard']}.jsonl"]
        failed = round(shard.requests * FAILED_SHARE) if shard.round == 1 else 0
        self._views.pop(batch_id, None)
        self._queued -= shard.tokens
        batch["status"] = "completed"
        batch["request_counts"] = {
            "total": shard.requests,
            "completed": shard.requests - failed,
            "failed": failed,
        }
        batch["output_file_id"] = self._add(f"out-{batch_id}", shard.requests * RESULT_BYTES)


@dataclass(frozen=True, slots=True)
class Told:
    """How a simulated run went."""

    rows: int
    batches: int
    days: float
    busiest_hour: int
    peak_bytes: int
    refused: Mapping[str, int]
    calls: int
    turns: int
    ledger_bytes: int
    trail_bytes: int
    wall_s: float
    cpu_s: float
    memory_mb: float
    answered: int


def simulate(
    folder: Path,
    batches: int,
    limits: Limits | None = None,
    *,
    rows: int = ROWS,
    frees_inputs: bool = True,
    queue_tokens: int | None = None,
) -> Told:
    """
    Drive a run of so many batches to its end.

    Raises:
        AssertionError: A promise was broken: a batch was paid for twice, or a row has no answer.
    """
    limits = limits or Limits()
    started, cpu = time.perf_counter(), time.process_time()
    fake = SizesProvider(limits)
    run = _make_run(folder, batches, rows, fake)
    turns = 0
    with ExitStack() as stack:
        stack.enter_context(_sizes_only(fake))
        ledger = stack.enter_context(run.ledger())

        def sleep(seconds: float) -> None:
            nonlocal turns
            turns += 1
            fake.sleep(seconds)

        clock = Clock(now=fake.now, monotonic=lambda: fake.now_s, sleep=sleep)
        plan = run.plan()
        driver = Driver(
            run,
            ledger,
            fake,
            url=plan.asking.endpoint,
            model="m",
            reader=AnswerReader(plan.question.codebook),
            limits=ShardLimits(rows, 1 << 40),
            price=Price(Decimal(1), Decimal(2), "a test", "2026-11-01"),
            reserve_usd=lambda shard: Decimal("0.00001") * shard.requests,
            policy=DrivePolicy(
                lost=LostAnswerPolicy(then="resubmit"),
                cap_usd=Decimal(10**6),
                first_rows=0,
                queue_tokens=queue_tokens or limits.queue_tokens,
                creations_per_hour=limits.creations_per_hour,
                storage_bytes=limits.storage_bytes,
                result_bytes=RESULT_BYTES,
                frees_inputs=frees_inputs,
            ),
            clock=clock,
        )
        report = driver.drive("finished")
        tally = ledger.tally()
        assert report.stopped_because is None, report.stopped_because
        assert fake.paid == tally.count(ShardState.DOWNLOADED) == report.progress.shards
        assert report.progress.answered == batches * rows
    return Told(
        rows=batches * rows,
        batches=fake.paid,
        days=fake.now_s / 86_400,
        busiest_hour=fake.busiest_hour,
        peak_bytes=fake.peak_bytes,
        refused=fake.refused,
        calls=fake.calls,
        turns=turns,
        ledger_bytes=run.ledger_path.stat().st_size,
        trail_bytes=sum(path.stat().st_size for path in run.path.glob("*.jsonl")),
        wall_s=time.perf_counter() - started,
        cpu_s=time.process_time() - cpu,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        answered=report.progress.answered,
    )


def _make_run(folder: Path, batches: int, rows: int, fake: SizesProvider) -> RunDirectory:
    """A run whose request files are known by their sizes alone."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "posts.csv"
    table.write_text("id,text\n1,a\n", encoding="utf-8")
    run = RunDirectory(folder / "run")
    book = codebook_document(codebook_from_labels("label", LABELS, "Which?"))
    question = Question(text="text", answer=book)
    asking = asking_of(question, Said(max_tokens=20), provider="openai", model="m")
    create(run, Plan(Source(table), question, asking, Output(folder / "out.csv")))
    shards = [
        new_shard(
            number=number,
            first_row=(number - 1) * rows + 1,
            last_row=number * rows,
            requests=rows,
            size_bytes=rows * INPUT_BYTES,
            sha256="0" * 64,
            token=new_token(name_of(1, number)),
            tokens=rows * TOKENS,
        )
        for number in range(1, batches + 1)
    ]
    fake.shards |= {f"{shard.name}.jsonl": shard for shard in shards}
    with run.create_ledger() as ledger:
        ledger.add_shards(shards, counts=TableCounts(batches * rows))
    return run


@contextmanager
def _sizes_only(fake: SizesProvider) -> Iterator[None]:
    """Everything that opens request or result files, in a form that knows their sizes only."""

    @contextmanager
    def wire_file(
        run: RunDirectory, client: Any, shard: Shard, *, marks_cache: bool = False
    ) -> Iterator[Path]:
        del client, marks_cache
        yield run.request_path(shard.name)

    def download(
        run: RunDirectory, ledger: Ledger, client: Any, shard: Shard, **options: Any
    ) -> tuple[Shard, int]:
        del run, options
        view = client.status(shard.batch_id)
        size = client.fetch(view.output_file_id, None)
        statuses = {"ok": view.completed, "error": view.failed}
        statuses = {name: count for name, count in statuses.items() if count}
        findings = Findings(shard.requests, shard.requests, statuses=statuses, told=statuses)
        done = ledger.move(
            shard,
            ShardState.DOWNLOADED,
            event="downloaded",
            findings=findings.to_json(),
            spent_usd="0.25",
            output_name=f"{shard.name}-output.jsonl",
            output_sha256="0" * 64,
        )
        return done, size

    def next_round(run: RunDirectory, ledger: Ledger, *options: Any, **more: Any) -> NextRound:
        del run, options, more
        last = ledger.tally().last_round()
        rows = sum(one.failed for one in ledger.standing() if one.round == last) if last == 1 else 0
        if not rows:
            ledger.note_last_round(last, asks_invalid=False)
            return NextRound(last + 1, 0, 0)
        full = ledger.shard(1, 1).requests
        seed, made = ledger.first_token(), []
        for number in range(1, -(-rows // full) + 1):
            requests, name = min(full, rows - (number - 1) * full), name_of(2, number)
            made.append(
                new_shard(
                    round_=2,
                    number=number,
                    first_row=number,
                    last_row=number + requests - 1,
                    requests=requests,
                    size_bytes=requests * INPUT_BYTES,
                    sha256="1" * 64,
                    token=derived_token(seed, name, "1" * 64),
                    tokens=requests * TOKENS,
                )
            )
        fake.shards |= {f"{shard.name}.jsonl": shard for shard in made}
        ledger.add_shards(made, event="round")
        return NextRound(2, rows, len(made))

    with (
        mock.patch.object(submit_module, "wire_file", wire_file),
        mock.patch.object(drive_module, "download_shard", download),
        mock.patch.object(drive_module, "plan_next_round", next_round),
    ):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=20_000)
    parser.add_argument("--queue-tokens", type=int, default=Limits().queue_tokens)
    parser.add_argument("--keep", action="store_true", help="request files stay until the end")
    parser.add_argument("--folder", type=Path, help="where the ledger lies; a disk in memory is quicker")
    options = parser.parse_args()
    limits = Limits(queue_tokens=options.queue_tokens)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        told = simulate(Path(folder), options.batches, limits, frees_inputs=not options.keep)
    for name, value in (
        ("rows", f"{told.rows:,}"),
        ("batches", f"{told.batches:,}"),
        ("days", f"{told.days:.2f}"),
        ("most batches made in an hour", f"{told.busiest_hour:,}"),
        ("most that lay at the provider", f"{told.peak_bytes / 1e12:.2f} TB"),
        ("refused for a limit", ", ".join(f"{name}: {count}" for name, count in told.refused.items())),
        ("calls", f"{told.calls:,}"),
        ("turns of the driver", f"{told.turns:,}"),
        ("ledger", f"{told.ledger_bytes / 1e6:.1f} MB"),
        ("trail", f"{told.trail_bytes / 1e6:.1f} MB"),
        ("memory", f"{told.memory_mb:.0f} MB"),
        ("wall", f"{told.wall_s:.1f} s"),
        ("CPU", f"{told.cpu_s:.1f} s"),
    ):
        sys.stdout.write(f"{name:<32}{value}\n")


if __name__ == "__main__":
    main()
