"""Where rowbatch keeps what belongs to the user, not to one run."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The program's folder: `$ROWBATCH_HOME`, or the place the operating system has for such data."""
    chosen = os.environ.get("ROWBATCH_HOME")
    if chosen:
        return Path(chosen)
    from platformdirs import user_data_path

    return user_data_path("rowbatch", appauthor=False)


def cache() -> Path:
    """Files that can be fetched again: inside `$ROWBATCH_HOME` when that is set."""
    if os.environ.get("ROWBATCH_HOME"):
        return home() / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("rowbatch", appauthor=False)
