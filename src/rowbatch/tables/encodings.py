"""
Which encoding a text has, where nothing says so.

A guess is only a guess: it is shown wherever a table is, and can be given instead. Where two readings are
likely, both are shown; what would be a coin toss is an error that asks.

The statistics are chardet's (version 7). What it finds is weighed by what people have (Windows before DOS and
Macintosh, those before mainframes), and by whether the letters can stand where they stand.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import islice

from rowbatch.tables.alphabets import ALPHABETS, VIETNAMESE

SAMPLE_BYTES = 1 << 20
# Statistics are the same from a few pages on. So many bytes of lines that say something are looked at.
_TELLING_BYTES = 12_000
_LINE_BYTES = 2_000
# So many characters of each reading are looked at one by one.
_JUDGED = 500
_PRIME = 7_919
_READINGS = 24
_FIRST = 1.06
# A letter that cannot stand where it stands says more than how common it is.
_STRICTNESS = 3
_PIECE_CHARS = 70
# Of readings that are nearly as likely so many are compared where they differ, and so much better is clear.
_NEAR = 4
_CLEAR_LEAD = 0.15
# What letters of no one language cost.
_FOREIGN = 0.4
# A second reading with so much of the first one's weight is worth a look, and one with so much is as likely.
_WORTH_A_LOOK = 0.9
_AS_LIKELY = 0.99
# No text has so many characters where they cannot stand.
_LEAST_FIT = 0.8
# Below this it's looked whether a few lines spoil it; so many have to be left.
_GOOD_FIT = 0.95
_EQUAL_FIT = 0.05
_MOST_LINES = 0.9
# What few kinds of signs say, and signs that are few in a long text: nearly all such files are of Windows.
_EVIDENCE = ((2, 0.78), (5, 0.95))
_FEW_SHARE = 0.01
_LITTLE_EVIDENCE = 0.55
# Few characters say little.
_FEW = 12
_WORTH_A_LOOK_OF_FEW = 0.8
# In UTF-8 with a broken byte here and there, so many of the characters beyond ASCII are whole.
_WHOLE_SHARE = 0.9
_LEAST_WHOLE = 4

_PLACES = 16
_BETWEEN = (b" ", b",", b";", b"\t")
_WITHIN = "\u2019'\u00b7-\u2010\u2011\u00ad\u2032\u02bc"
# Quotes, dashes, signs of money and measure, and the dots of Japanese.
_USUAL_SIGNS = frozenset(
    "\u00a0\u00a1\u00a3\u00a7\u00a9\u00aa\u00ab\u00ae\u00b0\u00b1\u00b2\u00b3\u00b7\u00ba\u00bb\u00bc\u00bd\u00bf\u00d7"
    "\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e\u2022\u2026\u2039\u203a\u20ac\u30fb\u30fc"
)
# One-letter words of languages with Latin letters: among their words one of another alphabet is misread.
_WORDS = "àáâåäæèéêíîòóôöøúő"
_LETTERS = ("lower", "upper", "other")
_EAST_ASIAN_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH")
_CONTROLS = re.compile("[\x80-\x84\x86-\x9f]")
# Where one row of a table is of another encoding, so many of its letters may come out as controls.
_FEW_CONTROLS = 0.02
_BROKEN = "\ufffd"
_BEYOND = re.compile(r"[^\x00-\x7f]")
_TONE = re.compile("[\u0300-\u0323]")
_HIGH = re.compile(rb"[\x80-\xff]")
# What only the escaped encodings of East Asia have; HZ has no other sign than its braces.
_ESCAPES = re.compile(rb"\x1b\$[@AB]|\x1b\$\([A-Z]|\x1b\([IJ]|\x1b\$\)[A-Z]|~\{[\x21-\x7e]{2,}~\}")
_ESCAPED = ("iso2022_jp", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_ext", "iso2022_kr", "hz")
# A table has one of them at least; in a text with a stray NUL that is taken for UTF-16 they are other signs.
_ASCII_OF_TABLES = frozenset("\r\n\t,;|")
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# The wider standard, which is what programs write, and which reads all that the narrower one reads.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-6": "cp1256",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "shift_jis": "cp932",
    "shift_jis_2004": "cp932",
    "shift_jisx0213": "cp932",
    "euc_jis_2004": "euc_jp",
    "euc_jisx0213": "euc_jp",
    "euc_kr": "cp949",
}
_EAST_ASIAN = ("gb18030", "big5hkscs", "cp932", "euc_jp", "euc_jis_2004", "shift_jis_2004", "cp949", "johab")
# How likely each kind is beside one of Windows, where one reading is nearly as good as another.
_WEIGHTS = {
    **dict.fromkeys(
        (
            "iso8859-2",
            "iso8859-5",
            "iso8859-15",
            "koi8-r",
            "koi8-u",
            "cp949",
            "mac-roman",
            "mac-cyrillic",
            "cp850",
            "cp852",
            "cp866",
        ),
        0.97,
    ),
    **dict.fromkeys(_EAST_ASIAN, 1.0),
    **dict.fromkeys(("johab", "shift_jis_2004", "euc_jis_2004"), 0.9),
    "cp1258": 0.95,
}
_WEIGHT = 0.93
_LEAST_WEIGHT = 0.85
_RARE = re.compile(
    r"cp(037|500|1026|1140|273|875|424|1006|720|864|856|861|863|865)|hp-|iso8859-(3|4|10|14|16)|mac-(iceland|greek)|kz|ptcp|tcvn|koi8-t"
)


@dataclass(frozen=True, slots=True)
class EncodingGuess:
    """
    What a sample seems to be.

    Attributes:
        encoding: Python's name, or None where nobody can tell.
        candidates: What it could be, the likeliest first; for messages.
        readings: Where two readings are likely: the same piece of the text in both, by encoding, the likelier
            one first. Empty where one is clear.
    """

    encoding: str | None
    candidates: tuple[str, ...] = ()
    readings: tuple[tuple[str, str], ...] = ()


BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What a text may begin with, and what it is then; the mark of UTF-32 begins with that of UTF-16."""


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark says; None where there is none."""
    return next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)


def is_utf8(sample: bytes, *, is_whole: bool) -> bool:
    """Whether a sample is UTF-8; unless it `is_whole`, it may end in the middle of a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=is_whole)
    except UnicodeDecodeError:
        return False
    return True


