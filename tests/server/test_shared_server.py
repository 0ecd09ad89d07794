"""A server for several people: keys, limits, webhooks, and what it tells whoever watches it."""

import base64
import io
import json
import logging
import stat
import threading
import time
from collections import deque

import openai
import pytest

from rowbatch.errors import StorageError, UsageError
from rowbatch.server import keys, webhooks
from rowbatch.server.metrics import _JsonLines
from rowbatch.server.storage import Storage
from serving import KEY, Clock, ScriptedEngine, ask, batch_lines, running_server

LINES = batch_lines(40)
ABOUT = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}


def wait_for(is_so):
    pause, end = threading.Event(), time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        pause.wait(0.01)


def connect(endpoint, key=KEY):
    return openai.OpenAI(base_url=endpoint.base_url, api_key=key, max_retries=0)


def test_each_key_sees_its_own(tmp_path):
    """
    Neither files, uploads nor batches of another one, by no call; what is not one's own is as what is not
    there. A key is taken and refused while the server runs, and nothing on the disk has it.
    """
    with running_server(tmp_path, ScriptedEngine()) as endpoint, connect(endpoint) as own:
        secret = {name: keys.add_server_key(tmp_path, name) for name in ("ana", "ben")}
        with connect(endpoint, secret["ana"]) as ana, connect(endpoint, secret["ben"]) as ben:
            file = ana.files.create(file=LINES, purpose="batch")
            once = {"Idempotency-Key": "one"}
            batch = ana.batches.create(input_file_id=file.id, **ABOUT, extra_headers=once)
            upload = ana.uploads.create(filename="a", bytes=5, mime_type="a/b", purpose="batch")
            wait_for(lambda: ana.batches.retrieve(batch.id).status == "completed")
            output = ana.batches.retrieve(batch.id).output_file_id
            for other in (ben, own):
                assert other.files.list().data == other.batches.list().data == []
                for call, name in (
                    (other.files.retrieve, file.id),
                    (other.files.content, output),
                    (other.files.delete, file.id),
                    (other.batches.retrieve, batch.id),
                    (other.batches.cancel, batch.id),
                    (other.uploads.cancel, upload.id),
                ):
                    with pytest.raises(openai.NotFoundError):
                        call(name)
                with pytest.raises(openai.BadRequestError, match="there is no"):
                    other.batches.list(after=batch.id)
                # Of the same name, and another batch; of the other's file, as one that is not there.
                stolen = other.batches.create(input_file_id=file.id, **ABOUT, extra_headers=once)
                assert stolen.id != batch.id
                wait_for(
                    lambda other=other, stolen=stolen: other.batches.retrieve(stolen.id).status == "failed"
                )
            assert {one.id for one in ana.files.list()} == {file.id, output}
            assert ana.batches.create(input_file_id=file.id, **ABOUT, extra_headers=once).id == batch.id
            assert keys.remove_server_key(tmp_path, "ana")
            assert not keys.remove_server_key(tmp_path, "ana")

            def is_refused():
                try:
                    ana.models.list()
                except openai.AuthenticationError:
                    return True
                return False

            wait_for(is_refused)
            assert ben.models.list().data
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stat.S_IMODE((tmp_path / keys.KEYS_FILE).stat().st_mode) == 0o600
    for path in kept:
        assert not any(one.encode() in path.read_bytes() for one in secret.values()), path


def test_names_and_files_of_keys_that_are_none(tmp_path):
    """
    A name is no path; there is one key a name; a file that was changed is said at the start, and keeps nobody
    out who was let in before.
    """
    for name in ("", "a/b", "..", ".a", "ü", "a" * 65, "a\n"):
        with pytest.raises(UsageError):
            keys.add_server_key(tmp_path, name)
    secret = keys.add_server_key(tmp_path, "ana", rows_a_day=5)
    with pytest.raises(UsageError, match="there is a key"):
        keys.add_server_key(tmp_path, "ana")
    known = keys.Keys(tmp_path, KEY)

    def name_of(header):
        found = known.owner(header)
        return None if found is None else found.name

    bearer = b"Bearer " + secret.encode()
    assert name_of(bearer) == "ana"
    assert name_of(b"Bearer " + KEY.encode()) == ""
    for wrong in (b"", b"Bearer", b"Bearer ", b"Basic " + secret.encode(), bearer + b" ", b"Bearer \xff"):
        assert known.owner(wrong) is None
    path = tmp_path / keys.KEYS_FILE
    assert secret not in path.read_text()
    for text in ("", "{}", "[]", '{"keys": [{}]}', path.read_text().replace(": 5", ': "5"')):
        path.write_text(text)
        assert known.owner(b"Bearer other") is None
        assert name_of(bearer) == "ana"
        with pytest.raises(StorageError, match=r"server-keys\.json"):
            keys.Keys(tmp_path, KEY)


