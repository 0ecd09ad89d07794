"""
Jobs: runs that the program drives while people may look, leave and come back.

What is true stands in the run directories; here is only which threads are at work. So a run that was made on
the command line is a job like any other, and a program that was stopped finds its jobs again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from rowbatch.api.standing import Status, known_places, record_of, standing_of
from rowbatch.core.policy import read_policy
from rowbatch.desk.tasks import Task
from rowbatch.errors import (
    InputError,
    LocalModelError,
    RowbatchError,
    RunError,
    RunLocked,
    ServiceError,
    StorageError,
    TableChanged,
    UsageError,
)
from rowbatch.store.ledger import LEDGER_FAULTS, Driven, RunRecord
from rowbatch.store.lock import is_locked
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.view_folders import remove_answers_views
from rowbatch.words.notice import Notice, notice_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rowbatch.api.runs import Run
    from rowbatch.core.plan import Source

JobState = Literal[
    "checking",
    "draft",
    "sending",
    "waiting",
    "running",
    "collecting",
    "done",
    "gaps",
    "stopped",
    "failed",
    "paused",
    "needs-you",
]
MOST_PARTS = 100
"""So many shards are shown."""
_MOST_EVENTS = 100
_LONGEST_NAME = 200
AT_WORK: tuple[JobState, ...] = ("checking", "sending", "waiting", "running", "collecting")
"""States that change by themselves."""
TroubleKind = Literal[
    "key",
    "credit",
    "model",
    "cap",
    "price-unknown",
    "answers-unbounded",
    "network",
    "disk",
    "lost-answer",
    "lost-rows",
    "late-batch",
    "requests-changed",
    "ledger",
    "ledger-undecided",
    "many-failures",
    "table",
    "local-model",
    "program",
    "other",
]
"""What a person can do about a trouble: each has its words and its button."""
TROUBLE_KINDS: tuple[TroubleKind, ...] = get_args(TroubleKind)
# Of what stops a run that is no fault of a class of its own.
_TROUBLE_OF: Mapping[str, TroubleKind] = {
    "key-missing": "key",
    "key-elsewhere": "key",
    "cap-reached": "cap",
    "price-unknown": "price-unknown",
    "answers-unbounded": "answers-unbounded",
    "lost-answer": "lost-answer",
    "lost-answer-told": "lost-answer",
    "lost-answer-unlisted": "lost-answer",
    "lost-rows": "lost-rows",
    "late-batch": "late-batch",
    "forgotten-batch": "late-batch",
    "results-gone": "late-batch",
    "requests-changed": "requests-changed",
    "recovery-undecided": "ledger-undecided",
    "stopped-mass-failure": "many-failures",
    "stopped-unpaid": "credit",
}
_TROUBLE_OF_REFUSAL: Mapping[str, TroubleKind] = {
    "key-refused": "key",
    "unpaid": "credit",
    "model-unknown": "model",
    "no-answer": "network",
}
# Versions before 0.2 told these apart by words of their messages, and sometimes wrongly: who goes on is told
# anew.
_DOUBTED = ("lost-answer", "many-failures", "cap")


_NOTHING_KNOWN = RunRecord(counts=None, policy={}, is_cancelled=False, driven="no", trouble=None)


@dataclass(frozen=True, slots=True)
class Trouble:
    """
    Why a job stands still, as it is kept in the run.

    Attributes:
        kind: What a person can do about it.
        told: What happened, and what to do, in words for every face.
        status, code: Of the provider, or None and "".
        at: ISO 8601, UTC; or "".
    """

    kind: TroubleKind
    told: Notice
    status: int | None = None
    code: str = ""
    at: str = ""

    def to_plain(self) -> dict[str, object]:
        """As the run keeps it."""
        told = self.told.to_plain()
        return {"kind": self.kind, "told": told, "status": self.status, "code": self.code, "at": self.at}


@dataclass(frozen=True, slots=True)
class Part:
    """
    One shard, for people.

    Attributes:
        name: As in `r1-0001`.
        round: Which round asks it.
        number: Of those of its round.
        stage: 0 prepared, 1 uploaded, 2 queued, 3 running, 4 collecting, 5 done.
        requests, done, failed: Requests.
        batch_status: The provider's word, or "".
        waits_for: Why it is not sent yet, or None.
        why: `queue`, `cap`, `unknown`, `provider-queue`, `finalizing`, `order` or "".
    """

    name: str
    round: int
    number: int
    stage: int
    requests: int
    done: int
    failed: int
    batch_status: str
    waits_for: Notice | None
    why: str


@dataclass(frozen=True, slots=True)
class Job:
    """
    One run as people see it.

    Attributes:
        id: For addresses.
        opened: Gives the run.
        status: From its ledger.
        state: In one word.
        is_elsewhere: Another process drives it.
        is_cancelled: A person told it to stop.
        task: The thread that drives it here, or the last one; None where there was none.
        trouble: Why it stands still, or None.
        statuses: Rows by status when the table was written last; empty before.
        collected_at: When that was, or None.
        spent_usd: What the provider billed so far, or None.
        parts: Its first shards, at most `MOST_PARTS`.
        asks: What it asks, in a line: as it tells one job of a table from the next.
        is_local: No model is asked but on this computer.
        is_direct: Rows are asked one by one, from here: nothing goes on at the provider by itself.
    """

    id: str
    opened: Callable[[], Run]
    status: Status
    state: JobState
    is_elsewhere: bool
    is_cancelled: bool
    task: Task | None
    trouble: Trouble | None
    statuses: dict[str, int]
    collected_at: datetime | None
    spent_usd: Decimal | None
    parts: tuple[Part, ...]
    asks: str
    is_local: bool
    is_direct: bool = False

    @property
    def run(self) -> Run:
        """The run. What works on runs is large, and a list of jobs needs none of it."""
        return self.opened()

    @property
    def is_at_work(self) -> bool:
        """Whether it changes by itself."""
        return self.state in AT_WORK

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop, and brings what was answered."""
        return self.is_at_work and self.is_cancelled

    @property
    def asked(self) -> int:
        """Rows that are asked, in whichever round."""
        return self.status.progress.requests if self.status.progress else 0

    @property
    def answered(self) -> int:
        """Of these, rows that have an answer that can be used; a row that failed may be asked again."""
        return self.status.progress.answered if self.status.progress else 0

    @property
    def failed(self) -> int:
        """Rows that came back without one, and are not being asked again now."""
        return self.status.progress.failed if self.status.progress else 0

    @property
    def is_partly_over(self) -> bool:
        """Whether some of its shards are over, so that a table has something in it."""
        progress = self.status.progress
        return progress is not None and bool(progress.by_state.get("downloaded"))

    @property
    def missing(self) -> int:
        """Rows that were to be asked and have no label, when the table was written last."""
        return sum(self.statuses.values()) - self.statuses.get("ok", 0) - self.statuses.get("skipped", 0)


