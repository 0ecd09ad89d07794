"""
The answer within a model's words: thoughts off, and the one JSON object that is meant.

Models think aloud before they answer, put a fence around JSON, or a sentence, or a list, and write a key as
they like. Whoever reads answers reads them here, and is told what had to be forgiven. What two objects say
differently is not decided: an answer is never guessed.

Everything is done in time that grows with the text and no faster, whatever the text is.

Sources:
    The tags by which servers take thoughts off: vLLM's and SGLang's parsers of reasoning, one a model family
    (`vllm/reasoning/*_reasoning_parser.py`, `python/sglang/srt/parser/reasoning_parser.py`), as of
    2026-11-28; OpenAI, "Harmony response format" (gpt-oss). Without such a parser, or behind another server,
    the tags stand in the text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

import msgspec
import polars as pl

from rowbatch.words.notice import Notice

Forgiveness = Literal[
    "thoughts",
    "fence",
    "words-around",
    "list-around",
    "object-around",
    "said-again",
    "loose-json",
    "key-spelling",
    "value-spelling",
]
FORGIVENESS: tuple[Forgiveness, ...] = get_args(Forgiveness)
"""
What is forgiven of an answer, in the order in which it is told: thoughts before it; a Markdown fence; a
sentence beside it; a list or an object around it; the same object more than once; JSON with other quotation
marks, a comma too many or a line break in a text; a key, or a value, in another spelling.
"""

NO_OBJECT = "the answer is not JSON"
DIFFERENT_OBJECTS = "the answer holds different JSON objects"
ONLY_THOUGHTS = "the answer has thoughts only"

_DECODE = msgspec.json.Decoder().decode
_LOOSE = json.JSONDecoder(strict=False)
_DECODE_DECIMALS = msgspec.json.Decoder(float_hook=Decimal).decode
_LOOSE_DECIMALS = json.JSONDecoder(strict=False, parse_float=Decimal)
# Values that are looked at, and places where one seemed to begin and did not: an answer has one, and some
# words with brackets. Each costs time that grows with the text.
_MOST_VALUES = 64
_MOST_ENTRIES = 100_000
_MOST_FAULTS = 64
_MOST_COMMAS = 8
_MOST_BLANKS = 100

# Qwen, DeepSeek, GLM, MiniMax, Kimi K2, Hunyuan, Nemotron, OLMo and others; Gemini behind OpenAI's protocol
# and EXAONE; models that were told to; Seed-OSS; MiniMax M3; LongCat. Then Magistral; Kimi; Gemma 4; Apertus;
# Command A; Inkling; Pangu; Granite 3.
_TAGS: tuple[tuple[str, str], ...] = (
    *(
        (rf"<{name}>", rf"</{name}>")
        for name in (
            *("think", "thinking", "thought", "thoughts", "reasoning"),
            *("seed:think", "mm:think", "longcat_think"),
        )
    ),
    (r"\[THINK\]", r"\[/THINK\]"),
    ("◁think▷", "◁/think▷"),
    (r"<\|channel>thought\b", r"<channel\|>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|content_thinking\|>", r"<\|end_message\|>"),
    (r"\[unused16\]", r"\[unused17\]"),
    (r"Here(?:'s| is) my thought process:", r"Here(?:'s| is) my response:"),
)
_FRAMES = r"(?:<\|message_model\|>|<\|START_OF_TURN_TOKEN\|>|<\|CHATBOT_TOKEN\|>)"
_OPENING = re.compile(
    rf"[\s\ufeff]*{_FRAMES}*(?:{'|'.join(f'({opening})' for opening, _ in _TAGS)})", re.IGNORECASE
)
_CLOSINGS = tuple(re.compile(closing, re.IGNORECASE) for _, closing in _TAGS)
_LINE_OPENING = re.compile(
    rf"^[ \t]*(?:{'|'.join(opening for opening, _ in _TAGS[:-1])})", re.IGNORECASE | re.MULTILINE
)
# A closing tag whose opening one is part of the prompt. `<|end_message|>` ends any message of its model, and
# the words of Granite are words.
_STRAY = re.compile("|".join(closing for _, closing in _TAGS[:-3]), re.IGNORECASE)
# In one of these every tag has a part; to look for them costs a tenth of what the tags cost.
_MARKS = ("hink", "HINK", "hought", "asoning", "|>", "[unused", "assistantfinal")
# Where thoughts have no brackets, or blanks stand before anything.
_BEGINNINGS = ("Here", "analysis", " ", "\n", "\r", "\t", "\ufeff")

_HARMONY = re.compile(r"<\|channel\|>\s*(\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_HARMONY_BEGIN = re.compile(r"\s*(?:<\|start\|>[^<]*)?<\|channel\|>")
_HARMONY_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# The same where a server leaves the tokens out and keeps the words beside them.
_BARE_HARMONY = re.compile(r"\s*analysis(?=.)", re.DOTALL)
_BARE_FINAL = "assistantfinal"

# What some put around the answer when they have thought.
_AROUND = re.compile(
    r"\A\s*(?:<answer>(?P<answer>.*)</answer>\s*"
    r"|<\|begin_of_box\|>(?P<box>.*)<\|end_of_box\|>\s*"
    r"|(?:<\|message_model\|>)?<\|content_text\|>(?P<text>.*?)(?:<\|end_message\|>\s*)?"
    r"|<\|START_(?:RESPONSE|TEXT)\|>(?P<response>.*?)(?:<\|END_(?:RESPONSE|TEXT)\|>\s*)?)\Z",
    re.DOTALL | re.IGNORECASE,
)
_FENCE = re.compile(r"(?:```|~~~)[ \t]*(?:json\w{0,5}|javascript|js)?", re.IGNORECASE)
_FENCED = re.compile(r"\A\s*(```|~~~)[ \t]*[\w+-]{0,20}[ \t]*\n(.*?)\n?[ \t]*\1\s*\Z", re.DOTALL)
# With its first key: a bracket in quotes is none.
_OBJECT_BEGINS = r'\{(?=\s*"(?:[^"\\]|\\.){0,200}"\s*:)'
_BEGIN_OF_OBJECT = re.compile(_OBJECT_BEGINS, re.DOTALL)
_BEGIN_OF_EITHER = re.compile(rf"{_OBJECT_BEGINS}|\[(?=\s*\{{)", re.DOTALL)
_COMMA_TOO_MANY = re.compile(r",\s*[}\]]")
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "「": "」", "『": "』", "`": "`"}
_AS_PLAIN_QUOTES = str.maketrans("'“”", '"""')
_BESIDE_A_WORD = frozenset(" \t`'\".,;:!?)”’」。，")
_ENDS_OF_SENTENCES = frozenset("\n.!?。！？")
_BETWEEN_WORDS = re.compile(r"[\s_.\-]+")


