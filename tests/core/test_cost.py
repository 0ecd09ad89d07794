"""The price before the start."""

from decimal import Decimal

from rowbatch.core.cost import Price, estimate_cost

PRICE = Price(Decimal("0.075"), Decimal("0.3"), "test", "2026-11-01")


def test_the_local_model_costs_nothing():
    """
    Free is 0, not unknown.
    """
    cost = estimate_cost(
        requests=10,
        request_bytes=1_000,
        answer_tokens=(12, 48),
        max_answer_tokens=None,
        price=None,
        is_free=True,
    )
    assert (cost.low_usd, cost.high_usd) == (Decimal(0), Decimal(0))


def test_an_unknown_price_is_not_zero():
    """
    A model without a price has no estimate.
    """
    cost = estimate_cost(
        requests=10,
        request_bytes=1_000,
        answer_tokens=(12, 48),
        max_answer_tokens=None,
        price=None,
        is_free=False,
    )
    assert cost.low_usd is None
    assert cost.high_usd is None


def test_the_range_holds_the_rule_of_thumb():
    """
    4 bytes a token lies inside the range, and the output limit is the high end.
    """
    cost = estimate_cost(
        requests=1_000,
        request_bytes=4_000_000,
        answer_tokens=(12, 48),
        max_answer_tokens=20,
        price=PRICE,
        is_free=False,
    )
    assert cost.prompt_tokens_low < 1_000_000 < cost.prompt_tokens_high
    assert cost.answer_tokens_high == 20_000
    assert cost.low_usd is not None
    assert (
        cost.high_usd == (cost.prompt_tokens_high * PRICE.input_usd + 20_000 * PRICE.output_usd) / 1_000_000
    )
    assert cost.low_usd < cost.high_usd
