"""What a person chose for the program as a whole. No key is among it."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from rowbatch.core.policy import usd
from rowbatch.errors import RowbatchError, UsageError
from rowbatch.store.atomic import write_atomically
from rowbatch.store.home import home
from rowbatch.store.settings_file import find_said

_CHANGING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Attributes:
        max_cost: The cap that a new job begins with, in US dollars; "" means by its estimate.
        max_cost_month: What all jobs of a month together may cost, in US dollars; "" means no such limit.
        max_upload_gb: The largest file that is taken.
        provider, base_url, model: Those of the last job; a new one begins with them.
        language: Of the pages; "" means as the browser asks.
        look: Of the pages: `system`, `light` or `dark`.
        has_keys: Whether single letters do something on pages.
    """

    max_cost: str = ""
    max_cost_month: str = ""
    max_upload_gb: float = 2.0
    provider: str = "local"
    base_url: str = ""
    model: str = ""
    language: str = ""
    look: str = "system"
    has_keys: bool = True


def read_settings() -> Settings:
    """
    What was chosen; what cannot be read is as it was at first.

    Every page asks for it, so the file is read only when it is another one than last time.
    """
    path = os.fspath(_path())
    try:
        found = os.stat(path)  # noqa: PTH116 - a third of the time of `Path.stat`
    except OSError:
        return _at_first()
    return _read(path, found.st_ino, found.st_mtime_ns, found.st_size)


def _at_first() -> Settings:
    """Where nothing was chosen here: what the user's `rowbatch.toml` says, if it can be read."""
    try:
        said = find_said(None)
    except RowbatchError:
        return Settings()
    return Settings(
        max_cost=str(said.max_cost_usd) if said.max_cost_usd is not None else "",
        provider=said.provider or "local",
        model=said.model,
        language=said.language,
    )


@lru_cache(maxsize=4)
def _read(path: str, *_: int) -> Settings:
    try:
        plain = json.loads(Path(path).read_bytes())
    except (OSError, ValueError):
        return Settings()
    if not isinstance(plain, dict):
        return Settings()
    settings = Settings()
    for name, value in plain.items():
        if name in Settings.__dataclass_fields__ and isinstance(value, type(getattr(settings, name))):
            settings = replace(settings, **{name: value})
    return settings


def change_settings(**changes: Any) -> Settings:
    """
    Choose something else.

    Raises:
        UsageError: It cannot be.
    """
    # Two pages may choose at once, each of them something else.
    with _CHANGING:
        settings = replace(read_settings(), **changes)
        for amount in (settings.max_cost, settings.max_cost_month):
            if amount:
                usd(amount)
        if not 0 < settings.max_upload_gb <= 1_000:
            raise UsageError("upload-limit-impossible")
        write_atomically(_path(), json.dumps(asdict(settings)).encode(), overwrite=True)
        _read.cache_clear()
    return settings


def _path() -> Path:
    return home() / "settings.json"
