"""What it will cost, as a range, before anything is sent: one way to reckon, for every door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from rowbatch.core.answer_limit import THINKING_TOKENS
from rowbatch.core.document import Block, Shown, named
from rowbatch.words.printing import dollars

if TYPE_CHECKING:
    from rowbatch.core.codebook import Codebook
    from rowbatch.core.model_rules import Model

# Of requests about which nothing is known: a label, and a paragraph.
_ANY_LOW, _ANY_HIGH = 5, 1_000
_MEASURED_LOW, _MEASURED_HIGH = 0.8, 1.6
# The most hidden tokens an answer that people measured.
_THINKING_LIKELY = 1_400
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """
    A model's price.

    Attributes:
        input_usd, output_usd: US dollars for a million tokens, in batch where nothing else is said.
        source, as_of: Where it stands, and when that was read.
        cache_write, cache_read: Multiples of the price of the input, for tokens that are written to the
            provider's cache or read from it; 1 where no discount is counted on.
    """

    input_usd: Decimal
    output_usd: Decimal
    source: str
    as_of: str
    cache_write: Decimal = Decimal(1)
    cache_read: Decimal = Decimal(1)

    def usd(self, prompt_tokens: int, answer_tokens: int) -> Decimal:
        """What so many tokens cost."""
        return (prompt_tokens * self.input_usd + answer_tokens * self.output_usd) / _MILLION

    def written_usd(self, tokens: int) -> Decimal:
        """What it costs more that so many tokens of prompts are written to the provider's cache."""
        return tokens * self.input_usd * (self.cache_write - 1) / _MILLION

    def billed_usd(
        self, prompt_tokens: int, answer_tokens: int, *, read_tokens: int, written_tokens: int
    ) -> Decimal:
        """
        What so many tokens cost.

        Args:
            prompt_tokens, answer_tokens: All of them.
            read_tokens, written_tokens: Of the prompts, those from and to the provider's cache.
        """
        less = read_tokens * self.input_usd * (1 - self.cache_read) / _MILLION
        return self.usd(prompt_tokens, answer_tokens) + self.written_usd(written_tokens) - less

    def times(self, factor: Decimal) -> Price:
        """So many times this price."""
        return replace(self, input_usd=self.input_usd * factor, output_usd=self.output_usd * factor)


@dataclass(frozen=True, slots=True)
class Tokens:
    """
    A number of tokens that is not known exactly.

    Attributes:
        low, high: Equal where it is known.
    """

    low: int
    high: int


@dataclass(frozen=True, slots=True, repr=False)
class CostEstimate(Shown):
    """
    A range in US dollars, and what was assumed.

    Attributes:
        low_usd: The least that is likely; None when the model's price is not known.
        likely_usd: The most that is likely, by what answers of such a kind have, or had in a trial.
        high_usd: The most that is possible: every answer as long as it may be.
        prompt_tokens_low, prompt_tokens_high: Over all requests.
        answer_tokens_low, answer_tokens_likely, answer_tokens_high: Over all requests.
        price: What the range was reckoned with, or None.
        is_free: The model runs on this machine.
    """

    low_usd: Decimal | None
    likely_usd: Decimal | None
    high_usd: Decimal | None
    prompt_tokens_low: int
    prompt_tokens_high: int
    answer_tokens_low: int
    answer_tokens_likely: int
    answer_tokens_high: int
    price: Price | None
    is_free: bool

    def as_blocks(self) -> Iterator[Block]:
        """The range, its tokens, and the price that it was reckoned with."""
        price = self.price
        yield named(
            {
                "cost": self.told(),
                "tokens in": _range(self.prompt_tokens_low, self.prompt_tokens_high),
                "tokens out": _range(self.answer_tokens_low, self.answer_tokens_likely),
                "price": ""
                if price is None
                else f"${price.input_usd} / ${price.output_usd} for a million tokens in / out, of "
                f"{price.as_of or price.source}",
            }
        )

    def told(self) -> str:
        """The range in a few words."""
        if self.is_free:
            return "nothing: the model runs on this computer"
        return told_range(self.low_usd, self.likely_usd, self.high_usd)


