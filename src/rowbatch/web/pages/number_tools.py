"""Tools that tell numbers of any table: no run, no key, no network; each on a page of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rowbatch import api, desk
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.web.explain import explain
from rowbatch.web.measures import column_measure_words, grouped_quantity_words, quantity_words
from rowbatch.web.pages.tools import (
    Numbers,
    address_of,
    files_still_here,
    keep_fields,
    keep_file,
    made_of,
    made_values,
    note_name,
    read_as,
    reading_words,
    ways_values,
)
from rowbatch.web.program import Made, Program, ToolFile
from rowbatch.web.rendering import page, program_of, see_other, text_of, with_form, words_for
from rowbatch.web.words import Words

_MOST_MOVES = 40
# No system takes these characters in the name of a file, nor longer ones: an ending comes, too.
_IN_NO_NAME = re.compile(r'[<>:"/\\|?*]')
_MOST_NAME_BYTES = 200
_BESIDE_GOLD = frozenset({"accuracy", "macro_f1", "weighted_f1", "balanced_accuracy", "mcc"})
_LEVELS = ("nominal", "ordinal", "interval", "ratio")


@dataclass(frozen=True, slots=True)
class Found:
    """
    What a tool tells.

    Attributes:
        title: In a few words.
        figures: Names, numbers with their intervals, and why one is missing.
        facts: Other names and numbers.
        notes: Sentences worth reading.
        moves: Labels that became others, and how many rows.
        next: What to do next, in a sentence.
        command: The same on the command line.
        sides: Names of both labellings, where there are two.
    """

    title: str
    figures: Sequence[tuple[str, Any]] = ()
    facts: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    moves: Sequence[tuple[str, str, int]] = ()
    next: str = ""
    command: str = ""
    sides: Sequence[str] = ()


Told = Callable[[Words], Found]
"""Tells what a tool found, in a language."""


@dataclass(slots=True)
class _Asked:
    """A form, its files, and what messages are to call these."""

    w: Words
    program: Program
    form: FormData
    files: list[ToolFile]
    names: dict[str, str] = field(default_factory=dict)
    numbers: Numbers = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = Numbers(self.w, self.form)

    def text(self, name: str) -> str:
        return text_of(self.form, name).strip()

    def chosen(self, name: str) -> list[str]:
        return [one for one in self.form.getlist(name) if isinstance(one, str) and one]

    @property
    def path(self) -> Path:
        return self.files[0].path

    @property
    def reading(self) -> desk.ReadingKeywords:
        """How the tables are read: said of the first, and all are alike."""
        return self.files[0].reading if self.files else {}


def _words_of(asked: _Asked, tool: str, options: Mapping[str, Any]) -> str:
    words = ["rowbatch", tool, *(file.name for file in asked.files)]
    for name, value in options.items():
        if value not in (None, "", (), [], "nominal", "ppi"):
            told = (
                ",".join(value)
                if isinstance(value, list | tuple)
                else f"{value:g}"
                if isinstance(value, float)
                else str(value)
            )
            words += [f"--{name.replace('_', '-')}", told]
    return join([*words, *(reading_words(asked.files[0]) if asked.files else [])])


def _agree(asked: _Asked) -> tuple[Told, ToolFile]:
    level = asked.text("level")
    options: dict[str, Any] = {
        "coders": asked.chosen("coders"),
        "gold": asked.text("gold") or None,
        "level": level if level in _LEVELS else "nominal",
        "labels": asked.text("labels"),
        "missing": [asked.text("missing")] if asked.text("missing") else [],
    }
    if options["gold"] in options["coders"]:
        options["coders"] = [one for one in options["coders"] if one != options["gold"]]
    found = api.agree(asked.path, **options, **asked.reading)
    command = _words_of(asked, "agree", options)

    def told(w: Words) -> Found:
        return Found(
            w.t("How far they agree"),
            _figures(w, _of_each_coder(found)),
            [(w.t("Rows"), w.number(found.rows)), (w.t("Compared"), w.number(found.n))],
            [w.told(note) for note in found.notes],
            next=w.t(
                "Krippendorff's alpha of .80 is to rely on, .667 for tentative conclusions; look at the lower end. Where people agree, hold the model to them: choose their column as the right one."
            ),
            command=command,
        )

    return told, _as_json(asked, found.to_plain())


def _correct(asked: _Asked) -> tuple[Told, ToolFile]:
    method = asked.text("method")
    options: dict[str, Any] = {
        "predicted": asked.text("predicted"),
        "gold": asked.text("gold"),
        "label": asked.text("label") or None,
        "probability": asked.text("probability") or None,
        "by": asked.text("by") or None,
        "between": asked.text("between"),
        "method": method if method in ("ppi", "dsl", "rogan-gladen") else "ppi",
    }
    found = api.correct(asked.path, **options, **asked.reading)
    command = _words_of(asked, "correct", options)

    def told(w: Words) -> Found:
        lines = {
            "model_only": w.t("model only (biased)"),
            "people_only": w.t("people only"),
            "corrected": w.t("corrected"),
        }
        by = options["by"] or ""
        groups = {one.quantity.rpartition(f", {by} ")[2] for one in found.corrections}
        figures = [
            (w.t("%(whose)s: %(measure)s", whose=quantity, measure=lines[name]), figure)
            for one in found.corrections
            for quantity in [grouped_quantity_words(w, one.quantity, by, groups)]
            for name, figure in one.lines.items()
        ]
        return Found(
            w.t("The numbers, corrected for the model's errors"),
            figures,
            [(w.t("Rows"), w.number(found.rows)), (w.t("Coded by people"), w.number(found.labelled))],
            [w.told(note) for note in found.notes],
            next=w.t(
                "Report the corrected line. It holds where the coded rows are a random sample of the table."
            ),
            command=command,
        )

    return told, _as_json(asked, found.to_plain())


def _compare(asked: _Asked) -> tuple[Told, ToolFile]:
    options: dict[str, Any] = {
        "columns": [asked.text("first"), asked.text("second")],
        "gold": asked.text("gold") or None,
        "key": asked.text("key") or None,
    }
    # Of two tables each labelling is called as its file is.
    paths = [_under_its_name(file) for file in asked.files[:2]]
    asked.names |= {str(path): f"“{file.name}”" for path, file in zip(paths, asked.files, strict=False)}
    found = api.compare(paths[0], paths[1] if len(paths) > 1 else None, **options, **asked.reading)
    command = _words_of(asked, "compare", options)

    def told(w: Words) -> Found:
        return Found(
            w.t("Both side by side"),
            _figures(w, found.figures),
            [
                (w.t("Rows"), w.number(found.agreement.rows)),
                (w.t("The same in both"), w.number(found.same)),
            ],
            [w.told(note) for note in found.agreement.notes],
            [(one.first, one.second, one.rows) for one in found.moves[:_MOST_MOVES]],
            w.t(
                "The lines of the difference say which one is better. Where an interval leaves 0 out: above 0 the first, below 0 the second."
            )
            if options["gold"]
            else w.t(
                "Without a right column nobody knows which one is better. Have people code a random sample, and choose their column as the right one."
            ),
            command,
            sides=(found.sides[0].name, found.sides[1].name),
        )

    return told, _as_json(asked, found.to_plain())


def _how_many(asked: _Asked) -> tuple[Told, None] | None:
    w = asked.w
    of = asked.numbers.whole("of", w.t("Rows of the table"))
    half_width = asked.numbers.decimal("half_width", w.t("How exact: plus or minus"))
    if asked.numbers.faults:
        return None
    options: dict[str, Any] = {
        "predicted": asked.text("predicted") or None,
        "gold": asked.text("gold") or None,
        "label": asked.text("label") or None,
        "of": of,
        "half_width": half_width,
    }
    found = api.how_many(asked.path if asked.files else None, **options, **asked.reading)
    command = _words_of(asked, "how-many", options)

    def told(w: Words) -> Found:
        facts = [(w.t("What is estimated"), quantity_words(w, found.quantity))]
        if found.rows_people_only is not None:
            facts.append((w.t("Rows to code, by people alone"), w.number(found.rows_people_only)))
        if found.rows_corrected is not None:
            facts.append((w.t("Rows to code, with the model's labels"), w.number(found.rows_corrected)))
        for one in found.curve:
            widths = f"± {one.people_only:.3f}"
            if one.corrected is not None:
                widths += f" · {w.t('corrected')}: ± {one.corrected:.3f}"
            facts.append((w.nt("%(n)s row", "%(n)s rows", one.rows, n=w.number(one.rows)), widths))
        return Found(
            w.t("How many rows to code"),
            facts=facts,
            notes=[w.told(note) for note in found.notes],
            next=w.t(
                "Draw so many rows at random, and have them coded without seeing what the model says: under Human coding."
            ),
            command=command,
        )

    return told, None


def _merge(asked: _Asked) -> tuple[Told, ToolFile]:
    options: dict[str, Any] = {
        "key": asked.text("key"),
        "value": asked.chosen("value"),
        "coder": asked.text("coder") or None,
        "contradictions": asked.text("contradictions") or "refuse",
    }
    # A coder is called as the file is.
    paths = [_under_its_name(file) for file in asked.files]
    asked.names |= {str(path): f"“{file.name}”" for path, file in zip(paths, asked.files, strict=True)}
    out = asked.program.new_tool_file("coded.xlsx")
    target = out.path.with_name("coded.xlsx")
    found = api.merge_coders(paths, target, **options, **asked.reading)
    out.path = target
    words = dict(options)
    if words["contradictions"] == "refuse":
        del words["contradictions"]
    command = f"{_words_of(asked, 'merge-coders', words)} -o coded.xlsx"

    def told(w: Words) -> Found:
        facts = [(w.t("Rows"), w.number(found.rows))]
        facts += [(name, w.number(count)) for name, count in found.columns.items()]
        if found.contradicting:
            facts.append((w.t("Values that contradict another one"), w.number(found.contradicting)))
        if found.repeated:
            facts.append((w.t("Values that are there twice"), w.number(found.repeated)))
        return Found(
            w.t("One table, a column for each coder"),
            facts=facts,
            notes=[w.told(note) for note in found.notes],
            next=w.t("Next: see how far they agree."),
            command=command,
        )

    return told, out


def _of_each_coder(found: Any) -> dict[str, Any]:
    """All measures; of several coders beside a right column those of each, and not their means."""
    if len(found.against_gold) < 2:
        return dict(found.figures)
    figures = {name: figure for name, figure in found.figures.items() if name not in _BESIDE_GOLD}
    for one in found.against_gold:
        figures |= {f"{one.coder}: {name}": figure for name, figure in one.measures.items()}
    return figures


def _under_its_name(file: ToolFile) -> Path:
    """A file, which has another name here, under the one that the person knows, as far as systems take it."""
    name = _IN_NO_NAME.sub("_", file.name.split(".", maxsplit=1)[0])
    name = name.encode()[:_MOST_NAME_BYTES].decode(errors="ignore").strip() or "table"
    path = file.path.with_name(f"{name}{desk.kept_ending(file.path.name)}")
    if not path.exists():
        try:
            # Windows lets nobody but administrators make symbolic links.
            os.link(file.path, path)
        except OSError:
            desk.private_file(path)
            shutil.copyfile(file.path, path)
    return path


def _figures(w: Words, figures: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(column_measure_words(w, name), figure) for name, figure in figures.items()]


def _as_json(asked: _Asked, plain: Mapping[str, Any]) -> ToolFile:
    """Everything that was found, to download."""
    out = asked.program.new_tool_file(f"{Path(asked.files[0].name).stem}.json")
    target = out.path.with_name("numbers.json")
    desk.private_file(target)
    target.write_text(json.dumps(plain, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
    out.path = target
    return out


_DO: Mapping[str, Callable[[_Asked], tuple[Told, ToolFile | None] | None]] = {
    "agree": _agree,
    "correct": _correct,
    "compare": _compare,
    "how-many": _how_many,
    "merge-coders": _merge,
}


def _titles(w: Words) -> dict[str, tuple[str, str]]:
    return {
        "agree": (
            w.t("How far do coders agree?"),
            w.t("Columns with what coders said, people or models: agreement beyond chance, with intervals."),
        ),
        "correct": (
            w.t("Correct numbers for a model's errors"),
            w.t(
                "A column with the model's labels, and one with people's of some rows that were drawn at random."
            ),
        ),
        "compare": (
            w.t("Compare two labellings"),
            w.t(
                "Two columns with labels of the same rows: how often the same, what became what, which is better."
            ),
        ),
        "how-many": (
            w.t("How many rows to code?"),
            w.t("How wide the interval will be, before anyone codes."),
        ),
        "merge-coders": (
            w.t("Put coders' files together"),
            w.t(
                "A file for each coder, or one with a row for each judgement, becomes a table with a column a coder."
            ),
        ),
    }


def show(request: Request) -> Response:
    """The form of one: with what it has found or the files that another tool has, where the address names them."""
    program = program_of(request)
    if "made" in request.query_params:
        return _made(request, made_of(request, _tool(request)))
    carried = [one for one in request.query_params.getlist("file_id") if program.tool_file(one)]
    if not carried:
        return _page(request, {})
    return use(request, FormData([("do", "open"), *(("file_id", one) for one in carried)]))


def _made(request: Request, made: Made) -> Response:
    """What a tool has found, above the form as it was sent."""
    w, program = words_for(request), program_of(request)
    files = files_still_here(program, made).get("file", [])
    asked = _Asked(w, program, FormData([*made.fields]), files)
    values = {"found": made.told(w), **made_values(program, made)}
    try:
        values |= _columns(w, files)
    except RowbatchError as error:
        values["shown"] = explain(w, error, names=asked.names)
    return _shown(request, asked, values)


def use(request: Request, form: FormData) -> Response:
    """Take files, or compute what the form says."""
    w, program, tool = words_for(request), program_of(request), _tool(request)
    asked = _Asked(w, program, form, [])
    values: dict[str, Any] = {}
    try:
        asked.files = _files(program, form, asked.names)
        if not asked.files and tool != "how-many":
            raise UsageError("file-missing")
        if asked.files:
            read_as(form, asked.files[0])
            # Also of a table that cannot be read so.
            values |= ways_values(w, asked.files[0])
        values |= _columns(w, asked.files)
        done = _DO[tool](asked) if text_of(form, "do") == "show" else None
        if done is not None:
            told, out = done
            made = program.keep_made(tool, keep_fields(form), {"file": asked.files}, told, out)
            return see_other(made.address)
    except RowbatchError as error:
        values["shown"] = explain(w, error, names=asked.names)
    return _shown(request, asked, values)


def _shown(request: Request, asked: _Asked, values: dict[str, Any]) -> Response:
    form = asked.form
    return _page(
        request,
        values
        | {
            "files": asked.files,
            "faults": asked.numbers.faults,
            "values": {name: text_of(form, name) for name in form if isinstance(form.get(name), str)},
            "chosen": set(asked.chosen("coders")) | set(asked.chosen("value")),
        },
    )


def _tool(request: Request) -> str:
    return str(request.url.path.rsplit("/", 1)[-1])


def _files(program: Program, form: FormData, names: dict[str, str]) -> list[ToolFile]:
    """Files that are here already, then those that come with the form."""
    found = []
    for value in form.getlist("file_id"):
        known = program.tool_file(value) if isinstance(value, str) else None
        if known is not None:
            note_name(names, known)
            found.append(known)
    for value in (*form.getlist("file"), *form.getlist("second_file")):
        if isinstance(value, UploadFile) and value.filename:
            found.append(keep_file(program, value, names))
    return found


def _columns(w: Words, files: Sequence[ToolFile]) -> dict[str, Any]:
    """How the first file is read; names of its columns and of the second's, and which look like labels."""
    if not files:
        return {}
    said = files[0].said
    header = desk.header_of(files[0].path, said)
    return {
        **ways_values(w, files[0]),
        "header": header,
        "second_header": desk.header_of(files[1].path, said) if len(files) > 1 else header,
        "coded": desk.coded_columns(files[0].path, said),
    }


def _page(request: Request, values: dict[str, Any]) -> Response:
    w, tool = words_for(request), _tool(request)
    title, lead = _titles(w)[tool]
    given = {
        **{"tool": tool, "title": title, "lead": lead, "files": [], "header": (), "second_header": ()},
        **{"coded": [], "chosen": set(), "values": {}, "found": None, "shown": None, "levels": _LEVELS},
        **{"faults": (), "made": "", "out": None, "sheets": (), "fields": (), "is_unread": False},
        **values,
    }
    given["values"] = defaultdict(str, given["values"])
    given["address"] = address_of(request, {"file": given["files"]})
    status = 422 if given["shown"] or given["faults"] else 200
    return page(request, "number_tool.html", nav="tools", status=status, why=w.told, **given)


ROUTES = [
    route
    for name in _DO
    for route in (
        Route(f"/tools/{name}", show),
        Route(f"/tools/{name}", with_form(use), methods=["POST"]),
    )
]
