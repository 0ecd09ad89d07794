"""Labels and other values that a person lists: in one text, or as Python has them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable

from rowbatch.core.numbers import spelled
from rowbatch.errors import UsageError

SEPARATOR = "; "
"""Between labels that stand in one cell."""
_SEPARATORS = ",\uff0c\u3001;\uff1b\n"
_MARKS = f"[{re.escape(_SEPARATORS)}]"
_QUOTED = re.compile(rf'(?:^|(?<={_MARKS}))[ \t]*"(?:[^"]|"")*"[ \t]*(?=$|{_MARKS})')


def read_labels(given: str | Iterable[object]) -> list[str]:
    """
    Labels as a person gave them.

    A text is split at its commas, and a label that has one stands in quotes, as in a CSV file. A text that
    has only `\uff0c`, only `\u3001`, only `;`, only `\uff1b` or only line breaks is split at these; with two
    kinds of them nobody knows which ones are meant.

    Args:
        given: A text; or labels one by one, numbers among them.
    Raises:
        UsageError: A label is empty, a quote is not closed, or the text has several kinds of separators.
    """
    if not isinstance(given, str):
        return read_values(given)
    text = given.strip()
    outside = _QUOTED.sub("", text)
    marks = [mark for mark in _SEPARATORS if mark in outside]
    if len(marks) > 1:
        raise UsageError(
            "labels-separators", marks=" ".join("\\n" if mark == "\n" else mark for mark in marks)
        )
    mark = marks[0] if marks else ","
    try:
        if mark == "\n":
            # CSV ends a row there.
            rows = list(csv.reader(text.split("\n"), delimiter=",", skipinitialspace=True, strict=True))
            labels = [",".join(row) for row in rows]
        else:
            (labels,) = csv.reader([text], delimiter=mark, skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        raise UsageError("labels-quotes") from None
    labels = [label.strip() for label in labels]
    if not all(labels):
        raise UsageError("label-empty")
    return labels


def read_values(given: str | Iterable[object]) -> list[str]:
    """
    Values that a person lists, as texts: a number as a table has it, a text alone as the only one.

    Raises:
        UsageError: One of them is neither text nor number.
    """
    if isinstance(given, str):
        return [given]
    found = []
    for value in given:
        # Numbers of other libraries know what they are in Python.
        plain = value.item() if hasattr(value, "item") and not isinstance(value, str) else value
        if isinstance(plain, bool):
            found.append("true" if plain else "false")
        elif isinstance(plain, str):
            found.append(plain)
        elif isinstance(plain, int | float):
            found.append(spelled(plain))
        else:
            raise UsageError("value-no-text", type=type(value).__name__)
    return found
