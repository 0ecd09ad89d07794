"""How a run is driven: its pace, its cap, and what is decided beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from rowbatch.errors import UsageError
from rowbatch.providers.catalog import Provider
from rowbatch.steps.drive import DrivePolicy
from rowbatch.steps.submit import LostAnswerPolicy, OnLostAnswer


@dataclass(frozen=True, slots=True)
class RunPolicy:
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
        worst_share: When so much of a shard fails for a reason that stays, nothing more is submitted.
        clean_up: Whether our files at the provider are removed when the table is written.
    """

    poll_seconds: float | None = None
    rounds: int = 3
    max_cost_usd: Decimal | None = None
    lost_answer_wait_s: float = 600.0
    on_lost_answer: OnLostAnswer = "ask"
    ask_invalid_again: bool = False
    queue_tokens: int | None = None
    worst_share: float = 0.5
    clean_up: bool = False

    def __post_init__(self) -> None:
        if self.rounds < 1 or (self.poll_seconds is not None and self.poll_seconds < 0):
            raise UsageError("there is at least one round, and no time before now")
        if self.max_cost_usd is not None and not self.max_cost_usd >= 0:
            raise UsageError("a cap is an amount of US dollars", hint="for example: --max-cost 5")
        if not 0 < self.worst_share <= 1:
            raise UsageError("a share lies between 0 and 1", hint="for example: --worst-share 0.5")

    def changed(self, **changes: Any) -> RunPolicy:
        """The same with some values changed; None leaves one as it is."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def to_plain(self) -> dict[str, Any]:
        """As JSON and TOML can hold it; what is None is left out."""
        plain = {name: value for name, value in asdict(self).items() if value is not None}
        if self.max_cost_usd is not None:
            plain["max_cost_usd"] = str(self.max_cost_usd)
        return plain

    def drive_policy(self, provider: Provider, *, is_own_server: bool) -> DrivePolicy:
        """The same for the driver, with what the provider wants."""
        lost = LostAnswerPolicy(wait_s=self.lost_answer_wait_s, then=self.on_lost_answer)
        if is_own_server:
            # It lists a batch at once and never makes two of one idempotency key.
            lost = LostAnswerPolicy(wait_s=0.0, then="resubmit", look_every_s=0.2)
        return DrivePolicy(
            lost=lost,
            poll_every_s=0.5 if is_own_server and self.poll_seconds is None else self.poll_seconds,
            poll_least_s=provider.poll_least_s if self.poll_seconds is None else 0.0,
            rounds=self.rounds,
            cap_usd=self.max_cost_usd,
            ask_invalid_again=self.ask_invalid_again,
            queue_tokens=self.queue_tokens,
            creations_per_hour=provider.creations_per_hour or 1_000_000,
            worst_share=self.worst_share,
        )


def read_policy(plain: Mapping[str, Any]) -> RunPolicy:
    """
    What `RunPolicy.to_plain` wrote; names that a newer version knows are left out.

    Raises:
        UsageError: A value is not what it should be.
    """
    known = {
        name: value
        for name, value in plain.items()
        if name in RunPolicy.__dataclass_fields__ and value is not None
    }
    if "max_cost_usd" in known:
        known["max_cost_usd"] = usd(known["max_cost_usd"])
    return RunPolicy(**known)


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
        raise UsageError(f"{value!r} is no amount of US dollars", hint="for example: 5 or 0.50") from None
    if not found.is_finite() or not 0 <= found < _TOO_MUCH_USD:
        raise UsageError(f"{value!r} is no amount of US dollars", hint="for example: 5 or 0.50")
    return found
