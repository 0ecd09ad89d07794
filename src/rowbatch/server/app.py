"""
The HTTP surface: OpenAI's files, batches and models, and the endpoints that are answered at once.

Objects, errors and their texts follow OpenAI's specification 2.3.0 and recorded answers of its service.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import FormData, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from rowbatch.core.states import IGNORABLE
from rowbatch.errors import RowbatchError, StorageError
from rowbatch.processes import prove
from rowbatch.server import openapi, strict_json
from rowbatch.server.endpoint import ServedEndpoint
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import Engine, EngineReply, in_error_form, sound_reply, wait_a_while
from rowbatch.server.envelope import CALLER, Envelope, headers_of_fault
from rowbatch.server.event_answer import EventAnswer
from rowbatch.server.hosts import KnownHosts, port_of
from rowbatch.server.incoming import (
    LIFE_S,
    MAX_CALL_BYTES,
    MAX_KEY_CHARS,
    MAX_UPLOAD_BYTES,
    ApiError,
    JsonAnswer,
    disk_full,
    form_text,
    idempotency_key,
    json_body,
    keep_upload,
    key_reused,
    life_s,
    not_among,
    one_range,
    query_cursor,
    require_json_lines,
    shown,
    upload_form,
    whole_number,
    wrong_type,
)
from rowbatch.server.keys import Keys, ServerKey
from rowbatch.server.launch import HELLO
from rowbatch.server.metrics import CONTENT_TYPE, Family, Meter, exposition
from rowbatch.server.runner import ASKED_AGAIN, IGNORED, ROWS_A_DAY, Runner
from rowbatch.server.storage import (
    FILE_LIFE_S,
    RESULT_LIFE_S,
    IdempotencyConflict,
    Storage,
    TooManyBatches,
    is_full_disk,
)
from rowbatch.server.streaming import Streamed, whole_as_events
from rowbatch.server.uploads import MAX_PART_BYTES, Uploads
from rowbatch.server.webhooks import Webhooks, check_hooks, hook_secret
from rowbatch.serving import GUEST

WINDOW_S = 24 * 3600

_COPY_BYTES = 1 << 20
_MOST_LISTED = 20
_Reply = TypeVar("_Reply")
_TIDY_EVERY_S = 30.0
_OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Told without a key, to whoever starts and watches the server: they say that it is there, and no more."""
_COME_AGAIN_S = 30


