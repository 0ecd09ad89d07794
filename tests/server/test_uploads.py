"""Files: in parts, by any name, once a key, for as long as they are to be kept; and lists of them."""

import hashlib
import json
import threading

import openai
import pytest

from rowbatch.server import app
from rowbatch.server.storage import Cursor, Storage
from rowbatch.server.usage import add_usage, no_usage
from serving import KEY, Clock, ScriptedEngine, ask, batch_lines, running_server

DAY_S = 24 * 3600
LINES = batch_lines(40)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def endpoint(tmp_path, clock):
    with running_server(tmp_path / "home", ScriptedEngine(), clock=clock) as found:
        yield found


@pytest.fixture
def client(endpoint):
    with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0) as made:
        yield made


def parts_left(home) -> list[str]:
    return [path.name for path in (home / "home" / "uploads").iterdir()]


def test_a_file_comes_in_parts(client, tmp_path):
    """
    The client's own way of sending a large file, and by hand: in another order than it came, with a checksum.
    """
    done = client.uploads.upload_file_chunked(
        file=LINES,
        filename="large.jsonl",
        bytes=len(LINES),
        mime_type="application/jsonl",
        purpose="batch",
        part_size=1000,
        md5=hashlib.md5(LINES).hexdigest(),
    )
    assert done.status == "completed"
    assert done.file
    assert (done.file.filename, done.file.bytes, done.file.purpose) == ("large.jsonl", len(LINES), "batch")
    assert client.files.content(done.file.id).content == LINES
    made = client.uploads.create(
        filename="b", bytes=len(LINES), mime_type="text/plain", purpose="batch", expires_after=None
    )
    assert (made.status, made.file, made.expires_at - made.created_at) == ("pending", None, 3600)
    second = client.uploads.parts.create(made.id, data=LINES[100:])
    first = client.uploads.parts.create(made.id, data=LINES[:100])
    wrong = "0" * 32
    for ids, more, told in (
        ([second.id], {}, "bytes"),
        ([first.id, first.id], {}, "twice"),
        ([second.id, first.id], {}, "jsonl"),
        (["part_" + wrong], {}, "no part"),
        (["../server.key"], {}, "no part"),
        ([first.id, second.id], {"md5": wrong}, "md5"),
    ):
        with pytest.raises(openai.BadRequestError, match=told):
            client.uploads.complete(made.id, part_ids=ids, **more)
    done = client.uploads.complete(made.id, part_ids=[first.id, second.id])
    assert client.files.content(done.file.id).content == LINES
    assert parts_left(tmp_path) == []
    for again in (client.uploads.cancel, lambda name: client.uploads.complete(name, part_ids=[first.id])):
        with pytest.raises(openai.BadRequestError, match="is completed"):
            again(made.id)


def test_an_upload_that_comes_to_nothing(client, clock, tmp_path, endpoint):
    """
    Cancelled, or not completed within its hour: it takes no more, and its parts go.
    """
    about = {"filename": "a", "bytes": 5, "mime_type": "a/b", "purpose": "batch"}
    cancelled, forgotten = client.uploads.create(**about), client.uploads.create(**about)
    for upload in (cancelled, forgotten):
        client.uploads.parts.create(upload.id, data=b"[]")
    assert client.uploads.cancel(cancelled.id).status == "cancelled"
    assert len(parts_left(tmp_path)) == 1
    clock.now += 3601
    for upload, said in ((cancelled, "cancelled"), (forgotten, "expired")):
        with pytest.raises(openai.BadRequestError, match=said):
            client.uploads.parts.create(upload.id, data=b"[]")
    for changes, code in (
        ({"bytes": 0}, "integer_below_min_value"),
        ({"bytes": 1 << 40}, "integer_above_max_value"),
        ({"bytes": True}, "invalid_type"),
        ({"bytes": "5"}, "invalid_type"),
        ({"purpose": "vision"}, "invalid_value"),
        ({"filename": None}, "missing_required_parameter"),
        ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "integer_below_min_value"),
    ):
        status, _, told = ask(endpoint, "POST", "/v1/uploads", {**about, **changes})
        assert (status, told["error"]["code"]) == (400, code)
    assert ask(endpoint, "POST", "/v1/uploads/upload_none/cancel")[0] == 404
    with pytest.raises(openai.NotFoundError, match="No such Upload"):
        client.uploads.parts.create("upload_" + "0" * 32, data=b"[]")


