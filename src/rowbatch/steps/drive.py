"""
The driver: does all that can be done for a run now, says what is waited for, and goes on.

One loop for submitting, following and downloading, since each makes room for the others: a batch that is over
frees the provider's queue for the next shard, and only then.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from rowbatch.core.answer import AnswerReader
from rowbatch.core.cost import Price
from rowbatch.core.direct_ids import is_direct
from rowbatch.core.document import Block, Shown, named, notes_of
from rowbatch.core.findings import read_findings
from rowbatch.core.policy import OnLostAnswer
from rowbatch.core.retry import is_unpaid
from rowbatch.core.schedule import QUEUE_SHARE
from rowbatch.core.shard import ShardLimits
from rowbatch.core.states import GIVEN_UP, RowStatus, ShardState
from rowbatch.errors import NeedsDecision, ServiceError
from rowbatch.http import Refused
from rowbatch.providers.base import BatchClient, BatchView, is_without_list
from rowbatch.providers.catalog import find_provider
from rowbatch.providers.refusals import told_queue_limit
from rowbatch.steps.clean import free_input
from rowbatch.steps.clock import Clock
from rowbatch.steps.cut import cut_shard
from rowbatch.steps.download import download_shard
from rowbatch.steps.poll import poll_shard
from rowbatch.steps.progress import Progress, read_progress
from rowbatch.steps.rounds import NextRound, count_lost, plan_next_round
from rowbatch.steps.submit import (
    LostAnswerPolicy,
    adopt_sent,
    look_for_batch,
    pay_for_shard,
    upload_shard,
)
from rowbatch.store.ledger import Ledger, Shard, name_of
from rowbatch.store.rundir import RunDirectory
from rowbatch.store.tally import Name
from rowbatch.words.notice import Notice

Goal = Literal["submitted", "over", "downloaded", "finished"]
_FIRST_POLL_S, _LONGEST_POLL_S = 10.0, 300.0
_LONGEST_PAUSE = 20
_MOST_NEW_FILES = 3
_MOST_RESENT = 5
"""How often a lost call is made anew before a person is asked, also where they said to do so."""
_MOST_REFUSED_ALONE = 3
_FEWEST_ROWS_TO_JUDGE = 10
_SAY_EVERY_S = 30.0
# After a day every batch is over, and shows whose it is.
_LONGEST_BATCH_S = 90_000.0
# All of them have windows of a day; Gemini lets a batch go on for another one (ai.google.dev, "Batch API").
_WINDOW, _SLACK = timedelta(days=1), timedelta(hours=25)
# An hour is asked for; some of it passes before a batch begins.
_CACHE_HOLDS = timedelta(minutes=45)
_STILL_S = 6 * 3_600.0
# A list has 100 batches a page; below that, a question for each is about as quick.
_FEWEST_TO_LIST = 100
_LIST_EVERY_S, _LIST_S_A_BATCH = 60.0, 0.3
# Of the time at most so much goes into lists.
_LIST_SHARE = 0.2
# What others have there is not known to us.
_STORAGE_SHARE = 0.95
# So that many runs do not ask at the same moment.
_RANDOM = random.Random()  # noqa: S311


@dataclass(frozen=True, slots=True)
class DrivePolicy:
    """
    The pace, and what is decided by whom.

    Attributes:
        lost: For paid calls whose answer was lost.
        poll_every_s: Pause between two questions about a batch; None lets it grow from 10 s to 5 min.
        poll_least_s: The provider wants at least so much between two questions.
        rounds: At most so many: the first, and those that ask failed rows again.
        cap_usd: What all rounds together may cost; None for no cap.
        elsewhere_usd: What of it is spent or reserved by the runs of other models of the same table.
        ask_invalid_again: Whether answers that the codebook does not allow are asked for again.
        queue_tokens: How many prompt tokens may wait at the provider; None means as many as it takes.
        creations_per_hour: How many batches may be made in an hour.
        storage_bytes: How much may lie at the provider, requests and results; None for no limit.
        result_bytes: About how many bytes the result of a row has, for that.
        frees_inputs: Whether a request file is removed at the provider as soon as its results are here.
        worst_share: When so much of a shard fails for a reason that stays, or has no usable answer, no other
            shard is submitted.
        first_rows: Where the first shard has no more rows than that, the others wait until its answers are
            here.
        patience_s: How long the provider may be out of reach before the program gives up.
        marks_cache: Whether the instructions may be marked for the provider's cache.
        cancel_wait_s: How long a run that is cancelled waits for its batches to end; None means until then.
        direct_rows: What is not submitted yet goes without a batch, in parts of so many rows, one after the
            other; 0 means in batches.
    """

    lost: LostAnswerPolicy = field(default_factory=LostAnswerPolicy)
    poll_every_s: float | None = None
    poll_least_s: float = 0.0
    rounds: int = 3
    cap_usd: Decimal | None = None
    elsewhere_usd: Decimal = Decimal(0)
    ask_invalid_again: bool = False
    queue_tokens: int | None = None
    creations_per_hour: int = 2_000
    storage_bytes: int | None = None
    result_bytes: int = 900
    frees_inputs: bool = False
    worst_share: float = 0.5
    first_rows: int = 0
    patience_s: float = 1_800.0
    cancel_wait_s: float | None = None
    marks_cache: bool = False
    direct_rows: int = 0


@dataclass(slots=True, repr=False)
class DriveReport(Shown):
    """
    What the driver did, and why it stopped.

    Attributes:
        progress: At the end.
        submitted, adopted, downloaded: Shards.
        size_bytes: Of the files that came.
        unsent: Shards that were not submitted.
        stopped_because: Why nothing more is submitted, or None.
        needs_person: Whether that is for a person to decide, and not what the person has decided already.
        rounds: Rounds that were planned, with their rows.
    """

    progress: Progress
    submitted: int = 0
    adopted: int = 0
    downloaded: int = 0
    size_bytes: int = 0
    unsent: int = 0
    stopped_because: Notice | None = None
    needs_person: bool = False
    rounds: dict[int, int] = field(default_factory=dict)

    def as_blocks(self) -> Iterator[Block]:
        """What was done, how far the run is then, and why nothing more is submitted."""
        done = {
            "submitted": self.submitted,
            "found at the provider": self.adopted,
            "downloaded": self.downloaded,
            "not submitted": self.unsent,
        }
        yield named({name: f"{count:,}" for name, count in done.items() if count} | self.progress.told())
        stopped = () if self.stopped_because is None else (self.stopped_because,)
        yield from notes_of((*self.progress.waiting, *stopped))


@dataclass(frozen=True, slots=True)
class DriveHooks:
    """
    Functions that are told how it goes; each may be left out.

    Attributes:
        progress: How the batches stand, after each turn.
        said: Something that a person may want to know.
        shard: A shard was submitted, or its files came.
    """

    progress: Callable[[Progress], None] | None = None
    said: Callable[[Notice], None] | None = None
    shard: Callable[[Shard], None] | None = None


class Driver:
    """
    Drives one run. The caller holds the run lock.

    Args:
        run: A run that is built.
        ledger: Of the run, open for writing.
        client: The provider's calls.
        url, model: Of the requests.
        reader: Of the codebook; None for embeddings.
        limits: Of one request file.
        price: The model's batch price, or None.
        direct: The calls of a batch whose rows are asked one by one; None where there is none, and none is
            made.
        direct_price: The price of these.
        reserve_usd: The most that a shard may cost.
        policy: The pace, and what is decided by whom.
    """

    def __init__(
        self,
        run: RunDirectory,
        ledger: Ledger,
        client: BatchClient,
        *,
        url: str,
        model: str,
        reader: AnswerReader | None,
        limits: ShardLimits,
        price: Price | None,
        reserve_usd: Callable[[Shard], Decimal],
        policy: DrivePolicy,
        clock: Clock | None = None,
        hooks: DriveHooks | None = None,
        direct: BatchClient | None = None,
        direct_price: Price | None = None,
    ) -> None:
        self._direct, self._direct_price = direct, direct_price
        self._run, self._ledger, self._client = run, ledger, client
        self._url, self._model, self._reader = url, model, reader
        self._limits, self._price, self._reserve_usd = limits, price, reserve_usd
        self._policy, self._clock, self._hooks = policy, clock or Clock(), hooks or DriveHooks()
        self._due: dict[str, float] = {}
        self._pauses: dict[str, int] = {}
        self._polls: dict[str, int] = {}
        self._looks: dict[str, int] = {}
        self._resent: dict[str, int] = {}
        self._was_answered = False
        self._trouble: ServiceError | None = None
        self._trouble_since: float | None = None
        self._unseen: dict[str, float] = {}
        self._moved: dict[str, tuple[tuple[str, int, int], float, int]] = {}
        self._held: set[str] = set()
        self._alone: dict[str, int] = {}
        self._stopped_because: Notice | None = None
        self._needs_person = False
        self._decision: NeedsDecision | None = None
        self._undecided: set[Name] = set()
        # Where nothing is paid, nothing is paid twice.
        self._is_free = find_provider(run.plan().asking.provider).is_free
        self._looked_up: set[str] = set()
        self._cancel_asked: dict[str, float] = {}
        self._cancelled_since: float | None = None
        self._said: dict[Notice, float] = {}
        # Shards that failed in a way that others will share: each is read once, and asked about often.
        self._suspects: dict[Name, Shard] | None = None
        self._list_at, self._has_list = float("-inf"), False
        self._report = DriveReport(read_progress(ledger, most_states=0))

    def drive(self, goal: Goal) -> DriveReport:
        """
        Work until the goal is reached, or nothing more can be done without a person.

        Args:
            goal: `submitted`: every shard has its batch, or waits for what only time brings; `over`: no batch
                is running (nothing is submitted); `downloaded`: what is over is here (nothing is asked
                twice); `finished`: all rounds.
        Raises:
            ServiceError: The provider refused for good, or was out of reach for too long.
            NeedsDecision: A paid call's outcome is not known, a batch should be over for a day, or a request
                file is not what was built; all else was done first.
        """
        self._ledger.take_over(self._clock.now)
        self._begin(goal)
        while True:
            worked = self._turn(goal)
            if self._hooks.progress:
                self._hooks.progress(read_progress(self._ledger))
            if self._is_reached(goal, worked=worked) or self._has_waited_for_cancelling():
                break
            self._pause()
        self._report.progress = read_progress(self._ledger)
        if self._decision is not None:
            raise self._decision
        self._require_none_lost(goal)
        report = self._report
        report.unsent = self._ledger.tally().count(*_UNSENT)
        report.stopped_because, report.needs_person = self._stopped_because, self._needs_person
        return report

    def _require_none_lost(self, goal: Goal) -> None:
        """Leave it to a person whether rows that may have been paid for are asked again."""
        if (
            goal != "finished"
            or self._policy.lost.then != "ask"
            or self._is_cancelled()
            or self._needs_person
        ):
            return
        if rows := count_lost(self._run, self._ledger, self._reader):
            decision = NeedsDecision("lost-rows", path=str(self._run.path), rows=rows)
            self._say(decision.notice)
            raise decision

    # One turn

    def _begin(self, goal: Goal) -> None:
        for shard in self._ledger.shards(ShardState.SUBMITTING):
            # Only a crash leaves this state behind: the call may have gone out.
            self._ledger.move(
                shard, ShardState.UNKNOWN, event="unknown", detail={"reason": "the program was stopped"}
            )
        if self._policy.frees_inputs and goal in ("downloaded", "finished"):
            for shard in self._ledger.shards(ShardState.DOWNLOADED):
                self._free(shard)
        if (
            goal == "finished"
            and not self._ledger.tally().count(*_UNFINISHED)
            and self._policy.lost.then == "resubmit"
        ):
            # A person who says so means the rows of earlier rounds, too.
            self._plan_lost_round()

    def _turn(self, goal: Goal) -> bool:
        """Do what is due; returns whether anything changed."""
        worked = False
        submits = goal in ("submitted", "finished")
        if goal in ("over", "finished"):
            self._look_at_list()
        for name in self._due_names():
            now = shard = self._ledger.shard(*name)
            if now.state is ShardState.UNKNOWN and submits and self._is_due(now):
                now = self._guarded(now, self._look)
            is_asked = goal in ("over", "finished") or (submits and is_direct(now.batch_id))
            if now.state is ShardState.SUBMITTED and is_asked and self._is_due(now):
                now = self._guarded(now, self._poll)
            if now.state is ShardState.ENDED and goal in ("downloaded", "finished") and self._is_due(now):
                now = self._guarded(now, self._download)
            worked |= now.state is not shard.state
        if worked:
            # A batch that is over makes room.
            for held in self._held:
                self._due.pop(held, None)
            self._held.clear()
        if submits:
            worked |= self._submit_what_fits()
        if goal == "finished":
            worked |= self._plan_round()
        return worked

    def _due_names(self) -> list[Name]:
        """What was sent and is to be looked at now, in order; not what waits for a person."""
        now, due = self._clock.monotonic(), self._due
        names = self._ledger.tally().names(*_QUEUED, ShardState.ENDED)
        return [
            name
            for name in names
            if name not in self._undecided and now >= due.get(name_of(*name), float("-inf"))
        ]

    def _states_left(self) -> set[ShardState]:
        """States of shards that do not wait for a person."""
        tally = self._ledger.tally()
        undecided = Counter(tally.state(name) for name in self._undecided)
        left = {state for state in ShardState if tally.count(state) > undecided[state]} - {ShardState.CUT}
        return left - set(_UNSENT) if self._stopped_because else left

    def _is_reached(self, goal: Goal, *, worked: bool) -> bool:
        left = self._states_left()
        if goal == "over":
            return ShardState.SUBMITTED not in left
        if goal == "downloaded":
            return ShardState.ENDED not in left
        if goal == "submitted":
            # What waits for room at the provider waits for the batches, not for us.
            tally, first = self._ledger.tally(), self._ledger.first_unsent()
            if any(
                tally.is_asked_here(name)
                for name in tally.names(ShardState.SUBMITTED)
                if name not in self._undecided
            ):
                # Its rows are asked by us, and the next part goes after them.
                return False
            waits = bool(first and first.waits_for)
            return ShardState.UNKNOWN not in left and (not left & set(_UNSENT) or (waits and not worked))
        return not left - {ShardState.DOWNLOADED} and not worked

    def _guarded(self, shard: Shard, act: Callable[[Shard], Shard]) -> Shard:
        """Do one thing for one shard; a provider out of reach costs a pause, not the run."""
        try:
            found = act(shard)
        except ServiceError as error:
            self._note_trouble(shard, error)
            return shard
        self._was_answered = True
        self._trouble = self._trouble_since = None
        self._pauses.pop(shard.name, None)
        self._unseen.pop(shard.name, None)
        return found

    def _note_trouble(self, shard: Shard, error: ServiceError) -> None:
        is_unseen = error.status == 404 and shard.state is ShardState.SUBMITTED
        if error.status in (404, 410) and shard.state is ShardState.ENDED:
            # It is over, and its files are gone: asking again does not bring them.
            self._was_answered = True
            gone = NeedsDecision("results-gone", path=str(self._run.path), shard=shard.name, why=error.notice)
            self._ask_person(shard, gone)
            return
        if not error.is_passing and not is_unseen:
            raise error
        if error.status is None and not self._was_answered:
            # Nobody has answered yet: the address is wrong, or there is no network.
            raise error
        self._was_answered = True
        now = self._clock.monotonic()
        if is_unseen:
            self._note_unseen(shard, error, now)
            return
        if self._trouble_since is None:
            self._trouble_since = now
        self._trouble = error
        if now - self._trouble_since >= self._policy.patience_s:
            raise error
        self._say(Notice("tried-again", {"shard": shard.name, "why": error.notice}))
        self._wait_for(shard.name, self._pause_s(shard.name, error.retry_after_s))

    def _note_unseen(self, shard: Shard, error: ServiceError, now: float) -> None:
        """A batch that the provider does not know for long is a person's matter, and holds up no other."""
        since = self._unseen.setdefault(shard.name, now)
        if now - since >= self._policy.patience_s:
            if error.kind == "batch-of-other-key":
                raise error
            forgotten = NeedsDecision(
                "forgotten-batch", path=str(self._run.path), shard=shard.name, batch_id=shard.batch_id
            )
            self._ask_person(shard, forgotten)
            return
        self._say(Notice("tried-again", {"shard": shard.name, "why": error.notice}))
        self._wait_for(shard.name, self._pause_s(shard.name, error.retry_after_s))

    # Time

    def _is_due(self, shard: Shard) -> bool:
        return self._clock.monotonic() >= self._due.get(shard.name, float("-inf"))

    def _wait_for(self, name: str, seconds: float) -> None:
        self._due[name] = self._clock.monotonic() + seconds

    def _pause_s(self, name: str, told_s: float | None = None) -> float:
        """A pause that grows each time it is needed for the same thing."""
        times = self._pauses.get(name, 0)
        self._pauses[name] = times + 1
        base = 15.0 if self._policy.poll_every_s is None else max(self._policy.poll_every_s, 0.02)
        grown: float = base * min(2.0 ** min(times, 10), _LONGEST_PAUSE)
        return max(told_s or 0.0, grown * _RANDOM.uniform(0.8, 1.2))

    def _of(self, shard: Shard) -> BatchClient:
        """Who has the batch of a shard, or gets it."""
        goes_direct = is_direct(shard.file_id) if shard.file_id is not None else self._policy.direct_rows > 0
        if not (goes_direct or is_direct(shard.batch_id)) or self._direct is None:
            return self._client
        return self._direct

    def _has_parts_of_ours(self) -> bool:
        """Whether rows of some shard are being asked one by one, from here."""
        if self._direct is None:
            return False
        tally = self._ledger.tally()
        return any(map(tally.is_asked_here, tally.names(*_QUEUED)))

    def _is_asked_here(self, shard: Shard) -> bool:
        return self._direct is not None and self._of(shard) is self._direct

    def _poll_pause_s(self, name: str) -> float:
        if self._policy.poll_every_s is not None:
            return max(self._policy.poll_every_s, self._policy.poll_least_s)
        times = self._polls.get(name, 0)
        self._polls[name] = times + 1
        grown = min(_FIRST_POLL_S * 1.3**times, _LONGEST_POLL_S)
        return max(grown * _RANDOM.uniform(0.8, 1.2), self._policy.poll_least_s)

    def _pause(self) -> None:
        """Sleep until the next thing is due."""
        now, tally = self._clock.monotonic(), self._ledger.tally()
        # They go in order: the first waits for all of them.
        first = self._ledger.first_unsent()
        unsent = [(first.round, first.number)] if first is not None else []
        others = tally.names(*_QUEUED, ShardState.ENDED)
        waiting = [
            self._due.get(name_of(*name), now) for name in (*unsent, *others) if name not in self._undecided
        ]
        if self._waits_for_list():
            waiting.append(self._list_at)
        seconds = min(waiting, default=now) - now
        if self._cancelled_since is not None and self._policy.cancel_wait_s is not None:
            seconds = min(seconds, self._cancelled_since + self._policy.cancel_wait_s - now)
        # Never a busy loop, and never so long that a wish to cancel goes unheard.
        is_quick = self._policy.poll_every_s is not None or self._has_parts_of_ours()
        shortest = 0.01 if is_quick else 0.5
        self._clock.sleep(min(max(seconds, shortest), _LONGEST_POLL_S))

    def _say(self, notice: Notice) -> None:
        now = self._clock.monotonic()
        if self._hooks.said and now - self._said.get(notice, -1e9) >= _SAY_EVERY_S:
            self._said[notice] = now
            self._hooks.said(notice)

    # Lost answers

    def _look(self, shard: Shard) -> Shard:
        # What lies here is known at once, and costs nothing by being there.
        policy = self._policy.lost
        if self._is_asked_here(shard):
            policy = LostAnswerPolicy(0.0, "resubmit", look_every_s=0.02)
        try:
            found, undecided = look_for_batch(self._ledger, self._of(shard), shard)
        except ServiceError as error:
            if not is_without_list(error):
                raise
            return self._not_listed(shard, error)
        if found.state is ShardState.SUBMITTED:
            self._report.adopted += 1
            self._say(Notice("batch-adopted", {"shard": shard.name}))
            self._tell(found)
            return found
        looks = self._looks[shard.name] = self._looks.get(shard.name, 0) + 1
        now = self._of(shard).now()
        waited_s = (now - (shard.intent_at or now)).total_seconds()
        if undecided and waited_s < policy.wait_s + _LONGEST_BATCH_S:
            # Nobody can tell before these are over, however long it is waited.
            self._say(Notice("batches-undecided", {"shard": shard.name, "batches": undecided}))
        elif looks >= 2 and waited_s >= policy.wait_s:
            return self._not_found(shard, looks, waited_s, then=policy.then, is_certain=not undecided)
        rest_s = max(policy.wait_s - waited_s, 0.0)
        pause_s = min(policy.look_every_s, rest_s) if not undecided else policy.look_every_s
        if self._policy.poll_every_s is not None:
            pause_s = min(pause_s, max(self._policy.poll_every_s, policy.wait_s / 4))
        self._say(Notice("looking", {"shard": shard.name}))
        self._wait_for(shard.name, max(pause_s, 0.02))
        return shard

    def _not_found(
        self, shard: Shard, looks: int, waited_s: float, *, then: OnLostAnswer, is_certain: bool
    ) -> Shard:
        sent = self._resent.get(shard.name, 0)
        # Where no call is ever heard of again, each may have been carried out unseen.
        is_enough = sent >= _MOST_RESENT and not (self._is_free or self._is_asked_here(shard))
        if then == "ask" or not is_certain or is_enough:
            why = self._why_unknown(shard)
            self._ask_person(
                shard,
                NeedsDecision(
                    "lost-answer-told" if why else "lost-answer",
                    path=str(self._run.path),
                    shard=shard.name,
                    waited_s=round(waited_s),
                    why=why,
                ),
            )
            return shard
        self._resent[shard.name] = sent + 1
        self._looks.pop(shard.name, None)
        return self._resubmitted(shard, {"looks": looks, "waited_s": round(waited_s)})

    def _not_listed(self, shard: Shard, error: ServiceError) -> Shard:
        """
        Its server has no list: whether the batch was made cannot be found out here, whatever the policy. Only
        what a person says now sends it again.
        """
        if self._is_free or self._policy.lost.is_told:
            return self._resubmitted(shard, {"told": error.message})
        unlisted = NeedsDecision(
            "lost-answer-unlisted",
            path=str(self._run.path),
            shard=shard.name,
            why=self._why_unknown(shard),
            told=error.notice,
        )
        self._ask_person(shard, unlisted)
        return shard

    def _resubmitted(self, shard: Shard, detail: dict[str, object]) -> Shard:
        return self._ledger.move(
            shard, ShardState.UPLOADED, event="resubmit", detail=detail, reserved_usd="0"
        )

    def _why_unknown(self, shard: Shard) -> str:
        """What came in the place of the answer to the paid call of a shard."""
        told = [str(event.detail.get("reason") or "") for event in self._ledger.events_of(shard, "unknown")]
        return told[-1] if told else ""

    def _ask_person(self, shard: Shard, decision: NeedsDecision) -> None:
        """Leave a shard to a person; all else is done first."""
        self._decision = self._decision or decision
        self._undecided.add((shard.round, shard.number))
        self._say(decision.notice)

    # Running batches

    def _poll(self, shard: Shard) -> Shard:
        if self._is_cancelled():
            self._ask_to_cancel(shard)
        polled, view = poll_shard(self._ledger, self._of(shard), shard)
        if polled.state is ShardState.ENDED:
            self._polls.pop(shard.name, None)
            self._due.pop(shard.name, None)
            return polled
        if self._is_asked_here(shard):
            # The question itself did some of the work.
            return polled
        self._wait_to_poll(shard.name)
        self._note_still(polled.name, view)
        self._require_known(polled, view)
        return polled

    def _look_at_list(self) -> None:
        """
        Where many batches run, see in the list of all which of them are over, and ask only for these: a page
        tells of a hundred. What is not in the list is asked for by itself, as is each batch at its end.
        """
        now = self._clock.monotonic()
        if now < self._list_at or self._is_free or self._is_cancelled():
            return
        running = [one for one in self._ledger.running() if not is_direct(one.batch_id)]
        _, oldest = self._ledger.oldest_at_provider()
        if len(running) < _FEWEST_TO_LIST or oldest is None:
            return
        try:
            views = {view.batch_id: view for view in self._client.recent(oldest)}
        except ServiceError:
            # It has none, or is out of reach: each batch is asked for, as ever.
            self._list_at, self._has_list = now + _LONGEST_POLL_S, False
            return
        policy, took = self._policy, self._clock.monotonic() - now
        pause = min(max(_LIST_EVERY_S, len(running) * _LIST_S_A_BATCH), _LONGEST_POLL_S)
        pause = pause if policy.poll_every_s is None else policy.poll_every_s
        pause = max(pause, policy.poll_least_s, took / _LIST_SHARE)
        self._list_at, self._has_list = now + pause, True
        changed = []
        for one in running:
            name, view = name_of(one.round, one.number), views.get(one.batch_id)
            if (one.round, one.number) in self._undecided:
                continue
            if view is None or view.is_terminal or view.status != one.status or self._is_late(view):
                self._due.pop(name, None)
                continue
            self._note_still(name, view)
            if (view.completed, view.failed) != (one.completed, one.failed):
                changed.append((one._replace(completed=view.completed, failed=view.failed), view.raw))
            # The next list comes before that.
            self._wait_for(name, pause + _LONGEST_POLL_S)
        if changed:
            self._ledger.note_all_progress(changed)

    def _waits_for_list(self) -> bool:
        """Whether the next list tells how the running batches stand, and none need be asked for before."""
        is_ahead = self._has_list and self._clock.monotonic() < self._list_at
        return is_ahead and self._ledger.tally().count(ShardState.SUBMITTED) >= _FEWEST_TO_LIST

    def _wait_to_poll(self, name: str) -> None:
        """Ask for a batch after its pause; of many, only when the list has not told of it."""
        if self._waits_for_list():
            self._wait_for(name, self._list_at - self._clock.monotonic() + _LONGEST_POLL_S)
        else:
            self._wait_for(name, self._poll_pause_s(name))

    def _is_late(self, view: BatchView) -> bool:
        return view.expires_at is None or self._client.now() > view.expires_at + _SLACK

    def _note_still(self, name: str, view: BatchView) -> None:
        """Say once in some hours that nothing has moved: a batch may take a day, and may be forgotten."""
        now, stands = self._clock.monotonic(), (view.status, view.completed, view.failed)
        known, since, told = self._moved.get(name, (None, now, 0))
        if stands != known:
            self._moved[name] = (stands, now, 0)
            return
        times = int((now - since) / _STILL_S)
        if times > told and not self._is_free:
            self._moved[name] = (stands, since, times)
            hours = round((now - since) / 3600)
            values = {"shard": name, "hours": hours, "status": view.status, "path": str(self._run.path)}
            self._say(Notice("batch-still", values))

    def _expiry(self, shard: Shard, view: BatchView) -> datetime | None:
        """When a batch should be over; None for a model of this computer, which takes as long as it takes."""
        if view.expires_at is not None:
            return view.expires_at
        # A server that does not say when it was made is seen to have made it just now.
        known = (shard.intent_at, shard.submitted_at, view.created_at)
        return None if self._is_free else min(at for at in known if at is not None) + _WINDOW

    def _require_known(self, shard: Shard, view: BatchView) -> None:
        """A status that nobody knows is shown; a batch that should be over for a day is a person's matter."""
        if view.status not in _RUNNING:
            self._say(Notice("status-unknown", {"shard": shard.name, "status": view.status}))
        expires = self._expiry(shard, view)
        if expires is None or self._client.now() <= expires + _SLACK:
            return
        cancelled_at = self._cancel_asked.get(shard.name)
        if cancelled_at is not None and self._clock.monotonic() < cancelled_at + self._policy.patience_s:
            # What the person decided takes its time.
            return
        self._ask_person(
            shard,
            NeedsDecision(
                "late-batch",
                path=str(self._run.path),
                shard=shard.name,
                batch_id=shard.batch_id,
                expires=f"{expires:%Y-%m-%d %H:%M}",
                status=view.status,
            ),
        )

    def _taken_back(self, shard: Shard, view: BatchView) -> Shard:
        """A batch that failed before anything ran: some reasons pass, and nothing was billed."""
        text = view.error_text
        if view.refusal == "queue-full":
            return self._queue_is_full(self._back(shard, ShardState.UPLOADED, text), text)
        if view.refusal == "file-lost" and shard.attempt < _MOST_NEW_FILES:
            self._say(Notice("file-lost", {"shard": shard.name}))
            return self._back(shard, ShardState.WRITTEN, text)
        if view.refusal == "too-large" and shard.requests > 1:
            return self._cut(self._back(shard, ShardState.UPLOADED, text), 2, text)
        if view.refusal == "unpaid":
            # Nothing ran, so the same requests go when somebody has paid.
            back = self._back(shard, ShardState.UPLOADED, text)
            self._stop(Notice("shard-unpaid", {"shard": shard.name, "why": text}))
            return back
        self._say(Notice("batch-refused", {"shard": shard.name, "why": text}))
        return shard

    def _back(self, shard: Shard, to: ShardState, why: str) -> Shard:
        return self._ledger.move(
            shard,
            to,
            event="taken-back",
            detail={"batch_id": shard.batch_id, "error": why},
            attempt=shard.attempt + 1,
            past_batches=json.dumps([*shard.past_batches, shard.batch_id]),
            batch_id=None,
            batch_status=None,
            batch_json=None,
            failure=None,
            submitted_at=None,
            ended_at=None,
            completed_requests=0,
            failed_requests=0,
            reserved_usd="0",
        )

    def _download(self, shard: Shard) -> Shard:
        if shard.batch_status == "failed":
            back = self._taken_back(shard, self._client.view(json.loads(shard.batch_json or "{}")))
            if back.state is not ShardState.ENDED:
                return back
        price = self._direct_price if is_direct(shard.batch_id) else self._price
        done, size = download_shard(
            self._run, self._ledger, self._of(shard), shard, price=price, reader=self._reader
        )
        self._suspect(done)
        self._report.downloaded += 1
        self._report.size_bytes += size
        self._tell(done)
        return self._free(done) if self._policy.frees_inputs else done

    def _free(self, shard: Shard) -> Shard:
        """Remove the request file of a shard at the provider: its results are here, whole."""
        is_ours = shard.file_id and shard.batch_id and not is_direct(shard.batch_id)
        if not is_ours or shard.batch_status == GIVEN_UP or shard.freed_at or shard.cleaned_at:
            return shard
        try:
            return free_input(self._ledger, self._client, shard)
        except ServiceError as error:
            # It takes up room, and nothing more; the next time that the run is driven it is tried again.
            self._say(Notice("input-not-freed", {"shard": shard.name, "why": error.notice}))
            return shard

    # Submitting

    def _submit_what_fits(self) -> bool:
        worked = False
        while (shard := self._next_to_submit()) is not None:
            before = shard
            try:
                if self._were_sent_before(shard):
                    worked = True
                    continue
                if shard.state is ShardState.WRITTEN:
                    shard = upload_shard(self._run, self._ledger, self._of(shard), shard)
                shard = self._pay(shard)
            except NeedsDecision as error:
                # Its file is not what was built: nothing of this run is sent any more.
                self._ask_person(before, error)
                self._stopped_because = Notice("shard-changed", {"shard": before.name})
                return worked
            except ServiceError as error:
                if error.is_passing:
                    self._note_trouble(before, error)
                    self._ledger.note_wait(before, Notice("wait-unreachable"))
                    return worked
                if error.refusal == "unpaid":
                    self._stop(Notice("shard-unpaid", {"shard": before.name, "why": error.notice}))
                    return worked
                if before.state is not ShardState.WRITTEN or error.refusal != "too-large":
                    raise
                shard = self._cut(before, 2, error.notice)
            worked = self._was_answered = True
            self._trouble = self._trouble_since = None
        return worked

    def _were_sent_before(self, shard: Shard) -> bool:
        """
        Whether shards were sent that the ledger took for unsent. The list is looked at before the first
        that is paid for, and again when there are shards that were not there then.
        """
        if self._is_free or shard.token in self._looked_up:
            return False
        unsent = {one.token for one in self._ledger.shards(*_UNSENT)}
        adopted = []
        if self._direct is not None:
            adopted = adopt_sent(self._run, self._ledger, self._direct, self._reserve_usd)
        try:
            adopted += adopt_sent(self._run, self._ledger, self._client, self._reserve_usd)
        except ServiceError as error:
            if error.is_passing and not is_without_list(error):
                raise
            # A service without a list that can be read tells of nothing.
        self._looked_up |= unsent
        for found in adopted:
            self._report.adopted += 1
            self._say(Notice("shard-sent-before", {"shard": found.name, "batch_id": found.batch_id}))
            self._tell(found)
        return bool(adopted)

    def _next_to_submit(self) -> Shard | None:
        """The first shard that may go now; why it may not is noted with it."""
        shard = self._ledger.first_unsent()
        if shard is None or self._stopped_because:
            return None
        if self._is_cancelled():
            self._stopped_because = Notice("cancelling")
            return None
        if failure := self._unpaid_rows() or self._mass_failure(shard.round):
            self._stop(failure)
            return None
        if (first := self._first_part()) is not None and first.name != shard.name:
            self._hold(shard, Notice("wait-first-part", {"shard": first.name}))
            self._stop_if_stuck(shard)
            return None
        if shard.not_before is not None and self._clock.now() < shard.not_before:
            self._wait_for(shard.name, (shard.not_before - self._clock.now()).total_seconds())
            return None
        if not self._is_due(shard):
            return None
        if self._is_too_large_for_its_way(shard):
            self._cut_for_its_way(shard)
            return self._next_to_submit()
        if self._is_asked_here(shard):
            return self._next_of_ours(shard)
        return self._next_in_queue(shard)

    def _cut_for_its_way(self, shard: Shard) -> None:
        rows = self._policy.direct_rows
        why = Notice("cut-for-direct") if rows else Notice("cut-for-batches")
        self._cut(shard, -(-shard.requests // (rows or shard.requests)), why)

    def _next_of_ours(self, shard: Shard) -> Shard | None:
        """A shard whose rows are asked one by one: when those before it are answered."""
        if not self._has_parts_of_ours():
            return shard
        self._ledger.note_wait(shard, Notice("wait-direct"))
        self._held.add(shard.name)
        self._wait_for(shard.name, _LONGEST_POLL_S)
        return None

    def _next_in_queue(self, shard: Shard) -> Shard | None:
        """A shard that is to be a batch: when the provider has room."""
        if (limit := self._queue_limit()) is not None:
            if shard.tokens > limit and shard.requests > 1:
                self._cut(shard, -(-shard.tokens // max(limit, 1)), Notice("larger-than-queue"))
                return self._next_to_submit()
            queued = self._ledger.tally().tokens(*_QUEUED)
            if queued and queued + shard.tokens > limit:
                self._hold(shard, Notice("wait-queue-share", {"queued": queued, "limit": limit}))
                self._stop_if_stuck(shard)
                return None
        if self._is_storage_full(shard):
            return None
        limit = self._policy.creations_per_hour
        room_at = self._ledger.intent_before(limit - 1)
        if room_at is not None and (room_at := room_at + timedelta(hours=1)) > self._clock.now():
            self._hold(shard, Notice("wait-creations", {"batches": limit}))
            self._wait_for(shard.name, (room_at - self._clock.now()).total_seconds())
            return None
        return shard

    def _is_storage_full(self, shard: Shard) -> bool:
        """Whether the files of a shard and its results have no room at the provider before others go."""
        limit, tally = self._policy.storage_bytes, self._ledger.tally()
        if limit is None:
            return False
        here = tally.input_bytes + tally.result_rows * self._policy.result_bytes
        new = shard.requests * self._policy.result_bytes
        new += shard.bytes if shard.state is ShardState.WRITTEN else 0
        if here + new <= limit * _STORAGE_SHARE:
            return False
        reason = Notice("wait-storage", {"stored_bytes": here, "limit_bytes": limit})
        self._hold(shard, reason)
        if not self._moves(shard):
            # Nothing that runs makes room.
            self._stopped_because = reason
        return True

    def _is_too_large_for_its_way(self, shard: Shard) -> bool:
        """Whether a shard is to go one by one and is large, or was to go the other way."""
        rows = self._policy.direct_rows
        was_made_ready = shard.file_id is not None and is_direct(shard.file_id) != (rows > 0)
        return shard.requests > 1 and ((rows > 0 and shard.requests > rows) or was_made_ready)

    def _hold(self, shard: Shard, reason: Notice) -> None:
        self._ledger.note_wait(shard, reason)
        self._say(Notice("shard-waits", {"shard": shard.name, "why": reason}))
        self._held.add(shard.name)
        self._wait_for(shard.name, self._poll_pause_s(f"hold {shard.name}"))

    def _stop_if_stuck(self, shard: Shard) -> None:
        """Where all that a shard waits for waits for a person, it does so too."""
        if self._undecided and not self._moves(shard):
            self._stopped_because = self._ledger.shard(shard.round, shard.number).waits_for

    def _moves(self, shard: Shard) -> bool:
        """Whether a batch of another shard may still come to its end without a person."""
        without = {*self._undecided, (shard.round, shard.number)}
        return any(name not in without for name in self._ledger.tally().names(*_QUEUED, ShardState.ENDED))

    def _queue_limit(self) -> int | None:
        told = self._ledger.queue_limit(self._model)
        known = [limit for limit in (self._policy.queue_tokens, told) if limit]
        return int(min(known) * QUEUE_SHARE) if known else None

    def _pay(self, shard: Shard) -> Shard:
        reserved = self._reserve_usd(shard)
        paid, refusal = pay_for_shard(
            self._run,
            self._ledger,
            self._of(shard),
            shard,
            url=self._url,
            model=self._model,
            reserved_usd=reserved,
            cap_usd=None
            if self._policy.cap_usd is None
            else self._policy.cap_usd - self._policy.elsewhere_usd,
            marks_cache=self._marks_cache(shard),
        )
        if refusal is not None:
            return self._refused(paid, refusal)
        if paid.state is ShardState.UPLOADED:
            return self._capped(paid, reserved)
        if paid.state is ShardState.SUBMITTED:
            self._report.submitted += 1
            self._pauses.pop(paid.name, None)
            if self._is_asked_here(paid):
                self._wait_for(paid.name, 0.0)
            else:
                self._wait_to_poll(paid.name)
            self._tell(paid)
        else:
            self._wait_for(paid.name, 0.0)
        return paid

    def _marks_cache(self, shard: Shard) -> bool:
        """
        Whether the instructions are marked for the provider's cache: those of the first part, which fill it,
        and those of the others while it holds. In one batch alone each request would write it, at twice the
        price.
        """
        if not self._policy.marks_cache or shard.round > 1:
            return False
        first = self._ledger.shard(1, 1)
        if first.name == shard.name:
            return True
        ended = first.ended_at
        return (
            first.state is ShardState.DOWNLOADED
            and ended is not None
            and self._client.now() < ended + _CACHE_HOLDS
        )

    def _capped(self, shard: Shard, reserved: Decimal) -> Shard:
        reason = Notice(
            "cap-reached",
            {
                "cap_usd": self._policy.cap_usd,
                "spent_usd": self._ledger.spent_usd() + self._policy.elsewhere_usd,
                "most_usd": reserved,
            },
        )
        held = self._ledger.note_wait(shard, reason)
        if self._moves(shard):
            # What runs now may cost less than was reserved.
            self._held.add(shard.name)
            self._wait_for(shard.name, self._poll_pause_s(f"hold {shard.name}"))
        else:
            self._stopped_because = reason
        self._say(Notice("shard-waits", {"shard": shard.name, "why": reason}))
        return held

    def _refused(self, shard: Shard, refusal: Refused) -> Shard:
        if refusal.refusal == "queue-full":
            return self._queue_is_full(shard, refusal.why)
        if refusal.refusal == "unpaid":
            self._stop(Notice("shard-unpaid", {"shard": shard.name, "why": refusal.why}))
            return shard
        if refusal.is_passing:
            self._wait_for(shard.name, self._pause_s(shard.name, refusal.retry_after_s))
            held = self._ledger.note_wait(shard, Notice("wait-busy", {"why": refusal.why}))
            self._note_refusal_trouble(refusal)
            return held
        if refusal.refusal == "too-large":
            return self._cut(shard, 2, refusal.why)
        raise ServiceError(
            "shard-refused",
            status=refusal.status,
            code=refusal.code,
            refusal=refusal.refusal,
            shard=shard.name,
            why=refusal.why,
        )

    def _note_refusal_trouble(self, refusal: Refused) -> None:
        now = self._clock.monotonic()
        if self._trouble_since is None:
            self._trouble_since = now
        if now - self._trouble_since >= self._policy.patience_s:
            raise ServiceError(
                "still-refused",
                status=refusal.status,
                code=refusal.code,
                refusal=refusal.refusal,
                why=refusal.why,
            )

    def _queue_is_full(self, shard: Shard, why: Notice | str) -> Shard:
        told = told_queue_limit(str(why))
        if told:
            self._ledger.note_queue_limit(self._model, told)
        if not self._ledger.tally().count(*_QUEUED):
            # Nothing of ours is in the queue: the shard alone is too much, or others fill it.
            self._alone[shard.name] = self._alone.get(shard.name, 0) + 1
            if self._alone[shard.name] >= _MOST_REFUSED_ALONE and shard.requests > 1:
                return self._cut(shard, 2, why)
        seconds = self._pause_s(f"queue {shard.name}")
        until = self._clock.now() + timedelta(seconds=seconds)
        self._say(Notice("queue-full", {"shard": shard.name, "why": why}))
        self._wait_for(shard.name, seconds)
        held = self._ledger.note_wait(shard, Notice("wait-queue-full"), until)
        self._stop_if_stuck(shard)
        return held

    def _cut(self, shard: Shard, parts: int, why: Notice | str) -> Shard:
        cut_shard(self._run, self._ledger, shard, max(2, parts), why)
        self._say(Notice("shard-cut", {"shard": shard.name, "parts": max(2, parts), "why": why}))
        return self._ledger.shard(shard.round, shard.number)

    def _first_part(self) -> Shard | None:
        """The small first shard, as long as the others wait for its answers."""
        state = self._ledger.tally().state((1, 1))
        first = self._ledger.shard(1, 1) if state is not None else None
        if first is None or self._is_free or first.requests > self._policy.first_rows:
            return None
        return None if first.state in (ShardState.DOWNLOADED, ShardState.CUT) else first

    def _suspect(self, shard: Shard) -> None:
        """Keep a shard whose results are here in mind, where its failures may stop the run."""
        if self._suspects is None:
            return
        name = (shard.round, shard.number)
        self._suspects.pop(name, None)
        if not shard.may_fail and (_failed_alike(shard, self._policy.worst_share) or _failed_unpaid(shard)):
            self._suspects[name] = shard

    def _suspected(self) -> list[Shard]:
        """Shards whose failures may stop the run, in order. Those from before are read once."""
        if self._suspects is None:
            self._suspects = {}
            for shard in self._ledger.shards_with_findings():
                self._suspect(shard)
        return [self._suspects[name] for name in sorted(self._suspects)]

    def _mass_failure(self, round_: int) -> Notice | None:
        """
        A shard that has failed in a way that other rows will share, and how.

        Answers that can't be used count in their own round: whoever asks them again in a later one has seen
        them.
        """
        for shard in self._suspected():
            found = _failed_alike(shard, self._policy.worst_share, with_answers=shard.round == round_)
            if found is not None:
                return found
        return None

    def _mass_invalid(self, round_: int) -> Notice | None:
        """A shard most of whose answers are not allowed: asked again, most of it would be paid twice."""
        if self._is_free or not self._policy.ask_invalid_again:
            return None
        for shard in self._suspected():
            found = _failed_alike(shard, self._policy.worst_share) if shard.round == round_ else None
            if found is not None and found.kind == "mass-invalid":
                return found
        return None

    def _unpaid_rows(self, round_: int | None = None) -> Notice | None:
        """A shard with rows that nobody paid, since a person said to go on; of one round, or of all."""
        for shard in self._suspected():
            is_asked = round_ is None or shard.round == round_
            if is_asked and not shard.may_be_unpaid and (found := _failed_unpaid(shard)):
                return Notice("rows-unpaid", found)
        return None

    def _stop(self, why: Notice) -> None:
        """Submit nothing more, and bring home what runs."""
        if self._needs_person:
            return
        self._stopped_because, self._needs_person = why, True
        self._ledger.add_event("stopped", why=why.to_plain())
        self._say(Notice("stopped", {"why": why}))

    # Rounds

    def _plan_round(self) -> bool:
        tally = self._ledger.tally()
        if tally.count(*_UNFINISHED):
            return False
        last = tally.last_round()
        if (
            not last
            or self._is_cancelled()
            or self._ledger.is_last_round(last, asks_invalid=self._policy.ask_invalid_again)
            or self._stopped_because
        ):
            return False
        if failure := self._unpaid_rows(last) or self._mass_invalid(last):
            self._stop(failure)
            return False
        # Rounds in which nobody paid are none of those that a person wanted.
        shards = self._ledger.shards(ShardState.DOWNLOADED)
        unpaid_rounds = {shard.round for shard in shards if shard.round and _failed_unpaid(shard)}
        if last >= self._policy.rounds + len(unpaid_rounds):
            return False
        planned = plan_next_round(
            self._run,
            self._ledger,
            self._reader,
            self._limits,
            ask_invalid_again=self._policy.ask_invalid_again,
            ask_lost_again=self._policy.lost.then == "resubmit",
        )
        return self._note_round(planned)

    def _plan_lost_round(self) -> None:
        """Rows whose answer was lost, and what else passes as long as there are rounds for it."""
        if not count_lost(self._run, self._ledger, self._reader):
            return
        last = self._ledger.tally().last_round()
        self._note_round(
            plan_next_round(
                self._run,
                self._ledger,
                self._reader,
                self._limits,
                ask_invalid_again=self._policy.ask_invalid_again,
                ask_lost_again=True,
                only_lost=last >= self._policy.rounds,
            )
        )

    def _note_round(self, planned: NextRound) -> bool:
        if not planned.rows:
            return False
        self._report.rounds[planned.round] = planned.rows
        self._say(Notice("next-round", {"round": planned.round, "rows": planned.rows}))
        return True

    # Cancelling

    def _is_cancelled(self) -> bool:
        return self._ledger.run().is_cancelled

    def _has_waited_for_cancelling(self) -> bool:
        """Whether it was cancelled and has waited for long enough; that some still end is said."""
        if self._policy.cancel_wait_s is None or not self._is_cancelled():
            return False
        now = self._clock.monotonic()
        if self._cancelled_since is None:
            self._cancelled_since = now
        ending = self._ledger.tally().count(*_QUEUED)
        if not ending or now < self._cancelled_since + self._policy.cancel_wait_s:
            return False
        self._stopped_because = Notice("still-cancelling", {"batches": ending, "path": str(self._run.path)})
        return True

    def _ask_to_cancel(self, shard: Shard) -> None:
        if shard.name not in self._cancel_asked:
            self._say(Notice("cancel-asked", {"shard": shard.name}))
        self._cancel_asked.setdefault(shard.name, self._clock.monotonic())
        if shard.batch_status == "cancelling":
            return
        with contextlib.suppress(ServiceError):
            # One that is over already cannot be cancelled; what it is, is seen by the next question.
            self._of(shard).cancel(str(shard.batch_id))
            self._ledger.add_event("cancel-asked", shard, batch_id=shard.batch_id)

    def _tell(self, shard: Shard) -> None:
        if self._hooks.shard:
            self._hooks.shard(shard)


def allow_mass_failure(ledger: Ledger, worst_share: float) -> None:
    """
    Go on although much of a shard failed: of the shards that are known now. One that fails later stops again.

    Args:
        ledger: Of the run.
        worst_share: As in `DrivePolicy`.
    """
    ledger.let_fail([shard for shard in ledger.shards() if _failed_alike(shard, worst_share) is not None])


def allow_unpaid_rows(ledger: Ledger) -> None:
    """Go on after rows that nobody paid: a person has been told, and wants them asked again."""
    ledger.let_be_unpaid([shard for shard in ledger.shards() if _failed_unpaid(shard)])


def _failed_alike(shard: Shard, worst_share: float, *, with_answers: bool = True) -> Notice | None:
    """
    That too many rows of a shard failed for reasons that stay, or have an answer that can't be used; and
    what it is with most of them. None where these are not too many.
    """
    findings = read_findings(shard.findings)
    if findings is None or findings.asked < _FEWEST_ROWS_TO_JUDGE:
        return None
    lasting = {cause: rows for cause, rows in findings.lasting.items() if not is_unpaid(cause)}
    useless = {status: findings.statuses.get(status, 0) if with_answers else 0 for status in _USELESS}
    failed = sum(lasting.values()) + sum(useless.values())
    if failed <= worst_share * findings.asked:
        return None
    told = {"shard": shard.name, "asked": findings.asked}
    cause, rows = max(lasting.items(), key=lambda item: item[1], default=("", 0))
    status = max(_USELESS, key=lambda one: useless[one])
    if rows >= useless[status]:
        return Notice("mass-failure", {**told, "failed": rows, "cause": cause})
    told |= {"failed": failed, "rows": useless[status]}
    if status is RowStatus.TRUNCATED:
        return Notice("mass-truncated", told)
    told["reason"] = findings.reasons.get(status, status.value)
    return Notice("mass-invalid" if status is RowStatus.INVALID else "mass-refused", told)


def _failed_unpaid(shard: Shard) -> dict[str, Any]:
    """How many rows of a shard failed because nobody pays: asked again they fail again. Or nothing."""
    findings = read_findings(shard.findings)
    unpaid = {cause: rows for cause, rows in findings.lasting.items() if is_unpaid(cause)} if findings else {}
    if not findings or not unpaid:
        return {}
    cause = max(unpaid, key=lambda one: unpaid[one])
    return {"shard": shard.name, "failed": unpaid[cause], "asked": findings.asked, "cause": cause}


# Answers that came and can't be used.
_USELESS = (RowStatus.TRUNCATED, RowStatus.INVALID, RowStatus.REFUSED)
MASS_FAILURES = ("mass-failure", "mass-truncated", "mass-invalid", "mass-refused")
"""Kinds of a stop because of rows of a shard that failed, or have no usable answer."""
_UNSENT = (ShardState.WRITTEN, ShardState.UPLOADED)
_QUEUED = (ShardState.SUBMITTED, ShardState.SUBMITTING, ShardState.UNKNOWN)
_UNFINISHED = (*_UNSENT, *_QUEUED, ShardState.ENDED)
_RUNNING = frozenset({"validating", "in_progress", "finalizing", "cancelling", "queued", "running"})
