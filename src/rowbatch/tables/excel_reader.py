"""
Excel and its relatives in: .xlsx, .xls, .xlsb, .ods.

A sheet lies in memory as a whole: it has at most 1,048,576 rows.
"""

from __future__ import annotations

import datetime
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, TypedDict

import polars as pl

from rowbatch.core.table_options import FIRST, NO_HEADER, ReadOptions
from rowbatch.errors import RowbatchError, TableError, UsageError, from_os_error
from rowbatch.tables.base import TableChunk, as_text, show_clock
from rowbatch.tables.bounds import require_memory
from rowbatch.tables.frame_table import FrameTable, positional, refuse_options
from rowbatch.tables.header import MOST_RECORDS, find_header, join_header, numbered_columns
from rowbatch.tables.old_workbook import OldWorkbook
from rowbatch.tables.open_document import with_all_texts
from rowbatch.tables.workbook_cells import CellKind, read_cells, read_row
from rowbatch.tables.workbook_sizes import WorkbookSizes
from rowbatch.words.notice import Notice

_HEADER_SEARCHED = 200
# Each is read as a whole, only to say where a column is.
_SHEETS_LOOKED_AT = 12
_NOTE_SEARCHED = 30
# What python-calamine 0.9.1 takes for a cell of a sheet, and what becomes of one that is read by itself.
_HELD_CELL_BYTES, _READ_CELL_BYTES = 40, 160
# A time of day is one of the first day of the calendar, which some workbooks begin in 1904.
_FIRST_CERTAIN_DAY = datetime.date(1904, 1, 2)
_LOOKS_LIKE_A_VALUE = (
    r"^(?:-?[0-9]+(?:\.[0-9]+)?|true|false|[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9:.]+)?|[0-9]{2}:[0-9:.]+)$"
)
# A day, a time, or true and false in the header, as the reader spells them.
_VALUE_IN_HEADER = re.compile(r"true|false|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+")
_ZIP, _OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class _Place(TypedDict, total=False):
    """Where the rows begin, as the reader wants to be told it."""

    header_row: int | None
    skip_rows: int


