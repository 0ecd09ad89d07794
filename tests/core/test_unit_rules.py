"""What the values of a document's units are together."""

from __future__ import annotations

import pytest

from rowbatch.core.unit_rules import UnitsRule, ValueKind, ValueLook, join_values


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["yes", "NO", ""], "yes-no"),
        (["1", "0"], "yes-no"),
        (["是", "否"], "yes-no"),
        (["1", "2.5", "-3e2"], "number"),
        (["01", "2"], "label"),
        (["1", "a"], "label"),
        (["nan", "1"], "label"),
        (["1e999"], "label"),
        (["", " "], "label"),
    ],
)
def test_kinds(values: list[str], kind: ValueKind) -> None:
    """
    Numbers are written as such: a zero in front makes a code, and what no double holds is none.
    """
    look = ValueLook()
    for value in values:
        look.look([value])
    assert look.kind == kind
    assert look.are_bits == (set(values) <= {"1", "0", ""} and kind == "yes-no")


@pytest.mark.parametrize(
    ("values", "kind", "rule", "expected", "tie"),
    [
        (["no", "", "Yes", "no"], "yes-no", "any", "Yes", ()),
        (["no", ""], "yes-no", "any", "no", ()),
        (["b", "a", "b"], "label", "any", "b; a", ()),
        (["a; b", "c", "b"], "labels", "any", "a; b; c", ()),
        (["b", "a", "b", ""], "label", "most", "b", ()),
        (["b", "a", ""], "label", "most", "", ("b", "a")),
        (["1", "0"], "yes-no", "most", "", ("1", "0")),
        (["a; b", "a", "c"], "labels", "most", "a", ()),
        (["1", "0", ""], "indicator", "most", "0", ()),
        (["1", "0", "1"], "indicator", "most", "1", ()),
        (["0", "1"], "indicator", "any", "1", ()),
        (["7.0", "2.5", "7"], "number", "any", "7; 2.5", ()),
        (["4", "", "1", "2.5"], "number", "most", "2.5", ()),
        (["4", "1"], "number", "most", "2.5", ()),
        (["4", "2"], "number", "most", "3", ()),
        (["4", "", "2.5"], "number", "list", "[4, null, 2.5]", ()),
        (["1", "0", ""], "yes-no", "list", "[1, 0, null]", ()),
        (["é", 'a"', ""], "label", "list", '["é", "a\\"", null]', ()),
        (["", ""], "label", "any", "", ()),
        ([], "label", "list", "[]", ()),
    ],
)
def test_rules(
    values: list[str], kind: ValueKind, rule: UnitsRule, expected: str, tie: tuple[str, ...]
) -> None:
    """
    `any` is yes where one is, or all different values; `most` the most frequent value, a tie none; of numbers
    the median; `list` has a place for each unit.
    """
    assert join_values(values, kind, rule) == (expected, tie)
