"""Which providers there are: addresses, limits and prices, from `catalog.toml`."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from rowbatch.core.cost import Price
from rowbatch.core.shard import ShardLimits
from rowbatch.errors import UsageError


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
        source=entry["source"],
        as_of=entry["as_of"],
    )


def find_price(provider: str, model: str) -> Price | None:
    """The batch price of a model, or None when the catalog has none."""
    table = _catalog()["prices"].get(provider)
    if table is None or model not in table["models"]:
        return None
    input_usd, output_usd = table["models"][model]
    return Price(Decimal(str(input_usd)), Decimal(str(output_usd)), table["source"], table["as_of"])


@cache
def _catalog() -> dict[str, Any]:
    return tomllib.loads(files("rowbatch.providers").joinpath("catalog.toml").read_text(encoding="utf-8"))
