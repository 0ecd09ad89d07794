"""The Batch server of other people's tests: how it is started, and what clients see of faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import openai
import pytest

from rowbatch.errors import UsageError
from rowbatch.testing import BatchServer, batch_server, fault_names
from rowbatch.testing.fixtures import StartServer, rowbatch_server

__all__ = ["rowbatch_server"]

DEADLINE_S = 60.0
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def server() -> Iterator[BatchServer]:
    with batch_server() as found:
        yield found


@pytest.fixture(scope="module")
def client(server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=0) as made:
        yield made


def upload(client, rows=4):
    lines = [
        {
            "custom_id": f"row-{number}",
            "method": "POST",
            "url": CHAT,
            "body": {"model": "gpt-any", "messages": [{"role": "user", "content": f"text {number}"}]},
        }
        for number in range(1, rows + 1)
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return client.files.create(file=("requests.jsonl", content), purpose="batch").id


def create(client, rows=4):
    return client.batches.create(input_file_id=upload(client, rows), endpoint=CHAT, completion_window="24h")


def ended(client, batch_id):
    for _ in range(20_000):
        batch = client.batches.retrieve(batch_id)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch
        threading.Event().wait(0.003)
    raise AssertionError(f"it is still {batch.status}")


def lines_of(client, file_id):
    return [json.loads(line) for line in client.files.content(file_id).content.splitlines()]


def test_without_faults(rowbatch_server: StartServer):
    """
    The fixture starts a server that answers any model's name with the text itself, and counts.
    """
    server = rowbatch_server()
    with openai.OpenAI(base_url=server.base_url, api_key=server.key) as client:
        batch = ended(client, create(client).id)
        assert {line["custom_id"] for line in lines_of(client, batch.output_file_id)} == {
            f"row-{number}" for number in range(1, 5)
        }
    assert server.asked == {f"text {number}": 1 for number in range(1, 5)}
    assert (server.batches_made, server.happened, server.calls["create-batch"]) == (1, [], 1)
    assert server.key not in repr(server)


def test_a_lost_answer_is_a_batch_that_was_made(server, client):
    """
    The connection breaks, and the batch is there: a client that sends it again pays twice, and is told.
    """
    server.misbehave("lost-answer")
    file_id = upload(client)
    with pytest.raises(openai.APIConnectionError):
        client.batches.create(input_file_id=file_id, endpoint=CHAT, completion_window="24h")
    assert client.batches.list().data[0].input_file_id == file_id
    with openai.OpenAI(base_url=server.base_url, api_key=server.key, max_retries=2) as careless:
        server.misbehave("lost-answer")
        create(careless)
    assert server.batches_made == 2


def test_an_expired_batch_has_what_it_came_to(server, client):
    """
    The first part of the rows has answers, the others `batch_expired`; sizes, counts and a range fit.
    """
    server.misbehave("expires")
    batch = ended(client, create(client).id)
    assert (batch.status, batch.completed_at) == ("expired", None)
    assert batch.request_counts.model_dump() == {"total": 4, "completed": 2, "failed": 2}
    assert sorted(line["custom_id"] for line in lines_of(client, batch.output_file_id)) == ["row-1", "row-2"]
    late = lines_of(client, batch.error_file_id)
    assert {line["error"]["code"] for line in late} == {"batch_expired"}
    content = client.files.content(batch.error_file_id).content
    assert client.files.retrieve(batch.error_file_id).bytes == len(content)
    part = client.files.with_raw_response.content(batch.error_file_id, extra_headers={"range": "bytes=5-9"})
    assert (part.http_response.status_code, part.content) == (206, content[5:10])


def test_a_failed_batch_asks_nothing(server, client):
    """
    A batch that fails when it is checked costs nothing, and names the file that it was made of.
    """
    server.misbehave("fails-validation")
    before = server.asked
    made = create(client)
    batch = ended(client, made.id)
    assert batch.status == "failed"
    assert batch.errors.data[0].code == "token_limit_exceeded"
    assert batch.input_file_id == made.input_file_id
    assert server.asked == before


def test_ids_that_change_all_work(server, client):
    """
    At each look the file has another id, and each of them has the content.
    """
    server.misbehave("ids-change")
    batch_id = create(client).id
    ids = {ended(client, batch_id).output_file_id for _ in range(3)}
    assert len(ids) == 3
    assert len({client.files.content(file_id).content for file_id in ids}) == 1


def test_a_cancel_that_comes_too_late(server, client):
    """
    It is answered with `cancelling`, or was over already; in the end the batch is completed.
    """
    server.misbehave("cancel-too-late")
    batch = client.batches.cancel(create(client, rows=200).id)
    assert batch.status in ("cancelling", "completed")
    assert ended(client, batch.id).status == "completed"
    assert server.happened[-1].fault == "cancel-too-late"


def test_a_direct_answer_is_spoiled_too(server, client):
    """
    Faults of answers befall direct calls, by their numbers; those of calls as well.
    """
    server.misbehave(["refusal", "length-stop"])
    said = [
        client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello there"}]
        ).choices[0]
        for _ in range(2)
    ]
    assert said[0].message.content == "hello there"
    assert said[1].message.refusal
    assert said[1].message.content is None
    server.misbehave('[[fault]]\nkind = "too-many-requests"\non = "answer"\nseconds = 7\n')
    with pytest.raises(openai.RateLimitError) as told:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert told.value.response.headers["retry-after"] == "7"


def test_the_same_seed_gives_the_same_faults(server, client):
    """
    What happens follows from the seed and from what is counted.
    """

    def what_happens(seed):
        server.misbehave('[[fault]]\nkind = "row-fails"\nshare = 0.3\n', seed=seed)
        seen = len(server.happened)
        ended(client, create(client, rows=40).id)
        return [one.what for one in server.happened[seen:]]

    first = what_happens(7)
    assert 0 < len(first) < 40
    assert what_happens(7) == first
    assert what_happens(8) != first


def test_batches_of_earlier_faults_are_left_alone(server, client):
    """
    Numbers begin anew with other faults, and what was made before is as it was.
    """
    server.misbehave(None)
    earlier = ended(client, create(client).id)
    server.misbehave(["expires", "row-missing", "not-listed"])
    assert ended(client, earlier.id).status == "completed"
    assert len(lines_of(client, earlier.output_file_id)) == 4
    assert earlier.id in {batch.id for batch in client.batches.list()}


def test_whoever_has_no_key_sees_nothing(server, client):
    """
    A file that is there for clients alone is shown to nobody without the key, nor what went wrong.
    """
    server.misbehave("expires")
    batch = ended(client, create(client).id)
    with openai.OpenAI(base_url=server.base_url, api_key="wrong", max_retries=0) as stranger:
        for ask in (
            lambda: stranger.files.content(batch.error_file_id),
            lambda: stranger.files.retrieve(batch.error_file_id),
            lambda: stranger.batches.retrieve(batch.id),
            lambda: stranger.get("/../faults", cast_to=object),
        ):
            with pytest.raises(openai.AuthenticationError):
                ask()


def test_wrong_faults_are_told_before_anything_starts():
    """
    A name that is none is an error of the test.
    """
    with pytest.raises(UsageError, match="no faults called 'lost-answers'"), batch_server("lost-answers"):
        pass
    assert "lost-answer" in fault_names()
