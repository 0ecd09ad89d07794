"""The HTTP client: free calls are tried again, a paid call goes out once."""

import gzip
import io
import json
import shutil
import zlib
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
import stamina

from awkward_keys import AWKWARD, PARTS
from rowbatch import http as http_module
from rowbatch.errors import ServiceError, StorageError, UsageError
from rowbatch.http import CarriedOut, HttpClient, Key, Refused, Unknown, clean_key, is_id, retry_after_s

CANARY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


def client(handler) -> HttpClient:
    return HttpClient("http://127.0.0.1:9/v1", Key(CANARY), transport=httpx2.MockTransport(handler))


REFUSAL = {"error": {"message": "no such file", "type": "invalid_request_error", "code": "nope"}}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(httpx2.Response(200, json={"id": "batch_1"}), CarriedOut, id="id"),
        pytest.param(httpx2.Response(400, json=REFUSAL), Refused, id="400"),
        pytest.param(httpx2.Response(429, json=REFUSAL), Refused, id="429-in-own-words"),
        pytest.param(httpx2.Response(429, text="slow down"), Unknown, id="429-of-a-proxy"),
        pytest.param(httpx2.Response(200, json={}), Unknown, id="no-id"),
        pytest.param(httpx2.Response(200, text="<html>log in</html>"), Unknown, id="html-200"),
        pytest.param(httpx2.Response(404, text="<html>"), Unknown, id="html-404"),
        pytest.param(httpx2.Response(408, json=REFUSAL), Unknown, id="408"),
        pytest.param(httpx2.Response(409, json=REFUSAL), Unknown, id="409"),
        pytest.param(httpx2.Response(502, json=REFUSAL), Unknown, id="502"),
        pytest.param(httpx2.ReadTimeout("slow"), Unknown, id="time-out"),
        pytest.param(httpx2.ReadError("reset"), Unknown, id="reset"),
        pytest.param(httpx2.ConnectError("refused"), Refused, id="never-connected"),
    ],
)
def test_a_paid_call_goes_out_once_whatever_comes_back(answer, outcome):
    """
    C3, N6, R2, R3: one POST, and one of three outcomes.
    """
    calls = []

    def handler(request):
        calls.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with client(handler) as http:
        assert isinstance(http.pay("batches", {}), outcome)
    assert len(calls) == 1


