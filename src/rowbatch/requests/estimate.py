"""What a plan will cost: the one estimate of drafts, runs, caps and trials."""

from __future__ import annotations

from rowbatch.core.cost import NO_ANSWER, CostEstimate, Tokens, estimate_cost, expected_answer
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.plan import Asking, Question
from rowbatch.providers.catalog import find_model, find_price, find_provider


def estimate_asking(
    question: Question, asking: Asking, requests: int, prompts: Tokens, *, measured: float | None = None
) -> CostEstimate:
    """
    Estimate what requests cost.

    Args:
        question, asking: Of the plan.
        requests: How many.
        prompts: Tokens of all of them.
        measured: Mean tokens of an answer, where rows were tried.
    """
    answer = expected_answer(
        question.asked_codebook,
        limit=asking.output_limit,
        model=find_model(asking.provider, asking.model),
        measured=measured,
    )
    return estimate_cost(
        requests,
        prompts,
        NO_ANSWER if asking.endpoint is Endpoint.EMBEDDINGS else answer,
        find_price(asking.provider, asking.model),
        is_free=find_provider(asking.provider).is_free,
    )
