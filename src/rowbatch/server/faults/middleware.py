"""
A Batch server that misbehaves: an ASGI application around the real one.

Behind it all is as ever: batches are made, rows asked, files kept. What is changed is what a client sees of
it, and whether a call comes through. So the server's own counts tell what was really done.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import struct
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rowbatch.server.faults.lines import Spoiled, spoil, spoil_answer
from rowbatch.server.faults.plan import FaultPlan, Rule
from rowbatch.serving import CONNECTION, GUEST

FAULTS_PATH = "/faults"
"""What went wrong so far, for whoever has the key."""

_MOST_TOLD = 10_000
_MOST_SPOILED = 16
_PIECE_S = 0.02
_NOWHERE = "file-000000000000000000000000"
"""An id that no file has: what is made of it fails, and nothing of it is asked."""
_JSON = [(b"content-type", b"application/json")]
_PAGE = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad gateway</h1></body></html>\n"
_ENDED_AT = ("completed_at", "failed_at", "expired_at", "cancelled_at", "finalizing_at")
_OVER = ("completed", "failed", "expired", "cancelled")
_ALIAS = re.compile(r"(file-[A-Za-z0-9]+?)v[0-9]+")


class Happened(NamedTuple):
    """
    A fault that happened.

    Attributes:
        fault: Its kind.
        what: The call, as `create-batch 1`, or the batch, as `batch 1`, or the row, as `batch 1, row-2`.
    """

    fault: str
    what: str


@dataclass(slots=True)
class _Answer:
    """What is sent to a call."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """Its JSON object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def put(self, document: Mapping[str, Any]) -> None:
        """Send this in place of what it has."""
        self.body = json.dumps(document).encode()


@dataclass(slots=True)
class _Seen:
    """
    A batch as it was seen by clients.

    Attributes:
        number: Which it was of all, from 1.
        looks, lists, looks_over: How often it was looked at, was not shown in lists, was looked at when over.
        is_cancelled: A cancel came that was not passed on.
        files: Its files as they are kept, by `output` and `error`.
        true_input: The file that a client named, where it was made of another one.
        told: Faults that were noted of it.
    """

    number: int
    looks: int = 0
    lists: int = 0
    looks_over: int = 0
    is_cancelled: bool = False
    files: dict[str, str] = field(default_factory=dict)
    true_input: str = ""
    told: set[tuple[str, str]] = field(default_factory=set)


