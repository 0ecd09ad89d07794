"""The answer within a model's words."""

from __future__ import annotations

import json
import time
from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowbatch.core.forms import (
    DIFFERENT_OBJECTS,
    FORGIVENESS,
    NO_OBJECT,
    ONLY_THOUGHTS,
    bare_text,
    count_forgiven,
    forgiven_notices,
    in_order,
    one_object,
    values_within,
    without_thoughts,
)

GOOD = '{"mood": "good"}'
BAD = '{"mood": "bad"}'
THOUGHTS = {
    "think": f"<think>\nperhaps {BAD}?\n</think>\n\n",
    "think-upper-case": "<THINK>hm</THINK>",
    "think-empty": "<think>\n\n</think>\n\n",
    "think-without-opening": f"perhaps {BAD}?\n</think>\n\n",
    "think-twice": "<think>a</think>\n<think>b</think>\n",
    "think-behind-a-mark": "\ufeff\n <think>a</think>",
    "thinking": "<thinking>hm</thinking>",
    "thought": "<thought>hm</thought>\n",
    "reasoning": "<reasoning>hm</reasoning>\n",
    "seed": "<seed:think>hm</seed:think>",
    "minimax": "<mm:think>hm</mm:think>",
    "longcat": "hm</longcat_think>\n",
    "magistral": "[THINK]hm[/THINK]",
    "kimi": "◁think▷hm◁/think▷",
    "gemma": "<|channel>thought\nhm<channel|>\n",
    "apertus": "<|inner_prefix|>hm<|inner_suffix|>",
    "command-a": "<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>",
    "inkling": "<|message_model|><|content_thinking|>hm<|end_message|><|message_model|><|content_text|>",
    "pangu": "[unused16]hm[unused17]",
    "granite": "Here is my thought process: hm\n\nHere is my response:\n",
    "harmony": (
        f"<|channel|>analysis<|message|>{BAD}<|end|><|start|>assistant<|channel|>commentary<|message|>Now."
        "<|end|><|start|>assistant<|channel|>final<|message|>"
    ),
    "harmony-constrained": (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final "
        "<|constrain|>json<|message|>"
    ),
    "harmony-without-its-tokens": "analysisWe need a label.assistantfinal",
}
"""What models of each family write before their answer where no server takes it off."""


@pytest.mark.parametrize("form", THOUGHTS)
@pytest.mark.parametrize("answer", [GOOD, f"```json\n{GOOD}\n```", f"Sure: {GOOD} Done."])
def test_thoughts_are_no_answer(form, answer):
    """
    Whatever a model's family calls them, and whatever they say, the object behind them is the answer.
    """
    found = one_object(THOUGHTS[form] + answer, ("mood",))
    assert found.value == {"mood": "good"}
    assert found.forgiven[0] == "thoughts"
    assert json.loads(found.text) == found.value


@pytest.mark.parametrize("form", THOUGHTS)
def test_thoughts_are_no_free_text(form):
    """
    Of free text what is left is what was said behind the thoughts.
    """
    assert without_thoughts(THOUGHTS[form] + "Bonjour. \n") == ("Bonjour. \n", True)
    assert bare_text(THOUGHTS[form] + "good\n") == ("good", ("thoughts",))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        pytest.param("<think>a</think><answer>Paris</answer>", "Paris", id="answer-tag"),
        pytest.param("<think>a</think><|begin_of_box|>Paris<|end_of_box|>", "Paris", id="box"),
        pytest.param("First.\n<think>hm</think>\nSecond.", "First.\n\nSecond.", id="in-the-middle"),
        pytest.param("So it is.</think>Paris", "Paris", id="without-opening-in-one-line"),
        pytest.param("a\n<think>b</think>\nc\n</think>\nd", "d", id="without-opening-behind-a-block"),
    ],
)
def test_what_is_left_of_free_text(said, left):
    """
    Frames that models put around what they say go too; what stands before a block stays.
    """
    assert without_thoughts(said) == (left, True)


@pytest.mark.parametrize(
    "said",
    [
        "Use <think> and </think> tags.",
        "The tag `</think>` ends thoughts.",
        'He wrote "</think>".',
        "I am thinking of reasoning.",
        "analysis of the text",
        "Here is my thought process: I like it.",
        "<answer>Paris</answer>",
        " two blanks ",
        "",
    ],
)
def test_free_text_about_thoughts_stays(said):
    """
    A tag within a sentence is a word of it, and without thoughts nothing is taken off, not even a blank.
    """
    assert without_thoughts(said) == (said, False)


