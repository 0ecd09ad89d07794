"""Which providers there are: addresses, limits and prices, from `catalog.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from rowbatch.core.choices import near_name
from rowbatch.core.cost import Price
from rowbatch.core.model_rules import Model, ModelRules
from rowbatch.core.policy import Policy
from rowbatch.core.schedule import Room
from rowbatch.core.shard import ShardLimits
from rowbatch.errors import InputError, UsageError
from rowbatch.providers.openai_quirks import OpenAIQuirks
from rowbatch.providers.schema import catalog_schema, models_schema, own_models_schema, require_schema

# Of a person's own list of models.
_MAX_OWN_BYTES = 5 << 20
# "50 % off" in batch is what all of them say who say something: each has its source in catalog.toml.
_DIRECT_TIMES = 2
_DATE = re.compile(r"-\d{4}-?\d{2}-?\d{2}\Z")


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
        dialect: How it writes: `openai`, `anthropic`, `gemini` or `mistral`.
        key_header, key_prefix: Which header carries the key, and what stands before it.
        quirks: What an endpoint that speaks OpenAI's protocol does differently.
        base_url_example: What the address looks like, where the user has one of their own.
        poll_least_s: It wants at least so many seconds between two questions about a batch.
        creations_per_hour: How many batches may be made in an hour; None where none is known.
        queue_requests: How many requests may wait at a time; None where no limit is known.
        storage_bytes: Of all files of a project; None where no limit is known.
        max_files: Input files at a time; None where no limit is known.
        results_days: How long results can be had.
        answers_are_listed: Whether a batch whose answer was lost can be recognised while it runs.
        limits: Of one input file.
        custom_id_chars: Longest `custom_id`.
        more_urls: Of lines, besides those of OpenAI with `url_prefix` in the place of `/v1`.
        max_line_bytes: Longest line; the file's limit where none is known.
        schema_ranges: Whether a strict schema may say between which numbers a number lies.
        token_alternatives: How many other tokens are asked for beside those of an answer, where it tells
            their probabilities; None where it is not known to.
        direct_times: How many times the batch price a call without a batch costs.
        flex_times: The same of one with `service_tier` `flex`; None where there is no such tier.
        source, as_of: Of the limits.
    """

    name: str
    title: str
    base_url: str
    default_model: str
    key_variables: tuple[str, ...]
    is_free: bool
    dialect: str
    key_header: str
    key_prefix: str
    quirks: OpenAIQuirks
    base_url_example: str
    poll_least_s: float
    creations_per_hour: int | None
    queue_requests: int | None
    storage_bytes: int | None
    max_files: int | None
    results_days: int
    answers_are_listed: bool
    limits: ShardLimits
    custom_id_chars: int
    more_urls: tuple[str, ...]
    max_line_bytes: int
    schema_ranges: bool
    token_alternatives: int | None
    direct_times: Decimal
    flex_times: Decimal | None
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
        near = near_name(name, provider_names())
        raise UsageError(
            "no-such-provider-but-near" if near else "no-such-provider",
            name=name,
            near=near or None,
            known=provider_names(),
        )
    return Provider(
        name=name,
        title=entry["title"],
        base_url=entry["base_url"],
        default_model=entry["default_model"],
        key_variables=tuple(entry["key_variables"]),
        is_free=entry["free"],
        dialect=entry.get("dialect", "openai"),
        key_header=entry.get("key_header", "Authorization"),
        key_prefix=entry.get("key_prefix", "Bearer "),
        quirks=OpenAIQuirks(
            **{name: entry[name] for name in OpenAIQuirks.__dataclass_fields__ if name in entry}
        ),
        base_url_example=entry.get("base_url_example", ""),
        poll_least_s=entry.get("poll_least_s", 0),
        creations_per_hour=entry.get("creations_per_hour"),
        queue_requests=entry.get("queue_requests"),
        storage_bytes=entry.get("storage_bytes"),
        max_files=entry.get("max_files"),
        results_days=entry.get("results_days", 30),
        answers_are_listed=entry.get("answers_are_listed", True),
        limits=ShardLimits(entry["max_requests"], entry["max_bytes"]),
        custom_id_chars=entry["custom_id_chars"],
        more_urls=tuple(entry.get("more_urls", ())),
        max_line_bytes=entry.get("max_line_bytes", entry["max_bytes"]),
        schema_ranges=entry.get("schema_ranges", False),
        token_alternatives=entry.get("token_alternatives"),
        direct_times=Decimal(str(entry.get("direct_times", _DIRECT_TIMES))),
        flex_times=Decimal(str(entry["flex_times"])) if "flex_times" in entry else None,
        source=entry["source"],
        as_of=entry["as_of"],
    )


