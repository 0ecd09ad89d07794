"""The tools, each on a page of its own: no key, no network, and nothing is kept."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join
from typing import Any, Literal, cast
from urllib.parse import urlencode

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.errors import InputError, RowbatchError, UsageError
from rowbatch.web import labels
from rowbatch.web.explain import Shown, explain
from rowbatch.web.pages.label import ShownFault
from rowbatch.web.pages.results import attachment, format_of
from rowbatch.web.pages.start import copy
from rowbatch.web.program import Made, Program, ToolFile
from rowbatch.web.rendering import page, program_of, see_other, text_of, with_form, words_for
from rowbatch.web.ways import changes_of, reading_fields
from rowbatch.web.words import Words

_EXTRAS: tuple[Literal["model", "usage", "finish_reason"], ...] = ("model", "usage", "finish_reason")
_FIRST_NUMBERS: dict[str, Literal[0, 1]] = {"0": 0, "1": 1}
_SEVERAL: dict[str, Literal["rows", "columns"]] = {"rows": "rows", "columns": "columns"}
_FIRST_CHARS = 20_000
_MODEL = "gpt-6-luna"
"""Offered where nobody has chosen one: small, and cheap."""
_FIELDS = ("results", "join", "requests", "labelled", "of")
_PLACES = {"units-without-size": "size", "units-overlap": "overlap"}
"""The fields that errors are about."""
_LINES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".ndjson.gz")


@dataclass(frozen=True, slots=True)
class Result:
    """
    What a tool has made, or has seen.

    Attributes:
        title: In a few words.
        facts: Names and numbers.
        notes: Sentences worth reading.
        command: The same on the command line.
        next: What is done next, in order.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    command: str = ""
    next: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """
    What may be done with what a tool has made.

    Attributes:
        text: In a sentence.
        address, button: Of the page that does it, to which the file is carried on; "" where it is done elsewhere.
    """

    text: str
    address: str = ""
    button: str = ""


@dataclass(slots=True)
class Numbers:
    """
    The numbers of a form; what is none is told beside its field.

    Attributes:
        faults: Of the fields that were read.
    """

    w: Words
    form: FormData
    faults: list[ShownFault] = field(default_factory=list)

    def whole(self, name: str, what: str) -> int | None:
        """A whole number; None where nothing is written, or something else."""
        number = self.decimal(name, what)
        if number is not None and not number.is_integer():
            self._tell(name, what)
            return None
        return None if number is None else int(number)

    def decimal(self, name: str, what: str) -> float | None:
        """A number; None where nothing is written, or something else."""
        text = text_of(self.form, name).strip()
        if not text:
            return None
        # A comma before three digits parts thousands, any other one is a decimal point.
        plain = re.sub(r",(?=\d{3}(\D|$))", "", text).replace(",", ".")
        try:
            number = float(plain)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self._tell(name, what)
            return None
        return number

    def require(self, name: str, number: float | None) -> None:
        """Tell that a number is missing where there is none, unless something was told of it."""
        if not number and all(one.place != name for one in self.faults):
            self.faults.append(_beside(self.w, name, UsageError("number-missing")))

    def _tell(self, name: str, what: str) -> None:
        error = UsageError("not-a-number", field=what, text=text_of(self.form, name).strip())
        self.faults.append(_beside(self.w, name, error))


def _beside(w: Words, place: str, error: RowbatchError, names: dict[str, str] | None = None) -> ShownFault:
    """An error in the words that stand beside a field."""
    shown = explain(w, error, names=names)
    return ShownFault(place, f"{shown.means} {shown.next}".strip())


def tools(request: Request) -> Response:
    """Which there are, and what they have made."""
    w = words_for(request)
    made = [(one, one.told(w).title) for one in program_of(request).made()]
    return page(request, "tools.html", nav="tools", made=made)


def remove_made(request: Request) -> Response:
    """Forget what a tool has made, with its files."""
    program_of(request).remove_made(request.path_params["made_id"])
    return see_other("/tools")


def tool(request: Request) -> Response:
    """The form of one: with what it has made or the files that another tool has, where the address names them."""
    program, asked = program_of(request), request.query_params
    if "made" in asked:
        return _made(request, made_of(request, request.path_params["tool"]))
    carried = [(name, one) for name, one in asked.multi_items() if program.tool_file(one)]
    if not carried:
        return page(request, "tool.html", nav="tools", **_values(request, {}))
    do = "look" if request.path_params["tool"] == "split" else "open"
    form = FormData([*carried, ("do", do)])
    return _used(request, form, {"values": _told(form)})


