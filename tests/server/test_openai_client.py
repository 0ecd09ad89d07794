"""The unmodified `openai` client against the local server."""

import json
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import openai
import pytest

from rowbatch.server.engine import EngineReply
from serving import KEY, MODEL, ScriptedEngine, running_server

DEADLINE_S = 20.0


@pytest.fixture
def engine():
    return ScriptedEngine()


@pytest.fixture
def endpoint(tmp_path, engine):
    with running_server(tmp_path / "home", engine) as found:
        yield found


@pytest.fixture
def client(endpoint):
    with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0) as made:
        yield made


def line(custom_id: str, text: str = "hello", **changes: object) -> str:
    request = {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": MODEL, "messages": [{"role": "user", "content": text}]},
        **changes,
    }
    return json.dumps(request)


def upload(client, *lines: str) -> Any:
    content = "".join(text + "\n" for text in lines).encode()
    return client.files.create(file=("requests.jsonl", content), purpose="batch").id


def create(client, file_id: str, **more: object):
    return client.batches.create(
        input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h", **more
    )


def finished(client, batch_id: str):
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        batch = client.batches.retrieve(batch_id)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch
        time.sleep(0.01)
    raise AssertionError(f"the batch is still {batch.status}")


def results(client, file_id: str) -> dict[str, Any]:
    text = client.files.content(file_id).text
    return {entry["custom_id"]: entry for entry in map(json.loads, text.split("\n")[:-1])}


def test_upload_create_poll_download(client):
    """
    The life of a batch: every request has its answer, and every field of the objects is there.
    """
    file_id = upload(client, line("row-1", "a"), line("row-2", "b\u2028c"), line("row-3", "c"))
    batch = create(client, file_id, metadata={"run": "x"})
    assert (batch.status, batch.request_counts.total, batch.metadata) == ("validating", 0, {"run": "x"})
    assert batch.expires_at == batch.created_at + 86_400
    done = finished(client, batch.id)
    assert (done.status, done.error_file_id, done.model) == ("completed", None, MODEL)
    assert done.request_counts.model_dump() == {"total": 3, "completed": 3, "failed": 0}
    assert done.usage is not None
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens) == (21, 6, 27)
    found = results(client, done.output_file_id)
    assert {
        name: entry["response"]["body"]["choices"][0]["message"]["content"] for name, entry in found.items()
    } == {
        "row-1": "a",
        "row-2": "b\u2028c",
        "row-3": "c",
    }
    assert all(entry["error"] is None and entry["response"]["status_code"] == 200 for entry in found.values())
    assert client.files.retrieve(done.output_file_id).purpose == "batch_output"


def test_lists_are_newest_first_and_paged(client):
    """
    The client walks through all pages by itself; an empty list has nulls.
    """
    assert client.batches.list().data == []
    made = [create(client, upload(client, line("row-1"))).id for _ in range(7)]
    assert [batch.id for batch in client.batches.list(limit=3)] == made[::-1]
    first = client.batches.list(limit=3)
    assert (first.has_more, len(first.data)) == (True, 3)
    assert len(list(client.files.list(purpose="batch"))) == 7


def test_refused_rows_are_in_the_error_file(client, engine):
    """
    A row that the engine refuses fails alone; when all are refused there is no output file.
    """
    refusal = EngineReply(
        400, {"error": {"message": "too long", "type": "invalid_request_error", "code": "x"}}
    )
    engine._answer = lambda body: refusal if body["messages"][-1]["content"] == "bad" else "fine"
    done = finished(client, create(client, upload(client, line("row-1", "bad"), line("row-2", "good"))).id)
    assert done.status == "completed"
    assert list(results(client, done.output_file_id)) == ["row-2"]
    entry = results(client, done.error_file_id)["row-1"]
    assert (entry["error"], entry["response"]["body"]["error"]["message"]) == (None, "too long")
    all_bad = finished(client, create(client, upload(client, line("row-1", "bad"))).id)
    assert (all_bad.status, all_bad.output_file_id) == ("completed", None)
    assert all_bad.error_file_id


@pytest.mark.parametrize(
    ("lines", "code", "number"),
    [
        pytest.param([line("a"), "{"], "invalid_json_line", 2, id="json"),
        pytest.param([line("a"), line("b"), line("a")], "duplicate_custom_id", 3, id="duplicate"),
        pytest.param([line("a", url="/v1/embeddings")], "invalid_url", 1, id="url"),
        pytest.param([line("a", method="GET")], "invalid_method", 1, id="method"),
        pytest.param(
            ['{"custom_id":"a","method":"POST","url":"/v1/chat/completions"}'],
            "missing_required_parameter",
            1,
            id="body",
        ),
        pytest.param([line("a", body={"model": MODEL})], "missing_required_parameter", 1, id="messages"),
        pytest.param([line("a", body={"messages": []})], "invalid_request", 1, id="model"),
        pytest.param(
            [line("a"), line("b", body={"model": "x", "messages": []})], "mismatched_model", 2, id="mixed"
        ),
        pytest.param(
            [line("a", body={"model": "x", "messages": []})], "model_not_found", 1, id="unknown-model"
        ),
        pytest.param(
            [line("a", body={"model": MODEL, "messages": [], "stream": True})],
            "streaming_unsupported",
            1,
            id="stream",
        ),
    ],
)
def test_a_bad_line_fails_the_whole_batch(client, engine, lines, code, number):
    """
    Validation is all or nothing: no row runs, no files, and the line is named.
    """
    done = finished(client, create(client, upload(client, *lines)).id)
    assert (done.status, done.output_file_id, done.error_file_id) == ("failed", None, None)
    assert done.request_counts.total == 0
    assert done.errors.data[0].code == code
    assert done.errors.data[0].line == number
    assert not engine.calls


