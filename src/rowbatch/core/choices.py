"""Values of which there are only some, as programs give them: the command line and pages offer no other."""

from __future__ import annotations

from collections.abc import Sequence

from rowbatch.errors import UsageError


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
