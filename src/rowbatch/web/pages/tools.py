"""The tools, each on a page of its own: no key, no network, and nothing is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import join
from typing import Any, Literal, cast

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.errors import InputError, RowbatchError, UsageError
from rowbatch.web import labels
from rowbatch.web.explain import Shown, explain
from rowbatch.web.pages.results import attachment, format_of
from rowbatch.web.pages.start import copy
from rowbatch.web.program import Program, ToolFile
from rowbatch.web.rendering import page, program_of, text_of, with_form, words_for
from rowbatch.web.words import Words

_TOOLS = ("convert", "split", "extract", "units", "join-units")
_EXTRAS: tuple[Literal["model", "usage", "finish_reason"], ...] = ("model", "usage", "finish_reason")
_FIRST_NUMBERS: dict[str, Literal[0, 1]] = {"0": 0, "1": 1}
_SEVERAL: dict[str, Literal["rows", "columns"]] = {"rows": "rows", "columns": "columns"}
_FIRST_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Result:
    """
    What a tool has made, or has seen.

    Attributes:
        title: In a few words.
        facts: Names and numbers.
        notes: Sentences worth reading.
        command: The same on the command line.
        id, name, size_bytes: Of the file to download; "" and 0 where there is none.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    command: str = ""
    id: str = ""
    name: str = ""
    size_bytes: int = 0


def tools(request: Request) -> Response:
    """Which there are."""
    return page(request, "tools.html", nav="tools")


def tool(request: Request) -> Response:
    """The form of one."""
    return page(request, "tool.html", nav="tools", **_values(request, {}))


def _values(request: Request, values: dict[str, Any]) -> dict[str, Any]:
    w, name = words_for(request), request.path_params["tool"]
    if name not in _TOOLS:
        raise InputError("tool-missing")
    title, lead = {
        "convert": (
            w.t("Table → batch file"),
            w.t("Rows of a table become the requests of a batch file (JSONL)."),
        ),
        "split": (
            w.t("Split a batch file"),
            w.t("One batch file becomes several, in order; joined they are the same again."),
        ),
        "extract": (w.t("Answers → table"), w.t("Result files become a table.")),
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
        "model": "",
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
        "rule": "most",
    }
    return {
        "tool": name,
        "title": title,
        "lead": lead,
        "shown": None,
        "result": None,
        "file": None,
        "looked": None,
        "preview": "",
        "header": (),
        "models": api.models(),
        "providers": [api.find_provider(one) for one in api.providers() if one != "local"],
        **values,
        "values": {**defaults, **values.get("values", {})},
    }


def use(request: Request, form: FormData) -> Response:
    """Do what the form says."""
    w, program, name = words_for(request), program_of(request), request.path_params["tool"]
    if name not in _TOOLS:
        raise InputError("tool-missing")
    values: dict[str, Any] = {"values": _told(form)}
    names: dict[str, str] = {}
    try:
        if name == "convert":
            values |= _convert(w, program, form, names)
        elif name == "split":
            values |= _split(w, program, form, names)
        elif name == "extract":
            values |= _extract(w, program, form, names)
        elif name == "units":
            values |= _units(w, program, form, names)
        else:
            values |= _join_units(w, program, form, names)
        status = 422 if values.get("shown") else 200
        return page(request, "tool.html", nav="tools", status=status, **_values(request, values))
    except RowbatchError as error:
        values |= _files_again(program, form, name)
        values["shown"] = explain(w, error, names=names)
        return page(request, "tool.html", nav="tools", status=422, **_values(request, values))


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


def _files_again(program: Program, form: FormData, name: str) -> dict[str, Any]:
    """After an error the file need not be handed over again."""
    file = program.tool_file(text_of(form, "file_id"))
    if file is None or name in ("extract", "join-units"):
        return {}
    header: tuple[str, ...] = ()
    if name in ("convert", "units"):
        try:
            header = desk.header_of(file.path)
        except RowbatchError:
            return {}
    return {"file": file, "header": header}


def _received(program: Program, form: FormData, name: str, names: dict[str, str]) -> ToolFile:
    """A file of a form: brought with it, or before."""
    known = program.tool_file(text_of(form, "file_id"))
    if known is not None:
        note_name(names, known)
        return known
    upload = form.get(name)
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise UsageError("file-missing")
    return keep_file(program, upload, names)


def note_name(names: dict[str, str], file: ToolFile, *places: Path) -> None:
    """What a message is to call a file of ours; where it lies is nobody's business."""
    for path in (file.path, *places):
        names[str(path)] = f"“{file.name}”"
    names[f"{file.path.parent}{os.sep}"] = ""