@pytest.mark.parametrize(
    "said", ["<think>hm", f"<think>{GOOD}", "<think>a</think>", "<|channel|>analysis<|message|>x", "[THINK]"]
)
def test_thoughts_alone_are_no_answer(said):
    """
    Thoughts without an end have no answer behind them, and what they weigh is none.
    """
    assert without_thoughts(said) == ("", True)
    assert (one_object(said).value, one_object(said).fault) == (None, ONLY_THOUGHTS)


@pytest.mark.parametrize(
    ("said", "forgiven"),
    [
        pytest.param(GOOD, "", id="as-asked"),
        pytest.param(f"\ufeff{GOOD}\n", "", id="mark-and-line"),
        pytest.param('{"mood": "good", "why": "x"}', "", id="more-than-asked"),
        pytest.param(f"```json\n{GOOD}\n```", "fence", id="fence"),
        pytest.param(f"```json {GOOD}```", "fence", id="fence-in-a-line"),
        pytest.param(f"~~~\n{GOOD}\n~~~", "fence", id="tildes"),
        pytest.param(f"Here:\n```\n{GOOD}\n```", "fence words-around", id="words-before-a-fence"),
        pytest.param(
            f"```json\n{GOOD}\n```\nAs the tone is.", "fence words-around", id="words-after-a-fence"
        ),
        pytest.param(f"Sure! {GOOD}", "words-around", id="words"),
        pytest.param(json.dumps(GOOD), "words-around", id="a-text-that-is-json"),
        pytest.param(f"[{GOOD}]", "list-around", id="list"),
        pytest.param(f"```\n[{GOOD}]\n```", "fence list-around", id="list-in-a-fence"),
        pytest.param(f'{{"answer": {GOOD}}}', "object-around", id="object"),
        pytest.param(f"{GOOD}{GOOD}", "said-again", id="twice"),
        pytest.param(f'{GOOD}\n{{ "mood":"Good" }}', "said-again", id="twice-in-other-form"),
        pytest.param(f"[{GOOD}, {GOOD}]", "list-around said-again", id="list-of-the-same"),
        pytest.param('{"Mood": "good"}', "key-spelling", id="key-in-another-case"),
        pytest.param('{" mood ": "good"}', "key-spelling", id="key-with-blanks"),
        pytest.param('{"ｍｏｏｄ": "good"}', "key-spelling", id="full-width-key"),
        pytest.param('{"result": {"MOOD": "good"}}', "object-around key-spelling", id="key-within"),
        pytest.param('{"mood": "good",}', "loose-json", id="comma"),
        pytest.param('{"mood": "good", "list": [1, ], }', "loose-json", id="commas"),
        pytest.param("{'mood': 'good'}", "loose-json", id="as-python-writes"),
        pytest.param("{“mood”: “good”}", "loose-json", id="typeset"),
        pytest.param('{"mood": "good", "why": "a\nb"}', "loose-json", id="line-break"),
        pytest.param(f'"{{" opens it, and {{a, b}} is a set: {GOOD}', "words-around", id="brackets-in-words"),
        pytest.param(f'The text says "{BAD}". So: {GOOD}', "words-around", id="quoted-json"),
        pytest.param(f'Like {{"x": 1}}: {GOOD}', "words-around", id="another-object"),
    ],
)
def test_the_one_object(said, forgiven):
    """
    The object that is meant is found whatever stands beside it, and what was forgiven is named.
    """
    found = one_object(said, ("mood",))
    assert found.value is not None
    assert found.value["mood"].casefold() == "good"
    assert " ".join(found.forgiven) == forgiven
    assert json.loads(found.text.lstrip("\ufeff"))["mood"].casefold() == "good"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (GOOD + BAD, DIFFERENT_OBJECTS),
        (f"[{GOOD}, {BAD}]", DIFFERENT_OBJECTS),
        (f"At first {BAD}, but then\n```json\n{GOOD}\n```", DIFFERENT_OBJECTS),
        ('{"why": {"mood": "bad"}, "mood": "go', NO_OBJECT),
        ('{"mood": "good"', NO_OBJECT),
        ("The mood is good.", NO_OBJECT),
        ("", NO_OBJECT),
        ("[]", NO_OBJECT),
        ("{}", NO_OBJECT),
        ('{"Mood": "good", "MOOD": "bad"}', ""),
    ],
)
def test_an_object_is_never_guessed(said, fault):
    """
    Different objects, an object in one that is cut off, and a key in two spellings with two values are none.
    """
    found = one_object(said, ("mood",))
    assert found.fault == fault
    assert found.value is None or "mood" not in found.value


