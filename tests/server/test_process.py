"""The server as a process of its own: killed, ended, found again."""

import json
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest

from rowbatch.server.launch import Endpoint, find_running
from rowbatch.server.local_model import MODEL_ID

SERVER = Path(__file__).parents[1] / "scripted_server.py"
ROWS = 150
DEADLINE_S = 120.0


class Server:
    """A scripted server in a process of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home, self.options = home, options
        self.log = home.with_name("server.log")

    def start(self) -> Endpoint:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVER), str(self.home), *self.options], stdout=log, stderr=log
            )
        endpoint = wait_for(lambda: find_running(self.home))
        assert isinstance(endpoint, Endpoint)
        return endpoint

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "home", "--delay", "0.01", "--journal", str(tmp_path / "journal"))
    yield found
    found.kill()


def wait_for(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < end
        threading.Event().wait(0.01)
    return found


def _has_lines(path: Path, least: int) -> bool:
    return path.exists() and path.read_bytes().count(b"\n") >= least


def create(client: openai.OpenAI) -> str:
    lines = [
        {
            "custom_id": f"row-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": MODEL_ID, "messages": [{"role": "user", "content": f"text {number}"}]},
        }
        for number in range(ROWS)
    ]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file_id = client.files.create(file=("in.jsonl", data), purpose="batch").id
    return client.batches.create(
        input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
    ).id


def test_a_killed_server_goes_on_where_it_was(server, tmp_path):
    """
    kill -9 twice in the middle, once with a line that was cut: every row is in the output once, the counts
    and the usage are right, and no row whose line was whole is run again.
    """
    endpoint = server.start()
    with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key) as client:
        batch_id = create(client)
    work = server.home / "work" / f"{batch_id}.output"
    finished: set[str] = set()
    for least in (30, 80):
        wait_for(partial(_has_lines, work, least))
        server.kill()
        whole = work.read_bytes().split(b"\n")[:-1]
        finished.update(json.loads(line)["custom_id"].replace("row-", "text ") for line in whole)
        with work.open("ab") as file:
            file.write(b'{"id": "batch_req_1", "custom_id": "row-149", "resp')
        endpoint = server.start()
    with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key) as client:
        batch = wait_for(lambda: (b := client.batches.retrieve(batch_id)).status == "completed" and b)
        text = client.files.content(batch.output_file_id).text
        assert batch.error_file_id is None
        assert batch.request_counts.model_dump() == {"total": ROWS, "completed": ROWS, "failed": 0}
        assert batch.usage.total_tokens == 9 * ROWS
    ids = [json.loads(line)["custom_id"] for line in text.splitlines()]
    assert sorted(ids) == sorted(f"row-{number}" for number in range(ROWS))
    asked = Counter(json.loads(line) for line in (tmp_path / "journal").read_text().splitlines())
    assert len(finished) >= 80
    assert {text for text, times in asked.items() if times > 1}.isdisjoint(finished)
    assert list((server.home / "work").iterdir()) == []


def test_a_server_ends_cleanly(server):
    """
    SIGTERM in the middle of a batch: gone within two seconds, nothing left that says it runs.
    """
    endpoint = server.start()
    with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key) as client:
        create(client)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=5)
    assert find_running(server.home) is None
    assert "Traceback" not in server.log.read_text()


def test_a_killed_server_is_not_asked(server):
    """
    What a kill leaves behind says where the server was; whoever has that port now is not given the key.
    """
    server.start()
    assert find_running(server.home)
    server.kill()
    assert (server.home / "server.json").exists()
    assert find_running(server.home) is None


def test_the_key_is_in_one_file(server):
    """
    `server.key`, readable by its owner only; in no other file, no log, no repr.
    """
    endpoint = server.start()
    with openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key) as client:
        create(client)
    with (
        openai.OpenAI(base_url=endpoint.base_url, api_key="wrong") as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()
    server.process.terminate()
    server.process.wait()
    holders = [
        path.name
        for path in (*server.home.rglob("*"), server.log)
        if path.is_file() and endpoint.key.encode() in path.read_bytes()
    ]
    assert holders == ["server.key"]
    assert endpoint.key not in repr(endpoint)
    if sys.platform != "win32":
        assert stat.S_IMODE((server.home / "server.key").stat().st_mode) == 0o600
        assert stat.S_IMODE(server.home.stat().st_mode) == 0o700
