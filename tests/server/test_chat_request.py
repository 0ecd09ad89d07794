"""What the local model refuses before it works on a request."""

import pytest

from rowbatch.server.chat_request import answer_schema, check_parameters, text_messages
from rowbatch.server.endpoint import RefusedRequest

USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        pytest.param({}, "messages", id="none"),
        pytest.param({"messages": []}, "messages", id="empty"),
        pytest.param({"messages": "hi"}, "messages", id="text"),
        pytest.param({"messages": ["hi"]}, "messages[0]", id="no-object"),
        pytest.param({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role", id="role"),
        pytest.param({"messages": [USER, {"role": "user"}]}, "messages[1].content", id="no-content"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content",
            id="image",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content", id="surrogate"
        ),
        pytest.param({"messages": [{"role": "system", "content": "x"}]}, "messages", id="no-user"),
        pytest.param({"temperature": 2.1}, "temperature", id="too-hot"),
        pytest.param({"temperature": "1"}, "temperature", id="temperature-as-text"),
        pytest.param({"temperature": True}, "temperature", id="temperature-as-boolean"),
        pytest.param({"temperature": float("nan")}, "temperature", id="temperature-nan"),
        pytest.param({"top_p": 1.5}, "top_p", id="top-p"),
        pytest.param({"max_tokens": 0}, "max_tokens", id="no-tokens"),
        pytest.param({"max_completion_tokens": 1.5}, "max_completion_tokens", id="half-a-token"),
        pytest.param({"seed": "x"}, "seed", id="seed"),
        pytest.param({"stop": 5}, "stop", id="stop"),
        pytest.param({"stop": ["a"] * 5}, "stop", id="too-many-stops"),
        pytest.param({"n": 2}, "n", id="two-answers"),
        pytest.param({"tools": [{}]}, "tools", id="tools"),
        pytest.param({"response_format": "json"}, "response_format", id="format"),
        pytest.param({"response_format": {"type": "xml"}}, "response_format.type", id="format-type"),
        pytest.param(
            {"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema", id="no-schema"
        ),
    ],
)
def test_what_makes_no_sense_is_refused(body, param):
    """
    One error in OpenAI's form that names the parameter.
    """
    with pytest.raises(RefusedRequest) as refusal:
        text_messages({"messages": [USER], **body} if "messages" in body or body else body)
        check_parameters(body)
        answer_schema(body)
    error = refusal.value.body["error"]
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert error["message"]


def test_what_makes_sense_is_taken():
    """
    Parts of text are joined, `developer` is the system, unknown parameters are left alone.
    """
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body = {
        "messages": [{"role": "developer", "content": "be brief"}, {"role": "user", "content": parts}],
        "temperature": 0,
        "max_tokens": None,
        "stop": ["x"],
        "seed": -3,
        "user": "me",
        "response_format": {"type": "json_object"},
    }
    check_parameters(body)
    assert text_messages(body) == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "ab"},
    ]
    assert answer_schema(body) is None
