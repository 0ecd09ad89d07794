"""The server is killed at any moment: finished rows stay finished."""

import importlib.util
import json
import signal
import stat
import sys
from collections import Counter
from pathlib import Path

import openai
import pytest

from end_to_end import start_scripted_server, wait_until
from rowbatch.errors import LocalModelError, ServiceError
from rowbatch.server import local_model
from rowbatch.server.launch import find_running
from rowbatch.server.local_model import INSTALL_COMMAND, LocalModel, check_local_model, verify
from rowbatch.server.main import serve
from rowbatch.server.runner import FINAL_STATUS
from rowbatch.server.storage import Cursor, Storage
from serving import ScriptedEngine

MODEL = local_model.MODEL_ID
ROWS = 120


def input_lines(count: int) -> bytes:
    return b"".join(
        json.dumps(
            {
                "custom_id": f"row-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": MODEL, "messages": [{"role": "user", "content": f"text {number}"}]},
            }
        ).encode()
        + b"\n"
        for number in range(count)
    )


def connect(home) -> openai.OpenAI:
    endpoint = find_running(home / "server")
    assert endpoint is not None
    return openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_killed_server_goes_on_where_it_was(tmp_path):
    """
    kill -9 in the middle, twice, once with a last line cut in half: every row once in the output, and only
    rows whose lines were not synced yet are asked again.
    """
    home, journal = tmp_path / "home", tmp_path / "journal"
    options = ("--delay", "0.02", "--journal", str(journal))
    server = start_scripted_server(home, *options)
    try:
        with connect(home) as client:
            file_id = client.files.create(file=("a.jsonl", input_lines(ROWS)), purpose="batch").id
            batch_id = client.batches.create(
                input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
            ).id
        for share in (0.25, 0.6):
            wait_until(lambda share=share: journal.exists() and len(asked(journal)) >= ROWS * share)
            server.send_signal(signal.SIGKILL)
            server.wait()
            with (home / "server" / "work" / f"{batch_id}.output").open("ab") as work:
                work.write(b'{"id":"batch_req_1","custom_id":"row-')
            server = start_scripted_server(home, *options)
        with connect(home) as client:
            wait_until(lambda: client.batches.retrieve(batch_id).status == "completed")
            batch = client.batches.retrieve(batch_id)
            assert batch.output_file_id
            lines = client.files.content(batch.output_file_id).text.splitlines()
    finally:
        server.kill()
        server.wait()
    ids = Counter(json.loads(line)["custom_id"] for line in lines)
    assert ids == Counter({f"row-{number}": 1 for number in range(ROWS)})
    assert batch.request_counts is not None
    assert batch.request_counts.completed == ROWS
    # At most 25 lines lie unsynced, and four rows are with the engine.
    assert len(asked(journal)) - ROWS <= 2 * (25 + 4)
    # What may have been paid for twice is said; rows that were taken, but not yet begun, are among it.
    told = (batch.model_extra or {}).get("rowbatch", {"rows_maybe_asked_twice": 0})
    assert len(asked(journal)) - ROWS <= told["rows_maybe_asked_twice"] <= 2 * (25 + 4)


def asked(journal: Path) -> list[str]:
    return journal.read_text().splitlines()


def test_a_crash_between_the_files_and_the_word_completed(tmp_path):
    """
    The result files have their names, the batch does not know yet: the next start finishes it, and asks
    nothing.
    """
    home = tmp_path / "home" / "server"
    storage = Storage(home)
    batch_id = "batch_0123456789abcdef"
    document = {
        "id": batch_id,
        "status": "finalizing",
        "input_file_id": "file-none",
        "in_progress_at": 1,
        "request_counts": {"total": 1, "completed": 1, "failed": 0},
        "output_file_id": None,
        "error_file_id": None,
        "endpoint": "/v1/chat/completions",
        "expires_at": 2**40,
        FINAL_STATUS: "completed",
    }
    storage.create_batch(document, idempotency_key=None, request_digest="x")
    storage.path_of("file-0123456789abcdefo").write_bytes(b'{"custom_id":"row-1"}\n')
    storage.close()
    server = start_scripted_server(tmp_path / "home")
    try:
        with connect(tmp_path / "home") as client:
            wait_until(lambda: client.batches.retrieve(batch_id).status == "completed")
            batch = client.batches.retrieve(batch_id)
            assert (batch.output_file_id, batch.error_file_id) == ("file-0123456789abcdefo", None)
            assert FINAL_STATUS not in batch.model_dump()
    finally:
        server.kill()
        server.wait()


def test_one_server_a_home_and_its_key_is_private(tmp_path):
    """
    A second server is refused with a reason; the key is in one file, for its owner only.
    """
    home = tmp_path / "home"
    server = start_scripted_server(home)
    try:
        with pytest.raises(ServiceError, match="another server is running"):
            serve(home / "server", engine=ScriptedEngine())
        endpoint = find_running(home / "server")
        assert endpoint is not None
        assert endpoint.key not in repr(endpoint)
        holders = [
            path.name
            for path in home.rglob("*")
            if path.is_file() and endpoint.key.encode() in path.read_bytes()
        ]
        assert holders == ["server.key"]
        if sys.platform != "win32":
            assert stat.S_IMODE((home / "server" / "server.key").stat().st_mode) == 0o600
            assert stat.S_IMODE((home / "server").stat().st_mode) == 0o700
    finally:
        server.kill()
        server.wait()
    assert find_running(home / "server") is None


def test_a_missing_model_names_the_one_line_that_installs_it(monkeypatch, tmp_path):
    """
    Without the runtime or the weights the hint is the pip line; a damaged file is refused.
    """
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LocalModelError) as caught:
        check_local_model()
    assert caught.value.hint == INSTALL_COMMAND
    damaged = tmp_path / "model.gguf"
    damaged.write_bytes(b"GGUF")
    with pytest.raises(LocalModelError, match="checksum"):
        verify(LocalModel(damaged))


def test_twenty_thousand_batches_slow_nothing_down(tmp_path):
    """
    A page of the list and a look for work find what they need by an index, and read no batch beside it.
    """
    storage = Storage(tmp_path)
    for at in range(50):
        document = {"id": f"batch_{at:03d}", "status": "completed" if at != 30 else "validating"}
        storage.create_batch(
            {**document, "input_file_id": "file-none"}, idempotency_key=None, request_digest=""
        )
    assert (storage.oldest_batch("in_progress", "validating") or {})["id"] == "batch_030"
    assert (storage.oldest_batch("validating", "completed") or {})["id"] == "batch_000"
    assert (storage.oldest_batch("validating", "completed", but=["batch_000"]) or {})["id"] == "batch_001"
    assert storage.oldest_batch("validating", but=["batch_030"]) is None
    asked: list[str] = []
    storage._db.set_trace_callback(asked.append)
    storage.oldest_batch("validating", "in_progress", but=["batch_030"])
    storage.list_batches(Cursor(limit=20, after="batch_040"))
    storage._db.set_trace_callback(None)
    plans = [row["detail"] for one in asked for row in storage._db.execute(f"EXPLAIN QUERY PLAN {one}")]
    assert plans
    assert all(plan.startswith("SEARCH") for plan in plans if "batch" in plan), plans
    storage.close()
