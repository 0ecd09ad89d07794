"""
What is asked, of which table, of whom, how, and where the answers go: one value, made once and for all doors.

    Plan
    ├── Source    the table, and how it is read
    ├── Question  what is asked of each row
    ├── Asking    who is asked, and with which parameters
    ├── Panel     which further models are asked the same; of most plans none
    ├── Output    where the labelled table goes
    └── Policy    the pace, the cap, what is decided beforehand

A recipe is a plan without its source. Whoever has a plan has all that requests, prices and answers depend on;
nothing of it is decided again by the door that it came through.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rowbatch.core.endpoint import LIMITS, Endpoint, answer_format, output_limit
from rowbatch.core.policy import Policy
from rowbatch.core.table_options import ReadOptions, WriteOptions
from rowbatch.core.template import Template
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook

ROW_PREFIX = "row-"
"""What stands before the row's number in the `custom_id` of a run."""


@dataclass(frozen=True, slots=True)
class Source:
    """
    A table, and how it is read.

    Attributes:
        path: A file, or a folder of texts.
        sha256, size_bytes: Of it when the plan was made; "" and 0 where nothing depends on them.
        reading: How it is read.
        encoding_guessed: Its encoding, if nothing said it but the text itself; else "".
        name: What people call it, where that is not the name of its file; else "".
        origin: The address on object storage that `path` is a copy of; or "".
        origin_version: Which version of it, as the store says; or "".
    """

    path: Path
    sha256: str = ""
    size_bytes: int = 0
    reading: ReadOptions = field(default_factory=ReadOptions)
    encoding_guessed: str = ""
    name: str = ""
    origin: str = ""
    origin_version: str = ""

    @property
    def shown_name(self) -> str:
        """What people call it."""
        return self.name or self.path.name


