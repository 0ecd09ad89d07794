"""What other servers ignore, seen in the first answers of a batch."""

import json
import logging

import openai
import pytest

from end_to_end import wait_until
from rowbatch.server.chat_request import CHAT
from rowbatch.server.embeddings import EMBEDDINGS
from rowbatch.server.engine import EngineReply
from rowbatch.server.node import Upstream
from rowbatch.server.probes import Probe, what_is_ignored
from rowbatch.server.responses import RESPONSES
from rowbatch.server.upstream import UpstreamEngine
from serving import running_server
from upstreams import MODEL, Said, echo, fake_upstream, said

SCHEMA = {
    "type": "object",
    "properties": {"mood": {"enum": ["good", "bad"]}},
    "required": ["mood"],
}
FORM = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}


def answered(text="x", tokens=2, finish="stop", **more):
    choice = {"message": {"content": text}, "finish_reason": finish, **more}
    return {"choices": [choice], "usage": {"completion_tokens": tokens}}


def response(text="x", tokens=2):
    part = {"type": "output_text", "text": text}
    return {"output": [{"type": "message", "content": [part]}], "usage": {"output_tokens": tokens}}


@pytest.mark.parametrize(
    ("body", "answer", "ignored"),
    [
        ({}, answered(), []),
        ({"response_format": FORM}, answered('{"mood": "good"}'), []),
        ({"response_format": FORM}, answered("good"), ["response_format"]),
        ({"response_format": FORM}, answered('{"mood": "fine"}'), ["response_format"]),
        ({"response_format": FORM}, answered("{}"), ["response_format"]),
        ({"response_format": FORM}, answered("[1]"), ["response_format"]),
        ({"response_format": FORM}, answered('{"mood', finish="length"), []),
        ({"response_format": {"type": "json_object"}}, answered("good"), ["response_format"]),
        ({"response_format": {"type": "text"}}, answered("good"), []),
        ({"max_completion_tokens": 5}, answered(tokens=6), []),
        ({"max_completion_tokens": 5}, answered(tokens=9), ["max_tokens"]),
        ({"max_tokens": 5}, answered(tokens=5, finish="length"), []),
        ({"stop": "."}, answered("a. b"), ["stop"]),
        ({"stop": ["\n"]}, answered("a. b"), []),
        ({"logprobs": True}, answered(), ["logprobs"]),
        ({"logprobs": True}, answered(logprobs={"content": [{}]}), []),
        ({"n": 2}, answered(), ["n"]),
        ({}, answered(""), ["content"]),
        ({}, answered("", finish="length"), []),
        ({"response_format": FORM}, answered(None, message={"refusal": "no"}), []),
        ({"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}, response("x"), ["response_format"]),
        ({"max_output_tokens": 16}, response(tokens=99), ["max_tokens"]),
        ({}, {"choices": "odd", "usage": []}, ["content"]),
    ],
)
def test_what_is_ignored(body, answer, ignored):
    """
    Only what an answer proves: one that was cut, or refuses, proves nothing.
    """
    assert what_is_ignored(body, answer) == ignored


def test_a_probe_waits_for_three_rows_and_no_more():
    """
    Then the others may be asked; where nothing can be ignored none waits, nor of embeddings.
    """
    body = {"response_format": FORM, "messages": [{"role": "user", "content": "x"}]}
    probe = Probe(CHAT.url)
    for _ in range(3):
        assert not probe.is_full
        probe.asks(body)
    assert probe.is_full
    assert probe.learn(body, EngineReply(200, answered("good")))
    fitted = probe.fitted(body)
    assert fitted["messages"][0]["role"] == "system"
    assert json.dumps(SCHEMA) in fitted["messages"][0]["content"]
    assert not probe.learn(fitted, EngineReply(200, answered('{"mood": "bad"}')))
    assert not probe.learn(fitted, EngineReply(500, {}))
    assert probe.is_over()
    assert probe.report["ignored_by_server"] == ["response_format"]
    for url, asked in ((CHAT.url, {"messages": []}), (EMBEDDINGS.url, {"n": 2})):
        needless = Probe(url)
        needless.asks(asked)
        assert needless.is_over()


def done_batch(folder, answer, bodies):
    """A batch of chats at our server, before one that answers so: the batch, its results, and that server."""
    lines = "".join(
        json.dumps({"custom_id": f"r{n}", "method": "POST", "url": CHAT.url, "body": body}) + "\n"
        for n, body in enumerate(bodies)
    )
    with fake_upstream(answer) as upstream:
        engine = UpstreamEngine([Upstream(upstream.base_url)])
        with (
            running_server(folder / "home", engine) as server,
            openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client,
        ):
            file = client.files.create(file=("a.jsonl", lines.encode()), purpose="batch")
            batch = client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
            wait_until(lambda: client.batches.retrieve(batch.id).status == "completed")
            done = client.batches.retrieve(batch.id)
            files = [
                client.files.content(one).text for one in (done.output_file_id, done.error_file_id) if one
            ]
    results = [json.loads(line) for text in files for line in text.splitlines()]
    return done.model_dump(), results, upstream


def test_a_batch_on_a_server_that_ignores_the_schema(tmp_path, caplog):
    """
    The first answers show it; then the schema stands in the prompt of every row, those first ones are asked
    again, and the batch and the log say so. A limit that is ignored is given under its older name too.
    """

    def answer(body):
        if "JSON schema" not in str(body["messages"][0]["content"]):
            return said("I think it is good")
        limited = said('{"mood": "good"}')
        limited.body["usage"]["completion_tokens"] = 5 if "max_tokens" in body else 50
        return limited

    bodies = [
        {
            "model": MODEL,
            "messages": [{"role": "system", "content": "Code."}, {"role": "user", "content": f"text {n}"}],
            "response_format": FORM,
            "max_completion_tokens": 20,
        }
        for n in range(25)
    ]
    with caplog.at_level(logging.WARNING):
        batch, results, upstream = done_batch(tmp_path, answer, bodies)
    contents = [one["response"]["body"]["choices"][0]["message"]["content"] for one in results]
    assert contents == ['{"mood": "good"}'] * 25
    assert len(upstream.calls) <= 25 + 3 + 3
    told = batch["rowbatch"]
    assert told["mended"] == told["ignored_by_server"] == ["response_format", "max_tokens"]
    assert any("the schema is put into the prompt" in record.getMessage() for record in caplog.records)
    last = next(call for call in reversed(upstream.calls))
    assert last["max_tokens"] == 20
    assert last["messages"][0]["content"].startswith("Code.")


def refusal(message, status=400, **more):
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None, **more}
    return Said(status, {"error": error})


def like_deepseek(body):
    """Any object, where the prompt has the word; no schema."""
    form = body.get("response_format", {"type": "text"})
    if form["type"] == "json_schema":
        return refusal("This response_format type is unavailable now")
    if form["type"] == "json_object" and "json" not in str(body["messages"]).lower():
        return refusal("Prompt must contain the word 'json' in some form to use 'response_format'")
    return said('{"mood": "good"}')


def like_llama_cpp_python(body):
    """A schema beside `json_object`."""
    form = body.get("response_format", {"type": "text"})
    if form["type"] not in ("text", "json_object"):
        place = ["body", "response_format", "type"]
        detail = [{"type": "literal_error", "loc": place, "msg": "Input should be 'text' or 'json_object'"}]
        return Said(422, {"detail": detail})
    return said('{"mood": "good"}' if form.get("schema") == SCHEMA else "It is good.")


def without_forms(body):
    """No form at all."""
    if "response_format" in body:
        return Said(400, {"message": "response_format is not supported by this model"})
    return said('{"mood": "good"}' if json.dumps(SCHEMA) in str(body["messages"][0]["content"]) else "Good.")


def with_schemas_of_its_own(body):
    """It knows schemas, and this is none to it."""
    if body.get("response_format", {}).get("type") == "json_schema":
        return refusal(
            "Invalid schema for response_format 'a': 'enum' is not permitted.", param="response_format"
        )
    return said('{"mood": "good"}')


@pytest.mark.parametrize(
    ("answer", "last_form", "most_calls"),
    [
        (like_deepseek, {"type": "json_object", "schema": SCHEMA}, 25 + 3),
        (like_llama_cpp_python, {"type": "json_object", "schema": SCHEMA}, 25 + 3),
        (without_forms, None, 25 + 6),
        (with_schemas_of_its_own, FORM, 25),
    ],
)
def test_a_batch_on_a_server_that_refuses_the_schema(tmp_path, answer, last_form, most_calls):
    """
    A weaker form is asked for, with the schema in the prompt, and the batch says so: no row is lost. A schema
    that is no good to a server that knows them is refused as it is.
    """
    asked = {"messages": [{"role": "user", "content": "text"}], "response_format": FORM}
    batch, results, upstream = done_batch(tmp_path, answer, [{"model": MODEL, **asked} for _ in range(25)])
    assert upstream.calls[-1].get("response_format") == last_form
    assert len(upstream.calls) <= most_calls
    if last_form is FORM:
        assert [one["response"]["status_code"] for one in results] == [400] * 25
        assert "rowbatch" not in batch
        return
    contents = [one["response"]["body"]["choices"][0]["message"]["content"] for one in results]
    assert contents == ['{"mood": "good"}'] * 25
    assert batch["rowbatch"]["ignored_by_server"] == batch["rowbatch"]["mended"] == ["json_schema"]
    assert "a weaker form is asked for" in batch["rowbatch"]["warnings"][0]


def test_responses_ask_for_a_weaker_form_too():
    """
    There it stands below `text`, whose other fields stay.
    """
    probe = Probe(RESPONSES.url)
    form = {"type": "json_schema", "name": "a", "schema": SCHEMA}
    body = {"input": "x", "text": {"format": form, "verbosity": "low"}}
    refused = EngineReply(400, {"error": {"message": "text.format: json_schema is not supported"}})
    probe.asks(body)
    assert probe.learn(body, refused)
    weaker = probe.fitted(body)
    assert weaker["text"] == {"verbosity": "low", "format": {"type": "json_object", "schema": SCHEMA}}
    assert json.dumps(SCHEMA) in weaker["instructions"]
    # One that was asked before that was known.
    assert probe.learn(body, refused)
    assert probe.fitted(body) == weaker
    assert probe.look(weaker, refused)
    assert probe.fitted(body)["text"] == {"verbosity": "low"}
    assert not probe.look(probe.fitted(body), refused)


def test_fields_of_other_servers_are_passed_on(tmp_path):
    """
    What a grammar is given by at vLLM, SGLang, llama.cpp and Ollama stays as it is, in a batch and at once.
    """
    fields = {
        **{"guided_json": SCHEMA, "structured_outputs": {"json": SCHEMA}, "regex": "good|bad"},
        **{"grammar": 'root ::= "good"', "json_schema": SCHEMA, "format": SCHEMA, "ebnf": "root ::= x"},
        **{"chat_template_kwargs": {"enable_thinking": False}, "top_k": 1, "cache_prompt": True},
    }
    body = {"model": MODEL, "messages": [{"role": "user", "content": "text"}], **fields}
    _, results, upstream = done_batch(tmp_path, echo, [body, body])
    assert len(results) == 2
    assert [call.keys() & fields.keys() for call in upstream.calls] == [fields.keys()] * 2
    assert all(call[name] == value for call in upstream.calls for name, value in fields.items())