class Jobs:
    """All runs on this machine, and the threads that drive some of them."""

    def __init__(self, when_over: Callable[[Run], object] = lambda _: None) -> None:
        self._when_over = when_over
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()
        self._is_to_go_on = False

    def all(self) -> list[Job]:
        """Every run that still has its directory, the newest first."""
        found = []
        for path in known_places():
            try:
                found.append(self._job(job_id(path), path))
            except RowbatchError:
                # A damaged run is told about where it is opened by its name.
                continue
        return sorted(found, key=lambda job: job.status.created_at, reverse=True)

    def sources(self) -> Iterator[Source]:
        """The tables of all runs that can be opened."""
        for job in self.all():
            with suppress(RowbatchError):
                yield job.run.plan.source

    def job(self, name: str) -> Job:
        """
        One of them, by its id.

        Raises:
            RunError: There is none of this id.
        """
        for path in known_places():
            if job_id(path) == name:
                return self._job(name, path)
        raise RunError("job-missing", path=name)

    def build(self, run: Run) -> Task:
        """Write the requests of a run; nothing is sent. Returns at once."""
        return self._begin(run, lambda task: run.build(task.hooks()))

    def start(
        self,
        run: Run,
        *,
        repair: Sequence[str] = (),
        go_on: bool = False,
        resubmit_lost: bool = False,
        batch_id: str = "",
        give_up: bool = False,
    ) -> Task:
        """
        Drive a run to its labelled table. Returns at once. This is what may cost money.

        Args:
            run: Which.
            repair: First plan a round that asks rows of these statuses again.
            go_on: Submit the rest although much of a shard failed. Only for a job that stopped for this.
            resubmit_lost: As for `Run.submit`. Only for a job that waits for a lost answer.
            batch_id: Of the part whose answer was lost, as the provider's page shows it. Only for such a job.
            give_up: Wait for nothing more of the part that the job waits for a person about.
        Raises:
            UsageError: The job stands still for another reason: a guard is not switched off by a page that
                was true some time ago.
        """
        trouble = _read_trouble(run.record().trouble)
        kind = trouble.kind if trouble is not None else ""
        part = str(trouble.told.values.get("shard") or "") if trouble is not None else ""
        if go_on and kind != "many-failures":
            raise UsageError("go-on-not-fitting")
        if (resubmit_lost or batch_id) and kind not in ("lost-answer", "lost-rows"):
            raise UsageError("resend-not-fitting")
        if (give_up or batch_id) and not (part and kind in ("lost-answer", "late-batch")):
            raise UsageError("give-up-not-fitting")

        def work(task: Task) -> Any:
            run.build(task.hooks())
            if give_up:
                run.give_up([part])
            run.set_driven("yes")
            run.set_trouble(None)
            if repair:
                run.plan_repair(repair)
            report = run.resume(
                task.hooks(),
                go_on=go_on,
                resubmit_lost=resubmit_lost,
                batches={part: batch_id} if batch_id else None,
            )
            why = report.stopped_because
            if why is not None and not run.record().is_cancelled:
                stop = Trouble(_TROUBLE_OF.get(why.kind, "other"), why, at=_now())
                run.set_trouble(stop.to_plain())
            self._when_over(run)
            return report

        def ended(error: BaseException | None) -> None:
            if not isinstance(error, RunLocked):
                run.set_driven("no")
            if error is not None:
                run.set_trouble(_trouble(error, RunDirectory(run.path)).to_plain())

        return self._begin(run, work, ended)

    def recover(self, run: Run, *, never_sent: bool = False) -> Task:
        """
        Make the ledger of a run anew; nothing is sent. Returns at once.

        Args:
            run: One whose ledger cannot be used.
            never_sent: As for `Run.recover`. Only where nobody could tell.
        Raises:
            UsageError: That is not so, or not any more.
        """
        known = self._tasks.get(job_id(run.path))
        undecided = known is not None and _is_undecided(known.error)
        if never_sent and not undecided:
            raise UsageError("never-sent-not-fitting")
        return self._begin(run, lambda _: run.recover(never_sent=never_sent))

    def pause(self, run: Run) -> None:
        """
        Stop driving a run here. Batches that run go on at the provider; nothing new is sent.

        Another process that drives it is not touched.
        """
        task = self._tasks.get(job_id(run.path))
        if task is not None and task.is_alive:
            task.stop()
            task.wait(5.0)
        run.set_driven("paused")

    def discard(self, run: Run) -> None:
        """
        Remove a run of which nothing was sent, with the rows that were made ready to look at.

        Raises:
            RunError: Something was sent.
            RunLocked: Another process works on it.
        """
        task = self._tasks.get(job_id(run.path))
        if task is not None:
            task.stop()
            task.wait(5.0)
        place = run.path.resolve()
        run.discard()
        remove_answers_views(place)

    def cancel(self, run: Run) -> None:
        """Cancel what runs at the provider, bring what it answered, and write the table. Returns at once."""
        task = self._tasks.get(job_id(run.path))
        if task is not None and task.is_alive:
            # The thread that drives it sees the wish.
            run.cancel()
            return

        def ended(error: BaseException | None) -> None:
            if error is not None:
                run.set_trouble(_trouble(error, RunDirectory(run.path)).to_plain())

        run.set_driven("no")
        self._begin(run, lambda task: run.cancel(task.hooks(), wait_s=None), ended)

    def will_go_on(self) -> None:
        """Say that `go_on` is called soon: until it has ended, what it will drive again is at work."""
        self._is_to_go_on = True

    def go_on(self) -> int:
        """Drive again what the program drove when it was stopped; returns how many."""
        count = 0
        try:
            for path in known_places():
                try:
                    record = record_of(RunDirectory(path))
                    if record.driven == "yes" and not is_locked(path):
                        run = _open(path)
                        # Who wanted it cancelled wants that still.
                        if record.is_cancelled:
                            self.cancel(run)
                        else:
                            self.start(run)
                        count += 1
                except RowbatchError:
                    continue
        finally:
            self._is_to_go_on = False
        return count

    def stop(self, wait_s: float = 3.0) -> None:
        """Stop all threads, because the program ends. What they drive goes on with the next one."""
        for task in self._tasks.values():
            task.stop()
        for task in self._tasks.values():
            task.wait(wait_s)

    def _begin(self, run: Run, work: Any, ended: Any = None) -> Task:
        name = job_id(run.path)
        with self._lock:
            known = self._tasks.get(name)
            if known is not None and known.is_alive and not known.is_stopping:
                return known

            def whole(task: Task) -> Any:
                if known is not None:
                    known.wait()
                try:
                    result = work(task)
                except RowbatchError as error:
                    if ended is not None:
                        ended(error)
                    raise
                if ended is not None:
                    ended(None)
                return result

            task = self._tasks[name] = Task(f"job {run.path.name}", whole)
        return task.start()

    def _job(self, name: str, path: Path) -> Job:
        directory = RunDirectory(path)
        plan = directory.plan()
        status = standing_of(directory, most_states=MOST_PARTS, most_events=_MOST_EVENTS)
        task = self._tasks.get(name)
        is_here = task is not None and task.is_alive
        is_elsewhere = not is_here and is_locked(path)
        record = _NOTHING_KNOWN if status.fault is not None else record_of(directory)
        statuses = dict(status.statuses)
        trouble = _read_trouble(record.trouble)
        if status.fault is not None and not (task is not None and task.error is not None):
            trouble = Trouble("ledger", status.fault)
        if task is not None and task.error is not None and trouble is None and not is_here:
            trouble = _trouble(task.error, directory)
        state = _state(
            status,
            task if is_here else None,
            is_elsewhere=is_elsewhere,
            is_to_go_on=self._is_to_go_on and task is None and record.driven == "yes",
            driven=record.driven,
            is_cancelled=record.is_cancelled,
            has_gaps=bool(statuses)
            and sum(statuses.values()) > statuses.get("ok", 0) + statuses.get("skipped", 0),
            is_answered=statuses.get("ok", 0) > 0,
            trouble=trouble,
        )
        return Job(
            id=name,
            opened=cache(lambda: _open(path)),
            status=status,
            state=state,
            is_elsewhere=is_elsewhere,
            is_cancelled=record.is_cancelled,
            task=task,
            trouble=trouble if state in ("needs-you", "failed", "paused", "draft", "gaps") else None,
            statuses=statuses,
            collected_at=status.collected_at,
            spent_usd=status.spent_usd,
            parts=_parts(status),
            asks=_asked_in_a_line(plan.question.answer),
            is_local=plan.is_wholly_local,
            # Of a job whose ledger is damaged that is told.
            is_direct=status.fault is None
            and read_policy({**plan.policy.to_plain(), **record.policy}).direct,
        )


