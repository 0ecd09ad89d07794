"""
What annotation tools have in common: items that people coded, as a table with a row an item and a column for
each label of each coder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import TableError
from rowbatch.programs.archives import by_number, faults_told, opened
from rowbatch.tables.base import Table
from rowbatch.tables.bounds import require_columns
from rowbatch.tables.frame_table import FrameTable
from rowbatch.tables.json_text import Fields, JsonScanner, fields_of
from rowbatch.tables.names import unique_names
from rowbatch.words.notice import Notice


class CodedTable(FrameTable):
    """Items that people coded."""

    format = "coded"


@dataclass(frozen=True, slots=True)
class _Coding:
    """What one record of an export says of an item."""

    coder: str
    fields: Mapping[str, str]
    labels: Mapping[str, str]


class CodedItems:
    """
    The records of an export, while they are read.

    Of an item the first record says where it stands. A field that differs between the records of an item is
    what a coder said, and has a column for each of them, as labels have; so does what one coder says twice
    and differently. Coders stand in the order of their names, whoever came first.
    """

    def __init__(self) -> None:
        self._items: dict[Hashable, list[_Coding]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def add(
        self, key: Hashable, coder: str, fields: Mapping[str, str], labels: Mapping[str, str] | None = None
    ) -> None:
        """
        Take a record.

        Args:
            key: Of the item.
            coder: Who coded it; "" where nobody is named.
            fields: What belongs to the item.
            labels: What the coder said.
        """
        self._items.setdefault(key, []).append(_Coding(coder, fields, labels or {}))

    def table(self, path: Path, reading: ReadOptions, notes: tuple[Notice, ...] = ()) -> Table:
        """
        The items as a table.

        Args:
            path: The export.
            reading: Options that give the same table again.
            notes: What a person should know of it.
        Raises:
            TableError: There are none, or more columns than a table may have.
        """
        if not self._items:
            raise TableError("table-without-rows", path=str(path))
        by_coder = self._differing()
        fields: dict[str, list[str]] = {}
        codes: dict[tuple[str, str, int], list[str]] = {}
        coders: dict[str, None] = {}
        labels: dict[str, None] = {}
        for at, codings in enumerate(self._items.values()):
            for one in codings:
                coders[one.coder] = None
                said = [*one.labels.items()]
                for name, value in one.fields.items():
                    if name in by_coder:
                        said.append((name, value))
                    else:
                        column = fields.setdefault(name, [""] * len(self._items))
                        column[at] = column[at] or value
                for label, value in said:
                    if value:
                        labels[label] = None
                        self._place(codes, (label, one.coder), at, value)
            require_columns(path, len(fields) + len(codes))
        ranks = [
            {name: rank for rank, name in enumerate(names)}
            for names in (labels, sorted(coders, key=by_number))
        ]
        order = sorted(codes, key=lambda one: (ranks[0][one[0]], ranks[1][one[1]], one[2]))
        names = unique_names([*fields, *(_column(*one) for one in order)])
        columns = [*fields.values(), *(codes[one] for one in order)]
        frame = pl.DataFrame(
            [pl.Series(str(at), column, dtype=pl.String) for at, column in enumerate(columns)]
        )
        return CodedTable(path, tuple(names), frame, reading=reading, notes=notes)

    def _differing(self) -> set[str]:
        """Fields of which two records of one item say different things."""
        found: set[str] = set()
        for codings in self._items.values():
            first: dict[str, str] = {}
            for one in codings:
                found.update(
                    name for name, value in one.fields.items() if first.setdefault(name, value) != value
                )
        return found

    def _place(
        self, codes: dict[tuple[str, str, int], list[str]], who: tuple[str, str], at: int, value: str
    ) -> None:
        number = 1
        while True:
            column = codes.setdefault((*who, number), [""] * len(self._items))
            if column[at] in ("", value):
                column[at] = value
                return
            number += 1


def _column(label: str, coder: str, number: int) -> str:
    name = f"{label}_{coder}" if coder else label
    return name if number == 1 else f"{name}_{number}"


def open_coded(path: Path, read: Callable[[], Table]) -> Table:
    """
    Read an export as a whole.

    Raises:
        TableError: It is broken.
        InputError: It can't be read.
    """
    with faults_told(path):
        return read()


def objects_of(path: Path, name: str = "") -> Iterator[Fields]:
    """
    The objects of a JSON file, one after the other or in a list.

    Args:
        path: The file; or a folder or a zip file with a file of this name.
        name: Of the file in it.
    Raises:
        TableError, ValueError, RecursionError: It is no such file.
    """
    with opened(path, name) as file:
        if file.peek(3)[:3] == b"\xef\xbb\xbf":
            file.read(3)
        scanner = JsonScanner(path, file)
        if scanner.peek() == b"[":
            for _ in scanner.entries():
                yield fields_of(scanner.value())
            return
        while scanner.peek():
            yield fields_of(scanner.value())


def value_of(found: Fields, name: str) -> Any:
    """The value of a field; None where there is none."""
    raw = found.get(name)
    return None if raw is None else json.loads(bytes(raw))


def text_of_value(value: Any) -> str:
    """A value of JSON as a cell: a text as it is, nothing for null, and all else as JSON spells it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def text_of_list(values: list[Any]) -> str:
    """What a coder chose: one value as it is; of several, and of none, the list as JSON."""
    if len(values) == 1 and not isinstance(values[0], dict | list):
        return text_of_value(values[0])
    return json.dumps(values, ensure_ascii=False)
