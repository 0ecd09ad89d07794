"""
The HTTP surface: OpenAI's files, batches and models, and the endpoints that are answered at once.

Objects, errors and their texts follow OpenAI's specification 2.3.0 and recorded answers of its service.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import FormData, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from rowbatch.errors import RowbatchError, StorageError
from rowbatch.objects.disk import fsync_folder
from rowbatch.processes import prove
from rowbatch.server import strict_json
from rowbatch.server.endpoint import ServedEndpoint
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import Engine, EngineReply, in_error_form, sound_reply
from rowbatch.server.event_answer import EventAnswer
from rowbatch.server.incoming import (
    MAX_CALL_BYTES,
    MAX_UPLOAD_BYTES,
    ApiError,
    JsonAnswer,
    disk_full,
    form_text,
    json_body,
    not_among,
    one_range,
    query_choice,
    query_limit,
    shown,
    upload_form,
    whole_number,
    wrong_type,
)
from rowbatch.server.launch import HELLO, is_this_computer
from rowbatch.server.runner import Runner
from rowbatch.server.storage import (
    FILE_LIFE_S,
    RESULT_LIFE_S,
    IdempotencyConflict,
    Storage,
    is_full_disk,
)
from rowbatch.server.streaming import Streamed, whole_as_events
from rowbatch.serving import GUEST
from rowbatch.store.home import private_file

WINDOW_S = 24 * 3600

_COPY_BYTES = 1 << 20
_MAX_KEY_CHARS = 255
_MOST_LISTED = 20
_LIFE_S = (3600, FILE_LIFE_S)
"""OpenAI: a file may be kept for one hour to thirty days."""
_Reply = TypeVar("_Reply")
_ONE_JSON_LINE = "Invalid file format for Batch API. Must be .jsonl"


def create_app(home: Path, engine: Engine, *, key: str, any_host: bool = False) -> Starlette:
    """
    The server as an ASGI application.

    Args:
        home: Where everything is kept. One process at a time; see `rowbatch.server.main.serve`.
        engine: What answers the requests.
        key: Every call must bear it.
        any_host: Accept any Host header; only right when the server is meant to be reached from outside.
    """
    state = _Server(Storage(home), engine)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        state.runner.start()
        yield
        await state.runner.stop()
        await engine.stop()
        state.storage.close()

    routes = [
        Route("/health", state.health),
        Route("/v1/files", state.upload, methods=["POST"]),
        Route("/v1/files", state.list_files),
        Route("/v1/files/{file_id}", state.get_file),
        Route("/v1/files/{file_id}", state.delete_file, methods=["DELETE"]),
        Route("/v1/files/{file_id}/content", state.file_content),
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
    app.add_middleware(_Guard, key=key, any_host=any_host, state=state)
    app.state.server = state
    return app


class _Server:
    """The handlers, and what they share."""

    def __init__(self, storage: Storage, engine: Engine) -> None:
        self.storage, self.engine = storage, engine
        self.runner = Runner(storage, engine)
        self.started_at = int(time.time())
        self.last_call_at = time.monotonic()

    async def health(self, _: Request) -> Response:
        return JsonAnswer(
            {
                "status": "ok",
                "is_idle": self.runner.is_idle,
                "started_at": self.started_at,
                "engine": self.engine.state,
                "fault": self.runner.fault or self.engine.fault,
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
            life_s = _life_s(form)
            filename = strict_json.whole_text(str(part.filename or ""))
            file_id = self.storage.new_file_id()
            await self._keep(part, filename, file_id)
        return JsonAnswer(self.storage.add_file(file_id, filename=filename, purpose="batch", life_s=life_s))

    async def _keep(self, part: UploadFile, filename: str, file_id: str) -> None:
        """Bring an upload to its place, whole, after a shallow look at it."""
        first = await part.read(_COPY_BYTES)
        line, newline, _ = first.partition(b"\n")
        is_whole_line = bool(newline) or len(first) < _COPY_BYTES
        if not filename.endswith(".jsonl") or not first or (is_whole_line and not _is_json(line)):
            raise ApiError(400, _ONE_JSON_LINE)
        whole = self.storage.path_of(file_id)
        temporary = whole.with_suffix(".part")
        size, block = 0, first
        try:
            private_file(temporary)
            with temporary.open("wb") as file:
                while block:
                    size += len(block)
                    if size > MAX_UPLOAD_BYTES:
                        raise ApiError(413, "File is too large.", code="too_large")
                    await asyncio.to_thread(file.write, block)
                    block = await part.read(_COPY_BYTES)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            temporary.replace(whole)
            fsync_folder(whole.parent)
        finally:
            temporary.unlink(missing_ok=True)

    async def list_files(self, request: Request) -> Response:
        query = request.query_params
        after = query.get("after") or None
        if after is not None and self.storage.file(after) is None:
            raise _no_such_after(after)
        page = self.storage.list_files(
            purpose=query.get("purpose"),
            limit=query_limit(request, default=10_000, most=10_000),
            after=after,
            newest_first=query_choice(request, "order", ("desc", "asc")) == "desc",
        )
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
        wanted = await json_body(request)
        document = _new_batch(wanted)
        idempotency_key = request.headers.get("idempotency-key")
        if idempotency_key is not None and len(idempotency_key) > _MAX_KEY_CHARS:
            raise ApiError(
                400,
                f"An Idempotency-Key has at most {_MAX_KEY_CHARS} characters.",
                code="string_above_max_length",
            )
        try:
            batch, is_new = self.storage.create_batch(
                document,
                idempotency_key=idempotency_key,
                request_digest=hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest(),
            )
        except IdempotencyConflict:
            raise ApiError(
                409, "This Idempotency-Key was used with another body.", code="idempotency_key_reused"
            ) from None
        if is_new:
            self.runner.wake()
        return JsonAnswer(_batch_object(batch))

    async def list_batches(self, request: Request) -> Response:
        after = request.query_params.get("after") or None
        if after is not None and self.storage.batch(after) is None:
            raise _no_such_after(after)
        page = self.storage.list_batches(limit=query_limit(request, default=20, most=100), after=after)
        return JsonAnswer(_list_object([_batch_object(batch) for batch in page.items], page.has_more))

    async def get_batch(self, request: Request) -> Response:
        return JsonAnswer(_batch_object(self._batch(request)))

    async def cancel_batch(self, request: Request) -> Response:
        batch = self._batch(request)
        if batch["status"] in ("validating", "in_progress"):
            batch = self.storage.update_batch(
                batch["id"], status="cancelling", cancelling_at=int(time.time())
            )
            self.runner.cancel(batch["id"])
        elif batch["status"] not in ("cancelling", "cancelled"):
            raise ApiError(409, f"Cannot cancel a batch with status '{batch['status']}'.")
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
        reply: EngineReply | Streamed
        try:
            if is_streamed:
                reply = await _unless_gone(request, self.engine.stream(served.url, body))
            else:
                asked = self.engine.answer(served.url, body, is_patient=False)
                reply = await _unless_gone(request, asked)
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
        found = self.storage.file(file_id)
        if found is None:
            raise ApiError(404, f"No such File object: {shown(file_id)}", param="id")
        return found

    def _batch(self, request: Request) -> dict[str, Any]:
        batch_id = request.path_params["batch_id"]
        found = self.storage.batch(batch_id)
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

    def __init__(self, app: ASGIApp, key: str, any_host: bool, state: _Server) -> None:
        self._app, self._key, self._any_host, self._state = app, key.encode(), any_host, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[GUEST] = True
        headers = {name.lower(): value for name, value in scope["headers"]}
        host = headers.get(b"host", b"")
        if not self._any_host and not self._names_us(host, scope):
            refusal = ApiError(403, "This server answers to this computer only.", code="host_not_allowed")
        elif headers.get(b"origin", b"http://" + host) != b"http://" + host:
            refusal = ApiError(
                403, "This server answers programs, not pages of other sites.", code="origin_not_allowed"
            )
        elif scope["path"] == HELLO and (nonce := _nonce(scope)):
            # For who has the key, and will not tell it to whoever has the port now.
            told = prove(self._key.decode(), "hello", nonce, host.decode("latin-1"))
            await PlainTextResponse(told)(scope, receive, send)
            return
        elif not hmac.compare_digest(headers.get(b"authorization", b""), b"Bearer " + self._key):
            refusal = ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
        else:
            self._state.last_call_at = time.monotonic()
            scope[GUEST] = False
            await self._app(scope, receive, send)
            return
        await refusal.answer()(scope, receive, send)

    def _names_us(self, host: bytes, scope: Scope) -> bool:
        name, _, port = host.decode("latin-1").rpartition(":")
        server = scope.get("server")
        return is_this_computer(name) and (server is None or port == str(server[1]))


def _nonce(scope: Scope) -> str:
    """What somebody has made up who wants to know whether this is the server; "" where it is none."""
    found = re.fullmatch(rb"nonce=([0-9a-f]{16,200})", scope["query_string"])
    return found[1].decode() if found and scope["method"] == "GET" else ""


def _new_batch(wanted: Mapping[str, Any]) -> dict[str, Any]:
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
    if len(wanted["input_file_id"]) > _MAX_KEY_CHARS:
        raise ApiError(
            400,
            f"Invalid 'input_file_id': string too long. Expected a string with maximum length "
            f"{_MAX_KEY_CHARS}.",
            code="string_above_max_length",
            param="input_file_id",
        )
    own = {RESULT_LIFE_S: life} if (life := _result_life_s(wanted.get("output_expires_after"))) else {}
    now = int(time.time())
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


def _result_life_s(wanted: object) -> int | None:
    """How long the files of results are kept, or None where nothing is said."""
    name = "output_expires_after"
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise wrong_type(name, "an object", wanted)
    if wanted.get("anchor") != "created_at":
        raise not_among(f"{name}.anchor", wanted.get("anchor"), ("created_at",))
    seconds = wanted.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise wrong_type(f"{name}.seconds", "an integer", seconds)
    return whole_number(f"{name}.seconds", str(seconds), least=_LIFE_S[0], most=_LIFE_S[1])


def _life_s(form: FormData) -> int:
    """How long an uploaded file is kept."""
    anchor = form_text(form, "expires_after[anchor]")
    seconds = form_text(form, "expires_after[seconds]")
    if anchor is None and seconds is None:
        return FILE_LIFE_S
    if anchor != "created_at":
        raise not_among("expires_after.anchor", anchor, ("created_at",))
    return whole_number("expires_after.seconds", seconds or "", least=_LIFE_S[0], most=_LIFE_S[1])


def _metadata(metadata: object) -> dict[str, str] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise wrong_type("metadata", "an object", metadata)
    if len(metadata) > 16:
        raise ApiError(400, "Invalid 'metadata': too many properties. Expected at most 16.", param="metadata")
    for name, value in metadata.items():
        if not isinstance(value, str):
            raise wrong_type(f"metadata.{shown(name)}", "a string", value)
        if len(name) > 64 or len(value) > 512:
            raise ApiError(
                400,
                f"Invalid 'metadata.{name[:64]}': a key has at most 64 characters, a value 512.",
                code="string_above_max_length",
                param="metadata",
            )
    return dict(metadata)


def _batch_object(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if not name.startswith("_")}


def _list_object(items: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": items,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": has_more,
    }


def _is_json(line: bytes) -> bool:
    try:
        strict_json.parse(line)
    except ValueError:
        return False
    return True


def _no_such_after(after: str) -> ApiError:
    """An empty page in its place would end the list of a client that walks through it."""
    return ApiError(
        400, f"Invalid 'after': there is no '{shown(after)}'.", code="invalid_value", param="after"
    )


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


async def _own_fault(_: Request, error: Exception) -> Response:
    """The last resort: what is a mistake of ours. Its traceback goes to the log."""
    del error
    return ApiError(500, "The server had an error.", kind="server_error").answer()


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
