"""A person gives a part up: the way out where a provider forgot its batch, or lost its results."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from rowbatch.core.findings import Findings
from rowbatch.core.states import GIVEN_UP, RowStatus, ShardState
from rowbatch.errors import ServiceError, UsageError
from rowbatch.providers.base import BatchClient
from rowbatch.store.ledger import Ledger, Shard

_AT_PROVIDER = (ShardState.SUBMITTED, ShardState.UNKNOWN, ShardState.ENDED)


def parts_at_provider(ledger: Ledger) -> list[Shard]:
    """Shards of which something is still waited for from the provider."""
    return [shard for shard in ledger.shards() if shard.state in _AT_PROVIDER]


def give_up(ledger: Ledger, client: BatchClient, names: Sequence[str]) -> list[Shard]:
    """
    Wait for nothing more of some shards. Their rows are `missing`, and no round asks them again by itself.

    What such a batch may have cost counts against the cap for good, since nobody knows that it did not. The
    provider is asked to cancel it, in case that it still knows it. The caller holds the run lock.

    Args:
        ledger: Of the run, taken over.
        client: Of its provider.
        names: Of the shards, as in `r1-0001`.
    Returns:
        The shards as they are now.
    Raises:
        UsageError: Nothing is waited for of such a shard, or there is none; nothing was given up.
    """
    waiting = {shard.name: shard for shard in parts_at_provider(ledger)}
    for name in names:
        if name not in waiting:
            raise UsageError("part-not-waited-for", shard=name, waiting=sorted(waiting))
    return [_given_up(ledger, client, waiting[name]) for name in dict.fromkeys(names)]


def _given_up(ledger: Ledger, client: BatchClient, shard: Shard) -> Shard:
    if shard.state is ShardState.SUBMITTED and shard.batch_id:
        with contextlib.suppress(ServiceError):
            client.cancel(shard.batch_id)
    missing = {RowStatus.MISSING.value: shard.requests}
    return ledger.move(
        shard,
        ShardState.DOWNLOADED,
        event="downloaded" if shard.state is ShardState.ENDED else "given-up",
        detail={"given_up": True, "batch_id": shard.batch_id, "batch_status": shard.batch_status},
        batch_status=GIVEN_UP,
        completed_requests=0,
        failed_requests=0,
        failure="",
        findings=Findings(shard.requests, 0, statuses=missing, told=missing).to_json(),
    )
