"""Who is asked, and with which parameters: decided when a plan is made, the same for every door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rowbatch.core.address import check_address
from rowbatch.core.answer_limit import decide_output_limit
from rowbatch.core.confidence import MOST_SAMPLES, measured
from rowbatch.core.cost import likely_tokens
from rowbatch.core.endpoint import LIMITS, Endpoint, confidence_parameters, output_limit
from rowbatch.core.model_rules import REASONING_EFFORTS, takes_effort, tells_probabilities, will_think
from rowbatch.core.panel import MOST_MODELS
from rowbatch.core.plan import ROW_PREFIX, Asking, Consensus, Panel, Question
from rowbatch.core.sent_headers import kept_places
from rowbatch.errors import UsageError
from rowbatch.providers.catalog import Provider, find_model, find_provider
from rowbatch.requests.parameters import parameters_for_model
from rowbatch.words.notice import Notice

_UPLOADS_BY_FORM = ("openai", "mistral")


@dataclass(frozen=True, slots=True)
class Said:
    """
    What a person said about the parameters of a request.

    Attributes:
        temperature, max_tokens: None where nobody said it.
        reasoning_effort: How much a model that reasons may think; "" where nobody said it.
        others: Any more, as the endpoint names them; they stay as they are.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    others: Mapping[str, Any] = field(default_factory=dict)
    reasoning_effort: str = ""


