"""
The questions of a draft, as the form has them: texts as they were written, whatever they are worth.

They become a codebook (`questions_document`) and come from one (`questions_of_codebook`). What is wrong with
them is found by reading that codebook, and said at the field that it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rowbatch.core.codebook import open_place_in
from rowbatch.core.kinds import KINDS, read_variable
from rowbatch.core.kinds.base import CANT_SAY, Language, Variable
from rowbatch.core.kinds.date import date_of
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.numbers import number_of, spelled
from rowbatch.errors import CodebookError, RowbatchError, UsageError
from rowbatch.tools.codebooks import MAX_LABELS
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.kinds.base import Example

MAX_QUESTIONS = 60
# Of a form; `web` takes somewhat more.
_MAX_FIELDS = 4_000
_YES_NO = {"en": ("yes", "no"), "zh": ("是", "否")}
_LONGEST_NAME = 24
_COMMON_WORDS = frozenset(
    """
    a about an and any are as at be been by can code coder did do does for from give given has have her
    his how in into is it its label many me most much of on one or please row say says should tell that
    the their them there these they this text to was we were what when where whether which who whom
    whose why will with you your
    """.split()  # noqa: SIM905 - a hundred quotation marks say less
)
_BESIDE = ("reason", "evidence", "evidence_start", "evidence_end", "start", "end", "cant_say", "confidence")
_PLACE = re.compile(r"variables\[(\d+)\](?:\.(.*))?\Z")
_PART = re.compile(r"(\w+)\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class DraftLabel:
    """
    A label.

    Attributes:
        name: As it is answered.
        definition: When to use it, when not.
        examples: Texts for which it is right.
        aliases: Other spellings that count as it.
    """

    name: str = ""
    definition: str = ""
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftExample:
    """
    A text with its right answer.

    Attributes:
        text: As it may stand in a row.
        answer: As a person writes it: labels with `;` between them, quotes a line each; "" for "can't say".
    """

    text: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class DraftCondition:
    """
    What another question has to be answered with.

    Attributes:
        question: Its place among the questions, from 0.
        values: One of these.
    """

    question: int
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftQuestion:
    """
    One question.

    Attributes:
        kind: Of its variable, as codebook files have it.
        name: Of its column; "" for one that is made from the question's words, see `column_names`.
        question: What to ask about each text.
        labels: Where its kind has labels.
        rules: What the form says of the rules of its kind (`Variable.form_rules`).
        only_if: All of these have to hold for it to be asked.
        cant_say, reason, evidence: As a variable has them.
        examples: Texts with their right answers.
    """

    kind: str = "label"
    name: str = ""
    question: str = ""
    labels: tuple[DraftLabel, ...] = (DraftLabel(), DraftLabel())
    rules: Mapping[str, str] = field(default_factory=dict)
    only_if: tuple[DraftCondition, ...] = ()
    cant_say: bool = False
    reason: bool = False
    evidence: bool = False
    examples: tuple[DraftExample, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """As JSON can hold it; `read_question` reads it."""
        return asdict(self)

    @property
    def has_labels(self) -> bool:
        """Whether its kind has labels that a person writes."""
        return "labels" in KINDS[self.kind].model_fields

    @property
    def filled_labels(self) -> tuple[DraftLabel, ...]:
        """Labels that have a name; none where its kind has no labels."""
        return tuple(label for label in self.labels if label.name.strip()) if self.has_labels else ()

    @property
    def filled_examples(self) -> tuple[DraftExample, ...]:
        """Examples that have a text."""
        return tuple(example for example in self.examples if example.text.strip())


@dataclass(frozen=True, slots=True)
class Fault:
    """
    Something in a draft that keeps it from being asked.

    Attributes:
        place: The field: the name of an attribute of `Draft`; or of a question, as `labels.3`, `rules.max` or
            `examples.0`, where it is not the first with `field_prefix` before it.
        kind: `text-missing`, `question-missing`, `labels-too-few`, `label-twice`, `condition-open`,
            `model-missing`, `address-missing`, `address-broken`, `address-with-secret`, `not-a-number`,
            `not-a-count`, `not-a-date`, `column-missing`, `place-open`; `codebook` with the rest in `notice`,
            or `other` with the rest in `error`.
        name: Of the column that is missing, or what still stands in the question; or "".
        error: Where it came from below, or None.
        notice: What the codebook says of it, or None.
    """

    place: str
    kind: str
    name: str = ""
    error: RowbatchError | None = None
    notice: Notice | None = None


def field_prefix(number: int) -> str:
    """What stands before the names of a question's fields: nothing for the first, mostly the only one."""
    return f"q{number}." if number else ""


