"""The data page: what is in a table, and how it is read."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import desk
from rowbatch.errors import RowbatchError, UsageError, from_os_error
from rowbatch.web.explain import explain, sentence
from rowbatch.web.program import Program, jobs_of_table
from rowbatch.web.rendering import JsonAnswer, page, program_of, see_other, with_form, words_for
from rowbatch.web.ways import changes_of, place_buttons, reading_fields, way_buttons
from rowbatch.web.words import Words, words_of

_PAGE, _MAX_CELL, _MOST_SHEETS = 100, 2_000, 40
_RANDOM = random.SystemRandom()


def table_of(request: Request) -> desk.LibraryTable:
    """The table that an address names."""
    return program_of(request).library.table(request.path_params["table_id"])


def data(request: Request) -> Response:
    """The first rows, how the file was read, and what is odd about it."""
    return _data(request)


def _data(request: Request, refused: RowbatchError | None = None) -> Response:
    w, table = words_for(request), table_of(request)
    base: dict[str, Any] = {
        "table": table,
        "is_known": request.query_params.get("known") == "1",
        "samples": {},
        "header": (),
        "choices": (),
        "ways": (),
        "rows": 0,
        "row": 0,
        "sample": 0,
        "shown": None,
        "refused": explain(w, refused) if refused is not None else None,
        "program": False,
        "labels": {},
        "places": (),
        "sheets": (),
        "previous": 0,
        "following": 0,
        "lines": (),
    }
    names = {str(table.info.path): table.info.name}
    # What asks again and again has no place for most of it.
    is_part = bool(request.query_params.get("part"))

    def broken(error: BaseException) -> dict[str, Any]:
        """What a page says of a table that cannot be read."""
        told = from_os_error(error, table.info.name) if isinstance(error, OSError) else error
        samples = table.decoded_samples() if desk.needs_encoding(told) else {}
        ways = way_buttons(w, desk.ways_of(told))
        return {"shown": explain(w, told, names=names), "samples": samples, "ways": ways}

    def show(template: str, values: dict[str, Any], found: desk.Reading | None) -> Response:
        if not is_part:
            values |= _of_reading(w, table, found, has_ways=bool(values["ways"]))
        return page(request, template, status=422 if refused is not None else 200, **values)

    try:
        reading = table.read()
    except RowbatchError as error:
        if is_part:
            # It is for the whole page to tell.
            return Response(headers={"hx-refresh": "true"})
        return show("table.html", base | broken(error), None)
    reading.wait(0.3 if is_part else 0.8)
    fault = reading.error
    if is_part and fault is not None:
        return Response(headers={"hx-refresh": "true"})
    if fault is not None:
        # Whatever ended the reading is told, or the page would wait for ever.
        base |= broken(fault)
    if not base["samples"] and reading.encoding_guessed:
        base["samples"] = table.decoded_samples()
    values = base | _values_of(request, w, table, reading)
    return show("_table_state.html" if is_part else "table.html", values, reading)


def _of_reading(
    w: Words, table: desk.LibraryTable, reading: desk.Reading | None, *, has_ways: bool
) -> dict[str, Any]:
    """How a table is read: each choice, what was chosen, and the lines that may be the header."""
    fields = reading_fields(
        w,
        table,
        table.info.reading,
        None if reading is None else reading.reading,
        is_plain=reading is None or reading.is_plain,
    )
    chosen = [(field.label, field.said_words) for field in fields if field.said]
    header = table.info.reading.header
    if header:
        words = w.t("none") if header == "none" else header
        chosen.append((w.t("Line with the names of the columns"), words))
    places = {} if has_ways else table.row_places()
    now = reading.reading.rows if reading is not None else table.info.reading.rows
    return {
        "fields": fields,
        "chosen": chosen,
        "lines": table.top_lines() if reading is None or reading.is_plain else [],
        "places": place_buttons(w, places, now),
        "sheets": () if has_ways or table.info.reading.sheet else table.sheets()[:_MOST_SHEETS],
    }


def _values_of(request: Request, w: Words, table: desk.LibraryTable, reading: desk.Reading) -> dict[str, Any]:
    asked = request.query_params.get("row", "")
    row = int(asked) if asked.isdecimal() and len(asked) < 13 else 0
    sample = request.query_params.get("sample") == "20"
    view, rows = reading.view, reading.rows
    position = text_position(table, reading)
    shown: list[tuple[int, tuple[str, ...]]] = []
    if view is not None and rows:
        if sample:
            numbers = sorted(_RANDOM.sample(range(1, rows + 1), min(20, rows)))
            shown = list(zip(numbers, _cut(view.take(numbers).rows()), strict=True))
        else:
            start = max(1, min(row or 1, rows))
            count = _PAGE if row else 20
            shown = list(enumerate(_cut(view.frame(start, count).rows()), start=start))
    first, last = (shown[0][0], shown[-1][0]) if shown and not sample else (1, 0)
    return {
        "header": reading.header,
        "labels": reading.labels(),
        "program": reading.reading.program not in (None, "plain"),
        "choices": choosable(reading.header),
        "rows": rows,
        "row": row,
        "sample": sample,
        "is_complete": reading.is_complete or reading.error is not None,
        "encoding": (reading.reading.encoding or "").upper(),
        "warnings": warnings_of(w, reading, {str(table.info.path): f"“{table.info.name}”"}),
        "text_position": -1 if position is None else position,
        "text_column": "" if position is None else reading.header[position],
        "shown_rows": shown,
        "previous": max(1, first - _PAGE) if first > 1 else 0,
        "following": last + 1 if row and last and last < rows else 0,
    }


def text_position(table: desk.LibraryTable, reading: desk.Reading) -> int | None:
    """The column that was chosen, or the one that looks most like texts; None where none does."""
    chosen = (table.draft().get("draft") or {}).get("text", "")
    # A column without a name was not chosen where nothing was.
    if chosen and list(reading.header).count(chosen) == 1:
        return list(reading.header).index(chosen)
    return reading.text_position()


def choosable(header: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns that can be chosen: those that have one, of their own."""
    return tuple(name for name in header if name.strip() and list(header).count(name) == 1)


