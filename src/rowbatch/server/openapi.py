"""
The server's own description, as OpenAPI 3.1: for programs that make clients or tests of it.

`docs/reference/server.openapi.json` is written from here.
"""

from __future__ import annotations

from typing import Any

from rowbatch.server.endpoints import ENDPOINTS

_STATUSES = (
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
)
_TIMES = (
    "in_progress_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)


def document() -> dict[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rowbatch serve",
            "version": "1",
            "summary": "OpenAI's files, uploads, batches and models, on a server of one's own.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8766"}],
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _paths() -> dict[str, Any]:
    file_id, batch_id = _path_id("file_id"), _path_id("batch_id")
    upload_id, model_id = _path_id("upload_id"), _path_id("model_id")
    cursor = [
        _query("after", {"type": "string"}),
        _query("before", {"type": "string"}),
        _query("order", {"type": "string", "enum": ["asc", "desc"]}),
    ]
    once = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 255},
    }
    form_file = {
        "type": "object",
        "required": ["file", "purpose"],
        "properties": {
            "file": {"type": "string", "contentMediaType": "application/octet-stream"},
            "purpose": {"type": "string", "enum": ["batch"]},
            "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
            "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2592000},
        },
    }
    form_part = {
        "type": "object",
        "required": ["data"],
        "properties": {"data": {"type": "string", "contentMediaType": "application/octet-stream"}},
    }
    return {
        "/v1/files": {
            "post": _call("createFile", "File", body=form_file, form=True, parameters=[once]),
            "get": _call(
                "listFiles",
                "FileList",
                parameters=[_query("purpose", {"type": "string"}), _limit(10_000), *cursor],
            ),
        },
        "/v1/files/{file_id}": {
            "get": _call("retrieveFile", "File", parameters=[file_id]),
            "delete": _call("deleteFile", "DeletedFile", parameters=[file_id]),
        },
        "/v1/files/{file_id}/content": {
            "get": _call("downloadFile", None, parameters=[file_id], content={"application/octet-stream": {}})
        },
        "/v1/uploads": {"post": _call("createUpload", "Upload", body=_ref("NewUpload"), parameters=[once])},
        "/v1/uploads/{upload_id}/parts": {
            "post": _call("addUploadPart", "UploadPart", body=form_part, form=True, parameters=[upload_id])
        },
        "/v1/uploads/{upload_id}/complete": {
            "post": _call("completeUpload", "Upload", body=_ref("CompleteUpload"), parameters=[upload_id])
        },
        "/v1/uploads/{upload_id}/cancel": {"post": _call("cancelUpload", "Upload", parameters=[upload_id])},
        "/v1/batches": {
            "post": _call("createBatch", "Batch", body=_ref("NewBatch"), parameters=[once]),
            "get": _call("listBatches", "BatchList", parameters=[_limit(100), *cursor]),
        },
        "/v1/batches/{batch_id}": {"get": _call("retrieveBatch", "Batch", parameters=[batch_id])},
        "/v1/batches/{batch_id}/cancel": {"post": _call("cancelBatch", "Batch", parameters=[batch_id])},
        "/v1/models": {"get": _call("listModels", "ModelList")},
        "/v1/models/{model_id}": {"get": _call("retrieveModel", "Model", parameters=[model_id])},
        **{
            url: {
                "post": _call(
                    f"answer{served.title.title().replace(' ', '')}",
                    "Answer",
                    body={
                        "type": "object",
                        "required": ["model", served.required],
                        "properties": {"model": {"type": "string"}},
                    },
                )
            }
            for url, served in ENDPOINTS.items()
        },
        "/health": {"get": _call("health", "Answer")},
        "/healthz": {"get": {**_call("isAlive", "Answer"), "security": []}},
        "/readyz": {"get": {**_call("isReady", "Answer"), "security": []}},
        "/metrics": {"get": _call("metrics", None, content={"text/plain": {"schema": {"type": "string"}}})},
        "/openapi.json": {"get": _call("description", "Answer")},
    }


def _call(
    name: str,
    answer: str | None,
    *,
    body: dict[str, Any] | None = None,
    form: bool = False,
    parameters: list[dict[str, Any]] | None = None,
    content: dict[str, Any] | None = None,
) -> dict[str, Any]:
    said: dict[str, Any] = {"operationId": name}
    if parameters:
        said["parameters"] = parameters
    if body is not None:
        media = "multipart/form-data" if form else "application/json"
        said["requestBody"] = {"required": True, "content": {media: {"schema": body}}}
    if answer is not None:
        content = {"application/json": {"schema": _ref(answer)}}
    said["responses"] = {
        "200": {"description": "Done.", "content": content or {}},
        "default": {
            "description": "Refused.",
            "content": {"application/json": {"schema": _ref("Refusal")}},
        },
    }
    return said