def test_limits_of_a_key(tmp_path):
    """
    Batches at once: 429, with a time to come again. Rows a day: such a batch fails with a reason, a direct
    call is 429, and the next day begins anew.
    """
    clock, engine = Clock(), ScriptedEngine()
    secret = keys.add_server_key(tmp_path, "ana", rows_a_day=81, batches_at_once=1)
    with running_server(tmp_path, engine, clock=clock) as endpoint, connect(endpoint, secret) as ana:
        file = ana.files.create(file=LINES, purpose="batch")

        def ended(batch):
            wait_for(lambda: ana.batches.retrieve(batch.id).status in ("completed", "failed"))
            return ana.batches.retrieve(batch.id)

        engine.gate.clear()
        first = ana.batches.create(input_file_id=file.id, **ABOUT)
        with pytest.raises(openai.RateLimitError, match="at most 1") as caught:
            ana.batches.create(input_file_id=file.id, **ABOUT)
        assert int(caught.value.response.headers["retry-after"]) > 0
        engine.gate.set()
        assert ended(first).status == "completed"
        assert ended(ana.batches.create(input_file_id=file.id, **ABOUT)).status == "completed"
        failed = ended(ana.batches.create(input_file_id=file.id, **ABOUT))
        assert (failed.status, failed.errors.data[0].code) == ("failed", "rate_limit_exceeded")
        assert "used today: 80; this batch: 40" in failed.errors.data[0].message
        body = {"model": "scripted", "messages": [{"role": "user", "content": "x"}]}
        bearer = {"authorization": f"Bearer {secret}"}
        told = [ask(endpoint, "POST", ABOUT["endpoint"], body, **bearer)[0] for _ in range(2)]
        assert told == [200, 429]
        assert ask(endpoint, "POST", ABOUT["endpoint"], body)[0] == 200
        clock.now += 24 * 3600
        assert ended(ana.batches.create(input_file_id=file.id, **ABOUT)).status == "completed"


def test_who_watches_is_told_without_contents(tmp_path):
    """
    That it is there and ready without a key, and nothing else; counts with one; nothing of texts, keys and
    names of keys.
    """
    secret = keys.add_server_key(tmp_path, "ana-the-owner")
    engine = ScriptedEngine(lambda _: "the-secret-answer")
    with running_server(tmp_path, engine) as endpoint, connect(endpoint, secret) as ana:
        for path, said in (("/healthz", {"status": "ok"}), ("/readyz", {"status": "ready"})):
            assert ask(endpoint, "GET", path, authorization="")[::2] == (200, said)
            assert ask(endpoint, "POST", path, authorization="")[0] == 401
            assert ask(endpoint, "GET", path, host="elsewhere", authorization="")[0] == 403
        assert ask(endpoint, "GET", "/metrics", authorization="")[0] == 401
        file = ana.files.create(file=LINES, purpose="batch")
        batch = ana.batches.create(input_file_id=file.id, **ABOUT)
        wait_for(lambda: ana.batches.retrieve(batch.id).status == "completed")
        ask(endpoint, "BREW", "/v1/files")
        status, headers, told = ask(endpoint, "GET", "/metrics")
        text = told.decode()
        assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert 'rowbatch_batches{status="completed"} 1\n' in text
        assert 'rowbatch_rows_total{outcome="answered"} 40\n' in text
        assert 'rowbatch_calls_total{method="other",status="4xx"} 1\n' in text
        assert "rowbatch_files 2\n" in text
        for word in ("ana", "secret", KEY, batch.id, "scripted"):
            assert word not in text