def override_from(place: Callable[[], Path]) -> None:
    """
    Let a file of the user's win over the catalog.

    Args:
        place: Where it lies, if it is there. TOML: `[PROVIDER."MODEL"]` with `input_usd` and `output_usd`
            (for a million tokens, batch), and `context`, `max_output`, `rules`, `encoding`, `shutdown` as
            in models.toml. Each may be left out, but a price has both its sides, and limits of a model
            that is not listed there count when `rules`, `context` and `max_output` are all given.
    """
    _OVERRIDES[:] = [place]


_OVERRIDES: list[Callable[[], Path]] = []
_READ_OVERRIDES: dict[tuple[str, int], dict[str, Any]] = {}


def _override(provider: str, model: str) -> Mapping[str, Any]:
    path = _OVERRIDES[0]() if _OVERRIDES else None
    try:
        stamp = path.stat().st_mtime_ns if path else None
    except OSError:
        stamp = None
    if path is None or stamp is None:
        return {}
    key = (str(path), stamp)
    if key not in _READ_OVERRIDES:
        try:
            read = tomllib.loads(_own_text(path))
        # Lists inside of lists inside of lists.
        except (OSError, ValueError, RecursionError) as error:
            raise InputError("own-models-unreadable", path=str(path), told=str(error)) from error
        _require_own(read, str(path))
        _READ_OVERRIDES[key] = read
    entries = _READ_OVERRIDES[key].get(provider, {})
    found: Mapping[str, Any] = entries.get(model, entries.get(_DATE.sub("", model), {}))
    return found


def _own_text(path: Path) -> str:
    """The text of a person's own list of models; `ValueError` where it is too long for one."""
    with path.open("rb") as file:
        data = file.read(_MAX_OWN_BYTES + 1)
    if len(data) > _MAX_OWN_BYTES:
        raise ValueError(f"it has more than {_MAX_OWN_BYTES >> 20} MB")
    return data.decode("utf-8")


def _require_own(document: Mapping[str, Any], path: str) -> None:
    """Refuse what would be passed over: a key that nobody reads, or half a price."""
    require_schema(document, own_models_schema(provider_names(), tuple(_models()["rules"])), path)
    for provider, entries in document.items():
        for model, entry in entries.items():
            if ("input_usd" in entry) != ("output_usd" in entry):
                raise InputError("price-is-half", path=path, table=f'[{provider}."{model}"]')


def find_price(provider: str, model: str) -> Price | None:
    """The batch price of a model: the user's own, or the catalog's; None when neither has one."""
    own = _override(provider, model)
    table = _catalog()["prices"].get("dashscope" if provider == "dashscope-intl" else provider)
    cache = {name: Decimal(str((table or {}).get(name, 1))) for name in ("cache_write", "cache_read")}
    if "input_usd" in own and "output_usd" in own:
        prices = Decimal(str(own["input_usd"])), Decimal(str(own["output_usd"]))
        return Price(*prices, "your models.toml", "", **cache)
    name = model if table and model in table["models"] else _DATE.sub("", model)
    if table is None or name not in table["models"]:
        return None
    input_usd, output_usd = table["models"][name]
    prices = Decimal(str(input_usd)), Decimal(str(output_usd))
    return Price(*prices, table["source"], table["as_of"], **cache)


def find_direct_price(provider: str, model: str, parameters: Mapping[str, Any]) -> Price | None:
    """
    The price of a model's calls without a batch; None when its batch price is not known.

    Args:
        provider, model: Whose.
        parameters: Of a request: the `service_tier` among them may change the price.
    """
    price, of = find_price(provider, model), find_provider(provider)
    if price is None:
        return None
    is_flex = parameters.get("service_tier") == "flex" and of.flex_times is not None
    return price.times(of.flex_times if is_flex and of.flex_times is not None else of.direct_times)


