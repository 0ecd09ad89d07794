"""
Which encoding a text has, where nothing says so.

A guess is only a guess: it is shown wherever a table is, and can be given instead. What would be a coin toss
is an error that asks.
"""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass

SAMPLE_BYTES = 1 << 20
# Letters beyond ASCII that each language writes, and the Windows encoding in which it does. Where a sample is
# of one of these families, that encoding is right in which a single language explains its letters.
_LETTERS: tuple[tuple[str, str], ...] = (
    ("cp1252", "éèêëàâçùûüîïôœæÿ"),  # French
    ("cp1252", "äöüß"),  # German
    ("cp1252", "áéíñóúü"),  # Spanish
    ("cp1252", "áâãàçéêíóôõúü"),  # Portuguese
    ("cp1252", "àèéìíîòóùú"),  # Italian
    ("cp1252", "åäöéæøü"),  # Scandinavian, Finnish
    ("cp1252", "éëïöüèêçà"),  # Dutch, Catalan
    ("cp1252", "áéíóúýðþæö"),  # Icelandic
    ("cp1250", "áčďéěíňóřšťúůýž"),  # Czech
    ("cp1250", "áäčďéíĺľňóôŕšťúýž"),  # Slovak
    ("cp1250", "ąćęłńóśźż"),  # Polish
    ("cp1250", "áéíóöőúüű"),  # Hungarian
    ("cp1250", "čćđšž"),  # Croatian, Slovene
    ("cp1250", "ăâîşţ"),  # Romanian
    ("cp1254", "çğıöşüâîû"),  # Turkish
    ("cp1257", "āčēģīķļņšūž"),  # Latvian
    ("cp1257", "ąčęėįšųūž"),  # Lithuanian
    ("cp1257", "äõöüšž"),  # Estonian
)
# Other alphabets of single bytes: encodings, all letters in lower case, and those that make half of a text.
_ALPHABETS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("cp1251", "koi8_r", "mac_cyrillic", "cp866", "iso8859_5"),
        "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґўђјљњћџѓќ",
        "оеаинтсрі",
    ),
    (("cp1253",), "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ", "αοιετσνηυ"),
    (("cp1255", "cp862"), "אבגדהוזחטיךכלםמןנסעףפץצקרשת", "יוהלאתרבמ"),
    (("cp1256", "iso8859_6", "cp720"), "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأؤإئ", "اليمونرتب"),
    (("cp874",), "".join(map(chr, (*range(0x0E01, 0x0E3B), *range(0x0E40, 0x0E4F)))), "านรอกเงมย"),
)
_LEAST_SHARE = 0.85
# So many of a text's letters are among the commonest of its language; by chance it is half of that.
_LEAST_COMMON = 0.38
# A text with so few bytes beyond ASCII is a Western one, for all that is at stake.
_FEW = 0.03
# What charset-normalizer calls them, and the wider standard that programs write.
_EAST_ASIAN = {
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "hz"), "gb18030"),
    **dict.fromkeys(("big5", "cp950", "big5hkscs"), "big5hkscs"),
    **dict.fromkeys(("shift_jis", "cp932", "shift_jis_2004", "shift_jisx0213"), "cp932"),
    **dict.fromkeys(("euc_jp", "euc_jis_2004", "euc_jisx0213"), "euc_jp"),
    **dict.fromkeys(("euc_kr", "cp949", "johab"), "cp949"),
}


@dataclass(frozen=True, slots=True)
class EncodingGuess:
    """
    What a sample seems to be.

    Attributes:
        encoding: Python's name, or None where nobody can tell.
        candidates: What else it could be, the likeliest first; for messages.
    """

    encoding: str | None
    candidates: tuple[str, ...] = ()


