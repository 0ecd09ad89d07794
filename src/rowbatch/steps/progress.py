"""How the batches stand, and how many rows have their answer: one count, for every face."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from rowbatch.core.direct_ids import is_direct
from rowbatch.core.findings import read_findings
from rowbatch.core.states import RowStatus, ShardState
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.words.notice import Notice

_OVER = (ShardState.ENDED, ShardState.DOWNLOADED)


@dataclass(frozen=True, slots=True)
class ShardProgress:
    """
    How one shard stands.

    Attributes:
        name: `r1-0001`.
        state: Its state.
        batch_status: The provider's word for its batch, or "".
        requests, done, failed: Requests: all; those that came back; of these, those without a usable answer.
            By the provider's counters until the results are here, then through the codebook.
        waits_for: Why it is not submitted yet, or None.
        is_direct: Its rows are asked one by one, from here.
    """

    name: str
    state: str
    batch_status: str
    requests: int
    done: int
    failed: int
    waits_for: Notice | None
    is_direct: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """
    How far a run is, from the ledger. A row counts once, in however many rounds it is asked.

    Attributes:
        requests: Rows of the table that are asked.
        answered: Of these, rows with an answer that the codebook allows; of a batch whose results are not
            here yet, as many as the provider counts.
        failed: Rows that came back without one, and are not being asked again now. Those of a cancelled batch
            did not come back.
        done: Rows for which nothing is waited for: answered or failed.
        rounds: How many rounds there are.
        shards: How many there are; one that was cut is not counted, those in its place are.
        shards_unsent, shards_running, shards_over: How they stand.
        waiting: Why shards are not submitted yet, each reason once.
        spent_usd: What the results that came did cost; None without a price.
        states: Each shard.
    """

    requests: int
    answered: int
    failed: int
    done: int
    rounds: int
    shards: int
    shards_unsent: int
    shards_running: int
    shards_over: int
    waiting: tuple[Notice, ...]
    spent_usd: Decimal | None
    states: tuple[ShardProgress, ...]


def read_progress(ledger: Ledger) -> Progress:
    """How far the run is. Asks nobody."""
    # What was taken over is not on its way.
    shards = [shard for shard in ledger.shards() if shard.state is not ShardState.CUT and shard.round]
    waiting = {
        str(shard.waits_for): shard.waits_for for shard in shards if shard.waits_for and _is_unsent(shard)
    }
    spent = [shard.spent_usd for shard in shards if shard.spent_usd is not None]
    counts = {shard.name: _count(shard) for shard in shards}
    rounds = max((shard.round for shard in shards), default=0)
    requests = sum(shard.requests for shard in shards if shard.round == 1)
    answered = min(requests, sum(count.answered for count in counts.values()))
    # Whoever is asked in a later round came back without an answer in an earlier one, all of which are over.
    failed = sum(counts[shard.name].failed for shard in shards)
    failed += sum(counts[shard.name].cancelled for shard in shards if shard.round < rounds)
    failed -= sum(shard.requests for shard in shards if shard.round > 1)
    failed = min(max(failed, 0), requests - answered)
    return Progress(
        requests=requests,
        answered=answered,
        failed=failed,
        done=answered + failed,
        rounds=rounds,
        shards=len(shards),
        shards_unsent=sum(_is_unsent(shard) for shard in shards),
        shards_running=sum(shard.state is ShardState.SUBMITTED for shard in shards),
        shards_over=sum(shard.state in _OVER for shard in shards),
        waiting=tuple(waiting.values()),
        spent_usd=sum(spent, Decimal(0)) if spent else None,
        states=tuple(
            ShardProgress(
                shard.name,
                shard.state.value,
                shard.batch_status or "",
                shard.requests,
                counts[shard.name].answered + counts[shard.name].failed,
                counts[shard.name].failed,
                shard.waits_for if _is_unsent(shard) else None,
                is_direct(shard.batch_id),
            )
            for shard in shards
        ),
    )


def _is_unsent(shard: Shard) -> bool:
    return shard.state not in (*_OVER, ShardState.SUBMITTED)


class _Count(NamedTuple):
    """Requests of a shard: with an answer, come back without one, and cancelled before their turn."""

    answered: int
    failed: int
    cancelled: int


def _count(shard: Shard) -> _Count:
    findings = read_findings(shard.findings)
    if shard.state is not ShardState.DOWNLOADED or findings is None:
        # A hint of the provider's; what an older version brought was not counted any better.
        answered = min(shard.requests, shard.completed_requests)
        failed = min(shard.requests - answered, shard.failed_requests)
        if shard.state is ShardState.DOWNLOADED and shard.batch_status != "cancelled":
            answered = shard.requests - failed
        return _Count(answered, failed, 0)
    answered = findings.statuses.get(RowStatus.OK, 0)
    cancelled = findings.statuses.get(RowStatus.CANCELLED, 0)
    if shard.batch_status == "cancelled":
        # It may list no file that tells of them.
        cancelled += findings.statuses.get(RowStatus.MISSING, 0)
    return _Count(answered, shard.requests - answered - cancelled, cancelled)
