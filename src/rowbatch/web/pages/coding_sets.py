"""The sets of texts that people code: made, continued, handed out and taken back, put away."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import desk
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.web.explain import Shown, explain
from rowbatch.web.pages.coding import coding_of, jobs_of
from rowbatch.web.pages.tables import choosable
from rowbatch.web.rendering import page, program_of, see_other, text_of, with_form, words_for

_SHARES = ("0", "0.1", "0.2", "0.3", "0.5")
_USUAL = {
    "count": "200",
    "test": "0.5",
    "overlap": "1",
    "seed": "1",
    "at_least": "0",
    "coders": "",
    "stratify": "",
    "group": "",
}


def sets(request: Request) -> Response:
    """All sets, and what one can be made of."""
    program = program_of(request)
    found = program.coding.all()
    return page(
        request,
        "coding.html",
        nav="coding",
        sets=[(one, one.everybody()) for one in found if not one.folder.is_archived],
        archived=[one for one in found if one.folder.is_archived],
        table_name=lambda coding: table_name(request, coding),
        tables=program.library.tables()[:20],
        jobs=[one for one in program.jobs.all() if one.state != "checking"][:20],
    )


def table_name(request: Request, coding: desk.Coding) -> str:
    """What the owner of its table calls that."""
    path = coding.plan.source.path
    tables = program_of(request).library.tables()
    return next((one.info.name for one in tables if one.info.path == path), coding.plan.source.shown_name)


def new(request: Request) -> Response:
    """What a set is made of, and how."""
    return _new(request, request.query_params.get("of", ""))


def _new(request: Request, of: str, form: FormData | None = None, error: Shown | None = None) -> Response:
    table, job = _origin(request, of)
    if job is not None:
        run = job.run
        book: Any = run.codebook
        header, text, name = run.header, run.plan.question.text, job.status.name
    else:
        assert table is not None
        book = desk.questions_of_table(table)
        draft = desk.read_draft(table.draft().get("draft") or {})
        header, text, name = table.open().header, draft.text, table.info.name
    said = form or _USUAL
    return page(
        request,
        "coding_new.html",
        nav="coding",
        status=400 if error else 200,
        of=of,
        table=table,
        job=job,
        book=book if book is not None and book.variables else None,
        columns=choosable(header),
        said={**_USUAL, "text": text, "name": name.rpartition(".")[0] or name}
        | {key: value for key, value in said.items() if isinstance(value, str)},
        picked={
            "variables": form.getlist("variables") if form else None,
            "context": form.getlist("context") if form else [],
        },
        error=error,
    )


def _origin(request: Request, of: str) -> tuple[desk.LibraryTable | None, desk.Job | None]:
    """
    The table or the job that a set is to be made of.

    Raises:
        InputError: There is none.
    """
    program = program_of(request)
    what, _, name = of.partition("-")
    if what == "job":
        return None, program.jobs.job(name)
    return program.library.table(name), None


def make(request: Request, form: FormData) -> Response:
    """The set is made: rows are drawn."""
    of = text_of(form, "of")
    _, job = _origin(request, of)
    try:
        made = desk.new_set(
            job.run if job is not None else program_of(request).library.table(of.partition("-")[2]),
            count=_number(form, "count"),
            name=text_of(form, "name").strip(),
            text=text_of(form, "text"),
            variables=[one for one in form.getlist("variables") if isinstance(one, str)],
            context=[one for one in form.getlist("context") if isinstance(one, str)],
            stratify=text_of(form, "stratify"),
            at_least=_number(form, "at_least") if text_of(form, "stratify") else 0,
            group=text_of(form, "group"),
            seed=_number(form, "seed"),
            test=0.5 if text_of(form, "test") == "0.5" else 0.0,
            coders=text_of(form, "coders").split("\n") if text_of(form, "coders").strip() else (),
            overlap=1.0 if text_of(form, "overlap") == "1" else 0.2,
        )
    except RowbatchError as error:
        return _new(request, of, form, explain(words_for(request), error))
    return see_other(f"/coding/{made}")


def _number(form: FormData, name: str) -> int:
    """
    A whole number of a form.

    Raises:
        UsageError: It is none.
    """
    text = text_of(form, name).strip()
    if not text.isdecimal() or len(text) > 9:
        raise UsageError("not-a-number-of-rows", value=text[:40])
    return int(text)


def one_set(request: Request) -> Response:
    """How far its coders are, and all that can be done with it."""
    return _one_set(request)


def _one_set(request: Request, *, error: Shown | None = None, told: str = "") -> Response:
    coding = coding_of(request)
    decisions, differing = coding.folder.decisions(), coding.differing()
    rows = coding.rows()
    return page(
        request,
        "coding_set.html",
        nav="coding",
        status=400 if error else 200,
        coding=coding,
        rows=rows,
        table_name=table_name(request, coding),
        parts={part: sum(one.part == part for one in rows) for part in ("dev", "test")},
        everybody=coding.everybody(),
        planned=[one for one in coding.plan.coders if one not in coding.folder.coders().values()],
        differences=[
            (
                one.name,
                len(differing[one.name]),
                sum((key, one.name) not in decisions for key in differing[one.name]),
            )
            for one in coding.asked
        ],
        sight=coding.folder.sight(),
        jobs=jobs_of(request, coding),
        shares=_SHARES,
        error=error,
        told=told,
    )


def begin(request: Request, form: FormData) -> Response:
    """Somebody begins to code, under the name that they chose."""
    coding = coding_of(request)
    try:
        file = coding.folder.add_coder(text_of(form, "name"))
    except UsageError as error:
        return _one_set(request, error=explain(words_for(request), error))
    return see_other(f"/coding/{coding.id}/by/{quote(file)}")


def change(request: Request, form: FormData) -> Response:
    """Whether coders see a model; whether the set is put away."""
    coding, do = coding_of(request), text_of(form, "do")
    try:
        if do in ("archive", "restore"):
            coding.folder.archive(away=do == "archive")
            return see_other("/coding")
        if do == "draw":
            came = desk.draw_more(coding, _number(form, "count"))
            w = words_for(request)
            return _one_set(request, told=w.nt("%(n)s text was drawn.", "%(n)s texts were drawn.", came))
        job, blind = text_of(form, "job"), text_of(form, "blind")
        run = str(program_of(request).jobs.job(job).run.path) if job else ""
        coding.show_model(run, float(blind) if blind in _SHARES else 0.2)
    except RowbatchError as error:
        return _one_set(request, error=explain(words_for(request), error))
    return see_other(f"/coding/{coding.id}")


ROUTES = [
    Route("/coding", sets),
    Route("/coding/new", new),
    Route("/coding/new", with_form(make), methods=["POST"]),
    Route("/coding/{set_id}", one_set),
    Route("/coding/{set_id}", with_form(change), methods=["POST"]),
    Route("/coding/{set_id}/coders", with_form(begin), methods=["POST"]),
]
