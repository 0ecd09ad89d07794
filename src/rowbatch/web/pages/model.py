"""The model on this computer: what is here of it, fetching it, removing it."""

from __future__ import annotations

from dataclasses import replace

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import api
from rowbatch.errors import RowbatchError, StorageError
from rowbatch.web.explain import Shown, explain
from rowbatch.web.rendering import page, program_of, see_other, text_of, with_form, words_for
from rowbatch.web.words import Words


def model(request: Request) -> Response:
    """How it stands."""
    return _model(request)


def _model(request: Request, shown: Shown | None = None) -> Response:
    fetch = program_of(request).model_fetch
    error = fetch.task.error if fetch.task is not None and not fetch.is_alive else None
    parts = api.installed_model()
    return page(
        request,
        "_model.html" if request.query_params.get("part") == "model" else "model.html",
        nav="settings",
        status=422 if shown is not None else 200,
        parts=parts,
        is_whole=all(part.path is not None for part in parts),
        is_ours=any(part.path is not None and not part.is_package for part in parts),
        fetch=fetch,
        shown=shown or (_why_not(words_for(request), error) if error is not None else None),
    )


def _why_not(w: Words, error: BaseException) -> Shown:
    """Why the model did not come: no provider has to do with that, and a disk that is full is called so."""
    shown = explain(w, error)
    if isinstance(error, RowbatchError) and not isinstance(error, StorageError):
        return replace(shown, title=w.t("The model could not be fetched"))
    return shown


def change(request: Request, form: FormData) -> Response:
    """Fetch it, stop that, or remove what was fetched."""
    fetch = program_of(request).model_fetch
    match text_of(form, "do"):
        case "stop":
            fetch.stop()
        case "remove" if not fetch.is_alive:
            try:
                api.remove_model()
            except RowbatchError as error:
                return _model(request, explain(words_for(request), error))
        case "fetch":
            fetch.begin()
    return see_other("/settings/model")


ROUTES = [
    Route("/settings/model", model),
    Route("/settings/model", with_form(change), methods=["POST"]),
]
