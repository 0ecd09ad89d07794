"""
Several texts in one request: an answer is a list, and each of its entries belongs to a row of its own.

An entry is matched by its id, never by its place: models leave entries out, and put them in another order.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl

from rowbatch.core.fields import FieldReader
from rowbatch.core.forms import values_within
from rowbatch.core.result_columns import EXTRA_TYPES
from rowbatch.core.states import RowStatus
from rowbatch.errors import UsageError

REQUEST, ENTRY = "request", "entry"
"""Columns with the custom_id of the request that an entry came with, and its place in the answer, from 1."""
NO_ENTRIES = "the answer is not a list of entries"
NO_ID = "the entry has no id"
NO_OBJECT_ENTRY = "the entry is not a JSON object"
# Of an answer and not of an entry: on the first one only, so that sums are right.
_ONCE = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "raw", "choices")
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_ID_WORDS = ("custom_id", "id", "row", "row_id", "input_id", "index", "idx", "key", "number", "no", "nr")


@dataclass(frozen=True, slots=True)
class PackedForm:
    """
    How answers are packed.

    Attributes:
        list_field: The field that holds the list; "" where the answer itself is one, or objects one after the
            other, or an object whose keys are the ids.
        id_field: The field of an entry that is its id; "" where its key is.
    """

    list_field: str
    id_field: str


def packed_form(
    contents: Sequence[str], *, id_field: str | None = None, list_field: str | None = None
) -> PackedForm:
    """
    Find out how answers are packed.

    The list is the only field of the answers that holds one of objects. The id is the only field whose name
    says so (`id`, `row`, `index`, …, or something that ends in `_id`) and whose values are texts or whole
    numbers, none of them twice in one answer.

    Args:
        contents: Some answers: a few hundred are enough.
        id_field, list_field: What is known already.
    Raises:
        UsageError: There is no list, or no id, or more than one of them.
    """
    answers = [values for values in map(values_within, contents) if values]
    if list_field is None:
        list_field = _list_field(answers)
    packs = [list(_entries(values, list_field)) for values in answers]
    if not any(packs):
        raise UsageError("packed-no-list", field=list_field or "-")
    if id_field is None:
        id_field = _id_field(packs)
    return PackedForm(list_field, id_field)


def unpacked(frame: pl.DataFrame, form: PackedForm) -> pl.DataFrame:
    """
    A row for each entry of packed answers.

    Args:
        frame: Of `ResultFrame`, without fields: `custom_id`, `content`, `status`, `status_reason`, perhaps
            extras.
        form: How the answers are packed.
    Returns:
        The same columns, in order of the answers and their entries. `custom_id` is the entry's id, `content`
        the entry as JSON; `REQUEST` and `ENTRY` say where it stood; and each field of the entries but its id
        has a column `.field`, as `FieldReader` gives them. A request that is not ok, or has no list, keeps
        one row under its own id, without a place; so does an entry without an id, or that is no object, with
        its place: these are invalid, and say why. What is counted for an answer stands in its first row only.
    """
    rows = _Rows()
    told = frame.select("custom_id", "content", pl.col("status") == RowStatus.OK.value)
    for number, (custom_id, content, is_ok) in enumerate(told.iter_rows()):
        entries = list(_entries(values_within(content), form.list_field)) if is_ok else []
        for place, (key, entry) in enumerate(entries, start=1):
            if not isinstance(entry, dict):
                rows.add(number, custom_id, _as_json(entry), place, fault=NO_OBJECT_ENTRY)
                continue
            name = _id_text(entry.get(form.id_field) if form.id_field else key)
            fields = {field: value for field, value in entry.items() if field != form.id_field}
            fault = "" if name else NO_ID
            rows.add(number, name or custom_id, _as_json(entry), place, fault=fault, fields=_as_json(fields))
        if not entries:
            rows.add(number, custom_id, content, None, fault=NO_ENTRIES if is_ok else "")
    return rows.framed(frame)


class _Rows:
    """The rows that are made, column by column."""

    def __init__(self) -> None:
        self._of: list[int] = []
        self._ids: list[str] = []
        self._contents: list[str] = []
        self._places: list[int | None] = []
        self._faults: dict[int, str] = {}
        self._fields: list[str | None] = []

    def add(
        self,
        of: int,
        custom_id: str,
        content: str,
        place: int | None,
        *,
        fault: str = "",
        fields: str | None = None,
    ) -> None:
        """Add a row that is made of the one of this number."""
        if fault:
            self._faults[len(self._of)] = fault
        self._of.append(of)
        self._ids.append(custom_id)
        self._contents.append(content)
        self._places.append(place)
        self._fields.append(None if fault else fields)

    def framed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """What `unpacked` gives; `frame` is what it was given."""
        reader = FieldReader()
        reader.add(self._fields)
        fields = reader.frame()
        frame = frame[self._of]
        status, reason = frame["status"], frame["status_reason"]
        if self._faults:
            status = status.scatter(list(self._faults), RowStatus.INVALID.value)
            reason = reason.scatter(list(self._faults), list(self._faults.values()))
        places = pl.Series(ENTRY, self._places, dtype=pl.Int64)
        is_first = places.fill_null(1) == 1
        return frame.with_columns(
            pl.col("custom_id").alias(REQUEST),
            places,
            status,
            reason,
            pl.Series("content", self._contents, dtype=pl.String),
            pl.Series("custom_id", self._ids, dtype=pl.String),
            *(
                pl.when(is_first).then(name).cast(EXTRA_TYPES[name]).alias(name)
                for name in _ONCE
                if name in frame
            ),
        ).hstack([column for column in fields if column.name.startswith(".")])


def _entries(values: Sequence[Any], list_field: str) -> Iterator[tuple[str, Any]]:
    """The entries that an answer's JSON values hold, each with its key or ""."""
    if list_field:
        lists = [value[list_field] for value in values if isinstance(value, dict) and list_field in value]
        for found in lists:
            yield from _listed(found)
        return
    lists = [value for value in values if isinstance(value, list)]
    if lists:
        for found in lists:
            yield from _listed(found)
    elif len(values) > 1:
        yield from (("", value) for value in values)
    elif values and _is_keyed(values[0]):
        yield from values[0].items()
    elif values:
        # A request for one text has an answer of one entry.
        yield "", values[0]


