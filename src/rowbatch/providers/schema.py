"""
Which keys and values the files about providers and models have. Any other is an error that names it: a key
that nobody reads is a price or a limit that somebody believes in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from rowbatch.core.choices import near_name
from rowbatch.core.model_rules import Sampling
from rowbatch.errors import InputError
from rowbatch.providers.openai_quirks import OpenAIQuirks


@dataclass(frozen=True, slots=True)
class Value:
    """
    What may stand behind a key.

    Attributes:
        types: Of TOML. Whole numbers are no truth values.
        example: Of such a value, for people.
        is_price: A text may stand for a number.
        is_date: A text is a day.
        of: The texts that there are; any where there are none.
    """

    types: tuple[type, ...]
    example: str
    is_price: bool = False
    is_date: bool = False
    of: tuple[str, ...] = ()

    def takes(self, value: object) -> bool:
        """Whether a value is one of these."""
        if isinstance(value, bool) != (self.types == (bool,)) or not isinstance(value, self.types):
            return False
        try:
            if self.is_price:
                return Decimal(str(value)) >= 0
            if self.is_date:
                date.fromisoformat(str(value))
        except (ValueError, InvalidOperation):
            return False
        return not self.of or value in self.of


@dataclass(frozen=True, slots=True)
class Names:
    """A table whose keys are names that anybody may give, such as those of models."""

    each: Schema


Schema = Value | Names | Mapping[str, "Schema"]

_TEXT, _TRUTH, _LIST = Value((str,), '"text"'), Value((bool,), "true"), Value((list,), '["text"]')
_WHOLE, _NUMBER = Value((int,), "1000"), Value((int, float), "0.5")
_SOURCE: Mapping[str, Schema] = {"source": _TEXT, "as_of": Value((str,), '"2026-11-01"', is_date=True)}
_PROVIDER: Mapping[str, Schema] = {
    "title": _TEXT,
    "base_url": _TEXT,
    "base_url_example": _TEXT,
    "default_model": _TEXT,
    "key_variables": _LIST,
    "key_header": _TEXT,
    "key_prefix": _TEXT,
    "free": _TRUTH,
    "dialect": Value((str,), '"openai"', of=("openai", "anthropic", "gemini", "mistral")),
    "poll_least_s": _NUMBER,
    "creations_per_hour": _WHOLE,
    "queue_requests": _WHOLE,
    "storage_bytes": _WHOLE,
    "max_files": _WHOLE,
    "room_source": _TEXT,
    "results_days": _WHOLE,
    "answers_are_listed": _TRUTH,
    "schema_ranges": _TRUTH,
    "token_alternatives": _WHOLE,
    "direct_times": _NUMBER,
    "flex_times": _NUMBER,
    "direct_source": _TEXT,
    "max_requests": _WHOLE,
    "max_bytes": _WHOLE,
    "max_line_bytes": _WHOLE,
    "custom_id_chars": _WHOLE,
    "more_urls": _LIST,
    **{quirk.name: _TRUTH if isinstance(quirk.default, bool) else _TEXT for quirk in fields(OpenAIQuirks)},
    **_SOURCE,
}


def catalog_schema(providers: Collection[str]) -> Schema:
    """Of `catalog.toml`."""
    prices: Schema = {"models": Names(_LIST), "cache_write": _NUMBER, "cache_read": _NUMBER, **_SOURCE}
    return {"providers": Names(_PROVIDER), "prices": dict.fromkeys(providers, prices)}


def models_schema(providers: Collection[str], rules: Collection[str]) -> Schema:
    """Of `models.toml`, the one that comes with the program."""
    owner = {
        "models": Names(_model(rules)),
        "queue": {"tiers": Names(_LIST), **_SOURCE},
        "families": {
            "rules": Names(Value((str,), ", ".join(f'"{name}"' for name in rules), of=tuple(rules))),
            **_SOURCE,
        },
        **_SOURCE,
    }
    return {
        "rules": Names(
            {
                "output_limit": _TEXT,
                "sampling": Value((str,), '"free"', of=get_args(Sampling)),
                **_SOURCE,
            }
        ),
        **dict.fromkeys(providers, owner),
    }


def own_models_schema(providers: Collection[str], rules: Collection[str]) -> Schema:
    """Of the user's own `models.toml`."""
    price = Value((int, float, str), "0.075", is_price=True)
    model = {"input_usd": price, "output_usd": price, **_model(rules)}
    return dict.fromkeys(providers, Names(model))


def _model(rules: Collection[str]) -> Mapping[str, Schema]:
    return {
        "rules": Value((str,), ", ".join(f'"{name}"' for name in rules), of=tuple(rules)),
        "context": _WHOLE,
        "max_output": _WHOLE,
        "thinks": _TRUTH,
        "cache_least": _WHOLE,
        "encoding": _TEXT,
        "shutdown": Value((str,), '"2027-06-30"', is_date=True),
    }


def require_schema(document: Mapping[str, Any], schema: Schema, path: str) -> None:
    """
    Refuse a document with a key that nobody reads, or a value that nobody can.

    Args:
        document: Of the file.
        schema: What may stand there.
        path: Of the file, for the message.
    Raises:
        InputError: It names the file, the table, the key, and the key that was perhaps meant.
    """
    _require(document, schema, path, ())


def _require(found: Any, schema: Schema, path: str, at: tuple[str, ...]) -> None:
    table = _table_name(at[:-1])
    if isinstance(schema, Value):
        if not schema.takes(found):
            raise InputError(
                "toml-value-wrong", path=path, table=table, key=at[-1], found=found, example=schema.example
            )
        return
    if not isinstance(found, Mapping):
        raise InputError(
            "toml-no-table", path=path, table=table, key=at[-1], found=found, wanted=_table_name(at)
        )
    for key, value in found.items():
        if isinstance(schema, Names):
            _require(value, schema.each, path, (*at, key))
        elif key in schema:
            _require(value, schema[key], path, (*at, key))
        else:
            raise _unknown(key, value, schema, path, at)


def _unknown(
    key: str, value: Any, schema: Mapping[str, Schema], path: str, at: tuple[str, ...]
) -> InputError:
    table, known = _table_name(at), list(schema)
    if near := near_name(key, known):
        return InputError(
            "toml-key-unknown-but-near", path=path, table=table, key=key, near=near, known=known
        )
    if isinstance(value, Mapping) and len(at) > 1:
        # gpt-4.1 without quotation marks is a table `1` in a table `gpt-4`.
        name = ".".join((*at[1:], key))
        return InputError("toml-name-unquoted", path=path, table=table, key=key, owner=at[0], name=name)
    return InputError("toml-key-unknown", path=path, table=table, key=key, known=known)


def _table_name(at: tuple[str, ...]) -> str:
    plain = (name if name.replace("-", "").replace("_", "").isalnum() else f'"{name}"' for name in at)
    return f"[{'.'.join(plain)}]" if at else "the file"
