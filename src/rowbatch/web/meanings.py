"""Codes with what they mean, wherever a person chooses or reads: `1 = agree`."""

from __future__ import annotations

import re

from rowbatch import desk

_CODE = re.compile(r"[+-]?\d+(?:\.\d+)?")
_MOST_CHARS = 60


def coded(variable: desk.Variable, value: str) -> str:
    """
    A value of a variable; where it is a code, with the begin of its definition.

    Args:
        variable: Of the codebook.
        value: As it stands in the labelled table: one value, or several with their separator between.
    """
    definitions = {one.name: one.definition for one in getattr(variable, "labels", ())}
    if value in definitions or not variable.has_several:
        return with_meaning(value, definitions.get(value, ""))
    values = value.split(desk.SEPARATOR)
    return desk.SEPARATOR.join(with_meaning(one, definitions.get(one, "")) for one in values)


def with_meaning(code: str, meaning: str) -> str:
    """A number with what it means, cut where that is long; other values speak for themselves."""
    meaning = " ".join(meaning.split())
    if not meaning or not _CODE.fullmatch(code):
        return code
    return f"{code} = {meaning if len(meaning) <= _MOST_CHARS else meaning[:_MOST_CHARS].rstrip() + '…'}"