def test_an_unknown_input_file_fails_later(client):
    """
    As at OpenAI: the create call is accepted, and the batch fails.
    """
    done = finished(client, create(client, "file-none").id)
    assert (done.status, done.errors.data[0].code, done.errors.data[0].line) == (
        "failed",
        "invalid_request",
        None,
    )


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        pytest.param({"endpoint": "/v1/audio/speech"}, "endpoint", id="endpoint"),
        pytest.param({"completion_window": "1h"}, "completion_window", id="window"),
        pytest.param({"metadata": {"tags": ["a"]}}, "metadata.tags", id="metadata"),
    ],
)
def test_a_bad_create_call_is_refused(client, changes, param):
    """
    400 in OpenAI's form, with the parameter.
    """
    arguments = {
        "input_file_id": "x",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        **changes,
    }
    with pytest.raises(openai.BadRequestError) as caught:
        client.batches.create(**arguments)
    assert caught.value.param == param


@pytest.mark.parametrize(
    "content", [b"", b"\r\n \n", b"not json\n"], ids=["empty", "blank-lines", "first-line"]
)
def test_a_bad_upload_is_refused(client, content):
    """
    A shallow look at the file: its first line.
    """
    with pytest.raises(openai.BadRequestError, match="Invalid file format"):
        client.files.create(file=("a.jsonl", content), purpose="batch")


@pytest.mark.parametrize("name", ["a.txt", "a", "batch.json", "../../etc/x", "ü.jsonl.gz", None])
def test_a_file_may_have_any_name(client, name):
    """
    Programs name their files as they like; bytes alone are named by the client itself.
    """
    content = line("row-1").encode()
    file = client.files.create(file=content if name is None else (name, content), purpose="batch")
    assert file.filename == (name or "upload").rpartition("/")[2] or file.filename == name
    assert client.files.content(file.id).content == content


def test_cancel(client, engine):
    """
    Rows that did not run say so; a second cancel changes nothing; a finished batch cannot be cancelled.
    """
    engine.delay_s = 0.2
    batch = create(client, upload(client, *(line(f"row-{number}") for number in range(40))))
    end = time.monotonic() + DEADLINE_S
    while not engine.calls and time.monotonic() < end:
        time.sleep(0.01)
    assert client.batches.cancel(batch.id).status == "cancelling"
    done = finished(client, batch.id)
    assert (done.status, client.batches.cancel(batch.id).status) == ("cancelled", "cancelled")
    answered = results(client, done.output_file_id)
    unrun = results(client, done.error_file_id)
    assert len(answered) + len(unrun) == 40
    assert answered.keys().isdisjoint(unrun)
    assert {entry["error"]["code"] for entry in unrun.values()} == {"batch_cancelled"}
    completed = finished(client, create(client, upload(client, line("row-1"))).id)
    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status 'completed'"):
        client.batches.cancel(completed.id)


def test_an_input_file_may_be_deleted_while_its_batch_runs(client, engine):
    """
    The batch has its own copy; the file itself is gone.
    """
    engine.delay_s = 0.05
    file_id = upload(client, *(line(f"row-{number}") for number in range(20)))
    batch = create(client, file_id)
    assert client.files.delete(file_id).deleted
    assert finished(client, batch.id).request_counts.completed == 20
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file_id)


def test_models_and_direct_completions(client):
    """
    The same model answers directly; an unknown one is 404.
    """
    assert [model.id for model in client.models.list()] == [MODEL]
    messages = [{"role": "user", "content": "echo"}]
    answer = client.chat.completions.create(model=MODEL, messages=messages)
    assert answer.choices[0].message.content == "echo"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-x", messages=messages)
    with pytest.raises(openai.NotFoundError, match="No batch found with id 'batch_x'"):
        client.batches.retrieve("batch_x")


def test_one_idempotency_key_makes_one_batch(client):
    """
    C4: twenty calls at once with one key: one batch. The same key with another body is refused.
    """
    file_id = upload(client, line("row-1"))
    made: list[str] = []

    def call() -> None:
        made.append(create(client, file_id, extra_headers={"Idempotency-Key": "k1"}).id)

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 20
    assert len(set(made)) == 1
    with pytest.raises(openai.ConflictError):
        create(client, "file-other", extra_headers={"Idempotency-Key": "k1"})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="no-key"),
        pytest.param({"Authorization": "Bearer wrong"}, 401, id="wrong-key"),
        pytest.param({"Authorization": f"Basic {KEY}"}, 401, id="other-scheme"),
        pytest.param({"Authorization": f"Bearer {KEY}", "Host": "evil.example"}, 403, id="foreign-host"),
        pytest.param({"Authorization": f"Bearer {KEY}", "Host": "127.0.0.1"}, 403, id="no-port"),
        pytest.param({"Authorization": f"Bearer {KEY}", "Host": "localhost:1"}, 403, id="other-port"),
        pytest.param({"Authorization": f"Bearer {KEY}"}, 200, id="right"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches", "/v1/models", "/health"])
def test_only_this_machine_with_the_key_is_answered(endpoint, path, headers, status):
    """
    A web page can neither know the key nor name this host: no route answers it.
    """
    request = urllib.request.Request(endpoint.base_url.removesuffix("/v1") + path, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            found, body = answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        found, body = error.code, json.load(error)
        error.close()
    assert found == status
    assert ("error" in body) == (status != 200)
