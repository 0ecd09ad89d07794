"""The first page, and how a table comes in."""

from __future__ import annotations

import hashlib
import shutil
from importlib.resources import as_file, files
from itertools import chain
from pathlib import Path
from typing import IO, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rowbatch import desk
from rowbatch.errors import InputError, RowbatchError, StorageError, UsageError
from rowbatch.web.pages.tables import warnings_of
from rowbatch.web.program import Program
from rowbatch.web.rendering import page, problem_page, program_of, see_other, with_form

_WRITE_BYTES = 1 << 20
_COPY_BYTES = 1 << 20
_QUICK_S = 1.5


def start(request: Request) -> Response:
    """The drop zone, and what was done lately."""
    program = program_of(request)
    return page(
        request,
        "start.html",
        shown=None,
        max_gb=desk.read_settings().max_upload_gb,
        jobs=program.jobs.all()[:5],
        tables=program.library.tables()[:8],
    )


async def receive(request: Request) -> Response:
    """A file, as it is, in the body of the request: streamed to the disk and digested on the way."""
    program = program_of(request)
    name = request.query_params.get("name", "")
    most = int(desk.read_settings().max_upload_gb * 1e9)
    if not program.uploads.acquire(blocking=False):
        return problem_page(
            request,
            UsageError("two-uploads"),
            429,
        )
    try:
        desk.require_table_file(name)
        _require_size(request, most)
        with program.library.receive(name) as (table_id, file):
            digest = await _stream(request, file, most)
        table, is_known = await run_in_threadpool(_keep, program, table_id, name, digest)
        address = await run_in_threadpool(_next_address, table, is_known=is_known)
        return JSONResponse({"url": address})
    except ClientDisconnect:
        return Response(status_code=400)
    except RowbatchError as error:
        return problem_page(request, error)
    finally:
        program.uploads.release()


def _keep(
    program: Program, table_id: str, name: str, digest: str | None = None
) -> tuple[desk.LibraryTable, bool]:
    """What came is a table; one that was removed comes back to its jobs and coding sets."""
    wanted = chain(program.jobs.sources(), desk.sources_of_sets())
    return program.library.keep_once(table_id, name, digest, wanted=wanted)


async def _stream(request: Request, file: IO[bytes], most: int) -> str:
    """Write a body to a file; returns its SHA-256."""
    digest, pending, size = hashlib.sha256(), bytearray(), 0

    def write(block: bytes) -> None:
        digest.update(block)
        file.write(block)

    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        pending += chunk
        if len(pending) >= _WRITE_BYTES:
            block, pending = bytes(pending), bytearray()
            await run_in_threadpool(write, block)
    await run_in_threadpool(write, bytes(pending))
    if not size:
        raise InputError("upload-empty")
    return digest.hexdigest()


def _require_size(request: Request, most: int) -> None:
    told = request.headers.get("content-length", "")
    if told.isdigit():
        if int(told) > most:
            raise _too_large(most)
        folder = program_of(request).library.folder
        folder.mkdir(parents=True, exist_ok=True)
        # The file, and the view through which it is looked at.
        if shutil.disk_usage(folder).free < 2.2 * int(told):
            raise StorageError("no-room", path=str(folder), size_bytes=int(told))


def _too_large(most: int) -> InputError:
    return InputError("file-too-large", most_gb=most / 1e9)


def receive_form(request: Request, form: FormData) -> Response:
    """A file from a browser without scripts."""
    upload = form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return see_other("/")
    program, most = program_of(request), int(desk.read_settings().max_upload_gb * 1e9)
    desk.require_table_file(upload.filename)
    with program.library.receive(upload.filename) as (table_id, file):
        copy(upload, file, most)
    table, is_known = _keep(program, table_id, upload.filename)
    return see_other(_next_address(table, is_known=is_known))


def copy(upload: UploadFile, file: Any, most: int) -> None:
    """Copy what a form brought, up to so many bytes."""
    size = 0
    while block := upload.file.read(_COPY_BYTES):
        size += len(block)
        if size > most:
            raise _too_large(most)
        file.write(block)
    if not size:
        raise InputError("upload-empty")


def example(request: Request) -> Response:
    """The table that comes with the program."""
    program = program_of(request)
    with (
        as_file(files("rowbatch.web").joinpath("example", "posts.csv")) as source,
        program.library.receive("posts.csv") as (table_id, file),
    ):
        file.write(Path(source).read_bytes())
    table = program.library.keep(table_id, "posts.csv")
    draft = desk.Draft(
        text="post",
        questions=(
            desk.DraftQuestion(
                question="What is this post about?",
                labels=(
                    desk.DraftLabel("economy", "Jobs, wages, prices, taxes, housing costs."),
                    desk.DraftLabel("education", "Schools, teachers, universities."),
                    desk.DraftLabel("health", "Hospitals, doctors, illness, care."),
                    desk.DraftLabel("other", "Everything else."),
                ),
            ),
        ),
    )
    table.save_draft({"draft": draft.to_plain()})
    return see_other(_next_address(table))


def open_table(request: Request, path: Path) -> str:
    """The address of a table that the program was started with."""
    return _next_address(program_of(request).library.add(path))


def _next_address(table: desk.LibraryTable, *, is_known: bool = False) -> str:
    """Straight to the question, unless there is something to look at first."""
    told = "?known=1" if is_known else ""
    try:
        reading = table.read()
    except RowbatchError:
        return f"/tables/{table.id}{told}"
    reading.wait(_QUICK_S)

    if reading.is_complete and reading.error is None and not warnings_of(None, reading):
        return f"/tables/{table.id}/label{told}"
    return f"/tables/{table.id}{told}"


ROUTES = [
    Route("/", start),
    Route("/tables", receive, methods=["POST"]),
    Route("/tables/form", with_form(receive_form), methods=["POST"]),
    Route("/tables/example", example, methods=["POST"]),
]
