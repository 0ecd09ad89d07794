"""A run of a small table against a fake provider, over the real HTTP client, in simulated time."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2

from fake_providers import FakeProvider
from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import Codebook, codebook_document, codebook_from_labels
from rowbatch.core.cost import Price
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.plan import Output, Plan, Question, Source
from rowbatch.core.shard import ShardLimits
from rowbatch.core.states import MOVES, ShardState
from rowbatch.http import HttpClient, Key
from rowbatch.providers.base import BatchClient
from rowbatch.providers.catalog import find_provider
from rowbatch.providers.clients import client_for, headers_of
from rowbatch.requests.asking import Said, asking_of
from rowbatch.steps import build as build_step
from rowbatch.steps.build import build
from rowbatch.steps.built import is_built
from rowbatch.steps.clock import Clock
from rowbatch.steps.collect import CollectReport, collect
from rowbatch.steps.create import create
from rowbatch.steps.direct import DirectClient
from rowbatch.steps.drive import DriveHooks, DrivePolicy, Driver, DriveReport, Goal
from rowbatch.steps.progress import Progress
from rowbatch.steps.submit import LostAnswerPolicy
from rowbatch.store.rundir import RunDirectory

KEY = "sk-canary-7f3a91c2d4e5b6a8"
LABELS = ["a", "b", "c"]
POLICY = DrivePolicy(lost=LostAnswerPolicy(wait_s=60.0, then="resubmit", look_every_s=5.0), poll_every_s=1.0)
PRICE = Price(Decimal(1), Decimal(2), "a test", "2026-11-01")


def texts(rows: int) -> list[str]:
    """Texts with everything that breaks careless programs; some are empty."""
    strange = ["one, and a half", "two\u2028lines", "", 'say "x"', "null\u0085next", "数据 😀", "a\nb"]
    return [strange[n % len(strange)] + ("" if n % len(strange) == 2 else f" {n}") for n in range(rows)]


def make_run(
    folder: Path,
    *,
    rows: int = 14,
    shard_rows: int = 4,
    provider: str = "openai",
    dedupe: bool = False,
    endpoint: Endpoint = Endpoint.CHAT,
    confidence: bool = False,
    samples: int = 1,
    output: str = "out.csv",
) -> RunDirectory:
    """A run that is built, of a table with so many rows."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "posts.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "text"], *([n, text] for n, text in enumerate(texts(rows), 1))])
    run = RunDirectory(folder / "run")
    is_embeddings = endpoint is Endpoint.EMBEDDINGS
    book = Codebook() if is_embeddings else codebook_from_labels("label", LABELS, "Which?")
    question = Question(text="text", answer=codebook_document(book))
    said = Said(max_tokens=None if is_embeddings else 20)
    asking = asking_of(
        question,
        said,
        provider=provider,
        model="m",
        endpoint=endpoint,
        dedupe=dedupe,
        confidence=confidence,
        samples=samples,
    )
    create(run, Plan(Source(table), question, asking, Output(folder / output)))
    build_run(run, provider, shard_rows)
    return run


def build_run(run: RunDirectory, provider: str, shard_rows: int) -> None:
    """Build it, with small shards."""
    small = dataclasses.replace(find_provider(provider), limits=ShardLimits(shard_rows, 100_000))
    with mock.patch.object(build_step, "find_provider", return_value=small):
        if not is_built(run):
            build(run)


