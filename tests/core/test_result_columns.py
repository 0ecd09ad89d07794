"""Result files as columns say what the lines say."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.embeddings import embeddings_of
from rowbatch.core.result import UnreadableLine, read_result
from rowbatch.core.result_columns import EXTRAS, read_frames


def answer(custom_id: Any, content: Any = "x", **choice: Any) -> dict[str, Any]:
    body = {
        "model": "m",
        "choices": [{"message": {"content": content, "refusal": None}, "finish_reason": "stop", **choice}],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
    }
    return {"custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}


SAMPLES: list[bytes] = [
    json.dumps(answer("row-1")).encode(),
    json.dumps(answer("row-2", "é\u2028", finish_reason="length")).encode(),
    json.dumps(answer(3)).encode(),
    json.dumps(answer("")).encode(),
    json.dumps(answer("row-4", None, message={"content": None, "refusal": "No."})).encode(),
    json.dumps(answer("row-5", [{"type": "text", "text": "a"}])).encode(),
    json.dumps(answer("row-6")).encode().replace(b'"x"', b"NaN"),
    json.dumps({"custom_id": "row-7", "response": {"status_code": 0, "body": {}}}).encode(),
    json.dumps({"custom_id": "row-8", "response": None, "error": {"code": "batch_expired"}}).encode(),
    b"nope",
    b"",
    b'{"custom_id": "row-9", "response": {"status_code": 200, "body": {"choices": [{"text": "old"}]}}}',
    b'{"custom_id": "a"} {"custom_id": "b"}',
]


@given(
    lines=st.lists(st.sampled_from(SAMPLES), max_size=30),
    extras=st.lists(st.sampled_from(EXTRAS), unique=True),
    last=st.booleans(),
)
def test_columns_say_what_each_line_says(lines, extras, last):
    """
    Every line is in the columns as it is when read alone, or listed with its number; none is lost.
    """
    data = b"\n".join(lines) + (b"\n" if last else b"")
    parts = list(read_frames(io.BytesIO(data), extras))
    rows = [row for part in parts for row in part.frame.iter_rows(named=True)]
    unreadable = [entry for part in parts for entry in part.unreadable]
    expected, broken = [], []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line:
            try:
                expected.append(read_result(line))
            except UnreadableLine as error:
                broken.append((number, str(error)))
    assert unreadable == broken
    assert [(row["custom_id"], row["content"], row["status"], row["status_reason"]) for row in rows] == [
        (result.custom_id, result.content, result.status.value, result.reason) for result in expected
    ]
    if "usage" in extras:
        assert [(row["prompt_tokens"], row["completion_tokens"]) for row in rows] == [
            (result.prompt_tokens, result.completion_tokens) for result in expected
        ]
    if "model" in extras:
        assert [row["model"] or "" for row in rows] == [result.model for result in expected]


def test_what_is_asked_for_besides():
    """
    Usage, finish reason, refusal, further choices, confidence and the line itself are there on demand.
    """
    tokens = [{"token": token, "logprob": math.log(0.5)} for token in ("x", "y", "")]
    line = answer("row-1", "xy", logprobs={"content": tokens})
    line["response"]["body"]["choices"].append({"message": {"content": "second"}, "finish_reason": "stop"})
    data = json.dumps(line).encode() + b"\n"
    (part,) = read_frames(io.BytesIO(data), EXTRAS)
    row = part.frame.row(0, named=True)
    assert row["choices"] == ["second"]
    assert row["confidence"] == pytest.approx(0.25)
    assert (row["cached_tokens"], row["cache_write_tokens"], row["reasoning_tokens"]) == (2, 4, 1)
    assert row["finish_reason"] == "stop"
    assert row["refusal"] is None
    assert row["raw"].encode() == data.rstrip()


@pytest.mark.parametrize(
    "logprobs",
    [None, {}, {"content": []}, {"content": [{}]}, 7, {"content": [{"token": "other", "logprob": -1}]}],
)
def test_no_confidence_without_probabilities(logprobs):
    """
    Where there are no probabilities, or those of other tokens than the answer's, there is no confidence.
    """
    data = json.dumps(answer("row-1", "x", logprobs=logprobs)).encode()
    (part,) = read_frames(io.BytesIO(data), ("confidence",))
    assert part.frame["confidence"].to_list() == [None]


def test_a_part_of_a_file():
    """
    So many bytes are read, to the end of a line, and no more.
    """
    data = b"".join(json.dumps(answer(f"row-{n}")).encode() + b"\n" for n in range(5))
    size = data.index(b"\n") + 1
    (part,) = read_frames(io.BytesIO(data), (), max_bytes=2 * size)
    assert part.frame["custom_id"].to_list() == ["row-0", "row-1"]


def test_embeddings():
    """
    Lists and Base64 are the same numbers; what is neither costs nobody else's.
    """
    import array
    import base64

    coded = base64.b64encode(array.array("f", [1.5, -2.0]).tobytes()).decode()
    texts = pl.Series(["[1.5, -2.0]", f'"{coded}"', None, '"%%"', "[1, oops]"])
    assert embeddings_of(texts).to_list() == [[1.5, -2.0], [1.5, -2.0], None, None, None]
    line = {
        "custom_id": "row-1",
        "response": {"status_code": 200, "body": {"data": [{"embedding": [1.5, 2]}]}},
    }
    (part,) = read_frames(io.BytesIO(json.dumps(line).encode()))
    assert part.frame["status"].to_list() == ["ok"]
    assert embeddings_of(part.frame["embedding"]).to_list() == [[1.5, 2.0]]


def test_moderations():
    """
    A moderation is JSON, so that its fields can become columns.
    """
    result = {"flagged": True, "categories": {"hate": False}}
    line = {"custom_id": "row-1", "response": {"status_code": 200, "body": {"results": [result]}}}
    assert json.loads(read_result(json.dumps(line).encode()).content) == result


def test_lines_end_at_newlines_only():
    r"""
    M9: lines are cut at `\n` alone, whatever else ends a line in a text; they are numbered as they stand.
    """
    answer = "a\u2028b\u2029c\x85d e"
    body = {"choices": [{"message": {"content": answer}}]}
    line = {"custom_id": "row-1", "response": {"status_code": 200, "body": body}}
    good = json.dumps(line, ensure_ascii=False).encode()
    strange = b"\x0b\x0c\x1c broken"
    data = b"\n".join([good, b"", b"\r", strange, good.replace(b"row-1", b"row-2") + b"\r", b"", good])
    (part,) = read_frames(io.BytesIO(data), ("raw",))
    assert part.frame["content"].to_list() == [answer] * 3
    assert part.frame["custom_id"].to_list() == ["row-1", "row-2", "row-1"]
    assert [number for number, _ in part.unreadable] == [4]
    assert part.lines == 7


@pytest.mark.parametrize("count", [2**63, -(2**63) - 1, 12345678901234567890123])
def test_a_count_that_no_column_holds_is_none(count):
    """
    A number of tokens beyond 64 bits is no count, whichever it is, and nothing fails.

    Polars 2.1.0 raises a TypeError where an integer column is to hold it.
    """
    line = answer("row-1")
    usage = line["response"]["body"]["usage"]
    usage |= dict.fromkeys(("prompt_tokens", "completion_tokens"), count)
    usage["prompt_tokens_details"] = dict.fromkeys(("cached_tokens", "cache_write_tokens"), count)
    usage["completion_tokens_details"] = {"reasoning_tokens": count}
    (found,) = read_frames(io.BytesIO(json.dumps(line).encode()), ("usage", "usage_details"))
    assert found.frame.select("^.*_tokens$").row(0) == (None,) * 5
