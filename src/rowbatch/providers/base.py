"""What a provider is to the rest of the house: limits, and the calls of a batch's life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from rowbatch.http import PaidOutcome


@dataclass(frozen=True, slots=True)
class BatchView:
    """
    A provider's batch as it was just now.

    Attributes:
        batch_id: The provider's id.
        status: In the provider's spelling, lower case.
        is_terminal: Whether it will not change any more. An unknown status is not terminal.
        input_file_id: Of the request file.
        metadata: What we sent along.
        created_at: By the provider's clock.
        completed, failed, total: The provider's counters: a hint, never an account.
        output_file_id, error_file_id: None when the batch lists no such file.
        error_text: Why the whole batch failed, or "".
        raw: The provider's answer as JSON text.
    """

    batch_id: str
    status: str
    is_terminal: bool
    input_file_id: str
    metadata: Mapping[str, str]
    created_at: datetime
    completed: int
    failed: int
    total: int
    output_file_id: str | None
    error_file_id: str | None
    error_text: str
    raw: str


class BatchClient(Protocol):
    """
    The calls of a batch's life. All but `create` are free and may be repeated.

    Raises:
        ServiceError: From every method, when the provider refuses or cannot be reached.
    """

    def upload(self, file: Path, filename: str) -> str:
        """Send a request file; returns its id."""

    def create(self, file_id: str, *, url: str, metadata: Mapping[str, str]) -> PaidOutcome:
        """Create a batch: the paid call, sent once."""

    def view(self, answer: Mapping[str, object]) -> BatchView:
        """Read the provider's batch object."""

    def status(self, batch_id: str) -> BatchView:
        """Ask how a batch stands."""

    def find(self, file_id: str, token: str, *, since: datetime) -> list[BatchView]:
        """
        Batches made from `file_id`, or with our `token`, oldest first.

        Looks back to `since` minus some slack for clocks that differ.
        """

    def fetch(self, file_id: str, to: BinaryIO) -> int:
        """Download a file; returns its bytes."""

    def cancel(self, batch_id: str) -> BatchView:
        """Ask for a batch to be cancelled."""
