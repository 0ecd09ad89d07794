"""
The one way from rows and a plan to request lines: what is built, converted, shown, priced and tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from rowbatch.core.plan import Asking, Question, Source
from rowbatch.core.request import RequestLines, RequestSettings, render_requests
from rowbatch.core.samples import request_numbers
from rowbatch.core.template import Template
from rowbatch.errors import TableChanged, TableError
from rowbatch.kernels.frame_cells import FrameCells
from rowbatch.kernels.machine import Machine, new_machine
from rowbatch.programs.opening import open_table
from rowbatch.providers.catalog import find_provider
from rowbatch.requests.duplicates import Duplicates, find_duplicates
from rowbatch.requests.images import ImageColumn
from rowbatch.requests.line_writer import Lines, LineWriter, can_write
from rowbatch.store.copies import local_path, version_of
from rowbatch.store.sources import (
    COPY_NAME,
    MEMBERS_NAME,
    VARIANTS_NAME,
    digest_source,
    require_source,
    size_of_source,
)
from rowbatch.tables.base import BadRowList, Table, TableChunk, blank_rows
from rowbatch.tables.csv_reader import CsvTable


def request_settings(question: Question, asking: Asking) -> RequestSettings:
    """How a row becomes a request: the same question, asked in the same way, gives the same bytes."""
    with_ranges = not asking.provider or find_provider(asking.provider).schema_ranges
    return RequestSettings(
        endpoint=asking.endpoint,
        model=asking.model,
        system=question.instructions,
        user=question.user,
        image=question.image or None,
        parameters=asking.body_parameters(question, with_ranges=with_ranges),
        id_prefix=asking.id_prefix,
    )


@dataclass(frozen=True, slots=True)
class RequestChunk:
    """
    Requests of some rows.

    Attributes:
        lines: One for each row that is asked; or as many as it has samples.
        rows: The numbers of these requests, 64-bit integers: of rows where each is asked once.
        blank: Of all rows: whether one has no text.
        repeats: Of all rows: whether one asks what an earlier one asks.
    """

    lines: RequestLines
    rows: pl.Series
    blank: pl.Series
    repeats: pl.Series


class RowRequests:
    """
    Requests of any rows of a table, from wherever they come.

    Attributes:
        question, asking: Of the plan.
        settings: How a row becomes a request.
        positions: Of the columns that a request is made of, in the table.
        asked: Positions of the columns whose emptiness makes a row empty.

    Args:
        question, asking: Of the plan.
        position: Of a column of the table, by its name; raises where there is none.
        place: The table, for messages about its images.
        skip_empty: Whether rows without a text are left out.
        custom_id: What ids are made of, where they are no row numbers.
        not_asked: Texts of cells that count as empty, see `Table.not_asked`.
    """

    def __init__(
        self,
        question: Question,
        asking: Asking,
        position: Callable[[str], int],
        place: Path,
        *,
        skip_empty: bool = True,
        custom_id: Template | None = None,
        not_asked: Collection[str] = frozenset(),
    ) -> None:
        self.question, self.asking = question, asking
        self._not_asked = not_asked
        self.settings = replace(request_settings(question, asking), custom_id=custom_id)
        self.positions = {name: position(name) for name in self.settings.line_columns}
        self.asked = sorted({position(name) for name in question.asked_columns})
        self._skip_empty = skip_empty
        image = self.settings.image
        self._image = (
            ImageColumn(place, image, self.positions[image], question.image_folder) if image else None
        )

    def of(self, chunk: TableChunk, repeats: pl.Series | None = None) -> RequestChunk:
        """
        The requests of a chunk.

        Args:
            chunk: Its frame has a text for each column of the table.
            repeats: Which of its rows get the answer of an earlier one; None for none.
        """
        blank = blank_rows(chunk.frame, self.asked, self._not_asked)
        again = pl.repeat(False, len(blank), dtype=pl.Boolean, eager=True) if repeats is None else repeats
        left_out = blank | again if self._skip_empty else again
        frame = self.texts(chunk).with_row_index("row", offset=chunk.first_row).filter(~left_out)
        numbers = frame["row"]
        if self.asking.samples > 1:
            numbers = request_numbers(numbers.cast(pl.Int64), self.asking.samples)
            frame = frame[pl.int_range(len(numbers), eager=True) // self.asking.samples]
        lines = render_requests(self.settings, frame, self.positions, numbers)
        return RequestChunk(lines, numbers, blank, again)

    @property
    def can_be_written(self) -> bool:
        """Whether `writer` does for these requests."""
        asking = self.asking
        return can_write(self.settings) and asking.samples == 1 and not asking.dedupe and not self._not_asked

    def writer(self, machine: Machine, columns: Sequence[int]) -> LineWriter:
        """
        What writes the lines of cells in the memory of a machine.

        Args:
            machine: Where the cells are.
            columns: Positions in the table of the columns whose cells are there.
        """
        place = {position: at for at, position in enumerate(columns)}
        return LineWriter(
            machine,
            self.settings,
            {name: place[position] for name, position in self.positions.items()},
            [place[position] for position in self.asked],
            skip_empty=self._skip_empty,
        )

    def texts(self, chunk: TableChunk) -> pl.DataFrame:
        """A chunk's texts as the requests take them: with images where there is a column of these."""
        return self._image.filled(chunk) if self._image else chunk.frame

    def cells(self, chunk: TableChunk, at: int) -> Mapping[str, str]:
        """What the request of one row of a chunk is made of."""
        frame = self.texts(TableChunk(chunk.first_row + at, chunk.frame[at : at + 1]))
        return {name: frame[str(position)][0] for name, position in self.positions.items()}


