"""Servers behind ours that answer wrongly, in part, slowly, or not for a while: over real sockets."""

import asyncio
import datetime
import gzip
import ipaddress
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, suppress
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from loops import run_alone
from rowbatch.server import node, upstream
from rowbatch.server.chat_request import CHAT
from rowbatch.server.connection import ending_with_connection
from rowbatch.server.node import Node, Upstream
from rowbatch.server.upstream import UpstreamEngine
from upstreams import MODEL, Said, fake_upstream, said

BODY = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
GOOD = json.dumps(said("fine").body).encode()
MODELS = json.dumps({"data": [{"id": MODEL}]}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def whole(content: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n"
    return head % (status, more, len(content)) + content


class Raw:
    """
    A server that says bytes: `say` gives what it says to each call, in pieces; None closes the connection.

    Attributes:
        calls: How many there were, without those for the models.
        targets: What stood in the first line of each call.
    """

    def __init__(
        self, say: Callable[[int], list[bytes | float | None]], host: str, tls: ssl.SSLContext | None
    ):
        self._say, self._host, self._tls = say, host, tls
        self.calls = 0
        self.targets: list[str] = []
        self.models: list[bytes | float | None] = [whole(MODELS)]
        self._fault: OSError | None = None
        self._is_ready, self._ended = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def start(self) -> None:
        self._thread.start()
        self._is_ready.wait(30)
        if self._fault is not None:
            raise self._fault

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls)
        except OSError as error:
            self._fault = error
            self._is_ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        await self._ended.wait()
        # asyncio.run ends the connections.
        server.close()

    @property
    def base_url(self) -> str:
        shown = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{shown}:{self.port}/v1"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                size = next(
                    (int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0
                )
                await reader.readexactly(size)
                self.targets.append(lines[0])
                if lines[0].startswith("GET"):
                    pieces = self.models
                else:
                    pieces = self._say(self.calls)
                    self.calls += 1
                for piece in pieces:
                    if piece is None:
                        return
                    if isinstance(piece, float):
                        await asyncio.sleep(piece)
                    else:
                        writer.write(piece)
                        await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@contextmanager
def raw(say, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None):
    server = Raw(say, host, tls)
    server.start()
    try:
        yield server
    finally:
        server.close()


def asked(engine: UpstreamEngine, times: int = 1, *, is_patient: bool = True):
    async def run():
        try:
            return [await engine.answer(CHAT.url, BODY, is_patient=is_patient) for _ in range(times)]
        finally:
            await engine.stop()

    return run_alone(run())


@pytest.mark.parametrize(
    ("first", "calls"),
    [
        pytest.param([HEAD, b"Content-Length: 900\r\n\r\n", GOOD[:40], None], 2, id="half-of-what-was-said"),
        pytest.param([HEAD, b"\r\n", GOOD[:40], None], 2, id="half-and-closed"),
        pytest.param(
            [HEAD, b"Transfer-Encoding: chunked\r\n\r\n28\r\n", GOOD[:40], None], 2, id="half-chunked"
        ),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Le", None], 2, id="half-a-head"),
        pytest.param([b"220 ftp.example ready\r\n", None], 2, id="another-protocol"),
        pytest.param([HEAD, b"\r\n", GOOD, None], 1, id="whole-and-closed"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n", whole(GOOD)], 1, id="interim"),
        pytest.param([*(bytes([byte]) for byte in whole(GOOD))], 1, id="byte-by-byte"),
        pytest.param([whole(b"<html>502", b"502 Bad Gateway")], 2, id="gateway"),
    ],
)
def test_what_comes_of_an_answer_that_is_cut(first, calls):
    """
    It was lost, and is asked for again where nobody can bill it; what is whole, however it came, is not.
    """
    with raw(lambda number: first if number == 0 else [whole(GOOD)]) as server:
        (reply,) = asked(UpstreamEngine([Upstream(server.base_url)]))
        assert (reply.status_code, server.calls) == (200, calls)


def test_who_reads_an_answer_is_told_that_its_connection_is_gone():
    """
    aiohttp 3.14.5 leaves a reader waiting in one case: its connection was closed, and nothing said so.
    """

    async def read(close: Callable[[asyncio.Future[None]], object] | None):
        loop = asyncio.get_running_loop()
        handler, closed = ResponseHandler(loop), loop.create_future()
        handler.transport = asyncio.Transport()
        content, protocol = aiohttp.StreamReader(handler, 2**16, loop=loop), SimpleNamespace(closed=closed)
        answer: Any = SimpleNamespace(content=content, connection=SimpleNamespace(protocol=protocol))
        for _ in range(3):
            with ending_with_connection(answer):
                pass
        # The connection is used again: nothing of earlier answers hangs on it.
        assert len(closed._callbacks) == 1
        if close is None:
            protocol.closed = None
        else:
            loop.call_soon(close, closed)
        with ending_with_connection(answer), pytest.raises(aiohttp.ClientPayloadError):
            await asyncio.wait_for(content.readany(), 60)

    run_alone(read(lambda closed: closed.set_result(None)))
    run_alone(read(lambda closed: closed.set_exception(aiohttp.ClientConnectionError("reset"))))
    run_alone(read(None))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(whole(b"<html>sign in"), "upstream_not_json", id="html"),
        pytest.param(whole(b"[1]"), "upstream_not_json", id="a-list"),
        pytest.param(whole(b""), "upstream_not_json", id="nothing"),
        pytest.param(
            whole(b"", b"307 Temporary Redirect", b"Location: https://other.example/v1?key=abc\r\n"),
            "upstream_redirects",
            id="redirect",
        ),
        pytest.param(
            whole(b"{}", b"302 Found", b"Location: /login\r\n"), "upstream_redirects", id="redirect-json"
        ),
    ],
)
def test_what_is_no_answer_is_an_error_of_its_row(answer, code):
    """
    Told, and asked once; nobody follows a redirect, with which the key would go, or repeats its query.
    """
    with raw(lambda _: [answer]) as server:
        (reply,) = asked(UpstreamEngine([Upstream(server.base_url)]))
        assert (reply.status_code, reply.body["error"]["code"], server.calls) == (502, code, 1)
        assert "abc" not in json.dumps(dict(reply.body))