def test_a_tag_in_a_value_stays():
    """
    A value may be about thoughts; only a tag beside all objects ends some.
    """
    quoted = '{"quote": "he wrote </think> and <think>"}'
    for said in (
        quoted,
        f"Sure: {quoted}",
        f"<think>hm</think>{quoted}",
        f"hm\n</think>\n```\n{quoted}\n```",
    ):
        found = one_object(said, ("quote",))
        assert found.value == {"quote": "he wrote </think> and <think>"}
        assert ("thoughts" in found.forgiven) == ("hm" in said)


def test_a_key_that_leads_to_two_names_leads_to_none():
    """
    Names that differ only in what is forgiven have to be spelled as they are.
    """
    assert one_object('{"A_b": 1, "ab": 2}', ("a_b", "ab")).value == {"A_b": 1, "ab": 2}
    assert one_object('{"Age": 1, "Mood": 2}', ("age", "mood")).value == {"age": 1, "mood": 2}
    # What is spelled as asked counts before what is not.
    assert one_object('{"Age": 1, "age": 2, "MOOD": 3}', ("age", "mood")).value == {"age": 2, "mood": 3}


def test_the_values_of_an_answer():
    """
    Lists and objects come in order, without those in thoughts and within others.
    """
    assert values_within('<think>[{"a": 0}]</think>Both: [{"a": 1}, {"a": 2}] and {"b": [3]}') == (
        [{"a": 1}, {"a": 2}],
        {"b": [3]},
    )
    assert values_within('{"a": 1}\n{"a": 2}') == ({"a": 1}, {"a": 2})
    assert values_within("nothing") == ()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=8)
    | st.sampled_from(["</think>", "```"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)
words = st.text(st.characters(exclude_characters='{}[]"<>◁|`~', exclude_categories=["Cs"]), max_size=30)


@given(
    answer=st.fixed_dictionaries({"mood": values, "why": values}),
    before=words,
    after=words,
    thoughts=st.sampled_from(["", *THOUGHTS.values()]),
    fence=st.booleans(),
    times=st.integers(1, 3),
)
def test_any_answer_is_found_in_any_frame(answer, before, after, thoughts, fence, times):
    """
    Whatever the values are, thoughts, words, a fence and repetition around the object do not change it.
    """
    text = "\n".join([json.dumps(answer, ensure_ascii=False)] * times)
    framed = f"```json\n{text}\n```" if fence else text
    found = one_object(f"{thoughts}{before} {framed} {after}", ("mood", "why"))
    assert found.value == answer
    assert ("thoughts" in found.forgiven) == bool(thoughts)
    assert ("said-again" in found.forgiven) == (times > 1)


@given(st.text(st.sampled_from('{}[]",:\\ `~\n1aeKthink</>◁▷|'), max_size=60))
def test_any_text_can_be_read(text):
    """
    No text is too odd: there is an object, or a reason.
    """
    found = one_object(text, ("a",))
    assert (found.value is None) == bool(found.fault)
    assert found.value is None or isinstance(json.loads(found.text.lstrip("\ufeff")), dict)
    without_thoughts(text)
    bare_text(text)
    values_within(text)


@pytest.mark.parametrize(
    "piece",
    ["{", '{"', '{"a":', '{"a":1}', '{"a":1,}', "[", "<think>", "</think>", "\n</think>\n", "```", '"{'],
)
def test_the_time_grows_with_the_text(piece):
    """
    A text eight times as long takes about eight times as long, and not 64 times.

    One that takes 64 times does so each time; a machine that is busy does not.
    """
    size = 60_000

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        best = 10.0
        for _ in range(3):
            begun = time.process_time()
            one_object(text, ("a",))
            without_thoughts(text)
            bare_text(text)
            values_within(text)
            best = min(best, time.process_time() - begun)
        return best

    assert any(seconds(8 * size) < 30 * max(seconds(size), 0.001) for _ in range(4))


def test_what_was_forgiven_is_counted_and_told():
    """
    Each kind has its words, and they come in one order.
    """
    told = pl.Series(["", "thoughts fence", "thoughts", "", "value-spelling thoughts"])
    counts = count_forgiven(told)
    assert counts == Counter({"thoughts": 3, "fence": 1, "value-spelling": 1})
    assert [str(notice) for notice in forgiven_notices(counts)] == [
        "3 answers had thoughts before them",
        "1 answer stood in a Markdown fence",
        "1 answer had a label in another spelling",
    ]
    assert len(forgiven_notices(dict.fromkeys(FORGIVENESS, 2))) == len(FORGIVENESS)
    assert in_order(("fence", "thoughts", "fence")) == ("thoughts", "fence")