@dataclass(slots=True)
class RequestCounts:
    """
    What was counted while requests were made.

    Attributes:
        rows: Of the table.
        requests: Rows that are asked.
        empty_rows: Rows without a text.
        duplicates: Rows that ask what an earlier one asks.
    """

    rows: int = 0
    requests: int = 0
    empty_rows: int = 0
    duplicates: int = 0


class TableRequests:
    """
    The requests of a whole table.

    Attributes:
        table: Opened.
        duplicates: Rows that have no request of their own.
        counts: Grow while `chunks` runs.

    Args:
        table: The table.
        question, asking: Of the plan.
        skip_empty: Whether rows without a text are left out.
        custom_id: What ids are made of, where they are no row numbers.
    """

    def __init__(
        self,
        table: Table,
        question: Question,
        asking: Asking,
        *,
        skip_empty: bool = True,
        custom_id: Template | None = None,
    ) -> None:
        self.table = table
        self._rows = RowRequests(
            question,
            asking,
            table.column,
            table.path,
            skip_empty=skip_empty,
            custom_id=custom_id,
            not_asked=table.not_asked,
        )
        self.duplicates = Duplicates.none()
        if asking.dedupe:
            asked = self._rows.asked if skip_empty else []
            self.duplicates = find_duplicates(table, self._rows.settings.columns, asked)
        self.counts = RequestCounts()

    def chunks(self, look: Callable[[TableChunk], None] | None = None) -> Iterator[RequestChunk]:
        """
        The requests, some thousands at a time, in order.

        Args:
            look: Is shown each chunk of the table before.
        """
        for chunk in self.table.chunks(self._rows.settings.rows_per_chunk()):
            if look is not None:
                look(chunk)
            yield self._of(chunk)

    def lines(self) -> Iterator[Lines]:
        """
        The lines alone, in order, by the kernels where they can be; the same bytes as those of `chunks`.

        They are there until three further ones were asked for.
        """
        table = self.table
        if not self._rows.can_be_written:
            yield from (found.lines for found in self.chunks())
        elif isinstance(table, CsvTable) and (machine := new_machine()):
            yield from self._lines_of_cells(table, machine)
        else:
            yield from self._lines_of_chunks()
        if not self.counts.rows:
            raise TableError("table-without-rows", path=str(table.path))

    def _lines_of_cells(self, table: CsvTable, machine: Machine) -> Iterator[Lines]:
        counts, rows = self.counts, self._rows
        writer = rows.writer(machine, range(len(table.header)))
        table.bad_rows = BadRowList()
        cells = table.cells(machine)
        for block in cells.blocks():
            for lines in writer.lines(block, counts.rows + 1):
                counts.requests += len(lines)
                yield lines
            counts.rows += block.records
            counts.empty_rows += writer.empty
        for chunk in table.chunks_after(cells, counts.rows + 1, rows.settings.rows_per_chunk()):
            yield self._of(chunk).lines

    def _lines_of_chunks(self) -> Iterator[Lines]:
        counts, rows = self.counts, self._rows
        columns = sorted({*rows.positions.values(), *rows.asked})
        names = [str(column) for column in columns]
        frames = writer = None
        for chunk in self.table.chunks(rows.settings.rows_per_chunk()):
            if frames is None and counts.rows and (machine := new_machine()):
                # A table of one chunk is not worth its start.
                frames, writer = FrameCells(machine), rows.writer(machine, columns)
            block = frames.block(chunk.frame.select(names)) if frames is not None else None
            if writer is None or block is None:
                yield self._of(chunk).lines
                continue
            for lines in writer.lines(block, chunk.first_row):
                counts.requests += len(lines)
                yield lines
            counts.rows += block.records
            counts.empty_rows += writer.empty

    def _of(self, chunk: TableChunk) -> RequestChunk:
        counts = self.counts
        found = self._rows.of(chunk, self.duplicates.mask(chunk.first_row, chunk.frame.height))
        counts.rows += chunk.frame.height
        counts.requests += len(found.lines)
        counts.empty_rows += int(found.blank.sum())
        counts.duplicates += int(found.repeats.sum())
        return found

    def first(self, from_row: int = 1) -> tuple[int, Mapping[str, str]] | None:
        """
        Number of the first row that has a text, and what its request is made of; None where none has.

        Args:
            from_row: Rows before this one are passed over.
        """
        for chunk in self.table.chunks():
            if chunk.first_row + chunk.frame.height <= from_row:
                continue
            before = (
                pl.int_range(chunk.first_row, chunk.first_row + chunk.frame.height, eager=True) < from_row
            )
            blank = blank_rows(chunk.frame, self._rows.asked, self.table.not_asked) | before
            at = blank.arg_min()
            if at is not None and not blank[at]:
                return chunk.first_row + at, self._rows.cells(chunk, at)
        return None


