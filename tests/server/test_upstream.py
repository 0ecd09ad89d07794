"""Servers that have no batches, through ours: what they say, and what happens when they are away."""

import asyncio
import gzip
import json
import time
from collections import Counter
from contextlib import contextmanager
from typing import Any

import openai
import pytest
import stamina

from end_to_end import wait_until
from loops import run_alone
from rowbatch.errors import ServiceError, UsageError
from rowbatch.http import Key
from rowbatch.server import node, runner, upstream
from rowbatch.server.chat_request import CHAT
from rowbatch.server.node import Upstream, error_body, parse_upstream
from rowbatch.server.upstream import UpstreamEngine
from serving import running_server
from upstreams import MODEL, Said, echo, fake_upstream, said

BODY = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}


@contextmanager
def asked(answers, **options):
    """A server that says these things in turn, and an engine that asks it."""
    left = list(answers)
    with fake_upstream(lambda _: left.pop(0)) as server:
        options = {"first_pause_s": 0.01, **options}
        yield server, UpstreamEngine([Upstream(server.base_url)], **options)


def complete(engine, *, is_patient=True, body=BODY):
    async def run():
        try:
            return await engine.answer(CHAT.url, body, is_patient=is_patient)
        finally:
            await engine.stop()

    return run_alone(run())


OK = said("fine")
BUSY = Said(429, {"error": {"message": "busy"}})
UNPAID = Said(429, {"error": {"message": "quota", "code": "insufficient_quota"}})
CUT = Said(is_cut=True)


@pytest.mark.parametrize(
    ("answers", "status", "calls"),
    [
        pytest.param([OK], 200, 1, id="answer"),
        pytest.param([BUSY, Said(503), OK], 200, 3, id="busy"),
        pytest.param([UNPAID], 429, 1, id="no-money-left"),
        pytest.param([Said(400, {"error": {"message": "no"}})], 400, 1, id="refused"),
        pytest.param([Said(500, {"error": {"message": "no"}})], 500, 1, id="failed"),
        pytest.param([Said(200, b"<html>")], 502, 1, id="html"),
        pytest.param([CUT, OK], 200, 2, id="lost-where-nobody-bills"),
        pytest.param([CUT, CUT, CUT], 502, 3, id="lost-again-and-again"),
    ],
)
def test_what_an_upstream_says(answers, status, calls):
    """
    Answers and refusals are given on; what was not carried out is tried again, and what was lost too, a few
    times, where nobody can bill it.
    """
    with asked(answers) as (server, engine):
        assert complete(engine).status_code == status
        assert len(server.calls) == calls


def test_a_lost_answer_that_may_be_billed_is_not_asked_for_again(monkeypatch):
    """
    Of a server elsewhere that has a key, unless that is wanted; its row is an error.
    """
    with asked([CUT, OK], ask_again=False) as (server, engine):
        reply = complete(engine)
        assert (reply.status_code, reply.body["error"]["code"]) == (502, "upstream_answer_lost")
        assert len(server.calls) == 1
    for key, is_here, may in ((None, False, True), (Key("k"), True, True), (Key("k"), False, False)):
        monkeypatch.setattr(node, "is_loopback", lambda _, is_here=is_here: is_here)
        made = node.Node(Upstream("https://gpu.example/v1"), key, most=1, limit_s=1)
        assert made.is_free_of_charge is may


def test_who_stays_busy_is_given_up_after_an_hour():
    """
    Here after no time at all; the refusal is given on.
    """
    with asked([BUSY, BUSY], busy_limit_s=0) as (_, engine):
        assert complete(engine).status_code == 429


def test_who_asks_directly_is_told_at_once():
    """
    A person waits: that the server is busy, or away, is said and not waited for.
    """
    with asked([BUSY, OK]) as (server, engine):
        assert complete(engine, is_patient=False).status_code == 429
        server.stop()
        for _ in range(2):
            reply = complete(engine, is_patient=False)
            assert (reply.status_code, reply.body["error"]["code"]) == (503, "upstream_unreachable")
        server.start()


def test_a_busy_server_is_left_alone_for_as_long_as_it_says():
    """
    `Retry-After`, in seconds.
    """
    with asked([Said(429, headers={"Retry-After": "0.4"}), OK]) as (_, engine):
        began = time.monotonic()
        assert complete(engine).status_code == 200
        assert time.monotonic() - began >= 0.4


