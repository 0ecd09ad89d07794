"""Words that stand in the text of the row, word for word."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import polars as pl

from rowbatch.core.kinds.base import AnswerColumn, Example, FormRule, Language, Variable
from rowbatch.core.kinds.labels import Count, NoneWord
from rowbatch.errors import UsageError

WORD_FOR_WORD = "words of the text, copied word for word"
"""Description, in a schema, of a text that has to stand in the text of the row."""
_NO_QUOTE: Mapping[Language, str] = {"en": "no quote", "zh": "无引文"}
_RULES = {
    "en": {
        "one": "{name} is a quote: words of the text, copied word for word.",
        "many": "{name} is a list of quotes: words of the text, copied word for word{most}.",
        "most": ", at most {} of them",
    },
    "zh": {
        "one": "{name} 是引文：从文本中逐字摘录。",
        "many": "{name} 是引文列表：从文本中逐字摘录{most}。",
        "most": "，最多 {} 处",
    },
}
_NONE_LINE = {
    "en": {"one": 'If there is none, {name} is "{none}".', "many": "If there is none, {name} is []."},
    "zh": {"one": "如果没有，{name} 为“{none}”。", "many": "如果没有，{name} 为 []。"},
}
_EVIDENCE = {
    "en": "{name}: the words of the text that show {other}, copied word for word; it comes before {other}. "
    "If there are none, it is an empty text.",
    "zh": "{name}：文本中支持 {other} 的原话，逐字摘录，写在 {other} 之前；如果没有，则为空文本。",
}
# Characters that models put in the place of others that look alike: they are compared as one.
_ALIKE = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`´", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033«»", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
)
_OUTER = "\"'\u2018\u2019\u201c\u201d\u201e«»“”「」『』 \t\r\n"
_ELLIPSIS = (".", "\u2026")


def place_quote(quote: str, text: str) -> tuple[int, int] | None:
    """
    Where a quote stands in a text.

    As it stands there; or else but for what nobody calls another word: the width of spaces, the form of
    quotation marks and dashes, composed or decomposed letters, case, quotation marks around the whole, dots
    where something was left out.

    Args:
        quote: As a model gave it.
        text: Of the row.
    Returns:
        The first place: from which character, from 0, to before which one; None where there is none.
    """
    if not quote.strip():
        return None
    at = text.find(quote)
    if at >= 0:
        return at, at + len(quote)
    plain, places = _folded(text)
    for form in _forms(quote):
        folded = _folded(form)[0].strip()
        at = plain.find(folded) if folded else -1
        if at >= 0:
            return places[at], places[at + len(folded) - 1] + 1
    return None


def _forms(quote: str) -> Iterator[str]:
    yield quote
    bare = quote.strip(_OUTER)
    yield bare
    # "… the end of it …"
    yield bare.strip("." + _ELLIPSIS[1] + "[]()" + _OUTER)


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """A text as it is compared, and for each of its characters which one of the text it was made of."""
    found: list[str] = []
    places: list[int] = []
    is_after_space = False
    for at, character in enumerate(text):
        if character.isspace():
            if not is_after_space:
                found.append(" ")
                places.append(at)
            is_after_space = True
            continue
        is_after_space = False
        for one in unicodedata.normalize("NFKD", character).casefold().translate(_ALIKE):
            found.append(one)
            places.append(at)
    return "".join(found), places


class QuoteVariable(Variable):
    """
    Words of the row's text.

    A value is the quote; where there may be several, a JSON list of them.

    Attributes:
        most: How many at most.
        none: True where there may be none, or the words for that.
    """

    kind = "quote"
    is_open = True
    answer_tokens = (20, 200)
    form_rules: ClassVar[Mapping[str, FormRule]] = {"most": "count", "none": "words"}

    most: Count = 1
    none: NoneWord = False

    def plain_rules(self) -> dict[str, Any]:
        plain: dict[str, Any] = {"kind": self.kind}
        if self.most != 1:
            plain["most"] = self.most
        return plain | ({"none": self.none} if self.none else {})

    @property
    def none_word(self) -> str | None:
        """What stands in the table where there is none; None where there has to be one."""
        return _NO_QUOTE[self._language] if self.none is True else self.none or None

    def json_schema(self) -> dict[str, Any]:
        quote = {"type": "string", "description": WORD_FOR_WORD}
        if self.most == 1:
            return quote
        return {"type": "array", "items": quote, "maxItems": self.most}

    def instructions(self, language: Language) -> Iterator[str]:
        yield self.rule(language)
        if self.none_word is not None:
            form = _NONE_LINE[language]["one" if self.most == 1 else "many"]
            yield form.format(name=self.name, none=self.none_word)

    def rule(self, language: Language) -> str:
        words = _RULES[language]
        return words["one" if self.most == 1 else "many"].format(
            name=self.name, most=words["most"].format(self.most)
        )

    def read_value(self, value: object) -> str:
        quotes = self._quotes(value)
        if self.most != 1 and len(quotes) == 1 and self.is_apart(quotes[0]):
            quotes = [] if quotes[0] == self.none_word else quotes
        if not quotes:
            if self.none_word is None:
                raise UsageError("value-no-quote", variable=self.name)
            return self.none_word
        if len(quotes) > self.most:
            raise UsageError("value-too-many", variable=self.name, value=len(quotes), most=self.most)
        if self.cant_say and quotes == [self.cant_say_word]:
            return self.cant_say_word
        return quotes[0] if self.most == 1 else json.dumps(quotes, ensure_ascii=False)

    def _quotes(self, value: object) -> list[str]:
        match value:
            case None:
                return []
            case str():
                if self.most != 1 and value.lstrip().startswith("["):
                    try:
                        return self._quotes(json.loads(value))
                    except ValueError:
                        pass
                return [value] if value.strip() else []
            case list() | tuple():
                return list(dict.fromkeys(quote for one in value for quote in self._quotes(one)))
            case _:
                raise UsageError("value-not-a-text", variable=self.name)

    def people_value(self, text: str) -> str:
        # Of several quotes people write one a line.
        return self.read(text if self.most == 1 or text.lstrip().startswith("[") else text.split("\n"))

    def is_apart(self, value: str) -> bool:
        """Whether a value is no quote: none, or "can't say"."""
        return value == self.none_word or (self.cant_say and value == self.cant_say_word)

    def quotes_of(self, value: str) -> list[str]:
        """The quotes that a value is; none for "", and for what is none."""
        if not value or self.is_apart(value):
            return []
        return [value] if self.most == 1 else list(json.loads(value))

    def placed(self, value: str, text: str) -> tuple[str, str, str]:
        """
        A value with its places.

        Args:
            value: Of `read`, not "".
            text: Of the row.
        Returns:
            The value, in the text's own characters; where its quotes begin, and where they end, in characters
            of the text from 0, the end not counted in; with `;` between them where there are several.
        Raises:
            UsageError: A quote does not stand in the text.
        """
        found: list[tuple[int, int]] = []
        for quote in self.quotes_of(value):
            place = place_quote(quote, text)
            if place is None:
                raise UsageError("value-not-in-text", variable=self.name, value=quote[:80])
            found.append(place)
        if not found:
            return value, "", ""
        own = [text[start:stop] for start, stop in found]
        return (
            own[0] if self.most == 1 else json.dumps(own, ensure_ascii=False),
            ";".join(str(start) for start, _ in found),
            ";".join(str(stop) for _, stop in found),
        )

    def check_example(self, example: Example) -> None:
        value = self.read(example.answer)
        if value:
            self.placed(value, example.text)


class EvidenceVariable(QuoteVariable):
    """The words that show the value of another variable: asked before it, and in a column beside it."""

    @classmethod
    def of(cls, variable: Variable) -> Self:
        """The evidence that a variable asks for."""
        return cls.model_construct(name=f"{variable.name}_evidence", only_if=variable.only_if)

    def instructions(self, language: Language) -> Iterator[str]:
        yield _EVIDENCE[language].format(name=self.name, other=self.name.removesuffix("_evidence"))

    def read_value(self, value: object) -> str:
        # The answer beside it is worth more than evidence that is missing.
        return super().read_value(value) if value and isinstance(value, str | list) else ""


class PlaceVariable(Variable):
    """Where the quotes of another variable begin or end: computed, and asked of nobody."""

    kind = "text"
    is_computed = True
    answer_tokens = (0, 0)
    is_single: bool = True

    @classmethod
    def of(cls, quote: QuoteVariable, edge: str) -> Self:
        """One edge of a variable's quotes: `start` or `end`."""
        return cls.model_construct(name=f"{quote.name}_{edge}", is_single=quote.most == 1)

    def plain_rules(self) -> dict[str, Any]:
        return {}

    def json_schema(self) -> dict[str, Any]:
        return {}

    def instructions(self, language: Language) -> Iterator[str]:
        del language
        yield from ()

    def read_value(self, value: object) -> str:
        return str(value)

    def columns(self) -> tuple[AnswerColumn, ...]:
        if not self.is_single:
            return (AnswerColumn(self.name),)
        return (AnswerColumn(self.name, "", (), pl.Int64(), _number),)


def _number(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text).cast(pl.Int64)
