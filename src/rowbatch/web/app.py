"""The application: routes, errors, static files."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from rowbatch.errors import RowbatchError
from rowbatch.web.explain import Shown
from rowbatch.web.guard import Guard, Identity
from rowbatch.web.pages import (
    coding,
    coding_network,
    coding_sets,
    corrected_splits,
    jobs,
    label,
    model,
    number_tools,
    quality,
    ready,
    results,
    review,
    settings,
    stability,
    start,
    tables,
    tools,
)
from rowbatch.web.program import Program
from rowbatch.web.rendering import problem_page, status_of, words_for
from rowbatch.web.static_files import static

_log = logging.getLogger("rowbatch.web")


def create_app(program: Program, identity: Identity, on_stop: Callable[[], None] = lambda: None) -> ASGIApp:
    """
    The pages behind their guard.

    Args:
        program: What they show.
        identity: Of this start.
        on_stop: Called when another program of this user asks this one to end.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        program.stop()

    app = Starlette(
        routes=[
            Route("/static/{name}", static),
            *start.ROUTES,
            *tables.ROUTES,
            *label.ROUTES,
            *ready.ROUTES,
            *review.ROUTES,
            *jobs.ROUTES,
            *results.ROUTES,
            *coding_sets.ROUTES,
            *coding.ROUTES,
            *coding_network.ROUTES,
            *corrected_splits.ROUTES,
            *quality.ROUTES,
            *stability.ROUTES,
            *number_tools.ROUTES,
            *tools.ROUTES,
            *settings.ROUTES,
            *model.ROUTES,
        ],
        lifespan=lifespan,
        exception_handlers={
            RowbatchError: _our_error,
            HTTPException: _http_error,
            500: _own_fault,
        },
    )
    app.state.program = program
    return Guard(
        app,
        port=program.port,
        identity=identity,
        refused=lambda: _bare_page("token.html", 401),
        # Misdirected: the browser has come to the wrong program.
        outlived=lambda: _bare_page("outlived.html", 421),
        on_stop=on_stop,
    )


def _our_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RowbatchError)
    return problem_page(request, error, status_of(error))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    w = words_for(request)
    title = {
        404: w.t("There is no such page"),
        405: w.t("This address is not asked in this way"),
    }.get(error.status_code, w.t("That did not work"))
    return problem_page(request, Shown(title, key="http"), error.status_code)


def _own_fault(request: Request, error: Exception) -> Response:
    # For the terminal or the log of the program; the page says that it was our mistake.
    _log.error("a page failed: %s", request.url.path, exc_info=error)
    return problem_page(request, error, 500)


def _bare_page(template: str, status: int) -> Response:
    """A page for whoever was not let in: it tells nothing of ours, and no language is chosen yet."""
    text = files("rowbatch.web").joinpath("templates", template).read_text(encoding="utf-8")
    return HTMLResponse(text, status)
