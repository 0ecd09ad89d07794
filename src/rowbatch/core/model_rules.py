"""Which parameters a model takes, from data; what it would refuse is put right or left out, and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from rowbatch.core.endpoint import Endpoint
from rowbatch.words.notice import Notice

Sampling = Literal["free", "without-reasoning", "never", "none"]
_SAMPLING_NAMES = (
    "temperature",
    "top_p",
    "logprobs",
    "top_logprobs",
    "presence_penalty",
    "frequency_penalty",
)
_LEAST_OUTPUT = 16
_SOON_DAYS = 60


@dataclass(frozen=True, slots=True)
class ModelRules:
    """
    What a family of models takes.

    Attributes:
        output_limit: The name of the output limit in chat completions; "" for none.
        sampling: Whether temperature and the like are taken: `free`; only `without-reasoning`; `never` but
            for the default; or there is `none`.
    """

    output_limit: str
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Model:
    """
    What is known of a model.

    Attributes:
        name: Without a date.
        rules: For its parameters.
        encoding: Of its tokens, where it is known; or "".
        context: Tokens of prompt and answer together.
        max_output: Tokens of an answer.
        thinks: It thinks before it answers where nobody says otherwise, and its output limit counts thoughts.
        cache_least: The fewest tokens that its provider's cache takes, where that is known; or None.
        shutdown: The day after which it answers no more, where one was announced; or None.
        source, as_of: Of all this.
    """

    name: str
    rules: ModelRules
    encoding: str
    context: int
    max_output: int
    shutdown: date | None
    source: str
    as_of: str
    thinks: bool = False
    cache_least: int | None = None

    @property
    def reasons(self) -> bool:
        """Whether an output limit has to have room for thoughts."""
        return self.thinks or self.rules.output_limit == "max_completion_tokens"


REASONING_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
"""How much a model that reasons may think, where it takes that; not each model takes each."""


def effort_of(parameters: Mapping[str, Any]) -> str:
    """The reasoning effort among the parameters of a request, whatever it is called; or ""."""
    reasoning = parameters.get("reasoning")
    named = reasoning.get("effort") if isinstance(reasoning, Mapping) else parameters.get("reasoning_effort")
    return named if isinstance(named, str) else ""


def will_think(model: Model | None, parameters: Mapping[str, Any]) -> bool:
    """Whether answers to a request begin with thoughts, as far as anybody knows."""
    return model is not None and model.reasons and effort_of(parameters) != "none"


def takes_effort(model: Model | None, effort: str) -> bool:
    """Whether a model takes a reasoning effort; of one that nobody knows it is believed."""
    if model is None:
        return True
    # Those that always reason cannot be told not to.
    return model.rules.sampling == "without-reasoning" or (
        model.rules.output_limit == "max_completion_tokens" and effort != "none"
    )


def fitting_parameters(
    rules: ModelRules, endpoint: Endpoint, parameters: Mapping[str, Any], *, given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Notice]]:
    """
    Make parameters fit a model.

    Args:
        rules: The model's.
        endpoint: Who is asked.
        parameters: As people set them.
        given: Those that shall stay as they are, whatever the rules say.
    Returns:
        The parameters, and what was changed.
    """
    found: dict[str, Any] = {}
    notes: list[Notice] = []
    for name, value in parameters.items():
        if name in given:
            found[name] = value
        elif name == "max_tokens" and endpoint is Endpoint.CHAT and rules.output_limit != name:
            found[rules.output_limit] = value
            notes.append(Notice("note-limit-renamed", {"name": rules.output_limit}))
        elif name == "max_output_tokens" and isinstance(value, int) and value < _LEAST_OUTPUT:
            found[name] = _LEAST_OUTPUT
            notes.append(Notice("note-limit-raised", {"least": _LEAST_OUTPUT}))
        elif name in _SAMPLING_NAMES and not _takes_sampling(rules, endpoint, parameters, name, value):
            is_reasoning = rules.sampling == "without-reasoning"
            notes.append(
                Notice("note-left-out-reasoning" if is_reasoning else "note-left-out", {"name": name})
            )
        else:
            found[name] = value
    return found, notes


def tells_probabilities(rules: ModelRules, endpoint: Endpoint, parameters: Mapping[str, Any]) -> bool:
    """Whether a model tells the probabilities of its tokens, asked with these parameters."""
    return _takes_sampling(rules, endpoint, parameters, "logprobs", True)


def parameter_problems(rules: ModelRules, endpoint: Endpoint, body: Mapping[str, Any]) -> list[str]:
    """What a model would refuse in a body, in sentences."""
    problems = []
    if endpoint is Endpoint.CHAT and "max_tokens" in body and rules.output_limit != "max_tokens":
        problems.append(f"max_tokens is refused by this model; it is called {rules.output_limit}")
    limit = body.get("max_output_tokens")
    if endpoint is Endpoint.RESPONSES and isinstance(limit, int) and limit < _LEAST_OUTPUT:
        problems.append(f"max_output_tokens is at least {_LEAST_OUTPUT}")
    for name in _SAMPLING_NAMES:
        if name in body and not _takes_sampling(rules, endpoint, body, name, body[name]):
            problems.append(f"{name} is refused by this model" + _unless(rules))
    form = body.get("response_format")
    if (
        isinstance(form, Mapping)
        and form.get("type") == "json_object"
        and "json" not in str(body.get("messages", "")).lower()
    ):
        problems.append('response_format json_object wants the word "json" in a message')
    return problems


def shutdown_note(model: Model, today: date) -> Notice | None:
    """That a model is shut down, or soon will be; or None."""
    if model.shutdown is None:
        return None
    values = {"model": model.name, "day": str(model.shutdown)}
    if model.shutdown < today:
        return Notice("note-shut-down", values)
    if (model.shutdown - today).days <= _SOON_DAYS:
        return Notice("note-shut-down-soon", values)
    return None


def _takes_sampling(
    rules: ModelRules, endpoint: Endpoint, parameters: Mapping[str, Any], name: str, value: Any
) -> bool:
    match rules.sampling:
        case "free":
            return True
        case "without-reasoning":
            if endpoint is Endpoint.RESPONSES:
                reasoning = parameters.get("reasoning")
                effort = reasoning.get("effort") if isinstance(reasoning, Mapping) else None
            else:
                effort = parameters.get("reasoning_effort")
            return effort == "none" or (name == "temperature" and value == 1)
        case _:
            return name == "temperature" and value == 1


def _unless(rules: ModelRules) -> str:
    return ", unless its reasoning effort is none" if rules.sampling == "without-reasoning" else ""
