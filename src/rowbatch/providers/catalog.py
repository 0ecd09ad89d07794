"""Which providers there are: addresses, limits and prices, from `catalog.toml`."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from rowbatch.core.cost import Price
from rowbatch.core.model_rules import Model, ModelRules
from rowbatch.core.shard import ShardLimits
from rowbatch.errors import UsageError

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")


@dataclass(frozen=True, slots=True)
class Provider:
    """
    A provider, as data.

    Attributes:
        name: As in `--provider`.
        title: For people.
        base_url: Of its API; "" for the server on this machine.
        default_model: Or "" when the user must choose.
        key_variables: Environment variables that may hold its key, first found first used.
        is_free: Nothing is billed.
        honours_idempotency_key: The same key never makes a second batch.
        limits: Of one input file.
        custom_id_chars: Longest `custom_id`.
        max_line_bytes: Longest line; the file's limit where none is known.
        source, as_of: Of the limits.
    """

    name: str
    title: str
    base_url: str
    default_model: str
    key_variables: tuple[str, ...]
    is_free: bool
    honours_idempotency_key: bool
    limits: ShardLimits
    custom_id_chars: int
    max_line_bytes: int
    source: str
    as_of: str


def provider_names() -> tuple[str, ...]:
    """Names that `find_provider` knows."""
    return tuple(_catalog()["providers"])


def find_provider(name: str) -> Provider:
    """
    Look a provider up.

    Raises:
        UsageError: There is none of that name.
    """
    entry = _catalog()["providers"].get(name)
    if entry is None:
        near = difflib.get_close_matches(name, provider_names(), n=1)
        raise UsageError(
            f"there is no provider {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            hint=f"known are: {', '.join(provider_names())}",
        )
    return Provider(
        name=name,
        title=entry["title"],
        base_url=entry["base_url"],
        default_model=entry["default_model"],
        key_variables=tuple(entry["key_variables"]),
        is_free=entry["free"],
        honours_idempotency_key=entry["honours_idempotency_key"],
        limits=ShardLimits(entry["max_requests"], entry["max_bytes"]),
        custom_id_chars=entry["custom_id_chars"],
        max_line_bytes=entry.get("max_line_bytes", entry["max_bytes"]),
        source=entry["source"],
        as_of=entry["as_of"],
    )


def find_price(provider: str, model: str) -> Price | None:
    """The batch price of a model, or None when the catalog has none."""
    table = _catalog()["prices"].get(provider)
    name = model if table and model in table["models"] else _DATE.sub("", model)
    if table is None or name not in table["models"]:
        return None
    input_usd, output_usd = table["models"][name]
    return Price(Decimal(str(input_usd)), Decimal(str(output_usd)), table["source"], table["as_of"])


def find_model(provider: str, model: str) -> Model | None:
    """
    What is known of a model, or None.

    Args:
        provider: Whose; "" looks at all.
        model: As the provider names it; a date at its end does not count.
    """
    name = _DATE.sub("", model)
    tables = _models()
    for owner in [provider] if provider else [name for name in tables if name != "rules"]:
        entry = tables.get(owner, {}).get("models", {}).get(name)
        if entry is not None and owner != "rules":
            rules = tables["rules"][entry["rules"]]
            shutdown = entry.get("shutdown")
            return Model(
                name=name,
                rules=ModelRules(rules["output_limit"], rules["sampling"]),
                encoding=entry.get("encoding", ""),
                context=entry["context"],
                max_output=entry["max_output"],
                shutdown=date.fromisoformat(shutdown) if shutdown else None,
                source=tables[owner]["source"],
                as_of=tables[owner]["as_of"],
            )
    return None


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """
    How many prompt tokens of a model may wait at a provider.

    Attributes:
        tiers: For tier 1, 2, …
        source, as_of: Of the numbers.
    """

    tiers: tuple[int, ...]
    source: str
    as_of: str


def find_queue_limits(provider: str, model: str) -> QueueLimits | None:
    """The queue limits of a model, or None where they are not known."""
    queue = _models().get(provider, {}).get("queue")
    tiers = queue["tiers"].get(_DATE.sub("", model)) if queue else None
    return QueueLimits(tuple(tiers), queue["source"], queue["as_of"]) if queue and tiers else None


@cache
def _models() -> dict[str, Any]:
    return tomllib.loads(files("rowbatch.providers").joinpath("models.toml").read_text(encoding="utf-8"))


@cache
def _catalog() -> dict[str, Any]:
    return tomllib.loads(files("rowbatch.providers").joinpath("catalog.toml").read_text(encoding="utf-8"))
