"""What a run will cost, as a range, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

# OpenAI's rule of thumb is 4 characters of English a token; how it varies with language and model is
# not known here, so the range is wide: it is meant to hold the truth, not to be narrow.
_BYTES_PER_TOKEN_LOW_COST = 5
_BYTES_PER_TOKEN_HIGH_COST = 3
_MEASURED_LOW, _MEASURED_HIGH = 0.8, 1.6


@dataclass(frozen=True, slots=True)
class Price:
    """
    A model's batch price.

    Attributes:
        input_usd, output_usd: US dollars for a million tokens, batch rate.
        source, as_of: Where it stands, and when that was read.
    """

    input_usd: Decimal
    output_usd: Decimal
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """
    A range in US dollars, and what was assumed.

    Attributes:
        low_usd, high_usd: None when the model's price is not known.
        prompt_tokens_low, prompt_tokens_high: Estimated from the bytes of the requests.
        answer_tokens_low, answer_tokens_high: Over all requests.
        price: What the range was reckoned with, or None.
        is_free: The model runs on this machine.
    """

    low_usd: Decimal | None
    high_usd: Decimal | None
    prompt_tokens_low: int
    prompt_tokens_high: int
    answer_tokens_low: int
    answer_tokens_high: int
    price: Price | None
    is_free: bool


def estimate_cost(
    *,
    requests: int,
    request_bytes: int,
    answer_tokens: tuple[int, int],
    max_answer_tokens: int | None,
    price: Price | None,
    is_free: bool,
    prompt_tokens: int = 0,
    is_counted: bool = False,
    measured_answer_tokens: float | None = None,
    has_answers: bool = True,
) -> CostEstimate:
    """
    Estimate what all requests together cost.

    Args:
        requests: How many.
        request_bytes: Bytes of all request lines; their JSON frame is counted as text, on the safe side.
        answer_tokens: Of one answer by its codebook: the fewest, and the most where nothing limits it.
        max_answer_tokens: The output limit of a request, or None.
        price: The model's batch price, or None when it is not known.
        is_free: The model runs on this machine.
        prompt_tokens: The most that all prompts have, where somebody counted; else 0.
        is_counted: It is exact.
        measured_answer_tokens: What an answer had in a trial, or None.
        has_answers: Answers are texts; embeddings have none.
    """
    low = requests * answer_tokens[0]
    high = requests * (max_answer_tokens or answer_tokens[1])
    if measured_answer_tokens is not None:
        low = round(requests * measured_answer_tokens * _MEASURED_LOW)
        # The output limit stays the most; without one it is what was seen, with room.
        high = high if max_answer_tokens else round(requests * measured_answer_tokens * _MEASURED_HIGH)
    low = min(low, high)
    if not has_answers:
        low = high = 0
    prompt_low = request_bytes // _BYTES_PER_TOKEN_LOW_COST
    prompt_high = -(-request_bytes // _BYTES_PER_TOKEN_HIGH_COST)
    if prompt_tokens:
        prompt_high = prompt_tokens
        prompt_low = prompt_tokens if is_counted else min(prompt_low, prompt_tokens)
    low_usd: Decimal | None = None
    high_usd: Decimal | None = None
    if is_free:
        low_usd = high_usd = Decimal(0)
    elif price:
        low_usd = (prompt_low * price.input_usd + low * price.output_usd) / 1_000_000
        high_usd = (prompt_high * price.input_usd + high * price.output_usd) / 1_000_000
    return CostEstimate(low_usd, high_usd, prompt_low, prompt_high, low, high, price, is_free)
