"""JSON as every reader of it understands it: what comes in and what goes out of the server."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_NESTING = 200
"""How deep lists and objects may lie in each other. Schemas and messages need a few dozen at most."""


def parse(raw: bytes) -> Any:
    """
    Read one JSON document.

    Half of a surrogate pair (`"\\ud800"`) is kept as it is: it can be written again by `written`.

    Args:
        raw: In UTF-8, with a byte order mark or without.
    Raises:
        ValueError: It is no JSON, no UTF-8, has NaN or a number beyond every float, or lies deeper than
            `MAX_NESTING`.
    """
    text = raw.decode()
    try:
        found = json.loads(
            text.removeprefix("\ufeff"), parse_constant=_refuse_constant, parse_float=_finite_float
        )
    except RecursionError:
        raise ValueError("too deep") from None
    # Counted before walked: most documents have fewer brackets than levels that are allowed.
    if raw.count(b"[") + raw.count(b"{") > MAX_NESTING and _nesting(found) > MAX_NESTING:
        raise ValueError("too deep")
    return found


def parse_object(raw: bytes) -> dict[str, Any]:
    """
    Read one JSON object.

    Raises:
        ValueError: As `parse`, or it is something else than an object.
    """
    found = parse(raw)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - as every other fault of a text
    return found


def written(value: Any) -> bytes:
    """
    One line of JSON, in ASCII: also half of a surrogate pair has a form there.

    Raises:
        ValueError: It has NaN or an infinite number, which JSON has not.
    """
    return json.dumps(value, allow_nan=False).encode("ascii")


def has_half_surrogates(value: Any) -> bool:
    """Whether a text in it, at any depth, is none that UTF-8 can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def whole_text(text: str) -> str:
    """The text with what UTF-8 cannot hold replaced, for names that are shown to people and kept."""
    return text.encode("utf-8", "replace").decode()


def _nesting(value: Any) -> int:
    """Levels of lists and objects, without calling itself: what is measured may be deep."""
    deepest, left = 0, [(value, 1)]
    while left:
        found, level = left.pop()
        if isinstance(found, dict | list):
            deepest = max(deepest, level)
            if deepest > MAX_NESTING:
                break
            inner = found.values() if isinstance(found, dict) else found
            left += [(part, level + 1) for part in inner if isinstance(part, dict | list)]
    return deepest


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite_float(digits: str) -> float:
    found = float(digits)
    if not math.isfinite(found):
        raise ValueError("a number beyond every float")
    return found
