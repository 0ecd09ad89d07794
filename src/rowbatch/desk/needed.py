"""What is kept of a table beside its runs: what people coded of it, what is asked of it, what was tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rowbatch.errors import RowbatchError
from rowbatch.store.coding_sets import CodingFolder, known_sets

if TYPE_CHECKING:
    from rowbatch.core.plan import Source
    from rowbatch.desk.library import LibraryTable


@dataclass(frozen=True, slots=True)
class SetOfTable:
    """
    A coding set whose rows are drawn from a table.

    Attributes:
        id: For addresses.
        name: What people call it.
        rows: That were drawn.
        coded: Rows of which somebody said something.
    """

    id: str
    name: str
    rows: int
    coded: int


def sets_of_path(path: Path) -> list[SetOfTable]:
    """The coding sets of the table at a place, oldest first; they hold its texts and codes themselves."""
    return [
        SetOfTable(one.plan.id, one.plan.name, len(one.rows()), _coded(one))
        for one in known_sets()
        if one.plan.source.path == path
    ]


def _coded(folder: CodingFolder) -> int:
    return len({key for of_coder in folder.codes().values() for key in of_coder})


def sources_of_sets() -> Iterator[Source]:
    """The tables of all coding sets that can be opened."""
    for one in known_sets():
        with suppress(RowbatchError):
            yield one.plan.source


def rows_tried(table: LibraryTable) -> int:
    """Rows of a table that were tried, in any wording."""
    rows: set[int] = set()
    for path in (table.folder / "tries").glob("*/rows.json"):
        with suppress(OSError, ValueError, TypeError):
            rows.update(json.loads(path.read_bytes()))
    return len(rows)
