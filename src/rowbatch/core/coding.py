"""
What people are given to code, and how what they coded finds its row again.

Each text goes out with a key: the number of its row, and some of a hash of the text, so that a file of
another table, or one that was sorted in parts, is not taken for this one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rowbatch.core.kinds.base import Language, Variable

ROW_KEY = "rowbatch_row"
"""The column, or field, with the key."""
NOTE = "note"
"""The column for what a coder wants to say of a text."""
CANT_SAY_FIELD = "_cant_say"
"""Behind the name of a variable that has a field of its own for that, in programs whose fields have types."""
_HASH_CHARS = 8
# Letters first: a spreadsheet would take `17-1234` for a date.
_KEY = re.compile(r"row-(?P<row>[1-9][0-9]{0,15})-(?P<hash>[0-9a-f]{8})")
_NUMBER = re.compile(r"[1-9][0-9]{0,15}(?:\.0)?")


@dataclass(frozen=True, slots=True)
class CodingTask:
    """
    A text that people code.

    Attributes:
        key: Of its row.
        text: What they read.
        context: What stands beside it, by the names of its columns.
    """

    key: str
    text: str
    context: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CodingJob:
    """
    What people are asked, of which texts.

    Attributes:
        tasks: In the order in which they are to be coded.
        variables: What is asked of each.
        text: Name of the text's column.
        instructions: What a coder reads first; or "".
        language: Of our own words beside these.
    """

    tasks: Sequence[CodingTask]
    variables: Sequence[Variable]
    text: str
    instructions: str = ""
    language: Language = "en"

    @property
    def context(self) -> tuple[str, ...]:
        """Names of the columns that stand beside the text."""
        return tuple(self.tasks[0].context) if self.tasks else ()


def row_key(row: int, text: str) -> str:
    """The key of a row's text, as in `row-17-3fa9c1d2`."""
    return f"row-{row}-{_hash(text)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_CHARS]


@dataclass(frozen=True, slots=True)
class RowKey:
    """
    A key that was read.

    Attributes:
        row: The number of the row.
        text_hash: Of its text; "" where only a number was given.
    """

    row: int
    text_hash: str

    def may_be(self, cells: Iterable[str]) -> bool:
        """Whether a row with these cells may be the one: one of them is the text."""
        return not self.text_hash or any(_hash(cell) == self.text_hash for cell in cells)


def read_row_key(cell: str) -> RowKey | None:
    """A key, or the bare number of a row, which people's own files have; None for anything else."""
    cell = cell.strip()
    if found := _KEY.fullmatch(cell):
        return RowKey(int(found["row"]), found["hash"])
    if _NUMBER.fullmatch(cell):
        return RowKey(int(cell.partition(".")[0]), "")
    return None


def context_names(names: Iterable[str], labels: Iterable[str], taken: Iterable[str]) -> list[str]:
    """
    What columns beside the labels are called: as they are, or otherwise where one would be taken for a label,
    or for something that a program has itself.

    Args:
        names: Of the columns, in order.
        labels: Names of columns with labels; those of several coders have their names behind.
        taken: Further names that are none of theirs.
    """
    labels, free = list(labels), []
    used = {*labels, *taken}
    for name in names:
        is_like_label = any(name.startswith(f"{label}_") for label in labels)
        called = f"context_{name}" if is_like_label or name in used else name
        while called in used:
            called = f"{called}_"
        used.add(called)
        free.append(called)
    return free
