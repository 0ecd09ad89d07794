"""Our files that pages refer to: styles, scripts, the icon."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_STATIC = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "coders.js": "text/javascript; charset=utf-8",
    "coding.js": "text/javascript; charset=utf-8",
    "label.js": "text/javascript; charset=utf-8",
    "vtable.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def static(request: Request) -> Response:
    """One of our files; the version in its address lets browsers keep it."""
    name = request.path_params["name"]
    if name not in _STATIC:
        raise HTTPException(404)
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(_static_bytes(name), media_type=_STATIC[name], headers=headers)


@cache
def _static_bytes(name: str) -> bytes:
    return files("rowbatch.web").joinpath("static", name).read_bytes()