def test_an_answer_has_its_time():
    """
    What takes longer is an error of its row, and is not asked again.
    """
    with asked([Said(delay_s=30), OK], limit_s=0.3) as (server, engine):
        reply = complete(engine)
        assert (reply.status_code, reply.body["error"]["code"]) == (504, "upstream_too_slow")
        assert len(server.calls) == 1


def test_a_connection_that_was_closed_already_costs_no_row():
    """
    uvicorn closes a connection after an error of its application, and its answer does not say so. A call that
    meets such a connection is made again on another one, also where a lost answer would not be: nothing came.
    """
    with asked([Said(500, {"error": {}}, closes=True)] * 5 + [OK], ask_again=False) as (server, engine):

        async def run():
            statuses = []
            for _ in range(6):
                statuses.append((await engine.answer(CHAT.url, BODY)).status_code)
                # As long as the other end takes to close it, and no longer: it is in the pool by now.
                time.sleep(0.05)
            await engine.stop()
            return statuses

        assert run_alone(run()) == [500] * 5 + [200]
        assert len(server.calls) == 6


def test_the_key_goes_along():
    """
    In the header, and the body is the request's own; the query of the address goes with each call.
    """
    with fake_upstream() as server:
        engine = UpstreamEngine([Upstream(f"{server.base_url}?api-version=1")], Key("k"))
        complete(engine)
        assert server.heads[0]["authorization"] == "Bearer k"
        assert server.calls == [BODY]
        assert server.paths == ["/v1/chat/completions?api-version=1"]


def test_an_upstream_that_is_not_there():
    """
    Said at the start, and not row by row.
    """
    with stamina.set_testing(True, attempts=1), pytest.raises(ServiceError, match="cannot be reached"):
        UpstreamEngine([Upstream("http://127.0.0.1:9/v1")])


@pytest.mark.parametrize(
    ("listed", "status"), [((), 200), (("cache",), 200), ((), 500)], ids=["none", "others", "fails"]
)
def test_a_model_that_is_named_need_not_be_listed(listed, status, caplog):
    """
    As one that is served from a folder: it is warned of, once, and asked; the server is not taken for away.
    """
    with fake_upstream(lambda _: OK, models=listed) as server:
        server.list_status = status
        engine = UpstreamEngine([Upstream(server.base_url)], models=["./folder"])
        assert "./folder" in engine.models
        assert "does not list the model ./folder" in caplog.text

        async def run():
            await engine.refresh()
            assert engine.fault is None
            assert "./folder" in engine.models
            try:
                return await engine.answer(CHAT.url, {**BODY, "model": "./folder"})
            finally:
                await engine.stop()

        assert run_alone(run()).status_code == 200


def test_refusals_of_other_forms_keep_their_words():
    """
    FastAPI's `detail`, a plain text, a bare message: in OpenAI's form, with what was said.
    """
    answers = [
        Said(422, {"detail": [{"loc": ["body", "n"], "msg": "Extra inputs"}]}),
        Said(400, {"message": "no such thing"}),
        Said(400, {"error": "too long"}),
        Said(500, b"CUDA out of memory"),
    ]
    with asked(answers) as (_, engine):

        async def run():
            replies = [await engine.answer(CHAT.url, BODY) for _ in answers]
            await engine.stop()
            return replies

        replies = run_alone(run())
    words = ("Extra inputs", "no such thing", "too long", "CUDA out of memory")
    assert [reply.status_code for reply in replies] == [422, 400, 400, 500]
    for reply, said_ in zip(replies, words, strict=True):
        assert said_ in reply.body["error"]["message"]
        assert reply.body["error"]["type"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Said(body=b"{" + b" " * 5_000 + b"}"), id="large"),
        pytest.param(
            Said(body=gzip.compress(b"{" + b" " * 5_000 + b"}"), headers={"content-encoding": "gzip"}),
            id="unpacks-to-much",
        ),
        pytest.param(Said(body=b"{}", headers={"content-encoding": "gzip"}), id="no-gzip"),
        pytest.param(Said(body=b"{}", headers={"content-encoding": "br"}), id="unknown-encoding"),
    ],
)
def test_an_answer_of_an_upstream_has_a_bound(answer, monkeypatch):
    """
    What is too large, or not encoded as it says, is an error of its row, and is not asked again here.
    """
    monkeypatch.setattr(node, "MOST_ANSWER_BYTES", 2_000)
    with asked([answer]) as (server, engine):
        reply = complete(engine)
        assert reply.status_code == 502
        assert reply.body["error"]["code"] == "upstream_unreadable"
        assert len(server.calls) == 1


