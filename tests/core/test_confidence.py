"""How sure a model was of a value: the tokens that make it up, found by their bytes."""

from __future__ import annotations

import json
import math
import time
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.codebook import Codebook, parse_codebook
from rowbatch.core.confidence import BASES, Basis, Measured, measured
from rowbatch.core.token_probabilities import ConfidenceReader, value_spans, whole_probability
from rowbatch.core.wire import Body

_BODY = msgspec.json.Decoder(Body)
MOODS = ("positive", "negative", "neutral")
MOOD = Measured(0, "mood", MOODS)
AGE = Measured(1, "age", ())


def token(
    text: str, share: float = 1.0, others: dict[str, float] | None = None, **more: Any
) -> dict[str, Any]:
    """A token as chat completions list it."""
    listed = [
        {"token": other, "logprob": math.log(weight), "bytes": list(other.encode())}
        for other, weight in (others or {}).items()
    ]
    bytes_ = list(text.encode())
    return {"token": text, "logprob": math.log(share), "bytes": bytes_, "top_logprobs": listed} | more


def chat(content: str, tokens: Any, **choice: Any) -> Body:
    """A chat completion with its tokens."""
    said = {"message": {"content": content}, "finish_reason": "stop", "logprobs": {"content": tokens}}
    return _BODY.decode(json.dumps({"choices": [said | choice]}))


def read(reader: ConfidenceReader, *bodies: tuple[Body, str]) -> list[tuple[str, list[float | None]]]:
    """What a reader says of each answer: the basis, and how sure."""
    reader.add(*zip(*bodies, strict=True))
    *columns, bases = reader.columns()
    shares = list(zip(*(column.to_list() for column in columns), strict=True))
    return [(BASES[basis], list(found)) for basis, found in zip(bases.to_list(), shares, strict=True)]


def sure(content: str, tokens: Any, *wanted: Measured) -> list[float | None]:
    """How sure, as a fresh reader says it; the same when it has seen the answer before."""
    body = chat(content, tokens)
    first, second = read(ConfidenceReader(wanted or (MOOD,)), (body, content), (body, content))
    assert first == second
    return first[1]


def test_the_tokens_of_the_value_and_no_others():
    """
    Tokens of the frame do not count; one that spans the edge of a value does, and so does what ends it.
    """
    content = '{"mood": "positive", "age": 42}'
    tokens = [
        *(token(text, 0.5) for text in ('{"', "mood", '":')),
        token(' "pos', 0.9),
        token("itive", 0.8),
        token('",', 0.7),
        *(token(text, 0.5) for text in (' "', "age", '":')),
        token(" 4", 0.6),
        token("2", 0.5),
        token("}", 0.9),
    ]
    assert sure(content, tokens, MOOD, AGE) == [
        pytest.approx(0.9 * 0.8 * 0.7, abs=1e-6),
        pytest.approx(0.6 * 0.5 * 0.9, abs=1e-6),
    ]
    assert "".join(one["token"] for one in tokens) == content


@given(
    mood=st.sampled_from([*MOODS, "très bien", "中立", "🙂", 'a "b" \\ c', "{x}", ""]),
    age=st.integers(-10, 10**6) | st.booleans() | st.none() | st.floats(0, 1) | st.lists(st.integers(0, 9)),
    ascii_=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
    around=st.sampled_from([("", ""), ("```json\n", "\n```"), ("Sure! ", " Is that all?"), ("\ufeff", "\n")]),
    cuts=st.lists(st.integers(0, 200), max_size=40),
    shares=st.lists(st.floats(0.01, 1), min_size=41, max_size=41),
    with_bytes=st.booleans(),
)
def test_any_tokens_of_any_answer(mood, age, ascii_, indent, around, cuts, shares, with_bytes):
    """
    However an answer is written, and wherever it is cut, in the middle of a character too: the same tokens as
    by counting bytes.
    """
    inner = json.dumps({"other": "mood", "mood": mood, "age": age}, ensure_ascii=ascii_, indent=indent)
    content = around[0] + inner + around[1]
    data = content.encode()
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[start:stop] for start, stop in pairwise(places)]
    has_parts = any(piece.decode(errors="replace").encode() != piece for piece in pieces)
    tokens = [
        token(piece.decode(errors="replace"), share)
        | ({"bytes": list(piece)} if with_bytes or has_parts else {"bytes": None})
        for piece, share in zip(pieces, shares, strict=False)
    ]
    found = sure(content, tokens, Measured(0, "mood", ()), AGE)
    for value, name, got in ((mood, "mood", found[0]), (age, "age", found[1])):
        written = json.dumps(value, ensure_ascii=ascii_, indent=indent)
        if indent is not None:
            written = written.replace("\n", "\n" + " " * indent)
        head = f'"{name}": '.encode()
        begin = data.rindex(head) + len(head)
        end = begin + len(written.encode())
        begin, end = (begin + 1, end) if isinstance(value, str) else (begin, end + 1)
        product = math.prod(
            math.exp(one["logprob"])
            for one, (start, stop) in zip(tokens, pairwise(places), strict=False)
            if start < end and stop > begin
        )
        assert got == pytest.approx(product, abs=1e-6), (name, content)


