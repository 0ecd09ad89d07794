"""A run whose ledger is lost, damaged or not its own: nothing is sent, and it is recovered unpaid."""

import shutil
import sqlite3
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from unittest import mock

import pytest
import stamina

from driving import POLICY, PRICE, build_run, client_of, drive, finish, judge, judge_moves, make_run, rows_of
from fake_providers import FakeProvider, Faults, Reply
from rowbatch.core.answer import AnswerReader
from rowbatch.core.states import ShardState
from rowbatch.errors import NeedsDecision, RunError, StorageError
from rowbatch.steps.build import build
from rowbatch.steps.built import is_built
from rowbatch.steps.clean import clean
from rowbatch.steps.collect import collect
from rowbatch.steps.drive import Goal
from rowbatch.steps.recover import recover
from rowbatch.store import trail as trail_module
from rowbatch.store.ledger import Ledger
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.trail import TRAIL_NAME
from simulation import Crash

PROVIDERS = ["openai", "anthropic", "gemini", "mistral"]
ROWS = 9


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


def delete(run: RunDirectory) -> None:
    run.ledger_path.unlink()


def truncate(run: RunDirectory) -> None:
    run.ledger_path.write_bytes(b"")


def empty(run: RunDirectory) -> None:
    run.ledger_path.unlink()
    with sqlite3.connect(run.ledger_path) as db:
        db.execute("VACUUM")
    db.close()


def renew(run: RunDirectory) -> None:
    """As an interrupted build leaves it."""
    run.ledger_path.unlink()
    trail = run.path / TRAIL_NAME
    hidden = trail.rename(run.path / "hidden")
    run.create_ledger().close()
    hidden.rename(trail)


def garble(run: RunDirectory) -> None:
    run.ledger_path.write_bytes(b"no ledger" * 500)


LOSSES = [delete, truncate, empty, renew, garble]


def drive_to(run, fake, goal, provider="openai"):
    """Drive it as far as that, verb by verb."""
    for step in get_args(Goal):
        drive(run, fake, provider=provider, goal=step)
        if step == goal:
            break


def recovered(run, fake, provider="openai", **options):
    """Recover it; nothing is paid by that."""
    paid = len(fake.batches)
    with client_of(fake, provider) as client:
        report = recover(
            run, client, reader=AnswerReader(run.plan().question.codebook), price=PRICE, **options
        )
    assert len(fake.batches) == paid
    return report


def without_trail(run: RunDirectory) -> None:
    (run.path / TRAIL_NAME).unlink()


