"""
Whatever is asked, the server answers it as OpenAI does, and never with 500.

`tests/fuzz_http.py` asks thousands more. Texts and codes are those of OpenAI's recorded answers:
"Invalid 'n': integer above maximum value. Expected a value <= 128, but got 130 instead." with
`integer_above_max_value`, "Unsupported content type: …" with `unsupported_content_type`.
"""

import http.client
import json
import sqlite3
import urllib.parse
from collections import Counter
from pathlib import Path

import openai
import pytest

from loops import run_alone
from rowbatch.errors import StorageError
from rowbatch.server import incoming, strict_json, validation
from rowbatch.server.chat_request import CHAT
from rowbatch.server.engine import EngineReply, sound_reply
from rowbatch.server.engine_process import answer_line
from rowbatch.server.launch import Endpoint, find_running, is_this_computer
from rowbatch.server.node import Upstream
from rowbatch.server.storage import Storage
from rowbatch.server.upstream import UpstreamEngine
from serving import KEY, MODEL, ScriptedEngine, running_server
from upstreams import Said, fake_upstream

HALF = "\ud800"
EDGE = "edge"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("home"), ScriptedEngine()) as found:
        yield found


@pytest.fixture(scope="module")
def client(endpoint):
    with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0) as found:
        yield found


def ask(endpoint: Endpoint, method: str, path: str, body: bytes = b"", **headers: str):
    """One call: status, headers, and the answer as JSON."""
    port = urllib.parse.urlsplit(endpoint.base_url).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, {"authorization": f"Bearer {KEY}", **named})
        answer = connection.getresponse()
        raw = answer.read()
        return answer.status, dict(answer.getheaders()), json.loads(raw) if raw else None
    finally:
        connection.close()


def post(endpoint: Endpoint, path: str, body: object, **headers: str):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(endpoint, "POST", path, raw, **{"content_type": "application/json", **headers})


def form(*parts: tuple[str, bytes], end: bytes = b"--edge--\r\n") -> bytes:
    """A form of parts, each with its content-disposition after `form-data; `."""
    return (
        b"".join(
            b"--edge\r\ncontent-disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
            for head, content in parts
        )
        + end
    )