def test_a_server_that_cannot_write_is_not_ready(tmp_path, monkeypatch):
    """
    503 and no more than that: no path, no name.
    """
    from rowbatch.server.runner import Runner

    monkeypatch.setattr(Runner, "fault", property(lambda _: "No space left on /srv/ana"))
    with running_server(tmp_path, ScriptedEngine()) as endpoint:
        status, _, told = ask(endpoint, "GET", "/readyz", authorization="")
        assert (status, told["status"]) == (503, "not ready")
        assert "ana" not in json.dumps(told)


def test_the_log_for_programs_has_no_contents(tmp_path):
    """
    A line a call and a status, as JSON, with ids and names of keys; no key, no text, no path that no key
    opened.
    """
    secret = keys.add_server_key(tmp_path, "ana")
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(_JsonLines())
    ours = logging.getLogger("rowbatch.server")
    ours.addHandler(handler)
    before = ours.level
    ours.setLevel(logging.INFO)
    try:

        def answer(body):
            raise RuntimeError(body["messages"][0]["content"] + " has-a-text")

        with running_server(tmp_path, ScriptedEngine(answer)) as endpoint, connect(endpoint, secret) as ana:
            file = ana.files.create(file=LINES, purpose="batch")
            batch = ana.batches.create(input_file_id=file.id, **ABOUT)
            wait_for(lambda: ana.batches.retrieve(batch.id).status == "completed")
            ask(endpoint, "GET", "/v1/files/has-a-text?after=has-a-text")
            ask(endpoint, "GET", "/v1/has-a-text", authorization="Bearer has-a-text")
            ask(endpoint, "GET", "/has-a-text")
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert {line["logger"].rpartition(".")[2] for line in lines} >= {"requests", "batches", "runner"}
    calls = [line for line in lines if line["event"] == "call"]
    created = next(line for line in calls if line["path"] == "/v1/batches" and line["method"] == "POST")
    assert (created["status"], created["key_name"], created["request_id"][:4]) == (200, "ana", "req_")
    assert any(line.get("batch") == batch.id and line.get("status") == "completed" for line in lines)
    assert next(line for line in calls if batch.id in line["ids"])
    assert next(line for line in lines if line.get("error") == "RuntimeError")["event"] == "the engine failed"
    for word in ("has-a-text", secret, KEY):
        assert word not in written.getvalue()


@pytest.fixture
def hooked(tmp_path):
    """A storage that tells two addresses, with a clock."""
    clock = Clock()
    storage = Storage(tmp_path, clock=clock, hooks=("https://a.example/x", "https://b.example/y"))
    yield storage, clock
    storage.close()


def make(storage, name="batch_a"):
    storage.create_batch(
        {"id": name, "status": "in_progress", "input_file_id": "file-none"},
        idempotency_key=None,
        request_digest="",
    )
    return name


class Receiver:
    """Notes calls, and answers by a list of statuses; then by 200."""

    def __init__(self, *statuses):
        self.statuses, self.calls = deque(statuses), []

    async def __call__(self, url, body, headers):
        self.calls.append((url, body, dict(headers)))
        return self.statuses.popleft() if self.statuses else 200


def tell(hooks):
    import asyncio

    return asyncio.run(hooks.tell_due())


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "cancelled"])
def test_every_end_of_a_batch_is_told_once(hooked, tmp_path, status):
    """
    Signed so that OpenAI's own client takes it, and refuses it when a byte or the secret is another.
    """
    storage, clock = hooked
    clock.now = time.time()
    batch_id, secret, receiver = make(storage), webhooks.hook_secret(tmp_path), Receiver()
    hooks = webhooks.Webhooks(storage, secret, send=receiver)
    storage.update_batch(batch_id, status="finalizing")
    assert tell(hooks) == 0
    storage.update_batch(batch_id, status=status)
    storage.update_batch(batch_id, status=status)
    assert (tell(hooks), tell(hooks)) == (2, 0)
    assert {url for url, _, _ in receiver.calls} == {"https://a.example/x", "https://b.example/y"}
    _, body, headers = receiver.calls[0]
    client = openai.OpenAI(api_key="x", webhook_secret=secret)
    event = client.webhooks.unwrap(body, headers)
    told = event.to_dict()
    assert (told["type"], told["data"], told["object"]) == (f"batch.{status}", {"id": batch_id}, "event")
    assert headers["webhook-id"] == event.id
    other = "whsec_" + base64.b64encode(b"another secret, as long").decode()
    for changed, key in ((body + b" ", secret), (body, other)):
        with pytest.raises(openai.InvalidWebhookSignatureError):
            client.webhooks.unwrap(changed, headers, secret=key)


