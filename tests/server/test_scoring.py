"""Choosing a label by the model's probabilities."""

import math

import pytest

from rowbatch.server.scoring import calibrated, label_log_probabilities, single_choice


def tree(**branches: dict[str, float]):
    """Next tokens by what was written so far; `_` stands for nothing written."""
    found = {name.replace("_", "") if name == "_" else name: tokens for name, tokens in branches.items()}

    def next_tokens(written: str) -> list[tuple[str, float]]:
        return [(text, math.log(share)) for text, share in found[written].items()]

    return next_tokens


def masses(labels, next_tokens) -> dict[str, float]:
    found = label_log_probabilities(labels, next_tokens)
    return {label: round(math.exp(value), 4) for label, value in found.items()}


def test_spellings_of_a_label_add_up():
    """
    ` yes` and ` Yes` are the same label.
    """
    assert masses(["yes", "no"], tree(_={" yes": 0.4, " Yes": 0.2, " no": 0.1})) == {"yes": 0.6, "no": 0.1}


def test_labels_that_share_a_token_are_told_apart_behind_it():
    """
    ` very` is shared; what follows decides.
    """
    next_tokens = tree(_={" very": 0.5, " bad": 0.2}, **{" very": {" good": 0.6, " bad": 0.3}})
    assert masses(["very good", "very bad", "bad"], next_tokens) == {
        "very good": 0.3,
        "very bad": 0.15,
        "bad": 0.2,
    }


def test_a_label_inside_another_gets_what_does_not_go_on():
    """
    `good` beside `good enough`.
    """
    next_tokens = tree(_={" good": 0.5}, **{" good": {" enough": 0.2, ".": 0.7}})
    assert masses(["good", "good enough"], next_tokens) == {"good": 0.4, "good enough": 0.1}


def test_a_label_that_is_not_listed_gets_the_floor():
    """
    No label is impossible: it gets what the last listed token has.
    """
    assert masses(["yes", "xyz"], tree(_={" yes": 0.9, " so": 0.01})) == {"yes": 0.9, "xyz": 0.01}


def test_calibration_takes_the_bias_out():
    """
    A model that says `a` of empty texts just as often has said nothing about this one.
    """
    bias = [{"a": math.log(0.8), "b": math.log(0.1)}, {"a": math.log(0.8), "b": math.log(0.1)}]
    same = calibrated({"a": math.log(0.8), "b": math.log(0.1)}, bias)
    assert same == pytest.approx({"a": 0.5, "b": 0.5})
    shifted = calibrated({"a": math.log(0.7), "b": math.log(0.2)}, bias)
    assert shifted["b"] > shifted["a"]
    assert sum(shifted.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("schema", "labels"),
    [
        pytest.param(
            {"type": "object", "properties": {"x": {"enum": ["a", "b"]}}}, ("a", "b"), id="one-enum"
        ),
        pytest.param({"type": "string", "enum": ["a", "b"]}, ("a", "b"), id="bare-enum"),
        pytest.param({"type": "object", "properties": {"x": {"type": "string"}}}, None, id="free-text"),
        pytest.param(
            {"type": "object", "properties": {"x": {"enum": ["a", "b"]}, "y": {}}}, None, id="two-fields"
        ),
        pytest.param({"enum": ["a"]}, None, id="one-label"),
        pytest.param({"enum": [1, 2]}, None, id="numbers"),
        pytest.param(None, None, id="none"),
        pytest.param("enum", None, id="text"),
    ],
)
def test_single_choice(schema, labels):
    """
    Only a schema that asks for one of several texts is scored.
    """
    found = single_choice(schema)
    assert (found.labels if found else None) == labels
