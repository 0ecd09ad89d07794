"""Rows of a job, one row in full, corrections by hand, downloads, recipe and methods text."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.errors import CannotHold, InputError, RowbatchError, TableError, UsageError
from rowbatch.web import labels
from rowbatch.web.explain import Shown, explain
from rowbatch.web.meanings import coded
from rowbatch.web.pages.coding import Option, options_of
from rowbatch.web.pages.gaps import ready_results
from rowbatch.web.pages.jobs import job_of
from rowbatch.web.pages.questions import value_of
from rowbatch.web.rendering import page, program_of, query, see_other, text_of, with_form, words_for

if TYPE_CHECKING:
    from rowbatch.web.words import Words
    from rowbatch.words.notice import Notice

_PAGE = 100
_MOST_NAME_CHARS = 300
_KEYS_OF_ROW = ("e", "j", "k", "z")
_ENDINGS = {"csv": ".csv", "exact": ".csv"} | {
    name: f".{name}" for name in ("xlsx", "parquet", "dta", "sav", "jsonl", "tsv", "qdpx")
}


def format_of(name: str, *, numbers: bool = False) -> tuple[str, api.WriteOptions] | None:
    """
    Ending of a file, and how it is written.

    Args:
        name: That forms have for it.
        numbers: Texts that are numbers are wanted as numbers, where the format has such.
    Returns:
        None for other names.
    """
    ending = _ENDINGS.get(name)
    if not ending:
        return None
    has_numbers = numbers and ending not in (".csv", ".tsv")
    is_safe = name in ("csv", "tsv")
    return ending, api.WriteOptions(bom=name == "csv", formula_safe=is_safe, numbers=has_numbers)


def _chosen(request: Request) -> desk.RowFilter:
    """The filter that an address stands for."""
    asked = request.query_params
    return desk.RowFilter(
        status=asked.get("status", ""),
        reason=asked.get("reason", ""),
        variable=asked.get("variable", ""),
        label=asked.get("label", ""),
        text=asked.get("q", "").strip()[:500],
        corrected=asked.get("corrected") == "1",
        people=asked.get("people", ""),
        differs=asked.get("differs") == "1",
        says=asked.get("says", ""),
        model=asked.get("model", ""),
        unlabelled=asked.get("unlabelled") == "1",
        least=asked.get("least", "").strip()[:100],
        most=asked.get("most", "").strip()[:100],
        not_coded=asked.get("not_coded", "").strip()[:500],
        least_sure=asked.get("least_sure") == "1",
        not_asked=asked.get("not_asked") == "1",
        coded=asked.get("coded", "")[:100],
        part=asked.get("part", "")[:10],
    )


def _query(chosen: desk.RowFilter, **more: object) -> str:
    return query(
        {
            "status": chosen.status,
            "reason": chosen.reason,
            "variable": chosen.variable,
            "label": chosen.label,
            "q": chosen.text,
            "corrected": "1" if chosen.corrected else "",
            "people": chosen.people,
            "differs": "1" if chosen.differs else "",
            "says": chosen.says,
            "model": chosen.model,
            "unlabelled": "1" if chosen.unlabelled else "",
            "least": chosen.least,
            "most": chosen.most,
            "not_coded": chosen.not_coded,
            "least_sure": "1" if chosen.least_sure else "",
            "not_asked": "1" if chosen.not_asked else "",
            "coded": chosen.coded,
            "part": chosen.part,
            **more,
        }
    )


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 13 else otherwise


def rows(request: Request) -> Response:
    """A page of rows; the address says which."""
    w, job = words_for(request), job_of(request)
    results = ready_results(program_of(request), job)
    counts, chosen = results.counts(), _chosen(request)
    total = counts.rows if chosen == desk.RowFilter() else len(results.rows(chosen))
    pages = max(1, -(-total // _PAGE))
    number = min(max(1, _number(request.query_params.get("page", ""), 1)), pages)
    first = (number - 1) * _PAGE
    chips = _chips(w, job, results, counts, chosen)
    found = results.page(chosen, first, _PAGE)
    compared = _compared(results, chosen) if chosen.people or chosen.coded else None
    return page(
        request,
        "rows.html",
        nav="jobs",
        job=job,
        total=total,
        chosen=chosen,
        chips=chips,
        is_filtered=chosen != desk.RowFilter(),
        ordered=[variable for variable in results.variables if variable.has_order],
        kept=[(name, value) for name, value in _pairs(chosen) if name != "q"],
        # Reasons, evidence and places stand on the row's own page.
        columns=list(enumerate(results.codebook.answers))[: max(1, len(results.variables))],
        text_labels=results.text_labels,
        heading=_heading(w, results, chosen),
        compared=compared,
        sides=results.sides(compared.by, compared.variable.name, [row[0] for row in found])
        if compared is not None
        else [],
        rows=found,
        sure=[w.percent(one) for one in results.sure([row[0] for row in found])]
        if results.tells_confidence
        else None,
        first=first + 1,
        page=number,
        pages=pages,
        query=_query(chosen),
        page_query=lambda n: _query(chosen, page=n),
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """
    What is shown beside what.

    Attributes:
        variable: Whose values.
        by: The filter that says whose words people's are.
        source: Name of the column or coding set that people's words are from.
    """

    variable: desk.Variable
    by: desk.RowFilter
    source: str


def _compared(results: desk.Results, chosen: desk.RowFilter) -> Compared | None:
    """What people said beside what the model said: as a filter wants it, else by the first such column."""
    if chosen.coded:
        name = next((one.name for one in results.coding_sets() if one.id == chosen.coded), "")
        return Compared(results.variable(chosen.variable or results.columns[0]), chosen, name)
    column = chosen.people or results.people_column
    known = results.people_variable(column)
    variable = results.variable(chosen.variable) if chosen.people and chosen.variable else known
    return Compared(variable, replace(chosen, people=column), column) if variable is not None else None


def _heading(w: Words, results: desk.Results, chosen: desk.RowFilter) -> str:
    """What rows these are, where people and model are beside each other."""
    if not (chosen.people or chosen.coded):
        return w.t("Rows")
    variable = results.variable(chosen.variable or results.columns[0])
    if chosen.says and (chosen.model or chosen.unlabelled):
        model = coded(variable, chosen.model) if chosen.model else w.t("no label")
        sides = {"said": coded(variable, chosen.says), "label": model}
        if desk.names_a_model(chosen.people):
            return w.t("other model: %(said)s, model: %(label)s", **sides)
        return w.t("people: %(said)s, model: %(label)s", **sides)
    if desk.names_a_model(chosen.people):
        differ = w.t("Rows where both models differ")
        return differ if chosen.differs else w.t("Rows that the other model labelled")
    return w.t("Rows where people and model differ") if chosen.differs else w.t("Rows that people coded")


def _pairs(chosen: desk.RowFilter) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(_query(chosen))


def _chips(
    w: Any, job: desk.Job, results: desk.Results, counts: desk.Counts, chosen: desk.RowFilter
) -> list[dict[str, Any]]:
    found: list[tuple[str, int, desk.RowFilter]] = [(w.t("All"), counts.rows, desk.RowFilter())]
    without = desk.RowFilter(status="missing-label")
    missing = len(results.rows(without))
    if missing:
        found.append((w.t("No label"), missing, without))
    if counts.corrected:
        corrected = desk.RowFilter(corrected=True)
        found.append((w.t("Corrected by hand"), len(results.rows(corrected)), corrected))
    if results.tells_confidence:
        queue = desk.RowFilter(least_sure=True)
        found.append((w.t("Least sure first"), len(results.rows(queue)), queue))
    people = results.people_column
    compared = results.people_variable(people)
    if compared is not None:
        differs = desk.RowFilter(people=people, variable=compared.name, differs=True)
        found.append((w.t("Differs from people"), len(results.rows(differs)), differs))
    for status, count in sorted(counts.statuses.items(), key=lambda item: -item[1]):
        if status != "ok":
            found.append((labels.status_word(w, status), count, desk.RowFilter(status=status)))
    for variable, listed in counts.labels.items():
        for label, count in listed[:30]:
            shown = coded(results.codebook.answers[results.columns.index(variable)], label)
            name = shown if len(counts.labels) == 1 else f"{variable}: {shown}"
            found.append((name, count, desk.RowFilter(variable=variable, label=label)))
    return [
        {
            "name": name,
            "count": count,
            "address": f"/jobs/{job.id}/rows" + (f"?{_query(one)}" if _query(one) else ""),
            "is_on": one == chosen,
        }
        for name, count, one in found
    ]


def splits(request: Request) -> Response:
    """Pictures of the labels by group and over time; for a script the part of the job's page that has them."""
    w, job = words_for(request), job_of(request)
    results = ready_results(program_of(request), job)
    is_part = request.headers.get("hx-request") == "true"
    return page(
        request,
        "_splits.html" if is_part else "splits.html",
        nav="jobs",
        job=job,
        splits=[shown_split(w, results, one) for one in results.splits()],
        is_asked=True,
        coding_sets=len(results.coding_sets()),
        corrected=results.counts().corrected,
    )