def _path_id(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _limit(most: int) -> dict[str, Any]:
    return _query("limit", {"type": "integer", "minimum": 1, "maximum": most})


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with all of its fields, as every answer has them: null where there is nothing."""
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _list_of(name: str) -> dict[str, Any]:
    return _object(
        {
            "object": {"const": "list"},
            "data": {"type": "array", "items": _ref(name)},
            "first_id": _TEXT_OR_NULL,
            "last_id": _TEXT_OR_NULL,
            "has_more": {"type": "boolean"},
        }
    )


_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "integer", "minimum": 0}
_TEXT_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_NUMBER_OR_NULL: dict[str, Any] = {"type": ["integer", "null"], "minimum": 0}


def _schemas() -> dict[str, Any]:
    life = {
        "type": "object",
        "required": ["anchor", "seconds"],
        "properties": {
            "anchor": {"const": "created_at"},
            "seconds": {"type": "integer", "minimum": 3600, "maximum": 2592000},
        },
    }
    error = _object({"message": _TEXT, "type": _TEXT, "param": _TEXT_OR_NULL, "code": _TEXT_OR_NULL})
    batch_error = _object(
        {"code": _TEXT, "message": _TEXT, "param": _TEXT_OR_NULL, "line": {"type": ["integer", "null"]}}
    )
    usage = _object(
        {
            "input_tokens": _NUMBER,
            "input_tokens_details": _object({"cached_tokens": _NUMBER}),
            "output_tokens": _NUMBER,
            "output_tokens_details": _object({"reasoning_tokens": _NUMBER}),
            "total_tokens": _NUMBER,
        }
    )
    return {
        "File": _object(
            {
                "id": _TEXT,
                "object": {"const": "file"},
                "bytes": _NUMBER,
                "created_at": _NUMBER,
                "expires_at": _NUMBER,
                "filename": _TEXT,
                "purpose": {"enum": ["batch", "batch_output"]},
                "status": {"const": "processed"},
                "status_details": {"type": "null"},
            }
        ),
        "FileList": _list_of("File"),
        "DeletedFile": _object({"id": _TEXT, "object": {"const": "file"}, "deleted": {"const": True}}),
        "NewUpload": {
            "type": "object",
            "required": ["filename", "purpose", "bytes", "mime_type"],
            "properties": {
                "filename": _TEXT,
                "purpose": {"enum": ["batch"]},
                "bytes": {"type": "integer", "minimum": 1, "maximum": 512 << 20},
                "mime_type": _TEXT,
                "expires_after": life,
            },
        },
        "CompleteUpload": {
            "type": "object",
            "required": ["part_ids"],
            "properties": {"part_ids": {"type": "array", "items": _TEXT}, "md5": _TEXT_OR_NULL},
        },
        "Upload": _object(
            {
                "id": _TEXT,
                "object": {"const": "upload"},
                "bytes": _NUMBER,
                "created_at": _NUMBER,
                "expires_at": _NUMBER,
                "filename": _TEXT,
                "purpose": {"const": "batch"},
                "status": {"enum": ["pending", "completed", "cancelled", "expired"]},
                "file": {"anyOf": [_ref("File"), {"type": "null"}]},
            }
        ),
        "UploadPart": _object(
            {"id": _TEXT, "object": {"const": "upload.part"}, "created_at": _NUMBER, "upload_id": _TEXT}
        ),
        "NewBatch": {
            "type": "object",
            "required": ["input_file_id", "endpoint", "completion_window"],
            "properties": {
                "input_file_id": _TEXT,
                "endpoint": {"enum": list(ENDPOINTS)},
                "completion_window": {"const": "24h"},
                "metadata": {
                    "type": ["object", "null"],
                    "maxProperties": 16,
                    "propertyNames": {"maxLength": 64},
                    "additionalProperties": {"type": "string", "maxLength": 512},
                },
                "output_expires_after": life,
            },
        },
        "Batch": _object(
            {
                "id": _TEXT,
                "object": {"const": "batch"},
                "endpoint": _TEXT,
                "model": _TEXT_OR_NULL,
                "errors": {
                    "anyOf": [
                        _object(
                            {"object": {"const": "list"}, "data": {"type": "array", "items": batch_error}}
                        ),
                        {"type": "null"},
                    ]
                },
                "input_file_id": _TEXT,
                "completion_window": _TEXT,
                "status": {"enum": list(_STATUSES)},
                "output_file_id": _TEXT_OR_NULL,
                "error_file_id": _TEXT_OR_NULL,
                "created_at": _NUMBER,
                "expires_at": _NUMBER,
                **dict.fromkeys(_TIMES, _NUMBER_OR_NULL),
                "request_counts": _object({"total": _NUMBER, "completed": _NUMBER, "failed": _NUMBER}),
                "usage": {"anyOf": [usage, {"type": "null"}]},
                "metadata": {"type": ["object", "null"], "additionalProperties": _TEXT},
                "rowbatch": {
                    **_object(
                        {
                            "rows_maybe_asked_twice": _NUMBER,
                            "ignored_by_server": _TEXTS,
                            "mended": _TEXTS,
                            "warnings": _TEXTS,
                        },
                        optional=("rows_maybe_asked_twice", "ignored_by_server", "mended", "warnings"),
                    ),
                    "description": "There only where a process was killed while rows were being answered, or "
                    "where the server behind this one ignores what is asked of it.",
                },
            },
            optional=("rowbatch",),
        ),
        "BatchList": _list_of("Batch"),
        "Model": _object({"id": _TEXT, "object": {"const": "model"}, "created": _NUMBER, "owned_by": _TEXT}),
        "ModelList": _object(
            {"object": {"const": "list"}, "data": {"type": "array", "items": _ref("Model")}}
        ),
        "Answer": {"type": "object"},
        "Refusal": _object({"error": error}),
    }
