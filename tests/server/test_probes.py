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
from rowbatch.server.upstream import UpstreamEngine
from serving import running_server
from upstreams import MODEL, fake_upstream, said

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
    lines = "".join(
        json.dumps({"custom_id": f"r{n}", "method": "POST", "url": CHAT.url, "body": body}) + "\n"
        for n, body in enumerate(bodies)
    )
    with fake_upstream(answer) as upstream, caplog.at_level(logging.WARNING):
        engine = UpstreamEngine([Upstream(upstream.base_url)])
        with (
            running_server(tmp_path / "home", engine) as server,
            openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client,
        ):
            file = client.files.create(file=("a.jsonl", lines.encode()), purpose="batch")
            batch = client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
            wait_until(lambda: client.batches.retrieve(batch.id).status == "completed")
            done = client.batches.retrieve(batch.id)
            assert done.output_file_id is not None
            results = [
                json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()
            ]
    contents = [one["response"]["body"]["choices"][0]["message"]["content"] for one in results]
    assert contents == ['{"mood": "good"}'] * 25
    assert len(upstream.calls) <= 25 + 3 + 3
    told = done.model_dump()["rowbatch"]
    assert told["mended"] == told["ignored_by_server"] == ["response_format", "max_tokens"]
    assert any("the schema is put into the prompt" in record.getMessage() for record in caplog.records)
    last = next(call for call in reversed(upstream.calls))
    assert last["max_tokens"] == 20
    assert last["messages"][0]["content"].startswith("Code.")