def guess_encoding(sample: bytes) -> EncodingGuess:
    """
    Guess the encoding of a text that has no byte order mark.

    Args:
        sample: The begin of the text; it may end in the middle of a character.
    Returns:
        No encoding for plain ASCII. UTF-8 where all but a few characters are; which are not says the reader.
    """
    wide = _wide_encoding(sample)
    if wide:
        return EncodingGuess(wide)
    if sample.isascii():
        return EncodingGuess(_escaped_encoding(sample))
    telling = telling_lines(sample)
    if _is_nearly_utf8(telling):
        return EncodingGuess("utf-8", ("utf-8",))
    return _weighed(sample, telling)


def encoding_of(text: bytes) -> str | None:
    """The encoding of a whole text without a mark: UTF-8, or what it looks like; None if nobody can tell."""
    if not is_utf8(text, is_whole=True):
        return guess_encoding(text).encoding
    return (guess_encoding(text).encoding if looks_encoded(text) else None) or "utf-8"


def looks_encoded(sample: bytes) -> bool:
    """Whether a text that is UTF-8 to the letter may be another encoding: one of NUL bytes or of escapes."""
    if b"\0" in sample[:4096]:
        return True
    # Signs that each of them has are looked for in a tenth of the time.
    may_be = sample.isascii() and (b"\x1b" in sample or b"~{" in sample)
    return may_be and _ESCAPES.search(sample) is not None


