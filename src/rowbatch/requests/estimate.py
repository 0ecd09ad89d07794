"""What a plan will cost: the one estimate of drafts, runs, caps and trials."""

from __future__ import annotations

from rowbatch.core.cost import NO_ANSWER, CostEstimate, Price, Tokens, estimate_cost, expected_answer
from rowbatch.core.endpoint import Endpoint
from rowbatch.core.model_rules import will_think
from rowbatch.core.plan import Asking, Question
from rowbatch.providers.catalog import find_direct_price, find_model, find_price, find_provider


def price_of_asking(asking: Asking, *, is_direct: bool) -> Price | None:
    """
    What tokens cost; None where it is not known.

    Args:
        asking: Of the plan.
        is_direct: Rows are asked one by one, and not in batches.
    """
    if is_direct:
        return find_direct_price(asking.provider, asking.model, asking.parameters)
    return find_price(asking.provider, asking.model)


def estimate_asking(
    question: Question,
    asking: Asking,
    requests: int,
    prompts: Tokens,
    *,
    measured: float | None = None,
    written_tokens: int = 0,
    is_direct: bool = False,
) -> CostEstimate:
    """
    Estimate what requests cost.

    Args:
        question, asking: Of the plan.
        requests: How many.
        prompts: Tokens of all of them.
        measured: Mean tokens of an answer, where rows were tried.
        written_tokens: Of the prompts, those that may be written to the provider's cache.
        is_direct: They go one by one, and not in batches.
    """
    known = find_model(asking.provider, asking.model)
    answer = expected_answer(
        question.asked_codebook,
        limit=asking.output_limit,
        # Told not to reason, it is one that does not.
        model=known if will_think(known, asking.parameters) else None,
        measured=measured,
    )
    return estimate_cost(
        requests,
        prompts,
        NO_ANSWER if asking.endpoint is Endpoint.EMBEDDINGS else answer,
        price_of_asking(asking, is_direct=is_direct),
        is_free=find_provider(asking.provider).is_free,
        written_tokens=written_tokens,
    )