class Spoken(NamedTuple):
    """
    A model's words without its thoughts.

    Attributes:
        text: What is left; "" where all of it is thoughts.
        has_thought: Whether thoughts were taken off.
    """

    text: str
    has_thought: bool


@dataclass(frozen=True, slots=True)
class FoundObject:
    """
    The one object that an answer holds.

    Attributes:
        value: The object, by the names that were asked for; None where there is none to be taken.
        text: The same as JSON, numbers spelled as the model spelled them.
        forgiven: What had to be forgiven.
        fault: Why there is none; else "".
    """

    value: Mapping[str, Any] | None
    text: str
    forgiven: tuple[Forgiveness, ...] = ()
    fault: str = ""


class _Span(NamedTuple):
    """A JSON value in a text, and from where to where it stands."""

    start: int
    stop: int
    value: Any


def without_thoughts(content: str) -> Spoken:
    """
    Take thoughts off that stand before an answer, or in lines of their own.

    A block whose end is missing has no answer behind it. A tag in the middle of a sentence is part of what is
    said: a text may well be about them.
    """
    if not may_think(content):
        return Spoken(content, has_thought=False)
    text, has_thought = _after_leading(content)
    closings = [tag for tag in _STRAY.finditer(text) if _stands_alone(text, tag)]
    if closings:
        text, has_thought = _without_blocks(text, closings), True
    return Spoken(_unframed(text).lstrip() if has_thought else content, has_thought)


