"""Whether the instructions go into the provider's cache, where that has to be asked for and pays."""

from __future__ import annotations

from rowbatch.core.endpoint import Endpoint
from rowbatch.core.plan import Plan
from rowbatch.providers.catalog import find_model, find_provider
from rowbatch.requests.line_tokens import LineTokens

# Of a model whose minimum is not known: the highest that there is.
_LEAST_TOKENS = 4_096


def cached_prefix_tokens(plan: Plan, *, has_first_part: bool) -> int:
    """
    The tokens at the begin of every request that are marked for the provider's cache, the most that they can
    be; 0 where nothing is.

    It pays where they are more than the cache takes at least, and a small first part fills it for the others:
    in a single batch each request would write it anew.

    Args:
        plan: Of the run.
        has_first_part: Whether a small first part goes before others.
    Source:
        platform.claude.com, "Prompt caching" and "Batch processing".
    """
    asking, system = plan.asking, plan.question.instructions
    provider = find_provider(asking.provider)
    # Of other addresses that speak Anthropic's protocol nobody knows whether they take the mark.
    is_known = provider.dialect == "anthropic" and asking.base_url == provider.base_url
    if not (is_known and has_first_part and asking.endpoint is Endpoint.CHAT):
        return 0
    if system is None or system.columns:
        return 0
    counter = LineTokens(asking.model)
    tokens = counter.count_text(system.render({}))
    known = find_model(asking.provider, asking.model)
    least = known.cache_least if known is not None and known.cache_least is not None else _LEAST_TOKENS
    return counter.high(tokens) if counter.low(tokens) >= least else 0