PURPOSE = ('name="purpose"', b"batch")
FILE = ('name="file"; filename="a.jsonl"', b'{"a": 1}\n')
MULTIPART = f"multipart/form-data; boundary={EDGE}"


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0", "integer_below_min_value"),
        ("-1", "integer_below_min_value"),
        ("10001", "integer_above_max_value"),
        ("9" * 25, "integer_above_max_value"),
        ("1" * 5000, "integer_above_max_value"),
        ("0" * 9 + "9" * 30, "integer_above_max_value"),
        ("", "invalid_type"),
        ("ten", "invalid_type"),
        ("1e3", "invalid_type"),
        ("1.5", "invalid_type"),
        ("１２", "invalid_type"),
        ("²", "invalid_type"),
        ("1\0", "invalid_type"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_limit_that_is_none(endpoint, path, text, code):
    """
    Too small, too large, beyond every integer of SQLite, no number: 400 that says which.
    """
    status, _, body = ask(endpoint, "GET", f"{path}?limit={urllib.parse.quote(text)}")
    assert (status, body["error"]["code"], body["error"]["param"]) == (400, code, "limit")
    assert len(body["error"]["message"]) < 400


def test_a_limit_with_zeros_before_it_and_one_given_twice(endpoint):
    """
    `0003` is three; twice the same is that; two different ones are refused.
    """
    assert ask(endpoint, "GET", "/v1/files?limit=0003")[0] == 200
    assert ask(endpoint, "GET", "/v1/files?limit=3&limit=3")[0] == 200
    status, _, body = ask(endpoint, "GET", "/v1/files?limit=3&limit=4")
    assert (status, body["error"]["param"]) == (400, "limit")


def test_a_list_after_something_unknown_does_not_end_quietly(client):
    """
    400: an empty page would tell a client that it has seen everything.
    """
    for things, unknown in ((client.files, "file-0"), (client.batches, "batch_0")):
        for after in (unknown, "../x", HALF.encode("utf-8", "replace").decode()):
            with pytest.raises(openai.BadRequestError) as caught:
                things.list(after=after)
            assert caught.value.param == "after"
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.list(order="newest")
    assert caught.value.param == "order"


def test_half_of_a_surrogate_pair_in_a_batch_comes_back_as_it_was(client, endpoint):
    """
    In custom_id, metadata and the text of a row: each row is answered or refused, none fails the batch.
    """
    lines = [
        {
            "custom_id": f"{HALF}{number}",
            "method": "POST",
            "url": CHAT.url,
            "body": {"model": MODEL, "messages": [{"role": "user", "content": f"{HALF}x{number}"}]},
        }
        for number in range(3)
    ]
    content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    wanted = {
        "input_file_id": file.id,
        "endpoint": CHAT.url,
        "completion_window": "24h",
        "metadata": {"name": HALF, HALF: "b"},
    }
    status, _, batch = post(endpoint, "/v1/batches", wanted)
    assert (status, batch["metadata"]) == (200, {"name": HALF, HALF: "b"})
    while batch["status"] not in ("completed", "failed"):
        batch = ask(endpoint, "GET", f"/v1/batches/{batch['id']}")[2]
    assert batch["status"] == "completed"
    found = client.files.content(batch["output_file_id"]).content
    entries = [json.loads(line) for line in found.splitlines()]
    assert Counter(entry["custom_id"] for entry in entries) == {f"{HALF}{number}": 1 for number in range(3)}
    texts = {entry["response"]["body"]["choices"][0]["message"]["content"] for entry in entries}
    assert texts == {f"{HALF}x{number}" for number in range(3)}


@pytest.mark.parametrize("name", ["input_file_id", "endpoint", "completion_window", "metadata"])
@pytest.mark.parametrize(
    "value", [HALF, "a\0b", "", 1, True, [], [HALF], {"a": [1]}, {"a": 1}, None, "x" * 5000], ids=repr
)
def test_any_value_in_a_new_batch(endpoint, name, value):
    """
    It is accepted or refused, with the parameter that is wrong.
    """
    wanted = {"input_file_id": "file-none", "endpoint": CHAT.url, "completion_window": "24h"}
    status, _, body = post(endpoint, "/v1/batches", {**wanted, name: value})
    is_fine = name in ("input_file_id", "metadata")
    assert status == 400 or (is_fine and status == 200)
    if status == 400:
        assert body["error"]["param"].partition(".")[0] == name
        assert len(body["error"]["message"]) < 600


@pytest.mark.parametrize("model", [HALF, "a\0b", "", 1, [MODEL], {"a": 1}, None, "x" * 5000], ids=repr)
def test_any_value_for_the_model(endpoint, model):
    """
    Also one that can be no key of a table of models, as a list.
    """
    status, _, body = post(endpoint, CHAT.url, {"model": model, "messages": []})
    assert status in (400, 404)
    assert len(body["error"]["message"]) < 400


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"model": "\xed\xa0\x80"}',
        '{"model": "scripted"}'.encode("utf-16"),
        b'{"top_p": NaN}',
        b'{"top_p": -Infinity}',
        b'{"top_p": 1e999}',
        b'{"seed": ' + b"1" * 5000 + b"}",
        b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}",
    ],
    ids=lambda raw: repr(raw[:24]),
)
@pytest.mark.parametrize("path", ["/v1/batches", CHAT.url])
def test_a_body_that_is_no_json(endpoint, path, raw):
    """
    Numbers that JSON has not, UTF-8 that is none, too deep: one answer, the one that OpenAI gives.
    """
    status, _, body = post(endpoint, path, raw)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")
    assert body["error"]["message"] == "We could not parse the JSON body of your request."