@dataclass(frozen=True, slots=True)
class Question:
    """
    What is asked of each row.

    Attributes:
        text: Name of the column with the text; "" when `template` names all columns.
        template: The user message, with `{{column}}`; "" means the text alone.
        answer: The codebook, as a codebook file has it; empty for none, which is free text.
        system: The system message, with `{{column}}`, of requests that have no codebook; or "".
        image: Column with an image beside the text; or "".
        image_folder: Where the files lie that it names; None means that it holds addresses of the web.
        kept: Names of variables that are not asked: their values are those of an earlier run.
        kept_from: Where that run lay.
    Raises:
        UsageError: Its parts do not fit together.
    """

    text: str = ""
    template: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    system: str = ""
    image: str = ""
    image_folder: Path | None = None
    kept: tuple[str, ...] = ()
    kept_from: Path | None = None

    def __post_init__(self) -> None:
        if not self.text and not self.template:
            raise UsageError("question-without-column")
        if self.template and not Template.parse(self.template).columns:
            raise UsageError("template-without-column", column=self.text or "column")
        if self.image_folder is not None and not self.image:
            raise UsageError("image-folder-without-column")

    @property
    def codebook(self) -> Codebook:
        """All variables of the labelled table."""
        return _codebook(json.dumps(dict(self.answer), sort_keys=False))

    @property
    def asked_codebook(self) -> Codebook:
        """
        What the model is asked, and its answers are read through: the variables that are not kept.

        Raises:
            CodebookError: One of these says something of one that is kept.
        """
        if not self.kept:
            return self.codebook
        asked = [one for one in self.answer["variables"] if one["name"] not in self.kept]
        return _codebook(json.dumps({**self.answer, "variables": asked}, sort_keys=False))

    @property
    def user(self) -> Template:
        """The user message of a row."""
        return Template.parse(self.template) if self.template else Template.column_only(self.text)

    @property
    def instructions(self) -> Template | None:
        """The system message, or None."""
        if self.system:
            return Template.parse(self.system)
        if not self.answer:
            return None
        from rowbatch.core.codebook import instructions_text

        # The person's own words, not a template: braces in them are braces.
        text = instructions_text(self.asked_codebook)
        return Template.literal(text) if text else None

    @property
    def asked_columns(self) -> tuple[str, ...]:
        """Columns whose emptiness makes a row empty: it is not asked, or asked about nothing."""
        names = (self.text,) if self.text else self.user.columns
        return tuple(dict.fromkeys((*names, *((self.image,) if self.image else ()))))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a request is made of, each once."""
        system = self.instructions
        image = (self.image,) if self.image else ()
        return tuple(dict.fromkeys((*(system.columns if system else ()), *self.user.columns, *image)))


@lru_cache(maxsize=32)
def _codebook(document: str) -> Codebook:
    from rowbatch.core.codebook import parse_codebook

    return parse_codebook(json.loads(document))


@dataclass(frozen=True, slots=True)
class Asking:
    """
    Who is asked, and how.

    Attributes:
        provider: Its name in the catalog; "" where it does not matter.
        model: As the provider names it.
        base_url: Address of its API; "" for the server on this computer.
        endpoint: Which endpoint.
        parameters: Of each request, as the model takes them; without the form of the answer.
        is_limit_ours: Nobody said how long an answer may be: the output limit among the parameters is ours.
        dedupe: Rows that ask the same are asked once.
        confidence: How sure the model was of each value is wanted, by the probabilities of its tokens. What
            asks the provider for these stands among the parameters.
        samples: How often each row is asked: the commonest value counts, and how many agree is its
            confidence.
        fresh: Every row is asked, also one whose answer an earlier run on this computer has.
        id_prefix: What stands before the row's number in `custom_id`.
        notes: What was changed or decided so that the model takes it.
        headers: Further ones of each call: names, and where their values come from; see `core.sent_headers`.
        form_fields: Further ones of each upload.
    Raises:
        UsageError: There is no model.
    """

    provider: str
    model: str
    base_url: str = ""
    endpoint: Endpoint = Endpoint.CHAT
    parameters: Mapping[str, Any] = field(default_factory=dict)
    is_limit_ours: bool = False
    dedupe: bool = False
    confidence: bool = False
    samples: int = 1
    fresh: bool = False
    id_prefix: str = ROW_PREFIX
    notes: tuple[Notice, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    form_fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.model:
            raise UsageError("model-missing", title=self.provider)

    @property
    def is_measured(self) -> bool:
        """Whether the table has how sure the model was."""
        return self.confidence or self.samples > 1

    @property
    def output_limit(self) -> int | None:
        """The most tokens that one answer may have; None where nothing limits it."""
        return output_limit(self.parameters)

    def body_parameters(self, question: Question, *, with_ranges: bool) -> dict[str, Any]:
        """
        Parameters of a request body, with the form of the answer.

        Args:
            question: What is asked.
            with_ranges: Whether the provider takes the ranges of numbers in a schema.
        """
        if not question.answer:
            return dict(self.parameters)
        form = answer_format(self.endpoint, question.asked_codebook, with_ranges=with_ranges)
        return {**self.parameters, **form}


class Consensus(StrEnum):
    """What the value of a row is that several models answered."""

    MAJORITY = "majority"
    DAWID_SKENE = "dawid-skene"


@dataclass(frozen=True, slots=True)
class Panel:
    """
    Further models that are asked the same of each row.

    Attributes:
        others: How each is asked; none is the plan's own model.
        consensus: How their answers become one.
    """

    others: tuple[Asking, ...]
    consensus: Consensus = Consensus.MAJORITY


@dataclass(frozen=True, slots=True)
class Output:
    """
    The labelled table.

    Attributes:
        path: Where it goes; None means into the run directory.
        overwrite: Whether a file there may be replaced.
        writing: How it is written.
        columns: Names of the columns that are added: of the answer, then of the status.
        address: Where on object storage it is put when it is written; or "".
    """

    path: Path | None = None
    overwrite: bool = False
    writing: WriteOptions = field(default_factory=WriteOptions)
    columns: tuple[str, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    All that a run depends on.

    Attributes:
        source, question, asking, output, policy: See each.
        panel: Further models that are asked the same; None for the one alone.
        created_at: When it was made: ISO 8601, UTC.
        rowbatch_version: Which version made it.
    Raises:
        UsageError: The question does not fit who is asked.
    """

    source: Source
    question: Question
    asking: Asking
    output: Output = field(default_factory=Output)
    policy: Policy = field(default_factory=Policy)
    created_at: str = ""
    rowbatch_version: str = ""
    panel: Panel | None = None

    def __post_init__(self) -> None:
        require_answerable(self.question, self.asking.endpoint)

    @property
    def is_local(self) -> bool:
        """Whether the model runs on this computer, or behind a server of it."""
        return self.asking.provider == "local"

    @property
    def is_wholly_local(self) -> bool:
        """Whether all models do, where several are asked."""
        return all(asking.provider == "local" for asking in self.askings)

    @property
    def askings(self) -> tuple[Asking, ...]:
        """How each model is asked, the plan's own first."""
        return (self.asking, *(self.panel.others if self.panel else ()))

    @property
    def is_measured(self) -> bool:
        """Whether the table has how sure the model was, or how far several agree."""
        return self.asking.is_measured or self.panel is not None

    def asks_the_same(self, other: Plan) -> bool:
        """
        Whether both ask the same of the same table, and write the same columns to the same place.

        How long an answer may be counts where a person said it. Runs of before 0.2 had no limit where nobody
        said one; they ask the same as those that have ours.
        """
        return _asked(self) == _asked(other)


def require_answerable(question: Question, endpoint: Endpoint) -> None:
    """
    Make sure that an endpoint can answer a question.

    Raises:
        UsageError: Embeddings are asked a question; or others are asked none.
    """
    is_asked = bool(question.system or question.template) or _has_words(question.answer)
    if endpoint is Endpoint.EMBEDDINGS:
        if question.image or question.system or _has_words(question.answer):
            raise UsageError("embeddings-asked")
    elif not is_asked:
        raise UsageError("question-without-words")


def _has_words(answer: Mapping[str, Any]) -> bool:
    return bool(answer.get("instructions") or answer.get("variables"))


def _asked(plan: Plan) -> tuple[Any, ...]:
    question = plan.question
    return (
        plan.source.origin or plan.source.path,
        plan.source.sha256,
        plan.source.reading,
        plan.source.name,
        (question.text, question.template, question.system, question.image, question.image_folder),
        question.codebook if question.answer else None,
        (question.kept, question.kept_from),
        tuple(map(_asked_of, plan.askings)),
        plan.panel.consensus if plan.panel else None,
        (plan.output.address or plan.output.path, plan.output.columns),
    )


def _asked_of(asking: Asking) -> tuple[Any, ...]:
    parameters = dict(asking.parameters)
    if asking.is_limit_ours:
        parameters = {name: value for name, value in parameters.items() if name not in LIMITS}
    return (
        asking.provider,
        asking.model,
        asking.base_url,
        asking.endpoint,
        asking.dedupe,
        asking.confidence,
        asking.samples,
        asking.fresh,
        parameters,
    )