def test_a_free_call_is_tried_again():
    """
    503 and resets pass; the third answer counts.
    """
    answers = [httpx2.Response(503), httpx2.ReadError("reset"), httpx2.Response(200, json={"id": "file-1"})]

    def handler(_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with client(handler) as http:
        assert http.get("files/1") == {"id": "file-1"}


def test_a_refusal_is_not_tried_again():
    """
    400 is an answer.
    """
    calls = []

    def handler(request):
        calls.append(request)
        return httpx2.Response(400, json=REFUSAL)

    with client(handler) as http, pytest.raises(ServiceError, match="no such file") as caught:
        http.get("files/1")
    assert len(calls) == 1
    assert (caught.value.status, caught.value.code) == (400, "nope")


def test_a_download_starts_anew_after_a_cut():
    """
    N1: half a file is never kept: what counts is one whole answer.
    """
    answers = [
        httpx2.Response(200, content=b"half", headers={"content-length": "9"}),
        httpx2.Response(200, content=b"whole file"),
    ]
    to = io.BytesIO()
    with client(lambda _: answers.pop(0)) as http:
        assert http.download("files/1/content", to) == 10
    assert to.getvalue() == b"whole file"


def test_the_key_is_in_the_header_and_nowhere_else():
    """
    K1: no repr, no error and no pickle holds the key.
    """
    seen = []

    def handler(request):
        seen.append(request.headers["authorization"])
        raise httpx2.ConnectError("refused")

    with client(handler) as http:
        assert CANARY not in repr(http)
        assert CANARY not in repr(http.pay("batches", {}))
        with pytest.raises(ServiceError) as caught:
            http.get("files")
        assert CANARY not in str(caught.value)
    assert seen[0] == f"Bearer {CANARY}"
    with pytest.raises(TypeError):
        Key(CANARY).__reduce__()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("99999", 900.0),
        ("soon", 60.0),
        ("nan", 60.0),
        ("inf", 60.0),
        ("", 60.0),
        ("Mon, 23 Nov 2026 12:01:00 GMT", 60.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("1", 1.0),
        ("007", 7.0),
        (" 7 ", 7.0),
        ("+7", 7.0),
        ("0.5", 0.5),
        ("1e2", 100.0),
        ("1e999", 60.0),
        ("-inf", 0.0),
        ("900", 900.0),
        ("900.5", 900.0),
        ("901", 900.0),
        ("9" * 400, 60.0),
        ("0x10", 60.0),
        ("7s", 60.0),
        ("7 seconds", 60.0),
        ("7, 9", 60.0),
        ("1m0s", 60.0),
        ("null", 60.0),
        ("None", 60.0),
        ("true", 60.0),
        ("{}", 60.0),
        ("\u0667", 7.0),
        ("Monday, 23-Nov-26 12:01:00 GMT", 60.0),
        ("Mon Nov 23 12:01:00 2026", 60.0),
        ("Mon, 23 Nov 2026 12:00:05 +0000", 5.0),
        ("Mon, 23 Nov 2026 14:00:05 +0200", 5.0),
        ("Mon, 23 Nov 2026 12:00:05", 5.0),
        ("Tue, 24 Nov 2026 12:00:00 GMT", 900.0),
        ("Mon, 23 Nov 9999 12:00:00 GMT", 900.0),
        ("Mon, 31 Feb 2026 12:00:00 GMT", 60.0),
        ("2026-11-23T12:01:00Z", 60.0),
        ("Mon, 23 Nov 2026 12:00:00 +99999999999999999999999", 60.0),
        ("1795435260", 900.0),
    ],
)
def test_n5_retry_after(value, seconds):
    """
    N5: a number, a date, or nonsense, which is a minute; never more than a quarter of an hour.
    """
    assert retry_after_s(value, datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("date", ["soon", "", "Mon, 23 Nov 2026 12:00:00 +99999999999999999999999"])
def test_a_date_that_is_none_is_not_the_services_clock(date):
    """
    Then ours counts.
    """
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    with client(lambda _: httpx2.Response(200, json={}, headers={"date": date})) as http:
        http.clock = lambda: now
        assert http.server_now("batches") == now


@pytest.mark.parametrize("hours", [-30, 0, 30])
def test_r15_a_date_to_wait_for_is_one_of_the_services_clock(hours):
    """
    R15: a laptop that is wrong by hours waits as long as the service meant.
    """
    now = datetime.now(UTC) + timedelta(hours=hours)
    told = {
        "date": format_datetime(now, usegmt=True),
        "retry-after": format_datetime(now + timedelta(seconds=90), usegmt=True),
    }
    with client(lambda _: httpx2.Response(429, json=REFUSAL, headers=told)) as http:
        outcome = http.pay("batches", {})
    assert isinstance(outcome, Refused)
    assert outcome.retry_after_s == 90.0


@pytest.mark.parametrize("name", AWKWARD)
def test_a_key_that_can_be_none_is_refused_and_not_shown(name):
    """
    What is wrong with it and where it was found, and no part of it.

    With httpx2 2.16.2 and h11 0.16.0 such a key in a header is a UnicodeEncodeError, or `LocalProtocolError:
    Illegal header value b'Bearer sk-…'`.
    """
    with pytest.raises(UsageError, match=r"the key from .env \(X\) cannot be one") as caught:
        Key(AWKWARD[name], ".env (X)")
    told = repr((caught.value.message, caught.value.hint, caught.value.values, caught.value.document()))
    assert not any(part in told for part in PARTS)


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f" {CANARY}\n",
        f"\ufeff{CANARY}\r\n",
        f'"{CANARY}"',
        f"'{CANARY}'",
        f"\u201c{CANARY}\u201d",
        f"Bearer {CANARY}",
        f"bearer  {CANARY}",
        f'"Bearer {CANARY}"',
        f'Authorization: Bearer "{CANARY}"',
    ],
)
def test_what_is_copied_along_with_a_key_is_left_out(text):
    """
    Blanks, quotes and the word before it are none of the key.
    """
    assert clean_key(text) == CANARY


@pytest.mark.parametrize("text", ["", "  ", '""', "Bearer ", "\n"])
def test_a_text_without_a_key_is_none(text):
    """
    Only what may stand around one.
    """
    assert clean_key(text) == ""


