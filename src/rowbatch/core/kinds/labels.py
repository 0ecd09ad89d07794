"""Several labels of a list: which of them apply."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from rowbatch.core.agreement_of_sets import LabelsAgreement, labels_agreement
from rowbatch.core.kinds.base import (
    YES_NO,
    AnswerColumn,
    FormRule,
    Language,
    Place,
    Tally,
    Variable,
    says_not,
)
from rowbatch.core.kinds.choice import (
    Label,
    LabelTally,
    label_faults,
    label_lines,
    plain_label,
    spellings_of,
    taught_by,
)
from rowbatch.core.label_list import SEPARATOR
from rowbatch.core.spelling import spelling_key
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

NONE: Mapping[Language, str] = {"en": "none of these", "zh": "以上都不是"}
_CUTS = (r"[;；|\n]", r"[,，、/]")
_LONGEST_NAME = 32
_HEADING = {"en": "{} is a list of all that apply", "zh": "{} 是一个列表，列出所有适用的值"}
_AT_MOST = {"en": ", at most {}", "zh": "，最多 {} 个"}
_FROM = {"en": ", of:", "zh": "，取自："}
_NONE_LINE = {
    "en": 'If none of them applies, {name} is ["{none}"].',
    "zh": "如果都不适用，{name} 为 [“{none}”]。",
}
_CANT_SAY_LINE = {
    "en": 'If the text does not tell, {name} is ["{word}"].',
    "zh": "如果文本没有说明，{name} 为 [“{word}”]。",
}


def plain_count(value: object) -> object:
    """A number of things, at least 1; pydantic calls it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PydanticCustomError(
            "count_expected", "a whole number from 1 on is expected, not {shown}", {"shown": repr(value)[:80]}
        )
    return int(value)


def plain_none(value: object) -> object:
    """True, or the words for "none of these"; pydantic calls it."""
    if isinstance(value, bool) or (isinstance(value, str) and value.strip()):
        return value.strip() if isinstance(value, str) else value
    raise PydanticCustomError(
        "none_expected",
        "true, or the words for it, are expected, not {shown}",
        {"shown": repr(value)[:80]},
    )


Count = Annotated[int, PlainValidator(plain_count)]
NoneWord = Annotated[bool | str, PlainValidator(plain_none)]