@pytest.mark.parametrize("goal", ["submitted", "over", "downloaded", "finished"])
@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("with_trail", [True, False])
def test_a_run_without_its_ledger_is_never_built_anew(tmp_path, lose, goal, with_trail):
    """
    A ledger that is gone, empty or none stops every verb with a sentence, however far the run was and
    whether or not batches.jsonl is there; once, its shards were built and paid for a second time.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    drive_to(run, fake, goal)
    paid = len(fake.batches)
    lose(run)
    if not with_trail:
        without_trail(run)
    if lose is renew and not with_trail and goal in ("submitted", "over"):
        pytest.skip("an empty ledger of this very run is what an interrupted build leaves")
    for verb in (is_built, build, collect, lambda one: one.ledger(), lambda one: drive(one, fake)):
        with pytest.raises((RunError, StorageError)) as caught:
            verb(run)
        assert caught.value.kind in ("ledger-lost", "ledger-damaged", "ledger-incomplete", "ledger-outdated")
        assert "rowbatch recover" in caught.value.hint
    assert len(fake.batches) == paid


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("goal", ["submitted", "over", "downloaded", "finished"])
def test_a_lost_ledger_is_made_anew_and_nothing_is_paid_twice(tmp_path, provider, goal):
    """
    Whatever was reached, the recovered run ends with the table of one that lost nothing, each shard paid
    once.
    """
    run = make_run(tmp_path / "reference", rows=ROWS, provider=provider)
    expected = finish(run, FakeProvider(provider), provider=provider).path.read_bytes()
    run, fake = make_run(tmp_path / "lost", rows=ROWS, provider=provider), FakeProvider(provider)
    drive_to(run, fake, goal, provider)
    with run.ledger() as ledger:
        before = [(shard.name, shard.batch_id, shard.token) for shard in ledger.shards()]
    delete(run)
    report = recovered(run, fake, provider)
    assert report.shards == len(before)
    assert (report.unknown, report.unsent) == (0, 0)
    with run.ledger() as ledger:
        assert [(shard.name, shard.batch_id, shard.token) for shard in ledger.shards()] == before
    done = finish(run, fake, provider=provider)
    assert done.path.read_bytes() == expected
    judge(run, fake, rows_of(done.path))


def test_a_lost_answer_stays_one(tmp_path):
    """
    An intent without an outcome is looked for, as by the ledger that was lost; it is not sent by itself.
    """
    run, fake = make_run(tmp_path, rows=3), FakeProvider("openai", Faults(lose_create=1.0))
    fake.step = _crash_at("after POST /v1/batches")
    with pytest.raises(Crash):
        drive(run, fake)
    fake.step, fake.faults = lambda _: None, Faults()
    delete(run)
    assert recovered(run, fake).unknown == 1
    report = finish(run, fake)
    judge(run, fake, rows_of(report.path))
    assert len(fake.batches) == 1


def _crash_at(word):
    def step(name):
        if word in name:
            raise Crash(name)

    return step


def test_rounds_and_cuts_are_recovered(tmp_path):
    """
    Shards of a second round, and those that stand in the place of one that was too large, come back as they
    were.
    """
    run, fake = (
        make_run(tmp_path, rows=ROWS),
        FakeProvider("openai", Faults(rows_missing=0.4, queue_tokens=300), 5),
    )
    drive(run, fake)
    with run.ledger() as ledger:
        before = [(shard.name, shard.state, shard.requests, shard.spent_usd) for shard in ledger.shards()]
    assert max(name for name, *_ in before) >= "r2"
    delete(run)
    recovered(run, fake)
    with run.ledger() as ledger:
        assert [
            (shard.name, shard.state, shard.requests, shard.spent_usd) for shard in ledger.shards()
        ] == before
    judge(run, fake, rows_of(finish(run, fake).path))


@pytest.mark.parametrize("provider", ["openai", "gemini", "mistral"])
@pytest.mark.parametrize("goal", ["submitted", "downloaded"])
def test_without_a_trail_the_providers_list_is_asked(tmp_path, provider, goal):
    """
    A run of an older version has no batches.jsonl: a batch is its own when its file has the very bytes of a
    shard.
    """
    run, fake = make_run(tmp_path, rows=ROWS, provider=provider), FakeProvider(provider)
    # Its list is looked at from the day on which the run was made.
    fake.now = datetime.now(UTC)
    drive_to(run, fake, goal, provider)
    delete(run)
    without_trail(run)
    assert recovered(run, fake, provider).unsent == 0
    report = finish(run, fake, provider=provider)
    judge(run, fake, rows_of(report.path))
    assert {row["status"] for row in rows_of(report.path)} == {"ok", "skipped"}


def test_what_nobody_can_tell_is_for_a_person(tmp_path):
    """
    Where neither a file nor the list tells of a shard, nothing is changed, and a person who has looked may
    say that it was never sent; then it is.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    delete(run)
    without_trail(run)
    with pytest.raises(NeedsDecision) as caught:
        recovered(run, fake)
    assert caught.value.kind == "recovery-undecided"
    assert "r1-0001" in caught.value.message
    with pytest.raises(RunError, match="ledger is gone"):
        drive(run, fake)
    assert recovered(run, fake, never_sent=True).unsent == 2
    judge(run, fake, rows_of(finish(run, fake).path))


