"""Models that are known, with prices and limits."""

from __future__ import annotations

from pathlib import Path

from rowbatch.providers.catalog import KnownModel, known_models, override_from
from rowbatch.store.home import home


def overrides_path() -> Path:
    """Where the user's own prices and limits stand, if there are any."""
    return home() / "models.toml"


def models(provider: str | None = None) -> list[KnownModel]:
    """Every model with a price or with rules; of one provider, or of all."""
    return known_models(provider)


override_from(overrides_path)
