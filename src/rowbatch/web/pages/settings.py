"""Settings: providers and keys, limits, language and look. And the help page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.errors import RowbatchError
from rowbatch.web import labels
from rowbatch.web.explain import TROUBLES, Shown, explain, trouble_words
from rowbatch.web.pages.label import ShownFault
from rowbatch.web.rendering import (
    LOOKS,
    own_address,
    page,
    program_of,
    see_other,
    text_of,
    with_form,
    words_for,
)
from rowbatch.web.words import LANGUAGES, Words


def settings(request: Request) -> Response:
    """All of them."""
    return _settings(request)


def _settings(
    request: Request,
    *,
    shown: Shown | None = None,
    told: str = "",
    faults: tuple[ShownFault, ...] = (),
    back: str = "",
    values: Mapping[str, str] | None = None,
    opened: str = "",
) -> Response:
    w, program = words_for(request), program_of(request)
    kept = desk.read_settings()
    providers = []
    for name in api.providers():
        provider = api.find_provider(name)
        if provider.is_free:
            continue
        found, fault = None, ""
        try:
            found = api.find_key(provider, provider.base_url) if provider.base_url else None
        except RowbatchError as error:
            fault = explain(w, error).means
        providers.append(
            {
                "provider": provider,
                "place": _place_words(w, found.place) if found is not None else "",
                "fault": fault,
                "is_ours": found is not None and found.place in ("keyring", "this program"),
                "checked": program.checked_keys.get(name, ""),
                "is_open": name == opened or (name == kept.provider and found is None),
                "is_listed": found is not None or bool(fault) or name in (kept.provider, opened),
            }
        )
    cache = desk.cache()
    return page(
        request,
        "settings.html",
        nav="settings",
        status=422 if shown or faults else 200,
        providers=providers,
        listed=[one for one in providers if one["is_listed"]],
        others=[one for one in providers if not one["is_listed"]],
        headers=desk.shown_headers(),
        settings=values or kept,
        shown=shown,
        told=told,
        faults=faults,
        back=own_address(back or request.query_params.get("back", ""), ""),
        home=str(desk.home()),
        cache_bytes=_size(cache / "views"),
        languages=LANGUAGES,
    )


def _place_words(w: Words, place: str) -> str:
    if place == "keyring":
        return w.t("a key is kept in the keychain of this system")
    if place == "this program":
        return w.t("a key is kept in the memory of the program, until it ends")
    return w.t("a key was found: %(place)s", place=place)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


def change_keys(request: Request, form: FormData) -> Response:
    """Keep, test or remove a key. It is never sent back."""
    w, program = words_for(request), program_of(request)
    name, back = text_of(form, "provider"), text_of(form, "back")
    base_url = text_of(form, "base_url").strip() or None
    try:
        provider = api.find_provider(name)
        match text_of(form, "do"):
            case "keep":
                place = desk.hold_key(name, text_of(form, "key"), base_url=base_url)
                program.checked_keys.pop(name, None)
                told = (
                    w.t("The key of %(name)s is kept in the keychain of this system.", name=provider.title)
                    if place == "keyring"
                    else w.t(
                        "The key of %(name)s is kept until the program ends: this system has no keychain.",
                        name=provider.title,
                    )
                )
            case "remove":
                desk.forget_key(name)
                told = w.t("The key of %(name)s is forgotten.", name=provider.title)
            case _:
                told = _tested(w, program, name)
    except RowbatchError as error:
        return _settings(request, shown=explain(w, error), back=back, opened=name)
    return _settings(request, told=told, back=back)


def change_headers(request: Request, form: FormData) -> Response:
    """Further headers for the calls to a host; those that were kept for it are forgotten."""
    w = words_for(request)
    base_url = text_of(form, "base_url").strip() or None
    try:
        host = desk.keep_headers(text_of(form, "provider"), text_of(form, "headers"), base_url=base_url)
    except RowbatchError as error:
        return _settings(request, shown=explain(w, error))
    return _settings(request, told=w.t("The headers for %(host)s are kept.", host=host))


def _tested(w: Words, program: Any, name: str) -> str:
    checks = api.doctor(name)
    faults = [check for check in checks if check.grade == "fault"]
    title = api.find_provider(name).title
    told = (
        w.t("%(name)s: %(what)s", name=title, what="; ".join(check.told for check in faults))
        if faults
        else w.t("%(name)s takes the key.", name=title)
    )
    program.checked_keys[name] = w.t("did not work just now") if faults else w.t("worked when it was tested")
    return told


def change(request: Request, form: FormData) -> Response:
    """Limits."""
    w = words_for(request)
    size = text_of(form, "max_upload_gb").strip().replace(",", ".")
    amounts = {name: text_of(form, name).strip() for name in ("max_cost", "max_cost_month")}
    faults = []
    for name, amount in amounts.items():
        try:
            if amount:
                api.usd(amount.replace(",", "."))
        except RowbatchError:
            faults.append(ShownFault(name, w.t("This is not an amount of money, as in 5 or 0.50.")))
    try:
        largest = float(size)
    except ValueError:
        largest = 0.0
    if not 0 < largest <= 1_000:
        faults.append(ShownFault("max_upload_gb", w.t("This is not a number between 0 and 1,000.")))
    if faults:
        return _settings(request, faults=tuple(faults), values={**amounts, "max_upload_gb": size})
    chosen = {name: amount.replace(",", ".") for name, amount in amounts.items()}
    desk.change_settings(**chosen, max_upload_gb=largest)
    return _settings(request, told=w.t("Saved."))


def change_look(request: Request, form: FormData) -> Response:
    """Language, look and keys."""
    look = text_of(form, "look")
    changes = {"look": look} if look in LOOKS else {}
    desk.change_settings(**changes, **_language(form), has_keys="keys" in form)
    return see_other("/settings")


def change_language(request: Request, form: FormData) -> Response:
    """The other language, and back to the same page."""
    desk.change_settings(**_language(form))
    return see_other(own_address(text_of(form, "back"), "/"))


def _language(form: FormData) -> dict[str, str]:
    language = text_of(form, "language")
    return {"language": language} if language in LANGUAGES else {}


def clear_cache(request: Request) -> Response:
    """Remove what can be made again."""
    program_of(request).clear_views()
    return see_other("/settings")


def help_page(request: Request) -> Response:
    """Keys, words, errors, privacy."""
    w = words_for(request)
    everywhere, table, row = w.t("everywhere"), w.t("rows of a table"), w.t("one row")
    keys = (
        (everywhere, ("g", "j"), w.t("all jobs")),
        (everywhere, ("/",), w.t("search, or go to a row")),
        (table, ("↑", "↓", "PgUp", "PgDn", "Home", "End"), w.t("move by rows")),
        (row, ("j",), w.t("next row in the list")),
        (row, ("k",), w.t("previous row in the list")),
        (row, ("1", "2", "3"), w.t("this label is right: it is saved, and the next row comes")),
        (row, ("z",), w.t("take back what was just saved")),
        (row, ("e",), w.t("to the field with the label")),
        (w.t("what to label"), ("Ctrl", "Enter"), w.t("try ten rows")),
        (w.t("what to label"), ("y", "n"), w.t("this answer is right, or wrong; the next one")),
        (w.t("human coding"), ("1", "2", "3"), w.t("this label: it is saved, and the next text comes")),
        (w.t("human coding"), ("z", "s", "n", "x", "?"), w.t("undo, skip, note, can't say, codebook")),
    )
    statuses = [
        (name, labels.status_word(w, name), labels.status_text(w, name))
        for name in (
            "ok",
            "invalid",
            "refused",
            "truncated",
            "error",
            "expired",
            "cancelled",
            "missing",
            "unsent",
            "skipped",
        )
    ]
    troubles = [Shown(*trouble_words(w, kind)) for kind in TROUBLES]
    return page(
        request,
        "help.html",
        nav="help",
        keys=keys,
        statuses=statuses,
        troubles=troubles,
        version=version("rowbatch"),
    )


ROUTES = [
    Route("/settings", settings),
    Route("/settings", with_form(change), methods=["POST"]),
    Route("/settings/keys", with_form(change_keys), methods=["POST"]),
    Route("/settings/headers", with_form(change_headers), methods=["POST"]),
    Route("/settings/look", with_form(change_look), methods=["POST"]),
    Route("/settings/language", with_form(change_language), methods=["POST"]),
    Route("/settings/cache", clear_cache, methods=["POST"]),
    Route("/help", help_page),
]
