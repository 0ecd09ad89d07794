"""Batch objects and lists that are not as the provider says: understood or said, never asked without end."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import stamina

from rowbatch.errors import ServiceError
from rowbatch.http import CarriedOut, HttpClient, Refused, Unknown
from rowbatch.providers import base
from rowbatch.providers.base import Submission, count_of, quoted, quoted_segment, time_of
from rowbatch.providers.catalog import find_provider
from rowbatch.providers.clients import client_for

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GOOD: dict[str, dict[str, Any]] = {
    "openai": {
        "id": "batch_1",
        "status": "completed",
        "input_file_id": "file-1",
        "output_file_id": "file-2",
        "error_file_id": None,
        "created_at": 1_795_435_200,
        "request_counts": {"total": 3, "completed": 2, "failed": 1},
        "metadata": {"rowbatch_token": "t"},
        "errors": None,
    },
    "anthropic": {
        "id": "msgbatch_1",
        "processing_status": "ended",
        "created_at": "2026-11-23T12:00:00Z",
        "request_counts": {"succeeded": 2, "errored": 1},
    },
    "gemini": {
        "name": "batches/1",
        "metadata": {
            "state": "BATCH_STATE_SUCCEEDED",
            "displayName": "t",
            "createTime": "2026-11-23T12:00:00Z",
            "batchStats": {"requestCount": "3", "successfulRequestCount": "2", "failedRequestCount": "1"},
            "output": {"responsesFile": "files/2"},
            "inputConfig": {"fileName": "files/1"},
        },
    },
    "mistral": {
        "id": "5c3f-1",
        "status": "SUCCESS",
        "input_files": ["f-1"],
        "output_file": "f-2",
        "error_file": None,
        "created_at": 1_795_435_200,
        "total_requests": 3,
        "succeeded_requests": 2,
        "failed_requests": 1,
        "metadata": {"rowbatch_token": "t"},
        "errors": [],
    },
}
ODD: list[object] = [None, True, False, 0, 7, -1, 1.5, float("nan"), float("inf"), 1e300, 10**30]
ODD += ["", " ", "x", "x" * 600, "a\x00b", "../x", "..", "\ud800", "²", "7", "9" * 60]
ODD += [[], [7], ["x"], {}, {"a": 1}, [[]], {"data": [7, {"line": {}}]}]
# What has to be right: who it is, how it stands, and where its answers lie.
IDS = {"id", "name", "output_file_id", "error_file_id", "output_file", "error_file", "responsesFile"}
WORDS = {"status", "processing_status", "state"}


@pytest.fixture(autouse=True)
def _no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


def client_of(provider, http):
    return client_for(find_provider(provider), http)


def over(handler):
    return HttpClient("https://api.example.org/v1", transport=httpx2.MockTransport(handler))


def reply(answer):
    return httpx2.Response(200, content=json.dumps(answer).encode())


def places(value, before=()):
    """Where a value stands in a batch object."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield (*before, name)
            yield from places(one, (*before, name))


def put(answer, path, value):
    found = json.loads(json.dumps(answer))
    at = found
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return found


@pytest.mark.parametrize("provider", GOOD)
def test_a_good_batch_is_understood(provider):
    """
    What the odd ones are made of is a batch with three rows, of which one failed, and its file.
    """
    with over(lambda _: reply(GOOD[provider])) as http:
        view = client_of(provider, http).status("batch_1")
    assert (view.status, view.is_terminal, view.total) == ("completed", True, 3)
    assert view.output_file_id


def outcome_of(call, *arguments):
    """What a call returns, and what it raises."""
    try:
        return call(*arguments), None
    except ServiceError as error:
        return None, error


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("provider", GOOD)
def test_anything_may_stand_in_a_batch_object(provider, value):
    """
    Whatever stands in place of any value, the batch is understood and can be kept; or it is asked for a few
    times, and said to be none.
    """
    for path in places(GOOD[provider]):
        asked: list[httpx2.Request] = []

        def handler(request, path=path, asked=asked):
            asked.append(request)
            return reply(put(GOOD[provider], path, value))

        with over(handler) as http:
            view, error = outcome_of(client_of(provider, http).status, "batch_1")
        if error is not None:
            assert error.kind in ("batch-unreadable", "batch-field-odd"), path
            assert not error.is_passing
            assert len(asked) == 3
            error.message.encode()
            continue
        assert len(asked) == 1
        for text in (view.raw, view.status, view.error_text, view.reason, view.input_file_id):
            text.encode()
        assert all(0 <= number < 2**53 for number in (view.total, view.completed, view.failed))
        assert view.created_at.tzinfo is not None
        if path[-1] in WORDS:
            assert isinstance(value, str)
            assert value.strip()
        if path[-1] in IDS:
            assert value in (None, "") or (isinstance(value, str) and ".." not in value)


