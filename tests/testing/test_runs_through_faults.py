"""Runs of our own through everything that can go wrong: each row leaves once, and nothing is paid twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import stamina

import rowbatch
from driving import LABELS, POLICY, PRICE, judge_moves, make_run, right_label, rows_of, texts
from rowbatch.core.answer import AnswerReader
from rowbatch.core.shard import ShardLimits
from rowbatch.errors import NeedsDecision, ServiceError
from rowbatch.http import HttpClient, Key
from rowbatch.providers.catalog import find_provider
from rowbatch.providers.clients import client_for, headers_of
from rowbatch.server.echo import text_of
from rowbatch.server.faults.catalogue import KINDS
from rowbatch.steps.clock import Clock
from rowbatch.steps.collect import collect
from rowbatch.steps.direct import DirectClient
from rowbatch.steps.drive import DrivePolicy, Driver
from rowbatch.steps.submit import LostAnswerPolicy
from rowbatch.store.rundir import RunDirectory
from rowbatch.testing import BatchServer, batch_server, fault_names
from rowbatch.words.notice import Notice

ASKS = DrivePolicy(lost=LostAnswerPolicy(wait_s=0.3, then="ask", look_every_s=0.1), poll_every_s=1.0)
"""What a person gets who says nothing about lost answers."""
STATUSES = {
    "refusal": "refused",
    "length-stop": "truncated",
    "row-refused": "error",
    **dict.fromkeys(("empty-content", "prose", "nul", "bad-utf8", "lone-surrogate", "deep-json"), "invalid"),
}
"""Of rows that do not end as `ok`: what they were answered is kept, and said."""
PAID_AGAIN = {"row-missing", "row-fails", "row-cut", "id-changed", "expires", "file-cut"}
"""Where the provider's own files say that rows have no answer."""


@pytest.fixture(scope="module")
def server() -> Iterator[BatchServer]:
    def answer(body: object) -> str:
        assert isinstance(body, dict)
        return f'{{"label": "{right_label(text_of(body))}"}}'

    with stamina.set_testing(True, attempts=6), batch_server(answer=answer) as found:
        yield found


