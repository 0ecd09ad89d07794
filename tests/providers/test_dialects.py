"""The bytes that each provider is sent, and its results in the house's own form."""

import json

import httpx2
import pytest

from rowbatch.core.result import read_line, read_result
from rowbatch.core.retry import is_unpaid
from rowbatch.core.states import RowStatus
from rowbatch.errors import ServiceError
from rowbatch.http import HttpClient, Refused
from rowbatch.providers import anthropic, gemini, mistral, openai
from rowbatch.providers.base import TOKEN_FIELD
from rowbatch.providers.catalog import find_provider, provider_names
from rowbatch.providers.messages import marked_id
from rowbatch.providers.openai import OpenAIDialect
from rowbatch.providers.refusals import ANTHROPIC, GEMINI, MISTRAL, OPENAI, told_queue_limit

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
    ("words", "status", "code", "message", "kind"),
    [
        pytest.param(
            OPENAI,
            None,
            "token_limit_exceeded",
            "Enqueued token limit reached for gpt-4o-mini in organization org-x. "
            "Limit: 2,000,000 enqueued tokens. Please try again once some in_progress batches have been "
            "completed.",
            "queue-full",
            id="openai-queue",
        ),
        pytest.param(
            OPENAI,
            400,
            "",
            "Enqueued request limit reached for e. Limit: 1,000,000 enqueued requests.",
            "queue-full",
            id="openai-queue-of-requests",
        ),
        pytest.param(OPENAI, 400, "", "File is too large.", "too-large", id="openai-file"),
        pytest.param(OPENAI, 413, "", "", "too-large", id="413"),
        pytest.param(
            OPENAI,
            None,
            "",
            "The batch input file is larger than the 209715200 maximum for the m model",
            "too-large",
            id="openai-batch",
        ),
        pytest.param(OPENAI, None, "too_many_tasks", "", "too-large", id="azure-rows"),
        pytest.param(
            ANTHROPIC, 413, "request_too_large", "Request exceeds it", "too-large", id="anthropic-size"
        ),
        pytest.param(
            OPENAI,
            None,
            "invalid_request",
            "Cannot find file file-1, or organization org does not have access",
            "file-lost",
            id="openai-lost-file",
        ),
        pytest.param(
            OPENAI, 429, "insufficient_quota", "You exceeded your current quota", "unpaid", id="openai-credit"
        ),
        pytest.param(
            OPENAI,
            429,
            "project_spend_limit_exceeded insufficient_quota",
            "",
            "unpaid",
            id="openai-spend-limit",
        ),
        pytest.param(OPENAI, None, "billing_hard_limit_reached", "", "unpaid", id="openai-hard-limit"),
        pytest.param(OPENAI, 400, "blocked_api_access", "", "unpaid", id="groq"),
        pytest.param(
            OPENAI,
            400,
            "Arrearage",
            "Access denied, please make sure your account is in good standing.",
            "unpaid",
            id="dashscope",
        ),
        pytest.param(OPENAI, 429, "1113", "Your account is in arrears", "unpaid", id="zhipu"),
        pytest.param(OPENAI, 402, "402", "Insufficient credits", "unpaid", id="gateway"),
        pytest.param(
            ANTHROPIC,
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to "
            "upgrade or purchase credits.",
            "unpaid",
            id="anthropic-credit",
        ),
        pytest.param(
            ANTHROPIC,
            400,
            "invalid_request_error",
            "You have reached your specified workspace API usage limits.",
            "unpaid",
            id="anthropic-limit",
        ),
        pytest.param(
            GEMINI,
            429,
            "429",
            "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to "
            "manage your project and billing.",
            "unpaid",
            id="gemini-credit",
        ),
        pytest.param(
            GEMINI,
            429,
            "429",
            "You exceeded your current quota, please check your plan and billing details.",
            "busy",
            id="gemini-too-fast",
        ),
        pytest.param(
            GEMINI,
            400,
            "400",
            "API key not valid. Please pass a valid API key.",
            "key-refused",
            id="gemini-key",
        ),
        pytest.param(
            GEMINI,
            404,
            "404",
            "models/none is not found for API version v1beta, or is not supported for it.",
            "other",
            id="gemini-path",
        ),
        pytest.param(MISTRAL, 400, "1500", "Invalid model: none", "model-unknown", id="mistral-model"),
        pytest.param(
            OPENAI,
            404,
            "model_not_found",
            "The model `none` does not exist or you do not have access to it.",
            "model-unknown",
            id="openai-model",
        ),
        pytest.param(ANTHROPIC, 404, "not_found_error", "model: none", "model-unknown", id="anthropic-model"),
        pytest.param(OPENAI, 401, "invalid_api_key", "", "key-refused", id="openai-key"),
        pytest.param(OPENAI, 429, "rate_limit_exceeded", "slow down", "busy", id="openai-busy"),
        pytest.param(ANTHROPIC, 529, "overloaded_error", "Overloaded", "busy", id="anthropic-busy"),
        pytest.param(OPENAI, 400, "invalid_value", "temperature", "other", id="a-parameter"),
    ],
)
def test_why_a_provider_refuses(words, status, code, message, kind):
    """
    The codes and words that were seen, each in its own provider's mouth.
    """
    assert words.kind(status, code, message) == kind


