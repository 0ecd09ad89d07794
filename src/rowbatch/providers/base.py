"""What a provider is to the rest of the house: how it writes lines, and the calls of a batch's life."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol
from urllib.parse import quote

from rowbatch.core.states import NO_REMARKS, Remarks
from rowbatch.errors import RefusalKind, ServiceError
from rowbatch.http import PaidOutcome, is_id
from rowbatch.words.masking import masked
from rowbatch.words.notice import Notice

TOKEN_FIELD = "rowbatch_token"  # noqa: S105 - it tells batches apart, and opens nothing
CLOCK_SLACK = timedelta(minutes=15)
"""How far the provider's clock and ours may be apart."""
MOST_PAGES = 1_000
"""Pages of a list of batches: a hundred thousand batches, and more."""
_MOST_WORD_CHARS = 100
_MOST_SHOWN_CHARS = 80
_MOST_DIGITS = 15


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
        remarks: Of our own server; empty of others.
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
    remarks: Remarks = NO_REMARKS


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

    def request_line(self, line: bytes, token: str, *, marks_cache: bool = False) -> bytes:
        """
        A request line in the provider's form.

        Args:
            line: In OpenAI's form.
            token: Of the attempt.
            marks_cache: Ask the provider to keep the instructions in its cache, where it wants to be asked.
        Raises:
            NotTaken: It asks for what the provider does not have.
            ValueError: It is no request.
        """

    def result_line(self, line: bytes, token: str) -> bytes:
        """
        A result line in OpenAI's form.

        Args:
            line: As it came.
            token: Of the shard; "" for a line of no run.
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

    def fetch(self, file_id: str, to: BinaryIO, max_bytes: int | None = None) -> int:
        """Download a file; returns its bytes. One that has more than `max_bytes` is none of ours."""

    def cancel(self, batch_id: str) -> BatchView:
        """Ask for a batch to be cancelled."""

    def delete_file(self, file_id: str) -> None:
        """Remove a file of ours; one that is not there is no error."""

    def own_files(self, prefix: str) -> Sequence[tuple[str, str]]:
        """Ids and names of request files at the provider whose names begin so."""

    def ask(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """One call without a batch; body and answer in OpenAI's form. It is billed, at the full price."""

    def pay_row(self, path: str, body: Mapping[str, Any]) -> PaidOutcome:
        """
        One call without a batch, with path and body as `Dialect.direct_request` gives them: billed, and sent
        once. It may be made from several threads at a time.
        """


def text_or_none(value: object) -> str | None:
    """A text, or None: an empty string has been seen where null was meant."""
    return value if isinstance(value, str) and value else None


def id_or_none(name: str, found: Mapping[str, Any]) -> str | None:
    """
    An id in an answer, or None where there is none.

    Raises:
        ServiceError: Something else stands there. It is not taken for none: the answers in a file would count
            as missing, and be asked and paid for again.
    """
    value = found.get(name)
    if value is None or value == "":
        return None
    if not is_id(value):
        raise ServiceError(
            "batch-field-odd", field=name, found=shortened(value), status=200, refusal="unreadable"
        )
    return str(value)


def own_id(name: str, found: Mapping[str, Any]) -> str:
    """
    The id of what an answer is about.

    Raises:
        ServiceError: It has none.
    """
    value = id_or_none(name, found)
    if value is None:
        raise unreadable_batch()
    return value


def uploaded_id(name: str, found: Mapping[str, Any]) -> str:
    """
    The id of a file that was just sent.

    Raises:
        ServiceError: The answer has none.
    """
    value = found.get(name)
    if not is_id(value):
        raise ServiceError("upload-without-id")
    return str(value)


def word_of(name: str, found: Mapping[str, Any]) -> str:
    """
    The word for how a batch stands.

    Raises:
        ServiceError: There is none, or it is no word.
    """
    word = found.get(name)
    is_word = isinstance(word, str) and bool(word.strip()) and word.isprintable()
    if not is_word or len(str(word)) > _MOST_WORD_CHARS:
        raise unreadable_batch()
    return str(word)