class QuickClock:
    """Hours pass while nobody waits: a pause of a second is one of some milliseconds."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()

    def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)
        # The server works meanwhile; the run looks again for as long as it is not done.
        time.sleep(0.002)


def drive(
    run: RunDirectory, server: BatchServer, policy: DrivePolicy, said: Callable[[Notice], None]
) -> None:
    """Drive a run to its end, at a server of this computer."""
    quick = QuickClock()
    clock = Clock(now=quick.now, monotonic=quick.monotonic, sleep=quick.sleep)
    provider = find_provider("openai")
    with (
        HttpClient(server.base_url, Key(server.key), headers=headers_of(provider)) as http,
        DirectClient(client_for(provider, http), run.direct, is_asking=True, clock=clock) as direct,
        run.ledger() as ledger,
    ):
        plan = run.plan()
        Driver(
            run,
            ledger,
            client_for(provider, http),
            url=plan.asking.endpoint,
            model="m",
            reader=AnswerReader(plan.question.codebook),
            limits=ShardLimits(100, 1_000_000),
            price=PRICE,
            reserve_usd=lambda shard: Decimal("0.01") * shard.requests,
            policy=policy,
            direct=direct,
            direct_price=PRICE,
            clock=clock,
        ).drive("finished")


class Labelled:
    """A table that was labelled at a server that goes wrong, and what that cost."""

    def __init__(
        self,
        server: BatchServer,
        folder: Path,
        faults: str | list[str],
        *,
        rows: int,
        shard_rows: int,
        policy: DrivePolicy = POLICY,
    ) -> None:
        self.run = make_run(folder, rows=rows, shard_rows=shard_rows)
        before = server.asked
        seen = len(server.happened)
        server.misbehave(faults)
        self.stops: list[str] = []
        while True:
            try:
                drive(self.run, server, policy, lambda _: None)
            except (NeedsDecision, ServiceError) as error:
                # The same command is given again; what cannot go on then is left.
                self.stops.append(error.kind)
                if len(self.stops) < 4:
                    continue
            break
        collect(self.run)
        self.rows = rows_of(folder / "out.csv")
        self.paid = server.asked - before
        self.happened = server.happened[seen:]
        self.made = server.batches_made
        assert [row["id"] for row in self.rows] == [str(number) for number in range(1, rows + 1)]
        assert [row["text"] for row in self.rows] == texts(rows)
        assert all(
            row["label"] == right_label(row["text"]) for row in self.rows if row["status"] == "ok"
        ) or any(one.fault == "answers-swapped" for one in self.happened)
        judge_moves(self.run)

    @property
    def sent(self) -> list[dict[str, str]]:
        """The rows that have something to ask, in order: the n-th of a batch is the n-th here."""
        return [row for row in self.rows if row["status"] != "skipped"]

    def times_paid(self, row: dict[str, str]) -> int:
        """How often a row was answered."""
        return self.paid[row["text"]]


def alone(*, scope: str) -> list[str]:
    return [name for name, kind in KINDS.items() if kind.scope == scope]


def test_rows_and_answers(server, tmp_path):
    """
    Each kind befalls a row of one batch: what can be repaired is asked again, once; the rest says what it is.
    """
    kinds = [*alone(scope="row"), *alone(scope="answer")]
    # One row that fails for want of money stops everything: see below. Swapped answers take two.
    kinds = [name for name in kinds if name != "out-of-money"]
    kinds.sort(key=lambda name: name == "answers-swapped")
    faults = "".join(
        f'[[fault]]\nkind = "{name}"\nnth = {number}\nbatches = 1\n' for number, name in enumerate(kinds, 1)
    )
    done = Labelled(server, tmp_path / "x", faults, rows=30, shard_rows=30)
    assert {one.fault for one in done.happened} == set(kinds)
    told = {name: row["status"] for name, row in zip(kinds, done.sent, strict=False)}
    assert told == {name: STATUSES.get(name, "ok") for name in kinds}
    paid = {name: done.times_paid(row) for name, row in zip(kinds, done.sent, strict=False)}
    assert paid == {name: 2 if name in PAID_AGAIN else 1 for name in kinds}


def test_files(server, tmp_path):
    """
    Each kind befalls the output of one batch: a file that is whole is read, whatever its lines look like.
    """
    kinds = alone(scope="file")
    faults = "".join(
        f'[[fault]]\nkind = "{name}"\nbatches = {number}\n' for number, name in enumerate(kinds, 1)
    )
    done = Labelled(server, tmp_path / "x", faults, rows=14, shard_rows=2)
    assert {one.fault for one in done.happened} == set(kinds)
    assert {row["status"] for row in done.sent} == {"ok"}
    assert Counter(map(done.times_paid, done.sent)) == {1: 11, 2: 1}


def test_batches(server, tmp_path):
    """
    Each kind befalls one batch of a run, and no row is paid twice but those that expired.
    """
    kinds = [name for name in alone(scope="batch") if name not in ("not-listed", "cancel-too-late")]
    faults = "".join(f'[[fault]]\nkind = "{name}"\nnth = {number}\n' for number, name in enumerate(kinds, 1))
    done = Labelled(server, tmp_path / "x", faults, rows=24, shard_rows=2)
    assert {one.fault for one in done.happened} >= set(kinds) - {"list-lags"}
    assert {row["status"] for row in done.sent} == {"ok"}
    assert Counter(map(done.times_paid, done.sent))[2] <= 1


def test_calls(server, tmp_path):
    """
    Calls are refused, lost, cut and slow, and the run goes on; each batch is made once.
    """
    faults = """
    [[fault]]
    kind = "lost-answer"
    nth = 1
    [[fault]]
    kind = "gateway-page"
    nth = [2, 4]
    [[fault]]
    kind = "gateway-page"
    nth = 5
    status = 200
    [[fault]]
    kind = "server-error"
    on = "create-batch"
    carried_out = true
    nth = 6
    [[fault]]
    kind = "too-many-requests"
    on = ["create-batch", "upload"]
    nth = 3
    seconds = 0
    [[fault]]
    kind = "lost-answer"
    on = ["upload", "list-batches", "get-batch"]
    nth = [2, 5]
    [[fault]]
    kind = "reset"
    nth = [1, 7]
    on = ["upload", "list-batches", "get-batch", "content"]
    [[fault]]
    kind = "too-many-requests"
    wait = "nonsense"
    nth = 3
    [[fault]]
    kind = "too-many-requests"
    wait = "date"
    nth = 4
    [[fault]]
    kind = "short-answer"
    nth = 2
    [[fault]]
    kind = "short-answer"
    on = ["get-batch", "list-batches"]
    nth = 6
    [[fault]]
    kind = "cut-answer"
    nth = [3, 4]
    [[fault]]
    kind = "cut-answer"
    keep = 0
    nth = 5
    [[fault]]
    kind = "slow-bytes"
    nth = 6
    seconds = 0.05
    [[fault]]
    kind = "slow-answer"
    nth = 8
    seconds = 0.05
    [[fault]]
    kind = "list-lags"
    """
    done = Labelled(server, tmp_path / "x", faults, rows=14, shard_rows=2)
    assert {row["status"] for row in done.sent} == {"ok"}
    assert set(done.paid.values()) == {1}
    assert done.made == 6
    assert len({one.fault for one in done.happened}) == 10
    # A page that is no answer may be one to log in at, so it is said.
    assert set(done.stops) <= {"answer-no-json"}


@pytest.mark.parametrize(
    ("faults", "stops", "made", "statuses"),
    [
        pytest.param("key-refused", {"key-not-accepted-told"}, 2, {"ok"}, id="key"),
        pytest.param("out-of-money", set(), 2, {"ok", "error"}, id="money"),
        pytest.param(
            ["lost-answer", "not-listed"], {"lost-answer-told"}, 2, {"ok", "unsent"}, id="not-listed"
        ),
    ],
)
def test_what_needs_a_person(server, tmp_path, faults, stops, made, statuses):
    """
    Where only a person can say how to go on the run stops, and nothing is paid twice meanwhile.
    """
    done = Labelled(server, tmp_path / "x", faults, rows=6, shard_rows=3, policy=ASKS)
    assert (set(done.stops), done.made, {row["status"] for row in done.sent}) == (stops, made, statuses)
    assert set(done.paid.values()) <= {1}


@pytest.mark.parametrize("name", [name for name in fault_names() if name not in KINDS])
def test_bad_days(server, tmp_path, name):
    """
    On each bad day each row leaves once, and nothing is paid twice.
    """
    done = Labelled(server, tmp_path / "x", name, rows=12, shard_rows=6)
    assert done.happened
    assert not done.stops
    # What expired has no answer, and is all that is asked again.
    assert sum(count > 1 for count in done.paid.values()) == (3 if name == "long-day" else 0)
    assert len(done.sent) == sum(row["status"] in ("ok", *STATUSES.values()) for row in done.sent)


@pytest.mark.parametrize(
    ("faults", "stops"),
    [
        pytest.param("gone", ["results-gone"], id="file"),
        pytest.param('[[fault]]\nkind = "gone"\non = "get-batch"\nnth = [1, 3]', [], id="batch"),
        pytest.param(
            '[[fault]]\nkind = "gone"\non = ["get-batch", "list-batches"]\nnth = [1, 2]',
            [],
            id="batch and list",
        ),
    ],
)
def test_what_is_said_to_be_gone_and_is_not(server, tmp_path, faults, stops):
    """
    A 404 ends no row that was paid for: a batch is asked for again, and looked for in the list; of a file a
    person is told, and the same command again finds it.
    """
    done = Labelled(server, tmp_path / "x", faults, rows=12, shard_rows=6, policy=ASKS)
    assert {one.fault for one in done.happened} == {"gone"}
    assert done.stops == stops
    assert {row["status"] for row in done.sent} == {"ok"}
    assert (done.made, set(done.paid.values())) == (2, {1})


def test_a_cancel_that_comes_too_late(server, tmp_path, monkeypatch):
    """
    The batch is completed all the same, behind `cancelling`: every answer is kept, `resume` asks nothing.
    """
    monkeypatch.setenv("ROWBATCH_API_KEY", server.key)
    monkeypatch.chdir(tmp_path)
    asked = [f"text {number}" for number in range(1, 9)]
    (tmp_path / "t.csv").write_text("text\n" + "".join(f"{text}\n" for text in asked))
    made = rowbatch.create(
        "t.csv",
        text="text",
        labels=LABELS,
        prompt="Which?",
        provider="compatible",
        base_url=server.base_url,
        model="m",
        output="out.csv",
    )
    before, seen = server.asked, len(server.happened)
    server.misbehave('[[fault]]\nkind = "cancel-too-late"\n[[fault]]\nkind = "slow-batch"\nlooks = 4')
    made.submit()
    report = made.cancel(wait_s=None, poll_seconds=0.0)
    assert report is not None
    assert {one.fault for one in server.happened[seen:]} == {"cancel-too-late", "slow-batch"}
    rows = rows_of(tmp_path / "out.csv")
    assert [(row["text"], row["status"], row["label"]) for row in rows] == [
        (text, "ok", right_label(text)) for text in asked
    ]
    made.resume(poll_seconds=0.0)
    assert server.asked - before == Counter(asked)
    assert server.batches_made == 1
