"""What a coder sees who comes over the network: the link that lets them in, and their own coding screen."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch.web.coders_guard import LANGUAGE
from rowbatch.web.pages.coding import Place, press_at, screen_at
from rowbatch.web.rendering import own_address, page, program_of, see_other, text_of, with_form
from rowbatch.web.static_files import static
from rowbatch.web.words import LANGUAGES

_SCREEN = "/code"


def door(request: Request) -> Response:
    """Where a link leads. What it has behind its `#` stays in the browser, whose page sends it as a form."""
    return _door(request)


def _door(request: Request, *, is_wrong: bool = False) -> Response:
    return page(
        request,
        "coders_door.html",
        status=401 if is_wrong else 200,
        is_wrong=is_wrong,
        is_in=request.state.seat is not None,
    )


def join(request: Request, form: FormData) -> Response:
    """Let a browser in that has a link; nothing of it stands in an address from then on."""
    token = text_of(form, "link").strip().rpartition("#")[2]
    cookie = program_of(request).seats.cookie_of(token, request.state.host)
    if cookie is None:
        return _door(request, is_wrong=True)
    answer = see_other(_SCREEN)
    answer.set_cookie(request.state.cookie_name, cookie, httponly=True, samesite="strict", path="/")
    return answer


def leave(request: Request) -> Response:
    """Somebody else will use this computer."""
    answer = see_other("/")
    answer.delete_cookie(request.state.cookie_name, httponly=True, samesite="strict", path="/")
    return answer


def language(request: Request, form: FormData) -> Response:
    """Pages in another language, for this browser."""
    answer = see_other(own_address(text_of(form, "back"), "/"))
    chosen = text_of(form, "language")
    if chosen in LANGUAGES:
        answer.set_cookie(LANGUAGE, chosen, max_age=30_000_000, httponly=True, samesite="strict", path="/")
    return answer


def screen(request: Request) -> Response:
    """The coder's texts; for whoever has no link any more, where to put one in."""
    if request.state.seat is None:
        return _door(request, is_wrong=True)
    return screen_at(request, _place_of(request))


def press(request: Request, form: FormData) -> Response:
    """What the coder pressed."""
    return press_at(request, _place_of(request), form)


def _place_of(request: Request) -> Place:
    seat = request.state.seat
    return Place(program_of(request).coding.coding(seat.set_id), seat.file, _SCREEN, is_alone=True)


def problem(request: Request, status: int) -> Response:
    """Something went wrong that the coder cannot mend; what it was is told to the program's owner alone."""
    return page(request, "coders_problem.html", status=status, is_missing=status == 404)


ROUTES = [
    Route("/", door),
    Route("/join", with_form(join), methods=["POST"]),
    Route("/leave", leave, methods=["POST"]),
    Route("/language", with_form(language), methods=["POST"]),
    Route("/code", screen),
    Route("/code", with_form(press), methods=["POST"]),
    Route("/static/{name}", static),
]
