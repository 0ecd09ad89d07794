"""What to label: the question, the labels, the model, with what the model will see beside it."""

from __future__ import annotations

import re
import secrets
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.web import labels
from rowbatch.web.explain import Shown, explain
from rowbatch.web.pages.questions import (
    press_of,
    pressed,
    questions_of_form,
    value_of,
    with_example,
    with_note,
)
from rowbatch.web.pages.start import copy
from rowbatch.web.pages.tables import choosable, table_of, text_position
from rowbatch.web.program import Program, Trial, safe
from rowbatch.web.rendering import JsonAnswer, page, program_of, see_other, text_of, with_form, words_for
from rowbatch.web.words import Words

_MAX_CODEBOOK_BYTES = 20_000_000
_TRIED_ROWS = 10
_PAGE_ID = re.compile(r"[0-9a-f]{16}\Z")


@dataclass(frozen=True, slots=True)
class ShownFault:
    """Something that is missing, beside its field."""

    place: str
    text: str

    @property
    def anchor(self) -> str:
        """The id of the field."""
        return self.place


def label(request: Request) -> Response:
    """The form."""
    table = table_of(request)
    # Before the draft: what is said between the two makes a page that is behind, and not one that seems new.
    version = table.draft_version
    draft = draft_of(table, words_for(request).language)
    text = request.query_params.get("text", "")
    try:
        reading = table.read()
    except RowbatchError:
        return see_other(f"/tables/{table.id}")
    if text and text in reading.header and text != draft.text:
        draft = replace(draft, text=text)
    taken = request.query_params.get("taken", "")
    values = {**_values(request, table, draft, reading), "version": version}
    if taken.isdecimal() and not draft.codebook:
        values["taken"] = sum(len(one.filled_labels) for one in draft.questions)
        values["taken_questions"] = len(draft.questions)
    return page(request, "label.html", **values)


def draft_of(table: desk.LibraryTable, language: str = "en") -> desk.Draft:
    """
    What was said about a table so far; a new one begins with the text column and the last model.

    Args:
        table: Which.
        language: Of the words around a person's own, in a new one.
    """
    saved = table.draft().get("draft")
    if isinstance(saved, dict):
        return desk.read_draft(saved)
    settings = desk.read_settings()
    draft = desk.read_draft(
        {
            "provider": settings.provider,
            "base_url": settings.base_url,
            "model": settings.model,
            "language": language,
        }
    )
    reading = safe(table.read)
    if reading is not None and reading.header:
        position = text_position(table, reading)
        draft = replace(draft, text="" if position is None else reading.header[position])
    return draft


def save(request: Request, table: desk.LibraryTable, draft: desk.Draft, form: FormData | None = None) -> None:
    """
    Keep what was said, unless something was said after it.

    Args:
        request: What comes earlier is said earlier,
        table: Which.
        draft: What is to be asked of it.
        form: but pages count what they send: on its way one question may overtake another.
    """
    who = text_of(form, "page") if form is not None else ""
    number = _count_of(form, "turn")
    turn = (who, number) if who and number is not None else None
    version = _count_of(form, "version")
    is_left = form is not None and text_of(form, "left") == "1"
    view = desk.PageView(version, _count_of(form, "edits"), is_left) if version is not None else None
    table.save_draft({"draft": draft.to_plain()}, request.state.came_at, turn, view)


def _count_of(form: FormData | None, name: str) -> int | None:
    return _count(text_of(form, name)) if form is not None else None


def _count(said: str) -> int | None:
    """A number that a page sends; None for anything else."""
    return int(said) if said.isdecimal() and len(said) < 10 else None


