"""
How a shard becomes a batch, once.

The order is what saves money: the intent is committed before the paid call, the call goes out once,
and a call whose outcome nobody knows is never repeated before the provider's own list was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import assert_never

from rowbatch.core.policy import OnLostAnswer
from rowbatch.core.states import ShardState
from rowbatch.errors import InputError, NeedsDecision, ServiceError, from_os_error
from rowbatch.http import CarriedOut, Refused, Unknown
from rowbatch.providers.base import TOKEN_FIELD, BatchClient, BatchView, NotTaken, Submission
from rowbatch.store.atomic import atomic_file
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.store.rundir import RunDirectory, digest_file

FILE_PREFIX = "rowbatch-"
"""How the names of our files at a provider begin."""


@dataclass(frozen=True, slots=True)
class LostAnswerPolicy:
    """
    What to do when the answer to a paid call was lost.

    Attributes:
        wait_s: How long the provider's list must stay empty, from the intent, before it is believed.
        then: `ask` a person, or `resubmit`.
        look_every_s: Pause between two looks.
    """

    wait_s: float = 600.0
    then: OnLostAnswer = "ask"
    look_every_s: float = 15.0


@contextmanager
def wire_file(run: RunDirectory, client: BatchClient, shard: Shard) -> Iterator[Path]:
    """
    The request file of a shard as the provider wants it, while the block runs.

    Raises:
        NeedsDecision: The file is not what was built (`requests-changed`).
        InputError: A request asks for what the provider does not have.
    """
    path = run.request_path(shard.name)
    if digest_file(path) != shard.sha256:
        raise NeedsDecision("requests-changed", path=str(run.path), file=str(path))
    if client.dialect.is_openai:
        yield path
        return
    place = path.with_name(f".{path.name}.wire")
    try:
        with path.open("rb") as lines, atomic_file(place, overwrite=True) as to:
            for number, line in enumerate(lines, start=1):
                try:
                    to.write(client.dialect.request_line(line.rstrip(b"\n"), shard.wire_token) + b"\n")
                except ValueError as error:
                    why = error.why if isinstance(error, NotTaken) else str(error)
                    raise InputError("request-not-taken", file=str(path), line=number, why=why) from error
        yield place
    except OSError as error:
        raise from_os_error(error, str(place)) from error
    finally:
        place.unlink(missing_ok=True)


def upload_shard(run: RunDirectory, ledger: Ledger, client: BatchClient, shard: Shard) -> Shard:
    """
    Send the request file; free, and may be done again.

    Raises:
        ServiceError: The provider refuses it, or cannot be reached.
    """
    with wire_file(run, client, shard) as path:
        file_id = client.upload(path, f"{FILE_PREFIX}{shard.token}.jsonl")
    return ledger.move(
        shard, ShardState.UPLOADED, event="uploaded", detail={"file_id": file_id}, file_id=file_id
    )


def pay_for_shard(
    run: RunDirectory,
    ledger: Ledger,
    client: BatchClient,
    shard: Shard,
    *,
    url: str,
    model: str,
    reserved_usd: Decimal,
    cap_usd: Decimal | None,
) -> tuple[Shard, Refused | None]:
    """
    Make the paid call, once.

    Returns:
        The shard: `submitted`; `unknown` when the answer was lost; or as it was, with the provider's refusal.
        As it was without one: the cap does not allow it.
    """
    with wire_file(run, client, shard) as path:
        claimed = ledger.claim(
            shard, reserved_usd=reserved_usd, cap_usd=cap_usd, key_mark=client.key_mark, at=client.now()
        )
        if claimed is None:
            return shard, None
        outcome = client.create(
            Submission(
                file=path,
                file_id=str(claimed.file_id or ""),
                url=url,
                model=model,
                token=claimed.wire_token,
                metadata={
                    "rowbatch_run": run.path.name[:500],
                    "rowbatch_shard": claimed.name,
                    TOKEN_FIELD: claimed.wire_token,
                },
            )
        )
    match outcome:
        case CarriedOut(body):
            try:
                view = client.view(body)
            except ServiceError as error:
                # It was carried out, and nobody can read what was made: it is looked for.
                told = {"reason": str(error)}
                return ledger.move(claimed, ShardState.UNKNOWN, event="unknown", detail=told), None
            return note_submitted(ledger, claimed, view, event="submitted"), None
        case Refused():
            back = ledger.move(
                claimed,
                ShardState.UPLOADED,
                event="refused",
                detail={
                    "message": outcome.message,
                    "code": outcome.code,
                    "refusal": outcome.refusal,
                },
                reserved_usd="0",
            )
            return back, outcome
        case Unknown(reason):
            return (
                ledger.move(claimed, ShardState.UNKNOWN, event="unknown", detail={"reason": reason}),
                None,
            )
        case _:
            assert_never(outcome)


def note_submitted(ledger: Ledger, shard: Shard, view: BatchView, *, event: str) -> Shard:
    """Enter the batch of a shard."""
    return ledger.move(
        shard,
        ShardState.SUBMITTED,
        event=event,
        detail={"batch_id": view.batch_id},
        batch_id=view.batch_id,
        batch_status=view.status,
        batch_json=view.raw,
        submitted_at=view.created_at.isoformat(),
    )


def look_for_batch(ledger: Ledger, client: BatchClient, shard: Shard) -> tuple[Shard, int]:
    """
    Look once at the provider's list for the batch of a lost answer.

    Of several the oldest is kept, and the others are cancelled.

    Returns:
        The shard, `submitted` when its batch was found; and how many batches may be it.
    """
    since = shard.intent_at or client.now()
    # A shard whose file's id is not known any more is found by its token; an empty id would be that of any
    # batch whose requests were sent along.
    found, undecided = client.find(shard.file_id or shard.wire_token, shard.wire_token, since=since)
    # A batch that was taken back earlier was made of the same file.
    ours = [view for view in found if view.batch_id not in shard.past_batches]
    if not ours:
        return shard, undecided
    kept, *others = ours
    for other in others:
        cancelled = client.cancel(other.batch_id)
        ledger.add_event(
            "duplicate-cancelled",
            shard,
            batch_id=other.batch_id,
            status=cancelled.status,
            usd=str(shard.reserved_usd),
        )
    return note_submitted(ledger, shard, kept, event="adopted"), 0
