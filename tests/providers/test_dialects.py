"""The bytes that each provider is sent, and its results in the house's own form."""

import json

import httpx2
import pytest

from rowbatch.core.result import read_result
from rowbatch.core.states import RowStatus
from rowbatch.http import HttpClient
from rowbatch.providers import anthropic, gemini, mistral
from rowbatch.providers.base import TOKEN_FIELD
from rowbatch.providers.catalog import find_provider, provider_names
from rowbatch.providers.openai import OpenAIDialect
from rowbatch.steps.submit import is_file_lost, is_queue_full, is_too_large, told_queue_limit

TOKEN = "0123456789abcdef-r1-0001"
SCHEMA = {"type": "object", "properties": {"label": {"enum": ["a", "b"]}}}
REQUEST = {
    "custom_id": "row-7",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {
        "model": "m",
        "messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "数据\u2028“x”"}],
        "temperature": 0,
        "max_completion_tokens": 20,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
        },
    },
}
LINE = json.dumps(REQUEST, ensure_ascii=False, separators=(",", ":")).encode()
IMAGE = {
    **REQUEST,
    "body": {
        "model": "m",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            }
        ],
    },
}


def test_anthropic_request():
    """
    Requests go with an id that carries the token, a system text, the limit that is required, and the schema.
    """
    assert anthropic.AnthropicDialect().request_line(LINE, TOKEN).decode() == (
        '{"custom_id":"row-7-0123456789abcdefx1","params":{"model":"m","max_tokens":20,'
        '"messages":[{"role":"user","content":"数据\u2028“x”"}],"system":"Sort.",'
        '"output_config":{"format":{"type":"json_schema","schema":{"type":"object",'
        '"properties":{"label":{"enum":["a","b"]}}}}},"temperature":0}}'
    )


def test_gemini_request():
    """
    Contents with parts, the system apart, limits and schema in the generation config.
    """
    assert gemini.GeminiDialect().request_line(LINE, TOKEN).decode() == (
        '{"key":"row-7","request":{"contents":[{"role":"user","parts":[{"text":"数据\u2028“x”"}]}],'
        '"systemInstruction":{"parts":[{"text":"Sort."}]},"generationConfig":{"maxOutputTokens":20,'
        '"responseMimeType":"application/json","responseJsonSchema":{"type":"object",'
        '"properties":{"label":{"enum":["a","b"]}}},"temperature":0}}}'
    )


def test_mistral_request():
    """
    OpenAI's body without the model, which stands on the job, and with Mistral's name of the limit.
    """
    found = json.loads(mistral.MistralDialect().request_line(LINE, TOKEN))
    assert set(found) == {"custom_id", "body"}
    assert set(found["body"]) == {"messages", "temperature", "max_tokens", "response_format"}


def test_zhipu_urls():
    """
    OpenAI's line with Zhipu's url; what looks like a url in the text stays.
    """
    line = LINE.replace(b"Sort.", b'\\"url\\":\\"/v1/')
    found = json.loads(OpenAIDialect("/v4").request_line(line, TOKEN))
    assert found["url"] == "/v4/chat/completions"
    assert found["body"]["messages"][0]["content"] == '"url":"/v1/'


