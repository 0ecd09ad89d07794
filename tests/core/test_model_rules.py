"""Parameters fit the model, by rules that are data."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib.resources import files
from typing import get_args

import pytest

from rowbatch.core.endpoint import Endpoint
from rowbatch.core.model_rules import Sampling, fitting_parameters, parameter_problems, shutdown_note
from rowbatch.providers.catalog import find_model, find_price, find_queue_limits


def fitted(model, endpoint=Endpoint.CHAT, given=None, **parameters):
    known = find_model("openai", model)
    assert known is not None
    return fitting_parameters(known.rules, endpoint, parameters, given=given or {})


@pytest.mark.parametrize(
    ("model", "parameters", "expected", "notes"),
    [
        ("gpt-4o-mini", {"temperature": 0, "max_tokens": 5}, {"temperature": 0, "max_tokens": 5}, 0),
        ("gpt-5-mini", {"temperature": 0, "max_tokens": 5}, {"max_completion_tokens": 5}, 2),
        ("gpt-5-mini", {"temperature": 1}, {"temperature": 1}, 0),
        ("o3", {"top_p": 0.5}, {}, 1),
        ("gpt-5.1", {"temperature": 0}, {}, 1),
        (
            "gpt-5.1",
            {"temperature": 0, "reasoning_effort": "none"},
            {"temperature": 0, "reasoning_effort": "none"},
            0,
        ),
        ("gpt-4o-mini-2024-07-18", {"max_tokens": 5}, {"max_tokens": 5}, 0),
    ],
)
def test_what_a_model_would_refuse_is_changed_and_said(model, parameters, expected, notes):
    """
    Each change is a sentence; what is refused before is accepted after.
    """
    found, said = fitted(model, **parameters)
    assert found == expected
    assert len(said) == notes
    known = find_model("openai", model)
    assert known is not None
    assert bool(parameter_problems(known.rules, Endpoint.CHAT, parameters)) == bool(notes)
    assert not parameter_problems(known.rules, Endpoint.CHAT, found)


def test_the_person_wins():
    """
    What is given by name stays, whatever the rules say.
    """
    assert fitted("gpt-5", given={"temperature": 0}, temperature=0) == ({"temperature": 0}, [])


def test_responses_have_a_least_output():
    """
    The Responses API takes 16 tokens at least.
    """
    found, notes = fitted("gpt-5", Endpoint.RESPONSES, max_output_tokens=5)
    assert found == {"max_output_tokens": 16}
    assert notes


@pytest.mark.parametrize(
    ("today", "says"),
    [(date(2026, 11, 23), "will be shut down"), (date(2027, 1, 1), "was to be"), (date(2026, 1, 1), "")],
)
def test_models_near_their_end(today, says):
    """
    A model that goes soon, or has gone, is warned of.
    """
    known = find_model("openai", "gpt-5")
    assert known is not None
    note = shutdown_note(known, today)
    assert says in str(note or "")
    assert bool(note) == bool(says)


def test_the_data_are_whole():
    """
    Every model has rules that are known, every priced model is a model, every table has a source and a date.
    """
    models = tomllib.loads(files("rowbatch.providers").joinpath("models.toml").read_text(encoding="utf-8"))
    prices = tomllib.loads(files("rowbatch.providers").joinpath("catalog.toml").read_text(encoding="utf-8"))
    for rules in models["rules"].values():
        assert rules["sampling"] in get_args(Sampling)
        assert rules["source"]
        assert date.fromisoformat(rules["as_of"])
    for name in models["openai"]["models"]:
        known = find_model("openai", name)
        assert known is not None
        assert known.context > 0
    assert set(prices["prices"]["openai"]["models"]) == set(models["openai"]["models"])
    for name, tiers in models["openai"]["queue"]["tiers"].items():
        assert list(tiers) == sorted(tiers)
        assert find_queue_limits("openai", name) is not None
    assert find_model("openai", "nobody-knows-it") is None
    assert find_price("openai", "gpt-4o-mini-2024-07-18") == find_price("openai", "gpt-4o-mini")
