"""Our own programs are started, and waited for until they are ready."""

import os
import socket
import subprocess
import sys
import time

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from loops import run_alone
from rowbatch import processes
from rowbatch.errors import RowbatchError, StorageError
from rowbatch.processes import (
    LEFT_ALONE,
    ask_nearby,
    began_at,
    hold,
    is_held,
    is_proof,
    prove,
    start_until_ready,
)
from rowbatch.serving import serve_until_ready


@pytest.fixture
def program(monkeypatch, tmp_path):
    """What is run in the place of `rowbatch`; its argument is a line of Python."""
    monkeypatch.setattr(processes, "python_module", lambda _: [sys.executable, "-c"])
    known = len(LEFT_ALONE)

    def start(line, find, **options):
        return start_until_ready([line], find, log=tmp_path / "log", cwd=tmp_path, **options)

    yield start
    for process in LEFT_ALONE[known:]:
        process.kill()
        process.wait()
    del LEFT_ALONE[known:]


def test_a_program_is_ready_when_it_is_found(program, tmp_path):
    """
    It runs on by itself, and what tells that it is ready is given back.
    """
    ready = "open('ready', 'w').close(); import time; time.sleep(60)"
    started = program(ready, lambda: "here" if (tmp_path / "ready").exists() else None, wait_s=30.0)
    assert (started.found, started.said) == ("here", "")
    assert LEFT_ALONE[-1].poll() is None


def test_a_program_that_ends_before_says_why(program, tmp_path):
    """
    Its last lines come back, those of this start and not of an earlier one, and nobody waits any longer.
    """
    (tmp_path / "log").write_text("words of long ago\n")
    began = time.monotonic()
    started = program("print('one'); print(); print('two'); raise SystemExit(5)", lambda: None, wait_s=60.0)
    assert (started.found, started.said) == (None, "one / two")
    assert time.monotonic() - began < 30


def test_a_log_that_is_too_large_begins_anew(program, tmp_path):
    """
    It never grows without end.
    """
    (tmp_path / "log").write_text("x" * 1_000)
    assert program("print('new')", lambda: None, wait_s=30.0, max_log_bytes=100).said == "new"
    assert (tmp_path / "log").read_text() == "new\n"


def test_another_one_that_was_first_is_waited_for(program, tmp_path):
    """
    Of two that are started at once the one without the lock ends, and finds the other.
    """
    found = iter([None, None, None, "the other"])
    started = program("raise SystemExit(7)", lambda: next(found), wait_s=30.0, another_runs=7)
    assert started.found == "the other"


def test_a_program_that_can_have_no_log_is_not_started(tmp_path):
    """
    Here a folder has its name: it is said, and is no fault of ours.
    """
    (tmp_path / "ui.log").mkdir()
    with pytest.raises(RowbatchError) as caught:
        start_until_ready(["--version"], lambda: None, log=tmp_path / "ui.log", cwd=tmp_path, wait_s=1)
    assert "ui.log" in str(caught.value)


def test_an_address_that_can_be_none_is_answered_by_nobody():
    """
    What a file says that somebody has damaged.
    """
    for address in ("http://127.0.0.1:99999/hello", "http://127.0.0.1:x/", "x", "http://"):
        assert ask_nearby(address, wait_s=1.0) is None


def test_a_program_that_takes_too_long(program):
    """
    It is not waited for longer than was said.
    """
    assert program("import time; time.sleep(60)", lambda: None, wait_s=0.3).found is None


def listening():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


def test_a_server_answers_when_it_is_said_to_be_ready():
    """
    The first call after that is answered; when it is told to end, it does.
    """
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("hello"))])

    async def serve():
        with listening() as listener:
            started = await serve_until_ready(app, listener, closing_s=1)
            assert started is not None
            server, serving = started
            async with httpx2.AsyncClient() as client:
                answer = await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
            server.should_exit = True
            await serving
            return answer.text

    assert run_alone(serve()) == "hello"


def test_a_server_that_cannot_begin():
    """
    One whose own beginning fails is not said to be ready.
    """

    async def lifespan(scope, receive, send):
        assert scope["type"] == "lifespan"
        await receive()
        await send({"type": "lifespan.startup.failed", "message": ""})

    async def serve():
        with listening() as listener:
            return await serve_until_ready(lifespan, listener, closing_s=1)

    assert run_alone(serve()) is None


HOLDER = """
import sys, time
from pathlib import Path
from rowbatch.processes import hold
with hold(Path(sys.argv[1])) as is_ours:
    print(is_ours, flush=True)
    time.sleep(60)
"""


def test_one_process_holds_a_file_until_it_ends(tmp_path):
    """
    Another one is told that it is not the one; when the first is killed, nothing is left that says it runs.
    """
    path = tmp_path / "lock"
    assert not is_held(path)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "True\n"
        assert is_held(path)
        with hold(path) as is_ours:
            assert not is_ours
        assert is_held(path)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert not is_held(path)
    with hold(path) as is_ours:
        assert is_ours
        assert is_held(path)


def test_a_file_that_cannot_be_held(tmp_path):
    """
    That is an error with words, and nobody is said to hold it.
    """
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError), hold(tmp_path / "file" / "lock"):
        pytest.fail("held")
    assert not is_held(tmp_path / "file" / "lock")


def test_a_proof_is_about_what_was_said():
    """
    Another secret, another text, or the same text divided otherwise, is no proof; nor is anything of a
    stranger, whatever letters it has.
    """
    proof = prove("secret", "hello", "12")
    assert is_proof(proof, "secret", "hello", "12")
    assert "secret" not in proof
    for others in (("Secret", "hello", "12"), ("secret", "hello", "13"), ("secret", "hello1", "2")):
        assert not is_proof(proof, *others)
    for answer in ("", proof[:-1], proof.upper(), "é" * 64, "\udcff"):
        assert not is_proof(answer, "secret", "hello", "12")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell")
def test_when_a_process_began():
    """
    The same for as long as it lives, another for a later one, and nothing where there is none.
    """
    first = began_at(os.getpid())
    assert first
    assert began_at(os.getpid()) == first
    later = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert later.stdin is not None
    assert began_at(later.pid) not in ("", None, first)
    later.stdin.close()
    later.wait()
    assert began_at(later.pid) is None
