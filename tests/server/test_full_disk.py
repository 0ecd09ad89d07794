"""The disk is full, or refuses: the server says so with 507, and loses no answer that it has."""

import contextlib
import errno
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

import openai
import pytest

from end_to_end import DEADLINE_S, SCRIPTED_SERVER, environment, wait_until
from rowbatch.errors import StorageError
from rowbatch.server import incoming, runner, storage, work
from rowbatch.server.chat_request import CHAT
from rowbatch.server.engine import EngineReply
from rowbatch.server.local_model import MODEL_ID
from rowbatch.server.main import serve
from serving import MODEL, ScriptedEngine, running_server

FULL = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG]
NAMES = ["ENOSPC", "EDQUOT", "EFBIG"]


def lines(count: int, model: str = MODEL, size: int = 1) -> bytes:
    entries = (
        {
            "custom_id": f"row-{number}",
            "method": "POST",
            "url": CHAT.url,
            "body": {"model": model, "messages": [{"role": "user", "content": f"{number}" * size}]},
        }
        for number in range(count)
    )
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def upload(client: openai.OpenAI, content: bytes) -> str:
    return client.files.create(file=("in.jsonl", content), purpose="batch").id


def create(client: openai.OpenAI, file_id: str):
    return client.batches.create(
        input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
    )


def ended(client: openai.OpenAI, batch_id: str):
    wait_until(lambda: client.batches.retrieve(batch_id).status in ("completed", "failed", "expired"))
    return client.batches.retrieve(batch_id)


def custom_ids(client: openai.OpenAI, file_id: str | None) -> Counter[str]:
    if file_id is None:
        return Counter()
    return Counter(
        json.loads(line)["custom_id"] for line in client.files.content(file_id).content.splitlines()
    )


@contextlib.contextmanager
def connected(home: Path, engine: ScriptedEngine):
    with (
        running_server(home, engine) as endpoint,
        openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0) as client,
    ):
        yield client


def refused(call, *arguments) -> openai.InternalServerError:
    """What the client of OpenAI makes of the refusal: its class for a fault of the server, with the error."""
    with pytest.raises(openai.InternalServerError) as caught:
        call(*arguments)
    error = caught.value
    assert (error.status_code, error.code, error.type) == (507, "insufficient_storage", "server_error")
    assert "disk is full" in error.message
    return error


class _Full(io.FileIO):
    """Takes some bytes, then none."""

    number = errno.ENOSPC

    def write(self, data):
        super().write(bytes(data)[:7])
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", FULL, ids=NAMES)
def test_an_upload_that_has_no_room(tmp_path, monkeypatch, number):
    """
    507 in OpenAI's form, nothing of it stays, and the next one is taken.
    """
    monkeypatch.setattr(_Full, "number", number)
    with connected(tmp_path, ScriptedEngine()) as client:
        with monkeypatch.context() as patch:
            opened = Path.open
            patch.setattr(
                Path,
                "open",
                lambda path, *how, **more: (
                    _Full(path, "wb") if path.suffix == ".part" else opened(path, *how, **more)
                ),
            )
            refused(upload, client, lines(1))
        assert list((tmp_path / "files").iterdir()) == []
        assert client.files.list().data == []
        assert upload(client, lines(1))


def test_an_upload_that_is_larger_than_what_is_free(tmp_path, monkeypatch):
    """
    Refused by its announced length, before it fills the disk of everybody else.
    """
    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    with connected(tmp_path, ScriptedEngine()) as client:
        with monkeypatch.context() as patch:
            patch.setattr("rowbatch.server.incoming.shutil.disk_usage", lambda _: free)
            refused(upload, client, lines(50))
        assert upload(client, lines(50))


def test_a_full_database_is_507_for_uploads_and_batches(tmp_path, monkeypatch):
    """
    SQLite's "database or disk is full", here by `PRAGMA max_page_count`: nothing stays of what was refused,
    and after there is room the same call is taken.
    """
    with connected(tmp_path, ScriptedEngine()) as client:
        file_id = upload(client, lines(1))
        executed, state = storage.Storage.execute, {"full": True}

        def execute(kept, statement, values=()):
            if state["full"] and statement.startswith("INSERT"):
                pages = kept._db.execute("PRAGMA page_count").fetchone()[0]
                kept._db.execute(f"PRAGMA max_page_count = {pages}")
                # So that the new row has no room in the last page.
                values = {**values, "filename": "x" * 9000} if isinstance(values, dict) else values
                if not isinstance(values, dict):
                    values = (values[0], "x" * 9000, *values[2:])
            else:
                kept._db.execute("PRAGMA max_page_count = 1073741823")
            return executed(kept, statement, values)

        monkeypatch.setattr(storage.Storage, "execute", execute)
        refused(upload, client, lines(1))
        refused(create, client, file_id)
        assert [path.name for path in (tmp_path / "files").iterdir()] == [file_id]
        assert list((tmp_path / "work").iterdir()) == []
        state["full"] = False
        assert ended(client, create(client, file_id).id).status == "completed"