def made_of(request: Request, tool: str) -> Made:
    """
    What a tool has made, as an address names it.

    Raises:
        InputError: It was removed, or another program made it.
    """
    found = program_of(request).made_of(tool, request.query_params["made"])
    if found is None:
        raise InputError("file-gone")
    return found


def _made(request: Request, made: Made) -> Response:
    """What a tool has made, above the form as it was sent."""
    w, program = words_for(request), program_of(request)
    asked = _Asked(w, program, FormData([*made.fields]), files_still_here(program, made))
    values = {"values": _told(asked.form), "result": made.told(w), **made_values(program, made)}
    return _shown(request, asked, values | _opened_again(asked, made.tool))


def made_values(program: Program, made: Made) -> dict[str, Any]:
    """What a tool has made, for a page: its id, and its file while that is here."""
    return {"made": made.id, "out": program.tool_file(made.out.id) if made.out is not None else None}


def files_still_here(program: Program, made: Made) -> dict[str, list[ToolFile]]:
    """The files that a form had, but for those that were removed since."""
    return {
        name: [one for one in found if program.tool_file(one.id) is not None]
        for name, found in made.files.items()
    }


def keep_fields(form: FormData) -> list[tuple[str, str]]:
    """What was written in a form, but for its files and the button."""
    return [
        (name, value)
        for name, value in form.multi_items()
        if isinstance(value, str) and name != "do" and not name.endswith("_id")
    ]


def _values(request: Request, values: dict[str, Any]) -> dict[str, Any]:
    w, name = words_for(request), request.path_params["tool"]
    if name not in _DO:
        raise InputError("tool-missing")
    title, lead = {
        "convert": (
            w.t("Table → batch file"),
            w.t("Rows of a table (CSV, Excel, …) become the requests of a batch file (JSONL)."),
        ),
        "split": (
            w.t("Split a batch file"),
            w.t("One batch file (JSONL) becomes several, in order; joined they are the same again."),
        ),
        "extract": (
            w.t("Answers → table"),
            w.t(
                "Result files (JSONL) become a table (Excel, CSV, …), joined with the table they came from if you like."
            ),
        ),
        "units": (
            w.t("Long texts → units"),
            w.t("Each long text becomes several short ones, a row each, which are labelled one by one."),
        ),
        "join-units": (
            w.t("Units → long texts"),
            w.t("The labels of the units become those of the texts that they were cut from."),
        ),
    }[name]
    defaults = {
        "text": "",
        "endpoint": "chat",
        "model": _model(),
        "system": "",
        "template": "",
        "max_tokens": "",
        "temperature": "",
        "limits": "openai" if name == "split" else "",
        "skip_empty": False,
        "dedupe": False,
        "how": "limits",
        "number": "",
        "format": "xlsx",
        "first_number": "",
        "id_column": "",
        "several": "",
        "to_lines": False,
        "unpack": False,
        "as_json": False,
        "numbers": False,
        "extras": False,
        "by": "sentence",
        "size": "",
        "overlap": "",
        "join_id": "",
        "rule": "most",
    }
    models, told = api.models(), {**defaults, **values.get("values", {})}
    files = {**dict.fromkeys(_FIELDS, ()), **values.get("files", {})}
    return {
        "tool": name,
        "title": title,
        "lead": lead,
        "shown": None,
        "result": None,
        "made": "",
        "out": None,
        "fields": (),
        "is_unread": False,
        "faults": (),
        "file": None,
        "looked": None,
        "preview": "",
        "header": (),
        "sheets": (),
        "models": models,
        "price": next((one for one in models if one.price and one.name == told["model"]), None),
        "providers": [api.find_provider(one) for one in api.providers() if one != "local"],
        **values,
        "values": told,
        "files": files,
        "address": address_of(request, files, told["join_id"] if name == "split" else ""),
    }