def may_think(content: str) -> bool:
    """
    Whether there may be thoughts in it; where not, there are none.

    Most answers have none of these characters, and are through in a fifth of the time of the tags (200,000
    sentences of 200 characters: 0.04 s).
    """
    if not (">" in content or "]" in content or "▷" in content or content.startswith(_BEGINNINGS)):
        return False
    return any(mark in content for mark in _MARKS)


def _stands_alone(text: str, tag: re.Match[str]) -> bool:
    """Whether a closing tag ends thoughts, and is no word of a sentence, which goes on behind it."""
    start, stop = tag.span()
    after = text[stop : stop + 1]
    if not after or after in "\r\n" or after not in _BESIDE_A_WORD:
        return not (start and text[start - 1] in _QUOTES)
    before = text[max(0, start - _MOST_BLANKS) : start].rstrip(" \t")
    return not before or before[-1] in _ENDS_OF_SENTENCES


def _without_blocks(text: str, closings: Sequence[re.Match[str]]) -> str:
    """The text without blocks of thoughts; where one has no beginning, without all before its end."""
    kept: list[str] = []
    at, ends = 0, iter(closings)
    openings = iter(_LINE_OPENING.finditer(text))
    opening = next(openings, None)
    for end in ends:
        while opening is not None and opening.start() < at:
            opening = next(openings, None)
        if opening is not None and opening.start() < end.start():
            kept.append(text[at : opening.start()])
        else:
            kept.clear()
        at = end.end()
    return "".join((*kept, text[at:]))


def _after_leading(content: str) -> Spoken:
    """What comes after thoughts that begin the text; "" when they do not end."""
    if _HARMONY_BEGIN.match(content):
        return Spoken(_final_of_harmony(content), has_thought=True)
    if _BARE_HARMONY.match(content) and _BARE_FINAL in content:
        return Spoken(content[content.rindex(_BARE_FINAL) + len(_BARE_FINAL) :], has_thought=True)
    at = 0
    while opening := _OPENING.match(content, at):
        which = next(number for number, found in enumerate(opening.groups()) if found is not None)
        closing = _CLOSINGS[which].search(content, opening.end())
        if closing is None:
            return Spoken("", has_thought=True)
        at = closing.end()
    return Spoken(content[at:], has_thought=at > 0)


def _final_of_harmony(content: str) -> str:
    """What stands in the channel `final`; the others, `analysis` and `commentary`, are no answer."""
    finals = []
    for head in _HARMONY.finditer(content):
        if head[1] == "final":
            end = _HARMONY_END.search(content, head.end())
            finals.append(content[head.end() : end.start() if end else len(content)])
    return "\n".join(dict.fromkeys(finals))


def _unframed(text: str) -> str:
    around = _AROUND.match(text)
    return next((inner for inner in around.groups() if inner is not None), text) if around else text


def unfenced(content: str) -> str:
    """The text without the Markdown fence around all of it."""
    fenced = _FENCED.match(content) if "```" in content or "~~~" in content else None
    return fenced[2] if fenced else content