@dataclass(frozen=True, slots=True)
class ShownSplit:
    """
    A picture of labels in parts of a table, with its numbers.

    Attributes:
        title: What it shows.
        unit: Of what the parts are, as a heading.
        labels: For people.
        parts: Name of each part, rows by label, all of them, and where the bar of each label begins and how
            wide it is, of 200.
        left_out: Rows that are in no part.
        is_time: Parts are times.
    """

    title: str
    unit: str
    labels: tuple[str, ...]
    parts: tuple[tuple[str, tuple[int, ...], int, tuple[tuple[float, float], ...]], ...]
    left_out: int
    is_time: bool


def shown_split(w: Words, results: desk.Results, split: desk.Split) -> ShownSplit:
    variable, column = results.variable(split.variable), results.header[split.column]
    values = {"name": split.variable, "column": results.label_at(split.column) or column}
    title, unit = {
        "group": (w.t("%(name)s by %(column)s", **values), column),
        "day": (w.t("%(name)s by day (%(column)s)", **values), w.t("Day")),
        "week": (w.t("%(name)s by week (%(column)s)", **values), w.t("Week from")),
        "month": (w.t("%(name)s by month (%(column)s)", **values), w.t("Month")),
        "year": (w.t("%(name)s by year (%(column)s)", **values), w.t("Year")),
    }[split.unit]
    labels = (
        *(coded(variable, one) for one in split.labels),
        *((w.t("others"),) if split.has_others else ()),
    )
    parts = []
    for name, counts in split.parts:
        total = sum(counts)
        ends = [200 * sum(counts[: number + 1]) / (total or 1) for number in range(len(counts))]
        bars = tuple(
            (round(begin, 1), round(end - begin, 1)) for begin, end in itertools.pairwise((0.0, *ends))
        )
        meaning = results.meaning_at(split.column, name)
        parts.append((f"{name} = {meaning}" if meaning else name, counts, total, bars))
    return ShownSplit(title, unit, labels, tuple(parts), split.left_out, split.unit != "group")


