"""From a kind and its values to words, for a face and in a language."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Face = Literal["terminal", "page"]
Language = Literal["en", "zh"]


class Entry(NamedTuple):
    """
    The words of one kind.

    Values stand in braces, as `str.format` has them, and besides: `{n:row|rows}` is the first word where n is
    1, else the second; `{names}` of a list are its members with commas in between; `{usd:$}` is an amount of
    money.

    Attributes:
        message: What happened, in a sentence without its full stop.
        hint: What to do next on the command line and in Python; or "".
        page: The same for the web app; None where `hint` names nothing that only the command line has.
        page_message: What happened, where the web app has other words for it.
        zh: Message and hint of the web app in Chinese. "" where the English has no words of its own, only
            values.
    """

    message: str
    hint: str = ""
    page: str | None = None
    page_message: str | None = None
    zh: tuple[str, str] = ("", "")

    def sentences(self, face: Face, language: Language = "en") -> tuple[str, str]:
        """Message and hint for a face; the command line speaks English."""
        if face == "terminal":
            return self.message, self.hint
        message = self.message if self.page_message is None else self.page_message
        hint = self.hint if self.page is None else self.page
        if language == "zh":
            return self.zh[0] or message, self.zh[1] or hint
        return message, hint


class Telling(NamedTuple):
    """
    Something in words.

    Attributes:
        message: What happened.
        hint: What to do next, or "".
    """

    message: str
    hint: str


def tell(kind: str, values: Mapping[str, Any], face: Face, language: Language = "en") -> Telling:
    """
    Put a kind into words.

    Args:
        kind: A key of the entries.
        values: What its words name; others do no harm.
        face: For whom.
        language: Of a page.
    Raises:
        KeyError: There is no such kind, or a value is missing; a test reads the code for both.
    """
    from rowbatch.words.entries import ENTRIES

    message, hint = ENTRIES[kind].sentences(face, language)
    return Telling(_FORMAT.vformat(message, (), values), _FORMAT.vformat(hint, (), values))


class _Formatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, list | tuple):
            return ", ".join(str(one) for one in value)
        if "|" in format_spec:
            one, _, many = format_spec.partition("|")
            return one if value == 1 else many
        if format_spec == "$":
            return f"${value:,.4f}" if value and abs(value) < 1 else f"${value:,.2f}"
        return str(super().format_field(value, format_spec))


_FORMAT = _Formatter()


def placeholders(sentence: str) -> set[str]:
    """Names of the values that a sentence names."""
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in _FORMAT.parse(sentence) if name}


def has_words(sentence: str) -> bool:
    """Whether a sentence has words of its own besides its values."""
    return any(text and any(map(str.isalpha, text)) for text, *_ in _FORMAT.parse(sentence))
