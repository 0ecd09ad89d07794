"""`poll`: ask the provider how the batches stand. `watch` asks until all are over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rowbatch.core.states import ShardState
from rowbatch.providers.base import BatchClient
from rowbatch.steps.submit import Clock
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.store.rundir import RunDirectory

_OVER = (ShardState.ENDED, ShardState.DOWNLOADED)


@dataclass(frozen=True, slots=True)
class Progress:
    """
    How far a run is, from the ledger.

    Attributes:
        requests: In all shards.
        done: Answered or failed, by the provider's counters while a batch runs.
        failed: Of these, failed.
        shards: How many there are.
        shards_unsent, shards_running, shards_over: How they stand.
        states: State of each shard by name, with the provider's word for its batch.
    """

    requests: int
    done: int
    failed: int
    shards: int
    shards_unsent: int
    shards_running: int
    shards_over: int
    states: tuple[tuple[str, str, str], ...]


def read_progress(ledger: Ledger) -> Progress:
    """How far the run is. Asks nobody."""
    shards = ledger.shards()
    return Progress(
        requests=sum(shard.requests for shard in shards),
        done=sum(_done(shard) for shard in shards),
        failed=sum(shard.failed_requests for shard in shards),
        shards=len(shards),
        shards_unsent=sum(shard.state not in (*_OVER, ShardState.SUBMITTED) for shard in shards),
        shards_running=sum(shard.state is ShardState.SUBMITTED for shard in shards),
        shards_over=sum(shard.state in _OVER for shard in shards),
        states=tuple((shard.name, shard.state.value, shard.batch_status or "") for shard in shards),
    )


def poll(run: RunDirectory, client: BatchClient) -> Progress:
    """
    Ask once about every batch that is not over. The caller holds the run lock.

    Raises:
        ServiceError: The provider cannot be reached, or does not know the batch. A batch that is not
            found is never taken for gone: another key or project gives the same answer.
    """
    with run.ledger() as ledger:
        for shard in ledger.shards():
            if shard.state is not ShardState.SUBMITTED:
                continue
            view = client.status(str(shard.batch_id))
            if view.is_terminal:
                ledger.move(
                    shard,
                    ShardState.ENDED,
                    event="ended",
                    detail={"status": view.status, "error": view.error_text},
                    batch_status=view.status,
                    completed_requests=view.completed,
                    failed_requests=view.failed,
                    batch_json=view.raw,
                )
            else:
                ledger.note_progress(
                    shard,
                    status=view.status,
                    completed=view.completed,
                    failed=view.failed,
                    batch_json=view.raw,
                )
        return read_progress(ledger)


def watch(
    run: RunDirectory,
    client: BatchClient,
    *,
    poll_every_s: float,
    clock: Clock | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """
    Poll until no batch is running. Interrupting it harms nothing: the batches go on.

    Args:
        poll_every_s: Pause between two rounds of questions.
        progress: Called after each round.
    """
    clock = clock or Clock()
    while True:
        now = poll(run, client)
        if progress:
            progress(now)
        if not now.shards_running:
            return now
        clock.sleep(poll_every_s)


def _done(shard: Shard) -> int:
    if shard.state in _OVER:
        return shard.requests
    return min(shard.requests, shard.completed_requests + shard.failed_requests)