@pytest.mark.parametrize("piece", [b"1\r\n \r\n", b"400\r\n" + b" " * 1024 + b"\r\n"], ids=["drips", "flows"])
def test_an_answer_without_end_has_its_time_and_its_size(piece, monkeypatch):
    """
    One byte now and then is over with the time for an answer; much at once with the most bytes.
    """
    monkeypatch.setattr(node, "MOST_ANSWER_BYTES", 20_000)
    say = [HEAD, b"Transfer-Encoding: chunked\r\n\r\n", *[piece, 0.02] * 500]
    with raw(lambda _: say) as server:
        (reply,) = asked(UpstreamEngine([Upstream(server.base_url)], limit_s=2.0))
        assert reply.body["error"]["code"] in ("upstream_too_slow", "upstream_unreadable")
        assert server.calls == 1


def test_connections_that_are_closed_after_each_answer_cost_no_row():
    """
    Without a word in the head, at once or a moment later.
    """
    with raw(lambda number: [whole(GOOD), 0.01 * (number % 3), None]) as server:
        replies = asked(UpstreamEngine([Upstream(server.base_url)], ask_again=False), 60)
        assert Counter(str(reply.body.get("error")) for reply in replies) == {"None": 60}


def test_a_gateway_with_nobody_behind_it_is_not_asked_the_whole_batch(monkeypatch):
    """
    nginx and others answer 502 in no time while the server behind them starts anew. Rows that were under way
    are lost where they can be billed; the others wait until the models are told again.
    """
    monkeypatch.setattr(upstream, "_LOOKS_S", (0.05,))
    bad = whole(b"<html>502 Bad Gateway", b"502 Bad Gateway")
    is_up = threading.Event()
    with raw(lambda _: [whole(GOOD) if is_up.is_set() else bad]) as server:
        engine = UpstreamEngine([Upstream(server.base_url)], ask_again=False)
        server.models = [bad]

        async def run():
            rows = [asyncio.create_task(engine.answer(CHAT.url, BODY)) for _ in range(300)]
            while not engine.fault:
                await asyncio.sleep(0.01)
            is_up.set()
            server.models = [whole(MODELS)]
            found = Counter(reply.status_code for reply in await asyncio.gather(*rows))
            await engine.stop()
            return found

        found = run_alone(run())
        assert found[200] + found[502] == 300
        # No more than were under way.
        assert 1 <= found[502] <= 64


