"""Models that think before they answer: a note, room, and a price for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rowbatch import desk
from rowbatch.core.codebook import codebook_document, codebook_from_labels
from rowbatch.core.cost import Tokens
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.plan import Asking, Question
from rowbatch.desk.drafts import asking_of_draft
from rowbatch.errors import UsageError
from rowbatch.requests.asking import Said, asking_of
from rowbatch.requests.estimate import estimate_asking

QUESTION = Question(
    text="text", answer=codebook_document(codebook_from_labels("label", ["a", "b"], "Which?"))
)


def asked(model: str, provider: str = "openai", endpoint: Endpoint = Endpoint.CHAT, **said: Any) -> Asking:
    return asking_of(QUESTION, Said(**said), provider=provider, model=model, endpoint=endpoint)


def notes(asking: Asking) -> list[str]:
    return [note.kind for note in asking.notes]


@pytest.mark.parametrize(
    ("model", "provider", "said", "is_told"),
    [
        pytest.param("gpt-5-mini", "openai", {"max_tokens": 20}, True, id="the-how-to"),
        pytest.param("gemini-2.5-flash", "gemini", {"max_tokens": 20}, True, id="gemini"),
        pytest.param("magistral-small-latest", "mistral", {"max_tokens": 300}, True, id="mistral"),
        pytest.param(
            "gpt-5-mini", "openai", {"others": {"max_completion_tokens": 50}}, True, id="by-its-own-name"
        ),
        pytest.param("gpt-5-mini", "openai", {"max_tokens": 5_000}, False, id="with-room"),
        pytest.param("gpt-5-mini", "openai", {}, False, id="nobody-said"),
        pytest.param("gpt-4o-mini", "openai", {"max_tokens": 20}, False, id="no-thoughts"),
        pytest.param(
            "gpt-5.4-mini", "openai", {"max_tokens": 20, "reasoning_effort": "none"}, False, id="told-not-to"
        ),
    ],
)
def test_a_limit_without_room_for_thoughts_is_said(model, provider, said, is_told):
    """
    Before the start, where the limit that a person set is shorter than answer and thoughts together.
    """
    found = asked(model, provider, **said)
    assert ("note-limit-without-thoughts" in notes(found)) is is_told


def test_the_limit_stays_what_was_said():
    """
    It is a note, and no change: whoever knows better keeps the limit.
    """
    assert asked("gpt-5-mini", max_tokens=20).output_limit == 20
    assert (asked("gpt-5-mini").output_limit or 0) > 4_000


def test_thoughts_are_in_the_price():
    """
    A model that thinks costs more than one that was told not to; the limit is the most in any case.
    """

    def likely(**said: Any) -> int:
        asking = asked("gpt-5.4-mini", **said)
        return estimate_asking(QUESTION, asking, 10, Tokens(1_000, 1_000)).answer_tokens_likely

    assert likely() - likely(reasoning_effort="none") == 14_000
    assert likely(max_tokens=30) == 300


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (Endpoint.CHAT, {"reasoning_effort": "low"}),
        (Endpoint.RESPONSES, {"reasoning": {"effort": "low"}}),
    ],
)
def test_the_effort_as_the_endpoint_names_it(endpoint, expected):
    """
    OpenAI specification 2.3.0: `reasoning_effort` of a chat completion, `reasoning.effort` of a response.
    """
    found = asked("gpt-5-mini", endpoint=endpoint, reasoning_effort="low")
    assert expected.items() <= dict(found.parameters).items()


@pytest.mark.parametrize(
    ("model", "provider", "effort"),
    [
        pytest.param("gpt-4o-mini", "openai", "low", id="does-not-reason"),
        pytest.param("gpt-5-mini", "openai", "none", id="always-reasons"),
        pytest.param("gpt-5-mini", "openai", "lots", id="no-such-effort"),
        pytest.param("claude-opus-4-5", "anthropic", "low", id="another-protocol"),
    ],
)
def test_an_effort_that_is_not_taken_is_refused(model, provider, effort):
    """
    A model that would refuse it is not asked with it.
    """
    with pytest.raises(UsageError) as refused:
        asked(model, provider, reasoning_effort=effort)
    assert refused.value.kind == "effort-not-taken"


def test_a_model_that_nobody_knows_is_believed_to_take_it():
    """
    Behind a gateway nobody knows what a model takes; who says an effort means it.
    """
    found = asked("own-model", "openai", reasoning_effort="high")
    assert found.parameters["reasoning_effort"] == "high"


def test_a_draft_of_the_app_asks_with_the_effort_that_its_model_takes():
    """
    The form offers what the model takes; what was chosen for another one is not sent to one that refuses it.
    """
    draft = desk.Draft(text="text", provider="openai", model="gpt-5-mini", effort="low")
    assert desk.efforts_of_draft(draft) == ("minimal", "low", "medium", "high", "xhigh")
    assert asking_of_draft(draft, QUESTION).parameters["reasoning_effort"] == "low"
    other = replace(draft, model="gpt-4o-mini")
    assert desk.efforts_of_draft(other) == ()
    assert "reasoning_effort" not in asking_of_draft(other, QUESTION).parameters