def test_a_body_of_another_type_or_coded(endpoint):
    """
    A page of any site may send text/plain without being asked whether it may.
    """
    for content_type in ("text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"):
        status, _, body = post(endpoint, "/v1/batches", {}, content_type=content_type)
        assert (status, body["error"]["code"]) == (400, "unsupported_content_type")
    status, _, body = post(endpoint, "/v1/batches", {}, content_type="application/json; charset=utf-8")
    assert body["error"]["code"] == "missing_required_parameter"
    status, _, body = post(endpoint, "/v1/batches", b"x", content_encoding="gzip")
    assert (status, body["error"]["code"]) == (415, "unsupported_content_encoding")
    status, _, body = ask(endpoint, "POST", "/v1/files", b"{}", content_type="application/json")
    assert (status, body["error"]["code"]) == (400, "unsupported_content_type")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"", MULTIPART, id="empty"),
        pytest.param(form(PURPOSE, FILE), "multipart/form-data", id="no-boundary"),
        pytest.param(form(PURPOSE, FILE), "multipart/form-data; boundary=", id="empty-boundary"),
        pytest.param(form(PURPOSE, FILE), "multipart/form-data; boundary=" + "b" * 300, id="long-boundary"),
        pytest.param(form(PURPOSE, FILE), "multipart/form-data; boundary=other", id="other-boundary"),
        pytest.param(form(PURPOSE, FILE)[:-30], MULTIPART, id="cut"),
        pytest.param(form(PURPOSE, FILE, FILE), MULTIPART, id="two-files"),
        pytest.param(form(PURPOSE), MULTIPART, id="no-file"),
        pytest.param(form(FILE), MULTIPART, id="no-purpose"),
        pytest.param(form(PURPOSE, ('name="file"', b"{}")), MULTIPART, id="a-text-as-file"),
        pytest.param(
            form(('name="purpose"; filename="p.jsonl"', b"batch"), ('name="file"', b"{}")),
            MULTIPART,
            id="a-file-as-purpose",
        ),
        pytest.param(form(*[PURPOSE] * 30, FILE), MULTIPART, id="many-fields"),
        pytest.param(form(('filename="a.jsonl"', b"{}")), MULTIPART, id="no-name"),
        pytest.param(form(PURPOSE, FILE), f"{MULTIPART}; charset=undefined", id="no-character-set"),
    ],
)
def test_a_form_that_is_none(endpoint, body, content_type):
    """
    400 in OpenAI's form. `charset=undefined`: Starlette 1.10 decodes names by any codec that Python has
    (formparsers.py, `_user_safe_decode`), and this one raises a UnicodeError that it does not expect.
    """
    status, _, told = ask(endpoint, "POST", "/v1/files", body, content_type=content_type)
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")


def test_the_file_may_come_before_its_purpose(endpoint):
    """
    The order of fields means nothing; the name may be in any script, and a name that is no UTF-8 is taken.
    """
    names = {"a.jsonl": "a.jsonl", "中文.jsonl": "中文.jsonl", "../a.jsonl": "../a.jsonl"}
    for name, kept in names.items():
        file = (f'name="file"; filename="{name}"', FILE[1])
        status, _, told = ask(endpoint, "POST", "/v1/files", form(file, PURPOSE), content_type=MULTIPART)
        assert (status, told["filename"]) == (200, kept)
    latin = form(FILE, PURPOSE).replace(b"a.jsonl", b"caf\xe9.jsonl")
    status, _, told = ask(endpoint, "POST", "/v1/files", latin, content_type=MULTIPART)
    assert (status, told["filename"]) == (200, "café.jsonl")
    # The client may name a character set in which bytes are half of a surrogate pair.
    half = form(FILE, PURPOSE).replace(b"a.jsonl", rb"\ud800.jsonl")
    status, _, told = ask(
        endpoint, "POST", "/v1/files", half, content_type=f"{MULTIPART}; charset=raw_unicode_escape"
    )
    assert (status, told["filename"]) == (200, "?.jsonl")


