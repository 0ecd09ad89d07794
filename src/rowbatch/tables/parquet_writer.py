"""Parquet, and Arrow (Feather), out: in bounded memory, with the types that the input had."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rowbatch.errors import CannotHold, from_os_error
from rowbatch.tables.base import TableChunk, as_text
from rowbatch.tables.names import unique_names
from rowbatch.tables.writer import OutputCheck, TableShape, TableWriter, values_of

_ROWS_PER_GROUP = 100_000
_AHEAD = 2


class ColumnarCheck(OutputCheck):
    """A column has one type: days and times have no place for a number that is none in any calendar."""

    def __init__(self, path: Path, shape: TableShape) -> None:
        self._path, self._shape = path, shape

    def look(self, chunk: TableChunk) -> None:
        for position, rows in chunk.out_of_calendar().items():
            row = int(rows.arg_max() or 0)
            raise CannotHold(
                "number-of-no-calendar",
                path=str(self._path),
                row=chunk.first_row + row,
                column=self._shape.names[position],
                number=chunk.frame[row, position],
            )


class ColumnarTableWriter(TableWriter):
    """
    A table as Parquet or Arrow.

    Columns of these formats have different names, so a name that stands twice, or is empty, gets a number.
    polars asks for what it writes; so it runs in a thread of its own and is given chunk after chunk.
    """

    def __init__(self, path: Path, shape: TableShape, *, is_parquet: bool) -> None:
        self._path, self._shape, self._is_parquet = path, shape, is_parquet
        self._names = unique_names(shape.names)
        self._check = ColumnarCheck(path, shape)
        self._chunks: queue.Queue[pl.DataFrame | None] = queue.Queue(_AHEAD)
        self._thread: threading.Thread | None = None
        self._schema: pl.Schema | None = None
        self._error: BaseException | None = None
        self._stopped = threading.Event()

    def write(self, chunk: TableChunk, added: pl.DataFrame) -> None:
        self._check.look(chunk)
        frame = values_of(chunk, added, self._shape, self._names)
        if self._schema is None:
            self._schema = frame.schema
        elif frame.schema != self._schema:
            frame = self._as_begun(frame, self._schema)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(frame.schema,), name="rowbatch-write")
            self._thread.daemon = True
            self._thread.start()
        self._give(frame)

    def _as_begun(self, frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
        """Later rows with the types of the first ones, where all values stay what they are."""
        found = []
        for position, (column, kind) in enumerate(zip(frame.get_columns(), schema.values(), strict=True)):
            if column.dtype == kind:
                found.append(column)
                continue
            try:
                fitting = (
                    pl.select(
                        pl.when(column.is_not_null()).then(as_text(column.to_frame()).to_series())
                    ).to_series()
                    if kind == pl.String
                    else column.cast(kind)
                )
                # A cast to whole numbers cuts without a word.
                is_same = kind == pl.String or fitting.cast(column.dtype).equals(column)
            except pl.exceptions.PolarsError:
                is_same = False
            if not is_same:
                raise CannotHold(
                    "column-changes-type",
                    path=str(self._path),
                    column=self._shape.names[position],
                    first=str(kind),
                    later=str(column.dtype),
                )
            found.append(fitting.alias(column.name))
        return pl.DataFrame(found)

    def close(self) -> None:
        if self._thread is None:
            empty = pl.DataFrame(
                schema={
                    **dict.fromkeys(self._names[: len(self._shape.header)], pl.String),
                    **{
                        name: column.dtype
                        for name, column in zip(
                            self._names[len(self._shape.header) :], self._shape.added, strict=True
                        )
                    },
                }
            )
            self.write(
                TableChunk(1, empty.select(self._names[: len(self._shape.header)])),
                empty.select(self._names[len(self._shape.header) :]),
            )
        self._give(None)
        assert self._thread is not None
        self._thread.join()
        self._raise()

    def abandon(self) -> None:
        self._stopped.set()
        while self._thread is not None and self._thread.is_alive():
            try:
                self._chunks.put(None, timeout=0.1)
            except queue.Full:
                self._chunks.get()
            self._thread.join(timeout=0.1)

    def _give(self, frame: pl.DataFrame | None) -> None:
        while True:
            self._raise()
            try:
                return self._chunks.put(frame, timeout=0.2)
            except queue.Full:
                continue

    def _raise(self) -> None:
        error = self._error
        if error is None:
            return
        if isinstance(error, OSError | pl.exceptions.PolarsError):
            raise from_os_error(OSError(str(error)), str(self._path)) from error
        raise error

    def _run(self, schema: pl.Schema) -> None:
        from polars.io.plugins import register_io_source

        def source(
            with_columns: list[str] | None,
            predicate: pl.Expr | None,
            n_rows: int | None,
            batch_size: int | None,
        ) -> Iterator[pl.DataFrame]:
            # All rows and columns are asked for: this is the end of no query.
            del with_columns, predicate, n_rows, batch_size
            while (frame := self._chunks.get()) is not None and not self._stopped.is_set():
                yield frame

        try:
            scan = register_io_source(source, schema=schema)
            if self._is_parquet:
                scan.sink_parquet(self._path, row_group_size=_ROWS_PER_GROUP)
            else:
                scan.sink_ipc(self._path, compression="zstd")
        except BaseException as error:  # noqa: BLE001 - it is raised where the next chunk is given
            self._error = error