def test_an_anthropic_batch_without_a_trail_is_not_guessed(tmp_path):
    """
    Anthropic lists no token and no file: without batches.jsonl nobody can tell, and nothing is sent.
    """
    run, fake = make_run(tmp_path, rows=ROWS, provider="anthropic"), FakeProvider("anthropic")
    drive(run, fake, provider="anthropic", goal="submitted")
    delete(run)
    without_trail(run)
    with pytest.raises(NeedsDecision):
        recovered(run, fake, "anthropic")


def test_another_runs_batches_are_not_adopted(tmp_path):
    """
    Two runs of one name have shards and tokens of one form: without a trail the bytes of the request file
    decide.
    """
    fake = FakeProvider()
    other = make_run(tmp_path / "a", rows=ROWS + 1)
    drive(other, fake, goal="submitted")
    run = make_run(tmp_path / "b", rows=3)
    delete(run)
    without_trail(run)
    with pytest.raises(NeedsDecision):
        recovered(run, fake)


def test_an_older_copy_of_the_ledger_is_refused(tmp_path):
    """
    A ledger that was brought back from before the paid calls would pay again; what batches.jsonl tells gives
    it away.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    copy = shutil.copy(run.ledger_path, tmp_path / "copy.sqlite")
    drive(run, fake, goal="submitted")
    paid = len(fake.batches)
    shutil.copy(copy, run.ledger_path)
    for verb in (is_built, collect, lambda one: drive(one, fake)):
        with pytest.raises(RunError) as caught:
            verb(run)
        assert caught.value.kind == "ledger-outdated"
    recovered(run, fake)
    judge(run, fake, rows_of(finish(run, fake).path))
    assert len(fake.batches) == paid


def test_the_ledger_of_another_run_is_refused(tmp_path):
    """
    A ledger knows which run it is of: one that was copied over says nothing about this run.
    """
    run, other = make_run(tmp_path / "a", rows=ROWS), make_run(tmp_path / "b", rows=ROWS)
    fake = FakeProvider()
    drive(run, fake, goal="submitted")
    shutil.copy(other.ledger_path, run.ledger_path)
    with pytest.raises(RunError) as caught:
        drive(run, fake)
    assert caught.value.kind == "ledger-of-another-run"
    shutil.copy(other.path / TRAIL_NAME, run.path / TRAIL_NAME)
    with pytest.raises(RunError) as caught:
        recovered(run, fake)
    assert caught.value.kind == "trail-of-another-run"


def test_a_ledger_that_is_whole_is_left_alone(tmp_path):
    """
    There is nothing to recover of a run that has its ledger, or was never built.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    for _ in range(2):
        before = run.ledger_path.read_bytes()
        with pytest.raises(RunError) as caught:
            recovered(run, fake)
        assert caught.value.kind == "nothing-to-recover"
        drive(run, fake)
    assert before != b""


def test_a_run_of_an_older_version_gets_its_trail(tmp_path):
    """
    Where batches.jsonl is not there, the next one that writes makes it of the ledger; and then it can be
    recovered.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    drive(run, fake, goal="submitted")
    without_trail(run)
    drive(run, fake, goal="over")
    delete(run)
    assert recovered(run, fake).unknown == 0
    judge(run, fake, rows_of(finish(run, fake).path))


def test_a_line_that_cannot_be_read_is_doubted(tmp_path):
    """
    A changed byte in batches.jsonl may have hidden an intent: what looks unsent then is looked for, and not
    sent.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    drive(run, fake, goal="submitted")
    path = run.path / TRAIL_NAME
    lines = path.read_bytes().split(b"\n")
    kept = [line for line in lines if b'"kind":"built"' in line or b'"kind":"uploaded"' in line]
    assert len(kept) < len(lines) - 1
    changed = [line.replace(b"in", b"im") if line not in kept else line for line in lines]
    path.write_bytes(b"\n".join(changed))
    delete(run)
    report = recovered(run, fake)
    assert (report.damaged_lines > 0, report.unknown, report.unsent) == (True, 2, 0)
    judge(run, fake, rows_of(finish(run, fake).path))