def telling_lines(sample: bytes, most: int = _TELLING_BYTES) -> bytes:
    """
    Lines of a sample with something beyond ASCII in them, from all over it.

    In every encoding that has ASCII in it, a line end is one, and the first byte beyond ASCII in a line
    begins a character.

    Args:
        sample: The text.
        most: About so many bytes.
    """
    # Old Macintosh ends its lines with the one, Windows with both.
    sample = sample.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    size = max(-(-len(sample) // _PLACES), _LINE_BYTES)
    places = [begin for begin in range(0, len(sample), size) if not sample[begin : begin + size].isascii()]
    lines: list[bytes] = []
    cut = b""
    end = taken = 0
    for number, begin in enumerate(places, start=1):
        # In the middle of a line it isn't known where a character begins.
        if begin > end:
            end = sample.find(b"\n", begin) + 1 or len(sample)
        # What one place has too little of, the next may have more of.
        while taken < most * number // len(places):
            found = _HIGH.search(sample, end, begin + size)
            if not found:
                break
            start = max(sample.rfind(b"\n", end, found.start()) + 1, end, found.start() - _LINE_BYTES // 4)
            end = sample.find(b"\n", found.start(), start + _LINE_BYTES)
            if end < 0:
                end = min(start + _LINE_BYTES, len(sample))
                # None of these is the second byte of a character.
                end = max((sample.rfind(sign, found.start(), end) for sign in _BETWEEN), default=-1)
            if end < 0:
                end = start + _LINE_BYTES
                cut = cut or sample[start:end]
                taken += len(cut)
                # Where the next character begins is not known before a line ends.
                end = sample.find(b"\n", end) + 1 or len(sample)
                continue
            lines.append(sample[start:end])
            taken += end - start
    # There an end within a character is allowed for.
    return b"\n".join([*lines, cut] if cut else lines)


def _wide_encoding(sample: bytes) -> str | None:
    """UTF-16 and UTF-32 without a mark show by their NUL bytes: most texts have spaces and line ends."""
    head = sample[:4096]
    if b"\0" not in head:
        return None
    best, best_share = None, 0.0
    for name in _WIDE:
        text = _strictly(head, name)
        if (
            not text
            or "\0" in text
            or _ASCII_OF_TABLES.isdisjoint(text)
            or any(_is_odd(character) for character in set(text))
        ):
            continue
        # The other way round, ASCII is rare signs, and the letters are of many scripts.
        scripts = Counter(_kind(character)[1] for character in text if not character.isascii())
        others = scripts.total()
        share = (len(text) - others + max(scripts.values(), default=0)) / len(text)
        if share > best_share:
            best, best_share = name, share
    return best


def _escaped_encoding(sample: bytes) -> str | None:
    if not _ESCAPES.search(sample):
        return None
    for name in _ESCAPED:
        text = _strictly(sample, name)
        # What is left of an escape was none.
        if text and not text.isascii() and not any(sign in text for sign in "\x1b\x0e\x0f"):
            return name
    return None


def _is_nearly_utf8(telling: bytes) -> bool:
    """Whether a text is UTF-8 with a broken byte here and there; nothing else has so many whole pairs."""
    beyond = Counter(_BEYOND.findall(_decoded(telling, "utf-8")))
    whole = beyond.total() - beyond[_BROKEN]
    return whole >= _LEAST_WHOLE and whole >= _WHOLE_SHARE * beyond.total()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read the telling lines."""

    encoding: str
    text: str
    weight: float
    fit: float


def _weighed(sample: bytes, telling: bytes) -> EncodingGuess:
    evidence = _evidence(sample, telling)
    readings = _readings(telling, evidence)
    fitting = list(islice((one for one in readings if _decodes(sample, one.encoding)), _NEAR + 1))
    # One row elsewhere may be of another encoding, which the reader then names.
    if fitting and fitting[0].fit >= readings[0].fit - _EQUAL_FIT:
        readings = fitting
    best = readings[0] if readings else None
    if best is None or best.fit < _GOOD_FIT:
        others = _without_odd_lines(telling, best.fit if best else 0.0)
        readings = others or readings
        best = readings[0] if readings else None
    if best is not None and best.fit < _GOOD_FIT and best.encoding == "mac-roman" and evidence < 1:
        # A text that no reading makes good was decoded wrongly before it was written: hardly by a Macintosh.
        usual = next((one for one in readings if one.encoding == "cp1252"), best)
        if usual.weight >= _WORTH_A_LOOK * best.weight:
            return EncodingGuess("cp1252", tuple(dict.fromkeys(("cp1252", best.encoding))))
    if best is None or best.fit < _LEAST_FIT:
        kana = next((name for name in ("cp932", "euc_jp") if _is_kana(sample, telling, name)), None)
        if kana:
            return EncodingGuess(kana, (kana,))
        return EncodingGuess(None, tuple(reading.encoding for reading in readings))
    if best.encoding in ("iso8859-1", "iso8859-15") and _CONTROLS.search(best.text):
        # What reads as a control character there is of yet another encoding, which the reader then names.
        return EncodingGuess("cp1252", ("cp1252", best.encoding))
    worth = _WORTH_A_LOOK if len(_BEYOND.findall(best.text)) >= _FEW else _WORTH_A_LOOK_OF_FEW
    near = [reading for reading in readings[1:] if reading.weight >= worth * best.weight]
    asked: list[_Reading] = []
    for other in near:
        lead = _lead(best.text, other.text)
        if lead < -_CLEAR_LEAD:
            best, asked = other, []
        elif lead < _CLEAR_LEAD:
            asked.append(other)
    names = tuple(dict.fromkeys((best.encoding, *(reading.encoding for reading in readings[:5]))))
    if not asked:
        return EncodingGuess(best.encoding, names)
    pieces = zip(
        (best.encoding, asked[0].encoding), _where_they_differ(best.text, asked[0].text), strict=True
    )
    is_toss = asked[0].weight >= _AS_LIKELY * best.weight
    return EncodingGuess(None if is_toss else best.encoding, names, tuple(pieces))


def _readings(telling: bytes, evidence: float = 1.0) -> list[_Reading]:
    """
    Ways to read a text, each text once and under the name that is the commonest, the likeliest first.

    Args:
        telling: Its lines that say something.
        evidence: How much there is to go by; the less, the more does a file count as one of Windows.
    """
    import chardet

    # What it prefers as "superset" has other letters in some cases (Windows-1251 for ISO-8859-5).
    ranked = chardet.detect_all(telling, ignore_threshold=True, compat_names=False)
    readings: dict[str, _Reading] = {}
    least = _LEAST_WEIGHT / 2 * (ranked[0]["confidence"] or 0)
    for place, entry in enumerate(ranked[:_READINGS]):
        name, confidence = entry["encoding"], entry["confidence"]
        if name is None or name.startswith(("utf", "iso2022", "hz")):
            continue
        if confidence < least and name != "cp1252":
            continue
        narrow = _strictly(telling, name)
        for wider in (_WIDER.get(name), name):
            text = _strictly(telling, wider) if wider else None
            if wider and text and (text == narrow or wider in _EAST_ASIAN):
                # It looks at more than how common pairs of letters are before it names one first.
                first = _FIRST if place == 0 else 1.0
                fit = _plausibility(text)
                weight = confidence * first * _weight(wider, evidence) * fit**_STRICTNESS
                known = readings.get(text)
                named = [wider] if known is None else [known.encoding, wider]
                weight = weight if known is None else max(known.weight, weight)
                readings[text] = _Reading(min(named, key=_rank), text, weight, fit)
                break
    return sorted(readings.values(), key=lambda reading: -reading.weight)


def _weight(encoding: str, evidence: float) -> float:
    if _is_common(encoding):
        return _WEIGHTS.get(encoding, 1.0)
    return evidence * _WEIGHTS.get(encoding, _LEAST_WEIGHT if _RARE.match(encoding) else _WEIGHT)


def _rank(encoding: str) -> int:
    """Of names for the same reading the commonest is said."""
    return 0 if encoding == "cp1252" else 1 if _is_common(encoding) else 2


def _is_common(encoding: str) -> bool:
    return encoding.startswith("cp125") or encoding == "cp874" or encoding in _EAST_ASIAN


def _evidence(sample: bytes, telling: bytes) -> float:
    """How much there is to go by: how many signs beyond ASCII, and of how many kinds; from 0 to 1."""
    found = _HIGH.findall(telling)
    kinds = len(set(found))
    high = len(_HIGH.findall(sample, 0, 1 << 16))
    if high < _FEW_SHARE * len(sample[: 1 << 16]):
        return _LITTLE_EVIDENCE
    return next((evidence for most, evidence in _EVIDENCE if kinds <= most), 1.0)


def _without_odd_lines(telling: bytes, fit: float) -> list[_Reading]:
    """Ways to read a text without a few lines of another encoding, where it fits better so; else none."""
    lines = telling.split(b"\n")
    for name in ("cp1252", "cp1251", "cp1250", "cp1254", "gb18030", "big5hkscs", "cp932", "cp949"):
        kept = [line for line in lines if _strictly(line, name) is not None]
        if len(lines) > len(kept) >= _MOST_LINES * len(lines):
            readings = _readings(b"\n".join(kept))
            if readings and readings[0].encoding == name and readings[0].fit > max(fit, _LEAST_FIT):
                return readings
    return []


def _is_kana(sample: bytes, telling: bytes, name: str) -> bool:
    """Whether it is Japanese with few Chinese characters: the statistics want more kinds of bytes."""
    text = _strictly(telling, name)
    if text is None or not _decodes(sample, name) or _plausibility(text) < _LEAST_FIT:
        return False
    beyond: list[str] = _BEYOND.findall(text)
    return 3 * sum("\u3040" <= character <= "\u30ff" for character in beyond) > len(beyond)


def _plausibility(text: str) -> float:
    """How much of what is beyond ASCII can stand where it stands, from 0 to 1."""
    places = [found.start() for found in _BEYOND.finditer(text)]
    return _fit(text, _some(places)) if places else 0.0


def _lead(one: str, other: str) -> float:
    """How much better one reading fits than another, where they differ; from -1 to 1."""
    if len(one) != len(other):
        return 0.0
    places = [place for place, (here, there) in enumerate(zip(one, other, strict=True)) if here != there]
    return _fit(one, _some(places)) - _fit(other, _some(places)) if places else 0.0


def _some(places: list[int]) -> list[int]:
    """Not each so many-th: rows repeat themselves."""
    count = len(places)
    return places if count <= _JUDGED else [places[k] for k in range(count) if k * _PRIME % count < _JUDGED]


def _fit(text: str, places: list[int]) -> float:
    """How well the characters at some places fit: in their words, and all together in one language."""
    padded = f" {text} "
    total = 0.0
    letters: Counter[str] = Counter()
    for place in places:
        character = text[place]
        total += _fit_between(padded[place], character, padded[place + 2])
        if _kind(character)[1] in ("LATIN", "CYRILLIC"):
            letters[character.lower()[0]] += 1
    share = total / len(places)
    if letters:
        # Most letters of Western Europe are Vietnamese too; but only there tones are signs of their own.
        alphabets = [*ALPHABETS.values(), *([VIETNAMESE] if _TONE.search(text) else [])]
        known = max(
            sum(count for letter, count in letters.items() if letter in alphabet) for alphabet in alphabets
        )
        share -= _FOREIGN * (letters.total() - known) / len(places)
    return share


def _fit_between(before: str, character: str, after: str) -> float:
    kind, script = _kind(character)
    kind_before, script_before = _kind(before)
    kind_after, script_after = _kind(after)
    if kind == "odd":
        return 0.0
    if kind == "sign":
        return _fit_of_sign(character, is_within=kind_before in _LETTERS and kind_after in _LETTERS)
    if script == "CJK":
        # Japanese has three of these in a sentence, and Latin letters stand beside them without a space.
        return 1.0
    if script == "HALFWIDTH":
        return 1.0 if script in (script_before, script_after) else 0.2
    if not script:
        # A mark above or below the letter before it.
        return 1.0 if kind_before in _LETTERS else 0.2
    # No word is half of one alphabet and half of another.
    if (script_before and script_before != script) or (script_after and script_after != script):
        return 0.2
    if kind == "upper" and kind_before == "lower":
        return 0.2
    if kind == "lower" and kind_before == "upper" and kind_after == "upper":
        return 0.4
    if kind_before in _LETTERS or kind_after in _LETTERS:
        return 1.0
    # Few words are one letter, and none is beside a digit.
    if before.isdigit() or after.isdigit():
        return 0.4
    return 1.0 if character.lower() in _WORDS else 0.6 if script == "LATIN" else 0.3


def _fit_of_sign(sign: str, *, is_within: bool) -> float:
    if "\u3000" <= sign <= "\u303f" or "\uff01" <= sign <= "\uff5e":
        # East Asian signs stand anywhere, and come of no other encoding.
        return 1.0
    if is_within:
        # An apostrophe stands within words, and so do a few others; a fraction or a block does not.
        return 1.0 if sign in _WITHIN else 0.2
    if "\u2500" <= sign <= "\u259f":
        # Lines and blocks, which DOS drew with.
        return 0.4
    return 1.0 if sign in _USUAL_SIGNS else 0.7


@cache
def _kind(character: str) -> tuple[str, str]:
    """Whether it is a lower or upper letter, a sign or what no text has; and a letter's script."""
    if _is_odd(character):
        return "odd", ""
    category = unicodedata.category(character)
    script = unicodedata.name(character, "?").split()[0]
    if category[0] not in "LM" or script in ("FEMININE", "MASCULINE", "MODIFIER"):
        return "sign", ""
    if script in _EAST_ASIAN_SCRIPTS:
        return "other", "CJK"
    if script == "HALFWIDTH":
        return "other", script
    if category[0] == "M" or category == "Lm":
        return "lower", ""
    return {"Ll": "lower", "Lu": "upper"}.get(category, "other"), script


@cache
def _is_odd(character: str) -> bool:
    """What stands in no text: control characters but those of layout, and what no script has."""
    if character in "\t\n\r\f\v\x1a\x85":
        return False
    category = unicodedata.category(character)
    return category in ("Cc", "Cn", "Cs", "Co")


def _where_they_differ(first: str, second: str) -> tuple[str, str]:
    """A piece of a line in both readings, around the first character that is not the same."""
    for one, other in zip(first.split("\n"), second.split("\n"), strict=False):
        if one != other:
            at = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
            begin = max(0, at - _PIECE_CHARS // 2)
            return one[begin : begin + _PIECE_CHARS].strip(), other[begin : begin + _PIECE_CHARS].strip()
    return first[:_PIECE_CHARS], second[:_PIECE_CHARS]


def _decoded(sample: bytes, name: str) -> str:
    return codecs.getincrementaldecoder(name)("replace").decode(sample)


def _decodes(sample: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(sample)
    except (UnicodeError, LookupError):
        return False
    return True


def _strictly(sample: bytes, name: str) -> str | None:
    """A sample as an encoding reads it; None where it can't, or reads more than a few control characters."""
    try:
        text = codecs.getincrementaldecoder(name)().decode(sample)
    except (UnicodeError, LookupError):
        return None
    controls = len(_CONTROLS.findall(text))
    return None if controls and controls > _FEW_CONTROLS * len(_BEYOND.findall(text)) else text