def keep_file(program: Program, upload: UploadFile, names: dict[str, str]) -> ToolFile:
    """A file that came with a form, in a folder of its own, for this user alone."""
    file = program.new_tool_file(upload.filename or "file", desk.known_ending(upload.filename or ""))
    note_name(names, file)
    desk.private_file(file.path)
    with file.path.open("wb") as out:
        copy(upload, out, int(desk.read_settings().max_upload_gb * 1e9))
    return file


def _whole(text: str, what: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(text.replace(",", ""))
    except ValueError:
        raise UsageError("not-a-number", field=what, text=text) from None


def _decimal(text: str, what: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise UsageError("not-a-number", field=what, text=text) from None


def _convert(w: Words, program: Program, form: FormData, names: dict[str, str]) -> dict[str, Any]:
    file = _received(program, form, "file", names)
    header = desk.header_of(file.path)
    do = text_of(form, "do")
    if do == "open" or "model" not in form:
        return {"file": file, "header": header, "values": {"text": desk.likely_text_column(file.path)}}
    template = text_of(form, "template").strip()
    asked: dict[str, Any] = {
        "model": text_of(form, "model").strip(),
        "text": None if template else text_of(form, "text") or None,
        "template": template.replace("\r\n", "\n") or None,
        "system": text_of(form, "system").replace("\r\n", "\n").strip() or None,
        "endpoint": text_of(form, "endpoint") or "chat",
        "max_tokens": _whole(text_of(form, "max_tokens"), w.t("Longest answer, in tokens")),
        "temperature": _decimal(text_of(form, "temperature"), w.t("Temperature")),
        "dedupe": "dedupe" in form,
        "skip_empty": "skip_empty" in form,
        "id_column": text_of(form, "id_column").strip() or None,
    }
    again = {"file": file, "header": header, "values": _told(form)}
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
    words += ["--dedupe"] if asked["dedupe"] else []
    words += ["--skip-empty"] if asked["skip_empty"] else []
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
    return again | {
        "result": Result(
            w.t("The batch file is ready"),
            tuple(facts),
            tuple(notes),
            join(words),
            out.id,
            out.name,
            out.size_bytes,
        )
    }


def _split(w: Words, program: Program, form: FormData, names: dict[str, str]) -> dict[str, Any]:

    file = _received(program, form, "file", names)
    kind = desk.kind_of_lines(file.path)
    to_lines = "to_lines" in form and kind in ("document", "other")
    if kind == "other" and not to_lines:
        program.remove_tool_file(file.id)
        return {
            "values": _told(form),
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
        return {
            "file": file,
            "values": _told(form),
            "looked": _look(w, file, text_of(form, "limits") or "openai"),
        }
    how, number = text_of(form, "how"), text_of(form, "number")
    asked: dict[str, Any] = {}
    words: list[str] = []
    if how == "limits":
        asked["limits"] = text_of(form, "limits") or "openai"
        words = ["--limits", asked["limits"]]
    elif how == "mb":
        size = _decimal(number, w.t("Number"))
        asked["max_bytes"] = int(size * 1_000_000) if size else None
        words = ["--max-bytes", str(asked["max_bytes"])]
    else:
        name, option = ("parts", "--parts") if how == "parts" else ("max_requests", "--max-requests")
        asked[name] = _whole(number, w.t("Number"))
        words = [option, str(asked[name])]
    if not next(iter(asked.values())):
        raise UsageError("number-missing")
    stem = Path(file.name).stem
    out = program.new_tool_file(f"{stem}.parts.zip")
    target = out.path.with_name("parts.zip")
    note_name(names, out, target)
    report = api.split(file.path, target, to_lines=to_lines, **asked)
    out.path = target
    facts = [
        (w.t("Parts"), w.number(len(report.parts))),
        (w.t("Lines"), w.number(sum(part.lines for part in report.parts))),
    ]
    notes = [
        w.t(
            "%(name)s: %(n)s lines, %(size)s",
            name=part.name,
            n=w.number(part.lines),
            size=w.size(part.size_bytes),
        )
        for part in report.parts[:20]
    ]
    if report.blank_lines:
        facts.append((w.t("Empty lines"), w.number(report.blank_lines)))
    words += ["--to-lines"] if to_lines else []
    command = join(["rowbatch", "split", file.name, "-o", f"{stem}.parts.zip", *words])
    return {
        "file": file,
        "values": _told(form),
        "result": Result(
            w.t("The parts are ready"), tuple(facts), tuple(notes), command, out.id, out.name, out.size_bytes
        ),
    }


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


def _extract(w: Words, program: Program, form: FormData, names: dict[str, str]) -> dict[str, Any]:

    uploads = [one for one in form.getlist("results") if isinstance(one, UploadFile) and one.filename]
    if not uploads:
        raise UsageError("results-missing")
    results = [keep_file(program, one, names) for one in uploads]
    asked = next((file for file in results if desk.kind_of_lines(file.path) == "requests"), None)
    if asked is not None:
        for file in results:
            program.remove_tool_file(file.id)
        return {
            "values": _told(form),
            "shown": Shown(
                w.t("This is the file that was sent, not the answers"),
                w.t("“%(name)s” has the requests; no answers are in it.", name=asked.name),
                w.t(
                    "Choose the output file that the provider gave when the batch was done, and the error file."
                ),
            ),
        }
    brought = form.get("join")
    table = (
        keep_file(program, brought, names) if isinstance(brought, UploadFile) and brought.filename else None
    )
    sent = [
        keep_file(program, one, names)
        for one in form.getlist("requests")
        if isinstance(one, UploadFile) and one.filename
    ]
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
    )
    out.path = target
    for file in (*results, *sent, *([table] if table else [])):
        program.remove_tool_file(file.id)
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
        (w.t("Cells marked with an apostrophe, so that they do not run in a spreadsheet"), report.formulas),
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
    words = ["rowbatch", "extract", *(file.name for file in results), "-o", f"{stem}.answers{ending}"]
    words += ["--join", table.name] if table else []
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
    return {
        "values": _told(form),
        "result": Result(
            w.t("The table is ready"),
            tuple(facts),
            tuple(notes),
            join(words),
            out.id,
            out.name,
            out.size_bytes,
        ),
    }


def _units(w: Words, program: Program, form: FormData, names: dict[str, str]) -> dict[str, Any]:
    file = _received(program, form, "file", names)
    header = desk.header_of(file.path)
    if text_of(form, "do") == "open" or "by" not in form:
        return {"file": file, "header": header, "values": {"text": desk.likely_text_column(file.path)}}
    out, target, writing = _table_to_make(program, form, names, file, "units")
    size = _whole(text_of(form, "size"), w.t("How many make a unit"))
    overlap = _whole(text_of(form, "overlap"), w.t("How many of them the next unit repeats")) or 0
    text, by = text_of(form, "text"), text_of(form, "by")
    report = api.units(
        file.path, target, text=text, by=cast("Any", by), size=size, overlap=overlap, writing=writing
    )
    out.path = target
    words = ["rowbatch", "units", file.name, "--text", text, "--by", by]
    words += ["--size", str(size)] if size is not None else []
    words += ["--overlap", str(overlap)] if overlap else []
    facts = [
        (w.t("Texts"), w.number(report.documents)),
        (w.t("Units"), w.number(report.units)),
        (w.t("Most units of a text"), w.number(report.most_units)),
        (w.t("Longest unit, in characters"), w.number(report.longest_chars)),
    ]
    if report.empty_documents:
        facts.append((w.t("Rows without a text"), w.number(report.empty_documents)))
    notes = tuple(w.told(note) for note in report.notes)
    command = join([*words, "-o", out.name])
    return {
        "file": file,
        "header": header,
        "values": _told(form),
        "result": Result(
            w.t("The units are ready"), tuple(facts), notes, command, out.id, out.name, out.size_bytes
        ),
    }


def _join_units(w: Words, program: Program, form: FormData, names: dict[str, str]) -> dict[str, Any]:
    uploads = [form.get(name) for name in ("labelled", "of")]
    if not all(isinstance(one, UploadFile) and one.filename for one in uploads):
        raise UsageError("file-missing")
    labelled, table = (keep_file(program, one, names) for one in uploads if isinstance(one, UploadFile))
    out, target, writing = _table_to_make(program, form, names, table, "joined")
    rule = text_of(form, "rule")
    id_column = text_of(form, "id_column").strip() or None
    report = api.join_units(
        labelled.path, target, of=table.path, rule=rule, id_column=id_column, writing=writing
    )
    out.path = target
    for file in (labelled, table):
        program.remove_tool_file(file.id)
    facts = [(w.t("Texts"), w.number(report.documents)), (w.t("Units"), w.number(report.units))]
    if report.unanswered:
        facts.append((w.t("Units without an answer"), w.number(report.unanswered)))
    facts.append((w.t("Labels"), ", ".join(report.rules)))
    words = ["rowbatch", "join-units", labelled.name, "--of", table.name, "--rule", rule, "-o", out.name]
    words += ["--id", id_column] if id_column else []
    notes = tuple(w.told(note) for note in report.notes)
    return {
        "values": _told(form),
        "result": Result(
            w.t("The table is ready"),
            tuple(facts),
            notes,
            join(words),
            out.id,
            out.name,
            out.size_bytes,
        ),
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
    Route("/tools/{tool}", tool),
    Route("/tools/{tool}", with_form(use), methods=["POST"]),
]
