"""Where views lie, and what each is of: known without reading one."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from rowbatch.store.home import cache

TABLE, RUN = "table", "run"
"""What a view is of: the SHA-256 of a table's file, or the directory of a run."""
HEAD = "head.json"
"""The file of a view that says so."""


def views_folder() -> Path:
    """Where the views lie; they can be made again."""
    return cache() / "views"


def seen_folder() -> Path:
    """Where it is noted which tables were compared with their digests; it can be made again."""
    return cache() / "seen"


def view_folders() -> list[Path]:
    """Every view that is there, whole or not."""
    try:
        return [folder for folder in views_folder().iterdir() if folder.is_dir() and not folder.is_symlink()]
    except OSError:
        return []


def view_is_of(folder: Path) -> dict[str, str]:
    """What the writer of a view said that it is a view of; nothing for views of versions before this one."""
    try:
        found = json.loads((folder / HEAD).read_bytes())["of"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def has_unmarked_views() -> bool:
    """Whether there are views of versions before this one, which do not say of what they are."""
    return any(not view_is_of(folder) for folder in view_folders())


def mark_of_run(run: Path) -> str:
    """What the names begin with of all that is kept of a run beside the view of its table."""
    return hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:16]


def remove_answers_views(run: Path) -> None:
    """Remove the views of the answers of a run, and what is kept of it beside the view of its table."""
    for folder in view_folders():
        for path in folder.glob(f"{mark_of_run(run)}-*"):
            path.unlink(missing_ok=True)
        if view_is_of(folder).get(RUN) == str(run.resolve()):
            shutil.rmtree(folder, ignore_errors=True)
