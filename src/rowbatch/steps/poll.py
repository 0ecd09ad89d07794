"""How the batches stand, and how many rows have their answer: one count, for every face."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from rowbatch.core.states import RowStatus, ShardState
from rowbatch.errors import ServiceError
from rowbatch.providers.base import BatchClient, BatchView, is_without_list
from rowbatch.providers.direct import is_direct
from rowbatch.results.findings import read_findings
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


def poll_shard(ledger: Ledger, client: BatchClient, shard: Shard) -> tuple[Shard, BatchView]:
    """
    Ask once how the batch of a submitted shard stands.

    Raises:
        ServiceError: The provider cannot be reached, or does not know the batch. A batch that is not
            found is never taken for gone: another key or project gives the same answer.
    """
    view = _view(client, shard)
    if view.is_terminal:
        ended = ledger.move(
            shard,
            ShardState.ENDED,
            event="ended",
            detail=_ending(view),
            batch_status=view.status,
            completed_requests=view.completed,
            failed_requests=view.failed,
            batch_json=view.raw,
            ended_at=client.now().isoformat(),
            failure=view.reason if view.status == "failed" else "",
        )
        return ended, view
    if view.status != shard.batch_status:
        ledger.add_event("status", shard, status=view.status)
    ledger.note_progress(
        shard, status=view.status, completed=view.completed, failed=view.failed, batch_json=view.raw
    )
    return ledger.shard(shard.round, shard.number), view


def _ending(view: BatchView) -> dict[str, object]:
    detail: dict[str, object] = {"status": view.status, "error": view.error_text}
    if view.status == "failed":
        detail |= {"codes": view.error_codes, "refusal": view.refusal}
    return detail


def _view(client: BatchClient, shard: Shard) -> BatchView:
    try:
        return client.status(str(shard.batch_id))
    except ServiceError as error:
        if error.status != 404:
            raise
        # The list is another witness, where there is one.
        try:
            since = shard.intent_at or client.now()
            found = client.find(str(shard.file_id or ""), shard.wire_token, since=since).batches
        except ServiceError as unlisted:
            if not is_without_list(unlisted):
                raise
            found = ()
        for view in found:
            if view.batch_id == shard.batch_id:
                return view
        other_key = bool(shard.key_mark and client.key_mark and shard.key_mark != client.key_mark)
        raise ServiceError(
            "batch-of-other-key" if other_key else "batch-not-seen",
            status=404,
            batch_id=shard.batch_id,
            shard=shard.name,
        ) from error


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
