"""
What every kind of variable says of itself: the one question behind "has it labels?".

A kind is a class of variables: one module here, its words in it, and a template of its own in `web/`.
Everything else asks the variable and need not know which kinds there are.

A value of a variable is a text on its way from the answer to the table: so it is counted, filtered, corrected
and kept. What it is in a table with types is decided where the table is written, by `Variable.columns`. "" is
no value: the row has no answer, or what is asked does not apply to it (`only_if`). Where a person allows it,
"can't say" is a value of every kind.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, PlainValidator, PrivateAttr, StringConstraints
from pydantic_core import PydanticCustomError

from rowbatch.core.spelling import spelling_key
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.core.agreement import Comparison

Language = Literal["en", "zh"]
Place = tuple[str | int, ...]
"""Where something stands in a document, as in `("variables", 0, "name")`."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True)]
FormRule = Literal["number", "count", "date", "flag", "text", "words"]
"""
What a field of the web form holds that belongs to one kind only; `words`: a flag, and perhaps one's own
words for it.
"""


CANT_SAY: Mapping[Language, str] = {"en": "can't say", "zh": "无法判断"}
"""The value of a variable whose text does not tell, where a person allows it; by the codebook's language."""
_SAYS_NOT = frozenset(
    map(
        spelling_key,
        (
            *CANT_SAY.values(),
            "cannot say",
            "can not say",
            "cant say",
            "null",
            "unknown",
            "not stated",
            "not mentioned",
            "not specified",
            "n/a",
            "不能判断",
            "未知",
            "不详",
            "未提及",
        ),
    )
)
_CANT_SAY_LINE = {
    "en": {
        "null": "If the text does not tell, {name} is null.",
        "word": 'If the text does not tell, {name} is "{word}".',
    },
    "zh": {
        "null": "如果文本没有说明，{name} 为 null。",
        "word": "如果文本没有说明，{name} 为“{word}”。",
    },
}
_ONLY_IF_LINE = {
    "en": "Answer {name} only if {conditions}; otherwise it is null.",
    "zh": "仅当{conditions}时回答 {name}，否则为 null。",
}
_CONDITION = {"en": ("{other} is {values}", " or ", " and "), "zh": ("{other} 为 {values}", " 或 ", "且")}
_RIGHT_LINE = {"en": '  for example, of "{text}": {answer}', "zh": "  例如，“{text}”：{answer}"}


def _plain_flag(value: object) -> object:
    if not isinstance(value, bool):
        raise PydanticCustomError(
            "flag_expected", "true or false is expected, not {shown}", {"shown": repr(value)[:80]}
        )
    return value


def _plain_conditions(value: object) -> object:
    """Conditions as they are kept: for each variable its values, as texts."""
    if not isinstance(value, Mapping):
        raise PydanticCustomError("dict_type", "fields are expected")
    conditions = {}
    for name, wanted in value.items():
        values = wanted if isinstance(wanted, list | tuple) else [wanted]
        if not values or not all(isinstance(one, str | int | float) for one in values):
            raise PydanticCustomError(
                "condition_expected",
                "a value of {name}, or a list of its values, is expected",
                {"name": str(name)},
            )
        conditions[str(name)] = tuple(
            str(one).lower() if isinstance(one, bool) else str(one) for one in values
        )
    return conditions


Flag = Annotated[bool, PlainValidator(_plain_flag)]
Conditions = Annotated[Mapping[str, tuple[str, ...]], PlainValidator(_plain_conditions)]