def is_utf8(sample: bytes, *, is_whole: bool) -> bool:
    """Whether a sample is UTF-8; unless it `is_whole`, it may end in the middle of a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=is_whole)
    except UnicodeDecodeError:
        return False
    return True


def guess_encoding(sample: bytes) -> EncodingGuess:
    """
    Guess the encoding of a text that is not UTF-8 and has no byte order mark.

    Args:
        sample: The begin of the text; it may end in the middle of a character.
    """
    wide = _utf16_without_mark(sample)
    if wide:
        return EncodingGuess(wide)
    high = [byte > 0x7F for byte in sample]
    if not any(high):
        return EncodingGuess(None)
    if _are_alone(high):
        latin = _latin_encoding(sample, few=sum(high) < _FEW * len(sample))
        return EncodingGuess(latin, ("cp1252", "cp1250"))
    alphabet = _alphabet_encoding(sample)
    if alphabet:
        return EncodingGuess(alphabet)
    import charset_normalizer

    found = charset_normalizer.from_bytes(sample)
    named = tuple(dict.fromkeys(match.encoding for match in found))[:5]
    best = found.best()
    wider = _EAST_ASIAN.get(best.encoding) if best else None
    if wider and _decodes(sample, wider):
        return EncodingGuess(wider, named)
    return EncodingGuess(_latin_encoding(sample, few=sum(high) < _FEW * len(sample)), named)


def _are_alone(high: list[bool]) -> bool:
    """Whether most bytes beyond ASCII stand between ASCII ones, as accents do; in runs they are a script."""
    total = sum(high)
    alone = sum(
        here and not before and not after
        for before, here, after in zip([False, *high], high, [*high[1:], False], strict=False)
    )
    return total > 0 and alone >= 0.6 * total


def _alphabet_encoding(sample: bytes) -> str | None:
    best, best_share = None, _LEAST_COMMON
    for names, alphabet, common in _ALPHABETS:
        for name in names:
            if not _decodes(sample, name):
                continue
            text = _decoded(sample, name)
            letters = [character for character in text if character > "\x7f"]
            # No word is half Latin and half of another alphabet.
            if not letters or len(_in_words(text)) > 0.3 * len(letters):
                continue
            # In capitals the letters are others: a text that is nearly all capitals is a text misread.
            share = sum(character in common for character in letters) / len(letters)
            known = sum(character in alphabet for character in "".join(letters).lower()) / len(letters)
            if share > best_share and known > _LEAST_SHARE:
                best, best_share = name, share
    return best


def _utf16_without_mark(sample: bytes) -> str | None:
    """UTF-16 without a mark shows by its NUL bytes: nearly all texts have spaces and line ends."""
    even, odd = sample[0:4096:2].count(0), sample[1:4096:2].count(0)
    size = min(len(sample), 4096) // 2
    for name, there, elsewhere in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if there >= max(4, size // 10) and elsewhere == 0 and _decodes(sample, name):
            return name
    return None


def _latin_encoding(sample: bytes, *, few: bool) -> str | None:
    letters = {
        name: _in_words(_decoded(sample, name)) for name in dict.fromkeys(name for name, _ in _LETTERS)
    }
    best, best_share = None, 0.0
    for name, alphabet in _LETTERS:
        found = letters[name]
        if found:
            share = sum(character in alphabet for character in found) / len(found)
        else:
            share = float(_decodes(sample, name))
        # Of equals the first one, which is the commonest.
        if share > best_share:
            best, best_share = name, share
    if best_share < _LEAST_SHARE:
        best = "cp1252" if few else None
    if best == "cp1252" and not _decodes(sample, "cp1252"):
        # It leaves five bytes undefined; latin-1 leaves none.
        return "latin-1"
    return best


def _in_words(text: str) -> str:
    """What is beyond ASCII and stands beside an ASCII letter, without punctuation; lower case."""
    # The capital I with a dot becomes two characters in lower case.
    return "".join(
        character.lower()[0]
        for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False)
        if character > "\x7f"
        # Typographic quotes and dashes are the same in all of these encodings.
        and unicodedata.category(character)[0] not in "PS"
        and ((before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha()))
    )


def _decoded(sample: bytes, name: str) -> str:
    return codecs.getincrementaldecoder(name)("replace").decode(sample)


def _decodes(sample: bytes, name: str) -> bool:
    try:
        text = codecs.getincrementaldecoder(name)().decode(sample)
    except UnicodeDecodeError:
        return False
    return not any("\x80" <= character < "\xa0" and character != "\x85" for character in text)
