"""Remove what lies of ours at the provider, once it is here and in the table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from rowbatch.core.direct_ids import is_direct
from rowbatch.core.document import Shown
from rowbatch.core.states import GIVEN_UP, ShardState
from rowbatch.errors import RunError, ServiceError
from rowbatch.providers.base import BatchClient, BatchView, pass_if_gone
from rowbatch.steps.submit import FILE_PREFIX
from rowbatch.store.ledger import Ledger, Shard


@dataclass(frozen=True, slots=True, repr=False)
class CleanReport(Shown):
    """
    What was removed.

    Attributes:
        files: How many.
        kept_shards: Shards whose results are not here yet, that were given up, or of whose batch nothing is
            known any more; their files stay.
    """

    files: int
    kept_shards: int


def clean(ledger: Ledger, client: BatchClient) -> CleanReport:
    """
    Remove request and result files of shards whose results are here, and request files that a broken-off
    upload left. Only files of this run: by the ids that we were given, and by names that carry our token.

    Raises:
        RunError: The results are not in a labelled table yet.
        ServiceError: The provider cannot be reached.
    """
    if not ledger.events("collected"):
        raise RunError("not-collected", path=str(ledger.path.parent))
    files = kept = 0
    done: set[str] = set()
    for shard in ledger.shards():
        if shard.round == 0:
            # Taken over: nothing of it was sent.
            continue
        if shard.state not in (ShardState.DOWNLOADED, ShardState.CUT) or shard.batch_status == GIVEN_UP:
            kept += 1
            continue
        if shard.cleaned_at is not None:
            done.add(shard.token)
            continue
        if shard.state is ShardState.DOWNLOADED and shard.batch_id is None:
            # Recovered from its results alone.
            kept += 1
            continue
        if is_direct(shard.batch_id):
            # Nothing of it lies anywhere else.
            done.add(shard.token)
            continue
        for file_id in _files_of(client, shard):
            client.delete_file(file_id)
            files += 1
        ledger.move(
            shard, shard.state, event="cleaned", cleaned_at=datetime.now(UTC).isoformat(timespec="seconds")
        )
        done.add(shard.token)
    for file_id, name in client.own_files(FILE_PREFIX):
        # A name of ours that is no id we know: an upload whose answer was lost.
        if name.removeprefix(FILE_PREFIX).removesuffix(".jsonl") in done:
            client.delete_file(file_id)
            files += 1
    return CleanReport(files, kept)


def free_input(ledger: Ledger, client: BatchClient, shard: Shard) -> Shard:
    """
    Remove the request file of one shard whose results are here; those stay at the provider.

    Raises:
        ServiceError: The provider cannot be reached, or does not want to.
    """
    client.delete_file(str(shard.file_id))
    return ledger.move(
        shard,
        ShardState.DOWNLOADED,
        event="cleaned",
        detail={"file_id": shard.file_id, "is_input_alone": True},
        freed_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _files_of(client: BatchClient, shard: Shard) -> list[str]:
    found = [shard.file_id]
    view = client.view(json.loads(shard.batch_json)) if shard.batch_json else _asked(client, shard)
    if view is not None:
        found += [view.output_file_id, view.error_file_id]
    return [file_id for file_id in found if file_id and not is_direct(file_id)]


def _asked(client: BatchClient, shard: Shard) -> BatchView | None:
    """The batch of a shard that was recovered while nobody could be asked; None where it is gone."""
    if shard.batch_id is None:
        return None
    try:
        return client.status(shard.batch_id)
    except ServiceError as error:
        pass_if_gone(error)
        return None
