"""
The same question asked otherwise: again, with the labels in another order, in other words, of another model.

How far answers depend on such things is their stability. What differs between runs is told as facets: each
with a few words for the value that a run has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from rowbatch.core.plan import Plan, Question
from rowbatch.errors import UsageError

VariantKind = Literal["repeat", "order", "prompt", "model"]
LabelOrder = Literal["reversed", "rotated"]
ORDERS: tuple[LabelOrder, ...] = get_args(LabelOrder)

FACETS = ("model", "prompt", "codebook", "label order", "settings", "asked")
"""What may differ between two runs, in the order in which it is told."""
AS_ASKED = "as asked"
"""The value of a facet that is that of the first run."""

_UNORDERED = ("label", "labels")
"""Kinds whose labels may stand in any order; on a scale, the order is what the labels mean."""
_FRAMES: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Read the text below from beginning to end before you answer. {}",
        "You are coding texts for a study. {} Go by what the text says, and by nothing else.",
        "{} If several answers seem possible, take the one that fits the text best.",
    ),
    "zh": (
        "请先把下面的文本从头到尾读完。{}",
        "你正在为一项研究编码文本。{}请只依据文本所说的内容。",
        "{}请选择最符合文本的一个答案。",
    ),
}
MOST_REWORDED = len(_FRAMES["en"])
"""So many paraphrases can be proposed."""


@dataclass(frozen=True, slots=True)
class Variant:
    """
    One way to ask otherwise.

    Attributes:
        kind: What is other.
        name: Of its folder, as `repeat-1`.
        detail: The order, the words of the prompt, or `PROVIDER:MODEL`; "" for a repeat.
    """

    kind: VariantKind
    name: str
    detail: str = ""


def prompt_of(question: Question) -> str:
    """The words that a paraphrase stands in the place of; "" where there are none of the person's own."""
    if question.system:
        return question.system
    if instructions := str(question.answer.get("instructions") or ""):
        return instructions
    variables = question.answer.get("variables") or []
    return str(variables[0].get("question") or "") if len(variables) == 1 else ""


def with_prompt(question: Question, text: str) -> Question:
    """The question in other words; where it has none of its own, they stand before the codebook's."""
    if question.system:
        return replace(question, system=text)
    answer = dict(question.answer)
    variables = [dict(one) for one in answer.get("variables") or []]
    if not answer.get("instructions") and len(variables) == 1 and variables[0].get("question"):
        variables[0]["question"] = text
        return replace(question, answer={**answer, "variables": variables})
    return replace(question, answer={**answer, "instructions": text})


def reworded(question: Question, count: int) -> list[str]:
    """
    Simple paraphrases, for a person to look at: their own words, framed in others.

    Args:
        question: Whose words.
        count: How many, at most `MOST_REWORDED`.
    Raises:
        UsageError: There are no words, or not so many paraphrases.
    """
    words = prompt_of(question)
    if count and not words:
        raise UsageError("stability-no-words")
    if count > MOST_REWORDED:
        raise UsageError("stability-reworded-many", count=count, most=MOST_REWORDED)
    frames = _FRAMES["zh" if question.answer.get("language") == "zh" else "en"]
    return [frame.replace("{}", words) for frame in frames[:count]]


def with_label_order(question: Question, order: LabelOrder) -> Question:
    """
    The question with its labels in another order: last first, or the second half first.

    Raises:
        UsageError: It has no labels that may stand in another order.
    """
    variables = []
    for one in question.answer.get("variables") or []:
        labels = list(one.get("labels") or [])
        if one.get("kind", "label") in _UNORDERED and len(labels) > 1:
            # Of three, the first does not come last alone: that would be nearly the same order.
            half = (len(labels) + 1) // 2
            labels = labels[::-1] if order == "reversed" else [*labels[half:], *labels[:half]]
            variables.append({**one, "labels": labels})
        else:
            variables.append(dict(one))
    answer = {**question.answer, "variables": variables}
    if json.dumps(answer) == json.dumps(dict(question.answer)):
        raise UsageError("stability-no-order")
    return replace(question, answer=answer)


