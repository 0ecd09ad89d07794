"""JSON answers become columns: one for each field, nested ones as `a.b`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import NamedTuple

import msgspec
import polars as pl

from rowbatch.core.forms import NO_OBJECT, Forgiveness, one_object

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
# msgspec 0.22: "Renamed field names must not contain '\\', '"', or control characters".
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
# A number that may be more than a float holds: whether that is JSON, the long way says, wherever it stands.
_HUGE = re.compile(rb"[0-9][eE][+-]?[0-9]{3}|[0-9]{300}")
_MAX_DEPTH = 20
_FEWEST_AT_ONCE, _MOST_AT_ONCE = 4, 1_000
_MAX_SHAPES = 16
_MAX_FIELDS = 200


class _Shape(NamedTuple):
    """Answers with exactly these fields: texts in some, numbers, lists and the like in the others."""

    fields: tuple[str, ...]
    decode: Callable[[str], msgspec.Struct]
    getters: tuple[Callable[[msgspec.Struct], str | None], ...]


class FieldReader:
    """
    Read JSON answers.

    Most answers of a job have the same fields, and are read by a decoder that is made for these; any other
    goes the long way.
    """

    def __init__(self) -> None:
        self._shape: _Shape | None = None
        self._window = _FEWEST_AT_ONCE
        self._shapes: dict[tuple[tuple[str, bool], ...], _Shape] = {}
        self._flags: list[bool | None] = []
        self._faults: dict[int, str] = {}
        self._forgiven: dict[int, tuple[Forgiveness, ...]] = {}
        self._columns: dict[str, list[str | None]] = {}

    def add(self, contents: Sequence[str | None]) -> None:
        """
        Read answers.

        Args:
            contents: The answers; None where there is none to be read.
        """
        at = 0
        while at < len(contents):
            at = self._read_alike(contents, at)
            if at < len(contents):
                content = contents[at]
                if content is None:
                    self._flags.append(None)
                else:
                    self._read_one(content)
                at += 1

    def frame(self) -> pl.DataFrame:
        """
        What was added since the last call; each field has a column.

        A text is as it reads, a number as it is spelled, `true` and `false` are these words, a list is JSON;
        null and a field that is not there are null. Of a field that stands twice the last one counts.

        Returns:
            As many rows as answers. First `is_object`: whether the answer held a JSON object, null for None,
            and `fault`: why not, else null; `forgiven`: what had to be forgiven, words of `FORGIVENESS` with
            blanks between, else ""; then the fields in order of appearance, all texts, named `.` and the
            field, so that no name is taken.
        """
        flags, columns, faults, forgiven = self._flags, self._columns, self._faults, self._forgiven
        self._flags, self._columns, self._faults, self._forgiven = [], {}, {}, {}
        fault = pl.repeat(None, len(flags), dtype=pl.String, eager=True).alias("fault")
        if faults:
            fault = fault.scatter(list(faults), list(faults.values()))
        told = pl.repeat("", len(flags), dtype=pl.String, eager=True).alias("forgiven")
        if forgiven:
            told = told.scatter(list(forgiven), [" ".join(words) for words in forgiven.values()])
        series = [
            pl.Series("is_object", flags, dtype=pl.Boolean),
            fault,
            told,
        ]
        for name, values in columns.items():
            values.extend([None] * (len(flags) - len(values)))
            series.append(pl.Series(f".{name}", values, dtype=pl.String))
        return pl.DataFrame(series)

    def _read_alike(self, contents: Sequence[str | None], at: int) -> int:
        """Read answers as long as they have the known fields; returns where that ends."""
        shape = self._shape
        if shape is None:
            return at
        window = contents[at : at + self._window]
        found: list[msgspec.Struct] = []
        # Up to one that is different, or None.
        with suppress(ValueError, TypeError, RecursionError):
            found.extend(map(shape.decode, window))  # type: ignore[arg-type]
        values = _values(found, shape.getters)
        del found[len(values[0]) :]
        # After one that is different look less far ahead, so that many of these do not cost much.
        self._window = min(2 * self._window, _MOST_AT_ONCE) if len(found) == len(window) else _FEWEST_AT_ONCE
        if found:
            for name, new in zip(shape.fields, values, strict=True):
                self._column(name).extend(new)
            self._flags += [True] * len(found)
        return at + len(found)

    def _column(self, name: str) -> list[str | None]:
        """The values of a field, one for each answer so far."""
        column = self._columns.setdefault(name, [])
        column.extend([None] * (len(self._flags) - len(column)))
        return column

    def _read_one(self, content: str) -> None:
        values: dict[str, str | None] = {}
        found = one_object(content)
        try:
            _flatten(_OBJECT.decode(found.text), "", values, 0)
        except (ValueError, RecursionError):
            self._faults[len(self._flags)] = found.fault or NO_OBJECT
            self._flags.append(False)
            return
        if found.forgiven:
            self._forgiven[len(self._flags)] = found.forgiven
        for name, value in values.items():
            self._column(name).append(value)
        self._flags.append(True)
        self._choose_shape(found.text)

    def _choose_shape(self, content: str) -> None:
        """Be ready for more answers like this one."""
        try:
            found = _OBJECT.decode(content)
        except (ValueError, RecursionError):
            return
        key = tuple((name, bytes(raw).startswith(b'"')) for name, raw in found.items())
        if any(bytes(raw).startswith(b"{") for raw in found.values()) or any(map(_ESCAPED.search, found)):
            return
        if key not in self._shapes:
            if len(self._shapes) == _MAX_SHAPES or not 0 < len(key) <= _MAX_FIELDS:
                return
            names = [f"f{number}" for number in range(len(key))]
            struct = msgspec.defstruct(
                "Answer",
                [
                    (name, str if is_text else msgspec.Raw)
                    for name, (_, is_text) in zip(names, key, strict=True)
                ],
                rename=dict(zip(names, found, strict=True)),
                forbid_unknown_fields=True,
                gc=False,
            )
            getters = tuple(
                attrgetter(name) if is_text else _spelled(name)
                for name, (_, is_text) in zip(names, key, strict=True)
            )
            self._shapes[key] = _Shape(tuple(found), msgspec.json.Decoder(struct).decode, getters)
        self._shape = self._shapes[key]


class _NotAlike(ValueError):
    """A field holds what cannot be taken as it is spelled."""


def _values(
    structs: Sequence[msgspec.Struct], getters: Sequence[Callable[[msgspec.Struct], str | None]]
) -> list[list[str | None]]:
    """The values of each field, up to the first struct that is not alike."""
    try:
        return [list(map(get, structs)) for get in getters]
    except _NotAlike:
        pass
    columns: list[list[str | None]] = [[] for _ in getters]
    for struct in structs:
        try:
            row = [get(struct) for get in getters]
        except _NotAlike:
            break
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return columns


def _spelled(name: str) -> Callable[[msgspec.Struct], str | None]:
    def get(struct: msgspec.Struct) -> str | None:
        text: bytes = bytes(getattr(struct, name))
        if text[:1] in (b'"', b"{") or _HUGE.search(text):
            raise _NotAlike
        return None if text == b"null" else text.decode()

    return get


def _flatten(found: dict[str, msgspec.Raw], prefix: str, into: dict[str, str | None], depth: int) -> None:
    for name, raw in found.items():
        text = bytes(raw)
        match text[:1]:
            case b'"':
                into[prefix + name] = _TEXT.decode(raw)
            case b"{" if depth < _MAX_DEPTH:
                inner = _OBJECT.decode(raw)
                if inner:
                    _flatten(inner, f"{prefix}{name}.", into, depth + 1)
                else:
                    into[prefix + name] = "{}"
            case b"n":
                into[prefix + name] = None
            case _:
                into[prefix + name] = text.decode()