def address_of(request: Request, files: Mapping[str, Sequence[ToolFile]], join_id: str = "") -> str:
    """
    Where a tool is open with the files that it has, after a form; "" for a page that has its address already.
    A browser that goes back to it has not to send them again.
    """
    if request.method != "POST":
        return ""
    carried = [(f"{name}_id", one.id) for name, found in files.items() for one in found]
    carried += [("join_id", join_id)] if join_id else []
    return f"{request.url.path}?{urlencode(carried)}" if carried else request.url.path


def _model() -> str:
    """The one that was chosen last, unless it runs on this computer."""
    settings = desk.read_settings()
    return settings.model if settings.model and settings.provider != "local" else _MODEL


def use(request: Request, form: FormData) -> Response:
    """Do what the form says."""
    return _used(request, form, {"values": _told(form)})


def _used(request: Request, form: FormData, values: dict[str, Any]) -> Response:
    asked, name = _Asked(words_for(request), program_of(request), form), request.path_params["tool"]
    if name not in _DO:
        raise InputError("tool-missing")
    try:
        values |= _DO[name](asked)
        if "told" in values:
            made = program_of(request).keep_made(
                name, keep_fields(form), asked.files, values["told"], values.get("out")
            )
            return see_other(made.address)
    except RowbatchError as error:
        values |= _opened_again(asked, name)
        place = _PLACES.get(error.notice.kind, "")
        # Where the file could not be read there is no field.
        if place and values.get("header"):
            values["faults"] = (_beside(asked.w, place, error, asked.names),)
        else:
            values["shown"] = explain(asked.w, error, names=asked.names)
    return _shown(request, asked, values)


def _shown(request: Request, asked: _Asked, values: dict[str, Any]) -> Response:
    """The page of a tool with its files."""
    values = {"files": asked.files, "file": next(iter(asked.files.get("file", ())), None)} | values
    table = _table_among(request.path_params["tool"], asked.files)
    if table is not None:
        values |= ways_values(asked.w, table)
    status = 422 if values.get("shown") or values.get("faults") else 200
    return page(request, "tool.html", nav="tools", status=status, **_values(request, values))


def _table_among(tool: str, files: Mapping[str, Sequence[ToolFile]]) -> ToolFile | None:
    """The file of which can be said how it is read; None where there is none."""
    field = {"convert": "file", "units": "file", "extract": "join", "join-units": "of"}.get(tool, "")
    return next(iter(files.get(field, ())), None)


def ways_values(w: Words, table: ToolFile) -> dict[str, Any]:
    """How a table is read, for a page: its sheets, and each other choice."""
    found = desk.found_reading(table.path, table.said)
    sheets = table.sheets()
    return {
        "table": table,
        "sheets": sheets,
        "fields": [
            one
            for one in reading_fields(w, table, table.said, found)
            # Beside the name of the file stands which sheet it is.
            if one.name != "sheet" or len(sheets) < 2
        ],
        "is_unread": found is None,
    }


def read_as(form: FormData, table: ToolFile) -> None:
    """
    A table is read from now on as a form says; what it does not name stays as it was.

    Raises:
        UsageError: That cannot be done.
    """
    changes: dict[str, Any] = changes_of(form)
    parts = (table.sheets() or table.members()) if changes.get("sheet") else ()
    if parts and changes["sheet"] not in parts:
        changes["sheet"] = ""
    table.said = desk.read_otherwise(table.said, changes)


def reading_words(table: ToolFile) -> list[str]:
    """The same on the command line."""
    said = table.reading.items()
    return [word for name, value in said for word in (f"--{name.replace('_', '-')}", str(value))]


def _with_names(text: str, names: Mapping[str, str]) -> str:
    """What is told of files, with the names that people know them by."""
    for path, name in names.items():
        text = text.replace(path, name).replace(Path(path).name, name)
    return text


def _told(form: FormData) -> dict[str, Any]:
    flags = {
        name: name in form
        for name in ("skip_empty", "dedupe", "as_json", "extras", "numbers", "to_lines", "unpack")
    }
    texts = {
        name: text_of(form, name).replace("\r\n", "\n")
        for name in form
        if name not in flags and isinstance(form.get(name), str)
    }
    return texts | flags


def _opened(form: FormData, file: ToolFile) -> dict[str, Any]:
    """A table that was opened, or another sheet of it: what was written stays."""
    return _told(form) | {"text": desk.likely_text_column(file.path, file.said)}


