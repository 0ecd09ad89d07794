"""
Pieces: rows of one file that one task reads, and nothing else of it.

A piece is plain JSON, made when the work is planned:

    file, size          the file, and its bytes when the plan was made; or the address of an object
    version             of an object: which one it was then
    form                parquet, arrow, csv, or staged: texts that were written beside the plan
    first, rows         which of the file's rows, from 0, and how many
    first_row           the number of the first one in the whole table, from 1
    begin, end, line    csv: its bytes in the file, and the line that begins there
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import polars as pl

from rowbatch.core.table_options import ReadOptions
from rowbatch.errors import InputError, StorageError, TableChanged, TableError, from_os_error
from rowbatch.objects.store import Stat, Store
from rowbatch.store.copies import place_of_object
from rowbatch.tables.base import ColumnInfo, Table, TableChunk
from rowbatch.tables.bounds import require_limits
from rowbatch.tables.columnar import ColumnarTable
from rowbatch.tables.csv_reader import CsvTable
from rowbatch.tables.formats import open_table
from rowbatch.tasks.ranges import ObjectVersion, fetch_bytes, fetch_head, fetch_parquet_rows
from rowbatch.tasks.scratch import scratch_file, scratch_place

_BLOCK_BYTES = 1 << 20


class Piece(TypedDict):
    """Rows of one file; see above."""

    file: str
    size: int
    form: str
    first: int
    rows: int
    first_row: int
    begin: NotRequired[int]
    end: NotRequired[int]
    line: NotRequired[int]
    version: NotRequired[str]


class TaskTable(Table):
    """
    The rows of one task, numbered as in the whole table.

    Args:
        path: Of the whole table.
        header: Of it.
        pieces: In order.
        reading: How the files are read.
        store: Of the plan, in which staged files lie.
        not_asked: As of `Table`.
        columns: What is known of the columns.
    """

    format = "task"

    def __init__(
        self,
        path: Path,
        header: tuple[str, ...],
        pieces: Sequence[Piece],
        reading: ReadOptions,
        store: Store,
        *,
        not_asked: frozenset[str] = frozenset(),
        columns: tuple[ColumnInfo, ...] = (),
    ) -> None:
        super().__init__(path, header, columns=columns)
        self.not_asked = not_asked
        self._pieces, self._reading, self._store = pieces, reading, store

    @property
    def reading(self) -> ReadOptions:
        return self._reading

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        for piece in self._pieces:
            done = 0
            with _opened(piece, self.header, self._reading, self._store) as table:
                for chunk in table._chunks(min(rows_per_chunk, table.most_rows)):
                    yield replace(chunk, first_row=piece["first_row"] + chunk.first_row - 1)
                    done += chunk.frame.height
                self.bad_rows.take(table.bad_rows)
            if done != piece["rows"]:
                raise TableChanged("piece-changed", path=piece["file"], rows=piece["rows"], found=done)


@contextmanager
def _opened(piece: Piece, header: tuple[str, ...], reading: ReadOptions, store: Store) -> Iterator[Table]:
    """
    The rows of a piece as a table, numbered from 1.

    Raises:
        TableChanged: The file is not what it was when the work was planned.
    """
    place = scratch_place(store)
    if piece["form"] == "staged":
        with _staged(piece, store, place) as path:
            require_limits(path)
            yield _StagedTable(path, header, piece["first"], piece["rows"])
        return
    if "version" in piece:
        with _opened_object(piece, header, reading, place) as table:
            yield table
        return
    path = Path(piece["file"])
    try:
        size = path.stat().st_size
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    if size != piece["size"]:
        raise TableChanged("piece-changed", path=str(path), rows=piece["rows"], found=0)
    table = open_table(path, reading)
    if table.header != header:
        raise TableChanged("piece-columns-changed", path=str(path))
    if piece["form"] != "csv":
        yield cast(ColumnarTable, table).part(piece["first"], piece["rows"])
        return
    with scratch_file(place) as copy:
        _copy_rows(path, copy, piece)
        with _lines(cast(CsvTable, table), copy, piece) as part:
            yield part


@contextmanager
def _lines(whole: CsvTable, copy: Path, piece: Piece) -> Iterator[Table]:
    """The rows of a copy of some lines of a CSV file."""
    layout = replace(whole.layout, lines_above=0, encoding=whole.layout.encoding.removesuffix("-sig"))
    try:
        yield CsvTable(copy, whole.header, layout, whole.reading)
    except TableError as error:
        raise _placed(error, copy, piece) from error


@contextmanager
def _staged(piece: Piece, store: Store, place: Path) -> Iterator[Path]:
    """A staged file; of one that is not on this computer what holds the rows."""
    name = piece["file"]
    if store.is_local:
        yield place / name
        return
    stat = store.stat(name)
    if stat is None:
        raise InputError("object-missing", object=f"{store.url}/{name}")
    with scratch_file(place) as copy:
        fetch_parquet_rows(ObjectVersion(store, name, stat), copy, piece["first"], piece["rows"])
        yield copy


@contextmanager
def _opened_object(
    piece: Piece, header: tuple[str, ...], reading: ReadOptions, place: Path
) -> Iterator[Table]:
    """As `_opened`, of an object: only what holds the rows is fetched, of the version that was planned."""
    address = piece["file"]
    source = ObjectVersion(*place_of_object(address), Stat(piece["size"], piece.get("version", "")))
    with ExitStack() as ends:
        copy = ends.enter_context(scratch_file(place))
        try:
            match piece["form"]:
                case "parquet" if source.read(0, 4) == b"PAR1":
                    fetch_parquet_rows(source, copy, piece["first"], piece["rows"])
                case "parquet":
                    # An Arrow file: its footer says no ranges that polars keeps to.
                    fetch_bytes(source, copy, 0, piece["size"])
                case _:
                    fetch_head(source, copy)
            table = open_table(copy, reading)
            if table.header != header:
                raise TableChanged("piece-columns-changed", path=address)
            if isinstance(table, ColumnarTable):
                yield table.part(piece["first"], piece["rows"])
                return
            lines = ends.enter_context(scratch_file(place))
            fetch_bytes(source, lines, piece["begin"], piece["end"])
            with _lines(cast(CsvTable, table), lines, piece) as part:
                yield part
        except StorageError as error:
            if error.kind != "object-changed":
                raise
            raise TableChanged("piece-changed", path=address, rows=piece["rows"], found=0) from error
        except TableError as error:
            error.call_path(str(copy), address)
            raise


def _placed(error: TableError, copy: Path, piece: Piece) -> TableError:
    """What is wrong in a copy of some lines, as it is in the file."""
    error.call_path(str(copy), piece["file"])
    if error.line is not None:
        error.line += piece["line"] - 1
        error.values = {**error.values, "line": error.line}
    return error


def _copy_rows(path: Path, copy: Path, piece: Piece) -> None:
    """The bytes of some rows, as a file of their own."""
    try:
        with path.open("rb") as file, copy.open("wb") as to:
            file.seek(piece["begin"])
            left = piece["end"] - piece["begin"]
            while left and (block := file.read(min(left, _BLOCK_BYTES))):
                to.write(block)
                left -= len(block)
    except OSError as error:
        raise from_os_error(error, str(copy)) from error


class _StagedTable(Table):
    """Rows of a file of texts that was written when the work was planned."""

    format = "staged"

    def __init__(self, path: Path, header: tuple[str, ...], first: int, rows: int) -> None:
        super().__init__(path, header)
        self._first, self._rows = first, rows

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        first_row = 1
        try:
            part = pl.scan_parquet(self.path, glob=False).slice(self._first, self._rows)
            for batch in part.collect_batches(chunk_size=rows_per_chunk, maintain_order=True):
                for frame in batch.iter_slices(rows_per_chunk):
                    yield TableChunk(first_row, frame)
                    first_row += frame.height
        except pl.exceptions.PolarsError as error:
            told = str(error).splitlines()[0]
            raise TableError("table-damaged", path=str(self.path), told=told) from error
        except OSError as error:
            raise from_os_error(error, str(self.path)) from error
        # polars 2.1 ends without a word where it cannot go on in the middle, as without memory.
        if first_row - 1 != self._rows:
            raise TableError(
                "table-rows-unreadable", path=str(self.path), read=first_row - 1, rows=self._rows
            )
