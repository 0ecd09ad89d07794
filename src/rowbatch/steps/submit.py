"""
How a shard becomes a batch, once.

The order is what saves money: the intent is committed before the paid call, the call goes out once,
and a call whose outcome nobody knows is never repeated before the provider's own list was asked.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import assert_never

from rowbatch.core.policy import OnLostAnswer
from rowbatch.core.states import ShardState
from rowbatch.errors import InputError, NeedsDecision, RunError, ServiceError, UsageError, from_os_error
from rowbatch.http import CarriedOut, Refused, Unknown
from rowbatch.providers.base import (
    CLOCK_SLACK,
    TOKEN_FIELD,
    BatchClient,
    BatchView,
    NotTaken,
    Submission,
)
from rowbatch.store.atomic import atomic_file
from rowbatch.store.ledger import Ledger, Shard
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.sources import digest_file

FILE_PREFIX = "rowbatch-"
"""How the names of our files at a provider begin."""
TOKEN = re.compile(r"(?P<token>[0-9a-f]{16}-(?P<name>r[0-9]+-[0-9]+))(?:-a(?P<attempt>[0-9]+))?")
"""Of a shard, and which attempt, as a batch carries it."""
_CLOCKS_APART = timedelta(days=2)
# From the paid call to the batch that comes of it.
_LONGEST_CALL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LostAnswerPolicy:
    """
    What to do when the answer to a paid call was lost.

    Attributes:
        wait_s: How long the provider's list must stay empty, from the intent, before it is believed.
        then: `ask` a person, or `resubmit`.
        is_told: A person has looked at the provider's page, and says now that it is to be sent again.
        look_every_s: Pause between two looks.
    """

    wait_s: float = 600.0
    then: OnLostAnswer = "ask"
    is_told: bool = False
    look_every_s: float = 15.0


@contextmanager
def wire_file(
    run: RunDirectory, client: BatchClient, shard: Shard, *, marks_cache: bool = False
) -> Iterator[Path]:
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
                    stripped = line.rstrip(b"\n")
                    sent = client.dialect.request_line(stripped, shard.wire_token, marks_cache=marks_cache)
                    to.write(sent + b"\n")
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
    marks_cache: bool = False,
) -> tuple[Shard, Refused | None]:
    """
    Make the paid call, once.

    Returns:
        The shard: `submitted`; `unknown` when the answer was lost; or as it was, with the provider's refusal.
        As it was without one: the cap does not allow it.
    """
    with wire_file(run, client, shard, marks_cache=marks_cache) as path:
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


def made_at(run: RunDirectory) -> datetime:
    """
    Not before then was anything of the run sent, by the provider's clock: ours may be wrong.

    Raises:
        RunError: The run's settings do not say it (`settings-damaged`).
    """
    said = run.plan().created_at
    try:
        at = datetime.fromisoformat(said)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)) - _CLOCKS_APART
    except (TypeError, ValueError, OverflowError) as error:
        raise RunError(
            "settings-damaged", path=str(run.path), file=str(run.settings_path), told=str(error)
        ) from error


def adopt_sent(
    run: RunDirectory, ledger: Ledger, client: BatchClient, reserve_usd: Callable[[Shard], Decimal]
) -> list[Shard]:
    """
    Enter the batches that the provider has of shards that the ledger takes for unsent.

    There are none, unless the run directory as a whole is an older copy: from a backup, or of a folder that
    two computers share. Then ledger and trail agree, and both would have them paid again. A batch is a
    shard's when it has its token, or was made of its very file; Anthropic lists neither.

    Args:
        run, ledger, client: Of the run.
        reserve_usd: The most that a shard may cost.
    Returns:
        The shards, `submitted`.
    """
    unsent = ledger.shards(ShardState.WRITTEN, ShardState.UPLOADED)
    by_token = {shard.token: shard for shard in unsent}
    by_file = {shard.file_id: shard for shard in unsent if shard.file_id}
    found: dict[str, list[tuple[int, BatchView]]] = defaultdict(list)
    for view in client.recent(made_at(run)) if unsent else []:
        match = TOKEN.fullmatch(view.metadata.get(TOKEN_FIELD, ""))
        shard = by_token.get(match["token"]) if match else by_file.get(view.input_file_id)
        attempt = int(match["attempt"] or 1) if match else shard.attempt if shard else 0
        # One of an earlier attempt was taken back, or cancelled as a duplicate.
        if shard is not None and attempt >= shard.attempt and view.batch_id not in shard.past_batches:
            found[shard.token].append((attempt, view))
    return [
        _adopted(ledger, client, by_token[token], views, reserve_usd(by_token[token]))
        for token, views in found.items()
    ]


def _adopted(
    ledger: Ledger,
    client: BatchClient,
    shard: Shard,
    views: list[tuple[int, BatchView]],
    reserved_usd: Decimal,
) -> Shard:
    """The shard with the last attempt's first batch."""
    attempt = max(attempt for attempt, _ in views)
    first = min(
        (view for number, view in views if number == attempt),
        key=lambda view: (view.created_at, view.batch_id),
    )
    others = [view.batch_id for _, view in views if view.batch_id != first.batch_id]
    if shard.state is ShardState.WRITTEN:
        told = {"file_id": first.input_file_id}
        shard = ledger.move(
            shard, ShardState.UPLOADED, event="uploaded", detail=told, file_id=first.input_file_id
        )
    # It is paid already, so no cap is asked.
    claimed = ledger.claim(shard, reserved_usd=reserved_usd, key_mark=client.key_mark, at=first.created_at)
    assert claimed is not None
    told = {"reason": "the provider has a batch of it"}
    unknown = ledger.move(claimed, ShardState.UNKNOWN, event="unknown", detail=told)
    return note_submitted(
        ledger,
        unknown,
        first,
        event="adopted",
        attempt=attempt,
        past_batches=json.dumps([*shard.past_batches, *others]),
    )