def test_a_disk_that_refuses_is_503(tmp_path, monkeypatch):
    """
    No room is one thing, a disk that cannot be written another: its words are in the error.
    """
    with connected(tmp_path, ScriptedEngine()) as client:

        def fail(*_):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        monkeypatch.setattr(incoming, "fsync_folder", fail)
        with pytest.raises(openai.InternalServerError, match="Read-only file system") as caught:
            upload(client, lines(1))
        assert (caught.value.status_code, caught.value.code) == (503, "storage_unavailable")


@pytest.mark.parametrize("number", FULL, ids=NAMES)
def test_an_answer_that_cannot_be_written_waits_and_is_not_asked_again(tmp_path, monkeypatch, number):
    """
    The disk takes half a line, then nothing: every answer that came stays in memory, no further row is asked,
    `/health` says why; when there is room all are written whole. Before, what was being answered was thrown
    away and asked, and paid for, again; and half a line made one with the next.
    """
    monkeypatch.setattr(runner, "_TRY_AGAIN_S", 0.02)
    is_full, written = threading.Event(), io.FileIO.write

    class Disk(io.FileIO):
        def write(self, data):
            if is_full.is_set():
                written(self, bytes(data)[:9])
                raise OSError(number, os.strerror(number))
            return written(self, data)

    opened = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, *how, **more: Disk(path, how[0]) if how[:1] == ("ab",) else opened(path, *how, **more),
    )
    engine = ScriptedEngine(delay_s=0.002)
    with connected(tmp_path, engine) as client:
        batch = create(client, upload(client, lines(2_000)))
        wait_until(lambda: engine.calls.total() >= 10)
        is_full.set()
        wait_until(lambda: "Errno" in str(health(client)["fault"]))
        asked = engine.calls.total()
        threading.Event().wait(0.2)
        # Four are in the engine at once; nobody takes their places.
        assert engine.calls.total() - asked <= 4
        assert client.batches.retrieve(batch.id).status == "in_progress"
        is_full.clear()
        done = ended(client, batch.id)
        assert (done.status, done.request_counts.completed) == ("completed", 2_000)
        assert custom_ids(client, done.output_file_id) == {f"row-{n}": 1 for n in range(2_000)}
        wait_until(lambda: health(client)["fault"] is None)
    assert set(engine.calls.values()) == {1}


def test_what_is_being_answered_is_kept_when_the_disk_stops_the_work(tmp_path, monkeypatch):
    """
    A sync fails while four rows are in the engine: their answers are written, and none is asked again.
    """
    monkeypatch.setattr(runner, "_TRY_AGAIN_S", 0.02)
    sync, failures = work.Work.sync, iter(range(5))

    def full(work):
        if next(failures, None) is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(work)

    monkeypatch.setattr(work.Work, "sync", full)
    engine = ScriptedEngine(delay_s=0.005)
    with connected(tmp_path, engine) as client:
        done = ended(client, create(client, upload(client, lines(150))).id)
        assert custom_ids(client, done.output_file_id) == {f"row-{n}": 1 for n in range(150)}
    assert set(engine.calls.values()) == {1}


def health(client: openai.OpenAI):
    import httpx2

    address = str(client.base_url).removesuffix("/v1/") + "/health"
    return httpx2.get(address, headers={"authorization": f"Bearer {client.api_key}"}).json()


def test_a_damaged_line_of_a_work_file_costs_one_row(tmp_path):
    """
    The disk lost a block in the middle: the lines around it are kept, its row is asked again, and the batch
    is not stuck.
    """
    engine = ScriptedEngine(delay_s=0.01)
    with connected(tmp_path, engine) as client:
        batch = create(client, upload(client, lines(40)))
        wait_until(lambda: engine.calls.total() >= 20)
        engine.delay_s = DEADLINE_S
    (work,) = (tmp_path / "work").glob("*.output")
    kept = work.read_bytes().splitlines(keepends=True)
    lost = json.loads(kept[3])["custom_id"]
    work.write_bytes(b"".join([*kept[:3], b"\0" * 50 + b"\n", b'{"custom_id": "row-1"}\n', *kept[4:]]))
    again = ScriptedEngine()
    with connected(tmp_path, again) as client:
        done = ended(client, batch.id)
        assert custom_ids(client, done.output_file_id) == {f"row-{n}": 1 for n in range(40)}
    assert lost.removeprefix("row-") in again.calls
    assert len(again.calls) <= 40 - len(kept) + 1


