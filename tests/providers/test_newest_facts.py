"""Facts of November 2026: openai 3.57.0, anthropic 2.14.0, google-genai 3.6.1, mistralai 3.7.0, LiteLLM
1.110.2."""

import json

import httpx2
import pytest

from rowbatch.core.endpoint import Endpoint
from rowbatch.core.model_rules import ModelRules
from rowbatch.errors import ServiceError
from rowbatch.http import HttpClient
from rowbatch.providers.anthropic import AnthropicDialect
from rowbatch.providers.catalog import find_family, find_model, find_provider
from rowbatch.providers.clients import client_for
from rowbatch.providers.gemini import read_batch
from rowbatch.providers.messages import marked_id
from rowbatch.requests.parameters import parameters_for_model
from rowbatch.tools.check import check

TOKEN = "t" * 16 + "-a1"


def client_of(name, pages):
    """A client whose list of files has these pages, and the questions that it asked."""
    asked = []

    def answer(request):
        asked.append(dict(request.url.params))
        return httpx2.Response(200, json=pages[min(len(asked), len(pages)) - 1])

    http = HttpClient("https://host.example/v1", transport=httpx2.MockTransport(answer), free_attempts=1)
    return client_for(find_provider(name), http), asked


def openai_file(number):
    return {"id": f"file-{number}", "filename": f"rowbatch-{number}.jsonl"}


@pytest.mark.parametrize(
    ("name", "pages", "found", "cursors"),
    [
        pytest.param(
            "openai",
            [
                {"data": [openai_file(1), openai_file(2)], "has_more": True},
                {"data": [openai_file(3), {"id": "file-4", "filename": "other"}], "has_more": True},
                {"data": [openai_file(5)], "has_more": False},
            ],
            ["file-1", "file-2", "file-3", "file-5"],
            [None, "file-2", "file-4"],
            id="openai-by-after",
        ),
        pytest.param("openai", [{"data": [openai_file(1)]}], ["file-1"], [None], id="openai-without-pages"),
        pytest.param(
            "gemini",
            [
                {"files": [{"name": "files/1", "displayName": "rowbatch-1"}], "nextPageToken": "p2"},
                {"nextPageToken": "p3"},
                {"files": [{"name": "files/2", "displayName": "rowbatch-2"}]},
            ],
            ["files/1", "files/2"],
            [None, "p2", "p3"],
            id="gemini-by-token",
        ),
        pytest.param(
            "mistral",
            [
                {"data": [openai_file(number) for number in range(100)]},
                {"data": [openai_file(100)]},
            ],
            [f"file-{number}" for number in range(101)],
            [None, "1"],
            id="mistral-by-number",
        ),
        pytest.param(
            "mistral",
            [{"data": [openai_file(number) for number in range(100)]}] * 2,
            [f"file-{number}" for number in range(100)],
            [None, "1"],
            id="mistral-without-pages",
        ),
    ],
)
def test_files_of_all_pages_are_found(name, pages, found, cursors):
    """
    `clean` looks for uploads whose answer was lost on every page of the list, and not on the first alone.
    """
    client, asked = client_of(name, pages)
    assert [file_id for file_id, _ in client.own_files("rowbatch-")] == found
    cursor = {"openai": "after", "gemini": "pageToken", "mistral": "page"}[name]
    assert [one.get(cursor) for one in asked] == cursors


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("openai", {"data": [openai_file(1)], "has_more": True}),
        ("gemini", {"files": [], "nextPageToken": "same"}),
    ],
)
def test_a_list_of_files_without_end_is_said(name, page):
    """
    A page that comes again is an error, and not followed for ever.
    """
    client, _ = client_of(name, [page])
    with pytest.raises(ServiceError, match="end"):
        client.own_files("rowbatch-")


@pytest.mark.parametrize(
    ("state", "status", "is_over"),
    [
        ("JOB_STATE_QUEUED", "validating", False),
        ("JOB_STATE_PENDING", "validating", False),
        ("JOB_STATE_RUNNING", "in_progress", False),
        ("JOB_STATE_UPDATING", "in_progress", False),
        ("JOB_STATE_PAUSED", "paused", False),
        ("JOB_STATE_CANCELLING", "cancelling", False),
        ("JOB_STATE_SUCCEEDED", "completed", True),
        ("JOB_STATE_PARTIALLY_SUCCEEDED", "completed", True),
        ("JOB_STATE_FAILED", "failed", True),
        ("JOB_STATE_CANCELLED", "cancelled", True),
        ("JOB_STATE_EXPIRED", "expired", True),
        ("JOB_STATE_UNSPECIFIED", "unspecified", False),
    ],
)
def test_every_state_of_gemini(state, status, is_over):
    """
    All of `JobState` in google-genai 3.6.1; a batch that was stopped can be resumed, so it is not over.
    """
    for word in (state, state.replace("JOB", "BATCH", 1)):
        view = read_batch({"name": "batches/1", "metadata": {"state": word}})
        assert (view.status, view.is_terminal) == (status, is_over)