def _values(
    request: Request,
    table: desk.LibraryTable,
    draft: desk.Draft,
    reading: desk.Reading,
    *,
    faults: tuple[ShownFault, ...] = (),
    shown: Shown | None = None,
    row: int = 1,
) -> dict[str, Any]:
    w, program = words_for(request), program_of(request)
    provider = safe(api.find_provider, draft.provider) or api.find_provider("local")
    profile = reading.profile()
    position = reading.header.index(draft.text) if draft.text and draft.text in reading.header else -1
    codebook_text = ""
    if draft.codebook:
        codebook_text = safe(lambda: desk.instructions_text(desk.codebook_of_draft(draft))) or ""
    return {
        "table": table,
        "draft": draft,
        "kinds": desk.KINDS,
        "names": desk.column_names(draft.questions),
        "prefix": desk.field_prefix,
        "condition_choices": lambda number: desk.condition_choices(draft.questions, number, draft.language),
        "condition_values": lambda condition: [
            desk.read_condition_value(draft.questions, condition.question, value, draft.language)
            for value in condition.values
        ],
        "rows": reading.rows,
        "encoding": (reading.reading.encoding or "").upper(),
        "empty": profile.empty[position] if profile is not None and position >= 0 else 0,
        "header": choosable(reading.header),
        "labels": reading.labels(),
        "providers": [api.find_provider(name) for name in api.providers()],
        "provider": provider,
        "models": api.models(provider.name),
        "has_key": _has_key(draft),
        "limit": safe(desk.limit_of_draft, draft),
        "can_tell": bool(safe(desk.can_tell_confidence, draft)),
        "efforts": desk.efforts_of_draft(draft),
        "codebook_text": codebook_text,
        "faults": faults,
        "shown": shown,
        "ready_codebooks": () if draft.codebook else api.ready_codebooks(w.language),
        "open_place": next(filter(None, (desk.open_place_in(one.question) for one in draft.questions)), ""),
        "has_sheet": bool(getattr(safe(desk.codebook_of_draft, draft), "variables", ())),
        **_tabs_values(w, table, secrets.token_hex(8), table.draft_version),
        "is_fragment": False,
        "is_known": request.query_params.get("known") == "1",
        "taken": 0,
        "taken_questions": 0,
        **_side(w, program, table, draft, reading, row),
        **_trial_values(w, program, table, draft, reading),
    }


def _tabs_values(w: Words, table: desk.LibraryTable, page_id: str, version: int) -> dict[str, Any]:
    """What a page has to be told of others on which the same is written."""
    replaced = table.replaced_draft()
    return {
        "page_id": page_id,
        "version": version,
        "is_overtaken": table.is_overtaken(page_id, version),
        "replaced": desk.read_draft(replaced).summary if replaced else "",
    }


def _has_key(draft: desk.Draft) -> bool:
    provider = safe(api.find_provider, draft.provider)
    if provider is None or provider.is_free:
        return True
    return safe(api.find_key, provider, draft.base_url.strip() or provider.base_url) is not None


def _side(  # noqa: PLR0917
    w: Words, program: Program, table: desk.LibraryTable, draft: desk.Draft, reading: desk.Reading, row: int
) -> dict[str, Any]:
    preview = safe(desk.preview_row, draft, reading, row) if draft.is_begun else None
    measured = measured_tokens(program, table, draft)
    found = desk.faults(draft, reading.header)
    estimate = None if found else safe(desk.estimate_draft, draft, reading, measured)
    # What is merely not written yet is no fault before the form is sent.
    wrong = [shown_fault(w, one).text for one in found if one.kind in ("other", "codebook", "column-missing")]
    return {
        "preview": preview,
        "preview_faults": wrong,
        "preview_row": max(1, min(row, reading.rows)),
        "preview_rows": max(1, reading.rows),
        "estimate": estimate,
        "ready": ready_words(w, program, table, draft, estimate.requests) if estimate else "",
    }


def ready_words(
    w: Words,
    program: Program,
    table: desk.LibraryTable,
    draft: desk.Draft,
    requests: int,
    *,
    is_direct: bool = False,
) -> str:
    """When a job would be ready, as far as anybody can say."""
    if is_direct:
        return w.t("as soon as the provider has answered each row, usually within minutes")
    if draft.provider != "local":
        return w.t("usually within hours, at most a day")
    tried = _tried(program, table, draft)
    if tried is not None and tried[1]:
        return w.t("about %(time)s, by the tried rows", time=w.duration(requests * tried[1]))
    return w.t("depends on this computer; try ten rows to see")


def measured_tokens(program: Program, table: desk.LibraryTable, draft: desk.Draft) -> float | None:
    """Mean tokens of an answer of the rows that were tried with this draft; None where none were."""
    tried = _tried(program, table, draft)
    return None if tried is None else tried[0].report.answer_tokens


