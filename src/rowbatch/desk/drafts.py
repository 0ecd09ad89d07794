"""
What somebody wants to ask, while it is being written: checked, shown as the model will see it, priced, tried.

A draft becomes a run by `make_run`; until then nothing is frozen.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from rowbatch.api import model_list as _models  # noqa: F401 - the user's own prices are known from here on
from rowbatch.api.hooks import Hooks
from rowbatch.api.runs import Run, create_planned, model_notes, only_changed_plan
from rowbatch.core.address import check_address, shown_address
from rowbatch.core.codebook import codebook_document, instructions_text, parse_codebook
from rowbatch.core.cost import CostEstimate
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.model_rules import tells_probabilities
from rowbatch.core.plan import Asking, Plan, Question, Source
from rowbatch.core.states import RowStatus
from rowbatch.desk.library import LibraryTable
from rowbatch.desk.questions import (
    DraftLabel,
    DraftQuestion,
    Fault,
    codebook_faults,
    question_faults,
    questions_document,
    questions_of_before,
    questions_of_codebook,
    read_questions,
    told_before,
)
from rowbatch.desk.readings import Reading
from rowbatch.desk.recipes import draft_of_recipe, looks_like_recipe
from rowbatch.desk.tried import has_text_in, place_of_trial, rows_by_chance
from rowbatch.errors import CodebookError, InputError, RowbatchError, UsageError
from rowbatch.providers.catalog import find_model, find_provider, provider_names
from rowbatch.requests.asking import Said, asking_of, efforts_of
from rowbatch.requests.estimate import estimate_asking
from rowbatch.requests.line_tokens import LineTokens, prompt_range
from rowbatch.requests.pipeline import RowRequests
from rowbatch.results.quotes import PlacedQuotes
from rowbatch.steps.trial import TrialReport
from rowbatch.store.atomic import write_atomically
from rowbatch.store.home import home
from rowbatch.store.rundir import free_run_path
from rowbatch.store.view import TableView
from rowbatch.tables.base import TableChunk, blank_rows
from rowbatch.tools.codebooks import (
    is_label_list,
    load_codebook,
    load_table,
    looks_like_codebook_file,
    read_label_list,
)
from rowbatch.tools.ready_codebooks import ready_codebook
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

TEXT_FIELDS = (
    "text",
    "instructions",
    "template",
    "provider",
    "base_url",
    "model",
    "temperature",
    "max_tokens",
    "samples",
    "effort",
)
"""Fields of a draft that hold a text, under the same names in the form."""
_OF_SAMPLES = (
    "samples-out-of-range",
    "samples-and-confidence",
    "samples-of-words",
    "samples-of-local",
    "samples-the-same",
)
_OF_CONFIDENCE = ("confidence-of-words", "confidence-not-offered", "confidence-not-told")
_FLAGS = ("dedupe", "confidence", "fresh", "only_changed")
# What of a draft does not change the answer to a row: rows are tried once, however often they will be asked.
_SAME_ANSWERS = ("example_rows", "dedupe", "samples", "fresh", "only_changed")
# So many rows in a row, from all over the table.
_SAMPLE_ROWS, _SAMPLE_CHUNK = 400, 40
_TRIAL_ROWS = 10
_SUMMARY_CHARS = 120


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What somebody wants to ask.

    Attributes:
        text: Name of the column with the text.
        instructions: What the model is told before the questions.
        questions: What to ask about each text; at least one.
        language: Of the words around the person's own: `en` or `zh`.
        codebook: What is asked in the place of the questions: a codebook that the form cannot hold, as
            codebook files have it; or {}.
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
    instructions: str = ""
    questions: tuple[DraftQuestion, ...] = (DraftQuestion(),)
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
    def is_begun(self) -> bool:
        """Whether something is asked, complete or not."""
        written = any(one.question or one.name for one in self.questions)
        return bool(self.codebook or self.instructions or written)

    @property
    def summary(self) -> str:
        """What it asks, in a line."""
        if self.codebook:
            return str(self.codebook.get("instructions") or "…")[:_SUMMARY_CHARS]
        first = self.questions[0]
        asked = first.question.strip() or self.instructions.strip() or "…"
        named = ", ".join(label.name.strip() for label in first.filled_labels)
        told = asked[:_SUMMARY_CHARS]
        return f"{told} ({named[:_SUMMARY_CHARS]})" if named else told


def read_draft(plain: Mapping[str, Any]) -> Draft:
    """What `Draft.to_plain` gave; what is not known, or is of the wrong kind, is left out."""
    draft = Draft()
    texts: dict[str, Any] = {name: plain[name] for name in TEXT_FIELDS if isinstance(plain.get(name), str)}
    flags: dict[str, Any] = {name: bool(plain.get(name, False)) for name in _FLAGS}
    draft = replace(draft, **texts, **flags)
    if plain.get("language") in ("en", "zh"):
        draft = replace(draft, language=plain["language"])
    rows = plain.get("example_rows")
    if isinstance(rows, list | tuple):
        draft = replace(draft, example_rows=tuple(row for row in rows if isinstance(row, int)))
    book = plain.get("codebook")
    if isinstance(plain.get("questions"), list | tuple):
        draft = replace(draft, questions=read_questions(plain["questions"]))
        return replace(draft, codebook=book) if isinstance(book, dict) else draft
    if plain.get("task") == "codebook" and isinstance(book, dict) and book:
        return _with_kept_codebook(draft, book)
    instructions, questions = questions_of_before(plain)
    return replace(draft, instructions=instructions, questions=questions)


def _with_kept_codebook(draft: Draft, document: Mapping[str, Any]) -> Draft:
    try:
        return with_codebook(draft, parse_codebook({**document}))
    except CodebookError:
        # Its faults are told when somebody looks at it.
        return replace(draft, codebook=document)


def faults(draft: Draft, header: Sequence[str]) -> list[Fault]:
    """Everything that keeps a draft from being asked, in the order of the form."""
    found = [*_question_faults(draft, header), *_model_faults(draft)]
    return found or _deeper_faults(draft, header)


def _question_faults(draft: Draft, header: Sequence[str]) -> Iterator[Fault]:
    if not draft.text or list(header).count(draft.text) != 1:
        yield Fault("text", "text-missing")
    if not draft.codebook:
        yield from question_faults(draft.questions, draft.instructions)


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
    except CodebookError as error:
        if draft.codebook:
            return [Fault("codebook", "other", error=error)]
        return list(codebook_faults(draft.questions, error))
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


def codebook_of_draft(draft: Draft) -> Codebook:
    """
    The codebook that a draft stands for.

    Raises:
        CodebookError: It is not complete, or contradicts itself.
    """
    if draft.codebook:
        return parse_codebook({**draft.codebook})
    return parse_codebook(questions_document(draft.instructions, draft.questions, draft.language))


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

    return RowRequests(
        question, asking_of_draft(draft, question), position, reading.path, not_asked=reading.not_asked
    )


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
        is_empty=bool(blank_rows(chunk.frame, requests.asked, reading.not_asked)[0]),
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
        report: Answers and cost; a quote that does not stand in its text is invalid, as in a labelled table.
        shown: Places of the columns that a model was asked for: not those that say where quotes stand.
    """

    numbers: tuple[int, ...]
    report: TrialReport
    shown: tuple[int, ...]