def create_app(
    home: Path,
    engine: Engine,
    *,
    key: str,
    is_open: bool = False,
    host_names: Sequence[str] = (),
    hooks: Sequence[str] = (),
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """
    The server as an ASGI application.

    Args:
        home: Where everything is kept. One process at a time; see `rowbatch.server.main.serve`.
        engine: What answers the requests.
        key: The home's own. Every call must bear it, or one of the keys of the home's file.
        is_open: Other computers reach it, by any of this one's addresses and names.
        host_names: Further names that it is known by, as of a proxy before it.
        hooks: Addresses that are told when a batch ends.
        clock: The time, in seconds since 1970.
    Raises:
        UsageError: An address or the secret of the webhooks can be none, or a name is none.
        StorageError: The folder cannot be used, or what is kept there is damaged.
    """
    known_as = KnownHosts(is_open=is_open, names=host_names)
    hooks = check_hooks(hooks)
    secret = hook_secret(home) if hooks else ""
    keys = Keys(home, key)
    storage = Storage(home, clock=clock, hooks=hooks)
    state = _Server(storage, engine, Webhooks(storage, secret))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        state.runner.start()
        besides = [asyncio.create_task(state.tidy())]
        if hooks:
            besides.append(asyncio.create_task(state.webhooks.run()))
        yield
        for task in besides:
            task.cancel()
        await asyncio.gather(*besides, return_exceptions=True)
        await state.runner.stop()
        await state.webhooks.close()
        await engine.stop()
        state.storage.close()

    routes = [
        Route("/health", state.health),
        Route("/healthz", state.healthz),
        Route("/readyz", state.readyz),
        Route("/metrics", state.metrics),
        Route("/openapi.json", state.description),
        Route("/v1/files", state.upload, methods=["POST"]),
        Route("/v1/files", state.list_files),
        Route("/v1/files/{file_id}", state.get_file),
        Route("/v1/files/{file_id}", state.delete_file, methods=["DELETE"]),
        Route("/v1/files/{file_id}/content", state.file_content),
        Route("/v1/uploads", state.create_upload, methods=["POST"]),
        Route("/v1/uploads/{upload_id}/parts", state.add_part, methods=["POST"]),
        Route("/v1/uploads/{upload_id}/complete", state.complete_upload, methods=["POST"]),
        Route("/v1/uploads/{upload_id}/cancel", state.cancel_upload, methods=["POST"]),
        Route("/v1/batches", state.create_batch, methods=["POST"]),
        Route("/v1/batches", state.list_batches),
        Route("/v1/batches/{batch_id}", state.get_batch),
        Route("/v1/batches/{batch_id}/cancel", state.cancel_batch, methods=["POST"]),
        Route("/v1/models", state.list_models),
        # Names as those of Hugging Face have a slash in them.
        Route("/v1/models/{model_id:path}", state.get_model),
        *(Route(url, state.answer, methods=["POST"]) for url in ENDPOINTS),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            ApiError: _as_response,
            HTTPException: _not_routed,
            ClientDisconnect: _gone,
            OSError: _storage_fault,
            StorageError: _storage_fault,
            500: _own_fault,
        },
    )
    # OpenAI has no other address for the same thing; and a redirect would name the host that the caller says.
    app.router.redirect_slashes = False
    app.add_middleware(_Guard, keys=keys, known_as=known_as, state=state)
    app.add_middleware(Envelope, meter=state.meter)
    app.state.server = state
    return app


