"""What the kinds whose values are listed have in common: one of some labels, yes or no, a step of a scale."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import StringConstraints

from rowbatch.core.agreement import Agreement, agreement
from rowbatch.core.kinds.base import (
    AnswerColumn,
    Language,
    Place,
    Strict,
    Tally,
    Text,
    Variable,
    example_key,
)
from rowbatch.core.spelling import near_spellings, spelling_key
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

LabelName = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
_EXAMPLE = {"en": '  for example: "{}"', "zh": "  例如：“{}”"}
_COLON = {"en": ": ", "zh": "："}
_DOES_NOT_TELL = {"en": "the text does not tell", "zh": "文本没有说明"}


class Label(Strict):
    """
    One allowed value of a variable.

    Attributes:
        name: What stands in the table and what the model answers.
        definition: When it applies.
        examples: Texts for which it is right.
        aliases: Other spellings that count as this label when an answer is read.
    """

    name: LabelName
    definition: Text = ""
    examples: tuple[Text, ...] = ()
    aliases: tuple[LabelName, ...] = ()


def plain_label(label: Label) -> dict[str, Any]:
    """A label as a codebook file has it."""
    return label.model_dump(mode="json")


def taught_by(labels: Iterable[Label]) -> frozenset[str]:
    """Texts for which labels are right, by their `example_key`."""
    return frozenset(example_key(example) for label in labels for example in label.examples)


class ChoiceVariable(Variable, ABC):
    """
    One of the values that are listed.

    Attributes:
        heading: What stands before the list in the prompt, by language.
    """

    answer_tokens = (12, 48)
    can_compare = True
    heading: ClassVar[Mapping[Language, str]]

    @property
    def taught_texts(self) -> frozenset[str]:
        """Also those for which a label is right."""
        return super().taught_texts | taught_by(self.listed)

    @property
    @abstractmethod
    def listed(self) -> tuple[Label, ...]:
        """The values that the kind has of itself, in order."""

    @cached_property
    def options(self) -> tuple[Label, ...]:
        """All values, "can't say" included where it is allowed and no label says it."""
        word = self.cant_say_word
        if not self.cant_say or any(_key(one.name) == _key(word) for one in self.listed):
            return self.listed
        return (*self.listed, Label(name=word, definition=_DOES_NOT_TELL[self._language]))

    @property
    def word_for_cant_say(self) -> str | None:
        # It is one of the options.
        return None

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.choices)}

    def instructions(self, language: Language) -> Iterator[str]:
        yield self.heading[language].format(self.name)
        yield from label_lines(self.options, language)

    def read_value(self, value: object) -> str:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise UsageError("value-not-a-text", variable=self.name)
        label = self.spellings.get(spelling_key(str(value)))
        if label is None:
            raise UsageError(
                "value-not-a-label", variable=self.name, value=str(value)[:80], labels=self.choices
            )
        return label

    def _as_asked(self, answer: Any) -> Any:
        # An example shows what the schema takes: the value, and no other spelling of it.
        try:
            return self.read(answer)
        except UsageError:
            return answer

    def read_bare(self, content: str) -> str | None:
        # A model without structured output often answers with the bare label.
        return self.spellings.get(spelling_key(content))

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.options)

    def columns(self) -> tuple[AnswerColumn, ...]:
        word = self.cant_say_word
        cant_say = (
            next((name for name in self.choices if _key(name) == _key(word)), "") if self.cant_say else ""
        )
        return (AnswerColumn(self.name, self.question, self.choices, codes=self.codes, cant_say=cant_say),)

    @property
    def codes(self) -> tuple[int, ...]:
        """The number of each choice, for programs that count by numbers; () for 1, 2, …"""
        return ()

    def tally(self) -> Tally:
        return LabelTally(self.choices)

    def people_value(self, text: str) -> str:
        if text in self.choices:
            return text
        # As an answer is read; tables have it in letters of full width besides, and numbers with a point.
        for spelling in near_spellings(text, self.choices):
            if (label := self.spellings.get(spelling_key(spelling))) is not None:
                return label
        return self.read(text)

    def may_be_peoples(self, column: str, cells: Iterable[str]) -> bool:
        del column
        return set(cells) <= set(self.choices)

    def compare(self, pairs: Iterable[tuple[str, str | None]]) -> Agreement:
        return agreement(pairs, self.choices)

    @cached_property
    def spellings(self) -> dict[str, str]:
        """The value that each spelling stands for, by `spelling_key`."""
        return spellings_of(self.options)


def label_lines(labels: Sequence[Label], language: Language) -> Iterator[str]:
    """Labels with their definitions and examples, as a model reads them."""
    for label in labels:
        defined = f"{_COLON[language]}{label.definition}" if label.definition else ""
        yield f"- {label.name}{defined}"
        yield from (_EXAMPLE[language].format(example) for example in label.examples)


def spellings_of(labels: Sequence[Label]) -> dict[str, str]:
    """The label that each spelling stands for, by `spelling_key`."""
    return {_key(spelling): label.name for label in labels for spelling in (label.name, *label.aliases)}


def label_faults(labels: Sequence[Label], fewest: int = 2) -> Iterator[tuple[Place, Notice]]:
    """What contradicts itself in a list of labels: where, and what."""
    if len(labels) < fewest:
        yield ("labels",), Notice("codebook-one-label") if labels else Notice("codebook-no-labels")
    spellings: dict[str, str] = {}
    for number, label in enumerate(labels):
        for place, spelling in (
            (("name",), label.name),
            *((("aliases", index), alias) for index, alias in enumerate(label.aliases)),
        ):
            key = _key(spelling)
            if spellings.get(key, label.name) != label.name or (place == ("name",) and key in spellings):
                yield ("labels", number, *place), Notice("codebook-label-twice", {"name": spelling})
            spellings[key] = label.name


def _key(spelling: str) -> str:
    return spelling_key(spelling) or spelling


class LabelTally:
    """How often each label is given."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self.counts: Counter[str] = Counter()

    def add(self, values: pl.Series) -> None:
        self.add_counted(dict(values.value_counts().iter_rows()))

    def add_counted(self, values: Mapping[str, int]) -> None:
        self.counts.update(values)

    def facts(self) -> list[tuple[str, float]]:
        # Of equally common ones in the order of the codebook, whatever order the rows were counted in.
        listed = [label for label in self._labels if self.counts[label]]
        others = sorted(self.counts.keys() - set(listed))
        return sorted(((one, self.counts[one]) for one in (*listed, *others)), key=lambda fact: -fact[1])

    @property
    def in_order(self) -> tuple[tuple[str, int], ...]:
        """Every label of the codebook, in its order."""
        return tuple((label, self.counts[label]) for label in self._labels)