def trial_key(draft: Draft) -> str:
    """The same for drafts that ask the same."""
    told = {name: value for name, value in draft.to_plain().items() if name not in _SAME_ANSWERS}
    # As it was before there were these, so that what was made of a draft then is found.
    told = {name: value for name, value in told.items() if value or name not in ("confidence", "effort")}
    before = told_before(draft.questions[0]) if len(draft.questions) == 1 and not draft.instructions else None
    if before is not None:
        # The same, before there were several questions.
        del told["questions"], told["instructions"]
        told |= before
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def try_draft(
    table: LibraryTable,
    draft: Draft,
    reading: Reading,
    *,
    rows: int = _TRIAL_ROWS,
    ten: int = 0,
    hooks: Hooks | None = None,
) -> DraftTrial:
    """
    Ask a few rows one by one, at once. Rows that were tried with the same draft are not asked again.

    Args:
        table: Its table.
        draft: Complete.
        reading: Of the table.
        rows: How many.
        ten: Which: 0 for rows spread over those that have a text, n for the n-th further ones at random.
        hooks: Told how it goes, from the first answer on.
    Raises:
        ServiceError: The provider refused, or cannot be reached.
        InputError: The table was removed.
        UsageError: No row has a text, or each was tried.
    """
    # Answers are to be seen, and measured; so these rows are asked, once each.
    plan = plan_of_draft(replace(draft, samples="", fresh=True), Source(Path("frame"), name=table.info.name))
    numbers, frame = _trial_rows(plan.question, reading, rows, ten, draft.example_rows)
    if not numbers:
        raise UsageError("no-more-rows-to-try" if ten else "no-row-has-text", rows=reading.rows)
    place = place_of_trial(table, trial_key(draft), ten)
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
        # What is built is no answer, and not told as one.
        run.build(Hooks())
        report = run.try_rows(rows, hooks)
    finally:
        table.remove_leftovers()
    found = tuple(asked[tried.row - 1] for tried in report.rows)
    book = plan.question.codebook
    shown = tuple(place for place, one in enumerate(book.answers) if not one.is_computed)
    return DraftTrial(found, _with_checked_quotes(report, plan.question, reading, found), shown)


