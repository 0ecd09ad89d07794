"""How the batches stand, and how many rows have their answer: one count, for every face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rowbatch.core.direct_ids import is_direct
from rowbatch.core.document import Block, Shown, named, notes_of
from rowbatch.core.states import IGNORABLE, NO_REMARKS, Remarks, ShardState
from rowbatch.store.ledger import Event, Ledger, Shard, ShardLine, Standing, name_of
from rowbatch.words.notice import Notice
from rowbatch.words.printing import dollars

_OVER = (ShardState.ENDED, ShardState.DOWNLOADED)
REMARKED = "server-remarked"
"""An event: the server said of a batch what it had not said of the run."""
_IGNORED: Mapping[str, Notice] = {
    "response_format": Notice("ignored-response-format"),
    "json_schema": Notice("refused-json-schema"),
    "max_tokens": Notice("ignored-max-tokens"),
    "stop": Notice("ignored-stop"),
    "logprobs": Notice("ignored-logprobs"),
    "n": Notice("ignored-n"),
    "content": Notice("ignored-content"),
}
_MENDED: Mapping[str, Notice] = {
    "response_format": Notice("mended-response-format"),
    "json_schema": Notice("mended-json-schema"),
    "max_tokens": Notice("mended-max-tokens"),
}


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


@dataclass(frozen=True, slots=True, repr=False)
class Progress(Shown):
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
        states: Each shard; or the first of them, where no more are shown.
        by_state: How many shards are in each state.
        running_as: The provider's words for the batches that run, each once.
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
    by_state: Mapping[str, int] = field(default_factory=dict)
    running_as: tuple[str, ...] = ()

    def as_blocks(self) -> Iterator[Block]:
        """How many rows have their answer, and how the request files stand."""
        yield named(self.told())
        yield from notes_of(self.waiting)

    def told(self) -> dict[str, str]:
        """The same in words, by name."""
        unsent, running, over = self.shards_unsent, self.shards_running, self.shards_over
        return {
            "rows to ask": f"{self.requests:,}",
            "answered": f"{self.answered:,}",
            "without a usable answer": f"{self.failed:,}" if self.failed else "",
            "rounds": f"{self.rounds:,}" if self.rounds > 1 else "",
            "request files": f"{self.shards:,}: {unsent:,} not sent, {running:,} running, {over:,} over",
            "the provider says": ", ".join(self.running_as),
            "spent": "" if self.spent_usd is None else dollars(self.spent_usd),
        }


def read_progress(
    ledger: Ledger, *, most_states: int | None = None, standing: Sequence[Standing] | None = None
) -> Progress:
    """
    How far the run is, from sums that the ledger makes. Asks nobody.

    Args:
        ledger: Of the run.
        most_states: Of how many shards `states` tells; None means of all.
        standing: Its sums, where they are here already.
    """
    # What was taken over is not on its way.
    found = [one for one in (ledger.standing() if standing is None else standing) if one.round > 0]
    spent = [one.spent_usd for one in found if one.spent_usd is not None]
    rounds = max((one.round for one in found), default=0)
    requests = sum(one.requests for one in found if one.round == 1)
    answered = min(requests, sum(one.answered for one in found))
    # Whoever is asked in a later round came back without an answer in an earlier one, all of which are over.
    failed = sum(one.failed for one in found)
    failed += sum(one.cancelled for one in found if one.round < rounds)
    failed -= sum(one.requests for one in found if one.round > 1)
    failed = min(max(failed, 0), requests - answered)
    by_state: dict[str, int] = {}
    for one in found:
        by_state[one.state.value] = by_state.get(one.state.value, 0) + one.shards
    running = by_state.get(ShardState.SUBMITTED, 0)
    over = sum(by_state.get(state, 0) for state in _OVER)
    shards = sum(by_state.values())
    return Progress(
        requests=requests,
        answered=answered,
        failed=failed,
        done=answered + failed,
        rounds=rounds,
        shards=shards,
        shards_unsent=shards - running - over,
        shards_running=running,
        shards_over=over,
        waiting=tuple(ledger.waiting()),
        spent_usd=sum(spent, Decimal(0)) if spent else None,
        states=tuple(_state_of(line) for line in ledger.page(most_states)),
        by_state=by_state,
        running_as=tuple(sorted({one.batch_status for one in found if one.state is ShardState.SUBMITTED})),
    )


def _state_of(line: ShardLine) -> ShardProgress:
    return ShardProgress(
        name_of(line.round, line.number),
        line.state,
        line.batch_status,
        line.requests,
        line.answered + line.failed,
        line.failed,
        line.waits_for,
        is_direct(line.batch_id),
    )


def note_remarks(ledger: Ledger, shard: Shard, said: Remarks) -> None:
    """Keep what is said of a batch, where it is new: many batches say the same."""
    if said == NO_REMARKS:
        return
    known = ledger.events(REMARKED)
    ignored, mended = _names(known, "ignored"), _names(known, "mended")
    own = [event for event in known if (event.round, event.shard) == (shard.round, shard.number)]
    is_new = not (ignored.issuperset(said.ignored) and mended.issuperset(said.mended))
    if is_new or said.asked_twice > _asked_twice(own):
        ledger.add_event(
            REMARKED,
            shard,
            ignored=list(said.ignored),
            mended=list(said.mended),
            asked_twice=said.asked_twice,
        )


def told_remarks(ledger: Ledger) -> tuple[Notice, ...]:
    """What was said of the batches of a run, each once."""
    known = ledger.events(REMARKED)
    ignored, mended = _names(known, "ignored"), _names(known, "mended")
    told = [
        _MENDED.get(name, _IGNORED[name]) if name in mended else _IGNORED[name]
        for name in IGNORABLE
        if name in ignored
    ]
    shards = {(event.round, event.shard) for event in known}
    twice = sum(
        _asked_twice([event for event in known if (event.round, event.shard) == one]) for one in shards
    )
    if twice:
        told.append(Notice("maybe-asked-twice", {"count": twice}))
    return tuple(told)


def _names(events: Sequence[Event], name: str) -> set[str]:
    lists = [event.detail.get(name) for event in events]
    return {str(one) for found in lists if isinstance(found, list) for one in found}


def _asked_twice(events: Sequence[Event]) -> int:
    counts = [event.detail.get("asked_twice") for event in events]
    return max((count for count in counts if isinstance(count, int)), default=0)
