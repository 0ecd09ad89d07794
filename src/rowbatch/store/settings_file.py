"""
`rowbatch.toml`: what a person says once, instead of with each command.

It stands beside a table, or in the user's own folder for settings. What the environment says comes before
both, and the file beside the table before the user's. No key is read from it, and no address: a folder that
came from somebody else must not say where texts are sent.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from rowbatch.core.address import looks_like_key
from rowbatch.core.choices import near_name
from rowbatch.core.document import Block, Shown, Table
from rowbatch.core.policy import usd
from rowbatch.errors import InputError, UsageError, from_os_error
from rowbatch.store.home import home

FILE_NAME = "rowbatch.toml"
ENVIRONMENT = {
    "provider": "ROWBATCH_PROVIDER",
    "model": "ROWBATCH_MODEL",
    "max_cost": "ROWBATCH_MAX_COST",
    "language": "ROWBATCH_LANGUAGE",
}
"""Names of settings, and of the variables of the environment that say the same."""
_LANGUAGES = ("en", "zh")
_MEANINGS = {
    "provider": "Who is asked, as --provider has it: local, openai, anthropic, gemini, mistral, and so on.",
    "model": "Which model of this provider.",
    "max_cost": "What a run may cost at most over all rounds, in US dollars, as --max-cost has it.",
    "language": "Of reports, and of the web app where nothing else was chosen there.",
}
# Whoever keeps one here would send it along with the table.
_SECRET_NAME = re.compile(r"key|secret|token|passw", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class Said(Shown):
    """
    What holds of a table, or of none.

    Attributes:
        provider, model, language: "" where nothing is said.
        max_cost_usd: None where nothing is said.
        places: Of each setting that is said, where: a file, or a variable of the environment.
    """

    provider: str = ""
    model: str = ""
    max_cost_usd: Decimal | None = None
    language: str = ""
    places: Mapping[str, str] = field(default_factory=dict)

    def as_blocks(self) -> Iterable[Block]:
        told = {
            "provider": self.provider,
            "model": self.model,
            "max_cost": "" if self.max_cost_usd is None else f"{self.max_cost_usd:f}",
            "language": self.language,
        }
        rows = [(name, told[name], place) for name, place in self.places.items()]
        yield Table(("setting", "value", "said by"), rows, note="" if rows else "nothing is set")

    def without(self, name: Literal["model", "max_cost"]) -> Said:
        """The same, where a person said that one otherwise."""
        places = {one: place for one, place in self.places.items() if one != name}
        return replace(
            self,
            model="" if name == "model" else self.model,
            max_cost_usd=None if name == "max_cost" else self.max_cost_usd,
            places=places,
        )


def user_file() -> Path:
    """The user's own file: in `$ROWBATCH_HOME` where that is set, else where the system has settings."""
    if os.environ.get("ROWBATCH_HOME"):
        return home() / FILE_NAME
    from platformdirs import user_config_path

    return user_config_path("rowbatch", appauthor=False) / FILE_NAME


def find_said(folder: Path | None, provider: str | None = None) -> Said:
    """
    What is said of tables in a folder.

    A model belongs to the provider that is named beside it: where another provider is said before, it does
    not count.

    Args:
        folder: Of the table; None where there is none.
        provider: The one that was said before all; None where none was.
    Raises:
        InputError: A file is broken, has a setting that is none, or a secret.
    """
    files = [*([folder / FILE_NAME] if folder is not None else []), user_file()]
    levels = [_of_environment(), *((str(path), _read(path)) for path in dict.fromkeys(files))]
    found: dict[str, Any] = {}
    places: dict[str, str] = {}
    asked = provider
    for place, values in levels:
        asked = asked or values.get("provider")
        for name, value in values.items():
            is_of_another = name == "model" and values.get("provider", asked) != asked
            if name not in found and not is_of_another and not (name == "provider" and provider):
                found[name] = value
                places[name] = ENVIRONMENT[name] if place == "" else place
    return Said(
        provider=found.get("provider", ""),
        model=found.get("model", ""),
        max_cost_usd=found.get("max_cost"),
        language=found.get("language", ""),
        places=places,
    )


def _of_environment() -> tuple[str, dict[str, Any]]:
    said = {name: os.environ.get(variable, "") for name, variable in ENVIRONMENT.items()}
    return "", {
        name: _checked(ENVIRONMENT[name], name, value) for name, value in said.items() if value.strip()
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("settings-unreadable", path=str(path), told=str(error)) from error
    for name, value in document.items():
        if _SECRET_NAME.search(name) or (isinstance(value, str) and looks_like_key(value)):
            raise InputError("settings-secret", path=str(path), name=name)
        if name not in ENVIRONMENT:
            near = near_name(name, ENVIRONMENT)
            if near:
                raise InputError("settings-unknown-but-near", path=str(path), name=name, near=near)
            raise InputError("settings-unknown", path=str(path), name=name, known=list(ENVIRONMENT))
    return {name: _checked(str(path), name, value) for name, value in document.items()}


def _checked(place: str, name: str, value: Any) -> Any:
    """A setting as it is used."""
    if name == "max_cost" and isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return usd(str(value))
        except UsageError as error:
            raise InputError("settings-cost", path=place, value=str(value)) from error
    if name == "language" and value not in _LANGUAGES:
        raise InputError("settings-language", path=place, value=str(value), known=list(_LANGUAGES))
    if name == "max_cost" or not isinstance(value, str) or not value.strip():
        raise InputError("settings-value", path=place, name=name, value=str(value))
    return value.strip()


def settings_schema() -> str:
    """The JSON Schema of the file, as JSON, with which an editor completes and checks it."""
    text = {"type": "string", "minLength": 1}
    kinds: dict[str, Any] = {
        "provider": text,
        "model": text,
        "max_cost": {"type": ["number", "string"], "minimum": 0, "pattern": r"^[0-9]+(\.[0-9]+)?$"},
        "language": {"enum": list(_LANGUAGES)},
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": FILE_NAME,
        "type": "object",
        "properties": {name: {**kinds[name], "description": told} for name, told in _MEANINGS.items()},
        "additionalProperties": False,
    }
    return json.dumps(schema, indent=2) + "\n"
