"""Which text a row is of, without the text: how archives and runs again know rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

SEPARATOR = "\x1f"
"""Between the cells that a row asks about."""


def text_digest(cells: Iterable[str]) -> str:
    """
    SHA-256 of what a row asks about: its cells in the order in which the question names them, with U+001F
    between.

    Of a short or common text it can be guessed by trying: it hides nothing from who has an idea of it.
    """
    return hashlib.sha256(SEPARATOR.join(cells).encode()).hexdigest()


def digests(rows: Iterable[Sequence[str]]) -> list[str]:
    """`text_digest` of each row."""
    return [text_digest(row) for row in rows]
