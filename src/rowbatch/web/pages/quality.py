"""How good a job's labels are, by what people coded: one page, from who agreed to what may be concluded."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import desk
from rowbatch.errors import InputError, UsageError
from rowbatch.web.computed import NotComputedYetError
from rowbatch.web.explain import explain
from rowbatch.web.measures import measure_names, quantity_words
from rowbatch.web.pages.gaps import ready_results
from rowbatch.web.pages.jobs import job_of
from rowbatch.web.pages.results import attachment
from rowbatch.web.rendering import (
    computing,
    page,
    program_of,
    query,
    see_other,
    text_of,
    with_form,
    words_for,
)

if TYPE_CHECKING:
    from rowbatch.web.words import Words

_MAX_MATRIX = 25
_SOON_S = 0.5
_MEASURES = (
    *("accuracy", "cohen_kappa", "cohen_kappa_linear", "cohen_kappa_quadratic", "macro_f1"),
    *("balanced_accuracy", "mcc", "mean_absolute_error", "bias", "pearson", "spearman"),
)
_AMONG = ("percent_agreement", "krippendorff_alpha", "cohen_kappa", "gwet_ac1", "gwet_ac2")


def distil(request: Request, form: FormData) -> Response:
    """Let a student label another table of the library, in the background; the page shows how far it is."""
    program, job = program_of(request), job_of(request)
    asked = {name: text_of(form, name) for name in ("table", "set", "variable")}
    results, table = ready_results(program, job), program.library.table(asked["table"])
    student = program.begin_student(
        job.id,
        table,
        asked["variable"],
        lambda task: results.distil(table, asked["set"], asked["variable"], task),
    )
    # What is refused is refused at once.
    student.task.wait(_SOON_S)
    return _to_student(job, asked)


def stop_distil(request: Request, form: FormData) -> Response:
    """Stop a student; no table is written."""
    job = job_of(request)
    student = program_of(request).students.get(job.id)
    if student is not None:
        student.task.stop()
        student.task.wait(_SOON_S)
    return _to_student(job, {name: text_of(form, name) for name in ("set", "variable")})


def _to_student(job: desk.Job, asked: Mapping[str, str]) -> Response:
    return see_other(
        f"/jobs/{job.id}/quality?{query({'set': asked['set'], 'variable': asked['variable']})}#distil"
    )


def student(request: Request) -> Response:
    """How far a student is, and what students did: a part of the page."""
    job = job_of(request)
    results = ready_results(program_of(request), job)
    asked = request.query_params
    chosen = next((one for one in results.coding_sets() if one.id == asked.get("set")), None)
    if chosen is None:
        # A set that is gone, or an address by itself.
        return see_other(f"/jobs/{job.id}/quality")
    values = _students(request, job, results)
    return page(request, "_distil.html", job=job, chosen=chosen, variable=asked.get("variable", ""), **values)


def _students(request: Request, job: desk.Job, results: desk.Results) -> dict[str, Any]:
    w, program = words_for(request), program_of(request)
    own = job.run.plan.source.sha256
    at_work = program.students.get(job.id)
    error = None if at_work is None else at_work.task.error
    return {
        "others": [one.info for one in program.library.tables() if one.info.sha256 != own],
        "students": [
            (
                one,
                [
                    (
                        _label_sure(w, label, least),
                        # It is the student's labels that are judged.
                        w.t("not by this student") if verdict == "not-automatable" else _verdict(w, verdict),
                    )
                    for label, least, verdict in one.verdicts
                ],
                _files(results, one),
            )
            for one in results.distillations()
        ],
        "quantity_words": lambda quantity: quantity_words(w, quantity),
        "at_work": at_work if at_work is not None and at_work.task.is_alive else None,
        "refused": None if error is None else explain(w, error),
    }


def _files(results: desk.Results, note: Any) -> list[tuple[str, bool]]:
    """Names of the tables of a student that can be downloaded, and whether they are of rows that are left."""
    names = [(note.output, False), (note.rest, True)]
    return [
        (PurePath(path).name, is_rest)
        for path, is_rest in names
        if path and results.distilled_file(PurePath(path).name) is not None
    ]


def distilled(request: Request) -> Response:
    """A table that a student labelled, to keep."""
    results = ready_results(program_of(request), job_of(request))
    found = results.distilled_file(request.path_params["name"])
    if found is None:
        raise InputError("file-gone")
    path, note = found
    stem = PurePath(note.table).stem
    kind = "rest" if note.rest is not None and PurePath(note.rest).name == path.name else "labelled"
    return attachment(path, f"{stem}-{note.variable}-{kind}{path.suffix}")


def quality(request: Request) -> Response:
    """All of it; the address says by which set, of which variable, and of which rows."""
    w, job = words_for(request), job_of(request)
    results = ready_results(program_of(request), job)
    asked = request.query_params
    sets = results.coding_sets()
    values: dict[str, Any] = {"sets": sets, "shown": None, "found": None, "corrected": None}
    chosen = next((one for one in sets if one.id == asked.get("set")), sets[-1] if sets else None)
    values["chosen"] = chosen
    values["part"] = asked.get("part", "") if asked.get("part") in ("test", "dev", "all") else ""
    values["variables"] = results.coded_variables(chosen) if chosen is not None else ()
    names = [one.name for one in values["variables"]]
    name = asked.get("variable", "")
    values["variable"] = name if name in names else next(iter(names), "")
    if chosen is not None:
        try:
            found = program_of(request).numbers.get(
                ("quality", job.id, chosen.id, values["variable"], values["part"]),
                results.coding_state(chosen.id),
                lambda: results.quality(chosen.id, values["variable"], values["part"]),
                results.rows_of_table,
            )
            values |= _values(w, job, chosen.id, results, found)
        except NotComputedYetError:
            return computing(request, job, w.t("Quality"))
        except (UsageError, InputError) as error:
            values["shown"] = explain(w, error)
    values |= _students(request, job, results)
    return page(
        request,
        "quality.html",
        nav="jobs",
        job=job,
        command=shlex.join(["rowbatch", "validate", str(job.run.path), *([chosen.name] if chosen else [])]),
        **values,
    )


def _values(w: Words, job: desk.Job, set_id: str, results: desk.Results, found: Any) -> dict[str, Any]:
    quality, estimates = found
    variable = results.variable(quality.variable)
    address = _addresses(job, set_id, quality.variable, quality.part)
    names = measure_names(w)
    return {
        "found": quality,
        "coded_variable": variable,
        "notes": [(w.told(note), note.hint("page", w.language)) for note in quality.notes],
        "corrected_notes": [
            w.told(note) for note in (estimates.notes if estimates else ()) if note not in quality.notes
        ],
        "among": _figures(names, quality.among.measures, _AMONG) if quality.among is not None else [],
        "against": _figures(names, quality.model.measures, _MEASURES),
        "matrix": _matrix(quality) if len(quality.against.labels) <= _MAX_MATRIX else [],
        "cell": address,
        "corrected": estimates,
        "bars": [(quantity_words(w, one.quantity), lines) for one, lines in _bars(estimates.corrections)]
        if estimates
        else [],
        "verdict": lambda verdict: _verdict(w, verdict),
        "why": w.told,
    }


def _label_sure(w: Words, label: str, least: float | None) -> str:
    return (
        label
        if least is None
        else w.t("%(label)s, at least %(share)s sure", label=label, share=w.percent(least))
    )


def _addresses(job: desk.Job, set_id: str, variable: str, part: str) -> Any:
    """What makes the address of rows that people and model say this of."""

    def address(people: str, model: str) -> str:
        asked = {"coded": set_id, "part": part, "variable": variable, "says": people, "model": model}
        if not model:
            asked["unlabelled"] = "1"
        return f"/jobs/{job.id}/rows?{query(asked)}"

    return address


def _figures(names: Mapping[str, str], measures: Any, wanted: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [(names[name], measures[name]) for name in wanted if name in measures]


def _matrix(quality: Any) -> list[tuple[str, list[tuple[str, int]]]]:
    labels = quality.against.labels
    return [
        (label, list(zip((*labels, ""), line, strict=True)))
        for label, line in zip(labels, quality.model.confusion, strict=True)
        if sum(line)
    ]


def _verdict(w: Words, verdict: str) -> str:
    return {
        "usable": w.t("may be used"),
        "usable-with-correction": w.t("only with correction"),
        "not-automatable": w.t("not by this model"),
        "too-little-evidence": w.t("too few coded rows to tell"),
    }[verdict]


@dataclass(frozen=True, slots=True)
class Bar:
    """
    A number in a picture of width 200.

    Attributes:
        name: Of the line: `model_only`, `people_only`, `corrected`.
        figure: The number.
        left, width: Of its bar, from 0 on; None where it is undefined.
        low, high: The ends of its interval; None where there is none.
    """

    name: str
    figure: Any
    left: float | None = None
    width: float | None = None
    low: float | None = None
    high: float | None = None


def _bars(corrections: Any) -> list[tuple[Any, list[Bar]]]:
    """Each number three times, all on one scale."""
    figures = [figure for one in corrections for figure in one.lines.values()]
    ends = [
        end for figure in figures for end in (figure.estimate, figure.low, figure.high) if end is not None
    ]
    least, most = min([0.0, *ends]), max([0.0, *ends])
    if least >= 0 and most <= 1:
        most = 1.0
    scale = 200 / ((most - least) or 1.0)

    def at(value: float) -> float:
        return float(round(scale * (value - least), 1))

    def bar(name: str, figure: Any) -> Bar:
        if figure.estimate is None:
            return Bar(name, figure)
        zero, middle = at(0.0), at(figure.estimate)
        has_interval = figure.low is not None and figure.high is not None
        return Bar(
            name,
            figure,
            min(zero, middle),
            abs(middle - zero),
            at(figure.low) if has_interval else None,
            at(figure.high) if has_interval else None,
        )

    return [(one, [bar(*line) for line in one.lines.items()]) for one in corrections]


ROUTES = [
    Route("/jobs/{job_id}/quality", quality),
    Route("/jobs/{job_id}/distil", student),
    Route("/jobs/{job_id}/distil", with_form(distil), methods=["POST"]),
    Route("/jobs/{job_id}/distil/stop", with_form(stop_distil), methods=["POST"]),
    Route("/jobs/{job_id}/distilled/{name}", distilled),
]
