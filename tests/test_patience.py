"""Clients that keep a server waiting are let go; work of our own never counts, however long it takes."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from rowbatch.serving import Patience, serve_until_ready

QUICK = Patience(
    head_s=0.4, body_s=0.4, pace_s=1.0, pace_bytes=400, answer_s=0.5, idle_s=0.4, connections=200
)
LONG = Patience(idle_s=60.0)
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Seen:
    """What became of the requests."""

    def __init__(self):
        self.bodies, self.broken_off, self.answers = [], 0, 0


@contextmanager
def served(patience=QUICK):
    """A server with an upload, a long computation and an endless answer; its address, and what it saw."""
    seen, stop, ready = Seen(), threading.Event(), threading.Event()

    async def upload(request):
        try:
            size = 0
            async for chunk in request.stream():
                size += len(chunk)
                # A slow disk.
                await asyncio.sleep(float(request.query_params.get("slow", "0")))
        except ClientDisconnect:
            seen.broken_off += 1
            raise
        seen.bodies.append(size)
        return PlainTextResponse(str(size))

    async def compute(_):
        await asyncio.sleep(1.2)
        return PlainTextResponse("computed")

    async def endless(_):
        async def blocks():
            while True:
                seen.answers += 1
                await asyncio.sleep(0)
                yield b"x" * 65_536

        return StreamingResponse(blocks())

    app = Starlette(
        routes=[
            Route("/", lambda _: PlainTextResponse("hello")),
            Route("/upload", upload, methods=["POST"]),
            Route("/compute", compute),
            Route("/endless", endless),
        ],
        exception_handlers={ClientDisconnect: lambda *_: PlainTextResponse("", 400)},
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))

    async def serve():
        started = await serve_until_ready(app, listener, closing_s=1, patience=patience)
        assert started is not None
        ready.set()
        server, serving = started
        while not stop.is_set():
            await asyncio.sleep(0.01)
        server.should_exit = True
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield listener.getsockname(), seen
    finally:
        stop.set()
        thread.join()
        listener.close()


@contextmanager
def client(address, first=b"", **options):
    with socket.socket() as found:
        if "receive_bytes" in options:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive_bytes"])
        found.settimeout(10.0)
        found.connect(address)
        found.sendall(first)
        yield found


def all_of(found):
    """What comes until the server closes; b"" also where it closes hard."""
    told = b""
    try:
        while block := found.recv(65_536):
            told += block
    except ConnectionResetError:
        pass
    return told


def answer_of(found):
    """One whole answer, of a connection that stays."""
    told = b""
    while b"\r\n\r\n" not in told:
        told += found.recv(65_536)
    head, _, body = told.partition(b"\r\n\r\n")
    size = int(re.findall(rb"content-length: (\d+)", head)[0])
    while len(body) < size:
        body += found.recv(65_536)
    return head + b"\r\n\r\n" + body


def seconds_until_closed(found):
    began = time.monotonic()
    told = all_of(found)
    return time.monotonic() - began, told


@pytest.mark.parametrize(
    ("first", "told"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: x\r\n", b"", id="half-a-head"),
        pytest.param(
            b"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc", b"", id="half-a-body"
        ),
        pytest.param(GET, b"hello", id="idle-after-an-answer"),
        pytest.param(GET + b"GET / HT", b"hello", id="half-a-second-head"),
        # Refused before its body was read; browsers send all of it before they look at the answer.
        pytest.param(
            b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc",
            b"Not Found",
            id="refused-body",
        ),
    ],
)
def test_a_client_that_stands_still_is_closed(first, told):
    """
    Wherever it stands still, it is closed when its time is over, and not at once. The server answers others.

    uvicorn 0.54 by itself waits for ever in all cases but that of a whole request (its `timeout_keep_alive`).
    """
    with served() as (address, _), client(address, first) as still:
        seconds, answer = seconds_until_closed(still)
        assert 0.3 <= seconds < 5
        assert answer.endswith(told)
        with client(address, GET) as other:
            assert answer_of(other).startswith(b"HTTP/1.1 200")


def test_an_upload_that_stands_still_is_broken_off():
    """
    The application is told, so that it can clean up; nothing is taken for a whole body.
    """
    with served() as (address, seen):
        head = b"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
        with client(address, head + b"x" * 500) as still:
            all_of(still)
        assert wait_for(lambda: seen.broken_off == 1)
        assert seen.bodies == []


def test_a_slow_body_that_flows_is_taken():
    """
    As long as bytes come at the least pace, a body may take many times as long as a pause may.
    """
    with served() as (address, seen):
        head = b"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n"
        with client(address, head) as slow:
            for _ in range(20):
                slow.sendall(b"x" * 100)
                time.sleep(0.1)
            assert answer_of(slow).endswith(b"2000")
        assert seen.bodies == [2000]


@pytest.mark.parametrize(("pace_bytes", "is_taken"), [(400, False), (0, True)])
def test_a_body_that_drips(pace_bytes, is_taken):
    """
    A byte now and then is no progress; where a server takes any pace, it is.
    """
    patience = replace(LONG, body_s=0.4, pace_s=1.0, pace_bytes=pace_bytes)
    with served(patience) as (address, seen):
        head = b"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 16\r\n\r\n"
        with client(address, head) as drip:
            try:
                for _ in range(16):
                    drip.sendall(b"x")
                    time.sleep(0.1)
            except OSError:
                assert not is_taken
            all_of(drip) if not is_taken else answer_of(drip)
        assert (seen.bodies == [16]) is is_taken


def test_our_own_slowness_does_not_count():
    """
    A body that waits because the application takes it slowly, and an answer that is being computed, have no
    time-out.
    """
    with served() as (address, seen):
        size = 400_000
        head = f"POST /upload?slow=0.3 HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n".encode()
        with client(address) as fast, client(address, b"GET /compute HTTP/1.1\r\nhost: x\r\n\r\n") as waiting:
            fast.sendall(head + b"x" * size)
            assert answer_of(fast).endswith(str(size).encode())
            assert answer_of(waiting).endswith(b"computed")
        assert seen.bodies == [size]


def test_who_asks_whether_to_send_is_waited_for_by_the_application_alone():
    """
    `Expect: 100-continue`: the client is told to send when the application reads, and has its time from then.
    """
    with served() as (address, _):
        head = b"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n"
        with client(address, head) as polite:
            assert polite.recv(65_536).startswith(b"HTTP/1.1 100")
            polite.sendall(b"abc")
            assert answer_of(polite).endswith(b"3")


def test_an_answer_that_nobody_takes_is_given_up():
    """
    A client that stops reading is closed; one that reads slowly gets all that it reads for.
    """
    ask = b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n"
    with served() as (address, seen):
        with client(address, ask, receive_bytes=4_096) as deaf:
            time.sleep(2.0)
            before = seen.answers
            time.sleep(0.3)
            assert seen.answers == before
            told = all_of(deaf)
            assert len(told) < (before + 1) * 65_636
        with client(address, ask, receive_bytes=4_096) as slow:
            end = time.monotonic() + 2.0
            while time.monotonic() < end:
                assert slow.recv(32_768)
                time.sleep(0.02)


def test_the_idlest_goes_when_there_are_too_many():
    """
    A new client is answered although many others are there and say nothing; the oldest of them is closed.
    """
    with served(replace(LONG, connections=5)) as (address, _):
        others = []
        try:
            for _ in range(5):
                others.append(socket.create_connection(address))
                time.sleep(0.15)
            with client(address, GET) as new:
                assert answer_of(new).startswith(b"HTTP/1.1 200")
            others[0].settimeout(5.0)
            assert all_of(others[0]) == b""
            others[4].sendall(GET)
            assert answer_of(others[4]).startswith(b"HTTP/1.1 200")
        finally:
            for other in others:
                other.close()


def test_where_all_are_at_work_a_new_one_is_told_to_come_again():
    """
    Nobody who is being served loses his answer for a newcomer.
    """
    ask = b"GET /compute HTTP/1.1\r\nhost: x\r\n\r\n"
    with (
        served(replace(LONG, connections=2)) as (address, _),
        client(address, ask) as one,
        client(address, ask) as two,
    ):
        time.sleep(0.3)
        with client(address, GET) as new:
            told = all_of(new)
        assert told.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 2" in told
        assert answer_of(one).endswith(b"computed")
        assert answer_of(two).endswith(b"computed")


PROGRAM = """
import asyncio, signal, socket, sys
from starlette.applications import Starlette
from rowbatch.serving import serve_until_ready

async def serve():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server, serving = await serve_until_ready(Starlette(), listener, closing_s=1)
    print("ready", flush=True)
    await serving
    print("in order", flush=True)

if sys.argv[1] == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
asyncio.run(serve())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_server_in_order(number):
    """
    What stands after the end of the server is done. uvicorn 0.54 sends itself the signal once more, which
    ends the process before that; and does not know SIGHUP at all.
    """
    with program("") as found:
        found.send_signal(number)
        assert found.stdout.read() == "in order\n"
        assert found.wait(10) == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_server_under_nohup_outlives_its_terminal():
    """
    Where SIGHUP is ignored it stays so.
    """
    with program("nohup") as found:
        found.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert found.poll() is None


@contextmanager
def program(how):
    found = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert found.stdout is not None
    try:
        assert found.stdout.readline() == "ready\n"
        yield found
    finally:
        found.kill()
        found.wait()
        found.stdout.close()


def wait_for(claim):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if claim():
            return True
        time.sleep(0.02)
    return False
