"""The command that makes a plan: what a page shows as "the same on the command line"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

from rowbatch.core.address import shown_address
from rowbatch.core.endpoint import Endpoint, output_limit
from rowbatch.core.plan import Asking, Consensus, Plan, Question
from rowbatch.core.policy import Policy
from rowbatch.core.sent_headers import GIVEN
from rowbatch.core.table_options import NO_HEADER
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.asking import Said, asking_of

_ANY_ADDRESS = "http://localhost/v1"
_ENDPOINT_WORDS = {Endpoint.CHAT: "chat", Endpoint.RESPONSES: "responses", Endpoint.EMBEDDINGS: "embeddings"}


def command_of(plan: Plan, *, table: str = "", codebook: str = "codebook.yaml") -> list[str]:
    """
    The words of the command whose plan is this one.

    Args:
        plan: Any.
        table: What the table is called there; "" means its path.
        codebook: The file that holds the plan's codebook, where one is needed.
    """
    words = ["rowbatch", "run", table or str(plan.source.path)]
    for option, value in (
        *_question_options(plan.question, codebook),
        *_asking_options(plan),
        *_table_options(plan),
        *_policy_options(plan.policy),
    ):
        if value is None:
            words.append(option)
        else:
            # A value that begins with a dash would be taken for an option.
            words += [f"{option}={value}"] if value.startswith("-") else [option, value]
    return words


def _question_options(question: Question, codebook: str) -> Iterator[tuple[str, str | None]]:
    if question.text:
        yield "--text", question.text
    if question.template:
        yield "--template", question.template
    book = question.codebook
    if book.variables or book.language != "en":
        yield "--codebook", codebook
    elif book.instructions:
        yield "--prompt", book.instructions
    if question.image:
        yield "--image", question.image
    if question.image_folder is not None:
        yield "--image-folder", str(question.image_folder)


def _asking_options(plan: Plan) -> Iterator[tuple[str, str | None]]:
    asking = plan.asking
    provider = find_provider(asking.provider)
    if asking.provider != "local":
        yield "--provider", asking.provider
    if asking.model != provider.default_model:
        yield "--model", asking.model
    if asking.base_url != provider.base_url:
        yield "--base-url", shown_address(asking.base_url)
    if asking.endpoint is not Endpoint.CHAT:
        yield "--endpoint", _ENDPOINT_WORDS[asking.endpoint]
    said = _said(plan.question, asking)
    if said.temperature is not None:
        yield "--temperature", f"{said.temperature:g}"
    if said.max_tokens is not None:
        yield "--max-tokens", str(said.max_tokens)
    for name, value in said.others.items():
        yield "--param", f"{name}={json.dumps(value, ensure_ascii=False)}"
    yield from _further_options(plan)


def _further_options(plan: Plan) -> Iterator[tuple[str, str | None]]:
    asking = plan.asking
    if asking.dedupe:
        yield "--dedupe", None
    for name, place in asking.headers.items():
        # A value that was given is not known any more: whoever types this has it.
        yield "--header", f"{name}={'…' if place == GIVEN else place}"
    for name, value in asking.form_fields.items():
        yield "--form-field", f"{name}={value}"
    if asking.confidence:
        yield "--confidence", None
    if asking.samples > 1:
        yield "--samples", str(asking.samples)
    for other in plan.panel.others if plan.panel else ():
        yield "--with", f"{other.provider}:{other.model}"
    if plan.panel and plan.panel.consensus is not Consensus.MAJORITY:
        yield "--consensus", str(plan.panel.consensus)
    if plan.question.kept:
        yield "--only-changed", None
    if asking.fresh:
        yield "--fresh", None


def _said(question: Question, asking: Asking) -> Said:
    """What has to be said about the parameters so that they become these."""
    parameters = dict(asking.parameters)
    temperature = parameters.get("temperature")
    if isinstance(temperature, bool) or not isinstance(temperature, int | float):
        temperature = None
    limit = None if asking.is_limit_ours else output_limit(parameters)
    # The commonest two have options of their own; what the model would rename or leave out is said by name.
    for said in (Said(temperature, limit), Said(max_tokens=limit), Said(temperature), Said()):
        known = _parameters(question, asking, said)
        if all(parameters.get(name) == value for name, value in known.items()):
            others = {name: value for name, value in parameters.items() if name not in known}
            found = Said(said.temperature, said.max_tokens, others)
            if _parameters(question, asking, found) == parameters:
                return found
    return Said(others=parameters)


def _parameters(question: Question, asking: Asking, said: Said) -> dict[str, object]:
    found = asking_of(
        question,
        said,
        provider=asking.provider,
        model=asking.model,
        # An old one may have a password in it, and the parameters don't depend on it.
        base_url=_ANY_ADDRESS,
        endpoint=asking.endpoint,
        confidence=asking.confidence,
    )
    return dict(found.parameters)


def _table_options(plan: Plan) -> Iterator[tuple[str, str | None]]:
    reading, output = plan.source.reading, plan.output
    for option, value in (
        ("--encoding", reading.encoding),
        ("--delimiter", reading.delimiter),
        ("--sheet", reading.sheet),
        ("--header", None if reading.header == NO_HEADER else reading.header),
        ("--skip-rows", str(reading.skip_rows or "")),
        ("--quote", reading.quote),
        ("--escape", reading.escape),
        ("--rows", reading.rows),
        ("--program", reading.program),
    ):
        if value:
            yield option, value
    if reading.header == NO_HEADER:
        yield "--no-header", None
    if reading.on_bad_rows != "stop":
        yield "--on-bad-rows", reading.on_bad_rows
    if output.path is not None:
        yield "--output", str(output.path)
    if output.overwrite:
        yield "--overwrite", None
    if output.writing.bom:
        yield "--bom", None
    if output.writing.formula_safe:
        yield "--excel-safe", None
    if output.writing.numbers:
        yield "--numbers", None


def _policy_options(policy: Policy) -> Iterator[tuple[str, str | None]]:
    default = Policy()
    for option, name in POLICY_OPTIONS.items():
        value = getattr(policy, name)
        if value == getattr(default, name):
            continue
        yield option, None if value is True else f"{value:f}" if isinstance(value, Decimal) else str(value)


POLICY_OPTIONS = {
    "--max-cost": "max_cost_usd",
    "--rounds": "rounds",
    "--ask-invalid-again": "ask_invalid_again",
    "--poll-seconds": "poll_seconds",
    "--queue-tokens": "queue_tokens",
    "--tier": "tier",
    "--creations-per-hour": "creations_per_hour",
    "--storage-bytes": "storage_bytes",
    "--free-inputs": "free_inputs",
    "--lost-answer-wait": "lost_answer_wait_s",
    "--on-lost-answer": "on_lost_answer",
    "--worst-share": "worst_share",
    "--first-rows": "first_rows",
    "--clean-up": "clean_up",
    "--direct": "direct",
}
"""Options of the command line, and what they are called in a policy."""
