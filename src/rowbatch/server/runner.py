"""
Runs the batches: one task checks new ones, and one works on those that may run.

Rows of several batches are asked in turn, so that nobody waits for the slow rows of somebody else, and the
slots never run empty at the end of a batch. Of two batches that with fewer rows under way has the next turn.

While the disk takes nothing, answers that are here wait in memory and no further row is asked: an answer may
have cost money. They are written as soon as there is room.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from rowbatch.errors import RowbatchError, StorageError
from rowbatch.objects.disk import fsync_folder
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import Engine, EngineReply, sound_status, wait_a_while
from rowbatch.server.habits import Habits
from rowbatch.server.probes import LEAST_ROWS, Probe
from rowbatch.server.storage import FILE_LIFE_S, OWNER, RESULT_LIFE_S, UNFINISHED, Storage
from rowbatch.server.validation import Verdict, missing_input, validate_input
from rowbatch.server.work import KINDS, Row, Work

_SYNC_EVERY_S = 1.0
_SYNC_EVERY_LINES = 25
_SYNC_AT_MOST_EVERY_S = 0.1
_LOOK_EVERY_S = 0.25
"""How soon it is noticed that a window is over, or that there is room again."""
_LAST_ANSWERS_S = 5.0
"""What is being answered when a batch ends early may have been paid for: so long it may still come."""
_ANSWERS_AT_STOP_S = 3.0
"""As long when the server is stopped. Docker kills ten seconds after it asked, and systemd after 90."""
_TRY_AGAIN_S = 2.0
_MOST_FAILURES = 3
"""After so many faults that no room on the disk would mend, a batch ends with what it has."""
IGNORED = "_ignored"
"""A field of a batch that is our own: what the server behind this one ignores, see `Probe.report`."""
ASKED_AGAIN = "_asked_again"
"""A field of a batch that is our own: rows that may have been asked twice, since a process was killed."""
ROWS_A_DAY = "_rows_a_day"
"""A field of a batch that is our own: how many rows its owner may have answered in a day."""
FINAL_STATUS = "_final_status"
"""A field of a batch that is our own: where it will end, once its lines are complete."""


class Runner:
    """
    Takes batches from `validating` to a terminal status.

    Attributes:
        is_idle: No batch is unfinished.
        outcomes: Rows since the start, `answered` and `refused`.
        ignored: Of each model what its server ignores, by the newest batch that showed it.
    """

    def __init__(self, storage: Storage, engine: Engine) -> None:
        self._storage, self._engine = storage, engine
        self._to_check, self._news = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._works: dict[str, Work] = {}
        self._ends: dict[str, asyncio.Task[None]] = {}
        self._in_flight: collections.Counter[str] = collections.Counter()
        self._syncing: asyncio.Task[None] | None = None
        self._may_be_more = True
        self._failures: collections.Counter[str] = collections.Counter()
        self._faults: dict[object, str] = {}
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.habits = Habits(storage, engine.behind)
        self.is_idle = False

    @property
    def in_flight(self) -> int:
        """Rows that are being answered."""
        return sum(self._in_flight.values())

    def start(self) -> None:
        """Begin, with what an earlier process left unfinished."""
        steps = ((self._check_next, self._to_check), (self._go_on, self._news))
        self._tasks = [asyncio.create_task(self._again_and_again(*step)) for step in steps]
        self.wake()

    async def stop(self) -> None:
        """
        End the tasks; what is unfinished goes on at the next start.

        What is being answered may have been paid for, so for a moment it may still come.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        rows = [task for work in self._works.values() for task in work.running]
        if rows:
            await asyncio.wait(rows, timeout=_ANSWERS_AT_STOP_S)
        syncing = [self._syncing] if self._syncing else []
        tasks = [*rows, *self._ends.values(), *syncing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for work in self._works.values():
            with contextlib.suppress(OSError):
                work.flush()
            work.close()

    def wake(self) -> None:
        """There is a new batch, or one changed."""
        self.is_idle = False
        self._may_be_more = True
        self._to_check.set()
        self._news.set()

    def cancel(self, batch_id: str) -> None:
        """Somebody cancelled a batch."""
        if batch_id in self._works:
            self._works[batch_id].is_cancelled = True
        self.wake()

    async def _again_and_again(self, step: Callable[[], Awaitable[bool]], news: asyncio.Event) -> None:
        """Take a step for as long as it finds work. A fault costs time, never a batch."""
        while True:
            news.clear()
            try:
                found_work = await step()
            except Exception as error:
                self._faults[step] = f"{type(error).__name__}: {error}"
                logging.getLogger(__name__).exception("the work stopped; trying again")
                await asyncio.sleep(_TRY_AGAIN_S)
                news.set()
                continue
            self._faults.pop(step, None)
            if found_work:
                news.set()
                continue
            await wait_a_while(news, _LOOK_EVERY_S if self._works else None)

    @property
    def fault(self) -> str | None:
        """What keeps the work from going on (a full disk, say), or None. It is tried again and again."""
        return next(iter(self._faults.values()), None)

    async def _check_next(self) -> bool:
        batch = self._storage.oldest_batch("validating")
        if batch is None:
            return False
        verdict = await asyncio.to_thread(self._check, batch)
        if any(entry["code"] == "model_not_found" for entry in verdict.errors):
            # It may have been loaded since.
            known = set(self._engine.models)
            await self._engine.refresh()
            if set(self._engine.models) != known:
                verdict = await asyncio.to_thread(self._check, batch)
        # A cancel may have come meanwhile; then it stays cancelled.
        if (self._storage.batch(batch["id"]) or {}).get("status") != "validating":
            return True
        now = self._storage.now()
        errors = verdict.errors or self._over_quota(batch, verdict.requests)
        if errors:
            self._storage.update_batch(
                batch["id"],
                status="failed",
                failed_at=now,
                errors={"object": "list", "data": errors},
            )
            self._storage.input_of(batch["id"]).unlink(missing_ok=True)
        else:
            self._storage.update_batch(
                batch["id"],
                status="in_progress",
                in_progress_at=now,
                model=verdict.model,
                request_counts={"total": verdict.requests, "completed": 0, "failed": 0},
            )
        self.wake()
        return True

    def _over_quota(self, batch: Mapping[str, Any], rows: int) -> list[dict[str, Any]]:
        """Why a batch is too much for today; empty where it is not, and then it is counted."""
        most, owner = batch.get(ROWS_A_DAY), str(batch.get(OWNER, ""))
        used = None if most is None else self._storage.take_rows(owner, str(batch["id"]), rows, most)
        if used is None:
            return []
        text = (
            f"Rows-per-day limit reached for the key '{owner}'. Limit: {most} rows; used today: {used}; this "
            f"batch: {rows}. Please try again after 00:00 UTC, or with fewer rows."
        )
        return [{"code": "rate_limit_exceeded", "message": text, "param": None, "line": None}]

    def _check(self, batch: Mapping[str, Any]) -> Verdict:
        path = self._storage.input_of(batch["id"])
        if not path.is_file():
            return missing_input(str(batch["input_file_id"]))
        return validate_input(path, endpoint=ENDPOINTS[batch["endpoint"]], models=self._engine.models)

    async def _go_on(self) -> bool:
        """Write what came, ask what may be asked, and end what is over."""
        for batch_id, work in self._works.items():
            if batch_id not in self._ends:
                work.flush()
        if self._syncing is not None and self._syncing.done():
            syncing, self._syncing = self._syncing, None
            syncing.result()
        if self._may_be_more:
            await self._take_up()
        self._ask()
        self._end_what_is_over()
        self._sync_when_due()
        if not self._works and not self._ends:
            self.is_idle = self._storage.oldest_batch(*UNFINISHED) is None
        return False

    async def _take_up(self) -> None:
        """Begin with further batches, oldest first, for as long as slots would be free."""
        while True:
            asked = sum(not work.is_all_asked and not work.is_stopping() for work in self._works.values())
            may_begin = ("in_progress",) if asked < self._engine.batches_at_once else ()
            batch = self._storage.oldest_batch(
                "finalizing", "cancelling", *may_begin, but=(*self._works, *self._ends)
            )
            if batch is None:
                break
            batch_id = str(batch["id"])
            if FINAL_STATUS in batch:
                self._ends[batch_id] = asyncio.create_task(self._end(batch_id, None))
                continue
            try:
                work = await asyncio.to_thread(Work.open, self._storage, batch)
            except Exception as error:  # noqa: BLE001 - it goes on from there, or is this batch's
                self._fail(batch_id, error)
                continue
            work.is_cancelled = (self._storage.batch(batch_id) or batch)["status"] != "in_progress"
            if self._engine.may_ignore and work.total - len(work.earlier) >= LEAST_ROWS:
                work.probe = Probe(work.endpoint.url)
            try:
                self._keep_asked_again(work, batch)
            except BaseException:
                work.close()
                raise
            self._works[batch_id] = work
        self._may_be_more = False

    def _keep_asked_again(self, work: Work, batch: Mapping[str, Any]) -> None:
        """Say in the batch how many rows may be asked twice, before any is."""
        if work.asked_again:
            again = int(batch.get(ASKED_AGAIN, 0)) + work.asked_again
            self._storage.update_batch(work.batch_id, **{ASKED_AGAIN: again})
        work.forget_asked()

    def _fail(self, batch_id: str, error: Exception) -> None:
        """
        Note a fault of one batch; after a few it fails, so that those behind it have their turn.

        What it has answered stays in its files.

        Raises:
            Exception: That fault, where it is to be tried again.
        """
        if _passes(error):
            raise error
        self._failures[batch_id] += 1
        if self._failures[batch_id] < _MOST_FAILURES:
            raise error
        logging.getLogger(__name__).error("batch %s cannot go on", batch_id, exc_info=error)
        told = {"code": "server_error", "message": f"{type(error).__name__}: {error}"}
        entry = {**told, "param": None, "line": None}
        self._storage.update_batch(
            batch_id, **{FINAL_STATUS: "failed"}, errors={"object": "list", "data": [entry]}
        )
        work = self._works.pop(batch_id, None)
        if work is not None:
            for task in work.running:
                task.cancel()
            work.close()
        self._ends[batch_id] = asyncio.create_task(self._end(batch_id, None))

    def _ask(self) -> None:
        """Give the engine as many rows as it takes."""
        left = [work for work in self._works.values() if not work.is_all_asked and not work.is_stopping()]
        room = {work.model: self._engine.slots(work.model) - self._in_flight[work.model] for work in left}
        while left:
            left = [work for work in left if room[work.model] > 0 and not _waits(work)]
            if not left:
                return
            work = min(left, key=lambda work: len(work.running)) if len(left) > 1 else left[0]
            try:
                row = work.next_row()
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(work.batch_id, error)
                row = None
            if row is None:
                left.remove(work)
                self._may_be_more = True
                self._news.set()
                continue
            if work.probe is not None and not work.probe.is_over():
                work.probe.asks(row.body)
            room[work.model] -= 1
            self._in_flight[work.model] += 1
            work.running.add(asyncio.create_task(self._answer_row(work, row)))

    async def _answer_row(self, work: Work, row: Row) -> None:
        try:
            reply = sound_status(await self._answer(work, row))
        except RowbatchError as error:
            reply = _failure(503, error.message, "engine_unavailable")
        except Exception as error:  # a fault in the engine is this row's, not the batch's
            logging.getLogger(__name__).exception("the engine failed")
            reply = _failure(500, f"{type(error).__name__}: {error}", "engine_failed")
        finally:
            self._in_flight[work.model] -= 1
            task = asyncio.current_task()
            assert task is not None
            work.running.discard(task)
            self._news.set()
        self.outcomes["answered" if reply.is_answer else "refused"] += 1
        work.add(row, reply)

    async def _answer(self, work: Work, row: Row) -> EngineReply:
        """An answer of the engine; the first ones of a batch show what it ignores."""
        url, probe = work.endpoint.url, work.probe

        async def engine(body: Mapping[str, Any]) -> EngineReply:
            return await self._engine.answer(url, body)

        if probe is None:
            asked = await self.habits.ask(url, row.body, engine)
            self._say_once(work, self.habits.of_request(url, row.body, asked.mended))
            return asked.reply
        was_over = probe.is_over()
        asked = await self.habits.ask(url, row.body, engine, mended=probe.mended)
        if was_over:
            return asked.reply
        reply = asked.reply
        if probe.learn(asked.sent, reply, asked.mended):
            asked = await self.habits.ask(url, row.body, engine, mended=probe.mended)
            # Of an answer no better one is asked for a second time.
            probe.look(asked.sent, asked.reply, asked.mended)
            reply = asked.reply if asked.reply.is_answer else reply
        if probe.is_over():
            seen = {name: name in probe.mended for name in probe.ignored}
            self.habits.note(work.model, seen, probe.tried - seen.keys())
        if probe.ignored:
            self._say_once(work, probe.report)
        if probe.is_over() and probe.ignored:
            log = logging.getLogger(__name__)
            log.warning("batch %s: %s", work.batch_id, "; ".join(probe.report["warnings"]))
        return reply

    def _say_once(self, work: Work, report: Mapping[str, Any]) -> None:
        """Say in a batch what is ignored of it. An answer is not lost where the disk does not take that."""
        if not report or report == work.told:
            return
        try:
            self._storage.update_batch(work.batch_id, **{IGNORED: dict(report)})
        except (OSError, StorageError) as error:
            logging.getLogger(__name__).warning("batch %s: not said in it: %s", work.batch_id, error)
        else:
            work.told = dict(report)

    def _end_what_is_over(self) -> None:
        now = time.monotonic()
        for batch_id, end in list(self._ends.items()):
            if end.done():
                del self._ends[batch_id]
                self._may_be_more = True
                error = end.exception()
                if isinstance(error, Exception):
                    self._fail(batch_id, error)
                elif error is None:
                    self._works.pop(batch_id, None)
                    self._failures.pop(batch_id, None)
                self._news.set()
        for batch_id, work in self._works.items():
            if batch_id in self._ends:
                continue
            is_stopping = work.is_stopping()
            if not work.running and (work.is_all_asked or is_stopping):
                self._ends[batch_id] = asyncio.create_task(self._end(batch_id, work))
                continue
            if is_stopping:
                work.stops_at = work.stops_at or now + _LAST_ANSWERS_S
                if now >= work.stops_at:
                    for task in work.running:
                        task.cancel()

    def _sync_when_due(self) -> None:
        if self._syncing is not None:
            return
        now = time.monotonic()
        due = []
        for work in self._works.values():
            since_s = now - work.synced_at
            is_due = since_s >= _SYNC_EVERY_S or (
                work.unsynced >= _SYNC_EVERY_LINES and since_s >= _SYNC_AT_MOST_EVERY_S
            )
            if work.unsynced and is_due and work.batch_id not in self._ends:
                due.append(work)
        if due:
            self._syncing = asyncio.create_task(self._sync(due))

    async def _sync(self, works: list[Work]) -> None:
        """Make lines durable, and the counters visible."""
        for work in works:
            lines, now = work.unsynced, time.monotonic()
            await asyncio.to_thread(work.sync)
            work.unsynced -= lines
            work.synced_at = now
            if now - work.told_at >= _SYNC_EVERY_S and work.batch_id not in self._ends:
                self._storage.update_batch(work.batch_id, request_counts=work.request_counts())
                work.told_at = now

    async def _end(self, batch_id: str, work: Work | None) -> None:
        """Bring a batch whose rows are done to its terminal status. Can be done again."""
        batch = self._storage.batch(batch_id)
        assert batch is not None
        if work is not None and FINAL_STATUS not in batch:
            if self._syncing is not None:
                await asyncio.wait([self._syncing])
            is_cancelled = batch["status"] == "cancelling"
            # What was never checked has no rows that could be told of.
            if batch["in_progress_at"] is not None:
                await asyncio.to_thread(work.add_unfinished, is_cancelled=is_cancelled)
            await asyncio.to_thread(work.sync)
            # It may have been cancelled meanwhile; then it ends so, with all that it has.
            is_cancelled = (self._storage.batch(batch_id) or batch)["status"] == "cancelling"
            final = "cancelled" if is_cancelled else "completed"
            # From here on the result files change their names: a crash must not begin anew.
            batch = self._storage.update_batch(
                batch_id,
                **{FINAL_STATUS: "expired" if work.has_expired else final},
                status="cancelling" if is_cancelled else "finalizing",
                finalizing_at=None if is_cancelled else self._storage.now(),
                request_counts=work.request_counts(),
                usage=work.usage,
            )
        if work is not None:
            work.close()
        self._finish(batch)

    def _finish(self, batch: Mapping[str, Any]) -> None:
        """Give the result files their names, then say that it is over. Can be done again after a crash."""
        storage, batch_id, final = self._storage, str(batch["id"]), str(batch[FINAL_STATUS])
        ids: dict[str, str | None] = {}
        for kind in KINDS:
            # The id follows from the batch's, so that a second try finds what the first one did.
            file_id = f"file-{batch_id.removeprefix('batch_')}{kind[0]}"
            part, whole = storage.results_of(batch_id, kind), storage.path_of(file_id)
            if part.exists() and part.stat().st_size:
                part.replace(whole)
                fsync_folder(whole.parent)
            if whole.exists():
                storage.add_file(
                    file_id,
                    filename=f"{batch_id}_{kind}.jsonl",
                    purpose="batch_output",
                    life_s=int(batch.get(RESULT_LIFE_S) or FILE_LIFE_S),
                    owner=str(batch.get(OWNER, "")),
                )
                ids[f"{kind}_file_id"] = file_id
            part.unlink(missing_ok=True)
        storage.update_batch(
            batch_id,
            status=final,
            **{f"{final}_at": storage.now()},
            **ids,
        )
        storage.input_of(batch_id).unlink(missing_ok=True)
        storage.asked_of(batch_id).unlink(missing_ok=True)
        self.wake()


def _waits(work: Work) -> bool:
    """Whether its next row waits for what its first answers show."""
    return work.probe is not None and work.probe.is_full


def _passes(error: Exception) -> bool:
    """Whether it may be over when somebody makes room, or the disk is there again."""
    return isinstance(error, OSError | StorageError) and not isinstance(error, FileNotFoundError)


def _failure(status_code: int, message: str, code: str) -> EngineReply:
    error = {"message": message, "type": "server_error", "param": None, "code": code}
    return EngineReply(status_code, {"error": error})