def test_position_proves_nothing():
    """
    Thoughts, fences and tokens without a text before the answer move nothing: it is found among the tokens.

    xllamacpp 2026.10 lists the fence that its content lacks; servers of models that think list the thoughts.
    """
    content = '{"mood":"negative"}'
    answer = [token('{"mood":"', 0.5), token("negative", 0.4), token('"}', 0.5)]
    for before in (
        [token("```"), token("json"), token("\n")],
        [token("<think>"), token('{"mood":"negative"}? Yes.', 0.001), token("</think>"), token("\n\n")],
        [token("", 0.1, bytes=[])],
        [token("\ufeff", 0.1)],
    ):
        assert sure(content, [*before, *answer, token("", 0.1)]) == [pytest.approx(0.4 * 0.5, abs=1e-6)]
    # An answer whose blank ends were cut off, or which has some more.
    assert sure("\n" + content + " ", answer) == [pytest.approx(0.2, abs=1e-6)]


@pytest.mark.parametrize(
    "tokens",
    [
        [token('{"mood":"'), token("positive"), token('"}')],
        [token('{"mood":"'), token("negativ")],
        [],
        [{"token": "x"}],
        [{"token": None, "logprob": -1}],
        [{"token": '{"mood":"negative"}', "logprob": "-1"}],
        None,
        "x",
        7,
    ],
)
def test_tokens_of_another_text_say_nothing(tokens):
    """
    Where the tokens are not those of the answer, or are none, there is no confidence; and no error.
    """
    content = '{"mood":"negative"}'
    assert read(ConfidenceReader([MOOD]), (chat(content, tokens), content)) == [("", [None])]


def test_the_share_among_the_labels():
    """
    Beside the likeliest other tokens: what no label begins with does not count, another way to write the
    label counts for it, and labels that are not listed count with as much as the list leaves open.
    """
    content = '{"mood":"negative"}'
    others = {"neg": 0.3, "The": 0.4, "positive": 0.2, "negative": 0.05, "neutral": 0.01}
    tokens = [token('{"mood":"'), token("neg", 0.3, others), token('ative"}', 1.0, {'ative"}': 1.0})]
    # neg + negative, of all labels.
    assert sure(content, tokens) == [pytest.approx(0.35 / 0.56, abs=1e-6)]
    # "neutral" is not listed: it may have what is left, at most as much as the least that is listed.
    del others["neutral"]
    tokens[1] = token("neg", 0.3, others)
    assert sure(content, tokens) == [pytest.approx(0.35 / (0.55 + 0.05), abs=1e-6)]
    # Nothing is left.
    tokens[1] = token("neg", 0.3, {"neg": 0.3, "The": 0.5, "positive": 0.2})
    assert sure(content, tokens) == [pytest.approx(0.3 / 0.5, abs=1e-6)]
    # A token of the frame may have the begin of a label.
    tokens = [token('{"mood":'), token('"neg', 0.3, {'"neg': 0.3, '"pos': 0.3, '"neut': 0.3, "no": 0.1})]
    tokens.append(token('ative"}', 1.0))
    assert sure(content, tokens) == [pytest.approx(1 / 3, abs=1e-6)]


def test_labels_that_begin_alike():
    """
    The quotation mark tells "very" from "very good"; what both begin with tells nothing.
    """
    content = '{"mood":"very"}'
    tokens = [token('{"mood":"'), token("very", 0.5, {"very": 0.5, "bad": 0.5})]
    tokens.append(token('"}', 0.25, {'"}': 0.25, " good": 0.75}))
    assert sure(content, tokens, Measured(0, "mood", ("very", "very good", "bad"))) == [
        pytest.approx(0.125, abs=1e-6)
    ]