def go(request: Request) -> Response:
    """To a row by its number."""
    job = job_of(request)
    number = _number(request.query_params.get("row", ""), 0)
    return see_other(f"/jobs/{job.id}/rows/{number}" if number else f"/jobs/{job.id}/rows")


def row(request: Request) -> Response:
    """One row: text, answer, reason, request, answers as they came; and its neighbours in the filter."""
    return _row(request)


def _row(request: Request, shown: Shown | None = None) -> Response:
    job = job_of(request)
    results = ready_results(program_of(request), job)
    number, chosen = _row_number(request), _chosen(request)
    found = results.row(number)
    previous, following = _neighbours(results, chosen, number)
    compared = _compared(results, chosen)
    judged = _judged(results, chosen, compared, found)
    saved = _number(request.query_params.get("saved", ""), 0)
    before = results.row(saved, with_results=False) if 1 <= saved <= results.counts().rows else None
    return page(
        request,
        "result_row.html",
        status=400 if shown else 200,
        nav="jobs",
        job=job,
        row=found,
        cells=[
            (name, results.label_at(at), cell, results.meaning_at(at, cell))
            for at, (name, cell) in enumerate(found.cells)
        ],
        text_labels=results.text_labels,
        query=_query(chosen),
        previous=previous,
        following=following,
        asked=[(one, results.codebook.beside(one)) for one in results.variables or results.codebook.answers],
        heading=_heading(words_for(request), results, chosen) if chosen.people or chosen.coded else "",
        compared=compared,
        sides=results.sides(compared.by, compared.variable.name, [number])[0]
        if compared is not None
        else None,
        judged=judged,
        options=[_with_free_key(one) for one in options_of(judged)] if judged is not None else [],
        # Fields of answers by hand show what was wrong with what was written.
        error=shown,
        typed="",
        saved=before.row if before is not None and judged is not None and judged.name in before.human else 0,
        saved_value=before.human.get(judged.name, "") if before is not None and judged is not None else "",
        shown=shown,
    )