def asking_of(
    question: Question,
    said: Said,
    *,
    provider: str,
    model: str = "",
    base_url: str = "",
    endpoint: Endpoint = Endpoint.CHAT,
    dedupe: bool = False,
    headers: Mapping[str, str] | None = None,
    form_fields: Mapping[str, str] | None = None,
    confidence: bool = False,
    samples: int = 1,
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
        headers: Further ones of each call, as `read_headers` gives them; values that are given are not kept.
        form_fields: Further ones of each upload.
        confidence: Ask how sure the model is of each value.
        samples: How often to ask each row.
        fresh: Ask rows too whose answer an earlier run has.
    Raises:
        UsageError: There is no such provider, no model or address, or the address cannot be asked or has
            a secret in it; or how sure the model is cannot be had.
    """
    chosen = find_provider(provider)
    if not (base_url or chosen.base_url or chosen.name == "local"):
        raise UsageError("address-missing", title=chosen.title, example=chosen.base_url_example)
    base_url = check_address(base_url) if base_url else chosen.base_url
    if (headers or form_fields) and chosen.name == "local" and not base_url:
        raise UsageError("headers-to-nobody")
    if form_fields and chosen.dialect not in _UPLOADS_BY_FORM:
        raise UsageError("form-fields-not-taken", title=chosen.title)
    model = model or chosen.default_model
    if not model:
        raise UsageError("model-missing", title=chosen.title)
    known = find_model(chosen.name, model)
    if said.reasoning_effort:
        others = _with_effort(said, chosen, model, endpoint)
        said = Said(said.temperature, said.max_tokens, others)
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
        limit = decide_output_limit(question.asked_codebook, known)
        fitting, notes = parameters_for_model(
            chosen.name, model, endpoint, temperature=said.temperature, max_tokens=limit, others=said.others
        )
        notes.append(Notice("note-limit-is-ours", {"tokens": output_limit(fitting)}))
    elif will_think(known, fitting) and (most := output_limit(fitting)) is not None:
        wanted = likely_tokens(question.codebook, thinks=True)
        if most < wanted:
            notes.append(
                Notice("note-limit-without-thoughts", {"model": model, "limit": most, "wanted": wanted})
            )
    if confidence:
        fitting = {**_confidence(question, chosen, model, endpoint, fitting), **fitting}
    if samples != 1:
        is_ours = chosen.name == "local" and not base_url
        _check_samples(question, endpoint, fitting, samples, confidence=confidence, is_ours=is_ours)
    return Asking(
        provider=chosen.name,
        model=model,
        base_url=base_url,
        endpoint=endpoint,
        parameters=fitting,
        is_limit_ours=is_limit_ours,
        dedupe=dedupe,
        confidence=confidence,
        samples=samples,
        fresh=fresh,
        notes=tuple(notes),
        headers=kept_places(headers or {}),
        form_fields=dict(form_fields or {}),
    )


def _check_samples(
    question: Question,
    endpoint: Endpoint,
    parameters: Mapping[str, Any],
    samples: int,
    *,
    confidence: bool,
    is_ours: bool,
) -> None:
    """
    Make sure that several samples of a row say something.

    Raises:
        UsageError: There would be too many, nothing to be counted, or all would be the same.
    """
    if not 1 < samples <= MOST_SAMPLES:
        raise UsageError("samples-out-of-range", samples=samples, most=MOST_SAMPLES)
    if confidence:
        raise UsageError("samples-and-confidence")
    if endpoint is Endpoint.EMBEDDINGS or not measured(question.codebook):
        raise UsageError("samples-of-words")
    if is_ours:
        raise UsageError("samples-of-local")
    if parameters.get("temperature") == 0 or parameters.get("seed") is not None:
        raise UsageError("samples-the-same")


_SAID_BY_HAND = ("logprobs", "include", "generationConfig")


def _confidence(
    question: Question, provider: Provider, model: str, endpoint: Endpoint, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """
    What asks for the probabilities of tokens.

    Raises:
        UsageError: Nothing has a confidence, or the provider or the model tells none.
    """
    asked = confidence_parameters(endpoint, provider.token_alternatives or 0)
    if not measured(question.codebook):
        raise UsageError("confidence-of-words")
    if not parameters.keys().isdisjoint(_SAID_BY_HAND):
        # Who says it by hand knows the endpoint better.
        return {}
    if provider.token_alternatives is None:
        raise UsageError("confidence-not-offered", title=provider.title)
    known = find_model(provider.name, model)
    if known is not None and not tells_probabilities(known.rules, endpoint, parameters):
        raise UsageError("confidence-not-told", model=model)
    return asked


def panel_of(
    question: Question,
    said: Said,
    first: Asking,
    models: Sequence[str],
    consensus: str,
    *,
    headers: Mapping[str, str] | None = None,
    form_fields: Mapping[str, str] | None = None,
) -> Panel | None:
    """
    Decide how further models are asked the same, as `asking_of` does for each.

    One of the first model's provider is asked at the same address, with the same further headers.

    Args:
        question: What is asked.
        said: What a person said about the parameters; each model takes of it what it takes.
        first: How the first model is asked.
        models: `PROVIDER:MODEL`, or `PROVIDER` for its default model.
        consensus: `majority` or `dawid-skene`.
        headers, form_fields: Of the first model's calls, with their values.
    Returns:
        None where no further model is named.
    Raises:
        UsageError: A model cannot be asked, or is named twice; or nothing can be counted.
    """
    if not models:
        if consensus != Consensus.MAJORITY:
            raise UsageError("consensus-of-one")
        return None
    if first.is_measured:
        raise UsageError("panel-and-confidence")
    if first.endpoint is Endpoint.EMBEDDINGS or not measured(question.codebook):
        raise UsageError("panel-of-words")
    if question.kept:
        raise UsageError("panel-and-only-changed")
    if len(models) >= MOST_MODELS:
        raise UsageError("panel-too-many", models=len(models) + 1, most=MOST_MODELS)
    if consensus not in list(Consensus):
        raise UsageError("no-such-consensus", found=consensus, known=[*map(str, Consensus)])
    others: list[Asking] = []
    for named in models:
        provider, _, model = named.strip().partition(":")
        chosen = find_provider(provider)
        is_same = chosen.name == first.provider
        found = asking_of(
            question,
            said,
            provider=chosen.name,
            model=model,
            base_url=first.base_url if is_same else "",
            endpoint=first.endpoint,
            dedupe=first.dedupe,
            headers=headers if is_same else None,
            form_fields=form_fields if is_same else None,
            fresh=first.fresh,
        )
        for other in (first, *others):
            if (other.provider, other.model) == (found.provider, found.model):
                raise UsageError("panel-model-twice", model=f"{found.provider}:{found.model}")
        others.append(found)
    return Panel(tuple(others), Consensus(consensus))


def efforts_of(provider: str, model: str) -> tuple[str, ...]:
    """The reasoning efforts that a model takes, as far as anybody knows; none of one that takes none."""
    # The dialects of others have no word for it, and the model of this computer does not reason.
    chosen = find_provider(provider)
    if chosen.dialect != "openai" or chosen.is_free:
        return ()
    known = find_model(provider, model)
    return tuple(effort for effort in REASONING_EFFORTS if takes_effort(known, effort))


def _with_effort(said: Said, provider: Provider, model: str, endpoint: Endpoint) -> dict[str, Any]:
    """
    The other parameters, with the reasoning effort as the endpoint names it.

    Raises:
        UsageError: The model takes none, or not this one.
    """
    effort = said.reasoning_effort
    if endpoint is Endpoint.EMBEDDINGS or effort not in efforts_of(provider.name, model):
        raise UsageError("effort-not-taken", model=model, effort=effort, known=REASONING_EFFORTS)
    if endpoint is Endpoint.RESPONSES:
        return {"reasoning": {"effort": effort}, **said.others}
    return {"reasoning_effort": effort, **said.others}


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