def _tried(
    program: Program, table: desk.LibraryTable, draft: desk.Draft
) -> tuple[desk.DraftTrial, float] | None:
    """What came of the rows that were tried with this draft, and the seconds that each took."""
    trial = program.trials.get(table.id)
    # Other questions, or another model, have answers of another length, and take another time.
    if trial is None or trial.task.result is None or trial.key != desk.trial_key(draft):
        return None
    found: tuple[desk.DraftTrial, float] = trial.task.result
    return found


def _trial_values(
    w: Words, program: Program, table: desk.LibraryTable, draft: desk.Draft, reading: desk.Reading
) -> dict[str, Any]:
    trial = program.trials.get(table.id)
    result = trial.task.result[0] if trial is not None and trial.task.result is not None else None
    error = trial.task.error if trial is not None else None
    return {
        "trial": trial.task if trial is not None else None,
        "ten": trial.ten if trial is not None else -1,
        "trial_report": result,
        "trial_is_old": trial is not None and trial.key != desk.trial_key(draft),
        "trial_shown": explain(w, error) if error is not None else None,
        "trial_faults": "",
        "trial_price": _trial_price(w, draft, reading),
        "teachable": _teachable(draft),
        "trial_columns": _trial_columns(draft, result),
        "trial_text": _about_text(draft, reading),
        "tried_value": lambda tried, name: _tried_value(result, tried, name),
        **_judged_values(table, draft, reading, trial, result),
    }


@dataclass(frozen=True, slots=True)
class Judged:
    """
    Whether the answer to a tried row is right.

    Attributes:
        is_right: None where nobody said it.
        by_column: People's labels in the table say it, and no press.
    """

    is_right: bool | None = None
    by_column: bool = False


def _judged_values(
    table: desk.LibraryTable,
    draft: desk.Draft,
    reading: desk.Reading,
    trial: Trial | None,
    found: desk.DraftTrial | None,
) -> dict[str, Any]:
    """What people say of tried rows: labels in a column of the table, and whether each answer is right."""
    if trial is None or found is None:
        return {}
    people = _people_beside(draft, reading, found)
    pressed = desk.judgements(table, trial.key)
    judged = [
        Judged(pressed[number]) if number in pressed else _judged_by_people(people, found, place)
        for place, number in enumerate(found.numbers)
    ]
    said = Counter(one.is_right for one in judged)
    return {
        "people_beside": {name: (column, said) for name, (column, _, said) in people.items()},
        "judged": judged,
        "next_to_judge": next((place for place, one in enumerate(judged) if one.is_right is None), -1),
        "right": said[True],
        "wrong": said[False],
        "pressed": Counter(pressed.values()) if len(pressed.keys() - set(found.numbers)) else None,
    }


def _people_beside(
    draft: desk.Draft, reading: desk.Reading, found: desk.DraftTrial
) -> dict[str, tuple[str, desk.Variable, list[str]]]:
    """By variable: a column of the table that people coded, and what stands there for the tried rows."""
    book, view = safe(desk.codebook_of_draft, draft), reading.view
    if book is None or view is None:
        return {}
    beside: dict[str, tuple[str, desk.Variable, list[str]]] = {}
    for column, variable in desk.columns_of_people(view, reading.columns, book.variables).items():
        if desk.names_a_model(column):
            continue
        if column != draft.text and variable.name in found.report.columns and variable.name not in beside:
            said = desk.people_said(view, reading.columns, column, variable, found.numbers)
            beside[variable.name] = column, variable, said
    return beside


def _judged_by_people(
    people: Mapping[str, tuple[str, desk.Variable, list[str]]], found: desk.DraftTrial, place: int
) -> Judged:
    """By the columns that people coded, where they say something of a row: all of it is right, or it is wrong."""
    said = [(variable, cells[place]) for _, variable, cells in people.values() if cells[place]]
    if not said:
        return Judged()
    tried = found.report.rows[place]
    same = [desk.is_same(one, cell, _tried_value(found, tried, one.name)) for one, cell in said]
    return Judged(tried.status == "ok" and all(same), by_column=True)


def _teachable(draft: desk.Draft) -> list[tuple[int, desk.Variable]]:
    """Questions whose right answers of rows may become examples: their places, and their variables."""
    book = None if draft.codebook else safe(desk.codebook_of_draft, draft)
    return list(enumerate(book.variables)) if book is not None else []