def anthropic_body(**message):
    told = {"id": "msg_1", "model": "m", "content": [], "usage": {}, **message}
    line = {"custom_id": marked_id("row-1", TOKEN), "result": {"type": "succeeded", "message": told}}
    return json.loads(AnthropicDialect().result_line(json.dumps(line).encode(), TOKEN))["response"]["body"]


def test_tokens_that_were_written_to_the_cache():
    """
    They are told apart, under OpenAI's name, and count as tokens of the prompt (anthropic 2.14.0, `Usage`).
    """
    usage = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 700,
        "cache_read_input_tokens": 30,
        "output_tokens": 2,
    }
    content = [{"type": "text", "text": "good"}]
    found = anthropic_body(content=content, stop_reason="end_turn", usage=usage)["usage"]
    assert found["prompt_tokens"] == 735
    assert found["prompt_tokens_details"] == {"cached_tokens": 30, "cache_write_tokens": 700}


@pytest.mark.parametrize(
    ("details", "told"),
    [
        (
            {"type": "refusal", "category": "bio", "explanation": "It is about labs."},
            "bio: It is about labs.",
        ),
        ({"type": "refusal", "category": "bio", "explanation": None}, "bio"),
    ],
)
def test_why_claude_declined(details, told):
    """
    The category of a refusal, and its explanation where there is one (anthropic 2.14.0,
    `RefusalStopDetails`).
    """
    body = anthropic_body(stop_reason="refusal", stop_details=details)
    assert body["choices"][0]["error"]["message"] == told


@pytest.mark.parametrize(
    ("provider", "model", "family"),
    [
        ("openai", "gpt-6.2-astra", ("gpt-6", ModelRules("max_completion_tokens", "without-reasoning"))),
        ("", "gpt-6.2-sol-2026-11-20", ("gpt-6", ModelRules("max_completion_tokens", "without-reasoning"))),
        ("openai", "gpt-5.7", ("gpt-5.", ModelRules("max_completion_tokens", "without-reasoning"))),
        ("openai", "gpt-5-pro", ("gpt-5", ModelRules("max_completion_tokens", "never"))),
        ("openai", "o3-mini", ("o3", ModelRules("max_completion_tokens", "never"))),
        ("anthropic", "claude-mythos-5", ("claude-mythos-", ModelRules("max_tokens", "never"))),
        ("openai", "gpt-4o-mini", None),
        ("openai", "my-own-model", None),
        ("groq", "gpt-6.2-astra", None),
    ],
)
def test_families(provider, model, family):
    """
    A model that is not listed goes by the longest begin of its name that is; one that is listed by its own
    entry.
    """
    assert find_family(provider, model) == family
    assert family is None or find_model(provider, model) is None


def test_a_model_of_a_family_is_sent_what_was_said_with_a_warning():
    """
    Nothing is renamed or left out by a guess; the note says what may be refused.
    """
    found, notes = parameters_for_model(
        "openai", "gpt-6.2-astra", Endpoint.CHAT, temperature=0.0, max_tokens=20, others=None
    )
    assert found == {"temperature": 0.0, "max_tokens": 20}
    assert [note.kind for note in notes] == ["note-family-refuses"] * 2
    assert "max_completion_tokens, if it is like the other gpt-6 models" in str(notes[0])


def test_check_warns_by_family(tmp_path):
    """
    A file for gpt-6.2-astra with temperature and max_tokens passed without a word.
    """
    body = {"model": "gpt-6.2-astra", "messages": [{"role": "user", "content": "x"}]}
    lines = [
        {"custom_id": f"{number}", "method": "POST", "url": "/v1/chat/completions", "body": {**body, **more}}
        for number, more in enumerate([{"temperature": 0, "max_tokens": 5}, {"max_completion_tokens": 5}])
    ]
    path = tmp_path / "b.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = check([path], find_provider("openai"))
    assert report.is_clean
    (file,) = report.files
    assert file.codes["parameter_of_family"] == 2
    assert {(one.severity, one.line) for one in file.problems if one.code == "parameter_of_family"} == {
        ("warning", 1)
    }