def test_what_expired_is_gone_from_the_disk(client, clock, tmp_path):
    """
    An upload of an hour and results of a day are neither told nor kept, once somebody asks for them.
    """
    hour = {"anchor": "created_at", "seconds": 3600}
    short = client.files.create(file=LINES, purpose="batch", expires_after=hour)
    long = client.files.create(file=LINES, purpose="batch")
    assert (short.expires_at - short.created_at, long.expires_at - long.created_at) == (3600, 30 * DAY_S)
    batch = client.batches.create(
        input_file_id=short.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        output_expires_after={"anchor": "created_at", "seconds": DAY_S},
    )
    ended = threading.Event()
    while (batch := client.batches.retrieve(batch.id)).status != "completed":
        ended.wait(0.01)
    output = client.files.retrieve(batch.output_file_id)
    assert output.expires_at - output.created_at == DAY_S
    kept = tmp_path / "home" / "files"
    assert {path.name for path in kept.iterdir()} == {short.id, long.id, output.id}
    clock.now += 3600
    with pytest.raises(openai.NotFoundError):
        client.files.content(short.id)
    assert not (kept / short.id).exists()
    assert [file.id for file in client.files.list()] == [output.id, long.id]
    other = Storage(tmp_path / "other", clock=clock)
    (other.files / "file-a").write_bytes(b"x")
    other.add_file("file-a", filename="a", purpose="batch", life_s=3600)
    clock.now += 3600
    assert other.remove_expired() == 1
    assert list(other.files.iterdir()) == []
    other.close()


def test_what_expires_while_the_server_runs_goes_by_itself(tmp_path, clock, monkeypatch):
    """
    Nobody has to ask for it.
    """
    monkeypatch.setattr(app, "_TIDY_EVERY_S", 0.01)
    with (
        running_server(tmp_path, ScriptedEngine(), clock=clock) as endpoint,
        openai.OpenAI(base_url=endpoint.base_url, api_key=KEY, max_retries=0) as client,
    ):
        path = tmp_path / "files" / client.files.create(file=LINES, purpose="batch").id
        assert path.exists()
        clock.now += 30 * DAY_S
        gone = threading.Event()
        for _ in range(6000):
            if not path.exists():
                break
            gone.wait(0.01)
        assert not path.exists()


def test_one_key_makes_one_file_and_one_upload(endpoint, client):
    """
    The same call again finds what it made, another with its key is a conflict; the client is told not to try
    that again.
    """
    key = {"Idempotency-Key": "one"}
    first = client.files.create(file=LINES, purpose="batch", extra_headers=key)
    assert client.files.create(file=LINES, purpose="batch", extra_headers=key).id == first.id
    with pytest.raises(openai.ConflictError, match="another body") as caught:
        client.files.create(file=LINES + b"\n", purpose="batch", extra_headers=key)
    assert caught.value.response.headers["x-should-retry"] == "false"
    client.files.delete(first.id)
    assert client.files.create(file=LINES, purpose="batch", extra_headers=key).id != first.id
    about = {"filename": "a", "bytes": 5, "mime_type": "a/b", "purpose": "batch"}
    told = [ask(endpoint, "POST", "/v1/uploads", about, idempotency_key="one") for _ in range(2)]
    assert told[0][2] == told[1][2]
    assert ask(endpoint, "POST", "/v1/uploads", {**about, "bytes": 6}, idempotency_key="one")[0] == 409


def test_every_answer_has_its_number(endpoint):
    """
    Also refusals: the id by which the log names it, the protocol's version, and how long it took.
    """
    told = [
        ask(endpoint, "GET", "/v1/models"),
        ask(endpoint, "GET", "/v1/files/file-none"),
        ask(endpoint, "GET", "/nowhere"),
        ask(endpoint, "GET", "/v1/models", authorization="Bearer wrong"),
        ask(endpoint, "GET", "/v1/models", host="elsewhere"),
    ]
    assert [status for status, _, _ in told] == [200, 404, 404, 401, 403]
    assert len({headers["x-request-id"] for _, headers, _ in told}) == 5
    for _, headers, _ in told:
        assert headers["openai-version"] == "2020-10-01"
        assert int(headers["openai-processing-ms"]) >= 0


def test_lists_can_be_walked_both_ways(tmp_path):
    """
    After an entry, before one, in either order; each page knows whether there are more in its direction.
    """
    storage = Storage(tmp_path)
    for name in "abcdefg":
        storage.create_batch(
            {"id": f"batch_{name}", "status": "completed", "input_file_id": "file-none"},
            idempotency_key=None,
            request_digest="",
        )

    def page(limit, **more):
        found = storage.list_batches(Cursor(limit, **more))
        return "".join(item["id"][-1] for item in found.items), found.has_more

    assert page(3) == ("gfe", True)
    assert page(3, after="batch_e") == ("dcb", True)
    assert page(3, after="batch_b") == ("a", False)
    assert page(3, before="batch_b") == ("edc", True)
    assert page(3, before="batch_f") == ("g", False)
    assert page(3, newest_first=False) == ("abc", True)
    assert page(2, after="batch_c", newest_first=False) == ("de", True)
    assert page(2, before="batch_c", newest_first=False) == ("ab", False)
    storage.close()


