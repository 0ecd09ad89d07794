"""Texts of strangers as a terminal may show them, and money as people read it."""

from __future__ import annotations

import unicodedata
from decimal import Decimal


def printable(text: str, *, lines: bool = False) -> str:
    """
    Make foreign text harmless for a terminal: no escape sequence, no direction mark gets through.

    Args:
        text: Anything.
        lines: Keep line breaks; else they become spaces.
    """
    shown = []
    for character in text:
        if character == "\n" and lines:
            shown.append(character)
        elif character in "\n\t\r":
            shown.append(" ")
        elif unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character != "\u200d":
            shown.append("\ufffd")
        else:
            shown.append(character)
    return "".join(shown)


def dollars(amount: Decimal | float | str) -> str:
    """
    An amount of US dollars; of less than one, also its hundredths of a cent, and of less than these its first
    two digits, so that what is not nothing is never told as nothing.
    """
    exact = Decimal(str(amount))
    if not exact or abs(exact) >= 1:
        return f"${exact:,.2f}"
    # As many places as its first two digits need, and four at least.
    places = max(4, 1 - exact.adjusted())
    told = f"{exact:.{places}f}"
    return f"${told.rstrip('0') if places > 4 else told}"
