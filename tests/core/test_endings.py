"""How answers end: every word of every provider, and what becomes of the row."""

from __future__ import annotations

import functools
import io
import json
from importlib.metadata import version
from typing import Any, get_args

import polars as pl
import pytest

from rowbatch.core.endings import (
    ENDINGS,
    FAILURE_ENDINGS,
    INCOMPLETE_ENDINGS,
    RESPONSE_ENDINGS,
    Ending,
)
from rowbatch.core.result import Result, read_result
from rowbatch.core.result_columns import EXTRAS, Extra, read_frames
from rowbatch.core.retry import is_passing
from rowbatch.providers.anthropic import AnthropicDialect
from rowbatch.providers.gemini import GeminiDialect
from rowbatch.providers.messages import marked_id

TOKEN = "0123456789abcdef-r1-0001"
READ_IN = {"openai": "3.54.0", "anthropic": "2.12.0", "google-genai": "3.4.0", "mistralai": "3.7.0"}
"""Versions of the packages whose enumerations the tables were made of, on 2026-11-27."""


def words_of(kind: Any) -> set[str]:
    """All texts of a type made of literals."""
    inner = get_args(kind)
    if not inner:
        return {kind} if isinstance(kind, str) else set()
    return {word for one in inner for word in words_of(one)}


def field(of: Any, name: str) -> Any:
    return of.model_fields[name].annotation


@functools.cache
def official_words() -> dict[str, set[str]]:
    """
    What the official packages say. To import all of them takes seconds, which each worker would spend that
    only collects.
    """
    from anthropic.types.beta import BetaStopReason
    from anthropic.types.stop_reason import StopReason
    from google.genai.types import BlockedReason, FinishReason
    from mistralai.client.models.chatcompletionchoice import ChatCompletionChoiceFinishReason
    from openai.types import CompletionChoice
    from openai.types.chat.chat_completion import Choice
    from openai.types.responses import ResponseError, ResponseStatus
    from openai.types.responses.response import IncompleteDetails

    found = {
        "openai-chat": words_of(field(Choice, "finish_reason")),
        "openai-completions": words_of(field(CompletionChoice, "finish_reason")),
        "openai-responses": words_of(ResponseStatus),
        "openai-incomplete": words_of(field(IncompleteDetails, "reason")),
        "openai-failures": words_of(field(ResponseError, "code")),
        "anthropic": words_of(StopReason),
        "anthropic-beta": words_of(BetaStopReason),
        "mistral": words_of(ChatCompletionChoiceFinishReason),
        "gemini": {reason.value for reason in FinishReason},
        "gemini-blocked": {reason.value for reason in BlockedReason},
    }
    assert all(found.values())
    return found


@pytest.mark.parametrize(
    ("package", "table"),
    [
        ("openai-chat", ENDINGS),
        ("openai-completions", ENDINGS),
        ("openai-responses", RESPONSE_ENDINGS),
        ("openai-incomplete", INCOMPLETE_ENDINGS),
        ("openai-failures", FAILURE_ENDINGS),
        ("anthropic", ENDINGS),
        ("anthropic-beta", ENDINGS),
        ("mistral", ENDINGS),
    ],
)
def test_every_word_of_the_official_packages_is_known(package, table):
    """
    A word that a newer version of an official package has, and our table has not, fails this test.
    """
    assert sorted(official_words()[package] - set(table)) == []


def test_every_word_of_gemini_is_known():
    """
    So does one of Gemini, whose words for a good ending and a cut one are read as the others' words.
    """
    words = {word.lower() for word in official_words()["gemini"]} - {"stop", "max_tokens"}
    assert words
    assert sorted(words - set(ENDINGS)) == []


def test_the_packages_are_at_least_those_that_the_tables_were_made_of():
    """
    Older packages would prove nothing about newer words.
    """
    for name, read in READ_IN.items():
        assert [int(n) for n in version(name).split(".")] >= [int(n) for n in read.split(".")], name


def test_the_list_of_good_endings_is_closed():
    """
    These words, and no others, say that an answer is whole.
    """
    good = {word for word, ending in ENDINGS.items() if ending.status == "ok"}
    assert good == {
        *("stop", "tool_calls", "function_call"),
        *("end_turn", "stop_sequence", "tool_use"),
        *("eos", "eos_token"),
    }
    assert {word for word, ending in RESPONSE_ENDINGS.items() if ending.status == "ok"} == {"completed"}
    others = (*INCOMPLETE_ENDINGS.values(), *FAILURE_ENDINGS.values())
    assert all(ending.status != "ok" for ending in others)
    for ending in (*ENDINGS.values(), *RESPONSE_ENDINGS.values(), *others):
        assert bool(ending.says) == (ending.status != "ok")
        assert not ending.asks_again or ending.status == "error"


