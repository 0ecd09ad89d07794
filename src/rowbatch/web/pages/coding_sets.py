"""The sets of texts that people code: made, continued, handed out and taken back, put away."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import desk
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.web.explain import Shown, explain
from rowbatch.web.pages.coding import coding_of, jobs_of
from rowbatch.web.pages.results import attachment
from rowbatch.web.pages.start import copy
from rowbatch.web.pages.tables import choosable
from rowbatch.web.rendering import page, program_of, see_other, text_of, with_form, words_for

_MAX_SHEET_BYTES = 200_000_000
_SHEETS: Mapping[str, str] = {"xlsx": ".xlsx", "csv": ".csv", "label-studio": ".json", "doccano": ".jsonl"}
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
        header, text, name = desk.header_of_run(run), run.plan.question.text, job.status.name
        built = job.status.built
        with_text = built.rows - built.skipped if built is not None else 0
    else:
        assert table is not None
        book = desk.questions_of_table(table)
        draft = desk.read_draft(table.draft().get("draft") or {})
        header, text, name = table.open().header, draft.text, table.info.name
        with_text = _rows_with_text(table, text)
    usual = dict(_USUAL)
    if 0 < with_text < int(usual["count"]):
        usual["count"] = str(with_text)
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
        said={**usual, "text": text, "name": name.rpartition(".")[0] or name}
        | {key: value for key, value in (form or {}).items() if isinstance(value, str)},
        picked={
            "variables": form.getlist("variables") if form else None,
            "context": form.getlist("context") if form else [],
        },
        error=error,
    )


def _rows_with_text(table: desk.LibraryTable, text: str) -> int:
    """How many rows of a table may be drawn; 0 where it is not read to its end."""
    reading = table.read()
    profile = reading.profile() if reading.wait(0.8) and reading.error is None else None
    if profile is None or text not in reading.header:
        return 0
    return reading.rows - profile.empty[reading.header.index(text)]


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
    w, drawn = words_for(request), request.query_params.get("drawn", "")
    came = int(drawn) if drawn.isdecimal() and len(drawn) < 10 else 0
    told = w.nt("%(n)s text was drawn.", "%(n)s texts were drawn.", came) if came else ""
    return _one_set(request, told=told)


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
        network_host=door.host if (door := program_of(request).coders) else "",
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
            return see_other(f"/coding/{coding.id}?drawn={came}")
        job, blind = text_of(form, "job"), text_of(form, "blind")
        run = str(program_of(request).jobs.job(job).run.path) if job else ""
        coding.show_model(run, float(blind) if blind in _SHARES else 0.2)
    except RowbatchError as error:
        names = {str(coding.plan.source.path): table_name(request, coding)}
        return _one_set(request, error=explain(words_for(request), error, names=names))
    return see_other(f"/coding/{coding.id}")


def sheet(request: Request) -> Response:
    """A file for whoever codes in another program; or what everybody said."""
    coding, asked = coding_of(request), request.query_params
    ending = _SHEETS.get(asked.get("to", ""))
    is_table = asked.get("what") == "codes"
    if ending is None or (is_table and ending not in (".csv", ".xlsx")):
        raise UsageError("format-missing")
    file = asked.get("coder", "")
    coder = coding.coder(file) if file else ""
    place = program_of(request).place_for_files()
    folder = tempfile.TemporaryDirectory(prefix="coding-", dir=place, ignore_cleanup_errors=True)
    stem = (
        f"{coding.plan.name}-codes"
        if is_table
        else f"{coding.plan.name}-{file}"
        if file
        else coding.plan.name
    )
    path = Path(folder.name) / f"sheet{ending}"
    try:
        beside = None
        if is_table:
            coding.export(path)
        else:
            beside = coding.write_sheet(path, coder)
        if beside is not None:
            # The other program wants two files.
            whole = path.with_suffix(".zip")
            with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
                for one in (path, beside):
                    packed.write(one, one.name)
            path = whole
    except BaseException as error:
        folder.cleanup()
        if not isinstance(error, RowbatchError):
            raise
        return _one_set(request, error=explain(words_for(request), error))
    return attachment(path, f"{stem}{path.suffix}", BackgroundTask(folder.cleanup))


def take(request: Request, form: FormData) -> Response:
    """What somebody coded in another program comes in."""
    w, coding, upload = words_for(request), coding_of(request), form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return see_other(f"/coding/{coding.id}")
    name = desk.shown_name(upload.filename)
    ending = "".join(Path(name).suffixes[-1:])[:10]
    with tempfile.TemporaryDirectory(dir=program_of(request).place_for_files()) as folder:
        path = Path(folder) / f"codes{ending}"
        try:
            with path.open("wb") as file:
                copy(upload, file, _MAX_SHEET_BYTES)
            taken = coding.take(path, text_of(form, "coder").strip())
        except RowbatchError as error:
            return _one_set(request, error=explain(w, error, names={str(path): name}))
    told = [
        w.t("%(name)s: this file was taken before.", name=one.coder)
        if one.was_taken
        else w.t(
            "%(name)s: %(new)s new, %(changed)s changed, %(same)s as before.",
            name=one.coder,
            new=w.number(one.new),
            changed=w.number(one.changed),
            same=w.number(one.same),
        )
        for one in taken
    ]
    return _one_set(request, told=" ".join(told))


ROUTES = [
    Route("/coding", sets),
    Route("/coding/new", new),
    Route("/coding/new", with_form(make), methods=["POST"]),
    Route("/coding/{set_id}", one_set),
    Route("/coding/{set_id}", with_form(change), methods=["POST"]),
    Route("/coding/{set_id}/sheet", sheet),
    Route("/coding/{set_id}/take", with_form(take), methods=["POST"]),
    Route("/coding/{set_id}/coders", with_form(begin), methods=["POST"]),
]