def test_how_long_files_are_kept(client, endpoint):
    """
    `expires_after` of an upload and `output_expires_after` of a batch hold, within OpenAI's bounds.
    """
    line = {
        "custom_id": "a",
        "method": "POST",
        "url": CHAT.url,
        "body": {"model": MODEL, "messages": [{"role": "user", "content": "x"}]},
    }
    file = client.files.create(
        file=("a.jsonl", json.dumps(line).encode()),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert file.expires_at - file.created_at == 3600
    for changes in ({"seconds": 60}, {"seconds": 10**30}, {"seconds": True}, {"anchor": "now"}):
        wanted = {"input_file_id": file.id, "endpoint": CHAT.url, "completion_window": "24h"}
        life = {"anchor": "created_at", "seconds": 7200, **changes}
        status, _, told = post(endpoint, "/v1/batches", {**wanted, "output_expires_after": life})
        assert status == 400
        assert told["error"]["param"] == f"output_expires_after.{next(iter(changes))}"
    batch = client.batches.create(
        input_file_id=file.id,
        endpoint=CHAT.url,
        completion_window="24h",
        output_expires_after={"anchor": "created_at", "seconds": 7200},
    )
    while batch.status != "completed":
        batch = client.batches.retrieve(batch.id)
    output = client.files.retrieve(batch.output_file_id)
    assert output.expires_at - output.created_at == 7200
    for seconds in ("59", "x", "9" * 5000):
        fields = (
            ('name="expires_after[anchor]"', b"created_at"),
            ('name="expires_after[seconds]"', seconds.encode()),
        )
        status, _, told = ask(
            endpoint, "POST", "/v1/files", form(PURPOSE, *fields, FILE), content_type=MULTIPART
        )
        assert (status, told["error"]["param"]) == (400, "expires_after.seconds")


def test_a_part_of_a_file(client, endpoint):
    """
    A download goes on where it was; what is no single range is answered with the whole file (RFC 9110, 14.2),
    and one behind the end with 416.
    """
    file = client.files.create(file=("a.jsonl", b'{"a": 1}\n'), purpose="batch")
    port = urllib.parse.urlsplit(endpoint.base_url).port
    found = {}
    for told in ("bytes=3-", "bytes=0-0,2-3", "bytes=9-2", "x=1", "bytes=-5", "bytes=" + "9" * 30 + "-"):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        headers = {"authorization": f"Bearer {KEY}", "range": told}
        connection.request("GET", f"/v1/files/{file.id}/content", headers=headers)
        answer = connection.getresponse()
        found[told] = (answer.status, answer.read())
        connection.close()
    assert found.pop("bytes=3-") == (206, b'": 1}\n')
    assert set(found.values()) == {(200, b'{"a": 1}\n')}
    status, headers, told = ask(endpoint, "GET", f"/v1/files/{file.id}/content", range="bytes=9-")
    assert (status, headers["content-range"], told["error"]["code"]) == (
        416,
        "bytes */9",
        "range_not_satisfiable",
    )


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "DELETE"])
def test_every_method_has_an_answer(endpoint, method):
    """
    HEAD as GET, without a body; what is not offered is 405 with what is.
    """
    for path in ("/v1/files", "/v1/batches", "/v1/models", CHAT.url):
        status, headers, body = ask(endpoint, method, path)
        if method == "HEAD":
            assert (status, body) == (405 if path == CHAT.url else 200, None)
        else:
            assert (status, body["error"]["code"]) == (405, "method_not_supported")
            assert method not in headers["allow"]
            assert "POST" in headers["allow"] or path == "/v1/models"