class LabelsVariable(Variable):
    """
    All labels of a list that apply.

    A value is the labels in the codebook's order, with `SEPARATOR` between them.

    Attributes:
        labels: What may apply, at least two.
        most: How many at most; None for no bound.
        none: True where none may apply, or the words for that; False where one has to.
    """

    kind = "labels"
    answer_tokens = (15, 80)
    can_compare = True
    has_several = True
    form_rules: ClassVar[Mapping[str, FormRule]] = {"most": "count", "none": "words"}

    labels: tuple[Label, ...] = ()
    most: Count | None = None
    none: NoneWord = False

    def plain_rules(self) -> dict[str, Any]:
        plain: dict[str, Any] = {"kind": self.kind, "labels": list(map(plain_label, self.labels))}
        if self.most is not None:
            plain["most"] = self.most
        return plain | ({"none": self.none} if self.none else {})

    @property
    def taught_texts(self) -> frozenset[str]:
        """Also those for which a label is right."""
        return super().taught_texts | taught_by(self.labels)

    @property
    def none_word(self) -> str | None:
        """What stands in the table where none applies; None where one has to."""
        return NONE[self._language] if self.none is True else self.none or None

    @property
    def word_for_cant_say(self) -> str | None:
        # `instructions` say it.
        return None

    @property
    def alone(self) -> tuple[str, ...]:
        """Values that stand alone: none, and "can't say"."""
        return (*filter(None, (self.none_word,)), *((self.cant_say_word,) if self.cant_say else ()))

    @property
    def choices(self) -> tuple[str, ...]:
        return (*(label.name for label in self.labels), *self.alone)

    def json_schema(self) -> dict[str, Any]:
        names = [label.name for label in self.labels]
        items: dict[str, Any] = {"type": "string", "enum": names}
        if self.alone:
            # What stands alone stands apart: whoever holds a model to the schema can see it.
            items = {"anyOf": [items, {"type": "string", "enum": list(self.alone)}]}
        schema: dict[str, Any] = {"type": "array", "items": items, "minItems": 1}
        return schema if self.most is None else {**schema, "maxItems": self.most}

    def instructions(self, language: Language) -> Iterator[str]:
        most = "" if self.most is None else _AT_MOST[language].format(self.most)
        yield _HEADING[language].format(self.name) + most + _FROM[language]
        yield from label_lines(self.labels, language)
        if self.none_word:
            yield _NONE_LINE[language].format(name=self.name, none=self.none_word)
        if self.cant_say:
            yield _CANT_SAY_LINE[language].format(name=self.name, word=self.cant_say_word)

    def rule(self, language: Language) -> str:
        most = "" if self.most is None else _AT_MOST[language].format(self.most)
        return _HEADING[language].format(self.name) + most + {"en": ".", "zh": "。"}[language]

    def read_value(self, value: object) -> str:
        given = list(dict.fromkeys(self._labels(value)))
        apart = [one for one in given if one in self.alone]
        if apart and len(given) > 1:
            raise UsageError("value-alone-and-others", variable=self.name, value=apart[0])
        if not given:
            if self.none_word is None:
                raise UsageError("value-no-label", variable=self.name)
            given = [self.none_word]
        if self.most is not None and len(given) > self.most:
            raise UsageError("value-too-many", variable=self.name, value=len(given), most=self.most)
        return SEPARATOR.join(choice for choice in self.choices if choice in given)

    def _as_asked(self, answer: Any) -> Any:
        try:
            return self.read(answer).split(SEPARATOR)
        except UsageError:
            return answer

    def _labels(self, value: object) -> Iterator[str]:
        """The labels in what a model or a person wrote: a list, a text with separators, or what is true."""
        match value:
            case None:
                return
            case str():
                yield from self._of_text(value)
            case list() | tuple():
                for one in value:
                    yield self._label(one)
            case Mapping() if all(isinstance(flag, bool) for flag in value.values()):
                for name, applies in value.items():
                    label = self._label(name)
                    if applies:
                        yield label
            case _:
                raise UsageError("value-not-a-list", variable=self.name)

    def _of_text(self, text: str, cuts: Sequence[str] = _CUTS) -> Iterator[str]:
        key = spelling_key(text)
        if key in self._spellings:
            yield self._spellings[key]
        elif not text.strip() or text.strip() == "[]":
            return
        elif text.lstrip().startswith("["):
            try:
                found = json.loads(text)
            except ValueError:
                found = text.strip().strip("[]")
                yield from self._of_text(found)
                return
            yield from self._labels(found)
        elif cuts:
            for piece in re.split(cuts[0], text):
                if piece.strip():
                    yield from self._of_text(piece, cuts[1:])
        else:
            yield self._label(text)

    def _label(self, value: object) -> str:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise UsageError("value-not-a-text", variable=self.name)
        label = self._spellings.get(spelling_key(str(value)))
        if label is None and self.cant_say and says_not(str(value)):
            label = self.cant_say_word
        if label is None:
            raise UsageError(
                "value-not-a-label", variable=self.name, value=str(value)[:80], labels=self.choices
            )
        return label

    @cached_property
    def _spellings(self) -> dict[str, str]:
        return spellings_of([*self.labels, *(Label(name=word) for word in self.alone)])

    def read_bare(self, content: str) -> str | None:
        try:
            return self.read(content) if content.strip() else None
        except UsageError:
            return None

    def faults(self) -> Iterator[tuple[Place, Notice]]:
        yield from label_faults(self.labels)
        for number, label in enumerate(self.labels):
            if SEPARATOR.strip() in label.name:
                told = {"name": label.name, "separator": SEPARATOR.strip()}
                yield ("labels", number, "name"), Notice("codebook-label-has-separator", told)
            if label.name in self.alone:
                yield ("labels", number, "name"), Notice("codebook-label-twice", {"name": label.name})
        if isinstance(self.none, str) and SEPARATOR.strip() in self.none:
            told = {"name": self.none, "separator": SEPARATOR.strip()}
            yield ("none",), Notice("codebook-label-has-separator", told)
        if self.most is not None and self.most > len(self.labels):
            told_most = {"most": self.most, "labels": len(self.labels)}
            yield ("most",), Notice("codebook-most-above-labels", told_most)
        yield from super().faults()

    def is_among(self, value: str, wanted: Collection[str]) -> bool:
        return any(one in wanted for one in value.split(SEPARATOR))

    def columns(self) -> tuple[AnswerColumn, ...]:
        return (
            AnswerColumn(self.name, self.question),
            *(
                AnswerColumn(
                    name,
                    f"{self.name}: {label.name}",
                    YES_NO[self._language],
                    pl.Int8(),
                    self._has(label.name),
                    codes=(0, 1),
                    response_set=self.name,
                )
                for name, label in zip(self.indicator_names, self.labels, strict=True)
            ),
            *self.cant_say_columns(),
        )

    @property
    def indicator_names(self) -> tuple[str, ...]:
        """Names of the columns of 0 and 1, one for each label: with its word where that makes a short one."""
        slugs = [_slug(label.name) for label in self.labels]
        names = [
            f"{self.name}_{slug}" if slug and len(self.name) + len(slug) < _LONGEST_NAME else ""
            for slug in slugs
        ]
        is_plain = all(names) and len(set(names)) == len(names)
        numbered = (f"{self.name}_{number}" for number in range(1, len(names) + 1))
        return tuple(names) if is_plain else tuple(numbered)

    def _has(self, label: str) -> Callable[[pl.Expr], pl.Expr]:
        word = self.cant_say_word if self.cant_say else ""

        def value(text: pl.Expr) -> pl.Expr:
            bounded = pl.concat_str(pl.lit(SEPARATOR), text, pl.lit(SEPARATOR))
            found = bounded.str.contains(f"{SEPARATOR}{label}{SEPARATOR}", literal=True)
            return pl.when((text != "") & (text != word)).then(found.cast(pl.Int8))

        return value

    def tally(self) -> Tally:
        return LabelsTally(self.choices)

    def compare(self, pairs: Iterable[tuple[str, str | None]]) -> LabelsAgreement:
        return labels_agreement(
            ((people.split(SEPARATOR), value.split(SEPARATOR) if value else ()) for people, value in pairs),
            [label.name for label in self.labels],
            self.alone,
        )

    def may_be_peoples(self, column: str, cells: Iterable[str]) -> bool:
        del column
        return all(self.read_or_none(cell) is not None for cell in cells)


class LabelsTally(LabelTally):
    """How often each label is given; of a row each of its labels counts."""

    def add_counted(self, values: Mapping[str, int]) -> None:
        for value, rows in values.items():
            for label in value.split(SEPARATOR):
                self.counts[label] += rows


def _slug(label: str) -> str:
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    if not label.isascii() and len(plain.strip()) < len(label) / 2:
        # Of a script that has no Latin letters, nothing that says it would be left.
        return ""
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