@pytest.mark.parametrize(
    "error",
    [
        httpx2.LocalProtocolError(f"Illegal header value b'Bearer {CANARY}'"),
        httpx2.RemoteProtocolError(f"illegal header line: b'{CANARY}'"),
        httpx2.UnsupportedProtocol(f"x {CANARY}"),
        httpx2.ConnectError(f"x {CANARY}"),
        httpx2.ProxyError(f"407 {CANARY}"),
        httpx2.ReadError(f"x {CANARY}"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_words_of_a_library_hold_the_key(error):
    """
    Errors about headers are told in our words, by their class; in all others the key is masked.
    """

    def handler(_):
        raise error

    with client(handler) as http:
        outcome = http.pay("batches", {})
        with pytest.raises(ServiceError) as caught:
            http.get("files")
    told = repr((outcome, str(getattr(outcome, "why", "")), caught.value.message, caught.value.document()))
    assert CANARY not in told
    assert "header" not in told


def test_a_service_that_repeats_the_key_is_masked():
    """
    Some gateways answer a wrong key with the key.
    """
    refusal = {"error": {"message": f"bad key {CANARY}", "code": CANARY, "type": "x"}}
    with client(lambda _: httpx2.Response(401, json=refusal)) as http:
        outcome = http.pay("batches", {})
        with pytest.raises(ServiceError) as caught:
            http.get("files")
    assert isinstance(outcome, Refused)
    assert CANARY not in repr((outcome, outcome.message, caught.value.message, caught.value.code))
    assert "bad key [hidden]" in caught.value.message


def test_where_no_key_was_sent_that_is_said():
    """
    "Check the key" helps nobody who has none: a server on this computer is asked without one.
    """

    def refuse(_):
        return httpx2.Response(401, json={"error": {"message": "Incorrect API key provided."}})

    bare = HttpClient("http://127.0.0.1:8766/v1", transport=httpx2.MockTransport(refuse))
    with bare, pytest.raises(ServiceError) as caught:
        bare.get("files")
    assert "no key was sent" in caught.value.hint
    assert "ROWBATCH_API_KEY" in caught.value.hint
    assert "Incorrect API key provided." in caught.value.message
    assert "ROWBATCH" not in caught.value.told("page").hint
    with client(refuse) as http, pytest.raises(ServiceError) as caught:
        http.get("files")
    assert "check it" in caught.value.hint


@pytest.mark.parametrize("before", range(470, 500, 7))
def test_a_key_in_long_words_is_not_half_shown(before):
    """
    What a service says is masked before it is cut to what is shown: once, half a key was left at the end.
    """
    said = {"error": {"message": "x" * before + CANARY, "code": "y" * (before - 300) + CANARY}}
    with client(lambda _: httpx2.Response(400, json=said)) as http, pytest.raises(ServiceError) as caught:
        http.get("models")
    told = caught.value.message + str(caught.value.values) + caught.value.code
    assert CANARY[:6] not in told


@pytest.mark.parametrize(
    ("base_url", "allowed", "is_sent"),
    [
        ("https://gpu-node/v1", "", True),
        ("http://localhost:1/v1", "", True),
        ("http://127.0.0.1/v1", "", True),
        ("http://[::1]:1/v1", "", True),
        ("http://gpu-node:8000/v1", "", False),
        ("HTTP://GPU-node:8000/v1", "", False),
        ("http://localhost.evil.example/v1", "", False),
        ("http://gpu-node:8000/v1", "gpu-node", True),
        ("http://gpu-node:8000/v1", "other, GPU-Node", True),
        ("http://gpu-node:8000/v1", "gpu-node:8000", True),
        ("http://gpu-node:8000/v1", "gpu-node:8001", False),
        ("http://gpu-node:8000/v1", "gpu", False),
        ("http://gpu-node:8000/v1", "*", False),
        ("http://gpu-node:8000/v1", "1", False),
    ],
)
def test_a_key_goes_nowhere_in_clear(base_url, allowed, is_sent, monkeypatch):
    """
    Over http to another machine only where that is allowed by its name; without a key anything may be asked.
    """
    monkeypatch.setenv("ROWBATCH_ALLOW_HTTP", allowed)
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={}))
    if is_sent:
        with HttpClient(base_url, Key(CANARY), transport=transport) as http:
            assert http.get("models") == {}
    else:
        with pytest.raises(UsageError, match="over http") as caught:
            HttpClient(base_url, Key(CANARY), transport=transport)
        assert "ROWBATCH_ALLOW_HTTP=gpu-node" in caught.value.hint or "evil" in base_url
    with HttpClient(base_url, transport=transport) as http:
        assert http.get("models") == {}


def test_a_password_of_an_old_address_is_no_better_protected():
    """
    It would go in clear as a key would.
    """
    with pytest.raises(UsageError, match="over http") as caught:
        HttpClient("http://user:canary-pw@gpu-node/v1")
    assert "canary" not in repr((caught.value.message, caught.value.hint, caught.value.values))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    """
    The key would go along to wherever it leads.
    """
    asked = []

    def handler(request):
        asked.append(request.url.host)
        return httpx2.Response(status, headers={"location": "https://evil.example/v1"})

    with client(handler) as http:
        with pytest.raises(ServiceError, match=f"answered {status}"):
            http.get("files")
        with pytest.raises(ServiceError, match=f"answered {status}"):
            http.download("files/1/content", io.BytesIO())
        assert isinstance(http.pay("batches", {}), Unknown)
    assert set(asked) == {"127.0.0.1"}


@pytest.mark.parametrize(
    "path", ["https://evil.example/x", "http://127.0.0.1:8/v1/x", "https://127.0.0.1:9/v1/x"]
)
def test_a_call_stays_at_its_host(path):
    """
    A path that is an address of another host, port or protocol is not asked.
    """

    def handler(request):
        raise AssertionError(request.url)

    with client(handler) as http:
        with pytest.raises(ServiceError, match="another address"):
            http.get(path)
        outcome = http.pay(path, {})
    assert isinstance(outcome, Refused)
    assert not outcome.is_passing


def test_a_query_of_the_address_goes_with_every_call():
    """
    Azure's `api-version`, also beside parameters of the call.
    """
    asked = []

    def handler(request):
        asked.append(str(request.url))
        return httpx2.Response(200, json={"id": "x"})

    address = "https://x.example.org/openai/v1?api-version=2026-01-01"
    with HttpClient(address, transport=httpx2.MockTransport(handler)) as http:
        http.get("batches", {"limit": 1})
        http.pay("batches", {})
    base = "https://x.example.org/openai/v1/batches?api-version=2026-01-01"
    assert asked == [f"{base}&limit=1", base]


@pytest.mark.parametrize(
    "address", ["http://", "htp://x", "http://[::1", "http://host:99999", "http://host:abc", ""]
)
def test_a_client_of_a_broken_address_is_refused(address):
    """
    The last wall: whoever made it, no library's error comes of it.
    """
    with pytest.raises(UsageError, match="no address that can be asked"):
        HttpClient(address)


def test_a_broken_module_is_no_matter_of_proxies(monkeypatch):
    """
    Where Python's own `ssl` cannot be loaded, that is said, and nobody is sent to look at a proxy.
    """

    def broken(*_, **__):
        raise ImportError("_ssl.so: undefined symbol", name="_ssl")

    monkeypatch.setattr(httpx2, "Client", broken)
    with pytest.raises(ImportError, match="undefined symbol"):
        HttpClient("https://h.example/v1", Key(CANARY))


@pytest.mark.parametrize(
    "proxy", ["foo://u:canary-pw@h:1", "http://u:canary-pw@h:abc", "http://u:canary-pw@[::1"]
)
def test_a_proxy_that_is_none_is_said_without_its_password(proxy, monkeypatch):
    """
    With httpx2 2.16.2 that is a ValueError or InvalidURL when a client is made.
    """
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(UsageError, match="proxy") as caught:
        HttpClient("https://api.example.org/v1", Key(CANARY))
    assert "canary" not in repr((caught.value.message, caught.value.hint, caught.value.values))
    # This machine is asked without a proxy.
    HttpClient("http://127.0.0.1:9/v1", Key(CANARY))


def chunks(body, size=1_000):
    """A body that comes in blocks, as from a network."""
    return iter([body[at : at + size] for at in range(0, len(body), size)])


def unpacked(body, **headers):
    return httpx2.Response(
        200, content=chunks(body), headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


LONG = json.dumps({"id": "batch_1", "text": "x" * 5_000}).encode()
ENCODED = {
    "plain": (LONG, {}),
    "identity": (LONG, {"content_encoding": "identity"}),
    "gzip": (gzip.compress(LONG), {"content_encoding": "gzip"}),
    "x-gzip": (gzip.compress(LONG), {"content_encoding": "X-Gzip"}),
    "two-members": (
        gzip.compress(LONG[:9]) + gzip.compress(LONG[9:]) + b"\0" * 9,
        {"content_encoding": "gzip"},
    ),
    "deflate": (zlib.compress(LONG), {"content_encoding": "deflate"}),
    "raw-deflate": (zlib.compress(LONG)[2:-4], {"content_encoding": "deflate"}),
}
UNDECODABLE = {
    "no-gzip": (LONG, {"content_encoding": "gzip"}),
    "cut-gzip": (gzip.compress(LONG)[:-9], {"content_encoding": "gzip"}),
    "unknown": (LONG, {"content_encoding": "br"}),
    "twice": (gzip.compress(gzip.compress(LONG)), {"content_encoding": "gzip, gzip"}),
    "rest": (gzip.compress(LONG) + b"and more", {"content_encoding": "gzip"}),
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoded_answer_is_read(name):
    """
    As RFC 9110 has the encodings, in every kind of call.
    """
    body, headers = ENCODED[name]
    to = io.BytesIO()
    with client(lambda _: unpacked(body, **headers)) as http:
        assert http.get("batches/1")["id"] == "batch_1"
        assert isinstance(http.pay("batches", {}), CarriedOut)
        assert http.download("files/1/content", to) == len(LONG)
        assert http.head("files/1/content", 1) == [LONG]
    assert to.getvalue() == LONG


@pytest.mark.parametrize("name", UNDECODABLE)
def test_an_answer_that_is_not_encoded_as_it_says(name):
    """
    It is an error of the service, and of a paid call nobody knows what became of it.
    """
    body, headers = UNDECODABLE[name]
    calls = []

    def handler(request):
        calls.append(request.method)
        return unpacked(body, **headers)

    with client(handler) as http:
        with pytest.raises(ServiceError, match="not compressed as it says"):
            http.get("batches/1")
        with pytest.raises(ServiceError, match="not compressed as it says"):
            http.download("files/1/content", io.BytesIO())
        assert isinstance(http.pay("batches", {}), Unknown)
    assert calls.count("POST") == 1


@pytest.mark.parametrize("name", ["plain", "gzip", "raw-deflate"])
def test_an_answer_has_a_bound_after_it_was_decoded(name, monkeypatch):
    """
    What is larger is not read on, and is no answer; a paid call is not repeated because of it.
    """
    monkeypatch.setattr(http_module, "MOST_ANSWER_BYTES", 2_000)
    body, headers = ENCODED[name]
    read = []

    def handler(_):
        def blocks():
            for block in chunks(body + (b" " * 100_000 if name == "plain" else b""), 100):
                read.append(len(block))
                yield block

        return httpx2.Response(
            200, content=blocks(), headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    with client(handler) as http:
        with pytest.raises(ServiceError, match="more than 2,000 bytes") as caught:
            http.get("batches/1")
        assert sum(read) <= 2_200
        assert not caught.value.is_passing
        assert isinstance(http.pay("batches", {}), Unknown)
        with pytest.raises(ServiceError, match="more than 2,000 bytes"):
            http.ask_once("chat/completions", {})


def test_a_small_answer_that_unpacks_to_much_is_read_in_pieces(monkeypatch):
    """
    However much a block unpacks to, no more than a piece of it is in memory, and reading stops at the bound.
    """
    monkeypatch.setattr(http_module, "_PIECE_BYTES", 100)
    decoder = http_module.Decoder("gzip", "h")
    pieces = [len(piece) for piece in decoder.feed(gzip.compress(LONG))]
    decoder.finish()
    assert sum(pieces) == len(LONG)
    assert max(pieces) == 100
    collected = http_module.AnswerBody("h", "gzip", 1_000)
    assert not collected.add(gzip.compress(LONG))
    with pytest.raises(ServiceError, match="more than 1,000 bytes"):
        collected.whole()


@pytest.mark.parametrize("size", [100, 5_000])
def test_of_a_refusal_the_first_part_is_read(size, monkeypatch):
    """
    Its status counts; what it says counts where it is not too much to be said.
    """
    monkeypatch.setattr(http_module, "MOST_ERROR_BYTES", 1_000)
    body = json.dumps({"error": {"message": "no such file " + "x" * size}}).encode()
    refusing = client(lambda _: httpx2.Response(404, content=chunks(body, 100)))
    with refusing as http, pytest.raises(ServiceError, match="answered 404") as caught:
        http.get("files/1")
    assert caught.value.status == 404
    assert ("no such file" in caught.value.message) == (size == 100)


def test_an_answer_that_trickles_has_an_end(monkeypatch):
    """
    Each block comes in time, and the whole does not.
    """
    now = [0.0]
    monkeypatch.setattr("rowbatch.http.time.monotonic", lambda: now[0])

    def handler(_):
        def blocks():
            while True:
                now[0] += 20.0
                yield b" "

        return httpx2.Response(200, content=blocks())

    with client(handler) as http:
        with pytest.raises(ServiceError, match="not complete after 300 s") as caught:
            http.get("batches/1")
        assert caught.value.is_passing
        assert isinstance(http.pay("batches", {}), Unknown)


def test_a_file_larger_than_it_can_be_is_not_brought():
    """
    It would fill the disk; it is not tried again.
    """
    calls = []

    def handler(request):
        calls.append(request)
        return unpacked(b"x" * 5_000)

    to = io.BytesIO()
    with client(handler) as http, pytest.raises(ServiceError, match="more than 2,000 bytes"):
        http.download("files/1/content", to, max_bytes=2_000)
    assert len(calls) == 1
    assert len(to.getvalue()) <= 2_000


def test_a_file_that_is_announced_larger_than_the_disk_is_not_begun(tmp_path, monkeypatch):
    """
    A full disk is said before it is full.
    """
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9, 0, 9))
    with (
        client(lambda _: httpx2.Response(200, content=b"x" * 10)) as http,
        (tmp_path / "to").open("w+b") as to,
    ):
        with pytest.raises(StorageError, match="no space"):
            http.download("files/1/content", to)
        assert to.tell() == 0


def test_an_encoded_file_that_was_cut_begins_anew():
    """
    Of bytes that are unpacked nobody knows at which of the packed ones to go on.
    """
    asked = []
    packed = gzip.compress(LONG)

    def handler(request):
        asked.append(request.headers.get("range"))
        return unpacked(packed[:-20] if len(asked) == 1 else packed, content_encoding="gzip")

    to = io.BytesIO()
    with client(handler) as http:
        assert http.download("files/1/content", to) == len(LONG)
    assert asked == [None, None]
    assert to.getvalue() == LONG


def test_an_answer_that_cannot_be_read_is_asked_for_a_few_times():
    """
    And then said; one that can be read the second time is taken.
    """

    def read(answer):
        if "id" not in answer:
            raise ServiceError("batch-unreadable", status=200, refusal="unreadable")
        return answer["id"]

    answers = [{}, {"id": "x"}, *[{}] * 9]
    with client(lambda _: httpx2.Response(200, json=answers.pop(0))) as http:
        assert http.get_as(read, "batches/1") == "x"
        with pytest.raises(ServiceError, match="no id or no status") as caught:
            http.get_as(read, "batches/1")
    assert len(answers) == 6
    assert not caught.value.is_passing


def test_half_a_letter_in_an_answer_is_replaced():
    """
    JSON can hold what no file and no ledger can.
    """
    with client(lambda _: httpx2.Response(200, content=b'{"a":"x\\ud800y","b":["\\ud83d\\ude00"]}')) as http:
        assert http.get("batches/1") == {"a": "x?y", "b": ["\U0001f600"]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("batch_1", True),
        ("batches/abc-1", True),
        ("é", True),
        ("x" * 512, True),
        ("x" * 513, False),
        ("", False),
        ("..", False),
        ("a/../b", False),
        ("a//b", False),
        ("/a", False),
        ("a\n", False),
        ("a\x00", False),
        (7, False),
        (None, False),
        (["a"], False),
    ],
)
def test_what_can_be_an_id(value, expected):
    """
    A text that can be seen, is not too long, and leads nowhere else.
    """
    assert is_id(value) == expected
