"""Kinds of variables: each says of itself what the house wants to know."""

import json
from typing import Any

import pytest
import tomli_w

from rowbatch.core.codebook import Codebook, answer_schema, instructions_text, parse_codebook
from rowbatch.core.kinds import KINDS
from rowbatch.errors import CodebookError

# As version 0.1 wrote them, byte for byte: labels and free text, before there were kinds.
_BEFORE_KINDS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "en": (
        {
            "instructions": "Read.",
            "variables": [
                {
                    "name": "mood",
                    "question": "How?",
                    "labels": [
                        {"name": "good", "definition": "Joy", "examples": ["What a day!"]},
                        {"name": "bad", "aliases": ["negative"]},
                    ],
                },
                {"name": "why", "question": "Why?"},
                {"name": "free"},
            ],
        },
        "Read.\n\nHow?\nmood is one of:\n- good: Joy\n"
        '  for example: "What a day!"\n- bad\n\nWhy?\n\nfree: free text\n\n'
        'Answer with a JSON object that has only "mood", "why", "free".',
        '{"type": "object", "properties": {"mood": {"type": "string", "enum": ["good", "bad"]}, '
        '"why": {"type": "string"}, "free": {"type": "string"}}, "required": ["mood", "why", "free"], '
        '"additionalProperties": false}',
        'instructions = "Read."\nlanguage = "en"\n\n[[variables]]\nname = "mood"\nquestion = "How?"\n\n'
        '[[variables.labels]]\nname = "good"\ndefinition = "Joy"\nexamples = [\n    "What a day!",\n]\n'
        'aliases = []\n\n[[variables.labels]]\nname = "bad"\ndefinition = ""\nexamples = []\naliases = [\n'
        '    "negative",\n]\n\n[[variables]]\nname = "why"\nquestion = "Why?"\nlabels = []\n\n'
        '[[variables]]\nname = "free"\nquestion = ""\nlabels = []\n',
    ),
    "zh": (
        {
            "language": "zh",
            "variables": [
                {
                    "name": "code",
                    "labels": [{"name": "1", "definition": "乐", "examples": ["啊"]}, {"name": "2"}],
                },
                {"name": "free"},
            ],
        },
        "code 取以下各值之一：\n- 1：乐\n  例如：“啊”\n- 2\n\nfree：自由文本\n\n"
        '请用一个 JSON 对象回答，其中只有 "code"、"free"。',
        '{"type": "object", "properties": {"code": {"type": "string", "enum": ["1", "2"]}, '
        '"free": {"type": "string"}}, "required": ["code", "free"], "additionalProperties": false}',
        'instructions = ""\nlanguage = "zh"\n\n[[variables]]\nname = "code"\nquestion = ""\n\n'
        '[[variables.labels]]\nname = "1"\ndefinition = "乐"\nexamples = [\n    "啊",\n]\naliases = []\n\n'
        '[[variables.labels]]\nname = "2"\ndefinition = ""\nexamples = []\naliases = []\n\n'
        '[[variables]]\nname = "free"\nquestion = ""\nlabels = []\n',
    ),
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_labels_and_free_text_ask_as_they_did_before_there_were_kinds(language):
    """
    Prompt, schema and what is frozen into run.toml are the bytes that they were: an old run opens, and the
    same command finds it.
    """
    document, instructions, schema, frozen = _BEFORE_KINDS[language]
    book = parse_codebook(document)
    assert instructions_text(book) == instructions
    assert json.dumps(answer_schema(book), ensure_ascii=False) == schema
    assert tomli_w.dumps(book.model_dump(mode="json")) == frozen


def test_a_kind_that_is_written_out_is_the_same_as_one_that_is_left_out():
    """
    `kind: label` and `kind: text` change nothing: what is frozen, and so what is asked, is the same.
    """
    document: dict[str, Any] = _BEFORE_KINDS["en"][0]
    kinds = ("label", "text", "text")
    told = {
        **document,
        "variables": [
            {**variable, "kind": kind} for variable, kind in zip(document["variables"], kinds, strict=True)
        ],
    }
    assert parse_codebook(told) == parse_codebook(document)
    assert parse_codebook(told).model_dump(mode="json") == parse_codebook(document).model_dump(mode="json")


@pytest.mark.parametrize(
    ("variable", "field", "says"),
    [
        pytest.param({"kind": "labels of mine"}, "kind", "known are: label, labels, yes-no", id="unknown"),
        pytest.param({"kind": None}, "kind", "there is no kind None", id="nothing"),
        pytest.param({"kind": ["label"]}, "kind", "there is no kind", id="a-list"),
        pytest.param({"kind": "label"}, "labels", "at least two", id="no-labels"),
        pytest.param(
            {"kind": "text", "labels": [{"name": "a"}, {"name": "b"}]},
            "labels",
            "a variable of kind text has no such field; kind: label or labels or scale has it",
            id="labels-of-a-text",
        ),
    ],
)
def test_a_kind_that_does_not_fit_is_named_with_its_field(variable, field, says):
    """
    A kind that nobody knows, and a field that belongs to another kind, are faults at their place.
    """
    with pytest.raises(CodebookError) as caught:
        parse_codebook({"variables": [{"name": "a", **variable}]})
    assert caught.value.field == f"variables[0].{field}"
    assert says in caught.value.message


def test_every_kind_says_all_of_itself():
    """
    A kind has its name, words in both languages, tokens and a column of its name.
    """
    for name, kind in KINDS.items():
        has_labels = name in ("label", "labels", "scale")
        labels = {"labels": [{"name": "a"}, {"name": "b"}]} if has_labels else {}
        (variable,) = parse_codebook({"variables": [{"name": "it", "kind": name, **labels}]}).variables
        assert type(variable) is kind
        assert parse_codebook({"variables": [variable.to_plain()]}).variables == (variable,)
        english, chinese = list(variable.instructions("en")), list(variable.instructions("zh"))
        assert english
        assert len(english) == len(chinese)
        assert english != chinese
        assert 0 < variable.answer_tokens[0] <= variable.answer_tokens[1]
        assert variable.columns()[0].name == "it"


def test_an_answer_without_variables_is_a_free_text():
    """
    Where nothing is listed the whole answer is one value, of the kind text.
    """
    book = Codebook(instructions="Translate.")
    assert [variable.kind for variable in book.answers] == ["text"]
    assert book.columns == ("answer",)
    assert "variables" in book.model_dump(mode="json")
    assert book.model_dump(mode="json")["variables"] == []
