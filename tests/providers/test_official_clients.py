"""
The official clients through the whole life of a batch, against our fakes: a fake that they did not understand
would prove nothing about ours.

Each is imported in its test: together they take seconds, which each worker would spend that only collects.
"""

import json
from contextlib import ExitStack
from typing import Any

import pytest

from kill_runs import fake_server, judged

TEXTS = ["one", "three", "seven"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fakes")


def test_anthropic(folder):
    """
    create, retrieve, list, results and cancel of message batches.
    """
    with fake_server(folder, {}, 11, polls=0, skin="anthropic") as address:
        from anthropic import Anthropic

        client: Any = Anthropic(api_key="k", base_url=address, max_retries=0)
        made = client.messages.batches.create(
            requests=[
                {
                    "custom_id": f"row-{number}",
                    "params": {
                        "model": "m",
                        "max_tokens": 9,
                        "messages": [{"role": "user", "content": text}],
                    },
                }
                for number, text in enumerate(TEXTS, 1)
            ]
        )
        assert made.processing_status == "in_progress"
        found = client.messages.batches.retrieve(made.id)
        assert found.processing_status == "ended"
        assert [batch.id for batch in client.messages.batches.list()] == [made.id]
        answers = {
            result.custom_id: result.result.message.content[0].text
            for result in client.messages.batches.results(made.id)
        }
        again = client.messages.batches.create(
            requests=[
                {
                    "custom_id": "row-9",
                    "params": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
                }
            ]
        )
        assert client.messages.batches.cancel(again.id).processing_status == "canceling"
        assert client.messages.batches.retrieve(again.id).processing_status == "ended"
        assert [result.result.type for result in client.messages.batches.results(again.id)] == ["canceled"]
        client.close()
        assert answers == {f"row-{number}": text.upper() for number, text in enumerate(TEXTS, 1)}
        assert judged(address)["batches"] == 2


def test_mistral(folder):
    """
    upload, create, get, list, download, cancel and delete of batch jobs and files.
    """
    lines = [
        {"custom_id": f"row-{number}", "body": {"messages": [{"role": "user", "content": text}]}}
        for number, text in enumerate(TEXTS, 1)
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    with ExitStack() as stack, fake_server(folder, {}, 12, polls=0, skin="mistral") as address:
        from mistralai.client import Mistral

        client: Any = stack.enter_context(Mistral(api_key="k", server_url=address))
        uploaded = client.files.upload(file={"file_name": "in.jsonl", "content": content}, purpose="batch")
        made = client.batch.jobs.create(
            input_files=[uploaded.id],
            endpoint="/v1/chat/completions",
            model="m",
            metadata={"rowbatch_token": "t"},
        )
        done = client.batch.jobs.get(job_id=made.id)
        assert done.status == "SUCCESS"
        found = client.batch.jobs.list(page=0, page_size=10)
        assert [job.id for job in found.data] == [made.id]
        content = client.files.download(file_id=done.output_file).read()
        assert {json.loads(line)["custom_id"] for line in content.splitlines()} == {"row-1", "row-2", "row-3"}
        again = client.batch.jobs.create(
            input_files=[uploaded.id],
            endpoint="/v1/chat/completions",
            model="m",
            metadata={"rowbatch_token": "u"},
        )
        assert client.batch.jobs.cancel(job_id=again.id).status in ("CANCELLATION_REQUESTED", "CANCELLED")
        assert client.files.delete(file_id=uploaded.id).deleted


def test_gemini(folder):
    """
    upload, create, get, list, download, cancel and delete of batches and files.
    """
    lines = [
        {"key": f"row-{number}", "request": {"contents": [{"role": "user", "parts": [{"text": text}]}]}}
        for number, text in enumerate(TEXTS, 1)
    ]
    source = folder / "in.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with fake_server(folder, {}, 13, polls=0, skin="gemini") as address:
        from google import genai

        client: Any = genai.Client(api_key="k", http_options={"base_url": address})
        uploaded = client.files.upload(
            file=str(source), config={"mime_type": "application/jsonl", "display_name": "in.jsonl"}
        )
        made = client.batches.create(model="m", src=uploaded.name, config={"display_name": "t"})
        found = client.batches.get(name=made.name)
        assert found.state.name == "JOB_STATE_SUCCEEDED"
        assert [batch.name for batch in client.batches.list()] == [made.name]
        content = client.files.download(file=found.dest.file_name)
        again = client.batches.create(model="m", src=uploaded.name, config={"display_name": "u"})
        client.batches.cancel(name=again.name)
        assert client.batches.get(name=again.name).state.name == "JOB_STATE_CANCELLED"
        client.files.delete(name=uploaded.name)
        client.close()
        keys = {json.loads(line)["key"] for line in content.splitlines()}
        assert keys == {f"row-{number}" for number in range(1, 4)}
