"""The parameters of a request, as the model takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rowbatch.core.endpoint import Endpoint, parameters_of
from rowbatch.core.model_rules import fitting_parameters, parameter_problems
from rowbatch.providers.catalog import find_family, find_model
from rowbatch.words.notice import Notice


def parameters_for_model(
    provider: str,
    model: str,
    endpoint: Endpoint,
    *,
    temperature: float | None,
    max_tokens: int | None,
    others: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], list[Notice]]:
    """
    Put together what people set, by the rules of the model where these are known.

    Args:
        provider: Whose model; "" when it does not matter.
        model: As the provider names it.
        endpoint: Who is asked.
        temperature, max_tokens: None leaves one out.
        others: Any more, as the endpoint names them; they stay as they are.
    Returns:
        The parameters, and what was changed.
    """
    parameters = parameters_of(endpoint, temperature=temperature, max_tokens=max_tokens, others=others)
    known = find_model(provider, model)
    if known is None:
        family = find_family(provider, model)
        problems = parameter_problems(family[1], endpoint, parameters) if family else []
        return parameters, [
            Notice("note-family-refuses", {"model": model, "family": family[0], "why": problem})
            for problem in problems
            if family
        ]
    return fitting_parameters(known.rules, endpoint, parameters, given=others or {})
