"""When two spellings of a label are one."""

from __future__ import annotations

import unicodedata

import pytest

from rowbatch.core.spelling import is_spelled_otherwise, near_spellings, spelling_key


@pytest.mark.parametrize(
    ("value", "near"),
    [
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param(1.0, "1", id="a-float-that-is-whole"),
        pytest.param("1.0", "1", id="the-same-as-a-text"),
        pytest.param("-1.00", "-1", id="with-its-sign"),
        pytest.param("好。", "好", id="full-stop-of-another-script"),
        pytest.param("good．", "good", id="full-width-full-stop"),
        pytest.param("ｇｏｏｄ｡", "good", id="full-width"),
        pytest.param("「好」", "好", id="quotes"),
        pytest.param("«Good»", "Good", id="guillemets"),
        pytest.param("go\u200bod", "good", id="zero-width"),
        pytest.param("__Good__", "Good", id="markdown"),
        pytest.param("- good", "good", id="bullet"),
        pytest.param("**Good**,", "Good", id="bold-and-comma"),
    ],
)
def test_a_value_that_is_spelled_nearly_so(value, near):
    """
    What a person would take for the same word is among the near spellings.
    """
    assert near in list(near_spellings(value, ("x", "y")))


@pytest.mark.parametrize("value", [None, [], {}, 1.5, 2, float("inf"), "x" * 1000])
def test_what_has_no_near_spelling(value):
    """
    Null, lists, numbers that are not whole and long texts are taken as they are.
    """
    assert list(near_spellings(value, ("1", "2"))) == []


@pytest.mark.parametrize("value", ["-1", "+1", "> 5", "50%", "C#", "$5"])
def test_what_tells_labels_apart_stays(value):
    """
    A sign, a percent sign and the like are part of a label.
    """
    core = value.strip("#")
    assert all(core.casefold() in near.casefold() for near in near_spellings(value, ()))


def test_labels_that_differ_only_so_stay_apart():
    """
    A spelling that would make two labels of a codebook one is none of either.
    """
    assert "2" in list(near_spellings("２", ("2", "3")))
    assert "2" not in list(near_spellings("２", ("2", "②")))


@pytest.mark.parametrize(
    ("text", "value", "is_otherwise"),
    [
        ("Good", "Good", False),
        (" good ", "Good", False),
        ("very  good", "Very good", False),
        ("good.", "Good", True),
        ("**Good**", "Good", True),
        ("G", "Good", False),
        ("N/A.", "N/A.", False),
    ],
)
def test_what_is_called_another_spelling(text, value, is_otherwise):
    """
    Case and spaces are none, nor is an alias.
    """
    assert is_spelled_otherwise(text, value) == is_otherwise


def test_a_letter_and_its_accent_are_one_or_two_characters():
    """
    Both are one spelling, whichever the codebook has.
    """
    two, one = unicodedata.normalize("NFD", "Négatif"), unicodedata.normalize("NFC", "négatif")
    assert two.casefold() != one
    assert spelling_key(two) == spelling_key(one) == one
    assert is_spelled_otherwise(two, one)
