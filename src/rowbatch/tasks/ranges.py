"""
Some rows of an object, by ranges: a task of a table of a terabyte fetches what it reads and no more.

Of a Parquet file the footer is read, and the row groups that hold the rows; the copy has the size of the
object, and holes where nothing was fetched, which take no room on a disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rowbatch.errors import from_os_error
from rowbatch.objects.store import Stat, Store
from rowbatch.tables.columnar_sizes import RowGroup, row_groups

_HEAD_BYTES = 1 << 20
# Most footers are in the first of these.
_TAIL_BYTES = (256 << 10, 16 << 20)
_BLOCK_BYTES = 32 << 20


class ObjectVersion(NamedTuple):
    """
    One version of an object.

    Attributes:
        store, name: Where it is.
        stat: What it was when the work was planned.
    """

    store: Store
    name: str
    stat: Stat

    def read(self, start: int, size: int) -> bytes:
        """
        Bytes of it.

        Raises:
            StorageError: It was replaced by another version.
        """
        return self.store.read(self.name, start, size, self.stat.version)


def fetch_head(source: ObjectVersion, path: Path) -> None:
    """
    Copy the begin of an object: what it takes to know the header of a table of text.

    Raises:
        StorageError: The object was replaced, or the disk is full.
    """
    _fill(source, path, [(0, min(_HEAD_BYTES, source.stat.size))])


def fetch_bytes(source: ObjectVersion, path: Path, begin: int, end: int) -> None:
    """
    Copy some bytes of an object to a file of their own.

    Raises:
        StorageError: The object was replaced, or the disk is full.
    """
    _fill(source, path, [(begin, end)], origin=begin)


def fetch_parquet_rows(source: ObjectVersion, path: Path, first: int, rows: int) -> None:
    """
    Copy what holds some rows of a Parquet file, to where it stands in the file; the rest is a hole.

    Where its footer does not say where they are, or is very long, all is copied.

    Args:
        source: The file.
        path: An empty file.
        first: Of the rows, from 0.
        rows: How many.
    Raises:
        StorageError: The object was replaced, or the disk is full.
    """
    size = source.stat.size
    groups: list[RowGroup] = []
    begin = size
    for tail in _TAIL_BYTES:
        begin = max(0, size - tail)
        _fill(source, path, [(begin, size)])
        groups = row_groups(path)
        if groups or not begin:
            break
    if not groups:
        _fill(source, path, [(0, begin)])
        return
    ranges, done = [], 0
    for group in groups:
        if done < first + rows and done + group.rows > first:
            ranges.append((group.begin, min(group.end, begin)))
        done += group.rows
    # Its mark, and what stands between the last rows and the footer: indexes of pages.
    ranges += [(0, 4), (max(group.end for group in groups), begin)]
    _fill(source, path, ranges)


def _fill(
    source: ObjectVersion, path: Path, ranges: Sequence[tuple[int, int]], origin: int | None = None
) -> None:
    """Fetch ranges to where they stand in the file; with `origin`, as if the object began there."""
    try:
        with path.open("rb+") as file:
            for begin, end in ranges:
                file.seek(begin - (origin or 0))
                for start in range(begin, end, _BLOCK_BYTES):
                    file.write(source.read(start, min(_BLOCK_BYTES, end - start)))
    except OSError as error:
        raise from_os_error(error, str(path)) from error
