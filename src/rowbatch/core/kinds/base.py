"""
What every kind of variable says of itself: the one question behind "has it labels?".

A kind is a class of variables: one module here, its words in it, and a template of its own in `web/`.
Everything else asks the variable and need not know which kinds there are.

A value of a variable is a text on its way from the answer to the table: so it is counted, filtered, corrected
and kept. What it is in a table with types is decided where the table is written, by `Variable.columns`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

import polars as pl
from pydantic import BaseModel, ConfigDict, StringConstraints

from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice

if TYPE_CHECKING:
    from rowbatch.core.agreement import Comparison

Language = Literal["en", "zh"]
Place = tuple[str | int, ...]
"""Where something stands in a document, as in `("variables", 0, "name")`."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True)]
FormRule = Literal["number", "flag"]
"""What a field of the web form holds that belongs to one kind only."""


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
    """

    name: str
    label: str = ""
    labels: tuple[str, ...] = ()
    dtype: pl.DataType = field(default_factory=pl.String)
    value: Callable[[pl.Expr], pl.Expr] = lambda text: text


class Tally(Protocol):
    """What is shown of all values of a variable."""

    def add(self, values: pl.Series) -> None:
        """Count more values: texts, none of them empty."""

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
        form_rules: Its own fields in the web form, where a form for it alone is offered; else None.
        name: The column's name: letters, digits, `_`.
        question: What is asked about the text.
    """

    kind: ClassVar[str]
    is_open: ClassVar[bool] = False
    answer_tokens: ClassVar[tuple[int, int]]
    can_compare: ClassVar[bool] = False
    has_order: ClassVar[bool] = False
    form_rules: ClassVar[Mapping[str, FormRule] | None] = None

    name: Name
    question: Text = ""

    @abstractmethod
    def to_plain(self) -> dict[str, Any]:
        """
        As a codebook file and run.toml have it.

        The same for what asks the same, and as older versions wrote it: what is not set is left out.
        """

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """The JSON schema of a value, within what strict mode takes."""

    @abstractmethod
    def instructions(self, language: Language) -> Iterator[str]:
        """Lines that the model reads after the question."""

    @abstractmethod
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

    def read_bare(self, content: str) -> str | None:  # noqa: ARG002
        """
        Read an answer that is not the JSON object that was asked for, but perhaps the value alone.

        Raises:
            UsageError: It is a value, but not one that is allowed.
        """
        return None

    def faults(self) -> Iterator[tuple[Place, Notice]]:
        """What contradicts itself in it: where, and what."""
        yield from ()

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
            pairs: People's value, and the model's or None, of each row that has people's.
        """
        raise NotImplementedError

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

    def form_values(self) -> dict[str, str]:
        """Its rules as the web form has them; see `form_rules`."""
        return {}


def has_word(name: str, word: str) -> bool:
    """Whether a column's name has a word in it, as `human_age` has `age`."""
    parts = "_".join(re.split(r"[\W_]+", name.casefold()))
    return f"_{word.casefold()}_" in f"_{parts}_"
