"""
`submit`: every shard becomes a batch, once.

The order is what saves money: the intent is committed before the paid call, the call goes out once,
and a call whose outcome nobody knows is never repeated before the provider's own list was asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, assert_never

from rowbatch.core.states import ShardState
from rowbatch.errors import NeedsDecision, ServiceError
from rowbatch.http import CarriedOut, Refused, Unknown
from rowbatch.providers.base import BatchClient, BatchView
from rowbatch.providers.openai import TOKEN_FIELD
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.store.rundir import RunDirectory, digest_file

OnLostAnswer = Literal["ask", "resubmit"]


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


@dataclass(frozen=True, slots=True)
class Clock:
    """The time, as a value, so that tests need not wait."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class SubmitReport:
    """
    What `submit` did.

    Attributes:
        submitted: Shards that became a batch now.
        adopted: Batches that were found there after a lost answer.
        already: Shards that were submitted before.
    """

    submitted: int
    adopted: int
    already: int


def submit(
    run: RunDirectory,
    client: BatchClient,
    *,
    url: str,
    policy: LostAnswerPolicy,
    reserve_usd: Callable[[Shard], Decimal],
    clock: Clock | None = None,
    progress: Callable[[Shard], None] | None = None,
) -> SubmitReport:
    """
    Upload and submit every shard that has no batch yet. The caller holds the run lock.

    Args:
        run: A run that is built.
        client: The provider's calls.
        url: Endpoint of the requests.
        policy: For lost answers.
        reserve_usd: The most that a shard may cost, kept with its intent.
        progress: Called with each shard that got its batch.
    Raises:
        ServiceError: The provider refused or cannot be reached; what was done is kept.
        NeedsDecision: A paid call's outcome is not known, and the policy is to ask.
    """
    clock = clock or Clock()
    submitted = adopted = already = 0
    with run.ledger() as ledger:
        for listed in ledger.shards():
            shard = listed
            if shard.state in (ShardState.SUBMITTED, ShardState.ENDED, ShardState.DOWNLOADED):
                already += 1
                continue
            if shard.state is ShardState.SUBMITTING:
                # Only a crash leaves this state behind: the call may have gone out.
                shard = ledger.move(
                    shard, ShardState.UNKNOWN, event="unknown", detail={"reason": "the program was stopped"}
                )
            if shard.state is ShardState.UNKNOWN:
                shard = _reconcile(ledger, client, shard, policy, clock)
                adopted += shard.state is ShardState.SUBMITTED
            if shard.state is ShardState.WRITTEN:
                shard = _upload(run, ledger, client, shard)
            if shard.state is ShardState.UPLOADED:
                shard = _pay(run, ledger, client, shard, url=url, reserved_usd=reserve_usd(shard))
                if shard.state is ShardState.UNKNOWN:
                    shard = _reconcile(ledger, client, shard, policy, clock)
                    adopted += shard.state is ShardState.SUBMITTED
                    if shard.state is ShardState.UPLOADED:
                        shard = _pay(run, ledger, client, shard, url=url, reserved_usd=reserve_usd(shard))
                submitted += shard.state is ShardState.SUBMITTED
            if shard.state is ShardState.UNKNOWN:
                raise _needs_decision(run, shard, "the answer was lost twice")
            if progress:
                progress(shard)
    return SubmitReport(submitted, adopted, already)


def _upload(run: RunDirectory, ledger: Ledger, client: BatchClient, shard: Shard) -> Shard:
    path = run.request_path(shard.name)
    if digest_file(path) != shard.sha256:
        raise NeedsDecision(
            f"{path} is not the file that was built: its digest differs",
            path=str(run.path),
            hint="nothing was sent; make a new run from the table",
        )
    file_id = client.upload(path, f"rowbatch-{shard.token}.jsonl")
    return ledger.move(
        shard, ShardState.UPLOADED, event="uploaded", detail={"file_id": file_id}, file_id=file_id
    )


def _pay(
    run: RunDirectory,
    ledger: Ledger,
    client: BatchClient,
    shard: Shard,
    *,
    url: str,
    reserved_usd: Decimal,
) -> Shard:
    shard = ledger.claim(shard, reserved_usd=reserved_usd)
    metadata = {"rowbatch_run": run.path.name[:500], "rowbatch_shard": shard.name, TOKEN_FIELD: shard.token}
    outcome = client.create(str(shard.file_id), url=url, metadata=metadata)
    match outcome:
        case CarriedOut(body):
            return _submitted(ledger, shard, client.view(body), event="submitted")
        case Refused(message, status, code):
            ledger.move(
                shard, ShardState.UPLOADED, event="refused", detail={"message": message, "code": code}
            )
            raise ServiceError(
                f"shard {shard.name} was refused: {message}",
                status=status,
                code=code,
                hint="nothing was billed for it; mend the cause and run `rowbatch resume`",
            )
        case Unknown(reason):
            return ledger.move(shard, ShardState.UNKNOWN, event="unknown", detail={"reason": reason})
        case _:
            assert_never(outcome)


def _submitted(ledger: Ledger, shard: Shard, view: BatchView, *, event: str) -> Shard:
    return ledger.move(
        shard,
        ShardState.SUBMITTED,
        event=event,
        detail={"batch_id": view.batch_id},
        batch_id=view.batch_id,
        batch_status=view.status,
        batch_json=view.raw,
    )


def _reconcile(
    ledger: Ledger, client: BatchClient, shard: Shard, policy: LostAnswerPolicy, clock: Clock
) -> Shard:
    """Find out whether the batch was made: look, and look again, before believing that it was not."""
    intent_at = shard.intent_at or clock.now()
    looks = 0
    while True:
        found = client.find(str(shard.file_id), shard.token, since=intent_at)
        looks += 1
        if found:
            kept, *others = found
            for other in others:
                cancelled = client.cancel(other.batch_id)
                ledger.add_event(
                    "duplicate-cancelled", shard, batch_id=other.batch_id, status=cancelled.status
                )
            return _submitted(ledger, shard, kept, event="adopted")
        waited_s = (clock.now() - intent_at).total_seconds()
        if looks >= 2 and waited_s >= policy.wait_s:
            break
        clock.sleep(min(policy.look_every_s, max(policy.wait_s - waited_s, 0.0)))
    if policy.then == "ask":
        raise NeedsDecision(
            f"shard {shard.name}: nobody knows whether its batch was made. The answer was lost, and the "
            f"provider's list has not shown it in {waited_s:,.0f} s",
            path=str(ledger.path.parent),
            hint="look at the provider's page; if there is no such batch: rowbatch resume --resubmit-lost",
        )
    return ledger.move(
        shard, ShardState.UPLOADED, event="resubmit", detail={"looks": looks, "waited_s": round(waited_s)}
    )


def _needs_decision(run: RunDirectory, shard: Shard, why: str) -> NeedsDecision:
    return NeedsDecision(
        f"shard {shard.name} may or may not have a batch: {why}",
        path=str(run.path),
        hint="run `rowbatch resume` later; it looks before it sends anything",
    )
