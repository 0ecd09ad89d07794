"""Values of which there are only some: what is none of them, and which one may have been meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rowbatch.errors import UsageError

# One slip of the pen for so many letters: `nope` is no `openai`.
_LETTERS_PER_SLIP = 4
_LEAST_LETTERS, _LEAST_PART = 3, 4


def require_one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """
    Refuse what is none of the choices.

    Args:
        name: Of the keyword.
        value: What was given for it.
        choices: All that it can be.
    Raises:
        UsageError: It is another one.
    """
    if value not in choices:
        raise UsageError("not-one-of", name=name, value=str(value), choices=list(choices))


def near_name(name: str, known: Iterable[str]) -> str:
    """
    The known name that is most like one that is none.

    Alike are two that differ in capitals and blanks alone, in one letter of every four (left out, put in,
    another one, two in the wrong order), or of which one stands in the other.

    Args:
        name: What was typed.
        known: The names that there are.
    Returns:
        "" where none is like it.
    """
    typed = _plain(name)
    best, fewest = "", 0.0
    for one in known:
        other = _plain(one)
        slips: float = _slips(typed, other)
        shorter, longer = sorted((typed, other), key=len)
        if slips > max(1, len(shorter) // _LETTERS_PER_SLIP) or len(shorter) < _LEAST_LETTERS:
            if len(shorter) < _LEAST_PART or shorter not in longer:
                continue
            # Whatever is spelled much alike comes first.
            slips += len(typed) + len(other)
        if not best or slips < fewest:
            best, fewest = one, slips
    return best


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _slips(one: str, other: str) -> int:
    """
    How many slips make one of the other, of which none touches a letter twice.

    Source:
        The optimal string alignment distance (Damerau 1964, with Wagner and Fischer's table).
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        last, before, row = before, row, [at]
        for to, wanted in enumerate(other, start=1):
            slips = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != wanted))
            if at > 1 and to > 1 and (letter, one[at - 2]) == (other[to - 2], wanted):
                slips = min(slips, last[to - 2] + 1)
            row.append(slips)
    return row[-1]
