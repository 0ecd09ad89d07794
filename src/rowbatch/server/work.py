"""
One batch's rows: which are done, and where their lines go.

Lines are collected for one turn of the event loop and then written together. What is written survives a kill
of this process; it survives a power cut once it is synced. After a kill the next start reads the lines, drops
a last one that was cut, and goes on with the rows that are missing.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from asyncio import Task
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from rowbatch.objects.disk import write_all
from rowbatch.server import strict_json
from rowbatch.server.endpoint import ServedEndpoint
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import EngineReply, unsound_reply
from rowbatch.server.probes import Probe
from rowbatch.server.storage import Storage
from rowbatch.server.usage import add_usage, no_usage
from rowbatch.server.validation import is_blank
from rowbatch.store.home import private_file

KINDS = ("output", "error")
_EXPIRED = "batch_expired"
_LINES_AT_ONCE = 500
_ID_BYTES = 12
_NUMBER_BYTES = 4


class Row(NamedTuple):
    """
    A row to ask.

    Attributes:
        number: In the input, from 0; lines without anything have none.
        custom_id: Its name.
        body: What is asked.
    """

    number: int
    custom_id: str
    body: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Work:
    """
    A batch that is being worked on.

    Attributes:
        model: The one of all its rows.
        running: The rows that are being answered.
        is_all_asked: No row is left that nobody was asked for.
        is_cancelled: Somebody cancelled it.
        stops_at: When rows that are still being answered are given up; None while it goes on.
        counts: Lines that are written, by kind.
        usage: Tokens, of all answers.
        asked_again: Rows that an earlier process was having answered when it ended, at most: they were asked,
            and have no line.
        has_expired: Some rows were not asked within the window.
        unsynced: Lines that a power cut would take.
        synced_at: When there was none of these.
        probe: What its first answers show of the server; None where there is nothing to learn.
        told: What was last said in the batch of what is ignored.
    """

    storage: Storage
    batch_id: str
    endpoint: ServedEndpoint
    model: str
    total: int
    expires_at: int
    files: dict[str, FileIO]
    sizes: dict[str, int]
    earlier: set[str]
    counts: dict[str, int]
    usage: dict[str, Any]
    journal: FileIO
    asked_again: int = 0
    has_expired: bool = False
    running: set[Task[None]] = field(default_factory=set)
    is_all_asked: bool = False
    is_cancelled: bool = False
    stops_at: float | None = None
    unsynced: int = 0
    synced_at: float = field(default_factory=time.monotonic)
    told_at: float = 0.0
    probe: Probe | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    _is_done: bytearray = field(default_factory=bytearray)
    _pending: dict[str, list[bytes]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    _rows: Iterator[Row] | None = None
    _next: Row | None = None

    @classmethod
    def open(cls, storage: Storage, batch: Mapping[str, Any]) -> Work:
        """
        Take up a batch where it was left.

        Raises:
            OSError: Its files cannot be opened.
        """
        batch_id, served = str(batch["id"]), ENDPOINTS[batch["endpoint"]]
        usage = no_usage()
        earlier: set[str] = set()
        counts = dict.fromkeys(KINDS, 0)
        has_expired = False
        for kind in KINDS:
            for entry in results_so_far(storage.results_of(batch_id, kind)):
                earlier.add(entry["custom_id"])
                counts[kind] += 1
                if kind == "output":
                    add_usage(usage, entry["response"]["body"])
                elif (entry["error"] or {}).get("code") == _EXPIRED:
                    has_expired = True
        for kind in KINDS:
            private_file(storage.results_of(batch_id, kind))
        # Not buffered: what is written survives a kill of this process at once.
        files = {kind: storage.results_of(batch_id, kind).open("ab", buffering=0) for kind in KINDS}
        sizes = {kind: os.fstat(file.fileno()).st_size for kind, file in files.items()}
        total = int(batch["request_counts"]["total"])
        journal_path = storage.asked_of(batch_id)
        asked = _asked(journal_path)
        private_file(journal_path)
        made = cls(
            storage,
            batch_id,
            served,
            str(batch.get("model")),
            total,
            int(batch["expires_at"]),
            files,
            sizes,
            earlier,
            counts,
            usage,
            journal_path.open("ab", buffering=0),
            has_expired=has_expired,
            _is_done=bytearray(total),
        )
        if asked:
            try:
                made.asked_again = sum(row.number in asked for row in made._left())
            except BaseException:
                made.close()
                raise
        return made

    def next_row(self) -> Row | None:
        """
        The next row that has no line, in the input's order; None behind the last one. The file is streamed.

        That it is asked is noted first, so that after a kill it is known which rows may be asked twice.

        Raises:
            OSError: The input cannot be read, or the disk does not take the note; the row is the next one
                still.
        """
        if self._rows is None:
            self._rows = self._left()
        row = self._next or next(self._rows, None)
        self.is_all_asked = row is None
        if row is not None:
            self._next = row
            self.journal.write(row.number.to_bytes(_NUMBER_BYTES, "little"))
            self._next = None
        return row

    def forget_asked(self) -> None:
        """
        Begin the notes of what was asked anew, once `asked_again` is kept elsewhere.

        Raises:
            OSError: The disk refuses.
        """
        self.journal.truncate(0)

    def add(self, row: Row, reply: EngineReply) -> None:
        """Take what came for a row; it is written by `flush`."""
        is_answer = reply.is_answer
        kind, body = "output" if is_answer else "error", dict(reply.body)
        if is_answer:
            body = self.endpoint.finished(body)
        try:
            line = _line(row.custom_id, _response(reply.status_code, body), None)
        except (ValueError, TypeError, RecursionError):
            unsound = unsound_reply("the answer cannot be written as JSON")
            kind, is_answer = "error", False
            line = _line(row.custom_id, _response(unsound.status_code, unsound.body), None)
        if is_answer:
            add_usage(self.usage, body)
        self._is_done[row.number] = 1
        self._pending[kind].append(line)

    def flush(self) -> None:
        """
        Write what was added, each kind whole or not at all; what is not written is kept for the next time.

        Raises:
            OSError: The disk does not take it.
        """
        for kind, lines in self._pending.items():
            if not lines:
                continue
            file, data = self.files[kind], b"".join(lines)
            try:
                write_all(file, data)
            except OSError:
                # Half a line would become one with the next one that is written.
                os.ftruncate(file.fileno(), self.sizes[kind])
                raise
            self.sizes[kind] += len(data)
            self.counts[kind] += len(lines)
            self.unsynced += len(lines)
            lines.clear()

    def add_unfinished(self, *, is_cancelled: bool) -> None:
        """Give every row that has no line the one that says why."""
        if is_cancelled:
            code = "batch_cancelled"
            message = "This request was not executed because the batch was cancelled."
        else:
            code = _EXPIRED
            message = "This request could not be executed before the completion window expired."
        self.flush()
        if sum(self.counts.values()) == self.total:
            return
        for row in self._left():
            self.has_expired = not is_cancelled
            self._is_done[row.number] = 1
            self._pending["error"].append(_line(row.custom_id, None, {"code": code, "message": message}))
            if len(self._pending["error"]) >= _LINES_AT_ONCE:
                self.flush()
        self.flush()

    def request_counts(self) -> dict[str, int]:
        """As a batch has them."""
        return {"total": self.total, "completed": self.counts["output"], "failed": self.counts["error"]}

    def is_stopping(self) -> bool:
        """Whether no further row may start."""
        return self.is_cancelled or self.storage.clock() >= self.expires_at

    def sync(self) -> None:
        """
        Make the lines so far durable. Any thread may do it.

        Raises:
            OSError: The disk refuses.
        """
        for file in self.files.values():
            os.fsync(file.fileno())

    def close(self) -> None:
        for file in (*self.files.values(), self.journal):
            file.close()

    def _left(self) -> Iterator[Row]:
        """The rows without a line."""
        with self.storage.input_of(self.batch_id).open("rb") as file:
            lines = (line for line in file if not is_blank(line))
            for number, line in enumerate(lines):
                if self._is_done[number]:
                    continue
                request = json.loads(line)
                custom_id = request["custom_id"]
                if custom_id in self.earlier:
                    self._is_done[number] = 1
                else:
                    yield Row(number, custom_id, request["body"])


def _asked(journal: Path) -> set[int]:
    """The numbers of the rows that somebody was asked for. A last one that was cut was not asked."""
    try:
        noted = journal.read_bytes()
    except FileNotFoundError:
        return set()
    whole = len(noted) - len(noted) % _NUMBER_BYTES
    if whole < len(noted):
        os.truncate(journal, whole)
    return {int.from_bytes(noted[at : at + _NUMBER_BYTES], "little") for at in range(0, whole, _NUMBER_BYTES)}


def results_so_far(path: Path) -> Iterator[dict[str, Any]]:
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
            entry = read_result(line)
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
        kept.writelines(line for line in file if read_result(line) is not None)
        kept.flush()
        os.fsync(kept.fileno())
    temporary.replace(path)


def _response(status_code: int, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status_code": status_code,
        "request_id": f"req_{secrets.token_hex(_ID_BYTES)}",
        "body": body,
    }


def _line(custom_id: str, response: Mapping[str, Any] | None, error: Mapping[str, Any] | None) -> bytes:
    """
    A line of results.

    Raises:
        ValueError, TypeError, RecursionError: An answer has what JSON has not.
    """
    entry = {
        "id": f"batch_req_{secrets.token_hex(_ID_BYTES)}",
        "custom_id": custom_id,
        "response": response,
        "error": error,
    }
    return strict_json.written(entry) + b"\n"


def read_result(line: bytes) -> dict[str, Any] | None:
    """A line of results as we write them, or None."""
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
