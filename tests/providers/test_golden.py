"""
The life of a batch as each provider sees it: every call, byte for byte, beside `golden/PROVIDER.txt`.

The answers are those of the providers' documentation, shortened. After a change on purpose: delete the file,
run the test twice, and read what git shows.
"""

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from rowbatch.core.result import read_result
from rowbatch.http import CarriedOut, HttpClient, Key
from rowbatch.providers.base import TOKEN_FIELD, Submission
from rowbatch.providers.catalog import find_provider, provider_names
from rowbatch.providers.clients import client_for, headers_of

GOLDEN = Path(__file__).with_name("golden")
TOKEN = "0123456789abcdef-r1-0001"
SINCE = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REQUEST: dict[str, Any] = {
    "custom_id": "row-7",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {
        "model": "m",
        "messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "数据 “x” é\\n"}],
        "temperature": 0,
        "max_completion_tokens": 20,
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "strict": True,
                "schema": {"type": "object", "properties": {"label": {"enum": ["a", "b"]}}},
            },
        },
    },
}
# What a client says of itself and of the connection.
_NOT_OURS = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length"}

_CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "m-2026",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": '{"label":"a"}'}}
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
}
_OPENAI_BATCH = {
    "id": "batch_abc123",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "errors": None,
    "input_file_id": "file-abc123",
    "completion_window": "24h",
    "status": "completed",
    "output_file_id": "file-cvaTdG",
    "error_file_id": None,
    "created_at": 1_795_435_200,
    "expires_at": 1_795_521_600,
    "request_counts": {"total": 1, "completed": 1, "failed": 0},
    "metadata": {TOKEN_FIELD: TOKEN},
}
_MESSAGE = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "m-2026",
    "content": [{"type": "text", "text": '{"label":"a"}'}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 3},
}
_ANTHROPIC_BATCH = {
    "id": "msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d",
    "type": "message_batch",
    "processing_status": "ended",
    "request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2026-11-23T12:00:00.000000+00:00",
    "expires_at": "2026-11-24T12:00:00.000000+00:00",
    "ended_at": "2026-11-23T13:00:00.000000+00:00",
    "cancel_initiated_at": None,
    "results_url": "https://api.anthropic.com/v1/messages/batches/msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d/results",
}
_GEMINI_ANSWER = {
    "candidates": [
        {
            "content": {"parts": [{"text": '{"label":"a"}'}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 3, "totalTokenCount": 15},
    "modelVersion": "m-2026",
    "responseId": "r1",
}
_GEMINI_BATCH = {
    "name": "batches/abc123",
    "metadata": {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "model": "models/m",
        "displayName": TOKEN,
        "inputConfig": {"fileName": "files/abc123"},
        "output": {"responsesFile": "files/batch-abc123"},
        "createTime": "2026-11-23T12:00:00.123456789Z",
        "batchStats": {"requestCount": "1", "successfulRequestCount": "1"},
        "state": "BATCH_STATE_SUCCEEDED",
        "name": "batches/abc123",
    },
    "done": True,
}
_MISTRAL_JOB = {
    "id": "b9f1c3a2",
    "object": "batch",
    "input_files": ["file-abc123"],
    "metadata": {TOKEN_FIELD: TOKEN},
    "endpoint": "/v1/chat/completions",
    "model": "m",
    "output_file": "file-cvaTdG",
    "error_file": None,
    "errors": [],
    "status": "SUCCESS",
    "created_at": 1_795_435_200,
    "total_requests": 1,
    "completed_requests": 1,
    "succeeded_requests": 1,
    "failed_requests": 0,
}
_OPENAI_RESULT = {
    "id": "batch_req_1",
    "custom_id": "row-7",
    "response": {"status_code": 200, "request_id": "r", "body": _CHAT},
    "error": None,
}
BATCHES = {
    "openai": _OPENAI_BATCH,
    "anthropic": _ANTHROPIC_BATCH,
    "gemini": _GEMINI_BATCH,
    "mistral": _MISTRAL_JOB,
}
RESULTS = {
    "openai": _OPENAI_RESULT,
    "anthropic": {
        "custom_id": "row-7-0123456789abcdefx1",
        "result": {"type": "succeeded", "message": _MESSAGE},
    },
    "gemini": {"key": "row-7", "response": _GEMINI_ANSWER},
    "mistral": _OPENAI_RESULT,
}
ANSWERS = {"openai": _CHAT, "anthropic": _MESSAGE, "gemini": _GEMINI_ANSWER, "mistral": _CHAT}


class Documented:
    """A provider that answers as its documentation does, and writes down what it is asked."""

    def __init__(self, dialect):
        self.dialect = dialect
        self.calls = []

    def __call__(self, request):
        self.calls.append(_written(request))
        path = request.url.path
        lists = "operations" if self.dialect == "gemini" else "data"
        if path.endswith(("/content", "/results")) or "/download/" in path:
            return httpx2.Response(200, content=json.dumps(RESULTS[self.dialect]).encode() + b"\n")
        if path.endswith(("/chat/completions", "/messages", ":generateContent")):
            return httpx2.Response(200, json=ANSWERS[self.dialect])
        if request.headers.get("x-goog-upload-command") == "start":
            place = {
                "x-goog-upload-url": "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=u"
            }
            return httpx2.Response(200, json={}, headers=place)
        if "upload_id" in str(request.url):
            made = {"file": {"name": "files/abc123", "displayName": "x"}}
            return httpx2.Response(200, json=made, headers={"x-goog-upload-status": "final"})
        if path.endswith("/files") and request.method == "POST":
            return httpx2.Response(200, json={"id": "file-abc123", "object": "file", "bytes": 9})
        if path.endswith("/files"):
            return httpx2.Response(200, json={"data": [], "files": []})
        if request.method == "DELETE":
            return httpx2.Response(200, json={})
        if request.method == "GET" and path.endswith(("/batches", "/jobs")):
            page = [BATCHES[self.dialect]] if "page=1" not in str(request.url) else []
            return httpx2.Response(200, json={lists: page, "has_more": False})
        return httpx2.Response(200, json=BATCHES[self.dialect])


def _written(request):
    """A call as text, without what differs from one time to the next."""
    kind = request.headers.get("content-type", "")
    boundary = kind.partition("boundary=")[2] or "no boundary"
    head = [f"{name}: {value}" for name, value in sorted(request.headers.items()) if name not in _NOT_OURS]
    body = request.read().decode().replace("\r\n", "\n")
    text = "\n".join([f"{request.method} {unquote(str(request.url))}", *head, *(["", body] if body else [])])
    return re.sub(r"sk-[a-z]+", "KEY", text).replace(boundary, "BOUNDARY").rstrip("\n")


@pytest.mark.parametrize("name", [name for name in provider_names() if name != "local"])
def test_every_call_of_a_batch(tmp_path, name):
    """
    Upload, create, list, status, results, cancel, clean-up and one direct call: the bytes of the golden file.
    """
    provider = find_provider(name)
    server = Documented(provider.dialect)
    base_url = (
        provider.base_url
        or {
            "azure": "https://resource.openai.azure.com/openai/v1",
            "compatible": "https://gateway.example.org/v1",
        }[name]
    )
    with HttpClient(
        base_url,
        Key("sk-canary"),
        key_header=provider.key_header,
        key_prefix=provider.key_prefix,
        headers=headers_of(provider),
        transport=httpx2.MockTransport(server),
        clock=lambda: SINCE,
    ) as http:
        client = client_for(provider, http)
        file = tmp_path / "r1-0001.jsonl"
        line = json.dumps(REQUEST, ensure_ascii=False, separators=(",", ":")).encode()
        file.write_bytes(client.dialect.request_line(line, TOKEN) + b"\n")
        file_id = client.upload(file, f"rowbatch-{TOKEN}.jsonl")
        metadata = {"rowbatch_run": "posts", "rowbatch_shard": "r1-0001", TOKEN_FIELD: TOKEN}
        made = client.create(Submission(file, file_id, "/v1/chat/completions", "m", TOKEN, metadata))
        assert isinstance(made, CarriedOut)
        view = client.view(made.body)
        assert [found.batch_id for found in client.find(file_id, TOKEN, since=SINCE).batches] == [
            view.batch_id
        ]
        assert client.status(view.batch_id) == view
        assert (view.status, view.is_terminal, view.completed, view.total) == ("completed", True, 1, 1)
        assert (view.created_at - SINCE).total_seconds() < 1
        to = io.BytesIO()
        client.fetch(str(view.output_file_id), to)
        found = read_result(client.dialect.result_line(to.getvalue().rstrip(b"\n"), TOKEN))
        assert (found.custom_id, found.status, found.content) == ("row-7", "ok", '{"label":"a"}')
        assert (found.model, found.prompt_tokens, found.completion_tokens) == ("m-2026", 12, 3)
        client.cancel(view.batch_id)
        client.own_files("rowbatch-")
        for remote in (file_id, view.output_file_id):
            if remote:
                client.delete_file(remote)
        answer = client.ask("/v1/chat/completions", REQUEST["body"])
        assert answer["choices"][0]["message"]["content"] == '{"label":"a"}'
    told = ("\n\n" + "-" * 40 + "\n\n").join(server.calls) + "\n"
    golden = GOLDEN / f"{name}.txt"
    if not golden.exists():
        golden.write_text(told, encoding="utf-8")
        pytest.fail(f"{golden.name} was not there, and was written: read it")
    assert told == golden.read_text(encoding="utf-8")


def test_there_is_no_golden_file_without_a_provider():
    """
    A provider that is gone takes its file with it.
    """
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(provider_names()) - {"local"}