def left_of_month(jobs: Sequence[Job], limit_usd: Decimal, now: datetime, *, without: str = "") -> Decimal:
    """
    What a limit for the month leaves for one more job.

    Args:
        jobs: All that are known. Those that were made in the month of `now` count with what they were billed,
            and with their whole cap while they may still spend it.
        limit_usd: For all of them together.
        now: With its time zone, whose months count.
        without: Id of a job that does not count, because it is the one that is asked about.
    """
    spent = Decimal(0)
    for job in jobs:
        made = datetime.fromisoformat(job.status.created_at).astimezone(now.tzinfo)
        if job.id == without or job.is_local or (made.year, made.month) != (now.year, now.month):
            continue
        spent += job.spent_usd or Decimal(0)
        if job.status.fault is not None:
            # What it spent is not known: at most what it was made with.
            spent += job.run.plan.policy.max_cost_usd or Decimal(0)
        elif job.is_at_work or job.state in ("paused", "needs-you"):
            spent += max(
                Decimal(0), (job.run.policy().max_cost_usd or Decimal(0)) - (job.spent_usd or Decimal(0))
            )
    return max(Decimal(0), limit_usd - spent)


def _asked_in_a_line(answer: Mapping[str, Any]) -> str:
    """What a codebook asks: of several questions the first, and the names of the others."""
    variables: Sequence[Mapping[str, Any]] = answer.get("variables") or ({},)
    first, *others = variables
    asked = first.get("question") or ("" if others else answer.get("instructions")) or first.get("name")
    named = (str(one) for one in (asked, *(other.get("name") for other in others)) if one)
    return " · ".join(" ".join(one.split()) for one in named)[:_LONGEST_NAME]