def adopt_named(ledger: Ledger, client: BatchClient, name: str, batch_id: str) -> Shard:
    """
    Enter the batch that a person names for a shard whose answer was lost, once it is seen to be that shard's.

    Args:
        ledger: Of the run, taken over.
        client: Of its provider.
        name: Of the shard.
        batch_id: As the provider's page shows it.
    Returns:
        The shard, `submitted`.
    Raises:
        UsageError: Nothing is looked for of the shard, or the batch is another one.
        ServiceError: The provider does not know the batch, or cannot be reached.
    """
    shards = ledger.shards()
    shard = next((one for one in shards if one.name == name), None)
    if shard is None or shard.state not in (ShardState.UNKNOWN, ShardState.SUBMITTING):
        lost = [one.name for one in shards if one.state in (ShardState.UNKNOWN, ShardState.SUBMITTING)]
        raise UsageError("batch-not-wanted", shard=name, lost=lost)
    if shard.state is ShardState.SUBMITTING:
        # Only a crash leaves this behind.
        told = {"reason": "the program was stopped"}
        shard = ledger.move(shard, ShardState.UNKNOWN, event="unknown", detail=told)
    if any(batch_id == one.batch_id or batch_id in one.past_batches for one in shards):
        raise UsageError("batch-known-already", shard=name, batch_id=batch_id)
    view = client.status(batch_id)
    if view.total and view.total != shard.requests:
        raise UsageError(
            "batch-of-other-count", shard=name, batch_id=batch_id, found=view.total, wanted=shard.requests
        )
    token = view.metadata.get(TOKEN_FIELD)
    is_of_file = not (view.input_file_id and shard.file_id) or view.input_file_id == shard.file_id
    if (token is not None and token != shard.wire_token) or not is_of_file:
        raise UsageError("batch-of-other-file", shard=name, batch_id=batch_id)
    asked_at = shard.intent_at or view.created_at
    if not asked_at - CLOCK_SLACK <= view.created_at <= asked_at + _LONGEST_CALL and _says_when(view):
        made = f"{view.created_at:%Y-%m-%d %H:%M}"
        raise UsageError(
            "batch-of-other-time", shard=name, batch_id=batch_id, made=made, sent=f"{asked_at:%Y-%m-%d %H:%M}"
        )
    return note_submitted(ledger, shard, view, event="adopted")


def _says_when(view: BatchView) -> bool:
    """Whether the server says when the batch was made; where it does not, that is taken to be just now."""
    return any(f'"{name}"' in view.raw for name in ("created_at", "createTime"))


def note_submitted(
    ledger: Ledger, shard: Shard, view: BatchView, *, event: str, **columns: str | int | None
) -> Shard:
    """Enter the batch of a shard; and other columns of it."""
    return ledger.move(
        shard,
        ShardState.SUBMITTED,
        event=event,
        detail={"batch_id": view.batch_id},
        batch_id=view.batch_id,
        batch_status=view.status,
        batch_json=view.raw,
        submitted_at=view.created_at.isoformat(),
        **columns,
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
