"""How stable a job's labels are, and an estimate in every way in which its table was asked: one page."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.errors import InputError, UsageError
from rowbatch.web.computed import NotComputedYetError
from rowbatch.web.explain import explain
from rowbatch.web.pages.gaps import ready_results
from rowbatch.web.pages.jobs import job_of
from rowbatch.web.rendering import computing, page, program_of, words_for

if TYPE_CHECKING:
    from rowbatch.web.words import Words

_MOST_MOVES = 40
_CHOSEN = ("label", "by", "between")


def stability(request: Request) -> Response:
    """All of it, from answers that are here: nobody is asked. The address says of which variable and label."""
    w, job = words_for(request), job_of(request)
    results = ready_results(program_of(request), job)
    asked = request.query_params
    variables = [one for one in results.variables if one.can_compare and one.kind != "date"]
    variable = next((one for one in variables if one.name == asked.get("variable")), None)
    variable = variable or next(iter(variables), None)
    values: dict[str, Any] = {"variables": variables, "variable": variable, "shown": None, "curve": None}
    label = asked.get("label", "")
    values["label"] = label if variable is not None and label in variable.choices else ""
    columns = list(results.header)
    values["columns"] = columns
    values["by"] = asked.get("by", "") if asked.get("by", "") in columns else ""
    values["between"] = asked.get("between", "").strip()
    if variable is not None:
        try:
            curve, stable = program_of(request).numbers.get(
                ("stability", job.id, variable.name, *(values[one] for one in _CHOSEN)),
                desk.state_of_runs(job.run),
                partial(_numbers, job.run, variable.name, **{one: values[one] for one in _CHOSEN}),
                results.rows_of_table,
            )
            values |= {"curve": curve, "stable": stable}
            values["drawing"] = Markup(_drawing(w, curve))  # noqa: S704 - its texts are escaped where it is drawn
        except NotComputedYetError:
            return computing(request, job, w.t("Stability"))
        except (UsageError, InputError) as error:
            values["shown"] = explain(w, error)
    names = _names(w)
    return page(
        request,
        "stability.html",
        nav="jobs",
        job=job,
        command=shlex.join(["rowbatch", "stability", str(job.run.path)]),
        told=lambda name: names.get(name, name),
        why=w.told,
        most=_MOST_MOVES,
        **values,
    )


def _numbers(
    run: api.Run, variable: str, label: str, by: str, between: str
) -> tuple[api.SpecificationCurve, api.Stability]:
    curve = api.specification_curve(
        run, variable, label=label or None, by=by or None, between=between if by else ()
    )
    return curve, api.stability(run, variable, with_runs=curve.other_runs, hooks=api.Hooks())


def _drawing(w: Words, curve: Any) -> str:
    title = w.t("The estimate in every way")
    return str(curve.drawing(title, _names(w), (w.t("model only (biased)"), w.t("corrected"))))


def _names(w: Words) -> dict[str, str]:
    return {
        "model": w.t("model"),
        "prompt": w.t("prompt"),
        "codebook": w.t("codebook"),
        "label order": w.t("order of labels"),
        "settings": w.t("settings"),
        "asked": w.t("asked"),
        "as asked": w.t("as asked"),
        "reversed": w.t("reversed"),
        "rotated": w.t("rotated"),
        "first": w.t("first"),
        "again 1": w.t("again"),
        "repeat": w.t("asked again"),
        "order": w.t("labels in another order"),
        "run": w.t("other jobs of this table"),
        "complete": w.t("counts"),
        "unfinished": w.t("not over"),
        "failed": w.t("failed"),
        "other-question": w.t("asks something else"),
    }


ROUTES = [Route("/jobs/{job_id}/stability", stability)]
