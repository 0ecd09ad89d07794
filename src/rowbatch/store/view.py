"""
Any rows of a table at once, whatever its format: for people who scroll, jump, search and filter.

A view is a folder of Arrow files, one for each chunk of the table, in the order of the rows. They are cut
into batches, of which only those are read that hold what is wanted. It can be looked at while it is written.
"""

from __future__ import annotations

import json
import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rowbatch.errors import InputError, StorageError, from_os_error
from rowbatch.store.atomic import write_atomically
from rowbatch.store.home import private_file, private_folder
from rowbatch.store.view_folders import HEAD

_DONE = "done.json"
# One row of a batch of so many is there in 1 to 2 ms of CPU, of a chunk of 50,000 in one batch in 9 ms; to
# read all of it takes a quarter longer (polars 2.1, seven columns, 43 MB).
_ROWS_OF_BATCH = 5_000
LEFT_BYTES, LEFT_SHARE = 1 << 30, 0.05
"""What views leave of a disk: so many bytes, or such a part of it where that is less."""
ALWAYS_BYTES = 64 << 20
"""A view of so much is written however little is left, so that small tables can be looked at."""
ROW = "row"
"""Name of the column with the row number, from 1, in what `TableView.scan` gives."""


@dataclass(frozen=True, slots=True)
class ViewState:
    """
    How far a view is.

    Attributes:
        rows: Written so far.
        is_complete: That is all.
        notes: What the writer wanted to be known at the end.
    """

    rows: int
    is_complete: bool
    notes: Mapping[str, Any]


def write_view(
    folder: Path,
    columns: Sequence[str],
    chunks: Iterable[tuple[int, pl.DataFrame]],
    *,
    of: Mapping[str, str] | None = None,
    keys: Sequence[str] | None = None,
    notes: Callable[[], Mapping[str, Any]] = dict,
    progress: Callable[[int], None] | None = None,
) -> None:
    """
    Write a view; what is left of an earlier one that was not finished is removed.

    What was written stays when the chunks end with an error of theirs, and is not complete. When the disk
    refuses, or would be left with less than `LEFT_BYTES` or `LEFT_SHARE`, it is removed: a packed table may
    hold more than any disk.

    Args:
        folder: Where it goes.
        columns: What the columns are called, for people; any texts.
        chunks: Number of the first row, and the rows: all text, columns named as `keys` says.
        of: What it is a view of, so that it can be found when that is removed; see `view_folders`.
        keys: Names of the columns in the frames; None means their positions: "0", "1", …
        notes: Asked at the end.
        progress: Called with the number of rows written so far.
    Raises:
        StorageError: The disk is full or almost, or refuses.
    """
    try:
        if folder.exists():
            shutil.rmtree(folder)
        private_folder(folder)
        named = list(keys) if keys is not None else [str(position) for position in range(len(columns))]
        _write(folder / HEAD, {"columns": list(columns), "keys": named, "of": dict(of or {})})
        rows = written = 0
        for first_row, frame in chunks:
            size = int(frame.estimated_size())
            written += size
            if written > ALWAYS_BYTES:
                _require_room(folder, size)
            _write_part(folder / f"{first_row:015d}.part", frame)
            rows = first_row + frame.height - 1
            if progress:
                progress(rows)
        if not (folder / HEAD).exists():
            # Whoever removed the view wants none.
            raise FileNotFoundError(str(folder))
        _write(folder / _DONE, {"rows": rows, "notes": dict(notes())})
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise from_os_error(error, str(folder)) from error
    except StorageError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _require_room(folder: Path, size_bytes: int) -> None:
    """Refuse to write what leaves too little of the disk to others."""
    disk = shutil.disk_usage(folder)
    left = min(LEFT_BYTES, int(LEFT_SHARE * disk.total))
    if disk.free - size_bytes < left:
        raise StorageError("disk-almost-full", path=str(folder), left_bytes=left)


def _write_part(part: Path, frame: pl.DataFrame) -> None:
    private_file(part)
    frame.write_ipc(part, compression="uncompressed", record_batch_size=_ROWS_OF_BATCH)
    part.replace(part.with_suffix(".arrow"))