def test_a_webhook_is_tried_for_three_days(hooked, tmp_path):
    """
    Later and later, with the same id; redirects are no success; a restart forgets none; then it is given up.
    """
    storage, clock = hooked
    began = clock.now
    storage.update_batch(make(storage), status="completed")
    receiver = Receiver(500, 302, 0, 404)
    hooks = webhooks.Webhooks(storage, "whsec_" + "A" * 24, send=receiver)
    assert tell(hooks) == 0
    assert tell(hooks) == 0
    assert len(receiver.calls) == 2, "not yet due again"
    clock.now += 5
    assert tell(hooks) == 0
    # Another process.
    hooks = webhooks.Webhooks(storage, "whsec_" + "A" * 24, send=receiver)
    receiver.statuses.extend([500] * 400)
    while storage.execute("SELECT count(*) FROM event").fetchone()[0]:
        clock.now += 600
        tell(hooks)
        assert clock.now < began + 80 * 3600
    assert hooks.outcomes["given up"] == 2
    assert clock.now >= began + 70 * 3600
    assert 70 < len(receiver.calls) / 2 < 100
    assert len({headers["webhook-id"] for _, _, headers in receiver.calls}) == 1
    assert len({headers["webhook-signature"] for _, _, headers in receiver.calls}) > 70


def test_where_webhooks_may_go(tmp_path):
    """
    Encrypted, or to this computer; the secret is made once, private, and never taken when it is too short.
    """
    assert webhooks.check_hooks(["https://a.example/x", "http://127.0.0.1:9/x", "https://a.example/x"]) == (
        "https://a.example/x",
        "http://127.0.0.1:9/x",
    )
    for url in ("http://a.example/x", "ftp://a.example", "a.example", ""):
        with pytest.raises(UsageError):
            webhooks.check_hooks([url])
    made = webhooks.hook_secret(tmp_path)
    path = tmp_path / webhooks.HOOK_FILE
    assert (webhooks.hook_secret(tmp_path), stat.S_IMODE(path.stat().st_mode)) == (made, 0o600)
    for text in ("whsec_AAAA", "short", "whsec_not base64"):
        path.write_text(text)
        with pytest.raises(UsageError, match=r"webhook\.secret"):
            webhooks.hook_secret(tmp_path)


def test_a_real_call_of_a_webhook(tmp_path):
    """
    From the end of a batch to a server on this computer, in one go; a redirect is not followed.
    """
    from http.server import BaseHTTPRequestHandler, HTTPServer

    calls = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            calls.append((self.path, body, dict(self.headers)))
            self.send_response(200 if self.path == "/hook" else 302)
            self.send_header("location", "/stolen")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{receiver.server_port}"
        hooks = [f"{address}/hook", f"{address}/moved"]
        with running_server(tmp_path, ScriptedEngine(), hooks=hooks) as endpoint, connect(endpoint) as client:
            file = client.files.create(file=LINES, purpose="batch")
            batch = client.batches.create(input_file_id=file.id, **ABOUT)
            wait_for(lambda: len(calls) >= 2)
        receiver.shutdown()
        thread.join()
    assert sorted(path for path, _, _ in calls) == ["/hook", "/moved"]
    secret = (tmp_path / webhooks.HOOK_FILE).read_text().strip()
    taken = openai.OpenAI(api_key="x", webhook_secret=secret)
    for _, body, headers in calls:
        assert taken.webhooks.unwrap(body, headers).to_dict()["data"] == {"id": batch.id}