def _trial_columns(
    draft: desk.Draft, found: desk.DraftTrial | None
) -> list[tuple[str, int, desk.Variable | None]]:
    """Names of what is shown of the tried answers, their places in them, and what they answer, if that is known."""
    if found is None:
        return []
    book = safe(desk.codebook_of_draft, draft)
    variables = {one.name: one for one in book.answers} if book is not None else {}
    names = [(found.report.columns[place], place) for place in found.shown]
    return [(name, place, variables.get(name)) for name, place in names]


def _about_text(draft: desk.Draft, reading: desk.Reading) -> str:
    """What the column with the texts is about, where its file says it; or ""."""
    is_known = bool(draft.text) and list(reading.header).count(draft.text) == 1
    return reading.label_at(reading.header.index(draft.text)) if is_known else ""


def _tried_value(found: desk.DraftTrial | None, tried: Any, name: str) -> str:
    """What a tried row was answered to a question; "" where it was not."""
    if found is None or name not in found.report.columns or not tried.values:
        return ""
    value: str = tried.values[found.report.columns.index(name)]
    return value


def _trial_price(w: Words, draft: desk.Draft, reading: desk.Reading) -> str:
    if draft.provider == "local":
        return w.t("Free, on this computer.")
    provider = safe(api.find_provider, draft.provider)
    to = draft.base_url.strip() or (provider.title if provider is not None else draft.provider)
    # Each row is tried once, however often it will be asked.
    once = replace(draft, samples="")
    estimate = None if desk.faults(draft, reading.header) else safe(desk.estimate_draft, once, reading)
    if estimate is None or estimate.cost.likely_usd is None or not estimate.requests:
        return w.t("Sends 10 texts to %(name)s at once, at its ordinary price.", name=to)
    # One call each, at twice the price of a batch.
    cost = 2 * _TRIED_ROWS * estimate.cost.likely_usd / estimate.requests
    return w.t("Sends 10 texts to %(name)s at once; costs %(money)s.", name=to, money=w.money(cost))


def draft_of_form(form: FormData, draft: desk.Draft) -> desk.Draft:
    """What the form says; fields that it does not show stay as they were."""
    texts: dict[str, Any] = {
        name: text_of(form, name).replace("\r\n", "\n") for name in desk.TEXT_FIELDS if name in form
    }
    changed = replace(
        draft, **{name: value if name != "model" else value.strip() for name, value in texts.items()}
    )
    if not draft.codebook:
        changed = replace(changed, questions=questions_of_form(form, draft.questions))
    if text_of(form, "language") in ("en", "zh"):
        flags = {name: name in form for name in ("dedupe", "confidence")}
        changed = replace(changed, language=text_of(form, "language"), **flags)  # type: ignore[arg-type]
    return changed


def _edited(draft: desk.Draft, do: str, reading: desk.Reading, row: int) -> tuple[desk.Draft, str]:
    """A draft after a press of one of the small buttons, and where the page is to be then."""
    press = press_of(do)
    if press is not None:
        is_row = press.does == "row"
        text = _text_of_row(draft, reading, row) if is_row else ""
        if is_row and not text:
            return draft, ""
        questions, place = pressed(draft.questions, press, text)
        rows = (*draft.example_rows, row) if is_row else draft.example_rows
        return replace(draft, questions=questions, example_rows=rows), f"#{place}" if place else ""
    if do == "provider":
        return replace(draft, model="", base_url=""), ""
    if do == "write":
        return replace(draft, codebook={}), ""
    return draft, ""


def _text_of_row(draft: desk.Draft, reading: desk.Reading, row: int) -> str:
    """A row's text, as an example has it; "" where there is none."""
    if reading.view is None or not 1 <= row <= reading.rows or draft.text not in reading.header:
        return ""
    found: str = reading.view.frame(row, 1)[str(reading.header.index(draft.text))][0]
    return found.strip()[: desk.LONGEST_EXAMPLE]


