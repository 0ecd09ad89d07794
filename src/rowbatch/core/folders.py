"""Which files of a folder are a person's own, where the folder is a table."""

from __future__ import annotations

import os
from collections.abc import Iterable
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
        found += [Path(place, name) for name in names if _is_own(name)]
    return sorted(path for path in found if path.is_file())


def own_names(names: Iterable[str]) -> list[str]:
    """The same of names with `/` between their parts, as object storage has them."""
    listed = [(name.split("/")[:-1], name.rpartition("/")[2], name) for name in names]
    runs = [folders for folders, last, _ in listed if last == _OF_A_RUN and folders]
    return sorted(
        name
        for folders, last, name in listed
        if _is_own(last)
        and not any(folder.startswith(".") for folder in folders)
        and not any(folders[: len(run)] == run for run in runs)
    )


def _is_own(name: str) -> bool:
    return not name.startswith((".", "~$")) and name not in _OF_THE_SYSTEM


def _raise(error: OSError) -> None:
    raise error