class FaultyApp:
    """
    The application.

    Args:
        app: The one that does the work.
        plan: What goes wrong; may be changed at any time.
    Attributes:
        happened: What went wrong so far, oldest first.
        calls: How often each call was made, by its name.
    """

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self._app, self._plan = app, plan
        self.happened: list[Happened] = []
        self.calls: Counter[str] = Counter()
        self._times: Counter[int] = Counter()
        self._direct = self._made = 0
        self._batches: dict[str, _Seen] = {}
        self._spoiled: OrderedDict[str, Spoiled] = OrderedDict()
        self._made_of_nothing: dict[str, bool] = {}

    @property
    def plan(self) -> FaultPlan:
        """What goes wrong; with another plan everything is counted anew."""
        return self._plan

    @plan.setter
    def plan(self, plan: FaultPlan) -> None:
        self._plan = plan
        for counted in (self.calls, self._times, self._spoiled, self._batches, self._made_of_nothing):
            counted.clear()
        self._direct = self._made = 0

    @property
    def batches_made(self) -> int:
        """How many batches were really made, whatever clients were told of them."""
        return self._made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = _call_of(scope) if scope["type"] == "http" else None
        if scope["type"] == "http" and scope["path"] == FAULTS_PATH:
            await self._report(scope, receive, send)
        elif call is None:
            await self._app(scope, receive, send)
        else:
            await self._answer(call, scope, receive, send)

    async def _report(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._inner(scope, receive, path="/health", method="GET")
        if answer.status == 200:
            told = [{"fault": one.fault, "what": one.what} for one in self.happened]
            answer.put({"happened": told, "calls": dict(self.calls)})
        await _sent(answer, send)

    async def _answer(self, call: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, with the first fault of a call that befalls it, and as batches are to be seen."""
        self.calls[call] += 1
        rule = self._rule_of_call(call)
        name = rule.name if rule else ""
        if rule is not None and (refusal := _refused(rule)):
            await _read(receive)
            await _sent(refusal, send)
        elif name == "reset":
            await _read(receive)
            await _break(scope, receive, is_reset=True)
        elif rule is None and not self._is_seen_through(call):
            await self._app(scope, receive, send)
        else:
            answer = await self._carried_out(call, scope, receive)
            await self._give(answer, rule, scope, receive, send)

    def _rule_of_call(self, call: str) -> Rule | None:
        number = self.calls[call]
        for at, rule in enumerate(self._plan.rules):
            if rule.kind.scope != "call" or call not in rule.on or self._is_used_up(at):
                continue
            if self._plan.happens(at, number, call):
                self._times[at] += 1
                self._note(rule.name, f"{call} {number}")
                return rule
        return None

    def _is_used_up(self, at: int) -> bool:
        most = self._plan.rules[at].at_most
        return most is not None and self._times[at] >= most

    def _is_seen_through(self, call: str) -> bool:
        """Whether what is sent may differ from what came, so that it has to be looked at as a whole."""
        scopes = {rule.kind.scope for rule in self._plan.rules}
        if call == "create-batch":
            # Each batch has a number.
            return True
        if call == "answer":
            return "answer" in scopes
        return bool(scopes - {"call"}) and call in _OF_BATCHES_AND_FILES

    async def _carried_out(self, call: str, scope: Scope, receive: Receive) -> _Answer:
        """The answer of the real server, as it is to be seen."""
        parts = scope["path"].split("/")
        if call == "create-batch":
            return await self._create(scope, receive)
        if call == "cancel-batch" and (rule := self._rule_of_batch(parts[3], "cancel-too-late")):
            answer = await self._inner(scope, receive, path=f"/v1/batches/{parts[3]}", method="GET")
            if answer.status == 200:
                self._note(rule.name, f"batch {self._seen(parts[3]).number}")
                self._seen(parts[3]).is_cancelled = True
                await self._show(answer, scope, receive)
            return answer
        if call in ("get-file", "content", "delete-file"):
            return await self._file(call, parts[3], scope, receive)
        answer = await self._inner(scope, receive)
        if answer.status != 200:
            return answer
        if call in ("get-batch", "cancel-batch"):
            await self._show(answer, scope, receive)
        elif call == "list-batches":
            await self._show_list(answer, scope, receive)
        elif call == "answer":
            self._spoil_direct(answer)
        return answer

    async def _give(
        self, answer: _Answer, rule: Rule | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send an answer, in the way of a fault."""
        match rule.name if rule else "":
            case "lost-answer":
                await _break(scope, receive, is_reset=False)
            case "cut-answer":
                assert rule is not None
                await send(_head(answer))
                body = answer.body[: int(len(answer.body) * rule.number("keep"))]
                await send({"type": "http.response.body", "body": body, "more_body": True})
                await _break(scope, receive, is_reset=False)
            case "short-answer":
                assert rule is not None
                answer.body = answer.body[: int(len(answer.body) * rule.number("keep"))]
                await _sent(answer, send)
            case "server-error" | "gateway-page":
                assert rule is not None
                await _sent(_failure(rule), send)
            case "slow-answer":
                assert rule is not None
                await asyncio.sleep(rule.number("seconds"))
                await _sent(answer, send)
            case "slow-bytes":
                assert rule is not None
                await _trickle(answer, rule, send)
            case _:
                await _sent(answer, send)

    # Batches

    async def _create(self, scope: Scope, receive: Receive) -> _Answer:
        body = await _read(receive)
        number = self._made + 1
        key = _header(scope, b"idempotency-key").decode("latin-1")
        fails = self._rule_of_number(number, "fails-validation") or self._rule_of_number(
            number, "input-not-found"
        )
        # The same key has to have the same body each time.
        is_nothing = self._made_of_nothing.setdefault(key, fails is not None) if key else fails is not None
        true_input = ""
        wanted = _Answer(200, [], body).document
        if is_nothing and isinstance(wanted.get("input_file_id"), str):
            true_input, wanted["input_file_id"] = wanted["input_file_id"], _NOWHERE
            body = json.dumps(wanted).encode()
        answer = await self._inner(scope, receive, body=body)
        if answer.status == 200:
            found = answer.document
            if isinstance(found.get("id"), str) and found["id"] not in self._batches:
                self._made = number
                self._batches[found["id"]] = _Seen(number, true_input=true_input)
            await self._show(answer, scope, receive, is_look=False)
        return answer

    def _seen(self, batch_id: str) -> _Seen:
        """What was seen of a batch; one that was there before has no number, and no fault befalls it."""
        return self._batches.setdefault(batch_id, _Seen(0))

    def _rule_of_batch(self, batch_id: str, name: str) -> Rule | None:
        return self._rule_of_number(self._seen(batch_id).number, name)

    def _rule_of_number(self, number: int, name: str) -> Rule | None:
        """The rule by which this befalls the batch with this number."""
        if number == 0:
            return None
        for at, rule in enumerate(self._plan.rules):
            if rule.name == name and self._plan.happens(at, number, "batch"):
                earlier = sum(self._plan.happens(at, other, "batch") for other in range(1, number))
                if rule.at_most is None or earlier < rule.at_most:
                    return rule
        return None

    async def _show_list(self, answer: _Answer, scope: Scope, receive: Receive) -> None:
        """Show a page of batches, without those that are not to be seen."""
        document = answer.document
        shown = []
        for batch in document.get("data") or []:
            seen = self._seen(batch["id"])
            if rule := self._rule_of_number(seen.number, "not-listed"):
                self._note_of_batch(seen, rule)
                continue
            lags = self._rule_of_number(seen.number, "list-lags")
            if lags and seen.lists < lags.number("lists"):
                seen.lists += 1
                self._note_of_batch(seen, lags)
                continue
            shown.append(await self._shown(batch, scope, receive))
        document["data"] = shown
        ids = [batch["id"] for batch in document["data"]]
        if ids or not document.get("has_more"):
            document.update(first_id=ids[0] if ids else None, last_id=ids[-1] if ids else None)
        answer.put(document)

    async def _show(self, answer: _Answer, scope: Scope, receive: Receive, *, is_look: bool = True) -> None:
        document = answer.document
        if "id" in document:
            self._seen(document["id"]).looks += is_look
            answer.put(await self._shown(document, scope, receive))

    async def _shown(self, batch: dict[str, Any], scope: Scope, receive: Receive) -> dict[str, Any]:
        """A batch as a client sees it."""
        seen = self._seen(batch["id"])
        for kind in ("output", "error"):
            if batch.get(f"{kind}_file_id"):
                seen.files[kind] = batch[f"{kind}_file_id"]
        self._show_failure(batch, seen)
        if batch["status"] == "completed":
            seen.looks_over += 1
            await self._show_results(batch, seen, scope, receive)
            nameless = self._rule_of_number(seen.number, "files-late")
            if nameless and seen.looks_over <= nameless.number("looks"):
                self._note_of_batch(seen, nameless)
                batch.update(output_file_id=None, error_file_id=None)
            late = self._rule_of_number(seen.number, "slow-batch")
            if late and seen.looks_over <= late.number("looks"):
                self._note_of_batch(seen, late)
                _unend(batch, "in_progress")
        if seen.is_cancelled and batch["status"] not in _OVER:
            batch.update(status="cancelling", cancelling_at=int(time.time()))
        early = self._rule_of_number(seen.number, "slow-validation")
        if early and seen.looks <= early.number("looks"):
            self._note_of_batch(seen, early)
            _unend(batch, "validating")
            batch.update(in_progress_at=None, request_counts={"total": 0, "completed": 0, "failed": 0})
        strange = self._rule_of_number(seen.number, "strange-status")
        if strange and 0 < seen.looks <= strange.number("looks"):
            self._note_of_batch(seen, strange)
            _unend(batch, strange.text("status"))
        self._show_ids(batch, seen)
        return batch

    def _show_failure(self, batch: dict[str, Any], seen: _Seen) -> None:
        if not seen.true_input:
            return
        rule = self._rule_of_number(seen.number, "fails-validation") or self._rule_of_number(
            seen.number, "input-not-found"
        )
        if rule is not None:
            self._note_of_batch(seen, rule)
        batch["input_file_id"] = seen.true_input
        for entry in (batch.get("errors") or {}).get("data") or []:
            if rule is not None and rule.name == "fails-validation":
                entry.update(code=rule.text("code"), message=rule.text("message"), param=None)
            else:
                entry["message"] = str(entry.get("message", "")).replace(_NOWHERE, seen.true_input)

    async def _show_results(self, batch: dict[str, Any], seen: _Seen, scope: Scope, receive: Receive) -> None:
        """Name the files that a client is to find, and what they say together."""
        rule = self._rule_of_number(seen.number, "expires")
        if seen.number and (self._spoils_files() or rule):
            spoiled = await self._spoiled_of(batch["id"], scope, receive)
            for kind in ("output", "error"):
                batch[f"{kind}_file_id"] = _file_id(batch["id"], seen, kind) if spoiled.files[kind] else None
            total = batch["request_counts"]["total"]
            completed, failed = spoiled.counts
            batch["request_counts"] = {"total": total, "completed": completed, "failed": failed}
            if rule:
                self._note_of_batch(seen, rule)
                batch.update(status="expired", expired_at=batch["completed_at"], completed_at=None)
                if isinstance(batch.get("usage"), dict):
                    prompt, said = spoiled.usage
                    batch["usage"] |= {
                        "input_tokens": prompt,
                        "output_tokens": said,
                        "total_tokens": prompt + said,
                    }
        if wrong := self._rule_of_number(seen.number, "wrong-counts"):
            self._note_of_batch(seen, wrong)
            total = batch["request_counts"]["total"]
            batch["request_counts"] = {"total": total, "completed": total, "failed": 0}
        if without := self._rule_of_number(seen.number, "no-batch-usage"):
            self._note_of_batch(seen, without)
            batch["usage"] = None

    def _show_ids(self, batch: dict[str, Any], seen: _Seen) -> None:
        for kind in ("output", "error"):
            name = f"{kind}_file_id"
            if not batch.get(name) and (rule := self._rule_of_number(seen.number, "empty-ids")):
                self._note_of_batch(seen, rule)
                batch[name] = ""
            elif batch.get(name) and (rule := self._rule_of_number(seen.number, "ids-change")):
                self._note_of_batch(seen, rule)
                batch[name] = f"{batch[name]}v{seen.looks_over}"

    # Files

    def _spoils_files(self) -> bool:
        return any(rule.kind.scope in ("row", "answer", "file") for rule in self._plan.rules)

    async def _spoiled_of(self, batch_id: str, scope: Scope, receive: Receive) -> Spoiled:
        """The files of a batch that is over, spoiled; kept for as long as few others are asked for."""
        if batch_id in self._spoiled:
            return self._spoiled[batch_id]
        seen = self._seen(batch_id)
        files = {}
        for kind, file_id in seen.files.items():
            answer = await self._inner(scope, receive, path=f"/v1/files/{file_id}/content", method="GET")
            files[kind] = answer.body if answer.status == 200 else b""
        rule = self._rule_of_number(seen.number, "expires")
        spoiled = await asyncio.to_thread(
            spoil, files, self._plan, seen.number, keep=rule.number("keep") if rule else 1.0
        )
        for name, what in spoiled.happened:
            if (name, what) not in seen.told:
                seen.told.add((name, what))
                self._note(name, f"batch {seen.number}, {what}")
        self._spoiled[batch_id] = spoiled
        while len(self._spoiled) > _MOST_SPOILED:
            self._spoiled.popitem(last=False)
        return spoiled

    async def _file(self, call: str, file_id: str, scope: Scope, receive: Receive) -> _Answer:
        alias = _ALIAS.fullmatch(file_id)
        if alias and any(rule.name == "ids-change" for rule in self._plan.rules):
            file_id = alias[1]
        end = "/content" if call == "content" else ""
        owner = self._owner_of(file_id)
        if owner is None or call == "delete-file":
            answer = await self._inner(scope, receive, path=f"/v1/files/{file_id}{end}")
            if call == "delete-file" and answer.status == 404 and owner is not None:
                # It is there for clients alone.
                answer.status = 200
                answer.put({"id": file_id, "object": "file", "deleted": True})
            return answer
        batch_id, kind = owner
        # Whoever may not read the batch may not read its files.
        batch = await self._inner(scope, receive, path=f"/v1/batches/{batch_id}", method="GET")
        if batch.status != 200:
            return batch
        content = (await self._spoiled_of(batch_id, scope, receive)).files[kind]
        if call == "content":
            return _part_of(content, _header(scope, b"range").decode("latin-1"))
        known = next(iter(self._seen(batch_id).files.values()))
        answer = await self._inner(scope, receive, path=f"/v1/files/{known}", method="GET")
        if answer.status == 200:
            name = f"{batch_id}_{kind}.jsonl"
            answer.put({**answer.document, "id": file_id, "filename": name, "bytes": len(content)})
        return answer

    def _owner_of(self, file_id: str) -> tuple[str, str] | None:
        """The batch whose spoiled results this file is, and which of the two; None for another file."""
        if any(rule.name == "expires" for rule in self._plan.rules) or self._spoils_files():
            for batch_id, seen in self._batches.items():
                for kind in ("output", "error"):
                    if seen.number and seen.files and file_id == _file_id(batch_id, seen, kind):
                        return batch_id, kind
        return None

    # Answers to direct calls

    def _spoil_direct(self, answer: _Answer) -> None:
        self._direct += 1
        for at, rule in enumerate(self._plan.rules):
            if rule.kind.scope == "answer" and self._plan.happens(at, self._direct, "direct"):
                spoiled = spoil_answer(answer.document, rule)
                if spoiled is not None:
                    answer.body = spoiled
                    self._note(rule.name, f"answer {self.calls['answer']}")
                    return

    # What is shared

    def _note(self, fault: str, what: str) -> None:
        logging.getLogger(__name__).warning("fault: %s (%s)", fault, what)
        if len(self.happened) < _MOST_TOLD:
            self.happened.append(Happened(fault, what))

    def _note_of_batch(self, seen: _Seen, rule: Rule) -> None:
        if (rule.name, "") not in seen.told:
            seen.told.add((rule.name, ""))
            self._note(rule.name, f"batch {seen.number}")

    async def _inner(
        self,
        scope: Scope,
        receive: Receive,
        *,
        path: str | None = None,
        method: str | None = None,
        body: bytes | None = None,
    ) -> _Answer:
        """
        What the real server answers: to the call itself, or to another one by the same client.

        A file comes whole: which part of it a client wants is seen to when it is spoiled.
        """
        is_another = path is not None or (method is not None and method != scope["method"])
        drop = {b"range", b"if-range", b"accept-encoding"}
        if is_another or body is not None:
            drop |= {b"content-length", b"transfer-encoding"}
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in drop]
        if body is not None:
            headers.append((b"content-length", b"%d" % len(body)))
        inner = {**scope, "headers": headers, "extensions": {}, "state": dict(scope.get("state") or {})}
        if path is not None:
            inner.update(path=path, raw_path=path.encode(), query_string=b"")
        if method is not None:
            inner["method"] = method
        content = b"" if is_another and body is None else body
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self._app(inner, receive if content is None else _replayed(content, receive), keep)
        scope[GUEST] = inner.get(GUEST, True)
        head = next(message for message in sent if message["type"] == "http.response.start")
        whole = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
        lost = {b"content-length", b"transfer-encoding", b"content-range", b"etag"}
        kept = [(name, value) for name, value in head["headers"] if name.lower() not in lost]
        return _Answer(head["status"], kept, whole)


_OF_BATCHES_AND_FILES = (
    "create-batch",
    "list-batches",
    "get-batch",
    "cancel-batch",
    "get-file",
    "content",
    "delete-file",
)


def _call_of(scope: Scope) -> str | None:
    """The name of a call, of `catalogue.CALLS`; None where none is made that can go wrong."""
    method, parts = scope["method"], scope["path"].strip("/").split("/")
    if parts[0] != "v1" or len(parts) < 2:
        return None
    match method, parts[1:]:
        case "POST", ["files"] | ["uploads", *_]:
            return "upload"
        case "GET", ["files"]:
            return "list-files"
        case "GET", ["files", _]:
            return "get-file"
        case "GET", ["files", _, "content"]:
            return "content"
        case "DELETE", ["files", _]:
            return "delete-file"
        case "POST", ["batches"]:
            return "create-batch"
        case "GET", ["batches"]:
            return "list-batches"
        case "GET", ["batches", _]:
            return "get-batch"
        case "POST", ["batches", _, "cancel"]:
            return "cancel-batch"
        case "GET", ["models", *_]:
            return "models"
        case "POST", [_, *_]:
            return "answer"
    return None


def _refused(rule: Rule) -> _Answer | None:
    """What a call is answered that is not carried out; None where the fault is another one."""
    match rule.name:
        case "too-many-requests":
            told = _error(429, rule.text("code"), "Rate limit reached. Please try again later.")
            seconds = rule.number("seconds")
            wait = {
                "seconds": f"{seconds:g}",
                "date": formatdate(time.time() + seconds, usegmt=True),
                "nonsense": "soon",
                "none": "",
            }[rule.text("wait")]
            told.headers += [(b"retry-after", wait.encode())] if wait else []
            return told
        case "gone":
            return _error(404, None, "No such File object: it is no longer there.", param="id")
        case "key-refused":
            return _error(401, "invalid_api_key", "Incorrect API key provided.")
        case "server-error" | "gateway-page" if not rule.values["carried_out"]:
            return _failure(rule)
    return None


def _failure(rule: Rule) -> _Answer:
    status = int(rule.number("status"))
    if rule.name == "gateway-page":
        return _Answer(status, [(b"content-type", b"text/html")], _PAGE)
    return _error(status, None, "The server had an error while processing your request. Sorry about that!")


def _error(status: int, code: str | None, message: str, param: str | None = None) -> _Answer:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    told = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return _Answer(status, list(_JSON), json.dumps(told).encode())


def _unend(batch: dict[str, Any], status: str) -> None:
    """Let a batch be as if it were not over."""
    batch.update(dict.fromkeys(_ENDED_AT), status=status, output_file_id=None, error_file_id=None, usage=None)


def _file_id(batch_id: str, seen: _Seen, kind: str) -> str:
    """A file of results as clients know it; one that is not kept has an id that follows from the batch's."""
    return seen.files.get(kind) or f"file-{batch_id.removeprefix('batch_')}{kind[0]}"


def _part_of(content: bytes, told: str) -> _Answer:
    """Content, or the part of it that is wanted."""
    headers = [(b"content-type", b"application/octet-stream"), (b"accept-ranges", b"bytes")]
    wanted = re.fullmatch(r"bytes=([0-9]{1,18})-([0-9]{0,18})", told)
    if wanted is None:
        return _Answer(200, headers, content)
    start = int(wanted[1])
    end = min(int(wanted[2] or len(content)), len(content) - 1)
    if start > end:
        headers.append((b"content-range", b"bytes */%d" % len(content)))
        return _Answer(416, headers, b"")
    headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end, len(content))))
    return _Answer(206, headers, content[start : end + 1])