@pytest.mark.parametrize(
    "file_id", ["..", "..%2f..%2fserver.sqlite", "%2e%2e", "file-%00", "file-..%2fx", "%ff", "file-é"]
)
def test_no_id_leads_out_of_the_folder(endpoint, file_id):
    """
    404 for the file, its content and its deletion.
    """
    coded = urllib.parse.quote(file_id, safe="%.-")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
        status, _, body = ask(endpoint, method, f"/v1/files/{coded}{path}")
        assert status in (404, 405), body


def test_the_storage_gives_no_place_for_a_users_text(tmp_path):
    """
    The last line of defence: a path is made of an id of ours only.
    """
    storage = Storage(tmp_path)
    for text in ("../x", "file-../x", "file-\0", "", HALF):
        with pytest.raises(ValueError, match=r".*"):
            storage.path_of(text)
        assert storage.file(text) is None
        assert storage.batch(text) is None
    storage.close()


def test_a_page_of_another_site_is_refused(endpoint):
    """
    Even with the key; a program that says where it is from, and is here, is answered.
    """
    port = urllib.parse.urlsplit(endpoint.base_url).port
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", f"https://127.0.0.1:{port}"):
        status, _, body = ask(endpoint, "GET", "/v1/models", origin=origin)
        assert (status, body["error"]["code"]) == (403, "origin_not_allowed")
    assert ask(endpoint, "GET", "/v1/models", origin=f"http://127.0.0.1:{port}")[0] == 200


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.1.7", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_what_is_this_computer(host, is_here):
    """
    Only what no other computer reaches, by any name.
    """
    assert is_this_computer(host) == is_here


