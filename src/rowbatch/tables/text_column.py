"""Which column of a table has the texts: a guess that a person sees, and can change."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

_PATTERNS = (
    # Numbers, also with marks; days and times; addresses; ids.
    r"^[+-]?[$€£¥]?\s?\d[\d.,' ]*\s?[%$€£¥]?$",
    r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ,]+\d{1,2}:\d{2}.*)?$",
    r"^\d{1,2}:\d{2}(:\d{2})?(\s?[AaPp][Mm])?$",
    r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    r"^(https?://|www\.)\S+$",
    r"^\{?[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\}?$",
    # East Asian sentences have no blanks either.
    r"^[^\s\p{Han}\p{Hiragana}\p{Katakana}]*\d[^\s\p{Han}\p{Hiragana}\p{Katakana}]*$",
)
_NO_TEXT = "|".join(f"(?:{pattern})" for pattern in _PATTERNS)
# Words that name texts, in the languages of most tables.
_NAMES = frozenset(
    (
        *(
            "text",
            "texts",
            "comment",
            "comments",
            "answer",
            "response",
            "message",
            "body",
            "content",
            "tweet",
        ),
        *(
            "post",
            "review",
            "feedback",
            "description",
            "abstract",
            "sentence",
            "statement",
            "speech",
            "quote",
        ),
        *("kommentar", "antwort", "nachricht", "beitrag", "inhalt", "beschreibung", "rede", "aussage"),
        *("texte", "commentaire", "réponse", "avis", "contenu", "discours", "phrase"),
        *("texto", "comentario", "respuesta", "mensaje", "contenido", "opinión", "frase"),
        *("文本", "正文", "内容", "评论", "留言", "回答", "意见", "反馈", "消息", "帖子"),
    )
)
_WORDS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|[^\W\d_]+")
_MOSTLY = 0.6
_FEW_VALUES = 0.1
_LEAST_FEW = 5
# Answers to a question may be a few words, but more than yes, no and both.
_LEAST_NAMED = 3
_SHORT_CHARS = 80
_LEAST_CHARS = 3
_HAN = r"\p{Han}"


def likely_text_column(header: Sequence[str], frame: pl.DataFrame) -> int | None:
    """
    Guess the column with the texts.

    A column whose name says so (`comment`, `Q1_TEXT`, `评论`) comes first, then the one with the longest
    texts, then one with codes of few values; never one of ids, dates, numbers, mail or web addresses.

    Args:
        header: Names of the columns.
        frame: Some hundred rows, all text.
    Returns:
        Its position, among those whose name stands once; None where there is none.
    """
    best, best_score = None, (-1, -1, -1.0)
    for position, (name, cells) in enumerate(zip(header, frame.get_columns(), strict=True)):
        if not name.strip() or list(header).count(name) > 1:
            continue
        texts = cells.str.strip_chars()
        texts = texts.filter(texts != "")
        if not len(texts) or _share(texts, _NO_TEXT) > _MOSTLY:
            continue
        chars = float(texts.str.len_chars().sum() / len(texts))
        # Of East Asian texts a letter is a word.
        is_long = chars >= _LEAST_CHARS or _share(texts, _HAN) > _MOSTLY
        is_named = is_long and names_text(name) and not _is_of_few(texts, chars, _LEAST_NAMED)
        score = (int(is_named), int(not _is_of_few(texts, chars, _LEAST_FEW)), chars)
        if score > best_score:
            best, best_score = position, score
    return best


def _share(texts: pl.Series, pattern: str) -> float:
    """Of how many texts a part fits a pattern; there is one text at least."""
    return float(texts.str.contains(pattern).sum() / len(texts))


def names_text(name: str) -> bool:
    """Whether a column's name says that it has texts."""
    words = {word.lower() for word in _WORDS.findall(name)}
    return bool(words & _NAMES) or any(
        word in name for word in _NAMES if not word.isascii() and len(word) == 2
    )


def _is_of_few(texts: pl.Series, chars: float, few: int) -> bool:
    """Whether cells are codes: short, and so few different ones, in many rows."""
    most = max(few, _FEW_VALUES * len(texts) if few == _LEAST_FEW else 0)
    return len(texts) > 2 * _LEAST_FEW and texts.n_unique() <= most and chars < _SHORT_CHARS