def test_a_batch_that_cannot_go_on_fails_and_lets_the_others_have_their_turn(tmp_path, monkeypatch):
    """
    Its input was taken away: after a few tries it is `failed` with a reason, what was answered is in its
    output file, and the next batch runs.
    """
    monkeypatch.setattr(runner, "_TRY_AGAIN_S", 0.02)
    engine = ScriptedEngine(delay_s=0.005)
    with connected(tmp_path, engine) as client:
        stuck = create(client, upload(client, lines(40)))
        wait_until(lambda: engine.calls.total() >= 10)
        engine.delay_s = DEADLINE_S
    engine.delay_s = 0
    (tmp_path / "work" / f"{stuck.id}.input").unlink()
    with connected(tmp_path, engine) as client:
        other = create(client, upload(client, lines(2)))
        done = ended(client, stuck.id)
        assert (done.status, done.errors.data[0].code) == ("failed", "server_error")
        assert 10 <= custom_ids(client, done.output_file_id).total() < 40
        assert ended(client, other.id).status == "completed"


def can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs leave to mount a small disk")
def test_a_disk_that_is_really_full(tmp_path):
    """
    A file system of 600 KB: uploads, batches and rows, with the disk filled and freed again.
    """
    disk, journal = tmp_path / "disk", tmp_path / "journal"
    disk.mkdir()
    command = (
        f"mount -t tmpfs -o size=600k tmpfs {disk} && "
        f"exec {sys.executable} {SCRIPTED_SERVER} {disk}/server --delay 0.02 --journal {journal}"
    )
    process = subprocess.Popen(["unshare", "-m", "sh", "-c", command], env=environment(tmp_path))
    seen = Path(f"/proc/{process.pid}/root{disk}")
    try:
        wait_until(lambda: (seen / "server" / "server.json").exists() or process.poll() is not None)
        base_url = json.loads((seen / "server" / "server.json").read_text())["base_url"]
        key = (seen / "server" / "server.key").read_text()
        with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0) as client:
            file_id = upload(client, lines(60, MODEL_ID, size=40))
            refused(upload, client, lines(3000, MODEL_ID, size=40))
            batch = create(client, file_id)
            wait_until(journal.exists)
            fill(seen / "fill")
            refused(upload, client, lines(200, MODEL_ID))
            wait_until(lambda: health(client)["fault"] is not None)
            refused(create, client, file_id)
            (seen / "fill").unlink()
            done = ended(client, batch.id)
            assert custom_ids(client, done.output_file_id) == {f"row-{n}": 1 for n in range(60)}
            assert upload(client, lines(200, MODEL_ID))
    finally:
        process.kill()
        process.wait()
    assert set(Counter(journal.read_text().splitlines()).values()) == {1}


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_folder_that_is_damaged_ends_the_start_with_words(tmp_path):
    """
    The reason is an error of ours with its exit code, for the terminal and for whoever started the server.
    """
    storage.Storage(tmp_path).close()
    (tmp_path / "server.sqlite").write_bytes(b"this is no database\n" * 400)
    with pytest.raises(StorageError, match="not a database") as caught:
        serve(tmp_path, engine=ScriptedEngine(lambda _: EngineReply(200, {})))
    assert caught.value.exit_code == 5
    # A program that goes on has its own place for such files again.
    assert tempfile.tempdir != str(tmp_path)


def test_a_key_file_without_a_key_is_made_anew(tmp_path, monkeypatch):
    """
    An empty file, or one that is no text: nobody could be let in with it.
    """
    monkeypatch.delenv("ROWBATCH_SERVER_KEY", raising=False)
    from rowbatch.server.main import _own_key

    for content in (b"", b" \n", b"\xff\xfe"):
        (tmp_path / "server.key").write_bytes(content)
        key = _own_key(tmp_path)
        assert len(key) > 40
        assert (tmp_path / "server.key").read_text() == key == _own_key(tmp_path)