@pytest.mark.parametrize(
    ("dialect", "image"),
    [
        pytest.param(
            anthropic.AnthropicDialect(),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            id="anthropic",
        ),
        pytest.param(
            gemini.GeminiDialect(), {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, id="gemini"
        ),
    ],
)
def test_images(dialect, image):
    """
    An image in the request is an image in the provider's form.
    """
    text = dialect.request_line(json.dumps(IMAGE).encode(), TOKEN).decode()
    assert json.dumps(image, separators=(",", ":")) in text


@pytest.mark.parametrize("dialect", [anthropic.AnthropicDialect(), gemini.GeminiDialect()])
def test_what_a_provider_does_not_have(dialect):
    """
    Another endpoint than chat is an error that says what to do.
    """
    with pytest.raises(ValueError, match="--endpoint chat"):
        dialect.request_line(LINE.replace(b"/v1/chat/completions", b"/v1/responses"), TOKEN)


def _said(text):
    return {"content": {"parts": [{"text": text}]}}


USAGE = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 3}
MESSAGE = {
    "id": "msg_1",
    "model": "claude-x",
    "content": [{"type": "text", "text": '{"label":"a"}'}],
    "stop_reason": "end_turn",
    "usage": USAGE,
}
GEMINI_ANSWER = {
    "candidates": [
        {
            "content": {"parts": [{"text": "let me think", "thought": True}, {"text": "yes"}]},
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 4},
    "modelVersion": "gemini-x",
}


@pytest.mark.parametrize(
    ("result", "status", "content", "cause"),
    [
        pytest.param({"type": "succeeded", "message": MESSAGE}, "ok", '{"label":"a"}', "", id="answer"),
        pytest.param(
            {"type": "succeeded", "message": {**MESSAGE, "stop_reason": "max_tokens"}},
            "truncated",
            '{"label":"a"}',
            "",
            id="cut",
        ),
        pytest.param(
            {"type": "succeeded", "message": {**MESSAGE, "stop_reason": "refusal", "content": []}},
            "refused",
            None,
            "",
            id="refusal",
        ),
        pytest.param(
            {"type": "errored", "error": {"error": {"type": "invalid_request_error", "message": "no"}}},
            "error",
            "",
            "400:invalid_request_error",
            id="refused-row",
        ),
        pytest.param(
            {"type": "errored", "error": {"error": {"type": "overloaded_error", "message": "busy"}}},
            "error",
            "",
            "529:overloaded_error",
            id="overloaded",
        ),
        pytest.param({"type": "expired"}, "expired", "", ":batch_expired", id="expired"),
        pytest.param({"type": "canceled"}, "cancelled", "", ":batch_cancelled", id="cancelled"),
    ],
)
def test_anthropic_results(result, status, content, cause):
    """
    Every type of result, as the house reads it.
    """
    line = json.dumps({"custom_id": "row-7-0123456789abcdefx1", "result": result}).encode()
    found = read_result(anthropic.AnthropicDialect().result_line(line, TOKEN))
    assert (found.custom_id, found.status, found.cause) == ("row-7", RowStatus(status), cause)
    assert content is None or found.content == content
    if status == "ok":
        assert (found.model, found.prompt_tokens, found.completion_tokens) == ("claude-x", 15, 3)


@pytest.mark.parametrize(
    ("head", "is_ours"),
    [
        pytest.param(b'{"custom_id":"row-1-0123456789abcdefx1"}\n', True, id="ours"),
        pytest.param(b'{"custom_id":"row-1-0123456789abcdefx2"}\n', False, id="another-attempt"),
        pytest.param(
            b'{"custom_id":"theirs"}\n{"custom_id":"row-1-0123456789abcdefx1"}\n', True, id="second"
        ),
        pytest.param(b"", None, id="empty"),
        pytest.param(b'{"custom_id":"row-1-0123', None, id="cut"),
    ],
)
def test_whose_an_anthropic_batch_is(head, is_ours):
    """
    What cannot be told is not taken for somebody else's: it would be paid twice.
    """

    def handler(_):
        return httpx2.Response(200, content=head)

    with HttpClient("http://127.0.0.1:9/v1", transport=httpx2.MockTransport(handler)) as http:
        assert anthropic.AnthropicBatchClient(http)._is_ours("msgbatch_1", TOKEN) is is_ours


def test_anthropic_results_of_another_batch():
    """
    An id with another token is not taken for ours.
    """
    line = json.dumps({"custom_id": "row-7-ffffffffffffffffx1", "result": {"type": "expired"}}).encode()
    with pytest.raises(ValueError, match="another batch"):
        anthropic.AnthropicDialect().result_line(line, TOKEN)


@pytest.mark.parametrize(
    ("result", "status", "content", "cause"),
    [
        pytest.param({"response": GEMINI_ANSWER}, "ok", "yes", "", id="answer-without-thoughts"),
        pytest.param(
            {
                "response": {
                    "candidates": [{"content": {"parts": [{"text": "ha"}]}, "finishReason": "MAX_TOKENS"}]
                }
            },
            "truncated",
            "ha",
            "",
            id="cut",
        ),
        pytest.param(
            {"response": {"promptFeedback": {"blockReason": "SAFETY"}}}, "refused", None, "", id="blocked"
        ),
        pytest.param(
            {"error": {"code": 3, "status": "INVALID_ARGUMENT", "message": "no"}},
            "error",
            "",
            "400:INVALID_ARGUMENT",
            id="refused-row",
        ),
        pytest.param(
            {"error": {"code": 14, "message": "later"}}, "error", "", "503:14", id="unavailable-by-number"
        ),
    ],
)
def test_gemini_results(result, status, content, cause):
    """
    Answers, blocked prompts and errors.
    """
    line = json.dumps({"key": "row-7", **result}).encode()
    found = read_result(gemini.GeminiDialect().result_line(line, TOKEN))
    assert (found.custom_id, found.status, found.cause) == ("row-7", RowStatus(status), cause)
    assert content is None or found.content == content
    if status == "ok":
        assert (found.model, found.prompt_tokens, found.completion_tokens) == ("gemini-x", 9, 6)


@pytest.mark.parametrize(
    ("state", "status", "is_terminal"),
    [
        ("BATCH_STATE_PENDING", "validating", False),
        ("JOB_STATE_RUNNING", "in_progress", False),
        ("BATCH_STATE_SUCCEEDED", "completed", True),
        ("JOB_STATE_PARTIALLY_SUCCEEDED", "completed", True),
        ("BATCH_STATE_EXPIRED", "expired", True),
        ("BATCH_STATE_NEW_ONE", "new_one", False),
    ],
)
def test_gemini_states(state, status, is_terminal):
    """
    Both spellings; a state that nobody knows is not over.
    """
    view = gemini.read_batch({"name": "batches/1", "metadata": {"state": state, "displayName": TOKEN}})
    assert (view.status, view.is_terminal) == (status, is_terminal)
    assert view.metadata[TOKEN_FIELD] == TOKEN


def test_mistral_jobs():
    """
    States, counters and errors under Mistral's names.
    """
    job = {
        "id": "j",
        "status": "TIMEOUT_EXCEEDED",
        "input_files": ["f"],
        "created_at": 1_790_000_000,
        "total_requests": 5,
        "succeeded_requests": 3,
        "failed_requests": 2,
        "errors": [{"message": "bad", "count": 2}],
        "output_file": "o",
        "error_file": "",
    }
    view = mistral.read_job(job)
    assert (view.status, view.completed, view.failed, view.total) == ("expired", 3, 2, 5)
    assert (view.output_file_id, view.error_file_id) == ("o", None)
    assert view.error_text == "bad (2 times)"


def test_anthropic_batch_that_ended():
    """
    One file with answers and errors, whatever became of them.
    """
    view = anthropic.read_batch(
        {
            "id": "msgbatch_1",
            "processing_status": "ended",
            "created_at": "2026-11-23T10:00:00Z",
            "expires_at": "2026-11-24T10:00:00Z",
            "request_counts": {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 1, "expired": 1},
        }
    )
    assert (view.status, view.is_terminal, view.total) == ("completed", True, 4)
    assert view.output_file_id == "msgbatch_1"


@pytest.mark.parametrize(
    ("code", "message", "is_full", "limit"),
    [
        (
            "token_limit_exceeded",
            "Enqueued token limit reached for gpt-4o-mini in organization org-x. "
            "Limit: 2,000,000 enqueued tokens. Please try again once some in_progress batches have been "
            "completed.",
            True,
            2_000_000,
        ),
        ("", "Enqueued request limit reached for e. Limit: 1,000,000 enqueued requests.", True, None),
        ("insufficient_quota", "You exceeded your current quota", False, None),
    ],
)
def test_refusals_of_the_queue(code, message, is_full, limit):
    """
    The texts that were seen, and the limit in them.
    """
    assert is_queue_full(code, message) is is_full
    assert told_queue_limit(message) == limit


def test_refusals_for_size_and_lost_files():
    """
    The texts that were seen.
    """
    assert is_too_large(400, "", "File is too large.")
    assert is_too_large(413, "", "")
    assert is_too_large(None, "", "The batch input file is larger than the 209715200 maximum for the m model")
    assert not is_too_large(400, "invalid_value", "temperature")
    assert is_file_lost(
        "invalid_request", "Cannot find file file-1, or organization org does not have access"
    )


def test_every_provider_has_what_a_run_needs():
    """
    Limits, keys, and a source for each.
    """
    assert {"openai", "azure", "anthropic", "gemini", "mistral", "groq", "dashscope", "zhipu"} <= set(
        provider_names()
    )
    for name in provider_names():
        provider = find_provider(name)
        assert provider.limits.max_requests > 0
        assert provider.source
        assert provider.is_free or provider.key_variables
        assert provider.base_url.startswith("https://") or name in ("local", "azure", "compatible")