class Strict(BaseModel):
    """A part of a codebook: checked when it is made, and then as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """
    A column that a variable has in the labelled table.

    Attributes:
        name: As the codebook has it; the table may have it already.
        label: What it is, in words; or "".
        labels: Its allowed texts, in order, where there is such a list; else ().
        dtype: Of its values.
        value: From the text of a value, which is "" where there is none, to what is written.
        codes: The number of each of `labels` in programs that count by numbers; () for 1, 2, …
        cant_say: Which of `labels` says "can't say", which such programs keep as a missing value; or "".
        response_set: Of a column of 0 and 1: what it and others of the same variable are together; or "".
    """

    name: str
    label: str = ""
    labels: tuple[str, ...] = ()
    dtype: pl.DataType = field(default_factory=pl.String)
    value: Callable[[pl.Expr], pl.Expr] = lambda text: text
    codes: tuple[int, ...] = ()
    cant_say: str = ""
    response_set: str = ""


YES_NO: Mapping[Language, tuple[str, str]] = {"en": ("no", "yes"), "zh": ("否", "是")}
"""What 0 and 1 are called."""


class Example(Strict):
    """
    A text and its right answer, which become part of the prompt.

    Attributes:
        text: As it may stand in a row.
        answer: The right value, as JSON has it; null for "can't say".
    """

    text: Text
    answer: Any = None


LONGEST_EXAMPLE = 1_000
"""So many characters of a row's text become an example."""


def example_key(text: str) -> str:
    """What a text and an example that was made of it have in common."""
    return text.replace("\r\n", "\n").strip()[:LONGEST_EXAMPLE].strip()


class Tally(Protocol):
    """What is shown of all values of a variable."""

    def add(self, values: pl.Series) -> None:
        """Count more values: texts, none of them empty."""

    def add_counted(self, values: Mapping[str, int]) -> None:
        """The same of values that were counted already."""

    def facts(self) -> Sequence[tuple[str, float]]:
        """Names and numbers, the most telling first. Names are labels, or symbols of statistics."""


