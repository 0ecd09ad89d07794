"""Who codes over the network: the door for them, and a link for each coder of a set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import desk
from rowbatch.errors import InputError, RowbatchError
from rowbatch.web.coders import open_for_coders, own_addresses
from rowbatch.web.explain import Shown, explain
from rowbatch.web.pages.coding import coding_of
from rowbatch.web.rendering import page, program_of, see_other, text_of, with_form, words_for
from rowbatch.web.seats import Seat

_NOW_S = 60.0


def network(request: Request) -> Response:
    """Whether others may code over the network, who does, and how far they are."""
    return _network(request)


def _network(
    request: Request, *, link: str = "", coder: str = "", address: str = "", error: Shown | None = None
) -> Response:
    coding, program = coding_of(request), program_of(request)
    door = program.coders
    part = request.query_params.get("part") == "seats" and request.method == "GET"
    seats = program.seats.all(coding.id)
    known = coding.folder.coders()
    with_link = {one.file for one in seats}
    return page(
        request,
        "_coders_seats.html" if part else "coding_network.html",
        nav="coding",
        status=400 if error else 200,
        coding=coding,
        host=door.host if door else "",
        address=address or next(iter(own_addresses()), ""),
        seats=[_told(coding, one, known) for one in seats],
        elsewhere=len(program.seats.all()) - len(seats),
        names=[
            *(name for file, name in known.items() if file not in with_link),
            *(one for one in coding.plan.coders if one not in known.values()),
        ],
        link=link,
        coder=coder,
        error=error,
    )


def _told(coding: desk.Coding, seat: Seat, known: Mapping[str, str]) -> dict[str, Any]:
    """What is told of a link: its coder, how far they are, and when they were here."""
    before = seat.seen_before_s
    name = known.get(seat.file, seat.file)
    return {
        "id": seat.id,
        "name": name,
        "progress": coding.progress(name, seat.file),
        "seen": "never" if before is None else "now" if before < _NOW_S else "before",
        "seconds": before,
        "place": seat.seen_from,
    }


def change(request: Request, form: FormData) -> Response:
    """Open the door or close it; make a link, or take one back."""
    coding, program, do = coding_of(request), program_of(request), text_of(form, "do")
    here = f"/coding/{coding.id}/network"
    try:
        if do == "open":
            open_for_coders(program, text_of(form, "address"))
        elif do == "close":
            program.close_for_coders()
        elif do == "back":
            program.seats.take_back(text_of(form, "seat"))
        elif do == "link":
            door = program.coders
            if door is None:
                raise InputError("coders-closed")
            name = text_of(form, "name").strip()
            file = coding.folder.add_coder(name)
            link = f"http://{door.host}/#{program.seats.give(coding.id, file)}"
            # Nothing leads back to it: it is shown on this one page.
            return _network(request, link=link, coder=name)
    except RowbatchError as error:
        told = explain(words_for(request), error)
        return _network(request, address=text_of(form, "address"), error=told)
    return see_other(here)


ROUTES = [
    Route("/coding/{set_id}/network", network),
    Route("/coding/{set_id}/network", with_form(change), methods=["POST"]),
]
