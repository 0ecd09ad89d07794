"""
What somebody wants to ask, while it is being written: checked, shown as the model will see it, priced, tried.

A draft becomes a run by `make_run`; until then nothing is frozen.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from rowbatch.api import model_list as _models  # noqa: F401 - the user's own prices are known from here on
from rowbatch.api.runs import Hooks, Run, create_planned, model_notes, only_changed_plan
from rowbatch.core.address import check_address, shown_address
from rowbatch.core.codebook import codebook_document, parse_codebook
from rowbatch.core.cost import CostEstimate
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.kinds import KINDS, read_variable
from rowbatch.core.kinds.label import LabelVariable
from rowbatch.core.model_rules import tells_probabilities
from rowbatch.core.numbers import number_of
from rowbatch.core.plan import Asking, Plan, Question, Source
from rowbatch.desk.library import LibraryTable
from rowbatch.desk.readings import Reading
from rowbatch.desk.recipes import draft_of_recipe, looks_like_recipe
from rowbatch.errors import CodebookError, InputError, RowbatchError, UsageError
from rowbatch.providers.catalog import find_model, find_provider, provider_names
from rowbatch.requests.asking import Said, asking_of, efforts_of
from rowbatch.requests.estimate import estimate_asking
from rowbatch.requests.line_tokens import LineTokens, prompt_range
from rowbatch.requests.pipeline import RowRequests
from rowbatch.steps.trial import TrialReport
from rowbatch.store.atomic import write_atomically
from rowbatch.store.codebook_file import read_codebook
from rowbatch.store.home import home
from rowbatch.store.rundir import free_run_path
from rowbatch.tables.base import TableChunk, blank_rows
from rowbatch.tables.formats import open_table
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

FORM_KINDS = tuple(name for name, kind in KINDS.items() if kind.form_rules is not None)
"""Kinds that the form asks for by themselves, with rules of their own."""
TASKS = ("label", "labels", *FORM_KINDS, "text", "codebook")
_YES_NO = {"en": ("yes", "no"), "zh": ("是", "否")}
_UNSURE = {
    "en": ("unsure", "The text does not say enough to decide."),
    "zh": ("不确定", "文本信息不足，无法判断。"),
}
_REASON = {"en": "Give the reason in one short sentence.", "zh": "用一句简短的话说明理由。"}
_TEXTS = (
    "text",
    "question",
    "template",
    "provider",
    "base_url",
    "model",
    "temperature",
    "max_tokens",
    "samples",
    "effort",
)
_OF_SAMPLES = (
    "samples-out-of-range",
    "samples-and-confidence",
    "samples-of-words",
    "samples-of-local",
    "samples-the-same",
)
_OF_CONFIDENCE = ("confidence-of-words", "confidence-not-offered", "confidence-not-told")
_FLAGS = ("unsure", "reason", "dedupe", "confidence", "fresh", "only_changed")
# What of a draft does not change the answer to a row: rows are tried once, however often they will be asked.
_SAME_ANSWERS = ("example_rows", "dedupe", "samples", "fresh", "only_changed")
# So many rows in a row, from all over the table.
_SAMPLE_ROWS, _SAMPLE_CHUNK = 400, 40
_TRIAL_ROWS = 10
_LONG_LABEL = 200
MAX_LABELS = 300
"""More than anybody writes, and than a model can tell apart."""


@dataclass(frozen=True, slots=True)
class DraftLabel:
    """
    A label.

    Attributes:
        name: As it is answered.
        definition: When to use it, when not.
        examples: Texts for which it is right.
    """

    name: str = ""
    definition: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What somebody wants to ask.

    Attributes:
        text: Name of the column with the text.
        task: `label`: one label a text; `labels`: yes or no for each label; one of `FORM_KINDS`: a value of
            this kind; `text`: a short text; `codebook`: the variables of a codebook that was brought along.
        question: What to ask about each text; with a codebook, its instructions.
        labels: The labels.
        rules: What the form says of a kind that has rules of its own: as they were written.
        unsure: Also offer a label for texts that do not say enough.
        reason: Also ask why, in a sentence.
        language: Of the words around the person's own: `en` or `zh`.
        codebook: As codebook files have it.
        template: The message for a row, with `{{column}}`; "" means the text alone.
        provider, base_url, model: Who is asked; "" means the default. A password in the address is not kept.
        temperature, max_tokens, effort: "" means the model's default; the last is of its reasoning.
        dedupe: Ask texts that stand twice once.
        confidence: Ask how sure the model is.
        samples: How often to ask each text; "" means once.
        fresh: Ask texts too whose answer an earlier run has.
        only_changed: Ask only what changed since an earlier run asked these texts.
        example_rows: Rows whose texts became examples.
    """

    text: str = ""
    task: str = "label"
    question: str = ""
    labels: tuple[DraftLabel, ...] = (DraftLabel(), DraftLabel())
    rules: Mapping[str, str] = field(default_factory=dict)
    unsure: bool = False
    reason: bool = False
    language: Literal["en", "zh"] = "en"
    codebook: Mapping[str, Any] = field(default_factory=dict)
    template: str = ""
    provider: str = "local"
    base_url: str = ""
    model: str = ""
    temperature: str = ""
    max_tokens: str = ""
    effort: str = ""
    dedupe: bool = False
    confidence: bool = False
    samples: str = ""
    fresh: bool = False
    only_changed: bool = False
    example_rows: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        # A draft is kept while it is being written, so also before anybody looks at it.
        object.__setattr__(self, "base_url", shown_address(self.base_url))

    def to_plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @property
    def filled_labels(self) -> tuple[DraftLabel, ...]:
        """Labels that have a name."""
        return tuple(label for label in self.labels if label.name.strip())


