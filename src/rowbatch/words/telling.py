"""From a kind and its values to words, for a face and in a language."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from rowbatch.words.masking import masked
from rowbatch.words.printing import dollars

Face = Literal["terminal", "page", "python"]
Language = Literal["en", "zh"]

# A path makes one slash of two. A file in a folder of the name `s3:` is told by its whole path, or as ./s3:.
_ADDRESS_AS_PATH = re.compile(r"(?<![\w/.])(s3|gs|az):/(?=[^/])")


class Entry(NamedTuple):
    """
    The words of one kind.

    Values stand in braces, as `str.format` has them, and besides: `{n:row|rows}` is the first word where n is
    1, else the second; `{names}` of a list are its members with commas in between, `{names!r}` each in quotes,
    `{names:; }` with another text in between; `{usd:$}` is an amount of money. A value that has words of its own,
    a `Notice`, is told for the same face in the same language.

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
        """Message and hint for a face; the command line and Python speak English."""
        if face == "python":
            from rowbatch.words.in_python import in_python

            return in_python(self.message), in_python(self.hint)
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
    Put a kind into words; a secret of this program is in none.

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
    words = {name: _in_words(value, face, language) for name, value in values.items()}
    return Telling(masked(_FORMAT.vformat(message, (), words)), masked(_FORMAT.vformat(hint, (), words)))


def _in_words(value: Any, face: Face, language: Language) -> Any:
    if isinstance(value, list | tuple):
        return [_in_words(one, face, language) for one in value]
    if isinstance(value, str):
        return _ADDRESS_AS_PATH.sub(r"\1://", value)
    # A protocol would be looked through for its names at every value.
    told = getattr(value, "told", None)
    return told(face, language) if callable(told) else value


class _Formatter(string.Formatter):
    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion and isinstance(value, list | tuple):
            return [super(_Formatter, self).convert_field(one, conversion) for one in value]
        return super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, list | tuple):
            return (format_spec or ", ").join(str(one) for one in value)
        if format_spec == "$":
            # Older ledgers have it as text.
            return dollars(value)
        if isinstance(value, str):
            # A list would have what stands between its members there.
            return value
        if "|" in format_spec:
            one, _, many = format_spec.partition("|")
            return one if value == 1 else many
        return str(super().format_field(value, format_spec))


_FORMAT = _Formatter()


def placeholders(sentence: str) -> set[str]:
    """Names of the values that a sentence names."""
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in _FORMAT.parse(sentence) if name}


def has_words(sentence: str) -> bool:
    """Whether a sentence has words of its own besides its values."""
    return any(text and any(map(str.isalpha, text)) for text, *_ in _FORMAT.parse(sentence))
