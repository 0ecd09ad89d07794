"""What can go wrong around a batch: cancelled in the queue, expired, a full disk, strangers."""

import errno
import http.client
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from rowbatch.errors import UsageError
from rowbatch.server import hosts, work
from rowbatch.server.engine import EngineReply
from rowbatch.server.incoming import MAX_UPLOAD_BYTES
from rowbatch.server.launch import Endpoint
from serving import KEY, MODEL, ScriptedEngine, running_server

DEADLINE_S = 30.0


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def endpoint(tmp_path: Path, engine: ScriptedEngine) -> Iterator[Endpoint]:
    with running_server(tmp_path / "home", engine) as found:
        yield found


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0) as found:
        yield found


def line(custom_id: str, text: str, **changes: Any) -> dict[str, Any]:
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body, **changes}


def upload(client: openai.OpenAI, lines: list[Any], name: str = "in.jsonl") -> str:
    data = b"".join(
        (entry if isinstance(entry, bytes) else json.dumps(entry).encode()) + b"\n" for entry in lines
    )
    return client.files.create(file=(name, data), purpose="batch").id


def create(client: openai.OpenAI, file_id: str, **more: Any) -> Any:
    return client.batches.create(
        input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h", **more
    )


def until(client: openai.OpenAI, batch_id: str, is_so: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + DEADLINE_S
    while not is_so(batch := client.batches.retrieve(batch_id)):
        assert time.monotonic() < end, batch
        threading.Event().wait(0.01)
    return batch


def ended(client: openai.OpenAI, batch_id: str) -> Any:
    return until(client, batch_id, lambda b: b.status in ("completed", "failed", "expired", "cancelled"))


def results(client: openai.OpenAI, file_id: str) -> dict[str, dict[str, Any]]:
    lines = [json.loads(text) for text in client.files.content(file_id).text.split("\n")[:-1]]
    found = {entry["custom_id"]: entry for entry in lines}
    assert len(found) == len(lines)
    return found


def test_refused_rows_go_to_the_error_file(tmp_path):
    """
    Only answers are in the output file; a batch of refusals alone is completed and has no output file.
    """

    def answer(body):
        if "bad" in body["messages"][-1]["content"]:
            return EngineReply(400, {"error": {"message": "no", "type": "invalid_request_error"}})
        if "crash" in body["messages"][-1]["content"]:
            raise ZeroDivisionError("oops")
        return "fine"

    with (
        running_server(tmp_path, ScriptedEngine(answer)) as endpoint,
        openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key) as client,
    ):
        texts = {"a": "good", "b": "bad", "c": "crash"}
        mixed = ended(client, create(client, upload(client, [line(*pair) for pair in texts.items()])).id)
        assert mixed.request_counts.model_dump() == {"total": 3, "completed": 1, "failed": 2}
        assert set(results(client, mixed.output_file_id)) == {"a"}
        errors = results(client, mixed.error_file_id)
        assert errors["b"]["response"]["body"]["error"]["message"] == "no"
        assert errors["b"]["error"] is None
        assert errors["c"]["response"]["status_code"] == 500
        assert mixed.usage.total_tokens == 9
        refused = ended(client, create(client, upload(client, [line("b", "bad")])).id)
        assert (refused.status, refused.output_file_id) == ("completed", None)


def test_a_cancelled_batch_says_so_of_every_row(client, engine):
    """
    Cancel twice: rows that ran keep their answers, the others are in the error file as `batch_cancelled`.
    """
    engine.gate.clear()
    first = create(client, upload(client, [line(f"row-{n}", "x") for n in range(30)]))
    waiting = create(client, upload(client, [line("w", "w")]))
    until(client, first.id, lambda b: b.status == "in_progress")
    until(client, waiting.id, lambda b: b.status == "in_progress")
    assert client.batches.cancel(waiting.id).status == "cancelling"
    # It is not made to wait for the batch before it, whose rows are stuck.
    over = ended(client, waiting.id)
    assert (over.status, over.output_file_id, over.request_counts.failed) == ("cancelled", None, 1)
    assert client.batches.cancel(first.id).status == "cancelling"
    engine.gate.set()
    batch = ended(client, first.id)
    assert batch.status == "cancelled"
    assert client.batches.cancel(first.id).status == "cancelled"
    unfinished = results(client, batch.error_file_id)
    assert {row["error"]["code"] for row in unfinished.values()} == {"batch_cancelled"}
    finished = results(client, batch.output_file_id) if batch.output_file_id else {}
    assert sorted([*unfinished, *finished]) == sorted(f"row-{n}" for n in range(30))
    done = ended(client, create(client, upload(client, [line("a", "a")])).id)
    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status 'completed'"):
        client.batches.cancel(done.id)