@given(
    st.lists(st.floats(0.0001, 1), min_size=3, max_size=3),
    st.lists(st.sampled_from(["pos", "neg", "neu", "positive", "The", '"']), unique=True),
)
def test_a_share_is_one_and_never_less_than_the_product(shares, listed):
    """
    A list of other tokens takes nothing away: it only says that some of the rest is no label.
    """
    total = sum(shares)
    others = {other: shares[1] / total / len(listed) for other in listed}
    tokens = [token('{"mood":"'), token("neg", shares[0] / total, others), token('ative"}', 1.0)]
    (found,) = sure('{"mood":"negative"}', tokens)
    assert found is not None
    assert math.exp(tokens[1]["logprob"]) - 1e-6 <= found <= 1


def test_a_value_that_is_no_label_as_it_stands_has_its_product():
    """
    Of another spelling nobody can say which other tokens lead to the label; the bare value has no frame.
    """
    others = {"NEG": 0.5, "pos": 0.5}
    assert sure('{"Mood":"NEG"}', [token('{"Mood":"'), token("NEG", 0.5, others), token('"}')]) == [0.5]
    assert sure(" negative\n", [token(" neg", 0.5, others), token("ative\n", 0.5)]) == [
        pytest.approx(0.25, abs=1e-6)
    ]


def test_two_objects_that_differ_have_none():
    """
    Which of them is meant nobody knows; the same one twice is one.
    """
    once, other = '{"mood":"negative"}', '{"mood":"positive"}'
    assert sure(once + other, [token(once, 0.5), token(other, 0.5)]) == [None]
    assert sure(once + once, [token(once, 0.25), token(once, 0.5)]) == [pytest.approx(0.5, abs=1e-6)]


def test_responses_and_their_parts():
    """
    The Responses API has the tokens beside each part of a message (openai 3.54.0, `ResponseOutputText`).
    """
    content = '{"mood":"negative"}'
    parts = [
        {
            "type": "output_text",
            "text": content,
            "logprobs": [token('{"mood":"'), token("negative", 0.5), token('"}')],
        }
    ]
    items = [{"type": "reasoning", "summary": []}, {"type": "message", "content": parts}]
    body = _BODY.decode(json.dumps({"status": "completed", "output": items}))
    assert read(ConfidenceReader([MOOD]), (body, content)) == [(Basis.PROBABILITY.value, [0.5])]
    assert whole_probability(body, content) == pytest.approx(0.5, abs=1e-6)


def test_the_local_model_scores_its_labels():
    """
    Our own server says how it chose a label; what another server calls its confidence is not taken for that.
    """
    content = '{"mood":"negative"}'
    reader = ConfidenceReader([MOOD])
    scored = chat(content, None, confidence=0.75, rowbatch={"method": "calibrated scoring"})
    assert read(reader, (scored, content)) == [(Basis.CALIBRATED.value, [0.75])]
    for more in ({}, {"rowbatch": {"method": "constrained generation"}}, {"rowbatch": 7}, {"rowbatch": None}):
        assert read(reader, (chat(content, None, confidence=0.75, **more), content)) == [("", [None])]
    assert read(ConfidenceReader([MOOD, AGE]), (scored, content)) == [("", [None, None])]
    tokens = [token('{"mood":"'), token("negative", 0.5), token('"}')]
    among = [(scored, content), (chat(content, tokens), content), (scored, content)]
    assert [found for _, found in read(reader, *among)] == [[0.75], [0.5], [0.75]]


def test_which_values_have_one():
    """
    Labels and numbers; a wording has none.
    """
    book = parse_codebook(
        {
            "variables": [
                {"name": "why"},
                {"name": "mood", "labels": [{"name": "good"}, {"name": "bad"}]},
                {"name": "age", "kind": "number"},
            ]
        }
    )
    assert measured(book) == (Measured(1, "mood", ("good", "bad")), Measured(2, "age", ()))
    assert measured(Codebook()) == ()


@pytest.mark.parametrize(
    "text", ["{" * 1_000_000, '{"a":' * 200_000, '{"mood":"' + "x" * 1_000_000, "[{" * 500_000]
)
def test_broken_answers_take_no_time(text):
    """
    A megabyte of what begins like an object and is none.
    """
    begun = time.perf_counter()
    assert value_spans(text, ["mood"]) == [None]
    assert time.perf_counter() - begun < 1.0


def test_logarithms_that_are_none():
    """
    -9999 stands for "very unlikely" (OpenAI); more than 0 is rounded; huge ones are no error.
    """
    content = '{"mood":"negative"}'
    for logprob, expected in ((-9999.0, 0.0), (1e-7, 1.0), (1e308, 1.0), (-1e308, 0.0)):
        tokens = [token('{"mood":"'), token('negative"}', logprob=logprob)]
        assert sure(content, tokens) == [expected]