def test_a_last_line_that_was_cut_off_is_nothing(tmp_path):
    """
    A crash may leave half a line: it is no damage, and the next line begins on a line of its own.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    path = run.path / TRAIL_NAME
    path.write_bytes(path.read_bytes()[:-20])
    assert run.trail().read().damaged == 0
    drive(run, fake, goal="submitted")
    steps = run.trail().read()
    assert steps.damaged == 1
    assert {shard["state"] for shard in steps.shards} == {"submitted"}
    judge(run, fake, rows_of(finish(run, fake).path))


def test_the_intent_is_on_the_disk_before_the_paid_call(tmp_path):
    """
    When the provider is asked to make a batch, batches.jsonl tells of it; and it holds no key.
    """
    run, fake, told = make_run(tmp_path, rows=3), FakeProvider(), []

    def step(name):
        if name == "before POST /v1/batches":
            told.append({shard["state"] for shard in run.trail().read().shards})

    fake.step = step
    drive(run, fake, goal="submitted")
    assert told[0] == {"submitting"}
    (last,) = run.trail().read().shards
    assert (last["batch_id"], last["state"]) == (fake.batches[0].id, "submitted")
    line = (run.path / TRAIL_NAME).read_text().splitlines()[-1]
    assert '"provider":"openai","host":"api.openai.com"' in line


def test_a_disk_that_refuses_the_line_of_an_intent_pays_nothing(tmp_path):
    """
    Without its line nothing is sent, and nobody has to look for it afterwards.
    """
    run, fake = make_run(tmp_path, rows=3), FakeProvider()
    real = trail_module.Trail.append

    def append(self, steps):
        steps = list(steps)
        if any(step.event.kind == "intent" for step in steps):
            raise StorageError("disk-full", path=str(self.path))
        real(self, steps)

    with mock.patch.object(trail_module.Trail, "append", append), pytest.raises(StorageError):
        drive(run, fake)
    assert fake.batches == []
    with run.ledger() as ledger:
        assert [shard.state for shard in ledger.shards()] == [ShardState.UPLOADED]
    judge(run, fake, rows_of(finish(run, fake).path))


class StoppedAt:
    """`Path.replace` that stops the program before or after its n-th time."""

    def __init__(self, at: int) -> None:
        self.at, self.passed = at, 0
        self.real = Path.replace

    def __call__(self, path: Path, target: Path) -> Path:
        self._pass()
        done = self.real(path, target)
        self._pass()
        return done

    def _pass(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise Crash


def test_a_crash_in_the_recovery_is_made_up_for(tmp_path):
    """
    Wherever it is stopped, the same again makes the ledger.
    """
    at, crashed = 0, True
    while crashed:
        at += 1
        run, fake = make_run(tmp_path / str(at), rows=ROWS), FakeProvider()
        drive(run, fake, goal="submitted")
        garble(run)
        stop = StoppedAt(at)
        try:
            with mock.patch.object(Path, "replace", lambda path, target, stop=stop: stop(path, target)):
                recovered(run, fake)
            crashed = False
        except Crash:
            # After the last rename there is nothing to do any more.
            with suppress(RunError):
                recovered(run, fake)
        judge(run, fake, rows_of(finish(run, fake).path))
    assert at > 4


def test_an_interrupted_build_goes_on(tmp_path):
    """
    The ledger is there before the first request file: a build that was stopped is told from a run that lost
    it.
    """
    with mock.patch("driving.build_run"):
        run = make_run(tmp_path, rows=ROWS)
    with mock.patch.object(Ledger, "add_shards", side_effect=Crash), pytest.raises(Crash):
        build_run(run, "openai", 4)
    assert any(run.requests.glob("*.jsonl"))
    assert not is_built(run)
    build_run(run, "openai", 4)
    judge(run, fake := FakeProvider(), rows_of(finish(run, fake, policy=POLICY).path))


def _reset_to(run: RunDirectory, copy: Path) -> None:
    """Bring back a copy of the whole run directory."""
    shutil.rmtree(run.path)
    shutil.copytree(copy, run.path)


@pytest.mark.parametrize("provider", ["openai", "gemini", "mistral"])
@pytest.mark.parametrize("copied_at", ["built", "uploaded"])
@pytest.mark.parametrize("goal", ["submitted", "finished"])
def test_an_older_copy_of_the_whole_run_pays_nothing_again(tmp_path, provider, copied_at, goal):
    """
    A run directory from a backup, ledger and trail alike, does not know of its batches: the provider's list
    is looked at before the first paid call, and they are adopted.
    """
    run, fake = make_run(tmp_path, rows=ROWS, provider=provider), FakeProvider(provider)
    fake.now = datetime.now(UTC)
    if copied_at == "uploaded":
        (create,) = {"openai": ["/batches"], "gemini": [":batchGenerate"], "mistral": ["/batch/jobs"]}[
            provider
        ]
        fake.step = lambda name: _crash_at(create)(name) if name.startswith("before POST") else None
        with pytest.raises(Crash):
            drive(run, fake, provider=provider, goal="submitted")
        fake.step = lambda _: None
    copy = shutil.copytree(run.path, tmp_path / "copy")
    drive_to(run, fake, goal, provider)
    paid = len(fake.batches)
    _reset_to(run, copy)
    said: list[str] = []
    report = finish(run, fake, provider=provider, said=said)
    assert len(fake.batches) == paid
    judge(run, fake, rows_of(report.path))
    assert any("older copy" in line for line in said) or copied_at == "uploaded"


@pytest.mark.parametrize(
    ("faults", "at"),
    [
        pytest.param(Faults(queue_tokens=300), 5, id="cut"),
        pytest.param(Faults(rows_missing=0.4), 5, id="rounds"),
        pytest.param(Faults(lose_files=0.6), 3, id="attempts"),
    ],
)
def test_an_older_copy_makes_the_same_of_it(tmp_path, faults, at):
    """
    Rounds and cuts that a copy makes once more have the tokens that they had, and later attempts those of
    their shard: what the provider has of them is adopted, and nothing is sent.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider("openai", faults, at)
    fake.now = datetime.now(UTC)
    copy = shutil.copytree(run.path, tmp_path / "copy")
    drive(run, fake)
    with run.ledger() as ledger:
        before = {shard.token: shard.attempt for shard in ledger.shards()}
    paid = len(fake.batches)
    assert paid > 2
    fake.faults = Faults()
    _reset_to(run, copy)
    drive(run, fake)
    with run.ledger() as ledger:
        after = {shard.token: shard.attempt for shard in ledger.shards()}
    assert (len(fake.batches), set(after)) == (paid, set(before))
    assert all(count == 1 for count in fake.paid_rows.values())
    judge_moves(run)


