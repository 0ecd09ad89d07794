"""How a run is driven: its pace, its cap, and what is decided beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from rowbatch.errors import UsageError

OnLostAnswer = Literal["ask", "resubmit"]


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What holds for all of a run, until it is changed.

    Attributes:
        poll_seconds: Pause between two questions about a batch; None lets it grow from 10 s to 5 min.
        rounds: At most so many: the first, and those that ask failed rows again.
        max_cost_usd: What all rounds together may cost; None for no cap.
        lost_answer_wait_s: How long the provider's list must not show a batch whose answer was lost.
        on_lost_answer: What is done then: `ask` a person, or `resubmit`.
        ask_invalid_again: Whether answers that the codebook does not allow are asked for again.
        queue_tokens: How many prompt tokens may wait at the provider; None means as many as it takes.
        tier: Of the user's account at the provider, which says how many tokens may wait; None where that is
            not said.
        creations_per_hour: How many batches may be made in an hour; None means as the catalog knows.
        storage_bytes: How much may lie at the provider; None means as the catalog knows.
        free_inputs: Whether request files are removed at the provider as soon as their results are here.
        worst_share: When so much of a shard fails for a reason that stays, or has no usable answer, nothing
            more is submitted.
        first_rows: So many rows go first, and the rest when their answers are here; 0 for none. None means
            100 where there are several parts that cost money.
        clean_up: Whether our files at the provider are removed when the table is written.
        direct: Whether rows are asked one by one, at once and at the ordinary price, instead of in batches.
    """

    poll_seconds: float | None = None
    rounds: int = 3
    max_cost_usd: Decimal | None = None
    lost_answer_wait_s: float = 600.0
    on_lost_answer: OnLostAnswer = "ask"
    ask_invalid_again: bool = False
    queue_tokens: int | None = None
    tier: int | None = None
    creations_per_hour: int | None = None
    storage_bytes: int | None = None
    free_inputs: bool = False
    worst_share: float = 0.5
    first_rows: int | None = None
    clean_up: bool = False
    direct: bool = False

    def __post_init__(self) -> None:
        if self.rounds < 1 or (self.poll_seconds is not None and self.poll_seconds < 0):
            raise UsageError("policy-impossible")
        for limit in (self.tier, self.creations_per_hour, self.storage_bytes):
            if limit is not None and limit < 1:
                raise UsageError("policy-impossible")
        if self.max_cost_usd is not None and not self.max_cost_usd >= 0:
            raise UsageError("cap-no-amount")
        if not 0 < self.worst_share <= 1:
            raise UsageError("share-no-share")
        if self.first_rows is not None and self.first_rows < 0:
            raise UsageError("policy-impossible")

    def changed(self, **changes: Any) -> Policy:
        """The same with some values changed; None leaves one as it is."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def to_plain(self) -> dict[str, Any]:
        """As JSON and TOML can hold it; what is None is left out."""
        plain = {name: value for name, value in asdict(self).items() if value is not None}
        if self.max_cost_usd is not None:
            plain["max_cost_usd"] = str(self.max_cost_usd)
        return plain


def read_policy(plain: Mapping[str, Any]) -> Policy:
    """
    What `Policy.to_plain` wrote; names that a newer version knows are left out.

    Raises:
        UsageError: A value is not what it should be.
    """
    known = {
        name: value
        for name, value in plain.items()
        if name in Policy.__dataclass_fields__ and value is not None
    }
    if "max_cost_usd" in known:
        known["max_cost_usd"] = usd(known["max_cost_usd"])
    return Policy(**known)


_TOO_MUCH_USD = 1_000_000_000


def usd(value: object) -> Decimal:
    """
    An amount of US dollars.

    Raises:
        UsageError: It is none.
    """
    try:
        found = Decimal(str(value).removeprefix("$"))
    except InvalidOperation:
        raise UsageError("no-amount-of-usd", value=str(value)) from None
    if not found.is_finite() or not 0 <= found < _TOO_MUCH_USD:
        raise UsageError("no-amount-of-usd", value=str(value))
    return found
