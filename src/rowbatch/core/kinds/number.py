"""A number, perhaps a whole one, perhaps between two others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from rowbatch.core.agreement import pearson
from rowbatch.core.kinds.base import (
    CANT_SAY,
    AnswerColumn,
    Flag,
    FormRule,
    Language,
    Place,
    Tally,
    Variable,
    has_word,
)
from rowbatch.core.numbers import number_of, spelled
from rowbatch.errors import UsageError
from rowbatch.words.notice import Notice


def _plain_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PydanticCustomError(
            "number_expected", "a number is expected, not {shown}", {"shown": _shown(repr(value))}
        )
    # YAML's own numbers know how they were spelled, which TOML doesn't want.
    return int(value) if isinstance(value, int) else float(value)


Number = Annotated[int | float, PlainValidator(_plain_number)]
_MOST_WHOLE = 2**63
_RULES = {
    "en": {
        "both": "{name} is {number} from {min} to {max}.",
        "min": "{name} is {number}, at least {min}.",
        "max": "{name} is {number}, at most {max}.",
        "none": "{name} is {number}.",
        "number": "a number",
        "whole": "a whole number",
    },
    "zh": {
        "both": "{name} 是 {min} 到 {max} 之间的{number}。",
        "min": "{name} 是不小于 {min} 的{number}。",
        "max": "{name} 是不大于 {max} 的{number}。",
        "none": "{name} 是一个{number}。",
        "number": "数字",
        "whole": "整数",
    },
}


class NumberVariable(Variable):
    """
    A number.

    Attributes:
        min, max: The least and the most that it may be; None for no bound.
        whole: Whether only whole numbers count.
    """

    kind = "number"
    answer_tokens = (8, 40)
    can_compare = True
    has_order = True
    cant_say_is_null = True
    form_rules: ClassVar[Mapping[str, FormRule]] = {"min": "number", "max": "number", "whole": "flag"}

    min: Number | None = None
    max: Number | None = None
    whole: Flag = False

    def plain_rules(self) -> dict[str, Any]:
        given = {"min": self.min, "max": self.max, "whole": self.whole or None}
        return {"kind": self.kind} | {rule: value for rule, value in given.items() if value is not None}

    def json_schema(self) -> dict[str, Any]:
        bounds = {"minimum": self.min, "maximum": self.max}
        return {"type": "integer" if self.whole else "number"} | {
            keyword: bound for keyword, bound in bounds.items() if bound is not None
        }

    def instructions(self, language: Language) -> Iterator[str]:
        yield self.rule(language)

    def rule(self, language: Language) -> str:
        words = _RULES[language]
        given = [rule for rule in ("min", "max") if getattr(self, rule) is not None]
        form = "both" if len(given) == 2 else (*given, "none")[0]
        bounds = {rule: spelled(getattr(self, rule)) for rule in given}
        return words[form].format(name=self.name, number=words["whole" if self.whole else "number"], **bounds)

    def read_value(self, value: object) -> str:
        number = number_of(value, is_whole=self.whole) if isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int | float) or not _is_storable(number):
            raise UsageError("value-not-a-number", variable=self.name, value=_shown(value))
        if self.whole:
            if number != math.floor(number):
                raise UsageError("value-not-whole", variable=self.name, value=spelled(number))
            number = int(number)
            if not _is_storable(number):
                raise UsageError("value-not-a-number", variable=self.name, value=_shown(value))
        if self.min is not None and number < self.min:
            raise UsageError(
                "value-too-small", variable=self.name, value=spelled(number), least=spelled(self.min)
            )
        if self.max is not None and number > self.max:
            raise UsageError(
                "value-too-large", variable=self.name, value=spelled(number), most=spelled(self.max)
            )
        return spelled(number if self.whole else float(number))

    def read_bare(self, content: str) -> str | None:
        return None if number_of(content, is_whole=self.whole) is None else self.read(content)

    def faults(self) -> Iterator[tuple[Place, Notice]]:
        yield from super().faults()
        for rule in ("min", "max"):
            bound = getattr(self, rule)
            if self.whole and bound is not None and bound != math.floor(bound):
                yield (rule,), Notice("codebook-bound-not-whole", {"bound": bound})
        if self.min is not None and self.max is not None and self.max < self.min:
            yield ("max",), Notice("codebook-max-below-min", {"most": self.max, "least": self.min})

    def columns(self) -> tuple[AnswerColumn, ...]:
        number = AnswerColumn(self.name, self.question, (), self._dtype, self._number)
        return (number, *self.cant_say_columns())

    def tally(self) -> Tally:
        return NumberTally()

    def may_be_peoples(self, column: str, cells: Iterable[str]) -> bool:
        # Any column of numbers would do, also a number of the row: the name has to say it.
        return has_word(column, self.name) and all(self.read_or_none(cell) is not None for cell in cells)

    def people_together(self, values: Sequence[str]) -> str:
        """The mean of those who say one; "can't say" where nobody does."""
        numbers = [float(value) for value in values if value != self.cant_say_word]
        return spelled(math.fsum(numbers) / len(numbers)) if numbers else self.cant_say_word

    def compare(self, pairs: Iterable[tuple[str, str | None]]) -> NumberAgreement:
        said, cant_say = without_cant_say(pairs, self.cant_say_word)
        found = number_agreement(
            (float(people), None if value is None else float(value)) for people, value in said
        )
        return replace(found, cant_say=cant_say)

    def within(self, value: pl.Expr, least: str, most: str) -> pl.Expr:
        number = self._number(value)
        found = number.is_not_null()
        if least:
            found &= number >= self._bound(least)
        if most:
            found &= number <= self._bound(most)
        return found

    def _bound(self, said: str) -> float:
        bound = number_of(said, is_whole=self.whole)
        if bound is None:
            raise UsageError("value-not-a-number", variable=self.name, value=_shown(said))
        return float(bound)

    @property
    def _dtype(self) -> pl.DataType:
        return pl.Int64() if self.whole else pl.Float64()

    def _number(self, text: pl.Expr) -> pl.Expr:
        """The number that a text is; null for "", and where it can't be said."""
        return pl.when((text != "") & (text != self.cant_say_word)).then(text).cast(self._dtype)


