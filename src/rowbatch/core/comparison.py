"""People's values beside those of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat

from rowbatch.core.agreement import Comparison
from rowbatch.core.kinds.base import Variable
from rowbatch.errors import UsageError

_SHOWN = 5


def compare_counted(variable: Variable, counted: Iterable[tuple[str, str, int]], column: str) -> Comparison:
    """
    Compare what people wrote into a column with a run's.

    Args:
        variable: Whose values these are.
        counted: What people wrote, the run's value or "", and in how many rows; rows where people wrote
            nothing are left out.
        column: Where people wrote it, for messages.
    Raises:
        UsageError: People wrote nothing, or what the codebook does not allow.
    """
    read: list[tuple[str, str | None, int]] = []
    strange: set[str] = set()
    for said, value, count in counted:
        try:
            read.append((variable.people_value(said), value or None, count))
        except UsageError:
            strange.add(said)
    if strange:
        raise UsageError("people-not-in-codebook", column=column, values=sorted(strange)[:_SHOWN])
    if not read:
        raise UsageError("people-say-nothing", column=column)

    def pairs() -> Iterator[tuple[str, str | None]]:
        for said, value, count in read:
            yield from repeat((said, value), count)

    return variable.compare(pairs())
