"""Which columns of a table without types are numbers, where a person wants them as numbers in the output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from rowbatch.core.table_options import WriteOptions
from rowbatch.tables.base import Table
from rowbatch.words.notice import Notice

_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_WHOLE = r"^-?\d+$"
# A number that is spelt otherwise than programs spell it: what it is then changes, and its value does not.
_SPELT_OTHERWISE = r"^\+|^-?\.|\.$|\.\d*0$|[eE]|^-0+$"
_LEADING_ZERO = r"^[+-]?0\d"
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"
_GROUPED = r"^[+-]?\d{1,3}(?:[ .,'\u00a0\u202f]\d{3})+(?:[.,]\d+)?$"
_MARKED = r"^[+-]?[$€£¥]? ?\d+(?:[.,]\d+)? ?[%$€£¥]?$"
# So many digits every double holds.
_SAFE_DIGITS = 15
_MOST_WHOLE = 2**53


@dataclass(slots=True)
class _Column:
    """What was seen of a column."""

    cells: int = 0
    others: int = 0
    is_whole: bool = True
    respelt: int = 0
    respelt_example: str = ""
    zeros: str = ""
    digits: str = ""
    looks: dict[str, int] | None = None
    other_example: str = ""

    def look(self, texts: pl.Series) -> None:
        """Take some cells into account."""
        filled = texts.filter(texts != "")
        self.cells += len(filled)
        if not len(filled):
            return
        is_number = filled.str.contains(_NUMBER)
        others = filled.filter(~is_number)
        self.others += len(others)
        if len(others):
            self.other_example = self.other_example or others[0]
            looks = self.looks if self.looks is not None else {}
            for name, pattern in (("comma", _DECIMAL_COMMA), ("groups", _GROUPED), ("marks", _MARKED)):
                looks[name] = looks.get(name, 0) + int(others.str.contains(pattern).sum())
            self.looks = looks
            return
        self.is_whole = (
            self.is_whole
            and bool(filled.str.contains(_WHOLE).all())
            and bool((filled.cast(pl.Float64).abs() <= _MOST_WHOLE).all())
        )
        otherwise = filled.filter(filled.str.contains(_SPELT_OTHERWISE))
        self.respelt += len(otherwise)
        self.respelt_example = self.respelt_example or (otherwise[0] if len(otherwise) else "")
        zeros = filled.filter(filled.str.contains(_LEADING_ZERO))
        self.zeros = self.zeros or (zeros[0] if len(zeros) else "")
        # Few digits are too many where an exponent makes them more than a double holds.
        long = filled.filter(
            (filled.str.count_matches(r"\d") > _SAFE_DIGITS) | filled.cast(pl.Float64).is_infinite()
        )
        inexact = [text for text in long if not _is_exact(text)]
        self.digits = self.digits or (inexact[0] if inexact else "")


def _is_exact(text: str) -> bool:
    """Whether a double is this very number."""
    from decimal import Decimal

    value = float(text)
    if Decimal(text) == Decimal(value):
        return True
    # Of a number with decimals the shortest one that is the same double counts.
    return ("." in text or "e" in text.lower()) and Decimal(repr(value)) == Decimal(text)


@dataclass(frozen=True, slots=True)
class NumberColumns:
    """
    Columns that are numbers.

    Attributes:
        dtypes: Of each, by its position.
        notes: What that changes, and which columns look like numbers and stay texts.
    """

    dtypes: Mapping[int, pl.DataType]
    notes: tuple[Notice, ...]


def find_numbers(table: Table, options: WriteOptions | None) -> NumberColumns:
    """
    Look at a whole table for columns that have nothing but numbers, and empty cells; where none are wanted,
    at nothing.

    A column stays text where it would lose something: leading zeros, more digits than a double holds, decimal
    commas, groups of digits, marks of money or percent. A table with types has none.

    Args:
        table: Read once.
        options: Whether an output wants numbers.
    Raises:
        TableError: It is broken.
    """
    if options is None or not options.numbers:
        return NumberColumns({}, ())
    found = [_Column() for _ in table.header]
    for chunk in table.chunks():
        if chunk.typed is not None:
            return NumberColumns({}, ())
        for column, texts in zip(found, chunk.frame.get_columns(), strict=True):
            column.look(texts)
    dtypes: dict[int, pl.DataType] = {}
    for position, column in enumerate(found):
        if column.cells and not column.others and not column.zeros and not column.digits:
            dtypes[position] = pl.Int64() if column.is_whole else pl.Float64()
    return NumberColumns(dtypes, tuple(_notes(table.header, found, dtypes)))


def _notes(
    header: tuple[str, ...], found: list[_Column], dtypes: Mapping[int, pl.DataType]
) -> Iterator[Notice]:
    names = [header[position] for position in dtypes]
    yield Notice("note-numbers", {"count": len(names), "columns": names[:20]})
    for position in dtypes:
        column = found[position]
        if column.respelt:
            yield Notice(
                "note-numbers-respelt",
                {"column": header[position], "count": column.respelt, "example": column.respelt_example},
            )
    for position, column in enumerate(found):
        if position in dtypes or not column.cells:
            continue
        yield from _why_text(header[position], column)


def _why_text(name: str, column: _Column) -> Iterator[Notice]:
    """Why a column whose texts look like numbers stays text; nothing where they don't."""
    looks = column.looks or {}
    if not column.others:
        if column.zeros:
            yield Notice("note-no-numbers-zeros", {"column": name, "example": column.zeros})
        else:
            yield Notice("note-no-numbers-digits", {"column": name, "example": column.digits})
        return
    values = {"column": name, "example": column.other_example}
    if column.others == looks.get("comma"):
        yield Notice("note-no-numbers-comma", values)
    elif column.others == looks.get("groups"):
        yield Notice("note-no-numbers-groups", values)
    elif column.others == looks.get("marks"):
        yield Notice("note-no-numbers-marks", values)
