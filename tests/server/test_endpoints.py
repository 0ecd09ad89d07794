"""Endpoints of the server are rows of a table."""

import dataclasses
import json
from typing import Any

import httpx2
import pytest

from loops import run_alone
from rowbatch.server import app, endpoints, engine, engine_process, runner, upstream, work
from rowbatch.server.endpoint import RefusedRequest, ServedEndpoint
from rowbatch.server.engine import EngineReply
from rowbatch.server.node import Upstream
from rowbatch.server.upstream import UpstreamEngine
from serving import MODEL, ScriptedEngine, running_server
from upstreams import Said, fake_upstream


def counted(model, body):
    """The answer of the made-up endpoint: how long its input is."""
    if body["input"] == "":
        raise RefusedRequest("There is nothing to count.", code="empty", param="input")
    return {"object": "count", "count": model.count(body["input"])}


COUNTS = ServedEndpoint("/v1/counts", "Counts", "input", counted, lambda body: {"id": "count-1", **body})


@pytest.fixture
def _one_more(monkeypatch):
    """The table with one more row."""
    table = {**endpoints.ENDPOINTS, COUNTS.url: COUNTS}
    for module in (app, engine, engine_process, runner, upstream, work):
        monkeypatch.setattr(module, "ENDPOINTS", table)


class Counting(ScriptedEngine):
    """An engine that has both endpoints."""

    async def answer(self, endpoint, body, *, is_patient=True):
        if endpoint != COUNTS.url:
            return await super().answer(endpoint, body)
        return EngineReply(200, {"object": "count", "count": len(body["input"])})


def test_the_table():
    """
    Each row stands under its own url, and knows where another server has it.
    """
    assert list(endpoints.ENDPOINTS) == [served.url for served in endpoints.ENDPOINTS.values()]
    assert [served.path for served in endpoints.ENDPOINTS.values()] == [
        "chat/completions",
        "responses",
        "embeddings",
        "completions",
        "moderations",
    ]


@pytest.mark.usefixtures("_one_more")
def test_one_row_is_one_more_endpoint(tmp_path):
    """
    With its row an endpoint is answered at once and in batches, and its own field is asked for in each line.
    """
    with running_server(tmp_path, Counting()) as server:
        headers = {"authorization": f"Bearer {server.key}"}
        with httpx2.Client(base_url=server.base_url, headers=headers, timeout=30.0) as client:
            at_once = client.post("counts", json={"model": MODEL, "input": "four"}).json()
            assert at_once == {"id": "count-1", "object": "count", "count": 4}
            good = batch_of(client, [{"input": "one"}, {"input": "three"}])
            lines = client.get(f"files/{good['output_file_id']}/content").text.splitlines()
            bodies = [json.loads(line)["response"]["body"] for line in lines]
            assert sorted(body["count"] for body in bodies) == [3, 5]
            assert {body["id"] for body in bodies} == {"count-1"}
            bad = batch_of(client, [{"messages": []}, {"input": "x", "stream": True}])
            assert [(error["code"], error["param"]) for error in bad["errors"]["data"]] == [
                ("missing_required_parameter", "body.input"),
                ("streaming_unsupported", "body.stream"),
            ]
            assert bad["errors"]["data"][1]["message"].startswith("Counts: Streaming")
            refused = client.post(
                "batches", json={"endpoint": "/v1/x", "input_file_id": "f", **WINDOW}
            ).json()
            assert refused["error"]["message"].endswith("'/v1/moderations' and '/v1/counts'.")


WINDOW = {"completion_window": "24h"}


def batch_of(client, bodies):
    """The batch of these bodies, when it is over."""
    lines = [
        {"custom_id": f"row-{n}", "method": "POST", "url": COUNTS.url, "body": {"model": MODEL, **body}}
        for n, body in enumerate(bodies, 1)
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = client.post("files", files={"file": ("x.jsonl", content)}, data={"purpose": "batch"}).json()
    made = client.post("batches", json={"endpoint": COUNTS.url, "input_file_id": file["id"], **WINDOW}).json()
    for _ in range(2_000):
        batch = client.get(f"batches/{made['id']}").json()
        if batch["status"] in ("completed", "failed"):
            return batch
    raise AssertionError(batch)


@pytest.mark.usefixtures("_one_more")
def test_the_models_process_answers_by_the_table():
    """
    A line for the process that holds the model names its endpoint, whose row answers, or refuses.
    """

    class Counter:
        def count(self, text):
            return len(text)

    model: Any = Counter()

    def asked(**body):
        line = json.dumps({"id": 7, "endpoint": COUNTS.url, "body": body}).encode()
        return json.loads(engine_process.answer_line(model, line))

    assert asked(input="four") == {"id": 7, "status_code": 200, "body": {"object": "count", "count": 4}}
    refused = asked(input="")
    assert (refused["status_code"], refused["body"]["error"]["code"]) == (400, "empty")


def test_the_models_process_streams_for_as_long_as_somebody_reads(monkeypatch):
    """
    Events come before the reply; once nobody wants them the model stops, and what nobody waits for is not
    begun.
    """
    emitted = []

    def endless(model, body, emit):
        for number in range(1_000):
            emitted.append(number)
            if emit({"number": number}):
                return

    served = dataclasses.replace(COUNTS, stream=endless)
    monkeypatch.setattr(engine_process, "ENDPOINTS", {COUNTS.url: served})
    line = json.dumps({"id": 7, "endpoint": COUNTS.url, "body": {}, "stream": True}).encode()
    written: list[bytes] = []
    model: Any = None
    last = engine_process.answer_line(model, line, written.append, lambda _: len(written) == 3)
    assert [json.loads(one)["event"]["number"] for one in written] == [0, 1, 2]
    assert (json.loads(last)["status_code"], len(emitted)) == (200, 4)
    assert (
        json.loads(engine_process.answer_line(model, line, written.append, {7}.__contains__))["status_code"]
        == 499
    )
    assert len(emitted) == 4


@pytest.mark.usefixtures("_one_more")
def test_another_server_is_asked_where_it_has_the_endpoint():
    """
    The path at another server follows from the row.
    """
    with fake_upstream(lambda _: Said(body={"count": 1}), models=("m",)) as server:
        asked = UpstreamEngine([Upstream(server.base_url)])

        async def ask():
            await asked.answer(COUNTS.url, {"model": "m", "input": "x"})
            await asked.stop()

        run_alone(ask())
        assert server.paths == ["/v1/counts"]
