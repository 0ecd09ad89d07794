"""Whether anything was answered, corrected or coded since numbers of several runs were computed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rowbatch.api.runs import Run
from rowbatch.api.standing import known_places
from rowbatch.store.coding_sets import sets_of_table

# Where a ledger is open for reading, these come and go.
_OF_READERS = "-shm"

FileState = tuple[str, int, int]


def state_of_runs(run: Run) -> tuple[FileState, ...]:
    """
    The same as long as no run of this computer wrote anything, and nobody coded of a run's table: names,
    times and sizes of files.
    """
    folders = [*known_places(), *(one.path for one in sets_of_table(run.plan.source.sha256))]
    return tuple(
        sorted(state for one in folders for place in (one, one / "codes") for state in _files(place))
    )


def _files(folder: Path) -> Iterator[FileState]:
    try:
        with os.scandir(folder) as found:
            for one in found:
                about = one.stat(follow_symlinks=False)
                if (
                    one.is_file(follow_symlinks=False)
                    and about.st_size
                    and not one.name.endswith(_OF_READERS)
                ):
                    yield one.path, about.st_mtime_ns, about.st_size
    except OSError:
        # It was removed, or is none.
        return