@pytest.mark.parametrize("value", [7, 0, True, {"a": 1}, ["file-2"], "../x", "x" * 600])
@pytest.mark.parametrize(
    ("provider", "field"),
    [("openai", "output_file_id"), ("openai", "error_file_id"), ("mistral", "output_file")],
)
def test_an_id_of_a_file_that_is_none_is_not_taken_for_no_file(provider, field, value):
    """
    Its answers would count as missing, and be paid for twice.
    """
    odd = {**GOOD[provider], field: value}
    with over(lambda _: reply(odd)) as http, pytest.raises(ServiceError, match=field):
        client_of(provider, http).status("batch_1")


@pytest.mark.parametrize("provider", GOOD)
def test_a_status_that_nobody_knows_is_kept(provider):
    """
    It is not the end of the batch, and no error.
    """
    (path,) = [path for path in places(GOOD[provider]) if path[-1] in WORDS]
    with over(lambda _: reply(put(GOOD[provider], path, "resting"))) as http:
        view = client_of(provider, http).status("batch_1")
    assert (view.status, view.is_terminal) == ("resting", False)


def page_of(provider, entries, number, *, more=True):
    """A page of the list that says that there are more, whatever it holds."""
    match provider:
        case "gemini":
            return {"operations": entries, **({"nextPageToken": f"token-{number}"} if more else {})}
        case _:
            return {"data": entries, "has_more": more}


def numbered(provider, number):
    name = "name" if provider == "gemini" else "id"
    return {**GOOD[provider], name: f"{'batches/' if provider == 'gemini' else 'batch_'}{number}"}


@pytest.mark.parametrize("provider", GOOD)
def test_a_list_without_end_is_said(provider, monkeypatch):
    """
    Pages that always bring something new and say that there is more end the search with an error: what was
    looked for may be further on, and taken for missing it would be paid for twice.
    """
    monkeypatch.setattr(base, "MOST_PAGES", 5)
    asked = []

    def handler(request):
        asked.append(request)
        first = 100 * len(asked)
        return reply(page_of(provider, [numbered(provider, first + at) for at in range(3)], len(asked)))

    with over(handler) as http, pytest.raises(ServiceError, match="does not come to an end") as caught:
        client_of(provider, http).find("file-x", "token-x", since=NOW)
    results = [request for request in asked if "results" in request.url.path]
    assert len(asked) - len(results) == 5
    assert not caught.value.is_passing


@pytest.mark.parametrize("provider", GOOD)
def test_a_cursor_that_never_moves_is_said(provider):
    """
    A full page that comes again and again hides what is behind it.
    """
    entries = [numbered(provider, number) for number in range(1_000 if provider == "anthropic" else 100)]
    asked = []

    def handler(request):
        asked.append(request)
        if "results" in request.url.path:
            return httpx2.Response(200, content=b'{"custom_id":"theirs"}\n')
        return reply(page_of(provider, entries, 1))

    with over(handler) as http, pytest.raises(ServiceError, match="does not come to an end"):
        client_of(provider, http).find("file-x", "token-x", since=NOW)
    assert len([request for request in asked if "results" not in request.url.path]) == 2


@pytest.mark.parametrize("entries", [7, "x", {"a": 1}, [7], ["x"], [None], [{"id": 7}], [[]]], ids=repr)
@pytest.mark.parametrize("provider", GOOD)
def test_a_list_that_is_none_is_said(provider, entries):
    """
    It is no empty list: what is looked for may be in it.
    """
    page = page_of(provider, entries, 1, more=False)
    told = "not as|no id or no status"
    with over(lambda _: reply(page)) as http, pytest.raises(ServiceError, match=told) as caught:
        client_of(provider, http).find("file-x", "token-x", since=NOW)
    assert not caught.value.is_passing


@pytest.mark.parametrize("entries", [None, []], ids=repr)
@pytest.mark.parametrize("provider", GOOD)
def test_an_empty_list_is_one(provider, entries):
    """
    Some write null where nothing is.
    """
    with over(lambda _: reply(page_of(provider, entries, 1, more=False))) as http:
        assert not client_of(provider, http).find("file-x", "token-x", since=NOW).batches


@pytest.mark.parametrize("value", [7, True, None, {}, ["x"], "", "../x", "x" * 600, "a\x00b"], ids=repr)
@pytest.mark.parametrize("provider", GOOD)
def test_a_paid_call_with_an_odd_id_is_not_lost_and_not_repeated(provider, value, tmp_path):
    """
    The batch was made and nobody can name it: it is looked for, and not made again.
    """
    file = tmp_path / "requests.jsonl"
    file.write_bytes(b"{}\n")
    name = "name" if provider == "gemini" else "id"
    asked = []

    def handler(request):
        request.read()
        asked.append(request)
        return reply({**GOOD[provider], name: value})

    submission = Submission(file, "files/1", "/v1/chat/completions", "m", "t", {})
    with over(handler) as http:
        assert isinstance(client_of(provider, http).create(submission), Unknown)
    assert len(asked) == 1


