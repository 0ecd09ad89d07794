"""Labels by group and over time, corrected for the model's errors, as pictures with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import desk
from rowbatch.errors import InputError, RowbatchError, UsageError
from rowbatch.web.computed import NotComputedYetError
from rowbatch.web.explain import Shown, explain
from rowbatch.web.meanings import coded
from rowbatch.web.pages.gaps import ready_results
from rowbatch.web.pages.jobs import job_of
from rowbatch.web.pages.results import shown_split
from rowbatch.web.rendering import computing, page, program_of, words_for
from rowbatch.web.words import Words

_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Line:
    """
    The share of a label in a part, from 0 to `_WIDTH` in the picture.

    Attributes:
        name: Of the part.
        rows: Of the table.
        model: The model's share alone.
        corrected: The corrected share.
        why: Why there is none; or "".
        at, low, high, model_at: Where these stand; None for what is not there.
    """

    name: str
    rows: int
    model: Any
    corrected: Any
    why: str
    at: float | None
    low: float | None
    high: float | None
    model_at: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """
    The shares of one label in all parts.

    Attributes:
        title: What it shows.
        unit: Of what the parts are, as a heading.
        lines: One for each part, in order.
        is_time: Parts are times.
    """

    title: str
    unit: str
    lines: tuple[Line, ...]
    is_time: bool


def corrected_splits(request: Request) -> Response:
    """A picture for each label, column and variable that people coded; the address may say by which set."""
    w, job = words_for(request), job_of(request)
    results = ready_results(program_of(request), job)
    sets = results.coding_sets()
    asked = request.query_params.get("set", "")
    chosen = next((one for one in sets if one.id == asked), sets[-1] if sets else None)
    pictures: list[Picture] = []
    notes: dict[str, None] = {}
    shown: Shown | None = None
    names = [one.name for one in results.coded_variables(chosen)] if chosen is not None else []
    wanted = [one for one in results.splits() if one.variable in names]
    if chosen is not None and wanted:
        try:
            found = program_of(request).numbers.get(
                ("corrected splits", job.id, chosen.id),
                (results.coding_state(chosen.id), tuple(wanted)),
                lambda: [_corrected(results, split, chosen.id) for split in wanted],
                results.rows_of_table,
            )
        except NotComputedYetError:
            return computing(request, job, w.t("Corrected labels by group and over time"))
        for one in found:
            if isinstance(one, RowbatchError):
                shown = explain(w, one)
                continue
            pictures += _pictures(w, results, one)
            notes |= dict.fromkeys(w.told(note) for note in one.notes)
    return page(
        request,
        "corrected_splits.html",
        nav="jobs",
        job=job,
        sets=sets,
        chosen=chosen,
        pictures=pictures,
        notes=list(notes),
        shown=shown,
    )


def _corrected(
    results: desk.Results, split: desk.Split, set_id: str
) -> desk.CorrectedSplit | UsageError | InputError:
    try:
        return results.corrected_split(split, set_id)
    except (UsageError, InputError) as error:
        return error


def _pictures(w: Words, results: desk.Results, found: desk.CorrectedSplit) -> list[Picture]:
    as_counted = shown_split(w, results, found.split)
    called = {name: part[0] for (name, _), part in zip(found.split.parts, as_counted.parts, strict=True)}
    variable = results.variable(found.split.variable)
    return [
        Picture(
            w.t("%(whose)s: %(measure)s", whose=as_counted.title, measure=coded(variable, label)),
            as_counted.unit,
            tuple(_line(w, called[one.name], one.rows, one.shares[at]) for one in found.parts),
            as_counted.is_time,
        )
        for at, label in enumerate(found.labels)
    ]


def _line(w: Words, name: str, rows: int, share: Any) -> Line:
    figure, model = share.corrected, share.model_only
    why = "" if figure.why is None else w.told(figure.why)
    if figure.why is not None and figure.why.kind == "correct-too-few":
        # Many parts may have that in common; how many there are stands beside it.
        why = w.t("too few coded rows to tell")
    places = (_at(value) for value in (figure.estimate, figure.low, figure.high, model.estimate))
    return Line(name, rows, model, figure, why, *places)


def _at(value: float | None) -> float | None:
    # A corrected share may lie a little below none of the rows, or above all.
    return None if value is None else float(round(_WIDTH * min(1.0, max(0.0, value)), 1))


ROUTES = [Route("/jobs/{job_id}/splits/corrected", corrected_splits)]