def column_names(questions: Sequence[DraftQuestion]) -> tuple[str, ...]:
    """
    Names of the questions' columns: what a person wrote, or else what the question's words make.

    Of a question that is alone it is its kind; "What is the main topic of this text?" beside others makes
    `main_topic`. No name is there twice, nor is one that stands for what comes beside another.
    """
    taken = {
        told
        for one in questions
        if one.name.strip()
        for told in (one.name.strip(), *_beside(one.name.strip()))
    }
    names = []
    for number, one in enumerate(questions, start=1):
        name = one.name.strip()
        if not name:
            name = _free_name(_word_of(one, number, is_alone=len(questions) == 1), taken)
            taken |= {name, *_beside(name)}
        names.append(name)
    return tuple(names)


def with_column_names(questions: Sequence[DraftQuestion]) -> tuple[DraftQuestion, ...]:
    """The questions that have words, each under its column's name of now, whatever becomes of the others."""
    names = column_names(questions)
    return tuple(
        replace(one, name=name) if one.question.strip() else one
        for one, name in zip(questions, names, strict=True)
    )


def _beside(name: str) -> Iterator[str]:
    return (f"{name}_{ending}" for ending in _BESIDE)


def _word_of(question: DraftQuestion, number: int, *, is_alone: bool) -> str:
    kind = question.kind.replace("-", "_")
    if is_alone:
        return "answer" if question.kind == "text" else kind
    words = re.findall(r"[a-z][a-z0-9]*", question.question.lower().replace("'", ""))
    telling = [word for word in words if word not in _COMMON_WORDS]
    # Of another script nothing but a word of it would be left.
    is_latin = len(re.sub(r"[^\x00-\x7f]", "", question.question)) > len(question.question) / 2
    name = ""
    for word in telling[:3] if is_latin else ():
        if len(name) + len(word) < _LONGEST_NAME:
            name = f"{name}_{word}" if name else word
    return name or f"{kind}_{number}"