def open_source(source: Source, run: Path, is_it: Callable[[Source, Path], bool] | None = None) -> Table:
    """
    Open the table of a run, after making sure that it is still the same one.

    One that is not where it was is looked for in the run and beside it, under its name, as when both were
    moved together: its digest decides. A table on object storage is fetched again where its copy is gone.

    Args:
        source: What the run knows of it.
        run: The run directory.
        is_it: What decides; None means `is_same`.
    Raises:
        InputError: It is gone.
        TableChanged: It was changed since the run was made.
    """
    # The run directory of a further model lies two folders deeper, in the run of all; so does one that asks
    # otherwise.
    is_inside = run.absolute().parent.name in (MEMBERS_NAME, VARIANTS_NAME)
    folders = (run / COPY_NAME, run, *run.absolute().parents[: 4 if is_inside else 2])
    beside = (folder / source.path.name for folder in folders)
    for path in (source.path, *beside):
        if path.exists() and (is_it or is_same)(source, path):
            return open_table(path, source.reading)
    if source.origin:
        # The copy in the run is gone. What is there now is it, or another table: its digest decides.
        path = local_path(source.origin)
        if (is_it or is_same)(source, path):
            return open_table(path, source.reading)
        raise TableChanged("table-changed", path=str(run), table=source.origin, results=str(run / "results"))
    require_source(source.path)
    raise TableChanged("table-changed", path=str(run), table=str(source.path), results=str(run / "results"))


def require_unchanged_origin(source: Source, run: Path) -> None:
    """
    Make sure, before money is spent, that a table on object storage is still the one that was copied.

    Raises:
        TableChanged: There is another one under its address now.
    """
    if source.origin and version_of(source.origin) not in (None, source.origin_version):
        raise TableChanged("table-changed", path=str(run), table=source.origin, results=str(run / "results"))


def is_same(source: Source, path: Path) -> bool:
    """Whether a file or folder holds what the table of a run did when it was made."""
    program = source.reading.program
    return (
        size_of_source(path, program) == source.size_bytes and digest_source(path, program) == source.sha256
    )