def warnings_of(w: Words | None, reading: desk.Reading, names: Mapping[str, str] | None = None) -> list[str]:
    """
    What a person should look at before going on.

    Args:
        w: The language; None when only their number matters.
        reading: Of the table.
        names: What people call the files whose paths may stand in a note.
    """
    words = w or _english()
    found = []
    if reading.encoding_guessed:
        found.append(
            words.t(
                "The encoding is not stated in the file; it was read as %(name)s. Look at the letters below: "
                "if they are wrong, choose another one.",
                name=reading.encoding_guessed.upper(),
            )
        )
    for note in reading.notes:
        told = words.told(note)
        for path, name in (names or {}).items():
            told = told.replace(path, name).replace(Path(path).name, name)
        found.append(sentence(words, told))
    bad, first = reading.bad_rows
    if bad:
        said = "; ".join(words.t("line %(line)s: %(what)s", line=line, what=what) for line, what in first[:3])
        found.append(words.nt("%(n)s broken row (%(said)s)", "%(n)s broken rows (%(said)s)", bad, said=said))
    profile = reading.profile()
    if profile is not None:
        name = reading.header[profile.text]
        if reading.rows and profile.empty[profile.text] * 5 > reading.rows:
            found.append(
                words.nt(
                    "%(n)s row has no text in %(name)s.",
                    "%(n)s rows have no text in %(name)s.",
                    profile.empty[profile.text],
                    name=name,
                )
            )
        if profile.duplicates * 20 > reading.rows:
            found.append(
                words.nt(
                    "%(n)s text in %(name)s stands there before. You can ask such texts once, under “More settings”.",
                    "%(n)s texts in %(name)s stand there before. You can ask such texts once, under “More settings”.",
                    profile.duplicates,
                    name=name,
                )
            )
        if profile.long:
            found.append(
                words.nt(
                    "%(n)s text is longer than 20,000 characters, and may be too long for a model.",
                    "%(n)s texts are longer than 20,000 characters, and may be too long for a model.",
                    profile.long,
                )
            )
        if profile.personal:
            found.append(
                words.t(
                    "These columns may name people: %(names)s. Only the columns you put into the question are sent.",
                    names=", ".join(reading.header[position] for position in profile.personal),
                )
            )
    if len(set(reading.header)) < len(reading.header):
        found.append(words.t("Some columns have the same name; these cannot be chosen as the text."))
    return found


def _english() -> Words:
    return words_of("en")


def rows(request: Request) -> Response:
    """Some rows, for the table that scrolls."""
    start, count = (request.query_params.get(name, "") for name in ("start", "count"))
    if not (start.isdecimal() and count.isdecimal() and len(start) < 13 and 1 <= int(count) <= 500):
        raise UsageError("rows-by-number")
    view = table_of(request).read().view
    found = _cut(view.frame(int(start), int(count)).rows()) if view is not None else []
    return JsonAnswer({"rows": found})


def _cut(found: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [
        tuple(cell if len(cell) <= _MAX_CELL else cell[:_MAX_CELL] + "…" for cell in row) for row in found
    ]


def change_reading(request: Request, form: FormData) -> Response:
    """Another encoding, separator, sheet, …; what a form does not name stays as it is."""
    table = table_of(request)
    try:
        table.change_reading(**changes_of(form))
    except UsageError as error:
        return _data(request, refused=error)
    return see_other(f"/tables/{table.id}")


def remove(request: Request, form: FormData) -> Response:
    """Forget a table, with what was made of it so that it could be looked at; first ask where it is needed."""
    program, table = program_of(request), table_of(request)
    if "sure" not in form and any(_needed(program, table).values()):
        return see_other(f"/tables/{table.id}/removing")
    program.forget_table(table)
    program.library.remove(table.id)
    return see_other("/")


def ask_to_remove(request: Request) -> Response:
    """What removing a table would take away, and from whom."""
    program, table = program_of(request), table_of(request)
    needed = _needed(program, table)
    return page(
        request,
        "table_remove.html",
        table=table,
        **needed,
        tried=desk.rows_tried(table) if needed["draft"] else 0,
    )


def _needed(program: Program, table: desk.LibraryTable) -> dict[str, Any]:
    """What needs a table: jobs, what people coded of it, and what was written for it."""
    draft = desk.read_draft(table.draft().get("draft") or {})
    return {
        "jobs": jobs_of_table(program, table),
        "sets": desk.sets_of_path(table.info.path),
        "draft": draft.summary if draft.is_begun else "",
    }


ROUTES = [
    Route("/tables/{table_id}", data),
    Route("/tables/{table_id}/rows", rows),
    Route("/tables/{table_id}/reading", with_form(change_reading), methods=["POST"]),
    Route("/tables/{table_id}/removing", ask_to_remove),
    Route("/tables/{table_id}/remove", with_form(remove), methods=["POST"]),
]
