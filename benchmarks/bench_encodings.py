"""
How often the encoding of a text is guessed right, beside libraries that only do this, and how long it takes.

    python benchmarks/bench_encodings.py --web-texts FOLDER [--cut 100 --cut 300] [--wrong]
    python benchmarks/bench_encodings.py --sentences --web-texts FOLDER

`FOLDER` holds a folder for each encoding, named after it and, if you like, a language behind it
(`iso-8859-2-polish`), with texts in that encoding. The tests of chardet up to 5.2.0 have that form: about
400 pages of the web in 40 encodings (the sdist on PyPI, folder `tests`). With `--sentences` it holds
`LANGUAGE.txt` instead, a sentence a line in UTF-8 (`pl.txt`): of them are made a few words, some sentences,
and tables of few and many rows, in each encoding in which the language was written.

Right is a guess that reads the very characters that the folder's encoding reads, or those of its wider
standard, which is what programs write (cp949 for EUC-KR, cp1252 for ISO-8859-1). Each is asked in the way
its makers advise, and gets the same bytes.
"""

from __future__ import annotations

import codecs
import random
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from options import parser_of

from rowbatch.tables.encodings import guess_encoding, is_utf8

_WIDER = {
    "big5": ("cp950", "big5hkscs"),
    "euc_kr": ("cp949",),
    "gb2312": ("gb18030",),
    "shift_jis": ("cp932", "shift_jisx0213"),
    "cp932": ("shift_jis",),
    "euc_jp": ("euc_jisx0213",),
    "iso2022_jp": ("iso2022_jp_ext", "iso2022_jp_2"),
    "iso8859-1": ("cp1252",),
    "iso8859-9": ("cp1254",),
    "iso8859-6": ("cp1256",),
    "iso8859-7": ("cp1253",),
    "iso8859-8": ("cp1255",),
    "tis-620": ("cp874",),
    "ascii": ("utf-8",),
}
_GROUPS = {
    "Windows": ("cp125", "cp874"),
    "East Asian": ("big5", "euc_", "gb", "cp932", "cp949", "cp950", "shift", "johab", "iso2022", "hz"),
    "UTF": ("utf", "ascii"),
    "DOS": ("cp4", "cp7", "cp85", "cp86"),
    "Mac": ("mac",),
    "ISO and KOI8": ("iso8859", "koi8", "tis"),
}
# Where each language was written on computers; the Windows one first.
_WRITTEN_IN = {
    "cs sk hu hr sl pl": "cp1250 iso8859-2 cp852 mac-latin2",
    "ro": "cp1250 iso8859-2 iso8859-16 cp852",
    "da de es fi fr it nl pt pt_BR sv nb ca is": "cp1252 iso8859-15 mac-roman cp850",
    "ga": "cp1252 iso8859-14",
    "cy": "iso8859-14",
    "eo": "iso8859-3",
    "tr": "cp1254 iso8859-9 cp857 mac-turkish",
    "lt lv et": "cp1257 iso8859-13 cp775 iso8859-4",
    "ru bg": "cp1251 koi8-r cp866 cp855 mac-cyrillic iso8859-5",
    "uk": "cp1251 koi8-u cp1125 mac-cyrillic iso8859-5",
    "be mk sr": "cp1251 cp855 mac-cyrillic iso8859-5",
    "kk": "kz1048 ptcp154",
    "el": "cp1253 iso8859-7 cp737 mac-greek",
    "he": "cp1255 iso8859-8 cp862",
    "ar": "cp1256 iso8859-6 cp720",
    "fa": "cp1256",
    "th": "cp874",
    "vi": "cp1258",
    "ja": "cp932 euc_jp iso2022_jp",
    "ko": "cp949 johab iso2022_kr",
    "zh_Hans": "gb18030 hz",
    "zh_Hant": "cp950 big5hkscs",
}
_UNICODE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# Signs that came later than most of these encodings.
_OLDER = {
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u00ab\u00bb"), '"'),
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a"), "'"),
    **dict.fromkeys(map(ord, "\u2013\u2014\u2011\u2212"), "-"),
    **dict.fromkeys(map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u200c"), None),
    0x2026: "...",
    0xA0: " ",
    0x2022: "*",
    0x202F: " ",
}
_ROMANIAN = str.maketrans("șțȘȚ", "şţŞŢ")
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_VIETNAMESE = {
    unicodedata.normalize("NFC", base + tone): base + tone
    for base in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
    for tone in _TONES
}
_TURKISH = ("cp1254", "iso8859-9", "cp857", "mac-turkish")


def _ours(data: bytes) -> str | None:
    # As the reader of CSV asks: a mark first, then UTF-8, then a guess.
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return name
    from rowbatch.tables.encodings import looks_encoded

    guess = guess_encoding(data).encoding if not is_utf8(data, is_whole=True) or looks_encoded(data) else None
    if is_utf8(data, is_whole=True):
        return guess or "utf-8"
    return guess


def _of_chardet(data: bytes) -> str | None:
    import chardet

    return chardet.detect(data, compat_names=False)["encoding"]


def _of_charset_normalizer(data: bytes) -> str | None:
    import charset_normalizer

    best = charset_normalizer.from_bytes(data).best()
    return best.encoding if best else None


_GUESSERS: dict[str, Callable[[bytes], str | None]] = {
    "rowbatch": _ours,
    "chardet": _of_chardet,
    "charset-normalizer": _of_charset_normalizer,
}


def _samples(folder: Path) -> Iterator[tuple[str, Path, bytes]]:
    for inner in sorted(folder.iterdir()):
        name = inner.name.lower()
        while name:
            try:
                codec = codecs.lookup(name).name
                break
            except LookupError:
                name = name.rpartition("-")[0]
        else:
            continue
        for file in sorted(inner.iterdir()):
            yield codec, file, file.read_bytes()


def _made(folder: Path) -> Iterator[tuple[str, Path, bytes]]:
    drawn = random.Random(7)
    for languages, written_in in _WRITTEN_IN.items():
        for language in languages.split():
            file = folder / f"{language}.txt"
            if not file.exists():
                continue
            lines = [_as_typed(line, language) for line in file.read_text("utf-8").splitlines()]
            for shape, count in (("words", 1), ("sentences", 4), ("rows", 3), ("table", 40), ("long", 200)):
                for codec in (*written_in.split(), drawn.choice(_UNICODE)):
                    for _ in range(8 if count < 40 else 2):
                        some = drawn.sample(lines, min(count, len(lines)))
                        text = _shaped(shape, some, drawn)
                        data = text.encode(codec, "ignore")
                        if not text.isascii() and data.decode(codec) == text:
                            yield codec, Path(language, shape), data


def _as_typed(line: str, language: str) -> str:
    """The letters that an older encoding has."""
    line = line.translate(_OLDER)
    if language == "ro":
        return line.translate(_ROMANIAN)
    if language == "vi":
        # cp1258 has the tones as marks of their own.
        return "".join(_VIETNAMESE.get(c, c) for c in unicodedata.normalize("NFC", line))
    return line


def _shaped(shape: str, lines: list[str], drawn: random.Random) -> str:
    if shape == "words":
        return " ".join(lines[0].split()[:6])
    if shape in ("sentences", "long"):
        return "\n".join(lines)
    rows = [
        f"{number};2024-0{drawn.randint(1, 9)}-11;{line.replace(';', ',')};{drawn.randint(1, 5)}"
        for number, line in enumerate(lines, 1)
    ]
    return "\r\n".join(("id;date;text;score", *rows, ""))


def _read(data: bytes, name: str | None) -> str | None:
    if name is None:
        return None
    try:
        # A mark is no part of the text, whoever names the encoding.
        return codecs.decode(data, name, "replace").removeprefix("\ufeff")
    except LookupError:
        return None


def _is_right(data: bytes, codec: str, guess: str | None) -> bool:
    read = _read(data, guess)
    return read is not None and any(read == _read(data, name) for name in (codec, *_WIDER.get(codec, ())))


def _group(codec: str) -> str:
    return next((group for group, begins in _GROUPS.items() if codec.startswith(begins)), "others")


def _cut(data: bytes, size: int, codec: str) -> bytes:
    """The first lines with something beyond ASCII in them, of so many bytes; whole characters only."""
    text = codecs.decode(data, codec, "replace").replace("\ufffd", "")
    lines = [line for line in text.splitlines() if not line.isascii()]
    kept = ""
    for line in lines:
        for word in (*line.split(" "), "\n"):
            piece = kept + (" " if kept and not kept.endswith("\n") and word != "\n" else "") + word
            if len(piece.encode(codec, "ignore")) > size:
                return kept.encode(codec, "ignore")
            kept = piece
    return kept.encode(codec, "ignore")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--web-texts", type=Path, help="the folder with the texts")
    parser.add_argument(
        "--sentences", action="store_true", help="the folder holds sentences by language, in UTF-8"
    )
    parser.add_argument("--cut", type=int, action="append", default=[], help="also texts of so many bytes")
    parser.add_argument("--wrong", action="store_true", help="name each text that rowbatch reads wrongly")
    parser.add_argument("--only", action="append", choices=tuple(_GUESSERS), default=[])
    options = parser.parse_args()
    if options.web_texts is None:
        print("nothing is measured without texts: --web-texts FOLDER")
        return
    names = options.only or list(_GUESSERS)
    samples = list((_made if options.sentences else _samples)(options.web_texts))
    for size in (0, *options.cut):
        right: dict[str, Counter[str]] = defaultdict(Counter)
        took = dict.fromkeys(names, 0.0)
        total: Counter[str] = Counter()
        total_bytes = 0
        for codec, file, whole in samples:
            data = _cut(whole, size, codec) if size else whole
            if not data or (size and data.isascii() and not codec.startswith(("iso2022", "hz"))):
                continue
            shapes = [file.name] if options.sentences else []
            groups = [_group(codec), "all", *shapes] + ["Turkish"] * (
                "turkish" in str(file.parent) or codec in _TURKISH
            )
            total.update(groups)
            total_bytes += len(data)
            for name in names:
                begun = time.process_time()
                guess = _GUESSERS[name](data)
                took[name] += time.process_time() - begun
                if _is_right(data, codec, guess):
                    right[name].update(groups)
                elif options.wrong and name == "rowbatch":
                    print(f"  wrong: {codec} read as {guess}: {file.parent.name}/{file.name}: {data[:90]!r}")
        print(f"{f'cut to {size} bytes' if size else 'whole texts'} ({total['all']} texts)")
        for group in sorted(total, key=lambda group: (group != "all", group)):
            shares = "  ".join(
                f"{name} {right[name][group]}/{total[group]} ({right[name][group] / total[group]:.1%})"
                for name in names
            )
            print(f"  {group:14} {shares}")
        for name in names:
            print(f"  {name}: {took[name] / (total_bytes / 2**20):.3f} s CPU per MiB")


if __name__ == "__main__":
    main()