def job_id(path: Path) -> str:
    """The id of a run's job: the same for the same directory."""
    return hashlib.sha256(str(RunDirectory(path).path.resolve()).encode()).hexdigest()[:16]


def _state(
    status: Status,
    task: Task | None,
    *,
    is_elsewhere: bool,
    is_to_go_on: bool,
    driven: Driven,
    is_cancelled: bool,
    has_gaps: bool,
    is_answered: bool,
    trouble: Trouble | None,
) -> JobState:
    is_sent = status.progress is not None and bool(status.progress.by_state.keys() - {"written"})
    if task is not None or is_elsewhere or is_to_go_on:
        if task is not None and task.stage == "collect":
            return "collecting"
        return _state_at_work(status)
    if status.state == "new":
        return "failed" if trouble else "checking"
    if trouble is not None and not (status.state == "collected" and not has_gaps):
        return "needs-you"
    if status.state == "collected" and not has_gaps:
        return "done"
    if is_cancelled and status.state in ("collected", "built", "over", "downloaded"):
        return "stopped"
    if status.state == "collected":
        return "gaps" if is_answered else "failed"
    if not is_sent and driven not in ("yes", "paused"):
        return "draft"
    return "paused"


def _state_at_work(status: Status) -> JobState:
    progress = status.progress
    if progress is None:
        return "checking"
    if progress.shards_running:
        if progress.done:
            return "running"
        return "waiting" if {*progress.running_as} <= {"validating", "queued", ""} else "running"
    if progress.shards_over == progress.shards:
        return "collecting"
    return "waiting" if progress.waiting else "sending"