def _judged(
    results: desk.Results, chosen: desk.RowFilter, compared: Compared | None, found: desk.ResultRow
) -> desk.Variable | None:
    """The variable that keys are for: the filter's, else the compared one, else the first; None if none applies."""
    names = [chosen.variable, compared.variable.name if compared is not None else ""]
    variables = results.variables or results.codebook.answers
    ordered = sorted(variables, key=lambda one: names.index(one.name) if one.name in names else len(names))
    return next((one for one in ordered if one.name not in found.not_asked and not one.is_computed), None)


def _with_free_key(option: Option) -> Option:
    """An option without a key that means something else on the page of a row."""
    return replace(option, key="") if option.key in _KEYS_OF_ROW else option


def _row_number(request: Request) -> int:
    text = request.path_params["row"]
    if not text.isdecimal() or len(text) > 12:
        raise InputError("row-missing")
    return int(text)


def _neighbours(results: desk.Results, chosen: desk.RowFilter, number: int) -> tuple[int, int]:
    """Numbers of the rows before and after this one in a filter; 0 where there is none."""
    if chosen == desk.RowFilter():
        return number - 1, number + 1 if number < results.counts().rows else 0
    listed = results.rows(chosen)
    if not len(listed):
        return 0, 0
    if chosen.least_sure:
        # Not in the order of the table; a row that was just corrected is not in it any more.
        place = listed.index_of(number)
        if place is None:
            return 0, int(listed[0])
        return (int(listed[place - 1]) if place else 0), (
            int(listed[place + 1]) if place + 1 < len(listed) else 0
        )
    at = int(listed.search_sorted(number, side="left"))
    after = int(listed.search_sorted(number, side="right"))
    return (int(listed[at - 1]) if at > 0 else 0), (int(listed[after]) if after < len(listed) else 0)


def correct(request: Request, form: FormData) -> Response:
    """A person's label in the place of the model's, and on to the next row of the list; or taken back."""
    job, number, chosen = job_of(request), _row_number(request), _chosen(request)
    is_undo = text_of(form, "do") == "undo"
    results = ready_results(program_of(request), job)
    name = text_of(form, "variable")
    if name not in results.columns:
        raise UsageError("no-such-variable", variable=name)
    label = text_of(form, "only") or value_of(form, results.variable(name))
    if not is_undo and not label:
        raise UsageError("correction-empty")
    # A row that is saved may not be in the list any more.
    _, following = _neighbours(results, chosen, number)
    try:
        chosen_by = desk.LEAST_SURE if chosen.least_sure else ""
        results.correct(number, name, None if is_undo else label, chosen_by=chosen_by)
    except UsageError as error:
        return _row(request, explain(words_for(request), error))
    if text_of(form, "go") != "next" or is_undo:
        asked = _query(chosen)
        return see_other(f"/jobs/{job.id}/rows/{number}" + (f"?{asked}" if asked else "") + "#row")
    return see_other(f"/jobs/{job.id}/rows/{following or number}?{_query(chosen, saved=number)}#row")


