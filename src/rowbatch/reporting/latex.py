"""A report as LaTeX, for the appendix of a paper: `article` with packages that every distribution has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import assert_never
from unicodedata import bidirectional, category, name

from rowbatch.core.document import Bars, Block, Code, Document, Dots, Paragraph, Table

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "✓": r"\checkmark{}",
    "κ": r"$\kappa$",
    "α": r"$\alpha$",
}
_SPECIAL = re.compile("|".join(re.escape(one) for one in _ESCAPED))
# Below U+0250 the fonts of T1 have what languages of Europe need; above, only XeLaTeX and LuaLaTeX do.
_NEEDS_UNICODE = re.compile("[^\x00-\u024f" + "".join(one for one in _ESCAPED if ord(one) > 0x24F) + "]")
_CJK = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef"
_IS_CJK = re.compile(f"[{_CJK}]")
# The Chinese fonts of TeX Live (Fandol) have nothing for it.
_IS_HANGUL = re.compile("[\uac00-\ud7a3]")
# Neither Latin nor CJK. A mark on a letter stays with its letter, of whatever script.
_FAR = re.compile(
    "[^\x00-\u024f\u0300-\u036f" + _CJK + "".join(one for one in _ESCAPED if ord(one) > 0x24F) + "]"
    "[^\x00-\u024f" + _CJK + "".join(one for one in _ESCAPED if ord(one) > 0x24F) + "]*"
)
# What a font has not is missing on the page without a word: seen with TeX Live 2022, whose default has no
# Cyrillic, Greek (but for a few), Arabic, Hebrew, Devanagari, Thai. FreeSerif has, and is part of TeX Live.
_FAR_FONTS = r"""\IfFontExistsTF{FreeSerif}{\setmainfont{FreeSerif}\setmonofont{FreeMono}}{%
\IfFontExistsTF{FreeSerif.otf}{\setmainfont{FreeSerif.otf}[BoldFont=FreeSerifBold.otf]\setmonofont{FreeMono.otf}}{%
\IfFontExistsTF{DejaVu Serif}{\setmainfont{DejaVu Serif}\setmonofont{DejaVu Sans Mono}}{}}}
"""
_HANGUL_FONTS = (
    r"\IfFontExistsTF{Noto Serif CJK SC}"
    r"{\setCJKmainfont{Noto Serif CJK SC}\setCJKmonofont{Noto Sans Mono CJK SC}}{}"
    "\n"
)
# Hebrew, Arabic, Syriac, Thaana, N'Ko, Adlam and others.
_IS_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# Letters of Arabic join only where the font is told the script; each engine has its own word for the direction.
_DIRECTIONS = r"""\ifdefined\XeTeXversion\TeXXeTstate=1
\DeclareRobustCommand{\rtl}[1]{\leavevmode{\addfontfeatures{Script=Arabic}\beginR #1\endR}}
\DeclareRobustCommand{\ltr}[1]{{\beginL #1\endL}}
\else
\DeclareRobustCommand{\rtl}[1]{\leavevmode{\addfontfeatures{Renderer=HarfBuzz,Script=Arabic}\textdirection 1 #1}}
\DeclareRobustCommand{\ltr}[1]{{\textdirection 0 #1}}
\fi
"""
_IF_HERE = r'\DeclareRobustCommand{\ifhere}[3]{\iffontchar\font"#1 #2\else[#3]\fi}' + "\n"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LONG_WORD = re.compile(r"[A-Za-z0-9]{24,}")


def latex_of(document: Document, bibliography: str = "") -> str:
    """
    The source.

    Args:
        document: All texts in it are escaped here.
        bibliography: Name of the `.bib` file, without its ending; "" for none.
    """
    body = "".join(
        (f"\\section*{{{escaped(one.title)}}}\n" if one.title else "")
        + "".join(map(_block, one.blocks))
        + "\n"
        for one in document.sections
    )
    told = body + document.title + document.lead
    is_chinese = document.language == "zh"
    needs_unicode = is_chinese or _NEEDS_UNICODE.search(told) is not None
    kind = "ctexart" if is_chinese else "article"
    fonts = (
        ""
        if is_chinese
        else "\\usepackage[scheme=plain]{ctex}\n"
        if _IS_CJK.search(told)
        else "\\usepackage{fontspec}\n"
        if needs_unicode
        else "\\usepackage[T1]{fontenc}\n\\usepackage[utf8]{inputenc}\n\\usepackage{lmodern}\n\\usepackage{textcomp}\n"
    )
    if needs_unicode:
        fonts += "\\usepackage{fontspec}\n" if "fontspec" not in fonts else ""
        fonts += _FAR_FONTS if _FAR.search(told) else ""
        fonts += _HANGUL_FONTS if _IS_HANGUL.search(told) else ""
        fonts += _IF_HERE
        fonts += _DIRECTIONS if _IS_RIGHT_TO_LEFT.search(told) else ""
    engine = "% XeLaTeX or LuaLaTeX\n" if needs_unicode else "% pdfLaTeX, XeLaTeX or LuaLaTeX\n"
    cited = (
        f"\\nocite{{*}}\n\\bibliographystyle{{plain}}\n\\bibliography{{{bibliography}}}\n"
        if bibliography
        else ""
    )
    return (
        f"{engine}\\documentclass[11pt]{{{kind}}}\n{fonts}\\usepackage[margin=2.5cm]{{geometry}}\n"
        "\\usepackage{longtable}\n\\usepackage{array}\n\\usepackage{amssymb}\n\\usepackage{xcolor}\n"
        "\\setlength{\\parindent}{0pt}\\setlength{\\parskip}{5pt plus 2pt}\\sloppy\n"
        f"\\title{{{escaped(document.title)}}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n"
        f"{escaped(document.lead)}\n\n{body}{cited}"
        f"{{\\small {escaped(document.made_with)}}}\n\\end{{document}}\n"
    )


def escaped(text: str) -> str:
    """
    A text as LaTeX shows it: nothing in it is a command. What the font lacks is told by its code, and what is
    written from right to left is set so.
    """
    if not _IS_RIGHT_TO_LEFT.search(text):
        return _escaped(text)
    return "\n".join(_directed(line) for line in text.split("\n"))


_RIGHT, _LEFT, _NUMBER = ("R", "AL"), ("L",), ("EN", "AN")


def _directed(line: str) -> str:
    """
    A line in the order in which it is read.

    Its first letter says which way the line goes, and within it a part that goes the other way reaches from
    the first to the last such letter. Numbers go from left to right.

    Source:
        Unicode Standard Annex 9, rules P2, P3, N1 and I1 to I2; parts within parts are not told apart.
    """
    kinds = [bidirectional(char) for char in line]
    first = next((kind for kind in kinds if kind in (*_RIGHT, *_LEFT)), "L")
    if first in _RIGHT:
        return f"\\rtl{{{_with_parts(line, kinds, (*_LEFT, *_NUMBER), _RIGHT, 'ltr')}}}"
    return _with_parts(line, kinds, _RIGHT, _LEFT, "rtl")


def _with_parts(
    line: str, kinds: Sequence[str], inside: Sequence[str], against: Sequence[str], told: str
) -> str:
    """
    A line whose parts of the other direction are marked.

    Args:
        line: It.
        kinds: Of its characters.
        inside: Kinds that begin and end a part.
        against: Kinds that no part has.
        told: The command for a part.
    """
    shown, at = "", 0
    while at < len(line):
        start = next((place for place in range(at, len(line)) if kinds[place] in inside), len(line))
        shown += _escaped(line[at:start])
        stop = next((place for place in range(start, len(line)) if kinds[place] in against), len(line))
        at = next((place + 1 for place in reversed(range(start, stop)) if kinds[place] in inside), stop)
        # A mark stays with its letter.
        while at < stop and kinds[at] == "NSM":
            at += 1
        if start < at:
            part, of_part = line[start:at], kinds[start:at]
            within = _with_parts(part, of_part, _NUMBER, _RIGHT, "ltr") if told == "rtl" else _escaped(part)
            shown += f"\\{told}{{{within}}}"
    return shown


def _escaped(text: str) -> str:
    shown = _SPECIAL.sub(lambda found: _ESCAPED[found[0]], _CONTROL.sub(" ", text))
    shown = _FAR.sub(lambda found: "".join(map(_if_here, _runs(found[0]))), shown)
    # Digests have no place to break at.
    return _LONG_WORD.sub(lambda found: r"\allowbreak{}".join(re.findall(".{1,8}", found[0])), shown)


def _runs(text: str) -> list[str]:
    """Parts that one font has, or has not: letters of a script with their marks, and each symbol."""
    runs: list[str] = []
    before = ""
    for char in text:
        kind = category(char)
        script = name(char, "").partition(" ")[0] if kind[0] == "L" else ""
        if runs and (kind[0] in "MC" or (script and script == before)):
            runs[-1] += char
        else:
            runs.append(char)
            before = script
    return runs


def _if_here(run: str) -> str:
    first = f"{ord(run[0]):04X}"
    return f"\\ifhere{{{first}}}{{{run}}}{{U+{first}{'' if len(run) == 1 else _ESCAPED['…']}}}"


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            told = escaped(block.text)
            return f"\\textcolor{{red}}{{\\textbf{{{told}}}}}\n\n" if block.is_alert else f"{told}\n\n"
        case Table():
            return _table(block)
        case Bars():
            rows = [(bar.name, bar.shown) for bar in block.bars]
            return f"\\textbf{{{escaped(block.title)}}}\n\n" + _table(Table(("", ""), rows, (1,)))
        case Dots():
            return f"\\textbf{{{escaped(block.title)}}}\n\n" + _table(_as_table(block))
        case Code():
            lines = [_indented(line) for line in block.text.split("\n")]
            return "{\\small\\ttfamily\\raggedright " + "\\par\n".join(lines) + "\\par}\n\n"
        case _:
            assert_never(block)


def _as_table(picture: Dots) -> Table:
    """A number a row, and what it is: LaTeX draws no dots without a package that journals may not have."""
    groups = list(dict.fromkeys(group for group, _ in picture.rows))

    def value_in(group: str, marks: Sequence[bool]) -> str:
        found = [
            value for (name, value), mark in zip(picture.rows, marks, strict=True) if mark and name == group
        ]
        return found[0] if found else ""

    rows = [
        (
            one.name,
            *(value_in(group, one.marks) for group in groups),
            _ends(one.value, one.low, one.high),
            _ends(one.corrected, one.corrected_low, one.corrected_high),
        )
        for one in picture.dots
    ]
    numbers = (len(groups) + 1, len(groups) + 2)
    return Table(("", *groups, *picture.legend), rows, numbers)


def _ends(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _indented(line: str) -> str:
    bare = line.lstrip(" ")
    return "\\mbox{}" + "~" * (len(line) - len(bare)) + escaped(bare)


def _table(table: Table) -> str:
    words = [at for at in range(len(table.header)) if at not in table.numbers]
    share = (0.92 - 0.13 * len(table.numbers)) / max(1, len(words))
    columns = "".join(
        "r" if at in table.numbers else f">{{\\raggedright\\arraybackslash}}p{{{share:.2f}\\textwidth}}"
        for at in range(len(table.header))
    )
    head = " & ".join(f"\\textbf{{{escaped(cell)}}}" for cell in table.header)
    rows = "".join(" & ".join(map(_cell, row)) + " \\\\\n" for row in table.rows)
    note = f"{{\\small {escaped(table.note)}}}\n\n" if table.note else ""
    return (
        f"\\begin{{longtable}}{{{columns}}}\n\\hline\n{head} \\\\\n\\hline\n\\endhead\n{rows}\\hline\n"
        f"\\end{{longtable}}\n{note}"
    )


def _cell(text: str) -> str:
    # A bracket after the end of a row would be read as its distance.
    shown = escaped(text).replace("\n", "\\newline ")
    return f"{{}}{shown}" if shown.startswith("[") else shown