def line_of(body: Any) -> bytes:
    line = {"custom_id": "row-1", "response": {"status_code": 200, "body": body}, "error": None}
    return json.dumps(line).encode()


def chat(word: Any, content: str | None = "half", **more: Any) -> bytes:
    message = {"content": content, "refusal": None}
    return line_of({"choices": [{"message": message, "finish_reason": word, **more}]})


def response(status: Any, **more: Any) -> bytes:
    content = [{"type": "output_text", "text": "half"}]
    return line_of({"status": status, "output": [{"type": "message", "content": content}], **more})


def read_both_ways(line: bytes) -> Result:
    """What the careful reader says, after making sure that the fast ones say the same."""
    found = read_result(line)
    # Between lines as they should be, and beside one that no fast reader takes.
    good = chat("stop", "good")
    extras: tuple[tuple[Extra, ...], ...] = ((), ("cause", "model"), EXTRAS)
    for some in extras:
        for lines in ([line], [good, line, good], [good, line, b"no line", good]):
            (part,) = read_frames(io.BytesIO(b"\n".join(lines)), some)
            row = part.frame.row(len(lines) > 1, named=True)
            assert (row["status"], row["content"], row["status_reason"]) == (
                found.status.value,
                found.content,
                found.reason,
            )
            assert row.get("cause", found.cause or None) == (found.cause or None)
    return found


def is_asked_again(found: Result) -> bool:
    frame = pl.DataFrame({"status": [found.status.value], "cause": [found.cause]})
    return bool(frame.select(is_passing()).item())


def judge(found: Result, word: str, ending: Ending, told: str) -> None:
    """The row has the status of the table, the text, the word and the provider's message."""
    assert (found.status, found.content) == (ending.status, "half")
    assert found.reason.startswith(ending.says)
    assert word in found.reason or word in ("length", "max_tokens", "max_output_tokens", "content_filter")
    assert told in found.reason
    assert is_asked_again(found) == ending.asks_again


@pytest.mark.parametrize("word", [word for word, ending in ENDINGS.items() if ending.status != "ok"])
@pytest.mark.parametrize("write", [str.lower, str.upper])
def test_a_choice_that_did_not_end_well(word, write):
    """
    It has its status, its text, the word and the provider's message, on every way to read.
    """
    found = read_both_ways(chat(write(word), error={"message": "as we said"}))
    judge(
        found,
        write(word) if word not in ("length", "max_tokens", "content_filter") else word,
        ENDINGS[word],
        "as we said",
    )


@pytest.mark.parametrize("word", [word for word, ending in ENDINGS.items() if ending.status == "ok"])
def test_a_choice_that_ended_well(word):
    """
    It is ok, on every way to read.
    """
    found = read_both_ways(chat(word))
    assert (found.status, found.content, found.reason, found.cause) == ("ok", "half", "", "")


@pytest.mark.parametrize(
    "word", ["frobnicated", "STOPPED", "stop ", 7, True, [], {"type": "stop"}, "x" * 500]
)
def test_a_word_that_nobody_knows_is_no_good_ending(word):
    """
    The row is an error with the word in its reason, its text is kept, and nobody pays for it again.
    """
    found = read_both_ways(chat(word))
    assert (found.status, found.content) == ("error", "half")
    assert str(word)[:60] in found.reason
    assert len(found.reason) < 200
    assert not is_asked_again(found)


@pytest.mark.parametrize("word", [None, ""])
def test_an_ending_that_is_not_said(word):
    """
    Null is no good ending, which means "not yet" in OpenAI's protocol; without the field nothing is said.
    """
    found = read_both_ways(chat(word))
    assert (found.status, found.content) == ("error", "half")
    assert "does not say how the answer ended" in found.reason
    assert not is_asked_again(found)
    without = line_of({"choices": [{"message": {"content": "whole"}}]})
    assert read_both_ways(without).status == "ok"


@pytest.mark.parametrize("status", [status for status in RESPONSE_ENDINGS if status != "completed"])
def test_a_response_that_did_not_end_well(status):
    """
    A response that is failed, cancelled, incomplete or not finished is not ok.
    """
    judge(read_both_ways(response(status)), status, RESPONSE_ENDINGS[status], "")


@pytest.mark.parametrize("reason", [*INCOMPLETE_ENDINGS, "brand_new"])
def test_an_incomplete_response_says_why(reason):
    """
    The reason decides; one that nobody knows is an error with its word.
    """
    found = read_both_ways(response("incomplete", incomplete_details={"reason": reason}))
    if reason == "brand_new":
        assert (found.status, found.content, is_asked_again(found)) == ("error", "half", False)
        assert reason in found.reason
    else:
        judge(found, reason, INCOMPLETE_ENDINGS[reason], "")