@contextmanager
def client_of(fake: FakeProvider, provider: str = "openai", key: str = KEY) -> Iterator[BatchClient]:
    """The real client, whose HTTP requests the fake answers."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = fake.handle(request.method, str(request.url), headers, request.read())
        if reply.lost:
            raise httpx2.ReadError("the connection was reset")
        if reply.cut is not None:
            told = {**reply.headers, "content-length": str(len(reply.body))}
            return httpx2.Response(reply.status, content=reply.body[: reply.cut], headers=told)
        return httpx2.Response(reply.status, content=reply.body, headers=dict(reply.headers))

    chosen = find_provider(provider)
    with HttpClient(
        chosen.base_url,
        Key(key),
        key_header=chosen.key_header,
        key_prefix=chosen.key_prefix,
        headers=headers_of(chosen),
        transport=httpx2.MockTransport(handler),
        clock=lambda: fake.now + fake.our_clock_is_ahead,
    ) as http:
        yield client_for(chosen, http)


def drive(
    run: RunDirectory,
    fake: FakeProvider,
    *,
    provider: str = "openai",
    policy: DrivePolicy = POLICY,
    goal: Goal = "finished",
    key: str = KEY,
    said: list[str] | None = None,
    usd_a_row: str = "0.01",
    progress: Callable[[Progress], None] | None = None,
) -> DriveReport:
    """Drive it, in simulated time."""
    clock = Clock(now=lambda: fake.now + fake.our_clock_is_ahead, monotonic=fake.monotonic, sleep=fake.sleep)
    notify = (lambda notice: said.append(str(notice))) if said is not None else None
    with (
        client_of(fake, provider, key) as client,
        DirectClient(
            client, run.direct, is_asking=True, clock=clock, said=notify, start=lambda work: work()
        ) as direct,
        run.ledger() as ledger,
    ):
        plan = run.plan()
        driver = Driver(
            run,
            ledger,
            client,
            url=plan.asking.endpoint,
            model="m",
            reader=None
            if plan.asking.endpoint is Endpoint.EMBEDDINGS
            else AnswerReader(plan.question.codebook),
            limits=ShardLimits(4, 100_000),
            price=PRICE,
            reserve_usd=lambda shard: Decimal(usd_a_row) * shard.requests,
            policy=policy,
            direct=direct,
            direct_price=PRICE.times(Decimal(2)),
            clock=clock,
            hooks=DriveHooks(said=notify, progress=progress),
        )
        return driver.drive(goal)


def finish(run: RunDirectory, fake: FakeProvider, **options: Any) -> CollectReport:
    """Drive it to its end and write the table."""
    drive(run, fake, **options)
    return collect(run)


def rows_of(path: Path) -> list[dict[str, str]]:
    """The labelled table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def right_label(text: str) -> str:
    """What the fake answers for a text."""
    return LABELS[len(text) % len(LABELS)]


def unknown_label(rows: Iterable[int]) -> Callable[[str, bytes], bytes]:
    """Give some rows an answer that no codebook of these tests allows: for `FakeProvider.spoil`."""
    ids = {f"row-{row}" for row in rows}

    def spoil(custom_id: str, line: bytes) -> bytes:
        for label in LABELS if custom_id in ids else ():
            line = line.replace(f'\\"{label}\\"'.encode(), b'\\"zzz\\"')
        return line

    return spoil


def judge(run: RunDirectory, fake: FakeProvider, rows: Sequence[dict[str, str]]) -> None:
    """Every row once, in order, with its own answer; nothing was paid twice."""
    expected = texts(len(rows))
    assert [row["id"] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
    assert [row["text"] for row in rows] == expected
    for row, text in zip(rows, expected, strict=True):
        assert row["status"], row
        if row["status"] == "ok":
            assert row["label"] == right_label(text), row
        if not text.strip():
            assert row["status"] == "skipped"
    assert fake.double_submits() == {}
    assert all(count == 1 for count in fake.paid_rows.values()), fake.paid_rows
    assert all(count == 1 for count in fake.paid_texts.values()), fake.paid_texts
    judge_moves(run)
    for path in run.path.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def judge_moves(run: RunDirectory) -> None:
    """The events of each shard tell a way over allowed moves, from `written` to where it stands."""
    moves = {event for ways in MOVES.values() for event in ways.values()}
    with run.ledger() as ledger:
        shards, events = ledger.shards(), ledger.events()
    for shard in shards:
        told = [event for event in events if (event.round, event.shard) == (shard.round, shard.number)]
        states = {ShardState.WRITTEN}
        for event in told:
            if event.kind in moves:
                states = {to for state in states for to, way in MOVES[state].items() if way == event.kind}
            elif event.kind == "recovered":
                # What was seen then, of the files and at the provider.
                states = {ShardState(str(event.detail["state"]))}
        assert shard.state in states, (shard.name, shard.state, [event.kind for event in told])