def _parts(status: Status) -> tuple[Part, ...]:
    if status.progress is None:
        return ()
    parts = []
    for shard in status.progress.states:
        round_, number = shard.name.removeprefix("r").split("-")
        stage = {"written": 0, "uploaded": 1, "submitting": 1, "unknown": 1, "ended": 4, "downloaded": 5}.get(
            shard.state, 2
        )
        why = _why(shard.waits_for, shard.state)
        if shard.state == "submitted":
            word = shard.batch_status
            stage = 2 if word in ("", "validating", "queued") and not shard.done else 3
            if word == "finalizing":
                stage, why = 4, "finalizing"
            elif stage == 2:
                why = "provider-queue"
        parts.append(
            Part(
                shard.name,
                int(round_),
                int(number),
                stage,
                shard.requests,
                shard.done,
                shard.failed,
                # No provider says how the rows stand that are asked from here.
                "" if shard.is_direct and shard.state == "submitted" else shard.batch_status,
                shard.waits_for,
                why,
            )
        )
    return tuple(parts)


_WHY = {
    "wait-queue-share": "queue",
    "wait-queue-full": "queue",
    "cap-reached": "cap",
}


def _why(waits_for: Notice | None, state: str) -> str:
    if state == "unknown":
        return "unknown"
    return _WHY.get(waits_for.kind, "order") if waits_for is not None else ""


def _trouble(error: BaseException, run: RunDirectory) -> Trouble:
    if not isinstance(error, RowbatchError):
        told = Notice("said", {"text": f"{type(error).__name__}: {error}"})
        return Trouble("program", told, at=_now())
    status = error.status if isinstance(error, ServiceError) else None
    code = error.code if isinstance(error, ServiceError) else ""
    return Trouble(_kind(error, run), error.notice, status, code, _now())


def _kind(error: RowbatchError, run: RunDirectory) -> TroubleKind:
    """By the class of an error and its kind, and never by its words."""
    match error:
        case _ if error.kind in LEDGER_FAULTS:
            return "ledger"
        case LocalModelError():
            return "local-model"
        case StorageError():
            return "disk"
        case TableChanged():
            return "table"
        case InputError():
            is_gone = error.kind == "path-missing" and error.values["path"] == str(run.plan().source.path)
            return "table" if is_gone else "other"
        case ServiceError():
            return _TROUBLE_OF_REFUSAL.get(error.refusal, "other")
        case _:
            return _TROUBLE_OF.get(error.kind, "other")


def _open(path: Path) -> Run:
    from rowbatch.api.runs import Run

    return Run(path)


def _is_undecided(error: BaseException | None) -> bool:
    return isinstance(error, RowbatchError) and error.kind == "recovery-undecided"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read_trouble(plain: Mapping[str, Any] | None) -> Trouble | None:
    if plain is None:
        return None
    try:
        kind, status, code, at = (plain.get(name) for name in ("kind", "status", "code", "at"))
        if "told" in plain:
            told = notice_of(plain["told"])
        else:
            told = Notice("said-with-hint", {"text": plain["message"], "hint": plain.get("hint", "")})
            kind = "other" if kind in _DOUBTED else kind
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    if told is None:
        return None
    known: TroubleKind = next((one for one in TROUBLE_KINDS if one == kind), "other")
    return Trouble(known, told, status, str(code or ""), str(at or ""))