def test_cursors_that_lead_nowhere(endpoint):
    """
    An unknown entry is said, not an empty page; and of two cursors nobody knows which holds.
    """
    for path in ("/v1/files", "/v1/batches"):
        for query in ("after=batch_none", "before=batch_none", "after=a&before=b", "order=up", "limit=0"):
            status, _, told = ask(endpoint, "GET", f"{path}?{query}")
            assert (status, told["error"]["type"]) == (400, "invalid_request_error"), query


def test_blank_lines_are_no_requests(client):
    """
    Between rows, at the end, with the line ends of Windows; an error still names the line of the file.
    """
    rows = LINES.splitlines()[:3]
    file = client.files.create(file=b"\r\n\n" + b"\r\n \r\n".join(rows) + b"\r\n\r\n", purpose="batch")
    about = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    fine = client.batches.create(input_file_id=file.id, **about)
    broken = client.files.create(file=rows[0] + b"\n\n\nno json\n", purpose="batch")
    failed = client.batches.create(input_file_id=broken.id, **about)
    pause = threading.Event()
    while client.batches.retrieve(fine.id).status != "completed" or (
        client.batches.retrieve(failed.id).status != "failed"
    ):
        pause.wait(0.01)
    assert client.batches.retrieve(fine.id).request_counts.to_dict() == {
        "total": 3,
        "completed": 3,
        "failed": 0,
    }
    errors = client.batches.retrieve(failed.id).errors.data
    assert [(entry.code, entry.line) for entry in errors] == [("invalid_json_line", 4)]


@pytest.mark.parametrize(
    ("metadata", "code", "told"),
    [
        ({f"k{n}": "v" for n in range(16)}, None, ""),
        ({"k" * 64: "v" * 512}, None, ""),
        ({f"k{n}": "v" for n in range(17)}, "object_above_max_properties", "17 properties"),
        ({"k" * 65: "v"}, "string_above_max_length", "length 65"),
        ({"k": "v" * 513}, "string_above_max_length", "length 513"),
        ({"k": 1}, "invalid_type", "expected a string"),
    ],
)
def test_metadata_has_limits(endpoint, metadata, code, told):
    """
    Sixteen pairs of 64 and 512 characters.
    """
    body = {"input_file_id": "file-a", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    status, _, found = ask(endpoint, "POST", "/v1/batches", {**body, "metadata": metadata})
    if code is None:
        assert (status, found["metadata"]) == (200, metadata)
    else:
        assert (status, found["error"]["code"]) == (400, code)
        assert told in found["error"]["message"]


def test_tokens_of_every_kind_of_answer_are_added_up():
    """
    Of chat completions, responses and embeddings, with their details; what is no number counts as nothing.
    """
    usage = no_usage()
    for counted in (
        {
            "prompt_tokens": 10,
            "completion_tokens": 4,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 8},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        {
            "input_tokens": 100,
            "output_tokens": 40,
            "input_tokens_details": {"cached_tokens": 80},
            "output_tokens_details": {"reasoning_tokens": 30},
        },
        {"prompt_tokens": 1000, "total_tokens": 1000},
        {"prompt_tokens": "many", "completion_tokens": -5, "prompt_tokens_details": {"cached_tokens": None}},
        None,
    ):
        add_usage(usage, {"usage": counted})
    add_usage(usage, {})
    assert usage == {
        "input_tokens": 1110,
        "input_tokens_details": {"cached_tokens": 88},
        "output_tokens": 44,
        "output_tokens_details": {"reasoning_tokens": 33},
        "total_tokens": 1154,
    }


def test_a_store_of_the_first_version_opens(tmp_path):
    """
    Its files and batches belong to the home's own key.
    """
    from rowbatch.server import storage as module
    from rowbatch.store.sqlite import open_database

    tmp_path.joinpath("files").mkdir()
    db = open_database(tmp_path / "server.sqlite")
    db.executescript(module._SCHEMA)
    db.execute("INSERT INTO file VALUES ('file-a', 1, 5, 4000000000, 'a.jsonl', 'batch')")
    document = json.dumps({"id": "batch_a", "status": "completed"})
    db.execute("INSERT INTO batch (id, document, status) VALUES ('batch_a', ?, 'completed')", (document,))
    db.execute("PRAGMA user_version = 1")
    db.close()
    for _ in range(2):
        storage = Storage(tmp_path)
        assert storage.file("file-a", owner="")
        assert storage.batch("batch_a", owner="")
        assert storage.batch("batch_a", owner="ana") is None
        assert len(storage.list_batches(Cursor(5)).items) == 1
        storage.close()
