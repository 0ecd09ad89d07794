"""Numbers as people and models write them."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.numbers import number_of, spelled
from rowbatch.tables.base import as_text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        (" -7. ", -7),
        ("\u22127", -7),
        ("+7", 7),
        ("007", 7),
        ("７５", 75),
        ("٣", 3),
        ('"7"', 7),
        ("7。", 7),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("12,5", 12.5),
        ("0,125", 0.125),
        ("1234,567", 1234.567),
        ("1,234,567", 1234567),
        ("1,234.5", 1234.5),
        ("1.234.567", 1234567),
        ("1.234,5", 1234.5),
        ("1 234", 1234),
        ("1\u202f234,5", 1234.5),
        ("1'234'567", 1234567),
    ],
)
def test_a_number_is_read_in_any_clear_spelling(text, number):
    """
    Digits of any script, signs, groups of thousands, decimal commas and the full stop of a sentence.
    """
    found = number_of(text)
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", ".", "seven", "7 years", "45%", "about 7", "7 or 8", "7/10", "1,234", "1,23,456", "1e999"),
        *("NaN", "inf", "0x10", "1_0", "12 34", "--7", "七", "9" * 400),
    ],
)
def test_what_could_be_two_numbers_or_none_is_not_guessed(text):
    """
    A word or unit beside it, a comma with two meanings, what no table can hold: no number.
    """
    assert number_of(text) is None


def test_a_comma_has_one_meaning_where_only_whole_numbers_are_meant():
    """
    `1,234` is a thousand and more, if it can't be a fraction.
    """
    assert number_of("1,234", is_whole=True) == 1234
    assert number_of("-1,234", is_whole=True) == -1234


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_spelling_is_the_one_of_tables_and_reads_back(number):
    """
    What is spelled is what a CSV of the number has, and is read as the same number.
    """
    text = spelled(number)
    assert [text] == as_text(pl.DataFrame({"n": [number]}))["n"].to_list()
    found = number_of(text)
    assert found is not None
    assert math.isclose(found, number, rel_tol=0, abs_tol=0)


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_whole_numbers_stay_exact(number):
    """
    No whole number goes through a float.
    """
    assert number_of(spelled(number)) == number
