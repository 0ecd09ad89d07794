"""An upstream server that has no batches, through ours."""

import gzip
import json
from typing import Any

import httpx2
import pytest
import stamina

from loops import run_alone
from rowbatch.errors import ServiceError, UsageError
from rowbatch.http import Key
from rowbatch.server import upstream
from rowbatch.server.chat_request import CHAT
from rowbatch.server.upstream import UpstreamEngine
from serving import running_server

MODELS = httpx2.Response(200, json={"object": "list", "data": [{"id": "llama"}]})


def engine(answers, seen=None):
    """An engine whose upstream gives these answers to chat completions, in turn."""
    left = list(answers)

    def handler(request):
        if request.url.path.endswith("/models"):
            return MODELS
        if seen is not None:
            seen.append((dict(request.headers), json.loads(request.content)))
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = httpx2.MockTransport(handler)
    return UpstreamEngine("http://127.0.0.1:9/v1", Key("k"), first_pause_s=0.0, transport=transport)


def complete(asked):
    async def run():
        reply = await asked.answer(CHAT.url, {"model": "llama", "messages": []})
        await asked.stop()
        return reply

    return run_alone(run())


OK = httpx2.Response(200, json={"choices": []})


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        pytest.param([OK], 200, id="answer"),
        pytest.param([httpx2.Response(429, json={}), httpx2.Response(503, json={}), OK], 200, id="busy"),
        pytest.param([httpx2.ConnectError("no"), OK], 200, id="not-connected"),
        pytest.param([httpx2.ReadTimeout("lost")], 502, id="lost-is-not-asked-again"),
        pytest.param([httpx2.Response(400, json={"error": {"message": "no"}})], 400, id="refused"),
        pytest.param([httpx2.Response(200, text="<html>")], 502, id="html"),
        pytest.param([httpx2.Response(429, json={})] * 6, 429, id="busy-for-ever"),
    ],
)
def test_what_an_upstream_says(answers, status):
    """
    Answers and refusals are given on; what was not carried out is tried again; what may have been is not.
    """
    assert complete(engine(answers)).status_code == status


def test_the_key_goes_along():
    """
    In the header, and the body is the request's own.
    """
    seen: list[tuple[dict[str, str], dict[str, object]]] = []
    complete(engine([OK], seen))
    headers, body = seen[0]
    assert headers["authorization"] == "Bearer k"
    assert body == {"model": "llama", "messages": []}


def test_an_upstream_that_is_not_there():
    """
    Said at the start, and not row by row.
    """
    with stamina.set_testing(True, attempts=1), pytest.raises(ServiceError, match="cannot be reached"):
        UpstreamEngine("http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda: httpx2.Response(200, content=iter([b"{", b" " * 5_000, b"}"])), id="large"),
        pytest.param(
            lambda: httpx2.Response(
                200,
                content=iter([gzip.compress(b"{" + b" " * 5_000 + b"}")]),
                headers={"content-encoding": "gzip"},
            ),
            id="unpacks-to-much",
        ),
        pytest.param(
            lambda: httpx2.Response(200, content=iter([b"{}"]), headers={"content-encoding": "gzip"}),
            id="no-gzip",
        ),
        pytest.param(
            lambda: httpx2.Response(200, content=iter([b"{}"]), headers={"content-encoding": "br"}),
            id="unknown-encoding",
        ),
    ],
)
def test_an_answer_of_an_upstream_has_a_bound(answer, monkeypatch):
    """
    What is too large, or not encoded as it says, is an error of its row, and is not asked again here.
    """
    monkeypatch.setattr(upstream, "MOST_ANSWER_BYTES", 2_000)

    def handler(request):
        if request.url.path.endswith("/models"):
            return MODELS
        asked.append(request)
        found = answer()
        # The asynchronous client wants asynchronous blocks.
        return httpx2.Response(200, content=_blocks(list(found.stream)), headers=found.headers)

    async def _blocks(found):
        for block in found:
            yield block

    asked: list[httpx2.Request] = []
    made = UpstreamEngine("http://127.0.0.1:9/v1", transport=httpx2.MockTransport(handler))
    reply = complete(made)
    assert reply.status_code == 502
    assert reply.body["error"]["code"] == "upstream_unreadable"
    assert len(asked) == 1


def test_an_encoded_answer_of_an_upstream_is_read():
    """
    The measure of the one above.
    """
    packed = gzip.compress(b'{"choices": []}')

    async def blocks():
        for at in range(len(packed)):
            yield packed[at : at + 1]

    answer = httpx2.Response(200, content=blocks(), headers={"content-encoding": "gzip"})
    reply = complete(engine([answer]))
    assert (reply.status_code, reply.body) == (200, {"choices": []})


def test_what_an_upstream_says_of_the_key_is_masked():
    """
    Its words stand in result files.
    """
    secret = "sk-canary-of-an-upstream"

    def handler(request):
        if request.url.path.endswith("/models"):
            return MODELS
        raise httpx2.ReadError(f"Illegal header value b'Bearer {secret}'")

    transport = httpx2.MockTransport(handler)
    made = UpstreamEngine("http://127.0.0.1:9/v1", Key(secret), first_pause_s=0.0, transport=transport)
    reply = complete(made)
    assert secret not in repr(reply)
    assert "[hidden]" in repr(reply)


@pytest.mark.parametrize("address", ["http://", "htp://x", "http://[::1", "http://host:99999", "host/v1"])
def test_an_upstream_without_an_address_is_said(address):
    """
    Before anybody is asked.
    """
    with pytest.raises(UsageError, match="no address that can be asked"):
        UpstreamEngine(address)


def test_the_key_of_an_upstream_does_not_go_in_clear():
    """
    To another machine over http it is sent where that is allowed by its name.
    """
    with pytest.raises(UsageError, match="over http") as caught:
        UpstreamEngine("http://gpu-node:8000/v1", Key("sk-of-an-upstream"))
    assert "ROWBATCH_ALLOW_HTTP=gpu-node" in caught.value.hint


def test_a_batch_through_our_server(tmp_path):
    """
    Files and batches for a server that has none: the unmodified client gets its results.
    """
    import openai

    answers = [
        httpx2.Response(
            200,
            json={
                "object": "chat.completion",
                "model": "llama",
                "choices": [{"index": 0, "message": {"content": f"a{n}"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            },
        )
        for n in range(3)
    ]
    lines = [
        {
            "custom_id": f"row-{n}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "llama", "messages": [{"role": "user", "content": "x"}]},
        }
        for n in range(3)
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    with running_server(tmp_path, engine(answers)) as endpoint:
        client: Any = openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0)
        file = client.files.create(file=("in.jsonl", content), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        while batch.status not in ("completed", "failed"):
            batch = client.batches.retrieve(batch.id)
        assert batch.request_counts.completed == 3
        found = client.files.content(batch.output_file_id).text
    assert {json.loads(line)["custom_id"] for line in found.splitlines()} == {"row-0", "row-1", "row-2"}
