"""Lines of a result file that are not as the provider says, as each dialect reads them."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from fake_providers import FakeProvider
from odd_results import ANYTHING, FORMS, SHAPES, places, put
from rowbatch.core.result import UnreadableLine, read_result
from rowbatch.errors import ServiceError
from rowbatch.http import HttpClient
from rowbatch.providers.base import Dialect
from rowbatch.providers.catalog import find_provider
from rowbatch.providers.clients import client_for
from rowbatch.providers.dialect_net import read_answer, read_result_line
from rowbatch.providers.messages import AnotherBatch, marked_id

TOKEN = "0123456789abcdef-r1-0001"
BODIES = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "responses": {"model": "m", "input": "x", "max_output_tokens": 20},
    "embeddings": {"model": "m", "input": "x"},
}
SHAPE_IDS = [f"{shape.provider}-{shape.endpoint}" for shape in SHAPES]


def dialect_of(provider) -> Dialect:
    with HttpClient("http://127.0.0.1:9/v1") as http:
        return client_for(find_provider(provider), http).dialect


def good_line(shape) -> bytes:
    skin = shape.provider if shape.provider in ("anthropic", "gemini", "mistral") else "openai"
    line = {"custom_id": "row-7", "wire": marked_id("row-7", TOKEN), "body": BODIES[shape.endpoint]}
    return FakeProvider(skin).skin.answered(line, "positive").rstrip(b"\n")


@pytest.mark.parametrize("shape", SHAPES, ids=SHAPE_IDS)
def test_a_good_line_is_an_answer(shape):
    """
    What the forms are made of is an answer, in every dialect and at every endpoint.
    """
    found = read_result(read_result_line(dialect_of(shape.provider), good_line(shape), TOKEN))
    assert (found.custom_id, found.status) == ("row-7", "ok")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES, ids=SHAPE_IDS)
def test_a_line_of_an_odd_form_is_no_answer_and_no_traceback(shape, form):
    """
    JSON that is no result is unreadable, or a row that failed in words, in every dialect alike.
    """
    line = FORMS[form](good_line(shape) + b"\n", shape).rstrip(b"\n")
    try:
        found = read_result(read_result_line(dialect_of(shape.provider), line, TOKEN))
    except UnreadableLine:
        return
    if (shape.endpoint, form) == ("embeddings", "text-a-list"):
        # Its numbers are looked at when they are wanted.
        assert found.content == ""
        return
    assert found.status != "ok"
    assert found.reason


@pytest.mark.parametrize("shape", SHAPES, ids=SHAPE_IDS)
def test_anything_may_stand_anywhere(shape):
    """
    Whatever stands in place of any value of a line, the line is a result, unreadable, or of another batch.
    """
    dialect, good = dialect_of(shape.provider), good_line(shape)
    for path in places(json.loads(good)):
        for value in ANYTHING:
            line = put(good, path, value).rstrip(b"\n")
            try:
                found = read_result(read_result_line(dialect, line, TOKEN))
            except (UnreadableLine, AnotherBatch):
                continue
            for text in (found.content, found.reason, found.model):
                text.encode()
            assert found.status != "ok" or found.content in ("positive", "", "x", "\ufffd", "?")


@pytest.mark.parametrize("shape", SHAPES, ids=SHAPE_IDS)
def test_the_dialects_need_no_wide_net(shape):
    """
    A dialect itself says of every odd line that it is one: the net hides no fault of a dialect.
    """
    dialect, good = dialect_of(shape.provider), good_line(shape)
    lines = [put(good, path, value) for path in places(json.loads(good)) for value in ANYTHING]
    lines += [form(good + b"\n", shape) for form in FORMS.values()]
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            dialect.result_line(line.rstrip(b"\n"), TOKEN)


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
def test_an_odd_answer_to_one_call_is_said(provider):
    """
    An answer without a batch that is none is an error of the service, and no traceback.
    """
    odd: dict[str, list[dict[str, Any]]] = {
        "anthropic": [{}, {"content": 7}, {"content": [7]}, {"content": [], "usage": 1}],
        "gemini": [{"candidates": 7}, {"candidates": [7]}, {"candidates": [{"content": []}]}],
    }
    for answer in odd[provider]:
        with pytest.raises(ServiceError, match="cannot be read"):
            read_answer(dialect_of(provider), answer, "m")


class Careless:
    """A dialect that a line makes stumble."""

    is_openai = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def request_line(self, line: bytes, token: str, *, marks_cache: bool = False) -> bytes:
        return line

    def result_line(self, line: bytes, token: str) -> bytes:
        raise self._error

    def direct_request(self, url, body):
        return url, body

    def direct_answer(self, answer, model):
        raise self._error


SHAPE_FAULTS = [KeyError("key"), IndexError(), TypeError("x"), AttributeError("x"), OverflowError("x")]


@pytest.mark.parametrize("error", [*SHAPE_FAULTS, RecursionError(), ValueError("x")], ids=repr)
def test_the_net_is_under_every_dialect(error):
    """
    Also a dialect that looks at nothing costs a line, and not the run.
    """
    with pytest.raises(UnreadableLine, match=r"\w"):
        read_result_line(Careless(error), b"{}", TOKEN)
    with pytest.raises(ServiceError, match="cannot be read"):
        read_answer(Careless(error), {}, "m")


@pytest.mark.parametrize("error", [NameError("x"), AssertionError(), OSError(), MemoryError(), ImportError()])
def test_the_net_lets_faults_pass_that_no_line_can_cause(error):
    """
    What cannot come from a line is a fault of ours or of the machine, and is not hidden.
    """
    with pytest.raises(type(error)):
        read_result_line(Careless(error), b"{}", TOKEN)
    with pytest.raises(type(error)):
        read_answer(Careless(error), {}, "m")