@dataclass(frozen=True, slots=True)
class _Workbook:
    """Its reader, and what is known of its parts."""

    path: Path
    reader: Any
    sizes: WorkbookSizes | None
    data: bytes
    old: OldWorkbook | None = None

    def load(self, sheet: int, where: _Place, **how: Any) -> Any:
        """Load a sheet; as texts where its reader cannot, which are read cell by cell then."""
        import fastexcel

        try:
            return self.reader.load_sheet(sheet, **where, **how)
        # fastexcel 0.21.0 gives up on #NAME?, and on a duration beside anything else.
        except (fastexcel.CalamineCellError, fastexcel.UnsupportedColumnTypeCombinationError):
            return self.reader.load_sheet(sheet, **where, **{**how, "dtypes": "string"})

    def errors_of(self, sheet: int) -> Mapping[tuple[int, int], str]:
        """The cells that have an error, by row and column from 0, where they are known."""
        if self.old:
            return self.old.errors_of(sheet)
        return self.sizes.errors_of(self.reader.sheet_names[sheet]) if self.sizes else {}

    def odd_numbers_of(self, sheet: int) -> Mapping[tuple[int, int], float]:
        """Numbers that are no day and no time, by row and column from 0, where they are known."""
        if self.old:
            return self.old.odd_numbers_of(sheet)
        return self.sizes.odd_numbers_of(self.reader.sheet_names[sheet]) if self.sizes else {}

    def has_truths(self, sheet: int) -> bool:
        """Whether a sheet may have cells with true or false."""
        if self.old:
            return self.old.has_truths
        return self.sizes.has_truths(self.reader.sheet_names[sheet]) if self.sizes else True

    def count_values(self, sheet: int) -> int | None:
        """How many cells of a sheet hold something; None where nobody counted."""
        return self.sizes.values_of(self.reader.sheet_names[sheet]) if self.sizes else None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The rows of a sheet below its header, and where they came from."""

    book: _Workbook
    sheet: int
    where: _Place
    frame: pl.DataFrame
    places: list[int]
    """Of its columns, in the sheet, which may have empty ones before the table."""

    @classmethod
    def of(
        cls, book: _Workbook, sheet: int, where: _Place, rows: Any, columns: list[Any] | None = None
    ) -> _Loaded:
        """
        What the reader gave, taken over once.

        Args:
            columns: What it said of the columns, where it was asked: it looks at all rows each time.
        """
        places = [column.absolute_index for column in columns or rows.available_columns()]
        return cls(book, sheet, where, rows.to_polars(), places)

    def cells(self, columns: list[int]) -> list[tuple[pl.Series, pl.Series | None]]:
        """Some of the columns once more, cell by cell, see `read_cells`."""
        wanted = [self.places[column] for column in columns]
        each = self.frame.width * _HELD_CELL_BYTES + len(columns) * _READ_CELL_BYTES
        require_memory(self.book.path, self.frame.height * each)
        book, sheet = self.book, self.sheet
        return read_cells(
            book.data,
            sheet,
            wanted,
            self.frame.height,
            errors=book.errors_of(sheet),
            odd_numbers=cache(partial(book.odd_numbers_of, sheet)),
        )

    def columns_with_errors(self) -> set[str]:
        """Their names in the frame."""
        at = {column for _, column in self.book.errors_of(self.sheet)}
        return {str(number) for number, place in enumerate(self.places) if place in at}

    def texts(self, columns: list[int]) -> list[pl.Series]:
        """Some of the columns once more, as strings."""
        wanted = [self.places[column] for column in columns]
        loaded = self.book.load(self.sheet, self.where, use_columns=wanted, dtypes="string")
        texts: pl.DataFrame = loaded.to_polars()
        return texts.get_columns()


class ExcelTable(FrameTable):
    """
    One sheet of a workbook, whose cells are texts as the sheet shows them: `TRUE`, `30:15:00`.

    Attributes:
        others: The other sheets that people see.
        cells: What each cell is in some columns, see `TableChunk.cells`.
        begins_at: Row of the sheet, from 1, with the header, or with the first row where there is none.
    """

    format = "excel"
    others: tuple[str, ...] = ()
    begins_at: int = 1
    cells: pl.DataFrame | None = None

    def column(self, name: str) -> int:
        try:
            return super().column(name)
        except TableError as error:
            if name in self.header:
                raise
            there = [sheet for sheet in self.others[:_SHEETS_LOOKED_AT] if self._has_column(sheet, name)]
            if not there:
                raise
            raise TableError(
                "column-in-other-sheet",
                path=str(self.path),
                column=name,
                sheet=self.reading.sheet or "",
                sheets=there,
                first=there[0],
                columns=list(self.header[:40]),
            ) from error

    def _has_column(self, sheet: str, name: str) -> bool:
        try:
            return name in open_excel(self.path, ReadOptions(sheet=sheet)).header
        except RowbatchError:
            return False

    def _chunks(self, rows_per_chunk: int) -> Iterator[TableChunk]:
        for chunk in super()._chunks(rows_per_chunk):
            first, height = chunk.first_row - 1, chunk.frame.height
            shown = [_shown(column) for column in self._frame.slice(first, height) if _is_shown(column.dtype)]
            cells = None if self.cells is None else self.cells.slice(first, height)
            yield replace(chunk, frame=chunk.frame.with_columns(shown), cells=cells)


def _is_shown(kind: pl.DataType) -> bool:
    """Whether values are shown otherwise than those of other formats."""
    return kind == pl.Boolean or isinstance(kind, pl.Duration | pl.Datetime)


def _shown(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column.cast(pl.String).str.to_uppercase().fill_null("")
    if isinstance(column.dtype, pl.Datetime):
        # At midnight it is the day, as in a column in which a text stands beside it.
        return as_text(column.to_frame()).to_series().str.strip_suffix("T00:00:00")
    return show_clock(column).fill_null("")


def sheet_names(path: Path) -> tuple[str, ...]:
    """Names of the sheets of a workbook; nothing where the file is none."""
    import fastexcel

    try:
        with path.open("rb") as file:
            if not file.read(4).startswith((_ZIP, _OLD)):
                return ()
        return tuple(fastexcel.read_excel(path.read_bytes()).sheet_names)
    except (OSError, fastexcel.FastExcelError):
        return ()


def open_excel(path: Path, options: ReadOptions) -> ExcelTable:
    """
    Open a sheet. Its header is found as that of a text file, see `find_header`; rows count as in the sheet.

    A column has one type where all its cells have, and is text otherwise: then each cell stands as it would
    alone, see `text_of_cell`. Empty rows between others are rows; those at the end are none.

    Args:
        path: The workbook.
        options: `sheet` is the name of a sheet, or its number from 1; None means the first that is neither
            hidden nor empty. `header` and `skip_rows` count rows.
    Raises:
        TableError: It is no workbook, or has no such sheet.
        UsageError: An option does not fit.
    """
    import fastexcel

    # Of an empty column it says in a log that it takes it for text, which is no news.
    logging.getLogger("fastexcel.types.dtype").setLevel(logging.ERROR)
    refuse_options(path, options, allowed=("sheet", "header", "skip_rows"), kind="an Excel workbook")
    try:
        # By its bytes: the reader would go by the name of the file.
        require_memory(path, path.stat().st_size)
        data = path.read_bytes()
        sizes = WorkbookSizes(path, data) if data.startswith(_ZIP) else None
        errors = 0
        if sizes:
            sizes.look_ahead(options.sheet)
            sizes.require_texts()
            data, errors = with_all_texts(path, data)
        old = OldWorkbook(data) if data.startswith(_OLD) else None
        book = _Workbook(path, fastexcel.read_excel(data), sizes, data, old)
        sheets = book.reader.sheet_names
        number = _sheet_number(path, sheets, options.sheet)
        hidden = sizes.hidden() if sizes else set()
        seen = [at for at, name in enumerate(sheets) if name not in hidden]
        candidates = seen if number is None else [number]
        for candidate in candidates:
            if sizes:
                sizes.require_sheet(sheets[candidate])
                if (readable := sizes.with_readable_cells(sheets[candidate])) is not None:
                    book = replace(book, reader=fastexcel.read_excel(readable), data=readable)
            found = _below_head(path, book, candidate, options)
            if found is not None:
                table = _table(path, sheets[candidate], found)
                table.begins_at = found.first
                table.notes = tuple(_notes(table, book, candidate, found, errors=errors))
                others = [name for name in sheets if name != sheets[candidate]]
                table.others = tuple(name for name in others if name not in hidden)
                if number is None and others:
                    values = {"path": str(path), "sheet": sheets[candidate], "sheets": others}
                    table.notes = (Notice("note-sheet-read", values), *table.notes)
                return table
    except OSError as error:
        raise from_os_error(error, str(path)) from error
    except fastexcel.FastExcelError as error:
        told = str(error).splitlines()[0]
        raise TableError("workbook-unreadable", path=str(path), told=told) from error
    raise TableError("workbook-empty", path=str(path))


def _sheet_number(path: Path, names: list[str], wanted: str | None) -> int | None:
    if wanted is None:
        return None
    if wanted in names:
        return names.index(wanted)
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise UsageError("no-such-sheet", path=str(path), sheet=wanted, sheets=names)


@dataclass(frozen=True, slots=True)
class _Found:
    """
    What a sheet has.

    Attributes:
        names: Of its columns.
        frame: The rows below them.
        cells: What each cell is in some columns, see `TableChunk.cells`.
        reading: Options that give the same again, without the sheet.
        above: Rows with something in them above the header that are left out; of a header that was found.
        first, last: Rows of the header, from 1; where there is none, that of the table, and the one before.
    """

    names: list[str]
    frame: pl.DataFrame
    cells: pl.DataFrame | None
    reading: ReadOptions
    above: int = 0
    first: int = 1
    last: int = 1


def _below_head(path: Path, book: _Workbook, sheet: int, options: ReadOptions) -> _Found | None:
    """
    The header, and the rows.

    None when there is none, or when the sheet is hidden and not asked for.

    Each loading reads the whole sheet of an .xlsx anew, so one that gives rows and header at once is tried
    first: with fastexcel 0.21.0, 0.22 s instead of 0.40 s for 100,000 rows of five columns.
    """
    where: _Place = {"header_row": 0}
    loaded = book.load(sheet, where, schema_sample_rows=None)
    if options.sheet is None and loaded.visible != "visible":
        return None
    is_free = options.header in (None, FIRST) and not options.skip_rows
    columns = loaded.available_columns()
    names = [str(column.name) for column in columns]
    is_complete = all(column.column_name_from == "looked_up" for column in columns)
    # It gives a name that stands twice a number, and long numbers another spelling.
    if is_free and names and is_complete and all(_is_plain_name(name, names) for name in names):
        below = _Loaded.of(book, sheet, where, loaded, columns)
        names = _as_shown(book, sheet, names, below.places, None)
        rows = as_text(below.frame.head(MOST_RECORDS - 1)).rows()
        place = find_header([names, *rows]) if options.header is None else None
        if place is None or (place.first, place.last) == (0, 0):
            frame, cells = _whole(below, names)
            return _Found(names, frame, cells, ReadOptions(header=FIRST))
    # skip_rows=0 counts empty rows above the first one too, as it is counted below.
    top: _Place = {"header_row": None, "skip_rows": 0}
    _, last_said = options.header_lines or (0, 0)
    wanted = options.skip_rows + max(_HEADER_SEARCHED, last_said)
    read = book.load(sheet, top, n_rows=wanted, dtypes="string")
    head = read.to_polars()
    lines = [["" if cell is None else str(cell) for cell in row] for row in head.iter_rows()]
    if not any(any(line) for line in lines):
        return None
    first, last, above = _header_rows(path, lines, options)
    above_is_empty = not any(cell is not None for row in head.head(first).iter_rows() for cell in row)
    if not (is_free and first == last and above_is_empty):
        # The reader takes a row of empty texts for the header.
        where = {"header_row": None, "skip_rows": last + 1}
        loaded = book.load(sheet, where, schema_sample_rows=None)
    if last < first:
        names = list(numbered_columns(loaded.width))
        said = ReadOptions(header=NO_HEADER, skip_rows=first if options.header is None else options.skip_rows)
    else:
        places = [column.absolute_index for column in read.available_columns()]
        shown = [_as_shown(book, sheet, lines[row], places, row) for row in range(first, last + 1)]
        names = list(join_header(shown))
        begin, end = first + 1 - options.skip_rows, last + 1 - options.skip_rows
        header = str(begin) if begin == end else f"{begin}-{end}"
        said = ReadOptions(header=FIRST if options.header == FIRST else header, skip_rows=options.skip_rows)
    frame, cells = _whole(_Loaded.of(book, sheet, where, loaded), names)
    return _Found(names, frame, cells, said, above, first + 1, last + 1)


def _header_rows(path: Path, lines: list[list[str]], options: ReadOptions) -> tuple[int, int, int]:
    """
    The first and the last row of the header, from 0, and how many rows with something in them stand above.

    Where there is no header the first is that of the table, and the last the one before.
    """
    skipped = options.skip_rows
    below = lines[skipped:]
    filled = next((at for at, line in enumerate(below) if any(line)), None)
    if options.header_lines is not None:
        first, last = (skipped + line - 1 for line in options.header_lines)
        if not any(any(line) for line in lines[first : last + 1]):
            raise TableError("header-line-empty", path=str(path), line=first + 1)
        return first, last, 0
    if filled is None:
        raise TableError("header-line-empty", path=str(path), line=skipped + 1)
    if options.header == NO_HEADER:
        return skipped + filled, skipped + filled - 1, 0
    # A row of empty cells is a blank line there.
    found = find_header([line if any(line) else [] for line in below]) if options.header is None else None
    if found is None:
        return skipped + filled, skipped + filled, 0
    return skipped + found.first, skipped + found.last, found.above


def _notes(table: ExcelTable, book: _Workbook, sheet: int, found: _Found, *, errors: int) -> Iterator[Notice]:
    """What a person should know of how a sheet was read."""
    name = book.reader.sheet_names[sheet]
    where: dict[str, Any] = {"path": str(table.path), "sheet": name}
    if found.last < found.first:
        if found.reading.skip_rows:
            yield Notice("note-no-header", {"line": found.first})
    elif found.above:
        yield Notice("note-lines-above", {"above": found.above, "line": found.first})
    if found.last > found.first:
        yield Notice("note-header-lines", {"first": found.first, "last": found.last})
    errors += len(book.errors_of(sheet))
    if book.sizes and (uncomputed := book.sizes.uncomputed_of(name)):
        yield Notice("note-uncomputed-formulas", {**where, "count": uncomputed})
    if errors:
        yield Notice("note-error-cells", {**where, "count": errors})
    if below := _rows_of_note(found.frame):
        yield Notice("note-rows-below", {**where, "count": below, "row": found.frame.height - below + 1})


def _rows_of_note(frame: pl.DataFrame) -> int:
    """How many rows at the end have a single cell, below an empty row: a note, such as a source."""
    if frame.width < 3:
        return 0
    tail = frame.tail(_NOTE_SEARCHED)
    used = tail.select(pl.sum_horizontal(pl.all().is_not_null().cast(pl.Int64))).to_series().to_list()
    count = 0
    for cells in reversed(used):
        if cells != 1:
            break
        count += 1
    return count if count and count < len(used) and used[-count - 1] == 0 else 0


def _as_shown(book: _Workbook, sheet: int, names: list[str], places: list[int], row: int | None) -> list[str]:
    """
    Names as the cells of the header show them: `2020-01-02` and `TRUE`, as cells below it.

    fastexcel 0.21.0 adds midnight to a day, gives a time of day as a moment of 1899, and writes `true`.

    Args:
        places: Their columns in the sheet.
        row: Their row in the sheet, from 0; None is the first with something in it.
    """
    if not any(map(_VALUE_IN_HEADER.fullmatch, names)):
        return names
    texts = read_row(book.data, sheet, places, row)
    return [
        text if text and _VALUE_IN_HEADER.fullmatch(name) else name
        for name, text in zip(names, texts, strict=True)
    ]


def _is_plain_name(name: str, names: list[str]) -> bool:
    stem, _, number = name.rpartition("_")
    is_long_number = re.fullmatch(r"-?[0-9]*\.[0-9]+|-?[0-9]{16,}", name) is not None
    return bool(name.strip()) and not is_long_number and not (number.isdigit() and stem in names)


def _whole(loaded: _Loaded, names: list[str]) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """
    The rows below the header with every text in them, without the empty ones at the end.

    Beside it what each cell is in columns in which types stand side by side, see `TableChunk.cells`.
    """
    frame = positional(loaded.frame)
    with_errors = loaded.columns_with_errors()
    mixed = [name for name in frame.columns if name in with_errors or _may_be_mixed(frame[name])]
    mixed += _with_truths(loaded, frame, besides=mixed)
    kinds: list[pl.Series] = []
    if mixed:
        frame = _with_cells(frame, mixed, loaded.cells([int(name) for name in mixed]), kinds)
    frame = frame.with_columns(
        pl.col(name).cast(pl.Date)
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Datetime)
        and frame.select((pl.col(name).dt.time() == datetime.time()).fill_null(True).all()).item()
    )
    if lost := _with_lost_texts(loaded, names, frame):
        frame = _with_cells(frame, lost, loaded.cells([int(name) for name in lost]), kinds)
    filled = (
        frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series() if frame.width else pl.Series([])
    )
    last = filled.arg_true()
    height = int(last[-1]) + 1 if len(last) else 0
    return frame.head(height), pl.DataFrame(kinds).head(height) if kinds else None


def _with_cells(
    frame: pl.DataFrame,
    names: list[str],
    cells: list[tuple[pl.Series, pl.Series | None]],
    kinds: list[pl.Series],
) -> pl.DataFrame:
    """A frame with columns that were read cell by cell; what their cells are is added to `kinds`."""
    columns = []
    for name, (column, kind) in zip(names, cells, strict=True):
        if len(column) != frame.height:
            continue
        columns.append(column.alias(name))
        if kind is not None and (kind != CellKind.TEXT).any():
            kinds.append(kind.alias(name))
    return frame.with_columns(columns)


def _may_be_mixed(column: pl.Series) -> bool:
    """
    Whether cells of a column may have been no texts, or times without a day.

    Beside a text, fastexcel 0.21.0 rounds a number to 9 decimals, adds midnight to a day, and writes `true`;
    a time of day is a moment of the first day of the workbook's calendar.
    """
    if isinstance(column.dtype, pl.Datetime):
        return bool((column.dt.date() < _FIRST_CERTAIN_DAY).any())
    return column.dtype == pl.String and bool(column.str.contains(_LOOKS_LIKE_A_VALUE).any())


def _with_truths(loaded: _Loaded, frame: pl.DataFrame, *, besides: list[str]) -> list[str]:
    """
    Columns of numbers with true or false among them, of which fastexcel 0.21.0 makes 1 and 0.

    Columns with a 1 or a 0 are loaded once more, as strings (`true`), where the sheet has such cells.
    """
    names = [
        name
        for name, kind in frame.schema.items()
        if kind.is_numeric() and name not in besides and ((frame[name] == 0) | (frame[name] == 1)).any()
    ]
    if not names or not loaded.book.has_truths(loaded.sheet):
        return []
    texts = loaded.texts([int(name) for name in names])
    return [name for name, text in zip(names, texts, strict=True) if text.is_in(["true", "false"]).any()]


def _with_lost_texts(loaded: _Loaded, names: list[str], frame: pl.DataFrame) -> list[str]:
    """
    Columns with texts that the reader takes for nothing beside values.

    Beside numbers, true and false, dates or durations fastexcel 0.21.0 gives null, or not-a-number, for the
    words of its list. As strings it gives them as they are, so columns with empty cells are loaded once more,
    unless as many cells came out as are in the file.
    """
    empty = {
        name: nothing
        for name, kind in frame.schema.items()
        if kind != pl.String and (nothing := _came_out_empty(frame[name])).any()
    }
    if not empty:
        return []
    here = sum(map(_count_filled, frame.get_columns()), sum(name != "" for name in names))
    if loaded.book.count_values(loaded.sheet) == here:
        return []
    texts = loaded.texts([int(name) for name in empty])
    return [
        name
        for name, text in zip(empty, texts, strict=True)
        if (empty[name] & (text.fill_null("") != "")).any()
    ]


def _count_filled(column: pl.Series) -> int:
    filled = (column != "").fill_null(False) if column.dtype == pl.String else ~_came_out_empty(column)
    return int(filled.sum())


def _came_out_empty(column: pl.Series) -> pl.Series:
    return (
        column.is_null() | column.is_nan().fill_null(False) if column.dtype.is_float() else column.is_null()
    )


def _table(path: Path, sheet: str, found: _Found) -> ExcelTable:
    names, frame = found.names, found.frame
    width = max(len(names), frame.width)
    names = names + [""] * (width - len(names))
    columns = frame.get_columns() + [
        pl.Series(f"more_{number}", [None] * frame.height, dtype=pl.String)
        for number in range(frame.width, width)
    ]
    # A column without a name and without a value is only the sheet's edge.
    while len(names) > 1 and not names[-1] and columns[-1].null_count() == frame.height:
        names.pop()
        columns.pop()
    reading = replace(found.reading, sheet=sheet)
    table = ExcelTable(path, tuple(names), pl.DataFrame(columns), reading=reading)
    table.cells = found.cells
    return table