def one_object(content: str, names: Sequence[str] = ()) -> FoundObject:
    """
    The one JSON object that an answer holds.

    Args:
        content: The model's text.
        names: Fields that it was asked for. An object that has them all goes before one that has some, and
            that before any other; a key may be spelled otherwise where that leads to one name only.
    """
    plain = _plain(content)
    if plain is not None and plain.keys() >= frozenset(names):
        return FoundObject(plain, content)
    text, has_thought = _after_leading(content) if may_think(content) else Spoken(content, has_thought=False)
    spans = list(_spans(text, _BEGIN_OF_OBJECT))
    end = _end_of_thoughts(text, spans)
    if end:
        text, has_thought = text[end:], True
        # Read anew: what stood before may have hidden where an object begins.
        spans = list(_spans(text, _BEGIN_OF_OBJECT))
    if has_thought and not text.strip():
        return FoundObject(None, "", fault=ONLY_THOUGHTS)
    before: tuple[Forgiveness, ...] = ("thoughts",) if has_thought else ()
    if not spans and '"' not in text:
        # As Python writes it, or a typesetter.
        text = text.translate(_AS_PLAIN_QUOTES)
        spans = list(_spans(text, _BEGIN_OF_OBJECT))
        before = (*before, "loose-json")
    if not spans:
        inner = _text_within(text)
        if inner is None:
            return FoundObject(None, "", fault=NO_OBJECT)
        return _forgiving(one_object(inner, names), *before, "words-around")
    return _chosen(text, spans, names, before)


def bare_text(content: str) -> tuple[str, tuple[Forgiveness, ...]]:
    """What a model says in place of JSON, as a label, and what stood around it: thoughts, a fence."""
    spoken = without_thoughts(content)
    if not spoken.has_thought and (end := _end_of_thoughts(content, ())):
        spoken = Spoken(content[end:], has_thought=True)
    text = unfenced(spoken.text)
    forgiven: list[Forgiveness] = ["thoughts"] if spoken.has_thought else []
    if text != spoken.text:
        forgiven.append("fence")
    return text.strip(), tuple(forgiven)


def values_within(content: str) -> tuple[Any, ...]:
    """
    The JSON lists and objects of an answer that stand in no other one, in order; without its thoughts.

    Numbers that are not whole are decimals, which keep their digits.
    """
    try:
        found = _DECODE_DECIMALS(content)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list | dict):
        return (found,)
    text = _after_leading(content).text if may_think(content) else content
    spans = list(_spans(text, _BEGIN_OF_EITHER, _LOOSE_DECIMALS, most=_MOST_ENTRIES))
    end = _end_of_thoughts(text, spans)
    return tuple(span.value for span in spans if span.start >= end)


def _end_of_thoughts(text: str, spans: Sequence[_Span]) -> int:
    """Where the last closing tag ends that stands in no JSON value; 0 where there is none."""
    if not may_think(text):
        return 0
    starts = [span.start for span in spans]
    end = 0
    for tag in _STRAY.finditer(text):
        place = bisect_right(starts, tag.start()) - 1
        if place < 0 or tag.start() >= spans[place].stop:
            end = tag.end()
    return end


def _text_within(text: str) -> str | None:
    """The text that a JSON text is, which may hold an object in its turn; else None."""
    text = text.strip()
    if not (text.startswith('"') and text.endswith('"') and "{" in text):
        return None
    try:
        found = _DECODE(text)
    except (ValueError, RecursionError):
        return None
    # No text in a text in a text: each is shorter than the one around, but there may be many.
    return found if isinstance(found, str) and not found.lstrip().startswith('"') else None


def _forgiving(found: FoundObject, *more: Forgiveness) -> FoundObject:
    if found.value is None:
        return found
    return FoundObject(found.value, found.text, in_order((*found.forgiven, *more)))


def count_forgiven(told: pl.Series) -> Counter[str]:
    """
    How many answers needed what.

    Args:
        told: Of each answer words of `FORGIVENESS`, with blanks between; "" where nothing was.
    """
    counts: Counter[str] = Counter()
    for words, count in told.filter(told != "").value_counts().iter_rows():
        counts.update(dict.fromkeys(words.split(), count))
    return counts


