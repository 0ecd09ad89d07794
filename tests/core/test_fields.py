"""JSON answers become columns."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.fields import FieldReader

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**20)
    | st.text(max_size=5)
    | st.sampled_from([0.5, 1.0, 1e300]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(
    st.sampled_from(["a", "b", "c.d", "é", "", 'say "x"', "back\\slash", "two\nlines"]), values, max_size=4
)


def flat(found: dict[str, Any], prefix: str = "") -> dict[str, str | None]:
    """What each field is to be, by the rule of the docstring."""
    result: dict[str, str | None] = {}
    for name, value in found.items():
        if isinstance(value, dict) and value:
            result |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, str):
            result[prefix + name] = value
        elif value is None:
            result[prefix + name] = None
        else:
            result[prefix + name] = json.dumps(value, ensure_ascii=False)
    return result


@given(st.lists(st.none() | objects | st.sampled_from(["nope", "[1]", "7", "{"]), max_size=25))
def test_every_field_of_every_answer(found):
    """
    Each field is in its column, in its row, as it is spelled; what is no object is said to be none.
    """
    contents = [json.dumps(item, ensure_ascii=False) if isinstance(item, dict) else item for item in found]
    reader = FieldReader()
    reader.add(contents[:7])
    reader.add(contents[7:])
    frame = reader.frame()
    assert frame.height == len(found)
    assert frame["is_object"].to_list() == [
        None if item is None else isinstance(item, dict) for item in found
    ]
    for row, item in zip(frame.iter_rows(named=True), found, strict=True):
        expected = flat(item) if isinstance(item, dict) else {}
        assert {name: row[f".{name}"] for name in expected} == expected
        others = {name for name in row if name.startswith(".") and name[1:] not in expected}
        assert all(row[name] is None for name in others)


def test_fences_and_spellings():
    """
    A Markdown fence does not count, and a number stays as it is spelled.
    """
    reader = FieldReader()
    reader.add(['```json\n{"a": 1.50}\n```', '{"a": 1e5}', '{"a": "x"}'] * 3)
    frame = reader.frame()
    assert frame[".a"].to_list() == ["1.50", "1e5", "x"] * 3


def test_a_field_whose_name_is_escaped():
    """
    A quote, a backslash or a line end in the name of a field is part of it.

    msgspec 0.22.0 makes no struct of such a name: it raises a ValueError.
    """
    reader = FieldReader()
    reader.add([json.dumps({name: "x"}) for name in ('say "x"', "back\\slash", "two\nlines")])
    assert reader.frame().columns[3:] == ['.say "x"', ".back\\slash", ".two\nlines"]


def test_a_number_that_no_float_holds_is_taken_alike_wherever_it_stands():
    """
    Whether such an answer is JSON, does not hang on the answers before it.
    """
    huge, plain = '{"a": [1e999]}', '{"a": [1]}'
    alone, behind = FieldReader(), FieldReader()
    alone.add([huge])
    behind.add([plain, plain, huge])
    assert behind.frame()["is_object"][2] == alone.frame()["is_object"][0]