class _Server:
    """The handlers, and what they share."""

    def __init__(self, storage: Storage, engine: Engine, webhooks: Webhooks) -> None:
        self.storage, self.engine, self.webhooks = storage, engine, webhooks
        self.runner = Runner(storage, engine)
        self.uploads = Uploads(storage)
        self.meter = Meter()
        self.started_at = storage.now()
        self.last_call_at = time.monotonic()

    async def tidy(self) -> None:
        """Remove again and again what is to be kept no longer."""
        never = asyncio.Event()
        while True:
            await wait_a_while(never, _TIDY_EVERY_S)
            try:
                self.storage.remove_expired()
            except (OSError, StorageError):
                logging.getLogger(__name__).exception("what expired could not be removed; trying again")

    async def healthz(self, _: Request) -> Response:
        return JsonAnswer({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        """
        Whether batches go on. An upstream that is away is waited for: batches may come all the same.

        What an upstream ignores is named too, without its models: these are told to those who have a key.
        """
        if self.runner.fault is None:
            habits = self.runner.habits
            seen = {one for model in habits.models for one in habits.ignored(model)}
            names = [name for name in IGNORABLE if name in seen]
            return JsonAnswer({"status": "ready", **({"ignored_by_upstream": names} if names else {})})
        return JsonAnswer({"status": "not ready", "reason": "the disk or the store refuses"}, 503)

    async def description(self, _: Request) -> Response:
        return JsonAnswer(openapi.document())

    async def metrics(self, _: Request) -> Response:
        files, file_bytes = self.storage.count_files()
        told: list[Family] = [
            ("rowbatch_started_at_seconds", "gauge", "When the server started.", {(): self.started_at}),
            (
                "rowbatch_is_working",
                "gauge",
                "0 while the disk or the store refuses.",
                {(): int(self.runner.fault is None)},
            ),
            (
                "rowbatch_batches",
                "gauge",
                "Batches by status.",
                {(("status", name),): count for name, count in self.storage.count_batches().items()},
            ),
            ("rowbatch_files", "gauge", "Files that are kept.", {(): files}),
            ("rowbatch_file_bytes", "gauge", "Their bytes.", {(): file_bytes}),
            ("rowbatch_rows_in_flight", "gauge", "Rows being answered.", {(): self.runner.in_flight}),
            (
                "rowbatch_rows_total",
                "counter",
                "Rows of batches that were answered or refused, since the start.",
                {(("outcome", name),): count for name, count in self.runner.outcomes.items()},
            ),
            (
                "rowbatch_calls_total",
                "counter",
                "Calls by method and status.",
                {(("method", one), ("status", two)): n for (one, two), n in self.meter.calls.items()},
            ),
            ("rowbatch_call_seconds_total", "counter", "Seconds of all calls.", {(): self.meter.seconds}),
            (
                "rowbatch_webhooks_total",
                "counter",
                "Calls of webhooks by what became of them.",
                {(("outcome", name),): count for name, count in self.webhooks.outcomes.items()},
            ),
        ]
        return PlainTextResponse(exposition(told), media_type=CONTENT_TYPE)

    async def health(self, _: Request) -> Response:
        habits = self.runner.habits
        return JsonAnswer(
            {
                "status": "ok",
                "is_idle": self.runner.is_idle,
                "started_at": self.started_at,
                "engine": self.engine.state,
                "fault": self.runner.fault or self.engine.fault,
                "ignored_by_upstream": {model: habits.report(model)["warnings"] for model in habits.models},
                "ignored_seen_at": {model: habits.seen_at(model) for model in habits.models},
                **self.engine.details,
            }
        )

    async def upload(self, request: Request) -> Response:
        async with upload_form(request, self.storage.files) as form:
            part, purpose = form.get("file"), form_text(form, "purpose")
            if not isinstance(part, UploadFile):
                raise ApiError(
                    400,
                    "Missing required parameter: 'file'.",
                    code="missing_required_parameter",
                    param="file",
                )
            if purpose != "batch":
                raise not_among("purpose", purpose, ("batch",))
            life = _form_life_s(form)
            filename = strict_json.whole_text(str(part.filename or ""))
            file_id = self.storage.new_file_id()
            first = await part.read(_COPY_BYTES)
            require_json_lines(first, is_all=len(first) < _COPY_BYTES)
            sha256 = await keep_upload(
                part, self.storage.path_of(file_id), most=MAX_UPLOAD_BYTES, first=first
            )
        owner = _owner(request)
        call = _known_as(request)
        digest = _digest(["file", filename, life, sha256])
        if call is not None:
            try:
                known = self.storage.known_call(call, digest)
            except IdempotencyConflict:
                self.storage.path_of(file_id).unlink(missing_ok=True)
                raise key_reused() from None
            found = self.storage.file(known, owner=owner) if known else None
            if found is not None:
                self.storage.path_of(file_id).unlink(missing_ok=True)
                return JsonAnswer(found)
        entered = self.storage.add_file(file_id, filename=filename, purpose="batch", life_s=life, owner=owner)
        if call is not None:
            self.storage.note_call(call, digest, file_id)
        return JsonAnswer(entered)

    async def create_upload(self, request: Request) -> Response:
        wanted, owner, call = await json_body(request), _owner(request), _known_as(request)
        digest = _digest(["upload", wanted])
        if call is None:
            return JsonAnswer(self.uploads.create(wanted, owner))
        try:
            known = self.storage.known_call(call, digest)
        except IdempotencyConflict:
            raise key_reused() from None
        if known is not None:
            return JsonAnswer(self.uploads.find(known, owner))
        made = self.uploads.create(wanted, owner)
        self.storage.note_call(call, digest, made["id"])
        return JsonAnswer(made)

    async def add_part(self, request: Request) -> Response:
        upload_id, owner = request.path_params["upload_id"], _owner(request)
        # Before anything is read of it.
        self.uploads.require_pending(upload_id, owner)
        async with upload_form(request, self.storage.uploads, most=MAX_PART_BYTES) as form:
            return JsonAnswer(await self.uploads.add_part(upload_id, form.get("data"), owner))

    async def complete_upload(self, request: Request) -> Response:
        upload_id, owner = request.path_params["upload_id"], _owner(request)
        return JsonAnswer(await self.uploads.complete(upload_id, await json_body(request), owner))

    async def cancel_upload(self, request: Request) -> Response:
        return JsonAnswer(self.uploads.cancel(request.path_params["upload_id"], _owner(request)))

    async def list_files(self, request: Request) -> Response:
        owner, cursor = _owner(request), query_cursor(request, default=10_000, most=10_000)
        for name in ("after", "before"):
            known = getattr(cursor, name)
            if known is not None and self.storage.file(known, owner=owner) is None:
                raise _no_such_place(name, known)
        page = self.storage.list_files(cursor, purpose=request.query_params.get("purpose"), owner=owner)
        return JsonAnswer(_list_object(page.items, page.has_more))

    async def get_file(self, request: Request) -> Response:
        return JsonAnswer(self._file(request))

    async def delete_file(self, request: Request) -> Response:
        found = self._file(request)
        self.storage.delete_file(found["id"])
        return JsonAnswer({"id": found["id"], "object": "file", "deleted": True})

    async def file_content(self, request: Request) -> Response:
        found = self._file(request)
        path = self.storage.path_of(found["id"])
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise ApiError(
                404, f"The content of file {found['id']} is no longer there.", param="id"
            ) from None
        headers = MutableHeaders(scope=request.scope)
        if "range" in headers and one_range(headers["range"], size) is None:
            del headers["range"]
        return FileResponse(path, media_type="application/octet-stream")

    async def create_batch(self, request: Request) -> Response:
        wanted, caller = await json_body(request), _caller(request)
        document = _new_batch(wanted, self.storage.now())
        if caller.rows_a_day is not None:
            document[ROWS_A_DAY] = caller.rows_a_day
        call = idempotency_key(request)
        most = caller.batches_at_once
        try:
            batch, is_new = self.storage.create_batch(
                document,
                idempotency_key=call,
                request_digest=_digest(wanted),
                owner=caller.name,
                most_unfinished=most,
            )
        except IdempotencyConflict:
            raise key_reused() from None
        except TooManyBatches:
            raise _too_many(f"Batch limit reached: at most {most} may be unfinished for this key.") from None
        if is_new:
            self.runner.wake()
        return JsonAnswer(_batch_object(batch))

    async def list_batches(self, request: Request) -> Response:
        owner, cursor = _owner(request), query_cursor(request, default=20, most=100)
        for name in ("after", "before"):
            known = getattr(cursor, name)
            if known is not None and self.storage.batch(known, owner=owner) is None:
                raise _no_such_place(name, known)
        page = self.storage.list_batches(cursor, owner=owner)
        return JsonAnswer(_list_object([_batch_object(batch) for batch in page.items], page.has_more))

    async def get_batch(self, request: Request) -> Response:
        return JsonAnswer(_batch_object(self._batch(request)))

    async def cancel_batch(self, request: Request) -> Response:
        batch = self._batch(request)
        if batch["status"] in ("validating", "in_progress"):
            batch = self.storage.update_batch(
                batch["id"], status="cancelling", cancelling_at=self.storage.now()
            )
            self.runner.cancel(batch["id"])
        elif batch["status"] not in ("cancelling", "cancelled"):
            raise ApiError(
                409,
                f"Cannot cancel a batch with status '{batch['status']}'.",
                # OpenAI's clients try a 409 again, which is of no use here.
                headers={"x-should-retry": "false"},
            )
        return JsonAnswer(_batch_object(batch))

    async def list_models(self, _: Request) -> Response:
        return JsonAnswer({"object": "list", "data": [self._model(name) for name in self.engine.models]})

    async def get_model(self, request: Request) -> Response:
        name = request.path_params["model_id"]
        if not name:
            return await self.list_models(request)
        if name not in self.engine.models:
            raise self._no_model(name)
        return JsonAnswer(self._model(name))

    async def answer(self, request: Request) -> Response:
        served = ENDPOINTS[request.scope["path"]]
        body = await json_body(request, most=MAX_CALL_BYTES)
        await self._check_model(served, body.get("model"))
        is_streamed = body.get("stream") or False
        if not isinstance(is_streamed, bool):
            raise wrong_type("stream", "a boolean", is_streamed)
        if is_streamed and served.stream is None:
            raise ApiError(
                400, f"{served.title} can't be streamed.", code="unsupported_value", param="stream"
            )
        caller = _caller(request)
        if (
            caller.rows_a_day is not None
            and self.storage.take_rows(caller.name, "", 1, caller.rows_a_day) is not None
        ):
            raise _too_many(f"Rows-per-day limit reached: {caller.rows_a_day} rows a day (UTC) for this key.")
        reply: EngineReply | Streamed
        try:
            if is_streamed:
                reply = await _unless_gone(request, self._stream(served.url, body))
            else:
                reply = await _unless_gone(request, self._answer(served.url, body))
        except ClientDisconnect:
            raise
        except RowbatchError as error:
            raise ApiError(503, error.message, code="engine_unavailable", kind="server_error") from error
        except Exception as error:
            logging.getLogger(__name__).exception("the engine failed")
            told = f"{type(error).__name__}: {shown(error)}"
            raise ApiError(503, told, code="engine_failed", kind="server_error") from error
        if isinstance(reply, Streamed):
            return EventAnswer(reply)
        reply = sound_reply(reply)
        if not reply.is_answer:
            return JsonAnswer(in_error_form(reply.status_code, reply.body), status_code=reply.status_code)
        whole = served.finished(reply.body)
        return EventAnswer(whole_as_events(served, whole, body)) if is_streamed else JsonAnswer(whole)

    async def _answer(self, url: str, body: Mapping[str, Any]) -> EngineReply:
        asked = await self.runner.habits.ask(
            url, body, lambda sent: self.engine.answer(url, sent, is_patient=False)
        )
        return asked.reply

    async def _stream(self, url: str, body: Mapping[str, Any]) -> Streamed | EngineReply:
        return (await self.runner.habits.ask(url, body, lambda sent: self.engine.stream(url, sent))).reply

    async def _check_model(self, served: ServedEndpoint, model: object) -> None:
        """
        Refuse a model that nobody has.

        Raises:
            ApiError: It is none, or not known.
        """
        if model is None:
            if served.needs_model:
                raise ApiError(400, "you must provide a model parameter")
            return
        if not isinstance(model, str):
            raise wrong_type("model", "a string", model)
        if model not in self.engine.models:
            # It may have been loaded since.
            await self.engine.refresh()
            if model not in self.engine.models:
                raise self._no_model(model)

    def _no_model(self, name: str) -> ApiError:
        """As OpenAI says it, and which there are."""
        known = list(self.engine.models)
        listed = ", ".join(shown(one) for one in known[:_MOST_LISTED])
        more = f" and {len(known) - _MOST_LISTED} more" if len(known) > _MOST_LISTED else ""
        return ApiError(
            404,
            f"The model '{shown(name)}' does not exist or you do not have access to it. "
            f"This server has: {listed or 'none'}{more}.",
            code="model_not_found",
            param="model",
        )

    def _model(self, name: str) -> dict[str, Any]:
        facts = dict(self.engine.models[name])
        return {
            "id": name,
            "object": "model",
            "created": self.started_at,
            "owned_by": "rowbatch",
            "rowbatch": facts,
        }

    def _file(self, request: Request) -> dict[str, Any]:
        file_id = request.path_params["file_id"]
        found = self.storage.file(file_id, owner=_owner(request))
        if found is None:
            raise ApiError(404, f"No such File object: {shown(file_id)}", param="id")
        return found

    def _batch(self, request: Request) -> dict[str, Any]:
        batch_id = request.path_params["batch_id"]
        found = self.storage.batch(batch_id, owner=_owner(request))
        if found is None:
            raise ApiError(404, f"No batch found with id '{shown(batch_id)}'.")
        return found


async def _unless_gone(request: Request, asked: Coroutine[Any, Any, _Reply]) -> _Reply:
    """
    What is asked, unless the client goes: nobody would read it, and it would keep its slot for minutes.

    Raises:
        ClientDisconnect: It has gone.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    answer, leaving = asyncio.ensure_future(asked), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({answer, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        for task in (answer, leaving):
            task.cancel()
        await asyncio.gather(answer, leaving, return_exceptions=True)


class _Guard:
    """Every call must bear the key and name this machine: a web page can do neither."""

    def __init__(self, app: ASGIApp, keys: Keys, known_as: KnownHosts, state: _Server) -> None:
        self._app, self._keys, self._known_as, self._state = app, keys, known_as, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[GUEST] = True
        headers = {name.lower(): value for name, value in scope["headers"]}
        # Of two, who stands before us may have looked at the other one.
        is_one = sum(name.lower() == b"host" for name, _ in scope["headers"]) == 1
        host = headers[b"host"] if is_one else b""
        if not self._known_as.has(host, port_of(scope)):
            refusal = ApiError(403, self._known_as.refusal, code="host_not_allowed")
        elif headers.get(b"origin", b"http://" + host) != b"http://" + host:
            refusal = ApiError(
                403, "This server answers programs, not pages of other sites.", code="origin_not_allowed"
            )
        elif scope["path"] == HELLO and (nonce := _nonce(scope)):
            # For who has the key, and will not tell it to whoever has the port now.
            told = prove(self._keys.own, "hello", nonce, host.decode("latin-1"))
            await PlainTextResponse(told)(scope, receive, send)
            return
        elif scope["path"] in _OPEN_PATHS and scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        elif (caller := self._keys.owner(headers.get(b"authorization", b""))) is None:
            refusal = ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
        else:
            self._state.last_call_at = time.monotonic()
            scope[GUEST], scope[CALLER] = False, caller
            await self._app(scope, receive, send)
            return
        await refusal.answer()(scope, receive, send)


def _nonce(scope: Scope) -> str:
    """What somebody has made up who wants to know whether this is the server; "" where it is none."""
    found = re.fullmatch(rb"nonce=([0-9a-f]{16,200})", scope["query_string"])
    return found[1].decode() if found and scope["method"] == "GET" else ""


def _new_batch(wanted: Mapping[str, Any], now: int) -> dict[str, Any]:
    """A batch object from the body of a create call, after its synchronous checks."""
    for name in ("input_file_id", "endpoint", "completion_window"):
        if wanted.get(name) is None:
            raise ApiError(
                400,
                f"Missing required parameter: '{name}'.",
                code="missing_required_parameter",
                param=name,
            )
        if not isinstance(wanted[name], str):
            raise wrong_type(name, "a string", wanted[name])
    if wanted["endpoint"] not in ENDPOINTS:
        raise not_among("endpoint", wanted["endpoint"], tuple(ENDPOINTS))
    if wanted["completion_window"] != "24h":
        raise not_among("completion_window", wanted["completion_window"], ("24h",))
    if len(wanted["input_file_id"]) > MAX_KEY_CHARS:
        raise ApiError(
            400,
            f"Invalid 'input_file_id': string too long. Expected a string with maximum length "
            f"{MAX_KEY_CHARS}.",
            code="string_above_max_length",
            param="input_file_id",
        )
    life = life_s("output_expires_after", wanted.get("output_expires_after"))
    own = {RESULT_LIFE_S: life} if life else {}
    return {
        "id": f"batch_{secrets.token_hex(16)}",
        "object": "batch",
        "endpoint": wanted["endpoint"],
        "model": None,
        "errors": None,
        "input_file_id": wanted["input_file_id"],
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": now,
        "in_progress_at": None,
        "expires_at": now + WINDOW_S,
        "finalizing_at": None,
        "completed_at": None,
        "failed_at": None,
        "expired_at": None,
        "cancelling_at": None,
        "cancelled_at": None,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "usage": None,
        "metadata": _metadata(wanted.get("metadata")),
        **own,
    }


def _form_life_s(form: FormData) -> int:
    """How long an uploaded file is kept."""
    anchor = form_text(form, "expires_after[anchor]")
    seconds = form_text(form, "expires_after[seconds]")
    if anchor is None and seconds is None:
        return FILE_LIFE_S
    if anchor != "created_at":
        raise not_among("expires_after.anchor", anchor, ("created_at",))
    return whole_number("expires_after.seconds", seconds or "", least=LIFE_S[0], most=LIFE_S[1])


def _metadata(metadata: object) -> dict[str, str] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise wrong_type("metadata", "an object", metadata)
    if len(metadata) > 16:
        raise ApiError(
            400,
            "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got "
            f"an object with {len(metadata)} properties instead.",
            code="object_above_max_properties",
            param="metadata",
        )
    for name, value in metadata.items():
        if not isinstance(value, str):
            raise wrong_type(f"metadata.{shown(name)}", "a string", value)
        for told, text, most in ((f"metadata.{name[:64]}", value, 512), ("metadata", name, 64)):
            if len(text) > most:
                what = "string" if text is value else "key"
                raise ApiError(
                    400,
                    f"Invalid '{told}': {what} too long. Expected a string with maximum length {most}, but "
                    f"got a string with length {len(text)} instead.",
                    code="string_above_max_length",
                    param=told,
                )
    return dict(metadata)


def _batch_object(document: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in document.items() if not name.startswith("_")}
    ours = dict(document.get(IGNORED, {}))
    if document.get(ASKED_AGAIN):
        # Nothing of OpenAI's: there only where it says something.
        ours["rows_maybe_asked_twice"] = document[ASKED_AGAIN]
    if ours:
        told["rowbatch"] = ours
    return told


def _list_object(items: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": items,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": has_more,
    }


def _no_such_place(name: str, known: str) -> ApiError:
    """An empty page in its place would end the list of a client that walks through it."""
    return ApiError(400, f"Invalid '{name}': there is no '{shown(known)}'.", code="invalid_value", param=name)


def _too_many(told: str) -> ApiError:
    return ApiError(
        429,
        told,
        code="rate_limit_exceeded",
        kind="requests",
        headers={"retry-after": str(_COME_AGAIN_S)},
    )


def _caller(request: Request) -> ServerKey:
    found = request.scope[CALLER]
    assert isinstance(found, ServerKey)
    return found


def _owner(request: Request) -> str:
    return _caller(request).name


def _known_as(request: Request) -> str | None:
    """By which name a call is noted: of a caller, and of an address. A header holds no line break."""
    given = idempotency_key(request)
    return None if given is None else f"{_owner(request)}\n{request.url.path}\n{given}"


def _digest(wanted: object) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


async def _as_response(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.answer()


async def _gone(_: Request, error: Exception) -> Response:
    """Nobody is there any more who could read it."""
    del error
    return Response(status_code=400)


async def _storage_fault(_: Request, error: Exception) -> Response:
    """507 where space is missing, 503 where the disk refuses: both pass when somebody does something."""
    logging.getLogger(__name__).warning("the disk refused: %s", error)
    if is_full_disk(error):
        return disk_full("the server could not keep this").answer()
    told = error.message if isinstance(error, RowbatchError) else str(getattr(error, "strerror", "") or error)
    return ApiError(
        503, f"The server could not keep this: {told}", code="storage_unavailable", kind="server_error"
    ).answer()


async def _own_fault(request: Request, error: Exception) -> Response:
    """The last resort: what is a mistake of ours. Its traceback goes to the log."""
    del error
    headers = headers_of_fault(request.scope)
    return ApiError(500, "The server had an error.", kind="server_error", headers=headers).answer()


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    if error.status_code == 405:
        allowed = sorted(
            method
            for route in request.app.routes
            if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
            for method in route.methods or ()
        )
        return ApiError(
            405,
            f"Not allowed to {shown(request.method)} on {shown(path)} (HINT: Perhaps you meant to use a "
            "different HTTP method?)",
            code="method_not_supported",
            headers={"allow": ", ".join(allowed)},
        ).answer()
    return ApiError(404, f"Invalid URL ({shown(request.method)} {shown(path)})").answer()