@pytest.mark.parametrize("code", [*FAILURE_ENDINGS, "brand_new", "insufficient_quota"])
@pytest.mark.parametrize("output", [[], None])
def test_a_failed_response_says_why(code, output):
    """
    Code and message are kept; those that pass are asked again, also without an output.
    """
    line = line_of({"status": "failed", "output": output, "error": {"code": code, "message": "as we said"}})
    found = read_both_ways(line)
    known = FAILURE_ENDINGS.get(code, RESPONSE_ENDINGS["failed"])
    assert (found.status, found.content) == (known.status, "")
    assert f"{code}: as we said" in found.reason
    passes = known.asks_again if code in FAILURE_ENDINGS else code == "insufficient_quota"
    assert is_asked_again(found) == passes


def of_gemini(response: dict[str, Any]) -> Result:
    line = json.dumps({"key": "row-1", "response": response}).encode()
    return read_both_ways(GeminiDialect().result_line(line, TOKEN))


def test_gemini_reasons():
    """
    Of Gemini's reasons STOP alone is ok; a blocked answer is refused, and its message is kept.
    """
    for reason in sorted(official_words()["gemini"]):
        judge_gemini(reason)


def judge_gemini(reason: str) -> None:
    candidate = {
        "content": {"parts": [{"text": "half"}]},
        "finishReason": reason,
        "finishMessage": "as we said",
    }
    found = of_gemini({"candidates": [candidate]})
    if reason == "STOP":
        assert (found.status, found.content, found.reason) == ("ok", "half", ""), reason
        return
    ending = ENDINGS["length" if reason == "MAX_TOKENS" else reason.lower()]
    assert found.status == ending.status != "ok", reason
    assert found.reason.endswith(": as we said")
    assert found.content == (f"blocked: {reason}" if found.status == "refused" else "half")
    assert is_asked_again(found) == ending.asks_again


@pytest.mark.parametrize("reason", ["NEW_REASON", None])
def test_a_gemini_reason_that_nobody_knows(reason):
    """
    It is an error with its word; none at all means that the model has not stopped.
    """
    found = of_gemini({"candidates": [{"content": {"parts": [{"text": "half"}]}, "finishReason": reason}]})
    assert (found.status, found.content) == ("error", "half")
    assert (reason or "null").lower() in found.reason


def test_a_prompt_that_gemini_blocks():
    """
    Whatever the reason, the row is refused, and the provider's message is kept.
    """
    for reason in sorted(official_words()["gemini-blocked"]):
        found = of_gemini({"promptFeedback": {"blockReason": reason, "blockReasonMessage": "as we said"}})
        assert (found.status, found.content) == ("refused", f"blocked: {reason}")
        assert found.reason.endswith(": as we said")


def test_anthropic_reasons():
    """
    A turn that ended is ok; what was cut, paused or refused is not, and the explanation is kept.
    """
    for reason in (*sorted(official_words()["anthropic-beta"]), "new_reason", None):
        judge_anthropic(reason)


def judge_anthropic(reason: str | None) -> None:
    message = {
        "content": [{"type": "text", "text": "half"}],
        "stop_reason": reason,
        "stop_details": {"type": "refusal", "category": None, "explanation": "as we said"},
    }
    result = {"type": "succeeded", "message": message}
    line = json.dumps({"custom_id": marked_id("row-1", TOKEN), "result": result}).encode()
    found = read_both_ways(AnthropicDialect().result_line(line, TOKEN))
    expected = {
        "end_turn": "ok",
        "stop_sequence": "ok",
        "tool_use": "ok",
        "max_tokens": "truncated",
        "model_context_window_exceeded": "truncated",
        "pause_turn": "truncated",
        "compaction": "truncated",
        "refusal": "refused",
    }.get(str(reason), "error")
    assert (found.status, found.content) == (expected, "half"), reason
    assert found.reason.endswith(": as we said") == (expected != "ok")
    if expected == "error":
        assert str(reason or "null") in found.reason


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"category": "bio", "explanation": "as we said"}, ": bio: as we said"),
        ({"category": "bio", "explanation": None}, ": bio"),
        ({"category": None, "explanation": None}, ""),
        (None, ""),
    ],
)
def test_why_anthropic_refused(details, told):
    """
    The category of a refusal is kept beside its explanation, which may be null (anthropic 2.14.0,
    `RefusalStopDetails`).
    """
    message = {"content": [], "stop_reason": "refusal", "stop_details": details}
    result = {"type": "succeeded", "message": message}
    line = json.dumps({"custom_id": marked_id("row-1", TOKEN), "result": result}).encode()
    found = read_both_ways(AnthropicDialect().result_line(line, TOKEN))
    assert (found.status, found.reason) == ("refused", f"the model refused{told}")