def _free_name(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken or not taken.isdisjoint(_beside(found)):
        number += 1
        found = f"{name}_{number}"
    return found


def is_free_text(questions: Sequence[DraftQuestion]) -> bool:
    """Whether a model's whole answer is the value: a short text is asked, and nothing beside it."""
    if len(questions) != 1:
        return False
    only = questions[0]
    return only == DraftQuestion(
        kind="text",
        name=only.name if only.name.strip() in ("", "answer") else "",
        question=only.question,
        labels=only.labels,
        rules=only.rules,
    )


def questions_document(
    instructions: str, questions: Sequence[DraftQuestion], language: Language
) -> dict[str, Any]:
    """The codebook that questions stand for, as `parse_codebook` takes it; what is no rule is left out."""
    if is_free_text(questions):
        told = "\n\n".join(filter(None, (instructions.strip(), questions[0].question.strip())))
        return {"instructions": told, "variables": [], "language": language}
    names = column_names(questions)
    variables = [_variable(one, name, names) for one, name in zip(questions, names, strict=True)]
    return {"instructions": instructions.strip(), "variables": variables, "language": language}


def _variable(question: DraftQuestion, name: str, names: Sequence[str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": name,
        "kind": question.kind,
        "question": question.question.strip(),
        **{rule: value for rule, value in read_rules(question).items() if value is not None},
    }
    if question.has_labels:
        document["labels"] = [_label_document(label) for label in question.filled_labels]
    if question.only_if:
        document["only_if"] = {
            names[one.question]: list(one.values) for one in question.only_if if one.question < len(names)
        }
    document |= {flag: True for flag in ("cant_say", "reason", "evidence") if getattr(question, flag)}
    document["examples"] = [
        {"text": one.text.strip(), "answer": _answer(question, one.answer)}
        for one in question.filled_examples
    ]
    return document


def _label_document(label: DraftLabel) -> dict[str, Any]:
    return {
        "name": label.name.strip(),
        "definition": label.definition.strip(),
        "examples": _lines(label.examples),
        "aliases": _lines(label.aliases),
    }


def _lines(texts: Sequence[str]) -> list[str]:
    return [text.strip() for text in texts if text.strip()]


def _answer(question: DraftQuestion, written: str) -> Any:
    """A right answer, as JSON has it."""
    said = written.strip()
    if not said or (question.cant_say and said in CANT_SAY.values()):
        return None
    match question.kind:
        case "number":
            number = number_of(said, is_whole="whole" in question.rules)
            return said if number is None else number
        case "labels":
            return _lines(said.split(SEPARATOR.strip()))
        case "quote" if read_rules(question).get("most", 1) != 1:
            return _lines(said.split("\n"))
        case _:
            return said


def read_rules(question: DraftQuestion) -> dict[str, Any]:
    """The rules of a question, as codebook files have them; None for what is none."""
    found: dict[str, Any] = {}
    for name, holds in KINDS[question.kind].form_rules.items():
        said = question.rules.get(name, "").strip()
        if not said:
            continue
        match holds:
            case "number":
                found[name] = number_of(said)
            case "count":
                found[name] = int(said) if re.fullmatch(r"[1-9][0-9]{0,7}", said) else None
            case "date":
                day = date_of(said)
                found[name] = day and day.isoformat()
            case "flag":
                found[name] = True
            case "words":
                found[name] = question.rules.get(f"{name}_word", "").strip() or True
            case "text":
                found[name] = said
    return found


def _written_rules(variable: Variable) -> dict[str, str]:
    """The rules of a variable as the form has them: what `read_rules` reads."""
    found: dict[str, str] = {}
    plain = variable.plain_rules()
    for name, holds in type(variable).form_rules.items():
        value = plain.get(name)
        if value is None:
            continue
        if holds in ("flag", "words"):
            found[name] = "on"
            if isinstance(value, str):
                found[f"{name}_word"] = value
        else:
            found[name] = spelled(value) if isinstance(value, int | float) else str(value)
    return found


def question_faults(questions: Sequence[DraftQuestion], instructions: str) -> Iterator[Fault]:
    """What is not written yet, or cannot be read, in the order of the form."""
    for number, one in enumerate(questions):
        at = field_prefix(number)
        if not (one.question.strip() or one.name.strip() or instructions.strip()):
            yield Fault(f"{at}question", "question-missing")
        still_open = open_place_in(one.question)
        if still_open:
            yield Fault(f"{at}question", "place-open", still_open)
        if one.has_labels:
            yield from _label_faults(one, at)
        rules = KINDS[one.kind].form_rules
        for name, value in read_rules(one).items():
            if value is None:
                yield Fault(f"{at}rules.{name}", f"not-a-{rules[name]}")
        for place, condition in enumerate(one.only_if):
            if not condition.values:
                yield Fault(f"{at}only_if.{place}", "condition-open")


def _label_faults(question: DraftQuestion, at: str) -> Iterator[Fault]:
    if len(question.filled_labels) < 2:
        yield Fault(f"{at}labels", "labels-too-few")
    seen: set[str] = set()
    for position, label in enumerate(question.labels):
        name = label.name.strip().casefold()
        if name and name in seen:
            yield Fault(f"{at}labels.{position}", "label-twice")
        seen.add(name)


def codebook_faults(questions: Sequence[DraftQuestion], error: CodebookError) -> Iterator[Fault]:
    """What is wrong with the codebook that questions stand for, at the fields that it came from."""
    for notice in error.values["faults"]:
        where, said = "", notice
        if notice.kind == "codebook-field":
            where, said = str(notice.values["field"]), notice.values["fault"]
        yield Fault(_place_in_form(questions, where), "codebook", notice=said)


def _place_in_form(questions: Sequence[DraftQuestion], where: str) -> str:
    found = _PLACE.match(where)
    if found is None or int(found[1]) >= len(questions):
        return "question"
    number = int(found[1])
    question, rest = questions[number], found[2] or ""
    name = rest.split(".")[0]
    part = _PART.match(rest)
    if part:
        listed = question.labels if part[1] == "labels" else question.examples
        # Those that are empty are not in the codebook.
        filled = [
            at
            for at, one in enumerate(listed)
            if (getattr(one, "name", "") or getattr(one, "text", "")).strip()
        ]
        at = int(part[2])
        name = (
            f"{part[1]}.{filled[at]}" if part[1] in ("labels", "examples") and at < len(filled) else part[1]
        )
    elif name == "only_if":
        names = column_names(questions)
        other = rest.partition(".")[2]
        places = [at for at, one in enumerate(question.only_if) if names[one.question] == other]
        name = f"only_if.{places[0] if places else 0}"
    elif name in KINDS[question.kind].form_rules:
        name = f"rules.{name}"
    elif name not in ("name", "labels", "question"):
        name = "question"
    return field_prefix(number) + name


def condition_choices(questions: Sequence[DraftQuestion], number: int, language: Language) -> tuple[str, ...]:
    """The values of a question that another one may depend on; none where its kind has no list of them."""
    one = replace(questions[number], only_if=(), examples=())
    try:
        variable = read_variable(_variable(one, f"question_{number}", ())).in_language(language)
    except (ValidationError, RowbatchError):
        return tuple(label.name.strip() for label in one.filled_labels)
    return variable.choices if variable.may_be_condition else ()


def read_condition_value(
    questions: Sequence[DraftQuestion], number: int, value: str, language: Language
) -> str:
    """A value of a condition, in the spelling that `condition_choices` has it."""
    one = replace(questions[number], only_if=(), examples=())
    try:
        return read_variable(_variable(one, f"question_{number}", ())).in_language(language).read(value)
    except (ValidationError, RowbatchError):
        return value


def questions_of_codebook(book: Codebook) -> tuple[str, tuple[DraftQuestion, ...]] | None:
    """
    Instructions and questions that ask what a codebook asks; None where the form cannot hold it: it is too
    large for a page, or has line breaks where a form has none.
    """
    if not book.variables:
        return "", (DraftQuestion(kind="text", question=book.instructions),)
    names = [variable.name for variable in book.variables]
    questions = tuple(_question(variable, names) for variable in book.variables)
    # Of several a name that was written stays, also where the question would make the same one today.
    alone = questions if len(questions) == 1 else []
    for number, made in enumerate(column_names([replace(one, name="") for one in alone])):
        # A name that would be made anyway need not be shown.
        if made == questions[number].name:
            questions = (*questions[:number], replace(questions[number], name=""), *questions[number + 1 :])
    if column_names(questions) != tuple(names) or not _fits_form(questions):
        return None
    return book.instructions, questions


def _question(variable: Variable, names: Sequence[str]) -> DraftQuestion:
    labels: Sequence[Any] = getattr(variable, "labels", ())
    return DraftQuestion(
        kind=variable.kind,
        name=variable.name,
        question=variable.question,
        labels=tuple(DraftLabel(one.name, one.definition, one.examples, one.aliases) for one in labels)
        or DraftQuestion().labels,
        rules=_written_rules(variable),
        only_if=tuple(
            DraftCondition(names.index(other), tuple(values)) for other, values in variable.only_if.items()
        ),
        cant_say=variable.cant_say,
        reason=variable.reason,
        evidence=variable.evidence,
        examples=tuple(DraftExample(one.text, _written_answer(variable, one)) for one in variable.examples),
    )


def _written_answer(variable: Variable, example: Example) -> str:
    """A right answer as a person writes it."""
    answer = example.answer
    if answer is None:
        return ""
    if isinstance(answer, list | tuple):
        mark = "\n" if variable.kind == "quote" else SEPARATOR
        return mark.join(map(str, answer))
    try:
        return variable.read(answer)
    except UsageError:
        return str(answer)


def _fits_form(questions: Sequence[DraftQuestion]) -> bool:
    fields = sum(
        20 + 4 * len(one.labels) + 2 * len(one.examples) + sum(len(each.values) for each in one.only_if)
        for one in questions
    )
    lines = [
        text
        for one in questions
        for text in (
            *(told for label in one.labels for told in (label.name, *label.examples, *label.aliases)),
            *(told for rule, told in one.rules.items() if rule.endswith("_word")),
            *(value for each in one.only_if for value in each.values),
        )
    ]
    return (
        len(questions) <= MAX_QUESTIONS
        and all(len(one.labels) <= MAX_LABELS and len(one.examples) <= MAX_LABELS for one in questions)
        and fields <= _MAX_FIELDS
        and not any(mark in text for text in lines for mark in "\r\n")
    )


def add_question(questions: Sequence[DraftQuestion]) -> tuple[DraftQuestion, ...]:
    """The questions and an empty one."""
    return tuple(questions) if len(questions) >= MAX_QUESTIONS else (*questions, DraftQuestion())


def remove_question(questions: Sequence[DraftQuestion], number: int) -> tuple[DraftQuestion, ...]:
    """The questions without one; what depended on it does not any more. There is always one."""
    kept = [at for at in range(len(questions)) if at != number]
    return _in_order(questions, kept) or (DraftQuestion(),)


def move_question(questions: Sequence[DraftQuestion], number: int, by: int) -> tuple[DraftQuestion, ...]:
    """The questions with one of them moved up (-1) or down (1)."""
    order = list(range(len(questions)))
    other = number + by
    if 0 <= number < len(order) and 0 <= other < len(order):
        order[number], order[other] = order[other], order[number]
    return _in_order(questions, order)


def _in_order(questions: Sequence[DraftQuestion], order: Sequence[int]) -> tuple[DraftQuestion, ...]:
    """Questions in another order, those left out that are not in it; conditions go along."""
    places = {old: new for new, old in enumerate(order)}
    return tuple(
        replace(
            questions[old],
            only_if=tuple(
                replace(one, question=places[one.question])
                for one in questions[old].only_if
                if one.question in places
            ),
        )
        for old in order
    )


def read_question(plain: Mapping[str, Any]) -> DraftQuestion:
    """What was kept of a question; what is not known, or is of the wrong kind, is left out."""
    question = DraftQuestion()
    if plain.get("kind") in KINDS:
        question = replace(question, kind=plain["kind"])
    texts: dict[str, Any] = {
        name: plain[name] for name in ("name", "question") if isinstance(plain.get(name), str)
    }
    flags: dict[str, Any] = {
        name: bool(plain.get(name, False)) for name in ("cant_say", "reason", "evidence")
    }
    question = replace(question, **texts, **flags)
    if isinstance(plain.get("rules"), Mapping):
        question = replace(
            question, rules={str(name): str(said) for name, said in plain["rules"].items() if said}
        )
    if isinstance(plain.get("labels"), list | tuple):
        question = replace(question, labels=tuple(map(_read_label, _mappings(plain["labels"])))[:MAX_LABELS])
    if isinstance(plain.get("examples"), list | tuple):
        examples = tuple(
            DraftExample(str(one.get("text") or ""), str(one.get("answer") or ""))
            for one in _mappings(plain["examples"])
        )
        question = replace(question, examples=examples[:MAX_LABELS])
    if isinstance(plain.get("only_if"), list | tuple):
        question = replace(
            question,
            only_if=tuple(
                DraftCondition(one["question"], _texts(one.get("values")))
                for one in _mappings(plain["only_if"])
                if isinstance(one.get("question"), int) and one["question"] >= 0
            ),
        )
    return question


def _read_label(plain: Mapping[str, Any]) -> DraftLabel:
    return DraftLabel(
        str(plain.get("name") or ""),
        str(plain.get("definition") or ""),
        _texts(plain.get("examples")),
        _texts(plain.get("aliases")),
    )


def _mappings(listed: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    return (one for one in listed if isinstance(one, Mapping))


def _texts(listed: object) -> tuple[str, ...]:
    return tuple(map(str, listed)) if isinstance(listed, list | tuple) else ()


def read_questions(plain: Sequence[Any]) -> tuple[DraftQuestion, ...]:
    """What was kept of questions; there is always one, and none depends on one that is not there."""
    questions = tuple(map(read_question, _mappings(plain)))[:MAX_QUESTIONS] or (DraftQuestion(),)
    return _in_order(questions, range(len(questions)))


def questions_of_before(plain: Mapping[str, Any]) -> tuple[str, tuple[DraftQuestion, ...]]:
    """
    Instructions and questions of a draft that was kept before there were several: `task` was `label`,
    `number`, `text`, or `labels` for yes or no to each label.
    """
    task = plain.get("task")
    kept = {**plain, "cant_say": plain.get("unsure"), "kind": task if task in ("number", "text") else "label"}
    question = read_question(
        {name: value for name, value in kept.items() if name not in ("name", "examples")}
    )
    if task != "labels":
        return "", (question,)
    yes = _YES_NO["zh" if plain.get("language") == "zh" else "en"][0]
    each = tuple(
        DraftQuestion(
            kind="yes-no",
            name=_name_of_label(label.name, number),
            question=": ".join(filter(None, (label.name.strip(), label.definition.strip()))),
            cant_say=question.cant_say,
            reason=question.reason,
            examples=tuple(DraftExample(text, yes) for text in label.examples),
        )
        for number, label in enumerate(question.filled_labels, start=1)
    )
    return question.question, each or (DraftQuestion(kind="yes-no"),)


def _name_of_label(label: str, number: int) -> str:
    name = re.sub(r"[^A-Za-z0-9_]+", "_", label).strip("_")
    return name[:64] if re.match(r"[A-Za-z]", name) and name != "reason" else f"label_{number}"


def told_before(question: DraftQuestion) -> dict[str, Any] | None:
    """
    A question as drafts had it before there were several; None where they could not ask it.

    Drafts are known by what they ask (`drafts.trial_key`), and what was tried or made of one has to be found.
    """
    bare = DraftQuestion(
        kind=question.kind, question=question.question, labels=question.labels, rules=question.rules
    )
    if question != bare or question.kind not in ("label", "number", "text"):
        return None
    if any(label.aliases for label in question.labels):
        return None
    labels = [
        {"name": one.name, "definition": one.definition, "examples": list(one.examples)}
        for one in question.labels
    ]
    told = {
        "task": question.kind,
        "question": question.question,
        "labels": labels,
        "unsure": False,
        "reason": False,
    }
    return told | ({"rules": dict(question.rules)} if question.rules else {})
