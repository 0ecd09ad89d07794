"""
The fields of many JSON objects as columns; of an object in an object with dotted names, `data.text`.

Lists stay JSON. What is `null` or `{}` in one object and has fields in another has no column of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import polars as pl

from rowbatch.tables.bounds import require_columns
from rowbatch.tables.json_text import Fields, cell_of, fields_of
from rowbatch.tables.writer import unique_names

MAX_NESTED_FIELDS = 1_000
"""An object with more is a list by key (who reacted, words and counts), and stays JSON."""
MAX_DEPTH = 32
"""What lies deeper stays JSON."""


class FieldTree:
    """
    The names of all fields, as they are met.

    Args:
        path: The file, for what is said about it.
        flat: Objects in objects stay JSON, as they were read before version 0.2.
    Attributes:
        is_nested: Whether there is a column of a field in an object in an object.
        kept_as_json: Names of the objects that have more fields than may be columns.
    """

    def __init__(self, path: Path, *, flat: bool = False) -> None:
        self._path, self._is_flat = path, flat
        self._root = _Node()
        self._count = 0
        self.is_nested = False
        # Names that need no further look, which is nearly all of them nearly always.
        self._settled: set[str] = set()
        self.kept_as_json: dict[str, None] = {}

    def meet(self, found: Fields, text: bytes) -> None:
        """
        Take note of the fields of an object.

        Args:
            found: The fields.
            text: The object.
        Raises:
            TableError: These are more columns than a table may have.
        """
        if found.keys() <= self._settled and (self._is_flat or text.count(b"{") == 1):
            return
        self._meet(self._root, found, ())

    @property
    def names(self) -> list[str]:
        """Of the fields of the objects themselves."""
        return list(self._root.children)

    def _meet(self, node: _Node, found: Fields, names: tuple[str, ...]) -> None:
        for name, raw in found.items():
            child = node.children.get(name)
            if child is None:
                child = node.children[name] = _Node()
                self._count += 1
                require_columns(self._path, self._count)
            first = bytes(memoryview(raw)[:1])
            if first == b"{" and not self._is_flat and not child.is_leaf:
                if len(names) >= MAX_DEPTH:
                    child.is_leaf = True
                    continue
                inner = fields_of(raw)
                if inner:
                    self.is_nested = True
                    self._meet(child, inner, (*names, name))
                if len(child.children) > MAX_NESTED_FIELDS:
                    self._count -= child.size()
                    child.children, child.is_leaf = {}, True
                    self.kept_as_json[".".join((*names, name))] = None
            elif self._is_flat or child.is_leaf or (first != b"{" and bytes(memoryview(raw)[:5]) != b"null"):
                child.has_cell = True
                if not names:
                    self._settled.add(name)

    def columns(self, key: str | None = None) -> Columns:
        """
        The columns, in order of first appearance.

        Args:
            key: The name of a first column for the names by which objects stand, or None.
        """
        found: list[str] = [] if key is None else [key]
        self._place(self._root, (), found)
        if len(set(found)) < len(found):
            # A field may be named as one in an object is: `a.b`. An empty name stays.
            found = [free if name else name for name, free in zip(found, unique_names(found), strict=True)]
        return Columns(tuple(found), self._root, is_nested=self.is_nested, has_key=key is not None)

    def _place(self, node: _Node, names: tuple[str, ...], found: list[str]) -> None:
        for name, child in node.children.items():
            child.position = None
            if child.has_cell or not child.children:
                child.position = len(found)
                found.append(".".join((*names, name)))
            self._place(child, (*names, name), found)


class _Node:
    __slots__ = ("children", "has_cell", "is_leaf", "position")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.has_cell = self.is_leaf = False
        self.position: int | None = None

    def size(self) -> int:
        """How many are below it."""
        return sum(1 + child.size() for child in self.children.values())


class Columns:
    """
    Where the fields of an object stand in a row.

    Attributes:
        header: Names of the columns.
    """

    def __init__(self, header: tuple[str, ...], root: _Node, *, is_nested: bool, has_key: bool) -> None:
        self.header = header
        self._root, self._is_nested, self._has_key = root, is_nested, has_key

    def frame(self, rows: Sequence[tuple[str, Fields]]) -> pl.DataFrame:
        """Rows, each with its key or "", as texts; the columns are named by their position."""
        if not self._is_nested:
            names = [name for name, child in self._root.children.items() if child.position is not None]
            columns = [[cell_of(found.get(name)) for _, found in rows] for name in names]
            if self._has_key:
                columns.insert(0, [key for key, _ in rows])
        else:
            columns = [[""] * len(rows) for _ in self.header]
            for row, (key, found) in enumerate(rows):
                if self._has_key:
                    columns[0][row] = key
                _fill(self._root, found, row, columns)
        return pl.DataFrame([pl.Series(str(at), cells, dtype=pl.String) for at, cells in enumerate(columns)])


def _fill(node: _Node, found: Fields, row: int, columns: list[list[str]]) -> None:
    for raw, child in _known(node, found):
        if child.children and bytes(memoryview(raw)[:1]) == b"{":
            inner = fields_of(raw)
            if inner:
                _fill(child, inner, row, columns)
                continue
        if child.position is not None:
            columns[child.position][row] = cell_of(raw)


def _known(node: _Node, found: Fields) -> Iterator[tuple[msgspec.Raw, _Node]]:
    for name, raw in found.items():
        child = node.children.get(name)
        if child is not None:
            yield raw, child
