"""What verbs report of several models together, that are asked the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from rowbatch.steps.drive import DriveReport
from rowbatch.steps.progress import Progress


def sum_of_progress(found: Sequence[Progress]) -> Progress:
    """
    How far several runs are together: each row counts once for each model that is asked.

    Args:
        found: At least one.
    """
    if len(found) == 1:
        return found[0]
    spent = [one.spent_usd for one in found if one.spent_usd is not None]
    waiting = {str(notice): notice for one in found for notice in one.waiting}
    return Progress(
        requests=sum(one.requests for one in found),
        answered=sum(one.answered for one in found),
        failed=sum(one.failed for one in found),
        done=sum(one.done for one in found),
        rounds=max(one.rounds for one in found),
        shards=sum(one.shards for one in found),
        shards_unsent=sum(one.shards_unsent for one in found),
        shards_running=sum(one.shards_running for one in found),
        shards_over=sum(one.shards_over for one in found),
        waiting=tuple(waiting.values()),
        spent_usd=sum(spent, Decimal(0)) if spent else None,
        states=tuple(state for one in found for state in one.states),
        by_state=dict(sum((Counter(one.by_state) for one in found), Counter())),
        running_as=tuple(sorted({word for one in found for word in one.running_as})),
    )


def sum_of_drives(found: Sequence[DriveReport]) -> DriveReport:
    """
    What was done for several runs together.

    Args:
        found: At least one.
    """
    if len(found) == 1:
        return found[0]
    return DriveReport(
        progress=sum_of_progress([one.progress for one in found]),
        submitted=sum(one.submitted for one in found),
        adopted=sum(one.adopted for one in found),
        downloaded=sum(one.downloaded for one in found),
        size_bytes=sum(one.size_bytes for one in found),
        unsent=sum(one.unsent for one in found),
        stopped_because=next((one.stopped_because for one in found if one.stopped_because), None),
        needs_person=any(one.needs_person for one in found),
    )