def test_an_input_that_is_no_input_fails_the_batch_later(client):
    """
    An unknown file, and one with results in it, are accepted at creation and found out at validation.
    """
    done = ended(client, create(client, upload(client, [line("a", "a")])).id)
    for file_id in ("file-nowhere", done.output_file_id):
        batch = ended(client, create(client, file_id).id)
        assert (batch.status, batch.errors.data[0].code, batch.errors.data[0].param) == (
            "failed",
            "invalid_request",
            "file_id",
        )


def test_an_upload_that_is_too_large_is_refused(endpoint):
    """
    By its announced length, before a byte of it is read.
    """
    headers = {
        "authorization": f"Bearer {KEY}",
        "content-length": str(MAX_UPLOAD_BYTES * 2),
        "content-type": "multipart/form-data; boundary=x",
    }
    assert call(endpoint, "POST", "/v1/files", headers=headers)[0] == 413


def call(
    endpoint: Endpoint, method: str, path: str, *, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    port = urllib.parse.urlsplit(endpoint.base_url).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/v1/files", "/docs", "/openapi.json", "/"])
@pytest.mark.parametrize("key", [None, "Bearer wrong", f"Basic {KEY}", KEY, "Bearer "])
def test_nothing_is_told_without_the_key(endpoint, path, key):
    """
    401 in OpenAI's form, for every path, whether it exists or not.
    """
    status, body = call(endpoint, "GET", path, headers={"authorization": key} if key else {})
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", ""])
def test_a_name_that_is_not_ours_is_refused(endpoint, host):
    """
    A web page whose name was pointed at this computer gets nothing (DNS rebinding), even with the key.
    """
    port = urllib.parse.urlsplit(endpoint.base_url).port
    headers = {"authorization": f"Bearer {KEY}", "host": host.format(port=port)}
    assert call(endpoint, "GET", "/v1/models", headers=headers)[0] == 403
    ours = {"authorization": f"Bearer {KEY}", "host": f"localhost:{port}"}
    assert call(endpoint, "GET", "/v1/models", headers=ours)[0] == 200


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("evil.example:{port}", False),
        ("gpu-1.lab.example.org.evil.example", False),
        ("127.0.0.1.evil.example:{port}", False),
        ("192.168.1.7.evil.example:{port}", False),
        ("localhost.evil.example", False),
        ("", False),
        (":{port}", False),
        ("a b", False),
        ("gpu-1.lab.example.org@evil.example", False),
        ("127.0.0.1:{port}", True),
        ("localhost:1", True),
        ("192.168.1.7:{port}", True),
        ("[2001:db8::1]:{port}", True),
        ("[FE80::1%eth0]:{port}", True),
        ("[fe80::1%25eth0]", True),
        ("[fe80::1%eth0.evil.example", False),
        ("[evil.example%eth0]", False),
        ("anna@localhost:{port}", False),
        ("gpu-1.lab.example.org", True),
        ("GPU-1.lab.example.org.:443", True),
        ("{own}:{port}", True),
        ("{own}.local:{port}", True),
    ],
)
def test_a_name_that_is_not_ours_is_refused_by_an_open_server_too(tmp_path, host, is_known, monkeypatch):
    """
    Addresses are ours, since a page that was made to point here has a name; of names only this computer's
    own, and those that were said. Nothing is told to others, not even that somebody is there.
    """
    monkeypatch.setattr(socket, "gethostname", lambda: "Node-7.cluster")
    names = ["GPU-1.lab.example.org"]
    with running_server(tmp_path, ScriptedEngine(), is_open=True, host_names=names) as endpoint:
        port = urllib.parse.urlsplit(endpoint.base_url).port
        headers = {"authorization": f"Bearer {KEY}", "host": host.format(port=port, own="node-7")}
        for path in ("/v1/models", "/healthz", *(() if is_known else ("/hello?nonce=0123456789abcdef",))):
            status, body = call(endpoint, "GET", path, headers=headers)
            assert (status != 403) == is_known, path
            if not is_known:
                assert body["error"]["code"] == "host_not_allowed"
                assert "--host-name" in body["error"]["message"]


