"""
`infer`: a file of requests is answered by a model, here or behind a server, and becomes a file of results.

Many computers do so with one folder, each with its own model; who has a file keeps a lease on it. Answers
are appended to a file of the worker's own as they come. Whoever takes a file up reads what all have written
for it, asks what is missing, puts the results in the order of the requests, and gives them their name, which
is taken once: so a file that is done twice costs time, and no row is wrong, lost or there twice.

What is written for a file says of what content of it, since the same name may be given to other requests
later: their answers are never mixed. Nothing of that is removed before the record of the file is kept: where
a worker is killed between results and record, they are compared with what was written for them.
"""

from __future__ import annotations

import asyncio
import collections
import hashlib
import json
import logging
import os
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any, NamedTuple

from rowbatch.errors import InputError, RowbatchError, UsageError, from_os_error
from rowbatch.objects.folder import Folder
from rowbatch.server import strict_json
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import Engine, EngineReply, LocalEngine, sound_reply, wait_a_while
from rowbatch.server.upstream import upstream_engine
from rowbatch.server.work import read_result
from rowbatch.store.sources import digest_file
from rowbatch.tasks.lease import STALE_S, Lease, Leases
from rowbatch.tasks.records import find_record, keep_record, record_name

_SYNC_EVERY_LINES, _SYNC_EVERY_S = 300, 2.0
_LOOK_EVERY_S = 0.25
_TRY_AGAIN_S = 2.0
_WAIT_S = 1.0
_WRITTEN = re.compile(r"(.+?)(?:\.[0-9a-f]{16}){1,2}\.(?:part|whole)", re.DOTALL)
"""What is written for a file, by its name."""
_DIGITS_OF_DIGEST = 16
_OPEN_FILES = 64
_AT_ONCE = 8
"""Files at once: the next one is begun where only the last rows of one are still being answered."""


@dataclass(frozen=True, slots=True)
class Shard:
    """
    A file of requests.

    Attributes:
        name: Of the file, and of the results.
        path: Where it lies.
    """

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class ShardDone:
    """
    A file of results that is there.

    Attributes:
        name: Of the file.
        record: `requests`, `requests_sha256` (of their file), `completed`, `failed`, `asked` (by this worker
            now), `files`.
    """

    name: str
    record: Mapping[str, Any]


