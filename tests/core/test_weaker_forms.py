"""A weaker form of the answer, for servers that refuse a schema."""

import json

import pytest

from rowbatch.core.weaker_forms import KnownForm, weaker_after, with_schema_in_prompt, with_weaker_form

SCHEMA = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}}
CHAT = {
    "messages": [{"role": "user", "content": "x"}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
}
RESPONSES = {
    "input": "x",
    "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}, "verbosity": "low"},
}
ANY = {"messages": [], "response_format": {"type": "json_object"}}
TOLD = "This response_format type is unavailable now"


@pytest.mark.parametrize("body", [CHAT, RESPONSES])
def test_each_weaker_form_is_asked_for_once(body):
    """
    Any object first, with the schema beside it, then none; the schema is in the prompt. Then nothing is left.
    """
    assert with_weaker_form(body, 0) is body
    levels, sent, weaker = [], body, 0
    while (less := weaker_after(body, sent, weaker, 400, TOLD)) is not None:
        weaker = less
        sent = with_weaker_form(body, weaker)
        levels.append(weaker)
        assert json.dumps(SCHEMA) in (sent.get("instructions") or sent["messages"][0]["content"])
    assert levels == [1, 2]
    first = with_weaker_form(body, 1)
    form = first["text"]["format"] if "text" in first else first["response_format"]
    assert form == {"type": "json_object", "schema": SCHEMA}
    assert sent.get("text", {}) in ({}, {"verbosity": "low"})
    assert "response_format" not in sent
    # One that was on its way when another was refused.
    assert weaker_after(body, body, 2, 400, TOLD) == 2


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        pytest.param(ANY, 400, TOLD, id="any-object-was-wanted"),
        pytest.param({"messages": []}, 400, TOLD, id="no-form"),
        pytest.param(CHAT, 429, TOLD, id="busy"),
        pytest.param(CHAT, None, TOLD, id="no-answer"),
        pytest.param(CHAT, 400, "no such model", id="another-thing"),
        pytest.param(CHAT, 400, "Invalid schema for response_format 'a'", id="the-schema-itself"),
        pytest.param(CHAT, 400, "invalid_json_schema response_format", id="its-code"),
        pytest.param(CHAT, 400, "context_length_exceeded 'what is json_schema?' is too long", id="one-text"),
        pytest.param(CHAT, 400, "content_filter in 'json_schema'", id="a-filter-that-quotes"),
    ],
)
def test_what_is_not_about_the_form_is_not_asked_again(body, status, told):
    """
    Nor where nobody asked for a schema: what its maker wrote is what is asked.
    """
    assert weaker_after(body, body, 0, status, told) is None
    assert weaker_after(body, body, 2, status, told) is None


def test_the_prompt_says_the_schema_once_and_beside_what_it_has():
    """
    Behind the first instruction, or before the messages; what is no list of messages stays as it is.
    """
    system = {"role": "system", "content": "Code."}
    asked = with_schema_in_prompt({**CHAT, "messages": [system, *CHAT["messages"]]})
    assert asked["messages"][0]["content"].startswith("Code.\n\nAnswer with a JSON object")
    assert len(asked["messages"]) == 2
    odd = {**CHAT, "messages": 5}
    assert with_schema_in_prompt(odd) is odd
    assert with_schema_in_prompt({"messages": []}) == {"messages": []}


def test_answers_alone_show_how_the_next_row_is_asked():
    """
    The first answer of a weaker form does; where the schema was taken before, three of them one after the
    other do, as when another server stands there now.
    """
    form = KnownForm()
    form.answered(1)
    form.answered(2)
    assert form.weaker == 2
    form.answered(0)
    assert form.weaker == 0
    shown = []
    for weaker in (1, 1, 0, 1, 1, 1):
        form.answered(weaker)
        shown.append(form.weaker)
    assert shown == [0, 0, 0, 0, 0, 1]