def unreadable_batch() -> ServiceError:
    """A batch object that nobody can read; it is asked for again a few times, and then said."""
    return ServiceError("batch-unreadable", status=200, refusal="unreadable")


def kept_text(answer: Mapping[str, Any]) -> str:
    """
    A batch object as the ledger keeps it.

    Raises:
        ServiceError: It is nested too deeply to be written.
    """
    try:
        return json.dumps(answer, ensure_ascii=False)
    except RecursionError:
        raise unreadable_batch() from None


def batch_object(value: object) -> Mapping[str, Any]:
    """
    An entry of a list of batches.

    Raises:
        ServiceError: It is no object.
    """
    if not isinstance(value, dict):
        raise unreadable_batch()
    return value


def entries_at(name: str, page: Mapping[str, Any], host: str) -> list[Any]:
    """
    The entries of a page of a list; none where it is null or not there, as some write an empty list.

    Raises:
        ServiceError: Something else stands there. What is looked for may be in it.
    """
    value = page.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ServiceError(
            "list-unreadable", host=host, what=shortened(value), status=200, refusal="unreadable"
        )
    return value


def named_files(entries: list[Any], id_name: str, file_name: str, prefix: str) -> list[tuple[str, str]]:
    """Ids and names of the files in a list whose names begin so; what is no file is left out."""
    return [
        (str(entry[id_name]), str(entry[file_name]))
        for entry in entries
        if isinstance(entry, dict) and is_id(entry.get(id_name)) and isinstance(entry.get(file_name), str)
        if entry[file_name].startswith(prefix)
    ]


class PageCount:
    """
    Counts the pages of a list, which a service might give without end.

    Args:
        host: Whose list.
    """

    def __init__(self, host: str) -> None:
        self._host, self._pages = host, 0
        self._cursors: set[str] = set()

    def next(self, cursor: str) -> None:
        """
        Say that one more page is asked for.

        Args:
            cursor: Where it begins, another one for each page.
        Raises:
            ServiceError: That page was asked for before, or there are too many. What is looked for may be
                further on, so this is not the end of the list.
        """
        self._pages += 1
        if self._pages >= MOST_PAGES or cursor in self._cursors:
            raise ServiceError("list-without-end", host=self._host, pages=MOST_PAGES, status=200)
        self._cursors.add(cursor)


def quoted(name: str) -> str:
    """
    An id or a name as one segment of a path, or several where it has slashes of its own.

    Raises:
        ServiceError: It would lead to another path, or can be no id.
    """
    if not is_id(name):
        raise ServiceError("id-odd", what=shortened(name), refusal="unreadable")
    return "/".join(quote(part, safe="-_.~:@") for part in name.split("/"))


def quoted_segment(name: str) -> str:
    """The same where no slash belongs: one in the name is written as `%2F`."""
    if not is_id(name):
        raise ServiceError("id-odd", what=shortened(name), refusal="unreadable")
    return quote(name, safe="-_.~:@")


def shortened(value: object) -> str:
    """What stands in the place of something else, for a message."""
    text = masked(value if isinstance(value, str) else json.dumps(value, default=str))
    return text if len(text) <= _MOST_SHOWN_CHARS else f"{text[:_MOST_SHOWN_CHARS]}…"


def count_of(value: object) -> int:
    """A counter, or 0. Google writes numbers of 64 bits as texts, and so do some others."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS:
        value = int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # One that no batch has is none.
    return int(value) if is_number and 0 <= value < 10**_MOST_DIGITS else 0  # type: ignore[operator,call-overload]


def time_of(value: object) -> datetime | None:
    """A point in time, as seconds or as ISO 8601; or None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC) if value > 0 else None
        except (ValueError, OverflowError, OSError):
            # A year that no calendar has, or no number at all.
            return None
    if isinstance(value, str) and value:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return None
        try:
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except OverflowError:
            return None
    return None


def is_without_list(error: ServiceError) -> bool:
    """Whether a server has no list of batches to look at: it says that there is no such address or method."""
    return error.status in (404, 405, 501)


def pass_if_gone(error: ServiceError) -> None:
    """Let an error pass that says the thing is gone already."""
    if error.status != 404:
        raise error