def find_model(provider: str, model: str) -> Model | None:
    """
    What is known of a model, or None.

    Args:
        provider: Whose; "" looks at all.
        model: As the provider names it; a date at its end does not count.
    """
    name = _DATE.sub("", model)
    tables = _models()
    own = _override(provider, model) if provider else {}
    for owner in [provider] if provider else [name for name in tables if name != "rules"]:
        listed = tables.get(owner, {}).get("models", {}).get(name)
        entry = {**(listed or {}), **own}
        if owner != "rules" and {"rules", "context", "max_output"} <= entry.keys():
            rules = tables["rules"][entry["rules"]]
            shutdown = entry.get("shutdown")
            return Model(
                name=name,
                rules=ModelRules(rules["output_limit"], rules["sampling"]),
                encoding=entry.get("encoding", ""),
                context=entry["context"],
                max_output=entry["max_output"],
                thinks=bool(entry.get("thinks", False)),
                cache_least=entry.get("cache_least"),
                shutdown=date.fromisoformat(shutdown) if shutdown else None,
                source=tables[owner]["source"] if listed else "your models.toml",
                as_of=tables[owner]["as_of"] if listed else "",
            )
    return None


def find_family(provider: str, model: str) -> tuple[str, ModelRules] | None:
    """
    What a model that is not listed probably takes, by its family.

    Args:
        provider: Whose; "" looks at all.
        model: As the provider names it.
    Returns:
        How the names of the family begin, and their rules; None where no family is known, or the model is.
    """
    if find_model(provider, model) is not None:
        return None
    tables = _models()
    for owner in [provider] if provider else [name for name in tables if name != "rules"]:
        families = tables.get(owner, {}).get("families", {}).get("rules", {})
        begin = max((begin for begin in families if model.startswith(begin)), key=len, default=None)
        if begin is not None:
            rules = tables["rules"][families[begin]]
            return begin, ModelRules(rules["output_limit"], rules["sampling"])
    return None


@dataclass(frozen=True, slots=True)
class KnownModel:
    """
    A model of the catalog.

    Attributes:
        provider: Whose.
        name: As in `--model`.
        price: For a million tokens in batch, or None.
        known: Its limits and rules, or None.
    """

    provider: str
    name: str
    price: Price | None
    known: Model | None


def known_models(provider: str | None = None) -> list[KnownModel]:
    """
    Every model with a price or with rules.

    Raises:
        UsageError: There is no such provider.
    """
    owners = [find_provider(provider).name] if provider else list(provider_names())
    found = []
    for owner in owners:
        names = {**_catalog()["prices"].get(owner, {}).get("models", {})}
        names |= _models().get(owner, {}).get("models", {})
        found += [KnownModel(owner, name, find_price(owner, name), find_model(owner, name)) for name in names]
    return found


def find_near_model(provider: str, model: str) -> str:
    """
    A known model whose name is spelled much alike; or "".

    The numbers in both are the same: another version is another model, and no slip of the pen.
    """
    numbers = re.findall(r"\d+", model)
    alike = [one.name for one in known_models(provider) if re.findall(r"\d+", one.name) == numbers]
    near = near_name(model, alike)
    return near if near != model else ""


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


def find_room(provider: str, model: str, policy: Policy | None = None) -> Room:
    """
    How much a provider takes of a model's batches.

    Args:
        provider, model: Whose.
        policy: What the user says of it wins.
    Raises:
        UsageError: The user's tier is none that is known of the model (`tier-unknown`).
    """
    said, known, queue = policy or Policy(), find_provider(provider), find_queue_limits(provider, model)
    tiers = queue.tiers if queue else ()
    if said.tier is not None and not 1 <= said.tier <= len(tiers):
        raise UsageError("tier-unknown", tier=said.tier, model=model, known=len(tiers))
    of_tier = tiers[said.tier - 1] if said.tier is not None else None
    return Room(
        creations_per_hour=said.creations_per_hour or known.creations_per_hour,
        queue_tokens=said.queue_tokens or of_tier,
        queue_requests=known.queue_requests,
        tiers=tiers,
        storage_bytes=said.storage_bytes or known.storage_bytes,
        files=known.max_files,
    )


@cache
def _models() -> dict[str, Any]:
    document = _read_own("models.toml")
    require_schema(document, models_schema(provider_names(), tuple(document["rules"])), "models.toml")
    return document


@cache
def _catalog() -> dict[str, Any]:
    document = _read_own("catalog.toml")
    require_schema(document, catalog_schema(tuple(document["providers"])), "catalog.toml")
    return document


def _read_own(name: str) -> dict[str, Any]:
    return tomllib.loads(files("rowbatch.providers").joinpath(name).read_text(encoding="utf-8"))
