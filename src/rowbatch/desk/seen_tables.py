"""
Tables that were compared with their digests, and how their files stood then: a large one is not read again
before each first look at it. Whatever costs money or writes a table reads it nevertheless.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from rowbatch.api.runs import Run
from rowbatch.core.plan import Source
from rowbatch.requests.pipeline import is_same, open_source
from rowbatch.store.file_states import settled, states_of
from rowbatch.store.home import private_folder
from rowbatch.store.kept_frames import keep_document, kept_document
from rowbatch.store.view_folders import seen_folder


def is_seen_same(source: Source, path: Path) -> bool:
    """As `is_same`; a file that stands as when that was found is not read again."""
    if path.is_dir():
        return is_same(source, path)
    # Where the table lies is nobody's business who finds this.
    name = hashlib.sha256(f"{path.absolute()}\n{source.sha256}\n{source.size_bytes}".encode()).hexdigest()
    place, about = seen_folder() / f"{name}.kept", {"of": name}
    states = states_of([path])
    plain = [list(state) for state in states]
    if states and kept_document(place, about) == plain:
        return True
    found = is_same(source, path)
    if found and settled(states, [path]):
        private_folder(place.parent)
        keep_document(place, about, plain)
    return found


def header_of_run(run: Run) -> tuple[str, ...]:
    """
    Names of the columns of a run's table.

    Raises:
        RunError: The table is gone, or another one lies in its place.
    """
    return open_source(run.plan.source, run.path, is_seen_same).header