def change(request: Request, form: FormData) -> Response:
    """The form was sent: one of its small buttons, or all of it to be looked at before the start."""
    table, program, w = table_of(request), program_of(request), words_for(request)
    draft = draft_of_form(form, draft_of(table, words_for(request).language))
    # Whether only what changed is asked is chosen on the page before the start, of what is asked then.
    draft = replace(draft, only_changed=False)
    do = text_of(form, "do") or "review"
    if do != "review":
        if "question." in do and not draft.codebook and _was_started(program, table):
            # A name that was made of all questions may be another one when there is one more or less; then
            # what was answered under it would be asked again.
            draft = replace(draft, questions=desk.with_column_names(draft.questions))
        edited, place = _edited(draft, do, table.read(), row_of(form))
        save(request, table, edited, form)
        return see_other(f"/tables/{table.id}/label{place}")
    save(request, table, draft, form)
    reading = table.read()
    found = desk.faults(draft, reading.header)
    if found:
        values = _values(request, table, draft, reading, faults=tuple(shown_fault(w, one) for one in found))
        return page(request, "label.html", status=422, **values)
    try:
        with program.begin_lock:
            begin_run(program, table, draft)
    except RowbatchError as error:
        shown = explain(w, error, names={str(table.info.path): table.info.name})
        return page(request, "label.html", status=422, **_values(request, table, draft, reading, shown=shown))
    desk.change_settings(provider=draft.provider, base_url=draft.base_url.strip(), model=draft.model.strip())
    return see_other(f"/tables/{table.id}/start")


def _was_started(program: Program, table: desk.LibraryTable) -> bool:
    """Whether the last job of a table has sent anything."""
    job = safe(program.jobs.job, str(table.draft().get("job", "")))
    return job is not None and job.state not in ("draft", "checking")


def begin_run(program: Program, table: desk.LibraryTable, draft: desk.Draft) -> None:
    """Make the run that a draft stands for, unless the one that was made for it still asks the same."""
    asked = [desk.trial_key(draft), draft.dedupe, draft.fresh, draft.only_changed, repr(table.info.reading)]
    asked += [draft.samples] if draft.samples else []
    saved = table.draft()
    known = safe(program.jobs.job, str(saved.get("job", "")))
    if known is not None and known.state in ("draft", "checking"):
        if saved.get("asked") == asked:
            program.jobs.build(known.run)
            return
        # An earlier wording; nothing of it was sent.
        if known.task is not None:
            known.task.stop()
            known.task.wait(10.0)
        safe(known.run.discard)
        program.forget_results(known.id)
    run = desk.make_run(table, draft)
    table.save_draft({"job": desk.job_id(run.path), "asked": asked})
    program.jobs.build(run).wait(1.2)


def shown_fault(w: Words, fault: desk.Fault) -> ShownFault:
    """A fault, for people."""
    if fault.notice is not None:
        return ShownFault(fault.place, w.told(fault.notice))
    if fault.error is None:
        return ShownFault(fault.place, labels.fault_word(w, fault.kind, fault.name))
    shown = explain(w, fault.error)
    return ShownFault(fault.place, " ".join(filter(None, (shown.means, shown.next))))


def preview(request: Request, form: FormData) -> Response:
    """The preview and the price, while the form is being written."""
    table, program, w = table_of(request), program_of(request), words_for(request)
    draft = draft_of_form(form, draft_of(table, words_for(request).language))
    save(request, table, draft, form)
    reading = table.read()
    values = {
        "table": table,
        "is_fragment": True,
        "trial_price": _trial_price(w, draft, reading),
        **_side(w, program, table, draft, reading, row_of(form)),
        **_tabs_values(w, table, text_of(form, "page"), _count_of(form, "version") or 0),
    }
    return _fragments(request, ("_side.html", "_dock.html", "_trial_price.html", "_tabs.html"), **values)


def keep(request: Request, form: FormData) -> Response:
    """What was written last, before its page is left; or what a page had not sent when it was left."""
    table = table_of(request)
    draft = draft_of_form(form, draft_of(table, words_for(request).language))
    save(request, table, draft, form)
    return JsonAnswer({"version": table.draft_version})


def tabs(request: Request) -> Response:
    """Whether another page has changed what this one shows."""
    table, asked = table_of(request), request.query_params
    page_id, number = asked.get("page", ""), _count(asked.get("version", "")) or 0
    values = _tabs_values(words_for(request), table, page_id if _PAGE_ID.match(page_id) else "", number)
    return page(request, "_tabs.html", table=table, is_fragment=False, **values)


