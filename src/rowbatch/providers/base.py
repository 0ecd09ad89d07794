"""What a provider is to the rest of the house: how it writes lines, and the calls of a batch's life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from rowbatch.errors import RefusalKind, ServiceError
from rowbatch.http import PaidOutcome
from rowbatch.words.notice import Notice

TOKEN_FIELD = "rowbatch_token"  # noqa: S105 - it tells batches apart, and opens nothing
CLOCK_SLACK = timedelta(minutes=15)
"""How far the provider's clock and ours may be apart."""


@dataclass(frozen=True, slots=True)
class BatchView:
    """
    A provider's batch as it was just now, in OpenAI's words.

    Attributes:
        batch_id: The provider's id.
        status: OpenAI's name of it, lower case; a status that nobody knows stays as it is.
        is_terminal: Whether it will not change any more. An unknown status is not terminal.
        input_file_id: Of the request file; "" where requests are sent along.
        metadata: What we sent along.
        created_at: By the provider's clock.
        completed, failed, total: The provider's counters: a hint, never an account.
        output_file_id, error_file_id: None when the batch lists no such file.
        error_text: Why the whole batch failed, or "".
        error_codes: The provider's codes for that.
        reason: The first thing that the provider says of it, in its words alone; or "".
        refusal: Why it failed; `other` also where it did not.
        expires_at: When the provider gives up, or None.
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
    error_codes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    reason: str = ""
    refusal: RefusalKind = "other"


@dataclass(frozen=True, slots=True)
class Submission:
    """
    What a batch is made of.

    Attributes:
        file: The requests, one a line, as the provider writes them.
        file_id: Of the uploaded file; "" where requests are sent along.
        url: Endpoint of the requests.
        model: Of the requests.
        token: Tells this attempt from all others.
        metadata: For people who look at the provider's page; and the token.
    """

    file: Path
    file_id: str
    url: str
    model: str
    token: str
    metadata: Mapping[str, str]


class Sightings(NamedTuple):
    """
    What the provider's list says about a lost answer.

    Attributes:
        batches: Ours for certain, oldest first.
        undecided: Batches that may be ours, which nobody can tell before they are over.
    """

    batches: Sequence[BatchView]
    undecided: int = 0


class NotTaken(ValueError):
    """
    A request asks for what the provider does not have.

    Attributes:
        why: In words for every face.
    """

    def __init__(self, why: Notice) -> None:
        super().__init__(str(why))
        self.why = why


class Dialect(Protocol):
    """
    How a provider writes requests and results. Pure: bytes in, bytes out.

    The house's own form of both is OpenAI's, so that everything else need not know who was asked.
    """

    @property
    def is_openai(self) -> bool:
        """Whether its lines are OpenAI's, and nothing has to be translated."""

    def request_line(self, line: bytes, token: str) -> bytes:
        """
        A request line in the provider's form.

        Raises:
            NotTaken: It asks for what the provider does not have.
            ValueError: It is no request.
        """

    def result_line(self, line: bytes, token: str) -> bytes:
        """
        A result line in OpenAI's form.

        Raises:
            ValueError: It is no result.
        """

    def direct_request(self, url: str, body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Path and body of one call without a batch that asks the same."""

    def direct_answer(self, answer: Mapping[str, Any], model: str) -> Mapping[str, Any]:
        """The body of such a call's answer, in OpenAI's form."""


class BatchClient(Protocol):
    """
    The calls of a batch's life. All but `create` are free and may be repeated.

    Raises:
        ServiceError: From every method, when the provider refuses or cannot be reached.
    """

    @property
    def dialect(self) -> Dialect:
        """How the provider writes."""

    @property
    def key_mark(self) -> str:
        """Of the key that is used, see `Key.mark`; or ""."""

    def now(self) -> datetime:
        """The time by the provider's clock, since ours may be wrong by hours; asks when it is not known."""

    def upload(self, file: Path, filename: str) -> str:
        """Send a request file; returns its id, or "" where requests are sent along."""

    def create(self, submission: Submission) -> PaidOutcome:
        """Create a batch: the paid call, sent once."""

    def view(self, answer: Mapping[str, object]) -> BatchView:
        """Read the provider's batch object."""

    def status(self, batch_id: str) -> BatchView:
        """Ask how a batch stands."""

    def find(self, file_id: str, token: str, *, since: datetime) -> Sightings:
        """
        Batches made from `file_id`, or with our `token`.

        Looks back to `since` minus some slack for clocks that differ.
        """

    def recent(self, since: datetime) -> Sequence[BatchView]:
        """All batches that were made since then, minus some slack, whoever made them."""

    def fetch(self, file_id: str, to: BinaryIO) -> int:
        """Download a file; returns its bytes."""

    def cancel(self, batch_id: str) -> BatchView:
        """Ask for a batch to be cancelled."""

    def delete_file(self, file_id: str) -> None:
        """Remove a file of ours; one that is not there is no error."""

    def own_files(self, prefix: str) -> Sequence[tuple[str, str]]:
        """Ids and names of request files at the provider whose names begin so."""

    def ask(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """One call without a batch; body and answer in OpenAI's form. It is billed, at the full price."""


def text_or_none(value: object) -> str | None:
    """An id, or None: an empty string has been seen where null was meant."""
    return value if isinstance(value, str) and value else None


def count_of(value: object) -> int:
    """A counter, or 0."""
    return value if isinstance(value, int) and value >= 0 else 0


def time_of(value: object) -> datetime | None:
    """A point in time, as seconds or as ISO 8601; or None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str) and value:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def pass_if_gone(error: ServiceError) -> None:
    """Let an error pass that says the thing is gone already."""
    if error.status != 404:
        raise error
