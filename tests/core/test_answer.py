"""Reading an answer through the codebook."""

import pytest

from rowbatch.core.answer import AnswerReader
from rowbatch.core.codebook import Codebook, parse_codebook
from rowbatch.core.states import RowStatus

TOPIC = parse_codebook(
    {"variables": [{"name": "topic", "labels": [{"name": "Economy", "aliases": ["E"]}, {"name": "no"}]}]}
)
TWO = parse_codebook(
    {"variables": [{"name": "topic", "labels": [{"name": "a"}, {"name": "b"}]}, {"name": "why"}]}
)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        pytest.param('{"topic":"Economy"}', "Economy", id="as-asked"),
        pytest.param('{"topic": "economy "}', "Economy", id="other-case"),
        pytest.param('{"topic":"e"}', "Economy", id="alias"),
        pytest.param('```json\n{"topic":"no"}\n```', "no", id="fenced"),
        pytest.param("Economy.", "Economy", id="bare-label"),
        pytest.param('"no"', "no", id="bare-label-in-quotes"),
        pytest.param('{"topic":"no","extra":1}', "no", id="more-than-asked"),
    ],
)
def test_an_allowed_answer_becomes_the_codebooks_spelling(content, value):
    """
    Case, outer punctuation, aliases and code fences don't make an answer invalid.
    """
    answer = AnswerReader(TOPIC).read(RowStatus.OK, content)
    assert (answer.status, answer.values, answer.raw) == (RowStatus.OK, (value,), "")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "I think it is about the Economy",
        '{"topic":"health"}',
        '{"topic":null}',
        '{"topic":true}',
        '{"topic":["no"]}',
        '{"subject":"no"}',
        '{"topic":"no"',
        "[" * 5000,
        "null",
    ],
)
def test_everything_else_is_invalid_and_keeps_its_text(content):
    """
    An answer that the codebook does not allow is never guessed at; its raw text stays.
    """
    answer = AnswerReader(TOPIC).read(RowStatus.OK, content)
    assert (answer.status, answer.values, answer.raw) == (RowStatus.INVALID, ("",), content)
    assert answer.reason


def test_one_missing_variable_makes_the_answer_invalid():
    """
    Half an answer is not an answer.
    """
    reader = AnswerReader(TWO)
    assert reader.read(RowStatus.OK, '{"topic":"a"}').status is RowStatus.INVALID
    assert reader.read(RowStatus.OK, '{"topic":"a","why":"because"}').values == ("a", "because")


def test_free_text_is_kept_as_it_came():
    """
    Without a codebook the text is the value, to the last space; only nothing at all is invalid.
    """
    reader = AnswerReader(Codebook(instructions="Translate."))
    assert reader.read(RowStatus.OK, " Bonjour\n").values == (" Bonjour\n",)
    assert reader.read(RowStatus.OK, "  ").status is RowStatus.INVALID


@pytest.mark.parametrize("status", [RowStatus.REFUSED, RowStatus.TRUNCATED, RowStatus.ERROR])
def test_a_status_of_the_result_stays(status):
    """
    A refused or cut answer is not read, even if its text happens to be a label.
    """
    answer = AnswerReader(TOPIC).read(status, '{"topic":"no"}', "why")
    assert (answer.status, answer.values, answer.reason) == (status, ("",), "why")
