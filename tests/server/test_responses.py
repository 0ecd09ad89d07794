"""Responses, embeddings, completions and moderations: directly, in batches, and by rowbatch's own runs."""

import base64
import csv
import json
import struct
from typing import Any, Literal

import openai
import pydantic
import pytest

import rowbatch
from rowbatch.server import completions, embeddings, moderations
from rowbatch.server.endpoint import RefusedRequest
from rowbatch.server.node import Upstream
from rowbatch.server.responses import from_chat, to_chat
from rowbatch.server.upstream import UpstreamEngine
from serving import MODEL, ScriptedEngine, running_server, scripted_local_model
from upstreams import Said, fake_upstream


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"input": "x"}, {"messages": [{"role": "user", "content": "x"}]}, id="text"),
        pytest.param(
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}], "store": False},
            {"messages": [{"role": "user", "content": "a"}]},
            id="parts",
        ),
        pytest.param(
            {
                "input": [
                    {"type": "reasoning", "summary": []},
                    {
                        "type": "message",
                        "role": "user",
                        "content": [
                            {"type": "input_text", "text": "a"},
                            {"type": "input_image", "image_url": "https://x/a.png", "detail": "low"},
                        ],
                    },
                ]
            },
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "a"},
                            {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}},
                        ],
                    }
                ]
            },
            id="image",
        ),
        pytest.param(
            {
                "input": "x",
                "max_output_tokens": 9,
                "temperature": 0,
                "reasoning": {"effort": "low"},
                "include": ["message.output_text.logprobs"],
                "top_logprobs": 2,
                "text": {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": {}}},
            },
            {
                "messages": [{"role": "user", "content": "x"}],
                "max_completion_tokens": 9,
                "temperature": 0,
                "reasoning_effort": "low",
                "logprobs": True,
                "top_logprobs": 2,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "strict": True, "schema": {}},
                },
            },
            id="parameters",
        ),
    ],
)
def test_a_response_is_a_completion_in_other_words(body, expected):
    """
    Every field that both have, in its place.
    """
    assert to_chat({"model": "m", **body}) == {"model": "m", **expected}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": 1}, "input"),
        ({"input": [1]}, "input[0]"),
        ({"input": [{"type": "function_call_output"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "x", "background": True}, "background"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools"),
        ({"input": "x", "instructions": 1}, "instructions"),
        ({"input": "x", "text": "json"}, "text"),
        ({"input": "x", "text": {"format": "json"}}, "text.format"),
        ({"input": "x", "include": "logprobs"}, "include"),
    ],
)
def test_a_response_that_can_not_be_given_is_refused(body, param):
    """
    What needs a memory, tools or files, and what is malformed: with the field that is at fault.
    """
    with pytest.raises(RefusedRequest) as caught:
        to_chat({"model": "m", **body})
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("entry", "status", "reason"),
    [
        ({"message": {"content": "a"}, "finish_reason": "stop"}, "completed", None),
        ({"message": {"content": "a"}, "finish_reason": "length"}, "incomplete", "max_output_tokens"),
        ({"message": {"content": None}, "finish_reason": "content_filter"}, "incomplete", "content_filter"),
        ({"message": {"refusal": "no"}, "finish_reason": "stop"}, "completed", None),
    ],
)
def test_the_end_of_a_response(entry, status, reason):
    """
    What was cut is incomplete, and says why; a refusal is one.
    """
    found = from_chat({"choices": [entry]}, {"model": "m", "input": "x"})
    assert (found["status"], (found["incomplete_details"] or {}).get("reason")) == (status, reason)
    assert found["output"][0]["content"][0]["type"] == (
        "refusal" if "refusal" in entry["message"] else "output_text"
    )


class Mood(pydantic.BaseModel):
    mood: Literal["good", "bad"]


