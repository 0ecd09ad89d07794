"""Numbers as people and models write them, and how they are spelled in a table."""

from __future__ import annotations

import math
import re
import unicodedata

import polars as pl

_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_SPACED = re.compile(r"[+-]?\d{1,3}(?P<mark>[ '\u2019_])\d{3}(?:(?P=mark)\d{3})*(?:[.,]\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3}){2,}(?:\.\d+)?|,\d{3}\.\d+)")
_GROUPED_BY_POINTS = re.compile(r"[+-]?\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d+)?|\.\d{3},\d+)")
_ONE_COMMA = re.compile(r"(?P<before>[+-]?\d+),(?P<after>\d+)")


def number_of(text: str, *, is_whole: bool = False) -> int | float | None:
    """
    Read a number that somebody wrote; what could be two numbers is none.

    Digits of any script, groups of thousands and decimal commas are read where there is no doubt:
    `1,234,567`, `1.234,5` and `12,5`, but not `1,234`. A unit or a word beside it makes it none.

    Args:
        text: What was written.
        is_whole: Only whole numbers are meant, so `1,234` has one meaning.
    Returns:
        An int where no fraction was written; never infinite.
    """
    plain = unicodedata.normalize("NFKC", text).strip().strip("\"'`*").strip().replace("\u2212", "-")
    # The full stop of a sentence.
    plain = plain.removesuffix(".").removesuffix("。")
    if _PLAIN.fullmatch(plain):
        return _finite(plain)
    if found := _SPACED.fullmatch(plain):
        return _finite(plain.replace(found["mark"], "").replace(",", "."))
    if _GROUPED.fullmatch(plain):
        return _finite(plain.replace(",", ""))
    if _GROUPED_BY_POINTS.fullmatch(plain):
        return _finite(plain.replace(".", "").replace(",", "."))
    if found := _ONE_COMMA.fullmatch(plain):
        before, after = found["before"], found["after"]
        digits = before.lstrip("+-")
        could_be_group = len(after) == 3 and len(digits) <= 3 and digits != "0"
        if not could_be_group:
            return _finite(f"{before}.{after}")
        return _finite(before + after) if is_whole else None
    return None


def _finite(plain: str) -> int | float | None:
    if not re.search(r"[.eE]", plain):
        # Longer ones are refused by Python, and are no numbers of a table.
        return int(plain) if len(plain) < 400 else None
    number = float(plain)
    return number if math.isfinite(number) else None


def spelled(number: float) -> str:
    """A number as a table without types has it: whole ones without a point, others as short as can be."""
    if isinstance(number, int):
        return str(number)
    if number.is_integer() and abs(number) < 2**53:
        return str(int(number))
    return str(pl.Series([number], dtype=pl.Float64).cast(pl.String).item())
