"""How the batches stand, and how many rows have their answer: one count, for every face."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rowbatch.core.states import ShardState
from rowbatch.errors import ServiceError
from rowbatch.providers.base import BatchClient, BatchView, is_without_list
from rowbatch.steps.progress import note_remarks
from rowbatch.store.ledger import Ledger, Shard

FILES_AWAITED = "files-awaited"
"""An event: a batch was over and named no file of its results, which were waited for."""
_FILES_COME_S = 600.0


def poll_shard(ledger: Ledger, client: BatchClient, shard: Shard) -> tuple[Shard, BatchView]:
    """
    Ask once how the batch of a submitted shard stands.

    Raises:
        ServiceError: The provider cannot be reached, or does not know the batch. A batch that is not
            found is never taken for gone: another key or project gives the same answer.
    """
    view = _view(client, shard)
    if _has_files_to_come(view) and _may_come(ledger, client, shard):
        # In OpenAI's words: the results are being prepared.
        view = replace(view, status="finalizing", is_terminal=False)
    note_remarks(ledger, shard, view.remarks)
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


def _has_files_to_come(view: BatchView) -> bool:
    """Whether rows were carried out, by the provider's own count, and no file of results is named."""
    is_named = view.output_file_id or view.error_file_id
    return view.is_terminal and view.status != "failed" and view.completed + view.failed > 0 and not is_named


def _may_come(ledger: Ledger, client: BatchClient, shard: Shard) -> bool:
    """
    Whether files are waited for that a batch does not name, though it is over.

    Its rows would be taken for rows without an answer, and be paid for again.
    """
    now = client.now()
    seen = ledger.events_of(shard, FILES_AWAITED)
    if not seen:
        ledger.add_event(FILES_AWAITED, shard, since=now.isoformat())
        return True
    return (now - datetime.fromisoformat(str(seen[0].detail["since"]))).total_seconds() < _FILES_COME_S


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
