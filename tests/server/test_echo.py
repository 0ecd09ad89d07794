"""An engine without a model: what it says has the form that is asked for."""

import asyncio
import json

import pytest

from rowbatch.server.echo import EchoEngine, echo

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


@pytest.mark.parametrize(
    ("endpoint", "body", "code", "told"),
    [
        ("chat/completions", {}, "missing_required_parameter", "Missing required parameter: 'messages'."),
        ("responses", {"messages": []}, "missing_required_parameter", "Missing required parameter: 'input'."),
        ("completions", {}, "missing_required_parameter", "Missing required parameter: 'prompt'."),
        ("embeddings", {"input": []}, "empty_array", "empty array"),
        ("chat/completions", {"messages": []}, "empty_array", "empty array"),
        ("chat/completions", {"messages": "x"}, "invalid_type", "expected an array of objects"),
        ("chat/completions", {"messages": ["x"]}, "invalid_type", "expected an array of objects"),
    ],
)
def test_a_request_without_a_text_is_refused(endpoint, body, code, told):
    """
    As OpenAI refuses it: a program that leaves its texts out sees that in its tests, and nothing is counted.
    """
    engine = EchoEngine()
    reply = asyncio.run(engine.answer(f"/v1/{endpoint}", {"model": "m", **body}))
    error = reply.body["error"]
    assert (reply.status_code, error["code"], error["type"]) == (400, code, "invalid_request_error")
    assert told in error["message"]
    assert not engine.asked


def test_moderations_need_no_model():
    """
    As with OpenAI, whose server knows one.
    """
    reply = asyncio.run(EchoEngine().answer("/v1/moderations", {"input": ["one", "two"]}))
    assert reply.status_code == 200
    assert len(reply.body["results"]) == 2
    assert reply.body["model"]
