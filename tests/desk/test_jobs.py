"""Jobs: threads that drive runs, and what people see of them."""

import csv
import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from driving import KEY
from kill_runs import fake_server, judged
from rowbatch import api, desk
from rowbatch.errors import (
    InputError,
    LocalModelError,
    NeedsDecision,
    RowbatchError,
    RunError,
    ServiceError,
    StorageError,
    TableChanged,
    UsageError,
)
from rowbatch.store.ledger import Ledger
from rowbatch.words.notice import Notice
from serving import scripted_local_model

POSTS = [f"post {number}" for number in range(1, 13)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "post"], *enumerate(POSTS, start=1)])
    return tmp_path


def made(**options):
    return api.create("posts.csv", text="post", labels=["good", "bad"], prompt="How is it?", **options)


def is_running(jobs, name):
    progress = jobs.job(name).status.progress
    return progress is not None and progress.shards_running == 1


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_job_is_called_by_what_it_asks(folder):
    """
    By its question, or what is said before it; of several by the first, and the names of the others.
    """
    tone = {"name": "tone", "question": "Which tone\n has it?", "labels": [{"name": "a"}, {"name": "b"}]}
    bare = {"name": "words", "kind": "quote"}
    for book, told in (
        ({"variables": [tone], "instructions": "Read it."}, "Which tone has it?"),
        ({"variables": [bare], "instructions": "Read it."}, "Read it."),
        ({"variables": [bare]}, "words"),
        ({"variables": [tone, bare], "instructions": "Read it."}, "Which tone has it? · words"),
        ({"variables": [bare, tone], "instructions": "Read it."}, "words · tone"),
        ({"instructions": "Say it shorter."}, "Say it shorter."),
    ):
        run = api.create("posts.csv", text="post", codebook=book)
        assert desk.Jobs().job(desk.job_id(run.path)).asks == told
    run = made()
    assert desk.Jobs().job(desk.job_id(run.path)).asks == "How is it?"


