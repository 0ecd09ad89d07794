"""Labels that a person lists."""

import numpy
import pytest

from rowbatch.core.label_list import read_labels, read_values
from rowbatch.errors import UsageError


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ("good,bad", ["good", "bad"]),
        (" good , bad ", ["good", "bad"]),
        ('a,"b, c",d', ["a", "b, c", "d"]),
        ('"b; c", "d"', ["b; c", "d"]),
        ('"say ""yes""",no', ['say "yes"', "no"]),
        ('7" disc,12" disc', ['7" disc', '12" disc']),
        ("\u597d\uff0c\u574f", ["\u597d", "\u574f"]),
        ("\u597d\u3001\u574f\u3001\u65e0", ["\u597d", "\u574f", "\u65e0"]),
        ("good;bad; very bad", ["good", "bad", "very bad"]),
        ("\u597d\uff1b\u574f", ["\u597d", "\u574f"]),
        ("good\nbad\n", ["good", "bad"]),
        ("good", ["good"]),
        (["a, b", "c"], ["a, b", "c"]),
        ([1, 0], ["1", "0"]),
        ([1.0, 0.5, True], ["1", "0.5", "true"]),
        (numpy.array([1, 2]), ["1", "2"]),
    ],
)
def test_labels(given, labels):
    """
    A text is split as CSV is, also at the marks of other scripts; a list is taken as it is, with numbers as
    tables have them.
    """
    assert read_labels(given) == labels


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("a,b;c", r"split: , ;"),
        ("\u597d,\u574f\uff0c\u65e0", "split: , \uff0c"),
        ('a,"b', "not closed"),
        ('a,"b"c', "not closed"),
        ("a,,b", "empty"),
        ("a,", "empty"),
        (["a", None], "one of these is a NoneType"),
        ([["a", "b"]], "one of these is a list"),
    ],
)
def test_what_are_no_labels(given, told):
    """
    What could be split in two ways is not guessed, and the marks are named.
    """
    with pytest.raises(UsageError, match=told):
        read_labels(given)


def test_one_value_is_no_list_of_its_letters():
    """
    A text alone is one value.
    """
    assert read_values("99") == ["99"]
    assert read_values([99, "NA"]) == ["99", "NA"]
