"""Answers that are not quite as they were asked for, in the lines of every dialect."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from answer_forms import FORMS
from fake_providers import FakeProvider
from odd_results import SHAPES, put
from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import codebook_from_labels
from rowbatch.core.fields import FieldReader
from rowbatch.core.result import read_result
from rowbatch.http import HttpClient
from rowbatch.providers.catalog import find_provider
from rowbatch.providers.clients import client_for
from rowbatch.providers.dialect_net import read_answer, read_result_line
from rowbatch.providers.messages import marked_id

TOKEN = "0123456789abcdef-r1-0001"
RIGHT = '{"label": "a"}'
ASKED = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "responses": {"model": "m", "input": "x", "max_output_tokens": 20},
}
TEXTS = [shape for shape in SHAPES if shape.endpoint in ASKED]
SHAPE_IDS = [f"{shape.provider}-{shape.endpoint}" for shape in TEXTS]


@cache
def dialect_of(provider):
    with HttpClient("http://127.0.0.1:9/v1") as http:
        return client_for(find_provider(provider), http).dialect


@cache
def good_line(shape) -> bytes:
    skin = shape.provider if shape.provider in ("anthropic", "gemini", "mistral") else "openai"
    asked = {"custom_id": "row-7", "wire": marked_id("row-7", TOKEN), "body": ASKED[shape.endpoint]}
    return FakeProvider(skin).skin.answered(asked, "positive").rstrip(b"\n")


def line_with(shape, text: str) -> bytes:
    return put(good_line(shape), shape.text, text).rstrip(b"\n")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", TEXTS, ids=SHAPE_IDS)
def test_every_form_is_read_alike_in_every_dialect(shape, form):
    """
    Whoever was asked, an answer of this form is the label and says what was forgiven, or is invalid and says
    why.
    """
    line = read_result_line(dialect_of(shape.provider), line_with(shape, FORMS[form].write(RIGHT)), TOKEN)
    result = read_result(line)
    reader = AnswerReader(codebook_from_labels("label", ["a", "b", "c"], "Which?"))
    answer = reader.read(result.status, result.content, result.reason)
    assert answer.reason == FORMS[form].reason
    assert answer.values == ("" if answer.reason else "a",)
    assert " ".join(answer.forgiven) == FORMS[form].forgiven


@pytest.mark.parametrize("shape", TEXTS, ids=SHAPE_IDS)
@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if form.forgiven])
def test_fields_are_read_alike(shape, form):
    """
    Where nobody knows the codebook, what is JSON is found in the same way.
    """
    line = read_result_line(dialect_of(shape.provider), line_with(shape, FORMS[form].write(RIGHT)), TOKEN)
    reader = FieldReader()
    reader.add([read_result(line).content])
    found = reader.frame().row(0, named=True)
    if form == "thoughts-and-label":
        assert (found["is_object"], found["fault"]) == (False, "the answer is not JSON")
        return
    assert found["is_object"]
    # What a key or a value is called is the codebook's to say, and which object is meant.
    unknown = {"object-around", "key-spelling", "value-spelling"}
    assert set(found["forgiven"].split()) == set(FORMS[form].forgiven.split()) - unknown


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
@pytest.mark.parametrize("form", FORMS)
def test_one_call_without_a_batch_is_read_alike(provider, form):
    """
    So are the answers to rows that are tried.
    """
    text = FORMS[form].write(RIGHT)
    told: dict[str, dict[str, Any]] = {
        "anthropic": {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"},
        "gemini": {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]},
    }
    body = read_answer(dialect_of(provider), told[provider], "m")
    line = {"custom_id": "row-1", "response": {"status_code": 200, "body": body}, "error": None}
    assert read_result(json.dumps(line).encode()).content == text


@pytest.mark.parametrize("shape", TEXTS, ids=SHAPE_IDS)
def test_thoughts_that_come_apart_are_no_part_of_the_answer(shape):
    """
    What a provider gives as thoughts beside the answer never is, or joins, the answer.
    """
    line = json.loads(line_with(shape, RIGHT))
    if shape.provider == "anthropic":
        line["result"]["message"]["content"].insert(
            0, {"type": "thinking", "thinking": "hm", "signature": "s"}
        )
        line["result"]["message"]["content"].insert(1, {"type": "redacted_thinking", "data": "x"})
    elif shape.provider == "gemini":
        line["response"]["candidates"][0]["content"]["parts"].insert(0, {"text": "hm", "thought": True})
    elif shape.endpoint == "responses":
        thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}], "summary": []}
        line["response"]["body"]["output"].insert(0, thought)
    else:
        message = line["response"]["body"]["choices"][0]["message"]
        message["reasoning_content"] = message["reasoning"] = "hm"
        message["content"] = [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": RIGHT},
        ]
    found = read_result(read_result_line(dialect_of(shape.provider), json.dumps(line).encode(), TOKEN))
    assert (found.status, found.content) == ("ok", RIGHT)
