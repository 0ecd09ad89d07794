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
import os
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from rowbatch.errors import RowbatchError, StorageError
from rowbatch.server.endpoints import ENDPOINTS
from rowbatch.server.engine import Engine
from rowbatch.server.runner import Runner
from rowbatch.server.storage import IdempotencyConflict, Storage, sync_folder
from rowbatch.store.home import private_file

MAX_UPLOAD_BYTES = 512 << 20
"""OpenAI: a file may have 512 MB."""
WINDOW_S = 24 * 3600

_MAX_BODY_BYTES = 64 << 20
_COPY_BYTES = 1 << 20
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_ONE_JSON_LINE = "Invalid file format for Batch API. Must be .jsonl"


class ApiError(Exception):
    """An answer in OpenAI's error form."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


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
        Route("/v1/models/{model_id}", state.get_model),
        *(Route(url, state.answer, methods=["POST"]) for url in ENDPOINTS),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={ApiError: _as_response, 404: _no_route, 405: _no_route, 500: _own_fault},
    )
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
        return JSONResponse(
            {
                "status": "ok",
                "is_idle": self.runner.is_idle,
                "started_at": self.started_at,
                "engine": self.engine.state,
                "fault": self.runner.fault,
            }
        )

    async def upload(self, request: Request) -> Response:
        _require_length(request, MAX_UPLOAD_BYTES + (1 << 20))
        try:
            async with request.form(max_files=1, max_fields=20) as form:
                part, purpose = form.get("file"), form.get("purpose")
                if not isinstance(part, UploadFile):
                    raise ApiError(400, "Missing required parameter: 'file'.", param="file")
                if purpose != "batch":
                    raise ApiError(
                        400,
                        f"Invalid value: '{purpose}'. Supported values are: 'batch'.",
                        code="invalid_value",
                        param="purpose",
                    )
                filename = str(part.filename or "")
                file_id = self.storage.new_file_id()
                await self._keep(part, filename, file_id)
        except ClientDisconnect:
            return Response(status_code=400)
        return JSONResponse(self.storage.add_file(file_id, filename=filename, purpose="batch"))

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
                        raise ApiError(413, "File is too large.")
                    await asyncio.to_thread(file.write, block)
                    block = await part.read(_COPY_BYTES)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            temporary.replace(whole)
            sync_folder(whole.parent)
        except OSError as error:
            raise ApiError(
                507, f"The file could not be kept: {error.strerror}", kind="server_error"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    async def list_files(self, request: Request) -> Response:
        query = request.query_params
        page = self.storage.list_files(
            purpose=query.get("purpose"),
            limit=_limit(request, default=10_000, most=10_000),
            after=query.get("after"),
            newest_first=query.get("order", "desc") != "asc",
        )
        return JSONResponse(_list_object(page.items, page.has_more))

    async def get_file(self, request: Request) -> Response:
        return JSONResponse(self._file(request))

    async def delete_file(self, request: Request) -> Response:
        found = self._file(request)
        self.storage.delete_file(found["id"])
        return JSONResponse({"id": found["id"], "object": "file", "deleted": True})

    async def file_content(self, request: Request) -> Response:
        found = self._file(request)
        return FileResponse(self.storage.path_of(found["id"]), media_type="application/octet-stream")

    async def create_batch(self, request: Request) -> Response:
        raw = await _body(request)
        wanted = _json_body(raw)
        document = _new_batch(wanted)
        try:
            batch, is_new = self.storage.create_batch(
                document,
                idempotency_key=request.headers.get("idempotency-key"),
                request_digest=hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest(),
            )
        except IdempotencyConflict:
            raise ApiError(
                409, "This Idempotency-Key was used with another body.", code="idempotency_key_reused"
            ) from None
        if is_new:
            self.runner.wake()
        return JSONResponse(_batch_object(batch))

    async def list_batches(self, request: Request) -> Response:
        page = self.storage.list_batches(
            limit=_limit(request, default=20, most=100), after=request.query_params.get("after")
        )
        return JSONResponse(_list_object([_batch_object(batch) for batch in page.items], page.has_more))

    async def get_batch(self, request: Request) -> Response:
        return JSONResponse(_batch_object(self._batch(request)))

    async def cancel_batch(self, request: Request) -> Response:
        batch = self._batch(request)
        if batch["status"] in ("validating", "in_progress"):
            batch = self.storage.update_batch(
                batch["id"], status="cancelling", cancelling_at=int(time.time())
            )
            self.runner.wake()
        elif batch["status"] not in ("cancelling", "cancelled"):
            raise ApiError(409, f"Cannot cancel a batch with status '{batch['status']}'.")
        return JSONResponse(_batch_object(batch))

    async def list_models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._model(name) for name in self.engine.models]})

    async def get_model(self, request: Request) -> Response:
        name = request.path_params["model_id"]
        if name not in self.engine.models:
            raise _no_model(name)
        return JSONResponse(self._model(name))

    async def answer(self, request: Request) -> Response:
        served = ENDPOINTS[request.url.path]
        body = _json_body(await _body(request))
        if body.get("model") not in self.engine.models:
            raise _no_model(str(body.get("model")))
        if body.get("stream"):
            raise ApiError(400, "This server does not stream.", code="unsupported_value", param="stream")
        try:
            reply = await self.engine.answer(served.url, body)
        except RowbatchError as error:
            raise ApiError(503, error.message, code="engine_unavailable", kind="server_error") from error
        answer = served.finished(reply.body) if reply.status_code == 200 else dict(reply.body)
        return JSONResponse(answer, status_code=reply.status_code)

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
            raise ApiError(404, f"No such File object: {file_id}", param="id")
        return found

    def _batch(self, request: Request) -> dict[str, Any]:
        batch_id = request.path_params["batch_id"]
        found = self.storage.batch(batch_id)
        if found is None:
            raise ApiError(404, f"No batch found with id '{batch_id}'.")
        return found


class _Guard:
    """Every call must bear the key and name this machine: a web page can do neither."""

    def __init__(self, app: ASGIApp, key: str, any_host: bool, state: _Server) -> None:
        self._app, self._key, self._any_host, self._state = app, key.encode(), any_host, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if not self._any_host and not self._names_us(headers.get(b"host", b""), scope):
            refusal = ApiError(403, "This server answers to this computer only.", code="host_not_allowed")
        elif not hmac.compare_digest(headers.get(b"authorization", b""), b"Bearer " + self._key):
            refusal = ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
        else:
            self._state.last_call_at = time.monotonic()
            await self._app(scope, receive, send)
            return
        await JSONResponse(refusal.body, status_code=refusal.status)(scope, receive, send)

    def _names_us(self, host: bytes, scope: Scope) -> bool:
        name, _, port = host.decode("latin-1").rpartition(":")
        server = scope.get("server")
        return name in _LOOPBACK_NAMES and (server is None or port == str(server[1]))


def _new_batch(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A batch object from the body of a create call, after its synchronous checks."""
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(wanted.get(name), str):
            raise ApiError(
                400,
                f"Missing required parameter: '{name}'.",
                code="missing_required_parameter",
                param=name,
            )
    if wanted["endpoint"] not in ENDPOINTS:
        raise ApiError(
            400, _not_among(wanted["endpoint"], tuple(ENDPOINTS)), code="invalid_value", param="endpoint"
        )
    if wanted["completion_window"] != "24h":
        raise ApiError(
            400,
            _not_among(wanted["completion_window"], ("24h",)),
            code="invalid_value",
            param="completion_window",
        )
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
    }


