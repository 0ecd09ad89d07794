"""
What the values of a document's units are together, by a rule: any, most, or all of them in a list.

A value is a text, as it stands in a table; "" is none.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, get_args

from rowbatch.core.label_list import SEPARATOR

UnitsRule = Literal["any", "most", "list"]
UNITS_RULES: tuple[UnitsRule, ...] = get_args(UnitsRule)
ValueKind = Literal["yes-no", "indicator", "number", "labels", "label"]
"""
Of a column: yes or no, in words or as 1 and 0; 1 and 0 that say of another column whether it has a value;
numbers; several labels in a value; one text in a value.
"""

YES = frozenset(("1", "yes", "true", "是"))
NO = frozenset(("0", "no", "false", "否"))
# With a zero in front it is a code.
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?")


class Joined(NamedTuple):
    """
    What a document has in a column.

    Attributes:
        value: "" where none of its units has one, or where it is a tie.
        tie: The values that are most frequent, in order of appearance, where they are several.
    """

    value: str
    tie: tuple[str, ...] = ()


class ValueLook:
    """
    What kind of values a column has, looked at part by part.

    Attributes:
        are_bits: Whether all are 0 and 1.
    """

    def __init__(self) -> None:
        self._are_yes_no = self._are_numbers = self._is_filled = False
        self.are_bits = False

    def look(self, values: Iterable[str]) -> None:
        """Take more values into account; "" does not count."""
        filled = {value.strip().casefold() for value in values} - {""}
        if not filled:
            return
        is_first, self._is_filled = not self._is_filled, True
        self._are_yes_no = (is_first or self._are_yes_no) and filled <= YES | NO
        self.are_bits = (is_first or self.are_bits) and filled <= {"0", "1"}
        self._are_numbers = (is_first or self._are_numbers) and all(map(_is_number, filled))

    @property
    def kind(self) -> ValueKind:
        """Of all of them; what a column has to do with another one cannot be seen from values."""
        return "yes-no" if self._are_yes_no else "number" if self._are_numbers else "label"


def _is_number(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None and math.isfinite(float(value))


def join_values(values: Sequence[str], kind: ValueKind, rule: UnitsRule) -> Joined:
    """
    The value of a document.

    - `any`: yes where any unit says yes, else no where any says no; of everything else the different values,
      in order of appearance, with "; " between them.
    - `most`: of labels and yes or no the most frequent value, where there is one: a tie has no value, and is
      told. Of several labels in a value those that more than half of the units with a value have, and so of
      their indicators. Of numbers the median.
    - `list`: a JSON list with an entry for each unit, null where it has none; numbers, 1 and 0 are numbers.

    Args:
        values: Of its units, in order.
        kind: Of the column.
        rule: Which.
    """
    if rule == "list":
        entries = [_entry(value, kind) for value in values]
        return Joined(json.dumps(entries, ensure_ascii=False))
    filled = [value.strip() for value in values if value.strip()]
    if not filled:
        return Joined("")
    if rule == "any":
        return Joined(_any(filled, kind))
    if kind == "number":
        return Joined(_shown(statistics.median(map(float, filled))))
    if kind == "labels":
        often = Counter(label for value in filled for label in dict.fromkeys(value.split(SEPARATOR)))
        return Joined(SEPARATOR.join(label for label, count in often.items() if count * 2 > len(filled)))
    if kind == "indicator":
        return Joined("1" if filled.count("1") * 2 > len(filled) else "0")
    often = Counter(filled)
    highest = max(often.values())
    first = tuple(value for value, count in often.items() if count == highest)
    return Joined(first[0]) if len(first) == 1 else Joined("", first)


def _any(filled: Sequence[str], kind: ValueKind) -> str:
    if kind in ("yes-no", "indicator"):
        return next((value for value in filled if value.casefold() in YES), filled[0])
    if kind == "number":
        return SEPARATOR.join(dict.fromkeys(_shown(float(value)) for value in filled))
    parts = (part for value in filled for part in (value.split(SEPARATOR) if kind == "labels" else [value]))
    return SEPARATOR.join(dict.fromkeys(parts))


def _entry(value: str, kind: ValueKind) -> str | float | int | None:
    if not value.strip():
        return None
    if kind in ("number", "indicator") or (kind == "yes-no" and value in ("0", "1")):
        number = float(value)
        # Beyond this a double is no longer every whole number.
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return value


def _shown(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
