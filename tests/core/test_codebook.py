"""The codebook: faults with their place, the instructions, the schema."""

import json

import pytest

from rowbatch.core.codebook import (
    Codebook,
    answer_schema,
    codebook_from_labels,
    instructions_text,
    parse_codebook,
)
from rowbatch.errors import CodebookError

MOOD = {
    "instructions": "Read the post.",
    "variables": [
        {
            "name": "mood",
            "question": "How is the mood?",
            "labels": [
                {"name": "good", "definition": "Joy or hope.", "examples": ["What a day!"]},
                {"name": "bad", "aliases": ["negative"]},
            ],
        },
        {"name": "why", "question": "Why?"},
    ],
}


def test_instructions_hold_every_label_definition_and_example():
    """
    What the model reads has the instructions, each label with its definition and its examples.
    """
    text = instructions_text(parse_codebook(MOOD))
    for part in (
        "Read the post.",
        "How is the mood?",
        "- good: Joy or hope.",
        "What a day!",
        "- bad",
        "Why?",
    ):
        assert part in text


def test_the_schema_is_strict():
    """
    Every variable is required, nothing else is allowed, labels are an enum in their order.
    """
    schema = answer_schema(parse_codebook(MOOD))
    assert schema is not None
    assert schema["required"] == ["mood", "why"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["mood"] == {"type": "string", "enum": ["good", "bad"]}
    assert schema["properties"]["why"] == {"type": "string"}


def test_free_text_has_no_schema_and_the_column_answer():
    """
    A codebook without variables is free text.
    """
    assert answer_schema(Codebook(instructions="Translate.")) is None
    assert Codebook(instructions="Translate.").columns == ("answer",)


@pytest.mark.parametrize(
    ("document", "field", "says"),
    [
        pytest.param({"instruction": "x"}, "instruction", "not known", id="unknown-field"),
        pytest.param({"variables": [{}]}, "variables[0].name", "missing", id="no-name"),
        pytest.param({"variables": [{"name": "a b"}]}, "variables[0].name", "column name", id="bad-name"),
        pytest.param(
            {"variables": [{"name": "a", "labels": [{"name": 1}, {"name": "x"}]}]},
            "variables[0].labels[0].name",
            "in quotes",
            id="number-as-label",
        ),
        pytest.param(
            {"variables": [{"name": "a", "labels": [{"name": "x"}]}]},
            "variables[0].labels",
            "at least two",
            id="one-label",
        ),
        pytest.param(
            {"variables": [{"name": "a", "labels": [{"name": "Yes"}, {"name": "yes"}]}]},
            "variables[0].labels[1].name",
            "twice",
            id="same-label",
        ),
        pytest.param(
            {"variables": [{"name": "a", "labels": [{"name": "x"}, {"name": "y", "aliases": ["X"]}]}]},
            "variables[0].labels[1].aliases[0]",
            "twice",
            id="alias-of-another-label",
        ),
        pytest.param(
            {"variables": [{"name": "a"}, {"name": "a"}]}, "variables[1].name", "twice", id="same-name"
        ),
        pytest.param({"variables": "topic"}, "variables", "list", id="not-a-list"),
    ],
)
def test_a_fault_names_its_field(document, field, says):
    """
    A broken codebook says which field is wrong, and how.
    """
    with pytest.raises(CodebookError) as caught:
        parse_codebook(document)
    assert caught.value.field == field
    assert says in caught.value.message
    assert caught.value.hint


def test_every_fault_is_listed():
    """
    A person mends a codebook once, not fault by fault.
    """
    with pytest.raises(CodebookError) as caught:
        parse_codebook({"variables": [{"name": "a b"}, {"labels": 5}]})
    assert caught.value.message.count("variables[") == 3


def test_faults_in_chinese():
    """
    A page in Chinese tells every fault in Chinese, each with its field.
    """
    with pytest.raises(CodebookError) as caught:
        parse_codebook({"instruction": "x", "variables": [{"name": "1st"}]}, path="c.yaml")
    assert caught.value.told("page", "zh") == (
        "编码手册 c.yaml 有误：\n"
        "  variables[0].name: '1st' 不能用作列名：须以英文字母开头，其后为字母、数字或 _，"
        "总共不超过 64 个字符\n"
        "  instruction: 没有这样的字段",
        "格式见帮助页",
    )
    with pytest.raises(CodebookError) as caught:
        parse_codebook({"variables": [{"name": "v", "labels": [{"name": "a"}]}]})
    assert caught.value.told("page", "zh").message == (
        "编码手册有误：variables[0].labels: 只有一个标签就无从选择；请至少给出两个，自由文本则不写标签"
    )


def test_labels_from_the_command_line_refuse_duplicates():
    """
    `--labels a,b,A` is an error.
    """
    with pytest.raises(CodebookError, match="twice"):
        codebook_from_labels("label", ["a", "b", "A"], "?")


def test_a_codebook_survives_being_frozen():
    """
    What run.toml keeps is read back as the same codebook.
    """
    codebook = parse_codebook(MOOD)
    assert parse_codebook(json.loads(json.dumps(codebook.model_dump(mode="json")))) == codebook
