"""When two spellings of a label are one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

_CACHED_CHARS = 200
# What people and models put around a word, in any script; without `-`, `+`, `%` and the like, which may be
# all that tells one label from another.
_OUTER = "\"'`*.,:;!()[]" + "。｡．、､，；：！？?…·“”‘’„‚«»‹›「」『』《》〈〉【】〔〕（）［］{}｛｝،؛؟।॥_~#"
# Characters that nobody sees: zero width, marks of direction, soft hyphens, a byte order mark.
_UNSEEN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WHOLE = re.compile(r"\A([+-]?[0-9]+)\.0+\Z")
_BULLET = re.compile(r"\A\s*[-–—•*]\s+")


def spelling_key(text: str) -> str:
    """
    Two spellings of a label are the same when their keys are: case and outer punctuation don't count, nor
    whether a letter and its accent are one character or two (macOS writes two).
    """
    return _key_again(text) if len(text) <= _CACHED_CHARS else _key(text)


def _key(text: str) -> str:
    bare = re.sub(r"\s+", " ", text.strip().strip("\"'`*.,:;!()[]").strip()).casefold()
    return bare if bare.isascii() else unicodedata.normalize("NFC", bare)


# Most answers of a run are one of a few labels.
_key_again = lru_cache(maxsize=4096)(_key)


def near_spellings(value: object, choices: Sequence[str]) -> Iterator[str]:
    """
    Other spellings of a value, each further from it than the one before: for one that is none of the choices.

    First `true` for true and `1` for 1.0, which may be a text; then without what nobody sees, punctuation of
    any script, and a bullet; last with full-width and other compatible letters as plain ones. That last one
    is left out where it would make two of the choices one: a full-width 2 is not `2` where `②` is a label.

    Args:
        value: As JSON has it.
        choices: The allowed values.
    """
    text = _text_of(value)
    if text is None:
        return
    if not isinstance(value, str):
        yield text
        return
    for bare in (text, _BULLET.sub("", text, count=1)):
        seen = _without_outer(bare)
        if seen != text:
            yield seen
        if whole := _WHOLE.match(seen):
            yield whole[1]
        plain = _plain(seen)
        if plain != seen and sum(_plain(choice) == plain for choice in choices) <= 1:
            yield plain


def is_spelled_otherwise(text: str, value: str) -> bool:
    """
    Whether a text that is read as a value is another spelling of it, and not only of another case or with
    other spaces, which nobody would call that. An alias is the value's own.
    """
    seen = " ".join(text.split()).casefold()
    return seen != " ".join(value.split()).casefold() and spelling_key(text) != seen


def _text_of(value: object) -> str | None:
    match value:
        case str():
            return value if len(value) <= _CACHED_CHARS else None
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case _:
            return None


def _without_outer(text: str) -> str:
    return " ".join(_UNSEEN.sub("", text).split()).strip(_OUTER + " ")


def _plain(text: str) -> str:
    return _without_outer(unicodedata.normalize("NFKC", text)).casefold()


def without_point(text: str) -> str:
    """A whole number that is written with a point, as programs do that know floats only: `1.0` is `1`."""
    return re.sub(r"\A([+-]?\d+)\.0+\Z", r"\1", text.strip())
