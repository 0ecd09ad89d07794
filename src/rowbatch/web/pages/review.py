"""Review and start: what is sent, to whom, for how much; and the button that does it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_UP, Decimal, InvalidOperation
from hashlib import sha256
from shlex import join
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.web.explain import explain
from rowbatch.web.pages.label import ShownFault, begin_run, draft_of, measured_tokens, ready_words
from rowbatch.web.pages.tables import table_of
from rowbatch.web.program import Program, safe
from rowbatch.web.rendering import page, program_of, see_other, text_of, with_form, words_for
from rowbatch.web.words import Words

_CAP_FACTOR = Decimal("1.5")
_LIMITS = ("tier", "queue_tokens", "creations_per_hour", "storage_bytes", "free_inputs")
_GB = Decimal(10**9)
_MOST = Decimal(10**18)
# Where every answer was taken over all of them are here.
_BEFORE_START = ("new", "built", "downloaded")


def review(request: Request) -> Response:
    """What will happen; or how far the checking is."""
    return _review(request)


def _review(
    request: Request,
    faults: tuple[ShownFault, ...] = (),
    cap: str | None = None,
    *,
    direct: bool | None = None,
    limits: dict[str, str] | None = None,
) -> Response:
    table, program, w = table_of(request), program_of(request), words_for(request)
    table.require_file()
    job = safe(program.jobs.job, str(table.draft().get("job", "")))
    if job is None:
        return see_other(f"/tables/{table.id}/label")
    if job.state not in ("draft", "checking", "failed") or job.status.state not in _BEFORE_START:
        return see_other(f"/jobs/{job.id}")
    is_checking = job.task is not None and job.task.is_alive
    base: dict[str, Any] = {"table": table, "shown": None, "preview": None, "faults": faults, "checked": 0}
    if is_checking or job.status.state == "new":
        return _checking(request, job, base)
    if request.query_params.get("part") == "checking":
        return page(request, "review.html", **{**base, "is_ready": True})
    draft = draft_of(table)
    plan = job.run.plan
    if limits is None:
        _carry_limits(table, job)
    # Of all variables: where only some are asked, answers are shorter.
    measured = None if plan.question.kept else measured_tokens(program, table, draft)
    preview = job.run.preview(
        direct=_asked_way(request) if direct is None else direct, answer_tokens=measured
    )
    provider = api.find_provider(plan.asking.provider)
    likely, most = preview.cost.likely_usd, preview.cost.high_usd
    can_cap = not job.is_local and preview.cost.price is not None and most is not None
    chosen = cap if cap is not None else desk.read_settings().max_cost
    if not chosen and can_cap and likely is not None and most is not None:
        chosen = str(max(likely * _CAP_FACTOR, most).quantize(Decimal("0.01"), ROUND_UP))
    return page(
        request,
        "review.html",
        status=422 if faults else 200,
        **{
            **base,
            "is_ready": True,
            "preview": preview,
            "is_measured": measured is not None,
            "is_fresh": plan.asking.fresh,
            "is_only_changed": bool(plan.question.kept),
            "columns": plan.question.user.columns,
            "is_local": job.is_local and not plan.asking.base_url,
            "has_key": safe(api.find_key, provider, plan.asking.base_url) is not None or provider.is_free,
            "provider": provider.name,
            "limits": limits if limits is not None else _written_limits(job),
            "tiers": len(preview.schedule.room.tiers) if preview.schedule else 0,
            "has_limits": preview.schedule is not None,
            "can_cap": can_cap,
            "cap": chosen,
            "notes": [
                *map(w.told, preview.notes),
                *map(w.told, preview.schedule.notes if preview.schedule else ()),
                *([demonstration_note(w)] if preview.note else []),
            ],
            "ready": ready_words(
                w,
                program,
                table,
                draft,
                preview.built.requests // plan.asking.samples,
                is_direct=preview.is_direct,
            ),
            "job_id": job.id,
            "asked": _asked_of(table),
            "is_changed": request.query_params.get("changed") == "1",
            "has_codebook": bool(plan.question.codebook.variables),
            "command": join(api.command_of(plan, table=table.info.name)),
        },
    )


def _asked_way(request: Request) -> bool | None:
    """Whether rows are to go one by one, as the address says; None where it says nothing."""
    way = request.query_params.get("way")
    return None if way not in ("batch", "direct") else way == "direct"


def _checking(request: Request, job: desk.Job, base: dict[str, Any]) -> Response:
    w = words_for(request)
    task = job.task
    if task is None:
        # The program was stopped while it was checked.
        task = program_of(request).jobs.build(job.run)
        task.wait(0.5)
    error = task.error if not task.is_alive else None
    if error is not None:
        if not isinstance(error, RowbatchError):
            raise error
        names = {str(job.status.table): job.status.name}
        return page(
            request, "review.html", **{**base, "shown": explain(w, error, names=names), "is_ready": True}
        )
    return page(request, "review.html", **{**base, "is_ready": not task.is_alive, "checked": task.rows})


def choose(request: Request, form: FormData) -> Response:
    """
    Take answers of earlier jobs over or not, ask all variables or only those that changed: the requests are
    written anew, nothing is sent.
    """
    table, program = table_of(request), program_of(request)
    table.require_file()
    job = safe(program.jobs.job, str(table.draft().get("job", "")))
    if job is None:
        return see_other(f"/tables/{table.id}/label")
    if job.state not in ("draft", "checking"):
        return see_other(f"/jobs/{job.id}")
    draft = draft_of(table)
    if "fresh" in form:
        draft = replace(draft, fresh=text_of(form, "fresh") == "yes")
    if "only_changed" in form:
        draft = replace(draft, only_changed=text_of(form, "only_changed") == "yes")
    table.save_draft({"draft": draft.to_plain()})
    try:
        with program.begin_lock:
            begin_run(program, table, draft)
    except UsageError:
        # The earlier job is gone.
        table.save_draft({"draft": replace(draft, only_changed=False).to_plain()})
        return see_other(f"/tables/{table.id}/label")
    return see_other(f"/tables/{table.id}/start")


def begin(request: Request, form: FormData) -> Response:
    """Start. From here on it may cost money."""
    table, program, w = table_of(request), program_of(request), words_for(request)
    table.require_file()
    job = safe(program.jobs.job, str(table.draft().get("job", "")))
    if job is None:
        return see_other(f"/tables/{table.id}/label")
    if job.state != "draft":
        # Pressed twice, or in two tabs: it is started once.
        return see_other(f"/jobs/{job.id}")
    if text_of(form, "asked") not in ("", _asked_of(table)):
        # Another tab asks something else since, and nobody has seen its price here.
        return see_other(f"/tables/{table.id}/start?changed=1")
    cap, direct = text_of(form, "cap").strip(), text_of(form, "way") == "direct"
    if limit_fault := set_limits(w, table, job, form):
        return _review(request, (limit_fault,), cap, direct=direct, limits=_limits_of_form(form))
    # Where every answer is known there is nothing to limit.
    is_sent = job.status.built is None or job.status.built.requests > 0
    fault = set_cap(w, program, job, cap) if is_sent else ""
    if fault:
        return _review(request, (ShownFault("cap", fault),), cap, direct=direct)
    job.run.change_policy(direct=direct)
    program.jobs.start(job.run)
    return see_other(f"/jobs/{job.id}")


def _asked_of(table: desk.LibraryTable) -> str:
    """Another text whenever the job of a table was made of something else."""
    return sha256(json.dumps(table.draft().get("asked")).encode()).hexdigest()[:16]


def limit(request: Request, form: FormData) -> Response:
    """Take what a person knows of the limits at the provider, and show the estimate with it."""
    table, program, w = table_of(request), program_of(request), words_for(request)
    table.require_file()
    job = safe(program.jobs.job, str(table.draft().get("job", "")))
    if job is None or job.state != "draft":
        return see_other(f"/tables/{table.id}/start")
    cap = text_of(form, "cap").strip()
    fault = set_limits(w, table, job, form)
    return _review(
        request, (fault,) if fault else (), cap or None, limits=_limits_of_form(form) if fault else None
    )


def set_limits(w: Words, table: desk.LibraryTable, job: desk.Job, form: FormData) -> ShownFault | None:
    """
    Set the limits at the provider of a job to what a person wrote, where the form has them.

    Returns:
        What is wrong with the first that is; None where they are set.
    """
    if "limits" not in form:
        return None
    found: dict[str, Any] = {"free_inputs": text_of(form, "free_inputs") == "1"}
    for name, text in _limits_of_form(form).items():
        if not text or name == "free_inputs":
            continue
        # Thousands are written with commas or blanks.
        plain = "".join(text.replace(",", "").split())
        try:
            number = Decimal(plain) * _GB if name == "storage_bytes" else Decimal(plain)
        except InvalidOperation:
            number = Decimal(0)
        if not number.is_finite() or not 1 <= number <= _MOST or number != int(number):
            return ShownFault(name, w.t("This is not a number that can be such a limit."))
        found[name] = int(number)
    try:
        job.run.change_limits(**found)
    except UsageError as error:
        return ShownFault("tier", w.told(error.notice))
    table.save_draft({"limits": {**found, "provider": job.run.plan.asking.provider}})
    return None


def _limits_of_form(form: FormData) -> dict[str, str]:
    return {name: text_of(form, name).strip() for name in _LIMITS}


def _written_limits(job: desk.Job) -> dict[str, str]:
    """The limits of a job, as they stand in the form."""
    policy = job.run.policy()
    found = {name: str(getattr(policy, name) or "") for name in _LIMITS}
    if policy.storage_bytes:
        found["storage_bytes"] = f"{(Decimal(policy.storage_bytes) / _GB).normalize():f}"
    found["free_inputs"] = "1" if policy.free_inputs else ""
    return found


def _carry_limits(table: desk.LibraryTable, job: desk.Job) -> None:
    """Give a job that was made anew, since the question changed, the limits that the one before had."""
    saved = table.draft().get("limits")
    if not isinstance(saved, dict) or saved.get("provider") != job.run.plan.asking.provider:
        return
    policy = job.run.policy()
    if not any(getattr(policy, name) for name in _LIMITS):
        known = {name: saved[name] for name in _LIMITS if saved.get(name)}
        try:
            job.run.change_limits(**known)
        except UsageError:
            # Another model may have other tiers, or none.
            job.run.change_limits(**{**known, "tier": None})


def set_cap(w: Words, program: Program, job: desk.Job, cap: str) -> str:
    """
    Set the limit of a job to what a person wrote.

    Returns:
        What is wrong with it; "" where it is set, or nothing was written and nothing has to be.
    """
    month = desk.read_settings().max_cost_month
    if not cap:
        needs_one = month and not job.is_local
        return w.t("With a limit for the month, each job needs one of its own.") if needs_one else ""
    try:
        amount = api.usd(cap.replace(",", "."))
    except RowbatchError:
        return w.t("This is not an amount of money, as in 5 or 0.50.")
    if month and not job.is_local:
        now = datetime.now().astimezone()
        left = desk.left_of_month(program.jobs.all(), api.usd(month), now, without=job.id)
        if amount > left:
            return w.t(
                "Your limit for the month leaves %(money)s. Write less here, or change that limit in the settings.",
                money=f"${left:,.2f}",
            )
    job.run.change_policy(max_cost_usd=amount)
    return ""


def demonstration_note(w: Words) -> str:
    """What must be known about the model that comes along."""
    return w.t(
        "This is a demonstration model: it is real and runs on this computer, but it is far too small to label data for research. Use it to try rowbatch out."
    )


ROUTES = [
    Route("/tables/{table_id}/start", review),
    Route("/tables/{table_id}/start", with_form(begin), methods=["POST"]),
    Route("/tables/{table_id}/limits", with_form(limit), methods=["POST"]),
    Route("/tables/{table_id}/fresh", with_form(choose), methods=["POST"]),
]