@pytest.mark.parametrize("provider", GOOD)
def test_a_paid_call_with_a_good_id_is_carried_out(provider, tmp_path):
    """
    The measure of the one above.
    """
    file = tmp_path / "requests.jsonl"
    file.write_bytes(b"{}\n")

    def handler(request):
        request.read()
        return reply(GOOD[provider])

    with over(handler) as http:
        outcome = client_of(provider, http).create(
            Submission(file, "files/1", "/v1/chat/completions", "m", "t", {})
        )
    assert isinstance(outcome, CarriedOut)


PATHS = {
    "openai": ("/v1/batches/{}", "/v1/files/{}/content"),
    "anthropic": ("/v1/messages/batches/{}", "/v1/messages/batches/{}/results"),
    "gemini": ("/v1/{}", "/download/v1/{}:download"),
    "mistral": ("/v1/batch/jobs/{}", "/v1/files/{}/content"),
}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("file-1", "file-1"),
        ("a b", "a%20b"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("a%2Fb", "a%252Fb"),
        ("é", "%C3%A9"),
        ("a/b", "a%2Fb"),
    ],
)
@pytest.mark.parametrize("provider", GOOD)
def test_an_id_is_one_segment_of_a_path(provider, name, written, tmp_path):
    """
    Whatever it is made of, it leads to no other path; Gemini's names have slashes that belong.
    """
    asked = []

    def handler(request):
        asked.append(request.url.raw_path.decode().partition("?")[0])
        return reply(GOOD[provider]) if len(asked) == 1 else httpx2.Response(200, content=b"{}\n")

    written = "a/b" if (provider, name) == ("gemini", "a/b") else written
    with over(handler) as http, (tmp_path / "to").open("w+b") as to:
        client = client_of(provider, http)
        client.status(name)
        client.fetch(name, to)
    assert asked == [path.format(written) for path in PATHS[provider]]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/../b", "a//b", "a\nb", "a\x00b", "x" * 513])
@pytest.mark.parametrize("provider", GOOD)
def test_what_can_be_no_id_is_not_asked_for(provider, name, tmp_path):
    """
    It is an error before anything is sent.
    """

    def handler(request):
        raise AssertionError(request.url)

    with over(handler) as http, (tmp_path / "to").open("w+b") as to:
        client = client_of(provider, http)
        for call in (
            lambda: client.status(name),
            lambda: client.fetch(name, to),
            lambda: client.cancel(name),
            lambda: client.delete_file(name),
        ):
            with pytest.raises(ServiceError, match="cannot be an id") as caught:
                call()
            assert not caught.value.is_passing
    assert quoted("batches/x-1") == "batches/x-1"
    assert quoted_segment("batches/x-1") == "batches%2Fx-1"


@pytest.mark.parametrize("model", ["../files/x", "a?b", "a#b", "m\n"])
def test_a_model_is_part_of_geminis_path_and_no_way_out(model, tmp_path):
    """
    A name that cannot be one is refused before the paid call; another is quoted.
    """
    file = tmp_path / "requests.jsonl"
    file.write_bytes(b"{}\n")
    asked = []

    def handler(request):
        asked.append(request.url.raw_path.decode())
        return reply(GOOD["gemini"])

    submission = Submission(file, "files/1", "/v1/chat/completions", model, "t", {})
    with over(handler) as http:
        outcome = client_of("gemini", http).create(submission)
    if isinstance(outcome, Refused):
        assert outcome.why.kind == "id-odd"
        assert not outcome.is_passing
        assert not asked
        return
    written = model.replace("?", "%3F").replace("#", "%23")
    assert asked == [f"/v1/models/{written}:batchGenerateContent"]


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/upload",
        "http://api.example.org/upload",
        "https://api.example.org:444/upload",
        "https://api.example.org@evil.example/upload",
        "//evil.example/x",
        "http://[::1",
        "",
    ],
)
def test_an_address_for_an_upload_is_of_the_same_host_and_encrypted(place, tmp_path):
    """
    The key goes along, so it goes nowhere else, and not in clear.
    """
    file = tmp_path / "requests.jsonl"
    file.write_bytes(b"{}\n")

    def handler(request):
        assert request.url.host == "api.example.org"
        assert request.url.scheme == "https"
        return httpx2.Response(200, headers={"x-goog-upload-url": place})

    with over(handler) as http, pytest.raises(ServiceError, match="same host"):
        client_of("gemini", http).upload(file, "f")


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (3, 3),
        ("3", 3),
        (3.0, 3),
        (True, 0),
        (-1, 0),
        ("²", 0),
        ("9" * 60, 0),
        (10**30, 0),
        (float("nan"), 0),
        ([], 0),
    ],
)
def test_a_counter_is_a_number_or_none(value, count):
    """
    Texts of digits are numbers, as Google writes them; what no batch has is none, and fits the ledger.
    """
    assert count_of(value) == count


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        1e300,
        -1e300,
        0,
        -5,
        True,
        "",
        "yesterday",
        "9999-99-99",
        [],
        {},
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_a_time_that_is_none_is_none(value):
    """
    No year of no calendar stops a run.
    """
    assert time_of(value) is None
