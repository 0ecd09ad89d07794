"""
What the classify functions of Snowflake and Databricks take, as a codebook and back.

Their arguments as JSON: the categories or labels alone, or with the function's options.

Source:
    Snowflake, AI_CLASSIFY, docs.snowflake.com/en/sql-reference/functions/ai_classify: `list_of_categories`
    are texts, or objects with `label` and `description`; the config object has `task_description`,
    `output_mode` (`single`, `multi`) and `examples` of `input`, `labels` and `explanation`.
    Snowflake, CLASSIFY_TEXT, …/functions/classify_text-snowflake-cortex: objects have `examples` as well; the
    options have `task_description`.
    Databricks, ai_classify, docs.databricks.com/en/sql/language-manual/functions/ai_classify, and
    AiClassifyRequest of its SDK for JavaScript: `labels` are a JSON array of 2 to 500 texts, or an object
    that gives each its description, each of 1 to 100 characters; `options` have `instructions`, `multilabel`
    and `version`. In a job they are objects of `name` and `description`.
    All read on 2026-11-28.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rowbatch.core.codebook import Codebook
from rowbatch.core.codebook_table import Drawn
from rowbatch.core.kinds.base import Place, Variable
from rowbatch.core.kinds.choice import ChoiceVariable, Label
from rowbatch.core.kinds.labels import LabelsVariable
from rowbatch.core.label_list import SEPARATOR
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

Function = Literal["snowflake", "databricks"]

_OURS = ("instructions", "variables", "language")
_CATEGORIES = ("list_of_categories", "categories", "labels", "inline_labels")
_OPTIONS = ("config_object", "config", "options")
_QUESTION = ("task_description", "instructions")
# The text itself, and what says nothing of the codebook.
_LEFT_OUT = (
    "input",
    "expr",
    "content",
    "model",
    "version",
    "enableConfidenceScores",
    "enableRationales",
    "enable_confidence_scores",
    "enable_rationales",
    "return_error_details",
)
_NAMES, _TEXTS = ("label", "name"), ("description",)
_DATABRICKS_LABELS, _DATABRICKS_CHARS = 500, 100


def is_classify_call(document: object) -> bool:
    """Whether a document is what such a function takes, and no codebook of ours."""
    match document:
        case list():
            return bool(document)
        case dict() if document and "variables" not in document:
            if any(name in document for name in _CATEGORIES):
                return True
            return not set(document) <= set(_OURS) and all(
                isinstance(text, str | None) for text in document.values()
            )
        case _:
            return False


def draw_from_call(document: Any, variable: str, lines: Mapping[Place, int] | None = None) -> Drawn:
    """
    A codebook of one variable.

    Args:
        document: `is_classify_call` says so.
        variable: Its name.
        lines: Line of the file for each place in the document, for messages.
    """
    return _CallReader(variable, lines or {}).read(document)


class _CallReader:
    def __init__(self, variable: str, lines: Mapping[Place, int]) -> None:
        self._variable: dict[str, Any] = {"name": variable, "kind": "label"}
        self._lines = lines
        self._drawn = Drawn(document={"variables": [self._variable]})
        self._is_multi = False

    def read(self, document: Any) -> Drawn:
        if not isinstance(document, dict) or not any(name in document for name in _CATEGORIES):
            self._variable["labels"] = self._labels(document, ())
            return self._drawn
        flat: dict[str, tuple[Any, Place]] = {}
        for name, value in document.items():
            if name in _OPTIONS and isinstance(value, dict):
                flat |= {inner: (one, (name, inner)) for inner, one in value.items()}
            else:
                flat[name] = value, (name,)
        for name, (value, place) in flat.items():
            self._take(name, value, place)
        if self._is_multi:
            self._variable["kind"] = "labels"
        if isinstance(self._variable.get("examples"), list):
            self._variable["examples"] = [
                self._example(number, one) for number, one in enumerate(self._variable["examples"])
            ]
        return self._drawn

    def _take(self, name: str, value: Any, place: Place) -> None:
        if name in _CATEGORIES:
            self._variable["labels"] = self._labels(value, place)
        elif name in _QUESTION:
            self._variable["question"] = value
            self._note(("question",), place)
        elif name == "examples":
            self._variable["examples"] = value
            self._note(("examples",), place)
            for number in range(len(value) if isinstance(value, list) else 0):
                self._note(("examples", number), (*place, number))
        elif name == "output_mode":
            self._is_multi = self._one_of(name, value, {"single": False, "multi": True})
        elif name == "multilabel":
            self._is_multi = self._one_of(name, str(value).lower(), {"false": False, "true": True})
        else:
            kept = self._drawn.left_out if name in _LEFT_OUT else self._drawn.not_taken
            kept.append(
                Notice("classify-left-out" if name in _LEFT_OUT else "classify-not-taken", {"name": name})
            )

    def _one_of(self, name: str, value: Any, known: Mapping[str, bool]) -> bool:
        if isinstance(value, str) and value in known:
            return known[value]
        told = {"name": name, "found": repr(value)[:60], "known": list(known)}
        self._drawn.faults.append((None, Notice("classify-option-unknown", told)))
        return False

    def _labels(self, given: Any, place: Place) -> Any:
        self._note(("labels",), place)
        if isinstance(given, str):
            # In SQL they are a text that holds JSON.
            try:
                given = json.loads(given)
            except (ValueError, RecursionError):
                return given
        if isinstance(given, dict) and list(given) == ["labels"] and isinstance(given["labels"], list):
            given, place = given["labels"], (*place, "labels")
        if isinstance(given, dict):
            named = list(given.items())
            for number, (name, _) in enumerate(named):
                self._note(("labels", number), (*place, name))
            return [_label({"name": name, "description": text}) for name, text in named]
        if not isinstance(given, list):
            return given
        for number in range(len(given)):
            self._note(("labels", number), (*place, number))
        return [_label(one) for one in given]

    def _note(self, inner: Place, place: Place) -> None:
        if place in self._lines:
            self._drawn.where["variables", 0, *inner] = self._lines[place]

    def _example(self, number: int, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        example: dict[str, Any] = {}
        for name, value in given.items():
            if name == "input":
                example["text"] = value
            elif name == "labels":
                only = isinstance(value, list) and len(value) == 1
                example["answer"] = value[0] if only and not self._is_multi else value
            elif name == "explanation":
                if value:
                    self._drawn.left_out.append(
                        Notice("classify-left-out", {"name": f"examples[{number}].explanation"})
                    )
            else:
                example[name] = value
        return example


def _label(given: Any) -> Any:
    if not isinstance(given, dict):
        return {"name": given}
    ours = dict.fromkeys(_NAMES, "name") | dict.fromkeys(_TEXTS, "definition")
    # Examples, and what is then told as a field that is not known, stay as they are.
    return {ours.get(name, name): value for name, value in given.items() if value is not None}


def call_of(
    codebook: Codebook, function: Function, variable: str | None = None
) -> tuple[dict[str, Any], list[Notice]]:
    """
    What a function takes for a variable of a codebook.

    Args:
        codebook: Any.
        function: Whose.
        variable: Which one; None where there is only one with labels.
    Returns:
        Its arguments but for the text, and what it has no place for.
    Raises:
        UsageError: There is no such variable, it has no labels, or they are more than the function takes.
    """
    found = _wanted(codebook, variable)
    left: list[Notice] = []
    labels: Sequence[Label]
    if isinstance(found, LabelsVariable):
        labels = [*found.labels, *(Label(name=word) for word in found.alone)]
    elif isinstance(found, ChoiceVariable):
        labels = found.options
    else:
        raise UsageError("classify-no-labels", variable=found.name, kind_of_variable=found.kind)
    left += [
        Notice("classify-left-out", {"name": f"{found.name}.{field}"})
        for field in ("only_if", "reason", "evidence", "most")
        if getattr(found, field, None)
    ]
    if any(label.aliases for label in getattr(found, "labels", ())):
        left.append(Notice("classify-left-out", {"name": f"{found.name}.labels.aliases"}))
    task = "\n\n".join(filter(None, (codebook.instructions, found.question)))
    if function == "snowflake":
        return _snowflake(found, labels, task), left
    if not 2 <= len(labels) <= _DATABRICKS_LABELS or any(len(one.name) > _DATABRICKS_CHARS for one in labels):
        raise UsageError(
            "classify-too-many",
            variable=found.name,
            labels=len(labels),
            most=_DATABRICKS_LABELS,
            chars=_DATABRICKS_CHARS,
        )
    if found.examples or any(label.examples for label in labels):
        left.append(Notice("classify-left-out", {"name": f"{found.name}.examples"}))
    return _databricks(found, labels, task), left


def _wanted(codebook: Codebook, name: str | None) -> Variable:
    by_name = {variable.name: variable for variable in codebook.variables}
    if name is not None:
        if name not in by_name:
            raise UsageError("classify-no-such-variable", variable=name, known=list(by_name))
        return by_name[name]
    fitting = [one for one in by_name.values() if isinstance(one, ChoiceVariable | LabelsVariable)]
    if len(fitting) != 1:
        raise UsageError(
            "classify-which-variable" if fitting else "classify-nothing-fits",
            known=[one.name for one in fitting],
        )
    return fitting[0]


def _snowflake(variable: Variable, labels: Sequence[Label], task: str) -> dict[str, Any]:
    has_texts = any(label.definition for label in labels)
    categories = [
        {"label": label.name} | ({"description": label.definition} if label.definition else {})
        if has_texts
        else label.name
        for label in labels
    ]
    examples = [
        {"input": text, "labels": [label.name], "explanation": label.definition}
        for label in labels
        for text in label.examples
    ]
    for example in variable.examples:
        value = variable.read(example.answer)
        given = value.split(SEPARATOR) if variable.has_several else [value]
        examples.append({"input": example.text, "labels": given, "explanation": ""})
    config: dict[str, Any] = {"task_description": task} if task else {}
    config["output_mode"] = "multi" if variable.has_several else "single"
    if examples:
        config["examples"] = examples
    return {"list_of_categories": categories, "config_object": config}


def _databricks(variable: Variable, labels: Sequence[Label], task: str) -> dict[str, Any]:
    has_texts = any(label.definition for label in labels)
    # A map of texts to texts, as the function's options are in SQL.
    options = {"instructions": task} if task else {}
    options["multilabel"] = "true" if variable.has_several else "false"
    return {
        "labels": {label.name: label.definition for label in labels}
        if has_texts
        else [label.name for label in labels],
        "options": options,
    }
