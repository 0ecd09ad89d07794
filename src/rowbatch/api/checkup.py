"""Look at everything that a run needs, before it costs money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rowbatch.api.headers import find_headers
from rowbatch.api.keys import find_key
from rowbatch.api.local import require_provider
from rowbatch.api.runs import Run, provider_client
from rowbatch.core.address import check_address, is_loopback
from rowbatch.core.model_rules import shutdown_note
from rowbatch.core.sent_headers import read_headers
from rowbatch.errors import RowbatchError
from rowbatch.providers.catalog import (
    find_model,
    find_near_model,
    find_price,
    find_provider,
    find_queue_limits,
)
from rowbatch.steps.doctor import Check, check_folder, check_provider


def doctor(
    provider: str = "local",
    *,
    base_url: str | None = None,
    model: str | None = None,
    folder: str | Path | None = None,
    headers: Mapping[str, str] | Iterable[str] = (),
) -> list[Check]:
    """
    Look at the provider, the key, the clock, the disk and what is known of the model. Nothing is billed.

    Args:
        provider: Who would be asked.
        base_url: Another address.
        model: Which model.
        folder: Where runs would lie; None means the working directory.
        headers: Further ones of each call, as in `create`.
    """
    chosen = find_provider(provider)
    found = check_folder(Path(folder) if folder else Path())
    if chosen.name == "local" and not base_url:
        try:
            require_provider(chosen.name)
        except RowbatchError as error:
            return [*found, Check("local model", "fault", error.message, error.hint)]
        return [*found, Check("local model", "ok", "installed; no key is needed")]
    address = check_address(base_url) if base_url else chosen.base_url
    if not address:
        hint = f"give --base-url, as in {chosen.base_url_example}"
        return [*found, Check("provider", "fault", f"{chosen.title} has no address of its own", hint)]
    key = find_key(chosen, address)
    if key is None and not is_loopback(address):
        names = " or ".join(chosen.key_variables)
        return [*found, Check("key", "fault", "none was found", f"put it into {names}, or: rowbatch key set")]
    sent = find_headers(chosen, address, given=read_headers(headers))
    with provider_client(chosen, address, sent) as client:
        checks = check_provider(client, has_key=key is not None)
    if key is not None and checks[0].grade == "ok":
        checks[0] = replace(checks[0], told=f"from the {key.place}")
    found += checks
    return found + (_model_checks(provider, model) if model else [])


def doctor_of_run(run: Run, *, probe: bool) -> list[Check]:
    """
    The same for a run that was made, with its folder, its model and what waits at the provider.

    Args:
        run: The run.
        probe: Also send its first row, at once; that is billed.
    """
    return run.check(probe=probe, now=datetime.now(UTC))


def _model_checks(provider: str, model: str) -> list[Check]:
    checks = []
    price, known = find_price(provider, model), find_model(provider, model)
    if price is None:
        hint = "a model that nobody knows works all the same; `rowbatch models` says where to put a price"
        checks.append(Check("price", "warning", "not known, so neither is the cost", hint))
    else:
        told = f"${price.input_usd} in, ${price.output_usd} out, for a million tokens in batch"
        checks.append(Check("price", "ok", f"{told} ({price.source}, {price.as_of})"))
    if known is None:
        near = find_near_model(provider, model)
        hint = f"did you mean {near}?" if near else ""
        checks.append(Check("model", "warning", "its limits are not known", hint))
    elif note := shutdown_note(known, datetime.now(UTC).date()):
        checks.append(Check("model", "warning", str(note)))
    else:
        checks.append(Check("model", "ok", f"takes {known.context:,} tokens, answers {known.max_output:,}"))
    if queue := find_queue_limits(provider, model):
        tiers = ", ".join(f"tier {tier}: {limit:,}" for tier, limit in enumerate(queue.tiers, start=1))
        checks.append(
            Check("queue", "ok", f"tokens that may wait: {tiers} (yours may differ: --queue-tokens)")
        )
    return checks
