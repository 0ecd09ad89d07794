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
    r"^\S*\d\S*$",
)
_NO_TEXT = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS)).pattern
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
_SHORT_CHARS = 80
# Of a text, on average; East Asian ones are short.
_LEAST_CHARS = 3


def likely_text_column(header: Sequence[str], frame: pl.DataFrame) -> int | None:
    """
    Guess the column with the texts.

    A column whose name says so (`comment`, `Q1_TEXT`, `评论`) comes first, then the one with the longest
    texts; ids, dates, numbers, addresses and codes of few values only where there is nothing else.

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
        filled = cells.filter(cells.str.strip_chars() != "")
        chars = float(filled.str.len_chars().mean() or 0)  # type: ignore[arg-type]
        is_text = len(filled) > 0 and not _is_no_text(filled, chars)
        score = (int(is_text), int(is_text and chars >= _LEAST_CHARS and names_text(name)), chars)
        if score > best_score:
            best, best_score = position, score
    return best


def names_text(name: str) -> bool:
    """Whether a column's name says that it has texts."""
    words = {word.lower() for word in _WORDS.findall(name)}
    return bool(words & _NAMES) or any(
        word in name for word in _NAMES if not word.isascii() and len(word) == 2
    )


def _is_no_text(filled: pl.Series, chars: float) -> bool:
    """Whether cells are mostly ids, dates, numbers or addresses, or codes of few values."""
    texts = filled.str.strip_chars()
    if float(texts.str.contains(_NO_TEXT).mean() or 0) > _MOSTLY:  # type: ignore[arg-type]
        return True
    few = max(_LEAST_FEW, _FEW_VALUES * len(texts))
    return len(texts) > 2 * _LEAST_FEW and texts.n_unique() <= few and chars < _SHORT_CHARS
