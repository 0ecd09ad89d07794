"""The closed sets: states of a shard, statuses of a row, statuses of a provider's batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

IGNORABLE = ("response_format", "json_schema", "max_tokens", "stop", "logprobs", "n", "content")
"""What servers were seen to leave out of a request, and answer 200; `content`: the prompt itself."""


@dataclass(frozen=True, slots=True)
class Remarks:
    """
    What our own Batch server says of a batch besides what OpenAI's says.

    Attributes:
        ignored: What the server of the model ignores of requests: names of `IGNORABLE`.
        mended: That of it which is asked in another way since.
        asked_twice: So many rows may have been asked twice, since the server was killed.
    """

    ignored: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    asked_twice: int = 0


NO_REMARKS = Remarks()


class ShardState(StrEnum):
    """
    Where one shard stands. Written to the ledger; every change is one guarded statement, and one of `MOVES`:

        written    -> uploaded    uploaded
        written    -> cut         cut
        uploaded   -> submitting  intent
        uploaded   -> cut         cut
        submitting -> submitted   submitted
        submitting -> uploaded    refused
        submitting -> unknown     unknown
        unknown    -> submitted   adopted
        unknown    -> uploaded    resubmit
        unknown    -> downloaded  given-up
        submitted  -> ended       ended
        submitted  -> downloaded  given-up
        ended      -> downloaded  downloaded
        ended      -> uploaded    taken-back
        ended      -> written     taken-back
        downloaded -> downloaded  cleaned
        cut        -> cut         cleaned

    A batch that the provider took back before anything ran goes from ENDED to UPLOADED again, or to WRITTEN
    when the provider lost its file; a shard that is too large for the provider ends as CUT. One that a person
    does not wait for any more is DOWNLOADED without files.
    """

    WRITTEN = "written"
    """The request file is on disk, whole."""
    UPLOADED = "uploaded"
    """The provider holds the file; nothing is paid."""
    SUBMITTING = "submitting"
    """The intent is on disk; the paid call is about to go out, or has gone."""
    UNKNOWN = "unknown"
    """The paid call's outcome is not known: we look, and never repeat it blindly."""
    SUBMITTED = "submitted"
    """The provider gave a batch id."""
    ENDED = "ended"
    """The provider's status is terminal; its files are not here yet."""
    DOWNLOADED = "downloaded"
    """Every file that the batch lists is on disk, whole."""
    CUT = "cut"
    """Nothing was billed for it; smaller shards with the same requests stand in its place."""


MOVES: Mapping[ShardState, Mapping[ShardState, str]] = MappingProxyType(
    {
        ShardState.WRITTEN: MappingProxyType({ShardState.UPLOADED: "uploaded", ShardState.CUT: "cut"}),
        ShardState.UPLOADED: MappingProxyType({ShardState.SUBMITTING: "intent", ShardState.CUT: "cut"}),
        ShardState.SUBMITTING: MappingProxyType(
            {
                ShardState.SUBMITTED: "submitted",
                ShardState.UPLOADED: "refused",
                ShardState.UNKNOWN: "unknown",
            }
        ),
        ShardState.UNKNOWN: MappingProxyType(
            {
                ShardState.SUBMITTED: "adopted",
                ShardState.UPLOADED: "resubmit",
                ShardState.DOWNLOADED: "given-up",
            }
        ),
        ShardState.SUBMITTED: MappingProxyType(
            {ShardState.ENDED: "ended", ShardState.DOWNLOADED: "given-up"}
        ),
        ShardState.ENDED: MappingProxyType(
            {
                ShardState.DOWNLOADED: "downloaded",
                ShardState.UPLOADED: "taken-back",
                ShardState.WRITTEN: "taken-back",
            }
        ),
        # Only what is known of it changes.
        ShardState.DOWNLOADED: MappingProxyType({ShardState.DOWNLOADED: "cleaned"}),
        ShardState.CUT: MappingProxyType({ShardState.CUT: "cleaned"}),
    }
)
"""Every change of a shard's state that there is, and the kind of the event that tells of it."""


def require_move(state: ShardState, to: ShardState, event: str) -> None:
    """
    Refuse a change of state that is none of `MOVES`.

    Raises:
        ValueError: A fault of the program, not of a person: nothing may write such a change.
    """
    if MOVES[state].get(to) != event:
        raise ValueError(f"no shard goes from {state} to {to} by {event!r}: see MOVES in core/states.py")


GIVEN_UP = "given-up"
"""Stands in the place of the provider's word for a batch that a person does not wait for any more."""


class RowStatus(StrEnum):
    """What became of a row. Every row of the labelled table has exactly one."""

    OK = "ok"
    INVALID = "invalid"
    """An answer that the codebook does not allow; its raw text is kept."""
    REFUSED = "refused"
    """The model declined to answer."""
    TRUNCATED = "truncated"
    """The answer was cut off at the output limit."""
    ERROR = "error"
    """The provider could not run the request, or the whole batch failed."""
    EXPIRED = "expired"
    """The provider ran out of its window before this request's turn."""
    CANCELLED = "cancelled"
    """The batch was cancelled before this request's turn."""
    MISSING = "missing"
    """Asked, but in no result file."""
    UNSENT = "unsent"
    """In a shard that was not submitted."""
    SKIPPED = "skipped"
    """Empty text: not asked."""


TERMINAL_BATCH_STATUSES = frozenset({"completed", "failed", "expired", "cancelled"})
"""Statuses after which an OpenAI-shaped batch does not change (OpenAI Batch guide, "Batch object")."""
