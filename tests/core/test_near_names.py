"""Which known name a person may have meant."""

from __future__ import annotations

import pytest

from rowbatch.core.choices import near_name
from rowbatch.providers.catalog import provider_names

COLUMNS = ("id", "text", "comment_text", "Prediction_human", "city name")


@pytest.mark.parametrize(
    ("typed", "known", "meant"),
    [
        ("nope", None, ""),
        ("azur", None, "azure"),
        ("opnai", None, "openai"),
        ("OpenAI", None, "openai"),
        ("antrhopic", None, "anthropic"),
        ("gpt", None, ""),
        ("claude", None, ""),
        ("locla", None, "local"),
        ("txt", COLUMNS, "text"),
        ("Text ", COLUMNS, "text"),
        ("post", COLUMNS, ""),
        ("comment", COLUMNS, "comment_text"),
        ("prediction_humn", COLUMNS, "Prediction_human"),
        ("City  Name", COLUMNS, "city name"),
        ("ix", COLUMNS, ""),
        ("x", COLUMNS, ""),
        ("", COLUMNS, ""),
    ],
)
def test_a_slip_of_the_pen_is_one_and_another_word_is_none(typed, known, meant):
    """
    A wrong guess is worse than none: it sounds as if somebody knew.
    """
    assert near_name(typed, known or provider_names()) == meant


def test_of_two_the_nearer_one():
    """
    And of two that are as near the first.
    """
    assert near_name("texts", ["text", "tests", "a texts column"]) == "text"
    assert near_name("mode", ["model", "mood"]) == "model"
