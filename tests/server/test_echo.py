"""An engine without a model: what it says has the form that is asked for."""

import json

import pytest

from rowbatch.server.echo import echo

SCHEMA = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
CHAT, RESPONSE = {"messages": [{"role": "user", "content": "a day"}]}, {"input": "a day"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (CHAT, "a day"),
        (RESPONSE | {"text": {"format": {"type": "text"}}}, "a day"),
        (CHAT | {"response_format": {"type": "json_object"}}, {"text": "a day"}),
        (RESPONSE | {"text": {"format": {"type": "json_object"}}}, {"text": "a day"}),
        (CHAT | {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}, "mood"),
        (RESPONSE | {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}, "mood"),
        (CHAT | {"response_format": {"type": "json_schema", "json_schema": "none"}}, "a day"),
        (CHAT | {"response_format": "none"}, "a day"),
    ],
)
def test_an_echo_has_the_form_that_is_asked_for(body, said):
    """
    Its own text; any object where any is asked for; and what a schema allows, the same of the same text.
    """
    found = echo(body)
    if said == "mood":
        assert json.loads(found)["mood"] in ("good", "bad")
        assert found == echo(body)
    else:
        assert (json.loads(found) if isinstance(said, dict) else found) == said