class Variable(Strict, ABC):
    """
    One thing to code.

    Attributes:
        kind: As codebook files have it.
        is_open: Its values are the model's own words, as many as it likes.
        answer_tokens: Of a value, about: the fewest, and the most where nothing limits the answer.
        can_compare: Whether people's values can be compared with the model's.
        has_order: Whether rows can be looked for by a least and a most value.
        form_rules: Its own fields in the web form, labels apart.
        cant_say_is_null: A model says null, and not a word, where the text does not tell.
        has_several: A value may be several of its choices.
        is_reason: It says why another variable has its value, in a sentence.
        is_computed: No model is asked for it: it is known from another value and the text of the row.
        name: The column's name: letters, digits, `_`.
        question: What is asked about the text.
        only_if: It is asked only where these other variables have one of these values.
        cant_say: "Can't say" is a value of it.
        reason: The model says why, before it answers.
        evidence: The model quotes what shows it, word for word, before it answers.
        examples: Texts with their right answers.
    """

    kind: ClassVar[str]
    is_open: ClassVar[bool] = False
    answer_tokens: ClassVar[tuple[int, int]]
    can_compare: ClassVar[bool] = False
    has_order: ClassVar[bool] = False
    form_rules: ClassVar[Mapping[str, FormRule]] = {}
    cant_say_is_null: ClassVar[bool] = False
    has_several: ClassVar[bool] = False
    is_reason: ClassVar[bool] = False
    is_computed: ClassVar[bool] = False

    name: Name
    question: Text = ""
    only_if: Conditions = {}
    cant_say: Flag = False
    reason: Flag = False
    evidence: Flag = False
    examples: tuple[Example, ...] = ()

    _language: Language = PrivateAttr("en")

    @property
    def taught_texts(self) -> frozenset[str]:
        """Texts whose right values the model is told as examples, by their `example_key`."""
        return frozenset(example_key(one.text) for one in self.examples)

    def in_language(self, language: Language) -> Self:
        """The same variable, of a codebook in this language: it decides how our own values are called."""
        if language == self._language:
            return self
        other = self.model_copy()
        # What was worked out in the other language.
        for name in set(other.__dict__) - set(type(self).model_fields):
            del other.__dict__[name]
        other._language = language
        return other

    @property
    def cant_say_word(self) -> str:
        """What stands in the table where the text does not tell."""
        return CANT_SAY[self._language]

    def to_plain(self) -> dict[str, Any]:
        """
        As a codebook file and run.toml have it.

        The same for what asks the same, and as older versions wrote it: what is not set is left out.
        """
        plain = {"name": self.name, "question": self.question, **self.plain_rules()}
        if self.only_if:
            plain["only_if"] = {name: list(values) for name, values in self.only_if.items()}
        plain |= {flag: True for flag in ("cant_say", "reason", "evidence") if getattr(self, flag)}
        if self.examples:
            # TOML has no null: an answer that is not there is "can't say".
            plain["examples"] = [one.model_dump(mode="json", exclude_none=True) for one in self.examples]
        return plain

    @abstractmethod
    def plain_rules(self) -> dict[str, Any]:
        """Its kind and the fields that only its kind has, as `to_plain` has them."""

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """The JSON schema of a value, within what strict mode takes."""

    def asked_schema(self) -> dict[str, Any]:
        """The JSON schema of what a model answers: null where it is not asked, or the text does not tell."""
        schema = self.json_schema()
        if not self.only_if and not (self.cant_say and self.cant_say_is_null):
            return schema
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
        return schema

    @abstractmethod
    def instructions(self, language: Language) -> Iterator[str]:
        """Lines that the model reads after the question."""

    def conditions(self, language: Language) -> Iterator[str]:
        """Lines that the model reads after `instructions`: when it answers, and when it can't say."""
        if self.cant_say and self.word_for_cant_say is not None:
            form = _CANT_SAY_LINE[language]["null" if self.cant_say_is_null else "word"]
            yield form.format(name=self.name, word=CANT_SAY[language])
        if self.only_if:
            form, either, both = _CONDITION[language]
            told = both.join(
                form.format(other=other, values=either.join(values)) for other, values in self.only_if.items()
            )
            yield _ONLY_IF_LINE[language].format(name=self.name, conditions=told)

    def shown_examples(self, language: Language) -> Iterator[str]:
        """Lines with the right answers of texts."""
        for example in self.examples:
            shown = self._as_asked(example.answer)
            answer = json.dumps({self.name: shown}, ensure_ascii=False)
            yield _RIGHT_LINE[language].format(text=example.text, answer=answer)

    def _as_asked(self, answer: Any) -> Any:
        """A right answer as a model would give it."""
        if answer is None and self.cant_say and not self.cant_say_is_null:
            return self.cant_say_word
        return answer

    @property
    def word_for_cant_say(self) -> str | None:
        """
        The value that stands for "can't say" beside the kind's own values; None where it is one of them,
        or is not allowed.
        """
        return self.cant_say_word if self.cant_say else None

    def read(self, value: object) -> str:
        """
        Read a value of the model's answer, or one that a person wrote.

        Args:
            value: As JSON has it.
        Returns:
            The value as a text: the same one for all spellings of it.
        Raises:
            UsageError: It is none; the message says why.
        """
        if self.cant_say and (value is None or isinstance(value, str)):
            try:
                return self.read_value(value)
            except UsageError:
                if value is None or says_not(value):
                    return self.cant_say_word
                raise
        return self.read_value(value)

    def read_or_none(self, value: object) -> str | None:
        """`read`, with None for what is no value."""
        try:
            return self.read(value)
        except UsageError:
            return None

    @abstractmethod
    def read_value(self, value: object) -> str:
        """`read` for all values but "can't say"."""

    def is_among(self, value: str, wanted: Collection[str]) -> bool:
        """Whether a value is one of those that a condition names; "" is none."""
        return value in wanted

    @property
    def may_be_condition(self) -> bool:
        """Whether another variable may depend on its values."""
        return bool(self.choices)

    def read_bare(self, content: str) -> str | None:  # noqa: ARG002
        """
        Read an answer that is not the JSON object that was asked for, but perhaps the value alone.

        Raises:
            UsageError: It is a value, but not one that is allowed.
        """
        return None

    def faults(self) -> Iterator[tuple[Place, Notice]]:
        """What contradicts itself in it: where, and what."""
        for number, example in enumerate(self.examples):
            try:
                self.check_example(example)
            except UsageError as error:
                yield ("examples", number, "answer"), error.notice

    def check_example(self, example: Example) -> None:
        """
        Make sure that an example's answer is one.

        Raises:
            UsageError: It is none.
        """
        self.read(example.answer)

    def rule(self, language: Language) -> str:  # noqa: ARG002
        """What is asked of a value, in a sentence for a paper; "" where the labels say it, or nothing is."""
        return ""

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values, where there is a list of them."""
        return ()

    def columns(self) -> tuple[AnswerColumn, ...]:
        """The columns that it has in the table; the first has its name."""
        return (AnswerColumn(self.name, self.question, self.choices),)

    def cant_say_columns(self) -> tuple[AnswerColumn, ...]:
        """A column of 0 and 1 beside one whose type has no place for "can't say", where that is allowed."""
        if not self.cant_say:
            return ()
        word = self.cant_say_word

        def value(text: pl.Expr) -> pl.Expr:
            return pl.when(text != "").then((text == word).cast(pl.Int8))

        return (
            AnswerColumn(
                f"{self.name}_cant_say",
                f"{self.name}: {word}",
                YES_NO[self._language],
                pl.Int8(),
                value,
                codes=(0, 1),
            ),
        )

    def tally(self) -> Tally | None:
        """What counts its values; None where there is nothing to be counted."""
        return None

    def people_value(self, text: str) -> str:
        """
        Read what a person wrote into a table.

        Raises:
            UsageError: It is no value.
        """
        return self.read(text)

    def people_together(self, values: Sequence[str]) -> str | None:
        """
        What several people say of one text.

        Args:
            values: As `people_value` gave them, at least one.
        Returns:
            The value that most of them gave; None where several were given equally often.
        """
        (first, most), *others = Counter(values).most_common(2)
        return None if others and others[0][1] == most else first

    def correction(self, text: str) -> str:
        """
        A value that a person puts in the place of the model's.

        Raises:
            UsageError: It is none.
        """
        return self.people_value(text)

    def may_be_peoples(self, column: str, cells: Iterable[str]) -> bool:  # noqa: ARG002
        """Whether people seem to have coded it in a column of the table, by its cells that are not empty."""
        return False

    def compare(self, pairs: Iterable[tuple[str, str | None]]) -> Comparison:
        """
        Compare people's values with those that hold; only where `can_compare`.

        Args:
            pairs: People's value, and the model's or None, of each row that has people's; none that
                `is_compared` leaves out.
        """
        raise NotImplementedError

    def is_compared(self, people: str) -> bool:
        """Whether a value of people's can be compared with one of the model's; only where `can_compare`."""
        # Where they can't say it, it lies nowhere in the order.
        return not self.has_order or people != self.cant_say_word

    def is_same(self, people: pl.Expr, value: pl.Expr) -> pl.Expr:
        """Whether what people wrote is the value that holds; both are texts."""
        return people == value

    def within(self, value: pl.Expr, least: str, most: str) -> pl.Expr:  # noqa: ARG002
        """
        Whether a value lies between two others; only where `has_order`.

        Args:
            value: A text, "" where there is none.
            least, most: As a person wrote them; "" for no bound.
        Raises:
            UsageError: One is no value.
        """
        raise UsageError("value-without-order", variable=self.name)


def says_not(value: str) -> bool:
    """Whether a text says in other words that it can't be said."""
    return spelling_key(value.replace("\u2019", "'")) in _SAYS_NOT


def has_word(name: str, word: str) -> bool:
    """Whether a column's name has a word in it, as `human_age` has `age`."""
    parts = "_".join(re.split(r"[\W_]+", name.casefold()))
    return f"_{word.casefold()}_" in f"_{parts}_"
