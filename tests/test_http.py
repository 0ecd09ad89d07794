"""The HTTP client: free calls are tried again, a paid call goes out once."""

import io
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
import stamina

from rowbatch.errors import ServiceError
from rowbatch.http import CarriedOut, HttpClient, Key, Refused, Unknown, retry_after_s

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
        ("1795435260", 900.0),
    ],
)
def test_n5_retry_after(value, seconds):
    """
    N5: a number, a date, or nonsense, which is a minute; never more than a quarter of an hour.
    """
    assert retry_after_s(value, datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) == seconds


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