def test_a_trail_that_was_cut_pays_nothing_again(tmp_path):
    """
    The ledger is gone, and the trail is an older copy of itself: what it takes for unsent is looked for.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    fake.now = datetime.now(UTC)
    trail = (run.path / TRAIL_NAME).read_bytes()
    drive(run, fake, goal="submitted")
    paid = len(fake.batches)
    delete(run)
    (run.path / TRAIL_NAME).write_bytes(trail)
    recovered(run, fake)
    judge(run, fake, rows_of(finish(run, fake).path))
    assert len(fake.batches) == paid


def test_a_service_without_a_list_still_takes_batches(tmp_path):
    """
    Where the list is not there, nothing is known of earlier batches, and the run goes on as it is.
    """
    run, fake = make_run(tmp_path, rows=3), FakeProvider()
    real = fake.handle

    def without_list(method, url, headers, body):
        if method == "GET" and url.partition("?")[0].endswith("/batches"):
            return Reply(404, b'{"error":{"message":"no such path","type":"invalid_request_error"}}')
        return real(method, url, headers, body)

    with mock.patch.object(fake, "handle", without_list):
        judge(run, fake, rows_of(finish(run, fake).path))
    assert len(fake.batches) == 1


@pytest.mark.parametrize("provider", ["openai", "gemini", "mistral"])
def test_a_run_that_was_renamed_finds_its_batches(tmp_path, provider):
    """
    Batches tell the name that the run had: without a trail they are found by their bytes all the same.
    """
    run, fake = make_run(tmp_path, rows=ROWS, provider=provider), FakeProvider(provider)
    fake.now = datetime.now(UTC)
    drive(run, fake, provider=provider, goal="submitted")
    delete(run)
    without_trail(run)
    moved = RunDirectory(run.path.rename(tmp_path / "another-name"))
    assert recovered(moved, fake, provider).submitted == 2
    judge(moved, fake, rows_of(finish(moved, fake, provider=provider).path))


def test_a_recovered_run_stays_cancelled(tmp_path):
    """
    That a person wants a run to stop is in the trail too: `submit` sends nothing of it after a recovery.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    with run.ledger() as ledger:
        ledger.set_cancelled(True)
    delete(run)
    recovered(run, fake)
    drive(run, fake, goal="submitted")
    assert fake.batches == []