def settle(request: Request, form: FormData) -> Response:
    """What was replaced is brought back, or forgotten."""
    table = table_of(request)
    table.settle_replaced(bring_back=text_of(form, "do") == "back")
    return see_other(f"/tables/{table.id}/label")


def take_over(table: desk.LibraryTable, before: desk.Draft, taken: desk.Draft) -> None:
    """Keep a draft that was taken over; what it replaces can be brought back."""
    table.save_draft({"draft": taken.to_plain()}, replaces=before.is_begun)


def row_of(form: FormData) -> int:
    """The row that the preview shows; 1 where a form does not say."""
    asked = text_of(form, "row")
    return int(asked) if asked.isdecimal() and len(asked) < 13 else 1


def _fragments(request: Request, templates: Sequence[str], **values: Any) -> Response:
    """Several parts of the page at once: the first goes where it was asked for, the others by their ids."""
    return HTMLResponse(b"".join(bytes(page(request, name, **values).body) for name in templates))


def try_rows(request: Request, form: FormData) -> Response:
    """Ask ten rows at once."""
    table, program, w = table_of(request), program_of(request), words_for(request)
    draft = draft_of_form(form, draft_of(table, words_for(request).language))
    save(request, table, draft, form)
    reading = table.read()
    found = desk.faults(draft, reading.header)
    is_script = request.headers.get("hx-request") == "true"
    if found:
        if not is_script:
            values = _values(
                request, table, draft, reading, faults=tuple(shown_fault(w, one) for one in found)
            )
            return page(request, "label.html", status=422, **values)
        values = _trial_values(w, program, table, draft, reading)
        values["trial_faults"] = " ".join(shown_fault(w, one).text for one in found)
        return page(request, "_trial.html", table=table, draft=draft, **values)
    begun = begin_trial(program, table, draft, reading, _count_of(form, "ten") or 0)
    if not is_script:
        begun.task.wait(60.0)
        return see_other(f"/tables/{table.id}/label#trial")
    begun.task.wait(0.3)
    values = _trial_values(w, program, table, draft, reading)
    known = program.trials.get(table.id)
    if known is None or known.task.is_alive:
        return page(request, "_trial.html", table=table, draft=draft, **values)
    # What was measured changes the price and the time, which stand in the dock.
    values |= {"is_fragment": True, **_side(w, program, table, draft, reading, 1)}
    return _fragments(request, ("_trial.html", "_dock.html"), table=table, draft=draft, **values)


def begin_trial(
    program: Program, table: desk.LibraryTable, draft: desk.Draft, reading: desk.Reading, ten: int = 0
) -> Trial:
    """Try rows in the background, see `Trial`; the result is the trial and the seconds a row took."""

    def work(task: desk.Task) -> tuple[desk.DraftTrial, float]:
        import time

        asked: list[float] = []
        hooks = task.hooks()

        def rows(count: int) -> None:
            asked.append(time.monotonic())
            task.check(count)

        hooks.rows = rows
        found = desk.try_draft(table, draft, reading, ten=ten, hooks=hooks)
        # From the first answer on: before it a local model is loaded.
        seconds = (asked[-1] - asked[0]) / (len(asked) - 1) if len(asked) > 1 else 0.0
        return found, seconds

    return program.begin_trial(table.id, desk.trial_key(draft), work, ten)


def trial(request: Request) -> Response:
    """How far the tried rows are."""
    table, program, w = table_of(request), program_of(request), words_for(request)
    draft, reading = draft_of(table, w.language), table.read()
    values = _trial_values(w, program, table, draft, reading)
    known = program.trials.get(table.id)
    if known is None or known.task.is_alive:
        return page(request, "_trial.html", table=table, draft=draft, **values)
    # What was measured changes the price and the time, which stand in the dock.
    values |= {"is_fragment": True, **_side(w, program, table, draft, reading, 1)}
    return _fragments(request, ("_trial.html", "_dock.html"), table=table, draft=draft, **values)