def test_the_client_of_openai(tmp_path):
    """
    Responses, parsed ones too, embeddings as base64 and as numbers, and names of models with a slash.
    """
    engine = ScriptedEngine(models=(MODEL, "org/model"))
    with (
        running_server(tmp_path, engine) as server,
        openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client,
    ):
        assert client.responses.create(model=MODEL, input="hello").output_text == "hello"
        parsed = client.responses.parse(model=MODEL, input="hello", text_format=Mood).output_parsed
        assert parsed is not None
        assert parsed.mood in ("good", "bad")
        # Where nothing is said the client asks for base64.
        forms: tuple[Any, ...] = (openai.omit, "float")
        for form in forms:
            made = client.embeddings.create(model="org/model", input=["a", "bcd"], encoding_format=form)
            assert [one.embedding for one in made.data] == [[1.0, 1.0], [3.0, 1.0]]
        assert client.models.retrieve("org/model").id == "org/model"
        assert client.models.with_raw_response.list().http_response.json()["data"][1]["id"] == "org/model"
        listed = client._client.get(f"{server.base_url}/models/", headers=client.auth_headers)
        assert [one["id"] for one in listed.json()["data"]] == [MODEL, "org/model"]
        with pytest.raises(openai.NotFoundError, match=f"This server has: {MODEL}, org/model") as caught:
            client.responses.create(model="gpt", input="x")
        assert caught.value.code == "model_not_found"


def test_they_are_passed_on(tmp_path):
    """
    To the address that another server has for each; moderations need no model.
    """
    said = {"id": "x", "object": "list", "data": [], "results": [], "choices": [], "output": []}
    with fake_upstream(lambda _: Said(body=said)) as upstream:
        engine = UpstreamEngine([Upstream(upstream.base_url)])
        with (
            running_server(tmp_path, engine) as server,
            openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client,
        ):
            client.embeddings.create(model="llama", input="x", encoding_format="float")
            client.completions.create(model="llama", prompt="x")
            client.responses.create(model="llama", input="x")
            client.moderations.create(input="x")
        assert upstream.paths == [
            "/v1/embeddings",
            "/v1/completions",
            "/v1/responses",
            "/v1/moderations",
        ]


@pytest.mark.parametrize("endpoint", ["responses", "embeddings"])
def test_a_run_by_another_endpoint(tmp_path, monkeypatch, endpoint):
    """
    Our own server answers our own runs, to the labelled table.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROWBATCH_HOME", str(tmp_path / "home"))
    with (tmp_path / "posts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], [1, "one"], [2, "three"], [3, "seven"]])
    question: dict[str, Any] = (
        {"labels": ["good", "bad"], "prompt": "How?"} if endpoint == "responses" else {}
    )
    with scripted_local_model(tmp_path / "server"):
        run = rowbatch.create("posts.csv", text="text", endpoint=endpoint, output="out.csv", **question)
        run.resume()
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["ok"] * 3
    if endpoint == "responses":
        assert {row["label"] for row in rows} <= {"good", "bad"}
    else:
        assert [json.loads(row["embedding"])[0] for row in rows] == [3.0, 5.0, 5.0]


class Vectors:
    def embed(self, text):
        return [0.5, -1.0], len(text)


@pytest.mark.parametrize(
    ("given", "count"),
    [("abc", 1), (["a", "bc"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2)],
)
def test_embeddings_of_whatever_is_given(given, count):
    """
    A text, several, tokens; each is a vector of its own, and tokens are counted.
    """
    found = embeddings.answer(Vectors(), {"input": given, "encoding_format": "base64"})
    assert len(found["data"]) == count
    assert struct.unpack("<2f", base64.b64decode(found["data"][0]["embedding"])) == (0.5, -1.0)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input[0]"),
        ({"input": []}, "input"),
        ({"input": ["a", 1]}, "input[1]"),
        ({"input": "half \ud800"}, "input[0]"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "dimensions": 64}, "dimensions"),
    ],
)
def test_embeddings_that_can_not_be_given(body, param):
    """
    With the field that is at fault.
    """
    with pytest.raises(RefusedRequest) as caught:
        embeddings.answer(Vectors(), body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": "a", "n": 2}, "n"),
        ({"prompt": "a", "logprobs": 1}, "logprobs"),
        ({"prompt": "a", "suffix": "b"}, "suffix"),
        ({"prompt": "a", "temperature": 3}, "temperature"),
    ],
)
def test_completions_that_can_not_be_given(body, param):
    """
    With the field that is at fault. Nothing is left out in silence.
    """
    model: Any = None
    with pytest.raises(RefusedRequest) as caught:
        completions.answer(model, body)
    assert caught.value.param == param


def test_the_local_model_judges_nothing():
    """
    Moderations are refused, with the way out.
    """
    with pytest.raises(RefusedRequest, match="--upstream"):
        moderations.answer(None, {"input": "x"})
