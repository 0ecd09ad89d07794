"""A slip of the pen in the name of a model is seen before it is paid, or refused, for."""

import pytest

from rowbatch.api.checkup import _model_checks
from rowbatch.api.runs import model_notes
from rowbatch.providers.catalog import find_near_model, known_models


@pytest.mark.parametrize(
    ("provider", "typed", "near"),
    [
        pytest.param("openai", "gtp-4o-mini", "gpt-4o-mini", id="letters-change-places"),
        pytest.param("openai", "gpt4o-mini", "gpt-4o-mini", id="no-hyphen"),
        pytest.param("openai", "GPT-4o-mini", "gpt-4o-mini", id="capitals"),
        pytest.param("anthropic", "claude-haku-4-5", "claude-haiku-4-5", id="a-letter-is-missing"),
        pytest.param("openai", "gpt-4o-mini", "", id="it-is-known"),
        pytest.param("openai", "gpt-99.7-mini", "", id="another-version-is-another-model"),
        pytest.param("openai", "our-own-model", "", id="nothing-like-it"),
        pytest.param("compatible", "gtp-4o-mini", "", id="anybody-s-server"),
    ],
)
def test_the_model_that_was_meant_is_named(provider, typed, near):
    """
    Only where the numbers are the same: a version that came after this one is not a slip of the pen.
    """
    assert find_near_model(provider, typed) == near
    assert not near or near in {one.name for one in known_models(provider)}


def test_it_stands_among_the_notes_before_a_run():
    """
    In the place of the note that nothing is known; the web app says the same in its languages.
    """
    (note,) = model_notes("openai", "gtp-4o-mini")
    assert "did you mean gpt-4o-mini?" in str(note)
    assert "gpt-4o-mini" in note.told("page", "zh")
    (unlike,) = model_notes("openai", "our-own-model")
    assert "did you mean" not in str(unlike)


def test_the_doctor_asks_too():
    """
    Beside its warning that the limits are not known.
    """
    hints = {check.what: check.hint for check in _model_checks("openai", "gtp-4o-mini")}
    assert hints["model"] == "did you mean gpt-4o-mini?"
    hints = {check.what: check.hint for check in _model_checks("openai", "our-own-model")}
    assert hints["model"] == ""