def test_a_proxy_before_a_closed_server_may_keep_its_name(tmp_path):
    """
    By the name that was said it is answered at any port; by no other, and by the computer's own name neither.
    """
    own = socket.gethostname()
    with running_server(tmp_path, ScriptedEngine(), host_names=["batch.lab.example.org"]) as endpoint:
        for host, status in (
            ("batch.lab.example.org", 200),
            ("batch.lab.example.org:8443", 200),
            ("lab.example.org", 403),
            (own, 403),
            ("192.168.1.7", 403),
        ):
            headers = {"authorization": f"Bearer {KEY}", "host": host}
            assert call(endpoint, "GET", "/v1/models", headers=headers)[0] == status


def test_a_call_with_two_names_is_refused(tmp_path):
    """
    A proxy may have looked at one of them and let it pass, while the server looks at the other.
    """
    with running_server(tmp_path, ScriptedEngine()) as endpoint:
        place = urllib.parse.urlsplit(endpoint.base_url)
        for hosts_of_it in (["localhost", "evil.example"], ["evil.example", "localhost"], ["localhost"] * 2):
            lines = "".join(f"Host: {host}:{place.port}\r\n" for host in hosts_of_it)
            head = f"GET /v1/models HTTP/1.1\r\n{lines}Authorization: Bearer {KEY}\r\n\r\n"
            with socket.create_connection((place.hostname, place.port), timeout=60) as to:
                to.sendall(head.encode())
                status = to.recv(100).split()[1]
            assert status in (b"400", b"403")


@pytest.mark.parametrize(
    "name", ["", "a b", "http://a", "a:80", "a/b", "*", "*.example.org", "-a", "a" * 300]
)
def test_a_name_that_can_be_none_is_said_at_the_start(name):
    """
    A pattern is no name: what it would let in nobody said.
    """
    with pytest.raises(UsageError, match="is not a name of a server"):
        hosts.KnownHosts(is_open=True, names=[name])


def test_unknown_paths_answer_in_the_same_form(endpoint):
    """
    404 with OpenAI's error object; there are no pages that describe the server, and no second address of a
    thing.
    """
    for path in ("/docs", "/v1/answers", "/v1/files/", "/v1//files", "/v1/files/file-a%2Fb"):
        status, body = call(endpoint, "GET", path, headers={"authorization": f"Bearer {KEY}"})
        assert (status, body["error"]["type"]) == (404, "invalid_request_error")


def test_another_method_is_405(endpoint):
    """
    As OpenAI answers it, with the methods that there are.
    """
    headers = {"authorization": f"Bearer {KEY}"}
    status, body = call(endpoint, "PUT", "/v1/files", headers=headers)
    assert (status, body["error"]["code"]) == (405, "method_not_supported")
    assert body["error"]["message"].startswith("Not allowed to PUT on /v1/files (HINT: ")


def test_rows_that_the_window_left_behind_are_expired(client, monkeypatch):
    """
    Window over: `expired`, every row without an answer in the error file as `batch_expired`.
    """
    monkeypatch.setattr("rowbatch.server.app.WINDOW_S", 0)
    batch = ended(client, create(client, upload(client, [line("a", "x"), line("b", "y")])).id)
    assert (batch.status, batch.output_file_id, batch.expired_at is None) == ("expired", None, False)
    rows = results(client, batch.error_file_id)
    assert {row["error"]["code"] for row in rows.values()} == {"batch_expired"}
    assert rows.keys() == {"a", "b"}


def test_a_full_disk_stops_the_work_but_loses_nothing(client, monkeypatch):
    """
    The batch waits, tries again, and ends as it should once there is room.
    """
    monkeypatch.setattr("rowbatch.server.runner._TRY_AGAIN_S", 0.02)
    sync, failures = work.Work.sync, iter(range(3))

    def full(work: work.Work) -> None:
        if next(failures, None) is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(work)

    monkeypatch.setattr(work.Work, "sync", full)
    batch = ended(client, create(client, upload(client, [line(f"row-{n}", "x") for n in range(60)])).id)
    assert (batch.status, batch.request_counts.completed) == ("completed", 60)
    assert len(results(client, batch.output_file_id)) == 60