def _opened_again(asked: _Asked, name: str) -> dict[str, Any]:
    """After an error no file need be handed over again, unless it is the one that cannot be read."""
    file = next(iter(asked.files.get("file", ())), None)
    if file is None or name not in ("convert", "units"):
        return {}
    try:
        return {"header": desk.header_of(file.path, file.said)}
    except RowbatchError:
        # In another way it may be read.
        return {}


@dataclass(slots=True)
class _Asked:
    """A form, its files by field, and what messages are to call these."""

    w: Words
    program: Program
    form: FormData
    files: dict[str, list[ToolFile]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def received(self, name: str) -> list[ToolFile]:
        """The files of a field: brought before, then those that come with the form."""
        found = self.files[name] = []
        for value in self.form.getlist(f"{name}_id"):
            known = self.program.tool_file(value) if isinstance(value, str) else None
            if known is not None:
                note_name(self.names, known)
                found.append(known)
        found += self.brought(name)
        return found

    def brought(self, name: str) -> list[ToolFile]:
        """The files that come with the form."""
        return [
            keep_file(self.program, one, self.names)
            for one in self.form.getlist(name)
            if isinstance(one, UploadFile) and one.filename
        ]

    def required(self, name: str) -> ToolFile:
        """The file of a field; the one that came last."""
        found = self.received(name)
        if not found:
            raise UsageError("file-missing")
        self.files[name] = found[-1:]
        return found[-1]

    def required_table(self) -> ToolFile:
        """The table of a form, read as that says."""
        file = self.required("file")
        read_as(self.form, file)
        return file

    def drop(self, file: ToolFile) -> None:
        """A file that is of no use here."""
        self.program.remove_tool_file(file.id)
        for found in self.files.values():
            found[:] = [one for one in found if one is not file]


def note_name(names: dict[str, str], file: ToolFile, *places: Path) -> None:
    """What a message is to call a file of ours; where it lies is nobody's business."""
    for path in (file.path, *places):
        names[str(path)] = f"“{file.name}”"
    names[f"{file.path.parent}{os.sep}"] = ""


def keep_file(program: Program, upload: UploadFile, names: dict[str, str]) -> ToolFile:
    """A file that came with a form, in a folder of its own, for this user alone."""
    file = program.new_tool_file(upload.filename or "file", desk.kept_ending(upload.filename or ""))
    note_name(names, file)
    desk.private_file(file.path)
    with file.path.open("wb") as out:
        copy(upload, out, int(desk.read_settings().max_upload_gb * 1e9))
    return file


def _convert(asked_for: _Asked) -> dict[str, Any]:
    w, program, form, names = asked_for.w, asked_for.program, asked_for.form, asked_for.names
    file, numbers = asked_for.required_table(), Numbers(w, form)
    header = desk.header_of(file.path, file.said)
    do = text_of(form, "do")
    if do == "open" or "model" not in form:
        return {"header": header, "values": _opened(form, file)}
    template = text_of(form, "template").strip()
    asked: dict[str, Any] = {
        "model": text_of(form, "model").strip(),
        "text": None if template else text_of(form, "text") or None,
        "template": template.replace("\r\n", "\n") or None,
        "system": text_of(form, "system").replace("\r\n", "\n").strip() or None,
        "endpoint": text_of(form, "endpoint") or "chat",
        "max_tokens": numbers.whole("max_tokens", w.t("Longest answer, in tokens")),
        "temperature": numbers.decimal("temperature", w.t("Temperature")),
        "dedupe": "dedupe" in form,
        "skip_empty": "skip_empty" in form,
        "id_column": text_of(form, "id_column").strip() or None,
        **file.reading,
    }
    again = {"header": header, "values": _told(form)}
    if not asked["model"]:
        numbers.faults.append(ShownFault("model", w.t("Say which model.")))
    if numbers.faults:
        return again | {"faults": numbers.faults}
    if do == "preview":
        return again | {"preview": desk.first_request(file.path, **asked)[:_FIRST_CHARS]}
    limits = text_of(form, "limits") or None
    stem = Path(file.name).stem
    out = program.new_tool_file(f"{stem}.parts.zip" if limits else f"{stem}.jsonl")
    target = out.path.with_name("parts.zip" if limits else "requests.jsonl")
    whole = out.path.with_name("whole.jsonl")
    note_name(names, out, target, whole)
    if limits:
        # In parts: one zip file of them.
        report = api.convert(file.path, whole, **asked)
        parts = api.split(whole, target, limits=limits).parts
        whole.unlink()
    else:
        report = api.convert(file.path, target, **asked)
        parts = ()
    out.path = target
    words = ["rowbatch", "convert", file.name, "-o", f"{stem}.jsonl"]
    for option, value in (
        ("--text", asked["text"]),
        ("--template", asked["template"]),
        ("--system", asked["system"]),
        ("--model", asked["model"]),
        ("--endpoint", asked["endpoint"] if asked["endpoint"] != "chat" else None),
        ("--max-tokens", asked["max_tokens"]),
        ("--temperature", asked["temperature"]),
        ("--id", asked["id_column"]),
        ("--limits", limits),
    ):
        words += [option, str(value)] if value is not None else []
    words += reading_words(file)
    words += ["--dedupe"] if asked["dedupe"] else []
    words += ["--skip-empty"] if asked["skip_empty"] else []

    def told(w: Words) -> Result:
        notes = [w.told(note) for note in report.notes]
        if report.encoding_guessed:
            notes.append(
                w.t(
                    "The encoding is not stated in the file; it was read as %(name)s.",
                    name=report.encoding_guessed.upper(),
                )
            )
        facts = [(w.t("Rows"), w.number(report.rows)), (w.t("Requests"), w.number(report.requests))]
        if report.empty_rows:
            facts.append((w.t("Rows without a text"), w.number(report.empty_rows)))
        if report.duplicates:
            facts.append((w.t("Rows that repeat another one"), w.number(report.duplicates)))
        if parts:
            facts.append((w.t("Parts"), w.number(len(parts))))
        after = _after_convert(w, file, out, is_whole=not limits)
        return Result(w.t("The batch file is ready"), tuple(facts), tuple(notes), join(words), after)

    return {"told": told, "out": out}


def _after_convert(w: Words, table: ToolFile, made: ToolFile, *, is_whole: bool) -> tuple[Step, ...]:
    carried = {"join_id": table.id, **({"requests_id": made.id} if is_whole else {})}
    split = Step(
        w.t("If it is larger than what your provider takes in one file, split it."),
        f"/tools/split?{urlencode({'file_id': made.id, 'join_id': table.id})}",
        w.t("Split this file"),
    )
    return (*([split] if is_whole else []), *_after_split(w, carried))


def _after_split(w: Words, carried: Mapping[str, str]) -> tuple[Step, ...]:
    """The files that are here already need not be handed over again."""
    return (
        Step(
            w.t(
                "Upload it where your provider takes batch files, and fetch the result files when the batch is done."
            )
        ),
        Step(
            w.t("Make a table of the answers."),
            f"/tools/extract?{urlencode(carried)}",
            w.t("Answers → table"),
        ),
    )


def _split(asked_for: _Asked) -> dict[str, Any]:
    w, program, form, names = asked_for.w, asked_for.program, asked_for.form, asked_for.names
    file, numbers = asked_for.required("file"), Numbers(w, form)
    kind = desk.kind_of_lines(file.path)
    to_lines = "to_lines" in form and kind in ("document", "other")
    if kind == "other" and not to_lines:
        asked_for.drop(file)
        return {
            "shown": Shown(
                w.t("This is not a batch file"),
                w.t("None of the first lines of “%(name)s” is a request with a custom_id.", name=file.name),
                w.t(
                    "Choose a batch file (JSONL). If this is a table, make a batch file of it first, with the "
                    "tool “Table → batch file”; it can also give it in parts."
                ),
            ),
        }
    if text_of(form, "do") == "look" and not to_lines:
        return {"looked": _look(w, file, text_of(form, "limits") or "openai")}
    how = text_of(form, "how") or "limits"
    asked: dict[str, Any] = {}
    words: list[str] = []
    if how == "limits":
        asked["limits"] = text_of(form, "limits") or "openai"
        words = ["--limits", asked["limits"]]
    elif how == "mb":
        size = numbers.decimal("number", w.t("Number"))
        asked["max_bytes"] = int(size * 1_000_000) if size else None
        words = ["--max-bytes", str(asked["max_bytes"])]
    else:
        name, option = ("parts", "--parts") if how == "parts" else ("max_requests", "--max-requests")
        asked[name] = numbers.whole("number", w.t("Number"))
        words = [option, str(asked[name])]
    if how != "limits":
        numbers.require("number", next(iter(asked.values())))
    if numbers.faults:
        return {"faults": numbers.faults}
    stem = Path(file.name).stem
    out = program.new_tool_file(f"{stem}.parts.zip")
    target = out.path.with_name("parts.zip")
    note_name(names, out, target)
    report = api.split(file.path, target, to_lines=to_lines, **asked)
    out.path = target
    words += ["--to-lines"] if to_lines else []
    command = join(["rowbatch", "split", file.name, "-o", f"{stem}.parts.zip", *words])
    table = program.tool_file(text_of(form, "join_id"))
    carried = {"requests_id": file.id, **({"join_id": table.id} if table else {})}

    def told(w: Words) -> Result:
        facts = [
            (w.t("Parts"), w.number(len(report.parts))),
            (w.t("Lines"), w.number(sum(part.lines for part in report.parts))),
        ]
        if report.blank_lines:
            facts.append((w.t("Empty lines"), w.number(report.blank_lines)))
        notes = [
            w.t(
                "%(name)s: %(n)s lines, %(size)s",
                name=part.name,
                n=w.number(part.lines),
                size=w.size(part.size_bytes),
            )
            for part in report.parts[:20]
        ]
        return Result(
            w.t("The parts are ready"), tuple(facts), tuple(notes), command, _after_split(w, carried)
        )

    return {"told": told, "out": out}


def _look(w: Words, file: ToolFile, provider: str) -> Result:
    found = api.check([file.path], provider=provider, count_tokens=False).files[0]
    facts = [
        (w.t("Lines"), w.number(found.lines)),
        (w.t("Size"), w.size(found.size_bytes)),
        (w.t("Models"), ", ".join(f"{name} ({count:,})" for name, count in found.models.items()) or "–"),
        (w.t("Errors"), w.number(found.errors)),
        (w.t("Warnings"), w.number(found.warnings)),
    ]
    notes = [
        w.t("line %(line)s: %(what)s", line=w.number(problem.line), what=problem.message)
        for problem in found.problems[:20]
    ]
    return Result(w.t("What is in the file"), tuple(facts), tuple(notes))


def _sorted_by_kind(asked_for: _Asked) -> None:
    """Files that came together become what they are: answers, a batch file that was sent, the table."""
    results, sent, tables = (asked_for.received(name) for name in ("results", "requests", "join"))
    for file in asked_for.brought("files"):
        kind = desk.kind_of_lines(file.path)
        has_lines = file.name.lower().endswith(_LINES)
        if kind == "requests":
            sent.append(file)
        elif kind == "results" or (has_lines and kind != "other"):
            results.append(file)
        else:
            tables.append(file)
    del tables[:-1]


def _extract(asked_for: _Asked) -> dict[str, Any]:
    w, program, form, names = asked_for.w, asked_for.program, asked_for.form, asked_for.names
    _sorted_by_kind(asked_for)
    results, sent = asked_for.files["results"], asked_for.files["requests"]
    table = next(iter(asked_for.files["join"]), None)
    wrong = next((file for file in results if desk.kind_of_lines(file.path) == "requests"), None)
    if wrong is not None:
        # It is of use beside the answers.
        results.remove(wrong)
        sent.append(wrong)
    if wrong is not None or (sent and not results and asked_for.form.getlist("files")):
        return {
            "shown": Shown(
                w.t("This is the file that was sent, not the answers"),
                w.t("“%(name)s” has the requests; no answers are in it.", name=(wrong or sent[-1]).name),
                w.t(
                    "Choose the output file that the provider gave when the batch was done, and the error file."
                ),
            ),
        }
    if table is not None:
        read_as(form, table)
    if text_of(form, "do") == "open":
        return {}
    if not results:
        raise UsageError("results-missing")
    chosen = format_of(text_of(form, "format") or "xlsx", numbers="numbers" in form)
    if chosen is None:
        raise UsageError("format-missing")
    ending, writing = chosen
    stem = Path(table.name if table else results[0].name).stem
    out = program.new_tool_file(f"{stem}.answers{ending}")
    target = out.path.with_name(f"answers{ending}")
    note_name(names, out, target)
    extras = _EXTRAS if "extras" in form else ()
    id_column = text_of(form, "id_column").strip() or None
    several = _SEVERAL.get(text_of(form, "several"))
    report = api.extract(
        [file.path for file in results],
        target,
        join=table.path if table else None,
        first_number=_FIRST_NUMBERS.get(text_of(form, "first_number")),
        id_column=id_column,
        several=several,
        unpack="unpack" in form,
        requests=[file.path for file in sent],
        as_json="as_json" in form,
        extras=extras,
        writing=writing,
        **(table.reading if table else {}),
    )
    out.path = target
    words = ["rowbatch", "extract", *(file.name for file in results), "-o", f"{stem}.answers{ending}"]
    words += ["--join", table.name, *reading_words(table)] if table else []
    words += ["--id", id_column] if id_column else []
    words += ["--several", several] if several else []
    words += ["--unpack"] if "unpack" in form else []
    for file in sent:
        words += ["--requests", file.name]
    words += ["--first-number", text_of(form, "first_number")] if text_of(form, "first_number") else []
    words += ["--fields"] if "as_json" in form else []
    words += ["--also", ",".join(extras)] if extras else []
    words += ["--bom"] if writing.bom else []
    words += ["--excel-safe"] if writing.formula_safe else []
    words += ["--numbers"] if writing.numbers else []

    def told(w: Words) -> Result:
        facts, notes = _facts_of_answers(w, report, names)
        return Result(w.t("The table is ready"), facts, notes, join(words), _after_extract(w, out))

    return {"told": told, "out": out}


def _facts_of_answers(
    w: Words, report: Any, names: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Names and numbers of what became of result lines, and sentences worth reading."""
    facts = [
        (w.t("Rows of the table"), w.number(report.rows)),
        (w.t("Result lines"), w.number(report.results)),
    ]
    facts += [
        (labels.status_word(w, str(status)), w.number(count))
        for status, count in report.statuses.most_common()
    ]
    if report.id_column:
        facts.append((w.t("Joined by the values of"), report.id_column))
    compared = report.compared
    if compared is not None:
        facts += [
            (w.t("Requests sent"), w.number(compared.requests)),
            (w.t("Requests without a result"), w.number(compared.without_result)),
        ]
    for name, count in (
        (
            w.t("Requests that expired or were cancelled before their turn"),
            compared.never_run if compared else 0,
        ),
        (w.t("Requests with an id that another one has"), compared.repeated_requests if compared else 0),
        (w.t("Results of no request"), compared.of_no_request if compared else 0),
        (w.t("Lines that cannot be read"), report.unreadable_lines),
        (w.t("Lines for a row that had one already"), report.repeated_ids),
        (w.t("Lines for no row of the table"), report.unknown_ids),
        (
            w.t("Cells marked with an apostrophe, so that they do not run in a spreadsheet"),
            report.formulas,
        ),
    ):
        if count:
            facts.append((name, w.number(count)))
    notes = [_with_names(w.told(note), names) for note in report.notes]
    notes += [f"{reason}: {count:,}" for reason, count in report.reasons.most_common(5)]
    notes += [w.told(notice) for notice in report.forgiven_notices]
    notes += [
        w.t("line %(line)s: %(what)s", line=w.number(line), what=what)
        for _, line, what in report.unreadable[:5]
    ]
    return tuple(facts), tuple(notes)


def _after_extract(w: Words, made: ToolFile) -> tuple[Step, ...]:
    return (
        Step(
            w.t("If the table has a column of people, see how far the model agrees with them."),
            f"/tools/agree?{urlencode({'file_id': made.id})}",
            w.t("How far do coders agree?"),
        ),
        Step(
            w.t("If it has none, draw some rows, and have people code them."), "/coding", w.t("Human coding")
        ),
    )


def _units(asked_for: _Asked) -> dict[str, Any]:
    w, program, form, names = asked_for.w, asked_for.program, asked_for.form, asked_for.names
    file, numbers = asked_for.required_table(), Numbers(w, form)
    header = desk.header_of(file.path, file.said)
    if text_of(form, "do") == "open" or "by" not in form:
        return {"header": header, "values": _opened(form, file)}
    size = numbers.whole("size", w.t("How many make a unit"))
    overlap = numbers.whole("overlap", w.t("How many of them the next unit repeats")) or 0
    if numbers.faults:
        return {"header": header, "faults": numbers.faults}
    out, target, writing = _table_to_make(program, form, names, file, "units")
    text, by = text_of(form, "text"), text_of(form, "by")
    report = api.units(
        file.path,
        target,
        text=text,
        by=cast("Any", by),
        size=size,
        overlap=overlap,
        writing=writing,
        **file.reading,
    )
    out.path = target
    words = ["rowbatch", "units", file.name, "--text", text, "--by", by]
    words += ["--size", str(size)] if size is not None else []
    words += ["--overlap", str(overlap)] if overlap else []
    words += reading_words(file)

    def told(w: Words) -> Result:
        facts = [
            (w.t("Texts"), w.number(report.documents)),
            (w.t("Units"), w.number(report.units)),
            (w.t("Most units of a text"), w.number(report.most_units)),
            (w.t("Longest unit, in characters"), w.number(report.longest_chars)),
        ]
        if report.empty_documents:
            facts.append((w.t("Rows without a text"), w.number(report.empty_documents)))
        after = (
            Step(w.t("Download it, and label it: each unit is a row."), "/", w.t("Label a table")),
            Step(
                w.t("Bring the labels of the units back to the texts."),
                f"/tools/join-units?{urlencode({'of_id': file.id})}",
                w.t("Units → long texts"),
            ),
        )
        notes = tuple(w.told(note) for note in report.notes)
        return Result(w.t("The units are ready"), tuple(facts), notes, join([*words, "-o", out.name]), after)

    return {"told": told, "out": out}


def _join_units(asked_for: _Asked) -> dict[str, Any]:
    program, form, names = asked_for.program, asked_for.form, asked_for.names
    found = [asked_for.received(name) for name in ("labelled", "of")]
    if found[1]:
        read_as(form, found[1][-1])
    if text_of(form, "do") == "open":
        return {}
    if not all(found):
        raise UsageError("file-missing")
    labelled, table = (one[-1] for one in found)
    out, target, writing = _table_to_make(program, form, names, table, "joined")
    rule = text_of(form, "rule")
    id_column = text_of(form, "id_column").strip() or None
    report = api.join_units(
        labelled.path,
        target,
        of=table.path,
        rule=rule,
        id_column=id_column,
        writing=writing,
        **table.reading,
    )
    out.path = target
    words = ["rowbatch", "join-units", labelled.name, "--of", table.name, "--rule", rule, "-o", out.name]
    words += ["--id", id_column] if id_column else []
    words += reading_words(table)

    def told(w: Words) -> Result:
        facts = [(w.t("Texts"), w.number(report.documents)), (w.t("Units"), w.number(report.units))]
        if report.unanswered:
            facts.append((w.t("Units without an answer"), w.number(report.unanswered)))
        facts.append((w.t("Labels"), ", ".join(report.rules)))
        notes = tuple(w.told(note) for note in report.notes)
        return Result(w.t("The table is ready"), tuple(facts), notes, join(words), _after_extract(w, out))

    return {"told": told, "out": out}


_DO: Mapping[str, Callable[[_Asked], dict[str, Any]]] = {
    "convert": _convert,
    "split": _split,
    "extract": _extract,
    "units": _units,
    "join-units": _join_units,
}


def _table_to_make(
    program: Program, form: FormData, names: dict[str, str], source: ToolFile, what: str
) -> tuple[ToolFile, Path, api.WriteOptions]:
    """A table that is made of another one, in the format that the form says: its place, and how it is written."""
    chosen = format_of(text_of(form, "format") or "xlsx")
    if chosen is None:
        raise UsageError("format-missing")
    ending, writing = chosen
    out = program.new_tool_file(f"{Path(source.name).stem}.{what}{ending}")
    target = out.path.with_name(f"{what}{ending}")
    note_name(names, out, target)
    return out, target, writing


def fetch(request: Request) -> Response:
    """What a tool has made."""
    program = program_of(request)
    file = program.tool_file(request.path_params["file_id"])
    if file is None:
        raise InputError("file-gone")
    file.fetched_at = time.time()
    return attachment(file.path, file.name)


ROUTES = [
    Route("/tools", tools),
    Route("/tools/results/{file_id}", fetch),
    Route("/tools/made/{made_id}/remove", remove_made, methods=["POST"]),
    Route("/tools/{tool}", tool),
    Route("/tools/{tool}", with_form(use), methods=["POST"]),
]
