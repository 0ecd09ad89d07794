"""The coding screen: one text, what is asked of it, and a key for each answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import desk
from rowbatch.errors import UsageError
from rowbatch.web.explain import Shown, explain
from rowbatch.web.pages.questions import value_of
from rowbatch.web.rendering import page, program_of, query, see_other, text_of, with_form, words_for

# Without those that do something else on the page, or on every page.
OPTION_KEYS = "1234567890qwertyuiopadfhjklcvb"
CANT_SAY_KEY = "x"
_LONGEST_NOTE = 5_000


@dataclass(frozen=True, slots=True)
class Option:
    """
    A value that can be chosen.

    Attributes:
        value: As it is kept.
        definition: When it applies; or "".
        key: That chooses it; "" where there are more values than keys.
        is_apart: It stands alone: "can't say", none of these.
        said_by: Coders who chose it, where a difference is settled.
    """

    value: str
    definition: str = ""
    key: str = ""
    is_apart: bool = False
    said_by: tuple[str, ...] = ()


def options_of(variable: desk.Variable) -> list[Option]:
    """The values of a variable that can be chosen; of one that is written, those that stand for themselves."""
    listed: Sequence[Any] = getattr(variable, "options", ()) or getattr(variable, "labels", ())
    found = [Option(one.name, one.definition) for one in listed]
    cant_say = variable.cant_say_word if variable.cant_say else None
    alone = [getattr(variable, "none_word", None), cant_say]
    known = {one.value for one in found}
    found += [Option(value) for value in alone if value and value not in known]
    keys = iter(OPTION_KEYS)
    return [
        replace(one, is_apart=True, key=CANT_SAY_KEY)
        if one.value == cant_say
        else replace(one, is_apart=one.value in alone, key=next(keys, ""))
        for one in found
    ]


def coding_of(request: Request) -> desk.Coding:
    """The set that an address names."""
    return program_of(request).coding.coding(request.path_params["set_id"])


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where somebody codes.

    Attributes:
        coding: The set.
        file: The name of their file.
        address: Of their screen.
        is_alone: They are shown nothing but that: they come over the network.
    """

    coding: desk.Coding
    file: str
    address: str
    is_alone: bool = False


def _place_of(request: Request) -> Place:
    coding, file = coding_of(request), request.path_params["coder"]
    return Place(coding, file, f"/coding/{coding.id}/by/{quote(file)}")


def screen(request: Request) -> Response:
    """A text of this coder's queue: the one that the address names, or the next that is not done."""
    return screen_at(request, _place_of(request))


def screen_at(
    request: Request,
    place: Place,
    *,
    key: str = "",
    name: str = "",
    typed: str = "",
    note: str | None = None,
    error: Shown | None = None,
) -> Response:
    """
    The screen of a place.

    Args:
        request: Its query may name a row and a variable.
        place: Whose.
        key, name: Of the row and the variable; or "".
        typed, note: What was written and could not be saved.
        error: Why not.
    """
    coding, coder, asked = place.coding, place.coding.coder(place.file), request.query_params
    wanted = key or asked.get("key", "")
    found = wanted or coding.next_key(coder, asked.get("after", "")) or ""
    shown = coding.shown(coder, found) if found else None
    values: dict[str, Any] = {}
    if shown is not None:
        names = [one.name for one in shown.asked]
        name = name or asked.get("variable", "")
        current = coding.variable(name) if name in names else shown.first_open
        if current is None and len(shown.asked) == 1:
            current = shown.asked[0]
        values = {"current": current, "options": options_of(current) if current else []}
        if note is not None:
            values["note"] = note
    return page(
        request,
        "coding_screen.html",
        nav="coding",
        status=400 if error else 200,
        **{
            "layout": "coders_base.html" if place.is_alone else "base.html",
            "is_alone": place.is_alone,
            "coding": coding,
            "coder": coder,
            "file": place.file,
            "place": place.address,
            "progress": coding.progress(coder),
            "heard": len(coding.history(coder)),
            "shown": shown,
            "last": coding.last(coder),
            "error": error,
            "typed": typed,
            "is_late": asked.get("late") == "1" and error is None,
            "note": shown.note if shown else "",
            "has_differences": False if shown or place.is_alone else any(coding.differing().values()),
            **values,
        },
    )


def press(request: Request, form: FormData) -> Response:
    """What a coder pressed: saved before the next text is shown."""
    return press_at(request, _place_of(request), form)


def press_at(request: Request, place: Place, form: FormData) -> Response:
    """What was pressed at a place."""
    coding, coder = place.coding, place.coding.coder(place.file)
    key, do = text_of(form, "key"), text_of(form, "do")

    def go(**where: object) -> Response:
        asked = query(where)
        return see_other(f"{place.address}?{asked}" if asked else place.address)

    if do == "undo":
        return go(key=coding.undo(coder, _count(text_of(form, "heard"))) or key)
    name, only = text_of(form, "variable"), text_of(form, "only")
    note = text_of(form, "note").replace("\r\n", "\n")[:_LONGEST_NOTE]
    typed = ""
    values: Mapping[str, str] = {}
    try:
        if do not in ("skip", "next"):
            typed = only or value_of(form, coding.variable(name))
            values = {name: _said(typed)}
        heard = coding.say(
            coder,
            key,
            _count(text_of(form, "version")),
            values,
            note=note,
            seconds=_seconds(text_of(form, "seconds")),
            saw_model=text_of(form, "saw") == "1",
        )
    except UsageError as error:
        told = explain(words_for(request), error)
        return screen_at(request, place, key=key, name=name, typed=typed, note=note, error=told)
    if heard == "late":
        return go(key=key, late=1)
    shown = coding.shown(coder, key)
    has_more = len(coding.asked) > 1
    if values and (shown.first_open is not None or (has_more and text_of(form, "whole") == "1")):
        return go(key=key)
    return go(after=key)