def infer(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Answer a file of requests.

    Args:
        task: `id`; `store`: the folder of the results; `requests`: the file; `upstreams`: who answers, or
            nothing for the model of this computer; perhaps `slots`, `answer_limit_s`, `ask_again`, `stale_s`.
    Returns:
        `id`, `requests`, `requests_sha256`, `completed`, `failed`; `files` with `name`, `bytes`, `sha256`.
    Raises:
        InputError: A line is no request, or the file is another one than that which was answered before.
        ServiceError: No server is there.
        StorageError: The folder cannot be written.
    """
    folder = Folder(Path(task["store"]))
    shard = Shard(str(task["id"]), Path(task["requests"]))
    done = _done(folder, shard)
    if done is not None:
        return done
    engine = engine_for(
        task.get("upstreams") or (),
        slots=task.get("slots"),
        answer_limit_s=task.get("answer_limit_s"),
        ask_again=task.get("ask_again"),
    )
    (done_shard,) = infer_all(
        [shard], folder.folder, engine, stale_s=float(task.get("stale_s") or STALE_S), on_done=lambda _: None
    )
    return done_shard.record


def engine_for(
    upstreams: Sequence[str],
    *,
    slots: int | None = None,
    answer_limit_s: float | None = None,
    ask_again: bool | None = None,
) -> Engine:
    """
    Who answers: servers, or the model of this computer.

    Raises:
        ServiceError: None of them can be reached.
        UsageError: An address, a weight or the key is none.
    """
    if not upstreams:
        return LocalEngine()
    return upstream_engine(upstreams, slots=slots, answer_limit_s=answer_limit_s, ask_again=ask_again)


def infer_all(
    shards: Sequence[Shard],
    folder: Path,
    engine: Engine,
    *,
    stale_s: float = STALE_S,
    waits: bool = True,
    on_done: Callable[[ShardDone], None],
) -> list[ShardDone]:
    """
    Answer files of requests, until all are done, by this worker or by others.

    Args:
        shards: The files.
        folder: Where the results go: `NAME.jsonl`, in the order of the requests, with errors of rows in it.
        engine: Who answers.
        stale_s: A worker that shows no sign of life for so long is taken for dead.
        waits: For files that others have; otherwise this ends where there is nothing else to do.
        on_done: Called for each file that this worker has completed.
    Returns:
        All files that are there at the end.
    Raises:
        InputError: A line of a file is no request, or a file is another one than was answered before.
        StorageError: The folder cannot be written.
        UsageError: A model is asked that nobody has.
    """
    return asyncio.run(_Worker(folder, engine, stale_s, on_done).work(shards, waits=waits))


class _Worker:
    """What the files of one worker share: who answers, and how much is under way."""

    def __init__(
        self, folder: Path, engine: Engine, stale_s: float, on_done: Callable[[ShardDone], None]
    ) -> None:
        self._store, self._engine, self._on_done = Folder(folder), engine, on_done
        self._work = folder / "work"
        self._leases = Leases(self._work, stale_s)
        self._in_flight, self._is_asking = 0, False
        self._room = asyncio.Event()
        self._drained = asyncio.Event()

    async def work(self, shards: Sequence[Shard], *, waits: bool) -> list[ShardDone]:
        by_name = {shard.name: shard for shard in shards}
        faults: list[RowbatchError] = []
        left = await asyncio.to_thread(self._left, shards, faults)
        # Those who begin together begin with different files.
        queue = collections.deque(random.sample(left, len(left)))
        others: list[str] = []
        running: set[asyncio.Task[ShardDone]] = set()
        self._sweep()
        try:
            while True:
                self._drained.clear()
                while queue and not self._is_asking and len(running) < _AT_ONCE:
                    name = queue.popleft()
                    if find_record(self._store, name) is None and not self._begin(by_name[name], running):
                        others.append(name)
                if running:
                    drained = asyncio.create_task(self._drained.wait())
                    done, _ = await asyncio.wait({*running, drained}, return_when=asyncio.FIRST_COMPLETED)
                    drained.cancel()
                    for task in list(running):
                        if task in done:
                            running.discard(task)
                            try:
                                self._on_done(task.result())
                            except RowbatchError as error:
                                # The other files are answered all the same.
                                faults.append(error)
                elif not others or not waits:
                    break
                else:
                    await asyncio.sleep(_WAIT_S)
                    queue.extend(others)
                    others.clear()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self._engine.stop()
        if faults:
            raise faults[0]
        records = ((name, find_record(self._store, name)) for name in sorted(by_name))
        return [ShardDone(name, record) for name, record in records if record is not None]

    def _left(self, shards: Sequence[Shard], faults: list[RowbatchError]) -> list[str]:
        """The files without results, by name; those whose results are of other requests are faults."""
        left = []
        for shard in sorted(shards, key=lambda shard: shard.name):
            try:
                if _done(self._store, shard) is None:
                    left.append(shard.name)
            except InputError as error:
                faults.append(error)
        return left

    def _begin(self, shard: Shard, running: set[asyncio.Task[ShardDone]]) -> bool:
        """Begin with a file; False where another worker has it."""
        lease = self._leases.take(shard.name)
        if lease is None:
            return False
        self._is_asking = True
        running.add(asyncio.create_task(self._answer(shard, lease)))
        return True

    def _all_asked(self) -> None:
        """The next file may begin: of the last one there are only rows that are being answered."""
        self._is_asking = False
        self._drained.set()

    async def _answer(self, shard: Shard, lease: Lease) -> ShardDone:
        is_asking = True

        def all_asked() -> None:
            nonlocal is_asking
            if is_asking:
                is_asking = False
                self._all_asked()

        try:
            found = await asyncio.to_thread(_look_at, shard)
            if self._engine.models and found.model not in self._engine.models:
                await self._engine.refresh()
                if found.model not in self._engine.models:
                    raise UsageError(
                        "model-not-served", model=found.model, known=sorted(self._engine.models)[:20]
                    )
            part = _Part(self._work / f"{shard.name}.{found.mark}.{lease.token}.part")
            try:
                is_there = self._store.stat(shard.name) is not None
                if not is_there:
                    # One of results that somebody has moved away says nothing of those that come.
                    self._store.delete(record_name(shard.name))
                asked = 0 if is_there else await self._ask(shard, found, part, all_asked)
            finally:
                part.close()
            record = await asyncio.to_thread(self._complete, shard, found)
            return ShardDone(shard.name, {**record, "asked": asked})
        finally:
            all_asked()
            await asyncio.to_thread(lease.release)

    async def _ask(self, shard: Shard, found: _Found, part: _Part, all_asked: Callable[[], object]) -> int:
        """Ask the rows that nobody has answered yet; their number."""
        answered = await asyncio.to_thread(lambda: set(_answered(self._work, shard, found)))
        writer = asyncio.create_task(part.write_on())
        rows: set[asyncio.Task[None]] = set()
        asked = 0
        try:
            for request in _requests(shard, found):
                if request["custom_id"] in answered:
                    continue
                while self._in_flight >= self._engine.slots(found.model) or part.fault is not None:
                    self._room.clear()
                    await wait_a_while(self._room, _LOOK_EVERY_S)
                self._in_flight += 1
                asked += 1
                row = asyncio.create_task(self._answer_row(found.url, request, part))
                rows.add(row)
                row.add_done_callback(rows.discard)
            all_asked()
            while rows:
                await asyncio.wait(rows)
            part.end()
            await writer
        except InputError:
            # It was changed in place: what was asked last may be of either content.
            part.is_void = True
            raise
        finally:
            for task in (*rows, writer):
                task.cancel()
            await asyncio.gather(*rows, writer, return_exceptions=True)
            # What came is kept, also where this ends in the middle.
            with suppress(OSError):
                part.flush()
        return asked

    async def _answer_row(self, url: str, request: Mapping[str, Any], part: _Part) -> None:
        try:
            reply = sound_reply(await self._engine.answer(url, request["body"]))
        except RowbatchError as error:
            told = {"message": error.message, "type": "server_error", "param": None}
            reply = EngineReply(503, {"error": {**told, "code": "engine_unavailable"}})
        except Exception as error:  # a fault in the engine is this row's, not the file's
            logging.getLogger(__name__).exception("the engine failed")
            told = {"message": f"{type(error).__name__}: {error}", "type": "server_error", "param": None}
            reply = EngineReply(500, {"error": {**told, "code": "engine_failed"}})
        finally:
            self._in_flight -= 1
            self._room.set()
        part.add(_result_line(url, str(request["custom_id"]), reply))

    def _complete(self, shard: Shard, found: _Found) -> dict[str, Any]:
        """Put the results in the order of the requests, and give them their name; the first one stays."""
        name, is_ours = shard.name, False
        whole = self._work / f"{name}.{found.mark}.{secrets.token_hex(8)}.whole"
        try:
            if self._store.stat(name) is None:
                with _Answers(self._work, shard, found) as answers, whole.open("xb") as file:
                    for request in _requests(shard, found):
                        file.write(answers.line(request["custom_id"]))
                is_ours = self._store.commit(name, whole)
        except (OSError, InputError) as error:
            # Where somebody else has completed it meanwhile, what was written for it is gone.
            if self._store.stat(name) is None:
                raise _told(error, whole) from error
        finally:
            whole.unlink(missing_ok=True)
        results = self._store.path(name)
        size, completed, digest = 0, 0, hashlib.sha256()
        try:
            if not is_ours and (kept := self._completed_by_another(shard, found)) is not None:
                return kept
            with results.open("rb") as file:
                for line in file:
                    size += len(line)
                    completed += _is_answer(line)
                    digest.update(line)
        except OSError as error:
            raise from_os_error(error, str(results)) from error
        record = {
            "id": name,
            "requests": found.requests,
            "requests_sha256": found.digest,
            "completed": completed,
            "failed": found.requests - completed,
            "files": [{"name": name, "bytes": size, "sha256": digest.hexdigest()}],
        }
        kept = keep_record(self._store, name, record)
        self._sweep(name)
        return kept

    def _completed_by_another(self, shard: Shard, found: _Found) -> dict[str, Any] | None:
        """
        The record of results that this worker did not make; None where they are of these requests, and who
        made them was killed before it kept one.

        Raises:
            InputError: They are of other requests, or nobody knows of which.
        """
        record = find_record(self._store, shard.name)
        if record is None and not _is_written_for(self._store.path(shard.name), self._work, shard, found):
            # Whoever made them removes what was written for them, and keeps the record before that.
            record = find_record(self._store, shard.name)
            if record is None:
                raise InputError(
                    "results-of-unknown", path=str(shard.path), results=str(self._store.path(shard.name))
                )
        return _require_of(record, found.digest, self._store, shard) if record is not None else None

    def _sweep(self, name: str = "") -> None:
        """Remove what was written for a file that is done; without a name for all that are."""
        with suppress(FileNotFoundError):
            for path in self._work.iterdir():
                # A worker that was killed at the very end leaves its lease, too.
                is_lease = path.suffix == ".lease" and not name
                written = _WRITTEN.fullmatch(path.name)
                if written or is_lease:
                    of = written[1] if written else path.stem
                    if of == name or (not name and find_record(self._store, of) is not None):
                        path.unlink(missing_ok=True)


def _done(store: Folder, shard: Shard) -> dict[str, Any] | None:
    """
    The record of a file that is answered; None where it is not.

    Raises:
        InputError: It is answered, and was another file then.
    """
    record = find_record(store, shard.name)
    if record is None or not shard.path.is_file():
        return record
    return _require_of(record, digest_file(shard.path), store, shard)


def _require_of(record: dict[str, Any], digest: str, store: Folder, shard: Shard) -> dict[str, Any]:
    # One that an earlier version kept does not say it.
    if record.get("requests_sha256") not in (None, digest):
        raise InputError("answered-file-changed", path=str(shard.path), results=str(store.path(shard.name)))
    return record


def _is_written_for(results: Path, work: Path, shard: Shard, found: _Found) -> bool:
    """Whether each line of some results was written for a file as it is, and each of its requests has one."""
    written: dict[str, set[bytes]] = collections.defaultdict(set)
    for path in _parts(work, shard, found):
        with suppress(FileNotFoundError), path.open("rb") as part:
            for custom_id, at, size in _lines(path):
                part.seek(at)
                written[custom_id].add(hashlib.sha256(part.read(size)).digest())
    with results.open("rb") as file:
        for request in _requests(shard, found):
            if hashlib.sha256(file.readline()).digest() not in written[request["custom_id"]]:
                return False
        return not file.readline()


def _told(error: OSError | InputError, path: Path) -> RowbatchError:
    return error if isinstance(error, InputError) else from_os_error(error, str(path))


class _Found(NamedTuple):
    """What a file of requests has: how many, of which model, for which endpoint; and the digest of it all."""

    requests: int
    model: str
    url: str
    digest: str

    @property
    def mark(self) -> str:
        """As it stands in the names of what is written for this content."""
        return self.digest[:_DIGITS_OF_DIGEST]


def _look_at(shard: Shard) -> _Found:
    """
    Look at each line, before the first one is asked.

    Raises:
        InputError: One is no request, or has the name or model of none of the others.
    """
    ids: set[str] = set()
    first: tuple[str, str] | None = None
    number, digest = 0, hashlib.sha256()
    try:
        with shard.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                digest.update(line)
                try:
                    request = strict_json.parse_object(line)
                except ValueError:
                    raise InputError("request-unreadable", path=str(shard.path), line=number) from None
                body, custom_id = request.get("body"), request.get("custom_id")
                url, model = request.get("url"), body.get("model") if isinstance(body, dict) else None
                is_whole = isinstance(custom_id, str) and isinstance(model, str) and url in ENDPOINTS
                if not is_whole or custom_id in ids or (first or (url, model)) != (url, model):
                    raise InputError("request-unreadable", path=str(shard.path), line=number)
                first = (str(url), str(model))
                ids.add(str(custom_id))
    except OSError as error:
        raise from_os_error(error, str(shard.path)) from error
    if first is None:
        raise InputError("requests-empty", path=str(shard.path))
    return _Found(number, first[1], first[0], digest.hexdigest())


def _requests(shard: Shard, found: _Found) -> Iterator[dict[str, Any]]:
    """
    The requests of a file that was looked at.

    Raises:
        InputError: It was changed since, said behind the last one at the latest.
    """
    digest = hashlib.sha256()
    with shard.path.open("rb") as file:
        for line in file:
            digest.update(line)
            try:
                request = strict_json.parse_object(line)
                custom_id, body = request["custom_id"], request["body"]
            except (ValueError, KeyError):
                break
            if not isinstance(custom_id, str) or not isinstance(body, dict):
                break
            yield request
    if digest.hexdigest() != found.digest:
        raise InputError("answered-file-changes", path=str(shard.path))


def _parts(work: Path, shard: Shard, found: _Found) -> list[Path]:
    """What workers have written for a file as it is; no name of another one begins so."""
    before = f"{shard.name}.{found.mark}."
    return sorted(path for path in work.glob("*.part") if path.name.startswith(before))


def _answered(work: Path, shard: Shard, found: _Found) -> Iterator[str]:
    for path in _parts(work, shard, found):
        for custom_id, _, _ in _lines(path):
            yield custom_id


def _lines(path: Path) -> Iterator[tuple[str, int, int]]:
    """The whole lines of a part: name, place, length. A last one that was cut is passed over."""
    at = 0
    with suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            entry = read_result(line) if line.endswith(b"\n") else None
            if entry is not None:
                yield entry["custom_id"], at, len(line)
            at += len(line)


class _Answers:
    """The answers of a file, whoever wrote them: of two for a row the first one that is found."""

    def __init__(self, work: Path, shard: Shard, found: _Found) -> None:
        self._paths = _parts(work, shard, found)
        self._files: collections.OrderedDict[int, BufferedReader] = collections.OrderedDict()
        self._places: dict[str, tuple[int, int, int]] = {}
        for number, path in enumerate(self._paths):
            for custom_id, at, size in _lines(path):
                self._places.setdefault(custom_id, (number, at, size))

    def __enter__(self) -> _Answers:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def line(self, custom_id: str) -> bytes:
        """
        The line of a row.

        Raises:
            OSError: It is gone: somebody else completed the file and removed it.
        """
        place = self._places.get(custom_id)
        if place is None:
            raise FileNotFoundError(custom_id)
        number, at, size = place
        file = self._opened(number)
        file.seek(at)
        return file.read(size)

    def _opened(self, number: int) -> BufferedReader:
        """One of the files; a worker that was killed hundreds of times has left as many."""
        if number not in self._files:
            if len(self._files) >= _OPEN_FILES:
                self._files.popitem(last=False)[1].close()
            self._files[number] = self._paths[number].open("rb")
        self._files.move_to_end(number)
        return self._files[number]


@dataclass(slots=True)
class _Part:
    """
    Lines of results as they come, in a file of this worker alone.

    Attributes:
        fault: Why the disk does not take them now; None where it does.
        is_void: Nobody is to use them: they go when this is closed.
    """

    path: Path
    fault: OSError | None = None
    is_void: bool = False
    _pending: list[bytes] = field(default_factory=list)
    _file: FileIO | None = None
    _size: int = 0
    _unsynced: int = 0
    _synced_at: float = field(default_factory=time.monotonic)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _is_ended: bool = False

    def add(self, line: bytes) -> None:
        self._pending.append(line)
        self._news.set()

    def end(self) -> None:
        """Nothing comes any more."""
        self._is_ended = True
        self._news.set()

    def flush(self) -> None:
        """
        Write what came, whole or not at all.

        Raises:
            OSError: The disk does not take it.
        """
        if not self._pending:
            return
        if self._file is None:
            # Not buffered: what is written survives a kill of this process at once.
            self._file = FileIO(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        rest = memoryview(b"".join(self._pending))
        size = len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            os.lseek(self._file.fileno(), self._size, os.SEEK_SET)
            raise
        self._size += size
        self._unsynced += len(self._pending)
        self._pending.clear()

    async def write_on(self) -> None:
        """Write what comes until the end, and sync it in groups; while the disk refuses, it waits."""
        while True:
            await wait_a_while(self._news, _SYNC_EVERY_S)
            self._news.clear()
            try:
                self.flush()
                is_due = self._unsynced >= _SYNC_EVERY_LINES or (
                    time.monotonic() - self._synced_at >= _SYNC_EVERY_S
                )
                if self._unsynced and self._file is not None and (is_due or self._is_ended):
                    self._unsynced, self._synced_at = 0, time.monotonic()
                    await asyncio.to_thread(os.fsync, self._file.fileno())
            except OSError as error:
                self.fault = error
                await asyncio.sleep(_TRY_AGAIN_S)
                self._news.set()
                continue
            self.fault = None
            if self._is_ended and not self._pending:
                return

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self.is_void:
            self.path.unlink(missing_ok=True)


def _result_line(url: str, custom_id: str, reply: EngineReply) -> bytes:
    """A line of results, as OpenAI has them; its ids follow from the row's, so that it is the same again."""
    body = ENDPOINTS[url].finished(reply.body) if reply.is_answer else dict(reply.body)
    digest = hashlib.sha256(custom_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    response = {"status_code": reply.status_code, "request_id": f"req_{digest}", "body": body}
    entry = {"id": f"batch_req_{digest}", "custom_id": custom_id, "response": response, "error": None}
    return strict_json.written(entry) + b"\n"


def _is_answer(line: bytes) -> bool:
    return bool(200 <= json.loads(line)["response"]["status_code"] < 300)
