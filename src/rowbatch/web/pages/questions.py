"""The questions of the label page: what its form says of them, and what its small buttons do to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import FormData

from rowbatch import desk

_FIELD = re.compile(r"(?:q(\d{1,2})\.)?((\w+)(?:\..+)?)\Z")
_PARTS = (
    "kind",
    "name",
    "question",
    "labels",
    "rules",
    "only_if",
    "cant_say",
    "reason",
    "evidence",
    "examples",
)
_ITEM = re.compile(r"(labels|examples|only_if)\.(\d{1,3})\.(\w+)\Z")
_BUTTON = re.compile(r"(?:q(\d{1,2})\.)?(question|example|)\.?(add|remove|up|down|row)(?:\.(\d{1,3}))?\Z")

_Fields = Mapping[str, Sequence[str]]


def questions_of_form(form: FormData, known: Sequence[desk.DraftQuestion]) -> tuple[desk.DraftQuestion, ...]:
    """What a form says of the questions; what it does not show stays as it was."""
    fields: dict[int, dict[str, list[str]]] = {}
    for name, value in form.multi_items():
        found = _FIELD.match(name)
        if found and found[3] in _PARTS and isinstance(value, str):
            said = value.replace("\r\n", "\n")
            fields.setdefault(int(found[1] or 0), {}).setdefault(found[2], []).append(said)
    questions = list(known)
    for number, shown in sorted(fields.items()):
        if number == len(questions):
            questions = list(desk.add_question(questions))
        if number < len(questions):
            questions[number] = _question(shown, questions[number])
    return desk.read_questions([one.to_plain() for one in questions])


def _question(fields: _Fields, known: desk.DraftQuestion) -> desk.DraftQuestion:
    def text(name: str, otherwise: str) -> str:
        return fields[name][-1] if name in fields else otherwise

    question = replace(
        known,
        kind=text("kind", known.kind),
        name=text("name", known.name).strip(),
        question=text("question", known.question),
    )
    if "question" in fields:
        question = replace(
            question, cant_say="cant_say" in fields, reason="reason" in fields, evidence="evidence" in fields
        )
    shown = text("rules", question.kind if question.kind == known.kind else "")
    if shown != question.kind:
        # Of another kind: "at least 3" says nothing of a date.
        question = replace(question, rules={})
    elif "rules" in fields:
        rules = {name[6:]: said[-1] for name, said in fields.items() if name.startswith("rules.")}
        question = replace(question, rules=rules)
    labels, examples, conditions = (_items(fields, part) for part in ("labels", "examples", "only_if"))
    if labels:
        question = replace(question, labels=tuple(map(_label, labels)))
    if "examples" in fields:
        given = (desk.DraftExample(_text(one, "text"), _text(one, "answer")) for one in examples)
        question = replace(question, examples=tuple(given))
    if "only_if" in fields:
        question = replace(
            question,
            only_if=tuple(
                desk.DraftCondition(int(_text(one, "question")), tuple(one.get("values", ())))
                for one in conditions
                if _text(one, "question").isdecimal()
            ),
        )
    return question


def _items(fields: _Fields, part: str) -> list[dict[str, Sequence[str]]]:
    """The fields of labels, examples or conditions, one after the other."""
    found: dict[int, dict[str, Sequence[str]]] = {}
    for name, said in fields.items():
        item = _ITEM.match(name)
        if item and item[1] == part and int(item[2]) < desk.MAX_LABELS:
            found.setdefault(int(item[2]), {})[item[3]] = said
    return [item for _, item in sorted(found.items())]


def _text(item: Mapping[str, Sequence[str]], name: str) -> str:
    return item[name][-1] if name in item else ""


def _label(item: Mapping[str, Sequence[str]]) -> desk.DraftLabel:
    examples, aliases = (
        tuple(line.strip() for line in _text(item, name).split("\n") if line.strip())
        for name in ("examples", "aliases")
    )
    return desk.DraftLabel(_text(item, "name"), _text(item, "definition"), examples, aliases)


@dataclass(frozen=True, slots=True)
class Press:
    """
    A press of one of the small buttons.

    Attributes:
        question: Which question it was about, from 0.
        what: `label`, `example` or `question`.
        does: `add`, `remove`, `up`, `down`; `row` adds the text of a row as an example.
        at: Which label or example; -1 for none.
    """

    question: int
    what: str
    does: str
    at: int


def press_of(do: str) -> Press | None:
    """What a button of this value does; None where it is no button of a question."""
    found = _BUTTON.match(do)
    if found is None:
        return None
    at = int(found[4]) if found[4] else -1
    if found[2] == "question":
        return Press(at, "question", found[3], -1)
    return Press(int(found[1] or 0), found[2] or "label", found[3], at)


def pressed(
    questions: Sequence[desk.DraftQuestion], press: Press, text: str = ""
) -> tuple[tuple[desk.DraftQuestion, ...], str]:
    """
    The questions after a press of a small button.

    Args:
        questions: Before.
        press: Which one.
        text: Of the row that becomes an example.
    Returns:
        Them, and the id of the field that the press was about.
    """
    if press.what == "question":
        return _pressed_question(questions, press)
    if not 0 <= press.question < len(questions):
        return tuple(questions), ""
    prefix, changed = desk.field_prefix(press.question), list(questions)
    question = questions[press.question]
    if press.what == "example":
        listed: Sequence[Any] = question.examples
        made: Any = desk.DraftExample(text)
    else:
        listed, made = question.labels, desk.DraftLabel()
    items, at = _changed(listed, press, made)
    if press.what == "example":
        changed[press.question] = replace(question, examples=items)
        place = f"{prefix}examples.{at}" if items else f"{prefix}examples"
    else:
        changed[press.question] = replace(question, labels=items or (made,))
        place = f"{prefix}labels.{at}"
    return tuple(changed), place


def _pressed_question(
    questions: Sequence[desk.DraftQuestion], press: Press
) -> tuple[tuple[desk.DraftQuestion, ...], str]:
    number = press.question
    match press.does:
        case "add":
            found = desk.add_question(questions)
            number = len(found) - 1
        case "remove":
            found = desk.remove_question(questions, number)
            number = min(max(number, 0), len(found) - 1)
        case "up" | "down":
            by = -1 if press.does == "up" else 1
            found = desk.move_question(questions, number, by)
            number = min(max(number + by, 0), len(found) - 1)
        case _:
            found = tuple(questions)
    return found, f"{desk.field_prefix(number)}question"


def _changed(listed: Sequence[Any], press: Press, made: Any) -> tuple[tuple[Any, ...], int]:
    """A list after a press, and the place in it that the press was about."""
    items, at = list(listed), press.at
    if press.does in ("add", "row") and len(items) < desk.MAX_LABELS:
        items.append(made)
        at = len(items) - 1
    elif press.does == "remove" and 0 <= at < len(items):
        items.pop(at)
    elif press.does in ("up", "down") and 0 <= at < len(items):
        other = at + (-1 if press.does == "up" else 1)
        if 0 <= other < len(items):
            items[at], items[other] = items[other], items[at]
            at = other
    return tuple(items), max(0, min(at, len(items) - 1))


def with_example(question: desk.DraftQuestion, text: str, right: str) -> desk.DraftQuestion:
    """A question with one more example: at its label where it is one label, else beside the others."""
    labels = [label.name.strip() for label in question.filled_labels]
    if question.kind != "labels" and right in labels:
        line = text.replace("\n", " ")
        changed = tuple(
            replace(one, examples=(*one.examples, line))
            if one.name.strip() == right and line not in one.examples
            else one
            for one in question.labels
        )
        return replace(question, labels=changed)
    example = desk.DraftExample(text, right)
    if example in question.examples or len(question.examples) >= desk.MAX_LABELS:
        return question
    return replace(question, examples=(*question.examples, example))


def with_note(question: desk.DraftQuestion, label: str, note: str) -> desk.DraftQuestion:
    """A question where the definition of a label says one thing more; the same where it has no such label."""
    words = " ".join(note.split())
    changed = tuple(
        replace(one, definition=" ".join(filter(None, (one.definition.rstrip(), words))))
        if one.name.strip() == label and words and words not in one.definition
        else one
        for one in question.labels
    )
    return replace(question, labels=changed)


def value_of(form: FormData, variable: desk.Variable) -> str:
    """A value of a variable that a person chose or wrote in its field: the boxes that are checked, or a text."""
    said = [value.replace("\r\n", "\n").strip() for value in form.getlist("label") if isinstance(value, str)]
    return desk.SEPARATOR.join(filter(None, said)) if variable.has_several else (said[-1] if said else "")
