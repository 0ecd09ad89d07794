"""Reading an answer through the codebook."""

import polars as pl
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


@pytest.mark.parametrize(
    ("content", "value", "forgiven"),
    [
        pytest.param('{"topic":"Economy"}', "Economy", "", id="as-asked"),
        pytest.param('{"topic": "economy "}', "Economy", "", id="case-and-blanks"),
        pytest.param('{"topic":"e"}', "Economy", "", id="alias"),
        pytest.param("no", "no", "", id="label-alone"),
        pytest.param('{"topic":"no."}', "no", "value-spelling", id="full-stop"),
        pytest.param('{"topic":"ｅｃｏｎｏｍｙ"}', "Economy", "value-spelling", id="full-width"),
        pytest.param('{"topic":"Ｅ。"}', "Economy", "value-spelling", id="full-width-alias"),
        pytest.param('{"TOPIC":"no"}', "no", "key-spelling", id="key"),
        pytest.param(
            '<think>no</think>{"Topic":"«no»"}', "no", "thoughts key-spelling value-spelling", id="all"
        ),
        pytest.param('```json\n{"topic":"no"}\n```', "no", "fence", id="fence"),
        pytest.param("```\nno\n```", "no", "fence", id="label-in-a-fence"),
        pytest.param("<think>E or no?</think>\n\nno", "no", "thoughts", id="label-behind-thoughts"),
        pytest.param(
            "E or no?\n</think>\n\n**no**", "no", "thoughts value-spelling", id="bold-behind-thoughts"
        ),
        pytest.param("Topic: no", "no", "words-around", id="name-and-label"),
        pytest.param("Final answer: Economy", "Economy", "words-around", id="answer-and-label"),
    ],
)
def test_what_is_forgiven_is_said(content, value, forgiven):
    """
    An answer that a person would understand is read, and says what it needed; case and spaces are nothing.
    """
    answer = AnswerReader(TOPIC).read(RowStatus.OK, content)
    assert (answer.status, answer.values, answer.raw) == (RowStatus.OK, (value,), "")
    assert " ".join(answer.forgiven) == forgiven


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"topic":"no"} {"topic":"E"}', "the answer holds different JSON objects"),
        ("<think>no", "the answer has thoughts only"),
        (" ", "the answer is empty"),
        ('<think>x</think>{"topic":"health"}', "topic: 'health' is not a label of the codebook"),
        ('Sure: {"subject":"no"}', "topic is not in the answer"),
        ("The topic is no.", "the answer is not JSON"),
        ('{"topic":"no"', "the answer is not JSON"),
    ],
)
def test_what_cannot_be_forgiven_says_why(content, reason):
    """
    The reason is that of the object that was found, and the raw text is all that the model said.
    """
    answer = AnswerReader(TOPIC).read(RowStatus.OK, content)
    assert (answer.status, answer.values, answer.raw) == (RowStatus.INVALID, ("",), content)
    assert answer.reason == reason
    assert answer.forgiven == ()


def reader_of(*labels: str) -> AnswerReader:
    return AnswerReader(
        parse_codebook({"variables": [{"name": "v", "labels": [{"name": n} for n in labels]}]})
    )


@pytest.mark.parametrize(
    ("labels", "value", "read"),
    [
        (("true", "false"), "true", "true"),
        (("yes", "no"), "true", None),
        (("0", "1"), "1.0", "1"),
        (("0", "1"), "1", "1"),
        (("0", "1"), "1.5", None),
        (("0", "1"), "true", None),
        (("-1", "1"), "-1.0", "-1"),
        (("1", "2"), '"01"', None),
        (("2", "②"), '"②。"', "②"),
        (("2", "②"), '"２"', None),
        (("C", "C++"), '"C++."', "C++"),
    ],
)
def test_values_are_compared_as_a_person_would(labels, value, read):
    """
    `true` is a label that is spelled so, and 1.0 is "1"; labels that differ only in that stay apart.
    """
    answer = reader_of(*labels).read(RowStatus.OK, f'{{"v": {value}}}')
    assert answer.values == (read or "",)
    assert (answer.status is RowStatus.OK) == (read is not None)


def test_free_text_behind_thoughts():
    """
    Thoughts are not the text, and are counted; thoughts alone are no answer.
    """
    reader = AnswerReader(Codebook(instructions="Translate."))
    answer = reader.read(RowStatus.OK, "<think>hm</think>\n\nBonjour\n")
    assert (answer.values, answer.forgiven) == (("Bonjour\n",), ("thoughts",))
    nothing = reader.read(RowStatus.OK, "<think>hm")
    assert (nothing.status, nothing.raw, nothing.reason) == (
        RowStatus.INVALID,
        "<think>hm",
        "the answer has thoughts only",
    )


def test_a_frame_says_what_was_forgiven():
    """
    As the answers one by one say it.
    """
    contents = ['{"topic":"no"}', '<think>x</think>{"topic":"no"}', "?", '{"Topic":"no"}']
    results = pl.DataFrame({"status": "ok", "content": contents, "status_reason": ""})
    frame = AnswerReader(TOPIC).read_frame(results)
    assert frame["forgiven"].to_list() == ["", "thoughts", "", "key-spelling"]
    assert frame["0"].to_list() == ["no", "no", "", "no"]