def _said(value: str) -> str:
    """
    What somebody said.

    Raises:
        UsageError: Nothing yet.
    """
    if not value.strip():
        raise UsageError("code-empty")
    return value


def _count(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _seconds(text: str) -> float | None:
    """How long a text was on the screen, as its page says; None where it says nothing."""
    try:
        found = float(text)
    except ValueError:
        return None
    return round(found, 1) if 0 <= found < 1e6 else None


def differences(request: Request) -> Response:
    """What coders differ in, one after the other, to be settled."""
    return _differences(request)


def _differences(
    request: Request, *, typed: str = "", note: str | None = None, error: Shown | None = None
) -> Response:
    coding, asked = coding_of(request), request.query_params
    differing, decisions = coding.differing(), coding.folder.decisions()
    listed = [(one, differing[one.name]) for one in coding.asked if differing[one.name]]
    names = [one.name for one, _ in listed]
    name = asked.get("variable", "")
    if name not in names:
        name = next((one for one in names if _open(differing, decisions, one)), names[0] if names else "")
    keys = differing.get(name, [])
    run = coding.folder.sight().run or _run_of(request, coding)
    sees_model = asked.get("model") == "1" and bool(run)
    key = asked.get("key", "")
    if key not in keys:
        after = asked.get("after", "")
        at = keys.index(after) + 1 if after in keys else 0
        left = (one for one in (*keys[at:], *keys[:at]) if (one, name) not in decisions)
        key = next(left, "")
    found = coding.difference(key, name, run if sees_model else "") if key else None
    options: list[Option] = []
    if found is not None:
        said: dict[str, list[str]] = {}
        for coder, value, _ in found.said:
            said.setdefault(value, []).append(coder)
        options = options_of(found.variable)
        if not hasattr(found.variable, "options"):
            # What is written has no list: what coders wrote is one.
            values = [*said, *(one.value for one in options if one.is_apart and one.value not in said)]
            options = [Option(value, key=key) for value, key in zip(values, "123456789", strict=False)]
        options = [replace(one, said_by=tuple(said.get(one.value, ()))) for one in options]
    return page(
        request,
        "coding_differences.html",
        nav="coding",
        status=400 if error else 200,
        coding=coding,
        listed=[
            (one, len(keys), sum((key, one.name) not in decisions for key in keys)) for one, keys in listed
        ],
        name=name,
        found=found,
        number=keys.index(key) + 1 if key else 0,
        total=len(keys),
        previous=keys[keys.index(key) - 1] if key and keys.index(key) else "",
        following=keys[keys.index(key) + 1] if key and keys.index(key) + 1 < len(keys) else "",
        options=options,
        field_options=[one for one in options_of(found.variable) if not one.is_apart] if found else [],
        by=asked.get("by", ""),
        run=run,
        sees_model=sees_model,
        same=lambda **more: query(
            {"variable": name, "by": asked.get("by", ""), "model": "1" if sees_model else "", **more}
        ),
        error=error,
        typed=typed,
        note=note if note is not None else found.decision.note if found and found.decision else "",
    )


def _open(differing: Mapping[str, list[str]], decisions: Mapping[tuple[str, str], object], name: str) -> bool:
    return any((key, name) not in decisions for key in differing[name])


def _run_of(request: Request, coding: desk.Coding) -> str:
    """The newest run of the same table; or ""."""
    return next((str(job.run.path) for job in jobs_of(request, coding)), "")


def jobs_of(request: Request, coding: desk.Coding) -> list[desk.Job]:
    """Jobs that have answers for the rows of a set, the newest first."""
    names = set(coding.plan.variables)
    return [
        job
        for job in program_of(request).jobs.all()
        if job.statuses
        and job.run.plan.source.sha256 == coding.plan.source.sha256
        and names & set(job.run.codebook.columns)
    ]


def decide(request: Request, form: FormData) -> Response:
    """A difference is settled; or what it was settled to is taken back."""
    coding = coding_of(request)
    name, key = text_of(form, "variable"), text_of(form, "key")
    is_undo = text_of(form, "do") == "undo"
    variable = coding.variable(name)
    value = "" if is_undo else text_of(form, "only") or value_of(form, variable)
    by, note = text_of(form, "by")[:60], text_of(form, "note").replace("\r\n", "\n")[:_LONGEST_NOTE]
    sees = text_of(form, "model") == "1"
    try:
        coding.decide(key, name, "" if is_undo else _said(value), by=by, note=note, saw_model=sees)
    except UsageError as error:
        return _differences(request, typed=value, note=note, error=explain(words_for(request), error))
    where = {"variable": name, "by": by, "model": "1" if sees else ""}
    where |= {"key": key} if is_undo else {"after": key}
    return see_other(f"/coding/{coding.id}/differences?{query(where)}")


ROUTES = [
    Route("/coding/{set_id}/by/{coder}", screen),
    Route("/coding/{set_id}/by/{coder}", with_form(press), methods=["POST"]),
    Route("/coding/{set_id}/differences", differences),
    Route("/coding/{set_id}/differences", with_form(decide), methods=["POST"]),
]
