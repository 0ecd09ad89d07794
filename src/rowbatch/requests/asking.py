"""Who is asked, and with which parameters: decided when a plan is made, the same for every door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rowbatch.core.address import check_address
from rowbatch.core.answer_limit import decide_output_limit
from rowbatch.core.endpoint import LIMITS, Endpoint, output_limit
from rowbatch.core.plan import ROW_PREFIX, Asking, Question
from rowbatch.errors import UsageError
from rowbatch.providers.catalog import find_model, find_provider
from rowbatch.requests.parameters import parameters_for_model
from rowbatch.words.notice import Notice


@dataclass(frozen=True, slots=True)
class Said:
    """
    What a person said about the parameters of a request.

    Attributes:
        temperature, max_tokens: None where nobody said it.
        others: Any more, as the endpoint names them; they stay as they are.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    others: Mapping[str, Any] = field(default_factory=dict)


def asking_of(
    question: Question,
    said: Said,
    *,
    provider: str,
    model: str = "",
    base_url: str = "",
    endpoint: Endpoint = Endpoint.CHAT,
    dedupe: bool = False,
    fresh: bool = False,
) -> Asking:
    """
    Decide how a question is asked.

    Where it costs money and nobody said how long an answer may be, there is a limit all the same, and a note.

    Args:
        question: What is asked.
        said: What a person said about the parameters.
        provider: Its name in the catalog.
        model, base_url: "" means the provider's default.
        endpoint: Which endpoint.
        dedupe: Ask rows that ask the same once.
        fresh: Ask rows too whose answer an earlier run has.
    Raises:
        UsageError: There is no such provider, no model or address, or the address cannot be asked or has
            a secret in it.
    """
    chosen = find_provider(provider)
    if not (base_url or chosen.base_url or chosen.name == "local"):
        raise UsageError("address-missing", title=chosen.title, example=chosen.base_url_example)
    base_url = check_address(base_url) if base_url else chosen.base_url
    model = model or chosen.default_model
    if not model:
        raise UsageError("model-missing", title=chosen.title)
    fitting, notes = parameters_for_model(
        chosen.name,
        model,
        endpoint,
        temperature=said.temperature,
        max_tokens=said.max_tokens,
        others=said.others,
    )
    is_limit_ours = (
        fitting.keys().isdisjoint(LIMITS) and not chosen.is_free and endpoint is not Endpoint.EMBEDDINGS
    )
    if is_limit_ours:
        limit = decide_output_limit(question.asked_codebook, find_model(chosen.name, model))
        fitting, notes = parameters_for_model(
            chosen.name, model, endpoint, temperature=said.temperature, max_tokens=limit, others=said.others
        )
        notes.append(Notice("note-limit-is-ours", {"tokens": output_limit(fitting)}))
    return Asking(
        provider=chosen.name,
        model=model,
        base_url=base_url,
        endpoint=endpoint,
        parameters=fitting,
        is_limit_ours=is_limit_ours,
        dedupe=dedupe,
        fresh=fresh,
        notes=tuple(notes),
    )


def asking_for_model(
    said: Said,
    *,
    model: str,
    endpoint: Endpoint = Endpoint.CHAT,
    dedupe: bool = False,
    id_prefix: str = ROW_PREFIX,
) -> Asking:
    """
    Decide how a batch file asks that is for whoever takes it: just what was said, as the model takes it.

    Args:
        said: What a person said about the parameters.
        model: As a provider names it.
        endpoint: Which endpoint.
        dedupe: Ask rows that ask the same once.
        id_prefix: What stands before the row's number in `custom_id`.
    """
    fitting, notes = parameters_for_model(
        "", model, endpoint, temperature=said.temperature, max_tokens=said.max_tokens, others=said.others
    )
    return Asking(
        provider="",
        model=model,
        endpoint=endpoint,
        parameters=fitting,
        dedupe=dedupe,
        id_prefix=id_prefix,
        notes=tuple(notes),
    )
