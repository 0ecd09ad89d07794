"""What a plan will cost: the one estimate of drafts, runs, caps and trials."""

from __future__ import annotations

from rowbatch.core.cost import NO_ANSWER, CostEstimate, Tokens, estimate_cost, expected_answer
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.model_rules import will_think
from rowbatch.core.plan import Asking, Question
from rowbatch.providers.catalog import find_model, find_price, find_provider


def estimate_asking(
    question: Question,
    asking: Asking,
    requests: int,
    prompts: Tokens,
    *,
    measured: float | None = None,
    written_tokens: int = 0,
) -> CostEstimate:
    """
    Estimate what requests cost.

    Args:
        question, asking: Of the plan.
        requests: How many.
        prompts: Tokens of all of them.
        measured: Mean tokens of an answer, where rows were tried.
        written_tokens: Of the prompts, those that may be written to the provider's cache.
    """
    known = find_model(asking.provider, asking.model)
    answer = expected_answer(
        question.codebook,
        limit=asking.output_limit,
        # Told not to reason, it is one that does not.
        model=known if will_think(known, asking.parameters) else None,
        measured=measured,
    )
    return estimate_cost(
        requests,
        prompts,
        NO_ANSWER if asking.endpoint is Endpoint.EMBEDDINGS else answer,
        find_price(asking.provider, asking.model),
        is_free=find_provider(asking.provider).is_free,
        written_tokens=written_tokens,
    )
