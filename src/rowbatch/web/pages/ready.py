"""Codebooks to begin with: those that come along, and sheets to be filled in."""

from __future__ import annotations

import tempfile
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.web.pages.label import draft_of, take_over
from rowbatch.web.pages.results import attachment
from rowbatch.web.pages.tables import table_of
from rowbatch.web.rendering import program_of, see_other, text_of, with_form, words_for


def begin(request: Request, form: FormData) -> Response:
    """Ask what a codebook asks that comes along."""
    table, language = table_of(request), words_for(request).language
    draft = draft_of(table, language)
    take_over(table, draft, desk.draft_from_ready(text_of(form, "name"), language, draft))
    return see_other(f"/tables/{table.id}/label#question")


def sheet(request: Request) -> Response:
    """A codebook as a sheet, to be filled in and brought back: what the form asks, or one that comes along."""
    table, language = table_of(request), words_for(request).language
    if request.query_params.get("of") == "template":
        book = api.ready_codebook("topic", language).codebook
    else:
        book = desk.codebook_of_draft(draft_of(table, language))
    folder = tempfile.TemporaryDirectory(dir=program_of(request).place_for_files())
    path = Path(folder.name) / "codebook.xlsx"
    try:
        desk.write_codebook(book, path)
    except BaseException:
        folder.cleanup()
        raise
    return attachment(path, path.name, BackgroundTask(folder.cleanup))


ROUTES = [
    Route("/tables/{table_id}/ready", with_form(begin), methods=["POST"]),
    Route("/tables/{table_id}/codebook", sheet),
]