def forgiven_notices(counts: Mapping[str, int]) -> tuple[Notice, ...]:
    """What was forgiven, for people: a notice for each kind, by how many answers needed it."""
    notices = {
        "thoughts": lambda told: Notice("forgiven-thoughts", told),
        "fence": lambda told: Notice("forgiven-fence", told),
        "words-around": lambda told: Notice("forgiven-words-around", told),
        "list-around": lambda told: Notice("forgiven-list-around", told),
        "object-around": lambda told: Notice("forgiven-object-around", told),
        "said-again": lambda told: Notice("forgiven-said-again", told),
        "loose-json": lambda told: Notice("forgiven-loose-json", told),
        "key-spelling": lambda told: Notice("forgiven-key-spelling", told),
        "value-spelling": lambda told: Notice("forgiven-value-spelling", told),
    }
    return tuple(notices[word]({"answers": counts[word]}) for word in FORGIVENESS if counts.get(word))


def in_order(forgiven: Iterable[Forgiveness]) -> tuple[Forgiveness, ...]:
    """Each once, in the order of `FORGIVENESS`."""
    given = set(forgiven)
    return tuple(one for one in FORGIVENESS if one in given)


def _plain(content: str) -> dict[str, Any] | None:
    try:
        found = _DECODE(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _spans(
    text: str, begin: re.Pattern[str], decoder: json.JSONDecoder = _LOOSE, *, most: int = _MOST_VALUES
) -> Iterator[_Span]:
    """
    The JSON values of a text that stand in no other one, in order.

    What begins like one and is none is passed over as far as it could be read, with all that is in it: an
    object in one that is cut off is not the answer. Where there are too many of either, none is found.
    """
    at, faults, commas = 0, 0, 0
    found: list[_Span] = []
    while opening := begin.search(text, at):
        try:
            value, stop = decoder.raw_decode(text, opening.start())
        except RecursionError:
            return
        except json.JSONDecodeError as error:
            comma = _comma_too_many(text, opening.start(), error.pos)
            if comma is not None and commas < _MOST_COMMAS:
                # A blank in its place, so that nothing moves.
                text, commas = f"{text[:comma]} {text[comma + 1 :]}", commas + 1
                continue
            faults += 1
            at = max(error.pos, opening.end())
        else:
            found.append(_Span(opening.start(), stop, value))
            at = stop
        if faults > _MOST_FAULTS or len(found) > most:
            return
    yield from found


def _comma_too_many(text: str, start: int, pos: int) -> int | None:
    """Where the comma before a closing bracket stands that JSON was refused for, else None."""
    # The place of the error differs by version: before Python 3.13 the bracket, then the comma.
    comma = text.rfind(",", max(start, pos - _MOST_BLANKS), pos + 1)
    is_refused = comma >= 0 and (found := _COMMA_TOO_MANY.match(text, comma)) and found.end() > pos
    return comma if is_refused else None


def _chosen(
    text: str, spans: Sequence[_Span], names: Sequence[str], before: Sequence[Forgiveness]
) -> FoundObject:
    """Of the objects of a text the one that is meant."""
    candidates = [_Candidate.of(span, names) for span in spans]
    most = max(one.worth for one in candidates)
    candidates = [one for one in candidates if one.worth == most]
    # What is quoted is said of something; it is the answer where there is no other.
    candidates = [one for one in candidates if not _is_quoted(text, one.span)] or candidates
    if len({_likeness(one.value, names) for one in candidates}) > 1:
        return FoundObject(None, "", fault=DIFFERENT_OBJECTS)
    first = candidates[0]
    forgiven = [*before, *first.forgiven, *_around(text, [one.span for one in candidates])]
    if len(candidates) > 1:
        forgiven.append("said-again")
    json_text = text[first.span.start : first.span.stop]
    if not _is_strict(json_text):
        forgiven.append("loose-json")
        json_text = json.dumps(first.value)
    elif first.value is not first.span.value:
        json_text = json.dumps(first.value)
    return FoundObject(first.value, json_text, in_order(forgiven))


class _Candidate(NamedTuple):
    """An object that may be the answer; `worth` is higher the more it has of what was asked for."""

    span: _Span
    value: Mapping[str, Any]
    worth: int
    forgiven: tuple[Forgiveness, ...]

    @classmethod
    def of(cls, span: _Span, names: Sequence[str]) -> _Candidate:
        found: dict[str, Any] = span.value
        value, worth = _named(found, names)
        if worth < _ALL and names:
            inner = [_named(one, names) for one in found.values() if isinstance(one, dict)]
            inner = [one for one in inner if one[1] == _ALL]
            if len(inner) == 1:
                value = inner[0][0]
                spelled = () if any(value is one for one in found.values()) else ("key-spelling",)
                return cls(span, value, _ALL, ("object-around", *spelled))
        return cls(span, value, worth, () if value is found else ("key-spelling",))


_NONE, _SOME, _ALL = range(3)


def _named(found: dict[str, Any], names: Sequence[str]) -> tuple[dict[str, Any], int]:
    """
    An object by the names that were asked for, and how many of them it has.

    It is the same object where its keys are spelled so.
    """
    if all(name in found for name in names):
        return found, _ALL
    known = _names_by_key(tuple(names))
    named = {key: value for key, value in found.items() if key in names}
    given: dict[str, Any] = {}
    for key, value in found.items():
        name = known.get(_key(key))
        if key in names or name is None or name in named:
            continue
        if name in given and given[name] != value:
            # One name in two spellings, with two values.
            return found, _SOME if named else _NONE
        given[name] = value
    if not given:
        return found, _SOME if named else _NONE
    others = {key: value for key, value in found.items() if key not in names and _key(key) not in known}
    whole = {**named, **given, **others}
    return whole, _ALL if all(name in whole for name in names) else _SOME


@lru_cache(maxsize=64)
def _names_by_key(names: tuple[str, ...]) -> dict[str, str]:
    """The name that each spelling leads to; without spellings that lead to two."""
    keys = [_key(name) for name in names]
    return {key: name for key, name in zip(keys, names, strict=True) if keys.count(key) == 1}


def _key(name: str) -> str:
    return _BETWEEN_WORDS.sub("", unicodedata.normalize("NFKC", name).strip("\"'`*")).casefold()


def _is_quoted(text: str, span: _Span) -> bool:
    before, after = text[: span.start][-1:], text[span.stop :][:1]
    return _QUOTES.get(before) == after and not text.startswith("```", max(0, span.start - 3))


def _likeness(value: Mapping[str, Any], names: Sequence[str]) -> str:
    """The same for objects that say the same."""
    told = {name: value.get(name) for name in names} if names else value
    return " ".join(json.dumps(told, sort_keys=True).split()).casefold()


def _is_strict(text: str) -> bool:
    try:
        _DECODE(text)
    except (ValueError, RecursionError):
        return False
    return True


def _around(text: str, spans: Sequence[_Span]) -> Iterator[Forgiveness]:
    """What stands beside objects that were found: a fence, a list, words."""
    edges = [0, *(edge for span in spans for edge in (span.start, span.stop)), len(text)]
    pieces = [text[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True)]
    unfenced_pieces = [_FENCE.sub(" ", piece).strip().strip("\ufeff") for piece in pieces]
    if unfenced_pieces != [piece.strip().strip("\ufeff") for piece in pieces]:
        yield "fence"
    first, *between, last = unfenced_pieces
    if first.endswith("[") and last.startswith("]"):
        yield "list-around"
        first, last = first[:-1], last[1:]
        between = [piece.strip(", \n") for piece in between]
    if any(piece.strip() for piece in (first, *between, last)):
        yield "words-around"
