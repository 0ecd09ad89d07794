"""What a program's export is to this room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rowbatch.core.table_options import ReadOptions

if TYPE_CHECKING:
    from rowbatch.tables.base import Table

HEAD_BYTES = 1 << 16
"""So much of the begin of a file is looked at to see whose it is."""


@dataclass(frozen=True, slots=True)
class Program:
    """
    One form of one program's exports.

    A form is either seen by the bytes of the file (`is_file`, `open`), or by the table in it (`dress`).

    Attributes:
        name: What `--program` takes, as in `qualtrics`.
        title: What the program calls itself, as in `Qualtrics`.
        is_file: Whether a path with these first bytes (unpacked, up to `HEAD_BYTES`; of a folder none) is
            such an export. It must be quick, never raise, and be sure: all else is read as a plain table.
        open: Reads such a file.
        dress: Gives the table that the program's user sees for a table as it stands in the file, or None
            where it is none of this program's. It may read some first rows. The options are the person's.
    """

    name: str
    title: str
    is_file: Callable[[Path, bytes], bool] | None = None
    open: Callable[[Path, ReadOptions], Table] | None = None
    dress: Callable[[Table, ReadOptions], Table | None] | None = None
