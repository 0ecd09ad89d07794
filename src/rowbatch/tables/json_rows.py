"""
Where the rows are in a JSON document: `data.items`, each one by its key, columns, or lists.

A place is said by names with dots between them; `\\.` is a dot in a name, a number an entry of a list, `*`
every field of an object, whose name is the row's key. `.` is the document itself. A list on the way means
each of its entries, and several documents in a file mean each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rowbatch.errors import TableError, UsageError
from rowbatch.tables.json_text import JsonScanner

TOP = "."
EACH = "*"
Form = Literal["rows", "columns", "lists", "texts"]
Kind = Literal["objects", "lists", "list", "object", "text", "number", "null"]
"""Of a value: a list of objects, a list of lists, another list, an object, …"""
_DOT = re.compile(r"(?<!\\)\.")
_MAX_DEPTH = 6
_MAX_NAMED = 20
_MAX_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where rows are, and how they stand there.

    Attributes:
        rows: As `ReadOptions.rows` says it.
        form: `rows`, one object or a list of them; `columns`, an object of columns; `lists`, a list of lists;
            `texts`, a list of texts, or texts one after the other.
        count: How many they are, where that was counted.
        are_stacked: Each row is a list of its own, one after the other (`lists`).
    """

    rows: str
    form: Form
    count: int | None = None
    are_stacked: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        """The names on the way."""
        return steps_of(self.rows)

    @property
    def is_by_key(self) -> bool:
        """Whether each row has a key."""
        return self.steps[-1:] == (EACH,)


def steps_of(rows: str) -> tuple[str, ...]:
    """
    The names on the way to a place.

    Raises:
        UsageError: One of them is empty.
    """
    if rows == TOP:
        return ()
    steps = tuple(step.replace("\\.", ".") for step in _DOT.split(rows))
    if not all(steps):
        raise UsageError("rows-no-place", rows=rows)
    return steps


def arrivals(scanner: JsonScanner, steps: Sequence[str]) -> Iterator[str]:
    """
    Go to each value at a place in each document; it is then to be taken or skipped.

    Yields:
        The key under which it stands, where the last step is `*`; or "".
    Raises:
        TableError: The document is broken.
    """
    while scanner.peek():
        yield from _arrivals(scanner, steps, "")


def _arrivals(scanner: JsonScanner, steps: Sequence[str], key: str) -> Iterator[str]:
    if not steps:
        yield key
        return
    step, left = steps[0], steps[1:]
    match scanner.peek():
        case b"{":
            for name in scanner.fields():
                if step == EACH:
                    yield from _arrivals(scanner, left, "" if left else name)
                elif name == step:
                    yield from _arrivals(scanner, left, "")
                else:
                    scanner.skip()
        case b"[":
            for number in scanner.entries():
                if not step.isdecimal():
                    yield from _arrivals(scanner, steps, "")
                elif number == int(step):
                    yield from _arrivals(scanner, left, "")
                else:
                    scanner.skip()
        case _:
            scanner.skip()


def find_place(
    path: Path,
    scanner: JsonScanner,
    rows: str | None,
    *,
    is_as_before: bool = False,
    is_lines: bool = False,
) -> Place:
    """
    Find the rows of a document.

    Args:
        path: The file.
        scanner: At the begin of the file.
        rows: The place, where somebody said it; None means found out.
        is_as_before: By the rule of versions before 0.2: an object of lists and objects holds columns.
        is_lines: There is a value a line, so that a text is a row.
    Raises:
        TableError: There is nothing at the place; or there are several lists of objects, which are named.
        UsageError: The place can't be one.
    """
    steps = steps_of(rows or TOP)
    if not scanner.peek():
        raise TableError("file-empty", path=str(path))
    for _ in arrivals(scanner, steps):
        match scanner.peek():
            case b"[":
                form = _form(scanner)
                if not steps and form != "lists" and scanner.peek_behind() not in (b"{", b"]"):
                    scanner.skip()
                    if scanner.peek() == b"[":
                        return Place(TOP, "lists", are_stacked=True)
                return Place(rows or TOP, form)
            case b'"' if is_lines:
                return Place(rows or TOP, "texts")
            case b"{" if steps[-1:] == (EACH,):
                return Place(rows or TOP, "rows")
            case b"{":
                seen = _Sight()
                _look(scanner, seen, ())
                if scanner.peek() and not steps:
                    # Objects one after the other.
                    return Place(TOP, "rows")
                if is_as_before:
                    are_columns = seen.kinds.keys() <= {"objects", "lists", "list", "object"}
                    return Place(TOP, "columns" if are_columns and seen.kinds else "rows")
                return _place_in(path, seen, rows)
            case _:
                break
    if rows is None:
        raise TableError("json-no-table", path=str(path))
    raise TableError("json-rows-not-there", path=str(path), rows=rows)


def _form(scanner: JsonScanner) -> Form:
    """How rows stand in the list that comes next, by its first entry."""
    if _kind(scanner) == "lists":
        return "lists"
    return "texts" if scanner.peek_behind() == b'"' else "rows"


