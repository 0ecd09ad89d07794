"""The JSON Schema of the codebook file; checked by another implementation: jsonschema 4.26."""

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rowbatch.core.codebook import parse_codebook
from rowbatch.core.codebook_schema import codebook_schema
from rowbatch.core.kinds import KINDS
from rowbatch.errors import CodebookError
from rowbatch.store.yaml_file import read_yaml

SCHEMA = codebook_schema()
EXAMPLES = Path(__file__).parents[2] / "examples"
TWO = [{"name": "low"}, {"name": "high"}]


def faults(document: object) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [fault.message for fault in validator.iter_errors(document)]


def with_variable(**fields: Any) -> dict[str, Any]:
    return {"variables": [{"name": "it", **fields}]}


ACCEPTED: list[Any] = [
    {},
    {"instructions": "Read."},
    {"instructions": "Read.", "language": "zh", "variables": []},
    with_variable(),
    with_variable(labels=[]),
    with_variable(kind="text", labels=[]),
    with_variable(labels=TWO),
    with_variable(
        labels=[{"name": "x" * 200, "definition": "d", "examples": ["e"], "aliases": ["a"]}, {"name": "y"}]
    ),
    with_variable(kind="label", labels=TWO, cant_say=True, reason=True, evidence=True),
    with_variable(kind="labels", labels=TWO, most=2, none=True),
    with_variable(kind="labels", labels=TWO, most=None, none="nothing"),
    with_variable(kind="yes-no", yes="It is.", no="It is not.", examples=[{"text": "t", "answer": "yes"}]),
    with_variable(
        kind="scale", labels=TWO, examples=[{"text": "t", "answer": "low"}, {"text": "u", "answer": "high"}]
    ),
    with_variable(kind="number", min=0, max=1.5),
    with_variable(kind="number", min=None, whole=True, examples=[{"text": "t", "answer": 3}]),
    with_variable(kind="date", min="1990-01-01", max="31 December 2020"),
    with_variable(kind="date", min="1990年1月1日"),
    with_variable(kind="quote", most=3, none="no quote", cant_say=True),
    with_variable(kind="quote", none=False),
    {
        "variables": [
            {"name": "a", "kind": "yes-no"},
            {"name": "b", "only_if": {"a": True}},
            {"name": "c", "only_if": {"a": ["yes", "no"]}},
        ]
    },
]


@pytest.mark.parametrize("document", ACCEPTED, ids=range(len(ACCEPTED)))
def test_what_is_a_codebook_fits_the_schema(document):
    """
    The schema refuses nothing that is read, and the form in which runs keep a codebook fits as well.
    """
    plain = parse_codebook(document).model_dump(mode="json")
    assert faults(document) == []
    assert faults(plain) == []


@pytest.mark.parametrize("name", ["codebook.yaml", "speeches.en.yaml", "speeches.zh.yaml"])
def test_the_examples_fit_the_schema(name):
    """
    Every codebook that comes with the program.
    """
    assert faults(read_yaml(EXAMPLES / name).value) == []


REFUSED: list[Any] = [
    [],
    "text",
    {"instruction": "x"},
    {"instructions": 5},
    {"language": "fr"},
    {"variables": "topic"},
    {"variables": ["topic"]},
    {"variables": [{}]},
    {"variables": [{"name": "1st"}]},
    {"variables": [{"name": "a b"}]},
    {"variables": [{"name": 5}]},
    with_variable(question=None),
    with_variable(kind="labels of mine"),
    with_variable(kind=None),
    with_variable(kind=["label"]),
    with_variable(kind="label"),
    with_variable(kind="scale"),
    with_variable(kind="labels", labels=[]),
    with_variable(labels=[{"name": "alone"}]),
    with_variable(labels="good, bad"),
    with_variable(labels=["good", "bad"]),
    with_variable(labels=[{"name": 1}, {"name": 2}]),
    with_variable(labels=[{"name": " "}, {"name": "b"}]),
    with_variable(labels=[{"name": "x" * 201}, {"name": "b"}]),
    with_variable(labels=[{"name": "a", "means": "x"}, {"name": "b"}]),
    with_variable(labels=[{"definition": "a"}, {"name": "b"}]),
    with_variable(labels=[{"name": "a", "examples": "x"}, {"name": "b"}]),
    with_variable(labels=[{"name": "a", "aliases": [""]}, {"name": "b"}]),
    with_variable(kind="text", labels=TWO),
    with_variable(kind="number", labels=TWO),
    with_variable(min=0),
    with_variable(kind="yes-no", labels=TWO),
    with_variable(kind="label", labels=TWO, most=2),
    with_variable(kind="labels", labels=TWO, most=0),
    with_variable(kind="labels", labels=TWO, most=True),
    with_variable(kind="labels", labels=TWO, none=""),
    with_variable(kind="labels", labels=TWO, none=3),
    with_variable(kind="quote", most=None),
    with_variable(kind="number", min="0"),
    with_variable(kind="number", whole="yes"),
    with_variable(kind="date", max=2020),
    with_variable(kind="date", max="soon"),
    with_variable(cant_say="yes"),
    with_variable(only_if="a"),
    with_variable(only_if={"a": []}),
    with_variable(only_if={"a": {"b": "c"}}),
    with_variable(examples=[{"answer": "x"}]),
    with_variable(examples=[{"text": "x", "answers": "x"}]),
    with_variable(examples={"text": "x"}),
]


@pytest.mark.parametrize("document", REFUSED, ids=range(len(REFUSED)))
def test_an_editor_sees_what_is_no_codebook(document):
    """
    Whatever is wrong with one field, or with a field beside its kind, is refused by both.
    """
    assert faults(document) != []
    with pytest.raises(CodebookError):
        parse_codebook(document)


def test_an_editor_can_tell_every_field():
    """
    Each field of each kind has a type and says what it is for: an editor shows it where it is completed.
    """
    for name, kind in KINDS.items():
        properties = SCHEMA["$defs"][f"kind-{name}"]["properties"]
        assert set(kind.model_fields) | {"kind"} <= set(properties)
        for field, schema in properties.items():
            assert {"type", "anyOf", "const"} & set(schema), f"{name}.{field}"
            if (name, field) != ("text", "labels"):
                assert schema["description"], f"{name}.{field}"
    for part in ("label", "example"):
        assert all(schema["description"] for schema in SCHEMA["$defs"][part]["properties"].values())


def test_the_schema_is_one():
    """
    It fits the schema of schemas, and has nothing that only draft 2020-12 knows but `$defs`.
    """
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    older = copy.deepcopy(SCHEMA)
    older["$schema"] = "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(older)
    old = jsonschema.Draft7Validator(older)
    assert all(old.is_valid(document) for document in ACCEPTED)
    assert not any(old.is_valid(document) for document in REFUSED)
