"""Texts are cut into units: where, and that nothing is lost."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from rowbatch.core.tokens import estimate_tokens, token_counter
from rowbatch.core.units import UNIT_KINDS, UnitKind, UnitRule, cut_units
from rowbatch.errors import UsageError

COUNT = token_counter("o200k_base").count
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"


def cut(
    text: str, by: UnitKind, size: int = 1, overlap: int = 0, count: Callable[[str], int] = COUNT
) -> list[str]:
    found = cut_units(text, UnitRule(by, size, overlap), count)
    return [text[start:end] for start, end in zip(found.starts, found.ends, strict=True)]


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(["Dr. Smith paid $3.50 on Jan. 5.", '"Why?" he asked.', "J. R. Hill came!"], id="dots"),
        pytest.param(["See e.g. No. 5 at www.a.com.", "No.", "I don't."], id="no-and-number"),
        pytest.param(["He was in the U.S. Army.", "We came to the U.S.", "It rains.", "Ok…"], id="initials"),
        pytest.param(['"I left," she said.', "(Really?)", "“So it is.”", "As said.[2]", "End"], id="closers"),
        pytest.param(["1. First point.", "He won 3.", "Then he left."], id="numbers"),
        pytest.param(
            ["Am 3. Oktober kam z. B. Herr Dr. Maier.", "Der 2. Weltkrieg, vgl. Abb. 3.", "„Ja.“", "Gut."],
            id="german",
        ),
        pytest.param(["El Sr. Ruiz llegó.", "¿Por qué?", "¡No!"], id="spanish"),
        pytest.param(["i went home.", "then i slept.", "it was, e.g. fine.", "why?", "dunno"], id="chat"),
    ],
)
def test_sentences(expected: list[str]) -> None:
    """
    A sentence ends at its mark, and not at abbreviations, initials, numbers, addresses or within a quotation.
    """
    assert cut(" ".join(expected), "sentence") == expected


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(
            ["他说：“你好。”", "然后走了。", "真的吗？！", "是的……我不知道。", "价格是3.5元。"], id="chinese"
        ),
        pytest.param(["「行く。」と言った。", "そうですか。", "はい！"], id="japanese"),
        pytest.param(["好吗?", "我觉得不行.", "走吧"], id="latin-marks"),
        pytest.param(["यह है।", "वह था।"], id="devanagari"),
    ],
)
def test_sentences_without_blanks(expected: list[str]) -> None:
    """
    Marks of Chinese, Japanese and others end a sentence with nothing behind them; what quotes them goes on.
    """
    assert cut("".join(expected), "sentence") == expected


def test_lines_and_sentences() -> None:
    """
    A line ends a sentence, as headings and items of lists have no mark; but not where lines are broken at a
    width.
    """
    assert cut("Intro\nThis is it. Yes\n- a point", "sentence") == [
        "Intro",
        "This is it.",
        "Yes",
        "- a point",
    ]
    broken = [
        "The first line of this text is broken at a width that",
        "programs use, and so the second line goes on here. And",
        "here is a third one that ends right at the border of it",
        "all.",
    ]
    assert len(cut("\n".join(broken), "sentence")) == 2
    assert cut("\n".join(broken) + "\n\nNew", "sentence")[-1] == "New"


def test_paragraphs_lines_and_words() -> None:
    """
    Paragraphs have blank lines between them, of any line end; without these a line is one. A sign of Chinese
    is a word, with the mark behind it.
    """
    assert cut("a\n\nb\nc\r\n \r\n d\n", "paragraph") == ["a", "b\nc", "d"]
    assert cut("a\nb\r\nc\rd\u2028e", "paragraph") == ["a", "b", "c", "d", "e"]
    assert cut("a\n\n b \r\nc", "line") == ["a", "b", "c"]
    assert cut("one two three four 中文字。好", "words", 3, 1) == [
        "one two three",
        "three four 中",
        "中文字。",
        "字。好",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna: hi\nat 10:30\nBob: yes: no", [("Anna", "Anna: hi\nat 10:30"), ("Bob", "Bob: yes: no")]),
        ("before\nAnna (12:01): hi", [("", "before"), ("Anna", "Anna (12:01): hi")]),
        ("[00:01:02] Dr. L: a\n00:03 P_1: b", [("Dr. L", "[00:01:02] Dr. L: a"), ("P_1", "00:03 P_1: b")]),
        ("<v Anna B>hi</v> <v.loud Bo>yo", [("Anna B", "<v Anna B>hi</v>"), ("Bo", "<v.loud Bo>yo")]),
        ("主持人：好\n嘉宾：不", [("主持人", "主持人：好"), ("嘉宾", "嘉宾：不")]),
        ("Anna Lee  0:03\nhi\nBo  0:07\nyo", [("Anna Lee", "Anna Lee  0:03\nhi"), ("Bo", "Bo  0:07\nyo")]),
        ("**Anna:** hi", [("Anna", "**Anna:** hi")]),
        ("i: a\nb: c\ni: d", [("i", "i: a\nb: c"), ("i", "i: d")]),
        ("A: x\nhttp://a.b/c\nhe said: no\n12:30 y", [("A", "A: x\nhttp://a.b/c\nhe said: no\n12:30 y")]),
    ],
)  # fmt: skip
def test_turns_of_speakers(text: str, expected: list[tuple[str, str]]) -> None:
    """
    A turn begins with a name and a colon, a time, or a tag; addresses, times and `he said:` begin none.
    """
    found = cut_units(text, UnitRule("speaker"), COUNT)
    texts = [text[start:end] for start, end in zip(found.starts, found.ends, strict=True)]
    assert list(zip(found.speakers or [], texts, strict=True)) == expected


def test_units_of_several_turns_name_all_their_speakers() -> None:
    """
    Each speaker of a unit is named once, in the order in which they speak.
    """
    found = cut_units("A: 1\nB: 2\nA: 3\nC: 4", UnitRule("speaker", 3), COUNT)
    assert found.speakers == ["A, B", "C"]


@pytest.mark.parametrize("count", [COUNT, estimate_tokens])
@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog near twelve old houses. " * 30,
        "研究者使用语言模型给表格做标记，这很有用。" * 40,
        f"{FAMILY} {FAMILY}{FAMILY} " * 20,
        "a" * 3_000 + " " + "https://example.org/" + "x1-" * 400,
    ],
)
def test_units_of_tokens(text: str, count: Callable[[str], int]) -> None:
    """
    No unit has more tokens than was said, most have at least half as many, and each has something new.
    """
    found = cut_units(text, UnitRule("tokens", 40, 8), count)
    tokens = [count(text[start:end]) for start, end in zip(found.starts, found.ends, strict=True)]
    assert max(tokens) <= 40
    assert sorted(tokens[:-1] or [40])[len(tokens) // 4] >= 20
    assert list(found.ends) == sorted(set(found.ends))


_PARTS = [
    *("a", "B", "é", "e\u0301", "。", "！", "“", "”", ".", "?", " ", "\n", "\r\n", "\n\n", "\u2028"),
    *("中", "文", "か\u3099", FAMILY, "\U0001f44d\U0001f3fd", "3", "Anna: ", "主持人：", "Dr. ", "…"),
    *("!\ufe0f", "\t", "\r", "[1]", '"', "\u00a0", "<v Bo>", "12:01", "न्", "।", " x"),
]


@settings(max_examples=cases(150, 3_000))
@given(
    st.lists(st.sampled_from(_PARTS), max_size=60).map("".join),
    st.sampled_from(UNIT_KINDS),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_nothing_is_lost(text: str, by: UnitKind, size: int, chance: random.Random) -> None:
    """
    Every character that is no white space is in a unit; units come in order, each with something new, without
    white space around them; and none begins with an accent.
    """
    found = cut_units(text, UnitRule(by, size, chance.randint(0, size - 1)), COUNT)
    spans = list(zip(found.starts, found.ends, strict=True))
    seen = {place for start, end in spans for place in range(start, end)}
    assert not [place for place, sign in enumerate(text) if not sign.isspace() and place not in seen]
    assert list(found.starts) == sorted(set(found.starts))
    assert list(found.ends) == sorted(set(found.ends))
    for start, end in spans:
        unit = text[start:end]
        assert unit
        assert unit == unit.strip()
        if start and not text[start - 1].isspace():
            assert unicodedata.category(unit[0])[0] != "M"
    assert found.speakers is None or len(found.speakers) == len(spans)


def test_a_rule_that_does_not_fit() -> None:
    """
    An overlap is less than the size, words and tokens need a size, and there is no other kind.
    """
    with pytest.raises(UsageError) as told:
        UnitRule("sentence", 3, 3)
    assert told.value.kind == "units-overlap"
    with pytest.raises(UsageError) as told:
        UnitRule.of("words", None, 0)
    assert told.value.kind == "units-without-size"
    with pytest.raises(UsageError) as told:
        UnitRule("chapter")  # type: ignore[arg-type]
    assert told.value.kind == "units-by-unknown"
    assert UnitRule.of("line", None, 0).size == 1
