"""A list of entries in one answer becomes a row for each."""

from __future__ import annotations

import io
import json
from typing import Any

import polars as pl
import pytest

from rowbatch.core.packed import PackedForm, packed_form, unpacked
from rowbatch.core.result_columns import read_frames
from rowbatch.errors import UsageError

ENTRIES = [{"id": 3, "tone": "good"}, {"id": 1, "tone": "bad", "share": 1.50}]
OF_LIST = PackedForm("", "id")


def frame_of(*contents: Any, **columns: list[Any]) -> pl.DataFrame:
    texts = [content if isinstance(content, str) else json.dumps(content) for content in contents]
    return pl.DataFrame(
        {
            "custom_id": [f"pack-{number}" for number in range(1, len(texts) + 1)],
            "content": texts,
            "status": ["ok"] * len(texts),
            "status_reason": [""] * len(texts),
        }
        | columns
    )


@pytest.mark.parametrize(
    ("content", "form"),
    [
        pytest.param(ENTRIES, PackedForm("", "id"), id="list"),
        pytest.param({"results": ENTRIES}, PackedForm("results", "id"), id="list-in-a-field"),
        pytest.param({"results": ENTRIES, "note": "x"}, PackedForm("results", "id"), id="beside-a-text"),
        pytest.param({"3": {"tone": "good"}, "1": {"tone": "bad"}}, PackedForm("", ""), id="by-key"),
        pytest.param(
            {"rows": {"3": {"tone": "good"}, "1": {"tone": "bad"}}}, PackedForm("rows", ""), id="field-by-key"
        ),
        pytest.param("\n".join(map(json.dumps, ENTRIES)), PackedForm("", "id"), id="lines"),
        pytest.param(f"```json\n{json.dumps(ENTRIES)}\n```", PackedForm("", "id"), id="fence"),
        pytest.param(f"<think>[]</think>Here: {json.dumps(ENTRIES)}", PackedForm("", "id"), id="thoughts"),
    ],
)
def test_the_form_is_found_and_each_entry_is_a_row(content, form):
    """
    Lists, lists in a field, objects by key and objects in lines are unpacked, whatever stands around them.
    """
    frame = frame_of(content)
    assert packed_form(frame["content"].to_list()) == form
    found = unpacked(frame, form)
    assert found["custom_id"].to_list() == ["3", "1"]
    assert found["request"].to_list() == ["pack-1", "pack-1"]
    assert found["entry"].to_list() == [1, 2]
    assert found[".tone"].to_list() == ["good", "bad"]
    assert found["status"].to_list() == ["ok", "ok"]
    assert ".id" not in found


def test_the_id_has_a_name_of_its_own():
    """
    A field that is called like an id is it; of several `id`, `row` and the like go before `…_id`.
    """
    form = PackedForm("all_results", "input_id")
    contents = [
        '{"all_results": [{"input_id": "1", "tone": "pos"}, {"input_id": "2", "tone": "neg"}]}',
        '{"all_results": [{"input_id": "3", "tone": "neu"}]}',
    ]
    assert packed_form(contents) == form
    assert unpacked(frame_of(*contents), form)["custom_id"].to_list() == ["1", "2", "3"]
    assert packed_form(['[{"topic_id": 7, "id": 1}, {"topic_id": 7, "id": 2}]']) == PackedForm("", "id")
    assert packed_form(['[{"topic_id": 7, "doc_id": 1}, {"topic_id": 7, "doc_id": 2}]']).id_field == "doc_id"


@pytest.mark.parametrize(
    ("contents", "kind"),
    [
        (['{"tone": "good"}', "no JSON"], "packed-no-list"),
        (['{"a": [{"id": 1}], "b": [{"id": 1}]}'], "packed-several-lists"),
        (['[{"tone": "good"}, {"tone": "bad"}]'], "packed-no-id"),
        (['[{"id": 1}, {"id": 1}]'], "packed-no-id"),
        (['[{"a_id": 1, "b_id": 2}]'], "packed-several-ids"),
    ],
)
def test_what_cannot_be_found_has_to_be_said(contents, kind):
    """
    The error names what there is, and what is said is taken.
    """
    with pytest.raises(UsageError) as raised:
        packed_form(contents)
    assert raised.value.kind == kind
    if kind == "packed-several-lists":
        assert packed_form(contents, list_field="b") == PackedForm("b", "id")
    if kind == "packed-several-ids":
        assert packed_form(contents, id_field="b_id") == PackedForm("", "b_id")


def test_nothing_is_lost():
    """
    A request that failed, an answer without a list, an entry without an id and one that is no object each
    keep a row that says why; what is counted of an answer stands in its first row only.
    """
    found = unpacked(
        frame_of(
            ENTRIES,
            "",
            "Sorry.",
            [{"tone": "good"}, "x", {"id": " 7 ", "tone": "bad"}],
            [],
            status=["ok", "error", "ok", "ok", "ok"],
            status_reason=["", "500: down", "", "", ""],
            prompt_tokens=[10, None, 20, 30, 40],
        ),
        OF_LIST,
    )
    assert found.select(
        "custom_id", "request", "entry", "status", "status_reason", "prompt_tokens"
    ).rows() == [
        ("3", "pack-1", 1, "ok", "", 10),
        ("1", "pack-1", 2, "ok", "", None),
        ("pack-2", "pack-2", None, "error", "500: down", None),
        ("pack-3", "pack-3", None, "invalid", "the answer is not a list of entries", 20),
        ("pack-4", "pack-4", 1, "invalid", "the entry has no id", 30),
        ("pack-4", "pack-4", 2, "invalid", "the entry is not a JSON object", None),
        ("7", "pack-4", 3, "ok", "", None),
        ("pack-5", "pack-5", None, "invalid", "the answer is not a list of entries", 40),
    ]
    assert found[".tone"].to_list() == ["good", "bad", None, None, None, None, "bad", None]
    assert found[".share"].to_list()[:2] == [None, "1.5"]


def test_numbers_keep_their_digits_and_ids_are_texts():
    """
    1.50 stays 1.50; 3, 3.0 and "3" are one id; true is none.
    """
    content = '[{"id": 3.0, "p": 1.50}, {"id": "3", "p": 2}, {"id": 3, "p": null}, {"id": true, "p": 1}]'
    found = unpacked(frame_of(content), OF_LIST)
    assert found["custom_id"].to_list() == ["3", "3", "3", "pack-1"]
    assert found[".p"].to_list() == ["1.50", "2", None, None]
    assert json.loads(found["content"][0]) == {"id": 3.0, "p": 1.5}


def test_result_files_are_unpacked():
    """
    What the reader of result files gives can be unpacked as it is, with whatever was asked for besides.
    """
    lines = []
    for number, content in enumerate((json.dumps(ENTRIES), "[]"), start=1):
        body = {
            "model": "m",
            "choices": [{"message": {"content": content}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 3},
        }
        lines.append(
            json.dumps(
                {"custom_id": f"p{number}", "response": {"status_code": 200, "body": body}, "error": None}
            )
        )
    (part,) = read_frames(io.BytesIO("\n".join(lines).encode()), ("usage", "model", "raw"))
    found = unpacked(part.frame, OF_LIST)
    assert found["custom_id"].to_list() == ["3", "1", "p2"]
    assert found["completion_tokens"].to_list() == [3, None, 3]
    assert found["model"].to_list() == ["m"] * 3
    assert found.schema["prompt_tokens"] == pl.Int64