def _header(scope: Scope, name: bytes) -> bytes:
    return next((bytes(value) for found, value in scope["headers"] if found.lower() == name), b"")


async def _read(receive: Receive) -> bytes:
    """The body of a request."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read already, then whatever else comes."""
    left = [body]

    async def replay() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replay


def _head(answer: _Answer) -> Message:
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


async def _sent(answer: _Answer, send: Send) -> None:
    await send(_head(answer))
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _trickle(answer: _Answer, rule: Rule, send: Send) -> None:
    pieces = min(int(rule.number("pieces")), max(1, len(answer.body)))
    size = -(-len(answer.body) // pieces)
    await send(_head(answer))
    for piece in _pieces(answer.body, size):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(rule.number("seconds") / pieces)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _pieces(body: bytes, size: int) -> Iterable[bytes]:
    return (body[at : at + size] for at in range(0, len(body), max(1, size)))


async def _break(scope: Scope, receive: Receive, *, is_reset: bool) -> None:
    """
    End the connection, and come back when it has ended.

    Raises:
        ConnectionResetError: The server has no connection that could be ended: it runs in a test.
    """
    transport = (scope.get("extensions") or {}).get(CONNECTION, {}).get("transport")
    if not isinstance(transport, asyncio.Transport):
        raise ConnectionResetError("the connection was reset on purpose")
    while transport.get_write_buffer_size():
        await asyncio.sleep(_PIECE_S)
    if is_reset and (found := transport.get_extra_info("socket")) is not None:
        # With nothing to linger for, closing is a reset.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
