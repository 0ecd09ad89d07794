"""One label of several."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any

import polars as pl
from pydantic import StringConstraints

from rowbatch.core.agreement import Agreement, agreement
from rowbatch.core.kinds.base import Language, Place, Strict, Tally, Text, Variable
from rowbatch.core.spelling import spelling_key, without_point
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

LabelName = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
_ONE_OF = {"en": "{} is one of:", "zh": "{} 取以下各值之一："}
_EXAMPLE = {"en": '  for example: "{}"', "zh": "  例如：“{}”"}
_COLON = {"en": ": ", "zh": "："}


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


class LabelVariable(Variable):
    """
    One of the labels that are listed.

    Attributes:
        labels: The allowed values, at least two.
    """

    kind = "label"
    answer_tokens = (12, 48)
    can_compare = True

    labels: tuple[Label, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        # As it was before there were kinds: the labels say it.
        return self.model_dump(mode="json")

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.choices)}

    def instructions(self, language: Language) -> Iterator[str]:
        yield _ONE_OF[language].format(self.name)
        for label in self.labels:
            defined = f"{_COLON[language]}{label.definition}" if label.definition else ""
            yield f"- {label.name}{defined}"
            yield from (_EXAMPLE[language].format(example) for example in label.examples)

    def read(self, value: object) -> str:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise UsageError("value-not-a-text", variable=self.name)
        label = self._spellings.get(spelling_key(str(value)))
        if label is None:
            raise UsageError(
                "value-not-a-label", variable=self.name, value=str(value)[:80], labels=self.choices
            )
        return label

    def read_bare(self, content: str) -> str | None:
        # A model without structured output often answers with the bare label.
        return self._spellings.get(spelling_key(content))

    def faults(self) -> Iterator[tuple[Place, Notice]]:
        if len(self.labels) < 2:
            yield (
                ("labels",),
                Notice("codebook-one-label") if self.labels else Notice("codebook-no-labels"),
            )
        spellings: dict[str, str] = {}
        for number, label in enumerate(self.labels):
            for place, spelling in (
                (("name",), label.name),
                *((("aliases", index), alias) for index, alias in enumerate(label.aliases)),
            ):
                key = spelling_key(spelling) or spelling
                if spellings.get(key, label.name) != label.name or (place == ("name",) and key in spellings):
                    yield ("labels", number, *place), Notice("codebook-label-twice", {"name": spelling})
                spellings[key] = label.name

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    def tally(self) -> Tally:
        return LabelTally(self.choices)

    def people_value(self, text: str) -> str:
        if text in self.choices:
            return text
        # As an answer is read; tables have it in letters of full width besides, and numbers with a point.
        for spelling in (text, wide := unicodedata.normalize("NFKC", text), without_point(wide)):
            if (label := self._spellings.get(spelling_key(spelling))) is not None:
                return label
        return self.read(text)

    def may_be_peoples(self, column: str, cells: Iterable[str]) -> bool:
        del column
        return set(cells) <= set(self.choices)

    def compare(self, pairs: Iterable[tuple[str, str | None]]) -> Agreement:
        return agreement(pairs, self.choices)

    @cached_property
    def _spellings(self) -> dict[str, str]:
        return {
            spelling_key(spelling) or spelling: label.name
            for label in self.labels
            for spelling in (label.name, *label.aliases)
        }


class LabelTally:
    """How often each label is given."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self.counts: Counter[str] = Counter()

    def add(self, values: pl.Series) -> None:
        self.counts.update(dict(values.value_counts().iter_rows()))

    def facts(self) -> list[tuple[str, float]]:
        return list(self.counts.most_common())

    @property
    def in_order(self) -> tuple[tuple[str, int], ...]:
        """Every label of the codebook, in its order."""
        return tuple((label, self.counts[label]) for label in self._labels)
