"""One result line: whose it is, and what became of it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rowbatch.core.result import Result, UnreadableLine, read_result
from rowbatch.core.states import RowStatus

ABSENT = object()


def line_of(response: Any = None, error: Any = None, custom_id: Any = "row-1") -> bytes:
    line = {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": error}
    return json.dumps({name: value for name, value in line.items() if value is not ABSENT}).encode()


def response(body: Any, status_code: Any = 200) -> dict[str, Any]:
    return {"status_code": status_code, "request_id": "req_1", "body": body}


def chat(message: Any, finish_reason: Any = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {
        "object": "chat.completion",
        "model": "gpt-4o-2024-08-06",
        "choices": [choice],
        "usage": usage,
    } | more


def says(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "refusal": None} | more


def responses_api(*parts: Any, **more: Any) -> dict[str, Any]:
    output = [
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}], "summary": []},
        {"type": "message", "role": "assistant", "content": list(parts)},
    ]
    usage = {"input_tokens": 7, "output_tokens": 3}
    return {
        "object": "response",
        "status": "completed",
        "model": "gpt-5",
        "output": output,
        "usage": usage,
    } | more


def items(*found: Any) -> dict[str, Any]:
    return {"object": "response", "status": "completed", "output": list(found)}


def message(*texts: str, **more: Any) -> dict[str, Any]:
    parts = [{"type": "output_text", "text": text} for text in texts]
    return {"type": "message", "role": "assistant", "status": "completed", "content": parts} | more


REASONING = {
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": '{"a": 0}'}],
    "content": [{"type": "reasoning_text", "text": '{"a": 0}'}],
}
CALL = {"type": "function_call", "name": "f", "arguments": '{"a": 1}', "call_id": "c"}
TEXT = {"type": "output_text", "text": "positive", "annotations": []}
BAD_REQUEST = {"message": "Unknown parameter: 'tmp'.", "type": "invalid_request_error", "code": "unknown"}


def test_an_answer():
    """
    A chat completion gives its text, its model and its tokens.
    """
    assert read_result(line_of(response(chat(says("positive"))))) == Result(
        "row-1", RowStatus.OK, "positive", "", "gpt-4o-2024-08-06", 7, 3
    )


@pytest.mark.parametrize(
    ("body", "status", "content"),
    [
        pytest.param(chat(says("positive")), "ok", "positive", id="text"),
        pytest.param(chat(says("")), "ok", "", id="empty-text"),
        pytest.param(chat({"content": "x"}, None), "error", "x", id="finish-reason-null"),
        pytest.param({"choices": [{"message": {"content": "x"}}]}, "ok", "x", id="no-finish-reason"),
        pytest.param(
            chat(says([{"type": "text", "text": "posi"}, {"type": "text", "text": "tive"}])),
            "ok",
            "positive",
            id="list-of-parts",
        ),
        pytest.param(
            chat(says([{"type": "thinking", "thinking": []}, {"type": "text", "text": "x"}, 1, None])),
            "ok",
            "x",
            id="parts-of-other-types",
        ),
        pytest.param(chat(says(None)), "invalid", "", id="content-null"),
        pytest.param(chat(says(7)), "invalid", "", id="content-of-another-type"),
        pytest.param(chat(says([{"type": "thinking"}])), "invalid", "", id="no-part-is-text"),
        pytest.param(
            chat(says([{"type": "refusal", "refusal": "I can't."}])), "refused", "I can't.", id="refusal-part"
        ),
        pytest.param({"error": {"message": "Overloaded."}}, "error", "", id="an-error-under-status-200"),
        pytest.param(chat(None), "invalid", "", id="message-null"),
        pytest.param(chat({}), "invalid", "", id="message-empty"),
        pytest.param(chat(says(None, refusal="I can't.")), "refused", "I can't.", id="refusal"),
        pytest.param(
            chat(
                says(
                    "half an",
                ),
                "length",
            ),
            "truncated",
            "half an",
            id="length",
        ),
        pytest.param(chat(says(""), "length"), "truncated", "", id="length-before-any-text"),
        pytest.param(chat(says(None), "length"), "truncated", "", id="length-null"),
        pytest.param(
            chat(
                says(
                    "",
                ),
                "content_filter",
            ),
            "refused",
            "",
            id="content-filter",
        ),
        pytest.param(
            chat(
                says(
                    None, tool_calls=[{"type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]
                ),
                "tool_calls",
            ),
            "ok",
            '{"a":1}',
            id="tool-call",
        ),
        pytest.param(chat(says(None, tool_calls=[{}]), "tool_calls"), "invalid", "", id="tool-call-empty"),
        pytest.param(chat(says("x"), choices=[]), "invalid", "", id="no-choices"),
        pytest.param(chat(says("x"), choices=None), "invalid", "", id="choices-null"),
        pytest.param(chat(says("x"), choices="x"), "invalid", "", id="choices-of-another-type"),
        pytest.param({}, "invalid", "", id="empty-body"),
        pytest.param(None, "invalid", "", id="null-body"),
        pytest.param([], "invalid", "", id="body-a-list"),
        pytest.param(json.dumps(chat(says("x"))), "ok", "x", id="body-as-a-text"),
        pytest.param("not JSON", "invalid", "", id="body-a-text"),
        pytest.param(responses_api(TEXT), "ok", "positive", id="responses-text"),
        pytest.param(responses_api(TEXT, TEXT), "ok", "positivepositive", id="responses-two-texts"),
        pytest.param(
            responses_api({"type": "refusal", "refusal": "No."}), "refused", "No.", id="responses-refusal"
        ),
        pytest.param(
            responses_api(TEXT, status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            "truncated",
            "positive",
            id="responses-cut-off",
        ),
        pytest.param(
            responses_api(status="incomplete", incomplete_details={"reason": "content_filter"}),
            "refused",
            "",
            id="responses-filtered",
        ),
        pytest.param(
            responses_api(status="incomplete", incomplete_details=None),
            "truncated",
            "",
            id="responses-no-why",
        ),
        pytest.param(responses_api(), "invalid", "", id="responses-no-text"),
        pytest.param(responses_api(TEXT, output=[]), "invalid", "", id="responses-no-output"),
    ],
)
def test_the_status_and_text_of_a_body(body, status, content):
    """
    What a response of status 200 says is ok or why it is not, and its text is kept.
    """
    result = read_result(line_of(response(body)))
    assert (result.status, result.content) == (status, content)
    assert bool(result.reason) == (status != "ok")


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        pytest.param(
            line_of(response({"error": BAD_REQUEST}, 400)),
            "error",
            "400: unknown: Unknown parameter: 'tmp'.",
            id="nested-error-beside-error-null",
        ),
        pytest.param(
            line_of(response({"error": {"message": "Slow down.", "code": None}}, 429)),
            "error",
            "429: Slow down.",
            id="no-code",
        ),
        pytest.param(line_of(response({"error": "Slow down."}, 429)), "error", "429: Slow down.", id="text"),
        pytest.param(
            line_of(response({"object": "error", "message": "No such model."}, 404)),
            "error",
            "404: No such model.",
            id="message-beside-object",
        ),
        pytest.param(
            line_of(None, {"code": "batch_expired", "message": "The window expired."}),
            "expired",
            "batch_expired: The window expired.",
            id="expired",
        ),
        pytest.param(
            line_of(None, {"code": "batch_cancelled", "message": "The batch was cancelled."}),
            "cancelled",
            "batch_cancelled: The batch was cancelled.",
            id="cancelled",
        ),
        pytest.param(
            line_of(response({}, 0)),
            "error",
            "status 0: the provider's own infrastructure failed",
            id="status-0",
        ),
        pytest.param(line_of(response({}, 503)), "error", "status 503", id="status-503"),
        pytest.param(line_of(response(None, 500)), "error", "status 500", id="null-body"),
        pytest.param(line_of(response("upstream timeout", 504)), "error", "status 504", id="body-a-text"),
        pytest.param(line_of(response([1], 500)), "error", "status 500", id="body-a-list"),
        pytest.param(line_of(response({"choices": 1}, 500)), "error", "status 500", id="body-of-other-types"),
        pytest.param(line_of(response({}, None)), "error", "status None", id="no-status"),
        pytest.param(line_of(None, "model crashed"), "error", "model crashed", id="error-as-a-text"),
        pytest.param(
            line_of(response(chat(says("x"))), "model crashed"),
            "error",
            "model crashed",
            id="error-and-answer",
        ),
        pytest.param(
            line_of(response({"error": BAD_REQUEST}, 400), {"error": {"message": "outer"}}),
            "error",
            "outer",
            id="error-inside-error",
        ),
        pytest.param(line_of(None, {"type": "x"}), "error", '{"type": "x"}', id="error-without-message"),
        pytest.param(line_of(None, [1, 2]), "error", "[1, 2]", id="error-a-list"),
        pytest.param(line_of(None, None), "error", "no response, and no error either", id="neither"),
        pytest.param(
            line_of(ABSENT, ABSENT), "error", "no response, and no error either", id="neither-is-there"
        ),
        pytest.param(
            # vLLM's run-batch writes errors into the one file it has.
            line_of(
                response(None, 400),
                {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400},
            ),
            "error",
            "400: too long",
            id="vllm",
        ),
    ],
)
def test_what_could_not_be_run(line, status, reason):
    """
    A request that was refused, expired, cancelled or lost is so by its own words.
    """
    result = read_result(line)
    assert (result.custom_id, result.status, result.reason) == ("row-1", status, reason)
    assert result.content == ""


@pytest.mark.parametrize("error", [None, "", {}, {"code": None, "message": None}])
@pytest.mark.parametrize("status_code", [200, 201, "200"])
def test_an_answer_beside_an_error_that_says_nothing(status_code, error):
    """
    An error without a word is none, and a status may be written as a text.
    """
    line = line_of(response(chat(says("positive")), status_code), error)
    assert read_result(line).content == "positive"


def test_vllm_answers_are_answers():
    """
    vLLM's lines lack what it does not know, and carry more than was asked.
    """
    body = chat(says("positive", reasoning_content=None, tool_calls=[]), prompt_logprobs=None)
    line = json.loads(line_of(response(body)))
    del line["response"]["request_id"]
    assert read_result(json.dumps(line).encode()).content == "positive"


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": "7"}])
def test_tokens_that_were_not_counted_are_none(usage):
    """
    Where a provider counts no tokens, none are made up.
    """
    result = read_result(line_of(response(chat(says("x"), usage=usage))))
    assert (result.status, result.prompt_tokens, result.completion_tokens) == ("ok", None, None)


def test_responses_api_tokens():
    """
    The Responses API's names of the tokens are understood.
    """
    result = read_result(line_of(response(responses_api(TEXT))))
    assert (result.prompt_tokens, result.completion_tokens) == (7, 3)


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        ("0.25", 0.25),
        ("1", 1.0),
        ("0", 0.0),
        ("null", None),
        ("true", None),
        ('"0.5"', None),
        ("NaN", None),
        ("-0.1", None),
        ("1e999", None),
        ("1" + "0" * 400, None),
    ],
)
def test_a_confidence_is_between_0_and_1(confidence, expected):
    """
    What is no share is no confidence, and the answer stays.
    """
    body = json.dumps(chat(says("x")))[:-1].replace('"index": 0', f'"index": 0, "confidence": {confidence}')
    line = f'{{"custom_id":"a","response":{{"status_code":200,"body":{body}}}}}}}'
    result = read_result(line.encode())
    assert (result.content, result.confidence) == ("x", expected)


@pytest.mark.parametrize(
    ("custom_id", "expected"),
    [("row-1", "row-1"), ("é 中\n", "é 中\n"), (" ", " "), (7, "7"), (0, "0"), (10**30, str(10**30))],
)
def test_ids(custom_id, expected):
    """
    An id is a text; servers that made a number of it are forgiven.
    """
    assert read_result(line_of(response(chat(says("x"))), custom_id=custom_id)).custom_id == expected


@pytest.mark.parametrize("custom_id", ["", None, ABSENT, True, 1.5, [], {"a": 1}])
def test_a_line_without_an_id_is_unreadable(custom_id):
    """
    Without an id it cannot be known whose answer it is.
    """
    with pytest.raises(UnreadableLine, match="custom_id"):
        read_result(line_of(response(chat(says("x"))), custom_id=custom_id))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line_of(response(chat(says("x"))))[:-20], id="cut"),
        pytest.param(b"", id="empty"),
        pytest.param(b" ", id="blank"),
        pytest.param(b"null", id="null"),
        pytest.param(b'["row-1"]', id="list"),
        pytest.param(b'"row-1"', id="text"),
        pytest.param(b"7" * 5_000, id="long-number"),
        pytest.param(b'{"custom_id":"a"} {"custom_id":"b"}', id="two-lines-in-one"),
        pytest.param(line_of("x"), id="response-a-text"),
        pytest.param(b"\x80\x81", id="not-utf-8"),
        pytest.param(b"\x1f\x8b\x08\x00", id="gzip"),
        pytest.param(b"[" * 10_000, id="brackets-open"),
        pytest.param(b"[" * 10_000 + b"]" * 10_000, id="brackets"),
        pytest.param(b'{"custom_id":"a","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", id="deep-in-a-line"),
        pytest.param(b'{"error":' * 10_000 + b"1" + b"}" * 10_000, id="deep-errors"),
    ],
)
def test_unreadable_lines(line):
    """
    What is no result line is said to be so, with a reason, and nothing else is raised.
    """
    with pytest.raises(UnreadableLine) as caught:
        read_result(line)
    assert str(caught.value)


@pytest.mark.parametrize("depth", [10, 100, 300, 500, 900, 950, 980, 990, 1_000, 1_100, 10_000])
@pytest.mark.parametrize("place", ["body", "error", "inner"])
def test_nested_brackets_are_no_traceback(depth, place):
    """
    M10: however deep a line is nested, it is a result or unreadable.
    """
    nested = b"[" * depth + b"]" * depth
    line = {
        "body": b'{"custom_id":"a","response":{"status_code":200,"body":' + nested + b"}}",
        "error": b'{"custom_id":"a","error":' + nested + b"}",
        "inner": b'{"custom_id":"a","response":{"status_code":500,"body":{"error":{"x":' + nested + b"}}}}",
    }[place]
    try:
        result = read_result(line)
    except UnreadableLine:
        assert depth >= 300
    else:
        assert result.custom_id == "a"
        assert result.status != "ok"


@pytest.mark.parametrize(
    ("written", "content"),
    [
        (r'"a\ud800b"', "a\ufffdb"),
        (r'"\udc00"', "\ufffd"),
        (r'"\ud83d\ude42"', "🙂"),
        (r'"\ud83d"', "\ufffd"),
        (r'"a\u0000b"', "a\0b"),
        (r'"\u2028\u0085"', "\u2028\x85"),
        ('"\u2028"', "\u2028"),
    ],
)
@pytest.mark.parametrize("also", ["", '"logprob":NaN,', '"logprob":-Infinity,', '"logprob":1e999,'])
def test_text_that_strict_readers_refuse(written, content, also):
    """
    M10: half of a surrogate pair becomes U+FFFD, and numbers that JSON does not have cost no answer.
    """
    line = (
        f'{{"custom_id":"a","response":{{"status_code":200,"body":{{{also}"choices":[{{"message":{{'
        f'"content":{written}}},"finish_reason":"stop"}}]}}}}}}'
    )
    result = read_result(line.encode())
    assert (result.status, result.content) == ("ok", content)
    result.content.encode()


def test_a_body_as_a_text_with_half_a_surrogate_pair():
    """
    A body inside a string is read as carefully as one that is not.
    """
    body = '{"choices":[{"message":{"content":"\\ud800"}}],"x":NaN}'
    assert read_result(line_of(response(body))).content == "\ufffd"


def test_bytes_that_are_not_utf_8_become_replacement_characters():
    """
    A broken character costs the character, not the answer.
    """
    line = line_of(response(chat(says("caf?")))).replace(b"caf?", b"caf\xe9")
    assert read_result(line).content == "caf\ufffd"


def test_a_byte_order_mark_does_not_cost_the_first_answer():
    """
    A result file that was saved anew with a byte order mark is read.
    """
    assert read_result(b"\xef\xbb\xbf" + line_of(response(chat(says("x"))))).content == "x"


def test_a_large_answer_is_read_whole():
    """
    M10: an answer of 5 MB is an answer.
    """
    text = 'x"\n' * 1_700_000
    assert read_result(line_of(response(chat(says(text))))).content == text


def test_of_duplicate_keys_the_last_counts():
    """
    M10: duplicate keys are read as every common JSON reader does, on both of our ways to read.
    """
    line = b'{"custom_id":"a","custom_id":"b","error":"x","error":"y"%s}'
    assert read_result(line % b"") == read_result(line % b',"n":NaN')
    assert read_result(line % b"") == Result("b", RowStatus.ERROR, reason="y", cause=":")


SAMPLES = [
    line_of(response(chat(says("positive")))),
    line_of(response(chat(says([{"type": "text", "text": "é\u2028"}]), "length"))),
    line_of(response(responses_api(TEXT))),
    line_of(response(responses_api({"type": "refusal", "refusal": "No."}, status="incomplete"))),
    line_of(response({"error": BAD_REQUEST}, 400)),
    line_of(None, {"code": "batch_expired", "message": "late"}),
    line_of(response({}, 0)),
    line_of(response(chat(says(None, tool_calls=[{"function": {"arguments": "{}"}}])))),
]
SPLICES = [
    *(b"NaN", b"1e999", b"-1", b"null", b"true", b'""', b'"x"', b"[]", b"{}", b"[[[[", b"\\ud800", b"\\"),
    *(b"\0", b"\xff", b"\xe2\x80\xa8", b'"', b"{", b"}", b"]", b",", b":", b"\r", b"9" * 5_000, b"[" * 2_000),
]


def check(line: bytes) -> None:
    """Read a line; anything but a result or `UnreadableLine` is an error of the test."""
    try:
        result = read_result(line)
    except UnreadableLine:
        return
    assert result.custom_id
    for text in (result.custom_id, result.content, result.reason, result.model):
        text.encode()
    assert result.status == "ok" or result.reason


def test_mutations_of_real_lines_are_no_traceback():
    """
    3,000 lines with pieces cut out, doubled or replaced are results or unreadable, nothing else.
    """
    chance = random.Random(20_260)
    for _ in range(3_000):
        line = chance.choice(SAMPLES)
        for _ in range(chance.randint(1, 4)):
            start = chance.randrange(len(line) + 1)
            stop = min(len(line), start + chance.choice((0, 1, 1, 2, 5, 30)))
            piece = chance.choice((*SPLICES, b"", line[start:stop] * 2))
            line = line[:start] + piece + line[stop:]
        check(line)


ANY_TYPE: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**400, float("nan"), "", "x", "\ud800", [], [[]], {}, {"": None}),
]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, entry in inner for found in leaves(entry, (*path, key)))]


@pytest.mark.parametrize("sample", SAMPLES, ids=range(len(SAMPLES)))
def test_any_value_may_be_of_any_type(sample):
    """
    Whatever stands in place of any value of a line, the line is a result or unreadable.
    """
    for path in leaves(json.loads(sample)):
        for value in ANY_TYPE:
            line = {"": json.loads(sample)}
            target: Any = line
            for key in ("", *path)[:-1]:
                target = target[key]
            target[("", *path)[-1]] = value
            check(json.dumps(line[""]).encode())


NAMES = (
    *("custom_id", "response", "error", "status_code", "body", "choices", "message", "content", "code"),
    *("usage", "output", "finish_reason", "refusal", "tool_calls", "function", "text", "confidence"),
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(NAMES),
                inner,
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value | {"custom_id": "a"} if isinstance(value, dict) else value).encode())
    | st.binary(max_size=60)
)
@example(b'{"custom_id":"a","response":{"status_code":200,"body":"[]"}}')
def test_any_json_and_any_bytes_are_no_traceback(line):
    """
    Any JSON under the names that we read, and any bytes, are results or unreadable.
    """
    check(line)


@pytest.mark.parametrize(
    ("output", "content"),
    [
        pytest.param([message('{"a": 1}'), message('{"a": 1}')], '{"a": 1}', id="the-same-twice"),
        pytest.param([message('{"a": 1}'), message(' {"a": 1}\n')], '{"a": 1}', id="but-for-blanks"),
        pytest.param([message("Let me see."), message('{"a": 1}')], '{"a": 1}', id="the-one-that-is-json"),
        pytest.param([message('{"a": 1}'), message("Done.")], '{"a": 1}', id="json-first"),
        pytest.param([message('{"a": 1}'), message('{"a": 2}')], '{"a": 1}\n\n{"a": 2}', id="two-objects"),
        pytest.param([message("One."), message("Two.")], "One.\n\nTwo.", id="two-texts"),
        pytest.param([message('{"a"', ": 1}")], '{"a": 1}', id="parts-of-one-message"),
        pytest.param(
            [message('{"a": 9}', phase="commentary"), message('{"a": 1}', phase="final_answer")],
            '{"a": 1}',
            id="commentary-apart",
        ),
        pytest.param([message("Hm.", phase="commentary"), message("x", phase=None)], "x", id="phase-null"),
        pytest.param([REASONING, message('{"a": 1}'), REASONING], '{"a": 1}', id="reasoning-apart"),
        pytest.param([REASONING, CALL], '{"a": 1}', id="a-call"),
        pytest.param([message("Calling.", phase="commentary"), CALL], '{"a": 1}', id="commentary-and-a-call"),
        pytest.param([CALL, message("x")], "x", id="a-call-and-a-text"),
    ],
)
def test_the_answer_among_several_items(output, content):
    """
    Messages are not glued together: equal ones count once, the one that is JSON counts before words, and
    commentary, reasoning and what differs are kept apart.
    """
    result = read_result(line_of(response(items(*output))))
    assert (result.status, result.content) == ("ok", content)


@pytest.mark.parametrize(
    ("output", "status", "content", "reason"),
    [
        ([message("Hm.", phase="commentary")], "invalid", "Hm.", "the answer is commentary only"),
        ([REASONING], "invalid", "", "the answer has no content"),
        (
            [message("x", phase="commentary"), {"type": "message", "content": [{"refusal": "No."}]}],
            "refused",
            "No.",
            "the model refused",
        ),
    ],
)
def test_what_is_no_answer_among_the_items(output, status, content, reason):
    """
    What the model says or thinks on the way is not what it answers.
    """
    result = read_result(line_of(response(items(*output))))
    assert (result.status, result.content, result.reason) == (status, content, reason)


@pytest.mark.parametrize(
    "thought",
    [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "thinking", "text": "hm"},
        {"type": "reasoning", "text": "hm"},
        {"type": "reasoning_text", "text": "hm"},
        {"type": "summary_text", "text": "hm"},
        {"type": "text", "text": "hm", "thought": True},
    ],
)
def test_parts_that_are_thoughts_are_no_text(thought):
    """
    A content that comes in parts has those of the model's thoughts left out, whatever they are called.
    """
    parts = [thought, {"type": "text", "text": "x"}]
    assert read_result(line_of(response(chat(says(parts))))).content == "x"
    assert read_result(line_of(response(items({"type": "message", "content": parts})))).content == "x"