def test_an_encoded_answer_of_an_upstream_is_read():
    """
    The measure of the one above.
    """
    packed = Said(body=gzip.compress(b'{"choices": []}'), headers={"content-encoding": "gzip"})
    with asked([packed]) as (_, engine):
        reply = complete(engine)
        assert (reply.status_code, reply.body) == (200, {"choices": []})


def test_what_is_said_of_the_key_is_masked():
    """
    Words about a call that failed stand in result files.
    """
    secret = "sk-canary-of-an-upstream"
    Key(secret)
    told = error_body(f"Illegal header value b'Bearer {secret}'", "upstream_answer_lost")
    assert secret not in repr(told)
    assert "[hidden]" in repr(told)


@pytest.mark.parametrize("address", ["http://", "htp://x", "http://[::1", "http://host:99999", "host/v1"])
def test_an_upstream_without_an_address_is_said(address):
    """
    Before anybody is asked.
    """
    with pytest.raises(UsageError, match="no address that can be asked"):
        UpstreamEngine([Upstream(address)])


def test_the_key_of_an_upstream_does_not_go_in_clear():
    """
    To another machine over http it is sent where that is allowed by its name.
    """
    with pytest.raises(UsageError, match="over http") as caught:
        UpstreamEngine([Upstream("http://gpu-node:8000/v1")], Key("sk-of-an-upstream"))
    assert "ROWBATCH_ALLOW_HTTP=gpu-node" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a/v1", Upstream("http://a/v1")),
        ("http://a/v1=3", Upstream("http://a/v1", 3)),
        ("http://a/v1=0.5", Upstream("http://a/v1", 0.5)),
        ("http://a/v1?api-version=1", Upstream("http://a/v1?api-version=1")),
        ("http://a/v1?x=1&api-version=2024=2", Upstream("http://a/v1?x=1&api-version=2024", 2)),
    ],
)
def test_a_weight_stands_behind_the_address(text, expected):
    """
    Also behind one that has equals signs of its own.
    """
    assert parse_upstream(text) == expected


@pytest.mark.parametrize("weight", ["0", "-1", "many", "nan", "inf", ""])
def test_a_weight_that_is_none_is_said(weight):
    """
    With what stands there.
    """
    with pytest.raises(UsageError, match="weight"):
        parse_upstream(f"http://a/v1={weight}")


# Batches through our server.


def lines(count: int, text: str = "x") -> bytes:
    return b"".join(
        json.dumps(
            {
                "custom_id": f"row-{number}",
                "method": "POST",
                "url": CHAT.url,
                "body": {"model": MODEL, "messages": [{"role": "user", "content": f"{text}{number}"}]},
            }
        ).encode()
        + b"\n"
        for number in range(count)
    )


@contextmanager
def serving(tmp_path, *servers, weights=(), **options):
    """Our server in front of others, as a client sees it."""
    upstreams = [
        Upstream(server.base_url, weight)
        for server, weight in zip(servers, weights or [1.0] * len(servers), strict=True)
    ]
    engine = UpstreamEngine(upstreams, **{"first_pause_s": 0.02, **options})
    with (
        running_server(tmp_path, engine) as endpoint,
        openai.OpenAI(base_url=endpoint.base_url, api_key=endpoint.key, max_retries=0) as client,
    ):
        yield client


def create(client: Any, content: bytes) -> Any:
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=CHAT.url, completion_window="24h").id


def ended(client, batch_id: str) -> Any:
    over = ("completed", "failed", "expired", "cancelled")
    wait_until(lambda: client.batches.retrieve(batch_id).status in over)
    return client.batches.retrieve(batch_id)


def results(client, batch) -> Counter[str]:
    """How often each row is in the output with its own text."""
    text = client.files.content(batch.output_file_id).text
    found: Counter[str] = Counter()
    for line in text.splitlines():
        entry = json.loads(line)
        content = entry["response"]["body"]["choices"][0]["message"]["content"]
        assert content == entry["custom_id"].replace("row-", "x")
        found[entry["custom_id"]] += 1
    return found


def health(client) -> Any:
    import httpx2

    address = str(client.base_url).removesuffix("/v1/") + "/health"
    return httpx2.get(address, headers={"authorization": f"Bearer {client.api_key}"}).json()


ALL = 400


def test_a_batch_through_our_server(tmp_path):
    """
    Files and batches for a server that has none: the unmodified client gets its results.
    """
    with fake_upstream() as server, serving(tmp_path, server) as client:
        batch = ended(client, create(client, lines(ALL)))
        assert (batch.status, batch.request_counts.completed) == ("completed", ALL)
        assert results(client, batch) == {f"row-{n}": 1 for n in range(ALL)}
        assert batch.usage.total_tokens == 5 * ALL


