"""
Answers that are not quite as they were asked for: one table of forms, for every dialect and every door.

A form is made of the right answer, a JSON object with one label.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple


class AnswerForm(NamedTuple):
    """
    A form of an answer.

    Attributes:
        write: From the right answer to what the model says.
        forgiven: What is to be forgiven, words of `FORGIVENESS`; or "".
        reason: Why it is no answer; or "".
    """

    write: Callable[[str], str]
    forgiven: str = ""
    reason: str = ""


def _other(right: str) -> str:
    return json.dumps(dict.fromkeys(json.loads(right), "c"))


def _label(right: str) -> str:
    (label,) = json.loads(right).values()
    return str(label)


def _with_key(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda right: json.dumps({change(name): label for name, label in json.loads(right).items()})


def _with_label(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda right: json.dumps(
        {name: change(label) for name, label in json.loads(right).items()}, ensure_ascii=False
    )


FORMS: dict[str, AnswerForm] = {
    "as-asked": AnswerForm(lambda right: right),
    "blanks": AnswerForm(lambda right: f"\n {right} \n"),
    "upper-case": AnswerForm(_with_label(str.upper)),
    "label-alone": AnswerForm(_label),
    "thoughts": AnswerForm(lambda right: f"<think>\n{_other(right)}?\n</think>\n\n{right}", "thoughts"),
    "thoughts-without-opening": AnswerForm(lambda right: f"Hm.\n</think>\n{right}", "thoughts"),
    "thoughts-and-label": AnswerForm(lambda right: f"<think>hm</think>{_label(right)}", "thoughts"),
    "channels": AnswerForm(
        lambda right: (
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>" + right
        ),
        "thoughts",
    ),
    "fence": AnswerForm(lambda right: f"```json\n{right}\n```", "fence"),
    "fence-and-words": AnswerForm(
        lambda right: f"```json\n{right}\n```\nAs the tone is.", "fence words-around"
    ),
    "words": AnswerForm(lambda right: f"Sure! {right}", "words-around"),
    "quoted-json": AnswerForm(lambda right: f'It says "{_other(right)}". So: {right}', "words-around"),
    "list": AnswerForm(lambda right: f"[{right}]", "list-around"),
    "object": AnswerForm(lambda right: f'{{"result": {right}}}', "object-around"),
    "twice": AnswerForm(lambda right: f"{right}\n{right}", "said-again"),
    "comma": AnswerForm(lambda right: f"{right[:-1]},}}", "loose-json"),
    "single-quotes": AnswerForm(lambda right: right.replace('"', "'"), "loose-json"),
    "key": AnswerForm(_with_key(str.upper), "key-spelling"),
    "full-stop": AnswerForm(_with_label("{}。".format), "value-spelling"),
    "bold": AnswerForm(_with_label("**{}**".format), "value-spelling"),
    "two-objects": AnswerForm(
        lambda right: f'{right} {_other(right)[:-2]}x"}}',
        reason="the answer holds different JSON objects",
    ),
    "thoughts-alone": AnswerForm(lambda right: f"<think>{right}", reason="the answer has thoughts only"),
    "nothing": AnswerForm(lambda _: " ", reason="the answer is empty"),
    "a-sentence": AnswerForm(lambda right: f"I take {_label(right)}.", reason="the answer is not JSON"),
    "cut": AnswerForm(lambda right: right[:-1], reason="the answer is not JSON"),
}