def _with_checked_quotes(
    report: TrialReport, question: Question, reading: Reading, numbers: Sequence[int]
) -> TrialReport:
    """A report with each quote looked up in the text of its row, as it is where a table is written."""
    names = (question.text,) if question.text else question.user.columns
    quotes = PlacedQuotes(question.codebook, [str(reading.header.index(name)) for name in names])
    if not quotes.are_there or not numbers or reading.view is None:
        return report
    answers = pl.DataFrame(
        {
            "row": range(1, len(numbers) + 1),
            **{
                str(place): [tried.values[place] if tried.values else "" for tried in report.rows]
                for place in range(len(report.columns))
            },
            "status": [tried.status.value for tried in report.rows],
            "status_reason": [tried.reason for tried in report.rows],
            "raw_answer": [tried.raw for tried in report.rows],
        }
    )
    checked = quotes.checked(answers, TableChunk(1, reading.view.take(list(numbers))))
    rows = tuple(
        replace(
            tried,
            status=RowStatus(told["status"]),
            reason=told["status_reason"],
            values=tuple(told[str(place)] for place in range(len(report.columns))),
        )
        for tried, told in zip(report.rows, checked.rows(named=True), strict=True)
    )
    return replace(report, rows=rows)


def _trial_rows(
    question: Question, reading: Reading, count: int, ten: int, taught: Sequence[int]
) -> tuple[list[int], pl.DataFrame]:
    view = reading.view
    if view is None:
        return [], pl.DataFrame()
    asked = [str(reading.header.index(name)) for name in question.asked_columns]
    numbers = _spread_rows(view, asked, count)
    if ten:
        # What stands in the codebook proves nothing.
        numbers = rows_by_chance(view, asked, count, ten, {*numbers, *taught})
    if not numbers:
        return [], pl.DataFrame()
    chosen = view.take(numbers).select(
        pl.col(str(reading.header.index(name))).alias(name)
        for name in question.columns
        if name in reading.header
    )
    return numbers, chosen


def _spread_rows(view: TableView, asked: Sequence[str], count: int) -> list[int]:
    """The first row that has a text of each part of the table."""
    total = view.state.rows
    numbers: list[int] = []
    for index in range(count):
        start = index * total // count + 1
        stop = (index + 1) * total // count
        part = view.frame(start, min(200, stop - start + 1))
        filled = part.select(has_text_in(asked)).to_series()
        at = filled.arg_max() if filled.any() else None
        if at is not None:
            numbers.append(start + at)
    return numbers


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
    Read a list of labels: in the first column, or in one called `label` or `name`; their definitions in the
    second, or in one called `definition`; examples in columns called `example…`, other spellings in one
    called `aliases`.

    Raises:
        TableError: It cannot be read.
        CodebookError: There is no label in it.
    """
    return tuple(
        DraftLabel(
            one["name"],
            one.get("definition", ""),
            tuple(one.get("examples", ())),
            tuple(one.get("aliases", ())),
        )
        for one in read_label_list(path)
    )


def draft_from_file(path: Path, draft: Draft) -> Draft:
    """
    Take over what a file says: a recipe, a codebook in any form, or a table of labels.

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
    if looks_like_codebook_file(path):
        return with_codebook(draft, load_codebook(path).codebook)
    if not is_label_list(path):
        return with_codebook(draft, load_table(path).codebook)
    first, *others = draft.questions
    first = replace(first, kind=first.kind if first.has_labels else "label", labels=labels_from_table(path))
    return replace(draft, questions=(first, *others), codebook={})


def draft_from_ready(name: str, language: str, draft: Draft) -> Draft:
    """
    Ask what a codebook asks that comes along.

    Args:
        name, language: As `ready_codebook` takes them.
        draft: What is there; column, model and settings stay.
    Raises:
        UsageError: There is no such codebook.
    """
    return with_codebook(draft, ready_codebook(name, language).codebook)


def with_codebook(draft: Draft, book: Codebook) -> Draft:
    """A draft that asks what a codebook asks: in the form where it can hold that, else as it is."""
    draft = replace(draft, language=book.language)
    found = questions_of_codebook(book)
    if found is not None:
        instructions, questions = found
        made = replace(draft, instructions=instructions, questions=questions, codebook={})
        try:
            if _asks_the_same(codebook_of_draft(made), book):
                return made
        except CodebookError:
            pass
    return replace(draft, instructions="", questions=(DraftQuestion(),), codebook=codebook_document(book))


def _asks_the_same(one: Codebook, other: Codebook) -> bool:
    """Whether two codebooks are alike but for how the right answers of examples are spelled."""
    told, others = (
        [{**variable.to_plain(), "examples": len(variable.examples)} for variable in book.variables]
        for book in (one, other)
    )
    return told == others and instructions_text(one) == instructions_text(other)