def _listed(found: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(found, list):
        yield from (("", entry) for entry in found)
    elif _is_keyed(found):
        yield from found.items()


def _is_keyed(value: Any) -> bool:
    """Whether it is an object of entries by their ids, and none of such objects."""
    return _has_objects(value) and not any(map(_has_objects, value.values()))


def _has_objects(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(one, dict) for one in value.values())


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _list_field(answers: Sequence[Sequence[Any]]) -> str:
    """The field that holds the list; "" where the answers are lists, or objects one after the other."""
    names: Counter[str] = Counter()
    wholes = 0
    for values in answers:
        (first, *more) = values
        if more or isinstance(first, list) or _is_keyed(first):
            wholes += 1
        elif isinstance(first, dict):
            names.update(name for name, value in first.items() if _is_list(value) or _is_keyed(value))
    if len(names) > 1:
        raise UsageError("packed-several-lists", fields=sorted(names))
    if names and names.total() >= wholes:
        return next(iter(names))
    if not wholes:
        raise UsageError("packed-no-list", field="-")
    return ""


def _id_field(packs: Sequence[Sequence[tuple[str, Any]]]) -> str:
    entries = [(key, entry) for pack in packs for key, entry in pack if isinstance(entry, dict)]
    if entries and all(key for key, _ in entries):
        return ""
    names: Counter[str] = Counter(name for _, entry in entries for name in entry)
    fitting = [name for name in names if _says_id(name) and _is_id_of(name, packs)]
    exact = [name for name in fitting if name.casefold() in _ID_WORDS]
    if len(exact) == 1:
        fitting = exact
    if not fitting:
        raise UsageError("packed-no-id", fields=sorted(names))
    if len(fitting) > 1:
        raise UsageError("packed-several-ids", fields=sorted(fitting))
    return fitting[0]


def _says_id(name: str) -> bool:
    word = name.casefold().replace("-", "_").replace(" ", "_")
    return word in _ID_WORDS or word.endswith("_id") or name.endswith("Id")


def _is_id_of(name: str, packs: Sequence[Sequence[tuple[str, Any]]]) -> bool:
    for pack in packs:
        ids = [_id_text(entry.get(name)) for _, entry in pack if isinstance(entry, dict)]
        if not all(ids) or len(set(ids)) < len(ids):
            return False
    return True


def _id_text(value: Any) -> str:
    """An id as a text; "" for what is none."""
    match value:
        case str():
            return value.strip()
        case bool():
            return ""
        case int():
            return str(value)
        case float() | Decimal() if math.isfinite(value) and value == int(value):
            return str(int(value))
        case _:
            return ""


def _as_json(value: Any) -> str:
    try:
        encoded: bytes = _ENCODE(value)
    except ValueError:
        # Half a surrogate pair.
        return json.dumps(value, default=float)
    return encoded.decode()
