"""Answers that come bit by bit: what another server streams, through ours, with the `openai` client."""

import json
import socket
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import openai
import pytest

from end_to_end import wait_until
from loops import run_alone
from rowbatch.server import streaming
from rowbatch.server.chat_request import CHAT
from rowbatch.server.node import Upstream
from rowbatch.server.responses import RESPONSES
from rowbatch.server.upstream import UpstreamEngine
from serving import KEY, ScriptedEngine, running_server
from upstreams import MODEL, Said, fake_upstream, said

MESSAGES = [{"role": "user", "content": "x"}]
DONE = b"data: [DONE]\n\n"


def chunk(text, finish=None, **more):
    """A chunk of a completion, as vLLM writes it."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    document = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return b"data: " + json.dumps({**document, "choices": [choice], **more}).encode() + b"\n\n"


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
LAST = chunk("", "stop", usage=USAGE)


@contextmanager
def in_front_of(answer, folder, **options):
    """Our server before one that says this, and the client of OpenAI."""
    with fake_upstream(answer) as upstream:
        engine = UpstreamEngine([Upstream(upstream.base_url)], **options)
        with (
            running_server(folder / "home", engine) as server,
            openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as client,
        ):
            yield upstream, engine, client


def chat(client):
    return client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)


def in_flight(engine):
    return engine.details["upstreams"][0]["in_flight"]


def test_what_is_streamed_comes_at_once_and_as_it_is(tmp_path):
    """
    The first word is here while the other server still writes; bytes that are no whole event wait for its
    rest; what goes out and what comes back is not changed; and the slot is free again.
    """
    blocks = (b": comment\n\n", chunk("one"), None, chunk("two")[:20], chunk("two")[20:], LAST, DONE)
    with in_front_of(lambda _: Said(events=blocks), tmp_path) as (upstream, engine, client):
        raw = client.chat.completions.with_streaming_response.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        with raw as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            found = response.iter_bytes()
            first = next(found)
            while chunk("one") not in first:
                first += next(found)
            assert in_flight(engine) == 1
            upstream.may_go_on.set()
            assert first + b"".join(found) == b"".join(filter(None, blocks))
        assert upstream.calls[0]["stream_options"] == {"include_usage": True}
        wait_until(lambda: in_flight(engine) == 0)
        texts = [one.choices[0].delta.content for one in chat(client)]
        assert texts == ["one", "two", ""]


@pytest.mark.parametrize(
    "said_",
    [
        pytest.param(Said(events=(chunk("one"), chunk("two")[:15]), breaks=True), id="cut"),
        pytest.param(Said(events=(chunk("one"), None)), id="slow"),
    ],
)
def test_a_stream_that_breaks_off_is_told(tmp_path, said_, request):
    """
    What came is there, half an event is not, and then the client raises: the answer isn't taken for a short
    one.
    """
    options = {"limit_s": 0.5} if "slow" in request.node.name else {}
    with in_front_of(lambda _: said_, tmp_path, **options) as (_, engine, client):
        texts: list[str | None] = []
        with pytest.raises(openai.APIError, match=r"broke off|did not end"):
            texts.extend(one.choices[0].delta.content for one in chat(client))
        assert not texts or texts == ["one"]
        wait_until(lambda: in_flight(engine) == 0)


def test_who_goes_away_frees_the_slot(tmp_path):
    """
    The other server is told, by the end of the connection, and the next one has the only slot.
    """
    with in_front_of(lambda _: Said(events=(chunk("one"), None)), tmp_path, slots=1) as found:
        upstream, engine, client = found
        for _ in range(3):
            with chat(client) as stream:
                assert next(stream).choices[0].delta.content == "one"
                assert in_flight(engine) == 1
        wait_until(lambda: in_flight(engine) == 0 and upstream.ended == 3)


def test_a_slow_reader_is_not_read_ahead_for(tmp_path):
    """
    Of 60 MB that another server has ready, little more than the buffers of sockets is taken from it.
    """
    block = chunk("x" * 60_000)
    with in_front_of(lambda _: Said(events=(block,) * 1000), tmp_path) as (upstream, engine, client):
        parts = urlsplit(str(client.base_url))
        body = json.dumps({"model": MODEL, "messages": MESSAGES, "stream": True}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((parts.hostname, parts.port)) as reader:
            reader.sendall(head.encode() + body)
            assert reader.recv(1000)
            before = -1
            while before != upstream.written:
                before = upstream.written
                time.sleep(0.2)
            assert 0 < upstream.written < 30_000_000
        wait_until(lambda: in_flight(engine) == 0)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(Said(400, {"error": {"message": "too long"}}), openai.BadRequestError, id="refused"),
        pytest.param(Said(422, {"detail": "no field"}), openai.UnprocessableEntityError, id="detail"),
        pytest.param(Said(500, b"it broke"), openai.InternalServerError, id="text"),
        pytest.param(Said(429, {"error": {"message": "busy"}}), openai.RateLimitError, id="busy"),
    ],
)
def test_what_is_refused_before_a_stream_begins_has_its_status(tmp_path, answer, error):
    """
    As without a stream, with the words of who refused.
    """
    words = "too long|no field|it broke|busy"
    with (
        in_front_of(lambda _: answer, tmp_path) as (_, engine, client),
        pytest.raises(error, match=words),
    ):
        chat(client)
    assert in_flight(engine) == 0


@pytest.mark.parametrize(
    "body",
    [
        {"choices": "none"},
        {"choices": [{"message": 1}, 2], "usage": "many"},
        {"choices": [{"x": float("nan")}]},
    ],
    ids=["no-list", "no-objects", "no-json"],
)
def test_an_odd_answer_breaks_nothing(tmp_path, body):
    """
    Whatever another server says in place of a stream, or of a response: there is no fault of ours.
    """

    def answer(asked):
        return Said(404, {}) if "input" in asked else Said(body=body)

    with in_front_of(answer, tmp_path) as (_, _engine, client):
        for path in ("/chat/completions", "/responses"):
            for stream in (True, False):
                asked = {"model": MODEL, "messages": MESSAGES, "stream": stream}
                asked = {"model": MODEL, "input": "x", "stream": stream} if "resp" in path else asked
                reply = client.with_options(max_retries=0)._client.post(
                    str(client.base_url) + path[1:], json=asked, headers=client.auth_headers
                )
                assert reply.status_code in (200, 502)


def test_a_server_that_does_not_stream_is_streamed_for(tmp_path):
    """
    Its whole answer comes as events.
    """
    with in_front_of(lambda _: said("all of it"), tmp_path) as (_, _engine, client):
        events = list(
            client.chat.completions.create(
                model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
            )
        )
    assert "".join(one.choices[0].delta.content or "" for one in events if one.choices) == "all of it"
    assert [one.choices[0].finish_reason for one in events if one.choices] == [None, "stop"]
    assert events[-1].usage.total_tokens == 5


def test_responses_of_a_server_that_has_chat_only(tmp_path):
    """
    It is asked in the form that it knows once it said that it lacks the other; streams have all events.
    """

    def answer(body):
        if "input" in body:
            return Said(404, {"detail": "Not Found"})
        if body.get("stream"):
            return Said(events=(chunk("one "), chunk("two"), LAST, DONE))
        return said("one two")

    with in_front_of(answer, tmp_path) as (upstream, _, client):
        asked = {"model": MODEL, "input": "x", "instructions": "Be short.", "max_output_tokens": 20}
        first = client.responses.create(**asked)
        assert (first.output_text, first.status, first.usage.input_tokens) == ("one two", "completed", 3)
        events = list(client.responses.create(**asked, stream=True))
        assert [one.type.removeprefix("response.") for one in events] == [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
        assert [one.sequence_number for one in events] == list(range(10))
        assert events[-1].response.output_text == "one two"
        assert len(upstream.calls) == 3
        assert upstream.calls[1]["messages"][0] == {"role": "system", "content": "Be short."}
        assert upstream.calls[1]["max_completion_tokens"] == 20
        with client.responses.stream(model=MODEL, input="x") as stream:
            assert stream.get_final_response().output_text == "one two"


def test_a_stream_of_responses_is_passed_on(tmp_path):
    """
    Events with names, and no `[DONE]`; one that breaks off raises.
    """
    event = {"type": "response.output_text.delta", "delta": "a", "sequence_number": 0}
    named = streaming.event_line(RESPONSES, event)
    with in_front_of(lambda _: Said(events=(named,), breaks=True), tmp_path) as (upstream, _, client):
        found: list[str] = []
        with pytest.raises(openai.APIError, match="broke off"):
            found.extend(one.type for one in client.responses.create(model=MODEL, input="x", stream=True))
        assert upstream.paths == ["/v1/responses"]


def test_what_can_not_be_streamed(tmp_path):
    """
    Embeddings have no streams, and `stream` is true or false.
    """
    with running_server(tmp_path, ScriptedEngine()) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0)
        for path, stream in (("/embeddings", True), ("/chat/completions", "yes")):
            with pytest.raises(openai.BadRequestError) as caught:
                client.post(
                    path,
                    body={"model": "scripted", "input": "x", "messages": MESSAGES, "stream": stream},
                    cast_to=object,
                )
            assert caught.value.param == "stream"
        client.close()


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", b""),
        (b"data: a", b""),
        (b"data: a\n\ndata", b"data: a\n\n"),
        (b"data: a\r\n\r\ndata: b\n\nx", b"data: a\r\n\r\ndata: b\n\n"),
        (b"x" * (streaming._MOST_HELD + 1), b"x" * (streaming._MOST_HELD + 1)),
    ],
)
def test_whole_events(data, whole):
    """
    Up to the last blank line; an event without end is not held.
    """
    assert streaming._whole_events(data) == (whole, data[len(whole) :])


class Answered:
    """An answer of another server that ends where its connection does, in these blocks; all of it is here."""

    connection = None

    def __init__(self, *blocks, **headers):
        self.headers, self.content, self._left = headers, self, list(blocks)

    async def readany(self):
        return self._left.pop(0) if self._left else b""


@pytest.mark.parametrize(
    ("answered", "code"),
    [
        pytest.param(Answered(chunk("one"), DONE), None, id="whole"),
        pytest.param(Answered(chunk("one")), "upstream_answer_lost", id="no-end"),
        pytest.param(Answered(chunk("one"), chunk("x" * 5000)), "upstream_unreadable", id="large"),
        pytest.param(Answered(b"?", **{"content-encoding": "gzip"}), "upstream_unreadable", id="no-gzip"),
    ],
)
def test_an_end_in_the_middle_looks_like_any_other(answered, code, monkeypatch):
    """
    Where the end of the connection is that of the answer, `[DONE]` tells; a stream has a bound.
    """
    monkeypatch.setattr(streaming, "MOST_ANSWER_BYTES", 2000)

    async def collect():
        return [block async for block in streaming.passed_on(CHAT, answered, "gpu", 1.0)]

    blocks = run_alone(collect())
    if code is None:
        assert blocks == [chunk("one"), DONE]
    else:
        assert json.loads(blocks[-1].removeprefix(b"data: "))["error"]["code"] == code
