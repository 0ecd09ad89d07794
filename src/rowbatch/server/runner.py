"""
Runs the batches: one task checks new ones, one works through those that may run, oldest first, and one ends
those that were cancelled before their turn.

Result lines are appended to a work file and synced once a second. After a kill the next start reads
them, drops a last line that was cut, and goes on with the rows that are missing.

While the disk takes nothing, answers that are here wait in memory and no further row is asked: an answer may
have cost money. They are written as soon as there is room.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from rowbatch.errors import RowbatchError, StorageError
from rowbatch.server import strict_json
from rowbatch.server.endpoint import ServedEndpoint
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import Engine, EngineReply, sound_reply
from rowbatch.server.storage import FILE_LIFE_S, RESULT_LIFE_S, UNFINISHED, Storage, sync_folder
from rowbatch.server.validation import Verdict, missing_input, validate_input
from rowbatch.store.home import private_file

_SYNC_EVERY_S = 1.0
_SYNC_EVERY_LINES = 25
_TRY_AGAIN_S = 2.0
_MOST_FAILURES = 3
"""After so many faults that no room on the disk would mend, a batch ends with what it has."""
_KINDS = ("output", "error")
_EXPIRED = "batch_expired"
FINAL_STATUS = "_final_status"
"""A field of a batch that is our own: where it will end, once its lines are complete."""


class Runner:
    """
    Takes batches from `validating` to a terminal status.

    Attributes:
        is_idle: No batch is unfinished.
        fault: What keeps the work from going on (a full disk, say), or None. It is tried again and again.
    """

    def __init__(self, storage: Storage, engine: Engine) -> None:
        self._storage, self._engine = storage, engine
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._current = ""
        self._failures: collections.Counter[str] = collections.Counter()
        self.is_idle = False
        self.fault: str | None = None

    def start(self) -> None:
        """Begin, with what an earlier process left unfinished."""
        steps = (self._check_next, self._run_next, self._end_next_cancelled)
        self._tasks = [asyncio.create_task(self._again_and_again(step)) for step in steps]
        self.wake()

    async def stop(self) -> None:
        """End the tasks; what is unfinished goes on at the next start."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def wake(self) -> None:
        """There is a new batch, or one was cancelled."""
        self.is_idle = False
        self._news.set()

    async def _again_and_again(self, step: Callable[[], Awaitable[bool]]) -> None:
        """Take a step for as long as it finds work. A fault costs time, never a batch."""
        while True:
            try:
                found_work = await step()
            except Exception as error:
                self._tell(error)
                logging.getLogger(__name__).exception("the work stopped; trying again")
                await asyncio.sleep(_TRY_AGAIN_S)
                continue
            if found_work:
                self.fault = None
            else:
                self.is_idle = self._storage.oldest_batch(*UNFINISHED) is None
                await self._wait_for_news()

    def _tell(self, error: Exception) -> None:
        self.fault = f"{type(error).__name__}: {error}"

    async def _check_next(self) -> bool:
        batch = self._storage.oldest_batch("validating")
        if batch is None:
            return False
        verdict = await asyncio.to_thread(self._check, batch)
        # A cancel may have come meanwhile; then it stays cancelled.
        if (self._storage.batch(batch["id"]) or {}).get("status") != "validating":
            return True
        now = int(time.time())
        if verdict.errors:
            self._storage.update_batch(
                batch["id"],
                status="failed",
                failed_at=now,
                errors={"object": "list", "data": verdict.errors},
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

    def _check(self, batch: Mapping[str, Any]) -> Verdict:
        path = self._storage.input_of(batch["id"])
        if not path.is_file():
            return missing_input(str(batch["input_file_id"]))
        return validate_input(path, endpoint=ENDPOINTS[batch["endpoint"]], models=self._engine.models)

    async def _run_next(self) -> bool:
        batch = self._storage.oldest_batch("finalizing") or self._storage.oldest_batch("in_progress")
        if batch is None:
            return False
        self._current = batch["id"]
        try:
            await self._run_or_give_up(batch)
        finally:
            self._current = ""
        return True

    async def _end_next_cancelled(self) -> bool:
        # The one that runs is ended by who runs it, after its last row.
        batch = self._storage.oldest_batch("cancelling", but=self._current)
        if batch is None:
            return False
        await self._run_or_give_up(batch)
        return True

    async def _wait_for_news(self) -> None:
        # All tasks wait on one event: clear it only after all had the chance to look.
        await self._news.wait()
        await asyncio.sleep(0)
        self._news.clear()

    async def _run_or_give_up(self, batch: Mapping[str, Any]) -> None:
        """
        Run a batch; after a few faults of its own it fails, so that those behind it have their turn.

        What it has answered stays in its files.
        """
        batch_id = str(batch["id"])
        try:
            await self._run(batch)
        except Exception as error:
            if _passes(error):
                raise
            self._failures[batch_id] += 1
            if self._failures[batch_id] < _MOST_FAILURES:
                raise
            logging.getLogger(__name__).exception("batch %s cannot go on", batch_id)
            told = {"code": "server_error", "message": f"{type(error).__name__}: {error}"}
            entry = {**told, "param": None, "line": None}
            self._finish(
                self._storage.update_batch(
                    batch_id, **{FINAL_STATUS: "failed"}, errors={"object": "list", "data": [entry]}
                )
            )
        self._failures.pop(batch_id, None)

    async def _run(self, batch: Mapping[str, Any]) -> None:
        if FINAL_STATUS not in batch:
            work = _Work.open(self._storage, batch)
            try:
                if batch["status"] == "in_progress":
                    await self._answer_rows(work)
                batch = self._storage.batch(batch["id"]) or batch
                # What was never checked has no rows that could be told of.
                if batch["in_progress_at"] is not None:
                    is_cancelled = batch["status"] == "cancelling"
                    await asyncio.to_thread(work.add_unfinished, is_cancelled=is_cancelled)
                work.sync()
            finally:
                work.close()
            final = "cancelled" if batch["status"] == "cancelling" else "completed"
            # From here on the result files change their names: a crash must not begin anew.
            batch = self._storage.update_batch(
                batch["id"],
                **{FINAL_STATUS: "expired" if work.has_expired else final},
                status="cancelling" if final == "cancelled" else "finalizing",
                finalizing_at=None if final == "cancelled" else int(time.time()),
                request_counts=work.counts(),
                usage=work.usage,
            )
        self._finish(batch)

    async def _answer_rows(self, work: _Work) -> None:
        """Keep the engine's slots full until every row has a line, the window is over, or it is cancelled."""
        running: set[asyncio.Task[None]] = set()
        try:
            async for request in work.requests():
                while len(running) >= self._engine.concurrency:
                    running = await self._wait_for_some(running, work)
                if work.is_over():
                    break
                running.add(asyncio.create_task(self._answer_row(work, request)))
            while running:
                running = await self._wait_for_some(running, work)
        except Exception:
            # What is being answered is kept all the same: it may have been paid for.
            if running:
                await asyncio.wait(running)
            raise
        finally:
            for task in running:
                task.cancel()

    async def _wait_for_some(self, running: set[asyncio.Task[None]], work: _Work) -> set[asyncio.Task[None]]:
        done, left = await asyncio.wait(running, timeout=_SYNC_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        # Also the caller's: when this raises, only these are still to be waited for.
        running -= done
        for task in done:
            task.result()
        work.sync_when_due()
        return left

    async def _answer_row(self, work: _Work, request: Mapping[str, Any]) -> None:
        try:
            reply = sound_reply(await self._engine.answer(work.endpoint.url, request["body"]))
        except RowbatchError as error:
            reply = _failure(503, error.message, "engine_unavailable")
        except Exception as error:  # a fault in the engine is this row's, not the batch's
            logging.getLogger(__name__).exception("the engine failed")
            reply = _failure(500, f"{type(error).__name__}: {error}", "engine_failed")
        while (trouble := work.try_to_add(request["custom_id"], reply)) is not None:
            self._tell(trouble)
            await asyncio.sleep(_TRY_AGAIN_S)

    def _finish(self, batch: Mapping[str, Any]) -> None:
        """Give the result files their names, then say that it is over. Can be done again after a crash."""
        storage, batch_id, final = self._storage, str(batch["id"]), str(batch[FINAL_STATUS])
        ids: dict[str, str | None] = {}
        for kind in _KINDS:
            # The id follows from the batch's, so that a second try finds what the first one did.
            file_id = f"file-{batch_id.removeprefix('batch_')}{kind[0]}"
            part, whole = storage.results_of(batch_id, kind), storage.path_of(file_id)
            if part.exists() and part.stat().st_size:
                part.replace(whole)
                sync_folder(whole.parent)
            if whole.exists():
                storage.add_file(
                    file_id,
                    filename=f"{batch_id}_{kind}.jsonl",
                    purpose="batch_output",
                    life_s=int(batch.get(RESULT_LIFE_S) or FILE_LIFE_S),
                )
                ids[f"{kind}_file_id"] = file_id
            part.unlink(missing_ok=True)
        storage.update_batch(
            batch_id,
            status=final,
            **{f"{final}_at": int(time.time())},
            **ids,
        )
        storage.input_of(batch_id).unlink(missing_ok=True)
        self.wake()


def _passes(error: Exception) -> bool:
    """Whether it may be over when somebody makes room, or the disk is there again."""
    return isinstance(error, OSError | StorageError) and not isinstance(error, FileNotFoundError)


def _failure(status_code: int, message: str, code: str) -> EngineReply:
    error = {"message": message, "type": "server_error", "param": None, "code": code}
    return EngineReply(status_code, {"error": error})


@dataclass(slots=True)
class _Work:
    """One batch's rows: which are done, and where their lines go."""

    storage: Storage
    batch_id: str
    endpoint: ServedEndpoint
    total: int
    expires_at: int
    files: dict[str, FileIO]
    done: dict[str, set[str]]
    usage: dict[str, Any]
    has_expired: bool = False
    unsynced: int = 0
    synced_at: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, storage: Storage, batch: Mapping[str, Any]) -> _Work:
        batch_id = str(batch["id"])
        usage: dict[str, Any] = {
            "input_tokens": 0,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 0,
        }
        done: dict[str, set[str]] = {}
        has_expired = False
        for kind in _KINDS:
            done[kind] = set()
            path = storage.results_of(batch_id, kind)
            for entry in _results_so_far(path):
                done[kind].add(entry["custom_id"])
                if kind == "output":
                    _add_usage(usage, entry["response"]["body"])
                elif (entry["error"] or {}).get("code") == _EXPIRED:
                    has_expired = True
        # Not buffered: what is written survives a kill of this process at once, and a power cut when synced.
        for kind in _KINDS:
            private_file(storage.results_of(batch_id, kind))
        files = {kind: storage.results_of(batch_id, kind).open("ab", buffering=0) for kind in _KINDS}
        total = int(batch["request_counts"]["total"])
        served, expires_at = ENDPOINTS[batch["endpoint"]], int(batch["expires_at"])
        return cls(storage, batch_id, served, total, expires_at, files, done, usage, has_expired)

    async def requests(self) -> AsyncIterator[Mapping[str, Any]]:
        """Rows without a line, in the input's order; the file is streamed."""
        with self.storage.input_of(self.batch_id).open("rb") as file:
            for line in file:
                request = json.loads(line)
                if not self._is_done(request["custom_id"]):
                    yield request

    def try_to_add(self, custom_id: str, reply: EngineReply) -> OSError | None:
        """Append a row's line; what the disk said when it did not take it."""
        try:
            self.add(custom_id, reply)
        except OSError as error:
            return error
        return None

    def add(self, custom_id: str, reply: EngineReply) -> None:
        """
        Append a row's line, whole or not at all.

        Raises:
            OSError: The disk does not take it.
        """
        is_answer = reply.is_answer
        body = dict(reply.body)
        if is_answer:
            body = self.endpoint.finished(body)
        self._write(
            "output" if is_answer else "error",
            custom_id,
            {"status_code": reply.status_code, "request_id": f"req_{secrets.token_hex(12)}", "body": body},
            None,
        )
        if is_answer:
            _add_usage(self.usage, body)

    def add_unfinished(self, *, is_cancelled: bool) -> None:
        """Give every row that has no line the one that says why."""
        if is_cancelled:
            code = "batch_cancelled"
            message = "This request was not executed because the batch was cancelled."
        else:
            code = _EXPIRED
            message = "This request could not be executed before the completion window expired."
        for line in self._input_lines():
            custom_id = json.loads(line)["custom_id"]
            if not self._is_done(custom_id):
                self.has_expired = not is_cancelled
                self._write("error", custom_id, None, {"code": code, "message": message})

    def counts(self) -> dict[str, int]:
        return {"total": self.total, "completed": len(self.done["output"]), "failed": len(self.done["error"])}

    def is_over(self) -> bool:
        """Whether no further row may start."""
        if time.time() >= self.expires_at:
            return True
        return (self.storage.batch(self.batch_id) or {}).get("status") != "in_progress"

    def sync(self) -> None:
        """Make the lines so far durable, and the counters visible."""
        for file in self.files.values():
            os.fsync(file.fileno())
        if self.unsynced:
            self.storage.update_batch(self.batch_id, request_counts=self.counts())
        self.unsynced, self.synced_at = 0, time.monotonic()

    def sync_when_due(self) -> None:
        is_late = time.monotonic() - self.synced_at >= _SYNC_EVERY_S
        if self.unsynced and (is_late or self.unsynced >= _SYNC_EVERY_LINES):
            self.sync()

    def close(self) -> None:
        for file in self.files.values():
            file.close()

    def _write(
        self,
        kind: str,
        custom_id: str,
        response: Mapping[str, Any] | None,
        error: Mapping[str, Any] | None,
    ) -> None:
        line = {
            "id": f"batch_req_{secrets.token_hex(12)}",
            "custom_id": custom_id,
            "response": response,
            "error": error,
        }
        file, rest = self.files[kind], memoryview(strict_json.written(line) + b"\n")
        begin = os.fstat(file.fileno()).st_size
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            # Half a line would become one with the next one that is written.
            os.ftruncate(file.fileno(), begin)
            raise
        self.done[kind].add(custom_id)
        self.unsynced += 1

    def _is_done(self, custom_id: str) -> bool:
        return any(custom_id in ids for ids in self.done.values())

    def _input_lines(self) -> Iterator[bytes]:
        path = self.storage.input_of(self.batch_id)
        if path.is_file():
            with path.open("rb") as file:
                yield from file


def _results_so_far(path: Path) -> Iterator[dict[str, Any]]:
    """
    The lines of a work file that can be read; a last one that was cut is taken off.

    Others are there only when the disk has lost them: they are dropped too, and their rows are asked again.
    """
    if not path.is_file():
        return
    whole, broken = 0, 0
    with path.open("r+b") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            entry = _result(line)
            if entry is None:
                broken += 1
            else:
                yield entry
        file.truncate(whole)
    if broken:
        logging.getLogger(__name__).warning("%d lines of %s cannot be read", broken, path.name)
        _drop_broken_lines(path)


def _drop_broken_lines(path: Path) -> None:
    temporary = path.with_suffix(".copying")
    with path.open("rb") as file, temporary.open("wb") as kept:
        kept.writelines(line for line in file if _result(line) is not None)
        kept.flush()
        os.fsync(kept.fileno())
    temporary.replace(path)


def _result(line: bytes) -> dict[str, Any] | None:
    """A line that `_Work` wrote, or None."""
    try:
        entry = strict_json.parse_object(line)
    except ValueError:
        return None
    response, error = entry.get("response"), entry.get("error")
    is_whole = isinstance(entry.get("custom_id"), str) and (
        isinstance(error, dict)
        or (isinstance(response, dict) and isinstance(response.get("body"), dict) and error is None)
    )
    return entry if is_whole else None


def _add_usage(usage: dict[str, Any], body: Mapping[str, Any]) -> None:
    counted = body.get("usage")
    if not isinstance(counted, Mapping):
        return
    # Another server may say anything here, and a row is not lost over its count.
    prompt, answer = (
        value if isinstance(value := counted.get(name), int) and not isinstance(value, bool) else 0
        for name in ("prompt_tokens", "completion_tokens")
    )
    usage["input_tokens"] += prompt
    usage["output_tokens"] += answer
    usage["total_tokens"] += prompt + answer