def test_a_list_of_jobs_needs_none_of_what_works_on_runs(folder):
    """
    What each asks, and whether it costs nothing, is told without what opens tables and asks models.
    """
    made()
    program = (
        "import sys; from rowbatch import desk; (job,) = desk.Jobs().all(); print(job.asks, job.is_local);"
        "print([name for name in ('polars', 'rowbatch.api.runs', 'rowbatch.tables') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["How is it? True", "[]"]


def test_a_job_from_its_draft_to_its_end(folder):
    """
    Each state has its word; the id stays, and another set of jobs sees the same.
    """
    with scripted_local_model(folder / "server") as engine:
        engine.gate.clear()
        jobs, run = desk.Jobs(), made()
        name = desk.job_id(run.path)
        assert jobs.job(name).state == "checking"
        assert jobs.build(run).wait(10)
        assert jobs.job(name).state == "draft"
        task = jobs.start(run)
        until(lambda: is_running(jobs, name))
        assert jobs.job(name).state in ("running", "waiting")
        assert desk.Jobs().job(name).is_elsewhere
        assert jobs.start(run) is task
        engine.gate.set()
        assert task.wait(20)
        job = jobs.job(name)
        assert (job.state, job.statuses, job.missing, job.trouble) == ("done", {"ok": 12}, 0, None)
        assert [part.stage for part in job.parts] == [5]
        assert [one.id for one in desk.Jobs().all()] == [name]
    with pytest.raises(RunError):
        jobs.job("0" * 16)


def test_a_program_that_is_stopped_finds_its_jobs_again(folder):
    """
    What was driven goes on with the next program; what a person paused does not. Who looks before the next
    program has come to it sees that it goes on: a page that says "paused" would never ask again.
    """
    with scripted_local_model(folder / "server") as engine:
        engine.gate.clear()
        first = desk.Jobs()
        run, paused = made(), made(run=folder / "other")
        for one in (run, paused):
            first.start(one)
            until(lambda one=one: is_running(first, desk.job_id(one.path)))
        first.pause(paused)
        assert first.job(desk.job_id(paused.path)).state == "paused"
        first.stop()
        assert first.job(desk.job_id(run.path)).state == "paused"
        second = desk.Jobs()
        second.will_go_on()
        assert second.job(desk.job_id(run.path)).is_at_work
        assert second.job(desk.job_id(paused.path)).state == "paused"
        assert second.go_on() == 1
        engine.gate.set()
        until(lambda: second.job(desk.job_id(run.path)).state == "done")
        assert second.job(desk.job_id(paused.path)).state == "paused"
        second.start(paused).wait(20)
        assert second.job(desk.job_id(paused.path)).state == "done"
    # No post was asked twice in a run.
    assert set(engine.calls.values()) == {2}


def test_a_job_that_is_cancelled_keeps_what_came(folder):
    """
    The table is written with what was answered, and the job can be continued.
    """
    reached = threading.Event()

    def answer(body):
        if "7" in str(body["messages"][-1]["content"]):
            # All others wait, until the server was told to stop.
            engine.gate.clear()
            reached.set()
        return json.dumps({"label": "good"})

    with scripted_local_model(folder / "server", answer) as engine:
        jobs, run = desk.Jobs(), made()
        name = desk.job_id(run.path)
        jobs.start(run)
        assert reached.wait(30)
        jobs.cancel(run)
        until(lambda: {part.batch_status for part in jobs.job(name).parts} <= {"cancelling", "cancelled"})
        engine.gate.set()
        until(lambda: jobs.job(name).state == "stopped")
        assert sum(jobs.job(name).statuses.values()) == 12
        jobs.start(run).wait(20)
        assert jobs.job(name).state == "done"


def test_what_a_month_leaves():
    """
    Jobs of this month count with what they were billed, those that are at work with their whole cap.
    """

    def job(name, made, spent, *, cap="0", state="done", is_local=False):
        policy = SimpleNamespace(max_cost_usd=Decimal(cap))
        return SimpleNamespace(
            id=name,
            status=SimpleNamespace(created_at=made, fault=None),
            is_local=is_local,
            run=SimpleNamespace(policy=lambda: policy),
            spent_usd=None if spent is None else Decimal(spent),
            state=state,
            is_at_work=state == "running",
        )

    jobs = [
        job("over", "2026-11-02T10:00:00+00:00", "1.25", cap="9"),
        job("at work", "2026-11-20T10:00:00+00:00", "0.50", cap="2", state="running"),
        job("not begun", "2026-11-20T10:00:00+00:00", None, cap="4", state="draft"),
        job("earlier", "2026-10-31T10:00:00+00:00", "7"),
        job("local", "2026-11-20T10:00:00+00:00", "3", is_local=True),
    ]
    now = datetime(2026, 11, 25, tzinfo=UTC)
    assert desk.left_of_month(jobs, Decimal(10), now) == Decimal("6.75")
    assert desk.left_of_month(jobs, Decimal(10), now, without="at work") == Decimal("8.75")
    assert desk.left_of_month(jobs, Decimal(3), now) == 0


def test_a_key_that_is_missing(folder, monkeypatch):
    """
    Nothing is sent; the job says what it needs, also to the next program.
    """
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    run = made(provider="openai", model="gpt-4o-mini")
    desk.Jobs().start(run).wait(30)
    job = desk.Jobs().job(desk.job_id(run.path))
    assert job.trouble is not None
    assert (job.state, job.trouble.kind) == ("needs-you", "key")


def test_a_limit_that_is_too_low_can_be_raised(folder, monkeypatch):
    """
    The job waits for a person and goes on when the limit is raised; nothing is paid twice.
    """
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with fake_server(folder, {}, 1) as address:
        low = api.Policy(max_cost_usd=api.usd("0.0000001"), poll_seconds=0.05)
        run = made(
            provider="openai", base_url=f"{address}/v1", model="gpt-4o-mini", max_tokens=50, policy=low
        )
        jobs = desk.Jobs()
        name = desk.job_id(run.path)
        jobs.start(run).wait(30)
        job = jobs.job(name)
        assert job.trouble is not None
        assert (job.state, job.trouble.kind) == ("needs-you", "cap")
        run.change_policy(max_cost_usd=api.usd("5"))
        jobs.start(run).wait(60)
        job = jobs.job(name)
        assert (job.state, job.trouble) == ("done", None)
        assert job.spent_usd
        assert judged(address)["double_submits"] == {}
    for file in run.path.rglob("*"):
        assert KEY.encode() not in (file.read_bytes() if file.is_file() else b"")


def test_a_run_of_the_command_line_is_a_job(folder):
    """
    It shows up by itself, and so does one that another process drives.
    """
    from rowbatch.store.lock import run_lock

    with scripted_local_model(folder / "server"):
        run = made()
        run.resume()
        (job,) = desk.Jobs().all()
        assert (job.state, job.is_elsewhere, job.task) == ("done", False, None)
        with run_lock(run.path, "a test"):
            assert desk.Jobs().job(job.id).is_elsewhere


def test_a_request_file_that_was_changed(folder, monkeypatch):
    """
    The job says so, and no button of it switches a guard off: not those of other troubles either.
    """
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with fake_server(folder, {}, 1) as address:
        run = made(provider="openai", base_url=f"{address}/v1", model="gpt-4o-mini")
        run.build()
        (requests,) = (run.path / "requests").glob("*.jsonl")
        requests.write_bytes(requests.read_bytes() + b"\n")
        jobs = desk.Jobs()
        name = desk.job_id(run.path)
        jobs.start(run).wait(30)
        job = jobs.job(name)
        assert job.trouble is not None
        assert (job.state, job.trouble.kind) == ("needs-you", "requests-changed")
        assert job.trouble.told.values["file"] == str(requests)
        with pytest.raises(UsageError) as refused:
            jobs.start(run, go_on=True)
        assert refused.value.kind == "go-on-not-fitting"
        with pytest.raises(UsageError) as refused:
            jobs.start(run, resubmit_lost=True)
        assert refused.value.kind == "resend-not-fitting"
        with run._directory.ledger() as ledger:
            assert not any(shard.may_fail for shard in ledger.shards())
        assert judged(address)["posts"] == 0


def test_a_limit_that_cannot_be_kept(folder, monkeypatch):
    """
    Where the price is not known a higher limit is no help: the job says so, and goes on without one.
    """
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with fake_server(folder, {}, 1) as address:
        capped = api.Policy(max_cost_usd=api.usd("5"), poll_seconds=0.05)
        run = made(provider="openai", base_url=f"{address}/v1", model="nobody-knows", policy=capped)
        jobs = desk.Jobs()
        name = desk.job_id(run.path)
        jobs.start(run).wait(30)
        job = jobs.job(name)
        assert job.trouble is not None
        assert (job.state, job.trouble.kind) == ("needs-you", "price-unknown")
        assert run.remove_cap().max_cost_usd is None
        # It stays away when something else is changed.
        assert run.change_policy(rounds=2).max_cost_usd is None
        jobs.start(run).wait(60)
        assert jobs.job(name).state == "done"


def test_rows_that_nobody_paid_are_asked_again(folder, monkeypatch):
    """
    The account runs dry: the job needs credit, and after that it goes on by a plain continue.
    """
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    quick = api.Policy(poll_seconds=0.05)
    with fake_server(folder, {"unpaid": 4}, 1) as address:
        run = made(
            provider="openai", base_url=f"{address}/v1", model="gpt-4o-mini", max_tokens=50, policy=quick
        )
        jobs = desk.Jobs()
        name = desk.job_id(run.path)
        jobs.start(run).wait(60)
        job = jobs.job(name)
        assert job.trouble is not None
        assert (job.state, job.trouble.kind) == ("needs-you", "credit")
        with pytest.raises(UsageError):
            jobs.start(run, go_on=True)
        jobs.start(run).wait(60)
        # Nobody paid yet: the same rows were asked once more, and it stands there again.
        job = jobs.job(name)
        assert job.trouble is not None
        assert job.trouble.kind == "credit"
        assert {part.round for part in job.parts} == {1, 2}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NeedsDecision("lost-answer", path="r", shard="r1-0001", waited_s=600), "lost-answer"),
        (
            NeedsDecision(
                "late-batch", path="r", shard="r1-0001", batch_id="b", expires="2026-11-01", status="x"
            ),
            "late-batch",
        ),
        # Its path has the word by which these were told apart.
        (NeedsDecision("requests-changed", path="r", file="/home/me/answers/r.jsonl"), "requests-changed"),
        (NeedsDecision("forgotten-batch", path="r", shard="r1-0001", batch_id="b"), "late-batch"),
        (NeedsDecision("results-gone", path="r", shard="r1-0001", why="gone"), "late-batch"),
        (
            NeedsDecision("lost-answer-unlisted", path="r", shard="r1-0001", why="reset", told="501"),
            "lost-answer",
        ),
        (NeedsDecision("stopped-mass-failure", path="r", why=Notice("cancelling")), "many-failures"),
        (NeedsDecision("stopped-unpaid", path="r", why=Notice("cancelling")), "credit"),
        (UsageError("price-unknown", model="m", prices_file="f"), "price-unknown"),
        (UsageError("answers-unbounded"), "answers-unbounded"),
        (UsageError("key-missing", provider="p", name="p", variables="V"), "key"),
        (ServiceError("still-refused", status=429, refusal="unpaid", why="x"), "credit"),
        (ServiceError("still-refused", status=400, refusal="key-refused", why="x"), "key"),
        (ServiceError("still-refused", status=404, refusal="model-unknown", why="x"), "model"),
        (ServiceError("still-refused", refusal="no-answer", why="x"), "network"),
        # No answer is told apart from what has no status for another reason.
        (ServiceError("row-too-large", row=1, why="x"), "other"),
        (TableChanged("table-shorter", path="r"), "table"),
        (InputError("path-missing", path="{table}"), "table"),
        (InputError("path-missing", path="another"), "other"),
        (StorageError("disk-full", path="r"), "disk"),
        (LocalModelError("said", text="x"), "local-model"),
        (ValueError("x"), "program"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_person_can_do_about_an_error(folder, monkeypatch, error, kind):
    """
    It follows from the class of an error and its kind; what is kept of it comes back as it was.
    """
    run = made()
    run.build()
    if isinstance(error, InputError) and error.values["path"] == "{table}":
        error = InputError("path-missing", path=str(run.plan.source.path))

    def resume(*_, **__):
        raise error

    monkeypatch.setattr(type(run), "resume", resume)
    jobs = desk.Jobs()
    jobs.start(run).wait(10)
    for seen in (jobs, desk.Jobs()):
        trouble = seen.job(desk.job_id(run.path)).trouble
        if seen is not jobs and kind == "program":
            # A fault of the program is not kept: the next one tries again.
            continue
        assert trouble is not None
        assert trouble.kind == kind
        if isinstance(error, RowbatchError):
            assert trouble.told.told() == error.message
            assert trouble.told.hint("page", "zh") == error.told("page", "zh").hint


@pytest.mark.parametrize(
    ("kept", "kind"),
    [
        ("key", "key"),
        ("disk", "disk"),
        # These three were told apart by words, and their buttons switch guards off.
        ("many-failures", "other"),
        ("lost-answer", "other"),
        ("cap", "other"),
        ("none that is known", "other"),
    ],
)
def test_a_trouble_that_an_older_version_kept(folder, kept, kind):
    """
    It opens, and says what it said; no guard is switched off by it.
    """
    run = made()
    run.build()
    old = {"kind": kept, "message": "nothing more", "hint": "do it", "status": 400, "code": "c", "at": ""}
    run.set_trouble(old)
    run.set_driven("no")
    jobs = desk.Jobs()
    trouble = jobs.job(desk.job_id(run.path)).trouble
    assert trouble is not None
    assert (trouble.kind, str(trouble.told), trouble.status, trouble.code) == (kind, "nothing more", 400, "c")
    with pytest.raises(UsageError):
        jobs.start(run, go_on=True)


@pytest.mark.parametrize(
    ("kind", "values", "why"),
    [
        ("wait-queue-share", {"queued": 1, "limit": 2}, "queue"),
        ("wait-queue-full", {}, "queue"),
        ("cap-reached", {"cap_usd": "1", "spent_usd": 1, "most_usd": 1}, "cap"),
        ("wait-creations", {"batches": 2000}, "order"),
        # Words of the provider decide nothing: these have those by which the others were told apart.
        ("wait-busy", {"why": "too many tokens in the queue, $5 is your cap"}, "order"),
    ],
)
def test_why_a_part_waits(folder, kind, values, why):
    """
    It follows from the kind of the wait.
    """
    run = made()
    run.build()
    with Ledger(run.path / "ledger.sqlite") as ledger:
        (shard,) = ledger.shards()
        ledger.note_wait(shard, Notice(kind, values))
    (part,) = desk.Jobs().job(desk.job_id(run.path)).parts
    assert (part.why, part.waits_for) == (why, Notice(kind, values))


def test_a_job_that_lost_its_ledger_is_recovered(folder, monkeypatch):
    """
    It stands among the jobs and says what happened; continuing sends nothing; recovering makes it what it
    was.
    """
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with fake_server(folder, {}, 1, polls=0) as address:
        run = made(provider="openai", base_url=f"{address}/v1", model="gpt-4o-mini")
        jobs, name = desk.Jobs(), desk.job_id(run.path)
        jobs.start(run).wait(30)
        assert jobs.job(name).state == "done"
        paid = judged(address)["batches"]
        (run.path / "ledger.sqlite").unlink()
        (job,) = jobs.all()
        assert job.trouble is not None
        assert (job.state, job.status.state, job.trouble.kind) == ("needs-you", "damaged", "ledger")
        assert desk.left_of_month([job], Decimal(5), datetime.now(UTC)) == Decimal(5)
        with pytest.raises(RunError):
            jobs.start(run)
        with pytest.raises(UsageError):
            jobs.recover(run, never_sent=True)
        jobs.recover(run).wait(30)
        assert jobs.job(name).status.state in ("downloaded", "collected")
        jobs.start(run).wait(30)
        assert jobs.job(name).state == "done"
        assert judged(address)["batches"] == paid


def test_a_job_of_which_nobody_can_tell(folder, monkeypatch):
    """
    Only after the question was asked may a person say that it was never sent.
    """
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with fake_server(folder, {}, 1, polls=0) as address:
        run = made(provider="openai", base_url=f"{address}/v1", model="gpt-4o-mini")
        run.build()
        for lost in ("ledger.sqlite", "batches.jsonl"):
            (run.path / lost).unlink()
        jobs, name = desk.Jobs(), desk.job_id(run.path)
        jobs.recover(run).wait(30)
        job = jobs.job(name)
        assert job.trouble is not None
        assert (job.state, job.trouble.kind) == ("needs-you", "ledger-undecided")
        jobs.recover(run, never_sent=True).wait(30)
        assert jobs.job(name).status.state == "built"
        jobs.start(run).wait(30)
        assert jobs.job(name).state == "done"