def has_label_order(question: Question) -> bool:
    """Whether the labels of a question may stand in another order."""
    return any(
        one.get("kind", "label") in _UNORDERED and len(one.get("labels") or []) > 1
        for one in question.answer.get("variables") or []
    )


def varied_question(question: Question, variant: Variant) -> Question:
    """The question of a variant."""
    match variant.kind:
        case "prompt":
            return with_prompt(question, variant.detail)
        case "order":
            return with_label_order(question, "rotated" if variant.detail == "rotated" else "reversed")
        case _:
            return question


def facets_of(plans: Sequence[Plan], names: Sequence[str]) -> list[dict[str, str]]:
    """
    What differs between runs.

    Args:
        plans: Of the runs, the one that others are compared with first.
        names: Of the runs. Among those that ask the very same it says how often that was asked.
    Returns:
        For each run, in a few words, the value of each facet that has more than one.
    """
    facets: list[dict[str, str]] = [{} for _ in plans]
    tellers: Mapping[str, Callable[[Plan], str]] = {
        "model": lambda plan: " + ".join(f"{one.provider}:{one.model}" for one in plan.askings),
        "prompt": _words,
        "codebook": _definitions,
        "label order": _order,
        "settings": _settings,
    }
    for facet, teller in tellers.items():
        values = [teller(plan) for plan in plans]
        if len(set(values)) < 2:
            continue
        if facet in ("model", "settings"):
            shown = dict(zip(values, values, strict=True))
        else:
            shown = _numbered(facet, values, plans)
        for one, value in zip(facets, values, strict=True):
            one[facet] = shown[value]
    asked: dict[str, int] = {}
    times = []
    for one, _ in zip(facets, names, strict=True):
        key = json.dumps(one)
        asked[key] = asked.get(key, 0) + 1
        times.append(asked[key])
    if max(times, default=1) > 1:
        for one, time in zip(facets, times, strict=True):
            one["asked"] = "first" if time == 1 else f"again {time - 1}"
    return facets


def _numbered(facet: str, values: Sequence[str], plans: Sequence[Plan]) -> dict[str, str]:
    """Words for values that are too long to be told."""
    shown = {values[0]: AS_ASKED}
    for value, plan in zip(values, plans, strict=True):
        if value in shown:
            continue
        if facet == "label order" and (told := _known_order(plans[0], plan)):
            shown[value] = told
        else:
            shown[value] = f"other {sum(one.startswith('other') for one in shown.values()) + 1}"
    return shown


def _known_order(first: Plan, other: Plan) -> str:
    for order in ORDERS:
        try:
            if _order(replace(first, question=with_label_order(first.question, order))) == _order(other):
                return order
        except UsageError:
            return ""
    return ""


def _words(plan: Plan) -> str:
    question = plan.question
    asked = [one.get("question") or "" for one in question.answer.get("variables") or []]
    return json.dumps(
        [question.system, question.answer.get("instructions") or "", question.template, asked],
        ensure_ascii=False,
    )


def _order(plan: Plan) -> str:
    variables = plan.question.answer.get("variables") or []
    return json.dumps([_label_names(one) for one in variables], ensure_ascii=False)


def _label_names(variable: Mapping[str, Any]) -> list[str]:
    labels = variable.get("labels") or []
    return [str(label.get("name")) if isinstance(label, Mapping) else str(label) for label in labels]


def _definitions(plan: Plan) -> str:
    """All of the codebook but its words before the variables, their questions, and the order of labels."""
    variables = []
    for one in plan.question.answer.get("variables") or []:
        rest = {name: value for name, value in one.items() if name != "question"}
        labels = rest.get("labels") or []
        if labels and rest.get("kind", "label") in _UNORDERED:
            rest["labels"] = sorted(labels, key=lambda label: json.dumps(label, sort_keys=True))
        variables.append(rest)
    return json.dumps(variables, ensure_ascii=False, sort_keys=True)


def _settings(plan: Plan) -> str:
    plain = {
        name: value
        for name, value in plan.asking.parameters.items()
        if not isinstance(value, dict | list) and not (plan.asking.is_limit_ours and "tokens" in name)
    }
    if plan.asking.samples > 1:
        plain["samples"] = plan.asking.samples
    return ", ".join(f"{name} = {value}" for name, value in sorted(plain.items())) or "-"