def download(request: Request) -> Response:
    """Formats, rows and columns to choose from; or what the chosen format changes."""
    return _download(request)


def _download(request: Request, refused: RowbatchError | None = None) -> Response:
    w, job = words_for(request), job_of(request)
    results = ready_results(program_of(request), job)
    asked = request.query_params
    texts = (
        (
            "csv",
            w.t("CSV for Excel"),
            w.t("UTF-8 with a mark that Excel knows; nothing in it can run as a formula"),
        ),
        ("xlsx", "Excel (XLSX)", w.t("the best choice for Excel: every text is a text")),
        ("exact", w.t("CSV, exact copy"), w.t("for R, Stata, Python: every cell as it was")),
        ("parquet", "Parquet", w.t("small and fast, with types; for Python and R")),
        ("dta", "Stata", ".dta"),
        ("sav", "SPSS", ".sav"),
        ("jsonl", "JSONL", w.t("one JSON object a line")),
        (
            "qdpx",
            "REFI-QDA",
            w.t(
                "a project for NVivo, MAXQDA, ATLAS.ti or QualCoder: texts with their codes, and who gave them"
            ),
        ),
    )
    lost = results.losses([_ENDINGS[value] for value, _, _ in texts])
    foreseen: tuple[Notice, ...] | None = None
    names = {str(results.run.plan.source.path): job.status.name}
    if asked.get("look") == "1" and refused is None:
        try:
            foreseen = _foreseen(request, results)
        except (TableError, UsageError) as error:
            refused = error
    return page(
        request,
        "download.html",
        status=400 if refused is not None else 200,
        nav="jobs",
        job=job,
        formats=texts,
        losses={value: [w.told(note) for note in lost[_ENDINGS[value]]] for value, _, _ in texts},
        chosen=asked.get("format", "csv"),
        asked=asked,
        picked=asked.getlist("column") if asked.get("columns") else None,
        can_have_numbers=not results.is_typed,
        foreseen=None if foreseen is None else [w.told(note) for note in foreseen],
        formulas=results.formulas(),
        header=results.header,
        labels=[results.label_at(at) for at in range(len(results.header))],
        shown=explain(w, refused, names=names) if refused is not None else None,
    )


def _foreseen(request: Request, results: desk.Results) -> tuple[Notice, ...]:
    """What the download that an address stands for will change."""
    ending, writing, columns = _written(request, results.header)
    with_status = request.query_params.get("without_status") != "1"
    return results.foresee_export(ending, writing=writing, columns=columns, with_status=with_status)


def _written(request: Request, header: Sequence[str]) -> tuple[str, api.WriteOptions, list[str] | None]:
    """
    Ending, options and columns of the table that an address stands for; None for all columns.

    Raises:
        UsageError: There is no such format, or no column is chosen.
    """
    asked = request.query_params
    known = format_of(asked.get("format", "csv"), numbers=asked.get("numbers") == "1")
    if known is None:
        raise UsageError("format-missing")
    ending, writing = known
    chosen = asked.getlist("column")
    if asked.get("columns") and not chosen:
        raise UsageError("no-columns")
    if not chosen or len(chosen) >= len(header):
        return ending, writing, None
    places = [int(place) for place in chosen if place.isdecimal() and int(place) < len(header)]
    return ending, writing, [header[place] for place in places]


def table(request: Request) -> Response:
    """The labelled table, written for this download."""
    job = job_of(request)
    asked = request.query_params
    ending, writing, columns = _written(request, job.run.header)

    def write(path: Path) -> None:
        try:
            job.run.export(
                path,
                writing=writing,
                only_answered=asked.get("only_answered") == "1",
                with_status=asked.get("without_status") != "1",
                columns=columns,
            )
        except CannotHold as error:
            error.call_path(str(path), path.name)
            raise

    try:
        return _made(request, f"table{ending}", f"labelled{ending}", write)
    except CannotHold as error:
        # The other formats are there to be chosen at once.
        return _download(request, refused=error)


