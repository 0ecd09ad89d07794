"""From values to pages."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from rowbatch import desk
from rowbatch.errors import RowbatchError
from rowbatch.web import labels
from rowbatch.web.explain import Shown, explain
from rowbatch.web.meanings import coded
from rowbatch.web.words import Words, choose_language, install, words_of

if TYPE_CHECKING:
    import jinja2

    from rowbatch.web.program import Program

_Handler = TypeVar("_Handler", bound=Callable[..., Any])
LOOKS = ("system", "light", "dark")
# Templates of a job's pages, and what they are made of.
_OF_JOBS = (
    *("job.html", "_job.html", "_results.html", "_splits.html", "splits.html", "kinds/", "macros.html"),
    *("rows.html", "result_row.html", "quality.html", "_distil.html", "download.html", "methods.html"),
)
_MAX_FIELDS, _MAX_FILES = 5_000, 50


def program_of(request: Request) -> Program:
    """The program that serves a request."""
    found: Program = request.app.state.program
    return found


def words_for(request: Request) -> Words:
    """The language of a request."""
    return words_of(choose_language(_chosen(request).language, request.headers.get("accept-language", "")))


def _chosen(request: Request) -> desk.Settings:
    """What a person chose, read once a request. Cookies would forget it: each start has a new host name."""
    if not hasattr(request.state, "chosen"):
        request.state.chosen = desk.read_settings()
    found: desk.Settings = request.state.chosen
    return found


def page(
    request: Request, template: str, *, nav: str = "start", status: int = 200, **values: Any
) -> HTMLResponse:
    """
    A page, or a fragment of one.

    Args:
        request: For its language and look.
        template: Name of the file.
        nav: Which entry of the navigation is the current one.
        status: Of the answer.
        values: For the template.
    """
    w, chosen = words_for(request), _chosen(request)
    html = (
        _environment(w.language)
        .get_template(template)
        .render(
            nav=nav,
            look=chosen.look if chosen.look in LOOKS else LOOKS[0],
            keys_off=not chosen.has_keys,
            here=request.url.path
            + (f"?{request.url.query}" if request.url.query and request.method == "GET" else ""),
            state_word=partial(labels.state_word, w),
            state_icon=labels.state_icon,
            provider_title=partial(labels.provider_title, w),
            status_word=partial(labels.status_word, w),
            why_words=partial(labels.why_words, w),
            wait_words=partial(labels.wait_words, w),
            **values,
        )
    )
    program = program_of(request)
    program.language = w.language
    program.page_shown.set()
    return HTMLResponse(_in_utf8(html), status)


def computing(request: Request, job: desk.Job, title: str) -> HTMLResponse:
    """In the place of a page of a job whose numbers are being computed; it asks for that page again by itself."""
    answer = page(request, "computing.html", nav="jobs", job=job, title=title)
    # Of an element the address would have to hold what a person wrote.
    answer.headers["refresh"] = "1"
    return answer


class JsonAnswer(JSONResponse):
    """An answer for a script. Half of a surrogate pair has a form in JSON, but none in UTF-8."""

    def render(self, content: Any) -> bytes:
        try:
            return super().render(content)
        except UnicodeEncodeError:
            return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def _in_utf8(html: str) -> bytes:
    """
    A page as it is sent. What is no text (half of a surrogate pair in a cell, a byte of a file name that is
    not UTF-8) is shown by the character that stands for such things.
    """
    try:
        return html.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\ufffd", html).encode()


def see_other(address: str) -> Response:
    """After a form: go and look there."""
    return RedirectResponse(address, 303)


def own_address(given: str, otherwise: str) -> str:
    """An address of ours that came back through a form; never one of another host."""
    return (
        given
        if given.startswith("/") and not given.startswith(("//", "/\\")) and "\\" not in given
        else otherwise
    )


def query(values: Mapping[str, object]) -> str:
    """Of an address, without what is empty."""
    return urlencode({name: str(value) for name, value in values.items() if value not in ("", None, False)})


def with_form(handler: Callable[[Request, FormData], Response]) -> Callable[[Request], Any]:
    """A handler that is given the form of its request, and works outside of the event loop."""

    async def endpoint(request: Request) -> Response:
        # Requests are worked on in threads; this is their order.
        request.state.came_at = time.monotonic()
        async with contextlib.AsyncExitStack() as stack:
            try:
                opened = request.form(max_files=_MAX_FILES, max_fields=_MAX_FIELDS)
                form = await stack.enter_async_context(opened)
            except ClientDisconnect:
                return Response(status_code=400)
            except (ValueError, LookupError):
                # A character set that is none of texts: Starlette 1.10 asks Python for any that is named.
                raise HTTPException(400) from None
            return await run_in_threadpool(handler, request, form)

    return endpoint


def text_of(form: FormData, name: str) -> str:
    """A field of a form; "" where there is none, or a file."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def problem_page(request: Request, error: BaseException | Shown, status: int = 400) -> Response:
    """The page about an error; for scripts, its words."""
    w = words_for(request)
    shown = error if isinstance(error, Shown) else explain(w, error)
    if "application/json" in request.headers.get("accept", ""):
        message = " ".join(
            filter(None, (shown.title + ("" if shown.title.endswith(".") else "."), shown.means, shown.next))
        )
        return JsonAnswer({"message": message}, status)
    referer = request.headers.get("referer", "")
    back = "/" + referer.split("/", 3)[3] if referer.count("/") >= 3 else "/"
    return page(
        request,
        "problem.html",
        status=status,
        shown=shown,
        heading=w.t("That did not work"),
        back=own_address(back, "/"),
    )


def status_of(error: RowbatchError) -> int:
    """The HTTP status that goes with one of our errors."""
    return 404 if error.kind in _NOT_THERE else 400


_NOT_THERE = (
    "job-missing",
    "table-missing",
    "row-missing",
    "coding-set-gone",
    "coder-missing",
    "coding-row-missing",
    "no-such-row",
    "tool-missing",
    "format-missing",
    "file-gone",
)


@cache
def static_version(name: str) -> str:
    """A short digest of a static file, so that browsers keep it until it is another one."""
    content = files("rowbatch.web").joinpath("static", name).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def load_pages(program: Program) -> None:
    """
    Make ready what reads tables and works on runs, and the templates of a job's pages: the first of these
    pages would take a third of a second longer.
    """
    desk.load_all()
    environment = _environment(program.language)
    for name in environment.list_templates(filter_func=lambda name: name.startswith(_OF_JOBS)):
        environment.get_template(name)
    # All of this stays: to look it through for what nobody needs any more took 70 ms of some page.
    gc.collect()
    gc.freeze()


@cache
def _environment(language: str) -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rowbatch.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install(environment, words_of(language))
    environment.globals["static"] = lambda name: f"/static/{name}?v={static_version(name)}"
    environment.globals["coded"] = coded
    environment.filters["prettyjson"] = lambda value: json.dumps(value, ensure_ascii=False, indent=2)
    environment.filters["shortjson"] = lambda value: json.dumps(value, ensure_ascii=False, default=str)[:500]
    return environment