class TableView:
    """
    A view that is there, or is being written.

    Raises:
        InputError: It is not there, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            head = json.loads((folder / HEAD).read_bytes())
            self.columns: tuple[str, ...] = tuple(head["columns"])
            self.keys: tuple[str, ...] = tuple(head["keys"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError("no-view", path=str(folder)) from error
        self._starts: list[int] = []
        self._state: ViewState | None = None

    @property
    def is_there(self) -> bool:
        """Whether nobody removed it."""
        return (self.folder / HEAD).exists()

    @property
    def state(self) -> ViewState:
        """How far it is."""
        if self._state is not None:
            return self._state
        try:
            done = json.loads((self.folder / _DONE).read_bytes())
        except FileNotFoundError:
            self._list()
            if not self._starts:
                return ViewState(0, False, {})
            last = self._starts[-1]
            return ViewState(last + self._part(last).height - 1, False, {})
        except (OSError, ValueError) as error:
            raise InputError("no-view", path=str(self.folder)) from error
        self._list()
        self._state = ViewState(int(done["rows"]), True, done["notes"])
        return self._state

    def frame(self, start: int, count: int) -> pl.DataFrame:
        """
        Some rows.

        Args:
            start: Row number of the first, from 1.
            count: At most so many; fewer where the table ends.
        """
        total = self.state.rows
        start, stop = max(1, start), min(total, start + count - 1)
        found: list[pl.DataFrame] = []
        while start <= stop:
            first = self._starts[bisect_right(self._starts, start) - 1]
            piece = self._piece(first, start - first, stop - start + 1)
            if not piece.height:
                break
            found.append(piece)
            start += piece.height
        return pl.concat(found) if found else self._empty()

    def take(self, rows: Sequence[int], keys: Sequence[str] | None = None) -> pl.DataFrame:
        """
        Rows of these numbers, in this order; each is there.

        Args:
            rows: Their numbers.
            keys: The columns that are wanted; None means all.
        """
        self._list()
        # Those of one file are read at once.
        by_part: dict[int, list[tuple[int, int]]] = {}
        for place, row in enumerate(rows):
            first = self._starts[bisect_right(self._starts, row) - 1]
            by_part.setdefault(first, []).append((place, row - first))
        found, places = [], list[int]()
        for first, wanted in by_part.items():
            offsets = [offset for _, offset in wanted]
            begin = min(offsets)
            piece = self._piece(first, begin, max(offsets) - begin + 1, keys)
            found.append(piece[[offset - begin for offset in offsets]])
            places += [place for place, _ in wanted]
        if not found:
            return self._empty() if keys is None else self._empty().select(keys)
        return pl.concat(found)[[places.index(place) for place in range(len(places))]]

    def scan(self, columns: Sequence[str] | None = None) -> pl.LazyFrame:
        """All rows that are there, with their number in `row`; or some of the columns of them."""
        if not self.state.rows:
            return self._empty().with_columns(pl.lit(0, pl.Int64).alias(ROW)).lazy()
        paths = [self._path(start) for start in self._starts]
        scan = (
            pl.scan_ipc(paths, glob=False)
            .with_row_index(ROW, offset=1)
            .with_columns(pl.col(ROW).cast(pl.Int64))
        )
        return scan if columns is None else scan.select(ROW, *columns)

    def parts(self, *values: pl.Expr) -> Iterator[pl.DataFrame]:
        """
        Of all rows that are there, in order, in pieces that fit into memory.

        Args:
            values: What is wanted of them.
        Raises:
            InputError: It is damaged.
        """
        self._list()
        for start in self._starts:
            try:
                yield pl.scan_ipc(self._path(start), glob=False).select(*values).collect()
            except (OSError, pl.exceptions.PolarsError) as error:
                raise InputError("view-damaged", path=str(self.folder)) from error

    def _list(self) -> None:
        self._starts = sorted(int(path.stem) for path in self.folder.glob("*.arrow"))

    def _path(self, start: int) -> Path:
        return self.folder / f"{start:015d}.arrow"

    def _part(self, start: int) -> pl.DataFrame:
        try:
            return pl.read_ipc(self._path(start))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError("view-damaged", path=str(self.folder)) from error

    def _piece(self, start: int, offset: int, count: int, keys: Sequence[str] | None = None) -> pl.DataFrame:
        scan = pl.scan_ipc(self._path(start), glob=False)
        try:
            return (scan if keys is None else scan.select(keys)).slice(offset, count).collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError("view-damaged", path=str(self.folder)) from error

    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=dict.fromkeys(self.keys, pl.String))


def _write(path: Path, document: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(document, ensure_ascii=False).encode(), overwrite=True)
