"""
Cut a long text into units that are coded one by one: sentences, paragraphs, turns of speakers, lines, words
or tokens.

A text is first cut into pieces of one kind, each without white space around it; every character that is
no white space is in exactly one piece, and no piece ends within a character that is made of several (a
letter with its accents, an emoji with its parts). A unit is so many pieces after another, and may begin
with some of the last ones of the unit before.

Source:
    Unicode 17, UAX 29 (sentence boundaries), whose rules alone would cut behind "Dr." and "z. B."; WebVTT
    (W3C) for `<v NAME>`.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, get_args

from rowbatch.errors import UsageError

UnitKind = Literal["sentence", "paragraph", "speaker", "line", "words", "tokens"]
UNIT_KINDS: tuple[UnitKind, ...] = get_args(UnitKind)
_COUNTED = ("words", "tokens")
_Span = tuple[int, int]


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEWLINE = r"(?:\r\n|\r(?!\n)|[\n\x0b\x0c\x85\u2028\u2029])"
_LINE_END = re.compile(_NEWLINE)
_BLANK_LINE = re.compile(rf"{_NEWLINE}\s*{_NEWLINE}")
# Scripts that are written without blanks between words: kana, Han.
_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = "\u0300-\u036f\u200d\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef"
_WIDE_STOPS = (
    "\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1b\uff1a\uff61\u201d\u2019\u300d\u300f\uff09\u3011\u300b"
)
_WORD = re.compile(rf"[{_HAN}][{_MARKS}{_WIDE_STOPS}]*|[^\s{_HAN}]+")
_IS_HAN = re.compile(f"[{_HAN}]")

_WIDE_ENDS = "。！？．｡"
# Of Devanagari, Urdu, Arabic, Armenian, Ethiopic, Khmer and Burmese.
_OTHER_ENDS = "।॥۔؟։።។။"
_CLOSERS = "\"'”’»«›‹)）\\]】」』》〉“"
_END = re.compile(rf"([.!?…‼⁇⁈⁉{_WIDE_ENDS}{_OTHER_ENDS}]+)([{_CLOSERS}]*)((?:\[\d{{1,3}}\])*)")
_OPENERS = "\"'“”„‘‚«»‹›(（[【「『《〈¿¡*_-–— \t\u00a0"
_BEFORE = re.compile(r"[^\s\"'“”„«»(\[]{0,24}$")
_WORD_AT = re.compile(r"[^\W\d_]+")
# A quotation that the sentence around it goes on behind: 「…。」と言った。
_GOES_ON = "とっのでにをはがも、，,；;"
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_STARTERS = _listed(
    "he she it they we you the this that these those there in but and a an as at if when what "
    "who how why then so my his her our der die das er sie es wir und aber dann le la les il "
    "elle el"
)
# Never at the end of a sentence, or so rarely that a cut there is wrong far more often.
_ABBREVIATIONS = _listed(
    "mr mrs ms dr prof st sen rep gov gen col capt lt sgt rev hon vs cf e.g i.e eg ie viz "
    "approx resp incl excl ed eds trans dept bzw ca evtl ggf hr hrsg inkl max min sog vgl z.b "
    "d.h u.a o.ä dipl ing mme mlle mgr sr sra srta dra ud uds lic av bspw exkl zzgl insb"
)
_BEFORE_NUMBERS = _listed(
    "no nos nr fig figs p pp art vol sec ch abb abs s tab eq par jan feb mar apr jun jul aug "
    "sep sept oct nov dec"
)
_BEFORE_ORDINALS = _listed("der die das dem den des am vom zum im bis ab seit jeden zur")
_MONTHS = _listed(
    "januar jänner februar märz april mai juni juli august september oktober november dezember "
    "jahrhundert jahrhunderts"
)
_LOOKED_AT_CHARS = 20_000
# A text is looked through for its first sign: five times as fast as with the letters first.
_NEXT = re.compile(r"\.(?<=[^\W\d_]{2}\.) +([a-zß-ÿA-ZÀ-Þ])")
_WIDTH_OF_WRAPPED = 40

_TIME = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?"
_NAME = r"[^\W_][^\n\r:：<>\[\](){}\"“”?!。！？;；,，*]{0,39}?"
_AT_LINE = r"(?:^|(?<=[\r\x0b\x0c\x85\u2028\u2029]))[^\S\r\n]*"
_TURN = re.compile(
    rf"{_AT_LINE}(?:[\[(]?{_TIME}[\])]?[^\S\r\n]+)?\*{{0,2}}({_NAME})\*{{0,2}}[^\S\r\n]*"
    rf"(?:[\[(]?{_TIME}[\])]?[^\S\r\n]*)?[:：](?!//|\d\d(?!\d))",
    re.MULTILINE,
)
_NAME_AND_TIME = re.compile(
    rf"{_AT_LINE}({_NAME})[^\S\r\n]+[\[(]?{_TIME}[\])]?[^\S\r\n]*(?=[\r\n]|\Z)", re.MULTILINE
)
_VOICE = re.compile(r"<v(?:\.[^ >]*)?[^\S\r\n]+([^<>\r\n]{1,200})>")
_MOST_WORDS_OF_NAME = 4

# A longer word is no word of a language; tokenizers are slow on such.
_LONGEST_WORD_CHARS = 500
_REMEMBERED_WORDS = 100_000


@dataclass(frozen=True, slots=True)
class UnitRule:
    """
    How texts are cut.

    Attributes:
        by: Into pieces of which kind.
        size: So many pieces are a unit; of tokens, at most.
        overlap: So many of them stand in the unit before, too; of tokens, at most.
    Raises:
        UsageError: They do not fit together.
    """

    by: UnitKind
    size: int = 1
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.by not in UNIT_KINDS:
            raise UsageError("units-by-unknown", by=self.by, known=list(UNIT_KINDS))
        if self.size < 1 or not 0 <= self.overlap < self.size:
            raise UsageError("units-overlap", size=self.size, overlap=self.overlap)

    @classmethod
    def of(cls, by: UnitKind, size: int | None, overlap: int) -> UnitRule:
        """
        What somebody said, who need not say a size where one piece is a unit.

        Raises:
            UsageError: It does not fit together; or a word or a token would be a unit.
        """
        if size is None and by in _COUNTED:
            raise UsageError("units-without-size", by=by)
        return cls(by, 1 if size is None else size, overlap)


@dataclass(slots=True)
class Units:
    """
    The units of a text, in order.

    Attributes:
        starts, ends: Where each begins, and the place behind it, in characters from 0.
        speakers: Who speaks in each, where the text was cut by speakers; "" where the text doesn't say.
    """

    starts: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))
    speakers: list[str] | None = None

    def __len__(self) -> int:
        return len(self.starts)


def cut_units(text: str, rule: UnitRule, count_tokens: Callable[[str], int]) -> Units:
    """
    Cut a text.

    Args:
        text: Any.
        rule: How.
        count_tokens: The tokens of a text, where it is cut by these.
    Returns:
        Its units; none where it is blank. Each begins behind the begin of the one before.
    """
    units = Units()
    if rule.by == "tokens":
        _group_by_tokens(text, rule, count_tokens, units)
        return units
    names: list[str] = []
    pieces: Iterable[_Span]
    if rule.by == "speaker":
        turns = list(_turns(text))
        names = [name for _, name in turns]
        pieces = [span for span, _ in turns]
    else:
        pieces = _PIECES[rule.by](text)
    starts, ends = array("q"), array("q")
    for start, end in pieces:
        starts.append(start)
        ends.append(end)
    if names:
        units.speakers = []
    for first in range(0, len(starts), rule.size - rule.overlap):
        behind = min(first + rule.size, len(starts))
        units.starts.append(starts[first])
        units.ends.append(ends[behind - 1])
        if units.speakers is not None:
            units.speakers.append(", ".join(dict.fromkeys(filter(None, names[first:behind]))))
        if behind == len(starts):
            break
    return units


def _trimmed(text: str, start: int, end: int) -> Iterator[_Span]:
    """What is left of a part of a text without white space around it; nothing where it is blank."""
    part = text[start:end]
    inner = part.strip()
    if inner:
        start += len(part) - len(part.lstrip())
        yield start, start + len(inner)


def _between(text: str, marks: Iterable[re.Match[str]]) -> Iterator[_Span]:
    """What stands between marks."""
    at = 0
    for mark in marks:
        yield from _trimmed(text, at, mark.start())
        at = mark.end()
    yield from _trimmed(text, at, len(text))


def _lines(text: str) -> Iterator[_Span]:
    return _between(text, _LINE_END.finditer(text))


def _paragraphs(text: str) -> Iterator[_Span]:
    """Paragraphs have blank lines between them; where there are none, each line is one."""
    inner = text.strip()
    return _between(text, _BLANK_LINE.finditer(text)) if _BLANK_LINE.search(inner) else _lines(text)


def _words(text: str) -> Iterator[_Span]:
    """Words have white space between them; each sign of Chinese and Japanese counts as one."""
    for found in _WORD.finditer(text):
        yield found.span()


def _whole_characters(text: str, at: int) -> int:
    """The next place, from here on, that is not within a character that is made of several."""
    while at < len(text):
        sign = text[at]
        if sign < "\u0300" and text[at - 1 : at] != "\u200d":
            break
        is_part = (
            sign == "\u200d" or unicodedata.category(sign)[0] == "M" or "\U0001f3fb" <= sign <= "\U0001f3ff"
        )
        if not is_part and text[at - 1 : at] != "\u200d":
            break
        at += 1
    return at


def _sentences(text: str) -> Iterator[_Span]:
    """
    Sentences. A line ends one, unless the lines of the text are broken at a width, as those of a PDF are; a
    blank line always does.
    """
    is_wrapped = _is_wrapped(text)
    is_informal = _is_informal(text)
    for start, end in _between(text, (_BLANK_LINE if is_wrapped else _LINE_END).finditer(text)):
        at = start
        for found in _END.finditer(text, start, end):
            if found.end() < end and not _ends_sentence(text, found, start, end, is_informal=is_informal):
                continue
            behind = min(_whole_characters(text, found.end()), end)
            yield from _trimmed(text, at, behind)
            at = behind
        yield from _trimmed(text, at, end)


def _is_wrapped(text: str) -> bool:
    """Whether lines end where they are full, and not where something ends."""
    looked_at = text[:_LOOKED_AT_CHARS]
    widths, open_ends, lines = list[int](), 0, 0
    for start, end in _between(looked_at, _BLANK_LINE.finditer(looked_at)):
        *block, _ = _LINE_END.split(looked_at[start:end])
        for line in map(str.strip, block):
            lines += 1
            widths.append(len(line) + len(_IS_HAN.findall(line)))
            open_ends += _END.fullmatch(line[-1:]) is None
    if lines < 2 or open_ends * 2 <= lines:
        return False
    widths.sort()
    widest = widths[-1]
    return widths[lines // 2] >= _WIDTH_OF_WRAPPED and widths[lines // 4] * 3 >= widest * 2


def _is_informal(text: str) -> bool:
    """Whether sentences begin with small letters, as they do where people chat."""
    following = _NEXT.findall(text[:_LOOKED_AT_CHARS])
    return sum(map(str.islower, following)) * 3 > len(following) * 2


def _ends_sentence(text: str, found: re.Match[str], start: int, end: int, *, is_informal: bool) -> bool:
    """Whether a sentence ends at these marks; behind them there is something."""
    marks, closers, _ = found.groups()
    behind, after = found.end(), text[found.end()]
    before = text[found.start() - 1 : found.start()] if found.start() > start else ""
    if marks[-1] in _WIDE_ENDS:
        if closers and after in _GOES_ON:
            return False
        return not (marks == "\uff0e" and after.isdigit())
    if marks[-1] in _OTHER_ENDS:
        return True
    if not after.isspace():
        # Chinese with the marks of a Latin keyboard. An ellipsis is mostly within a sentence there.
        return marks[-1] != "…" and bool(_IS_HAN.match(after)) and bool(_IS_HAN.match(before))
    place = behind
    while place < end and (text[place] in _OPENERS or text[place].isspace()):
        place += 1
    following = text[place] if place < end else ""
    if following.islower() and not (is_informal and not closers):
        return marks[0] in "!?" and not closers
    if marks != ".":
        return True
    return _ends_at_stop(text, found.start(), start, place)


def _ends_at_stop(text: str, stop: int, start: int, place: int) -> bool:
    """Whether a sentence ends at a single full stop, by the word before it and the one from `place` on."""
    found = _BEFORE.search(text, max(start, stop - 24), stop)
    word = found[0].casefold() if found else ""
    at_begin = stop - len(word) <= start
    following = text[place : place + 1]
    next_word = _WORD_AT.match(text, place)
    next_name = next_word[0].casefold() if next_word else ""
    if word.strip(".") in _ABBREVIATIONS:
        return False
    if word in _BEFORE_NUMBERS:
        return not following.isdigit()
    if word.isdigit() and len(word) <= 3:
        earlier = text[max(start, stop - len(word) - 12) : stop - len(word)].split()
        is_ordinal = bool(earlier) and earlier[-1].casefold() in _BEFORE_ORDINALS
        return not (at_begin or is_ordinal or next_name in _MONTHS)
    if _INITIALS.fullmatch(word):
        return not at_begin and next_name in _STARTERS
    return True


def _turns(text: str) -> Iterator[tuple[_Span, str]]:
    """
    Turns of speakers, and who speaks; what stands before the first one is nobody's.

    `NAME:`, `NAME (12:01):`, `[00:12:01] NAME:` and `<v NAME>` begin one, and `NAME 12:01` in a line of its
    own where there are two of them. A name in small letters, or of words of which only the first one has a
    capital, has to come twice: so `he said:` is none.
    """
    begins = {found.start(): found[1] for found in _VOICE.finditer(text)}
    titles = [(found.start(), found[1]) for found in _NAME_AND_TIME.finditer(text)]
    if len(titles) > 1:
        begins |= dict(titles)
    named = [(found.start(), found[1].strip()) for found in _TURN.finditer(text)]
    often = Counter(name for _, name in named)
    begins |= {at: name for at, name in named if _is_name(name, often[name])}
    places = sorted(begins)
    yield from ((span, "") for span in _trimmed(text, 0, places[0] if places else len(text)))
    for at, behind in pairwise([*places, len(text)]):
        yield from ((span, begins[at].strip()) for span in _trimmed(text, at, behind))


def _is_name(name: str, times: int) -> bool:
    words = name.split()
    if len(words) > _MOST_WORDS_OF_NAME or not any(sign.isalpha() for sign in name):
        return False
    return times > 1 or not any(word[0].islower() for word in words)


class _CountedWords:
    """
    The words of a text with what they cost one by one.

    That is mostly what they cost together. Where they cost less together, as signs of Chinese do, more are
    taken until nothing goes in.
    """

    def __init__(self, text: str, most: int, count: Callable[[str], int]) -> None:
        self._text, self._most, self._count = text, most, count
        self.starts, self.ends = array("q"), array("q")
        # What all words before one cost.
        self._totals = array("q", [0])
        known: dict[str, int] = {}
        behind = 0
        for start, end in _small_pieces(text, most, count):
            piece = text[behind:end]
            cost = known.get(piece)
            if cost is None:
                cost = count(piece)
                if len(known) < _REMEMBERED_WORDS:
                    known[piece] = cost
            self.starts.append(start)
            self.ends.append(end)
            self._totals.append(self._totals[-1] + cost)
            behind = end

    def __len__(self) -> int:
        return len(self.starts)

    def last_of(self, first: int) -> int:
        """The last word of a unit that begins with this one; at least itself."""
        last, room = first - 1, self._most
        while last < len(self) - 1:
            # As many more as cost no more than there is room.
            further = bisect_right(self._totals, self._totals[last + 1] + room) - 2
            if further <= last and last >= first:
                break
            further = max(further, first)
            while further > max(last, first) and self._tokens(first, further) > self._most:
                further -= 1
            if further == last:
                break
            last, room = further, self._most - self._tokens(first, further)
        return last

    def first_of_next(self, first: int, last: int, overlap: int) -> int:
        """The first word of the unit behind one."""
        following = last + 1
        while following - 1 > first and self._totals[last + 1] - self._totals[following - 1] <= overlap:
            following -= 1
        # With what it repeats it may have no room for anything new.
        return following if self.last_of(following) > last else last + 1

    def _tokens(self, first: int, last: int) -> int:
        return self._count(self._text[self.starts[first] : self.ends[last]])


def _group_by_tokens(text: str, rule: UnitRule, count: Callable[[str], int], units: Units) -> None:
    """Units of at most so many tokens, cut between words."""
    words = _CountedWords(text, rule.size, count)
    first = 0
    while first < len(words):
        last = words.last_of(first)
        units.starts.append(words.starts[first])
        units.ends.append(words.ends[last])
        if last == len(words) - 1:
            return
        first = words.first_of_next(first, last, rule.overlap)


def _small_pieces(text: str, most: int, count: Callable[[str], int]) -> Iterator[_Span]:
    """Words; one that alone has more tokens than a unit may have is cut between characters."""
    for start, end in _words(text):
        # A code point has at most four bytes, and each of them at most one token.
        if (end - start) * 4 <= most:
            yield start, end
            continue
        for part in range(start, end, _LONGEST_WORD_CHARS):
            low = max(_whole_characters(text, part), start) if part > start else start
            high = min(_whole_characters(text, min(part + _LONGEST_WORD_CHARS, end)), end)
            if low < high:
                yield from _halves(text, low, high, most, count)


def _halves(text: str, start: int, end: int, most: int, count: Callable[[str], int]) -> Iterator[_Span]:
    middle = min(_whole_characters(text, (start + end) // 2), end)
    if middle <= start or middle >= end or count(text[start:end]) <= most:
        yield start, end
        return
    yield from _halves(text, start, middle, most, count)
    yield from _halves(text, middle, end, most, count)


_PIECES: dict[str, Callable[[str], Iterator[_Span]]] = {
    "sentence": _sentences,
    "paragraph": _paragraphs,
    "line": _lines,
    "words": _words,
}