def judge_row(request: Request, form: FormData) -> Response:
    """A person says whether the answer to a tried row is right."""
    table, program, w = table_of(request), program_of(request), words_for(request)
    tried, row, said = program.trials.get(table.id), row_of(form), text_of(form, "right")
    found = tried.task.result[0] if tried is not None and tried.task.result is not None else None
    is_told = "right" in form and said in ("yes", "no", "")
    if tried is not None and found is not None and row in found.numbers and is_told:
        desk.judge(table, tried.key, tried.ten, row, {"yes": True, "no": False, "": None}[said])
    if request.headers.get("hx-request") != "true":
        return see_other(f"/tables/{table.id}/label#trial")
    draft = draft_of(table, w.language)
    values = _trial_values(w, program, table, draft, table.read())
    return page(request, "_trial.html", table=table, draft=draft, **values)


def teach(request: Request, form: FormData) -> Response:
    """A tried row becomes an example with the answer that is right for it, or a note to the label it should have."""
    table = table_of(request)
    draft, reading = draft_of(table), table.read()
    number, row = _count_of(form, "question"), row_of(form)
    known = _teachable(draft)
    if number is None or number >= len(known):
        return see_other(f"/tables/{table.id}/label#trial")
    place, variable = known[number]
    text = _text_of_row(draft, reading, row)
    right = value_of(form, variable)
    try:
        variable.correction(right)
    except UsageError as error:
        shown = explain(words_for(request), error)
        return page(request, "label.html", status=422, **_values(request, table, draft, reading, shown=shown))
    question = draft.questions[place]
    if text_of(form, "do") == "note":
        taught = with_note(question, right, text_of(form, "note")[: desk.LONGEST_EXAMPLE])
    else:
        taught = with_example(question, text, right) if text else question
    if taught != question:
        questions = (*draft.questions[:place], taught, *draft.questions[place + 1 :])
        rows = (*draft.example_rows, row)
        save(request, table, replace(draft, questions=questions, example_rows=rows))
    return see_other(f"/tables/{table.id}/label#trial")


def bring(request: Request, form: FormData) -> Response:
    """A codebook, a table of labels or a recipe is taken over."""
    table, w = table_of(request), words_for(request)
    draft, reading = draft_of(table, w.language), table.read()
    upload = form.get("codebook_file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return see_other(f"/tables/{table.id}/label")
    try:
        with tempfile.TemporaryDirectory(dir=program_of(request).place_for_files()) as folder:
            path = Path(folder) / ("codebook" + Path(desk.shown_name(upload.filename)).suffix[:10])
            with path.open("wb") as file:
                copy(upload, file, _MAX_CODEBOOK_BYTES)
            brought = desk.draft_from_file(path, draft)
    except RowbatchError as error:
        shown = explain(w, error, names={str(path): desk.shown_name(upload.filename)})
        return page(request, "label.html", status=422, **_values(request, table, draft, reading, shown=shown))
    if brought.text not in reading.header:
        # Loudly: the recipe was of a table with other columns.
        shown = Shown(
            w.t("The recipe asks about a column that this table does not have: %(name)s", name=brought.text),
            w.t("Everything else was taken over."),
            w.t("Choose the column with the texts."),
            key="recipe",
        )
        brought = replace(brought, text="")
        save(request, table, brought)
        return page(
            request, "label.html", status=422, **_values(request, table, brought, reading, shown=shown)
        )
    take_over(table, draft, brought)
    return see_other(f"/tables/{table.id}/label?taken=1")


ROUTES = [
    Route("/tables/{table_id}/label", label),
    Route("/tables/{table_id}/label", with_form(change), methods=["POST"]),
    Route("/tables/{table_id}/preview", with_form(preview), methods=["POST"]),
    Route("/tables/{table_id}/written", with_form(keep), methods=["POST"]),
    Route("/tables/{table_id}/tabs", tabs),
    Route("/tables/{table_id}/replaced", with_form(settle), methods=["POST"]),
    Route("/tables/{table_id}/try", trial),
    Route("/tables/{table_id}/try", with_form(try_rows), methods=["POST"]),
    Route("/tables/{table_id}/judge", with_form(judge_row), methods=["POST"]),
    Route("/tables/{table_id}/example", with_form(teach), methods=["POST"]),
    Route("/tables/{table_id}/import", with_form(bring), methods=["POST"]),
]
