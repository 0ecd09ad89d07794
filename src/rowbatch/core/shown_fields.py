"""A value shown by its attributes, where nothing else says what there is to read of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from rowbatch.core.document import Block, Table, notes_of
from rowbatch.core.statistics.figures import Figure
from rowbatch.core.statistics.notebook import figures_table
from rowbatch.words.notice import Notice
from rowbatch.words.printing import dollars

_ROWS, _ENTRIES, _CHARS = 12, 8, 300
"""Of a table, in a cell, and of a text: the rest is counted."""


def blocks_of_fields(value: Any) -> Iterator[Block]:
    """
    The attributes of a dataclass: first those that are a word or a number, then a table for each that has
    several. What is empty is left out.
    """
    found = _Found()
    found.take(value, "")
    if found.plain:
        yield Table((), found.plain)
    if found.figures:
        yield figures_table(found.figures)
    yield from found.tables
    yield from notes_of(found.notices)


@dataclass(slots=True)
class _Found:
    """
    What the attributes of a value are, those of values within it among them.

    Attributes:
        plain: Words and numbers by name.
        figures: Statistics by name.
        tables: Of what has several.
        notices: What a person should know.
    """

    plain: list[tuple[str, str]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def take(self, value: Any, within: str) -> None:
        """Sort the attributes of a value; `within` stands before their names."""
        for own_name, held in _held(value):
            name = f"{within}{own_name}"
            if isinstance(held, Figure):
                self.figures[name] = held
            elif _all(held, Notice):
                self.notices += held
            elif isinstance(held, Mapping) and _all(held, Figure):
                self.figures |= held
            elif isinstance(held, Mapping) and _all(held, Mapping):
                self.tables.append(_matrix(getattr(value, "captions", {}).get(own_name, name), held))
            elif rows := _rows_of(held):
                self.tables.append(_table(name, rows))
            elif _is_value(held):
                self.take(held, f"{name}.")
            elif said := _cell(name, held):
                self.plain.append((name, said))


def _all(held: Any, kind: type) -> bool:
    """Whether it is a list or a mapping of such, and not empty."""
    if isinstance(held, Mapping):
        return bool(held) and all(isinstance(one, kind) for one in held.values())
    return isinstance(held, list | tuple) and bool(held) and all(isinstance(one, kind) for one in held)


def _matrix(name: str, held: Mapping[Any, Mapping[Any, Any]]) -> Table:
    columns = list(dict.fromkeys(column for row in held.values() for column in row))
    rows = [[str(key), *(_cell("", row.get(column)) for column in columns)] for key, row in held.items()]
    return Table([name, *map(str, columns)], rows, range(1, len(columns) + 1))


def _held(value: Any) -> Iterator[tuple[str, Any]]:
    for one in fields(value):
        held = getattr(value, one.name)
        # A statistic that is undefined is said to be so; anything else that is not there says nothing.
        is_undefined = held is None and str(one.type).startswith("float")
        yield one.name, "\u2013" if is_undefined else held


def _is_value(held: Any) -> bool:
    return is_dataclass(held) and not isinstance(held, type | Notice)


def _rows_of(held: Any) -> Sequence[Any]:
    """The values of a sequence or mapping of dataclasses; nothing of anything else."""
    if isinstance(held, Mapping) and held and all(map(_is_value, held.values())):
        return [] if any(isinstance(one, Figure) for one in held.values()) else list(held.items())
    if isinstance(held, Sequence) and not isinstance(held, str) and held and all(map(_is_value, held)):
        return held
    return []


def _table(name: str, rows: Sequence[Any]) -> Table:
    cells = [
        {"": str(row[0]), **dict(_cells(row[1]))}
        if isinstance(row, tuple) and not _is_value(row)
        else dict(_cells(row))
        for row in rows[:_ROWS]
    ]
    header = [
        column
        for column in dict.fromkeys(name for row in cells for name in row)
        if any(row.get(column) for row in cells)
    ]
    more = f"and {len(rows) - _ROWS:,} more" if len(rows) > _ROWS else ""
    numbers = [
        place
        for place, column in enumerate(header)
        if all(row.get(column, "").replace(",", "").replace(".", "").isdigit() for row in cells)
    ]
    shown = [[row.get(column, "") for column in header] for row in cells]
    first = f"{name}: {header[0]}" if header and header[0] else name
    return Table([first, *header[1:]], shown, numbers, more)


def _cells(row: Any) -> Iterator[tuple[str, str]]:
    return ((name, _cell(name, held)) for name, held in _held(row))


def _cell(name: str, held: Any) -> str:
    """A value in few words; "" where there is nothing to say."""
    match held:
        case None:
            return ""
        case bool():
            return "yes" if held else "no"
        case int() | Decimal():
            return dollars(Decimal(held)) if name.endswith("usd") else f"{held:,}"
        case float():
            return f"{held:.4g}"
        case Enum():
            return str(held.value)
        case datetime():
            return held.isoformat(" ", "seconds")
        case Figure():
            return f"{held.shown} ({held.shown_interval})"
        case _:
            said = _several(held)
            return _cut(str(held)) if said is None else _cut(_listed(said))


def _several(held: Any) -> list[str] | None:
    """What a mapping, a sequence or a value of ours holds; None of what is one thing."""
    match held:
        case str() | bytes() | bytearray() | memoryview():
            return None
        case Mapping():
            return [f"{key} {_cell(str(key), one)}" for key, one in held.items()]
        case AbstractSet() | Sequence():
            return [_cell("", one) for one in held]
        case _ if _is_value(held):
            return [f"{inner} {said}" for inner, said in _cells(held) if said]
        case _:
            return None


def _listed(said: Sequence[str]) -> str:
    more = [f"and {len(said) - _ENTRIES:,} more"] if len(said) > _ENTRIES else []
    return ", ".join([*said[:_ENTRIES], *more])


def _cut(text: str) -> str:
    return text if len(text) <= _CHARS else f"{text[: _CHARS - 1]}…"
