"""All jobs, and one job from its draft to its results: the same address in every state."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.errors import InputError, RowbatchError, TableChanged, UsageError
from rowbatch.web import labels
from rowbatch.web.explain import explain_trouble, sentence
from rowbatch.web.pages.gaps import results_values
from rowbatch.web.pages.review import set_cap
from rowbatch.web.program import table_of_job
from rowbatch.web.rendering import page, program_of, see_other, text_of, with_form, words_for
from rowbatch.web.words import Words

_QUIET_S = 600.0
_ENDED = ("done", "gaps", "stopped")
_KINDS = {
    "work": ("checking", "sending", "waiting", "running", "collecting"),
    "attention": ("needs-you", "failed", "paused"),
    "done": ("done", "gaps", "stopped"),
    "draft": ("draft",),
}


def job_of(request: Request) -> desk.Job:
    """The job that an address names."""
    return program_of(request).jobs.job(request.path_params["job_id"])


def jobs(request: Request) -> Response:
    """The list."""
    w, found = words_for(request), program_of(request).jobs.all()
    only = request.query_params.get("only", "")
    counts = Counter(kind for job in found for kind, states in _KINDS.items() if job.state in states)
    shown = [job for job in found if job.state in _KINDS[only]] if only in _KINDS else found
    return page(
        request,
        "jobs.html",
        nav="jobs",
        jobs=shown[:500],
        only=only if only in _KINDS else "",
        kinds=[(kind, counts[kind]) for kind in _KINDS if counts[kind]],
        kind_word=lambda kind: {
            "work": w.t("at work"),
            "attention": w.t("waiting for you"),
            "done": w.t("done"),
            "draft": w.t("drafts"),
        }[kind],
        any_at_work=any(job.is_at_work for job in found),
    )


def job(request: Request) -> Response:
    """One job."""
    w, program, found = words_for(request), program_of(request), job_of(request)
    part = request.query_params.get("part")
    values = _job_values(w, program, found)
    if part == "job":
        return page(request, "_job.html", nav="jobs", **values)
    has_results = found.state in (*_ENDED, "failed", "needs-you", "paused") and bool(found.statuses)
    results: dict[str, Any] = {}
    lost = None
    if has_results:
        asked = request.query_params
        try:
            results = results_values(
                w,
                program,
                found,
                people=asked.get("people", ""),
                not_coded=asked.get("not_coded", "").strip()[:500],
                wait_s=0.2 if part else 1.5,
            )
        except (InputError, TableChanged) as error:
            if part:
                raise
            # The rest of the job can be looked at nevertheless.
            lost, has_results = explain_trouble(w, desk.Trouble("table", error.notice)), False
        if part == "results":
            return page(request, "_results.html", nav="jobs", job=found, **results)
    table = table_of_job(program, found)
    return page(
        request,
        "job.html",
        nav="jobs",
        **values,
        **results,
        results=has_results,
        lost=lost,
        labelled_by=labels.provider_title(
            w, api.find_provider("local" if found.is_local else found.status.provider)
        ),
        question=found.asks,
        table_id=table.id if table is not None else "",
        events=found.status.events[::-1],
    )


def _job_values(w: Words, program: Any, found: desk.Job) -> dict[str, Any]:
    task = found.task if found.task is not None and found.task.is_alive else None
    table = table_of_job(program, found)
    is_of_draft = table is not None and table.draft().get("job") == found.id
    icon = labels.state_icon(found.state)
    return {
        "job": found,
        "title": f"{icon} {found.status.name} – {labels.state_word(w, found.state)}",
        "shown": explain_trouble(w, found.trouble) if found.trouble is not None else None,
        "every": _every(found),
        "left": _left(w, found),
        "checked": w.ago(task.checked_at) if task is not None and task.checked_at else "",
        "rows_written": task.rows if task is not None and task.stage == "collect" else 0,
        "remarks": [sentence(w, w.told(remark)) for remark in found.status.remarks],
        "said": list(task.said)[-10:] if task is not None else [],
        "new_job_address": f"/tables/{table.id}/label" if table is not None else "/",
        "start_address": f"/tables/{table.id}/start" if table is not None and is_of_draft else "",
    }


def _every(found: desk.Job) -> str:
    """How often the page asks: often for the model of this computer, seldom when nothing moves."""
    if found.is_local:
        return "1s"
    events = found.status.events
    quiet = time.time() - events[-1].at.timestamp() if events else 0.0
    return "30s" if quiet > _QUIET_S else "5s"


def _left(w: Words, found: desk.Job) -> str:
    left = found.task.seconds_left if found.task is not None else None
    if left is not None:
        return w.t("about %(time)s left", time=w.duration(left))
    if found.is_local or found.is_elsewhere:
        return ""
    if found.is_direct:
        return ""
    return w.t("the provider does not say how long it takes; usually hours, at most a day")


def start(request: Request, form: FormData) -> Response:
    """Go on with a job that stands still."""
    program, found = program_of(request), job_of(request)
    cap, no_cap = text_of(form, "cap").strip(), text_of(form, "no_cap") == "1"
    if (cap or no_cap) and (fault := set_cap(words_for(request), program, found, "" if no_cap else cap)):
        raise UsageError("said", text=fault)
    if no_cap and not found.is_at_work:
        found.run.remove_cap()
    if not found.is_at_work and found.state != "draft":
        program.jobs.start(
            found.run,
            go_on=text_of(form, "go_on") == "1",
            resubmit_lost=text_of(form, "resubmit_lost") == "1",
            # What a person pastes has blanks around it.
            batch_id="".join(text_of(form, "batch_id").split()) if "by_id" in form else "",
            give_up=text_of(form, "give_up") == "1",
        )
    return see_other(f"/jobs/{found.id}")


def recover(request: Request, form: FormData) -> Response:
    """Make the record of a job anew whose own is lost or damaged."""
    program, found = program_of(request), job_of(request)
    if not found.is_at_work:
        program.jobs.recover(found.run, never_sent=text_of(form, "never_sent") == "1")
    return see_other(f"/jobs/{found.id}")


def pause(request: Request) -> Response:
    """Send nothing more for now."""
    program, found = program_of(request), job_of(request)
    program.jobs.pause(found.run)
    return see_other(f"/jobs/{found.id}")


def cancel(request: Request) -> Response:
    """Stop it, and keep what was answered."""
    program, found = program_of(request), job_of(request)
    program.jobs.cancel(found.run)
    return see_other(f"/jobs/{found.id}")


def repair(request: Request, form: FormData) -> Response:
    """Ask rows without a label again."""
    program, found = program_of(request), job_of(request)
    wanted = [status for status in form.getlist("status") if isinstance(status, str)]
    if found.is_at_work:
        return see_other(f"/jobs/{found.id}")
    known = {"error", "expired", "cancelled", "missing", "invalid", "truncated", "refused"}
    if not wanted or not known.issuperset(wanted):
        raise UsageError("rows-not-of-such-a-kind")
    program.jobs.start(found.run, repair=wanted)
    return see_other(f"/jobs/{found.id}")


def discard(request: Request) -> Response:
    """Remove a draft, of which nothing was sent."""
    program, found = program_of(request), job_of(request)
    program.forget_results(found.id)
    program.jobs.discard(found.run)
    return see_other("/jobs")


def go_on_after_restart(program: Any) -> int:
    """Drive again what was driven when the program was stopped."""
    try:
        count: int = program.jobs.go_on()
    except RowbatchError:
        return 0
    return count


ROUTES = [
    Route("/jobs", jobs),
    Route("/jobs/{job_id}", job),
    Route("/jobs/{job_id}/start", with_form(start), methods=["POST"]),
    Route("/jobs/{job_id}/recover", with_form(recover), methods=["POST"]),
    Route("/jobs/{job_id}/pause", pause, methods=["POST"]),
    Route("/jobs/{job_id}/cancel", cancel, methods=["POST"]),
    Route("/jobs/{job_id}/repair", with_form(repair), methods=["POST"]),
    Route("/jobs/{job_id}/discard", discard, methods=["POST"]),
]
