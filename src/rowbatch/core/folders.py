"""Which files of a folder are a person's own, where the folder is a table."""

from __future__ import annotations

import os
from pathlib import Path

_OF_THE_SYSTEM = frozenset(("Thumbs.db", "desktop.ini"))
_OF_A_RUN = "run.toml"


def own_files(folder: Path) -> list[Path]:
    """
    All files that a person put into a folder and the folders in it, sorted.

    Those that begin with a dot, as macOS leaves them wherever somebody looks, locks of Office, and run
    directories come and go without a change of the table.

    Raises:
        OSError: The folder cannot be listed.
    """
    found = []
    for place, folders, names in os.walk(folder, onerror=_raise):
        if _OF_A_RUN in names and Path(place) != folder:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(place, name)
            for name in names
            if not name.startswith((".", "~$")) and name not in _OF_THE_SYSTEM
        ]
    return sorted(path for path in found if path.is_file())


def _raise(error: OSError) -> None:
    raise error