def test_bodies_are_bounded_while_they_come(endpoint, monkeypatch):
    """
    Also where a length is not announced: the rest is not read.
    """
    monkeypatch.setattr(incoming, "MAX_UPLOAD_BYTES", 5_000)
    monkeypatch.setattr(incoming, "_FORM_BYTES", 0)
    port = urllib.parse.urlsplit(endpoint.base_url).port
    for path, kind, most in (("/v1/files", MULTIPART, 5_000), ("/v1/batches", "application/json", 1 << 20)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        head = form(PURPOSE, FILE, end=b"") if path == "/v1/files" else b"["
        blocks = (head, *(b"x" * 1000 for _ in range(most // 1000 + 2)))
        headers = {"authorization": f"Bearer {KEY}", "content-type": kind}
        connection.request("POST", path, iter(blocks), headers, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["error"]["code"]) == (413, "too_large")
        connection.close()
        announced = {"content_length": str(1 << 40), "content_type": kind}
        assert ask(endpoint, "POST", path, b"x", **announced)[0] == 413


def test_an_input_file_is_bounded(tmp_path, monkeypatch):
    """
    In bytes, in bytes of a line, in lines; and an error is short, however long the line is that it is about.
    """

    def verdict(*lines: object, **limits: int):
        path = tmp_path / "in.jsonl"
        path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        return validation.validate_input(path, endpoint=CHAT, models={MODEL}, **limits)

    body = {"model": MODEL, "messages": []}
    good = {"custom_id": "a", "method": "POST", "url": CHAT.url, "body": body}
    assert not verdict(good).errors
    assert verdict(good, max_bytes=20).errors[0]["code"] == "file_too_large"
    long = {**good, "custom_id": "b", "more": "x" * 1000}
    found = verdict(good, long, {**good, "custom_id": "c"}, max_line_bytes=500)
    assert [(entry["code"], entry["line"]) for entry in found.errors] == [("request_too_large", 2)]
    assert found.requests == 3
    monkeypatch.setattr(validation, "MAX_REQUESTS", 2)
    found = verdict(*({**good, "custom_id": str(number)} for number in range(5)))
    assert (found.requests, found.errors[0]["code"]) == (5, "too_many_tasks")
    for changes in (
        {"custom_id": "c" * 9000},
        {"method": "m" * 9000},
        {"body": {**body, "model": "x" * 9000}},
    ):
        entries = verdict({**good, **changes}, {**good, **changes}).errors
        assert entries
        assert all(len(entry["message"]) < 600 for entry in entries)


def test_what_the_local_model_is_asked_is_checked_first(monkeypatch):
    """
    Half of a surrogate pair anywhere, a role that is a list, a text that is a number, one label twice: each
    is a refusal of one row, and the model's process goes on.
    """

    class Model:
        def generate(self, body, messages):
            return {"choices": [{"message": {"content": messages[-1]["content"]}}]}

        choose = None

    def reply(**changes):
        messages = [{"role": "user", "content": "x"}]
        body = {"model": MODEL, "messages": messages, **changes}
        line = json.dumps({"id": 1, "endpoint": CHAT.url, "body": body}).encode()
        return json.loads(answer_line(Model(), line))  # type: ignore[arg-type]

    def schema(*labels):
        inner = {"type": "object", "properties": {"label": {"enum": list(labels)}}}
        return {"type": "json_schema", "json_schema": {"schema": inner}}

    assert reply()["status_code"] == 200
    # One value twice is one value, which is no choice.
    assert reply(response_format=schema("a", "a"))["status_code"] == 200
    for changes in (
        {"response_format": schema(HALF, "b")},
        {"response_format": {"type": HALF}},
        {"messages": [{"role": HALF, "content": "x"}]},
        {"messages": [{"role": ["user"], "content": "x"}]},
        {"messages": [{"role": {"a": 1}, "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 7}]}]},
        {"messages": [{"role": "user", "content": HALF}]},
        {"user": HALF},
    ):
        found = reply(**changes)
        assert (found["status_code"], found["body"]["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (EngineReply(200, {"a": float("nan")}), 502),
        (EngineReply(204, {}), 200),
        (EngineReply(302, {}), 502),
        (EngineReply(101, {}), 502),
        (EngineReply(400, {"detail": "so"}), 400),
        (EngineReply(400, {"error": "so"}), 400),
        (EngineReply(503, {"error": {"message": HALF}}), 503),
        (EngineReply(429, {"error": {"message": None, "more": 1}}), 429),
    ],
    ids=repr,
)
def test_what_another_server_says_is_given_on_as_far_as_it_can_be(tmp_path, reply, status):
    """
    An answer with NaN or with a status that is none is one row's error; every error has OpenAI's form.
    """
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
    with running_server(tmp_path, ScriptedEngine(lambda _: reply)) as endpoint:
        found, _, told = post(endpoint, CHAT.url, body)
    assert found == status
    if status >= 400:
        assert told["error"].keys() >= {"message", "type", "param", "code"}
        assert isinstance(told["error"]["message"], str)
        assert told["error"]["message"]
    assert sound_reply(reply).status_code in (reply.status_code, 502)


@pytest.mark.parametrize("usage", ["many", [1], {"prompt_tokens": "7"}, {"prompt_tokens": [1]}, 7, True])
def test_a_count_of_tokens_that_is_none_does_not_lose_the_answer(tmp_path, usage):
    """
    Another server may say anything there. Before, the row was asked, and paid for, again and again.
    """
    engine = ScriptedEngine(lambda _: EngineReply(200, {"choices": [], "usage": usage}))
    line = {
        "custom_id": "a",
        "method": "POST",
        "url": CHAT.url,
        "body": {"model": MODEL, "messages": [{"role": "user", "content": "x"}]},
    }
    with (
        running_server(tmp_path, engine) as endpoint,
        openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key) as client,
    ):
        file = client.files.create(file=("a.jsonl", json.dumps(line).encode()), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        while batch.status not in ("completed", "failed"):
            batch = client.batches.retrieve(batch.id)
        assert batch.request_counts is not None
        assert batch.request_counts.completed == 1
    assert engine.calls == {"x": 1}


def test_an_upstream_server_is_sent_any_text():
    """
    In ASCII: UTF-8 has no place for half of a surrogate pair.
    """
    body = {"model": "m", "messages": [HALF]}
    with fake_upstream(lambda _: Said(body={"choices": []}), models=("m",)) as server:
        engine = UpstreamEngine([Upstream(server.base_url)])

        async def answer() -> EngineReply:
            try:
                return await engine.answer(CHAT.url, body)
            finally:
                await engine.stop()

        assert run_alone(answer()).status_code == 200
        assert server.calls == [body]
        assert server.heads[0]["content-type"] == "application/json"


def test_json_is_read_as_it_was_written():
    """
    What can be written is read again as the same; what JSON has not is neither read nor written.
    """
    values: tuple[object, ...] = ({"a": [HALF, "中", 1.5, 10**30, None, True]}, [], "x")
    for value in values:
        assert strict_json.parse(strict_json.written(value)) == value
    assert strict_json.parse(b"\xef\xbb\xbf{}") == {}
    deep: list[object] = []
    for _ in range(strict_json.MAX_NESTING - 1):
        deep = [deep]
    assert strict_json.parse(strict_json.written(deep)) == deep
    for raw in (strict_json.written([deep]), b"NaN", b"[1e999]", b"\xff", b"{} {}"):
        with pytest.raises(ValueError, match=r".*"):
            strict_json.parse(raw)
    with pytest.raises(ValueError, match="JSON compliant"):
        strict_json.written(float("inf"))


def test_a_store_that_is_damaged_says_so_at_the_start(tmp_path):
    """
    In a sentence: a page of the file that was overwritten, a batch that is no JSON, a newer rowbatch's file.
    """

    def made(name: str) -> Path:
        home = Path(tmp_path, name)
        storage = Storage(home)
        for number in range(60):
            document = {"id": f"batch_{number:032}", "status": "completed", "input_file_id": "file-0"}
            storage.create_batch(document, idempotency_key=None, request_digest="x" * 200)
        storage.close()
        return home

    home = made("page")
    raw = bytearray((home / "server.sqlite").read_bytes())
    raw[8192:12288] = b"\xa5" * 4096
    (home / "server.sqlite").write_bytes(raw)
    with pytest.raises(StorageError, match=r"damaged|malformed"):
        Storage(home)
    for name, statement, words in (
        ("document", "UPDATE batch SET document = '{' WHERE number = 3", "is damaged: .*batch_0"),
        ("version", "PRAGMA user_version = 99", "a newer rowbatch"),
        ("table", "DROP TABLE file", "no such table"),
    ):
        home = made(name)
        with sqlite3.connect(home / "server.sqlite") as db:
            db.execute(statement)
        db.close()
        with pytest.raises(StorageError, match=words):
            Storage(home)


def test_an_upload_that_was_never_entered_goes_at_the_next_start(tmp_path):
    """
    Killed between the file and its entry: the file is removed; a result file of a batch stays.
    """
    storage = Storage(tmp_path)
    upload, result = storage.path_of(storage.new_file_id()), storage.path_of("file-" + "0" * 32 + "o")
    for path in (upload, result):
        path.write_bytes(b"{}\n")
    storage.close()
    Storage(tmp_path).close()
    assert [path.name for path in (tmp_path / "files").iterdir()] == [result.name]


def test_a_program_that_speaks_otherwise_is_not_our_server(tmp_path, monkeypatch):
    """
    What stands in the file of a server may be anything: it is nobody who answers.
    """
    monkeypatch.setattr("rowbatch.server.launch.is_held", lambda _: True)
    (tmp_path / "server.key").write_text("k")
    for state in (
        '{"base_url": "x"}',
        '{"base_url": "http://127.0.0.1:1/v1"}',
        "[]",
        "7",
        "{",
        '{"base_url": 1}',
    ):
        (tmp_path / "server.json").write_text(state)
        assert find_running(tmp_path) is None