def test_several_upstreams_share_the_rows_by_weight(tmp_path):
    """
    One with weight 3 gets three times as many as one with 1, and no row is asked twice.
    """
    slow = lambda body: Said(body=echo(body).body, delay_s=0.01)  # noqa: E731
    with (
        fake_upstream(slow) as one,
        fake_upstream(slow) as three,
        serving(tmp_path, one, three, weights=(1.0, 3.0), slots=8) as client,
    ):
        batch = ended(client, create(client, lines(ALL)))
        assert results(client, batch).total() == ALL
        assert len(one.calls) + len(three.calls) == ALL
        assert 2 <= len(three.calls) / len(one.calls) <= 4.5
        assert (one.most, three.most) <= (2, 6)


def test_rows_of_an_upstream_that_ends_go_to_the_others(tmp_path, monkeypatch):
    """
    One of two is stopped in the middle: no row is an error, all come once; it is said, and when it is back
    it has rows again.
    """
    monkeypatch.setattr(upstream, "_LOOKS_S", (0.05,))
    slow = lambda body: Said(body=echo(body).body, delay_s=0.02)  # noqa: E731
    with (
        fake_upstream(slow) as first,
        fake_upstream(slow) as second,
        serving(tmp_path, first, second, slots=8) as client,
    ):
        batch_id = create(client, lines(ALL))
        wait_until(lambda: len(first.calls) > 20)
        first.stop()
        wait_until(lambda: [one["state"] for one in health(client)["upstreams"]] == ["away", "answers"])
        assert health(client)["fault"] is None
        asked_before = len(first.calls)
        first.start()
        wait_until(lambda: len(first.calls) > asked_before)
        batch = ended(client, batch_id)
        assert (batch.status, batch.request_counts.failed) == ("completed", 0)
        assert results(client, batch) == {f"row-{n}": 1 for n in range(ALL)}


def test_an_upstream_that_is_away_is_waited_for(tmp_path, monkeypatch):
    """
    The only one is away for a while: the batch waits, `/health` says why, no row is an error, and it goes on
    when the server is back.
    """
    monkeypatch.setattr(upstream, "_LOOKS_S", (0.05,))
    slow = lambda body: Said(body=echo(body).body, delay_s=0.02)  # noqa: E731
    with fake_upstream(slow) as server, serving(tmp_path, server, slots=8) as client:
        batch_id = create(client, lines(ALL))
        wait_until(lambda: len(server.calls) > 20)
        server.stop()
        wait_until(lambda: health(client)["fault"] is not None)
        assert "is away" in health(client)["fault"]
        done = client.batches.retrieve(batch_id).request_counts.completed
        assert done < ALL
        server.start()
        batch = ended(client, batch_id)
        assert (batch.status, batch.request_counts.failed) == ("completed", 0)
        assert results(client, batch) == {f"row-{n}": 1 for n in range(ALL)}


def test_one_that_is_away_at_the_start_comes_later(tmp_path, monkeypatch):
    """
    Where another one answers; it is asked for its models when it is there.
    """
    monkeypatch.setattr(upstream, "_LOOKS_S", (0.05,))
    with fake_upstream() as there, fake_upstream(models=("late",)) as late:
        late.stop()
        with stamina.set_testing(True, attempts=1), serving(tmp_path, there, late) as client:
            assert [model.id for model in client.models.list()] == [MODEL]
            assert ended(client, create(client, lines(5))).status == "completed"
            late.start()
            wait_until(lambda: sorted(model.id for model in client.models.list()) == ["late", MODEL])


def test_a_model_that_was_loaded_since_is_found(tmp_path):
    """
    A batch names it: the list is asked for anew.
    """
    with fake_upstream(models=("other",)) as server, serving(tmp_path, server) as client:
        assert ended(client, create(client, lines(1))).status == "failed"
        server.models = ("other", MODEL)
        assert ended(client, create(client, lines(1))).status == "completed"


def test_a_model_is_known_by_its_short_name_too(tmp_path):
    """
    Ollama lists `llama3.2:latest` and answers to `llama3.2` too: in a batch and directly, and one that was
    pulled since the start is found by who asks directly.
    """
    with fake_upstream(models=("other",)) as server, serving(tmp_path, server) as client:
        server.models = (f"{MODEL}:latest",)
        asked_directly = client.chat.completions.create(**BODY)
        assert asked_directly.choices[0].message.content == "x"
        assert ended(client, create(client, lines(3))).status == "completed"
        assert [body["model"] for body in server.calls] == [MODEL] * 4
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(**{**BODY, "model": "none"})


