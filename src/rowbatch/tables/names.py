"""Names of columns that a format allows: one way to find them, for every format."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

# Source: Stata 19, "[U] 11.3 Naming conventions"; it tells upper and lower case apart.
_STATA_WORDS = frozenset(
    "_all _b byte _coef _cons double float if in int long _n _N _pi _pred _rc _skip strL using with".split()  # noqa: SIM905
)
# Source: IBM SPSS Statistics, "Variable names"; it does not tell upper and lower case apart.
_SPSS_WORDS = frozenset(["all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with"])
_STATA_CHARS, _SPSS_BYTES = 32, 64


def unique_names(names: Sequence[str]) -> list[str]:
    """
    Different names, none empty, for formats that need these: `x`, `x_2`, `column_3`.

    A name that stands once stays as it is.
    """
    return _free_names(names, [name or f"column_{at}" for at, name in enumerate(names, start=1)], _as_it_is)


def stata_names(names: Sequence[str]) -> list[str]:
    """
    Names that Stata allows: letters, digits and `_`, no digit first, 32 characters, no word of its own.

    A legal name stays, unless it stands twice; of `a b` and `a_b` the first one gets a number.
    """
    return _free_names(
        names, [_stata_name(name, at) for at, name in enumerate(names, start=1)], _as_it_is, _chars
    )


def spss_names(names: Sequence[str]) -> list[str]:
    """
    Names that SPSS allows: letters, digits and `._$#@`, a letter or `@` first, 64 bytes, no word of its own.

    A legal name stays, unless it stands twice, in whatever case.
    """
    return _free_names(
        names, [_spss_name(name, at) for at, name in enumerate(names, start=1)], str.lower, _bytes
    )


def _as_it_is(name: str) -> str:
    return name


def _chars(name: str, room: int) -> str:
    return name[: _STATA_CHARS - room]


def _bytes(name: str, room: int) -> str:
    return name.encode()[: _SPSS_BYTES - room].decode(errors="ignore")


def _free_names(
    names: Sequence[str],
    wanted: Sequence[str],
    key: Callable[[str], str],
    cut: Callable[[str, int], str] | None = None,
) -> list[str]:
    """
    Different names.

    Args:
        names: As they are.
        wanted: What each becomes if it is free; one that stays has the first right to its name.
        key: Names with the same one are the same.
        cut: Makes a name short enough for so many further characters.
    """
    found: dict[int, str] = {}
    taken: set[str] = set()
    for at, (name, want) in enumerate(zip(names, wanted, strict=True)):
        if name == want and key(want) not in taken:
            found[at] = want
            taken.add(key(want))
    for at, (name, want) in enumerate(zip(names, wanted, strict=True)):
        if at in found:
            continue
        free, number = want, 1
        while key(free) in taken:
            number += 1
            ending = f"_{at + 1 if not name and number == 2 else number}"
            free = (cut(want, len(ending)) if cut else (want if name else "column")) + ending
        taken.add(key(free))
        found[at] = free
    return [found[at] for at in range(len(names))]


def _stata_name(name: str, position: int) -> str:
    base = re.sub(r"\W", "_", name) or f"column_{position}"
    if not re.match(r"[^\W\d]", base) or base in _STATA_WORDS or re.fullmatch(r"str[0-9]+", base):
        base = f"v_{base}"
    return _chars(base, 0)


def _spss_name(name: str, position: int) -> str:
    base = re.sub(r"[^\w.$#@]", "_", name) or f"column_{position}"
    if not re.match(r"[^\W\d_]|@", base) or base.lower() in _SPSS_WORDS:
        base = f"v_{base}"
    return _bytes(base, 0)