def test_the_limit_of_a_queue_in_a_refusal():
    """
    The number of tokens, where one is told.
    """
    assert told_queue_limit("Limit: 2,000,000 enqueued tokens. Please try again") == 2_000_000
    assert told_queue_limit("Limit: 1,000,000 enqueued requests.") is None


def test_calls_and_batches_carry_why_they_were_refused():
    """
    A refused free call, a refused paid call and a batch that failed have the kind in their provider's words.
    """
    told = {"error": {"code": 429, "message": "Your prepayment credits are depleted.", "status": "X"}}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(429, json=told))
    with HttpClient("https://api.example.org/v1beta", transport=transport) as http:
        client = gemini.GeminiBatchClient(http)
        with pytest.raises(ServiceError) as refused:
            client.status("batches/1")
        # It is not tried again, and nobody waits for it to pass.
        assert (refused.value.refusal, refused.value.is_passing) == ("unpaid", False)
        paid = http.pay("models/m:batchGenerateContent", {})
        assert isinstance(paid, Refused)
        assert (paid.refusal, paid.is_passing) == ("unpaid", False)
    failed = {
        "name": "batches/1",
        "metadata": {"state": "BATCH_STATE_FAILED"},
        "error": {"code": 8, "message": told["error"]["message"], "status": "RESOURCE_EXHAUSTED"},
    }
    assert gemini.read_batch(failed).refusal == "unpaid"
    lost = {"id": "b", "status": "failed", "errors": {"data": [{"code": "x", "message": "Cannot find file"}]}}
    assert openai.read_batch(lost).refusal == "file-lost"


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        pytest.param(
            anthropic.AnthropicDialect(),
            {
                "custom_id": marked_id("row-1", TOKEN),
                "result": {
                    "type": "errored",
                    "error": {
                        "type": "error",
                        "error": {
                            "type": "invalid_request_error",
                            "message": "Your credit balance is too low to access the Anthropic API.",
                        },
                    },
                },
            },
            id="anthropic",
        ),
        pytest.param(
            gemini.GeminiDialect(),
            {
                "key": "row-1",
                "error": {
                    "code": 8,
                    "message": "Your prepayment credits are depleted.",
                    "status": "RESOURCE_EXHAUSTED",
                },
            },
            id="gemini",
        ),
    ],
)
def test_a_row_that_nobody_pays(dialect, line):
    """
    What a provider says with the code of another trouble is told apart: it is no fault of the row.
    """
    result, _ = read_line(dialect.result_line(json.dumps(line).encode(), TOKEN))
    assert is_unpaid(result.cause)


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