@pytest.mark.parametrize("busy", [b"429 Too Many Requests", b"503 Service Unavailable"])
def test_a_date_to_come_back_at(busy):
    """
    `Retry-After` as a date, of 2 s from now: it is asked again then, and not before.
    """
    at: list[float] = []

    def say(number: int) -> list[bytes]:
        at.append(time.monotonic())
        date = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
        told = b"Retry-After: %b\r\n" % format_datetime(date, usegmt=True).encode()
        return [whole(b"{}", busy, told) if number == 0 else whole(GOOD)]

    with raw(say) as server:
        (reply,) = asked(UpstreamEngine([Upstream(server.base_url)]))
        assert reply.status_code == 200
        # A date has whole seconds.
        assert at[1] - at[0] >= 0.9


def test_rows_of_one_that_wants_to_be_left_alone_go_to_the_others():
    """
    It says fifteen minutes, and another one is there: nobody waits. Who asks directly, where there is no
    other, is told at once, also later.
    """
    alone = Said(429, {"error": {"message": "later"}}, headers={"Retry-After": "900"})
    with fake_upstream(lambda _: alone) as busy, fake_upstream() as free:
        both = UpstreamEngine([Upstream(busy.base_url), Upstream(free.base_url)])
        assert [reply.status_code for reply in asked(both, 40)] == [200] * 40
        assert (len(busy.calls), len(free.calls)) == (1, 40)
        single = UpstreamEngine([Upstream(busy.base_url)])

        async def run():
            row = asyncio.create_task(single.answer(CHAT.url, BODY))
            while len(busy.calls) < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            told = await single.answer(CHAT.url, BODY, is_patient=False)
            row.cancel()
            await single.stop()
            return told

        told = run_alone(run())
        assert (told.status_code, told.body["error"]["code"]) == (429, "upstream_busy")
        assert len(busy.calls) == 2


def test_a_long_list_of_models_is_read_whole():
    """
    In several pieces, and packed where we said that we read it: `read(n)` of aiohttp 3.14 gives what is
    there, up to n, so that a list of a gateway with hundreds of models was cut.
    """
    listed = json.dumps({"data": [{"id": f"model-{n}"} for n in range(500)]}).encode()
    packed = gzip.compress(listed)
    ways = {
        "pieces": [HEAD + b"Content-Length: %d\r\n\r\n" % len(listed), listed[:9000], 0.05, listed[9000:]],
        "packed": [whole(packed, more=b"Content-Encoding: gzip\r\n")],
    }
    for said_so in ways.values():
        with raw(lambda _: [whole(GOOD)]) as server:
            made = Node(Upstream(server.base_url), None, most=1, limit_s=5)
            server.models = said_so

            async def run(made=made):
                assert await made.look()
                await made.stop()

            run_alone(run())
            assert made.models is not None
            assert len(made.models) == 500


def test_ipv6():
    """
    An address in brackets, at the start and with each call.
    """
    try:
        with raw(lambda _: [whole(GOOD)], host="::1") as server:
            (reply,) = asked(UpstreamEngine([Upstream(server.base_url)]))
            assert (reply.status_code, server.calls) == (200, 1)
    except OSError:
        pytest.skip("this computer has no IPv6")


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_is_asked(proxy, monkeypatch):
    """
    For another computer and not for this one.
    """
    with raw(lambda _: [whole(GOOD)]) as server, raw(lambda _: [whole(GOOD)]) as here:
        monkeypatch.setenv(proxy, f"http://127.0.0.1:{server.port}")
        (reply,) = asked(UpstreamEngine([Upstream("http://gpu.example/v1")]))
        assert (reply.status_code, server.calls) == (200, 1)
        assert server.targets[-1].startswith("POST http://gpu.example/v1/chat/completions")
        (reply,) = asked(UpstreamEngine([Upstream(here.base_url)]))
        assert (reply.status_code, server.calls, here.calls) == (200, 1, 1)


def private_authority(folder):
    """A certificate that signs itself, for this computer; its file and a server that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "lab.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    whole_path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole_path.write_bytes(private + path.read_bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(whole_path)
    return path, tls


def test_a_certificate_of_the_lab(tmp_path, monkeypatch):
    """
    `SSL_CERT_FILE` says whom to trust, at the start and with each call; without it nobody is asked, and the
    reason is told.
    """
    path, tls = private_authority(tmp_path)
    with raw(lambda _: [whole(GOOD)], tls=tls) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        engine = UpstreamEngine([Upstream(server.base_url)])
        (reply,) = asked(engine)
        assert (reply.status_code, server.calls) == (200, 1), reply
        monkeypatch.delenv("SSL_CERT_FILE")
        (reply,) = asked(engine, is_patient=False)
        assert (reply.status_code, server.calls) == (503, 1)
        assert "certificate" in reply.body["error"]["message"].lower()
