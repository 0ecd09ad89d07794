"""The closed sets: states of a shard, statuses of a row, statuses of a provider's batch."""

from __future__ import annotations

from enum import StrEnum


class ShardState(StrEnum):
    """
    Where one shard stands. Written to the ledger; every change is one guarded statement.

    WRITTEN -> UPLOADED -> SUBMITTING -> SUBMITTED -> ENDED -> DOWNLOADED
                               |
                               +-> UNKNOWN (the answer was lost) -> SUBMITTED or UPLOADED

    A batch that the provider took back before anything ran goes from SUBMITTED to UPLOADED again; a
    shard that is too large for the provider ends as CUT.
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
