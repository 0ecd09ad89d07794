"""What other servers ignore, seen in the first answers of a batch."""

import json
import logging

import openai
import pytest

from end_to_end import wait_until
from rowbatch.errors import StorageError
from rowbatch.server.chat_request import CHAT
from rowbatch.server.embeddings import EMBEDDINGS
from rowbatch.server.engine import EngineReply
from rowbatch.server.habits import KNOWN_FOR_S
from rowbatch.server.node import Upstream
from rowbatch.server.probes import Probe, fitted, what_is_ignored
from rowbatch.server.storage import Storage
from rowbatch.server.upstream import UpstreamEngine
from serving import Clock, ask, running_server
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
    better = fitted(body, probe.mended)
    assert better["messages"][0]["role"] == "system"
    assert json.dumps(SCHEMA) in better["messages"][0]["content"]
    # One that has it in its prompt, and does not fit all the same: asking again is no gain.
    assert not probe.look(better, EngineReply(200, answered("bad")), probe.mended)
    assert not probe.learn(better, EngineReply(200, answered('{"mood": "bad"}')), probe.mended)
    assert not probe.learn(better, EngineReply(500, {}), probe.mended)
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


def by_door(folder, answer, doors, *, form=FORM):
    """What clients of our server get by each of these doors, before one that answers so; and that server."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "text"}], "response_format": form}
    got = {}
    with fake_upstream(answer) as upstream:
        engine = UpstreamEngine([Upstream(upstream.base_url)])
        with (
            running_server(folder / "home", engine) as server,
            openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client,
        ):
            for door in doors:
                before = len(upstream.calls)
                if door == "batch":
                    line = {"custom_id": "r", "method": "POST", "url": CHAT.url, "body": body}
                    file = client.files.create(file=json.dumps(line).encode(), purpose="batch")
                    made = client.batches.create(
                        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
                    )
                    wait_until(lambda made=made: client.batches.retrieve(made.id).status == "completed")
                    done = client.batches.retrieve(made.id)
                    text = client.files.content(str(done.output_file_id or done.error_file_id)).text
                    told, said_of_it = json.loads(text)["response"]["body"], done.model_dump().get("rowbatch")
                else:
                    _, _, told = ask(server, "POST", CHAT.url, {**body, "stream": door == "stream"})
                    said_of_it = None
                got[door] = told, said_of_it, len(upstream.calls) - before
            _, _, health = ask(server, "GET", "/health")
    return got, health, upstream


def test_one_row_by_any_door_on_a_server_that_refuses_the_schema(tmp_path):
    """
    A batch of one row, a call and a stream are asked otherwise as a long batch is: the refusal is not billed,
    and after the first one nothing is refused any more. The batch and `/health` say so.
    """
    doors = ("call", "stream", "batch")
    for first in range(3):
        order = doors[first:] + doors[:first]
        got, health, upstream = by_door(tmp_path / str(first), like_deepseek, order)
        assert [got[door][2] for door in order] == [2, 1, 1]
        for door in ("call", "batch"):
            assert got[door][0]["choices"][0]["message"]["content"] == '{"mood": "good"}'
        assert b"mood" in got["stream"][0]
        assert got["batch"][1]["mended"] == got["batch"][1]["ignored_by_server"] == ["json_schema"]
        assert "a weaker form is asked for" in health["ignored_by_upstream"][MODEL][0]
        assert upstream.calls[-1]["response_format"] == {"type": "json_object", "schema": SCHEMA}


def test_one_row_on_a_server_that_refuses_all_forms_or_another_thing(tmp_path):
    """
    With no form at all, where that is what helps; what is refused for another reason is asked once, and any
    object is what its maker asked for.
    """
    got, _, upstream = by_door(tmp_path / "none", without_forms, ("call", "batch"))
    assert [got[door][2] for door in ("call", "batch")] == [3, 1]
    assert got["batch"][0]["choices"][0]["message"]["content"] == '{"mood": "good"}'
    assert "response_format" not in upstream.calls[-1]
    got, _, upstream = by_door(tmp_path / "own", with_schemas_of_its_own, ("call", "batch"))
    assert [got[door][2] for door in ("call", "batch")] == [1, 1]
    assert "Invalid schema" in got["call"][0]["error"]["message"]
    any_object = {"type": "json_object"}
    got, health, upstream = by_door(tmp_path / "any", without_forms, ("call", "batch"), form=any_object)
    assert [call["response_format"] for call in upstream.calls] == [any_object] * 2
    assert health["ignored_by_upstream"] == {}


def test_a_refusal_that_quotes_the_form_changes_no_other_row(tmp_path):
    """
    A filter may quote a text that has the name of the form in it: this row fails, all others are asked as
    they were written, and nobody is told that schemas are refused.
    """

    def answer(body):
        if body["messages"][-1]["content"] == "text 0":
            return refusal("not allowed: 'is json_schema better than XML?'")
        return said('{"mood": "good"}')

    bodies = [
        {"model": MODEL, "messages": [{"role": "user", "content": f"text {row}"}], "response_format": FORM}
        for row in range(25)
    ]
    batch, results, upstream = done_batch(tmp_path, answer, bodies)
    assert sorted(one["response"]["status_code"] for one in results) == [*[200] * 24, 400]
    others = [call for call in upstream.calls if call["messages"][-1]["content"] != "text 0"]
    assert [call["response_format"] for call in others] == [FORM] * 24
    assert len(upstream.calls) <= 24 + 3
    assert "rowbatch" not in batch


def test_a_schema_that_is_refused_is_no_reason_against_another(tmp_path):
    """
    Servers refuse some schemas alone, and whose that is concerns nobody else.
    """

    def no_patterns(body):
        if "pattern" in json.dumps(body.get("response_format")):
            return refusal("response_format: this server compiles no 'pattern'")
        return said('{"mood": "good"}')

    odd = {"properties": {"mood": {"type": "string", "pattern": "^a"}}}
    forms = [{"type": "json_schema", "json_schema": {"name": "a", "schema": one}} for one in (odd, SCHEMA)]
    with fake_upstream(no_patterns) as upstream:
        engine = UpstreamEngine([Upstream(upstream.base_url)])
        with running_server(tmp_path, engine) as server:
            for form in (*forms, *forms):
                body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
                status, _, _ = ask(server, "POST", CHAT.url, {**body, "response_format": form})
                assert status == 200
    plain = [call.get("response_format", {}).get("type") for call in upstream.calls]
    assert plain == ["json_schema", "json_object", None, "json_schema", None, "json_schema"]
    assert upstream.calls[-1]["response_format"] == forms[1]


def test_what_is_known_of_a_server_outlives_ours(tmp_path):
    """
    After a restart `/health` and `/readyz` say it without a new batch, and a call and a short batch are asked
    in the way that helps. Of another address or model, and after a week, nothing is known; and what a later
    batch shows to be over is.
    """
    clock = Clock()
    heeds = False

    def answer(body):
        is_told = "JSON schema" in str(body["messages"][0]["content"])
        return said('{"mood": "good"}' if is_told or heeds else "It is good.")

    body = {"model": MODEL, "messages": [{"role": "user", "content": "text"}], "response_format": FORM}

    def told(server):
        _, _, health = ask(server, "GET", "/health")
        _, _, ready = ask(server, "GET", "/readyz", authorization="")
        return health["ignored_by_upstream"], health["ignored_seen_at"], ready.get("ignored_by_upstream")

    def long_batch(server):
        lines = [{"custom_id": f"r{n}", "method": "POST", "url": CHAT.url, "body": body} for n in range(25)]
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        with openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client:
            file = client.files.create(file=content, purpose="batch")
            made = client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
            wait_until(lambda: client.batches.retrieve(made.id).status == "completed")

    def server_of(upstream, **options):
        engine = UpstreamEngine([Upstream(upstream.base_url)], **options)
        return running_server(tmp_path, engine, clock=clock)

    with fake_upstream(answer) as upstream, fake_upstream(answer) as other:
        with server_of(upstream) as server:
            assert told(server) == ({}, {}, None)
            long_batch(server)
            seen_at = int(clock.now)
        clock.now += 3600
        with server_of(upstream) as server:
            words, dates, names = told(server)
            assert "the schema is put into the prompt" in words[MODEL][0]
            assert (dates, names) == ({MODEL: seen_at}, ["response_format"])
            _, _, completion = ask(server, "POST", CHAT.url, body)
            assert completion["choices"][0]["message"]["content"] == '{"mood": "good"}'
            _, _, unknown = ask(server, "POST", CHAT.url, {**body, "model": "another"})
            assert unknown["error"]["code"] == "model_not_found"
        with server_of(other) as server:
            assert told(server) == ({}, {}, None)
        clock.now += KNOWN_FOR_S
        with server_of(upstream) as server:
            assert told(server) == ({}, {}, None)
            long_batch(server)
            assert told(server)[2] == ["response_format"]
            heeds = True
            long_batch(server)
            assert told(server) == ({}, {}, None)
        with server_of(upstream) as server:
            assert told(server) == ({}, {}, None)


def test_an_answer_is_not_lost_where_the_disk_does_not_take_what_was_seen(tmp_path, monkeypatch):
    """
    What is said beside a batch can wait; the row has its answer.
    """
    real = Storage.update_batch

    def full(self, batch_id, **changes):
        if "_ignored" in changes:
            raise StorageError("disk-full", path="x")
        return real(self, batch_id, **changes)

    def refuses(self, behind, model, habits):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Storage, "update_batch", full)
    monkeypatch.setattr(Storage, "keep_habits", refuses)
    bodies = [{"model": MODEL, "messages": [{"role": "user", "content": "x"}], "response_format": FORM}] * 25
    batch, results, _ = done_batch(tmp_path, like_deepseek, bodies)
    assert [one["response"]["status_code"] for one in results] == [200] * 25
    assert "rowbatch" not in batch


def test_odd_bodies_at_a_server_that_refuses_forms(tmp_path):
    """
    What is no request is refused by who is asked, whatever is known of it.
    """
    body = {"model": MODEL, "messages": [{"role": "user", "content": "text"}], "response_format": FORM}

    def answer(asked):
        return like_deepseek(asked) if isinstance(asked.get("messages"), list) else refusal("no messages")

    with fake_upstream(answer) as upstream:
        engine = UpstreamEngine([Upstream(upstream.base_url)])
        with running_server(tmp_path, engine) as server:
            assert ask(server, "POST", CHAT.url, body)[0] == 200
            odd_ones: tuple[object, ...] = (5, None, "x", {})
            for odd in odd_ones:
                assert ask(server, "POST", CHAT.url, {**body, "messages": odd})[0] == 400


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