def read_draft(plain: Mapping[str, Any]) -> Draft:
    """What `Draft.to_plain` gave; what is not known, or is of the wrong kind, is left out."""
    draft = Draft()
    texts: dict[str, Any] = {name: plain[name] for name in _TEXTS if isinstance(plain.get(name), str)}
    flags: dict[str, Any] = {name: bool(plain.get(name, False)) for name in _FLAGS}
    draft = replace(draft, **texts, **flags)
    if plain.get("task") in TASKS:
        draft = replace(draft, task=plain["task"])
    if plain.get("language") in ("en", "zh"):
        draft = replace(draft, language=plain["language"])
    if isinstance(plain.get("codebook"), dict):
        draft = replace(draft, codebook=plain["codebook"])
    if isinstance(plain.get("rules"), Mapping):
        draft = replace(draft, rules={str(name): str(said) for name, said in plain["rules"].items() if said})
    labels = plain.get("labels")
    if isinstance(labels, list | tuple):
        draft = replace(draft, labels=tuple(_label(label) for label in labels if isinstance(label, Mapping)))
    rows = plain.get("example_rows")
    if isinstance(rows, list | tuple):
        draft = replace(draft, example_rows=tuple(row for row in rows if isinstance(row, int)))
    return draft


def _label(plain: Mapping[str, Any]) -> DraftLabel:
    examples = plain.get("examples")
    listed = examples if isinstance(examples, list | tuple) else ()
    return DraftLabel(
        str(plain.get("name") or ""), str(plain.get("definition") or ""), tuple(map(str, listed))
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """
    Something in a draft that keeps it from being asked.

    Attributes:
        place: The field: the name of an attribute of `Draft`, or `labels.3`, or `rules.max`.
        kind: `text-missing`, `question-missing`, `labels-too-few`, `label-twice`, `model-missing`,
            `address-missing`, `address-broken`, `address-with-secret`, `not-a-number`, `rule-contradicts`,
            `codebook-missing`, `column-missing`, or `other` with the rest in `error`.
        name: Of the column that is missing, or "".
        error: Where it came from below, or None.
    """

    place: str
    kind: str
    name: str = ""
    error: RowbatchError | None = None


def faults(draft: Draft, header: Sequence[str]) -> list[Fault]:
    """Everything that keeps a draft from being asked, in the order of the form."""
    found = [*_question_faults(draft, header), *_model_faults(draft)]
    return found or _deeper_faults(draft, header)


def _question_faults(draft: Draft, header: Sequence[str]) -> Iterator[Fault]:
    if list(header).count(draft.text) != 1:
        yield Fault("text", "text-missing")
    if draft.task == "codebook":
        if not draft.codebook:
            yield Fault("codebook", "codebook-missing")
    elif not draft.question.strip():
        yield Fault("question", "question-missing")
    if draft.task in ("label", "labels"):
        yield from _label_faults(draft)
    if draft.task in FORM_KINDS:
        yield from _rule_faults(draft)


def _rule_faults(draft: Draft) -> Iterator[Fault]:
    variable = {"name": draft.task, "kind": draft.task, **_rules(draft)}
    strange = [name for name, said in variable.items() if said is None]
    if strange:
        yield from (Fault(f"rules.{name}", "not-a-number") for name in strange)
        return
    for place, _ in read_variable(variable).faults():
        yield Fault(f"rules.{place[0]}", "rule-contradicts")


def _rules(draft: Draft) -> dict[str, int | float | bool | None]:
    """The rules of the form, as codebook files have them; None for what is no number."""
    found: dict[str, int | float | bool | None] = {}
    for name, holds in (KINDS[draft.task].form_rules or {}).items():
        said = draft.rules.get(name, "").strip()
        if said:
            found[name] = True if holds == "flag" else number_of(said)
    return found


def _model_faults(draft: Draft) -> Iterator[Fault]:
    try:
        provider = find_provider(draft.provider)
    except UsageError as error:
        yield Fault("provider", "other", error=error)
        return
    if not (draft.model.strip() or provider.default_model):
        yield Fault("model", "model-missing")
    if not (draft.base_url.strip() or provider.base_url or provider.name == "local"):
        yield Fault("base_url", "address-missing")
    try:
        if draft.base_url.strip():
            check_address(draft.base_url)
    except UsageError as error:
        yield Fault("base_url", "address-broken" if error.kind == "address-broken" else "address-with-secret")
    for name in ("temperature", "max_tokens", "samples"):
        said = getattr(draft, name).strip()
        if said and _number(said) is None:
            yield Fault(name, "not-a-number")


def _deeper_faults(draft: Draft, header: Sequence[str]) -> list[Fault]:
    """What is only seen when the parts are put together."""
    try:
        codebook_of_draft(draft)
    except RowbatchError as error:
        return [Fault("codebook" if draft.task == "codebook" else "labels", "other", error=error)]
    try:
        question = question_of_draft(draft)
        asking_of_draft(draft, question)
    except RowbatchError as error:
        places = dict.fromkeys(_OF_CONFIDENCE, "confidence") | dict.fromkeys(_OF_SAMPLES, "samples")
        place = places.get(error.kind, "template")
        return [Fault(place, "other", error=error)]
    return [
        Fault("template", "column-missing", name)
        for name in question.columns
        if list(header).count(name) != 1
    ]


def _label_faults(draft: Draft) -> list[Fault]:
    found = []
    least = 2 if draft.task == "label" else 1
    if len(draft.filled_labels) < least:
        found.append(Fault("labels", "labels-too-few"))
    seen: set[str] = set()
    for position, label in enumerate(draft.labels):
        name = label.name.strip().casefold()
        if name and name in seen:
            found.append(Fault(f"labels.{position}", "label-twice"))
        seen.add(name)
    return found


def codebook_of_draft(draft: Draft) -> Codebook:
    """
    The codebook that a draft stands for.

    Raises:
        CodebookError: It is not complete, or contradicts itself.
    """
    if draft.task == "codebook":
        return parse_codebook({**draft.codebook})
    question = draft.question.strip()
    variables: list[dict[str, Any]] = []
    instructions = ""
    if draft.task == "label":
        labels = [_plain_label(label) for label in draft.filled_labels]
        if draft.unsure:
            name, definition = _UNSURE[draft.language]
            labels.append({"name": name, "definition": definition})
        variables.append({"name": "label", "question": question, "labels": labels})
    elif draft.task == "labels":
        instructions = question
        yes, no = _YES_NO[draft.language]
        for number, label in enumerate(draft.filled_labels, start=1):
            asked = label.name.strip() + (f": {label.definition.strip()}" if label.definition.strip() else "")
            answers = [{"name": yes, "examples": list(label.examples)}, {"name": no}]
            if draft.unsure:
                answers.append({"name": _UNSURE[draft.language][0]})
            variables.append({"name": _column_name(label.name, number), "question": asked, "labels": answers})
    elif draft.task in FORM_KINDS:
        variables.append({"name": draft.task, "kind": draft.task, "question": question, **_rules(draft)})
    else:
        instructions = question
        if draft.reason:
            variables.append({"name": "answer"})
    if draft.reason:
        variables.append({"name": "reason", "question": _REASON[draft.language]})
    return parse_codebook({"instructions": instructions, "variables": variables, "language": draft.language})


def _plain_label(label: DraftLabel) -> dict[str, Any]:
    return {
        "name": label.name.strip(),
        "definition": label.definition.strip(),
        "examples": [example.strip() for example in label.examples if example.strip()],
    }


def _column_name(label: str, number: int) -> str:
    name = re.sub(r"[^A-Za-z0-9_]+", "_", label).strip("_")
    return name[:64] if re.match(r"[A-Za-z]", name) and name != "reason" else f"label_{number}"


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def question_of_draft(draft: Draft) -> Question:
    """
    What a draft asks of each row.

    Raises:
        CodebookError, UsageError: It is not complete, or contradicts itself.
    """
    return Question(
        text=draft.text,
        template=draft.template.strip(),
        answer=codebook_document(codebook_of_draft(draft)),
    )


def asking_of_draft(draft: Draft, question: Question) -> Asking:
    """
    Whom a draft asks, and how.

    Raises:
        UsageError: There is no such provider, or no model.
    """
    said = _number(draft.max_tokens)
    return asking_of(
        question,
        Said(
            _number(draft.temperature),
            int(said) if said else None,
            # What was chosen for another model is not meant for this one.
            reasoning_effort=draft.effort if draft.effort in efforts_of_draft(draft) else "",
        ),
        provider=draft.provider,
        model=draft.model.strip(),
        base_url=draft.base_url.strip(),
        dedupe=draft.dedupe,
        confidence=draft.confidence,
        samples=int(_number(draft.samples) or 1),
        fresh=draft.fresh,
    )


def can_tell_confidence(draft: Draft) -> bool:
    """Whether the provider and the model of a draft tell how sure they are, as far as is known."""
    provider = find_provider(draft.provider)
    if provider.token_alternatives is None:
        return False
    known = find_model(provider.name, draft.model.strip() or provider.default_model)
    return known is None or tells_probabilities(known.rules, Endpoint.CHAT, {})


def efforts_of_draft(draft: Draft) -> tuple[str, ...]:
    """The reasoning efforts that its model takes."""
    model = draft.model.strip()
    return efforts_of(draft.provider, model) if model and draft.provider in provider_names() else ()


def limit_of_draft(draft: Draft) -> int | None:
    """The longest answer that a draft asks for, in tokens; None where nothing limits it."""
    return asking_of_draft(draft, question_of_draft(draft)).output_limit


def _requests_of_draft(draft: Draft, reading: Reading) -> RowRequests:
    question = question_of_draft(draft)

    def position(name: str) -> int:
        if list(reading.header).count(name) != 1:
            raise UsageError("column-missing", name=name)
        return reading.header.index(name)

    return RowRequests(question, asking_of_draft(draft, question), position, reading.path)


@dataclass(frozen=True, slots=True)
class RowPreview:
    """
    What the model will see of one row.

    Attributes:
        row: Its number.
        instructions: What it is told first.
        message: What it is told of the row.
        body: The whole request, as it would be sent.
        is_empty: The row has no text and will not be asked.
    """

    row: int
    instructions: str
    message: str
    body: Mapping[str, Any]
    is_empty: bool


def preview_row(draft: Draft, reading: Reading, row: int) -> RowPreview:
    """
    Show what the model will see of one row.

    Raises:
        RowbatchError: The draft is not complete yet; `faults` says where.
    """
    view = reading.view
    if view is None or not view.state.rows:
        raise InputError("table-not-read-yet")
    number = max(1, min(row, view.state.rows))
    requests = _requests_of_draft(draft, reading)
    chunk = TableChunk(number, view.frame(number, 1))
    cells, settings = requests.cells(chunk, 0), requests.settings
    return RowPreview(
        row=number,
        instructions=settings.system.render({}) if settings.system else "",
        message=settings.user.render(cells),
        body=settings.body_preview(cells),
        is_empty=bool(blank_rows(chunk.frame, requests.asked)[0]),
    )


@dataclass(frozen=True, slots=True)
class DraftEstimate:
    """
    What a draft will take, before it is built.

    Attributes:
        rows: Of the table that were read so far.
        requests: Of these, rows with a text.
        cost: By a sample of the rows.
        is_measured: Answers were measured on rows that were tried.
        notes: What is changed so that the model takes it, and what is coming to the model.
    """

    rows: int
    requests: int
    cost: CostEstimate
    is_measured: bool
    notes: tuple[Notice, ...]


def estimate_draft(draft: Draft, reading: Reading, measured: float | None = None) -> DraftEstimate:
    """
    Price a draft by a sample of the rows.

    Args:
        draft: Complete.
        reading: Of its table.
        measured: Mean tokens of an answer, where rows were tried.
    Raises:
        RowbatchError: The draft is not complete.
    """
    view = reading.view
    rows = view.state.rows if view else 0
    requests = _requests_of_draft(draft, reading)
    question, asking = requests.question, requests.asking
    tokens = size = asked = seen = 0
    counter = None if find_provider(asking.provider).is_free else LineTokens(asking.model)
    starts = range(1, rows + 1, max(1, rows // _SAMPLE_ROWS) * _SAMPLE_CHUNK)
    parts = [(start, view.frame(start, _SAMPLE_CHUNK)) for start in starts] if view else []
    for start, frame in parts:
        found = requests.of(TableChunk(start, frame))
        seen += frame.height
        asked += len(found.lines)
        size += int(found.lines.sizes.sum())
        tokens += sum(map(counter.count, found.lines.to_list())) if counter is not None else 0
    count = round(rows * asked / seen) if seen else 0
    profile = reading.profile()
    if profile is not None and len(requests.asked) == 1:
        count = (rows - profile.empty[requests.asked[0]]) * asking.samples
    scale = count / asked if asked else 0.0
    prompts = prompt_range(asking.model, round(tokens * scale), count, round(size * scale))
    cost = estimate_asking(question, asking, count, prompts, measured=measured)
    notes = (*asking.notes, *model_notes(asking.provider, asking.model))
    return DraftEstimate(rows, count // asking.samples, cost, measured is not None, notes)


@dataclass(frozen=True, slots=True)
class DraftTrial:
    """
    Rows that were tried with a draft.

    Attributes:
        numbers: Their numbers in the table, in the order of `report.rows`.
        report: Answers and cost.
    """

    numbers: tuple[int, ...]
    report: TrialReport


def trial_key(draft: Draft) -> str:
    """The same for drafts that ask the same."""
    told = {name: value for name, value in draft.to_plain().items() if name not in _SAME_ANSWERS}
    # As it was before there were rules, so that what was made of a draft then is found.
    if not told["rules"]:
        del told["rules"]
    if not told["confidence"]:
        del told["confidence"]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def try_draft(
    table: LibraryTable,
    draft: Draft,
    reading: Reading,
    *,
    rows: int = _TRIAL_ROWS,
    hooks: Hooks | None = None,
) -> DraftTrial:
    """
    Ask a few rows one by one, at once. Rows that were tried with the same draft are not asked again.

    Args:
        table: Its table.
        draft: Complete.
        reading: Of the table.
        rows: How many, spread over the rows that have a text.
        hooks: Told how it goes.
    Raises:
        ServiceError: The provider refused, or cannot be reached.
        InputError: The table was removed.
    """
    # Answers are to be seen, and measured; so these rows are asked, once each.
    plan = plan_of_draft(replace(draft, samples="", fresh=True), Source(Path("frame"), name=table.info.name))
    numbers, frame = _trial_rows(plan.question, reading, rows)
    if not numbers:
        raise UsageError("no-row-has-text", rows=reading.rows)
    place = table.folder / "tries" / trial_key(draft)
    try:
        with table.kept():
            run = (
                Run(place)
                if (place / "run.toml").is_file()
                else create_planned(plan, place, frame=frame, is_listed=False)
            )
            if not (place / "rows.json").is_file():
                write_atomically(place / "rows.json", json.dumps(numbers).encode(), overwrite=True)
        asked = json.loads((place / "rows.json").read_text(encoding="utf-8"))
        report = run.try_rows(rows, hooks)
    finally:
        table.remove_leftovers()
    return DraftTrial(tuple(asked[tried.row - 1] for tried in report.rows), report)


def _trial_rows(question: Question, reading: Reading, count: int) -> tuple[list[int], pl.DataFrame]:
    view = reading.view
    if view is None:
        return [], pl.DataFrame()
    total = view.state.rows
    numbers: list[int] = []
    frames: list[pl.DataFrame] = []
    asked = [str(reading.header.index(name)) for name in question.asked_columns]
    for index in range(count):
        start = index * total // count + 1
        stop = (index + 1) * total // count
        # The first row of each part of the table that has a text.
        part = view.frame(start, min(200, stop - start + 1))
        filled = part.select(
            pl.any_horizontal(pl.col(key).str.strip_chars() != "" for key in asked)
        ).to_series()
        at = filled.arg_max() if filled.any() else None
        if at is not None:
            numbers.append(start + at)
            frames.append(part[at : at + 1])
    if not frames:
        return [], pl.DataFrame()
    frame = pl.concat(frames)
    needed = question.columns
    chosen = frame.select(
        pl.col(str(reading.header.index(name))).alias(name) for name in needed if name in reading.header
    )
    return numbers, chosen


def plan_of_draft(draft: Draft, source: Source) -> Plan:
    """
    The plan that a draft stands for.

    Raises:
        CodebookError, UsageError: It is not complete, or contradicts itself.
    """
    question = question_of_draft(draft)
    return Plan(source, question, asking_of_draft(draft, question))


def runs_folder() -> Path:
    """Where runs lie that were not made in a folder of the user's."""
    return home() / "runs"


def make_run(table: LibraryTable, draft: Draft) -> Run:
    """
    Make a run of a draft: everything is checked and frozen; nothing is sent.

    Raises:
        TableError, CodebookError, UsageError: Something does not fit; nothing was made.
    """
    table.require_file()
    stem = table.info.name.rsplit(".", 1)[0]
    source = Source(table.info.path, reading=table.info.reading, name=table.info.name)
    plan = plan_of_draft(draft, source)
    if draft.only_changed:
        plan = only_changed_plan(
            plan, lambda question: replace(plan, question=question, asking=asking_of_draft(draft, question))
        )
    return create_planned(plan, free_run_path(runs_folder(), stem))


def labels_from_table(path: Path) -> tuple[DraftLabel, ...]:
    """
    Read a codebook that is a table: labels in the first column, or in one called `label` or `name`; their
    definitions in the second, or in one called `definition`; examples in columns called `example…`.

    Raises:
        TableError: It cannot be read.
        CodebookError: There is no label in it.
    """
    table = open_table(path)
    names = [name.strip().casefold() for name in table.header]

    def find(known: tuple[str, ...], otherwise: int) -> int:
        return next((names.index(name) for name in known if name in names), otherwise)

    label = find(("label", "name", "code", "category", "标签", "类别", "名称"), 0)
    definition = find(("definition", "description", "meaning", "定义", "说明"), 1 if label == 0 else 0)
    found = []
    for chunk in table.chunks():
        for cells in chunk.frame.rows():
            if cells[label].strip():
                others = [
                    cell.strip()
                    for position, cell in enumerate(cells)
                    if position not in (label, definition) and "exampl" in names[position] and cell.strip()
                ]
                defined = cells[definition].strip() if definition < len(cells) and definition != label else ""
                found.append(DraftLabel(cells[label].strip(), defined, tuple(others)))
    if not found:
        raise CodebookError("no-label-in-table")
    if len(found) > MAX_LABELS:
        raise CodebookError("too-many-labels", labels=len(found), most=MAX_LABELS)
    longest = max(found, key=lambda one: len(one.name)).name
    if len(longest) > _LONG_LABEL:
        raise CodebookError("texts-for-labels", chars=len(longest))
    return tuple(found)


def draft_from_file(path: Path, draft: Draft) -> Draft:
    """
    Take over what a file says: a recipe, a codebook (YAML), or a table of labels.

    Args:
        path: Handed over by a person.
        draft: What is there; what the file does not say stays.
    Raises:
        RowbatchError: It is none of these.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if looks_like_recipe(head):
        return draft_of_recipe(path, draft)
    if re.match(
        rb"\s*(#[^\n]*\n\s*)*(instructions|variables|language)\s*:", head.removeprefix(b"\xef\xbb\xbf")
    ):
        return _with_codebook(draft, read_codebook(path))
    return replace(
        draft,
        task=draft.task if draft.task in ("label", "labels") else "label",
        labels=labels_from_table(path),
    )


def _with_codebook(draft: Draft, book: Codebook) -> Draft:
    """A codebook that the form could have made is edited in the form; another one is taken as it is."""
    only = book.variables[0] if len(book.variables) == 1 else None
    if (
        isinstance(only, LabelVariable)
        and only.name == "label"
        and not any(label.aliases for label in only.labels)
    ):
        question = "\n\n".join(filter(None, (book.instructions, only.question)))
        labels = tuple(DraftLabel(one.name, one.definition, one.examples) for one in only.labels)
        return replace(
            draft,
            task="label",
            question=question,
            labels=labels,
            language=book.language,
            unsure=False,
            reason=False,
        )
    if only is not None and only.kind in FORM_KINDS and only.name == only.kind:
        return replace(
            draft,
            task=only.kind,
            question="\n\n".join(filter(None, (book.instructions, only.question))),
            rules=only.form_values(),
            language=book.language,
            reason=False,
        )
    return replace(draft, task="codebook", codebook=book.model_dump(mode="json"), language=book.language)
