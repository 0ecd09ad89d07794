"""Remove what lies of ours at the provider, once it is here and in the table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from rowbatch.core.states import ShardState
from rowbatch.errors import RunError
from rowbatch.providers.base import BatchClient
from rowbatch.steps.submit import FILE_PREFIX
from rowbatch.store.ledger import Ledger, Shard


@dataclass(frozen=True, slots=True)
class CleanReport:
    """
    What was removed.

    Attributes:
        files: How many.
        kept_shards: Shards whose results are not here yet; their files stay.
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
    if not any(event.kind == "collected" for event in ledger.events()):
        raise RunError("not-collected", path=str(ledger.path.parent))
    files = kept = 0
    done: set[str] = set()
    for shard in ledger.shards():
        if shard.state not in (ShardState.DOWNLOADED, ShardState.CUT):
            kept += 1
            continue
        if shard.cleaned_at is not None:
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


def _files_of(client: BatchClient, shard: Shard) -> list[str]:
    found = [shard.file_id]
    if shard.batch_json:
        view = client.view(json.loads(shard.batch_json))
        found += [view.output_file_id, view.error_file_id]
    return [file_id for file_id in found if file_id]
