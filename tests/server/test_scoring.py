"""Calibrated scoring with a model whose probabilities we choose."""

import json
import math
from collections.abc import Callable, Mapping, Sequence

import pytest

from rowbatch.server.scoring import (
    Choice,
    Token,
    calibrated,
    is_decided,
    label_log_probabilities,
    single_choice,
)

VOCABULARY = frozenset(
    [bytes([byte]) for byte in range(256)]
    + [
        b" good",
        b" Good",
        b" bad",
        b" Bad",
        b" very",
        b" Very",
        b" positive",
        b" negative",
        b" enough",
        b" n",
    ]
)


def model(answers: Mapping[str, Mapping[str, float]]) -> Callable[[str], Sequence[Token]]:
    """A model that goes on as `answers` says: text so far to next tokens with their probabilities."""

    def next_tokens(written: str) -> list[Token]:
        return [(token.encode(), math.log(p)) for token, p in answers[written].items()]

    return next_tokens


def probabilities(labels: Sequence[str], answers: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    found = label_log_probabilities(labels, model(answers), VOCABULARY)
    return {label: round(math.exp(score), 6) for label, score in found.items()}


def enum(*labels: str, **more: object) -> dict[str, object]:
    return {"type": "string", "enum": list(labels), **more}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(
            {"type": "object", "properties": {"a": enum("x", "y")}}, Choice("a", ("x", "y")), id="object"
        ),
        pytest.param(enum("x", "y"), Choice("", ("x", "y")), id="bare"),
        pytest.param(
            {"type": "object", "properties": {"a": enum("x", "y"), "b": enum("x", "y")}}, None, id="two"
        ),
        pytest.param({"type": "object", "properties": {"a": {"type": "string"}}}, None, id="free-text"),
        pytest.param({"type": "object", "properties": {"a": {"enum": [1, 2]}}}, None, id="numbers"),
        pytest.param(enum("x"), None, id="one-label"),
        pytest.param(None, None, id="no-schema"),
        pytest.param("string", None, id="no-object"),
    ],
)
def test_single_choice(schema, expected):
    """
    One label of several is asked for by an object with one enum, or by a bare enum; all else isn't.
    """
    assert single_choice(schema) == expected


def test_the_cue_names_the_property():
    """
    Underscores are read as spaces; a bare enum is called a label.
    """
    assert Choice("main_topic", ("a", "b")).cue == "The main topic of the text is"
    assert Choice("", ("a", "b")).cue == "The label of the text is"
    assert Choice("groups", ("a", "b"), has_several=True).cue == "The text names these groups:"


def test_both_spellings_count():
    """
    " good" and " Good" are the same label; what isn't a label is left out.
    """
    answers = {"": {" good": 0.3, " Good": 0.2, " bad": 0.1, " the": 0.4}}
    assert probabilities(["good", "bad"], answers) == {"good": 0.5, "bad": 0.1}


def test_a_shared_token_is_followed():
    """
    Labels that begin alike are told apart behind what they share, each with its part of the whole.
    """
    answers = {
        "": {" very": 0.5, " bad": 0.2, " x": 0.1},
        " very": {" positive": 0.6, " negative": 0.2, " x": 0.1},
    }
    assert probabilities(["very positive", "very negative", "bad"], answers) == {
        "very positive": 0.3,
        "very negative": 0.1,
        "bad": 0.2,
    }


def test_a_label_that_begins_another_gets_the_rest():
    """
    "good" has what doesn't go on to "good enough".
    """
    answers = {"": {" good": 0.5, " bad": 0.3}, " good": {" enough": 0.4, ".": 0.6}}
    found = probabilities(["good", "good enough", "bad"], answers)
    assert found == {"good": 0.3, "good enough": 0.2, "bad": 0.3}


def test_an_unlisted_label_gets_the_floor_once():
    """
    Not among the listed tokens: as likely as the last listed one, whatever shorter token would fit.
    """
    answers = {"": {" good": 0.5, " n": 0.3, " the": 0.01}}
    assert probabilities(["good", "negative"], answers) == {"good": 0.5, "negative": 0.01}


def test_labels_that_part_within_a_character_share_alike():
    """
    The text so far cannot end in half a character, so such labels stay equal and nothing is decided.
    """
    answers = {"": {" ": 0.5, " the": 0.01}, " ": {"\u7a4d": 0.2, "x": 0.1}}
    scores = label_log_probabilities(["积极", "秋天"], model(answers), VOCABULARY)
    assert scores["积极"] == scores["秋天"]
    assert not is_decided(scores, calibrated(scores, [scores]))


def test_calibration_takes_the_bias_out():
    """
    A model that prefers "good" for texts without content has to prefer it by more than that.
    """
    scores = {"good": math.log(0.5), "bad": math.log(0.4)}
    biased = {"good": math.log(0.8), "bad": math.log(0.1)}
    found = calibrated(scores, [biased])
    assert found["bad"] > found["good"]
    assert math.isclose(sum(found.values()), 1.0)
    assert is_decided(scores, found)
    assert json.dumps(found)