def test_slow_rows_hold_no_other_batch(tmp_path, monkeypatch):
    """
    Two rows that hang keep their slots and nobody else's; cancelling their batch ends them within seconds,
    and what it has is kept.
    """
    monkeypatch.setattr(runner, "_LAST_ANSWERS_S", 0.2)

    def hang(body):
        text = body["messages"][-1]["content"]
        return Said(body=echo(body).body, delay_s=600 if text in ("x3", "x7") else 0)

    with fake_upstream(hang) as server, serving(tmp_path, server, slots=4) as client:
        stuck = create(client, lines(20))
        wait_until(lambda: client.batches.retrieve(stuck).request_counts.completed == 18)
        assert ended(client, create(client, lines(30, "another "))).request_counts.completed == 30
        assert client.batches.retrieve(stuck).status == "in_progress"
        client.batches.cancel(stuck)
        batch = ended(client, stuck)
        counts = batch.request_counts
        assert (batch.status, counts.completed, counts.failed) == ("cancelled", 18, 2)
        assert results(client, batch).total() == 18
        assert server.now <= 2


def test_a_client_that_has_gone_keeps_no_slot(tmp_path):
    """
    Two that asked directly, and did not wait for the answer: the call ends at the server behind ours too, and
    a batch has the slots.
    """

    def hang(body):
        return Said(body=echo(body).body, delay_s=600 if body["messages"][-1]["content"] == "hang" else 0)

    with fake_upstream(hang) as server, serving(tmp_path, server, slots=2) as client:
        hanging = {"model": MODEL, "messages": [{"role": "user", "content": "hang"}], "timeout": 1.0}
        for _ in range(2):
            with pytest.raises(openai.APITimeoutError):
                client.chat.completions.create(**hanging)
        assert ended(client, create(client, lines(5))).request_counts.completed == 5


def test_a_server_that_is_stopped_keeps_what_was_being_answered(tmp_path):
    """
    In the middle of a batch: nothing further is asked, each answer that was under way has its line, and at
    the next start none of these rows is asked again.
    """
    slow = lambda body: Said(body=echo(body).body, delay_s=0.3)  # noqa: E731
    with fake_upstream(slow) as server:
        with serving(tmp_path, server, slots=4) as client:
            batch_id = create(client, lines(40))
            wait_until(lambda: len(server.calls) >= 6)
        asked_before = len(server.calls)
        assert asked_before < 40
        written = (tmp_path / "work" / f"{batch_id}.output").read_text().splitlines()
        assert len(written) == asked_before
        server.answer = echo
        with serving(tmp_path, server, slots=4) as client:
            assert results(client, ended(client, batch_id)) == {f"row-{n}": 1 for n in range(40)}
        assert len(server.calls) == 40


def test_batches_have_their_turns(tmp_path):
    """
    A short batch behind a long one is over long before it.
    """
    slow = lambda body: Said(body=echo(body).body, delay_s=0.01)  # noqa: E731
    with fake_upstream(slow) as server, serving(tmp_path, server, slots=4) as client:
        long = create(client, lines(1000))
        wait_until(lambda: len(server.calls) > 10)
        short = create(client, lines(20))
        assert ended(client, short).status == "completed"
        assert client.batches.retrieve(long).status == "in_progress"
        assert len(server.calls) < 300


def test_the_window_ends_what_waits(tmp_path, monkeypatch):
    """
    The server stays away until the window is over: each row says that it expired.
    """
    monkeypatch.setattr("rowbatch.server.app.WINDOW_S", 1)
    monkeypatch.setattr(runner, "_LAST_ANSWERS_S", 0.1)
    with fake_upstream() as server, serving(tmp_path, server) as client:
        server.stop()
        batch = ended(client, create(client, lines(5)))
        assert (batch.status, batch.request_counts.failed) == ("expired", 5)
        server.start()


def test_more_room_is_told_to_who_waits():
    """
    Calls that wait for room go out as others end, each once, however many they are.
    """
    with fake_upstream(lambda body: Said(body=echo(body).body, delay_s=0.005)) as server:
        engine = UpstreamEngine([Upstream(server.base_url)], slots=3)

        async def run():
            replies = await asyncio.gather(*(engine.answer(CHAT.url, BODY) for _ in range(50)))
            await engine.stop()
            return Counter(reply.status_code for reply in replies)

        assert run_alone(run()) == {200: 50}
        assert (len(server.calls), server.most) == (50, 3)
