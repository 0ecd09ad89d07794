"""The price before the start."""

from decimal import Decimal

import pytest

from rowbatch.core.answer_limit import decide_output_limit
from rowbatch.core.codebook import Codebook, codebook_from_labels, parse_codebook
from rowbatch.core.cost import NO_ANSWER, AnswerTokens, Price, Tokens, estimate_cost, expected_answer
from rowbatch.core.model_rules import Model, ModelRules
from rowbatch.providers.catalog import find_model

PRICE = Price(Decimal("0.075"), Decimal("0.3"), "test", "2026-11-01")
LABELS = codebook_from_labels("mood", ["good", "bad"], "How?")
TEXT = Codebook(instructions="Why?")
PLAIN = find_model("openai", "gpt-4o-mini")
GEMINI = find_model("gemini", "gemini-2.5-flash")
THINKS = Model(
    "t", ModelRules("max_completion_tokens", "never"), "", 400_000, 100_000, None, "test", "2026-11-01"
)


def test_the_local_model_costs_nothing():
    """
    Free is 0, not unknown.
    """
    cost = estimate_cost(10, Tokens(200, 300), AnswerTokens(1.0, 5.0, 9.0), None, is_free=True)
    assert (cost.low_usd, cost.likely_usd, cost.high_usd) == (Decimal(0), Decimal(0), Decimal(0))


def test_an_unknown_price_is_not_zero():
    """
    A model without a price has no estimate.
    """
    cost = estimate_cost(10, Tokens(200, 300), AnswerTokens(1.0, 5.0, 9.0), None, is_free=False)
    assert (cost.low_usd, cost.likely_usd, cost.high_usd) == (None, None, None)


def test_the_ends_of_the_range():
    """
    The low end has the fewest tokens in and out, the high end the most, and the output limit is the most.
    """
    answer = expected_answer(LABELS, limit=20)
    cost = estimate_cost(1_000, Tokens(900_000, 1_100_000), answer, PRICE, is_free=False)
    assert cost.answer_tokens_high == 20_000
    assert cost.low_usd == PRICE.usd(900_000, cost.answer_tokens_low)
    assert cost.high_usd == PRICE.usd(1_100_000, 20_000)
    assert cost.answer_tokens_low < cost.answer_tokens_high


@pytest.mark.parametrize(
    ("codebook", "options", "expected"),
    [
        pytest.param(LABELS, {"limit": None}, (12, 48, 48), id="a-label"),
        pytest.param(LABELS, {"limit": 5}, (5, 5, 5), id="a-limit-below"),
        pytest.param(LABELS, {"limit": 200, "measured": 10.0}, (8, 16, 200), id="measured-and-limited"),
        pytest.param(LABELS, {"limit": None, "measured": 10.0}, (8, 16, 16), id="measured"),
        pytest.param(TEXT, {"limit": None}, (20, 1_000, 1_000), id="a-text"),
        pytest.param(None, {"limit": None}, (5, 1_000, 1_000), id="nobody-knows"),
        pytest.param(
            LABELS, {"limit": None, "model": THINKS}, (12, 1_448, 4_048), id="thoughts-are-answers-too"
        ),
    ],
)
def test_tokens_of_an_answer(codebook, options, expected):
    """
    What an answer will have, by what is asked, what limits it, and what was measured.
    """
    assert expected_answer(codebook, **options) == expected


def test_embeddings_have_no_answer():
    """
    Only their texts cost.
    """
    cost = estimate_cost(10, Tokens(300, 300), NO_ANSWER, PRICE, is_free=False)
    assert cost.low_usd == cost.high_usd == PRICE.usd(300, 0)


def variables(*named):
    labels = [{"name": "yes"}, {"name": "no"}]
    return parse_codebook(
        {
            "variables": [
                {"name": name, **({"labels": labels} if is_label else {})} for name, is_label in named
            ]
        }
    )


@pytest.mark.parametrize(
    ("codebook", "model", "expected"),
    [
        pytest.param(LABELS, PLAIN, 200, id="a-label"),
        pytest.param(TEXT, PLAIN, 1_000, id="a-text"),
        pytest.param(variables(("a", True), ("reason", False)), PLAIN, 350, id="a-label-and-why"),
        pytest.param(variables(("a", True), ("b", False)), PLAIN, 1_014, id="a-label-and-a-text"),
        pytest.param(LABELS, THINKS, 4_200, id="thoughts"),
        pytest.param(LABELS, GEMINI, 4_200, id="thoughts-of-another-provider"),
        pytest.param(LABELS, None, 4_200, id="nobody-knows-whether-it-thinks"),
        pytest.param(variables(*((f"v{n}", True) for n in range(40))), PLAIN, 590, id="forty-labels"),
    ],
)
def test_an_output_limit_where_nobody_said_one(codebook, model, expected):
    """
    There is room for every variable: an answer that is cut off is paid and lost.
    """
    assert decide_output_limit(codebook, model) == expected