def test_cleaning_after_a_recovery_leaves_nothing_at_the_provider(tmp_path):
    """
    Recovered while the provider was out of reach, the ids of result files are not known: cleaning asks.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider()
    drive(run, fake)
    delete(run)
    with mock.patch.object(fake, "handle", return_value=Reply(503, b"{}")):
        recovered(run, fake)
    collect(run)
    with client_of(fake) as client, run.ledger() as ledger:
        ledger.take_over()
        assert clean(ledger, client).kept_shards == 0
    assert fake.files == {}


def test_cleaning_does_not_claim_what_it_cannot_know(tmp_path):
    """
    A shard that was recovered from its results alone has no batch that is known: its files at the provider
    stay, and that is said.
    """
    run, fake = make_run(tmp_path, rows=ROWS), FakeProvider("openai")
    drive(run, fake)
    delete(run)
    without_trail(run)
    with mock.patch.object(fake, "batches", []):
        assert recovered(run, fake).downloaded == 2
    collect(run)
    with client_of(fake) as client, run.ledger() as ledger:
        ledger.take_over()
        assert clean(ledger, client).kept_shards == 2
        assert all(shard.cleaned_at is None for shard in ledger.shards())


@pytest.mark.parametrize(
    "line",
    [
        '{"event":[1],"of":"x"',
        '{"event":{"id":1},"of":"x"',
        '{"event":{"id":"1","at":"","kind":"","round":1,"shard":1},"of":"x"',
        '{"event":{"id":1,"at":"","kind":"","round":1,"shard":1},"of":"x","shard":{}',
        '{"event":{"id":1,"at":"","kind":"","round":1,"shard":1},"of":"x","shard":[1]',
        '{"event":{"id":1,"at":"","kind":"","round":1,"shard":1},"of":"x","run":7',
        "[1",
        "null",
    ],
)
def test_a_line_that_nobody_writes_is_damage(tmp_path, line):
    """
    A line whose sum is right and that is none of ours counts as one that cannot be read.
    """
    run, fake = make_run(tmp_path, rows=3), FakeProvider()
    whole = f'{line},"sum":"{zlib.crc32(line.encode()):08x}"}}\n'
    with (run.path / TRAIL_NAME).open("ab") as file:
        file.write(whole.encode())
    assert run.trail().read().damaged == 1
    judge(run, fake, rows_of(finish(run, fake).path))
    delete(run)
    recovered(run, fake)
