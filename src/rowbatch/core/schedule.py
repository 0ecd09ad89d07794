"""What many batches mean before the first of them: hours to make them, turns of the queue, room for files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rowbatch.core.document import Shown
from rowbatch.words.notice import Notice

QUEUE_SHARE = 0.8
"""The provider counts tokens in its own way, so some of the queue is left free."""
_RESULT_BYTES, _TOKEN_BYTES = 800, 4
_FEWEST_TO_TELL = 10
_UNITS = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6))

Binding = Literal["", "creations", "queue", "storage", "files"]


@dataclass(frozen=True, slots=True)
class Room:
    """
    How much a provider takes; None where that is not known.

    Attributes:
        creations_per_hour: Batches that may be made in an hour.
        queue_tokens: Prompt tokens of the model that may wait at a time.
        queue_requests: Requests that may wait at a time.
        tiers: What `queue_tokens` is for tier 1, 2, …; empty where the provider has none, or nobody knows.
        storage_bytes: Of all files of a project.
        files: Input files at a time.
    """

    creations_per_hour: int | None = None
    queue_tokens: int | None = None
    queue_requests: int | None = None
    tiers: tuple[int, ...] = ()
    storage_bytes: int | None = None
    files: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Schedule(Shown):
    """
    How long batches take at least, and which limit says so.

    Attributes:
        batches, requests, prompt_tokens: That are to be sent.
        room: What the provider takes.
        creation_hours: Hours to make all batches; None where no limit is known.
        queue_turns: How often the queue is filled anew, each time for a day at most; None where its limit is
            not known. For each known tier: `turns_of_tiers`.
        turns_of_tiers: The same for tier 1, 2, …
        kept_bytes: Of request files and results, when all stay at the provider.
        result_bytes: Of the results alone; about, by the tokens of an answer.
        frees_inputs: Request files are removed when their results are here.
        binding: Which limit decides how long it takes, or whether it is possible; "" where none does.
    """

    batches: int
    requests: int
    prompt_tokens: int
    room: Room
    creation_hours: float | None
    queue_turns: int | None
    turns_of_tiers: tuple[int, ...]
    kept_bytes: int
    result_bytes: int
    frees_inputs: bool
    binding: Binding

    @property
    def notes(self) -> tuple[Notice, ...]:
        """In words for every face; nothing of a few batches that no limit holds up."""
        if self.batches < _FEWEST_TO_TELL and not self.binding:
            return ()
        return (*self._of_creations(), self._of_queue(), *self._of_storage(), *self._of_binding())

    def _of_creations(self) -> tuple[Notice, ...]:
        limit = self.room.creations_per_hour
        if limit is None or self.creation_hours is None:
            return (Notice("plan-creations-unknown", {"batches": self.batches}),)
        if not self.creation_hours:
            return (Notice("plan-creations-at-once", {"batches": self.batches, "limit": limit}),)
        hours = _hours(self.creation_hours)
        return (Notice("plan-creations", {"batches": self.batches, "limit": limit, "hours": hours}),)

    def _of_queue(self) -> Notice:
        tokens, room = self.prompt_tokens, self.room
        if self.queue_turns is not None and room.queue_tokens is not None:
            values = {"tokens": tokens, "limit": room.queue_tokens, "turns": self.queue_turns}
            return Notice("plan-queue", values)
        if self.queue_turns is not None and room.queue_requests is not None:
            values = {"requests": self.requests, "limit": room.queue_requests, "turns": self.queue_turns}
            return Notice("plan-queue-requests", values)
        if self.turns_of_tiers:
            tiers = [f"{number}: {turns:,}" for number, turns in enumerate(self.turns_of_tiers, start=1)]
            return Notice("plan-queue-tiers", {"tokens": tokens, "tiers": tiers})
        return Notice("plan-queue-unknown", {"tokens": tokens})

    def _of_storage(self) -> tuple[Notice, ...]:
        kept, results, limit = _size(self.kept_bytes), _size(self.result_bytes), self.room.storage_bytes
        if self.room.files is not None and self.batches > self.room.files and not self.frees_inputs:
            values = {"batches": self.batches, "limit": self.room.files}
            return (Notice("plan-files", values),)
        if limit is None:
            return (Notice("plan-storage-unknown", {"kept": kept, "results": results}),)
        sizes = {"kept": kept, "results": results, "limit": _size(limit)}
        if self.result_bytes > limit:
            return (Notice("plan-storage-impossible", sizes),)
        if self.kept_bytes > limit:
            return (Notice("plan-storage-freed" if self.frees_inputs else "plan-storage-over", sizes),)
        return (Notice("plan-storage", sizes),)

    def _of_binding(self) -> tuple[Notice, ...]:
        match self.binding:
            case "creations":
                return (Notice("plan-binds-creations", {"hours": _hours(self.creation_hours or 0)}),)
            case "queue":
                return (Notice("plan-binds-queue", {"turns": self.queue_turns}),)
            case "storage":
                return (Notice("plan-binds-storage"),)
            case "files":
                return (Notice("plan-binds-files"),)
        return ()


def plan_schedule(
    room: Room,
    *,
    batches: int,
    requests: int,
    request_bytes: int,
    prompt_tokens: int,
    answer_tokens: int,
    frees_inputs: bool = False,
) -> Schedule:
    """
    What sending so much means.

    Args:
        room: What the provider takes.
        batches: Request files.
        requests, request_bytes, prompt_tokens: In all of them.
        answer_tokens: Of all answers, about.
        frees_inputs: Request files are removed when their results are here.
    """
    limit = room.creations_per_hour
    # The first ones go at once, and as many in each hour after that.
    hours = None if limit is None else batches / limit if batches > limit else 0.0
    turns = None
    if room.queue_tokens is not None:
        turns = _turns(prompt_tokens, room.queue_tokens)
    elif room.queue_requests is not None:
        turns = -(-requests // room.queue_requests)
    results = requests * _RESULT_BYTES + answer_tokens * _TOKEN_BYTES
    kept = request_bytes + results
    binding: Binding = ""
    storage, files = room.storage_bytes, room.files
    if storage is not None and (results if frees_inputs else kept) > storage:
        binding = "storage"
    elif files is not None and batches > files and not frees_inputs:
        binding = "files"
    elif turns is not None and turns > 1 and turns * 24 >= (hours or 0.0):
        binding = "queue"
    elif hours:
        binding = "creations"
    return Schedule(
        batches=batches,
        requests=requests,
        prompt_tokens=prompt_tokens,
        room=room,
        creation_hours=hours,
        queue_turns=turns,
        turns_of_tiers=tuple(_turns(prompt_tokens, tier) for tier in room.tiers),
        kept_bytes=kept,
        result_bytes=results,
        frees_inputs=frees_inputs,
        binding=binding,
    )


def _turns(tokens: int, limit: int) -> int:
    usable = max(1, int(limit * QUEUE_SHARE))
    return max(1, -(-tokens // usable))


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}"


def _size(size: int) -> str:
    for unit, bytes_of_it in _UNITS:
        if size >= bytes_of_it:
            return f"{size / bytes_of_it:,.1f} {unit}"
    return f"{size / 1e3:,.1f} kB"
