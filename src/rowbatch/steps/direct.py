"""
The rows of a run by ordinary calls, one for each, instead of in a batch: at once, and at the ordinary price.

To everything above it is a batch like any other, whose provider is this computer: its requests lie in the run
directory, and each question about it (`status`) works on for a moment. So ledger, cap, rounds, breaker and
results are those of every run. What differs is who keeps account of the paid calls: a journal beside the
requests has a line before each call and one after it. A call of which only the first line is there may have
been carried out: its row is said to be lost, and is never asked again but by the rule for lost answers.

    RUN/direct/TOKEN.requests.jsonl   a line for each call, in the provider's words; makes the batch
    RUN/direct/TOKEN.journal.jsonl    what was about to be asked, and what came
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, assert_never

from rowbatch.core.direct_ids import DIRECT_PREFIX
from rowbatch.core.weaker_forms import KnownForm, form_of, weaker_after, with_weaker_form
from rowbatch.errors import RowbatchError, ServiceError, StorageError, from_os_error
from rowbatch.http import CarriedOut, PaidOutcome, Refused, Unknown
from rowbatch.providers import openai
from rowbatch.providers.base import TOKEN_FIELD, BatchClient, BatchView, Sightings, Submission
from rowbatch.providers.direct import (
    DirectDialect,
    answer_line,
    error_line,
    lost_line,
    unasked_line,
)
from rowbatch.steps.clock import Clock
from rowbatch.steps.pace import Pace
from rowbatch.store.atomic import atomic_file
from rowbatch.store.journal import Journal
from rowbatch.words.notice import Notice

PART_ROWS = 200
"""Rows of one part: after each, what it cost and how many failed is known, and cap and breaker look at it."""
MOST_ROWS = 5_000
"""Rows that may be asked so. More are for batches: half the price, and no program that runs for hours."""
_SLICE_S = 1.0
_PATIENCE_S = 1_800.0
# A first call that reaches nobody: the address is wrong, or there is no network.
_MOST_FIRST_TRIES = 3
_LAST_ANSWERS_S = 60.0
_REQUESTS, _JOURNAL = ".requests.jsonl", ".journal.jsonl"
_BUSY_STATUSES = (None, 429, 503, 529)
_REFUSED_FORM = "json_schema"
_ALL_FAIL = ("key-refused", "model-unknown")


def _in_thread(work: Callable[[], None]) -> None:
    # Whoever stops the program a second time does not wait for it.
    threading.Thread(target=work, name="rowbatch-direct", daemon=True).start()


@dataclass(slots=True)
class _Rows:
    """
    One batch, as it stands.

    Attributes:
        batch_id: Of it.
        requests: Its calls, as `DirectDialect.request_line` wrote them.
        journal: Of it.
        made_at: ISO 8601, UTC.
        todo: Rows that are to be asked, by their place among the requests.
        running: Rows whose call goes out, or has gone out.
        begun: Those of them on which a thread is at work.
        answered, failed: Rows that have an answer, or will have none.
        is_cancelled: Nothing more is asked.
        is_closed: All is over.
        weaker: How much weaker a form each row that runs is asked for, or was refused for less, as
            `weaker_after` has it.
        is_weaker: A row was answered in a weaker form.
    """

    batch_id: str
    requests: Sequence[Mapping[str, Any]]
    journal: Journal
    made_at: str
    todo: deque[int]
    running: set[int] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)
    answered: int = 0
    failed: int = 0
    is_cancelled: bool = False
    is_closed: bool = False
    weaker: dict[int, int] = field(default_factory=dict)
    is_weaker: bool = False


class DirectClient:
    """
    Batches whose rows are asked one by one. See `BatchClient`; `status` of one that is not over works on.

    A context: at its end, calls that have gone out are waited for.

    Args:
        provider: Makes the calls.
        folder: Of the run, where the batches are kept.
        is_asking: Whether rows are asked; else a batch is only looked at.
        clock: The time.
        said: Told what a person may want to know.
        pace: How many calls run at a time.
        start: Runs a call beside the others; at once in tests.
    """

    def __init__(
        self,
        provider: BatchClient,
        folder: Path,
        *,
        is_asking: bool,
        clock: Clock | None = None,
        said: Callable[[Notice], None] | None = None,
        pace: Pace | None = None,
        start: Callable[[Callable[[], None]], None] = _in_thread,
    ) -> None:
        self._provider, self._folder, self._is_asking = provider, folder, is_asking
        self._clock, self._said, self._pace, self._start = clock or Clock(), said, pace or Pace(), start
        self.dialect = DirectDialect(provider.dialect)
        self._known: dict[str, _Rows] = {}
        self._changed = threading.Condition()
        self._fault: BaseException | None = None
        self._unwritten: list[tuple[_Rows, Mapping[str, Any]]] = []
        self._busy: Refused | None = None
        self._was_answered = False
        self._first_tries = 0
        self._form = KnownForm()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            running = sum(len(rows.running) for rows in self._known.values())
            if running and self._said:
                self._said(Notice("direct-waits-for-calls", {"calls": running}))
            self._changed.wait_for(
                lambda: not any(rows.running for rows in self._known.values()), _LAST_ANSWERS_S
            )
            # What the disk still refuses was said, and its row will be a lost one.
            with suppress(RowbatchError):
                self._write_what_is_left()

    @property
    def key_mark(self) -> str:
        return self._provider.key_mark

    def now(self) -> datetime:
        # Its batches are made here, so it is our own clock that counts.
        return self._clock.now()

    def upload(self, file: Path, filename: str) -> str:
        del file
        return DIRECT_PREFIX + filename.removesuffix(".jsonl")

    def create(self, submission: Submission) -> PaidOutcome:
        """Make a batch. Nothing is paid by that; it is there when its requests have their name."""
        token = submission.token
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, str(self._folder)) from error
        if not self._path(token, _REQUESTS).is_file():
            self._journal(token).add([{"as": "made", "at": self._clock.now().isoformat()}])
            try:
                content = submission.file.read_bytes()
            except OSError as error:
                raise from_os_error(error, str(submission.file)) from error
            with atomic_file(self._path(token, _REQUESTS), overwrite=True) as file:
                file.write(content)
        return CarriedOut(self._shown(self._rows(DIRECT_PREFIX + token)))

    def view(self, answer: Mapping[str, object]) -> BatchView:
        return openai.read_batch(answer)

    def status(self, batch_id: str) -> BatchView:
        rows = self._rows(batch_id)
        if self._is_asking and not rows.is_closed:
            self._work_on(rows)
        return self.view(self._shown(rows))

    def find(self, file_id: str, token: str, *, since: datetime) -> Sightings:
        del file_id, since
        is_there = self._path(token, _REQUESTS).is_file()
        return Sightings([self.view(self._shown(self._rows(DIRECT_PREFIX + token)))] if is_there else [])

    def recent(self, since: datetime) -> Sequence[BatchView]:
        del since
        names = sorted(path.name for path in self._folder.glob(f"*{_REQUESTS}"))
        return [
            self.view(self._shown(self._rows(DIRECT_PREFIX + name.removesuffix(_REQUESTS)))) for name in names
        ]

    def fetch(self, file_id: str, to: BinaryIO, max_bytes: int | None = None) -> int:
        del max_bytes
        rows = self._rows(file_id)
        last = _last_of(rows.journal.read().all)
        size = 0
        for number, request in enumerate(rows.requests):
            size += to.write(_result(request, last.get(number)))
        return size

    def cancel(self, batch_id: str) -> BatchView:
        rows = self._rows(batch_id)
        if not rows.is_closed and not rows.is_cancelled:
            rows.journal.add([{"as": "cancel"}])
            rows.is_cancelled = True
        return self.view(self._shown(rows))

    def delete_file(self, file_id: str) -> None:
        """Nothing of it lies at a provider."""

    def own_files(self, prefix: str) -> Sequence[tuple[str, str]]:
        del prefix
        return []

    def ask(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._provider.ask(url, body)

    def pay_row(self, path: str, body: Mapping[str, Any]) -> PaidOutcome:
        return self._provider.pay_row(path, body)

    # What lies in the run

    def _path(self, token: str, ending: str) -> Path:
        return self._folder / f"{token}{ending}"

    def _journal(self, token: str) -> Journal:
        return Journal(self._path(token, _JOURNAL))

    def _rows(self, batch_id: str) -> _Rows:
        """
        A batch by its id.

        Raises:
            ServiceError: There is none.
        """
        if batch_id not in self._known:
            self._known[batch_id] = self._read(batch_id)
        return self._known[batch_id]

    def _read(self, batch_id: str) -> _Rows:
        token = batch_id.removeprefix(DIRECT_PREFIX)
        path, journal = self._path(token, _REQUESTS), self._journal(token)
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            raise ServiceError("direct-requests-gone", path=str(path), status=400) from None
        except OSError as error:
            raise from_os_error(error, str(path)) from error
        entries = journal.read()
        last = _last_of(entries.all)
        done = {number: str(entry["as"]) for number, entry in last.items()}
        todo = [number for number in range(len(lines)) if done.get(number, "refused") == "refused"]
        if entries.damaged and todo:
            # The line that cannot be read may be the one of a call.
            why = "the journal of the calls is damaged, so that nobody knows whether it was asked"
            journal.add([{"row": number, "as": "lost", "why": why} for number in todo])
            done |= dict.fromkeys(todo, "lost")
            todo = []
        kinds = {str(entry.get("as")) for entry in entries.all}
        made = [str(entry.get("at")) for entry in entries.all if entry.get("as") == "made"]
        answered = sum(kind == "answer" for kind in done.values())
        requests = [json.loads(line) for line in lines]
        answers = [entry for entry in entries.all if entry.get("as") == "answer"]
        for entry in answers:
            self._learn_form(requests[int(entry["row"])], int(entry.get("form", 0)))
        return _Rows(
            batch_id=batch_id,
            requests=requests,
            journal=journal,
            made_at=made[-1] if made else datetime.now(UTC).isoformat(),
            todo=deque(todo),
            answered=answered,
            failed=sum(kind != "refused" for kind in done.values()) - answered,
            is_cancelled="cancel" in kinds,
            is_closed="closed" in kinds,
            is_weaker=any(entry.get("form") for entry in answers),
        )

    def _shown(self, rows: _Rows) -> Mapping[str, Any]:
        """A batch as OpenAI would tell of it."""
        status = "in_progress"
        if rows.is_closed:
            status = "cancelled" if rows.is_cancelled else "completed"
        elif rows.is_cancelled:
            status = "cancelling"
        refused = [_REFUSED_FORM]
        remarks = {"rowbatch": {"ignored_by_server": refused, "mended": refused}} if rows.is_weaker else {}
        return {
            "id": rows.batch_id,
            "object": "batch",
            "status": status,
            "input_file_id": rows.batch_id,
            "created_at": rows.made_at,
            "request_counts": {
                "total": len(rows.requests),
                "completed": rows.answered,
                "failed": rows.failed,
            },
            "output_file_id": rows.batch_id if rows.is_closed else None,
            "error_file_id": None,
            "errors": None,
            "metadata": {TOKEN_FIELD: rows.batch_id.removeprefix(DIRECT_PREFIX)},
            **remarks,
        }

    # Asking

    def _work_on(self, rows: _Rows) -> None:
        """Ask as many rows as go in a moment."""
        end = self._clock.monotonic() + _SLICE_S
        while True:
            with self._changed:
                self._write_what_is_left()
                self._raise_fault()
                if rows.is_cancelled:
                    rows.todo.clear()
            self._start_what_may(rows)
            now = self._clock.monotonic()
            with self._changed:
                self._raise_fault()
                if not rows.todo and not rows.running:
                    break
                if now >= end:
                    return
                if rows.running:
                    self._changed.wait(end - now)
                    continue
            if pause := self._pace.pause_s(self._clock.monotonic()):
                self._clock.sleep(min(pause, _SLICE_S))
                return
        rows.journal.add([{"as": "closed"}])
        rows.is_closed = True

    def _start_what_may(self, rows: _Rows) -> None:
        while True:
            number = None
            try:
                with self._changed:
                    may_start = self._pace.may_start(len(rows.running), self._clock.monotonic())
                    if not rows.todo or not may_start or self._fault is not None or rows.is_cancelled:
                        return
                    if rows.todo[0] not in rows.weaker and self._is_form_unsure(rows):
                        return
                    number = rows.todo[0]
                    rows.running.add(number)
                    rows.todo.popleft()
                self._start(lambda number=number: self._ask(rows, number))  # type: ignore[misc]
            except BaseException:
                # Ctrl-C, or no thread more: nobody waits for a call that has not begun, and it never begins.
                with self._changed:
                    if number in rows.running and number not in rows.begun:
                        rows.running.discard(number)
                        if number not in rows.todo:
                            rows.todo.appendleft(number)
                raise

    def _ask(self, rows: _Rows, number: int) -> None:
        """Make one call; what came is on the disk before anybody is told."""
        request = rows.requests[number]
        with self._changed:
            if number not in rows.running or number in rows.begun:
                return
            rows.begun.add(number)
        sent: Mapping[str, Any] | None = None
        outcome: PaidOutcome | BaseException
        try:
            sent = self._begin(rows, number)
            outcome = self._provider.pay_row(str(request["path"]), sent)
        except BaseException as error:  # noqa: BLE001 - it is raised where it can be told
            outcome = error
        # In one go: a row that is to be asked again and still runs would be begun by nobody.
        with self._changed:
            try:
                if isinstance(outcome, BaseException):
                    self._fault = self._fault or outcome
                    if sent is None and isinstance(outcome, RowbatchError):
                        rows.todo.appendleft(number)
                elif sent is None or not self._asks_for_less(rows, number, sent, outcome):
                    self._note(rows, number, outcome)
            except BaseException as error:  # noqa: BLE001 - as above
                self._fault = self._fault or error
            finally:
                rows.begun.discard(number)
                rows.running.discard(number)
                if number not in rows.todo:
                    rows.weaker.pop(number, None)
                self._changed.notify_all()

    def _begin(self, rows: _Rows, number: int) -> Mapping[str, Any]:
        """Note that a row is asked; its body, as the provider takes it."""
        with self._changed:
            weaker = rows.weaker[number] = max(self._form.weaker, rows.weaker.get(number, 0))
        # First the intent, then the call. No Ctrl-C comes between: none reaches this thread.
        rows.journal.add([{"row": number, "as": "intent"}])
        return with_weaker_form(rows.requests[number]["body"], weaker)

    def _asks_for_less(self, rows: _Rows, number: int, sent: Mapping[str, Any], outcome: PaidOutcome) -> bool:
        """Whether the form of the answer was refused: nothing was billed, and a weaker one is asked for."""
        if not isinstance(outcome, Refused):
            return False
        told = f"{outcome.code} {outcome.message}"
        weaker = weaker_after(rows.requests[number]["body"], sent, self._form.weaker, outcome.status, told)
        if weaker is None:
            return False
        # Others are asked as before until this is answered: it may have been refused for its own text.
        rows.weaker[number], self._was_answered = weaker, True
        self._pace.answered()
        self._keep(rows, {"row": number, "as": "refused"})
        rows.todo.appendleft(number)
        return True

    def _note(self, rows: _Rows, number: int, outcome: PaidOutcome) -> None:
        match outcome:
            case CarriedOut(body):
                self._pace.answered()
                self._was_answered = True
                rows.answered += 1
                entry = {"row": number, "as": "answer", "body": dict(body)}
                if self._learn_form(rows.requests[number], weaker := rows.weaker.get(number, 0)) and weaker:
                    entry["form"], rows.is_weaker = weaker, True
                self._keep(rows, entry)
            case Unknown(reason):
                rows.failed += 1
                self._keep(rows, {"row": number, "as": "lost", "why": reason})
            case Refused():
                self._note_refusal(rows, number, outcome)
            case _:
                assert_never(outcome)

    def _is_form_unsure(self, rows: _Rows) -> bool:
        """Whether a row is asked for less than others are: what becomes of it shows how to ask these."""
        return any(weaker > self._form.weaker for weaker in rows.weaker.values())

    def _learn_form(self, request: Mapping[str, Any], weaker: int) -> bool:
        """Learn how to ask from an answer; whether its request asks for a schema."""
        is_asked = form_of(request["body"]) == "json_schema"
        if is_asked:
            self._form.answered(weaker)
        return is_asked

    def _note_refusal(self, rows: _Rows, number: int, refused: Refused) -> None:
        if refused.refusal in _ALL_FAIL or (refused.refusal != "unpaid" and refused.status in _BUSY_STATUSES):
            # Nothing was billed, and it is asked again.
            self._keep(rows, {"row": number, "as": "refused"})
            rows.todo.appendleft(number)
            if refused.refusal in _ALL_FAIL:
                self._fault = self._fault or _error("direct-refused", refused)
                return
            self._busy = refused
            self._pace.refused(self._clock.monotonic(), refused.retry_after_s)
            self._lose_patience(refused)
            return
        self._was_answered = True
        if refused.refusal == "unpaid":
            # The others would be refused too; who pays goes on with them.
            rows.is_cancelled = True
            rows.journal.add([{"as": "cancel"}])
        else:
            self._pace.answered()
        rows.failed += 1
        error = {"status": refused.status or 0, "code": refused.code, "message": refused.message}
        self._keep(rows, {"row": number, "as": "error", "is_unpaid": refused.refusal == "unpaid", **error})

    def _lose_patience(self, refused: Refused) -> None:
        since, now = self._pace.trouble_since_s, self._clock.monotonic()
        if refused.status is None and not self._was_answered:
            self._first_tries += 1
            if self._first_tries >= _MOST_FIRST_TRIES:
                self._fault = self._fault or _error("direct-no-connection", refused)
        elif since is not None and now - since >= _PATIENCE_S:
            self._fault = self._fault or _error("direct-still-refused", refused)

    def _keep(self, rows: _Rows, entry: Mapping[str, Any]) -> None:
        """Write an entry; what the disk does not take is kept, and nothing is asked before it is written."""
        try:
            rows.journal.add([entry])
        except StorageError as error:
            self._unwritten.append((rows, entry))
            self._fault = self._fault or error

    def _write_what_is_left(self) -> None:
        while self._unwritten:
            rows, entry = self._unwritten[0]
            rows.journal.add([entry])
            self._unwritten.pop(0)

    def _raise_fault(self) -> None:
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault


def was_only_refused(folder: Path) -> bool:
    """Whether calls were made of which each was refused, so that nothing was billed."""
    journals = [Journal(path).read() for path in folder.glob(f"*{_JOURNAL}")]
    return bool(journals) and all(
        not entries.damaged and all(last["as"] == "refused" for last in _last_of(entries.all).values())
        for entries in journals
    )


def _last_of(entries: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """What is known last of each row; an answer, where there is one: it may have come late."""
    last: dict[int, Mapping[str, Any]] = {}
    for entry in entries:
        if "row" in entry and last.get(int(entry["row"]), {}).get("as") != "answer":
            last[int(entry["row"])] = entry
    return last


def _error(kind: str, refused: Refused) -> ServiceError:
    match kind:
        case "direct-refused":
            told = ServiceError(
                "direct-refused",
                why=refused.why,
                status=refused.status,
                code=refused.code,
                refusal=refused.refusal,
            )
        case "direct-no-connection":
            # Not a status that passes: nobody has answered yet.
            told = ServiceError("direct-no-connection", why=refused.why, status=0, refusal="no-answer")
        case _:
            told = ServiceError(
                "direct-still-refused", why=refused.why, status=0, code=refused.code, refusal=refused.refusal
            )
    return told


def _result(request: Mapping[str, Any], entry: Mapping[str, Any] | None) -> bytes:
    """The line of a row among the results."""
    custom_id = str(request["custom_id"])
    match entry["as"] if entry is not None else "refused":
        case "answer":
            return answer_line(custom_id, str(request["model"]), entry["body"])  # type: ignore[index]
        case "error":
            assert entry is not None
            return error_line(
                custom_id,
                int(entry["status"]),
                str(entry["code"]),
                str(entry["message"]),
                is_unpaid=bool(entry["is_unpaid"]),
            )
        case "lost":
            return lost_line(custom_id, str(entry["why"]))  # type: ignore[index]
        case "intent":
            return lost_line(custom_id, "the program was stopped before the answer came")
        case _:
            return unasked_line(custom_id)