def told_range(low: Decimal | None, likely: Decimal | None, high: Decimal | None) -> str:
    """
    A range of US dollars in a few words.

    Args:
        low, likely, high: As of `CostEstimate`.
    """
    if low is None or likely is None or high is None:
        return "not known: there is no price for the model"
    most = f"; at most {dollars(high)}" if high > likely else ""
    return f"about {dollars(low)} to {dollars(likely)}{most}"


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


class AnswerTokens(NamedTuple):
    """
    The tokens of one answer.

    Attributes:
        low, likely: Between these it will be.
        high: The most that is possible.
    """

    low: float
    likely: float
    high: float


NO_ANSWER = AnswerTokens(0.0, 0.0, 0.0)
"""Of an answer that is no text: an embedding."""


def likely_tokens(codebook: Codebook | None, *, thinks: bool) -> int:
    """
    The most tokens that an answer will likely have, with its thoughts: fewer than that cut some answers off.

    Args:
        codebook: What is asked; None where nobody knows.
        thinks: Whether the model thinks before it answers.
    """
    _, high = (_ANY_LOW, _ANY_HIGH) if codebook is None else codebook.answer_tokens
    return high + (_THINKING_LIKELY if thinks else 0)


def expected_answer(
    codebook: Codebook | None,
    *,
    limit: int | None,
    model: Model | None = None,
    measured: float | None = None,
) -> AnswerTokens:
    """
    How many tokens an answer will have.

    Args:
        codebook: What is asked; None where nobody knows.
        limit: The output limit of a request, or None.
        model: What is known of the model, or None.
        measured: What an answer had in a trial, or None.
    """
    low, high = (_ANY_LOW, _ANY_HIGH) if codebook is None else codebook.answer_tokens
    reasons = model is not None and model.reasons
    least, likely = float(low), float(high + (_THINKING_LIKELY if reasons else 0))
    most = float(high + (THINKING_TOKENS if reasons else 0)) if limit is None else float(limit)
    if measured is not None:
        least, likely = measured * _MEASURED_LOW, measured * _MEASURED_HIGH
        most = likely if limit is None else most
    return AnswerTokens(min(least, most), min(likely, most), most)


def estimate_cost(
    requests: int,
    prompts: Tokens,
    answer: AnswerTokens,
    price: Price | None,
    *,
    is_free: bool,
    written_tokens: int = 0,
) -> CostEstimate:
    """
    Estimate what all requests together cost.

    Args:
        requests: How many.
        prompts: Of all of them.
        answer: Of `expected_answer`.
        price: The model's batch price, or None when it is not known.
        is_free: The model runs on this machine.
        written_tokens: Of the prompts, those that may be written to the provider's cache. That any is read
            from it, nobody promises.
    """
    low, likely, high = (round(requests * tokens) for tokens in answer)
    usd: tuple[Decimal | None, Decimal | None, Decimal | None] = (None, None, None)
    if is_free:
        usd = (Decimal(0), Decimal(0), Decimal(0))
    elif price:
        usd = (
            price.usd(prompts.low, low),
            price.usd(prompts.high, likely) + price.written_usd(written_tokens),
            price.usd(prompts.high, high) + price.written_usd(written_tokens),
        )
    return CostEstimate(*usd, prompts.low, prompts.high, low, likely, high, price, is_free)


def sum_of_costs(found: Sequence[CostEstimate]) -> CostEstimate:
    """
    What several models cost together; not known where it is not known of one.

    Args:
        found: At least one.
    """
    if len(found) == 1:
        return found[0]

    def usd(amounts: Sequence[Decimal | None]) -> Decimal | None:
        known = [amount for amount in amounts if amount is not None]
        return sum(known, Decimal(0)) if len(known) == len(amounts) else None

    return CostEstimate(
        usd([one.low_usd for one in found]),
        usd([one.likely_usd for one in found]),
        usd([one.high_usd for one in found]),
        sum(one.prompt_tokens_low for one in found),
        sum(one.prompt_tokens_high for one in found),
        sum(one.answer_tokens_low for one in found),
        sum(one.answer_tokens_likely for one in found),
        sum(one.answer_tokens_high for one in found),
        None,
        all(one.is_free for one in found),
    )