def _made(request: Request, file: str, ending: str, write: Callable[[Path], object]) -> Response:
    """A file that is made for one download, and then goes."""
    place = program_of(request).place_for_files()
    folder = tempfile.TemporaryDirectory(prefix="download-", dir=place, ignore_cleanup_errors=True)
    path = Path(folder.name) / file
    try:
        write(path)
    except BaseException:
        folder.cleanup()
        raise
    return attachment(path, f"{_stem(request)}.{ending}", BackgroundTask(folder.cleanup))


def _stem(request: Request) -> str:
    """What a job's table is called, without its ending."""
    return re.sub(r"\.\w{1,10}\Z", "", job_of(request).status.name)


def attachment(path: Path, name: str, after: BackgroundTask | None = None) -> Response:
    """A file to keep, never to be shown by the browser; its name is made safe for a header."""
    headers = _to_keep(name)
    return FileResponse(path, media_type="application/octet-stream", headers=headers, background=after)


def _to_keep(name: str) -> dict[str, str]:
    """The header of a download, under a name that may hold anything."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "table"
    return {
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    }


def _text_attachment(text: str, name: str) -> Response:
    return PlainTextResponse(text, headers=_to_keep(name), media_type="text/plain")


def recipe(request: Request) -> Response:
    """What was asked and how, as a file."""
    return _text_attachment(desk.recipe_of_run(job_of(request).run), f"{_stem(request)}.recipe.yaml")


def codebook(request: Request) -> Response:
    """The codebook, as a file."""
    return _text_attachment(desk.codebook_yaml(job_of(request).run), "codebook.yaml")


def methods(request: Request) -> Response:
    """Words for a paper."""
    w, job = words_for(request), job_of(request)
    languages = ("zh", "en") if w.language == "zh" else ("en",)
    has_rows = job.state in ("done", "gaps", "stopped") and bool(job.statuses)
    compared = ready_results(program_of(request), job).agreements() if has_rows else ()
    return page(
        request,
        "methods.html",
        nav="jobs",
        job=job,
        texts=[(language, desk.methods_text(job.run, language, compared)) for language in languages],
        sets=desk.coding_sets_of(job.run),
        version=version("rowbatch"),
    )


def report(request: Request) -> Response:
    """The report, written for this download."""
    job, how = job_of(request), _told(request)
    return _made(request, "report.html", "report.html", lambda path: api.report(job.run, path, **how))


def archive(request: Request) -> Response:
    """The archive, written for this download."""
    job, how, asked = job_of(request), _told(request), request.query_params
    named: dict[str, Any] = {
        name: asked.get(name, "")[:_MOST_NAME_CHARS] for name in ("title", "author", "license")
    }
    return _made(
        request, "archive.zip", "archive.zip", lambda path: api.archive(job.run, path, **how, **named)
    )


def _told(request: Request) -> dict[str, Any]:
    """How a report is told, as its form says."""
    asked = request.query_params
    return {
        "people": asked.get("people") or None,
        "texts": asked.get("texts") != "0",
        "language": words_for(request).language,
        "checklist": asked.get("checklist") or None,
    }


ROUTES = [
    Route("/jobs/{job_id}/splits", splits),
    Route("/jobs/{job_id}/rows", rows),
    Route("/jobs/{job_id}/rows/go", go),
    Route("/jobs/{job_id}/rows/{row}", row),
    Route("/jobs/{job_id}/rows/{row}", with_form(correct), methods=["POST"]),
    Route("/jobs/{job_id}/download", download),
    Route("/jobs/{job_id}/table", table),
    Route("/jobs/{job_id}/recipe", recipe),
    Route("/jobs/{job_id}/codebook", codebook),
    Route("/jobs/{job_id}/methods", methods),
    Route("/jobs/{job_id}/report", report),
    Route("/jobs/{job_id}/archive", archive),
]