def _metadata(metadata: object) -> dict[str, str] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise ApiError(
            400, "Invalid type for 'metadata': expected an object.", code="invalid_type", param="metadata"
        )
    if len(metadata) > 16:
        raise ApiError(400, "Invalid 'metadata': too many properties. Expected at most 16.", param="metadata")
    for name, value in metadata.items():
        if not isinstance(value, str):
            kinds = {list: "an array", dict: "an object", bool: "a boolean", type(None): "null"}
            raise ApiError(
                400,
                f"Invalid type for 'metadata.{name}': expected a string, but got "
                f"{kinds.get(type(value), 'a number')} instead.",
                code="invalid_type",
                param=f"metadata.{name}",
            )
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


def _limit(request: Request, *, default: int, most: int) -> int:
    text = request.query_params.get("limit")
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise ApiError(
            400, f"Invalid 'limit': expected a number from 1 to {most}.", code="invalid_value", param="limit"
        )
    return int(text)


def _require_length(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise ApiError(413, "File is too large.")


async def _body(request: Request) -> bytes:
    _require_length(request, _MAX_BODY_BYTES)
    blocks, size = [], 0
    async for block in request.stream():
        size += len(block)
        if size > _MAX_BODY_BYTES:
            raise ApiError(413, "The body is too large.")
        blocks.append(block)
    return b"".join(blocks)


def _json_body(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "We could not parse the JSON body of your request.")
    return body


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _not_among(value: str, allowed: tuple[str, ...]) -> str:
    *others, last = [f"'{name}'" for name in allowed]
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"Invalid value: '{value}'. Supported values are: {listed}."


def _no_model(name: str) -> ApiError:
    return ApiError(
        404,
        f"The model '{name}' does not exist or you do not have access to it.",
        code="model_not_found",
    )


async def _as_response(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body, status_code=error.status)


async def _own_fault(_: Request, error: Exception) -> Response:
    full = isinstance(error, OSError | StorageError)
    message = f"The server could not keep this: {error}" if full else "The server had an error."
    return JSONResponse(ApiError(500, message, kind="server_error").body, status_code=500)


async def _no_route(request: Request, _: Exception) -> Response:
    return JSONResponse(
        ApiError(404, f"Invalid URL ({request.method} {request.url.path})").body, status_code=404
    )
