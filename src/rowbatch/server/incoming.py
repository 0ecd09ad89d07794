"""
What comes in: every part of a request is read here, with a bound, and refused in OpenAI's form.

Texts and codes follow recorded answers of OpenAI's service.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message

from rowbatch.objects.disk import fsync_folder
from rowbatch.server import strict_json
from rowbatch.server.storage import FILE_LIFE_S, Cursor
from rowbatch.store.home import private_file

MAX_UPLOAD_BYTES = 512 << 20
"""OpenAI: a file may have 512 MB."""
MAX_CALL_BYTES = 64 << 20
"""Of a call that is answered at once: images travel in it."""
MAX_SMALL_BYTES = 1 << 20
"""Of any other body."""

MAX_KEY_CHARS = 255
LIFE_S = (3600, FILE_LIFE_S)
"""OpenAI: a file may be kept for one hour to thirty days."""

_COPY_BYTES = 1 << 20
_ONE_JSON_LINE = "Invalid file format for Batch API. Must be .jsonl"
_MAX_FORM_FIELDS = 20
_MAX_FIELD_BYTES = 64 << 10
_FORM_BYTES = 1 << 20
_MAX_SHOWN = 200


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
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}

    def answer(self) -> JSONResponse:
        """As it is sent."""
        return JsonAnswer(self.body, self.status, headers=self.headers)


class JsonAnswer(JSONResponse):
    """An answer that can hold every text that JSON can: one with half of a surrogate pair too."""

    def render(self, content: Any) -> bytes:
        return strict_json.written(content)


def shown(value: object) -> str:
    """What a caller gave, as an error repeats it: short."""
    text = str(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def kind_of(value: object) -> str:
    """The type of a JSON value, as OpenAI's texts name it."""
    kinds = {str: "a string", list: "an array", dict: "an object", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def wrong_type(name: str, expected: str, value: object) -> ApiError:
    """The refusal of a parameter of another type."""
    return ApiError(
        400,
        f"Invalid type for '{name}': expected {expected}, but got {kind_of(value)} instead.",
        code="invalid_type",
        param=name,
    )


def not_among(name: str, value: object, allowed: tuple[str, ...]) -> ApiError:
    """The refusal of a value that is none of those that are known."""
    *others, last = [f"'{one}'" for one in allowed]
    listed = f"{', '.join(others)} and {last}" if others else last
    return ApiError(
        400,
        f"Invalid value: '{shown(value)}'. Supported values are: {listed}.",
        code="invalid_value",
        param=name,
    )


def whole_number(name: str, text: str, *, least: int, most: int) -> int:
    """
    A number from a query or a form.

    Raises:
        ApiError: It is none, or not within the bounds.
    """
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise wrong_type(name, "an integer", text)
    digits = text.lstrip("+-").lstrip("0") or "0"
    # Never made a number of before its length is known: thousands of digits are an error of Python.
    value = int(digits) if len(digits) <= len(str(most)) else most + 1
    value = -value if text.startswith("-") else value
    if value < least:
        raise ApiError(
            400,
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got "
            f"{shown(text)} instead.",
            code="integer_below_min_value",
            param=name,
        )
    if value > most:
        raise ApiError(
            400,
            f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got "
            f"{shown(text)} instead.",
            code="integer_above_max_value",
            param=name,
        )
    return value


def query_limit(request: Request, *, default: int, most: int) -> int:
    """How many entries of a list are wanted."""
    given = request.query_params.getlist("limit")
    if not given:
        return default
    if len(set(given)) > 1:
        raise ApiError(400, "'limit' was given more than once.", code="invalid_value", param="limit")
    return whole_number("limit", given[0], least=1, most=most)


def query_cursor(request: Request, *, default: int, most: int) -> Cursor:
    """Which part of a list is wanted."""
    query = request.query_params
    after, before = query.get("after") or None, query.get("before") or None
    if after is not None and before is not None:
        raise ApiError(
            400, "Only one of 'after' and 'before' can be given.", code="invalid_value", param="before"
        )
    return Cursor(
        limit=query_limit(request, default=default, most=most),
        after=after,
        before=before,
        newest_first=query_choice(request, "order", ("desc", "asc")) == "desc",
    )


def query_choice(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    """One of a few words; the first when nothing is said."""
    given = request.query_params.get(name) or allowed[0]
    if given not in allowed:
        raise not_among(name, given, allowed)
    return given


async def json_body(request: Request, *, most: int = MAX_SMALL_BYTES) -> dict[str, Any]:
    """
    The object in a body.

    Raises:
        ApiError: It is none, of another type, coded, or larger than `most` bytes.
    """
    _require_plain(request, "application/json")
    bounded = _bounded(request, most)
    raw = await bounded.body()
    try:
        return strict_json.parse_object(raw)
    except ValueError:
        raise ApiError(400, "We could not parse the JSON body of your request.") from None


@contextlib.asynccontextmanager
async def upload_form(request: Request, folder: Path, *, most: int | None = None) -> AsyncIterator[FormData]:
    """
    The form that brings a file, which is deleted again at the end of the block.

    Args:
        request: Not yet read.
        folder: On the disk on which the file shall be.
        most: Bytes of the file; None means those of the largest one.
    Raises:
        ApiError: It is no such form, or larger than the largest file; 507 when the disk has no room for it.
    """
    _require_plain(request, "multipart/form-data")
    bounded = _bounded(request, (MAX_UPLOAD_BYTES if most is None else most) + _FORM_BYTES)
    if announced_bytes(request) > shutil.disk_usage(folder).free:
        raise disk_full("there is no room for the file")
    async with contextlib.AsyncExitStack() as stack:
        try:
            form = await stack.enter_async_context(
                bounded.form(max_files=1, max_fields=_MAX_FORM_FIELDS, max_part_size=_MAX_FIELD_BYTES)
            )
        except HTTPException as error:
            raise ApiError(400, f"We could not read the form of your request: {error.detail}") from error
        except (ValueError, LookupError) as error:
            # A character set that is none of texts: Starlette 1.10 asks Python for any that the client names.
            raise ApiError(400, "We could not read the form of your request.") from error
        yield form


def form_text(form: FormData, name: str) -> str | None:
    """A field that is no file, or None."""
    value = form.get(name)
    if isinstance(value, UploadFile):
        raise ApiError(400, f"Invalid type for '{name}': expected a string.", code="invalid_type", param=name)
    return value


async def keep_upload(part: UploadFile, whole: Path, *, most: int, first: bytes = b"") -> str:
    """
    Bring what a form brought to its place, whole.

    Args:
        part: Of the form.
        whole: The file that is made.
        most: Bytes that it may have.
        first: What was read of it already.
    Returns:
        The SHA-256 of the bytes.
    Raises:
        ApiError: It is larger.
        OSError: The disk does not take it.
    """
    temporary = whole.with_suffix(".part")
    size, block, digest = 0, first or await part.read(_COPY_BYTES), hashlib.sha256()
    try:
        private_file(temporary)
        with temporary.open("wb") as file:
            while block:
                size += len(block)
                if size > most:
                    raise ApiError(413, "File is too large.", code="too_large")
                digest.update(block)
                await asyncio.to_thread(file.write, block)
                block = await part.read(_COPY_BYTES)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        temporary.replace(whole)
        fsync_folder(whole.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()


def require_json_lines(first: bytes, *, is_all: bool) -> None:
    """
    A shallow look at a file of requests, whatever its name: that its first line is JSON.

    Raises:
        ApiError: It is none, or there is nothing.
    """
    line, newline, _ = first.lstrip(b" \t\r\n").partition(b"\n")
    if (not line and is_all) or ((newline or is_all) and not _is_json(line)):
        raise ApiError(400, _ONE_JSON_LINE)


def _is_json(line: bytes) -> bool:
    try:
        strict_json.parse(line)
    except ValueError:
        return False
    return True


def life_s(name: str, wanted: object) -> int | None:
    """
    How long a file is kept, from an object of a body; None where nothing is said.

    Raises:
        ApiError: It is no such object, or not one hour to thirty days.
    """
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise wrong_type(name, "an object", wanted)
    if wanted.get("anchor") != "created_at":
        raise not_among(f"{name}.anchor", wanted.get("anchor"), ("created_at",))
    seconds = wanted.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise wrong_type(f"{name}.seconds", "an integer", seconds)
    return whole_number(f"{name}.seconds", str(seconds), least=LIFE_S[0], most=LIFE_S[1])


def idempotency_key(request: Request) -> str | None:
    """
    By which a call that is made again is known; another caller's, or of another call, is another one.

    Raises:
        ApiError: It is too long.
    """
    given = request.headers.get("idempotency-key")
    if given is not None and len(given) > MAX_KEY_CHARS:
        raise ApiError(
            400,
            f"An Idempotency-Key has at most {MAX_KEY_CHARS} characters.",
            code="string_above_max_length",
        )
    return given


def key_reused() -> ApiError:
    """The refusal of a call with the key of another one."""
    return ApiError(
        409,
        "This Idempotency-Key was used with another body.",
        code="idempotency_key_reused",
        headers={"x-should-retry": "false"},
    )


def announced_bytes(request: Request) -> int:
    """What a body has by its own word; 0 when it says nothing."""
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        return 0
    # h11 takes up to twenty digits; as a number they are larger than every bound all the same.
    return int(length[:20])


def one_range(header: str, size: int) -> str | None:
    """
    The part of a file that is wanted, or None for all of it.

    One range is honoured, with which a download goes on. RFC 9110, 14.2: a server may ignore any other.

    Raises:
        ApiError: 416, it begins behind the end.
    """
    told = re.fullmatch(r"bytes=([0-9]{1,18})-([0-9]{0,18})", header)
    if told is None or (told[2] and int(told[2]) < int(told[1])):
        return None
    if int(told[1]) >= size:
        raise ApiError(
            416,
            f"The file has {size} bytes.",
            code="range_not_satisfiable",
            headers={"content-range": f"bytes */{size}"},
        )
    return header


def disk_full(told: str) -> ApiError:
    """The refusal of what the disk has no room for."""
    return ApiError(507, f"The disk is full: {told}.", code="insufficient_storage", kind="server_error")


def _require_plain(request: Request, content_type: str) -> None:
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != content_type:
        raise ApiError(
            400,
            f"Unsupported content type: '{shown(given)}'. This API method only accepts '{content_type}' "
            f"requests, but you specified the header 'Content-Type: {shown(given)}'. Please try again with a "
            "supported content type.",
            code="unsupported_content_type",
        )
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise ApiError(
            415,
            f"Unsupported content encoding: '{shown(coding)}'. Send the body as it is.",
            code="unsupported_content_encoding",
        )


def _bounded(request: Request, most: int) -> Request:
    """The same request, whose body ends in a refusal once it is larger than `most` bytes."""
    too_large = ApiError(413, f"The body is too large: at most {most} bytes are taken.", code="too_large")
    if announced_bytes(request) > most:
        raise too_large
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > most:
            raise too_large
        return message

    return Request(request.scope, receive)