def _is_storable(number: float) -> bool:
    if isinstance(number, int):
        return -_MOST_WHOLE <= number < _MOST_WHOLE
    return math.isfinite(number)


def _shown(value: object) -> str:
    return str(value)[:80]


class NumberTally:
    """How many numbers there are, and what they are like."""

    def __init__(self) -> None:
        self.n = 0
        self._sums: list[float] = []
        self._least, self._most = math.inf, -math.inf

    def add(self, values: pl.Series) -> None:
        numbers = values.filter(~values.is_in(list(CANT_SAY.values()))).cast(pl.Float64)
        if len(numbers):
            self.n += len(numbers)
            self._sums.append(float(numbers.sum()))
            self._least = min(self._least, float(numbers.min()))  # type: ignore[arg-type]
            self._most = max(self._most, float(numbers.max()))  # type: ignore[arg-type]

    def add_counted(self, values: Mapping[str, int]) -> None:
        for value, rows in values.items():
            if value not in CANT_SAY.values():
                number = float(value)
                self.n += rows
                self._sums.append(number * rows)
                self._least, self._most = min(self._least, number), max(self._most, number)

    def facts(self) -> list[tuple[str, float]]:
        if not self.n:
            return [("n", 0)]
        return [
            ("n", self.n),
            ("mean", math.fsum(self._sums) / self.n),
            ("min", self._least),
            ("max", self._most),
        ]


@dataclass(frozen=True, slots=True)
class NumberAgreement:
    """
    Agreement of numbers with people's, over the rows that have both.

    Attributes:
        n: Rows compared.
        without: Rows that have people's number and no other.
        mean_absolute_error: How far off a number is, in the mean.
        bias: The same with its sign: above 0 where numbers are higher than people's.
        r: Pearson's correlation. None where it is undefined: fewer than two rows, or one side is constant.
        cant_say: Of `without`, rows where the model says that it can't be said.
    """

    n: int
    without: int
    mean_absolute_error: float | None
    bias: float | None
    r: float | None
    cant_say: int = 0


def without_cant_say(
    pairs: Iterable[tuple[str, str | None]], cant_say_word: str
) -> tuple[list[tuple[str, str | None]], int]:
    """
    People's values and the model's, for what can only be compared where both have one.

    Args:
        pairs: People's value, and the model's or None.
        cant_say_word: The value that says that it can't be said.
    Returns:
        The pairs where people say something, with None where the model can't; and how many of these there
        are.
    """
    said = [pair for pair in pairs if pair[0] != cant_say_word]
    given = [(people, None if value == cant_say_word else value) for people, value in said]
    return given, sum(value == cant_say_word for _, value in said)


def number_agreement(pairs: Iterable[tuple[float, float | None]]) -> NumberAgreement:
    """
    Compare numbers with people's.

    Args:
        pairs: People's number, and the model's or None, of each row that has people's.
    """
    both, without = [], 0
    for people, value in pairs:
        if value is None:
            without += 1
        else:
            both.append((people, value))
    if not both:
        return NumberAgreement(0, without, None, None, None)
    n = len(both)
    differences = [value - people for people, value in both]
    return NumberAgreement(
        n=n,
        without=without,
        mean_absolute_error=math.fsum(map(abs, differences)) / n,
        bias=math.fsum(differences) / n,
        r=pearson(both),
    )