def lists_of_objects(scanner: JsonScanner) -> dict[str, int]:
    """
    The lists of objects in a document that is one object, at most twenty.

    Args:
        scanner: At the begin of the file.
    Returns:
        How many entries each has, by its place as `ReadOptions.rows` says it.
    Raises:
        TableError: The document is broken.
    """
    if scanner.peek() != b"{":
        return {}
    seen = _Sight()
    _look(scanner, seen, ())
    return {} if scanner.peek() else seen.lists


@dataclass(slots=True)
class _Sight:
    """What an object looks like."""

    kinds: dict[Kind, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    inner: list[dict[str, Kind]] = field(default_factory=list)
    lists: dict[str, int] = field(default_factory=dict)

    @property
    def fields(self) -> int:
        return sum(self.kinds.values())


def _kind(scanner: JsonScanner) -> Kind:
    """Of the value that comes next; of a list its first entry tells."""
    match scanner.peek():
        case b"{":
            return "object"
        case b'"':
            return "text"
        case b"[":
            match scanner.peek_behind():
                case b"{":
                    return "objects"
                case b"[":
                    return "lists"
                case _:
                    return "list"
        case b"n":
            return "null"
        case _:
            return "number"


def _look(scanner: JsonScanner, seen: _Sight, names: tuple[str, ...]) -> dict[str, Kind]:
    """Go behind an object, and see what is in it and in the objects in it."""
    found: dict[str, Kind] = {}
    for name in scanner.fields():
        kind = _kind(scanner)
        if len(found) < _MAX_LOOKED_AT:
            found[name] = kind
        if not names:
            seen.kinds[kind] = seen.kinds.get(kind, 0) + 1
            if len(seen.names) < _MAX_NAMED:
                seen.names.append(name)
        place = (*names, name)
        if kind == "objects" and len(seen.lists) < _MAX_NAMED:
            count = 0
            for _ in scanner.values():
                count += 1
            seen.lists[".".join(step.replace(".", "\\.") for step in place)] = count
        elif kind == "object" and len(place) < _MAX_DEPTH:
            inner = _look(scanner, seen, place)
            if not names and len(seen.inner) < _MAX_LOOKED_AT:
                seen.inner.append(inner)
        else:
            scanner.skip()
    return found


def _place_in(path: Path, seen: _Sight, rows: str | None) -> Place:
    """The rows in one object."""
    here = rows or TOP
    if {"columns", "data"} <= set(seen.names) <= {"columns", "data", "index", "index_names", "column_names"}:
        # pandas, orient="split".
        return Place(here, "columns")
    kinds = {kind for kind in seen.kinds if kind != "null"}
    if kinds <= {"list", "lists"} and kinds:
        return Place(here, "columns")
    if kinds == {"object"} and _are_alike(seen.inner):
        if rows is None and _is_by_key(seen):
            return Place(EACH, "rows", seen.fields)
        return Place(here, "columns")
    if rows is not None:
        return Place(rows, "columns" if kinds <= {"list", "lists", "objects"} and kinds else "rows")
    lists = seen.lists
    if set(seen.names) == {"schema", "data"} and "data" in lists:
        # pandas, orient="table": what the fields of `schema` are is said beside the rows.
        lists = {"data": lists["data"]}
    if len(lists) > 1:
        found = [f"{place} ({count:,})" for place, count in lists.items()]
        first = next(iter(lists))
        raise TableError("json-which-rows", path=str(path), places=found, first=first, counts=dict(lists))
    if lists:
        place, count = next(iter(lists.items()))
        return Place(place, "rows", count)
    return Place(TOP, "rows")


def _are_alike(inner: Sequence[Mapping[str, Kind]]) -> bool:
    """Whether objects in an object have fields in common, as columns have rows, and records fields."""
    if len(inner) == 1:
        return all(name.isdecimal() for name in inner[0]) and bool(inner[0])
    first = set(inner[0])
    return bool(first) and all(2 * len(first & set(one)) >= min(len(first), len(one)) > 0 for one in inner)


def _is_by_key(seen: _Sight) -> bool:
    """
    Whether objects in an object are records, each by its key, and not columns, each of cells by row.

    pandas writes both (orient="index", orient="columns"), and nothing in the file says which.
    """
    inner: list[dict[str, Kind]] = [
        {name: "list" if kind in ("objects", "lists") else kind for name, kind in one.items()}
        for one in seen.inner
    ]
    if all(name.isdecimal() for one in inner for name in one):
        return False
    if all(name.isdecimal() for name in seen.names):
        return True
    by_field: dict[str, set[Kind]] = {}
    for one in inner:
        for name, kind in one.items():
            if kind != "null":
                by_field.setdefault(name, set()).add(kind)
    are_fields_of_a_kind = all(len(kinds) <= 1 for kinds in by_field.values())
    are_objects_of_a_kind = all(len(set(one.values()) - {"null"}) <= 1 for one in inner)
    if are_fields_of_a_kind != are_objects_of_a_kind:
        return are_fields_of_a_kind
    # Records hold lists and objects, cells hardly do; and tables have more rows than columns.
    has_nested = any(kind in ("list", "object") for one in inner for kind in one.values())
    return has_nested or len(inner) > len(by_field)
